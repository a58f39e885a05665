"""Kernels of this machine, as the runner asks them."""

from __future__ import annotations

import signal
from typing import Any

from jpterm_like.kernels.line import Message
from jpterm_like.server.local_kernels import _Line


class FakeLine:
    def __init__(self) -> None:
        self.did: list[object] = []

    async def send(self, channel: str, message: Message) -> None:
        self.did.append((channel, message.type))

    async def signal(self, number: int) -> None:
        self.did.append(number)


async def test_a_cell_is_interrupted_as_its_kernel_wants_it() -> None:
    """By a signal; or by a message, if the kernelspec says so."""
    expected: dict[bool, Any] = {False: signal.SIGINT, True: ("control", "interrupt_request")}
    for by_message, did in expected.items():
        line = FakeLine()
        await _Line(line, by_message=by_message).signal(signal.SIGINT)  # type: ignore[arg-type]
        assert line.did == [did]
