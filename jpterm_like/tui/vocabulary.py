"""The words of all open texts, read in slices of time while the keyboard rests. Made when a word is completed for the first time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Final

from jpterm_like.client.events import Changed, Event, Reset
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.word_index import NEAR, WordIndex, words_near

REST_S: Final = 0.3
"""How long after an edit the changed words are read."""

STEP_S: Final = 0.002
"""How long is read before the keyboard is served again."""

FIRST_S: Final = 0.01
"""How long new texts are read at once, enough for most files, so that the first list has their words."""

PAUSE_S: Final = 0.01
"""The pause between two such steps."""

KEPT_MAX: Final = 4_000_000
"""Code points of all texts whose words are kept, in some 10 MB; of further ones only the words near the caret are known."""


class _Known:
    """The words of one text, which follow its session."""

    def __init__(self, session: EditorSession, changed: Callable[[], None]) -> None:
        self.session = session
        self.index = WordIndex(session.buffer)
        self._changed = changed
        self.leave = session.listen(self._hear)

    def _hear(self, event: Event) -> None:
        match event:
            case Changed(patch):
                self.index.follow(patch)
                self._changed()
            case Reset():
                self.index = WordIndex(self.session.buffer)
                self._changed()


class Vocabulary:
    """Finds words by their first letters, nearest first."""

    def __init__(self, sessions: Callable[[], Sequence[EditorSession]]) -> None:
        """`sessions` tells the texts that are open."""
        self._sessions = sessions
        self._known: list[_Known] = []
        self._timer: asyncio.TimerHandle | None = None

    def words(self, session: EditorSession, offset: int, letter: str) -> Iterator[str]:
        """The words near an offset of a text, then those with a first letter (in lower case): of this text, and of the others.

        The same word may come again.
        """
        self._meet(session)
        yield from words_near(session.buffer, offset)
        for known in sorted(self._known, key=lambda known: known.session is not session):
            if known.session is session:
                yield from known.index.words(letter, offset, skip=NEAR)
            else:
                yield from known.index.words(letter, 0)

    def _meet(self, session: EditorSession) -> None:
        """Follow the texts that were opened meanwhile."""
        there = {id(known.session) for known in self._known}
        new = [each for each in dict.fromkeys((session, *self._sessions())) if id(each) not in there]
        room = KEPT_MAX - sum(len(known.session.buffer) for known in self._known)
        for each in new:
            room -= len(each.buffer)
            if room >= 0:
                self._known.append(_Known(each, self._read_soon))
        if new:
            self._read_for(FIRST_S)

    def _read_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(REST_S, self._read)

    def _read(self) -> None:
        self._read_for(STEP_S)

    def _read_for(self, time_s: float) -> None:
        until = monotonic() + time_s
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for known in self._known:
            while known.index.read_on():
                if monotonic() > until:
                    self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._read)
                    return

    def forget(self, session: EditorSession) -> None:
        """Forget the words of a text that is closed."""
        for known in [known for known in self._known if known.session is session]:
            known.leave()
            self._known.remove(known)
