"""The layout on the disk: file names of a document, reading its parts, encoding blobs. Changes no files.

    notes.md-<hash of the name>/
        name                                    the document's name
        lock                                    locked while it is open; empty
        0000000001-<salt>-<content hash>.log    a sealed segment: never changes again
        0000000003-<salt>-<content hash>.snap   a snapshot: replaces the parts that it names
        0000000004-<salt>.log                   the segment that is being appended to
        base.blob                               a blob
        0000000002-<salt>.log.damaged           set aside; never read, never deleted

Numbers only grow; two machines may use the same number, with different salts. Names describe a file before it is
read, and equal names mean equal bytes, so that any tool can copy sealed files.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.storage import log
from jpterm_like.storage.base import StorageError
from jpterm_like.storage.drive import Drive

FILE_BYTES_MAX: Final = 1 << 31
"""Largest file that is read. Ours are smaller: a segment has at most SEGMENT_BYTES_MAX and one record."""

_FILE_NAME: Final = re.compile(
    r"(?P<number>\d{10})-(?P<salt>[0-9a-f]{8})(-(?P<hash>[0-9a-f]{16}))?\.(?P<kind>log|snap)"
)
_NUMBER: Final = re.compile(r"\d{10}(?=-)")
_FOLDER_NAME: Final = re.compile(r".*-[0-9a-f]{32}")

_BLOB_MAGIC: Final = b"jpblob1\n"
_BLOB_DIGIT: Final = _BLOB_MAGIC.index(b"1")
_BLOB_HASH_BYTES: Final = 16
BLOB_START_BYTES: Final = len(_BLOB_MAGIC)


class Part(NamedTuple):
    """A segment or snapshot, as described by its file name."""

    path: Path
    number: int
    salt: bytes
    hash: str | None
    """Hash of the content; None while a segment is not sealed."""

    is_snapshot: bool


class PartContent(NamedTuple):
    """A part with its bytes and readable records."""

    part: Part
    data: bytes
    scan: log.Scan

    @property
    def whole(self) -> bool:
        """Whether it is sealed, and has exactly the bytes that were sealed."""
        return (
            not self.scan.holes and self.scan.name is not None and self.part.hash == content_hash(self.data)
        )

    @property
    def sound(self) -> bool:
        """Whether it is whole, or unsealed and readable but for a torn end, as a crash leaves it."""
        holes = self.scan.holes
        if self.part.hash is not None:
            return self.whole
        return not holes or (len(holes) == 1 and holes[0][0] > 0 and holes[0][1] == len(self.data))

    @property
    def newer(self) -> bool:
        """Whether it has a newer release's format, confirmed by a checksum: unreadable here, but not damaged."""
        return log.is_newer(self.data) and (
            log.is_newer_for_sure(self.data) or self.part.hash == content_hash(self.data)
        )


def parts_in(drive: Drive, folder: Path) -> Iterator[Part]:
    """Iterate over the segments and snapshots of a document, in the order of their numbers."""
    for name in drive.names(folder):
        if part := _parse_name(folder, name):
            yield part


def read_part(drive: Drive, part: Part) -> PartContent:
    """
    Raises:
        OSError: it cannot be read.
    """
    data = drive.read(part.path, FILE_BYTES_MAX)
    return PartContent(part, data, log.scan(data, part.salt))


def parse_part(path: Path) -> Part | None:
    """Parse a file name; None if it is no segment or snapshot."""
    return _parse_name(path.parent, path.name)


def _parse_name(folder: Path, name: str) -> Part | None:
    # A commit may parse every name in the folder, most of which are no parts, so the path is built last.
    found = _FILE_NAME.fullmatch(name)
    if found is None or (found["kind"] == "snap" and not found["hash"]):
        return None
    path = folder / name
    return Part(
        path, int(found["number"]), bytes.fromhex(found["salt"]), found["hash"], found["kind"] == "snap"
    )


def number_of(name: str) -> int:
    """Return the number that any file's name begins with, or 0."""
    found = _NUMBER.match(name)
    return int(found[0]) if found else 0


