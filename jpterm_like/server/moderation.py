"""Enforce rights while connections last; give roles, kick and ban; bound the memory that is kept for one visitor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set
from pathlib import Path
from typing import Final, Literal

from jpterm_like.access.permissions import (
    BAN_S,
    OWNER,
    Bans,
    ChangeableRights,
    GivenRole,
    GivenRoles,
    Rights,
    Role,
)
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.sync import events

RIGHTS_S: Final = 1.0
"""How long a right may outlive its end."""
HELD_BYTES_MAX: Final = 256 * 1024 * 1024
"""Most that is kept for the connections of one token or user besides the documents: answers that are not read, pieces of long
messages, and the versions that they say they have."""
GIVEN_TOLD_S: Final = 60.0
"""How long after it was given the role of a writer is told to those who come in; that of a reader always is."""
CROWDED_RETRY_S: Final = 10.0
"""Delay that a client with too many connections is asked to keep before it comes again."""

log = logging.getLogger("jpterm_like.server.server")


class Moderation:
    """Judges connections by their rights.

    Args:
        connections: all that there are; it is read, never changed.
        files: what is shared.
    """

    def __init__(self, connections: Set[Connection], files: SharedFiles) -> None:
        self._connections = connections
        self._files = files
        self._bans = Bans()
        self._given = GivenRoles()

    # ------------------------------------------------------------------ rights

    def changeable(self, rights: Rights) -> Rights:
        """The rights of a newcomer, with the roles that owners gave them and will give them."""
        return rights if rights is OWNER else ChangeableRights(rights, self._given)

    def role(self, connection: Connection, opened: OpenDocument) -> Role | None:
        """Return the role of a connection in an open document; None if it may not even know of it."""
        document = opened.document
        return connection.rights.role(document.name, document.path, document.access.sources)

    def may_call(self, connection: Connection, name: str, path: Path) -> bool:
        """Return whether a connection may use this name for a file. In a hub, visitors name the real path: links are resolved with the
        rights of the hub's user, so other names would tell where they lead."""
        return self._files.root is not None or connection.rights is OWNER or name == str(path)

    def check_may_name(self, connection: Connection, name: str, path: Path) -> None:
        """Check that a connection may give or take a name. In a served folder this needs the right to write the text; in a
        hub only its user may: file modes let others write a file, and say nothing about its name.

        Raises:
            JptermError: it may not.
        """
        role = connection.rights.role(name, path)
        if role != "own" and (role != "edit" or self._files.root is None):
            raise JptermError(f"You may not give or take the name {name} here.")

    def recheck(self, opened: OpenDocument) -> None:
        """End the connections whose role in a document changed. Their clients connect again, and get the role of now."""
        for connection, number in list(opened.members):
            if connection.rights is not OWNER and self.role(connection, opened) != connection.roles.get(
                number
            ):
                self.end_for_new_rights(connection)

    def end_for_new_rights(self, connection: Connection) -> None:
        """End a connection whose rights changed."""
        log.info("rights changed", extra={"who": connection.rights.who})
        connection.link.end("rights", "What you may do here has changed.")
        connection.wake()

    async def run(self) -> None:
        """End connections whose rights were changed from outside, for ever."""
        while True:
            await asyncio.sleep(RIGHTS_S)
            self._bound_held_bytes()
            for connection in list(self._connections):
                if connection.rights is OWNER:
                    continue
                now = {
                    number: self.role(connection, opened) for number, opened in connection.documents.items()
                }
                if not connection.rights.is_valid() or now != connection.roles:
                    self.end_for_new_rights(connection)

    def _bound_held_bytes(self) -> None:
        """End the largest connections of each visitor for whom more than HELD_BYTES_MAX is kept."""
        held: dict[str, list[tuple[int, Connection]]] = {}
        for connection in self._connections:
            if connection.rights is not OWNER and (size_bytes := connection.link.held_bytes):
                held.setdefault(connection.rights.who, []).append((size_bytes, connection))
        for who, sizes in held.items():
            all_bytes = sum(size_bytes for size_bytes, _ in sizes)
            for size_bytes, connection in sorted(sizes, key=lambda each: each[0], reverse=True):
                if all_bytes <= HELD_BYTES_MAX:
                    break
                all_bytes -= size_bytes
                sentence = f"More than {HELD_BYTES_MAX >> 20} MiB are kept here for {who}: read the answers, or open less."
                connection.link.end("limit", sentence, CROWDED_RETRY_S)
                connection.wake()

    # ------------------------------------------------------------------ roles that owners give

    def set_role(
        self, connection: Connection, number: int, request: int, site: int, role: Literal["view", "edit"]
    ) -> None:
        """Answer a request to change what somebody in a document may do: it counts for their token or user, in everything that
        the asking person owns, also when they connect again. Their connections are ended; they come back with the new role."""
        opened = connection.documents[number]
        other = next((one for (one, _), theirs in opened.members.items() if theirs == site), None)
        refusal = self._why_role_stays(connection, opened, other, role)
        if other is None or refusal:
            connection.link.refuse("role", refusal, request=request)
            return
        by = connection.link.peer_name or "The owner"
        now = asyncio.get_running_loop().time()
        self._given.give(other.rights, GivenRole(role, connection.rights, by, now))
        same = {one for one in self._connections if one.rights.who == other.rights.who}
        for one in same:
            if any(self.role(one, theirs) != one.roles.get(each) for each, theirs in one.documents.items()):
                log.info(
                    "role given",
                    extra={"who": one.rights.who, "person": one.link.peer_name, "role": role},
                )
                self.end_for_new_rights(one)
        told = {_description(one) for one in same if one is other or self._owns_all_of(connection, one)}
        connection.link.done(request, tuple(sorted(told)))

    def _why_role_stays(
        self,
        connection: Connection,
        opened: OpenDocument,
        other: Connection | None,
        role: Literal["view", "edit"],
    ) -> str:
        """Why a person's role in a document cannot be changed, in a sentence; "": it can."""
        if other is None:
            return f"That person has left {opened.document.name}."
        name = other.link.peer_name or "This person"
        if self.role(connection, opened) != "own":
            return "Only an owner may change what people may do."
        if self.role(other, opened) == "own":
            return f"{name} is an owner here, as you are: owners may always write."
        if role == "edit" and not other.rights.can_be_raised and self.given_role(other, opened) is None:
            return f"The permissions of the file let {name} only read it: change them with chmod."
        return ""

    def given_role(self, connection: Connection, opened: OpenDocument) -> GivenRole | None:
        """The role that an owner gave to a connection in a document, if one holds."""
        if connection.rights is OWNER:
            return None
        return self._given.find(connection.rights, opened.document.name, opened.document.path)

    def words_on_given_role(self, connection: Connection, opened: OpenDocument) -> str:
        """What to tell somebody who comes in about the role that an owner gave them, in a sentence; "": nothing (any more)."""
        given = self.given_role(connection, opened)
        if given is None or given.role != self.role(connection, opened):
            return ""
        if given.role == "view":
            return f"{given.name} lets you read here and no longer write."
        is_new = asyncio.get_running_loop().time() - given.at < GIVEN_TOLD_S
        return f"{given.name} lets you write here now." if is_new else ""

    # ------------------------------------------------------------------ kicks and bans

    def ban_against(self, connection: Connection, name: str, path: Path) -> str | None:
        """Why a connection is banned from a document now, in a sentence; None: it is not."""
        return self._bans.why_banned(connection.rights, name, path, asyncio.get_running_loop().time())

    def kick(self, connection: Connection, number: int, request: int, name: str) -> None:
        """Answer a request to kick: end the connections of everyone of that name in a document, and all others of the same
        token or user, which is banned.

        Connections of the token or user that asks, such as another terminal of the same person, are ended and not banned.
        """
        document = connection.documents[number].document
        others = self._connections - {connection}
        kicked = {
            other
            for other in others
            if name in (other.link.peer_name, escape_for_terminal(other.link.peer_name))
            and connection.documents[number] in other.documents.values()
        }
        if not kicked:
            connection.link.refuse("nobody", f"Nobody called {name} is in {document.name}.", request=request)
            return
        banned = {other.rights.who for other in kicked if other.rights is not OWNER} - {connection.rights.who}
        kicked |= {
            other for other in others if other.rights.who in banned and self._owns_all_of(connection, other)
        }
        by = connection.link.peer_name or "The owner"
        for other in kicked:
            log.info("put out", extra={"who": other.rights.who, "person": other.link.peer_name})
            other.link.end(events.KICKED, f"{by} ended your connection; your text is kept on your machine.")
            other.wake()
            if other.rights.who in banned:
                self._bans.add(other.rights, connection.rights, by, asyncio.get_running_loop().time())
        told = (_description(other) + _BANNED * (other.rights.who in banned) for other in kicked)
        connection.link.done(request, tuple(sorted(told)))

    def _owns_all_of(self, connection: Connection, other: Connection) -> bool:
        """Return whether a connection is the owner of everything that another one has open."""
        return all(self.role(connection, opened) == "own" for opened in other.documents.values())


_BANNED: Final = f", and kept out for {BAN_S / 60:.0f} minutes"


def _description(connection: Connection) -> str:
    """Describe a connection in the answer to a kick."""
    name = connection.link.peer_name or "somebody without a name"
    return name if connection.rights is OWNER else f"{name} ({connection.rights.who})"
