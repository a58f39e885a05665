"""Who is where, across the files of a server; and the lines that people say to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.access.discovery import find_server
from jpterm_like.cli.share import CannotInvite, invite_to_open
from jpterm_like.client.events import RequestFailed, Said
from jpterm_like.server import people
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from tests.access.team import Team, token
from tests.e2e.terminal import until


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
    team: Team, owner: str, holding: Callable[[str], None]
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


async def test_an_invitation_to_an_open_file_says_when_it_is_for_somebody_else_to_make(
    team: Team, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of a server of mine is invited to as `share` does it; one through ssh by its address; another server's by its owner."""
    assert invite_to_open("ssh://box/notes.md", None, None).line == "jpterm-like ssh://box/notes.md"
    with pytest.raises(CannotInvite, match="permissions of the file on the other machine"):
        invite_to_open("ssh://box/notes.md", "view", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotInvite, match="Only the person who serves"):
        invite_to_open(f"{team.url}/notes.md", None, None)
    monkeypatch.chdir(folder)
    # it writes where it listens after it has begun to
    await until(lambda: find_server(folder / "notes.md") is not None, "the note of the server")
    with pytest.raises(CannotInvite, match="proxy does TLS"):  # found, and as `share` would answer
        invite_to_open(f"{team.url}/notes.md", "view", 60.0)
