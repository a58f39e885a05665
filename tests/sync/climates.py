"""What happens in a simulated network: kinds of weather that can be judged together, each a class with its events.

- `Outages`: lines, machines, disks and clocks fail; stores and journals are removed under those who use them; one person has
  several editors. Everything is there once, whatever was on its way when.
- `Programs`: the same, and other programs append to the plain file, hold it open and rewrite it.
- `Losses`: the server comes back empty, older, anew, late, or is another one, and some of it again. What only a lost store had is
  lost for good, so before each loss everybody has everything; and what people do while it happens is theirs.
- `Names`: documents are renamed and deleted, by people and by other programs, the server dies at any step of that, and their
  names are used again. Each token is in the document that it was written for.

An event is a method; its weight is in `weights`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from jpterm_like.client.journal import SYNC_DELAY_S
from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError
from jpterm_like.files.root import Root
from jpterm_like.saver import restore
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.document import IDENTITY
from jpterm_like.server.rename import renamed_to
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.server.upkeep import HOUSEKEEPING_S
from tests.storage.drive import MemoryDrive
from tests.sync.network import (
    Disk,
    Host,
    Killer,
    Network,
    Peer,
    Program,
    VirtualLoop,
    Weather,
    survivors,
)

HEAL_S = 300.0
"""Virtual seconds within which everyone must agree again; reconnects wait up to 30 s each."""
PAUSES_S = (0.0, 0.01, 0.3, 3.0)


class Folder:
    """The simulated server's one shared folder."""

    def __init__(self, root: Path) -> None:
        self.root: Root | None = Root(root)

    def path_of(self, name: str) -> Path:
        assert self.root is not None
        return self.root.path / name

    def keeps(self, path: Path) -> bool:
        return True

    def names(self) -> list[str]:
        return []


