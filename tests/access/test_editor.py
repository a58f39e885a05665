"""The program as $EDITOR: it stays in the foreground, its exit code tells, and nothing comes out of it."""

from __future__ import annotations

import asyncio
import os
import pty
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jpterm_like.cli.edit import FileArgument, parse_files
from jpterm_like.errors import JptermError
from tests.e2e.terminal import PROGRAM, Terminal, run, terminals
from tests.e2e.test_bad_input import AS_USER

EDITOR = shlex.join(PROGRAM)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["f"], [FileArgument("f")]),
        (["+12", "f"], [FileArgument("f", (12, 1))]),
        (["+12,5", "f", "g"], [FileArgument("f", (12, 5)), FileArgument("g")]),
        (["f:12"], [FileArgument("f", (12, 1))]),
        (["f:12:"], [FileArgument("f", (12, 1))]),
        (["f:12:5"], [FileArgument("f", (12, 5))]),
        (["f", "+3", "g:9:9"], [FileArgument("f"), FileArgument("g", (3, 1))]),
        (["+0", "f"], [FileArgument("f", (1, 1))]),
        (["ws://h:8765/f"], [FileArgument("ws://h:8765/f")]),
        (["ws://h:8765"], [FileArgument("ws://h:8765")]),
        (["ws://h:8765/f:12:5"], [FileArgument("ws://h:8765/f", (12, 5))]),
        (["a:b"], [FileArgument("a:b")]),
    ],
)
def test_places_on_the_command_line(
    words: list[str], wanted: list[FileArgument], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """+12, +12,5 and what compilers and grep print."""
    monkeypatch.chdir(tmp_path)
    assert parse_files(words) == wanted


def test_a_file_with_numbers_in_its_name_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there counts more than what it could mean."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f:12").touch()
    (tmp_path / "+3").touch()
    assert parse_files(["f:12", "+3"]) == [FileArgument("f:12"), FileArgument("+3")]


def test_a_place_without_a_file_is_a_sentence() -> None:
    with pytest.raises(JptermError, match="name that file, too"):
        parse_files(["f", "+12"])


async def in_editor(name: Path, terminal: object, *arguments: str) -> Terminal:
    one: Terminal = terminal(*arguments, str(name))  # type: ignore[operator]
    await one.shows("connected")
    return one


