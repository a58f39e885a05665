"""What every place does, whatever it is made of. Each implementation's tests inherit this suite."""

from __future__ import annotations

import random

import pytest

from jpterm_like.packs.decisions import Standing
from jpterm_like.packs.marker import encode as encode_marker
from jpterm_like.packs.marker import marker_name
from jpterm_like.packs.names import PackName, lane_name
from jpterm_like.packs.pack import PackRecord, encode
from jpterm_like.places.base import (
    FILE_BYTES_MAX,
    Damaged,
    Gone,
    Place,
    PlaceError,
    file_stat,
    get_version,
    list_all_files,
    list_versions,
    read,
    write,
)
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.mirror import Mirror
from tests.places.memory import Folder, MemoryPlace

COLLECTION = bytes(range(16))
ANN, BOB = lane_name(b"ann's..."), lane_name(b"bob's...")
NOTES, PLAN = b"notes' id 16 b..", b"plan's id 16 b.."


def pack(number: int, *, lane: str = ANN, size_bytes: int = 20) -> tuple[PackName, bytes]:
    chance = random.Random(number)
    documents = {NOTES: [PackRecord(2, 0, chance.randbytes(size_bytes))], PLAN: [PackRecord(2, 0, b"plan")]}
    return encode(COLLECTION, lane, number, number, documents)


def new_mirror(*, begun: bool = True) -> Mirror:
    mirror = Mirror(MemoryPlace(Folder()))
    if begun:
        mirror.begin(marker_name(COLLECTION), encode_marker("jpterm-like 0.3.0"))
    return mirror


