"""What came from a plain file beyond the history, and is there twice when the rest of the history comes.

When a document is opened, what its file has and its history has not is taken for another program's work, and edited in.
But if the store is an old one, or lost a part, it is work of people who still have the history of it, and bring that.
Then what came from the file is taken out again, as far as the history has it now: character by character by their ids, so
that nothing which was typed or deleted since is touched, and doing it twice is doing it once.

It is exact where somebody tells a version whose text the file held (`held`). All of that text is in the history, so the edits
that were made of the file are reverted, and what another program did to the file after that version is done again. Else
lines that the rest of the text has, too, are looked for, which finds prose and may miss lines of the same few words.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from crdt import ForeignOp, Patch, Splice, TextBuffer, Version
from jpterm_like.sync.pad import Pad
from jpterm_like.textdiff.diff import Hunk, hunks_between
from jpterm_like.textdiff.merge import merge

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
KNOWN_INK: Final = 4
"""Stretches with fewer characters that are no white space are not taken for the same: two people write "the" in one
place by chance."""
LETTERS: Final = 4
"""Between two places where somebody typed into it, a line must have as many of its own."""
PIECES_MAX: Final = 10_000
"""A file with more changes than this is another text."""
_HEAD: Final = struct.Struct("!QI")
_PIECE: Final = struct.Struct("!IQI")


class ImportedRun(NamedTuple):
    """Characters with ids that follow each other."""

    start: int
    """Where they were in the text at `FileImport.after`."""
    clock: int
    length: int


class VisibleRun(NamedTuple):
    """A stretch of a piece that nobody has deleted."""

    start: int
    """Where it is in the text."""
    end: int
    shift: int
    """How much further on it was in the text at `FileImport.after`."""


class FileImport(NamedTuple):
    """The edits that were made of a plain file that had changed when the document was opened."""

    site: int
    """Whose edits they are: of that opening, and the first that it made."""
    after: Version
    """What there was with them."""
    pieces: tuple[ImportedRun, ...]

    def encode(self) -> bytes:
        after = self.after.encode()
        return _HEAD.pack(self.site, len(after)) + after + b"".join(_PIECE.pack(*it) for it in self.pieces)

    @staticmethod
    def decode(data: bytes) -> FileImport:
        """Return what `encode` wrote.

        Raises:
            ForeignOp: something else wrote it.
        """
        try:
            site, size = _HEAD.unpack_from(data)
            after = Version.decode(data[_HEAD.size : _HEAD.size + size])
            pieces = tuple(ImportedRun(*it) for it in _PIECE.iter_unpack(data[_HEAD.size + size :]))
        except struct.error as problem:
            raise ForeignOp("not a note on what came from a file") from problem
        return FileImport(site, after, pieces)


def file_import_of(buffer: TextBuffer) -> FileImport | None:
    """What this opening has inserted so far; None if that is nothing, or too much to look for. O(runs)."""
    pieces = tuple(
        ImportedRun(start, clock, end - start)
        for start, end, site, clock in buffer.ids(0, len(buffer))
        if site == buffer.site
    )
    return FileImport(buffer.site, buffer.version, pieces) if 0 < len(pieces) <= PIECES_MAX else None


def remove_duplicates(pad: Pad, notes: Iterable[FileImport], held: Sequence[Version], now: float) -> bool:
    """Take out what came from the file and is in the rest of the text, too; whether there was any.

    About as much work as reading the text twice and comparing it, and once more for each version in `held`.

    Args:
        held: versions of this history whose texts the file held, as far as they are known.
        now: as for the pad.
    """
    is_any = False
    for brought in notes:
        buffer = pad.buffer
        reached = brought.after.meet(buffer.version)
        pieces = brought.pieces if reached == brought.after else _left(buffer, brought, reached)
        visible = _visible(buffer, brought.site, pieces)
        if not visible:
            continue
        found = buffer.at(reached)
        # Once the file was saved with what came from it, that says nothing of what it held before.
        # And a version that the opening had all of has nothing that could be there twice.
        earlier = [
            it for it in held if it <= buffer.version and not it.get(brought.site) and not it <= brought.after
        ]
        witness = _witness(buffer, found, earlier)
        with buffer.one_step():
            if witness is not None:
                _make_anew(pad, brought, witness, visible, found, now)
                is_any = True
                continue
            for start, end in _duplicates(buffer, pieces, visible, found):
                pad.replace(start, end, "", now)
                is_any = True
    return is_any


class Witness(NamedTuple):
    """A text that the file held, and how another program made of it what the file had when the document was opened."""

    version: Version
    text: str
    hunks: Sequence[Hunk]
    """In offsets of that text."""


def _witness(buffer: TextBuffer, found: str, held: Iterable[Version]) -> Witness | None:
    """The version whose text is the nearest to what the file had; None if none is known, or has anything of it."""
    nearest: Witness | None = None
    least = len(found)
    for version in held:
        text = buffer.at(version)
        hunks = hunks_between(text, found)
        size = sum(len(hunk.text) for hunk in hunks)
        if size < least:
            nearest, least = Witness(version, text, hunks), size
    return nearest


def _make_anew(
    pad: Pad, brought: FileImport, witness: Witness, visible: Sequence[VisibleRun], found: str, now: float
) -> None:
    """Have the text be as if nothing had come from the file, and then do what another program did to what the file held.

    The other program did nothing, in most cases. Deletions are reverted with the insertions: to make one text of another, a
    letter is now and then deleted here and its like inserted there.
    """
    buffer = pad.buffer
    hunks: list[Hunk] = []
    # There may have been later saves, of which nobody has told: what is in the history now came with that.
    rest = _without(buffer.text, [(start, end) for start, end, _ in visible])
    out = _newer_than_file(buffer, brought, witness)
    out += _known(found, _inserted(witness.hunks), witness.text, rest)
    out.sort()
    shift = 0
    for hunk in witness.hunks:
        start, size = hunk.start + shift, len(hunk.text)
        shift += size - (hunk.end - hunk.start)
        parts = _outside(start, start + size, out)
        text = "".join(hunk.text[low - start : high - start] for low, high in parts)
        if _is_left(parts, visible) if text else _was_known(buffer, brought, witness, hunk):
            hunks.append(hunk._replace(text=text))
    pad.revert({brought.site: [(0, brought.after.get(brought.site))]}, now)
    if hunks:
        splices = tuple(Splice(*hunk) for hunk in reversed(hunks))
        for start, end, text in merge(witness.text, Patch(splices).apply(witness.text), buffer.text).splices:
            pad.replace(start, end, text, now)


def _newer_than_file(buffer: TextBuffer, brought: FileImport, witness: Witness) -> list[tuple[int, int]]:
    """Stretches (start, end) of the text at `FileImport.after`, in order, that the store had and the file had not: they were
    written after that save."""
    reached = brought.after.meet(buffer.version)
    in_file = reached.meet(witness.version.merge(Version({brought.site: reached.get(brought.site)})))
    found: list[tuple[int, int]] = []
    shift = 0
    for start, end, text in reversed(buffer.diff(in_file, reached).splices):
        if text:
            found.append((start + shift, start + shift + len(text)))
        shift += len(text) - (end - start)
    return found


def _inserted(hunks: Iterable[Hunk]) -> Iterator[ImportedRun]:
    shift = 0
    for start, end, text in hunks:
        if text:
            yield ImportedRun(start + shift, 0, len(text))
        shift += len(text) - (end - start)


def _outside(start: int, end: int, stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of one stretch is in none of the others, which are in order."""
    parts: list[tuple[int, int]] = []
    for low, high in stretches:
        if low < end and start < high:
            parts.append((start, low))
            start = max(start, high)
    return [(low, high) for low, high in [*parts, (start, end)] if low < high]


