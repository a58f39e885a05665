"""Markdown of outputs as lines: headings, lists, quotations, code, tables, and what is strong or slanted.

The preview of a text does more of Markdown, in a process that can be killed: any parser of all of it can be made to take minutes. An output
is drawn while somebody types, so this reads it line by line, and each line is gone through once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rich.style import Style

from jpterm_like.tui.outputs.html import lines_of_grid
from jpterm_like.tui.outputs.latex import formulas_in
from jpterm_like.tui.outputs.lines import Line
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.render.row import Span
from jpterm_like.tui.text.cells import clean

SIZE_MAX: Final = 20_000
"""The most code points that are read."""

_HEADING: Final = re.compile(r"#{1,6}[ \t]+(.*?)[ \t#]*$")
_FENCE: Final = re.compile(r"[ \t]{0,3}(```+|~~~+)")
_ITEM: Final = re.compile(r"([ \t]*)[-*+][ \t]+")
_TABLE_RULE: Final = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_INLINE: Final = re.compile(
    r"`([^`\n]{1,200})`|\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__|\*([^*\s][^*\n]{0,200})\*|\[([^\]\n]{1,200})\]\([^)\n]{0,200}\)"
)


def lines_of_markdown(text: str, look: Look) -> list[Line]:
    """The lines of a Markdown text."""
    lines: list[Line] = []
    written = text[:SIZE_MAX].split("\n")
    fence = ""
    at = 0
    while at < len(written):
        line = written[at]
        at += 1
        if fence:
            if line.strip().startswith(fence):
                fence = ""
            else:
                lines.append(Line(line, (Span(0, len(line), look.code),)))
        elif (found := _FENCE.match(line)) is not None:
            fence = found[1]
        elif "|" in line and at < len(written) and _TABLE_RULE.match(written[at]):
            end = at + 1
            while end < len(written) and "|" in written[end]:
                end += 1
            lines += _table([line, *written[at + 1 : end]], look)
            at = end
        elif (found := _HEADING.match(line)) is not None:
            shown, _ = _inline(found[1], look)
            lines.append(Line(shown, (Span(0, len(shown), look.heading),)))
        else:
            lead = _ITEM.match(line)
            head = f"{lead[1]}• " if lead is not None else ""
            shown, spans = _inline(line[lead.end() :] if lead is not None else line, look)
            moved = [Span(start + len(head), end + len(head), style) for start, end, style in spans]
            lines.append(Line(head + shown, tuple(moved)))
    while lines and not lines[-1].text.strip():
        lines.pop()
    if len(text) > SIZE_MAX:
        lines.append(Line("…"))
    return lines


def _inline(text: str, look: Look) -> tuple[str, list[Span]]:
    """A text without its marks, and what they mean."""
    shown = ""
    spans: list[Span] = []
    at = 0
    styles = (look.code, Style(bold=True), Style(bold=True), Style(italic=True), Style(underline=True))
    for found in _INLINE.finditer(text):
        shown += formulas_in(text[at : found.start()])
        at = found.end()
        kind = found.lastindex or 1
        inner = found[kind]
        spans.append(Span(len(shown), len(shown) + len(inner), styles[kind - 1]))
        shown += inner
    return shown + formulas_in(text[at:]), spans


def _table(rows: Iterable[str], look: Look) -> list[Line]:
    cells = [
        [(clean(_inline(cell.strip(), look)[0]), not number) for cell in row.strip().strip("|").split("|")]
        for number, row in enumerate(rows)
    ]
    return lines_of_grid(cells, look)
