"""The port of the places: four calls on a flat folder of files that are written once; and what can be asked of any place.

A place may be slow, full, old or torn. It need not have locks, conditional writes or rename, and what it lists may be old: that is
what names of packs are for (`packs.names`). Calls block, so a program with an event loop makes them in a thread.

The errors:

    JptermError
    └── PlaceError
        ├── Unreachable    try later: the network, the server, a disk that is not mounted
        ├── Refused        a person must do something: credentials, permissions, quota
        │   └── ReadOnly   nothing can be written there
        ├── Gone           the file is not there (any more): list again
        └── Damaged        the place answered with something else than was asked for

The functions below are the six calls by which a collection is read and written, whatever the carrier is: `list_all_files`, `list_versions`,
`get_version`, `file_stat`, `read` with a filter, `write`. Four of them need no place, for a listing says it all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple, Protocol

from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.packs.names import (
    PACK_BYTES_MAX,
    Listing,
    PackName,
    is_whole,
    read_listing,
    versions,
)
from jpterm_like.packs.pack import (
    Index,
    MalformedPack,
    PackRecord,
    index_start,
    inflate,
    open_pack,
    read_index,
    split_records,
    tail_bytes,
)

FILE_BYTES_MAX: Final = PACK_BYTES_MAX
"""Longest file that is read or written."""

NAME_MAX: Final = 255
_NO_PART_OF_A_NAME: Final = frozenset("/\\\0")

CONNECT_S: Final = 10.0
"""Longest wait for a connection to a server."""
SILENCE_S: Final = 60.0
"""Longest wait for the next bytes of a server, and for all lines of an answer before its body."""
BYTES_PER_S_MIN: Final = 200
"""A server that is slower than this for longer than `SILENCE_S` counts as one that does not answer."""


Moved = Callable[[int], None]
"""Called with the number of bytes of files that came or went since the last call; below 0 before some are sent again."""


def nobody_counts(count: int) -> None:
    """Ignore the bytes that came or went: the usual `moved` of a place."""


class PlaceError(JptermError):
    """A place could not do what it was asked for."""


class Unreachable(PlaceError):
    """The place does not answer, or only later: nothing is wrong with what was asked for."""


class Refused(PlaceError):
    """The place answers that this is not allowed, or has no room. Trying again changes nothing."""


class ReadOnly(Refused):
    """Nothing can ever be written at a place of this kind."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{in_sentence(place)} can only be read.")


class Gone(PlaceError):
    """There is no file of that name."""


class Damaged(PlaceError):
    """The place answered with other bytes, or another length, than was asked for."""


class Place(Protocol):
    """A flat folder. Names are ASCII letters, digits, `-` and `.`; `is_file_name` says which are possible."""

    @property
    def address(self) -> str:
        """How people call the place, without credentials."""
        ...

    def list(self) -> Mapping[str, int]:
        """Return the files with their sizes in bytes; of links, folders and hidden files none.

        It may be old or incomplete. One request, or one for some thousand files.

        Raises:
            PlaceError: the folder cannot be listed, or is not there.
        """
        ...

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Read a file, or its bytes from `start` to `end` (not included). At most `FILE_BYTES_MAX`.

        Raises:
            Gone: it is not there.
            Damaged: the range is not all there, or the file is longer than the limit.
            PlaceError: see the classes.
        """
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, replacing any of that name. Once this returns, it is at the place as safely as the place can say.

        After an error there is the old file, the new one, none, or one of another length.

        Raises:
            PlaceError: see the classes.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            PlaceError: see the classes.
        """
        ...


def is_file_name(name: str) -> bool:
    """Whether this can be the name of a file at a place: one part of a path, visible, and the same everywhere."""
    return 0 < len(name) <= NAME_MAX and name[0] != "." and _NO_PART_OF_A_NAME.isdisjoint(name)


def check_file_name(name: str) -> None:
    """Raise ValueError for a name that none of our files has: a bug of the caller."""
    if not is_file_name(name):
        raise ValueError(f"not a name for a file at a place: {name!r}")


