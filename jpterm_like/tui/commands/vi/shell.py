"""`:!`, `:r` and filters: run a command of the system, and show its output or put it into the text.

Commands run beside the editor, as those of `filter_lines`: for a bounded time, with a bounded output, in `/`. Only a line that the
person typed runs one, never a macro, since a register may hold what others wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jpterm_like.tui.commands.filter_lines import filter_region, pipe_and_tell, run_beside
from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset

FILE_BYTES_MAX: Final = 10_000_000
"""The largest file that `:r` puts in."""

SHOWN_LINES: Final = 3
"""How many lines of output a message shows."""


def run(vi: Vi, command: str, rows: tuple[int, int] | None) -> None:
    """Run a command, and show what it prints; with `rows`, replace those by what it makes of them."""
    _require(vi, command)
    if rows is None:
        run_beside(_show(vi, command))
        return
    vi.require_writing()
    text, (first, last) = vi.text, rows
    end = text.start(last) + len(text.line(last))
    text.go(Place(first, text.indent(first)))
    filter_region(vi.editor, command, text.start(first), end)


def _require(vi: Vi, command: str) -> None:
    if not command:
        raise Failed(":! needs a command: :!ls.")
    if not vi.ex.is_typed:
        raise Failed("A macro runs no commands of the system; type the line yourself.")


async def _show(vi: Vi, command: str) -> None:
    name = clean(command, 40)
    output = await pipe_and_tell(vi.editor, command, "")
    if output is None:
        return
    lines = output.rstrip("\n").split("\n")
    shown = " ⏎ ".join(clean(line, 200) for line in lines[-SHOWN_LINES:])
    more = f"({len(lines):,} lines, the last:) " if len(lines) > SHOWN_LINES else ""
    vi.editor.say(f"{more}{shown or f'{name} printed nothing.'}")


def read(vi: Vi, argument: str, row: int) -> None:
    """Put the output of "!command", or the text of a file, below a row."""
    vi.require_writing()
    if argument.startswith("!"):
        command = argument[1:].strip()
        _require(vi, command)
        place = None
        if row >= 0:
            end = vi.text.start(row) + len(vi.text.line(row))
            place = TrackedOffset(vi.editor.session.buffer, end, before=True)
        run_beside(_read_output(vi, command, vi.editor.session, place))
    elif argument:
        _put_below(vi, row, _read_file(vi, argument))
    else:
        raise Failed(":r needs a file or a command: :r notes.md, :r !date.")


async def _read_output(vi: Vi, command: str, session: EditorSession, place: TrackedOffset | None) -> None:
    """Put the output of a command below the line of a place, wherever that is then; None: at the top."""
    name, buffer = clean(command, 40), session.buffer
    output = await pipe_and_tell(vi.editor, command, "", " Nothing was put in.")
    if output is None:
        return
    if vi.editor.session is not session or session.buffer is not buffer or not vi.editor.may_write():
        vi.editor.say(f"Another text is shown now, so the output of {name} was not put in.")
        return
    row = -1
    if place is not None:
        row = vi.text.place_of(place).row
    count = _put_below(vi, row, output)
    if vi.mode == "normal":
        vi.end_step()
    vi.editor.say(f"{count:,} lines from {name}.")


def _put_below(vi: Vi, row: int, found: str) -> int:
    """Put lines below a row, and return how many."""
    if not found:
        return 0
    lines = found.replace("\r\n", "\n").removesuffix("\n").split("\n")
    vi.text.put_rows(row + 1, "\n".join(lines))
    if vi.mode == "normal":
        vi.text.go(Place(row + 1, vi.text.indent(row + 1)))
    return len(lines)


def _read_file(vi: Vi, name: str) -> str:
    address = vi.editor.session.address
    folder = Path(address).parent if address.startswith("/") else Path.cwd()
    path = folder / Path(name).expanduser()
    try:
        if not path.is_file():
            raise Failed(f"There is no file {clean(name, 60)}.")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise Failed(f"{clean(name, 60)} is larger than 10 MB.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{clean(name, 60)} holds no text in UTF-8.") from None
    except OSError as problem:
        raise Failed(f"{clean(name, 60)} cannot be read: {problem.strerror}.") from None
