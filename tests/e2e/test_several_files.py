"""The program with several files, as a person has it: from the start screen, with another person in one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import terminals, until

CTRL_N, CTRL_O, CTRL_P, ALT_Q = "\x0e", "\x0f", "\x10", "\x1bq"
F7, ALT_SHIFT_C, CTRL_PAGE_UP = "\x1b[18~", "\x1bC", "\x1b[5;5~"


async def test_from_the_start_screen_to_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started without a file: one is begun, written and saved, another one is opened by a few letters of its name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shopping.md").write_text("bread\n")
    async with terminals() as terminal:
        ann = terminal()
        await ann.shows("write together", "New file", "Join a file")
        await ann.press(CTRL_N)
        await ann.shows("A name in", "or a path")
        await ann.press("plan.md", "enter")
        await ann.says("plan.md", "new file")
        await ann.type("hello")
        await ann.press("ctrl+s")
        await ann.is_saved()
        assert (tmp_path / "plan.md").read_text() == "hello"
        await ann.press(CTRL_O)
        await ann.shows("Open    (in")
        await ann.press("shop", "enter")
        await ann.says("shopping.md")
        await ann.shows("plan.md", "bread")
        bob = terminal("shopping.md")
        await bob.shows("bread")
        await bob.says("with")
        await bob.press("ctrl+end")
        await bob.type("tea")
        await ann.shows("tea")
        await ann.press(ALT_Q)
        await ann.shows("Close with unsaved work?")
        await ann.press("enter")
        await ann.says("plan.md")
        await until(lambda: (tmp_path / "shopping.md").read_text() == "bread\ntea", "the file written")
        await ann.press("ctrl+q")
        assert await ann.ends() == 0
        await bob.is_saved()
        await bob.press("ctrl+q")
        assert await bob.ends() == 0


async def test_of_several_files_those_that_can_be_opened_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`jpterm-like *` with a picture and a folder among them opened nothing."""
    monkeypatch.chdir(tmp_path)
    for name, content in {"a.png": b"\x89PNG\0", "b.md": b"bread\n", "d.md": b"tea\n"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "c").mkdir()
    async with terminals() as terminal:
        editor = terminal(*sorted(path.name for path in tmp_path.iterdir()))
        await editor.shows("b.md", "d.md", "bread", "a.png is a binary file", "c is a folder")
        await editor.press("ctrl+q")
        assert await editor.ends() == 0
        none = terminal("a.png", "c")
        await none.shows("jpterm-like: ", "a.png is a binary file")
        assert await none.ends() == 1


async def test_a_file_is_renamed_while_two_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go on in the same text under the new name; the old one is gone. Deleting it leaves the text with the other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("bread\n")
    async with terminals() as terminal:
        ann, bob = terminal("notes.md"), terminal("notes.md")
        await ann.says("with")
        await bob.says("with")
        await ann.press(CTRL_P)
        await ann.shows("Commands")
        await ann.press("rename", "enter")
        await ann.shows("A name in ")
        await ann.press("ctrl+a", "plan.md", "enter")
        await ann.says("plan.md")
        await bob.says("plan.md")
        await bob.press("ctrl+end")
        await bob.type("tea")
        await ann.shows("tea")
        await bob.press("ctrl+s")
        await bob.is_saved()
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("plan.md", "bread\ntea")]
        await ann.press(CTRL_P)
        await ann.shows("Commands")
        await ann.press("delete the", "enter")
        await ann.shows("Delete plan.md?")
        await ann.press("down", "enter")
        await ann.shows("write together", "New file")
        await bob.shows("deleted plan.md", "bread")
        assert "moved away" not in bob.text, "it is told once"
        assert list(tmp_path.iterdir()) == []
        await bob.press("ctrl+s")
        await until(lambda: (tmp_path / "plan.md").exists(), "the file written again")


async def test_one_goes_along_with_the_other_and_lines_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann follows bob into another file and back; what one says is on the other's screen, and in no file."""
    monkeypatch.chdir(tmp_path)
    files = {name: "".join(f"{name} {line}\n" for line in range(100)) for name in ("notes.md", "plan.md")}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    async with terminals() as terminal:
        ann, bob = terminal("notes.md", "--name", "ann"), terminal("notes.md", "--name", "bob")
        await ann.says("with bob")
        await bob.says("with ann")
        await ann.press(F7)
        await ann.says("following bob")
        await bob.press("ctrl+end")
        await ann.shows("notes.md 99")
        await bob.press(CTRL_O)
        await bob.shows("Open    (in")
        await bob.press("plan", "enter")
        await bob.says("plan.md")
        await ann.says("plan.md", "following bob")
        await bob.press("ctrl+end")
        await ann.shows("plan.md 99")
        await bob.press(ALT_SHIFT_C)
        await bob.shows("Say a line to the others")
        await bob.press("lunch at noon?", "enter")
        await ann.shows("bob: lunch at noon?")
        await bob.shows("Said: lunch at noon?")
        await bob.press(CTRL_PAGE_UP)
        await bob.says("notes.md")
        await ann.says("notes.md", "following bob")
        await ann.press("\x1b")
        await until(lambda: "following" not in ann.bar, "the end of following")
        await ann.press(ALT_SHIFT_C)
        await ann.shows("Say a line to the others")
        await ann.press("yes", "enter")
        await bob.shows("ann: yes")
        for one in (ann, bob):
            await one.press("ctrl+q")
            assert await one.ends() == 0
    assert {name: (tmp_path / name).read_text() for name in files} == files
