"""The palette and the help find commands by the words that people of other editors use."""

from __future__ import annotations

import pytest

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.fuzzy import best_commands
from jpterm_like.tui.keymap import BY_ID, COMMANDS, Keymap
from jpterm_like.tui.synonyms import MOST_USED, SYNONYMS
from jpterm_like.tui.widgets.dialogs import CommandPicker
from jpterm_like.tui.widgets.help import help_text
from jpterm_like.tui.workspace import Opening
from tests.tui.case import Case
from tests.tui.desk import Desk, Plain

ORDINARY = {
    "search": "find", "save as": "duplicate_file", "uppercase": "upper", "lowercase": "lower", "crlf": "file_form",
    "dark": "themes", "color": "themes", "config": "settings", "vim": "settings", "share": "invite",
    "invite": "invite", "history": "bring_back", "goto": "go_to_line", "read only": "duplicate_file", "people": "people",
    "reopen": "open", "kill line": "delete_to_line_end", "revert": "revert", "whitespace": "toggle_whitespace",
    "line endings": "file_form", "encoding": "save_in_encoding", "preferences": "settings", "shortcuts": "help",
    "keybindings": "help", "word wrap": "toggle_wrap", "soft wrap": "toggle_wrap", "line numbers": "toggle_numbers",
    "exit": "quit", "reload": "revert", "recover": "bring_back", "symbol": "outline", "markdown": "toggle_preview",
    "explorer": "file_tree", "sidebar": "file_tree", "uncomment": "toggle_comment", "indent": "outdent",
    "multiple cursors": "add_next_match", "collapse": "toggle_fold", "expand": "unfold_all", "zen": "toggle_readable",
    "syntax": "language", "connect": "join", "remote": "join", "users": "people", "chat": "say_line", "uniq": "unique_lines",
    "have the caller stop": "quit_in_vain", "follow": "follow_person",
    "regex": "toggle_regex", "regexp": "toggle_regex", "case sensitive": "toggle_case", "substitute": "replace",
    "merge lines": "join_lines", "sort": "sort_lines", "pane": "split", "vsplit": "split_beside", "buffer": "next_file",
    "rename": "rename_file", "statistics": "count_words", "trash": "delete_file", "shell": "suspend", "tab": "next_file",
    "yank": "paste", "replace all": "replace_all", "duplicate line": "duplicate", "jump": "outline", "diff": "next_hunk", "git": "list_hunks", "hunk": "revert_hunk",
    "bracket": "matching_bracket", "background": "themes", "colour scheme": "themes", ":wq": "save_and_close", "dos2unix": "file_form",
    "unindent": "outdent", "mark": "set_mark", "clipboard": "copy", "help": "help", "new": "new_file", "create": "new_file",
}  # fmt: skip
"""Words that people type, and a command that has to be among the first five found."""


def found(wanted: str) -> list[str]:
    commands = [command for command in COMMANDS if command.in_palette]
    entries = [
        (command.title, f"{SYNONYMS.get(command.id, '')}, {command.id.replace('_', ' ')}")
        for command in commands
    ]
    return [commands[index].id for index in best_commands(wanted, entries)]


@pytest.mark.parametrize("wanted", ORDINARY)
def test_ordinary_words_find_what_is_there(wanted: str) -> None:
    assert ORDINARY[wanted] in found(wanted)[:5], found(wanted)[:5]


def test_each_line_of_the_table_is_of_a_command() -> None:
    assert set(SYNONYMS) <= set(BY_ID) and set(MOST_USED) <= set(BY_ID)
    assert len(MOST_USED) == len(set(MOST_USED))


def test_each_command_of_the_palette_is_found_first_or_nearly_so_by_its_title() -> None:
    for command in COMMANDS:
        if command.in_palette:
            assert command.id in found(command.title)[:2], command.title


def test_letters_in_order_find_what_no_word_finds() -> None:
    assert found("tglwrap")[0] == "toggle_wrap"
    assert found("qzxj") == []


def test_a_word_that_begins_is_better_than_one_inside() -> None:
    assert found("case")[0] == "toggle_case"


async def test_most_used_commands_come_first_and_those_used_last_before_them() -> None:
    case = Case(a_md="text")
    app = EditorApp([Opening(case.desks["a.md"])], Plain(), catalog=case)
    async with app.run_test(size=(60, 15)) as pilot:
        assert [choice.id for choice in app._commands()][: len(MOST_USED)] == [*MOST_USED]
        await pilot.press("ctrl+p", *"sorted", "backspace", "backspace", "enter")
        await pilot.pause()
        assert app._commands()[0].id == "sort_lines"


async def test_the_palette_shows_keys_whole_on_narrow_screens() -> None:
    for width in (40, 60, 120):
        app = EditorApp([Opening(Desk("text"))], Plain())
        async with app.run_test(size=(width, 15)) as pilot:
            await pilot.press("ctrl+p")
            await pilot.pause()
            assert isinstance(app.screen, CommandPicker)
            options = app.screen.query_one("#dialog-list")
            rows = [options.render_line(y).text.rstrip() for y in range(options.size.height)]
            for row, choice in zip(rows, app._commands(), strict=False):
                assert row.endswith(choice.hint) and (len(row) <= width - 4), row


def test_the_help_is_searched_by_the_same_words() -> None:
    keymap = Keymap()
    assert "Toggle line wrapping" in help_text(keymap, wanted="word wrap").plain
    assert "Save" not in help_text(keymap, wanted="word wrap").plain
    assert help_text(keymap, wanted="qzxj").plain == "Nothing fits."
