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
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from jpterm_like import clock
from jpterm_like.access.permissions import BARRED_S, OWNER, Bars, Rights, Role
from jpterm_like.background import keep_up
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.read import FileProblem, glance, is_there
from jpterm_like.files.root import Root
from jpterm_like.files.watch import Watcher
from jpterm_like.files.write import LEFTOVER_S, remove_leftovers
from jpterm_like.server import rename
from jpterm_like.server.absence import FORMER_MAX, former_name
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.descriptor_limits import ENOUGH, Descriptors
from jpterm_like.server.document import IDENTITY, Document, write_in_slices
from jpterm_like.server.group_commit import GroupCommit
from jpterm_like.server.load_document import open_document, restart_history
from jpterm_like.server.merge_turn import Turn
from jpterm_like.server.tasks import Tasks
from jpterm_like.storage.base import Storage, StorageError, StoreBusy
from jpterm_like.sync import link as links
from jpterm_like.sync.link import DISCARDING, Link
from jpterm_like.sync.unsaved_work import SOMEBODY, Discard, listed, losers
from jpterm_like.transports.base import Transport

TICK_S = 0.02
"""Edits that come within this time of each other go out as one frame."""
TICK_SHARE_S = 0.0003
"""For each guest of the fullest document that has news, so long until the next tick: a frame for them then carries more, and
writing frames takes a part of a core that does not grow with their number. Up to TICK_LONG_S, which nobody sees."""
TICK_LONG_S = 0.05
CROWD_SHARE_S = 0.0001
"""The same for each guest of all documents, without end: a crowd must leave time for what it writes to be read."""
SLICE_S = 0.01
"""After so long of telling news those who wait to be read have their turn."""
SAVE_RETRY_S = 5.0
"""The same for a plain file."""
CLOSED_BYTES = 32 * 1024
"""A document that was closed leaves about so much behind, and its text, as read and as written last and now."""
SITE_BYTES = 256
"""And so much for each site that wrote in it, for it is in some versions; what the history takes is given back at once."""
KEEP_S = 5.0
"""How long until the next try to put away a document that nobody has open and the disk does not take."""
ANSWER_S = 20.0
"""How long a connection may leave a question unanswered that an opening waits for. A silent one is given up before."""
SAVE_AT_LATEST = 10
"""Times the pause after which the plain file is written: so long it waits for people who make no pause."""
LEFTOVER_TRIES = 3
"""How often a folder is looked through for what killed saves have left, while some is too young to tell."""
HOUSEKEEPING_S = 5.0
NAMES_S = 30.0
"""So long the names of all pads are kept for those who ask for them page by page."""
NAMES_AT_ONCE = 9_000
"""So many names are in one answer at most."""
NAME_BYTES = 5
"""What a name takes in an answer beside its own bytes, at most."""
DRAIN_S = 2.0
RIGHTS_S = 1.0
"""How long a right may outlive its end."""
HELD_BYTES_MAX: Final = 256 * 1024 * 1024
"""All that is kept for the connections of one token or user beside the documents: answers that are not read, pieces of long
messages, and what they say that they have."""
GREETING_S = 5.0
"""A connection that has not said who it is after this long is cut off."""
TURN_LOOK_S = 1.0
"""How often it is looked at how far a guest is that brings in a text of another history."""
MOVES_MAX = 32
"""So many names of one document are followed."""
CROWDED_RETRY_S = 10.0
"""What a client is told to wait that has too many connections here."""
DRAIN_RETRY_S = 0.5
"""What clients are told to wait when the server goes: it may be back at once."""

log = logging.getLogger("jpterm_like.server.server")


