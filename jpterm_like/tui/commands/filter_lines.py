"""Pipe lines through a shell command that the person types, as in `sort -u`.

Only that command is run, never one from a file. It runs beside the editor, in `/`, so no file of the folder in which people
work together decides what it does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Final, NamedTuple

from crdt import TextBuffer
from jpterm_like.tui import child_process
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import replace_lines

FILTER_S: Final = 10.0
"""How long a command may run."""

OUTPUT_BYTES_MAX: Final = 16 * 1024 * 1024
"""The longest output that is taken."""

READ_BYTES: Final = 1 << 16

_running: Final[set[asyncio.Task[None]]] = set()


class FilterFailed(Exception):
    """The command gave no text; the sentence says why."""


def do_filter_lines(editor: Editing) -> None:
    """Ask for a shell command, and replace the selected lines, or all, by what it makes of them."""
    if not editor.may_write():
        return
    what = "the selected lines" if editor.cursor.mark is not None else "all lines"
    editor.ask(
        "Pipe lines through a command",
        f"A shell command that gets {what}, as in: sort -u",
        lambda command: filter_region(editor, command, *_region(editor)),
    )


def run_beside(work: Coroutine[None, None, None]) -> None:
    """Let a command run while the keyboard is served."""
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)


class _Lines(NamedTuple):
    """Lines that were given to a command, and where they are now."""

    session: EditorSession
    buffer: TextBuffer
    old: str
    first: TrackedOffset
    last: TrackedOffset
    caret: TrackedOffset

    def are_unchanged(self, editor: Editing) -> bool:
        """Whether they are still there, and nothing was typed at their edges either."""
        if editor.session is not self.session or self.session.buffer is not self.buffer:
            return False
        self.first.follow()
        self.last.follow()
        start, end = self.first.offset, self.last.offset
        return start <= end and self.buffer.slice(start, end) == self.old


def filter_region(editor: Editing, command: str, start: int, end: int) -> None:
    """Replace whole lines, between two offsets, by what a shell command makes of them; refused if they are changed meanwhile."""
    buffer = editor.session.buffer
    first, last = TrackedOffset(buffer, start), TrackedOffset(buffer, end, before=True)
    caret = TrackedOffset(buffer, editor.cursor.caret)
    given = _Lines(editor.session, buffer, buffer.slice(start, end), first, last, caret)
    run_beside(_filter(editor, command, given))


async def _filter(editor: Editing, command: str, given: _Lines) -> None:
    old, first, last, caret = given.old, given.first, given.last, given.caret
    name = clean(command, 40)
    output = await pipe_and_tell(editor, command, f"{old}\n", " The text was not changed.")
    if output is None:
        return
    if not given.are_unchanged(editor):
        editor.say(f"The lines were changed while {name} ran, so its output was not used; run it again.")
        return
    lines = output.removesuffix("\n").split("\n") if output else []
    if lines == old.split("\n"):
        editor.say(f"{name} changed nothing.")
        return
    size = editor.text_layout.lines.size
    splices = replace_lines(first.offset, old.split("\n"), lines, ends=last.offset < size)
    caret.follow()
    has_moved = editor.cursor.caret != caret.offset
    caret = TrackedOffset(given.buffer, editor.cursor.caret)
    editor.replace_all(splices, first.offset)
    if has_moved:  # the person went on elsewhere meanwhile
        caret.follow()
        editor.cursor.put(caret.offset)
        editor.finish()
    editor.say(f"{len(lines):,} lines from {name}.")


def _region(editor: Editing) -> tuple[int, int]:
    """The selected lines, or all; without the last newline."""
    lines = editor.text_layout.lines
    start, end = editor.cursor.selection if editor.cursor.mark is not None else (0, lines.size)
    first, last = lines.row(start), lines.row(end)
    if last > first and end == lines.start(last):
        last -= 1
    return lines.start(first), lines.span(last)[1]


async def pipe_and_tell(editor: Editing, command: str, text: str, if_failed: str = "") -> str | None:
    """Run a shell command as `pipe` does, saying that it runs; None if it failed, with `if_failed` behind the reason."""
    name = clean(command, 40)
    editor.say(f"{name} is running …")
    try:
        return await pipe(command, text)
    except FilterFailed as problem:
        editor.say(f"{name} {problem}{if_failed}", serious=True)
        return None


async def pipe(command: str, text: str) -> str:
    """Return what a shell command prints that is given a text.

    Raises:
        FilterFailed: it failed, ran too long, or printed too much or no text.
    """
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(FILTER_S):
            _, output, error = await asyncio.gather(
                _feed(process, text.encode("utf-8")), _read(process.stdout), _read(process.stderr)
            )
            code = await process.wait()
    except TimeoutError:
        raise FilterFailed(f"was stopped after {FILTER_S:g} s.") from None
    finally:
        await child_process.end(process)
    if code:
        told = error.decode("utf-8", "replace").strip().split("\n")[-1]
        raise FilterFailed(f"failed with exit code {code}{told and ': ' + clean(told, 100)}.")
    try:
        return output.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise FilterFailed("printed something that is no UTF-8 text.") from None


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `head` reads no more than it needs
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    output = bytearray()
    while piece := await stream.read(READ_BYTES):
        output += piece
        if len(output) > OUTPUT_BYTES_MAX:
            raise FilterFailed(f"printed more than {OUTPUT_BYTES_MAX // 2**20} MiB.")
    return bytes(output)
