"""The document's order: runs in chunks in groups in sections, with visible lengths at each level.

A run list knows no text, no parents and nothing from the network: `site.Site` has the text and the parent of each
character.

    group   12 visible ─┬─ chunk 7 visible ── run (A, 0..3) level 1, run (A, 4..6) level 2, run (B, 0..2) level 1
                        └─ chunk 5 visible ── run (A, 7..11) level 1

Finding an offset walks sections, groups, chunks, then runs. With some dozens of each in the next larger one, this
stays short up to some millions of runs. Flat lists, gap buffers, linked nodes and splay trees are all slower in
CPython.

A group is also the unit of encoding: it keeps its bytes (`page.Page`) until something in it changes, and a decoded
group is unpacked into runs when first touched (`page.Sealed`).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Final, NamedTuple

from crdt.change_tracker import ChangeTracker
from crdt.page import Sealed
from crdt.run import Run
from crdt.run_tree import Chunk, Group, Section
from crdt.site import NO_HEAD, Heads, Site
from crdt.site_index import SiteIndex

CHUNK_MAX: Final = 48
"""Runs in a chunk. On the automerge-paper trace, 32 to 64 are equally fast and 128 is slower: the scan inside a chunk
is the largest cost in pure Python."""

GROUP_MAX: Final = 16
"""Chunks in a group. A group is encoded as a whole after an edit: 64 would be four times slower, and 5 % smaller."""

SECTION_MAX: Final = 64
"""Groups in a section."""

WALK_MAX: Final = 16
"""Runs skipped to place a remote insertion before the parent's children are listed (see `order.py`). Without the
list, two people who each prepend ten thousand lines at one position would cost a hundred million steps."""


EARLY_BYTES_MAX: Final = 32 * 2**20
"""Limit for kept operations whose past is missing. Those beyond it are dropped: versions do not count them, so the
next exchange by version brings them again."""


class Layout(NamedTuple):
    """Sizes that do not affect the text. Tests use tiny ones, so that ten keystrokes split every node."""

    chunk_max: int = CHUNK_MAX
    group_max: int = GROUP_MAX
    walk_max: int = WALK_MAX
    early_bytes_max: int = EARLY_BYTES_MAX
    section_max: int = SECTION_MAX


DEFAULT_LAYOUT: Final = Layout()


class RunList:
    """All runs of a document. `size` counts the visible characters."""

    __slots__ = (
        "_alone",
        "_block_max",
        "_chunk",
        "_chunk_max",
        "_group_max",
        "_indexes",
        "_last_chunk",
        "_last_chunk_start",
        "_last_found",
        "_last_found_place",
        "_last_found_start",
        "_sealed",
        "_section_max",
        "changes",
        "heads",
        "indexed",
        "sections",
        "size",
        "unread",
    )

    def __init__(self, layout: Layout) -> None:
        self._chunk_max: Final = layout.chunk_max
        self._group_max: Final = layout.group_max
        self._section_max: Final = layout.section_max
        self._block_max: Final = 8 * layout.chunk_max
        self._chunk: Final[list[Chunk]] = []
        """All chunks ever made, by number."""
        self._indexes: Final[dict[int, SiteIndex]] = {}
        """By site index: the index from seq to run, while maintained."""
        self._alone: Final[dict[int, Run]] = {}
        """By site index, the only run of sites that never had more than one. Such a site has no entry in `_indexes`:
        most openings of a script append a single text."""
        section = Section()
        group = Group(section)
        group.chunks.append(self._new_chunk(group))
        section.groups.append(group)
        self.sections = [section]
        self.heads: Final = Heads()
        """Parents and counters of characters; runs and sites refer to entries in it."""
        self.size = 0
        self.indexed = False
        """True while the indexes from seq to run are maintained. Typing alone needs none."""
        self._sealed = False
        """True if some groups may still be packed."""
        self.unread: dict[int, Site] = {}
        """The sites of a loaded document by id, until their heads are loaded."""
        self.changes: ChangeTracker | None = None
        """Records touched chunks and runs while a patch is wanted."""
        # The chunk and the run found last, and their offsets; the run may be deleted now.
        self._last_chunk: Chunk | None = None
        self._last_chunk_start = 0
        self._last_found: Run | None = None
        self._last_found_start = 0
        self._last_found_place = 0
        """Index in its chunk of the run found last or inserted since, if nothing was inserted before it."""

    def release(self) -> None:
        """Break the cycles between chunks, groups and sections; the list is empty afterwards."""
        for section in self.sections:
            for group in section.groups:
                group.chunks.clear()
            section.groups.clear()
        self._chunk.clear()
        self._indexes.clear()
        self._alone.clear()
        self.sections.clear()
        self.unread.clear()
        self._last_chunk = self._last_found = None

    def _new_chunk(self, group: Group) -> Chunk:
        chunk = Chunk(group, len(self._chunk))
        self._chunk.append(chunk)
        return chunk

    def __iter__(self) -> Iterator[Run]:
        self.open_all()
        for section in self.sections:
            for group in section.groups:
                for chunk in group.chunks:
                    yield from chunk.runs

    def chunks(self) -> list[Chunk]:
        """Return all chunks in document order; those of an empty document may have no runs."""
        self.open_all()
        return [chunk for section in self.sections for group in section.groups for chunk in group.chunks]

    @property
    def chunk_count(self) -> int:
        """The number of chunks; fewer while some groups are packed."""
        return len(self._chunk)

    def groups(self) -> Iterator[Group]:
        """Yield the groups that have runs, unpacked or sealed."""
        for section in self.sections:
            for group in section.groups:
                if group.sealed is not None or group.chunks[0].runs:
                    yield group

    # Opening

    def _open(self, group: Group) -> None:
        """Unpack a sealed group into chunks; it may become several groups."""
        sealed = group.sealed
        assert sealed is not None
        runs = sealed.runs()
        group.sealed = None
        # Two thirds full, since most will get a few more runs. But a group that was full stays one.
        length = max(1, self._chunk_max * 2 // 3, min(self._chunk_max, -(-len(runs) // self._group_max)))
        for low in range(0, len(runs), length):
            chunk = self._new_chunk(group)
            chunk.runs = runs[low : low + length]
            number = chunk.number
            for run in chunk.runs:
                run.chunk = number
                if run.level & 1:
                    chunk.size += run.length
            group.chunks.append(chunk)
        if len(group.chunks) > self._group_max:
            self._split_group(group)

    def open_all(self) -> None:
        """Unpack all sealed groups. O(document), once."""
        if not self._sealed:
            return
        self._sealed = False
        for group in list(self.groups()):
            if group.sealed is not None:
                self._open(group)

    def load_heads(self) -> None:
        """Load the heads (parents and counters) of a loaded document's sites. O(document), once."""
        if not self.unread:
            return
        self.index()
        for site in self.unread.values():
            headed = [run for run in self._runs_of(site) if run.head >= 0]
            site.load_heads([run.seq for run in headed], [run.head for run in headed])
        self.unread = {}

    # Finding

    def find(self, offset: int) -> tuple[Run, int]:
        """Return the run of the visible character at `offset`, and the position in it."""
        last_found = self._last_found
        if last_found is not None:
            rest = offset - self._last_found_start
            if 0 <= rest < last_found.length and last_found.level & 1:
                return last_found, rest
        hint = self._last_chunk
        if hint is not None and self._last_chunk_start <= offset < self._last_chunk_start + hint.size:
            chunk = hint
            if last_found is not None and last_found.chunk == chunk.number:
                # Consecutive edits are close to each other.
                runs = chunk.runs
                place = self._place(last_found)
                if rest < 0:
                    while rest < 0:
                        place -= 1
                        run = runs[place]
                        if run.level & 1:
                            rest += run.length
                else:
                    run = last_found
                    while rest >= run.length or not run.level & 1:
                        if run.level & 1:
                            rest -= run.length
                        place += 1
                        run = runs[place]
                self._last_found = run
                self._last_found_start = offset - rest
                self._last_found_place = place
                return run, rest
            rest = offset - self._last_chunk_start
        else:
            rest = offset
            for section in self.sections:
                if rest < section.size:
                    break
                rest -= section.size
            for group in section.groups:
                if rest < group.size:
                    break
                rest -= group.size
            if group.sealed is not None:
                self._open(group)
                return self.find(offset)
            for chunk in group.chunks:
                if rest < chunk.size:
                    break
                rest -= chunk.size
            self._last_chunk = chunk
            self._last_chunk_start = offset - rest
        for place, run in enumerate(chunk.runs):
            if run.level & 1:
                if rest < run.length:
                    self._last_found = run
                    self._last_found_start = offset - rest
                    self._last_found_place = place
                    return run, rest
                rest -= run.length
        raise AssertionError(f"offset {offset} is not in a text of {self.size}")

    def offset_of(self, run: Run) -> int:
        """Return the number of visible characters before a run."""
        if run is self._last_found:
            return self._last_found_start
        chunk = self._chunk[run.chunk]
        offset = 0
        for other in chunk.runs:
            if other is run:
                break
            if other.level & 1:
                offset += other.length
        if chunk is not self._last_chunk:
            group = chunk.group
            before = 0
            section = group.section
            for earlier in self.sections:
                if earlier is section:
                    break
                before += earlier.size
            for neighbour in section.groups:
                if neighbour is group:
                    break
                before += neighbour.size
            for sibling in group.chunks:
                if sibling is chunk:
                    break
                before += sibling.size
            self._last_chunk = chunk
            self._last_chunk_start = before
        return offset + self._last_chunk_start

    def _place(self, run: Run) -> int:
        """Return the index of a run in its chunk."""
        # `list.index` compares each object for equality, which takes longer than the rest of an insertion.
        runs = self._chunk[run.chunk].runs
        place = self._last_found_place
        if place < len(runs):
            if runs[place] is run:
                return place
            if runs[place - 1] is run and place:
                return place - 1
            if place + 1 < len(runs) and runs[place + 1] is run:
                return place + 1
        return runs.index(run)

    def remember(self, run: Run, start: int) -> None:
        """Remember that a visible run starts at an offset, for the next `find`."""
        self._last_found = run
        self._last_found_start = start

    def first(self) -> Run | None:
        runs = self._chunks(self.sections[0].groups[0])[0].runs
        return runs[0] if runs else None

    def after(self, run: Run) -> Run | None:
        """Return the next run in the document; None after the last."""
        chunk = self._chunk[run.chunk]
        place = self._place(run) + 1
        if place < len(chunk.runs):
            return chunk.runs[place]
        group = chunk.group
        place = group.chunks.index(chunk) + 1
        if place < len(group.chunks):
            return group.chunks[place].runs[0]
        section = group.section
        place = section.groups.index(group) + 1
        if place < len(section.groups):
            return self._chunks(section.groups[place])[0].runs[0]
        place = self.sections.index(section) + 1
        if place < len(self.sections):
            return self._chunks(self.sections[place].groups[0])[0].runs[0]
        return None

    def starting_at(self, run: Run) -> Iterator[Run]:
        """Yield a run and all that follow it in the document, which must not change meanwhile."""
        following: Run | None = run
        while following is not None:
            runs = self._chunk[following.chunk].runs
            yield from runs[self._place(following) :]
            following = self.after(runs[-1])

    def preceding(self, run: Run) -> Run | None:
        """Return the previous run in the document; None before the first."""
        chunk = self._chunk[run.chunk]
        place = self._place(run)
        if place:
            return chunk.runs[place - 1]
        group = chunk.group
        place = group.chunks.index(chunk)
        if place:
            return group.chunks[place - 1].runs[-1]
        section = group.section
        place = section.groups.index(group)
        if place:
            before = section.groups[place - 1]
        else:
            place = self.sections.index(section)
            if not place:
                return None
            before = self.sections[place - 1].groups[-1]
        if before.sealed is not None:
            self._open(before)
            return self.preceding(run)
        return before.chunks[-1].runs[-1]

    def _chunks(self, group: Group) -> list[Chunk]:
        """Return the chunks of a group; if unpacking splits it into several groups, those of the first."""
        if group.sealed is not None:
            self._open(group)
        return group.chunks

    def run_of(self, site: Site, seq: int) -> Run:
        """Return the run of a known character. O(log runs); the first call builds the index, O(runs log runs)."""
        if not self.indexed:
            self.index()
        alone = self._alone.get(site.index)
        return self._indexes[site.index].run_of(seq) if alone is None else alone

    def newest(self, site: Site) -> Run:
        """Return the run of a site's newest character. O(1), except the first call, like `run_of`."""
        if not self.indexed:
            self.index()
        alone = self._alone.get(site.index)
        return self._indexes[site.index].newest() if alone is None else alone

    def _index_of(self, site: Site) -> SiteIndex:
        """Return the index of a site, creating it for a site with no run or one."""
        places = self._indexes.get(site.index)
        if places is None:
            alone = self._alone.pop(site.index, None)
            places = self._indexes[site.index] = SiteIndex([] if alone is None else [alone], self._block_max)
        return places

    def _runs_of(self, site: Site) -> list[Run]:
        """Return a site's runs, sorted."""
        alone = self._alone.get(site.index)
        if alone is not None:
            return [alone]
        places = self._indexes.get(site.index)
        return places.all() if places is not None else []

    def index(self) -> None:
        """Build the index of each site, unless that was done."""
        if self.indexed:
            return
        self.open_all()
        alone = self._alone
        several: dict[int, list[Run]] = {}
        runs: list[Run] | None = None
        last: Site | None = None
        for section in self.sections:
            for group in section.groups:
                for chunk in group.chunks:
                    for run in chunk.runs:
                        if run.site is not last:
                            last = run.site
                            runs = several.get(last.index)
                        if runs is not None:
                            runs.append(run)
                        elif last.index in alone:
                            runs = several[last.index] = [alone.pop(last.index), run]
                        else:
                            alone[last.index] = run
        for index, found in several.items():
            found.sort(key=_seq_of)
            self._indexes[index] = SiteIndex(found, self._block_max)
        self.indexed = True

    # Changing

    def load(self, sealed: list[Sealed], sites: list[Site]) -> None:
        """Load all groups of a document, and the sites that wrote it."""
        self.unread = {site.id: site for site in sites}
        self._sealed = True
        if not sealed:
            return
        self.sections.clear()
        length = max(1, self._section_max * 2 // 3)
        for low in range(0, len(sealed), length):
            section = Section()
            for each in sealed[low : low + length]:
                group = Group(section)
                group.sealed = each
                group.page = each.page
                group.size = each.size
                section.groups.append(group)
                section.size += each.size
            self.sections.append(section)
            self.size += section.size

    def _touch(self, chunk: Chunk) -> None:
        """Call before adding a run to a chunk: invalidates the group's page and records the chunk for the patch."""
        chunk.group.page = None
        if self.changes is not None:
            self.changes.touch(chunk)

    def _change(self, run: Run) -> None:
        """Call before a run is changed or absorbs another."""
        chunk = self._chunk[run.chunk]
        chunk.group.page = None
        if self.changes is not None:
            self.changes.touch(chunk)
            self.changes.note(run)

    def _grow(self, run: Run, by: int) -> None:
        """Call before a run gains or loses visible characters; also counts them."""
        chunk = self._chunk[run.chunk]
        chunk.group.page = None
        if self.changes is not None:
            self.changes.touch(chunk)
            self.changes.note(run)
        self._count(chunk, by)
        if run is not self._last_found:
            self._last_found = None

    def _count(self, chunk: Chunk, by: int) -> None:
        """Add to the count of visible characters of a chunk."""
        group = chunk.group
        chunk.size += by
        group.size += by
        group.section.size += by
        self.size += by
        if chunk is not self._last_chunk:
            self._last_chunk = None

    def insert(self, before: Run | None, site: Site, seq: int, length: int, level: int, head: int) -> Run:
        """Insert a new run after `before`, or at the start if None."""
        if before is None:
            chunk = self._chunks(self.sections[0].groups[0])[0]
            place = 0
        else:
            chunk = self._chunk[before.chunk]
            place = self._place(before) + 1
        self._touch(chunk)
        run = Run(site, seq, length, level, head)
        if level & 1:
            self._count(chunk, length)
            self._last_found = None
        self._last_found_place = place
        self._put(run, chunk, place)
        return run

    def insert_newest(self, before: Run | None, new: list[Run]) -> None:
        """Insert new runs after `before`, or at the start if None: the newest characters of a site, in order."""
        if before is None:
            chunk = self._chunks(self.sections[0].groups[0])[0]
            place = 0
        else:
            chunk = self._chunk[before.chunk]
            place = self._place(before) + 1
        self._touch(chunk)
        shown = 0
        for run in new:
            run.chunk = chunk.number
            if run.level & 1:
                shown += run.length
        self._count(chunk, shown)
        self._last_found = None
        if self.indexed:
            self._index_of(new[0].site).add_newest(new)
        chunk.runs[place:place] = new
        if len(chunk.runs) > self._chunk_max:
            self._split_chunk(chunk)

    def prepend(self, run: Run, count: int, head: int) -> Run:
        """Insert single-character runs before `run`, each before the previous one and each a head; return the last
        one.

        They are the next characters of its site; `head` is the index of the first one's head.
        """
        site = run.site
        head -= site.count
        new = [Run(site, seq, 1, run.level, head + seq) for seq in range(site.count, site.count + count)]
        chunk = self._chunk[run.chunk]
        self._touch(chunk)
        for each in new:
            each.chunk = chunk.number
        self._grow(run, count)
        if self.indexed:
            self._index_of(site).add_newest(new)
        place = self._place(run)
        chunk.runs[place:place] = new[::-1]
        if len(chunk.runs) > self._chunk_max:
            self._split_chunk(chunk)
        return new[-1]

    def split(self, run: Run, at: int) -> Run:
        """Split a run before its character number `at` and return the right part; `run` becomes the left one."""
        chunk = self._chunk[run.chunk]
        self._change(run)
        right = Run(run.site, run.seq + at, run.length - at, run.level, NO_HEAD)
        run.length = at
        self._put(right, chunk, self._place(run) + 1)
        return right

    def divide(self, site: Site, seq: int) -> None:
        """Let a run begin with a character, if there is such a character."""
        if seq < site.count:
            run = self.run_of(site, seq)
            if run.seq < seq:
                self.split(run, seq - run.seq)

    def recount(self, chunk: Chunk) -> None:
        """Count the visible characters of a chunk, after levels in it were set."""
        chunk.group.page = None
        size = 0
        for run in chunk.runs:
            if run.level & 1:
                size += run.length
        self._count(chunk, size - chunk.size)
        self._last_chunk = self._last_found = None

    def _put_both(self, run: Run, other: Run, chunk: Chunk, place: int) -> None:
        """Insert two already counted runs; their sites have other runs."""
        run.chunk = other.chunk = chunk.number
        runs = chunk.runs
        runs[place:place] = (run, other)
        if self.indexed:
            self._index_of(run.site).add(run)
            self._index_of(other.site).add(other)
        if len(runs) > self._chunk_max:
            self._split_chunk(chunk)

    def _put(self, run: Run, chunk: Chunk, place: int) -> None:
        """Insert an already counted run."""
        run.chunk = chunk.number
        runs = chunk.runs
        runs.insert(place, run)
        if self.indexed:
            number = run.site.index
            if number in self._indexes or number in self._alone:
                self._index_of(run.site).add(run)
            else:
                self._alone[number] = run
        if len(runs) > self._chunk_max:
            self._split_chunk(chunk)

    def erase_one(self, run: Run, at: int) -> Run:
        """Raise the level of one character of a visible run by one, and return the run that then has it."""
        self._grow(run, -1)
        site = run.site
        seq = run.seq + at
        length = run.length
        level = run.level + 1
        chunk = self._chunk[run.chunk]
        runs = chunk.runs
        place = self._place(run)
        if at == length - 1 and at:
            run.length = at
            if place + 1 < len(runs):
                after = runs[place + 1]
                if after.seq == seq + 1 and after.level == level and after.site is site and after.head < 0:
                    if self.changes is not None:
                        self.changes.note(after)
                    if self.indexed:
                        self._indexes[site.index].move(seq + 1, -1)
                    after.seq = seq
                    after.length += 1
                    return after
            erased = Run(site, seq, 1, level, NO_HEAD)
            self._put(erased, chunk, place + 1)
            return erased
        if at:
            run.length = at
            erased = Run(site, seq, 1, level, NO_HEAD)
            self._put_both(erased, Run(site, seq + 1, length - at - 1, level - 1, NO_HEAD), chunk, place + 1)
            return erased
        if length > 1:
            if place and run.head < 0:
                before = runs[place - 1]
                if before.seq + before.length == seq and before.level == level and before.site is site:
                    if self.changes is not None:
                        self.changes.note(before)
                    if self.indexed:
                        self._indexes[site.index].move(seq, 1)
                    before.length += 1
                    run.seq = seq + 1
                    run.length = length - 1
                    return before
            rest = Run(site, seq + 1, length - 1, level - 1, NO_HEAD)
            run.length = 1
            run.level = level
            self._put(rest, chunk, place + 1)
            return run
        run.level = level
        return self.join(run)

    def lengthen(self, run: Run, by: int) -> None:
        """Add characters at the end of a visible run."""
        self._grow(run, by)
        run.length += by

    def shift_forward(self, left: Run, right: Run, by: int) -> None:
        """Move the first `by` characters of a visible run to the deleted run before it."""
        self._change(left)
        self._grow(right, -by)
        if self.indexed:
            self._indexes[right.site.index].move(right.seq, by)
        left.length += by
        right.seq += by
        right.length -= by

    def shift(self, left: Run, right: Run, by: int) -> None:
        """Move the last `by` characters of a visible run to the deleted run after it."""
        self._grow(left, -by)
        self._change(right)
        if self.indexed:
            self._indexes[right.site.index].move(right.seq, -by)
        left.length -= by
        right.seq -= by
        right.length += by

    def set_level(self, run: Run, level: int) -> None:
        if not (level ^ run.level) & 1:
            self._change(run)
        elif level & 1:
            self._grow(run, run.length)
        else:
            self._grow(run, -run.length)
        run.level = level

    def join(self, run: Run) -> Run:
        """Merge a run with its neighbours in its chunk where they form one run, and return that."""
        runs = self._chunk[run.chunk].runs
        place = self._place(run)
        if place + 1 < len(runs) and self._joinable(run, runs[place + 1]):
            self._absorb(run, place + 1)
        if place and self._joinable(runs[place - 1], run):
            run = runs[place - 1]
            self._absorb(run, place)
        return run

    @staticmethod
    def _joinable(left: Run, right: Run) -> bool:
        return (
            left.site is right.site
            and left.level == right.level
            and left.seq + left.length == right.seq
            and right.head < 0
        )

    def _absorb(self, left: Run, place: int) -> None:
        self._change(left)
        runs = self._chunk[left.chunk].runs
        right = runs[place]
        del runs[place]
        if right is self._last_found:
            self._last_found = left
            if left.level & 1:
                self._last_found_start -= left.length
        left.length += right.length
        if self.indexed:
            self._indexes[right.site.index].remove(right.seq)

    def _split_chunk(self, chunk: Chunk) -> None:
        """Split an overlong chunk into ones that are about half full."""
        runs = chunk.runs
        count = max(2, 2 * len(runs) // self._chunk_max)
        length = -(-len(runs) // count)
        chunk.runs = runs[:length]
        group = chunk.group
        rights: list[Chunk] = []
        for low in range(length, len(runs), length):
            right = self._new_chunk(group)
            right.runs = runs[low : low + length]
            number = right.number
            for run in right.runs:
                run.chunk = number
                if run.level & 1:
                    right.size += run.length
            chunk.size -= right.size
            if self.changes is not None:
                self.changes.split(right)
            rights.append(right)
        place = group.chunks.index(chunk) + 1
        group.chunks[place:place] = rights
        if len(group.chunks) > self._group_max:
            self._split_group(group)

    def _split_group(self, group: Group) -> None:
        chunks = group.chunks
        section = group.section
        count = max(2, 2 * len(chunks) // self._group_max)
        length = -(-len(chunks) // count)
        group.chunks = chunks[:length]
        group.page = None  # no run changed, but a group unpacked just now may be too long for one page
        rights: list[Group] = []
        for low in range(length, len(chunks), length):
            right = Group(section)
            right.chunks = chunks[low : low + length]
            for chunk in right.chunks:
                chunk.group = right
                right.size += chunk.size
            group.size -= right.size
            rights.append(right)
        place = section.groups.index(group) + 1
        section.groups[place:place] = rights
        if len(section.groups) > self._section_max:
            self._split_section(section)

    def _split_section(self, section: Section) -> None:
        groups = section.groups
        count = max(2, 2 * len(groups) // self._section_max)
        length = -(-len(groups) // count)
        section.groups = groups[:length]
        rights: list[Section] = []
        for low in range(length, len(groups), length):
            right = Section()
            right.groups = groups[low : low + length]
            for group in right.groups:
                group.section = right
                right.size += group.size
            section.size -= right.size
            rights.append(right)
        place = self.sections.index(section) + 1
        self.sections[place:place] = rights

    # Validator

    def check(self) -> None:
        """Assert every invariant."""
        # Visible lengths: each level is the sum of the one below. Sealed groups stay sealed.
        total = 0
        for section in self.sections:
            assert section.groups, "an empty section"
            assert len(section.groups) <= self._section_max, len(section.groups)
            section_size = 0
            for group in section.groups:
                assert group.section is section
                if group.sealed is not None:
                    assert not group.chunks
                    assert group.size == group.sealed.size
                    assert group.page is group.sealed.page
                    section_size += group.size
                    continue
                assert group.chunks, "an empty group"
                assert len(group.chunks) <= self._group_max, len(group.chunks)
                group_size = 0
                for chunk in group.chunks:
                    assert chunk.group is group
                    assert chunk.runs or (self.size == 0 and self.first() is None), "empty chunk"
                    assert len(chunk.runs) <= self._chunk_max, len(chunk.runs)
                    size = 0
                    for run in chunk.runs:
                        assert run.chunk == chunk.number, run
                        assert run.length > 0, run
                        assert run.level > 0, run
                        if run.level & 1:
                            size += run.length
                    assert size == chunk.size, (size, chunk.size)
                    if chunk is self._last_chunk:
                        start = total + section_size + group_size
                        assert self._last_chunk_start == start, (self._last_chunk_start, start)
                    group_size += size
                assert group_size == group.size, (group_size, group.size)
                section_size += group_size
            assert section_size == section.size, (section_size, section.size)
            total += section_size
        assert total == self.size, (total, self.size)

        if self._last_found is not None:
            last_found = self._last_found
            start = self._last_found_start
            self._last_found = self._last_chunk = None
            assert self.offset_of(last_found) == start, (start, last_found)

        # Characters: each of each site exactly once, and heads only at the start of a run.
        if self._sealed:
            return
        by_site: dict[int, tuple[Site, list[Run]]] = {}
        for run in self:
            by_site.setdefault(run.site.index, (run.site, []))[1].append(run)
        for site, runs in by_site.values():
            runs.sort(key=lambda run: run.seq)
            seq = 0
            starts = {run.seq for run in runs}
            for run in runs:
                assert run.seq == seq, (run, seq)
                seq += run.length
            assert seq == site.count, (seq, site.count)
            if site.id not in self.unread:
                for head in site.head_seq:
                    assert head in starts, (site.id, head)
                for run in runs:
                    assert run.head == site.head_at(run.seq), run

            # The index from seq to run.
            if self.indexed:
                assert self._runs_of(site) == runs
                if site.index in self._indexes:
                    self._indexes[site.index].check(runs)


_seq_of: Final = attrgetter("seq")
