"""`jpterm-like sync PLACE PLACE`: bring two places together, such as a stick and a server. No text is loaded."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from jpterm_like.cli.place_commands import REASONS, open_for_person
from jpterm_like.cli.progress import Progress, size
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.packs.decisions import Standing
from jpterm_like.packs.names import PackName
from jpterm_like.places.address import is_address
from jpterm_like.places.base import PlaceError, in_sentence, nobody_counts
from jpterm_like.places.copying import Plan, Side, copy, is_possible, is_same, look


def sync_places(first: str, second: str, *, dry_run: bool, as_json: bool) -> int:
    """Bring two places together; return the exit code: 0 if both have the same now, 1 if something is still on its way.

    Raises:
        JptermError: it could not be done. Packs that were copied stay, and the next run goes on from there.
    """
    progress = Progress(is_shown=False if as_json else None)
    are_counted = [is_address(first), is_address(second)]
    if not any(are_counted):
        are_counted = [True, True]
    # Beside a server a folder takes no time, and would only make the percents lie.
    sides = [
        Side(open_for_person(written, progress.moved if is_counted else nobody_counts))
        for written, is_counted in zip((first, second), are_counted, strict=True)
    ]
    try:
        sentence, facts, code = _sync(sides[0], sides[1], are_counted, progress, dry_run=dry_run)
    finally:
        progress.end()
    print(json.dumps(facts) if as_json else escape_for_terminal(sentence))
    return code


def _sync(
    first: Side, second: Side, are_counted: list[bool], progress: Progress, *, dry_run: bool
) -> tuple[str, dict[str, object], int]:
    if first.place.address == second.place.address:
        raise JptermError("These are one place: name two.")
    progress.say(f"Asking {first.place.address} and {second.place.address} what is there")
    plan = look(first, second)
    if not is_possible(first, second, plan):
        raise JptermError(_why_not(first, second, plan))
    if dry_run:
        facts: dict[str, object] = {"to_second": len(plan.to_second), "to_second_bytes": _bytes(plan.to_second),
                 "to_first": len(plan.to_first), "to_first_bytes": _bytes(plan.to_first)}  # fmt: skip
        return _would(plan, first, second), facts, 0
    # At each side what goes there is written and read back, and what comes from there is read.
    there, back = _bytes(plan.to_second), _bytes(plan.to_first)
    progress.expect(are_counted[0] * (2 * back + there) + are_counted[1] * (2 * there + back))
    with tempfile.TemporaryDirectory(prefix="jpterm-like-sync-") as folder:
        copy(first, second, plan, Path(folder))
    problem = first.problem or second.problem
    facts = {
        "same": is_same(first, second),
        "to_second": len(second.sent),
        "to_second_bytes": _bytes(second.sent),
        "to_first": len(first.sent),
        "to_first_bytes": _bytes(first.sent),
        "problem": None if problem is None else str(problem),
    }
    return _sentence(first, second, problem), facts, 0 if is_same(first, second) else 1


def _why_not(first: Side, second: Side, plan: Plan) -> str:
    for side in (first, second):
        if side.standing not in (Standing.READY, Standing.EMPTY):
            return f"{in_sentence(side.place)} {REASONS[side.standing]}."
    if plan.is_other:
        return (
            f"{in_sentence(first.place)} and {escape_for_terminal(second.place.address)} have different texts: "
            "nothing was read or written."
        )
    return f"{in_sentence(first.place)} {REASONS[Standing.EMPTY]}, and {escape_for_terminal(second.place.address)} as well: nothing was synced there yet."


def _would(plan: Plan, first: Side, second: Side) -> str:
    if not (plan.to_first or plan.to_second):
        return "Nothing is to be copied: all is the same."
    return (
        f"Would copy at most {_packs(plan.to_second)} to {second.place.address} and {_packs(plan.to_first)} to "
        f"{first.place.address}."
    )


def _sentence(first: Side, second: Side, problem: PlaceError | None) -> str:
    done = " and ".join(
        f"{_packs(side.sent)} to {side.place.address}" for side in (second, first) if side.sent
    )
    sentence = f"Copied {done}" if done else "Nothing is new"
    if problem is not None:
        return f"{sentence}; then it ended: {problem}"
    rest: list[str] = []
    reports = [side.report for side in (first, second) if side.report is not None]
    if waiting := sum(len(report.waiting) for report in reports):
        rest.append(f"{_count(waiting)} still to be copied")
    if unread := sum(len(report.unread) for report in reports):
        rest.append(f"{_count(unread)} not whole")
    if aside := sum(len(report.set_aside) for report in reports):
        rest.append(f"{_count(aside)} damaged and left out")
    return f"{sentence}; {', '.join(rest) or 'all is the same'}."


def _packs(names: list[PackName]) -> str:
    return f"{_count(len(names))} ({size(_bytes(names))})"


def _count(number: int) -> str:
    return f"{number:,} {'pack' if number == 1 else 'packs'}"


def _bytes(names: list[PackName]) -> int:
    return sum(name.size_bytes for name in names)
