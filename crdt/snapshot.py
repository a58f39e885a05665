"""A whole replica in bytes: the text first, then the structure in columns, and a checksum over all.

Opening needs the text alone; the structure is decoded when somebody first touches it. Numbers of one kind stand
together in a column of its own, which deflates much better than records do:

    magic, CRC-32 of the rest, lineage
    text        what is visible
    sites       sorted; id, clock, characters, heads, raises, marks, start time, name
    spans       neighbours of one site in document order: site, seq (from where that site's last span ended), length,
                and how the first character hangs: goes on / below the character before it / elsewhere / at the start
    hanging     counters; and for those elsewhere the parent's site and seq
    shown       lengths, in turn visible and deleted, over all characters
    levels      of runs above 2: characters before it (from the one before), length, level
    raises      by site: length, characters since the last, target site, seq (from where the last ended), how
    marks       by site: clock (from the last), seconds (from the last)
    deleted     the deleted text in document order

A number column is a width in bytes, then all lowest bytes, all second ones, …: C does all of that for us, and the
high bytes, mostly zero, deflate to nothing.
"""

from __future__ import annotations

import zlib
from array import array
from itertools import accumulate, pairwise
from typing import Final

from .errors import ForeignOp
from .ids import DIGEST_BYTES
from .ops import DELETED, INSERTED, LEVEL_MAX
from .plain import (
    AUTHOR_BYTES_MAX,
    NUMBER_MAX,
    Reader,
    decode_text,
    encode_text,
    write_bytes,
    write_number,
    write_site,
)
from .runs import Run, RunList, seq_of
from .site import DIRECTION, DOWN, NO_HEAD, NO_SITE, UNDECIDED, Site

MAGIC: Final = b"jpt2"
CHECKED_FROM: Final = len(MAGIC) + 4

INFLATED_MIN_MAX: Final = 2**20
INFLATED_TIMES_MAX: Final = 64
"""A document inflates to at most this many times its length, or to a mebibyte if that is more: a bomb, which would be a
thousand times, is noticed while it inflates. Text deflates to a third, rarely to a tenth; what does better is written
without deflating (`encode`)."""

DEFLATE_LEVEL: Final = 6

GOES_ON: Final = 0
BELOW_NEIGHBOUR: Final = 1
ELSEWHERE: Final = 2
AT_START: Final = 3

_WIDTHS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


def encode(lineage: bytes, text: str, sites: list[Site], runs: RunList) -> bytes:
    """Return the document. The same history gives the same bytes, whatever order it came in."""
    packer = _Packer(DEFLATE_LEVEL)
    data = _encode(packer, lineage, text, sites, runs)
    if packer.taken > _inflated_max(len(data)):
        data = _encode(_Packer(0), lineage, text, sites, runs)
    return data


def _inflated_max(length: int) -> int:
    """What a document of this length may inflate to, all its sections together."""
    return max(INFLATED_MIN_MAX, INFLATED_TIMES_MAX * length)


def _encode(packer: _Packer, lineage: bytes, text: str, sites: list[Site], runs: RunList) -> bytes:
    known = sorted((site for site in sites if site.clock), key=lambda site: site.id)
    rank = {site.index: place for place, site in enumerate(known)}
    rank[NO_SITE] = 0
    out = bytearray(lineage)
    write_bytes(out, packer.deflate(encode_text(text)))

    table = bytearray()
    write_number(table, len(known))
    for site in known:
        write_site(table, site.id)
        for number in (
            site.clock,
            site.count,
            len(site.head_seq),
            len(site.raise_clock),
            len(site.mark_clock),
            site.started,
        ):
            write_number(table, number)
        write_bytes(table, encode_text(site.author))
    write_bytes(out, packer.deflate(bytes(table)))

    _write_spans(out, packer, runs, rank, len(sites))

    lengths: list[int] = []
    gaps: list[int] = []
    targets: list[int] = []
    starts: list[int] = []
    hows: list[int] = []
    clocks: list[int] = []
    times: list[int] = []
    for site in known:
        count = [site.raise_length(place) for place in range(len(site.raise_clock))]
        lengths += count
        gaps += _deltas(site.raise_seq)
        targets += [rank[target] for target in site.raise_target]
        last = 0
        for start, length, how in zip(site.raise_start, count, site.raise_how, strict=True):
            starts.append(_zigzag(start - last))
            last = start - length if how & 3 == DOWN else start + length
        hows += site.raise_how
        clocks += _deltas(site.mark_clock)
        times += [_zigzag(step) for step in _deltas(site.mark_time)]
    for column in (lengths, gaps, targets, starts, hows, clocks, times):
        _write_column(out, packer, column)
    write_bytes(out, packer.deflate(encode_text("".join([_text(run) for run in runs if not run.level & 1]))))
    return sealed(bytes(out))


