"""The table of all commands.

Parsing, --help, shell completions and the man page are made from it. Each command imports its code only when it
runs. A new command is an entry next to its function, in one of the modules of commands.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like.cli import (
    export_commands,
    find_command,
    history_commands,
    hood_commands,
    kernel_commands,
    notebook_commands,
    script_commands,
    server_commands,
    store_commands,
    sync_commands,
)
from jpterm_like.cli.editor_command import EDITOR
from jpterm_like.cli.manual_pages import TOPICS
from jpterm_like.cli.parser import Command, Table, add_choice


def _completion(options: Namespace) -> int:
    from jpterm_like.cli.completions import SHELLS

    sys.stdout.write(SHELLS[options.shell](TABLE))
    return 0


def _manual_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "topic", metavar="TOPIC", nargs="?", choices=TOPICS, help=f"one of: {', '.join(TOPICS)}"
    )
    parser.add_argument(
        "--man",
        action="store_true",
        help="print the page for man instead: 'jpterm-like manual --man | man -l -'",
    )


def _manual(options: Namespace) -> int:
    if options.man:
        from jpterm_like.cli.completions import manual

        sys.stdout.write(manual(TABLE))
    else:
        from jpterm_like.cli.manual_pages import show

        show(options.topic)
    return 0


_HERE: Final = (
    Command(
        "completion",
        "bash|zsh|fish",
        "print a completion script for a shell",
        "Print a script that makes a shell complete commands, options and files. In bash: 'source <(jpterm-like completion "
        "bash)'; in fish: 'jpterm-like completion fish | source'; for zsh, write it to a file _jpterm-like in a folder "
        "of $fpath.",
        lambda parser: add_choice(parser, "shell", ["bash", "zsh", "fish"]),
        _completion,
    ),
    Command(
        "manual",
        "[TOPIC]",
        "read the manual",
        "Show one page of the manual; without TOPIC, list the pages.",
        _manual_arguments,
        _manual,
    ),
)

COMMANDS: Final[dict[str, Command]] = {
    command.name: command
    for command in (
        *server_commands.COMMANDS,
        *script_commands.COMMANDS,
        *history_commands.COMMANDS,
        *find_command.COMMANDS,
        *export_commands.COMMANDS,
        *hood_commands.COMMANDS,
        *store_commands.COMMANDS,
        *sync_commands.COMMANDS,
        *notebook_commands.COMMANDS,
        *kernel_commands.COMMANDS,
        *_HERE,
    )
}

TABLE: Final[Table] = Table(EDITOR, COMMANDS)
