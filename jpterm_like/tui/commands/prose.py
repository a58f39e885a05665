"""For writers: word count, reading time, and a row width that is easy to read."""

from __future__ import annotations

import re
from math import ceil
from typing import Final

from jpterm_like.tui.commands.editing import Editing

WORDS_A_MINUTE: Final = 238
"""Silent reading of English prose: M. Brysbaert, "How many words do we read per minute?", J. Memory and Language 109, 2019."""

READABLE_WIDTH: Final = 72
"""Cells in a row that is easy to read: the eye still finds the start of the next one."""

COUNTED_MAX: Final = 5_000_000
"""The most code points in which words are counted; more would block the keyboard noticeably."""

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
    words, minutes = count(editor.session.buffer.slice(start, end))
    editor.say(
        f"{what}: {words:,} {'word' if words == 1 else 'words'}, {end - start:,} characters, "
        f"{minutes:,} min to read."
    )
