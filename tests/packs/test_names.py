"""The names of packs and markers, and what a listing says."""

from __future__ import annotations

import random

import pytest

from jpterm_like.packs.names import (
    NUMBER_MAX,
    PACK_BYTES_MAX,
    MarkerName,
    PackName,
    lane_bytes,
    lane_name,
    missing,
    name_of,
    parse,
    parse_marker,
    read_listing,
    versions,
)

LANE = lane_name(b"\0\1\2\3\4\5\6\7")
OTHER = lane_name(b"\xff" * 8)


def pack(first: int, last: int, lane: str = LANE, digest: str = "0" * 16) -> PackName:
    return PackName(lane, first, last, 100, digest)


def test_a_name_comes_back_from_its_text() -> None:
    chance = random.Random(1)
    for _ in range(500):
        first = chance.randint(1, NUMBER_MAX)
        name = PackName(
            lane_name(chance.randbytes(8)),
            first,
            chance.randint(first, NUMBER_MAX),
            chance.randint(1, PACK_BYTES_MAX),
            chance.randbytes(8).hex(),
        )
        assert parse(str(name)) == parse(str(name).upper()) == name
        assert len(str(name)) <= 60 and str(name) == str(name).casefold()
        assert lane_name(lane_bytes(name.lane)) == name.lane


def test_names_are_in_the_order_of_their_numbers() -> None:
    names = [pack(number, number) for number in (1, 9, 10, 255, 256, 4096, NUMBER_MAX)]
    assert sorted(map(str, names)) == [str(name) for name in sorted(names)] == [str(name) for name in names]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.md",
        str(pack(1, 1)) + ".tmp",
        "." + str(pack(1, 1)),
        str(pack(1, 1)).replace("000001", "00001"),
        str(pack(0, 0)),
        str(pack(2, 1)),
        str(PackName(LANE, 1, 1, 0, "0" * 16)),
        str(PackName(LANE, 1, 1, PACK_BYTES_MAX + 1, "0" * 16)),
        str(pack(1, 1, "a" * 12 + "7")),  # bits that 8 bytes do not have
        str(pack(1, 1)).replace("000001", "٠٠٠٠٠١"),
        str(pack(1, 1)) + "\n",
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert parse(name) is None and parse_marker(name) is None
    with pytest.raises(ValueError):
        lane_bytes("a" * 12 + "7")


def test_a_marker_comes_back_from_its_name() -> None:
    marker = MarkerName(bytes(range(16)), 1)
    assert parse_marker(str(marker)) == parse_marker(str(marker).upper()) == marker
    assert str(marker) == "jpterm-like-aaaqeayeaudaocajbifqydiob4.v1"


def test_another_size_than_the_name_says_is_torn() -> None:
    """Each upload that was cut, or that is on its way, shows in the listing alone."""
    whole, torn = pack(1, 1), pack(2, 2)
    found = read_listing({str(whole): 100, str(torn): 99, "x": 3})
    assert found.packs == {whole: str(whole)} and found.torn == {torn: 99} and found.others == ["x"]


def test_what_carriers_make_of_a_name_is_recognised() -> None:
    """A copy that a carrier made of a conflict is read if the pack itself is not there; folded case is the same name."""
    one, two = pack(1, 1), pack(2, 2)
    stem = str(one).removesuffix(".jpk")
    for copy in (
        f"{stem} (Ann's conflicted copy 2026-11-29).jpk",
        f"{stem}.sync-conflict-20261129-191435-GE6TANB.jpk",
        f"{stem} 2.jpk",
        f"{stem} (1).JPK",
    ):
        found = read_listing({copy: 100, str(two).upper(): 100})
        assert found.packs == {two: str(two).upper()} and found.copies == {one: copy}
        assert read_listing({copy: 99}).copies == {}, "torn"
        found = read_listing({copy: 100, str(one): 100})
        assert found.copies == {} and found.packs == {one: str(one)}
        found = read_listing({copy: 100, str(one): 7})
        assert found.copies == {one: copy} and found.torn == {one: 7}
    both = {str(one): 100, str(one).upper(): 5}
    assert read_listing(both) == read_listing(dict(reversed(both.items())))
    assert read_listing(both).packs == {one: str(one)} and read_listing(both).torn == {}


def test_the_version_of_a_place_and_what_is_missing() -> None:
    packs = [pack(1, 8), pack(9, 9), pack(3, 3), pack(12, 13), pack(20, 20), pack(2, 2, OTHER)]
    assert versions(packs) == {LANE: 9, OTHER: 0}
    assert missing(packs) == {LANE: [(10, 11), (14, 19)], OTHER: [(1, 1)]}
    assert versions([]) == missing([]) == {}


def test_equal_bytes_have_equal_names() -> None:
    assert name_of(b"x", LANE, 1, 1) == name_of(b"x", LANE, 1, 1) != name_of(b"y", LANE, 1, 1)
