"""What is to be fetched, sent, joined and removed, decided from names."""

from __future__ import annotations

import random

from jpterm_like.packs import marker as markers
from jpterm_like.packs.decisions import (
    Removal,
    Standing,
    standing,
    to_fetch,
    to_join,
    to_remove,
    to_send,
)
from jpterm_like.packs.holdings import OVERLAP_MAX, Holdings
from jpterm_like.packs.names import (
    PACK_BYTES_MAX,
    Listing,
    MarkerName,
    PackName,
    lane_name,
    missing,
    read_listing,
)

LANE = lane_name(b"\0\1\2\3\4\5\6\7")
OTHER = lane_name(b"\x08" * 8)
COLLECTION = bytes(range(16))


def pack(
    first: int, last: int | None = None, *, lane: str = LANE, twin: int = 0, size: int = 100
) -> PackName:
    last = first if last is None else last
    return PackName(lane, first, last, size, f"{twin:02x}{first:07x}{last:07x}")


def listed(*packs: PackName) -> Listing:
    return read_listing({str(name): name.size_bytes for name in packs})


def holding(*packs: PackName, of: dict[PackName, list[PackName]] | None = None) -> Holdings:
    held = Holdings()
    for name in packs:
        held.add(name, [part.digest for part in (of or {}).get(name, ())])
    return held


EIGHT = [pack(number) for number in range(1, 9)]
BLOCK = pack(1, 8)
NEXT = [pack(number) for number in range(9, 17)]
NEXT_BLOCK = pack(9, 16)
PARTS = {BLOCK: EIGHT, NEXT_BLOCK: NEXT, pack(1, 64): [pack(n, n + 7) for n in range(1, 64, 8)]}


# Fetch


def test_narrow_packs_are_fetched_first_so_that_claims_can_be_compared() -> None:
    place = listed(*EIGHT, BLOCK, NEXT[0])
    held = holding(NEXT[0])
    assert to_fetch(held, place) == [*EIGHT, BLOCK]
    assert to_fetch(held, place, excluded=EIGHT) == [BLOCK]
    for name in (*EIGHT, BLOCK):
        held.add(name, [each.digest for each in PARTS.get(name, [])])
    assert to_fetch(held, place) == []


def test_a_claim_alone_hides_no_pack() -> None:
    """A pack that says that it contains what its reader never saw: that is fetched all the same, and compared."""
    held = holding(BLOCK, of=PARTS)
    assert to_fetch(held, listed(BLOCK, EIGHT[2])) == [EIGHT[2]]
    assert held.claims(EIGHT[2]) == [(BLOCK, EIGHT[2])]
    assert held.claims(pack(1, 16), [BLOCK.digest]) == [(pack(1, 16), BLOCK)]
    assert held.claims(pack(1, 8, twin=1), [BLOCK.digest]) == [], "no wider than what it claims"
    assert held.claims(pack(1, 8, lane=OTHER), [BLOCK.digest]) == [], "another lane"


def test_a_pack_with_known_numbers_and_another_content_is_fetched() -> None:
    """A copied state folder wrote it: the numbers are the same, the text is not."""
    held = holding(*EIGHT, BLOCK, of=PARTS)
    assert to_fetch(held, listed(BLOCK, pack(3), pack(3, twin=1))) == [pack(3, twin=1)]
    assert to_fetch(held, listed(pack(3, lane=OTHER))) == [pack(3, lane=OTHER)], "another lane's"


def test_a_torn_pack_is_not_there_and_a_copy_of_it_is_read() -> None:
    place = read_listing({str(EIGHT[0]): 99, str(EIGHT[1]): 99, f"{str(EIGHT[1])[:-4]} 2.jpk": 100})
    assert to_fetch(holding(), place) == [EIGHT[1]]
    assert to_send(holding(*EIGHT[:2]), place) == EIGHT[:2]


def test_what_contains_a_pack_is_known_through_packs_that_were_dropped() -> None:
    """An undone deletion brings back packs that two joins lie upon."""
    blocks = [pack(n, n + 7) for n in range(1, 64, 8)]
    held = holding(*EIGHT, *blocks, pack(1, 64), of=PARTS)
    for name in (*EIGHT, BLOCK):
        held.drop(name)
    assert to_fetch(held, listed(EIGHT[3], BLOCK)) == []
    fresh = holding(pack(1, 64), of=PARTS)
    assert to_fetch(fresh, listed(EIGHT[3])) == [EIGHT[3]], "the next process looks at it again"
    fresh.add(EIGHT[3])
    assert fresh.unknown_pairs() == [(pack(1, 64), EIGHT[3])]
    fresh.note_contained(pack(1, 64), EIGHT[3])
    assert fresh.unknown_pairs() == [] and to_send(fresh, listed()) == [pack(1, 64)]