async def test_a_folder_is_opened_by_choosing_one_of_its_files(tmp_path: Path) -> None:
    """Names are meant in it from then on; with --view nothing there can be changed."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "plan.md").write_text("the plan\n")
    (tmp_path / "other.md").write_text("another text\n")
    async with terminals() as terminal:
        one: Terminal = terminal(str(tmp_path), "--view")
        await one.shows("Open", "docs/plan.md", "other.md")
        await one.type("plan")
        await one.press("enter")
        await one.shows("the plan", "read only")


async def test_the_exit_code_tells_whether_everything_was_saved(tmp_path: Path) -> None:
    """0 when saved or not changed, 1 when left with unsaved changes, or without them: git then goes on with nothing old."""
    file = tmp_path / "message"
    file.write_text("subject\n")
    async with terminals() as terminal:
        untouched = await in_editor(file, terminal)
        await untouched.press("ctrl+q")
        assert await untouched.ends() == 0

        saved = await in_editor(file, terminal)
        await saved.type("my ")
        await saved.press("ctrl+s")
        await saved.is_saved()
        await saved.press("ctrl+q")
        assert await saved.ends() == 0
        assert file.read_text() == "my subject\n"

        left = await in_editor(file, terminal)
        await left.press("ctrl+home")
        await left.type("never ")
        await left.shows("never my subject")
        await left.press("ctrl+q")
        await left.shows("with unsaved work?", "Cancel")
        await left.press("down", "enter")
        assert await left.ends() == 1
        assert file.read_text() == "my subject\n"

        asked = await in_editor(file, terminal)
        await asked.press("ctrl+q")
        await asked.shows("with unsaved work?", "Cancel")
        await asked.press("enter")
        assert await asked.ends() == 0
        assert file.read_text() == "never my subject\n"

        dropped = await in_editor(file, terminal)
        await dropped.press("ctrl+home")
        await dropped.type("or ")
        await dropped.shows("or never my subject")
        await dropped.press("ctrl+q")
        await dropped.shows("with unsaved work?", "Discard", "Cancel")
        await dropped.press("down", "down", "enter")
        assert await dropped.ends() == 1
        assert file.read_text() == "never my subject\n"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "ann")
    git(folder, "config", "user.email", "ann@example.org")
    (folder / "a.txt").write_text("a\n")
    git(folder, "add", "a.txt")
    return folder


async def test_git_commit(repository: Path) -> None:
    """EDITOR=jpterm-like git commit: the message is the saved text, one left unsaved is no commit; others may join."""
    env = {"EDITOR": EDITOR, "GIT_EDITOR": EDITOR}
    async with terminals() as terminal:
        left: Terminal = terminal("commit", program=["git"], cwd=repository, env=env)
        await left.shows("connected", "Please enter the commit message")
        await left.press("ctrl+q")
        assert await left.ends() == 1
        await left.shows("Aborting commit due to empty commit message")

        one: Terminal = terminal("commit", program=["git"], cwd=repository, env=env)
        await one.shows("connected", "Please enter the commit message")
        other: Terminal = terminal(str(repository / ".git/COMMIT_EDITMSG"))
        await other.shows("connected")
        await one.type("Add a")
        await other.shows("Add a")
        await other.press("end")
        await other.type(" file")
        await one.shows("Add a file")
        await one.press("ctrl+s")
        await one.is_saved()
        await one.press("ctrl+q")
        assert await one.ends() == 0
        assert git(repository, "log", "-1", "--format=%B").strip() == "Add a file"
        await other.press("ctrl+q")
        await other.ends()


async def test_git_commit_left_unsaved_fails(repository: Path) -> None:
    """Git makes no commit of a message that its writer did not save."""
    async with terminals() as terminal:
        one: Terminal = terminal("commit", program=["git"], cwd=repository, env={"GIT_EDITOR": EDITOR})
        await one.shows("connected", "Please enter the commit message")
        await one.type("half a thought")
        await one.press("ctrl+q")
        await one.shows("with unsaved work?", "Cancel")
        await one.press("down", "enter")
        assert await one.ends() == 1
        await one.shows("problem with the editor")
    assert subprocess.run(
        ["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, check=False
    ).returncode


async def test_words_that_were_left_are_offered_in_the_next_message_and_not_in_it(repository: Path) -> None:
    """The terminal of a `git commit` is closed, or its words are kept: the next one begins with git's own text, which is
    written anew for it, and the command brings the words in. Those given up with "aborts git commit" are not offered."""
    message = repository / ".git/COMMIT_EDITMSG"
    async with terminals() as terminal:

        async def commit() -> Terminal:
            one: Terminal = terminal("commit", program=["git"], cwd=repository, env={"GIT_EDITOR": EDITOR})
            await one.shows("connected", "Please enter the commit message")
            return one

        async def command(one: Terminal, words: str) -> None:
            await one.press("ctrl+p")
            await one.shows("Commands")
            await one.type(words)
            await one.press("enter")

        closed = await commit()
        await closed.type("words of before")
        await closed.shows("words of before")
        closed.hang_up()
        await asyncio.to_thread(closed.process.wait, 20)

        again = await commit()
        await again.shows("set aside")
        assert "words of before" not in "".join(again.screen.display)
        assert run("cat", str(message)).stdout == message.read_text()
        await command(again, "bring back")
        await again.shows("words of before", "Restored what")
        await command(again, "aborts git commit")
        assert await again.ends() == 1

        third = await commit()
        assert "set aside" not in "".join(third.screen.display)
        assert run("cat", str(message)).stdout == message.read_text()
        await third.press("ctrl+q")
        await third.ends()


async def test_words_that_were_left_are_not_woven_into_the_next_rebase_nor_amended_message(
    repository: Path,
) -> None:
    """Git writes these files anew for each call, under the same names; what was left in them is offered."""
    for number in range(3):
        (repository / "a.txt").write_text(f"{number}\n")
        git(repository, "commit", "-qam", f"step {number}")
    async with terminals() as terminal:

        async def call(*arguments: str) -> Terminal:
            env = {"GIT_EDITOR": EDITOR, "GIT_SEQUENCE_EDITOR": EDITOR}
            one: Terminal = terminal(*arguments, program=["git"], cwd=repository, env=env)
            await one.shows("step 2", "connected")
            return one

        for arguments in (("rebase", "-i", "HEAD~2"), ("commit", "--amend")):
            left = await call(*arguments)
            await left.type("words of before ")
            await left.shows("words of before")
            left.hang_up()
            await asyncio.to_thread(left.process.wait, 20)
            shutil.rmtree(repository / ".git/rebase-merge", ignore_errors=True)  # it may end before git
            again = await call(*arguments)
            await again.shows("set aside")
            assert "words of before" not in again.text
            await again.press("ctrl+q")
            assert await again.ends() == 0
    assert git(repository, "log", "-1", "--format=%B").strip() == "step 2"


VISUDO = """
cp {real} {temporary} && touch -r {real} {temporary}
{editor} {temporary} && cp {temporary} {real}
code=$?; rm -f {temporary}; exit $code
"""
"""What visudo and vipw do: the temporary file always has the same name, and the time of the real one."""


async def test_words_that_were_left_in_visudo_are_not_woven_into_its_next_file(tmp_path: Path) -> None:
    """They were: by its time the new file seemed older than the words."""
    real, temporary = tmp_path / "sudoers", tmp_path / "sudoers.tmp"
    real.write_text("root ALL=(ALL) ALL\n")
    os.utime(real, (1e9, 1e9))
    script = VISUDO.format(real=real, temporary=temporary, editor=EDITOR)
    async with terminals() as terminal:

        async def call() -> Terminal:
            one: Terminal = terminal("-c", script, program=["sh"])
            await one.shows("root ALL", "connected")
            return one

        left = await call()
        await left.type("words of before ")
        await left.shows("words of before")
        left.hang_up()
        await asyncio.to_thread(left.process.wait, 20)
        temporary.unlink(missing_ok=True)
        again = await call()
        await again.shows("set aside")
        assert "words of before" not in again.text
        await again.press("ctrl+q")
        assert await again.ends() == 0
    assert real.read_text() == "root ALL=(ALL) ALL\n"


async def test_unsaved_work_that_is_younger_than_the_file_is_there_when_a_program_calls_again(
    tmp_path: Path,
) -> None:
    """The caller has not written the file anew, so nothing is set aside: what I typed after my last save is there."""
    file = tmp_path / "f"
    file.write_text("text\n")
    async with terminals() as terminal:
        one: Terminal = terminal("-c", f"{EDITOR} {file}; true", program=["sh"])
        await one.shows("text", "connected")
        await one.type("saved ")
        await one.press("ctrl+s")
        await one.is_saved()
        await asyncio.sleep(1.1)  # times of operations are whole seconds
        await one.type("kept ")
        await one.press("ctrl+q")
        await one.shows("with unsaved work?", "Cancel")
        await one.press("down", "enter")
        await one.ends()
        again: Terminal = terminal("-c", f"{EDITOR} {file}; true", program=["sh"])
        await again.shows("saved kept text", "connected")
        assert "set aside" not in again.text
        await again.press("ctrl+q")


async def test_a_file_that_may_not_be_written_can_be_left_without_what_was_typed(tmp_path: Path) -> None:
    """Discarding writes nothing, so nothing refuses it; the next opening has the file's text and calls it saved."""
    file = tmp_path / "readonly"
    file.write_text("one\n")
    file.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        async with terminals() as terminal:
            one: Terminal = terminal(str(file), **AS_USER)
            await one.shows("connected", "saved")
            await one.type("x")
            await one.shows("xone")
            await one.press("ctrl+q")
            await one.shows("with unsaved work?", "Discard")
            await one.press("down", "down", "enter")
            assert await one.ends() == 1
            again: Terminal = terminal(str(file), **AS_USER)
            await again.shows("one", "connected")
            await again.is_saved()
            await again.press("ctrl+q")
            assert await again.ends() == 0
    finally:
        tmp_path.chmod(0o755)
    assert file.read_text() == "one\n"