class Library(Protocol):
    """Which files are shared, and under which names."""

    @property
    def root(self) -> Root | None:
        """The folder that no file may lead out of, or None."""
        ...

    def path_of(self, name: str) -> Path:
        """The plain file of a pad.

        Raises:
            FileProblem: there is no such pad, and none may be made.
        """
        ...

    def names(self) -> list[str]:
        """The pads that there are."""
        ...

    def keeps(self, path: Path) -> bool:
        """Whether the history of a file stays when it is saved and nobody has it open."""
        ...


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
        library: Library,
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
        self._autosave_s = autosave_s
        self._shelves: dict[str, OpenDocument] = {}
        self._opening: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._guests: set[Connection] = set()
        self._turns: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        """Of each token or user: one of their connections at a time goes on with what takes long."""
        self._called: dict[bytes, str] = {}
        """What the documents are called, by their identities: of those that were open, and of all once somebody asked."""
        self._knows_identities = False
        self._learning = asyncio.Lock()
        self._bars = Bars()
        self._empty = asyncio.Event()
        self._news: set[OpenDocument] = set()
        self._has_news = asyncio.Event()
        self._commits = GroupCommit(storage, library.root)
        self._questions = itertools.count()
        self._tasks = Tasks()
        self._draining = False
        self._cleaned: set[Path] = set()
        """Folders that were looked through for what killed saves have left."""
        self.admitted = 0
        """Openings so far."""
        self.refused = 0
        """Openings that were not allowed, or of nothing."""
        self.told_at = 0.0
        """When somebody was told news last, monotonic."""
        self.idle_since = 0.0
        """Since when nobody is connected, monotonic."""
        self._names: list[str] = []
        """Those of the pads when somebody asked for the first page of them last; kept for the pages that follow."""
        self._named_at = float("-inf")
        self._naming = asyncio.Lock()
        self._paging = asyncio.Lock()
        self.fell_short: set[str] = set()
        """Documents that were put away with something that is in no file, or not stored, by their names."""
        self.left_behind_bytes = 0
        """About so much memory closed documents have left to be collected; whoever collects it sets this back to 0."""

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin the work that goes on beside the connections; needs a running loop."""
        self.idle_since = asyncio.get_running_loop().time()
        for work in (self._tick, self._commits.run, self._keep_house, self._keep_doors):
            self._tasks.start(keep_up(work))
        self._tasks.start(self._settle_all())
        if self._watcher is not None:
            self._tasks.start(keep_up(partial(self._watch, self._watcher)))

    @property
    def busy(self) -> bool:
        """Whether someone is connected, or something is kept for those who have gone; see `_put_away_if_unused`."""
        return bool(self._guests or self._shelves)

    async def drain(self) -> None:
        """Bring everything to the disk, say good-bye to everyone, and close."""
        self._draining = True
        shelves = list(self._shelves.values())
        for shelf in shelves:
            if self._autosave_s is not None:
                await self._autosave(shelf)
        await self._commits.commit_all(shelves)
        for guest in self._guests:
            guest.link.end("draining", "The server is shutting down.", DRAIN_RETRY_S)
            guest.wake()
        if self._guests:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._empty.wait()
        for name in {*self._shelves, *self._opening}:  # one that is being put away just now is waited for
            async with self._lock_of(name):
                if name in self._shelves:
                    await self._put_away(self._shelves[name])
        await self._tasks.cancel()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
        self._storage.close()

    # ------------------------------------------------------------------ one connection

    async def converse(self, transport: Transport, rights: Rights = OWNER) -> None:
        """Serve one connection until it ends. Its failures stay its own."""
        loop = asyncio.get_running_loop()
        guest = Connection(Link("server", "", loop.time(), self._identity), rights)
        if self._draining:
            await transport.close()
            return
        most = self._descriptors.user_connections
        if rights is not OWNER and sum(other.rights.who == rights.who for other in self._guests) >= most:
            sentence = f"{most} connections of {rights.who} are here already: close some of them."
            guest.link.end("limit", sentence, CROWDED_RETRY_S)
        self._guests.add(guest)
        self._empty.clear()

        async def handle(event: links.Event) -> None:
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
            self._guests.discard(guest)
            # Without circles what was told on it goes now, and not at Python's next look for them, which is put off.
            guest.conversation = None
            self.idle_since = loop.time()
            if not self._guests:
                self._empty.set()

    def _cut_off_if_silent(self, guest: Connection) -> None:
        if guest.link.state == "greeting":
            guest.link.end("deadline", f"No greeting came within {GREETING_S:.0f} seconds.")
            guest.wake()

    async def _handle(self, guest: Connection, event: links.Event) -> None:
        match event:
            case links.Wanted():
                await self._open(guest, event)
            case links.SaveWanted(channel, request):
                shelf = guest.shelves[channel]
                self._tasks.start(self._save(guest, shelf, channel, request), guest)
            case links.TakeBackWanted(channel, request, again):
                self._take_back(guest, channel, request, again)
            case links.CompareWanted(channel, request):
                comparing = self._compare(guest.shelves[channel])
                self._tasks.start(self._answer(guest, channel, request, comparing), guest)
            case links.DiscardNoted(channel, request, discard):
                noting = self._note_discard(guest, guest.shelves[channel], discard)
                self._tasks.start(self._answer(guest, channel, request, noting), guest)
            case links.RenameWanted(channel, request, to):
                moving = self._move(guest, guest.shelves[channel], to)
                self._tasks.start(self._answer(guest, channel, request, moving), guest)
            case links.DeleteWanted(channel, request):
                deleting = self._delete(guest, guest.shelves[channel])
                self._tasks.start(self._answer(guest, channel, request, deleting), guest)
            case links.RestartWanted(channel, request):
                restarting = self._restart_history(guest, guest.shelves[channel], request)
                self._tasks.start(restarting, guest)
            case links.AncestorTold(channel, note):
                for other, number in guest.shelves[channel].guests:
                    if other is not guest and number in other.link.channels:
                        other.link.tell_ancestor(number, note)
                        other.wake()
            case links.MergeDone(channel, request):
                self._end_turn(guest, channel)
                guest.link.done(request)
            case links.KickWanted(channel, request, name):
                self._kick(guest, channel, request, name)
            case links.ListWanted(request, after):
                self._tasks.start(self._list(guest, request, after))
            case links.Answered(request):
                self._note_answer(guest, request)
            case links.Left(channel):
                self._leave(guest, channel)
                guest.link.detach(channel)

    async def _open(self, guest: Connection, wanted: links.Wanted, *, has_asked: bool = False) -> None:
        number, name = wanted.channel, wanted.path
        root = self._library.root
        if root is not None and guest.rights.role(name, root.path / name) is None:
            self._refuse_missing(
                guest, wanted
            )  # before it is looked at what is there, and why it is not shared
            return
        try:
            path = self._library.path_of(name)
            name = asked = self._name_of(path)
            await self._settle(name)
            if wanted.lineage is not None:
                name, path = await self._follow(name, path)
            role = None
            if self._may_name(guest, wanted.path, path):
                role = guest.rights.role(name, path)
            creates = wanted.create and role != "view" and (role == "own" or root is not None)
            if role is None or not (creates or await self._exists(name, path)):
                self._refuse_missing(guest, wanted)
                return
            barred = self._bars.against(guest.rights, name, path, asyncio.get_running_loop().time())
            if barred is not None:
                self.refused += 1
                guest.link.end(links.KICKED, barred)
                return
            self._check_room_for(guest, name)
            shelf = await self._shelf(name, path)
            if not has_asked and (former := self._former_ones(shelf, guest, wanted)):
                self._tasks.start(self._open_after(former, guest, wanted), guest)
                return
            elsewhere = await self._find_elsewhere(guest, shelf, wanted.document)
            if not shelf.is_open:  # nobody had it open, and it was put away meanwhile
                shelf = await self._shelf(name, path)
            role = self._role(guest, shelf)
            if role is None:  # permissions may have been given since the file was read
                await shelf.document.look_anew()
                shelf = await self._shelf(name, path)
                role = self._role(guest, shelf)
            if role is None:
                self._refuse_missing(guest, wanted)
                if not shelf.guests:
                    self._put_away_soon(shelf)
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
                self._put_away_soon(shelf)
            return
        if guest not in self._guests or not guest.link.wants(number):  # it has left meanwhile
            if not shelf.guests:
                self._put_away_soon(shelf)
            return
        if wanted.site in shelf.guests.values():
            guest.link.refuse("site_taken", "This opening is live on another connection.", channel=number)
            return
        document = shelf.document
        if document.is_read_only and wanted.lineage not in (None, document.pad.buffer.lineage):
            # They would leave the history that they have for one that only shows what the plain file holds.
            guest.link.refuse("store", document.troubles[0], channel=number)
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

    def _former_ones(self, shelf: OpenDocument, guest: Connection, wanted: links.Wanted) -> list[Connection]:
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

    async def _open_after(self, former: list[Connection], guest: Connection, wanted: links.Wanted) -> None:
        """Go on with an opening when those who were asked have answered, or are gone."""
        loop = asyncio.get_running_loop()
        number = next(self._questions)
        answers: dict[asyncio.Future[None], Connection] = {}
        for other in self._guests.intersection(former):
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
        if name in self._shelves:
            return
        who, most = guest.rights.who, self._descriptors.user_documents
        if guest.rights is not OWNER:
            mine = sum(
                any(other.rights.who == who for other, _ in shelf.guests) for shelf in self._shelves.values()
            )
            if mine >= most:
                raise JptermError(
                    f"{_written(who)} has {most} documents open here already: close some of them."
                )
        if not self._descriptors.have_room_for_document():
            raise JptermError(
                "The server has no room for another open document just now: close some, or wait."
            )

    def _refuse_missing(self, guest: Connection, wanted: links.Wanted) -> None:
        """Tell nothing but what was asked: not whether there is such a file, nor where a link leads."""
        self.refused += 1
        guest.link.refuse("missing", f"There is no file {wanted.path} here.", channel=wanted.channel)

    def _may_name(self, guest: Connection, name: str, path: Path) -> bool:
        """Whether a guest may call a file so: in a hub others name it as it is, for links are followed with its user's rights."""
        return self._library.root is not None or guest.rights is OWNER or name == str(path)

    def _role(self, guest: Connection, shelf: OpenDocument) -> Role | None:
        """What a guest may do in an open document."""
        document = shelf.document
        return guest.rights.role(document.name, document.path, document.access.ways)

    def _judge(self, shelf: OpenDocument) -> None:
        """Cut off those whose rights in a document changed; who may still come in does so at once, as what they are now."""
        for guest, number in list(shelf.guests):
            if guest.rights is not OWNER and self._role(guest, shelf) != guest.roles.get(number):
                self._cut_off(guest)

    def _cut_off(self, guest: Connection) -> None:
        log.info("rights changed", extra={"who": guest.rights.who})
        guest.link.end("rights", "What you may do here has changed.")
        guest.wake()

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
        )
        channel = guest.link.channels.get(number)
        if channel is None:  # the guest has closed it, or is of a release that cannot open this
            guest.wake()
            return
        # A reader brings nothing, and what they say that they have is waited for by nobody.
        if not is_read_only and document.expect(channel.cursor.version, channel.held):
            # Else it would have twice what came from the file, until we hear of that; and if we die before, for good.
            channel.awaited = channel.cursor.version
        if DISCARDING in guest.link.features:
            for discard in document.pad.discards:
                guest.link.tell_discard(number, discard)
        for sentence in document.troubles:
            guest.link.notify(number, sentence, serious=True)
        if document.name != asked:
            guest.link.tell_moved(number, document.name)
            was, now = self._spoken(asked), self._spoken(document.name)
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

    def _spoken(self, name: str) -> str:
        """A file's name in a sentence: in a hub without its folders."""
        return name if self._library.root is not None else Path(name).name

    def _name_of(self, path: Path) -> str:
        """The one name of a file: two names of it, by a symbolic link, must not become two documents."""
        root = self._library.root
        return str(path) if root is None else path.relative_to(root.path).as_posix()

    async def _exists(self, name: str, path: Path) -> bool:
        """Whether there is such a document: as a plain file, or with us alone so far."""
        if name in self._shelves or await asyncio.to_thread(is_there, path, self._library.root):
            return True
        if not await asyncio.to_thread(self._storage.has, name):
            return False
        return await self._leads_to(name) is None

    async def _follow(self, name: str, path: Path) -> tuple[str, Path]:
        """What a document is called now that somebody knows under this name, and its plain file."""
        for _ in range(MOVES_MAX):
            async with self._lock_of(name):
                if name in self._shelves or await asyncio.to_thread(is_there, path, self._library.root):
                    break
                to = await self._leads_to(name)
            if to is None:
                break
            path = self._library.path_of(to)
            name = self._name_of(path)
            await self._settle(name)
        return name, path

    async def _leads_to(self, name: str) -> str | None:
        """Which name the document of this one has now, None: it has not got another; one that is not open."""
        to = await asyncio.to_thread(rename.leads_to, self._storage, name)
        if to is None:
            move = await asyncio.to_thread(rename.interrupted, self._storage, name)
            if move is not None and move.old == name and move.new in self._shelves:
                return move.new  # the disk did not take the note
        return to

    async def _find_elsewhere(self, guest: Connection, shelf: OpenDocument, identity: bytes) -> str | None:
        """What the document of that identity is called, if it is another one than the shelf's and the guest may see it.

        None, too, if there is none: then it was lost here, and the guest's text belongs to the one that took its place.
        """
        if identity in (b"", shelf.document.identity):
            return None
        if identity not in self._called and not self._knows_identities:
            await self._learn_identities()
        name = self._called.get(identity)
        if name in (None, shelf.document.name):
            return None
        try:
            role = guest.rights.role(name, self._library.path_of(name))
        except FileProblem:
            return None
        return name if role is not None else None

    async def _learn_identities(self) -> None:
        """Look at all stores for the identities of the documents, once. What is opened or renamed later is noted then."""

        def look() -> dict[bytes, str]:
            found: dict[bytes, str] = {}
            for name in self._storage.names():
                with contextlib.suppress(StorageError):
                    identity = self._storage.read_blob(name, IDENTITY)
                    if identity and rename.leads_to(self._storage, name) is None:
                        found[identity] = name
            return found

        async with self._learning:
            if self._knows_identities:
                return
            self._called = {**await asyncio.to_thread(look), **self._called}
            self._knows_identities = True

    async def _shelf(self, name: str, path: Path) -> OpenDocument:
        """The open document of that name; opened once however many want it at the same time (F33)."""
        async with self._lock_of(name):
            shelf = self._shelves.get(name)
            if shelf is None:
                opening = asyncio.ensure_future(self._bring_up(name, path))
                try:
                    shelf = await asyncio.shield(opening)
                except asyncio.CancelledError:
                    # The one who asked is gone. The threads that open the document cannot be called back, and nobody
                    # may ask for it before they are done.
                    with contextlib.suppress(JptermError):
                        self._tasks.start(self._put_away_if_unused(await opening))
                    raise
            return shelf

    async def _bring_up(self, name: str, path: Path) -> OpenDocument:
        if await self._leads_to(name) is not None:
            await self._free_name(name)
        store = await asyncio.to_thread(self._storage.open, name)
        try:
            document, damage = await asyncio.to_thread(open_document, name, path, self._library.root, store)
        except BaseException:
            await asyncio.to_thread(store.close)
            raise
        self._tasks.start(self._remove_leftovers(path.parent))
        for sentence in damage:
            log.warning("%s: %s", name, sentence)
        shelf = self._shelve(document)
        if not document.is_replaced:
            return shelf
        try:
            await self._set_aside(shelf)
        finally:
            self._put_away_soon(shelf)
        anew = await self._bring_up(name, path)
        anew.document.remarks.append(
            f"This is another file than the {path.name} that was here before; the text of that one is kept as {document.path.name}."
        )
        return anew

    async def _free_name(self, name: str) -> None:
        """Remove the store of a name whose document has another one; to be used anew.

        Raises:
            StorageError: the disk refused.
        """
        to = await self._leads_to(name)
        if to in self._shelves:
            # The disk may not have taken the end of that move. Later it would be ended in what has the old name then.
            store = self._shelves[to].document.saver.store
            if await asyncio.to_thread(store.read_blob, rename.MOVING):
                await asyncio.to_thread(store.write_blob, rename.MOVING, b"")
        await asyncio.to_thread(self._storage.delete, name)

    async def _remove_leftovers(self, folder: Path) -> None:
        """Take away what killed saves have left in a folder, once: a server that lives takes its own away."""
        if folder in self._cleaned:
            return
        self._cleaned.add(folder)
        for _ in range(LEFTOVER_TRIES):
            try:
                if not await asyncio.to_thread(remove_leftovers, folder, inside=self._library.root):
                    return
            except FileProblem:
                break
            await asyncio.sleep(LEFTOVER_S)
        self._cleaned.discard(folder)  # the next opening tries again

    def _shelve(self, document: Document) -> OpenDocument:
        shelf = self._shelves[document.name] = OpenDocument(document)
        self._called[document.identity] = document.name
        document.notify = self._notifier(shelf)
        document.on_access = lambda: self._judge(shelf)
        document.on_replaced = lambda: self._part_ways_soon(shelf)
        document.on_written = lambda: self._commits.request(shelf)
        document.pad.on_news.append(lambda: self._note_news(shelf))
        document.pad.on_patch.append(lambda patch, origin: self._changed(shelf))
        if not document.is_saved:
            self._changed(shelf)
        self._note_news(shelf)
        self._commits.request(shelf)  # what came from the plain file while it was opened
        self._follow_files()
        return shelf

    @contextlib.asynccontextmanager
    async def _locks_of(self, one: str, other: str) -> AsyncIterator[None]:
        """Hold the locks of two names."""
        first, second = sorted((one, other))
        async with self._lock_of(first), self._lock_of(second):
            yield

    def _lock_of(self, name: str) -> asyncio.Lock:
        lock = self._opening.get(name)
        if lock is None:
            lock = self._opening[name] = asyncio.Lock()
        return lock

    def _leave(self, guest: Connection, number: int) -> None:
        self._end_turn(guest, number)
        shelf = guest.shelves.pop(number)
        guest.roles.pop(number, None)
        site = shelf.guests.pop((guest, number))
        del shelf.document.pad.reserved[site]
        shelf.document.pad.leave(site, asyncio.get_running_loop().time())
        if not shelf.guests:
            self._put_away_soon(shelf)

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
            sentence = f"{problem} {document.whether_kept}"
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
                other.link.tell_discard(number, discard)
            elif names := losers(buffer, discard):
                sentence = (
                    f"{who} went back to the text as the file has it, and unsaved words by {listed(names)} went, too. "
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
            async with self._lock_of(name):
                await self._commits.commit(shelf)
                if not shelf.is_open or shelf.document.name != name or not shelf.document.is_stored:
                    raise JptermError(
                        f"The history of {name} was not begun anew: its text is not stored yet, or it has another name. Try again."
                    )
                await self._put_away(shelf)
                await asyncio.to_thread(restart_history, self._storage, name)
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

    def _check_may_file(self, guest: Connection, name: str, path: Path) -> None:
        """Names are given and taken by who may write the text; in a hub by its user alone.

        There another user may write a file because its modes say so, and they say nothing of its name.

        Raises:
            JptermError: this guest may not.
        """
        role = guest.rights.role(name, path)
        if role != "own" and (role != "edit" or self._library.root is None):
            raise JptermError(f"You may not give or take the name {name} here.")

    async def _delete(self, guest: Connection, shelf: OpenDocument) -> None:
        """Delete a plain file. Its history stays, and with it what could be wanted back."""
        document = shelf.document
        self._check_may_file(guest, document.name, document.path)
        await document.delete_file(guest.link.peer_name or "Somebody")

    async def _move(self, guest: Connection, shelf: OpenDocument, to: str) -> None:
        """Give a document another name: the plain file, the store, and everybody who is in it go along."""
        document, root = shelf.document, self._library.root
        old = document.name
        self._check_may_file(guest, old, document.path)
        if root is not None:  # before it is looked at what is there
            self._check_may_file(guest, to, root.path / to)
        path = self._library.path_of(to)
        new = self._name_of(path)
        self._check_may_file(guest, new, path)
        if new == old:
            raise JptermError(f"{old} is called so already.")
        await self._settle(new)
        async with self._locks_of(old, new):
            if document.name != old or not shelf.is_open:
                raise JptermError(f"{old} has another name by now.")
            if new in self._shelves or await self._is_taken(new, path, document.path):
                await self._make_way(new, path)
            await self._commits.with_store(shelf, document.save)
            shelf.filing = True  # nobody else begins to write or read it
            try:
                if shelf.folding is not None:
                    await asyncio.wait((shelf.folding,))
                await self._rename(shelf, new, path)
            finally:
                shelf.filing = False
        who = guest.link.peer_name or "Somebody"
        log.info("renamed", extra={"who": guest.rights.who, "person": who, "pad": old, "to": new})
        self._lead_on(shelf)
        for other, number in shelf.guests:
            if other is not guest and number in other.link.channels:
                other.link.notify(
                    number, f"{who} renamed {self._spoken(old)} to {self._spoken(new)}.", serious=False
                )
                other.wake()

    def _lead_on(self, shelf: OpenDocument) -> None:
        """Have everybody who is in a document go on under the name that it has now."""
        for other, number in list(shelf.guests):
            if self._role(other, shelf) != other.roles[number]:
                self._cut_off(other)
            elif number in other.link.channels:  # one that waits for its turn is told the name then
                other.link.tell_moved(number, shelf.document.name)
            other.wake()

    async def _make_way(self, name: str, path: Path) -> None:
        """Let a document whose file was deleted keep its text under another name. The caller holds the lock of its name.

        Raises:
            JptermError: the name is that of a file, or of a text that has none yet.
        """
        taken = JptermError(f"{name} is there already.")
        if await asyncio.to_thread(is_there, path, self._library.root):
            raise taken
        other = self._shelves.get(name) or await self._bring_up(name, path)
        try:
            if not other.document.is_missing:
                raise taken
            await self._set_aside(other)
        finally:
            if not other.guests:
                self._put_away_soon(other)

    async def _set_aside(self, shelf: OpenDocument) -> None:
        """Give a document without a file a name that nobody has, for its own is another one's: everybody who is in it goes
        along, and whoever was away is led there by its identity. The caller holds the lock of its name.

        Raises:
            JptermError: it has the name that it had.
        """
        document, was = shelf.document, shelf.document.name
        for number in range(1, FORMER_MAX + 1):
            path = self._library.path_of(former_name(was, number))
            name = self._name_of(path)
            if self._lock_of(name).locked():  # not waited for: who holds it may wait for ours
                continue
            async with self._lock_of(name):
                if name in self._shelves or await self._is_taken(name, path, document.path):
                    continue
                shelf.filing = True  # nobody else begins to write or read it
                try:
                    if shelf.folding is not None:
                        await asyncio.wait((shelf.folding,))
                    await self._rename(shelf, name, path, is_aside=True)
                finally:
                    shelf.filing = False
                log.warning("%s is another document now; the former one is %s.", was, name)
                self._lead_on(shelf)
                if document.unreadable is not None:
                    document.notify(document.unreadable, True)
                return
        raise JptermError(f"There are {FORMER_MAX} former texts of {was}.")

    async def _part_ways(self, shelf: OpenDocument) -> None:
        """Set an open document aside whose name is another file's by now; where that is refused, again a while later."""
        name = shelf.document.name
        async with self._lock_of(name):
            if name != shelf.document.name or not shelf.is_open or not shelf.document.is_replaced:
                return
            try:
                await self._set_aside(shelf)
            except JptermError as problem:
                shelf.document.notify(f"Another file is called {name} now. {problem}", True)
                asyncio.get_running_loop().call_later(SAVE_RETRY_S, self._part_ways_soon, shelf)

    def _part_ways_soon(self, shelf: OpenDocument) -> None:
        if not self._draining:
            self._tasks.start(self._part_ways(shelf))

    async def _is_taken(self, name: str, path: Path, now: Path) -> bool:
        """Whether a document of that name is there, which is not the one whose file is `now`."""

        def look() -> bool:
            there = glance(path, self._library.root)
            if len(there) > 1:
                return there != glance(now, self._library.root)
            return self._storage.has(name) and rename.leads_to(self._storage, name) is None

        return await asyncio.to_thread(look)

    async def _rename(self, shelf: OpenDocument, new: str, path: Path, *, is_aside: bool = False) -> None:
        """Move a document, with its file unless `is_aside`: then there is none."""
        document, storage = shelf.document, self._storage
        move = rename.Move(document.name, new, 0, 0)
        if not is_aside:
            move = await asyncio.to_thread(
                rename.Move.of, document.name, new, document.path, self._library.root
            )
        former = document.saver.store
        await self._free_name(new)  # of what led from there to a later one
        store = await asyncio.to_thread(storage.open, new)
        async with self._commits.lock:
            try:
                await asyncio.to_thread(rename.begin, move, former, store)
                if is_aside:
                    await document.step_aside(new, path, store, partial(rename.lead_on, move, former))
                else:
                    await document.move(new, path, store)
            except BaseException:
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(store.close)
                with contextlib.suppress(StorageError):  # then the next start takes it back
                    await asyncio.to_thread(rename.take_back, storage, move, former)
                raise
            self._shelves[new] = self._shelves.pop(move.old)
            self._called[document.identity] = new
            await self._commits.commit_locked([shelf])
        self._follow_files()
        try:
            await asyncio.to_thread(rename.finish, move, former, store)
            await asyncio.to_thread(former.close)
        except StorageError as problem:
            log.error("%s", problem)  # `_settle` goes on with it
            await asyncio.to_thread(former.abandon)

    async def _settle(self, name: str) -> None:
        """End the move in which a crash has left the document of this name, which it had or was to get.

        Raises:
            JptermError: it cannot be ended now.
        """
        if name in self._shelves:
            return
        move = await asyncio.to_thread(rename.interrupted, self._storage, name)
        if move is None:
            return
        path, to = self._library.path_of(move.old), self._library.path_of(move.new)
        async with self._locks_of(move.old, move.new):
            is_open = {move.old, move.new} & self._shelves.keys()
            again = await asyncio.to_thread(rename.interrupted, self._storage, name)
            if again == move and not is_open:
                await asyncio.to_thread(rename.settle, self._storage, move, path, to, self._library.root)

    async def _settle_all(self) -> None:
        """End whatever moves a crash has interrupted."""
        for name in await asyncio.to_thread(rename.all_interrupted, self._storage):
            try:
                await self._settle(name)
            except JptermError as problem:
                log.warning("%s", problem)

    def _take_back(self, guest: Connection, number: int, request: int, again: bool) -> None:
        """Undo what came last from the plain file: the server's own steps are nothing else."""
        pad = guest.shelves[number].document.pad
        if (pad.redo if again else pad.undo)(clock.wall()) is None:
            what = "taken back and could be done again" if again else "changed by other programs"
            guest.link.refuse("nothing", f"There is nothing that was {what}.", request=request)
        else:
            guest.link.done(request)

    def _kick(self, guest: Connection, number: int, request: int, name: str) -> None:
        """Put out who is called so, and whatever else came in by the same token or as the same user; these are barred.

        Who came as the one who asks does, as another terminal of the same person, is put out only.
        """
        document = guest.shelves[number].document
        if guest.roles[number] != "own":
            guest.link.refuse("role", "Only an owner may put people out.", request=request)
            return
        others = self._guests - {guest}
        out = {
            other
            for other in others
            if name in (other.link.peer_name, escape_for_terminal(other.link.peer_name))
            and guest.shelves[number] in other.shelves.values()
        }
        if not out:
            guest.link.refuse("nobody", f"Nobody called {name} is in {document.name}.", request=request)
            return
        same = {other.rights.who for other in out if other.rights is not OWNER} - {guest.rights.who}
        out |= {other for other in others if other.rights.who in same and self._owns(guest, other)}
        by = guest.link.peer_name or "The owner"
        for other in out:
            log.info("put out", extra={"who": other.rights.who, "person": other.link.peer_name})
            other.link.end(links.KICKED, f"{by} ended your connection; your text is kept on your machine.")
            other.wake()
            if other.rights.who in same:
                self._bars.put(other.rights, guest.rights, by, asyncio.get_running_loop().time())
        told = (_described(other) + _BARRED * (other.rights.who in same) for other in out)
        guest.link.done(request, tuple(sorted(told)))

    def _owns(self, guest: Connection, other: Connection) -> bool:
        """Whether a guest is the owner of everything that another one has open."""
        return all(self._role(guest, shelf) == "own" for shelf in other.shelves.values())

    async def _list(self, guest: Connection, request: int, after: str) -> None:
        """Give a page of the names that come after `after`. The folder is looked through for the first page."""
        try:
            names = await self._names_since(after)
            async with self._paging:  # in slices: a hundred at once would have a hundred slices in each turn
                page, more = await self._page(guest, names, after)
        except FileProblem as problem:
            guest.link.refuse("file", str(problem), request=request)
        else:
            guest.link.give_names(request, page, more=more)
        guest.wake()

    async def _names_since(self, after: str) -> list[str]:
        """All names in their order. Who asks while somebody else's look through the folder goes on waits for the next one,
        and shares it with all who came meanwhile.

        Raises:
            FileProblem: the folder cannot be read.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._naming:
            if not self._names if after else self._named_at <= asked_at:
                named_at = loop.time()
                names = {*await asyncio.to_thread(self._library.names), *self._shelves}
                self._names, self._named_at = await asyncio.to_thread(sorted, names), named_at
            return self._names

    async def _page(self, guest: Connection, names: list[str], after: str) -> tuple[list[str], bool]:
        """As many of the names after `after` as fit in one answer, of those that a guest may see; whether there are more."""
        root = self._library.root
        loop = asyncio.get_running_loop()
        page: list[str] = []
        rest_bytes, turn = guest.link.names_bytes_max, loop.time()
        for at in range(bisect_right(names, after), len(names)):
            name = names[at]
            if loop.time() - turn > SLICE_S:
                await asyncio.sleep(0)
                turn = loop.time()
            path = Path(name) if root is None else root.path / name
            if guest.rights is not OWNER and guest.rights.role(name, path) is None:
                continue
            rest_bytes -= len(name.encode()) + NAME_BYTES
            if rest_bytes < 0 or len(page) >= NAMES_AT_ONCE:
                return page, True
            page.append(name)
        return page, False

    # ------------------------------------------------------------------ news, tick, commit

    def _note_news(self, shelf: OpenDocument) -> None:
        self._news.add(shelf)
        self._has_news.set()

    def _notifier(self, shelf: OpenDocument) -> Callable[[str, bool], None]:
        def notify(sentence: str, serious: bool) -> None:
            for guest, number in shelf.guests:
                if (
                    number in guest.link.channels
                ):  # one that waits for its turn is told the document's troubles then
                    guest.link.notify(number, sentence, serious=serious)
                    guest.wake()

        return notify

    def _changed(self, shelf: OpenDocument) -> None:
        now = asyncio.get_running_loop().time()
        if shelf.changed_at is None:
            shelf.unsaved_since = now
        shelf.changed_at = now

    async def _tick(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            await asyncio.sleep(await self._spread_news())

    async def _spread_news(self) -> float:
        """Tell what is new to everyone who is in a document that has news; how long until the next time."""
        news, self._news = self._news, set()
        loop = asyncio.get_running_loop()
        count, fullest, turn = 0, 0, loop.time()
        self.told_at = turn
        for shelf in news:
            if not shelf.is_open:
                continue
            count, fullest = count + len(shelf.guests), max(fullest, len(shelf.guests))
            for guest, _ in list(shelf.guests):
                guest.flush()
                if loop.time() - turn > SLICE_S:
                    await asyncio.sleep(0)
                    turn = loop.time()
            if shelf.document.saver.behind:
                self._commits.request(shelf)
        return max(TICK_S, min(TICK_SHARE_S * fullest, TICK_LONG_S), CROWD_SHARE_S * count)

    # ------------------------------------------------------------------ plain files, expiry, closing

    async def _keep_doors(self) -> None:
        """Cut off those whose rights changed, by nothing that was done here."""
        while True:
            await asyncio.sleep(RIGHTS_S)
            self._bound_what_is_held()
            for guest in list(self._guests):
                if guest.rights is OWNER:
                    continue
                now = {number: self._role(guest, shelf) for number, shelf in guest.shelves.items()}
                if not guest.rights.stands() or now != guest.roles:
                    self._cut_off(guest)

    def _bound_what_is_held(self) -> None:
        """Cut off the connections that most is kept for, of those who have more kept than one may."""
        held: dict[str, list[tuple[int, Connection]]] = {}
        for guest in self._guests:
            if guest.rights is not OWNER and (size_bytes := guest.link.held_bytes):
                held.setdefault(guest.rights.who, []).append((size_bytes, guest))
        for who, sizes in held.items():
            all_bytes = sum(size_bytes for size_bytes, _ in sizes)
            for size_bytes, guest in sorted(sizes, key=lambda each: each[0], reverse=True):
                if all_bytes <= HELD_BYTES_MAX:
                    break
                all_bytes -= size_bytes
                sentence = f"More than {HELD_BYTES_MAX >> 20} MiB are kept here for {who}: read the answers, or open less."
                guest.link.end("limit", sentence, CROWDED_RETRY_S)
                guest.wake()

    def has(self, name: str) -> bool:
        """Whether somebody has a document open."""
        shelf = self._shelves.get(name)
        return shelf is not None and bool(shelf.guests)

    def let_go(self, name: str) -> None:
        """Send everybody who is in a document to look for it anew."""
        shelf = self._shelves.get(name)
        for guest, _ in list(shelf.guests) if shelf is not None else []:
            guest.link.end("moved", "The file is shared by another user's hub now.")
            guest.wake()

    @property
    def figures(self) -> dict[str, int]:
        """How much is going on, for those who watch over a server."""
        return {
            "connections": len(self._guests),
            "documents": len(self._shelves),
            "documents_to_be_stored": self._commits.requested_count,
            "openings_total": self.admitted,
            "refusals_total": self.refused,
        }

    @property
    def ready(self) -> bool:
        """Whether it takes guests."""
        return not self._draining

    async def _keep_house(self) -> None:
        loop = asyncio.get_running_loop()
        expired_at = loop.time()
        step = (
            HOUSEKEEPING_S
            if self._autosave_s is None
            else max(0.05, min(HOUSEKEEPING_S, self._autosave_s / 4))
        )
        while True:
            await asyncio.sleep(step)
            now = loop.time()
            for shelf in list(self._shelves.values()):
                if self._is_to_be_saved(shelf, now):
                    shelf.filing = True
                    self._tasks.start(self._autosave(shelf))
            if now - expired_at >= HOUSEKEEPING_S:
                expired_at = now
                if now - self._named_at >= NAMES_S:
                    self._names = []
                for shelf in self._shelves.values():
                    self._commits.request(
                        shelf
                    )  # finds out, too, that a store was removed in which nobody writes now
                    if shelf.document.pad.presences.expire(now):
                        self._note_news(shelf)
                    if not shelf.filing:
                        self._fold_if_long(shelf)

    def _is_to_be_saved(self, shelf: OpenDocument, now: float) -> bool:
        if self._autosave_s is None or shelf.changed_at is None or shelf.filing:
            return False
        pause = self._autosave_s * (1 << shelf.document.contests)
        return now - shelf.changed_at >= pause or now - shelf.unsaved_since >= SAVE_AT_LATEST * pause

    async def _autosave(self, shelf: OpenDocument) -> None:
        shelf.changed_at = None
        try:
            await self._commits.with_store(shelf, shelf.document.autosave)
        except JptermError as problem:
            shelf.document.fail(problem)
            shelf.changed_at = shelf.unsaved_since = asyncio.get_running_loop().time() + SAVE_RETRY_S
        finally:
            shelf.filing = False

    def _fold_if_long(self, shelf: OpenDocument) -> None:
        """Keep the store short of a document that stays open for long (F19)."""
        saver = shelf.document.saver
        if shelf.folding is None and saver.wants_compaction():
            shelf.folding = self._tasks.start(self._fold(shelf, saver.folding()))

    async def _fold(self, shelf: OpenDocument, fold: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(fold)
        except StorageError as problem:
            # Not again for this opening: the next one reads everything, and mends what can be.
            log.error("%s", problem)
        else:
            shelf.folding = None

    async def _watch(self, watcher: Watcher) -> None:
        """Have each document look at its plain file when that seems to have changed."""
        while True:
            await watcher.wait()
            shelves = [shelf for shelf in self._shelves.values() if not shelf.filing]
            changed = await asyncio.to_thread(
                lambda shelves: [shelf for shelf in shelves if shelf.document.seems_changed()], shelves
            )
            for shelf in shelves:
                if (shelf in changed or shelf.document.awaits_late) and not shelf.filing:
                    shelf.filing = True
                    self._tasks.start(self._look(shelf))

    async def _look(self, shelf: OpenDocument) -> None:
        try:
            await shelf.document.look()
        finally:
            shelf.filing = False
        if shelf.is_open and shelf.changed_at is None and not shelf.document.is_saved:
            self._changed(shelf)

    def _follow_files(self) -> None:
        if self._watcher is not None:
            self._watcher.follow([shelf.document.path for shelf in self._shelves.values()])

    async def _put_away_if_unused(self, shelf: OpenDocument) -> None:
        """Put a document away that nobody has open, once it is stored.

        If the disk refuses, it is kept: who wrote the rest may have been a script, and has it nowhere. So it is as long as
        another program writes into a file that we replaced: nobody else looks there.
        """
        name = ""
        while name != shelf.document.name:  # it may get another one while we wait
            name = shelf.document.name
            async with self._lock_of(name):
                if name == shelf.document.name and not shelf.guests and shelf.is_open:
                    await self._commits.commit(shelf)
                    is_written = await asyncio.to_thread(shelf.document.has_late_writers)
                    if shelf.document.is_stored and not is_written:
                        await self._put_away(shelf)
                    else:
                        asyncio.get_running_loop().call_later(KEEP_S, self._put_away_soon, shelf)

    def _put_away_soon(self, shelf: OpenDocument) -> None:
        if not self._draining:
            self._tasks.start(self._put_away_if_unused(shelf))

    async def _put_away(self, shelf: OpenDocument) -> None:
        """Bring one document to the disk and let go of it. Nobody can open it meanwhile: the caller holds its lock."""
        document = shelf.document
        try:
            if self._autosave_s is not None:
                await self._commits.with_store(shelf, document.autosave)
            self.fell_short.discard(document.name)
        except JptermError as problem:
            log.warning("%s", problem)
            self.fell_short.add(document.name)
        try:
            await write_in_slices(document.saver)
            self._fold_if_long(shelf)
            if shelf.folding is not None:
                await asyncio.wait((shelf.folding,))
        except StorageError as problem:
            log.error("%s", problem)
        async with (
            self._commits.lock
        ):  # a commit that is under way uses the store, the next one leaves it out
            del self._shelves[document.name]
            shelf.is_open = False
        buffer = document.pad.buffer
        self.left_behind_bytes += CLOSED_BYTES + 4 * len(buffer) + SITE_BYTES * len(buffer.version)
        self._follow_files()
        try:
            await document.close()
            if document.is_saved and document.is_stored and not self._library.keeps(document.path):
                await asyncio.to_thread(self._storage.delete, document.name)
        except StorageError as problem:
            log.error("%s", problem)
            self.fell_short.add(document.name)
        if not document.is_stored:
            log.error("%s was put away, and its last changes are not stored.", document.name)
            self.fell_short.add(document.name)
        if not self._draining:  # else somebody may still be told from it
            buffer.let_go()


_BARRED: Final = f", and kept out for {BARRED_S / 60:.0f} minutes"


def _written(who: str) -> str:
    return who[:1].upper() + who[1:]


def _described(guest: Connection) -> str:
    """Who a guest is, for who put them out."""
    name = guest.link.peer_name or "somebody without a name"
    return name if guest.rights is OWNER else f"{name} ({guest.rights.who})"
