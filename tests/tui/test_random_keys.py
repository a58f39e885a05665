"""A long stream of keys at random: over all bindings and many sizes, with somebody else writing in between.

`pytest --streams 400 tests/tui/test_random_keys.py` is a long one. Each stream is a test, so a long run can be divided by their names.
"""

from __future__ import annotations

import random

import pytest
from textual import events

from crdt.moves import CUT_INK_MIN
from jpterm_like.tui.keymap import COMMANDS
from jpterm_like.tui.text.query import Query
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal
from tests.tui.test_terminal_screen import (
    DOES,
    assert_cursor_is_at_caret,
    assert_text_is_document,
    pytest_generate_tests,
)

__all__ = ["pytest_generate_tests"]

KEYS = 500
"""In each stream."""
SIZES = [(20, 5), (120, 40), (60, 15), (80, 24), (24, 8), (33, 11)]
BOUND = [(key, None) for command in COMMANDS if command.id in DOES for key in command.keys]
TYPED = [(sign, sign) for sign in ("a", "b", " ", "(", "]", "é", "中", "👍", "e\u0301", "#", "-")]
FOREIGN = ["bob ", "\n", "\n\n    x\n", "中", "🙂", "", "", "# head\n"]


def written_by(desk: Desk, site: int) -> int:
    """How many characters of one person are in the text."""
    runs = desk.buffer.authorship(0, len(desk.buffer))
    return sum(end - start for start, end, author, *_ in runs if author == site)


@pytest.mark.amount
async def test_a_stream_of_keys(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an exception; the screen is the document; carets keep their place; undo takes nobody else's work."""
    monkeypatch.setenv("TERM", "xterm-256color")
    dice = random.Random(seed)
    words = [
        "word ",
        "中文",
        "\n",
        "\n",
        "\t",
        "é",
        "x" * 9,
        "def f():\n    pass\n",
        "# head\n",
        "\x1b",
        "👍",
    ]
    text = "".join(dice.choice(words) for _ in range(200))
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.title = dice.choice(["notes.md", "a.py", "plain"])
    ann.join(bob)
    async with terminal(ann, SIZES[seed % len(SIZES)], soft_wrap=bool(seed % 2)) as (app, pilot, screen):
        editor = app.editor
        editor.search.sought = Query(dice.choice(["o", "x+", "中|^"]), regex=True)
        for step in range(KEYS):
            here = (seed, step)
            roll = dice.random()
            if roll < 0.9:
                key, sign = dice.choice(BOUND) if roll < 0.45 else dice.choice(TYPED)
                command = editor.keymap.command(key)
                theirs = written_by(ann, bob.site) if command == "undo" else 0
                await editor.on_key(events.Key(key, sign))
                if command == "undo":
                    assert written_by(ann, bob.site) >= theirs, here
                editor.finish_bulk_edit()
            elif roll < 0.985:
                caret = editor.cursor.caret
                start = dice.randint(0, len(bob.buffer))
                end = min(len(bob.buffer), start + dice.choice((0, 0, 4, 40)))
                new = dice.choice(FOREIGN)
                bob.replace(start, end, new)
                if start <= caret <= end:  # at either end of what is there now, or among it
                    there = range(start, start + len(new) + 1)
                else:
                    after = caret if caret < start else caret + len(new) - (end - start)
                    there = range(after, after + 1)
                # A line that was deleted and is inserted here takes the carets that were in it along; see `crdt.moves`.
                is_move = "\n" in new and len(new.strip()) >= CUT_INK_MIN
                moved = range(start, start + len(new) + 1) if is_move else range(0)
                places = {editor.text_layout.snap(place) for place in (*there, *moved)}
                assert editor.cursor.caret in places, here
            elif len(ann.buffer) > 5_000:
                ann.replace(1_000, len(ann.buffer), "")
            else:
                width, height = dice.choice(SIZES)
                screen.screen.resize(height, width)  # a terminal has its new size first, and then tells
                await pilot.resize_terminal(width, height)
                await pilot.pause()
                settle(app)
            assert editor.text_layout.snap(editor.cursor.caret) == editor.cursor.caret, here
            assert not editor.view.folds.is_hidden(editor.text_layout.lines.row(editor.cursor.caret)), here
            if step % 25 == 0:
                editor.messages.dismiss()
                editor.collaborators.meet((), 0.0)  # names may cover text for a moment
                editor.update()
                if editor.unpainted or app.status_bar.unpainted:
                    settle(app)
                assert_text_is_document(app, screen, here)
                assert_cursor_is_at_caret(app, screen, here)
                assert ann.buffer.text == bob.buffer.text, here
                editor.text_layout.lines.check()
                editor.view.folds.check()
            if step % 50 == 0:
                await pilot.pause()  # whatever waits has its turn
                screen.written = ""  # nobody reads it, and it grows
