"""Two openings of one file by one user are one session, whatever the environment and the name of the file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from jpterm_like.config import Paths
from tests.e2e.terminal import run, terminals


@pytest.mark.parametrize("short", [True, False], ids=["socket in the state folder", "path too long for it"])
async def test_shells_with_and_without_a_runtime_folder_meet(
    short: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login has XDG_RUNTIME_DIR; `su -`, `sudo -i`, cron and a container's exec have not."""
    if not short:
        long = tmp_path / ("x" * 120)
        long.mkdir()
        monkeypatch.setenv("XDG_STATE_HOME", str(long))
    file = tmp_path / "f.md"
    file.write_text("text\n")
    async with terminals() as terminal:
        ann = terminal(str(file), "--name", "ann")
        await ann.is_saved()
        bob = terminal(str(file), "--name", "bob", env={"XDG_RUNTIME_DIR": ""})
        await bob.says("with ann")
        await ann.says("with bob")


async def test_names_of_one_file_meet(tmp_path: Path) -> None:
    """A link, a link in a folder above, `./f.md` and `..`."""
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder/f.md"
    file.write_text("text\n")
    (tmp_path / "l.md").symlink_to(file)
    (tmp_path / "folders").symlink_to(tmp_path / "folder")
    async with terminals() as terminal:
        ann = terminal(str(file), "--name", "ann")
        await ann.is_saved()
        for number, name in enumerate(("l.md", "folders/f.md", "./folder/f.md", "folder/../l.md")):
            other = terminal(name, "--name", f"bob{number}", cwd=tmp_path)
            await other.says("with ann")
            other.close()


async def test_homes_of_one_user_meet_in_a_file_and_share_nothing_else(tmp_path: Path) -> None:
    """One hub for each user and state folder; a file that another one has is edited there."""
    file = tmp_path / "f.md"
    file.write_text("text\n")
    (tmp_path / "other").mkdir(mode=0o700)
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "other"), "XDG_RUNTIME_DIR": ""}
    async with terminals() as terminal:
        ann = terminal(str(file), "--name", "ann")
        await ann.is_saved()
        bob = terminal(str(file), "--name", "bob", env=elsewhere)
        await bob.says("with ann")
        await ann.says("with bob")
        assert (tmp_path / "other/jpterm-like/hub.lock").exists()  # a hub of its own was started, and asked


async def test_two_names_of_one_file_are_one_tab(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("text\n")
    (tmp_path / "l.md").symlink_to("n.md")
    async with terminals() as terminal:
        editor = terminal("n.md", "l.md", "./n.md", "--name", "ann", cwd=tmp_path)
        await editor.is_saved()
        await editor.type("x")
        await editor.says("unsaved")
        assert "with" not in editor.bar
        assert editor.screen.display[0].strip().startswith("1") and "l.md" not in editor.text


def test_a_hub_on_another_machine_of_one_home_is_named(tmp_path: Path) -> None:
    """The lock on a shared disk is held elsewhere, and nobody listens here."""
    file = tmp_path / "f.md"
    file.write_text("text\n")
    lock = os.open(Paths.of_user().state / "hub.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, b"build-7.example.org\n4711\n/run/user/7/hub.sock\n")
        done = run("cat", str(file))
    finally:
        os.close(lock)
    assert done.returncode == 1
    assert "build-7.example.org" in done.stderr and "4711" in done.stderr, done.stderr
