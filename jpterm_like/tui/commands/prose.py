"""For writers: hard wrap, tables, word count, reading time, and a row width that is easy to read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from math import ceil
from typing import Final

from crdt.patch import Splice
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.filter_lines import run_beside
from jpterm_like.tui.commands.lists import in_fence, language_here
from jpterm_like.tui.syntax.languages import UNKNOWN

WORDS_A_MINUTE: Final = 238
"""Silent reading of English prose: M. Brysbaert, "How many words do we read per minute?", J. Memory and Language 109, 2019."""

READABLE_WIDTH: Final = 72
"""Cells in a row that is easy to read: the eye still finds the start of the next one."""

COUNTED_MAX: Final = 5_000_000
"""The most code points in which words are counted."""

COUNTED_AT_ONCE: Final = 200_000
"""Code points whose words are counted before the next key, in some 15 ms; those of a longer text are counted in a thread."""

COMMIT_WIDTH: Final = 72
"""Where the body of a commit message is wrapped, whatever the setting is: git-commit(1), *Discussion*."""

WRAPPED_ROWS_MAX: Final = 2_000
"""The most lines that are wrapped at once; more would block the keyboard noticeably."""

WRAPPED_CHARACTERS_MAX: Final = 100_000
"""The same in code points: one line may be the whole text, and each of its words takes some 40 microseconds."""

_SCISSORS: Final = "# ------------------------ >8"
"""Below this line git takes nothing of a commit message."""

_WORD: Final = r"[\u3041-\u30ff\u3400-\u9fff]|[^\W_\u3041-\u30ff\u3400-\u9fff]+(?:['’\-][^\W_]+)*"
"""A run of letters, with apostrophes and hyphens inside; each ideograph is a word."""


def count(text: str) -> tuple[int, int]:
    """Return the number of words, and of minutes to read them."""
    words = sum(1 for _ in re.finditer(_WORD, text))
    return words, ceil(words / WORDS_A_MINUTE)


def do_count_words(editor: Editing) -> None:
    """Show the length of the selection, or of the text."""
    start, end = editor.cursor.selection
    what = "Selected"
    if start == end:
        start, end, what = 0, editor.text_layout.lines.size, "In total"
    if end - start > COUNTED_MAX:
        editor.say(f"{what}: {end - start:,} characters; too many to count their words.")
        return
    text = editor.session.buffer.slice(start, end)
    if len(text) <= COUNTED_AT_ONCE:
        _say_count(editor, what, len(text), *count(text))
    else:
        run_beside(_count_beside(editor, what, text))


async def _count_beside(editor: Editing, what: str, text: str) -> None:
    _say_count(editor, what, len(text), *await asyncio.to_thread(count, text))


def _say_count(editor: Editing, what: str, length: int, words: int, minutes: int) -> None:
    editor.say(
        f"{what}: {words:,} {'word' if words == 1 else 'words'}, {length:,} characters, {minutes:,} min to read."
    )


class CannotWrap(Exception):
    """Why lines cannot be wrapped, in a sentence."""


def do_wrap_paragraph(editor: Editing) -> None:
    """Break the lines of the selection, or of the paragraph at the caret, at `wrap_width` cells."""
    if not editor.may_write():
        return
    lines = editor.text_layout.lines
    start, end = editor.cursor.selection
    selected = end > start
    row, last = lines.row(start), lines.row(end)
    last -= last > row and end == lines.start(last)
    first = row if selected else _blank_row(editor, row, -1)
    last = last if selected else _blank_row(editor, row, 1)
    try:
        edits = wrapping(editor, first, last, None if selected else row)
    except CannotWrap as problem:
        editor.say(str(problem))
        return
    if not edits:
        editor.say(f"Nothing to wrap here at {_wrap_width(editor)} cells.")
        return
    caret, mark = editor.cursor.caret, editor.cursor.mark
    editor.session.break_undo()
    editor.replace_all(edits[::-1], _moved(caret, edits), None if mark is None else _moved(mark, edits))
    editor.session.break_undo()


def wrapping(editor: Editing, first: int, last: int, row: int | None = None) -> list[Splice]:
    """The edits, from first to last, that wrap the paragraphs in some rows, or only the one that `row` is in.

    Raises:
        CannotWrap: there are too many rows, or no paragraphs in this language.
    """
    from jpterm_like.tui.text.reflow import (
        paragraphs,
        wrap,
    )  # its patterns cost 7 ms, which the start need not pay

    if last - first >= WRAPPED_ROWS_MAX:
        raise CannotWrap(f"At most {WRAPPED_ROWS_MAX:,} lines can be wrapped at once.")
    size = editor.text_layout.lines.span(last)[1] - editor.text_layout.lines.start(first)
    if size > WRAPPED_CHARACTERS_MAX:
        raise CannotWrap(f"At most {WRAPPED_CHARACTERS_MAX:,} characters can be wrapped at once.")
    language = language_here(editor)
    is_prose = language.prose or language is UNKNOWN
    if not is_prose and language.comment_end:
        raise CannotWrap("There are no paragraphs to wrap in this language.")
    texts = [editor.text_layout.line(number) for number in range(first, last + 1)]
    if _is_commit_message(editor.session.title):
        texts = _without_git_lines(texts)
    origin = editor.text_layout.lines.start(first)
    fenced = is_prose and in_fence(editor, first)
    return [
        edit._replace(start=edit.start + origin, end=edit.end + origin)
        for paragraph in paragraphs(texts, "" if is_prose else language.comment, fenced)
        if row is None or 0 <= row - first - paragraph.first_row < len(paragraph.lines)
        for edit in wrap(paragraph, _wrap_width(editor))
    ]


def _wrap_width(editor: Editing) -> int:
    return COMMIT_WIDTH if _is_commit_message(editor.session.title) else editor.settings.wrap_width


def do_align_table(editor: Editing) -> None:
    """Give each column of the Markdown table at the caret one width."""
    from jpterm_like.tui.text.table import align, cells_of, is_rule

    if not editor.may_write():
        return
    lines = editor.text_layout.lines
    row = lines.row(editor.cursor.caret)
    first = last = row
    while first and row - first < WRAPPED_ROWS_MAX and cells_of(editor.text_layout.line(first - 1)):
        first -= 1
    while (
        last + 1 < len(lines)
        and last - first < WRAPPED_ROWS_MAX
        and cells_of(editor.text_layout.line(last + 1))
    ):
        last += 1
    texts = [editor.text_layout.line(number) for number in range(first, last + 1)]
    if not cells_of(texts[row - first]) or not any(is_rule(cells_of(text)) for text in texts):
        editor.say("There is no table here: its rows begin with |, and the second one is |---|---|.")
        return
    if last - first >= WRAPPED_ROWS_MAX:
        editor.say(f"At most {WRAPPED_ROWS_MAX:,} rows can be aligned at once.")
        return
    starts = [lines.start(number) for number in range(first, last + 1)]
    edits = [
        Splice(starts[number] + start, starts[number] + end, text)
        for number, start, end, text in align(texts)
    ]
    if not edits:
        editor.say("This table is aligned already.")
        return
    caret = _moved(editor.cursor.caret, edits)
    editor.session.break_undo()
    editor.replace_all(edits[::-1], caret)
    editor.session.break_undo()


def _blank_row(editor: Editing, row: int, step: int) -> int:
    """The last row before the next blank line, or WRAPPED_ROWS_MAX away."""
    end = len(editor.text_layout.lines)
    for _ in range(WRAPPED_ROWS_MAX):
        if not 0 <= row + step < end or not editor.text_layout.line(row + step).strip():
            break
        row += step
    return row


def _moved(offset: int, edits: Sequence[Splice]) -> int:
    """Where an offset is after some edits; one within a gap goes to its start."""
    shift = 0
    for start, end, text in edits:
        if end <= offset:
            shift += len(text) - (end - start)
        elif start < offset:
            return start + shift
    return offset + shift


def _is_commit_message(title: str) -> bool:
    return title.rpartition("/")[2] in ("COMMIT_EDITMSG", "MERGE_MSG", "TAG_EDITMSG", "SQUASH_MSG")


def _without_git_lines(texts: list[str]) -> list[str]:
    """Blank out, for finding paragraphs, git's comments and the difference below them; lengths stay the same."""
    cut = next((row for row, text in enumerate(texts) if text.startswith(_SCISSORS)), len(texts))
    return [" " * len(text) if row >= cut or text.startswith("#") else text for row, text in enumerate(texts)]
