"""The buffer's behaviour for one person and for two, each test a small story."""

from __future__ import annotations

import doctest
import gc
import random
from types import ModuleType

import pytest

import crdt.patch
import crdt.version
from crdt import Anchor, Contradiction, ForeignOp, Patch, Splice, TextBuffer, Version
from crdt.ids import text_digest
from crdt.messages import read_message
from crdt.run_tree import Chunk
from crdt.site import TAIL_MAX, Site


def sync(*buffers: TextBuffer) -> None:
    """Exchange everything, and assert that patches are right and all replicas agree."""
    for _ in range(2):
        for one in buffers:
            for other in buffers:
                before = one.text
                patch = one.integrate(other.changes_since(one.version))
                assert patch.apply(before) == one.text
    for one in buffers:
        one.check()
        assert one.version == buffers[0].version
        assert one.text == buffers[0].text
        assert one.digest() == buffers[0].digest()


def type_at(buffer: TextBuffer, offset: int, text: str, now: float = 0.0) -> None:
    for place, character in enumerate(text, offset):
        buffer.replace(place, place, character, now)


# Creating


def test_two_who_open_the_same_file_share_its_history() -> None:
    """A genesis is the same on every machine: merging does not double the text (F1, F14)."""
    ann, bob = TextBuffer.genesis("hello\n", author="ann"), TextBuffer.genesis("hello\n", author="bob")
    assert ann.lineage == bob.lineage == text_digest("hello\n")
    assert ann.version == bob.version
    ann.replace(5, 5, "!")
    bob.replace(0, 1, "J")
    sync(ann, bob)
    assert ann.text == "Jello!\n"


def test_an_empty_genesis_is_an_empty_buffer() -> None:
    assert TextBuffer.genesis("").lineage == TextBuffer().lineage == text_digest("")
    assert TextBuffer.genesis("").version == TextBuffer().version == Version()
    assert TextBuffer().changes_since(Version()) == b""


def test_a_genesis_travels_to_an_empty_buffer() -> None:
    ann = TextBuffer.genesis("hello")
    bob = TextBuffer(lineage=ann.lineage)
    assert bob.integrate(ann.changes_since(bob.version)) == Patch((Splice(0, 0, "hello"),))
    assert bob.version == ann.version


def test_every_opening_has_a_site_of_its_own() -> None:
    """F17: a copy of the store, opened twice, never gives one id to two operations."""
    ann = TextBuffer.genesis("x")
    data = ann.encode()
    assert len({TextBuffer.decode(data).site for _ in range(50)} | {ann.site}) == 51


def test_another_user_of_my_site_is_refused() -> None:
    """F17: two openings under one site contradict each other, and both get an error."""
    ann, eve = TextBuffer(site=1), TextBuffer(site=1)
    eve.replace(0, 0, "x")
    with pytest.raises(ForeignOp):
        ann.integrate(eve.changes_since(Version()))


def test_a_site_that_two_use_is_noticed_by_a_third() -> None:
    ann, eve, bob = TextBuffer(site=1), TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "ann")
    eve.replace(0, 0, "eve")
    bob.integrate(ann.changes_since(Version()))
    with pytest.raises(ForeignOp):
        bob.integrate(eve.changes_since(Version()))
    assert bob.text == "ann"
    assert ann.version == eve.version
    assert ann.digest() != eve.digest()


def test_a_site_in_the_document_is_not_taken_again() -> None:
    ann = TextBuffer(site=1)
    ann.replace(0, 0, "x")
    with pytest.raises(ValueError, match="site 1"):
        TextBuffer.decode(ann.encode(), site=1)


# Reading and editing


def test_offsets_outside_the_text_are_the_callers_mistake() -> None:
    buffer = TextBuffer.genesis("abc")
    for start, end in [(-1, 0), (2, 1), (0, 4), (4, 4)]:
        with pytest.raises(IndexError):
            buffer.replace(start, end, "x")
        with pytest.raises(IndexError):
            buffer.slice(start, end)
    assert buffer.replace(1, 1, "") == Patch()
    assert buffer.text == "abc"


