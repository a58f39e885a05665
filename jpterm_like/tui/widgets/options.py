"""A list to choose from, whose lines have hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.app import App
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

_HINT: Final = "$hint"
"""The theme's colour of hints, also after another theme was chosen."""


def hint_style(app: App[object]) -> str:
    """The style of hints. Among the terminal's own colours there is none for them."""
    return "dim" if app.native_ansi_color else _HINT


class Options(OptionList):
    """A list whose hints are dimmed, but for the chosen row, where that could not be read."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._looks: list[tuple[Content, Content]] = []
        self._bright: int | None = None

    def show(self, lines: Sequence[tuple[str, Content, Content]]) -> None:
        """Show these lines: an id, or "" for a heading, the line, and the line while it is chosen."""
        self._looks, self._bright = [], None
        self.clear_options()
        self._looks = [(line, chosen) for _, line, chosen in lines]
        self.add_options([Option(line, id=id or None, disabled=not id) for id, line, _ in lines])

    def show_chosen(self) -> None:
        """Scroll so that the chosen row is in the middle, if the list is longer than what is seen of it."""
        if self.highlighted is not None:
            self.scroll_to(y=self.highlighted - self.size.height // 2, animate=False)

    def watch_highlighted(self, highlighted: int | None) -> None:
        super().watch_highlighted(highlighted)
        for index, bright in ((self._bright, 0), (highlighted, 1)):
            if index is not None and index < len(self._looks):
                self.replace_option_prompt_at_index(index, self._looks[index][bright])
        self._bright = highlighted
