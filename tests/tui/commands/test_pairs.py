"""Brackets and quotes in pairs, told as stories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from jpterm_like.tui.commands.macro_commands import play
from jpterm_like.tui.text.pairs import COMMENT, Rules, closing_of, state_at
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import terminal

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "a bracket": ("f|", "types (", "f(|)", "types a", "f(a|)", "types )", "f(a)|", "types )", "f(a))|"),
    "all in one burst": ("|", 'types f(a[1], "b")', 'f(a[1], "b")|'),
    "one in another": ("|", "types ([{", "([{|}])", "types }])", "([{}])|"),
    "not before a word": ("|word", "types (", "(|word"),
    "not before a word of another script": ("|字", "types (", "(|字"),
    "before a comma": ("f(a|, b)", "types [", "f(a[|], b)"),
    "not where the closing one is there already": ("f|)", "types (", "f(|)"),
    "backspace takes both": ("f|", "types (", "presses backspace", "f|"),
    "backspace from the inside out": ("|", "types ([", "presses backspace", "(|)", "presses backspace", "|"),
    "backspace leaves a pair that was typed by hand": ("f(|)", "presses backspace", "f|)"),
    "backspace leaves a pair that has something in it": ("|", "types (a", "presses left backspace", "|a)"),
    "enter opens the pair": ("|", "types {", "presses enter", "{⏎    |⏎}"),
    "a quote": ("x = |", 'types "', 'x = "|"', 'types a"', 'x = "a"|'),
    "an apostrophe in a word": ("# don|", "types '", "# don'|"),
    "none in a comment": ("# |", "types '", "# '|"),
    "a quote in a comment": ("# |", 'types "', '# "|'),
    "no quote within a text": ('"a |', "types '", "\"a '|"),
    "a quote that ends a text": ('x = "a|', 'types "', 'x = "a"|'),
    "a prefix of a text": ("x = f|", 'types "', 'x = f"|"'),
    "a word is no prefix": ("x = of|", 'types "', 'x = of"|'),
    "three quotes": ("|", 'types """', '"""|"""', 'types a"""', '"""a"""|'),
    "no smiley in a comment": ("# :|", "types (", "# :(|"),
    "a selection is put between brackets": ("a ^b|", "types (", "a (^b|)", "types [", "a ([^b|])"),
    "a selection is put between quotes": ("a |b^ c", 'types "', 'a "|b^" c', "presses ctrl+z", "a |b c"),
    "a closing one takes the place of a selection": ("a ^b|", "types )", "a )|"),
    "a paste stays as it is": ("|", "pastes f(", "f(|", "types a", "f(a|"),
    "undo takes the pair": ("a |", "types (b", "presses ctrl+z", "a (|)", "presses ctrl+z", "a |"),
    "undo takes what puts a selection between two marks": ("^b|", "types (", "presses ctrl+z", "|b"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
async def test_in_a_program(name: str) -> None:
    async with Story(title="notes.py") as one:
        for step in STORIES[name]:
            await one.go_on(step)


MARKDOWN = {
    "a bracket": ("see |", "types (x)", "see (x)|"),
    "a box": ("|", "types - [ ] a", "- [ ] a|"),
    "no braces": ("|", "types {", "{|"),
    "no quotes": ("|", "types \"'`", "\"'`|"),
    "a smiley": ("|", "types :-(", ":-(|"),
    "code": ("a ^b|", "types `", "a `^b|`"),
    "emphasis": ("a ^b|", "types **", "a **^b|**"),
}


@pytest.mark.parametrize("name", MARKDOWN)
async def test_in_markdown(name: str) -> None:
    async with Story() as one:
        for step in MARKDOWN[name]:
            await one.go_on(step)


async def test_plain_text_gets_no_marks_but_a_selection_is_put_between_them() -> None:
    """`always` closes there, too; an apostrophe nowhere in prose."""
    async with Story(title="notes.txt") as one:
        await one.go_on("|")
        await one.go_on("ann types (\"'")
        await one.go_on("(\"'|")
        await one.go_on("ann presses ctrl+a")
        await one.go_on("ann types (")
        await one.go_on("(^(\"'|)")
    async with Story(pairs="always", title="notes.txt") as one:
        await one.go_on("it|")
        await one.go_on("ann types 's (\"a\") 'n'")
        await one.go_on("it's (\"a\") 'n'|")


async def test_commit_messages_get_no_marks(tell: Tell) -> None:
    await tell("|", "types (a", "(a|", title="COMMIT_EDITMSG")


async def test_never() -> None:
    async with Story(pairs="never", title="notes.py") as one:
        await one.go_on("^a|")
        await one.go_on("ann types (")
        await one.go_on("(|")


async def test_at_several_carets_each_has_its_own_pair() -> None:
    async with Story(title="notes.py") as one:
        await one.go_on("a|⏎b⏎c")
        await one.go_on("ann presses alt+shift+down alt+shift+down")
        await one.go_on("ann types (x)")
        await one.go_on("a(x)|⏎b(x)|⏎c(x)|")
        await one.go_on("ann types [")
        await one.go_on("ann presses backspace")
        await one.go_on("a(x)|⏎b(x)|⏎c(x)|")


async def test_a_closing_mark_of_somebody_else_is_not_stepped_over() -> None:
    """It stands before the one that was put there for me."""
    async with Story() as both:
        await both.go_on("ann: a|   bob: |a")
        await both.go_on("ann types (")
        await both.go_on("bob presses right right")
        await both.go_on("ann: a(|)   bob: a(|)")
        await both.go_on("bob pastes )")
        await both.go_on("ann: a(|))   bob: a()|)")
        await both.go_on("ann types )")
        await both.go_on("ann: a()|))   bob: a())|)")


async def test_a_closing_mark_that_is_gone_is_typed() -> None:
    async with Story() as both:
        await both.go_on("ann: a|   bob: |a")
        await both.go_on("ann types (x")
        await both.go_on("bob presses ctrl+end backspace")
        await both.go_on("ann types )")
        await both.go_on("ann: a(x)|   bob: a(x|)")


async def test_a_macro_does_again_what_was_typed() -> None:
    async with Story(title="notes.py") as one:
        await one.go_on("a|⏎b")
        await one.go_on("ann presses alt+shift+m")
        await one.go_on("ann types (x)")
        await one.go_on("ann presses alt+shift+m down")
        await one.go_on("a(x)⏎b|")
        play(one.editor(), 2)
        await one.go_on("a(x)⏎b(x)(x)|")


async def test_in_the_insert_mode_of_vi() -> None:
    """A repeated insertion has the same text."""
    async with Story(preset="vi", title="notes.py") as one:
        await one.go_on("|f")
        await one.go_on("ann presses A left_parenthesis x right_parenthesis escape")
        await one.go_on("f(x|)")
        await one.go_on("ann presses A ; escape u")
        await one.go_on("f(x|)")
        await one.go_on("ann presses full_stop")


async def test_a_text_that_may_only_be_read_stays() -> None:
    desk = Desk("a")
    desk.title, desk.role = "notes.py", "view"
    async with terminal(desk) as (_, pilot, driver):
        await pilot.press("end", "left_parenthesis")
        assert desk.buffer.text == "a"
        assert any("You may read this text" in row for row in driver.rows())


PYTHON = Rules("([{", "\"'", "#", triple=True)


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ("", ""),
        ("'a", "'"),
        ("'a'", ""),
        (r"'a\'", "'"),
        ("\"it's", '"'),
        ("a # b", COMMENT),
        ("'#'", ""),
        ("it's", ""),
    ],
)
def test_what_a_line_is_in(before: str, state: str) -> None:
    assert state_at(before, PYTHON) == state


def test_a_long_line_costs_no_more_than_a_short_one() -> None:
    """Only the neighbourhood of the caret is read."""
    assert closing_of("(", "'" * 1_000_001, "", PYTHON, False) == ")"
