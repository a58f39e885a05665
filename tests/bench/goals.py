"""What is wanted of each workload, and how the tables are made of what was measured."""

from __future__ import annotations

from typing import Final, NamedTuple

Medians = dict[tuple[str, str], dict[str, float]]
"""By workload and peer, the median of each number."""


class Goal(NamedTuple):
    """A number of ours is at most so many times a number of a peer's; None where nothing is wanted."""

    workload: str
    what: str
    number: str
    peer: str
    pure: float | None
    compiled: float | None
    peer_number: str = ""
    peer_workload: str = ""

    def ratio(self, medians: Medians, ours: str) -> float | None:
        if self.peer:
            theirs = medians.get((self.peer_workload or self.workload, self.peer or ours), {})
        else:
            # Against ourselves in another workload, or against a plain number of ms.
            theirs = medians.get((self.peer_workload, ours), {}) if self.peer_workload else {self.number: 1.0}
        mine = medians.get((self.workload, ours), {}).get(self.number)
        other = theirs.get(self.peer_number or self.number)
        if mine is None or not other:
            return None
        return mine / other


GOALS: Final = [
    Goal("a", "a, each patch a call", "ms", "loro", 0.4, 1 / 8),
    Goal("a", "a", "ms", "loro-implicit", None, 0.4),
    Goal("a", "a", "ms", "pycrdt", 1 / 35, 1 / 120),
    Goal("a", "a", "ms", "gap", None, 1.2),
    Goal("b", "b, with a message each", "ms", "loro", 0.25, 1 / 12),
    Goal("b", "b", "ms", "pycrdt", 1 / 20, 1 / 40),
    Goal("b", "b, bytes of all messages", "bytes", "pycrdt", 0.41, 0.41),
    Goal("c", "c, taken in one by one", "ms", "pycrdt", 0.8, 1 / 3),
    Goal("c", "c", "ms", "y-py", None, 0.55),
    Goal("c", "c, beside a listener to what changed", "ms", "pycrdt-events", None, None),
    Goal("d", "d, bytes without deleted text, to raw", "kept_bytes", "pycrdt", 0.7, 0.7, "bytes"),
    Goal("d", "d, the same, both with gzip", "kept_gzip_bytes", "pycrdt", 0.6, 0.6, "gzip_bytes"),
    Goal("d", "d, the same to a snapshot", "kept_bytes", "loro", 0.7, 0.7, "bytes"),
    Goal("d", "d, bytes with everything, to raw", "bytes", "pycrdt", None, None),
    Goal("d", "d, ms to encode again after an edit", "again_ms", "", None, 0.5),
    Goal("e-text", "e, to text", "ms", "loro", 0.5, 0.5),
    Goal("e-edit", "e, to text and a first edit", "ms", "pycrdt", 1.0, 0.5),
    Goal("f", "f, two authors at once", "ms", "y-py", 0.45, None),
    Goal("f", "f", "ms", "pycrdt", 0.5, 1 / 5),
    Goal("f", "f", "ms", "loro", None, 1 / 45),
    Goal("g", "g, catching up", "ms", "loro", 1.0, None),
    Goal("g", "g", "ms", "pycrdt", None, 1.0),
    Goal("g", "g, bytes", "bytes", "loro", 0.78, 0.78),
    Goal("h-random", "h, 100,000 random inserts", "ms", "loro", 6.0, 0.75),
    Goal("h-random", "h, random", "ms", "pycrdt", 1 / 70, None),
    Goal("h-prepend", "h, 100,000 prepends", "ms", "loro", 0.5, None),
    Goal("h-sites", "h, 100 sites at one place", "ms", "loro", 1 / 20, None),
    Goal("h-large", "h, edits in 10 MB", "ms", "loro", 1.2, 0.8),
    Goal("a", "memory, a", "peak_mib", "loro", 2.0, 2.0),
    Goal("c", "memory, c", "peak_mib", "loro", 2.0, 2.0),
    Goal("k", "k, 1,000 carets", "ms", "pycrdt", None, None),
    Goal("l", "l, the text at a version", "ms", "loro", None, None),
    Goal("grow-10", "10 × as long, an edit and its message", "us", "", 1.3, 1.3, "us", "grow-1"),
    Goal("grow-10", "10 × as long, an edit taken in", "remote_us", "", 1.3, 1.3, "remote_us", "grow-1"),
    Goal("grow-100", "100 × as long, an edit and its message", "us", "", 2.0, 2.0, "us", "grow-1"),
    Goal("grow-100", "100 × as long, an edit taken in", "remote_us", "", 2.0, 2.0, "remote_us", "grow-1"),
]


def peers_of(workload: str) -> list[str]:
    """The peers that goals of a workload speak of, ours first."""
    peers = ["pure", "compiled"]
    for goal in GOALS:
        if goal.workload == workload and goal.peer and goal.peer not in peers:
            peers.append(goal.peer)
    return peers


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def fraction(value: float) -> str:
    """Small ratios as one over something, as the goals are written."""
    if value < 0.2:
        return f"1/{1 / value:.3g}"
    return f"{value:.2f}"


def ratios(medians: Medians) -> str:
    """Markdown: what was reached of each goal; ✗ where less."""
    lines = ["| | of | pure | goal | compiled | goal |", "|---|---|--:|--:|--:|--:|"]
    for goal in GOALS:
        cells = []
        for ours, limit in (("pure", goal.pure), ("compiled", goal.compiled)):
            ratio = goal.ratio(medians, ours)
            missed = ratio is not None and limit is not None and ratio > limit
            show = number if not goal.peer and not goal.peer_workload else fraction
            cells.append("" if ratio is None else show(ratio) + (" ✗" if missed else ""))
            cells.append("" if limit is None else "≤ " + show(limit))
        if cells[0] or cells[2]:
            lines.append("| " + " | ".join([goal.what, goal.peer, *cells]) + " |")
    return "\n".join(lines)


def absolutes(medians: Medians) -> str:
    """Markdown: the medians themselves, a row for each workload and kind of number."""
    peers = list(dict.fromkeys(peer for _, peer in medians))
    rows = list(dict.fromkeys((workload, kind) for (workload, _), found in medians.items() for kind in found))
    lines = ["| | " + " | ".join(peers) + " |", "|---|" + "--:|" * len(peers)]
    for workload, kind in sorted(rows):
        if kind in ("wall_ms", "as_recorded"):
            continue
        found = [medians.get((workload, peer), {}).get(kind) for peer in peers]
        cells = ["" if value is None else number(value) for value in found]
        lines.append(f"| {workload} {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
