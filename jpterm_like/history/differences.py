"""What differs between two versions of a text, in the form of a unified diff.

The operations say which characters differ; nothing is guessed by comparing texts. Hunks are widened to lines, and to
words where words are shown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from crdt import Hunk, TextBuffer, Version

CONTEXT: int = 3
"""Lines shown before and after a change."""


class _Lines(NamedTuple):
    """The lines of a text, each with its line break."""

    starts: list[int]
    """Offset of each line, and of the end after a last line break."""
    texts: list[str]

    @staticmethod
    def of(text: str) -> _Lines:
        texts = text.split("\n")
        starts = [0]
        for line in texts[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        return _Lines(starts, [*(f"{line}\n" for line in texts[:-1]), *([texts[-1]] if texts[-1] else [])])

    def rows(self, start: int, end: int) -> tuple[int, int]:
        """Return the lines that the offsets `start` to `end` (included) are in, the end not included."""
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end)
        return min(first, len(self.texts)), min(last, len(self.texts))


class _Block(NamedTuple):
    """Lines that differ: ranges of both texts, ends not included."""

    old_start: int
    old_end: int
    start: int
    end: int
    hunks: tuple[Hunk, ...]

    @property
    def differs(self) -> bool:
        return self.old_start < self.old_end or self.start < self.end


def unified_diff(
    buffer: TextBuffer, old: Version, new: Version, old_name: str, new_name: str, words: bool = False
) -> Iterator[str]:
    """Yield the lines of a unified diff, with their line breaks; nothing if the texts are equal. O(document).

    With `words`, lines are not shown twice; what is gone stands in `[-…-]` and what is new in `{+…+}`, as in
    `git diff --word-diff`, with `⏎` for a line break.
    """
    before, after = buffer.at(old), buffer.at(new)
    if before == after:
        return
    hunks = buffer.changes(old, new)
    old_lines, new_lines = _Lines.of(before), _Lines.of(after)
    blocks = _blocks(hunks, old_lines, new_lines)
    if not words:
        blocks = [it for it in (_trimmed(block, old_lines, new_lines) for block in blocks) if it.differs]
    yield f"--- {old_name}\n"
    yield f"+++ {new_name}\n"
    for group in _groups(blocks):
        begin, end = max(0, group[0].old_start - CONTEXT), group[-1].old_end + CONTEXT
        end = min(end, len(old_lines.texts))
        new_begin = group[0].start - (group[0].old_start - begin)
        new_end = group[-1].end + end - group[-1].old_end
        yield f"@@ -{_range(begin, end)} +{_range(new_begin, new_end)} @@\n"
        at = begin
        for block in group:
            yield from (_line(" ", line) for line in old_lines.texts[at : block.old_start])
            if words:
                yield from _marked(before, after, block, old_lines)
            else:
                yield from (_line("-", line) for line in old_lines.texts[block.old_start : block.old_end])
                yield from (_line("+", line) for line in new_lines.texts[block.start : block.end])
            at = block.old_end
        yield from (_line(" ", line) for line in old_lines.texts[at:end])


def _range(start: int, end: int) -> str:
    if end - start == 1:
        return str(start + 1)
    return f"{start + (end > start)},{end - start}"


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _blocks(hunks: Sequence[Hunk], old: _Lines, new: _Lines) -> list[_Block]:
    """Widen hunks to lines, and join those that share one."""
    blocks: list[_Block] = []
    for hunk in hunks:
        old_start, old_end = old.rows(hunk.old_start, hunk.old_end)
        start, end = new.rows(hunk.start, hunk.end)
        if blocks and (old_start < blocks[-1].old_end or start < blocks[-1].end):
            last = blocks.pop()
            blocks.append(_Block(last.old_start, old_end, last.start, end, (*last.hunks, hunk)))
        else:
            blocks.append(_Block(old_start, old_end, start, end, (hunk,)))
    return blocks


def _trimmed(block: _Block, old: _Lines, new: _Lines) -> _Block:
    """Leave out lines at both edges that are equal."""
    old_start, old_end, start, end, hunks = block
    while old_start < old_end and start < end and old.texts[old_start] == new.texts[start]:
        old_start, start = old_start + 1, start + 1
    while old_start < old_end and start < end and old.texts[old_end - 1] == new.texts[end - 1]:
        old_end, end = old_end - 1, end - 1
    return _Block(old_start, old_end, start, end, hunks)


def _groups(blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    """Yield the blocks whose contexts touch together."""
    group: list[_Block] = []
    for block in blocks:
        if group and block.old_start - group[-1].old_end > 2 * CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _marked(before: str, after: str, block: _Block, old: _Lines) -> Iterator[str]:
    """Yield the lines of a block once, with what is gone and what is new marked by whole words."""
    at = sum(map(len, old.texts[: block.old_start]))
    end = at + sum(map(len, old.texts[block.old_start : block.old_end]))
    pieces: list[str] = []
    for low, high, new_low, new_high in _whole_words(before, after, block.hunks):
        pieces.append(before[at:low])
        pieces.append(_mark(before[low:high], "[-", "-]") + _mark(after[new_low:new_high], "{+", "+}"))
        at = high
    pieces.append(before[at:end])
    text = "".join(pieces)
    for line in text.split("\n")[: -1 if text.endswith("\n") else None]:
        yield f" {line}\n"


def _mark(text: str, begin: str, end: str) -> str:
    """Put marks around each line of a text; a line break that is gone or new is seen as well."""
    lines = text.split("\n")
    marked = [f"{begin}{line}⏎{end}\n" for line in lines[:-1]]
    return "".join([*marked, f"{begin}{lines[-1]}{end}" if lines[-1] else ""])


def _whole_words(before: str, after: str, hunks: Sequence[Hunk]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the ranges of the hunks in both texts, widened to words; those that touch then are one."""
    last: tuple[int, int, int, int] | None = None
    for hunk in hunks:
        low, high, new_low, new_high = hunk.old_start, hunk.old_end, hunk.start, hunk.end
        while (
            low
            and new_low
            and _in_word(before[low - 1])
            and (_in_word(before[low : low + 1]) or _in_word(after[new_low : new_low + 1]))
        ):
            low, new_low = low - 1, new_low - 1
        while (
            high < len(before)
            and new_high < len(after)
            and _in_word(before[high])
            and (_in_word(before[high - 1 : high]) or _in_word(after[new_high - 1 : new_high]))
        ):
            high, new_high = high + 1, new_high + 1
        if last is not None and (low < last[1] or new_low < last[3]):
            last = last[0], max(high, last[1]), last[2], max(new_high, last[3])
            continue
        if last is not None:
            yield last
        last = low, high, new_low, new_high
    if last is not None:
        yield last


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
