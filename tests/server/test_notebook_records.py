"""The records beside a notebook: opened when asked for, stored with the text, and saved into its file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from jpterm_like.client.session import Session
from jpterm_like.notebook.outputs import Display, Stream
from jpterm_like.notebook.runs import Run, file_digest_of, part_of_output, put_cell, put_part
from jpterm_like.server.document import Document
from jpterm_like.sync import wire
from tests.server.test_notebooks import NAME, TWO, code, notebook
from tests.server.test_outside_writers import Desk, desk, until

__all__ = ["desk"]  # a fixture


def lines(session: Session, cell: str) -> str:
    return "".join(
        "\n".join(item.lines) for item in session.outputs_of(cell).items if isinstance(item, Stream)
    )


def document_of(desk: Desk, name: str = NAME) -> Document:
    assert desk.server is not None
    return desk.server.documents.by_name[name].document


def give(document: Document, cell: str, text: str, run: str = "1" * 32) -> None:
    """As if the cell had run."""
    records = document.records
    assert records is not None
    part = part_of_output({"output_type": "stream", "name": "stdout", "text": text})
    assert part is not None
    records.fold.put_run(Run(run, cell, "ann", "ok", 1, 2, 3, 4))
    put_part(records.records, run, 0, part)
    put_cell(records.records, cell, run, file_digest_of(records.records, cell))
    records.publish()


async def test_the_outputs_of_the_file_are_shown_to_those_who_ask(desk: Desk) -> None:
    desk.file(NAME).write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        assert ann.outputs_of("a").items == ()
        ann.follow_outputs()
        await until(lambda: lines(ann, "a") == "1" and lines(ann, "b") == "2", "outputs")
        assert ann.outputs_of("a").badge == "[1]" and ann.saved
        assert desk.file(NAME).read_text() == TWO


async def test_a_file_may_begin_with_a_byte_order_mark(desk: Desk) -> None:
    """What stands in it is shown, and saving keeps the mark."""
    desk.file(NAME).write_bytes(b"\xef\xbb\xbf" + TWO.encode())
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        await until(lambda: lines(ann, "a") == "1", "the output")
        ann.replace(len(ann.text), len(ann.text), " + 1")
        await ann.save()
        assert desk.file(NAME).read_bytes().startswith(b"\xef\xbb\xbf{")


async def test_what_ran_is_saved_and_nothing_else_changes(desk: Desk) -> None:
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        await until(lambda: lines(ann, "a") == "1", "outputs")
        document = document_of(desk)
        give(document, "b", "new\nlines\n")
        await until(lambda: lines(ann, "b") == "new\nlines\n", "the run")
        assert ann.outputs_of("b").badge.startswith("[4] ann")
        assert not document.is_saved
        await ann.save()
        assert document.is_saved
        expected = TWO.replace(
            '"execution_count": 1,\n   "id": "b"', '"execution_count": 4,\n   "id": "b"'
        ).replace('"2"\n', '"new\\n",\n      "lines\\n"\n')
        assert file.read_text() == expected
        await ann.save()
        assert file.read_text() == expected
        records = document.records
        assert records is not None
        # another program runs the cell: that is newer
        file.write_text(expected.replace('"new\\n"', '"theirs\\n"'))
        await document.read_changes()
        await until(lambda: lines(ann, "b") == "theirs\nlines\n", "the change of the file")
        assert document.is_saved


async def test_outputs_may_stay_out_of_the_file(desk: Desk) -> None:
    """The setting `outputs`: a cell that ran has none in the file, and here it has them, also after a restart and after a change from outside."""
    settings = Path(os.environ["XDG_CONFIG_HOME"], "jpterm-like", "config.toml")
    settings.parent.mkdir(parents=True)
    settings.write_text('outputs = "store"\n')
    file = desk.file(NAME)
    file.write_text(TWO)
    expected = TWO.replace('"execution_count": 1,\n   "id": "b"', '"execution_count": null,\n   "id": "b"')
    expected = re.sub(r'("id": "b".*?"outputs": )\[.*?\n   \]', r"\1[]", expected, flags=re.S)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        await until(lambda: lines(ann, "a") == "1", "outputs")
        document = document_of(desk)
        give(document, "b", "secret\n")
        await until(lambda: lines(ann, "b") == "secret\n", "the run")
        assert not document.is_saved
        await ann.save()
        assert document.is_saved and file.read_text() == expected
        ann.replace(len(ann.text), len(ann.text), "\n# %% id=new\nx")
        await until(lambda: "id=new" in document.pad.buffer.text, "the new cell")
        give(document, "new", "of a new cell\n", "2" * 32)
        await ann.save()
        assert document.is_saved and "of a new cell" not in file.read_text()
        file.write_text(file.read_text().replace('"x"', '"y"'))
        await document.read_changes()
        assert document.pad.buffer.text.endswith("id=new\ny")
        assert (lines(ann, "b"), lines(ann, "new")) == ("secret\n", "of a new cell\n")
    async with desk.serve(autosave_s=None):
        bob = await desk.join("bob", NAME)
        bob.follow_outputs()
        await until(lambda: lines(bob, "new") == "of a new cell\n", "the stored runs")
        assert (lines(bob, "a"), lines(bob, "b")) == ("1", "secret\n") and bob.saved


async def test_outputs_outlive_the_server_and_a_new_name(desk: Desk) -> None:
    file = desk.file(NAME)
    file.write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        await until(lambda: lines(ann, "a") == "1", "outputs")
        give(document_of(desk), "a", "kept\n")
        await until(lambda: lines(ann, "a") == "kept\n", "the run")
        await ann.save()
        give(document_of(desk), "b", "in no file\n", "2" * 32)
        await ann.rename("b.ipynb")
        assert lines(ann, "a") == "kept\n"
    async with desk.serve(autosave_s=None):
        bob = await desk.join("bob", "b.ipynb")
        bob.follow_outputs()
        await until(lambda: lines(bob, "a") == "kept\n", "the stored run")
        assert lines(bob, "b") == "in no file\n"
        document = document_of(desk, "b.ipynb")
        document.saver.prepare_compaction()()
        give(document, "a", "after\n", "3" * 32)
    async with desk.serve(autosave_s=None):
        cat = await desk.join("cat", "b.ipynb")
        cat.follow_outputs()
        await until(lambda: lines(cat, "a") == "after\n", "the run after the snapshot")
        link = cat._link
        assert link is not None
        link.end("moved", "The line is cut.")
        give(document_of(desk, "b.ipynb"), "b", "meanwhile\n", "4" * 32)
        await until(lambda: lines(cat, "b") == "meanwhile\n", "what was missed")


async def test_long_displays_come_whole(desk: Desk) -> None:
    big = "x" * 300_000
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": [big]}}
    cell = {**code("one", name="a"), "outputs": [output]}
    desk.file(NAME).write_text(notebook(cell))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        await until(lambda: bool(ann.outputs_of("a").items), "the display")
        [item] = ann.outputs_of("a").items
        assert isinstance(item, Display) and item.data["text/plain"] == big


async def test_a_text_has_no_outputs_and_an_older_server_is_not_asked(desk: Desk) -> None:
    desk.file("a.md").write_text("words")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann", "a.md")
        ann.follow_outputs()
        await ann.informed()
        assert ann.outputs_of("a").items == () and ann.text == "words"
    request = wire.OpenRecords(0, 1, 2, None, ann.version)
    assert not wire.is_understood(request, set(wire.FEATURES) - {wire.RECORDS})


async def test_nobody_writes_the_records_of_a_server(desk: Desk) -> None:
    """Somebody who may edit forges what a cell gave: the connection ends, and nothing of it is taken."""
    desk.file(NAME).write_text(TWO)
    async with desk.serve(autosave_s=None):
        ann, eve = await desk.join("ann", NAME), await desk.join("eve", NAME)
        for each in (ann, eve):
            each.follow_outputs()
        await until(lambda: lines(ann, "a") == lines(eve, "a") == "1", "outputs")
        link, followed = eve._link, eve._records
        assert link is not None and followed is not None
        forged = followed.pad.records
        forged.put("cell/a", {"run": None, "file": ""})
        link._say(wire.Changes(followed.channel, 0, forged.take_changes()))
        eve._connection.wake()
        await until(lambda: link.state == "ended", "the end of her connection")
        await until(
            lambda: eve._link is not None and eve._link is not link and eve.status.state == "connected",
            "back",
        )
        records = document_of(desk).records
        assert records is not None and records.records.get("cell/a") != {"run": None, "file": ""}
        assert lines(ann, "a") == "1"
