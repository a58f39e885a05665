"""Accidents on each real server: the command killed at any call and byte, and lines cut at any byte. Torn is never read as whole.

All of them: python -m tests.trust -k accidents
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("urllib3", reason="places on servers need urllib3")

from jpterm_like.places.base import PlaceError
from jpterm_like.places.copying import Side, copy, is_possible, is_same, look
from jpterm_like.places.local import LocalPlace
from tests.places.rounds import SERVERS, Site, Story, kill_rounds, kill_text_rounds, quick_folder, site


def share(request: pytest.FixtureRequest, option: str, kinds: int) -> tuple[int, int]:
    """How many rounds a server has, and the first seed; one seed alone if it is asked for."""
    seed = request.config.getoption("--seed")
    if seed is not None:
        return 1, seed
    return -(-request.config.getoption(option) // kinds), 0


@pytest.mark.amount
@pytest.mark.parametrize("kind", SERVERS)
def test_accidents_of_a_command_that_is_killed(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, first = share(request, "--place-kills", len(SERVERS))
    with site(kind, behind_a_line=False) as found, quick_folder() as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        killed = kill_rounds(found, folder, kind, rounds, first)
    assert killed >= rounds // 3 or rounds < 5, f"only {killed} of {rounds} were killed before they ended"


@pytest.mark.amount
@pytest.mark.parametrize("kind", SERVERS)
def test_accidents_of_a_command_that_is_killed_over_texts(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With the server of the texts, which dies at the same moment: each word is on both sides once after the next runs."""
    rounds, first = share(request, "--text-kills", len(SERVERS))
    if not rounds:
        pytest.skip("takes long; python -m tests.trust plays it")
    with site(kind, behind_a_line=False) as found:
        killed = kill_text_rounds(found, tmp_path, kind, rounds, first)
    assert killed >= rounds // 5 or rounds < 5, f"only {killed} of {rounds} were killed before they ended"


def synced(first: LocalPlace, second: object, folder: Path) -> tuple[Side, Side]:
    sides = Side(first), Side(second)  # type: ignore[arg-type]
    plan = look(*sides)
    assert is_possible(*sides, plan)
    folder.mkdir()
    copy(*sides, plan, folder)
    return sides


@pytest.mark.amount
@pytest.mark.parametrize("kind", [kind for kind in SERVERS if kind != "folder"])
def test_accidents_of_a_line_that_is_cut(kind: str, request: pytest.FixtureRequest) -> None:
    rounds, first = share(request, "--place-cuts", len(SERVERS) - 1)
    ended = 0
    with (
        site(kind, behind_a_line=True) as found,
        quick_folder() as folder,
        closing(Story(found, folder, kind)) as story,
    ):
        for number in range(first, first + rounds):
            story.seed = f"{kind} {number}"
            story.chance.seed(story.seed)
            story.write()
            ended += cut(found, story, folder / f"cut {number}")
            story.check_that_what_looks_whole_is_whole()
            for attempt in range(2):
                sides = synced(LocalPlace(story.here), story.there, folder / f"way {number} {attempt}")
            assert is_same(*sides), (story.seed, sides)
            story.check_that_both_have_all()
    assert ended >= rounds // 5 or rounds < 5, f"only {ended} of {rounds} were ended by a cut"


def cut(found: Site, story: Story, folder: Path) -> bool:
    """Sync over a line that is cut; return whether that ended it."""
    assert found.proxy is not None
    at = story.chance.choice((2_000, 20_000, 300_000))
    found.proxy.cut_at([story.chance.randrange(at) for _ in range(story.chance.randint(1, 6))])
    place = found.place_behind_the_line()
    try:
        sides = synced(LocalPlace(story.here), place, folder)
        return any(side.problem is not None for side in sides)
    except PlaceError:
        return True
    finally:
        found.proxy.heal()
        found.proxy.cuts = []
        if hasattr(place, "close"):
            place.close()
