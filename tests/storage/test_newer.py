"""What a newer release wrote may be read as far as it can be, and is left exactly as it is: nothing is damage, nothing begun anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like import retention
from jpterm_like.access.addresses import parse_address
from jpterm_like.cli.verify import judge
from jpterm_like.client.open import open_session
from jpterm_like.errors import JptermError
from jpterm_like.saver import OTHER, REPLICA, Saver, is_newer, rebuild, restore
from jpterm_like.server.load_document import open_document, restart_history
from jpterm_like.storage import FolderStorage, Store, log
from jpterm_like.storage.base import Loaded, NewerRelease, Record
from jpterm_like.storage.inspection import inspect
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import journal_name
from jpterm_like.sync.pad import Pad
from tests.e2e.terminal import Serve, run

NAME = "notes.md"
TEXT = "hello\n"
SENTENCE = "made by a newer release of jpterm-like; update it to edit."
Newer = Callable[[Store, pytest.MonkeyPatch], None]


def of_kind(kind: int) -> Newer:
    return lambda store, patch: store.append([Record(kind, b"of the next release")])


def replica(store: Store, patch: pytest.MonkeyPatch) -> None:
    newer = TextBuffer.genesis(TEXT)
    newer.replace(0, 0, "WORK OF THE NEXT RELEASE ")
    store.snapshot([Record(REPLICA, b"jpt4" + newer.encode()[4:])], lambda _: True)


def segment(store: Store, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as patched:
        patched.setattr(log, "MAGIC", b"jplog2\r\n")
        store.cut()
        store.append([Record(2, b"in another format")])


def snapshot(store: Store, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as patched:
        patched.setattr(log, "MAGIC", b"jplog2\r\n")
        patched.setattr(log, "scan", lambda data, salt: log.Scan(b"", [Record(11, b"")], []))
        store.snapshot([], lambda _: True)


def blob(store: Store, patch: pytest.MonkeyPatch) -> None:
    magic, content = b"jpblob2\n", b"in another format"
    with patch.context() as patched:
        checksum = hashlib.blake2b(magic + content, digest_size=16).digest()
        patched.setattr("jpterm_like.storage.folder.encode_blob", lambda data: magic + checksum + content)
        store.write_blob("base", b"")


READABLE: dict[str, Newer] = {
    "kind 128": of_kind(128),
    "kind 191": of_kind(191),
    "blob": blob,
}
"""What there is beside it can be shown."""
UNREADABLE: dict[str, Newer] = {
    "kind 192": of_kind(192),
    "kind 255": of_kind(255),
    "replica": replica,
    "segment": segment,
    "snapshot": snapshot,
}
ALL = {**READABLE, **UNREADABLE}


def newer_store(root: Path, name: str, newer: Newer, patch: pytest.MonkeyPatch) -> FolderStorage:
    """A store of the next release, as a crash left it: an open segment with a torn end, and a snapshot that was begun."""
    storage = FolderStorage(root)
    store = storage.open(name)
    store.load()
    pad = Pad(TextBuffer.genesis(TEXT))
    saver = Saver(pad, store, Version(), genesis=TEXT.encode())
    saver.begin()
    pad.replace(0, 0, "kept ", 0.0)
    saver.write()
    newer(store, patch)
    store.close()
    (home,) = root.iterdir()
    salt = b"torn"
    (home / f"0000000099-{salt.hex()}.log").write_bytes(
        log.encode_header(salt, name.encode()) + log.encode_frames(salt, [Record(77, b"x")]) + salt
    )
    (home / f"0000000100-{salt.hex()}-0123456789abcdef.snap.tmp").write_bytes(b"begun")
    return storage


def content(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("kind", ALL)
async def test_a_document_of_a_newer_release_is_shown_and_not_touched(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its history, or what the plain file holds if that cannot be read; and no byte of it is written, saved or repaired."""
    file = tmp_path / NAME
    file.write_text(TEXT)
    storage = newer_store(tmp_path / "stores", NAME, ALL[kind], monkeypatch)
    before = content(tmp_path)
    for _ in range(2):
        store = storage.open(NAME)
        document, damage = open_document(NAME, file, None, store)
        assert damage == []
        assert document.is_read_only
        assert document.warnings == [f"{NAME} was {SENTENCE}"]
        assert document.pad.buffer.text == (f"kept {TEXT}" if kind in READABLE else TEXT)
        assert not document.saver.write()
        assert not document.saver.behind
        document.saver.compact()
        document.saver.prepare_compaction()()
        with pytest.raises(JptermError, match=SENTENCE):
            await document.save()
        await document.autosave()
        await document.read_changes()
        for write in (
            lambda store=store: store.append([Record(2, b"x")]),
            lambda store=store: store.write_blob("base", b"x"),
            lambda store=store: store.snapshot([], lambda _: True),
        ):
            with pytest.raises(NewerRelease):
                write()
        store.sync()
        assert document.is_stored
        await document.close()
        assert content(tmp_path) == before


