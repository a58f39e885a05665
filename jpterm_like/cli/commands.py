"""The one table of what can be written on the command line.

Parsing, --help, the shells' completions and the man page are made from it. Nothing but the standard library is
loaded here: `--version` and `--help` answer at once, and each command loads what it needs when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from jpterm_like import __version__
from jpterm_like.cli.manual_pages import TOPICS
from jpterm_like.errors import JptermError, shown


class Command(NamedTuple):
    """One command."""

    name: str
    """Empty for the editor, which is what runs when no command is named."""
    usage: str
    """What stands behind the name, for the list of commands."""
    summary: str
    """A line for that list."""
    description: str
    arguments: Callable[[ArgumentParser], None]
    """Declares what it takes."""
    run: Callable[[Namespace], int]
    """Does it and returns the exit code."""
    for_people: bool = True
    """False: the program calls it by itself."""


class _Parser(ArgumentParser):
    """argparse, with one sentence for an error and our own words for the main help."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"jpterm-like {command.name}".strip(), description=command.description, allow_abbrev=False
        )
        self._command = command

    def format_help(self) -> str:
        return super().format_help() if self._command.name else main_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {shown(message)}. See {self.prog} --help.\n")


def parser_of(command: Command) -> ArgumentParser:
    """What reads the arguments of a command."""
    parser = _Parser(command)
    command.arguments(parser)
    return parser


def main_help() -> str:
    """What `jpterm-like --help` says."""
    rows = [
        ("", "open the start screen: choose a file, create one, join a server"),
        ("FILE …", "open files, together with everybody else who has them open"),
        ("DIR", "choose a file of a folder by a few letters of its name"),
        ("+12 FILE", "open it at line 12; FILE:12 does too, and FILE:12:5 goes to column 5"),
        ("-", "edit the text that comes on standard input"),
        ("HOST:FILE", "open a file on another machine through ssh, as does ssh://USER@HOST:PORT/FILE"),
        ("ws://HOST:PORT/FILE", "open a file on a server"),
    ]
    rows += [(f"{c.name} {c.usage}".strip(), c.summary) for c in COMMANDS.values() if c.for_people]
    width = max(len(form) for form, _ in rows) + 2
    lines = [f"  jpterm-like {form:<{width}}{summary}" for form, summary in rows]
    options = parser_of(EDITOR)
    formatter = options._get_formatter()
    formatter.start_section("options")
    for action in options._actions:
        if action.option_strings:
            formatter.add_argument(action)
    formatter.end_section()
    return "\n".join(
        [
            "jpterm-like: write together in a terminal.",
            "",
            *lines,
            "  jpterm-like COMMAND --help".ljust(width + 14) + "show the options of a command",
            "",
            "In the editor: ctrl+s saves, ctrl+q quits, F1 shows all keys, ctrl+p all commands.",
            "What you type is kept on this machine at once, even offline, and is sent to the others by itself.",
            "",
            formatter.format_help().rstrip(),
            "",
            "A file whose name is a command is opened as ./NAME.",
            "",
        ]
    )


# ---------------------------------------------------------------------- the editor


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
    if not sys.stdout.isatty() or not (sys.stdin.isatty() or "-" in options.addresses):
        raise JptermError("The editor needs a terminal; to print a file use: jpterm-like cat FILE.")
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise JptermError(
            "This terminal (TERM=dumb) cannot show an editor; to print a file use: jpterm-like cat FILE."
        )
    # Nearly all that is made from here to the first screen stays: the collector would walk it again and again, and find
    # nothing. The app turns it on.
    gc.disable()
    from jpterm_like.cli.edit import edit

    return edit(options.addresses, name=options.name, theme=options.theme, view=options.view)


# ---------------------------------------------------------------------- servers


