"""`:!`, `:r` and filters: run a command of the system, and show its output or put it into the text.

The command belongs to the person at the keyboard, and runs with their rights in the working folder. Its output is bounded, and it is
ended after a while.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.host import Key, Vi
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.text.cells import clean

TIME_S: Final = 10.0
"""How long a command may take."""

OUTPUT_MAX: Final = 1_000_000
"""The most bytes of output that are used."""

SHOWN_LINES: Final = 3
"""How many lines of output a message shows."""


def run(vi: Vi, command: str, rows: tuple[int, int] | None) -> Generator[None, Key, Any]:
    """Run a command, and show what it prints; with `rows`, replace those by what it makes of them."""
    yield from ()
    if not command:
        raise Failed(":! needs a command: :!ls.")
    if rows is None:
        code, output = _run(command, "")
        lines = output.rstrip("\n").split("\n")
        shown = " ⏎ ".join(clean(line, 200) for line in lines[-SHOWN_LINES:])
        more = f"({len(lines):,} lines, the last:) " if len(lines) > SHOWN_LINES else ""
        ended = "" if not code else f" It ended with {code}."
        vi.editor.say(f"{more}{shown or 'It printed nothing.'}{ended}")
        return
    if not vi.editor.may_write():
        raise Failed
    text, (first, last) = vi.text, rows
    given = text.slice(Place(first, 0), Place(last, len(text.line(last))))
    code, output = _run(command, given + "\n")
    if code:
        raise Failed(f"Not changed: the command ended with {code}. {clean(output.strip(), 200)}")
    text.replace(Place(first, 0), Place(last, len(text.line(last))), output.removesuffix("\n"))
    text.go(Place(first, text.indent(first)))


def read(vi: Vi, argument: str, row: int, open_file: Callable[[str], object]) -> Generator[None, Key, Any]:
    """Put the output of "!command", or the text of a file, below a row."""
    yield from ()
    if not vi.editor.may_write():
        raise Failed
    if argument.startswith("!"):
        code, found = _run(argument[1:].strip(), "")
        if code:
            raise Failed(f"Not changed: the command ended with {code}. {clean(found.strip(), 200)}")
    elif argument:
        found = _read(vi, argument)
    else:
        raise Failed(":r needs a file or a command: :r notes.md, :r !date.")
    lines = found.replace("\r\n", "\n").removesuffix("\n").split("\n")
    vi.text.put_rows(row + 1, lines)
    vi.text.go(Place(row + 1, vi.text.indent(row + 1)))


def _read(vi: Vi, name: str) -> str:
    address = vi.editor.session.address
    folder = Path(address).parent if address.startswith("/") else Path.cwd()
    path = folder / Path(name).expanduser()
    try:
        if not path.is_file():
            raise Failed(f"There is no file {clean(name, 60)}.")
        if path.stat().st_size > OUTPUT_MAX * 10:
            raise Failed(f"{clean(name, 60)} is larger than 10 MB.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{clean(name, 60)} holds no text in UTF-8.") from None
    except OSError as problem:
        raise Failed(f"{clean(name, 60)} cannot be read: {problem.strerror}.") from None


def _run(command: str, given: str) -> tuple[int, str]:
    """Run a command with a text as its input; its exit code and output, control characters left out."""
    try:
        process = subprocess.Popen(
            command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    except OSError as problem:
        raise Failed(f"The command cannot be run: {problem.strerror}.") from None
    try:
        output, _ = process.communicate(given.encode("utf-8", "replace"), timeout=TIME_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Failed(f"The command was ended after {TIME_S:.0f} s.") from None
    found = output[:OUTPUT_MAX].decode("utf-8", "replace").replace("\r\n", "\n")
    return process.returncode, "".join(
        sign for sign in found if sign in "\n\t" or (sign >= " " and sign != "\x7f")
    )
