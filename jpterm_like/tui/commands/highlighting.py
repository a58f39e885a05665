"""Schedules the parser of the syntax highlighting, and chooses the language.

A key is painted first, in the colours there were; the parser continues when the keyboard rests for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import thread_time
from typing import Final

from crdt import Patch
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.rows import RowRenderer
from jpterm_like.tui.syntax.languages import grammars, language_of
from jpterm_like.tui.text.line_index import RowChange

REST_S: Final = 0.04
"""How long the parser waits after an edit, or after the start; keys that come meanwhile go first."""

STEP_S: Final = 0.003
"""How long the parser runs before the keyboard is served again."""

GIT_GRAMMARS: Final = ("gitcommit", "gitrebase")
"""The grammars of `syntax.git_files`, for which nothing is parsed."""

LONG_STEP_S: Final = 0.1
LONG_STEPS_MAX: Final = 3
"""The steps of that much CPU after which nothing more is parsed: the parser allows no pause in some texts, and each key there waits for it."""

STEPS_MAX: Final = 5_000
"""After how many steps the parser gives up: texts can be written that it would need hours for. The longest of those that people
write takes a fifth of that."""


class Highlighting:
    """Parses the text in slices of time."""

    def __init__(self, editor: Editing) -> None:
        self._editor = editor
        self.renderer: RowRenderer
        """Where the syntax is shown."""
        self._grammar: str | None = None
        """The chosen grammar; None: by the file's name or its first line."""
        self._opened = False
        self._steps = 0
        """How many steps the parser has taken without reaching the end."""
        self._long_steps = 0
        """How many steps took LONG_STEP_S since the text was last read without one."""
        self._is_slow = False
        """Whether there was one since the text was last read to the end."""
        self._timer: asyncio.TimerHandle | None = None

    def grammar_name(self) -> str:
        """The name of the grammar for this text, or ""."""
        if self._grammar is not None:
            return self._grammar
        return self._own_grammar()

    def _own_grammar(self) -> str:
        return language_of(self._editor.session.title, self._editor.text_layout.line(0)).grammar

    def is_prose_at(self, row: int, column: int) -> bool:
        """Whether a place is inside a comment or a text of a program, as far as the row is coloured."""
        syntax = self.renderer.syntax
        return syntax is not None and any(
            word.start < column < word.end and word.kind.partition(".")[0] in ("comment", "string")
            for word in syntax.words(row)
        )

    def restart(self) -> None:
        """Parse from the beginning, for another text or language."""
        self._opened = False
        self._steps = self._long_steps = 0
        self.renderer.syntax = None
        self._parse_later()

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Update after a change of the text."""
        syntax = self.renderer.syntax
        if syntax is not None:
            syntax.follow(patch, changes)
            self._parse_later()

    def stop(self) -> None:
        """Parse no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _parse_later(self) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(REST_S, self._parse)

    def _parse(self) -> None:
        """Parse for STEP_S, and continue after the keyboard was served."""
        self._timer = None
        if not self._opened:
            self._opened = True
            self._open()
        syntax = self.renderer.syntax
        if syntax is None:
            return
        if syntax.hindrance:
            self._give_up(f"{syntax.hindrance} to parse; its syntax is not coloured.")
            return
        if syntax.behind:
            self._steps += 1
            began = thread_time()
            is_done = syntax.step(STEP_S)
            if thread_time() - began > LONG_STEP_S:
                self._long_steps, self._is_slow = self._long_steps + 1, True
            if self._long_steps >= LONG_STEPS_MAX:
                self._give_up("This text takes too long to parse; its syntax is not coloured.")
                return
            if is_done:
                if not self._is_slow:
                    self._long_steps = 0
                self._steps, self._is_slow = 0, False
                self._editor.update()
            elif self._steps >= STEPS_MAX:
                self._give_up("This text takes too long to parse; its syntax is not coloured.")
                return
        elif syntax.unseen:
            self._editor.update()
        self.parse_soon()

    def _give_up(self, why: str) -> None:
        """Leave the text in one colour until another language is chosen."""
        self.renderer.syntax = None
        self._editor.say(why)

    def parse_soon(self) -> None:
        """Continue after the keyboard was served, if there is anything left to parse or to colour."""
        syntax = self.renderer.syntax
        if syntax is not None and (syntax.behind or syntax.unseen) and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0.001, self._parse)

    def _open(self) -> None:
        name = self.grammar_name()
        if not name or not self._editor.session.ready:
            return
        if name in GIT_GRAMMARS:
            from jpterm_like.tui.syntax.git_files import GitHighlighter

            self.renderer.syntax = GitHighlighter(self._editor.text_layout, name)
            self._editor.update()
            return
        from jpterm_like.tui.syntax.highlighter import open_highlighter

        self.renderer.syntax = open_highlighter(self._editor.text_layout, name)

    def do_language(self) -> None:
        """Choose the language of the syntax highlighting."""
        choices = [("", "by the file", self._own_grammar() or "plain text"), ("-", "plain text", "")]
        choices += [(name, name, "") for name in grammars()]

        def chosen(name: str) -> None:
            self._grammar = None if name == "" else name.strip("-")
            self.restart()
            self._editor.update(now=False)

        current = "" if self._grammar is None else self._grammar or "-"
        self._editor.choose("Language", choices, chosen, chosen=current)
