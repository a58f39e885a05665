"""The files of a folder that are documents of a collection, by their names; finds a name in any case without looking at all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable


class NamesHere(dict[str, bytes]):
    """The document of each name. Changed by items alone: `names[name] = document`, `del names[name]`."""

    def __init__(self, items: Iterable[tuple[str, bytes]]) -> None:
        super().__init__()
        self._alike: dict[str, set[str]] = {}
        for name, document in items:
            self[name] = document

    def __setitem__(self, name: str, document: bytes) -> None:
        super().__setitem__(name, document)
        self._alike.setdefault(name.casefold(), set()).add(name)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._alike[name.casefold()].discard(name)

    def alike(self, name: str) -> Collection[str]:
        """Return the names here that differ from this one in case only, itself included."""
        return self._alike.get(name.casefold(), ())
