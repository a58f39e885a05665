"""Edits by this replica, applied to the runs and to its own log. Chooses where each new character hangs."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from crdt.binary import NUMBER_MAX
from crdt.ids import stride
from crdt.messages import INSERTED, LEVEL_MAX
from crdt.order import Order
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import NO_HEAD, NO_SITE, Site
from crdt.sites import Sites

COUNTERS_LEFT: Final = NUMBER_MAX // 2
"""Largest counter that prepends reach without checking. Only a malicious peer brings a counter close to the maximum."""


NOT: Final = 0
FORWARDS: Final = 1
BACKWARDS: Final = 2


class LocalEdits:
    """Applies edits at offsets under this replica's own site."""

    __slots__ = ("_all", "_order", "_own", "_runs", "_stride", "continues")

    def __init__(self, sites: Sites, runs: RunList, order: Order) -> None:
        self._all: Final = sites.all
        self._own: Final = sites.own
        self._runs: Final = runs
        self._order: Final = order
        self._stride: Final = stride(sites.own.id)
        self.continues = NOT
        """How the next character could continue the last insertion: NOT, FORWARDS or BACKWARDS."""

    def erase(self, start: int, end: int) -> None:
        runs = self._runs
        own = self._own
        run: Run | None
        run, inside = runs.find(start)
        if inside:
            run = runs.split(run, inside)
        rest = end - start
        while rest:
            assert run is not None
            if run.level & 1:
                if run.length > rest:
                    runs.split(run, rest)
                rest -= run.length
                runs.set_level(run, run.level + 1)
                own.add_raise(run.site.index, run.seq, run.length, False, run.level)
                run = runs.join(run)
            if rest:
                run = runs.after(run)

    def insert(self, start: int, text: str) -> Run:
        """Insert at an offset and return the run that ends with the new text.

        The choices of parent and counter are ours; other replicas understand any.
        """
        runs = self._runs
        own = self._own
        left: Run | None = None
        counter = 0
        head = NO_HEAD
        prepends = False
        if start:
            left, inside = runs.find(start - 1)
            inside += 1
            right = runs.split(left, inside) if inside < left.length else runs.after(left)
            parent_site, parent = left.site.index, left.seq + inside - 1
        else:
            right = runs.first()
            parent_site, parent = NO_SITE, 0
        while True:
            newest = self._newest_nearby(left, right)
            if newest is not None or right is None:
                counter = self._stride
                break
            hangs_site, hangs, hangs_counter = right.origin()
            if hangs_site != parent_site or (hangs != parent and left is not None):
                counter = self._stride
                break
            counter = hangs_counter + (1 if right.site.own else self._stride)
            if counter <= NUMBER_MAX:
                prepends = right.site is own and right.seq + 1 == own.count and right.level == INSERTED
                break
            # The last counters are taken, so nothing can go before that character below this parent. Delete it,
            # insert it again after mine, and hang mine below the deleted one.
            left, text = self._step_over(right, text)
            right = runs.after(left)
            parent_site, parent = left.site.index, left.seq + left.length - 1
        if newest is not None:
            # Nothing hangs below my newest character, deleted or not: my run of ids continues.
            parent_site, parent, counter = own.index, own.count - 1, 0
        else:
            head = own.add_head(parent_site, parent, counter)
            newest = left
        if newest is not None and head < 0 and newest.level == INSERTED:
            runs.lengthen(newest, len(text))
            run = newest
        else:
            run = runs.insert(newest, own, own.count, len(text), INSERTED, head)
            runs.remember(run, start)
        if self._order.crowded:
            self._order.note(parent_site, parent, counter, own, 1)
        own.append(text)
        own.clock += len(text)
        if len(text) > 1:
            self.continues = NOT
        else:
            self.continues = BACKWARDS if prepends and counter < COUNTERS_LEFT else FORWARDS
        return run

    def _step_over(self, run: Run, text: str) -> tuple[Run, str]:
        """Delete the first character of a run unless it is deleted; return the run that now ends with it, and its
        text appended to `text`."""
        runs = self._runs
        site, seq = run.site, run.seq
        if run.level & 1:
            level = run.level + 1
            run = runs.erase_one(run, 0)
            self._own.add_raise(site.index, seq, 1, False, level)
            text += site.slice(seq, seq + 1)
        if seq + 1 < run.seq + run.length:
            runs.split(run, seq + 1 - run.seq)
        return run, text

    def _newest_nearby(self, left: Run | None, right: Run | None) -> Run | None:
        """Return the run that ends with my newest character, if that is at the caret and nothing hangs below it.

        It is the visible character left of the caret, or the last of my deleted ones directly after it (type,
        backspace, type).
        """
        own = self._own
        run, following = left, right
        if run is None or run.site is not own or run.seq + run.length != own.count:
            seq = right.seq if right is not None else 0
            while True:
                run = following
                if run is None or run.site is not own or run.seq != seq or run.level & 1:
                    return None
                seq += run.length
                following = self._runs.after(run)
                if seq == own.count:
                    break
        if following is not None:
            hangs_site, hangs, _ = following.origin()
            if hangs_site == own.index and hangs == own.count - 1:
                return None
        return run

    def undo_range(self, site: Site, begin: int, end: int, runs_max: int = 0) -> int:
        """Undo the operations of a site of mine from clock `begin` to `end`, newest first.

        With `runs_max` only until so many runs were gone through. Return the first clock that is undone.
        """
        clock = end
        left = runs_max
        while clock > begin:
            if runs_max and left <= 0:
                return clock
            at = bisect_left(site.raise_clock, clock) - 1
            past = clock
            if at >= 0:
                past = clock - site.raise_clock[at] - site.raise_length(at)
                if past <= 0:
                    low = max(begin, site.raise_clock[at])
                    target, seq, step, level = site.raised(at, low)
                    last = seq + step * (clock - low - 1)
                    other, wanted = self._all[target], not level & 1
                    first, behind = min(seq, last), max(seq, last) + 1
                    if runs_max:
                        # The newest of these operations are those on its last characters, or on its first ones.
                        if step < 0:
                            behind, left = self._within(other, first, behind, left)
                        else:
                            first, left = self._within_last(other, first, behind, left)
                        low = clock - (behind - first)
                    self.show(other, first, behind, wanted)
                    clock = low
                    continue
            low = max(begin, clock - past)
            seq = site.seq_of(low)
            behind = seq + clock - low
            if runs_max:
                seq, left = self._within_last(site, seq, behind, left)
                low = clock - (behind - seq)
            self.show(site, seq, behind, False)
            clock = low
        return clock

    def _within(self, site: Site, low: int, high: int, runs_max: int) -> tuple[int, int]:
        """Return the end of the first `runs_max` runs of characters `low` to `high`, and how many fewer runs they are."""
        seq = low
        while seq < high and runs_max > 0:
            run = self._runs.run_of(site, seq)
            seq = min(high, run.seq + run.length)
            runs_max -= 1
        return seq, runs_max

    def _within_last(self, site: Site, low: int, high: int, runs_max: int) -> tuple[int, int]:
        """Return the start of the last `runs_max` runs of characters `low` to `high`, and how many fewer runs they are."""
        seq = high
        while seq > low and runs_max > 0:
            seq = max(low, self._runs.run_of(site, seq - 1).seq)
            runs_max -= 1
        return seq, runs_max

    def show(self, site: Site, low: int, high: int, wanted: bool) -> None:
        """Raise levels as my own edit, to show characters or to hide them."""
        runs = self._runs
        while low < high:
            run = runs.run_of(site, low)
            end = min(high, run.seq + run.length)
            if bool(run.level & 1) != wanted and run.level < LEVEL_MAX:
                if low > run.seq:
                    run = runs.split(run, low - run.seq)
                if end < run.seq + run.length:
                    runs.split(run, end - run.seq)
                runs.set_level(run, run.level + 1)
                self._own.add_raise(site.index, low, end - low, False, run.level)
                runs.join(run)
            low = end