async def test_unsaved_work_in_a_file_that_was_changed_meanwhile_is_merged(tmp_path: Path) -> None:
    """Nobody called us: what another program changed comes into the text that waits here, as always."""
    file = tmp_path / "notes.md"
    file.write_text("one\n")
    async with terminals() as terminal:
        left = await in_editor(file, terminal)
        await left.type("mine ")
        await left.press("ctrl+q")
        await left.shows("with unsaved work?", "Cancel")
        await left.press("down", "enter")
        await left.ends()
        file.write_text("one\ntwo\n")
        again = await in_editor(file, terminal)
        await again.shows("mine one", "two")
        await again.press("ctrl+q")


CRONTAB = """
import os, subprocess, sys
path, editor = sys.argv[1:]
before = os.stat(path)
with open(path) as held:
    code = subprocess.call(editor + " " + path, shell=True)
    print("code", code, "changed", os.stat(path).st_mtime_ns != before.st_mtime_ns, flush=True)
    print("new:", open(path).read().replace("\\n", "/"), flush=True)
"""


async def test_a_program_that_waits_for_the_editor_and_reads_the_file_again(tmp_path: Path) -> None:
    """As crontab -e, sudoedit and visudo do: a file of /tmp, called through a shell, looked at by its time."""
    file = tmp_path / "crontab.Xy12"
    file.write_text("# m h\n")
    async with terminals() as terminal:
        one: Terminal = terminal("-c", CRONTAB, str(file), EDITOR, program=[sys.executable], columns=100)
        await one.shows("connected")
        await one.type("0 1 * * * true\n")
        await one.press("ctrl+s")
        await one.is_saved()
        await one.press("ctrl+q")
        assert await one.ends() == 0
        await one.shows("code 0 changed True", "new: 0 1 * * * true/# m h/")


