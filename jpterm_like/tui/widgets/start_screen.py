"""The screen without an open file: common commands and recent files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static

from jpterm_like.tui.keymap import BY_ID, Keymap
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.widgets.options import Options, hint_style

_FIRST: Final = ("open", "new_file", "join", "palette", "help", "quit")
"""Commands that people look for first."""

RECENT_SHOWN: Final = 9
"""Most recent files shown."""


def reopen_title(count: int) -> str:
    """The line that reopens so many files."""
    return f"Reopen the {count} files of last time"


class Start(Widget):
    """The start screen."""

    DEFAULT_CSS = """
    Start#start {
        height: 1fr;
        width: 100%;
        align: center middle;
        background: $background;
    }

    #start-inner {
        width: 76;
        max-width: 100%;
        height: auto;
        max-height: 100%;
        padding: 0 2;
    }

    #start-title {
        text-style: bold;
        color: $primary;
        height: 2;
    }

    #start-note {
        height: auto;
        max-height: 3;
        color: $foreground;
    }

    #start-note.wrong {
        color: $error;
        text-style: bold;
    }

    #start-list {
        height: auto;
        max-height: 16;
        border: none;
        padding: 0;
        background: $background;
        scrollbar-size-vertical: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }

    #start-list:focus {
        border: none;
        background: $background;
        background-tint: transparent;
    }

    #start-list > .option-list--option-highlighted {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """

    @dataclass
    class Opened(Message):
        """A file was chosen."""

        address: str

    def __init__(
        self, keymap: Keymap, recent: Sequence[tuple[str, str]], reopenable: Sequence[str] = ()
    ) -> None:
        """`reopenable`: the names of the files that were open here last time, if they can be reopened."""
        super().__init__(id="start")
        self._reopenable = reopenable
        self._keymap = keymap
        self._recent = list(recent)[:RECENT_SHOWN]

    def compose(self) -> ComposeResult:
        with Vertical(id="start-inner"):
            yield Static("jpterm-like: write together in a terminal", id="start-title", markup=False)
            yield Options("start-list")
            yield Static("", id="start-note", markup=False)

    def on_mount(self) -> None:
        options = self.query_one(Options)
        width = max(len(BY_ID[id].title) for id in _FIRST) + 3
        lines: list[tuple[str, str, str]] = [
            (f"do:{id}", f"{BY_ID[id].title:<{width}}", self._keymap.key_label(id)) for id in _FIRST
        ]
        if self._reopenable:
            title = reopen_title(len(self._reopenable))
            lines.append(("do:reopen_files", f"{title:<{width}}", clean(", ".join(self._reopenable), 200)))
        if self._recent:
            lines.append(("", "", "\nRecent"))
        lines += [(f"open:{address}", clean(name, 70), "") for name, address in self._recent]
        options.show(
            [
                (id, Content.assemble(title, (hint, hint_style(self.app))), Content.assemble(title, hint))
                for id, title, hint in lines
            ]
        )
        # What a person who comes back wants: all files of last time, or else the most recent one.
        options.highlighted = len(_FIRST) + (not self._reopenable) if self._reopenable or self._recent else 0
        options.focus()

    def focus(self, scroll_visible: bool = True) -> Start:
        self.query_one(OptionList).focus(scroll_visible)
        return self

    def say(self, sentence: str, serious: bool = False) -> None:
        note = self.query_one("#start-note", Static)
        note.set_class(serious, "wrong")
        note.update(clean(sentence, 300))

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        verb, _, what = (event.option_id or "").partition(":")
        if verb == "do":
            self._run(what)
        else:
            self.post_message(self.Opened(what))

    def on_key(self, event: events.Key) -> None:
        command = self._keymap.command(event.key)
        if command is not None and hasattr(self.app, f"do_{command}"):
            event.stop()
            event.prevent_default()
            self._run(command)

    def _run(self, command: str) -> None:
        getattr(self.app, f"do_{command}")()
