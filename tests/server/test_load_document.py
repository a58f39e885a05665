"""Documents that are opened from what is left of their stores."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
from pathlib import Path

import pytest

from crdt import TextBuffer
from jpterm_like.errors import JptermError
from jpterm_like.saver import CHANGES, restore
from jpterm_like.server.document import LONG_NOTE_BYTES, Document
from jpterm_like.server.load_document import open_document
from jpterm_like.server.pending_write import PENDING_WRITE
from jpterm_like.storage import FolderStorage
from jpterm_like.storage.base import Record, StorageError, Store
from jpterm_like.sync.pad import Pad
from tests.storage.drive import MemoryDrive, PowerLost


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


def refuse(store: Store, monkeypatch: pytest.MonkeyPatch, names: set[str]) -> None:
    """Let the disk be full for notes of these names, also for names that are added later."""
    take = store.write_blob

    def write_blob(name: str, data: bytes) -> None:
        if name in names:
            raise StorageError("the disk is full")
        take(name, data)

    monkeypatch.setattr(store, "write_blob", write_blob)


@pytest.mark.parametrize("is_read", [False, True], ids=["read later", "read before"])
def test_what_others_made_of_a_save_that_is_not_noted_is_merged_from_that_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_read: bool
) -> None:
    """The file was written, the note of that was not, and the server died. Another program then added a line to the file: the words
    that had been deleted since the save came back, as if they were that program's."""
    file = tmp_path / "notes.md"
    file.write_text("the first line of all\n")
    store = FolderStorage(tmp_path / "stores").open("notes.md")
    document, _ = open_document("notes.md", file, None, store)
    ann = Pad(TextBuffer.genesis("the first line of all\n", author="ann"))
    cursor = ann.cursor(ann.buffer.version)

    def type_as_ann(start: int, end: int, text: str) -> None:
        ann.replace(start, end, text, 0.0)
        changes = cursor.take(1 << 20)
        assert changes
        document.pad.integrate(changes, None)

    type_as_ann(22, 22, "a second line, which is deleted later\n")

    refused: set[str] = set()
    refuse(store, monkeypatch, refused)
    take = store.write_blob

    def write_blob(name: str, data: bytes) -> None:
        take(name, data)
        if name == PENDING_WRITE:
            refused.add("base")

    monkeypatch.setattr(store, "write_blob", write_blob)
    asyncio.run(document.save())
    assert file.read_text() == "the first line of all\na second line, which is deleted later\n"
    type_as_ann(22, 22 + 38, "")
    if is_read:
        file.write_text("a line of another program\n" + file.read_text())
        asyncio.run(document.read_changes())
    document.saver.write()
    asyncio.run(document.close())
    monkeypatch.undo()

    if not is_read:
        file.write_text("a line of another program\n" + file.read_text())
    assert reopened(tmp_path)[1] == "a line of another program\nthe first line of all\n"


