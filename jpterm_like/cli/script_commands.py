"""Commands without a screen: print, list, edit, watch, pipe."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Final

from jpterm_like.cli.parser import (
    Command,
    add_address,
    add_name,
    add_save,
    count,
    line_number,
    lines,
    offsets,
    parameter,
    parser_of,
    seconds,
)
from jpterm_like.errors import JptermError, escape_for_terminal


def _cat_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--outputs",
        action="store_true",
        help="of a notebook: below each cell what it gave, in lines that begin with #>",
    )


def _cat(options: Namespace) -> int:
    if options.outputs:
        from jpterm_like.cli.notebook_files import read_with_outputs

        text = read_with_outputs(options.address)
    else:
        text = _text(options.address)
    if sys.stdout.isatty():
        text = re.sub(_UNSAFE, lambda found: escape_for_terminal(found[0]), text)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()
    return 0


def _text(address: str) -> str:
    """The text of a file, at a server or at a place."""
    if not os.path.exists(address):
        from jpterm_like.cli import place_texts

        if place_texts.may_be_in_place(address):
            return place_texts.read_text(address)

    from jpterm_like.cli.scripting import read_text

    return read_text(address)


_UNSAFE: Final = r"[^ -~\n\t\u200c\u200d]"
"""Characters that may control a terminal. Tabs and the joiners of emoji and scripts belong to the text."""


def _ls(options: Namespace) -> int:
    for name in _names(options.address):
        print(escape_for_terminal(name))
    return 0


def _names(address: str) -> Iterable[str]:
    """The names of the texts at a server or a place."""
    from jpterm_like.cli.place_commands import is_place

    if is_place(address):
        from jpterm_like.cli.place_texts import list_texts

        return list_texts(address)
    from jpterm_like.cli.scripting import list_names

    return list_names(address)


def _run_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    add_name(parser)
    parser.add_argument(
        "--cell", metavar="ID", action="append", default=[], help="only this cell; may be given several times"
    )
    parser.add_argument("--all", action="store_true", help="all cells of code, which is the default")
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        type=parameter,
        action="append",
        default=[],
        help="give a variable this value, in a cell of its own below the one that sets it; may be given several times",
    )
    parser.add_argument(
        "--kernel",
        metavar="NAME",
        help="have this Jupyter kernel run the notebook, from now on; one that runs is stopped",
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=seconds, help="interrupt them after this long")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument("--wait", action="store_true", help="run nothing: wait for what runs already")


def _run(options: Namespace) -> int:
    from jpterm_like.cli.run_cells import run_cells

    return run_cells(
        options.address,
        cells=options.cell,
        parameters=dict(options.param),
        kernel=options.kernel,
        name=options.name,
        timeout_s=options.timeout,
        as_json=options.json,
        waits=options.wait,
    )


def _log_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _log(options: Namespace) -> int:
    from jpterm_like.cli.scripting import read_log

    for entry in read_log(options.address):
        print(entry.as_json() if options.json else escape_for_terminal(str(entry)))
    return 0


def _who(options: Namespace) -> int:
    from jpterm_like.cli.scripting import read_people

    for person in read_people(options.address):
        print(person.as_json() if options.json else escape_for_terminal(str(person)))
    return 0


def _kick_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("who", metavar="NAME", help="a name as 'who' prints it; everybody with that name")
    add_name(parser)


def _kick(options: Namespace) -> int:
    from jpterm_like.cli.scripting import kick

    people = kick(options.address, options.who, name=options.name)
    for person in people:
        print(f"put out: {escape_for_terminal(person)}")
    sys.stdout.flush()
    for token in sorted({found[1] for person in people if (found := re.search(r"\(token (\w+)\)", person))}):
        print(
            f"To keep this token out for good: jpterm-like token revoke {escape_for_terminal(token)}",
            file=sys.stderr,
        )
    return 0


def _insert_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the text to insert; default: standard input")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--offset", metavar="N", type=count, help="after this many characters")
    place.add_argument("--line", metavar="N", type=line_number, help="before this line; the first line is 1")
    place.add_argument("--before", metavar="TEXT", help="before this text, which must be there exactly once")
    place.add_argument("--after", metavar="TEXT", help="after this text, which must be there exactly once")
    place.add_argument("--anchor", metavar="ANCHOR", help="at an anchor that 'pipe' gave out")
    add_name(parser)
    add_save(parser)


def _insert(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    request: dict[str, object] = {"do": "insert", "text": _argument_or_input(options.text)}
    for key in ("offset", "line", "before", "after", "anchor"):
        if getattr(options, key) is not None:
            request[key] = getattr(options, key)
    return edit_once(options.address, request, name=options.name, save=options.save, create=True)


def _replace_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "texts",
        metavar="OLD [NEW]",
        nargs="*",
        help="the text to replace, which must be there exactly once (left out with --lines or --range), and the new "
        "text; default: standard input",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--all", action="store_true", help="replace every OLD")
    place.add_argument("--lines", metavar="A-B", type=lines, help="replace these lines; the first line is 1")
    place.add_argument(
        "--range",
        metavar="A-B",
        type=offsets,
        help="replace the characters from offset A up to B, B not included",
    )
    add_name(parser)
    add_save(parser)


def _replace(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    request: dict[str, object] = {"do": "replace"}
    texts = list(options.texts)
    if options.lines is not None:
        request["line"], request["last"] = options.lines
    elif options.range is not None:
        request["start"], request["end"] = options.range
    elif texts:
        request["old"] = texts.pop(0)
        request["all"] = options.all
    else:
        parser_of(_command("replace")).error("say what to replace: OLD, --lines or --range")
    if len(texts) > 1:
        parser_of(_command("replace")).error(f"{texts[1]} is one text too many")
    request["text"] = _argument_or_input(texts[0] if texts else None)
    return edit_once(options.address, request, name=options.name, save=options.save, create=False)


def _append_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the text to append; default: standard input")
    add_name(parser)
    add_save(parser)


def _append(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    text = _argument_or_input(options.text)
    if not text and options.text is None:
        return 0  # a program that printed nothing has no lines; an empty argument is a blank one
    request: dict[str, object] = {"do": "append", "text": text}
    return edit_once(options.address, request, name=options.name, save=options.save, create=True)


def _watch_arguments(parser: ArgumentParser) -> None:
    add_address(parser)
    add_name(parser)


def _watch(options: Namespace) -> int:
    from jpterm_like.cli.scripting import watch

    return watch(options.address, name=options.name)


def _pipe(options: Namespace) -> int:
    from jpterm_like.cli.scripting import pipe

    return pipe(options.address, name=options.name)


def _argument_or_input(text: str | None) -> str:
    """The argument, or the text on standard input if there is none."""
    if text is not None:
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise JptermError("What came on standard input is not UTF-8.") from None


COMMANDS: Final = (
    Command(
        "cat",
        "FILE|URL|PLACE/FILE",
        "print a text as everyone sees it now",
        "Print a text as everyone sees it now, including unsaved changes. Of a text at a place, such as webdavs://HOST/team/notes.md, print what "
        "has come there.",
        _cat_arguments,
        _cat,
    ),
    Command(
        "ls",
        "URL|PLACE",
        "list the files on a server, or at a place",
        "List the files on a server, or the texts at a place.",
        lambda parser: add_address(parser, "URL|PLACE"),
        _ls,
    ),
    Command(
        "log",
        "FILE|URL",
        "show who wrote what, and when",
        "Show who wrote each passage that is there now, and when, the oldest first.",
        _log_arguments,
        _log,
    ),
    Command(
        "who",
        "FILE|URL",
        "show who is in a file",
        "Show who has a file open, and where in it they are. Asking does not show you to them.",
        _log_arguments,
        _who,
    ),
    Command(
        "kick",
        "FILE|URL NAME",
        "remove somebody from a file",
        "Remove somebody from a file, and from everything else that they opened with the same token or as the same user of "
        "this machine. They are told, and kept out of everything of yours for 10 minutes; to keep them out for good, run 'jpterm-like "
        "token revoke ID', or change the file's permissions. Another terminal of your own is removed too, but can come "
        "back. Only owners can do this: the user who opened or serves the file, and holders of a token with the "
        "role own.",
        _kick_arguments,
        _kick,
    ),
    Command(
        "insert",
        "FILE|URL TEXT",
        "insert text at a place",
        "Insert text at a place. When the command ends, the text is on the server's disk, and everyone sees it.",
        _insert_arguments,
        _insert,
    ),
    Command(
        "replace",
        "FILE|URL OLD NEW",
        "replace text",
        "Replace text. Fails and changes nothing when OLD is not there, or is there more than once. When the command "
        "ends, the change is on the server's disk, and everyone sees it.",
        _replace_arguments,
        _replace,
    ),
    Command(
        "append",
        "FILE|URL TEXT",
        "add lines at the end",
        "Add text at the end, as lines of its own. When the command ends, the text is on the server's disk, and "
        "everyone sees it.",
        _append_arguments,
        _append,
    ),
    Command(
        "watch",
        "FILE|URL",
        "print changes as they come",
        "Print the text, and then changes, people and status as they come, one JSON object per line.",
        _watch_arguments,
        _watch,
    ),
    Command(
        "run",
        "FILE|URL",
        "run the cells of a notebook",
        "Run cells of a notebook, and print what they give as it comes. The exit code is 0 if all succeeded, 1 if one failed, 130 if one was interrupted. ctrl+c "
        "interrupts the cell, and pressed twice leaves it alone. If this command ends before, the cells go on; --wait comes back to them.",
        _run_arguments,
        _run,
    ),
    Command(
        "pipe",
        "FILE|URL",
        "take part as a program",
        "Take part as a program: requests are JSON lines on standard input, answers and events JSON lines on standard "
        "output. Ends at the end of standard input, once everything is on the server's disk.",
        _watch_arguments,
        _pipe,
    ),
)


def _command(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)
