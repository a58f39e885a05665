"""Dialogs over the text: a list to choose from, the palette of commands, a question, a line to type.

Their top row is the same whatever is in them, so the line that one types in stays where it is.

Loaded when first needed; the first screen does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final, NamedTuple, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.input import Selection
from textual.widgets.option_list import Option

from jpterm_like.tui.fuzzy import best, best_commands, has_all_words
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.text.cells import cut, width_of
from jpterm_like.tui.widgets.input import Line
from jpterm_like.tui.widgets.options import Options, hint_style

BODY_HEIGHT_MIN: Final = 12
"""Screen height below which the explanation is left out in favour of the choices."""

HINT_CELLS_MAX: Final = 20
"""Cells that a hint keeps when its title is long: room for any key. Longer hints, such as sentences, give way."""

TITLE_CELLS_MIN: Final = 16
"""Cells of a title below which the hints are left out."""

WIDTH: Final = 72
"""The widest dialog, as in the sheet, and FRAME: the cells of it that are border, padding and scrollbar."""
FRAME: Final = 7

TOP: Final = 2
"""Rows above a dialog, on screens of TOP_HEIGHT_MIN rows or more; on lower ones none."""
TOP_HEIGHT_MIN: Final = 15

ROWS_MAX: Final = 20
"""The most rows of a list."""

LISTED_MAX: Final = 200
"""The most choices in a list at once; each is laid out several times before the list is seen, 5,000 in 0.1 s."""

SHEET: Final = Path(__file__).with_name("dialogs.tcss")


class Choice(NamedTuple):
    """One line to choose."""

    id: str
    title: str
    hint: str = ""
    """Shown dimmed beside the title: a key, a few words."""
    also: str = ""
    """Other words that find it; not shown."""


Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A dialog over the text."""

    CSS_PATH = SHEET

    @property
    def keymap(self) -> Keymap:
        keymap = getattr(self.app, "keymap", None)
        return keymap if isinstance(keymap, Keymap) else Keymap()

    def is_closing(self, key: str) -> bool:
        """Whether a key cancels the dialog: esc, and in Emacs' keys ctrl+g."""
        return key in ("escape", "ctrl+q", "ctrl+c") or self.keymap.command(key) == "deselect"

    def scroll_by_key(self, event: events.Key) -> None:
        """Scroll what does not fit, if the key is one of those that move the caret in a text."""
        scroll = self.query_one(VerticalScroll)
        moves = {
            "up": scroll.scroll_up,
            "down": scroll.scroll_down,
            "page_up": scroll.scroll_page_up,
            "page_down": scroll.scroll_page_down,
            "text_start": scroll.scroll_home,
            "text_end": scroll.scroll_end,
        }
        command = self.keymap.command(event.key) or ""
        if command in moves:
            event.stop()
            event.prevent_default()
            moves[command](animate=False)

    def on_resize(self, event: events.Resize) -> None:
        self.fit(event.size.width, event.size.height)

    def fit(self, width: int, height: int) -> None:
        """Fit the dialog into a screen of this size."""
        top = TOP if height >= TOP_HEIGHT_MIN else 0
        frame = self.query_one("#dialog")
        frame.styles.margin = (top, 0, 0, 0)
        frame.styles.max_height = max(3, height - top)

    def fit_list(self, height: int, others: int) -> None:
        """Leave room for so many rows beside the list and the title, so that a long list does not push them out."""
        rows = height - (TOP if height >= TOP_HEIGHT_MIN else 0) - 3 - others
        self.query_one("#dialog-list").styles.max_height = max(1, min(ROWS_MAX, rows))


