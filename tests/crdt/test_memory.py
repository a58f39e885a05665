"""What looks back, on random histories beside its slow twin, and small stories of each.

A long run: `CRDT_MEMORY_SEEDS=10000 pytest -n 2 tests/crdt/test_memory.py`; one history again:
`CRDT_FIRST_SEED=17 CRDT_MEMORY_SEEDS=1 …`.
"""

from __future__ import annotations

import os
import random
from contextlib import nullcontext

import pytest

from crdt import Anchor, TextBuffer, Version
from crdt.overlaps import OverlapKind, _glue, words_of
from tests.crdt import memory_twin as twin
from tests.crdt.model import Id
from tests.crdt.test_twin import Person, World

SEEDS = int(os.environ.get("CRDT_MEMORY_SEEDS", "60"))
FIRST_SEED = int(os.environ.get("CRDT_FIRST_SEED", "0"))
STEPS = 40
BLOCK = 10


def some_version(rng: random.Random, person: Person) -> Version:
    """A version that the person can look at: one of the past, or one that nobody ever had."""
    full = person.buffer.version
    if rng.random() < 0.5:
        known = rng.choice(person.world.versions)
        return Version({site: min(clock, full.get(site)) for site, clock in known.items()})
    return Version({site: rng.choice([0, clock, rng.randrange(clock + 1)]) for site, clock in full.items()})


def shown_ids(buffer: TextBuffer) -> set[Id]:
    rows = buffer.ids(0, len(buffer))
    return {(site, clock + at - start) for start, end, site, clock in rows for at in range(start, end)}


