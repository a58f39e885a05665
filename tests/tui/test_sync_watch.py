"""What is said about the places of a text, and when it is said in a colour."""

from __future__ import annotations

import doctest

import pytest

from crdt import Version
from jpterm_like.tui import sync_watch
from jpterm_like.tui.ports import PlaceState
from jpterm_like.tui.sync_watch import place_name, sync_word, sync_words
from jpterm_like.tui.widgets.status_bar import SyncWord

WELL = PlaceState("webdavs://nas.example.org/team", "", 0.0, 0, {}, Version())


@pytest.mark.parametrize(
    ("changes", "beyond", "text", "state"),
    [
        ({}, 0, "in nas", "well"),
        ({}, 3, "↑ 3 nas", "waits"),
        ({"waiting": 2}, 1, "↑ 3 nas", "waits"),
        ({}, None, "↑ nas", "waits"),
        ({"waiting": -1}, 0, "↑ nas", "waits"),
        ({"coming": {"Bob": 2}}, 0, "↓ Bob: 2 on their way", "waits"),
        ({"coming": {"": 2}}, 0, "↓ 2 on their way", "waits"),
        ({"coming": {"Bob": 2}}, 1, "↑ 1 nas", "waits"),
        ({"trouble": "unreached", "waiting": 11}, 1, "nas not reached, 12 wait", "alarm"),
        ({"trouble": "unreached"}, 1, "nas not reached, 1 waits", "alarm"),
        ({"trouble": "unreached", "waiting": -1}, 0, "nas not reached, all wait", "alarm"),
        ({"trouble": "unreached", "trouble_s": 41.0, "waiting": 12}, 0, "nas not reached, 12 wait", "waits"),
        ({"trouble": "unreached"}, 0, "nas not reached", "waits"),
        ({"trouble": "refused"}, 2, "nas refuses, 2 wait", "alarm"),
        ({"trouble": "stopped"}, 2, "nas stopped, 2 wait", "alarm"),
        ({"trouble": "read only"}, 2, "nas: may only read", "waits"),
    ],
)
def test_each_state_has_its_word(
    changes: dict[str, object], beyond: int | None, text: str, state: str
) -> None:
    """A place in trouble is said in a colour after a minute, and only while something waits."""
    word = sync_word(WELL._replace(**changes), beyond, 100.0)  # type: ignore[arg-type]
    assert (word.text, word.state) == (text, state)


def test_the_most_urgent_place_is_first() -> None:
    stick = WELL._replace(address="/media/stick", waiting=5)
    assert [word.text for word in sync_words([WELL, stick], 0, 0.0)] == ["↑ 5 stick", "in nas"]
    gone = WELL._replace(address="/media/gone", trouble="unreached", waiting=1)
    assert sync_words([WELL, stick, gone], 0, 100.0)[0] == SyncWord(
        "gone not reached, 1 waits", "gone not reached ↑1", "alarm"
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://[::1]:8080/x", "::1"),
        ("webdav://127.0.0.1:8080/x", "127.0.0.1"),
        ("sftp://ann@backup/x", "backup"),
        ("memory:///team", "team"),
        ("/media/stick/", "stick"),
        ("/", "/"),
        ("/a/very long name\x1b[2J", "very long n…"),
    ],
)
def test_a_place_has_a_short_name(address: str, name: str) -> None:
    assert place_name(address) == name
    assert doctest.testmod(sync_watch).failed == 0
