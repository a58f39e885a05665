"""A guest who makes operations under somebody else's site: they are not taken, and whoever has the site goes on as before."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from websockets.asyncio.client import connect as connect_raw
from websockets.exceptions import ConnectionClosed

from crdt import TextBuffer, Version
from crdt.binary import SITE_BYTES
from jpterm_like.client.events import Event, Notice, Reset, StatusChanged
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from tests.e2e.terminal import PATIENCE_S, Serve, run

ROUNDS = 20
"""More than `link.STRIKES_MAX`."""


class Forger:
    """Goes on under the site of everybody who is seen, again and again, on raw connections."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent = 0
        self.cut_off = 0
        self.ends_with_gap = False
        """Whether what is forged comes too early, so that it would wait until its past is here."""

    async def run(self) -> None:
        while True:
            try:
                async with connect_raw(self.url, proxy=None) as connection:
                    await self._forge(connection)
            except ConnectionClosed:
                self.cut_off += 1

    async def _forge(self, connection: object) -> None:
        async def say(message: wire.Message) -> None:
            await connection.send(wire.encode(message))  # type: ignore[attr-defined]

        await say(wire.Hello(1, 1, (), "eve"))
        channel = -1
        while True:
            channel += 1
            mine = TextBuffer()
            await say(wire.Open(channel, "notes.md", True, mine.site, None, Version(), b"", False))
            is_open = True
            while is_open:
                message = wire.decode(await connection.recv())  # type: ignore[attr-defined]
                match message:
                    case wire.Opened() if message.channel == channel:
                        mine.lineage = message.lineage
                    case wire.Changes() if message.channel == channel:
                        mine.integrate(message.data)
                    case wire.Presence() if message.channel == channel and message.here:
                        await say(wire.Changes(channel, 0, self._forged(mine, message.site)))
                    case wire.Refuse() if message.channel == channel:
                        is_open = False
                    case wire.Ping():
                        await say(wire.Pong())

    def _forged(self, mine: TextBuffer, site: int) -> bytes:
        """What the site will have done next, or a little later."""
        self.sent += 1
        other = TextBuffer.decode(mine.encode())
        before = mine.version.get(site) + 5 * self.ends_with_gap
        if before:
            other.replace(len(other), len(other), "x" * before)
            other.take_changes()
        other.replace(0, 0, f"forged {self.sent}\n")
        changes, theirs = other.take_changes(), other.site.to_bytes(SITE_BYTES, "big")
        assert theirs in changes
        return changes.replace(theirs, site.to_bytes(SITE_BYTES, "big"))


class Victim:
    """Somebody who types, and is told nothing of it."""

    def __init__(self, url: str, name: str) -> None:
        self.session: Session = open_session(f"{url}/notes.md", name=name, storage=MemoryStorage())
        self.name = name
        self.tokens: list[str] = []
        self.told: list[Event] = []
        self.session.listen(self._hear)

    def _hear(self, event: Event) -> None:
        is_cut = isinstance(event, StatusChanged) and self.session.status.state != "connected"
        if is_cut or isinstance(event, Notice | Reset):
            self.told.append(event)

    async def start(self) -> None:
        await self.session.start()
        async with asyncio.timeout(PATIENCE_S):
            await self.session.synced()
        self.told.clear()

    def write(self, number: int) -> None:
        token = f"<{self.name}{number}>\n"
        self.tokens.append(token)
        self.session.replace(0, 0, token)
        self.session.show_caret(0, None)


async def attacked(folder: Path, *, with_gaps: bool) -> None:
    (folder / "notes.md").write_text("notes\n")
    serve = Serve(folder, "--save-after", "0.1")
    try:
        victims = [Victim(serve.url, name) for name in ("ann", "bob")]
        for victim in victims:
            await victim.start()
        forger = Forger(serve.url)
        forger.ends_with_gap = with_gaps
        forging = asyncio.create_task(forger.run())
        try:
            for number in range(ROUNDS):
                before = forger.sent
                for victim in victims:
                    victim.write(number)
                async with asyncio.timeout(PATIENCE_S):
                    while forger.sent == before or any(victim.session.unsent for victim in victims):
                        await asyncio.sleep(0.02)
            assert forger.sent >= ROUNDS
            async with asyncio.timeout(PATIENCE_S):
                while victims[0].session.text != victims[1].session.text:
                    await asyncio.sleep(0.02)
            text = (await asyncio.to_thread(run, "cat", f"{serve.url}/notes.md")).stdout
            for victim in victims:
                assert victim.told == [], "they are connected all the time, and told nothing"
                assert victim.session.text == text
                for token in victim.tokens:
                    assert len(re.findall(re.escape(token), text)) == 1, token
            assert "forged" not in text
            assert forger.cut_off, "it is counted against who does it"
        finally:
            forging.cancel()
            await asyncio.gather(forging, return_exceptions=True)
            for victim in victims:
                await victim.session.close()
    finally:
        serve.stop()


async def test_nobody_goes_on_under_the_site_of_somebody_who_is_here(tmp_path: Path) -> None:
    """Operations that a connected person has not done yet are taken from their own connection only: nothing of what they
    type is lost or doubled, and they are not even told."""
    await attacked(tmp_path, with_gaps=False)


async def test_operations_that_wait_for_a_site_s_next_ones_are_not_kept_either(tmp_path: Path) -> None:
    """Else they would come up between what that person types a little later."""
    await attacked(tmp_path, with_gaps=True)
