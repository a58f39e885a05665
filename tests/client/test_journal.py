"""Journals of files whose names end as the numbers of openings do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jpterm_like.client.events import Event, Notice, Settled
from jpterm_like.client.journal import SLOTS_MAX
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.storage import Storage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import file_of_journal, journal_name, key_of


def opened(file: Path, storage: Storage) -> Session:
    return open_session(str(file), name="ann", storage=storage)


@pytest.mark.asyncio
async def test_a_file_called_as_a_second_opening_has_a_journal_of_its_own(tmp_path: Path) -> None:
    """Work in `notes.md#2` never comes up in `notes.md`, nor the other way round."""
    storage = MemoryStorage()
    one, other = tmp_path / "notes.md", tmp_path / "notes.md#2"
    for file in (one, other):  # of one text: their histories begin alike
        file.write_text("text\n")
    session = opened(other, storage)
    session.replace(0, 0, "of the other ")
    await session.close()
    first, second = opened(one, storage), opened(one, storage)
    assert first.text == second.text == "text\n"
    second.replace(0, 0, "of the one ")
    await second.close()
    again = opened(other, storage)
    assert again.text == "of the other text\n"
    await again.close()
    await first.close()
    session = opened(one, storage)
    assert session.text == "of the one text\n"
    await session.close()


@pytest.mark.asyncio
async def test_the_journal_that_0_1_0_made_of_such_a_file_is_left_alone(tmp_path: Path) -> None:
    """It is called as the second opening's of the file without the number, and is not taken for that."""
    storage = MemoryStorage()
    one, other = tmp_path / "notes.md", tmp_path / "notes.md#2"
    for file in (one, other):
        file.write_text("text\n")
    session = opened(other, storage)
    session.replace(0, 0, "of the other ")
    session._journal.move(storage.open(f"file:{other}"))  # as 0.1.0 called it
    await session.close()
    session = opened(one, storage)
    second = opened(one, storage)
    assert session.text == second.text == "text\n"
    await second.close()
    await session.close()
    assert storage.has(f"file:{other}")


def test_a_journal_s_name_tells_which_file_it_is_of() -> None:
    """No two openings of two files have one name."""
    files = [Path(name) for name in ("/a", "/a#2", "/a#2#1", "/a#", "/#3", "/a#b", "/a\n#1")]
    names = {journal_name(f"file:{file}", slot): file for file in files for slot in range(1, SLOTS_MAX + 1)}
    assert len(names) == len(files) * SLOTS_MAX
    for name, file in names.items():
        assert key_of(name) == f"file:{file}" and file_of_journal(name) == file


@pytest.mark.asyncio
async def test_a_disk_that_failed_and_works_again_is_told_of(tmp_path: Path) -> None:
    """ "Your work is not kept on this machine now" stayed on the screen when it was kept again."""
    storage = MemoryStorage()
    file = tmp_path / "notes.md"
    file.write_text("text\n")
    session = opened(file, storage)
    told: list[str] = []
    settled = asyncio.Event()

    def hear(event: Event) -> None:
        match event:
            case Notice(sentence, topic="journal"):
                told.append(sentence)
            case Settled("journal"):
                settled.set()

    session.listen(hear)
    session._journal.begin()
    storage.fail("append")
    session.replace(0, 0, "one ")
    assert len(told) == 1 and "the disk is full" in told[0] and not settled.is_set()
    session.replace(0, 0, "two ")
    async with asyncio.timeout(10):
        await settled.wait()
    await session.close()
