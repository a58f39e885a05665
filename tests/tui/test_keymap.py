"""The one table of keys, and what the user wants otherwise."""

from __future__ import annotations

import pytest
from textual.events import Key

from jpterm_like.config import KeyBinding, Paths, Settings
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.key_presets import PRESETS
from jpterm_like.tui.keymap import _NAMES, COMMANDS, Keymap, parse_key
from jpterm_like.tui.render.key_parser import KeyParser
from jpterm_like.tui.widgets.help import help_text
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal, until


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ctrl+/", "ctrl+slash"),
        ("Ctrl + Shift + Z", "ctrl+shift+z"),
        ("shift+alt+up", "alt+shift+up"),
        ("F11", "f11"),
        ("esc", "escape"),
        ("page up", "pageup"),
        ("ctrl++", "ctrl+plus"),
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("alt+;", "alt+semicolon"),
        ("ctrl+space", "ctrl+space"),
        ("a", None),
        ("shift+a", None),
        ("space", None),
        ("", None),
        ("ctrl+", None),
        ("ctrl+ctrl+a", None),
        ("strg+a", None),
        ("ctrl+nothing", None),
    ],
)
def test_keys_as_people_write_them(written: str, name: str | None) -> None:
    assert parse_key(written) == name


@pytest.mark.parametrize(
    ("bytes_sent", "command"), [("\x1f", "toggle_comment"), ("\x1d", "matching_bracket")]
)
def test_what_terminals_send_is_understood(bytes_sent: str, command: str) -> None:
    [event] = KeyParser().feed(bytes_sent)
    assert isinstance(event, Key) and Keymap().command(event.key) == command


@pytest.mark.parametrize(
    ("sign", "preset", "command"),
    [
        (".", "default", "next_file"),
        ("<", "emacs", "text_start"),
        ("%", "emacs", "replace"),
        (";", "emacs", "toggle_comment"),
        ("V", "default", "split_beside"),
    ],
)
def test_alt_and_a_sign_is_a_key_on_plain_terminals(sign: str, preset: str, command: str) -> None:
    """They send escape and the sign; Textual alone would take the sign for typed."""
    [event] = KeyParser()._sequence_to_key_events(sign, alt=True)
    assert Keymap((), preset).command(event.key) == command


ALT_R_A_B = ["alt+r", "a", "b"]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("\x1brab", ALT_R_A_B),  # in one go, over a slow line
        ("\x1br" + "a" * 40, ["alt+r", *"a" * 40]),
        ("\x1br\x1br\x1b[A", ["alt+r", "alt+r", "up"]),  # held down
        ("\x1b1a", ["alt+1", "a"]),
        ("\x1bé", ["alt+é"]),
        ("\x1bf\x1bb", ["ctrl+right", "ctrl+left"]),  # what iTerm2 sends for alt and an arrow
        ("\x1bOA\x1b[[A", ["up", "f1"]),
        ("\x1b\x1b[A", ["escape", "up"]),
        ("\x1b[97;3u", ["alt+a"]),
        ("a\x1b[>0;115;0c\x1b[?1ub", ["a", "b"]),  # answers to another program
        ("a\x1b]11;rgb:1f1f/1f1f/1f1f\x1b\\\x1b]11;rgb:00/00/00\x07b", ["a", "b"]),
        ("a\x1bP>|kitty(0.35)\x1b\\\x1b_Gi=31;OK\x1b\\b", ["a", "b"]),
        ("a\x1b[99~\x1b[25;2~b", ["a", "b"]),  # keys that nobody knows
        (
            "\x1b[27;2;13~\x1b[27;5;46~",
            ["shift+enter", "ctrl+full_stop"],
        ),  # as xterm sends what has no sequence
        ("\x1b[97;1:1u\x1b[97;1:2u\x1b[97;1:3u\x1b[1;1:3A", ["a", "a"]),  # pressed, held, released
    ],
)
def test_what_terminals_send_in_a_hurry_or_unasked(sent: str, keys: list[str]) -> None:
    """Textual's own parser types "^r" and the like into the text; a key of which it is told twice ended its thread."""
    events = [event for event in KeyParser().feed(sent) if isinstance(event, Key)]
    assert [event.key for event in events] == keys


