"""The bars above the status bar for finding, replacing, and going to a line.

Loaded when first needed. They do not search: the typed text goes to the editor, which reports the result.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.search_history import Walk
from jpterm_like.tui.widgets.bar import Bar, Button, Finder, Option
from jpterm_like.tui.widgets.input import Line

SHOWN: Final = r"[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]*"
"""Control characters and changes of direction, which would affect the terminal."""

NAMES_WIDTH_MIN: Final = 100
"""Width from which options are shown by their names and keys; below it by signs."""
HINT_WIDTH_MIN: Final = 50
"""Width from which the keys that replace are both shown; below it only the one for all."""
OPTIONS: Final = ("toggle_case", "toggle_words", "toggle_regex", "toggle_in_selection")
"""The commands of the options, in the order in which they are shown."""

LABEL_WIDTH_MIN: Final = 36
"""Width from which the bar says what its fields are for; below it options and keys are left out, too."""


class Field(Line):
    """A text field that passes keys of editor commands on."""

    def __init__(self, value: str, bar: TypedBar, id: str, walk: Walk | None = None) -> None:
        """`walk`: through the field's earlier terms."""
        super().__init__(value, id=id, restrict=SHOWN, max_length=1000, select_on_focus=False, compact=True)
        self._bar = bar
        self._walk = walk
        self.cursor_blink = False  # an idle screen writes nothing

    def restricted(self) -> None:
        """Reject characters that would affect the terminal, without a bell."""

    async def on_key(self, event: events.Key) -> None:
        if self._bar.take_key(event.key, self):
            event.stop()
            event.prevent_default()
        else:
            await super().on_key(event)

    def recall(self, *, older: bool) -> None:
        """Show the term before or after the one that is shown, if the field remembers terms."""
        if self._walk is not None:
            self.value = self._walk.step(self.value, older=older)
            self.cursor_position = len(self.value)


class TypedBar(Bar):
    """A bar above the status bar."""

    DEFAULT_CSS = """
    TypedBar.bar {
        width: 100%;
        height: auto;
        background: $surface;
        color: $foreground;
    }

    .bar-row {
        width: 100%;
        height: 1;
        padding: 0 1;
    }

    .bar-label, .bar-note {
        width: auto;
        height: 1;
        text-wrap: nowrap;
    }

    .bar-label {
        text-style: bold;
        color: $primary;
    }

    .bar-note.on {
        color: $primary;
        text-style: bold;
    }

    .bar-note.wrong {
        color: $error;
        text-style: bold;
    }

    TypedBar.bar Input, TypedBar.bar Input:focus {
        width: 1fr;
        min-width: 6;
        height: 1;
        border: none;
        padding: 0;
        background: $background;
        color: $foreground;
    }
    """

    def __init__(self, editor: Finder, id: str) -> None:
        super().__init__(id=id, classes="bar")
        self.editor = editor

    def take_key(self, key: str, field: Field) -> bool:
        """Handle a key of the bar; False if it belongs to the field."""
        command = self.editor.keymap.command(key)
        if command is None:
            return False
        if command == "deselect":
            self.editor.close_bar(stay=False)
        elif command == "newline":
            self.enter(field)
        elif command in ("tab", "outdent"):
            self.switch(field)
        elif command == "find" and self.editor.sought.text:
            self.editor.run("find_next")
        elif command in ("up", "down"):
            field.recall(older=command == "up")
        elif command in ("page_up", "page_down"):
            self.editor.run(command)  # the text moves, and the keyboard stays here
        elif BY_ID[command].group in ("File", "Finding", "Together", "View", "Help") or command in (
            "undo",
            "redo",
        ):
            self.editor.run(command)
        else:
            return False
        return True

    def enter(self, field: Field) -> None:
        raise NotImplementedError

    def switch(self, field: Field) -> None:
        """Move to the next field, if there is one."""


