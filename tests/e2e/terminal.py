"""Real programs in real terminals: a pty with the screen that a person would see, and servers as processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO

import pyte

PROGRAM = os.environ.get("JPTERM_LIKE", f"{sys.executable} -m jpterm_like").split()
"""CI tries an installed wheel so, with nothing beside it but what the wheel itself asks for."""
PATIENCE_S = 20.0
"""How long to wait for what must come. Generous: a busy machine is no failure, a hang is."""

KEYS = {
    "enter": "\r",
    "backspace": "\x7f",
    "left": "\x1b[D",
    "right": "\x1b[C",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "ctrl+home": "\x1b[1;5H",
    "ctrl+end": "\x1b[1;5F",
    "ctrl+a": "\x01",
    "ctrl+k": "\x0b",
    "ctrl+s": "\x13",
    "ctrl+p": "\x10",
    "ctrl+q": "\x11",
    "ctrl+z": "\x1a",
    "f9": "\x1b[20~",
}


async def until(true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something that other processes must bring about."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"waited {patience_s:.0f} s in vain for: {what}"
        await asyncio.sleep(0.01)


class Terminal:
    """The program in a terminal of its own."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
        preexec_fn: Callable[[], None] | None = None,
        program: Sequence[str] = PROGRAM,
        cwd: Path | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # the size is the terminal's, not that of the one in which the tests run
        environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            preexec_fn=preexec_fn,
            cwd=cwd,
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.raw += data
        with contextlib.suppress(TypeError):  # pyte knows no private SGR forms
            self._stream.feed(data)

    @property
    def text(self) -> str:
        """What is on the screen, rows joined by newlines."""
        return "\n".join(self.screen.display)

    async def shows(self, *texts: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until all of these are on the screen."""
        try:
            await until(
                lambda: all(text in self.text for text in texts), f"{texts} on the screen", patience_s
            )
        except AssertionError as problem:
            problem.add_note(self.text)
            raise

    @property
    def bar(self) -> str:
        """The bottom line."""
        return self.screen.display[-1]

    async def says(self, *texts: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until all of these are in the bottom line."""
        await until(
            lambda: all(text in self.bar for text in texts), f"{texts} in the bottom line", patience_s
        )

    async def is_saved(self) -> None:
        """Wait until the status bar calls the text saved."""
        await until(lambda: " saved" in self.bar, f"saved, in {self.bar}")

    async def press(self, *keys: str, gap_s: float = 0.0) -> None:
        """Press keys: names of KEYS, or text as it is; a surrogate stands for a byte that is no UTF-8, as in `os.fsdecode`."""
        for key in keys:
            data = KEYS.get(key, key).encode("utf-8", "surrogateescape")
            while data:
                try:
                    data = data[os.write(self._master, data) :]
                except BlockingIOError:
                    await asyncio.sleep(0.005)
            await asyncio.sleep(gap_s)

    async def type(self, text: str, gap_s: float = 0.02) -> None:
        """Type characters one by one."""
        for character in text:
            await self.press("enter" if character == "\n" else character, gap_s=gap_s)

    async def ends(self) -> int:
        """Wait for the program's end and return its exit code."""
        try:
            await until(lambda: self.process.poll() is not None, "the program's end")
        except AssertionError as problem:
            problem.add_note(self.text)
            raise
        return self.process.returncode

    def kill(self) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def hang_up(self) -> None:
        """Close the window."""
        with contextlib.suppress(OSError, ValueError):
            asyncio.get_running_loop().remove_reader(self._master)
        with contextlib.suppress(OSError):
            os.close(self._master)

    def close(self) -> None:
        self.kill()
        self.hang_up()


class Serve:
    """`jpterm-like serve` as a process, on the same port after each restart."""

    def __init__(self, folder: Path, *options: str, stderr: IO[str] | None = None) -> None:
        self.folder = folder
        self._stderr = None if stderr is None else os.dup(stderr.fileno())
        self._options = options
        self.url = "ws://127.0.0.1:0"
        self.start()

    def start(self) -> None:
        listen = self.url.removeprefix("ws://")
        self.process = subprocess.Popen(
            [*PROGRAM, "serve", str(self.folder), "--listen", listen, *self._options],
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextlib.asynccontextmanager
async def terminals() -> AsyncIterator[Callable[..., Terminal]]:
    """Open terminals that are all closed at the end."""
    opened: list[Terminal] = []

    def terminal(*arguments: str, **options: object) -> Terminal:
        opened.append(Terminal(*arguments, **options))  # type: ignore[arg-type]
        return opened[-1]

    try:
        yield terminal
    finally:
        for one in opened:
            one.close()


def run(*arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )
