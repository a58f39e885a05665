"""A session: one opening of one pad, as an editor or a script holds it.

A session has its own replica and journal, applies every edit at once to the replica, and talks to the server in the
background through `client.connection`. Only methods made for it wait for the network (`stored`, `save`). Sessions are made
by `client.open`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from crdt import Patch, TextBuffer
from jpterm_like.background import restart_on_failure
from jpterm_like.client.connection import CLOSE_S
from jpterm_like.client.events import Notice, OutputsChanged, Said, Status, StatusChanged
from jpterm_like.client.joining import Joining
from jpterm_like.client.topics import begun_by, ended_by
from jpterm_like.errors import READ_ONLY, WRITABLE
from jpterm_like.files.encoding import Form
from jpterm_like.storage.base import MADE_BY_NEWER, StorageError
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.presence import EXPIRY_S, REFRESH_S

# Modules that speak the protocol are loaded once there is a server to speak to: the first screen is painted without them.
if TYPE_CHECKING:
    from jpterm_like.client.records import FollowedRecords
    from jpterm_like.sync import events
    from jpterm_like.sync.link import Link


class Session(Joining):
    """One opening of one pad. Made by `open_session` or `connect`.

    Offsets are code points; `end` is excluded.
    """

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
        await self._note_key()
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

    # ------------------------------------------------------------------ presence

    async def _keep_present(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(REFRESH_S)
            if self.pad.presences.expire(loop.time()):
                self._on_news()
            self._show_caret()
            self._check()
            await self._note_key()
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
        if self._records is not None:
            self._records.forget_link()
        channel = link.channels.get(self._connection.channel)
        if channel is not None and channel.pad is self.pad and self._caught_up.is_set():
            self._part()
        if channel is not None and channel.pad is self.pad and not channel.cursor.version <= self.pad.stored:
            # If the server loses it, others may have brought it into the next history, also after this opening.
            self.pad.sent = self.pad.sent.merge(channel.cursor.version)
            self._write_journal()
        if self._migration is not None:
            self._migration.end()
            self._migration = None

    def _is_of_records(self, event: events.Event, records: FollowedRecords) -> bool:
        """Handle an event of the channel with the records; return whether it is one."""
        from jpterm_like.sync import events, wire

        match event:
            case events.CaughtUp(channel) if channel == records.channel:
                records.is_there = True
                self._notify(OutputsChanged(frozenset()))
                self._connection.wake_waiters()
            case events.OtherHistory(channel) if channel == records.channel:
                records.begin_anew()
                self._notify(OutputsChanged(frozenset()))
                self._open_records()
            case events.Admitted(channel) | events.Received(channel) if channel == records.channel:
                pass
            case wire.Refuse(_, request) | wire.Done(request) if request == records.request:
                pass
            case _:
                return False
        return True

    async def _handle(self, event: events.Event) -> None:
        from jpterm_like.sync import events, wire
        from jpterm_like.textdiff.diff import diff

        if self._records is not None and self._is_of_records(event, self._records):
            return
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
            case wire.Done(request) if request == self._turn_request:
                self._is_between = False
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
            case wire.ToldApart():
                self._note_told(event)
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
