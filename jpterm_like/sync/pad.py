"""A pad: one shared file. Its text, the log of its operations, who is here, and how far it is on disk.

Client and server share it; a server's pad has many links and a store, a client's one link and a journal. The pad
does no I/O: senders and stores hold cursors into its log, and `on_news` tells them to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Final, NamedTuple

from crdt import Patch, StepPart, TextBuffer, Version
from crdt.patch import Splice
from jpterm_like.sync.ancestry import Ancestor, Identity, add_ancestor
from jpterm_like.sync.log import Cursor, Log
from jpterm_like.sync.presence import Person, Presences
from jpterm_like.sync.unsaved_work import DISCARDS_MAX, Discard

if TYPE_CHECKING:
    from crdt import Outcome

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
    """The difference between two states of what is stored."""

    before: Version
    stored: Version
    version: Version
    """The newer state, of those sites only that changed."""
    is_set_back: bool
    """Whether something that was stored before no longer is."""


class Unread(NamedTuple):
    """Operations in a format that this release does not know."""

    format: int
    data: bytes
    origin: object = None
    """The peer that they came from, as in the log."""


UNREAD_BYTES_MAX: Final = 4 * 1024 * 1024
"""Size of the unread messages kept in one pad."""
UNREAD_MAX: Final = 4096
"""Unread messages kept in one pad. Further ones are dropped: their author still has them, and sends them again."""


class Pad:
    """See the module. `now` is always the wall clock in seconds, for history; it orders nothing."""

    def __init__(self, buffer: TextBuffer) -> None:
        self.buffer = buffer
        self.log = Log()
        self.presences = Presences()
        self.stored = Version()
        """What is on the server's disk. Only grows, at the server and on one connection to it."""
        self.saved = Version()
        """The version in the plain file; empty if there is no file."""
        self._held = Version()
        self.identity: Identity | None = None
        """Client: which document of which server this is, as far as the server said so."""
        self.ancestors: tuple[Ancestor, ...] = ()
        """Notes about text of other histories that was brought in here."""
        self.earlier: tuple[Version, ...] = ()
        """Client: the versions in the plain file at earlier saves."""
        self.sent = Version()
        """Client: what servers may have got on connections that are over, and not stored."""
        self.due = Version()
        """Server: what the plain file gets without being asked for: what it held, and what a sync brought."""
        self.unread: tuple[Unread, ...] = ()
        """Operations in unknown formats, kept and passed on as they came; only grows."""
        self._progress = Progress(0, self.stored, self.saved, 0, 0)
        self.discards: tuple[Discard, ...] = ()
        """Notes about unsaved work of several people that one of them discarded, the newest last."""
        # Differences that are sent of these, computed once for all links: from, to, and the difference.
        self._stored_step = StoredStep(self.stored, self.stored, self.stored, is_set_back=False)
        self._saved_step = (self.saved, self.stored, self.saved.encode_since(self.stored))
        self.on_patch: list[PatchListener] = []
        self.on_news: list[Callable[[], None]] = []
        self._digest: tuple[Version, bytes] | None = None
        self.reserved: dict[int, int] = {}
        """Server: the sites of those who are here, with the clock that each had at its opening. Operations from there on are accepted from its own
        connection only; earlier ones from anybody, because the store of a backup lacks them."""

    @property
    def lineage(self) -> bytes:
        """The history that this is a replica of."""
        return self.buffer.lineage

    @lineage.setter
    def lineage(self, lineage: bytes) -> None:
        self.buffer.lineage = lineage

    # ------------------------------------------------------------------ text

    def replace(self, start: int, end: int, text: str, now: float) -> Patch:
        """Make an edit of mine; offsets in code points of the present text, `end` excluded."""
        return self._mine(self.buffer.replace(start, end, text, now))

    def replace_all(self, splices: Sequence[Splice], now: float) -> Patch:
        """Make several edits of mine as one step; `splices` are as in a patch, from last to first."""
        return self._mine(self.buffer.replace_all(splices, now))

    def undo(self, now: float) -> Patch | None:
        """Undo my latest step; None if there is none."""
        patch = self.buffer.undo(now)
        return None if patch is None else self._mine(patch)

    def undo_part(self, runs_max: int, now: float, *, again: bool, goes_on: bool) -> StepPart | None:
        """Undo the newest part of my latest step, or with `again` redo it; see `TextBuffer.undo_part`."""
        part = self.buffer.undo_part(runs_max, now, again=again, goes_on=goes_on)
        if part is not None:
            self._mine(part.patch)
        return part

    def redo(self, now: float) -> Patch | None:
        """Redo the step that I undid last; None if there is none."""
        patch = self.buffer.redo(now)
        return None if patch is None else self._mine(patch)

    def revert(
        self,
        operations: Mapping[int, Sequence[tuple[int, int]]],
        now: float,
        start: int = 0,
        end: int | None = None,
    ) -> Patch:
        """Revert these operations as one step of mine; see `TextBuffer.revert`."""
        patch = self.buffer.revert(operations, now, start, end)
        return self._mine(patch) if patch else patch

    def restore(self, version: Version, now: float, start: int = 0, end: int | None = None) -> Patch:
        """Make the text what it was at a version as one step of mine; see `TextBuffer.restore`."""
        patch = self.buffer.restore(version, now, start, end)
        return self._mine(patch) if patch else patch

    def make(self, outcome: Outcome, now: float) -> Patch:
        """Make characters what an outcome says, as one step of mine; see `TextBuffer.make`."""
        patch = self.buffer.make(outcome, now)
        return self._mine(patch) if patch else patch

    def note_discard(self, discard: Discard) -> bool:
        """Keep a note that unsaved work was discarded. Returns whether it is new."""
        is_new = discard not in self.discards
        if is_new:
            self.discards = (*self.discards, discard)[-DISCARDS_MAX:]
        return is_new

    def integrate(
        self, data: bytes, origin: object, *, revocable: bool = False, senders: Set[int] | None = None
    ) -> Patch:
        """Apply operations made elsewhere, and pass them on to every other cursor.

        Args:
            origin: the peer that they came from.
            revocable: refuse operations that nobody could undo.
            senders: the sites of the peer; operations that another site has reserved are refused. None: the peer is trusted.

        Raises:
            ForeignOp: nothing of `data` was applied.
        """
        buffer = self.buffer
        before = buffer.version if buffer.waiting else None
        if senders is None:
            patch = buffer.integrate(data, revocable=revocable)
        elif len(senders) == 1:
            [sender] = senders
            patch = buffer.integrate(data, revocable=revocable, reserved=self.reserved, sender=sender)
        else:
            others = {site: clock for site, clock in self.reserved.items() if site not in senders}
            patch = buffer.integrate(data, revocable=revocable, reserved=others)
        repeated = buffer.take_repeated()
        if before is not None:
            # Operations that waited may count now. A cursor that was created meanwhile has not seen
            # them in the log, so they are appended once more, as new operations. They are new to everybody: the peer that
            # sent their past need not have them.
            data = buffer.changes_since(before)
        elif repeated is not None:
            # Only what is new is passed on: else two who relay would send each other the same for ever.
            data = buffer.changes_since(repeated)
        self._arrived(data, origin if before is None else None, patch, origin)
        return patch

    def keep_unread(self, format: int, data: bytes, origin: object) -> None:
        """Keep operations of an unknown format, once, for peers that know it and for the next release."""
        unread = self.unread
        size_bytes = len(data) + sum(len(each.data) for each in unread)
        if len(unread) >= UNREAD_MAX or size_bytes > UNREAD_BYTES_MAX:
            return
        if any(each.format == format and each.data == data for each in unread):
            return
        self.unread = (*unread, Unread(format, data, origin))
        self.news()

    def cursor(self, version: Version, origin: object = None, *, shares: bool = False) -> Cursor:
        """A reader that has `version` already; see `Cursor`."""
        return Cursor(self.buffer, self.log, version, origin, shares=shares)

    def digest(self) -> bytes:
        """The digest of the text; costs the whole text after a change."""
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
            except Exception as problem:  # noqa: BLE001 - raised once all listeners were called
                mistake = mistake or problem
        self.news()
        if mistake is not None:
            raise mistake

    # ------------------------------------------------------------------ what is safe

    def mark_stored(self, version: Version) -> None:
        """Note that these operations are on the server's disk."""
        if not version <= self.stored:
            self.stored = self.stored.merge(version).sharing(self.buffer.version)
            self.news()

    def reset_stored(self, version: Version) -> None:
        """Note that exactly this is on the server's disk: it may have lost something, or be another server by now."""
        if version != self.stored:
            self.stored = version
            self.news()

    def stored_since(self, before: Version) -> StoredStep:
        """The step from `before`, an earlier `stored`, to `stored`; the same object until one of them changes."""
        step, stored = self._stored_step, self.stored
        if step.before is not before or step.stored is not stored:
            step = self._stored_step = StoredStep(before, stored, stored.beyond(before), not before <= stored)
        return step

    def note_ancestor(self, note: Ancestor) -> bool:
        """Note that text of another history is here, or will be. Returns whether that is new."""
        before, self.ancestors = self.ancestors, add_ancestor(self.ancestors, note, self.buffer.version)
        return self.ancestors != before

    def saved_since_stored(self) -> bytes:
        """`saved` as a difference to `stored`; the same bytes object until one of them changes."""
        saved, stored, _ = self._saved_step
        if saved is not self.saved or stored is not self.stored:
            self._saved_step = (self.saved, self.stored, self.saved.encode_since(self.stored))
        return self._saved_step[2]

    def mark_saved(self, version: Version) -> None:
        """Note that the plain file holds the text of this version."""
        held = self.held  # the one before may have arrived by now
        self.saved, self._held = version, held
        self.news()

    @property
    def held(self) -> Version:
        """The latest saved version that is here completely: the plain file held its text."""
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

    def show(self, person: Person, now: float) -> None:
        """Note where someone else is; `now` in monotonic seconds."""
        if self.presences.show(person, now):
            self.news()

    def leave(self, site: int, now: float) -> None:
        """Note that someone else has left."""
        if self.presences.leave(site, now):
            self.news()

    def news(self) -> None:
        """Call everyone who sends, stores or shows: there is something new."""
        mistake: Exception | None = None
        for listener in self.on_news:
            try:
                listener()
            except Exception as problem:  # noqa: BLE001 - as above
                mistake = mistake or problem
        if mistake is not None:
            raise mistake
