"""What the editor remembers of the run before: bounded, without a text, and never in the way."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from jpterm_like import last_time
from jpterm_like.config import Paths
from jpterm_like.last_time import KeptTabs, KeptView, LastTime, Place

AT: KeptView = KeptView(
    Place("00", 3, 4, 5), Place("00", 1, 0, 6), ((Place("00", 1, 0, 7), Place("00", 9, 0, 8)),)
)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr(last_time, "is_in_memory", lambda path: "memory" in str(path))
    monkeypatch.setattr(last_time, "is_temporary", lambda path: "temporary" in str(path))
    return Paths.under(tmp_path)


def run(paths: Paths, folder: str = "/work") -> LastTime:
    return LastTime(paths, folder)


def write(one: LastTime) -> None:
    work = one.take()
    assert work is not None
    work()


def content(paths: Paths) -> Path:
    return paths.state_folder / "last-time.json"


def test_views_and_tabs_are_there_again(paths: Paths, tmp_path: Path) -> None:
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.touch()
    first = run(paths)
    first.note_view("ws://host/x", AT)
    tabs = KeptTabs(tuple(map(str, files)), 2, 0, 1, beside=True)
    first.note_tabs(tabs)
    write(first)
    assert first.take() is None, "nothing new"
    assert run(paths).view("ws://host/x") == AT and run(paths).tabs() == tabs
    assert run(paths, "/elsewhere").tabs() is None
    files[0].unlink()
    assert run(paths).tabs() == KeptTabs((str(files[1]), str(files[2])), 1, 0, 0, beside=True)
    files[1].unlink()
    assert run(paths).tabs() is None, "one file is among the recent ones"


def test_the_file_stays_small_and_forgets_what_was_closed_longest_ago(paths: Paths) -> None:
    one = run(paths)
    for number in range(last_time.VIEWS_MAX + 10):
        one.note_view(f"ws://host/{number}", AT)
    one.note_view("ws://host/5", AT._replace(folds=()))
    write(one)
    assert run(paths).view("ws://host/9") is None
    assert run(paths).view(f"ws://host/{last_time.VIEWS_MAX}") == AT
    assert len(content(paths).read_bytes()) < 100_000


def test_nothing_is_kept_of_files_in_memory_and_of_temporary_ones_that_are_gone(
    paths: Paths, tmp_path: Path
) -> None:
    file = tmp_path / "temporary"
    file.touch()
    one = run(paths)
    for address in ("/memory/secret", str(file), "/gone"):
        one.note_view(address, AT)
    write(one)
    kept = json.loads(content(paths).read_text())["views"]
    assert list(kept) == [str(file), "/gone"], "a folder that is not mounted may come back"
    file.unlink()
    one.note_view("/other", AT)
    write(one)
    assert run(paths).view(str(file)) is None


def test_forgetting_a_file_removes_it_from_views_and_tabs(paths: Paths) -> None:
    one = run(paths)
    for name in "abc":
        one.note_view(f"ws://host/{name}", AT)
    one.note_tabs(KeptTabs(tuple(f"ws://host/{name}" for name in "abc"), 1, 1))
    write(one)
    last_time.forget(paths, "ws://host/b")
    assert run(paths).view("ws://host/b") is None and run(paths).view("ws://host/a") == AT
    assert run(paths).tabs() == KeptTabs(("ws://host/a", "ws://host/c"), 0, 0)
    last_time.forget(paths, "ws://host/a")
    assert run(paths).tabs() is None and "ws://host/a" not in content(paths).read_text()


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b'{"views": 3}',
        b"[" * 100_000,
        b'{"views": {"ws://h/a": [1, 2]}, "tabs": {"/work": [["x"], 7, 0, null, 0]}}',
        b'{"views": {"ws://h/a": [["zz", 1, 1, 1], ["00", -1, 0, 0], [], 1]}}',
    ],
)
def test_a_broken_file_counts_as_empty(paths: Paths, broken: bytes) -> None:
    paths.state.mkdir(exist_ok=True)
    content(paths).write_bytes(broken)
    content(paths).chmod(0o600)
    one = run(paths)
    assert one.view("ws://h/a") is None and one.tabs() is None
    one.note_view("ws://h/b", AT)
    write(one)
    assert run(paths).view("ws://h/b") == AT


def test_a_file_of_a_newer_release_is_left_alone(paths: Paths) -> None:
    paths.state.mkdir(exist_ok=True)
    newer = b'{"version": 2, "views": {}, "tabs": {}, "more": 1}'
    content(paths).write_bytes(newer)
    content(paths).chmod(0o600)
    one = run(paths)
    assert one.view("ws://h/a") is None
    one.note_view("ws://h/a", AT)
    write(one)
    assert content(paths).read_bytes() == newer


def test_what_was_written_for_this_run_begins_at_its_top(paths: Paths, tmp_path: Path) -> None:
    """As git writes a commit message before it calls the editor; a file that a script opens again is where it was."""
    file = tmp_path / "message"
    file.write_text("subject")
    one = run(paths)
    one.note_view(str(file), AT)
    write(one)
    for_git = LastTime(paths, "/work", only_unwritten=True)
    assert for_git.view(str(file)) == AT
    os.utime(file, (time.time() + 5,) * 2)
    assert for_git.view(str(file)) is None and run(paths).view(str(file)) == AT
    os.utime(file)
    leaving = one.take(leaving=True)
    assert leaving is not None
    leaving()
    assert for_git.view(str(file)) == AT, "it was saved after it was noted, and left"


def test_two_editors_keep_each_others_places(paths: Paths) -> None:
    ann, bob = run(paths), run(paths)
    ann.note_view("ws://h/a", AT)
    bob.note_view("ws://h/b", AT)
    write(ann)
    write(bob)
    assert run(paths).view("ws://h/a") == run(paths).view("ws://h/b") == AT
