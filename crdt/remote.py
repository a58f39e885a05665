"""Applies operations of other replicas to the runs, and keeps early ones until their past arrives."""

from __future__ import annotations

from typing import Final

from crdt.errors import ForeignOp
from crdt.messages import (
    AGAIN,
    ANNOUNCE,
    DELETED,
    GO_ON,
    INSERT,
    INSERTED,
    MARK,
    RAISE_DOWN,
    RAISE_UP,
    Batch,
    Op,
    split_turns,
)
from crdt.order import Order
from crdt.pending import PendingState
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import NO_HEAD, NO_SITE, Site
from crdt.sites import Sites
from crdt.validate import Validator


class RemoteChanges:
    """Applies operations that were validated."""

    __slots__ = (
        "_all",
        "_awaited",
        "_by_id",
        "_bytes",
        "_bytes_max",
        "_order",
        "_runs",
        "_sites",
        "_validator",
        "early",
    )

    def __init__(
        self, sites: Sites, runs: RunList, order: Order, checking: Validator, early_bytes_max: int
    ) -> None:
        self._sites: Final = sites
        self._all: Final = sites.all
        self._by_id: Final = sites.by_id
        self._runs: Final = runs
        self._order: Final = order
        self._validator: Final = checking
        self.early: Final[dict[int, dict[tuple[int, int], Batch]]] = {}
        """Batches whose past is missing, by site and clocks."""
        self._awaited: Final[dict[int, set[int]]] = {}
        """For each site, the sites whose early batches wait for it."""
        self._bytes = 0
        self._bytes_max: Final = early_bytes_max

    def take(self, batch: Batch) -> bool:
        """Apply a validated batch as far as its past is known, and keep the rest. Return whether anything was new."""
        begin = self._sites.clock(batch.site)
        if batch.clock != begin:
            batch.ops = split_turns(batch.ops, batch.site)
        for at, op in enumerate(batch.ops):
            site = self._by_id.get(batch.site)
            clock = site.clock if site is not None else 0
            if op.count and op.clock + op.count <= clock:
                continue
            if op.clock > clock:
                waits_for = batch.site
            elif self._apply(batch.site, op, clock - op.clock):
                continue
            elif op.kind == AGAIN:
                waits_for = self._validator.before(op.clock, batch.site, PendingState(batch.site, clock, 0))[
                    0
                ]
            else:
                waits_for = op.other_site
            self._keep(Batch(batch.site, op.clock, batch.end, batch.ops[at:], batch.size_bytes), waits_for)
            break
        return self._sites.clock(batch.site) > begin

    def _apply(self, number: int, op: Op, skip: int) -> bool:
        """Apply one operation except its first `skip` parts; False if its past is missing."""
        if op.kind == ANNOUNCE:
            if not skip:
                site = self._sites.site(number)
                site.author, site.started = op.text, op.number
            return True
        if op.kind == MARK:
            if not skip:
                self._sites.site(number).mark(op.number)
            return True
        site = self._sites.site(number)
        seq = op.seq
        if seq < 0:
            found = self._validator.resolve(op, number, PendingState(number, site.clock, site.count), {})
            if found is None:
                self._apply_what_is_here(site, op, skip)
                return False
            seq = found
        if op.kind in (GO_ON, INSERT):
            parent_site, counter = site.index, 0
            if op.kind == GO_ON or skip:
                seq = site.count - 1
            else:
                parent_site = NO_SITE if op.other_clock < 0 else self._sites.site(op.other_site).index
                counter = op.number
            if op.turns:
                self._insert_in_turns(site, parent_site, seq, counter, op.text, op.turns)
            else:
                self.insert(site, parent_site, seq, counter, op.text[skip:])
        elif op.kind == AGAIN:
            target, _, level = site.raise_at(site.clock - 1) or (0, 0, 0)
            self.raise_levels(site, self._all[target], seq, 1, True, level)
        else:
            down = op.kind == RAISE_DOWN
            other = self._sites.site(op.other_site)
            self.raise_levels(
                site, other, seq - skip if down else seq + skip, op.count - skip, down, op.number
            )
        return True

    def _apply_what_is_here(self, site: Site, op: Op, skip: int) -> None:
        """Delete the known part of a stretch whose end is unknown: where a stretch is split must have no meaning."""
        other = self._by_id.get(op.other_site)
        if op.kind != RAISE_UP or other is None or op.other_clock >= other.clock:
            return
        seq = other.seq_of(op.other_clock) + skip
        if seq < other.count:
            self.raise_levels(site, other, seq, other.count - seq, False, op.number)

    def insert(self, site: Site, parent_site: int, parent_seq: int, counter: int, text: str) -> Run:
        """Insert the next characters of a site, and return the run that ends with them."""
        runs = self._runs
        parent = self._parent(parent_site, parent_seq)
        goes_on = parent_site == site.index and parent_seq == site.count - 1 and not counter
        head = NO_HEAD if goes_on else site.add_head(parent_site, parent_seq, counter)
        before = self._order.place(parent, counter, site)
        if goes_on and before is parent and parent is not None and parent.level == INSERTED:
            runs.lengthen(parent, len(text))
            run = parent
        else:
            run = runs.insert(before, site, site.count, len(text), INSERTED, head)
            if parent is not None and before is not parent:
                runs.join(parent)
        site.append(text)
        site.clock += len(text)
        return run

    def _parent(self, site: int, seq: int) -> Run | None:
        """Return the run that ends with a character, splitting it if necessary; None for the start of the document."""
        if site == NO_SITE:
            return None
        parent = self._runs.run_of(self._all[site], seq)
        if seq + 1 < parent.seq + parent.length:
            self._runs.split(parent, seq + 1 - parent.seq)
        return parent

    def _insert_in_turns(
        self, site: Site, parent_site: int, parent_seq: int, counter: int, text: str, turns: list[int]
    ) -> None:
        """Insert characters that are typed and deleted in turn: make their runs first, then insert all of them at
        once."""
        parent = self._parent(parent_site, parent_seq)
        goes_on = parent_site == site.index and parent_seq == site.count - 1 and not counter
        head = NO_HEAD if goes_on else site.add_head(parent_site, parent_seq, counter)
        before = self._order.place(parent, counter, site)
        new: list[Run] = []
        end = site.count
        for turn, count in enumerate(turns):
            if not turn & 1:
                new.append(Run(site, end, count, INSERTED, NO_HEAD if turn else head))
                end += count
                continue
            last = new[-1]
            if count < last.length:
                last.length -= count
                new.append(Run(site, end - count, count, DELETED, NO_HEAD))
            elif len(new) == 1:
                last.level = DELETED
            else:
                # The characters before it are deleted, too.
                new.pop()
                new[-1].length += count
        site.add_turns(text, turns)
        self._runs.insert_newest(before, new)
        if goes_on:
            self._runs.join(new[0])
        elif parent is not None and before is not parent:
            self._runs.join(parent)

    def raise_levels(self, site: Site, other: Site, seq: int, count: int, down: bool, level: int) -> None:
        """Raise the level of `count` characters of `other` from `seq` on, backwards if `down`."""
        runs = self._runs
        site.add_raise(other.index, seq, count, down, level)
        low, high = (seq - count + 1, seq + 1) if down else (seq, seq + count)
        while low < high:
            run = runs.run_of(other, low)
            end = min(high, run.seq + run.length)
            if run.level == level - 1 and end == low + 1 and run.level & 1:
                runs.erase_one(run, low - run.seq)
            elif run.level < level:
                if low > run.seq:
                    run = runs.split(run, low - run.seq)
                if end < run.seq + run.length:
                    runs.split(run, end - run.seq)
                runs.set_level(run, level)
                runs.join(run)
            low = end

    def _keep(self, batch: Batch, waits_for: int) -> None:
        kept = self.early.get(batch.site)
        if kept is not None and (batch.clock, batch.end) in kept:
            return
        if self._bytes + batch.size_bytes > self._bytes_max:
            return
        if kept is None:
            kept = self.early[batch.site] = {}
        kept[batch.clock, batch.end] = batch
        self._bytes += batch.size_bytes
        self._awaited.setdefault(waits_for, set()).add(batch.site)

    def retry(self, moved: set[int], all_moved: set[int]) -> None:
        """Apply early operations whose past has arrived, after some sites moved. Adds every other site that moves to
        `all_moved`."""
        while moved:
            waiting = self._awaited.pop(moved.pop(), None)
            for number in sorted(waiting) if waiting is not None else ():
                kept = self.early.pop(number, {})
                site = self._by_id.get(number)
                clock = site.clock if site is not None else 0
                all_moved.add(number)
                for _, batch in sorted(kept.items()):
                    self._bytes -= batch.size_bytes
                    try:
                        self.take(batch)
                    except ForeignOp:
                        # It could be validated only once its past was here. Drop it; operations that refer to it wait
                        # forever, and the message that brought the past stays valid.
                        continue
                site = self._by_id.get(number)
                if site is not None and site.clock > clock:
                    moved.add(number)
