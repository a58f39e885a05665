"""A file that one may not write says so when it is opened, and can always be left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.terminal import PROGRAM, terminals, until

STRANGER = 65_534
IS_ROOT = os.geteuid() == 0
# Root may write everything, unless it gives that up.
STOPPED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *PROGRAM] if IS_ROOT else PROGRAM


def _mode_0444(folder: Path) -> Path:
    file = folder / "mine.conf"
    file.write_text("as it was\n")
    file.chmod(0o444)
    return file


def _in_a_closed_folder(folder: Path) -> Path:
    (folder / "closed").mkdir()
    file = folder / "closed/mine.conf"
    file.write_text("as it was\n")
    file.chmod(0o444)
    (folder / "closed").chmod(0o555)
    return file


def _of_another(folder: Path) -> Path:
    if not IS_ROOT:
        pytest.skip("needs root")
    file = folder / "theirs.conf"
    file.write_text("as it was\n")
    os.chown(file, STRANGER, STRANGER)
    return file


@pytest.mark.parametrize("make", [_mode_0444, _in_a_closed_folder, _of_another])
@pytest.mark.parametrize("leaving", ["discard", "keep"])
async def test_a_file_that_may_not_be_written_says_so_and_can_be_left(
    make: object, leaving: str, tmp_path: Path
) -> None:
    file = make(tmp_path)  # type: ignore[operator]
    before = file.stat()
    async with terminals() as terminal:
        editor = terminal(str(file), program=STOPPED)
        await editor.shows("as it was", "Duplicate the file", "read only")
        assert "read only" in editor.bar
        await editor.type("x")
        await editor.says("unsaved")
        await editor.press("ctrl+q")
        await editor.shows("Discard", "Save a copy")
        assert "Save and quit" not in editor.text, "it cannot be saved"
        await editor.press(*["down"] * (2 if leaving == "discard" else 1), "enter", gap_s=0.1)
        assert await editor.ends() == 1
        assert file.read_text() == "as it was\n"
        assert file.stat().st_ino == before.st_ino and file.stat().st_mtime_ns == before.st_mtime_ns
        again = terminal(str(file), program=STOPPED)
        await again.shows("as it was" if leaving == "discard" else "xas it was", "read only")


async def test_a_file_that_becomes_read_only_while_it_is_open_says_so_and_says_when_it_is_over(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.conf"
    file.write_text("as it was\n")
    async with terminals() as terminal:
        editor = terminal(str(file), program=STOPPED)
        await editor.is_saved()
        assert "read only" not in editor.text
        file.chmod(0o444)
        await editor.shows("Duplicate the file")
        await editor.says("read only")
        file.chmod(0o644)
        await editor.shows("mine.conf may be written now.")
        await until(lambda: "read only" not in editor.bar, "no word of it in the bar")


async def test_a_new_file_where_none_may_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    async with terminals() as terminal:
        editor = terminal(str(tmp_path / "closed/new.md"), program=STOPPED)
        await editor.shows("new.md cannot be created", "a copy under another name", "read only")
        await editor.press("ctrl+q")
        assert await editor.ends() == 0


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
async def test_a_read_only_mount_says_so_can_be_left_and_says_when_it_may_be_written(tmp_path: Path) -> None:
    """No permission of the file tells it, and root is stopped, too."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    file = folder / "a.conf"
    file.write_text("as it was\n")

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, folder], check=True)

    if subprocess.run(["mount", "--bind", folder, folder], check=False).returncode:
        pytest.skip("may not mount")
    try:
        mount("-o", "remount,bind,ro")
        async with terminals() as terminal:
            left = terminal(str(file))
            await left.shows("as it was", "read-only):")
            await left.says("read only")
            await left.type("x")
            await left.says("unsaved")
            await left.press("ctrl+q")
            await left.shows("Discard")
            await left.press("down", "down", "enter", gap_s=0.1)
            assert await left.ends() == 1
            editor = terminal(str(file))
            await editor.shows("as it was", "read-only):")
            mount("-o", "remount,bind,rw")
            await editor.shows("a.conf may be written now.")
            await editor.press("X", "ctrl+s")
            await until(lambda: file.read_text() == "Xas it was\n", "it is saved")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
