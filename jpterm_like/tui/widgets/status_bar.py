"""The bottom line: file, connection, what is not safe yet, who is here, where I am.

Everything is said in words. When the screen is narrow the words become shorter, in an order that keeps what
matters longest (see GIVING_WAY).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from jpterm_like.client.events import Status
from jpterm_like.tui.render.diff import Change, Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.screen import Rows, SteadyStrip
from jpterm_like.tui.text.cells import clean, cut, width_of

NAMES_SHOWN_MAX: Final = 6
"""More names than this become "and 4 more"."""

_GAP: Final = "  "


class Here(NamedTuple):
    """Somebody else."""

    name: str
    """Clean."""
    colour: int
    state: str = ""
    """"typing", "idle", or nothing."""


class Info(NamedTuple):
    """What the bottom line tells."""

    title: str
    status: Status
    unsent: int
    saved: bool
    role: str
    ready: bool
    row: int
    column: int
    """Both as people count, from 1; the column in characters as seen, not in code points."""
    selected: int
    people: tuple[Here, ...]
    following: str = ""
    """The name of the one whose caret the view follows."""
    mode: str = ""
    """Of vi: "normal", "insert", "visual", "visual line"; nothing with other keys."""
    form: str = ""
    """How the file's bytes are written."""
    carets: int = 1
    """How many of mine there are."""
    is_new: bool = False
    """Nothing is written, and there is no file yet."""
    reconnect: str = ""
    """The key that connects again, as people read it; nothing if there is none."""


Word = tuple[str, Style]

GIVING_WAY: Final = (
    ("form", 1),  # nothing, if it is as usual; else "CRLF"
    ("people", 1),  # "ann +2" for all the names
    ("place", 1),  # "line 3:7"
    ("selected", 1),  # "12 sel"
    ("connection", 1),  # "offline, retry 3 s"
    ("file", 1),  # "not saved"
    ("place", 2),  # "3:7"
    ("selected", 2),
    ("mode", 2),
    ("form", 2),
    ("title", 1),
    ("people", 2),  # "+3"
    ("connection", 2),  # "offline"
    ("title", 2),
    ("unsent", 1),  # "↑12"
    ("people", 3),
    ("role", 1),
    ("title", 3),
    ("place", 3),
    ("connection", 3),
    ("file", 2),
    ("title", 4),
)
"""What gives way first when the line is too narrow: a part, and how far it goes down its list of words. State stays
in words as long as anything else can be shortened; the sign alone (●, ○) is the last resort."""

_LEFT: Final = ("mode", "title", "connection", "unsent", "role", "file")
_RIGHT: Final = ("people", "form", "selected", "place")


def connection_words(status: Status, now: float, reconnect: str) -> tuple[str, ...]:
    """How the session stands with its server, from many words to few. `reconnect`: see `Info`."""
    if status.state == "connected" and status.share is not None:
        percent = f"{status.share * 100:.0f} %"
        return (f"● receiving {percent}", f"● receiving {percent}", f"● {percent}", "●")
    if status.state == "connected":
        return ("● connected", "● connected", "● online", "●")
    if status.state == "opening":
        return ("◌ opening …", "◌ opening …", "◌ opening", "◌")
    if status.is_over:
        if not reconnect:
            return ("○ offline until you connect", "○ offline", "○ offline", "○")
        return (f"○ offline, {reconnect} connects again", f"○ offline, {reconnect}", "○ offline", "○")
    if status.retry_at is None or status.retry_at <= now:
        return ("○ offline, trying again now", "○ offline, trying", "○ offline", "○")
    seconds = ceil(status.retry_at - now)
    return (f"○ offline, trying again in {seconds} s", f"○ offline, retry {seconds} s", "○ offline", "○")


def parts(info: Info, palette: Palette, now: float) -> dict[str, tuple[list[Word], ...]]:
    """Everything that the line tells, each in words that become fewer."""
    bar, strong, warning = palette.bar, palette.bar_strong, palette.warning
    title = clean(info.title, 80)
    state = {"connected": palette.good, "opening": bar, "offline": warning}[info.status.state]
    where = f"{info.row}:{info.column}"

    def said(style: Style, *texts: str) -> tuple[list[Word], ...]:
        return tuple([(text, style)] if text else [] for text in texts)

    told = {
        "title": said(strong, title, cut(title, 24), cut(title, 14), cut(title, 8), ""),
        "connection": said(state, *connection_words(info.status, now, info.reconnect)),
        "people": _people(info.people, palette)
        if not info.following
        else said(
            strong, f"following {info.following} until a key", f"following {info.following}", "following"
        ),
        "place": said(bar, f"line {info.row}, column {info.column}", f"line {where}", where, ""),
    }
    if info.form:
        usual = info.form == "UTF-8, LF"
        told["form"] = said(bar, info.form, "" if usual else info.form.rpartition(", ")[2], "")
    if info.mode:
        told["mode"] = said(strong, info.mode.upper(), info.mode.upper(), info.mode[0].upper())
    if info.unsent:
        told["unsent"] = said(warning, f"{info.unsent} unsent", f"↑{info.unsent}")
    if info.role == "view":
        told["role"] = said(warning, "read only", "view")
    if not info.ready:
        told["file"] = said(bar, "joining …", "joining", "…")
    elif info.is_new:
        told["file"] = said(bar, "new file", "new file", "new")
    elif info.saved:
        told["file"] = said(palette.good, "saved", "saved", "✓")
    else:
        told["file"] = said(warning, "not saved to file", "not saved", "✗")
    if info.carets > 1:
        told["selected"] = said(bar, f"{info.carets} carets", f"{info.carets} carets", f"{info.carets}×")
    elif info.selected:
        told["selected"] = said(bar, f"{info.selected} selected", f"{info.selected} sel", "")
    return told