def test_what_is_no_key_goes_on_to_who_wants_it() -> None:
    sent = "\x1b[200~a b\x1b[201~\x1b[<0;1;1M\x1b[?2026;2$y\x1b[I\x1b[3;4R\x1b[48;40;120;800;1200t"
    names = [type(event).__name__ for event in KeyParser().feed(sent)]
    wanted = "Paste MouseDown TerminalSupportsSynchronizedOutput AppFocus CursorPosition Resize"
    assert names == wanted.split()


def test_every_key_of_the_table_is_one_that_a_user_could_write() -> None:
    for command in COMMANDS:
        for key in command.keys:
            last = key.rpartition("+")[2]
            assert parse_key(key) == key or last in _NAMES, key


def test_no_key_of_the_table_has_two_commands() -> None:
    """The later one would win without a word."""
    keys = [key for command in COMMANDS for key in command.keys]
    assert sorted(keys) == sorted(set(keys))


def test_a_wish_takes_the_key_from_whoever_had_it() -> None:
    keymap = Keymap(
        [
            KeyBinding("duplicate", ("ctrl+k", "f11"), "here, line 1"),
            KeyBinding("undo", (), "here, line 2"),
            KeyBinding("nonsense", ("f5",), "here, line 3"),
            KeyBinding("redo", ("x", "f6"), "here, line 4"),
            KeyBinding("cut", ("y",), "here, line 5"),
        ]
    )
    assert keymap.command("ctrl+k") == keymap.command("f11") == "duplicate"
    assert keymap.command("alt+d") is None and keymap.keys_of("delete_lines") == ("ctrl+shift+k",)
    assert keymap.keys_of("undo") == () and keymap.command("f6") == "redo"
    assert keymap.keys_of("cut") == ("ctrl+x",), "a wish that cannot be met changes nothing"
    assert keymap.problems == [
        "here, line 3: there is no command 'nonsense'; F1 names them.",
        "here, line 4: 'x' is not a key for a command.",
        "here, line 5: 'y' is not a key for a command.",
    ]
    assert "f11" in help_text(keymap).plain


async def test_the_users_keys_work_everywhere_and_wrong_ones_are_told() -> None:
    wishes = (
        KeyBinding("duplicate", ("f11",), "config.toml, line 2"),
        KeyBinding("no", ("f5",), "config.toml, line 3"),
    )
    desk = Desk("a")
    async with terminal(desk, (100, 20), keys=wishes) as (app, pilot, screen):
        assert "config.toml, line 3: there is no command 'no'" in app.editor.messages.text
        await pilot.press("f11", "alt+d")
        assert desk.buffer.text == "a\na"
        await pilot.press("ctrl+p", *"duplicate")
        await until(pilot, lambda: "f11" in "".join(screen.rows()))


async def test_a_chosen_theme_is_kept() -> None:
    paths = Paths.of_user()
    paths.config.mkdir(parents=True)
    paths.settings_file.write_text("# mine\ntab_width = 8 # wide\n")
    async with terminal(Desk("a")) as (app, pilot, _):
        assert isinstance(app, EditorApp)
        await pilot.press("f2", "down", "escape")
        assert "theme" not in paths.settings_file.read_text()
        await pilot.press("f2", "down", "enter")
        await pilot.pause()
        chosen = app.editor.palette.theme.id
    assert paths.settings_file.read_text() == f'# mine\ntab_width = 8 # wide\ntheme = "{chosen}"\n'
    assert Settings.load(paths).theme == chosen


def test_each_preset_gives_keys_to_commands_that_there_are() -> None:
    for preset, keys in PRESETS.items():
        keymap = Keymap((), preset)
        assert set(keys) <= {command.id for command in COMMANDS}
        every = [
            key
            for command in COMMANDS
            for key in keymap.keys_of(command.id)
            if key not in command.notebook_keys
        ]
        assert len(every) == len(set(every)), preset
        assert not {key for key in every if keymap.begins(key)}, "what begins two keys is none by itself"
        for id in ("save", "quit", "help", "undo", "find", "palette"):
            assert keymap.keys_of(id) or (preset, id) == ("vi", "find"), (preset, id)


