"""The text of a file as of the last commit: asked of git, and of nothing that the folder's configuration names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jpterm_like.files import git_head
from jpterm_like.files.charsets import Known
from jpterm_like.files.git_head import committed_text

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of one file."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\n", "utf-8")
    git(folder, "init", "-q")
    git(folder, "add", "a.txt")
    git(folder, "-c", "user.name=ann", "-c", "user.email=ann@box", "commit", "-qm", "first")
    return folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def test_the_committed_text_whatever_is_in_the_file_now(repository: Path) -> None:
    (repository / "a.txt").write_text("changed", "utf-8")
    (repository / "link").symlink_to("a.txt")
    assert committed_text(repository / "a.txt") == "one\ntwo\n"
    assert committed_text(repository / "link") == "one\ntwo\n"


def test_nothing_outside_of_a_repository_and_for_what_is_not_committed(repository: Path) -> None:
    (repository / "new.txt").write_text("new", "utf-8")
    assert committed_text(repository / "new.txt") is None
    assert committed_text(repository.parent / "a.txt") is None


def test_line_ends_of_windows_are_no_change(repository: Path) -> None:
    (repository / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    git(repository, "-c", "user.name=ann", "-c", "user.email=ann@box", "commit", "-qam", "second")
    assert committed_text(repository / "a.txt") == "one\ntwo\n"


def test_a_file_in_another_charset_is_read_as_the_file_is(repository: Path) -> None:
    (repository / "a.txt").write_bytes("één\n".encode("latin-1"))
    git(repository, "-c", "user.name=ann", "-c", "user.email=ann@box", "commit", "-qam", "second")
    assert committed_text(repository / "a.txt", Known(charset="cp1252", is_chosen=True)) == "één\n"


def test_the_variables_of_a_caller_name_no_other_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git commit` starts an editor with GIT_DIR set."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert committed_text(repository / "a.txt") == "one\ntwo\n"


def test_no_program_runs_that_the_configuration_of_the_folder_names(repository: Path) -> None:
    """Somebody else may have written it: a monitor, a filter, a text converter, a diff program, a pager, a hook."""
    mark = repository / "RAN"
    run = f"touch {mark}; cat"
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n", "utf-8")
    for name, value in {
        "core.fsmonitor": run,
        "core.pager": run,
        "pager.cat-file": run,
        "core.sshCommand": run,
        "filter.evil.smudge": run,
        "filter.evil.process": run,
        "diff.evil.textconv": run,
        "diff.external": run,
        "alias.cat-file": f"!{run}",
        "core.hooksPath": str(repository / "hooks"),
    }.items():
        git(repository, "config", name, value)
    assert committed_text(repository / "a.txt") == "one\ntwo\n"
    assert not mark.exists()


def test_a_missing_object_is_not_fetched(repository: Path) -> None:
    """A partial clone would fetch it, from where and by what its configuration says."""
    mark = repository / "RAN"
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"file://{repository.parent}/other",
        "remote.origin.uploadpack": f"touch {mark}; false",
        "protocol.allow": "always",
        "protocol.file.allow": "always",
    }.items():
        git(repository, "config", name, value)
    blob = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD:a.txt"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert committed_text(repository / "a.txt") is None
    assert not mark.exists()


def test_a_git_that_hangs_is_ended(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n", "utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_head, "GIT_S", 0.2)
    begun = time.monotonic()
    assert committed_text(repository / "a.txt") is None
    assert time.monotonic() - begun < 60


def test_without_git_and_for_a_git_in_the_folder_there_is_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = repository / "RAN"
    program = repository / "git"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PATH", ".")
    assert committed_text(repository / "a.txt") is None
    assert not mark.exists()


def test_a_file_that_is_too_large_is_left_out(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_head, "COMMITTED_BYTES_MAX", 3)
    assert committed_text(repository / "a.txt") is None
