"""Make the golden files of this release: what it writes into stores, on the wire and into settings, from one seed.

    python tests/golden/make.py

Files that are there are never written again, for they say what a release wrote: only those that are missing are made, a
message that was added to the protocol for example. `test_golden` reads all releases' files for ever. Those of 0.1.0 were made by
an earlier state of this file, with `PYTHONPATH` set to a checkout of that release.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgpack

from crdt import Anchor, TextBuffer, Version
from crdt.record_messages import ADD, PUT, RecordOp, write_batch
from crdt.records import Records
from crdt.values import Value
from jpterm_like import __version__
from jpterm_like.client.last_visit import LastVisit, Parted, encode_visit
from jpterm_like.config import Paths, Settings
from jpterm_like.files.access_control import Access, FilePermissions, PathPermissions
from jpterm_like.files.charsets import Known
from jpterm_like.history.apart import Apart, Work
from jpterm_like.history.decisions import Choice, Step
from jpterm_like.packs import records
from jpterm_like.packs.marker import encode as encode_marker
from jpterm_like.packs.marker import marker_name
from jpterm_like.packs.names import lane_name, name_of
from jpterm_like.packs.pack import TRAILER_BYTES, PackRecord, join, open_pack
from jpterm_like.packs.pack import encode as encode_pack
from jpterm_like.saver import Saver, mark_as_cells, restore
from jpterm_like.server.cell_ids import CELL_IDS, encode_ids
from jpterm_like.server.document import ACCESS, DISCARDS, IDENTITY
from jpterm_like.server.pending_write import PENDING_WRITE, PendingWrite
from jpterm_like.server.rename import MOVED, MOVING, Move
from jpterm_like.storage.base import Record
from jpterm_like.storage.folder import FolderStorage
from jpterm_like.sync import wire
from jpterm_like.sync.ancestry import Ancestor, Identity
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.records_pad import RecordsPad
from jpterm_like.sync.unsaved_work import Discard, encode_discards

GOLDEN = Path(__file__).parent
SEED = 13
NAMES = ["notes.md", "ws://host:8765/notes.md"]
"""A document as a server keeps it, and a client's journal."""
TEXT = "# Notes\n\nIt began with this line.\nund mit ä, 語 and \U0001f600\n"
UNKNOWN_KINDS = (77, 126)
"""Of records that no release so far has written: to be carried along."""
CONFIG = """\
name = "ann ä"
theme = "light"
soft_wrap = false
tab_width = 8
indent = "tabs"
auto_indent = false
line_numbers = false
scroll_margin = 5
current_line = false
whitespace = true
ruler = 80
file_tree = true
announce = false
mouse = false
preset = "vi"

[keys]
duplicate = "f11"
save = ["ctrl+s", "f2"]
"""


def main() -> None:
    folder = GOLDEN / __version__
    folder.mkdir(exist_ok=True)
    chance = random.Random(SEED)
    secrets.token_bytes = chance.randbytes  # type: ignore[assignment]  # salts
    expected: dict[str, Any] = {}
    if not (folder / "store").exists():
        for name in NAMES:
            expected[name] = make_store(folder / "store", name, chance)
        write_once(folder / "store.json", dumped(expected).encode())
    if not (folder / "replica").exists():
        buffer = edited(chance)
        write_once(folder / "replica", buffer.encode())
        write_once(folder / "replica.json", dumped(of_buffer(buffer)).encode())
        changes = buffer.changes_since(Version())
        write_once(folder / "operations", changes)
    if not (folder / "notes").exists():
        make_notes(folder / "notes", chance)
    if not (folder / "sent").exists():
        make_sent(folder / "sent", random.Random(f"{SEED} sent"))
    if not (folder / "due").exists():
        make_due(folder / "due", random.Random(f"{SEED} due"))
    if not (folder / "cells").exists():
        make_cells(folder / "cells", random.Random(f"{SEED} cells"))
    if not (folder / "beside").exists():
        make_beside(folder / "beside", random.Random(f"{SEED} beside"))
    if not (folder / "place").exists():
        make_place(folder / "place", random.Random(f"{SEED} place"))
    write_once(folder / "config.toml", CONFIG.encode())
    write_once(folder / "config.json", dumped(of_settings(CONFIG)).encode())
    (folder / "messages").mkdir(exist_ok=True)
    made = {int(path.name.partition("-")[0]) for path in GOLDEN.glob("*/messages/*")}
    for number, kind in sorted(wire.MESSAGES.items()):
        name = f"{number:02}-{kind.__name__}"
        if number not in made:
            write_once(folder / "messages" / name, wire.encode(sample(kind, random.Random(f"{SEED} {name}"))))
    later = GOLDEN / "later"
    later.mkdir(exist_ok=True)
    write_once(later / "54-Whereabouts", whereabouts_of_later())
    write_once(later / "visit.json", encode_visit(VISIT))
    write_once(later / "visit-2.json", encode_visit(VISIT_2))
    if not (later / "records").exists():
        make_records(later, random.Random(f"{SEED} records"))


