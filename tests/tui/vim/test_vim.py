"""Our vi beside Vim itself, and what two people see of it."""

from __future__ import annotations

import random

import pytest

from tests.tui.desk import Desk
from tests.tui.vim.compare import VIM, Case, Headless, compare, make

SEQUENCES = 500

DIFFERENCES_MAX = 10
"""How many of them may differ, as `manual/keys.md` says: rare combinations of blocks, counts and undo. Lower it when it can be; none
may raise an error, which `compare` reports as a difference."""


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
def test_random_keys_do_what_they_do_in_vim() -> None:
    told = compare([make(seed) for seed in range(SEQUENCES)])
    assert len(told) <= DIFFERENCES_MAX, "\n".join(told)
    assert not [it for it in told if "Error" in it], "\n".join(told)


STORIES = {
    "ex": ["iq\x1bu", ":%s/o/0/g\r", ":2\r", ":g/a/d\r"],
    "macro": ["qaA!\x1bj0q", "2@a"],
    "block": ["\x16jlIX\x1b", "\x16jA$\x1b", "\x16jd", "gv\x1b"],
    "registers": ['"ayy', '"Ayy', '"ap', '"_dd', "p"],
    "numbers": ["A 7\x1b", "5\x01", "10\x18", "."],
    "register before repeating": ["dd", '"a.', '"ap', "x", '"b.', '"bp'],
    "objects": ["dap", "u", "yip", "P"],
}


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_as_in_vim(name: str) -> None:
    assert not compare([Case(0, "one two\nfoo bar (a, b)\n\nlast a", 0, STORIES[name])])


def test_an_unknown_command_swallows_its_argument_and_says_so() -> None:
    for keys in ("g?ix", "=ix", "mix"):
        desk = Desk("one\n")
        editor = Headless(desk)
        editor.type_keys(keys[:-1] if keys[0] != "m" else "m1")
        assert desk.buffer.text == "one\n"
        assert editor.vi.mode == "normal"
        assert editor.said


def test_confirming_each_replacement() -> None:
    for answers, left in (
        ("ynl", "b a b a\n"),
        ("q", "a a a a\n"),
        ("ya", "b b b b\n"),
        ("nnq", "a a a a\n"),
    ):
        desk = Desk("a a a a\n")
        editor = Headless(desk)
        editor.type_keys(":%s/a/b/gc\r" + answers)
        assert desk.buffer.text == left
        assert editor.vi.prompt == ""
        editor.type_keys("u")
        assert desk.buffer.text == "a a a a\n"


@pytest.mark.parametrize("seed", range(20))
def test_nothing_of_another_person_is_taken(seed: int) -> None:
    """Undo, `.`, marks and registers know my own work only, whatever another writes in between."""
    dice = random.Random(seed)
    ann, bob = (
        Desk("one two\nthree four\nfive six\n", "ann", 1),
        Desk("one two\nthree four\nfive six\n", "bob", 2),
    )
    ann.join(bob)
    editor = Headless(ann)
    steps = 0
    for number in range(12):
        bob.replace(at := dice.randint(0, len(bob.buffer)), at, chr(0x3B1 + number))
        editor.type_keys(
            dice.choice(("iX\x1b", ".", "AY\x1b", "ma", "'a", "~", "j", "w", "rZ", "oN\x1b", "u"))
        )
        steps += 1
    for _ in range(steps):
        editor.type_keys("u")
    text = ann.buffer.text
    assert text == bob.buffer.text
    for number in range(12):
        text = text.replace(chr(0x3B1 + number), "", 1)
    assert text == "one two\nthree four\nfive six\n"


PROSE = "One two.  Three (four!) Five?\n\n   \nthird bold. end\nfoo foo bar foo\n\tfoo"


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize("keys", ["(", "2)", "d)", "d2(", "dis", "d2as", "vas", "vis2as", "3as"])
def test_sentences_are_as_in_vim(keys: str) -> None:
    """A blank line of blanks, a full stop in brackets and the end of the text are where rules are needed."""
    assert not compare([Case(0, PROSE, caret, [keys]) for caret in range(1, len(PROSE), 5)])


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize(
    "keys", ["g~2aw", "d3iw", "v2aWd", "d2aw", "5ge", "d4b", "wdipu", "cj\x1bu", "A;\x1bu", "vwx\x1bu"]
)
def test_counts_of_words_and_the_caret_after_undo_are_as_in_vim(keys: str) -> None:
    assert not compare([Case(0, PROSE, caret, [keys]) for caret in range(0, len(PROSE), 6)])


def test_a_long_paragraph_without_a_full_stop_gives_up() -> None:
    """And says so, instead of holding the keyboard."""
    editor = Headless(Desk("word " * 60_000 + "\n"))
    editor.type_keys(")")
    assert "no end of a sentence" in editor.said[-1] and editor.vi.mode == "normal"


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize(
    "selection", ["v", "ve", "vj", "v$", "V", "Vj", "VG", "ggVG", "\x16jl", "$\x16j", "w\x16jj$"]
)
@pytest.mark.parametrize("put", ["p", "2P"])
def test_putting_over_a_selection_is_as_in_vim(selection: str, put: str) -> None:
    """Letters, lines and blocks over letters, lines and blocks; the caret and what is left of the lines."""
    text = "one two three\nfoo bar (a, o)\n\nlast so"
    yanks = ("yiw", "yy", "wvjy", "\x16jly", "y$")
    assert not compare([Case(0, text, 1, [yank, selection + put]) for yank in yanks])


@pytest.mark.skipif(VIM is None, reason="Vim is not installed")
@pytest.mark.parametrize(
    "line",
    [":s/x*/-/g\r", ":%s/o/\\r/g\r", ":%s/$/;/\r", ":%s/^/> /\r", ":2,3s/o\\|a/<&>/g\r"],
)
def test_substitutions_are_as_in_vim(line: str) -> None:
    assert not compare([Case(0, "one two x xx\nfoo bar (a, o)\n\nlast so", 1, [line])])
