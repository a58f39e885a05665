"""The part of a session that needs no server: its replica and journal, and who listens to it.

Every edit is applied at once to the replica, and is in the journal when it is on the screen.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Literal

from crdt import Anchor, Patch, StepPart, TextBuffer, Version
from crdt.patch import Splice
from jpterm_like import clock
from jpterm_like.access.addresses import Address, is_hub_file
from jpterm_like.client.connection import ServerConnection
from jpterm_like.client.events import (
    Changed,
    Event,
    Notice,
    NotReady,
    PeopleChanged,
    Settled,
    Status,
    StatusChanged,
    Topic,
)
from jpterm_like.client.journal import Journal
from jpterm_like.errors import JptermError
from jpterm_like.files.encoding import Form
from jpterm_like.saver import Saver
from jpterm_like.storage.base import Storage
from jpterm_like.sync.ancestry import remember_save
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import Person
from jpterm_like.sync.unsaved_work import Discard, Operations

# Modules that speak the protocol are loaded once there is a server to speak to, and those that compare the work of two sides once
# there is some: the first screen is painted without them.
if TYPE_CHECKING:
    from crdt import Outcome
    from jpterm_like.client.history_migration import HistoryMigration
    from jpterm_like.client.last_visit import LastVisit, Parted
    from jpterm_like.client.records import FollowedRecords
    from jpterm_like.history.apart import Apart, Work
    from jpterm_like.history.decisions import Step
    from jpterm_like.history.operations import OperationSet
    from jpterm_like.sync import events, wire
    from jpterm_like.sync.link import Link

log = logging.getLogger("jpterm_like.client.local_session")

NEW_PATCHES_MAX: Final = 64
"""Patches that are kept while mine are not stored: of the last second or so."""
NOTICES_KEPT: Final = 20
"""How many notices are kept for a first listener."""


class LocalSession:
    """One opening of a pad on this machine; see `client.session` for all of it.

    Offsets are code points; `end` is excluded.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        pad: Pad,
        storage: Storage,
        saver: Saver,
        *,
        ready: bool,
        create: bool,
        view: bool = False,
        visible: bool = True,
        keeps: bool = True,
    ) -> None:
        self.name = name
        """The user's name, as others see it."""
        self.colour: int | None = None
        """The colour that the user chose, for all screens."""
        self.title = address.title
        """The pad's name on screen."""
        self.pad = pad
        self.ready = ready
        """False while the text is not known, when the pad is joined for the first time."""
        self.role: Literal["edit", "view"] = "view" if view else "edit"
        self.is_protected = False
        """Whether the server may not write the plain file."""
        self.form: Form | None = None
        """What the plain file is written in, as the server said; None while it has not, and with servers of earlier releases."""
        self._has_file = True
        self._why_read_only = "You may read this file, not write it."
        self._connection = ServerConnection(
            name,
            address,
            handle=self._handle,
            notify=self._notify,
            on_lost=self._on_lost,
            on_offline=self._forget_people,
        )
        self._create = create
        self._view = view
        self._visible = visible
        self._keeps = keeps  # else the journal is deleted when the session ends with everything saved
        self._storage = storage
        self._journal = Journal(
            pad,
            storage,
            saver,
            lambda sentence, lasts: self._notify(
                Notice(sentence, serious=True, topic="journal" if lasts else "")
            ),
            lambda: self._settle("journal"),
            lambda: self._address.key,
        )
        self._records: FollowedRecords | None = None
        """The records beside the text, once somebody has asked for them."""
        self._listeners: list[Callable[[Event], None]] = []
        self._migration: HistoryMigration | None = None
        self._is_between = False
        """Whether our text was sent into another history, and no answer came: others may bring it back from there, under other ids."""
        self._is_new_document = False
        """Whether the document is another one than when this opening began, since its server lost it."""
        self._turn_request = -1
        """Number of the request that ends our turn then."""
        self._checked = Version()
        self.other_server: bytes | None = None
        """The identity of a server that answers instead of the one the text belongs to, until the user decides: see
        `send_to_this_server` and `begin_with_this_server`."""
        self._server = b""
        self._document = b""
        self._wish: Literal["send", "begin"] | None = None
        self._stored_before, self._had_before = pad.stored, pad.buffer.version
        """The version that was sent on earlier connections: others may have it, whether stored or not."""
        self._unreported: list[Notice] = []  # for the first listener
        self._lasting: set[Topic] = set()
        """Conditions that were reported and have not ended."""
        self.damage: list[str] = []
        """Sentences about parts of the journal that could not be read; reported when the session starts."""
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._caret: Anchor | None = None
        self._mark: Anchor | None = None
        self._calls = 0
        self._seen_stored: Version = pad.stored
        self._seen_saved: Version = pad.saved
        self._seen_people = 0
        self._seen: Version = pad.buffer.version
        """The version before this opening: discards in it were reported already."""
        self._unreported_discards: list[Discard] = []
        self._is_discarding = False
        """True while work is being discarded: the journal gets a note of the discard before its operations."""
        self._last_saved: Version = pad.saved
        self._began: Version = pad.buffer.version
        self._merged = Version()
        """The version after a merge of another history: it has other people's words under my name, so it is not discarded."""
        self.apart: Apart | None = None
        """What others and I did without hearing of each other, until the user has reviewed it; `ApartChanged` tells of it."""
        self.steps: list[Step] = []
        """The user's decisions in that review; `note_decisions` keeps them, and `Decided` tells of them."""
        self._visit: LastVisit | None = None
        """What is noted beside the journal."""
        self._visit_before: LastVisit | None = None
        """The note that this opening began with, until the server's text has come."""
        self._untold: Work | None = None
        """What I wrote without hearing of the others, who are still to be told."""
        self._work: Work | None = None
        """The latest such work of this opening, also after they were told."""
        self._told: list[wire.ToldApart] = []
        """What others wrote without hearing of me, until it is here."""
        self._told_before: list[wire.ToldApart] = []
        """Such messages that came already, so that nothing is told twice."""
        self._note_lock = asyncio.Lock()
        """Held while the note beside the journal is written."""
        self._is_keyed = False
        """Whether there was a key that is not noted yet: an edit, or a move of the caret."""
        self._new_patches: deque[tuple[Patch, bool]] = deque(maxlen=NEW_PATCHES_MAX)
        """The latest patches while some of mine are not stored, and whether each is mine."""
        self._new_since: float | None = None
        """When the wait for the server to store edits of mine began, or last went on; seconds since 1970, None if all are stored."""
        self._is_comparing = False
        """Whether such an edit is being compared with one that others made at the same moment."""
        self._moment: OperationSet | None = None
        """The operations of the places that the user was told of last for that reason."""
        self._parted: Parted | None = None
        """Since when I have not heard all that the others did; None while I do."""
        self._attach(pad)

    # ------------------------------------------------------------------ the text

    @property
    def buffer(self) -> TextBuffer:
        """The replica, to be read; edits go through the session."""
        return self.pad.buffer

    @property
    def text(self) -> str:
        """The whole text; costs its length."""
        return self.pad.buffer.text

    @property
    def version(self) -> Version:
        """The version of this replica."""
        return self.pad.buffer.version

    def replace(self, start: int, end: int, text: str) -> Patch:
        """Replace a range by `text`, at once; the edit is in the journal when this returns.

        Raises:
            NotReady: the text is not known yet.
            ValueError: the range is not in the text, or `text` holds lone surrogates, which no file can keep.
        """
        self._check_ready()
        _check_text(text)
        return self.pad.replace(start, end, text, clock.wall())

    def replace_all(self, splices: Sequence[Splice]) -> Patch:
        """Make several edits at once, as one step of undo; they are as in a patch: from last to first, in offsets of the
        present text.

        Text that is deleted here and inserted there takes the carets in it along.

        Raises:
            as `replace`.
        """
        self._check_ready()
        for splice in splices:
            _check_text(splice.text)
        return self.pad.replace_all(splices, clock.wall())

    def undo(self) -> Patch | None:
        """Undo my latest step, and nobody else's; None if there is none."""
        return self.pad.undo(clock.wall())

    def undo_part(self, runs_max: int, *, again: bool, goes_on: bool) -> StepPart | None:
        """Undo the newest part of my latest step, or with `again` redo it; None if there is none.

        `runs_max` is about how many places it has. With `goes_on` it is one step with the part before.
        """
        return self.pad.undo_part(runs_max, clock.wall(), again=again, goes_on=goes_on)

    def redo(self) -> Patch | None:
        """Redo the step that I undid last; None if there is none."""
        return self.pad.redo(clock.wall())

    def revert(self, operations: Operations, start: int, end: int) -> Patch:
        """Take back these operations of anybody between two offsets, as one step of mine. Costs the length of the text.

        Raises:
            JptermError: the text is not here yet, or I may not write it.
        """
        self._check_ready()
        return self.pad.revert(operations, clock.wall(), start, end)

    def restore(self, version: Version, start: int, end: int) -> Patch:
        """Make the text between two offsets what it was at a version, as one step of mine. Costs the length of the text.

        Raises:
            JptermError: the text is not here yet, or I may not write it.
        """
        self._check_ready()
        return self.pad.restore(version, clock.wall(), start, end)

    def make(self, outcome: Outcome) -> Patch:
        """Make characters what an outcome says, as one step of mine; costs what changes.

        Raises:
            JptermError: the text is not here yet, or I may not write it.
        """
        self._check_ready()
        return self.pad.make(outcome, clock.wall())

    def break_undo(self) -> None:
        """Let the next edit begin a new step of undo."""
        self.pad.buffer.break_undo()

    @property
    def _saved_before(self) -> Version:
        """The version that the plain file last had, as far as is known: everything after it is unsaved."""
        if self._last_saved or self.is_new:
            return self._last_saved
        return self._began  # how much of the earlier work is in the file is unknown, so it is left alone

    def one_step(self) -> AbstractContextManager[None]:
        """Make all edits inside the context one step of undo."""
        return self.pad.buffer.one_step()

    # ------------------------------------------------------------------ state

    @property
    def status(self) -> Status:
        """State of the connection to the server."""
        return self._connection.status

    @property
    def _address(self) -> Address:
        return self._connection.address

    @property
    def _link(self) -> Link | None:
        return self._connection.link

    @property
    def _caught_up(self) -> asyncio.Event:
        return self._connection.caught_up

    @property
    def path(self) -> str:
        """The pad's name at its server."""
        return self._address.path

    @property
    def key(self) -> str:
        """The key of the pad's journals."""
        return self._address.key

    @property
    def address(self) -> str:
        """The pad's address, for the screen."""
        return self._address.text

    @property
    def is_file(self) -> bool:
        """Whether it is a file of a hub, here or through ssh, which is written only when somebody saves."""
        return is_hub_file(self._address)

    @property
    def unsent(self) -> int:
        """The number of my operations that are not yet on the server's disk, including those of earlier openings."""
        buffer = self.pad.buffer
        have, stored = buffer.version, self.pad.stored
        return sum(max(0, have.get(site) - stored.get(site)) for site in buffer.own_sites)

    @property
    def saved(self) -> bool:
        """Whether the plain file on the server holds this text, as far as is known here."""
        return self.pad.saved == self.pad.buffer.version

    @property
    def saved_version(self) -> Version:
        """The version of the text that the plain file on the server holds, as far as is known here."""
        return self.pad.saved

    @property
    def stored_version(self) -> Version:
        """The version that is on the server's disk, as far as is known here."""
        return self.pad.stored

    @property
    def sent(self) -> Version:
        """The version of the server, as far as it was sent or received."""
        link = self._link
        channel = None if link is None else link.channels.get(self._connection.channel)
        if channel is None or channel.pad is not self.pad:
            return self.pad.sent.merge(self.pad.stored)
        return channel.cursor.version

    @property
    def is_new(self) -> bool:
        """Whether there is no plain file yet, as far as can be seen from here or the server said. Reads the disk."""
        file = self._address.file
        return not self._has_file if file is None else not file.exists()

    @property
    def people(self) -> tuple[Person, ...]:
        """The other people in the pad."""
        return self.pad.people

    @property
    def caret(self) -> Anchor | None:
        """My caret, as the others are to see it; None while I look at another text."""
        return self._caret

    def show_caret(self, caret: int, mark: int | None) -> None:
        """Show my caret to the others; `mark` is the other end of a selection. Both are offsets in the present text."""
        if self._put_caret(caret, mark):
            self._is_keyed = True
            self._show_caret()

    def hide_caret(self) -> None:
        """Show the others that I am here, but look at another text."""
        if self._caret is not None:
            self._caret = self._mark = None
            self._show_caret()

    def _put_caret(self, caret: int, mark: int | None) -> bool:
        """Anchor my caret and mark; return whether they have changed."""
        buffer = self.pad.buffer
        before = self._caret, self._mark
        caret = min(caret, len(buffer))
        mark = None if mark is None else min(mark, len(buffer))
        if mark is None or mark == caret:
            self._caret = buffer.caret(caret)
            self._mark = None if mark is None else self._caret
        else:  # a selection does not grow at its ends
            self._caret = buffer.anchor(caret, before=caret < mark)
            self._mark = buffer.anchor(mark, before=mark < caret)
        return (self._caret, self._mark) != before

    def introduce(self, name: str, colour: int | None) -> None:
        """Have the others see me under this name and in this colour from now on; what I wrote in this opening stays under the name that it
        was written under."""
        if (name, colour) == (self.name, self.colour):
            return
        is_renamed, self.name, self.colour = name != self.name, name, colour
        self._connection.rename(name)
        if is_renamed and self._link is not None:
            from jpterm_like.sync import wire

            if not self._connection.has(wire.COLOURS):  # an older server takes a name from a greeting only
                self._connection.end("renamed", "The name has changed.", retry_after_s=0.0)
        self._show_caret()
        self._notify(PeopleChanged())

    def call(self) -> None:
        """Draw the others' attention to my caret."""
        self._calls += 1
        self._show_caret()

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every event, at once; the first listener also gets earlier notices.

        A listener that raises is removed; that is logged, and the other listeners are notified. Call the result to
        remove the listener.
        """
        self._listeners.append(listener)
        untold, self._unreported = self._unreported, []
        for notice in untold:
            self._notify_one(listener, notice)
        return lambda: self._forget_listener(listener)

    def mention(self, sentence: str) -> None:
        """Tell the user something about this opening, once there is a screen."""
        self._notify(Notice(sentence))

    def _forget_listener(self, listener: Callable[[Event], None]) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _show_caret(self) -> None:
        if self._link is None or not self.ready or not self._visible:
            return
        from jpterm_like.sync import wire

        self._link.show(
            self._connection.channel,
            wire.Shown(
                self._connection.channel,
                self.pad.buffer.site,
                self.name,
                self._caret,
                self._mark,
                here=True,
                calls=self._calls,
                colour=self.colour,
            ),
        )
        self._connection.wake()

    # ------------------------------------------------------------------ changes of the pad

    def _attach(self, pad: Pad) -> None:
        pad.on_patch[:] = [self._journal_patch, self._report_patch]  # in the journal before it is on screen
        pad.on_news[:] = [self._on_news]

    def _journal_patch(self, patch: Patch, origin: object) -> None:
        self._write_journal()

    def _report_patch(self, patch: Patch, origin: object) -> None:
        if origin is None:
            self._is_keyed = True
        if patch:
            self._notify(Changed(patch, mine=origin is None))

    def _on_news(self) -> None:
        self._connection.wake()
        pad = self.pad
        if pad.stored is not self._seen_stored or pad.saved is not self._seen_saved:
            if pad.saved is not self._seen_saved:
                pad.earlier = remember_save(pad.earlier, self._seen_saved)
            if pad.stored is not self._seen_stored:
                self._settle("storing")
            if pad.saved is not self._seen_saved and self.saved:
                self._settle("saving", "file")
            self._seen_stored, self._seen_saved = pad.stored, pad.saved
            if self._address.file is not None and pad.saved and pad.saved != self._last_saved:
                self.buffer.note_time()  # what is typed next is younger than the file
            self._last_saved = pad.saved or self._last_saved  # none is told of a file that was deleted
            self._write_journal()
            self._notify(StatusChanged())
            self._connection.wake_waiters()
        if pad.presences.end != self._seen_people:
            self._seen_people = pad.presences.end
            self._notify(PeopleChanged())

    def _write_journal(self) -> None:
        if self.ready and not self._is_discarding:
            self._journal.write()

    def _check_ready(self) -> None:
        if not self.ready:
            raise NotReady("The text is not known yet: the server has not answered.")
        if self.role == "view":
            raise JptermError(self._why_read_only)

    def _settle(self, *topics: Topic) -> None:
        """Tell that conditions have ended, if they were reported."""
        for topic in topics:
            if topic in self._lasting:
                self._lasting.discard(topic)
                self._unreported = [notice for notice in self._unreported if notice.topic != topic]
                self._notify(Settled(topic))

    def _notify(self, event: Event) -> None:
        if isinstance(event, Notice) and event.topic:
            self._lasting.add(event.topic)
        if not self._listeners and isinstance(event, Notice):
            self._unreported = [*self._unreported[-NOTICES_KEPT:], event]
        for listener in list(self._listeners):
            self._notify_one(listener, event)

    def _notify_one(self, listener: Callable[[Event], None], event: Event) -> None:
        if listener not in self._listeners:
            return  # it was removed meanwhile
        try:
            listener(event)
        except Exception as problem:
            self._forget_listener(listener)
            log.exception("a listener of %s failed and was removed", self.title)
            sentence = (
                f"A program that listens to {self.title} failed ({problem!r}), and gets no more events."
            )
            self._notify(Notice(sentence, serious=True))

    # ------------------------------------------------------------------ the connection

    async def _handle(self, event: events.Event) -> None:
        """Handle an event of the link."""
        raise NotImplementedError

    def _on_lost(self, link: Link) -> None:
        """Note what was exchanged on a link that has ended."""
        raise NotImplementedError

    def _forget_people(self) -> None:
        """Forget what is known only while connected."""
        raise NotImplementedError


def _check_text(text: str) -> None:
    """Refuse what no file can keep."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as problem:
            raise ValueError("the text holds lone surrogates, which cannot be saved as UTF-8") from problem
