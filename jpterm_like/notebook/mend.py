"""Keep markers whole and ids unique, whatever two people do to the cells of one text.

A replicated text knows no cells: two people who cut the same cell and paste it elsewhere leave it there twice, with one id, and who
deletes a cell while another types in it may leave typed words in front of the next marker. `mend` finds the edits that put that
right. The server makes them, and nobody else.

It only inserts: line breaks around a known marker, ids, a marker above text that has none. The one thing that it replaces is an id that
is there twice. So no word can be lost by it. A mended text needs no edit.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import Final

from crdt.patch import Splice
from jpterm_like.notebook.cells import NAMED, Part, marker, parts_of

_NAMED: Final = re.compile(f"#{NAMED}")


def mend(
    text: str,
    fresh: Callable[[], str],
    *,
    known: Collection[str] = (),
    recent: Sequence[tuple[int, int]] = (),
    carets: Sequence[int] = (),
) -> list[Splice]:
    """The edits that make markers whole and ids unique, from the last to the first. None if all is well.

    Args:
        text: the cells.
        fresh: makes an id; one that is there is not used.
        known: ids that the text has had. The marker of one that is missing is looked for inside lines.
        recent: stretches (start, end) that were just inserted, in order. Of two cells with one id the one outside of them keeps it.
        carets: where people are. A marker without an id waits until nobody is on its line: somebody may be typing it.
    """
    # A known id with something typed behind it must not be what a new one looks like.
    taken, beginnings = {match[2] for match in _NAMED.finditer(text)}, tuple(known)

    def unused() -> str:
        while (made := fresh()) in taken or made.startswith(beginnings):
            pass
        taken.add(made)
        return made

    breaks = _breaks(text, known, recent)
    if not breaks:
        return _marker_edits(text, unused, recent, carets)
    broken = text
    for at in reversed(breaks):
        broken = f"{broken[:at]}\n{broken[at:]}"

    def after(at: int) -> int:
        return at + bisect_left(breaks, at)

    shifted = [(after(start), after(end)) for start, end in recent]
    edits = _marker_edits(broken, unused, shifted, [after(caret) for caret in carets])
    return _compose(breaks, edits)


def _marker_edits(
    text: str, unused: Callable[[], str], recent: Sequence[tuple[int, int]], carets: Sequence[int]
) -> list[Splice]:
    """What markers lack that are lines: an id, one of their own, a line for a source; and a marker above the first text."""
    parts = parts_of(text)
    edits: list[Splice] = []
    keepers = _keepers(parts, recent)
    for at, part in enumerate(parts):
        if part.start == part.marker_end:  # text before the first marker
            edits.append(Splice(0, 0, f"{marker('code', unused())}\n"))
            continue
        if not part.id:
            if any(part.start <= caret <= part.marker_end for caret in carets):
                continue
            end = part.start + len(text[part.start : part.marker_end].rstrip(" \t"))
            edits.append(Splice(end, end, f" id={unused()}"))
        elif keepers[part.id] != at:
            start = text.rindex(part.id, part.start, part.marker_end)
            edits.append(Splice(start, start + len(part.id), unused()))
        if part.body == part.marker_end:  # no line for a source
            if edits and edits[-1].start == part.marker_end:
                edits[-1] = edits[-1]._replace(text=edits[-1].text + "\n")
            else:
                edits.append(Splice(part.marker_end, part.marker_end, "\n"))
    return edits[::-1]


def _compose(breaks: Sequence[int], edits: Sequence[Splice]) -> list[Splice]:
    """The line breaks at these offsets, and edits of the text that has them, as edits of the text that has none, last to first."""
    # By their place in the text with the line breaks, where the one of number n has moved by n.
    places = [(at + number, 1, Splice(at, at, "\n")) for number, at in enumerate(breaks)]
    taken = [place for place, _, _ in places]
    for start, end, new in edits:
        before = bisect_left(taken, start)
        places.append((start, 0, Splice(start - before, end - before, new)))
    composed: list[Splice] = []
    for _, _, splice in sorted(places):
        last = composed[-1] if composed else None
        if last is not None and last.start == last.end == splice.start == splice.end:
            composed[-1] = last._replace(text=last.text + splice.text)
        else:
            composed.append(splice)
    return composed[::-1]


def _keepers(parts: Sequence[Part], recent: Sequence[tuple[int, int]]) -> dict[str, int]:
    """For each id, which cell keeps it: the first that was not just inserted, else the first."""
    old: dict[str, int] = {}
    new: dict[str, int] = {}
    starts = [start for start, _ in recent]
    for at, part in enumerate(parts):
        last = bisect_right(starts, part.start) - 1
        is_new = last >= 0 and part.marker_end <= recent[last][1]
        (new if is_new else old).setdefault(part.id, at)
    return {**new, **old}


def _breaks(text: str, known: Collection[str], recent: Sequence[tuple[int, int]]) -> list[int]:
    """Where line breaks are missing before and behind markers; ascending."""
    parts = parts_of(text)
    breaks: set[int] = set()
    for part in parts:
        # Markers that follow each other in a line, from the last one.
        start, line = part.start, text.rfind("\n", 0, part.start) + 1
        while start > line:
            breaks.add(start)
            before = text.rfind("# %%", line, start)
            if before < 0 or not _NAMED.fullmatch(text, before, start):
                break
            start = before
    missing = set(known) - {part.id for part in parts}
    for match in _NAMED.finditer(text) if missing else ():
        start, end = match.span()
        name = match[2]
        if name not in missing:
            # Typed behind the marker: `# %% id=c` and `foo` have become `# %% id=cfoo`.
            if name in known or any(begin <= start and end <= stop for begin, stop in recent):
                continue
            name = max((each for each in missing if name.startswith(each)), key=len, default="")
            end = match.start(2) + len(name)
        if not name:
            continue
        missing.discard(name)
        breaks.add(start)
        stop = text.find("\n", end)
        if text[end : stop if stop >= 0 else len(text)].strip(" \t"):
            breaks.add(end)
    return sorted(at for at in breaks if at and text[at - 1] != "\n")
