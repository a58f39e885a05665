"""Two who come back: theirs is heard first, what both did is there once, and all else that both touched is told."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from crdt import Version
from jpterm_like.client.catching_up import CatchingUp
from jpterm_like.client.events import ApartChanged, Notice, RequestFailed
from jpterm_like.client.last_visit import BYTES_MAX
from jpterm_like.history.decisions import Choice, Step
from jpterm_like.history.review_items import Kind, items_of
from jpterm_like.sync import wire
from tests.sync.network import Peer, session_of, simulate
from tests.sync.test_outages import Scene

Edit = Callable[[Peer], None]


def change(was: str, becomes: str) -> Edit:
    """Replace every occurrence, each by itself, with what both have in common left alone, as the editor does."""

    def do(peer: Peer) -> None:
        session = session_of(peer)
        with session.one_step():
            for found in reversed(list(re.finditer(re.escape(was), session.text))):
                start, end, put = found.start(), found.end(), becomes
                while start < end and put and session.text[start] == put[0]:
                    start, put = start + 1, put[1:]
                while start < end and put and session.text[end - 1] == put[-1]:
                    end, put = end - 1, put[:-1]
                session.replace(start, end, put)

    return do


def before_lines(put: str) -> Edit:
    """Put something in front of each line."""

    def do(peer: Peer) -> None:
        session = session_of(peer)
        with session.one_step():
            for found in reversed(list(re.finditer("(?m)^(?=.)", session.text))):
                session.replace(found.start(), found.start(), put)

    return do


def move_up(line: str) -> Edit:
    """Delete a line and write it at the top."""

    def do(peer: Peer) -> None:
        session = session_of(peer)
        with session.one_step():
            start = session.text.index(line + "\n")
            session.replace(start, start + len(line) + 1, "")
            session.replace(0, 0, line + "\n")

    return do


def insert(at: int, text: str) -> Edit:
    def do(peer: Peer) -> None:
        session_of(peer).replace(at, at, text)

    return do


LONG = "a sentence that is certainly long enough\n"

BOTH = {
    "typo": ("I saw teh\nnext\n", change("teh", "the"), "I saw the\nnext\n"),
    "replace all": ("colour one\nthe colour two\n", change("colour", "hue"), "hue one\nthe hue two\n"),
    "comment": ("a = 1\nb = 2\n", before_lines("# "), "# a = 1\n# b = 2\n"),
    "indent": ("a = 1\nb = 2\n", before_lines("    "), "    a = 1\n    b = 2\n"),
    "tick": ("- [ ] task\n", change("[ ]", "[x]"), "- [x] task\n"),
    "capitals": ("one two\n", change("one", "ONE"), "ONE two\n"),
    "move": ("a\nb\nc\n", move_up("c"), "c\na\nb\n"),
    "long paragraph": ("a\nb\n", insert(2, LONG), f"a\n{LONG}b\n"),
    "delete": ("one two three\n", change(" two", ""), "one three\n"),
    "blank line": ("a\nb\n", insert(2, "\n"), "a\n\nb\n"),
}


class Apart:
    """A server, and ann and bob, whose lines are cut while each of them does something."""

    def __init__(self, root: Path, chance: random.Random, text: str) -> None:
        (root / "notes.md").write_text(text)
        self.scene = Scene(root, chance)
        self.told: dict[str, list[str]] = {}

    async def join(self, name: str) -> Peer:
        peer = await self.scene.join(name)
        self.listen(peer)
        return peer

    def listen(self, peer: Peer) -> None:
        told = self.told.setdefault(peer.name, [])
        session_of(peer).listen(
            lambda event: told.append(event.sentence) if isinstance(event, Notice) else None
        )

    async def part(self, *peers: Peer) -> None:
        for peer in peers:
            self.scene.network.part(peer.who)
            self.scene.network.cut(peer.who)
        await asyncio.sleep(3)

    def reconnect(self, *peers: Peer) -> None:
        """Let all of them come back at one moment."""
        for peer in peers:
            self.scene.network.join(peer.who)
        for peer in peers:
            session_of(peer).retry_now()

    async def back(self, *peers: Peer) -> None:
        self.reconnect(*peers)
        for peer in peers:
            await asyncio.wait_for(session_of(peer).synced(), 60)
        await asyncio.sleep(2)


def undecided(peer: Peer) -> list[Kind]:
    """What a person is to decide about."""
    session = session_of(peer)
    if session.apart is None:
        return []
    found = []
    for it in items_of(session.buffer, session.apart, False):
        start, end = it.place(session.buffer)
        if it.kind is not Kind.SAME_CHANGE or it.theirs != ((session.buffer.slice(start, end), True),):
            found.append(it.kind)
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["line cut", "server killed"])
@pytest.mark.parametrize("what", BOTH)
def test_a_change_that_both_made_is_there_once(what: str, killed: bool, tmp_path: Path) -> None:
    """One after the other comes back; also when the server was killed and its first guest brings the change."""
    text, do, right = BOTH[what]

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, text)
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(ann, bob)
        for peer in (ann, bob):
            do(peer)
        if killed:
            await world.scene.restart()
        await world.back(ann)
        await world.back(bob)
        assert await world.scene.settle(ann, bob) == right
        assert bob.session is not None
        if what != "delete":
            assert bob.session.apart is not None and bob.session.apart.taken_out
            assert any("made the same change" in it for it in world.told["bob"])
            assert undecided(bob) == []
        assert not any("look at line" in it for it in world.told["ann"] + world.told["bob"])
        bob.session.undo()  # what was taken out is a step of mine
        bob.session.redo()
        assert bob.session.text == right

    simulate(1, live)


def test_two_short_lines_that_both_added_stay_and_are_listed(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "list\n\nend\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(ann, bob)
        for peer in (ann, bob):
            insert(5, "- milk\n")(peer)
        await world.back(ann)
        await world.back(bob)
        assert (await world.scene.settle(ann, bob)).count("- milk\n") == 2
        assert bob.session is not None and bob.session.apart is not None
        assert bob.session.apart.taken_out == 0
        assert any("look at line 2" in it for it in world.told["bob"])

    simulate(2, live)


def test_what_both_changed_in_different_ways_is_told_with_its_line(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "a\nthe color of rope\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        events: list[object] = []
        assert bob.session is not None
        bob.session.listen(events.append)
        await world.part(bob)
        change("color", "colors")(ann)
        change("color", "colour")(bob)
        await world.back(bob)
        text = await world.scene.settle(ann, bob)
        apart = bob.session.apart
        assert apart is not None and any(isinstance(it, ApartChanged) for it in events)
        (overlap,) = bob.session.buffer.overlaps(apart.common, apart.mine, apart.theirs)
        assert (overlap.was, overlap.mine, overlap.theirs) == ("color", "colour", "colors")
        assert overlap.now in text
        assert any("You and ann" in it and "look at line 2." in it for it in world.told["bob"])
        bob.session.review_done()
        assert bob.session.apart is None

    simulate(3, live)


def test_nothing_of_mine_is_sent_before_theirs_was_heard(tmp_path: Path) -> None:
    """The words that are taken out never leave this machine as text that is shown."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "I saw teh\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        change("teh", "the")(ann)
        change("teh", "the")(bob)
        seen: set[str] = set()
        session = session_of(ann)
        session.listen(lambda event: seen.add(session.text))
        await asyncio.sleep(1)
        seen.clear()
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert seen == {"I saw the\n"}

    simulate(4, live)


