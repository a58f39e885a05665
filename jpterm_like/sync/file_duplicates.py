"""Remove text that arrived twice: imported from the plain file, then again with late history.

When a document is opened, text in its file that its history lacks counts as another program's work, and is imported as edits.
But if the store is an old one, or lost a part, it may be the work of people who still have its history, and send that later.
Then the imported text is removed, as far as the history has it now: character by character by ids, so
text that was typed or deleted since is not touched, and removing twice does no more than removing once.

It is exact if a client knows a version whose text the file held (`held`). All of that text is in the history, so the imported edits
are reverted, and the changes of other programs to the file after that version are made again. Otherwise
imported lines that the rest of the text has as well are searched for, which finds prose and may miss lines of the same few words.
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
"""Stretches with fewer characters that are not white space never count as duplicates: two people write "the" in one
place by chance."""
LETTERS: Final = 4
"""Characters of its own that a line must have for each place where somebody typed into it."""
PIECES_MAX: Final = 10_000
"""A file with more changes than this is another text, and not examined."""
_HEAD: Final = struct.Struct("!QI")
_PIECE: Final = struct.Struct("!IQI")


class ImportedRun(NamedTuple):
    """Imported characters with consecutive ids."""

    start: int
    """Offset in the text at `FileImport.after`."""
    clock: int
    length: int


class VisibleRun(NamedTuple):
    """A stretch of an imported run that nobody has deleted."""

    start: int
    """Offset in the present text."""
    end: int
    shift: int
    """Its offset in the text at `FileImport.after`, less `start`."""


class FileImport(NamedTuple):
    """The edits that were made from a plain file that had changed when the document was opened."""

    site: int
    """The site of that opening, whose first edits they are."""
    after: Version
    """The version with them."""
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
    """The text that this opening has inserted so far; None if there is none, or too much to search for. O(runs)."""
    pieces = tuple(
        ImportedRun(start, clock, end - start)
        for start, end, site, clock in buffer.ids(0, len(buffer))
        if site == buffer.site
    )
    return FileImport(buffer.site, buffer.version, pieces) if 0 < len(pieces) <= PIECES_MAX else None


def remove_duplicates(pad: Pad, notes: Iterable[FileImport], held: Sequence[Version], now: float) -> bool:
    """Remove imported text that the rest of the text has as well. Returns whether there was any.

    Costs about two readings of the text and one comparison, and one more of each for every version in `held`.

    Args:
        held: known versions of this history whose text the file held.
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
        # A version with the import says nothing about the file before it.
        # And a version that the opening had completely has nothing that could be there twice.
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
    """A text that the file held, and the changes by which another program turned it into the file that was imported."""

    version: Version
    text: str
    hunks: Sequence[Hunk]
    """Those changes, in offsets of `text`."""


def _witness(buffer: TextBuffer, found: str, held: Iterable[Version]) -> Witness | None:
    """The version whose text is nearest to the imported file; None if none is known, or none has anything in common with it."""
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
    """Revert the import, and make the changes of the other program again.

    In most cases there are none. Deletions are reverted with the insertions: a difference between two texts now and then deletes a
    letter in one place and inserts the same letter in another.
    """
    buffer = pad.buffer
    hunks: list[Hunk] = []
    # There may have been later saves that nobody reported: text of them is in the history now.
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
    """Stretches (start, end) of the text at `FileImport.after`, in order, that the store had and the file lacked: they were
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
    """The parts of one stretch that are in none of the others, which are in order."""
    parts: list[tuple[int, int]] = []
    for low, high in stretches:
        if low < end and start < high:
            parts.append((start, low))
            start = max(start, high)
    return [(low, high) for low, high in [*parts, (start, end)] if low < high]


def _is_left(parts: Sequence[tuple[int, int]], visible: Sequence[VisibleRun]) -> bool:
    """Whether at least half of these stretches of the file is still visible."""
    left = sum(
        max(0, min(high, stop + shift) - max(low, begin + shift))
        for low, high in parts
        for begin, stop, shift in visible
    )
    return 2 * left >= sum(high - low for low, high in parts)


def _was_known(buffer: TextBuffer, brought: FileImport, witness: Witness, hunk: Hunk) -> bool:
    """Whether the opening knew all text that another program deleted there: a file that lacks more may be an older one."""
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
    """The stretches (start, end) of imported text that the rest of the text has as well; the last first."""
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
    """The imported runs that are left after the history has lost a part again, with their offsets without that part."""
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
    """The visible stretches of these runs of that site, in order."""
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
    """The stretches of these runs that the rest of the text has in the same place: whole lines, or a whole run within a line.

    `before` is the text that they were inserted into.
    """
    # Whole words: "line 1" did not become "line 13" by what somebody typed into it.
    hunks = hunks_between(text, rest)
    is_gone = _deleted(len(text), hunks)
    inserted = [start for start, end, _ in hunks if start == end]
    # No diff can tell two equal lines apart, so a duplicate counts only if there are more of them than before.
    more = Counter(_LINES.findall(rest))
    more.subtract(_LINES.findall(before))
    for start, _, length in pieces:
        end, begin = start + length, start
        while start < end:
            stop = text.find("\n", start, end) + 1 or end
            line = text[start:stop]
            # Somebody may have typed into it since; but single letters found here and there are not the line.
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
    """A byte for each character: 1 if the hunks delete it."""
    marks = bytearray(length)
    for start, end, _ in hunks:
        marks[start:end] = b"\1" * (end - start)
    return marks
