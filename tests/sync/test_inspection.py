"""Runs around a place: those of the whole text, as far as they are near."""

from __future__ import annotations

import random

from crdt import TextBuffer, Version
from jpterm_like.sync import inspection
from jpterm_like.sync.inspection import describe_changes, labels, runs_around, site_states


def _two(seed: int) -> TextBuffer:
    """A text of two people with runs and tombstones everywhere."""
    chance = random.Random(seed)
    ann = TextBuffer.genesis("some words to begin with", author="ann", site=1)
    bob = TextBuffer.decode(ann.encode(), author="bob")
    for _ in range(60):
        one = chance.choice((ann, bob))
        start = chance.randint(0, len(one))
        one.replace(start, min(len(one), start + chance.randint(0, 3)), chance.choice(("", "x", "yes")))
        if chance.random() < 0.2:
            ann.integrate(bob.changes_since(ann.version))
            bob.integrate(ann.changes_since(bob.version))
    ann.integrate(bob.changes_since(ann.version))
    return ann


def test_the_window_is_a_part_of_the_whole() -> None:
    for seed in range(30):
        buffer = _two(seed)
        whole = list(buffer.runs(0, len(buffer)))
        ends, offset = [], 0
        for view in whole:
            offset += len(view.text) if view.level & 1 else 0
            ends.append(offset)
        for caret in range(1, len(buffer) + 1):
            runs, at = runs_around(buffer, caret, 3, 4)
            mine = next(i for i, end in enumerate(ends) if end >= caret)
            views = [run.view for run in runs]
            assert views == whole[max(0, mine - 3) : mine + 5], (seed, caret)
            assert views[at] == whole[mine], (seed, caret)


def test_many_deleted_runs_before_the_caret_are_not_passed_over(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(inspection, "LOOKED_AT_MAX", 50)
    buffer = TextBuffer.genesis("ab", author="ann")
    for _ in range(400):
        buffer.replace(1, 1, "x")
        buffer.replace(1, 2, "")
        buffer.replace(0, 0, "")
    runs, at = runs_around(buffer, 2, 3, 3)
    assert len(runs) <= 7 and 0 <= at < max(1, len(runs))


def test_a_text_without_letters_and_one_that_was_emptied() -> None:
    assert runs_around(TextBuffer(author="ann"), 0, 3, 3) == ([], 0)
    buffer = TextBuffer.genesis("gone", author="ann")
    buffer.replace(0, 4, "")
    runs, at = runs_around(buffer, 0, 3, 3)
    assert [run.view.text for run in runs] == ["gone"] and at == 0


def test_two_openings_of_one_name_are_told_apart_and_a_message_in_words() -> None:
    ann = TextBuffer.genesis("rope", author="ann", site=1)
    again = TextBuffer.decode(ann.encode(), author="ann")
    before = again.version
    again.replace(4, 4, "s\n")
    again.replace(0, 1, "")
    message = again.changes_since(before)
    assert describe_changes(message, again) == 'ann:0 +"s⏎", ann:2 -1 of file'
    assert describe_changes(b"\xff" + message, again) == "what nobody understands"
    before = again.version
    again.replace(0, 0, "long " * 1000)
    assert describe_changes(again.changes_since(before), again) == "5,000 operations"
    ann.replace(0, 0, "a")
    ann.integrate(message)
    names = set(labels(ann, [1, again.site]).values())
    assert len(names) == 2 and all(name.startswith("ann.") for name in names)
    states = site_states(ann, Version(), Version(), (), 2)
    assert len(states) == 2 and (states[0].site, states[0].here, states[0].server) == (1, 1, 0)
