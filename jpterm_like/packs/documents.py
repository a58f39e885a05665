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
from crdt.binary import encode_text
from crdt.errors import ForeignOp
from crdt.messages import ANNOUNCE, MARK, read_message
from jpterm_like.packs.records import LINEAGE_BYTES, Birth, Form, Hello, Name

SAVED_MAX: Final = 64
"""States of plain files that are known of each document."""
PERSON_LENGTH_MAX: Final = 64
"""Most characters of a person's name that are shown, or become a part of a file's name; as in messages."""
COMPONENT_BYTES_MAX: Final = 255
"""Longest name of a file in its folder."""
ENDING_LENGTH_MAX: Final = 16
"""A longer part after the last dot is no ending."""
NUMBER_STEP_MAX: Final = 64
"""A NAME counts once the highest number that counts is at most so much lower: so nobody can write a number that cannot be outdone, and the
packs of so many renames may be lost."""
AHEAD_MAX: Final = 256
"""Names, and deletions, of one document that do not count yet. Only somebody who means harm writes more, and those are forgotten."""
JOINED_MAX: Final = 64
"""Documents that one document is joined with. Nobody has so many texts of one name."""
WAIT_S: Final = 30 * 86_400.0
"""So long after operations came whose past is missing, that is no longer on its way: as long as the lane of a device counts as in use."""
FORMAT: Final = 1
"""Of what `Documents.encode` writes. Another format is not read: then all of it is made anew from the packs."""


class Extent:
    """Which operations of each site are known, as ranges without overlaps; packs may arrive in any order."""

    def __init__(self) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        """By site, in their order, ends not included; no two of them touch."""

    @classmethod
    def of(cls, version: Version) -> Extent:
        """The operations of a version."""
        extent = cls()
        for site, end in version.items():
            extent.add(site, 0, end)
        return extent

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


