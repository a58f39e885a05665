"""Replay editing traces on our replicated text and on the others that Python has, side by side.

    pip install -e '.[dev,bench]'
    python -m tests.bench.crdt --traces DIR                     everything; a quarter of an hour
    python -m tests.bench.crdt --traces DIR --cells a,b,c       some workloads (their names: --help)
    python -m tests.bench.crdt --traces DIR --peers pure,loro   some peers
    python -m tests.bench.crdt --traces DIR --trace rustcode    another trace than automerge-paper

DIR is the public collection josephg/editing-traces, or a folder with its files.

Each run is a process of its own; peers take turns, so that a machine that grows slower does so for all. A run prints
a JSON line: processor time and wall time in ms, growth of the resident set at its peak in MiB, bytes. Each checks what
came out: the text after the trace, equal texts after exchanges; a run that is wrong is said and counts for nothing.
At the end stand the medians, and the ratios beside the goals. Ratios within one run mean something, milliseconds of a
busy machine do not.

Ours runs twice: `pure` is the folder `crdt` of this checkout, `compiled` the same files through mypyc, compiled first
into a temporary folder (or lying in `--compiled FOLDER`). Peers that are not installed are left out, and said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench import goals, peers, traces, workloads

ROOT: Final = Path(__file__).parent.parent.parent

LONG_S: Final = 20.0
"""A cell whose first run took longer is not run again."""

GIVE_UP_S: Final = 600.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.crdt", description="See the top of this file."
    )
    parser.add_argument("--traces", type=Path, required=True, help="the folder of the editing traces")
    parser.add_argument("--trace", default="automerge-paper", help="the sequential trace")
    parser.add_argument("--cells", default=",".join(workloads.WORKLOADS), help="workloads: %(default)s")
    parser.add_argument(
        "--peers", default="", help=f"of {', '.join(peers.MAKERS)}; else those that have goals"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each cell")
    parser.add_argument(
        "--compiled", default="", help="a folder with a compiled crdt, instead of compiling it"
    )
    parser.add_argument("--json", type=Path, help="append the JSON lines to this file, too")
    # One cell, in a process of its own:
    parser.add_argument("--one", nargs=2, metavar=("CELL", "PEER"), help=argparse.SUPPRESS)
    parser.add_argument("--kept", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    for name in options.cells.split(","):
        if name not in workloads.WORKLOADS:
            parser.error(f"there is no workload {name}; there are {', '.join(workloads.WORKLOADS)}")
    try:
        traces.find(options.traces, options.trace)
        if "f" in options.cells.split(","):
            traces.find(options.traces, "friendsforever")
    except traces.MissingTrace as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    if options.one:
        return _one(options)
    with tempfile.TemporaryDirectory(prefix="crdt-bench-") as folder:
        return _all(options, Path(folder))


def _one(options: argparse.Namespace) -> int:
    """Run one cell and print its JSON line."""
    cell, name = options.one
    peer = peers.make(name, options.compiled)
    line: dict[str, object] = {"cell": cell, "peer": name, "trace": options.trace}
    if cell == "versions":
        line["versions"] = peer.versions()
    elif cell == "prepare":
        setting = workloads.Setting(options.traces, options.trace, options.kept)
        workloads.encoded(setting, peer)
    elif cell == "prepare-messages":
        setting = workloads.Setting(options.traces, options.trace, options.kept)
        workloads.messages_of(setting, peer)
    else:
        # The first call of everything is slow; a text of two characters is enough for that.
        warm = peer.new("ab")
        peer.replay(warm, [(2, 2, "c"), (0, 1, "")])
        setting = workloads.Setting(options.traces, options.trace, options.kept)
        try:
            line |= workloads.WORKLOADS[cell](setting, peer)
        except NotImplementedError:
            line["absent"] = True
        except workloads.Wrong as wrong:
            line["wrong"] = str(wrong)
    print(json.dumps(line), flush=True)
    return 0


def _all(options: argparse.Namespace, folder: Path) -> int:
    cells = options.cells.split(",")
    chosen = options.peers.split(",") if options.peers else list(peers.MAKERS)
    if not options.compiled and "compiled" in chosen:
        options.compiled = compiled(folder / "compiled")
    here = [name for name in chosen if _is_here(options, name, folder)]
    kept = folder / "kept"
    kept.mkdir()
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    wrong = 0
    long: set[tuple[str, str]] = set()
    for run in range(options.runs):
        for cell in cells:
            wanted = chosen if options.peers else goals.peers_of(cell)
            for name in [name for name in wanted if name in here and (cell, name) not in long]:
                if cell == "c":
                    _child(options, "prepare-messages", name, kept)
                elif cell in ("e-text", "e-edit", "g"):
                    _child(options, "prepare", name, kept)
                line = _child(options, cell, name, kept)
                print(json.dumps(line), flush=True)
                if options.json:
                    with options.json.open("a") as out:
                        out.write(json.dumps(line) + "\n")
                if "wrong" in line or "failed" in line:
                    wrong += 1
                    long.add((cell, name))
                elif "absent" in line:
                    long.add((cell, name))
                else:
                    numbers = {
                        key: float(value) for key, value in line.items() if isinstance(value, (int, float))
                    }
                    found.setdefault((cell, name), []).append(numbers)
                    if numbers.pop("process_s", 0) > LONG_S and run == 0:
                        long.add((cell, name))
    medians = {
        key: {kind: statistics.median(run[kind] for run in runs) for kind in runs[0]}
        for key, runs in found.items()
    }
    print(f"\n{_heading(options, here, kept)}\n\n{goals.ratios(medians)}\n\n{goals.absolutes(medians)}")
    if wrong:
        print(f"\n{wrong} runs were wrong or failed")
    return 1 if wrong else 0


def compiled(folder: Path) -> str:
    """Compile `crdt` into a folder and return that; "" where it cannot be done."""
    shutil.copytree(ROOT / "crdt", folder / "crdt", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    command = [sys.executable, str(ROOT / ".ci" / "build_hook.py")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(
            f"bench: no compiled crdt: {(done.stderr or done.stdout).strip().splitlines()[-1]}",
            file=sys.stderr,
        )
        return ""
    return str(folder)


def _is_here(options: argparse.Namespace, name: str, folder: Path) -> bool:
    if name == "compiled" and not options.compiled:
        return False
    line = _child(options, "versions", name, folder)
    if "failed" in line:
        print(f"bench: without {name}: {line['failed']}", file=sys.stderr)
        return False
    return True


def _child(options: argparse.Namespace, cell: str, name: str, kept: Path) -> dict[str, object]:
    command = [
        sys.executable,
        "-m",
        "tests.bench.crdt",
        "--traces",
        str(options.traces),
        "--trace",
        options.trace,
    ]
    command += ["--compiled", options.compiled, "--kept", str(kept), "--one", cell, name]
    # The same hashes in each run: the order of sets and the collisions in dictionaries are no difference of peers.
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    begin = datetime.now(UTC)
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=GIVE_UP_S
        )
    except subprocess.TimeoutExpired:
        return {"cell": cell, "peer": name, "failed": f"more than {GIVE_UP_S:.0f} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"cell": cell, "peer": name, "failed": said[-1] if said else f"exit code {done.returncode}"}
    line: dict[str, object] = json.loads(done.stdout)
    line["process_s"] = round((datetime.now(UTC) - begin).total_seconds(), 1)
    return line


def _heading(options: argparse.Namespace, here: list[str], kept: Path) -> str:
    lines = [
        _child(options, "versions", name, kept) for name in here if name not in ("pure", "compiled", "gap")
    ]
    versions = dict.fromkeys(str(line.get("versions", "")) for line in lines)
    what = ", ".join(["CPython " + platform.python_version(), *[each for each in versions if each]])
    return f"{datetime.now(UTC):%Y-%m-%d}, {options.trace}, {what}, {platform.machine()}, {options.runs} runs"


if __name__ == "__main__":
    sys.exit(main())
