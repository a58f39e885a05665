"""The card below the text of the past: when it is, who wrote when, and what the keys do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log1p
from typing import Final, NamedTuple

from textual import events
from textual.strip import Strip

from jpterm_like.tui.commands.blame import THE_FILE
from jpterm_like.tui.past.looking_back import LookingBack, when
from jpterm_like.tui.render.diff import Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import fit_words
from jpterm_like.tui.render.screen import FixedStrip, Rows
from jpterm_like.tui.text.cells import clean, cut, width_of
from jpterm_like.tui.widgets.key_row import key_cells, key_row

NAME_CELLS: Final = 10
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
TALL_MIN: Final = 30
"""Height of the screen from which up to AUTHORS_MAX authors have a row of their own; below it fewer."""
LOW_MAX: Final = 17
"""Height of the screen up to which all authors share a row, and the axis is left out."""
AUTHORS_MAX: Final = 5


class Key(NamedTuple):
    """A key in the last row of the card."""

    keys: str
    does: str
    """In a word."""
    rank: int
    """Those with the highest are left out first where there is no room."""
    says: str = ""
    """The same where there is room for more."""


class TimePicture(Rows):
    """The widget of the card."""

    DEFAULT_CSS = """
    TimePicture {
        width: 100%;
        height: 6;
    }
    """

    def __init__(self, looking_back: LookingBack, palette: Palette, title: Callable[[], str]) -> None:
        super().__init__()
        self._back = looking_back
        self._palette = palette
        self._title = title
        self._rows: list[Row] = []

    def show(self) -> None:
        """Draw the present state."""
        size = self.app.size
        self._rows = draw(self._back, self._palette, self._title(), size.width, size.height)
        if self.styles.height is None or self.styles.height.value != len(self._rows):
            self.styles.height = len(self._rows)
        self.refresh()

    def on_resize(self) -> None:
        self.show()

    def render_line(self, y: int) -> Strip:
        if y < len(self._rows):
            return FixedStrip(self._rows[y], self.size.width)
        return Strip.blank(self.size.width, self._palette.text)

    def on_click(self, event: events.Click) -> None:
        """Go to the time that is clicked on."""
        width = self.size.width - _left(self.size.width)
        if event.x >= self.size.width - width and 0 < event.y < len(self._rows) - 1:
            self._back.to_column(event.x - (self.size.width - width), width - 1)


def draw(back: LookingBack, palette: Palette, title: str, width: int, height: int) -> list[Row]:
    """Return the rows of the card, on a screen of this size."""
    rows = [_head(back, palette, title, width)]
    left = _left(width)
    room = max(4, width - left - 1)
    timeline = back.past.timeline
    column = timeline.column(back.past.place, room)
    bars = [(clean(name, NAME_CELLS) or THE_FILE, counts) for name, counts in timeline.bars(room).items()]
    most = 1 if height <= LOW_MAX else 3 if height < TALL_MIN else AUTHORS_MAX
    if len(bars) > most:
        rest = bars[max(0, most - 1) :]
        name = "everybody" if most == 1 else f"{len(rest)} others"
        bars[max(0, most - 1) :] = [(name, [sum(it) for it in zip(*(it for _, it in rest), strict=True)])]
    highest = max((max(counts) for _, counts in bars), default=1)
    for name, counts in bars:
        cells = "".join(BLOCKS[_level(it, highest)] for it in counts)
        rows.append(_bar(name, cells, column, left, width, palette))
    if height > LOW_MAX:
        rows.append(_axis(back, column, room, left, width, palette))
    rows.append(key_row(_fitting(keys_of(back), width), width, palette))
    return rows


def _left(width: int) -> int:
    """The cells before the bars."""
    return NAME_CELLS + 2 if width >= 40 else 0


def _level(count: int, highest: int) -> int:
    """How high a bar is: a paste of a thousand letters must not hide who typed fifty."""
    if not count:
        return 0
    return max(1, round((len(BLOCKS) - 1) * log1p(count) / log1p(highest)))


def _head(back: LookingBack, palette: Palette, title: str, width: int) -> Row:
    stage = back.stage()
    kind = "state" if stage.is_passage else "sitting"
    number = (
        f"{kind} {stage.number} of {stage.last_number}" if stage.last_number else "nothing was written here"
    )
    author = f"by {stage.author}" if stage.author else ""
    plays = f"playing, speed {back.speed}" if back.plays else ""
    of_passage = "of this passage" if stage.is_passage else ""
    changes = f"{stage.done:,} of {stage.of_all:,} changes"
    compared = "compared with now" if back.compares else ""
    for parts in (
        (f"{title} {stage.when}", plays or compared, f"{number} {of_passage}".rstrip(), author, changes),
        (f"{title} {stage.when}", plays or compared, number, author),
        (f"{title} {stage.when}", plays or compared, number),
        (stage.when, plays or compared, number),
        (stage.when, plays),
    ):
        words = "─ " + " ─ ".join(it for it in parts if it) + " "
        if width_of(words) <= width:
            break
    return fit_words([(words, palette.bar_strong)], width, palette.bar_muted, "─")


def _bar(name: str, cells: str, column: int, left: int, width: int, palette: Palette) -> Row:
    """A row of bars, with the column of the present place in another style."""
    label = f" {cut(name, NAME_CELLS)}" if left else ""
    label += " " * (left - width_of(label))
    here = cells[column] if cells[column] != " " else "│"
    row = [
        (label, palette.text),
        (cells[:column], palette.text),
        (here, palette.trace),
        (cells[column + 1 :], palette.muted),
    ]
    return fit_words(row, width, palette.text)


def _axis(back: LookingBack, column: int, room: int, left: int, width: int, palette: Palette) -> Row:
    timeline = back.past.timeline
    first = when(timeline.began)
    cells = list(" " * room)
    for text, at in ((first, 1), ("now", room - 4)):
        is_free = at >= 0 and at + len(text) < room
        if is_free and not at <= column < at + len(text):
            cells[at : at + len(text)] = text
    line = "".join(cells[:room])
    row = [
        (" " * left + line[:column], palette.muted),
        ("▲", palette.trace),
        (line[column + 1 :], palette.muted),
    ]
    return fit_words(row, width, palette.text)


def keys_of(back: LookingBack) -> Sequence[Key]:
    """The keys that do something now, in the order in which they are shown."""
    keys = [
        Key("←→", "state" if back.past.passage is not None else "sitting", 0),
        Key("ctrl+←→", "word", 6),
        Key("space", "stop" if back.plays else "play", 3),
    ]
    if back.plays:
        keys.append(Key("1-9", "speed", 2))
    keys.append(Key("d", "no marks", 4) if back.compares else Key("d", "compare", 4, "compare with now"))
    if back.compares:
        keys.append(Key("n p", "next", 5, "next, previous"))
    keys += [Key("f", "find", 5, "find in everything"), Key("b", "who", 8, "who wrote it")]
    if back.may_restore:
        keys += [Key("r", "restore", 1), Key("R", "all", 2, "restore all")]
    return [*keys, Key("esc", "", 0, "now")]


def _fitting(keys: Sequence[Key], width: int) -> list[tuple[str, str]]:
    """Return keys and their words: of all, in more words if there is room for these, or of those that matter most."""
    fuller = [(it.keys, it.says or it.does) for it in keys]
    if key_cells(fuller) <= width:
        return fuller
    left = list(keys)
    while key_cells(told := [(it.keys, it.does) for it in left]) > width and len(left) > 1:
        left.remove(max(left, key=lambda it: it.rank))
    return told
