"""Many files that are written first and get their names later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jpterm_like.files.new_files import NewFiles
from jpterm_like.files.read import FileProblem, PlainFile, read_plain


@pytest.fixture
def contents(tmp_path: Path) -> dict[Path, bytes]:
    return {tmp_path / name: f"in {name}\n".encode() for name in ("a.md", "docs/deep/b.md", "docs/ä.md")}


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_as_they_were_said_to_be_once_they_have_their_names(
    tmp_path: Path, contents: dict[Path, bytes]
) -> None:
    """Nothing else is left, and what was told of each before is what a reader finds."""
    files = NewFiles(None, 0o640)
    written = files.write(list(contents.items()))
    assert not any(path.exists() for path in contents)
    assert files.give_names(list(contents)) == {}
    files.close()
    assert written == {path: read_plain(path) for path in contents}
    assert files_in(tmp_path) == {path.name: raw for path, raw in contents.items()}
    assert {os.stat(path).st_mode & 0o777 for path in contents} == {0o640}


def test_a_file_that_is_there_by_now_is_never_replaced(tmp_path: Path, contents: dict[Path, bytes]) -> None:
    """It is told, and the others get their names."""
    files = NewFiles(None, 0o666)
    files.write(list(contents.items()))
    theirs = tmp_path / "a.md"
    theirs.write_text("theirs\n")
    failed = files.give_names(list(contents))
    files.close()
    assert list(failed) == [theirs] and "is there by now" in str(failed[theirs])
    assert files_in(tmp_path) == {path.name: raw for path, raw in contents.items()} | {"a.md": b"theirs\n"}


def test_what_cannot_be_written_is_told_and_the_others_are_written(
    tmp_path: Path, contents: dict[Path, bytes]
) -> None:
    (tmp_path / "docs").write_text("no folder\n")
    files = NewFiles(None, 0o666)
    written = files.write(list(contents.items()))
    whole = [path for path, found in written.items() if isinstance(found, PlainFile)]
    assert whole == [tmp_path / "a.md"]
    assert all(isinstance(found, FileProblem) for path, found in written.items() if path not in whole)
    assert files.give_names(whole) == {}
    files.close()
    assert files_in(tmp_path) == {"docs": b"no folder\n", "a.md": b"in a.md\n"}


def test_files_that_got_no_name_are_removed(tmp_path: Path, contents: dict[Path, bytes]) -> None:
    files = NewFiles(None, 0o666)
    files.write(list(contents.items()))
    files.close()
    assert files_in(tmp_path) == {}
