"""A collection on this machine: which folder has its texts, in which lane this machine writes, and where its places are.

    STATE/collections/COLLECTION-FOLDER/
        collection.json    what `Collection` says
        mirror/            the packs that this machine holds; see `places.mirror`
        texts.json         what packs say about documents, and what of them is here: a cache
        there.json         the packs that each place had when it was seen last
        part.json          of a part of a collection, which packs were looked at for each of its documents
        lock               held by the one process that exchanges packs

A folder with texts and a collection have one lane, so two folders that carry one collection are two writers.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from jpterm_like import __version__
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.packs.marker import encode as encode_marker
from jpterm_like.packs.marker import marker_name
from jpterm_like.packs.names import COLLECTION_BYTES, LANE_BYTES, lane_bytes, lane_name
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.mirror import Mirror

FORMAT: Final = 1
"""Of collection.json."""
COLLECTIONS: Final = "collections"
"""Folder of all collections, in the state folder."""
NOTE: Final = "collection.json"
MIRROR: Final = "mirror"
TEXTS: Final = "texts.json"
PART: Final = "part.json"
THERE: Final = "there.json"
LOCK: Final = "lock"
HOLD_STEP_S: Final = 0.02
"""Interval at which the lock is tried again."""


class CollectionBusy(JptermError):
    """Another process exchanges the packs of this collection."""


@dataclass(frozen=True)
class PlaceNote:
    """What is known of a place of the collection."""

    was_ready: bool = False
    """See `places.exchange.Memory`."""
    contact_s: float = 0.0
    """Wall clock of the last exchange that ended well; 0 if there was none."""
    unsent_changes: int = 0
    """Changes that were written into packs since everything was at this place."""
    unsent_documents: int = 0
    trouble: str = ""
    """Why the last exchange did not do everything: "unreached", "refused", "read only", or "stopped" if the place is not as it should be;
    empty if it did."""
    trouble_s: float = 0.0
    """Wall clock of the first exchange in a row with that trouble."""
    coming: dict[str, int] = field(default_factory=dict)
    """How many packs were missing that others had written, by their names; "" if nobody said whose they are."""


@dataclass(frozen=True)
class Collection:
    """What collection.json says."""

    collection: bytes
    folder: Path
    """With the texts; absolute, links resolved."""
    lane: str
    author: str
    """Name of the person who writes here, for the others."""
    machine: str
    """What the lane was begun on. A copied state folder has another one, and begins another lane."""
    places: dict[str, PlaceNote] = field(default_factory=dict)
    """By address."""
    former: Path | None = None
    """The folder that the texts were in before, until their histories have followed them."""
    join: str = ""
    """The name of a file that is to be joined with the other texts that have its name everywhere, in the next run; "" if none is."""
    is_part: bool = False
    """Whether only those documents are here that were opened by name from the place; see `places.part`."""

    def with_place(self, address: str, note: PlaceNote) -> Collection:
        return replace(self, places={**self.places, address: note})


def collection_folder(state: Path, collection: bytes, folder: Path) -> Path:
    """Return the folder that this machine keeps a collection in, for a folder with texts."""
    digest = hashlib.blake2b(os.fsencode(folder), digest_size=5).hexdigest()
    return state / COLLECTIONS / f"{collection.hex()}-{digest}"


def load(place: Path) -> Collection | None:
    """Read what collection.json in a folder says; None if there is none.

    Raises:
        JptermError: it cannot be read, or a newer release wrote it.
    """
    path = place / NOTE
    try:
        data = private.read(path)
        if data is None:
            return None
        return _decode(json.loads(data))
    except (OSError, private.NotPrivate) as problem:
        raise JptermError(f"{escape_for_terminal(path)} cannot be read: {explain(problem)}.") from problem
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise JptermError(
            f"{escape_for_terminal(path)} is damaged, or of a newer release. Move its folder away to begin anew: the place has everything "
            "that was sent there."
        ) from None


def save(place: Path, collection: Collection) -> None:
    """Write collection.json.

    Raises:
        JptermError: the disk refused.
    """
    data = json.dumps(_encode(collection), indent=1).encode("ascii")
    _write(place / NOTE, data)


def find(state: Path, folder: Path, unreadable: list[str]) -> list[tuple[Path, Collection]]:
    """Return the collections whose texts are in a folder, or in one inside or around it, each with its folder in the state folder.

    Args:
        unreadable: gets a sentence about each collection of another folder whose note cannot be read; it is left out.

    Raises:
        JptermError: the note on the collection of this very folder cannot be read.
    """
    own = collection_folder(Path(), b"", folder).name
    found: list[tuple[Path, Collection]] = []
    for place in _all_in(state):
        try:
            known = load(place)
        except JptermError as problem:
            if place.name.endswith(own):
                raise
            unreadable.append(str(problem))
            continue
        if known is not None and (known.folder.is_relative_to(folder) or folder.is_relative_to(known.folder)):
            found.append((place, known))
    return found


def all_of(state: Path, unreadable: list[str]) -> list[Collection]:
    """Return all collections of this machine that can be read; see `find`."""
    return [known for _, known in find(state, Path("/"), unreadable)]


def synced_folders(state: Path) -> list[Path]:
    """Return the folders whose texts are synced.

    Raises:
        JptermError: the note on one of them cannot be read.
    """
    return [known.folder for place in _all_in(state) if (known := load(place)) is not None]


def _all_in(state: Path) -> list[Path]:
    """The folders of all collections."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(place for place in (state / COLLECTIONS).iterdir() if (place / NOTE).is_file())
    return []


