"""Replace in one file of a search: through its session, in slices of time, as one undo step.

A file is left as it is if it may not be written, or if its lines with matches are not those that were found any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter
from typing import Final

from jpterm_like.client.events import Changed, Event, Reset
from jpterm_like.errors import JptermError
from jpterm_like.tui.commands.bulk_edit import BulkEdit, LineEdit
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.search_process import digest_of
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.query import BoundedPattern, Query, expand

STEP_S: Final = 0.01
"""How long a step takes before the keyboard is served again."""

PATTERN_S: Final = 1.0
"""What a pattern may take too long in one file: the limit for the keyboard is lower, and here nobody types."""


TAB_WIDTH: Final = 4
"""Of a layout that nobody sees."""


class Left(JptermError):
    """The file was left as it was; the sentence says why, in a few words."""


async def replace_in(session: EditorSession, query: Query, template: str, digest: str) -> int:
    """Replace every match, and return how many there were.

    Args:
        session: of the text; joined, with everything that the server has.
        digest: of the lines with matches that were found (`search_process.digest_of`).

    Raises:
        Left: nothing was replaced.
    """
    if session.role == "view" or session.is_protected:
        raise Left("read-only")
    text_layout = TextLayout(session.buffer, TAB_WIDTH)
    is_same = True

    def follow(event: Event) -> None:
        nonlocal is_same
        if isinstance(event, Changed):
            text_layout.follow(event.patch)
        elif isinstance(event, Reset):
            is_same = False

    stop_listening = session.listen(follow)
    try:
        if await _digest_now(text_layout, query) != digest or not is_same:
            raise Left("changed since the search")
        pattern = BoundedPattern(query, PATTERN_S)

        def edits(row: int) -> Iterator[LineEdit | None]:
            found: list[LineEdit] = []
            for match in pattern.in_pieces(text_layout.line(row)):
                if match is None:
                    yield None
                else:
                    found.append((match.start(), match.end(), expand(match, template, query.regex)))
            yield from reversed(found)

        bulk_edit = BulkEdit(session, text_layout, 0, len(text_layout.lines) - 1, edits)
        try:
            while is_same:
                if not bulk_edit.step(STEP_S):
                    break
                await asyncio.sleep(0)
        finally:
            bulk_edit.end()
            session.break_undo()
        return bulk_edit.changes
    finally:
        stop_listening()


async def _digest_now(text_layout: TextLayout, query: Query) -> str:
    """The digest of the lines that match now; "" if the pattern takes too long."""
    pattern = BoundedPattern(query, PATTERN_S)
    lines: list[str] = []
    row, until = 0, perf_counter() + STEP_S
    while row < len(text_layout.lines):
        line = text_layout.line(row)
        for match in pattern.in_pieces(line):
            if match is not None:
                lines.append(line)
                break
            await asyncio.sleep(0)
        row += 1
        if perf_counter() > until:
            await asyncio.sleep(0)
            until = perf_counter() + STEP_S
    return "" if pattern.gave_up else digest_of(lines)