def test_a_save_that_failed_leaves_no_note_of_a_file_that_was_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next opening said that the file was deleted, and took a file that came then for another document."""
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    document, _ = open_document("notes.md", tmp_path / "notes.md", None, store)
    document.pad.replace(0, 0, "words that are in no file yet\n", 0.0)
    refuse(store, monkeypatch, {PENDING_WRITE})
    with pytest.raises(JptermError):
        asyncio.run(document.save())
    asyncio.run(document.close())

    document, _ = open_document("notes.md", tmp_path / "notes.md", None, storage.open("notes.md"))
    assert not document.is_missing
    assert document.unreadable is None
    former, other = document.saver.store, storage.open("other.md")
    asyncio.run(document.copy_to(other))
    assert other.read_blob("base") is None
    asyncio.run(document.close())
    former.close()

    (tmp_path / "notes.md").write_text("a line that another program wrote\n")
    document, _ = open_document("notes.md", tmp_path / "notes.md", None, storage.open("notes.md"))
    assert not document.is_replaced
    assert sorted(document.pad.buffer.text.splitlines()) == [
        "a line that another program wrote",
        "words that are in no file yet",
    ]
    asyncio.run(document.close())


def test_the_text_that_a_document_begins_with_is_stored_once_it_is_flushed(tmp_path: Path) -> None:
    """It was called stored although the flush of its store had failed, because the plain file had it; and then the power went."""
    file = tmp_path / "notes.md"
    file.write_text("one\ntwo\n")
    stored: list[bool] = []
    failing = 0  # the first flush that fails
    while True:
        failing += 1
        drive = MemoryDrive(random.Random(failing))
        flushes: list[str] = []

        def fail(call: str, flushes: list[str] = flushes, failing: int = failing) -> int | None:
            flushes.extend([call] * call.startswith("flush"))
            return errno.EIO if len(flushes) >= failing and call.startswith("flush") else None

        drive.fault = fail
        storage = FolderStorage(tmp_path / "stores", drive)
        try:
            document, _ = open_document("notes.md", file, None, storage.open("notes.md"))
        except StorageError:
            continue
        kept = FolderStorage(tmp_path / "stores", drive.copy(flushed_only=True)).open("notes.md")
        buffer = restore(kept, author="").buffer
        text = "" if buffer is None else buffer.text
        stored.append(bool(document.pad.stored))
        assert document.pad.buffer.at(document.pad.stored) == text * stored[-1], (
            f"flushes failed from {failing} on"
        )
        if failing > len(flushes):
            break
    assert stored[-1] and not all(stored)


LINES = "".join(f"line {number} of a long text\n" for number in range(LONG_NOTE_BYTES // 20))


def test_a_long_text_is_in_the_store_twice(tmp_path: Path) -> None:
    """Once in the history, and once as what the file held last. A third copy stayed in the note on the write until the next one."""
    file = tmp_path / "notes.md"
    file.write_text(LINES)
    document, _ = open_document("notes.md", file, None, FolderStorage(tmp_path / "stores").open("notes.md"))
    document.pad.replace(0, 0, "first\n", 0.0)
    asyncio.run(document.save())
    asyncio.run(document.close())
    size = sum(path.stat().st_size for path in (tmp_path / "stores").rglob("*") if path.is_file())
    assert 2 * len(LINES) < size < 2.1 * len(LINES)


def test_a_server_that_is_killed_at_any_call_of_a_long_save_knows_its_own_work(tmp_path: Path) -> None:
    """Another program changes what the file holds then: each line is there once, and one that was deleted during the save stays so."""
    rest, others = LINES.partition("\n")[2], "of another program\n"
    calls = 0
    while True:
        calls += 1
        folder = tmp_path / str(calls)
        folder.mkdir()
        file, drive = folder / "notes.md", MemoryDrive(random.Random(calls))
        file.write_text(LINES)
        document, _ = open_document("notes.md", file, None, FolderStorage(folder, drive).open("notes.md"))
        document.pad.replace(0, len("line 0 of a long text\n"), "first\n", 0.0)

        def delete_it_again(document: Document = document) -> None:
            document.pad.replace(0, len("first\n"), "", 0.0)
            document.saver.write()
            document.on_written = lambda: None

        document.on_written = delete_it_again  # after the text for the file was put together
        before = drive.calls

        def cut(call: str, drive: MemoryDrive = drive, last: int = before + calls) -> None:
            if drive.calls > last:
                raise PowerLost

        drive.fault = cut
        with contextlib.suppress(PowerLost):
            asyncio.run(document.save())
        is_done = drive.calls <= before + calls
        drive.kill()
        drive.fault = lambda call: None
        if is_saved := file.read_text().startswith("first\n"):
            file.write_text(file.read_text() + others)
        storage = FolderStorage(folder, drive)
        document, damage = open_document("notes.md", file, None, storage.open("notes.md"))
        assert not damage
        possible = {rest + others} if is_saved else {LINES, "first\n" + rest, rest}
        assert document.pad.buffer.text in possible, f"killed at call {calls}"
        asyncio.run(document.close())
        if is_done:
            break
    assert calls > 10
