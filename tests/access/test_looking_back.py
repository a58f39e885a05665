"""Commands that look back, on a file and on a server, as a shell runs them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.access.discovery import resolve_address
from jpterm_like.client.open import open_session
from jpterm_like.config import Paths
from jpterm_like.stores import replicas_of
from tests.access.test_scripting import done, failed
from tests.e2e.terminal import PROGRAM, Serve, run


@pytest.fixture(params=["file", "server"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A text of two people: the file's two lines, one by ann, and a word of bob's in it."""
    folder = tmp_path / "shared"
    folder.mkdir()
    file = folder / "notes.md"
    file.write_text("one\ntwo\n")
    serve = Serve(folder, "--save-after", "0.1") if request.param == "server" else None
    where = str(file) if serve is None else f"{serve.url}/notes.md"
    done("append", where, "three by ann", "--name", "ann")
    done("insert", where, "--after", "three", " and bob", "--name", "bob")
    yield where
    if serve is not None:
        serve.stop()


def ended(*arguments: str) -> tuple[int, str]:
    found = run(*arguments)
    assert found.stderr == ""
    return found.returncode, found.stdout


@pytest.mark.parametrize("command", [("changes",), ("diff", "--from", "1h")], ids=lambda it: it[0])
def test_a_server_that_is_not_there_is_no_change(command: tuple[str, ...]) -> None:
    """The exit code 1 says that there are changes, so that an error is 2, as diff and grep have it."""
    found = run(*command, "ws://127.0.0.1:1/notes.md")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "jpterm-like: Nobody listens at ws://127.0.0.1:1: is the server running?\n"


def test_each_line_has_its_author(address: str) -> None:
    """Of most of its characters, or of the newest one; for all lines or some, now or then; for people and programs."""
    lines = done("blame", address).splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == ["(the file)", "(the file)", "ann"]
    assert lines[2].endswith("3  three and bob by ann")
    assert done("blame", address, "-L", "3", "--porcelain").splitlines()[1] == "author ann"
    assert [json.loads(it)["text"] for it in done("blame", address, "--at", "1h", "--json").splitlines()] == [
        "one",
        "two",
    ]
    assert "There is no line 4; the last line is 3." in failed("blame", address, "-L", "2,9")
    written_s = int(time.time())
    while int(time.time()) == written_s:  # times are whole seconds, and bob's is to be later than ann's
        time.sleep(0.01)
    done("insert", address, "--after", "three", " too", "--name", "bob")
    (line,) = done("blame", address, "-L", "3,+1", "--newest", "--json").splitlines()
    assert json.loads(line)["name"] == "bob"


def test_what_changed_is_a_diff_and_exit_code_1(address: str) -> None:
    """Between a time and now, or two times; by lines or by words."""
    code, found = ended("diff", address, "--from", "1h")
    assert code == 1
    assert found.splitlines()[0].startswith("--- notes.md\t")
    assert found.splitlines()[2:] == ["@@ -1,2 +1,3 @@", " one", " two", "+three and bob by ann"]
    assert ended("diff", address, "--from", "1h", "--to", "30m") == (0, "")
    assert (
        ended("diff", address, "--from", "1h", "--words")[1].splitlines()[-1] == " {+three and bob by ann⏎+}"
    )


def test_one_person_s_work_goes_and_the_other_s_stays(address: str) -> None:
    """Somebody's work is named by the writer; whoever takes it back is named, too."""
    assert done("revert", address, "--by", "ann", "--name", "eva").startswith("2 passages: ")
    assert done("cat", address) == "one\ntwo\n and bob"
    assert "There is nothing to take back. Nothing was changed." in failed("revert", address, "--by", "ann")
    assert "Nobody called zoe wrote here; these did: ann, bob" in failed("revert", address, "--by", "zoe")
    assert run("revert", address).returncode == 2


def test_only_some_lines_are_taken_back(address: str) -> None:
    """What was done since a time, in the lines that are named."""
    done("insert", address, "--offset", "0", "# ", "--name", "bob")
    done("revert", address, "--since", "1h", "--lines", "3-3")
    assert done("cat", address) == "# one\ntwo\n"
    assert "There are no lines 3 to 9" in failed("revert", address, "--since", "1h", "--lines", "3-9")