async def test_several_files_places_and_a_reader(tmp_path: Path) -> None:
    """+12 f, f:12:5, two files as tabs; --view and --readonly take no key."""
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("".join(f"line {n}\n" for n in range(1, 31)))
    two.write_text("second\n")
    async with terminals() as terminal:
        first: Terminal = terminal("+12", str(one), str(two))
        await first.shows("line 12, column 1", "two.txt")
        second: Terminal = terminal(f"{one}:12:5")
        await second.shows("line 12, column 5")
        for option in ("--view", "--readonly"):
            reader: Terminal = terminal(option, str(one))
            await reader.shows("connected", "read only")
            await reader.type("x")
            await reader.shows("You may read this text")
            await reader.press("ctrl+q")
            assert await reader.ends() == 0
        for terminal_ in (first, second):
            await terminal_.press("ctrl+q")
            assert await terminal_.ends() == 0
    assert one.read_text().startswith("line 1\nline 2\n")


async def test_standard_input_can_be_edited(tmp_path: Path) -> None:
    """`echo hello | jpterm-like -` opens what came in a file that is kept and named at the end."""
    async with terminals() as terminal:
        one: Terminal = terminal("-c", f"echo hello | {EDITOR} -; echo code $?", program=["sh"])
        await one.shows("hello", "connected")
        await one.type("oh ")
        await one.press("ctrl+s")
        await one.is_saved()
        await one.press("ctrl+q")
        await one.shows("what came on standard input is in", "code 0")
    [kept] = Path(os.environ["XDG_STATE_HOME"], "jpterm-like", "scratch").iterdir()
    assert kept.read_text() == "oh hello\n"
    assert kept.stat().st_mode & 0o077 == 0


async def test_nothing_comes_out_on_standard_output(tmp_path: Path) -> None:
    """What calls an editor may read what it prints: all that is drawn goes to the terminal by another way."""
    file = tmp_path / "f"
    file.write_text("text\n")
    reading, writing = pty.openpty()
    try:
        os.set_blocking(reading, False)
        async with terminals() as terminal:
            one: Terminal = terminal("-c", f"exec {EDITOR} {file} >{os.ttyname(writing)}", program=["sh"])
            await one.shows("text", "connected")
            await one.press("ctrl+q")
            assert await one.ends() == 0
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    finally:
        os.close(reading)
        os.close(writing)
