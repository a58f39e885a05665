"""A plain file that another program carries to other machines, as Syncthing and Dropbox do, beside the packs with its history.

Files and packs travel apart and arrive in any order. A file that comes before its history looks like another program's work, and the
history brings the same words again; one that comes late, over a newer one, looks as if somebody had deleted what it lacks. So:

- A state of the file that the history has (SAVED in packs, with its digest) is no change at all.
- Any other one is merged as another program's work, so nobody waits for it, and kept in mind as an *import*: which operations it became.
- Once packs bring a version whose text is nearer to that state than the one that it was merged with, the import's operations are reverted, and
  only what that version lacks is made anew. If it is just that text, nothing is.

What two machines import of a file that somebody edited with another program must stay on one of them. So an import is not sent for a while
(`HOLD_S`), and until then it gives way to any version. Later it does so only to one whose text has no imports of others, or one with a lower site
than its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from crdt import Case, ForeignOp, TextBuffer, Version
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK
from jpterm_like.textdiff.diff import effort
from jpterm_like.textdiff.merge import merge

CARRIED: Final = "carried"
"""The blob with `CarriedFile.encode`; empty or missing if nobody carries the file."""
STATES_MAX: Final = 64
"""States of the file that are known, the newest: autosave makes one in some seconds, and a carrier may be minutes late."""
LENGTH_MAX: Final = 1 << 20
"""Longer texts are merged as everywhere: they are compared with many versions."""
HOLD_S: Final = 60.0
"""So long after a file was changed, an import of it is not sent: usually its history comes within that."""
IMPORTS_MAX: Final = 16
"""Imports that may still give way. Older ones stay as another program's work."""
OPEN: Final = 1 << 62
"""The end of a range while its edits are made: what the opening writes after it, if it is killed then."""
FORMAT: Final = 1


@dataclass
class FileImport:
    """What was merged of a state of the file that the history did not have."""

    text: str
    """What the file held."""
    base: Version
    """The version that the file held before."""
    known: Version
    """What the history had then."""
    operations: dict[int, tuple[int, int]]
    """What the difference became: by site, the first one and the one after the last."""

    def is_in(self, version: Version) -> bool:
        """Whether a version has all of its operations."""
        return all(version.get(site) >= end for site, (_, end) in self.operations.items())

    def touches(self, version: Version) -> bool:
        """Whether a version has any of its operations."""
        return any(version.get(site) > start for site, (start, _) in self.operations.items())


