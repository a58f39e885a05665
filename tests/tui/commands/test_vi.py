"""The small vi, key by key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.widgets.help import help_text
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import settle, terminal

Tell = Callable[..., Awaitable[None]]

STORIES = {
    "lines that go in and out": ("|a⏎b", "types >{", "⇥|a⏎b", "types 0>h", "⇥⇥|a⏎b", "types <<", "⇥|a⏎b"),
    "to the bracket that comes next in the line": ("|f(a)g", "types %", "f(a|)g", "types 0d%", "|g"),
    "a move that fails takes its operator along": (
        "a|b⏎cd",
        "types c%",
        "types x",
        "|a⏎cd",
        "types cfzjcjx",
        "a⏎|d",
    ),
    "a count types over as many characters, and behind the end of the line": (
        "a|bcdefg⏎h",
        "types 2Rxy",
        "presses escape",
        "axyx|yfg⏎h",
        "types 3Rz",
        "presses escape",
        "axyxzz|z⏎h",
        "types 9Rz",
        "presses escape",
        "axyxzzzzzzzzzz|z⏎h",
        "types u",
        "axyxzz|z⏎h",
    ),
    "letters": ("a|bcd", "types l", "ab|cd", "types 2h", "|abcd", "types 9l", "abc|d"),
    "lines keep the column": (
        "abc|d⏎x⏎efgh",
        "types j",
        "abcd⏎|x⏎efgh",
        "types j",
        "abcd⏎x⏎efg|h",
        "types 2k",
        "abc|d⏎x⏎efgh",
    ),
    "words": (
        "|one, two  three",
        "types w",
        "one|, two  three",
        "types w",
        "one, |two  three",
        "types e",
        "one, tw|o  three",
        "types b",
        "one, |two  three",
        "types 2b",
        "|one, two  three",
        "types W",
        "one, |two  three",
    ),
    "line ends": ("  a|b c", "types 0", "|  ab c", "types ^", "  |ab c", "types $", "  ab |c"),
    "text ends and lines by number": (
        "a⏎|b⏎c⏎d",
        "types G",
        "a⏎b⏎c⏎|d",
        "types gg",
        "|a⏎b⏎c⏎d",
        "types 3G",
        "a⏎b⏎|c⏎d",
    ),
    "the last line is one with something in it": ("|a⏎b⏎", "types Gox", "presses escape", "a⏎b⏎|x⏎"),
    "paragraphs": ("|a⏎b⏎⏎c", "types }", "a⏎b⏎|⏎c", "types {", "|a⏎b⏎⏎c"),
    "to a letter": (
        "|a.b.c.d",
        "types f.",
        "a|.b.c.d",
        "types ;",
        "a.b|.c.d",
        "types ,",
        "a|.b.c.d",
        "types 2t.",
        "a.b.|c.d",
        "types F.",
        "a.b|.c.d",
    ),
    "the other bracket": ("|(a(b))", "types %", "(a(b)|)", "types %", "|(a(b))"),
    "insert and escape": ("a|b", "types iXY", "presses escape", "aX|Yb", "types u", "a|b"),
    "append": ("a|b", "types aX", "presses escape", "ab|X"),
    "at the line's ends": (
        "  a|b",
        "types AX",
        "presses escape",
        "  ab|X",
        "types IY",
        "presses escape",
        "  |YabX",
    ),
    "lines above and below": (
        "a|b",
        "types ox",
        "presses escape",
        "ab⏎|x",
        "types Oy",
        "presses escape",
        "ab⏎|y⏎x",
    ),
    "delete letters": ("a|bcd", "types x", "a|cd", "types 5x", "|a", "types X", "|a"),
    "delete words": ("|one two three", "types dw", "|two three", "types d2w", "|"),
    "delete to the end": ("one| two", "types D", "on|e"),
    "delete lines": ("a⏎|b⏎c⏎d", "types dd", "a⏎|c⏎d", "types 2dd", "|a"),
    "delete up and down": ("a⏎b⏎|c⏎d", "types dk", "a⏎|d", "types u", "a⏎|b⏎c⏎d"),
    "delete to a letter": ("|ab(cd)", "types dt(", "|(cd)", "types df)", "|"),
    "change a word": ("|one two", "types cwX", "presses escape", "|X two", "types u", "|one two"),
    "change a line": ("  o|ne⏎b", "types ccX", "presses escape", "  |X⏎b"),
    "change inside": ("f(a, |b) x", "types ci(X", "presses escape", "f(|X) x"),
    "change inside quotes": ('a "b|c" d', 'types ci"X', "presses escape", 'a "|X" d'),
    "delete a word and its blanks": ("one t|wo three", "types daw", "one |three"),
    "copy and put in": ("|ab cd", "types yw$p", "ab cdab| "),
    "copy a line and put it in": ("a|b⏎c", "types yyjp", "ab⏎c⏎|ab", "types P", "ab⏎c⏎|ab⏎ab"),
    "a deleted line is put in": ("|a⏎b", "types ddp", "b⏎|a"),
    "replace a letter": ("a|bc", "types rX", "a|Xc", "types 2rY", "aY|Y"),
    "swap case": ("|abC", "types 2~", "AB|C"),
    "capitals": ("|one two", "types gUw", "|ONE two", "types guw", "|one two"),
    "join": ("|a⏎b⏎c", "types J", "a| b⏎c"),
    "indent and less": ("|a⏎b", "types >>", "⇥|a⏎b", "types <<", "|a⏎b"),
    "repeat": ("|a b c d", "types dw.", "|c d"),
    "repeat an insertion": ("|a⏎b⏎c", "types AX", "presses escape", "types j.j.", "aX⏎bX⏎c|X"),
    "repeat a change": ("|one one", "types cwtwo", "presses escape", "types w.", "two tw|o"),
    "undo and redo": ("|abc", "types xx", "|c", "types u", "|bc", "types u", "|abc", "presses ctrl+r", "|bc"),
    "visual letters": ("a|bcde", "types vlld", "a|e"),
    "visual lines": ("a⏎|b⏎c⏎d", "types Vjd", "a⏎|d"),
    "visual change": ("|one two", "types vecY", "presses escape", "|Y two"),
    "visual word": ("one t|wo three", "types viwd", "one | three"),
    "visual capitals": ("|abc d", "types vllU", "|ABC d"),
    "the word here": ("|one two one", "types *", "one two |one", "types n", "|one two one"),
    "escape gives up what was begun": ("|abc", "types 2d", "presses escape", "types x", "|bc"),
    "an unknown letter does nothing": ("a|b", "types Q&", "a|b"),
    "the end of the text": ("a⏎|b", "types wwwjjj", "a⏎|b"),
    "an empty text": ("|", "types xdwdd", "|"),
}


@pytest.mark.parametrize("story", STORIES)
async def test_vi(story: str) -> None:
    async with Story(preset="vi") as told:
        for step in STORIES[story]:
            await told.go_on(step)


async def test_others_write_while_i_insert_and_undo_takes_mine_only() -> None:
    async with Story(preset="vi") as told:
        for step in (
            "ann: one| two   bob: |one two",
            "ann types iX",
            "bob presses i B escape",
            "ann types Y",
            "ann presses escape",
            "ann types u",
        ):
            await told.go_on(step)
        assert told.desks["ann"].buffer.text == told.desks["bob"].buffer.text == "Bone two"


async def test_the_mode_is_told_and_the_line_of_ex_does_things() -> None:
    desk = Desk("one\ntwo\nthree")
    async with terminal(desk, preset="vi") as (app, pilot, screen):
        settle(app)
        assert "NORMAL" in screen.rows()[-1]
        await pilot.press("i")
        settle(app)
        assert "INSERT" in screen.rows()[-1]
        await pilot.press("x", "escape", "colon", "3", "enter")
        await pilot.pause()
        assert app.editor.cursor.caret == 9
        await pilot.press("colon", "w", "enter")
        await pilot.pause()
        await app.workers.wait_for_complete()
        assert desk.saves == ["xone\ntwo\nthree"]
        await pilot.press("colon", *"nonsense", "enter")
        await pilot.pause()
        assert "nonsense is not supported" in app.editor.messages.text
        await pilot.press("colon", "q", "enter")
        await pilot.pause()
        await app.workers.wait_for_complete()
    assert desk.closed and app.return_value == 0


async def test_searching() -> None:
    desk = Desk("one two one two")
    async with terminal(desk, preset="vi") as (app, pilot, _):
        await pilot.press("slash", *"two", "enter")
        await pilot.pause()
        assert app.editor.search.bar is None
        await pilot.press("n")
        assert app.editor.cursor.caret == 12
        await pilot.press("x")
        assert desk.buffer.text == "one two one wo"


@pytest.mark.parametrize(("keys", "there"), [("n", 10_008), ("N", 4), ("*", 10_008), ("2n", 4)])
async def test_a_match_far_away_is_gone_to(keys: str, there: int) -> None:
    desk = Desk("hay one\none" + "\nhay" * 2_499 + "\none" + "\nhay" * 8_000)
    async with terminal(desk, preset="vi") as (app, pilot, _):
        await pilot.press("slash", *"one", "enter", "n")
        assert app.editor.cursor.caret == 8
        await pilot.press(*("asterisk" if key == "*" else key for key in keys))
        assert app.editor.cursor.mark is None
        assert app.editor.cursor.caret == there


def test_the_help_lists_what_there_is() -> None:
    assert "h j k l" in help_text(Keymap((), "vi")).plain
    assert "h j k l" not in help_text(Keymap()).plain


async def test_random_keys_never_fail() -> None:
    import random

    dice = random.Random(7)
    signs = "hjklwbeWBE0^$gG{}fFtT;,%iaIAoOdcyx XDCYsSrJpPuvV.n*<>~U23\"('q"
    ann, bob = (
        Desk('one (two)\n\n\t"three" 中文\n' * 4, "ann", 1),
        Desk('one (two)\n\n\t"three" 中文\n' * 4, "bob", 2),
    )
    ann.join(bob)
    async with terminal(ann, preset="vi") as (app, pilot, _):
        for _ in range(60):
            for _ in range(5):
                sign = dice.choice(signs)
                assert app.editor.vi is not None
                if not app.editor.vi.key(sign, sign):
                    app.editor.type(sign)
            await pilot.press(dice.choice(("escape", "enter", "right", "ctrl+r")))
            place = dice.randint(0, len(bob.buffer))
            bob.replace(place, min(len(bob.buffer), place + 2), dice.choice(("Q", "\n", "")))
            assert 0 <= app.editor.cursor.caret <= len(ann.buffer)
            assert ann.buffer.text == bob.buffer.text
