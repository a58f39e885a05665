"""The pane that looks under the hood: what it shows of a text, and that it is in nobody's way."""

from __future__ import annotations

import pytest

from jpterm_like.client.events import LineMessage
from jpterm_like.errors import JptermError
from jpterm_like.tui import inspector
from jpterm_like.tui.inspector import WORDS, Inspector
from tests.tui.desk import Desk
from tests.tui.terminal import terminal


def shown(pane: Inspector) -> str:
    return "\n".join("".join(it.text for it in row)[2:].rstrip() for row in pane.rows)


def two_who_fixed_one_word() -> Desk:
    ann, bob = Desk("the color of rope\n", "ann", 1), Desk("the color of rope\n", "bob", 2)
    ann.join(bob)
    before = ann.buffer.version
    ann.neighbours.clear()
    bob.replace(4, 9, "colors")
    ann.replace(4, 9, "colour")
    ann.buffer.integrate(bob.buffer.changes_since(before))
    return ann


async def test_it_shows_runs_the_tree_sites_and_who_lacks_what() -> None:
    """At the caret: two who replaced one word, below one parent, and what they deleted."""
    desk = two_who_fixed_one_word()
    async with terminal(desk, (120, 40)) as (app, pilot, _):
        app.editor.cursor.put(7)
        app.editor.run("inspect")
        await pilot.pause()
        pane = app.screen.query_one(Inspector)
        assert pane.has_focus
        pane.look(now=True)
        await pilot.pause()
        pane.look(now=True)
        rows = shown(pane).split("\n")
        cells = [row.split()[-6:] for row in rows if "file:3" in row]
        assert {(row[0], row[2], row[5]) for row in cells} == {
            ("bob:5", "1", '"colors"'),
            ("ann:5", "1", '"colour"'),
            ("file:4", "2", "[-color-]"),
        }
        assert "ann (you)" in shown(pane) and "bob" in shown(pane)
        lacks = next(row for row in rows if row.startswith("bob "))
        assert lacks.split()[-1] == "12"
        await pilot.press("t")
        assert '└─"colour"  ann:5' in shown(pane)
        await pilot.press("escape", "x")
        assert desk.buffer.text.count("x") == 1, "the keyboard is the text's again"
        app.editor.run("inspect")
        await pilot.pause()
        assert not app.screen.query(Inspector) and desk.watchers == []


async def test_g_goes_to_a_letter_by_its_id() -> None:
    """Also to where a deleted one was; an id of nothing is said."""
    desk = two_who_fixed_one_word()
    async with terminal(desk, (120, 40)) as (app, pilot, _):
        app.editor.run("inspect")
        await pilot.pause()
        pane = app.screen.query_one(Inspector)
        for id, caret in (
            ("bob:7", desk.buffer.text.index("colors") + 3),
            ("file:4", desk.buffer.text.index(" of")),
        ):
            await pilot.press("g", *("colon" if it == ":" else it for it in f"{id}0"), "backspace")
            assert shown(pane).endswith(f"id: {id}▏  enter goes there  esc back")
            await pilot.press("enter")
            assert app.editor.cursor.caret == caret and pane.has_focus
        for id in ("nobody:1", "ann:99999", "ann:0", "x", "ann:١", ":"):
            await pilot.press("g", *("colon" if it == ":" else it for it in id), "enter")
            assert f"No letter has the id “{id}”." in app.editor.messages.text
        await pilot.press("g", "q", "escape")
        assert app.editor.cursor.caret == desk.buffer.text.index(" of") and pane.has_focus


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_on_a_small_screen_it_stands_below_and_shows_one_part_at_a_time(size: tuple[int, int]) -> None:
    desk = two_who_fixed_one_word()
    desk.refusal = JptermError("Only an owner may tell who lacks what.")
    async with terminal(desk, size) as (app, pilot, _):
        app.editor.run("inspect")
        await pilot.pause()
        pane = app.screen.query_one(Inspector)
        assert pane.region.width == size[0] and pane.region.y > 3
        pane.look(now=True)
        await pilot.pause()
        assert "parent" in shown(pane) and "disk" not in shown(pane)
        await pilot.press("tab")
        assert "disk" in shown(pane)
        assert "Only an owner may tell who lacks what." in shown(pane).replace("\n", " ")
        desk.watchers[0](LineMessage(True, "Changes", 14, desk.buffer.take_changes()))
        await pilot.press("tab")
        assert "▶ Changes 14 B" in shown(pane) and '+"col' in shown(pane)
        seen = ""
        await pilot.press("question_mark")
        for _ in range(40):
            seen += shown(pane)
            await pilot.press("pagedown")
        assert [word for word, _ in WORDS if f"{word}:" not in seen] == []


async def test_the_line_is_paused_and_resumed_there() -> None:
    desk = Desk("text")
    async with terminal(desk, (100, 30)) as (app, pilot, _):
        app.editor.run("inspect")
        await pilot.pause()
        pane = app.screen.query_one(Inspector)
        await pilot.press("space")
        assert desk.status.is_paused and "line paused, keeps 0 operations" in shown(pane)
        desk.replace(0, 0, "two")
        await pilot.press("n")
        assert desk.let_through == 1 and "keeps 3 operations" in shown(pane)
        await pilot.press("space")
        assert not desk.status.is_paused


async def test_what_it_looks_at_is_what_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs what is shown: of a text of many runs only those around the caret are asked for."""
    desk = Desk("", "ann", 1)
    for number in range(3000):
        desk.buffer.replace(0, 0, f"{number} ")
    asked: list[int] = []
    runs_around = inspector.runs_around

    def counted(*arguments: object) -> object:
        found = runs_around(*arguments)  # type: ignore[arg-type]
        asked.append(len(found[0]))
        return found

    monkeypatch.setattr(inspector, "runs_around", counted)
    async with terminal(desk, (120, 40)) as (app, pilot, _):
        app.editor.run("inspect")
        await pilot.pause()
        app.screen.query_one(Inspector).look(now=True)
        assert asked and max(asked) < 40
        count = len(asked)
        app.screen.query_one(Inspector).look()
        assert len(asked) == count, "nothing is different"
