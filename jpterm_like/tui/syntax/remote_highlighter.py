"""The highlights of a text that another process parses (`syntax.parsing`), as far as they are known here.

Painting never waits for them. An edit moves the words that are known, and the process is told it when the keyboard rests, or when rows are
asked for. Answers are about the text as the process had it: the edits made since then move what they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from crdt import Patch
from crdt.patch import Splice
from jpterm_like.tui.syntax.highlights import Word, Words, move_rows
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange

PART: Final = 500_000
"""Code points that are sent at once. A longer edit is not told, but the whole text anew."""

AHEAD: Final = 60
"""Rows above and below the screen that are asked for as well, so that a page has its colours when it comes."""

KEPT_MAX: Final = 4_000
"""Rows whose words are kept."""


class RemoteHighlighter:
    """The words of a layout. Whoever changes the layout tells `follow`."""

    def __init__(
        self,
        text_layout: TextLayout,
        grammar: str,
        openings: Iterator[int],
        send: Callable[[dict[str, Any]], None],
    ) -> None:
        """`openings` are numbers for the process to tell texts apart; its answers are to be given to `receive`."""
        self._text_layout = text_layout
        self._grammar = grammar
        self._openings = openings
        self._opening = -1
        self._send = send
        self._rows: dict[int, Words] = {}
        """Words of the text as it was last parsed."""
        self._old: dict[int, Words] = {}
        """Words that are shown until such ones come."""
        self._asked: set[int] = set()
        """Rows that were asked for and not answered yet."""
        self._waited: frozenset[int] = frozenset()
        """Those of the last request that were on the screen."""
        self._edits: list[list[Splice]] | None = None
        """Edits that the process was not told; None where it is to get the whole text."""
        self._told = 0
        """How many edits there were since the text was sent."""
        self._unanswered: list[tuple[int, list[tuple[RowChange, int]]]] = []
        """Edits that no answer has known so far, by their number."""
        self.behind = True
        """Whether there are edits that were not parsed yet."""

    @property
    def unseen(self) -> bool:
        """Whether rows of the last request are not highlighted yet."""
        return any(row in self._asked for row in self._waited)

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Move highlights after an edit, to be parsed again soon."""
        moves = [
            (change, len(text) - (end - start))
            for (start, end, text), change in zip(patch.splices, changes, strict=True)
        ]
        for change, shift in moves:
            self._rows = move_rows(self._rows, change, shift)
            self._old = move_rows(self._old, change, shift)
            if change.added != change.removed:
                self._asked.clear()
        self.behind = True
        if sum([len(text) for _, _, text in patch.splices]) > PART:
            self._edits = None
        if self._edits is not None:
            self._told += 1
            self._edits.append(list(patch.splices))
            self._unanswered.append((self._told, moves))

    def tell(self) -> None:
        """Tell the process what it does not know of the text."""
        if self._edits is None:
            text = self._text_layout.buffer.slice(0, len(self._text_layout.buffer))
            for start in range(0, len(text), PART):
                self._send({"text": text[start : start + PART]})
            self._opening = next(self._openings)
            self._send({"grammar": self._grammar, "opening": self._opening})
            self._asked.clear()
            self._unanswered.clear()
            self._told, self._edits = 0, []
        elif self._edits:
            self._send({"edits": self._edits, "number": self._told})
            self._edits = []

    def is_about(self, answer: dict[str, Any]) -> bool:
        """Whether an answer is about this text, and not about one before."""
        return answer["opening"] == self._opening and self._edits is not None

    def receive(self, answer: dict[str, Any]) -> bool:
        """Take words; False if nothing has changed."""
        if not self.is_about(answer):
            return False
        self._unanswered = [it for it in self._unanswered if it[0] > answer["number"]]
        found = {int(row): tuple(Word(*word) for word in words) for row, words in answer["words"].items()}
        for _, moves in self._unanswered:
            for change, shift in moves:
                found = move_rows(found, change, shift)
        if answer["parsed"]:
            self._old |= self._rows
            self._rows = {}
            self._asked.clear()
            self.behind = bool(self._unanswered)
        for row, words in found.items():
            old = self.words(row)
            self._rows[row] = old if old == words else words
            self._asked.discard(row)
        if len(self._rows) + len(self._old) > KEPT_MAX:
            self._old = {}
            self._rows = {row: self._rows[row] for row in found if row in self._rows}
        return bool(found) or answer["parsed"]

    def look(self, rows: Iterable[int]) -> None:
        """Ask for the highlights of rows that are not known."""
        shown = sorted(rows)
        self._waited = frozenset(shown)
        if self._edits is None or not shown:
            return
        first, last, end = shown[0], shown[-1], len(self._text_layout.lines)
        missing = self._missing(shown)
        if missing or self._missing((max(0, first - AHEAD // 2), min(end - 1, last + AHEAD // 2))):
            self.tell()
            missing += self._missing(range(last + 1, min(end, last + 1 + AHEAD)))
            missing += self._missing(range(max(0, first - AHEAD), first))
            self._asked.update(missing)
            self._send({"look": missing, "shown": shown})

    def _missing(self, rows: Iterable[int]) -> list[int]:
        return [row for row in rows if row not in self._rows and row not in self._asked]

    def has(self, row: int) -> bool:
        """Whether the highlights of a row are known."""
        return row in self._rows or row in self._old

    def words(self, row: int) -> Words:
        """Return the highlights of a row; the same object while they are unchanged."""
        words = self._rows.get(row)
        return self._old.get(row, ()) if words is None else words