class FindBar(TypedBar):
    """The bar to find and replace, with the number of matches."""

    def __init__(self, editor: Finder) -> None:
        super().__init__(editor, "find-bar")
        self._find = Field(editor.sought.text, self, "find-field", Walk(editor.history, "find"))
        self._replace = Field(editor.replacement, self, "replace-field", Walk(editor.history, "replace"))
        self._count = Static("", classes="bar-note", markup=False)
        self._options = {command: self._button(command) for command in OPTIONS}
        self._one, self._all = self._button("replace_one"), self._button("replace_all")
        self._second = Horizontal(
            Static("Replace ", classes="bar-label", markup=False),
            self._replace,
            self._one,
            self._all,
            classes="bar-row",
        )
        self._second.display = False

    def _button(self, command: str) -> Button:
        button = Button(partial(self.editor.run, command))
        button.add_class("bar-note")
        return button

    def compose(self) -> ComposeResult:
        label = Static("Find    ", classes="bar-label", markup=False)
        yield Horizontal(label, self._find, self._count, *self._options.values(), classes="bar-row")
        yield self._second

    def on_mount(self) -> None:
        self.focus()

    def on_resize(self, event: events.Resize) -> None:
        for each in (*self.query(".bar-label"), *self._options.values(), self._all):
            each.display = event.size.width >= LABEL_WIDTH_MIN
        self._one.display = event.size.width >= HINT_WIDTH_MIN
        self.editor.update_bar()

    def focus(self, scroll_visible: bool = True) -> FindBar:
        if self._find.value != self.editor.sought.text:
            self._find.value = self.editor.sought.text
        self._find.focus()
        self._find.select_all()
        return self

    def show_replacing(self) -> None:
        self._second.display = True
        if self.editor.sought.text:
            self._replace.focus()
        else:
            self._find.focus()

    def tell(self, words: str, options: tuple[Option, ...], wrong: bool) -> None:
        key_label = self.editor.keymap.key_label
        self._count.set_class(wrong, "wrong")
        _show(self._count, f" {words}" if words else "")
        for option in options:
            button, tick = self._options[option.command], "✓" if option.on else " "
            button.set_class(option.on, "on")
            if self.size.width >= NAMES_WIDTH_MIN:
                key = key_label(option.command)
                _show(button, f"  {key} {tick}{option.name}" if key else f"  {tick}{option.name}")
            else:
                _show(button, f" {tick}{option.sign}")
        _show(self._one, " enter: this one")
        _show(self._all, f"  {key_label('replace_all', 'click')}: all")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._find:
            self.editor.look_for(event.value)
        else:
            self.editor.replacement = event.value

    def enter(self, field: Field) -> None:
        # The message that a field changed may arrive after the next keys.
        if self._find.value != self.editor.sought.text:
            self.editor.look_for(self._find.value)
        self.editor.replacement = self._replace.value
        if self.editor.keymap.preset == "vi" and field is self._find:
            self.editor.close_bar(stay=True)
            return
        self.editor.run("replace_one" if field is self._replace else "find_next")

    def switch(self, field: Field) -> None:
        if self._second.display:
            (self._find if field is self._replace else self._replace).focus()


class LineBar(TypedBar):
    """The bar to go to a line."""

    def __init__(self, editor: Finder) -> None:
        super().__init__(editor, "line-bar")
        self._field = Field("", self, "line-field")
        self._note = Static("", classes="bar-note", markup=False)

    def compose(self) -> ComposeResult:
        label = Static("Line, or line:column ", classes="bar-label", markup=False)
        yield Horizontal(label, self._field, self._note, classes="bar-row")

    def on_mount(self) -> None:
        self._field.focus()

    def on_resize(self, event: events.Resize) -> None:
        for label in self.query(".bar-label"):
            label.display = event.size.width >= LABEL_WIDTH_MIN

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        fits = self.editor.go_to_line(event.value.strip())
        self._note.set_class(not fits, "wrong")
        _show(self._note, "" if fits else " not a line: type 12, or 12:5")

    def enter(self, field: Field) -> None:
        if self.editor.go_to_line(field.value.strip()):
            self.editor.close_bar(stay=True)


def _show(note: Static, words: str) -> None:
    """Set the text of a note, if it differs: each change causes a new layout."""
    if note.content != words:
        note.update(words)
