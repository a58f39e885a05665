"""A replica that shows any version of a text, to look at.

Going to a version hides and shows characters without an operation, so that no step makes the next one slower. Everything
that reads a `TextBuffer` reads the version that is shown: offsets, anchors, authors. What compares versions looks at the logs,
which stay as they are.

A level goes up by one to hide what the text shows, and down by one to show what it has deleted. So at the version of the
text, all levels are again what the logs say:

    the logs      a 1   b 2        "a"
    shown then    a 2   b 1        "b"
    shown now     a 1   b 2        "a"
"""

from __future__ import annotations

from typing import Final

from crdt.buffer import TextBuffer
from crdt.change_tracker import ChangeTracker
from crdt.patch import Patch
from crdt.revert import differences_between
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visibilities

VERSIONS_KEPT: Final = 16
"""Versions whose visible characters are remembered. Another one is found from the latest of them that it includes."""


class PastText(TextBuffer):
    """A text that shows one of its versions; at first its own. Nobody writes in it, and what others wrote is integrated while
    it shows its own version."""

    def show(self, version: Version) -> Patch:
        """Show the text as it was at a version, and return the patch. O(characters) by comparing bytes, plus the operations
        since a version that was shown before, plus what changes."""
        self._open_all()
        if self._visibilities is None:
            self._visibilities = Visibilities(VERSIONS_KEPT)
        now = self._present(self._visibilities)
        wanted = self._visibilities.at(self._sites, version)
        self._close()
        self._runs.changes = changes = ChangeTracker()
        for site, low, high, shows in differences_between(self._sites, now, wanted.by_site):
            self._turn(site, low, high, -1 if shows else 1)
        self._runs.changes = None
        self._shown = None if version == self.version else wanted
        return self._finish_changes(changes)

    def _turn(self, site: Site, low: int, high: int, by: int) -> None:
        """Show characters that are hidden, or hide characters that are shown."""
        runs = self._runs
        while low < high:
            run = runs.run_of(site, low)
            end = min(high, run.seq + run.length)
            if low > run.seq:
                run = runs.split(run, low - run.seq)
            if end < run.seq + run.length:
                runs.split(run, end - run.seq)
            runs.set_level(run, run.level + by)
            runs.join(run)
            low = end
