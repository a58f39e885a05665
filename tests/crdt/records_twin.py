"""The plainest model of records: every operation of every site, played from the start.

A version says which operations a replica has, so it says what must be in it.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from crdt.records import Records
from crdt.values import Value
from crdt.version import Version


class Operation(NamedTuple):
    verb: str
    name: str
    value: Value
    number: int


class Twin:
    """What all sites wrote."""

    def __init__(self) -> None:
        self.written: dict[int, list[Operation]] = {}

    def play(
        self, version: Version
    ) -> tuple[dict[str, tuple[int, int, Value]], dict[tuple[int, str], list[Value]]]:
        """What a replica of this version has: for each key number, site and value; and the items of each list."""
        puts: dict[str, list[tuple[int, int, Value]]] = {}
        lists: dict[tuple[int, str], list[Value]] = {}
        for site in version:
            of_site: dict[str, tuple[int, int, Value]] = {}
            for operation in self.written[site][: version[site]]:
                if operation.verb == "put":
                    of_site[operation.name] = (operation.number, site, operation.value)
                elif operation.verb == "add":
                    lists.setdefault((site, operation.name), []).append(operation.value)
                else:
                    of_site.pop(operation.name, None)
                    lists.pop((site, operation.name), None)
            for name, entry in of_site.items():
                puts.setdefault(name, []).append(entry)
        return {name: max(entries, key=lambda entry: entry[:2]) for name, entries in puts.items()}, lists

    def compare(self, records: Records) -> None:
        """Assert that a replica that is whole has what it must have, and reads it in every way."""
        puts, lists = self.play(records.version)
        assert records.keys() == sorted(puts)
        for key, (number, site, value) in puts.items():
            entry = records.entry(key)
            assert entry is not None and (entry.number, entry.site, entry.value) == (number, site, value)
            assert records.get(key) == value
        assert records.lists() == sorted(
            lists, key=lambda each: (each[1], records.writers(each[1]).index(each[0]))
        )
        for (site, name), items in lists.items():
            assert records.items(name, site) == items
            entries = records.entries(name, site)
            assert [each.clock for each in entries] == sorted(each.clock for each in entries)
            assert records.entries(name, site, entries[-1].clock) == entries[-1:]


class Author:
    """A replica whose operations the twin notes."""

    def __init__(self, site: int, twin: Twin, records: Records | None = None) -> None:
        self.records = Records(site=site) if records is None else records
        self.site = site
        self.twin = twin
        self.number = 0

    def act(self, rng: random.Random) -> None:
        """One random operation."""
        records = self.records
        written = self.twin.written.setdefault(self.site, [])
        kind = rng.random()
        name = rng.choice(NAMES)
        value = random_value(rng)
        before = records.version[self.site]
        if kind < 0.45:
            patch = records.put(name, value)
            assert patch.keys == (name,) and not patch.lists
            written.append(Operation("put", name, value, self._next_number()))
            assert records.get(name) == value
        elif kind < 0.85:
            patch = records.add(name, value)
            assert patch == ((), ((self.site, name),))
            written.append(Operation("add", name, value, self._next_number()))
        else:
            records.drop(name)
            if records.version[self.site] > before:
                written.append(Operation("drop", name, None, self._next_number()))
            assert not records.items(name, self.site)

    def _next_number(self) -> int:
        """One above all numbers of what this replica knows, as the twin counts them."""
        version = self.records.version
        numbers = [
            operation.number
            for site, operations in self.twin.written.items()
            for operation in operations[: version[site]]
        ]
        return max(numbers, default=0) + 1


NAMES = ["a", "b", "run/3f", "run/3f/items", "ä", "\ud800"]


def random_value(rng: random.Random, depth: int = 0) -> Value:
    kind = rng.randrange(10 if depth < 3 else 8)
    if kind == 8:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 9:
        return {rng.choice(NAMES): random_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    values: list[Value] = [
        None,
        True,
        False,
        rng.choice([0, 1, -1, 127, 128, -129, 2**53 - 1, -(2**53)]),
        rng.choice([0.0, -1.5, 1e300, float("inf")]),
        rng.choice(["", "x", "é😀\ud800", "word " * rng.randrange(20)]),
        rng.randbytes(rng.randrange(9)),
        rng.randrange(1000),
    ]
    return values[kind]