def begin(state: Path, folder: Path, author: str, collection: bytes | None, *, is_part: bool = False) -> Path:
    """Begin to carry the texts of a folder, in a collection of others, or in a new one; return its folder in the state folder.

    Raises:
        JptermError: the disk refused.
    """
    is_new = collection is None
    collection = collection or secrets.token_bytes(COLLECTION_BYTES)
    place = collection_folder(state, collection, folder)
    try:
        private.check_folder(place / MIRROR, make=True, others=0o077)
    except (OSError, private.NotPrivate) as problem:
        raise JptermError(f"{escape_for_terminal(place)} cannot be made: {explain(problem)}.") from problem
    if is_new:
        mirror = open_mirror(place)
        mirror.begin(marker_name(collection), encode_marker(f"jpterm-like {__version__}"))
    save(place, Collection(collection, folder, new_lane(), author, machine_of(place), is_part=is_part))
    return place


def move(place: Path, known: Collection, folder: Path) -> Path:
    """Note that the texts of a collection are in another folder now; return the new folder in the state folder. Raises JptermError."""
    there = place.with_name(collection_folder(Path(), known.collection, folder).name)
    try:
        os.rename(place, there)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(place)} cannot be renamed: {explain(problem)}.") from problem
    save(there, replace(known, folder=folder, former=known.folder))
    return there


def forget(place: Path) -> None:
    """Carry a folder's texts no longer in a collection; the texts stay, with their histories. Raises JptermError."""
    try:
        os.unlink(place / NOTE)  # without it the rest counts as nothing
        shutil.rmtree(place)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(place)} cannot be removed: {explain(problem)}.") from problem


def open_mirror(place: Path) -> Mirror:
    """Open the mirror in a folder of a collection. Raises PlaceError."""
    return Mirror(LocalPlace(place / MIRROR))


def new_lane() -> str:
    """Choose a lane."""
    return lane_name(secrets.token_bytes(LANE_BYTES))


def machine_of(place: Path) -> str:
    """Return what tells this folder from a copy of it: the machine, and the number of the folder on its disk."""
    machine = b""
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_bytes()
    return hashlib.blake2b(machine + b"%d" % os.stat(place).st_ino, digest_size=16).hexdigest()


