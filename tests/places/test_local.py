"""A place in a folder of this machine, and in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jpterm_like.places import local
from jpterm_like.places.base import Damaged, Gone, Refused, Unreachable
from jpterm_like.places.local import LocalPlace
from tests.places.conformance import PlaceConformance, pack
from tests.places.memory import Folder, MemoryPlace


class TestLocalPlace(PlaceConformance):
    @pytest.fixture
    def place(self, tmp_path: Path) -> LocalPlace:
        return LocalPlace(tmp_path)


class TestMemoryPlace(PlaceConformance):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace(Folder())


def test_what_is_no_file_of_ours_is_not_seen(tmp_path: Path) -> None:
    """Files being written, hidden ones, folders, links and pipes."""
    place = LocalPlace(tmp_path)
    (tmp_path / ".a.jpk.tmp").write_bytes(b"half")
    (tmp_path / "folder.jpk").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link.jpk").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.jpk")
    place.write("a.jpk", b"whole")
    assert place.list() == {"a.jpk": 5, "secret": 6}
    for name in ("link.jpk", "folder.jpk", "pipe.jpk"):
        with pytest.raises((Unreachable, Damaged)):
            place.read(name)


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / ".a.jpk.tmp").symlink_to(tmp_path / "secret")
    (tmp_path / "a.jpk").symlink_to(tmp_path / "secret")
    LocalPlace(tmp_path).write("a.jpk", b"mine")
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert not (tmp_path / "a.jpk").is_symlink() and (tmp_path / "a.jpk").read_bytes() == b"mine"


def test_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    """As that of a disk that is not mounted: nothing is made there."""
    place = LocalPlace(tmp_path / "mnt")
    for call in (place.list, lambda: place.write("a.jpk", b"")):
        with pytest.raises(Unreachable, match="cannot be used: it is not there"):
            call()
    with pytest.raises(Gone):
        place.read("a.jpk")
    place.remove("a.jpk")
    assert not (tmp_path / "mnt").exists()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = LocalPlace(tmp_path)
    place.write("a.jpk", b"old")

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.disk, "write_all", full)
    with pytest.raises(Refused, match="the disk is full"):
        place.write("a.jpk", b"new")
    assert place.read("a.jpk") == b"old" and os.listdir(tmp_path) == ["a.jpk"]


def test_a_kill_leaves_no_half_of_a_pack(tmp_path: Path) -> None:
    """What a killed process was writing has another name, and the next write takes it away."""
    name, data = pack(1, size_bytes=3000)
    script = (
        "import os, sys; from pathlib import Path; from jpterm_like.places import local\n"
        "def half(fd, data): os.write(fd, data[:1000]); os._exit(9)\n"
        "local.disk.write_all = half\n"
        f"local.LocalPlace(Path(sys.argv[1])).write({str(name)!r}, {data!r})"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    place = LocalPlace(tmp_path)
    assert os.listdir(tmp_path) == [f".{name}.tmp"] and place.list() == {}
    place.write(str(name), data)
    assert os.listdir(tmp_path) == [str(name)] and place.read(str(name)) == data
