"""Clusters from seeds: whatever nodes, lines and the database do, each token is in the end at everyone once, and nothing is called stored that is
not in the database.

`pytest tests/nodes/test_cluster.py --clusters 2000` tries more of them; `--seed N` runs one, as a failure tells.
"""

from __future__ import annotations

import pytest

from tests.nodes.weather import Story
from tests.sync.network import live_through

PARTS = 2


def run(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patches:
        # Snapshots remove what the log has before them.
        patches.setattr("jpterm_like.saver.COMPACT_BYTES", 400)
        live_through(seed, Story, "tests/nodes/test_cluster.py")


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """Which seeds this run is to try."""
    one = request.config.getoption("--seed")
    return range(one, one + 1) if one is not None else range(request.config.getoption("--clusters"))


@pytest.mark.amount
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_or_doubled_in_any_cluster(part: int, seeds: range) -> None:
    for seed in seeds[part::PARTS]:
        run(seed)
