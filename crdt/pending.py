"""The state each site would have after the part of a message checked so far.

A message is checked as a whole before any of it is applied (`validate`), but its later operations may refer to
earlier ones. Those are recorded here, with their references resolved.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from crdt.errors import ForeignOp
from crdt.messages import DELETED, FORGOTTEN, GO_ON, RAISE_DOWN, Op, split_turns

Fact = tuple[bool, int, int, int, int]
"""True for a raise, with target site, first seq, step and level; False for an insertion, with parent site, parent
clock, 0 and counter."""


class PendingState:
    """The state of one site after the part of a message checked so far."""

    __slots__ = ("_apart", "_clocks", "_facts", "_lengths", "_ops", "_seqs", "clock", "count", "site")

    def __init__(self, site: int, clock: int, count: int) -> None:
        self.site: Final = site
        self.clock = clock
        self.count = count
        # For each insertion, in order: clock, seq and length.
        self._clocks: Final[list[int]] = []
        self._seqs: Final[list[int]] = []
        self._lengths: Final[list[int]] = []
        self._ops: Final[list[Op]] = []
        self._facts: Final[list[Fact]] = []
        self._apart = 0
        """How many of the operations are already split into turns."""

    def add(self, op: Op, fact: Fact) -> None:
        """Record a checked operation; one with turns is entirely new."""
        new = op.clock + op.count - self.clock
        if op.turns:
            clock = self.clock
            for turn, count in enumerate(op.turns):
                if not turn & 1:
                    self._clocks.append(clock)
                    self._seqs.append(self.count)
                    self._lengths.append(count)
                    self.count += count
                clock += count
        elif not fact[0]:
            self._clocks.append(self.clock)
            self._seqs.append(self.count)
            self._lengths.append(new)
            self.count += new
        self.clock += new
        self._ops.append(op)
        self._facts.append(fact)

    def seq_of(self, clock: int) -> int:
        at = bisect_right(self._clocks, clock) - 1
        if at < 0:
            return -1
        past = clock - self._clocks[at]
        return self._seqs[at] + past if past < self._lengths[at] else -1

    def raise_at(self, clock: int) -> tuple[int, int, int] | None:
        """Return target site, seq and level of the raise at a checked clock; None if there is no raise."""
        self._split_turns()
        at = bisect_right(self._ops, clock, key=_end_of)
        if at == len(self._ops):
            return None
        raises, target, seq, step, level = self._facts[at]
        return (target, seq + step * (clock - self._ops[at].clock), level) if raises else None

    def _split_turns(self) -> None:
        """Split the recorded operations so that each turn is an operation."""
        ops, facts = self._ops[self._apart :], self._facts[self._apart :]
        del self._ops[self._apart :], self._facts[self._apart :]
        for op, fact in zip(ops, facts, strict=True):
            for each in split_turns([op], self.site):
                if each is not op and each.kind == RAISE_DOWN:
                    fact = (True, self.site, self.seq_of(each.clock - 1), -1, DELETED)
                elif each is not op and each.clock > op.clock:
                    fact = (False, 0, 0, 0, 0)
                self._ops.append(each)
                self._facts.append(fact)
        self._apart = len(self._ops)

    def compare(self, op: Op, fact: Fact, known: int) -> None:
        """Raise ForeignOp unless an operation equals the earlier ones where they overlap above clock `known`."""
        self._split_turns()
        at = bisect_right(self._ops, op.clock, key=_end_of)
        while at < len(self._ops) and self._ops[at].clock < op.clock + op.count:
            other, before = self._ops[at], self._facts[at]
            at += 1
            low = max(op.clock, other.clock, known)
            high = min(op.clock + op.count, other.clock + other.count)
            if low < high and not _agree(_meaning(op, fact, low, high), _meaning(other, before, low, high)):
                raise ForeignOp("two operations of one id in one message")


def _agree(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Return whether two operations are equal. A forgotten character equals any text."""
    if one == other:
        return True
    text, same = one[0], other[0]
    if not isinstance(text, str) or not isinstance(same, str) or one[1:] != other[1:]:
        return False
    return all(a == b or FORGOTTEN in (a, b) for a, b in zip(text, same, strict=True))


def _meaning(op: Op, fact: Fact, low: int, high: int) -> tuple[object, ...]:
    """Return the meaning of an operation for the clocks from `low` to `high`, independent of where the operation
    starts."""
    skip = low - op.clock
    raises, other, place, step, number = fact
    if raises:
        return other, place + step * skip, step if high - low > 1 else 0, number
    text = op.text[skip : skip + high - low]
    return (text,) if skip or op.kind == GO_ON else (text, other, place, number)


def _end_of(op: Op) -> int:
    return op.clock + op.count
