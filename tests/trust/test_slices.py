"""Much at once is taken in pieces, between which others have their turn; and each piece is good by itself."""

from __future__ import annotations

import asyncio

from crdt import TextBuffer, Version
from jpterm_like.conversation import Conversation
from jpterm_like.saver import Saver, restore
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.memory import pair

PIECE_BYTES = 64 * 1024


def test_f10_a_store_that_was_written_in_pieces_is_whole_after_each_of_them() -> None:
    """An 8 MB paste was put together for the disk in one go. A crash between pieces finds what was told as written,
    and nothing called saved that is not there."""
    pad = Pad(TextBuffer.genesis("a line of text\n" * 40_000))
    store = MemoryStorage().open("notes.md")
    saver = Saver(pad, store, Version())
    pad.mark_saved(pad.buffer.version)
    pieces = 0
    while saver.behind:
        assert saver.write(limit_bytes=PIECE_BYTES)
        pieces += 1
        kept = restore(store, author="")
        assert kept.buffer is not None
        assert kept.buffer.version == saver.written
        assert kept.saved <= kept.buffer.version
    assert pieces > 3
    assert kept.buffer.text == pad.buffer.text
    assert kept.saved == pad.saved


async def test_f10_who_sends_without_a_pause_leaves_others_their_turn() -> None:
    """What a line had received already was taken in without letting anybody else run, a mebibyte at a time."""
    loop = asyncio.get_running_loop()
    here, there = pair()
    server = Link("server", "", loop.time())
    turns: list[int] = []
    taken = 0

    async def handle(event: events.Event) -> None:
        nonlocal taken
        taken += 1
        until = loop.time() + 0.005
        while loop.time() < until:
            pass

    conversation = asyncio.create_task(Conversation(server, there, handle).run())
    hello = wire.Hello(wire.PROTOCOL, wire.PROTOCOL, (), "ann")
    asks = [wire.encode(wire.List(number)) for number in range(20)]
    here.send([wire.encode(hello), *asks])
    while taken < 21:
        await asyncio.sleep(0)
        turns.append(taken)
    assert len(set(turns)) > 3, turns
    await here.close()
    await conversation
