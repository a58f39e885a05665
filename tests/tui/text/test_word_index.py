"""The words of a text follow its edits."""

from __future__ import annotations

import random
from time import process_time

import pytest

from crdt import TextBuffer
from jpterm_like.tui.text.word_index import WORD, WordIndex, is_kept, word_before, words_near


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo_bar = größe+x1", ["foo_bar", "größe", "x1"]),
        ("日本語のテキストです。", ["日本語", "の", "テキスト", "です"]),
        ("名前name 한국어", ["名前", "name", "한국어"]),
        ("cafe\u0301 हिन्दी।", ["cafe\u0301", "हिन्दी"]),
        ("12ab 3", ["ab"]),
    ],
)
def test_what_a_word_is(text: str, words: list[str]) -> None:
    assert WORD.findall(text) == words


@pytest.mark.parametrize(
    ("text", "word"),
    [("a foo_b", "foo_b"), ("foo.", ""), ("x 12", ""), ("の日本", "日本"), ("", ""), ("a" * 200, "a" * 81)],
)
def test_the_word_before_the_caret(text: str, word: str) -> None:
    assert word_before(text) == word


def all_words(index: WordIndex, text: str) -> set[str]:
    while index.read_on():
        pass
    return {word for letter in {sign.casefold() for sign in text} for word in index.words(letter, 0)}


@pytest.mark.parametrize("seed", range(60))
def test_random_edits(seed: int) -> None:
    """The index has the words that are in the text, however small its chunks are."""
    dice = random.Random(seed)
    buffer = TextBuffer.genesis("", site=1, author="ann")
    index = WordIndex(buffer, chunk=dice.choice((4, 10, 30)), indexed_max=1_000)
    for _ in range(60):
        start = dice.randint(0, len(buffer))
        end = min(len(buffer), start + dice.choice((0, 0, 1, 5, 40)))
        put = "".join(dice.choice("abc_  \n") for _ in range(dice.choice((0, 1, 1, 6, 70))))
        index.follow(buffer.replace(start, end, put))
        if dice.random() < 0.3:
            index.read_on()
        index.check()
        if dice.random() < 0.2:
            text = buffer.text
            assert all_words(index, text) == {word for word in WORD.findall(text) if is_kept(word)}


def test_near_words_come_first_and_the_one_at_the_caret_does_not() -> None:
    buffer = TextBuffer.genesis("alpha beta1 gamma beta1 delta", site=1, author="ann")
    assert words_near(buffer, 17) == ["beta1", "delta", "alpha"]


def test_far_words_come_in_the_order_of_their_distance() -> None:
    buffer = TextBuffer.genesis("a_one " * 5 + "a_two " * 5 + "a_three " * 5, site=1, author="ann")
    index = WordIndex(buffer, chunk=20)
    while index.read_on():
        pass
    assert list(dict.fromkeys(index.words("a", 0))) == ["a_one", "a_two", "a_three"]
    assert next(index.words("a", len(buffer))) == "a_three"


def test_words_are_whole_at_the_borders_of_what_is_near() -> None:
    buffer = TextBuffer.genesis("alphabet word here alphabet", site=1, author="ann")
    assert words_near(buffer, 14, reach=10) == ["word"]


def test_what_is_near_is_left_to_those_who_read_it() -> None:
    """So the word that was half typed when its chunk was read is not offered."""
    buffer = TextBuffer.genesis("a_far " * 5 + "a_near ", site=1, author="ann")
    index = WordIndex(buffer, chunk=20)
    while index.read_on():
        pass
    assert set(index.words("a", len(buffer), skip=17)) == {"a_far"}
    assert "a_near" in set(index.words("a", len(buffer)))


def test_a_text_that_is_too_long_is_given_up_until_it_is_short() -> None:
    buffer = TextBuffer.genesis("word " * 30, site=1, author="ann")
    index = WordIndex(buffer, indexed_max=100)
    assert index.is_given_up and not index.read_on() and list(index.words("w", 0)) == []
    index.follow(buffer.replace(0, 100, ""))
    assert not index.is_given_up and all_words(index, "w") == {"word"}
    index.follow(buffer.replace(0, 0, "word " * 30))
    assert index.is_given_up


def test_an_edit_costs_no_more_in_a_long_text() -> None:
    """100 edits in nearly two million characters, with one chunk read after each."""
    buffer = TextBuffer.genesis("some_word other_word = 1\n" * 75_000, site=1, author="ann")
    index = WordIndex(buffer)
    while index.read_on():
        pass
    began = process_time()
    for number in range(100):
        index.follow(buffer.replace(1_500_000 + number, 1_500_000 + number, "x"))
        index.read_on()
    assert process_time() - began < 1.5, process_time() - began