def test_an_earlier_time_is_restored_and_can_be_taken_back(address: str) -> None:
    """It is an edit of the one who restores."""
    assert (
        done("restore", address, "--to", "1h", "--name", "eva") == "1 passage: 21 characters gone, 0 back.\n"
    )
    assert done("cat", address) == "one\ntwo\n"
    assert "Nothing differs from" in failed("restore", address, "--to", "1h")
    done("revert", address, "--by", "eva")
    assert done("cat", address) == "one\ntwo\nthree and bob by ann\n"


def test_a_restored_passage_is_written_unless_others_have_unsaved_work(tmp_path: Path) -> None:
    """As with other edits from a shell: `--save` writes it anyway. Lines that are not named stay."""
    file = tmp_path / "n.md"
    file.write_text("one\n")
    done("append", str(file), "two")
    done("pipe", str(file), stdin='{"do": "insert", "offset": 0, "text": "draft "}\n')
    done("restore", str(file), "--to", "1h", "--lines", "2-2")
    assert done("cat", str(file)) == "draft one\n" and file.read_text() == "one\ntwo\n"
    done("append", str(file), "three")
    done("revert", str(file), "--since", "1h", "--lines", "2-2", "--save")
    assert file.read_text() == "draft one\n"
    done("append", str(file), "four")
    done("restore", str(file), "--to", "1h", "--save")
    assert file.read_text() == "one\n"


def test_times_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "n.md"
    file.write_text("one\n")
    for written in (
        "2020-01-01",
        "2020-01-01T10:00",
        "2020-01-01T10:00:00Z",
        "2020-01-01 10:00:00+02:00",
        "3d",
    ):
        assert done("blame", str(file), "--at", written) in ("", "(the file)                    1  one\n")
    wrong = subprocess.run(
        [*PROGRAM, "blame", str(file), "--at", "yesterday"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert (
        "yesterday is no time: write a date, an ISO 8601 time, or how long ago: 30m, 2h, 3d" in wrong.stderr
    )


def test_under_the_hood(address: str) -> None:
    """The runs of some lines with their parents, the openings and who lacks what, each as an object of its own."""
    rows = [json.loads(line) for line in done("inspect", address, "--json", "--lines", "3-3").splitlines()]
    kinds = [row["kind"] for row in rows]
    assert kinds == sorted(kinds, key=["text", "site", "guest", "run"].index)
    runs = [row for row in rows if row["kind"] == "run"]
    assert "three and bob by ann" in "".join(row["text"] for row in runs if row["shown"])
    bobs = next(row for row in runs if row["name"] == "bob")
    anns = next(row for row in runs if row["name"] == "ann" and "three" in row["text"])
    assert bobs["parent"] == [anns["site"], anns["clock"] + anns["count"] - 1]
    assert "There are no lines 9 to 9" in failed("inspect", address, "--json", "--lines", "9-9")
    assert "needs a terminal" in failed("inspect", address)


def test_what_changed_since_a_time_or_my_last_key(address: str, tmp_path: Path) -> None:
    """For people and programs, by everybody or one person; without a last key it has to be said since when."""
    code, found = ended("changes", address, "--since", "1h")
    assert code == 1
    assert [line.split("  ", 3)[3] for line in found.splitlines()] == ["ann and bob  +three and bob by ann⏎"]
    assert found.startswith("  line 3  ")
    code, found = ended("changes", address, "--since", "1h", "--by", "bob", "--json")
    (change,) = map(json.loads, found.splitlines())
    assert (change["line"], change["names"], change["gone"]) == (3, ["ann", "bob"], "")
    assert ended("changes", address, "--since", "1h", "--by", "cid") == (0, "")
    unknown = run("changes", address)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "It is not known what you saw of" in unknown.stderr

    async def look() -> None:
        storage = replicas_of(Paths.of_user())
        session = open_session(resolve_address(address)[0], name="cid", storage=storage)
        await session.start()
        await session.wait_until_joined(20)
        session.replace(0, 0, "cid ")
        await session.stored()
        await session.close()
        storage.close()

    asyncio.run(look())
    assert ended("changes", address, "--since", "away") == (0, "")
    done("insert", address, "--line", "2", "new\n", "--name", "bob")
    code, found = ended("changes", address)
    assert code == 1 and re.fullmatch(r"  line 2  \S+ \S+  bob  \+new⏎\n", found)