@dataclass
class CarriedFile:
    """See the module."""

    states: dict[bytes, Version] = field(default_factory=dict)
    """The versions that the file held, by its digest, the newest last."""
    written: list[bytes] = field(default_factory=list)
    """The digests of those that we wrote, and that no pack of ours speaks of yet."""
    imports: list[FileImport] = field(default_factory=list)
    """Those that may still give way to history, the oldest first; each is of a later state of the file."""
    reverted: list[FileImport] = field(default_factory=list)
    """Those that gave way: a version with text of them is none to begin with."""
    lost: Version | None = None
    """What the file held before an older state of it, that the history has, came over it."""
    is_noted: bool = False
    """Whether the store has all of this."""

    def know(self, digest: bytes, version: Version) -> None:
        """Know a state of the file."""
        if self.states.get(digest) != version:
            self.states.pop(digest, None)
            self.states[digest] = version
            while len(self.states) > STATES_MAX:
                del self.states[next(iter(self.states))]
            self.is_noted = False

    def know_all(self, saved: Mapping[str, Version]) -> None:
        """Know the states that packs speak of, as `packs.documents` notes them. What we know ourselves counts, unless it is of an import."""
        for each, version in saved.items():
            digest = bytes.fromhex(each)
            known = self.states.get(digest)
            if known is None or any(it.touches(known) for it in (*self.imports, *self.reverted)):
                self.know(digest, version)

    def note_saved(self, raw: bytes, version: Version) -> None:
        """Note that we wrote a state of the file."""
        digest = digest_of(raw)
        self.know(digest, version)
        self.written = [*self.written, digest][-STATES_MAX:]
        self.lost, self.is_noted = None, False

    def take_written(self, carried: Version) -> dict[bytes, Version]:
        """Return the states that we wrote and that packs can speak of by now, once."""
        found = {
            digest: version
            for digest in self.written
            if (version := self.states.get(digest)) is not None and version <= carried
        }
        if found:
            self.written = [digest for digest in self.written if digest not in found]
            self.is_noted = False
        return found

    def note_lost(self, held: Version) -> None:
        """Note what the file held before an older state came over it."""
        self.lost = held if self.lost is None else self.lost.merge(held)
        self.is_noted = False

    def version_of(self, raw: bytes, text: str, buffer: TextBuffer) -> Version | None:
        """The version that a state of the file is, if the history has it. What packs say is no proof, so the text counts."""
        version = self.states.get(digest_of(raw))
        if version is None or not version <= buffer.version or len(text) > LENGTH_MAX:
            return None
        return version if buffer.at(version) == text else None

    def begin_import(self, pad: Pad, text: str, before: Version) -> None:
        """Note, before the edits, that the file's changes become operations.

        Args:
            before: the version that the file held before.
        """
        buffer = pad.buffer
        operations = {buffer.site: (buffer.version.get(buffer.site), OPEN)}
        self.imports.append(FileImport(text, before.meet(buffer.version), buffer.version, operations))
        if len(text) > LENGTH_MAX or len(self.imports) > IMPORTS_MAX:
            self.imports = self.imports[1 - IMPORTS_MAX :] if len(text) <= LENGTH_MAX else []
        self.is_noted = False

    def end_import(self, pad: Pad) -> None:
        """Note which operations it became."""
        site = pad.buffer.site
        if self.imports and (made := self.imports[-1].operations.get(site)) is not None and made[1] == OPEN:
            start, end = made[0], pad.buffer.version.get(site)
            self.imports[-1].operations[site] = (start, end)
            if start == end:  # the history had all of it
                self.imports.pop()
            self.is_noted = False

    def untold(self, carried: Version) -> Version:
        """All operations of the sites whose imports are in no pack: what they did later refers to that."""
        sites = {site for each in self.imports if not each.touches(carried) for site in each.operations}
        return Version({site: OPEN for site in sites if not carried.get(site)})

    def settle(self, pad: Pad, carried: Version, now: float) -> bool:
        """Make imports anew from the versions nearest to them that are known by now; return whether the text was edited.

        Args:
            carried: what packs have.
        """
        is_edited = False
        for _ in range(IMPORTS_MAX):
            found = self._nearest(pad.buffer, carried)
            if found is None:
                break
            self._make_anew(pad, *found, now)
            is_edited = True
        return is_edited

    def _nearest(self, buffer: TextBuffer, carried: Version) -> tuple[int, int, Version] | None:
        """Find a version that some imports in a row can give way to: the number of the first, the one after the last, and the version.

        One that is just what the file held then will do for all up to that state. Else the last import counts, and the version must be nearer to
        it than what that began with.
        """
        versions = [version for version in reversed(self.states.values()) if version <= buffer.version]
        texts: dict[Version, str] = {}
        best: tuple[tuple[int, int], int, int] | None = None
        count = len(self.imports)
        for first, each in enumerate(self.imports):
            for number, version in enumerate(versions):
                last = count
                while last > first and not self._may_replace(buffer, first, last, version, carried):
                    last -= 1
                if last == first:
                    continue
                text = texts.setdefault(version, buffer.at(version))
                for at in range(last, first, -1):
                    if text == self.imports[at - 1].text:
                        return first, at, version
                if last == count and not any(gone.touches(version) for gone in self.reverted):
                    found = effort(text, self.imports[-1].text), first, number
                    if best is None or found < best:
                        limit = effort(buffer.at(each.base), self.imports[-1].text)
                        best = found if found[0] < limit else best
        return None if best is None else (best[1], count, versions[best[2]])

    def _make_anew(self, pad: Pad, first: int, last: int, version: Version, now: float) -> None:
        buffer, replaced = pad.buffer, self.imports[first:last]
        operations: dict[int, list[tuple[int, int]]] = {}
        for each in replaced:
            for site, made in each.operations.items():
                operations.setdefault(site, []).append(made)
        text = replaced[-1].text
        pad.revert(operations, now)
        del self.imports[first:last]
        self.reverted = [
            *self.reverted,
            *(FileImport("", each.base, each.known, each.operations) for each in replaced),
        ][-IMPORTS_MAX:]
        self.is_noted = False
        if buffer.at(version) == text:
            return
        self.begin_import(pad, text, version)
        with buffer.one_step():
            for start, end, new in merge(buffer.at(version), text, buffer.text).splices:
                pad.replace(start, end, new, now)
        self.end_import(pad)

    def _may_replace(
        self, buffer: TextBuffer, first: int, last: int, version: Version, carried: Version
    ) -> bool:
        """Whether these imports may give way to a version: it has nothing of them, and what it has of other imports will not give way to
        them."""
        replaced = self.imports[first:last]
        if any(each.touches(version) for each in replaced):
            return False
        if not all(each.is_in(version) for each in self.imports[:first]):
            return False
        if not any(each.touches(carried) for each in replaced):
            return True  # nobody else knows of them
        known = replaced[0].known
        new = {
            site: [(known.get(site), clock)]
            for site, clock in version.items()
            if clock > known.get(site) and buffer.author_of(site) == DISK
        }
        if not new:
            return True
        [outcome] = buffer.outcomes(version, [Case(new, {})])
        theirs = {each.site for each in outcome if each.is_shown and each.site in new}
        own = min(site for each in replaced for site in each.operations)
        return not theirs or min(theirs) < own

    def encode(self) -> bytes:
        facts = {
            "format": FORMAT,
            "states": [[digest.hex(), _written(version)] for digest, version in self.states.items()],
            "written": [digest.hex() for digest in self.written],
            "lost": None if self.lost is None else _written(self.lost),
            "imports": list(map(_import_facts, self.imports)),
            "reverted": list(map(_import_facts, self.reverted)),
        }
        return json.dumps(facts, separators=(",", ":")).encode("ascii")

    @classmethod
    def decode(cls, data: bytes | None) -> CarriedFile | None:
        """Read what `encode` wrote; None if nobody carries the file, and what cannot be read is as if nothing was known."""
        if not data:
            return None
        found = cls(is_noted=True)
        try:
            facts = json.loads(data)
            if facts["format"] != FORMAT:
                return cls()
            found.states = {bytes.fromhex(digest): _read(text) for digest, text in facts["states"]}
            found.written = list(map(bytes.fromhex, facts["written"]))
            found.lost = None if facts["lost"] is None else _read(facts["lost"])
            found.imports = [_read_import(*each) for each in facts["imports"]]
            found.reverted = [_read_import(*each) for each in facts["reverted"]]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ForeignOp):
            return cls()
        return found


def digest_of(raw: bytes) -> bytes:
    """The digest by which SAVED knows a plain file."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def _import_facts(each: FileImport) -> list[object]:
    operations = [[site, *made] for site, made in each.operations.items()]
    return [each.text, _written(each.base), _written(each.known), operations]


def _read_import(text: str, base: str, known: str, operations: list[list[int]]) -> FileImport:
    made = {int(site): (int(start), int(end)) for site, start, end in operations}
    return FileImport(str(text), _read(base), _read(known), made)


def _written(version: Version) -> str:
    return version.encode().hex()


def _read(text: str) -> Version:
    return Version.decode(bytes.fromhex(text))
