"""The bottom line: everything in words, and readable on a narrow screen."""

from __future__ import annotations

from math import inf
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpterm_like.client.events import Status
from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.text.cells import width_of
from jpterm_like.tui.widgets.status_bar import Here, Info, SyncWord, compose

PALETTE = Palette(themes.load(themes.folders())[0]["dark"])
PAUSED = Status("offline", inf, is_paused=True)
PLAIN = Info("notes.md", Status("connected"), 0, "saved", False, True, 3, 7, 0, ())


def line(width: int = 120, now: float = 0.0, **changes: object) -> str:
    segments = compose(PLAIN._replace(**changes), PALETTE, width, now)  # type: ignore[arg-type]
    text = "".join(segment.text for segment in segments)
    assert width_of(text) == width
    return text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["notes.md", "● connected", "saved", "line 3, column 7"]),
        ({"saving": "unsaved"}, ["unsaved"]),
        ({"saving": "saving"}, ["saving"]),
        ({"unsent": 12}, ["12 unsent"]),
        ({"status": Status("opening")}, ["◌ opening"]),
        ({"status": Status("connected", share=0.404), "ready": False}, ["● receiving 40 %", "joining …"]),
        ({"status": Status("offline", 3.0)}, ["○ offline, trying again in 3 s"]),
        ({"status": Status("offline", inf), "reconnect": "F12"}, ["○ offline, F12 connects again"]),
        ({"status": Status("offline", inf)}, ["○ offline until you connect"]),
        ({"status": Status("offline")}, ["○ offline, trying again now"]),
        (
            {"status": PAUSED, "unsent": 31, "reconnect": "f12"},
            ["‖ paused: 31 of mine wait, f12 resumes"],
        ),
        ({"status": PAUSED, "unsent": 1}, ["‖ paused: 1 of mine waits  saved"]),
        ({"status": PAUSED}, ["‖ paused: nothing of mine waits"]),
        ({"is_read_only": True}, ["read only"]),
        ({"ready": False}, ["joining …"]),
        ({"selected": 5}, ["5 selected"]),
        ({"people": (Here("ann", 0), Here("bob", 1))}, ["with ann,   bob"]),
        ({"people": (Here("ann", 0, "typing"), Here("bob", 1, "idle"))}, ["with ann ✎, bob (idle)"]),
        ({"people": (Here("ann", 0),), "following": "ann"}, ["following ann until a key"]),
        ({"people": tuple(Here(str(index) * 3, 0) for index in range(9))}, ["000,   111", "and 3 more"]),
        ({"form": "UTF-8, LF"}, ["UTF-8, LF"]),
        ({"form": "UTF-16 LE BOM, mixed line ends"}, ["UTF-16 LE BOM, mixed line ends"]),
        ({"title": "a\x1b]52;b.md"}, ["a␛]52;b.md"]),
    ],
)
def test_it_says_it_in_words(changes: dict[str, object], words: list[str]) -> None:
    text = line(**changes)
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("word", "is_quiet"),
    [
        (SyncWord("in nas", "in nas"), True),
        (SyncWord("↑ 3 nas", "↑ nas", "waits"), True),
        (SyncWord("↓ Bob: 2 on their way", "↓ Bob", "waits"), True),
        (SyncWord("nas not reached, 12 wait", "nas not reached ↑12", "alarm"), False),
        (SyncWord("nas: may only read", "nas: may only read", "waits"), True),
    ],
)
def test_what_a_place_has_of_the_text_is_said_beside_saved(word: SyncWord, is_quiet: bool) -> None:
    """Whole at 60 cells, with the connection in words; in a colour only if it matters."""
    assert word.text in line(80, synced=(word,))
    text = line(60, synced=(word,))
    assert "saved" in text.partition(word.brief)[0] and "● connected" in text
    assert any(place in text for place in ("3:7", "line 3, column 7"))
    quiet = (PALETTE.bar, PALETTE.bar_muted, PALETTE.bar_strong)
    segments = compose(PLAIN._replace(synced=(word,)), PALETTE, 60, 0.0)
    assert all(segment.style in quiet for segment in segments) == is_quiet
    both = line(60, synced=(word, SyncWord("in stick", "in stick")), people=(Here("ann", 0),))
    assert (word.brief in both or word.text in both) and ("ann" in both or "+1" in both)
    assert word.text not in line(60, synced=(word,), ready=False)


