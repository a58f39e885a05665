"""Exports of a history: git and asciicast, as git and a terminal read them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

from crdt import TextBuffer
from jpterm_like.cli.cast import cast
from jpterm_like.history.git_export import commits_of, fast_import
from jpterm_like.history.sittings import sittings
from tests.access.test_scripting import done, failed
from tests.e2e.terminal import run

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
HOUR = 3600.0


def written() -> TextBuffer:
    """The file's line; a sitting of ann and bob; one of bob after a pause of a day, who deletes what ann wrote."""
    ann = TextBuffer.genesis("begun\n", site=1, author="ann")
    bob = TextBuffer.genesis("begun\n", site=2, author="bob <b@x>\n")
    ann.replace(6, 6, "hers\n", 10 * HOUR)
    bob.integrate(ann.changes_since(bob.version))
    bob.replace(11, 11, "漢字\tby bob", 10 * HOUR + 60)
    ann.integrate(bob.changes_since(ann.version))
    ann.replace(0, 0, "# ", 10 * HOUR + 120)
    bob.integrate(ann.changes_since(bob.version))
    bob.replace(8, 13, "", 34 * HOUR)
    return bob


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    ended = subprocess.run(
        ["git", "-C", str(folder), *arguments], input=stdin, env=environment, capture_output=True, check=True
    )
    return ended.stdout.decode()


def imported(folder: Path, buffer: TextBuffer, by_author: bool = False, path: str = "n.md") -> list[str]:
    """Import into a new repository, and return the ids of the commits, the oldest first."""
    folder.mkdir()
    git(folder, "init", "-q")
    commits = commits_of(buffer, sittings(buffer), by_author)
    git(
        folder,
        "fast-import",
        "--quiet",
        stdin=b"".join(fast_import(buffer, commits, path, "refs/heads/x", False)),
    )
    return git(folder, "log", "--reverse", "--format=%H", "x").split()


@needs_git
def test_each_sitting_is_a_commit_of_its_authors(tmp_path: Path) -> None:
    buffer = written()
    ids = imported(tmp_path / "repo", buffer)
    log = git(
        tmp_path / "repo",
        "log",
        "--reverse",
        "--format=%an|%at|%(trailers:key=Co-authored-by,valueonly)",
        "x",
    )
    assert log.split("\n") == [
        "the file|36000|",
        "bob b@x|36120|ann <>",
        "",
        "bob b@x|122400|",
        "",
    ]
    assert [git(tmp_path / "repo", "show", f"{it}:n.md") for it in ids] == [
        "begun\n",
        "# begun\nhers\n漢字\tby bob",
        buffer.text,
    ]
    assert git(tmp_path / "repo", "fsck", "--strict", "--no-dangling") == ""


@needs_git
def test_two_replicas_make_the_same_commits(tmp_path: Path) -> None:
    one = written()
    other = TextBuffer.genesis("begun\n", site=77, author="eva")
    other.integrate(one.changes_since(other.version))
    for by_author in (False, True):
        names = [f"{by_author}-{number}" for number in (1, 2)]
        assert imported(tmp_path / names[0], one, by_author) == imported(
            tmp_path / names[1], other, by_author
        )


@needs_git
def test_each_author_of_a_sitting_may_have_a_commit(tmp_path: Path) -> None:
    ids = imported(tmp_path / "repo", written(), by_author=True, path='a "b"\tc\\é.md')
    assert git(tmp_path / "repo", "log", "--reverse", "--format=%an", "x").split("\n")[:4] == [
        "the file",
        "bob b@x",
        "ann",
        "bob b@x",
    ]
    last = git(tmp_path / "repo", "show", f'{ids[-1]}:a "b"\tc\\é.md')
    assert last == written().text