def sealed(content: bytes) -> bytes:
    """Put the magic and the checksum before everything else."""
    return MAGIC + zlib.crc32(content).to_bytes(4, "big") + content


def _write_spans(out: bytearray, packer: _Packer, runs: RunList, rank: dict[int, int], sites: int) -> None:
    span_sites: list[int] = []
    span_seqs: list[int] = []
    span_lengths: list[int] = []
    hangs: list[int] = []
    counters: list[int] = []
    parent_sites: list[int] = []
    parents: list[int] = []
    shown: list[int] = []
    levels: list[int] = []
    expected = [0] * sites
    last_site: Site | None = None
    last_seq = 0
    visible = 1
    stretch = 0
    before_level = 0
    for run in runs:
        site, seq, length, level = run.site, run.seq, run.length, run.level
        if level & 1 != visible:
            shown.append(stretch)
            stretch = 0
            visible = level & 1
        stretch += length
        if level > DELETED:
            levels += (before_level, length, level)
            before_level = 0
        else:
            before_level += length
        head = run.head
        if head < 0 and site is last_site and seq == last_seq + 1:
            span_lengths[-1] += length
        else:
            span_sites.append(rank[site.index])
            span_seqs.append(_zigzag(seq - expected[site.index]))
            span_lengths.append(length)
            if head < 0:
                hangs.append(GOES_ON)
            else:
                counters.append(site.head_counter[head])
                parent_site, parent = site.head_parent_site[head], site.head_parent[head]
                if parent_site == NO_SITE:
                    hangs.append(AT_START)
                elif last_site is not None and parent_site == last_site.index and parent == last_seq:
                    hangs.append(BELOW_NEIGHBOUR)
                else:
                    hangs.append(ELSEWHERE)
                    parent_sites.append(rank[parent_site])
                    parents.append(parent)
        last_site, last_seq = site, seq + length - 1
        expected[site.index] = seq + length
    shown.append(stretch)
    for column in (
        span_sites,
        span_seqs,
        span_lengths,
        hangs,
        counters,
        parent_sites,
        parents,
        shown,
        levels,
    ):
        _write_column(out, packer, column)


def opened(data: bytes) -> tuple[bytes, bytes]:
    """Return lineage and deflated text of an undamaged document; ForeignOp otherwise."""
    if data[: len(MAGIC)] != MAGIC or len(data) < CHECKED_FROM + DIGEST_BYTES:
        raise ForeignOp("not a document")
    if zlib.crc32(memoryview(data)[CHECKED_FROM:]) != int.from_bytes(data[len(MAGIC) : CHECKED_FROM], "big"):
        raise ForeignOp("a damaged document")
    reader = _reader(data)
    return data[CHECKED_FROM : CHECKED_FROM + DIGEST_BYTES], reader.sized()


def _reader(data: bytes) -> Reader:
    reader = Reader(data)
    reader.position = CHECKED_FROM + DIGEST_BYTES
    return reader


def text_of(deflated: bytes, length: int) -> str:
    """The text of a document of this length."""
    return decode_text(_Unpacker(length).inflate(deflated))


def site_ids(data: bytes) -> set[int]:
    """The sites of an undamaged document."""
    reader = _reader(data)
    reader.sized()
    return {row.site for row in _read_sites(reader, _Unpacker(len(data)))}


class _Row:
    """One line of the table of sites."""

    __slots__ = ("author", "clock", "count", "heads", "marks", "raises", "site", "started")

    def __init__(self, reader: Reader) -> None:
        self.site: Final = reader.site()
        self.clock: Final = reader.number()
        self.count: Final = reader.number(self.clock)
        self.heads: Final = reader.number(self.count)
        self.raises: Final = reader.number(self.clock)
        self.marks: Final = reader.number(self.clock)
        self.started: Final = reader.number()
        author = reader.sized()
        if not self.clock or len(author) > AUTHOR_BYTES_MAX:
            raise ForeignOp("a document with a site that cannot be")
        self.author: Final = decode_text(author)


