"""Two places are brought together by names alone, and no text is loaded for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jpterm_like.packs.marker import encode as encode_marker
from jpterm_like.packs.marker import marker_name
from jpterm_like.packs.names import lane_name
from jpterm_like.packs.pack import PackRecord
from jpterm_like.places.base import Unreachable, list_all_files
from jpterm_like.places.copying import Side, copy, is_possible, is_same, look
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.mirror import Mirror
from tests.places.conformance import ANN, BOB, COLLECTION, NOTES, new_mirror, payloads
from tests.places.memory import Folder, MemoryPlace


class Counted(MemoryPlace):
    def __init__(self, folder: Folder, name: str) -> None:
        self.asked: list[str] = []
        super().__init__(folder, self.asked.append)
        self.address = name


def write(mirror: Mirror, place: MemoryPlace, lane: str, memory: Memory, *words: str) -> None:
    """Write each word in a pack of its own, with an exchange after each."""
    for word in words:
        mirror.write(lane, [(NOTES, PackRecord(2, 0, word.encode() * 99))])
        assert exchange(mirror, place, lane, memory, begin=True).problem is None


def words(place: MemoryPlace) -> set[bytes]:
    """The words that a newcomer gets there."""
    late = new_mirror(begun=False)
    assert exchange(late, place, lane_name(bytes(8)), Memory()).is_complete
    return {payload[: len(payload) // 99] for payload in payloads(late)}


def run(first: MemoryPlace, second: MemoryPlace, tmp_path: Path) -> tuple[Side, Side]:
    sides = Side(first), Side(second)
    plan = look(*sides)
    assert is_possible(*sides, plan)
    folder = tmp_path / f"way {len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    copy(*sides, plan, folder)
    return sides


def test_what_either_has_is_at_both_and_nothing_joined_comes_back(tmp_path: Path) -> None:
    """Ann writes at one, Bob at the other, and a stick goes between them."""
    nas, stick = Counted(Folder(), "nas"), Counted(Folder(), "stick")
    ann, bob = new_mirror(), new_mirror(begun=False)
    of_ann, of_bob = Memory(), Memory()
    written: set[bytes] = set()
    for turn in range(4):
        if turn:
            assert exchange(bob, stick, BOB, of_bob).problem is None
            write(bob, stick, BOB, of_bob, f"bob {turn}")
            written.add(f"bob {turn}".encode())
        mine = [f"ann {turn} {number}" for number in range(30)]
        write(ann, nas, ANN, of_ann, *mine)
        written.update(each.encode() for each in mine)
        sides = run(nas, stick, tmp_path)
        assert is_same(*sides) and words(nas) == words(stick) == written
        before = dict(nas.folder.files), dict(stick.folder.files)
        assert is_same(*run(nas, stick, tmp_path)) and before == (nas.folder.files, stick.folder.files)
    assert len(stick.folder.files) < 60


def test_two_that_have_the_same_are_asked_once_each(tmp_path: Path) -> None:
    nas, stick = Counted(Folder(), "nas"), Counted(Folder(), "stick")
    write(new_mirror(), nas, ANN, Memory(), "one", "two")
    run(nas, stick, tmp_path)
    for place in (nas, stick):
        place.asked.clear()
    assert is_same(*run(nas, stick, tmp_path)) and nas.asked == stick.asked == ["list"]


def test_a_torn_pack_is_healed_from_the_other_side_and_never_copied(tmp_path: Path) -> None:
    nas, stick = Counted(Folder(), "nas"), Counted(Folder(), "stick")
    write(new_mirror(), nas, ANN, Memory(), "one", "two")
    run(nas, stick, tmp_path)
    [first, *_] = sorted(list_all_files(stick).packs)
    whole = stick.folder.files[str(first)]
    for wrong in (whole[:-9], b""):
        stick.folder.files[str(first)] = wrong
        sides = run(nas, stick, tmp_path)
        assert is_same(*sides) and sides[1].sent == [first] and sides[0].sent == []
        assert stick.folder.files == nas.folder.files
    for place in (nas, stick):
        place.folder.files[str(first)] = whole[:-9]
    sides = run(nas, stick, tmp_path)
    assert not any(side.sent for side in sides)
    nas.folder.files[str(first)] = bytes(len(whole))  # the right length
    assert not is_same(*run(nas, stick, tmp_path)) and stick.folder.files[str(first)] == whole[:-9]


def test_only_places_of_the_same_texts_are_brought_together() -> None:
    nas, stick, other = (Counted(Folder(), name) for name in ("nas", "stick", "other"))
    write(new_mirror(), nas, ANN, Memory(), "one")
    stranger = Mirror(MemoryPlace(Folder()))
    stranger.begin(marker_name(bytes(16)), encode_marker("x"))
    write(stranger, other, ANN, Memory(), "two")
    packs = Counted(Folder(), "packs")
    packs.folder.files = {
        name: data for name, data in nas.folder.files.items() if name != str(marker_name(COLLECTION))
    }
    for pair in ((nas, other), (stick, Counted(Folder(), "b")), (nas, packs), (packs, stick)):
        sides = Side(pair[0]), Side(pair[1])
        assert not is_possible(*sides, look(*sides))


def test_it_ends_with_the_error_of_a_place_and_goes_on_next_time(tmp_path: Path) -> None:
    nas, stick = Counted(Folder(), "nas"), Counted(Folder(), "stick")
    write(new_mirror(), nas, ANN, Memory(), "one", "two", "three")
    left = 3

    def breaks(call: str) -> None:
        nonlocal left
        left -= call == "write"
        if left == 0:
            raise Unreachable("It does not answer.")

    stick.before = breaks
    sides = run(nas, stick, tmp_path)
    assert isinstance(sides[1].problem, Unreachable) and not is_same(*sides)
    stick.before = lambda call: None
    assert is_same(*run(nas, stick, tmp_path)) and words(stick) == {b"one", b"two", b"three"}


def jpterm(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that says which modules of the text it loaded."""
    code = (
        "import sys; from jpterm_like.cli.main import main; code = main(sys.argv[1:])\n"
        "print(sorted(n for n in sys.modules if n == 'crdt' or n.startswith('crdt.')), file=sys.stderr); sys.exit(code)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment | {"HOME": str(home)},
        timeout=60,
        check=False,
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    from jpterm_like.places.local import LocalPlace

    for name in ("home", "nas", "stick"):
        (tmp_path / name).mkdir()
    mirror = new_mirror()
    for word in (b"one", b"two"):
        mirror.write(ANN, [(NOTES, PackRecord(2, 0, word * 99))])
        assert exchange(mirror, LocalPlace(tmp_path / "nas"), ANN, Memory(), begin=True).problem is None
    return tmp_path / "nas", tmp_path / "stick"


def test_the_command_copies_and_says_so_without_loading_a_text(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    nas, stick = folders
    home, there = tmp_path / "home", f"file://{stick}"
    would = jpterm("sync", str(nas), there, "--dry-run", home=home)
    assert (would.returncode, would.stderr) == (0, "[]\n") and not list(stick.iterdir())
    assert would.stdout.startswith("Would copy at most 2 packs")
    done = jpterm("sync", str(nas), there, home=home)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout.startswith("Copied 2 packs") and done.stdout.endswith("; all is the same.\n")
    assert {each.name for each in nas.iterdir()} == {each.name for each in stick.iterdir()}
    # by now it is a place, and need not be written as one
    again = jpterm("sync", str(nas), str(stick), "--json", home=home)
    assert json.loads(again.stdout) == {
        "same": True, "problem": None, "to_second": 0, "to_second_bytes": 0, "to_first": 0, "to_first_bytes": 0,
    }  # fmt: skip
    assert again.stderr == "[]\n"


def test_the_command_says_why_not(folders: tuple[Path, Path], tmp_path: Path) -> None:
    nas, stick = folders
    home = tmp_path / "home"
    for second, sentence in (
        (f"file://{tmp_path}/none", "it is not there"),
        (f"file://{nas}", "These are one place"),
        ("webdavs://ann:hunter2@nas/", "must have no password"),
    ):
        done = jpterm("sync", str(nas), second, home=home)
        assert done.returncode == 1 and sentence in done.stderr and "hunter2" not in done.stderr
    empty = jpterm("sync", f"file://{stick}", f"file://{home}", home=home)
    assert empty.returncode == 1 and "nothing was synced there yet" in empty.stderr
