"""A whole network of people in one thread, from one seed: virtual time, imagined lines and disks, real code.

The sessions, the server and their stores are the program's own (`client.Session`, `server.Server`,
`storage.FolderStorage`); only the event loop's clock, the lines and the disks are imagined. A line delays each frame, may repeat and swap those that a network may repeat
and swap without breaking an ordered stream's promise to us (changes, stored, presence), can be cut, and can fall
silent without a word (a partition). Machines can die (kill -9) and lose power; their disks can be full, refuse to flush,
and lose what was not flushed (`tests/storage/drive.py`); their clocks jump.

The oracle is survival, not agreement (FAILURES): each token that was typed is in the end at everyone exactly once,
unless its owner deleted it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import heapq
import os
import random
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import pytest

import jpterm_like.clock
from crdt import Version
from jpterm_like.client.journal import SYNC_DELAY_S
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.files.root import NameInFolder
from jpterm_like.files.watch import Watcher
from jpterm_like.saver import restore
from jpterm_like.server.server import Server
from jpterm_like.storage.base import Store
from jpterm_like.storage.folder import FolderStorage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from jpterm_like.sync.pad import Pad
from jpterm_like.transports.base import CannotConnect
from jpterm_like.transports.memory import MemoryTransport, pair
from tests.storage.drive import MemoryDrive, ProcessEnded

MAY_WANDER = (wire.Changes, wire.Stored, wire.Presence)
"""Messages that may come twice or out of their order."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when there is nothing to do."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_ahead_s = 1.7e9
        """What the machine's clock shows beyond `now`; set it, and the clock jumps."""
        super().__init__()
        self.set_default_executor(_Inline())

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            while self._scheduled and self._scheduled[0]._cancelled:  # type: ignore[attr-defined]
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
                heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]
            if self._scheduled:  # type: ignore[attr-defined]
                self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class _Inline(ThreadPoolExecutor):
    """Work for threads, done at once: no real thread may come between two steps of a simulation."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as problem:  # noqa: BLE001 - it is handed on, as a thread would
            done.set_exception(problem)
        return done


def simulate(seed: int, main: Callable[[random.Random], Coroutine[Any, Any, None]]) -> None:
    """Run `main` in virtual time, with every chance taken from the seed."""
    chance = random.Random(seed)
    loop = VirtualLoop()
    bits, token_bytes, state = secrets.randbits, secrets.token_bytes, random.getstate()
    wall = jpterm_like.clock.wall
    secrets.randbits = random.Random(seed + 1).getrandbits
    salts = random.Random(seed + 3)
    secrets.token_bytes = lambda size=32: salts.randbytes(size or 32)
    random.seed(seed + 2)
    jpterm_like.clock.wall = lambda: loop.now + loop.wall_ahead_s
    try:
        loop.run_until_complete(main(chance))
    finally:
        secrets.randbits, secrets.token_bytes, jpterm_like.clock.wall = bits, token_bytes, wall
        random.setstate(state)
        while left := asyncio.all_tasks(loop):  # ending ones begin others
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


class Life(Protocol):
    """What happens in one seed."""

    happened: list[str]

    async def live(self) -> None: ...


LifeT = TypeVar("LifeT", bound=Life)


def live_through(
    seed: int, make: Callable[[random.Random], LifeT], replay: str, mistakes: list[str] | None = None
) -> LifeT:
    """Play one seed. A failure says what happened in it, and how to play it again.

    Args:
        replay: what pytest is to be given for that, besides the seed.
        mistakes: what is logged meanwhile; only deaths that were played may be among it.
    """
    lived: list[LifeT] = []

    async def live(chance: random.Random) -> None:
        lived.append(make(chance))
        await lived[0].live()

    try:
        simulate(seed, live)
        if mistakes is not None:
            ended = (Killed.__name__, ProcessEnded.__name__)
            mistakes[:] = [it for it in mistakes if not any(name in it for name in ended)]
            assert not mistakes, mistakes[0]
    except BaseException as problem:
        for one in lived:
            problem.add_note("what happened: " + ", ".join(one.happened))
        problem.add_note(f"replay it with: pytest {replay} --seed {seed}")
        raise
    return lived[0]


@dataclass
class Weather:
    """How bad the lines are."""

    delay_s: float = 0.05
    repeat: float = 0.0
    """The chance that a frame comes twice."""
    swap: float = 0.0
    """The chance that a frame is held back behind later ones."""
    rate: float = inf
    """Bytes a second in each direction."""


LINE_BYTES = 64 * 1024
"""So many may be under way on a line that has a rate."""


class Line:
    """One connection: two ends, and the weather between them."""

    def __init__(self, network: Network, server_end: MemoryTransport, client_end: MemoryTransport) -> None:
        self.network = network
        self.ends = (server_end, client_end)
        self.silent = False
        for end in self.ends:
            end.deliver = self._carrier(end, end.deliver)  # type: ignore[method-assign]

    def _carrier(self, end: MemoryTransport, deliver: Callable[[bytes], None]) -> Callable[[bytes], None]:
        last = 0.0
        under_way = 0
        chance = self.network.chance
        loop = asyncio.get_running_loop()
        sender = end.other
        assert sender is not None
        other_has_room = sender.has_room

        def has_room() -> bool:
            return other_has_room() and under_way <= LINE_BYTES

        sender.has_room = has_room  # type: ignore[method-assign]

        def arrive(frame: bytes, size: int = 0) -> None:
            nonlocal under_way
            if size:
                under_way -= size
                sender._changed.set()
            if not self.silent:
                deliver(frame)

        def carry(frame: bytes) -> None:
            nonlocal last, under_way
            weather = self.network.weather
            if weather.rate < inf:
                under_way += len(frame)
                last = max(last, loop.time()) + len(frame) / weather.rate
                loop.call_at(last, arrive, frame, len(frame))
                return
            # timers that are due at one moment have no order among them
            at = max(last + 1e-6, loop.time() + chance.uniform(0.001, weather.delay_s))
            wanders = isinstance(wire.decode(frame), MAY_WANDER)
            if wanders and chance.random() < weather.swap:
                loop.call_at(at + chance.uniform(0, 5 * weather.delay_s), arrive, frame)
                return
            last = at
            loop.call_at(at, arrive, frame)
            if wanders and chance.random() < weather.repeat:
                loop.call_at(at + chance.uniform(0, 5 * weather.delay_s), arrive, frame)

        return carry

    def cut(self) -> None:
        self.ends[0].cut()


@dataclass
class Address:
    """Address at the simulated server; see `addresses.Address`."""

    network: Network
    who: str
    path: str = "notes.md"
    title: str = "notes.md"
    is_local: bool = False
    file: Path | None = None
    text: str = "ws://sim"

    @property
    def key(self) -> str:
        return "sim" if self.path == "notes.md" else f"sim {self.path}"

    def with_path(self, path: str) -> Address:
        return replace(self, path=path)

    async def connect(self) -> MemoryTransport:
        return await self.network.connect(self.who)


@dataclass
class Network:
    """The lines, and the one server at their middle."""

    chance: random.Random
    server: Host
    weather: Weather = field(default_factory=Weather)
    apart: set[str] = field(default_factory=set)
    """Who cannot reach the server."""
    lines: dict[str, list[Line]] = field(default_factory=dict)

    async def connect(self, who: str) -> MemoryTransport:
        await asyncio.sleep(self.chance.uniform(0.001, self.weather.delay_s))
        if who in self.apart or self.server.server is None:
            raise CannotConnect("The server is not there.")
        server_end, client_end = pair()
        line = Line(self, server_end, client_end)
        self.lines[who] = [line for line in self.lines.get(who, []) if not line.ends[0]._ended] + [line]
        self.server.serve(server_end)
        return client_end

    def cut(self, who: str) -> None:
        for line in self.lines.get(who, []):
            line.cut()

    def part(self, who: str) -> None:
        """No frame comes through any more, and nobody is told."""
        self.apart.add(who)
        for line in self.lines.get(who, []):
            line.silent = True

    def join(self, who: str) -> None:
        self.apart.discard(who)


class SlowDisk(MemoryStorage):
    """A disk whose flush takes a while, in which the power may go."""

    async def sync(self, stores: Sequence[Store]) -> None:
        await asyncio.sleep(random.uniform(0.0, 0.2))
        held = [store for store in stores if self.holder(store.name) is store]
        await super().sync(held)


class Disk(FolderStorage):
    """The real store on an imagined disk, whose flush takes a while and which fails now and then."""

    def __init__(self, chance: random.Random, *, flush_s: float = 0.0) -> None:
        self.chance = chance
        self.flush_s = flush_s
        self.drive = MemoryDrive(chance)
        self.drive.fault = self._fault
        self.full = False
        self.flaky = 0.0
        """The chance that a flush fails."""
        super().__init__(Path("/stores"), self.drive, _Inline())

    def _fault(self, call: str) -> int | None:
        if self.full and call in ("begin", "append", "make_folder"):
            return errno.ENOSPC
        if call.startswith("flush") and self.chance.random() < self.flaky:
            return errno.EIO
        return None

    def heal(self) -> None:
        self.full, self.flaky = False, 0.0

    def crash(self, keep_unsynced: bool) -> None:
        """kill -9 (what was appended is kept), or loss of power."""
        if keep_unsynced:
            self.drive.kill()
        else:
            self.drive.lose_power()

    def looked_at(self, *, power: bool = True) -> FolderStorage:
        """A copy of it, in which nothing that is done is done to it; as it would be if the power went now."""
        return FolderStorage(self.folder, self.drive.copy(flushed_only=not power), _Inline())

    async def sync(self, stores: Sequence[Store]) -> None:
        await asyncio.sleep(self.chance.uniform(0.0, self.flush_s))
        await super().sync(stores)


class Killed(BaseException):
    """The process is dead: nothing that it does reaches anything."""


class Killer:
    """Kills a server at the nth call that changes a store or a plain file."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.dead = False

    def call(self, name: str) -> None:
        self.left -= 1
        if self.left <= 0 or self.dead:
            self.dead = True
            raise Killed

    @contextlib.contextmanager
    def at_work(self, disk: Disk) -> Iterator[None]:
        """Watch over the calls of the server on this disk, and over those for plain files."""
        fault = disk.drive.fault
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(disk.drive, "fault", self.call)
            for name in ("link", "rename", "unlink", "swap", "flush"):
                patches.setattr(NameInFolder, name, self._before(name, getattr(NameInFolder, name)))
            yield
        disk.drive.fault = fault

    def _before(self, name: str, call: Any) -> Any:
        def killed_first(*arguments: Any) -> Any:
            self.call(name)
            return call(*arguments)

        return killed_first


