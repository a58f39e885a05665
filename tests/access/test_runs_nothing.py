"""Nothing in a shared folder runs anything: no program is asked there, and nobody makes a file that one obeys."""

from __future__ import annotations

import ast
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_raw

import jpterm_like
from jpterm_like import config
from jpterm_like.access.local_users import role_by_permissions
from jpterm_like.config import display_name
from jpterm_like.files import ignore_rules
from jpterm_like.files.ignore_rules import files_in
from jpterm_like.files.read import NotShared
from jpterm_like.files.safe_names import why_not_shared
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.sync import wire
from tests.access.test_paths import answers
from tests.e2e.terminal import PROGRAM, Serve, run

ROOT = Path(__file__).parents[2]

OBEYED = (
    ".git", ".GIT", ".git ", ".git.", ".git::$INDEX_ALLOCATION", ".g\u200cit", "\ufeff.git", "\uff0egit", "\u2024git", "docs/.git",
    "GIT~1", "git~1", "GI7EBA~1", ".gitmodules", ".gitattributes", ".gitconfig", ".envrc", ".bashrc", ".profile", ".vimrc",
    ".exrc", ".nvim.lua", ".dir-locals.el", ".gdbinit", ".npmrc", ".pre-commit-config.yaml", ".hgrc", ".htaccess", ".netrc",
    ".ssh/rc", ".vscode/tasks.json", ".github/workflows/x.yml", ".Gitignore", ".gitignore ", "_vimrc", "_EXRC", "_darcs/prefs/defaults",
    "Library/LaunchAgents/x.plist", "Library/Application Support/Code/User/tasks.json", "AppData/Roaming/x.bat", "startup.m", "_emacs",
    "docs/mise.toml", "ansible.cfg", "sitecustomize.py", "HEAD", "evil/HEAD", "evil/head", "evil/HEAD.", "evil/HEAD::$DATA",
    "evil/\uff28EAD", "kept/HEAD", "kept/config", "kept/objects/x", "kept/refs/x", "kept/hooks/post-checkout",
    "kept/notes.md", "kept/deep/er/config",
)  # fmt: skip
"""Names of what git, a shell, an editor obeys. `kept` is a repository that was there before."""

