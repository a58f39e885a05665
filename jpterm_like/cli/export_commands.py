"""The commands `export` and `import`: the history of a text as commits of git, or as a recording of a terminal; a database as a folder, and back."""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jpterm_like.cli.parser import Command, add_address, add_choice
from jpterm_like.cli.times import TIMES, point_in_time
from jpterm_like.errors import JptermError, escape_for_terminal

if TYPE_CHECKING:
    from jpterm_like.cli.database_folder import Outcome

SIZE_MIN: Final = (20, 3)
SIZE_MAX: Final = (500, 200)


def screen_size(text: str) -> tuple[int, int]:
    """Parse a size such as 80x24, for argparse."""
    width, _, height = text.partition("x")
    if width.isascii() and width.isdecimal() and height.isascii() and height.isdecimal():
        size = int(width), int(height)
        if SIZE_MIN <= size <= SIZE_MAX and SIZE_MIN[1] <= size[1] <= SIZE_MAX[1]:
            return size
    raise ArgumentTypeError(f"{escape_for_terminal(text)} is no size: write columns and rows, such as 80x24")


class _InsteadOfFile(Action):
    """An option with which there is no FILE."""

    def __call__(
        self,
        parser: ArgumentParser,
        options: Namespace,
        values: str | Sequence[Any] | None,
        name: str | None = None,
    ) -> None:
        setattr(options, self.dest, values)
        for action in parser._actions:
            action.required &= bool(action.option_strings)


def _arguments(parser: ArgumentParser) -> None:
    add_choice(parser, "form", ["git", "cast"])
    add_address(parser)
    git = parser.add_argument_group("git")
    git.add_argument(
        "--repo",
        metavar="DIR",
        help="put the commits on the branch 'jpterm-like' of this repository, which is made if it is not there; default: "
        "print a stream for 'git fast-import'",
    )
    git.add_argument(
        "--per",
        choices=["sitting", "author"],
        default="sitting",
        help="a commit for each stretch of writing without a pause of half an hour, or one for each author in it; default: sitting",
    )
    git.add_argument(
        "--since-last",
        action="store_true",
        help="add to the branch what was written since its last commit; needs --repo",
    )
    parser.add_argument(
        "--store",
        nargs=2,
        metavar=("URL", "DIR"),
        action=_InsteadOfFile,
        help="instead of one text: all texts of a database that servers share, with their whole histories, into a new folder for 'serve DIR'",
    )
    cast = parser.add_argument_group("cast")
    cast.add_argument("--size", metavar="80x24", type=screen_size, default=(80, 24), help="columns and rows")
    cast.add_argument(
        "--from", metavar="TIME", dest="since", type=point_in_time, help=f"begin there: {TIMES}"
    )
    cast.add_argument("--v3", action="store_true", help="write version 3 of the format; default: version 2")


def _export(options: Namespace) -> int:
    if options.store is not None:
        if options.form is not None:
            raise JptermError("--store exports everything: leave the file out.")
        from jpterm_like.cli.database_folder import export_database

        return _tell(export_database(options.store[0], Path(options.store[1])), "exported", options.store[1])
    from jpterm_like.cli import exports

    if options.form == "cast":
        for line in exports.read_cast(
            options.address, options.size, options.since or 0.0, 3 if options.v3 else 2
        ):
            sys.stdout.write(line + "\n")
        return 0
    if options.repo is not None:
        told = exports.export_to_repository(
            options.address, options.repo, options.per == "author", options.since_last
        )
        print(escape_for_terminal(told))
        return 0
    if options.since_last:
        raise JptermError("--since-last goes on with a repository: name it with --repo.")
    if sys.stdout.isatty():
        raise JptermError(
            "A stream for 'git fast-import' is no text to read: use --repo DIR, or send it into a file."
        )
    for part in exports.read_fast_import(options.address, options.per == "author"):
        sys.stdout.buffer.write(part)
    sys.stdout.flush()
    return 0


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        nargs=2,
        metavar=("URL", "DIR"),
        required=True,
        help="the database, postgresql://USER@HOST/DATABASE, and a folder that was served or exported",
    )


def _import(options: Namespace) -> int:
    from jpterm_like.cli.database_folder import import_folder

    return _tell(import_folder(options.store[0], Path(options.store[1])), "imported", options.store[1])


def _tell(outcome: Outcome, verb: str, folder: str) -> int:
    """Print what became of the texts; return the exit code."""
    for sentence in outcome.left_out:
        print(f"look   {escape_for_terminal(sentence)}")
    where = f"{'to' if verb == 'exported' else 'from'} {escape_for_terminal(folder)}"
    there = f"; {outcome.same:,} there already, with all of their history" if outcome.same else ""
    print(f"{outcome.made:,} {'document' if outcome.made == 1 else 'documents'} {verb} {where}{there}.")
    return 1 if outcome.left_out else 0


COMMANDS: Final = (
    Command(
        "export",
        "git|cast FILE|URL",
        "turn the history into commits of git, or into a recording",
        "Turn the history of a text into commits of git, each with its authors and its time, or into a recording of a terminal "
        "(asciicast) in which the text is written again. With --store: write a whole database into a folder. Exit code 1: some texts were left "
        "out, or not whole, and it says which.",
        _arguments,
        _export,
    ),
    Command(
        "import",
        "--store URL DIR",
        "bring the texts of a folder into a database that servers share",
        "Make a document in a database of each text of a folder, with its whole history if it has one. A document that is already "
        "there is never changed. Nobody may serve the folder meanwhile. Exit code 1: some texts were left out, and it says which.",
        _import_arguments,
        _import,
    ),
)
