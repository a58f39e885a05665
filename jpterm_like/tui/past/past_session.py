"""A text as it was, in the face of a session.

It has a replica of its own, which is what makes it cheap: each character of the past is the same character there, with
its author, and going to another time shows and hides characters. Nothing is sent, kept or seen by others. The live
session goes on beneath; `take_in` adds what has come since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from crdt import Anchor, Patch, Version
from crdt.past import PastText
from crdt.patch import NOTHING
from jpterm_like.client.events import Changed, Event, PeopleChanged, Reset, Status, StatusChanged
from jpterm_like.files.encoding import Form
from jpterm_like.history.decisions import Step
from jpterm_like.history.timeline import Place, Timeline
from jpterm_like.sync.presence import Person
from jpterm_like.tui.ports import EditorSession

if TYPE_CHECKING:
    from jpterm_like.notebook.outputs import CellOutputs

SPLICES_MAX: Final = 50
"""A patch of more pieces is not followed line by line: laying the text out anew takes less, and the colours come after the text."""


class PastSession:
    """The past of an open text. Commands that write are refused before they come here."""

    ready = True
    role: Literal["edit", "view"] = "view"
    is_protected = False
    unsent = 0
    saved = True
    is_new = False
    apart = None
    """Reviews belong to the present."""
    people: tuple[Person, ...] = ()
    """Nobody is in the past."""

    def __init__(self, live: EditorSession, passage: tuple[Anchor, Anchor] | None) -> None:
        """With `passage`, from one character to another, stop only where that was changed. O(document)."""
        self._live: Final = live
        self.passage: Final = passage
        self.buffer: Final = PastText.decode(live.buffer.encode())
        self._has: Version = live.buffer.version
        self.timeline = self._make_timeline()
        self.place: Place = self.timeline.now
        self.steps: list[Step] = []
        self._listeners: list[Callable[[Event], None]] = []
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

    # The face of a session

    def follow_outputs(self) -> None:
        """The outputs of cells have no past here."""

    def outputs_of(self, cell: str) -> CellOutputs:
        from jpterm_like.notebook.outputs import NOTHING

        return NOTHING

    @property
    def kernel_line(self) -> str:
        return ""

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def _hear(self, event: Event) -> None:
        """Pass on how the live session fares; what was written is taken in when that is wanted."""
        if isinstance(event, Reset):
            self.is_replaced = True
        if isinstance(event, (Reset, StatusChanged, PeopleChanged)):
            self._tell(StatusChanged())

    @property
    def status(self) -> Status:
        return self._live.status

    @property
    def saved_version(self) -> Version:
        return Version()

    @property
    def name(self) -> str:
        return self._live.name

    @property
    def colour(self) -> int | None:
        return self._live.colour

    @property
    def title(self) -> str:
        return self._live.title

    @property
    def address(self) -> str:
        return self._live.address

    @property
    def form(self) -> Form | None:
        return self._live.form

    def replace(self, start: int, end: int, text: str) -> Patch:
        return NOTHING

    def break_undo(self) -> None: ...

    @contextmanager
    def one_step(self) -> Iterator[None]:
        yield

    def show_caret(self, caret: int, mark: int | None) -> None:
        """The others go on seeing my caret where it is in the present text."""

    def hide_caret(self) -> None: ...
