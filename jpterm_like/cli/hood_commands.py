"""The command `inspect`: looking under the hood."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like.cli.parser import Command, add_address, lines
from jpterm_like.errors import JptermError


def _inspect_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per line: of the text, of each opening, of what each lacks, of each run",
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

        sys.stdout.buffer.write(
            "".join(f"{json.dumps(row)}\n" for row in inspect(options.address, options.lines)).encode()
        )
        return 0
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise JptermError("Looking under the hood needs a terminal; --json prints what is to be seen.")
    from jpterm_like.cli.edit import edit

    return edit([options.address], name=None, theme=None, view=True, inspects=True)


COMMANDS: Final = (
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
