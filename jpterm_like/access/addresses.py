"""The ways to a pad: what a user writes, and how a connection is made from it.

- notes.md, /srv/notes.md: the hub of this machine and user, started when there is none
- ws://host:port/docs/notes.md: a server
- ssh://user@host:port/srv/notes.md, host:notes.md: a file of another machine, through the user's ssh
- ws+unix:///run/team.sock:/docs/notes.md: a server behind a unix socket
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote, unquote, urlsplit

from jpterm_like.access.hub import ensure_hub
from jpterm_like.access.ssh import SshDoor
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files import private
from jpterm_like.transports.base import CannotConnect, Peer, Transport


class BadAddress(JptermError):
    """What was written is not an address."""


class Door(Protocol):
    """One way to one pad."""

    @property
    def address(self) -> str:
        """What to show."""
        ...

    @property
    def path(self) -> str:
        """The pad's name at the server."""
        ...

    @property
    def title(self) -> str:
        """What to call the pad on screen."""
        ...

    @property
    def key(self) -> str:
        """Names the pad among the replicas of this user: equal for equal pads."""
        ...

    @property
    def near(self) -> bool:
        """Whether the server is on this machine."""
        ...

    @property
    def file(self) -> Path | None:
        """The plain file, when it can be read from here."""
        ...

    def moved(self, path: str) -> Door:
        """The way to another pad of the same server."""
        ...

    async def connect(self) -> Transport:
        """Make a connection.

        Raises:
            CannotConnect: with the reason.
        """
        ...


def renamed(door: Door, path: str, peer: Peer) -> Door | None:
    """The way to a pad that has another name, as the other end says; None: it has no say in that, or that is no name.

    A server names what lies there. A file of this machine is the one that I opened, and what it is called now only my own
    hub can tell: another user's hub, which may write that file, must not choose the one that mine opens and saves next.
    """
    if "\0" in path or {"", ".", ".."} & set(path.removeprefix("/").split("/")):
        return None
    if door.file is not None and (peer.uid != os.geteuid() or not path.startswith("/")):
        return None
    return door.moved(path)


def is_file(door: Door) -> bool:
    """Whether the way leads to a file of a hub, here or through ssh, and not to a server that may be any."""
    return not door.address.startswith("ws")


