"""Places in file systems that fsspec knows: those that can run here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="other places need fsspec")

from fsspec.implementations.memory import MemoryFileSystem

from jpterm_like.places.address import BadPlaceAddress, open_place
from jpterm_like.places.base import Gone, Unreachable
from jpterm_like.places.other import OtherPlace
from tests.places.conformance import PlaceConformance
from tests.places.servers import free_port, ftp


class TestMemory(PlaceConformance):
    @pytest.fixture
    def place(self) -> Iterator[OtherPlace]:
        MemoryFileSystem().makedirs("/team")
        yield OtherPlace("memory://team")
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]


class TestFile(PlaceConformance):
    @pytest.fixture
    def place(self, tmp_path: Path) -> OtherPlace:
        return OtherPlace(f"file://{tmp_path}")


@pytest.fixture(scope="module")
def ftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("ftp")
    with ftp(folder, free_port()) as url:
        yield url, folder / "web"


class TestFtp(PlaceConformance):
    @pytest.fixture
    def place(self, ftp_server: tuple[str, Path]) -> OtherPlace:
        for each in ftp_server[1].iterdir():
            each.unlink()
        return OtherPlace(ftp_server[0])


def test_what_another_program_did_is_seen_at_once(ftp_server: tuple[str, Path]) -> None:
    """No listing and no file is remembered."""
    url, folder = ftp_server
    (folder / "a.jpk").write_bytes(b"a")
    place = open_place(url)
    assert place.list()["a.jpk"] == 1 and place.read("a.jpk") == b"a"
    (folder / "a.jpk").write_bytes(b"bbb")
    (folder / "b.jpk").write_bytes(b"b")
    assert place.list()["a.jpk"] == 3 and place.read("a.jpk") == b"bbb" and place.list()["b.jpk"] == 1
    (folder / "a.jpk").unlink()
    assert "a.jpk" not in place.list()
    with pytest.raises(Gone):
        place.read("a.jpk")


def test_a_server_or_a_folder_that_is_not_there(ftp_server: tuple[str, Path]) -> None:
    for url in (f"ftp://127.0.0.1:{free_port()}/", f"{ftp_server[0]}none", "memory://nowhere"):
        place = OtherPlace(url)
        for _ in range(2):
            with pytest.raises(Unreachable):
                place.list()


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("ftp://ann:hunter2@box/", "must have no password"),
        ("gopher://box/", "no place that fsspec knows"),
        ("zip://x::file:///etc", "no place that fsspec knows"),
        ("gs://box/x", "cannot be opened: Please install gcsfs"),
    ],
)
def test_what_cannot_be_opened_is_told(written: str, sentence: str) -> None:
    with pytest.raises(BadPlaceAddress, match=sentence) as caught:
        open_place(written)
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)
