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
from crdt.change_tracker import PatchBuilder
from crdt.patch import Patch
from crdt.revert import differences_between
from crdt.site import Site
from crdt.version import Version
from crdt.visibility import Visibilities, Visible

VERSIONS_KEPT: Final = 16
"""Versions whose visible characters are remembered. Another one is found from the latest of them that it includes."""


class PastText(TextBuffer):
    """A text that shows one of its versions; at first its own. Nobody writes in it, and what others wrote is integrated while
    it shows its own version."""

    _shown: Visible | None = None
    """The visible characters of the version that is shown; None while that is its own."""

    def show(self, version: Version) -> Patch:
        """Show the text as it was at a version, and return the patch. O(runs), plus comparing the characters by bytes, the
        operations since a version that was shown before, and what changes."""
        self._open_all()
        if self._visibilities is None:
            self._visibilities = Visibilities(VERSIONS_KEPT)
        now = self._present(self._visibilities)
        wanted = self._visibilities.at(self._sites, version).by_site
        self._close()
        for site, low, high, _ in differences_between(self._sites, now, wanted):
            self._runs.divide(site, low)
            self._runs.divide(site, high)
        self._shown = None if version == self.version else wanted
        return self._turn(wanted)

    def _present(self, seen: Visibilities) -> Visible:
        """Return the visible characters of the text that is shown."""
        return super()._present(seen) if self._shown is None else self._shown

    def _turn(self, wanted: Visible) -> Patch:
        """Show the runs whose characters are wanted, and hide all others. None has some of both."""
        changes = PatchBuilder()
        kept = 0
        known = bytearray()
        last: Site | None = None
        for chunk in self._runs.chunks():
            is_changed = False
            for run in chunk.runs:
                site = run.site
                if site is not last:
                    last = site
                    known = wanted.get(site.index, bytearray())
                seq = run.seq
                shows = seq < len(known) and known[seq] == 1
                if run.level & 1:
                    if shows:
                        kept += run.length
                        continue
                    changes.keep(kept)
                    changes.delete(run.length)
                    run.level += 1
                elif shows:
                    changes.keep(kept)
                    changes.insert(site.slice(seq, seq + run.length))
                    run.level -= 1
                else:
                    continue
                kept = 0
                is_changed = True
            if is_changed:
                self._runs.recount(chunk)
        return changes.patch()
