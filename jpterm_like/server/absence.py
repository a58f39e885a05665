"""When a file that went and a file that came are two documents.

A name says nothing of it: programs save by deleting a file and writing it again, and `git switch` takes files away and brings
them back. So two things must come together: the file was *found missing*, which the document's store notes, and the one
that is there afterwards has *not one line* of the text that the document held or holds. What is not noticed, or has a line in
common, is a change of the same document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from jpterm_like.files.safe_names import COMPONENT_BYTES_MAX

ABSENT: Final = "absent"
"""The blob of a store whose plain file was found missing: the digest of what it held last. It counts while the store says that
the file held that: release 0.1.0 writes the file again and leaves this alone."""
FORMER_MAX: Final = 1000
"""So many former documents of one name can be told apart."""


def note(base: bytes) -> bytes:
    """What is noted of a file that is missing, and held this."""
    return hashlib.blake2b(base, digest_size=16).digest()


def is_another(former: Iterable[str], found: str) -> bool:
    """Whether the text that was found has no line of the former ones. Lines without a letter or digit tell nothing, and a
    text of such lines alone has nothing that could be kept apart. O(n)."""
    lines = {line for text in former for line in _lines(text)}
    return bool(lines) and lines.isdisjoint(_lines(found))


def _lines(text: str) -> set[str]:
    stripped = (line.strip() for line in text.split("\n"))
    return {line for line in stripped if any(map(str.isalnum, line))}


def former_name(name: str, number: int) -> str:
    """What a document is called whose name is another one's now, at the nth try: `notes.md` is `notes (former).md`.

    A hidden file is not hidden under it: not every hidden name may be shared.
    """
    path = PurePath(name)
    mark = " (former)" if number == 1 else f" (former {number})"
    suffix = path.suffix if len(path.suffix) < COMPONENT_BYTES_MAX // 4 else ""
    room = COMPONENT_BYTES_MAX - len(f"{mark}{suffix}".encode("utf-8", "surrogatepass"))
    stem = path.name.removesuffix(suffix).lstrip(".").encode("utf-8", "surrogateescape")[:room]
    return str(path.with_name(stem.decode("utf-8", "ignore") + mark + suffix))
