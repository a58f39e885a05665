"""The log of a keeper: torn anywhere, full disks, limits, and readers that miss nothing without being told."""

from __future__ import annotations

import errno
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from jpterm_like.files import disk
from jpterm_like.kernels.entries import KINDS, Entry, Raw, decode_entry, encode, frames_in
from jpterm_like.kernels.log import RESTART_STEP, Log, LogReader, NewerLog

GOLDEN = Path(__file__).parent / "log-1.bin"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power goes here, so nothing needs to be flushed; a flush takes milliseconds."""
    monkeypatch.setattr(disk, "flush", lambda fd: None)
    monkeypatch.setattr(disk, "flush_folder", lambda folder: None)


def entry(log: Log, text: str) -> Raw:
    return Raw(
        KINDS["received"], 2, log.number + 1, 1.5, [b"{}", b"{}", b"{}", json.dumps({"t": text}).encode()]
    )


def opened(folder: Path, *, after_power_cut: bool = False, **limits: int) -> Log:
    log = Log(folder, **limits)
    log.begin(lambda: {"asked": ["a"]}, after_power_cut=after_power_cut)
    return log


def read(log: Log, after: int = 0, reader: LogReader | None = None) -> list[Entry]:
    reader = reader or LogReader(log, after)
    found: list[Entry] = []
    while frames := reader.read(9.0):
        whole = 0
        for end, raw in frames_in(frames):
            found.append(decode_entry(raw))
            whole = end
        assert whole == len(frames), "only whole frames are handed out"
    return found


def texts(entries: list[Entry]) -> list[str]:
    return [
        entry.content["t"] if entry.kind == "received" else f"{entry.kind} {entry.count}" for entry in entries
    ]


def test_what_is_appended_is_read_from_any_number_on(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=400)
    for number in range(50):
        log.append(entry(log, f"{number}"))
    assert len(log.segments) > 5
    for after in range(51):
        assert texts(read(log, after)) == [f"{number}" for number in range(after, 50)]
    again = opened(tmp_path, segment_bytes=400)
    again.append(entry(again, "next"))
    assert texts(read(again, 49)) == ["49", "next"]


def test_a_reader_goes_on_while_segments_come_and_go(tmp_path: Path) -> None:
    """Random appends, reads and acknowledgements: a reader ahead of these has everything, once."""
    chance = random.Random(1)
    log = opened(tmp_path, segment_bytes=300)
    reader = LogReader(log, 0)
    found: list[str] = []
    for number in range(400):
        log.append(entry(log, f"{number}"))
        if chance.random() < 0.1:
            found += texts(read(log, reader=reader))
            log.acknowledge(reader.number)
    assert found + texts(read(log, reader=reader)) == [f"{number}" for number in range(400)]
    assert len(log.segments) < 10


@pytest.mark.parametrize("flip", [False, True])
def test_a_log_torn_or_damaged_at_any_byte(tmp_path: Path, flip: bool) -> None:
    """Everything before the damage is read; the next keeper goes on; and what is missing between is told by count."""
    log = opened(tmp_path)
    for number in range(4):
        log.append(entry(log, f"{number}"))
    log.close()
    whole = (tmp_path / "log.1").read_bytes()
    ends = [end for end, _ in frames_in(whole)]
    for at in range(len(whole)):
        damaged = whole[:at] + (bytes([whole[at] ^ 1]) + whole[at + 1 :] if flip else b"")
        for path in tmp_path.glob("log.*"):
            path.unlink()
        (tmp_path / "log.1").write_bytes(damaged)
        before = max(0, sum(end <= at for end in ends) - 1)
        again = opened(tmp_path)
        again.append(entry(again, "next"))
        again.close()
        assert texts(read(Log(tmp_path))) == [*(f"{number}" for number in range(before)), "next"], at


def test_damage_in_the_middle_is_told_by_count(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=400)
    for number in range(30):
        log.append(entry(log, f"{number}"))
    log.close()
    second = log.segments[1]
    content = bytearray(second.path.read_bytes())
    content[-20] ^= 1  # in its last entry
    second.path.write_bytes(content)
    found = texts(read(Log(tmp_path)))
    assert found == [
        *(f"{number}" for number in range(second.last - 1)),
        "dropped 1",
        *(f"{number}" for number in range(second.last, 30)),
    ]


def test_after_a_power_cut_no_number_is_given_twice(tmp_path: Path) -> None:
    """A reader may have had entries that were not flushed; what comes after is behind them."""
    log = opened(tmp_path)
    log.append(entry(log, "flushed"))
    flushed = (tmp_path / "log.1").read_bytes()
    for text in ("read", "read too"):
        log.append(entry(log, text))
    seen = read(log)[-1].number
    (tmp_path / "log.1").write_bytes(flushed)
    for start in range(2):
        again = opened(tmp_path, after_power_cut=start == 0)
        again.append(entry(again, f"after {start}"))
        again.close()
    assert texts(read(Log(tmp_path), seen)) == ["after 0", "after 1"]
    assert texts(read(Log(tmp_path))) == ["flushed", "after 0", "after 1"]
    assert Log(tmp_path).number == RESTART_STEP + 3


def test_what_was_acknowledged_goes_and_is_told_to_whom_lacks_it(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=300)
    for number in range(50):
        log.append(entry(log, f"{number}"))
    log.acknowledge(40)
    first = log.segments[0].previous
    assert 30 < first <= 40
    told = read(log)[0]
    assert (told.kind, told.count, told.content["reason"]) == ("dropped", first, "acknowledged")
    assert texts(read(log))[1:] == [f"{number}" for number in range(first, 50)]
    assert texts(read(log, 40)) == [f"{number}" for number in range(40, 50)]


def test_above_the_limit_the_oldest_goes_and_is_counted(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=300, bytes_max=2_000)
    for number in range(200):
        log.append(entry(log, f"{number}"))
    assert log.size_bytes <= 2_300
    told, *rest = read(log)
    assert (told.kind, told.content["reason"]) == ("dropped", "no room")
    assert texts(rest) == [f"{number}" for number in range(told.count, 200)]
    assert Log(tmp_path).state() == {"asked": ["a"], "acknowledged": 0}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A disk that takes so many bytes more, half of a write if need be."""
    room = {"bytes": 1 << 30}
    write_all = disk.write_all

    def write(fd: int, data: bytes) -> None:
        taken = data[: room["bytes"]]
        room["bytes"] -= len(taken)
        write_all(fd, taken)
        if len(taken) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "write_all", write)
    yield room