def _is_left(parts: Sequence[tuple[int, int]], visible: Sequence[VisibleRun]) -> bool:
    """Whether people have left most of what stood there in the file."""
    left = sum(
        max(0, min(high, stop + shift) - max(low, begin + shift))
        for low, high in parts
        for begin, stop, shift in visible
    )
    return 2 * left >= sum(high - low for low, high in parts)


def _was_known(buffer: TextBuffer, brought: FileImport, witness: Witness, hunk: Hunk) -> bool:
    """Whether all that another program deleted there was known to the opening: a file that lacks more may be an older one."""
    start = shift = 0
    patch = buffer.diff(witness.version, buffer.version)
    for low, high, text in (*reversed(patch.splices), Splice(hunk.end, hunk.end, "")):
        begin, end = max(start, hunk.start) + shift, min(low, hunk.end) + shift
        if begin < end:
            for first, stop, site, clock in buffer.ids(begin, end):
                if clock + stop - first > brought.after.get(site):
                    return False
        start, shift = high, shift + len(text) - (high - low)
    return True


def _duplicates(
    buffer: TextBuffer, pieces: Sequence[ImportedRun], visible: Sequence[VisibleRun], found: str
) -> list[tuple[int, int]]:
    """Which stretches (start, end) of the text came from the file and are in the rest of it, too; the last first."""
    before = _without(found, [(it.start, it.start + it.length) for it in pieces])
    rest = _without(buffer.text, [(start, end) for start, end, _ in visible])
    known = list(_known(found, pieces, before, rest))
    return [
        (low - shift, high - shift)
        for start, end, shift in reversed(visible)
        for known_start, known_end in reversed(known)
        if (low := max(start + shift, known_start)) < (high := min(end + shift, known_end))
    ]


