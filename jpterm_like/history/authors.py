"""The authors of some changes, by how much each of them did."""

from __future__ import annotations

from collections.abc import Iterable

from crdt import TextBuffer


def authors_of(buffer: TextBuffer, shares: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Return the names of the authors of some work, given as sites and sizes; the author with the most comes first."""
    sizes: dict[str, int] = {}
    for site, size in shares:
        name = buffer.author_of(site)
        sizes[name] = sizes.get(name, 0) + size
    return tuple(sorted(sizes, key=lambda name: (-sizes[name], name)))
