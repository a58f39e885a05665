"""Commands for the kernels of notebooks: kernels."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like.cli.parser import Command, parser_of


def _kernels_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="stop", nargs="?", choices=["stop"], help="end a kernel, whatever it runs"
    )
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="which one, as the list has it; its beginning is enough"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the list as JSON, an object for each kernel"
    )


def _kernels(options: Namespace) -> int:
    from jpterm_like.cli import kernels

    if options.what is None:
        kernels.show(as_json=options.json)
        return 0
    if options.id is None:
        parser_of(COMMANDS[0]).error("which one? 'jpterm-like kernels' lists them")
    kernels.stop(options.id)
    return 0


COMMANDS: Final = (
    Command(
        "kernels",
        "[stop ID]",
        "list the kernels of notebooks that run, or stop one",
        "List the Jupyter kernels that run for your notebooks on this machine: notebook, kernel, what it does, since when, and memory. They outlive "
        "editors and servers, and end when they were idle and unread for a day. 'stop ID' asks one to end, and after three seconds ends it; what it said so far "
        "is kept.",
        _kernels_arguments,
        _kernels,
    ),
)
