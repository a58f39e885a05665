"""What each release wrote is read by this one as by that one. The files are made by `make`, once, and never change.

The text below `tests/golden/RELEASE` was written by that release itself; the `.json` beside says what it read there.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from crdt import TextBuffer, Version
from crdt.records import Records
from jpterm_like.client.last_visit import LastVisit, Parted, decode_visit, encode_visit, is_of_newer
from jpterm_like.config import Paths, Settings
from jpterm_like.files.access_control import Access
from jpterm_like.files.charsets import Known
from jpterm_like.history.apart import Apart, Work
from jpterm_like.history.decisions import Choice, Step
from jpterm_like.packs.decisions import Standing
from jpterm_like.packs.names import lane_name
from jpterm_like.packs.pack import PackRecord
from jpterm_like.packs.records import BIRTH, Birth, Changes
from jpterm_like.packs.records import decode as decode_record
from jpterm_like.places.base import list_all_files
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.mirror import Mirror
from jpterm_like.saver import OTHER, Saver, restore
from jpterm_like.server.cell_ids import CELL_IDS, with_ids
from jpterm_like.server.document import ACCESS, DISCARDS, IDENTITY
from jpterm_like.server.pending_write import PENDING_WRITE, PendingWrite
from jpterm_like.server.rename import MOVED, MOVING, Move, renamed_to
from jpterm_like.storage import FolderStorage, disk_layout, log
from jpterm_like.storage.base import REPLACES
from jpterm_like.sync import wire
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import decode_discards, encode_discards

GOLDEN = Path(__file__).parent
RELEASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and (path / "store").is_dir())
STORES = [
    pytest.param(release, name, id=f"{release} {name}")
    for release in RELEASES
    for name in json.loads((GOLDEN / release / "store.json").read_text("utf-8"))
]
NOTES = sorted(path.parent.name for path in GOLDEN.glob("*/notes"))
MESSAGES = sorted(GOLDEN.glob("*/messages/*"))


def test_the_first_release_is_among_them() -> None:
    """An empty list of golden files would prove nothing."""
    assert "0.1.0" in RELEASES
    assert len(MESSAGES) >= 24


@pytest.mark.parametrize(("release", "name"), STORES)
def test_a_store_of_an_older_release_opens_unchanged(release: str, name: str, tmp_path: Path) -> None:
    """Text, history, notes, blobs and records of unknown kinds are what they were; only the torn end is told."""
    expected = json.loads((GOLDEN / release / "store.json").read_text("utf-8"))[name]
    shutil.copytree(GOLDEN / release / "store", tmp_path / "store")
    store = FolderStorage(tmp_path / "store").open(name)
    kept = restore(store, author="bob")
    assert (len(kept.damage), len(store.damage)) == (1, 1)
    assert "not completely written before a crash" in store.damage[0]
    buffer = kept.buffer
    assert buffer is not None
    assert of_buffer(buffer) == {key: expected[key] for key in ("digest", "lineage", "text", "version")}
    assert kept.stored.encode().hex() == expected["stored"]
    assert kept.saved.encode().hex() == expected["saved"]
    assert sorted(f"{site:016x}" for site in buffer.own_sites - {buffer.site}) == expected["own_sites"]
    assert [[each.format, each.data.hex()] for each in kept.unread] == expected.get("unread", [])
    carried = {str(record.kind): record.payload.hex() for record in kept.carried if record.kind != OTHER}
    assert carried == expected["unknown"]
    for blob, content in expected["blobs"].items():
        found = store.read_blob(blob)
        assert found is not None and found.hex() == content
    store.close()

    store = FolderStorage(tmp_path / "store").open(name)
    kept = restore(store, author="bob")
    assert kept.damage == [], "damage is told once"
    assert kept.buffer is not None
    saver = Saver(Pad(kept.buffer), store, kept.buffer.version, kept.buffer.own_sites)
    saver.prepare_compaction()()
    store.close()
    store = FolderStorage(tmp_path / "store").open(name)
    kept = restore(store, author="bob")
    assert kept.damage == []
    assert kept.buffer is not None
    assert of_buffer(kept.buffer) == {key: expected[key] for key in ("digest", "lineage", "text", "version")}
    assert [[each.format, each.data.hex()] for each in kept.unread] == expected.get("unread", [])
    carried = {str(record.kind): record.payload.hex() for record in kept.carried if record.kind != OTHER}
    assert carried == expected["unknown"]
    store.close()


def test_the_note_of_a_last_visit_is_read() -> None:
    """What was seen, what is to be reviewed and what is decided; a broken note counts as none, and one of a newer release is left alone."""
    visit = LastVisit(
        Version({3: 5, 2**64 - 1: 7}),
        1_790_000_000.5,
        Apart(Version({3: 4}), Version({3: 5}), Version({3: 4, 9: 2}), 1_789_999_000.0, 1_789_999_600.25, 2),
        Work(Version({3: 4}), Version({3: 5, 8: 1}), 1_789_999_000.0, 1_789_999_600.25),
        Parted(Version({3: 4, 9: 1}), 1_789_999_000.0),
    )
    assert decode_visit((GOLDEN / "later" / "visit.json").read_bytes()) == visit
    assert visit.apart is not None
    decided = visit._replace(
        apart=visit.apart._replace(settled=((3, 1, 4), (2**64 - 1, 0, 2))),
        steps=(
            Step(Choice.THEIRS, (((9, 0, 2), (2**64 - 1, 3, 4)),), (3, 5, 9)),
            Step(Choice.KEEP, (((9, 2, 3),), ((9, 4, 5),)), (0, 0, 0)),
        ),
    )
    data = (GOLDEN / "later" / "visit-2.json").read_bytes()
    assert decode_visit(data) == decided and encode_visit(decided) == data
    for end in range(len(data)):
        assert decode_visit(data[:end]) is None
    newer = data.replace(b'"version":2', b'"version":3')
    for foreign in (
        b"[]",
        b'{"version":2}',
        newer,
        data.replace(b"[3,5,9]", b"[3,9,5]"),
        data.replace(b"[3,5,9]", b'[3,5,"x"]'),
        data.replace(b'["t",', b'["x",'),
        b"\xff",
        b"1" * 5000,
    ):
        assert decode_visit(foreign) is None
    assert is_of_newer(newer) and not is_of_newer(data)


@pytest.mark.parametrize("release", NOTES)
def test_the_notes_of_an_older_release_are_read(release: str, tmp_path: Path) -> None:
    """On which document it is, what was brought into it, what the plain file held, and what the blobs beside it say."""
    expected = json.loads((GOLDEN / release / "notes" / "notes.json").read_text("utf-8"))
    shutil.copytree(GOLDEN / release / "notes" / "store", tmp_path / "store")
    storage = FolderStorage(tmp_path / "store")
    (name,) = storage.names()
    for _ in range(2):
        store = storage.open(name)
        kept = restore(store, author="bob")
        assert (kept.damage, store.damage, kept.newer) == ([], [], False)
        assert kept.buffer is not None and kept.buffer.text == expected["text"]
        assert kept.identity is not None and kept.identity.encode().hex() == expected["identity"]
        assert [note.encode().hex() for note in kept.ancestors] == expected["ancestors"]
        assert [version.encode().hex() for version in kept.earlier] == expected["earlier"]
        assert [version.encode().hex() for version in kept.held] == expected["held"]
        blobs = {blob: store.read_blob(blob) or b"" for blob in expected["blobs"]}
        assert {blob: content.hex() for blob, content in blobs.items()} == expected["blobs"]
        Saver(kept.pad(), store, kept.buffer.version, kept.sites, held=kept.held).prepare_compaction()()
        store.close()
    assert len(blobs[IDENTITY]) == 16
    assert encode_discards(decode_discards(blobs[DISCARDS])) == blobs[DISCARDS] != b""
    access, coming, move = (
        Access.decode(blobs[ACCESS]),
        PendingWrite.decode(blobs[PENDING_WRITE]),
        Move.decode(blobs[MOVING]),
    )
    assert access.sources and access.encode() == blobs[ACCESS]
    assert coming is not None and coming.encode() == blobs[PENDING_WRITE]
    assert move is not None and move.encode() == blobs[MOVING]
    assert renamed_to(storage, name) == blobs[MOVED].decode()


@pytest.mark.parametrize("note", ["sent", "due"])
def test_a_noted_version_is_read(tmp_path: Path, note: str) -> None:
    """As it was written, and from the snapshot that replaces it: what was sent and not stored, and what the file is to get."""
    expected = json.loads((GOLDEN / "0.2.0" / note / f"{note}.json").read_text("utf-8"))
    shutil.copytree(GOLDEN / "0.2.0" / note / "store", tmp_path / "store")
    storage = FolderStorage(tmp_path / "store")
    (name,) = storage.names()
    for _ in range(2):
        store = storage.open(name)
        kept = restore(store, author="bob")
        assert kept.buffer is not None and kept.buffer.text == expected["text"]
        assert getattr(kept.pad(), note).encode().hex() == expected[note]
        Saver(kept.pad(), store, kept.buffer.version, kept.sites).prepare_compaction()()
        store.close()


def test_the_store_of_a_notebook_is_read(tmp_path: Path) -> None:
    """That its text is cells, and which ids those of the file have."""
    expected = json.loads((GOLDEN / "0.2.0" / "cells" / "cells.json").read_text("utf-8"))
    shutil.copytree(GOLDEN / "0.2.0" / "cells" / "store", tmp_path / "store")
    store = FolderStorage(tmp_path / "store").open("notes.ipynb")
    kept = restore(store, author="bob")
    assert kept.is_cells and not kept.newer
    assert kept.buffer is not None and kept.buffer.text == expected["text"]
    known = with_ids(store.read_blob(CELL_IDS), Known(expected["raw"].encode()))
    assert known.cells == tuple(expected["ids"])
    store.close()


def test_the_records_beside_a_text_are_read(tmp_path: Path) -> None:
    """As they were written, and from the snapshot that replaces them."""
    expected = json.loads((GOLDEN / "0.2.0" / "beside" / "beside.json").read_text("utf-8"))
    shutil.copytree(GOLDEN / "0.2.0" / "beside" / "store", tmp_path / "store")
    storage = FolderStorage(tmp_path / "store")
    for _ in range(2):
        store = storage.open("notes.ipynb")
        kept = restore(store, author="bob")
        assert kept.buffer is not None and kept.records is not None
        assert {key: kept.records.get(key) for key in kept.records.keys()} == expected  # noqa: SIM118
        Saver(kept.pad(), store, kept.buffer.version, kept.sites).prepare_compaction()()
        store.close()


def test_every_kind_of_record_is_among_them() -> None:
    """A new kind or blob is added to `make` as files of their own; what is there never changes."""
    found: set[int] = set()
    for path in [*GOLDEN.rglob("*.log"), *GOLDEN.rglob("*.snap")]:
        part = disk_layout.parse_part(path)
        assert part is not None
        found |= {record.kind for record in log.scan(path.read_bytes(), part.salt).records}
    module = inspect.getmodule(Saver)
    assert module is not None
    documented = re.findall(r'(?m)^([A-Z]+): Final = (\d+)\n"""', inspect.getsource(module))
    kinds = {name: int(number) for name, number in documented}
    assert len(kinds) > 10
    assert {name for name, kind in kinds.items() if kind not in found} == set()
    assert REPLACES in found