def test_what_was_compared_and_is_apart_is_not_compared_again() -> None:
    held = holding(BLOCK, pack(3, twin=1), of=PARTS)
    assert held.unknown_pairs() == [(BLOCK, pack(3, twin=1))]
    held.note_apart(BLOCK, pack(3, twin=1))
    assert held.unknown_pairs() == []
    assert to_send(held, listed(BLOCK)) == [pack(3, twin=1)]


# Send


def test_everything_that_a_place_lacks_is_sent_whoever_wrote_it() -> None:
    held = holding(*EIGHT, BLOCK, NEXT[0], pack(5, lane=OTHER), of=PARTS)
    assert to_send(held, listed()) == [BLOCK, NEXT[0], pack(5, lane=OTHER)]
    assert to_send(held, listed(BLOCK, NEXT[0])) == [pack(5, lane=OTHER)]
    assert to_send(held, listed(*EIGHT, NEXT[0], pack(5, lane=OTHER))) == [BLOCK], (
        "the join takes their place"
    )


# Join


def test_blocks_are_joined_once_they_are_whole() -> None:
    assert to_join(holding(*EIGHT[:7]), LANE) == []
    assert to_join(holding(*EIGHT, *NEXT[:3]), LANE) == [tuple(EIGHT)]
    assert to_join(holding(*NEXT, *EIGHT[1:]), LANE) == [tuple(NEXT)]
    assert to_join(holding(*EIGHT, BLOCK, *NEXT, NEXT_BLOCK, of=PARTS), LANE) == []


def test_a_long_time_without_joining_makes_one_join() -> None:
    many = [pack(number) for number in range(1, 151)]
    joins = to_join(holding(*many), LANE)
    assert [(block[0].first, block[-1].last) for block in joins] == [
        (1, 64),
        (65, 128),
        (129, 136),
        (137, 144),
    ]
    assert to_join(holding(*many), LANE, excluded=[tuple(many[:64])])[0] == tuple(many[:8])


def test_what_would_be_too_long_is_left_and_what_is_beside_it_joined() -> None:
    huge = pack(1, size=PACK_BYTES_MAX)
    assert to_join(holding(huge, *EIGHT[1:], *NEXT), LANE) == [tuple(NEXT)]


def test_numbers_that_were_given_twice_are_never_joined() -> None:
    assert to_join(holding(*EIGHT, pack(3, twin=1)), LANE) == []
    assert to_join(holding(*EIGHT, pack(2, 4, twin=1)), LANE) == []


def test_what_a_newer_release_made_is_not_joined() -> None:
    held = holding(*EIGHT[1:], *NEXT)
    held.add(EIGHT[0], may_join=False)
    assert to_join(held, LANE) == [tuple(NEXT)]


# Remove


def test_nothing_is_removed_before_the_next_join_is_there() -> None:
    held = holding(*EIGHT, BLOCK, *NEXT, NEXT_BLOCK, of=PARTS)
    assert to_remove(held, {*EIGHT, BLOCK, *NEXT}, [LANE]) == []
    assert to_remove(held, {*EIGHT, BLOCK, *NEXT, NEXT_BLOCK}, [LANE]) == [
        Removal(name, BLOCK) for name in EIGHT
    ]
    assert to_remove(held, {*EIGHT, *NEXT, NEXT_BLOCK}, [LANE]) == [], "the join is not there"
    assert to_remove(held, {*EIGHT, BLOCK, NEXT_BLOCK}, [OTHER]) == [], "not our lane"
    assert to_remove(holding(), {*EIGHT, BLOCK, NEXT_BLOCK}, [LANE]) == [], "nothing is known of the content"


def test_a_wider_join_is_a_generation_too() -> None:
    blocks = [pack(n, n + 7) for n in range(1, 64, 8)]
    held = holding(*blocks, *EIGHT, pack(1, 64), of=PARTS)
    removals = to_remove(held, {*EIGHT, *blocks, pack(1, 64)}, [LANE])
    assert {removal.inner for removal in removals} == set(EIGHT)
    held.add(pack(65, 72))
    removals = to_remove(held, {*blocks, pack(1, 64), pack(65, 72)}, [LANE])
    assert removals == [Removal(name, pack(1, 64)) for name in blocks]


