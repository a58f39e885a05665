"""Decide whether a file that was deleted and a file that appeared later are two documents.

The name does not tell: programs save by deleting a file and writing it again, and `git switch` removes files and brings them
back. So both must hold: the file was *found missing*, which the document's store notes, and the file that is there
afterwards has *not one line* in common with the text that the document held or holds. Otherwise it is a change of the same document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from jpterm_like.files.safe_names import COMPONENT_BYTES_MAX

ABSENT: Final = "absent"
"""The blob of a store whose plain file was found missing: the digest of the last base. It counts only while that is still the base,
because release 0.1.0 writes the file again and leaves this blob alone."""
FORMER_MAX: Final = 1000
"""Most former documents of one name."""


def note(base: bytes) -> bytes:
    """The digest to note in ABSENT, for a missing file that held `base`."""
    return hashlib.blake2b(base, digest_size=16).digest()


def is_another(former: Iterable[str], found: str) -> bool:
    """Return whether `found` has no line in common with the former texts. Lines without a letter or digit do not count, and a
    former text of such lines alone is never another document. O(n)."""
    lines = {line for text in former for line in _lines(text)}
    return bool(lines) and lines.isdisjoint(_lines(found))


def _lines(text: str) -> set[str]:
    stripped = (line.strip() for line in text.split("\n"))
    return {line for line in stripped if any(map(str.isalnum, line))}


def former_name(name: str, number: int) -> str:
    """Return the nth name to try for a document that lost its name to another one: `notes.md` becomes `notes (former).md`.

    The name of a hidden file loses its dot, because not every hidden name may be shared.
    """
    path = PurePath(name)
    mark = " (former)" if number == 1 else f" (former {number})"
    suffix = path.suffix if len(path.suffix) < COMPONENT_BYTES_MAX // 4 else ""
    room = COMPONENT_BYTES_MAX - len(f"{mark}{suffix}".encode("utf-8", "surrogatepass"))
    stem = path.name.removesuffix(suffix).lstrip(".").encode("utf-8", "surrogateescape")[:room]
    return str(path.with_name(stem.decode("utf-8", "ignore") + mark + suffix))
