"""The dialog that searches all files: the fields, the options, and the list of what was found.

Loaded when first needed. It searches and replaces nothing: `Actions` does, and `ProjectSearch` has the results.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, NamedTuple

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input, Static

from jpterm_like.tui.project_search import FileFound, Place, ProjectSearch
from jpterm_like.tui.search_history import Kind, SearchHistory, Walk
from jpterm_like.tui.text.cells import clean, cut, cut_start
from jpterm_like.tui.text.query import Query
from jpterm_like.tui.widgets.bar import Button
from jpterm_like.tui.widgets.dialogs import Dialog
from jpterm_like.tui.widgets.find_bar import SHOWN
from jpterm_like.tui.widgets.input import Line

NEWS_S: Final = 0.1
"""The shortest time between two looks at what was found."""

OPTIONS: Final = {"toggle_case": "Aa", "toggle_words": "W", "toggle_regex": ".*"}
"""The commands of the options, and their signs."""

FOOT_HEIGHT_MIN: Final = 14
"""Screen height below which the keys are left out in favour of the list."""

NUMBER_CELLS: Final = 7


class Actions(NamedTuple):
    """What the dialog has others do."""

    search: Callable[[Query], str]
    """Begin a search; return what is wrong with the query, or ""."""
    replace: Callable[[str], None]
    """Replace everything that was found."""
    stop: Callable[[], bool]
    """Stop searching or replacing; return whether something was under way."""


class ResultList(ScrollView, can_focus=True):
    """The files and their lines with matches. Only the rows on the screen are laid out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "results--file", "results--number", "results--match", "results--chosen",
    }  # fmt: skip
    DEFAULT_CSS = """
    ResultList {
        height: 1fr;
        width: 100%;
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
    }
    ResultList > .results--file { color: $primary; text-style: bold; }
    ResultList > .results--number { color: $hint; }
    ResultList > .results--match { color: $warning; text-style: bold underline; }
    ResultList > .results--chosen {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    """

    class Opened(Message):
        """A line was chosen to go to."""

    def __init__(self) -> None:
        super().__init__(id="results")
        self._rows: list[FileFound | Place] = []
        self.chosen: int | None = None
        """The row of the chosen line."""

    @property
    def place(self) -> Place | None:
        """The chosen line."""
        row = None if self.chosen is None or self.chosen >= len(self._rows) else self._rows[self.chosen]
        return row if isinstance(row, Place) else None

    def show(self, search: ProjectSearch) -> None:
        """Show what was found by now; the chosen line stays chosen."""
        place = self.place or search.current
        self._rows = []
        for file in search.files:
            self._rows += [file, *(Place(file, line) for line in file.lines)]
        self.chosen = next((at for at, row in enumerate(self._rows) if row == place), None)
        if self.chosen is None and self._rows:
            self.move(1)
        self.virtual_size = Size(self.size.width, len(self._rows))
        self._reveal()
        self.refresh()

    def move(self, by: int) -> bool:
        """Choose the line so many lines on, or as many as there are; return whether it is another one."""
        before, step = self.chosen, 1 if by > 0 else -1
        at = -1 if before is None else before
        for _ in range(abs(by)):
            following = at + step
            while 0 <= following < len(self._rows) and not isinstance(self._rows[following], Place):
                following += step
            if not 0 <= following < len(self._rows):
                break
            at = following
        self.chosen = at if at >= 0 else None
        self._reveal()
        self.refresh()
        return self.chosen != before

    def _reveal(self) -> None:
        if self.chosen is not None:
            # With the name of the file above its first line.
            top = self.chosen - 1 if not isinstance(self._rows[self.chosen - 1], Place) else self.chosen
            self.scroll_to_region(
                Region(0, top, 1, self.chosen - top + 1), animate=False, force=True, immediate=True
            )

    def render_line(self, y: int) -> Strip:
        width, at = self.size.width, y + round(self.scroll_y)
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row, is_chosen = self._rows[at], at == self.chosen
        text = self._lay_out(row, width, is_chosen)
        style = self.get_component_rich_style("results--chosen") if is_chosen else self.rich_style
        strip = Strip(text.render(self.app.console)).adjust_cell_length(width)
        return strip.apply_style(style)

    def _lay_out(self, row: FileFound | Place, width: int, is_chosen: bool) -> Text:
        def style_of(name: str) -> Style:
            return Style.null() if is_chosen else self.get_component_rich_style(name, partial=True)

        line = Text(no_wrap=True, overflow="crop", end="")
        if isinstance(row, FileFound):
            count = f"  {max(row.count, len(row.lines)):,}"
            line.append(
                cut_start(clean(row.name, 500), max(1, width - len(count))), style_of("results--file")
            )
            return line.append(count, style_of("results--number"))
        found = row.line
        line.append(f"{found.row + 1:>{NUMBER_CELLS - 2}}  ", style_of("results--number"))
        match = Style(bold=True, underline=True) if is_chosen else style_of("results--match")
        at, room = 0, width - NUMBER_CELLS
        for low, high in [*found.spans, (len(found.excerpt),) * 2]:
            for start, end, style in ((at, low, Style.null()), (max(at, low), high, match)):
                part = cut(clean(found.excerpt[start:end], 400), max(0, room)) if end > start else ""
                line.append(part, style)
                room = width - line.cell_len
            at = max(at, high)
        return line

    def on_click(self, event: events.Click) -> None:
        at = event.y + round(self.scroll_y)
        if at < len(self._rows) and isinstance(self._rows[at], Place):
            again = at == self.chosen
            self.chosen = at
            self.refresh()
            if again or event.chain > 1:
                self.post_message(self.Opened())


