"""What the editor reads of the notes of `sync`: which texts are synced, what a place has of them, and what is offered beside packs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like import collection as collections
from jpterm_like.access.discovery import write_note
from jpterm_like.cli import sync_notes
from jpterm_like.cli.sync_notes import SyncNotes
from jpterm_like.config import Paths
from tests.cli.syncing import Person


@pytest.fixture
def ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, "Ann", monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "nas").mkdir()
    return tmp_path / "nas"


def test_texts_of_a_synced_folder_have_a_place(ann: Person, place: Path, tmp_path: Path) -> None:
    """By path, and by the address of the server that shares the folder; what is never shared, and what lies elsewhere, has none."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    notes = SyncNotes(Paths.of_user())
    assert notes.are_there()
    here = str(ann.texts / "notes.md")
    new, hidden, outside = str(ann.texts / "new.md"), str(ann.texts / ".git/config"), str(tmp_path / "x.md")
    other = "ws://127.0.0.1:8766/notes.md"
    found = notes.look([here, new, hidden, outside, other])
    assert sorted(found) == sorted([here, new])
    [state], [of_new] = found[here], found[new]
    assert (state.address, state.trouble, state.waiting, state.coming) == (str(place), "", 0, {})
    assert state.carried.total == 6 and of_new.carried == Version()

    write_note(ann.texts, ["ws://127.0.0.1:8765/"], tokens=False)
    there = "ws://127.0.0.1:8765/notes.md"
    assert notes.look([there, other]) == {there: [state]}


def test_notes_are_read_again_once_they_changed(
    ann: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only then; a damaged one is left to the commands that say what is wrong with it."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    notes, here = SyncNotes(Paths.of_user()), str(ann.texts / "notes.md")
    reads: list[str] = []
    for name in ("load", "read_texts"):
        function = getattr(collections, name)
        monkeypatch.setattr(
            collections, name, lambda place, f=function, n=name: (reads.append(n), f(place))[1]
        )
    before = notes.look([here])[here]
    assert notes.look([here])[here] == before and reads == ["load", "read_texts"]
    place.rename(place.with_name("away"))
    assert "refused" not in ann.sync(place)
    [state] = notes.look([here])[here]
    assert state.trouble == "unreached" and state.trouble_s > 0 and state.waiting == 0
    ann.sync(place)
    assert notes.look([here])[here] == [state], "the first time counts"
    place.with_name("away").rename(place)
    assert ann.sync(place)["same"] and notes.look([here])[here] == before
    [note] = Paths.of_user().state_folder.glob("collections/*/collection.json")
    note.write_text("{")
    assert notes.look([here]) == {}


def test_a_place_that_was_emptied_is_no_place_any_more(ann: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    for file in place.iterdir():
        file.unlink()
    ann.sync(place)
    here = str(ann.texts / "notes.md")
    assert [state.trouble for state in SyncNotes(Paths.of_user()).look([here])[here]] == ["stopped"]


def test_a_release_that_knows_less_reads_the_notes(ann: Person, place: Path) -> None:
    """And one that finds notes of an earlier release takes the rest as unknown."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    [note] = Paths.of_user().state_folder.glob("collections/*/collection.json")
    facts = json.loads(note.read_text())
    [about] = facts["places"].values()
    for name in ("trouble", "trouble_s", "coming"):
        del about[name]
    note.write_text(json.dumps(facts))
    here = str(ann.texts / "notes.md")
    [state] = SyncNotes(Paths.of_user()).look([here])[here]
    assert (state.trouble, state.coming) == ("", {})


def test_changes_that_no_sync_has_seen_are_counted_up_to_a_limit(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, buffer = SyncNotes(Paths.of_user()), TextBuffer(author="ann")
    buffer.replace(0, 0, "hello")
    before = buffer.version
    assert notes.changes_beyond(buffer, before) == 0
    buffer.replace(0, 0, "a")
    buffer.replace(3, 3, "b")
    assert notes.changes_beyond(buffer, before) == 2
    assert notes.changes_beyond(buffer, before.merge(Version({7: 3}))) == 2, "a place may have more"
    monkeypatch.setattr(sync_notes, "COUNTED_BYTES_MAX", 1)
    assert notes.changes_beyond(buffer, before) is None


def test_a_file_beside_packs_is_told_how_to_get_the_texts(
    ann: Person, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.write("notes.md", "hello\n")
    assert SyncNotes(Paths.of_user()).offer(str(place / "x.md")) == ""
    ann.sync(place)
    notes = SyncNotes(Paths.of_user())
    assert f"its texts are in {ann.texts}" in notes.offer(str(place / "x.md"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    notes = SyncNotes(Paths.of_user())
    for name in ("nas", "nas-texts"):
        (ann.home / name).mkdir()
    command = f"mkdir ~/nas-texts-2 && jpterm-like sync {place} ~/nas-texts-2"
    assert notes.offer(str(place / "x.md")).endswith(command)
    assert notes.offer(str(ann.texts / "notes.md")) == notes.offer("ws://127.0.0.1:1/x.md") == ""
