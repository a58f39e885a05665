"""Turn what is seen of a text into a record that finds its places again, and back.

A place is found by its character, wherever others have moved it meanwhile; in a text with another history by its line, near the row
where that was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from crdt import Anchor, ForeignOp
from jpterm_like.last_time import KeptView, Place
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.folds import Fold
from jpterm_like.tui.text.layout import TextLayout

FOLDS_KEPT_MAX: Final = 200
"""The most folds that are remembered."""

ROWS_SEARCHED: Final = 300
"""How far above and below its row a line is searched for."""

LINE_CHECKED_MAX: Final = 200
"""How much of a line its checksum covers."""


def kept_view(editor: Editing) -> KeptView | None:
    """Record what is seen of a text; None at its very start, where everybody begins."""
    layout, view = editor.text_layout, editor.view
    caret, top = editor.cursor.caret, view.top_offset
    if not caret and not top and not view.folds.all:
        return None
    start = layout.lines.start
    folds = tuple(
        (_place(layout, start(fold.head), before=True), _place(layout, start(fold.last), before=True))
        for fold in view.folds.all[:FOLDS_KEPT_MAX]
    )
    return KeptView(_place(layout, caret), _place(layout, top, before=True), folds)


def restore_view(editor: Editing, kept: KeptView) -> None:
    """Show a text as it was seen; a fold whose first line has changed stays open."""
    layout, view = editor.text_layout, editor.view
    for first, last in kept.folds:
        head, end = (layout.lines.row(_offset(layout, place)) for place in (first, last))
        if head < end and _checksum(layout, head) == first.line:
            view.folds.close(*Fold(head, end))
    view.show_from(_offset(layout, kept.top))
    editor.cursor.put(layout.snap(_offset(layout, kept.caret)))


def _place(layout: TextLayout, offset: int, *, before: bool = False) -> Place:
    row, column = layout.lines.place(offset)
    buffer = layout.buffer
    # No character follows the end of the text; an anchor there would move with everything appended.
    anchor = buffer.anchor(offset, before=True) if before and offset < len(buffer) else buffer.caret(offset)
    return Place(anchor.encode().hex(), row, column, _checksum(layout, row))


def _offset(layout: TextLayout, place: Place) -> int:
    found = None
    with contextlib.suppress(ForeignOp):
        found = layout.buffer.offset(Anchor.decode(bytes.fromhex(place.anchor)))
    if found is not None:
        return found
    lines = layout.lines
    row = next(
        (row for row in _near(place.row) if row < len(lines) and _checksum(layout, row) == place.line), None
    )
    if row is None:
        row = min(place.row, len(lines) - 1)
    return lines.offset(row, place.column)


def _near(row: int) -> Iterator[int]:
    """Rows in the order of their distance from a row."""
    yield row
    for distance in range(1, ROWS_SEARCHED + 1):
        if distance <= row:
            yield row - distance
        yield row + distance


def _checksum(layout: TextLayout, row: int) -> int:
    start, end = layout.lines.span(row)
    return crc32(layout.buffer.slice(start, min(end, start + LINE_CHECKED_MAX)).encode("utf-8"))
