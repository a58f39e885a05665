"""One opening of one pad: what an editor or a script holds.

A session keeps its own replica and journal, answers every edit at once from the replica, and talks to the server in
the background. The network is never waited for unless asked (`stored`, `save`). Sessions are made by `client.open`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from crdt import Anchor, Patch, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.access.addresses import Address, follow_rename, is_hub_file
from jpterm_like.background import restart_on_failure
from jpterm_like.client.connection import CLOSE_S, RETRY_MOST_S, ServerConnection
from jpterm_like.client.events import (
    Changed,
    Event,
    Notice,
    NotReady,
    NotSaved,
    PeopleChanged,
    Reset,
    Status,
    StatusChanged,
)
from jpterm_like.client.journal import Journal, held_of, unused_slot
from jpterm_like.errors import NOT_SAVED, SAVING_WRITES, JptermError
from jpterm_like.files.read import read_plain
from jpterm_like.saver import RestoredPad, Saver
from jpterm_like.storage.base import MADE_BY_NEWER, Storage, StorageError, Store
from jpterm_like.sync.ancestry import Identity, remembered
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import EXPIRY_S, REFRESH_S, Person
from jpterm_like.sync.unsaved_work import (
    SOMEBODY,
    Discard,
    Operations,
    all_unsaved,
    authors_of,
    brought_back,
    is_my_site,
    listed,
    losers,
    my_unsaved,
    newest_time,
    unsaved_of_others,
)
from jpterm_like.transports.base import CannotConnect

# What talks to a server is loaded when there is one to talk to: the first screen is painted without it.
if TYPE_CHECKING:
    from jpterm_like.client.history_migration import HistoryMigration
    from jpterm_like.sync import events, wire
    from jpterm_like.sync.link import Link

log = logging.getLogger("jpterm_like.client.session")

NOTICES_KEPT: Final = 20
"""For a script that does not listen yet, or never does."""
SOON_S: Final = 0.3
"""A text that is on its way for longer than this is shown while it comes."""


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
        """Mine, as others see it."""
        self.title = address.title
        """What to call the pad on screen."""
        self.pad = pad
        self.ready = ready
        """False while the text is not known: joining for the first time."""
        self.role: Literal["edit", "view"] = "view" if view else "edit"
        self._why_read_only = "You may read this file, not write it."
        self._connection = ServerConnection(
            name,
            address,
            handle=self._handle,
            notify=self._tell,
            on_lost=self._on_lost,
            on_offline=self._forget_people,
        )
        self._create = create
        self._view = view
        self._visible = visible
        self._keeps = keeps  # else the journal goes when all of it is saved and the session ends
        self._storage = storage
        self._journal = Journal(
            pad,
            storage,
            saver,
            lambda sentence: self._tell(Notice(sentence, serious=True)),
            lambda: self._address.key,
        )
        self._listeners: list[Callable[[Event], None]] = []
        self._migration: HistoryMigration | None = None
        self._checked = Version()
        self.other_server: bytes | None = None
        """The identity of the server that answers instead of the one that the text is of, while it is to be decided what to
        do: see `send_to_this_server` and `begin_with_this_server`."""
        self._server = b""
        self._document = b""
        self._wish: Literal["send", "begin"] | None = None
        self._stored_before, self._had_before = pad.stored, pad.buffer.version
        self._sent = Version()
        """What went out on the last line: others can have it, stored or not."""
        self._untold: list[Notice] = []  # for who listens first
        self.damage: list[str] = []
        """What of the journal could not be read, in plain sentences; told when the session starts."""
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._caret: Anchor | None = None
        self._mark: Anchor | None = None
        self._calls = 0
        self._seen_stored: Version = pad.stored
        self._seen_saved: Version = pad.saved
        self._seen_people = 0
        self._seen: Version = pad.buffer.version
        """What I had before this opening: what was discarded by then I was told."""
        self._untold_discards: list[Discard] = []
        self._is_discarding = False
        """While work is being discarded: the journal has a note of that before it has the operations."""
        self._last_saved: Version = pad.saved
        self._began: Version = pad.buffer.version
        self._merged = Version()
        """What I have of another history, and merged in: it has other people's words under my name, so it is not discarded."""
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
        """What this replica has."""
        return self.pad.buffer.version

    def replace(self, start: int, end: int, text: str) -> Patch:
        """Put `text` in the place of a range, at once; it is journaled when this returns.

        Raises:
            NotReady: the text is not known yet.
            ValueError: the range is not in the text, or `text` holds lone surrogates, which no file can keep.
        """
        self._check_ready()
        if not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as problem:
                raise ValueError(
                    "the text holds lone surrogates, which cannot be saved as UTF-8"
                ) from problem
        return self.pad.replace(start, end, text, clock.wall())

    def undo(self) -> Patch | None:
        """Take back my latest step, and nobody else's; None when there is none."""
        return self.pad.undo(clock.wall())

    def redo(self) -> Patch | None:
        """Do again what I took back last; None when there is nothing."""
        return self.pad.redo(clock.wall())

    def break_undo(self) -> None:
        """Let the next edit begin a new step of undo."""
        self.pad.buffer.break_undo()

    def discard(self) -> bool:
        """Take back what I wrote and no save has, of this opening and earlier ones, in one step; whether there was any.

        What others wrote stays, also what they wrote inside mine. The plain file is not touched.
        """
        if not self.ready or self.role == "view":
            return False
        operations = my_unsaved(self.buffer, self._saved_before.merge(self._merged))
        return bool(self.pad.revert(operations, clock.wall()))

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        """Whose work, beside mine, is in the text and not in the plain file. Costs the length of the text."""
        return tuple(unsaved_of_others(self.buffer, self._saved_before))

    def would_lose(self, text: str) -> tuple[str, ...]:
        """Whose unsaved work, beside mine, would go if the text were `text`, the file's. Costs the length of the text."""
        names = dict.fromkeys(self.others_unsaved)
        merged = self._merged.get(self.buffer.site)
        if merged and self.buffer.effect_of(
            {self.buffer.site: [(self._saved_before.get(self.buffer.site), merged)]}
        ):
            names[SOMEBODY] = None  # whose it was is not known any more
        if self.buffer.at(self._saved_before) != text:
            from jpterm_like.textdiff.diff import diff

            gone = [(start, end) for start, end, _ in diff(self.text, text)]
            names |= dict.fromkeys(authors_of(self.buffer, gone))
        return tuple(names)

    @property
    def can_tell(self) -> bool:
        """Whether those whose work I discard can be told of it now."""
        link = self._link
        return link is not None and self.status.state == "connected" and "discarding" in link.features

    async def go_back(self, text: str) -> None:
        """Have the text be `text`, the file's, in one step; those whose work goes are told, and can bring it back.

        Raises:
            NotSaved: they cannot be told; all is as before.
        """
        self._check_ready()
        lost = self.would_lose(text)
        if lost and not self.can_tell:
            raise NotSaved(f"{listed(lost)} cannot be told now, so the text is as before.")
        discard = self._put(all_unsaved(self.buffer, self._saved_before), text)
        if lost:
            await self._note_discard(discard)
        else:
            await self._journal.end_discard()

    def _put(self, operations: Operations, text: str) -> Discard:
        """Revert some operations, and have what is still otherwise be as `text`; one step, of these operations.

        The journal has a note of it before: a start that finds the note takes the step back, for nobody was told.
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
        """Have the others told.

        Raises:
            NotSaved: they are not; what was discarded is there again.
        """
        from jpterm_like.sync import wire

        try:
            offline = "The others cannot be told now, so the text is as before."
            await self._ask(partial(wire.Discard, begin=discard.begin, end=discard.end), offline)
        except NotSaved:
            self.pad.revert(discard.operations, clock.wall())
            await self._journal.end_discard()
            raise
        self.pad.note_discard(discard)
        await self._journal.end_discard()

    @property
    def is_written_anew(self) -> bool:
        """Whether unsaved work is here that is older than the plain file. Looks at the disk, and costs the length of the text."""
        file = self._address.file
        if file is None or self.saved:
            return False
        newest = newest_time(self.buffer, all_unsaved(self.buffer, self._saved_before))
        try:
            return newest is not None and file.stat().st_mtime > newest
        except OSError:
            return False

    async def set_aside(self) -> None:
        """Set unsaved work aside, if another program has written the file anew since and nobody is in it: the text is the
        file's then, and what was there can be brought back. To be called before anything is typed.

        Raises:
            JptermError: the file cannot be read.
        """
        if self.people or self.role == "view" or not self.is_written_anew:
            return
        assert self._address.file is not None
        plain = await asyncio.to_thread(read_plain, self._address.file)
        if plain is None or self.people:
            return
        if self.can_tell:
            discard = self._put(all_unsaved(self.buffer, self._saved_before), plain.text)
            await self._note_discard(discard)
            await self.compare()
        else:  # what may be others' stays, for they could not be told
            begin = self.version.get(self.buffer.site)
            self.discard()
            self.pad.note_discard(Discard(self.buffer.site, begin, self.version.get(self.buffer.site)))
        self._tell(
            Notice(
                "Unsaved work from before is set aside, for this file was written anew. "
                "“Bring back what was discarded” among the commands brings it in.",
                serious=True,
                topic="discards",
            )
        )

    def discards(self) -> list[Discard]:
        """What can be brought back, the newest first. Costs the length of the text."""
        return [it for it in reversed(self.pad.discards) if brought_back(self.buffer, it)]

    def bring_back(self, discard: Discard) -> None:
        """Have the text be as if that had not been discarded, in one step."""
        self._check_ready()
        self.pad.revert(discard.operations, clock.wall())

    @property
    def _saved_before(self) -> Version:
        """The text that the plain file had last, as far as is known: what came after that is unsaved."""
        if self._last_saved or self.is_new:
            return self._last_saved
        return self._began  # what of the earlier work is in the file cannot be told: it is left alone

    def one_step(self) -> AbstractContextManager[None]:
        """Everything edited inside is one step of undo."""
        return self.pad.buffer.one_step()

    # ------------------------------------------------------------------ how things stand

    @property
    def status(self) -> Status:
        """How the session stands with its server."""
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
        """Where the pad is, to be shown."""
        return self._address.text

    @property
    def is_file(self) -> bool:
        """Whether it is a file of a hub, here or through ssh: it is written when somebody saves, and not before."""
        return is_hub_file(self._address)

    @property
    def unsent(self) -> int:
        """How many of my operations are not yet on the server's disk, those of earlier openings included."""
        buffer = self.pad.buffer
        have, stored = buffer.version, self.pad.stored
        return sum(max(0, have.get(site) - stored.get(site)) for site in buffer.own_sites)

    @property
    def saved(self) -> bool:
        """Whether the plain file on the server holds this text, as far as is known here."""
        return self.pad.saved == self.pad.buffer.version

    @property
    def is_new(self) -> bool:
        """Whether there is no plain file yet, as far as can be seen from here. Looks at the disk."""
        return self._address.file is not None and not self._address.file.exists()

    @property
    def people(self) -> tuple[Person, ...]:
        """Who else is here."""
        return self.pad.people

    def show_caret(self, caret: int, mark: int | None) -> None:
        """Tell the others where I am; offsets of the text as it is, `mark` the other end of a selection."""
        if self._put_caret(caret, mark):
            self._show_caret()

    def _put_caret(self, caret: int, mark: int | None) -> bool:
        """Note where I am, by the characters there; whether that is news."""
        buffer = self.pad.buffer
        before = self._caret, self._mark
        self._caret = buffer.anchor(min(caret, len(buffer)))
        self._mark = None if mark is None else buffer.anchor(min(mark, len(buffer)))
        return (self._caret, self._mark) != before

    def call(self) -> None:
        """Ask the others to look where my caret is."""
        self._calls += 1
        self._show_caret()

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have every event told, in the call in which it happens; notices from before as well, to who listens first.

        A listener that raises is told nothing more; that is logged, and the others are told. Call what is returned to
        end it.
        """
        self._listeners.append(listener)
        untold, self._untold = self._untold, []
        for notice in untold:
            self._tell_one(listener, notice)
        return lambda: self._forget_listener(listener)

    def _forget_listener(self, listener: Callable[[Event], None]) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    # ------------------------------------------------------------------ what waits for the server

    async def stored(self) -> None:
        """Return when everything of mine so far is on the server's disk. Waits through outages.

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
            if self.pad is not pad:  # another history was adopted; my work is in it under other ids
                return await self.stored()
        return None

    async def settled(self) -> None:
        """Wait for what is on its way to the server's disk, while that is quick: CLOSE_S at most, and only if connected."""
        if self.unsent and self.status.state == "connected":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.stored()

    async def synced(self) -> None:
        """Return when we have everything that the server had when the line was made.

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
        """Return when there is a text to work on: the server's, or what we have of it if the server is not there.

        Args:
            timeout_s: how long the server may be silent; a long text may take longer.

        Raises:
            JptermError: the server refuses the pad, or nothing is known of it here and the server is not there.
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
        """As `wait_until_joined`, but returns with less when the text is on its way and takes longer than SOON_S: then it is `ready`
        later."""
        joined = asyncio.create_task(self.wait_until_joined(timeout_s))
        try:
            while not joined.done():
                await asyncio.wait({joined}, timeout=SOON_S)
                if self.status.share is not None:
                    return
        finally:
            joined.cancel()
        joined.result()

    async def save(self) -> None:
        """Have the plain file written, with everything that I did before. It is on the server's disk then, too.

        Raises:
            NotSaved: it was not, or it is not known; the text is kept here and on the server.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise NotSaved(self._why_read_only)
        offline = (
            "Not saved to the file: the server cannot be reached now. "
            "Your text is kept on this machine and goes there by itself."
        )
        await self._ask(wire.Save, offline)

    async def take_back_disk(self, *, again: bool = False) -> None:
        """Have the last change taken back that another program made to the plain file; with `again`, made again.

        Nothing of what people wrote is touched. The plain file follows with the next save.

        Raises:
            NotSaved: there is no such change, or the server cannot be reached.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be reached now, and it alone knows what other programs changed."
        await self._ask(partial(wire.TakeBack, again=again), offline)

    async def compare(self) -> None:
        """Have the text called saved if the plain file holds it as it is. Nothing is written there.

        Raises:
            NotSaved: the server cannot be reached, or is of a release that cannot compare.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be asked now whether the file holds the text."
        await self._ask(wire.Compare, offline)

    async def kick(self, name: str) -> tuple[str, ...]:
        """Put somebody out who has the pad open; returns who they were, with the tokens that they came in by.

        Raises:
            NotSaved: it may not or cannot be done.
        """
        from jpterm_like.sync import wire

        offline = f"{self.address} cannot be reached now."
        answer = await self._ask(partial(wire.Kick, name=name[: wire.NAME_LENGTH_MAX]), offline)
        return answer.names if isinstance(answer, wire.Done) else ()

    async def rename(self, path: str) -> None:
        """Give the file another name at its server; everybody who is in it goes along, those who are away when they are back.

        Raises:
            NotSaved: it has the name that it had.
        """
        from jpterm_like.sync import wire

        offline = "Not renamed: the server cannot be reached now."
        await self._ask(partial(wire.Rename, path=path), offline)

    async def delete_file(self) -> None:
        """Delete the file at its server. Who has it open keeps the text, and saving writes it again.

        Raises:
            NotSaved: it is there as before.
        """
        from jpterm_like.sync import wire

        offline = "Not deleted: the server cannot be reached now."
        await self._ask(wire.Delete, offline)

    async def restart_history(self) -> None:
        """Have the text begin with what it is now: who comes later is sent nothing of what was before.

        Who is in it keeps text and unsent work; what could be undone before cannot be any more.

        Raises:
            NotSaved: all is as before.
        """
        from jpterm_like.sync import wire

        offline = "The history was not begun anew: the server cannot be reached now."
        await self._ask(wire.Restart, offline)

    async def _ask(self, make: Callable[[int, int], wire.Request], offline: str) -> wire.Answer:
        """Send the server the request that `make` makes for a channel and a number, and return its answer.

        Raises:
            NotSaved: with the sentence `offline`, if the server cannot be reached; or it refused, or is too old for the request.
        """

        def send(link: Link, request: int) -> None:
            refusal = link.ask(make(self._connection.channel, request))
            if refusal is not None:
                raise NotSaved(refusal.sentence)

        return await self._connection.ask(send, lambda: self._why_offline(offline))

    def _why_offline(self, sentence: str) -> str:
        """The sentence that says that the server cannot be reached, or why another one that answers is sent nothing."""
        return sentence if self.other_server is None else self._about_other_server

    async def informed(self, timeout_s: float = inf) -> None:
        """Return when we have been told everything that the server had to say before this call, people included.

        Args:
            timeout_s: how long the server may be silent; one that is busy takes longer.

        Raises:
            NotSaved: the server cannot be reached.
            TimeoutError: it was silent for too long.
        """
        ping = self._connection.ask(
            lambda link, request: link.ping(request),
            lambda: self._why_offline(f"{self.address} cannot be reached now."),
        )
        await self._connection.while_heard(ping, timeout_s)

    def retry_now(self) -> None:
        """Do not wait for the next attempt to reconnect."""
        self._connection.retry_now()

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin to talk to the server in the background, if it has not begun; in the loop that the session lives in."""
        if self._tasks:
            return
        for sentence in self.damage:
            self._tell(Notice(sentence, serious=True))
        works = (self._connection.run, self._keep_present)
        self._tasks = [asyncio.create_task(restart_on_failure(work)) for work in works]
        self._journal.begin()

    async def close(self) -> None:
        """End the opening: send what is unsent while that is quick, bring the journal to the disk, let go of it."""
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
        """Drop the opening as a crash would: nothing more is sent, and nothing more is brought to the disk."""
        self._closing = self._connection.is_closed = True
        self._journal.abandon()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_all_at_my_hub(self) -> bool:
        """Whether this user's hub has on its disk, and in the file, all that is here. Looks at the disk."""
        if self._address.file is None or not self._caught_up.is_set() or not self.saved:
            return False
        if self._migration is not None or not self.version <= self.pad.stored:
            return False
        from jpterm_like.client.hub_store import is_of_my_hub

        return is_of_my_hub(self._server)

    # ------------------------------------------------------------------ the pad's news

    def _attach(self, pad: Pad) -> None:
        pad.on_patch[:] = [self._journal_patch, self._tell_patch]  # in the journal before it is on screen
        pad.on_news[:] = [self._on_news]

    def _journal_patch(self, patch: Patch, origin: object) -> None:
        self._write_journal()

    def _tell_patch(self, patch: Patch, origin: object) -> None:
        if patch:
            self._tell(Changed(patch, mine=origin is None))
        if self._untold_discards:
            self._tell_discards()

    def _tell_discards(self) -> None:
        """Tell of work that others discarded, once that is here: to all who are present, and to whoever lost words later."""
        buffer, rest = self.buffer, []
        for discard in self._untold_discards:
            if buffer.version.get(discard.site) < discard.end:
                rest.append(discard)
                continue
            # Two who share a login share journals, and with them what the other one has seen.
            was_seen = self._seen.get(discard.site) >= discard.end and discard.site not in buffer.own_sites
            if was_seen or is_my_site(buffer, discard.site):
                continue
            sites = [site for site, _ in brought_back(buffer, discard)]
            lost_mine = any(is_my_site(buffer, site) for site in sites)
            names = ["you"] * lost_mine + [name for name in losers(buffer, discard) if name != self.name]
            if lost_mine or (names and self._caught_up.is_set()):
                who = buffer.author_of(discard.site) or "Somebody"
                lost = f"unsaved words by {listed(names)}" if names != ["you"] else "your unsaved words"
                sentence = (
                    f"{who} went back to the text as the file has it, and {lost} went, too. "
                    "“Bring back what was discarded” among the commands brings them back."
                )
                self._tell(Notice(sentence, serious=True, topic="discards"))
        self._untold_discards = rest

    def _on_news(self) -> None:
        self._connection.wake()
        pad = self.pad
        if pad.stored is not self._seen_stored or pad.saved is not self._seen_saved:
            if pad.saved is not self._seen_saved:
                pad.earlier = remembered(pad.earlier, self._seen_saved)
            self._seen_stored, self._seen_saved = pad.stored, pad.saved
            if self._address.file is not None and pad.saved and pad.saved != self._last_saved:
                self.buffer.note_time()  # what is typed next is younger than the file
            self._last_saved = pad.saved or self._last_saved  # none is told of a file that was deleted
            self._write_journal()
            self._tell(StatusChanged())
            self._connection.wake_waiters()
        if pad.presences.end != self._seen_people:
            self._seen_people = pad.presences.end
            self._tell(PeopleChanged())

    def _write_journal(self) -> None:
        if self.ready and not self._is_discarding:
            self._journal.write()

    def _check_ready(self) -> None:
        if not self.ready:
            raise NotReady("The text is not known yet: the server has not answered.")
        if self.role == "view":
            raise JptermError(self._why_read_only)

    def _tell(self, event: Event) -> None:
        if not self._listeners and isinstance(event, Notice):
            self._untold = [*self._untold[-NOTICES_KEPT:], event]
        for listener in list(self._listeners):
            self._tell_one(listener, event)

    def _tell_one(self, listener: Callable[[Event], None], event: Event) -> None:
        if listener not in self._listeners:
            return  # ended meanwhile, by itself or by a mistake
        try:
            listener(event)
        except Exception as problem:
            self._forget_listener(listener)
            log.exception("a listener of %s failed and is told nothing more", self.title)
            sentence = f"A program that listens to {self.title} made a mistake ({problem!r}), and is told nothing more."
            self._tell(Notice(sentence, serious=True))

    # ------------------------------------------------------------------ presence

    def _show_caret(self) -> None:
        if self._link is None or not self.ready or not self._visible:
            return
        from jpterm_like.sync import wire

        self._link.show(
            self._connection.channel,
            wire.Presence(
                self._connection.channel,
                self.pad.buffer.site,
                self.name,
                self._caret,
                self._mark,
                here=True,
                calls=self._calls,
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
        """Compare texts with the server when both have the same, now and then (F17)."""
        version = self.pad.buffer.version
        if self._link is None or self.unsent or version == self._checked:
            return
        self._checked = version
        self._link.check(self._connection.channel)
        self._connection.wake()

    def _forget_people(self) -> None:
        """Without a line nobody is known to be here."""
        now = asyncio.get_running_loop().time()
        self.pad.presences.expire(now + 2 * EXPIRY_S)
        self._on_news()

    # ------------------------------------------------------------------ what the link has to say

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
                self._meet_server()
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
                # what came of the first join is a part of a history that is gone
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
                self._untold_discards.append(discard)
                self._tell_discards()
            case wire.Notice(_, serious, sentence):
                if sentence.endswith(MADE_BY_NEWER):
                    self._why_read_only = sentence
                is_about_saving = sentence.startswith(NOT_SAVED) or sentence.endswith(SAVING_WRITES)
                self._tell(Notice(sentence, serious, "saving" if serious and is_about_saving else ""))

    # ------------------------------------------------------------------ which server, which document

    def _meet_server(self) -> None:
        """Go on with the server that answered, if what I have is of that one."""
        wish, self._wish = self._wish, None
        is_asked = self._server == self.other_server
        if is_asked and wish == "begin":
            self._begin_migration(sets_aside=True)
        elif is_asked and wish == "send":
            self.pad.identity = self._chosen(Identity(self._server))
            self._journal.leave(self.pad, Saver(self.pad, self._unused_slot(), Version()))
            # That server's file was never saved from here: what it lacks nobody has deleted in it.
            self.pad.earlier = (*self.pad.earlier, self.pad.held)
            self.pad.saved = self.pad.held = Version()
            self._write_journal()
            self._begin_opening()
        elif self._belongs_to_server():
            self._begin_opening()
        else:
            self._meet_other_server()

    def _meet_other_server(self) -> None:
        """Go on with what is kept here of another server than mine; ask what to do if there is nothing."""
        if (found := self._kept_of_server()) is not None:
            self._take_up(*found)
            self._begin_opening()
        else:
            self._ask_about_server()

    def _kept_of_server(self) -> tuple[Store, RestoredPad] | None:
        """What is kept here of the server that answered, if there is anything. Blocks on the disk."""
        try:
            return held_of(self._storage, self._address.key, self.name, self._server)
        except StorageError as problem:  # then it is asked what to do, as if there were nothing
            log.error("%s", problem)
            return None

    def _belongs_to_server(self) -> bool:
        """Whether what I have is of the server that answered, or may be; a file is of the machine where it lies."""
        return self.is_file or self._history_tells or self._my_server == self._server

    @property
    def _my_server(self) -> bytes:
        """The identity of the server that my text is of; empty if it is not known."""
        return self.pad.identity.server if self.pad.identity is not None else b""

    @property
    def _history_tells(self) -> bool:
        """Whether only the history can tell if the server that answered is mine: one of release 0.1.0 does not say which it is,
        and what that release kept is of no server that is known."""
        return not self.is_file and (self._my_server == b"") != (self._server == b"")

    def _ask_about_server(self) -> None:
        """Stay offline, and tell why: another server gets nothing of mine before I say so."""
        self.other_server = self._server
        sentence = self._about_other_server
        self._connection.explain(sentence)
        self._connection.end("other_server", sentence)

    @property
    def _about_other_server(self) -> str:
        return (
            f"Another server answers at {self.address} than the one that your text is of: nothing was sent to it. In ctrl+p "
            "of the editor you can send your text to it, or begin with its own; either way yours is kept for the former one."
        )

    def send_to_this_server(self) -> None:
        """Bring my text into the document of the other server that answers; it is kept for the former one, too.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("send")

    def begin_with_this_server(self) -> None:
        """Go on with the text of the other server that answers; mine is kept for the former one.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("begin")

    def _decide(self, wish: Literal["send", "begin"]) -> None:
        if self.other_server is None:
            raise JptermError(f"No other server answers at {self.address} than the one that your text is of.")
        self._wish = wish
        self.retry_now()

    def _begin_opening(self) -> None:
        """Ask for the pad with what I have of it."""
        self._stored_before, self._had_before = self.pad.stored, self.pad.buffer.version
        self._open_channel(self.pad)

    def _on_elsewhere(self, path: str) -> None:
        """My document has another name by now, and another document has its name."""
        if not self.unsent:
            self._begin_migration(sets_aside=True, former=path)
            return
        was, former = self.title, self._address.path
        self._take_new_name(path)
        if self._address.path != former:
            sentence = f"{was} is another document now; the one that you wrote in is called {path}."
            self._tell(Notice(sentence, serious=True))
            self._begin_opening()
        elif self._link is not None and self._link.state != "ended":
            self._connection.end("moved", f"{was} is another document now.")

    def _note_identity(self) -> None:
        """Note which document this is, as its server tells."""
        identity = (self.pad.identity or Identity()).met(self._server, self._document)
        if identity != (self.pad.identity or Identity()):
            self.pad.identity = identity
            self._write_journal()

    def _chosen(self, identity: Identity) -> Identity:
        return identity._replace(chosen_ms=int(clock.wall() * 1000))

    def _unused_slot(self) -> Store:
        return unused_slot(self._storage, self._address.key)

    def _take_up(self, store: Store, kept: RestoredPad) -> None:
        """Go on with what is kept for the server that answered; what I have now is kept for its own."""
        from jpterm_like.textdiff.diff import diff

        pad = kept.pad()
        pad.identity = self._chosen(pad.identity or Identity())
        self.ready = True
        saver = Saver(pad, store, pad.buffer.version, pad.buffer.own_sites)
        self._replace_pad(pad, Patch(tuple(diff(self.text, pad.buffer.text))), saver)
        sentence = (
            f"Another server answers at {self.address} than before: what you have of this one is shown now."
        )
        self._tell(Notice(sentence, serious=True))

    def _take_new_name(self, path: str) -> None:
        """The pad has another name: what is kept here of it goes under that one."""
        assert self._connection.peer is not None
        address = follow_rename(self._address, path, self._connection.peer)
        if address is None:
            self._stay(path)
            return
        self._connection.address, self.title = address, address.title
        with contextlib.suppress(
            StorageError
        ):  # what stays under the old name the server leads on from there
            if self.ready:
                # Not the first that is free: what is in there is of another document that had this name.
                self.pad.identity = self._chosen(self.pad.identity or Identity())
                self._journal.move(self._unused_slot())
        self._tell(StatusChanged())
        self._connection.wake_waiters()

    def _stay(self, path: str) -> None:
        """Leave a hub that calls my file otherwise: what I write goes into the file that I opened."""
        sentence = (
            f"{self.title} is called {path} at another user's hub now. You stay with {self.address}; "
            "open the other name to go on there."
        )
        self._connection.explain(sentence)
        self._connection.end("moved", sentence)

    def _open_channel(self, pad: Pad, *, joining: bool = False, merging: bool = False) -> int:
        """Ask for the pad; `joining` with nothing of it, while another one is on the screen."""
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
            is_unsure=self._history_tells and not joining,
        )
        return number

    def _on_admitted(self, channel: int) -> None:
        assert self._link is not None
        if channel != self._connection.channel:
            return
        self._connection.note_admitted()
        self.other_server = None
        self._note_identity()
        self.role = "view" if self._view else self._link.channels[channel].role
        if self.status.state != "connected":
            self._connection.set_status(Status("connected"))
        self._show_caret()

    def _on_caught_up(self, channel: int) -> None:
        if self._migration is not None and channel == self._migration.channel:
            self._bring_in(self._migration)
            return
        if channel != self._connection.channel:
            return
        if not self.ready:
            self.ready = True
            self._write_journal()
        self._caught_up.set()
        self._connection.set_status(Status("connected"))
        self._tell(StatusChanged())
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
        if self._history_tells and not diverged:
            self._meet_other_server()
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

    def _bring_in(self, migration: HistoryMigration) -> None:
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
        """Leave our history for the server's: it has our text in it, or ours is set aside."""
        self._migration = None
        pad, saver = migration.pad, None
        if migration.sets_aside:
            pad.identity = self._chosen(Identity())
            saver = Saver(pad, self._unused_slot(), Version())
            sentence = f"{self.title} is another document than the one that you had, which is called {migration.former} now."
            if not migration.former:
                sentence = "The text of this server is shown now. Yours is kept on this machine, and shown when its server is back."
            self._tell(Notice(sentence, serious=True))
        else:
            pad.identity = self.pad.identity
        self._connection.channel = migration.channel
        patch = migration.leave()
        self._replace_pad(pad, patch, saver)
        if migration.is_new_history and not migration.merged:
            told = f"The history of {self.title} begins anew: what was done before cannot be undone any more."
            if patch:
                told = "The server's document has another history than yours; its text is shown now."
            self._tell(Notice(told, serious=bool(patch)))
        if migration.merged:
            self._merged = pad.buffer.version
            sentence = "The server's document has another history than yours; your text was merged into it as new edits."
            self._tell(Notice(sentence, serious=True))
        self._on_admitted(migration.channel)
        self._on_caught_up(migration.channel)

    def _take_fresh_site(self) -> None:
        """This opening's site is in use elsewhere, by a copy of this replica: go on under a new one (F17)."""
        old = self.pad
        buffer = TextBuffer.decode(old.buffer.encode(), author=self.name, own_sites=old.buffer.own_sites)
        buffer.restore_steps([old.buffer.take_steps(whole=True)])
        fresh = Pad(buffer)
        fresh.stored, fresh.saved, fresh.held = old.stored, old.saved, old.held
        fresh.identity, fresh.ancestors, fresh.earlier = old.identity, old.ancestors, old.earlier
        fresh.unread, fresh.discards = old.unread, old.discards
        self._replace_pad(fresh, Patch())

    def _replace_pad(self, pad: Pad, patch: Patch, saver: Saver | None = None) -> None:
        """Have another pad from now on; with a saver it is kept by that one, and what is kept so far stays."""
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
        self._tell(Reset(patch))
        if self.ready:
            self._journal.replace()
        self._tell(StatusChanged())
        self._tell(PeopleChanged())
