"""How a server's event loop waits."""

from __future__ import annotations

import socket
from selectors import EVENT_READ

import pytest

from jpterm_like.server import batching_loop
from jpterm_like.server.batching_loop import CROWD, CROWD_S, PAUSE_S, BatchingSelector


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("speaking", [CROWD - 1, CROWD])
def test_only_a_crowd_is_waited_for(speaking: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who types alone, or with a few, is read at once; of a crowd what comes within a pause is read together."""
    clock = Clock()
    monkeypatch.setattr(batching_loop, "time", clock)
    pairs = [socket.socketpair() for _ in range(speaking)]
    with BatchingSelector() as selector:
        for here, there in pairs:
            selector.register(here, EVENT_READ)
            there.send(b"x")
        assert len(selector.select(1.0)) == speaking
        assert clock.slept == []
        assert len(selector.select(1.0)) == speaking
        is_crowd = speaking == CROWD
        assert clock.slept == [PAUSE_S] * is_crowd
        selector.select(0)  # there is other work
        selector.select(PAUSE_S / 2)  # a timer is due before
        assert clock.slept == [PAUSE_S, PAUSE_S / 2] * is_crowd
        for here, _ in pairs[1:]:
            here.recv(1)
        for _ in range(2):  # who spoke before the last count is not in the next
            clock.now += CROWD_S
            selector.select(0)
        clock.slept.clear()
        selector.select(1.0)
        assert clock.slept == []
    for pair in pairs:
        for end in pair:
            end.close()
