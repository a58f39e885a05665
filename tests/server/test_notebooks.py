"""Notebooks: edited by cell, saved into the file's own characters, and never confused with their JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crdt import TextBuffer, Version
from jpterm_like import saver as savers
from jpterm_like.client.events import RequestFailed
from jpterm_like.client.open import connect_session
from jpterm_like.errors import JptermError
from jpterm_like.files.encoding import Form
from jpterm_like.notebook.cells import parts_of
from jpterm_like.saver import Saver
from jpterm_like.server.document import Document
from jpterm_like.server.load_document import open_document, restart_history
from jpterm_like.storage import FolderStorage
from jpterm_like.storage.base import Record
from jpterm_like.sync import wire
from jpterm_like.sync.pad import Pad
from tests.server.test_outside_writers import Desk, desk, until

__all__ = ["desk"]  # a fixture

NAME = "a.ipynb"


def notebook(*cells: dict[str, Any], minor: int = 5) -> str:
    whole = {
        "cells": list(cells),
        "metadata": {"kernelspec": {"name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": minor,
    }
    return json.dumps(whole, indent=1) + "\n"


def code(source: str, output: str = "", name: str | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": 1}
    if name is not None:
        cell["id"] = name
    outputs = [{"name": "stdout", "output_type": "stream", "text": [output]}] if output else []
    return {**cell, "metadata": {}, "outputs": outputs, "source": source.splitlines(keepends=True)}


TWO = notebook(code("one", "1", "a"), code("two", "2", "b"))
TEXT = "# %% id=a\none\n# %% id=b\ntwo"


def outputs_of(file: Path) -> dict[str, str]:
    """The output of each cell, by its source."""
    cells = json.loads(file.read_text("utf-8"))["cells"]
    return {
        "".join(cell["source"]): "".join(each["text"][0] for each in cell.get("outputs", ()))
        for cell in cells
    }


async def test_a_notebook_is_edited_by_cell_and_saved_in_its_own_characters(desk: Desk) -> None:
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        assert ann.text == TEXT and ann.saved
        await ann.save()
        assert file.read_text() == TWO
        ann.replace(13, 13, "\nmore")
        bob.replace(len(TEXT), len(TEXT), "!")
        await until(lambda: ann.text == bob.text == "# %% id=a\none\nmore\n# %% id=b\ntwo!", "both edits")
        await ann.save()
        assert file.read_text() == TWO.replace('"one"', '"one\\n",\n    "more"').replace('"two"', '"two!"')
        await until(lambda: bob.saved, "bob hears of it")


async def test_outputs_stay_with_their_cells_where_the_file_has_no_ids(desk: Desk) -> None:
    """Cells are made of their place at the first opening; then they move, and the server starts again between the two."""
    file = desk.file(NAME)
    file.write_text(notebook(code("x", "1"), code("x", "2"), code("y", "3"), minor=4))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        text = ann.text
        ann.replace(0, 0, "# %% id=new\nnew\n")
        await ann.save()
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        assert ann.text == f"# %% id=new\nnew\n{text}" and ann.saved
        first = parts_of(ann.text)[1]
        ann.replace(first.start, first.end + 1, "")  # one of the two that are alike
        await ann.save()
        cells = json.loads(file.read_text())["cells"]
        assert [cell["outputs"] and cell["outputs"][0]["text"] for cell in cells] == [[], ["2"], ["3"]]
        assert not any("id" in cell for cell in cells)


async def test_a_cell_that_comes_back_after_a_save_has_its_outputs(desk: Desk) -> None:
    """By undo, by a paste after a cut, also after the server was restarted; another program may have taken it out, too."""
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.replace(13, len(TEXT), "")
        await ann.save()
        assert outputs_of(file) == {"one": "1"}
        ann.undo()
        await ann.save()
        assert file.read_text() == TWO
        cut = ann.text[:14]
        ann.replace(0, 14, "")
        await ann.save()
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.replace(len(ann.text), len(ann.text), f"\n{cut.rstrip()}!")
        await ann.save()
        assert outputs_of(file) == {"two": "2", "one!": "1"}
        ann.replace(len(ann.text), len(ann.text), "!")
        file.write_text(notebook(code("two", "2", "b")))
        await until(lambda: not ann.saved, "the other program's change")
        await ann.save()
        assert outputs_of(file) == {"two": "2", "one!!": "1"}


async def test_another_program_s_changes_are_merged_by_cell(desk: Desk) -> None:
    """Also if it gives all cells new ids, as VS Code does; those of the text stay, and the file keeps its own."""
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.replace(len(TEXT), len(TEXT), " mine")
        file.write_text(notebook(code("one", "1", "v1"), code("new", "n", "v2"), code("two", "22", "v3")))
        await until(lambda: "new" in ann.text, "the new cell")
        assert ann.text == "# %% id=a\none\n# %% id=v2\nnew\n# %% id=b\ntwo mine"
        await ann.save()
        assert outputs_of(file) == {"one": "1", "new": "n", "two mine": "22"}
        assert [cell["id"] for cell in json.loads(file.read_text())["cells"]] == ["v1", "v2", "v3"]
    file.write_text(notebook(code("two mine", "22", "w3"), code("one", "1", "w1")))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        await until(lambda: ann.saved, "the file has it")
        assert ann.text == "# %% id=b\ntwo mine\n# %% id=a\none"


async def test_a_file_that_is_no_notebook_any_more_is_left_alone(desk: Desk) -> None:
    """As after a merge of git's with conflicts. Once it is one again, it is merged."""
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=0.05):
        ann = await desk.join("ann", NAME)
        broken = TWO.replace('"one"', '"one"\n<<<<<<< HEAD')
        file.write_text(broken)
        notice = await desk.hears("is no notebook any more")
        assert "its conflict markers are incomplete" in notice.sentence
        ann.replace(len(TEXT), len(TEXT), " mine")
        with pytest.raises(RequestFailed, match="no notebook any more"):
            await ann.save()
        assert file.read_text() == broken
        file.write_text(TWO.replace('"one"', '"uno"'))
        await until(lambda: outputs_of(file) == {"uno": "1", "two mine": "2"}, "both changes in the file")
        assert ann.text == "# %% id=a\nuno\n# %% id=b\ntwo mine"