async def test_emacs_keys_one_after_the_other() -> None:
    desk = Desk("one two\nthree")
    async with terminal(desk, (100, 20), preset="emacs") as (app, pilot, _):
        await pilot.press("ctrl+e", "X", "ctrl+a", "ctrl+d", "ctrl+n", "ctrl+k", "ctrl+p", "ctrl+y")
        assert desk.buffer.text == "threene twoX\n"
        await pilot.press("ctrl+x", "ctrl+s")
        await app.workers.wait_for_complete()
        assert desk.saves == ["threene twoX\n"]
        await pilot.press("ctrl+@", "alt+b", "ctrl+w")
        assert desk.buffer.text == "ne twoX\n"
        await pilot.press("ctrl+x", "q")
        assert "ctrl+x q does nothing here" in app.editor.messages.text and desk.buffer.text == "ne twoX\n"


def test_two_keys_of_the_users_own() -> None:
    keymap = Keymap([KeyBinding("save", ("ctrl+x s", "Ctrl+K  Ctrl+S"), "here")])
    assert keymap.problems == [] and keymap.keys_of("save") == ("ctrl+x s", "ctrl+k ctrl+s")
    assert keymap.command("ctrl+x") is None and keymap.begins("ctrl+x")


async def test_settings_are_looked_at_when_they_are_saved() -> None:
    """What is wrong is told at once, as far as it can be read, and that the rest counts from now on."""
    paths = Paths.of_user()
    paths.config.mkdir(parents=True)
    paths.settings_file.write_text("tab_width = 99\n[keys]\nno = 'f5'\nalso = 'f6'\nnor = 'f7'\n")
    desk = Desk("a")
    async with terminal(desk, (100, 20)) as (app, pilot, _):
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        assert app.editor.messages.text == "Saved notes.md."
        desk.address = str(paths.settings_file.resolve())
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        told = app.editor.messages.text
        assert "line 1: tab_width must be" in told and "line 3: there is no command 'no'" in told
        assert "2 more problems; fix these first." in told and "are applied" in told
        paths.settings_file.write_text("tab_width = 99\ntheme = 'none such'\n")
        app.reload_settings()
        told = app.editor.messages.text
        assert "line 1: tab_width must be" in told and "no theme 'none such'" in told
        assert "no command" not in told, "that problem is solved"
        paths.settings_file.write_text("tab_width = 8\n")
        app.reload_settings()
        assert "tab_width" not in app.editor.messages.text and "none such" not in app.editor.messages.text


async def test_settings_count_from_when_they_are_saved() -> None:
    """Keys, presets and looks are others at once; what a key has changed stays unless its setting is another one."""
    paths = Paths.of_user()
    paths.config.mkdir(parents=True)
    desk = Desk("\ta word\n" * 5)
    async with terminal(desk, (60, 15)) as (app, pilot, screen):
        desk.address = str(paths.settings_file.resolve())

        async def saves(settings: str) -> str:
            paths.settings_file.write_text(settings)
            await pilot.press("ctrl+s")
            await app.workers.wait_for_complete()
            settle(app)
            return app.editor.messages.text

        assert screen.rows()[0].startswith("   1     a word")
        app.editor.run("toggle_whitespace")
        told = await saves(
            "tab_width = 2\nline_numbers = false\ntheme = 'light'\n[keys]\nduplicate = 'f11'\n"
        )
        assert told == "Saved notes.md. The settings are applied."
        assert screen.rows()[0].startswith("» a·word") and app.palette.theme.id == "light"
        await pilot.press("f11")
        assert desk.buffer.text == "\ta word\n" * 6
        await saves("preset = 'vi'\n")
        assert screen.rows()[0].startswith("   1 »   a·word")
        await pilot.press("d", "d")
        assert desk.buffer.text == "\ta word\n" * 5
        told = await saves("name = 'eve'\ntheme = 'none such'\nfile_tree = true\n")
        assert "no theme 'none such'" in told and "file_tree at the next start" in told and desk.name == "eve"
        await pilot.press("d")
        assert desk.buffer.text.count("d") == 6
        paths.settings_file.write_text("line_numbers = false\n")
        app.reload_settings()
        settle(app)
        assert screen.rows()[0].lstrip().startswith("»   a·word"), "another program has saved them"
