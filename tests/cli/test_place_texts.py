"""Texts at a place are listed and printed without a folder of them here: one out of 10,000 by few requests."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like import collection as collections
from jpterm_like.cli import place_texts
from jpterm_like.cli.main import main
from jpterm_like.packs import records
from jpterm_like.packs.names import lane_name
from jpterm_like.packs.pack import PackRecord, encode
from jpterm_like.packs.records import Birth, Changes, Deleted, Joined, Name, Names, document_id
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.mirror import Mirror
from jpterm_like.places.part import Part
from jpterm_like.server.collection_packs import CollectionPacks
from tests.cli.syncing import Person
from tests.cli.test_sync import ann, bob, place
from tests.e2e.terminal import Serve, run

__all__ = ["ann", "bob", "place"]

WORDS = [f"word{number}" for number in range(3000)]


def test_names_of_documents_are_written_and_read() -> None:
    assert records.decode(records.encode(Joined(b"d" * 16))) == Joined(b"d" * 16)
    for names in (Names(()), Names(((b"ab", "notes.md"), (b"\0\xff", "ä/" + "x" * 500)))):
        assert records.decode(records.encode(names)) == names


def test_texts_of_a_place_are_listed_and_printed(
    ann: Person, bob: Person, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one in a folder, and what somebody else wrote into it."""
    ann.write("notes.md", "hello\n")
    (ann.texts / "plan").mkdir()
    ann.write("plan/may.md", "flowers\n")
    ann.sync(place)
    bob.sync(place)
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(place)
    assert main(["ls", str(place)]) == 0
    assert capsys.readouterr().out == "notes.md\nplan/may.md\n"
    assert main(["cat", f"{place}/notes.md"]) == 0
    assert main(["cat", f"file://{place}/plan/may.md"]) == 0
    assert capsys.readouterr().out == "hello\nbob\nflowers\n"
    assert main(["cat", f"{place}/none.md"]) == 1
    assert "There is no none.md at" in capsys.readouterr().err
    assert main(["cat", f"file://{ann.texts}/none/none.md"]) == 1


class Counted(LocalPlace):
    """A place that counts what is asked of it; a listing as on the most talkative server."""

    asked: Counter[str] = Counter()  # noqa: RUF012

    def list(self) -> dict[str, int]:
        found = super().list()
        self.asked["requests"] += 1
        self.asked["down"] += 230 * len(found)
        return found

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        data = super().read(name, start, end)
        self.asked["requests"] += 1
        self.asked["down"] += len(data)
        return data


class Writer:
    """Writes documents into the packs of a place, as a server does."""

    def __init__(self, folder: Path) -> None:
        (folder / "texts").mkdir(parents=True)
        (folder / "place").mkdir()
        self._folder = collections.begin(folder / "state", folder / "texts", "Ann", None)
        known = collections.load(self._folder)
        assert known is not None
        self.known = known
        self.place = LocalPlace(folder / "place")
        self._memory = Memory()

    def write(self, contents: list[tuple[bytes, records.Content]], *, hints: bool = True) -> None:
        packs = CollectionPacks(self._folder, self.known, lambda sentence: None)
        packs.begin()
        for document, content in contents:
            packs.gather(document, content)
            if packs.is_much_gathered:
                asyncio.run(packs.write())
        if not hints:
            packs._named.clear()
        asyncio.run(packs.write())
        packs.save()
        mirror = collections.open_mirror(self._folder)
        report = exchange(mirror, self.place, self.known.lane, self._memory, begin=True)
        assert report.is_complete

    def born(self, name: str, text: str) -> tuple[bytes, TextBuffer, list[tuple[bytes, records.Content]]]:
        buffer = TextBuffer.genesis(text, author="Ann")
        birth = Birth(buffer.lineage, name)
        document = document_id(self.known.collection, birth)
        return document, buffer, [(document, birth), (document, Changes(buffer.changes_since(Version())))]


