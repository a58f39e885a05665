"""Titles that tell the open files apart: the shortest ends of their paths that differ, and the machine of a file over ssh."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

_OPENED_TOGETHER: Final = 8


@lru_cache(_OPENED_TOGETHER)
def telling_titles(files: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the titles to show for files that are open together, given as title and address.

    A title is extended to the left, folder by folder, as long as another file's is the same; of a server's file the host comes last.
    """
    machines = [_machine(address) for _, address in files]
    paths = [_path(title, address) for title, address in files]
    counts = [title.count("/") + 1 for title, _ in files]
    while True:
        shown = [
            f"{machine}{'/'.join(path[-count:])}"
            for machine, path, count in zip(machines, paths, counts, strict=True)
        ]
        groups = defaultdict(list)
        for index, title in enumerate(shown):
            groups[title].append(index)
        extended = False
        for group in groups.values():
            for index in group if len(group) > 1 else ():
                if counts[index] < len(paths[index]):
                    counts[index] += 1
                    extended = True
        if not extended:
            return tuple(shown)


def _machine(address: str) -> str:
    """The prefix of a file on another machine over ssh, as it is written on the command line, without user and port."""
    if not address.startswith("ssh://"):
        return ""
    host = address.removeprefix("ssh://").partition("/")[0].rpartition("@")[2]
    return f"{host.partition(':')[0]}:"


def _path(title: str, address: str) -> list[str]:
    """The parts of a path that ends with the title; the title alone if it is no path."""
    _, scheme, rest = address.rpartition("://")
    if scheme:
        host, _, path = rest.partition("/")
        parts = [unquote(part) for part in path.split("/") if part not in ("", "~")]
        if not address.startswith("ssh://") and host:
            parts.insert(0, host)
    else:
        parts = [part for part in rest.split("/") if part]
    name = title.split("/")
    return parts if parts[-len(name) :] == name else name
