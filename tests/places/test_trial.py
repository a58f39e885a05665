"""The doctor at real servers: its findings, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("urllib3", reason="places on servers need urllib3")

from jpterm_like.places.base import Refused, Unreachable, list_all_files
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.http import HttpPlace
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.trial import Finding, try_place
from jpterm_like.places.verification import verify_place
from jpterm_like.places.webdav import WebdavPlace
from tests.places.conformance import ANN, NOTES, PackRecord, new_mirror, pack
from tests.places.memory import Folder, MemoryPlace
from tests.places.servers import WEBDAV, folder_for_all, free_port, plain_python


def sentences(findings: list[Finding]) -> str:
    return "\n".join(each.sentence for each in findings)


@pytest.fixture(params=list(WEBDAV))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with folder_for_all() as folder, WEBDAV[request.param](folder, free_port()) as url:
        yield request.param, url


def test_real_servers_are_good_enough_and_what_they_get_wrong_is_said(server: tuple[str, str]) -> None:
    kind, url = server
    with closing(WebdavPlace(url)) as place:
        name, data = pack(1)
        place.write(str(name), data)
        is_bad = kind in ("rclone", "wsgidav")
        findings = list(try_place(place, patience_s=10 if is_bad else 0))
        said = sentences(findings)
        assert all(each.is_good for each in findings), said
        assert "1 of them are packs" in said and "cannot" not in said
        assert ("leaves its part" in said) == is_bad
        assert ("ignores conditions" in said) == (kind in ("nginx", "rclone"))
        assert place.list() == {str(name): len(data)}


def test_a_folder_and_a_server_to_read(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    findings = list(try_place(LocalPlace(tmp_path / "local")))
    assert all(each.is_good for each in findings) and len(findings) >= 6
    assert list((tmp_path / "local").iterdir()) == []
    with plain_python(tmp_path, free_port()) as url, closing(HttpPlace(url)) as place:
        findings = list(try_place(place))
        assert all(each.is_good for each in findings) and "can only be read" in sentences(findings)


class Bad(MemoryPlace):
    """A place that gets one thing wrong."""

    wrong = ""

    def list(self) -> dict[str, int]:
        return {name: size + (self.wrong == "sizes") for name, size in super().list().items()}

    def write(self, name: str, data: bytes) -> None:
        if self.wrong == "full":
            raise Refused("Its disk is full.")
        if self.wrong != "replaces" or name not in self.folder.files:
            super().write(name, b"?" + data[1:] if self.wrong == "content" else data)

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        if self.wrong == "ranges" and end is not None:
            return super().read(name, 0, end - start)
        return super().read(name, start, end)

    def remove(self, name: str) -> None:
        if self.wrong == "removes":
            raise Refused("You may not do that there.")
        super().remove(name)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("sizes", "each pack would look torn"),
        ("content", "not what is read"),
        ("replaces", "cannot be healed"),
        ("ranges", "A part of a file is read wrongly"),
        ("full", "Its disk is full"),
        ("removes", "could not be removed"),
    ],
)
def test_what_is_not_good_enough_is_said(wrong: str, sentence: str) -> None:
    place = Bad(Folder())
    place.wrong = wrong
    findings = list(try_place(place))
    assert sentence in sentences([each for each in findings if not each.is_good])
    assert wrong == "removes" or not place.folder.files


def test_files_of_the_trial_go_however_it_ends() -> None:
    """The network may go at any call, and come back; a person may press ctrl+c."""
    for calls in range(40):
        place = MemoryPlace(Folder())
        left = calls

        def breaks(call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Unreachable("It does not answer.")

        place.before = breaks
        try:
            list(try_place(place))
        except Unreachable:
            assert calls == 1
        assert not place.folder.files, calls
    place = MemoryPlace(Folder())
    findings = try_place(place)
    for _ in range(3):
        next(findings)
    assert place.folder.files
    findings.close()  # type: ignore[attr-defined]
    assert not place.folder.files


def test_every_byte_of_a_place_is_verified() -> None:
    """Damage of each kind is said, and what is fine is not; nothing is changed."""
    folder = Folder()
    place = MemoryPlace(folder)
    mirror, memory = new_mirror(), Memory()
    for number in range(5):
        mirror.write(ANN, [(NOTES, PackRecord(2, 0, b"%d" % number * 99))])
    assert exchange(mirror, place, ANN, memory, begin=True).is_complete
    counted: list[int] = []
    verdicts = list(verify_place(place, counted.append))
    assert len(verdicts) == 6 and not any(verdict.damage for verdict in verdicts)
    assert counted == [sum(map(len, folder.files.values()))]
    packs = sorted(list_all_files(place).packs)
    files = [str(name) for name in packs]
    folder.files[files[0]] = folder.files[files[0]][:-2]
    folder.files[files[1]] = bytes(len(folder.files[files[1]]))
    del folder.files[files[2]]
    before = dict(folder.files)
    damage = {
        verdict.name: verdict.damage for verdict in verify_place(place, counted.append) if verdict.damage
    }
    assert "torn" in damage[files[0]] and "not those" in damage[files[1]] and len(damage) == 4
    assert [words for name, words in damage.items() if name.startswith(f"{ANN}, pack")] == [
        "not here: on the way, or lost"
    ] * 2
    assert folder.files == before
    assert any(verdict.damage for verdict in verify_place(MemoryPlace(Folder()), counted.append))
