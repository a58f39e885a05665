"""How long a key stops the keyboard: the longest turn of the editor's event loop after one key, in hard texts.

    python -m tests.bench.keys                     every case
    python -m tests.bench.keys "line" -v           those whose names contain it, with the longest turns
    python -m tests.bench.keys "undo" --profile    the same, with what the time went into

The editor runs in this process with a terminal that shows nothing. Turns are timed by the thread's CPU, which other
programs do not lengthen. Beside each command stand plain keys (a letter) in the same text, before it: where the machine
is busy, only the ratio tells. Prints a line a case:

- key: the longest turn of a letter, the median of some letters
- turn: the longest turn after the command
- all: CPU of all turns until it is quiet
- slow: turns of more than 30 ms
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from textual import events

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.workspace import Opening
from tests.bench.key_cases import CASES, Case
from tests.bench.key_stage import Silent, Stage, Turns
from tests.tui.desk import Desk, Plain

SLOW_S: Final = 0.03
LETTERS: Final = 9


@asynccontextmanager
async def stage(case: Case, turns: Turns) -> AsyncIterator[Stage]:
    text = case.text()
    desk = Desk(text, "ann", 1)
    desk.title = case.title
    other = None
    if case.with_other:
        other = Desk(text, "bob", 2)
        desk.join(other)
    app = EditorApp([Opening(desk)], Plain(**case.options))
    app.driver_class = Silent
    async with app.run_test(headless=False, size=(120, 40)) as pilot:
        await pilot.pause()
        it = Stage(app, pilot, other, turns)
        await it.quiet()
        yield it


async def measure(case: Case, turns: Turns, profiles: bool) -> dict[str, float]:
    async with stage(case, turns) as it:
        it.go(0)
        letters = []
        vi = it.editor.vi is not None
        if vi:
            await it.press("i")
        for _ in range(LETTERS):
            turns.clear()
            it.app.post_message(events.Key("x", "x"))
            await asyncio.sleep(0.05)
            letters.append(turns.longest_s)
        if vi:
            await it.press("escape")
        it.editor.session.break_undo()
        await it.quiet()
        if case.prepare is not None:
            await case.prepare(it)
        await it.quiet()
        turns.clear()
        if profiles:
            turns.profile = cProfile.Profile()
            await asyncio.sleep(0)
        await case.does(it)
        profile, turns.profile = turns.profile, None
        found = {
            "key": 1e3 * sorted(letters)[len(letters) // 2],
            "turn": 1e3 * turns.longest_s,
            "all": 1e3 * sum(took for took, _ in turns.turns),
            "slow": sum(took > SLOW_S for took, _ in turns.turns),
        }
        turns_now = sorted(turns.turns, reverse=True)[:5]
        if profile is not None:
            pstats.Stats(profile, stream=sys.__stdout__).sort_stats("cumulative").print_stats(40)
        turns.turns = turns_now
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help="parts of names of cases")
    parser.add_argument("-v", "--verbose", action="store_true", help="the longest turns, too")
    parser.add_argument("--profile", action="store_true", help="what the time went into")
    parser.add_argument("--above", type=float, default=0.0, help="only cases with a turn of so many ms")
    parser.add_argument("--list", action="store_true", help="names only")
    options = parser.parse_args()
    names = [name for name in CASES if not options.cases or any(part in name for part in options.cases)]
    if options.list:
        print("\n".join(names))
        return
    turns = Turns()
    turns.install()
    for name in names:
        found = asyncio.run(measure(CASES[name], turns, options.profile))
        if found["turn"] < options.above:
            continue
        print(
            f"{name}: key {found['key']:.1f} ms, turn {found['turn']:.1f}, all {found['all']:.0f}, slow {found['slow']:.0f}",
            flush=True,
        )
        if options.verbose:
            for took, what in turns.turns:
                print(f"    {1e3 * took:.1f} ms {what}")


if __name__ == "__main__":
    main()