VISIT = LastVisit(
    Version({3: 5, 2**64 - 1: 7}),
    1_790_000_000.5,
    Apart(Version({3: 4}), Version({3: 5}), Version({3: 4, 9: 2}), 1_789_999_000.0, 1_789_999_600.25, 2),
    Work(Version({3: 4}), Version({3: 5, 8: 1}), 1_789_999_000.0, 1_789_999_600.25),
    Parted(Version({3: 4, 9: 1}), 1_789_999_000.0),
)

assert VISIT.apart is not None
VISIT_2 = VISIT._replace(
    apart=VISIT.apart._replace(settled=((3, 1, 4), (2**64 - 1, 0, 2))),
    steps=(
        Step(Choice.THEIRS, (((9, 0, 2), (2**64 - 1, 3, 4)),), (3, 5, 9)),
        Step(Choice.KEEP, (((9, 2, 3),), ((9, 4, 5),)), (0, 0, 0)),
    ),
)


def whereabouts_of_later() -> bytes:
    """The people in all files as a later release may tell them: with fields that this one does not know behind those it knows."""
    known = [9, 0, "bob", "notes ä.md", 7, True, "edit", 60, 5, False, True, 3]
    frame: bytes = msgpack.packb([54, 25, [[*known, "of later", [1, None], 7], known[:-2]]])
    return frame


def write_once(path: Path, data: bytes) -> None:
    if not path.exists():
        path.write_bytes(data)
        print(f"made {path.relative_to(GOLDEN)}")