def test_f08_offsets_count_code_points() -> None:
    """Astral, combining, right-to-left, wide, NUL and lone surrogate characters count as one each, and survive."""
    odd = "a😀👩‍👩‍👧é́שלום漢\0\ud83d\udc4d\U0010ffff\r\n\x85\u2028"
    rng = random.Random(8)
    ann, bob = TextBuffer.genesis(odd, site=1), TextBuffer.genesis(odd, site=2)
    expected = odd
    for _ in range(300):
        start = rng.randrange(len(expected) + 1)
        end = min(len(expected), start + rng.choice([0, 0, 1, 3]))
        text = "".join(rng.choice(odd) for _ in range(rng.randrange(3)))
        expected = expected[:start] + text + expected[end:]
        ann.replace(start, end, text)
        assert len(ann) == len(expected)
        low = rng.randrange(len(expected) + 1)
        assert ann.slice(low, len(expected)) == expected[low:]
    assert ann.text == expected
    sync(ann, bob)
    assert TextBuffer.decode(ann.encode()).text == expected


def test_patches_apply_from_the_last_splice_to_the_first() -> None:
    ann, bob = TextBuffer.genesis("one two three", site=1), TextBuffer.genesis("one two three", site=2)
    ann.replace(8, 13, "3")
    ann.replace(0, 3, "1")
    patch = bob.integrate(ann.changes_since(bob.version))
    assert patch == Patch((Splice(8, 13, "3"), Splice(0, 3, "1")))
    assert patch.map_offset(4) == 2
    assert patch.map_offset(13) == 7
    assert patch.map_offset(10) == 6


