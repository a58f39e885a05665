"""Encodes a whole replica: the text first, as plain UTF-8, then the structure in pages; a checksum covers everything.

    magic, CRC-32 of the rest, lineage
    text        what is visible, in UTF-8
    sites       deflated; for each: id, clock, characters, raises, marks, start time, name
    pages       a count; then each in the format of `page`: the document's order, group by group
    logs        for each site: its raises, 512 to a page, then its marks likewise

Opening reads the text alone. The structure is checked as a whole when first needed, but unpacked into runs group by
group, where it is touched. Encoding again writes the groups that changed and the newest page of each log; the others
are kept as bytes. So the bytes depend on where groups were split, which has no meaning: two replicas with one history
may have different bytes. (One replica has the same bytes, compiled or not.)

    raises      lengths; characters since the last; target site; seq (from where the last ended); level and direction
    marks       clock (from the last), seconds (from the last)
"""

from __future__ import annotations

import sys
import zlib
from itertools import accumulate
from operator import add
from typing import Final

from crdt.binary import (
    AUTHOR_BYTES_MAX,
    NUMBER_MAX,
    Reader,
    decode_text,
    encode_text,
    write_bytes,
    write_number,
    write_site,
)
from crdt.columns import Inflater, read_column, unzigzag, write_column, write_deflated, zigzag
from crdt.errors import ForeignOp
from crdt.ids import DIGEST_BYTES
from crdt.messages import DELETED, INSERTED, LEVEL_MAX
from crdt.page import LEVELS_TOLD, Base, Sealed, write_page
from crdt.runs import RunList
from crdt.site import DIRECTION, DOWN, Site
from crdt.sites import Sites

MAGIC: Final = b"jpt3"
CHECKED_FROM: Final = len(MAGIC) + 4

LOG_PAGE: Final = 512
"""Raises, or marks, in a page of a log."""

_HIGHER: Final = (DELETED + 1) << 2
"""Raises to levels above 2 have a `raise_level_direction` of at least this."""

_DELETED_MAX: Final = 64

_DELETED: Final = [bytearray((DELETED,)) * length for length in range(_DELETED_MAX)]
"""Levels of n deleted characters, by n. Assigning a bytearray to a slice of a bytearray takes half the time of bytes."""

RAISED_TIMES_MAX: Final = 64
"""The levels of runs and logs are compared, unless the logs raise more than this many times as many characters as the
document has bytes. That is malicious, or hours of undo and redo of the whole text, so the document still opens."""


def encode(lineage: bytes, sites: list[Site], runs: RunList) -> bytes:
    """Return the encoded document. O(changes since it was last encoded or decoded), plus the length of the text."""
    known = in_table_order(sites)
    texts: list[bytes] = []
    pages: list[bytes] = []
    for group in runs.groups():
        page = group.page
        if page is None:
            runs_of_group = [run for chunk in group.chunks for run in chunk.runs]
            page, group.deleted = write_page(runs_of_group, sites, group.deleted)
            group.page = page
        texts.append(page.text)
        pages.append(page.data)
    table = bytearray()
    write_number(table, len(known))
    for site in known:
        write_site(table, site.id)
        for number in (site.clock, site.count, len(site.raise_clock), len(site.mark_clock), site.started):
            write_number(table, number)
        write_bytes(table, encode_text(site.author))
    size, middle = bytearray(), bytearray()
    write_number(size, sum(map(len, texts)))
    write_deflated(middle, bytes(table))
    write_number(middle, len(pages))
    parts = [lineage, bytes(size), *texts, bytes(middle), *pages]
    for site in known:
        _pack_log(site, sites)
        parts += site.packed_raises
        parts += site.packed_marks
    return join_parts(parts)


def in_table_order(sites: list[Site]) -> list[Site]:
    """Return the sites with operations, in table order. A site keeps its row."""
    known = sorted([site for site in sites if site.rank >= 0], key=_rank_of)
    for site in sites:
        if site.rank < 0 and site.clock:
            site.rank = len(known)
            known.append(site)
    return known


