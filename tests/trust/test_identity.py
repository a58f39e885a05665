"""Who is who (F17), and whose history it is (F1): copies, clones, backups, lost stores, clocks that jump; from seeds.

`--identities N` plays more of them, `--seed N` plays one again. Each token is a line of its own, and is in the end at
everyone exactly once.
"""

from __future__ import annotations

import asyncio
import copy
import random
from pathlib import Path
from typing import Any, Final

import pytest

import jpterm_like.clock
from crdt import Patch
from jpterm_like.client.events import Notice, Reset
from jpterm_like.storage.base import Record
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from tests.sync.network import Host, Network, Peer, SlowDisk, Weather, simulate
from tests.sync.test_network import Folder

PARTS: Final = 4
STEPS: Final = 14
HEAL_S: Final = 400.0
LONG_S: Final = 40 * 24 * 3600.0
"""Offline for long: longer than anything that expires."""
TEXTS: Final = (
    "",
    "# Notes of somebody else\nSome text that was there.\n",
    "# Notes\n\nSome text.\n",
    "# Notes\n\nSome text.\n\nMore text.\n\n\nThe end.\n",
    "def one():\n    if x:\n        pass\n    }\n}\n\ndef two():\n    if x:\n        pass\n    }\n}\n",
    "\n\n\n",
    "- a\n- a\n- a\n\n- a\n",
)
"""What is there at the beginning: also what comes again and again, blank lines and brackets."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        count = metafunc.config.getoption("--identities")
        parts = [range(part, count, PARTS) for part in range(PARTS)]
        metafunc.parametrize("seeds", parts if one is None else [range(one, one + 1)], ids=str)


class Writer(Peer):
    """Writes lines, and remembers which of them must survive."""

    def __init__(self, name: str, network: Network, storage: Any = None) -> None:
        super().__init__(name, network, storage)
        self.lines: list[str] = []
        self.dropped: list[str] = []
        """Lines that I deleted, and that must not come back."""
        self.told: list[Notice | Reset] = []

    async def start(self) -> None:
        await super().start()
        assert self.session is not None
        self.session.listen(
            lambda event: self.told.append(event) if isinstance(event, Notice | Reset) else None
        )

    def line(self) -> None:
        session = self.session
        if session is None or not session.ready:
            return
        text = session.text
        starts = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]
        at = self.network.chance.choice(starts)
        # as long as lines are: a short one that two have is no proof that it is the same
        token = f"<{self.name}.{len(self.lines) + len(self.dropped)} and some words>\n"
        session.break_undo()
        session.replace(at, at, token)
        self.lines.append(token)

    def drop(self) -> None:
        """Delete a line of mine."""
        session = self.session
        if session is None or not session.ready:
            return
        mine = [line for line in self.lines if session.text.count(line) == 1]
        if mine:
            line = self.network.chance.choice(mine)
            at = session.text.index(line)
            session.replace(at, at + len(line), "")
            self.lines.remove(line)
            self.dropped.append(line)


class Story:
    """A server, some writers, and what happens to them."""

    def __init__(self, chance: random.Random, root: Path) -> None:
        self.chance = chance
        self.root = root
        self.host = Host(Folder(root), autosave_s=chance.choice((None, 1.0)))
        self.network = Network(chance, self.host, Weather(delay_s=chance.choice((0.01, 0.3))))
        self.writers: list[Writer] = []
        self.joined = 0
        """How many have joined, for names: those who left keep theirs."""
        self.skew_s = 0.0
        self.cloned: list[tuple[Writer, Writer]] = []
        loop = asyncio.get_running_loop()
        jpterm_like.clock.wall = lambda: loop.time() + 1.7e9 + self.skew_s

    async def join(self, name: str, storage: Any = None) -> Writer:
        writer = Writer(name, self.network, storage)
        self.writers.append(writer)
        self.joined += 1
        await writer.start()
        return writer

    async def sleep(self) -> None:
        await asyncio.sleep(self.chance.choice((0.0, 0.05, 0.5, 5.0)))

    async def all_is_sent(self) -> None:
        """Nobody's work is with them alone, nor the server's; else a backup that comes back would rightly lose it."""
        self.network.apart.clear()
        if self.host.server is None:
            self.host.start()
        deadline = asyncio.get_running_loop().time() + HEAL_S
        while not self._agree():
            assert asyncio.get_running_loop().time() < deadline, f"they do not come together: {self.state()}"
            await asyncio.sleep(0.5)

    def _agree(self) -> bool:
        sessions = [writer.session for writer in self.writers if writer.session is not None]
        assert self.host.server is not None
        open_documents = self.host.server.documents.by_name.values()
        return all(opened.document.pad.buffer.text == sessions[0].text for opened in open_documents) and all(
            one.status.state == "connected"
            and one._migration is None
            and not one.unsent
            and one.version == sessions[0].version
            and one.text == sessions[0].text
            for one in sessions
        )

    def state(self) -> str:
        return "; ".join(
            f"{writer.name}: {writer.session.status.state}, {writer.session.unsent} unsent, {writer.session.version}"
            for writer in self.writers
            if writer.session is not None
        )

    # ------------------------------------------------------------------ what happens

    async def copied_state(self) -> None:
        """The state folder is copied to another machine, and both are used."""
        original = self.chance.choice(self.writers)
        storage = MemoryStorage()
        storage._documents = copy.deepcopy(original.storage._documents)
        await self.join(f"{original.name}c{self.joined}", storage)

    async def second_editor(self) -> None:
        """One user opens the document twice; then one of the two dies, with unsent work or not."""
        original = self.chance.choice(self.writers)
        again = await self.join(f"{original.name}s{self.joined}", original.storage)
        again.line()
        await self.sleep()
        again.line()
        session = again.session
        assert session is not None
        if self.chance.random() < 0.5:
            self.writers.remove(again)
            original.lines += again.lines
            self.network.cut(again.name)
            await session.abandon()
            session._journal.store.close()
            if self.chance.random() < 0.5:
                await self.again(original)  # finds what the other has left behind
            else:
                # what the dead one did not send is with its journal; a third editor brings it
                third = await self.join(f"{original.name}t{self.joined}", original.storage)
                third.line()

    async def again(self, writer: Writer) -> None:
        """Dies and comes back, alone: other openings on the same storage go on."""
        session, writer.session = writer.session, None
        assert session is not None
        self.network.cut(writer.name)
        await session.abandon()
        session._journal.store.close()
        await writer.start()

    async def clone(self) -> None:
        """The machine is cloned while it runs: two go on under one site."""
        original = self.chance.choice(self.writers)
        session = original.session
        if session is None or not session.ready:
            return
        name = f"{original.name}k{self.joined}"
        self.network.apart.add(name)
        twin = await self.join(name)
        assert twin.session is not None
        pad = Pad(copy.deepcopy(session.pad.buffer))
        pad.stored, pad.saved = session.pad.stored, session.pad.saved
        pad.identity, pad.ancestors = session.pad.identity, session.pad.ancestors
        twin.session.ready = True
        twin.session._replace_pad(pad, Patch())
        twin.session.ready = True
        if self.chance.random() < 0.5:
            self.network.part(original.name)
        for _ in range(self.chance.randint(1, 3)):
            self.chance.choice((original, twin)).line()
        original.line()
        twin.line()
        await self.sleep()
        self.network.join(name)
        self.network.join(original.name)
        self.cloned.append((original, twin))
        await self.all_is_sent()
        await asyncio.sleep(15)  # the comparison of texts that were thought equal
        await self.all_is_sent()

    async def client_backup(self) -> None:
        """A machine is set back to a backup of its state; what it had sent since is at the server."""
        writer = self.chance.choice(self.writers)
        if any(other is not writer and other.storage is writer.storage for other in self.writers):
            return
        backup = copy.deepcopy(writer.storage._documents)
        for _ in range(self.chance.randint(0, 4)):
            self.chance.choice(self.writers).line()
            await self.sleep()
        await self.all_is_sent()
        await writer.die()
        writer.storage._documents = backup
        await writer.start()

    async def server_backup(self) -> None:
        """The server is set back to a backup of its store; what it has lost comes from those who wrote it."""
        backup = copy.deepcopy(self.host.storage._documents)
        for _ in range(self.chance.randint(0, 4)):
            self.chance.choice(self.writers).line()
            await self.sleep()
        if self.host.server is not None:
            await self.host.die(self.network, power=self.chance.random() < 0.5)
        self.host.storage._documents = backup
        self._write_offline()
        self.host.start()

    async def server_backup_again_and_again(self) -> None:
        """As before, and the server dies soon, and is set back to the same backup once more."""
        backup = copy.deepcopy(self.host.storage._documents)
        for _ in range(3):
            self.chance.choice(self.writers).line()
            await self.sleep()
        await self.all_is_sent()
        await asyncio.sleep(3)
        for _ in range(self.chance.randint(2, 4)):
            if self.host.server is not None:
                await self.host.die(self.network, power=False)
            self.host.storage._documents = copy.deepcopy(backup)
            self._write_offline()
            self.host.start()
            await asyncio.sleep(self.chance.choice((0.0, 0.3, 0.6, 0.7, 0.9, 1.0, 1.2)))

    async def server_store_lost(self) -> None:
        """The server's store is deleted, and the file perhaps edited, while all are offline."""
        await self.all_is_sent()
        if self.host.server is not None:
            await self.host.die(self.network, power=False)
        self.host.storage.crash(keep_unsynced=True)
        self.host.storage._documents.clear()
        file = self.root / "notes.md"
        if file.exists() and self.chance.random() < 0.5:
            token = f"<disk.{self.chance.randrange(10**9)} and some words>\n"
            file.write_text(file.read_text() + token)
            self.writers[0].lines.append(token)
        self._write_offline()
        self.host.start()

    async def server_empty(self) -> None:
        """The server comes back with neither store nor file, as on a disk that is not mounted, or in a new container."""
        await self.all_is_sent()
        await self._lose_server()
        self._work_offline()
        self.host.start()
        for _ in range(self.chance.choice((0, 0, 1, 3))):  # dies while they come back
            await asyncio.sleep(self.chance.choice((0.0, 0.1, 0.3, 0.6, 1.0)))
            self.network.cut(self.chance.choice(self.writers).name)
            await asyncio.sleep(self.chance.choice((0.0, 0.1, 0.3, 0.6, 1.0)))
            await self.host.die(self.network, power=self.chance.random() < 0.5)
            self._work_offline()
            self.host.start()

    async def server_older(self) -> None:
        """The server comes back with the plain file of an earlier save, and nothing else."""
        await self.all_is_sent()
        file = self.root / "notes.md"
        await self._save()
        older = file.read_text()
        for _ in range(self.chance.randint(1, 4)):
            self.chance.choice(self.writers).line()
            self.chance.choice(self.writers).drop()
            await self.sleep()
        await self.all_is_sent()
        if self.chance.random() < 0.5:
            await self._save()
            await self.all_is_sent()
        await self._lose_server()
        file.write_text(older)
        self._work_offline()
        self.host.start()

    async def mounted_late(self) -> None:
        """The server runs on an empty folder for a while, and people write; then its disk is there again."""
        await self.all_is_sent()
        await self._save()
        await self.all_is_sent()
        file, kept = self.root / "notes.md", self.host.storage
        text = file.read_text()
        await self._lose_server()
        self._work_offline()
        self.host.start()
        for _ in range(self.chance.randint(0, 4)):
            await self.sleep()
            self.chance.choice(self.writers).line()
            self.chance.choice(self.writers).drop()
        if self.chance.random() < 0.7:
            await self.all_is_sent()
        if self.host.server is not None:
            await self.host.die(self.network, power=False)
        self.host.storage = kept
        file.write_text(text)
        self._work_offline()
        self.host.start()

    async def another_server(self) -> None:
        """Another one answers at the address for a while: it gets nothing, and nothing of it stays."""
        await self.all_is_sent()  # everybody has joined the one
        if self.host.server is not None:
            await self.host.die(self.network, power=False)
        host, root = self.host, self.root / f"other{self.chance.randrange(10**9)}"
        root.mkdir()
        (root / "notes.md").write_text(self.chance.choice(TEXTS))
        mine = host.identity, host.storage, host.library
        host.identity, host.storage, host.library = self.chance.randbytes(16), SlowDisk(), Folder(root)
        host.start()
        for _ in range(self.chance.randint(0, 3)):
            self._work_offline()
            await self.sleep()
        assert (
            not host.server.documents.by_name
            or "and some words"
            not in next(  # type: ignore[union-attr]
                iter(host.server.documents.by_name.values())  # type: ignore[union-attr]
            ).document.pad.buffer.text
        ), "another server got what was written for the former one"
        await host.die(self.network, power=False)
        host.identity, host.storage, host.library = mine
        host.start()

    async def _save(self) -> None:
        assert self.host.server is not None
        for opened in list(self.host.server.documents.by_name.values()):
            await opened.document.save()

    async def _lose_server(self) -> None:
        if self.host.server is not None:
            await self.host.die(self.network, power=False)
        self.host.storage = SlowDisk()
        (self.root / "notes.md").unlink(missing_ok=True)

    def _work_offline(self) -> None:
        self._write_offline()
        for writer in self.writers:
            if self.chance.random() < 0.3:
                writer.drop()

    async def server_rot(self) -> None:
        """A record of the server's store is damaged while it is down; who wrote it still has it."""
        for _ in range(self.chance.randint(0, 4)):
            self.chance.choice(self.writers).line()
            await self.sleep()
        if self.host.server is not None:
            await self.host.die(self.network, power=False)
        for document in self.host.storage._documents.values():
            if document.log:
                at = self.chance.randrange(len(document.log))
                number, record = document.log[at]
                document.log[at] = (number, Record(record.kind, b"rubbish"))
        self._write_offline()
        self.host.start()

    async def offline_for_long(self) -> None:
        """Everybody writes alone for weeks."""
        for writer in self.writers:
            self.network.part(writer.name)
        if self.host.server is not None and self.chance.random() < 0.5:
            await self.host.die(self.network, power=False)
        self._write_offline()
        await asyncio.sleep(self.chance.choice((60.0, 3600.0)))
        self.skew_s += LONG_S
        self._write_offline()
        for writer in self.writers:
            self.network.join(writer.name)
        if self.host.server is None:
            self.host.start()

    async def clock(self) -> None:
        """The wall clock steps back an hour, or forward a year."""
        self.skew_s += self.chance.choice((-3600.0, 365 * 86400.0, -10 * 365 * 86400.0, 61.0))

    async def death(self) -> None:
        await self.again(self.chance.choice(self.writers))

    def _write_offline(self) -> None:
        for writer in self.writers:
            for _ in range(self.chance.randint(0, 2)):
                writer.line()