def test_a_document_that_nobody_has_any_more_is_freed() -> None:
    """When compiled, the garbage collector does not traverse runs, so no cycle may lead through them."""

    def alive() -> int:
        gc.collect()
        return sum(isinstance(each, Chunk | Site) for each in gc.get_objects())

    before = alive()
    one = TextBuffer(site=1)
    for place in range(200):
        one.replace(place // 2, place // 2, "x")
    other = TextBuffer.decode(one.encode(), site=2)
    other.replace(50, 60, "")
    sync(one, other)
    other.undo()
    circle: list[object] = [one, other]
    circle.append(circle)
    assert alive() > before
    del one, other, circle
    assert alive() == before


def test_a_document_that_is_released_is_freed_at_once() -> None:
    """Memory is freed without the garbage collector, which a server rarely runs; the version stays readable."""
    one = TextBuffer(site=1)
    for place in range(200):
        one.replace(place // 2, place // 2, "x")
    other = TextBuffer.decode(one.encode(), site=2)
    other.replace(50, 60, "")
    sync(one, other)
    other.undo()
    for buffer in (one, other):
        buffer.changes_up_to(Version(), 10)
    version = one.version
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(each, Chunk | Site) for each in gc.get_objects())
        one.release()
        other.release()
        circle: list[object] = [one, other]
        circle.append(circle)
        assert one.version == version
        del one, other, buffer, circle
        after = sum(isinstance(each, Chunk | Site) for each in gc.get_objects())
    finally:
        gc.enable()
    assert before - after > 10
    assert after <= 10, "what is left are the buffers' own sites"


# Undo


def test_a_word_with_its_blank_is_a_step() -> None:
    buffer = TextBuffer()
    type_at(buffer, 0, "one two  three")
    texts = []
    while buffer.undo():
        texts.append(buffer.text)
        buffer.check()
    assert texts == ["one two  ", "one ", ""]
    while buffer.redo():
        texts.append(buffer.text)
    assert texts[3:] == ["one ", "one two  ", "one two  three"]


def test_newline_pause_jump_paste_and_selection_begin_steps() -> None:
    buffer = TextBuffer()
    type_at(buffer, 0, "ab", now=10.0)
    type_at(buffer, 2, "c", now=10.5)
    type_at(buffer, 3, "d", now=12.0)  # after a pause
    type_at(buffer, 4, "\n", now=12.0)
    type_at(buffer, 5, "  e", now=12.0)
    type_at(buffer, 0, "X", now=12.0)  # after a jump
    buffer.replace(1, 1, "pasted", now=12.0)
    buffer.replace(1, 7, "s", now=12.0)  # over a selection …
    type_at(buffer, 2, "el", now=12.0)  # … and on
    texts = [buffer.text]
    while buffer.undo():
        texts.append(buffer.text)
    assert texts == [
        "Xselabcd\n  e",
        "Xpastedabcd\n  e",
        "Xabcd\n  e",
        "abcd\n  e",
        "abcd\n  ",
        "abcd",
        "abc",
        "",
    ]


def test_runs_of_backspaces_and_deletes_are_steps() -> None:
    buffer = TextBuffer.genesis("abcdefgh")
    for end in (4, 3):
        buffer.replace(end - 1, end, "")
    buffer.break_undo()
    for _ in range(2):
        buffer.replace(4, 5, "")
    assert buffer.text == "abef"
    buffer.undo()
    assert buffer.text == "abefgh"
    buffer.undo()
    assert buffer.text == "abcdefgh"


@pytest.mark.parametrize("seed", range(20))
def test_when_keys_are_counted_makes_no_difference_to_steps(seed: int) -> None:
    """Continued typing of words, blanks, tabs and newlines: queries in between split no step."""
    rng = random.Random(seed)
    text = "".join(rng.choice("ab \t\n") for _ in range(60))
    at_once, key_by_key, noted = TextBuffer(site=1), TextBuffer(site=1), TextBuffer(site=1)
    notes = []
    for place, character in enumerate(text):
        for buffer in (at_once, key_by_key, noted):
            buffer.replace(place, place, character)
        if rng.random() < 0.5:
            assert len(key_by_key) == place + 1
        if rng.random() < 0.5:
            notes.append(noted.take_steps())
    reopened = TextBuffer(site=2, own_sites=[1])
    reopened.integrate(noted.changes_since(reopened.version))
    reopened.restore_steps([note for note in [*notes, noted.take_steps()] if note])
    assert at_once.take_steps() == key_by_key.take_steps()
    while at_once.text:
        for buffer in (at_once, key_by_key, noted, reopened):
            buffer.undo()
            assert buffer.text == at_once.text
        taken_back = text[len(at_once.text) :]
        text = at_once.text
        # A word with the blanks after it, or a newline with its blanks.
        assert "\n" not in taken_back[1:]
        assert taken_back.lstrip() in ("", taken_back)
        assert len(taken_back.split()) <= 1


def test_several_edits_can_be_one_step() -> None:
    buffer = TextBuffer.genesis("a b a")
    with buffer.one_step():
        buffer.replace(4, 5, "x")
        with buffer.one_step():
            buffer.replace(0, 1, "x")
    type_at(buffer, 1, "y")
    assert buffer.text == "xy b x"
    buffer.undo()
    assert buffer.undo() == Patch((Splice(4, 5, "a"), Splice(0, 1, "a")))
    assert buffer.text == "a b a"
    assert buffer.undo() is None
    buffer.redo()
    assert buffer.text == "x b x"


def test_others_typing_before_my_caret_does_not_break_my_step() -> None:
    ann, bob = TextBuffer.genesis("--", site=1), TextBuffer.genesis("--", site=2)
    type_at(ann, 2, "wo")
    type_at(bob, 0, "xyz")
    sync(ann, bob)
    type_at(ann, 7, "rd")
    assert ann.text == "xyz--word"
    ann.undo()
    assert ann.text == "xyz--"


def test_f03_undo_takes_nobody_elses_work() -> None:
    """A and B type in turn; A undoes everything: B's tokens stay; redo restores A's."""
    rng = random.Random(3)
    ann, bob = TextBuffer.genesis("", site=1), TextBuffer.genesis("", site=2)
    for number in range(500):
        for person, name in ((ann, "A"), (bob, "B")):
            token = f"<{name}{number}>"
            # Between tokens, so that none is split by the other person's.
            places = [0] + [at + 1 for at, it in enumerate(person.text) if it == ">"]
            person.replace(*[rng.choice(places)] * 2, token)
        if rng.random() < 0.1:
            sync(ann, bob)
    sync(ann, bob)
    full = ann.text
    while ann.undo():
        pass
    sync(ann, bob)
    assert "A" not in ann.text
    assert all(ann.text.count(f"<B{number}>") == 1 for number in range(500))
    while ann.redo():
        pass
    sync(ann, bob)
    assert ann.text == full


def test_f03_undoing_my_insert_keeps_what_others_typed_into_it() -> None:
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "my paragraph")
    sync(ann, bob)
    bob.replace(3, 3, "B's ")
    sync(ann, bob)
    ann.undo()
    assert ann.text == "B's "
    ann.redo()
    assert ann.text == "my B's paragraph"
    sync(ann, bob)


