"""The table of all commands.

Parsing, --help, shell completions and the man page are made from it. Each command imports its code only when it
runs. A new command is an entry next to its function, in one of the modules of commands.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like import __version__
from jpterm_like.cli import (
    export_commands,
    history_commands,
    hood_commands,
    script_commands,
    server_commands,
    store_commands,
    sync_commands,
)
from jpterm_like.cli.manual_pages import TOPICS
from jpterm_like.cli.parser import (
    Command,
    Table,
    add_choice,
    main_help,
)
from jpterm_like.errors import JptermError


def _editor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("addresses", nargs="*", metavar="FILE|URL")
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="your name as others see it; default: from the settings, git, or your login",
    )
    parser.add_argument("--theme", metavar="NAME", help="the colours, by the name of a theme")
    parser.add_argument(
        "--view",
        "--readonly",
        action="store_true",
        help="open read only",
    )
    parser.add_argument("--version", action="store_true", help="show the version")


def _edit(options: Namespace) -> int:
    if options.version:
        import crdt

        print(f"jpterm-like {__version__} ({'compiled' if crdt.compiled else 'pure Python'} crdt)")
        return 0
    if not sys.stdout.isatty():
        raise JptermError("The editor needs a terminal; to print a file use: jpterm-like cat FILE.")
    if not (sys.stdin.isatty() or options.addresses):
        raise JptermError("Standard input is not a terminal; to edit what is piped in use: … | jpterm-like -")
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise JptermError(
            "This terminal (TERM=dumb) cannot show an editor; to print a file use: jpterm-like cat FILE."
        )
    # Nearly all objects created before the first screen stay, so the garbage collector would pass over them in vain.
    # The app turns it on again.
    gc.disable()
    from jpterm_like.cli.edit import edit

    return edit(options.addresses, name=options.name, theme=options.theme, view=options.view)


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


def _main_help() -> str:
    return main_help(TABLE)


EDITOR: Final = Command(
    "", "FILE|URL", "open a file", "Write together in a terminal.", _editor_arguments, _edit, help=_main_help
)

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
        *export_commands.COMMANDS,
        *hood_commands.COMMANDS,
        *store_commands.COMMANDS,
        *sync_commands.COMMANDS,
        *_HERE,
    )
}

TABLE: Final[Table] = Table(EDITOR, COMMANDS)
