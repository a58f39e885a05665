"""Hard wrap: the edits that break the lines of paragraphs at a width. Pure.

Only the gaps between words change, each by an edit of its own, so a caret in a word stays in it. Headings, tables, code,
rules and blank lines stay as they are, and so does a line that ends with a hard break.

It leaves out: breaks within words that are longer than a line, and balanced lines (Knuth and Plass); each line takes as many words
as fit, as `fmt` and vim's `gq` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from crdt.patch import Splice
from jpterm_like.tui.text.cells import width_of
from jpterm_like.tui.text.prefix import Prefix, ends_in_fence, is_break, prefix_of

_IDEOGRAPH: Final = "\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_IDEOGRAPH}][^\w\s(\[「『（]*|(?:[^\s{_IDEOGRAPH}]|[「『（][{_IDEOGRAPH}]?)+")
"""A word, or an ideograph with the punctuation that must not begin a line; lines may be broken between ideographs."""

_BEGINS_BLOCK: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)]|#{1,6}|={1,}|-{2,}|[>|<].*|`{3,}.*|~{3,}.*)$")
"""A word that would begin a list, heading or the like if it came first in a line."""

_KEPT: Final = re.compile(r"#{1,6}(?:\s|$)|\||<|={2,}\s*$|\[[^\]]+\]:\s|:{0,1}-{3,}")
"""The beginning of a line that is no paragraph: heading, table, HTML, underline, link definition."""


class Line(NamedTuple):
    """A line of a paragraph."""

    start: int
    """Offset in code points of the line in the whole."""
    prefix: str
    text: str
    """What follows the prefix."""


class Paragraph(NamedTuple):
    """Lines that are wrapped as one."""

    first_row: int
    lines: tuple[Line, ...]
    hang: str
    """The prefix of each line but the first."""


def paragraphs(lines: Sequence[str], comment: str = "", fenced: bool = False) -> Iterator[Paragraph]:
    """Find the paragraphs of some lines.

    Args:
        comment: what begins a comment; if given, only comments have paragraphs. Empty: the text is prose.
        fenced: whether the first line is in a code fence.
    """
    open_fence = "```\n" if fenced else ""
    found: list[tuple[int, Line, Prefix]] = []
    start = 0
    is_head = (
        bool(lines) and not comment and lines[0].rstrip() == "---" and "---" in map(str.rstrip, lines[1:])
    )
    for row, line in enumerate(lines):
        size, inner = _split(line, comment)
        text = line[size:]
        fence_mark = not comment and re.match(r"[ \t>]*(?:[-*+] +|\d+[.)] +)*(?:`{3,}|~{3,})", line)
        if is_head or open_fence or fence_mark:
            plain = False
            is_head = is_head and (row == 0 or line.rstrip() != "---")
            if open_fence or fence_mark:
                open_fence += line + "\n"
                open_fence = open_fence if ends_in_fence(open_fence) else ""
        else:
            plain = size >= 0 and bool(text.strip()) and not _KEPT.match(line[size:])
            plain = plain and not (not found and not inner.bullet and _is_code(inner) and not comment)
        if found and (not plain or inner.bullet or not _continues(found[-1], line[:size], inner)):
            yield _paragraph(found)
            found = []
        if plain:
            found.append((row, Line(start, line[:size], text), inner))
            if text.endswith(("  ", "\\")):
                yield _paragraph(found)
                found = []
        start += len(line) + 1
    if found:
        yield _paragraph(found)


def _split(line: str, comment: str) -> tuple[int, Prefix]:
    """The size of the prefix of a line, -1 if it is no comment where one is asked for; and the part behind the comment sign."""
    if not comment:
        prefix = prefix_of(line)
        return (-1 if not prefix.size and is_break(line) else prefix.size), prefix
    text = line.lstrip(" \t")
    if not text.startswith(comment) or text.startswith("#!"):
        return -1, Prefix()
    marks = len(line) - len(text) + len(comment)
    while line[marks : marks + 1] in ("/", "!") and comment == "//":
        marks += 1
    prefix = prefix_of(line[marks:])
    return marks + prefix.size, prefix


def _is_code(prefix: Prefix) -> bool:
    return prefix.indent.startswith(("\t", "    "))


def _continues(before: tuple[int, Line, Prefix], prefix: str, inner: Prefix) -> bool:
    """Whether a line without a bullet belongs to the paragraph of the line before it."""
    _, line, last = before
    sign = len(line.prefix) - last.size
    return last.quote.replace(" ", "") == inner.quote.replace(" ", "") and (
        line.prefix[:sign] == prefix[: len(prefix) - inner.size]
    )


def _paragraph(found: list[tuple[int, Line, Prefix]]) -> Paragraph:
    row, first, inner = found[0]
    if inner.bullet:
        outer = len(first.prefix) - len(inner.bullet) - len(inner.gap) - len(inner.box)
        hang = first.prefix[:outer] + " " * len(inner.bullet + inner.gap)
    else:
        hang = found[1][1].prefix if len(found) > 1 else first.prefix
    return Paragraph(row, tuple(line for _, line, _ in found), hang)


class _Word(NamedTuple):
    start: int
    end: int
    text: str


def wrap(paragraph: Paragraph, width: int) -> list[Splice]:
    """The edits that wrap a paragraph at a width in cells, in the order of the text, in offsets of the given lines, joined by newlines."""
    words = [
        _Word(at + found.start(), at + found.end(), found[0])
        for line in paragraph.lines
        for at in (line.start + len(line.prefix),)
        for found in _WORD.finditer(line.text)
    ]
    source = "\n".join(line.prefix + line.text for line in paragraph.lines)
    base = paragraph.lines[0].start
    edits = []
    x = width_of(paragraph.lines[0].prefix.expandtabs(4))
    hang_width = width_of(paragraph.hang.expandtabs(4))
    for index, word in enumerate(words):
        length = width_of(word.text)
        if index == 0:
            x += length
            continue
        before = words[index - 1]
        gap = source[before.end - base : word.start - base]
        joint = gap if "\n" not in gap else "" if _are_wide(before.text, word.text) else " "
        # A sign that would begin a list or the like stays behind the word before it, and that one makes room for it.
        following = words[index + 1] if index + 1 < len(words) else None
        ahead = 0
        if following is not None and _BEGINS_BLOCK.match(following.text):
            ahead = 1 + width_of(following.text)
        fits = x + len(joint) + length + ahead <= width
        wanted = joint if fits or _BEGINS_BLOCK.match(word.text) else "\n" + paragraph.hang
        if wanted[:1] == "\n":
            x = hang_width + length
        else:
            x += len(joint) + length
        if gap.lstrip(" \t") != wanted if wanted[:1] == "\n" else gap != wanted:
            edits.append(Splice(before.end, word.start, wanted))
    return edits


def _are_wide(before: str, after: str) -> bool:
    return bool(re.match(f"[{_IDEOGRAPH}]", before) and re.match(f"[{_IDEOGRAPH}]", after))
