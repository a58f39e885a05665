"""Where nothing can be kept, in somebody else's home, and with odd names, a file can still be edited or a sentence says why not."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jpterm_like.config import Paths
from tests.e2e.hub import hub_pid, kill_hub
from tests.e2e.terminal import PROGRAM, terminals, until

IS_ROOT = os.geteuid() == 0
STRANGER = 65_534
# Root may write everything, unless it gives that up.
STOPPED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *PROGRAM] if IS_ROOT else PROGRAM


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder whose path leaves room for a socket, as pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="jl-run-", dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
        for path in Path(folder).rglob("hub*.sock"):
            while hub_pid(path) is not None:  # it would write into the folder while that is removed
                kill_hub(path)


@pytest.mark.parametrize("home", ["closed", "missing"])
async def test_where_no_state_can_be_kept_files_are_edited_and_that_is_said(
    home: str, tmp_path: Path, runtime: Path
) -> None:
    file = tmp_path / "a.conf"
    file.write_text("one\n")
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    state = closed if home == "closed" else closed / "not/there"
    async with terminals() as terminal:
        editor = terminal(str(file), env={"XDG_STATE_HOME": str(state)}, program=STOPPED)
        await editor.shows("one", "XDG_STATE_HOME", "only until a")
        await editor.is_saved()
        await editor.press("X", "ctrl+s")
        await until(lambda: file.read_text() == "Xone\n", "the file to be saved")
        await editor.is_saved()  # a moment later, when the server has said so; until then ctrl+q asks
        await editor.press("ctrl+q")
        assert await editor.ends() == 0
    assert not list(closed.iterdir())
    assert list(runtime.glob("jpterm-like/state-*/pads"))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk without room."""
    folder = tmp_path / "full"
    folder.mkdir()
    if (
        not IS_ROOT
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", folder], check=False).returncode
    ):
        pytest.skip("may not mount")
    try:
        with (folder / "fill").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(4096))
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_where_the_disk_of_the_state_is_full_files_are_edited_and_that_is_said(
    full_disk: Path, tmp_path: Path, runtime: Path
) -> None:
    """No hub could start, so the file could not be saved either, although its own disk had room."""
    file = tmp_path / "a.conf"
    file.write_text("one\n")
    env = {"XDG_STATE_HOME": str(full_disk)}
    async with terminals() as terminal:
        editor = terminal(str(file), env=env)
        await editor.shows("one", "is on a full disk", "only until a")
        await editor.is_saved()
        await editor.press("X", "ctrl+s")
        await until(lambda: file.read_text() == "Xone\n", "the file to be saved")
        (full_disk / "fill").unlink()
        other = terminal(str(file), env=env)
        await other.shows("Xone", "is on a full disk")
        await other.type("Y")
        await editor.shows("YXone")
        for each in (other, editor):
            await each.press("ctrl+s")
            await each.is_saved()
            await each.press("ctrl+q")
            assert await each.ends() == 0
    assert not list(full_disk.iterdir())
    assert not list(runtime.glob("jpterm-like/state-*/replicas/*")), (
        "with nothing unsaved the usual place counts again"
    )


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_root_leaves_nothing_in_somebody_else_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -E`, and sudo on macOS, keep HOME; what root makes there locks the user out."""
    theirs, own = tmp_path / "theirs", tmp_path / "root"
    theirs.mkdir()
    os.chown(theirs, STRANGER, STRANGER)
    entry = pwd.getpwuid(0)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd((*entry[:5], str(own), entry[6])))
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(theirs))
    paths = Paths.of_user()
    for folder in (paths.state_folder, paths.config, paths.cache):
        assert folder.is_relative_to(own)
    os.chown(theirs, 0, 0)
    assert Paths.of_user().state_folder.is_relative_to(theirs)


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
async def test_state_that_root_left_behind_is_told_with_its_owner(tmp_path: Path, runtime: Path) -> None:
    """Once with sudo, and the user was locked out of every file."""
    file = tmp_path / "a.conf"
    file.write_text("one\n")
    left = tmp_path / "state/jpterm-like/replicas"
    left.mkdir(parents=True, mode=0o700)
    os.chown(left, STRANGER, STRANGER)
    async with terminals() as terminal:
        editor = terminal(str(file), env={"XDG_STATE_HOME": str(tmp_path / "state")}, program=STOPPED)
        await editor.shows("one", "chown -R", pwd.getpwuid(STRANGER).pw_name)
        await editor.says("connected")  # the hub is there, so that the end of the test finds it


@pytest.mark.parametrize("name", ["~tilde.txt", "~root", "~nobodyhere/../a.txt"])
async def test_a_name_that_begins_with_a_tilde_is_a_file_s(name: str, tmp_path: Path) -> None:
    (tmp_path / "~nobodyhere").mkdir()
    file = tmp_path / name
    file.write_text("one\n")
    async with terminals() as terminal:
        editor = terminal(name, cwd=tmp_path)
        await editor.is_saved()
        await editor.press("X", "ctrl+s")
        await until(lambda: file.read_text() == "Xone\n", "the file to be saved")


async def test_the_editor_refuses_a_name_that_is_not_utf8_at_once(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.txt")
    Path(os.fsdecode(path)).write_text("one\n")
    async with terminals() as terminal:
        editor = terminal(os.fsdecode(path))
        assert await editor.ends() == 1
        await editor.shows("not UTF-8")


@pytest.mark.parametrize("command", [["cat"], ["append"]])
def test_a_name_that_is_not_utf8_is_refused_at_once_in_a_sentence(command: list[str], tmp_path: Path) -> None:
    for name in (b"caf\xe9.txt", b"caf\xe9/a.txt"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            stream.write("one\n")
        words = [*PROGRAM, *command, path, *(["x"] if command == ["append"] else [])]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "not UTF-8" in done.stderr and done.stderr.count("\n") == 1, done.stderr