class OnDisk(NamedTuple):
    """What a server has on its disk, of all documents together."""

    version: Version
    text: str
    base: str
    """The plain files as they were last read or written, as far as that is noted."""


class Host:
    """The machine of the server: dies, loses power, comes back on the same disk.

    Args:
        library: what it shares.
        autosave_s: as for the server.
        watcher: as for the server.
        storage: its disk; None: one in memory that knows no files and has no faults but those it is told.
    """

    def __init__(
        self,
        library: Any,
        *,
        autosave_s: float | None = None,
        watcher: Watcher | None = None,
        storage: Any = None,
    ) -> None:
        self.storage = storage or SlowDisk()
        self.watcher = watcher
        self.library = library
        self.autosave_s = autosave_s
        self.identity = secrets.token_bytes(16)
        self.server: Server | None = None
        self.kernels: Any = None
        """Runs the cells of notebooks; they live on when the server dies."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.server = Server(
            self.library,
            self.storage,
            autosave_s=self.autosave_s,
            watcher=self.watcher,
            identity=self.identity,
            kernels=self.kernels,
        )
        self.server.start()

    def serve(self, end: MemoryTransport) -> None:
        assert self.server is not None
        task = asyncio.create_task(self.server.converse(end, may_run=self.kernels is not None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def die(self, network: Network, *, power: bool) -> None:
        """At once, without a word: nothing that was not on the disk is there afterwards."""
        server, self.server = self.server, None
        assert server is not None
        server.documents.is_draining = True  # a dead process tidies nothing up
        self.storage.crash(keep_unsynced=not power)
        for lines in network.lines.values():
            for line in lines:
                line.cut()
        for task in [*self._tasks, *server._tasks.running]:
            task.cancel()
        await asyncio.gather(*self._tasks, *server._tasks.running, return_exceptions=True)

    def on_disk(self) -> OnDisk:
        """What the dead server's disk has."""
        assert self.server is None
        storage = self.storage.looked_at() if isinstance(self.storage, Disk) else self.storage
        version, text, base = Version(), "", b""
        for name in storage.names():  # a move may have been interrupted
            store = storage.open(name)
            kept = restore(store, author="")
            base += store.read_blob("base") or b""
            store.close()
            if kept.buffer is not None:
                version, text = version.merge(kept.buffer.version), text + kept.buffer.text
        return OnDisk(version, text, base.decode())


