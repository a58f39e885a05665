"""Every command with its keys: the one table behind the keyboard, the palette and the help.

A command is a row here and a function `do_<id>`: in a module of `commands`, where it is given the text it works on, or as a method
of an object with state of its own (`Search`, `Highlighting`, `Awareness`, the editor, the app).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Protocol

Carets = Literal["each", "line", "line_downwards", "once", "drop"]
"""The ways in which a command treats several carets.

each: done at each caret, from the last in the text to the first; line: once for each line with a caret, in the same order;
line_downwards: the same, from the first to the last; once: done once, and it knows all carets or needs none;
drop: it jumps far, so only the first caret is kept, and it is done once.
"""


class Command(NamedTuple):
    """A command that a person can run."""

    id: str
    title: str
    """Shown in the palette and the help."""
    keys: tuple[str, ...] = ()
    """In Textual's notation. The first is shown, and works in every terminal."""
    group: str = "Editing"
    in_palette: bool = True
    """False for commands that make no sense in a list, such as moving the caret."""
    carets: Carets = "once"
    """How it works with several carets."""
    notebook_keys: tuple[str, ...] = ()
    """Keys that have it in a notebook, and another command elsewhere."""


def _moves() -> Iterable[Command]:
    moves = (
        ("left", "Left", ("left",)),
        ("right", "Right", ("right",)),
        ("up", "Up", ("up",)),
        ("down", "Down", ("down",)),
        ("word_left", "Word left", ("ctrl+left", "alt+left", "alt+b")),
        ("word_right", "Word right", ("ctrl+right", "alt+right", "alt+f")),
        ("line_start", "Start of the line, then of its text", ("home",)),
        ("line_end", "End of the line", ("end", "ctrl+e")),
        ("page_up", "Page up", ("pageup",)),
        ("page_down", "Page down", ("pagedown",)),
        ("text_start", "Start of the text", ("ctrl+home",)),
        ("text_end", "End of the text", ("ctrl+end",)),
    )
    for id, title, keys in moves:
        carets: Carets = "drop" if id in ("page_up", "page_down") else "each"
        yield Command(id, title, keys, "Moving", in_palette=False, carets=carets)
    for id, title, keys in moves:
        carets = "once" if id in ("page_up", "page_down") else "each"
        shifted = tuple(_shifted(key) for key in keys if "alt" not in key and key != "ctrl+e")
        select = f"Select: {title[0].lower()}{title[1:]}"
        yield Command(f"select_{id}", select, shifted, "Selecting", in_palette=False, carets=carets)


def _shifted(key: str) -> str:
    before, plus, last = key.rpartition("+")
    return f"{before}{plus}shift+{last}"


