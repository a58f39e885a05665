"""The command that has no name: the editor. It needs none of the others, so that opening a file does not load them."""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like import __version__
from jpterm_like.cli.parser import Command
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


EDITOR: Final = Command(
    "", "FILE|URL", "open a file", "Write together in a terminal.", _editor_arguments, _edit
)
