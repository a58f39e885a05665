"""What is deleted: where it was, who typed it, who deleted it, and what brings it back."""

from __future__ import annotations

import random

import pytest

from crdt import Patch, TextBuffer


def people(text: str, *names: str) -> list[TextBuffer]:
    return [TextBuffer.genesis(text, site=number, author=name) for number, name in enumerate(names, 1)]


def meet(*buffers: TextBuffer) -> None:
    for _ in range(2):
        for one in buffers:
            for other in buffers:
                one.integrate(other.changes_since(one.version))


def bring_back(buffer: TextBuffer, operations: tuple[tuple[int, int, int], ...]) -> Patch:
    by_site: dict[int, list[tuple[int, int]]] = {}
    for site, start, end in operations:
        by_site.setdefault(site, []).append((start, end))
    return buffer.revert(by_site)


def test_a_deletion_names_who_typed_it_who_deleted_it_and_when() -> None:
    ann, bob = people("the end", "ann", "bob")
    ann.replace(4, 4, "quokkas ", 1000)
    meet(ann, bob)
    bob.replace(4, 12, "", 5000)
    (it,) = bob.deletions()
    assert (it.offset, it.text, bob.author_of(it.site), it.since) == (4, "quokkas ", "ann", 1000)
    assert (bob.author_of(it.deleted_by), it.deleted_at) == ("bob", 5000)
    assert bring_back(bob, it.operations) and bob.text == "the quokkas end"
    assert bob.deletions() == []


def test_what_two_deleted_at_once_comes_back_by_the_operations_of_both() -> None:
    ann, bob = people("one two", "ann", "bob")
    ann.replace(0, 4, "", 2000)
    bob.replace(0, 4, "", 1000)
    meet(ann, bob)
    (it,) = ann.deletions()
    assert (ann.author_of(it.deleted_by), it.deleted_at) == ("bob", 1000)
    assert bring_back(ann, it.operations) and ann.text == "one two"


def test_text_that_was_forgotten_is_not_listed() -> None:
    """Its characters are placeholders, deleted for ever."""
    from crdt.messages import LEVEL_MAX

    (ann,) = people("secret", "ann")
    ann.replace(0, 6, "")
    for run in ann._runs:
        run.level = LEVEL_MAX
    assert ann.deletions() == []


@pytest.mark.parametrize("seed", range(60))
def test_everything_that_is_not_shown_is_listed_once_and_comes_back(seed: int) -> None:
    """The slow twin: one row for each character (`elements`)."""
    chance = random.Random(seed)
    buffers = people(chance.choice(["", "It was a dark night.\n"]), "ann", "bob", "cy")
    for step in range(60):
        one = chance.choice(buffers)
        kind = chance.random()
        if kind < 0.15:
            meet(*chance.sample(buffers, 2))
        elif kind < 0.3:
            one.undo(step * 7.0)
        else:
            start = chance.randint(0, len(one))
            end = min(len(one), start + chance.choice([0, 0, 1, 3, 9]))
            one.replace(start, end, "".join(chance.choices("abc\n", k=chance.choice([0, 1, 4]))), step * 7.0)
    meet(*buffers)
    ann = buffers[0]
    expected: list[tuple[int, str, int]] = []
    offset = 0
    for site, _, _, _, character, level in ann.elements():
        if level & 1:
            offset += 1
        else:
            expected.append((offset, character, site))
    found = ann.deletions()
    assert [(it.offset, character, it.site) for it in found for character in it.text] == expected
    for it in chance.sample(found, min(len(found), 8)):
        copy = TextBuffer.decode(ann.encode())
        assert bring_back(copy, it.operations)
        assert it.text in copy.text and len(copy) >= len(ann) + len(it.text)
