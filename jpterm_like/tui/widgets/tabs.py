"""The tab bar with the open files and their states, and the names of two views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.row import fit_words
from jpterm_like.tui.render.screen import FixedStrip, Rows
from jpterm_like.tui.text.cells import clean, cut, width_of

NAME_CELLS_MAX: Final = 32
"""Longest name in a tab; shorter when many files are open."""
NAME_CELLS_MIN: Final = 10

KEYS_HERE: Final = "▶"
"""The sign in front of the name of the view to which keys go, besides its colour."""

NAME_MARKS_CELLS: Final = 8
"""Room in a row with a name for the sign, the marks behind the name, and blanks."""


class Tab(NamedTuple):
    """The content of a tab."""

    title: str
    unsaved: bool = False
    offline: bool = False
    people: int = 0
    """Number of other people in it."""

    def words(self, cells_max: int) -> str:
        """Return the label: `*` for unsaved, `!` for offline; signs instead of colours."""
        marks = "*" * self.unsaved + "!" * self.offline + (f" +{self.people}" if self.people else "")
        return f" {cut(clean(self.title, 80), cells_max)}{marks} "


class TabBar(Rows):
    """The widget of the tab bar."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        index: int
        close: bool
        """Whether to close it: a click with the middle button."""

    def __init__(self, palette: Palette, id: str) -> None:
        super().__init__(id=id)
        self.palette = palette
        self._tabs: tuple[Tab, ...] = ()
        self._current = 0
        self._spans: list[tuple[int, int, int]] = []

    def show(self, tabs: Sequence[Tab], current: int) -> None:
        """Update the tabs; `current` is the index of the visible one."""
        if (tuple(tabs), current) != (self._tabs, self._current):
            self._tabs, self._current = tuple(tabs), current
            self.refresh()

    def use_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, width = self.palette, self.size.width
        first, words = self._fitting(width)
        segments = []
        self._spans = []
        x = 0
        if first:
            segments.append(Segment("‹", palette.bar_muted))
            x = 1
        for index, text in enumerate(words, first):
            room = width - x - (index + 1 < len(self._tabs))
            text = cut(text, max(0, room))
            style = palette.selected_tab if index == self._current else palette.bar
            segments.append(Segment(text, style))
            self._spans.append((x, x + width_of(text), index))
            x += width_of(text)
        if first + len(words) < len(self._tabs):
            segments.append(Segment("›", palette.bar_muted))
            x += 1
        segments.append(Segment(" " * max(0, width - x), palette.bar))
        return FixedStrip(segments, width)

    def _fitting(self, width: int) -> tuple[int, list[str]]:
        """Return the index of the first shown tab and the labels of the shown ones: all, or those around the current
        one."""
        for cells_max in (NAME_CELLS_MAX, 20, 14, NAME_CELLS_MIN):
            words = [tab.words(cells_max) for tab in self._tabs]
            if sum(map(width_of, words)) <= width:
                return 0, words
        first = last = self._current
        used = width_of(words[first]) + 2 if words else 0
        while True:
            if last + 1 < len(words) and used + width_of(words[last + 1]) <= width:
                last += 1
                used += width_of(words[last])
            elif first and used + width_of(words[first - 1]) <= width:
                first -= 1
                used += width_of(words[first])
            else:
                return first, words[first : last + 1]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        for start, end, index in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(index, close=event.button == 2))


class NameRow(Rows):
    """The row above a view, with its file: shown when two views show different files, and between views one above the other."""

    @dataclass
    class Chosen(Message):
        """The row was clicked."""

        row: NameRow

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.add_class("name")
        self.palette = palette
        self._shown: tuple[Tab, bool] = (Tab(""), False)

    def show(self, tab: Tab, has_keys: bool) -> None:
        """Update the name; `has_keys`: whether keys go to this view."""
        if (tab, has_keys) != self._shown:
            self._shown = tab, has_keys
            self.refresh()

    def use_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.refresh()

    def render_line(self, y: int) -> Strip:
        (tab, has_keys), width = self._shown, self.size.width
        sign = KEYS_HERE if has_keys else "─"
        name = f"{sign}{tab.words(max(1, width - NAME_MARKS_CELLS))}"
        style = self.palette.selected_tab if has_keys else self.palette.bar
        return FixedStrip(fit_words([(name, style)], width, self.palette.bar, "─"), width)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.post_message(self.Chosen(self))


class Divider(Rows):
    """The line between views side by side. If they have no rows with names, it points to the one to which keys go."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="divider")
        self.palette = palette
        self._sign = ""

    def show(self, to_second: bool | None) -> None:
        """Point to the second view, or to the first; None: to neither."""
        sign = "─" if to_second is None else "▶" if to_second else "◀"
        if sign != self._sign:
            self._sign = sign
            self.refresh()

    def use_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if y:
            return FixedStrip([Segment("│", self.palette.bar)], 1)
        style = self.palette.bar if self._sign == "─" else self.palette.selected_tab
        return FixedStrip([Segment(self._sign, style)], 1)
