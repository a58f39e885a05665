"""No hub outlives its test, and none had to tell a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jpterm_like.config import Paths
from tests.e2e.hub import kill_hub, no_traceback


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    yield
    kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")
