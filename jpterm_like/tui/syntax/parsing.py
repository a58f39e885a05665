"""What the process of `syntax.process` does with its requests: it keeps one text, parses it, and tells the words of its rows.

Requests, each a dict:

- `{"text": part}`, any number of times, then `{"grammar": name, "opening": number}`: read this text from now on
- `{"edits": [splices, …], "number": n}`: patches of the text, of which `n` were told with these
- `{"look": [rows], "shown": [rows]}`: tell the words of these rows, the first ones first; and of the shown ones each time that the text was parsed

Answers, each with the opening that it is about:

- `{"words": {row: words}, "number": n, "parsed": bool}`: some of these rows as they are after the first `n` patches; `parsed` says that the
  text was read to its end, so that other rows may have changed, too
- `{"hindrance": sentence}`: no words come; the sentence is empty if there is no such grammar
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any, Final

from crdt import TextBuffer
from crdt.patch import Splice
from jpterm_like.tui.syntax.highlighter import Highlighter, open_highlighter
from jpterm_like.tui.text.layout import TextLayout

STEP_S: Final = 0.01
"""How long the parser runs before the next request is read."""

PARSE_S: Final = 20.0
"""Processor time after which the parser gives up; texts can be written that it would need hours for. The longest of those that people write
takes a fifth of that."""

TOO_SLOW: Final = "This text takes too long to parse"

TOLD_MAX: Final = 60
"""Rows that are told at once: about a screen."""


class Parsing:
    """One text, its highlighter, and the rows that somebody waits for."""

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        self._answer = answer
        self._parts: list[str] = []
        self._opening = self._number = 0
        self._highlighter: Highlighter | None = None
        self._text_layout: TextLayout
        self._wanted: dict[int, None] = {}
        """Rows to tell, in the order in which they were asked for."""
        self._shown: list[int] = []
        """Rows to tell whenever the text was read to its end."""
        self._is_read = False
        """Whether the text was read to its end since that was told."""
        self._took_s = 0.0
        """Processor time since it was last read to its end."""

    @property
    def has_work(self) -> bool:
        """Whether `step` has anything to do."""
        return self._highlighter is not None and (
            self._highlighter.behind or bool(self._wanted) or self._is_read
        )

    def take(self, request: dict[str, Any]) -> None:
        """Take a request; most of them are answered by `step`."""
        if "text" in request:
            self._parts.append(request["text"])
        elif "grammar" in request:
            self._open(request["grammar"], request["opening"])
        elif self._highlighter is None:
            pass
        elif "edits" in request:
            self._number = request["number"]
            for splices in request["edits"]:
                patch = self._text_layout.buffer.replace_all([Splice(*splice) for splice in splices])
                self._highlighter.follow(patch, self._text_layout.follow(patch))
        elif "look" in request:
            self._shown = request["shown"]
            self._wanted |= dict.fromkeys(request["look"])
        self._look_for_hindrance()

    def _open(self, name: str, opening: int) -> None:
        text, self._parts = "".join(self._parts), []
        self._opening, self._number = opening, 0
        self._wanted, self._shown, self._is_read, self._took_s = {}, [], False, 0.0
        self._text_layout = TextLayout(TextBuffer.genesis(text, site=1))
        self._highlighter = open_highlighter(self._text_layout, name)
        if self._highlighter is None:
            self._say({"hindrance": ""})

    def step(self) -> None:
        """Parse for STEP_S, or tell some rows."""
        highlighter = self._highlighter
        assert highlighter is not None
        if self._is_read or (self._wanted and highlighter.has_tree):
            self._tell(highlighter)
        elif highlighter.behind:
            began = process_time()
            is_done = highlighter.step(STEP_S)
            self._took_s += process_time() - began
            if is_done:
                self._is_read, self._took_s = True, 0.0
                self._wanted = dict.fromkeys(self._shown) | self._wanted
            elif self._took_s > PARSE_S:
                self._give_up(TOO_SLOW)

    def _tell(self, highlighter: Highlighter) -> None:
        count = len(self._text_layout.lines)
        rows = [row for row in self._wanted if row < count]
        told = rows[:TOLD_MAX]
        highlighter.look(told)
        words = {row: highlighter.words(row) for row in told if highlighter.has(row)}
        self._wanted = {row: None for row in rows if row not in words}
        self._say({"words": words, "number": self._number, "parsed": self._is_read})
        self._is_read = False

    def _look_for_hindrance(self) -> None:
        if self._highlighter is not None and self._highlighter.hindrance:
            self._give_up(f"{self._highlighter.hindrance} to parse")

    def _give_up(self, why: str) -> None:
        self._highlighter = None
        self._say({"hindrance": f"{why}; its syntax is not coloured."})

    def _say(self, answer: dict[str, Any]) -> None:
        self._answer({**answer, "opening": self._opening})
