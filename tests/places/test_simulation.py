"""Devices write through faulty places: nothing is lost, nothing doubled, and nothing removed that is nowhere else."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.places.simulation import Device, simulate
from tests.places.texts import TextDevice

HAPPENS = (
    "fetched", "joined", "removed", "damaged", "set_aside", "lane_taken", "killed", "problem", "marker gone", "other collection",
    "restore", "clone", "undo", "back", "away", "copy", "lose",
)  # fmt: skip
"""What must happen somewhere in a hundred simulations, for they show nothing about what never happens."""


SHARDS = 4
"""So that several processes share the work."""


def run(request: pytest.FixtureRequest, kind: type[Device], shard: int, count: int) -> None:
    seed = request.config.getoption("--seed")
    seeds = [seed] if seed is not None else range(shard, count, SHARDS)
    happened: Counter[str] = Counter()
    for each in seeds:
        happened.update(simulate(each, kind).happened)
    if len(seeds) >= 100:
        assert [what for what in HAPPENS if not happened[what]] == []


@pytest.mark.amount
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_record_is_lost_whatever_carriers_and_devices_do(
    request: pytest.FixtureRequest, shard: int
) -> None:
    """With sets of records in the place of documents, so that many are simulated."""
    run(request, Device, shard, request.config.getoption("--carriers"))


@pytest.mark.amount
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_word_is_lost_or_doubled_whatever_carriers_and_devices_do(
    request: pytest.FixtureRequest, shard: int
) -> None:
    """With texts in stores, whose operations travel."""
    run(request, TextDevice, shard, request.config.getoption("--carriers") // 4)