READ = (
    ".gitignore", ".dockerignore", ".editorconfig", ".mailmap", ".env", ".env.example", "...", "Makefile", "package.json", "run.sh",
    "config", "objects/x", "refs/x", "head.md", "head/notes.md", "docs/config", "notes~1.md", "a:b", "git", "vimrc",
)  # fmt: skip
"""Names of what people read, and programs that somebody starts on purpose."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    (place / "docs").mkdir(parents=True)
    (place / "kept").mkdir()
    (place / "kept" / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "kept" / "notes.md").write_text("x\n")
    return place


def test_no_shared_name_is_obeyed_by_a_program(place: Path) -> None:
    """Whatever its capitals, invisible characters and ends, also as a link; what is only read is shared."""
    (place / "inner").symlink_to("kept")
    folder = SharedFolder(place)
    for name in (*OBEYED, "inner/config"):
        with pytest.raises(NotShared):
            folder.path_of(name)
    for name in READ:
        assert folder.path_of(name) == place.resolve() / name
    assert folder.names() == []


@pytest.mark.parametrize(
    "root",
    [".ssh", ".git/hooks", ".config/autostart", "kept", "kept/refs", ".bashrc.d", "Library/LaunchAgents"],
)
def test_a_folder_of_start_files_or_a_repository_is_not_served(place: Path, root: str) -> None:
    """There no name need be hidden to be obeyed."""
    (place / root).mkdir(parents=True, exist_ok=True)
    done = run("serve", str(place / root), "--listen", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not shared" in done.stderr and "obeys" in done.stderr.replace("obey what", "obeys")


async def test_a_server_makes_renames_and_opens_nothing_that_is_obeyed(place: Path) -> None:
    """By raw messages, one file at a time, so that a repository could come together in parts."""
    serve = Serve(place)
    try:
        async with connect_raw(serve.url) as connection:
            found = await answers(
                connection, (*OBEYED, "new/config", "new/objects/x", "new/refs/x", "new/HEAD")
            )
        for name in (*OBEYED, "new/HEAD"):
            assert isinstance(found[name], wire.Refuse), f"{name!r} was opened"
        moved = subprocess.run(
            [*PROGRAM, "pipe", f"{serve.url}/notes.md"],
            input='{"do": "append", "text": "x"}\n{"do": "save"}\n',
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert moved.returncode == 0
        async with jpterm_like.connect(f"{serve.url}/notes.md", name="mallory") as doc:
            for name in (".git", "new/HEAD", ".envrc", "kept/config", ".vscode/x"):
                with pytest.raises(Exception, match="not shared"):
                    await doc.rename(name)
    finally:
        serve.stop()
    assert not any((place / name).exists() for name in (".git", "new/HEAD", ".envrc", "kept/config"))


def test_listing_a_folder_and_saying_a_name_start_no_command_of_the_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if a repository is there whose configuration names commands, as one from an archive may."""
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    mark = place.parent / "RAN"
    (place / "git").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (place / "git").chmod(0o755)
    with (place / ".git" / "config").open("a") as file:
        command = f'"touch {mark}; false"'
        file.write(f"[core]\n\tfsmonitor = {command}\n\tpager = {command}\n[pager]\n\tconfig = {command}\n")
        file.write("[user]\n\tname = Mallory\n")
    (place / ".gitignore").write_text("*.log\n")
    (place / "a.log").write_text("x")
    (place / "a.md").write_text("x")
    monkeypatch.chdir(place)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_DIR", str(place / ".git"))
    monkeypatch.setattr(config, "_login_name", lambda: "ann")
    monkeypatch.setattr(ignore_rules, "LIST_S", 60.0)
    assert display_name() == "ann"
    assert "a.md" in files_in(place) and "a.log" not in files_in(place)
    assert not mark.exists()


def test_a_pattern_that_never_ends_is_left_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .gitignore is other people's: what it costs has an end, and what it hides is nothing then."""
    (place / ".git").mkdir()
    (place / ".gitignore").write_text("*a" * 60 + "b\n*.log\n")
    names = [
        "a" * 246 + f"{number:02}bc" for number in range(60)
    ]  # with all that it asks for, so that it is tried at all
    for name in names:
        (place / name).write_text("x")
    (place / "x.log").write_text("x")
    monkeypatch.setattr(ignore_rules, "LIST_S", 60.0)
    began = time.process_time()
    assert set(names) <= set(files_in(place))
    assert time.process_time() - began < 5, "the pattern was tried to its end, for 0.2 s a name"


