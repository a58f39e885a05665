"""Entry point of the command line: choose the command, and turn its errors into sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from jpterm_like.cli.commands import COMMANDS, EDITOR
from jpterm_like.cli.parser import parser_of
from jpterm_like.errors import JptermError, escape_for_terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0: done; 1: could not be done; 2: the command line is wrong; 70 (EX_SOFTWARE): a bug of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is None:
            return EDITOR.run(parser_of(EDITOR).parse_args(arguments))
        return command.run(parser_of(command).parse_intermixed_args(arguments[1:]))
    except JptermError as problem:
        # escaped again: a sentence may come from any server
        print(f"jpterm-like: {escape_for_terminal(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of our output is gone; keep the interpreter from reporting that again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as mistake:  # noqa: BLE001 - the last place where a bug of ours can become a sentence
        print(f"jpterm-like: {_report_bug(mistake)}", file=sys.stderr)
        return 70


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
