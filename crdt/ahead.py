"""What each site would have after the part of a message that was checked so far.

A message is checked whole before anything of it counts (`checking`); but its later
operations may refer to its earlier ones. Here those are noted, with their references resolved.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from .errors import ForeignOp
from .ops import GO_ON, Op

Fact = tuple[bool, int, int, int, int]
"""Whether it raises; if so target site, first seq, step and level, else parent site, parent clock, 0 and counter."""


class Ahead:
    """What a site will have after the part of a message that was checked so far."""

    __slots__ = ("_clocks", "_facts", "_lengths", "_ops", "_seqs", "clock", "count", "site")

    def __init__(self, site: int, clock: int, count: int) -> None:
        self.site: Final = site
        self.clock = clock
        self.count = count
        # Of each insertion, in order: clock, seq and length.
        self._clocks: Final[list[int]] = []
        self._seqs: Final[list[int]] = []
        self._lengths: Final[list[int]] = []
        self._ops: Final[list[Op]] = []
        self._facts: Final[list[Fact]] = []

    def add(self, op: Op, fact: Fact) -> None:
        new = op.clock + op.count - self.clock
        if not fact[0]:
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
        """Target site, seq and level of the raise at a clock that was checked."""
        at = bisect_right(self._ops, clock, key=_end_of)
        if at == len(self._ops):
            return None
        raises, target, seq, step, level = self._facts[at]
        return (target, seq + step * (clock - self._ops[at].clock), level) if raises else None

    def compare(self, op: Op, fact: Fact, known: int) -> None:
        """Raise ForeignOp unless an operation is the same as those before it, where they overlap above `known`."""
        at = bisect_right(self._ops, op.clock, key=_end_of)
        while at < len(self._ops) and self._ops[at].clock < op.clock + op.count:
            other, before = self._ops[at], self._facts[at]
            at += 1
            low = max(op.clock, other.clock, known)
            high = min(op.clock + op.count, other.clock + other.count)
            if low < high and _said(op, fact, low, high) != _said(other, before, low, high):
                raise ForeignOp("two operations of one id in one message")


def _said(op: Op, fact: Fact, low: int, high: int) -> tuple[object, ...]:
    """What an operation says of the clocks from `low` to `high`, in a form that does not depend on where it begins."""
    skip = low - op.clock
    raises, other, place, step, number = fact
    if raises:
        return other, place + step * skip, step if high - low > 1 else 0, number
    text = op.text[skip : skip + high - low]
    return (text,) if skip or op.kind == GO_ON else (text, other, place, number)


def _end_of(op: Op) -> int:
    return op.clock + op.count
