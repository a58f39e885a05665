"""Everybody has a bound: connections by stage, address and user, documents by user, and descriptors kept for those who are in."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import shlex
import socket
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import jpterm_like
from crdt import Version
from jpterm_like import conversation
from jpterm_like.access.hub import AnyFile
from jpterm_like.access.permissions import Role
from jpterm_like.files.access_control import PathPermissions
from jpterm_like.server import admission, moderation
from jpterm_like.server.daemon import SAME_WARNINGS_MAX, _Sparing
from jpterm_like.server.descriptor_limits import KEPT_MIN, Descriptors, raise_limit
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFiles
from jpterm_like.storage import Storage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.wire import VERSIONS
from jpterm_like.transports.base import CannotConnect
from jpterm_like.transports.connection_limiter import ConnectionLimiter, LimitedSocket
from jpterm_like.transports.memory import MemoryTransport, pair
from jpterm_like.transports.websocket import connect_tcp, listen_tcp
from tests.e2e import terminal
from tests.e2e.terminal import PATIENCE_S, Serve
from tests.sync.test_network import Folder


class Lines:
    """Connections, each with an end of ours and one of theirs."""

    def __init__(self) -> None:
        self.pairs: list[tuple[socket.socket, socket.socket]] = []

    def new(self) -> socket.socket:
        self.pairs.append(socket.socketpair())
        return self.pairs[-1][0]

    def is_cut(self, number: int) -> bool:
        theirs = self.pairs[number][1]
        theirs.setblocking(False)
        try:
            return theirs.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        for line in (line for both in self.pairs for line in both):
            line.close()


@pytest.fixture
def lines() -> Any:
    lines = Lines()
    yield lines
    lines.close()


def test_a_flood_puts_out_itself(lines: Lines) -> None:
    """Beyond the bound of unknown connections the oldest of the address with most of them is cut; another one's stays."""
    limiter = ConnectionLimiter(unidentified_max=4)
    assert limiter.accept(lines.new(), "ann")
    for _ in range(20):
        assert limiter.accept(lines.new(), "flood")
    assert [number for number in range(21) if not lines.is_cut(number)] == [0, 18, 19, 20]


def test_who_has_been_let_in_is_not_cut(lines: Lines) -> None:
    """Known connections and closed ones do not count among the unknown."""
    limiter = ConnectionLimiter(unidentified_max=2)
    known, closed = lines.new(), lines.new()
    limiter.accept(known, "flood")
    limiter.mark_identified(known.fileno())
    limiter.accept(closed, "flood")
    closed.close()
    for _ in range(2):
        limiter.accept(lines.new(), "flood")
    assert [number for number in range(4) if not lines.is_cut(number)] == [0, 2, 3]
    limiter.accept(lines.new(), "flood")
    assert not lines.is_cut(0)
    assert lines.is_cut(2)


async def test_without_room_a_connection_is_refused_in_a_sentence() -> None:
    """Descriptors above the ceiling are for those who are in; whoever comes is told so, and the door stays open."""

    async def never(transport: object) -> None:
        raise AssertionError

    listener = await listen_tcp(never, "127.0.0.1", 0, limiter=ConnectionLimiter(ceiling=0))  # type: ignore[arg-type]
    try:
        for _ in range(3):
            with pytest.raises(CannotConnect, match=r"no room|hung up"):
                await connect_tcp(listener.address)
    finally:
        await listener.stop()


def test_a_system_without_descriptors_is_asked_once_and_then_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio asks a hundred times in one turn, and logs each error: it hears of one, and that nothing came after that."""

    def accept(self: socket.socket) -> tuple[socket.socket, object]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket.socket, "accept", accept)
    with LimitedSocket(socket.create_server(("127.0.0.1", 0)), ConnectionLimiter(), speaks_http=True) as line:
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            line.accept()
        for _ in range(99):
            with pytest.raises(BlockingIOError):
                line.accept()


def test_the_limit_is_raised_and_some_of_it_is_kept() -> None:
    """Connections leave room for documents, and both for what storing and saving need, however low the limit is."""
    assert raise_limit().limit >= 256
    for limit in (256, 1024, 20_000, 1 << 16):
        descriptors = Descriptors(limit)
        assert descriptors.for_connections + KEPT_MIN <= descriptors.for_documents
        assert descriptors.for_documents + KEPT_MIN <= limit
        assert 4 * descriptors.user_connections <= descriptors.for_connections
        assert descriptors.user_documents >= 8


def test_the_same_warning_is_logged_so_often_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is refused a thousand times a second fills no disk; other warnings are logged as before."""
    import logging

    sparing, log = _Sparing(), logging.getLogger("test")

    def logged(sentence: str, level: int = logging.WARNING) -> bool:
        return sparing.filter(log.makeRecord("test", level, "", 0, sentence, (), None))

    assert [logged("not admitted") for _ in range(1000)].count(True) == SAME_WARNINGS_MAX
    assert logged("another")
    assert all(logged("opened", logging.INFO) for _ in range(1000))