def dumped(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def of_buffer(buffer: TextBuffer) -> dict[str, str]:
    """What every later release must find in a replica."""
    return {
        "digest": buffer.digest().hex(),
        "lineage": buffer.lineage.hex(),
        "text": buffer.text,
        "version": buffer.version.encode().hex(),
    }


def of_settings(source: str) -> dict[str, str]:
    """What every later release must understand of settings."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = Paths.under(Path(temporary))
        paths.config.mkdir(parents=True)
        paths.settings_file.write_text(source)
        settings = Settings.load(paths)
    assert not settings.problems, settings.problems
    found = {each.name: repr(getattr(settings, each.name)) for each in fields(Settings) if each.metadata}
    return {**found, "keys": repr([(wish.command, wish.keys) for wish in settings.keys])}


# Stores


def make_store(folder: Path, name: str, chance: random.Random) -> dict[str, Any]:
    """Five openings: two snapshots, sealed segments, notes of every kind, unknown kinds, blobs, and an end that a crash tore."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        journal = name.startswith("ws:")
        for opening in range(5):
            store = FolderStorage(root).open(name)
            kept = restore(store, author="ann")
            # decoded with a site that the seed gives
            site = chance.randrange(1, 2**64)
            if kept.buffer is None:
                buffer = TextBuffer.genesis(TEXT, author="ann", site=site)
                pad = Pad(buffer)
                saver = Saver(pad, store, Version(), genesis=TEXT.encode())
            else:
                own = kept.buffer.own_sites - {kept.buffer.site}
                steps = kept.buffer.take_steps(whole=True)
                buffer = TextBuffer.decode(kept.buffer.encode(), author="ann", own_sites=own, site=site)
                buffer.restore_steps([steps])
                pad = Pad(buffer)
                pad.stored, pad.saved = kept.stored, kept.saved
                saver = Saver(pad, store, buffer.version, own, kept.brought, kept.awaited)
            type_on(pad, saver, chance, opening, journal=journal)
            if opening in (1, 3):
                saver.prepare_compaction()()
                pad.replace(0, 0, f"after snapshot {opening}\n", 1_790_000_000.0)
                saver.write()
            raw = buffer.text.encode()
            store.write_blob("base", raw)
            store.write_blob("next", raw[:-1])
            if opening == 4:
                store.append([Record(kind, b"unknown %d" % kind) for kind in UNKNOWN_KINDS])
                store.sync()
                folder.mkdir(exist_ok=True)
                shutil.copytree(root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock"))
            store.close()
    (home,) = [path for path in folder.iterdir() if (path / "name").read_bytes() == name.encode()]
    (torn,) = [path for path in home.glob("*.log") if path.name.count("-") == 1]
    with torn.open("ab") as file:
        file.write(bytes.fromhex(torn.stem.split("-")[1]) + b"\x40\0\0\0 the rest was never written")
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        store = FolderStorage(Path(temporary)).open(name)
        kept = restore(store, author="ann")
        store.close()
    assert kept.buffer is not None and kept.buffer.text == buffer.text
    return {
        **of_buffer(buffer),
        "stored": kept.stored.encode().hex(),
        "saved": kept.saved.encode().hex(),
        "own_sites": sorted(f"{site:016x}" for site in buffer.own_sites if buffer.version.get(site)),
        "unknown": {str(kind): (b"unknown %d" % kind).hex() for kind in UNKNOWN_KINDS},
        "unread": [[each.format, each.data.hex()] for each in getattr(kept, "unread", ())],
        "blobs": {"base": raw.hex(), "next": raw[:-1].hex()},
    }


def make_notes(folder: Path, chance: random.Random) -> None:
    """A store that was not compacted yet, with the records and blobs that release 0.1.0 had not."""

    def throw() -> Version:
        return Version({chance.randrange(1, 2**64): chance.randrange(1, 2**20) for _ in range(3)})

    guard = FilePermissions(1000, 1000, 0o100640, False, 2049)
    blobs = {
        IDENTITY: chance.randbytes(16),
        DISCARDS: encode_discards([Discard(chance.randrange(1, 2**64), 3, 9), Discard(7, 0, 1)]),
        ACCESS: Access(
            [
                PathPermissions((guard, guard._replace(mode=0o40750)), guard, 12, 34),
                PathPermissions((guard,), None),
            ]
        ).encode(),
        PENDING_WRITE: PendingWrite(chance.randbytes(16), throw(), TEXT.encode()).encode(),
        MOVING: Move("notes ä.md", "plan.md", 2049, 12).encode(),
        MOVED: "plan ä.md".encode(),
    }
    buffer = TextBuffer.genesis(TEXT, author="ann", site=chance.randrange(1, 2**64))
    pad = Pad(buffer)
    with tempfile.TemporaryDirectory() as temporary:
        store = FolderStorage(Path(temporary)).open(NAMES[0])
        saver = Saver(pad, store, Version(), genesis=TEXT.encode())
        saver.begin()
        pad.identity = Identity(
            chance.randbytes(16), (chance.randbytes(16), chance.randbytes(16)), 1_790_000_000_000
        )
        pad.ancestors = (Ancestor(throw(), throw()), Ancestor(throw(), throw()))
        pad.earlier = (throw(), throw())
        saver.held = (throw(), throw())
        pad.replace(0, 0, "typed ", 1_790_000_000.0)
        saver.write()
        for blob, content in blobs.items():
            store.write_blob(blob, content)
        store.close()
        shutil.copytree(temporary, folder / "store", ignore=shutil.ignore_patterns("lock"))
    found = {
        "text": buffer.text,
        "identity": pad.identity.encode().hex(),
        "ancestors": [note.encode().hex() for note in pad.ancestors],
        "earlier": [version.encode().hex() for version in pad.earlier],
        "held": [version.encode().hex() for version in saver.held],
        "blobs": {blob: content.hex() for blob, content in blobs.items()},
    }
    write_once(folder / "notes.json", dumped(found).encode())


def make_sent(folder: Path, chance: random.Random) -> None:
    """A journal of work that was sent and not stored."""
    pad = Pad(TextBuffer.genesis(TEXT, author="ann", site=chance.randrange(1, 2**64)))
    with tempfile.TemporaryDirectory() as temporary:
        store = FolderStorage(Path(temporary)).open(NAMES[1])
        saver = Saver(pad, store, Version(), genesis=TEXT.encode())
        saver.begin()
        pad.replace(0, 0, "sent ", 1_790_000_000.0)
        pad.sent = pad.buffer.version
        saver.write()
        store.close()
        shutil.copytree(temporary, folder / "store", ignore=shutil.ignore_patterns("lock"))
    found = {"text": pad.buffer.text, "sent": pad.sent.encode().hex()}
    write_once(folder / "sent.json", dumped(found).encode())


def make_due(folder: Path, chance: random.Random) -> None:
    """A server's store of a text that a sync brought, and that its file lacks."""
    begun = TextBuffer.genesis(TEXT, author="ann", site=chance.randrange(1, 2**64))
    pad = Pad(TextBuffer.genesis(TEXT, author="disk", site=chance.randrange(1, 2**64)))
    with tempfile.TemporaryDirectory() as temporary:
        store = FolderStorage(Path(temporary)).open(NAMES[1])
        saver = Saver(pad, store, Version(), genesis=TEXT.encode())
        saver.begin()
        pad.mark_saved(pad.buffer.version)
        begun.replace(0, 0, "by ann ")
        pad.integrate(begun.changes_since(pad.buffer.version), None)
        pad.due = pad.buffer.version
        saver.write()
        store.close()
        shutil.copytree(temporary, folder / "store", ignore=shutil.ignore_patterns("lock"))
    found = {"text": pad.buffer.text, "due": pad.due.encode().hex(), "saved": pad.saved.encode().hex()}
    write_once(folder / "due.json", dumped(found).encode())


def make_cells(folder: Path, chance: random.Random) -> None:
    """A server's store of a notebook that is edited by cell."""
    text = "# %% id=a\none\n# %% [markdown] id=b\ntwo"
    pad = Pad(TextBuffer.genesis(text, author="disk", site=chance.randrange(1, 2**64)))
    pad.saved = pad.buffer.version
    raw = b'{"cells": [], "nbformat": 4, "nbformat_minor": 5}'
    note = encode_ids([Known(raw, cells=("a", "b"))])
    with tempfile.TemporaryDirectory() as temporary:
        store = FolderStorage(Path(temporary)).open("notes.ipynb")
        mark_as_cells(store)
        Saver(pad, store, Version()).compact()
        store.write_blob(CELL_IDS, note)
        store.close()
        shutil.copytree(temporary, folder / "store", ignore=shutil.ignore_patterns("lock"))
    write_once(folder / "cells.json", dumped({"text": text, "raw": raw.decode(), "ids": ["a", "b"]}).encode())


def make_beside(folder: Path, chance: random.Random) -> None:
    """A server's store of a text with records beside it: those of one opening, whole, and what came later."""
    pad = Pad(TextBuffer.genesis("one", author="disk", site=chance.randrange(1, 2**64)))
    beside = RecordsPad(Records(site=chance.randrange(1, 2**64)), bytes(16))
    with tempfile.TemporaryDirectory() as temporary:
        store = FolderStorage(Path(temporary)).open("notes.ipynb")
        saver = Saver(pad, store, Version(), genesis=b"one")
        saver.keep_records(beside, Version())
        for number in range(3):
            beside.records.put("cell/a", {"run": f"{number}", "file": ""})
            beside.records.put(f"run/{number}", {"cell": "a", "by": "ann", "state": "ok", "number": number})
            beside.publish()
            saver.write()
        store.close()
        shutil.copytree(temporary, folder / "store", ignore=shutil.ignore_patterns("lock"))
    found = {key: beside.records.get(key) for key in beside.records.keys()}  # noqa: SIM118
    write_once(folder / "beside.json", dumped(found).encode())


def make_place(folder: Path, chance: random.Random) -> None:
    """A folder with packs: records of every kind and of unknown ones, a joined pack, flags of later releases, and a carrier's leavings."""
    collection, lane = chance.randbytes(16), lane_name(chance.randbytes(8))
    buffer = edited(chance)
    births = [records.Birth(buffer.lineage, "notes ä.md"), records.Birth(chance.randbytes(16), "plan.md")]
    notes, plan = (records.document_id(collection, birth) for birth in births)
    about_notes: list[records.Content] = [
        births[0],
        records.Changes(buffer.changes_since(Version())),
        records.Name(3, "plan ä.md"),
        records.Deleted(buffer.version),
        records.Saved(chance.randbytes(16), buffer.version),
    ]
    packs: list[dict[bytes, list[PackRecord]]] = [
        {records.COLLECTION_ITSELF: [records.encode(records.Hello("0.3.0", "ann ä", 1, 0))]},
        {notes: [records.encode(content) for content in about_notes], plan: [records.encode(births[1])]},
        {plan: [PackRecord(kind, 9, b"unknown %d" % kind) for kind in (*UNKNOWN_KINDS, 130, 200)]},
        {plan: [PackRecord(records.CHANGES, 1, b"operations of a later format")]},
    ]
    made = [encode_pack(collection, lane, number, number, written) for number, written in enumerate(packs, 1)]
    made.append(join([open_pack(data) for _, data in made[:2]]))
    of_reader, of_writer = (
        with_flag(encode_pack(collection, lane, number, number, packs[0])[1], flag)
        for number, flag in ((5, 6), (6, 8))
    )
    made += [(name_of(of_reader, lane, 5, 5), of_reader), (name_of(of_writer, lane, 6, 6), of_writer)]
    folder.mkdir()
    write_once(folder / str(marker_name(collection)), encode_marker("jpterm-like 0.3.0"))
    for name, data in made:
        write_once(folder / str(name), data)
    (folder / str(made[2][0])).rename(folder / f"{str(made[2][0])[:-4]} (Ann's conflicted copy).jpk")
    write_once(folder / str(made[3][0]._replace(digest="0" * 16)), made[3][1][:-9])
    expected: dict[str, Any] = {"collection": collection.hex(), "text": buffer.text, "packs": {}}
    for number, (name, _) in enumerate(made):
        written = packs[number] if number < 4 else {}
        expected["packs"][str(name)] = {
            document.hex(): [[kind, form, payload.hex()] for kind, form, payload in found]
            for document, found in written.items()
        }
    write_once(folder.with_name("place.json"), dumped(expected).encode())


def make_records(folder: Path, chance: random.Random) -> None:
    """Records of two sites and of a kind of later: each message with all verbs, a snapshot in parts, and the replica."""
    ann, bob = (Records(site=site) for site in (3, 2**64 - 1))
    messages: list[bytes] = []
    values: list[Value] = [
        None, True, False, 0, 127, 128, 2**53 - 1, -1, -(2**53), 1.5, -0.0, float("inf"), "", "ä 語 \ud800", b"\0\xff",
        [], {}, [1, [2, {"b": 3, "a": [None]}]], {"cell": "3f9a81c2", "state": "done"}, "x" * 300,
    ]  # fmt: skip
    for number, value in enumerate(values):
        who, other = (ann, bob) if number % 3 else (bob, ann)
        who.put(f"key {number % 7}", value)
        who.add("run/3f9a81c2/items", value)
        who.add(f"list {number % 4}", number)
        if number % 5 == 4:
            who.drop(f"list {number % 4}")
        messages.append(who.take_changes())
        if chance.random() < 0.5:
            other.integrate(who.changes_since(other.version))
    out = bytearray()
    later = [
        RecordOp(9, clock, number, verb, 5, "of later", b"\xff%d" % number)
        for clock, number, verb in ((0, 1, PUT), (2, 4, PUT), (3, 4, ADD), (7, 90, ADD))
    ]
    write_batch(out, 9, 0, 9, 91, 9, later, b"")
    messages.append(bytes(out))
    for one in (ann, bob):
        for message in messages:
            one.integrate(message)
    version = Version({3: 5})
    parts: list[bytes] = []
    while version != ann.version:
        part, version = ann.changes_up_to(version, 200)
        parts.append(part)
    expected = {
        "digest": ann.digest().hex(),
        "keys": {key: repr(ann.entry(key)) for key in list(ann.keys())},
        "lists": {f"{site} {name}": repr(ann.entries(name, site)) for site, name in ann.lists()},
        "messages": [message.hex() for message in messages],
        "parts": [part.hex() for part in parts],
        "version": ann.version.encode().hex(),
    }
    write_once(folder / "records", ann.encode())
    write_once(folder / "records.json", dumped(expected).encode())


def with_flag(data: bytes, at: int) -> bytes:
    """A pack as a later release makes it, with a flag of one of the two kinds."""
    body = data[:at] + b"\0\1" + data[at + 2 : -TRAILER_BYTES]
    return body + hashlib.blake2b(body, digest_size=16).digest() + data[-8:]


def type_on(pad: Pad, saver: Saver, chance: random.Random, opening: int, *, journal: bool) -> None:
    buffer = pad.buffer
    saver.begin()
    for step in range(12):
        now = 1_790_000_000.0 + 100 * opening + step
        at = chance.randint(0, len(buffer))
        match chance.randrange(4):
            case 0:
                pad.replace(at, min(len(buffer), at + 9), "", now)
            case 1:
                pad.undo(now)
            case _:
                pad.replace(at, at, f"<{opening}.{step}>", now)
        saver.write()
    if not journal:
        saver.note_file_import(b"\0brought")
        saver.awaited = (Version({opening + 1: 1}),)
    if hasattr(pad, "keep_unread"):  # 0.1.0 ended the line at such
        pad.keep_unread(2, b"operations of a later format, of opening %d" % opening, None)
    pad.mark_saved(buffer.version)
    pad.mark_stored(buffer.version)
    saver.write(with_stored=journal)
    pad.replace(0, 0, f"since {opening} ", 1_790_000_000.0 + 100 * opening + 50)
    saver.write(with_stored=journal)


def edited(chance: random.Random) -> TextBuffer:
    """A replica with two people's work, deletions that were taken back, and times."""
    ann = TextBuffer.genesis(TEXT, author="ann", site=chance.randrange(1, 2**64))
    bob = TextBuffer.decode(ann.encode(), author="bob ä", site=chance.randrange(1, 2**64))
    for step in range(200):
        now = 1_790_000_000.0 + 7 * step
        who, other = (ann, bob) if chance.random() < 0.5 else (bob, ann)
        at = chance.randint(0, len(who))
        match chance.randrange(5):
            case 0:
                who.replace(at, min(len(who), at + chance.randint(1, 9)), "", now)
            case 1:
                who.undo(now)
            case 2:
                who.redo(now)
            case _:
                who.replace(at, at, chance.choice(["word ", "ä", "\n", "語", "longer words\n"]), now)
        if step % 10 == 0:
            other.integrate(who.changes_since(other.version))
    ann.integrate(bob.changes_since(ann.version))
    return ann


# Messages


def sample(kind: Callable[..., Any], chance: random.Random) -> Any:
    """A message of this kind, with a value in each field that the decoder takes."""
    types = get_type_hints(kind)  # without the limits
    for _ in range(1000):
        message = kind(*[value(types[each.name], chance) for each in fields(kind)])  # type: ignore[arg-type]
        try:
            wire.decode(wire.encode(message))
        except wire.ForeignMessage:
            continue  # a field that takes certain words or lengths only: another throw
        return message
    raise AssertionError(f"no sample of {kind} is taken by the decoder; teach `value` its fields")


def value(annotation: Any, chance: random.Random) -> Any:
    """One of the values that a field with this annotation may have."""
    anchor = Anchor(chance.randrange(1, 2**64), chance.randrange(2**20), chance.random() < 0.5)
    version = Version({chance.randrange(1, 2**64): chance.randrange(1, 2**20) for _ in range(3)})
    values: dict[str, Any] = {
        "bool": chance.random() < 0.5,
        "int": chance.choice([0, 1, chance.randrange(4096)]),
        "float": chance.randrange(1000) / 8,
        "str": chance.choice(["edit", "view", "notes ä.md", "\n"]),
        "bytes": chance.randbytes(chance.choice([16, 16, 8, 32])),
        "tuple[str, ...]": chance.choice([("first", "ä second"), ("\r\n", "\n")]),
        "tuple[int, ...]": (1, chance.randrange(2**20)),
        "tuple[bytes, ...]": (chance.randbytes(16), chance.randbytes(16)),
        "tuple[jpterm_like.sync.wire.Place, ...]": (
            wire.Place(9, 0, "bob", "notes ä.md", 7, True, "edit", 60, 5, False),
        ),
        "tuple[jpterm_like.sync.wire.Guest, ...]": (wire.Guest(9, "bob", 12, 4096),),
        "Version": version,
        "Anchor": anchor,
    }
    if get_origin(annotation) is Literal:
        return chance.choice(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return value(next(each for each in get_args(annotation) if each is not NoneType), chance)
    return values[str(annotation) if get_origin(annotation) else annotation.__name__]


if __name__ == "__main__":
    main()
