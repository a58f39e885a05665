"""Parse the address of a pad, and connect to the server that has it.

- notes.md, /srv/notes.md: the hub of this machine and user, started when none runs
- ws://host:port/docs/notes.md: a server
- ssh://user@host:port/srv/notes.md, host:notes.md: a file on another machine, through the user's ssh
- ws+unix:///run/team.sock:/docs/notes.md: a server behind a unix socket
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote, urlsplit

from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files import private
from jpterm_like.transports.base import CannotConnect, Peer, Transport

# The ways to connect are loaded when somebody goes them: a file of this machine is on the screen before that.
if TYPE_CHECKING:
    from jpterm_like.access.ssh import SshAddress


class BadAddress(JptermError):
    """The text is not a valid address."""


class Address(Protocol):
    """Address of one pad at one server."""

    @property
    def text(self) -> str:
        """The address as a person writes it, without any secret."""
        ...

    @property
    def path(self) -> str:
        """Name of the pad at the server."""
        ...

    @property
    def title(self) -> str:
        """Name of the pad on screen."""
        ...

    @property
    def key(self) -> str:
        """Identifies the pad among this user's replicas: equal for equal pads."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        ...

    @property
    def file(self) -> Path | None:
        """The plain file, if it can be read from here."""
        ...

    def with_path(self, path: str) -> Address:
        """The address of another pad at the same server."""
        ...

    async def connect(self) -> Transport:
        """Connect to the server.

        Raises:
            CannotConnect: with the reason.
        """
        ...


def follow_rename(address: Address, path: str, peer: Peer) -> Address | None:
    """The pad's address after the peer renamed it; None: the name is invalid, or this peer has no right to choose it.

    A server names its own pads. A local file stays the one that I opened, and only my own hub may say that it has another
    name: another user's hub, which may write that file, must not choose the file that my editor opens and saves next.
    """
    if "\0" in path or {"", ".", ".."} & set(path.removeprefix("/").split("/")):
        return None
    if address.file is not None and (peer.uid != os.geteuid() or not path.startswith("/")):
        return None
    return address.with_path(path)


def is_hub_file(address: Address) -> bool:
    """Whether this is a file at a hub, here or through ssh; any other server may be replaced by another one."""
    return not address.text.startswith("ws")


def explain_refusal(address: Address, code: str, sentence: str) -> str:
    """The sentence with which a server refuses an address, as it is said here: it says "here" of its own machine."""
    from jpterm_like.access.ssh import SshAddress

    match address:
        case LocalFileAddress() if code == "missing":
            where = f"{address.title} in {with_tilde(address.file.parent)}"
        case SshAddress() if code == "missing":
            where = f"{address.title} in {address.folder} on {address.host}"
        case ServerAddress() if code == "missing":
            where = f"{address.path} at {address.origin}"
        case SshAddress():
            return f"{escape_for_terminal(address.host)}: {sentence}"
        case _:
            return sentence
    return f"There is no file {escape_for_terminal(where)}."


def with_tilde(path: Path) -> str:
    """Write a path as people do, with ~ for the home folder."""
    home = Path.home()
    return str(Path("~") / path.relative_to(home)) if path == home or home in path.parents else str(path)


