"""A step that is undone in parts ends as one that is undone at once."""

from __future__ import annotations

import random

import pytest

from crdt import Splice, TextBuffer
from crdt.runs import Layout


def _write(buffer: TextBuffer, dice: random.Random) -> None:
    """Make one step of several edits."""
    with buffer.one_step():
        for _ in range(dice.randint(1, 12)):
            size = len(buffer)
            start = dice.randint(0, size)
            end = min(size, start + dice.choice((0, 0, 1, 5, 40)))
            if start < end or dice.random() < 0.9:
                buffer.replace(start, end, dice.choice(("", "x", "yy", "z\n" * 5)))


def _pair(seed: int) -> tuple[TextBuffer, TextBuffer, TextBuffer, random.Random]:
    """Two replicas with the same steps by the same site, and somebody else's."""
    layout = Layout(chunk_max=4, group_max=4) if seed % 2 else Layout()
    text = "some words\n" * 10
    whole = TextBuffer.genesis(text, site=7, layout=layout)
    parts = TextBuffer.genesis(text, site=7, layout=layout)
    other = TextBuffer.genesis(text, site=8, layout=layout)
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 5)):
        if dice.random() < 0.4:
            _write(other, dice)
            for each in (whole, parts):
                each.integrate(other.changes_since(each.version))
        state = dice.getstate()
        _write(whole, dice)
        dice.setstate(state)
        _write(parts, dice)
    assert whole.text == parts.text
    return whole, parts, other, dice


def _all_parts(buffer: TextBuffer, runs_max: int, again: bool) -> int:
    """Undo or redo a step in parts, and return how many there were."""
    count, goes_on, has_more = 0, False, True
    while has_more:
        before = buffer.text
        part = buffer.undo_part(runs_max, again=again, goes_on=goes_on)
        if part is None:
            break
        assert part.patch.apply(before) == buffer.text
        goes_on, has_more = True, part.has_more
        count += 1
    buffer.check()
    return count


@pytest.mark.parametrize("seed", range(200))
def test_parts_make_the_same_text_and_the_same_steps(seed: int) -> None:
    whole, parts, _, dice = _pair(seed)
    for _ in range(12):
        again = dice.random() < 0.4
        patch = whole.redo() if again else whole.undo()
        count = _all_parts(parts, dice.randint(1, 4), again)
        assert whole.text == parts.text
        assert bool(count) == (patch is not None)
        assert len(whole._undo.done) == len(parts._undo.done)
        assert len(whole._undo.undone) == len(parts._undo.undone)


@pytest.mark.parametrize("seed", range(50))
def test_others_may_write_between_two_parts_and_it_may_stop_there(seed: int) -> None:
    """What they write stays. A step that was undone in part is two steps: undo goes on, redo takes the part back."""
    _, buffer, other, dice = _pair(seed)
    text = buffer.text
    part = buffer.undo_part(1)
    assert part is not None
    other.integrate(buffer.changes_since(other.version))
    at = dice.randint(0, len(other))
    other.replace(at, at, "THEIRS")
    buffer.integrate(other.changes_since(buffer.version))
    if part.has_more:
        _all_parts(buffer, 2, again=False)
    while buffer.undo() is not None:
        pass
    assert "THEIRS" in buffer.text
    while buffer.redo() is not None:
        pass
    assert buffer.text.replace("THEIRS", "") == text
    buffer.check()


def test_a_part_touches_no_more_runs_than_it_may() -> None:
    """Undoing a change of 100,000 places took 1.7 seconds in one call."""
    buffer = TextBuffer.genesis("some words\n" * 2_000, site=7)
    buffer.replace_all([Splice(at, at, "\t") for at in range(11 * 1_999, -1, -11)])
    part = buffer.undo_part(100)
    assert part is not None and part.has_more and len(part.patch) == 100
    assert _all_parts(buffer, 100, again=False) == 19
    assert buffer.text == "some words\n" * 2_000


