"""Continue lists, quotes and comments on enter; indent and outdent list items with tab.

Each function returns whether it did something; if not, the plain command does its work.
"""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.syntax.languages import UNKNOWN, Language, language_of
from jpterm_like.tui.text.cell_markers import is_notebook, kind_at, kind_of_marker
from jpterm_like.tui.text.prefix import Prefix, ends_in_fence, prefix_of

FENCE_CODE_POINTS_MAX: Final = 100_000
"""How much text before the caret is searched for an open code fence: up to 5 ms, if there is one."""

ITEMS_READ: Final = 200
"""How many lines above an item are searched for its parent and the item before it."""

FIRST_LINE_MAX: Final = 200
"""Code points of the first line that may tell the language."""


def language_here(editor: Editing) -> Language:
    """The language of the text, by its name or first line."""
    lines = editor.text_layout.lines
    if is_notebook(editor.session.title):
        kind = kind_at(editor.text_layout.line, lines.row(editor.cursor.caret))
        if kind != "code":
            return language_of("md" if kind == "markdown" else "txt")
    first = editor.session.buffer.slice(0, min(FIRST_LINE_MAX, lines.size)).partition("\n")[0]
    return language_of(editor.session.title, first)


def in_fence(editor: Editing, row: int) -> bool:
    """Whether a row is in a code fence that begins at most FENCE_CODE_POINTS_MAX before it."""
    end = editor.text_layout.lines.start(row)
    return ends_in_fence(editor.session.buffer.slice(max(0, end - FENCE_CODE_POINTS_MAX), end))


def continue_line(editor: Editing) -> bool:
    """Begin the next list item, quoted line or comment line; on an empty one, end the list, quote or comment."""
    language = language_here(editor)
    start, end = editor.cursor.selection
    row, column = editor.text_layout.lines.place(start)
    if is_notebook(editor.session.title) and kind_of_marker(editor.text_layout.line(row)) is not None:
        return False
    if language.prose:
        return editor.settings.continue_lists and _continue_item(editor, row, column, start, end)
    known = language is not UNKNOWN and not language.comment_end
    return known and editor.settings.continue_comments and _continue_comment(editor, row, column, language)


def _continue_item(editor: Editing, row: int, column: int, start: int, end: int) -> bool:
    line = editor.text_layout.line(row)
    prefix = prefix_of(line)
    if not (prefix.quote or prefix.bullet) or column < prefix.size or in_fence(editor, row):
        return False
    if start == end and not line[prefix.size :].strip():
        before = start - column
        editor.replace(before, before + len(line), _outer(editor, row, prefix))
        return True
    if prefix.bullet:
        following = prefix.next(_repeated_number(editor, row, prefix))
    else:
        following = prefix.quote + prefix.indent
    if start == end:  # the blanks between two words do not go along
        rest = line[column:]
        end += len(rest) - len(rest.lstrip(" \t"))
    editor.replace(start, end, "\n" + following)
    return True


def _outer(editor: Editing, row: int, prefix: Prefix) -> str:
    """What is left of the prefix of an empty item: the next item of the list around it, or else the quote without a mark."""
    if prefix.bullet:
        parent = _parent(editor, row, prefix)
        if parent is None:
            return prefix.quote
        return prefix._replace(
            indent=parent.indent, bullet=parent.bullet, gap=parent.gap, box=parent.box
        ).next()
    return prefix.quote.rstrip().removesuffix(">") if not prefix.indent else prefix.quote


def _repeated_number(editor: Editing, row: int, prefix: Prefix) -> int | None:
    """The number of an item whose list has the same number at each item, as Markdown permits; else None."""
    before = _sibling(editor, row, prefix)
    return prefix.number if before is not None and before.number == prefix.number else None


def _above(editor: Editing, row: int, quote: str) -> list[Prefix]:
    """The items above a row within the same quote, up to a line of text that belongs to no list; the nearest first."""
    found = []
    for above in range(row - 1, max(-1, row - 1 - ITEMS_READ), -1):
        line = editor.text_layout.line(above)
        prefix = prefix_of(line)
        if prefix.quote.strip() != quote.strip():
            break
        if prefix.bullet:
            found.append(prefix)
        elif line[len(prefix.quote) :].strip() and not prefix.indent:
            break
    return found