def test_never_are_two_packs_removed_that_contain_only_each_other() -> None:
    """Whatever is noted, what is kept still contains what goes, by a way that ends at a pack that is kept."""
    for seed in range(300):
        chance = random.Random(seed)
        held = Holdings()
        packs = [
            pack(8 * n + 1, 8 * chance.randint(n + 1, 4), twin=twin) for n in range(4) for twin in range(2)
        ]
        for name in packs:
            held.add(name)
        for outer in packs:
            for inner in packs:
                # as the exchange compares: of two with the same content the one with the smaller name is kept
                kept = outer != inner and outer.spans(inner) and (not inner.spans(outer) or outer < inner)
                if kept and chance.random() < 0.7:
                    held.note_contained(outer, inner)
        there = {name for name in packs if chance.random() < 0.8}
        gone = {removal.inner for removal in to_remove(held, there, [LANE])}
        for name in gone:
            assert any(outer in there - gone for outer in held.containers(name))


# Is it the place that it should be?


def test_a_place_is_judged_by_its_marker() -> None:
    def judge(*names: object, collection: bytes | None = COLLECTION, was_ready: bool = False) -> Standing:
        return standing(read_listing({str(name): 100 for name in names}), collection, was_ready=was_ready)

    mine, other = MarkerName(COLLECTION, 1), MarkerName(bytes(16), 1)
    assert judge(mine, EIGHT[0]) is judge(mine, collection=None) is Standing.READY
    assert judge() is judge("notes.md") is Standing.EMPTY
    assert judge(was_ready=True) is judge(EIGHT[0], was_ready=True) is Standing.MARKER_GONE
    assert judge(EIGHT[0]) is Standing.PACKS_WITHOUT_MARKER
    assert judge(other) is Standing.OTHER_COLLECTION
    assert judge(other, mine) is Standing.SEVERAL_COLLECTIONS
    assert judge(mine, MarkerName(COLLECTION, 2)) is Standing.NEWER


def test_a_marker_says_what_it_is_and_torn_ones_say_nothing() -> None:
    data = markers.encode("jpterm-like 0.3.0")
    assert markers.decode(data) == (1, "jpterm-like 0.3.0", "0.3.0")
    assert markers.decode(data.replace(b"{", b'{"of later": [1], ')) == markers.decode(data)
    for torn in (*(data[:end] for end in range(len(data) - 2)), b"[]", b"7", b"{}", b"\xff", b"[" * 4000):
        assert markers.decode(torn) is None
    assert markers.decode(data + b" " * markers.MARKER_BYTES_MAX) is None


# A month, and strangers


def test_a_month_of_writing_leaves_some_thirty_files() -> None:
    """2,000 flushes, joined and removed as they come: the names alone, each pack as long as what it contains."""
    held = Holdings()
    place: set[PackName] = set()
    most = written = 0
    for number in range(1, 2_001):
        name = pack(number, size=30)
        held.add(name)
        place.add(name)
        while joins := to_join(held, LANE):
            for block in joins:
                joined = pack(block[0].first, block[-1].last, size=sum(each.size_bytes for each in block))
                held.add(joined, [each.digest for each in block])
                written += joined.size_bytes
        place.update(to_send(held, listed(*place)))
        for removal in to_remove(held, place, [LANE]):
            place.remove(removal.inner)
        for removal in to_remove(held, set(held), [LANE]):
            held.drop(removal.inner)
        most = max(most, len(place))
    assert most <= 40 and len(held) <= 40
    assert missing(place) == {} and written < 5 * 30 * 2_000


def test_a_hundred_thousand_packs_of_strangers_are_planned_in_linear_time() -> None:
    def steps(count: int) -> int:
        """How many names are compared, whatever the machine is busy with."""
        packs = [
            pack(number, lane=lane_name((n % 50).to_bytes(8, "big")))
            for n, number in enumerate(range(1, count))
        ]
        held = holding(*packs[: count // 2])
        return len(to_fetch(held, listed(*packs))) + len(to_send(held, listed())) + len(held.unknown_pairs())

    assert steps(2_000) == 1_999
    assert steps(20_000) == 19_999


def test_a_stranger_cannot_have_each_pack_compared_with_each() -> None:
    """Any number of packs of the same numbers: the comparisons grow as they do, and those that are not compared are kept."""
    held = Holdings()
    for twin in range(200):
        held.add(pack(1, twin=twin))
    pairs = held.unknown_pairs()
    assert len(pairs) <= OVERLAP_MAX * 200
    for outer, inner in pairs:
        held.note_apart(outer, inner)
    assert held.unknown_pairs() == [] and len(to_send(held, listed())) == 200
