"""A text as it was, in the face of a session.

It has a replica of its own, which is what makes it cheap: each character of the past is the same character there, with
its author, and going to another time shows and hides characters. Nothing is sent, kept or seen by others. The live
session goes on beneath; `take_in` adds what has come since.
"""

from __future__ import annotations

from typing import Final

from crdt import Anchor, Patch, Version
from crdt.past import PastText
from jpterm_like.client.events import Changed, Event, PeopleChanged, Reset, StatusChanged
from jpterm_like.history.timeline import Place, Timeline
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.read_only import ReadOnlySession

SPLICES_MAX: Final = 50
"""A patch of more pieces is not followed line by line: laying the text out anew takes less, and the colours come after the text."""


class PastSession(ReadOnlySession):
    """The past of an open text."""

    buffer: PastText

    def __init__(self, live: EditorSession, passage: tuple[Anchor, Anchor] | None) -> None:
        """With `passage`, from one character to another, stop only where that was changed. O(document)."""
        super().__init__(live, PastText.decode(live.buffer.encode()))
        self.passage: Final = passage
        self._has: Version = live.buffer.version
        self.timeline = self._make_timeline()
        self.place: Place = self.timeline.now
        self.is_replaced = False
        """Whether the live session continues with another text, so that this is not its past."""
        self._stop_listening: Final = live.listen(self._hear)

    def _make_timeline(self) -> Timeline:
        timeline = Timeline(self.buffer)
        if self.passage is not None:
            timeline.keep_to(self.buffer.operations_on(*self.passage))
        return timeline

    # Going through time

    @property
    def version(self) -> Version:
        """The version that is shown."""
        return self.timeline.version(self.place)

    def go(self, place: Place) -> Patch:
        """Show the text as it was at a place. O(characters) by comparing bytes, plus what changes."""
        self.place = place
        patch = self.buffer.show(self.timeline.version(place))
        self._tell_patch(patch)
        return patch

    def take_in(self) -> bool:
        """Take in what has come since, and return whether that was anything. The text that is shown stays, unless it is
        the present one. O(document)."""
        has = self._live.buffer.version
        if self.is_replaced or has == self._has:
            return False
        was_now, shown = self.place == self.timeline.now, self.timeline.operation(self.place)
        self._tell_patch(self.buffer.show(self.buffer.version))
        self._tell_patch(self.buffer.integrate(self._live.buffer.changes_since(self._has)))
        self._has = has
        self.timeline = self._make_timeline()
        self.go(self.timeline.now if was_now else self.timeline.place_of(shown))
        return True

    def _tell_patch(self, patch: Patch) -> None:
        if patch:
            self._tell(Changed(patch, mine=True) if len(patch) <= SPLICES_MAX else Reset(patch))

    def close(self) -> None:
        self._stop_listening()
        self.buffer.release()

    def _hear(self, event: Event) -> None:
        """Pass on how the live session fares; what was written is taken in when that is wanted."""
        if isinstance(event, Reset):
            self.is_replaced = True
        if isinstance(event, (Reset, StatusChanged, PeopleChanged)):
            self._tell(StatusChanged())
