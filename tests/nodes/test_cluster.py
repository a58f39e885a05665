"""Clusters from seeds: whatever nodes, lines and the database do, each token is in the end at everyone once, and nothing is called stored that is
not in the database.

`pytest tests/nodes/test_cluster.py --clusters 2000` tries more of them; `--seed N` runs one, as a failure tells.
"""

from __future__ import annotations

import pytest

from tests.nodes.weather import Story
from tests.sync.network import simulate

PARTS = 2


def run(seed: int) -> None:
    lived: list[Story] = []

    async def live(chance) -> None:  # type: ignore[no-untyped-def]
        lived.append(Story(chance))
        await lived[0].live()

    try:
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(
                "jpterm_like.saver.COMPACT_BYTES", 400
            )  # snapshots remove what the log has before them
            simulate(seed, live)
    except BaseException as problem:
        for one in lived:
            problem.add_note("what happened: " + ", ".join(one.happened))
        problem.add_note(f"replay it with: pytest tests/nodes/test_cluster.py --seed {seed}")
        raise


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
