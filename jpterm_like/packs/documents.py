"""What the packs of a collection say about its documents. Knows operations only by their numbers, and no text.

*Carried* is a version per document: the operations that packs have, whoever wrote them. What a store has beyond it is to be written
into the next pack. All of this follows from the packs, so it may be lost at any time.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from crdt import Version
from crdt.messages import ANNOUNCE, MARK, read_message
from jpterm_like.packs.records import LINEAGE_BYTES, Birth, Hello

FORMAT: Final = 1
"""Of what `Documents.encode` writes. Another format is not read: then all of it is made anew from the packs."""


class Extent:
    """Which operations of each site are known, as ranges without overlaps; packs may arrive in any order."""

    def __init__(self) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        """By site, in their order, ends not included; no two of them touch."""

    def add(self, site: int, start: int, end: int) -> None:
        """Note the operations `start` to `end` (not included) of a site."""
        if start >= end:
            return
        ranges = self._ranges.setdefault(site, [])
        first = bisect_left(ranges, start, key=lambda each: each[1])
        last = first
        while last < len(ranges) and ranges[last][0] <= end:
            start, end = min(start, ranges[last][0]), max(end, ranges[last][1])
            last += 1
        ranges[first:last] = [(start, end)]

    def add_message(self, message: bytes) -> None:
        """Note the operations of a message. Raises ForeignOp."""
        for batch in read_message(message):
            self.add(batch.site, batch.clock, batch.end)

    @property
    def version(self) -> Version:
        """What is known of each site without a gap."""
        return Version({site: ranges[0][1] for site, ranges in self._ranges.items() if ranges[0][0] == 0})

    def as_json(self) -> dict[str, list[tuple[int, int]]]:
        return {f"{site:x}": ranges for site, ranges in sorted(self._ranges.items())}

    @classmethod
    def from_json(cls, written: dict[str, list[list[int]]]) -> Extent:
        extent = cls()
        for site, ranges in written.items():
            for start, end in ranges:
                extent.add(int(site, 16), start, end)
        return extent


@dataclass
class DocumentNotes:
    """What is known of one document."""

    birth: Birth | None = None
    """None: packs have operations of it, and the one with its beginning has not come."""
    lane: str = ""
    """The lane that the beginning was read from."""
    is_born: bool = False
    """Whether a pack has the beginning."""
    carried: Extent = field(default_factory=Extent)
    is_incomplete: bool = False
    """Whether some of its operations could not be taken in because earlier ones are missing: all of its packs are read again."""
    name_here: str = ""
    """The name of its file in this machine's folder; empty if it is not there yet."""
    stamp: tuple[float, ...] = ()
    """How store and file looked when all of the document was carried. As long as they look so, it need not be opened."""


class Documents:
    """What the packs that were taken in say about each document, by its id."""

    def __init__(self) -> None:
        self.notes: dict[bytes, DocumentNotes] = {}
        self.hellos: dict[str, Hello] = {}
        """The last HELLO of each lane."""
        self.taken: set[str] = set()
        """The names of the packs that were taken in."""

    def of(self, document: bytes) -> DocumentNotes:
        """The notes of a document; new ones if there are none."""
        return self.notes.setdefault(document, DocumentNotes())

    def note_birth(self, document: bytes, birth: Birth, lane: str) -> None:
        """Note that a pack has the beginning of a document."""
        notes = self.of(document)
        notes.is_born = True
        if notes.birth is None:
            notes.birth, notes.lane = birth, lane

    def without_packs(self) -> Documents:
        """What is left if no pack counts as taken in: which documents are here."""
        left = Documents()
        for document, notes in self.notes.items():
            if notes.name_here:
                left.notes[document] = DocumentNotes(notes.birth, notes.lane, name_here=notes.name_here)
        return left

    def author_of(self, lane: str) -> str:
        """Who writes a lane, as far as that was said."""
        hello = self.hellos.get(lane)
        return hello.author if hello is not None else ""

    def encode(self) -> bytes:
        """Write it as JSON."""
        documents = {
            document.hex(): {
                "birth": None if notes.birth is None else [notes.birth.lineage.hex(), notes.birth.name],
                "lane": notes.lane,
                "born": notes.is_born,
                "carried": notes.carried.as_json(),
                "incomplete": notes.is_incomplete,
                "here": notes.name_here,
                "stamp": list(notes.stamp),
            }
            for document, notes in sorted(self.notes.items())
        }
        facts = {
            "format": FORMAT,
            "taken": sorted(self.taken),
            "hellos": {lane: list(hello) for lane, hello in sorted(self.hellos.items())},
            "documents": documents,
        }
        return json.dumps(facts, separators=(",", ":")).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> Documents:
        """Read what `encode` wrote; anything else is as if it was lost."""
        found = cls()
        try:
            facts = json.loads(data)
            if facts["format"] != FORMAT:
                return cls()
            found.taken = set(map(str, facts["taken"]))
            found.hellos = {str(lane): Hello(*fields) for lane, fields in facts["hellos"].items()}
            for document, fields in facts["documents"].items():
                found.notes[bytes.fromhex(document)] = DocumentNotes(
                    _birth(fields["birth"]),
                    str(fields["lane"]),
                    bool(fields["born"]),
                    Extent.from_json(fields["carried"]),
                    bool(fields["incomplete"]),
                    str(fields["here"]),
                    tuple(map(float, fields["stamp"])),
                )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls()
        return found


def changes_of(message: bytes) -> dict[int, int]:
    """Count the changes in a message by the site that made them: typing on at one place is one change, however long.

    Raises:
        ForeignOp: it is none.
    """
    counts: dict[int, int] = {}
    for batch in read_message(message):
        count = sum(op.kind not in (MARK, ANNOUNCE) for op in batch.ops)
        counts[batch.site] = counts.get(batch.site, 0) + count
    return counts


def alternative_names(name: str, who: str) -> Iterable[str]:
    """Return names for a document whose own one is another document's here: "notes (Bob).md", "notes (Bob 2).md" and so on."""
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not stem:
        stem, dot, ending = last, "", ""
    who = who.replace("/", "-") or "other"
    for number in range(1, 100):
        yield f"{folder}{slash}{stem} ({who if number == 1 else f'{who} {number}'}){dot}{ending}"


def _birth(written: Any) -> Birth | None:
    if written is None:
        return None
    lineage = bytes.fromhex(written[0])
    if len(lineage) != LINEAGE_BYTES:
        raise ValueError("not a lineage")
    return Birth(lineage, str(written[1]))