class PlaceConformance:
    """Give a fixture `place`: an empty one."""

    def test_an_empty_place_has_nothing(self, place: Place) -> None:
        assert dict(place.list()) == {}
        with pytest.raises(Gone):
            place.read("jpterm-like")

    def test_what_is_written_is_listed_and_read(self, place: Place) -> None:
        chance = random.Random(1)
        files = {
            str(pack(n, size_bytes=size)[0]): pack(n, size_bytes=size)[1]
            for n, size in ((1, 1), (2, 9), (3, 70_000))
        }
        files[str(marker_name(COLLECTION))] = encode_marker("x")
        for name, data in files.items():
            place.write(name, data)
        assert dict(place.list()) == {name: len(data) for name, data in files.items()}
        for name, data in files.items():
            assert place.read(name) == data
            for _ in range(5):
                start = chance.randrange(len(data))
                end = chance.randint(start + 1, len(data))
                assert place.read(name, start, end) == data[start:end]

    def test_a_range_that_is_not_there_is_told(self, place: Place) -> None:
        """A torn file is shorter than its name says."""
        place.write("torn.jpk", b"12345")
        for start, end in ((0, 6), (4, 9), (5, 6), (50, 60)):
            with pytest.raises(Damaged):
                place.read("torn.jpk", start, end)

    def test_writing_replaces(self, place: Place) -> None:
        """So a damaged file is healed by writing it again."""
        name, data = pack(1)
        for wrong in (data[:-5], bytes(len(data)), data + b"more"):
            place.write(str(name), wrong)
            assert file_stat(list_all_files(place), name) == (
                len(wrong),
                name.digest,
                len(wrong) == len(data),
            )
            write(place, name, data)
            assert place.read(str(name)) == data

    def test_removing(self, place: Place) -> None:
        place.write("a.jpk", b"a")
        place.write("b.jpk", b"b")
        place.remove("a.jpk")
        place.remove("a.jpk")
        assert dict(place.list()) == {"b.jpk": 1}
        with pytest.raises(Gone):
            place.read("a.jpk")

    def test_the_longest_pack_is_carried_and_nothing_longer(self, place: Place) -> None:
        data = random.Random(2).randbytes(FILE_BYTES_MAX)
        place.write("long.jpk", data)
        assert place.read("long.jpk") == data
        assert place.read("long.jpk", FILE_BYTES_MAX - 9, FILE_BYTES_MAX) == data[-9:]
        place.write("long.jpk", data + b"x")
        with pytest.raises(Damaged):
            place.read("long.jpk")

    @pytest.mark.parametrize("name", ["", ".", "..", "../a.jpk", "a/b.jpk", ".hidden", "a\0b", "x" * 256])
    def test_names_that_no_file_of_ours_has_are_mistakes(self, place: Place, name: str) -> None:
        for call in (place.read, place.remove, lambda name: place.write(name, b"x")):
            with pytest.raises(ValueError):
                call(name)

    def test_the_six_calls(self, place: Place) -> None:
        written = [pack(1), pack(2), pack(4), pack(1, lane=BOB)]
        for name, data in written:
            write(place, name, data)
        place.write(str(pack(5)[0]), b"torn")
        with pytest.raises(ValueError):
            write(place, pack(6)[0], b"not its bytes")
        listing = list_all_files(place)
        assert set(listing.packs) == {name for name, _ in written}
        assert [name.first for name in list_versions(listing, ANN)] == [1, 2, 4]
        assert (get_version(listing, ANN), get_version(listing, BOB)) == (2, 1)
        assert get_version(listing, lane_name(bytes(8))) == 0
        assert file_stat(listing, pack(2)[0]) == (pack(2)[0].size_bytes, pack(2)[0].digest, True)
        assert file_stat(listing, pack(5)[0]) == (4, pack(5)[0].digest, False)
        assert file_stat(listing, pack(9)[0]) is None
        whole = read(place, listing, pack(1)[0])
        assert set(whole) == {NOTES, PLAN}
        assert read(place, listing, pack(1)[0], [PLAN, b"not in here....."]) == {PLAN: whole[PLAN]}
        for name in (pack(5)[0], pack(9)[0]):
            for documents in (None, [PLAN]):
                with pytest.raises(PlaceError):
                    read(place, listing, name, documents)

    def test_two_devices_write_by_turns(self, place: Place) -> None:
        """Enough to join and remove, through this place: all of it at both, few files left, and nothing to do at the end."""
        ann, bob = new_mirror(), new_mirror(begun=False)
        memories = Memory(), Memory()
        assert exchange(bob, place, BOB, memories[1]).standing is Standing.EMPTY
        assert exchange(ann, place, ANN, memories[0]).standing is Standing.EMPTY
        assert dict(place.list()) == {}, "a person has to say that it is to be one"
        written: set[bytes] = set()
        for number in range(18):
            for mirror, lane, memory in ((ann, ANN, memories[0]), (bob, BOB, memories[1])):
                report = exchange(mirror, place, lane, memory, begin=mirror is ann)
                assert report.problem is None and not report.lane_taken
                record = PackRecord(2, 0, f"{lane} {number}".encode())
                mirror.write(lane, [(NOTES, record)])
                written.add(record.payload)
        for mirror, lane, memory in ((ann, ANN, memories[0]), (bob, BOB, memories[1])) * 3:
            report = exchange(mirror, place, lane, memory)
        for mirror, lane, memory in ((ann, ANN, memories[0]), (bob, BOB, memories[1])):
            report = exchange(mirror, place, lane, memory, verify=True)
            assert report.is_complete and not (report.fetched or report.sent or report.removed)
            assert payloads(mirror) == written
        assert 2 < len(place.list()) < 36
        late = new_mirror(begun=False)
        assert exchange(late, place, lane_name(bytes(8)), Memory()).is_complete
        assert payloads(late) == written and late.marker == ann.marker


def payloads(mirror: Mirror) -> set[bytes]:
    """The payloads of all records that a mirror has."""
    found: set[bytes] = set()
    for name in list(mirror.held):
        pack = mirror.pack(name)
        assert pack is not None
        found.update(record.payload for document in pack.index.blocks for record in pack.records(document))
    return found
