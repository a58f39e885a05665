"""Blanks before a live caret stay when another program strips them."""

from __future__ import annotations

import re

import pytest

from crdt import TextBuffer
from jpterm_like.sync.live_blanks import spare_blanks, without_live_blanks
from jpterm_like.textdiff.diff import diff


def formatted(text: str) -> str:
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n") + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("the quick |", "the quick |\n"),
        ("- item\n- |", "- item\n- |\n"),
        ("if a:\n    |", "if a:\n    |"),
        ("if a:\n\t|\nb  \n", "if a:\n\t|\nb\n"),
        ("one  |\n\n\n", "one  |\n"),
        ("one  \n two |  \n", "one\n two|\n"),
        ("one\n  |\n\n  two \n", "one\n  |\n\n  two\n"),
        ("one|  \n", "one|\n"),
        ("on|e  \n", "on|e\n"),
    ],
)
def test_only_the_blanks_before_a_caret_at_the_end_of_its_line_stay(before: str, after: str) -> None:
    caret = before.index("|")
    buffer = TextBuffer.genesis(before.replace("|", ""))
    anchor = buffer.anchor(caret)
    wanted = formatted(buffer.text)
    splices, spares = spare_blanks(diff(buffer.text, wanted), buffer, [caret])
    for start, end, text in splices:
        buffer.replace(start, end, text)
    at = buffer.offset(anchor)
    assert at is not None
    assert buffer.text[:at] + "|" + buffer.text[at:] == after
    assert spares == (buffer.text != wanted)
    if spares:
        assert without_live_blanks(buffer, [at]) == wanted


def test_without_a_caret_there_everything_is_taken() -> None:
    buffer = TextBuffer.genesis("one  \ntwo \n")
    splices = diff(buffer.text, "one\ntwo\n")
    assert spare_blanks(splices, buffer, [1, 9]) == (splices, False)
    assert spare_blanks(splices, buffer, [5])[1]


def test_what_takes_the_place_of_blanks_and_words_is_left_as_it_is() -> None:
    """A line that was written anew is no stripped one."""
    buffer = TextBuffer.genesis("one two ")
    splices = diff(buffer.text, "something else")
    assert spare_blanks(splices, buffer, [8]) == (splices, False)


def test_the_indentation_of_a_line_that_is_gone_goes_with_it() -> None:
    buffer = TextBuffer.genesis("a\n    \nb\n")
    splices = diff(buffer.text, "a\nb\n")
    assert spare_blanks(splices, buffer, [6]) == (splices, False)
