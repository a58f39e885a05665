"""`jpterm-like share`: the one line by which somebody else comes into a file, tried before it is given.

Which address it is follows from how things are. Where a `serve` of ours shares the file, it is that server's address, with a
token of its own where it asks for tokens. Elsewhere it is ssh if that answers here, and else the path, which does among
the users of this machine; then the permissions of the file say who may come in, and are looked at.

A line that cannot work is not given: the server is joined through the very address with the very token, the hub through
the path, ssh is called at the name that stands in the line. What only the other person's machine can show, such as
whether their key is accepted, is said to be unknown.
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
ANSWER_S: Final = 3.0
"""How long an sshd may take to say that it is one."""
OWN_S: Final = 60.0
"""How long the token lasts by which a history is begun anew, if it is not revoked before."""
STRANGER: Final = 2**31 - 3
"""A user and a group that nobody is."""

Role = Literal["view", "edit"]


class CannotInvite(JptermError):
    """There is no line that would work."""


class Invitation(NamedTuple):
    line: str
    """To be pasted in the shell of the other person. Holds a secret if there is a token in it."""
    words: str
    """Whom it is for and what it lets them do, in sentences for who invites."""


def invite(
    written: str,
    *,
    role: Role | None = None,
    lasts_s: float | None = None,
    at: str | None = None,
    from_now: bool = False,
) -> Invitation:
    """The line by which somebody else comes into a file.

    Args:
        role: None: to write, as far as permissions let them.
        lasts_s: how long a token lasts; None: until it is revoked.
        at: how this machine is reached by others, if not by the names that it knows itself: HOST, wss://HOST:PORT or
            ssh://USER@HOST:PORT.
        from_now: the history begins anew before: whoever comes by the line gets the text of now and nothing from before.

    Raises:
        JptermError: there is none that works; nothing was changed.
    """
    if at is not None and not re.fullmatch(r"((wss|ssh)://)?[\w.:@\[\]-]+/?", at, re.ASCII):
        raise CannotInvite(
            f"{escape_for_terminal(at)} is no way to this machine: write HOST, wss://HOST:PORT or ssh://USER@HOST:PORT."
        )
    address = parse_address(written)
    if not isinstance(address, LocalFileAddress):
        raise CannotInvite(
            f"{escape_for_terminal(written)} is no file of this machine: share it where it is."
        )
    server = find_server(address.file)
    if server is not None:
        return _told(_by_server(server, address.file, role, lasts_s, at, from_now), from_now)
    if at is not None and at.startswith("wss://"):
        raise CannotInvite(
            f"No server of yours shares {escape_for_terminal(address.file)}: start one, see jpterm-like serve --help."
        )
    if lasts_s is not None:
        raise CannotInvite(
            f"What the permissions of a file allow does not end by itself: leave --expires out, {_OR_TOKENS}"
        )
    return _told(_by_permissions(address, role, at, from_now), from_now)


def _told(invitation: Invitation, from_now: bool) -> Invitation:
    """Say with the line that the history began anew, if it did."""
    if not from_now:
        return invitation
    return invitation._replace(
        words=f"{invitation.words} Its history begins anew: nothing from before reaches them, or can be undone."
    )


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
        asyncio.run(_try(address, "edit", from_now))
        return Invitation(f"jpterm-like {address.text}", "For everybody on this machine, to read and write.")
    addresses = [address.with_path(name) for address in _ways(server.address, at)]
    book = TokenBook(Paths.of_user().tokens_file)
    wanted: Role = role or "edit"
    if from_now:
        mine, secret = book.make("own", pad=glob.escape(name), folder=str(server.root), lasts_s=OWN_S)
        try:
            asyncio.run(
                _first_that_works([address._replace(token=secret) for address in addresses], "edit", from_now)
            )
        finally:
            book.revoke(mine.id)
    token, secret = book.make(wanted, pad=glob.escape(name), folder=str(server.root), lasts_s=lasts_s)
    try:
        address = asyncio.run(
            _first_that_works([address._replace(token=secret) for address in addresses], wanted)
        )
    except BaseException:
        book.revoke(token.id)
        raise
    return Invitation(
        f"echo {secret} | jpterm-like token add {address.origin} && jpterm-like {address.text}",
        f"Whoever has this line may {_MAY[wanted]} {escape_for_terminal(name)}: hand it over by a safe way. "
        f"To take it back: jpterm-like token revoke {token.id}",
    )


_MAY: Final[dict[str, str]] = {"view": "read", "edit": "read and write"}


def _ways(address: ServerAddress, at: str | None) -> list[ServerAddress]:
    """How others may reach a server that listens so, the most likely first."""
    if at is not None and "://" in at:
        named = parse_server_address(at)
        if not isinstance(named, ServerAddress):
            raise CannotInvite(f"{escape_for_terminal(at)} is not where a server is: write wss://HOST:PORT.")
        return [named]
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
    return [address._replace(host=one) for one in hosts]


async def _first_that_works(
    addresses: list[ServerAddress], role: Role, from_now: bool = False
) -> ServerAddress:
    first: JptermError | None = None
    for address in addresses:
        try:
            await _try(address, role, from_now)
        except JptermError as problem:
            first = first or problem
        else:
            return address
    assert first is not None
    raise first


async def _try(address: Address, role: Role | None, from_now: bool = False) -> None:
    """Come in as the other person will; with `from_now` as an owner, and have the history begin anew.

    Raises:
        JptermError: that cannot be done, or not as what it is meant for.
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
    asyncio.run(_try(address, None))
    whom, may = _others(file)
    if role is not None and role != may:
        wrong = "may write, too" if role == "view" else "may not write"
        raise CannotInvite(
            f"{whom.capitalize()} {wrong} {escape_for_terminal(file)}, by its permissions: change them with chmod, {_OR_TOKENS}"
        )
    if from_now:
        asyncio.run(_try(address, None, from_now))
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
    """Who else may do something with a file, and what.

    Raises:
        CannotInvite: nobody.
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
    """The address through ssh to a file of this machine, and whether one could go all the way through it.

    Raises:
        JptermError: there is an sshd, but one cannot come to the file by it; or none where `at` says.
    """
    for target in _own_names() if at is None else [at]:
        address = parse_address(f"ssh://{target.removeprefix('ssh://').rstrip('/')}{quote(str(file))}")
        assert isinstance(address, SshAddress)
        if not _is_sshd(address):
            continue
        try:
            asyncio.run(_go_through(address))
        except SshFailed:
            return address, False
        return address, True
    if at is not None:
        raise CannotInvite(f"No sshd answers at {escape_for_terminal(at)}.")
    return None, False


def _is_sshd(address: SshAddress) -> bool:
    """Whether the machine that a line names answers there as an sshd does (RFC 4253, section 4.2)."""
    try:
        with socket.create_connection((address.host, address.port or 22), timeout=ANSWER_S) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


async def _go_through(address: SshAddress) -> None:
    transport = await address.connect()
    await transport.close()


def _own_names() -> Iterator[str]:
    """What others may call this machine: its names if they mean more than itself, then its address on the network."""
    for name in dict.fromkeys((socket.getfqdn(), socket.gethostname())):
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
            with contextlib.suppress(OSError):
                found = [str(one[4][0]).partition("%")[0] for one in socket.getaddrinfo(name, None)]
                if found and not any(ipaddress.ip_address(address).is_loopback for address in found):
                    yield name
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect(("192.0.2.1", 9))  # nothing is sent: the system only says from where it would be
        address = line.getsockname()[0]
        if not ipaddress.ip_address(address).is_loopback:
            yield address
