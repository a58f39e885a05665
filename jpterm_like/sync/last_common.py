"""What two replicas of one history have in common, when a site was used twice and equal ids mean different things (F17)."""

from __future__ import annotations

from crdt import TextBuffer, Version


def last_common(one: TextBuffer, other: TextBuffer, known: Version, most: Version) -> Version:
    """A version at which both have the same text, as late as can be found, from `known` on, up to `most`.

    It is looked for site by site, by bisection: O(text) for each step, some dozens of steps for each site that moved
    since `known`. `most` must be within the versions of both.

    Where they part within a line, what that site wrote in the line is not common: that both began it with the same
    words is chance, or it was begun before they were two. Taken for common, it would become one line of two ends.
    """
    sure = known.meet(most)
    if one.at(sure) != other.at(sure):  # what was known of the other was lost there: a backup came back
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
    """Whether the last operation of a site in a version put something there that ends no line."""
    before = Version({**dict(version.items()), site: version.get(site) - 1})
    return any(text and not text.endswith("\n") for _, _, text in buffer.diff(before, version).splices)
