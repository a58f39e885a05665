"""Devices write through faulty places: nothing is lost, nothing doubled, and nothing removed that is nowhere else."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.places.simulation import simulate


@pytest.mark.amount
def test_nothing_is_lost_whatever_carriers_and_devices_do(request: pytest.FixtureRequest) -> None:
    """Thousands with `python -m tests.trust -k carriers`."""
    seed = request.config.getoption("--seed")
    seeds = [seed] if seed is not None else range(request.config.getoption("--carriers"))
    happened: Counter[str] = Counter()
    for each in seeds:
        happened.update(simulate(each).happened)
    if seed is None and len(seeds) >= 50:
        rare = [
            what
            for what in ("fetched", "joined", "removed", "damaged", "set_aside", "lane_taken", "killed", "problem",
                         "marker gone", "other collection", "restore", "clone", "undo", "back")
            if not happened[what]
        ]  # fmt: skip
        assert rare == [], "a simulation in which this never happens shows nothing about it"
