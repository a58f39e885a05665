"""Hard wrap: the lines of a paragraph are broken at a width, and nothing else changes."""

from __future__ import annotations

import random

import pytest

from jpterm_like.tui.editor import Editor
from jpterm_like.tui.text.cells import width_of
from jpterm_like.tui.text.reflow import paragraphs, wrap
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import settle, terminal


def wrapped(text: str, width: int = 12, comment: str = "") -> str:
    """A text with all its paragraphs wrapped."""
    edits = [edit for paragraph in paragraphs(text.split("\n"), comment) for edit in wrap(paragraph, width)]
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize(
    "before, after",
    [
        ("one two three four", "one two\nthree four"),
        ("one\ntwo\nthree four five", "one two\nthree four\nfive"),
        ("> one two three\n> four", "> one two\n> three four"),
        ("- one two three", "- one two\n  three"),
        ("- [ ] one two", "- [ ] one\n  two"),
        ("10. one two three", "10. one two\n    three"),
        ("- one\n- two", "- one\n- two"),
        ("> > one two three", "> > one two\n> > three"),
        ("# one two three four", "# one two three four"),
        ("| one two | three four |\n|---|---|", "| one two | three four |\n|---|---|"),
        (
            "```\none two three four\n```\none two three four",
            "```\none two three four\n```\none two\nthree four",
        ),
        ("    one two three four", "    one two three four"),
        ("one two  \nthree", "one two  \nthree"),
        ("one\n\n\ntwo", "one\n\n\ntwo"),
        ("one two six\n---\nx", "one two six\n---\nx"),
        ("---\ntitle: one two three four\n---", "---\ntitle: one two three four\n---"),
        ("averyveryverylongword two", "averyveryverylongword\ntwo"),
        ("one two thr - four", "one two\nthr - four"),
        ("漢字漢字漢字漢字", "漢字漢字漢字\n漢字"),
        ("漢字漢字漢字。漢", "漢字漢字漢\n字。漢"),
        ("漢字\n漢字", "漢字漢字"),
        ("one  two", "one  two"),
    ],
)
def test_paragraphs_are_wrapped(before: str, after: str) -> None:
    assert wrapped(before) == after
    assert wrapped(after) == after


def test_only_comments_of_a_program_are_wrapped() -> None:
    text = "x = one + two + three\n    # one two three\n    # four\ny"
    assert wrapped(text, 16, "#") == "x = one + two + three\n    # one two\n    # three four\ny"


def test_random_texts_keep_their_words_and_fit() -> None:
    """No word is lost or cut, a second wrap changes nothing, and no line with two words is too wide."""
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choice(["a", "bc", "def", " ", " ", "\n", "wordword"]) for _ in range(60))
        text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        done = wrapped(text)
        assert done.split() == text.split()
        assert wrapped(done) == done
        for line in done.split("\n"):
            assert width_of(line) <= 12 or len(line.split()) <= 1, (text, done)


async def test_the_paragraph_at_the_caret_alone_in_one_step() -> None:
    async with Story(wrap_width=12) as story:
        await story.go_on("one two three four⏎⏎one two thr|ee four")
        await story.go_on("presses alt+shift+j")
        await story.go_on("one two three four⏎⏎one two⏎thr|ee four")
        await story.go_on("presses ctrl+z")
        assert story.desks["ann"].buffer.text == "one two three four\n\none two three four"


async def test_his_caret_stays_in_its_word() -> None:
    async with Story(wrap_width=12) as story:
        await story.go_on("ann: |one two three four   bob: one two three fo|ur")
        await story.go_on("ann presses alt+shift+j")
        await story.go_on("bob: one two⏎three fo|ur")


async def test_what_git_wrote_stays() -> None:
    before = "word " * 20 + "\n# " + "x " * 60 + "\n# ------------------------ >8 ---\n" + "y " * 60
    desk = Desk(before)
    desk.title = "COMMIT_EDITMSG"
    async with terminal(desk, wrap_width=20) as (app, pilot, _):
        editor = app.query_one(Editor)
        editor.cursor.put(len(before), 0)
        await pilot.press("alt+shift+j")
        lines = desk.buffer.text.split("\n")
        assert lines[0] == " ".join(["word"] * 14)
        assert "\n".join(lines[2:]) == before.partition("\n")[2]


async def test_a_line_that_is_too_long_is_not_wrapped() -> None:
    """Wrapping one of two million characters stopped the keyboard for sixteen seconds."""
    desk = Desk("some words " * 20_000)
    async with terminal(desk, (100, 15)) as (app, _, screen):
        app.editor.run("wrap_paragraph")
        settle(app)
        assert "At most 100,000 characters can be wrapped at once." in "\n".join(screen.rows())
        assert "\n" not in desk.buffer.text
