"""Each lesson, played by the real server, sessions and editors: the same pictures on every run.

The pictures are files: `JPTERM_LIKE_PICTURES=write pytest tests/demo` writes them anew, to be looked at before they are committed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from jpterm_like.demo import play
from jpterm_like.demo.app import DemoApp
from jpterm_like.demo.lessons import LESSONS
from jpterm_like.tui import editor
from jpterm_like.tui.commands import collaborators
from jpterm_like.tui.editor import Editor
from tests.e2e.terminal import run
from tests.tui.terminal import Terminal, settle

PICTURES = Path(__file__).with_name("pictures")
ROWS = 8
"""Rows of a pane that are in a picture; below them there is nothing."""
WIDTH = 30
"""Columns of a pane that are in a picture."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still, so that the names at carets stay."""
    for module in (editor, collaborators):
        monkeypatch.setattr(module, "monotonic", lambda: 1000.0)


ENDS = {
    1: "the old wet red rope!\n",
    2: "the colour of rope\n",
    3: "hello\nfine brave world\n",
    4: "b3\nb2\nb1\na3\na2\na1\nlog\n",
    5: "shopping: \n",
    6: "today the tide came in twice a day\n",
}


def picture(app: DemoApp) -> str:
    """What is seen: who is connected, the panes, and what is said."""
    for each in app.editors:
        each._update_people()  # on a busy machine the editor has not heard yet what its session knows
        each.update(now=False)
    app.look()
    settle(app)
    assert isinstance(app._driver, Terminal)
    head, *rows = app._driver.rows()[:ROWS]
    lines = [head.rstrip(), *(" │ ".join(_shown(each, row) for each in app.editors).rstrip() for row in rows)]
    return "\n".join([*lines, app._says(), ""])


def _shown(each: Editor, row: str) -> str:
    """The part of a row that is a pane's text, without the signs before it and the scrollbar behind it."""
    region = each.content_region
    return row[region.x + each.text_x : region.right - 1][:WIDTH].ljust(WIDTH)


async def played(number: int, peers: int = 2) -> tuple[list[str], DemoApp]:
    app = play.make_app(peers, number, theme="dark", key_s=0.0)
    app.driver_class = Terminal
    pictures = []
    async with app.run_test(headless=False, size=(80, 24) if peers == 2 else (120, 30)) as pilot:
        await app.stage.settle()
        app.look()  # now everybody has a caret, and the others are told
        await app.stage.settle()
        while not app.is_over:
            await app.next_step()
            await _rest(pilot)
            pictures.append(picture(app))
    return pictures, app


async def _rest(pilot: Pilot[int]) -> None:
    for _ in range(3):
        await pilot.pause()


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
async def test_a_lesson_ends_as_it_says(number: int) -> None:
    """Every step looks as it did when somebody looked at its picture, and both have one text in the end."""
    pictures, app = await played(number)
    assert app.stage.texts() == [ENDS[number]] * 2
    shown = "\n".join(pictures)
    file = PICTURES / f"{number}.txt"
    if os.environ.get("JPTERM_LIKE_PICTURES") == "write":
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [3, 6])
async def test_a_third_person_sees_the_same(number: int) -> None:
    """Who looks on has the same text in the end."""
    _, app = await played(number, peers=3)
    assert app.stage.texts() == [ENDS[number]] * 3


async def test_lines_are_cut_paused_and_slowed_by_keys() -> None:
    app = play.make_app(2, None, theme="dark")
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=(80, 24)) as pilot:
        await app.stage.settle()
        ann, bob = app.stage.people
        await pilot.press("f12", "x", "f3", "f5", "y")
        await _rest(pilot)
        await app.stage.settle()
        assert isinstance(app._driver, Terminal)
        top = app._driver.rows()[0]
        assert "paused, keeps 1" in top and "cut, keeps 1" in top
        await pilot.press("f5", "f3", "f8")
        await app.stage.settle()
        assert "y" in ann.session.text[:2] or "x" in bob.session.text[:2]
        await pilot.press("f12", "f7", "f7")
        assert ann.line.delay_s == 0.4
        await app.stage.settle()
        assert ann.session.text == bob.session.text and {"x", "y"} <= set(ann.session.text[:2])


def test_it_says_what_it_needs() -> None:
    for arguments, sentence in (((), "needs a terminal"), (("--record", "f"), "Which lesson")):
        found = run("demo", *arguments)
        assert found.returncode == 1 and sentence in found.stderr


def test_a_recording_is_played_by_any_player_of_asciicasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times that only grow, and what is on the screen at the end is the end of the lesson."""
    import pyte

    monkeypatch.setattr(play, "READ_S", 0.05)
    monkeypatch.setattr(play, "KEY_S", 0.0)
    play.record(2, 5, tmp_path / "lesson.cast")
    head, *rows = [json.loads(line) for line in (tmp_path / "lesson.cast").read_text().splitlines()]
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    times = [row[0] for row in rows]
    assert times == sorted(times) and {row[1] for row in rows} == {"o"}
    screen = pyte.Screen(80, 24)
    stream = pyte.Stream(screen)
    command = [sys.executable, "-m", "asciinema", "cat", str(tmp_path / "lesson.cast")]
    shown = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert shown == "".join(data for _, _, data in rows)
    stream.feed(shown)
    assert "Lesson 5, undo is mine, step 4 of 4" in "\n".join(screen.display)
