"""Anchors go along with text that is moved, and never cross a line break that they were not behind (`crdt.moves`)."""

from __future__ import annotations

import pytest

from crdt import Patch, TextBuffer, moves
from crdt.patch import Splice


def pair(text: str) -> tuple[TextBuffer, TextBuffer]:
    """Two replicas that track moves."""
    one, other = TextBuffer.genesis(text, site=1), TextBuffer.genesis(text, site=2)
    one.track_moves()
    other.track_moves()
    return one, other


def at(text: str, buffer: TextBuffer, *splices: tuple[int, int, str], then: str, by: TextBuffer) -> None:
    """`text` has the caret as |; after the splices of `by`, `buffer` has it as `then` does."""
    anchor = buffer.caret(text.index("|"))
    by.replace_all([Splice(*splice) for splice in splices])
    buffer.integrate(by.changes_since(buffer.version))
    offset = buffer.offset(anchor)
    assert offset is not None
    assert f"{buffer.text[:offset]}|{buffer.text[offset:]}" == then


def test_caret_goes_along_with_a_line_that_another_sorts() -> None:
    """Case 07: Bob is behind "mango", and Ann sorts the lines."""
    for by_another in (True, False):
        ann, bob = pair("zebra\nmango\napple\n")
        at(
            "zebra\nmango|\napple\n",
            bob,
            (18, 18, "mango\nzebra\n"),
            (0, 12, ""),
            then="apple\nmango|\nzebra\n",
            by=ann if by_another else bob,
        )


def test_caret_at_the_start_of_a_line_goes_along() -> None:
    ann, bob = pair("zebra\nmango\napple\n")
    at("zebra\n|mango\napple\n", bob, (18, 18, "mango\n"), (6, 12, ""), then="zebra\napple\n|mango\n", by=ann)


def test_undo_of_a_move_brings_the_caret_back() -> None:
    ann, bob = pair("zebra\nmango\n")
    anchor = bob.caret(5)
    ann.replace_all([Splice(12, 12, "zebra\n"), Splice(0, 6, "")])
    bob.integrate(ann.changes_since(bob.version))
    assert bob.offset(anchor) == 11
    moved = bob.caret(11)
    ann.undo()
    bob.integrate(ann.changes_since(bob.version))
    assert bob.text == "zebra\nmango\n"
    assert bob.offset(anchor) == bob.offset(moved) == 5


def test_caret_goes_along_with_a_line_that_is_cut_and_pasted() -> None:
    """Two edits, and two messages."""
    ann, bob = pair("zebra one\nmango\n")
    anchor = bob.caret(5)
    ann.replace(0, 10, "")
    bob.integrate(ann.changes_since(bob.version))
    ann.replace(6, 6, "  zebra one\n")
    bob.integrate(ann.changes_since(bob.version))
    assert bob.text == "mango\n  zebra one\n"
    assert bob.offset(anchor) == len("mango\n  zebra")


def test_typing_where_a_line_was_cut_stays_there() -> None:
    """Bob's caret is at his own word then, and the pasted line does not take it."""
    ann, bob = pair("zebra one\nmango\n")
    ann.replace(0, 10, "")
    bob.integrate(ann.changes_since(bob.version))
    bob.replace(0, 0, "x")
    anchor = bob.caret(1)
    ann.replace(6, 6, "zebra one\n")
    bob.integrate(ann.changes_since(bob.version))
    assert bob.offset(anchor) == 1


def test_caret_stays_before_a_line_break_that_replaces_blanks() -> None:
    """Case 20: a formatter takes the blank at the end of the text and puts a newline there."""
    ann, bob = pair("the quick ")
    at("the quick |", bob, (9, 10, "\n"), then="the quick|\n", by=ann)


def test_caret_behind_a_line_break_stays_behind_as_many() -> None:
    ann, bob = pair("one\ntwo")
    at("one\ntwo|", bob, (0, 7, "1\n2\n3\n"), then="1\n2|\n3\n", by=ann)


def test_caret_stays_in_its_line_when_one_is_inserted_above() -> None:
    ann, bob = pair("one\n\ntwo")
    at("one\n\n|two", bob, (5, 5, "x\n"), then="one\n\nx\n|two", by=ann)
    ann, bob = pair("one\n\ntwo")
    at("one\n|\ntwo", bob, (4, 4, "x\n"), then="one\nx\n|\ntwo", by=ann)


def test_equal_lines_are_matched_in_their_order() -> None:
    ann, bob = pair("a b\nc\na b\nd\n")
    at(
        "a b\nc\na |b\nd\n",
        bob,
        (12, 12, "a b\na b\n"),
        (6, 10, ""),
        (0, 4, ""),
        then="c\nd\na b\na |b\n",
        by=ann,
    )


def test_untracked_buffer_leaves_the_caret_in_the_gap() -> None:
    buffer = TextBuffer.genesis("zebra\nmango\n", site=1)
    anchor = buffer.caret(5)
    patch = buffer.replace_all([Splice(12, 12, "zebra\n"), Splice(0, 6, "")])
    assert patch == Patch((Splice(12, 12, "zebra\n"), Splice(0, 6, "")))
    assert buffer.offset(anchor) == 0


def test_each_stretch_of_a_text_that_comes_back_is_looked_at_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For each line of what it replaces, all of them before that line were: undoing that of 3,000 took 1.7 seconds."""
    lines = 300
    ann, _ = pair("some words\n" * lines)
    ann.replace_all([Splice(at, at, "-") for at in range(11 * (lines - 1), -1, -11)])
    ann.replace(0, len(ann), "other\n" * lines)
    caret = ann.caret(6 * 100 + 3)
    stretches = 0
    take = moves._take

    def count(rest: list[moves.Span], size: int) -> list[moves.Span]:
        nonlocal stretches
        stretches += len(taken := take(rest, size))
        return taken

    monkeypatch.setattr(moves, "_take", count)
    assert ann.undo() is not None
    assert ann.offset(caret) == 12 * 101 - 1, "at the end of the line that is back"
    assert stretches < 20 * lines
