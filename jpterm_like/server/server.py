"""The server: many links, many documents, one disk. `serve` and the hub are this with different doors.

It owns each document alone (one process, one writer). Edits go out at once after silence and merged per tick under
load; one group commit brings all documents of a moment to the disk, and only then is anything called stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import weakref
from collections.abc import Coroutine

from jpterm_like import clock
from jpterm_like.access.permissions import OWNER, Rights
from jpterm_like.background import restart_on_failure
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError
from jpterm_like.files.read import FileProblem
from jpterm_like.files.watch import Watcher
from jpterm_like.server.broadcast import Broadcast
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.descriptor_limits import ENOUGH, Descriptors
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.file_list import FileList
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.merge_turn import Turn
from jpterm_like.server.moderation import CROWDED_RETRY_S, Moderation
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.tasks import Tasks
from jpterm_like.server.upkeep import Upkeep
from jpterm_like.storage.base import Storage, StoreBusy
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.unsaved_work import SOMEBODY, Discard, join_names, losers
from jpterm_like.sync.wire import DISCARDING
from jpterm_like.transports.base import Transport

ANSWER_S = 20.0
"""How long a connection may leave a question unanswered that an opening waits for. A silent one is given up before."""
DRAIN_S = 2.0
GREETING_S = 5.0
"""A connection that has not said who it is after this long is cut off."""
TURN_LOOK_S = 1.0
"""How often it is looked at how far a guest is that brings in a text of another history."""
DRAIN_RETRY_S = 0.5
"""What clients are told to wait when the server goes: it may be back at once."""

log = logging.getLogger("jpterm_like.server.server")


class Server:
    """See the module.

    Args:
        library: what is shared.
        storage: where the documents' stores are.
        autosave_s: write the plain file this long after the last change; None: only when a client saves.
        descriptors: how many connections and documents there is room for.
        watcher: tells when to look for what others wrote into the plain files, and is closed with the server; None:
            that is only found out when they are opened and saved.
        identity: tells this server from every other one; empty: it has none that lasts.
    """

    def __init__(
        self,
        library: SharedFiles,
        storage: Storage,
        *,
        autosave_s: float | None,
        watcher: Watcher | None = None,
        descriptors: Descriptors = ENOUGH,
        identity: bytes = b"",
    ) -> None:
        self._identity = identity
        self._library = library
        self._watcher = watcher
        self._descriptors = descriptors
        self._storage = storage
        self.connections: set[Connection] = set()
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        """Of each token or user: one of their connections at a time goes on with what takes long."""
        self._empty = asyncio.Event()
        self._tasks = Tasks()
        opened: dict[str, OpenDocument] = {}
        self.names = DocumentNames(opened, library, storage)
        self._list = FileList(library, opened.keys())
        self._commits = GroupCommit(storage, library.root)
        self._broadcast = Broadcast(self._commits)
        self._moderation = Moderation(self.connections, library)
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
            library,
            storage,
            self._commits,
            self._broadcast,
            self._upkeep,
            self._moderation,
            self._tasks,
        )
        self._questions = itertools.count()
        self.admitted = 0
        """Openings so far."""
        self.refused = 0
        """Openings that were not allowed, or of nothing."""
        self.idle_since = 0.0
        """Since when nobody is connected, monotonic."""

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin the work that goes on beside the connections; needs a running loop."""
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

    @property
    def busy(self) -> bool:
        """Whether someone is connected, or something is kept for those who have gone; see `OpenDocuments`."""
        return bool(self.connections or self.documents.by_name)

    async def drain(self) -> None:
        """Bring everything to the disk, say good-bye to everyone, and close."""
        self.documents.is_draining = True
        await self._upkeep.autosave_all()
        await self._commits.commit_all(list(self.documents.by_name.values()))
        for guest in self.connections:
            guest.link.end("draining", "The server is shutting down.", DRAIN_RETRY_S)
            guest.wake()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._empty.wait()
        await self.documents.close_all()
        await self._tasks.cancel()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
        self._storage.close()

    # ------------------------------------------------------------------ one connection

    async def converse(self, transport: Transport, rights: Rights = OWNER) -> None:
        """Serve one connection until it ends. Its failures stay its own."""
        loop = asyncio.get_running_loop()
        guest = Connection(Link("server", "", loop.time(), self._identity), rights)
        if self.documents.is_draining:
            await transport.close()
            return
        most = self._descriptors.user_connections
        if rights is not OWNER and sum(other.rights.who == rights.who for other in self.connections) >= most:
            sentence = f"{most} connections of {rights.who} are here already: close some of them."
            guest.link.end("limit", sentence, CROWDED_RETRY_S)
        self.connections.add(guest)
        self._empty.clear()

        async def handle(event: events.Event) -> None:
            await self._handle(guest, event)

        # Who has many connections has no more turns of the event loop for them than others have for one.
        turn = None if rights is OWNER else self._turns.setdefault(rights.who, asyncio.Lock())
        guest.conversation = Conversation(guest.link, transport, handle, turn=turn)
        deadline = loop.call_later(GREETING_S, self._cut_off_if_silent, guest)
        try:
            await guest.conversation.run()
        finally:
            deadline.cancel()
            for number in list(guest.shelves):
                self._leave(guest, number)
                guest.link.detach(number)
            for question in list(guest.asked):
                self._note_answer(guest, question)
            self.connections.discard(guest)
            # Without circles what was told on it goes now, and not at Python's next look for them, which is put off.
            guest.conversation = None
            self.idle_since = loop.time()
            if not self.connections:
                self._empty.set()

    def _cut_off_if_silent(self, guest: Connection) -> None:
        if guest.link.state == "greeting":
            guest.link.end("deadline", f"No greeting came within {GREETING_S:.0f} seconds.")
            guest.wake()

    async def _handle(self, guest: Connection, event: events.Event) -> None:
        match event:
            case events.OpenRequested():
                await self._open(guest, event)
            case wire.Save(channel, request):
                shelf = guest.shelves[channel]
                self._tasks.start(self._save(guest, shelf, channel, request), guest)
            case wire.TakeBack(channel, request, again):
                self._take_back(guest, channel, request, again)
            case wire.Compare(channel, request):
                comparing = self._compare(guest.shelves[channel])
                self._tasks.start(self._answer(guest, channel, request, comparing), guest)
            case wire.Discard(channel, request, begin, end):
                shelf = guest.shelves[channel]
                noting = self._note_discard(guest, shelf, Discard(shelf.guests[guest, channel], begin, end))
                self._tasks.start(self._answer(guest, channel, request, noting), guest)
            case wire.Rename(channel, request, to):
                moving = self.documents.rename(guest, guest.shelves[channel], to)
                self._tasks.start(self._answer(guest, channel, request, moving), guest)
            case wire.Delete(channel, request):
                deleting = self._delete(guest, guest.shelves[channel])
                self._tasks.start(self._answer(guest, channel, request, deleting), guest)
            case wire.Restart(channel, request):
                restarting = self._restart_history(guest, guest.shelves[channel], request)
                self._tasks.start(restarting, guest)
            case events.AncestorNoted(channel, note):
                for other, number in guest.shelves[channel].guests:
                    if other is not guest and number in other.link.channels:
                        other.link.send_ancestor(number, note)
                        other.wake()
            case wire.Merged(channel, request):
                self._end_turn(guest, channel)
                guest.link.done(request)
            case wire.Kick(channel, request, name):
                self._moderation.kick(guest, channel, request, name)
            case wire.ListPage(request, after):
                self._tasks.start(self._list_files(guest, request, after))
            case wire.Done(request):
                self._note_answer(guest, request)
            case events.Left(channel):
                self._leave(guest, channel)
                guest.link.detach(channel)

    async def _open(
        self, guest: Connection, wanted: events.OpenRequested, *, has_asked: bool = False
    ) -> None:
        number, name = wanted.channel, wanted.path
        root = self._library.root
        if root is not None and guest.rights.role(name, root.path / name) is None:
            self._refuse_missing(
                guest, wanted
            )  # before it is looked at what is there, and why it is not shared
            return
        try:
            path = self._library.path_of(name)
            name = asked = self.names.name_of(path)
            await self.names.recover(name)
            if wanted.lineage is not None:
                name, path = await self.names.follow(name, path)
            role = None
            if self._moderation.may_call(guest, wanted.path, path):
                role = guest.rights.role(name, path)
            creates = wanted.create and role != "view" and (role == "own" or root is not None)
            if role is None or not (creates or await self.names.exists(name, path)):
                self._refuse_missing(guest, wanted)
                return
            ban = self._moderation.ban_against(guest, name, path)
            if ban is not None:
                self.refused += 1
                guest.link.end(events.KICKED, ban)
                return
            self._check_room_for(guest, name)
            shelf = await self.documents.open(name, path)
            if not has_asked and (former := self._former_ones(shelf, guest, wanted)):
                self._tasks.start(self._open_after(former, guest, wanted), guest)
                return
            elsewhere = await self.names.find_elsewhere(guest.rights, shelf, wanted.document)
            if not shelf.is_open:  # nobody had it open, and it was put away meanwhile
                shelf = await self.documents.open(name, path)
            role = self._moderation.role(guest, shelf)
            if role is None:  # permissions may have been given since the file was read
                await shelf.document.reread()
                shelf = await self.documents.open(name, path)
                role = self._moderation.role(guest, shelf)
            if role is None:
                self._refuse_missing(guest, wanted)
                if not shelf.guests:
                    self.documents.close_soon_if_unused(shelf)
                return
        except StoreBusy:
            sentence = f"{name} is held by another server that uses the same store: stop one of them."
            guest.link.refuse("busy", sentence, channel=number)
            return
        except JptermError as problem:
            code = "file" if isinstance(problem, FileProblem) else "store"
            guest.link.refuse(code, str(problem), channel=number)
            return
        if elsewhere is not None:
            guest.link.lead_elsewhere(number, elsewhere)
            if not shelf.guests:
                self.documents.close_soon_if_unused(shelf)
            return
        if guest not in self.connections or not guest.link.awaits_opening(number):  # it has left meanwhile
            if not shelf.guests:
                self.documents.close_soon_if_unused(shelf)
            return
        if wanted.site in shelf.guests.values():
            guest.link.refuse("site_taken", "This opening is live on another connection.", channel=number)
            return
        document = shelf.document
        if document.is_read_only and wanted.lineage not in (None, document.pad.buffer.lineage):
            # They would leave the history that they have for one that only shows what the plain file holds.
            guest.link.refuse("store", document.warnings[0], channel=number)
            return
        shelf.guests[guest, number] = wanted.site
        is_same = wanted.lineage == document.pad.buffer.lineage
        document.pad.reserved[wanted.site] = wanted.version.get(wanted.site) if is_same else 0
        guest.shelves[number] = shelf
        guest.roles[number] = role
        self.admitted += 1
        log.info(
            "opened",
            extra={"who": guest.rights.who, "person": guest.link.peer_name, "pad": name, "role": role},
        )
        if wanted.merging and role != "view" and not document.is_read_only:
            self._tasks.start(self._admit_in_turn(guest, shelf, number, asked), guest)
        else:
            self._admit(guest, shelf, number, asked)

    def _former_ones(
        self, shelf: OpenDocument, guest: Connection, wanted: events.OpenRequested
    ) -> list[Connection]:
        """Those who have a site whose operations somebody else brings, too: they are asked whether they are there.

        They may be former connections of the newcomer, whose lines broke without a word: then they do not answer, what is
        still on its way on them may come, and what they have reserved is the newcomer's. If they answer, they are somebody else,
        for the newcomer was here before they were asked.
        """
        pad = shelf.document.pad
        is_same = wanted.lineage == pad.buffer.lineage

        def has_more(site: int) -> bool:
            known = max(pad.reserved[site], pad.buffer.version.get(site))
            return is_same and wanted.version.get(site) > known

        return [
            other
            for (other, _), site in shelf.guests.items()
            if other is not guest and (site == wanted.site or has_more(site))
        ]

    async def _open_after(
        self, former: list[Connection], guest: Connection, wanted: events.OpenRequested
    ) -> None:
        """Go on with an opening when those who were asked have answered, or are gone."""
        loop = asyncio.get_running_loop()
        number = next(self._questions)
        answers: dict[asyncio.Future[None], Connection] = {}
        for other in self.connections.intersection(former):
            answer = other.asked[number] = loop.create_future()
            answers[answer] = other
            other.link.ping(number)
            other.wake()
        waiting: set[asyncio.Future[None]] = set(answers)
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=ANSWER_S)
        if waiting:
            for answer in waiting:
                answers[answer].link.end("silent", f"A question was not answered for {ANSWER_S:.0f} seconds.")
                answers[answer].wake()
            await asyncio.wait(waiting)
        await self._open(guest, wanted, has_asked=True)
        guest.wake()

    def _note_answer(self, guest: Connection, question: int) -> None:
        answered = guest.asked.pop(question, None)
        if answered is not None and not answered.done():
            answered.set_result(None)

    def _check_room_for(self, guest: Connection, name: str) -> None:
        """Documents cost descriptors and memory: so many for one guest, so many in all.

        Raises:
            JptermError: there is no room for another one.
        """
        if name in self.documents.by_name:
            return
        who, most = guest.rights.who, self._descriptors.user_documents
        if guest.rights is not OWNER:
            mine = sum(
                any(other.rights.who == who for other, _ in shelf.guests)
                for shelf in self.documents.by_name.values()
            )
            if mine >= most:
                raise JptermError(
                    f"{_written(who)} has {most} documents open here already: close some of them."
                )
        if not self._descriptors.have_room_for_document():
            raise JptermError(
                "The server has no room for another open document just now: close some, or wait."
            )

    def _refuse_missing(self, guest: Connection, wanted: events.OpenRequested) -> None:
        """Tell nothing but what was asked: not whether there is such a file, nor where a link leads."""
        self.refused += 1
        guest.link.refuse("missing", f"There is no file {wanted.path} here.", channel=wanted.channel)

    def _admit(self, guest: Connection, shelf: OpenDocument, number: int, asked: str) -> None:
        """Let a guest in, who asked for the document by this name."""
        role = guest.roles[number]
        document = shelf.document
        is_read_only = role == "view" or document.is_read_only
        guest.link.admit(
            number,
            document.pad,
            "view" if is_read_only else "edit",
            document.identity,
            is_owner=role == "own",
            frames=shelf.frames,
        )
        channel = guest.link.channels.get(number)
        if channel is None:  # the guest has closed it, or is of a release that cannot open this
            guest.wake()
            return
        # A reader brings nothing, and what they say that they have is waited for by nobody.
        if not is_read_only and document.expect(channel.cursor.version, channel.held):
            # Else it would have twice what came from the file, until we hear of that; and if we die before, for good.
            channel.awaited = channel.cursor.version
        for discard in document.pad.discards:
            guest.link.notify_discard(number, discard)
        for sentence in document.warnings:
            guest.link.notify(number, sentence, serious=True)
        if document.name != asked:
            guest.link.notify_renamed(number, document.name)
            was, now = self.names.display_name(asked), self.names.display_name(document.name)
            guest.link.notify(number, f"{was} was renamed to {now} while you were away.", serious=False)
        guest.wake()

    async def _admit_in_turn(self, guest: Connection, shelf: OpenDocument, number: int, asked: str) -> None:
        """Let one guest after the other bring in its text of another history.

        Two who did so at once would each bring in what both have: one merges against a text that has the other's.
        """
        shelf.waiting += 1
        try:
            await shelf.turn.acquire()
        finally:
            shelf.waiting -= 1
        if guest.shelves.get(number) is not shelf:
            shelf.turn.release()
            return
        loop = asyncio.get_running_loop()
        self._admit(guest, shelf, number, asked)
        channel = guest.link.channels.get(number)
        if channel is None:  # closed by the guest before it was its turn
            shelf.turn.release()
            self._leave(guest, number)
            return
        turn = guest.turns[number] = Turn(channel, shelf.document.pad.buffer.version, loop.time())
        while guest.turns.get(number) is turn:
            await asyncio.sleep(TURN_LOOK_S)
            if guest.turns.get(number) is turn and turn.is_over(loop.time(), others_wait=shelf.waiting > 0):
                guest.link.end(
                    "slow", "Merging your text with the server's came to a halt, or others wait for it."
                )
                guest.wake()
                self._end_turn(guest, number)  # nothing is taken in of an ended link: the next one may begin

    def _end_turn(self, guest: Connection, number: int) -> None:
        if guest.turns.pop(number, None) is not None:
            guest.shelves[number].turn.release()

    def _leave(self, guest: Connection, number: int) -> None:
        self._end_turn(guest, number)
        shelf = guest.shelves.pop(number)
        guest.roles.pop(number, None)
        site = shelf.guests.pop((guest, number))
        del shelf.document.pad.reserved[site]
        shelf.document.pad.leave(site, asyncio.get_running_loop().time())
        if not shelf.guests:
            self.documents.close_soon_if_unused(shelf)

    async def _save(self, guest: Connection, shelf: OpenDocument, number: int, request: int) -> None:
        """Write the plain file, and have what it holds in the store as well: what is called saved is stored, too."""
        document = shelf.document
        try:
            await self._commits.with_store(shelf, document.save)
            await self._commits.commit(shelf)
            if not document.pad.saved <= document.pad.stored:
                raise JptermError(
                    f"{document.name} is in its file, but the server's disk does not take the rest."
                )
        except JptermError as problem:
            await self._commits.commit(shelf)
            sentence = f"{problem} {document.where_kept}"
            guest.link.refuse("save", sentence, channel=number, request=request)
        else:
            guest.link.done(request)
        guest.wake()

    async def _compare(self, shelf: OpenDocument) -> None:
        """Look whether the plain file holds the text; what it holds is stored before that is told."""
        await shelf.document.compare()
        await self._commits.commit(shelf)

    async def _note_discard(self, guest: Connection, shelf: OpenDocument, discard: Discard) -> None:
        """Tell the others that somebody discarded unsaved work of theirs, and note it for those who are away."""
        document = shelf.document
        if not await document.note_discard(discard):
            return
        buffer = document.pad.buffer
        who = buffer.author_of(discard.site) or SOMEBODY
        for other, number in list(shelf.guests):
            channel = other.link.channels.get(number)
            if channel is None or channel.site == discard.site:
                continue  # not admitted yet, and told then; or the one who did it
            if DISCARDING in other.link.features:
                other.link.notify_discard(number, discard)
            elif names := losers(buffer, discard):
                sentence = (
                    f"{who} reverted the text to the saved file, which removed unsaved words by {join_names(names)}. "
                    "An undo by that person, or a newer jpterm-like, brings them back."
                )
                other.link.notify(number, sentence, serious=True)
            other.wake()

    async def _answer(
        self, guest: Connection, number: int, request: int, work: Coroutine[None, None, None]
    ) -> None:
        """Do what a guest asked for, and say whether it went well."""
        try:
            await work
        except JptermError as problem:
            guest.link.refuse("file", str(problem), channel=number, request=request)
        else:
            guest.link.done(request)
        guest.wake()

    async def _restart_history(self, guest: Connection, shelf: OpenDocument, request: int) -> None:
        """Let a document begin with its text of now; everybody in it comes again and goes over to that."""
        name = shelf.document.name
        try:
            if guest.rights.role(name, shelf.document.path) != "own":
                raise JptermError("Only an owner may begin a history anew.")
            await self.documents.restart_history(shelf, name)
        except JptermError as problem:
            guest.link.refuse("file", str(problem), request=request)
        else:
            guest.link.done(request)
        finally:
            # After a mistake of ours, too: nobody may stay in a document that was put away.
            if not shelf.is_open:
                for other in {other for other, _ in shelf.guests}:
                    other.link.end("moved", f"The history of {name} begins anew.")
                    other.wake()
        guest.wake()

    async def _delete(self, guest: Connection, shelf: OpenDocument) -> None:
        """Delete a plain file. Its history stays, and with it what could be wanted back."""
        document = shelf.document
        self._moderation.check_may_name(guest, document.name, document.path)
        await document.delete_file(guest.link.peer_name or "Somebody")

    def _take_back(self, guest: Connection, number: int, request: int, again: bool) -> None:
        """Undo what came last from the plain file: the server's own steps are nothing else."""
        pad = guest.shelves[number].document.pad
        if (pad.redo if again else pad.undo)(clock.wall()) is None:
            what = "taken back and could be done again" if again else "changed by other programs"
            guest.link.refuse("nothing", f"There is nothing that was {what}.", request=request)
        else:
            guest.link.done(request)

    async def _list_files(self, guest: Connection, request: int, after: str) -> None:
        """Answer with a page of the names that come after `after`."""
        try:
            page, more = await self._list.page(guest, after)
        except FileProblem as problem:
            guest.link.refuse("file", str(problem), request=request)
        else:
            guest.link.give_names(request, page, more=more)
        guest.wake()

    # ------------------------------------------------------------------ for its process

    def has(self, name: str) -> bool:
        """Whether somebody has a document open."""
        shelf = self.documents.by_name.get(name)
        return shelf is not None and bool(shelf.guests)

    def let_go(self, name: str) -> None:
        """Send everybody who is in a document to look for it anew."""
        shelf = self.documents.by_name.get(name)
        for guest, _ in list(shelf.guests) if shelf is not None else []:
            guest.link.end("moved", "The file is shared by another user's hub now.")
            guest.wake()

    @property
    def figures(self) -> dict[str, int]:
        """How much is going on, for those who watch over a server."""
        return {
            "connections": len(self.connections),
            "documents": len(self.documents.by_name),
            "documents_to_be_stored": self._commits.requested_count,
            "openings_total": self.admitted,
            "refusals_total": self.refused,
        }

    @property
    def last_sent_at(self) -> float:
        """When news was sent last, monotonic."""
        return self._broadcast.last_sent_at

    @property
    def ready(self) -> bool:
        """Whether it takes guests."""
        return not self.documents.is_draining


def _written(who: str) -> str:
    return who[:1].upper() + who[1:]
