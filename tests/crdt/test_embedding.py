"""A document embedded in another: its text stands at the end, whoever embedded what of it, when and how often."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer, Version
from crdt.embedding import embed, embed_separator, embedded_site, embedded_version, is_embedded
from crdt.messages import read_message

ONE, OTHER, THIRD = b"1" * 16, b"2" * 16, b"3" * 16


def replica(buffer: TextBuffer) -> TextBuffer:
    return TextBuffer.decode(buffer.encode(), author="somebody")


def write(buffer: TextBuffer, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6)):
        length = len(buffer)
        start = chance.choice([0, 0, length, chance.randint(0, length)])
        end = min(length, start + chance.choice([0, 0, 1, 3]))
        buffer.replace(start, end, chance.choice(["", "x", "yz\n", "\n", "äöü", "word "]))
        if chance.random() < 0.1:
            buffer.undo()


def document(text: str, chance: random.Random) -> TextBuffer:
    """Two people write and meet."""
    one = TextBuffer.genesis(text, author="one")
    two = replica(one)
    for _ in range(3):
        write(one, chance)
        write(two, chance)
        one.integrate(two.changes_since(one.version))
        if chance.random() < 0.5:
            two.integrate(one.changes_since(two.version))
    return one


def put(into: TextBuffer, name: bytes, buffer: TextBuffer, since: Version | None = None) -> None:
    into.integrate(embed_separator(name))
    into.integrate(embed(name, buffer.changes_since(since or Version())))


@pytest.mark.parametrize("seed", range(60))
def test_the_embedded_text_stands_at_the_end_and_follows(seed: int) -> None:
    """Also if both began with one text; what is written there later comes after it, and each word that is typed stays whole."""
    chance = random.Random(seed)
    text = chance.choice(["", "hello\n", "hello"])
    outer, inner = document(text, chance), document(chance.choice([text, "other\n"]), chance)
    early = inner.version
    whole, late = replica(outer), replica(outer)
    put(whole, OTHER, inner)
    assert whole.text == f"{outer.text}\n{inner.text}", seed
    assert embedded_version(OTHER, inner.version) <= whole.version
    write(inner, chance)
    put(whole, OTHER, inner, early)
    put(late, OTHER, inner)
    put(late, OTHER, inner)
    assert whole.text == late.text == f"{outer.text}\n{inner.text}" and whole.version == late.version, seed
    assert not whole.waiting
    write(whole, chance)
    write(late, chance)
    write(inner, chance)
    whole.integrate(late.changes_since(whole.version))
    late.integrate(whole.changes_since(late.version))
    put(late, OTHER, inner)
    put(whole, OTHER, inner)
    assert late.text == whole.text, seed


@pytest.mark.parametrize("seed", range(30))
def test_three_documents_are_one_in_whatever_order_they_were_embedded(seed: int) -> None:
    """What was embedded in a document that is embedded itself is there once, with what was written into it there."""
    chance = random.Random(seed)
    one, two, three = (document("hello\n", chance) for _ in range(3))
    both = replica(two)
    put(both, THIRD, three)
    both.replace(len(both.text), len(both.text), "written there\n")
    direct, nested = replica(one), replica(one)
    put(direct, OTHER, both)
    put(direct, THIRD, three)
    put(nested, THIRD, three)
    put(nested, OTHER, both)
    assert direct.text == nested.text and not direct.waiting, seed
    assert direct.text.count("written there") == 1
    assert len(direct.text) == len(one.text) + len(both.text) + 1, seed


def test_sites_are_marked_once() -> None:
    site = embedded_site(ONE, 7)
    assert is_embedded(site) and not is_embedded(7) and embedded_site(OTHER, site) == site
    assert site != embedded_site(OTHER, 7)


def test_keys_that_go_on_are_embedded_as_they_are() -> None:
    """The short forms for a key, a backspace and a delete."""
    inner, outer = TextBuffer(author="one"), TextBuffer.genesis("hello")
    inner.replace(0, 0, "abcdef")
    messages = [inner.changes_since(Version())]
    for start, end, text in ((6, 6, "g"), (6, 7, ""), (5, 6, ""), (4, 5, ""), (0, 1, ""), (0, 1, "")):
        before = inner.version
        inner.replace(start, end, text)
        messages.append(inner.changes_since(before))
    outer.integrate(embed_separator(OTHER))
    for message in messages:
        assert len(embed(OTHER, message)) <= len(message) + 9 * len(read_message(message))
        outer.integrate(embed(OTHER, message))
    assert outer.text == f"hello\n{inner.text}"