def _two_inserts() -> tuple[TextBuffer, TextBuffer]:
    """A step `x`, and one with `a` and `b`, of which somebody else has deleted the `a`."""
    buffer, other = TextBuffer.genesis("-\n-\n", site=7), TextBuffer.genesis("-\n-\n", site=8)
    buffer.replace(0, 0, "x")
    with buffer.one_step():
        buffer.replace(2, 2, "a")
        buffer.replace(5, 5, "b")
    other.integrate(buffer.changes_since(other.version))
    other.replace(2, 3, "")
    buffer.integrate(other.changes_since(buffer.version))
    assert buffer.text == "x-\n-b\n"
    return buffer, other


def test_a_part_that_others_made_ineffective_does_not_let_the_step_before_it_go() -> None:
    """The rest of a step had no effect any more, and the step before it was undone instead."""
    buffer, _ = _two_inserts()
    assert _all_parts(buffer, 1, again=False) == 2
    assert buffer.text == "x-\n-\n"
    assert buffer.redo() is not None and buffer.text == "x-\n-b\n"
    assert buffer.undo() is not None and buffer.undo() is not None
    assert buffer.text == "-\n-\n"


def test_an_edit_of_mine_between_two_parts_ends_it() -> None:
    """In another view of the text, say. The edit stays, and undo takes first the edit and then the rest."""
    buffer, _ = _two_inserts()
    with buffer.one_step():
        buffer.replace(0, 0, "1")
        buffer.replace(4, 4, "2")
    before = buffer.text
    part = buffer.undo_part(1)
    assert part is not None and part.has_more and buffer.text == "1x-\n-b\n"
    buffer.replace(0, 0, "mine")
    assert buffer.undo_part(1, goes_on=True) is None
    assert buffer.text == "mine1x-\n-b\n"
    assert buffer.undo() is not None and buffer.text == "1x-\n-b\n"
    assert buffer.undo() is not None and buffer.text == "x-\n-b\n"
    assert buffer.redo() is not None and buffer.redo() is not None
    assert buffer.text == "mine1x-\n-b\n" and before == "1x-\n2-b\n"


@pytest.mark.parametrize("runs_max", [1, 7, 30])
def test_a_journal_that_ends_anywhere_in_an_undo_opens_and_all_of_it_can_be_undone(runs_max: int) -> None:
    """A program is killed between two parts. Its journal has operations and then steps; either may be the last it has."""
    buffer = TextBuffer.genesis("a\n" * 30, site=7)
    genesis, texts = buffer.encode(), []
    changes: list[bytes] = []
    steps: list[bytes] = []

    def note() -> None:
        changes.append(buffer.take_changes())
        steps.append(buffer.take_steps())
        texts.append(buffer.text)

    buffer.replace_all([Splice(at, at + 1, "b") for at in range(58, -1, -2)])
    note()
    has_more = True
    while has_more:
        part = buffer.undo_part(runs_max, goes_on=len(texts) > 1)
        assert part is not None
        has_more = part.has_more
        note()
    assert (
        texts[0] == "b\n" * 30
        and texts[-1] == "a\n" * 30
        and len(texts) == 1 + 60 // runs_max + (60 % runs_max > 0)
    )
    for last, text in enumerate(texts):
        for has_steps in (False, True) if last else (True,):
            opened = TextBuffer.decode(genesis, own_sites=buffer.own_sites)
            for each in changes[: last + 1]:
                opened.integrate(each)
            opened.restore_steps(steps[: last + has_steps])
            assert opened.text == text
            while opened.undo() is not None:
                pass
            assert opened.text == texts[-1]
            while opened.redo() is not None:
                pass
            assert opened.text == texts[0] or not has_steps
            opened.check()


def test_a_note_of_steps_between_two_parts_is_no_hindrance() -> None:
    """The journal notes the steps whenever it is written."""
    buffer = TextBuffer.genesis("a\n" * 100, site=7)
    buffer.replace_all([Splice(at, at + 1, "b") for at in range(198, -1, -2)])
    notes = [buffer.take_steps()]
    goes_on, has_more = False, True
    while has_more:
        part = buffer.undo_part(7, goes_on=goes_on)
        assert part is not None
        goes_on, has_more = True, part.has_more
        notes.append(buffer.take_steps())
    again = TextBuffer.decode(buffer.encode(), own_sites=buffer.own_sites)
    again.restore_steps([note for note in notes if note])
    assert again.redo() is not None and again.text == "b\n" * 100
    assert again.undo() is not None and again.text == "a\n" * 100
    assert again.undo() is None
