"""`export --store` and `import --store`: all texts of a database with their whole histories, as a folder that `serve` shares, and back.

The records of a history are taken over as they are, so both sides have the same operations and clients of the one go on at the other.
The plain file is made of the history, with everything that was not saved yet, and the history says that it holds all of it. What belongs to
no text (tokens, nodes) stays where it is. Neither direction changes its source, and no document that is already there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from crdt import TextBuffer
from jpterm_like.access.discovery import LOCK, STORE_FOLDER, about_server_of
from jpterm_like.access.process_lock import LockHeld, hold
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.encoding import NotInCharset
from jpterm_like.files.read import NOTEBOOK_SUFFIX, PlainFile, read_plain
from jpterm_like.saver import rebuild, records_of_file, records_of_save
from jpterm_like.server.absence import ABSENT, note
from jpterm_like.server.carried_file import CARRIED
from jpterm_like.server.charset_note import CHARSET, encode_charsets, known_by
from jpterm_like.server.document import ACCESS, encode_file
from jpterm_like.server.pending_write import PENDING_WRITE
from jpterm_like.server.rename import MOVED, MOVING, Move
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.server.shared_texts import TEXT
from jpterm_like.storage.base import Inspection, Loaded, NewerRelease, NewStore, Storage
from jpterm_like.stores import database_storage, served_folder
from jpterm_like.sync.unsaved_work import DISK

BATCH_BYTES: Final = 4 << 20
BATCH_TEXTS: Final = 200
"""Texts that are made at once, until they have so many bytes, or are so many: one statement of the database, or one wait for the disk."""

_OF_FILE: Final = (PENDING_WRITE, "next", ACCESS, CARRIED)
"""Blobs about a plain file that stays behind."""


@dataclass
class Outcome:
    """How many texts were carried, and which were not."""

    made: int = 0
    same: int = 0
    """How many were there already, with all of their history and perhaps more."""
    left_out: list[str] = field(default_factory=list)
    """A sentence for each that was not carried, or not whole."""


class _Text(NamedTuple):
    """One document on its way."""

    store: NewStore
    raw: bytes | None
    """The bytes of its plain file; None if it has no file."""


def export_database(address: str, folder: Path) -> Outcome:
    """Write all texts of a database into a new folder, which gets its name once all is in it. Blocks.

    Raises:
        JptermError: the database cannot be read, the folder has something in it, or the disk refused.
    """
    with contextlib.closing(database_storage(address, is_node=False)) as storage:
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise JptermError(f"{escape_for_terminal(folder)} is not empty: name a new folder.")
            folder = folder.absolute()
            folder.parent.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.unfinished-", dir=folder.parent))
            try:
                outcome = asyncio.run(_export(storage, unfinished))
                os.sync()  # the names of the files; what is in them is flushed already
                unfinished.rename(folder)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
        except OSError as problem:
            raise JptermError(f"{escape_for_terminal(folder)} was not made: {explain(problem)}.") from problem
    return outcome


def import_folder(address: str, folder: Path) -> Outcome:
    """Make a document in a database of each text of a folder that no server shares now. Blocks.

    Raises:
        JptermError: the folder cannot be read, a server shares it, or the database refused.
    """
    with contextlib.closing(database_storage(address, is_node=False)) as storage, _held(folder):
        return asyncio.run(_import(folder, storage))


async def _export(storage: Storage, folder: Path) -> Outcome:
    outcome, files = Outcome(), SharedFolder(folder)
    with contextlib.closing(served_folder(folder / STORE_FOLDER)) as there:

        def carried(name: str) -> _Text | None:
            found = storage.inspect(name)
            if found is None:  # deleted meanwhile
                return None
            path = files.path_of(name)
            text = _text_of(found, None, outcome)
            if text.raw is not None:
                try:
                    _write_new(path, text.raw)
                except OSError as problem:
                    raise JptermError(
                        f"{escape_for_terminal(name)} cannot be a file there: {explain(problem)}."
                    ) from problem
            return text

        await _carry(storage.names(), carried, there, outcome)
    return outcome


async def _import(folder: Path, storage: Storage) -> Outcome:
    outcome, files = Outcome(), SharedFolder(folder)
    with contextlib.closing(served_folder(folder / STORE_FOLDER)) as here:
        names = sorted({*files.names_in_any_charset(), *here.names()})

        def carried(name: str) -> _Text | None:
            shown = escape_for_terminal(name)
            if name.endswith(NOTEBOOK_SUFFIX):
                raise JptermError(f"{shown}: notebooks are edited in a folder, not yet in a database.")
            found, path = here.inspect(name), files.path_of(name)
            blobs = {} if found is None else found.blobs
            base = known_by(blobs.get(CHARSET), blobs.get(TEXT, b""))._replace(is_text=True)
            plain = read_plain(path, inside=files.root, known=base)
            kept = None if found is None else rebuild(found.loaded, author="")
            if found is None or kept is None:
                return None if plain is None else _begun_with(name, plain)
            if plain is not None and (kept.buffer is None or blobs.get(MOVED)):
                return _begun_with(name, plain)
            if plain is not None and plain.raw != base.raw:
                if kept.buffer is None or plain.text != kept.buffer.text:
                    raise JptermError(
                        f"{shown} was changed by another program since it was served: serve the folder once, so that its history has that, too."
                    )
                # The same text, with other line ends or in another charset.
                blobs |= {TEXT: plain.raw, CHARSET: encode_charsets([plain.known])}
            return _text_of(found, plain is not None, outcome)

        await _carry(names, carried, storage, outcome)
    return outcome


async def _carry(
    names: Sequence[str], carried: Callable[[str], _Text | None], to: Storage, outcome: Outcome
) -> None:
    """Make the documents in another storage, some at a time."""
    batch: list[NewStore] = []
    size_bytes = 0
    for name in names:
        try:
            text = carried(name)
        except JptermError as problem:
            outcome.left_out.append(str(problem))
            continue
        if text is None:
            continue
        batch.append(text.store)
        size_bytes += sum(len(record.payload) for record in text.store.records) + len(text.raw or b"")
        if size_bytes >= BATCH_BYTES or len(batch) >= BATCH_TEXTS:
            await _make(batch, to, outcome)
            batch, size_bytes = [], 0
    await _make(batch, to, outcome)


async def _make(batch: Sequence[NewStore], to: Storage, outcome: Outcome) -> None:
    made = await to.create(batch)
    outcome.made += len(made)
    for store in batch:
        if store.name not in made:
            if _has_all(to, store):
                outcome.same += 1
            else:
                outcome.left_out.append(
                    f"{escape_for_terminal(store.name)} is there already, with another history, and was left as it is."
                )


def _has_all(storage: Storage, store: NewStore) -> bool:
    """Whether a document that is there has the whole history of this one."""
    found = storage.inspect(store.name)
    if found is None:
        return False
    there, here = (rebuild(loaded, author="").buffer for loaded in (found.loaded, _loaded(store)))
    if there is None or here is None:
        return there is here and found.blobs.get(MOVED) == store.blobs.get(MOVED)
    return there.lineage == here.lineage and here.version <= there.version


def _loaded(store: NewStore) -> Loaded:
    return Loaded(list(store.records), [])


def _text_of(found: Inspection, has_file: bool | None, outcome: Outcome) -> _Text:
    """Return a document as it is carried.

    Args:
        found: everything that its store has.
        has_file: whether it has a plain file; None: there are none, and the store says whether it has a text.
        outcome: told of damage.

    Raises:
        JptermError: it cannot be carried.
    """
    shown = escape_for_terminal(found.name)
    kept = rebuild(found.loaded, author="")
    if kept.newer or found.newer:
        raise NewerRelease(found.name)
    if Move.decode(found.blobs.get(MOVING)) is not None:
        raise JptermError(f"{shown} is being renamed: once it has been opened, it can be carried.")
    if found.damage or kept.damage:
        outcome.left_out.append(f"{shown} is damaged: only what can be read was carried; see verify.")
    records, blobs = list(found.loaded.records), dict(found.blobs)
    for name in _OF_FILE:
        blobs.pop(name, None)
    buffer, is_moved = kept.buffer, bool(blobs.get(MOVED))
    if has_file is None:
        has_file = not blobs.get(ABSENT) and (TEXT in blobs or (buffer is not None and bool(buffer.text)))
    elif has_file:
        blobs.pop(ABSENT, None)
    elif blobs.get(TEXT) and not is_moved:
        blobs[ABSENT] = note(blobs[TEXT])
    if not has_file or is_moved or buffer is None:
        return _Text(NewStore(found.name, records, blobs), None)
    try:
        base = known_by(blobs.get(CHARSET), blobs.get(TEXT, b""))._replace(is_text=True)
        coming = encode_file(buffer.text, base, None)
    except NotInCharset as problem:
        raise JptermError(f"{shown} cannot be written as a file: {problem}.") from problem
    records += records_of_save(buffer)
    blobs |= {TEXT: coming.raw, CHARSET: encode_charsets([coming])}
    return _Text(NewStore(found.name, records, blobs), coming.raw)


def _begun_with(name: str, plain: PlainFile) -> _Text:
    """A document whose history begins with a plain file."""
    buffer = TextBuffer.genesis(plain.text, author=DISK)
    blobs = {TEXT: plain.raw, CHARSET: encode_charsets([plain.known])}
    return _Text(NewStore(name, records_of_file(buffer, plain.text.encode()), blobs), plain.raw)


def _write_new(path: Path, raw: bytes) -> None:
    """Write a file that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep servers away from a folder.

    Raises:
        JptermError: one shares it, or its store is somebody else's.
    """
    store = folder / STORE_FOLDER
    if not store.is_dir():
        yield
        return
    try:
        private.check_folder(store)
        lock = hold(store / LOCK, "")
    except LockHeld as problem:
        raise JptermError(
            f"{escape_for_terminal(folder)} is shared, {about_server_of(folder)}: stop it first."
        ) from problem
    except OSError as problem:
        raise JptermError(
            f"The stores in {escape_for_terminal(folder)} cannot be read: {explain(problem)}."
        ) from problem
    try:
        yield
    finally:
        os.close(lock)
