"""The document's order: runs in chunks in groups, with visible lengths at each level.

A *run* is neighbours in the document that are neighbours by seq in one site, with one level; so where a run begins
and ends is layout, not meaning. Runs know no text, no parents and nothing from the network: `site.Site` has the text
and where each character hangs.

    group   12 visible ─┬─ chunk 7 visible ── run (A, 0..3) level 1, run (A, 4..6) level 2, run (B, 0..2) level 1
                        └─ chunk 5 visible ── run (A, 7..11) level 1

Finding an offset walks groups, then chunks, then runs: with 32 to 64 of each in the one above it stays short up to
some millions of runs. Flat lists, gap buffers, linked nodes and splay trees all lose in CPython.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from .changes import Changes
from .places import Places
from .site import NO_HEAD, Site

CHUNK_MAX: Final = 48
"""Runs in a chunk. Measured on the automerge-paper trace, 32 to 64 are alike, 128 slower: the scan inside a chunk is
what costs pure Python the most."""

GROUP_MAX: Final = 64
"""Chunks in a group."""

WALK_MAX: Final = 64
"""Runs skipped to place a foreign insertion before the parent's children are listed (see `order.py`): two people who
prepend ten thousand lines each at one place would otherwise walk a hundred million steps."""


EARLY_BYTES_MAX: Final = 32 * 2**20
"""Operations whose past is missing are kept up to this much. What comes beyond it is left: versions do not count it,
so the next exchange by version brings it again."""


class Layout(NamedTuple):
    """Sizes that mean nothing to the text. Tests make them tiny, so that ten keystrokes split everything."""

    chunk_max: int = CHUNK_MAX
    group_max: int = GROUP_MAX
    walk_max: int = WALK_MAX
    early_bytes_max: int = EARLY_BYTES_MAX


DEFAULT_LAYOUT: Final = Layout()


class Run:
    __slots__ = ("chunk", "head", "length", "level", "seq", "site")

    def __init__(self, site: Site, seq: int, length: int, level: int, head: int) -> None:
        self.site: Final = site
        self.seq = seq
        """The seq of its first character."""
        self.length = length
        self.level = level
        self.head = head
        """The place of its first character among the site's heads; NO_HEAD if that follows the one before by seq."""
        self.chunk: Chunk

    def origin(self) -> tuple[int, int, int]:
        """Of the first character: index of the parent's site (NO_SITE for none), the parent's seq, and the counter."""
        site = self.site
        head = self.head
        if head < 0:
            return site.index, self.seq - 1, 0
        return site.head_parent_site[head], site.head_parent[head], site.head_counter[head]

    def __repr__(self) -> str:
        return f"Run({self.site.id}, {self.seq}..{self.seq + self.length - 1}, level {self.level})"


class Chunk:
    __slots__ = ("group", "runs", "size")

    def __init__(self, group: Group) -> None:
        self.runs: list[Run] = []
        self.size = 0
        """Visible characters."""
        self.group = group


class Group:
    __slots__ = ("chunks", "size")

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.size = 0


