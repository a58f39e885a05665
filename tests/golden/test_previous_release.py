"""The previous release opens, edits and folds what this one stores, and both write in one text; nothing is lost when this one reads it again.

`PREVIOUS` has its number and its commit. Its sources run as they were, in Python, with the libraries of this environment; .ci/run builds
its wheel into an environment of its own and names that one's interpreter in JPTERM_LIKE_PREVIOUS.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jpterm_like.saver import restore
from jpterm_like.storage import FolderStorage
from tests.golden.make import NAMES, make_store

ROOT = Path(__file__).parents[2]
NUMBER, COMMIT = (ROOT / "tests/golden/PREVIOUS").read_text().split()

EDIT_AND_FOLD = """
import json, sys
from pathlib import Path
from jpterm_like.saver import Saver, restore
from jpterm_like.storage.folder import FolderStorage

store = FolderStorage(Path(sys.argv[1])).open(sys.argv[2])
kept = restore(store, author="bob")
pad = kept.pad()
saver = Saver(pad, store, pad.buffer.version, kept.sites, kept.brought, kept.awaited, kept.held)
before = pad.buffer.text
for word in ("first ", "second "):
    pad.replace(0, 0, word, 1.0)
    saver.write()
    saver.compact()
pad.replace(0, 0, "third ", 1.0)
saver.write()
store.sync()
store.close()
print(json.dumps({"before": before, "after": pad.buffer.text, "newer": kept.newer, "damage": kept.damage}))
"""


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """A command that is Python with the previous release, and its environment."""
    if (python := os.environ.get("JPTERM_LIKE_PREVIOUS")) is not None:
        return [python], {}
    done = subprocess.run(["git", "-C", str(ROOT), "archive", COMMIT], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the commit of {NUMBER} is not here: the clone is shallow, or no clone")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    shutil.copytree(folder / "themes", folder / "jpterm_like" / "themes", dirs_exist_ok=True)
    return [sys.executable], {"PYTHONPATH": str(folder)}


def run(
    previous: tuple[list[str], dict[str, str]], *arguments: str, cwd: Path
) -> subprocess.CompletedProcess[str]:
    command, environment = previous
    done = subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


THIS: tuple[list[str], dict[str, str]] = ([sys.executable], {"PYTHONPATH": str(ROOT)})


def test_it_is_the_previous_release(previous: tuple[list[str], dict[str, str]], tmp_path: Path) -> None:
    """Without this, the tests below could run this release twice."""
    assert run(previous, "-m", "jpterm_like", "--version", cwd=tmp_path).stdout.split()[1] == NUMBER
    code = "import jpterm_like.errors as errors; print(errors.__file__)"
    assert not Path(run(previous, "-c", code, cwd=tmp_path).stdout.strip()).is_relative_to(
        ROOT / "jpterm_like"
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_edits_and_folds_the_stores_of_this_release(
    name: str, previous: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    """With records of kinds that neither knows, notes of every kind, blobs, and an end that a crash tore."""
    expected = make_store(tmp_path / "store", name, random.Random(5))
    said = json.loads(run(previous, "-c", EDIT_AND_FOLD, str(tmp_path / "store"), name, cwd=tmp_path).stdout)
    assert said["before"] == expected["text"] and not said["newer"]
    assert len(said["damage"]) == 1 and "crash" in said["damage"][0]
    store = FolderStorage(tmp_path / "store").open(name)
    kept = restore(store, author="ann")
    try:
        assert kept.buffer is not None and kept.damage == [] and not kept.newer
        assert kept.buffer.text == said["after"] == f"third second first {expected['text']}"
        assert kept.buffer.lineage.hex() == expected["lineage"]
        assert {str(record.kind): record.payload.hex() for record in kept.carried}.items() >= expected[
            "unknown"
        ].items()
        for blob, content in expected["blobs"].items():
            found = store.read_blob(blob)
            assert found is not None and found.hex() == content
        own = {f"{site:016x}" for site in kept.buffer.own_sites}
        assert own >= set(expected["own_sites"])
        kept.buffer.check()
    finally:
        store.close()


@contextmanager
def serving(release: tuple[list[str], dict[str, str]], folder: Path) -> Iterator[str]:
    command, environment = release
    process = subprocess.Popen(
        [*command, "-m", "jpterm_like", "serve", str(folder), "--listen", "127.0.0.1:0"],
        cwd=folder.parent,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        yield line.split()[-1]
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_both_serve_one_folder_by_turns_and_write_in_one_text(
    previous: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    """Servers and clients of either release; each line is there once, and who wrote it is known."""
    folder = tmp_path / "team"
    folder.mkdir()
    (folder / "notes.md").write_text("# Notes\n")
    lines: list[str] = []
    for turn, server in enumerate((THIS, previous, THIS)):
        with serving(server, folder) as url:
            for who, client in (("this", THIS), ("previous", previous)):
                line = f"turn {turn} of {who}"
                run(
                    client,
                    "-m",
                    "jpterm_like",
                    "append",
                    f"{url}/notes.md",
                    line,
                    "--name",
                    who,
                    cwd=tmp_path,
                )
                lines.append(line)
                reader = previous if client is THIS else THIS
                text = run(reader, "-m", "jpterm_like", "cat", f"{url}/notes.md", cwd=tmp_path).stdout
                assert text.splitlines() == ["# Notes", *lines]
        verified = run(THIS, "-m", "jpterm_like", "verify", str(folder), cwd=tmp_path).stdout
        assert verified.endswith("1 document, 0 damaged.\n")
    assert (folder / "notes.md").read_text().splitlines() == ["# Notes", *lines]
