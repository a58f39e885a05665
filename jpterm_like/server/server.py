"""The server: connections and their requests. `serve` and the hub are this with different listeners.

The server alone writes its documents (one process, one writer). This module puts the parts together, serves each connection, and
carries out what its client asks for; the parts know nothing of it. See `DESIGN.md` beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jpterm_like import clock
from jpterm_like.access.permissions import OWNER, Rights, Role
from jpterm_like.background import restart_on_failure
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError
from jpterm_like.files.encoding import Form
from jpterm_like.files.read import FileProblem
from jpterm_like.files.watch import Watcher
from jpterm_like.server.admission import Admission
from jpterm_like.server.broadcast import Audience, Broadcast
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.descriptor_limits import ENOUGH, Descriptors
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.file_list import FileList
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.guests import guests_of
from jpterm_like.server.moderation import CROWDED_RETRY_S, Moderation
from jpterm_like.server.mount import UNMOUNTED, Mount
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.people import People
from jpterm_like.server.relay import Connect, Relay, Relays
from jpterm_like.server.relayed_guests import RelayedGuests
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.tasks import Tasks
from jpterm_like.server.text_reader import TextReader
from jpterm_like.server.upkeep import Upkeep
from jpterm_like.storage.base import Storage
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.unsaved_work import SOMEBODY, Discard, join_names, losers
from jpterm_like.sync.wire import DISCARDING
from jpterm_like.transports.base import Transport

if TYPE_CHECKING:
    from jpterm_like.server.carrying import Carrying
    from jpterm_like.server.runner import Kernels
    from jpterm_like.server.running import Running

DRAIN_S: Final = 2.0
"""How long a stopping server waits for its connections to end."""
GREETING_S: Final = 5.0
"""A connection that has sent no greeting for this long is ended."""
MERGE_STORED_S: Final = 10.0
"""Longest wait for a merge to be stored: nobody is kept from the others by a disk that hangs."""
DRAIN_RETRY_S: Final = 0.5
"""Delay that clients of a stopping server are asked to keep before they reconnect: it may be back at once."""
DRAINING: Final = "The server is shutting down."
SLICE_PEOPLE: Final = 100
SLICE_DOCUMENTS: Final = 32
"""At most so many people, and documents, are handed over to other nodes together."""
SLICE_PAUSE_S: Final = 0.25
"""Pause between two slices that are full of people."""
LEAVE_STEPS: Final = 50
LEAVE_STEP_S: Final = 0.01
"""How often, and at which intervals, a document looks whether those who were sent away have left: what they wrote last is stored with it."""

log = logging.getLogger("jpterm_like.server.server")


class Server:
    """See the module.

    Args:
        files: the files that are shared.
        storage: where the documents' stores are.
        autosave_s: write the plain file this long after the last change; None: only when a client saves.
        descriptors: how many connections and documents there is room for.
        watcher: says when to look for outside changes, and is closed with the server; None: they are only noticed when a file is
            opened or saved.
        identity: identifies this server; empty if it has no lasting one.
        cpu_clock: the time that this process has computed so far, in seconds; by default it seems idle.
        state: the user's state folder, which has the collections whose packs are carried; None: none are.
        kernels: runs the cells of notebooks; None: nothing is run here.
        connect: connects to the node that owns a document, so that this one relays it; None: no other node uses the storage.
    """

    def __init__(
        self,
        files: SharedFiles,
        storage: Storage,
        *,
        autosave_s: float | None,
        watcher: Watcher | None = None,
        descriptors: Descriptors = ENOUGH,
        identity: bytes = b"",
        cpu_clock: Callable[[], float] = lambda: 0.0,
        state: Path | None = None,
        kernels: Kernels | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._state = state
        self._kernels = kernels
        self._running: Running | None = None
        self._files = files
        self._carrying: Carrying | None = None
        self._identity = identity
        self._watcher = watcher
        self._descriptors = descriptors
        self._storage = storage
        self.connections: set[Connection] = set()
        self._reader_locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        """The lock of each token or user, held by the one of their connections that does slow work."""
        self._empty = asyncio.Event()
        self._tasks = Tasks()
        opened: dict[str, OpenDocument] = {}
        self.names = DocumentNames(opened, files, storage)
        self._list = FileList(files, opened.keys())
        self._commits = GroupCommit(storage, files.root, cpu_clock)
        self._broadcast = Broadcast(self._commits)
        self._moderation = Moderation(self.connections, files)
        self._people = People(self._moderation)
        self._texts = TextReader(files, self.names, storage, opened, self._moderation)
        self._upkeep = Upkeep(
            opened,
            self._commits,
            self._broadcast,
            self._list,
            self._tasks,
            watcher=watcher,
            autosave_s=autosave_s,
        )
        self.documents = OpenDocuments(
            opened,
            self.names,
            files,
            storage,
            self._commits,
            self._broadcast,
            self._upkeep,
            self._moderation,
            self._tasks,
        )
        self._admission = Admission(
            self.connections,
            files,
            self.names,
            self.documents,
            self._moderation,
            self._tasks,
            descriptors,
            self._relay,
        )
        self.relays = Relays(
            self.documents,
            self._admission,
            self._broadcast,
            self._moderation,
            self._tasks,
            files,
            self._handle,
            connect,
        )
        self._has_other_nodes = connect is not None
        if connect is not None:
            self._commits.on_lost = self._lose
        self._guests = RelayedGuests(self.connections, self._admission, self._moderation, self._handle)
        self.is_leaving = False
        """Whether the documents are being handed over to other nodes."""
        self.idle_since = 0.0
        """When the last connection ended, monotonic."""

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Start the background tasks; needs a running loop."""
        self.idle_since = asyncio.get_running_loop().time()
        for work in (
            self._broadcast.run,
            self._commits.run,
            self._upkeep.run_housekeeping,
            self._moderation.run,
        ):
            self._tasks.start(restart_on_failure(work))
        self._tasks.start(self.names.recover_all())
        if self._watcher is not None:
            self._tasks.start(restart_on_failure(self._upkeep.run_watch))
        if self._has_other_nodes:
            self._tasks.start(restart_on_failure(self.relays.run))

    def work_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something in the background until the server stops; see `restart_on_failure`."""
        self._tasks.start(restart_on_failure(work))

    @property
    def busy(self) -> bool:
        """Whether there are connections or open documents."""
        return bool(self.connections or self.documents.by_name)

    async def drain(self) -> None:
        """Stop: bring everything to the disk, end all connections, close all documents and the storage."""
        if self._has_other_nodes:
            await self._hand_over()
        self.documents.is_draining = True
        await self._upkeep.autosave_all()
        await self._commits.commit_all(list(self.documents.by_name.values()))
        for connection in self.connections:
            if not connection.is_line:
                continue  # its relay goes on
            connection.link.end("draining", DRAINING, DRAIN_RETRY_S)
            connection.wake()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._empty.wait()
        await self.documents.close_all()
        await self._tasks.cancel()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
        self._storage.close()

    async def _hand_over(self) -> None:
        """Have the other nodes take the documents of this one, a slice at a time: the people of a slice are sent away together, and its documents
        are closed, so that whoever comes to another node finds them free. All at once they would come to it within a second."""
        self.is_leaving = True
        while True:
            audiences: list[Audience] = [*self.documents.by_name.values()]
            audiences += self.relays.by_name.values()
            if not audiences:
                break
            leaving: list[Audience] = []
            people = 0
            for audience in audiences:
                leaving.append(audience)
                people += sum(connection.is_line for connection, _ in audience.members)
                if people >= SLICE_PEOPLE or len(leaving) >= SLICE_DOCUMENTS:
                    break
            await asyncio.gather(*[self._send_away(audience) for audience in leaving])
            if people >= SLICE_PEOPLE:
                await asyncio.sleep(SLICE_PAUSE_S)

    async def _send_away(self, audience: Audience) -> None:
        for connection in {connection for connection, _ in audience.members if connection.is_line}:
            connection.link.end("draining", DRAINING, DRAIN_RETRY_S)
            connection.wake()
        if isinstance(audience, OpenDocument):
            for _ in range(LEAVE_STEPS):
                if not audience.members:
                    break
                await asyncio.sleep(LEAVE_STEP_S)
            await self.documents.close(audience.document.name)
        elif isinstance(audience, Relay):
            self.relays.close(audience)

    async def abandon(self) -> None:
        """Stop as a crash would: nothing more is written or sent. The caller cuts the connections, and crashes the storage."""
        self.documents.is_draining = True
        await self._tasks.cancel()

    # ------------------------------------------------------------------ one connection

    async def converse(
        self,
        transport: Transport,
        rights: Rights = OWNER,
        mount: Mount = UNMOUNTED,
        *,
        may_run: bool = False,
        is_relay: bool = False,
    ) -> None:
        """Serve one connection until it ends. Its failures concern no other one. With `may_run` it may run cells of the notebooks that it may
        write: that is, any program, as the user of this process. `is_relay`: it is another node, whose guests come over this one line."""
        loop = asyncio.get_running_loop()
        rights = self._moderation.changeable(rights)
        may_run = may_run and self._kernels is not None
        link = Link(
            "server",
            "",
            loop.time(),
            self._identity,
            is_relay=is_relay,
            has_other_nodes=self._has_other_nodes,
        )
        connection = Connection(link, rights, mount, may_run=may_run)
        if not self.ready:
            await transport.close()
            return
        most = self._descriptors.user_connections
        if rights is not OWNER and sum(other.rights.who == rights.who for other in self.connections) >= most:
            sentence = f"{most} connections of {rights.who} are here already: close some of them."
            connection.link.end("limit", sentence, CROWDED_RETRY_S)
        self.connections.add(connection)
        self._empty.clear()

        async def handle(event: events.Event) -> None:
            await self._handle(connection, event)

        # All connections of one token or user share a lock for slow work, so that they get no more of the event loop than one.
        turn = None if rights is OWNER else self._reader_locks.setdefault(rights.who, asyncio.Lock())
        connection.conversation = Conversation(connection.link, transport, handle, turn=turn)
        deadline = loop.call_later(GREETING_S, self._end_if_not_greeted, connection)
        try:
            await connection.conversation.run()
        finally:
            deadline.cancel()
            if is_relay:
                self._guests.leave_all(connection)
            self.relays.leave_all(connection)
            self._admission.leave_all(connection)
            self.connections.discard(connection)
            # Break the reference cycle: the memory is freed now and not by the garbage collector, whose passes are delayed.
            connection.conversation = None
            self.idle_since = loop.time()
            if not self.connections:
                self._empty.set()

    def _end_if_not_greeted(self, connection: Connection) -> None:
        if connection.link.state == "greeting":
            connection.link.end("deadline", f"No greeting came within {GREETING_S:.0f} seconds.")
            connection.wake()

    def _relay(
        self, connection: Connection, wanted: events.OpenRequested, name: str, path: Path, role: Role
    ) -> bool:
        """Let a guest into a document of another node. A relay comes to its owner alone: else two nodes would be relays of each other."""
        if not self._has_other_nodes or not connection.is_line or connection.link.is_relay:
            return False
        self.relays.open(connection, wanted, name, path, role)
        return True

    async def _lose(self, opened: OpenDocument) -> None:
        """Go on as a relay with a document whose store was lost. The lock of the group commit is held."""
        if await self.documents.drop_lost(opened):
            self.relays.lose(opened)

    async def _handle(self, connection: Connection, event: events.Event) -> None:
        if self.relays.handle(connection, event):
            return
        match event:
            case events.OpenRequested():
                name = connection.mount.local_name(event.path)
                await self._admission.open(connection, replace(event, path=name))
            case wire.Save(channel, request):
                opened = connection.documents[channel]
                saving = self._save(connection, opened, channel, request, opened.document.save)
                self._tasks.start(saving, connection)
            case wire.Reform(channel, request, charset, bom, end):
                opened = connection.documents[channel]
                converting = partial(opened.document.reform, Form(bom, (end,), charset))
                saving = self._save(connection, opened, channel, request, converting)
                self._tasks.start(saving, connection)
            case wire.ReadAgain(channel, request, charset):
                reading = self._read_again(connection, connection.documents[channel], charset)
                self._tasks.start(self._answer(connection, channel, request, reading), connection)
            case wire.TakeBack(channel, request, again):
                self._take_back(connection, channel, request, again)
            case wire.Compare(channel, request):
                comparing = self._compare(connection.documents[channel])
                self._tasks.start(self._answer(connection, channel, request, comparing), connection)
            case wire.Discard(channel, request, begin, end):
                opened = connection.documents[channel]
                noting = self._note_discard(
                    connection, opened, Discard(opened.members[connection, channel], begin, end)
                )
                self._tasks.start(self._answer(connection, channel, request, noting), connection)
            case wire.Rename(channel, request, to):
                name = connection.mount.local_name(to)
                moving = self.documents.rename(connection, connection.documents[channel], name)
                self._tasks.start(self._answer(connection, channel, request, moving), connection)
            case wire.Delete(channel, request):
                deleting = self._delete(connection, connection.documents[channel])
                self._tasks.start(self._answer(connection, channel, request, deleting), connection)
            case wire.Restart(channel, request):
                restarting = self._restart_history(connection, connection.documents[channel], request)
                self._tasks.start(restarting, connection)
            case events.AncestorNoted(channel, note):
                for other, number in connection.documents[channel].members:
                    if other is not connection and number in other.link.channels:
                        other.link.send_ancestor(number, note)
                        other.wake()
            case wire.Merged(channel, request):
                self._admission.end_turn(connection, channel)
                # The client leaves its own history now. If what it brought were lost with the power then, it would come under these
                # ids, and with somebody else who has the former history under others.
                storing = self._store_merge(connection.documents[channel])
                self._tasks.start(self._answer(connection, channel, request, storing), connection)
            case wire.Kick(channel, request, name):
                self._moderation.kick(connection, channel, request, name)
            case wire.SetRole(channel, request, site, role):
                self._moderation.set_role(connection, channel, request, site, role)
            case wire.Where(channel, request):
                self._people.answer(connection, channel, request, self.documents.by_name.values())
            case wire.Guests(channel, request):
                found = guests_of(connection.documents[channel])
                connection.link.answer(wire.GuestList(request, found))
            case wire.Say(channel, request, line):
                self._people.pass_on(connection, channel, request, line)
            case wire.TellApart(channel):
                self._people.pass_on_apart(connection, channel, event)
            case wire.ListPage(request, after):
                self._tasks.start(self._list_files(connection, request, after))
            case wire.Read(request, path, start):
                self._tasks.start(self._read_text(connection, request, path, start))
            case wire.Carry(request, collection, folder):
                self._tasks.start(self._carry(connection, request, collection, folder), connection)
            case wire.Arrived() | wire.Departed() | wire.Passed():
                await self._guests.handle(connection, event)
            case wire.Done(request):
                self._admission.note_answer(connection, request)
            case wire.RunningRequest():
                self._begin_running().handle(connection, event)
            case wire.OpenRecords():
                self._tasks.start(self._open_records(connection, event), connection)
            case events.Left(channel) if connection.records.pop(channel, None) is not None:
                connection.link.detach(channel)
            case events.Left(channel):
                if connection.link.is_relay:
                    self._guests.leave_all(connection, channel)
                self._admission.leave(connection, channel)
                connection.link.detach(channel)
                for number in [each for each, beside in connection.records.items() if beside == channel]:
                    del connection.records[number]
                    connection.link.detach(number)

    async def _save(
        self,
        connection: Connection,
        opened: OpenDocument,
        number: int,
        request: int,
        save: Callable[[], Awaitable[None]],
    ) -> None:
        """Save, and answer once the saved text is stored, too."""
        document = opened.document
        try:
            await self._commits.with_store(opened, save)
            await self._commits.commit(opened)
            if not document.pad.saved <= document.pad.stored:
                raise JptermError(
                    f"{document.name} is in its file, but the server's disk does not take the rest."
                )
        except JptermError as problem:
            await self._commits.commit(opened)
            sentence = f"{problem} {document.where_kept}"
            connection.link.refuse("save", sentence, channel=number, request=request)
        else:
            connection.link.done(request, (document.made_folder,) if document.made_folder else ())
        connection.wake()

    async def _store_merge(self, opened: OpenDocument) -> None:
        """Store what was brought in; return as well if the disk refuses or hangs."""
        await asyncio.wait({self._tasks.start(self._commits.commit(opened))}, timeout=MERGE_STORED_S)

    async def _read_again(self, connection: Connection, opened: OpenDocument, charset: str) -> None:
        """Read a plain file in another charset, and store what that changed."""
        await opened.document.read_again(charset, connection.link.peer_name or "Somebody")
        await self._commits.commit(opened)

    async def _compare(self, opened: OpenDocument) -> None:
        """Mark the text as saved if the plain file holds it, and store it before that is sent."""
        await opened.document.compare()
        await self._commits.commit(opened)

    async def _note_discard(self, connection: Connection, opened: OpenDocument, discard: Discard) -> None:
        """Tell the others that somebody discarded unsaved work of theirs, and note it for people who are away."""
        document = opened.document
        if not await document.note_discard(discard):
            return
        buffer = document.pad.buffer
        who = buffer.author_of(discard.site) or SOMEBODY
        for other, number in list(opened.members):
            channel = other.link.channels.get(number)
            if channel is None or channel.site == discard.site:
                continue  # not admitted yet, and told then; or the person who did it
            if DISCARDING in other.link.features:
                other.link.notify_discard(number, discard)
            elif names := losers(buffer, discard):
                sentence = (
                    f"{who} went back to the saved file, which removed unsaved words by {join_names(names)}. "
                    "An undo by that person, or a newer jpterm-like, brings them back."
                )
                other.link.notify(number, sentence, serious=True)
            other.wake()

    async def _answer(
        self, connection: Connection, number: int, request: int, work: Coroutine[None, None, None]
    ) -> None:
        """Do what a client asked for, and answer whether it succeeded."""
        try:
            await work
        except JptermError as problem:
            connection.link.refuse("file", str(problem), channel=number, request=request)
        else:
            connection.link.done(request)
        connection.wake()

    async def _restart_history(self, connection: Connection, opened: OpenDocument, request: int) -> None:
        """Begin the history of a document anew; everyone in it reconnects and changes over to the new one."""
        name = opened.document.name
        try:
            if connection.rights.role(name, opened.document.path) != "own":
                raise JptermError("Only an owner may begin a history anew.")
            await self.documents.restart_history(opened, name)
        except JptermError as problem:
            connection.link.refuse("file", str(problem), request=request)
        else:
            connection.link.done(request)
        finally:
            # Also after a bug of ours: nobody may stay in a closed document.
            if not opened.is_open:
                for other in {other for other, _ in opened.members}:
                    other.link.end("moved", f"The history of {name} begins anew.")
                    other.wake()
        connection.wake()

    def _begin_running(self) -> Running:
        # Loaded for those who use it.
        from jpterm_like.server.running import Running

        if self._running is None:
            self._running = Running(self._kernels, self._tasks, self.documents, self._commits)
        return self._running

    async def _open_records(self, connection: Connection, asked: wire.OpenRecords) -> None:
        """Let a connection read the records beside a text that it has open."""
        opened = connection.documents[asked.channel]
        document = opened.document
        records = document.records
        if records is None:
            connection.link.refuse("missing", f"{document.name} has no outputs.", request=asked.request)
        else:
            await document.read_outputs()
            if (
                connection.documents.get(asked.channel) is opened
                and asked.channel in connection.link.channels
            ):
                connection.records[asked.number] = asked.channel
                connection.link.admit_to_records(asked, records.pad, opened.record_frames)
                connection.link.done(asked.request)
                if self._kernels is not None and records.fold.has_work:
                    self._begin_running().runner_of(opened, records).resume()
        connection.wake()

    async def _delete(self, connection: Connection, opened: OpenDocument) -> None:
        """Delete a plain file. The history stays, so the text can be restored."""
        document = opened.document
        self._moderation.check_may_name(connection, document.name, document.path)
        await document.delete_file(connection.link.peer_name or "Somebody")

    def _take_back(self, connection: Connection, number: int, request: int, again: bool) -> None:
        """Undo or redo the last outside change of the plain file: the server's own steps of undo are these changes alone."""
        document = connection.documents[number].document
        pad = document.pad
        if document.is_notebook:  # here the mender's edits are among them, and would come again
            sentence = f"{document.name} is a notebook: look back (alt+-) restores what another program changed in it."
            connection.link.refuse("nothing", sentence, request=request)
        elif (pad.redo if again else pad.undo)(clock.wall()) is None:
            what = "taken back and could be done again" if again else "changed by other programs"
            connection.link.refuse("nothing", f"There is nothing that was {what}.", request=request)
        else:
            connection.link.done(request)

    async def _list_files(self, connection: Connection, request: int, after: str) -> None:
        """Answer with a page of the names that come after `after`."""
        try:
            page, more = await self._list.page(connection, connection.mount.local_name(after))
        except FileProblem as problem:
            connection.link.refuse("file", str(problem), request=request)
        else:
            names = [connection.mount.client_name(name) for name in page]
            connection.link.give_names(request, names, more=more)
        connection.wake()

    async def _read_text(self, connection: Connection, request: int, path: str, start: int) -> None:
        """Answer with a part of the text of a file."""
        try:
            data, more = await self._texts.part(connection, connection.mount.local_name(path), start)
        except FileProblem as problem:
            connection.link.refuse("file", str(problem), request=request)
        else:
            connection.link.answer(wire.TextPart(request, data, more))
        connection.wake()

    async def _carry(self, connection: Connection, request: int, collection: bytes, folder: str) -> None:
        """Bring the texts of a folder and the packs of its collection together, for the command `sync`."""
        try:
            if connection.rights is not OWNER or self._state is None:
                raise JptermError(
                    "Only the user who runs this server, on its machine, may have its texts synced."
                )
            if self._carrying is None:
                self._carrying = self._begin_carrying(self._state)

            def report(done: int, of: int) -> None:
                connection.link.tell_progress(wire.CarryProgress(request, done, of))
                connection.wake()

            found = await self._carrying.carry(collection, Path(folder), report)
        except JptermError as problem:
            connection.link.refuse("carrying", str(problem), request=request)
        else:
            answer = wire.Carried(
                request,
                found.written,
                len(found.written_documents),
                found.got,
                len(found.got_documents),
                tuple(name for name, _ in found.people.most_common(wire.CARRIED_SENTENCES_MAX)),
                found.early,
                *(
                    tuple(
                        each[: wire.SENTENCE_LENGTH_MAX] for each in sentences[: wire.CARRIED_SENTENCES_MAX]
                    )
                    for sentences in (found.notices, found.problems)
                ),
            )
            connection.link.answer(answer)
        connection.wake()

    def _begin_carrying(self, state: Path) -> Carrying:
        # Loaded for those who use it.
        from jpterm_like.server.carrying import Carrying

        return Carrying(state, self.documents, self.names, self._files, self._storage, self._commits)

    # ------------------------------------------------------------------ for the process and the hub

    def has(self, name: str) -> bool:
        """Return whether somebody has a document open."""
        opened = self.documents.by_name.get(name)
        return opened is not None and bool(opened.members)

    def note_lost(self, name: str) -> None:
        """Note that the store of a document says that it is lost."""
        opened = self.documents.by_name.get(name)
        if opened is not None:
            self._commits.request(opened)

    def end_lines_of_nodes(self) -> None:
        """End the lines of the nodes that relay documents of this one: they look for an owner, and take what is free."""
        for connection in self.connections:
            if connection.link.is_relay:
                connection.link.end("lease", "This node has no lease now.")
                connection.wake()

    def let_go(self, name: str) -> None:
        """End the connections in a document, so that their clients look for it again."""
        opened = self.documents.by_name.get(name)
        for connection, _ in list(opened.members) if opened is not None else []:
            connection.link.end("moved", "The file is shared by another user's hub now.")
            connection.wake()

    @property
    def figures(self) -> dict[str, float]:
        """Figures for monitoring."""
        return {
            "connections": sum(connection.is_line for connection in self.connections),
            "documents": len(self.documents.by_name),
            "documents_to_be_stored": self._commits.requested_count,
            "openings_total": self._admission.admitted,
            "refusals_total": self._admission.refused,
            "unstored_seconds_max": self._unstored_s(),
            **(self._figures_of_node() if self._has_other_nodes else {}),
        }

    def _unstored_s(self) -> float:
        """Seconds since the oldest change that is not stored yet; 0.0: all are."""
        now = asyncio.get_running_loop().time()
        opened = self.documents.by_name.values()
        return max(
            (now - each.unstored_since for each in opened if each.unstored_since is not None), default=0.0
        )

    def _figures_of_node(self) -> dict[str, float]:
        relays = self.relays.by_name.values()
        return {
            "relays": len(relays),
            "relays_without_owner": sum(relay.link is None for relay in relays),
            "relayed_connections": sum(len(relay.members) for relay in relays),
            "guests_of_relays": sum(not connection.is_line for connection in self.connections),
            "relays_taken_total": self.relays.taken,
            "documents_lost_total": self.relays.lost,
        }

    @property
    def last_sent_at(self) -> float:
        """When news was sent last, monotonic."""
        return self._broadcast.last_sent_at

    @property
    def ready(self) -> bool:
        """Whether new connections are accepted."""
        return not (self.documents.is_draining or self.is_leaving)
