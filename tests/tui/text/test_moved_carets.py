"""Carets stay with their text, whatever others do to the lines: real replicas beside a plain model.

The model is a list of lines that know whose caret is in them and at which column; it is moved about as lists are.
"""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from crdt.patch import Splice
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.minimal_edits import replace_lines

NAMES = ("ann", "bob", "carl")


class Person:
    def __init__(self, site: int, text: str) -> None:
        self.buffer = TextBuffer.genesis(text, site=site)
        self.layout = TextLayout(self.buffer)
        self.cursor = Cursor(self.layout)

    def edit(self, splices: list[Splice]) -> None:
        self.layout.follow(self.buffer.replace_all(splices))
        self.cursor.follow()

    def receive(self, other: Person) -> None:
        self.layout.follow(self.buffer.integrate(other.buffer.changes_since(self.buffer.version)))
        self.cursor.follow()


class Line:
    """A line of the model. It is compared by identity, so equal lines are not confused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.carets: dict[str, int] = {}

    def insert(self, column: int, text: str, by: str = "") -> None:
        self.text = self.text[:column] + text + self.text[column:]
        for name, at in self.carets.items():
            if at > column or name == by:
                self.carets[name] = at + len(text)


def reordered(chance: random.Random, lines: list[Line]) -> list[Line]:
    """Some or all lines in another order: sorted, reversed, shuffled, or some of them moved up or down."""
    first, last = sorted(chance.sample(range(len(lines) + 1), 2))
    block = lines[first:last]
    match chance.randrange(4):
        case 0:
            block.sort(key=lambda line: line.text)
        case 1:
            block.reverse()
        case 2:
            chance.shuffle(block)
        case 3:
            at = chance.randrange(len(block))
            block = block[at:] + block[:at]
    return lines[:first] + block + lines[last:]


@pytest.mark.parametrize("seed", range(150))
def test_what_i_type_goes_into_my_line(seed: int) -> None:
    chance = random.Random(seed)
    lines = [Line(f"{'  ' * chance.randrange(2)}{chance.choice('abcdefg')} line {row}") for row in range(9)]
    text = "\n".join(line.text for line in lines)
    people = {name: Person(site, text) for site, name in enumerate(NAMES, 1)}
    for name, person in people.items():
        row = chance.randrange(len(lines))
        column = chance.randrange(len(lines[row].text) + 1)
        lines[row].carets[name] = column
        person.cursor.put(person.layout.lines.offset(row, column))
    for _ in range(25):
        name = chance.choice(NAMES)
        person = people[name]
        if chance.random() < 0.5:
            line = next(line for line in lines if name in line.carets)
            typed = chance.choice("xyz")
            line.insert(line.carets[name], typed, name)
            caret = person.cursor.caret
            person.edit([Splice(caret, caret, typed)])
            person.cursor.put(caret + 1)
        else:
            after = reordered(chance, lines)
            splices = replace_lines(0, [it.text for it in lines], [it.text for it in after], ends=False)
            lines = after
            if not splices:
                continue
            person.edit(splices)
        for other in people.values():
            if other is not person:
                other.receive(person)
        for someone, other in people.items():
            assert other.buffer.text == "\n".join(line.text for line in lines), seed
            row, column = other.layout.lines.place(other.cursor.caret)
            assert lines[row].carets.get(someone) == column, (seed, someone, row, column)
