"""What is unsaved and what is uncommitted in a text: signs beside its lines, and commands on its changes.

There are two comparisons, each with a base: the text as the file last had it, which the history of the text knows, and the text as of
the last git commit. Both follow each edit; what would take long runs after a pause, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Final

from crdt import Version
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.signs import Sign
from jpterm_like.tui.saving import Saving
from jpterm_like.tui.text.line_changes import AT_ONCE_MAX, Hunk, LineChanges, compare, trim
from jpterm_like.tui.text.line_index import RowChange

AT_ONCE_CHARACTERS: Final = 200_000
"""A text of this length is compared as soon as it is edited, which takes two milliseconds; a longer one after a pause."""

CHARACTERS_MAX: Final = 20_000_000
"""A longer text has no signs: its base would take as much memory again."""

PAUSE_S: Final = 0.3
"""The pause in typing after which what takes longer is done."""

ASK_AGAIN_S: Final = 10.0
"""How old the answer of git may be while somebody works: there may be a new commit."""


class Changes:
    """The changes of one text against its two bases."""

    def __init__(self, editor: Editing, saving: Saving) -> None:
        self._editor = editor
        self._saving = saving
        self.shows = "all"
        """The setting `signs`."""
        self.has_signs = False
        """Whether this text has had a sign since it was opened; the gutter then stays, so that the text does not jump again."""
        self._unsaved: LineChanges | None = None
        self._saved_version = Version()
        """The version of its base."""
        self._seen_version = Version()
        self._uncommitted: LineChanges | None = None
        self._is_asking = False
        self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_comparing = False

    # Following the text

    def restart(self) -> None:
        """Begin again, with another text or another name of it."""
        self._unsaved = self._uncommitted = None
        self.ask_git()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def follow(self, changes: Sequence[RowChange]) -> None:
        """Update after an edit."""
        for known in self._known:
            known.follow(changes, self._editor.text_layout.lines, self._read)
        if self._timer is not None:
            self._do_later()  # the pause begins anew

    def check(self, clock: float) -> None:
        """Look whether the file was saved, and whether anything is to be compared. Cheap; call it before painting."""
        session = self._editor.session
        if self.shows == "none" or not session.ready:
            self._unsaved = None
            return
        if session.saved_version is not self._seen_version:
            had, self._seen_version = self._seen_version, session.saved_version
            if had:
                self.ask_git()
        elif self._uncommitted is not None and clock > self._asked_at + ASK_AGAIN_S:
            self.ask_git()
        if self._saving.state(session, clock) != "unsaved":
            self._unsaved = None
        elif self._unsaved is None or session.saved_version != self._saved_version:
            if len(session.buffer) <= AT_ONCE_CHARACTERS:
                self._take_saved()
            else:
                self._do_later(again=False)
        if any(known.is_behind for known in self._known):
            self._do_later(again=False)
        if not self.has_signs:
            self.has_signs = any(not hunk.is_new for known in self._known for hunk in known)

    @property
    def _known(self) -> list[LineChanges]:
        return [known for known in (self._unsaved, self._uncommitted) if known is not None]

    def _take_saved(self) -> None:
        """Compare with the text that the file has now, if all of that is here."""
        session = self._editor.session
        saved, buffer = session.saved_version, session.buffer
        # A file that holds nothing yet would have a sign beside every line.
        if not saved or len(buffer) > CHARACTERS_MAX or not saved <= buffer.version:
            return
        self._saved_version = saved
        self._unsaved = self._compared(buffer.at(saved))

    def _compared(self, base: str) -> LineChanges:
        """Compare with a base; a long text, and one of which much has changed, after a pause."""
        known = LineChanges(base, len(self._editor.text_layout.lines))
        if max(len(base), len(self._editor.session.buffer)) <= AT_ONCE_CHARACTERS:
            (hunk,) = known
            rest, old, new = trim(hunk, base, self._text_of(hunk))
            if rest.size <= AT_ONCE_MAX or old == new:
                known.put(hunk, compare(rest, old, new))
                known.inexact()
        return known

    def _read(self, first: int, end: int) -> str:
        if end == first + 1:
            return self._editor.text_layout.line(first)  # it is on the screen
        lines = self._editor.text_layout.lines
        return self._editor.session.buffer.slice(lines.start(first), lines.span(end - 1)[1])

    def _do_later(self, again: bool = True) -> None:
        """Do after a pause what takes long; with `again` the pause begins now."""
        if self._timer is not None:
            if not again:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._do_now)

    def _do_now(self) -> None:
        self._timer = None
        session = self._editor.session
        if not session.saved and session.saved_version != self._saved_version:
            self._take_saved()
        if not self._is_comparing and any(known.is_behind for known in self._known):
            self._start(self._compare_large())

    def _text_of(self, hunk: Hunk) -> str:
        return self._read(hunk.row, hunk.end) if hunk.rows else ""

    async def _compare_large(self) -> None:
        self._is_comparing = True
        try:
            for known in self._known:
                for hunk in known.inexact():
                    base, text = known.base_text(hunk), self._text_of(hunk)
                    parts = await asyncio.to_thread(_compare, hunk, base, text)
                    if known not in self._known or not known.put(hunk, parts):
                        break
        finally:
            self._is_comparing = False
        if any(known.is_behind and known.inexact() for known in self._known):
            self._do_later()
        self._editor.update(now=False)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # git

    def ask_git(self) -> None:
        """Ask for the text of the last commit, unless that is under way."""
        self._asked_at = monotonic()
        if self.shows == "all" and not self._is_asking:
            self._is_asking = True
            self._start(self._ask_git())

    async def _ask_git(self) -> None:
        session = self._editor.session
        buffer = session.buffer
        try:
            base = await session.committed_text()
        finally:
            self._is_asking = False
        if session is not self._editor.session or buffer is not session.buffer:
            self.ask_git()
        elif base is None or len(base) + len(buffer) > CHARACTERS_MAX or not session.ready:
            self._uncommitted = None
        elif self._uncommitted is None or self._uncommitted.base != base:
            self._uncommitted = self._compared(base)
            self._editor.update(now=False)

    # Signs

    def signs(self, first: int, last: int) -> dict[int, Sign]:
        """The signs of rows, `last` included; what is unsaved covers what is uncommitted."""
        signs: dict[int, Sign] = {}
        if self.shows == "none":
            return signs
        for known in reversed(self._known):
            for hunk in known.between(first, last):
                if not hunk.is_new:
                    is_unsaved = known is self._unsaved
                    for row in range(max(first, hunk.first), min(last, hunk.last) + 1):
                        if hunk.rows or row not in signs or signs[row].is_unsaved < is_unsaved:
                            signs[row] = Sign(
                                hunk.kind_at(row), is_unsaved, above=not hunk.rows and not hunk.row
                            )
        return signs


def _compare(hunk: Hunk, base: str, text: str) -> list[Hunk]:
    return compare(*trim(hunk, base, text))