class Picker(Dialog[str | None]):
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
        self._room = WIDTH - FRAME
        """The cells of a line."""
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
            yield Options("dialog-list")

    def on_mount(self) -> None:
        self.query_one("#dialog-title", Static).update(self._title)
        (self.query_one(Input) if self._search else self.query_one(OptionList)).focus()

    def fit(self, width: int, height: int) -> None:
        super().fit(width, height)
        options = self.query_one(Options)
        body = len(wrap(self._body, min(width, WIDTH) - 4)) + 1 if self.query("#dialog-body") else 0
        self.fit_list(height, self._search + body)
        self._room = max(1, min(width, WIDTH) - FRAME)
        highlighted = options.highlighted
        self._fill(self._filled)
        if highlighted is not None and highlighted < options.option_count:
            options.highlighted = highlighted
        self.call_after_refresh(options.show_chosen)  # the list has its height then

    @property
    def ids(self) -> set[str]:
        """The ids of all choices so far."""
        return {choice.id for choice in self._choices}

    def more(self, title: str, choices: Sequence[Choice], chosen: str | None = None) -> None:
        """Add the remaining choices, and choose one of them."""
        self._complete, self._title = True, title
        self._chosen = chosen or self._chosen
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
        options = self.query_one(Options)
        fitting = self._wanted(wanted)
        first = 0
        if not wanted and len(fitting) > LISTED_MAX:
            at = next((index for index, choice in enumerate(fitting) if choice.id == self._chosen), 0)
            first = max(0, min(at - LISTED_MAX // 2, len(fitting) - LISTED_MAX))
        choices = fitting[first : first + LISTED_MAX]
        longest = max((width_of(choice.title) for choice in choices), default=0)
        hints = max((width_of(choice.hint) for choice in choices), default=0)
        room = self._room - min(hints, HINT_CELLS_MAX) - 2 if hints else self._room
        if room < min(longest, TITLE_CELLS_MIN):
            room = self._room  # too narrow for hints
        width = max(1, min(longest, room))
        lines = [
            (choice.id, self._lay_out(choice, width, hint_style(self.app)), self._lay_out(choice, width, ""))
            for choice in choices
        ]
        for count, where, at in (
            (first, "before", 0),
            (len(fitting) - first - len(choices), "more", len(lines)),
        ):
            if count:
                told = Content(f"… {count:,} {where}: type to find them")
                lines.insert(at + (at > 0 and first > 0), ("", told, told))
        options.show(lines)
        if not choices and self._complete:
            is_empty = self._files and not wanted.strip()
            sentence = "No files yet: type a name to begin one." if is_empty else "Nothing fits."
            options.add_option(Option(sentence, disabled=True))
        ids = [choice.id for choice in choices]
        if ids:
            index = ids.index(self._chosen) if self._chosen in ids and not wanted else 0
            options.highlighted = index + (first > 0)

    def _lay_out(self, choice: Choice, width: int, muted: str) -> Content:
        """Lay out a choice: its title in so many cells, and its hint in a style."""
        title = cut(choice.title, width)
        line = self._title_of(title)
        if choice.hint and width + 2 < self._room:
            gap = " " * (width + 2 - width_of(title))
            line = Content.assemble(line, gap, (cut(choice.hint, self._room - width - 2), muted))
        return line

    def _title_of(self, title: str) -> Content:
        return Content(title)

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
            "page_up": options.action_page_up,
            "page_down": options.action_page_down,
        }
        command = self.keymap.command(event.key) or ""
        if self.is_closing(event.key):
            event.stop()
            self.dismiss(None)
        elif command in moves:
            event.stop()
            event.prevent_default()
            moves[command]()  # type: ignore[no-untyped-call]


class CommandPicker(Picker):
    """The palette: commands are found by their titles and by other editors' words for them, best match first."""

    def _wanted(self, wanted: str) -> list[Choice]:
        entries = [(choice.title, f"{choice.also}, {choice.hint}") for choice in self._choices]
        return [self._choices[index] for index in best_commands(wanted, entries)]


class Question(Picker):
    """Asks what to do: a choice is also taken by its first letter, or by the key `again` that asked (ctrl+q twice)."""

    def __init__(
        self, title: str, choices: Sequence[Choice], body: str, again: tuple[str, str] | None = None
    ) -> None:
        """`again`: the command whose key takes a choice, and the id of that choice."""
        super().__init__(title, choices, body=body, search=False)
        self._again = again

    def on_key(self, event: events.Key) -> None:
        by_letter = [choice.id for choice in self._choices if choice.title[0].casefold() == event.key]
        if self._again is not None and self.keymap.command(event.key) == self._again[0]:
            by_letter = [self._again[1]]
        if by_letter:
            event.stop()
            event.prevent_default()  # else the list takes the key as well
            self.dismiss(by_letter[0])

    def _title_of(self, title: str) -> Content:
        return Content.assemble((title[:1], "underline"), title[1:])


class Ask(Dialog[str | None]):
    """Asks for a line of text; returns None when cancelled or empty.

    The part of `value` between `selected` is selected, so that typing replaces it.
    """

    def __init__(
        self,
        title: str,
        body: str = "",
        value: str = "",
        selected: tuple[int, int] | None = None,
        *,
        takes_any: bool = False,
        secret: bool = False,
    ) -> None:
        """`takes_any`: blanks stay, and an empty line is an answer. `secret`: it is not shown."""
        super().__init__()
        self._takes_any = takes_any
        self._secret = secret
        self._title = title
        self._body = body
        self._value = value
        self._selected = selected

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._title, id="dialog-title", markup=False)
            field = Line(self._value, id="dialog-search", select_on_focus=False, password=self._secret)
            field.cursor_blink = False
            yield field
            if self._body and self.app.size.height >= BODY_HEIGHT_MIN:
                yield Static(self._body, id="dialog-foot", markup=False)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.focus()
        if self._selected is not None:
            field.selection = Selection(*self._selected)

    @on(Input.Submitted)
    def submit(self) -> None:
        line = self.query_one(Input).value
        self.dismiss(line if self._takes_any else line.strip() or None)

    def on_key(self, event: events.Key) -> None:
        if self.is_closing(event.key):
            event.stop()
            self.dismiss(None)
