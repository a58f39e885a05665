"""No door leads to a file that is not meant: raw messages to a server and a hub, patterns of tokens, lists, ssh.

What the addresses of the command line can say is in `e2e/test_bad_input.py`; here nothing stands between the attacker and
the protocol.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.asyncio.client import connect as connect_raw

from crdt import Version
from jpterm_like.access.hub import AnyFile, ensure_hub
from jpterm_like.config import Paths
from jpterm_like.files.read import FileProblem
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.sync import wire
from tests.access.team import as_holder, token
from tests.access.test_ssh import Machine, machine
from tests.e2e.terminal import PATIENCE_S, Serve, run

__all__ = ["machine"]  # a fixture

OUTSIDE = (
    "../secret.txt", "docs/../../secret.txt", "docs/..", "..", "./notes.md", "docs/./plan.md", "docs//plan.md", "/etc/passwd",
    "//etc/passwd", "out/secret.txt", "out.txt", "loop", "a\0b", "notes.md\0", "\0", "", "/", "docs", "docs/",
    "notes.md/", "notes.md/x", "x" * 256, "x/" * 700, "é" * 1100, "x" * 4096, "docs\\..\\..\\secret.txt", "..\\secret.txt",
    ".git/config", ".GIT/config", "docs/.hidden/x", ".jpterm-like/x", ".JPTERM-LIKE/x", ".Jpterm-Like", ".jpterm\u200b-like/x",
    "\uff0ejpterm-like/x", ".jpterm-like-1.tmp", "a\x1b[2J", "a\nb", "a\x85b", "a\u2028b", "pipe", "%2e%2e/secret.txt\0",
)  # fmt: skip
"""Names that a server of a folder must open nothing for. What is percent-encoded in a message is a name like any other."""


def opening(channel: int, path: str) -> bytes:
    return wire.encode(wire.Open(channel, path, True, 1000 + channel, None, Version(), b"", False))


async def answers(connection: ClientConnection, paths: tuple[str, ...]) -> dict[str, wire.Message]:
    """What each raw opening gets, on one connection; all of them want the file made if it is not there."""
    await connection.send(wire.encode(wire.Hello(1, 1, (), "mallory")))
    found: dict[str, wire.Message] = {}
    async with asyncio.timeout(PATIENCE_S):
        for channel, path in enumerate(paths):
            await connection.send(opening(channel, path))
        while len(found) < len(paths):
            message = wire.decode(await connection.recv())  # type: ignore[arg-type]
            if isinstance(message, wire.Opened | wire.Refuse):
                assert message.channel is not None
                found[paths[message.channel]] = message
    return found


def lay_traps(folder: Path) -> Path:
    """Links that lead out, a circle, a pipe, and hidden things; the file that nobody is to reach."""
    secret = folder.parent / "secret.txt"
    secret.write_text("secret\n")
    (folder / "out").symlink_to(folder.parent)
    (folder / "out.txt").symlink_to(secret)
    (folder / "loop").symlink_to("loop")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]\n")
    os.mkfifo(folder / "pipe")
    return secret


def tree(folder: Path) -> set[Path]:
    """All that is there, the stores left out."""
    return {
        path
        for path in folder.parent.rglob("*")
        if ".jpterm-like" not in path.relative_to(folder.parent).parts
    }


async def test_raw_openings_lead_out_of_no_shared_folder(folder: Path) -> None:
    """Refused each on its own, in a sentence that cannot act in a terminal; nothing is made, read or written."""
    secret = lay_traps(folder)
    before = tree(folder)
    serve = Serve(folder, "--save-after", "0.05")
    try:
        async with connect_raw(serve.url, proxy=None) as connection:
            found = await answers(connection, (*OUTSIDE, "notes.md"))
            assert isinstance(found.pop("notes.md"), wire.Opened), "the connection is as good as before"
        for path, answer in found.items():
            assert isinstance(answer, wire.Refuse), f"{path!r} was opened"
            assert answer.sentence.isprintable(), answer.sentence
            assert "secret\n" not in answer.sentence
        async with connect_raw(serve.url, proxy=None) as connection:
            for answer in (await answers(connection, ("%2e%2e%2fnew.txt", "~root"))).values():
                assert isinstance(answer, wire.Opened), "a name like any other, which nobody decodes"
    finally:
        assert serve.stop() == 0
    assert tree(folder) - before <= {folder / "%2e%2e%2fnew.txt", folder / "~root"}
    assert secret.read_text() == "secret\n"


async def test_a_path_that_is_longer_than_the_protocol_allows_ends_the_connection(folder: Path) -> None:
    serve = Serve(folder)
    try:
        async with connect_raw(serve.url, proxy=None) as connection:
            await connection.send(wire.encode(wire.Hello(1, 1, (), "mallory")))
            await connection.send(opening(0, "x" * (wire.PATH_LENGTH_MAX + 1)))
            async with asyncio.timeout(PATIENCE_S):
                while not isinstance(message := wire.decode(await connection.recv()), wire.Bye):  # type: ignore[arg-type]
                    assert not isinstance(message, wire.Opened)
            assert message.code == "nonsense"
    finally:
        serve.stop()


async def test_raw_openings_at_a_hub_are_of_absolute_paths_only(tmp_path: Path) -> None:
    """Its user may open whatever the user may open, by one name; what could be two names of a file is refused."""
    file = tmp_path / "f"
    file.write_text("text\n")
    (tmp_path / "link").symlink_to(file)
    wrong = (
        "f",
        "../f",
        f"{tmp_path}/../{tmp_path.name}/f",
        f"{file}\0",
        "\0",
        "",
        "~/f",
        str(tmp_path),
        f"{file}/x",
        f"/{'x' * 300}",
    )
    socket = await asyncio.to_thread(ensure_hub)
    async with unix_connect(str(socket), uri="ws://localhost/") as connection:
        found = await answers(connection, (*wrong, str(file)))
        assert isinstance(found.pop(str(file)), wire.Opened)
        for path, answer in found.items():
            assert isinstance(answer, wire.Refuse), f"{path!r} was opened"
    assert sorted(os.listdir(tmp_path)) == ["f", "link"]
    assert AnyFile().path_of(str(tmp_path / "link")) == file, "a link is the file that it leads to"


def test_the_pattern_of_a_token_means_the_file_and_not_what_it_is_called(team: Serve, folder: Path) -> None:
    """A link into the pattern from outside of it, `..`, and other capitals open nothing more."""
    (folder / "docs" / "link.md").symlink_to("../notes.md")
    (folder / "docs" / "inner").symlink_to("..")
    line = token("edit", "--pad", "docs/*")
    assert as_holder(line, "cat", f"{team.url}/docs/plan.md").stdout == "plan\n"
    for path in (
        "docs/link.md", "docs/inner/notes.md", "docs/../notes.md", "docs/%2e%2e/notes.md", "docs/x/../../notes.md", "DOCS/plan.md",
        "docs", "docs/inner/new.md",
    ):  # fmt: skip
        done = as_holder(line, "append", f"{team.url}/{path}", "evil")
        assert (done.returncode, done.stdout) == (1, ""), path
    assert (folder / "notes.md").read_text() == "notes\n"
    assert not (folder / "new.md").exists()
    assert as_holder(line, "ls", team.url).stdout == "docs/plan.md\n"


def test_a_list_names_what_can_be_opened_and_nothing_else(folder: Path) -> None:
    """No links, no hidden folders, no store, nothing that could act in a terminal or be taken for something else."""
    lay_traps(folder)
    for odd in ("a\x1b[2J.md", "b\nc.md", "d\\e.md", "f\u2028.md"):
        (folder / odd).write_text("odd\n")
    os.close(os.open(os.fsencode(folder) + b"/\xff.md", os.O_CREAT))
    serve = Serve(folder)
    try:
        listed = run("ls", serve.url)
        assert (listed.returncode, listed.stdout) == (0, "docs/plan.md\nnotes.md\n")
        for name in SharedFolder(folder).names():
            assert SharedFolder(folder).path_of(name).is_file()
    finally:
        serve.stop()
    with pytest.raises(FileProblem):
        SharedFolder(folder).path_of("a\x1b[2J.md")


async def test_a_path_through_ssh_is_a_name_and_nothing_that_a_shell_acts_on(machine: Machine) -> None:
    """Of the machine over there, as the login there may open it; what is no name is said in a sentence."""
    trap = machine.home / "trap"
    odd = ["$(cd;touch trap)", "`cd;touch trap`", "a;cd;touch trap", "a'b\"c", "%2e%2e é 🙂 *"]
    for name in odd:
        (machine.home / name).write_text(f"this is {name}\n")
        done = await asyncio.to_thread(run, "cat", "--", f"box:{machine.home}/{name}")
        assert (done.returncode, done.stdout) == (0, f"this is {name}\n"), done
    assert not trap.exists()
    (machine.home / "docs").mkdir()
    (machine.home / "-rf").write_text("this is -rf\n")
    assert (await asyncio.to_thread(run, "cat", "box:docs/../-rf")).stdout == "this is -rf\n", (
        "its own name, resolved"
    )
    for wrong in (
        "ssh://box/a%00b",
        f"box:{'x' * 300}",
        f"box:{'x/' * 3000}x",
        "box:docs",
        "box:docs/../../nowhere/x",
    ):
        done = await asyncio.to_thread(run, "cat", wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
        assert "Traceback" not in done.stderr
    assert not (Paths.of_user().state / "crash.log").exists()