@pytest.mark.parametrize("release", RELEASES)
def test_a_replica_and_operations_of_an_older_release_are_read(release: str) -> None:
    folder = GOLDEN / release
    expected = json.loads((folder / "replica.json").read_text("utf-8"))
    buffer = TextBuffer.decode((folder / "replica").read_bytes())
    assert of_buffer(buffer) == expected
    buffer.check()
    again = TextBuffer(lineage=buffer.lineage)
    again.integrate((folder / "operations").read_bytes())
    assert of_buffer(again) == expected
    assert again.changes_since(Version()) == (folder / "operations").read_bytes()


def test_records_are_read_and_written_as_ever() -> None:
    """From the replica, from the messages in either order, and from a snapshot in parts: the same records, and the same bytes."""
    data = (GOLDEN / "later" / "records").read_bytes()
    expected = json.loads((GOLDEN / "later" / "records.json").read_text("utf-8"))
    messages = [bytes.fromhex(message) for message in expected["messages"]]
    parts = [bytes.fromhex(part) for part in expected["parts"]]
    kept, told, backwards = (Records.decode(data, site=1), Records(site=1), Records(site=1))
    for message in messages:
        told.integrate(message)
    for message in reversed(messages):
        backwards.integrate(message)
    partly = Records(site=1)
    for message in messages:
        if partly.version[3] < 5:
            partly.integrate(message)
    for part in parts:
        partly.integrate(part)
    for records in (kept, told, backwards, partly):
        records.check()
        assert records.encode() == data and not records.waiting
        assert records.version.encode().hex() == expected["version"]
        assert records.digest().hex() == expected["digest"]
        assert {key: repr(records.entry(key)) for key in list(records.keys())} == expected["keys"]
        assert {
            f"{site} {name}": repr(records.entries(name, site)) for site, name in records.lists()
        } == expected["lists"]
    assert told.changes_since(Version()) == data[8:]
    version, written = Version({3: 5}), []
    while version != told.version:
        part, version = told.changes_up_to(version, 200)
        written.append(part)
    assert written == parts


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parent.parent.name} {path.name}")
def test_the_shape_of_a_message_never_changes(path: Path) -> None:
    """A frame of an older release is read, and the message in it is written as the very same bytes."""
    frame = path.read_bytes()
    message = wire.decode(frame)
    assert wire.encode(message) == frame
    assert path.name.startswith(
        f"{type(message).shape.number:02}-"
    )  # what follows is what the class was called


