"""Signs and links of real files: in a git folder, and on a server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.terminal import Serve, Terminal, terminals, until


def first_cells(editor: Terminal, rows: int = 4) -> str:
    return "".join(row[0] for row in editor.screen.display[:rows])


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
async def test_signs_of_a_file_in_a_git_folder(tmp_path: Path) -> None:
    """Changed since the commit, then also since the save; a save and another program's change are followed."""
    file = tmp_path / "notes.md"
    file.write_text("one\ntwo\nthree\n")
    commit = ["-c", "user.name=ann", "-c", "user.email=ann@box", "commit", "-qm", "first"]
    for words in (["init", "-q"], ["add", "notes.md"], commit):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)
    file.write_text("one\n2\nthree\n")
    async with terminals() as terminal:
        editor = terminal(str(file))
        await until(lambda: first_cells(editor) == " │  ", "the line that is not committed")
        await editor.press("X")
        await until(lambda: first_cells(editor) == "▌│  ", "the line that is not saved")
        await editor.press("\x1bD")
        await editor.shows("Not saved: line 1", "- one", "+ Xone")
        await editor.press("r")
        await until(lambda: first_cells(editor) == " │  ", "the reverted line")
        await editor.press("Y", "ctrl+s")
        await editor.is_saved()
        await until(lambda: first_cells(editor) == "││  ", "the saved line")
        await editor.press("Z")
        await until(lambda: first_cells(editor) == "▌│  ", "the line that is not saved again")
        file.write_text("Yone\ntwo\nthree\nfour\n")
        await until(
            lambda: first_cells(editor) == "▌  │", "the lines of another program, which are in the file"
        )


async def test_a_link_on_a_server_opens_the_file_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "a.md").write_text("[b](b.md#end) [out](../../secret.md)\n")
    (folder / "docs" / "b.md").write_text("# Begin\n\n# End\n")
    (tmp_path / "secret.md").write_text("secret\n")
    server = Serve(folder)
    try:
        async with terminals() as terminal:
            editor = terminal(f"{server.url}/docs/a.md")
            await editor.shows("[out]")
            await editor.press("end", "left", "\x1b\r")
            await editor.shows("outside of the shared folder")
            await editor.press("home", "right", "\x1b\r")
            await editor.shows("# Begin")
            await editor.says("line 3")
    finally:
        server.kill()
