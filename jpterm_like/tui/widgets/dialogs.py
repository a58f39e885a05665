"""Dialogs over the text: a list to choose from, a question, the help.

Loaded when first needed; the first screen does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final, NamedTuple

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from jpterm_like.tui.fuzzy import best, has_all_words
from jpterm_like.tui.key_presets import VI
from jpterm_like.tui.keymap import COMMANDS, Keymap, key_label
from jpterm_like.tui.widgets.input import Line

BODY_HEIGHT_MIN: Final = 12
"""Screen height below which the explanation is left out in favour of the choices."""

TITLE_WIDTH: Final = 48
"""Longest choice with which the hints are aligned."""

KEYS_WIDTH: Final = 16
"""Width within which a second key is listed."""

TITLE_WIDTH_MIN: Final = 16
"""The narrowest column in which titles wrap in the help."""

SHEET: Final = Path(__file__).with_name("dialogs.tcss")


class Choice(NamedTuple):
    """One line to choose."""

    id: str
    title: str
    hint: str = ""
    """Shown dimmed beside the title: a key, a few words."""
    also: str = ""
    """Other words that find it; not shown."""


class Dialog(ModalScreen[str | None]):
    """A dialog over the text."""

    CSS_PATH = SHEET


class Picker(Dialog):
    """Chooses from a list; returns the id of the choice, or None when cancelled.

    With `files` the choices are file names, ranked by how well they match the typed text, which is also offered as a
    new name, with the id "written:" and the text. `more` adds choices later.
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        *,
        body: str = "",
        search: bool = True,
        chosen: str | None = None,
        on_highlight: Callable[[str], None] | None = None,
        files: bool = False,
        complete: bool = True,
    ) -> None:
        super().__init__()
        self._files = files
        self._complete = complete
        self._wants_first = False
        self._filled = ""
        self._title = title
        self._choices = list(choices)
        self._body = body
        self._search = search
        self._chosen = chosen
        self._on_highlight = on_highlight

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._title, id="dialog-title", markup=False)
            if self._body and self.app.size.height >= BODY_HEIGHT_MIN:
                yield Static(self._body, id="dialog-body", markup=False)
            if self._search:
                search = Line(placeholder="type to search", id="dialog-search", select_on_focus=False)
                search.cursor_blink = False  # an idle screen must write nothing
                yield search
            yield OptionList(id="dialog-list", markup=False)

    def on_mount(self) -> None:
        self.query_one("#dialog-title", Static).update(self._title)
        self._fill("")
        (self.query_one(Input) if self._search else self.query_one(OptionList)).focus()

    def more(self, title: str, choices: Sequence[Choice]) -> None:
        """Add the remaining choices."""
        self._complete, self._title = True, title
        known = {choice.id for choice in self._choices}
        titles = {choice.id: choice.title for choice in choices}  # shorter, where they are of this folder
        self._choices = [
            choice._replace(title=titles.get(choice.id, choice.title)) for choice in self._choices
        ]
        self._choices += [choice for choice in choices if choice.id not in known]
        if not self.is_mounted or not self.is_attached:
            return  # not on the screen yet, or not any more
        self.query_one("#dialog-title", Static).update(title)
        self._fill(self.query_one(Input).value)
        if self._wants_first:
            self.submit()

    def _wanted(self, wanted: str) -> list[Choice]:
        if not self._files:
            return [
                choice
                for choice in self._choices
                if has_all_words(wanted, f"{choice.title} {choice.hint} {choice.also}")
            ]
        choices = [self._choices[index] for index in best(wanted, [choice.title for choice in self._choices])]
        written = wanted.strip()
        if written and self._complete and written not in [choice.title for choice in choices]:
            choices.append(Choice(f"written:{written}", written, "open it by this name, or begin it"))
        return choices

    def _fill(self, wanted: str) -> None:
        self._filled = wanted
        options = self.query_one(OptionList)
        options.clear_options()
        choices = self._wanted(wanted)
        width = max((len(choice.title) for choice in choices), default=0) + 2
        for choice in choices:
            line = Text(choice.title, no_wrap=True, overflow="ellipsis")
            if choice.hint:
                line.append(" " * max(2, min(width, TITLE_WIDTH) - len(choice.title)))
                line.append(choice.hint, "dim")
            options.add_option(Option(line, id=choice.id))
        if not choices and self._complete:
            options.add_option(Option(Text("Nothing fits.", "dim"), disabled=True))
        ids = [choice.id for choice in choices]
        if ids:
            options.highlighted = ids.index(self._chosen) if self._chosen in ids and not wanted else 0

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        if event.value != self._filled:
            self._fill(event.value)

    @on(Input.Submitted)
    def submit(self) -> None:
        if self._search and (written := self.query_one(Input).value) != self._filled:
            self._fill(written)  # the message that the field changed may arrive after the key
        if not self._complete:
            self._wants_first = True  # the intended choice may not have arrived yet
            return
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    @on(OptionList.OptionHighlighted)
    def _try(self, event: OptionList.OptionHighlighted) -> None:
        if self._on_highlight is not None and event.option_id is not None:
            self._on_highlight(event.option_id)

    def on_key(self, event: events.Key) -> None:
        options = self.query_one(OptionList)
        moves = {
            "up": options.action_cursor_up,
            "down": options.action_cursor_down,
            "pageup": options.action_page_up,
            "pagedown": options.action_page_down,
        }
        if event.key in ("escape", "ctrl+q", "ctrl+c"):
            event.stop()
            self.dismiss(None)
        elif self._search and event.key in moves:
            event.stop()
            event.prevent_default()
            moves[event.key]()  # type: ignore[no-untyped-call]


