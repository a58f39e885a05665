"""Levels that nobody could undo: accepted only from users with the right to make them."""

from __future__ import annotations

import random

import pytest

from crdt import Irrevocable, TextBuffer
from crdt.messages import LEVEL_MAX, LEVEL_STEP_MAX, BatchWriter

TEXT = "one two three"


def document() -> TextBuffer:
    return TextBuffer.genesis(TEXT, site=1)


def raising(level: int, *, clock: int = 0, at: int = 0, count: int = 3, site: int = 9) -> bytes:
    """Return a message of `site` that raises characters at the start of the document."""
    (_, _, genesis, _) = document().ids(0, 1)[0]
    batch = BatchWriter(site, clock)
    batch.raise_levels(clock, genesis, at, count, False, level)
    return batch.message()


@pytest.mark.parametrize("level", [LEVEL_MAX, LEVEL_MAX - 1, LEVEL_MAX - 2, LEVEL_STEP_MAX + 3])
def test_what_no_undo_brings_back_is_refused_and_nothing_of_it_is_there(level: int) -> None:
    """Neither the highest level nor one just below it is accepted from users other than owners, alone or amid other
    work."""
    for before, after in ((b"", b""), (raising(2, site=7), raising(2, site=11))):
        buffer = document()
        version = buffer.version
        with pytest.raises(Irrevocable):
            buffer.integrate(before + raising(level) + after, revocable=True)
        assert (buffer.text, buffer.version, buffer.waiting) == (TEXT, version, False)
        buffer.check()
        buffer.integrate(before + raising(level) + after)
        assert buffer.version != version


def test_a_level_that_comes_before_its_past_is_judged_as_of_something_new() -> None:
    """Arriving early does not bypass the check, although early operations are applied later without one."""
    eve = TextBuffer(site=5, lineage=document().lineage)
    eve.replace(0, 0, "abc")
    batch = BatchWriter(9, 0)
    batch.raise_levels(0, 5, 0, 3, False, LEVEL_MAX)
    buffer = document()
    with pytest.raises(Irrevocable):
        buffer.integrate(batch.message(), revocable=True)
    buffer.integrate(eve.take_changes(), revocable=True)
    assert "abc" in buffer.text


def test_steps_do_not_lead_higher_than_they_can_be_taken_back() -> None:
    """At any level reached by allowed steps, one more undo brings the text back."""
    buffer = document()
    level, clock = 1, 0
    for _ in range(50):
        level += LEVEL_STEP_MAX - 1
        buffer.integrate(raising(level, clock=clock), revocable=True)
        clock += 3
    with pytest.raises(Irrevocable):
        buffer.integrate(raising(level + LEVEL_STEP_MAX + 1, clock=clock), revocable=True)
    shown = level + 1 + level % 2
    buffer.integrate(raising(shown, site=10), revocable=True)
    assert buffer.text == TEXT


@pytest.mark.parametrize("seed", range(10))
def test_whatever_people_do_and_undo_is_taken_from_everybody(seed: int) -> None:
    """Operations of editing, undo and redo are never refused, however they are split into messages."""
    rng = random.Random(seed)
    ann, bob = TextBuffer.genesis(TEXT, site=1), TextBuffer.genesis(TEXT, site=2)
    for person in (ann, bob):
        person.replace(0, 3, "")
        for _ in range(1500):
            (person.undo if rng.random() < 0.5 else person.redo)()
    for _ in range(100):
        for person in (ann, bob):
            person.undo()
            person.redo()
        ann.integrate(bob.changes_since(ann.version))
        bob.integrate(ann.changes_since(bob.version))
    reader = TextBuffer.genesis(TEXT, site=3)
    limit = rng.choice((10, 200, 10**6))
    version = reader.version
    while version != ann.version:
        message, version = ann.changes_up_to(version, limit)
        reader.integrate(message, revocable=True)
    assert reader.text == ann.text
