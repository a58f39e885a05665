"""What a terminal or multiplexer takes for itself puts no needed command out of reach, with any preset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from textual.events import Key

import jpterm_like
from jpterm_like.tui.key_presets import PRESETS
from jpterm_like.tui.keymap import COMMANDS, Keymap, key_label
from jpterm_like.tui.render.key_parser import KeyParser

NEEDED: Final = (
    "help",
    "palette",
    "next_file",
    "previous_file",
    "toggle_bookmark",
    "people",
    "quit",
    "select_all",
    "open",
)
"""Each has a key that no terminal takes; all others are in the palette, too."""


def one_of(*keys: str) -> Callable[[str], bool]:
    return keys.__contains__


TAKES: Final[dict[str, Callable[[str], bool]]] = {
    "tmux": one_of("ctrl+b"),
    "screen": one_of("ctrl+a"),
    # The help, the menu, the full screen, and the tabs of its window.
    "GNOME Terminal": one_of("f1", "f10", "f11", "ctrl+pageup", "ctrl+pagedown"),
    # The defaults of `terminal.integrated.commandsToSkipShell`, and ctrl+k, which begins chords.
    "Visual Studio Code": one_of(
        *("ctrl+p", "ctrl+e", "ctrl+q", "ctrl+f", "ctrl+j", "ctrl+k", "ctrl+pageup", "ctrl+pagedown"),
        *("f1", "f5", "f6", "f10", "f11", "ctrl+circumflex_accent"),
    ),
}
MACOS: Final = "Terminal on macOS without Meta"


def without_meta(key: str) -> bool:
    """It types signs of its own for alt, and keeps these keys for its window and the system."""
    return key.startswith("alt+") or key in ("ctrl+pageup", "ctrl+pagedown", "f11")


def left_over(keymap: Keymap, command: str, taken: Callable[[str], bool]) -> list[str]:
    """The keys of a command that arrive; of a sequence, both have to."""
    return [key for key in keymap.keys_of(command) if not any(map(taken, key.split(" ")))]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("terminal", [*TAKES, "all of them at once"])
def test_each_needed_command_has_a_key_that_arrives(preset: str, terminal: str) -> None:
    keymap = Keymap(preset=preset)
    takes = list(TAKES.values()) if terminal not in TAKES else [TAKES[terminal]]

    def taken(key: str) -> bool:
        return any(take(key) for take in takes)

    assert [id for id in NEEDED if not left_over(keymap, id, taken)] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_without_meta_the_palette_has_what_has_no_other_key(preset: str) -> None:
    keymap = Keymap(preset=preset)
    assert left_over(keymap, "palette", without_meta) and left_over(keymap, "help", without_meta)
    hidden = {command.id for command in COMMANDS if not command.in_palette}
    assert [id for id in NEEDED if id in hidden and not left_over(keymap, id, without_meta)] == []


def test_the_manual_names_the_keys_that_arrive_everywhere() -> None:
    text = (Path(jpterm_like.__file__).parent / "manual" / "keys.md").read_text("utf-8")
    section = text.partition("## Keys that your terminal takes for itself")[2].partition("\n## ")[0]
    keymap = Keymap()
    for command in (*NEEDED, "find"):
        arriving = left_over(keymap, command, lambda key: any(take(key) for take in TAKES.values()))
        assert command == "open" or any(f"**{key_label(key)}**" in section for key in arriving), command
    for terminal in ("tmux", "screen", "GNOME Terminal", "Visual Studio Code", "macOS"):
        assert terminal in section


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_begins_what_a_terminal_answers(preset: str) -> None:
    """Alt and one of these signs is sent as the beginning of a string (ECMA-48, 5.6): the parser would wait for its end, and drop
    what is typed until then."""
    beginnings = {"left_square_bracket", "right_square_bracket", "circumflex_accent", "underscore"}
    beginnings |= {"shift+o", "shift+p", "shift+x"}
    keymap = Keymap(preset=preset)
    for command in COMMANDS:
        for key in keymap.keys_of(command.id):
            for part in key.split(" "):
                assert part.removeprefix("alt+") not in beginnings or not part.startswith("alt+"), command.id


def test_no_command_has_a_key_that_most_terminals_send_as_the_beginning_of_another() -> None:
    """alt+shift+o is ESC O, with which the arrows and F1 begin; answers begin as alt+shift+p and alt+shift+x do."""
    used = {key for command in COMMANDS for key in (*command.keys, *command.notebook_keys)}
    used |= {
        key for preset in PRESETS for command in COMMANDS for key in Keymap(preset=preset).keys_of(command.id)
    }
    letters = {key[-1] for key in used if key.startswith("alt+shift+") and len(key) == len("alt+shift+x")}
    assert letters
    for letter in letters:
        keys = [event.key for event in KeyParser().feed(f"\x1b{letter.upper()}") if isinstance(event, Key)]
        assert keys == [f"alt+shift+{letter}"]
