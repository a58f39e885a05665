"""The lessons of the demonstration: a text, some steps, and what is said at each.

What a step does is a list of lines::

    ann after WORD        her caret goes behind the first WORD of her text; `before`, `start` and `end` likewise
    ann types TEXT        key by key; ⏎ is the enter key
    ann deletes 6         as often backspace
    ann undoes            ctrl+z
    cut ann / join ann    her line
    pause ann / resume ann
    kill / start          the server
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Step(NamedTuple):
    """What is said, and what is done then."""

    says: str
    does: tuple[str, ...] = ()


class Lesson(NamedTuple):
    """A lesson for two people; a third one looks on."""

    title: str
    text: str
    steps: tuple[Step, ...]


LESSONS: Final = (
    Lesson(
        "order",
        "the old rope\n",
        (
            Step(
                "Each has the whole text. What ann types is on bob's screen at once.",
                ("ann end", "ann types !"),
            ),
            Step(
                "Both lines are cut, and both write behind the same word.",
                ("cut ann", "cut bob", "ann after old", "ann types  red", "bob after old", "bob types  wet"),
            ),
            Step("bob's line is back. ann's word is not: her line is still cut.", ("join bob",)),
            Step(
                "ann's is back. Both words hang below one letter, so their counters decide: one order, for everybody, whoever "
                "came first.",
                ("join ann",),
            ),
        ),
    ),
    Lesson(
        "one word twice",
        "the color of rope\n",
        (
            Step("Both see the same word, and each has an opinion about it."),
            Step(
                "Offline, ann makes it British.",
                ("cut ann", "cut bob", "ann after color", "ann deletes 5", "ann types colour"),
            ),
            Step(
                "bob, offline too, makes it many.", ("bob after color", "bob deletes 5", "bob types colors")
            ),
            Step(
                "Both lines are back. No letter is lost and none is there twice; but nobody typed this word. So it is a place "
                "for people to look at.",
                ("join ann", "join bob"),
            ),
            Step("One of them mends it, as any other word.", ("bob after colors", "bob deletes 6")),
        ),
    ),
    Lesson(
        "an edit in what was deleted",
        "hello\nfine world\n",
        (
            Step("Two lines. bob is about to delete the second."),
            Step(
                "Offline, ann writes a word into it.",
                ("cut ann", "cut bob", "ann before world", "ann types brave "),
            ),
            Step("bob deletes the line.", ("bob after world", "bob deletes 10")),
            Step(
                "Both are back. bob's letters are gone, and ann's stays: he never saw it. Deleted letters are kept as "
                "tombstones, so her word still knows its place.",
                ("join ann", "join bob"),
            ),
            Step("bob undoes. The same letters come back, around ann's word.", ("bob undoes",)),
        ),
    ),
    Lesson(
        "prepending blocks",
        "log\n",
        (
            Step("A log with the newest line on top. Both will write three lines, one above the other."),
            Step(
                "Offline, ann writes hers, each before the one above.",
                (
                    "cut ann",
                    "cut bob",
                    "ann start",
                    "ann types a1⏎",
                    "ann start",
                    "ann types a2⏎",
                    "ann start",
                    "ann types a3⏎",
                ),
            ),
            Step(
                "bob does the same at the same place.",
                ("bob start", "bob types b1⏎", "bob start", "bob types b2⏎", "bob start", "bob types b3⏎"),
            ),
            Step(
                "Both are back: two blocks, not a1 b1 a2 b2. Each prepends in a range of counters of their own.",
                ("join ann", "join bob", "ann start", "bob start"),
            ),
        ),
    ),
    Lesson(
        "undo is mine",
        "shopping: \n",
        (
            Step("ann writes.", ("ann end", "ann types milk")),
            Step("bob writes behind her word, after her.", ("bob after milk", "bob types +bread")),
            Step(
                "ann undoes. Her word goes, and bob's stay: undo is what I did, not what was last.",
                ("ann undoes",),
            ),
            Step("bob undoes his.", ("bob undoes",)),
        ),
    ),
    Lesson(
        "a kill",
        "the tide came in\n",
        (
            Step(
                "ann types. Her keys are in the journal on her own disk before they are on the screen.",
                ("ann end", "ann types  twice"),
            ),
            Step("The server is killed, as with kill -9. Nobody has to stop.", ("kill",)),
            Step(
                "Both go on writing. Nothing can be sent.",
                ("ann types  a day", "bob start", "bob types today "),
            ),
            Step("The server starts again from its disk, and gets what it lacks from both.", ("start",)),
            Step("What it called stored was there, and all the rest was with those who typed it.", ()),
        ),
    ),
)