CONFLICT = TWO.replace(
    '    "one"\n', '<<<<<<< HEAD\n    "one of ours"\n=======\n    "one of theirs"\n>>>>>>> other\n'
)


async def test_conflicts_of_git_become_the_cells_of_both_sides(desk: Desk) -> None:
    """Not saved yet, and with what was typed meanwhile; saving writes a notebook without markers."""
    assert CONFLICT != TWO
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.replace(len(ann.text), len(ann.text), " mine")
        file.write_text(CONFLICT)
        notice = await desk.hears("the cells of both sides are here")
        assert notice.serious
        await until(lambda: "one of theirs" in ann.text, "the other side")
        assert re.fullmatch(
            r"# %% id=a\none of ours\n# %% id=[0-9a-f]{8}\none of theirs\n# %% id=b\ntwo mine", ann.text
        )
        assert not ann.saved and file.read_text() == CONFLICT
        await ann.save()
        assert ann.saved
        assert outputs_of(file) == {"one of ours": "1", "one of theirs": "1", "two mine": "2"}


async def test_a_notebook_with_conflicts_is_opened_by_cell(desk: Desk) -> None:
    """Also for the first time; a file whose sides are no notebooks is opened as text."""
    file = desk.file(NAME)
    file.write_text(CONFLICT)
    desk.file("b.ipynb").write_text(CONFLICT.replace("=======", ""))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        assert "one of ours" in ann.text and "one of theirs" in ann.text and "<<<<" not in ann.text
        await until(lambda: not ann.saved, "it is not in the file")
        await ann.save()
        assert outputs_of(file) == {"one of ours": "1", "one of theirs": "1", "two": "2"}
        bob = await desk.join("bob", "b.ipynb")
        assert "<<<<<<< HEAD" in bob.text