async def play(chance: random.Random, root: Path, only: list[str] | None = None) -> None:
    if begun := chance.choice(TEXTS):
        (root / "notes.md").write_text(begun)
    story = Story(chance, root)
    story.host.start()
    for name in ("ann", "bob", "cyd")[: chance.randint(1, 3)]:
        await story.join(name)
    await story.all_is_sent()
    happenings = chance.sample(
        (
            story.copied_state,
            story.second_editor,
            story.clone,
            story.client_backup,
            story.server_backup,
            story.server_store_lost,
            story.offline_for_long,
            story.clock,
            story.death,
        ),
        3,
    )
    if only:
        happenings = [getattr(story, name) for name in only]
    for happens in happenings:
        for _ in range(chance.randint(0, STEPS // 3)):
            chance.choice(story.writers).line()
            await story.sleep()
        print(happens.__name__)
        await happens()
        await story.sleep()
    await story.all_is_sent()
    await asyncio.sleep(15)  # the comparison of texts that were thought equal
    await story.all_is_sent()
    assert story.host.server is not None
    (opened,) = story.host.server.documents.by_name.values()
    text = opened.document.pad.buffer.text
    for writer in story.writers:
        assert writer.session is not None
        assert writer.session.text == text, f"{writer.name} has another text"
        sites = [one.session.buffer.site for one in story.writers if one.session is not None]
        assert len(set(sites)) == len(sites), "one site is live twice"
    wanted = [line for writer in story.writers for line in writer.lines]
    wrong = {line: count for line in wanted if (count := text.count(line)) != 1}
    assert not wrong, f"not there once: {wrong} in {text!r}"
    back = [line for writer in story.writers for line in writer.dropped if line in text]
    assert not back, f"deleted, and there again: {back}"
    for original, twin in story.cloned:
        assert original.told or twin.told, "a clone was repaired, and nobody was told"


@pytest.mark.amount
def test_f17_f01_whoever_is_copied_cloned_or_set_back_everything_is_there_once(
    seeds: range, tmp_path: Path
) -> None:
    """Three things happen to people who write: afterwards all have one text, with each line in it once."""
    for seed in seeds:
        root = tmp_path / str(seed)
        root.mkdir()
        print(f"seed {seed}")
        try:
            simulate(seed, lambda chance, root=root: play(chance, root))  # type: ignore[misc]
        except BaseException as problem:
            problem.add_note(f"replay it with: pytest tests/trust/test_identity.py --seed {seed}")
            raise


LOSSES: Final = ("server_empty", "server_older", "mounted_late", "another_server")
AMONG: Final = (*LOSSES, "second_editor", "death", "offline_for_long", "server_store_lost", "client_backup")


def losses(seed: int) -> list[str]:
    """What happens in this seed; something is lost or another one's at least once."""
    chance = random.Random(f"losses {seed}")
    return [chance.choice(AMONG), chance.choice(LOSSES), chance.choice(AMONG)]


@pytest.mark.amount
def test_absence_is_never_deletion_and_another_server_gets_nothing(seeds: range, tmp_path: Path) -> None:
    """Servers come back empty, older, late or are others: each line is there once, and none that was deleted."""
    for seed in seeds:
        root = tmp_path / str(seed)
        root.mkdir()
        try:
            simulate(seed, lambda chance, root=root, seed=seed: play(chance, root, losses(seed)))  # type: ignore[misc]
        except BaseException as problem:
            problem.add_note(f"replay it with: pytest tests/trust/test_identity.py --seed {seed}")
            raise


@pytest.mark.parametrize("seed", [25, 33, 37, 41, 272, 321, 1302])
def test_what_was_deleted_does_not_come_back_with_a_server_that_lost_something(
    seed: int, tmp_path: Path
) -> None:
    """37, 321: somebody had got words of mine that the server had sent on and not stored yet, and brought them; I had
    deleted them meanwhile. 272: a server that was killed forgot the note on what came back with its text. 1302: the old disk
    was back while somebody waited for the answer to a merge, and somebody else brought the same words at the same moment.
    25, 33, 41: what the file held was told before the history came, and then not known."""
    simulate(seed, lambda chance: play(chance, tmp_path, losses(seed)))


@pytest.mark.parametrize("seed", [17, 271, 441, 549, 642, 5158])
def test_f31_what_a_damaged_store_lost_comes_back_once_to_several_who_write(
    seed: int, tmp_path: Path
) -> None:
    """The plain file has what the store lost, and others wrote between its lines meanwhile: their history brings it,
    and what was taken from the file is not there beside it. It was taken for another text, because it was not in one piece
    (271, 441); and after one more death the server did not know any more what it had taken from the file (17, 642).
    549: the file's merge took out the one copy, and who had seen the other taken out brought that.
    5158: a line was taken for the beginning of a longer one, and taken out."""
    simulate(seed, lambda chance: play(chance, tmp_path, ["server_rot"] * chance.randint(1, 3)))


@pytest.mark.parametrize("seed", [5, 8, 11, 21])
def test_f01_a_server_that_dies_just_after_it_was_set_back_doubles_nothing(seed: int, tmp_path: Path) -> None:
    """It takes what its file has beyond its store for another program's work. Who came back was sent that at once, and had
    it beside their own for good when the server died, and its note on it went with the store."""
    simulate(seed, lambda chance: play(chance, tmp_path, ["server_backup_again_and_again"]))
