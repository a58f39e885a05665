"""Commands that look under the hood: inspect, demo."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from jpterm_like.cli.parser import Command, add_address, lines
from jpterm_like.errors import JptermError


def _check_terminal(otherwise: str) -> None:
    """Check that a screen can be shown.

    Raises:
        JptermError: with this sentence, if not.
    """
    if not (sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get("TERM", "") in ("", "dumb"):
        raise JptermError(otherwise)


def _inspect_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON lines: one for the text, then one for each opening, for what each opening lacks, and for each run",
    )
    parser.add_argument(
        "--lines",
        metavar="A-B",
        type=lines,
        help="with --json, only the runs of these lines; the first line is 1",
    )


def _inspect(options: Namespace) -> int:
    if options.json:
        from jpterm_like.cli.inspecting import inspect

        for row in inspect(options.address, options.lines):
            print(json.dumps(row))
        return 0
    _check_terminal("Looking under the hood needs a terminal; --json prints the same as text.")
    from jpterm_like.cli.edit import edit

    return edit([options.address], name=None, theme=None, view=True, inspects=True)


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--peers", metavar="2|3", type=int, choices=[2, 3], default=2, help="how many people; default 2"
    )
    parser.add_argument(
        "--lesson",
        metavar="1-6",
        type=int,
        choices=[1, 2, 3, 4, 5, 6],
        help="1 order, 2 one word twice, 3 an edit in what was deleted, 4 prepending blocks, 5 undo is mine, 6 a kill",
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        help="play the whole lesson without a screen, and write a recording that asciinema plays",
    )


def _demo(options: Namespace) -> int:
    if options.record is not None:
        if options.lesson is None:
            raise JptermError("Which lesson is to be recorded? Choose it with --lesson.")
        from jpterm_like.demo.play import record

        record(options.peers, options.lesson, options.record)
        return 0
    _check_terminal("The demonstration needs a terminal; --record FILE writes a lesson for asciinema.")
    from jpterm_like.demo.play import play

    return play(options.peers, options.lesson)


COMMANDS: Final = (
    Command(
        "demo",
        "",
        "see how writing together works, in six lessons",
        "Show two or three people who write in one text, with their lines and the server between them: the real program in one "
        "process, which touches no file of yours. Cut a line, pause it or make it slow, and see what each of them sees. In a lesson "
        "f2 plays the next step.",
        _demo_arguments,
        _demo,
    ),
    Command(
        "inspect",
        "FILE|URL",
        "look under the hood of a text",
        "Open a text read only, with a pane that shows how it is made: the runs at the caret with ids, levels and parents, deleted "
        "ones too; the tree; what each opening has and lacks; the messages on the line. ? explains each word. In the editor the "
        "command Look under the hood shows the same pane.",
        _inspect_arguments,
        _inspect,
    ),
)
