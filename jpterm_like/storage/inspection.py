"""Check everything in a folder storage for damage. Changes nothing and locks nothing.

`FolderStore.load` reads only the live parts, and repairs. This reads every byte, including older generations and
blobs, and compares checksums and names. A server may have the store open: files appear, vanish and change names
meanwhile, and the newest segment may end in the middle of a write. So a mismatch is read again before it is reported
as damage.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.storage.base import Inspection, Loaded, Record, StorageError
from jpterm_like.storage.disk_layout import (
    FILE_BYTES_MAX,
    Part,
    PartContent,
    content_hash,
    decode_blob,
    document_name,
    has_name_file,
    is_folder_name,
    is_folder_of,
    is_newer_blob,
    parse_part,
    read_part,
)
from jpterm_like.storage.drive import Drive
from jpterm_like.storage.live_parts import LiveParts, PartName, drop_prefix_copies, owner_records, part_key

TRIES: Final = 5
"""How often a mismatch is read. A write or a snapshot in progress is over after the first pause."""
PAUSE_S: Final = 0.1


class _FolderChanged(Exception):
    """The folder's content changed while it was being read."""


class _JudgedPart(NamedTuple):
    part: Part
    read: PartContent | None
    problem: str
    """What is wrong, as a sentence without its subject; empty if it is intact."""


def inspect(folder: Path, drive: Drive | None = None) -> Iterator[Inspection]:
    """Check each document in a storage's folder, in the order of the folders' names.

    Raises:
        StorageError: the folder does not exist or cannot be read.
    """
    drive = drive or Drive()
    try:
        entries = [name for name in drive.names(folder) if is_folder_name(name)]
    except OSError as error:
        raise StorageError(
            f"The stores in {escape_for_terminal(folder)} cannot be read: {explain(error)}.", folder
        ) from error
    for entry in entries:
        found = inspect_document(folder / entry, drive)
        if found is not None:
            yield found


def inspect_document(folder: Path, drive: Drive) -> Inspection | None:
    """Check the document in a folder; None if it was removed or is empty."""
    found: Inspection | None = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S)
        try:
            names = _listed(drive, folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Inspection(folder.name, folder, [f"It cannot be read: {explain(error)}."])
        try:
            found = _read_all(drive, folder, names)
        except (_FolderChanged, FileNotFoundError):
            continue
        except OSError as error:
            return Inspection(folder.name, folder, [f"It cannot be read: {explain(error)}."])
        if not found.damage:
            break
    if found is not None and not (found.size_bytes or found.damage):
        return None
    return found


def _read_all(drive: Drive, folder: Path, before: list[str]) -> Inspection:
    """Check the files in a folder.

    Raises:
        _FolderChanged: they are not the files that were there before.
        FileNotFoundError: likewise: one of them has gone, for instance because a snapshot replaced it.
        OSError: something of the folder cannot be read.
    """
    found = Inspection(document_name(drive, folder) or folder.name, folder)
    parts: list[_JudgedPart] = []
    for name in before:
        path = folder / name
        if ".damaged" in name:
            found.damage.append(
                f"{name} was set aside when it was found damaged; remove it when nothing is missing."
            )
        elif name.endswith(".blob"):
            _read_blob(drive, path, found)
        elif (part := parse_part(path)) is not None:
            parts.append(_judge(drive, part, folder))
    found.newer |= any(judged.read is not None and judged.read.newer for judged in parts)
    found.loaded = Loaded([] if found.newer else _loaded(parts), [])
    found.size_bytes = sum(drive.size(folder / name) for name in before)
    if _listed(drive, folder) != before:
        raise _FolderChanged
    if parts and not has_name_file(drive, folder, found.name.encode("utf-8", "surrogatepass")):
        found.damage.append("name is damaged; the document's name is known from other files.")
    found.damage += [f"{judged.part.path.name} {judged.problem}." for judged in parts if judged.problem]
    return found


def _listed(drive: Drive, folder: Path) -> list[str]:
    """List the files to check: not the lock, nor unfinished ones."""
    return [name for name in drive.names(folder) if name != "lock" and not name.endswith(".tmp")]


def _read_blob(drive: Drive, path: Path, found: Inspection) -> None:
    try:
        data = drive.read(path, FILE_BYTES_MAX)
    except FileNotFoundError:
        raise
    except OSError as error:
        found.damage.append(f"{path.name} cannot be read: {explain(error)}.")
        return
    content = decode_blob(data)
    if content is None and is_newer_blob(data):
        found.newer = True
        return
    if content is None:
        found.damage.append(f"{path.name} does not hold what was written to it.")
        return
    found.blobs[path.stem] = content


def _judge(drive: Drive, part: Part, folder: Path) -> _JudgedPart:
    try:
        read = read_part(drive, part)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _JudgedPart(part, None, f"cannot be read: {explain(error)}")
    if read.newer:
        return _JudgedPart(part, read, "")
    holes, size_bytes = read.scan.holes, len(read.data)
    name = read.scan.name
    if part.hash is None and not size_bytes:
        return _JudgedPart(part, read, "")  # just begun
    if part.hash is None and len(holes) == 1 and holes[0][0] > 0 and holes[0][1] == size_bytes:
        lost = size_bytes - holes[0][0]
        return _JudgedPart(
            part,
            read,
            f"ends with {lost:,} bytes that are no whole record: a crash while it was written, or damage",
        )
    if holes:
        lost = sum(end - start for start, end in holes)
        return _JudgedPart(part, read, f"is damaged: {lost:,} of its {size_bytes:,} bytes cannot be read")
    if name is not None and not is_folder_of(folder, name):
        return _JudgedPart(part, read, "is_folder_of to another document")
    if part.hash is not None and not read.whole:
        return _JudgedPart(part, read, "does not hold what its name says")
    return _JudgedPart(part, read, "")


def _loaded(parts: list[_JudgedPart]) -> list[Record]:
    """Return the records that `FolderStore.load` would return."""
    reads = {
        judged.part: judged.read for judged in parts if judged.read is not None and not judged.read.newer
    }
    choice = LiveParts(reads)
    found: list[tuple[tuple[int, bytes], list[Record]]] = []
    for part in choice.snapshots():
        if reads[part].whole:
            choice.take(reads[part])
        if reads[part].whole or choice.is_oldest(part):
            found.append((part_key(part), owner_records(reads[part])))
    for copies in choice.segments():
        for read in drop_prefix_copies([reads[part] for part in copies]):
            if _name_when_mended(read) not in choice.names:
                found.append((part_key(read.part), read.scan.records))
    found.sort(key=lambda each: each[0])
    return [record for _, records in found for record in records]


def _name_when_mended(read: PartContent) -> PartName:
    """Return the name of a segment after a later opening has cut off its torn end and sealed it."""
    part, holes = read.part, read.scan.holes
    end = holes[-1][0] if holes else len(read.data)
    return PartName(part.number, part.salt, part.hash or content_hash(read.data[:end]))
