"""What stands for the process that parses, in tests of everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from jpterm_like.tui.syntax.parsing import Parsing


class ParserHere:
    """The same as `ParserProcess`, in turns of this loop. Requests and answers are written and read as there."""

    def __init__(self, receive: Callable[[dict[str, Any]], None], ended: Callable[[str], None]) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._parsing = Parsing(lambda answer: self._soon(receive, json.loads(json.dumps(answer))))
        self._step: asyncio.Handle | None = None
        self._is_closed = False

    def _soon(self, take: Callable[[dict[str, Any]], None], message: dict[str, Any]) -> None:
        self._loop.call_soon(lambda: None if self._is_closed else take(message))

    def send(self, request: dict[str, Any]) -> None:
        self._soon(self._take, json.loads(json.dumps(request)))

    def _take(self, request: dict[str, Any]) -> None:
        self._parsing.take(request)
        if self._step is None:
            self._step = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._step = None
        if self._parsing.has_work and not self._is_closed:
            self._parsing.step()
            self._step = self._loop.call_soon(self._go_on)

    def close(self) -> None:
        self._is_closed = True
