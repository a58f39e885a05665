"""Documents that are opened from what is left of their stores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crdt import TextBuffer
from jpterm_like.saver import CHANGES
from jpterm_like.server.load_document import open_document
from jpterm_like.storage import FolderStorage
from jpterm_like.storage.base import Record, Store


def reopened(tmp_path: Path) -> tuple[Store, str]:
    """Open the document in "stores" beside its file, close it without saving, and return the text that it had."""
    store = FolderStorage(tmp_path / "stores").open("notes.md")
    document, _ = open_document("notes.md", tmp_path / "notes.md", None, store)
    text = document.pad.buffer.text
    document.saver.write()
    asyncio.run(document.close())
    return store, text


@pytest.mark.parametrize("is_named_again", [False, True], ids=["one opening", "another record comes"])
def test_a_record_that_cannot_be_decoded_brings_the_file_in_once(
    tmp_path: Path, is_named_again: bool
) -> None:
    """The file may hold what such a record held, so it is merged whole at the first opening. It was merged at each one: a line
    that was deleted and not saved came back, although nobody had touched the file."""
    file = tmp_path / "notes.md"
    file.write_text("one\ntwo\n")
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    document, _ = open_document("notes.md", file, None, store)
    document.pad.replace(8, 8, "three\n", 0.0)
    asyncio.run(document.save())
    asyncio.run(document.close())

    # The same history, but for its one record of operations: its checksum is right, and it cannot be decoded.
    store = storage.open("notes.md")
    records = [
        Record(CHANGES, b"\xff\xff") if record.kind == CHANGES else record for record in store.load().records
    ]
    blobs = store.blobs()
    store.clear()
    store.append(records)
    for name, blob in blobs.items():
        store.write_blob(name, blob)
    store.close()

    _, text = reopened(tmp_path)
    assert text == "one\ntwo\nthree\n", "the line of the lost record comes from the file"

    store = storage.open("notes.md")
    document, damage = open_document("notes.md", file, None, store)
    assert damage, "it is told at each opening"
    document.pad.replace(8, 14, "", 0.0)
    document.saver.write()
    asyncio.run(document.close())
    for _ in range(3):
        assert reopened(tmp_path)[1] == "one\ntwo\n"

    if is_named_again:
        store = storage.open("notes.md")
        store.append([Record(CHANGES, b"\xfe")])
        store.close()
        assert reopened(tmp_path)[1] == "one\ntwo\nthree\n", (
            "another such record may have held any of the file"
        )
    assert file.read_text() == "one\ntwo\nthree\n"


def test_steps_of_undo_that_cannot_be_decoded_bring_nothing_from_the_file(tmp_path: Path) -> None:
    """No text is in them."""
    file = tmp_path / "notes.md"
    file.write_text("one\ntwo\n")
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    document, _ = open_document("notes.md", file, None, store)
    document.pad.replace(4, 8, "", 0.0)
    document.pad.saved = TextBuffer().version  # as after the file was gone
    document.saver.write()
    store.append([Record(7, b"\xff\xff\xff")])
    asyncio.run(document.close())
    for _ in range(3):
        assert reopened(tmp_path)[1] == "one\n"