def _rank_of(site: Site) -> int:
    return site.rank


def join_parts(parts: list[bytes]) -> bytes:
    """Join the parts of a document, preceded by the magic and the checksum."""
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join([MAGIC, checksum.to_bytes(4, "big"), *parts])


def read_text(data: bytes) -> tuple[bytes, str]:
    """Return lineage and text of an undamaged document; raise ForeignOp otherwise."""
    if data[: len(MAGIC)] != MAGIC or len(data) < CHECKED_FROM + DIGEST_BYTES:
        raise ForeignOp("not a document")
    if zlib.crc32(memoryview(data)[CHECKED_FROM:]) != int.from_bytes(data[len(MAGIC) : CHECKED_FROM], "big"):
        raise ForeignOp("a damaged document")
    reader = _reader(data)
    return data[CHECKED_FROM : CHECKED_FROM + DIGEST_BYTES], decode_text(reader.sized())


def lineage_of(data: bytes) -> bytes | None:
    """Return the lineage from a document's first bytes, unchecked; None if it has another format."""
    if data[: len(MAGIC)] != MAGIC or len(data) < CHECKED_FROM + DIGEST_BYTES:
        return None
    return data[CHECKED_FROM : CHECKED_FROM + DIGEST_BYTES]


def is_newer(data: bytes) -> bool:
    """Return whether a newer release encoded this: its magic has a higher digit than ours."""
    digit = data[len(MAGIC) - 1 : len(MAGIC)]
    return data[: len(MAGIC) - 1] == MAGIC[:-1] and digit.isdigit() and digit > MAGIC[-1:]


def _reader(data: bytes) -> Reader:
    reader = Reader(data)
    reader.position = CHECKED_FROM + DIGEST_BYTES
    return reader


def site_ids(data: bytes) -> set[int]:
    """Return the site ids of an undamaged document."""
    reader = _reader(data)
    reader.sized()
    return {row.site for row in _read_sites(reader, Inflater(len(data)))}


class _Row:
    """One row of the site table."""

    __slots__ = ("author", "clock", "count", "marks", "raises", "site", "started")

    def __init__(self, reader: Reader) -> None:
        self.site: Final = reader.site()
        self.clock: Final = reader.number()
        self.count: Final = reader.number(self.clock)
        self.raises: Final = reader.number(self.clock)
        self.marks: Final = reader.number(self.clock)
        self.started: Final = reader.number()
        author = reader.sized()
        if not self.clock or len(author) > AUTHOR_BYTES_MAX:
            raise ForeignOp("a document with a site that cannot be")
        # Many sites belong to one person: their name is stored once.
        self.author: Final = sys.intern(decode_text(author))


def _read_sites(reader: Reader, inflater: Inflater) -> list[_Row]:
    table = Reader(inflater.section(reader))
    rows = [_Row(table) for _ in range(table.number(table.end))]
    if not table.at_end() or len({row.site for row in rows}) != len(rows):
        raise ForeignOp("a document with a bad table of sites")
    return rows


