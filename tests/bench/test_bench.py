"""The benchmarks themselves: small traces through every workload, on ours only."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

import crdt
from tests.bench import goals, interleaving, peers, traces, workloads
from tests.bench.crdt import main

OURS = "compiled" if crdt.compiled else "pure"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder with a trace of one author and one of two, in the form of the public collection."""
    rng = random.Random(5)
    patches = traces.bursts(0, 300, seed=5)
    turns = [{"patches": [[start, end - start, text]]} for start, end, text in patches]
    alone = {"startContent": "", "txns": turns, "endContent": traces.applied("", patches)}
    # Two who write in turns, now and then without having seen what the other wrote last.
    both: list[dict[str, object]] = []
    last: dict[int, int] = {}
    for number in range(60):
        author = rng.randrange(2)
        parents = [last[author]] if author in last else []
        if number and rng.random() < 0.7:
            parents.append(number - 1)
        last[author] = number
        both.append({"agent": author, "parents": parents, "patches": [[0, 0, "x"]]})
    together = {"numAgents": 2, "txns": both, "endContent": "x" * 60}
    for name, data in (("small", alone), ("friendsforever", together)):
        (tmp_path / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    return tmp_path


@pytest.mark.parametrize(
    "cell", ["a", "b", "c", "d", "e-text", "e-edit", "f", "h-sites", "l", "grow-1", "grow-10"]
)
def test_a_workload_runs_and_finds_its_result_right(collection: Path, tmp_path: Path, cell: str) -> None:
    setting = workloads.Setting(collection, "small", tmp_path)
    result = workloads.WORKLOADS[cell](setting, peers.make(OURS, ""))
    assert result["ms"] > 0


@pytest.mark.parametrize("seed", range(20))
def test_the_gap_buffer_is_right(seed: int) -> None:
    """The floor that we are measured against does the work."""
    gap = peers.Gap()
    patches = [*traces.bursts(0, 200, seed), *traces.scattered(0, 0, seed, 0.0)]
    text = traces.applied("", patches)
    patches += traces.scattered(len(text), 200, seed, 0.4)
    doc = gap.new()
    gap.replay(doc, patches)
    assert gap.text(doc) == traces.applied("", patches)


def test_a_wrong_result_is_told(collection: Path, tmp_path: Path) -> None:
    class Forgetful(peers.Gap):
        def replay(self, doc: object, patches: list[traces.Patch]) -> None:
            super().replay(doc, patches[:-1])

    with pytest.raises(workloads.Wrong):
        workloads.local(workloads.Setting(collection, "small", tmp_path), Forgetful())


def test_without_traces_it_says_where_they_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--traces", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "https://github.com/josephg/editing-traces" in said and "--traces" in said


def test_ratios_stand_beside_their_goals() -> None:
    medians = {("a", "pure"): {"ms": 50.0}, ("a", "loro"): {"ms": 100.0}, ("a", "compiled"): {"ms": 10.0}}
    table = goals.ratios(medians)
    assert "| a, each patch a call | loro | 0.50 ✗ | ≤ 0.40 | 1/10 | ≤ 1/8 |" in table.splitlines()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("way", interleaving.WAYS)
def test_f16_the_table_of_pieces(way: str, restarts: bool) -> None:
    """What two write at one place stays in two pieces, however they write it."""
    peer = peers.make(OURS, "")
    assert [interleaving.pieces(peer, way, restarts, seed) for seed in range(3)] == [2, 2, 2]
