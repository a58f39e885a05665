"""Edits are as small as they can be (`tui.text.minimal_edits`)."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from crdt.patch import Patch, Splice
from jpterm_like.tui.text.minimal_edits import (
    PIECE,
    at_once,
    replace_differing,
    replace_lines,
    replace_pieces,
    staying,
    trim,
)


@pytest.mark.parametrize("seed", range(300))
def test_lines_become_what_was_asked_for(seed: int) -> None:
    """Whatever lines become whatever lines, with and without a newline at the end."""
    chance = random.Random(seed)
    old = [chance.choice("abcde") * chance.randrange(3) for _ in range(chance.randrange(1, 8))]
    new = [chance.choice("abcdef") * chance.randrange(3) for _ in range(chance.randrange(1, 8))]
    if chance.random() < 0.5:
        new = chance.sample(old, len(old))
    before, after = "before\n", "\nafter" if chance.random() < 0.5 else ""
    text = before + "\n".join(old) + after
    splices = replace_lines(len(before), old, new, ends=bool(after))
    for later, earlier in pairwise(splices):
        assert earlier.end <= later.start
    assert Patch(tuple(splices)).apply(text) == before + "\n".join(new) + after, (seed, splices)


@pytest.mark.parametrize("seed", range(100))
def test_as_many_lines_stay_as_can(seed: int) -> None:
    """Compared with trying all subsequences."""
    chance = random.Random(seed)
    old = list("abcdefg"[: chance.randrange(8)])
    new = chance.sample(old, len(old))
    most = max(
        size
        for size in range(len(old) + 1)
        for rows in combinations(range(len(old)), size)
        if sorted(rows, key=lambda row: new.index(old[row])) == list(rows)
    )
    stays = at_once(staying(old, new))
    assert len(stays) == most
    assert all(old[row] == new[at] for row, at in stays)


def test_runs_of_changed_letters() -> None:
    pieces = [(letter, letter.upper()) for letter in "aB cß"]
    assert replace_pieces(5, pieces) == [Splice(8, 10, "CSS"), Splice(5, 6, "A")]


def test_trim_leaves_equal_ends() -> None:
    assert trim(3, "color", "colour") == Splice(7, 7, "u")
    assert trim(0, "aa", "aaa") == Splice(2, 2, "a")


def test_lines_that_a_command_changes_are_changed_within() -> None:
    """`sed s/color/colour/`: a caret elsewhere in such a line stays."""
    splices = replace_lines(0, ["a color", "b", "c color"], ["a colour", "b", "c colour"], ends=True)
    assert splices == [Splice(16, 16, "u"), Splice(6, 6, "u")]


def test_lines_that_stay_cost_nothing_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offsets of all lines were copied for each line that stays: removing repeated ones from 100,000 took seven seconds."""
    compared: list[int] = []
    zipped = zip

    def counted(*lists: list[object], strict: bool) -> object:
        compared.append(sum(len(it) for it in lists if hasattr(it, "__len__")))
        return zipped(*lists, strict=strict)

    monkeypatch.setattr("jpterm_like.tui.text.minimal_edits.zip", counted, raising=False)
    lines = [f"{number}" for number in range(1_000)]
    (splice,) = replace_lines(0, [*lines, "0"], lines, ends=True)
    assert splice.text == "" and sum(compared) <= len(lines)


def test_what_differs_is_replaced_run_by_run_with_pauses() -> None:
    chance = random.Random(7)
    for size in (0, 1, 10, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7):
        old = "".join(chance.choice("ab ") for _ in range(size))
        new = old.replace("a", "A")
        edits = list(replace_differing(old, new))
        text = old
        for edit in edits:
            if edit is not None:
                text = text[: edit.start] + edit.text + text[edit.end :]
        assert text == new
        assert edits.count(None) == max(0, -(-size // PIECE) - 1)
