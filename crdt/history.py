"""The text at a version, and what changed between two: from the levels that the logs tell."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from .changes import PatchBuilder
from .ops import INSERTED
from .patch import Patch
from .runs import RunList
from .site import Site
from .version import Version


def text_at(sites: list[Site], runs: RunList, version: Version) -> str:
    """The text as it was at a version. O(document)."""
    levels = _levels_at(sites, version)
    parts: list[str] = []
    for run in runs:
        known = levels.get(run.site.index)
        if known is not None:
            for low, high in _stretches(known, run.seq, run.seq + run.length):
                parts.append(run.site.slice(low, high))
    return "".join(parts)


def between(sites: list[Site], runs: RunList, old: Version, new: Version) -> Patch:
    """The patch from the text at one version to the text at another. O(document)."""
    old_levels, new_levels = _levels_at(sites, old), _levels_at(sites, new)
    changes = PatchBuilder()
    for run in runs:
        site = run.site
        before, after = old_levels.get(site.index, b""), new_levels.get(site.index, b"")
        for seq in range(run.seq, run.seq + run.length):
            was = seq < len(before) and before[seq] & 1
            is_now = seq < len(after) and after[seq] & 1
            if was:
                if is_now:
                    changes.keep(1)
                else:
                    changes.delete(1)
            elif is_now:
                changes.insert(site.slice(seq, seq + 1))
    return changes.patch()


def _levels_at(sites: list[Site], version: Version) -> dict[int, bytearray]:
    """For each site the levels that its characters had, modulo 256: only odd or even counts here."""
    levels: dict[int, list[int]] = {}
    for site in sites:
        clock = min(version.get(site.id), site.clock)
        if clock:
            levels[site.index] = [INSERTED] * site.seq_at(clock)
    for site in sites:
        end = min(version.get(site.id), site.clock)
        for at in range(bisect_left(site.raise_clock, end)):
            clock = site.raise_clock[at]
            target, seq, step, level = site.raised(at, clock)
            known = levels.get(target)
            if known is None:
                continue
            for _ in range(min(site.raise_length(at), end - clock)):
                if seq < len(known) and known[seq] < level:
                    known[seq] = level
                seq += step
    return {index: bytearray([level & 1 for level in known]) for index, known in levels.items()}


def _stretches(visible: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of ones from `start` to `end`."""
    end = min(end, len(visible))
    while start < end:
        low = visible.find(1, start, end)
        if low < 0:
            return
        high = visible.find(0, low, end)
        if high < 0:
            high = end
        yield low, high
        start = high
