"""The history of a text as commits of git: a stream for `git fast-import`.

Everything follows from the operations, so two replicas with the same operations make commits with the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crdt import TextBuffer, Version
from jpterm_like.history.sittings import Sitting

THE_FILE: str = "the file"
"""The author of what was in the file from the start."""


class Commit(NamedTuple):
    """A commit to be made."""

    authors: tuple[str, ...]
    """The first is the author, the others are co-authors."""
    seconds: int
    version: Version


def commits_of(buffer: TextBuffer, sittings: list[Sitting], by_author: bool) -> list[Commit]:
    """Return a commit for each sitting, or with `by_author` one for each author in it, the first of it being the one who
    did most. What was in the file from the start comes first."""
    found: list[Commit] = []
    start = buffer.version_at(0)
    if sittings and len(buffer.at(start)):
        found.append(Commit((THE_FILE,), sittings[0].start, start))
    before = start
    for sitting in sittings:
        authors = tuple(name or THE_FILE for name in sitting.authors) or (THE_FILE,)
        if not by_author or len(authors) == 1:
            found.append(Commit(authors, sitting.end, sitting.version))
        else:
            clocks = dict(before.items())
            for number, name in enumerate(sitting.authors, 1):
                for site, clock in sitting.version.items():
                    if buffer.author_of(site) == name or number == len(sitting.authors):
                        clocks[site] = max(clock, clocks.get(site, 0))
                found.append(Commit((name or THE_FILE,), sitting.end, Version(clocks)))
        before = sitting.version
    return found


def fast_import(
    buffer: TextBuffer, commits: list[Commit], path: str, branch: str, continued: bool
) -> Iterator[bytes]:
    """Yield a stream for `git fast-import` that makes these commits on a branch; `continued`: on top of what it has.

    A commit that leaves the text as it was before is left out, unless it is the only one. O(document) for each commit.
    """
    before: bytes | None = None
    first = True
    for commit in commits:
        text = buffer.at(commit.version).encode("utf-8", "replace")
        if text == before:
            continue
        before = text
        who = f"{_identity(commit.authors[0])} {commit.seconds} +0000"
        message = _message(commit.authors).encode()
        yield f"commit {branch}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n".encode()
        yield message + b"\n"
        if first and continued:
            yield f"from {branch}^0\n".encode()
        first = False
        yield f"M 100644 inline {_quoted(path)}\ndata {len(text)}\n".encode() + text + b"\n\n"


def _message(authors: tuple[str, ...]) -> str:
    names = [" ".join(name.split()) for name in authors]
    heading = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    trailers = "".join(f"Co-authored-by: {_identity(name)}\n" for name in authors[1:])
    return f"{heading}\n" + (f"\n{trailers}" if trailers else "")


def _identity(name: str) -> str:
    """Return a name as git takes it, with an address, which it wants to have."""
    plain = " ".join("".join(" " if it in "<>" or not it.isprintable() else it for it in name).split())
    return f"{plain or 'unknown'} <>"


def _quoted(path: str) -> str:
    """Return a path as git quotes it."""
    data = path.encode("utf-8", "surrogateescape")
    if all(0x20 < byte < 0x7F and byte not in b'"\\' for byte in data):
        return path
    return '"' + "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\{b:03o}" for b in data) + '"'
