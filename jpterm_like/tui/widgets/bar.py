"""The interfaces between the find bar and the editor that searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from textual import events
from textual.widget import Widget
from textual.widgets import Static

from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.search_history import SearchHistory
from jpterm_like.tui.text.query import Query


class Option(NamedTuple):
    """A search option."""

    name: str
    sign: str
    """Stands for the name on narrow screens."""
    command: str
    on: bool


class Button(Static):
    """Words that do something when they are clicked."""

    def __init__(self, press: Callable[[], object], words: str = "") -> None:
        super().__init__(words, markup=False)
        self._press = press

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self._press()


class Bar(Widget):
    """The find bar, as the editor uses it."""

    def tell(self, words: str, options: tuple[Option, ...], wrong: bool) -> None:
        """Show the state of the search and its options."""

    def show_replacing(self) -> None:
        """Show the field for the replacement."""


class Finder(Protocol):
    """The editor, as the find bar uses it."""

    replacement: str
    history: SearchHistory

    @property
    def keymap(self) -> Keymap: ...

    @property
    def sought(self) -> Query: ...

    def run(self, command: str) -> None: ...

    def look_for(self, text: str) -> None: ...

    def go_to_line(self, text: str) -> bool: ...

    def update_bar(self) -> None: ...

    def close_bar(self, stay: bool) -> None: ...

    def focus(self) -> object: ...
