"""What a person types and sees, told as stories. One person first, then two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

Tell = Callable[..., Awaitable[None]]

ALONE = {
    "typing goes in at the caret": ("he|llo", "types XY", "heXY|llo"),
    "enter breaks the line": ("he|llo", "presses enter", "he⏎|llo"),
    "tab puts in a tab": ("|x", "presses tab", "⇥|x"),
    "backspace takes the character to the left": ("he|llo", "presses backspace", "h|llo"),
    "backspace at a line's start joins the lines": ("a⏎|b", "presses backspace", "a|b"),
    "backspace at the start of all does nothing": ("|ab", "presses backspace", "|ab"),
    "delete takes the character to the right": ("he|llo", "presses delete", "he|lo"),
    "delete at the end of all does nothing": ("ab|", "presses delete", "ab|"),
    "left and right go over line ends": ("a⏎|b", "presses left left right right", "a⏎|b"),
    "a family is one step": ("|👨‍👩‍👧‍👦x", "presses right", "👨‍👩‍👧‍👦|x"),
    "a family goes with one backspace": ("a👨‍👩‍👧‍👦|x", "presses backspace", "a|x"),
    "a flag is one step back": ("🇩🇪🇫🇷|", "presses left", "🇩🇪|🇫🇷"),
    "an accent goes with its letter": ("éa|", "presses left backspace", "|a"),
    "down keeps the column": ("ab|cd⏎x⏎abcd", "presses down down", "abcd⏎x⏎ab|cd"),
    "down keeps the cell beside wide characters": ("abcd|⏎中文字", "presses down", "abcd⏎中文|字"),
    "up in the first line goes to the start": ("ab|c", "presses up", "|abc"),
    "down in the last line goes to the end": ("a|bc", "presses down", "abc|"),
    "home goes to the text, then to the line": ("  ab|c", "presses home", "  |abc", "presses home", "|  abc"),
    "end goes to the line's end": ("a|bc⏎d", "presses end", "abc|⏎d"),
    "ctrl+home and ctrl+end": ("a⏎b|⏎c", "presses ctrl+home", "|a⏎b⏎c", "presses ctrl+end", "a⏎b⏎c|"),
    "word right stops behind words": (
        "|one, two",
        "presses ctrl+right",
        "one|, two",
        "presses ctrl+right",
        "one,| two",
    ),
    "word left stops before words": ("one two|", "presses ctrl+left", "one |two"),
    "ctrl+w takes a word": ("one two|", "presses ctrl+w", "one |"),
    "ctrl+delete takes the word to the right": ("|one two", "presses ctrl+delete", "| two"),
    "shift selects": ("a|bc", "presses shift+right", "a^b|c"),
    "typing replaces the selection (F38)": ("a^bc|d", "types X", "aX|d"),
    "deleting takes the selection": ("a|bc^d", "presses delete", "a|d"),
    "left goes to the selection's start": ("a^bc|d", "presses left", "a|bcd"),
    "right goes to the selection's end": ("a|bc^d", "presses right", "abc|d"),
    "escape forgets the selection": ("a|bc^d", "presses escape", "a|bcd"),
    "ctrl+a takes everything": ("a⏎b|", "presses ctrl+a", "^a⏎b|"),
    "cut and paste": ("a^bc|d", "presses ctrl+x", "a|d", "presses end ctrl+v", "adbc|"),
    "copy leaves the text": ("^ab|c", "presses ctrl+c right ctrl+v", "abab|c"),
    "cut without a selection takes the line": ("a⏎b|⏎c", "presses ctrl+x", "a⏎|c"),
    "pasted line ends become newlines": ("|", "pastes 1\r\n2\r3⏎4", "1⏎2⏎3⏎4|"),
    "a paste is one step of undo": ("x|", "types y", "pastes 1⏎2", "presses ctrl+z", "xy|"),
    "undo and redo": ("a|", "types bc", "presses ctrl+z", "a|", "presses ctrl+y", "abc|"),
    "redo also by ctrl+shift+z": ("a|", "types bc", "presses ctrl+z ctrl+shift+z", "abc|"),
    "undo goes to what it changed": ("|a⏎b", "types X", "presses down ctrl+z", "|a⏎b"),
    "undo brings a deleted selection back": ("a^bc|d", "presses delete ctrl+z", "abc|d"),
    "nothing to undo is no harm": ("a|", "presses ctrl+z ctrl+y", "a|"),
    "lines end at newlines only": ("|a\x0c\x85\u2028b", "presses end", "a\x0c\x85\u2028b|"),
    "page down goes to the last line, then to its end": (
        "|a⏎b⏎cd",
        "presses pagedown",
        "a⏎b⏎|cd",
        "presses pagedown",
        "a⏎b⏎cd|",
    ),
}


@pytest.mark.parametrize("name", ALONE)
async def test_alone(tell: Tell, name: str) -> None:
    await tell(*ALONE[name])


TOGETHER = {
    "typing before her keeps her place (F11)": (
        "ann: he|llo   bob: |hello",
        "bob presses X",
        "ann: Xhe|llo   bob: X|hello",
    ),
    "typing behind her does not move her": (
        "ann: he|llo   bob: hello|",
        "bob presses X",
        "ann: he|lloX   bob: helloX|",
    ),
    "what he types at her caret comes behind it": (
        "ann: he|llo   bob: he|llo",
        "bob presses X",
        "ann: he|Xllo",
    ),
    "two who type at one place keep their words whole": (
        "ann: |   bob: |",
        "ann types a",
        "bob types b",
        "ann types a",
        "bob types b",
        "ann: bbaa|   bob: bb|aa",
    ),
    "a selection keeps its text": ("ann: a^bcd|e   bob: a|bcde", "bob types X", "ann: aX^bcd|e"),
    "a selection does not grow at its end": ("ann: a^bcd|e   bob: abcd|e", "bob types X", "ann: a^bcd|Xe"),
    "a selection backwards keeps its text": ("ann: a|bcd^e   bob: a|bcde", "bob types X", "ann: aX|bcd^e"),
    "a selection whose text goes is none": ("ann: a^bc|d   bob: ^abcd|", "bob presses delete", "ann: |"),
    "deleting around her puts her where it was": (
        "ann: ab|cd   bob: a^bc|d",
        "bob presses delete",
        "ann: a|d",
    ),
    "his undo of a deletion brings her place back": (
        "ann: ab|cd   bob: a^bc|d",
        "bob presses delete",
        "bob presses ctrl+z",
        "ann: ab|cd",
    ),
    "my undo takes only mine (F3)": (
        "ann: |   bob: |",
        "ann types one",
        "bob types two",
        "ann presses ctrl+z",
        "ann: two|   bob: two|",
    ),
    "his enter above moves my line down": ("ann: a⏎b|   bob: |a⏎b", "bob presses enter", "ann: ⏎a⏎b|"),
    "away, both type, and both have it after": (
        "ann: |x   bob: x|",
        "ann leaves",
        "bob leaves",
        "ann types 1",
        "bob types 2",
        "ann: 1|x   bob: x2|",
        "ann returns",
        "bob returns",
        "ann: 1|x2   bob: 1x2|",
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
async def test_together(two: Tell, name: str) -> None:
    await two(*TOGETHER[name])
