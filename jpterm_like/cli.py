"""The command line. Loads only what the command needs: `--version` and `--help` answer at once."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from . import __version__
from .errors import JptermError, shown

USAGE: Final = """\
jpterm-like: write together in a terminal.

  jpterm-like                      open nothing yet: choose a file, begin one, join one
  jpterm-like FILE                 open a file; whoever opens it too writes in it with you
  jpterm-like ws://HOST:PORT/FILE  open a file of a server
  jpterm-like serve DIR            share the text files of a folder
  jpterm-like cat FILE|URL         print a file as everyone sees it now
  jpterm-like ls URL               list the files of a server
  jpterm-like verify [DIR]         read everything that is kept, and say what is whole
  jpterm-like COMMAND --help       what a command can do

In the editor: ctrl+s saves, ctrl+q quits, F1 shows all keys, ctrl+p all commands.
What you type is kept on this machine at once, without a network too, and goes to the others by itself.

options:
  --name NAME      how the others see you (else: the settings, git, your login)
  --theme NAME     colours
  -h, --help       show this
  --version        show the version

A file whose name is a command is opened as ./NAME.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 done, 1 could not be done, 2 the command is not understood, 70 (EX_SOFTWARE) a mistake of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is not None:
            return command(arguments[1:])
        return _edit(arguments)
    except JptermError as problem:
        # once more made safe: a sentence may come from a server, whatever that is
        print(f"jpterm-like: {shown(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has gone; keep the interpreter from telling it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as mistake:  # noqa: BLE001 - the last place where a mistake of ours can become a sentence
        print(f"jpterm-like: {_confess(mistake)}", file=sys.stderr)
        return 70


def _confess(mistake: Exception) -> str:
    """Put the traceback where it can be read by who mends it, and say so in a sentence."""
    import traceback

    kept = "What you typed is in the journal and is here again at the next start."
    try:
        from .config import Paths

        path = Paths.of_user().state / "crash.log"
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            traceback.print_exception(mistake, file=log)
    except (OSError, JptermError):
        return f"stopped by a mistake of its own ({type(mistake).__name__}). {kept}"
    return f"stopped by a mistake of its own ({type(mistake).__name__}); please report {shown(path)}. {kept}"


class _Parser(argparse.ArgumentParser):
    """argparse, with one sentence for an error and our own words for the main help."""

    def __init__(self, command: str, help_text: str | None = None, **options: str) -> None:
        super().__init__(prog=f"jpterm-like {command}".strip(), **options)  # type: ignore[arg-type]
        self._help_text = help_text

    def format_help(self) -> str:
        return self._help_text or super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {shown(message)}. See {self.prog} --help.\n")


def _edit(arguments: list[str]) -> int:
    parser = _Parser("", USAGE)
    parser.add_argument("address", nargs="?")
    parser.add_argument("--name")
    parser.add_argument("--theme")
    parser.add_argument("--version", action="store_true")
    options = parser.parse_args(arguments)
    if options.version:
        import crdt

        print(f"jpterm-like {__version__} ({'compiled' if crdt.compiled else 'pure Python'} crdt)")
        return 0
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise JptermError("The editor needs a terminal; to print a file use: jpterm-like cat FILE.")
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise JptermError(
            "This terminal (TERM=dumb) cannot show an editor; to print a file use: jpterm-like cat FILE."
        )
    from .editing import edit

    return edit(options.address, name=options.name, theme=options.theme)


def _serve(arguments: list[str]) -> int:
    from .serving import AUTOSAVE_S, serve_folder

    parser = _Parser(
        "serve",
        description="Share the text files of a folder, those in subfolders too, and nothing outside of it. "
        "Prints 'listening on ADDRESS' when it is ready; SIGTERM or ctrl+c ends it with everything on disk.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="default 127.0.0.1:8765; port 0 takes a free one"
    )
    parser.add_argument("--unix", metavar="PATH", type=Path, help="listen on a unix socket (too)")
    parser.add_argument(
        "--save-after",
        metavar="SECONDS",
        type=_seconds,
        default=AUTOSAVE_S,
        help=f"write the plain files this long after the last change; default {AUTOSAVE_S:g}",
    )
    options = parser.parse_args(arguments)
    return serve_folder(
        options.folder, listen=options.listen, unix=options.unix, autosave_s=options.save_after
    )


def _hub(arguments: list[str]) -> int:
    from .hub import IDLE_S
    from .serving import serve_hub

    parser = _Parser(
        "hub", description="The server behind 'jpterm-like FILE'; editors start it by themselves."
    )
    parser.add_argument(
        "--idle", metavar="SECONDS", type=_seconds, default=IDLE_S, help="end after this long alone"
    )
    return serve_hub(idle_s=parser.parse_args(arguments).idle)


def _cat(arguments: list[str]) -> int:
    parser = _Parser("cat", description="Print a file as everyone sees it now, unsaved changes included.")
    parser.add_argument("address", metavar="FILE|URL")
    options = parser.parse_args(arguments)
    from .editing import read_text

    text = read_text(options.address)
    if sys.stdout.isatty():
        text = _ACTS.sub(lambda found: shown(found[0]), text)
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()
    return 0


# What may act in a terminal. Tabs and the joiners of emoji and scripts are parts of a text as it is to be read.
_ACTS: Final = re.compile(r"[^ -~\n\t\u200c\u200d]")


def _ls(arguments: list[str]) -> int:
    parser = _Parser("ls", description="List the files of a server.")
    parser.add_argument("address", metavar="URL")
    options = parser.parse_args(arguments)
    from .editing import list_names

    for name in list_names(options.address):
        print(shown(name))
    return 0


def _verify(arguments: list[str]) -> int:
    parser = _Parser(
        "verify",
        description="Read every byte of the stores again and say of each document whether it is whole. Changes "
        "nothing, and may be used while a server runs. Exit code 0: all is whole; 1: something is not.",
    )
    parser.add_argument(
        "folder", metavar="DIR", type=Path, nargs="?", help="a served folder; default: your own state folder"
    )
    options = parser.parse_args(arguments)
    from .config import Paths
    from .verifying import verify_folder, verify_user

    count = damaged = 0
    folder = options.folder
    for name, summary, damage in (
        verify_folder(folder) if folder else verify_user(Paths.of_user().state_folder)
    ):
        count += 1
        damaged += bool(damage)
        print(f"{'damaged' if damage else 'whole'}  {shown(name)}: {summary}")
        for sentence in damage:
            print(f"         {shown(sentence)}")
    print(f"{count:,} {'document' if count == 1 else 'documents'}, {damaged:,} damaged.")
    return 1 if damaged else 0


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < 1e6:
            return value
    raise argparse.ArgumentTypeError("write a number of seconds above 0")


_COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "serve": _serve,
    "hub": _hub,
    "cat": _cat,
    "ls": _ls,
    "verify": _verify,
}
