"""What writers ask of a text: how many words, how long to read, and lines that are not too long."""

from __future__ import annotations

import re
from math import ceil

from jpterm_like.tui.commands.basic import Commands

# Silent reading of English prose: M. Brysbaert, "How many words do we read per minute?", J. Memory and Language 109, 2019.
WORDS_A_MINUTE = 238

# Cells of a row that the eye finds back to.
READABLE_WIDTH = 72

# Counting more would hold up the keyboard for longer than a blink.
COUNTED_MAX = 5_000_000

# A run of letters, with apostrophes and hyphens within; each ideograph is a word of its own.
_WORD = r"[\u3041-\u30ff\u3400-\u9fff]|[^\W_\u3041-\u30ff\u3400-\u9fff]+(?:['’\-][^\W_]+)*"


def count(text: str) -> tuple[int, int]:
    """The words of a text, and the minutes that it takes to read them."""
    words = sum(1 for _ in re.finditer(_WORD, text))
    return words, ceil(words / WORDS_A_MINUTE)


class Prose(Commands):
    """What the editor does for writers."""

    readable = False
    """Whether wrapped rows are at most READABLE_WIDTH cells wide."""

    def do_count_words(self) -> None:
        """Say how long the selection or the text is."""
        start, end = self.cursor.selection
        what = "Selected"
        if start == end:
            start, end, what = 0, self.sheet.lines.size, "In all"
        if end - start > COUNTED_MAX:
            self.say(f"{what}: {end - start:,} characters; too many to count the words of them.")
            return
        words, minutes = count(self.session.buffer.slice(start, end))
        self.say(
            f"{what}: {words:,} {'word' if words == 1 else 'words'}, {end - start:,} characters, "
            f"{minutes:,} min to read."
        )
