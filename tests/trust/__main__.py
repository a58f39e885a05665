"""The long versions of all tests of the promise: nothing lost, nothing doubled, whatever dies.

python -m tests.trust                  some hours; what fails prints the seed, and the command that plays it again
python -m tests.trust --tenth          a tenth of everything
python -m tests.trust -k rot           only what matches, as in pytest
"""

from __future__ import annotations

import sys
from typing import Final

import pytest

LONG: Final = {
    "--seeds": 100_000,
    "--cuts": 20_000,
    "--rot": 100_000,
    "--rounds": 1_000,
    "--partitions": 5_000,
    "--identities": 50_000,
    "--frames": 10_000_000,
    "--churn": 300,
}
"""How much of each; what CI takes is in `tests/conftest.py`."""

TESTS: Final = (
    "tests/sync",
    "tests/storage",
    "tests/trust",
    "tests/e2e/test_kill.py",
    "tests/test_outside_writers.py",
)


def main(arguments: list[str]) -> int:
    share = 10 if "--tenth" in arguments else 1
    rest = [argument for argument in arguments if argument != "--tenth"]
    options = [f"{name}={count // share}" for name, count in LONG.items()]
    print("pytest", *TESTS, *options, *rest)
    return pytest.main(["-v", *TESTS, *options, *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
