"""Which document a replica belongs to, and which text of other histories it includes.

A document may have had other histories: a server loses its store and begins anew, and people bring their text back, under
new ids. So the new history notes up to which version of the old ones it has everything
(`Ancestor`). A client that comes from an old history later merges against that version of its own. Text up to it that is missing
was deleted since; text beyond it was never there, and absence is never deletion.

Sites are random, so versions of different histories never collide, and one version can cover all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from crdt import ForeignOp, TextBuffer, Version
from crdt.ids import genesis_site

IDENTITY_BYTES: Final = 16
"""Size of the random identity of a server or a document."""
DOCUMENTS_MAX: Final = 8
"""Identities kept of one document."""
ANCESTORS_MAX: Final = 8
"""Notes kept of one document: those that count, merged into one, and the newest of the others."""
ANCESTOR_BYTES_MAX: Final = 512 * 1024
"""Size of one note. A document with more sites than fit has none."""
EARLIER_MAX: Final = 48
"""Versions of the plain file that are remembered, at most."""
EARLIER_SITES_MAX: Final = 20_000
"""Sites in those versions, all together."""
EARLIER_TRIED_LENGTH: Final = 10_000_000
"""Code points of text that are built at most to find one of them."""
EARLIER_TRIED_MIN: Final = 2
"""Versions that are tried however long the text is."""
_LENGTH: Final = struct.Struct("!I")
_HEAD: Final = struct.Struct("!Q16sB")


class Identity(NamedTuple):
    """Which document of which server a replica belongs to."""

    server: bytes = b""
    """Empty: unknown, as with release 0.1.0."""
    documents: tuple[bytes, ...] = ()
    """The document's identities, the newest first: it gets another one when its store is lost."""
    chosen_ms: int = 0
    """When this replica was chosen to be shown; milliseconds since 1970."""

    def met(self, server: bytes, document: bytes) -> Identity:
        """The identity with what its server says of it now."""
        others = tuple(it for it in self.documents if it != document)
        documents = (document, *others)[:DOCUMENTS_MAX] if document else self.documents
        return Identity(server or self.server, documents, self.chosen_ms)

    def is_same_document(self, other: Identity) -> bool:
        """Whether both belong to one document, as far as its server knew."""
        return not set(self.documents).isdisjoint(other.documents)

    def encode(self) -> bytes:
        server = self.server.ljust(IDENTITY_BYTES, b"\0")
        return _HEAD.pack(self.chosen_ms, server, len(self.documents)) + b"".join(self.documents)

    @staticmethod
    def decode(data: bytes) -> Identity:
        """Return what `encode` wrote.

        Raises:
            ForeignOp: something else wrote it.
        """
        try:
            chosen_ms, server, count = _HEAD.unpack_from(data)
        except struct.error as problem:
            raise ForeignOp("not a note on which document this is") from problem
        if len(data) != _HEAD.size + count * IDENTITY_BYTES:
            raise ForeignOp("not a note on which document this is")
        ends = range(_HEAD.size + IDENTITY_BYTES, len(data) + 1, IDENTITY_BYTES)
        documents = tuple(data[end - IDENTITY_BYTES : end] for end in ends)
        return Identity(b"" if server == bytes(IDENTITY_BYTES) else server, documents, chosen_ms)


class Ancestor(NamedTuple):
    """A note in a history: everything of other histories up to a version was brought into it."""

    version: Version
    """Of those histories."""
    after: Version
    """Of this one: the note counts once this is here. So it can come before the text that it is about."""

    @property
    def is_too_long(self) -> bool:
        """Whether it has too many sites to be sent and kept."""
        return len(self.encode()) > ANCESTOR_BYTES_MAX

    def encode(self) -> bytes:
        version = self.version.encode()
        return _LENGTH.pack(len(version)) + version + self.after.encode()

    @staticmethod
    def decode(data: bytes) -> Ancestor:
        """Return what `encode` wrote.

        Raises:
            ForeignOp: something else wrote it.
        """
        if len(data) < _LENGTH.size:
            raise ForeignOp("not a note on another history")
        end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        return Ancestor(Version.decode(data[_LENGTH.size : end]), Version.decode(data[end:]))


def ancestor_note(mine: TextBuffer, my_notes: Iterable[Ancestor], theirs: TextBuffer) -> Ancestor:
    """The note that everything of my history is in theirs, including text that was brought into mine before."""
    return Ancestor(mine.version.merge(known_of_others(my_notes, mine.version)), theirs.version)


