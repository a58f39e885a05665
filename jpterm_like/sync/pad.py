"""A pad: one shared file. Its text, the log of its operations, who is here, and how far it is on disk.

Client and server share it; a server's pad has many links and a store, a client's one link and a journal. The pad
does no I/O: whoever sends or stores holds a cursor into its log, and is told through `on_news` to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from crdt import Anchor, Patch, TextBuffer, Version
from jpterm_like.sync.ancestry import Ancestor, Identity, add_ancestor
from jpterm_like.sync.log import Cursor, Log
from jpterm_like.sync.presence import Person, Presences
from jpterm_like.sync.unsaved_work import DISCARDS_MAX, Discard

PatchListener = Callable[[Patch, object], None]
"""Called with each change of the text, and the origin of it (None: made here)."""


class Progress(NamedTuple):
    """How far everything in a pad was at a time; compared by identity."""

    place: int
    """The log's end."""
    stored: Version
    saved: Version
    people: int
    """The number of the latest change among the people."""
    unread: int
    """How many messages of formats that are not known are kept."""


class StoredStep(NamedTuple):
    """A step of what is stored."""

    before: Version
    stored: Version
    version: Version
    """What is stored beyond what was before, of those sites only that moved."""
    is_set_back: bool
    """Whether something that was stored before is not any more."""


class Unread(NamedTuple):
    """Operations in a format that this release does not know."""

    format: int
    data: bytes
    origin: object = None
    """Whom they came from, as in the log."""


UNREAD_BYTES_MAX: Final = 4 * 1024 * 1024
UNREAD_MAX: Final = 4096
"""Messages of those, in one pad. Further ones are not kept: whoever made them has them, and brings them again."""