def _read_sites(reader: Reader, unpacker: _Unpacker) -> list[_Row]:
    table = Reader(unpacker.inflate(reader.sized()))
    rows = [_Row(table) for _ in range(table.number(table.end))]
    if not table.at_end() or any(one.site >= two.site for one, two in pairwise(rows)):
        raise ForeignOp("a document with a bad table of sites")
    return rows


def load(data: bytes, sites: list[Site], runs: RunList, own_sites: frozenset[int]) -> None:
    """Decode everything into `sites`, which gets the document's appended, and into the empty `runs`.

    Raises:
        ForeignOp: the columns contradict each other. Nothing that was given is changed then.
    """
    reader = _reader(data)
    unpacker = _Unpacker(len(data))
    text = decode_text(unpacker.inflate(reader.sized()))
    rows = _read_sites(reader, unpacker)
    first = len(sites)
    known = [Site(row.site, first + place, row.site in own_sites) for place, row in enumerate(rows)]
    columns = [_read_column(reader, unpacker) for _ in range(16)]
    deleted = decode_text(unpacker.inflate(reader.sized()))
    if not reader.at_end():
        raise ForeignOp("bytes after a document")
    for site, row in zip(known, rows, strict=True):
        site.clock, site.author, site.started = row.clock, row.author, row.started
        site.count = row.count
    found, by_site = _load_runs(columns[:9], known, text, deleted)
    for site, row in zip(known, rows, strict=True):
        if len(site.head_seq) != row.heads:
            raise ForeignOp("a document with other heads than it says")
    _load_logs(columns[9:], known, rows)
    sites += known
    runs.fill(found, by_site)


def _load_runs(
    columns: list[list[int]], sites: list[Site], text: str, deleted: str
) -> tuple[list[Run], list[list[Run]]]:
    """All runs in the document's order; and those of each site in its own."""
    span_sites, span_seqs, span_lengths, hangs, counters, parent_sites, parents, shown, levels = columns
    if not len(span_sites) == len(span_seqs) == len(span_lengths) == len(hangs):
        raise ForeignOp("a document with spans of unequal columns")
    if len(parent_sites) != len(parents) or not shown or len(levels) % 3:
        raise ForeignOp("a document with unequal columns")
    if (span_sites and max(span_sites) >= len(sites)) or (parent_sites and max(parent_sites) >= len(sites)):
        raise ForeignOp("a document with a site that is not in its table")
    total = sum(span_lengths)
    if sum(shown) != total or sum(shown[::2]) != len(text) or sum(shown[1::2]) != len(deleted):
        raise ForeignOp("a document with more or less text than characters")
    counts = [site.count for site in sites]
    if total != sum(counts):
        raise ForeignOp("a document with more or less characters than its sites wrote")

    # Everything in document order first, also the heads; then each site's in its own.
    by_site: list[list[Run]] = [[] for _ in sites]
    pieces: list[dict[int, str]] = [{} for _ in sites]
    head_sites: list[int] = []
    head_parents: list[int] = []
    expected = [0] * len(sites)
    runs: list[Run] = []
    cuts = list(accumulate(shown))
    visible = 1
    turn = 0
    stop = cuts[0]
    at = 0
    text_at = deleted_at = parent_at = 0
    special = _Special(levels)
    last_site, last_seq = NO_SITE, 0
    for rank, seq, length, hang in zip(span_sites, span_seqs, span_lengths, hangs, strict=True):
        site = sites[rank]
        seq = expected[rank] + (-(seq + 1 >> 1) if seq & 1 else seq >> 1)
        if seq < 0 or not length or seq + length > counts[rank]:
            raise ForeignOp("a document with a span outside its site")
        if hang:
            if hang == BELOW_NEIGHBOUR:
                if last_site == NO_SITE:
                    raise ForeignOp("a document whose first character has a neighbour")
                parent_site, parent = sites[last_site].index, last_seq
            elif hang == ELSEWHERE:
                if parent_at >= len(parents):
                    raise ForeignOp("a document with too few parents")
                other = parent_sites[parent_at]
                parent_site, parent = sites[other].index, parents[parent_at]
                parent_at += 1
                if parent >= counts[other] or (other == rank and parent >= seq):
                    raise ForeignOp("a document with a parent that cannot be")
            elif hang == AT_START:
                parent_site, parent = NO_SITE, 0
            else:
                raise ForeignOp("a document with a character that hangs nowhere")
            head = len(head_sites)
            head_sites.append(parent_site)
            head_parents.append(parent)
        elif seq:
            head = NO_HEAD
        else:
            raise ForeignOp("a document whose site goes on from nothing")
        site_runs, site_pieces = by_site[rank], pieces[rank]
        expected[rank] = seq + length
        last_site, last_seq = rank, seq + length - 1
        while length:
            while at == stop:
                turn += 1
                visible ^= 1
                stop = cuts[turn]
            count = stop - at
            if count > length:
                count = length
            level = INSERTED if visible else DELETED
            if levels:
                count, level = special.cut(at, count, level)
            if visible:
                site_pieces[seq] = text[text_at : text_at + count]
                text_at += count
            else:
                site_pieces[seq] = deleted[deleted_at : deleted_at + count]
                deleted_at += count
            run = Run(site, seq, count, level, head)
            runs.append(run)
            site_runs.append(run)
            head = NO_HEAD
            seq += count
            at += count
            length -= count
    if len(head_sites) != len(counters) or parent_at != len(parents) or not special.done():
        raise ForeignOp("a document with columns that are too long or too short")
    for site, site_runs, site_pieces, count in zip(sites, by_site, pieces, counts, strict=True):
        site_runs.sort(key=seq_of)
        heads: list[int] = []
        reached = 0
        for run in site_runs:
            if run.seq != reached:
                raise ForeignOp("a document with a character twice, or not at all")
            reached += run.length
            if run.head >= 0:
                heads.append(run.head)
                run.head = len(heads) - 1
                site.head_seq.append(run.seq)
        if reached != count:
            raise ForeignOp("a document with less characters than its sites wrote")
        site.load_text("".join([site_pieces[run.seq] for run in site_runs]))
        site.head_parent_site.extend([head_sites[head] for head in heads])
        site.head_parent.extend([head_parents[head] for head in heads])
        site.head_counter.extend([counters[head] for head in heads])
    return runs, by_site


