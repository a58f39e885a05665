"""List the mounted file systems. Linux only; elsewhere the list is empty."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple


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


def kinds_of(device: int) -> set[str]:
    """The types of the file systems on a device, as `mounts` gives them. Looks at the lines with its number alone: this is asked often."""
    number = f" {os.major(device)}:{os.minor(device)} "
    found = (_parse(line) for line in _lines() if number in line)
    return {mount.kind for mount in found if mount is not None and mount.device == device}


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