class Pad:
    """See the module. `now` is always the wall clock in seconds, for history; it orders nothing."""

    def __init__(self, buffer: TextBuffer) -> None:
        self.buffer = buffer
        self.log = Log()
        self.presences = Presences()
        self.stored = Version()
        """What is on the disk that counts: the server's. Grows only, at the server and on one line to it."""
        self.saved = Version()
        """What the plain file holds; empty when there is none."""
        self._held = Version()
        self.identity: Identity | None = None
        """Client: which document of which server this is, as far as it was told."""
        self.ancestors: tuple[Ancestor, ...] = ()
        """Notes on what of other histories was brought in here."""
        self.earlier: tuple[Version, ...] = ()
        """Client: what the plain file held at earlier saves."""
        self.unread: tuple[Unread, ...] = ()
        """What is kept and passed on as it came; only ever grows."""
        self._progress = Progress(0, self.stored, self.saved, 0, 0)
        self.discards: tuple[Discard, ...] = ()
        """Notes on unsaved work of several people that one of them discarded, the newest last."""
        # What is told of these as differences, computed once for all links: from what, to what, and the difference.
        self._stored_step = StoredStep(self.stored, self.stored, self.stored, is_set_back=False)
        self._saved_step = (self.saved, self.stored, self.saved.encode_since(self.stored))
        self.on_patch: list[PatchListener] = []
        self.on_news: list[Callable[[], None]] = []
        self._digest: tuple[Version, bytes] | None = None
        self.reserved: dict[int, int] = {}
        """Server: the sites of those who are here. Each makes its operations from the clock that it told at its opening on
        itself; earlier ones anybody may bring, for a store that is of a backup lacks them."""

    # ------------------------------------------------------------------ text

    def replace(self, start: int, end: int, text: str, now: float) -> Patch:
        """Do an edit of mine; offsets in code points of the text as it is, `end` excluded."""
        return self._mine(self.buffer.replace(start, end, text, now))

    def undo(self, now: float) -> Patch | None:
        """Take back my latest step; None when there is none."""
        patch = self.buffer.undo(now)
        return None if patch is None else self._mine(patch)

    def redo(self, now: float) -> Patch | None:
        """Do again what I took back last; None when there is nothing."""
        patch = self.buffer.redo(now)
        return None if patch is None else self._mine(patch)

    def revert(self, operations: Mapping[int, Sequence[tuple[int, int]]], now: float) -> Patch:
        """Have the text be as if these operations had not been, as one step of mine; see `TextBuffer.revert`."""
        patch = self.buffer.revert(operations, now)
        return self._mine(patch) if patch else patch

    def note_discard(self, discard: Discard) -> bool:
        """Keep a note that unsaved work was discarded; whether it is new."""
        is_new = discard not in self.discards
        if is_new:
            self.discards = (*self.discards, discard)[-DISCARDS_MAX:]
        return is_new

    def integrate(
        self, data: bytes, origin: object, *, revocable: bool = False, sender: int | None = None
    ) -> Patch:
        """Take in operations made elsewhere, and pass them on to every other cursor; with `revocable`, none that nobody
        could take back; with a `sender`, none that another one's site has reserved.

        Raises:
            ForeignOp: nothing of `data` was taken in.
        """
        buffer = self.buffer
        before = buffer.version if buffer.waiting else None
        if sender is None:
            patch = buffer.integrate(data, revocable=revocable)
        else:
            patch = buffer.integrate(data, revocable=revocable, reserved=self.reserved, sender=sender)
        if before is not None:
            # Operations that waited may be among those that now count. A cursor that was set meanwhile has not seen
            # them pass in the log, so they go into it once more, as what they are: new. And new to everybody: whoever
            # brought their past need not have them.
            data = buffer.changes_since(before)
        self._arrived(data, origin if before is None else None, patch, origin)
        return patch

    def keep_unread(self, format: int, data: bytes, origin: object) -> None:
        """Keep operations of a format that this release does not know, once, for those who do, and for its next release."""
        unread = self.unread
        size_bytes = len(data) + sum(len(each.data) for each in unread)
        if len(unread) >= UNREAD_MAX or size_bytes > UNREAD_BYTES_MAX:
            return
        if any(each.format == format and each.data == data for each in unread):
            return
        self.unread = (*unread, Unread(format, data, origin))
        self.news()

    def cursor(self, version: Version, origin: object = None) -> Cursor:
        """A reader that has `version` already."""
        return Cursor(self.buffer, self.log, version, origin)

    def digest(self) -> bytes:
        """Of the text; costs the whole text after a change."""
        version = self.buffer.version
        if self._digest is None or self._digest[0] != version:
            self._digest = (version, self.buffer.digest())
        return self._digest[1]

    def _mine(self, patch: Patch) -> Patch:
        self._arrived(self.buffer.take_changes(), None, patch, None)
        return patch

    def _arrived(self, data: bytes, known_to: object, patch: Patch, origin: object) -> None:
        if data:
            self.log.append(data, known_to)
        mistake: Exception | None = None
        for listener in self.on_patch:
            try:
                listener(patch, origin)
            except Exception as problem:  # noqa: BLE001 - raised when all were told, who are to follow all the same
                mistake = mistake or problem
        self.news()
        if mistake is not None:
            raise mistake

    # ------------------------------------------------------------------ what is safe

    def mark_stored(self, version: Version) -> None:
        """These operations are on the server's disk."""
        if not version <= self.stored:
            self.stored = self.stored.merge(version).sharing(self.buffer.version)
            self.news()

    def reset_stored(self, version: Version) -> None:
        """This and no more is on the server's disk: it may have lost what it had, or be another one by now."""
        if version != self.stored:
            self.stored = version
            self.news()

    def stored_since(self, before: Version) -> StoredStep:
        """What is stored beyond `before`, which was `stored` once; the very same until one of the two is another."""
        step, stored = self._stored_step, self.stored
        if step.before is not before or step.stored is not stored:
            step = self._stored_step = StoredStep(before, stored, stored.beyond(before), not before <= stored)
        return step

    def note_ancestor(self, note: Ancestor) -> bool:
        """Something of another history is in the text, or will be; whether that is news."""
        before, self.ancestors = self.ancestors, add_ancestor(self.ancestors, note, self.buffer.version)
        return self.ancestors != before

    def saved_since_stored(self) -> bytes:
        """What is saved, as a difference to what is stored; the very same bytes until one of them is another."""
        saved, stored, _ = self._saved_step
        if saved is not self.saved or stored is not self.stored:
            self._saved_step = (self.saved, self.stored, self.saved.encode_since(self.stored))
        return self._saved_step[2]

    def mark_saved(self, version: Version) -> None:
        """The plain file holds the text of this version."""
        held = self.held  # the former one may be here by now
        self.saved, self._held = version, held
        self.news()

    @property
    def held(self) -> Version:
        """The latest version that was called saved and is here: one whose text the plain file held."""
        if self.saved and self.saved is not self._held and self.saved <= self.buffer.version:
            self._held = self.saved
        return self._held

    @held.setter
    def held(self, version: Version) -> None:
        self._held = version

    @property
    def progress(self) -> Progress:
        """How far everything is; the same object until something changes."""
        progress, place, people = self._progress, self.log.end, self.presences.end
        if (
            progress.place != place
            or progress.people != people
            or progress.stored is not self.stored
            or progress.saved is not self.saved
            or progress.unread != len(self.unread)
        ):
            progress = self._progress = Progress(place, self.stored, self.saved, people, len(self.unread))
        return progress

    # ------------------------------------------------------------------ people

    @property
    def people(self) -> tuple[Person, ...]:
        """Who else is here."""
        return self.presences.people

    def show(
        self, site: int, name: str, caret: Anchor | None, mark: Anchor | None, now: float, calls: int = 0
    ) -> None:
        """Someone else is here; `now` in monotonic seconds."""
        if self.presences.show(Person(site, name, caret, mark, calls), now):
            self.news()

    def leave(self, site: int, now: float) -> None:
        """Someone else went."""
        if self.presences.leave(site, now):
            self.news()

    def news(self) -> None:
        """Tell those who send, store or show that there is something new."""
        mistake: Exception | None = None
        for listener in self.on_news:
            try:
                listener()
            except Exception as problem:  # noqa: BLE001 - as above
                mistake = mistake or problem
        if mistake is not None:
            raise mistake
