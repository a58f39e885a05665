"""What looking back costs in a text of a million operations by four authors.

    python -m tests.bench.memory --traces DIR

DIR is the public collection josephg/editing-traces. Each author types the automerge-paper trace, one after the other,
in sittings with nights between them. Prints processor time in ms beside the goal, pure and compiled; each figure is
the median of five calls, and each result is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
AUTHORS: Final = ("ann", "bob", "cid", "eva")
SITTING: Final = 3000
"""Edits in a sitting; a key takes a fifth of a second, and between sittings there are eight hours."""

GOALS: Final = {
    "changes, everything": None,
    "changes, one author": 80.0,
    "revert an author": 60.0,
    "undo that": None,
    "restore to a time": 80.0,
    "text at a time, p95": 40.0,
    "look back by a sitting, p95": 40.0,
    "look back anywhere, p95": 40.0,
    "blame, whole": 30.0,
    "blame, a screen": 1.0,
    "overlaps of 200 places": None,
    "review of 200 places": 300.0,
    "version at a time": None,
    "activity in 110 buckets": None,
    "ever": None,
    "runs of a screen": None,
    "runs around a place, p99": 30.0,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory")
    parser.add_argument("--traces", type=Path, required=True, help="the folder of the editing traces")
    parser.add_argument(
        "--compiled", default="", help="a folder with a compiled crdt, instead of compiling it"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one:
        print(json.dumps(_measured(options.traces)))
        return 0
    with tempfile.TemporaryDirectory(prefix="crdt-bench-") as folder:
        from tests.bench import crdt

        where = options.compiled or crdt.compiled(Path(folder) / "compiled")
        columns = {"pure": _child(options, ""), **({"compiled": _child(options, where)} if where else {})}
    print(f"{'ms':28}{''.join(f'{name:>12}' for name in columns)}{'goal':>12}")
    for what, goal in GOALS.items():
        figures = "".join(f"{columns[name][what]:12.2f}" for name in columns)
        print(f"{what:28}{figures}{goal or '':>12}")
    return 0


def _child(options: argparse.Namespace, compiled: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.memory", "--one", "--traces", str(options.traces)]
    path = os.pathsep.join(it for it in (compiled, str(ROOT)) if it)
    done = subprocess.run(
        command,
        cwd=Path(tempfile.gettempdir()),
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _ms(work: Callable[[], object], times: int = 5) -> list[float]:
    taken = []
    for _ in range(times):
        begin = time.process_time()
        work()
        taken.append((time.process_time() - begin) * 1000)
    return sorted(taken)


def _measured(folder: Path) -> dict[str, float]:
    from crdt import TextBuffer, Version
    from crdt.past import PastText
    from jpterm_like.history.apart import Apart
    from jpterm_like.history.review_items import items_of
    from jpterm_like.history.timeline import Place, Timeline
    from jpterm_like.sync.inspection import runs_around
    from tests.bench import traces

    trace = traces.load(folder, "automerge-paper")
    text, data = "", TextBuffer.genesis("").encode()
    now = 1_000_000.0
    times: list[float] = []
    versions: list[Version] = []
    for number, name in enumerate(AUTHORS):
        buffer = TextBuffer.decode(data, site=number + 1, author=name)
        base = len(buffer)
        for at, (start, end, inserted) in enumerate(trace.patches):
            now += 0.2 if at % SITTING else 8 * 3600
            if not at % SITTING:
                times.append(now - 1)
                versions.append(buffer.version)
            buffer.replace(base + start, base + end, inserted, now)
        data, text = buffer.encode(), buffer.text
    buffer = TextBuffer.decode(data, site=9, author="zoe")
    full = buffer.version
    assert buffer.at(full) == text
    rng = random.Random(1)
    result: dict[str, float] = {}

    def median(what: str, work: Callable[[], object], times: int = 5) -> None:
        result[what] = statistics.median(_ms(work, times))

    # From its encoded form: the first call unpacks the document, which every other use does as well.
    buffer.changes(Version(), full)
    median("changes, everything", lambda: buffer.changes(Version(), full))
    before = Version({site: clock for site, clock in full.items() if site != 2})
    median("changes, one author", lambda: buffer.changes(before, full))
    at_times = [_ms(lambda: buffer.at(buffer.version_at(rng.choice(times))), 1)[0] for _ in range(60)]
    result["text at a time, p95"] = sorted(at_times)[57]
    past = PastText.decode(data, site=12)
    timeline = Timeline(past)

    def jump(place: Place) -> float:
        return _ms(lambda: past.show(timeline.version(place)), 1)[0]

    stops = [timeline.now]
    for _ in range(40):
        stops.append(timeline.previous_stop(stops[-1]))
    steps = [jump(it) for it in stops[1:]]
    result["look back by a sitting, p95"] = sorted(steps)[37]
    assert past.text == buffer.at(timeline.version(stops[-1]))
    jumps = [timeline.place_in(rng.randrange(100), 100) for _ in range(40)]
    steps = [jump(it) for it in jumps]
    result["look back anywhere, p95"] = sorted(steps)[37]
    median("version at a time", lambda: buffer.version_at(times[len(times) // 2]))
    assert buffer.version_at(times[40]) == versions[40]
    median("activity in 110 buckets", lambda: buffer.activity(times[0], now, 110))
    assert sum(map(sum, buffer.activity(0, now + 1, 110).values())) == sum(clock for _, clock in full.items())
    median("blame, whole", lambda: buffer.authorship(0, len(buffer)))
    median("blame, a screen", lambda: buffer.authorship(200_000, 204_000))
    median("ever", lambda: buffer.ever("the algorithm"))
    assert len(buffer.ever("the algorithm")) >= text.count("the algorithm") > 0
    list(buffer.runs(0, 1))
    median("runs of a screen", lambda: list(buffer.runs(200_000, 204_000)))
    places = [_ms(lambda: runs_around(buffer, rng.randrange(len(text)), 10, 20), 1)[0] for _ in range(200)]
    result["runs around a place, p99"] = sorted(places)[197]
    mine, theirs = TextBuffer.decode(data, site=10), TextBuffer.decode(data, site=11)
    for at in reversed(range(200)):
        place = 1000 + at * (len(text) - 2000) // 200
        mine.replace(place, place + 3, "mine", now)
        theirs.replace(place + 1, place + 4, "theirs", now)
    sides = mine.version, theirs.version
    mine.integrate(theirs.changes_since(mine.version))
    median("overlaps of 200 places", lambda: mine.overlaps(full, *sides))
    assert len(mine.overlaps(full, *sides)) >= 190
    apart = Apart(full, *sides, 0, 0, 0)
    median("review of 200 places", lambda: items_of(mine, apart, True))
    assert len(items_of(mine, apart, True)) >= 190

    reverting, undoing, restoring = [], [], []
    for _ in range(5):
        one = TextBuffer.decode(data, site=12, author="zoe")
        one.at(full)
        reverting += _ms(lambda: one.revert({2: [(0, full.get(2))]}, now), 1)  # noqa: B023
        assert not any(site == 2 for _, _, site, _ in one.authorship(0, len(one)))
        undoing += _ms(lambda: one.undo(now), 1)  # noqa: B023
        assert one.text == text
        restoring += _ms(lambda: one.restore(versions[60], now), 1)  # noqa: B023
        assert one.text == one.at(versions[60])
    result["revert an author"] = statistics.median(reverting)
    result["undo that"] = statistics.median(undoing)
    result["restore to a time"] = statistics.median(restoring)
    return result


if __name__ == "__main__":
    sys.exit(main())