def test_a_person_s_fields_of_a_later_release_are_left_out() -> None:
    """What is known of the people is read, and what is not is no reason to end the conversation."""
    told = wire.decode((GOLDEN / "later" / "54-Whereabouts").read_bytes())
    bob = wire.Place(9, 0, "bob", "notes ä.md", 7, True, "edit", 60, 5, False)
    assert told == wire.Whereabouts(25, (bob._replace(may_change_role=True, colour=3), bob))


def test_every_message_is_among_them() -> None:
    """Who adds a message runs `python tests/golden/make.py` once, which writes what is missing and nothing else."""
    there = {int(path.name.partition("-")[0]) for path in MESSAGES}
    lacking = wire.MESSAGES.keys() - there
    assert not lacking, "run: python tests/golden/make.py"


@pytest.mark.parametrize("release", RELEASES)
def test_settings_of_an_older_release_are_understood(release: str, tmp_path: Path) -> None:
    paths = Paths.under(tmp_path)
    paths.config.mkdir(parents=True)
    shutil.copy(GOLDEN / release / "config.toml", paths.settings_file)
    settings = Settings.load(paths)
    expected = json.loads((GOLDEN / release / "config.json").read_text("utf-8"))
    assert settings.problems == ()
    keys = repr([(wish.command, wish.keys) for wish in settings.keys])
    assert {key: repr(getattr(settings, key)) for key in expected} == {
        **expected,
        "keys": repr(settings.keys),
    }
    assert keys == expected["keys"]