def load(data: bytes, sites: Sites, runs: RunList) -> None:
    """Check a document, append its sites to `sites`, and load its groups, still sealed, into the empty `runs`.

    Raises:
        ForeignOp: the parts contradict each other. The arguments are unchanged then.
    """
    reader = _reader(data)
    inflater = Inflater(len(data))
    text = reader.sized()
    rows = _read_sites(reader, inflater)
    first = len(sites.all)
    known: list[Site] = []
    for rank, row in enumerate(rows):
        site = Site(row.site, first + rank, row.site in sites.own_ids, runs.heads)
        site.clock, site.author, site.started, site.rank = row.clock, row.author, row.started, rank
        site.load_count(row.count)
        known.append(site)
    base = Base(known)
    groups = [Sealed(text, reader, inflater, base) for _ in range(reader.number(len(data)))]
    if base.text_bytes != len(text):
        raise ForeignOp("a document with more text than its pages show")
    base.check()
    levels = bytearray()
    if sum([site.clock - site.count for site in known]) <= RAISED_TIMES_MAX * len(data):
        levels = bytearray((INSERTED,)) * base.firsts[-1]
    higher: list[_Higher] = []
    counts = [site.count for site in known]
    for site, row in zip(known, rows):
        _read_log(reader, inflater, site, row, base, counts, levels, higher)
    if not reader.at_end():
        raise ForeignOp("bytes after a document")
    if levels:
        at_least: dict[int, bytes] = {}
        for low, high, level in higher:
            if level not in at_least:
                at_least[level] = bytes([max(each, level) for each in range(256)])
            levels[low:high] = levels[low:high].translate(at_least[level])
        told = bytes(levels)
        logged = b"".join([told[start:end] for start, end in zip(base.starts, base.ends)])
        if logged != b"".join([group.levels() for group in groups]):
            raise ForeignOp("a document whose log tells of other deletions than its runs")
    for site in known:
        sites.add(site)
    runs.heads.make_room(base.heads)
    runs.load(groups, known)


# Logs


def _pack_log(site: Site, sites: list[Site]) -> None:
    """Encode a site's log; full pages stay as they are."""
    raised = site.clock - site.count
    if site.packed_total == raised:
        return
    site.packed_total = raised
    raises = list(site.packed_raises[:-1])
    for low in range(LOG_PAGE * len(raises), len(site.raise_clock), LOG_PAGE):
        raises.append(_raises_page(site, low, sites))
    marks = list(site.packed_marks[:-1])
    for low in range(LOG_PAGE * len(marks), len(site.mark_clock), LOG_PAGE):
        marks.append(_marks_page(site, low))
    site.packed_raises, site.packed_marks = tuple(raises), tuple(marks)


def _raises_page(site: Site, low: int, sites: list[Site]) -> bytes:
    high = min(low + LOG_PAGE, len(site.raise_clock))
    seq = last = 0
    if low:
        seq = site.raise_seq[low - 1]
        last = _end_of_raise(site, low - 1)
    lengths: list[int] = []
    gaps: list[int] = []
    targets: list[int] = []
    starts: list[int] = []
    for at in range(low, high):
        lengths.append(site.raise_length(at))
        gaps.append(site.raise_seq[at] - seq)
        seq = site.raise_seq[at]
        targets.append(sites[site.raise_target[at]].rank)
        starts.append(zigzag(site.raise_start[at] - last))
        last = _end_of_raise(site, at)
    return _page((lengths, gaps, targets, starts, site.raise_level_direction[low:high]))


def _end_of_raise(site: Site, at: int) -> int:
    """Return the seq that the raise would reach next."""
    length = site.raise_length(at)
    return site.raise_start[at] + (-length if site.raise_level_direction[at] & DIRECTION == DOWN else length)


def _marks_page(site: Site, low: int) -> bytes:
    high = low + LOG_PAGE
    clocks, times = site.mark_clock[low:high], site.mark_time[low:high]
    before_clock, before_time = (site.mark_clock[low - 1], site.mark_time[low - 1]) if low else (0, 0)
    steps = [clock - before for before, clock in zip([before_clock, *clocks], clocks, strict=False)]
    elapsed = [zigzag(time - before) for before, time in zip([before_time, *times], times, strict=False)]
    return _page((steps, elapsed))


def _page(columns: tuple[list[int], ...]) -> bytes:
    content = bytearray()
    for column in columns:
        write_column(content, column)
    out = bytearray()
    write_deflated(out, bytes(content))
    return bytes(out)


_Higher = tuple[int, int, int]
"""A raise to a level above 2: first and last character (the latter not included) by number in `page.Base`, and level
(`LEVELS_TOLD` at most)."""