def test_undoing_a_deletion_brings_the_same_characters_back() -> None:
    """Text that others typed inside, and their carets, keep their positions."""
    ann, bob = TextBuffer.genesis("keep this here", site=1), TextBuffer.genesis("keep this here", site=2)
    caret = bob.anchor(7)
    bob.replace(9, 9, "!")
    ann.replace(5, 10, "")
    sync(ann, bob)
    assert ann.text == "keep !here"
    assert bob.offset(caret) == 5
    ann.undo()
    sync(ann, bob)
    assert ann.text == "keep this! here"
    assert bob.offset(caret) == 7


def test_steps_that_others_made_void_are_passed_over() -> None:
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "one")
    ann.break_undo()
    ann.replace(3, 3, "two")
    sync(ann, bob)
    bob.replace(3, 6, "")
    sync(ann, bob)
    assert ann.undo() == Patch((Splice(0, 3, ""),))
    assert ann.undo() is None


def test_a_new_edit_ends_redo() -> None:
    buffer = TextBuffer()
    buffer.replace(0, 0, "one")
    buffer.undo()
    buffer.replace(0, 0, "x")
    assert buffer.redo() is None


# Two people


def test_f14_the_same_deletion_twice_is_one() -> None:
    """Both remove the same doubled letter offline: one copy remains, and not none."""
    ann, bob = TextBuffer.genesis("HHello", site=1), TextBuffer.genesis("HHello", site=2)
    ann.replace(0, 1, "")
    bob.replace(0, 1, "")
    sync(ann, bob)
    assert ann.text == "Hello"


def test_f14_the_same_replacement_twice_is_a_pair_and_no_mash() -> None:
    """Both increment a number offline: two whole copies side by side, each with its author, for the layer above to
    review."""
    ann, bob = TextBuffer.genesis("v = 10\n", site=1), TextBuffer.genesis("v = 10\n", site=2)
    ann.replace(4, 6, "11")
    bob.replace(4, 6, "11")
    sync(ann, bob)
    assert ann.text == "v = 1111\n"
    sites = [site for _, _, site, _ in ann.authorship(4, 8)]
    assert sorted(sites) == [1, 2]


def blocks_stay_whole(text: str, *names: str) -> None:
    for name in names:
        lines = [line[0] for line in text.splitlines()]
        first, last = lines.index(name), len(lines) - 1 - lines[::-1].index(name)
        assert set(lines[first : last + 1]) == {name}, text


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("way", ["forwards", "backwards", "prepending"])
@pytest.mark.parametrize("restarts", [False, True])
def test_f16_blocks_stay_in_one_piece(way: str, restarts: bool, seed: int) -> None:
    """Two people write 50 lines each at one position, in any direction and across restarts: each block stays in one
    piece."""
    rng = random.Random(seed)
    start = "head\n\ntail\n"
    people = [TextBuffer.genesis(start, site=rng.getrandbits(64)) for _ in range(2)]
    written = []
    for name, person in zip("AB", people, strict=True):
        buffer = person
        for number in range(50):
            line = f"{name}{number}\n"
            if way == "forwards":
                at = 5 + sum(len(f"{name}{earlier}\n") for earlier in range(number))
                type_at(buffer, at, line)
            elif way == "prepending":
                type_at(buffer, 5, line)
            else:
                for character in reversed(line):
                    buffer.replace(5, 5, character)
            if restarts and number % 20 == 10:
                own_sites = buffer.own_sites
                buffer = TextBuffer.decode(buffer.encode(), site=rng.getrandbits(64), own_sites=own_sites)
        written.append(buffer)
    sync(*written)
    middle = written[0].text.removeprefix("head\n").removesuffix("\ntail\n")
    assert len(middle.splitlines()) == 100
    blocks_stay_whole(middle, "A", "B")


