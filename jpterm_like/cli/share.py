"""`jpterm-like share`: print one command that brings somebody into a file, after testing it.

The address depends on what runs here. If a `serve` of ours shares the file, it is that server's address, with a new
token if it needs one. Else it is an ssh address if an sshd answers here, or the path, which works for the users of this
machine; then the permissions of the file decide who may open it, and are checked.

A command that cannot work is not printed: the server is joined with the same address and token, the hub with
the path, and ssh is called with the host name of the command. Anything that only the other person's machine can show, such as
whether their key is accepted, is said to be untested.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import grp
import ipaddress
import os
import re
import shlex
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

from jpterm_like.access.addresses import (
    Address,
    LocalFileAddress,
    ServerAddress,
    find_token,
    parse_address,
    parse_server_address,
)
from jpterm_like.access.discovery import RunningServer, find_server
from jpterm_like.access.local_users import role_by_permissions
from jpterm_like.access.ssh import SshAddress, SshFailed
from jpterm_like.access.tokens import TokenBook
from jpterm_like.client.open import connect_session
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.transports.base import CannotConnect

JOIN_S: Final = 10.0
"""Time to join a server."""
ANSWER_S: Final = 3.0
"""Time for an sshd to send its greeting."""
OWN_S: Final = 60.0
"""Lifetime of the token that restarts a history, if it is not revoked before."""
STRANGER: Final = 2**31 - 3
"""A user and group number that nobody has."""

Role = Literal["view", "edit"]


class CannotInvite(JptermError):
    """No command would work."""


class Invitation(NamedTuple):
    line: str
    """The command for the other person's shell. Secret if it contains a token."""
    words: str
    """Sentences for the inviting person: who can use it, and for what."""


def invite(
    written: str,
    *,
    role: Role | None = None,
    lasts_s: float | None = None,
    at: str | None = None,
    from_now: bool = False,
) -> Invitation:
    """Make and test a command that brings somebody into a file.

    Args:
        role: None: edit, as far as permissions allow.
        lasts_s: lifetime of a token; None: until it is revoked.
        at: address of this machine for others, if its own names do not work: HOST, wss://HOST:PORT, with the path under which a
            proxy has the server, or ssh://USER@HOST:PORT.
        from_now: restart the history first, so that the invited person receives the present text and nothing earlier.

    Raises:
        JptermError: no command works; nothing was changed.
    """
    if at is not None and not re.fullmatch(
        r"((wss|ssh)://)?[\w.:@\[\]-]+/?|wss://[\w.:\[\]-]+/[\w.~%/-]*", at, re.ASCII
    ):
        raise CannotInvite(
            f"{escape_for_terminal(at)} is no way to this machine: write HOST, wss://HOST:PORT, wss://HOST:PORT/PATH or ssh://USER@HOST:PORT."
        )
    address = parse_address(written)
    if not isinstance(address, LocalFileAddress):
        raise CannotInvite(
            f"{escape_for_terminal(written)} is no file of this machine: share it where it is."
        )
    server = find_server(address.file)
    if server is not None:
        return _with_note(_by_server(server, address.file, role, lasts_s, at, from_now), from_now)
    if at is not None and at.startswith("wss://"):
        raise CannotInvite(
            f"No server of yours shares {escape_for_terminal(address.file)}: start one, see jpterm-like serve --help."
        )
    if lasts_s is not None:
        raise CannotInvite(f"Permissions of a file do not expire: leave --expires out, {_OR_TOKENS}")
    return _with_note(_by_permissions(address, role, at, from_now), from_now)


class Options(NamedTuple):
    """What the inviting person is asked before an invitation to a file is made."""

    role_and_time: bool
    """Else the permissions of the file, or the server, decide who may do what."""
    address: bool
    """Where others find the server, which only its owner knows: it is behind a proxy."""


def options_for(written: str) -> Options:
    """What is to be asked before inviting to a file that is open here."""
    server = _server_of(parse_address(written))
    return Options(
        role_and_time=server is not None and server.tokens,
        address=server is not None and server.tokens and server.address.scheme == "ws",
    )


def invite_to_open(
    written: str, role: Role | None = None, lasts_s: float | None = None, at: str | None = None
) -> Invitation:
    """Make a command that brings somebody into a file that is open here, whatever its address.

    Raises:
        JptermError: no command works, or making one is for whoever serves the file.
    """
    address = parse_address(written)
    if isinstance(address, SshAddress):
        return Invitation(
            f"jpterm-like {shlex.quote(address.text)}",
            "For people with a login there and jpterm-like installed for it; the permissions of the file there decide what they may do.",
        )
    if isinstance(address, LocalFileAddress):
        return invite(written, role=role, lasts_s=lasts_s, at=at)
    server = _server_of(address)
    if isinstance(address, ServerAddress) and server is not None:
        return invite(str(server.root / address.path), role=role, lasts_s=lasts_s, at=at)
    if isinstance(address, ServerAddress) and address.is_local and find_token(address) is None:
        asyncio.run(_try_joining(address, "edit"))
        return Invitation(f"jpterm-like {address.text}", _FOR_THIS_MACHINE)
    raise CannotInvite(
        f"Only the person who serves {escape_for_terminal(address.text)} makes invitations to it: with jpterm-like share FILE, "
        "or from the editor started in the served folder."
    )


