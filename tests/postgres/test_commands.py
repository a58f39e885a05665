"""What people do with a database in a shell: make its tables, examine it, and take its texts out and in."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import pytest

import jpterm_like
from crdt import TextBuffer
from jpterm_like.cli.main import main
from jpterm_like.saver import rebuild, records_of_file
from jpterm_like.storage.base import NewStore, Storage
from jpterm_like.stores import database_storage, served_folder
from tests.e2e.terminal import Serve
from tests.postgres.cluster import Cluster
from tests.postgres.rig import NodeProcess


def buffers_in(storage: Storage) -> dict[str, TextBuffer]:
    """All histories, by name."""
    with contextlib.closing(storage):
        found = {name: storage.inspect(name) for name in storage.names()}
    assert all(each is not None and not each.damage for each in found.values())
    kept = {name: rebuild(each.loaded, author="").buffer for name, each in found.items() if each is not None}
    return {name: buffer for name, buffer in kept.items() if buffer is not None}


def in_database(address: str) -> dict[str, TextBuffer]:
    return buffers_in(database_storage(address, is_node=False))


def in_folder(folder: Path) -> dict[str, TextBuffer]:
    return buffers_in(served_folder(folder / ".jpterm-like"))


def facts(buffers: dict[str, TextBuffer]) -> dict[str, object]:
    """What must be the same on both sides."""
    return {name: (it.text, it.digest(), it.lineage, it.version) for name, it in buffers.items()}


def wait_for_replicas(cluster: Cluster, names: str) -> None:
    """Have commits wait for these replicas."""
    cluster.configure(f"synchronous_standby_names = '{names}'")
    cluster.reload()
    deadline = time.monotonic() + 10
    while cluster.sql("SHOW synchronous_standby_names") != [(names,)]:
        assert time.monotonic() < deadline


async def command(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_all_texts_go_into_a_folder_and_back(
    cluster: Cluster, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their histories: the folder is served, edited, and brought into the same and into another database. Tokens stay."""
    assert await command("token", "new", "--store", database, "--role", "edit") == 0
    secret = capsys.readouterr().out.strip().split()[-1]
    hashed = cluster.sql("SELECT hash FROM jp_token", "jp")[0][0]
    node = NodeProcess(tmp_path, 1, [cluster])
    try:
        await node.start()
        for name, text in (("docs/notes.md", "one\ntwo\n"), ("plain.txt", "x" * 40), ("gone.md", "kept\n")):
            async with jpterm_like.connect(f"ws://127.0.0.1:{node.port}/{name}", name="ann") as session:
                session.replace(0, 0, text)
                session.replace(1, 2, "Ä")
                await session.stored()
                await session.save()
                if name == "gone.md":
                    await session.delete_file()
        await node.end(signal.SIGTERM)
    finally:
        await node.stop()

    before, folder = in_database(database), tmp_path / "out"
    assert set(before) == {"docs/notes.md", "plain.txt", "gone.md"}
    assert await command("export", "--store", database, str(folder)) == 0
    assert capsys.readouterr().out == f"3 documents exported to {folder}.\n"
    assert facts(in_folder(folder)) == facts(before)
    assert (folder / "docs/notes.md").read_text() == "oÄe\ntwo\n" and not (folder / "gone.md").exists()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(word.encode() in path.read_bytes() for path in kept for word in (secret, hashed))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node1.log", "out"], (
        "nothing unfinished is left"
    )

    assert await command("export", "--store", database, str(folder)) == 1
    assert "not empty" in capsys.readouterr().err and facts(in_folder(folder)) == facts(before)
    assert await command("import", "--store", database, str(folder)) == 0
    assert "3 there already, with all of their history" in capsys.readouterr().out

    serve = Serve(folder)
    try:
        assert await command("import", "--store", database, str(folder)) == 1
        assert "is shared" in capsys.readouterr().err
        async with jpterm_like.connect(f"{serve.url}/docs/notes.md", name="bob") as session:
            assert session.text == "oÄe\ntwo\n" and session.saved
            session.replace(0, 0, "zero\n")
            await session.stored()
            await session.save()
    finally:
        serve.stop()
    (folder / "new.md").write_text("never served\n")
    (folder / "cells.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    assert await command("import", "--store", database, str(folder)) == 1
    told = capsys.readouterr().out
    assert "docs/notes.md is there already, with another history, and was left as it is" in told
    assert "cells.ipynb: notebooks are edited in a folder" in told and "1 document imported" in told
    after = in_database(database)
    assert after.pop("new.md").text == "never served\n" and facts(after) == facts(before)

    (folder / "cells.ipynb").unlink()
    other = cluster.database("other")
    assert await command("import", "--store", other, str(folder)) == 0
    taken = facts(in_database(other))
    assert taken == {**facts(in_folder(folder)), "new.md": taken["new.md"]} and len(taken) == 4
    with contextlib.closing(database_storage(other, is_node=False)) as storage:
        assert storage.read_blob("docs/notes.md", "base") == (folder / "docs/notes.md").read_bytes()
        assert (
            storage.read_blob("gone.md", "absent")
            and storage.read_blob("gone.md", "base") == "kÄpt\n".encode()
        )
    assert cluster.sql("SELECT count(*) FROM jp_token", "other") == [(0,)]


def test_a_file_that_another_program_changed_is_not_taken_in_with_an_older_history(
    cluster: Cluster, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.md").write_text("one\n")
    assert main(["import", "--store", database, str(tmp_path)]) == 0
    folder = tmp_path / "out"
    assert main(["export", "--store", database, str(folder)]) == 0
    (folder / "notes.md").write_text("two\n")
    cluster.empty("jp")
    assert main(["import", "--store", database, str(folder)]) == 1
    assert "changed by another program" in capsys.readouterr().out and not in_database(database)
    (folder / "notes.md").write_bytes(b"one\r\n")  # the same text
    assert main(["import", "--store", database, str(folder)]) == 0
    assert facts(in_database(database)) == facts(in_folder(folder))
    with contextlib.closing(database_storage(database, is_node=False)) as storage:
        assert storage.read_blob("notes.md", "base") == b"one\r\n"


def test_a_database_is_prepared_and_examined(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`migrate` makes its tables, once; `token`, `doctor` and `verify` are about what is in it, and not about this machine."""
    cluster.sql("CREATE DATABASE fresh")
    address = cluster.address("fresh")

    def told(*words: str) -> tuple[int, str]:
        code = main([*words, "--store", address])
        said = capsys.readouterr()
        return code, said.out + said.err

    code, sentence = told("doctor")
    assert code == 1 and "no tables of jpterm-like yet" in sentence
    assert told("migrate") == (0, "Made step 1 of the tables.\n")
    assert told("migrate") == (0, "The tables are as this release needs them.\n")
    assert told("token", "new", "--role", "edit")[0] == 0
    (id,) = cluster.sql("SELECT id FROM jp_token", "fresh")[0]
    assert id in told("token", "list")[1]
    assert main(["token", "list"]) == 0 and id not in capsys.readouterr().out
    assert told("token", "revoke", id)[0] == 0 and id not in told("token", "list")[1]
    assert told("verify") == (0, "0 documents, 0 damaged.\n")
    code, sentence = told("doctor")
    assert code == 0 and "warn   synchronous_standby_names is empty" in sentence and "0 documents" in sentence
    assert "look" not in sentence


def test_a_database_that_waits_for_no_replica_is_warned_of_and_one_that_waits_in_vain_is_wrong(
    cluster: Cluster, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One machine is what some want. With a replica that is not there nothing is stored."""
    wait_for_replicas(cluster, "ANY 1 (gone)")
    try:
        assert main(["doctor", "--store", database]) == 1
        assert (
            "look   Commits wait for a replica (ANY 1 (gone)): none is connected" in capsys.readouterr().out
        )
    finally:
        wait_for_replicas(cluster, "")
    assert main(["doctor", "--store", database]) == 0
    said = capsys.readouterr().out
    assert "warn   synchronous_standby_names is empty" in said and "look" not in said


def test_a_database_writes_nothing_outside_of_the_folder_and_no_two_texts_in_one_place(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names are refused that no server gives; a note that a text has another name now goes along, without a file."""
    buffer = TextBuffer.genesis("text\n", author="x")
    records = records_of_file(buffer, b"text\n")
    names = ("../outside.md", "/tmp/outside.md", ".git/config", "a", "a/b", "docs/c.md")
    new = [NewStore(name, records, {"base": b"text\n"}) for name in names]
    with contextlib.closing(database_storage(database, is_node=False)) as storage:
        asyncio.run(storage.create([*new, NewStore("old.md", [], {"base": b"", "moved": b"docs/c.md"})]))
    folder = tmp_path / "out"
    assert main(["export", "--store", database, str(folder)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in told[:-1]] == [
        "../outside.md",
        ".git/config",
        "/tmp/outside.md",
        "a/b",
    ]
    assert told[-1] == f"3 documents exported to {folder}."
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in files if ".jpterm-like" not in name} == {"out/a", "out/docs/c.md"}
    with contextlib.closing(served_folder(folder / ".jpterm-like")) as there:
        assert there.names() == ["a", "docs/c.md", "old.md"]
        assert there.read_blob("old.md", "moved") == b"docs/c.md"


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_password_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--store", "postgresql://jp:secret@db/jp", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "has a password in it" in said.err and "secret" not in said.err + said.out