@contextlib.contextmanager
def hold(place: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Be the one process that exchanges the packs of a collection. The system ends this however the process ends.

    Args:
        wait_s: how long to wait for another one.

    Raises:
        CollectionBusy: another one is.
        JptermError: the disk refused.
    """
    try:
        descriptor = private.open_file(place / LOCK, os.O_RDWR | os.O_CREAT)
    except (OSError, private.NotPrivate) as problem:
        raise JptermError(f"{escape_for_terminal(place)} cannot be used: {explain(problem)}.") from problem
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= until:
                    raise CollectionBusy(
                        "These texts are being synced by another process just now."
                    ) from None
            time.sleep(HOLD_STEP_S)  # a file lock can be waited for, or for a limited time, and not both
        yield
    finally:
        os.close(descriptor)


def read_texts(place: Path) -> bytes:
    """Read the cache about documents; empty if it was lost."""
    try:
        return private.read(place / TEXTS) or b""
    except (OSError, private.NotPrivate):
        return b""


def write_texts(place: Path, data: bytes) -> None:
    """Write the cache about documents. Raises JptermError."""
    _write(place / TEXTS, data)


def read_there(place: Path) -> dict[str, list[str]]:
    """Read which packs the places had when they were seen last, by address."""
    try:
        facts = json.loads(private.read(place / THERE) or b"")
        if facts["format"] == FORMAT:
            return {str(address): list(map(str, names)) for address, names in facts["there"].items()}
    except (OSError, private.NotPrivate, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return {}


def write_there(place: Path, there: dict[str, list[str]]) -> None:
    """Write what `read_there` reads. Raises JptermError."""
    _write(place / THERE, json.dumps({"format": FORMAT, "there": there}).encode("ascii"))


def read_part(place: Path) -> dict[bytes, set[str]]:
    """Read which documents a part has, and which packs were looked at for each; empty if it was lost: then all are looked at again."""
    try:
        facts = json.loads(private.read(place / PART) or b"")
        if facts["format"] == FORMAT:
            return {bytes.fromhex(each): set(map(str, packs)) for each, packs in facts["looked"].items()}
    except (OSError, private.NotPrivate, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return {}


def write_part(place: Path, looked: dict[bytes, set[str]]) -> None:
    """Write what `read_part` reads. Raises JptermError."""
    found = {document.hex(): sorted(packs) for document, packs in sorted(looked.items())}
    _write(place / PART, json.dumps({"format": FORMAT, "looked": found}).encode("ascii"))


def _write(path: Path, data: bytes) -> None:
    try:
        private.change(path, lambda old: data)
    except (OSError, private.NotPrivate) as problem:
        raise JptermError(f"{escape_for_terminal(path)} cannot be written: {explain(problem)}.") from problem


def _encode(collection: Collection) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "collection": collection.collection.hex(),
        "folder": str(collection.folder),
        "former": None if collection.former is None else str(collection.former),
        "lane": collection.lane,
        "author": collection.author,
        "machine": collection.machine,
        # One that was never the place of these texts may be a slip of the pen, and is asked no more.
        "places": {address: vars(note) for address, note in collection.places.items() if note.was_ready},
        "join": collection.join,
        "part": collection.is_part,
    }


def _decode(facts: Any) -> Collection:
    if facts["format"] != FORMAT:
        raise ValueError("another format")
    collection, lane = bytes.fromhex(facts["collection"]), str(facts["lane"])
    lane_bytes(lane)
    if len(collection) != COLLECTION_BYTES:
        raise ValueError("not a collection")
    places = {str(address): _decode_note(note) for address, note in facts["places"].items()}
    former = facts.get("former")
    return Collection(
        collection,
        Path(facts["folder"]),
        lane,
        str(facts["author"]),
        str(facts["machine"]),
        places,
        None if former is None else Path(former),
        str(facts.get("join", "")),
        is_part=bool(facts.get("part", False)),
    )


def _decode_note(facts: Any) -> PlaceNote:
    """Read what is noted of a place. Raises ValueError, TypeError or AttributeError."""
    usual, coming = vars(PlaceNote()), facts.get("coming", {})
    found: dict[str, Any] = {
        key: type(usual[key])(value) for key, value in facts.items() if key in usual and key != "coming"
    }
    return PlaceNote(**found, coming={str(author): int(count) for author, count in coming.items()})