# Messages


def test_messages_joined_are_a_message() -> None:
    ann, bob, hub = (TextBuffer.genesis("x", site=site) for site in (1, 2, 3))
    type_at(ann, 1, "ann")
    type_at(bob, 0, "bob")
    joined = ann.changes_since(hub.version) + bob.changes_since(hub.version)
    hub.integrate(joined + joined)
    assert hub.text == "bobxann"


@pytest.mark.parametrize("seed", range(4))
def test_typing_and_taking_back_may_be_cut_anywhere(seed: int) -> None:
    """Text typed and deleted in turn is applied as one operation, even if parts are known, doubled, joined or early."""
    rng = random.Random(seed)
    ann = TextBuffer.genesis("abc", site=1)
    keys, versions = [], [ann.version]
    start = caret = rng.randrange(4)
    for _ in range(60):
        if caret > start and rng.random() < 0.4:
            caret -= 1
            ann.replace(caret, caret + 1, "")
        else:
            text = rng.choice(["x", "y", "zé"])
            ann.replace(caret, caret, text)
            caret += len(text)
        keys.append(ann.take_changes())
        versions.append(ann.version)
    wholes = [ann.changes_since(version) for version in versions]
    for _ in range(6):
        bob = TextBuffer.genesis("abc", site=2)
        for _ in range(5):
            before = bob.text
            cut = rng.randrange(1, 60)
            parts = [b"".join(keys[:cut]), wholes[rng.randrange(cut + 1)], keys[cut], rng.choice(wholes)]
            rng.shuffle(parts)
            assert bob.integrate(b"".join(parts[rng.randrange(4) :])).apply(before) == bob.text
            bob.check()
        bob.integrate(wholes[0])
        assert list(bob.elements()) == list(ann.elements())
        assert bob.version == ann.version


def test_early_operations_show_up_with_their_past() -> None:
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    messages = []
    for number in range(10):
        before = ann.version
        ann.replace(0, 0, str(number))
        messages.append(ann.changes_since(before))
    for message in reversed(messages[1:]):
        assert not bob.integrate(message)
    assert bob.version == Version()
    assert bob.waiting
    assert bob.integrate(messages[0]) == Patch((Splice(0, 0, "9876543210"),))
    assert not bob.waiting


@pytest.mark.parametrize("limit", [1, 7, 30, 100, 10_000])
def test_f09_changes_come_in_parts(limit: int) -> None:
    """Parts are bounded, each can be integrated on its own, and together they are complete."""
    rng = random.Random(limit)
    people = [TextBuffer.genesis("漢字 and a first text. " * 20, site=site) for site in (1, 2, 3)]
    for _ in range(80):
        person = rng.choice(people)
        start = rng.randrange(len(person) + 1)
        person.replace(start, min(len(person), start + rng.randrange(4)), "né" * rng.randrange(20))
        if rng.random() < 0.1:
            sync(*people)
        if rng.random() < 0.1:
            person.undo()
    sync(*people)
    reader, version, parts = TextBuffer(site=9, lineage=people[0].lineage), Version(), 0
    while version != people[0].version:
        data, reached = people[0].changes_up_to(version, limit)
        assert data
        assert len(data) <= limit + 60
        assert version <= reached != version
        before = reader.text
        assert reader.integrate(data).apply(before) == reader.text
        assert reader.version == reached
        version = reached
        parts += 1
    assert reader.text == people[0].text
    assert people[0].changes_up_to(version, limit) == (b"", version)
    assert parts > 1 or limit == 10_000