def _serve_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="default 127.0.0.1:8765; port 0 takes a free one"
    )
    parser.add_argument(
        "--unix",
        metavar="PATH",
        type=Path,
        help="listen on a unix socket, whose permissions decide who gets in; with --listen, on both",
    )
    parser.add_argument(
        "--save-after",
        metavar="SECONDS",
        type=_seconds,
        default=1.0,
        help="write the plain files this long after the last change; default 1",
    )
    parser.add_argument(
        "--tls-cert",
        metavar="FILE",
        type=Path,
        help="the certificate chain (PEM): use TLS on --listen, where everybody then needs a token",
    )
    parser.add_argument("--tls-key", metavar="FILE", type=Path, help="its private key (PEM)")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy in front does TLS; everybody needs a token, also on the unix socket",
    )
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="answer /healthz, /readyz and /metrics (Prometheus) there, to everybody; figures only, no names",
    )


def _serve(options: Namespace) -> int:
    from jpterm_like.server.daemon import Doors, serve_folder

    doors = Doors(
        listen=options.listen,
        unix=options.unix,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        behind_proxy=options.behind_proxy,
        metrics=options.metrics,
    )
    return serve_folder(options.folder, doors, autosave_s=options.save_after)


def _token_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["new", "list", "revoke", "add", "forget"],
        help="on the serving side: make a token, list the tokens, or revoke one and end its connections; on the connecting side: "
        "keep a server's token (asked for, or read from standard input), or forget it",
    )
    parser.add_argument("what", metavar="ID|URL", nargs="?", help="which token to revoke, or which server")
    parser.add_argument(
        "--role", choices=["view", "edit", "own"], help="view: read; edit: write too; own: also remove people"
    )
    parser.add_argument("--expires", metavar="TIME", type=_time, help="such as 30m, 2h, 7d; default: never")
    parser.add_argument(
        "--pad", metavar="PATTERN", default="*", help="only for these files, such as 'docs/*'"
    )
    parser.add_argument("--folder", metavar="DIR", type=Path, help="only for this served folder")


def _token(options: Namespace) -> int:
    from jpterm_like.cli import token

    parser = parser_of(COMMANDS["token"])
    if (options.what is None) == (options.action in ("revoke", "add", "forget")):
        parser.error(f"{options.action} needs {'an ID or URL' if options.what is None else 'nothing more'}")
    if (options.role is None) == (options.action == "new"):
        parser.error("--role belongs to new, and new needs it: view, edit or own")
    if options.action == "new":
        token.make(options.role, pad=options.pad, folder=options.folder, lasts_s=options.expires)
    elif options.action == "list":
        token.show()
    elif options.action == "revoke":
        token.revoke(options.what)
    elif options.action == "add":
        token.add(options.what)
    else:
        token.forget(options.what)
    return 0


def _share_arguments(parser: ArgumentParser) -> None:
    _address(parser, "FILE")
    parser.add_argument(
        "--role",
        choices=["view", "edit"],
        help="view: read; edit: write too; default: edit where that is possible",
    )
    parser.add_argument(
        "--expires",
        metavar="TIME",
        type=_time,
        help="how long the token lasts, such as 30m, 2h, 7d; default: for ever",
    )
    parser.add_argument(
        "--at",
        metavar="ADDRESS",
        help="how others reach this machine, if not by its own name: HOST, ssh://USER@HOST:PORT or wss://HOST:PORT",
    )
    parser.add_argument(
        "--from-now",
        action="store_true",
        help="begin the history anew, so that newcomers get only the current text and nothing that was deleted before",
    )


def _share(options: Namespace) -> int:
    from jpterm_like.cli.share import invite

    invitation = invite(
        options.address, role=options.role, lasts_s=options.expires, at=options.at, from_now=options.from_now
    )
    print(invitation.line)
    sys.stdout.flush()
    print(invitation.words, file=sys.stderr)
    return 0


def _forget_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument(
        "--unsaved", action="store_true", help="also remove work that is not yet in any file or on any server"
    )


