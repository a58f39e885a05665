"""Entry point of the command line: choose the command, and turn its errors into sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from jpterm_like.cli.editor_command import EDITOR
from jpterm_like.cli.parser import main_help, parser_of
from jpterm_like.errors import JptermError, escape_for_terminal

COMMAND_NAMES: Final = frozenset(
    [
        "serve",
        "token",
        "share",
        "hub",
        "bridge",
        "cat",
        "ls",
        "log",
        "who",
        "kick",
        "insert",
        "replace",
        "append",
        "watch",
        "run",
        "pipe",
        "blame",
        "diff",
        "changes",
        "revert",
        "restore",
        "find",
        "export",
        "import",
        "demo",
        "inspect",
        "verify",
        "sync",
        "places",
        "kernels",
        "convert",
        "clear",
        "doctor",
        "migrate",
        "forget",
        "completion",
        "manual",
    ]
)
"""The names in the table of commands, which is only loaded for one of them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0: done; 1: could not be done; 2: the command line is wrong, or could not be done where 1 is an answer; 70 (EX_SOFTWARE): a bug of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    exit_code_of_errors = 1
    try:
        if not arguments or arguments[0] not in COMMAND_NAMES:
            return EDITOR.run(parser_of(EDITOR._replace(help=_main_help)).parse_args(arguments))
        from jpterm_like.cli.commands import COMMANDS

        command = COMMANDS[arguments[0]]
        exit_code_of_errors = command.exit_code_of_errors
        return command.run(parser_of(command).parse_intermixed_args(arguments[1:]))
    except JptermError as problem:
        # escaped again: a sentence may come from any server
        print(f"jpterm-like: {escape_for_terminal(problem)}", file=sys.stderr)
        return exit_code_of_errors
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of our output is gone; keep the interpreter from reporting that again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as mistake:  # noqa: BLE001 - the last place where a bug of ours can become a sentence
        print(f"jpterm-like: {_report_bug(mistake)}", file=sys.stderr)
        return 70


def _main_help() -> str:
    from jpterm_like.cli.commands import TABLE

    return main_help(TABLE)


def _report_bug(mistake: Exception) -> str:
    """Write the traceback of a bug into crash.log, and say where in a sentence."""
    import traceback

    kept = "What you typed is in the journal and is here again at the next start."
    try:
        from jpterm_like.config import Paths
        from jpterm_like.files import private

        path = Paths.of_user().state / "crash.log"
        crash_log = private.open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with open(crash_log, "a", encoding="utf-8", errors="backslashreplace") as log:
            traceback.print_exception(mistake, file=log)
    except (OSError, JptermError):
        return f"stopped by a bug ({type(mistake).__name__}). {kept}"
    return f"stopped by a bug ({type(mistake).__name__}); please report {escape_for_terminal(path)}. {kept}"
