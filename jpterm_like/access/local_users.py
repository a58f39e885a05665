"""How several users of one machine meet in a file: whose hub has it, and what each of them may do there.

Each hub has a second socket that all users can reach, in a folder of /tmp that is its user's. Before a hub begins with a
file it claims it and asks the others; the one that has it open keeps it, and of two that claim it at the same moment the
user with the lower number. Nobody is believed: who the other side is says the kernel (SO_PEERCRED), and what that user may
do say the permissions of the file and of the folders above it. A hub whose user may not write a file has nothing to say
about it, so a planted socket is not talked to; a user who may not read it is told nothing, not even that it is open.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, unquote

from jpterm_like.access.permissions import Role
from jpterm_like.files import private
from jpterm_like.files.access_control import Way, groups_of, role_by_modes
from jpterm_like.files.read import way_to
from jpterm_like.files.safe_names import repository_in, why_obeyed
from jpterm_like.transports.base import Peer

MEETING: Final = "/tmp"
"""Not TMPDIR, which differs between users."""
CLAIM_S: Final = 5.0
"""So long a claim counts until its editor has come."""
ANSWER_S: Final = 1.0
"""The hubs of one user that have not answered within this time, all of them together, are left out."""
ANSWER_BYTES_MAX: Final = 4096
SOCKETS_MAX: Final = 16
"""So many hubs of one user are asked: there is one for each folder of sockets that somebody set."""
_ANSWER: Final = re.compile(
    rb"HTTP/1\.1 200 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?Content-Length: *(\d{1,4})\r\n(?:[^\r\n]+\r\n)*\r\n", re.I
)


def folder_of(uid: int) -> Path:
    """Where the hubs of a user are met."""
    return Path(MEETING, f"jpterm-like-hub-{uid}")


def role_of(uid: int, gid: int, path: Path, ways: Sequence[Way] = ()) -> Role | None:
    """What the permissions let a user do with a file, its folders included; None: nothing.

    It is looked at without following a link: the path is the real one, or nothing is told. `ways` count as well. Where there
    are access control lists (which the mode does not show), other users get nothing; nor of what programs obey (see `files.safe_names`):
    git and others trust a file by its owner, which need not be who wrote in it last.
    """
    if uid == 0:
        return "edit"
    now = way_to(path)
    if now is None or why_obeyed(path.parts[1:]) or repository_in(path.parents):
        return None
    groups = groups_of(uid, gid)
    roles = [role_by_modes(uid, groups, way) for way in (now, *ways)]
    return None if None in roles else "view" if "view" in roles else "edit"


class UserRights:
    """Of another user of this machine."""

    def __init__(self, uid: int, gid: int) -> None:
        self._uid, self._gid = uid, gid
        self.who = f"uid {uid}"

    def stands(self) -> bool:
        return True

    def role(self, name: str, path: Path, ways: Sequence[Way] = ()) -> Role | None:
        return role_of(self._uid, self._gid, path, ways)


class Host(Protocol):
    """What a hub's server tells of its documents; they are called by their real paths."""

    def has(self, name: str) -> bool:
        """Whether somebody has it open."""
        ...

    def let_go(self, name: str) -> None:
        """Send everybody who is in it to look for it anew."""
        ...


