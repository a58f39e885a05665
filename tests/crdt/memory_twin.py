"""Slow twins of what looks back: changes, overlaps, restoring, times, and what was ever written.

Character by character on `model.Model`; times come from the buffer, since the model has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crdt import Version
from tests.crdt.model import Id, Insert, Model, Raise

TimeOf = Callable[[int, int], int]
Clocks = dict[int, int]
PartTwin = tuple[str, bool, int, int, tuple[tuple[int, int, int], ...]]


@dataclass
class HunkTwin:
    old_start: int
    old_end: int
    start: int
    end: int
    parts: list[PartTwin]
    ids: list[Id]


def knows(version: Clocks, id: Id) -> bool:
    return id[1] < version.get(id[0], 0)


def levels_at(model: Model, version: Clocks) -> dict[Id, int]:
    levels = {it: 1 for it in model.inserts if knows(version, it)}
    for ops in model.log.values():
        for op in ops:
            if isinstance(op, Raise) and knows(version, op.id) and op.target in levels:
                levels[op.target] = max(levels[op.target], op.level)
    return levels


def shown_at(model: Model, version: Clocks) -> set[Id]:
    return {it for it, level in levels_at(model, version).items() if level % 2}


def spans_of(ids: set[Id]) -> tuple[tuple[int, int, int], ...]:
    found: list[tuple[int, int, int]] = []
    for site, clock in sorted(ids):
        if found and found[-1][0] == site and found[-1][2] == clock:
            found[-1] = site, found[-1][1], clock + 1
        else:
            found.append((site, clock, clock + 1))
    return tuple(found)


def raises_between(model: Model, old: Clocks, new: Clocks) -> dict[Id, list[Raise]]:
    found: dict[Id, list[Raise]] = {}
    for ops in model.log.values():
        for op in ops:
            if isinstance(op, Raise) and knows(old, op.id) != knows(new, op.id):
                found.setdefault(op.target, []).append(op)
    return found


def changes(model: Model, old: Clocks, new: Clocks, time_of: TimeOf) -> list[HunkTwin]:
    before, after = shown_at(model, old), shown_at(model, new)
    raises = raises_between(model, old, new)
    hunks: list[HunkTwin] = []
    open_hunk: HunkTwin | None = None
    parts: list[tuple[bool, int, str, set[Id]]] = []
    offset = old_offset = 0

    def finish() -> None:
        if open_hunk is not None:
            open_hunk.old_end, open_hunk.end = old_offset, offset
            open_hunk.parts = [
                (text, shown, who, max(time_of(*it) for it in ops), spans_of(ops))
                for shown, who, text, ops in parts
            ]
            parts.clear()

    for it in model.order():
        if (it in before) == (it in after):
            if it in after:
                finish()
                open_hunk = None
                offset += 1
                old_offset += 1
            continue
        if open_hunk is None:
            open_hunk = HunkTwin(old_offset, old_offset, offset, offset, [], [])
            hunks.append(open_hunk)
        open_hunk.ids.append(it)
        if not knows(old, it) or not knows(new, it):
            who, ops = it[0], {it}
        else:
            best = min(raises[it], key=lambda op: (-op.level, time_of(*op.id), *op.id))
            who, ops = best.id[0], {op.id for op in raises[it]}
        shown = it in after
        character = model.inserts[it].character
        if parts and parts[-1][:2] == (shown, who):
            _, _, text, known = parts.pop()
            parts.append((shown, who, text + character, known | ops))
        else:
            parts.append((shown, who, character, ops))
        offset += shown
        old_offset += not shown
    finish()
    return hunks


@dataclass
class OverlapTwin:
    start: int
    end: int
    was: str
    mine: str
    theirs: str
    my_operations: tuple[tuple[int, int, int], ...]
    their_operations: tuple[tuple[int, int, int], ...]


def overlaps(
    model: Model,
    common: Clocks,
    mine: Clocks,
    theirs: Clocks,
    time_of: TimeOf,
    glue: Callable[[str, str], bool],
    words_of: Callable[[str], set[str]],
) -> list[OverlapTwin]:
    """Each edit covers the gaps from its start to its end, and the characters of the words that it changes; edits
    that share one belong together."""
    shown = shown_at(model, common)
    base_ids = [it for it in model.order() if it in shown]
    base = "".join(model.inserts[it].character for it in base_ids)
    merged = {site: max(mine.get(site, 0), theirs.get(site, 0)) for site in {*mine, *theirs}}
    edits: list[tuple[bool, HunkTwin, set[int], set[int]]] = []
    overruling: list[int] = []
    for is_mine, side in ((True, mine), (False, theirs)):
        for hunk in changes(model, common, side, time_of):
            gaps = set(range(hunk.old_start, hunk.old_end + 1))
            edits.append((is_mine, hunk, gaps, changed_words(base, hunk, glue)))
        there, later = shown_at(model, side), shown_at(model, merged)
        raised = raises_between(model, side, merged)
        offset = 0
        for it in model.order():
            if (it in there) != (it in shown) and (it in later) == (it in shown):
                character = model.inserts[it].character if it in shown else ""
                part = (character, True, 0, 0, spans_of({op.id for op in raised.get(it, [])}))
                end = offset + (it in shown)
                hunk = HunkTwin(offset, end, 0, 0, [part], [it])
                overruling.append(len(edits))
                gaps = set(range(offset, end + 1))
                edits.append((not is_mine, hunk, gaps, changed_words(base, hunk, glue)))
            offset += it in shown
    groups: list[list[int]] = []
    for at in range(len(edits)):
        joined = [
            group
            for group in groups
            if any(edits[at][2] & edits[other][2] or edits[at][3] & edits[other][3] for other in group)
        ]
        groups = [it for it in groups if it not in joined]
        groups.append([at, *(other for group in joined for other in group)])
    found: list[OverlapTwin] = []
    for group in groups:
        chosen = [edits[at] for at in sorted(group)]
        if len({it[0] for it in chosen}) < 2:
            continue
        low = min([it[1].old_start for it in chosen] + [min(it[3]) for it in chosen if it[3]])
        high = max([it[1].old_end for it in chosen] + [max(it[3]) + 1 for it in chosen if it[3]])
        texts = []
        for side in (True, False):
            text = base
            mine_here = [edits[at][1] for at in group if edits[at][0] == side and at not in overruling]
            for hunk in sorted(mine_here, key=lambda it: it.old_start, reverse=True):
                text = text[: hunk.old_start] + text_of(hunk) + text[hunk.old_end :]
            texts.append(text[low : len(text) - (len(base) - high)])
        if not shares(chosen, base) and not {*overruling} & {*group}:
            order = model.order()
            start = order.index(base_ids[low - 1]) + 1 if low else 0
            end = order.index(base_ids[high]) if high < len(base) else len(order)
            now_shown = shown_at(model, merged)
            now = "".join(model.inserts[it].character for it in order[start:end] if it in now_shown)
            left, right = max(0, low - 1), min(len(base), high + 1)  # with the words beside the place
            while 0 < left < low and glue(base[left - 1], base[left]):
                left -= 1
            while high < right < len(base) and glue(base[right - 1], base[right]):
                right += 1
            read, was, mine_there, their_there = (
                words_of(base[left:low] + it + base[high:right]) for it in (now, base[low:high], *texts)
            )
            if read <= was | mine_there | their_there:
                continue
        operations = []
        for is_mine, other in ((True, theirs), (False, mine)):
            ops = {
                (site, clock)
                for side, hunk, _, _ in chosen
                if side == is_mine
                for part in hunk.parts
                for site, first, last in part[4]
                for clock in range(first, last)
            }
            raises = raises_between(model, other, merged)
            ops |= {op.id for it in base_ids[low:high] for op in raises.get(it, [])}
            operations.append(spans_of(ops))
        found.append(OverlapTwin(low, high, base[low:high], texts[0], texts[1], operations[0], operations[1]))
    return sorted(found, key=lambda it: (it.start, it.end))


def text_of(hunk: HunkTwin) -> str:
    return "".join(part[0] for part in hunk.parts if part[1])


def changed_words(base: str, hunk: HunkTwin, glue: Callable[[str, str], bool]) -> set[int]:
    """The characters of the common text that are in words which a hunk cuts, lengthens or joins, and those it took."""
    covered = set(range(hunk.old_start, hunk.old_end))
    new = base[: hunk.old_start] + text_of(hunk) + base[hunk.old_end :]
    end = hunk.old_start + len(text_of(hunk))

    def joined(text: str, border: int) -> bool:
        return 0 < border < len(text) and glue(text[border - 1], text[border])

    if joined(base, hunk.old_start) or joined(new, hunk.old_start):
        at = hunk.old_start - 1
        covered.add(at)
        while joined(base, at):
            at -= 1
            covered.add(at)
    if joined(base, hunk.old_end) or joined(new, end):
        at = hunk.old_end
        covered.add(at)
        while joined(base, at + 1):
            at += 1
            covered.add(at)
    return covered


def shares(chosen: list[tuple[bool, HunkTwin, set[int], set[int]]], base: str) -> bool:
    """Whether an edit of each side share a character, a gap inside one of them, a gap where both put something, or a line that
    one deleted and the other lengthened."""
    for is_mine, one, gaps, words in chosen:
        for other_is_mine, other, other_gaps, other_words in chosen:
            if is_mine == other_is_mine:
                continue
            if words & other_words or (gaps & other_gaps and text_of(one) and text_of(other)):
                return True
            if other.old_start in gaps - {one.old_start, one.old_end}:
                return True
            if text_of(one) and not text_of(other) and one.old_start == one.old_end:
                at = one.old_start
                lines = [0, *(place + 1 for place in range(len(base)) if base[place] == "\n"), len(base) + 1]
                begin = max(place for place in lines if place <= at)
                line = range(begin, min(place for place in lines if place > at) - 1)
                inked = {place for place in line if not base[place].isspace()}
                gone = set(range(other.old_start, other.old_end))
                added = ""
                if at == other.old_end:
                    added = text_of(one).split("\n")[0]
                elif at == other.old_start:
                    added = text_of(one).split("\n")[-1]
                if inked and inked <= gone and added.strip():
                    return True
    return False


def restored(model: Model, version: Clocks, start: int, end: int) -> set[Id]:
    """The characters that are shown once those from `start` to `end` are as at a version."""
    then, now = shown_at(model, version), set(model.shown())
    result = set(now)
    offset = 0
    for it in model.order():
        inside = start <= offset < end if it in now else start <= offset <= end
        if inside:
            result = result | {it} if it in then else result - {it}
        offset += it in now
    return result


def restored_passage(model: Model, version: Clocks, first: Id, last: Id) -> set[Id]:
    """The characters that are shown once those from one to another are as at a version."""
    then, order = shown_at(model, version), model.order()
    passage = set(order[order.index(first) : order.index(last) + 1])
    return (set(model.shown()) - passage) | (passage & then)


def operations_on(
    model: Model, first: Id, last: Id, since: Version | None = None
) -> tuple[tuple[int, int, int], ...]:
    order = model.order()
    passage = set(order[order.index(first) : order.index(last) + 1])
    ops = [op for log in model.log.values() for op in log]
    done = (
        passage | {op.id for op in ops if isinstance(op, Raise) and op.target in passage}
        if passage
        else set()
    )
    return spans_of({it for it in done if since is None or it[1] >= since.get(it[0])})


def word_ends(model: Model, site: int, start: int, end: int) -> list[int]:
    """A word takes the blanks after it along, and the first one those in front."""
    found: list[int] = []
    typed = ""
    ops = model.log.get(site, [])
    for clock in range(start, end):
        one, other = ops[clock], ops[clock + 1] if clock + 1 < end else None
        typed = typed + one.character if isinstance(one, Insert) else ""
        if (
            other is None
            or isinstance(one, Raise) != isinstance(other, Raise)
            or (
                isinstance(other, Insert)
                and typed.strip()
                and typed[-1].isspace()
                and not other.character.isspace()
            )
        ):
            found.append(clock + 1)
    return found


def times(model: Model, time_of: TimeOf) -> Iterator[tuple[Id, int]]:
    for ops in model.log.values():
        for op in ops:
            yield op.id, time_of(*op.id)


def version_at(model: Model, seconds: float, time_of: TimeOf) -> Clocks:
    found: Clocks = {}
    for site, ops in model.log.items():
        clock = next((op.id[1] for op in ops if time_of(*op.id) > seconds), len(ops))
        if clock:
            found[site] = clock
    return found


def lives(model: Model, time_of: TimeOf) -> dict[Id, tuple[int, float]]:
    """When each character was typed, and when it was deleted last."""
    found: dict[Id, tuple[int, float]] = {}
    for it in model.inserts:
        begin, end = time_of(*it), float("inf")
        if model.levels[it] % 2 == 0:
            end = min(
                time_of(*op.id)
                for ops in model.log.values()
                for op in ops
                if not isinstance(op, Insert) and op.target == it and op.level == model.levels[it]
            )
        found[it] = begin, end
    return found


def ever(model: Model, text: str, time_of: TimeOf) -> Iterator[tuple[Id, Id, int]]:
    """Each place where the text stood in some second in which something happened: first and last character, second."""
    lived = lives(model, time_of)
    seconds = sorted({int(time) for life in lived.values() for time in life if time != float("inf")})
    for second in seconds:
        there = [it for it in model.order() if lived[it][0] <= second < lived[it][1]]
        written = "".join(model.inserts[it].character for it in there)
        at = written.find(text)
        while at >= 0:
            yield there[at], there[at + len(text) - 1], second
            at = written.find(text, at + 1)
