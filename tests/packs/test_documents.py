"""What packs say about documents: which operations they have, in whatever order the packs come."""

from __future__ import annotations

import itertools
import random

from crdt import TextBuffer, Version
from jpterm_like.packs.documents import (
    AHEAD_MAX,
    DocumentNotes,
    Documents,
    Extent,
    alternative_names,
    carried_version,
    changes_of,
)
from jpterm_like.packs.records import Birth, Hello


class SlowExtent:
    """The twin: a set of all numbers."""

    def __init__(self) -> None:
        self.known: dict[int, set[int]] = {}

    def add(self, site: int, start: int, end: int) -> None:
        self.known.setdefault(site, set()).update(range(start, end))

    @property
    def version(self) -> Version:
        clocks = {}
        for site, known in self.known.items():
            clock = 0
            while clock in known:
                clock += 1
            clocks[site] = clock
        return Version({site: clock for site, clock in clocks.items() if clock})


def test_an_extent_knows_what_a_set_of_numbers_knows() -> None:
    """Ranges in any order, with gaps, twice and overlapping; the same after it was written and read."""
    for seed in range(300):
        chance = random.Random(seed)
        extent, slow = Extent(), SlowExtent()
        for _ in range(chance.randint(1, 12)):
            start = chance.randint(0, 12)
            site, end = chance.randint(1, 3), start + chance.randint(0, 5)
            extent.add(site, start, end)
            slow.add(site, start, end)
            assert extent.version == slow.version, seed
        again = Extent.from_json(
            {site: [list(each) for each in ranges] for site, ranges in extent.as_json().items()}
        )
        assert again.as_json() == extent.as_json(), seed
        for site, ranges in extent._ranges.items():
            assert {number for start, end in ranges for number in range(start, end)} == slow.known[site], seed
            assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges)), seed


def test_messages_in_any_order_lead_to_the_version_of_their_text() -> None:
    text = TextBuffer.genesis("hello\n", site=1)
    messages, reached = [], Version()
    for word in ("ann ", "bob ", "carla "):
        text.replace(0, 0, word, 0.0)
        message, reached = text.changes_up_to(reached, 1 << 20)
        messages.append(message)
    extent = Extent()
    for message in reversed(messages):
        extent.add_message(message)
    assert extent.version == text.version


def test_typing_on_at_one_place_is_one_change() -> None:
    text = TextBuffer.genesis("hello\n", site=1)
    begun = text.version
    for offset, letter in enumerate("sentence"):
        text.replace(offset, offset, letter, 0.0)
    assert sum(changes_of(text.changes_since(begun)).values()) == 1
    text.replace(0, 3, "", 0.0)
    text.replace(8, 8, "!", 0.0)
    assert sum(changes_of(text.changes_since(begun)).values()) == 3


def test_notes_survive_writing_and_what_is_damaged_counts_as_lost() -> None:
    known = Documents()
    known.note_birth(b"d" * 16, Birth(b"l" * 16, "notes.md"), "aaa")
    known.of(b"d" * 16).carried.add(2**64 - 1, 0, 7)
    known.of(b"d" * 16).name_here, known.of(b"d" * 16).stamp = "notes.md", (1.5, 7.0)
    known.of(b"e" * 16).is_incomplete = True
    known.hellos["aaa"] = Hello("jpterm-like 0.2.0", "Ann", 1, 0)
    known.taken = {"one", "two"}
    data = known.encode()
    again = Documents.decode(data)
    assert again.encode() == data
    assert again.author_of("aaa") == "Ann" and again.notes[b"d" * 16].birth == Birth(b"l" * 16, "notes.md")
    for cut in (*range(0, len(data), 37), len(data) - 1):
        assert not Documents.decode(data[:cut]).notes
    assert not Documents.decode(data.replace(b'"format":1', b'"format":2')).notes


def test_the_highest_number_cannot_win_for_ever() -> None:
    """A stranger's number counts once others come near it, whatever the order of arrival, and the next rename still wins."""
    for seed in range(300):
        chance = random.Random(seed)
        notes = DocumentNotes()
        near = [(chance.randint(0, 300), f"{chance.randint(1, 9)}.md") for _ in range(chance.randint(0, 12))]
        given = [*near, (2**53 - 1, "evil.md"), (2**40, "evil.md")]
        for number, name in given:
            notes.note_name(number, name)
        assert notes.name[1] != "evil.md", seed
        given += notes.rename("mine.md")
        assert notes.wanted_name == "mine.md", seed
        chance.shuffle(given)
        others = DocumentNotes()
        for number, name in given * 2:
            others.note_name(number, name)
        assert others.name == notes.name and others.names_ahead == notes.names_ahead, seed
        documents = Documents()
        documents.notes[b"d" * 16] = others
        assert Documents.decode(documents.encode()).notes[b"d" * 16].names_ahead == notes.names_ahead, seed


def test_many_numbers_that_do_not_count_yet_hinder_no_rename() -> None:
    notes = DocumentNotes()
    for number in range(1000, 1000 + 2 * AHEAD_MAX):
        notes.note_name(number, "evil.md")
    assert len(notes.names_ahead) == AHEAD_MAX
    assert len(notes.rename("mine.md")) == 1 and notes.wanted_name == "mine.md"


def test_nobody_deletes_what_is_written_later() -> None:
    """A deletion counts once packs have all the operations that it speaks of; in either order."""
    text = TextBuffer.genesis("hello\n", site=1)
    for is_first in (True, False):
        notes = DocumentNotes()
        notes.note_deleted(Version({1: 2**53 - 1}))
        if is_first:
            notes.note_deleted(text.version)
        notes.carried.add_message(text.changes_since(Version()))
        if not is_first:
            notes.note_deleted(text.version)
        notes.count_deletions()
        assert notes.deleted == text.version and notes.is_deleted(text.version)
    text.replace(0, 0, "more ", 0.0)
    assert not notes.is_deleted(text.version)


def test_another_name_says_whose_text_it_is() -> None:
    assert list(alternative_names("docs/notes.md", "Bob"))[:2] == [
        "docs/notes (Bob).md",
        "docs/notes (Bob 2).md",
    ]
    assert next(iter(alternative_names("Makefile", ""))) == "Makefile (other)"
    assert next(iter(alternative_names("docs/.profile", "../x"))) == "docs/.profile (..-x)"


def test_one_document_is_read_without_the_others() -> None:
    """Also of a file that an earlier release wrote, in one line; and a name is not mistaken for another one's text."""
    documents = Documents()
    names = ["notes.md", 'no"tes.md', "dócs/notes.md", '"here":"notes.md"', "es.md"]
    for number, name in enumerate(names):
        notes = documents.of(bytes([number]))
        notes.name_here, notes.birth = name, Birth(bytes(16), "notes.md")
        notes.carried.add(number, 0, number + 1)
    written = documents.encode()
    for data in (written, written.replace(b"\n", b"")):
        assert [carried_version(data, name) for name in names] == [
            Version({number: number + 1}) for number in range(len(names))
        ]
        assert carried_version(data, "tes.md") is None
    assert (
        carried_version(b"", "notes.md") is None and carried_version(b'"here":"notes.md"', "notes.md") is None
    )
    others = [line for line in written.split(b"\n") if b'"here":"notes.md"' in line]
    assert len(others) == 1, "only that line is parsed"