@needs_git
def test_an_export_from_the_shell_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """Into a repository, which is made; on standard output a stream."""
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    done("append", str(file), "two", "--name", "ann")
    repo = tmp_path / "repo"
    assert done("export", "git", str(file), "--repo", str(repo)) == (
        f"2 commits on the branch jpterm-like of {repo}.\n"
    )
    assert git(repo, "show", "jpterm-like:notes.md") == "one\ntwo\n"
    assert "--since-last goes on with it" in failed("export", "git", str(file), "--repo", str(repo))
    assert done("export", "git", str(file), "--repo", str(repo), "--since-last").startswith("0 commits")
    assert run("export", "git", str(file), "--per", "author").stdout.startswith(
        "commit refs/heads/jpterm-like\n"
    )
    assert "name it with --repo" in failed("export", "git", str(file), "--since-last")


@needs_git
def test_an_export_goes_into_the_repository_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook of git, or the editor that it started, has `GIT_DIR` of another one in its environment."""
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    other, repo = tmp_path / "other", tmp_path / "repo"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    done("export", "git", str(file), "--repo", str(repo))
    monkeypatch.delenv("GIT_DIR")
    assert git(repo, "show", "jpterm-like:notes.md") == "one\n"
    assert git(other, "for-each-ref") == ""


def played(lines: list[str]) -> pyte.Screen:
    head = json.loads(lines[0])
    size = (
        (head["width"], head["height"])
        if head["version"] == 2
        else (head["term"]["cols"], head["term"]["rows"])
    )
    screen = pyte.Screen(*size)
    stream = pyte.Stream(screen)
    for line in lines[1:]:
        _, kind, data = json.loads(line)
        assert kind == "o"
        stream.feed(data)
    return screen


@pytest.mark.parametrize("version", [2, 3])
def test_the_last_frame_of_a_recording_is_the_text(version: int) -> None:
    buffer = written()
    lines = list(cast(buffer, "n.md", 40, 6, 0.0, version))
    screen = played(lines)
    assert [row.rstrip() for row in screen.display[:3]] == ["# begun", "漢字    by bob", ""]
    assert "bob" in screen.display[5] and "n.md" in screen.display[5]
    times = [json.loads(line)[0] for line in lines[1:]]
    if version == 2:
        assert times == sorted(times)
        assert times[-1] >= 1.0  # the pause of a day
    else:
        assert sum(times) >= 1.0


def test_a_recording_shows_the_place_where_somebody_writes() -> None:
    """Also in a text longer than the screen; control characters do nothing; it begins at any time."""
    buffer = TextBuffer.genesis("line\n" * 100, author="ann")
    buffer.replace(250, 250, "here \x1b[2J\n", 10 * HOUR)
    screen = played(list(cast(buffer, "n.md", 30, 8, 9 * HOUR, 2)))
    assert any("here" in row for row in screen.display) and screen.display[0].startswith("line")
    assert played(list(cast(buffer, "n.md", 30, 8, 99 * HOUR, 2))).display[0].startswith("line")


def test_asciinema_plays_a_recording(tmp_path: Path) -> None:
    lines = list(cast(written(), "n.md", 40, 6, 0.0, 2))
    (tmp_path / "n.cast").write_text("".join(f"{line}\n" for line in lines))
    played_by_it = subprocess.run(
        [sys.executable, "-m", "asciinema", "cat", str(tmp_path / "n.cast")], capture_output=True, check=True
    ).stdout
    assert played_by_it.decode() == "".join(json.loads(line)[2] for line in lines[1:])


def test_a_recording_from_the_shell(tmp_path: Path) -> None:
    """In both versions of the format, of any size, from any time."""
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    done("append", str(file), "two", "--name", "ann")
    lines = done("export", "cast", str(file), "--size", "30x5", "--from", "1h").splitlines()
    assert json.loads(lines[0])["version"] == 2
    assert [row.rstrip() for row in played(lines).display[:2]] == ["one", "two"]
    assert json.loads(done("export", "cast", str(file), "--v3").splitlines()[0])["term"] == {
        "cols": 80,
        "rows": 24,
    }
    assert run("export", "cast", str(file), "--size", "1x1").returncode == 2