class Meeting:
    """The hub's part: knows what this hub has, and asks the others."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._claims: dict[str, bool] = {}
        """What is being asked about, and whether a user with a lower number claims it meanwhile."""
        self._granted: dict[str, float] = {}
        """What was found to be ours, until the editor has come."""
        self._one_by_one = asyncio.Lock()
        self._uid, self._gid = os.geteuid(), os.getegid()

    async def answer(self, peer: Peer, target: str) -> tuple[int, str] | None:
        """What a GET request gets: `/where?FILE` from its own user's editors, `/holds?FILE` from other hubs."""
        question, _, quoted = target.partition("?")
        file = unquote(quoted)
        if peer.uid is None or peer.gid is None or not file.startswith("/"):
            return None
        if question == "/where" and peer.uid == self._uid:
            return 200, await self._find(file)
        if question == "/holds":
            return 200, self._holds(peer.uid, peer.gid, file)
        return None

    async def _find(self, file: str) -> str:
        """The socket of the hub that has a file; empty: this one."""
        async with self._one_by_one:
            while not self._server.has(file):
                self._claims[file] = False
                host = await asyncio.to_thread(self._host_among_others, file)
                beaten = self._claims.pop(file)
                if host or not beaten:
                    now = time.monotonic()
                    self._granted = {name: at for name, at in self._granted.items() if now - at < CLAIM_S}
                    if not host:
                        self._granted[file] = now
                    return host
            return ""

    def _host_among_others(self, file: str) -> str:
        reads_only = self._reads_only(file)
        for uid, paths in _others(self._uid):
            role = role_of(uid, _gid_of(uid), Path(file))
            if role is None:
                continue
            until = time.monotonic() + ANSWER_S
            for path in paths:
                said = _ask(
                    path, f"/holds?{quote(file)}", uid, until
                )  # a reader's hub learns so that a writer has come
                if role == "edit" and (
                    said == "held" or (said == "claimed" and (reads_only or uid < self._uid))
                ):
                    return str(path)
        return ""

    def _reads_only(self, file: str) -> bool:
        return role_of(self._uid, self._gid, Path(file)) == "view"

    def _holds(self, uid: int, gid: int, file: str) -> str:
        role = role_of(uid, gid, Path(file))
        if role is None:
            return "no"
        if role == "edit" and self._reads_only(file):
            self._server.let_go(file)  # theirs is the one to be in, and ours come to it
            self._granted.pop(file, None)
            return "no"
        if self._server.has(file) or time.monotonic() - self._granted.get(file, -CLAIM_S) < CLAIM_S:
            return "held"
        if file not in self._claims:
            return "no"
        self._claims[file] |= role == "edit" and uid < self._uid
        return "claimed"


def public_socket(hub: Path) -> Path:
    """The path of a hub's second socket, whose folder is made; sockets that nobody listens on any more are removed.

    Raises:
        OSError: somebody else has made that folder, or it cannot be made.
    """
    folder = folder_of(os.geteuid())
    opened = private.open_folder(folder, make=True)
    try:
        os.fchmod(opened, 0o755)
    finally:
        os.close(opened)
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(ANSWER_S)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                pass
    return folder / f"{os.stat(hub.parent).st_ino:x}.sock"


def host_of(hub: Path, file: Path) -> Path:
    """The socket of the hub to open a file at, as this user's own hub says. Blocks."""
    said = _ask(hub, f"/where?{quote(str(file))}", os.geteuid(), time.monotonic() + ANSWER_S * 5)
    return Path(said) if said else hub


def may_host(uid: int, gid: int, file: Path) -> bool:
    """Whether the hub of a user is believed in what concerns a file."""
    return uid in (0, os.geteuid()) or role_of(uid, gid, file) == "edit"


def _others(mine: int) -> Iterator[tuple[int, list[Path]]]:
    """The sockets of other users' hubs, by the number of the user."""
    for folder in sorted(Path(MEETING).glob("jpterm-like-hub-*")):
        number = folder.name.rpartition("-")[2]
        if not number.isdecimal() or folder != folder_of(int(number)):
            continue  # a user has one such folder, or they could hold us up by many
        if int(number) != mine and _is_of(folder, int(number)):
            yield int(number), sorted(islice(folder.glob("*.sock"), SOCKETS_MAX))


def _is_of(folder: Path, uid: int) -> bool:
    """Whether a folder is a user's alone: nobody else can have put a socket into it."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o022


def _gid_of(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return -1


def _ask(path: Path, target: str, uid: int, until: float) -> str:
    """What a hub answers before `until` (monotonic), if it is that of the user; else an empty text."""
    from jpterm_like.transports.connection_limiter import user_behind

    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.settimeout(_left(until))
            line.connect(str(path))
            if user_behind(line)[0] != uid:
                return ""
            line.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            said = b""
            while len(said) < ANSWER_BYTES_MAX:
                # Each wait ends at the same time: an answer that comes byte by byte is none either.
                line.settimeout(_left(until))
                more = line.recv(ANSWER_BYTES_MAX)
                said += more
                head = _ANSWER.match(said)
                if head is not None and len(said) >= head.end() + int(head[1]):
                    return said[head.end() :][: int(head[1])].decode()
                if not more:
                    break
        except (OSError, UnicodeDecodeError):
            pass
        return ""


def _left(until: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: it is over.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
