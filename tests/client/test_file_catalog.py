"""What there is to open: a folder as git sees it, names beside a file, what was open lately, other names for files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jpterm_like.client.file_catalog import FIRST_STARTS, RECENT_MAX, FileCatalog
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.storage.memory import MemoryStorage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with things that people edit, and things that they do not."""
    for name in (
        "notes.md",
        "src/main.py",
        "src/main.pyc",
        "node_modules/x/index.js",
        "build/out.txt",
        ".hidden",
        "pic.PNG",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jpterm_like.files.ignore_rules.LIST_S", 20.0)  # for a busy machine
    return tmp_path


@pytest.fixture
def catalog(tmp_path_factory: pytest.TempPathFactory) -> FileCatalog:
    return FileCatalog(Paths.under(tmp_path_factory.mktemp("user")), MemoryStorage(), "ann")


async def test_a_folder_without_what_programs_made(folder: Path, catalog: FileCatalog) -> None:
    place, names = await catalog.names("")
    assert place == str(folder)
    assert names == [("notes.md", str(folder / "notes.md")), ("src/main.py", str(folder / "src/main.py"))]


async def test_git_says_what_counts(folder: Path, catalog: FileCatalog) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitignore").write_text("node_modules/\nsrc/\n")
    _, names = await catalog.names(str(folder / "notes.md"))
    assert [name for name, _ in names] == [".gitignore", ".hidden", "build/out.txt", "notes.md"]


async def test_names_are_meant_beside_what_is_open(
    folder: Path, catalog: FileCatalog, tmp_path_factory
) -> None:  # type: ignore[no-untyped-def]
    assert catalog.address("new.md", "") == str(folder / "new.md")
    assert catalog.address("new.md", str(folder / "src/main.py")) == str(folder / "new.md")
    elsewhere = tmp_path_factory.mktemp("else")
    assert catalog.address("new.md", str(elsewhere / "a")) == str(elsewhere / "new.md")
    assert catalog.address("/etc/hosts", "") == os.path.realpath("/etc/hosts")
    assert catalog.address("a b.md", "ws://host:1/x/y.md") == "ws://host:1/a%20b.md"
    assert catalog.address("b.md", "ssh://host/~/notes.md") == "ssh://host/~/b.md"
    assert catalog.address("~/b.md", "ssh://host/~/notes.md") == "ssh://host/~/b.md"
    assert catalog.address("../b.md", "ssh://host:2/srv/docs/a.md") == "ssh://host:2/srv/docs/../b.md"
    assert catalog.address("/etc/hosts", "ssh://host/~/notes.md") == "ssh://host/etc/hosts"
    with pytest.raises(JptermError):
        catalog.address("http://x", "")


def test_what_was_open_lately_and_the_first_starts(folder: Path, catalog: FileCatalog) -> None:
    assert catalog.recent() == []
    for name in ("a", "b", "gone", "a"):
        (folder / name).write_text("")
        catalog.note(str(folder / name))
    (folder / "gone").unlink()
    assert [address for _, address in catalog.recent()] == [str(folder / "a"), str(folder / "b")]
    for number in range(RECENT_MAX + 5):
        catalog.note(f"ws://host/{number}")
    assert len(catalog.recent()) == RECENT_MAX
    for start in range(FIRST_STARTS + 2):
        again = FileCatalog(catalog._paths, MemoryStorage(), "ann")
        assert again.is_first_time() == again.is_first_time() == (start < FIRST_STARTS)
    catalog._notes.write_text("{nonsense")
    assert catalog.recent() == []


async def test_a_file_gets_another_name_where_it_is(folder: Path, catalog: FileCatalog) -> None:
    session = await catalog.open(str(folder / "notes.md"))
    with pytest.raises(JptermError, match="only be renamed within"):
        await catalog.rename(session, "ws://host/notes.md")
    await session.close()