class Climate:
    """People write for a while, and things happen to them; then all is well, and everything must be there."""

    weights: ClassVar[dict[str, int]]
    steps = 40
    lines = False
    """As for `Peer`."""
    path = "notes.md"

    def __init__(self, chance: random.Random, root: Path) -> None:
        self.chance = chance
        self.root = root
        self.host = Host(
            self.library(root), autosave_s=chance.choice((None, 1.0)), storage=Disk(chance, flush_s=0.2)
        )
        self.network = Network(chance, self.host)
        self.network.weather = self.weather = Weather(
            delay_s=chance.choice((0.01, 0.1, 1.0)),
            repeat=chance.choice((0.0, 0.2)),
            swap=chance.choice((0.0, 0.2)),
        )
        self.peers: list[Peer] = []
        self.gone: list[Peer] = []
        """Terminals that nobody opens again."""
        self.peer: Peer
        """Whom it happens to, if it happens to somebody."""
        self.happened: list[str] = []

    def library(self, root: Path) -> Any:
        return Folder(root)

    async def live(self) -> None:
        self.host.start()
        for name in "abcde"[: self.chance.randint(2, 5)]:
            self.peers.append(Peer(name, self.network, Disk(self.chance), lines=self.lines))
            self.peers[-1].path = self.path
            await self.peers[-1].start()
        events, weights = list(self.weights), list(self.weights.values())
        for _ in range(self.steps):
            self.peer = self.chance.choice(self.peers)
            (event,) = self.chance.choices(events, weights)
            self.happened.append(event if event in ("write", "erase") else f"{event} ({self.peer.who})")
            await getattr(self, event)()
            await asyncio.sleep(self.chance.choice(PAUSES_S))
        self.happened.append("the end")
        await self.heal()
        await self.judge()

    # ------------------------------------------------------------------ what people do

    async def write(self) -> None:
        self.peer.write()

    async def erase(self) -> None:
        self.peer.erase()

    async def undo(self) -> None:
        self.peer.undo()

    async def save(self) -> None:
        for opened in self.open_documents():
            with contextlib.suppress(JptermError):
                await opened.document.save()

    # ------------------------------------------------------------------ lines, machines, clocks

    async def cut(self) -> None:
        self.network.cut(self.peer.who)

    async def part(self) -> None:
        self.network.part(self.peer.who)

    async def join(self) -> None:
        self.network.join(self.peer.who)

    async def die(self) -> None:
        """The machine, with all its editors."""
        power = self.chance.random() < 0.3
        for peer in self.editors(self.peer):
            if power:
                peer.lose_power()
            await peer.die(power=power)

    async def start(self) -> None:
        if self.peer.session is None:
            await self.peer.start()

    async def server_dies(self) -> None:
        if self.host.server is not None:
            await self.server_is_killed(power=self.chance.random() < 0.5)

    async def server_is_killed(self, *, power: bool) -> None:
        await self.host.die(self.network, power=power)
        on_disk = self.host.on_disk().version
        assert all(session.pad.stored <= on_disk for session in self.sessions()), (
            "something called stored was not on the disk"
        )

    async def server_starts(self) -> None:
        if self.host.server is None:
            self.host.start()

    async def clock(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.wall_ahead_s += self.chance.choice((-3600.0, 3600.0, 3e7, -3e7, 20.0))

    # ------------------------------------------------------------------ several editors of one person

    async def second_editor(self) -> None:
        """Another terminal of the same person, on the same journals."""
        if len(self.editors(self.peer)) < 3:
            count = sum(other.storage is self.peer.storage for other in [*self.peers, *self.gone])
            again = Peer(
                self.peer.name,
                self.network,
                self.peer.storage,
                who=self.peer.name + "'" * count,
                lines=self.lines,
            )
            again.path = self.peer.path
            self.peers.append(again)
            await again.start()

    async def editor_killed(self) -> None:
        await self.peer.kill()

    async def editor_closes(self) -> None:
        await self.peer.close()

    # ------------------------------------------------------------------ the end

    async def heal(self) -> None:
        """All is well from now on; wait until everybody has everything."""
        self.network.weather = Weather(delay_s=0.01)
        self.network.apart.clear()
        self.host.storage.heal()
        if self.host.server is None:
            self.host.start()
        await self.retire()
        for peer in self.peers:
            if peer.session is None:
                await peer.start()
        await self.until(self.agree)

    async def retire(self) -> None:
        """Some terminals that are dead stay so: what their journals have comes with the next opening of that person."""
        for peer in list(self.peers):
            others = [other for other in self.editors(peer) if other is not peer]
            if peer.session is None and others and self.chance.random() < 0.5:
                self.peers.remove(peer)
                self.gone.append(peer)
                await others[0].kill()

    async def until(self, is_so: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + HEAL_S
        while not is_so():
            assert asyncio.get_running_loop().time() < deadline, "they do not come together again"
            await asyncio.sleep(0.5)
            await self.look()

    async def look(self) -> None:
        """The server looks at the plain files, as its watcher would tell it to."""
        for opened in self.open_documents():
            with contextlib.suppress(JptermError):
                await opened.document.read_changes()

    def agree(self) -> bool:
        """Everybody has what the server has of the document that they are in."""
        versions = {
            opened.document.name: opened.document.pad.buffer.version for opened in self.open_documents()
        }
        return all(
            self.is_settled(session) and session.version == versions.get(session.path)
            for session in self.sessions()
        )

    @staticmethod
    def is_settled(session: Session) -> bool:
        return (
            session.status.state == "connected"
            and session._caught_up.is_set()
            and session._migration is None
            and not session.unsent
        )

    async def judge(self) -> None:
        open_ones = {opened.document.name: opened.document for opened in self.open_documents()}
        for session in self.sessions():
            assert session.text == open_ones[session.path].pad.buffer.text, "equal versions, two texts"
        texts = list(self.texts())
        problems = survivors("".join(text for _, text in texts), self.writers()) + self.misplaced(dict(texts))
        assert not problems, "; ".join(problems)
        for session in self.sessions():
            assert {person.name for person in session.people} <= {other.name for other in self.peers}

    def misplaced(self, texts: Mapping[bytes, str]) -> list[str]:
        """What is wrong with the places of tokens, in the texts by the documents' identities."""
        return []

    def texts(self) -> Iterator[tuple[bytes, str]]:
        """The identities and texts of all documents of the server; a document without an identity has an empty one."""
        open_ones = {opened.document.name: opened.document for opened in self.open_documents()}
        for document in open_ones.values():
            yield document.identity, document.pad.buffer.text
        storage = self.host.storage.looked_at()
        for name in storage.names():
            if name not in open_ones and renamed_to(storage, name) is None:
                store = storage.open(name)
                kept, identity = restore(store, author=""), store.read_blob(IDENTITY)
                store.close()
                if kept.buffer is not None:
                    yield identity or b"", kept.buffer.text

    def writers(self) -> list[Peer | Program]:
        return [*self.peers, *self.gone]

    def open_documents(self) -> list[OpenDocument]:
        return [] if self.host.server is None else list(self.host.server.documents.by_name.values())

    def sessions(self) -> list[Session]:
        return [peer.session for peer in self.peers if peer.session is not None]

    def editors(self, peer: Peer) -> list[Peer]:
        """All that are on one machine."""
        return [other for other in self.peers if other.storage is peer.storage]


class Outages(Climate):
    """See the module."""

    weights: ClassVar = {
        "write": 40,
        "erase": 8,
        "undo": 6,
        "cut": 5,
        "part": 4,
        "join": 8,
        "die": 4,
        "start": 8,
        "server_dies": 3,
        "server_starts": 8,
        "save": 3,
        "disk": 4,
        "clock": 2,
        "stores_removed": 1,
        "journals_removed": 1,
        "second_editor": 1,
        "editor_killed": 2,
        "editor_closes": 1,
    }

    async def disk(self) -> None:
        self.host.storage.full = self.chance.random() < 0.3
        self.host.storage.flaky = self.chance.choice((0.0, 0.0, 0.1, 0.5))

    async def stores_removed(self) -> None:
        if self.open_documents():  # of a document that is not open nobody has the store
            self.host.storage.heal()
            self.host.storage.drive.put(self.chance.choice((None, self.host.storage.drive.copy())))
            # a server that dies before it notices has lost its stores
            await asyncio.sleep(HOUSEKEEPING_S + 1)

    async def journals_removed(self) -> None:
        editors = self.editors(self.peer)
        if all(it.session is not None and it.session.ready for it in editors):
            # else nobody has what is only there
            self.peer.storage.drive.put(None)
            for editor in editors:
                editor.write()  # so that it is noticed
            await asyncio.sleep(2 * SYNC_DELAY_S)


class Programs(Outages):
    """See the module."""

    # A file that is there before anything is stored begins another history.
    lines = True
    weights: ClassVar = {
        **Outages.weights,
        "program_appends": 3,
        "program_rewrites": 2,
        "program_holds": 2,
        "program_lets_go": 1,
        "look": 5,
    }

    def __init__(self, chance: random.Random, root: Path) -> None:
        super().__init__(chance, root)
        self.program = Program(root / "notes.md")

    async def server_dies(self) -> None:
        if self.host.server is None:
            return
        await super().server_dies()
        _, text, base = self.host.on_disk()
        texts = [text, *(session.text for session in self.sessions())]
        self.program.may_be_twice.update(
            token for token in self.program.there if token not in base and any(token in it for it in texts)
        )

    async def program_appends(self) -> None:
        self.program.append()

    async def program_holds(self) -> None:
        self.program.hold()

    async def program_lets_go(self) -> None:
        self.program.let_go()

    async def program_rewrites(self) -> None:
        thinks_s = self.chance.choice((0.0, 0.5, 1.0))
        await self.program.rewrite(
            self.chance, thinks_s, lambda: next((opened.document for opened in self.open_documents()), None)
        )
        await (
            self.look()
        )  # at once, as the watcher says: what was written meanwhile is known for some seconds

    async def heal(self) -> None:
        """Somebody new opens the file at the end: where it was missing and came back without a line of its text, it is another
        document, and those who were in the former one go on in that."""
        self.program.let_go()
        await super().heal()
        self.peers.append(Peer("new", self.network))
        await self.peers[-1].start()
        await self.until(self.agree)

    def agree(self) -> bool:
        return super().agree() and not any(
            opened.document.seems_changed() or opened.document.is_replaced for opened in self.open_documents()
        )

    def writers(self) -> list[Peer | Program]:
        return [*self.peers, *self.gone, self.program]


class Losses(Climate):
    """See the module."""

    lines = True
    steps = 30
    weights: ClassVar = {
        "write": 25,
        "erase": 8,
        "cut": 5,
        "part": 4,
        "join": 6,
        "die": 3,
        "start": 6,
        "server_dies": 2,
        "server_starts": 6,
        "save": 3,
        "clock": 1,
        "editor_killed": 2,
        "editor_closes": 2,
        "backup": 4,
        "empty": 2,
        "anew": 1,
        "restored": 5,
        "older_file": 3,
        "late": 1,
        "another": 1,
    }

    def __init__(self, chance: random.Random, root: Path) -> None:
        super().__init__(chance, root)
        # Whoever is told that all is here must have it: else they merge against a text that is not the server's.
        self.network.weather = self.weather = Weather(delay_s=chance.choice((0.01, 0.1, 1.0)))
        self.file = root / "notes.md"
        self.backup_of: tuple[MemoryDrive, str] | None = None

    async def die(self) -> None:
        """Without loss of power: what only a machine that lost its power had is not the matter here."""
        for peer in self.editors(self.peer):
            await peer.die()

    async def server_dies(self) -> None:
        if self.host.server is not None:
            await self.host.die(self.network, power=False)

    async def backup(self) -> None:
        await self.all_is_saved()
        self.backup_of = self.host.storage.drive.copy(), self.file.read_text()

    async def empty(self) -> None:
        """A disk that is not mounted, a new container."""
        await self.server_goes()
        self.backup_of = None  # it is of another history from now on
        self.lose()
        await self.server_comes()

    async def anew(self) -> None:
        """The same, and the server does not know who it was: people are asked, and send what they have."""
        await self.server_goes()
        self.backup_of = None
        self.lose()
        self.host.identity = secrets.token_bytes(16)
        await self.server_comes()

    async def restored(self) -> None:
        """Its stores are those of a backup; the plain file too, or it is as it was."""
        if self.backup_of is None:
            return
        await self.server_goes(saved=True)
        drive, text = self.backup_of
        self.host.storage.drive.restore(drive)
        if self.chance.random() < 0.5:
            self.file.write_text(text)
        await self.server_comes()

    async def older_file(self) -> None:
        """It has the plain file of a backup, and nothing else."""
        if self.backup_of is None:
            return
        await self.server_goes()
        self.lose()
        self.file.write_text(self.backup_of[1])
        self.backup_of = None
        await self.server_comes()

    async def late(self) -> None:
        """It runs on an empty folder for a while; then its disk is mounted."""
        await self.server_goes(saved=True)
        # Those who were in the other history do not know any more what the file held at earlier saves.
        self.backup_of = None
        kept, text = self.host.storage, self.file.read_text()
        self.lose()
        await self.server_comes()
        for _ in range(self.chance.randint(0, 4)):
            await asyncio.sleep(self.chance.choice(PAUSES_S))
            self.peer = self.chance.choice(self.peers)
            self.chance.choice((self.peer.write, self.peer.erase))()
        await self.server_goes()
        self.host.storage = kept
        self.file.write_text(text)
        await self.server_comes()

    async def another(self) -> None:
        """Another one answers at its address for a while."""
        await self.server_goes()
        host = self.host
        mine = host.identity, host.storage, host.library
        root = self.root / f"other{len(self.happened)}"
        root.mkdir()
        (root / "notes.md").write_text(self.chance.choice(("", "of another one\n")))
        host.identity, host.storage, host.library = secrets.token_bytes(16), Disk(self.chance), Folder(root)
        await self.server_comes()
        await asyncio.sleep(self.chance.choice((1.0, 10.0, 60.0)))
        texts = [opened.document.pad.buffer.text for opened in self.open_documents()]
        assert not any("<" in text for text in texts), "another server got what was not for it"
        await host.die(self.network, power=False)
        host.identity, host.storage, host.library = mine
        host.start()

    # ------------------------------------------------------------------ how that goes

    async def server_goes(self, *, saved: bool = False) -> None:
        """Everybody has everything; then the server is gone."""
        await (self.all_is_saved() if saved else self.all_is_sent())
        for peer in self.peers:
            if self.chance.random() < 0.2:
                await (peer.kill() if self.chance.random() < 0.5 else peer.close())
            elif self.chance.random() < 0.2:
                self.network.part(peer.who)
        await self.host.die(self.network, power=False)

    def lose(self) -> None:
        self.host.storage = Disk(self.chance, flush_s=0.2)
        self.file.unlink(missing_ok=True)

    async def server_comes(self) -> None:
        for peer in self.peers:
            for _ in range(self.chance.randint(0, 2)):
                self.chance.choice((peer.write, peer.write, peer.erase))()
        self.host.start()

    async def all_is_sent(self) -> None:
        await self.heal()
        self.network.weather = self.weather

    async def all_is_saved(self) -> None:
        await self.all_is_sent()
        await self.save()
        # Whoever does not hear of the save cannot tell what the file held.
        await self.until(lambda: all(session.saved for session in self.sessions()))

    async def look(self) -> None:
        await super().look()
        for session in self.sessions():
            if session.other_server not in (None, session.pad.identity and session.pad.identity.server):
                session.send_to_this_server()


class Names(Climate):
    """See the module."""

    lines = True  # as for `Programs`
    names: ClassVar = ("notes.md", "plan.md", "log.md")
    weights: ClassVar = {
        "write": 30,
        "erase": 6,
        "cut": 4,
        "part": 3,
        "join": 6,
        "die": 4,
        "start": 6,
        "server_dies": 2,
        "server_starts": 8,
        "save": 2,
        "rename": 12,
        "delete": 2,
        "program_deletes": 3,
        "program_begins": 4,
        "opens_another": 9,
    }

    def __init__(self, chance: random.Random, root: Path) -> None:
        super().__init__(chance, root)
        self.paths: dict[Peer, set[str]] = {}
        self.program = Program(root / "notes.md")

    def library(self, root: Path) -> Any:
        return SharedFolder(root)

    async def die(self) -> None:
        self.note_paths()
        await self.peer.die()

    async def rename(self) -> None:
        """By somebody who has it open; the server may die on the way."""
        name = self.chance.choice(self.names)
        await self.work(lambda session: session.rename(name))

    async def delete(self) -> None:
        await self.work(Session.delete_file)

    async def program_deletes(self) -> None:
        """Another program deletes a file that the server has read, and is found to have done so."""
        await self.look()
        name = self.chance.choice(self.names)
        for opened in self.open_documents():
            document = opened.document
            if document.path.name == name and not (document.is_missing or document.seems_changed()):
                document.path.unlink(missing_ok=True)
        await self.look()

    async def program_begins(self) -> None:
        """Another program writes a new file under a name that has none."""
        self.program.path = self.root / self.chance.choice(self.names)
        if not self.program.path.exists():
            self.program.append()
            if self.chance.random() < 0.5:
                await self.look()

    async def opens_another(self) -> None:
        """Somebody closes the file and opens one of another name, which may be there or is a new one."""
        self.note_paths()
        await self.peer.close()
        self.peer.path = self.chance.choice(self.names)
        await self.peer.start()

    async def work(self, order: Callable[[Session], Any]) -> None:
        session = self.peer.session
        if session is None or session.status.state != "connected" or self.host.server is None:
            return
        killer = Killer(
            self.chance.choice((1, 3, 10, 30)) * self.chance.randint(1, 3)
            if self.chance.random() < 0.6
            else 10**9
        )
        with killer.at_work(self.host.storage):
            doing = asyncio.ensure_future(order(session))
            deadline = asyncio.get_running_loop().time() + 20
            while not (killer.dead or doing.done() or asyncio.get_running_loop().time() > deadline):
                await asyncio.sleep(0.01)
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError, JptermError):
                await doing
            if killer.dead:
                await self.server_is_killed(power=self.chance.random() < 0.3)

    async def heal(self) -> None:
        """Everybody opens whatever they had open once, so that what they wrote there and did not send is sent; and somebody all
        names, so that the server has what programs wrote there."""
        self.note_paths()
        self.paths[self.peers[0]].update(self.names)
        self.network.weather = Weather(delay_s=0.01)
        self.network.apart.clear()
        if self.host.server is None:
            self.host.start()
        for peer in self.peers:
            for path in sorted(self.paths[peer]):
                await peer.close()
                peer.path = path
                await peer.start()
                session = peer.session
                assert session is not None
                await self.until(lambda session=session: self.is_settled(session))  # type: ignore[misc]
        self.note_paths()
        await self.until(self.agree)

    def note_paths(self) -> None:
        for peer in self.peers:
            self.paths.setdefault(peer, set()).add(peer.path)
            if peer.session is not None:
                peer.path = peer.session.path
                self.paths[peer].add(peer.path)

    def misplaced(self, texts: Mapping[bytes, str]) -> list[str]:
        problems: list[str] = []
        for peer in self.peers:
            for token, there in peer.there.items():
                documents = peer.documents[token]
                if there and documents and not any(token in texts.get(it, "") for it in documents):
                    problems += survivors("".join(texts.get(it, "") for it in documents), [only(peer, token)])
        return problems

    def writers(self) -> list[Peer | Program]:
        return [*super().writers(), self.program]


def only(peer: Peer, token: str) -> Peer:
    """A peer who wrote nothing but this."""
    one = Peer(peer.name, peer.network)
    one.there = {token: True}
    return one


CLIMATES: dict[str, type[Climate]] = {
    "outages": Outages,
    "programs": Programs,
    "losses": Losses,
    "names": Names,
}
