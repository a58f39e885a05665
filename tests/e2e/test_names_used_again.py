"""A file that is deleted by another program, and a new one under its name, with a real server and real clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jpterm_like
from jpterm_like.client.events import Notice
from tests.e2e.terminal import Serve, until


async def test_a_file_made_anew_gets_nothing_of_the_deleted_one(tmp_path: Path) -> None:
    """Bob's offline words go to the former text, which is a document of its own; the new file holds what was written into it."""
    served = tmp_path / "served"
    served.mkdir()
    file = served / "n.md"
    file.write_text("old plan\n")
    server = Serve(served)
    url = f"{server.url}/n.md"
    async with jpterm_like.connect(url, name="bob", state_dir=tmp_path / "bob") as bob:
        bob.replace(0, 0, "known\n")
        await bob.stored()
        await bob.save()
        assert server.stop() == 0
        bob.replace(0, 0, "secret\n")
        file.unlink()
        server.start()
        await bob.stored()
        told: list[str] = []
        bob.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
        server.kill()
        bob.replace(0, 0, "offline\n")
        file.write_text("anew\n")
        server.start()
        async with jpterm_like.connect(url, name="cyd", state_dir=tmp_path / "cyd") as cyd:
            assert cyd.text == "anew\n"
            async with asyncio.timeout(20):
                await bob.stored()
            assert bob.text == "offline\nsecret\nknown\nold plan\n"
            assert bob.path == "n (former).md"
            await until(lambda: any("n (former).md" in it for it in told), "bob is told")
            cyd.replace(0, 0, "cyd's\n")
            await cyd.save()
            assert file.read_text() == "cyd's\nanew\n" == cyd.text
            assert [it.name for it in served.glob("*.md")] == ["n.md"]
            await bob.save()
            assert (served / "n (former).md").read_text() == bob.text
    assert server.stop() == 0


async def test_people_in_a_deleted_file_keep_their_text_when_a_new_one_comes(tmp_path: Path) -> None:
    """The server's own watch finds the file missing, and the new one: nobody asks for it."""
    served = tmp_path / "served"
    served.mkdir()
    file = served / "n.md"
    file.write_text("old plan\n")
    server = Serve(served)
    async with jpterm_like.connect(f"{server.url}/n.md", name="ann", state_dir=tmp_path / "ann") as ann:
        told: list[str] = []
        ann.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
        ann.replace(0, 0, "ann's\n")
        await ann.stored()
        file.unlink()
        await until(lambda: any("deleted or moved away" in it for it in told), "the file is found missing")
        file.write_text("anew\n")
        await until(lambda: ann.path == "n (former).md", "ann goes along")
        assert ann.text == "ann's\nold plan\n"
        async with jpterm_like.connect(f"{server.url}/n.md", name="cyd", state_dir=tmp_path / "cyd") as cyd:
            assert cyd.text == "anew\n"
    assert server.stop() == 0
    assert {it.name: it.read_text() for it in served.glob("*.md")} == {"n.md": "anew\n"}