class _Special:
    """The runs with levels above 2, met in document order."""

    __slots__ = ("_begin", "_levels", "_next")

    def __init__(self, levels: list[int]) -> None:
        self._levels: Final = levels
        self._next = 0
        self._begin = levels[0] if levels else 0

    def cut(self, at: int, count: int, level: int) -> tuple[int, int]:
        """How many of `count` characters from `at` on have one level, and which."""
        if self.done() or at + count <= self._begin:
            return count, level
        if at < self._begin:
            return self._begin - at, level
        length, special = self._levels[self._next + 1 : self._next + 3]
        if special <= DELETED or special & 1 != level & 1 or length > count or special > LEVEL_MAX:
            raise ForeignOp("a document with levels that cannot be")
        if not length:
            raise ForeignOp("a document with a level of nothing")
        self._next += 3
        if not self.done():
            self._begin = at + length + self._levels[self._next]
        return length, special

    def done(self) -> bool:
        return self._next >= len(self._levels)


def _load_logs(columns: list[list[int]], sites: list[Site], rows: list[_Row]) -> None:
    lengths, gaps, targets, starts, hows, clocks, times = columns
    raises = sum(row.raises for row in rows)
    marks = sum(row.marks for row in rows)
    if any(len(column) != raises for column in (lengths, gaps, targets, starts, hows)):
        raise ForeignOp("a document with other deletions than it says")
    if len(clocks) != marks or len(times) != marks:
        raise ForeignOp("a document with other times than it says")
    if targets and max(targets) >= len(sites):
        raise ForeignOp("a document with a site that is not in its table")
    low = low_mark = 0
    for site, row in zip(sites, rows, strict=True):
        high = low + row.raises
        clock = seq = last = 0
        clocks_of: list[int] = []
        seqs_of: list[int] = []
        begins: list[int] = []
        for length, gap, target, start, how in zip(
            lengths[low:high],
            gaps[low:high],
            targets[low:high],
            starts[low:high],
            hows[low:high],
            strict=True,
        ):
            seq += gap
            clock += gap
            begin = last + (-(start + 1 >> 1) if start & 1 else start >> 1)
            direction = how & DIRECTION
            if direction == DOWN:
                last = begin - length
                lowest, highest = last + 1, begin
            else:
                last = begin + length
                lowest, highest = begin, last - 1
            other = sites[target]
            count = seq if other is site else other.count
            if not 0 <= lowest <= highest < count or not DELETED <= how >> 2 <= LEVEL_MAX:
                raise ForeignOp("a document with a deletion that cannot be")
            if direction > DOWN or (direction == UNDECIDED and length != 1):
                raise ForeignOp("a document with a deletion that cannot be")
            clocks_of.append(clock)
            seqs_of.append(seq)
            begins.append(begin)
            clock += length
        site.raise_clock.extend(clocks_of)
        site.raise_seq.extend(seqs_of)
        site.raise_start.extend(begins)
        site.raise_target.extend([sites[target].index for target in targets[low:high]])
        site.raise_how.extend(hows[low:high])
        if clock + site.count - seq != site.clock or seq > site.count:
            raise ForeignOp("a document with other clocks than it says")
        low = high
        high = low_mark + row.marks
        clock = time = 0
        for step, elapsed in zip(clocks[low_mark:high], times[low_mark:high], strict=True):
            clock += step
            time += _unzigzag(elapsed)
            if not 0 <= clock <= site.clock or not 0 <= time <= NUMBER_MAX or (site.mark_clock and not step):
                raise ForeignOp("a document with times that cannot be")
            site.mark_clock.append(clock)
            site.mark_time.append(time)
        low_mark = high


