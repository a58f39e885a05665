"""Merge what other programs did to a notebook file into the text that people edit, cell by cell.

git, JupyterLab and formatters know nothing of our ids. `carry_ids` tells which cell of a new state of the file was which of the state before,
by id, then by source, since VS Code gives all cells new ids whenever it opens a file. `merge_cells` is a three-way merge of whole cells, and
within a cell of its words (`textdiff.merge`): a deletion never removes words that the other side wrote.

Not here: outputs and metadata. They stay in the file, which is always written from its newest state (`notebook.ipynb`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crdt.patch import Splice
from jpterm_like.notebook.cells import Part, assign_ids, escape, marker, parts_of
from jpterm_like.notebook.ipynb import Cell, FileCell
from jpterm_like.textdiff.matching import matching
from jpterm_like.textdiff.merge import Merge, merge

_WORDS: Final = re.compile(r"\w+")
_LIKE: Final = 3
"""Two sources may be states of one cell if they share one word in this many."""


# Which cell was which


def carry_ids(old: Sequence[FileCell], ids: Sequence[str], new: Sequence[FileCell]) -> list[str]:
    """The ids in the text of the cells of a new state of a file; `ids` are those of its old state. What is new gets another."""
    partners = match_cells(old, new)
    taken = set(ids)
    names = [ids[at] if at is not None else cell.id for at, cell in zip(partners, new, strict=True)]
    # A new cell must not get the id of one that is gone: the text may still have it.
    names = [
        name if at is not None or name not in taken else None
        for at, name in zip(partners, names, strict=True)
    ]
    gone = taken.difference(names)
    return assign_ids([*sorted(gone), *names])[len(gone) :]


def match_cells(old: Sequence[FileCell], new: Sequence[FileCell]) -> list[int | None]:
    """For each new cell the number of the old one that it was: by a unique id, an equal source in the same order, a similar one at
    the same place, and then by an equal source elsewhere."""
    partners: list[int | None] = [None] * len(new)
    free = set(range(len(old)))

    def pair(before: int, at: int) -> None:
        partners[at] = before
        free.discard(before)

    old_ids, new_ids = Counter(cell.id for cell in old), Counter(cell.id for cell in new)
    by_id = {cell.id: at for at, cell in enumerate(old) if cell.id is not None and old_ids[cell.id] == 1}
    for at, cell in enumerate(new):
        if cell.id in by_id and new_ids[cell.id] == 1:
            pair(by_id[cell.id], at)
    rest, late = sorted(free), [at for at, partner in enumerate(partners) if partner is None]
    keys = [_key(old[at]) for at in rest], [_key(new[at]) for at in late]
    before = after = 0
    for begin, start, size in [*matching(*keys), (len(rest), len(late), 0)]:
        olds, news = rest[before:begin], late[after:start]
        for at in news:
            like = next((each for each in olds if _is_like(old[each], new[at])), None)
            if like is not None:
                pair(like, at)
                olds = olds[olds.index(like) + 1 :]
        for step in range(size):
            pair(rest[begin + step], late[start + step])
        before, after = begin + size, start + size
    elsewhere: dict[str, list[int]] = {}
    for each in sorted(free):
        elsewhere.setdefault(_key(old[each]), []).append(each)
    for at, partner in enumerate(partners):
        same = elsewhere.get(_key(new[at])) if partner is None and new[at].source.strip() else None
        if same:
            pair(same.pop(0), at)
    return partners


def _key(cell: FileCell) -> str:
    return f"{cell.kind}\n{cell.source}"


def _is_like(one: FileCell, other: FileCell) -> bool:
    ours, theirs = Counter(_WORDS.findall(one.source)), Counter(_WORDS.findall(other.source))
    return (ours & theirs).total() * _LIKE > max(ours.total(), theirs.total())


# Merging


@dataclass
class _Merged:
    """A cell of the merged text."""

    kind: str
    id: str
    body: str
    at: int | None
    """Its number in our text; None if it is not there."""
    changes: Merge


def merge_cells(base: Sequence[Cell], disk: Sequence[Cell], ours: str) -> Merge:
    """Merge the changes from `base` to `disk` into our text. All ids are those of the text (`carry_ids`)."""
    parts = parts_of(ours)
    merged = _merged(base, disk, ours, parts)
    stay = _longest_rising([cell.at for cell in merged])
    return _edits(ours, parts, merged, stay)


def _merged(base: Sequence[Cell], disk: Sequence[Cell], ours: str, parts: Sequence[Part]) -> list[_Merged]:
    """The cells of the merged text, in their order."""
    was = {cell.id: cell for cell in base}
    unchanged = {cell.id: (cell.kind, escape(cell.source)) for cell in base}
    there = {cell.id for cell in disk}
    mine = {part.id: at for at, part in reversed(list(enumerate(parts))) if part.id}
    merged = [_kept(part, at, ours) for at, part in enumerate(parts)]
    merged = [
        cell
        for cell in merged
        if cell.id in there or (cell.kind, cell.body) != unchanged.get(cell.id)  # else it was deleted on disk
    ]
    moved = _moved([cell.id for cell in base], [cell.id for cell in disk])
    moved -= _moved([cell.id for cell in base], [part.id for part in parts])
    before: str | None = None
    for cell in disk:
        old, body = was.get(cell.id), escape(cell.source)
        place = next((at for at, each in enumerate(merged) if each.id == before), -1) + 1
        if cell.id not in mine:
            if old is None or (old.kind, old.source) != (cell.kind, cell.source):
                merged.insert(place, _Merged(cell.kind, cell.id, body, None, Merge([], [])))
                before = cell.id
            continue
        number = next(at for at, each in enumerate(merged) if each.id == cell.id)
        each = merged[number]
        each.changes = merge(escape(old.source) if old else "", body, each.body)
        if old is not None and old.kind != cell.kind:
            each.kind = cell.kind
        if cell.id in moved:
            del merged[number]
            place = next((at for at, each in enumerate(merged) if each.id == before), -1) + 1
            merged.insert(place, each)
        before = cell.id
    return merged


def _kept(part: Part, at: int, ours: str) -> _Merged:
    return _Merged(part.kind, part.id, ours[part.body : part.end], at, Merge([], []))


def _moved(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """The ids that both have, and that the new order has at another place."""
    places = {name: at for at, name in enumerate(old)}
    both = [name for name in new if name in places]
    stay = _longest_rising([places[name] for name in both])
    return {name for at, name in enumerate(both) if at not in stay}


def _longest_rising(numbers: Sequence[int | None]) -> set[int]:
    """The places of a longest rising subsequence; None is in none."""
    tops: list[int] = []  # the place of the lowest end of a rising sequence, by its length
    before: dict[int, int | None] = {}
    for at, number in enumerate(numbers):
        if number is None:
            continue
        pile = bisect_left(tops, number, key=lambda top: numbers[top] or 0)
        before[at] = tops[pile - 1] if pile else None
        tops[pile : pile + 1] = [at]
    found: set[int] = set()
    step = tops[-1] if tops else None
    while step is not None:
        found.add(step)
        step = before[step]
    return found


def _edits(ours: str, parts: Sequence[Part], merged: Sequence[_Merged], stay: set[int]) -> Merge:
    """The edits of our text that make the merged cells of it; those that stay are edited in place."""
    if not stay:
        whole = "\n".join([_text_of(cell) for cell in merged])
        return Merge([Splice(0, len(ours), whole)] if whole != ours else [], [])
    kept = {merged[at].at for at in stay}
    first = min(number for number in kept if number is not None)
    edits: list[Splice] = []
    conflicts: list[tuple[int, int, int]] = []
    for at, part in enumerate(parts):
        if at in kept:
            continue
        # With the line break before it, so that words which somebody types into it meanwhile join the cell before.
        if at < first:
            edits.append(Splice(part.start, parts[at + 1].start, ""))
        else:
            edits.append(Splice(parts[at - 1].end, part.end, ""))
    leading: list[str] = []
    last: int | None = None
    for place, cell in enumerate(merged):
        if place not in stay:
            if last is None:
                leading.append(_text_of(cell))
            else:
                end = parts[last].end
                edits.append(Splice(end, end, f"\n{_text_of(cell)}"))
            continue
        assert cell.at is not None
        part = parts[cell.at]
        if leading:
            edits.append(Splice(part.start, part.start, "".join(f"{text}\n" for text in leading)))
            leading = []
        if cell.kind != part.kind:
            edits.append(Splice(part.start, part.marker_end, marker(cell.kind, cell.id)))
        if cell.changes.splices and part.body == part.marker_end:
            edits.append(Splice(part.body, part.body, "\n"))  # it has no line for a source yet
        edits += [
            Splice(part.body + start, part.body + end, new)
            for start, end, new in reversed(cell.changes.splices)
        ]
        conflicts += [(part.body, start, end) for start, end in cell.changes.conflicts]
        last = cell.at
    splices = _last_to_first(edits)

    def after(body: int) -> int:
        return body + sum(len(new) - (end - start) for start, end, new in splices if start < body)

    return Merge(splices, [(after(body) + start, after(body) + end) for body, start, end in conflicts])


def _last_to_first(edits: Sequence[Splice]) -> list[Splice]:
    joined: list[Splice] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if joined and joined[-1].end == edit.start and joined[-1].start == joined[-1].end == edit.end:
            joined[-1] = joined[-1]._replace(text=joined[-1].text + edit.text)
        else:
            joined.append(edit)
    return joined[::-1]


def _text_of(cell: _Merged) -> str:
    return f"{marker(cell.kind, cell.id)}\n{cell.changes.apply(cell.body)}"
