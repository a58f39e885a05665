"""The status bar: file, connection, unsent and unsaved changes, people, caret position.

Everything is in words; what is well is said quietly, and only what is not in a colour. On a narrow screen they are shortened in an order that keeps the most important ones longest
(see SHORTENING_ORDER).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final, Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from jpterm_like.client.events import Status
from jpterm_like.tui.render.diff import Change, Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import Word, fit_words
from jpterm_like.tui.render.screen import FixedStrip, Rows
from jpterm_like.tui.text.cells import clean, cut, cut_start, width_of

NAMES_SHOWN_MAX: Final = 6
"""Most names shown; others become "and 4 more"."""

PLACES_SHOWN_MAX: Final = 3
"""Most places that are named; what is most urgent is named first."""

_GAP: Final = "  "


class Here(NamedTuple):
    """Another person in the text."""

    name: str
    """Clean."""
    colour: int
    state: str = ""
    """"typing", "idle", or nothing."""


class SyncWord(NamedTuple):
    """What a place has of the text."""

    text: str
    brief: str
    """The same where there is less room."""
    state: Literal["well", "waits", "alarm"] = "well"


class Info(NamedTuple):
    """The content of the status bar."""

    title: str
    status: Status
    unsent: int
    saving: Literal["saved", "saving", "unsaved"]
    """"saving": on a server that saves by itself, and has not saved for less than `saving.SAVING_S_MAX`."""
    is_read_only: bool
    ready: bool
    row: int
    column: int
    """Row and column as people count, from 1; the column in visible characters, not code points."""
    selected: int
    people: tuple[Here, ...]
    following: str = ""
    """Name of the person whose caret the view follows."""
    mode: str = ""
    """The mode of vi ("normal", "insert", "visual", "visual line"); empty with other keys."""
    form: str = ""
    """Encoding and line ends of the file."""
    carets: int = 1
    """Number of my carets."""
    is_new: bool = False
    """Whether there is no file and no text yet."""
    reconnect: str = ""
    """The label of the key that reconnects; empty if there is none."""
    help: str = ""
    """The label of the key for help; empty if there is none."""
    written: str = ""
    """Who wrote the word at the caret, and when."""
    synced: tuple[SyncWord, ...] = ()
    """For each place that the text is synced with, most urgent first."""
    kernel: str = ""
    """A line about a notebook's kernel: "python3 ● running [7] for bob, 2 wait"."""
    prompt: str = ""
    """The line that is typed after a colon in vi, or a question; it takes the place of the whole bar."""


SHORTENING_ORDER: Final = (
    ("help", 1),  # nothing
    ("form", 1),  # nothing, if it is as usual; else "CRLF" or "Latin-1"
    ("people", 1),  # "ann +2" for all the names
    ("written", 1),  # "by ann"
    ("synced", 1),  # of several places only the first
    ("kernel", 1),  # without "for bob, 2 wait"
    ("place", 1),  # "line 3:7"
    ("selected", 1),  # "12 sel"
    ("connection", 1),  # "offline, retry 3 s"
    ("file", 1),  # "unsaved"
    ("place", 2),  # "3:7"
    ("selected", 2),
    ("mode", 2),
    ("form", 2),
    ("title", 1),
    ("kernel", 2),
    ("synced", 2),  # "nas not reached ↑12"
    ("people", 2),  # "+3"
    ("written", 2),
    ("connection", 2),  # "offline"
    ("title", 2),
    ("synced", 3),
    ("unsent", 1),  # "↑12"
    ("people", 3),
    ("role", 1),
    ("title", 3),
    ("place", 3),
    ("connection", 3),
    ("file", 2),
    ("title", 4),
)
"""The order in which parts are shortened when the bar is too narrow: a part, and the number of its variant. The
connection stays in words as long as anything else can be shortened; the sign alone (●, ○) is the last resort."""

_LEFT: Final = ("mode", "title", "connection", "unsent", "role", "file", "synced", "kernel")
_RIGHT: Final = ("written", "people", "form", "selected", "place", "help")


def connection_words(status: Status, now: float, reconnect: str, unsent: int = 0) -> tuple[str, ...]:
    """Describe the connection in variants from long to short. `reconnect` and `unsent`: see `Info`."""
    if status.is_paused:
        waits = (
            f"{unsent} of mine {'waits' if unsent == 1 else 'wait'}" if unsent else "nothing of mine waits"
        )
        resumes = f", {reconnect} resumes" if reconnect else ""
        return (f"‖ paused: {waits}{resumes}", f"‖ paused: {waits}", f"‖ paused: {unsent}", f"‖{unsent}")
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
    """Return the parts of the bar, each in variants from long to short."""
    bar, strong, warning = palette.bar, palette.bar_strong, palette.warning
    title = clean(info.title, 80)
    state = {"connected": palette.bar_muted, "opening": bar, "offline": warning}[info.status.state]
    where = f"{info.row}:{info.column}"

    def said(style: Style, *texts: str) -> tuple[list[Word], ...]:
        return tuple([(text, style)] if text else [] for text in texts)

    told = {
        "title": said(strong, title, cut(title, 24), cut(title, 14), cut(title, 8), ""),
        "connection": said(state, *connection_words(info.status, now, info.reconnect, info.unsent)),
        "people": _people(info.people, palette)
        if not info.following
        else said(
            strong, f"following {info.following} until a key", f"following {info.following}", "following"
        ),
        "place": said(bar, f"line {info.row}, column {info.column}", f"line {where}", where, ""),
    }
    if info.form:
        unusual = ", ".join(part for part in info.form.split(", ") if part not in ("UTF-8", "LF"))
        told["form"] = said(bar, info.form, unusual, "")
    if info.mode:
        told["mode"] = said(strong, info.mode.upper(), info.mode.upper(), info.mode[0].upper())
    if info.help:
        told["help"] = said(palette.bar_muted, f"{info.help} help", "")
    if info.written:
        told["written"] = said(bar, info.written, info.written.partition(",")[0], "")
    if info.kernel:
        is_well = not info.kernel.startswith("no kernel") and "died" not in info.kernel
        told["kernel"] = said(bar if is_well else warning, info.kernel, info.kernel.partition(" for ")[0], "")
    if info.unsent and not info.status.is_paused:  # then it is said with the connection
        told["unsent"] = said(warning, f"{info.unsent} unsent", f"↑{info.unsent}")
    if info.is_read_only:
        told["role"] = said(warning, "read only", "view")
    if not info.ready:
        told["file"] = said(bar, "joining …", "joining", "…")
    elif info.is_new:
        told["file"] = said(bar, "new file", "new file", "new")
    elif info.saving == "saved":  # as wide as "saving": on a server they take turns
        told["file"] = said(palette.bar_muted, "saved ", "saved ", "✓")
    elif info.saving == "saving":
        told["file"] = said(palette.bar_muted, "saving", "saving", "…")
    else:
        told["file"] = said(warning, "unsaved", "unsaved", "✗")
    if info.synced and info.ready:
        told["synced"] = _synced(info.synced, palette)
    if info.carets > 1:
        told["selected"] = said(bar, f"{info.carets} carets", f"{info.carets} carets", f"{info.carets}×")
    elif info.selected:
        told["selected"] = said(bar, f"{info.selected} selected", f"{info.selected} sel", "")
    return told


