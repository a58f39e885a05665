"""Starts the process that parses (`syntax.process`), sends it requests and hears its answers."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from jpterm_like.tui import child_process

log = logging.getLogger("jpterm_like.syntax")

# -P: import nothing from the working folder
PROGRAM: Final = (sys.executable, "-P", "-m", "jpterm_like.tui.syntax.process")

ANSWER_BYTES_MAX: Final = 1 << 24
"""Longest answer; the words of a portion of rows take some hundred kB."""

TOO_SLOW: Final = "This text takes too long to parse; its syntax is not coloured."
FAILED: Final = "The grammar of this language fails in this text; its syntax is not coloured."


class ParserProcess:
    """The process, from when it is asked for until it is closed or ends."""

    def __init__(self, receive: Callable[[dict[str, Any]], None], ended: Callable[[str], None]) -> None:
        """Answers are given to `receive`; `ended` gets a sentence when the process ended by itself."""
        self._receive = receive
        self._ended = ended
        self._requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, request: dict[str, Any]) -> None:
        """Send a request, as soon as the process takes it."""
        self._requests.put_nowait(request)

    def close(self) -> None:
        """End the process."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *PROGRAM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=ANSWER_BYTES_MAX,
                cwd="/",
                start_new_session=True,  # the terminal's signals are for us
            )
        except OSError:
            log.warning("the process that parses cannot be started", exc_info=False)
            self._ended("No process can be started to parse this text; its syntax is not coloured.")
            return
        writing = asyncio.create_task(self._write(process))
        try:
            assert process.stdout is not None
            while line := await process.stdout.readline():
                self._receive(json.loads(line))
            code = await process.wait()
        finally:
            writing.cancel()
            await child_process.end(process)
        log.warning("the process that parses ended with %d", code)
        self._ended(TOO_SLOW if code == -signal.SIGPROF else FAILED)

    async def _write(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        try:
            while True:
                request = await self._requests.get()
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
        except OSError:
            pass  # it ended, which `_run` hears