@dataclass(slots=True)
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
    waits_since: float = 0.0
    """When that was found first (wall clock, seconds); 0 if it is not so."""
    name: tuple[int, str] = (0, "")
    """The NAME that wins: the highest number that counts, then the name that compares higher. Number 0: it has the name that it was born with."""
    names_ahead: dict[int, str] = field(default_factory=dict)
    """Names whose numbers are too high to count, by number; see `NUMBER_STEP_MAX`. Which ones count does not depend on the order of arrival."""
    name_applied: tuple[int, str] = (0, "")
    """The NAME that the file here was given; where it is taken, the file has another one."""
    deleted: Version | None = None
    """All of the DELETED that count, together; None if nobody deleted it."""
    deletions_ahead: list[Version] = field(default_factory=list)
    """DELETED of versions that packs do not have whole. They count once packs have: nobody can delete what is written later."""
    deleted_here: Version | None = None
    """The same when the file here was last deleted for it."""
    form: Form | None = None
    """The form of the plain file that the document began with; of several that were written, the one that compares higher."""
    joined: set[bytes] = field(default_factory=set)
    """The documents that somebody made one text with."""
    unusable: dict[str, str] = field(default_factory=dict)
    """Why operations that came cannot be used, by the lane that they came in; it ends a sentence that begins with who wrote them."""
    saved: dict[str, Version] = field(default_factory=dict)
    """Versions that plain files held, by the digests of the files; the last SAVED_MAX."""
    name_here: str = ""
    """The name of its file in this machine's folder; empty if it is not there yet."""
    identity_here: bytes = b""
    """What tells the document of that file from another one that got its name; empty if that is not known yet."""
    stamp: tuple[float, ...] = ()
    """How store and file looked when all of the document was carried: size and time of the store, then those of the file if there
    was one. As long as they look so, it need not be opened."""

    @property
    def had_file(self) -> bool:
        """Whether there was a file when all of the document was carried last."""
        return len(self.stamp) > 2

    @property
    def wanted_name(self) -> str:
        """The name that the document should have everywhere; empty if that is not known yet."""
        return self.name[1] if self.name[0] else self.birth.name if self.birth is not None else ""

    def note_name(self, number: int, name: str) -> None:
        """Note a NAME; see `NUMBER_STEP_MAX`."""
        ahead = self.names_ahead
        if number <= self.name[0] + NUMBER_STEP_MAX or number in ahead or len(ahead) < AHEAD_MAX:
            ahead[number] = max(ahead.get(number, name), name)
        while ahead and (nearest := min(ahead)) <= self.name[0] + NUMBER_STEP_MAX:
            self.name = max(self.name, (nearest, ahead.pop(nearest)))

    def rename(self, name: str) -> list[Name]:
        """Give the document a name that wins over all that are known, and return the records that say so: one, unless a stranger wrote
        numbers that count only now."""
        written: list[Name] = []
        while not written or self.name != written[-1]:
            written.append(Name(self.name[0] + 1, name))
            self.note_name(*written[-1])
        return written

    def note_deleted(self, version: Version) -> None:
        """Note a DELETED; see `deletions_ahead`."""
        if version not in self.deletions_ahead and len(self.deletions_ahead) < AHEAD_MAX:
            self.deletions_ahead.append(version)
        self.count_deletions()

    def count_deletions(self) -> None:
        """Let the deletions count whose operations packs have by now."""
        if not self.deletions_ahead:
            return
        carried, ahead = self.carried.version, self.deletions_ahead
        for version in [each for each in ahead if each <= carried]:
            ahead.remove(version)
            self.deleted = version if self.deleted is None else self.deleted.merge(version)

    def is_deleted(self, version: Version) -> bool:
        """Whether the document is deleted for somebody with this version: operations that no deletion knew of bring it back."""
        return self.deleted is not None and version <= self.deleted

    def is_on_its_way(self, now: float) -> bool:
        """Whether what is missing may still come; `now` is on the wall clock. Else a stranger's junk would be waited for for ever."""
        if not self.is_incomplete:
            self.waits_since = 0.0
        elif not 0 < self.waits_since <= now:
            self.waits_since = now
        return self.is_incomplete and now - self.waits_since < WAIT_S

    def note_form(self, form: Form) -> None:
        self.form = form if self.form is None else max(self.form, form)

    def note_joined(self, document: bytes) -> None:
        if len(self.joined) < JOINED_MAX:
            self.joined.add(document)

    def note_saved(self, digest: bytes, version: Version) -> None:
        self.saved.pop(digest.hex(), None)
        self.saved[digest.hex()] = version
        while len(self.saved) > SAVED_MAX:
            del self.saved[next(iter(self.saved))]


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
                left.notes[document] = DocumentNotes(
                    notes.birth,
                    notes.lane,
                    name_applied=notes.name_applied,
                    deleted_here=notes.deleted_here,
                    name_here=notes.name_here,
                    identity_here=notes.identity_here,
                )
        return left

    def joined_groups(self) -> list[list[bytes]]:
        """Return the documents that are one text, sorted; the first of each group is the one that has all of it.

        It follows from the records alone, whatever was joined first.
        """
        groups: dict[bytes, set[bytes]] = {}
        for document, notes in self.notes.items():
            if notes.birth is None:
                continue
            for other in notes.joined:
                if other != document and other in self.notes and self.notes[other].birth is not None:
                    group = groups.get(document, {document}) | groups.get(other, {other})
                    groups.update(dict.fromkeys(group, group))
        return sorted({tuple(sorted(group)): sorted(group) for group in groups.values()}.values())

    def author_of(self, lane: str) -> str:
        """Who writes a lane, as far as that was said."""
        hello = self.hellos.get(lane)
        return printable_name(hello.author) if hello is not None else ""

    def encode(self) -> bytes:
        """Write it as JSON, with a line for each document, so that `carried_version` reads only one."""
        documents = {
            document.hex(): {
                "birth": None if notes.birth is None else [notes.birth.lineage.hex(), notes.birth.name],
                "lane": notes.lane,
                "born": notes.is_born,
                "carried": notes.carried.as_json(),
                "incomplete": notes.is_incomplete,
                "waits_since": notes.waits_since,
                "name": list(notes.name),
                "names_ahead": sorted(notes.names_ahead.items()),
                "name_applied": list(notes.name_applied),
                "deleted": _version_text(notes.deleted),
                "deletions_ahead": [version.encode().hex() for version in notes.deletions_ahead],
                "deleted_here": _version_text(notes.deleted_here),
                "form": notes.form,
                "joined": sorted(other.hex() for other in notes.joined),
                "unusable": notes.unusable,
                "saved": {digest: _version_text(version) for digest, version in notes.saved.items()},
                "here": notes.name_here,
                "identity": notes.identity_here.hex(),
                "stamp": list(notes.stamp),
            }
            for document, notes in sorted(self.notes.items())
        }
        facts = {
            "format": FORMAT,
            "taken": sorted(self.taken),
            "hellos": {lane: list(hello) for lane, hello in sorted(self.hellos.items())},
        }
        lines = ",".join(f'\n"{document}":{_json(fields)}' for document, fields in documents.items())
        return f'{_json(facts)[:-1]},"documents":{{{lines}\n}}}}'.encode("ascii")

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
                    birth=_birth(fields["birth"]),
                    lane=str(fields["lane"]),
                    is_born=bool(fields["born"]),
                    carried=Extent.from_json(fields["carried"]),
                    is_incomplete=bool(fields["incomplete"]),
                    waits_since=float(fields.get("waits_since", 0.0)),
                    name=_numbered(fields["name"]),
                    names_ahead=dict(map(_numbered, fields.get("names_ahead", ()))),
                    name_applied=_numbered(fields["name_applied"]),
                    deleted=_version(fields["deleted"]),
                    deletions_ahead=[
                        Version.decode(bytes.fromhex(each)) for each in fields.get("deletions_ahead", ())
                    ],
                    deleted_here=_version(fields["deleted_here"]),
                    form=_form(fields.get("form")),
                    joined={bytes.fromhex(other) for other in fields.get("joined", ())},
                    unusable={str(lane): str(why) for lane, why in fields.get("unusable", {}).items()},
                    saved={
                        str(digest): version
                        for digest, text in fields["saved"].items()
                        if (version := _version(text)) is not None
                    },
                    name_here=str(fields["here"]),
                    identity_here=bytes.fromhex(fields.get("identity", "")),
                    stamp=tuple(map(float, fields["stamp"])),
                )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ForeignOp):
            return cls()
        return found


def carried_version(data: bytes, name: str) -> Version | None:
    """Return which version of the document with this file the packs have, from what `Documents.encode` wrote; None if no document
    has it. Parses only the line of that document."""
    if (at := data.find(b'"here":' + _json(name).encode("ascii"))) < 0:
        return None
    start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
    try:
        [fields] = json.loads(b"{%s}" % data[start:end].rstrip(b",")).values()
        return Extent.from_json(fields["carried"]).version
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # an earlier release wrote all documents in one line
    found = Documents.decode(data).notes.values()
    return next((notes.carried.version for notes in found if notes.name_here == name), None)


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


def printable_name(name: str) -> str:
    """Return the name of a person as it can be sent and shown: strangers may have written any characters into a pack, and any number."""
    return "".join(character for character in name if character.isprintable())[:PERSON_LENGTH_MAX]


def alternative_names(name: str, who: str) -> Iterable[str]:
    """Return names for a document whose own one is another document's here: "notes (Bob).md", "notes (Bob 2).md" and so on.

    A name that becomes too long for a file loses the end of its stem.
    """
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not stem or len(ending) > ENDING_LENGTH_MAX:
        stem, dot, ending = last, "", ""
    who = who.replace("/", "-").replace("\\", "-") or "other"
    for number in range(1, 100):
        mark = f" ({who if number == 1 else f'{who} {number}'}){dot}{ending}"
        room = max(1, COMPONENT_BYTES_MAX - len(encode_text(mark)))
        short = encode_text(stem)[:room].decode("utf-8", "ignore") or "text"
        yield f"{folder}{slash}{stem if len(encode_text(stem)) <= room else short}{mark}"


def _json(facts: object) -> str:
    return json.dumps(facts, separators=(",", ":"))


def _birth(written: Any) -> Birth | None:
    if written is None:
        return None
    lineage = bytes.fromhex(written[0])
    if len(lineage) != LINEAGE_BYTES:
        raise ValueError("not a lineage")
    return Birth(lineage, str(written[1]))


def _form(written: Any) -> Form | None:
    if written is None:
        return None
    charset, bom, end = written
    return Form(str(charset), bool(bom), str(end))


def _numbered(written: Any) -> tuple[int, str]:
    number, name = written
    return int(number), str(name)


def _version_text(version: Version | None) -> str | None:
    return None if version is None else version.encode().hex()


def _version(written: Any) -> Version | None:
    return None if written is None else Version.decode(bytes.fromhex(written))
