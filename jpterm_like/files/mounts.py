"""List the mounted file systems. Linux only; elsewhere the list is empty."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

KNOWN_S: Final = 1.0
"""How long the types on a device count as known: its number may be another file system's once it was unmounted."""


class Mount(NamedTuple):
    """One mounted file system."""

    device: int
    """Device number, as in `os.stat_result.st_dev`."""
    kind: str
    """Type, such as ext4, tmpfs or fuse.sshfs."""
    options: str
    """Name of the mounted device and options of the file system."""


def mounts() -> Iterator[Mount]:
    """The mounts that this process sees. A line that cannot be parsed is skipped."""
    return (mount for line in _lines() if (mount := _parse(line)) is not None)


def kinds_of(device: int) -> frozenset[str]:
    """The types of the file systems on a device, as `mounts` gives them, or gave them KNOWN_S ago: this is asked for each of 10,000 files."""
    read_at, kinds = _known.get(device, (float("-inf"), frozenset()))
    now = time.monotonic()
    if not 0 <= now - read_at < KNOWN_S:
        number = f" {os.major(device)}:{os.minor(device)} "
        found = [_parse(line) for line in _lines() if number in line]
        kinds = frozenset(mount.kind for mount in found if mount is not None and mount.device == device)
        _known[device] = now, kinds
    return kinds


_known: dict[int, tuple[float, frozenset[str]]] = {}
"""When the types on a device were read (monotonic, seconds), and which they were."""


def _lines() -> list[str]:
    # A line: "id parent major:minor root place options … - kind name options"; see proc_pid_mountinfo(5). Lines end
    # with "\n" alone: paths may contain other characters that Python takes for line ends.
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
    ):
        return file.read().split("\n")
    return []


def _parse(line: str) -> Mount | None:
    with contextlib.suppress(ValueError, IndexError):
        before, _, after = line.partition(" - ")
        major, _, minor = before.split(" ")[2].partition(":")
        kind, _, options = after.partition(" ")
        return Mount(os.makedev(int(major), int(minor)), kind, options)
    return None
