"""Words are found in all that this user keeps, and the answer is the same with the index, without, and while it is built."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jpterm_like.errors import JptermError
from jpterm_like.index import database, search
from jpterm_like.index.search import Answer, find
from tests.index.stories import WORDS, Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(search, "BATCH", 2)
    monkeypatch.setattr(search, "is_fleeting", lambda place: False)  # all tests are in /tmp
    monkeypatch.setattr(database, "FREE_BYTES_MIN", 0)
    return Home(tmp_path)


@pytest.fixture
def with_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(search.SWITCH, raising=False)


OF_THE_INDEX = pytest.mark.usefixtures("with_index")
"""For tests of the index itself. The others hold whatever JPTERM_LIKE_INDEX says: CI runs them with "off" and with "new"."""


def without_index(home: Home, *words: str, deleted: bool, limit: int = 20) -> Answer:
    before, os.environ[search.SWITCH] = os.environ.get(search.SWITCH), "off"
    try:
        return find(home.paths, words, deleted=deleted, limit=limit)
    finally:
        del os.environ[search.SWITCH]
        if before is not None:
            os.environ[search.SWITCH] = before


def queries(home: Home) -> list[tuple[str, ...]]:
    chance = home.chance
    return [tuple(chance.sample(WORDS, chance.choice([1, 1, 2]))) for _ in range(3)] + [
        ("k",),
        ("UOK",),
        ("咪",),
    ]


def assert_equal_answers(home: Home, when: str) -> None:
    for words in queries(home):
        for deleted in (False, True):
            limit = home.chance.choice([1, 3, 100])
            expected = without_index(home, *words, deleted=deleted, limit=limit)
            assert find(home.paths, words, deleted=deleted, limit=limit) == expected, (
                when,
                words,
                deleted,
                limit,
            )


def rows_of(home: Home) -> int:
    with sqlite3.connect(home.index) as sql:
        count: int = sql.execute("SELECT count(*) FROM stores").fetchone()[0]
    sql.close()
    return count


@OF_THE_INDEX
@pytest.mark.parametrize("seed", range(5))
def test_the_answer_is_the_same_with_and_without_an_index(seed: int, home: Home) -> None:
    """New, complete, behind, deleted, cut off, of another format, full of nonsense."""
    home.chance.seed(seed)
    home.live(6)
    assert_equal_answers(home, "new")
    home.settle()
    assert_equal_answers(home, "complete")
    assert rows_of(home) > 0
    for _ in range(2):
        home.live(3)
        assert_equal_answers(home, "behind, and some of it changed a moment ago")
    home.settle()
    assert_equal_answers(home, "complete again")
    spoil = home.chance.choice(SPOILERS)
    spoil(home.index)
    assert_equal_answers(home, f"after {spoil.__name__}")
    home.settle()
    assert_equal_answers(home, "built again")


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    checkpoint(path)
    os.truncate(path, os.path.getsize(path) // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"nonsense" * 9000)


def renumber(path: Path) -> None:
    with sqlite3.connect(path) as sql:
        sql.execute("UPDATE about SET value = '0 13.0.0' WHERE name = 'format'")
    sql.close()


def drop_a_table(path: Path) -> None:
    with sqlite3.connect(path) as sql:
        sql.execute("DROP TABLE past")
    sql.close()


def spoil_texts(path: Path) -> None:
    """As a flipped bit does, which SQLite does not notice."""
    with sqlite3.connect(path) as sql:
        sql.execute("UPDATE texts SET text = X'789c00', passages = X'789c00'")
    sql.close()


def checkpoint(path: Path) -> None:
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA wal_checkpoint(truncate)")
    sql.close()


SPOILERS: list[Callable[[Path], None]] = [
    delete,
    truncate,
    empty,
    overwrite,
    renumber,
    drop_a_table,
    spoil_texts,
]


@OF_THE_INDEX
@pytest.mark.parametrize("spoil", SPOILERS)
def test_an_index_that_cannot_be_used_is_built_again(spoil: Callable[[Path], None], home: Home) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "the quokkas\n"))
    home.write("pads", "b.md", ("bob", 0, 0, "the quokka\n"))
    home.settle()
    expected = find(home.paths, ["quokka"], deleted=False, limit=9)
    assert [it.text for it in expected.found] == ["the quokka", "the quokkas"] or len(expected.found) == 2
    spoil(home.index)
    assert find(home.paths, ["quokka"], deleted=False, limit=9) == expected
    assert rows_of(home) == 2, "it was built again"


def test_a_deleted_passage_is_found_with_who_wrote_and_who_deleted_it(home: Home) -> None:
    home.write("served", "docs/a.md", ("ann", 0, 0, "one\nthe quokkas live on Rottnest\ntwo\n"))
    home.write("served", "docs/a.md", ("bob", 4, 33, ""))
    answer = find(home.paths, ["QUOKKA", "rott"], deleted=True, limit=9)
    (it,) = answer.found
    assert it.place == str(home.served / "docs/a.md") and it.row == 1
    assert it.text == "the quokkas live on Rottnest\n" and it.passage is not None
    assert [it.text[low:high] for low, high in it.spans] == ["quokka", "Rott"]
    assert (it.passage.authors, it.passage.deleted_by) == (("ann",), "bob")
    assert it.passage.deleted_at > it.passage.since > 0
    assert find(home.paths, ["quokka"], deleted=False, limit=9).found == []


def test_work_that_only_a_journal_has_is_found_and_nothing_twice(home: Home) -> None:
    buffer = home.write("pads", "a.md", ("ann", 0, 0, "quokka one\n"))
    folder, stored = home.store("journal", "a.md")
    from crdt import TextBuffer, Version
    from jpterm_like.saver import Saver
    from jpterm_like.stores import on_disk
    from jpterm_like.sync.pad import Pad

    mine = TextBuffer.decode(buffer.encode(), author="ann")
    mine.replace(len(mine), len(mine), "quokka two\n", 2_000_000.0)
    storage = on_disk(folder)
    store = storage.open(stored)
    Saver(Pad(mine), store, Version()).compact()
    store.close()
    storage.close()
    answer = find(home.paths, ["quokka"], deleted=False, limit=9)
    assert [it.text for it in answer.found] == ["quokka one", "quokka two"]


def test_a_copy_at_another_place_is_not_told_again(home: Home) -> None:
    """The journal of a text on this user's own server has the same document."""
    buffer = home.write("served", "a.md", ("ann", 0, 0, "a quokka\n"))
    from crdt import TextBuffer, Version
    from jpterm_like.saver import Saver
    from jpterm_like.stores import on_disk
    from jpterm_like.sync.pad import Pad

    folder, stored = home.store("remote", "a.md")
    storage = on_disk(folder)
    store = storage.open(stored)
    Saver(Pad(TextBuffer.decode(buffer.encode())), store, Version()).compact()
    store.close()
    storage.close()
    assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 1