@pytest.mark.parametrize("room", [0, 1, 40, 500])
def test_while_the_disk_is_full_nothing_is_lost(tmp_path: Path, full_disk: dict[str, int], room: int) -> None:
    """Readers have what waits in memory, before and after there is room again, each entry once."""
    log = opened(tmp_path, segment_bytes=400)
    early, late = LogReader(log, 0), LogReader(log, 0)
    log.append(entry(log, "0"))
    full_disk["bytes"] = room
    for number in range(1, 30):
        log.append(entry(log, f"{number}"))
    assert log.waits and log.problem == "the disk is full"
    found = texts(read(log, reader=early))
    assert found == [f"{number}" for number in range(30)]
    assert not log.retry(2.0) and log.waits
    full_disk["bytes"] = 1 << 30
    assert log.retry(2.0) and not log.waits and log.problem == ""
    log.append(entry(log, "30"))
    assert texts(read(log, reader=early)) == ["30"]
    assert texts(read(log, reader=late)) == [f"{number}" for number in range(31)]
    log.close()
    assert texts(read(Log(tmp_path))) == [f"{number}" for number in range(31)]


def test_what_does_not_fit_in_memory_is_counted_and_small_entries_last(
    tmp_path: Path, full_disk: dict[str, int]
) -> None:
    log = opened(tmp_path, waiting_bytes_max=40_000)
    full_disk["bytes"] = 0
    for _ in range(10):
        log.append(entry(log, "x" * 8_000))
    log.append(entry(log, "idle"))
    assert [len(text) for text in texts(read(log))] == [8_000] * 3 + [4]
    full_disk["bytes"] = 1 << 30
    assert log.retry(2.0)
    told = read(log)[-1]
    assert (told.kind, told.count, told.content["reason"]) == ("dropped", 7, "the disk is full")


def test_a_log_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.close()
    head = {"form": 2}
    (tmp_path / "log.2").write_bytes(encode(Raw(128, 0, 0, 0.0, [json.dumps(head).encode()])))
    with pytest.raises(NewerLog):
        Log(tmp_path)


def test_a_log_of_form_1_is_read_for_ever(tmp_path: Path) -> None:
    """`log-1.bin` was written by the first release that had kernels; it has each kind, and one that is not known."""
    (tmp_path / "log.1").write_bytes(GOLDEN.read_bytes())
    log = Log(tmp_path)
    assert log.state() == {
        "asked": ["run-1"],
        "counters": {"s_1": [3]},
        "started": {},
        "exit": 0,
        "acknowledged": 0,
    }
    found = read(log)
    assert [(each.number, each.kind, each.channel) for each in found] == [
        (1, "started", ""),
        (2, "sent", "shell"),
        (3, "received", "iopub"),
        (4, "gap", ""),
        (5, "unknown", ""),
        (6, "dropped", "iopub"),
        (7, "exit", ""),
    ]
    assert found[1].header["msg_id"] == "run-2"
    assert (found[2].content, found[2].buffers, found[2].seconds) == (
        {"text": "é"},
        (b"\0\1",),
        1796083429.25,
    )
    assert (found[3].count, found[5].count, found[5].parent) == (17, 1, {"msg_id": "run-2"})
    assert (found[6].exit_code, found[6].content["reason"]) == (-9, "it ended by itself")
