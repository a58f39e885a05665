"""The last common text of two replicas of one history in which a site was used twice, so that equal ids mean different things (F17)."""

from __future__ import annotations

from crdt import TextBuffer, Version


def last_common(one: TextBuffer, other: TextBuffer, known: Version, most: Version) -> Version:
    """The latest version that can be found between `known` and `most` at which both have the same text.

    The search bisects site by site: O(text) for each step, some dozens of steps for each site that changed
    since `known`. `most` must be within the versions of both.

    Where they diverge within a line, the text of that site in the line does not count as common: both began it with the same
    words by chance, or before there were two of them. If it counted, the merge would make one line with two ends.
    """
    sure = known.meet(most)
    if one.at(sure) != other.at(sure):  # the other lost some of that: it was restored from a backup
        sure = Version()
    clocks = dict(sure.items())
    for site, clock in most.items():
        low, high = clocks.get(site, 0), clock
        while low < high:
            middle = (low + high + 1) // 2
            version = Version({**clocks, site: middle})
            if one.at(version) == other.at(version):
                low = middle
            else:
                high = middle - 1
        start = clocks.get(site, 0)
        while start < low < clock and _ends_within_a_line(one, Version({**clocks, site: low}), site):
            low -= 1
        clocks[site] = low
    return Version(clocks)


def _ends_within_a_line(buffer: TextBuffer, version: Version, site: int) -> bool:
    """Whether the last operation of a site in a version inserted text that does not end a line."""
    before = Version({**dict(version.items()), site: version.get(site) - 1})
    return any(text and not text.endswith("\n") for _, _, text in buffer.diff(before, version).splices)
