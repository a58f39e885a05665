"""The long versions of all tests of the promise: nothing lost, nothing doubled, whatever dies; and the screen is the document.

python -m tests.trust                  some hours; what fails prints the seed, and the command that plays it again
python -m tests.trust --tenth          a tenth of everything
python -m tests.trust --ci             what must hold for good; minutes
python -m tests.trust -k rot -n 2      only what matches, in two processes, as in pytest
python -m tests.trust -k any_network --seeds 200000
                                       the simulated networks alone, very many
python -m tests.trust.mutations        put mended faults back in: which seed finds each

Only the tests whose amount is an option (marked `amount`) are run.
"""

from __future__ import annotations

import sys
from typing import Final

import pytest

LONG: Final = {
    "--seeds": 100_000,
    "--clusters": 200_000,
    "--cuts": 20_000,
    "--rot": 100_000,
    "--rounds": 1_000,
    "--partitions": 5_000,
    "--identities": 50_000,
    "--frames": 10_000_000,
    "--unions": 20_000,
    "--churn": 300,
    "--writers": 5_000,
    "--schedules": 10_000,
    "--streams": 400,
    "--packs": 2_000_000,
    "--carriers": 500_000,
    "--carried": 5_000,
    "--killed-syncs": 500,
    "--parts": 2_000,
    "--syncthing-rounds": 1_000,
    "--place-kills": 2_000,
    "--text-kills": 2_000,
    "--place-cuts": 5_000,
    "--rename-kills": 100,
    "--documents": 10_000,
    "--cells": 10_000,
    "--notebooks": 1_000,
    "--notebook-networks": 5_000,
    "--records": 20_000,
    "--keeper-kills": 200,
    "--run-kills": 1_000,
    "--node-faults": 1_000,
}
"""How much of each; what the suite takes of it is in `tests/conftest.py`."""

CI: Final = {
    "--seeds": 2_000,
    "--clusters": 2_000,
    "--cuts": 300,
    "--rot": 2_000,
    "--rounds": 100,
    "--partitions": 200,
    "--identities": 500,
    "--frames": 200_000,
    "--unions": 1_000,
    "--churn": 100,
    "--writers": 400,
    "--schedules": 200,
    "--streams": 12,
    "--packs": 20_000,
    "--carriers": 2_000,
    "--carried": 50,
    "--killed-syncs": 25,
    "--parts": 30,
    "--syncthing-rounds": 50,
    "--place-kills": 100,
    "--text-kills": 100,
    "--place-cuts": 200,
    "--rename-kills": 33,
    "--documents": 10_000,
    "--cells": 1_000,
    "--notebooks": 1_000,
    "--notebook-networks": 300,
    "--records": 1_000,
    "--keeper-kills": 10,
    "--run-kills": 10,
    "--node-faults": 10,
}

TESTS: Final = (
    "tests/crdt/test_records.py",
    "tests/sync",
    "tests/nodes",
    "tests/storage",
    "tests/packs",
    "tests/places",
    "tests/notebook",
    "tests/kernels",
    "tests/trust",
    "tests/cli/test_carried_folder.py",
    "tests/cli/test_place_texts.py",
    "tests/e2e/test_kill.py",
    "tests/e2e/test_notebook_kills.py",
    "tests/e2e/test_rename_kill.py",
    "tests/e2e/test_sync_folder.py",
    "tests/cli/test_open_at_place.py",
    "tests/postgres/test_faults.py",
    "tests/e2e/test_syncthing.py",
    "tests/cli/test_join.py",
    "tests/server/test_outside_writers.py",
    "tests/server/test_rename_crashes.py",
    "tests/tui/test_terminal_screen.py",
    "tests/tui/test_random_keys.py",
    "tests/tui/commands/test_multiple_carets.py",
)


def main(arguments: list[str]) -> int:
    amounts: dict[str, int] = LONG
    if "--ci" in arguments:
        amounts = CI
    elif "--tenth" in arguments:
        amounts = {name: count // 10 for name, count in LONG.items()}
    rest = [argument for argument in arguments if argument not in ("--ci", "--tenth")]
    options = [f"{name}={count}" for name, count in amounts.items()]
    print("pytest", "-m", "amount", *TESTS, *options, *rest)
    return pytest.main(["-m", "amount", *TESTS, *options, *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
