"""The hunks between a text and its base, beside a comparison of both from the beginning."""

from __future__ import annotations

import random

import pytest

from jpterm_like.tui.text.line_changes import Hunk, LineChanges, compare
from jpterm_like.tui.text.line_index import Lines


class Text:
    """A text, its lines, and its changes since the beginning."""

    def __init__(self, base: str, text: str | None = None) -> None:
        self.text = base if text is None else text
        self.lines = Lines(self.text, chunk_rows=2)
        self.changes = LineChanges(base, len(self.lines))
        self.compare()

    def read(self, first: int, end: int) -> str:
        return "\n".join(self.text.split("\n")[first:end])

    def compare(self) -> None:
        for hunk in self.changes.inexact():
            parts = compare(hunk, self.changes.base_text(hunk), self.read(hunk.row, hunk.end))
            assert self.changes.put(hunk, parts)
        assert not self.changes.inexact()

    def edit(self, *splices: tuple[int, int, str]) -> None:
        changes = []
        for start, end, put in splices:
            self.text = self.text[:start] + put + self.text[end:]
            changes.append(self.lines.splice(start, end, put))
        self.changes.follow(changes, self.lines, self.read)

    def type(self, before: str, put: str, gone: str = "") -> None:
        at = self.text.index(before) + len(before)
        assert self.text.startswith(gone, at)
        self.edit((at, at + len(gone), put))

    @property
    def hunks(self) -> list[tuple[int, int, int, int]]:
        return [hunk[:4] for hunk in self.changes]

    def check(self) -> None:
        """The hunks turn the text back into the base, and two of them are apart."""
        lines, base = self.text.split("\n"), self.changes.base.split("\n")
        for hunk in reversed(list(self.changes)):
            lines[hunk.row : hunk.end] = base[hunk.base_row : hunk.base_row + hunk.base_rows]
        assert lines == base
        ends = [-1]
        for hunk in self.changes:
            assert hunk.size and hunk.row > ends[-1]
            ends.append(hunk.end)


def test_a_changed_line_an_added_one_and_a_removed_one() -> None:
    text = Text("one\ntwo\nthree\nfour\nfive\n")
    text.type("tw", "X")
    text.type("three", "\nnew")
    text.type("four", "", "\nfive")
    assert [(hunk.kind, hunk.first) for hunk in text.changes] == [
        ("changed", 1),
        ("added", 3),
        ("removed", 4),
    ]
    text.check()


def test_what_is_typed_back_is_no_change() -> None:
    text = Text("one\ntwo\n")
    text.type("tw", "X")
    assert text.hunks
    text.type("tw", "", "X")
    assert text.hunks == []


def test_enter_at_the_end_of_a_line_marks_only_the_new_line() -> None:
    text = Text("one\ntwo\n")
    text.type("one", "\n")
    assert text.hunks == [(1, 1, 1, 0)]
    text.edit((3, 4, ""))
    assert text.hunks == []


def test_lines_removed_at_the_top_are_shown_in_the_first_row() -> None:
    text = Text("one\ntwo\n")
    text.edit((0, 4, ""))
    (hunk,) = text.changes
    assert (hunk.kind, hunk.first, text.changes.base_text(hunk)) == ("removed", 0, "one")
    assert text.changes.at(0) == hunk and text.changes.at(1) is None


def test_a_line_that_is_cut_and_put_back_is_no_change() -> None:
    text = Text("one\ntwo\nthree\nfour\n")
    text.edit((4, 8, ""))
    text.edit((10, 10, "two\n"))
    assert len(text.hunks) == 2
    text.edit((10, 14, ""))
    text.edit((4, 4, "two\n"))
    assert text.hunks == []


def test_next_and_previous_hunk() -> None:
    text = Text("\n".join("abcdefgh"))
    text.type("b", "B")
    text.type("f", "F")
    row = text.changes
    assert [hunk and hunk.row for hunk in (row.after(0), row.after(1), row.after(5))] == [1, 5, None]
    assert [hunk and hunk.row for hunk in (row.before(7), row.before(5), row.before(1))] == [5, 1, None]


def test_a_large_hunk_waits_and_is_not_taken_when_it_was_edited_meanwhile() -> None:
    lines = [f"line {number}" for number in range(300)]
    text = Text("\n".join(lines), "\n".join(f"{line}!" for line in lines))
    text.edit((0, 0, "X"))
    (hunk,) = text.changes.inexact()
    parts = compare(hunk, text.changes.base_text(hunk), text.read(hunk.row, hunk.end))
    text.edit((0, 0, "Y\n"))
    assert not text.changes.put(hunk, parts)
    text.compare()
    text.check()


def test_restored_work_is_found_when_the_text_is_opened() -> None:
    text = Text("one\ntwo\nthree", "zero\none\nTWO\nthree")
    assert text.hunks == [(0, 1, 0, 0), (2, 1, 1, 1)]


@pytest.mark.parametrize("seed", range(40))
def test_after_random_edits_the_hunks_are_true(seed: int) -> None:
    """Whatever is edited where, also in several places at once; and once all is back, nothing is left."""
    chance = random.Random(seed)
    base = "".join(chance.choice(["a\n", "b\n", "\n", "cd\n", "e"]) for _ in range(chance.randrange(1, 30)))
    text = Text(base)
    for _ in range(40):
        splices = []
        end = len(text.text)
        for _ in range(chance.choice([1, 1, 1, 3])):
            stop = chance.randrange(end + 1)
            start = chance.randrange(max(0, stop - 6), stop + 1)
            splices.append((start, stop, chance.choice(["", "", "x", "\n", "a\nb\n", "\n\n"])))
            end = start
        text.edit(*splices)
        text.check()
        shown = [hunk for hunk in text.changes if hunk.first <= 3 and hunk.last >= 1]
        assert text.changes.between(1, 3) == shown
    text.edit((0, len(text.text), base))
    text.compare()
    assert text.hunks == []


def test_a_hunk_of_one_line_is_compared_without_the_comparison_of_texts() -> None:
    assert compare(Hunk(3, 1, 3, 1, exact=False), "a", "b") == [Hunk(3, 1, 3, 1)]
