"""Commands that look back: blame, diff, changes, revert, restore."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Final

from jpterm_like.cli.parser import (
    Command,
    add_address,
    add_name,
    add_save,
    deletion,
    line_range,
    lines,
    parser_of,
)
from jpterm_like.cli.times import TIMES, point_in_time
from jpterm_like.errors import escape_for_terminal


def _blame_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "-L", metavar="A,B", dest="lines", type=line_range, help="only these lines; the first line is 1"
    )
    parser.add_argument("--at", metavar="TIME", type=point_in_time, help=f"as it was then: {TIMES}")
    parser.add_argument(
        "--newest",
        action="store_true",
        help="a line belongs to the author of its newest character, as in git; default: of most of its characters",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--porcelain", action="store_true", help="print in the form of 'git blame --porcelain'")
    form.add_argument("--json", action="store_true", help="print one JSON object per line")


def _blame(options: Namespace) -> int:
    from jpterm_like.cli.looking_back import blamed_lines, written_blame
    from jpterm_like.history.blame import porcelain

    found, file = blamed_lines(options.address, options.lines, options.at, options.newest)
    if options.json:
        rows = [
            json.dumps({"line": it.number, "name": it.name, "time": it.seconds, "text": it.text})
            for it in found
        ]
    elif options.porcelain:
        rows = list(porcelain(found, file))
    else:
        rows = [escape_for_terminal(row) for row in written_blame(found)]
    _print_rows(rows)
    return 0


def _diff_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--from", metavar="TIME", dest="old", type=point_in_time, required=True, help=TIMES)
    parser.add_argument("--to", metavar="TIME", dest="new", type=point_in_time, help="default: now")
    parser.add_argument(
        "--words", action="store_true", help="mark words that are gone with [-…-], and new ones with {+…+}"
    )


def _diff(options: Namespace) -> int:
    from jpterm_like.cli.looking_back import read_diff

    found = read_diff(options.address, options.old, options.new, options.words)
    if sys.stdout.isatty():
        found = [escape_for_terminal(line.removesuffix("\n")) + "\n" for line in found]
    sys.stdout.buffer.write("".join(found).encode("utf-8", "replace"))
    return 1 if found else 0


def _changes_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=_time_or_away,
        help=f"{TIMES}; or 'away', the default: since your last key in it on this machine",
    )
    parser.add_argument("--by", metavar="NAME", help="only what this person changed")
    parser.add_argument("--json", action="store_true", help="print one JSON object per change")


def _time_or_away(text: str) -> float | None:
    return None if text == "away" else point_in_time(text)


def _changes(options: Namespace) -> int:
    from jpterm_like.cli.looking_back import read_changes, written_changes

    found = read_changes(options.address, options.since, options.by)
    if options.json:
        rows = [it.as_json() for it in found]
    else:
        rows = [escape_for_terminal(row) for row in written_changes(found)]
    _print_rows(rows)
    return 1 if found else 0


def _revert_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--by", metavar="NAME", help="what this person wrote and deleted")
    parser.add_argument(
        "--since", metavar="TIME", type=point_in_time, help=f"what was done since then: {TIMES}"
    )
    _add_edit(parser)


def _revert(options: Namespace) -> int:
    from jpterm_like.cli.looking_back import take_back

    if options.by is None and options.since is None:
        parser_of(_command("revert")).error("say whose work, or since when: --by or --since")
    print(
        take_back(
            options.address,
            by=options.by,
            since=options.since,
            lines=options.lines,
            name=options.name,
            save=options.save,
        )
    )
    return 0


def _restore_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", metavar="TIME", type=point_in_time, help=TIMES)
    what.add_argument(
        "--deletion",
        metavar="ID",
        type=deletion,
        help="bring back one deleted passage, as 'find --deleted' names it; nothing else changes",
    )
    _add_edit(parser)


def _restore(options: Namespace) -> int:
    from jpterm_like.cli.looking_back import restore, restore_passage

    if options.deletion is not None:
        print(restore_passage(options.address, options.deletion, options.lines, options.name, options.save))
        return 0
    print(restore(options.address, options.to, options.lines, options.name, options.save))
    return 0


def _add_edit(parser: ArgumentParser) -> None:
    parser.add_argument("--lines", metavar="A-B", type=lines, help="only in these lines; the first line is 1")
    add_name(parser)
    add_save(parser)


def _print_rows(rows: Iterable[str]) -> None:
    sys.stdout.buffer.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))


COMMANDS: Final = (
    Command(
        "blame",
        "FILE|URL",
        "show who wrote each line",
        "Show who wrote each line, and when. A line belongs to the author of most of its characters. Names and times are what "
        "the writers' programs said.",
        _blame_arguments,
        _blame,
    ),
    Command(
        "diff",
        "FILE|URL --from TIME",
        "show what changed between two times",
        "Show what changed between two times, as a unified diff that 'patch' and 'git apply' read. Exit code 1: there are "
        "changes; 2: they cannot be told. Times are accurate to ten seconds.",
        _diff_arguments,
        _diff,
        exit_code_of_errors=2,
    ),
    Command(
        "changes",
        "FILE|URL",
        "list what changed since you were here last",
        "List what changed since your last key in it on this machine, or since a time: where, who, when and what. A ! marks what you "
        "and others changed without knowing of each other. Exit code 1: there are changes; 2: they cannot be told.",
        _changes_arguments,
        _changes,
        exit_code_of_errors=2,
    ),
    Command(
        "revert",
        "FILE|URL --by NAME",
        "take back somebody's work, or what was done since a time",
        "Take back what somebody wrote and deleted, or what was done since a time. Work of others stays, even inside it. This "
        "is an edit of yours, and undo brings everything back.",
        _revert_arguments,
        _revert,
    ),
    Command(
        "restore",
        "FILE|URL --to TIME",
        "make a text what it was at a time, or bring back one passage",
        "Make a text what it was at a time, or bring back a passage that 'find --deleted' has found. This is an edit of yours, and undo "
        "takes it back.",
        _restore_arguments,
        _restore,
    ),
)


def _command(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)