@pytest.mark.parametrize("saving", ["saved", "saving"])
def test_what_is_well_is_said_quietly(saving: Literal["saved", "saving"]) -> None:
    """Alone with a file, or on a server that saves by itself, nothing is in a colour; what is wrong is."""
    quiet = (PALETTE.bar, PALETTE.bar_muted, PALETTE.bar_strong)
    well = compose(PLAIN._replace(saving=saving), PALETTE, 120, 0.0)
    assert all(segment.style in quiet for segment in well)
    unsaved = compose(PLAIN._replace(saving="unsaved"), PALETTE, 120, 0.0)
    assert [segment.text for segment in unsaved if segment.style not in quiet] == ["unsaved"]


@pytest.mark.parametrize(
    ("form", "unusual"),
    [
        ("UTF-8, LF", ""),
        ("UTF-8, CRLF", "CRLF"),
        ("UTF-8 BOM, LF", "UTF-8 BOM"),
        ("Shift-JIS, LF", "Shift-JIS"),
        ("Latin-1, CRLF", "Latin-1, CRLF"),
    ],
)
def test_a_narrow_bar_says_only_what_is_unusual_about_the_file(form: str, unusual: str) -> None:
    text = line(52, form=form)
    assert text == line(52, form=unusual) if unusual else "LF" not in text


@pytest.mark.parametrize("width", [120, 80, 60, 44])
def test_nothing_moves_when_somebody_begins_to_type(width: int) -> None:
    """A cut name ends with "…" and never looks as if its owner were typing."""
    names = ("ann", "Bob Featherston…", "中文")
    quiet = line(width, people=tuple(Here(name, 0) for name in names))
    assert "✎" not in quiet
    for typing in range(len(names)):
        people = tuple(Here(name, 0, "typing" if index == typing else "") for index, name in enumerate(names))
        busy = line(width, people=people)
        for name in (*names, "+2", "line 3, column 7", "3:7"):
            assert busy.find(name) == quiet.find(name)
        assert "✎" in busy or "ann" not in busy


@pytest.mark.parametrize("width", range(30, 100, 7))
def test_the_key_for_help_is_at_the_right_while_nothing_else_needs_the_room(width: int) -> None:
    text, without = line(width, help="f1"), line(width)
    if text != without:
        assert text.rstrip().endswith("f1 help") and "line 3, column 7" in text and "connected" in text
    assert ("f1 help" in text) == (width >= 58)


@pytest.mark.parametrize("width", range(40, 110))
def test_nothing_moves_while_a_server_saves(width: int) -> None:
    """It does so every second while somebody types."""
    people = (Here("Bob Featherston…", 0), Here("ann", 1))
    one, other = (
        line(width, saving=saving, help="f1", form="UTF-8, LF", people=people)
        for saving in ("saved", "saving")
    )
    assert one.replace("saved ", "saving") == other
    assert "help" not in one or ("UTF-8" in one and "Bob" in one), "help is the first to give way"


def test_the_seconds_count_down() -> None:
    status = Status("offline", 10.0)
    for now, seconds in ((7.0, 3), (7.5, 3), (9.1, 1)):
        assert f"again in {seconds} s" in line(now=now, status=status)


def test_on_a_narrow_screen_state_stays_in_words() -> None:
    """At 60 cells, with everything happening at once: offline, unsent, not saved, people, place are all there."""
    text = line(
        60,
        status=Status("offline", 3.0),
        unsent=12,
        saving="unsaved",
        people=(Here("ann", 0), Here("bob", 1)),
        selected=30,
    )
    for word in ("notes.md", "offline", "12", "unsaved", "3:7", "+"):
        assert word in text, text


@given(
    st.integers(1, 130),
    st.text(max_size=30),
    st.sampled_from([Status("connected"), Status("opening"), Status("offline", 5.0), Status("offline")]),
    st.integers(0, 10**6),
    st.booleans(),
    st.integers(0, 10**6),
    st.integers(0, 12),
)
def test_it_fits_every_width(
    width: int, title: str, status: Status, unsent: int, saved: bool, selected: int, people: int
) -> None:
    names = tuple(Here(f"name{index}", index % len(PALETTE.people), "typing") for index in range(people))
    line(
        width,
        title=title,
        status=status,
        unsent=unsent,
        saving="saved" if saved else "unsaved",
        selected=selected,
        people=names,
    )