def test_texts_of_the_same_beginning_are_told_each(home: Home) -> None:
    """Two files that began with one template are no copies."""
    for name in ("a.md", "b.md"):
        home.write("pads", name, ("ann", 0, 0, "x\n"), text="# a quokka\n")
    assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 2


def test_what_a_newer_release_wrote_is_left_out_and_told(home: Home) -> None:
    from jpterm_like.storage import Record
    from jpterm_like.stores import on_disk

    folder, stored = home.store("pads", "new.md")
    storage = on_disk(folder)
    store = storage.open(stored)
    store.append([Record(200, b"of release 9")])  # readers must understand it
    store.close()
    storage.close()
    home.write("pads", "old.md", ("ann", 0, 0, "a quokka\n"))
    home.settle()
    for _ in range(2):
        answer = find(home.paths, ["quokka"], deleted=False, limit=9)
        assert len(answer.found) == 1
        assert [it.endswith("a newer release of jpterm-like made it.") for it in answer.remarks] == [True]


def test_a_damaged_store_is_searched_as_far_as_it_goes_and_told(home: Home) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    home.settle()
    (part,) = home.paths.pads.rglob("*.log")
    part.write_bytes(part.read_bytes()[:-3])
    home.settle()
    for _ in range(2):
        (remark,) = find(home.paths, ["quokka"], deleted=False, limit=9).remarks
        assert "damaged" in remark and "verify" in remark


@OF_THE_INDEX
def test_a_file_in_memory_is_never_indexed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("pads", "secret.md", ("ann", 0, 0, "a quokka\n"))
    monkeypatch.setattr(search, "is_kept_in_memory", lambda place: place.endswith("secret.md"))
    for _ in range(2):
        assert find(home.paths, ["quokka"], deleted=False, limit=9).found == []
    assert b"quokka" not in home.index.read_bytes()
    with sqlite3.connect(home.index) as sql:
        assert sql.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    sql.close()


@OF_THE_INDEX
def test_a_temporary_file_is_found_and_never_indexed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("pads", "draft.md", ("ann", 0, 0, "a quokka\n"))
    home.settle()
    monkeypatch.setattr(search, "is_fleeting", lambda place: place.endswith("draft.md"))
    for _ in range(2):
        assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 1
    assert rows_of(home) == 0


@OF_THE_INDEX
def test_the_index_is_this_users_alone(home: Home) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    find(home.paths, ["quokka"], deleted=False, limit=9)
    modes = {os.stat(it).st_mode & 0o777 for it in home.paths.cache.iterdir()}
    assert modes == {0o600} and os.stat(home.paths.cache).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", ["a folder", "a link", "a pipe", "no cache", "another user's"])
