"""Bookmarks, the outline, and being asked to look somewhere."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import cast

import pytest
from textual.widgets import OptionList

from jpterm_like.tui.text.outline import Outline, outline, outline_steps
from jpterm_like.tui.widgets.dialogs import LISTED_MAX, Picker
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import settle, terminal, until

OUTLINES = {
    "notes.md": (
        "# A\ntext\n## B ##\n```\n# no\n```\n### C\n# D",
        [(0, 0, "A"), (2, 1, "B"), (6, 2, "C"), (7, 0, "D")],
    ),
    "x.py": (
        "import a\nclass A:\n    async def f(self):\n        pass\ndef g(): ...",
        [(1, 0, "A"), (2, 1, "f"), (4, 0, "g")],
    ),
    "x.ts": (
        "export class A {\n}\nexport const f = (a) => a\nfunction g() {}",
        [(0, 0, "A"), (2, 0, "f"), (3, 0, "g")],
    ),
    "x.go": (
        "func (s *S) Run(a int) {\n}\nfunc main() {\ntype T struct {",
        [(0, 0, "Run"), (2, 0, "main"), (3, 0, "T struct")],
    ),
    "x.rs": ("pub struct A {\nimpl A {\n    pub fn new() -> A {", [(0, 0, "A"), (1, 0, "A"), (2, 1, "new")]),
    "x.c": ("static int f(int a)\n{\n    return g(a);\n}\nint x;", [(0, 0, "f")]),
    "x.sh": ("f() {\n  g\n}", [(0, 0, "f")]),
    "x.toml": ("[a]\nb = 1\n[[c.d]]", [(0, 0, "a"), (2, 0, "c.d")]),
    "Makefile": ("all: x\n\techo\nCC := gcc", [(0, 0, "all")]),
    "without": ("# A\nb", [(0, 0, "A")]),
}


@pytest.mark.parametrize("title", OUTLINES)
def test_headings_and_symbols_are_found(title: str) -> None:
    text, expected = OUTLINES[title]
    assert [tuple(entry) for entry in outline(title, text.split("\n")).entries] == expected


async def test_a_heading_is_gone_to() -> None:
    desk = Desk("# One\n" + "text\n" * 100 + "## Two\nx")
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("ctrl+t")
        assert isinstance(app.screen, Picker)
        await pilot.press(*"two", "enter")
        await pilot.pause()
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) == 101
        desk.title = "empty.py"
        await pilot.press("ctrl+t")
        assert "no headings" in app.editor.messages.text


@pytest.mark.parametrize(
    ("row", "heading"), [(0, "One"), (1, "One"), (15, "1.7"), (61, "1.30"), (62, "Two"), (69, "Two")]
)
async def test_the_list_of_headings_starts_at_the_one_that_the_caret_is_in(row: int, heading: str) -> None:
    sections = "".join(f"## 1.{number}\ntext\n" for number in range(1, 31))
    async with terminal(Desk(f"# One\ntext\n{sections}# Two\n{'text' + chr(10) * 7}")) as (
        app,
        pilot,
        screen,
    ):
        app.editor.go(app.editor.text_layout.lines.start(row))
        await pilot.press("ctrl+t")
        await pilot.pause()
        options = app.screen.query_one(OptionList)
        assert options.highlighted is not None
        assert str(options.get_option_at_index(options.highlighted).prompt).split()[0] == heading
        await until(pilot, lambda: any(f" {heading} " in shown for shown in screen.rows()))


async def test_bookmarks_stay_with_their_lines() -> None:
    ann, bob = Desk("a\nb\nc\nd", "ann", 1), Desk("a\nb\nc\nd", "bob", 2)
    ann.join(bob)
    async with terminal(ann) as (app, pilot, screen):
        await pilot.press("down", "ctrl+b", "down", "down", "ctrl+b", "ctrl+home")
        bob.replace(0, 0, "new\nlines\n")
        await pilot.press("alt+k")
        settle(app)
        assert [row.split()[0][-1] for row in screen.rows() if "■" in row] == ["b", "d"]
        assert app.editor.text_layout.line(app.editor.text_layout.lines.row(app.editor.cursor.caret)) == "b"
        await pilot.press("alt+k", "X", "alt+k", "Y")
        assert ann.buffer.text == "new\nlines\na\nYb\nc\nXd"
        await pilot.press("ctrl+b", "alt+k", "ctrl+b", "escape", "alt+k")
        assert "no bookmark" in app.editor.messages.text


async def test_who_is_asked_to_look_is_told_and_goes_there_only_by_a_key() -> None:
    text = "line\n" * 60
    async with Story() as story:
        await story.begin(ann="|" + text, bob="|" + text)
        ann, bob = story.editor("ann"), story.editor("bob")
        await story.go_on("bob presses ctrl+end alt+g")
        assert "asked to look" in bob.messages.text
        assert "bob asks you to look at line 61" in ann.messages.text
        assert ann.cursor.caret == 0 and ann.view.top == (0, 0), "nothing moves by itself"
        await story.go_on("ann presses f6")
        assert ann.cursor.caret == len(text)


async def test_nobody_to_ask() -> None:
    async with terminal(Desk("a")) as (app, pilot, _):
        await pilot.press("alt+g")
        assert "Nobody else" in app.editor.messages.text


def test_an_outline_that_takes_too_long_has_an_end_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may write lines that a pattern needs long for: what was found until then is listed."""
    now = iter(range(1_000_000))
    monkeypatch.setattr("jpterm_like.tui.text.outline.process_time", lambda: next(now) * 0.05)
    entries, cut_at = outline("a.py", ["def f():"] * 10_000)
    assert cut_at == len(entries) == 64
    assert outline("a.py", ["def f():"] * 16).cut_at is None


async def test_an_outline_is_searched_in_slices_and_lists_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searching for 5,000 headings and laying out as many lines stopped the keyboard for 94 ms; what is typed meanwhile still counts."""
    now = iter(range(1_000_000))
    monkeypatch.setattr("jpterm_like.tui.text.outline.process_time", lambda: next(now) * 0.000_2)
    pauses: list[None] = []

    def counted(title: str, lines: Iterable[str]) -> Generator[None, None, Outline]:
        steps = outline_steps(title, lines)
        while True:
            try:
                next(steps)
            except StopIteration as found:
                return cast(Outline, found.value)
            pauses.append(None)
            yield

    monkeypatch.setattr("jpterm_like.tui.commands.navigation.outline_steps", counted)
    text = "".join(f"# Heading {number}\n\n" for number in range(4_000))
    desk = Desk(text)
    desk.title = "a.md"
    async with terminal(desk) as (app, pilot, _):
        app.editor.jump(app.editor.text_layout.lines.start(4_000))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Picker) and bool(app.screen.ids))
        assert pauses, "the keyboard was served between"
        await pilot.pause()
        options = app.screen.query_one(OptionList)
        assert options.option_count == LISTED_MAX + 2
        lines = [str(options.get_option_at_index(index).prompt) for index in (0, -1)]
        assert lines == ["… 1,900 before: type to find them", "… 1,900 more: type to find them"]
        assert options.highlighted is not None
        assert options.get_option_at_index(options.highlighted).id == "4000"
        await pilot.press(*"3998", "enter")
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) == 7_996
