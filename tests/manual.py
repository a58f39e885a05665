"""The generated parts of the manual: `python -m tests.manual` writes them again after a change of commands, keys or settings.

Such a part stands between two comments in a page: `<!-- from the program: NAME -->` and `<!-- end -->`. It is made from
the tables that the program itself goes by: of --help, of F1, and of the settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields

from jpterm_like.cli.commands import COMMANDS, TABLE
from jpterm_like.cli.editor_command import EDITOR
from jpterm_like.cli.manual_pages import FOLDER, TOPICS
from jpterm_like.cli.parser import Command, main_help, parser_of
from jpterm_like.config import Settings
from jpterm_like.tui.key_presets import PRESETS, VI
from jpterm_like.tui.keymap import BY_ID, Keymap, key_label
from jpterm_like.tui.render.themes import folders, load
from jpterm_like.tui.widgets.help import help_groups


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _forms() -> str:
    return f"```\n{main_help(TABLE).partition('In the editor:')[0].strip()}\n```\n"


def _command(command: Command) -> str:
    """A command as its own --help tells it."""
    words = ("jpterm-like", command.name, command.usage)
    text = f"## `{' '.join(filter(None, words))}`\n\n{command.description}\n"
    rows = []
    for action in parser_of(command)._actions:
        if action.help and "--help" not in action.option_strings:
            named = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar
            metavar = named or "|".join(action.choices or ())
            names = ", ".join(action.option_strings)
            rows.append(f"- `{f'{names} {metavar}'.strip()}`: {action.help}\n")
    return text + ("\n" + "".join(rows) if rows else "")


def _commands() -> str:
    people = [command for command in COMMANDS.values() if command.for_people]
    return "\n".join(_command(command) for command in (EDITOR, *people))


def _keys() -> str:
    parts = []
    for group, rows in help_groups(Keymap()).items():
        cells = [(keys.replace("–", ""), title, f"`{id}`" if id else "") for keys, title, id in rows]
        parts.append(f"### {group}\n\n" + _table(("keys", "what they do", "name"), cells))
    return "\n".join(parts)


def _preset(name: str) -> str:
    keymap = Keymap(preset=name)
    return _table(
        ("keys", "what they do"),
        [(", ".join(map(key_label, keymap.keys_of(id))) or "none", BY_ID[id].title) for id in PRESETS[name]],
    )


def _settings() -> str:
    def default(value: object) -> str:
        if value in (None, ()):
            return "none"
        return f"`{str(value).lower()}`" if isinstance(value, bool | int) else f'`"{value}"`'

    return _table(
        ("setting", "default", "what it does"),
        [
            (f"`{each.name}`", default(each.default), each.metadata["about"])
            for each in fields(Settings)
            if each.metadata
        ],
    )


def _themes() -> str:
    found, problems = load(folders())
    assert not problems
    return _table(("theme", "what it is like"), [(f"`{name}`", theme.about) for name, theme in found.items()])


PARTS: dict[str, Callable[[], str]] = {
    "forms": _forms,
    "commands": _commands,
    "keys": _keys,
    "emacs": lambda: _preset("emacs"),
    "vi": lambda: _table(("keys", "what they do"), [(f"`{keys}`", what) for keys, what in VI]),
    "vi keys": lambda: _preset("vi"),
    "settings": _settings,
    "themes": _themes,
}

_PART = re.compile(r"(<!-- from the program: ([a-z ]+) -->\n).*?(<!-- end -->\n)", re.S)


def updated(page: str) -> str:
    """A page with its generated parts as the program of now has them."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page)


def main() -> None:
    for topic in TOPICS:
        file = FOLDER / f"{topic}.md"
        file.write_text(updated(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
