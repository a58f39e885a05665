"""The line index against a slow twin that keeps the text and splits it."""

from __future__ import annotations

import random

import pytest

from jpterm_like.tui.text.line_index import Lines, Sums


class SlowLines:
    """The same face, as one would write it without caring about speed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __len__(self) -> int:
        return self.text.count("\n") + 1

    def span(self, row: int) -> tuple[int, int]:
        rows = self.text.split("\n")
        start = sum(len(line) + 1 for line in rows[:row])
        return start, start + len(rows[row])

    def place(self, offset: int) -> tuple[int, int]:
        before = self.text[:offset]
        return before.count("\n"), len(before) - before.rfind("\n") - 1

    def splice(self, start: int, end: int, text: str) -> tuple[int, int, int, int, int]:
        removed = self.text[start:end].count("\n") + 1
        row, column = self.place(start)
        _, end_column = self.place(end)
        self.text = self.text[:start] + text + self.text[end:]
        return row, removed, text.count("\n") + 1, column, end_column


def random_text(dice: random.Random, size: int) -> str:
    return "".join(dice.choice("ab\n\n\x0c\u2028😀") for _ in range(dice.randrange(size)))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 256])
def test_follows_random_splices_like_its_slow_twin(
    seed: int, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same rows, columns and spans after each splice, with chunks so small that all of them split and join; and with texts that are
    so long that their lines are read later."""
    if seed % 2:
        monkeypatch.setattr("jpterm_like.tui.text.line_index.LONG", seed % 5)
    dice = random.Random(seed)
    text = random_text(dice, 60)
    fast, slow = Lines(text, chunk_rows), SlowLines(text)
    fast.check()
    for _ in range(60):
        start = dice.randint(0, len(slow.text))
        end = min(len(slow.text), start + dice.choice((0, 0, 1, 3, 30)))
        new = random_text(dice, dice.choice((1, 2, 4, 40)))
        assert tuple(fast.splice(start, end, new)) == slow.splice(start, end, new)
        fast.check()
        assert len(fast) == len(slow) and fast.size == len(slow.text)
        for row in range(len(slow)):
            assert fast.span(row) == slow.span(row), (seed, row)
            assert fast.start(row) == slow.span(row)[0]
            assert fast.length(row) == slow.span(row)[1] - slow.span(row)[0]
        for offset in range(len(slow.text) + 1):
            assert fast.place(offset) == slow.place(offset), (seed, offset)
            assert fast.offset(*fast.place(offset)) == offset


@pytest.mark.parametrize("seed", range(20))
def test_lines_are_read_bit_by_bit_while_they_change(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a part of the text was read already shows in nothing, and all of it can be read."""
    if seed % 2:
        monkeypatch.setattr("jpterm_like.tui.text.line_index.LONG", 0)
    dice = random.Random(seed)
    text = random_text(dice, 200)
    fast, slow = Lines(text, 2), SlowLines(text)
    more = True
    while more:
        if dice.random() < 0.5:
            more = fast.read_on()
        else:
            start = dice.randint(0, len(slow.text))
            end = min(len(slow.text), start + dice.choice((0, 1, 3)))
            new = random_text(dice, 4)
            assert tuple(fast.splice(start, end, new)) == slow.splice(start, end, new)
        fast.check()
    assert [fast.span(row) for row in range(len(slow))] == [slow.span(row) for row in range(len(slow))]


def test_refuses_what_is_not_there() -> None:
    """A row or an offset outside is a mistake of ours, told with its numbers."""
    lines = Lines("a\nb")
    for ask in (
        lambda: lines.place(4),
        lambda: lines.place(-1),
        lambda: lines.span(2),
        lambda: lines.start(-1),
    ):
        with pytest.raises(IndexError):
            ask()


def test_a_column_behind_the_end_is_the_end() -> None:
    assert Lines("ab\ncd").offset(0, 9) == 2


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9])
def test_sums(count: int) -> None:
    """Sums before each place, and the last place with at most that sum."""
    numbers = [index % 3 for index in range(count)]
    sums = Sums(numbers[: count // 2])
    for number in numbers[count // 2 :]:
        sums.append(number)
    for index in range(count + 1):
        assert sums.before(index) == sum(numbers[:index])
    for amount in range(sum(numbers) + 2):
        index, left = sums.find(amount)
        assert sum(numbers[:index]) + left == amount
        assert index == count or numbers[index] > left
