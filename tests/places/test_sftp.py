"""A place on a machine that ssh reaches: OpenSSH's SFTP server alone, and through a real sshd."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("paramiko", reason="places that ssh reaches need paramiko")

from jpterm_like.places import sftp
from jpterm_like.places.base import Damaged, Place, Refused, Unreachable
from jpterm_like.places.sftp import SftpPlace
from tests.places.conformance import PlaceConformance
from tests.places.servers import SFTP_SERVER, free_port, sshd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


@pytest.fixture
def place(folder: Path) -> Iterator[SftpPlace]:
    if SFTP_SERVER is None:
        pytest.skip("OpenSSH's SFTP server is not installed (openssh-sftp-server)")
    place = SftpPlace([SFTP_SERVER], str(folder), "sftp://here/web")
    yield place
    place.close()


class TestSftpPlace(PlaceConformance):
    @pytest.fixture
    def place(self, place: Place) -> Place:
        return place


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The person's own ssh, with a sshd of the test behind it."""
    with sshd(tmp_path_factory.mktemp("ssh"), free_port()) as config:
        yield ["ssh", "-F", str(config), "-o", "BatchMode=yes", "-s", "box", "sftp"]


class TestSftpPlaceThroughSsh(PlaceConformance):
    @pytest.fixture
    def place(self, command: list[str], folder: Path) -> Iterator[SftpPlace]:
        place = SftpPlace(command, str(folder), "sftp://box/web")
        yield place
        place.close()

    def test_why_ssh_failed_is_told(self, command: list[str], folder: Path) -> None:
        place = SftpPlace(
            [*command[:-2], "nowhere.invalid", "sftp"], str(folder), "sftp://nowhere.invalid/web"
        )
        with pytest.raises(Unreachable, match=r"does not answer: .*nowhere.invalid"):
            place.list()


def test_what_is_no_file_of_ours_is_not_seen(place: SftpPlace, folder: Path) -> None:
    (folder / ".a.jpk.tmp").write_bytes(b"half")
    (folder / "folder.jpk").mkdir()
    place.write("a.jpk", b"whole")
    assert place.list() == {"a.jpk": 5}
    with pytest.raises((Damaged, Unreachable)):
        place.read("folder.jpk")


def test_a_folder_that_is_not_there(folder: Path, place: SftpPlace) -> None:
    folder.rmdir()
    for call in (place.list, lambda: place.write("a.jpk", b"x")):
        with pytest.raises(Unreachable, match="is not there"):
            call()


def test_a_server_that_lets_one_only_read(folder: Path, place: SftpPlace) -> None:
    """Refused by the server (its option -R) and not by the folder, where the superuser may write."""
    place.write("a.jpk", b"a")
    assert SFTP_SERVER is not None
    with closing(SftpPlace([SFTP_SERVER, "-R"], str(folder), place.address)) as reader:
        for call in (lambda: reader.write("a.jpk", b"x"), lambda: reader.remove("a.jpk")):
            with pytest.raises(Refused, match="permission is denied"):
                call()
        assert reader.read("a.jpk") == b"a" and os.listdir(folder) == ["a.jpk"]


def test_the_next_call_connects_again(place: SftpPlace) -> None:
    place.write("a.jpk", b"a")
    assert place._line is not None
    place._line._process.kill()
    place._line._process.wait()
    with pytest.raises(Unreachable):
        place.read("a.jpk")
    assert place.read("a.jpk") == b"a"


def test_a_program_that_speaks_no_sftp(folder: Path) -> None:
    place = SftpPlace(
        [sys.executable, "-c", "import sys; print('Welcome'); print('no \\x1b[2J door.', file=sys.stderr)"],
        str(folder),
        "sftp://box/web",
    )
    with pytest.raises(Unreachable) as caught:
        place.list()
    assert "\x1b" not in str(caught.value)


LIAR = """
import os, struct, sys, time

def packet(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body

def text(data):
    return struct.pack(">I", len(data)) + data

def answer(data):
    os.write(1, data)

def entry(name, attributes):
    return text(name) + text(b"long") + attributes

REGULAR = struct.pack(">II", 4, 0o100644)  # a mode, and no size
name = b"x" * 200 + b".jpk"
while head := sys.stdin.buffer.read(5):
    length, kind = struct.unpack(">IB", head)
    body = sys.stdin.buffer.read(length - 1)
    if kind == 1:
        answer(packet(2, struct.pack(">I", 3)))
    elif kind == 11:
        answer(packet(102, body[:4] + text(b"handle")))
    elif kind == 12:
        entries = [entry(b"\\xff.jpk" if sys.argv[1] == "bytes" else name, REGULAR)] * 100
        if sys.argv[1] == "short":
            answer(packet(104, b"x"))
        elif sys.argv[1] == "slow":
            for byte in packet(104, bytes(1000)):
                answer(bytes([byte]))
                time.sleep(0.05)  # a thousand bytes take longer than an answer may
        else:
            answer(packet(104, body[:4] + struct.pack(">I", len(entries)) + b"".join(entries)))
    else:
        answer(packet(101, body[:4] + struct.pack(">I", 1) + text(b"end") + text(b"en")))
"""


@pytest.mark.parametrize("lie", ["endless", "slow", "short", "bytes"])
def test_a_server_that_lies_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """A listing without an end, or a byte now and then, or nonsense."""
    monkeypatch.setattr(sftp, "ANSWER_BYTES_MAX", 1 << 20)
    monkeypatch.setattr(sftp, "SILENCE_S", 0.5 if lie in ("slow", "short") else 60)
    with (
        closing(SftpPlace([sys.executable, "-c", LIAR, lie], "web", "sftp://box/web")) as place,
        pytest.raises(Unreachable, match="does not answer"),
    ):
        place.list()