def test_something_else_in_the_place_of_the_index_changes_no_answer(
    what: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    home.paths.cache.parent.mkdir(exist_ok=True)
    if what == "no cache":
        home.paths.cache.write_text("a file")
    else:
        home.paths.cache.mkdir(mode=0o700)
    if what == "a folder":
        home.index.mkdir()
    elif what == "a link":
        home.index.symlink_to(victim)
    elif what == "a pipe":
        os.mkfifo(home.index)
    elif what == "another user's":
        home.index.write_bytes(b"")
        os.chmod(home.index, 0o666)
    for _ in range(2):
        assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 1
    assert victim.read_bytes() == b"precious"


@OF_THE_INDEX
def test_indexes_of_other_formats_are_removed_and_nothing_else_is(home: Home) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    home.paths.cache.mkdir(parents=True, mode=0o700)
    for name in ("index.0.db", "index.0.db-wal", "index.10.db", "notes.db"):
        (home.paths.cache / name).write_bytes(b"")
    find(home.paths, ["quokka"], deleted=False, limit=9)
    names = {it.name for it in home.paths.cache.iterdir()}
    assert "notes.db" in names and not names & {"index.0.db", "index.0.db-wal", "index.10.db"}


@OF_THE_INDEX
def test_while_another_process_writes_the_answer_comes_without_writing(home: Home) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    home.settle()
    find(home.paths, ["quokka"], deleted=False, limit=9)
    home.write("pads", "b.md", ("ann", 0, 0, "a quokka, too\n"))
    home.settle()
    other = sqlite3.connect(home.index, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM documents")
    assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 2
    other.execute("ROLLBACK")
    other.close()
    assert rows_of(home) == 1
    assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 2
    assert rows_of(home) == 2


@OF_THE_INDEX
def test_with_a_full_disk_the_answer_comes_and_the_index_stays_behind(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    monkeypatch.setattr(database, "FREE_BYTES_MIN", 1 << 62)
    for _ in range(2):
        assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 1
    assert rows_of(home) == 0


@OF_THE_INDEX
def test_an_index_that_fills_its_disk_in_the_middle_changes_no_answer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says FULL when its pages are used up, as it does for a disk."""
    for number in range(8):
        text = "".join(home.chance.choices("abcdefghij \n", k=4000))
        home.write("pads", f"{number}.md", ("ann", 0, 0, f"{text}\na quokka\n"))
    home.settle()
    prepare = database.Index._prepare
    pages: list[int] = []

    def small(index: database.Index) -> None:
        prepare(index)
        pages.append(index._sql.execute("PRAGMA page_count").fetchone()[0])
        index._sql.execute(f"PRAGMA max_page_count = {pages[0] + 8}")

    monkeypatch.setattr(database.Index, "_prepare", small)
    for _ in range(3):
        assert len(find(home.paths, ["quokka"], deleted=False, limit=99).found) == 8
    assert 0 < rows_of(home) < 8


def test_without_trigrams_the_answer_comes_from_the_stores(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("pads", "a.md", ("ann", 0, 0, "a quokka\n"))
    monkeypatch.setattr(
        database, "_SCHEMA", database._SCHEMA.replace("trigram case_sensitive 1", "no such thing")
    )
    for _ in range(2):
        assert len(find(home.paths, ["quokka"], deleted=False, limit=9).found) == 1


def test_words_that_cannot_be_sought_are_told(home: Home) -> None:
    for words in ([], [" "], ["x"] * 1 + [f"w{it}" for it in range(30)], ["y" * 999]):
        with pytest.raises(JptermError):
            find(home.paths, words, deleted=False, limit=9)


@OF_THE_INDEX
def test_a_search_tells_how_far_it_is(home: Home) -> None:
    for number in range(5):
        home.write("pads", f"{number}.md", ("ann", 0, 0, "a quokka\n"))
    home.settle()
    told: list[tuple[int, int]] = []
    find(home.paths, ["quokka"], deleted=False, limit=9, progress=lambda done, of: told.append((done, of)))
    assert told == [(it, 5) for it in range(5)]
    told.clear()
    find(home.paths, ["quokka"], deleted=False, limit=9, progress=lambda done, of: told.append((done, of)))
    assert told == []


def test_searches_at_once_while_the_index_is_removed_and_cut_give_the_same_answers(home: Home) -> None:
    """As processes of one person do, each with an index of its own open."""
    home.live(10)
    expected = {deleted: without_index(home, "quokka", deleted=deleted) for deleted in (False, True)}
    wrong: list[object] = []

    def search_again() -> None:
        try:
            for turn in range(4):
                deleted = turn % 2 == 1
                found = find(home.paths, ["quokka"], deleted=deleted, limit=20)
                if found != expected[deleted]:
                    wrong.append(found)
        except BaseException as problem:  # noqa: BLE001 - told below
            wrong.append(problem)

    threads = [threading.Thread(target=search_again) for _ in range(2)]
    for thread in threads:
        thread.start()
    spoilers = [delete, empty, lambda path: os.truncate(path, os.path.getsize(path) // 2)]
    while any(thread.is_alive() for thread in threads):
        with contextlib.suppress(OSError):
            home.chance.choice(spoilers)(home.index)
        time.sleep(0.02)  # lets the searches write between two of these
    assert wrong == []
