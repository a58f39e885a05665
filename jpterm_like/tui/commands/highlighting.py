"""When the words of a text are read, and which language it is in.

A key is painted first, in the colours that there were; the parser reads on when the keyboard rests for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.widget import Widget

from crdt import Patch
from jpterm_like.tui.commands.basic import Commands
from jpterm_like.tui.render.rows import Scene
from jpterm_like.tui.syntax.languages import grammars, language_of
from jpterm_like.tui.text.line_index import RowChange

# So long after an edit, or after the start, the parser begins; in between come the next keys.
REST_S = 0.04

# How long it reads before the keyboard is looked at again; and how often, for texts can be written that a parser needs
# hours for. The longest of those that people write takes a fifth of that.
STEP_S = 0.003
STEPS_MAX = 5_000


class Colouring(Commands, Widget):
    """What the editor does for colours."""

    scene: Scene
    _grammar: str | None = None
    """The chosen one; None: by the file's name or its first line."""
    _begun = False
    _read_steps = 0
    """How often the parser has read on without coming to an end."""
    _syntax_timer: asyncio.TimerHandle | None = None

    def grammar_name(self) -> str:
        """The name of the grammar that colours this text, or nothing."""
        if self._grammar is not None:
            return self._grammar
        return language_of(self.session.title, self.sheet.line(0)).grammar

    def colour_anew(self) -> None:
        """Begin with the text, or with another language."""
        self._begun = False
        self._read_steps = 0
        self.scene.syntax = None
        self._read_later()

    def follow_colours(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """The text has changed."""
        syntax = self.scene.syntax
        if syntax is not None:
            syntax.follow(patch, changes)
            self._read_later()

    def stop_colouring(self) -> None:
        if self._syntax_timer is not None:
            self._syntax_timer.cancel()
            self._syntax_timer = None

    def _read_later(self) -> None:
        self.stop_colouring()
        self._syntax_timer = asyncio.get_running_loop().call_later(REST_S, self._read_on)

    def _read_on(self) -> None:
        """Read for a moment, and go on after the next look at the keyboard."""
        self._syntax_timer = None
        if not self._begun:
            self._begun = True
            self._begin()
        syntax = self.scene.syntax
        if syntax is None:
            return
        if syntax.behind:
            self._read_steps += 1
            if syntax.step(STEP_S):
                self._read_steps = 0
                self.update()
            elif self._read_steps >= STEPS_MAX:
                self.scene.syntax = None
                self.say("This text takes too long to read for its colours; it is left in one.")
                return
        elif syntax.unseen:
            self.update()
        self.look_on()

    def look_on(self) -> None:
        """Go on after the next look at the keyboard, if there is something to read or to ask for."""
        syntax = self.scene.syntax
        if syntax is not None and (syntax.behind or syntax.unseen) and self._syntax_timer is None:
            self._syntax_timer = asyncio.get_running_loop().call_later(0.001, self._read_on)

    def _begin(self) -> None:
        name = self.grammar_name()
        if not name or not self.session.ready:
            return
        from jpterm_like.tui.syntax.highlighter import open_syntax

        self.scene.syntax = open_syntax(self.sheet, name)

    def do_language(self) -> None:
        """Choose the language whose words are coloured."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        own = language_of(self.session.title, self.sheet.line(0)).grammar
        choices = [Choice("", "by the file", own or "plain text"), Choice("-", "plain text")]
        choices += [Choice(name, name) for name in grammars()]

        def chosen(name: str | None) -> None:
            if name is None:
                return
            self._grammar = None if name == "" else name.strip("-")
            self.colour_anew()
            self.update(now=False)

        chosen_now = "" if self._grammar is None else self._grammar or "-"
        self.app.push_screen(Picker("Language", choices, chosen=chosen_now), chosen)