def salt_of(name: str) -> bytes:
    """Return the salt in the name of a segment or snapshot; empty for other files."""
    found = _FILE_NAME.fullmatch(name)
    return bytes.fromhex(found["salt"]) if found else b""


def unsealed_name(number: int, salt: bytes) -> str:
    """Name a segment that is being appended to."""
    return f"{number:010}-{salt.hex()}.log"


def sealed_name(number: int, salt: bytes, data: bytes, kind: str = "log") -> str:
    """Name a part that never changes again."""
    return f"{number:010}-{salt.hex()}-{content_hash(data)}.{kind}"


def content_hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


# Blobs


def encode_blob(content: bytes) -> bytes:
    return _BLOB_MAGIC + hashlib.blake2b(content, digest_size=_BLOB_HASH_BYTES).digest() + content


def decode_blob(data: bytes) -> bytes | None:
    """Decode a blob's file; None if it is damaged."""
    content = data[len(_BLOB_MAGIC) + _BLOB_HASH_BYTES :]
    return content if data == encode_blob(content) else None


def begins_newer_blob(data: bytes) -> bool:
    """Whether a blob's magic has a higher digit than ours."""
    digit = data[_BLOB_DIGIT : _BLOB_DIGIT + 1]
    return data[:_BLOB_DIGIT] == _BLOB_MAGIC[:_BLOB_DIGIT] and b"1" < digit <= b"9"


def is_newer_blob(data: bytes) -> bool:
    """Whether a newer release wrote a blob: a higher digit, confirmed by a checksum over magic and content."""
    start, end = BLOB_START_BYTES, BLOB_START_BYTES + _BLOB_HASH_BYTES
    checksum = hashlib.blake2b(data[:start] + data[end:], digest_size=_BLOB_HASH_BYTES).digest()
    return begins_newer_blob(data) and data[start:end] == checksum


# Folders


def folder_name(name: str, encoded: bytes) -> str:
    """Name the folder of a document: readable as far as possible, and unique by its hash."""
    readable = re.sub(r"[^a-z0-9.]+", "-", name.lower())[-40:].strip("-.")
    return f"{readable}-{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"


def is_folder_name(name: str) -> bool:
    """Whether a folder of that name may contain a document."""
    return _FOLDER_NAME.fullmatch(name) is not None


def is_folder_of(folder: Path, encoded: bytes) -> bool:
    """Whether a folder belongs to the document of this name."""
    return folder.name.endswith(f"-{hashlib.blake2b(encoded, digest_size=16).hexdigest()}")


def has_name_file(drive: Drive, folder: Path, encoded: bytes) -> bool:
    """Whether the file `name` exists and is intact."""
    try:
        return drive.read(folder / "name", FILE_BYTES_MAX) == encoded
    except OSError:
        return False


def document_name(drive: Drive, folder: Path) -> str | None:
    """Find the name of the document in a folder; None if it has none (yet).

    The folder's own name contains a hash of it, which reveals a damaged file `name`; each segment has a copy.
    """

    def decoded(encoded: bytes | None) -> str | None:
        if encoded is None or not is_folder_of(folder, encoded):
            return None
        return encoded.decode("utf-8", "surrogatepass")

    with contextlib.suppress(OSError):
        if (name := decoded(drive.read(folder / "name", FILE_BYTES_MAX))) is not None:
            return name
    with contextlib.suppress(OSError):
        for part in parts_in(drive, folder):
            with contextlib.suppress(OSError):
                start = drive.read_start(part.path, log.HEADER_BYTES_MAX)
                if (name := decoded(log.scan_name(start, part.salt))) is not None:
                    return name
    return None


# Words


def storage_error(name: str, sentence: str, error: OSError, path: Path) -> StorageError:
    """Make the error for a refusal by the disk; `sentence` has {name} for the document and gets the reason
    appended."""
    return StorageError(f"{sentence.format(name=escape_for_terminal(name))}: {explain(error)}.", path)
