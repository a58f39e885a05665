"""From a key in one person's editor to the other's screen, through a folder that both sync with: two editors, two hubs, two keepers.

python -m tests.bench.step --words 40

Prints seconds of wall clock.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.machines import machines
from tests.e2e.terminal import terminals

STEP_S = 0.02
"""Interval at which the other's screen is looked at."""


async def measure(folder: Path, words: int) -> list[float]:
    place, chance, took = folder / "nas", random.Random(1), []
    place.mkdir()
    with machines(folder, "Ann", "Bob") as [ann, bob]:
        (ann.texts / "notes.md").write_text("hello\n")
        ann.sync(place)
        bob.sync(place)
        async with terminals() as terminal:
            screens = [
                terminal(str(one.texts / "notes.md"), env=one.variables, columns=60, rows=10)
                for one in (ann, bob)
            ]
            for screen in screens:
                await screen.says("in nas")
            for number in range(words + 2):
                mine, other = screens if chance.random() < 0.5 else reversed(screens)
                await asyncio.sleep(chance.uniform(0.5, 4.0))
                word = f"w{number}x"
                await mine.press("ctrl+home")
                began = time.monotonic()
                await mine.type(f"{word} ")
                while word not in other.text:
                    await asyncio.sleep(STEP_S)
                    assert time.monotonic() - began < 60, other.text
                took.append(time.monotonic() - began)
    return sorted(took[2:])  # the first ones come before anybody writes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=40)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a keeper may still be ending
        took = asyncio.run(measure(Path(folder), parser.parse_args().words))
    count = len(took)
    print(
        f"{count} words: p50 {took[count // 2]:.2f} s, p95 {took[int(count * 0.95)]:.2f} s, most {took[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