class Holder:
    """Somebody with a token."""

    can_be_raised = False

    def __init__(self, who: str) -> None:
        self.who = who

    def is_valid(self) -> bool:
        return True

    def concerns(self, name: str) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return "edit"


class House:
    """A server with few descriptors, and connections to it in memory."""

    def __init__(self, library: SharedFiles, limit: int, storage: Storage | None = None) -> None:
        self.descriptors = Descriptors(limit)
        self.server = Server(
            library, storage or MemoryStorage(), autosave_s=None, descriptors=self.descriptors
        )
        self.server.start()
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, who: str, rights: Holder | None = None) -> MemoryTransport:
        theirs, mine = pair()
        self._tasks.add(asyncio.create_task(self.server.converse(theirs, rights or Holder(who))))
        self.say(mine, wire.Hello(1, 1, (), who))
        return mine

    def say(self, line: MemoryTransport, message: wire.Message) -> None:
        line.send([wire.encode(message)])

    async def hear(self, line: MemoryTransport, kind: Any) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(message := wire.decode(await line.receive()), kind):
                pass
        return message

    async def open(self, line: MemoryTransport, number: int, name: str) -> wire.Opened | wire.Refuse:
        self.say(line, wire.Open(number, name, True, 1000 + number, None, Version(), b"", False))
        return await self.hear(line, (wire.Opened, wire.Refuse))

    async def close(self) -> None:
        await self.server.drain()
        for task in self._tasks:
            task.cancel()


async def test_one_token_has_so_many_connections_and_another_comes_in(tmp_path: Path) -> None:
    """A quarter of all, with a sentence to the next one, which may come when one of the others has gone."""
    house = House(Folder(tmp_path), 256)
    most = house.descriptors.user_connections
    inside = [await house.enter("token a") for _ in range(most)]
    for line in inside:
        await house.hear(line, wire.Welcome)
    refused = await house.hear(await house.enter("token a"), wire.Bye)
    assert refused.code == "limit"
    assert refused.sentence == f"{most} connections of token a are here already: close some of them."
    await house.hear(await house.enter("token b"), wire.Welcome)
    inside[0].cut()
    while house.server.figures["connections"] > most:
        await asyncio.sleep(0.01)
    await house.hear(await house.enter("token a"), wire.Welcome)
    await house.close()


async def test_one_guest_has_so_many_documents_open_and_another_opens_theirs(tmp_path: Path) -> None:
    """Each costs descriptors and memory; into one that is open already, for others, everybody is let who may read it."""
    house = House(Folder(tmp_path), 256)
    most = house.descriptors.user_documents
    one, other = await house.enter("token a"), await house.enter("token b")
    for number in range(most):
        assert isinstance(await house.open(one, number, f"{number}.md"), wire.Opened)
    refused = await house.open(one, most, "more.md")
    assert isinstance(refused, wire.Refuse)
    assert refused.sentence == f"Token a has {most} documents open here already: close some of them."
    assert isinstance(await house.open(other, 0, "theirs.md"), wire.Opened)
    assert isinstance(await house.open(one, most + 1, "theirs.md"), wire.Opened)
    await house.close()


async def test_a_document_is_opened_only_while_there_are_descriptors_for_saving_it(tmp_path: Path) -> None:
    """Near the limit nobody opens another one, and those who are in stay in."""
    gc.collect()  # what earlier tests left gives descriptors back now, and not while they are counted
    house = House(Folder(tmp_path), 256)
    one = await house.enter("token a")
    assert isinstance(await house.open(one, 0, "notes.md"), wire.Opened)
    taken = []
    while house.descriptors.have_room_for_document():
        taken.append(os.open(os.devnull, os.O_RDONLY))
    try:
        refused = await house.open(one, 1, "more.md")
        assert isinstance(refused, wire.Refuse)
        assert "no room for another open document" in refused.sentence
        assert isinstance(await house.open(await house.enter("token b"), 9, "notes.md"), wire.Opened)
    finally:
        for number in taken:
            os.close(number)
    await house.close()