def test_a_review_stays_until_it_is_finished(tmp_path: Path) -> None:
    """Also when the editor is closed, or dies, and opens the text again; with what was decided in it."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "the color of rope\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        change("color", "colors")(ann)
        change("color", "colour")(bob)
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert bob.session is not None
        before = bob.session.apart
        step = Step(Choice.MINE, (((7, 0, 3),),), (7, 3, 5))
        bob.session.steps.append(step)
        bob.session.note_decisions()
        await asyncio.sleep(0.1)
        await bob.die()
        await bob.start()
        assert bob.session.apart == before is not None
        assert bob.session.steps == [step]
        await asyncio.wait_for(bob.session.synced(), 60)
        bob.session.steps.append(step)
        bob.session.note_decisions()
        await bob.close()
        await bob.start()
        assert bob.session is not None and bob.session.apart is not None
        assert bob.session.apart.common == before.common
        assert bob.session.steps == [step, step]
        bob.session.review_done()
        await bob.die()
        await bob.start()
        assert bob.session.apart is None and bob.session.steps == []

    simulate(5, live)


def test_decisions_for_which_there_is_no_room_are_forgotten_and_the_review_is_not(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "the color of rope\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        change("color", "colors")(ann)
        change("color", "colour")(bob)
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert bob.session is not None
        about = tuple(((2**64 - 1, 2 * at, 2 * at + 1),) for at in range(BYTES_MAX // 20))
        bob.session.steps.append(Step(Choice.KEEP, about, (0, 0, 0)))
        insert(0, "x")(bob)
        await asyncio.sleep(15)  # the key is noted
        seen = bob.session.version
        await bob.die()
        await bob.start()
        assert bob.session.apart is not None and bob.session.steps == []
        assert bob.session._visit is not None and bob.session._visit.seen == seen

    simulate(5, live)


def test_what_others_did_since_my_last_key_is_offered_when_i_open_the_text_again(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "one two three\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        insert(0, "bob ")(bob)
        await asyncio.sleep(15)  # the key is noted
        await world.scene.settle(ann, bob)
        change("two", "2")(ann)
        await asyncio.sleep(15)  # bob looks on, without a key
        await bob.close()
        change("three", "3")(ann)
        await asyncio.sleep(100)
        await bob.start()
        assert bob.session is not None
        await asyncio.wait_for(bob.session.synced(), 60)
        apart = bob.session.apart
        assert apart is not None and apart.until - apart.since > 100
        found = bob.session.buffer.changes(apart.common, apart.theirs)
        assert [(it.old_text, it.text) for it in found] == [("two", "2"), ("three", "3")]
        assert bob.session.buffer.overlaps(apart.common, apart.mine, apart.theirs) == []

    simulate(6, live)


def test_a_short_cut_in_which_only_one_wrote_is_not_worth_a_word(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "one two three\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        insert(0, "bob ")(bob)
        await world.back(bob)
        await world.part(bob)
        insert(0, "ann ")(ann)
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert bob.session is not None and bob.session.apart is None

    simulate(7, live)


def test_a_server_that_waits_for_my_history_is_sent_it(tmp_path: Path) -> None:
    """Its store went back, and the file has what I have: it says nothing before it has heard me."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "one\n")
        ann = await world.join("ann")
        insert(0, LONG)(ann)
        await world.scene.settle(ann)
        await world.part(ann)
        insert(0, "mine\n")(ann)
        await world.scene.host.die(world.scene.network, power=False)
        world.scene.file.write_text("another program\n" + world.scene.file.read_text())
        world.scene.host.start()
        await world.back(ann)
        text = await world.scene.settle(ann)
        assert sorted(text.splitlines()) == sorted(["mine", "another program", LONG.strip(), "one"])

    simulate(8, live)


