"""The state of a stored document changes with everything that is written, and with nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jpterm_like.storage import Record
from jpterm_like.storage.folder import NAMES_SETTLE_S, FolderStorage


def settle(folder: Path) -> None:
    """Let everything have changed a while ago, in the order in which it did."""
    for path in (folder, *folder.rglob("*")):
        found = os.stat(path)
        if found.st_mtime > 1e9:
            os.utime(path, ns=(0, found.st_mtime_ns - 10**18))


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "stores")


def test_an_unchanged_document_keeps_its_state_and_each_change_gives_another(storage: FolderStorage) -> None:
    assert storage.states({}) == {}
    store = storage.open("notes.md")
    other = storage.open("other.md")
    other.append([Record(2, b"of another")])
    other.close()
    seen: set[str] = set()
    before: dict[str, str] = {}

    def changed(what: str) -> None:
        nonlocal before
        settle(storage.folder)
        found = storage.states(before)
        assert storage.states({}) == storage.states(found) == found, what
        (ours,) = (state for name, state in found.items() if name.startswith("notes.md"))
        assert ours and ours not in seen, what
        seen.add(ours)
        before = found

    store.append([Record(2, b"one")])
    changed("the first record")
    store.append([Record(2, b"two")])
    changed("a record more in the open segment")
    store.sync()
    store.write_blob("base", b"note")
    changed("a note")
    store.snapshot([Record(3, b"all")], lambda _: True)
    changed("a snapshot")
    store.append([Record(2, b"three")])
    changed("a record in the next segment")
    store.close()
    changed("closed, so that the segment has its last name")
    assert len([name for name in before if name.startswith("other.md")]) == 1
    storage.delete("notes.md")
    assert [name for name in storage.states(before) if name.startswith("notes.md")] == []


def test_a_document_that_changed_a_moment_ago_has_no_state_yet(storage: FolderStorage) -> None:
    """A second change within a tick of the file system's clock would not show."""
    store = storage.open("notes.md")
    store.append([Record(2, b"one")])
    store.close()
    assert set(storage.states({}).values()) == {""}
    (folder,) = (it for it in storage.folder.iterdir())
    now = os.stat(folder).st_mtime
    os.utime(folder, (now, now - NAMES_SETTLE_S - 1))
    assert "" not in storage.states({}).values()


def test_what_is_no_document_has_no_state(storage: FolderStorage) -> None:
    storage.begin()
    (storage.folder / "serving.json").write_text("{}")
    (storage.folder / ".deleted-0123").mkdir()
    (storage.folder / "somebody's").mkdir()
    assert storage.states({}) == {}


def test_a_document_is_inspected_by_its_folder(storage: FolderStorage) -> None:
    store = storage.open("docs/notes.md")
    store.append([Record(2, b"one")])
    store.close()
    (entry,) = storage.states({})
    found = storage.inspect_folder(entry)
    assert found is not None and found.name == "docs/notes.md"
    assert found.loaded.records == [Record(2, b"one")]
    storage.delete("docs/notes.md")
    assert storage.inspect_folder(entry) is None