def check_changes(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    old, new = some_version(rng, person), some_version(rng, person)
    if rng.random() < 0.5:
        new = buffer.version
    hunks = buffer.changes(old, new)
    wanted = twin.changes(model, dict(old.items()), dict(new.items()), buffer.time_of)
    assert [(*it[:4], [tuple(part) for part in it.parts]) for it in hunks] == [
        (it.old_start, it.old_end, it.start, it.end, it.parts) for it in wanted
    ]
    assert [(it.first, it.last) for it in hunks] == [
        ((*it.ids[0], True), (*it.ids[-1], False)) for it in wanted
    ]
    before, after = buffer.at(old), "".join(buffer.parts_at(new))
    for hunk in reversed(hunks):
        assert before[hunk.old_start : hunk.old_end] == hunk.old_text
        before = before[: hunk.old_start] + hunk.text + before[hunk.old_end :]
    assert before == after


def check_overlaps(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    mine, theirs = some_version(rng, person), some_version(rng, person)
    common = Version({site: min(clock, theirs.get(site)) for site, clock in mine.items()})
    overlaps = buffer.overlaps(common, mine, theirs)
    wanted = twin.overlaps(
        model,
        dict(common.items()),
        dict(mine.items()),
        dict(theirs.items()),
        buffer.time_of,
        _glue,
        words_of,
    )
    assert [
        (it.start, it.end, it.was, it.mine, it.theirs, it.my_operations, it.their_operations)
        for it in overlaps
    ] == [
        (it.start, it.end, it.was, it.mine, it.theirs, it.my_operations, it.their_operations) for it in wanted
    ]
    for it in overlaps:
        assert (it.kind is OverlapKind.SAME_CHANGE) == (it.mine == it.theirs)
        if mine.merge(theirs) == buffer.version:
            assert it.now == buffer.slice(buffer.offset(it.first) or 0, buffer.offset(it.last) or 0)


def check_restore(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    version = some_version(rng, person)
    end = rng.choice([len(buffer), rng.randrange(len(buffer) + 1)])
    start = rng.choice([0, rng.randrange(end + 1)])
    wanted = twin.restored(model, dict(version.items()), start, end)
    before = buffer.text
    begin = model.version.get(model.site, 0)
    patch = buffer.restore(version, person.world.now, start, end)
    assert patch.apply(before) == buffer.text
    assert shown_ids(buffer) == wanted
    if start == 0 and end == len(before):
        assert buffer.text == buffer.at(version)
    for it in model.order():
        if (model.levels[it] % 2 == 1) != (it in wanted):
            model.raise_one(it)
    model.reorder(begin, person.raises_since(begin))
    if patch and rng.random() < 0.5:
        buffer.undo(person.world.now)
        assert buffer.text == before
        model.undo_steps = [model.log[model.site][begin:]]
        begin = model.version[model.site]
        model.undo()
        model.reorder(begin, person.raises_since(begin))
    person.check()


def check_passage(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    order = model.order()
    if not order:
        return
    first, last = (rng.choice(order) for _ in range(2))
    anchors = Anchor(*first, True), Anchor(*last, False)
    assert buffer.operations_on(*anchors) == twin.operations_on(model, first, last)
    version = some_version(rng, person)
    assert buffer.operations_on(*anchors, version) == twin.operations_on(model, first, last, version)
    past, fork = (TextBuffer.decode(buffer.encode(), site=site) for site in (998, 999))
    past.restore(version)
    before = fork.text
    patch = fork.make(past.passage(*anchors))
    assert patch.apply(before) == fork.text
    assert shown_ids(fork) == twin.restored_passage(model, dict(version.items()), first, last)
    if patch:
        fork.undo()
    assert fork.text == before
    site = rng.choice([*model.log, 998])
    end = rng.randrange(len(model.log.get(site, [])) + 1)
    start = rng.randrange(end + 1)
    assert buffer.word_ends(site, start, end) == twin.word_ends(model, site, start, end)


def check_revert_of_a_part(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    operations = {site: [(rng.randrange(clock + 1), clock)] for site, clock in buffer.version.items()}
    end = rng.randrange(len(buffer) + 1)
    start = rng.randrange(end + 1)
    without, now = model.shown_without(operations), set(model.shown())
    offset = 0
    wanted = set(now)
    for it in model.order():
        if start <= offset < end + (it not in now):
            wanted = wanted | {it} if it in without else wanted - {it}
        offset += it in now
    fork = TextBuffer.decode(buffer.encode(), site=999)
    fork.revert(operations, 0.0, start, end)
    assert shown_ids(fork) == wanted


def check_times(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    seconds = person.world.now - rng.randrange(200)
    assert dict(buffer.version_at(seconds).items()) == twin.version_at(model, seconds, buffer.time_of)
    last = seconds + rng.randrange(1, 200)
    buckets = rng.randrange(1, 7)
    counts: dict[str, list[int]] = {}
    for (site, _), time in twin.times(model, buffer.time_of):
        if seconds <= time < last:
            place = int((time - seconds) * buckets / (last - seconds))
            counts.setdefault(buffer.author_of(site), [0] * buckets)[min(place, buckets - 1)] += 1
    assert buffer.activity(seconds, last, buckets) == counts


def check_ever(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    past = buffer.at(some_version(rng, person)) if rng.random() < 0.7 else buffer.text
    if not past:
        return
    start = rng.randrange(len(past))
    text = past[start : start + rng.randrange(1, 5)]
    wanted = list(twin.ever(model, text, buffer.time_of))
    found = buffer.ever(text)
    places = {(first, last) for first, last, _ in wanted}
    for it in found:
        assert (it.first[:2], it.last[:2], it.since) in wanted
        assert it.until is None or it.until > it.since
    order = {it: at for at, it in enumerate(model.order())}
    assert bool(found) == bool(places)
    if found:
        assert order[found[0].first[:2]] == min(order[first] for first, _ in places)
        assert [order[it.first[:2]] for it in found] == sorted(order[it.first[:2]] for it in found)


def check_runs(rng: random.Random, person: Person) -> None:
    buffer, model = person.buffer, person.model
    end = rng.randrange(len(buffer) + 1)
    start = rng.randrange(end + 1)
    runs = list(buffer.runs(start, end))
    shown = model.shown()
    order = model.order()
    low = order.index(shown[start - 1]) + 1 if start else 0
    high = order.index(shown[end]) if end < len(shown) else len(order)
    listed = []
    for run in runs:
        first = order.index((run.site, run.clock))
        listed += order[first : first + len(run.text)]
        assert run.text == "".join(model.inserts[it].character for it in order[first : first + len(run.text)])
        assert {model.levels[it] for it in order[first : first + len(run.text)]} == {run.level}
        assert (
            model.inserts[(run.site, run.clock)].parent,
            model.inserts[(run.site, run.clock)].counter,
        ) == (
            run.parent,
            run.counter,
        )
    window = order[low:high]
    begin = listed.index(window[0]) if window else 0
    assert listed[begin : begin + len(window)] == window
    if listed:
        assert listed == order[order.index(listed[0]) :][: len(listed)]


CHECKS = [
    check_changes,
    check_changes,
    check_overlaps,
    check_overlaps,
    check_restore,
    check_passage,
    check_revert_of_a_part,
    check_times,
    check_ever,
    check_runs,
]


@pytest.mark.parametrize("block", range(FIRST_SEED, FIRST_SEED + SEEDS, BLOCK))
def test_looking_back_does_what_the_slow_twin_does(block: int) -> None:
    for seed in range(block, min(block + BLOCK, FIRST_SEED + SEEDS)):
        world = World(seed)
        world.people = world.people[:4]
        try:
            for step in range(STEPS):
                world.step()
                if step % 8 == 7:
                    person = world.rng.choice(world.people)
                    with person.buffer.comparing() if seed % 2 else nullcontext():
                        for check in CHECKS:
                            check(world.rng, person)
        except Exception as problem:
            problem.add_note(f"seed {seed}")
            raise


WORDS = ("rope", "old", "the", "漢字", "naïve", "a", "2nd", "e\u0301t", "don't", "_x")


def write_apart(rng: random.Random, one: TextBuffer, tag: str) -> None:
    """Edit as people do: replace words, the same way as the other or not, cut into them, delete words and lines, move
    lines, indent them."""
    for _ in range(rng.randrange(1, 5)):
        text = one.text
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.randrange(6))
        kind = rng.randrange(8)
        if kind == 0:
            one.replace(start, end, rng.choice(["fix", f"{tag}{rng.randrange(9)}", f" {tag} ", "-", "\n"]))
        elif kind == 1:
            one.replace(start, start, tag.lower())
        elif kind == 2:
            one.replace(start, end, "")
        elif kind == 3 and "old" in text:
            at = text.index("old")
            one.replace(at, at + 3, "new")
        elif kind == 4:
            begin = text.rfind("\n", 0, start) + 1
            stop = text.find("\n", start) + 1 or len(text)
            one.replace(begin, stop, "")
            if rng.random() < 0.3:
                one.replace(0, 0, text[begin:stop])
        elif kind == 5:
            one.replace(text.rfind("\n", 0, start) + 1, text.rfind("\n", 0, start) + 1, "# ")
        elif kind == 6:
            one.undo()
        elif kind == 7 and start < len(text):
            one.replace(start, start + 1, text[start].upper())


@pytest.mark.parametrize("block", range(FIRST_SEED, FIRST_SEED + 10 * SEEDS, 100))
def test_no_word_that_nobody_typed_stays_unlisted_and_either_side_can_be_had(block: int) -> None:
    for seed in range(block, min(block + 100, FIRST_SEED + 10 * SEEDS)):
        rng = random.Random(seed)
        lines = [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(5))) for _ in range(3)]
        start = "\n".join(lines)
        ann, bob = (TextBuffer.genesis(start, site=site) for site in (rng.randrange(5, 99), 4))
        common = ann.version
        write_apart(rng, ann, "A")
        write_apart(rng, bob, "B")
        mine, theirs = ann.text, bob.text
        versions = ann.version, bob.version
        ann.integrate(bob.changes_since(ann.version))
        overlaps = ann.overlaps(common, *versions)
        unheard = words_of(ann.text) - words_of(start) - words_of(mine) - words_of(theirs)
        places = [(ann.offset(it.first), ann.offset(it.last)) for it in overlaps]
        listed = set[str]()
        for first, last in places:
            assert first is not None and last is not None and first <= last, f"seed {seed}"
            # With what stands beside the place: a word may begin before it.
            listed |= words_of(ann.slice(max(0, first - 30), min(len(ann), last + 30)))
        assert unheard <= listed, f"seed {seed}: {unheard - listed}"
        for it in overlaps:
            for operations, wanted in ((it.my_operations, it.theirs), (it.their_operations, it.mine)):
                fork = TextBuffer.decode(ann.encode(), site=100)
                ranges: dict[int, list[tuple[int, int]]] = {}
                for site, low, high in operations:
                    ranges.setdefault(site, []).append((low, high))
                fork.revert(ranges)
                first, last = fork.offset(it.first), fork.offset(it.last)
                assert first is not None and last is not None
                assert wanted in fork.slice(first, last), f"seed {seed}: {it}"


def people(text: str, *names: str) -> list[TextBuffer]:
    return [TextBuffer.genesis(text, site=number, author=name) for number, name in enumerate(names, 1)]


def met(one: TextBuffer, other: TextBuffer) -> tuple[Version, Version]:
    """Merge both, and return the versions that they had."""
    versions = one.version, other.version
    one.integrate(other.changes_since(one.version))
    other.integrate(one.changes_since(other.version))
    return versions


def test_a_change_says_what_who_and_when() -> None:
    ann, bob = people("one two three", "ann", "bob")
    start = ann.version
    ann.replace(0, 3, "1", 1000.0)
    bob.replace(8, 13, "", 2000.0)
    met(ann, bob)
    first, second = ann.changes(start, ann.version)
    assert (first.old_start, first.old_end, first.start, first.end) == (0, 3, 0, 1)
    assert (first.old_text, first.text) == ("one", "1")
    assert [part[:4] for part in first.parts] == [("1", True, 1, 1000), ("one", False, 1, 1000)]
    assert [part[:4] for part in second.parts] == [("three", False, 2, 2000)]
    site, low, high = second.parts[0].operations[0]
    ann.revert({site: [(low, high)]})
    assert ann.text == "1 two three"


@pytest.mark.parametrize(
    ("start", "mine", "theirs", "kind", "texts"),
    [
        ("the color of", (8, 8, "u"), (9, 9, "s"), OverlapKind.BOTH_CHANGED, ("color", "colour", "colors")),
        ("teh end", (1, 3, "he"), (1, 3, "he"), OverlapKind.SAME_CHANGE, ("teh", "the", "the")),
        ("a\n\nb", (2, 2, "x"), (2, 2, "y"), OverlapKind.BOTH_INSERTED, ("", "x", "y")),
        ("a b c d", (2, 6, ""), (4, 5, "z"), OverlapKind.EDITED_IN_DELETED, ("b c ", "", "b z ")),
        ("a b c d", (2, 4, ""), (2, 6, ""), OverlapKind.BOTH_DELETED, ("b c ", "c ", "")),
    ],
)
def test_what_two_did_at_one_place_is_one_overlap(
    start: str,
    mine: tuple[int, int, str],
    theirs: tuple[int, int, str],
    kind: OverlapKind,
    texts: tuple[str, str, str],
) -> None:
    ann, bob = people(start, "ann", "bob")
    common = ann.version
    ann.replace(*mine)
    bob.replace(*theirs)
    overlaps = ann.overlaps(common, *met(ann, bob))
    assert [(it.kind, (it.was, it.mine, it.theirs)) for it in overlaps] == [(kind, texts)]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [((0, 3, "1"), (8, 13, "3")), ((3, 4, "-"), (8, 8, "new ")), ((4, 8, ""), (8, 8, "new "))],
)
def test_work_side_by_side_is_no_overlap(mine: tuple[int, int, str], theirs: tuple[int, int, str]) -> None:
    ann, bob = people("one two three", "ann", "bob")
    common = ann.version
    ann.replace(*mine)
    bob.replace(*theirs)
    assert ann.overlaps(common, *met(ann, bob)) == []


@pytest.mark.parametrize(
    ("deleted", "at", "put"),
    [
        ("two words", 13, " more"),
        ("two words", 4, "Oh, "),
        ("two words\n", 4, "Oh, "),
        ("\ntwo words", 13, "!"),
        ("one\ntwo words", 13, " more\nand a line"),
        ("two words", 4, "a line\nOh, "),
    ],
)
def test_a_word_at_the_edge_of_a_deleted_line_is_edited_in_what_was_deleted(
    deleted: str, at: int, put: str
) -> None:
    """It would stand alone, or in front of another line."""
    text = "one\ntwo words\nthree"
    start = text.index(deleted)
    for ann_deletes in (True, False):
        ann, bob = people(text, "ann", "bob")
        common = ann.version
        one, other = (ann, bob) if ann_deletes else (bob, ann)
        one.replace(start, start + len(deleted), "")
        other.replace(at, at, put)
        wanted = ann.text
        (overlap,) = ann.overlaps(common, *met(ann, bob))
        assert overlap.kind is OverlapKind.EDITED_IN_DELETED
        ranges: dict[int, list[tuple[int, int]]] = {}
        for site, low, high in overlap.their_operations:
            ranges.setdefault(site, []).append((low, high))
        ann.revert(ranges)
        assert ann.text == wanted


def test_what_they_deleted_of_my_new_text_comes_back_with_my_side() -> None:
    """A review that spans two outages: they knew of a part of mine when they deleted the line. It was in no hunk, and stayed away."""
    ann, bob = people("a line\nlast\n", "ann", "bob")
    common = ann.version
    ann.replace(2, 2, "new ")
    met(ann, bob)
    bob.replace(0, 11, "")
    ann.replace(10, 10, " more")
    mine = common.merge(Version({1: ann.version.get(1)}))
    theirs = common.merge(Version({2: bob.version.get(2)}))
    met(ann, bob)
    assert ann.text == " morelast\n"
    (overlap,) = ann.overlaps(common, mine, theirs)
    assert overlap.mine == "a new line more\n"
    ranges: dict[int, list[tuple[int, int]]] = {}
    for site, low, high in overlap.their_operations:
        ranges.setdefault(site, []).append((low, high))
    ann.revert(ranges)
    assert ann.text == "a new line more\nlast\n"


def test_a_word_between_two_deleted_lines_is_edited_in_what_was_deleted() -> None:
    ann, bob = people("one\ntwo words\n\nthree\n", "ann", "bob")
    common = ann.version
    ann.replace(15, 20, "")
    ann.replace(4, 13, "")
    bob.replace(15, 15, "Oh, ")
    (overlap,) = ann.overlaps(common, *met(ann, bob))
    assert (overlap.kind, overlap.was) == (OverlapKind.EDITED_IN_DELETED, "three")


@pytest.mark.parametrize(("start", "end", "merged"), [(5, 7, "the 漢aét"), (3, 5, "thea字 ét")])
def test_a_word_that_a_deletion_joins_with_what_stands_beside_it_is_listed(
    start: int, end: int, merged: str
) -> None:
    """A letter was put beside a sign that is a word by itself; what was deleted had kept it from the next word."""
    ann, bob = people("the 漢字 ét", "ann", "bob")
    common = ann.version
    ann.replace(5, 5, "a")
    bob.replace(start, end, "")
    (overlap,) = ann.overlaps(common, *met(ann, bob))
    assert ann.text == merged
    assert (overlap.start, overlap.end) == (start, end)


@pytest.mark.parametrize(
    ("deleted", "at", "put"),
    [
        ("two words\n", 14, "new "),
        ("two words", 13, "\nnew"),
        ("two words", 4, "new\n"),
        ("words", 13, " more"),
        ("two ", 4, "2 "),
        ("two words", 13, "  "),
        ("one", 4, "new "),
    ],
)
def test_a_line_beside_a_deleted_one_is_no_overlap(deleted: str, at: int, put: str) -> None:
    """Nor is what was put behind a word that was deleted, while the rest of the line stays."""
    text = "one\ntwo words\nthree"
    ann, bob = people(text, "ann", "bob")
    common = ann.version
    start = text.index(deleted)
    ann.replace(start, start + len(deleted), "")
    bob.replace(at, at, put)
    assert ann.overlaps(common, *met(ann, bob)) == []


def test_a_deletion_that_the_other_made_and_took_back_is_not_undone_without_a_word() -> None:
    """Whoever restores a word restores it for both; that another had deleted it in the meantime is listed."""
    ann, bob = people("one two three", "ann", "bob")
    common = ann.version
    ann.replace(4, 8, "")
    bob.replace(4, 8, "")
    bob.undo()
    (overlap,) = ann.overlaps(common, *met(ann, bob))
    assert ann.text == "one two three"
    assert (overlap.mine, overlap.theirs) == ("", "two ")
    ranges = {site: [(low, high)] for site, low, high in overlap.their_operations}
    ann.revert(ranges)
    assert ann.text == "one three"


def test_a_passage_alone_is_restored_and_one_undo_takes_that_back() -> None:
    (ann,) = people("one\ntwo\nthree\n", "ann")
    old = ann.version
    ann.replace(0, 3, "1")
    ann.replace(2, 6, "")
    ann.replace(2, 2, "new\n")
    assert ann.text == "1\nnew\nthree\n"
    ann.restore(old, 0.0, 2, 6)
    assert ann.text == "1\ntwo\nthree\n"
    ann.undo()
    assert ann.text == "1\nnew\nthree\n"


def test_a_sentence_is_found_as_it_was_before_others_changed_it() -> None:
    (ann,) = people("", "ann")
    ann.replace(0, 0, "the color of rope", 1000.0)
    ann.replace(8, 8, "u", 2000.0)
    ann.replace(0, 18, "nothing", 3000.0)
    (found,) = ann.ever("color of")
    assert (found.since, found.until) == (1000, 2000)
    (found,) = ann.ever("colour of")
    assert (found.since, found.until) == (2000, 3000)
    (found,) = ann.ever("nothing")
    assert (found.since, found.until) == (3000, None)
    assert ann.ever("never") == ann.ever("") == []


def test_looking_back_at_what_is_not_known_yet_is_looking_at_less() -> None:
    (ann,) = people("text", "ann")
    ann.replace(0, 1, "n")
    beyond = Version({site: clock + 9 for site, clock in ann.version.items()} | {77: 5})
    assert ann.changes(ann.version, beyond) == []
    assert ann.changes(beyond, ann.version) == []
    assert ann.version_at(-1.0) == Version()
    assert ann.activity(5, 5, 3) == ann.activity(0, 9, 0) == {}
