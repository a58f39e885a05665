"""Owners put people out: these are told, keep their text, and do not come back by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import jpterm_like
from tests.access.team import Team, as_holder, id_of, token
from tests.access.test_scripting import done, failed, piped
from tests.e2e.terminal import Terminal, terminals, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    (folder / "docs").mkdir(parents=True)
    for name in ("notes.md", "docs/plan.md"):
        (folder / name).write_text("text\n")
    return folder


async def test_an_owner_puts_out_a_person_and_what_came_by_the_same_token(
    team: Team, owner: str, holding: Callable[[str], None]
) -> None:
    """Other tokens stay. Who was put out types on, does not come back by that token for a while, and has everything when
    they do come back."""
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"

    shared = token("edit")
    holding(shared)
    async with (
        jpterm_like.connect(notes, name="bob") as bob,
        jpterm_like.connect(plan, name="somebody else") as elsewhere,
    ):
        holding(token("edit"))
        async with jpterm_like.connect(notes, name="carol") as carol:
            bob.retry_now()  # the key while there is nothing to connect: it does not count later
            asked = await asyncio.to_thread(as_holder, owner, "kick", notes, "bob")
            holding(shared)
            assert asked.returncode == 0
            assert f"token revoke {id_of(shared)}" in asked.stderr
            assert asked.stdout == "".join(
                f"put out: {name} (token {id_of(shared)}), and kept out for 10 minutes\n"
                for name in ("bob", "somebody else")
            )
            for session in (bob, elsewhere):
                await until(lambda session=session: session.status.is_over, "the end")  # type: ignore[misc]
                assert "ended your connection" in session.status.reason
            bob.replace(0, 0, "typed on ")
            carol.replace(0, 0, "carol ")
            await carol.stored()
            assert carol.text == "carol text\n"
            bob.retry_now()
            await until(lambda: "nobody comes in as you did" in bob.status.reason, "the bar")
            assert bob.status.is_over
            refused = await asyncio.to_thread(as_holder, shared, "cat", notes)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "has put you out; for 10 minutes nobody comes in as you did" in refused.stderr
            holding(token("edit"))
            bob.retry_now()
            await bob.stored()
            await until(lambda: bob.text == carol.text, "bob's return")
            assert sorted(bob.text.split()) == ["carol", "on", "text", "typed"]


async def test_only_an_owner_puts_people_out(team: Team, owner: str, holding: Callable[[str], None]) -> None:
    """Neither readers nor writers; nor an owner of other files, nor for what was opened outside of these."""
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"
    line = token("edit")
    holding(line)
    async with (
        jpterm_like.connect(notes, name="bob") as bob,
        jpterm_like.connect(plan, name="bob") as bob_too,
    ):
        for role, options in (("view", ()), ("edit", ())):
            refused = await asyncio.to_thread(as_holder, token(role, *options), "kick", notes, "bob")
            assert refused.returncode == 1
            assert "Only an owner" in refused.stderr
        of_docs = token("own", "--pad", "docs/*")
        assert (await asyncio.to_thread(as_holder, of_docs, "kick", notes, "bob")).returncode == 1
        nobody = await asyncio.to_thread(as_holder, owner, "kick", notes, "\x1b[2Jeve")
        assert "Nobody called \\x1b[2Jeve is in notes.md" in nobody.stderr
        assert bob.status.state == bob_too.status.state == "connected"
        asked = await asyncio.to_thread(as_holder, of_docs, "kick", plan, "bob")
        assert asked.stdout == f"put out: bob (token {id_of(line)}), and kept out for 10 minutes\n"
        await until(lambda: bob_too.status.is_over, "the end of one")
        assert bob.status.state == "connected"
        assert (await asyncio.to_thread(as_holder, line, "cat", plan)).returncode == 1
        assert (await asyncio.to_thread(as_holder, line, "cat", notes)).returncode == 0


async def test_who_is_put_out_in_the_editor_is_told_and_stays_out(tmp_path: Path) -> None:
    """One sentence, the text as it was, and F12 to come back."""
    file = tmp_path / "f"
    file.write_text("text\n")
    async with terminals() as terminal:
        one: Terminal = terminal(str(file), "--name", "bob")
        await one.shows("text", "connected")
        assert await asyncio.to_thread(done, "kick", str(file), "bob") == "put out: bob\n"
        await one.shows("ended your connection; your text is kept on your machine")
        await one.says("offline, f12 connects again")
        await one.press("\x1b[24~")
        await one.says("connected")
        await one.type("back ")
        await one.press("ctrl+s")
        await one.is_saved()
    assert file.read_text() == "back text\n"


async def test_f21_a_name_that_would_act_in_the_terminal_is_put_out_as_it_is_shown(tmp_path: Path) -> None:
    """What `who` prints can be written."""
    file = tmp_path / "f"
    file.write_text("text\n")
    async with jpterm_like.connect(str(file), name="eve\x1b[2J") as eve:
        shown = (await asyncio.to_thread(done, "who", str(file))).strip()
        assert shown == "eve\\x1b[2J"
        assert await asyncio.to_thread(done, "kick", str(file), shown) == f"put out: {shown}\n"
        await until(lambda: eve.status.is_over, "the end")


async def test_a_program_that_is_put_out_ends_and_says_so(tmp_path: Path) -> None:
    """Nobody sits before it to connect again."""
    file = tmp_path / "f"
    file.write_text("text\n")
    for command in ("pipe", "watch"):
        async with piped(command, str(file), "--name", "bot") as bot:
            await bot.event(lambda event: event["event"] == "text")
            if command == "watch":
                await asyncio.to_thread(failed, "kick", str(file), "somebody")
            await asyncio.to_thread(done, "kick", str(file), "bot")
            assert await bot.process.wait() == 1