def of_buffer(buffer: TextBuffer) -> dict[str, Any]:
    return {
        "digest": buffer.digest().hex(),
        "lineage": buffer.lineage.hex(),
        "text": buffer.text,
        "version": buffer.version.encode().hex(),
    }


PLACES = sorted(path.parent.name for path in GOLDEN.glob("*/place"))


@pytest.mark.parametrize("release", PLACES)
def test_a_place_of_an_older_release_is_read_unchanged(release: str, tmp_path: Path) -> None:
    """Also under a carrier's name, joined, and what a later release wrote: that is carried as it is, and the torn one is not there."""
    expected = json.loads((GOLDEN / release / "place.json").read_text("utf-8"))
    shutil.copytree(GOLDEN / release / "place", tmp_path / "place")
    place = LocalPlace(tmp_path / "place")
    listing = list_all_files(place)
    assert (len(listing.packs), len(listing.copies), len(listing.torn), listing.others) == (6, 1, 1, [])
    assert [marker.collection.hex() for marker in listing.markers] == [expected["collection"]]
    (tmp_path / "mirror").mkdir()
    mirror = Mirror(LocalPlace(tmp_path / "mirror"))
    memory = Memory()
    for _ in range(2):
        report = exchange(mirror, place, lane_name(bytes(8)), memory)
        assert report.standing is Standing.READY and not report.set_aside and not report.problem
    seen: dict[str, list[PackRecord]] = {}
    joined: dict[str, list[PackRecord]] = {}
    unread = []
    for name in mirror.held:
        pack = mirror.pack(name)
        if pack is None:
            unread.append(name.first)
            continue
        records = seen if name.first == name.last else joined
        found = {
            document.hex(): [[kind, form, payload.hex()] for kind, form, payload in pack.records(document)]
            for document in pack.index.blocks
        }
        if name.first == name.last and name.first < 5:
            assert found == expected["packs"][str(name)]
        for document in pack.index.blocks:
            records.setdefault(document.hex(), []).extend(pack.records(document))
    assert unread == [5], "it has a flag for readers"
    assert not mirror.held.may_join(next(name for name in mirror.held if name.first == 6)), (
        "it has one for writers"
    )
    assert joined and all(record in seen[document] for document in joined for record in joined[document])
    buffer: TextBuffer | None = None
    for record in next(records for records in seen.values() if records[0].kind == BIRTH and len(records) > 3):
        match decode_record(record):
            case Birth(lineage, "notes ä.md"):
                buffer = TextBuffer(lineage=lineage)
            case Changes(message) if buffer is not None:
                buffer.integrate(message)
    assert buffer is not None and buffer.text == expected["text"]
    packs = {name for name in expected["packs"] if name in place.list()}
    assert len(packs) == 7, "the copy is there under its own name now"
    for name in packs:
        assert place.read(name) == (tmp_path / "mirror" / name).read_bytes()
