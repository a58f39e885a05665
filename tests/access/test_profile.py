"""Name and colour of a person: changed while connected, on everybody's screen, whatever their release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import jpterm_like
from jpterm_like.client.session import Session
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from tests.access.team import Team, token
from tests.e2e.terminal import until

OLD = tuple(each for each in wire.FEATURES if each not in (wire.COLOURS, wire.ROLES))


def seen(session: Session) -> list[tuple[str, int | None]]:
    return [(person.name, person.colour) for person in session.people]


async def test_a_new_name_and_a_colour_are_seen_at_once_and_by_those_who_come_later(
    team: Team, owner: str, holding: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer of an older release sees the name, and no colour; the list and `kick` know the name, too."""
    notes = f"{team.url}/notes.md"
    holding(owner)
    async with jpterm_like.connect(notes, name="bob") as bob:
        monkeypatch.setattr(links, "FEATURES", OLD)
        async with jpterm_like.connect(notes, name="old") as old:
            monkeypatch.setattr(links, "FEATURES", wire.FEATURES)
            holding(token("view"))
            async with jpterm_like.connect(notes, name="ann") as ann:
                ann.show_caret(2, None)
                await until(lambda: ("ann", None) in seen(bob) and ("ann", None) in seen(old), "ann")
                link = ann._connection.link
                ann.introduce("Anna\x1b[2J", 6)
                await until(lambda: ("Anna\x1b[2J", 6) in seen(bob), "the new name")
                await until(lambda: ("Anna\x1b[2J", None) in seen(old), "the new name at an older release")
                assert ann._connection.link is link, "the same connection"
                [mine] = [one for one in await ann.everyone() if one.is_me]
                assert (mine.name, mine.colour) == ("Anna\x1b[2J", 6)
                assert all(one.colour is None for one in await old.everyone())
                async with jpterm_like.connect(notes, name="eve") as eve:
                    await until(lambda: ("Anna\x1b[2J", 6) in seen(eve), "the colour for a newcomer")
                ann.introduce("Anna", None)
                await until(lambda: ("Anna", None) in seen(bob), "no colour any more")
                holding(owner)
                assert await bob.kick("Anna")


async def test_an_older_server_learns_a_new_name_by_a_greeting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a name from there only, so the connection is made anew; nothing is lost by it."""
    file = tmp_path / "f"
    file.write_text("text\n")
    async with jpterm_like.connect(str(file), name="bob") as bob:
        monkeypatch.setattr(links, "FEATURES", OLD)
        async with jpterm_like.connect(str(file), name="ann") as ann:
            ann.replace(0, 0, "typed ")
            ann.introduce("Anna", 3)
            ann.replace(0, 0, "and ")
            await until(lambda: ("Anna", None) in seen(bob) and bob.text == "and typed text\n", "the name")
            assert [name for name, _ in seen(bob)] == ["Anna"]
