"""Who is where, across the files of a server; and the lines that people say to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.access.discovery import find_server
from jpterm_like.cli.share import CannotInvite, invite_to_open, options_for
from jpterm_like.client.events import RequestFailed, Said
from jpterm_like.server import people
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from tests.access.team import Team, token
from tests.e2e.terminal import Serve, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    (folder / "docs").mkdir(parents=True)
    for name in ("notes.md", "docs/plan.md"):
        (folder / name).write_text("one\ntwo\nthree\n")
    return folder


async def test_people_are_listed_in_all_files_that_one_may_open_and_in_no_other(
    team: Team, owner: str, holding: Callable[[str], None]
) -> None:
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"

    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann, jpterm_like.connect(plan, name="ann") as other:
        holding(token("view", "--pad", "notes.md"))
        async with jpterm_like.connect(notes, name="bob") as bob:
            ann.hide_caret()
            other.show_caret(8, None)
            bob.show_caret(4, None)
            await bob.informed()

            async def told() -> list[tuple[str, str, int, bool, str, bool]]:
                return [
                    (one.name, one.path, one.line, one.is_active, one.role, one.may_kick)
                    for one in sorted(await ann.everyone(), key=lambda one: (one.name, one.path))
                ]

            async with asyncio.timeout(10):
                while [one[3] for one in await told()] != [True, False, True]:
                    await asyncio.sleep(0.01)
            assert await told() == [
                ("ann", "docs/plan.md", 3, True, "own", False),
                ("ann", "notes.md", 0, False, "own", False),
                ("bob", "notes.md", 2, True, "view", True),
            ]
            seen = await bob.everyone()
            assert {one.path for one in seen} == {"notes.md"}, "the other file is not his to know of"
            assert not any(one.may_kick for one in seen)
            assert {one.name for one in seen if one.is_me} == {"bob"}
            mine = {one.address for one in await ann.everyone() if one.is_me}
            assert mine == {ann.address, other.address}
            with pytest.raises(RequestFailed, match="Only an owner"):
                await bob.kick("ann")


async def test_a_line_reaches_the_others_of_the_file_and_is_stored_nowhere(
    team: Team, owner: str, holding: Callable[[str], None], folder: Path, home: Path
) -> None:
    """A reader may speak, too; control characters are made visible; so many lines in a time, and no more."""
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"

    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann, jpterm_like.connect(plan, name="eve") as eve:
        holding(token("view"))
        async with jpterm_like.connect(notes, name="bob") as bob:
            heard: dict[str, list[Said]] = {"ann": [], "bob": [], "eve": []}
            for name, session in (("ann", ann), ("bob", bob), ("eve", eve)):
                session.listen(
                    lambda event, name=name: heard[name].append(event) if isinstance(event, Said) else None
                )
            before = ann.text
            await bob.say_line("look \x1b[2J here")
            await until(lambda: bool(heard["ann"]), "the line")
            assert heard["ann"] == [Said("bob", "look \\x1b[2J here")]
            for number in range(people.LINES_MAX - 1):
                await bob.say_line(f"line {number}")
            with pytest.raises(RequestFailed, match="wait a moment"):
                await bob.say_line("one too many")
            await until(lambda: len(heard["ann"]) == people.LINES_MAX, "all lines")
            with pytest.raises(RequestFailed, match="nothing to say"):
                await ann.say_line("  ")
            assert not heard["bob"] and not heard["eve"] and ann.text == before
            ann.replace(0, 0, "kept ")
            await ann.save()
            kept = [path.read_bytes() for path in (*folder.rglob("*"), *home.rglob("*")) if path.is_file()]
            assert any(b"kept " in content for content in kept)
            assert not any(b"[2J here" in content for content in kept), (
                "neither in the store nor in a journal"
            )


async def test_a_peer_of_an_earlier_release_is_sent_no_line_and_asks_for_none(
    team: Team, owner: str, holding: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = f"{team.url}/notes.md"
    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann:
        monkeypatch.setattr(links, "FEATURES", tuple(each for each in wire.FEATURES if each != wire.PEOPLE))
        async with jpterm_like.connect(notes, name="old") as old:
            with pytest.raises(RequestFailed, match="older releases"):
                await ann.say_line("hello?")
            with pytest.raises(RequestFailed, match="cannot list the people in all files"):
                await old.everyone()
            assert old.status.state == "connected"


async def test_an_invitation_to_an_open_file_asks_what_can_be_chosen_and_works_from_wherever_it_was_opened(
    team: Team, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of a server of mine is invited to as `share` does it; one through ssh by its address; another server's by its owner."""
    ssh, local = "ssh://box/notes.md", str(folder / "notes.md")
    assert invite_to_open(ssh).line == f"jpterm-like {ssh}" and not any(options_for(ssh))
    monkeypatch.chdir(tmp_path)
    assert not any(options_for(f"{team.url}/notes.md"))
    holder = token("edit")
    monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={holder}")
    with pytest.raises(CannotInvite, match="Only the person who serves"):
        await asyncio.to_thread(invite_to_open, f"{team.url}/notes.md")  # the token is not to be passed on
    monkeypatch.chdir(folder)
    # it writes where it listens after it has begun to
    await until(lambda: find_server(folder / "notes.md") is not None, "the note of the server")
    for address in (f"{team.url}/notes.md", local):
        assert options_for(address) == (True, True)
        with pytest.raises(CannotInvite, match="proxy does TLS"):  # found, and as `share` would answer
            invite_to_open(address, "view", 60.0)


async def test_an_invitation_to_a_server_without_tokens_needs_not_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that was opened by its path goes in at the server; its address alone does not tell the folder."""
    serve = Serve(folder)
    try:
        for place in (tmp_path, folder):
            monkeypatch.chdir(place)
            line, words = await asyncio.to_thread(invite_to_open, f"{serve.url}/notes.md")
            assert line == f"jpterm-like {serve.url}/notes.md" and "everybody on this machine" in words
            assert not any(options_for(f"{serve.url}/notes.md"))
    finally:
        serve.stop()
