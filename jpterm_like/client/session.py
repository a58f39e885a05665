"""A session: one opening of one pad, as an editor or a script holds it.

A session has its own replica and journal, applies every edit at once to the replica, and talks to the server in the
background through `client.connection`. Only methods made for it wait for the network (`stored`, `save`). Sessions are made
by `client.open`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from crdt import Anchor, Patch, TextBuffer, Version
from crdt.patch import Splice
from jpterm_like import clock
from jpterm_like.access.addresses import Address, follow_rename, is_hub_file
from jpterm_like.background import restart_on_failure
from jpterm_like.client.connection import CLOSE_S, RETRY_MOST_S, ServerConnection
from jpterm_like.client.events import (
    ApartChanged,
    Changed,
    Event,
    Notice,
    NotReady,
    PeopleChanged,
    RequestFailed,
    Reset,
    Said,
    Settled,
    Status,
    StatusChanged,
    Topic,
    Whereabout,
)
from jpterm_like.client.journal import Journal, held_of, unused_slot
from jpterm_like.client.topics import OF_SERVER, begun_by, ended_by
from jpterm_like.errors import READ_ONLY, WRITABLE, JptermError
from jpterm_like.files.charsets import UNKNOWN, Known
from jpterm_like.files.encoding import Form
from jpterm_like.files.read import read_plain
from jpterm_like.history.apart import Apart
from jpterm_like.saver import RestoredPad, Saver
from jpterm_like.storage.base import MADE_BY_NEWER, Storage, StorageError, Store
from jpterm_like.sync.ancestry import Identity, remember_save
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import EXPIRY_S, REFRESH_S, Person
from jpterm_like.sync.unsaved_work import (
    SOMEBODY,
    Discard,
    Operations,
    all_unsaved,
    authors_of,
    is_my_site,
    join_names,
    losers,
    my_unsaved,
    newest_time,
    restorable_text,
    unsaved_authors_of,
    unsaved_of_others,
    unsaved_passages,
)
from jpterm_like.transports.base import CannotConnect

# Modules that speak the protocol are loaded once there is a server to speak to: the first screen is painted without them.
if TYPE_CHECKING:
    from jpterm_like.client.history_migration import HistoryMigration
    from jpterm_like.sync import events, wire
    from jpterm_like.sync.link import Link

log = logging.getLogger("jpterm_like.client.session")

NOTICES_KEPT: Final = 20
"""How many notices are kept for a first listener."""
KEPT_HERE: Final = "What you wrote last did not reach the others: it is kept on this machine, and sent when you may write here again."
DISCARD_S: Final = 10.0
"""Times of edits are up to this much too early."""
SOON_S: Final = 0.3
"""A text that takes longer than this to arrive is shown while it arrives."""


class Session:
    """One opening of one pad. Made by `open_session` or `connect`.

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
        self._listeners: list[Callable[[Event], None]] = []
        self._migration: HistoryMigration | None = None
        self._checked = Version()
        self.other_server: bytes | None = None
        """The identity of a server that answers instead of the one the text belongs to, until the user decides: see
        `send_to_this_server` and `begin_with_this_server`."""
        self._server = b""
        self._document = b""
        self._wish: Literal["send", "begin"] | None = None
        self._stored_before, self._had_before = pad.stored, pad.buffer.version
        self._sent = Version()
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

    def break_undo(self) -> None:
        """Let the next edit begin a new step of undo."""
        self.pad.buffer.break_undo()

    def discard(self) -> bool:
        """Undo all my unsaved work, of this opening and earlier ones, in one step; return whether there was any.

        Text of others stays, even inside mine. The plain file is not touched.
        """
        if not self.ready or self.role == "view":
            return False
        operations = my_unsaved(self.buffer, self._saved_before.merge(self._merged))
        return bool(self.pad.revert(operations, clock.wall()))

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        """The names of others whose work is in the text but not in the plain file. Costs the length of the text."""
        return tuple(unsaved_of_others(self.buffer, self._saved_before))

    def would_lose(self, text: str) -> dict[str, int]:
        """Return the others who would lose unsaved work if the text became `text`, the file's, and how many passages; 0 for people
        of whom no passage is in the text. Costs the length of the text."""
        passages = unsaved_passages(self.buffer, self._saved_before)
        names = dict.fromkeys(self.others_unsaved, 0) | passages
        merged = self._merged.get(self.buffer.site)
        if merged and self.buffer.effect_of(
            {self.buffer.site: [(self._saved_before.get(self.buffer.site), merged)]}
        ):
            names.setdefault(SOMEBODY, 0)  # the author is no longer known
        if self.buffer.at(self._saved_before) != text:
            from jpterm_like.textdiff.diff import diff

            gone = [(start, end) for start, end, _ in diff(self.text, text)]
            names = dict.fromkeys(authors_of(self.buffer, gone), 0) | names
        return names

    @property
    def file_time(self) -> str:
        """When the plain file was last written ("19:12"); empty if it is not on this machine, or missing."""
        seconds = self._file_seconds
        return "" if seconds is None else clock.words(seconds)

    @property
    def _file_seconds(self) -> float | None:
        try:
            return None if self._address.file is None else self._address.file.stat().st_mtime
        except OSError:
            return None

    def others_in(self, ranges: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        """The names of others whose unsaved words are in these ranges of offsets."""
        return tuple(unsaved_authors_of(self.buffer, self._saved_before, ranges))

    async def committed_text(self) -> str | None:
        """The text of the file as of the last git commit; None if there is none, or it cannot be read from here."""
        file = self._address.file
        if file is None:
            return None
        from jpterm_like.files.git_head import committed_text  # loaded once the text is on the screen

        return await asyncio.to_thread(committed_text, file, self.known)

    @property
    def can_notify(self) -> bool:
        """Whether the others can be notified of a discard now."""
        link = self._link
        return link is not None and self.status.state == "connected" and "discarding" in link.features

    async def go_back(self, text: str) -> None:
        """Revert the text to `text`, the file's, in one step; others who lose work are notified, and can restore it.

        Raises:
            RequestFailed: they cannot be notified; nothing was changed.
        """
        self._check_ready()
        lost = self.would_lose(text)
        if lost and not self.can_notify:
            raise RequestFailed(
                f"{join_names(list(lost))} cannot be notified now, so the text was not changed."
            )
        discard = self._put(all_unsaved(self.buffer, self._saved_before), text)
        if lost:
            await self._note_discard(discard)
        else:
            await self._journal.end_discard()

    def _put(self, operations: Operations, text: str) -> Discard:
        """Revert some operations, then edit the text into `text`, all in one step; return it as a discard.

        The journal gets a note first: a start that finds the note undoes the step, because nobody was notified.
        """
        from jpterm_like.textdiff.diff import diff

        site = self.buffer.site
        begin = self.version.get(site)
        self._is_discarding = True
        try:
            with self.one_step():
                self.pad.revert(operations, clock.wall())
                for start, end, put in diff(self.text, text):
                    self.pad.replace(start, end, put, clock.wall())
        finally:
            self._is_discarding = False
        discard = Discard(site, begin, self.version.get(site))
        self._journal.begin_discard(discard)
        self._write_journal()
        return discard

    async def _note_discard(self, discard: Discard) -> None:
        """Notify the others of a discard.

        Raises:
            RequestFailed: they were not notified; the discard was undone.
        """
        from jpterm_like.sync import wire

        try:
            offline = "The others cannot be notified now, so the text was not changed."
            await self._ask(partial(wire.Discard, begin=discard.begin, end=discard.end), offline)
        except RequestFailed:
            self.pad.revert(discard.operations, clock.wall())
            await self._journal.end_discard()
            raise
        self.pad.note_discard(discard)
        await self._journal.end_discard()

    @property
    def is_written_anew(self) -> bool:
        """Whether there is unsaved work older than the plain file. Reads the disk, and costs the length of the text.

        A file that was made for this call may bear the time of another one, as that of visudo does, so the time of its last change of
        any kind counts.
        """
        file = self._address.file
        if file is None or self.saved:
            return False
        newest = newest_time(self.buffer, all_unsaved(self.buffer, self._saved_before))
        try:
            found = file.stat()
            return newest is not None and max(found.st_mtime, found.st_ctime) > newest
        except OSError:
            return False

    async def set_aside(self) -> None:
        """Set unsaved work aside if another program has written the file since and nobody is in the pad.

        The text is the file's then, and the unsaved work can be restored. Call it before anything is typed.

        Raises:
            JptermError: the file cannot be read.
        """
        if self.people or self.role == "view" or not self.is_written_anew:
            return
        assert self._address.file is not None
        plain = await asyncio.to_thread(read_plain, self._address.file, known=self.known)
        if plain is None or self.people:
            return
        if self.can_notify:
            discard = self._put(all_unsaved(self.buffer, self._saved_before), plain.text)
            await self._note_discard(discard)
            await self.compare()
        else:  # work that may be others' stays, because they could not be notified
            begin = self.version.get(self.buffer.site)
            self.discard()
            self.pad.note_discard(Discard(self.buffer.site, begin, self.version.get(self.buffer.site)))
        self._notify(
            Notice(
                "Earlier unsaved work was set aside, because another program has written this file since. "
                "The command “Restore discarded work” restores it.",
                serious=True,
                topic="discards",
            )
        )

    def discards(self) -> list[Discard]:
        """List the discards that can be restored, newest first. Costs the length of the text."""
        return [it for it in reversed(self.pad.discards) if restorable_text(self.buffer, it)]

    def bring_back(self, discard: Discard) -> None:
        """Restore discarded work, in one step."""
        self._check_ready()
        self.pad.revert(discard.operations, clock.wall())

    def review_done(self) -> None:
        """Note that the user has reviewed what happened while the sides were apart."""
        if self.apart is not None:
            self.apart = None
            self._notify(ApartChanged())

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
    def is_new(self) -> bool:
        """Whether there is no plain file yet, as far as can be seen from here or the server said. Reads the disk."""
        file = self._address.file
        return not self._has_file if file is None else not file.exists()

    @property
    def people(self) -> tuple[Person, ...]:
        """The other people in the pad."""
        return self.pad.people

    def show_caret(self, caret: int, mark: int | None) -> None:
        """Show my caret to the others; `mark` is the other end of a selection. Both are offsets in the present text."""
        if self._put_caret(caret, mark):
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

    def mention_server(self) -> None:
        """Tell the user that a file opened by its path is edited at the server that shares it."""
        self._notify(
            Notice(
                f"This file is shared by your server at {self.address}: you are in it there. The server saves by itself."
            )
        )

    def _forget_listener(self, listener: Callable[[Event], None]) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    # ------------------------------------------------------------------ waiting and requests

    async def stored(self) -> None:
        """Wait until all my edits so far are on the server's disk, through outages if need be.

        Raises:
            JptermError: the session was closed before.
        """
        goal = self.pad.buffer.version
        sites = set(self.pad.buffer.own_sites)
        pad = self.pad
        while any(pad.stored.get(site) < goal.get(site) for site in sites):
            if self._connection.is_closed:
                raise JptermError("The session was closed before everything was on the server's disk.")
            await self._connection.change()
            if self.pad is not pad:  # another history was adopted; it has my work under other ids
                return await self.stored()
        return None

    async def settled(self) -> None:
        """Wait for unsent work to reach the server's disk, for CLOSE_S at most and only while connected."""
        if self.unsent and self.status.state == "connected":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.stored()

    async def synced(self) -> None:
        """Wait until everything that the server had when the connection began was received.

        Raises:
            JptermError: the server refuses the pad; the sentence says why.
        """
        while not self._caught_up.is_set():
            if self._connection.refusal is not None:
                raise self._connection.refusal
            if self._connection.is_closed:
                raise JptermError("The session was closed.")
            await self._connection.change()

    async def wait_until_joined(self, timeout_s: float) -> None:
        """Wait for a text to work on: the server's, or our replica if the server cannot be reached.

        Args:
            timeout_s: how long the server may be silent; a long text may take longer.

        Raises:
            JptermError: the server refuses the pad, or it cannot be reached and there is no replica.
        """
        with contextlib.suppress(TimeoutError):
            await self._connection.while_heard(self._joined(), timeout_s)
        if self._connection.refusal is not None:
            raise self._connection.refusal
        if not self.ready:
            raise CannotConnect(self.status.reason or f"{self.address} does not answer.")

    async def _joined(self) -> None:
        while (
            not self._caught_up.is_set()
            and self.status.state != "offline"
            and self._connection.refusal is None
        ):
            await self._connection.change()

    async def wait_until_coming(self, timeout_s: float) -> None:
        """Wait as `wait_until_joined` does, but return early if the text takes longer than SOON_S to arrive; it is `ready` later."""
        joined = asyncio.create_task(self.wait_until_joined(timeout_s))
        try:
            while not joined.done():
                await asyncio.wait({joined}, timeout=SOON_S)
                if self.status.share is not None:
                    return
        finally:
            joined.cancel()
        joined.result()

    async def save(self) -> str:
        """Save the plain file with all my edits so far, which are on the server's disk then, too.

        Returns the folder that was created for the file, as far as it was missing; empty if none was.

        Raises:
            RequestFailed: it was not saved, or that is not known; the text is kept here and on the server.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        offline = (
            "Not saved to the file: the server cannot be reached now. "
            "Your text is kept on this machine and is sent when it can be reached."
        )
        answer = await self._ask(wire.Save, offline)
        return "".join(answer.names[:1]) if isinstance(answer, wire.Done) else ""

    async def reform(self, form: Form) -> None:
        """Save the plain file in another form, with all my edits so far.

        Raises:
            RequestFailed: as `save`; or the text has a character that the charset lacks.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        request = partial(wire.Reform, charset=form.charset, bom=form.bom, end=form.ends[0])
        await self._ask(request, "The server cannot be reached now, and it alone writes the file.")

    async def read_again(self, charset: str) -> None:
        """Have the plain file read in this charset; what differs becomes edits that can be undone.

        Raises:
            RequestFailed: it cannot be read so, or the server cannot be reached.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        offline = "The server cannot be reached now, and it alone reads the file."
        await self._ask(partial(wire.ReadAgain, charset=charset), offline)

    @property
    def known(self) -> Known:
        """What is known of the plain file here, to read it as the server does."""
        return UNKNOWN if self.form is None else Known(b"", self.form.charset, True)

    async def take_back_disk(self, *, again: bool = False) -> None:
        """Undo the last change that another program made to the plain file; with `again`, redo it.

        Nothing that people wrote is touched. The plain file follows with the next save.

        Raises:
            RequestFailed: there is no such change, or the server cannot be reached.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be reached now, and it alone knows what other programs changed."
        await self._ask(partial(wire.TakeBack, again=again), offline)

    async def compare(self) -> None:
        """Ask the server to mark the text as saved if the plain file has the same content. Nothing is written.

        Raises:
            RequestFailed: the server cannot be reached, or is of a release that cannot compare.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be asked now whether the file holds the text."
        await self._ask(wire.Compare, offline)

    async def kick(self, name: str) -> tuple[str, ...]:
        """Disconnect people by name from the pad; return whom, with the tokens that they used.

        Raises:
            RequestFailed: it is not permitted, or cannot be done.
        """
        from jpterm_like.sync import wire

        offline = f"{self.address} cannot be reached now."
        answer = await self._ask(partial(wire.Kick, name=name[: wire.NAME_LENGTH_MAX]), offline)
        return answer.names if isinstance(answer, wire.Done) else ()

    async def set_role(self, site: int, role: Literal["edit", "view"]) -> tuple[str, ...]:
        """Change what the person of an opening of the pad may do; return whom it concerns, with the tokens that they used.

        Raises:
            RequestFailed: it is not permitted, or cannot be done.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(
            partial(wire.SetRole, site=site, role=role), f"{self.address} cannot be reached now."
        )
        return answer.names if isinstance(answer, wire.Done) else ()

    async def everyone(self) -> list[Whereabout]:
        """Ask who is in which file of the server, me included; only files that I may open are told.

        Raises:
            RequestFailed: the server cannot be reached, or is too old.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(
            wire.Where, "The server cannot be reached now: the people in other files are not known."
        )
        assert isinstance(answer, wire.Whereabouts)
        mine = self.pad.buffer.site
        me = next((place.person for place in answer.places if place.site == mine), None)
        return [
            Whereabout(
                *place,
                address=self.address if place.path == self.path else self._address.with_path(place.path).text,
                is_me=place.person == me and place.name == self.name,
            )
            for place in answer.places
        ]

    async def say_line(self, line: str) -> None:
        """Say a line to the others in the pad; it is stored nowhere.

        Raises:
            RequestFailed: nobody was told: no connection, nobody here, too many lines, or an older server.
        """
        from jpterm_like.sync import wire

        await self._ask(
            partial(wire.Say, line=line[: wire.LINE_LENGTH_MAX]),
            "Nobody was told: the server cannot be reached now.",
        )

    async def rename(self, path: str) -> None:
        """Rename the file at its server; everybody in it stays in it, those who are offline once they are back.

        Raises:
            RequestFailed: it was not renamed.
        """
        from jpterm_like.sync import wire

        offline = "Not renamed: the server cannot be reached now."
        await self._ask(partial(wire.Rename, path=path), offline)

    async def delete_file(self) -> None:
        """Delete the file at its server. People who have it open keep the text, and saving writes it again.

        Raises:
            RequestFailed: it was not deleted.
        """
        from jpterm_like.sync import wire

        offline = "Not deleted: the server cannot be reached now."
        await self._ask(wire.Delete, offline)

    async def restart_history(self) -> None:
        """Begin a new history with the present text: people who join later receive nothing of the earlier one.

        People in it keep the text and unsent work; earlier edits can no longer be undone.

        Raises:
            RequestFailed: nothing was changed.
        """
        from jpterm_like.sync import wire

        offline = "The history was not restarted: the server cannot be reached now."
        await self._ask(wire.Restart, offline)

    async def _ask(self, make: Callable[[int, int], wire.Request], offline: str) -> wire.Answer:
        """Send the server the request that `make` makes for a channel and a number, and return its answer.

        Raises:
            RequestFailed: with the sentence `offline`, if the server cannot be reached; or it refused, or is too old for the request.
        """

        def send(link: Link, request: int) -> None:
            refusal = link.ask(make(self._connection.channel, request))
            if refusal is not None:
                raise RequestFailed(refusal.sentence)

        return await self._connection.ask(send, lambda: self._why_offline(offline))

    def _why_offline(self, sentence: str) -> str:
        """The sentence that says that the server cannot be reached, or why another one that answers is sent nothing."""
        return sentence if self.other_server is None else self._about_other_server

    async def informed(self, timeout_s: float = inf) -> None:
        """Wait until we have received everything that the server had to send before this call, people included.

        Args:
            timeout_s: how long the server may be silent; one that is busy takes longer.

        Raises:
            RequestFailed: the server cannot be reached.
            TimeoutError: it was silent for too long.
        """
        ping = self._connection.ask(
            lambda link, request: link.ping(request),
            lambda: self._why_offline(f"{self.address} cannot be reached now."),
        )
        await self._connection.while_heard(ping, timeout_s)

    def retry_now(self) -> None:
        """Try to connect at once."""
        self._connection.retry_now()

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Start the background tasks, if they are not running. Call it in the session's event loop."""
        if self._tasks:
            return
        for sentence in self.damage:
            self._notify(Notice(sentence, serious=True))
        works = (self._connection.run, self._keep_present)
        self._tasks = [asyncio.create_task(restart_on_failure(work)) for work in works]
        self._journal.begin()

    async def close(self) -> None:
        """End the opening: send unsent work while that is quick, then flush and release the journal."""
        if self._closing:
            return
        self._closing = True
        await self.settled()
        self._connection.close()
        for task in self._tasks:
            if self._link is not None and task is self._tasks[0]:
                await asyncio.wait({task}, timeout=CLOSE_S)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._journal.close(reduces=self._keeps and await asyncio.to_thread(self._is_all_at_my_hub))
        if not self._keeps and self.saved and not self.unsent:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self._storage.delete, self._journal.store.name)

    async def abandon(self) -> None:
        """Drop the opening as a crash would: nothing more is sent or flushed."""
        self._closing = self._connection.is_closed = True
        self._journal.abandon()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_all_at_my_hub(self) -> bool:
        """Return whether this user's hub has everything on its disk and in the file. Reads the disk."""
        if self._address.file is None or not self._caught_up.is_set() or not self.saved:
            return False
        if self._migration is not None or not self.version <= self.pad.stored:
            return False
        from jpterm_like.client.hub_store import is_of_my_hub

        return is_of_my_hub(self._server)

    # ------------------------------------------------------------------ changes of the pad

    def _attach(self, pad: Pad) -> None:
        pad.on_patch[:] = [self._journal_patch, self._report_patch]  # in the journal before it is on screen
        pad.on_news[:] = [self._on_news]

    def _journal_patch(self, patch: Patch, origin: object) -> None:
        self._write_journal()

    def _report_patch(self, patch: Patch, origin: object) -> None:
        if patch:
            self._notify(Changed(patch, mine=origin is None))
        if self._unreported_discards:
            self._report_discards()

    def _report_discards(self) -> None:
        """Report discards by others once their operations are here: to everybody present, and later to people who lost words."""
        buffer, rest = self.buffer, []
        for discard in self._unreported_discards:
            if buffer.version.get(discard.site) < discard.end:
                rest.append(discard)
                continue
            # Two people who share a login share journals, and thereby the versions that the other has seen.
            was_seen = self._seen.get(discard.site) >= discard.end and discard.site not in buffer.own_sites
            if was_seen or is_my_site(buffer, discard.site):
                continue
            sites = [site for site, _ in restorable_text(buffer, discard)]
            lost_mine = any(is_my_site(buffer, site) for site in sites)
            names = ["you"] * lost_mine + [name for name in losers(buffer, discard) if name != buffer.author]
            if lost_mine or (names and self._caught_up.is_set()):
                who = buffer.author_of(discard.site) or "Somebody"
                lost = f"unsaved words by {join_names(names)}" if names != ["you"] else "your unsaved words"
                sentence = (
                    f"{who} went back to the {self._file_at(discard)}, which removed {lost}. "
                    "The command “Restore discarded work” restores them."
                )
                self._notify(Notice(sentence, serious=True, topic="discards"))
        self._unreported_discards = rest

    def _file_at(self, discard: Discard) -> str:
        """The file that somebody went back to: "file of 19:12", if it was not written since."""
        written, discarded = self._file_seconds, self.buffer.time_of(discard.site, discard.begin)
        if written is None or not discarded or written > discarded + DISCARD_S:
            return "saved file"
        return f"file of {clock.words(written)}"

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

    # ------------------------------------------------------------------ presence

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

    async def _keep_present(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(REFRESH_S)
            if self.pad.presences.expire(loop.time()):
                self._on_news()
            self._show_caret()
            self._check()
            with contextlib.suppress(StorageError):
                await self._journal.fold_if_long()

    def _check(self) -> None:
        """Compare digests with the server when both have the same version, now and then (F17)."""
        version = self.pad.buffer.version
        if self._link is None or self.unsent or version == self._checked:
            return
        self._checked = version
        self._link.check(self._connection.channel)
        self._connection.wake()

    def _forget_people(self) -> None:
        """Let all presences expire: without a connection nobody is known to be here."""
        now = asyncio.get_running_loop().time()
        self.pad.presences.expire(now + 2 * EXPIRY_S)
        self._on_news()

    # ------------------------------------------------------------------ events of the link

    def _on_lost(self, link: Link) -> None:
        channel = link.channels.get(self._connection.channel)
        if channel is not None and channel.pad is self.pad:
            self._sent = self._sent.merge(channel.cursor.version)
        self._migration = None

    async def _handle(self, event: events.Event) -> None:
        from jpterm_like.sync import events, wire
        from jpterm_like.textdiff.diff import diff

        match event:
            case events.Greeted(_, server):
                self._server = server
                self._on_server_known()
            case events.Admitted(channel, document):
                self._document = document
                self._on_admitted(channel)
            case events.AncestorNoted():
                self._write_journal()
            case wire.Elsewhere(_, path):
                self._on_elsewhere(path)
            case events.Received(channel, share) if channel == self._connection.channel:
                self._connection.set_status(Status("connected", share=share))
            case events.CaughtUp(channel):
                self._on_caught_up(channel)
            case events.OtherHistory() if not self.ready:
                # the part received so far belongs to a history that is gone
                self._replace_pad(Pad(TextBuffer(author=self.name)), Patch(tuple(diff(self.text, ""))))
                self._open_channel(self.pad)
            case events.OtherHistory(_, diverged):
                self._on_other_history(diverged)
            case wire.Refuse(channel, request, code, sentence):
                self._on_refused(channel, request, code, sentence)
            case wire.Done(request) if self._migration is not None and request == self._migration.request:
                self._migration.catch_up()
                self._finish_migration(self._migration)
            case wire.Answer():
                self._connection.answered(event)
            case wire.Renamed(channel, path):
                if channel == self._connection.channel or (
                    self._migration is not None and channel == self._migration.channel
                ):
                    self._take_new_name(path)
            case events.DiscardNoted(channel, discard) if channel == self._connection.channel:
                self._unreported_discards.append(discard)
                self._report_discards()
            case wire.FileForm(_, is_there, charset, bom, ends):
                self.form, self._has_file = Form(bom, ends, charset), is_there
                self._notify(StatusChanged())
            case wire.Said(_, name, line):
                self._notify(Said(name, line))
            case wire.Notice(_, serious, sentence):
                if sentence.endswith(MADE_BY_NEWER):
                    self._why_read_only = sentence
                if sentence.endswith((READ_ONLY, WRITABLE)):
                    self.is_protected = sentence.endswith(READ_ONLY)
                    self._notify(StatusChanged())
                self._settle(ended_by(sentence))
                self._notify(Notice(sentence, serious, begun_by(sentence) if serious else ""))

    # ------------------------------------------------------------------ which server, which document

    def _on_server_known(self) -> None:
        """Open the pad if our text belongs to the server that answered, or the user said what to do."""
        wish, self._wish = self._wish, None
        is_asked = self._server == self.other_server
        if is_asked and wish == "begin":
            self._begin_migration(sets_aside=True)
        elif is_asked and wish == "send":
            self.pad.identity = self._chosen(Identity(self._server))
            self._journal.leave(self.pad, Saver(self.pad, self._unused_slot(), Version()))
            # That server's file was never saved from here: text that it lacks was not deleted in it.
            self.pad.earlier = (*self.pad.earlier, self.pad.held)
            self.pad.saved = self.pad.held = Version()
            self._write_journal()
            self._begin_opening()
        elif self._belongs_to_server():
            self._begin_opening()
        else:
            self._on_other_server()

    def _on_other_server(self) -> None:
        """Continue with the journal of the other server that answered; without one, ask the user what to do."""
        if (found := self._kept_of_server()) is not None:
            self._continue_from(*found)
            self._begin_opening()
        else:
            self._ask_about_server()

    def _kept_of_server(self) -> tuple[Store, RestoredPad] | None:
        """Open the journal of the server that answered, if there is one. Blocks on the disk."""
        try:
            return held_of(self._storage, self._address.key, self.name, self._server)
        except StorageError as problem:  # then the user is asked, as if there were none
            log.error("%s", problem)
            return None

    def _belongs_to_server(self) -> bool:
        """Return whether our text belongs to the server that answered, or may. A file belongs to its machine."""
        return self.is_file or self._only_history_tells or self._my_server == self._server

    @property
    def _my_server(self) -> bytes:
        """The identity of the server that our text belongs to; empty if not known."""
        return self.pad.identity.server if self.pad.identity is not None else b""

    @property
    def _only_history_tells(self) -> bool:
        """Whether only the history can show that the server is ours: servers of release 0.1.0 do not identify themselves, and
        journals of that release do not name their server."""
        return not self.is_file and (self._my_server == b"") != (self._server == b"")

    def _ask_about_server(self) -> None:
        """Stay offline and say why: another server gets nothing of ours before the user agrees."""
        self.other_server = self._server
        sentence = self._about_other_server
        self._connection.explain(sentence)
        self._connection.end("other_server", sentence)

    @property
    def _about_other_server(self) -> str:
        return (
            f"Another server answers at {self.address} than the one your text belongs to: nothing was sent to it. With ctrl+p "
            "in the editor you can send your text to it, or use its own; either way yours is kept for the former server."
        )

    def send_to_this_server(self) -> None:
        """Merge our text into the document of the other server that answers; it is kept for the former server, too.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("send")

    def begin_with_this_server(self) -> None:
        """Use the text of the other server that answers; ours is kept for the former server.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("begin")

    def _decide(self, wish: Literal["send", "begin"]) -> None:
        if self.other_server is None:
            raise JptermError(f"No other server answers at {self.address} than the one your text belongs to.")
        self._wish = wish
        self.retry_now()

    def _begin_opening(self) -> None:
        """Open the pad at the server with our version of it."""
        self._stored_before, self._had_before = self.pad.stored, self.pad.buffer.version
        self._open_channel(self.pad)

    def _on_elsewhere(self, path: str) -> None:
        """Our document was renamed, and another document has its name now."""
        if not self.unsent:
            self._begin_migration(sets_aside=True, former=path)
            return
        was, former = self.title, self._address.path
        self._take_new_name(path)
        if self._address.path != former:
            sentence = f"{was} is another document now; the one that you wrote in is called {path}."
            self._notify(Notice(sentence, serious=True))
            self._begin_opening()
        elif self._link is not None and self._link.state != "ended":
            self._connection.end("moved", f"{was} is another document now.")

    def _note_identity(self) -> None:
        """Record the identities of server and document."""
        identity = (self.pad.identity or Identity()).met(self._server, self._document)
        if identity != (self.pad.identity or Identity()):
            self.pad.identity = identity
            self._write_journal()

    def _chosen(self, identity: Identity) -> Identity:
        return identity._replace(chosen_ms=int(clock.wall() * 1000))

    def _unused_slot(self) -> Store:
        return unused_slot(self._storage, self._address.key)

    def _continue_from(self, store: Store, kept: RestoredPad) -> None:
        """Continue with the journal of the server that answered; the present text is kept for its own server."""
        from jpterm_like.textdiff.diff import diff

        pad = kept.pad()
        pad.identity = self._chosen(pad.identity or Identity())
        self.ready = True
        saver = Saver(pad, store, pad.buffer.version, pad.buffer.own_sites)
        self._replace_pad(pad, Patch(tuple(diff(self.text, pad.buffer.text))), saver)
        sentence = (
            f"Another server answers at {self.address} than before: your text of this one is shown now."
        )
        self._notify(Notice(sentence, serious=True))

    def _take_new_name(self, path: str) -> None:
        """Follow a renamed pad: its journal gets the new name."""
        assert self._connection.peer is not None
        address = follow_rename(self._address, path, self._connection.peer)
        if address is None:
            self._stay(path)
            return
        self._connection.address, self.title = address, address.title
        with contextlib.suppress(StorageError):  # a journal that keeps the old name is led on by the server
            if self.ready:
                # Not the first free one, which may belong to another document that had this name.
                self.pad.identity = self._chosen(self.pad.identity or Identity())
                self._journal.move(self._unused_slot())
        self._notify(StatusChanged())
        self._connection.wake_waiters()

    def _stay(self, path: str) -> None:
        """Leave a hub that has another name for my file: my edits go into the file that I opened."""
        sentence = (
            f"{self.title} is called {path} at another user's hub now. You stay with {self.address}; "
            "open the other name to go on there."
        )
        self._connection.explain(sentence)
        self._connection.end("moved", sentence)

    def _open_channel(self, pad: Pad, *, joining: bool = False, merging: bool = False) -> int:
        """Open a pad at the server; `joining` opens it empty-handed, while another is on the screen."""
        assert self._link is not None
        number = self._connection.next_channel()
        if not joining:
            self._connection.channel = number
        is_first = not self.ready and not pad.buffer.version
        documents = pad.identity.documents if pad.identity is not None else ()
        self._link.open(
            number,
            pad,
            self._address.path,
            create=self._create,
            empty=is_first or joining,
            merging=merging,
            document=documents[0] if documents else b"",
            is_unsure=self._only_history_tells and not joining,
        )
        return number

    def _on_admitted(self, channel: int) -> None:
        assert self._link is not None
        if channel != self._connection.channel:
            return
        self._connection.note_admitted()
        self.other_server = None
        self.is_protected = False  # the server says so after this, if it is
        self._note_identity()
        before, self.role = self.role, "view" if self._view else self._link.channels[channel].role
        if self.role == "edit":
            self._settle("role")
        self._settle(*OF_SERVER)  # it says so after this if one of them lasts
        if before == "edit" and self.role == "view" and self._has_more_than(channel):
            self._notify(Notice(KEPT_HERE, serious=True, topic="role"))
        if self.status.state != "connected":
            self._connection.set_status(Status("connected"))
        self._show_caret()

    def _has_more_than(self, channel: int) -> bool:
        """Whether something was written here that the server does not have."""
        assert self._link is not None
        return not self.pad.buffer.version <= self._link.channels[channel].cursor.version

    def _on_caught_up(self, channel: int) -> None:
        if self._migration is not None and channel == self._migration.channel:
            self._merge_ours(self._migration)
            return
        if channel != self._connection.channel:
            return
        if not self.ready:
            self.ready = True
            self._write_journal()
        self._caught_up.set()
        self._connection.set_status(Status("connected"))
        self._notify(StatusChanged())
        self._show_caret()
        self._connection.wake_waiters()

    def _on_refused(self, channel: int | None, request: int | None, code: str, sentence: str) -> None:
        if request is not None:
            self._connection.declined(request, sentence)
        elif code == "site_taken":
            self._take_fresh_site()
            self._open_channel(self.pad)
        else:
            self._connection.refuse(JptermError(sentence))
            self._connection.end(code, sentence)

    # ------------------------------------------------------------------ other histories (see `history_migration`), other sites

    def _on_other_history(self, diverged: bool) -> None:
        if self._only_history_tells and not diverged:
            self._on_other_server()
        else:
            self._begin_migration(diverged=diverged)

    def _begin_migration(self, *, diverged: bool = False, sets_aside: bool = False, former: str = "") -> None:
        from jpterm_like.client.history_migration import HistoryMigration

        pad = Pad(TextBuffer(author=self.name))
        channel = self._open_channel(pad, joining=True, merging=not sets_aside)
        ours = self._had_before if diverged else None
        self._migration = HistoryMigration(
            self.pad,
            pad,
            channel,
            self._stored_before,
            self._sent,
            ours,
            sets_aside=sets_aside,
            former=former,
        )

    def _merge_ours(self, migration: HistoryMigration) -> None:
        from jpterm_like.sync import wire

        assert self._link is not None
        if migration.sets_aside:
            self._finish_migration(migration)
            return
        if self._link.channels[migration.channel].role == "view":
            if migration.is_empty_handed:
                self._finish_migration(migration)
                return
            sentence = (
                "You may only read this file now, and it lacks text of yours, which is kept on this machine."
            )
            self._connection.refuse(JptermError(sentence))
            self._connection.end("role", sentence, retry_after_s=RETRY_MOST_S)
            return
        note = migration.bring_in()
        if note is not None:
            self._link.send_ancestor(migration.channel, note)
            self._sent = self._sent.merge(self.pad.buffer.version)
        migration.request = self._connection.next_request()
        self._link.ask(wire.Merged(migration.channel, migration.request))
        self._connection.wake()

    def _finish_migration(self, migration: HistoryMigration) -> None:
        """Leave our history for the server's, which has our text now, unless ours is set aside."""
        self._migration = None
        pad, saver = migration.pad, None
        if migration.sets_aside:
            pad.identity = self._chosen(Identity())
            saver = Saver(pad, self._unused_slot(), Version())
            sentence = f"{self.title} is another document than the one that you had, which is called {migration.former} now."
            if not migration.former:
                sentence = "The text of this server is shown now. Yours is kept on this machine, and shown when its server is back."
            self._notify(Notice(sentence, serious=True))
        else:
            pad.identity = self.pad.identity
        self._connection.channel = migration.channel
        patch = migration.leave()
        self._replace_pad(pad, patch, saver)
        if migration.is_new_history and not migration.merged:
            told = f"The history of {self.title} was restarted: earlier edits can no longer be undone."
            if patch:
                told = "The server's document has another history than yours; its text is shown now."
            self._notify(Notice(told, serious=bool(patch)))
        if migration.merged:
            self._merged = pad.buffer.version
            sentence = "The server's document has another history than yours; your text was merged into it as new edits."
            self._notify(Notice(sentence, serious=True))
        self._on_admitted(migration.channel)
        self._on_caught_up(migration.channel)

    def _take_fresh_site(self) -> None:
        """Continue under a new site, because a copy of this replica uses ours elsewhere (F17)."""
        old = self.pad
        buffer = TextBuffer.decode(
            old.buffer.encode(), author=old.buffer.author, own_sites=old.buffer.own_sites
        )
        buffer.restore_steps([old.buffer.take_steps(whole=True)])
        fresh = Pad(buffer)
        fresh.stored, fresh.saved, fresh.held = old.stored, old.saved, old.held
        fresh.identity, fresh.ancestors, fresh.earlier = old.identity, old.ancestors, old.earlier
        fresh.unread, fresh.discards = old.unread, old.discards
        self._replace_pad(fresh, Patch())

    def _replace_pad(self, pad: Pad, patch: Patch, saver: Saver | None = None) -> None:
        """Switch to another pad; with a saver that one keeps it, and the present journal stays as it is."""
        self._sent = Version()
        old, self.pad = self.pad, pad
        old.on_patch.clear()
        old.on_news.clear()
        self._seen_stored, self._seen_saved, self._seen_people = pad.stored, pad.saved, pad.presences.end
        self._last_saved, self._began = pad.saved, pad.buffer.version
        if saver is None:
            self._journal.turn_to(pad)
        else:
            self._journal.leave(pad, saver)
        self._attach(pad)
        find = old.buffer.offset
        caret, mark = (None if anchor is None else find(anchor) for anchor in (self._caret, self._mark))
        if caret is not None:
            self._put_caret(patch.map_offset(caret), None if mark is None else patch.map_offset(mark))
        self._notify(Reset(patch))
        if self.ready:
            self._journal.replace()
        self._notify(StatusChanged())
        self._notify(PeopleChanged())


def _check_text(text: str) -> None:
    """Refuse what no file can keep."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as problem:
            raise ValueError("the text holds lone surrogates, which cannot be saved as UTF-8") from problem