def test_requests_wait_until_both_sides_have_heard_each_other(tmp_path: Path) -> None:
    """A save that is asked for while the text comes has what was written while offline."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "one\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        insert(0, "ann\n")(ann)
        insert(4, "bob\n")(bob)
        assert bob.session is not None
        world.reconnect(bob)
        while bob.session.status.state != "connected":
            await asyncio.sleep(0.001)
        await bob.session.save()
        assert world.scene.file.read_text() == "ann\none\nbob\n"

    simulate(9, live)


@pytest.mark.parametrize("killed", [False, True], ids=["line cut", "server killed"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("what", ["typo", "replace all", "indent", "move", "long paragraph"])
def test_of_those_who_come_back_at_one_moment_one_copy_is_left(
    what: str, seed: int, killed: bool, tmp_path: Path
) -> None:
    """None of the three has heard the others when it sends; the server may die once more meanwhile. Nothing is left to decide for
    anybody, also after a long absence, and nobody is sent to look at what is settled."""
    text, do, right = BOTH[what]

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, text)
        peers = [await world.join(name) for name in ("ann", "bob", "cid")]
        await world.part(*peers)
        for peer in peers:
            do(peer)
        await asyncio.sleep(100 * seed)
        world.reconnect(*peers)
        if killed:
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            await world.scene.restart(power=chance.random() < 0.5)
        await asyncio.sleep(10)
        assert await world.scene.settle(*peers) == right, world.told
        for peer in peers:
            assert undecided(peer) == []
            assert killed or not any("look at line" in it for it in world.told[peer.name])

    simulate(seed, live)


def test_a_copy_that_the_other_one_does_not_take_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person who keeps the copy checks that the other one is gone."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "I saw teh\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        monkeypatch.setattr(CatchingUp, "_take_out", lambda self, same: [])
        await world.part(ann, bob)
        for peer in (ann, bob):
            change("teh", "the")(peer)
        world.reconnect(ann, bob)
        await asyncio.sleep(20)
        assert await world.scene.settle(ann, bob) == "I saw thehe\n"
        for peer in (ann, bob):
            assert undecided(peer) == [Kind.SAME_CHANGE]
            assert any("look at line 1" in it for it in world.told[peer.name])

    simulate(1, live)


def test_who_was_online_is_told_and_has_the_same_list(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "a\nthe color of rope\nb\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        change("color", "colors")(ann)
        change("color", "colour")(bob)
        insert(0, "x")(bob)
        await asyncio.sleep(120)
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert ann.session is not None and bob.session is not None
        mine, theirs = ann.session.apart, bob.session.apart
        assert mine is not None and theirs is not None
        (one,) = ann.session.buffer.overlaps(mine.common, mine.mine, mine.theirs)
        (other,) = bob.session.buffer.overlaps(theirs.common, theirs.mine, theirs.theirs)
        assert (
            (one.was, one.mine, one.theirs)
            == (other.was, other.theirs, other.mine)
            == ("color", "colors", "colour")
        )
        assert (one.start, one.end, one.now, one.kind) == (other.start, other.end, other.now, other.kind)
        [sentence] = [it for it in world.told["ann"] if "was offline" in it]
        assert re.fullmatch(
            r"bob was offline from \S+ to \S+; 2 changes, 1 where you wrote: look at line 2\.", sentence
        )
        assert 120 <= mine.until - mine.since < 130

    simulate(10, live)


def test_who_did_nothing_meanwhile_is_told_of_a_long_absence_only(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "a\n")
        _, bob = await world.join("ann"), await world.join("bob")
        for away_s, told in ((5, 0), (100, 1)):
            await world.part(bob)
            insert(0, "x")(bob)
            await asyncio.sleep(away_s)
            await world.back(bob)
            assert len([it for it in world.told["ann"] if "was offline" in it]) == told

    simulate(11, live)


def test_an_older_server_and_older_clients_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes back second hears first there, too; nobody is told who was online."""
    monkeypatch.setattr("jpterm_like.sync.link.FEATURES", tuple(set(wire.FEATURES) - {wire.APART}))

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "I saw teh\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(ann, bob)
        for peer in (ann, bob):
            change("teh", "the")(peer)
        await world.back(ann)
        await world.back(bob)
        assert await world.scene.settle(ann, bob) == "I saw the\n"
        assert not any("was offline" in it for it in world.told["ann"])

    simulate(12, live)


