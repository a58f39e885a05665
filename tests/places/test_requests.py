"""How many requests and bytes an exchange takes, counted at the port, with many documents."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections import Counter
from pathlib import Path

import pytest

from jpterm_like.cli import sync as command
from jpterm_like.packs.names import lane_name
from jpterm_like.packs.pack import PackRecord
from jpterm_like.places.base import list_all_files, read
from jpterm_like.places.exchange import Memory, exchange
from tests.cli.syncing import Person
from tests.places.conformance import ANN, BOB, new_mirror, payloads
from tests.places.memory import Folder, MemoryPlace

DOCUMENTS = 10_000
WORDS = [f"word{number}" for number in range(3000)]


class CountedPlace(MemoryPlace):
    """A place that counts what is asked of it. A name in a listing counts 230 bytes, as on the most talkative server."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder, self.count)
        self.asked: Counter[str] = Counter()

    def count(self, call: str) -> None:
        self.asked["requests"] += 1
        if call == "list":
            self.asked["down"] += 230 * len(self.folder.files)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        data = super().read(name, start, end)
        self.asked["down"] += len(data)
        return data

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        self.asked["up"] += len(data)

    def take(self) -> Counter[str]:
        asked, self.asked = self.asked, Counter()
        return asked


def document(number: int) -> bytes:
    return hashlib.blake2b(b"%d" % number, digest_size=16).digest()


@pytest.fixture(scope="module")
def texts() -> dict[bytes, bytes]:
    chance = random.Random(5)
    return {document(number): " ".join(chance.choices(WORDS, k=300)).encode() for number in range(DOCUMENTS)}


def test_ten_thousand_documents_take_few_requests(texts: dict[bytes, bytes]) -> None:
    """First push, idle, one edit, a fresh copy, and one document from afar."""
    place = CountedPlace(Folder())
    ann, memory = new_mirror(), Memory()
    ann.write(ANN, [(each, PackRecord(2, 0, text)) for each, text in texts.items()])

    assert exchange(ann, place, ANN, memory, begin=True).is_complete
    pushed = place.take()
    assert pushed["requests"] <= 10 and pushed["up"] < 0.6 * sum(map(len, texts.values()))
    exchange(ann, place, ANN, memory)  # reads back what it sent, once
    place.take()

    assert exchange(ann, place, ANN, memory).is_complete
    idle = place.take()
    assert idle["requests"] == 1 and idle["down"] < 20_000 and not idle["up"]

    ann.write(ANN, [(document(7), PackRecord(2, 0, b"one edit of some words"))])
    assert exchange(ann, place, ANN, memory).is_complete
    edit = place.take()
    assert edit["requests"] == 2 and edit["up"] < 200

    bob = new_mirror(begun=False)
    assert exchange(bob, place, BOB, Memory()).is_complete
    fresh = place.take()
    assert fresh["requests"] <= 10 and len(payloads(bob)) == DOCUMENTS + 1

    listing = list_all_files(place)
    found = [
        record.payload
        for name in sorted(listing.packs)
        for records in read(place, listing, name, [document(7)]).values()
        for record in records
    ]
    one = place.take()
    assert found == [texts[document(7)], b"one edit of some words"]
    assert one["requests"] <= 12 and one["down"] <= 400_000, one


def test_the_command_takes_few_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With texts in stores on both sides: first push, idle, one edit, and a fresh copy."""
    place = CountedPlace(Folder())
    ann, bob = Person(tmp_path, "Ann", monkeypatch), Person(tmp_path, "Bob", monkeypatch)
    monkeypatch.setattr(command, "open_for_person", lambda written: place)
    for number in range(8):
        ann.write(f"{number}.md", " ".join(WORDS[number : number + 300]))
    assert ann.sync("there")["sent_documents"] == 8
    assert place.take()["requests"] <= 10
    assert ann.sync("there")["sentence"] == "Nothing is new; all is the same."
    idle = place.take()
    assert idle["requests"] == 1 and idle["down"] <= 20_000 and not idle["up"], idle
    ann.write("7.md", "one edit\n" + " ".join(WORDS[7:307]))
    assert ann.sync("there")["sent_changes"] == 1
    edit = place.take()
    assert edit["requests"] == 2 and edit["up"] <= 1_000, edit
    assert bob.sync("there")["got_documents"] == 8 and bob.files() == ann.files()
    assert place.take()["requests"] <= 10


def test_five_writers_leave_few_files(flushes: int = 70) -> None:
    """Few files, and with the two generations not many more bytes than all operations deflated at once (1.5 times after a month)."""
    place = CountedPlace(Folder())
    chance = random.Random(6)
    lanes = [lane_name(b"writer %d" % number) for number in range(5)]
    mirrors = [new_mirror() for _ in lanes]
    memories = [Memory() for _ in lanes]
    written: list[bytes] = []
    most = 0
    for _ in range(flushes):
        for mirror, lane, memory in zip(mirrors, lanes, memories, strict=True):
            data = b"".join(b"\x01" + chance.choice(WORDS).encode() + chance.randbytes(2) for _ in range(60))
            mirror.write(lane, [(document(0), PackRecord(2, 0, data))])
            written.append(data)
            assert not exchange(mirror, place, lane, memory, begin=True).lane_taken
        most = max(most, len(place.folder.files))
    at_once = len(zlib.compress(b"".join(written), 9))
    left = sum(map(len, place.folder.files.values()))
    assert most <= 200, most
    assert left <= 2.5 * at_once, (left, at_once)
    assert place.asked["requests"] < 5 * flushes * 12
    print(
        f"{flushes} flushes: at most {most} files, {left / at_once:.2f} of all deflated at once, {place.asked}"
    )