class ServerDoor(NamedTuple):
    """A server on TCP."""

    scheme: str
    host: str
    port: int
    path: str
    file: None = None
    token: str | None = None
    """To come in by; None: the one that is known for this server, if any."""

    def __repr__(self) -> str:
        """Without the token, wherever it is printed."""
        return f"ServerDoor({self.address!r})"

    @property
    def origin(self) -> str:
        """The server without the pad."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.origin}/{quote(self.path)}"

    @property
    def title(self) -> str:
        return self.path

    @property
    def key(self) -> str:
        return self.address

    @property
    def near(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def moved(self, path: str) -> ServerDoor:
        return self._replace(path=path)

    async def connect(self) -> Transport:
        from jpterm_like.transports.websocket import connect_tcp

        token = self.token or await asyncio.to_thread(_token_of, self)
        if token is not None and self.scheme == "ws" and not self.near:
            raise CannotConnect(
                f"{self.origin}: your token is not sent over a line that anybody can read; use wss://."
            )
        return await connect_tcp(self.origin, token)


def _token_of(door: ServerDoor | SocketDoor) -> str | None:
    """The token for a server: the environment's, if that names this server, else the one that was kept.

    Raises:
        CannotConnect: neither can be told.
    """
    try:
        return _token_for(door.origin)
    except JptermError as problem:
        raise CannotConnect(str(problem)) from problem


def _token_for(origin: str) -> str | None:
    from jpterm_like.access.tokens import VARIABLE, Keyring
    from jpterm_like.config import Paths

    if given := os.environ.get(VARIABLE):
        address, _, token = given.rpartition("=")
        try:
            named = server_of(address)
        except BadAddress:  # whose sentence has the address in it, which may be the secret
            raise JptermError(
                f"{VARIABLE} does not say which server its token is for, so it is sent to none: "
                "write it as wss://HOST:PORT=TOKEN."
            ) from None
        if named.origin == origin:
            return token
    return Keyring(Paths.of_user().keyring_file).token_for(origin)


class SocketDoor(NamedTuple):
    """A server on a unix socket."""

    socket: Path
    path: str
    near: bool = True
    file: None = None

    @property
    def origin(self) -> str:
        """The server without the pad."""
        return f"ws+unix://{self.socket}:/"

    @property
    def address(self) -> str:
        return f"{self.origin}{quote(self.path)}"

    @property
    def title(self) -> str:
        return self.path

    @property
    def key(self) -> str:
        return self.address

    def moved(self, path: str) -> SocketDoor:
        return self._replace(path=path)

    async def connect(self) -> Transport:
        from jpterm_like.transports.websocket import connect_unix

        token = await asyncio.to_thread(_token_of, self)
        if token is not None and not await asyncio.to_thread(private.is_place_safe, self.socket):
            raise CannotConnect(
                f"{escape_for_terminal(self.socket)}: others could have put a socket of their own there, so your token is not sent."
            )
        return await connect_unix(self.socket, token)


class HubDoor(NamedTuple):
    """The hub of this machine and user; `file` is absolute, symbolic links followed."""

    file: Path
    title: str
    near: bool = True

    @property
    def address(self) -> str:
        return str(self.file)

    @property
    def path(self) -> str:
        return str(self.file)

    @property
    def key(self) -> str:
        return f"file:{self.file}"

    def moved(self, path: str) -> HubDoor:
        return HubDoor(Path(path), Path(path).name)

    async def connect(self) -> Transport:
        from jpterm_like.access.local_users import may_host
        from jpterm_like.transports.websocket import connect_unix

        socket = await asyncio.to_thread(self.hub)
        transport = await connect_unix(socket)
        uid, gid = transport.peer.uid, transport.peer.gid
        if uid is None or gid is None or not may_host(uid, gid, self.file):
            await transport.close()
            raise CannotConnect(
                f"{escape_for_terminal(socket)} is another user's who may not write this file: not trusted."
            )
        return transport

    def hub(self) -> Path:
        """The socket of the hub that has the file: this user's, which is started when there is none, or another's.

        Raises:
            CannotConnect: it does not start.
        """
        from jpterm_like.access.local_users import host_of

        return host_of(ensure_hub(), self.file)


def door_to(address: str) -> Door:
    """The door to what a user wrote.

    Raises:
        BadAddress: it is neither a file's name nor an address that we know.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        if not address or "\0" in address:
            raise BadAddress("Say which file to open.")
        if (found := _SCP.fullmatch(address)) and not os.path.lexists(address):
            return SshDoor(found[1], None, found[2])
        path = Path(address).expanduser()
        return HubDoor(Path(os.path.realpath(path)), path.name)
    if scheme == "ws+unix":
        socket, _, path_there = rest.rpartition(":/")
        if not socket.startswith("/"):
            raise BadAddress(
                f"{escape_for_terminal(address)} is not an address: write ws+unix:///PATH/TO/SOCKET:/FILE."
            )
        return SocketDoor(Path(socket), _unquoted(path_there, address))
    if scheme == "ssh":
        return _ssh_door(address)
    if scheme not in ("ws", "wss"):
        raise BadAddress(
            f"{escape_for_terminal(scheme)}:// is not a way to a file: use ws://HOST:PORT/FILE, ssh://HOST/FILE or a file's name."
        )
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise BadAddress(f"{escape_for_terminal(address)} is not an address: write ws://HOST:PORT/FILE.")
    path_there = _unquoted(parts.path, address).removeprefix("/")
    if port is None:
        port = 443 if scheme == "wss" else 80
    return ServerDoor(scheme, host, port, path_there)


# host:path as scp takes it: a colon before any slash. A file of that name, or ./host:path, is a file.
_SCP: Final = re.compile(r"((?:[\w.+-]+@)?[A-Za-z0-9_][\w.-]*):(?!//)([^\s:][^\0\n]*)", re.ASCII)


def _ssh_door(address: str) -> SshDoor:
    try:
        parts = urlsplit(address)
        host, user, port = parts.hostname or "", parts.username, parts.port
    except ValueError:
        parts, host, user, port = urlsplit(""), "", None, None
    path = _unquoted(parts.path, address)
    written = path.removeprefix("/~/")
    if (
        not re.fullmatch(r"[A-Za-z0-9_:][\w.:-]*", host, re.ASCII)
        or parts.password is not None
        or (user is not None and not re.fullmatch(r"[A-Za-z0-9_][\w.+-]*", user, re.ASCII))
        or written in ("", "/")
        or "\0" in written
    ):
        raise BadAddress(
            f"{escape_for_terminal(address)} is not an address: write ssh://USER@HOST:PORT/PATH or HOST:PATH."
        )
    return SshDoor(host if user is None else f"{user}@{host}", port, written)


def _unquoted(path: str, address: str) -> str:
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise BadAddress(
            f"{escape_for_terminal(address)} is not an address: its %-codes are not UTF-8."
        ) from None


def server_of(address: str) -> ServerDoor | SocketDoor:
    """The same for an address that must be a server's; the pad may be left out.

    Raises:
        BadAddress: it is not.
    """
    door = door_to(address)
    if not isinstance(door, ServerDoor | SocketDoor):
        raise BadAddress(
            f"{escape_for_terminal(address)} is not the address of a server: write ws://HOST:PORT."
        )
    return door