COMMANDS: Final[tuple[Command, ...]] = (
    Command("save", "Save", ("ctrl+s",), "File"),
    Command("save_all", "Save all open files", (), "File"),
    Command("open", "Open a file, or switch to an open one", ("ctrl+o",), "File"),
    Command("reopen_files", "Reopen the files of last time", (), "File"),
    Command("file_tree", "Show or hide the file tree", ("alt+shift+f",), "File"),
    Command("new_file", "New file", ("ctrl+n",), "File"),
    Command("join", "Join a file on a server", (), "File"),
    Command("rename_file", "Rename the file", (), "File"),
    Command("duplicate_file", "Duplicate the file", (), "File"),
    Command("delete_file", "Delete the file", (), "File"),
    Command("file_form", "Line endings of the file", (), "File"),
    Command("save_in_encoding", "Save in another encoding", (), "File"),
    Command("read_in_encoding", "Read again in another encoding", (), "File"),
    Command("next_file", "Next tab", ("ctrl+pagedown", "alt+full_stop", "ctrl+circumflex_accent"), "File"),
    Command("previous_file", "Previous tab", ("ctrl+pageup", "alt+comma"), "File"),
    Command("save_and_close", "Save and close the file", (), "File"),
    Command("close_file", "Close the file", ("alt+q", "ctrl+f4"), "File"),
    Command("settings", "Open the settings", (), "File"),
    Command("suspend", "Suspend (fg resumes)", (), "File"),
    Command("quit_in_vain", "Quit with an error (aborts git commit)", (), "File"),
    Command("quit", "Quit", ("ctrl+q", "alt+shift+q"), "File"),
    Command("revert", "Revert to the saved file", (), "File"),
    Command("bring_back", "Restore discarded work", (), "File"),
    Command("undo_disk", "Undo the last change from outside", (), "File"),
    Command("redo_disk", "Redo the last change from outside", (), "File"),
    Command("reconnect", "Reconnect now", ("f12",), "File"),
    Command("send_to_this_server", "Send my text to the other server", (), "File"),
    Command("begin_with_this_server", "Start from the other server's text", (), "File"),
    Command("undo", "Undo", ("ctrl+z",)),
    Command("redo", "Redo", ("ctrl+y", "ctrl+shift+z")),
    Command("cut", "Cut the selection or line", ("ctrl+x",)),
    Command("copy", "Copy the selection or line", ("ctrl+c",)),
    Command("paste", "Paste", ("ctrl+v",)),
    Command("newline", "New line", ("enter", "shift+enter", "ctrl+j"), in_palette=False, carets="each"),
    Command("tab", "Tab; with a selection: indent", ("tab",), in_palette=False, carets="each"),
    Command("outdent", "Indent less", ("shift+tab",), carets="line"),
    Command(
        "delete_left", "Delete to the left", ("backspace", "shift+backspace"), in_palette=False, carets="each"
    ),
    Command("delete_right", "Delete to the right", ("delete",), in_palette=False, carets="each"),
    Command(
        "delete_word_left",
        "Delete the word to the left",
        ("ctrl+w", "ctrl+backspace", "alt+backspace"),
        carets="each",
    ),
    Command(
        "delete_word_right", "Delete the word to the right", ("ctrl+delete", "alt+delete"), carets="each"
    ),
    Command("delete_to_line_end", "Cut to the end of the line", carets="each"),
    Command("cut_or_delete_word", "Cut the selection, or delete the word to the left"),
    Command("toggle_comment", "Toggle comment", ("ctrl+slash", "ctrl+underscore"), carets="line"),
    Command("move_lines_up", "Move lines up", ("alt+up",), carets="line_downwards"),
    Command("move_lines_down", "Move lines down", ("alt+down",), carets="line"),
    Command("duplicate", "Duplicate the line or selection", ("alt+d",), carets="line"),
    Command("delete_lines", "Delete lines", ("ctrl+k", "ctrl+shift+k"), carets="line"),
    Command("line_below", "New line below", ("alt+o", "ctrl+enter"), carets="line"),
    Command("line_above", "New line above", ("alt+i", "ctrl+shift+enter"), carets="line"),
    Command("join_lines", "Join lines", ("alt+j",), carets="line"),
    Command("wrap_paragraph", "Hard-wrap the paragraph or selection", ("alt+shift+j",), carets="line"),
    Command("align_table", "Align the Markdown table", carets="line"),
    Command("sort_lines", "Sort the selected lines"),
    Command("reverse_lines", "Reverse the order of the selected lines"),
    Command("unique_lines", "Remove repeated lines from the selection"),
    Command("filter_lines", "Pipe lines through a shell command"),
    Command("record_macro", "Record a macro, or end the recording", ("alt+shift+m",)),
    Command("play_macro", "Play the macro", ("alt+shift+y",)),
    Command("play_macro_times", "Play the macro several times"),
    Command("complete", "Complete the word", ("ctrl+space", "ctrl+@", "alt+slash")),
    Command("correct_word", "Correct the spelling of the word", ("alt+shift+z",)),
    Command("next_misspelling", "Go to the next misspelled word", ("alt+shift+t",), "Finding", carets="drop"),
    Command("add_word", "Add the word to my dictionary"),
    Command("toggle_spelling", "Toggle spell checking", (), "View"),
    Command("upper", "UPPERCASE", ("alt+u",), carets="each"),
    Command("lower", "lowercase", ("alt+l",), carets="each"),
    Command("add_next_match", "Select the word, then its next match as well", ("ctrl+d",), "Selecting"),
    Command("skip_match", "Skip this match and select the next", ("ctrl+u",), "Selecting"),
    Command("add_all_matches", "Select all matches", ("alt+m",), "Selecting"),
    Command("add_caret_above", "Add a caret above", ("alt+shift+up", "alt+ctrl+up"), "Selecting"),
    Command("add_caret_below", "Add a caret below", ("alt+shift+down", "alt+ctrl+down"), "Selecting"),
    Command("carets_at_lines", "Add a caret at the end of each selected line", (), "Selecting"),
    Command("set_mark", "Set the mark: moves select", (), "Selecting", carets="each"),
    Command("select_all", "Select all", ("ctrl+a", "alt+shift+a"), "Selecting", carets="drop"),
    Command("deselect", "Clear the selection; close a message", ("escape",), "Selecting", in_palette=False),
    *_moves(),
    Command("find", "Find", ("ctrl+f", "alt+shift+i"), "Finding", carets="drop"),
    Command("replace", "Find and replace", ("ctrl+r",), "Finding", carets="drop"),
    Command("find_next", "Next match", ("f3", "alt+n"), "Finding", carets="drop"),
    Command("find_previous", "Previous match", ("alt+p", "shift+f3"), "Finding", carets="drop"),
    Command("toggle_case", "Match case", ("alt+c",), "Finding"),
    Command("toggle_words", "Whole words", ("alt+w",), "Finding"),
    Command("toggle_regex", "Regular expression", ("alt+r",), "Finding"),
    Command("toggle_in_selection", "Search in the selection", ("alt+s",), "Finding"),
    Command("replace_one", "Replace this match", (), "Finding"),
    Command("replace_all", "Replace all matches", ("alt+a",), "Finding"),
    # Terminals without the kitty protocol send ctrl+shift+f as ctrl+f.
    Command("search_files", "Search in all files", ("alt+shift+s", "ctrl+shift+f"), "Finding", carets="drop"),
    Command("next_result", "Next result in all files", ("alt+shift+r",), "Finding", carets="drop"),
    Command("previous_result", "Previous result in all files", ("alt+shift+e",), "Finding", carets="drop"),
    Command("find_everywhere", "Find in everything ever written", (), "Finding", carets="drop"),
    Command("outline", "Go to a heading or symbol", ("ctrl+t",), "Finding", carets="drop"),
    Command("toggle_bookmark", "Toggle bookmark", ("ctrl+b", "alt+shift+k"), "Finding"),
    Command("next_bookmark", "Go to the next bookmark", ("alt+k",), "Finding", carets="drop"),
    Command("go_to_line", "Go to a line", ("ctrl+g", "ctrl+l"), "Finding", carets="drop"),
    Command("last_edit", "Go to my last edit; again: the one before", ("alt+e",), "Finding", carets="drop"),
    Command(
        "matching_bracket",
        "Go to the matching bracket",
        ("ctrl+right_square_bracket",),
        "Finding",
        carets="drop",
    ),
    Command("open_link", "Open the link or file name at the caret", ("alt+enter", "alt+shift+l"), "Finding"),
    Command(
        "next_hunk",
        "Go to the next unsaved or uncommitted change",
        ("alt+shift+n",),
        "Changes",
        carets="drop",
    ),
    Command(
        "previous_hunk",
        "Go to the previous unsaved or uncommitted change",
        ("alt+shift+b",),
        "Changes",
        carets="drop",
    ),
    Command("show_hunk", "Show what these lines were before", ("alt+shift+d",), "Changes", carets="drop"),
    Command("revert_hunk", "Revert these lines", (), "Changes", carets="drop"),
    Command("list_hunks", "List the unsaved and uncommitted changes", (), "Changes", carets="drop"),
    Command(
        "look_back",
        "Look back: the text or the selection as it was, and restore it",
        ("alt+minus",),
        "Changes",
    ),
    Command("people", "People: list, go to, follow, roles", ("f8", "alt+shift+w"), "Together"),
    Command("go_to_person", "Go to the next person", ("f6",), "Together", carets="drop"),
    Command("follow_person", "Follow the next person until I press a key", ("f7",), "Together"),
    Command("ask_to_look", "Ask the others to look here", ("alt+g",), "Together"),
    Command("who", "Say in words who is here and what they do", (), "Together"),
    Command("invite", "Invite somebody (share the file)", (), "Together"),
    Command("my_name", "My name", (), "Together"),
    Command("my_colour", "My colour on everybody's screen", (), "Together"),
    Command("say_line", "Say a line to the others (chat)", ("alt+shift+c",), "Together"),
    Command("inspect", "Look under the hood: runs, sites, messages", (), "View"),
    Command("pause", "Pause the connection and write unseen, or resume it", ("alt+shift+g",), "Together"),
    Command("review", "Review what was merged while apart, or go to the next change", ("f9",), "Together"),
    Command("next_change", "Go to the next change by others", (), "Together", carets="drop"),
    Command("scroll_up", "Scroll up (the caret stays)", ("ctrl+up",), "View", in_palette=False),
    Command("scroll_down", "Scroll down (the caret stays)", ("ctrl+down",), "View", in_palette=False),
    Command("toggle_wrap", "Toggle line wrapping", ("f4", "alt+z"), "View"),
    Command("toggle_numbers", "Toggle line numbers", ("f5",), "View"),
    Command("toggle_blame", "Show who wrote each line, and when (blame)", ("alt+equals_sign",), "View"),
    Command("toggle_whitespace", "Toggle visible whitespace", ("f10",), "View"),
    Command("split", "Split one above the other, or unsplit", ("ctrl+backslash",), "View"),
    Command("split_beside", "Split side by side, or unsplit", ("alt+shift+v",), "View"),
    Command("other_view", "Go to the other view", ("alt+v",), "View"),
    Command("toggle_mouse", "Toggle the mouse", (), "View"),
    Command("toggle_preview", "Toggle the Markdown preview", ("alt+h",), "View"),
    Command("toggle_readable", "Toggle narrow rows, centred (72 cells)", (), "View"),
    Command("count_words", "Count words, characters and minutes to read", ("alt+x",), "View"),
    Command("toggle_fold", "Fold or unfold this part", ("alt+t",), "View"),
    Command("fold_all", "Fold all", (), "View"),
    Command("unfold_all", "Unfold all", ("alt+y",), "View"),
    Command("language", "Choose the language to highlight", (), "View"),
    Command("themes", "Choose a theme", ("f2",), "View"),
    Command(
        "run_and_next",
        "Run the cell and go to the next",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+enter",),
    ),
    Command("run_cell", "Run the cell", group="Notebook", carets="drop", notebook_keys=("ctrl+enter",)),
    Command("run_all_cells", "Run all cells", group="Notebook", notebook_keys=("alt+shift+r",)),
    Command(
        "run_cells_above",
        "Run all cells above",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+a",),
    ),
    Command(
        "interrupt_kernel", "Interrupt the cell that runs", group="Notebook", notebook_keys=("alt+shift+i",)
    ),
    Command(
        "notebook_menu",
        "Notebook: cells, kernel, outputs",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+k",),
    ),
    Command("answer_cell", "Answer what a cell asks", group="Notebook", carets="drop"),
    Command(
        "move_widgets",
        "Move the widgets of the cell",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+w",),
    ),
    Command(
        "show_outputs",
        "Open the outputs of the cell as text",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+e",),
    ),
    Command("restart_kernel", "Restart the kernel", group="Notebook"),
    Command("restart_and_run", "Restart the kernel and run all cells", group="Notebook"),
    Command("choose_kernel", "Choose the kernel of the notebook", group="Notebook"),
    Command("stop_kernel", "Stop the kernel", group="Notebook"),
    Command("clear_outputs", "Clear the outputs of the cell", group="Notebook", carets="drop"),
    Command("clear_all_outputs", "Clear the outputs of all cells", group="Notebook"),
    Command("new_cell", "New cell below", group="Notebook", carets="drop", notebook_keys=("alt+shift+n",)),
    Command(
        "split_cell",
        "Split the cell at the caret",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+s",),
    ),
    Command(
        "join_cells",
        "Join the cell with the next",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+j",),
    ),
    Command("move_cell_up", "Move the cell up", group="Notebook", carets="drop"),
    Command("move_cell_down", "Move the cell down", group="Notebook", carets="drop"),
    Command("delete_cell", "Delete the cell", group="Notebook", carets="drop"),
    Command(
        "cell_type",
        "Change the type of the cell: code, Markdown, raw",
        group="Notebook",
        carets="drop",
        notebook_keys=("alt+shift+t",),
    ),
    Command("palette", "All commands", ("ctrl+p", "alt+shift+u"), "Help", in_palette=False),
    Command("help", "Keys and commands", ("f1", "alt+shift+h"), "Help"),
)