def in_sentence(place: Place) -> str:
    """Name a place at the beginning of a sentence that people read."""
    return f"The place {escape_for_terminal(place.address)}"


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine: what is sent there may be unencrypted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_read(name: str, data: bytes, start: int, end: int | None) -> bytes:
    """Return what a place gave for a range, if it is that long.

    Raises:
        Damaged: it is not.
    """
    if len(data) > FILE_BYTES_MAX or (end is not None and len(data) != end - start):
        raise Damaged(f"{escape_for_terminal(name)} is shorter or longer than it should be.")
    return data


# The six calls


class FileStat(NamedTuple):
    """The facts about a pack that a listing has."""

    size_bytes: int
    digest: str
    """BLAKE2b-64, from the name."""
    is_whole: bool
    """False if it is torn: shorter or longer than its name says."""


def list_all_files(place: Place) -> Listing:
    """List a place: one request. Raises PlaceError."""
    return read_listing(place.list())


def list_versions(listing: Listing, lane: str) -> list[PackName]:
    """Return the packs of a lane that are there, in the order of their numbers."""
    return sorted(name for name in listing.packs if name.lane == lane)


def get_version(listing: Listing, lane: str) -> int:
    """Return the version of a lane at a place: the highest number below which none is missing; 0 if there is none."""
    return versions(list_versions(listing, lane)).get(lane, 0)


def file_stat(listing: Listing, name: PackName) -> FileStat | None:
    """Return what a listing says about a pack; None if it is not there."""
    if name in listing.packs:
        return FileStat(name.size_bytes, name.digest, True)
    return FileStat(listing.torn[name], name.digest, False) if name in listing.torn else None


def read(
    place: Place, listing: Listing, name: PackName, documents: Collection[bytes] | None = None
) -> dict[bytes, list[PackRecord]]:
    """Read the records of a pack by document.

    With `documents`, only theirs are transferred: the end of the file, and the range of each.

    Raises:
        PlaceError: see `Place.read`.
        Damaged: it is not the pack that its name says.
        NewerPack: a newer release made it.
    """
    listed = listing.listed_as(name)
    try:
        if documents is not None:
            return _read_some(place, listed, name.size_bytes, documents)
        data = place.read(listed)
        if is_whole(name, data):
            pack = open_pack(data)
            return {document: pack.records(document) for document in pack.index.blocks}
    except MalformedPack as problem:
        raise Damaged(f"{name} is damaged: {problem}.") from None
    raise Damaged(f"{name} is not what its name says.")


def write(place: Place, name: PackName, data: bytes) -> None:
    """Write a pack under its name. Raises PlaceError; ValueError if these are not its bytes."""
    if not is_whole(name, data):
        raise ValueError(f"{len(data):,} bytes are not {name}")
    place.write(str(name), data)


def read_index_at(place: Place, listed: str, size_bytes: int) -> Index:
    """Read the index of a pack alone: one request, or two if it is long.

    Raises:
        PlaceError: see `Place.read`.
        MalformedPack: see `read_index`.
    """
    return read_index(read_tail(place, listed, size_bytes), size_bytes)


def read_tail(place: Place, listed: str, size_bytes: int) -> bytes:
    """Read the end of a pack, with all of its index: one request, or two if the index is long.

    Raises:
        PlaceError: see `Place.read`.
        MalformedPack: see `index_start`.
    """
    tail = place.read(listed, size_bytes - tail_bytes(size_bytes), size_bytes)
    start, tail_start = index_start(tail, size_bytes), size_bytes - len(tail)
    return place.read(listed, start, tail_start) + tail if start < tail_start else tail


def _read_some(
    place: Place, listed: str, size_bytes: int, documents: Collection[bytes]
) -> dict[bytes, list[PackRecord]]:
    blocks = read_index_at(place, listed, size_bytes).blocks
    found: dict[bytes, list[PackRecord]] = {}
    for document in sorted(documents):
        if block := blocks.get(document):
            found[document] = split_records(inflate(place.read(listed, block.start, block.end), block))
    return found
