"""What lets other users of this machine to a file: seen on what is open, judged without looking again.

    FilePermissions     who owns a file or folder, and its permissions, as they were when it was open
    Way       the guards of the folders on the way to a file, and that of the file
    Access    the sources that count for a document: of every file that its text is of

A hub reads for others with its own user's permissions, so it goes by what those of the file and of its folders say. What a
document holds came from files that had its name. Names are given by whoever may write the folder, so another user can put a
file of their own in the place of mine; that they may read theirs says nothing of my text. Therefore all of these files count,
until the name is in my own hands alone.
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
"""Files that count for one document. With more than these, no other user is let in."""


class FilePermissions(NamedTuple):
    """Of one open file or folder."""

    uid: int
    gid: int
    mode: int
    is_listed: bool
    """Whether an access control list says more than the mode."""
    device: int

    def allows(self, bits: int, uid: int, groups: Collection[int]) -> bool:
        """Whether a user has permissions: 4 to read, 2 to write, 1 to pass through."""
        if self.is_listed:
            return False
        shift = 6 if self.uid == uid else 3 if self.gid in groups else 0
        return (self.mode >> shift) & bits == bits


class PathPermissions(NamedTuple):
    """To one file."""

    folders: tuple[FilePermissions, ...]
    file: FilePermissions | None
    """None: there is no file."""
    inode: int = 0
    mtime_ns: int = 0

    @property
    def guards(self) -> tuple[tuple[FilePermissions, ...], FilePermissions | None]:
        """All but which file it is."""
        return self.folders, self.file


def permissions_of(opened: int) -> FilePermissions:
    """The guard of an open file or folder."""
    return permissions_from_stat(os.fstat(opened), is_listed=_is_listed(opened))


def permissions_from_stat(found: os.stat_result, *, is_listed: bool = False) -> FilePermissions:
    """The guard of a file or folder that looks so."""
    return FilePermissions(found.st_uid, found.st_gid, found.st_mode, is_listed, found.st_dev)


def _is_listed(opened: int) -> bool:
    if not hasattr(os, "listxattr"):
        return False
    try:
        # Not by the number itself: it may be open for passing through only.
        names = os.listxattr(f"/proc/self/fd/{opened}")
    except FileNotFoundError:
        return True  # no /proc: it cannot be told
    except OSError:
        return False  # a file system without such lists
    return any(name.startswith("system.") and name != "system.posix_acl_default" for name in names)


def user_name(uid: int) -> str:
    """What a user is called, to be shown."""
    try:
        return escape_for_terminal(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"user {uid}"


def groups_of(uid: int, gid: int | None = None) -> set[int]:
    """The groups that a user is in; `gid` is that of the process, None: as the user's account says."""
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
    """What permissions let a user do with a file; one that is not there may be written by who may write its folder."""
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
    """File systems whose modes do not say who may read: of the system's own state, and of single users.

    What is in /proc depends on who asks, and through FUSE a user sees disks that nobody else does.
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
    """The sources that count for one document; whoever is not let in by each of them is not let in.

    Args:
        sources: as noted; the last is of the file that is there now, or was last.
    """

    def __init__(self, sources: Sequence[PathPermissions] = ()) -> None:
        self.sources = tuple(sources)

    def note(self, permissions: PathPermissions, *, is_ours: bool = False) -> bool:
        """Count a file that was read, or written by us; whether that changes what others may do.

        The same file with other permissions counts as it is now: its owner has changed them.
        """
        before = self.sources
        if _is_in_my_hands(permissions):
            self.sources = (permissions,)
        else:
            is_same = is_ours or (bool(before) and _file_of(before[-1]) == _file_of(permissions))
            kept = [it for it in (before[:-1] if is_same else before) if it.guards != permissions.guards]
            self.sources = (*(kept if len(kept) < SOURCES_MAX else (closed(),)), permissions)
        return [it.guards for it in self.sources] != [it.guards for it in before]

    def stranger(self) -> int | None:
        """The other user whose file is there now, and who may not read the files that the text was in before; None: there
        is none. What is written into that file, they have."""
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
        """The permissions for a file that is made anew: no more than all of these had."""
        mode = 0o666
        for permissions in self.sources:
            mode &= permissions.file.mode if permissions.file is not None else mode
        return mode

    def encode(self) -> bytes:
        """The same, for a store."""
        import json  # an editor reads files and keeps no notes on them

        return json.dumps(self.sources).encode()

    @classmethod
    def decode(cls, data: bytes) -> Access:
        """As noted; closed to others when it cannot be read."""
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
    """A way that lets nobody in but this user."""
    return PathPermissions((), FilePermissions(os.geteuid(), os.getegid(), stat.S_IFREG | 0o600, False, 0))


def _file_of(permissions: PathPermissions) -> tuple[int, ...]:
    """Tells one file from another. The number of one that was deleted is soon another's; its owner and time are not."""
    if permissions.file is None:
        return ()
    return permissions.file.device, permissions.inode, permissions.file.uid, permissions.mtime_ns


def _is_in_my_hands(permissions: PathPermissions) -> bool:
    """Whether nobody but this user (and root, whom nothing stops) can have put this file where it is."""
    mine = (os.geteuid(), 0)
    if permissions.file is None or permissions.file.uid not in mine:
        return False
    inner = [*permissions.folders[1:], None]
    for folder, next_folder in zip(permissions.folders, inner, strict=True):
        is_kept = bool(folder.mode & stat.S_ISVTX) and next_folder is not None and next_folder.uid in mine
        if folder.uid not in mine or folder.is_listed or (folder.mode & 0o022 and not is_kept):
            return False
    return True
