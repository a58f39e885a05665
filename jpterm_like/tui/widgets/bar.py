"""What the line in which one types what to look for, and the editor that looks for it, need of each other."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from textual.widget import Widget

from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.text.search import Query


class Option(NamedTuple):
    """A way to look."""

    name: str
    command: str
    on: bool


class Bar(Widget):
    """What the editor needs of the line."""

    def tell(self, words: str, options: tuple[Option, ...], wrong: bool) -> None:
        """Show how the search stands, and with which options."""

    def show_replacing(self) -> None:
        """Ask for the replacement, too."""


class Finder(Protocol):
    """What the line needs of the editor."""

    replacement: str

    @property
    def keymap(self) -> Keymap: ...

    @property
    def sought(self) -> Query: ...

    def run(self, command: str) -> None: ...

    def look_for(self, text: str) -> None: ...

    def go_to_line(self, text: str) -> bool: ...

    def tell_bar(self) -> None: ...

    def close_bar(self, stay: bool) -> None: ...

    def focus(self) -> object: ...