async def test_a_new_notebook(desk: Desk) -> None:
    """What is typed becomes a cell, and `# %%` on a line of its own another one."""
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        assert ann.text == ""
        ann.replace(0, 0, "hello")
        await until(lambda: ann.text.startswith("# %% id=") and ann.text.endswith("\nhello"), "a marker")
        ann.replace(len(ann.text), len(ann.text), "\n# %% [markdown]\nyou")
        await until(lambda: "[markdown] id=" in ann.text, "an id")
        await ann.save()
        whole = json.loads(desk.file(NAME).read_text())
        pytest.importorskip("nbformat").validate(whole)
        assert [(cell["cell_type"], cell["source"]) for cell in whole["cells"]] == [
            ("code", ["hello"]),
            ("markdown", ["you"]),
        ]
        assert ann.saved


async def test_what_has_no_meaning_for_a_notebook_is_refused(desk: Desk) -> None:
    desk.file(NAME).write_text(TWO)
    desk.file("b.md").write_text("b\n")
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", "b.md")
        with pytest.raises(RequestFailed, match="is a notebook"):
            await ann.reform(Form(False, ("\r\n",), "utf-8"))
        with pytest.raises(RequestFailed, match="is a notebook"):
            await ann.read_again("cp1252")
        with pytest.raises(RequestFailed, match="is a notebook"):
            await ann.take_back_disk()
        for session, name in ((ann, "a.json"), (bob, "b.ipynb")):
            with pytest.raises(RequestFailed, match=r"a notebook's name ends with \.ipynb"):
                await session.rename(name)
        await ann.rename("c.ipynb")
        ann.replace(len(TEXT), len(TEXT), "!")
        await ann.save()
        assert outputs_of(desk.file("c.ipynb")) == {"one": "1", "two!": "2"}


# Earlier releases


def json_store(storage: FolderStorage, file: Path, *, edit: Callable[[Pad], None] | None = None) -> None:
    """A store as releases before this left it for a notebook: its text is the JSON."""
    text = file.read_text("utf-8")
    pad = Pad(TextBuffer.genesis(text, author="disk"))
    pad.saved = pad.buffer.version
    store = storage.open(NAME)
    store.write_blob("base", text.encode())
    saver = Saver(pad, store, Version(), genesis=text.encode())
    saver.begin()
    if edit is not None:
        edit(pad)
        saver.write()
    store.close()


def opened(storage: FolderStorage, file: Path) -> Document:
    document, damage = open_document(NAME, file, None, storage.open(NAME))
    assert damage == []
    return document


def test_a_history_of_json_begins_anew_by_cell_once_all_of_it_is_saved(tmp_path: Path) -> None:
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(TWO)
    json_store(storage, file, edit=lambda pad: pad.replace(0, 0, " ", 1.0))
    document = opened(storage, file)
    assert document.pad.buffer.text == f" {TWO}" and not document.is_notebook
    assert "is edited as text, not by cell: an earlier release began its history" in document.remarks[0]
    asyncio.run(document.save())
    assert file.read_text() == f" {TWO}"
    identity = document.identity
    asyncio.run(document.close())
    document = opened(storage, file)
    assert document.pad.buffer.text == TEXT and document.is_notebook and document.is_saved
    assert document.identity != identity and not document.remarks
    document.pad.replace(0, 0, "", 1.0)
    asyncio.run(document.close())
    document = opened(storage, file)
    assert document.pad.buffer.text == TEXT and document.is_notebook
    asyncio.run(document.close())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "its JSON is broken at line 1"),
        ('{"worksheets": [], "nbformat": 3}', "it is a notebook of format 3, not of 4"),
    ],
)
def test_another_file_of_such_a_name_is_edited_as_text(tmp_path: Path, text: str, why: str) -> None:
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(text)
    for _ in range(2):
        document = opened(storage, file)
        assert document.pad.buffer.text == text and not document.is_notebook
        assert why in document.remarks[0]
        asyncio.run(document.close())
    file.write_text(TWO)  # it goes on as text until everything is saved
    document = opened(storage, file)
    assert document.pad.buffer.text == TWO
    asyncio.run(document.close())
    document = opened(storage, file)
    assert document.pad.buffer.text == TEXT
    asyncio.run(document.close())


