"""`find`, and `restore --deletion`, as a shell runs them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.access.test_scripting import done, failed
from tests.e2e.terminal import Serve, run


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file from which bob has deleted a paragraph of ann's, in the working folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my notes.md"
    file.write_text("The quokkas live on Rottnest.\nThe end.\n")
    done("append", str(file), "Ann saw a quokka\nwith \x1b[31mred ears\tand", "--name", "Ann", "--save")
    done("replace", str(file), "--lines", "3-4", "Nothing to see.", "--name", "Bob", "--save")
    return file


def test_words_are_found_with_the_place_to_go_to(notes: Path) -> None:
    """All of the words, in any case; for people and programs, and no more than are asked for."""
    assert done("find", "QUOKK", "live") == "my notes.md:1: The quokkas live on Rottnest.\n"
    (row,) = map(json.loads, done("find", "quokka", "--json").splitlines())
    assert (row["file"], row["line"], row["matches"]) == (str(notes), 1, [[4, 10]])
    first = run("find", "-n", "1", "e")
    assert first.stdout.count("\n") == 1 and "The first 1 are shown" in first.stderr
    os.chdir("/")
    assert done("find", "rottnest").startswith(f"{notes}:1: ")
    notes.unlink()
    gone = run("find", "rottnest")
    assert gone.stdout and gone.stderr == (
        f"jpterm-like: {notes} has no file, and its text is kept: jpterm-like cat '{notes}'\n"
    )
    nothing = run("find", "wombat")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, "", "")
    for arguments, problem in ((" ",), "Say which words"), (("-n", "0", "quokka"), "-n takes"):
        wrong = run("find", *arguments)
        assert (wrong.returncode, wrong.stdout) == (
            2,
            "",
        ) and problem in wrong.stderr  # 1 says that nothing was found


def test_a_deleted_passage_comes_back_by_the_command_that_is_printed(notes: Path) -> None:
    """Exactly that passage, even after others have written at that place."""
    shown = done("find", "--deleted", "quokka", "ears")
    assert re.match(r"my notes.md:3: deleted by Bob \d{4}-\d\d-\d\d \d\d:\d\d\n", shown)
    assert "    written by Ann 2" in shown
    assert "    Ann saw a quokka\n    with \\x1b[31mred ears    and\n" in shown and "\x1b" not in shown
    (row,) = map(json.loads, done("find", "--deleted", "--json", "quokka").splitlines())
    assert (row["authors"], row["deleted_by"], row["line"]) == (["Ann"], "Bob", 3)
    done("insert", str(notes), "--before", "Nothing", "Cy: ", "--name", "Cy")
    command = re.search(r"→ jpterm-like restore 'my notes.md' (--deletion \S+)", shown)
    assert command is not None
    done("restore", "my notes.md", *command[1].split(), "--save")
    text = notes.read_text()
    assert "Ann saw a quokka\nwith \x1b[31mred ears\tand" in text and "Cy: Nothing to see." in text
    assert run("find", "--deleted", "quokka").returncode == 1
    assert "it is back already" in failed("restore", str(notes), *command[1].split())
    wrong = run("restore", str(notes), "--deletion", "nonsense")
    assert wrong.returncode == 2 and "names no deletion" in wrong.stderr


def test_a_folder_that_was_served_is_searched_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    with_server = Serve(folder)
    try:
        done("append", f"{with_server.url}/docs.md", "a quokka of the team", "--name", "Ann", "--save")
        monkeypatch.chdir("/")
        assert done("find", "quokka") == f"{folder}/docs.md:1: a quokka of the team\n"
    finally:
        with_server.stop()


def test_forgetting_a_file_forgets_it_in_the_index(notes: Path) -> None:
    done("find", "quokka")
    done("forget", str(notes), "--unsaved")
    assert run("find", "quokka").returncode == 1
    assert run("find", "--deleted", "quokka").returncode == 1
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "jpterm-like"
    assert not any(b"Rottnest" in it.read_bytes() for it in cache.rglob("*") if it.is_file())