def _synced(words: tuple[SyncWord, ...], palette: Palette) -> tuple[list[Word], ...]:
    styles = {"well": palette.bar_muted, "waits": palette.bar, "alarm": palette.warning}
    each: list[Word] = []
    for word in words[:PLACES_SHOWN_MAX]:
        each += [(_GAP, palette.bar)] * bool(each) + [(word.text, styles[word.state])]
    first = words[0]
    style = styles[first.state]
    return each, [(first.text, style)], [(first.brief, style)] if first.brief else [], []


_TYPING: Final = " ✎"
"""The sign behind the name of somebody who is typing. Its cells are always kept free, so that nothing moves when somebody begins or
pauses, and it is no "…", which stands where a name is cut."""
_FREE: Final = " " * len(_TYPING)


def _people(people: Sequence[Here], palette: Palette) -> tuple[list[Word], ...]:
    if not people:
        return ([], [])
    names: list[Word] = [("with ", palette.bar)]
    shown = people[:NAMES_SHOWN_MAX]
    for index, (name, colour, state) in enumerate(shown):
        sign = {"typing": _TYPING, "idle": " (idle)"}.get(state, "")
        free = "" if sign else _FREE
        comma = ", " if index + 1 < len(shown) else ""
        names += [(name, palette.people[colour].name), (f"{sign}{comma}{free}", palette.bar)]
    if len(people) > NAMES_SHOWN_MAX:
        names.append((f" and {len(people) - NAMES_SHOWN_MAX} more", palette.bar))
    first, colour, _ = people[0]
    few: list[Word] = [(cut(first, 10), palette.people[colour].name)]
    more = f" +{len(people) - 1}" if len(people) > 1 else ""
    is_typing = any(person.state == "typing" for person in people)
    few.append((more + (_TYPING if is_typing else _FREE), palette.bar))
    return names, few, [(f"+{len(people)}", palette.bar_strong)], []


def compose(info: Info, palette: Palette, width: int, now: float) -> list[Segment]:
    """Lay out the bar in exactly `width` cells."""
    if info.prompt:
        return fit_words([(prompt_shown(info.prompt, width), palette.bar_strong)], width, palette.bar)
    told = parts(info, palette, now)
    level = dict.fromkeys(told, 0)
    sides = _sides(told, level, palette)
    given: list[tuple[str, int]] = []
    for name, wanted in SHORTENING_ORDER:
        if _width(sides) <= width:
            break
        if name in told:
            given.append((name, level[name]))
            level[name] = min(wanted, len(told[name]) - 1)
            sides = _sides(told, level, palette)
    for name, before in reversed(given):  # shortening a long part last may have made room for others again
        if name == "help" and any(level[other] for other in told if other != name):
            continue  # what was shortened for want of room matters more
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
        return fit_words(left, width, palette.bar)
    return [Segment(text, style) for text, style in [*left, (" " * blank, palette.bar), *right] if text]


def prompt_shown(prompt: str, width: int) -> str:
    """The part of a prompt that is shown: its end, with a cell behind it for the caret."""
    return cut_start(f" {clean(prompt, 10_000)}", max(1, width - 1))


def _sides(
    told: Mapping[str, tuple[list[Word], ...]], level: Mapping[str, int], palette: Palette
) -> tuple[list[Word], list[Word]]:
    """Return the words on the left and on the right, with gaps between them."""
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


class StatusBar(Rows):
    """The widget of the status bar."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="status")
        self.palette = palette
        self._row: Row = []
        self._width = 0
        self._told: tuple[Info, Palette, int] | None = None

    def show(self, info: Info, now: float) -> list[Change]:
        """Update the content; returns the changed rows to paint."""
        width = self.size.width
        told = (info, self.palette, width)
        if told == self._told and info.status.retry_at is None:  # otherwise the countdown changes, too
            return []
        self._told = told
        row = compose(info, self.palette, width, now)
        if row == self._row:
            return []
        change = Change(0, self._row if width == self._width else None, row)
        self._row, self._width = row, width
        return [change]

    def render_line(self, y: int) -> Strip:
        return FixedStrip(self._row, self.size.width)