@pytest.mark.parametrize("kind", ALL)
def test_a_document_of_a_newer_release_is_not_damaged(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify` says so, and finds nothing wrong with what this release cannot judge."""
    monkeypatch.setattr("jpterm_like.storage.inspection.PAUSE_S", 0.0)
    storage = newer_store(tmp_path / "stores", NAME, ALL[kind], monkeypatch)
    (found,) = inspect(storage.folder)
    verdict = judge(found)
    assert verdict.newer
    assert verdict.damage == []
    assert "newer release" in verdict.summary


@pytest.mark.parametrize("kind", ALL)
def test_a_journal_of_a_newer_release_is_shown_or_refused_and_not_touched(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / NAME
    file.write_text(TEXT)
    storage = newer_store(tmp_path / "stores", parse_address(str(file)).key, ALL[kind], monkeypatch)
    before = content(tmp_path)
    for _ in range(2):
        if kind in UNREADABLE:
            with pytest.raises(JptermError, match=SENTENCE):
                open_session(str(file), name="ann", storage=storage)
        else:
            session = open_session(str(file), name="ann", storage=storage)
            assert session.role == "view"
            assert SENTENCE in session.damage[0]
            with pytest.raises(JptermError, match="You may read this file"):
                session.replace(0, 0, "x")
            session._journal.store.close()
        assert content(tmp_path) == before


def test_a_journal_of_a_newer_release_that_was_left_behind_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal of another terminal is merged into mine and removed, but not if this release cannot read all of it."""
    file = tmp_path / NAME
    file.write_text(TEXT)
    key = parse_address(str(file)).key
    storage = newer_store(tmp_path / "stores", journal_name(key, 2), of_kind(130), monkeypatch)
    before = content(tmp_path)
    store = storage.open(key)
    Saver(Pad(TextBuffer.genesis(TEXT)), store, Version(), genesis=TEXT.encode()).begin()
    store.close()
    session = open_session(str(file), name="ann", storage=storage)
    assert session.role == "edit"
    session._journal.store.close()
    assert {name: data for name, data in content(tmp_path).items() if name in before} == before


@pytest.mark.parametrize("kind", [*ALL, "kind 77"])
def test_what_this_release_cannot_judge_is_never_put_away_as_done_with(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Histories of files that were left clean go after a while, but not if a newer release kept something in them."""
    file = tmp_path / NAME
    file.write_text(f"kept {TEXT}")
    newer = ALL.get(kind, of_kind(77))
    storage = newer_store(tmp_path / "stores", str(file), newer, monkeypatch)
    (usage,) = [retention.KeptStore(storage, str(file), file, *storage.usage(str(file)))]
    with closing(storage.open(str(file))) as store:
        assert retention._is_done_with(usage, store) is False


async def test_a_store_of_a_newer_release_under_an_open_document_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store in the place of one that was removed is taken in or set aside, but not one of a newer release."""
    (tmp_path / NAME).write_text(TEXT)
    mine = FolderStorage(tmp_path / "mine")
    document, _ = open_document(NAME, tmp_path / NAME, None, mine.open(NAME))
    storage = newer_store(tmp_path / "stores", NAME, of_kind(130), monkeypatch)
    with pytest.raises(NewerRelease):
        await document.merge_store(storage.open(NAME))
    await document.close()


def test_no_history_is_begun_anew_over_one_of_a_newer_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = newer_store(tmp_path / "stores", NAME, of_kind(150), monkeypatch)
    before = content(tmp_path)
    with pytest.raises(NewerRelease):
        restart_history(storage, NAME)
    assert content(tmp_path) == before


def test_a_flipped_bit_in_a_magic_is_damage_and_no_newer_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digit more in the magic counts only where a checksum confirms it."""
    monkeypatch.setattr("jpterm_like.storage.inspection.PAUSE_S", 0.0)
    storage = FolderStorage(tmp_path)
    store = storage.open(NAME)
    store.append([Record(1, b"x")])
    store.write_blob("base", b"y")
    store.close()
    for name, magic in (("*.log", b"jplog1"), ("base.blob", b"jpblob1")):
        (path,) = tmp_path.glob(f"*/{name}")
        data = path.read_bytes()
        path.write_bytes(data.replace(magic, magic[:-1] + b"3", 1))
        (found,) = inspect(tmp_path)
        assert not found.newer
        assert len(found.damage) == 1
        path.write_bytes(data)


def test_records_of_unknown_kinds_go_through_every_fold_in_order(tmp_path: Path) -> None:
    """Those of newer releases that say by their number that nobody has to understand them (B2)."""
    storage = FolderStorage(tmp_path)
    unknown = [Record(kind, b"%d %d" % (kind, at)) for at, kind in enumerate([127, 19, 77, 19, 60])]
    assert not is_newer(unknown)
    store = storage.open(NAME)
    pad = Pad(TextBuffer.genesis(TEXT))
    saver = Saver(pad, store, Version(), genesis=TEXT.encode())
    saver.begin()
    for record in unknown:
        pad.replace(0, 0, "x", 0.0)
        saver.write()
        store.append([record])
    store.close()
    for fold in ("folding", "compact", "folding", "mend"):
        store = storage.open(NAME)
        kept = restore(store, author="")
        assert kept.buffer is not None
        assert kept.carried == unknown
        saver = Saver(Pad(kept.buffer), store, kept.buffer.version)
        if fold == "compact":
            saver.compact()
        elif fold == "folding":
            saver.prepare_compaction()()
        store.close()
        if fold == "mend":
            (path,) = sorted(tmp_path.glob("*/*.snap"))[-1:]
            path.write_bytes(
                path.read_bytes()[:-3]
            )  # the newest snapshot is torn: the one before has them, too
    store = storage.open(NAME)
    assert restore(store, author="").carried == unknown
    store.close()


def test_what_is_carried_into_another_store_is_there_once() -> None:
    """Also when that begins with a snapshot, as a journal that is made anew does."""
    store, unknown = MemoryStorage().open(NAME), Record(77, b"of a newer release")
    pad = Pad(TextBuffer.genesis(TEXT))
    saver = Saver(pad, store, Version(), carried=[unknown])
    saver.compact()
    pad.replace(0, 0, "x", 0.0)
    saver.write()
    assert restore(store, author="").carried == [unknown]


def test_documents_that_began_differently_are_kept_apart(tmp_path: Path) -> None:
    """Their stores in one folder are two documents of one name: people are told, nothing is merged, and both are kept."""
    storages: list[FolderStorage] = []
    for who in ("ann", "bob"):
        storage = FolderStorage(tmp_path / who)
        store = storage.open(NAME)
        pad = Pad(TextBuffer.genesis(f"begun by {who}\n"))
        saver = Saver(pad, store, Version(), genesis=f"begun by {who}\n".encode())
        saver.begin()
        pad.replace(0, 0, f"{who} ", 0.0)
        saver.write()
        store.close()
        storages.append(storage)
    ann, bob = (next(storage.folder.iterdir()) for storage in storages)
    for path in bob.glob("*.log"):
        (ann / path.name).write_bytes(path.read_bytes())
    texts = {"ann begun by ann\n", "bob begun by bob\n"}
    shown = ""
    for fold in (True, True, True, False):
        store = storages[0].open(NAME)
        kept = restore(store, author="")
        assert kept.buffer is not None
        assert kept.buffer.text in texts and shown in ("", kept.buffer.text)
        assert any("Another document of the same name" in sentence for sentence in kept.remarks)
        shown = kept.buffer.text
        if fold:
            Saver(Pad(kept.buffer), store, kept.buffer.version).prepare_compaction()()
        # The other one is whole in what is carried.
        inner = [Record(it.payload[16], it.payload[17:]) for it in kept.carried if it.kind == OTHER]
        other = rebuild(Loaded(inner, []), author="").buffer
        assert other is not None and {shown, other.text} == texts
        store.close()


def test_the_server_shows_a_document_of_a_newer_release_to_be_read(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cat` prints it, `append` is refused with one sentence, `verify` calls it newer; nothing in the store is written."""
    (tmp_path / NAME).write_text(TEXT)
    newer_store(tmp_path / ".jpterm-like", NAME, replica, monkeypatch)
    before = content(tmp_path)
    server = Serve(tmp_path)
    try:
        assert run("cat", f"{server.url}/{NAME}").stdout == TEXT
        refused = run("append", f"{server.url}/{NAME}", "more")
        assert refused.returncode != 0
        assert SENTENCE in refused.stderr and "Traceback" not in refused.stderr
    finally:
        server.stop()
    verified = run("verify", str(tmp_path))
    assert verified.returncode == 0
    assert f"newer  {NAME}" in verified.stdout
    after = content(tmp_path)
    assert {name: data for name, data in after.items() if name in before} == before