def test_a_restarted_history_is_still_a_notebook_s(tmp_path: Path) -> None:
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(TWO)
    asyncio.run(opened(storage, file).close())
    restart_history(storage, NAME)
    document = opened(storage, file)
    assert document.is_notebook and document.pad.buffer.text == TEXT
    document.pad.replace(len(TEXT), len(TEXT), "!", 1.0)
    asyncio.run(document.save())
    asyncio.run(document.close())
    assert outputs_of(file) == {"one": "1", "two!": "2"}


def test_a_release_that_knows_no_cells_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write the text with its markers over the notebook. Record 128 keeps it from that."""
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(TWO)
    document = opened(storage, file)
    document.pad.replace(len(TEXT), len(TEXT), "!", 1.0)
    document.saver.write()
    document.saver.compact()
    asyncio.run(document.close())
    monkeypatch.setattr(savers, "CELLS_FORM", 0)
    document = opened(storage, file)
    assert document.is_read_only and file.read_text() == TWO
    with pytest.raises(JptermError):
        asyncio.run(document.save())
    asyncio.run(document.close())


async def test_a_client_that_knows_no_cells_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file(NAME).write_text(TWO)
    async with desk.serve():
        features = tuple(each for each in wire.FEATURES if each != wire.NOTEBOOKS)
        monkeypatch.setattr("jpterm_like.sync.link.FEATURES", features)
        with pytest.raises(JptermError, match="Notebooks are edited by cell here"):
            await desk.join("ann", NAME)


async def test_json_in_a_journal_is_never_merged_into_cells(desk: Desk, tmp_path: Path) -> None:
    """Ann wrote in the JSON with an earlier release, offline; the server edits by cell now. Her text is set aside, and told."""
    file = desk.file(NAME)
    file.write_text(TWO)
    json_store(FolderStorage(desk.root / ".jpterm-like"), file, edit=lambda pad: pad.replace(0, 0, " ", 1.0))
    async with desk.serve(autosave_s=None):
        ann = await desk.visit("ann", NAME)
        assert ann.text == f" {TWO}"
        await ann.save()
        await desk.leave()
    storage = FolderStorage(tmp_path / "people" / "ann")
    async with connect_session(
        f"ws+unix://{desk.socket}:/{NAME}", name="ann", storage=storage, create=True
    ) as offline:
        offline.replace(0, 0, "offline")
    storage.close()
    async with desk.serve(autosave_s=None):
        ann = await desk.visit("ann", NAME)
        await until(lambda: ann.text == "# %% id=a\none\n# %% id=b\ntwo", "the cells")
        await desk.hears("is edited in another form at the server")
        assert parts_of(ann.text)[0].id == "a"
        await ann.save()
        assert outputs_of(file) == {"one": "1", "two": "2"}


def test_a_record_of_cells_is_kept_in_snapshots(tmp_path: Path) -> None:
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(TWO)
    document = opened(storage, file)
    document.saver.prepare_compaction()()
    asyncio.run(document.close())
    store = storage.open(NAME)
    assert Record(savers.CELLS, b"\x01") in store.load().records
    store.close()


def test_a_beginning_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """The notes on the file are written before the history; without one the file is new."""
    file, storage = tmp_path / NAME, FolderStorage(tmp_path / "stores")
    file.write_text(TWO)
    asyncio.run(opened(storage, file).close())
    store = storage.open(NAME)
    store.clear()
    store.close()
    document = opened(storage, file)
    assert document.is_notebook and document.pad.buffer.text == TEXT
    asyncio.run(document.close())