def _forget(options: Namespace) -> int:
    from jpterm_like.access.addresses import door_to
    from jpterm_like.client.file_catalog import Cabinet
    from jpterm_like.config import Paths
    from jpterm_like.retention import forget, replicas_of

    told = forget(options.address, unsaved=options.unsaved)
    paths = Paths.of_user()
    with contextlib.closing(replicas_of(paths)) as replicas:
        Cabinet(paths, replicas, "").forget(door_to(options.address).address)
    print(told)
    return 0


def _hub_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--idle",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="end after this long without anybody connected",
    )


def _hub(options: Namespace) -> int:
    from jpterm_like.server.daemon import serve_hub

    return serve_hub(idle_s=options.idle)


def _bridge(options: Namespace) -> int:
    from jpterm_like.access.ssh import bridge

    return bridge(options.address)


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR", type=Path, nargs="?", help="a served folder; default: your own stores"
    )


def _verify(options: Namespace) -> int:
    from jpterm_like.cli.verify import verify_folder, verify_user
    from jpterm_like.config import Paths

    count = damaged = 0
    folder = options.folder
    for name, summary, damage, newer in (
        verify_folder(folder) if folder else verify_user(Paths.of_user().state_folder)
    ):
        count += 1
        damaged += bool(damage)
        word = "damaged" if damage else "newer" if newer else "whole"
        print(f"{word}  {shown(name)}: {summary}")
        for sentence in damage:
            print(f"         {shown(sentence)}")
    print(f"{count:,} {'document' if count == 1 else 'documents'}, {damaged:,} damaged.")
    return 1 if damaged else 0


def _doctor(options: Namespace) -> int:
    from jpterm_like.cli.doctor import examine

    is_whole = True
    for whole, sentence in examine(options.address):
        is_whole &= whole
        print(f"{'whole' if whole else 'look '}  {shown(sentence)}")
    return 0 if is_whole else 1


# ---------------------------------------------------------------------- scripts


def _address(parser: ArgumentParser, what: str = "FILE|URL") -> None:
    parser.add_argument("address", metavar=what)


def _named(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", help="the name under which others see this; default: as in the editor"
    )


def _cat(options: Namespace) -> int:
    from jpterm_like.cli.scripting import read_text

    text = read_text(options.address)
    if sys.stdout.isatty():
        text = re.sub(_ACTS, lambda found: shown(found[0]), text)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()
    return 0


# What may act in a terminal. Tabs and the joiners of emoji and scripts are parts of a text as it is to be read.
_ACTS: Final = r"[^ -~\n\t\u200c\u200d]"


def _ls(options: Namespace) -> int:
    from jpterm_like.cli.scripting import list_names

    for name in list_names(options.address):
        print(shown(name))
    return 0


def _log_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _log(options: Namespace) -> int:
    from jpterm_like.cli.scripting import read_log

    for entry in read_log(options.address):
        print(entry.as_json() if options.json else shown(str(entry)))
    return 0


def _who(options: Namespace) -> int:
    from jpterm_like.cli.scripting import read_people

    for person in read_people(options.address):
        print(person.as_json() if options.json else shown(str(person)))
    return 0


def _kick_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument("who", metavar="NAME", help="a name as 'who' prints it; everybody with that name")
    _named(parser)


def _kick(options: Namespace) -> int:
    from jpterm_like.cli.scripting import put_out

    people = put_out(options.address, options.who, name=options.name)
    for person in people:
        print(f"put out: {shown(person)}")
    sys.stdout.flush()
    for token in sorted({found[1] for person in people if (found := re.search(r"\(token (\w+)\)", person))}):
        print(f"To keep this token out for good: jpterm-like token revoke {shown(token)}", file=sys.stderr)
    return 0


def _insert_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the text to insert; default: standard input")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--offset", metavar="N", type=_count, help="after this many characters")
    place.add_argument("--line", metavar="N", type=_line, help="before this line; the first line is 1")
    place.add_argument("--before", metavar="TEXT", help="before this text, which must be there exactly once")
    place.add_argument("--after", metavar="TEXT", help="after this text, which must be there exactly once")
    place.add_argument("--anchor", metavar="ANCHOR", help="at an anchor that 'pipe' gave out")
    _named(parser)
    _saves(parser)