def _read_log(
    reader: Reader,
    inflater: Inflater,
    site: Site,
    row: _Row,
    base: Base,
    counts: list[int],
    levels: bytearray,
    higher: list[_Higher],
) -> None:
    if not row.raises and not row.marks and site.clock == site.count:
        return
    raises: list[bytes] = []
    marks: list[bytes] = []
    lengths, gaps, targets, starts, level_directions = _read_pages(reader, inflater, 5, row.raises, raises)
    steps, elapsed = _read_pages(reader, inflater, 2, row.marks, marks)
    site.packed_raises, site.packed_marks = tuple(raises), tuple(marks)
    if targets and max(targets) >= len(base.sites):
        raise ForeignOp("a document with a site that is not in its table")
    if site.clock - site.count != sum(lengths) or sum(gaps) > site.count:
        raise ForeignOp("a document with other clocks than it says")
    _load_raises(site, base, counts, lengths, gaps, targets, starts, level_directions, levels, higher)
    clocks = list(accumulate(steps))
    times = list(accumulate(map(unzigzag, elapsed)))
    if clocks and (clocks[-1] > site.clock or not min(steps[1:], default=1)):
        raise ForeignOp("a document with times that cannot be")
    if times and not 0 <= min(times) <= max(times) <= NUMBER_MAX:
        raise ForeignOp("a document with times that cannot be")
    if clocks:
        site.begin_marks()
        site.mark_clock.extend(clocks)
        site.mark_time.extend(times)
    site.packed_total = site.clock - site.count


def _load_raises(
    site: Site,
    base: Base,
    counts: list[int],
    lengths: list[int],
    gaps: list[int],
    targets: list[int],
    starts: list[int],
    level_directions: list[int],
    levels: bytearray,
    higher: list[_Higher],
) -> None:
    """Check a log's raises and load them into the site; apply them to `levels`, unless that is empty.

    Raises above level 2 go to `higher` instead: they are applied after all logs are read, in any order.
    """
    for level_direction in set(level_directions):
        if level_direction & DIRECTION == DIRECTION or not DELETED <= level_direction >> 2 <= LEVEL_MAX:
            raise ForeignOp("a document with a deletion that cannot be")
    seqs = list(accumulate(gaps))
    begins: list[int] = []
    firsts = base.firsts
    mine = site.rank
    last = 0
    for length, seq, target, start, level_direction in zip(lengths, seqs, targets, starts, level_directions):
        last += -(start + 1 >> 1) if start & 1 else start >> 1
        begins.append(last)
        direction = level_direction & DIRECTION
        if direction == DOWN:
            last -= length
            low = last + 1
        elif direction or length == 1:
            low = last
            last += length
        else:
            raise ForeignOp("a document with a deletion that cannot be")
        if not 0 <= low < low + length <= (seq if target == mine else counts[target]):
            raise ForeignOp("a document with a deletion that cannot be")
        low += firsts[target]
        if level_direction >= _HIGHER:
            higher.append((low, low + length, min(level_direction >> 2, LEVELS_TOLD)))
        elif not levels:
            continue
        elif length == 1:
            levels[low] = DELETED
        else:
            levels[low : low + length] = _DELETED[length] if length < _DELETED_MAX else _DELETED[1] * length
    if not seqs:
        return
    site.begin_raises()
    first = base.sites[0].index
    site.raise_clock.extend(map(add, seqs, accumulate(lengths, initial=0)))
    site.raise_seq.extend(seqs)
    site.raise_start.extend(begins)
    site.raise_target.extend([first + target for target in targets])
    site.raise_level_direction.extend(level_directions)


def _read_pages(
    reader: Reader, inflater: Inflater, columns: int, count: int, packed: list[bytes]
) -> list[list[int]]:
    """Read columns of `count` numbers from their pages; their bytes are appended to `packed`."""
    found: list[list[int]] = [[] for _ in range(columns)]
    for low in range(0, count, LOG_PAGE):
        begin = reader.position
        page = Reader(inflater.section(reader))
        packed.append(reader.data[begin : reader.position])
        for column in found:
            column += read_column(page)
            if len(column) != min(low + LOG_PAGE, count):
                raise ForeignOp("a document with other deletions or times than it says")
        if not page.at_end():
            raise ForeignOp("a document with other deletions or times than it says")
    return found
