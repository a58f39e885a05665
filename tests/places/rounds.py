"""Servers, people and commands for the tests of accidents: lines that are cut, and commands that are killed.

Ann's place is a folder of this machine, the other one is on a server, and Bob writes there. After each accident whatever looks whole at
the server is whole, and two runs of the command later both have all.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shlex
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jpterm_like.packs.names import is_whole, lane_name
from jpterm_like.packs.pack import PackRecord
from jpterm_like.places.address import open_place
from jpterm_like.places.base import Place, list_all_files
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.local import LocalPlace
from tests.places.conformance import ANN, BOB, NOTES, new_mirror, payloads
from tests.places.servers import WEBDAV, folder_for_all, free_port, moto, sshd
from tests.trust.proxy import Direction, Proxy

SERVERS = ("folder", *WEBDAV, "sshd", "moto")


class CuttingProxy(Proxy):
    """Cuts once after each of so many bytes."""

    port: int
    """Where it listens."""
    cuts: list[int]

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        await super()._pump(reader, writer, direction)
        if self._left is None and self.cuts:
            self._left = self.cuts.pop()

    def cut_at(self, cuts: list[int]) -> None:
        self.cuts = list(cuts)
        self._left = self.cuts.pop() if cuts else None


@contextmanager
def proxied(port: int) -> Iterator[CuttingProxy]:
    """A proxy to a port of this machine, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxy = CuttingProxy("127.0.0.1", port)
    proxy.cuts = []
    try:
        at = asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
        proxy.port = int(at.rpartition(":")[2])
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of small files are flushed in these rounds, and no power goes."""
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with TemporaryDirectory(prefix="jpterm-like-rounds-", dir=where) as folder:
        yield Path(folder)


class Site:
    """A real server, its address as people write it, and the address behind a line that can be cut."""

    def __init__(self, address: str, environment: dict[str, str]) -> None:
        self.address = address
        self.environment = environment
        self.proxy: CuttingProxy | None = None
        self.cut_environment = environment
        self.cut_address = address

    def place(self) -> Place:
        return _opened(self.address, self.environment)

    def place_behind_the_line(self) -> Place:
        return _opened(self.cut_address, self.cut_environment)


def _opened(address: str, environment: dict[str, str]) -> Place:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        return open_place(address)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def site(kind: str, *, behind_a_line: bool) -> Iterator[Site]:
    """Start a server. Where its program is missing, the test is skipped."""
    with ExitStack() as stack:
        folder = stack.enter_context(folder_for_all())
        if kind == "folder":
            (folder / "web").mkdir()
            yield Site(f"file://{folder}/web", {})
            return
        port = free_port()
        if kind == "sshd":
            (folder / "web").mkdir()
            config = stack.enter_context(sshd(folder, port))
            found = Site(f"sftp://box{folder}/web", {"JPTERM_LIKE_SSH": f"ssh -F {shlex.quote(str(config))}"})
        elif kind == "moto":
            endpoint = stack.enter_context(moto())
            bucket = f"notes-{port}"  # what is in a bucket outlives moto's server
            urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")).close()
            keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
            found = Site(f"s3://{bucket}/team", {**keys, "AWS_ENDPOINT_URL": endpoint})
            port = int(endpoint.rpartition(":")[2])
        else:
            url = stack.enter_context(WEBDAV[kind](folder, port))
            found = Site("webdav" + url.removeprefix("http"), {})
        if behind_a_line:
            found.proxy = stack.enter_context(proxied(port))
            line = str(found.proxy.port)
            found.cut_address = found.address.replace(str(port), line, 1)
            found.cut_environment = {
                name: value.replace(str(port), line) for name, value in found.environment.items()
            }
            if kind == "sshd":
                found.cut_environment = {
                    "JPTERM_LIKE_SSH": f"{found.environment['JPTERM_LIKE_SSH']} -o Port={line}"
                }
        yield found


class Story:
    """Ann and Bob write at two places; after an accident both must have all of it."""

    def __init__(self, site: Site, folder: Path, seed: str) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.here = folder / "here"
        self.here.mkdir()
        self.there = site.place()
        self._ann, self._bob = new_mirror(), new_mirror(begun=False)
        self._late = new_mirror(begun=False), new_mirror(begun=False)
        self._memories = [Memory() for _ in range(4)]
        self.written: set[bytes] = set()

    def write(self) -> None:
        """Ann writes some here, and at times Bob there."""
        for _ in range(self.chance.randint(1, 3)):
            self._write(
                self._ann, LocalPlace(self.here), ANN, self._memories[0], self.chance.randrange(200_000)
            )
        if self._bob.collection or self.there.list():
            report = exchange(self._bob, self.there, BOB, self._memories[1])
            if report.problem is None and self._bob.collection and self.chance.random() < 0.4:
                self._write(self._bob, self.there, BOB, self._memories[1], self.chance.randrange(3000))

    def _write(self, mirror: Any, place: Place, lane: str, memory: Memory, size_bytes: int) -> None:
        record = PackRecord(2, 0, self.chance.randbytes(size_bytes + 1))
        mirror.write(lane, [(NOTES, record)])
        self.written.add(record.payload)
        report = exchange(mirror, place, lane, memory, begin=True)
        assert report.problem is None, (self.seed, report.problem)

    def check_that_what_looks_whole_is_whole(self) -> None:
        for name, listed in list_all_files(self.there).packs.items():
            assert is_whole(name, self.there.read(listed)), (self.seed, name)

    def check_that_both_have_all(self) -> None:
        for late, memory, place in zip(
            self._late, self._memories[2:], (LocalPlace(self.here), self.there), strict=True
        ):
            report = exchange(late, place, lane_name(bytes(8)), memory)
            assert report.is_complete, (self.seed, report)
            assert payloads(late) == self.written, self.seed

    def close(self) -> None:
        if hasattr(self.there, "close"):
            self.there.close()


class Commands:
    """Runs the command in processes that are forked from one that has everything loaded: so a kill costs little."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.places.killed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | environment,
        )

    def run(self, *arguments: str, **kill: object) -> int:
        """Return the exit code; -9 if it was killed. For the arguments see `killed`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([*arguments, kill]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


def kill_rounds(found: Site, folder: Path, kind: str, rounds: int, first_seed: int) -> int:
    """Kill the command at calls and bytes; return how often it was still running then."""
    killed = 0
    with (
        closing(Story(found, folder, f"{kind} {first_seed}")) as story,
        closing(Commands(found.environment)) as commands,
    ):
        here = f"file://{story.here}"
        for number in range(first_seed, first_seed + rounds):
            story.seed = f"{kind} {number}"
            story.chance.seed(story.seed)
            story.write()
            if story.chance.random() < 0.5:
                at: dict[str, object] = {
                    "call": story.chance.randint(1, 14),
                    "after": story.chance.random() < 0.5,
                }
            else:
                at = {"bytes": story.chance.randint(1, 600_000)}
            killed += commands.run(here, found.address, **at) == -9
            story.check_that_what_looks_whole_is_whole()
            codes = [commands.run(here, found.address) for _ in range(2)]
            assert codes[1] == 0, (story.seed, codes)
            story.check_that_both_have_all()
    return killed


TEXTS = ("notes.md", "plan.md", "docs/list.md")


def check_texts(folder: Path, words: Sequence[str], seed: str) -> None:
    """Check that both people have the same files, with each word once."""
    ann, bob = (
        {path.relative_to(texts).as_posix(): path.read_text() for path in texts.rglob("*.md")}
        for texts in (folder / "texts of Ann", folder / "texts of Bob")
    )
    assert ann == bob, (seed, ann, bob)
    assert sorted(" ".join(ann.values()).split()) == sorted(words), seed


def kill_text_rounds(found: Site, folder: Path, kind: str, rounds: int, first_seed: int) -> int:
    """Kill the command at calls and bytes while it syncs the texts of a folder; return how often it was still running then."""
    killed = 0
    words: list[str] = []
    with closing(Commands(found.environment)) as commands, _closed(found.place()) as place:
        for number in range(first_seed, first_seed + rounds):
            seed = f"{kind} texts {number}"
            chance = random.Random(seed)
            for who in ("Ann", "Bob"):
                for _ in range(chance.randint(1, 3)):
                    name = chance.choice(TEXTS)
                    # A name that is new on both sides is two documents, so new ones begin at one of them.
                    path = folder / f"texts of {who}" / name
                    if path.exists() or (who == "Ann" and number == first_seed):
                        words.append(f"<{who}-{number}-{len(words)}>")
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with path.open("a") as file:
                            file.write(f"{words[-1]}\n")
                        os.utime(path, (1e9, 1e9 + len(words)))  # at rest, so nobody waits
            who, other = chance.choice((("Ann", "Bob"), ("Bob", "Ann")))
            if number > first_seed and chance.random() < 0.7:  # so there is something to come
                commands.run(found.address, str(folder), other)
            at: dict[str, object] = {"bytes": chance.randint(1, 500)}
            if chance.random() < 0.8:
                at = {"call": chance.randint(1, 80), "after": chance.random() < 0.5}
            killed += commands.run(found.address, str(folder), who, **at) == -9
            for name, listed in list_all_files(place).packs.items():
                assert is_whole(name, place.read(listed)), (seed, name)
            codes = [commands.run(found.address, str(folder), who) for who in ("Ann", "Bob", "Ann", "Bob")]
            assert codes[2:] == [0, 0], (seed, codes)
            check_texts(folder, words, seed)
    return killed


@contextmanager
def _closed(place: Place) -> Iterator[Place]:
    try:
        yield place
    finally:
        if hasattr(place, "close"):
            place.close()