class Peer:
    """Someone at a machine: types tokens, takes some back, dies and comes back.

    Args:
        storage: the disk of the machine; two editors of one person share one.
        who: whose line it is, and whose tokens; None: the same as the name.
        lines: each token is a line of its own; see `line_token`.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        storage: Any = None,
        *,
        who: str | None = None,
        lines: bool = False,
    ) -> None:
        self.name = name
        self.who = who or name
        self.lines = lines
        self.network = network
        self.storage = storage or MemoryStorage()
        self.session: Session | None = None
        self.path = "notes.md"
        self.there: dict[str, bool] = {}
        """My tokens, and whether they are in the text as I left it."""
        self._steps: list[tuple[str, bool, Pad]] = []
        self._count = 0
        self.unsure: set[str] = set()
        """Tokens whose last change may have gone with the power of my machine."""
        self._unsynced: set[str] = set()
        """Those that would go with it, of an editor that was killed."""
        self._changed_at: dict[str, float] = {}
        self.documents: dict[str, frozenset[bytes]] = {}
        """The identities of the document that each token was written for, as far as they were known."""

    @classmethod
    async def at(cls, path: str, name: str, network: Network) -> Peer:
        """Somebody new who opens a file, and has all of it."""
        peer = cls(name, network)
        peer.path = path
        await peer.start()
        assert peer.session is not None
        await peer.session.synced()
        return peer

    async def start(self) -> None:
        self.session = open_session(
            Address(self.network, self.who, self.path), name=self.name, storage=self.storage
        )
        self._steps.clear()
        await self.session.start()

    def write(self) -> None:
        """Type a token somewhere."""
        session = self.session
        if session is None or not session.ready:
            return
        chance = self.network.chance
        self._count += 1
        if self.lines:
            token = line_token(f"{self.who}{self._count}")
            text = session.text
            at = chance.choice([0, *(at + 1 for at, character in enumerate(text) if character == "\n")])
        else:
            token = f"<{self.who}{self._count}>"
            at = chance.choice((0, len(session.buffer), chance.randint(0, len(session.buffer))))
        identity = session.pad.identity
        self.documents[token] = frozenset(() if identity is None else identity.documents)
        session.break_undo()
        session.replace(at, at, token)
        session.show_caret(at, None)
        self._done(token, True)

    def erase(self) -> None:
        """Delete a token of mine that is whole."""
        session = self.session
        mine = [token for token, there in self.there.items() if there]
        if session is None or not session.ready or not mine:
            return
        token = self.network.chance.choice(mine)
        at = session.text.find(token)
        if at < 0:
            return  # someone typed into it
        session.break_undo()
        session.replace(at, at + len(token), "")
        self._done(token, False)

    def undo(self) -> None:
        """Take my latest step back."""
        if self.session is None or not self._steps:
            return
        token, there, pad = self._steps.pop()
        if pad is self.session.pad:
            assert self.session.undo() is not None
            self._set(token, not there)
            return
        # What was brought into another history is one step there, with all of mine that was not saved.
        self._steps = []
        before = self.session.text
        self.session.undo()
        for token in self.there:
            if (token in before) != (token in self.session.text):
                self._set(token, token in self.session.text)

    def _done(self, token: str, there: bool) -> None:
        assert self.session is not None
        self._set(token, there)
        self._steps.append((token, there, self.session.pad))

    def _set(self, token: str, there: bool) -> None:
        self.there[token] = there
        self._changed_at[token] = asyncio.get_running_loop().time()

    async def die(self, *, power: bool = False) -> None:
        """kill -9: what was handed to the system is there afterwards. Without power: what was so a while ago."""
        session, self.session = self.session, None
        if session is None:
            return
        if power:
            self._may_go_with_the_power()
            self.lose_power()
        self.storage.crash(keep_unsynced=not power)
        await self._end(session)

    async def kill(self) -> None:
        """kill -9 of this editor alone: the machine and its other editors go on."""
        session, self.session = self.session, None
        if session is not None:
            self._may_go_with_the_power()
            await self._end(session)
            session._journal.store.abandon()

    def _may_go_with_the_power(self) -> None:
        since = asyncio.get_running_loop().time() - 2 * SYNC_DELAY_S
        self._unsynced.update(token for token, changed in self._changed_at.items() if changed >= since)

    def lose_power(self) -> None:
        """What the killed editor had not brought to the disk goes with the power of the machine."""
        self.unsure |= self._unsynced

    async def close(self) -> None:
        """Leave as a person does."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()

    async def _end(self, session: Session) -> None:
        self.network.cut(self.who)
        await session.abandon()