def test_a_name_alone_is_no_part() -> None:
    """A site that sorts before the text's own site wrote into a long text: its announcement was repeated forever.

    Its operations needed the text first, and the text's first part did not fit together with the announcement.
    """
    ann = TextBuffer.genesis("some words " * 10_000, site=1, author="ann")
    ann.replace(50_000, 50_000, "x")
    bob, version = TextBuffer(site=2, lineage=ann.lineage), Version()
    while version != ann.version:
        data, reached = ann.changes_up_to(version, 8_192)
        assert version <= reached != version
        bob.integrate(data)
        version = reached
    assert bob.text == ann.text
    assert bob.author_of(1) == "ann"


def test_a_keystroke_is_a_small_message() -> None:
    ann = TextBuffer(author="ann")
    type_at(ann, 0, "hello worl")
    before = ann.version
    type_at(ann, 10, "d")
    assert len(ann.changes_since(before)) <= 16


# Anchors


def test_anchors_stick_to_their_side() -> None:
    ann, bob = TextBuffer.genesis("ab", site=1), TextBuffer.genesis("ab", site=2)
    places = [(offset, before) for offset in range(3) for before in (False, True)]
    anchors = [ann.anchor(*place) for place in places]
    assert [ann.offset(anchor) for anchor in anchors] == [0, 0, 1, 1, 2, 2]
    for offset in (2, 1, 0):
        bob.replace(offset, offset, "-")
    sync(ann, bob)
    assert ann.text == "-a-b-"
    assert [ann.offset(anchor) for anchor in anchors] == [0, 1, 2, 3, 4, 5]
    assert all(Anchor.decode(anchor.encode()) == anchor for anchor in anchors)


def test_an_anchor_of_a_deleted_character_is_where_it_was() -> None:
    buffer = TextBuffer.genesis("abcdef")
    anchor, right = buffer.anchor(3), buffer.anchor(3, before=True)
    buffer.replace(1, 5, "")
    assert buffer.offset(anchor) == buffer.offset(right) == 1
    buffer.undo()
    assert buffer.offset(anchor) == buffer.offset(right) == 3


def test_an_anchor_of_a_character_that_has_not_come_is_none() -> None:
    ann, bob = TextBuffer(site=1), TextBuffer(site=2)
    ann.replace(0, 0, "x")
    assert bob.offset(ann.anchor(1)) is None


# History


def test_authorship_and_time() -> None:
    ann = TextBuffer.genesis("# \n", site=1, author="ann")
    bob = TextBuffer.genesis("# \n", site=2, author="bob")
    type_at(ann, 2, "Title", now=1000.0)
    type_at(ann, 7, "!", now=1500.5)
    sync(ann, bob)
    type_at(bob, 3, "XX", now=2000.0)
    sync(ann, bob)
    assert ann.text == "# TXXitle!\n"
    genesis = next(iter(set(ann.version) - {1, 2}))
    expected = [
        (0, 2, genesis, 0),
        (2, 3, 1, 1000),
        (3, 5, 2, 2000),
        (5, 9, 1, 1000),
        (9, 10, 1, 1500),
        (10, 11, genesis, 0),
    ]
    copy = TextBuffer.decode(bob.encode())
    assert ann.authorship(0, 11) == bob.authorship(0, 11) == copy.authorship(0, 11) == expected
    assert copy.author_of(1) == "ann"
    assert copy.author_of(77) == ""


def test_the_clock_may_step_back() -> None:
    """F34: wall-clock time is for history and never for order."""
    ann, bob = TextBuffer(site=1, author="ann"), TextBuffer(site=2)
    for place, now in enumerate([5000.0, 1400.0, 1e9, 5.0, -3.0]):
        ann.replace(place, place, "abcde"[place], now=now)
    sync(ann, bob)
    assert bob.text == "abcde"
    assert [time for _, _, _, time in bob.authorship(0, 5)] == [5000, 1400, 10**9, 5, 0]


def test_the_text_at_every_version() -> None:
    rng = random.Random(1)
    buffer = TextBuffer.genesis("start")
    states = []
    for _ in range(200):
        start = rng.randrange(len(buffer) + 1)
        buffer.replace(start, min(len(buffer), start + rng.randrange(3)), "ab"[: rng.randrange(3)])
        if rng.random() < 0.2:
            buffer.undo()
        states.append((buffer.version, buffer.text))
    for version, text in states:
        assert buffer.at(version) == text
    for (old, old_text), (new, new_text) in zip(states, reversed(states), strict=True):
        assert buffer.diff(old, new).apply(old_text) == new_text


