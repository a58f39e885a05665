"""Validates a message: references, known operations, and operations with equal ids.

Runs before any of a message is applied, and changes nothing. Shapes are checked earlier, in `binary` and `messages`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Final

from crdt.errors import Contradiction, ForeignOp, Irrevocable
from crdt.messages import (
    AGAIN,
    ANNOUNCE,
    FORGOTTEN,
    GO_ON,
    INSERT,
    INSERTED,
    LEVEL_MAX,
    LEVEL_STEP_MAX,
    MARK,
    RAISE_DOWN,
    RAISE_UP,
    Batch,
    Op,
    split_turns,
)
from crdt.pending import Fact, PendingState
from crdt.runs import RunList
from crdt.site import NO_SITE, Site
from crdt.sites import Sites


class Validator:
    """Validates messages against the operations the sites have."""

    __slots__ = ("_all", "_by_id", "_own", "_runs", "_sites")

    def __init__(self, sites: Sites, runs: RunList) -> None:
        self._runs: Final = runs
        self._sites: Final = sites
        self._all: Final = sites.all
        self._by_id: Final = sites.by_id
        self._own: Final = sites.own

    def check(self, batches: list[Batch]) -> None:
        """Raise ForeignOp if anything in the message is invalid; change nothing."""
        pending: dict[int, PendingState] = {}
        for batch in batches:
            site = self._by_id.get(batch.site)
            if site is self._own and batch.end > site.clock:
                raise Contradiction("somebody else uses this replica's site")
            known = site.clock if site is not None else 0
            state = pending.get(batch.site)
            if state is None:
                state = pending[batch.site] = PendingState(
                    batch.site, known, site.count if site is not None else 0
                )
            if batch.clock != state.clock:
                # Some operations may be known or early: check each item separately.
                batch.ops = split_turns(batch.ops, batch.site)
            for op in batch.ops:
                if op.kind == ANNOUNCE:
                    if site is not None and known and (op.text, op.number) != (site.author, site.started):
                        raise Contradiction("a site announced twice, differently")
                    continue
                if op.kind == MARK:
                    continue
                if site is not None and op.clock < known:
                    self._compare(site, op, min(op.count, known - op.clock))
                if op.clock > state.clock:
                    # Too early, and so is the rest of the batch.
                    break
                seq = self.resolve(op, batch.site, state, pending)
                if seq is None:
                    break
                op.seq = seq
                fact = self._fact(op, seq, state)
                if op.clock < state.clock and op.clock + op.count > known:
                    state.compare(op, fact, known)
                if op.clock + op.count > state.clock:
                    state.add(op, fact)

    def check_sites(self, batches: list[Batch], reserved: Mapping[int, int], sender: int) -> None:
        """Raise Contradiction if an operation is new and belongs to a reserved site other than the sender's."""
        for batch in batches:
            known = reserved.get(batch.site, -1)
            if (
                known >= 0
                and batch.site != sender
                and batch.end > known
                and batch.end > self._sites.clock(batch.site)
            ):
                raise Contradiction("somebody else uses a reserved site")

    def check_steps(self, batches: list[Batch]) -> None:
        """Raise Irrevocable if an operation raises characters by more than `LEVEL_STEP_MAX`. O(operations, plus runs
        raised so high).

        The base is the lowest level of these characters, or the highest level to which the message has already raised
        any character of their site, without tracking which.
        """
        if not any(
            op.number > INSERTED + LEVEL_STEP_MAX and op.kind in (RAISE_UP, RAISE_DOWN)
            for batch in batches
            for op in batch.ops
        ):
            return
        reached: dict[int, int] = {}
        for batch in batches:
            known = self._sites.clock(batch.site)
            for op in batch.ops:
                if op.kind not in (RAISE_UP, RAISE_DOWN) or op.clock + op.count <= known:
                    continue
                before = max(self._lowest_level(op), reached.get(op.other_site, 0))
                if op.number > before + LEVEL_STEP_MAX:
                    raise Irrevocable("a level raised so high that nobody could take it back")
                reached[op.other_site] = max(before, op.number)

    def _lowest_level(self, op: Op) -> int:
        """Return the lowest level of the characters that an operation raises; unknown characters count as new."""
        other = self._by_id.get(op.other_site)
        seq = other.seq_of(op.other_clock) if other is not None and op.other_clock < other.clock else -1
        low, high = (seq - op.count + 1, seq + 1) if op.kind == RAISE_DOWN else (seq, seq + op.count)
        if other is None or seq < 0 or low < 0 or high > other.count:
            return INSERTED
        lowest = LEVEL_MAX
        while low < high:
            run = self._runs.run_of(other, low)
            lowest = min(lowest, run.level)
            low = run.seq + run.length
        return lowest

    def resolve(self, op: Op, site: int, state: PendingState, pending: dict[int, PendingState]) -> int | None:
        """Return the seq that an operation refers to; None if its past is neither known nor earlier in the message.

        Raises ForeignOp if the reference can never be valid.
        """
        if op.kind == GO_ON:
            if not state.count and op.clock == state.clock:
                raise ForeignOp("typing goes on before a first character")
            return 0
        if op.kind == AGAIN:
            target, last, _ = self.before(op.clock, site, state)
            if not op.number:
                if not last:
                    raise ForeignOp("a deletion before the first character")
                return last - 1
            there = pending.get(target)
            known = self._by_id.get(target)
            chars = there.count if there is not None else known.count if known is not None else 0
            return last + 1 if last + 1 < chars else None
        if op.other_clock < 0:
            return 0
        seq, count = self._seq(op.other_site, op.other_clock, pending)
        if seq is None:
            return None
        if op.kind == RAISE_DOWN:
            if op.count > seq + 1:
                raise ForeignOp("a deletion before the first character")
        elif op.kind != INSERT and seq + op.count > count:
            return None
        return seq

    def before(self, clock: int, number: int, state: PendingState) -> tuple[int, int, int]:
        """Return target site, seq and level of the raise that a backspace or delete at `clock` continues."""
        site = self._by_id.get(number)
        found: tuple[int, int, int] | None = None
        if site is not None and clock <= site.clock:
            known = site.raise_at(clock - 1)
            if known is not None:
                found = self._all[known[0]].id, known[1], known[2]
        else:
            found = state.raise_at(clock - 1)
        if found is None:
            raise ForeignOp("a deletion like one that was none")
        return found

    def _seq(self, number: int, clock: int, pending: dict[int, PendingState]) -> tuple[int | None, int]:
        """Return the seq of a character that is known or earlier in the message, else None; and its site's character
        count."""
        site = self._by_id.get(number)
        state = pending.get(number)
        count = state.count if state is not None else site.count if site is not None else 0
        if site is not None and clock < site.clock:
            seq = site.seq_of(clock)
        elif state is not None and clock < state.clock:
            seq = state.seq_of(clock)
        else:
            return None, count
        if seq < 0:
            raise ForeignOp("a reference to an operation that is no character")
        return seq, count

    def _fact(self, op: Op, seq: int, state: PendingState) -> Fact:
        """Return the operation with its references resolved."""
        if op.kind in (GO_ON, INSERT):
            return False, op.other_site, op.other_clock, 0, op.number
        if op.kind == AGAIN:
            target, _, level = self.before(op.clock, state.site, state)
            return True, target, seq, 1 if op.number else -1, level
        return True, op.other_site, seq, -1 if op.kind == RAISE_DOWN else 1, op.number

    def _is_forgotten(self, site: Site, seq: int, known: str, told: str) -> bool:
        """Return whether texts of the same characters differ only where one side has forgotten them: such texts count
        as equal.

        The side that forgot has these characters deleted with LEVEL_MAX. A peer that was away may not have that
        deletion yet, so in an incoming message U+FFFD alone is enough. It changes nothing here, since known
        operations are not applied again.
        """
        for at, character in enumerate(known):
            other = told[at]
            if character == other or other == FORGOTTEN:
                continue
            if character != FORGOTTEN or self._runs.run_of(site, seq + at).level != LEVEL_MAX:
                return False
        return True

    def _compare(self, site: Site, op: Op, count: int) -> None:
        """Raise ForeignOp unless the first `count` of some known operations equal ours."""
        clock = op.clock
        if op.kind in (GO_ON, INSERT):
            seq = site.seq_of(clock)
            if seq < 0 or site.seq_of(clock + count - 1) != seq + count - 1:
                raise Contradiction("an insertion where we know a deletion")
            known = site.slice(seq, seq + count)
            if known != op.text[:count] and not self._is_forgotten(site, seq, known, op.text):
                raise Contradiction("an insertion of other text than we know")
            head = bisect_left(site.head_seq, seq)
            parent_site, parent, counter = site.origin(seq)
            if head < len(site.head_seq) and site.head_seq[head] == seq:
                head += 1
            if head < len(site.head_seq) and site.head_seq[head] < seq + count:
                raise Contradiction("an insertion in one place where we know two")
            if op.kind == GO_ON:
                same = parent_site == site.index and parent == seq - 1 and not counter
            elif op.other_clock < 0:
                same = parent_site == NO_SITE and counter == op.number
            else:
                same = (
                    parent_site != NO_SITE
                    and self._all[parent_site].id == op.other_site
                    and self._all[parent_site].clock_of(parent) == op.other_clock
                    and counter == op.number
                )
            if not same:
                raise Contradiction("an insertion in another place than we know")
            return
        if op.kind == AGAIN:
            before, now = site.raise_at(clock - 1), site.raise_at(clock)
            step = 1 if op.number else -1
            if before is None or now != (before[0], before[1] + step, before[2]):
                raise Contradiction("a deletion of another character than we know")
            return
        step = -1 if op.kind == RAISE_DOWN else 1
        other = self._by_id.get(op.other_site)
        seq = other.seq_of(op.other_clock) if other is not None and op.other_clock < other.clock else -1
        if other is None or seq < 0:
            raise Contradiction("a deletion of another character than we know")
        done = 0
        while done < count:
            at = bisect_right(site.raise_clock, clock + done) - 1
            length = site.raise_length(at) if at >= 0 else 0
            inside = clock + done - site.raise_clock[at] if at >= 0 else 0
            if inside >= length:
                raise Contradiction("a deletion where we know an insertion")
            stretch = min(length - inside, count - done)
            target, known_seq, known_step, level = site.raised(at, clock + done)
            if (target, known_seq, level) != (other.index, seq + step * done, op.number) or (
                stretch > 1 and known_step != step
            ):
                raise Contradiction("a deletion of another character than we know")
            done += stretch