@pytest.mark.amount
@pytest.mark.parametrize("payload", [b"", b"\0" * 17, b"\xff" * 40])
def test_nonsense_of_a_stranger_hides_no_text(
    ann: Person, bob: Person, place: Path, capsys: pytest.CaptureFixture[str], payload: bytes
) -> None:
    """Records of every kind that are none: who reads, and who syncs, has everything else, and is told."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    known = collection_of(ann)
    birth = Birth(TextBuffer.genesis("hello\n").lineage, "notes.md")
    nonsense = [PackRecord(kind, form, payload) for kind in range(1, 256) for form in (0, 1)]
    blocks = {
        document_id(known.collection, birth): [records.encode(birth), *nonsense],
        **dict.fromkeys(sorted(records.NO_DOCUMENTS), nonsense),
        b"another document": nonsense,
    }
    name, data = encode(known.collection, lane_name(b"stranger"), 1, 1, blocks)
    (place / str(name)).write_bytes(data)
    assert main(["cat", f"{place}/notes.md"]) == 0
    said = capsys.readouterr()
    assert said.out == "hello\n" and ("a change there cannot be read" in said.err) == bool(payload)
    for person in (bob, ann):
        facts = person.sync(place)
        assert person.files() == {"notes.md": "hello\n"}
        assert len(facts["problems"]) == bool(payload), facts
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(place)
    ann.sync(place)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}


def collection_of(person: Person) -> collections.Collection:
    [path] = (person.home / "state" / "jpterm-like" / "collections").iterdir()
    known = collections.load(path)
    assert known is not None
    return known


def test_one_text_out_of_ten_thousand_takes_few_requests(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    writer, chance = Writer(tmp_path), random.Random(5)
    contents: list[tuple[bytes, records.Content]] = []
    for number in range(request.config.getoption("--documents")):
        text = " ".join(chance.choices(WORDS, k=300))
        document, buffer, born = writer.born(
            f"{chance.choice(WORDS)}/{chance.choice(WORDS)}-{number}.md", text
        )
        contents += born
        if number == 7:
            wanted, wanted_text = born[0][1], text
            edited, edited_buffer = document, buffer
    writer.write(contents)
    before = edited_buffer.version
    edited_buffer.replace(0, 0, "one edit ")
    writer.write([(edited, Changes(edited_buffer.changes_since(before)))])
    assert isinstance(wanted, Birth)
    Counted.asked.clear()
    place = Counted(tmp_path / "place")
    texts = place_texts._Texts(place, place_texts._ready(place))
    assert texts.text(wanted.name) == f"one edit {wanted_text}"
    asked = Counted.asked
    assert asked["requests"] <= 12 and asked["down"] <= 400_000, asked
    Counted.asked = Counter()
    (tmp_path / "mirror").mkdir()
    mirror, part = Mirror(LocalPlace(tmp_path / "mirror")), Part({}, wanted.name)
    report = exchange(mirror, place, lane_name(b"somebody"), Memory(), part=part)
    assert report.is_complete and list(part.looked) == [edited]
    [(pack, _)] = [(name, mirror.pack(name)) for name in mirror.held]
    assert pack in report.fetched and pack.size_bytes < 4000
    assert Counted.asked["requests"] <= 12 and Counted.asked["down"] <= 400_000, Counted.asked


def test_names_deletions_and_packs_without_names(tmp_path: Path) -> None:
    """The last name counts, a deleted text is not there, and a place of a release that wrote no names is read as well."""
    writer = Writer(tmp_path)
    notes, buffer, born = writer.born("notes.md", "hello\n")
    plan, _, also = writer.born("plan.md", "flowers\n")
    writer.write([*born, *also], hints=False)
    place = writer.place.address
    assert place_texts.list_texts(place) == ["notes.md", "plan.md"]
    assert place_texts.read_text(f"{place}/plan.md") == "flowers\n"
    writer.write([(notes, Name(1, "minutes.md"))])
    assert place_texts.read_text(f"{place}/minutes.md") == "hello\n"
    assert place_texts.list_texts(place) == ["minutes.md", "plan.md"]
    with pytest.raises(Exception, match=r"There is no notes.md"):
        place_texts.read_text(f"{place}/notes.md")
    writer.write([(notes, Deleted(buffer.version))])
    assert place_texts.list_texts(place) == ["plan.md"]
    before = buffer.version
    buffer.replace(0, 0, "again ")
    writer.write([(notes, Changes(buffer.changes_since(before)))])
    assert place_texts.read_text(f"{place}/minutes.md") == "again hello\n"
    _, _, twin = writer.born("plan.md", "other flowers\n")
    writer.write(twin)
    with pytest.raises(Exception, match="2 texts are called"):
        place_texts.read_text(f"{place}/plan.md")
    assert plan


def test_the_address_of_an_open_text_that_begins_with_http_is_put_right(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "notes.md").write_text("hello\n")
    server = Serve(served)
    try:
        done = run("cat", f"{server.url.replace('ws://', 'http://')}/notes.md")
    finally:
        server.stop()
    assert done.returncode == 1 and "whose addresses begin with ws:// or wss://" in done.stderr
