"""Whole networks from seeds: nothing lost, nothing doubled, nothing where it does not belong.

What happens in them is in `climates`. `pytest tests/sync/test_network.py --seeds 100000` runs more of them;
`--seed N -k CLIMATE` runs one, as a failure tells; `python -m tests.trust` runs very many.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.climates import CLIMATES, Folder
from tests.sync.network import live_through

__all__ = ["Folder"]

SHARES = {"outages": 2, "programs": 1, "losses": 1, "names": 1}
"""So many of five seeds are for each climate."""
PARTS = 4


def run(climate: str, seed: int, root: Path, mistakes: list[str]) -> None:
    """One seed, in a fresh folder. `mistakes` are what is logged meanwhile."""
    replay = f"tests/sync/test_network.py -k {climate}"
    live_through(seed, lambda chance: CLIMATES[climate](chance, root), replay, mistakes)


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> range:
    """Which seeds this run is to try."""
    one = request.config.getoption("--seed")
    if one is not None:
        return range(one, one + 1)
    return range(request.config.getoption("--seeds"))


@pytest.mark.amount
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("climate", CLIMATES)
def test_nothing_is_lost_or_doubled_in_any_network(
    climate: str, part: int, seeds: range, tmp_path: Path, mistakes: list[str]
) -> None:
    """Every token that was typed is in the end at everyone exactly once, whatever the lines and machines did."""
    share = len(seeds) * SHARES[climate] // sum(SHARES.values()) or 1
    for seed in seeds[:share][part::PARTS]:
        root = tmp_path / str(seed)
        root.mkdir()
        run(climate, seed, root, mistakes)