def _server_of(address: Address) -> RunningServer | None:
    """This user's server that shares a file, if its folder is known: the file's own, or the working folder."""
    if isinstance(address, LocalFileAddress):
        return find_server(address.file)
    if not isinstance(address, ServerAddress):
        return None
    server = find_server(Path.cwd() / address.path)
    return None if server is None or server.address.port != address.port else server


def _with_note(invitation: Invitation, from_now: bool) -> Invitation:
    """Add a sentence about the restarted history, if it was."""
    if not from_now:
        return invitation
    return invitation._replace(
        words=f"{invitation.words} Its history begins anew: nothing from before reaches them, or can be undone."
    )


_FOR_THIS_MACHINE: Final = "For everybody on this machine, to read and write."
_OR_TOKENS: Final = "or share by a server that asks for tokens, see jpterm-like serve --help."


# ---------------------------------------------------------------------- a server of ours


def _by_server(
    server: RunningServer,
    file: Path,
    role: Role | None,
    lasts_s: float | None,
    at: str | None,
    from_now: bool,
) -> Invitation:
    name = file.relative_to(server.root).as_posix()
    if not server.tokens:
        if role == "view" or lasts_s is not None or at is not None:
            raise CannotInvite(
                f"The server of {escape_for_terminal(server.root)} takes everybody of this machine as an owner, and nobody else: "
                "--role, --expires and --at need one that asks for tokens, see jpterm-like serve --help."
            )
        address = server.address.with_path(name)
        asyncio.run(_try_joining(address, "edit", from_now))
        return Invitation(f"jpterm-like {address.text}", _FOR_THIS_MACHINE)
    addresses = [
        address.with_path(address.path + name) for address in _addresses_for_others(server.address, at)
    ]
    book = TokenBook(Paths.of_user().tokens_file)
    wanted: Role = role or "edit"
    if from_now:
        mine, secret = book.make("own", pad=glob.escape(name), folder=str(server.root), lasts_s=OWN_S)
        try:
            asyncio.run(
                _first_working([address._replace(token=secret) for address in addresses], "edit", from_now)
            )
        finally:
            book.revoke(mine.id)
    token, secret = book.make(wanted, pad=glob.escape(name), folder=str(server.root), lasts_s=lasts_s)
    try:
        address = asyncio.run(
            _first_working([address._replace(token=secret) for address in addresses], wanted)
        )
    except BaseException:
        book.revoke(token.id)
        raise
    return Invitation(
        f"echo {secret} | jpterm-like token add {_token_place(address, name)} && jpterm-like {address.text}",
        f"Anybody with this command may {_MAY[wanted]} {escape_for_terminal(name)}: pass it on safely. "
        f"To revoke it: jpterm-like token revoke {token.id}",
    )


def _token_place(address: ServerAddress, name: str) -> str:
    """The address under which the token of an invitation is kept: the server's, or that of its path at a proxy."""
    return address.with_path(address.path.removesuffix(name)).token_place


_MAY: Final[dict[str, str]] = {"view": "read", "edit": "read and write"}


def _addresses_for_others(address: ServerAddress, at: str | None) -> list[ServerAddress]:
    """Addresses at which others may reach a server, the most likely first."""
    if at is not None and "://" in at:
        named = parse_server_address(at)
        if not isinstance(named, ServerAddress):
            raise CannotInvite(f"{escape_for_terminal(at)} is not where a server is: write wss://HOST:PORT.")
        path = named.path.rstrip("/")
        return [named.with_path(f"{path}/" if path else "")]
    if address.scheme == "ws":
        raise CannotInvite(
            "A proxy does TLS in front of this server: say the address that it has there, as --at wss://HOST."
        )
    host = ipaddress.ip_address(address.host)
    if at is not None:
        hosts = [at]
    elif host.is_unspecified:
        hosts = list(_own_names())
    else:
        hosts = ["localhost", address.host] if host.is_loopback else [address.host]
    if not hosts:
        raise CannotInvite(
            "This machine knows no name of its own that others could use: say it with --at HOST."
        )
    return [address._replace(host=one, path="") for one in hosts]


async def _first_working(addresses: list[ServerAddress], role: Role, from_now: bool = False) -> ServerAddress:
    first: JptermError | None = None
    for address in addresses:
        try:
            await _try_joining(address, role, from_now)
        except JptermError as problem:
            first = first or problem
        else:
            return address
    assert first is not None
    raise first


