"""Search and replace in all files with real programs: of a folder, and of a server with another person in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.terminal import Serve, Terminal, terminals, until

ALT_SHIFT_S, ALT_A, ALT_SHIFT_R, ESC, TAB = "\x1bS", "\x1ba", "\x1bR", "\x1b", "\t"


def make_folder(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    for name, text in {
        ".gitignore": "*.log\n",
        "a.md": "the colour of one\n",
        "docs/b.md": "no\ncolour here\n",
        "c.log": "colour ignored\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


async def search(editor: Terminal, words: str) -> None:
    await editor.press(ALT_SHIFT_S)
    await editor.shows("Search in all files")
    await editor.press(words, "enter")


@pytest.mark.parametrize("where", ["folder", "server"])
async def test_all_files_are_searched_and_replaced_and_the_text_of_now_counts(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has typed and not saved is found; a file that git ignores is not; the other person sees the replacing."""
    folder = tmp_path / "texts"
    make_folder(folder)
    monkeypatch.chdir(folder)
    serve = Serve(folder) if where == "server" else None
    try:
        async with terminals() as terminal:
            file = "a.md" if serve is None else f"{serve.url}/a.md"
            ann = terminal(file, "--name", "ann")
            bob = terminal(file, "--name", "bob")
            await ann.says("with bob")
            await bob.press("ctrl+end")
            await bob.type("colour typed\n")
            await ann.shows("colour typed")
            await search(ann, "colour")
            ignored = 0 if serve is None else 1  # a server lists what it shares
            await ann.shows(
                f"{3 + ignored} matches in {2 + ignored} files", "a.md", "docs/b.md", "colour here"
            )
            assert ("colour ignored" in ann.text) is bool(ignored)
            await ann.press(TAB, "color", ALT_A)
            await ann.shows(f"Replace {3 + ignored} matches in {2 + ignored} files?")
            await ann.press("enter")
            await ann.shows(f"Replaced {3 + ignored} in {2 + ignored} files")
            await bob.shows("the color of one", "color typed")
            await until(
                lambda: (folder / "docs/b.md").read_text() == "no\ncolor here\n", "the other file saved"
            )
    finally:
        if serve is not None:
            serve.stop()
