"""Placement of remote insertions, in drawn cases. The random ones are in `test_twin`.

A drawing is the tree of characters as it is walked: a line is a character, deeper lines hang below it, and the text is the first
letter of each line, read downwards. Behind the letter stand its counter and its site. Whatever the order in which the
characters arrive, the text must be the drawn one.
"""

from __future__ import annotations

import itertools
import random

import pytest

from crdt import TextBuffer
from crdt.messages import NO_CLOCK, one_insertion
from crdt.runs import DEFAULT_LAYOUT
from tests.crdt.model import Insert, Model

DRAWINGS = {
    "the example of DESIGN.md": """
        c 0 1
          h 3 2
          o 1 1
          a 0 1
            t 0 1
        """,
    # Oster, Urso, Molli, Imine: Data Consistency for P2P Collaborative Editing (CSCW 2006), figure 2. Between a and
    # b, site 1 typed 1 and site 2 typed 2; site 3 had seen only 1, and typed 3 before and 4 after it.
    "WOOT figure 2": """
        a 0 9
          3 6 3
          2 3 2
          1 2 1
            4 4 3
          b 0 9
        """,
    # X goes before d: b belongs to a, which is skipped; d has the same counter and a higher site.
    "the example of order.py": """
        P 0 1
          a 9 2
            b 0 3
          c 7 3
          X 5 4
          d 5 5
        q 0 6
        """,
    "what hangs below a sibling is skipped with it, however deep": """
        P 0 1
          a 9 2
            b 4 3
              c 4 2
                d 0 3
            e 2 5
          X 5 4
          f 1 2
        """,
    "nothing comes before the first character of the text but what was put there": """
        y 7 3
          z 0 3
        x 7 4
        a 0 1
          b 0 1
        """,
    "in the middle of what somebody typed without a pause": """
        a 0 1
          b 0 1
            X 3 2
              Y 0 2
            W 2 3
            c 0 1
              d 0 1
        """,
    "a crowded parent, with texts below its children": """
        P 0 1
          n 9 2
            o 1 3
          m 9 7
          l 8 3
            k 2 9
              j 0 9
          i 7 4
          h 7 5
          g 5 2
          f 3 9
            e 0 9
          d 2 6
          c 0 1
            b 0 1
        """,
    # A copy of site 2 on another machine wrote as well. Both below one parent with one counter: the later goes first.
    "a site twice": """
        P 0 1
          y 5 2 @1
            z 0 2 @2
          x 5 2 @0
          w 5 3
        """,
}


def message(insert: Insert) -> bytes:
    (site, clock), parent = insert.id, insert.parent or (0, NO_CLOCK)
    return one_insertion(site, clock, *parent, insert.counter, insert.character)


def read(drawing: str) -> list[Insert]:
    """Return the characters of a drawing in text order. A site's clocks ascend down the drawing, unless given with @."""
    above: list[tuple[int, tuple[int, int]]] = []
    clocks: dict[int, int] = {}
    found = []
    for line in drawing.strip("\n").split("\n"):
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        letter, counter, site, *said = line.split()
        clock = int(said[0].removeprefix("@")) if said else clocks.get(int(site), 0)
        clocks[int(site)] = clock + 1
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1][1] if above else None
        above.append((depth, (int(site), clock)))
        found.append(Insert((int(site), clock), parent, int(counter), letter))
    return found


def arrivals(drawn: list[Insert]) -> list[tuple[Insert, ...]]:
    """Yield every order of a few operations, or two hundred of many."""
    if len(drawn) <= 5:
        return list(itertools.permutations(drawn))
    dice = random.Random(7)
    return [tuple(dice.sample(drawn, len(drawn))) for _ in range(200)]


@pytest.mark.parametrize("walk_max", [0, 2, DEFAULT_LAYOUT.walk_max], ids="walk {}".format)
@pytest.mark.parametrize("name", DRAWINGS)
def test_the_text_is_the_drawn_one_in_whatever_order_it_arrives(name: str, walk_max: int) -> None:
    """Also if the children of a parent are remembered instead of walked over (`walk_max`)."""
    drawn = read(DRAWINGS[name])
    text = "".join(insert.character for insert in drawn)
    for order in arrivals(drawn):
        buffer = TextBuffer(site=1 << 40, layout=DEFAULT_LAYOUT._replace(walk_max=walk_max))
        for insert in order:
            buffer.integrate(message(insert))
        assert buffer.text == text, [insert.character for insert in order]
        buffer.check()


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_is_the_walk_through_the_tree(name: str) -> None:
    """The slow twin, which sorts a real tree, gives the same text."""
    drawn = read(DRAWINGS[name])
    model = Model(site=1 << 40)
    model.early.update(drawn)
    model.settle()
    assert model.text == "".join(insert.character for insert in drawn)


def test_woot_figure_2_as_people_type_it() -> None:
    """The three sites of the figure, each in its editor: all show the drawn text, with each site's words where it
    typed them."""
    one, two, three = (TextBuffer.genesis("ab", site=site) for site in (1, 2, 3))
    one.replace(1, 1, "1")
    two.replace(1, 1, "2")
    three.integrate(one.changes_since(three.version))
    three.replace(1, 1, "3")
    three.replace(3, 3, "4")
    assert three.text == "a314b"
    people = (one, two, three)
    for _ in range(2):
        for mine, other in itertools.permutations(people, 2):
            mine.integrate(other.changes_since(mine.version))
    assert [person.text for person in people] == ["a3214b"] * 3