def many_sites(count: int) -> Version:
    return Version({1_000_000 + number: 1 for number in range(count)})


async def test_so_much_is_kept_for_one_guest_and_another_s_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a token's connections say that they have, and do not take or end, is bounded for all of them: the largest goes."""
    monkeypatch.setattr(moderation, "HELD_BYTES_MAX", 4_000_000)
    house = House(Folder(tmp_path), 256)
    one, two, other = await house.enter("token a"), await house.enter("token a"), await house.enter("token b")
    lineage = (await house.open(one, 0, "notes.md")).lineage  # type: ignore[union-attr]
    said = {one: 30_000, two: 20_000, other: 30_000}
    for line, count in said.items():
        house.say(
            line,
            wire.Open(
                1, "notes.md", True, 1001 + count + id(line) % 1000, lineage, many_sites(count), b"", False
            ),
        )
        assert isinstance(await house.hear(line, (wire.Opened, wire.Refuse)), wire.Opened)
    assert (await house.hear(one, wire.Bye)).code == "limit"
    for line in (two, other):
        house.say(line, wire.Ping())
        await house.hear(line, wire.Pong)
    await house.close()


def test_answers_that_are_not_read_and_pieces_without_an_end_count() -> None:
    """Both are memory that somebody else decides on."""
    link = Link("server", "", 0.0)
    link.receive(wire.encode(wire.Hello(1, 1, (VERSIONS,), "eve")), 0.0)
    link.next_frames(0.0, 1 << 20)
    before = link.held_bytes
    link.receive(wire.encode(wire.Piece(bytes(100_000), True)), 0.0)
    link.give_names(1, ["x" * 1000] * 50, more=False)
    assert link.held_bytes >= before + 150_000


