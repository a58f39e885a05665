"""Who lacks what: the server's cursors, told to owners."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from jpterm_like.access.permissions import Role
from jpterm_like.client.events import RequestFailed
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from tests.sync.network import simulate
from tests.sync.test_outages import Scene


def test_owners_are_told_who_lacks_what(tmp_path: Path) -> None:
    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None and bob.session is not None
        bob.session.show_caret(0, None)
        assert sorted((it.name, it.missing) for it in await ann.session.guests()) == [("ann", 0), ("bob", 0)]
        sites = {it.site for it in await ann.session.guests()}
        assert sites == {ann.session.buffer.site, bob.session.buffer.site}
        assert scene.host.server is not None
        for connection in scene.host.server.connections:  # bob's takes nothing any more
            if connection.link.peer_name == "bob":
                assert connection.conversation is not None
                connection.conversation._is_full = True
        ann.session.replace(0, 0, "twelve signs")
        await ann.session.stored()
        [first, second] = await ann.session.guests()
        assert (first.name, first.missing, second.missing) == ("bob", 12, 0)

    simulate(1, main)


@pytest.mark.parametrize("role", ["view", "edit"])
def test_nobody_else_is(tmp_path: Path, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann = await scene.join("ann")
        assert ann.session is not None and scene.host.server is not None
        for connection in scene.host.server.connections:
            for channel in connection.link.channels.values():
                channel.is_owner = False
        with pytest.raises(RequestFailed, match="Only an owner may tell who lacks what"):
            await ann.session.guests()

    simulate(2, main)


def test_an_older_server_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = tuple(feature for feature in wire.FEATURES if feature != wire.GUESTS)
    monkeypatch.setattr(links, "FEATURES", older)

    async def main(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance)
        ann = await scene.join("ann")
        assert ann.session is not None
        with pytest.raises(RequestFailed, match="earlier release, which cannot tell who lacks what"):
            await asyncio.wait_for(ann.session.guests(), 60)

    simulate(3, main)
