"""Two openings of one file by one user are one session, whatever the environment and the name of the file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from jpterm_like import connect
from jpterm_like.client.events import Notice
from jpterm_like.config import Paths
from tests.e2e.terminal import Serve, run, terminals


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


@pytest.mark.parametrize("unsaved", ["", "unsaved\n"])
async def test_a_second_opening_is_told_of_no_other_history(unsaved: str, tmp_path: Path) -> None:
    """A second terminal has no journal of a file that was edited since its first opening, so it begins with a history
    of its own. It wrote nothing in that, so nothing of it is lost."""
    file = tmp_path / "f.md"
    file.write_text("one\n")
    async with connect(str(file), name="ann") as before:
        await before.synced()
        before.replace(0, 0, "zero\n")
        await before.save()
    told: list[str] = []
    async with connect(str(file), name="ann") as first:
        await first.synced()
        first.replace(0, 0, unsaved)
        await first.stored()
        async with connect(str(file), name="ann") as second:
            second.listen(lambda event: told.append(event.sentence) if isinstance(event, Notice) else None)
            await second.synced()
            second.replace(0, 0, "minus one\n")
            await second.stored()
            assert second.text == f"minus one\n{unsaved}zero\none\n"
    assert told == []


async def test_two_names_of_one_file_are_one_tab(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("text\n")
    (tmp_path / "l.md").symlink_to("n.md")
    async with terminals() as terminal:
        editor = terminal("n.md", "l.md", "./n.md", "--name", "ann", cwd=tmp_path)
        await editor.is_saved()
        await editor.type("x")
        await editor.says("unsaved")
        assert "with" not in editor.bar
        assert editor.screen.display[0].strip(" ▌").startswith("1") and "l.md" not in editor.text


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


async def test_the_path_of_a_served_file_and_its_address_meet(tmp_path: Path) -> None:
    """Also in a folder below, and no longer once the server was killed and has left its note."""
    (tmp_path / "docs").mkdir()
    file = tmp_path / "docs/f.md"
    file.write_text("text\n")
    serve = Serve(tmp_path)
    try:
        async with terminals() as terminal:
            ann = terminal(f"{serve.url}/docs/f.md", "--name", "ann")
            await ann.is_saved()
            bob = terminal(str(file), "--name", "bob")
            await bob.shows("shared by your server")  # passes after some seconds
            await bob.says("with ann")
            await ann.says("with bob")
            assert run("who", str(file)).stdout.count("\n") == 2
            both = terminal(f"{serve.url}/docs/f.md", str(file), "--name", "carl")
            await both.says("ann", "bob")
            assert "carl" not in both.text
        serve.kill()
        assert run("cat", str(file)).stdout == "text\n"
    finally:
        serve.kill() if serve.process.poll() is None else None


async def test_the_path_of_a_file_that_is_served_with_tokens_says_how_to_join(tmp_path: Path) -> None:
    """It cannot be entered by its path; nobody is to believe that they write with the others."""
    file = tmp_path / "f.md"
    file.write_text("text\n")
    assert run("token", "new", "--role", "edit").returncode == 0
    serve = Serve(tmp_path, "--behind-proxy")
    try:
        async with terminals() as terminal:
            ann = terminal(str(file), "--name", "ann")
            await ann.shows("shares this file with tokens", "To join them", "jpterm-like share")
            await ann.is_saved()
    finally:
        serve.stop()


def test_a_hidden_file_of_a_served_folder_is_not_the_server_s(tmp_path: Path) -> None:
    """It does not share them, and its own store; they open as any other file."""
    (tmp_path / ".hidden").mkdir()
    file = tmp_path / ".hidden/f.md"
    file.write_text("text\n")
    serve = Serve(tmp_path)
    try:
        assert run("cat", str(file)).stdout == "text\n"
    finally:
        serve.stop()