_STATES: Final = {"typing": "…", "idle": " (idle)", "": ""}
"""Said beside a name: typing as in other programs where people write to each other."""


def _people(people: Sequence[Here], palette: Palette) -> tuple[list[Word], ...]:
    if not people:
        return ([], [])
    names: list[Word] = [("with ", palette.bar)]
    for index, (name, colour, state) in enumerate(people[:NAMES_SHOWN_MAX]):
        names += ([(", ", palette.bar)] if index else []) + [(name, palette.people[colour].name)]
        names.append((_STATES[state], palette.bar))
    if len(people) > NAMES_SHOWN_MAX:
        names.append((f" and {len(people) - NAMES_SHOWN_MAX} more", palette.bar))
    first, colour, _ = people[0]
    few: list[Word] = [(cut(first, 10), palette.people[colour].name)]
    if len(people) > 1:
        few.append((f" +{len(people) - 1}", palette.bar))
    return names, few, [(f"+{len(people)}", palette.bar_strong)], []


def compose(info: Info, palette: Palette, width: int, now: float) -> list[Segment]:
    """The line in exactly `width` cells."""
    told = parts(info, palette, now)
    level = dict.fromkeys(told, 0)
    sides = _sides(told, level, palette)
    given: list[tuple[str, int]] = []
    for name, wanted in GIVING_WAY:
        if _width(sides) <= width:
            break
        if name in told:
            given.append((name, level[name]))
            level[name] = min(wanted, len(told[name]) - 1)
            sides = _sides(told, level, palette)
    for name, before in reversed(given):  # a long word that gave way last may have made room for shorter ones
        fewer = level[name]
        level[name] = before
        fuller = _sides(told, level, palette)
        if _width(fuller) <= width:
            sides = fuller
        else:
            level[name] = fewer
    left, right = sides
    blank = width - _width(sides)
    if blank < 0:
        return _fit(left, width, palette.bar)
    return [Segment(text, style) for text, style in [*left, (" " * blank, palette.bar), *right] if text]


def _sides(
    told: Mapping[str, tuple[list[Word], ...]], level: Mapping[str, int], palette: Palette
) -> tuple[list[Word], list[Word]]:
    """The words on the left and on the right, with the gaps between them."""
    sides: list[list[Word]] = []
    for names in (_LEFT, _RIGHT):
        side: list[Word] = []
        for name in names:
            if name in told and (words := told[name][level[name]]):
                side += [(_GAP, palette.bar)] * bool(side) + words
        sides.append(side)
    left, right = sides
    return [(" ", palette.bar), *left], [(_GAP, palette.bar), *right, (" ", palette.bar)] if right else []


def _width(sides: tuple[list[Word], list[Word]]) -> int:
    return sum(width_of(text) for side in sides for text, _ in side)


def _fit(words: Sequence[Word], width: int, rest: Style) -> list[Segment]:
    """As much of the words as there is room for, and blanks."""
    segments = []
    for text, style in words:
        if shown := cut(text, width):
            segments.append(Segment(shown, style))
            width -= width_of(shown)
    return [*segments, Segment(" " * width, rest)] if width > 0 else segments


class StatusBar(Rows):
    """The bottom line as a widget."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="status")
        self.palette = palette
        self._row: Row = []
        self._width = 0
        self._told: tuple[Info, Palette, int] | None = None

    def show(self, info: Info, now: float) -> list[Change]:
        """Tell what is; what is to be painted for it."""
        width = self.size.width
        told = (info, self.palette, width)
        if told == self._told and info.status.retry_at is None:  # else the time counts, too
            return []
        self._told = told
        row = compose(info, self.palette, width, now)
        if row == self._row:
            return []
        change = Change(0, self._row if width == self._width else None, row)
        self._row, self._width = row, width
        return [change]

    def render_line(self, y: int) -> Strip:
        return SteadyStrip(self._row, self.size.width)