# Versions


def test_versions_compare_merge_and_count() -> None:
    one, two = Version({3: 5, 1: 2, 9: 0}), Version({1: 4, 2: 1})
    assert list(one.items()) == [(1, 2), (3, 5)]
    assert one[3] == 5
    assert one[7] == one.get(7) == 0
    assert one.missing(two) == 3
    assert one.missing(two, [1, 1, 5]) == 2
    assert not one <= two
    assert one <= one.merge(two) >= two
    assert one.merge(two) == Version({1: 4, 2: 1, 3: 5})
    assert len({one, Version({1: 2, 3: 5})}) == 1
    assert Version.decode(one.encode()) == one
    assert Version.decode(Version().encode()) == Version()


# Conversations


def test_a_key_that_goes_on_is_the_site_the_clock_and_the_character() -> None:
    """A key that continues typing has only eleven bytes, and one more for each seven bits of clock and character."""
    ann, bob = TextBuffer(site=2**63, author="ann"), TextBuffer(site=5)
    sizes = []
    for key in ["h", "e", "l", "x", None, None, "l", "o", "\0", "😀", None]:
        at = len(ann)
        ann.replace(at - 1, at, "") if key is None else ann.replace(at, at, key)
        message = ann.take_changes()
        sizes.append(len(message))
        before = bob.text
        assert bob.integrate(message).apply(before) == bob.text == ann.text
    assert sizes[1:] == [11, 11, 11, 12, 10, 11, 11, 11, 13, 12]
    assert ann.take_changes() == b""
    assert bob.version == ann.version
    ann.check()
    bob.check()


@pytest.mark.parametrize("erase", ["backspace", "delete", None])
def test_keys_go_on_where_the_clock_gets_longer(erase: str | None) -> None:
    """The clock takes one byte up to the 128th key and two up to the 16,384th; its higher bytes change every 128
    keys."""
    text = "é" * 16_500
    ann, bob = TextBuffer.genesis(text, site=1), TextBuffer.genesis(text, site=2)
    for key in range(16_390):
        if erase is None:
            ann.replace(key, key, chr(0x61 + key % 0x200))
        else:
            at = 16_499 - key if erase == "backspace" else 0
            ann.replace(at, at + 1, "")
        data = ann.take_changes()
        bob.integrate(data)
        if key > 1:
            assert [(batch.site, batch.clock, batch.end) for batch in read_message(data)] == [
                (1, key, key + 1)
            ]
    assert bob.text == ann.text
    assert bob.version == ann.version
    bob.check()


def test_a_key_is_told_after_a_long_text_was_read() -> None:
    """Reading the length between the 4,096th key in a row and its message raised IndexError in the message."""
    buffer, reader = TextBuffer(), TextBuffer()
    for place in range(TAIL_MAX + 2):
        buffer.replace(place, place, "a")
        assert len(buffer) == place + 1
        reader.integrate(buffer.take_changes())
    assert reader.text == buffer.text


def test_what_is_typed_first_after_deletes_there_is_mine() -> None:
    """Seed 1304: a key at the start of the text went into another site's run whose typing was resting."""
    ann = TextBuffer.genesis("abc")
    bob = TextBuffer.decode(ann.encode())
    before = bob.version
    for place in range(3, 6):
        bob.replace(place, place, "d")
        ann.integrate(bob.changes_since(before))
        before = bob.version
    ann.replace(0, 1, "")
    ann.replace(0, 1, "")
    assert ann.replace(0, 0, "x") == Patch((Splice(0, 0, "x"),))
    assert ann.text == "xcddd"
    ann.check()