BY_ID: Final = {command.id: command for command in COMMANDS}


class KeyBinding(Protocol):
    """Other keys for a command, from the settings; `jpterm_like.config.KeyBinding` is one."""

    @property
    def command(self) -> str: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def place(self) -> str: ...


class Keymap:
    """Finds the command of a key: the table, changed by a preset and by the user's bindings."""

    def __init__(self, bindings: Iterable[KeyBinding] = (), preset: str = "default") -> None:
        self.use(bindings, preset)

    def use(self, bindings: Iterable[KeyBinding], preset: str) -> None:
        """Switch to other bindings."""
        self.preset = preset
        self.problems: list[str] = []
        """A sentence for each binding that cannot be used."""
        self._keys = {command.id: command.keys for command in COMMANDS}
        if preset != "default":
            from jpterm_like.tui.key_presets import PRESETS

            for id, preset_keys in PRESETS[preset].items():
                self._give(id, preset_keys)
        for binding in bindings:
            if binding.command not in BY_ID:
                self.problems.append(
                    f"{binding.place}: there is no command {binding.command!r:.40}; F1 names them."
                )
                continue
            keys = [(key, parse_key(key) or _sequence(key)) for key in binding.keys]
            for written, key in keys:
                if key is None:
                    self.problems.append(f"{binding.place}: {written!r:.40} is not a key for a command.")
            taken = tuple(key for _, key in keys if key is not None)
            if taken or not keys:
                self._give(binding.command, taken)
        self._commands = {key: id for id, keys in self._keys.items() for key in keys}
        usual = {key: command.id for command in COMMANDS for key in command.keys}
        self._notebook_commands = {
            key: command.id
            for command in COMMANDS
            for key in command.notebook_keys
            if self._commands.get(key) in (None, usual.get(key))  # the user's own bindings count everywhere
        }
        self._first = {key.split(" ")[0] for key in self._commands if " " in key}

    def _give(self, command: str, taken: tuple[str, ...]) -> None:
        """Give a command its keys, and take them from any other command: a key has one command only."""
        # The first key of a two-key sequence cannot have a command of its own.
        first = {key.split(" ")[0] for key in taken if " " in key}
        self._keys = {
            id: tuple(key for key in old if key not in taken and key not in first)
            for id, old in self._keys.items()
        }
        self._keys[command] = taken

    def begins(self, key: str) -> bool:
        """Whether a key is the first of two."""
        return key in self._first

    def command(self, key: str, in_notebook: bool = False) -> str | None:
        """The command of a key, or None."""
        if in_notebook and key in self._notebook_commands:
            return self._notebook_commands[key]
        return self._commands.get(key)

    def keys_of(self, id: str) -> tuple[str, ...]:
        """The keys of a command; the first is the one to show. Some of them have it in a notebook only."""
        in_notebooks = BY_ID[id].notebook_keys
        if not in_notebooks:
            return self._keys[id]
        return (*self._keys[id], *(key for key in in_notebooks if self._notebook_commands.get(key) == id))

    def key_label(self, id: str, otherwise: str = "") -> str:
        """The key of a command for people to read; `otherwise` if it has none."""
        keys = self.keys_of(id)
        return key_label(keys[0]) if keys else otherwise


