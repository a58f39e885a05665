"""Pads that pass on what others wrote: each operation takes each line once, whatever the ways between them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from crdt import TextBuffer
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad

LIMIT = 64 * 1024


class Line:
    """One connection between two pads, and the bytes of text that took it."""

    def __init__(self, server: Pad, client: Pad) -> None:
        self.pads = {"server": server, "client": client}
        self.links = {"server": Link("server", "", 0.0), "client": Link("client", "edge", 0.0)}
        self.text_bytes = {"server": 0, "client": 0}
        while self.carry("client") | self.carry("server"):
            pass

    def carry(self, sender: str) -> bool:
        """Carry what one side has to say to the other; return whether there was anything."""
        receiver = "client" if sender == "server" else "server"
        frames = self.links[sender].next_frames(0.0, LIMIT)
        for frame in frames:
            message = wire.decode(frame)
            if isinstance(message, wire.Changes):
                self.text_bytes[sender] += len(message.data)
            for event in self.links[receiver].receive(frame, 0.0):
                if isinstance(event, events.Greeted) and receiver == "client":
                    self.links["client"].open(0, self.pads["client"], "notes.md", create=True)
                elif isinstance(event, events.OpenRequested):
                    self.links["server"].admit(event.channel, self.pads["server"], "edit")
        return bool(frames)


def pad(site: int) -> Pad:
    return Pad(TextBuffer.genesis("hello", site=site))


def write(everyone: list[Pad], lines: list[Line], dice: random.Random) -> int:
    """Let everyone type at random and carry it at random, then all of it; return the bytes of what was typed."""
    typed_bytes = 0
    for step in range(300):
        writer = dice.choice(everyone)
        at = dice.randint(0, len(writer.buffer))
        before = writer.log.end
        writer.replace(at, at, chr(97 + step % 26), 1.0)
        typed_bytes += sum(len(entry.data) for entry in writer.log.since(before))
        if step % 5 == 0:
            for line in dice.sample(lines, len(lines) // 2 + 1):
                line.carry(dice.choice(["client", "server"]))
    moved = True
    while moved:
        moved = False
        for line in lines:
            moved |= line.carry("client") | line.carry("server")
    [_] = {each.buffer.text for each in everyone}
    return typed_bytes


@pytest.mark.parametrize("seed", range(5))
def test_in_a_chain_each_operation_takes_each_line_once(seed: int) -> None:
    """What came from a side was sent back to it when it lay between others, and was passed on as new: 155 times the bytes."""
    chain = [pad(site) for site in range(1, 6)]
    lines = [Line(server, client) for server, client in pairwise(chain)]
    typed_bytes = write(chain, lines, random.Random(seed))
    for line in lines:
        assert sum(line.text_bytes.values()) == typed_bytes, line.text_bytes


@pytest.mark.parametrize("seed", range(5))
def test_through_a_relay_of_a_crowd_nothing_is_sent_back_up(seed: int) -> None:
    """Down to a crowd goes one frame for all, with a part of each in it; up goes what is new there, and nothing is passed on twice."""
    owner, relay, *guests = (pad(site) for site in range(1, 12))
    upstream = Line(owner, relay)
    lines = [Line(relay, guest) for guest in guests[:6]] + [Line(owner, guest) for guest in guests[6:]]
    typed_bytes = write([owner, relay, *guests], [upstream, *lines], random.Random(seed))
    assert upstream.text_bytes["client"] + upstream.text_bytes["server"] <= 1.5 * typed_bytes
    assert upstream.text_bytes["client"] <= typed_bytes
    for line in lines:
        assert line.text_bytes["client"] <= typed_bytes / 5
        assert line.text_bytes["server"] <= 1.05 * typed_bytes


def test_what_is_known_already_is_not_passed_on() -> None:
    """Neither alone nor in a message with what is new."""
    author = TextBuffer.genesis("hello", site=9)
    author.replace(5, 5, "a")
    first = author.take_changes()
    author.replace(0, 0, "b")
    second = author.take_changes()
    mine, peer, other = pad(1), object(), object()
    mine.integrate(first, peer)
    mine.integrate(first, other)
    assert mine.log.end == 1
    mine.integrate(first + second, other)
    assert [entry.origin for entry in mine.log.since(0)] == [peer, other]
    reader = TextBuffer.genesis("hello", site=2)
    reader.integrate(first)
    assert len(mine.log.since(1)[0].data) <= len(second)
    reader.integrate(mine.log.since(1)[0].data)
    assert reader.text == mine.buffer.text == "bhelloa"
