"""`:normal`, `gq` and counts before registers; what `:y` and `:set` do."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui.desk import Desk
from tests.tui.vim.compare import VIM, Case, Headless, compare

PROSE = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen\nfifteen\n\nshort\nlines\n"
WRAPPED = "one two three four five six seven eight nine ten eleven twelve thirteen\nfourteen fifteen\n"


def after(text: str, *keys: str) -> Headless:
    editor = Headless(Desk(text))
    for each in keys:
        editor.type_keys(each)
    return editor


def text_of(editor: Headless) -> str:
    return editor.session.buffer.text


@pytest.mark.parametrize(
    ("keys", "left", "caret"),
    [
        ("gqq", PROSE.replace(" fourteen", "\nfourteen"), (1, 0)),
        ("gqgq", PROSE.replace(" fourteen", "\nfourteen"), (1, 0)),
        ("gqip", WRAPPED + "\nshort\nlines\n", (1, 0)),
        ("wgwip", WRAPPED + "\nshort\nlines\n", (0, 4)),
        ("2gqq", WRAPPED + "\nshort\nlines\n", (1, 0)),
        ("gqG", WRAPPED + "\nshort lines\n", (3, 0)),
        ("Vjgq", WRAPPED + "\nshort\nlines\n", (1, 0)),
        ("gqip3jgqq.", WRAPPED + "\nshort\nlines\n", (4, 0)),
    ],
)
def test_gq_wraps_what_its_motion_says_in_one_step(keys: str, left: str, caret: tuple[int, int]) -> None:
    editor = after(PROSE, keys)
    assert text_of(editor) == left and tuple(editor.vi.text.caret) == caret
    editor.type_keys("u")
    assert text_of(editor) == PROSE


def test_gq_in_a_text_that_may_only_be_read_says_so() -> None:
    desk = Desk(PROSE)
    desk.role = "view"
    editor = Headless(desk)
    editor.type_keys("gqip")
    assert desk.buffer.text == PROSE and "not change it" in editor.said[-1]


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (":%normal A;\r", "one;\ntwo;\n\\n;\nlast;\n".replace("\\n", "")),
        (":normal xx\r", "e\ntwo\n\nlast\n"),
        (":2,3norm Ia\x16\x1bAb\r", "one\natwob\nab\nlast\n"),
        (
            ":%normal lx\r",
            "oe\nto\n\nlst\n",
        ),  # a line where `l` fails is left alone, and the next ones are done
        (":g/o/normal A!\r", "one!\ntwo!\n\nlast\n"),
        (":v/o/norm Ax\r", "one\ntwo\nx\nlastx\n"),
        (":%normal dw\r", "\n\n\n"),
        (":2norm yyp\r", "one\ntwo\ntwo\n\nlast\n"),
        (":%norm cX\x1b\r", "one\ntwo\n\nlast\n"),  # incomplete
        (":1,2normal :s/$/-/\x16\r\r", "one-\ntwo-\n\nlast\n"),
        ("qaA.\x1bq:%norm @a\r", "one..\ntwo.\n.\nlast.\n"),
    ],
)
def test_normal_does_keys_at_each_line_in_one_step(keys: str, left: str) -> None:
    text = "one\ntwo\n\nlast\n"
    editor = after(text, keys)
    assert text_of(editor) == left and editor.vi.mode == "normal" and not editor.vi.is_busy
    editor.type_keys("u")
    assert text_of(editor) == (text if not keys.startswith("q") else "one.\ntwo\n\nlast\n")


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize(
    "keys",
    [
        ":%normal A;\r", ":2norm Ia\x16\x1bA\r", ":%normal lx\r", ":g/o/normal A!\r", ":%norm dw\r",
        ":norm wx\r", ":%norm ~\r", "wv:norm x\r", ":%norm cwX\r", ":2norm 2x\r", ":%norm fox\r", ":%norm >>\r",
        ":1norm dd\r", ":%norm wdwP\r",
    ],
)  # fmt: skip
def test_normal_is_as_in_vim(keys: str) -> None:
    text = "one two\nfoo bar (a, o)\n\nlast so"
    assert not compare(
        [Case(0, text, 2, [keys]), Case(0, text, 2, [keys, "u"]), Case(0, text, 2, [keys, "j."])]
    )


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (":%norm dd\r", ""),
        (":1,2norm yyp\r", "1\n1\n2\n2\n3\n"),
        (":1,2norm J\r", "1 2\n3\n"),
        (":%norm OX\r", "X\n1\nX\n2\nX\n3\n"),
    ],
)
def test_normal_goes_by_the_lines_of_the_range_and_not_by_their_numbers(keys: str, left: str) -> None:
    """Vim counts numbers, so the lines that the keys put in or take away shift what comes next."""
    assert text_of(after("1\n2\n3\n", keys)).strip("\n") == left.strip("\n")


async def test_normal_on_many_lines_lets_the_keyboard_be_served_and_can_be_stopped() -> None:
    editor = Headless(desk := Desk("a\n" * 3_000))
    editor.type_keys(":%normal A;\r")
    assert editor.vi.is_busy
    editor.type_keys("ggiX\x1b")
    while editor.vi.is_busy:
        await asyncio.sleep(0)
    assert desk.buffer.text == "Xa;\n" + "a;\n" * 2_999
    editor.type_keys(":%normal A;\r")
    while ";;" not in desk.buffer.text:
        await asyncio.sleep(0)
    editor.type_keys("\x1b")
    assert not editor.vi.is_busy and "Stopped" in editor.said[-1]
    assert desk.buffer.text.count(";;") < 3_000
    editor.type_keys("u")
    assert desk.buffer.text == "Xa;\n" + "a;\n" * 2_999


def test_counts_around_a_register_are_multiplied() -> None:
    lines = "".join(f"{number}\n" for number in range(9))
    assert text_of(after(lines, '2"a3dd')) == "6\n7\n8\n"
    assert text_of(after("abcdefghi\n", '2"a3x')) == "ghi\n"
    assert text_of(after("abcdefghi\n", '2"a3d2l')) == "\n", "12, of which nine are there"


def test_copying_lines_of_a_text_that_may_only_be_read() -> None:
    """`:y` changes nothing; what does says why not."""
    desk = Desk("one\ntwo\n")
    desk.role = "view"
    editor = Headless(desk)
    editor.type_keys(":2y a\r")
    assert editor.vi.registers.get("a").lines == ("two",) and not editor.said  # type: ignore[union-attr]
    for line in (
        ":d\r",
        ":1>\r",
        ":j\r",
        ":pu a\r",
        ":1m2\r",
        ":1t.\r",
        ":s/o/x/\r",
        ":g/o/d\r",
        ":norm x\r",
    ):
        editor.said.clear()
        editor.type_keys(line)
        assert desk.buffer.text == "one\ntwo\n" and "not change it" in editor.said[-1], line


def test_each_option_is_set_switched_over_and_told() -> None:
    """What has no switch of its own here runs the command that the editor has for it."""
    editor = Headless(Desk("one\n"))
    motions = editor.vi.motions
    for name, short, value in (
        ("ignorecase", "ic", lambda: motions.ignore_case),
        ("smartcase", "scs", lambda: motions.smart_case),
        ("wrapscan", "ws", lambda: motions.wraps),
        ("hlsearch", "hls", lambda: motions.marks_matches),
        ("autoindent", "ai", lambda: editor.auto_indent),
        ("expandtab", "et", lambda: editor.indent == "spaces"),
    ):
        for word, wanted in ((short, True), (f"no{name}", False), (f"{name}!", True), (f"{short}!", False)):
            editor.type_keys(f":set {word}\r")
            assert value() is wanted, word
            assert editor.said[-1] == f"{name} is {'on' if wanted else 'off'}."
        editor.type_keys(f":set {short}?\r")
        assert editor.said[-1] == f"{name} is off."
    for short, command in (("nu", "toggle_numbers"), ("list", "toggle_whitespace"), ("wrap", "toggle_wrap")):
        editor.said.clear()
        editor.type_keys(f":set no{short}\r")
        assert command not in editor.said, "it is off already"
        editor.type_keys(f":set {short}\r")
        assert command in editor.said
    for short, name in (("ts", "tabstop"), ("sw", "shiftwidth"), ("sts", "softtabstop")):
        editor.type_keys(f":set {short}\r")
        assert editor.said[-1] == f"{name} is 4."
        editor.type_keys(f":set {short}=0\r")
        assert "from 1 to 16" in editor.said[-1]
        editor.type_keys(f":set {short}=8\r")
        assert "tab_width" in editor.said[-1]
    editor.type_keys(":set fenc?\r")
    assert "encoding" in editor.said[-1]
    editor.type_keys(":set nu nosuch\r")
    assert "nosuch is no option here; nu wrap list" in editor.said[-1]
    editor.type_keys(":set\r")
    assert editor.said[-1].startswith("These are known: nu wrap list")