class SearchField(Line):
    """A field that asks the dialog about keys first."""

    def __init__(self, value: str, dialog: SearchDialog, kind: Kind, history: SearchHistory) -> None:
        super().__init__(
            value, id=f"search-{kind}", restrict=SHOWN, max_length=1000, select_on_focus=False, compact=True
        )
        self.kind = kind
        self.walk = Walk(history, kind)
        self._dialog = dialog
        self.cursor_blink = False

    def restricted(self) -> None:
        """Reject characters that would affect the terminal, without a bell."""

    async def on_key(self, event: events.Key) -> None:
        if self._dialog.take_key(event.key, self):
            event.stop()
            event.prevent_default()
        else:
            await super().on_key(event)

    def recall(self, *, older: bool) -> None:
        """Show the term before or after the one that is shown."""
        self.value = self.walk.step(self.value, older=older)
        self.cursor_position = len(self.value)


class SearchDialog(Dialog[Place | None]):
    """Returns the line to go to, or None when closed."""

    DEFAULT_CSS = """
    .search-row { height: 1; width: 100%; }
    .search-row > Static { width: auto; height: 1; text-wrap: nowrap; }
    .search-label { color: $primary; text-style: bold; }
    .search-row > .on { color: $primary; text-style: bold; }
    .search-row > Input, .search-row > Input:focus {
        width: 1fr; min-width: 6; height: 1; border: none; padding: 0; background: $background; color: $foreground;
    }
    #search-status { height: auto; max-height: 3; width: 100%; }
    #search-status.wrong { color: $error; }
    #search-foot { height: 1; width: 100%; color: $hint; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(
        self, search: ProjectSearch, actions: Actions, history: SearchHistory, query: Query, replacement: str
    ) -> None:
        super().__init__()
        self.query_now = query
        """The query, as the options are now; its text is in the field."""
        self._search = search
        self._actions = actions
        self._has_searched = False
        """Since the dialog was opened: the results of an earlier one may be old."""
        self._wants_to_replace = False
        self._is_stale = True
        self._wrong = ""
        self._doing = ""
        self.find = SearchField(query.text, self, "find", history)
        self.replacement = SearchField(replacement, self, "replace", history)
        self.results = ResultList()
        self._options = {command: Button(partial(self.toggle, command)) for command in OPTIONS}

    def compose(self) -> ComposeResult:
        key = self.keymap.key_label("replace_all", "click")
        with Vertical(id="dialog", classes="tall"):
            yield Static("Search in all files", id="dialog-title", markup=False)
            yield Horizontal(
                Static("Find    ", classes="search-label"),
                self.find,
                *self._options.values(),
                classes="search-row",
            )
            yield Horizontal(
                Static("Replace ", classes="search-label"),
                self.replacement,
                Button(self.wish_to_replace, f"  {key}: all"),
                classes="search-row",
            )
            yield Static("", id="search-status", markup=False)
            yield self.results
            yield Static("", id="search-foot", markup=False)

    def on_mount(self) -> None:
        self.find.focus()
        self.find.select_all()
        self.set_interval(NEWS_S, self._look)
        self._show_options()
        self._look()

    def fit(self, width: int, height: int) -> None:
        super().fit(width, height)
        self.query_one("#search-foot").display = height >= FOOT_HEIGHT_MIN
        self._is_stale = True

    # What others tell

    def news(self) -> None:
        """Something was found, or the search has ended."""
        self._is_stale = True

    def tell(self, sentence: str) -> None:
        """Say what is being done instead of what was found; "": nothing any more."""
        self._doing = sentence
        self._is_stale = True

    def _look(self) -> None:
        """Show what was found since the last look."""
        if not self._is_stale:
            return
        self._is_stale = False
        search = self._search
        self.results.show(search)
        where = f"    (in {clean(search.title, 60)})" if search.title else ""
        self.query_one("#dialog-title", Static).update(f"Search in all files{where}")
        status = self.query_one("#search-status", Static)
        status.set_class(bool(self._wrong) or search.state == "failed", "wrong")
        status.update(clean(self._wrong or self._doing or search.status(), 300) or " ")
        self._show_foot()
        if self._wants_to_replace and search.state != "running":
            self._wants_to_replace = False
            if search.state == "done" and search.files:
                self._actions.replace(self.replacement.value)

    def _show_foot(self) -> None:
        opens = self._opens()
        told = ["enter: open" if opens else "enter: search", "↓: list", "↑: earlier terms", "esc: close"]
        if self._doing or self._search.is_running:
            told[-1] = "esc: stop"
        if self.results.has_focus:
            told = ["enter: open", "tab: fields", told[-1]]
        self.query_one("#search-foot", Static).update("   ".join(told))

    # What is typed

    def _opens(self) -> bool:
        """Whether enter in a field opens the chosen line, and does not search."""
        is_shown = self._has_searched and self._query() == self._search.query
        return is_shown and self.results.place is not None

    def _query(self) -> Query:
        return self.query_now._replace(text=self.find.value)

    def search_now(self) -> None:
        """Search for what is in the field."""
        self._has_searched = bool(self.find.value)
        self._wrong = self._actions.search(self._query()) if self.find.value else "Type what to search for."
        self.results.chosen = None
        self._is_stale = True
        self._look()

    def wish_to_replace(self) -> None:
        """Replace everything that is found, once all of it is."""
        if not self._has_searched or self._query() != self._search.query:
            self.search_now()
        self._wants_to_replace = not self._wrong
        self._is_stale = True

    def toggle(self, command: str) -> None:
        """Turn an option on or off, and search again if a search was made."""
        query = self.query_now
        self.query_now = {
            "toggle_case": query._replace(case=not query.case),
            "toggle_words": query._replace(words=not query.words),
            "toggle_regex": query._replace(regex=not query.regex),
        }[command]
        self._show_options()
        if self._has_searched:
            self.search_now()

    def _show_options(self) -> None:
        query = self.query_now
        chosen = (query.case, query.words, query.regex)
        for (command, sign), is_on in zip(OPTIONS.items(), chosen, strict=True):
            self._options[command].update(f" {'✓' if is_on else ' '}{sign}")
            self._options[command].set_class(is_on, "on")

    @on(Input.Submitted)
    def _enter(self) -> None:
        if self._opens():
            self.dismiss(self.results.place)
        else:
            self.search_now()

    @on(ResultList.Opened)
    def _open(self) -> None:
        if self.results.place is not None:
            self.dismiss(self.results.place)

    def take_key(self, key: str, field: SearchField | None) -> bool:
        """Handle a key of the dialog; False if it belongs to the field."""
        command = self.keymap.command(key) or ""
        results = self.results
        page = max(1, results.size.height - 1)
        if self.is_closing(key):
            self._close()
        elif command in OPTIONS:
            self.toggle(command)
        elif command == "replace_all":
            self.wish_to_replace()
        elif command in ("tab", "outdent"):
            self._go_on(field, 1 if command == "tab" else -1)
        elif command in ("page_up", "page_down"):
            results.move(-page if command == "page_up" else page)
        elif command in ("find_next", "find_previous"):
            results.move(1 if command == "find_next" else -1)
        elif command == "up":
            if field is not None:
                field.recall(older=True)
            elif not results.move(-1):
                self.find.focus()
        elif command == "down":
            if field is None:
                results.move(1)
            elif field.walk.is_back(field.value):
                field.recall(older=False)
            elif results.place is not None:
                results.focus()
        elif field is None and key == "enter":
            self._open()
        elif command in ("search_files", "find", "replace"):
            (self.replacement if command == "replace" else self.find).focus()
        else:
            return False
        self._is_stale = True
        return True

    def _go_on(self, field: SearchField | None, step: int) -> None:
        """Give the keyboard to the next field, or to the list if there is one."""
        stops = [self.find, self.replacement, *([self.results] if self.results.place is not None else [])]
        at = next((at for at, stop in enumerate(stops) if stop is (field or self.results)), 0)
        stops[(at + step) % len(stops)].focus()

    def _close(self) -> None:
        self._wants_to_replace = False
        if not self._actions.stop():
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        if not isinstance(self.focused, SearchField) and self.take_key(event.key, None):
            event.stop()
            event.prevent_default()