def session_of(peer: Peer) -> Session:
    assert peer.session is not None
    return peer.session


def line_token(name: str) -> str:
    """A token that is a line, with enough in it that equal lines are known as one, and none is taken for a changed other one. Where
    texts without a common history are merged, a few letters that two texts have prove neither."""
    return f"<{name} {hashlib.sha1(name.encode()).hexdigest()[:20]}>\n"


class Program:
    """Another program of the server's machine that writes tokens into the plain file, each a line."""

    def __init__(self, path: Path, name: str = "f") -> None:
        self.path = path
        self.name = name
        self.there: dict[str, bool] = {}
        self.unsure: set[str] = set()
        self.may_be_twice: set[str] = set()
        """What a server had read when it died, without a note that it had: it reads that again. `merge` makes what both
        sides did once, unless the file changes once more before."""
        self._fd = -1

    def _token(self) -> str:
        token = line_token(f"{self.name}{len(self.there)}")
        self.there[token.strip()] = True
        return token

    def _touch(self, file: int | Path) -> None:
        """Real file systems have ticks, and two states of one tick look the same."""
        at = 10**18 + len(self.there) * 10**9
        os.utime(file, ns=(at, at))

    def hold(self) -> None:
        """Open the file to append, and keep it open, as `tee -a` does."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self) -> None:
        """Add a line at the end; through the file that is held open, if it is."""
        held = self._fd >= 0
        self.hold()
        os.write(self._fd, self._token().encode())
        self._touch(self._fd)
        if not held:
            self.let_go()

    async def rewrite(self, chance: random.Random, thinks_s: float, opened: Callable[[], object]) -> None:
        """Read the file, think, and write it with another line in it, as editors and formatters do.

        What the file held while it thought is known to the document that wrote it, and not to the next opening: where the
        document (`opened`) is another one by then, the program begins again.
        """
        while True:
            if not self.path.exists():
                return
            lines = self.path.read_text().splitlines(keepends=True)
            before = opened()
            await asyncio.sleep(thinks_s)
            if opened() is before:
                break
        at = chance.choice(
            [number for number in range(len(lines) + 1) if "".join(lines[:number])[-1:] in ("", "\n")]
        )
        self.path.write_text("".join([*lines[:at], self._token(), *lines[at:]]))
        self._touch(self.path)


def survivors(text: str, peers: Sequence[Peer | Program]) -> list[str]:
    """What is wrong with a text: tokens that are gone, doubled, or back from the dead. Others may have typed into one."""
    problems: list[str] = []
    for peer in peers:
        for token, there in peer.there.items():
            times = _times(text, token)
            if isinstance(peer, Program) and token in peer.may_be_twice and times == 2:
                continue
            if times != there and not (token in peer.unsure and times in (0, 1)):
                problems.append(f"{token} is there {times} times instead of {int(there)}")
    return problems


def _times(text: str, token: str) -> int:
    """How often a token is in the text, other tokens typed into it allowed for.

    All tokens end in ">" and begin with "<", so the text is a tree of brackets, in which each token is one node
    whose own characters are those not in its children.
    """
    return _tokens(text).count(token.strip())


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    stack: list[list[str]] = []
    for character in text:
        if character == "<":
            stack.append([])
        if stack:
            stack[-1].append(character)
        if character == ">" and stack:
            found.append("".join(stack.pop()))
    return found
