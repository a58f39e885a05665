"""Every command with its keys: the one table behind the keyboard, the palette and the help.

A command is a row here and a function `do_<id>`: in a module of `commands`, where it is given the text it works on, or as a method
of an object with state of its own (`Search`, `Highlighting`, `Awareness`, the editor, the app).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from jpterm_like.tui.key_presets import PRESETS

Carets = Literal["each", "line", "line_downwards", "once", "drop"]
"""What a command does with several carets.

each: done at each caret, from the last in the text to the first; line: once for each line with a caret, in the same order;
line_downwards: the same, from the first to the last; once: done once, and it knows all carets or needs none;
drop: it jumps far, so only the first caret is kept, and it is done once.
"""


class Command(NamedTuple):
    """A command that a person can run."""

    id: str
    title: str
    """As the palette and the help say it."""
    keys: tuple[str, ...] = ()
    """As Textual names them. The first is the one shown, and works in every terminal."""
    group: str = "Editing"
    in_palette: bool = True
    """False for commands that make no sense in a list, such as moving the caret."""
    carets: Carets = "once"
    """How it works with several carets."""


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


COMMANDS: tuple[Command, ...] = (
    Command("save", "Save to the file", ("ctrl+s",), "File"),
    Command("save_all", "Save all open files", (), "File"),
    Command("open", "Open a file, or go to an open one", ("ctrl+o",), "File"),
    Command("file_tree", "The files beside the text, or hide them", ("alt+shift+f",), "File"),
    Command("new_file", "New file", ("ctrl+n",), "File"),
    Command("join", "Join a file of a server", (), "File"),
    Command("rename_file", "Rename the file", (), "File"),
    Command("duplicate_file", "Copy the text into a new file", (), "File"),
    Command("delete_file", "Delete the file", (), "File"),
    Command("file_form", "Line ends and encoding of the file", (), "File"),
    Command("next_file", "The next open file", ("ctrl+pagedown", "alt+full_stop"), "File"),
    Command("previous_file", "The open file before", ("ctrl+pageup", "alt+comma"), "File"),
    Command("save_and_close", "Save and close the file", (), "File"),
    Command("close_file", "Close the file", ("alt+q", "ctrl+f4"), "File"),
    Command("settings", "Open the settings", (), "File"),
    Command("suspend", "Back to the shell for a while (fg comes back)", (), "File"),
    Command("quit_in_vain", "Quit, and have the caller stop (git commit)", (), "File"),
    Command("quit", "Quit", ("ctrl+q",), "File"),
    Command("revert", "Go back to the text as the file has it", (), "File"),
    Command("bring_back", "Bring back what was discarded", (), "File"),
    Command("undo_disk", "Take back what another program last changed in the file", (), "File"),
    Command("redo_disk", "Make that change again", (), "File"),
    Command("reconnect", "Try to connect now", ("f12",), "File"),
    Command("send_to_this_server", "Send my text to the other server that answers", (), "File"),
    Command("begin_with_this_server", "Begin with the text of the other server that answers", (), "File"),
    Command("undo", "Undo my last step", ("ctrl+z",)),
    Command("redo", "Redo", ("ctrl+y", "ctrl+shift+z")),
    Command("cut", "Cut the selection, or the line", ("ctrl+x",)),
    Command("copy", "Copy the selection, or the line", ("ctrl+c",)),
    Command("paste", "Paste what was cut or copied here", ("ctrl+v",)),
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
    Command(
        "toggle_comment", "Comment these lines, or not", ("ctrl+slash", "ctrl+underscore"), carets="line"
    ),
    Command("move_lines_up", "Move these lines up", ("alt+up",), carets="line_downwards"),
    Command("move_lines_down", "Move these lines down", ("alt+down",), carets="line"),
    Command("duplicate", "Duplicate the line, or the selection", ("alt+d",), carets="line"),
    Command("delete_lines", "Delete these lines", ("ctrl+k", "ctrl+shift+k"), carets="line"),
    Command("line_below", "New line below", ("alt+o", "ctrl+enter"), carets="line"),
    Command("line_above", "New line above", ("alt+i", "ctrl+shift+enter"), carets="line"),
    Command("join_lines", "Join these lines, or this and the next", ("alt+j",), carets="line"),
    Command("sort_lines", "Sort the selected lines"),
    Command("upper", "To capitals", ("alt+u",), carets="each"),
    Command("lower", "To small letters", ("alt+l",), carets="each"),
    Command("add_next_match", "Select the word, then also its next match", ("ctrl+d",), "Selecting"),
    Command("skip_match", "Leave this match out, select the next", ("ctrl+u",), "Selecting"),
    Command("add_all_matches", "Select all matches at once", ("alt+m",), "Selecting"),
    Command("add_caret_above", "One more caret above", ("alt+shift+up", "alt+ctrl+up"), "Selecting"),
    Command("add_caret_below", "One more caret below", ("alt+shift+down", "alt+ctrl+down"), "Selecting"),
    Command("carets_at_lines", "A caret at the end of each selected line", (), "Selecting"),
    Command("set_mark", "Select with every move from here on, or no more", (), "Selecting", carets="each"),
    Command("select_all", "Select everything", ("ctrl+a",), "Selecting", carets="drop"),
    Command("deselect", "Select nothing; close a message", ("escape",), "Selecting", in_palette=False),
    *_moves(),
    Command("find", "Find", ("ctrl+f",), "Finding", carets="drop"),
    Command("replace", "Find and replace", ("ctrl+r",), "Finding", carets="drop"),
    Command("find_next", "The next one", ("f3", "alt+n"), "Finding", carets="drop"),
    Command("find_previous", "The one before", ("alt+p", "shift+f3"), "Finding", carets="drop"),
    Command("toggle_case", "Mind capitals, or not", ("alt+c",), "Finding"),
    Command("toggle_words", "Whole words only, or not", ("alt+w",), "Finding"),
    Command("toggle_regex", "Regular expression, or plain text", ("alt+r",), "Finding"),
    Command("toggle_in_selection", "Within the selection, or everywhere", ("alt+s",), "Finding"),
    Command("replace_one", "Replace this one", (), "Finding"),
    Command("replace_all", "Replace all of them", ("alt+a",), "Finding"),
    Command("outline", "Go to a heading or symbol", ("ctrl+t",), "Finding", carets="drop"),
    Command("toggle_bookmark", "Bookmark this line, or no more", ("ctrl+b",), "Finding"),
    Command("next_bookmark", "Go to the next bookmark", ("alt+k",), "Finding", carets="drop"),
    Command("go_to_line", "Go to a line", ("ctrl+g", "ctrl+l"), "Finding", carets="drop"),
    Command(
        "last_edit", "Go to where I wrote last; again: before that", ("alt+e",), "Finding", carets="drop"
    ),
    Command(
        "matching_bracket",
        "Go to the matching bracket",
        ("ctrl+right_square_bracket",),
        "Finding",
        carets="drop",
    ),
    Command("go_to_person", "Go to somebody's caret", ("f6",), "Together", carets="drop"),
    Command("follow_person", "Follow somebody until I press a key", ("f7",), "Together"),
    Command("ask_to_look", "Ask the others to look here", ("alt+g",), "Together"),
    Command("who", "Say who is here and what they do", ("f8",), "Together"),
    Command("next_change", "Go to what others changed since I looked", ("f9",), "Together", carets="drop"),
    Command("scroll_up", "Scroll up, the caret stays", ("ctrl+up",), "View", in_palette=False),
    Command("scroll_down", "Scroll down, the caret stays", ("ctrl+down",), "View", in_palette=False),
    Command("toggle_wrap", "Wrap long lines, or not", ("f4", "alt+z"), "View"),
    Command("toggle_numbers", "Line numbers, or none", ("f5",), "View"),
    Command("toggle_whitespace", "Show blanks and tabs, or not", ("f10",), "View"),
    Command("split", "Two views one above the other, or one", ("ctrl+backslash",), "View"),
    Command("split_beside", "Two views side by side, or one", ("alt+shift+v",), "View"),
    Command("other_view", "Go to the other view", ("alt+v",), "View"),
    Command("toggle_mouse", "The mouse works here, or is the terminal's", (), "View"),
    Command("toggle_preview", "Show how this Markdown reads beside it, or not", ("alt+h",), "View"),
    Command("toggle_readable", "Rows that are easy to read, or as wide as the screen", (), "View"),
    Command("count_words", "Count words, characters, and minutes to read", ("alt+x",), "View"),
    Command("toggle_fold", "Fold this part, or unfold it", ("alt+t",), "View"),
    Command("fold_all", "Fold everything", (), "View"),
    Command("unfold_all", "Unfold everything", ("alt+y",), "View"),
    Command("language", "Choose the language whose words are coloured", (), "View"),
    Command("themes", "Choose a theme", ("f2",), "View"),
    Command("palette", "All commands", ("ctrl+p",), "Help", in_palette=False),
    Command("help", "Keys and what they do", ("f1",), "Help"),
)

BY_ID = {command.id: command for command in COMMANDS}


class KeyBinding(Protocol):
    """Other keys for a command; `jpterm_like.config.KeyBinding` is one."""

    @property
    def command(self) -> str: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def place(self) -> str: ...


class Keymap:
    """Which command each key asks for, with what the user wants otherwise."""

    def __init__(self, bindings: Iterable[KeyBinding] = (), preset: str = "default") -> None:
        self.use(bindings, preset)

    def use(self, bindings: Iterable[KeyBinding], preset: str) -> None:
        """Go by other wishes from now on."""
        self.preset = preset
        self.problems: list[str] = []
        """A sentence for each wish that cannot be met."""
        self._keys = {command.id: command.keys for command in COMMANDS}
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
        self._first = {key.split(" ")[0] for key in self._commands if " " in key}

    def _give(self, command: str, taken: tuple[str, ...]) -> None:
        """Give a command its keys. A key asks for one command only: who wants it here does not want it elsewhere."""
        # What begins two keys cannot be a key by itself.
        first = {key.split(" ")[0] for key in taken if " " in key}
        self._keys = {
            id: tuple(key for key in old if key not in taken and key not in first)
            for id, old in self._keys.items()
        }
        self._keys[command] = taken

    def begins(self, key: str) -> bool:
        """Whether a key is the first of two."""
        return key in self._first

    def command(self, key: str) -> str | None:
        """What a key asks for, if anything."""
        return self._commands.get(key)

    def keys_of(self, id: str) -> tuple[str, ...]:
        """The keys of a command, the one to be shown first."""
        return self._keys[id]

    def key_label(self, id: str, otherwise: str = "") -> str:
        """The key of a command as people read it; `otherwise` if it has none."""
        keys = self._keys[id]
        return key_label(keys[0]) if keys else otherwise


def _sequence(written: str) -> str | None:
    """Two keys one after the other ("ctrl+x ctrl+s"), of which the second may be a plain letter; None for anything else."""
    first, _, second = " ".join(written.split()).partition(" ")
    begin, end = parse_key(first), parse_key(second) or (second.lower() if len(second) == 1 else None)
    return f"{begin} {end}" if begin is not None and end is not None and " " not in end else None


_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_KEYS = {
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"),
    *("enter", "tab", "escape", "space"),
    *(f"f{number}" for number in range(1, 25)),
}
_ALIASES = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "del": "delete", "ins": "insert"} | {
    "page up": "pageup",
    "page down": "pagedown",
    "return": "enter",
}
# Where Textual's name of a sign is not the one of Unicode.
_SIGNS = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}


def parse_key(key: str) -> str | None:
    """A key as people write it ("Ctrl+/"), as Textual names it; None for none, or for one that types a character."""
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
    return "+".join([*modifiers, last]) if last else None


_NAMES = {
    "pageup": "page up",
    "pagedown": "page down",
    "escape": "esc",
    "slash": "/",
    "underscore": "_",
    "right_square_bracket": "]",
    "backslash": "\\",
    "full_stop": ".",
    "comma": ",",
    "semicolon": ";",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "percent_sign": "%",
    "circumflex_accent": "^",
}
_ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}


def key_label(key: str) -> str:
    """A key as people read it: "ctrl+←"."""
    if " " in key:
        return " ".join(map(key_label, key.split(" ")))
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _ARROWS.get(last, _NAMES.get(last, last))])
