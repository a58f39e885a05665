"""Which document a replica is of, and what of other histories is in its text.

A document may have had other histories: a server loses its store and begins anew, and people bring their text back. What
was brought is then there under new ids. So the new history notes up to which version of the old ones it has everything
(`Ancestor`): whoever comes from an old history later merges against that version of their own. What the text lacks of it
was deleted since; what the text lacks beyond it was never there, and absence is never deletion.

Versions of different histories do not mix, as sites are random; so one version tells of all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from crdt import ForeignOp, TextBuffer, Version
from crdt.ids import genesis_site

IDENTITY_BYTES: Final = 16
"""Of a server and of a document: random, so never twice."""
DOCUMENTS_MAX: Final = 8
ANCESTORS_MAX: Final = 8
"""Notes that are kept of one document: those that count, which become one, and the newest of the others."""
ANCESTOR_BYTES_MAX: Final = 512 * 1024
"""Of one note. A document with more sites than this can tell goes without."""
EARLIER_MAX: Final = 48
"""So many states of the plain file are remembered."""
EARLIER_SITES_MAX: Final = 20_000
"""And as many as have this many sites altogether."""
EARLIER_TRIED_LENGTH: Final = 10_000_000
"""Code points that are put together at most to find one of them."""
EARLIER_TRIED_MIN: Final = 2
_LENGTH: Final = struct.Struct("!I")
_HEAD: Final = struct.Struct("!Q16sB")


class Identity(NamedTuple):
    """Which document of which server a replica is of."""

    server: bytes = b""
    """Empty: not known, as with release 0.1.0."""
    documents: tuple[bytes, ...] = ()
    """The document's identities, the newest first: it has another one after its store was lost."""
    chosen_ms: int = 0
    """When it was decided that this replica is the one to be shown; milliseconds since 1970."""

    def met(self, server: bytes, document: bytes) -> Identity:
        """The same document, as its server tells of it now."""
        others = tuple(it for it in self.documents if it != document)
        documents = (document, *others)[:DOCUMENTS_MAX] if document else self.documents
        return Identity(server or self.server, documents, self.chosen_ms)

    def is_same_document(self, other: Identity) -> bool:
        """Whether both are of one document, as far as its server knew."""
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
    """A note in a history that everything of other histories up to a version was brought into it."""

    version: Version
    """Of those histories."""
    after: Version
    """Of this one: the note counts once this is here. So it can come before the text that it tells of."""

    @property
    def is_too_long(self) -> bool:
        """Whether it has too many sites to be told and kept."""
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
    """The note that everything of one history is in another one, and so everything that was brought into the former before."""
    return Ancestor(mine.version.merge(known_of_others(my_notes, mine.version)), theirs.version)


def add_ancestor(notes: Sequence[Ancestor], note: Ancestor, reached: Version) -> tuple[Ancestor, ...]:
    """These notes and one more; those that count at the version that is reached become one."""
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
    # The ones that do not count yet are bounded alone: their text may never come, and those that count are needed.
    kept = [*counting, *rest[len(counting) - ANCESTORS_MAX :]]
    return tuple(it for it in kept if not it.is_too_long)


def is_noted(notes: Sequence[Ancestor], note: Ancestor, reached: Version) -> bool:
    """Whether these notes say already what another one says."""
    return note in notes or (note.after <= reached and note.version <= known_of_others(notes, reached))


def known_of_others(notes: Iterable[Ancestor], reached: Version) -> Version:
    """Up to which version of other histories everything is in a text, or was, and was deleted since."""
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
    """The text to merge mine into another history against: whatever theirs lacks of it was deleted there.

    That is what was brought into their history from mine, as its notes tell. Without a note, when their history was
    brought into mine, it is their own text up to what was. Else they have nothing of mine but what their history began
    with, which came from the plain file. A changed file tells what was deleted in it: then it is what the file held when
    it was saved last. An empty one, an earlier state of it, or the first part of one tells nothing.

    Args:
        mine: what I have.
        shared: of mine: what a server may have got. Others have no more of my own work; a note that says so counts for nothing.
        saved: of mine: what the plain file held when it was saved last.
        earlier: what it held before that, as far as that is known.
    """
    brought = known_of_others(their_notes, theirs.version).meet(_shared(mine, shared))
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


def _shared(mine: TextBuffer, shared: Version) -> Version:
    """What others can have of mine: of my own work this, of others' all."""
    own = mine.own_sites
    return Version(
        {site: min(clock, shared.get(site)) if site in own else clock for site, clock in mine.version.items()}
    )


def beginning(buffer: TextBuffer) -> str:
    """The text that a history began with. O(n)."""
    site = genesis_site(buffer.lineage)
    return buffer.at(Version({site: buffer.version.get(site)}))


def remember_save(earlier: Sequence[Version], version: Version) -> tuple[Version, ...]:
    """What the plain file held at earlier saves, with one more: the newest all, of older ones every other."""
    if not version or version in earlier:
        return tuple(earlier)
    kept = [*earlier, version]
    while len(kept) > EARLIER_MAX or (len(kept) > 1 and sum(map(len, kept)) > EARLIER_SITES_MAX):
        half = len(kept) // 2
        kept = [*kept[: half or 1][1::2], *kept[half or 1 :]]
    return tuple(kept)


def _affordable(earlier: Iterable[Version], length: int) -> list[Version]:
    """As many as can be compared with a text of this length without anybody's noticing; the newest first."""
    return list(earlier)[::-1][: max(EARLIER_TRIED_MIN, EARLIER_TRIED_LENGTH // (length + 1))]
