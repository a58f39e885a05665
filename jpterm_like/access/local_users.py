"""Let several users of one machine edit one file: agree on whose hub has it, and on what each user may do there.

Each hub has a second socket that all users can reach, in a folder of /tmp that its user owns. Before a hub opens a
file it claims it and asks the other hubs. A hub that has the file open keeps it; of two that claim it at the same moment
the user with the lower number wins. One user has a hub for each state folder; these agree in the same way. Only the kernel is believed: SO_PEERCRED says who the other side is, and the
permissions of the file and its folders say what that user may do. A hub whose user may not write a file is ignored
for it, so a planted socket gains nothing; a user who may not read it learns nothing, not even that it is open.
"""

from __future__ import annotations

import asyncio
import hashlib
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
from jpterm_like.files.access_control import PathPermissions, groups_of, role_by_modes
from jpterm_like.files.read import read_path_permissions
from jpterm_like.files.safe_names import repository_in, why_obeyed
from jpterm_like.transports.base import Peer

HUBS_FOLDER: Final = "/tmp"
"""Holds one folder for each user's hubs. Not TMPDIR, which differs between users."""
CLAIM_S: Final = 5.0
"""Time that a granted claim counts until its editor has connected."""
ANSWER_S: Final = 1.0
"""Deadline for all hubs of one user together; those that have not answered by then are ignored."""
ANSWER_BYTES_MAX: Final = 4096
SOCKETS_MAX: Final = 16
"""Hubs of one user that are asked: there is one for each XDG_RUNTIME_DIR that the user works with."""
_ANSWER: Final = re.compile(
    rb"HTTP/1\.1 200 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?Content-Length: *(\d{1,4})\r\n(?:[^\r\n]+\r\n)*\r\n", re.I
)


def folder_of(uid: int) -> Path:
    """The folder with the public sockets of a user's hubs."""
    return Path(HUBS_FOLDER, f"jpterm-like-hub-{uid}")


def role_by_permissions(
    uid: int, gid: int, path: Path, sources: Sequence[PathPermissions] = ()
) -> Role | None:
    """Role that the permissions of a file and its folders give a user; None: none.

    The path must be the real one: no link is followed. `sources` count as well. Other users get no role where
    access control lists exist, which the mode does not show, nor in files that programs obey (see `files.safe_names`):
    git and others trust a file because of its owner, who need not be the last to write it.
    """
    if uid == 0:
        return "edit"
    now = read_path_permissions(path)
    if now is None or why_obeyed(path.parts[1:]) or repository_in(path.parents):
        return None
    groups = groups_of(uid, gid)
    roles = [role_by_modes(uid, groups, permissions) for permissions in (now, *sources)]
    return None if None in roles else "view" if "view" in roles else "edit"


class UserRights:
    """Rights of another user of this machine."""

    can_be_raised = False

    def __init__(self, uid: int, gid: int) -> None:
        self._uid, self._gid = uid, gid
        self.who = f"uid {uid}"

    def may_run(self) -> bool:
        return False  # it would be the hub's user who runs it

    def is_valid(self) -> bool:
        return True

    def concerns(self, name: str) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return role_by_permissions(self._uid, self._gid, path, sources)


class OpenFiles(Protocol):
    """The open documents of a hub, by the real paths of their files."""

    def has(self, name: str) -> bool:
        """Whether anybody has the file open."""
        ...

    def let_go(self, name: str) -> None:
        """Disconnect everybody from the file, so that they look for its hub again."""
        ...