def test_a_gitignore_without_end_is_read_so_far(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making patterns of lines takes time, too."""
    (place / ".git").mkdir()
    (place / ".gitignore").write_text("*.log\n" + "x\n" * 10_000 + "*.md\n")
    (place / "a.md").write_text("x")
    (place / "a.log").write_text("x")
    monkeypatch.setattr(ignore_rules, "LIST_S", 60.0)
    monkeypatch.setattr(ignore_rules, "LINES_MAX", 50)
    assert [name for name in files_in(place) if name.startswith("a.")] == ["a.md"]


def test_another_user_comes_into_nothing_that_is_obeyed() -> None:
    """A hub would make the file as its own user's, and git trusts whose it is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        (folder / "bare" / "HEAD").write_text("x")
        for path in (folder, folder / "bare"):
            path.chmod(0o777)
        stranger = 4_000_000
        assert role_by_permissions(stranger, stranger, folder / "notes.md") == "edit"
        for made in (".git", ".envrc", "HEAD", "bare/config", "_vimrc"):
            assert role_by_permissions(stranger, stranger, folder / made) is None, made


STARTED = {
    (
        "jpterm_like/config.py",
        "subprocess.run",
    ): "git's user.name: in /, without the variables that name a repository",
    ("jpterm_like/tui/clipboard.py", "subprocess.run"): "the tools of the clipboard: in /",
    ("jpterm_like/access/hub.py", "subprocess.Popen"): "our own hub: in /",
    (
        "jpterm_like/tui/preview.py",
        "asyncio.create_subprocess_exec",
    ): "our own Python for the preview: in /, and -P keeps the folder out of what is imported",
    (
        "jpterm_like/tui/commands/filter_lines.py",
        "asyncio.create_subprocess_exec",
    ): "the shell command that the person types, in /; never one from a file",
    (
        "jpterm_like/files/git_head.py",
        "subprocess.Popen",
    ): "git's cat-file: in /, and nothing that a repository configures",
    ("jpterm_like/cli/exports.py", "subprocess.run"): "git's fast-import: in /, without hooks",
    (
        "jpterm_like/tui/project_search.py",
        "asyncio.create_subprocess_exec",
    ): "our own Python for a search: in /, and -P keeps the folder out of what is imported",
    (
        "jpterm_like/cli/keepers.py",
        "subprocess.Popen",
    ): "our own Python that keeps a folder in step: in /, and -P keeps the folder out of what is imported",
    (
        "jpterm_like/tui/spelling/checker.py",
        "asyncio.create_subprocess_exec",
    ): "our own Python for spelling: in /, and -P keeps the folder out of what is imported",
    (
        "jpterm_like/tui/syntax/parser_process.py",
        "asyncio.create_subprocess_exec",
    ): "our own Python for colours: in /, and -P keeps the folder out of what is imported",
    ("jpterm_like/tui/browser.py", "subprocess.Popen"): "the desktop's opener or $BROWSER: in /",
    (
        "jpterm_like/places/sftp.py",
        "subprocess.Popen",
    ): "ssh to a place, with the person's own settings: in /",
    ("jpterm_like/access/ssh.py", "subprocess.Popen"): "ssh, whose settings are in the home and in /etc",
    (
        "jpterm_like/kernels/specs.py",
        "subprocess.run",
    ): "our own Python that lists kernels, and a Python beside the notebook that is asked for ipykernel: in /",
    ("jpterm_like/kernels/kernel_process.py", "subprocess.run"): "ps and sysctl: in /",
    (
        "jpterm_like/kernels/start.py",
        "subprocess.run",
    ): "our own Python that keeps a kernel: where the notebook is, and -P keeps that folder out of what is imported",
    (
        "jpterm_like/kernels/kernel_process.py",
        "subprocess.Popen",
    ): "a kernel, once somebody who may runs a cell: where the notebook is, as that is what running means",
}
"""Every program that is started, and why no file of the folder in which a person works decides what it does."""


ELSEWHERE = {
    ("jpterm_like/access/ssh.py", "subprocess.Popen"),
    ("jpterm_like/kernels/start.py", "subprocess.run"),
    ("jpterm_like/kernels/kernel_process.py", "subprocess.Popen"),
}
"""Those that do not run in /."""


def test_each_program_that_is_started_is_known_here_and_runs_where_nobody_else_writes() -> None:
    """A new call needs a row with its reason; all but ssh and the two that run a notebook have `cwd="/"`."""
    found = set()
    for file in sorted((ROOT / "jpterm_like").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if not called.startswith(
                ("subprocess.", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "pty.")
            ) and ("create_subprocess" not in called):
                continue
            place = (file.relative_to(ROOT).as_posix(), called)
            found.add(place)
            if place not in ELSEWHERE:
                assert any(
                    word.arg == "cwd" and ast.unparse(word.value) == "'/'" for word in node.keywords
                ), place
    assert found == set(STARTED)


def test_why_a_name_is_refused_is_said_in_words() -> None:
    """So that somebody who meant no harm knows what to do."""
    assert why_not_shared(".envrc") == "programs obey hidden files"
    assert why_not_shared("a/.vscode/x") == "it is in a hidden folder"
    assert why_not_shared("x/HEAD") == "git takes a folder with a file HEAD for a repository"