class ServerAddress(NamedTuple):
    """A pad at a server on TCP."""

    scheme: str
    host: str
    port: int
    path: str
    file: None = None
    token: str | None = None
    """Token to present; None: the one that is kept for this server, if any."""

    def __repr__(self) -> str:
        """Leave the token out: a repr ends up in logs."""
        return f"ServerAddress({self.text!r})"

    @property
    def origin(self) -> str:
        """Address of the server alone, without the pad."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def token_place(self) -> str:
        """The address under which a token is kept: the server's, or the whole address if that ends with a slash (one path of a proxy)."""
        return self.text if self.path.endswith("/") else self.origin

    @property
    def text(self) -> str:
        return f"{self.origin}/{quote(self.path)}"

    @property
    def title(self) -> str:
        return self.path

    @property
    def key(self) -> str:
        return self.text

    @property
    def is_local(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_path(self, path: str) -> ServerAddress:
        return self._replace(path=path)

    async def connect(self) -> Transport:
        from jpterm_like.transports.websocket import connect_tcp

        token = self.token or await asyncio.to_thread(find_token, self)
        if token is not None and self.scheme == "ws" and not self.is_local:
            raise CannotConnect(
                f"{self.origin}: your token is not sent over an unencrypted connection; use wss://."
            )
        return await connect_tcp(self.origin, token, self.path)


def find_token(address: ServerAddress | UnixSocketAddress) -> str | None:
    """The token for a server: from the environment, if it names this server, else from the keyring.

    Raises:
        CannotConnect: the variable names no server, or the keyring cannot be read.
    """
    try:
        return _token_for_server(address)
    except JptermError as problem:
        raise CannotConnect(str(problem)) from problem


def _token_for_server(address: ServerAddress | UnixSocketAddress) -> str | None:
    from jpterm_like.access.tokens import VARIABLE, Keyring, is_token_for
    from jpterm_like.config import Paths

    if given := os.environ.get(VARIABLE):
        server, _, token = given.rpartition("=")
        try:
            named = parse_server_address(server)
        except BadAddress:  # its sentence quotes the address, which may be the secret
            raise JptermError(
                f"{VARIABLE} does not say which server its token is for, so it is sent to none: "
                "write it as wss://HOST:PORT=TOKEN."
            ) from None
        if is_token_for(named.token_place, address.text):
            return token
    return Keyring(Paths.of_user().keyring_file).token_for(address.text)


class UnixSocketAddress(NamedTuple):
    """A pad at a server on a unix socket."""

    socket: Path
    path: str
    is_local: bool = True
    file: None = None

    @property
    def origin(self) -> str:
        """Address of the server alone, without the pad."""
        return f"ws+unix://{self.socket}:/"

    @property
    def token_place(self) -> str:
        """The address under which a token is kept."""
        return self.origin

    @property
    def text(self) -> str:
        return f"{self.origin}{quote(self.path)}"

    @property
    def title(self) -> str:
        return self.path

    @property
    def key(self) -> str:
        return self.text

    def with_path(self, path: str) -> UnixSocketAddress:
        return self._replace(path=path)

    async def connect(self) -> Transport:
        from jpterm_like.transports.websocket import connect_unix

        token = await asyncio.to_thread(find_token, self)
        if token is not None and not await asyncio.to_thread(private.is_place_safe, self.socket):
            raise CannotConnect(
                f"{escape_for_terminal(self.socket)}: others could have put a socket of their own there, so your token is not sent."
            )
        return await connect_unix(self.socket, token)


class LocalFileAddress(NamedTuple):
    """A file of this machine, at a hub; `file` is absolute, with symbolic links resolved."""

    file: Path
    title: str
    is_local: bool = True

    @property
    def text(self) -> str:
        return str(self.file)

    @property
    def path(self) -> str:
        return str(self.file)

    @property
    def key(self) -> str:
        return f"file:{self.file}"

    def with_path(self, path: str) -> LocalFileAddress:
        return LocalFileAddress(Path(path), Path(path).name)

    async def connect(self) -> Transport:
        from jpterm_like.access.local_users import is_hub_trusted
        from jpterm_like.transports.websocket import connect_unix

        socket = await asyncio.to_thread(self.find_hub)
        transport = await connect_unix(socket)
        uid, gid = transport.peer.uid, transport.peer.gid
        if uid is None or gid is None or not is_hub_trusted(uid, gid, self.file):
            await transport.close()
            raise CannotConnect(
                f"{escape_for_terminal(socket)} belongs to a user who may not write this file: not trusted."
            )
        return transport

    def find_hub(self) -> Path:
        """The socket of the hub that has the file: another user's, or this user's own, started when none runs.

        Raises:
            CannotConnect: the hub does not start.
        """
        from jpterm_like.access.hub import ensure_hub
        from jpterm_like.access.local_users import find_hub_of

        return find_hub_of(ensure_hub(), self.file)


def parse_address(written: str) -> Address:
    """Parse an address as a user writes it.

    Raises:
        BadAddress: it is neither the name of a file nor an address of a known kind.
    """
    scheme, separator, rest = written.partition("://")
    if not separator:
        if not written or "\0" in written:
            raise BadAddress("Say which file to open.")
        if (found := _SCP.fullmatch(written)) and not os.path.lexists(written):
            if not found[2]:
                raise BadAddress(
                    f"{written} names no file: write {written}FILE, or ./{written} for a file of this name."
                )
            from jpterm_like.access.ssh import SshAddress

            return SshAddress(found[1], None, found[2])
        path = expand_home(written)
        real = os.path.realpath(path)
        if not _is_unicode(real) or not _is_unicode(path.name):
            raise BadAddress(
                f"{escape_for_terminal(written)} cannot be opened: its name is not UTF-8; rename it first, for example with 'mv'."
            )
        return LocalFileAddress(Path(real), path.name)
    if scheme == "ws+unix":
        socket, _, path_there = rest.rpartition(":/")
        if not socket.startswith("/"):
            raise BadAddress(
                f"{escape_for_terminal(written)} is not an address: write ws+unix:///PATH/TO/SOCKET:/FILE."
            )
        return UnixSocketAddress(Path(socket), _unquote(path_there, written))
    if scheme == "ssh":
        return _parse_ssh_address(written)
    if scheme not in ("ws", "wss"):
        raise BadAddress(
            f"{escape_for_terminal(scheme)}:// is not supported: use ws://HOST:PORT/FILE, ssh://HOST/FILE or the name of a file."
        )
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise BadAddress(f"{escape_for_terminal(written)} is not an address: write ws://HOST:PORT/FILE.")
    path_there = _unquote(parts.path, written).removeprefix("/")
    if port is None:
        port = 443 if scheme == "wss" else 80
    return ServerAddress(scheme, host, port, path_there)


def expand_home(written: str) -> Path:
    """Return the path with a home folder in place of `~` or `~user`; a file of that very name, or a `~` of nobody, stays."""
    try:
        return Path(written) if os.path.lexists(written) else Path(written).expanduser()
    except RuntimeError:
        return Path(written)


def _is_unicode(path: str) -> bool:
    """Whether a path can be sent: bytes that are not UTF-8 stand in it as lone surrogates."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_SCP: Final = re.compile(r"((?:[\w.+-]+@)?[A-Za-z0-9_][\w.-]*):(?!//)([^\s:][^\0\n]*|)", re.ASCII)
"""host:path as in scp: a colon before any slash. An existing file of that name, or ./host:path, is a local file."""


def _parse_ssh_address(address: str) -> SshAddress:
    try:
        parts = urlsplit(address)
        host, user, port = parts.hostname or "", parts.username, parts.port
    except ValueError:
        parts, host, user, port = urlsplit(""), "", None, None
    path = _unquote(parts.path, address)
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
    from jpterm_like.access.ssh import SshAddress

    return SshAddress(host if user is None else f"{user}@{host}", port, written)


def _unquote(path: str, address: str) -> str:
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise BadAddress(
            f"{escape_for_terminal(address)} is not an address: its %-codes are not UTF-8."
        ) from None


def parse_server_address(written: str) -> ServerAddress | UnixSocketAddress:
    """Parse the address of a server, with or without a pad.

    Raises:
        BadAddress: it is not the address of a server.
    """
    address = parse_address(written)
    if not isinstance(address, ServerAddress | UnixSocketAddress):
        raise BadAddress(
            f"{escape_for_terminal(written)} is not the address of a server: write ws://HOST:PORT."
        )
    return address
