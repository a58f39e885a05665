"""The records beside the text of a session: asked for once somebody wants them, and again after each outage.

They are read here, never written: what people do with a notebook's kernel, they ask its server for. A replica belongs to one opening of
the document at its server; the records of the next opening are taken whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crdt.records import Records
from jpterm_like.notebook.shown import ShownOutputs, kernel_line
from jpterm_like.sync.records_pad import RecordsPad

if TYPE_CHECKING:
    from jpterm_like.notebook.outputs import CellOutputs
    from jpterm_like.sync.link import Link


class FollowedRecords:
    """See the module.

    Args:
        on_change: called with the cells whose outputs may have changed.
    """

    def __init__(self, on_change: Callable[[frozenset[str]], None]) -> None:
        self._on_change = on_change
        self.channel = -1
        """Of the present link; -1 while they were not asked for on it."""
        self.request = -1
        self.is_there = False
        """Whether all that the server had is here."""
        self._begin()

    def _begin(self) -> None:
        self.pad = RecordsPad(Records())
        self._shown = ShownOutputs(self.pad.records, clock_of)
        self.pad.listen(lambda keys: self._on_change(frozenset(self._shown.changed(keys))))

    @property
    def records(self) -> Records:
        return self.pad.records

    def open(self, link: Link, beside: int, number: int, request: int) -> None:
        """Ask for them on a link; an older server has none."""
        self.channel, self.request = number, request
        if link.open_records(number, self.pad, beside, request) is not None:
            self.channel = -1

    def forget_link(self) -> None:
        """The link has ended."""
        self.channel = self.request = -1

    def begin_anew(self) -> None:
        """The server has those of another opening: ask for them with nothing."""
        self._begin()
        self.is_there = False
        self.forget_link()

    def outputs_of(self, cell: str) -> CellOutputs:
        """What is shown below a cell; the same object until it changes."""
        return self._shown.of(cell)

    @property
    def kernel_line(self) -> str:
        """A line about the kernel; empty if there is none."""
        return kernel_line(self.records, clock_of)


def clock_of(since_1970_ms: int) -> str:
    """The time of day here."""
    return time.strftime("%H:%M", time.localtime(since_1970_ms / 1000))