# Columns


def _write_column(out: bytearray, packer: _Packer, values: list[int]) -> None:
    most = max(values, default=0)
    width = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
    raw = array(_WIDTHS[width], values)
    if _BIG_ENDIAN:
        raw.byteswap()
    data = raw.tobytes()
    if width > 1:
        data = b"".join([data[plane::width] for plane in range(width)])
    out.append(width)
    write_bytes(out, packer.deflate(data))


def _read_column(reader: Reader, unpacker: _Unpacker) -> list[int]:
    width = reader.number(8)
    code = _WIDTHS.get(width)
    if code is None:
        raise ForeignOp("a column of an unknown width")
    data = unpacker.inflate(reader.sized())
    if len(data) % width:
        raise ForeignOp("a column that ends inside a number")
    if width > 1:
        count = len(data) // width
        woven = bytearray(len(data))
        for plane in range(width):
            woven[plane::width] = data[plane * count : (plane + 1) * count]
        data = bytes(woven)
    values = array(code)
    values.frombytes(data)
    if _BIG_ENDIAN:
        values.byteswap()
    if width == 8 and values and max(values) > 2 * NUMBER_MAX + 1:
        raise ForeignOp("a number that is too large")
    return values.tolist()


_BIG_ENDIAN: Final = array("H", [1]).tobytes() == b"\0\1"


def _deltas(values: array[int]) -> list[int]:
    listed = values.tolist()
    return [after - before for before, after in zip([0, *listed], listed, strict=False)]


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _unzigzag(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _text(run: Run) -> str:
    return run.site.slice(run.seq, run.seq + run.length)


class _Packer:
    """Deflates sections and counts their bytes before that."""

    __slots__ = ("_level", "taken")

    def __init__(self, level: int) -> None:
        self._level: Final = level
        self.taken = 0

    def deflate(self, data: bytes) -> bytes:
        self.taken += len(data)
        deflater = zlib.compressobj(self._level, zlib.DEFLATED, -zlib.MAX_WBITS)
        return deflater.compress(data) + deflater.flush()


class _Unpacker:
    """Inflates sections of a document of some length, as long as they do not grow out of proportion."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = _inflated_max(length)

    def inflate(self, data: bytes) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = inflater.decompress(data, self._left + 1)
        except zlib.error:
            raise ForeignOp("a damaged document") from None
        self._left -= len(found)
        if self._left < 0:
            raise ForeignOp("a document that inflates out of proportion")
        if not inflater.eof or inflater.unused_data:
            raise ForeignOp("a damaged document")
        return found
