"""Openings that meet a closing: nobody is let into a document that is on its way out."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from jpterm_like.access.hub import AnyFile
from tests.sync.network import Host, Network, Peer, session_of, simulate


def test_nobody_is_let_into_a_document_that_is_just_being_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While identities were read for the newcomer, the document began to close: it was closed with the newcomer in it, and its memory freed."""

    async def main(chance: random.Random) -> None:
        host = Host(AnyFile())
        host.start()
        server = host.server
        assert server is not None
        network = Network(chance, host)
        path = str(tmp_path / "notes.md")
        ann, bob = Peer("ann", network), Peer("bob", network)
        ann.path = bob.path = path
        await ann.start()
        await session_of(ann).synced()
        ann.write()
        await asyncio.sleep(2.0)
        find = server.names.find_elsewhere

        async def find_while_it_closes(*arguments: object) -> str | None:
            await ann.close()
            async with server._commits.lock:  # a commit takes a while
                await asyncio.sleep(1.0)
                ann_is_gone.set()
            return await find(*arguments)  # type: ignore[arg-type]

        ann_is_gone = asyncio.Event()
        monkeypatch.setattr(server.names, "find_elsewhere", find_while_it_closes)
        await bob.start()
        await asyncio.wait_for(ann_is_gone.wait(), 30.0)
        await session_of(bob).synced()
        bob.write()
        await asyncio.sleep(2.0)
        opened = server.documents.by_name[path]
        assert session_of(bob).unsent == 0 and opened.document.pad.buffer.text == session_of(bob).text

    simulate(1, main)
