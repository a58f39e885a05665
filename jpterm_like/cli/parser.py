"""Define a command, parse its arguments, and write --help.

Only the standard library is imported here, so that `--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from jpterm_like.errors import escape_for_terminal


class Command(NamedTuple):
    """One command of the command line."""

    name: str
    """Empty for the editor, which runs when no command is named."""
    usage: str
    """Arguments after the name, for the list of commands."""
    summary: str
    """One line for that list."""
    description: str
    arguments: Callable[[ArgumentParser], None]
    """Declares its arguments on a parser."""
    run: Callable[[Namespace], int]
    """Runs it and returns the exit code."""
    for_people: bool = True
    """False: only the program itself calls it."""
    help: Callable[[], str] | None = None
    """Makes the text of --help; None: argparse makes it from the arguments."""
    exit_code_of_errors: int = 1
    """2 where 1 is an answer, as diff and grep have it."""


class Table(NamedTuple):
    """All commands, and the editor."""

    editor: Command
    commands: dict[str, Command]
    """By name, in the order of --help."""


class _Parser(ArgumentParser):
    """argparse, but an error is one sentence, and the main help has our own text."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"jpterm-like {command.name}".strip(), description=command.description, allow_abbrev=False
        )
        self._command = command

    def format_help(self) -> str:
        return self._command.help() if self._command.help else super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {escape_for_terminal(message)}. See {self.prog} --help.\n")


def parser_of(command: Command) -> ArgumentParser:
    """The argument parser of a command."""
    parser = _Parser(command)
    command.arguments(parser)
    return parser


def main_help(table: Table) -> str:
    """The text of `jpterm-like --help`."""
    rows = [
        ("", "open the start screen: choose a file, create one, join a server"),
        ("FILE …", "open files, together with everybody else who has them open"),
        ("DIR", "choose a file of a folder by a few letters of its name"),
        ("+12 FILE", "open it at line 12; FILE:12 does too, and FILE:12:5 goes to column 5"),
        ("-", "edit the text that comes on standard input"),
        ("HOST:FILE", "open a file on another machine through ssh, as does ssh://USER@HOST:PORT/FILE"),
        (
            "ws://HOST:PORT/FILE",
            "open a file on a server; without FILE, or with DIR/, choose one of its files",
        ),
        (
            "PLACE/FILE",
            "open one text of a place that others sync with, such as webdavs://HOST/PATH/notes.md",
        ),
    ]
    rows += [(f"{c.name} {c.usage}".strip(), c.summary) for c in table.commands.values() if c.for_people]
    width = max(len(form) for form, _ in rows) + 2
    lines = [f"  jpterm-like {form:<{width}}{summary}" for form, summary in rows]
    options = parser_of(table.editor)
    formatter = options._get_formatter()
    formatter.start_section("options")
    for action in options._actions:
        if action.option_strings:
            formatter.add_argument(action)
    formatter.end_section()
    return "\n".join(
        [
            "jpterm-like: write together in a terminal.",
            "",
            *lines,
            "  jpterm-like COMMAND --help".ljust(width + 14) + "show the options of a command",
            "",
            "In the editor: ctrl+s saves, ctrl+q quits, F1 shows all keys, ctrl+p all commands.",
            "What you type is kept on this machine at once, even offline, and is sent to the others by itself.",
            "",
            formatter.format_help().rstrip(),
            "",
            "A file whose name is a command is opened as ./NAME.",
            "",
        ]
    )


def seconds(text: str) -> float:
    """Parse a number of seconds above 0, for argparse."""
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < 1e6:
            return value
    raise argparse.ArgumentTypeError("write a number of seconds above 0")


def length_of_time(text: str) -> float:
    """Parse a length of time such as 2h into seconds, for argparse."""
    from jpterm_like.access.tokens import parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{escape_for_terminal(text)} is no length of time: write 30m, 2h, 7d"
        ) from None


def count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{escape_for_terminal(text)} is not a number")


def line_number(text: str) -> int:
    if (line := count(text)) < 1:
        raise argparse.ArgumentTypeError("the first line is 1")
    return line


def offsets(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    return count(start), count(end)


def lines(text: str) -> tuple[int, int]:
    first, separator, last = text.partition("-")
    return line_number(first), line_number(last if separator else first)


def line_range(text: str) -> tuple[int, int]:
    """Parse lines as `git blame -L` takes them: A,B or A,+COUNT."""
    first, separator, last = text.partition(",")
    begin = line_number(first)
    if last.startswith("+"):
        return begin, begin + line_number(last[1:]) - 1
    return begin, line_number(last) if separator else begin


def deletion(text: str) -> tuple[int, int]:
    """Parse the id of a deletion, site and clock, as `find --deleted` prints it."""
    site, _, clock = text.partition(".")
    with contextlib.suppress(ValueError):
        if len(text) <= 40 and text.isascii() and text.replace(".", "").isalnum():
            return int(site, 16), int(clock, 16)
    raise argparse.ArgumentTypeError(
        f"{escape_for_terminal(text)} names no deletion: copy it from 'jpterm-like find --deleted'"
    )


def parameter(text: str) -> tuple[str, str]:
    """Parse NAME=VALUE: the name, and the value as Python. A value that is no literal of Python is a text."""
    import ast
    import keyword

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or keyword.iskeyword(name):
        raise argparse.ArgumentTypeError("write a name and a value, such as n=3")
    try:
        return name, repr(ast.literal_eval(value.strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return name, repr(value)


def add_address(parser: ArgumentParser, what: str = "FILE|URL") -> None:
    parser.add_argument("address", metavar=what)


def add_name(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", help="the name under which others see this; default: as in the editor"
    )


def add_save(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--save",
        action="store_true",
        help="write the plain file, even if that saves what others have not saved yet; without this it is written "
        "only when nothing else is unsaved",
    )


def add_choice(parser: ArgumentParser, name: str, choices: list[str]) -> None:
    parser.add_argument(name, choices=choices)