def _left(buffer: TextBuffer, brought: FileImport, reached: Version) -> list[ImportedRun]:
    """The pieces of which there are still some when the history has lost a part again, and where they were without that."""
    site, end = brought.site, reached.get(brought.site)
    found: list[ImportedRun] = []
    clocks = [clock for it in brought.pieces for clock in range(it.clock, min(it.clock + it.length, end))]
    shift = taken = 0
    before = Version({**dict(reached.items()), site: 0})
    for start, stop, text in reversed(buffer.diff(before, reached).splices):
        for at, clock in enumerate(clocks[taken : taken + len(text)], start + shift):
            if (
                found
                and found[-1].start + found[-1].length == at
                and found[-1].clock + found[-1].length == clock
            ):
                found[-1] = found[-1]._replace(length=found[-1].length + 1)
            else:
                found.append(ImportedRun(at, clock, 1))
        taken += len(text)
        shift += len(text) - (stop - start)
    return found


def _visible(buffer: TextBuffer, by: int, pieces: Sequence[ImportedRun]) -> list[VisibleRun]:
    """What shows of the pieces of that site, in order."""
    pieces = sorted(pieces, key=lambda it: it.clock)
    ends = [piece.clock + piece.length for piece in pieces]
    found: list[VisibleRun] = []
    for start, end, site, clock in buffer.ids(0, len(buffer)):
        if site != by:
            continue
        at = bisect_right(ends, clock)
        while at < len(pieces) and pieces[at].clock < clock + end - start:
            low, high = max(clock, pieces[at].clock), min(clock + end - start, ends[at])
            place = start + low - clock
            was = pieces[at].start + low - pieces[at].clock
            found.append(VisibleRun(place, place + high - low, was - place))
            at += 1
    return sorted(found)


def _without(text: str, stretches: list[tuple[int, int]]) -> str:
    """The text without these stretches, which are in order."""
    edges = [0, *(edge for stretch in stretches for edge in stretch), len(text)]
    return "".join(text[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2))


def _known(text: str, pieces: Iterable[ImportedRun], before: str, rest: str) -> Iterator[tuple[int, int]]:
    """Which stretches of the pieces are in the rest of the text in the same place: whole lines, or all of a piece in one.

    `before` is the text that they came into.
    """
    # Whole words: "line 1" did not become "line 13" by what somebody typed into it.
    hunks = hunks_between(text, rest)
    is_gone = _deleted(len(text), hunks)
    inserted = [start for start, end, _ in hunks if start == end]
    # Of what is twice in the text no diff can tell which one is the other's: so there must be more of it than before.
    more = Counter(_LINES.findall(rest))
    more.subtract(_LINES.findall(before))
    for start, _, length in pieces:
        end, begin = start + length, start
        while start < end:
            stop = text.find("\n", start, end) + 1 or end
            line = text[start:stop]
            # Somebody may have typed into it since; but letters that are found one here, one there, are not it.
            typed_into = bisect_left(inserted, stop) - bisect_right(inserted, start)
            is_known = is_gone.find(1, start, stop) < 0 and typed_into <= len(line) // LETTERS
            if is_known and _ink(line) >= KNOWN_INK and not typed_into:
                if line in more:
                    is_known = more[line] > 0
                    more[line] -= 1
                else:
                    is_known = rest.count(line) > before.count(line)
            if not is_known:
                if _ink(text[begin:start]) >= KNOWN_INK:
                    yield begin, start
                begin = stop
            start = stop
        if _ink(text[begin:end]) >= KNOWN_INK:
            yield begin, end


def _ink(text: str) -> int:
    return sum(map(len, text.split()))


def _deleted(length: int, hunks: list[Hunk]) -> bytearray:
    """Ones for the characters that the hunks take away."""
    marks = bytearray(length)
    for start, end, _ in hunks:
        marks[start:end] = b"\1" * (end - start)
    return marks