@pytest.mark.parametrize("tail", [b"", b"\x80", b"\xff\xff\xff\x7f", b"\xe1\x00", b"b\x01", b"\xe9\x01\x01"])
def test_a_key_that_goes_on_wrongly_is_refused(tail: bytes) -> None:
    """No character, half of one, an invalid one, an overlong encoding, and trailing bytes."""
    ann, bob = TextBuffer(site=2), TextBuffer(site=3)
    for place, key in enumerate("ab"):
        ann.replace(place, place, key)
        bob.integrate(ann.take_changes())
    ann.replace(2, 2, "c")
    message = ann.take_changes()
    with pytest.raises(ForeignOp):
        bob.integrate(message[:-1] + tail)
    bob.check()
    assert bob.integrate(message) == Patch((Splice(2, 2, "c"),))


@pytest.mark.parametrize(
    "keys",
    [
        [(0, 0, "a"), (1, 1, "b"), (2, 2, "c")],
        [(3, 4, ""), (2, 3, ""), (1, 2, "")],
        [(0, 1, ""), (0, 1, ""), (0, 1, "")],
    ],
    ids=["typing", "backspaces", "deletes"],
)
def test_a_key_that_goes_on_is_taken_from_its_own_site_only(keys: list[tuple[int, int, str]]) -> None:
    """Such a key is not parsed, so pending keys of its sender are counted before the next message is compared."""
    ann, bob = TextBuffer.genesis("text", site=2), TextBuffer.genesis("text", site=3)
    for start, end, text in keys:
        ann.replace(start, end, text)
        message = ann.take_changes()
        before = bob.text
        with pytest.raises(Contradiction):
            bob.integrate(message, reserved={2: 0, 4: 0}, sender=4)
        assert bob.text == before
        bob.integrate(message, reserved={2: 0, 4: 0}, sender=2)
        assert bob.text == ann.text


@pytest.mark.parametrize("shape", [4, 8, 9, 127, 128])
def test_a_batch_of_another_shape_is_refused(shape: int) -> None:
    with pytest.raises(ForeignOp):
        TextBuffer().integrate(bytes([shape]) + bytes(8) + b"\1a")


def test_what_i_did_is_taken_once() -> None:
    """Also undo, pastes and remote changes in between; together the messages hold all my operations."""
    ann, bob = TextBuffer(site=1, author="ann"), TextBuffer(site=2)
    bob.replace(0, 0, "bob")
    parts = []
    for step in range(40):
        type_at(ann, 0, "ab", now=step * 7.0)
        if step % 3:
            parts.append(ann.take_changes())
        if step == 20:
            ann.integrate(bob.changes_since(ann.version))
        if step % 4 == 0:
            ann.undo()
    parts.append(ann.take_changes())
    assert ann.take_changes() == b""
    bob.integrate(b"".join(parts))
    assert bob.version == ann.version
    assert bob.text == ann.text


@pytest.mark.parametrize("module", [crdt, crdt.patch, crdt.version])
def test_the_examples_in_the_documents_are_right(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


# A document in bytes


def scattered(edits: int) -> TextBuffer:
    """Return a document of many groups of runs."""
    rng = random.Random(7)
    buffer = TextBuffer.genesis("x" * 1000, site=1)
    for _ in range(edits):
        at = rng.randrange(len(buffer))
        buffer.replace(at, at + rng.randrange(2), "y")
    return buffer


def test_a_first_edit_takes_apart_what_it_touches_only() -> None:
    """Opening a long document costs only what is used: one group is unpacked for a key, the others stay sealed."""
    copy = TextBuffer.decode(scattered(5000).encode())
    text = copy.text
    copy.replace(3000, 3000, "z")
    copy.take_changes()
    groups = list(copy._runs.groups())
    assert len(groups) > 8
    assert sum(group.sealed is None for group in groups) == 1
    assert copy.text == text[:3000] + "z" + text[3000:]
    assert sum(group.sealed is None for group in groups) == 1
    copy.check()


def test_encoding_again_writes_what_changed_only() -> None:
    """After a key, one group is encoded, at any length of the document."""
    buffer = scattered(5000)
    buffer.encode()
    before = [group.page for group in buffer._runs.groups()]
    buffer.replace(3000, 3000, "z")
    data = buffer.encode()
    after = [group.page for group in buffer._runs.groups()]
    assert sum(one is not other for one, other in zip(before, after, strict=True)) == 1
    assert TextBuffer.decode(data).text == buffer.text
