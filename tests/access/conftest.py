"""No hub outlives its test, and none had to tell a traceback; a server of the test's folder, with an owner's token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jpterm_like.config import Paths
from tests.access.team import Team, token
from tests.e2e.hub import kill_hub, no_traceback


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    yield
    kill_hub()
    no_traceback(Paths.of_user().state / "hub.log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    (folder / "docs").mkdir(parents=True)
    (folder / "notes.md").write_text("notes\n")
    (folder / "docs" / "plan.md").write_text("plan\n")
    return folder


@pytest.fixture
def owner(folder: Path) -> str:
    return token("own")


@pytest.fixture
def team(folder: Path, tmp_path: Path, owner: str) -> Iterator[Team]:
    team = Team(folder, tmp_path / "log")
    yield team
    team.stop()


@pytest.fixture
def holding(team: Team, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call it with a token: this process connects to the team's server with it from then on."""
    return lambda line: monkeypatch.setenv("JPTERM_LIKE_TOKEN", f"{team.url}={line}")
