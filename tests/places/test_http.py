"""A place to read on web servers that list their folders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("urllib3", reason="places on servers need urllib3")

from jpterm_like.places.base import FILE_BYTES_MAX, Damaged, Gone, ReadOnly, Unreachable, list_all_files, read
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.http import HttpPlace
from jpterm_like.places.local import LocalPlace
from tests.places.conformance import ANN, BOB, NOTES, PLAN, PackRecord, new_mirror, pack, payloads
from tests.places.servers import PLAIN, folder_for_all, free_port
from tests.places.test_webdav import Answers, answers

__all__ = ["answers"]


@pytest.fixture(params=list(PLAIN), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    with folder_for_all() as folder, PLAIN[request.param](folder, free_port()) as url:
        yield url, folder / "web"


@pytest.fixture
def folder(server: tuple[str, Path], request: pytest.FixtureRequest) -> Path:
    """A folder of the server, with a name that needs escaping."""
    folder = server[1] / f"Ann's team & {request.node.name[:20]}"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture
def place(server: tuple[str, Path], folder: Path) -> Iterator[HttpPlace]:
    from urllib.parse import quote

    with closing(HttpPlace(server[0] + quote(folder.name))) as place:
        yield place


def put(folder: Path, name: object, data: bytes) -> None:
    (folder / str(name)).write_bytes(data)
    (folder / str(name)).chmod(0o644)


def test_files_are_listed_and_read_whole_and_in_part(place: HttpPlace, folder: Path) -> None:
    assert place.list() == {}
    name, data = pack(1, size_bytes=70_000)
    put(folder, name, data)
    put(folder, "notes & more (ä).md", b"12345")
    put(folder, ".hidden", b"x")
    (folder / "folder").mkdir()
    assert place.list() == {str(name): len(data), "notes & more (ä).md": 5}
    assert place.read(str(name)) == data
    for start, end in ((0, 1), (0, len(data)), (60_000, 70_000)):
        assert place.read(str(name), start, end) == data[start:end]
    whole = read(place, list_all_files(place), name)
    assert set(whole) == {NOTES, PLAN}
    assert read(place, list_all_files(place), name, [PLAN]) == {PLAN: whole[PLAN]}


def test_what_is_not_there_or_too_short_or_too_long_is_told(place: HttpPlace, folder: Path) -> None:
    put(folder, "torn.jpk", b"12345")
    for start, end in ((0, 6), (4, 9), (5, 6), (50, 60)):
        with pytest.raises(Damaged):
            place.read("torn.jpk", start, end)
    put(folder, "long.jpk", random.Random(2).randbytes(FILE_BYTES_MAX + 1))
    with pytest.raises(Damaged):
        place.read("long.jpk")
    with pytest.raises(Gone):
        place.read("none.jpk")
    with closing(HttpPlace(place.address + "none")) as none, pytest.raises(Unreachable, match="is not there"):
        none.list()


def test_it_can_only_be_read(place: HttpPlace, folder: Path) -> None:
    for call in (lambda: place.write("a.jpk", b"x"), lambda: place.remove("a.jpk")):
        with pytest.raises(ReadOnly, match="can only be read"):
            call()
    for name in ("../a", "a/b", ""):
        for refused in (place.read, place.remove, lambda name: place.write(name, b"x")):
            with pytest.raises(ValueError):
                refused(name)


def test_what_lies_there_comes_and_a_torn_pack_does_not(place: HttpPlace, folder: Path) -> None:
    """Ann's folder is served by somebody; Bob, who may only read, gets all of it, and is told when he writes."""
    local = LocalPlace(folder)
    ann, bob = new_mirror(), new_mirror(begun=False)
    ann.write(ANN, [(NOTES, PackRecord(2, 0, bytes(range(256)) * 20))])
    assert exchange(ann, local, ANN, Memory(), begin=True).is_complete
    name, data = pack(9)
    put(folder, name, data[:-3])
    for file in folder.iterdir():
        file.chmod(0o644)
    memory = Memory()
    report = exchange(bob, place, BOB, memory)
    assert (report.problem, len(report.fetched)) == (None, 1) and payloads(bob) == payloads(ann)
    assert report.unread == [name]
    bob.write(BOB, [(NOTES, PackRecord(2, 0, b"bob's"))])
    report = exchange(bob, place, BOB, memory)
    assert isinstance(report.problem, ReadOnly) and len(report.waiting) == 1


def test_links_elsewhere_are_no_files(answers: tuple[type[Answers], str]) -> None:
    handler, url = answers
    name, data = pack(1)
    handler.body = f"""<html><a href="../">up</a><a href="?C=N;O=D">Name</a><a href="/a%20b/{name}">cut..&gt;</a>
        <a href="https://example.org/a%20b/x.jpk">x</a><a href="//example.org/a%20b/y.jpk">y</a><a>none</a>
        <a href="/other/{name}">z</a><a href="sub/">sub</a><a href="%2e%2e%2fup.jpk">up</a><a href="http://[">bad</a>
        <a href="mailto:ann@example.org">Ann</a></html>""".encode()
    with closing(HttpPlace(url)) as place:
        assert place.list() == {str(name): len(data)}
        for body in (b"[{", b"not a list", b"[" * 10_000, b"[" + b"0," * 2_000_001 + b"0]"):
            handler.body = body
            with pytest.raises(Damaged, match="does not list"):
                place.list()
        handler.body = b'[1, {"name": "a.jpk", "type": "file", "size": "5"}, {"name": "../b", "type": "file", "size": 5}]'
        assert place.list() == {}
        handler.status = 403
        with pytest.raises(Exception, match="you may not"):
            place.list()