@pytest.mark.parametrize("answers", [True, False])
async def test_a_site_is_kept_by_who_answers_and_not_by_who_only_talks(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes with the site of another connection is let in under it when that has shown in no way that it is there."""
    monkeypatch.setattr(admission, "ANSWER_S", 0.5)
    house = House(Folder(tmp_path), 256)
    one, two = await house.enter("token a"), await house.enter("token a")
    assert isinstance(await house.open(one, 0, "notes.md"), wire.Opened)
    opening = asyncio.create_task(house.open(two, 0, "notes.md"))
    await house.hear(one, wire.Ping)
    house.say(one, wire.Pong() if answers else wire.Held(1, Version({1: 1})))
    answer = await opening
    if answers:
        assert isinstance(answer, wire.Refuse)
        assert answer.code == "site_taken"
    else:
        assert isinstance(answer, wire.Opened)
        assert (await house.hear(one, wire.Bye)).code == "silent"
    await house.close()


async def test_an_opening_that_is_given_up_while_it_waits_leaves_nothing(tmp_path: Path) -> None:
    """Its channel was closed, or its line ended, before a former connection had answered."""
    house = House(Folder(tmp_path), 256)
    one, two, three = [await house.enter("token a") for _ in range(3)]
    assert isinstance(await house.open(one, 0, "notes.md"), wire.Opened)
    for line in (two, three):
        house.say(line, wire.Open(0, "notes.md", True, 1000, None, Version(), b"", False))
        await house.hear(one, wire.Ping)
    house.say(two, wire.Close(0))
    house.say(two, wire.Ping())
    await house.hear(two, wire.Pong)
    three.cut()
    one.cut()
    while house.server.figures["connections"] > 1:
        await asyncio.sleep(0.01)
    opened = await house.open(two, 1, "notes.md")
    assert isinstance(opened, wire.Opened)
    assert not opened.version
    [open_document] = house.server.documents.by_name.values()
    assert list(open_document.members.values()) == list(open_document.document.pad.reserved) == [1001]
    await house.close()


async def test_a_connection_that_ended_leaves_nothing_to_be_collected(tmp_path: Path) -> None:
    """Python's own collection is put off while people write: what was told on it would stay as long.

    One of five may wait for it: what ends in the middle of something else may leave a traceback.
    """
    house = House(Folder(tmp_path), 256)
    left: list[Link] = []
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            line = await house.enter("token a")
            await house.open(line, 0, f"{number}.md")
            [guest] = house.server.connections
            link = weakref.ref(guest.link)
            del guest
            line.cut()
            deadline = time.monotonic() + PATIENCE_S / 5
            while link() is not None and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            if (kept := link()) is not None:
                left.append(kept)
            del kept
        assert len(left) <= 1, [gc.get_referrers(each) for each in left]
    finally:
        gc.enable()
    await house.close()


async def test_one_guest_s_connections_have_a_slice_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message may take long; of ten connections not ten are taken in before others have their turn."""
    monkeypatch.setattr(conversation, "SLICE_S", -1.0)
    receive, taken = Link.receive, [0]

    def counted(link: Link, frame: bytes, now: float) -> Any:
        taken[-1] += link.peer_name == "token a"
        return receive(link, frame, now)

    house = House(Folder(tmp_path), 256)
    lines = [await house.enter("token a") for _ in range(10)]
    for line in lines:
        await house.hear(line, wire.Welcome)
    monkeypatch.setattr(Link, "receive", counted)
    for line in lines:
        for _ in range(10):
            house.say(line, wire.Held(1, Version({1: 1})))
    while sum(taken) < 100:
        taken.append(0)
        await asyncio.sleep(0)
    assert sorted(taken)[-2:] <= [2, 10], "beside the first of each, which come together"
    await house.close()


async def test_pages_of_names_are_put_together_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a slice in every turn of the event loop: of many at once nobody else would have a turn."""
    house = House(Folder(tmp_path), 256)
    page, at_once = house.server._list._page, [0, 0]

    async def counted(*arguments: Any) -> Any:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0)
        try:
            return await page(*arguments)
        finally:
            at_once[0] -= 1

    monkeypatch.setattr(house.server._list, "_page", counted)
    line = await house.enter("token a")
    await house.hear(line, wire.Welcome)
    for request in range(20):
        house.say(line, wire.List(request))
    for _ in range(20):
        await house.hear(line, wire.Done)
    assert at_once == [0, 1]
    await house.close()


@pytest.mark.parametrize("says", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["nothing", "half a request"])
async def test_who_is_in_saves_while_a_flood_stands_at_the_door(
    says: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times as many connections as a server may have files open; others come in meanwhile, too."""
    program = f'ulimit -n 256; exec {shlex.join(terminal.PROGRAM)} "$@"'
    monkeypatch.setattr(terminal, "PROGRAM", ["sh", "-c", program, "sh"])
    (tmp_path / "notes.md").write_text("notes\n")
    server = Serve(tmp_path)
    monkeypatch.undo()
    flood: list[socket.socket] = []
    host, port = server.url.removeprefix("ws://").split(":")
    try:
        async with jpterm_like.connect(f"{server.url}/notes.md", name="ann", state_dir=tmp_path / "a") as ann:
            for _ in range(768):
                line = socket.socket()
                flood.append(line)
                line.setblocking(False)
                line.connect_ex((host, int(port)))
                await asyncio.sleep(0)
                if says:
                    with contextlib.suppress(OSError):  # cut off already
                        line.send(says)
            ann.replace(0, 0, "typed\n")
            async with asyncio.timeout(PATIENCE_S):
                await ann.stored()
                await ann.save()
            async with jpterm_like.connect(
                f"{server.url}/notes.md", name="bob", state_dir=tmp_path / "b"
            ) as bob:
                assert bob.text == "typed\nnotes\n"
    finally:
        for line in flood:
            line.close()
        server.stop()


class Drafts(Holder):
    """Somebody who may write drafts, and nothing else."""

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return "edit" if path.name.startswith("draft") else None


async def test_a_name_is_given_and_taken_by_who_may_write_both_and_in_a_hub_by_its_user(
    tmp_path: Path,
) -> None:
    """A guest renames no file to where they may not write; in a hub other users rename and delete nothing."""
    for library, place in ((Folder(tmp_path), ""), (AnyFile(), f"{tmp_path.resolve()}/")):
        (tmp_path / "draft.md").write_text("x\n")
        house = House(library, 256)
        line = await house.enter("token a", Drafts("token a"))
        assert isinstance(await house.open(line, 0, f"{place}draft.md"), wire.Opened)
        house.say(line, wire.Rename(0, 1, f"{place}plan.md"))
        refused = await house.hear(line, (wire.Refuse, wire.Done))
        assert (
            refused.sentence
            == f"You may not give or take the name {place}{'draft' if place else 'plan'}.md here."
        )
        if place:
            house.say(line, wire.Delete(0, 2))
            assert isinstance(await house.hear(line, (wire.Refuse, wire.Done)), wire.Refuse)
        assert [file.name for file in tmp_path.glob("*.md")] == ["draft.md"]
        await house.close()
