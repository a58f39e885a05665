"""Messages to the user, in rows above the status bar.

They cover the text for a while, and never the status bar. Of the messages of commands only the newest is shown, and of the notices
from outside the last two, so that none is replaced before it is read. Serious messages stay, several at a time: what has happened
until it is dismissed, what lasts (a topic) until it ends, and why a command of mine failed until I have gone on to something else.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from rich.segment import Segment
from rich.style import Style

from jpterm_like.tui.render.diff import Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.text.cells import clean, lay_out
from jpterm_like.tui.text.wrap import wrap

TELL_S: Final = 6.0
"""Shortest time that a message stays; a mere hint goes sooner."""
MENTION_S: Final = 3.0

SENTENCE_MAX: Final = 500
"""Longest message; longer ones are cut."""

SERIOUS_MAX: Final = 3
"""Most serious messages kept; the oldest are dropped first."""

NOTICES_MAX: Final = 2
"""Most notices shown at once; the oldest are dropped first."""

_ANSWER: Final = "answer"
"""The topic of why a command failed."""

NBSP: Final = "\u00a0"
CLOSES: Final = f"(esc{NBSP}closes)"
"""Stands behind a message that stays, in one row."""

_SHARE: Final = 3
"""Largest share of the screen that messages cover."""


class Messages:
    """The current messages."""

    def __init__(self) -> None:
        self._passing = ""
        self._until = 0.0
        self._notices: list[tuple[str, float]] = []
        """Notices from outside, each with the time when it leaves."""
        self._serious: list[str] = []
        self._topics: dict[str, str] = {}
        """Messages that end when something changes, by topic."""
        self._offered = ""
        """The serious message that is an offer: nothing is wrong."""
        self._answered_at: float | None = None
        """When a command failed of which the reason is shown."""
        self._left_out = 0
        """Oldest messages without room, shown when others are dismissed."""
        self._painted: tuple[object, list[Row]] = (None, [])

    def say(self, sentence: str, now: float, serious: bool = False) -> None:
        """Show a message: for a while, or if serious until it is dismissed."""
        sentence = clean(sentence, SENTENCE_MAX)
        if serious:
            others = [other for other in self._serious if other != sentence]
            self._serious = [*others, sentence][-SERIOUS_MAX:]
        else:
            self._passing, self._until = sentence, now + TELL_S

    def notify(self, sentence: str, now: float) -> None:
        """Show a notice from outside for a while. Neither the message of a command nor the next notice replaces it."""
        sentence = clean(sentence, SENTENCE_MAX)
        others = [it for it in self._notices if it[0] != sentence]
        self._notices = [*others, (sentence, now + TELL_S)][-NOTICES_MAX:]

    def say_about(self, topic: str, sentence: str, now: float) -> None:
        """Show a serious message instead of the last one of its topic, until `forget` or until it is dismissed.

        What a command said before leaves: it would stand below the reason why it is no longer so.
        """
        self.forget(topic)
        self._passing = ""
        self._topics[topic] = clean(sentence, SENTENCE_MAX)
        self.say(sentence, now, serious=True)

    def offer(self, topic: str, sentence: str, now: float) -> None:
        """Show what one may do like a message of a topic, but not in the colour of errors."""
        self.say_about(topic, sentence, now)
        self._offered = self._topics[topic]

    def answer(self, sentence: str, now: float) -> None:
        """Show why a command failed, instead of why one did before, until I have gone on."""
        self.say_about(_ANSWER, sentence, now)
        self._answered_at = now

    def go_on(self, now: float) -> None:
        """I pressed a key: why a command failed has been read."""
        if self._answered_at is not None and now >= self._answered_at + TELL_S:
            self.forget(_ANSWER)
            self._answered_at = None

    def forget(self, topic: str) -> None:
        """Remove the message of a topic, which is no longer true."""
        sentence = self._topics.pop(topic, "")
        self._serious = [it for it in self._serious if it != sentence]

    def retract(self, sentence: str) -> None:
        """Remove what a command said, if it is still shown: it is no longer so."""
        if self._passing == clean(sentence, SENTENCE_MAX):
            self._passing = ""

    def mention(self, sentence: str, now: float) -> None:
        """Show a message for a moment, unless there is another one."""
        if not self._passing and not self._notices and not self._serious:
            self._passing, self._until = clean(sentence, SENTENCE_MAX), now + MENTION_S

    def dismiss(self) -> bool:
        """Dismiss the visible messages; False if there are none."""
        there = bool(self._passing or self._notices or self._serious)
        self._passing, self._notices, self._serious = "", [], self._serious[: self._left_out]
        self._left_out = 0
        return there

    def ends(self, now: float) -> float | None:
        """Return the seconds until a message expires; None if none will."""
        ends = [until for _, until in self._notices]
        if self._passing:
            ends.append(self._until)
        return max(0.0, min(ends) - now) if ends else None

    @property
    def text(self) -> str:
        """The text of all messages, for tests and screen readers."""
        return " ".join([*self._serious, *self._told()])

    def _told(self) -> list[str]:
        """The messages that pass, the newest last."""
        return [*(sentence for sentence, _ in self._notices), *([self._passing] if self._passing else [])]

    def rows(self, width: int, screen_height: int, palette: Palette, now: float) -> list[Row]:
        """Render the rows that cover the text, `width` cells each; the same objects while nothing changed."""
        if self._passing and now >= self._until:
            self._passing = ""
        if self._notices:
            self._notices = [it for it in self._notices if now < it[1]]
        if not self._passing and not self._notices and not self._serious:
            return []
        look = (tuple(self._serious), tuple(self._told()), width, screen_height, id(palette))
        if look != self._painted[0]:
            self._painted = look, self._paint(width, max(1, screen_height // _SHARE), palette)
        return self._painted[1]

    def _paint(self, width: int, rows_max: int, palette: Palette) -> list[Row]:
        told = [
            (sentence, palette.offer if sentence == self._offered else palette.error)
            for sentence in self._serious
        ]
        if told:
            sentence, style = told[-1]
            told[-1] = (f"{sentence}  {CLOSES}", style)
        told += [(sentence, palette.bar_strong) for sentence in self._told()]
        from jpterm_like.tui.text.paths import (
            shorten_paths,  # loaded on demand: the first screen says nothing
        )

        told = [(shorten_paths(sentence, (width - 2) // 2), style) for sentence, style in told]
        folded = [[(row, style) for row in fold(sentence, width - 2)] for sentence, style in told]
        self._left_out = 0
        while len(folded) > 1 and sum(map(len, folded)) > rows_max:
            del folded[0]
            self._left_out += 1
        rows = [row for each in folded for row in each]
        if len(rows) > rows_max:
            rows = rows[:rows_max]
            last, style = rows[-1]
            cells = lay_out(last)
            rows[-1] = (cells.show(0, cells.column(max(0, min(cells.width, width - 3)))) + "…", style)
        return [_row(text, width, style) for text, style in rows]


def fold(sentence: str, width: int) -> list[str]:
    """Wrap a clean sentence to a width, at blanks where possible."""
    cells = lay_out(sentence)
    borders = [*wrap(cells, width + 1), len(sentence)]
    rows = [cells.show(start, end).rstrip(" ") for start, end in pairwise(borders)]
    return [row for row in rows if row] or [""]


def _row(text: str, width: int, style: Style) -> Row:
    cells = lay_out(text)
    shown = cells.show(0, cells.column(max(0, width - 1)))
    blank = width - 1 - lay_out(shown).width
    return [Segment(" " + shown.replace(NBSP, " ") + " " * max(0, blank), style)]
