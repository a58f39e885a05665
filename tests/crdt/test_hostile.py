"""Foreign bytes, damaged or forged: ForeignOp or nothing, never a crash, a hang or half a message (F18).

A long run: `CRDT_MUTATIONS=200000 pytest -n 2 tests/crdt/test_hostile.py`, some minutes. Half of them are messages, a
quarter documents, a quarter documents with a right checksum over wrong content. `fuzz.py` is for atheris.
"""

from __future__ import annotations

import contextlib
import os
import random
import tracemalloc
import zlib

import pytest

from crdt import Anchor, ForeignOp, TextBuffer, Version, snapshot
from crdt.binary import NUMBER_MAX, Reader, write_bytes, write_number
from crdt.messages import LEVEL_MAX, BatchWriter
from crdt.runs import Layout
from tests.crdt import fuzz
from tests.steps import steps

MUTATIONS = int(os.environ.get("CRDT_MUTATIONS", "4000"))

BLOCK = 1000
blocks = pytest.mark.parametrize("block", range(max(1, MUTATIONS // BLOCK)))


def history(seed: int) -> list[TextBuffer]:
    """Return the replicas of three people with a common past and work of their own."""
    rng = random.Random(seed)
    people = [
        TextBuffer.genesis("It was a dark and stormy night.", site=site, author="né")
        for site in (1, 2**40, 3)
    ]
    for step in range(60):
        person = rng.choice(people)
        start = rng.randrange(len(person) + 1)
        person.replace(
            start,
            min(len(person), start + rng.choice([0, 0, 1, 5])),
            "héllo😀"[: rng.randrange(7)],
            20.0 * step,
        )
        if rng.random() < 0.1:
            person.undo()
        if step == 40:
            for one in people:
                for other in people:
                    one.integrate(other.changes_since(one.version))
    return people


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        kind = rng.randrange(5)
        at = rng.randrange(len(changed)) if changed else 0
        if kind == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at:]
        elif kind == 2:
            del changed[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            changed[at:at] = rng.choice([b"\xff" * 8, b"\x80\x80\x80\x01", rng.randbytes(3), b"\0"])
        else:
            end = at + rng.randrange(20)
            changed[at:at] = changed[at:end]
    return bytes(changed)


@blocks
def test_f18_mutated_messages_are_refused_or_make_sense(block: int) -> None:
    """After each mutated input the replica is sound, and if it was refused, nothing of it was applied."""
    refused = 0
    rng = random.Random(block)
    people = history(block)
    for number in range(BLOCK // 2):
        if number % 50 == 0:
            target = TextBuffer.decode(people[0].encode(), site=77)
        sender = rng.choice(people[1:])
        message = mutated(sender.changes_since(rng.choice([Version(), target.version])), rng)
        before, version = target.text, target.version
        try:
            patch = target.integrate(message)
        except ForeignOp:
            refused += 1
            assert (target.text, target.version) == (before, version), f"mutation {number}"
        else:
            assert patch.apply(before) == target.text, f"mutation {number}"
        if number % 10 == 0:
            target.check()
    target.check()
    assert refused > BLOCK // 20


@blocks
def test_f18_mutated_documents_are_refused(block: int) -> None:
    data = history(block)[0].encode()
    rng = random.Random(block)
    for number in range(BLOCK // 4):
        changed = mutated(data, rng)
        if changed == data:
            continue
        with pytest.raises(ForeignOp):
            TextBuffer.decode(changed).check()
            print("mutation", number)


@blocks
def test_f18_forged_documents_are_refused_or_make_sense(block: int) -> None:
    """Wrong content with a correct checksum: ForeignOp at the latest when the structure is needed."""
    refused = 0
    data = history(block)[0].encode()
    columns = inflated(data)
    rng = random.Random(block)
    for number in range(BLOCK // 4):
        changed = list(columns)
        place = rng.randrange(len(changed))
        changed[place] = mutated(changed[place], rng)
        try:
            use(deflated(data, changed))
        except ForeignOp:
            refused += 1
        except AssertionError as error:
            raise AssertionError(f"mutation {number}") from error
    assert refused > BLOCK // 16


def use(data: bytes) -> None:
    """Open a document and use it."""
    buffer = TextBuffer.decode(data)
    text = buffer.text
    buffer.replace(0, 0, "x")
    assert buffer.text == "x" + text
    buffer.changes_since(Version())
    buffer.at(buffer.version)
    list(buffer.elements())


def inflated(data: bytes) -> list[bytes]:
    """Return the sections of a document: text, site table, page count, three per page, then the pages of the logs."""
    reader = Reader(data)
    reader.position = snapshot.CHECKED_FROM + 16
    sections = [reader.sized(), zlib.decompress(reader.sized(), -15)]
    pages = reader.number()
    sections.append(number(pages))
    for _ in range(pages):
        sections.append(number(reader.number()))
        sections += [zlib.decompress(reader.sized(), -15) for _ in range(2)]
    while not reader.at_end():
        sections.append(zlib.decompress(reader.sized(), -15))
    return sections


def deflated(data: bytes, sections: list[bytes]) -> bytes:
    """Return the document made of such sections; `data` is the original."""
    reader = Reader(data)
    reader.position = snapshot.CHECKED_FROM + 16
    reader.sized()
    reader.sized()
    plain = {2, *range(3, 3 + 3 * reader.number(), 3)}
    out = bytearray(data[snapshot.CHECKED_FROM : snapshot.CHECKED_FROM + 16])
    write_bytes(out, sections[0])
    for place, section in enumerate(sections[1:], 1):
        if place in plain:
            out += section
        else:
            deflater = zlib.compressobj(wbits=-15)
            write_bytes(out, deflater.compress(section) + deflater.flush())
    return snapshot.join_parts([bytes(out)])


def test_a_log_that_tells_of_other_deletions_than_the_runs_is_refused() -> None:
    """Otherwise the text at the document's own version would differ from the text."""
    buffer = TextBuffer.genesis("abcdef", site=1)
    buffer.replace(1, 2, "")
    data = buffer.encode()
    sections = inflated(data)
    use(deflated(data, sections))
    # The columns of the log: each a width, a count and one number. The last are target, seq (zigzag), and level.
    assert sections[-1] == bytes((1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 2, 1, 1, 2 << 2))
    for place, value in ((11, 4), (14, 3 << 2), (14, 4 << 2), (14, 50 << 2)):
        changed = list(sections)
        log = bytearray(sections[-1])
        log[place] = value
        changed[-1] = bytes(log)
        opened = TextBuffer.decode(deflated(data, changed))
        with pytest.raises(ForeignOp, match="other deletions"):
            opened.replace(0, 0, "x")
        assert opened.text == "acdef"


def test_a_character_below_a_later_one_of_its_site_is_refused() -> None:
    """A document told of one in the page's neighbour, was opened, and its site's work could reach nobody."""
    buffer = TextBuffer(site=1)
    buffer.replace(0, 0, "a")
    buffer.replace(0, 0, "b")
    data = buffer.encode()
    sections = inflated(data)
    use(deflated(data, sections))
    # The column of parents of the two spans: both at the start; then the second one below the first one.
    changed = list(sections)
    assert sections[4].count(b"\1\2\4\4") == 1
    changed[4] = sections[4].replace(b"\1\2\4\4", b"\1\2\4\2")
    with pytest.raises(ForeignOp, match="a parent that cannot be"):
        use(deflated(data, changed))


def test_levels_of_any_height_are_the_same_in_runs_and_log() -> None:
    """Two people delete and restore again and again: the document opens."""
    ann, bob = (TextBuffer.genesis("abcdef", site=site) for site in (1, 2))
    ann.replace(1, 3, "")
    bob.replace(2, 5, "")
    for turn in range(260):
        for one, other in ((ann, bob), (bob, ann)):
            if turn in (3, 100, 259):
                one.integrate(other.changes_since(one.version))
            assert one.redo() if turn % 2 else one.undo()
        if turn in (0, 1, 2, 3, 99, 253, 254, 255, 259):
            copy = TextBuffer.decode(ann.encode(), site=9)
            copy.check()
            assert copy.text == ann.text == copy.at(copy.version)


def number(value: int) -> bytes:
    out = bytearray()
    write_number(out, value)
    return bytes(out)


def test_the_fuzz_entry_point_takes_what_is_right_and_refuses_the_rest() -> None:
    rng = random.Random(3)
    ann, bob, _ = history(3)
    version = ann.version
    for good in (
        b"\0" + bob.changes_since(Version()),
        b"\2" + ann.encode()[snapshot.CHECKED_FROM :],
        b"\3" + version.encode(),
        b"\4" + ann.anchor(3).encode(),
        b"\1\x0d" + b"\1" + b"\0" * 12 + b"x",
    ):
        fuzz.one_input(good)
        for _ in range(100):
            fuzz.one_input(good[:1] + mutated(good[1:], rng))
    fuzz.one_input(b"")


def test_f18_noise_is_refused() -> None:
    rng = random.Random(2)
    for _ in range(MUTATIONS // 4):
        noise = rng.randbytes(rng.randrange(1, 40))
        for decode in (Version.decode, Anchor.decode, TextBuffer.decode, TextBuffer().integrate):
            try:
                decode(noise)
            except ForeignOp as error:
                assert str(error)


def test_a_number_has_one_form() -> None:
    """Atheris found a version with two encodings: 0x59 as one byte, and as two with an empty second one."""
    site = b"\0" * 7 + b"\1"
    assert Version.decode(b"\1" + site + b"\x59").encode() == b"\1" + site + b"\x59"
    with pytest.raises(ForeignOp):
        Version.decode(b"\1" + site + b"\xd9\0")


def test_huge_lengths_take_no_memory() -> None:
    """Lengths of 2^53 in a few bytes are refused or kept, without allocating memory for them."""
    huge = b"\xff\xff\xff\xff\xff\xff\xff\x0f"
    tracemalloc.start()
    for prefix in (
        b"",
        b"\0",
        b"\0" + b"\0" * 8,
        b"\0" + b"\0" * 8 + b"\0",
        b"\0" + b"\0" * 8 + b"\0\1",
        huge,
    ):
        for suffix in (b"", b"\0" * 20, huge * 3):
            for decode in (TextBuffer().integrate, Version.decode, Anchor.decode):
                with contextlib.suppress(ForeignOp):
                    decode(prefix + huge + suffix)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def batch(site: int, clock: int) -> BatchWriter:
    return BatchWriter(site, clock)


def refused(buffer: TextBuffer, *writers: BatchWriter) -> None:
    before = (buffer.text, buffer.version, list(buffer.elements()))
    with pytest.raises(ForeignOp):
        buffer.integrate(b"".join(writer.message() for writer in writers))
    assert (buffer.text, buffer.version, list(buffer.elements())) == before
    buffer.check()


def test_hand_made_wrong_messages_are_refused_whole() -> None:
    """A valid batch before an invalid one is not applied either."""
    buffer = TextBuffer.genesis("abc", site=1)
    genesis = next(iter(buffer.version))
    good = batch(5, 0)
    good.insert(0, genesis, 0, 7, "good")

    other_text = batch(genesis, 0)
    other_text.insert(0, 0, -1, 1, "axc")
    refused(buffer, good, other_text)

    other_counter = batch(genesis, 0)
    other_counter.insert(0, 0, -1, 2**40, "abc")
    refused(buffer, good, other_counter)

    nothing_to_go_on = batch(6, 0)
    nothing_to_go_on.go_on("x")
    refused(buffer, good, nothing_to_go_on)

    deletes_a_deletion = batch(6, 0)
    deletes_a_deletion.raise_levels(0, genesis, 1, 1, False, 2)
    deletes_a_deletion.raise_levels(1, 6, 0, 1, False, 2)
    refused(buffer, good, deletes_a_deletion)

    below_a_deletion = batch(6, 0)
    below_a_deletion.raise_levels(0, genesis, 1, 1, False, 2)
    below_a_deletion.insert(1, 6, 0, 1, "x")
    refused(buffer, good, below_a_deletion)

    before_the_first = batch(6, 0)
    before_the_first.raise_levels(0, genesis, 1, 3, True, 2)
    refused(buffer, good, before_the_first)

    two_of_one_id = batch(5, 0)
    two_of_one_id.insert(0, genesis, 0, 7, "gold")
    refused(buffer, good, two_of_one_id)

    taken_back = batch(6, 0)
    taken_back.insert(0, genesis, 0, 7, "good")
    taken_back.raise_levels(4, 6, 3, 2, True, 2)
    taken_back.go_on("s")
    for clock, changed in enumerate(["good", "ood", "od"]):
        other = batch(6, clock)
        if clock:
            other.go_on(changed)
        else:
            other.insert(0, genesis, 0, 7, changed)
        other.raise_levels(4, 6, 3, 1, True, 2)
        other.go_on("s")
        refused(buffer, taken_back, other)

    deleted_and_typed = batch(5, 2)
    deleted_and_typed.raise_levels(2, genesis, 0, 1, False, 2)
    refused(buffer, good, deleted_and_typed)

    buffer.integrate(good.message())
    assert buffer.text == "agoodbc"


def test_an_early_operation_that_turns_out_wrong_is_dropped() -> None:
    """An invalid early operation does not make the message that brings its past invalid."""
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "x")
    ann.replace(0, 1, "")
    wrong = batch(3, 0)
    wrong.insert(0, 1, 1, 1, "below a deletion")
    assert not bob.integrate(wrong.message())
    bob.integrate(ann.changes_since(Version()))
    assert bob.text == ""
    assert bob.version == ann.version
    bob.check()


def test_sites_that_wait_for_each_other_wait_for_ever() -> None:
    one, two = batch(5, 0), batch(6, 0)
    one.insert(0, 6, 0, 1, "x")
    two.insert(0, 5, 0, 1, "y")
    buffer = TextBuffer()
    for _ in range(3):
        assert not buffer.integrate(one.message() + two.message())
    assert buffer.version == Version()


@pytest.mark.parametrize("chain", [1, 3])
def test_the_last_counter_bars_nobody(chain: int) -> None:
    """A peer uses the last counter, once or nested: all can still write before it."""
    ann, bob = (TextBuffer.genesis("ab", site=site) for site in (1, 2))
    genesis = next(iter(ann.version))
    poison = batch(5, 0)
    poison.insert(0, genesis, 0, NUMBER_MAX, "x")
    for clock in range(1, chain):
        poison.insert(clock, 5, clock - 1, NUMBER_MAX, "x")
    for one in (ann, bob):
        one.integrate(poison.message())
    expected = ann.text
    for number in range(4):
        before = ann.text
        patch = ann.replace(1, 1, str(number))
        expected = expected[:1] + str(number) + expected[1:]
        assert ann.text == expected == patch.apply(before)
        ann.check()
    bob.integrate(ann.changes_since(bob.version))
    assert bob.text == expected
    bob.replace(1, 1, "B")
    ann.integrate(bob.changes_since(ann.version))
    assert ann.text == bob.text
    assert TextBuffer.decode(bob.encode()).text == bob.text
    assert list(TextBuffer.decode(bob.encode()).elements()) == list(ann.elements())
    while ann.undo():
        ann.check()
    assert ann.text.replace("B", "") == "a" + "x" * chain + "b"
    bob.integrate(ann.changes_since(bob.version))
    assert ann.text == bob.text


def test_a_level_at_the_top_bars_nobody() -> None:
    """The worst that a level can do is to delete for good; higher levels are refused and never made."""
    ann, bob = (TextBuffer.genesis("ab", site=site) for site in (1, 2))
    genesis = next(iter(ann.version))
    above = batch(5, 0)
    above.raise_levels(0, genesis, 0, 1, False, LEVEL_MAX + 1)
    refused(ann, above)
    ann.replace(0, 2, "")
    top = batch(5, 0)
    top.raise_levels(0, genesis, 0, 1, False, LEVEL_MAX)
    top.raise_levels(1, genesis, 1, 1, False, LEVEL_MAX - 1)
    for one in (ann, bob):
        one.integrate(top.message())
    assert bob.text == "b"
    bob.replace(0, 1, "")
    ann.undo()
    ann.integrate(bob.changes_since(ann.version))
    bob.integrate(ann.changes_since(bob.version))
    assert ann.text == bob.text == TextBuffer.decode(bob.encode()).text == ""
    assert list(TextBuffer.decode(bob.encode()).elements()) == list(ann.elements())


def test_a_bomb_is_noticed_while_it_inflates() -> None:
    """Deflate can expand a byte a thousandfold; a document must not."""
    data = TextBuffer.genesis("x").encode()
    sections = inflated(data)
    for place in (1, 4, 5):
        changed = list(sections)
        changed[place] = changed[place][:1] + b"\0" * 100_000_000
        bomb = deflated(data, changed)
        tracemalloc.start()
        with pytest.raises(ForeignOp):
            buffer = TextBuffer.decode(bomb)
            assert buffer.text
            buffer.check()
        assert tracemalloc.get_traced_memory()[1] < 100 * len(bomb) + 10_000_000
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["x" * 3_000_000, "hello wor\n" * 300_000, "x" * 1000])
def test_what_deflates_too_well_is_kept_as_it_is(text: str) -> None:
    buffer = TextBuffer.genesis(text, site=1)
    buffer.replace(0, 1, "y")
    data = buffer.encode()
    copy = TextBuffer.decode(data, site=2)
    assert copy.text == buffer.text
    copy.replace(0, 1, text[0])
    assert copy.text == text


def test_early_operations_are_bounded() -> None:
    """Beyond the limit early operations are dropped, and an exchange by version brings them."""
    ann, bob = TextBuffer(site=1), TextBuffer(site=2, layout=Layout(early_bytes_max=200))
    messages = []
    for number in range(100):
        before = ann.version
        ann.replace(0, 0, chr(97 + number % 26))
        messages.append(ann.changes_since(before))
    for message in reversed(messages):
        bob.integrate(message)
    assert len(bob) < 20
    bob.integrate(ann.changes_since(bob.version))
    assert bob.text == ann.text


def test_many_siblings_take_no_square_of_time() -> None:
    """Thousands of children of one parent, each placed after all the others."""
    buffer = TextBuffer(site=1)
    writer = batch(5, 0)
    for clock in range(8_000):
        writer.insert(clock, 0, -1, 50_000 - clock, "x")
    other = batch(6, 0)
    for clock in range(2_000):
        other.insert(clock, 0, -1, 10 + clock, "y")
    first, _ = steps(buffer.integrate, writer.message())
    second, _ = steps(buffer.integrate, other.message())
    assert first + second < 10_000 * 600
    buffer.check()


def test_many_early_messages_take_no_square_of_time() -> None:
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "x")
    first = ann.changes_since(Version())
    messages = []
    for number in range(1, 5_000):
        before = ann.version
        ann.replace(number, number, "y")
        messages.append(ann.changes_since(before))
    early = [steps(bob.integrate, message)[0] for message in messages]
    late, _ = steps(bob.integrate, first)
    assert sum(early) + late < 5_000 * 600
    assert bob.text == ann.text
