"""Reverting somebody's work: it goes, other work stays, and one undo restores all of it."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer, Version


def people(text: str, *names: str) -> list[TextBuffer]:
    return [TextBuffer.genesis(text, site=number, author=name) for number, name in enumerate(names, 1)]


def meet(*buffers: TextBuffer) -> None:
    for _ in range(2):
        for one in buffers:
            for other in buffers:
                one.integrate(other.changes_since(one.version))
    assert len({it.text for it in buffers}) == 1


def all_of(buffer: TextBuffer, site: int) -> dict[int, list[tuple[int, int]]]:
    return {site: [(0, buffer.version[site])]}


def test_what_others_typed_inside_my_paragraph_stays_when_it_is_taken_back() -> None:
    ann, bob = people("", "ann", "bob")
    ann.replace(0, 0, "hello world")
    meet(ann, bob)
    bob.replace(5, 5, ", brave")
    meet(ann, bob)
    ann.revert(ann.work_of({1}, Version()))
    assert ann.text == ", brave"
    ann.undo()
    assert ann.text == "hello, brave world"


def test_what_two_deleted_stays_deleted_when_one_of_them_is_taken_back() -> None:
    ann, bob = people("one two", "ann", "bob")
    ann.replace(0, 3, "")
    bob.replace(0, 7, "three")
    meet(ann, bob)
    ann.revert(all_of(ann, 2))
    assert ann.text == " two"


def test_plain_undo_revives_what_another_replaced_and_revert_does_not() -> None:
    """Ann deleted a paragraph in which Bob had replaced a word: without Ann's work it reads as Bob left it."""
    ann, bob = people("hello world", "ann", "bob")
    bob.replace(6, 11, "brave")
    ann.replace(0, 11, "")
    meet(ann, bob)
    bob.revert(all_of(bob, 1))
    assert bob.text == "hello brave"


def test_what_somebody_else_has_brought_back_is_no_more_mine_to_take() -> None:
    """Ann discards, Bob restores her words: when she discards again, they stay."""
    ann, bob = people("", "ann", "bob")
    ann.replace(0, 0, "hers")
    discarded = ann.version[1]
    ann.revert(ann.work_of({1}, Version()))
    meet(ann, bob)
    bob.revert({1: [(discarded, ann.version[1])]})
    assert bob.text == "hers"
    meet(ann, bob)
    ann.replace(4, 4, " and more")
    assert ann.effect_of(ann.work_of({1}, Version())) == [(1, " and more", False)]
    ann.revert(ann.work_of({1}, Version()))
    assert ann.text == "hers"


def test_in_a_block_of_one_step_it_is_a_part_of_that_step() -> None:
    (ann,) = people("text", "ann")
    ann.replace(4, 4, "ure")
    with ann.one_step():
        ann.revert(all_of(ann, 1))
        ann.replace(0, 0, "con")
    assert ann.text == "context"
    ann.undo()
    assert ann.text == "texture"
    ann.redo()
    assert ann.text == "context"


def test_the_time_of_the_next_edit_can_be_had_to_the_second() -> None:
    """Otherwise times are noted every ten seconds, too coarse to separate edits before and after a save."""
    (ann,) = people("text", "ann")
    ann.replace(0, 0, "a", 1000.0)
    ann.replace(1, 1, "b", 1004.0)
    ann.note_time()
    ann.replace(2, 2, "c", 1004.0)
    ann.replace(3, 3, "d", 1005.0)
    assert [ann.time_of(1, clock) for clock in range(5)] == [1000, 1000, 1004, 1004, 0]
    bob = people("text", "ann", "bob")[1]
    bob.integrate(ann.changes_since(bob.version))
    assert bob.text == "abcdtext" and bob.time_of(1, 2) == 1004
    ann.check()


def test_what_nobody_here_knows_is_passed_over() -> None:
    (ann,) = people("text", "ann")
    assert not ann.revert({7: [(0, 3)], 1: [(5, 9)]}).splices
    assert ann.undo() is None


@pytest.mark.parametrize("block", range(0, 300, 50))
def test_taking_one_persons_work_back_leaves_nothing_of_it_and_all_of_the_others(block: int) -> None:
    """Random histories of three people: each types characters of their own and deletes anywhere, delivered in any
    order."""
    for seed in range(block, block + 50):
        rng = random.Random(seed)
        buffers = people("....", "ann", "bob", "carl")
        for _ in range(rng.randrange(5, 40)):
            at = rng.randrange(3)
            one = buffers[at]
            start = rng.randrange(len(one) + 1)
            end = min(len(one), start + rng.choice([0, 0, 0, 1, 4]))
            one.replace(start, end, "abc"[at] * rng.randrange(4))
            if rng.random() < 0.3:
                one.integrate(rng.choice(buffers).changes_since(one.version))
        meet(*buffers)
        ann, bob, carl = buffers
        before = bob.text
        patch = bob.revert(all_of(bob, 1))
        assert "a" not in bob.text, f"seed {seed}"
        for sign in "bc":
            assert bob.text.count(sign) >= before.count(sign), f"seed {seed}"
        meet(*buffers)
        if patch.splices:
            bob.undo()
        assert bob.text == before, f"seed {seed}"
        meet(ann, bob, carl)