def add_ancestor(notes: Sequence[Ancestor], note: Ancestor, reached: Version) -> tuple[Ancestor, ...]:
    """Add a note; notes that count at the version `reached` are merged into one."""
    if is_noted(notes, note, reached):
        return tuple(notes)
    all_notes = [*notes, note]
    counting = [it for it in all_notes if it.after <= reached]
    rest = [it for it in all_notes if not it.after <= reached]
    if len(counting) > 1:
        whole = counting[0]
        for it in counting[1:]:
            whole = Ancestor(whole.version.merge(it.version), whole.after.merge(it.after))
        counting = [whole]
    # Only notes that do not count yet are dropped: their text may never come, and the others are needed.
    kept = [*counting, *rest[len(counting) - ANCESTORS_MAX :]]
    return tuple(it for it in kept if not it.is_too_long)


def is_noted(notes: Sequence[Ancestor], note: Ancestor, reached: Version) -> bool:
    """Whether these notes already include what another one says."""
    return note in notes or (note.after <= reached and note.version <= known_of_others(notes, reached))


def known_of_others(notes: Iterable[Ancestor], reached: Version) -> Version:
    """The version of other histories that a text includes, or included before it was deleted."""
    known = Version()
    for note in notes:
        if note.after <= reached:
            known = known.merge(note.version)
    return known


def common_text(
    mine: TextBuffer,
    my_notes: Iterable[Ancestor],
    shared: Version,
    saved: Version,
    earlier: Iterable[Version],
    theirs: TextBuffer,
    their_notes: Iterable[Ancestor],
) -> str:
    """The base for merging my text into another history: text of it that theirs lacks was deleted there.

    That is the part of mine that was brought into their history, as its notes say. Without a note, if their history was
    brought into mine, it is that part of their own text. Else they have nothing of mine but the text that their history began
    with, which came from the plain file. If that file was changed, the change shows what was deleted, and the base is the file at the last
    save. An empty file, an earlier state of it, or its first part shows nothing.

    Their history may also be mine, if some of mine is in it under other ids: what it has under mine is then common as well.

    Args:
        mine: my replica.
        shared: the part of mine that a server may have got. Others have no more of my own work, whatever a note claims.
        saved: the part of mine that the plain file held at the last save.
        earlier: what it held at earlier saves, as far as that is known.
    """
    brought = known_under_other_ids(mine, shared, theirs.version, their_notes)
    if mine.lineage == theirs.lineage and not brought <= theirs.version:
        return mine.at(brought.merge(mine.version.meet(theirs.version)))
    if not brought and (taken := known_of_others(my_notes, mine.version).meet(theirs.version)):
        return theirs.at(taken)
    began = beginning(theirs)
    if not began.strip():
        return mine.at(brought)
    saved = saved.meet(mine.version)
    saved_text = mine.at(saved)
    if saved_text != began:
        for version in _affordable(earlier, max(len(saved_text), len(began))):
            version = version.meet(mine.version)
            if mine.at(version) == began:
                return mine.at(brought.merge(version))
        if saved_text.startswith(began):
            return mine.at(brought) if brought else began
    return mine.at(brought.merge(saved))


def known_under_other_ids(
    mine: TextBuffer, shared: Version, theirs: Version, their_notes: Iterable[Ancestor]
) -> Version:
    """The part of mine that a history at the version `theirs` has, according to its notes; see `common_text`."""
    return known_of_others(their_notes, theirs).meet(_shared(mine, shared))


def _shared(mine: TextBuffer, shared: Version) -> Version:
    """The part of mine that others can have: my own work up to `shared`, and all work of others."""
    own = mine.own_sites
    return Version(
        {site: min(clock, shared.get(site)) if site in own else clock for site, clock in mine.version.items()}
    )


def beginning(buffer: TextBuffer) -> str:
    """The first text of a history. O(n)."""
    site = genesis_site(buffer.lineage)
    return buffer.at(Version({site: buffer.version.get(site)}))


def remember_save(earlier: Sequence[Version], version: Version) -> tuple[Version, ...]:
    """Add a version to those of earlier saves; when there are too many, every other one of the older half is dropped."""
    if not version or version in earlier:
        return tuple(earlier)
    kept = [*earlier, version]
    while len(kept) > EARLIER_MAX or (len(kept) > 1 and sum(map(len, kept)) > EARLIER_SITES_MAX):
        half = len(kept) // 2
        kept = [*kept[: half or 1][1::2], *kept[half or 1 :]]
    return tuple(kept)


def _affordable(earlier: Iterable[Version], length: int) -> list[Version]:
    """As many as can be compared with a text of this length without a noticeable delay; the newest first."""
    return list(earlier)[::-1][: max(EARLIER_TRIED_MIN, EARLIER_TRIED_LENGTH // (length + 1))]