def _insert(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    order: dict[str, object] = {"do": "insert", "text": _given(options.text)}
    for key in ("offset", "line", "before", "after", "anchor"):
        if getattr(options, key) is not None:
            order[key] = getattr(options, key)
    return edit_once(options.address, order, name=options.name, save=options.save, create=True)


def _replace_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument(
        "texts",
        metavar="OLD [NEW]",
        nargs="*",
        help="the text to replace, which must be there exactly once (left out with --lines or --range), and the new "
        "text; default: standard input",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--all", action="store_true", help="replace every OLD")
    place.add_argument("--lines", metavar="A-B", type=_lines, help="replace these lines; the first line is 1")
    place.add_argument(
        "--range",
        metavar="A-B",
        type=_range,
        help="replace the characters from offset A up to B, B not included",
    )
    _named(parser)
    _saves(parser)


def _replace(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    order: dict[str, object] = {"do": "replace"}
    texts = list(options.texts)
    if options.lines is not None:
        order["line"], order["last"] = options.lines
    elif options.range is not None:
        order["start"], order["end"] = options.range
    elif texts:
        order["old"] = texts.pop(0)
        order["all"] = options.all
    else:
        parser_of(COMMANDS["replace"]).error("say what to replace: OLD, --lines or --range")
    if len(texts) > 1:
        parser_of(COMMANDS["replace"]).error(f"{texts[1]} is one text too many")
    order["text"] = _given(texts[0] if texts else None)
    return edit_once(options.address, order, name=options.name, save=options.save, create=False)


def _append_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the text to append; default: standard input")
    _named(parser)
    _saves(parser)


def _append(options: Namespace) -> int:
    from jpterm_like.cli.scripting import edit_once

    text = _given(options.text)
    if not text and options.text is None:
        return 0  # a program that printed nothing has no lines; an empty argument is a blank one
    order: dict[str, object] = {"do": "append", "text": text}
    return edit_once(options.address, order, name=options.name, save=options.save, create=True)


def _watch_arguments(parser: ArgumentParser) -> None:
    _address(parser)
    _named(parser)


def _watch(options: Namespace) -> int:
    from jpterm_like.cli.scripting import watch

    return watch(options.address, name=options.name)


def _pipe(options: Namespace) -> int:
    from jpterm_like.cli.scripting import pipe

    return pipe(options.address, name=options.name)


def _saves(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--save",
        action="store_true",
        help="write the plain file, even if that saves what others have not saved yet; without this it is written "
        "only when nothing else is unsaved",
    )


def _given(text: str | None) -> str:
    """The text of an argument, or of standard input when there is none."""
    if text is not None:
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise JptermError("What came on standard input is not UTF-8.") from None


# ---------------------------------------------------------------------- what is told of all this elsewhere


def _choice(parser: ArgumentParser, name: str, choices: list[str]) -> None:
    parser.add_argument(name, choices=choices)


def _completion(options: Namespace) -> int:
    from jpterm_like.cli.completions import SHELLS

    sys.stdout.write(SHELLS[options.shell]())
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

        sys.stdout.write(manual())
    else:
        from jpterm_like.cli.manual_pages import show

        show(options.topic)
    return 0


# ---------------------------------------------------------------------- how arguments are written


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < 1e6:
            return value
    raise argparse.ArgumentTypeError("write a number of seconds above 0")


def _time(text: str) -> float:
    from jpterm_like.access.tokens import lasting

    try:
        return lasting(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no length of time: write 30m, 2h, 7d") from None


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{shown(text)} is not a number")


def _line(text: str) -> int:
    if (line := _count(text)) < 1:
        raise argparse.ArgumentTypeError("the first line is 1")
    return line


def _range(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    return _count(start), _count(end)


def _lines(text: str) -> tuple[int, int]:
    first, separator, last = text.partition("-")
    return _line(first), _line(last if separator else first)


# ---------------------------------------------------------------------- the table

EDITOR: Final = Command(
    "", "FILE|URL", "open a file", "Write together in a terminal.", _editor_arguments, _edit
)

COMMANDS: Final[dict[str, Command]] = {
    command.name: command
    for command in (
        Command(
            "serve",
            "DIR",
            "share the text files of a folder",
            "Share the text files of a folder and its subfolders, and nothing outside. Prints 'listening on ADDRESS' when "
            "it is ready. SIGTERM or ctrl+c writes everything to disk and ends it. Exit code 1: something could not be saved or "
            "stored.",
            _serve_arguments,
            _serve,
        ),
        Command(
            "token",
            "new|list|revoke|add",
            "manage the tokens that let people in",
            "Tokens let people on other machines in. 'new' prints a token once; only its hash is kept.",
            _token_arguments,
            _token,
        ),
        Command(
            "share",
            "FILE",
            "print a tested command that brings somebody into a file",
            "Print one command that somebody else runs to join you in a file, after testing it: with the address of a server of "
            "yours that shares the file, and a token if it needs one; otherwise through ssh, or with the path, for users of this "
            "machine whom the file's permissions let in. A command with a token is a secret. If nothing can work, "
            "say why and print nothing.",
            _share_arguments,
            _share,
        ),
        Command(
            "forget",
            "FILE|URL",
            "remove what this machine keeps of a file",
            "Remove everything that this machine keeps of a file besides the file itself: its history, its undo steps, and its "
            "place in the list of recent files. Others who had it open keep what they have.",
            _forget_arguments,
            _forget,
        ),
        Command(
            "hub",
            "",
            "the server behind 'jpterm-like FILE'",
            "The server behind 'jpterm-like FILE'; editors start it by themselves.",
            _hub_arguments,
            _hub,
            for_people=False,
        ),
        Command(
            "bridge",
            "PATH",
            "the other end of 'jpterm-like HOST:FILE'",
            "The other end of 'jpterm-like HOST:FILE': carries bytes between ssh and the hub of this machine.",
            lambda parser: _address(parser, "PATH"),
            _bridge,
            for_people=False,
        ),
        Command(
            "cat",
            "FILE|URL",
            "print a text as everyone sees it now",
            "Print a text as everyone sees it now, including unsaved changes.",
            _address,
            _cat,
        ),
        Command(
            "ls",
            "URL",
            "list the files on a server",
            "List the files on a server.",
            lambda parser: _address(parser, "URL"),
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
            "pipe",
            "FILE|URL",
            "take part as a program",
            "Take part as a program: requests are JSON lines on standard input, answers and events JSON lines on standard "
            "output. Ends at the end of standard input, once everything is on the server's disk.",
            _watch_arguments,
            _pipe,
        ),
        Command(
            "verify",
            "[DIR]",
            "check every stored byte",
            "Read every stored byte again and say for each document whether it is whole. Changes nothing, and can be used while "
            "a server runs. Exit code 0: everything is whole; 1: something is damaged.",
            _verify_arguments,
            _verify,
        ),
        Command(
            "doctor",
            "FILE|URL",
            "check that server, disk and journals agree",
            "Compare what the server, its disk, the plain file and your own journals have of a file, and say what is missing "
            "where. Changes nothing. Exit code 0: everything is everywhere; 1: something is missing.",
            _address,
            _doctor,
        ),
        Command(
            "completion",
            "bash|zsh|fish",
            "print a completion script for a shell",
            "Print a script that makes a shell complete commands, options and files. In bash: 'source <(jpterm-like completion "
            "bash)'; in fish: 'jpterm-like completion fish | source'; for zsh, write it to a file _jpterm-like in a folder "
            "of $fpath.",
            lambda parser: _choice(parser, "shell", ["bash", "zsh", "fish"]),
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
}
