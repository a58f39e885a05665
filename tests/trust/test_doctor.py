"""`doctor`: what it says of a pad, and its exit code, on real servers and real journals."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.cli.doctor import examine
from jpterm_like.client import hub_store
from jpterm_like.client.hub_store import history
from jpterm_like.config import Paths
from jpterm_like.storage.base import Record
from tests.e2e.hub import kill_hub
from tests.e2e.terminal import Serve, run


def doctor(address: str) -> tuple[int, str]:
    done = run("doctor", address)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


async def write(address: str, text: str, *, save: bool) -> None:
    async with jpterm_like.connect(address, name="ann") as session:
        session.replace(0, 0, text)
        await session.stored()
        if save:
            await session.save()


def test_all_is_whole_at_a_server(tmp_path: Path) -> None:
    """Exit code 0, a digest from both ends, and a word on each place."""
    (tmp_path / "notes.md").write_text("begun\n")
    server = Serve(tmp_path)
    try:
        address = f"{server.url}/notes.md"
        asyncio.run(write(address, "typed ", save=True))
        code, said = doctor(address)
        assert code == 0, said
        assert "has 12 characters; its digest" in said
        assert "All of it is on the server's disk." in said
        assert "The server's plain file holds this text." in said
        assert "is whole, each byte of it." in said
        assert "The server has everything in it, and both read the same." in said
        assert all(line.startswith("whole") for line in said.splitlines())
    finally:
        server.stop()


def test_what_only_a_journal_has_is_said(tmp_path: Path) -> None:
    """Typed while the server was away: how much, and in which folder; with and without the server."""
    (tmp_path / "notes.md").write_text("begun\n")
    server = Serve(tmp_path)
    try:
        address = f"{server.url}/notes.md"
        asyncio.run(write(address, "typed ", save=True))
        server.kill()
        asyncio.run(_offline(address))
        code, said = doctor(address)
        assert code == 1
        assert "The server cannot be asked:" in said
        assert "8 changes are in it that the server was not heard to have." in said
        assert str(Paths.of_user().replicas) in said
        server.start()
        code, said = doctor(address)
        assert code == 1
        assert "8 changes are there that the server lacks: open the file, and they go." in said
    finally:
        server.stop()


async def _offline(address: str) -> None:
    async with jpterm_like.connect(address, name="ann") as session:
        session.replace(0, 0, "offline ")


def test_an_unsaved_file_and_a_damaged_store_are_said(tmp_path: Path) -> None:
    """A file on this machine: the hub's store and the plain file are looked at as well."""
    file = tmp_path / "notes.md"
    file.write_text("begun\n")
    try:
        asyncio.run(write(str(file), "typed ", save=False))
        code, said = doctor(str(file))
        assert code == 1
        assert f"{file} does not hold this text: it was not saved since the last change." in said
        asyncio.run(write(str(file), "more ", save=True))
        code, said = doctor(str(file))
        assert code == 0, said
        blob = next(Paths.of_user().pads.glob("*/base.blob"))
        blob.write_bytes(blob.read_bytes()[:-1])
        code, said = doctor(str(file))
        assert code == 1
        # either as it is, or as the hub put it out of the way when the doctor came in
        assert (
            "base.blob does not hold what was written to it." in said or "base.blob.damaged was set" in said
        )
    finally:
        kill_hub()


def test_a_history_that_is_left_is_no_difference_of_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local file begins with the history of what it holds, and goes over to the hub's. If the hub's store cannot be read at the
    second look, that one goes over, too, and there is no other text under the same version."""
    file = tmp_path / "notes.md"
    file.write_text("begun\n")
    reads = itertools.count(1)

    def history_from_the_second_time(file: Path) -> list[Record]:
        return history(file) if next(reads) > 1 else []

    try:
        asyncio.run(write(str(file), "typed ", save=True))
        monkeypatch.setattr(hub_store, "history", history_from_the_second_time)
        results = list(examine(str(file)))
        assert [result.sentence for result in results if not result.whole] == []
        assert "matches the text that it sent here" in results[0].sentence
        assert next(reads) > 2, "the journal of the first look had its text"
    finally:
        kill_hub()


@pytest.mark.parametrize("address", ["ws://127.0.0.1:1/notes.md", "gopher://x/y"])
def test_what_cannot_be_asked_is_said_in_a_sentence(address: str) -> None:
    code, said = doctor(address)
    assert code == 1 and said.strip()
