"""Which other users of this machine may read or write a document: permissions noted while files were open.

    FilePermissions   owner and permissions of one file or folder
    PathPermissions   those of a file and of the folders above it
    Access            those of every file behind the text of one document

A hub reads files with its own user's permissions, so it must check what others may do by the permissions of the file and
its folders. A document's text came from files that had its name. Another user who may write the folder can put a
file of their own in the place of mine; their permission to read it says nothing about my text. Therefore all of these
files count, until nobody but this user can put a file under the name.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple

from jpterm_like.errors import escape_for_terminal
from jpterm_like.files.mounts import mounts

SOURCES_MAX: Final = 16
"""Most files that are noted for one document. With more, no other user is let in."""


class FilePermissions(NamedTuple):
    """Owner and permissions of one file or folder, noted while it was open."""

    uid: int
    gid: int
    mode: int
    is_listed: bool
    """Whether an access control list exists, which the mode does not show."""
    device: int

    def allows(self, bits: int, uid: int, groups: Collection[int]) -> bool:
        """Whether a user has all of these permissions: 4 read, 2 write, 1 pass through a folder."""
        if self.is_listed:
            return False
        shift = 6 if self.uid == uid else 3 if self.gid in groups else 0
        return (self.mode >> shift) & bits == bits


class PathPermissions(NamedTuple):
    """Permissions of a file and of the folders above it, outermost first."""

    folders: tuple[FilePermissions, ...]
    file: FilePermissions | None
    """None: the file does not exist."""
    inode: int = 0
    mtime_ns: int = 0

    @property
    def guards(self) -> tuple[tuple[FilePermissions, ...], FilePermissions | None]:
        """The permissions alone, without the identity of the file."""
        return self.folders, self.file


def permissions_of(opened: int) -> FilePermissions:
    """Permissions of an open file or folder."""
    return permissions_from_stat(os.fstat(opened), is_listed=_is_listed(opened))


def permissions_from_stat(found: os.stat_result, *, is_listed: bool = False) -> FilePermissions:
    """Permissions from the result of stat."""
    return FilePermissions(found.st_uid, found.st_gid, found.st_mode, is_listed, found.st_dev)


def _is_listed(opened: int) -> bool:
    if not hasattr(os, "listxattr"):
        return False
    try:
        # Not through the descriptor itself: it may be open with O_PATH only.
        names = os.listxattr(f"/proc/self/fd/{opened}")
    except FileNotFoundError:
        return True  # no /proc: unknown, so assume a list
    except OSError:
        return False  # a file system without such lists
    return any(name.startswith("system.") and name != "system.posix_acl_default" for name in names)


def user_name(uid: int) -> str:
    """Name of a user, for the screen."""
    try:
        return escape_for_terminal(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"user {uid}"


def groups_of(uid: int, gid: int | None = None) -> set[int]:
    """The groups of a user; `gid` is the group of the process, None: the group of the account."""
    own = set() if gid is None else {gid}
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return own
    listed = {group.gr_gid for group in grp.getgrall() if account.pw_name in group.gr_mem}
    return own | listed if gid is not None else {account.pw_gid, *listed}


def role_by_modes(
    uid: int, groups: Collection[int], permissions: PathPermissions
) -> Literal["view", "edit"] | None:
    """Role that permissions give a user. A missing file may be written by anybody who may write its folder."""
    if permissions.file is None:
        *folders, last = permissions.folders
        return (
            "edit"
            if last.allows(3, uid, groups) and all(folder.allows(1, uid, groups) for folder in folders)
            else None
        )
    if not stat.S_ISREG(permissions.file.mode) or permissions.file.device in _made_up():
        return None
    if not permissions.file.allows(4, uid, groups) or not all(
        it.allows(1, uid, groups) for it in permissions.folders
    ):
        return None
    return "edit" if permissions.file.allows(2, uid, groups) else "view"


def _made_up() -> set[int]:
    """Devices whose modes do not say who may read: the system's own state, and disks of single users.

    The content of /proc depends on the reader, and FUSE shows a user disks that nobody else sees.
    """
    devices: set[int] = set()
    for place in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            devices.add(os.stat(place).st_dev)
    devices.update(
        mount.device
        for mount in mounts()
        if mount.kind.startswith("fuse") and "allow_other" not in mount.options
    )
    return devices


class Access:
    """The permissions of all files behind one document. A user needs a role in each of them.

    Args:
        sources: the noted permissions; the last are those of the present file, or of the last one.
    """

    def __init__(self, sources: Sequence[PathPermissions] = ()) -> None:
        self.sources = tuple(sources)

    def note(self, permissions: PathPermissions, *, is_ours: bool = False) -> bool:
        """Note a file that was read, or written by us; returns whether that changes the roles of others.

        The same file with other permissions replaces its earlier note: its owner has changed them.
        """
        before = self.sources
        if is_in_my_hands(permissions):
            self.sources = (permissions,)
        else:
            is_same = is_ours or (bool(before) and _file_of(before[-1]) == _file_of(permissions))
            kept = [it for it in (before[:-1] if is_same else before) if it.guards != permissions.guards]
            self.sources = (*(kept if len(kept) < SOURCES_MAX else (closed(),)), permissions)
        return [it.guards for it in self.sources] != [it.guards for it in before]

    def stranger(self) -> int | None:
        """The owner of the present file, if that is another user who may not read the earlier files of the text; else None.

        Text written into that file would be theirs to read."""
        owner = self.sources[-1].file.uid if self.sources and self.sources[-1].file is not None else 0
        if owner in (os.geteuid(), 0):
            return None
        groups = groups_of(owner)
        before = [permissions for permissions in self.sources[:-1] if permissions.folders]
        return (
            owner
            if any(role_by_modes(owner, groups, permissions) is None for permissions in before)
            else None
        )

    @property
    def mode(self) -> int:
        """Mode for a new file: the permissions that all of the noted files had."""
        mode = 0o666
        for permissions in self.sources:
            mode &= permissions.file.mode if permissions.file is not None else mode
        return mode

    def encode(self) -> bytes:
        """The content of the blob "access" in a store."""
        import json  # loaded here because the start of an editor does without it

        return json.dumps(self.sources).encode()

    @classmethod
    def decode(cls, data: bytes) -> Access:
        """From the content of the blob; closed to others if it cannot be read."""
        import json

        try:
            return cls(
                [
                    PathPermissions(
                        tuple(FilePermissions(*it) for it in folders),
                        FilePermissions(*file) if file else None,
                        int(inode),
                        int(at),
                    )
                    for folders, file, inode, at in json.loads(data)
                ]
            )
        except (ValueError, TypeError):
            return cls([closed()])


def closed() -> PathPermissions:
    """Permissions that let nobody in but this user."""
    return PathPermissions((), FilePermissions(os.geteuid(), os.getegid(), stat.S_IFREG | 0o600, False, 0))


def _file_of(permissions: PathPermissions) -> tuple[int, ...]:
    """Identity of a file. The inode of a deleted file is soon reused; together with owner and time it is not."""
    if permissions.file is None:
        return ()
    return permissions.file.device, permissions.inode, permissions.file.uid, permissions.mtime_ns


def is_in_my_hands(permissions: PathPermissions) -> bool:
    """Whether nobody but this user (and root, whom nothing stops) can have put this file there."""
    mine = (os.geteuid(), 0)
    if permissions.file is None or permissions.file.uid not in mine:
        return False
    inner = [*permissions.folders[1:], None]
    for folder, next_folder in zip(permissions.folders, inner, strict=True):
        is_kept = bool(folder.mode & stat.S_ISVTX) and next_folder is not None and next_folder.uid in mine
        if folder.uid not in mine or folder.is_listed or (folder.mode & 0o022 and not is_kept):
            return False
    return True
