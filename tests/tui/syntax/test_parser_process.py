"""Texts are parsed in a process of its own: words come as if it were here, and its end is no harm."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from typing import Any

import pytest

from jpterm_like.tui.syntax.highlights import Words
from jpterm_like.tui.syntax.parser_process import ParserProcess
from jpterm_like.tui.syntax.parsing import Parsing
from jpterm_like.tui.syntax.remote_highlighter import RemoteHighlighter
from jpterm_like.tui.text.layout import TextLayout
from tests.tui.desk import Desk
from tests.tui.syntax.test_highlighter import SAMPLES
from tests.tui.syntax.test_highlighter import words as words_here
from tests.tui.terminal import terminal, until


@pytest.fixture
def real_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jpterm_like.tui.syntax.parser_process.ParserProcess", ParserProcess)


class Line:
    """A highlighter and its parser, with messages on their way between them."""

    def __init__(self, layout: TextLayout, name: str) -> None:
        self.requests: list[str] = []
        self.answers: list[str] = []
        self.remote = RemoteHighlighter(
            layout, name, itertools.count(), lambda request: self.requests.append(json.dumps(request))
        )
        self.parsing = Parsing(lambda answer: self.answers.append(json.dumps(answer)))

    def go_on(self, dice: random.Random) -> bool:
        """Deliver a message or take a step; False if nothing is left to do."""
        can: list[Any] = [
            *([self._request] if self.requests else []),
            *([self._answer] if self.answers else []),
            *([self.parsing.step] if self.parsing.has_work else []),
        ]
        if can:
            dice.choice(can)()
        return bool(can)

    def _request(self) -> None:
        self.parsing.take(json.loads(self.requests.pop(0)))

    def _answer(self) -> None:
        self.remote.receive(json.loads(self.answers.pop(0)))

    def words(self, rows: range) -> list[Words]:
        """The words of rows, when all that is on its way has come."""
        dice = random.Random(1)
        self.remote.tell()
        while self.go_on(dice):
            pass
        assert not self.remote.behind
        self.remote.look(rows)
        while self.go_on(dice):
            pass
        assert not self.remote.unseen and all(self.remote.has(row) for row in rows)
        return [self.remote.words(row) for row in rows]


@pytest.mark.parametrize("name", ["python", "markdown"])
@pytest.mark.parametrize("seed", range(8))
def test_words_from_the_process_are_those_of_the_text_read_here(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With edits while requests and answers are on their way, pastes that are sent as a new text, and parses in steps of no time."""
    monkeypatch.setattr("jpterm_like.tui.syntax.remote_highlighter.PART", 200)
    monkeypatch.setattr("jpterm_like.tui.syntax.parsing.TOLD_MAX", 3)
    if seed % 2:
        monkeypatch.setattr("jpterm_like.tui.syntax.parsing.STEP_S", 0.0)
    dice = random.Random(seed)
    ann, bob = Desk(SAMPLES[name][0] * 4 + "🙂 = 中\n", "ann", 1), Desk("", "bob", 2)
    ann.join(bob)
    layout = TextLayout(ann.buffer)
    line = Line(layout, name)
    for _ in range(60):
        start = dice.randint(0, len(ann.buffer))
        end = min(len(ann.buffer), start + dice.choice((0, 0, 1, 12)))
        new = dice.choice(["x", "\n", '"', "def f():\n    pass\n", "🙂", "`", "", "*", "a = 1\n" * 40])
        if dice.random() < 0.6:
            patch = ann.buffer.replace(start, end, new)
        else:
            bob.buffer.integrate(ann.buffer.changes_since(bob.buffer.version))
            bob.buffer.replace(start, end, new)
            bob.buffer.replace(0, 0, "# ")
            patch = ann.buffer.integrate(bob.buffer.changes_since(ann.buffer.version))
        line.remote.follow(patch, layout.follow(patch))
        if dice.random() < 0.3:
            line.remote.tell()
        if dice.random() < 0.6:
            first = dice.randrange(len(layout.lines))
            line.remote.look(range(first, min(len(layout.lines), first + 5)))
        for _ in range(dice.choice((0, 1, 1, 5, 30))):
            line.go_on(dice)
    found, there = line.words(range(len(layout.lines))), line.parsing._highlighter
    assert there is not None and there._text_layout.buffer.text == ann.buffer.text
    # Not those of the text read anew: where a text has errors, a parser that knew it before may find others.
    assert found == words_here(there), seed