def test_two_who_come_back_at_one_moment_to_an_older_server_are_both_told_of_two_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jpterm_like.sync.link.FEATURES", tuple(set(wire.FEATURES) - {wire.APART}))

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "I saw teh\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(ann, bob)
        for peer in (ann, bob):
            change("teh", "the")(peer)
        world.reconnect(ann, bob)
        await asyncio.sleep(10)
        assert await world.scene.settle(ann, bob) == "I saw thehe\n"
        for peer in (ann, bob):
            assert undecided(peer) == [Kind.SAME_CHANGE]
            assert any("look at line 1" in it for it in world.told[peer.name])

    for seed in range(5):
        simulate(seed, live)


def test_who_dies_before_the_others_were_told_tells_them_later(tmp_path: Path) -> None:
    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "the color of rope\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        await world.part(bob)
        change("color", "colors")(ann)
        change("color", "colour")(bob)
        assert bob.session is not None and ann.session is not None
        world.reconnect(bob)
        while "u" not in ann.session.text:
            await asyncio.sleep(0.0005)
        assert not any("was offline" in it for it in world.told["ann"])
        await bob.die()
        await asyncio.sleep(5)
        await bob.start()
        await world.scene.settle(ann, bob)
        assert any("1 where you wrote" in it for it in world.told["ann"])

    simulate(13, live)


def test_others_are_not_told_too_often(tmp_path: Path) -> None:
    """Each look costs everybody the length of the text."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "a\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        assert ann.session is not None and bob.session is not None
        version = bob.session.version
        request = partial(wire.TellApart, known=version, work=Version(), since_ms=0, until_ms=1)
        for _ in range(10):
            await bob.session._ask(request, "")
        with pytest.raises(RequestFailed):
            await bob.session._ask(request, "")
        assert len(ann.session._told_before) == 1

    simulate(14, live)


def test_what_came_before_the_line_was_cut_again_is_not_known_to_who_wrote_before(tmp_path: Path) -> None:
    """Catching up takes three connections, and the editor dies on the second one."""

    async def live(chance: random.Random) -> None:
        world = Apart(tmp_path, chance, "the color of rope\n")
        ann, bob = await world.join("ann"), await world.join("bob")
        assert ann.session is not None and bob.session is not None
        await world.part(bob)
        change("color", "colors")(ann)
        for at in range(2000):  # more than comes in one message
            ann.session.replace(at % 2 and 19, at % 2 and 19, f"{at} {chance.random()}\n")
        change("color", "colour")(bob)
        for ends in (True, False):
            assert bob.session is not None
            world.scene.network.join("bob")
            before = bob.session.version
            bob.session.retry_now()
            while bob.session.version == before:
                await asyncio.sleep(0.0005)
            world.scene.network.part("bob")
            world.scene.network.cut("bob")
            assert not bob.session._caught_up.is_set()
            if ends:
                await bob.die()
                await bob.start()
            await asyncio.sleep(1)
        await world.back(bob)
        await world.scene.settle(ann, bob)
        assert bob.session is not None and bob.session.apart is not None
        apart = bob.session.apart
        (overlap,) = bob.session.buffer.overlaps(apart.common, apart.mine, apart.theirs)
        assert (overlap.was, overlap.mine, overlap.theirs) == ("color", "colour", "colors")

    simulate(15, live)
