"""The command line: which command is meant, and what becomes of its errors. What each command takes: `cli.commands`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from jpterm_like.cli.commands import COMMANDS, EDITOR
from jpterm_like.cli.parser import parser_of
from jpterm_like.errors import JptermError, escape_for_terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 done, 1 could not be done, 2 the command is not understood, 70 (EX_SOFTWARE) a mistake of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is None:
            return EDITOR.run(parser_of(EDITOR).parse_args(arguments))
        return command.run(parser_of(command).parse_intermixed_args(arguments[1:]))
    except JptermError as problem:
        # once more made safe: a sentence may come from a server, whatever that is
        print(f"jpterm-like: {escape_for_terminal(problem)}", file=sys.stderr)
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
        from jpterm_like.config import Paths
        from jpterm_like.files import private

        path = Paths.of_user().state / "crash.log"
        crash_log = private.open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with open(crash_log, "a", encoding="utf-8", errors="backslashreplace") as log:
            traceback.print_exception(mistake, file=log)
    except (OSError, JptermError):
        return f"stopped by a mistake of its own ({type(mistake).__name__}). {kept}"
    return f"stopped by a mistake of its own ({type(mistake).__name__}); please report {escape_for_terminal(path)}. {kept}"
