"""Commands for notebooks as files: convert, clear."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from jpterm_like.cli.parser import Command, add_address, add_name


def _convert_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("target", metavar="TARGET", help="the file to write: .py, .md or .ipynb")
    parser.add_argument("--overwrite", action="store_true", help="replace TARGET if it is there")


def _convert(options: Namespace) -> int:
    from jpterm_like.cli.notebook_files import convert

    convert(options.address, options.target, overwrites=options.overwrite)
    return 0


def _clear_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--cell", metavar="ID", action="append", default=[], help="only this cell; may be given several times"
    )
    add_name(parser)


def _clear(options: Namespace) -> int:
    from jpterm_like.cli.notebook_files import clear

    clear(options.address, options.cell, name=options.name)
    return 0


COMMANDS: Final = (
    Command(
        "convert",
        "FILE|URL TARGET",
        "turn a notebook into a script or Markdown, or back",
        "Write the cells of a notebook, as everyone sees them now, as a Python script (.py, in the percent format that VS Code, Spyder and jupytext read) or as "
        "Markdown (.md). The other way round such a file becomes a new notebook. Outputs are in none of them.",
        _convert_arguments,
        _convert,
    ),
    Command(
        "clear",
        "FILE|URL",
        "remove the outputs of a notebook",
        "Remove what the cells of a notebook gave, for everyone. A file of this machine is written, unless that would save what others have not saved yet.",
        _clear_arguments,
        _clear,
    ),
)
