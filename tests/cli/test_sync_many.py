"""Many texts that begin at once, by `sync`: as if each had been opened, whenever the process ends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crdt import TextBuffer
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files.new_files import NewFiles
from jpterm_like.packs.documents import Documents
from jpterm_like.saver import restore
from jpterm_like.server.collection_stores import CollectionStores
from jpterm_like.server.load_document import open_document
from jpterm_like.server.new_documents import NewDocuments
from jpterm_like.storage.base import NewStore, Store
from jpterm_like.stores import pads_of
from tests.cli.syncing import Person


@pytest.fixture
def ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, "Ann", monkeypatch)


@pytest.fixture
def bob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, "Bob", monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


MANY = {
    "plain.md": "hello\nworld\n",
    "docs/deep/notes.md": "deeper\n",
    "no end.txt": "no line end",
    "ä.md": "größer\n",
    "empty.md": "",
    "windows.md": "one\r\ntwo\r\n",
    "long.md": "long line\n" * 9000,
    "nul.txt": "text\n",
}
"""Texts of which some begin together and some one by one."""


def who_may_read(pad_name: str, store: Store) -> list[Any]:
    """The permissions that count for other users once a document is opened."""
    document, _ = open_document(pad_name, Path(pad_name), None, store)
    return [source.guards for source in document.access.sources]


def begin_with_many(monkeypatch: pytest.MonkeyPatch, folder: Path, place: Path) -> list[dict[str, Any]]:
    """Two people sync these texts; return what each has afterwards: files, notes, and what is in the stores."""
    found = []
    for who in ("Ann", "Bob"):
        person = Person(folder, who, monkeypatch)
        if who == "Ann":
            for name, text in MANY.items():
                path = person.texts / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
                os.utime(path, (1e9, 1e9))
        facts = person.sync(place)
        assert facts["same"] and not facts["problems"]
        again = person.sync(place)
        assert again["sentence"] == "Nothing is new; all is the same.", again
        [texts] = person.home.rglob("texts.json")
        notes = Documents.decode(texts.read_bytes()).notes
        storage = pads_of(Paths.of_user())
        stores: dict[str, Any] = {}
        for each in sorted(
            filter(lambda each: each.name_here, notes.values()), key=lambda each: each.name_here
        ):
            assert each.had_file and each.identity_here
            pad_name = str(person.texts / each.name_here)
            assert storage.read_blob(pad_name, "identity") == each.identity_here
            store = storage.open(pad_name)
            kept = restore(store, author="")
            assert not kept.damage
            buffer = kept.buffer or TextBuffer()  # a text that was always empty has no records
            blobs = store.blobs()
            stores[each.name_here] = (
                buffer.text,
                buffer.version,
                kept.saved,
                buffer.lineage,
                blobs.get("base"),
                "absent" in blobs,
                who_may_read(pad_name, store),
            )
            store.close()
        found.append(
            {
                "sentence": facts["sentence"],
                "files": {
                    path.relative_to(person.texts).as_posix(): path.read_bytes()
                    for path in person.texts.rglob("*")
                    if path.is_file()
                },
                "notes": {
                    document: (
                        each.birth,
                        each.is_born,
                        each.carried.version,
                        each.form,
                        each.name_here,
                        each.name,
                        each.name_applied,
                        each.is_incomplete,
                        each.saved,
                    )
                    for document, each in notes.items()
                },
                "stores": stores,
            }
        )
    return found


def test_many_new_texts_come_out_as_if_each_had_been_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The way that begins many at once, and the one that opens each, leave the same files, notes and stores."""
    begun: list[int] = []
    create = CollectionStores.create

    async def counted(self: CollectionStores, new: Sequence[NewStore]) -> set[str]:
        made = await create(self, new)
        begun.append(len(made))
        return made

    async def none(self: NewDocuments, todo: Sequence[Any]) -> list[Any]:
        return list(todo)

    found = []
    for each in ("together", "apart"):
        folder = tmp_path / each
        (folder / "place").mkdir(parents=True)
        with monkeypatch.context() as patches:
            patches.setattr(CollectionStores, "create", counted)
            if each == "apart":
                patches.setattr(NewDocuments, "begin_from_files", none)
                patches.setattr(NewDocuments, "begin_from_packs", none)
            before = len(begun)
            found.append(begin_with_many(monkeypatch, folder, folder / "place"))
            assert (sum(begun[before:]) >= 6) == (each == "together")
    for together, apart in zip(*found, strict=True):
        for part in ("sentence", "files", "stores"):
            assert together[part] == apart[part], part
        assert sorted(map(repr, together["notes"].values())) == sorted(map(repr, apart["notes"].values()))


@pytest.mark.parametrize("at", ["before the store", "before the file"])
@pytest.mark.parametrize("meanwhile", ["nothing", "another file"])
def test_a_kill_while_many_texts_begin_loses_and_doubles_nothing(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch, at: str, meanwhile: str
) -> None:
    """Some have neither then, or a store and no file. Also if somebody makes a file of that name before the next run."""
    texts = {f"{number}.md": f"text {number}\n" for number in range(5)}
    for name, text in texts.items():
        ann.write(name, text)
    ann.sync(place)
    with monkeypatch.context() as patches:

        def killed(*arguments: Any, **named: Any) -> None:
            raise JptermError("killed")

        if at == "before the file":
            patches.setattr(NewFiles, "give_names", killed)
        else:
            patches.setattr(CollectionStores, "create", killed)
        assert bob.sync(place)["refused"] == "killed"
    assert not bob.files()
    if meanwhile == "another file":
        bob.write("0.md", "quite another thing that Bob wrote\n")
    bob.sync(place)
    facts = bob.sync(place)
    ann.sync(place)
    assert facts["same"], facts["problems"]
    files = bob.files()
    assert sorted(ann.files().values()) == sorted(files.values())
    for name, text in texts.items():
        if name != "0.md" or meanwhile == "nothing":
            assert files[name] == ann.files()[name] == text
    if meanwhile == "another file":
        assert "quite another thing" in "".join(files.values())


def test_a_text_that_cannot_be_written_is_told_and_comes_later(ann: Person, bob: Person, place: Path) -> None:
    """The others of its batch are written."""
    for name in ("a/notes.md", "b/notes.md", "c.md"):
        ann.write(name, f"in {name}\n")
    ann.sync(place)
    (bob.texts / "a").write_bytes(b"\0 no folder")
    facts = bob.sync(place)
    assert not facts["same"] and facts["problems"]
    assert (bob.texts / "b/notes.md").read_text() == "in b/notes.md\n" and (bob.texts / "c.md").exists()
    (bob.texts / "a").unlink()
    assert bob.sync(place)["same"] and bob.files() == ann.files()
