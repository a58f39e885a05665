"""Keeps the highlights of the text on the screen, and chooses its language.

A key is painted first, in the colours there were; the process that parses hears of it when the keyboard rests for a moment.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from crdt import Patch
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.rows import RowRenderer
from jpterm_like.tui.syntax.languages import grammars, language_of
from jpterm_like.tui.text.line_index import RowChange

if TYPE_CHECKING:
    from jpterm_like.tui.syntax.parser_process import ParserProcess
    from jpterm_like.tui.syntax.remote_highlighter import RemoteHighlighter

REST_S: Final = 0.04
"""How long the keyboard rests before the text is parsed, after an edit or after the start."""

SIZE_MAX: Final = 8_000_000
"""Longest text that is highlighted: a tree takes about twenty times the memory of its text."""

GIT_GRAMMARS: Final = ("gitcommit", "gitrebase")
"""The grammars of `syntax.git_files`, for which nothing is parsed."""


class Highlighting:
    """Parses the text in slices of time."""

    def __init__(self, editor: Editing) -> None:
        self._editor = editor
        self.renderer: RowRenderer
        """Where the syntax is shown."""
        self._grammar: str | None = None
        """The chosen grammar; None: by the file's name or its first line."""
        self._opened = False
        self._timer: asyncio.TimerHandle | None = None
        self._process: ParserProcess | None = None
        self._remote: RemoteHighlighter | None = None
        """The highlighter of the renderer, where a process parses for it."""
        self._openings = itertools.count(1)

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
        self.renderer.syntax = self._remote = None
        self._parse_later()

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Update after a change of the text."""
        syntax = self.renderer.syntax
        if syntax is not None:
            syntax.follow(patch, changes)
            self._parse_later()

    def stop(self) -> None:
        """Parse no more."""
        self._stop_timer()
        if self._process is not None:
            self._process.close()
            self._process = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _parse_later(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(REST_S, self._parse)

    def _parse(self) -> None:
        """Open the text, or tell the process what was edited."""
        self._timer = None
        if not self._opened:
            self._opened = True
            self._open()
        if self._remote is not None:
            self._remote.tell()

    def _open(self) -> None:
        name = self.grammar_name()
        layout = self._editor.text_layout
        if not name or not self._editor.session.ready or layout.lines.size > SIZE_MAX:
            return
        if name in GIT_GRAMMARS:
            from jpterm_like.tui.syntax.git_files import GitHighlighter

            self.renderer.syntax = GitHighlighter(layout, name)
            self._editor.update()
            return
        from jpterm_like.tui.syntax.parser_process import ParserProcess
        from jpterm_like.tui.syntax.remote_highlighter import RemoteHighlighter

        if self._process is None:
            self._process = ParserProcess(self._receive, self._ended)
        self._remote = RemoteHighlighter(layout, name, self._openings, self._process.send)
        self.renderer.syntax = self._remote

    def _receive(self, answer: dict[str, Any]) -> None:
        if self._remote is None:
            return
        if "hindrance" not in answer:
            if self._remote.receive(answer):
                self._editor.update()
        elif self._remote.is_about(answer):
            self._give_up(answer["hindrance"])

    def _ended(self, why: str) -> None:
        self._process = None
        if self._remote is not None:
            self._give_up(why)

    def _give_up(self, why: str) -> None:
        """Leave the text in one colour until another language is chosen; `why` is empty where there is no grammar."""
        self.renderer.syntax = self._remote = None
        if why:
            self._editor.say(why)
        self._editor.update()

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