class RunList:
    """All runs of a document. `size` counts the visible characters."""

    __slots__ = (
        "_block_max",
        "_chunk_max",
        "_group_max",
        "_hint",
        "_hint_start",
        "_near",
        "_near_start",
        "changes",
        "groups",
        "indexed",
        "size",
    )

    def __init__(self, layout: Layout) -> None:
        self._chunk_max: Final = layout.chunk_max
        self._group_max: Final = layout.group_max
        self._block_max: Final = 8 * layout.chunk_max
        group = Group()
        group.chunks.append(Chunk(group))
        self.groups = [group]
        self.size = 0
        self.indexed = False
        """Whether the sites' indexes from seq to run are kept up. Typing alone needs none."""
        self.changes: Changes | None = None
        """Notes what is touched, while somebody wants to know."""
        # The chunk and the visible run that were found last, and the offsets at which they begin.
        self._hint: Chunk | None = None
        self._hint_start = 0
        self._near: Run | None = None
        self._near_start = 0

    def __iter__(self) -> Iterator[Run]:
        for group in self.groups:
            for chunk in group.chunks:
                yield from chunk.runs

    # Finding

    def find(self, offset: int) -> tuple[Run, int]:
        """The run and the place in it of the visible character at `offset`."""
        near = self._near
        if near is not None:
            rest = offset - self._near_start
            if 0 <= rest < near.length:
                return near, rest
        hint = self._hint
        if hint is not None and self._hint_start <= offset < self._hint_start + hint.size:
            chunk = hint
            rest = offset - self._hint_start
        else:
            rest = offset
            for group in self.groups:
                if rest < group.size:
                    break
                rest -= group.size
            for chunk in group.chunks:
                if rest < chunk.size:
                    break
                rest -= chunk.size
            self._hint = chunk
            self._hint_start = offset - rest
        for run in chunk.runs:
            if run.level & 1:
                if rest < run.length:
                    self._near = run
                    self._near_start = offset - rest
                    return run, rest
                rest -= run.length
        raise AssertionError(f"offset {offset} is not in a text of {self.size}")

    def offset_of(self, run: Run) -> int:
        """The visible characters before a run."""
        if run is self._near:
            return self._near_start
        chunk = run.chunk
        offset = 0
        for other in chunk.runs:
            if other is run:
                break
            if other.level & 1:
                offset += other.length
        if chunk is not self._hint:
            group = chunk.group
            before = 0
            for earlier in self.groups:
                if earlier is group:
                    break
                before += earlier.size
            for sibling in group.chunks:
                if sibling is chunk:
                    break
                before += sibling.size
            self._hint = chunk
            self._hint_start = before
        return offset + self._hint_start

    def remember(self, run: Run, start: int) -> None:
        """Keep in mind that a visible run begins at an offset."""
        self._near = run
        self._near_start = start

    def first(self) -> Run | None:
        runs = self.groups[0].chunks[0].runs
        return runs[0] if runs else None

    def after(self, run: Run) -> Run | None:
        """The run that follows in the document."""
        chunk = run.chunk
        place = chunk.runs.index(run) + 1
        if place < len(chunk.runs):
            return chunk.runs[place]
        group = chunk.group
        place = group.chunks.index(chunk) + 1
        if place < len(group.chunks):
            return group.chunks[place].runs[0]
        place = self.groups.index(group) + 1
        if place < len(self.groups):
            return self.groups[place].chunks[0].runs[0]
        return None

    def ahead_of(self, run: Run) -> Run | None:
        """The run that comes before in the document."""
        chunk = run.chunk
        place = chunk.runs.index(run)
        if place:
            return chunk.runs[place - 1]
        group = chunk.group
        place = group.chunks.index(chunk)
        if place:
            return group.chunks[place - 1].runs[-1]
        place = self.groups.index(group)
        if place:
            return self.groups[place - 1].chunks[-1].runs[-1]
        return None

    def holding(self, site: Site, seq: int) -> Run:
        """The run that has a known character. O(log runs); the first call builds the index, O(runs log runs)."""
        if not self.indexed:
            self._index()
        assert site.places is not None
        return site.places.holding(seq)

    def _index(self) -> None:
        by_site: dict[int, list[Run]] = {}
        for group in self.groups:
            for chunk in group.chunks:
                for run in chunk.runs:
                    runs = by_site.get(run.site.index)
                    if runs is None:
                        by_site[run.site.index] = [run]
                    else:
                        runs.append(run)
        for runs in by_site.values():
            runs.sort(key=seq_of)
            runs[0].site.places = Places(runs, self._block_max)
        self.indexed = True

    # Changing

    def fill(self, runs: list[Run], by_site: list[list[Run]]) -> None:
        """Take in all runs of a document at once, and those of each site sorted by seq."""
        if not runs:
            return
        # Two thirds full: most of them will get a few more runs.
        chunk_runs = max(1, self._chunk_max * 2 // 3)
        group_chunks = max(1, self._group_max * 2 // 3)
        self.groups.clear()
        for low in range(0, len(runs), chunk_runs):
            if not self.groups or len(self.groups[-1].chunks) >= group_chunks:
                self.groups.append(Group())
            group = self.groups[-1]
            chunk = Chunk(group)
            chunk.runs = runs[low : low + chunk_runs]
            for run in chunk.runs:
                run.chunk = chunk
                if run.level & 1:
                    chunk.size += run.length
            group.chunks.append(chunk)
            group.size += chunk.size
        self.size = sum(group.size for group in self.groups)
        for site_runs in by_site:
            if site_runs:
                site_runs[0].site.places = Places(site_runs, self._block_max)
        self.indexed = True

    def grow(self, run: Run, by: int) -> None:
        """Count visible characters that a run got or lost."""
        chunk = run.chunk
        chunk.size += by
        chunk.group.size += by
        self.size += by
        if chunk is not self._hint:
            self._hint = None
        if run is not self._near:
            self._near = None

    def insert(self, before: Run | None, site: Site, seq: int, length: int, level: int, head: int) -> Run:
        """Put a new run after `before`, or first of all."""
        if before is None:
            chunk = self.groups[0].chunks[0]
            place = 0
        else:
            chunk = before.chunk
            place = chunk.runs.index(before) + 1
        if self.changes is not None:
            self.changes.touch(chunk)
        run = Run(site, seq, length, level, head)
        if level & 1:
            run.chunk = chunk
            self.grow(run, length)
        self._put(run, chunk, place)
        return run

    def prepend(self, run: Run, count: int) -> Run:
        """Put runs of one visible character before `run`, one before the other, each a head; return the last one.

        They are the next characters of its site.
        """
        site = run.site
        first_head = run.head + 1 - site.count
        new = [
            Run(site, seq, 1, run.level, first_head + seq) for seq in range(site.count, site.count + count)
        ]
        chunk = run.chunk
        for each in new:
            each.chunk = chunk
        self.grow(run, count)
        if site.places is not None:
            site.places.add_newest(new)
        place = chunk.runs.index(run)
        chunk.runs[place:place] = new[::-1]
        if len(chunk.runs) > self._chunk_max:
            self._split_chunk(chunk)
        return new[-1]

    def split(self, run: Run, at: int) -> Run:
        """Cut a run before its character number `at` and return the right part; `run` becomes the left one."""
        chunk = run.chunk
        if self.changes is not None:
            self.changes.touch(chunk)
        right = Run(run.site, run.seq + at, run.length - at, run.level, NO_HEAD)
        run.length = at
        self._put(right, chunk, chunk.runs.index(run) + 1)
        return right

    def _put(self, run: Run, chunk: Chunk, place: int) -> None:
        """Put a run that is counted already into its place."""
        run.chunk = chunk
        runs = chunk.runs
        runs.insert(place, run)
        if self.indexed:
            site = run.site
            if site.places is None:
                site.places = Places([run], self._block_max)
            else:
                site.places.add(run)
        if len(runs) > self._chunk_max:
            self._split_chunk(chunk)

    def erase_one(self, run: Run, at: int) -> Run:
        """Raise the level of one character of a run; return the run that has it then."""
        length = run.length
        if self.changes is not None:
            self.changes.touch(run.chunk)
        if length > 1:
            level = run.level + 1
            runs = run.chunk.runs
            if at == length - 1:
                place = runs.index(run) + 1
                if place < len(runs):
                    after = runs[place]
                    if (
                        after.level == level
                        and after.site is run.site
                        and after.seq == run.seq + length
                        and after.head < 0
                    ):
                        self.shift(run, after, 1)
                        return after
                run.length = length - 1
                self.grow(run, -1)
                return self.insert(run, run.site, run.seq + length - 1, 1, level, NO_HEAD)
            if at:
                run = self.split(run, at)
            elif run.head < 0:
                place = runs.index(run)
                if place:
                    before = runs[place - 1]
                    if (
                        before.level == level
                        and before.site is run.site
                        and before.seq + before.length == run.seq
                    ):
                        self.shift_forward(before, run, 1)
                        return before
            self.split(run, 1)
        self.set_level(run, run.level + 1)
        return self.join(run)

    def lengthen(self, run: Run, by: int) -> None:
        """Add characters at the end of a visible run."""
        if self.changes is not None:
            self.changes.touch(run.chunk)
        run.length += by
        self.grow(run, by)

    def shift_forward(self, left: Run, right: Run, by: int) -> None:
        """Give the first `by` characters of a visible run to the deleted one before it."""
        if right.site.places is not None:
            right.site.places.move(right.seq, by)
        left.length += by
        right.seq += by
        right.length -= by
        self.grow(right, -by)

    def shift(self, left: Run, right: Run, by: int) -> None:
        """Give the last `by` characters of a visible run to the deleted one that follows it."""
        if right.site.places is not None:
            right.site.places.move(right.seq, -by)
        left.length -= by
        right.seq -= by
        right.length += by
        self.grow(left, -by)

    def set_level(self, run: Run, level: int) -> None:
        if self.changes is not None:
            self.changes.touch(run.chunk)
        if (level ^ run.level) & 1:
            if level & 1:
                self.grow(run, run.length)
            else:
                self.grow(run, -run.length)
                # It no longer shows, so nothing is found in it.
                self._near = None
        run.level = level

    def join(self, run: Run) -> Run:
        """Join a run with its neighbours in its chunk where they make one run, and return that."""
        runs = run.chunk.runs
        place = runs.index(run)
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
        runs = left.chunk.runs
        right = runs[place]
        del runs[place]
        left.length += right.length
        if right is self._near:
            self._near = None
        if right.site.places is not None:
            right.site.places.remove(right.seq)

    def _split_chunk(self, chunk: Chunk) -> None:
        """Part a chunk that is too long into ones that are about half full."""
        runs = chunk.runs
        count = max(2, 2 * len(runs) // self._chunk_max)
        length = -(-len(runs) // count)
        chunk.runs = runs[:length]
        group = chunk.group
        rights: list[Chunk] = []
        for low in range(length, len(runs), length):
            right = Chunk(group)
            right.runs = runs[low : low + length]
            for run in right.runs:
                run.chunk = right
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
        count = max(2, 2 * len(chunks) // self._group_max)
        length = -(-len(chunks) // count)
        group.chunks = chunks[:length]
        rights: list[Group] = []
        for low in range(length, len(chunks), length):
            right = Group()
            right.chunks = chunks[low : low + length]
            for chunk in right.chunks:
                chunk.group = right
                right.size += chunk.size
            group.size -= right.size
            rights.append(right)
        place = self.groups.index(group) + 1
        self.groups[place:place] = rights

    # Checking

    def check(self) -> None:
        """Assert every invariant."""
        # Visible lengths: each level is the sum of the one below.
        total = 0
        for group in self.groups:
            assert group.chunks, "an empty group"
            assert len(group.chunks) <= self._group_max, len(group.chunks)
            group_size = 0
            for chunk in group.chunks:
                assert chunk.group is group
                assert chunk.runs or (self.size == 0 and len(self.groups) == 1 and len(group.chunks) == 1), (
                    "empty chunk"
                )
                assert len(chunk.runs) <= self._chunk_max, len(chunk.runs)
                size = 0
                for run in chunk.runs:
                    assert run.chunk is chunk, run
                    assert run.length > 0, run
                    assert run.level > 0, run
                    if run.level & 1:
                        size += run.length
                assert size == chunk.size, (size, chunk.size)
                if chunk is self._hint:
                    assert self._hint_start == total + group_size, (self._hint_start, total + group_size)
                group_size += size
            assert group_size == group.size, (group_size, group.size)
            total += group_size
        assert total == self.size, (total, self.size)

        if self._near is not None:
            assert self._near.level & 1
            near = self._near
            start = self._near_start
            self._near = self._hint = None
            found, inside = self.find(start)
            assert found is near and not inside, (start, near, found)

        # Characters: each of each site exactly once, and heads only at the beginning of a run.
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
            for head in site.head_seq:
                assert head in starts, (site.id, head)
            for run in runs:
                assert run.head == site.head_at(run.seq), run

            # The index from seq to run.
            if self.indexed:
                assert site.places is not None
                site.places.check(runs)


def seq_of(run: Run) -> int:
    return run.seq