class Ask(Dialog):
    """Asks for a line of text; returns None when cancelled or empty."""

    def __init__(self, title: str, body: str = "", value: str = "") -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._value = value

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._title, id="dialog-title", markup=False)
            field = Line(self._value, id="dialog-search", select_on_focus=False)
            field.cursor_blink = False
            yield field
            if self._body and self.app.size.height >= BODY_HEIGHT_MIN:
                yield Static(self._body, id="dialog-foot", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def submit(self) -> None:
        self.dismiss(self.query_one(Input).value.strip() or None)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "ctrl+q", "ctrl+c"):
            event.stop()
            self.dismiss(None)


class Help(ModalScreen[None]):
    """Every key and what it does, from the one table of commands."""

    CSS_PATH = SHEET

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="tall"):
            yield Static("Keys and commands    (esc closes)", id="dialog-title", markup=False)
            with VerticalScroll(id="help-scroll"):
                yield Static(help_text(self._keymap), id="help-text")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.call_after_refresh(self.on_resize)

    def on_resize(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#help-text", Static).update(help_text(self._keymap, width))

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "f1", "ctrl+q", "ctrl+c", "q"):
            event.stop()
            self.dismiss(None)


_GROUPS: Final = (
    "Modes",
    "File",
    "Editing",
    "Moving",
    "Selecting",
    "Finding",
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
            names = "  ".join([first, *(key for key in more if len(first + key) < KEYS_WIDTH)])
            groups.setdefault(command.group, []).append((names, command.title, command.id))
    groups["Selecting"].append(("shift + a move", "Extend the selection to there", "select_…"))
    groups["Mouse"] = [
        ("click, drag", "Place the caret, select", ""),
        ("double, triple click", "Select a word, a line", ""),
        ("shift+click", "Extend the selection to there", ""),
        ("ctrl+click, alt+click", "Add or remove a caret", ""),
        ("click on a tab", "Go to that file; the middle button closes it", ""),
        ("wheel", "Scroll (the caret stays)", ""),
    ]
    if keymap.preset == "vi":
        groups["Modes"] = [(keys, what, "") for keys, what in VI]
    return {group: groups[group] for group in _GROUPS if group in groups}


def help_text(keymap: Keymap, row_width: int = 0) -> Text:
    """The table of commands for people; titles wrap beside the keys in rows of this many cells, if that leaves room for them."""
    groups = help_groups(keymap)
    width = max(len(keys) for lines in groups.values() for keys, _, _ in lines) + 2
    text = Text()
    for group, commands in groups.items():
        text.append(f"{group}\n", "bold underline")
        for keys, title, id in commands:
            text.append(f"  {keys:<{width}}", "bold")
            title_width = row_width - width - 2
            words = f"{title}  {id}" if id else title
            rows = (
                wrap(words, title_width, break_long_words=False, break_on_hyphens=False)
                if title_width >= TITLE_WIDTH_MIN
                else [words]
            )
            # The id is one word, so it is whole in the last row.
            *before, last = rows
            for row in before:
                text.append(f"{row}\n{'':<{width + 2}}")
            text.append(last.removesuffix(id))
            text.append(f"{id}\n", "dim")
        text.append("\n")
    text.append(
        "–: run it from the list of all commands. Grey: its name for the table [keys] in config.toml."
    )
    return text
