"""The help: every key and what it does, from the one table of commands; typing narrows it down.

Loaded when first needed.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Final

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from jpterm_like.tui.fuzzy import has_all_words
from jpterm_like.tui.key_presets import VI
from jpterm_like.tui.keymap import COMMANDS, Keymap, key_label
from jpterm_like.tui.synonyms import SYNONYMS
from jpterm_like.tui.text.cells import width_of
from jpterm_like.tui.widgets.dialogs import Dialog
from jpterm_like.tui.widgets.input import Line

TITLE_WIDTH_MIN: Final = 24
"""The narrowest column for titles beside the keys; with less room a title stands below its keys."""

COLUMN_MAX: Final = 22
"""The widest column of keys: a second one is listed if it has room there. What is longer, as vi's, has its title below it."""


DIM: Final = Style(dim=True)


class Help(Dialog[None]):
    """Every key and what it does. Typed words narrow the table down; the arrows and page keys scroll it."""

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="tall"):
            yield Static("Keys and commands    (esc closes)", id="dialog-title", markup=False)
            search = Line(placeholder="type to search", id="dialog-search", select_on_focus=False)
            search.cursor_blink = False  # an idle screen must write nothing
            yield search
            with VerticalScroll(id="help-scroll", can_focus=False):
                yield Static("", id="help-text")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._fill())

    def fit(self, width: int, height: int) -> None:
        super().fit(width, height)
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        scroll = self.query_one(VerticalScroll)
        wanted = self.query_one(Input).value
        muted = DIM
        if not self.app.native_ansi_color:
            muted = Style(color=Color.parse(self.app.get_css_variables()["hint"]).rich_color)
        table = help_text(self.keymap, scroll.size.width - 1, wanted, muted)
        self.query_one("#help-text", Static).update(table)

    @on(Input.Changed)
    def _narrow(self) -> None:
        self._fill()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_key(self, event: events.Key) -> None:
        command = self.keymap.command(event.key) or ""
        if self.is_closing(event.key) or command == "help":
            event.stop()
            self.dismiss(None)
        else:
            self.scroll_by_key(event)


_GROUPS: Final = (
    "Modes",
    "File",
    "Editing",
    "Moving",
    "Selecting",
    "Finding",
    "Changes",
    "Notebook",
    "Together",
    "Mouse",
    "View",
    "Help",
)


def help_groups(keymap: Keymap) -> dict[str, list[tuple[str, str, str]]]:
    """Return for each group, in order, the keys, title and id of its commands."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for command in COMMANDS:
        if not (
            command.group == "Selecting" and command.id.startswith("select_") and command.id != "select_all"
        ):
            first, *more = [key_label(key) for key in keymap.keys_of(command.id)[:2]] or ["–"]
            names = "  ".join([first, *(key for key in more if len(first + key) + 2 <= COLUMN_MAX)])
            groups.setdefault(command.group, []).append((names, command.title, command.id))
    groups["Selecting"].append(("shift + a move", "Extend the selection to there", "select_…"))
    groups["Mouse"] = [
        ("click, drag", "Place the caret, select", ""),
        ("double, triple click", "Select a word, a line", ""),
        ("shift+click", "Extend the selection to there", ""),
        ("ctrl+click", "Open the link, or add or remove a caret", ""),
        ("alt+click", "Add or remove a caret", ""),
        ("click on a tab", "Go to that file; the middle button closes it", ""),
        ("wheel", "Scroll (the caret stays)", ""),
    ]
    if keymap.preset == "vi":
        groups["Modes"] = [(keys, what, "") for keys, what in VI]
    return {group: groups[group] for group in _GROUPS if group in groups}


def help_text(keymap: Keymap, row_width: int = 0, wanted: str = "", muted: Style = DIM) -> Text:
    """The table of commands for people, in rows of so many cells (0: as long as they are); only those with all `wanted` words."""
    groups = {
        group: found
        for group, rows in help_groups(keymap).items()
        if (found := [row for row in rows if has_all_words(wanted, _searched(group, row))])
    }
    width = 2 + max(
        (width_of(keys) for rows in groups.values() for keys, _, _ in rows if width_of(keys) <= COLUMN_MAX),
        default=0,
    )
    text = Text()
    for group, commands in groups.items():
        text.append(f"{group}\n", "bold underline")
        for row in commands:
            _append_command(text, row, width, row_width, muted)
        text.append("\n")
    if not groups:
        text.append("Nothing fits.")
    elif not wanted:
        text.append(
            "–: run it from the list of all commands. Grey: its name for the table [keys] in config.toml."
        )
    return text


def _searched(group: str, row: tuple[str, str, str]) -> str:
    return " ".join((group, *row, row[2].replace("_", " "), SYNONYMS.get(row[2], "")))


def _append_command(text: Text, row: tuple[str, str, str], width: int, row_width: int, muted: Style) -> None:
    """Add a command: its keys in a column of this width, and beside it the title, or below keys that are wider."""
    keys, title, id = row
    # On a narrow screen titles stand below all keys, indented, for beside them one word a row would be left.
    beside = width_of(keys) <= COLUMN_MAX and (not row_width or row_width - width - 2 >= TITLE_WIDTH_MIN)
    indent = width + 2 if beside else 4
    for number, part in enumerate(_rows(keys, row_width - 2)):
        text.append(f"{'' if not number else chr(10)}  {part}", "bold")
    text.append(" " * (width - width_of(keys)) if beside else "\n" + " " * indent)
    words = f"{title}  {id}" if id else title
    *before, last = _rows(words, row_width - indent)
    for part in before:
        text.append(f"{part}\n{'':<{indent}}")
    text.append(last.removesuffix(id))  # the id is one word, so it is whole in the last row
    text.append(f"{id}\n", muted)


def _rows(words: str, width: int) -> list[str]:
    """Wrap words to a width in cells, if there is one."""
    return (wrap(words, width, break_long_words=False, break_on_hyphens=False) if width > 0 else []) or [
        words
    ]
