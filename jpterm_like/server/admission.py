"""Let connections into documents: who may open what, under which name, and when.

Somebody who comes back may be held up by their own former connection, which broke without a word, and people who bring a text of
another history take turns. So an opening may have to wait.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Set
from pathlib import Path
from typing import Final

from jpterm_like.access.permissions import OWNER, Role
from jpterm_like.errors import JptermError
from jpterm_like.files.read import FileProblem
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.descriptor_limits import Descriptors
from jpterm_like.server.document_names import DocumentNames
from jpterm_like.server.merge_turn import Turn
from jpterm_like.server.moderation import Moderation
from jpterm_like.server.open_documents import OpenDocuments
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.server.tasks import Tasks
from jpterm_like.storage.base import StoreBusy, StoreElsewhere
from jpterm_like.sync import events
from jpterm_like.sync.wire import NOTEBOOKS

ANSWER_S: Final = 20.0
"""How long an opening waits until another connection has answered a ping. A connection that does not is ended."""
TURN_CHECK_S: Final = 1.0
"""Interval between two looks at the progress of a turn to merge."""

UNKNOWN_NOTEBOOKS: Final = "Notebooks are edited by cell here, which your release of jpterm-like does not know: update it to open this one."
"""What an earlier release is told: it has the JSON of the file in its journal, and would merge that into the cells."""

log = logging.getLogger("jpterm_like.server.server")


class Admission:
    """Opens documents for connections, and lets them leave.

    Args:
        connections: all that there are; it is read, never changed.
        files: what is shared.
        descriptors: how many documents there is room for.
        relay: lets a connection into a document that another node owns, as far as this server relays; returns whether it does.
    """

    def __init__(
        self,
        connections: Set[Connection],
        files: SharedFiles,
        names: DocumentNames,
        documents: OpenDocuments,
        moderation: Moderation,
        tasks: Tasks,
        descriptors: Descriptors,
        relay: Callable[[Connection, events.OpenRequested, str, Path, Role], bool] = lambda *_: False,
    ) -> None:
        self._connections = connections
        self._files = files
        self._names = names
        self._documents = documents
        self._moderation = moderation
        self._tasks = tasks
        self._descriptors = descriptors
        self._relay = relay
        self._pings = itertools.count()
        self.admitted = 0
        """Openings so far."""
        self.refused = 0
        """Openings so far that were not allowed, or of nothing."""

    async def open(
        self, connection: Connection, wanted: events.OpenRequested, *, has_asked: bool = False
    ) -> None:
        """Answer a request to open a document: admit the connection, refuse it, or have it wait.

        Args:
            has_asked: former connections that may hold up this one have answered, or have ended.
        """
        number, name = wanted.channel, wanted.path
        root = self._files.root
        if root is not None and connection.rights.role(name, root.path / name) is None:
            # Before looking at the disk: the answer must not tell what is there, nor why it is not shared.
            self._refuse_missing(connection, wanted)
            return
        try:
            path = self._files.path_of(name)
            name = asked = self._names.name_of(path)
            await self._names.recover(name)
            if wanted.lineage is not None:
                name, path = await self._names.follow(name, path)
            role = None
            if self._moderation.may_call(connection, wanted.path, path):
                role = connection.rights.role(name, path)
            creates = wanted.create and role != "view" and (role == "own" or root is not None)
            if role is None or not (creates or await self._names.exists(name, path)):
                self._refuse_missing(connection, wanted)
                return
            ban = self._moderation.ban_against(connection, name, path)
            if ban is not None:
                self.refused += 1
                connection.link.end(events.KICKED, ban)
                return
            self._check_room_for(connection, name)
            opened = await self._documents.open(name, path)
            is_relay = connection.link.is_relay
            if not has_asked and not is_relay and (former := self._former_ones(opened, connection, wanted)):
                self._tasks.start(self._open_after(former, connection, wanted), connection)
                return
            elsewhere = await self._names.find_elsewhere(connection.rights, opened, wanted.document)
            # Nobody had it open, so it may have been closed meanwhile, or is just being closed.
            opened = await self._documents.open(name, path)
            role = self._moderation.role(connection, opened)
            if role is None:  # permissions may have been granted since the file was read
                await opened.document.reread()
                opened = await self._documents.open(name, path)
                role = self._moderation.role(connection, opened)
            if role is None:
                self._refuse_missing(connection, wanted)
                if not opened.members:
                    self._documents.close_soon_if_unused(opened)
                return
        except StoreElsewhere as owner:
            assert role is not None
            # A client whose document is busy comes again in a moment; a balancer may send it to the owner.
            if not owner.address or not self._relay(connection, wanted, name, path, role):
                sentence = f"{name} is open at another node."
                connection.link.refuse("busy", sentence, channel=number)
            return
        except StoreBusy:
            sentence = f"{name} is held by another server that uses the same store: stop one of them."
            connection.link.refuse("busy", sentence, channel=number)
            return
        except JptermError as problem:
            code = "file" if isinstance(problem, FileProblem) else "store"
            connection.link.refuse(code, str(problem), channel=number)
            return
        if elsewhere is not None:
            connection.link.lead_elsewhere(number, connection.mount.client_name(elsewhere))
            if not opened.members:
                self._documents.close_soon_if_unused(opened)
            return
        has_left = connection not in self._connections or not connection.link.awaits_opening(number)
        if has_left:
            if not opened.members:
                self._documents.close_soon_if_unused(opened)
            return
        if wanted.site in opened.document.pad.reserved:  # the sites of all who are here
            connection.link.refuse(
                "site_taken", "This opening is live on another connection.", channel=number
            )
            return
        document = opened.document
        if document.is_notebook and NOTEBOOKS not in connection.link.features:
            connection.link.refuse("version", UNKNOWN_NOTEBOOKS, channel=number)
            if not opened.members:
                self._documents.close_soon_if_unused(opened)
            return
        if document.is_read_only and wanted.lineage not in (None, document.pad.buffer.lineage):
            # The client would give up its history for one that only shows the plain file.
            connection.link.refuse("store", document.warnings[0], channel=number)
            return
        opened.members[connection, number] = wanted.site
        connection.note_site(wanted.site)
        is_same = wanted.lineage == document.pad.buffer.lineage
        document.pad.reserved[wanted.site] = wanted.version.get(wanted.site) if is_same else 0
        connection.documents[number] = opened
        connection.roles[number] = role
        connection.since[number] = asyncio.get_running_loop().time()
        self.admitted += 1
        log.info(
            "opened",
            extra={
                "who": connection.rights.who,
                "person": connection.link.peer_name,
                "pad": name,
                "role": role,
            },
        )
        if wanted.merging and role != "view" and not document.is_read_only:
            self._tasks.start(self._admit_in_turn(connection, opened, number, asked), connection)
        else:
            self._admit(connection, opened, number, asked)

    def _former_ones(
        self, opened: OpenDocument, connection: Connection, wanted: events.OpenRequested
    ) -> list[Connection]:
        """Return the connections with a site of which the newcomer has more operations; they must answer a ping first.

        They may be former connections of the newcomer that broke without a word. Then they do not answer, operations that are
        still on their way may arrive until they are ended, and the sites that they have reserved are the newcomer's. If they
        answer, they are somebody else, because the newcomer was here before they were asked.
        """
        pad = opened.document.pad
        is_same = wanted.lineage == pad.buffer.lineage

        def has_more(site: int) -> bool:
            known = max(pad.reserved[site], pad.buffer.version.get(site))
            return is_same and wanted.version.get(site) > known

        return [
            other
            for (other, _), site in opened.members.items()
            if other is not connection and (site == wanted.site or has_more(site))
        ]

    async def _open_after(
        self, former: list[Connection], connection: Connection, wanted: events.OpenRequested
    ) -> None:
        """Ping former connections, and continue the opening once each has answered or has ended."""
        answers = {self.ask(other): other for other in self._connections & set(former)}
        waiting: set[asyncio.Future[None]] = set(answers)
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=ANSWER_S)
        if waiting:
            for answer in waiting:
                answers[answer].link.end("silent", f"A question was not answered for {ANSWER_S:.0f} seconds.")
                answers[answer].wake()
            await asyncio.wait(waiting)
        await self.open(connection, wanted, has_asked=True)
        connection.wake()

    def ask(self, connection: Connection) -> asyncio.Future[None]:
        """Ping a connection; the future is done once it has answered, or has ended."""
        number = next(self._pings)
        answer = connection.pings[number] = asyncio.get_running_loop().create_future()
        connection.link.ping(number)
        connection.wake()
        return answer

    def note_answer(self, connection: Connection, question: int) -> None:
        """Note that a connection has answered a ping, or has ended."""
        answered = connection.pings.pop(question, None)
        if answered is not None and not answered.done():
            answered.set_result(None)

    def _check_room_for(self, connection: Connection, name: str) -> None:
        """Check that a document may be opened: descriptors and memory are limited, for each token or user and in all.

        Raises:
            JptermError: there is no room for another one.
        """
        if name in self._documents.by_name:
            return
        who, most = connection.rights.who, self._descriptors.user_documents
        if connection.rights is not OWNER:
            mine = sum(
                any(other.rights.who == who for other, _ in opened.members)
                for opened in self._documents.by_name.values()
            )
            if mine >= most:
                raise JptermError(
                    f"{_capitalised(who)} has {most} documents open here already: close some of them."
                )
        if not self._descriptors.have_room_for_document():
            raise JptermError(
                "The server has no room for another open document just now: close some, or wait."
            )

    def _refuse_missing(self, connection: Connection, wanted: events.OpenRequested) -> None:
        """Refuse with a sentence that only repeats the request: it must not tell whether there is such a file, nor where a link leads."""
        self.refused += 1
        connection.link.refuse("missing", f"There is no file {wanted.path} here.", channel=wanted.channel)

    def _admit(self, connection: Connection, opened: OpenDocument, number: int, asked: str) -> None:
        """Admit a connection, which asked for the document by the name `asked`."""
        role = connection.roles[number]
        document = opened.document
        is_read_only = role == "view" or document.is_read_only
        connection.link.admit(
            number,
            document.pad,
            "view" if is_read_only else "edit",
            document.identity,
            is_owner=role == "own",
            may_run=connection.may_run,
            frames=opened.frames,
        )
        channel = connection.link.channels.get(number)
        if channel is None:  # the client has closed it, or its release cannot open this
            connection.wake()
            return
        # A reader brings no operations, so the versions that it claims to have are not awaited.
        if not is_read_only and document.expect(channel.cursor.version, channel.held):
            # Nothing is sent before that history is here. Else the client would have text from the file twice, for good if we die.
            channel.awaited = channel.cursor.version
        connection.link.tell_form(number, **document.form._asdict(), is_there=document.is_there)
        for discard in document.pad.discards:
            connection.link.notify_discard(number, discard)
        if document.protected is not None and not is_read_only:
            connection.link.notify(number, document.protected, serious=False)
        for sentence in document.warnings:
            connection.link.notify(number, sentence, serious=True)
        if given := self._moderation.words_on_given_role(connection, opened):
            connection.link.notify(number, given, serious=False)
        if document.name != asked:
            connection.link.notify_renamed(number, connection.mount.client_name(document.name))
            was, now = self._names.display_name(asked), self._names.display_name(document.name)
            connection.link.notify(number, f"{was} was renamed to {now} while you were away.", serious=False)
        connection.wake()

    async def _admit_in_turn(
        self, connection: Connection, opened: OpenDocument, number: int, asked: str
    ) -> None:
        """Admit connections with a text of another history one after the other.

        Two that merged at once would each add the text that both have; the second must merge with the first one's result.
        """
        opened.merge_waiters += 1
        try:
            await opened.merge_lock.acquire()
        finally:
            opened.merge_waiters -= 1
        if connection.documents.get(number) is not opened:
            opened.merge_lock.release()
            return
        loop = asyncio.get_running_loop()
        self._admit(connection, opened, number, asked)
        channel = connection.link.channels.get(number)
        if channel is None:  # closed before its turn came
            opened.merge_lock.release()
            self.leave(connection, number)
            return
        turn = connection.merge_turns[number] = Turn(channel, opened.document.pad.buffer.version, loop.time())
        while connection.merge_turns.get(number) is turn:
            await asyncio.sleep(TURN_CHECK_S)
            if connection.merge_turns.get(number) is turn and turn.is_over(
                loop.time(), others_wait=opened.merge_waiters > 0
            ):
                connection.link.end(
                    "slow", "Merging your text with the server's came to a halt, or others wait for it."
                )
                connection.wake()
                # An ended link integrates nothing more, so the next turn may begin.
                self.end_turn(connection, number)

    def end_turn(self, connection: Connection, number: int) -> None:
        """End a channel's turn to merge, if it has one."""
        if connection.merge_turns.pop(number, None) is not None:
            connection.documents[number].merge_lock.release()

    def leave_all(self, connection: Connection) -> None:
        """Take a connection that has ended out of all of its documents, and let nobody wait for its answers."""
        for number in list(connection.documents):
            self.leave(connection, number)
            connection.link.detach(number)
        for question in list(connection.pings):
            self.note_answer(connection, question)

    def leave(self, connection: Connection, number: int) -> None:
        """Take a channel out of its document."""
        self.end_turn(connection, number)
        opened = connection.documents.pop(number)
        connection.roles.pop(number, None)
        connection.since.pop(number, None)
        site = opened.members.pop((connection, number))
        connection.forget_site(site)
        del opened.document.pad.reserved[site]
        opened.document.pad.leave(site, asyncio.get_running_loop().time())
        if not opened.members:
            self._documents.close_soon_if_unused(opened)


def _capitalised(who: str) -> str:
    return who[:1].upper() + who[1:]