def test_words_stay_until_newer_ones_come() -> None:
    layout = TextLayout(Desk("return None\nreturn 1\n").buffer)
    line = Line(layout, "python")
    line.words(range(2))
    patch = layout.buffer.replace(0, 0, "\nx")
    line.remote.follow(patch, layout.follow(patch))
    assert [layout.line(2)[a:b] for a, b, _ in line.remote.words(2)] == ["return", "1"]
    line.remote.tell()
    while line.go_on(random.Random(1)):
        assert line.remote.words(2)
    assert [layout.line(1)[a:b] for a, b, _ in line.remote.words(1)] == ["xreturn", "None"]


def test_a_page_is_asked_for_before_it_is_on_the_screen() -> None:
    layout = TextLayout(Desk("return 1\n" * 500).buffer)
    line = Line(layout, "python")
    line.words(range(40))
    for top in range(0, 400, 30):
        assert all(line.remote.words(row) for row in range(top, top + 40))
        line.remote.look(range(top, top + 40))
        while line.go_on(random.Random(1)):
            pass


@pytest.mark.usefixtures("real_process")
async def test_colours_come_from_the_process() -> None:
    desk = Desk("return 1\n" * 30_000)
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, _):
        await until(pilot, lambda: (it := app.editor.renderer.syntax) is not None and it.words(0))
        desk.replace(0, 0, "# ")
        await until(
            pilot,
            lambda: (
                (it := app.editor.renderer.syntax) is not None
                and [word.kind for word in it.words(0)] == ["comment"]
            ),
        )
        process = app.editor.highlighting._process
    assert process is not None
    await asyncio.wait({process._task})  # it does not outlive the editor


HANGS = """
from jpterm_like.tui.syntax import grammars, highlighter, process
grammars.is_too_deep = lambda name, text: False
process.STEP_CPU_S = 0.1
def step(self, time_s):
    while True: pass
highlighter.Highlighter.step = step
process.main()
"""
CRASHES = """
from jpterm_like.tui.syntax import grammars, process
grammars.is_too_deep = lambda name, text: False
process.main()
"""
GROWS = """
from jpterm_like.tui.syntax import grammars, highlighter, process
grammars.is_too_deep = lambda name, text: False
process.MEMORY_BYTES_MAX = 600 << 20
highlighter.Highlighter.step = lambda self, time_s: bool(bytearray(700 << 20))
process.main()
"""


@pytest.mark.usefixtures("real_process")
@pytest.mark.parametrize(
    ("program", "sentence"),
    [(HANGS, "takes too long to parse"), (CRASHES, "grammar of this language fails"), (GROWS, "fails")],
    ids=["hangs", "crashes", "grows"],
)
async def test_a_text_that_ends_the_process_is_left_in_one_colour(
    program: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless step, memory that a grammar overwrites, and too much memory: the keyboard goes on, and another text has its colours."""
    monkeypatch.setattr(
        "jpterm_like.tui.syntax.parser_process.PROGRAM", (sys.executable, "-P", "-c", program)
    )
    desk = Desk("".join(" " * level + "a:\n" for level in range(400)))
    desk.title = "a.yaml"
    async with terminal(desk) as (app, pilot, _):
        editor = app.editor
        await until(pilot, lambda: editor.renderer.syntax is not None)
        editor.type("x")
        await until(pilot, lambda: sentence in editor.messages.text)
        assert editor.renderer.syntax is None and desk.buffer.text.startswith("xa:\n")
        monkeypatch.undo()
        desk.replace(0, len(desk.buffer), "a: 1\n")
        editor.highlighting.restart()
        await until(pilot, lambda: (it := editor.renderer.syntax) is not None and it.words(0))


@pytest.mark.usefixtures("real_process")
async def test_a_process_that_somebody_kills_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    end = "\nimport os\nos.kill(os.getpid(), 9)"
    monkeypatch.setattr("jpterm_like.tui.syntax.parser_process.PROGRAM", (sys.executable, "-P", "-c", end))
    desk = Desk("return 1\n")
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, _):
        await until(pilot, lambda: "fails in this text" in app.editor.messages.text)
        app.editor.type("x")
        assert desk.buffer.text == "xreturn 1\n"
