"""Owners change what people may do: at once, for those who connect again as well, and nobody does it for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import jpterm_like
from crdt import TextBuffer, Version
from jpterm_like.access.hub import AnyFile
from jpterm_like.access.permissions import OWNER, ChangeableRights, GivenRole, GivenRoles, Rights, Role
from jpterm_like.client.events import Event, Notice, RequestFailed
from jpterm_like.client.joining import KEPT_HERE
from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError
from jpterm_like.server.server import Server
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from jpterm_like.transports.memory import MemoryTransport, pair
from tests.access.team import Team, token
from tests.e2e.terminal import PATIENCE_S, until

FILE = Path("/team/notes.md")


class Holder:
    """Somebody with a token, which may be revoked; or another user of the machine."""

    def __init__(self, who: str, role: Role, *, can_be_raised: bool = True, pads: str = "notes.md") -> None:
        self.who = who
        self.can_be_raised = can_be_raised
        self.is_revoked = False
        self._role = role
        self._pads = pads

    def is_valid(self) -> bool:
        return not self.is_revoked

    def concerns(self, name: str) -> bool:
        return name in self._pads

    def role(self, name: str, path: Path, sources: object = ()) -> Role | None:
        return None if self.is_revoked or name not in self._pads else self._role


def site_of(session: Session) -> int:
    return session.pad.buffer.site


def sentences(session: Session) -> list[str]:
    """What its person is told from now on."""
    told: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.sentence)

    session.listen(note)
    return told


async def test_an_owner_makes_a_writer_a_reader_and_a_writer_again(
    team: Team, owner: str, holding: Callable[[str], None]
) -> None:
    """At once, with a sentence; what was typed and not sent is kept, said, and goes out later. Connecting again changes nothing."""
    notes, shared = f"{team.url}/notes.md", token("edit")
    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann:
        holding(shared)
        async with jpterm_like.connect(notes, name="bob") as bob:
            told = sentences(bob)
            [whom] = await ann.set_role(site_of(bob), "view")
            assert whom.startswith("bob (token ")
            bob.replace(0, 0, "too late ")  # he has not heard of it
            await until(lambda: bob.role == "view", "the role")
            await until(lambda: KEPT_HERE in told, "what became of it")
            await until(lambda: "ann lets you read here and no longer write." in told, "the reason")
            with pytest.raises(JptermError, match="not write it"):
                bob.replace(0, 0, "more ")
            async with jpterm_like.connect(notes, name="bobby") as again:
                await again.informed()
                assert (again.role, again.text) == ("view", "notes\n")
            assert (bob.text, ann.text) == ("too late notes\n", "notes\n")
            [seen] = [one for one in await ann.everyone() if one.name == "bob"]
            assert (seen.role, seen.may_change_role) == ("view", True)
            await ann.set_role(site_of(bob), "edit")
            await until(lambda: ann.text == "too late notes\n", "his words")
            assert told[-1] == "ann lets you write here now."


async def test_a_token_to_read_writes_when_an_owner_says_so_and_never_otherwise(
    team: Team, owner: str, holding: Callable[[str], None]
) -> None:
    """Readers and writers raise neither themselves nor others, whatever they send; nobody changes an owner."""
    notes, plan = f"{team.url}/notes.md", f"{team.url}/docs/plan.md"
    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann:
        read = token("view")
        holding(read)
        async with (
            jpterm_like.connect(notes, name="bob") as bob,
            jpterm_like.connect(plan, name="bob") as there,
        ):
            holding(token("own", "--pad", "docs/*"))
            async with jpterm_like.connect(plan, name="eve") as eve:
                holding(read)  # with which bob connects again
                for site in (site_of(bob), site_of(ann), 77):
                    with pytest.raises(RequestFailed, match="Only an owner may change what people may do"):
                        await bob.set_role(site, "edit")
                with pytest.raises(RequestFailed, match="That person has left"):
                    await eve.set_role(site_of(bob), "edit")  # he is not where she owns
                with pytest.raises(RequestFailed, match="has left"):
                    await ann.set_role(77, "view")
                with pytest.raises(RequestFailed, match="ann is an owner here"):
                    await ann.set_role(site_of(ann), "view")
                assert not any(one.may_change_role for one in await bob.everyone())
                await eve.set_role(site_of(there), "edit")
                await until(lambda: there.role == "edit", "the role where she owns")
                await bob.informed()
                assert bob.role == "view", "and no other file"
                await ann.set_role(site_of(bob), "edit")
                await until(lambda: bob.role == "edit", "the role")
                with pytest.raises(RequestFailed, match="Only an owner"):
                    await bob.set_role(site_of(ann), "view")
                bob.replace(0, 0, "bob ")
                await until(lambda: ann.text == "bob notes\n", "what he wrote")


async def test_a_peer_of_an_earlier_release_has_the_new_role_and_changes_none(
    team: Team, owner: str, holding: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = f"{team.url}/notes.md"
    holding(owner)
    async with jpterm_like.connect(notes, name="ann") as ann:
        monkeypatch.setattr(links, "FEATURES", tuple(each for each in wire.FEATURES if each != wire.ROLES))
        async with jpterm_like.connect(notes, name="old owner") as old_owner:
            holding(token("edit"))
            async with jpterm_like.connect(notes, name="old") as old:
                await old.informed()
                with pytest.raises(RequestFailed, match="cannot change what people may do"):
                    await old_owner.set_role(site_of(old), "view")
                assert not any(one.may_change_role for one in await old_owner.everyone())
                await ann.set_role(site_of(old), "view")
                await until(lambda: old.role == "view", "the role")


async def test_in_a_hub_all_terminals_of_its_user_are_owners(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("text\n")
    async with (
        jpterm_like.connect(str(file), name="ann") as ann,
        jpterm_like.connect(str(file), name="bob") as bob,
    ):
        await asyncio.gather(ann.informed(), bob.informed())
        assert not any(one.may_change_role for one in await ann.everyone())
        with pytest.raises(RequestFailed, match="bob is an owner here, as you are"):
            await ann.set_role(site_of(bob), "view")


def test_what_is_given_holds_where_the_giver_owns_and_nobody_becomes_an_owner_by_it() -> None:
    """Permissions of a file are no token: an owner takes from what they allow, and adds nothing."""
    given, ann = GivenRoles(), Holder("token a", "own")
    bob, uid = (
        Holder("token b", "view", pads="notes.md plan.md"),
        Holder("uid 7", "view", can_be_raised=False),
    )

    def role(who: Holder, name: str = "notes.md") -> Role | None:
        return ChangeableRights(who, given).role(name, FILE)

    for who in (bob, uid):
        given.give(who, GivenRole("edit", ann, "ann", 0.0))
    assert (role(bob), role(bob, "plan.md"), role(bob, "hidden.md"), role(uid)) == (
        "edit",
        "view",
        None,
        "view",
    )
    ann.is_revoked = True
    assert role(bob) == "view", "who was revoked lets nobody write any more"
    ann.is_revoked = False
    writer, other = Holder("uid 8", "edit", can_be_raised=False), Holder("token c", "own")
    given.give(writer, GivenRole("view", ann, "ann", 0.0))
    assert role(writer) == "view"
    ann.is_revoked = True
    assert role(writer) == "view", "and what was taken stays so"
    elsewhere = Holder("uid 8", "edit", can_be_raised=False, pads="notes.md plan.md")
    assert role(elsewhere) == "view" and role(elsewhere, "plan.md") == "edit", "where it was the giver's"
    given.give(other, GivenRole("view", ann, "ann", 0.0))
    assert role(other) == "own"


class Hub:
    """A hub with its user and others in it, over lines on which anything can be sent."""

    def __init__(self) -> None:
        self.server = Server(AnyFile(), MemoryStorage(), autosave_s=None)
        self.server.start()
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, name: str, file: Path, site: int, rights: Rights = OWNER) -> MemoryTransport:
        """Come in under a name, and open a file as a site."""
        theirs, mine = pair()
        self._tasks.add(asyncio.create_task(self.server.converse(theirs, rights)))
        say(
            mine,
            wire.Hello(1, 1, wire.FEATURES, name),
            wire.Open(0, str(file), True, site, None, Version(), b"", False),
        )
        return mine


def say(line: MemoryTransport, *messages: wire.Message) -> None:
    line.send([wire.encode(message) for message in messages])


async def hear(line: MemoryTransport, *kinds: type[wire.Message]) -> wire.Message:
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(message := wire.decode(await line.receive()), kinds):
            pass
    return message


async def test_in_a_hub_another_user_is_lowered_and_gets_no_more_than_the_file_allows(tmp_path: Path) -> None:
    """Whatever they send, under whatever name and on however many connections they come back."""
    file = tmp_path.resolve() / "f"
    file.write_text("text\n")
    hub = Hub()
    opened = (wire.OpenedSince, wire.Refuse)
    ann = await hub.enter("ann", file, 1001)
    await hear(ann, *opened)
    writer = Holder("uid 7", "edit", can_be_raised=False, pads=str(file))
    bob = await hub.enter("bob", file, 1002, writer)
    told = await hear(bob, *opened)
    assert isinstance(told, wire.OpenedSince) and told.role == "edit"
    say(ann, wire.SetRole(0, 1, 1002, "view"))
    done = await hear(ann, wire.Done, wire.Refuse)
    assert isinstance(done, wire.Done) and done.names == ("bob (uid 7)",)
    bye = await hear(bob, wire.Bye)
    assert isinstance(bye, wire.Bye) and bye.code == "rights"
    # a reader's changes, presence of somebody else, and roles for all: the link ends or it is refused
    operations = TextBuffer.genesis("typed", site=9).changes_since(Version())
    for forged in (wire.Changes(0, 0, operations), wire.Presence(0, 1001, "ann", None, None, here=True)):
        line = await hub.enter("ann", file, 1003, writer)
        told = await hear(line, *opened)
        assert isinstance(told, wire.OpenedSince) and told.role == "view"
        say(line, wire.SetRole(0, 1, 1003, "edit"), wire.SetRole(0, 2, 1001, "view"))
        for _ in range(2):
            refused = await hear(line, wire.Refuse, wire.Done)
            assert isinstance(refused, wire.Refuse) and "Only an owner" in refused.sentence
        say(line, forged)
        ended = await hear(line, wire.Bye)
        assert isinstance(ended, wire.Bye) and ended.code == "nonsense"
        await asyncio.sleep(0)
    reader = Holder("uid 8", "view", can_be_raised=False, pads=str(file))
    eve = await hub.enter("eve", file, 1004, reader)
    await hear(eve, *opened)
    say(ann, wire.SetRole(0, 3, 1004, "edit"))
    refused = await hear(ann, wire.Refuse, wire.Done)
    assert isinstance(refused, wire.Refuse) and "change them with chmod" in refused.sentence
    again = await hub.enter("bob", file, 1005, writer)
    await hear(again, *opened)
    say(ann, wire.SetRole(0, 4, 1005, "edit"))
    await hear(again, wire.Bye)
    back = await hub.enter("bob", file, 1005, writer)
    told = await hear(back, *opened)
    assert isinstance(told, wire.OpenedSince) and told.role == "edit"
    notice = await hear(back, wire.Notice)
    assert isinstance(notice, wire.Notice) and notice.sentence == "ann lets you write here now."
    await hub.server.drain()