class FileClaims:
    """Claims of this hub on files: answers the other hubs, and asks them before a file is opened."""

    def __init__(self, server: OpenFiles, public: Path | None = None) -> None:
        """`public`: this hub's own public socket, which is not asked."""
        self._server = server
        self._public = public
        self._claims: dict[str, bool] = {}
        """Files that are being asked about, and whether a user with a lower number claimed them meanwhile."""
        self._granted: dict[str, float] = {}
        """Files that were granted to this hub, and when; until the editor has connected."""
        self._one_by_one = asyncio.Lock()
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._rank = self._uid, "" if public is None else public.name
        """Of two hubs that claim a file at once the lower one gets it: one user has a hub for each state folder."""

    async def answer(self, peer: Peer, target: str) -> tuple[int, str] | None:
        """Answer a GET request: `/where?FILE` from this user's editors, `/holds?FILE` from other hubs. None: neither."""
        question, _, quoted = target.partition("?")
        file = unquote(quoted)
        if peer.uid is None or peer.gid is None or not file.startswith("/"):
            return None
        if question == "/where" and peer.uid == self._uid:
            return 200, await self._find(file)
        if question == "/holds":
            file, _, name = file.partition("\0")
            return 200, self._holds(peer.uid, peer.gid, file, (peer.uid, name))
        return None

    async def _find(self, file: str) -> str:
        """Socket of the hub that has a file; empty: this hub."""
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
        for uid, paths in _hubs():
            role = self._role(uid, _gid_of(uid), file)
            if role is None:
                continue
            until = time.monotonic() + ANSWER_S
            for path in paths:
                if uid == self._uid and path == self._public:
                    continue
                # asked even if its user may only read, so that a reader's hub learns of the writer
                mine = f"\0{self._rank[1]}" if uid == self._uid else ""
                said = _ask(path, f"/holds?{quote(file + mine)}", uid, until)
                if role == "edit" and (
                    said == "held"
                    or (said == "claimed" and self._yields_to(uid, path.name if mine else "", reads_only))
                ):
                    return str(path)
        return ""

    def _yields_to(self, uid: int, name: str, reads_only: bool) -> bool:
        """Whether another hub that claims a file at this moment gets it."""
        return (reads_only and uid != self._uid) or (uid, name) < self._rank

    def _role(self, uid: int, gid: int, file: str) -> Role | None:
        return "edit" if uid == self._uid else role_by_permissions(uid, gid, Path(file))

    def _reads_only(self, file: str) -> bool:
        return role_by_permissions(self._uid, self._gid, Path(file)) == "view"

    def _holds(self, uid: int, gid: int, file: str, rank: tuple[int, str]) -> str:
        role = self._role(uid, gid, file)
        if role is None:
            return "no"
        if role == "edit" and uid != self._uid and self._reads_only(file):
            self._server.let_go(file)  # a writer's hub takes the file, and our editors move there
            self._granted.pop(file, None)
            return "no"
        if self._server.has(file) or time.monotonic() - self._granted.get(file, -CLAIM_S) < CLAIM_S:
            return "held"
        if file not in self._claims:
            return "no"
        self._claims[file] |= role == "edit" and rank < self._rank
        return "claimed"


def public_socket(hub: Path) -> Path:
    """Path of this hub's public socket. Creates its folder, and removes sockets of hubs that are gone.

    Raises:
        OSError: the folder belongs to another user, or cannot be made.
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
    return folder / f"{hashlib.blake2b(os.fsencode(hub), digest_size=8).hexdigest()}.sock"


def find_hub_of(hub: Path, file: Path) -> Path:
    """Ask this user's own hub which hub has a file; returns its socket. Blocks."""
    said = _ask(hub, f"/where?{quote(str(file))}", os.geteuid(), time.monotonic() + ANSWER_S * 5)
    return Path(said) if said else hub


def is_hub_trusted(uid: int, gid: int, file: Path) -> bool:
    """Whether a file may be opened at the hub of this user."""
    return uid in (0, os.geteuid()) or role_by_permissions(uid, gid, file) == "edit"


def _hubs() -> Iterator[tuple[int, list[Path]]]:
    """The public sockets of all hubs, with the numbers of their users."""
    for folder in sorted(Path(HUBS_FOLDER).glob("jpterm-like-hub-*")):
        number = folder.name.rpartition("-")[2]
        if not number.isdecimal() or folder != folder_of(int(number)):
            continue  # one folder for each user, or somebody could delay us with many
        if _is_of(folder, int(number)):
            yield int(number), sorted(islice(folder.glob("*.sock"), SOCKETS_MAX))


def _is_of(folder: Path, uid: int) -> bool:
    """Whether a folder belongs to a user alone, so that nobody else can have put a socket into it."""
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
    """Ask a hub; returns its answer, or "" if none came before `until` (monotonic) or the hub is not that user's."""
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
                # One deadline for all waits, so an answer byte by byte gains no time.
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
    """Seconds left until a deadline.

    Raises:
        TimeoutError: it has passed.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