def _width(editor: Editing, indent: str) -> int:
    return len(indent.expandtabs(editor.text_layout.tab_width))


def _parent(editor: Editing, row: int, prefix: Prefix) -> Prefix | None:
    own = _width(editor, prefix.indent)
    return next((one for one in _above(editor, row, prefix.quote) if _width(editor, one.indent) < own), None)


def _sibling(editor: Editing, row: int, prefix: Prefix) -> Prefix | None:
    """The item before this one in the same list."""
    own = _width(editor, prefix.indent)
    for one in _above(editor, row, prefix.quote):
        width = _width(editor, one.indent)
        if width <= own:
            return one if width == own and (one.number is None) == (prefix.number is None) else None
    return None


def _continue_comment(editor: Editing, row: int, column: int, language: Language) -> bool:
    line = editor.text_layout.line(row)
    text = line.lstrip(" \t")
    if not text.startswith(language.comment) or text.startswith("#!"):
        return False
    marks = (
        len(text) - len(text.lstrip(language.comment[0] + "!"))
        if language.comment == "//"
        else len(language.comment)
    )
    after = text[marks:]
    size = len(line) - len(text) + marks + (len(after) - len(after.lstrip(" \t")))
    if column < size:
        return False
    start, end = editor.cursor.selection
    if start == end and not after.strip():
        editor.replace(start - column, start - column + len(line), line[: len(line) - len(text)])
        return True
    editor.replace(start, end, "\n" + line[:size])
    return True


# Indentation of items


def _item_here(editor: Editing) -> tuple[int, Prefix] | None:
    """The row and prefix of the list item at the caret, if tab shall indent it."""
    if not editor.settings.continue_lists or editor.cursor.mark is not None:
        return None
    row = editor.text_layout.lines.row(editor.cursor.caret)
    prefix = prefix_of(editor.text_layout.line(row))
    if not prefix.bullet or not language_here(editor).prose or in_fence(editor, row):
        return None
    return row, prefix


def indent_item(editor: Editing) -> bool:
    """Make the item at the caret one of the list in the item above it."""
    here = _item_here(editor)
    if here is None:
        return False
    row, prefix = here
    # Markdown wants an inner list to begin where the text of its item does (CommonMark 0.31, section 5.2).
    before = _sibling(editor, row, prefix) or prefix
    uses_tabs = editor.indent == "tabs" or any(
        one.indent.startswith("\t") for one in (prefix, *_above(editor, row, prefix.quote))
    )
    step = "\t" if uses_tabs else " " * (len(before.bullet) + 1)
    _move_item(editor, row, prefix, prefix.indent + step)
    return True


def outdent_item(editor: Editing) -> bool:
    """Make the item at the caret one of the list around its own."""
    here = _item_here(editor)
    if here is None:
        return False
    row, prefix = here
    if prefix.indent:
        parent = _parent(editor, row, prefix)
        _move_item(editor, row, prefix, "" if parent is None else parent.indent)
    return True


def _move_item(editor: Editing, row: int, prefix: Prefix, indent: str) -> None:
    """Give an item another indentation, and the number that it has there."""
    moved = prefix._replace(indent=indent)
    if prefix.number is not None:
        before = _sibling(editor, row, moved)
        number = 1 if before is None or before.number is None else before.number + 1
        moved = moved._replace(bullet=f"{number}{prefix.bullet[-1]}")
    start = editor.text_layout.lines.start(row) + len(prefix.quote)
    column = editor.cursor.caret - start
    edits = []
    at = start + len(prefix.indent)
    if moved.bullet != prefix.bullet:
        edits.append((at, at + len(prefix.bullet), moved.bullet))
    if len(indent) > len(prefix.indent):
        edits.append((at, at, indent[len(prefix.indent) :]))
    else:
        edits.append((start, at, indent))
    shift = len(indent) - len(prefix.indent) + len(moved.bullet) - len(prefix.bullet)
    editor.replace_all(edits, max(start, start + column + shift))