async def _try_joining(address: Address, role: Role | None, from_now: bool = False) -> None:
    """Join as the other person will; with `from_now` as an owner, and restart the history.

    Raises:
        JptermError: that fails, or gives another role than it should.
    """
    async with connect_session(
        address, name="", storage=MemoryStorage(), create=False, visible=False
    ) as session:
        await session.wait_until_joined(JOIN_S)
        if session.status.state != "connected":
            raise CannotConnect(session.status.reason or f"{address.text} does not answer.")
        if role is not None and session.role != role:
            raise CannotInvite(
                f"{escape_for_terminal(address.text)} lets one {_MAY[session.role]}, not {_MAY[role]}."
            )
        if from_now:
            await session.restart_history()


# ---------------------------------------------------------------------- permissions: ssh, and this machine


def _by_permissions(
    address: LocalFileAddress, role: Role | None, at: str | None, from_now: bool
) -> Invitation:
    file = address.file
    if escape_for_terminal(file) != str(file):
        raise CannotInvite(
            f"{escape_for_terminal(file)} has characters in its name that cannot be pasted: rename it first."
        )
    asyncio.run(_try_joining(address, None))
    whom, may = _others(file)
    if role is not None and role != may:
        wrong = "may write, too" if role == "view" else "may not write"
        raise CannotInvite(
            f"{whom.capitalize()} {wrong} {escape_for_terminal(file)}, by its permissions: change them with chmod, {_OR_TOKENS}"
        )
    if from_now:
        asyncio.run(_try_joining(address, None, from_now))
    here = f"jpterm-like {shlex.quote(str(file))}"
    ssh, is_sure = _ssh_to(file, at)
    if ssh is None:
        return Invitation(
            here,
            f"For {whom} on this machine, to {_MAY[may]}. From elsewhere nobody can come: no sshd answers at a name that "
            "others could use (another name: --at HOST).",
        )
    unsure = "" if is_sure else " That ssh lets them in was not tried: it takes no key of yours here."
    return Invitation(
        f"jpterm-like {ssh.text}",
        f"For {whom} with a login here and jpterm-like installed for it, to {_MAY[may]}.{unsure} "
        f"On this machine itself: {here}",
    )


def _others(file: Path) -> tuple[str, Role]:
    """Other users who may open a file, in words, and their role.

    Raises:
        CannotInvite: nobody may.
    """
    if (role := role_by_permissions(STRANGER, STRANGER, file)) is not None:
        return "everybody", "view" if role == "view" else "edit"
    gid = os.stat(file).st_gid
    if (role := role_by_permissions(STRANGER, gid, file)) is not None:
        try:
            name = grp.getgrgid(gid).gr_name
        except KeyError:
            name = str(gid)
        return f"members of the group {escape_for_terminal(name)}", "view" if role == "view" else "edit"
    for_others = stat.S_IXOTH | stat.S_IXGRP
    closed = (folder for folder in reversed(file.parents) if not os.stat(folder).st_mode & for_others)
    raise CannotInvite(
        f"Nobody but you gets to {escape_for_terminal(file)}, by the permissions of {escape_for_terminal(next(closed, file))}: "
        f"change them with chmod, {_OR_TOKENS}"
    )


def _ssh_to(file: Path, at: str | None) -> tuple[SshAddress | None, bool]:
    """The ssh address of a file of this machine, and whether a connection through it succeeded.

    Raises:
        JptermError: an sshd answers, but the file cannot be opened through it; or none answers at `at`.
    """
    for target in _own_names() if at is None else [at]:
        address = parse_address(f"ssh://{target.removeprefix('ssh://').rstrip('/')}{quote(str(file))}")
        assert isinstance(address, SshAddress)
        if not _is_sshd(address):
            continue
        try:
            asyncio.run(_connect_and_close(address))
        except SshFailed:
            return address, False
        return address, True
    if at is not None:
        raise CannotInvite(f"No sshd answers at {escape_for_terminal(at)}.")
    return None, False


def _is_sshd(address: SshAddress) -> bool:
    """Whether an sshd answers at an address (RFC 4253, section 4.2)."""
    try:
        with socket.create_connection((address.host, address.port or 22), timeout=ANSWER_S) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


async def _connect_and_close(address: SshAddress) -> None:
    transport = await address.connect()
    await transport.close()


def _own_names() -> Iterator[str]:
    """Names of this machine for others: its host names, if they are not loopback, then its address on the network."""
    for name in dict.fromkeys((socket.getfqdn(), socket.gethostname())):
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
            with contextlib.suppress(OSError):
                found = [str(one[4][0]).partition("%")[0] for one in socket.getaddrinfo(name, None)]
                if found and not any(ipaddress.ip_address(address).is_loopback for address in found):
                    yield name
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the source address
        address = line.getsockname()[0]
        if not ipaddress.ip_address(address).is_loopback:
            yield address
