"""Commands that go to a place: bookmarks, the outline, a line, the last edit, a bracket, what others changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Final

from jpterm_like.tui.commands.editing import Editing, FoundChoices
from jpterm_like.tui.text.brackets import matching_bracket
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.outline import ROWS_MAX, outline, outline_steps

BOOKMARKS_MAX: Final = 100
"""The most bookmarks in a text; a further one replaces the oldest."""

ROWS_AT_ONCE: Final = 5_000
"""Lines read in one piece for the outline."""


# Bookmarks


def bookmarked_rows(editor: Editing) -> list[int]:
    """The rows with a bookmark, in order."""
    for bookmark in editor.bookmarks:
        bookmark.follow()
    return sorted({editor.text_layout.lines.row(bookmark.offset) for bookmark in editor.bookmarks})


def do_toggle_bookmark(editor: Editing) -> None:
    row_of = editor.text_layout.lines.row
    row = row_of(editor.cursor.caret)
    if row in bookmarked_rows(editor):
        editor.bookmarks = [bookmark for bookmark in editor.bookmarks if row_of(bookmark.offset) != row]
        editor.say("Bookmark removed.")
    else:
        # In front of the line's first letter: it moves along when a line is inserted above.
        start = editor.text_layout.lines.start(row)
        editor.bookmarks.append(TrackedOffset(editor.session.buffer, start, before=True))
        del editor.bookmarks[:-BOOKMARKS_MAX]
        editor.update()


def do_next_bookmark(editor: Editing) -> None:
    rows = bookmarked_rows(editor)
    here = editor.text_layout.lines.row(editor.cursor.caret)
    if not rows:
        editor.say("There are no bookmarks in this file.")
        return
    row = next((row for row in rows if row > here), rows[0])
    editor.go(editor.text_layout.lines.start(row))


# Headings and symbols


def _read_lines(editor: Editing) -> Iterator[str]:
    """The first ROWS_MAX lines of the text and one more, read in pieces; others may write in between."""
    lines = editor.text_layout.lines
    for first in range(0, ROWS_MAX + 1, ROWS_AT_ONCE):
        last = min(len(lines), first + ROWS_AT_ONCE) - 1
        if last < first:
            break
        yield from editor.text_layout.buffer.slice(lines.start(first), lines.span(last)[1]).split("\n")


def do_outline(editor: Editing) -> None:
    """Choose a heading or a symbol to go to."""
    lines = editor.text_layout.lines

    def go(row: str) -> None:
        editor.jump(lines.start(min(int(row), len(lines) - 1)))

    editor.choose_when_found("Go to", _find_entries(editor), go)


def _find_entries(editor: Editing) -> Generator[None, None, FoundChoices]:
    entries, cut_at = yield from outline_steps(editor.session.title, _read_lines(editor))
    where = "here" if cut_at is None else f"in the first {cut_at:,} lines; the rest was not searched"
    if not entries:
        return FoundChoices(f"There are no headings or symbols {where}.", [])
    choices = [
        (str(entry.row), "  " * entry.depth + clean(entry.name, 70), f"line {entry.row + 1}")
        for entry in entries
    ]
    here = editor.text_layout.lines.row(editor.cursor.caret)
    before = [entry.row for entry in entries if entry.row <= here]
    title = "Go to" if cut_at is None else f"Go to ({where})"
    return FoundChoices(title, choices, str(before[-1]) if before else None)


def go_to_heading(editor: Editing, heading: str) -> bool:
    """Go to a heading as a link names it ("what-is-new", the second one "what-is-new-1"), and return whether it is there."""
    from jpterm_like.tui.text.links import slug

    wanted, seen = slug(heading), Counter[str]()
    for entry in outline(editor.session.title, _read_lines(editor)).entries:
        name = slug(entry.name)
        if wanted == (f"{name}-{seen[name]}" if seen[name] else name):
            editor.jump(editor.text_layout.lines.start(entry.row))
            return True
        seen[name] += 1
    return False


# Lines, edits, brackets


def go_to_line(editor: Editing, text: str) -> bool:
    """Go to "line" or "line:column", both from 1, and return whether `text` is one."""
    line, _, column = text.partition(":")
    if not line.isdecimal() or not (column or "1").isdecimal():
        return False
    row = max(0, min(int(line[:9]) - 1, len(editor.text_layout.lines) - 1))
    cluster = max(0, int((column or "1")[:9]) - 1)
    editor.jump(editor.text_layout.lines.start(row) + editor.text_layout.cells(row).at(cluster))
    return True


def do_last_edit(editor: Editing) -> None:
    """Go to where I last wrote; called again, to the place before that."""
    offset = editor.previous_edit()
    if offset is None:
        editor.say("You have not written anything here yet.")
    else:
        editor.go(editor.text_layout.snap(offset))


def do_matching_bracket(editor: Editing) -> None:
    pair = matching_bracket(editor.session.buffer, editor.cursor.caret)
    if pair is None:
        editor.say("There is no matching bracket nearby.")
    else:
        editor.go(editor.text_layout.snap(pair[1]))


def do_next_change(editor: Editing) -> None:
    """Go to the next line that others have changed since I last looked."""
    row = editor.unseen_changes.after(editor.text_layout.lines.row(editor.cursor.caret))
    if row is None:
        editor.say("Nobody has changed anything since you looked.")
    else:
        editor.go(editor.text_layout.lines.start(row))