def _sequence(written: str) -> str | None:
    """Parse a sequence of two keys ("ctrl+x ctrl+s"), of which the second may be a plain letter; None if it is none."""
    first, _, second = " ".join(written.split()).partition(" ")
    begin, end = parse_key(first), parse_key(second) or (second.lower() if len(second) == 1 else None)
    return f"{begin} {end}" if begin is not None and end is not None and " " not in end else None


_MODIFIERS: Final = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_KEYS: Final = {
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"),
    *("enter", "tab", "escape", "space"),
    *(f"f{number}" for number in range(1, 25)),
}
_ALIASES: Final = {
    "esc": "escape",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
    "ins": "insert",
} | {
    "page up": "pageup",
    "page down": "pagedown",
    "return": "enter",
}
_SIGNS: Final = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Characters for which Textual's name differs from the one in Unicode."""


def parse_key(key: str) -> str | None:
    """Convert a key as people write it ("Ctrl+/") into Textual's name; None if it is no key, or one that types a character."""
    text = key.strip()
    *modifiers, last = text[:-1].split("+") if text.endswith("+") and len(text) > 1 else text.split("+")
    if text.endswith("+") and len(text) > 1:
        last = "+"
    modifiers = sorted(modifier.strip().lower() for modifier in modifiers if modifier)
    if len(set(modifiers)) < len(modifiers) or not set(modifiers) <= set(_MODIFIERS):
        return None
    last = last.strip()
    if len(last) == 1:
        if not set(modifiers) - {"shift"}:
            return None
        if not last.isalnum():
            name = unicodedata.name(last, "").lower().replace("-", "_").replace(" ", "_")
            last = _SIGNS.get(name, name)
        last = last.lower()  # capitals are shift and a letter
    else:
        last = _ALIASES.get(last.lower(), last.lower())
        if last not in _KEYS or (last == "space" and not set(modifiers) - {"shift"}):
            return None
    key = "+".join([*modifiers, last])
    if key == "ctrl+at":
        return "ctrl+@"  # what Textual calls the byte 0, which terminals send for ctrl+space
    return key if last else None


_NAMES: Final = {
    "pageup": "page up",
    "pagedown": "page down",
    "escape": "esc",
    "slash": "/",
    "underscore": "_",
    "right_square_bracket": "]",
    "backslash": "\\",
    "full_stop": ".",
    "comma": ",",
    "equals_sign": "=",
    "minus": "-",
    "semicolon": ";",
    "less_than_sign": "<",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "greater_than_sign": ">",
    "percent_sign": "%",
    "circumflex_accent": "^",
}
_ARROWS: Final = {"left": "←", "right": "→", "up": "↑", "down": "↓"}


def key_label(key: str) -> str:
    """Convert Textual's name of a key for people to read: "ctrl+←"."""
    if " " in key:
        return " ".join(map(key_label, key.split(" ")))
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _ARROWS.get(last, _NAMES.get(last, last))])
