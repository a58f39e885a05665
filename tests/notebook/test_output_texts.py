"""What cells gave as text: told once, in whole lines, as it comes."""

from __future__ import annotations

import random

import pytest

from jpterm_like.notebook.output_texts import STREAMS, NewText, StreamName, plain_text_of
from jpterm_like.notebook.outputs import CellOutputs, Display, Error, Gap, Item, Stream, Widget


def grown(items: tuple[Item, ...], rng: random.Random) -> tuple[Item, ...]:
    """The outputs of a cell that has gone on: its last stream is longer, or has another last line, or something follows."""
    last = items[-1] if items else None
    words = rng.choice(("", "a", "bc\n", "\n", "d\ne", "\n\nf"))
    match rng.randrange(6):
        case 0 | 1 | 2 if isinstance(last, Stream):
            return (*items[:-1], Stream(last.name, tuple(("\n".join(last.lines) + words).split("\n"))))
        case 3 if isinstance(last, Stream):  # a line was printed over
            return (*items[:-1], Stream(last.name, (*last.lines[:-1], "x" * rng.randrange(4))))
        case 4:
            return (
                *items,
                rng.choice((Display({"text/plain": "1\n2"}), Error("E", "no", ()), Gap(3, None, None))),
            )
    name = rng.choice([each for each in STREAMS if not isinstance(last, Stream) or each != last.name])
    return (*items, Stream(name, tuple(words.split("\n"))))


def all_text(items: tuple[Item, ...], stream: StreamName) -> str:
    """The slow twin: all that there is, put together anew."""
    texts = []
    for item in items:
        match item:
            case Stream(name, lines) if name == stream:
                texts.append("\n".join(lines))
            case Display() if stream == "stdout":
                texts.append("1\n2\n")
            case Error() if stream == "stderr":
                texts.append("E: no\n")
            case Gap() if stream == "stderr":
                texts.append("[3 messages of the kernel were lost here]\n")
    return "".join(texts)


@pytest.mark.parametrize("seed", range(300))
def test_what_is_told_piece_by_piece_is_what_there_is_in_the_end(seed: int) -> None:
    rng = random.Random(seed)
    items: tuple[Item, ...] = ()
    new = NewText()
    told: dict[StreamName, str] = {"stdout": "", "stderr": ""}
    for version in range(1, 20):
        items = grown(items, rng)
        for name, text in new.of("r", CellOutputs(version, "", items, True), is_over=False):
            assert text.endswith("\n")
            told[name] += text
        for name in STREAMS:
            whole = all_text(items, name)
            assert told[name] == whole[: whole.rfind("\n") + 1]
    for _ in range(2):  # it is told once, also when asked again
        for name, text in new.of("r", CellOutputs(20, "", items, False), is_over=True):
            told[name] += text
    for name in STREAMS:
        assert told[name] == all_text(items, name)


def test_what_comes_after_the_end_of_a_run_is_told_from_there() -> None:
    new = NewText()
    outputs = CellOutputs(1, "", (Stream("stdout", ("a", "b")),), False)
    assert list(new.of("r", outputs, is_over=True)) == [("stdout", "a\nb")]
    outputs = CellOutputs(2, "", (Stream("stdout", ("a", "bc", "")), Display({"text/plain": "42"})), False)
    assert list(new.of("r", outputs, is_over=True)) == [("stdout", "c\n42\n")]


class Looked(tuple[str, ...]):
    """Lines that count how many of them are taken."""

    taken = 0

    def __getitem__(self, at: object) -> object:  # type: ignore[override]
        found = super().__getitem__(at)  # type: ignore[index]
        Looked.taken += len(found) if isinstance(at, slice) else 1
        return found


def test_each_line_is_looked_at_once_however_often_a_cell_prints() -> None:
    """All was put together anew at each change: the time of a cell that prints much grew with the square of it."""
    Looked.taken = 0
    new, count = NewText(), 500
    for version in range(1, count + 1):
        lines = Looked((*(f"line {number}" for number in range(version)), ""))
        items = (Stream("stdout", lines), Stream("stderr", ("", "")))
        assert next(new.of("r", CellOutputs(version, "", items, True), is_over=False)) == (
            "stdout",
            f"line {version - 1}\n",
        )
    assert Looked.taken < 6 * count


def test_no_escape_is_in_a_plain_text() -> None:
    assert (
        plain_text_of(
            CellOutputs(1, "", (Stream("stdout", ("\x1b[>4m\x1b[31mred\x1b[0m\x1b[2J\r", "")),), False)
        )
        == "red\n"
    )


def test_what_was_printed_into_a_widget_is_in_the_whole_text() -> None:
    """Also into one that is in another; it was in no text."""
    inner = Widget(
        "w", "OutputModel", {}, items=(Stream("stdout", ("in it",)), Display({"text/plain": "42"}))
    )
    outer = Widget("v", "VBoxModel", {}, (inner,))
    items = (Stream("stdout", ("before", "")), outer, Stream("stdout", ("after", "")))
    assert plain_text_of(CellOutputs(1, "", items, False)) == "before\nin it\n42\nafter\n"
