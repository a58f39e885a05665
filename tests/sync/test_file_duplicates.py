"""What came from a plain file beyond the history, and is taken out where the history brings it, too."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like.sync.file_duplicates import FileImport, file_import_of, remove_duplicates
from jpterm_like.sync.pad import Pad
from jpterm_like.textdiff.diff import diff
from jpterm_like.textdiff.merge import merge
from tests.sync.network import simulate
from tests.sync.test_outages import Scene, once

LINES = ["first of the lines\n", "\n", "second of the lines\n", "third of the lines\n"]


def opened(lost: TextBuffer, found: str) -> tuple[Pad, FileImport]:
    """A store that is behind, whose file holds more: as `document` brings it up."""
    pad = Pad(lost)
    at = len(lost)
    assert found.startswith(lost.text)
    pad.replace(at, at, found[at:], 0.0)
    brought = file_import_of(lost)
    assert brought is not None
    return pad, FileImport.decode(brought.encode())


def with_lost_part() -> tuple[TextBuffer, TextBuffer, str]:
    """Who wrote it all, a store that has only the beginning of it, and the text."""
    ann = TextBuffer.genesis(LINES[0], author="ann")
    store = TextBuffer.decode(ann.encode(), author="disk")
    ann.replace(len(ann), len(ann), "".join(LINES[1:]))
    return ann, store, ann.text


def test_what_the_history_brings_is_there_once_with_what_was_typed_and_deleted_since() -> None:
    """A line that somebody changed meanwhile has what they typed; one that nobody's history has stays."""
    ann, store, text = with_lost_part()
    pad, brought = opened(store, text + "and one from outside\n")
    at = pad.buffer.text.index("of the lines\nthird")
    pad.replace(at, at, "and best ", 0.0)
    before = pad.buffer.version
    pad.integrate(ann.changes_since(before), None)
    assert pad.buffer.text.count("third of the lines\n") == 2
    assert remove_duplicates(pad, [brought], (), 0.0)
    once(pad.buffer.text, *LINES[0:1], *LINES[2:], "and best ", "and one from outside\n")
    assert not remove_duplicates(pad, [brought], (), 0.0)


ALIKE = (
    lambda n, chance: f"[{n}]: c{chance.randrange(3)}\n",
    lambda n, chance: f"{{{chance.randrange(3)}, 5, {n}}},\n",
    lambda n, chance: f"f{chance.randrange(3)}({n});\n",
    lambda n, chance: "}\n" if n % 2 else "\n",
)
"""Lines of code and tables: a few words and a number, or nothing of their own at all."""


@pytest.mark.parametrize("outside", [False, True], ids=["file as it was", "another program wrote"])
@pytest.mark.parametrize("seed", range(200))
def test_lines_that_are_alike_are_there_once_where_it_is_known_what_the_file_held(
    seed: int, outside: bool
) -> None:
    """A store of before, a newer file: of tables and code, too, each line is there as often as somebody wrote it."""
    chance = random.Random(seed)
    kind = chance.choice(ALIKE[:3] if outside else ALIKE)
    ann = TextBuffer.genesis("".join(f"chapter {n}\n" for n in range(10)), author="ann")
    numbers = itertools.count()

    def write(buffer: TextBuffer, count: int) -> None:
        for _ in range(count):
            at = buffer.text.find("\n", chance.randrange(len(buffer))) + 1
            buffer.replace(at, at, kind(next(numbers), chance))
            if not outside and chance.random() < 0.2:
                at = chance.randrange(len(buffer))
                buffer.replace(at, min(at + chance.randint(1, 12), len(buffer)), "")

    write(ann, chance.randint(0, 20))
    store = TextBuffer.decode(ann.encode(), author="disk")
    write(ann, chance.randint(1, 30))
    held, found = ann.version, ann.text
    write(ann, chance.choice([0, 30]))
    wanted = ann.text
    new = kind(1000 + seed, chance)
    if outside:
        lines = found.splitlines(keepends=True)
        lines.insert(chance.randrange(len(lines)), new)
        found = "".join(lines)

    pad = Pad(store)
    for start, end, text in diff(store.text, found):
        pad.replace(start, end, text, 0.0)
    brought = file_import_of(store)
    pad.integrate(ann.changes_since(store.version), None)
    if brought is not None:
        remove_duplicates(pad, [brought], [Version(), held], 0.0)
        assert not remove_duplicates(pad, [brought], [held], 0.0), f"seed {seed}"
    if outside:
        left = Counter(pad.buffer.text.splitlines())
        missing = Counter([*wanted.splitlines(), new.strip()]) - left
        assert not missing and left[new.strip()] == 1, f"seed {seed}: {missing}"
    else:
        assert pad.buffer.text == wanted, f"seed {seed}"


def test_what_another_program_added_to_what_the_file_held_stays() -> None:
    """Its line looks like those of the table, and nobody's history has it."""
    ann, store, _ = with_lost_part()
    ann.replace(0, 0, "{1, 5, 1},\n{2, 5, 2},\n")
    pad = Pad(store)
    pad.replace(0, 0, "{1, 5, 1},\n{3, 5, 3},\n{2, 5, 2},\n", 0.0)
    pad.replace(len(store), len(store), "".join(LINES[1:]), 0.0)
    brought = file_import_of(store)
    assert brought is not None
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    assert remove_duplicates(pad, [brought], [ann.version], 0.0)
    text = pad.buffer.text
    assert sorted(text.splitlines(keepends=True)) == sorted(
        [*ann.text.splitlines(keepends=True), "{3, 5, 3},\n"]
    )


def test_it_is_found_again_when_a_part_of_what_was_brought_is_lost_too() -> None:
    """The store is damaged once more: of the edits that were made of the file it has only the first."""
    ann, store, text = with_lost_part()
    version = store.version
    pad, brought = opened(store, text)
    data, _ = pad.buffer.changes_up_to(version, 20)
    again = TextBuffer.decode(with_lost_part()[1].encode(), author="disk")
    again.integrate(data)
    assert LINES[0] < again.text < text
    again.integrate(ann.changes_since(again.version))
    pad = Pad(again)
    doubled = len(pad.buffer)
    remove_duplicates(pad, [brought], (), 0.0)
    assert len(pad.buffer) < doubled and set(text.split()) == set(pad.buffer.text.split())


def test_a_word_that_two_wrote_by_chance_is_not_taken_out() -> None:
    """Pieces of a line are no proof, and neither is what was there twice before."""
    ann = TextBuffer.genesis("- again and again\n", author="ann")
    pad, brought = opened(
        TextBuffer.decode(ann.encode(), author="disk"), "- again and again\n- again and again\n"
    )
    ann.replace(0, 0, "a line of hers that says: and again\n")
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    assert not remove_duplicates(pad, [brought], (), 0.0)


def test_a_line_is_not_taken_for_a_longer_one() -> None:
    """Somebody had typed into the other, it seemed: into "number 1" the 3 of "number 13". The file's was taken out."""
    ann = TextBuffer.genesis("a list\n", author="ann")
    pad, brought = opened(TextBuffer.decode(ann.encode(), author="disk"), "a list\n- the line number 1\n")
    ann.replace(len(ann), len(ann), "- the line number 13\n")
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    assert not remove_duplicates(pad, [brought], (), 0.0)


def test_what_another_program_wrote_stays_when_the_store_was_newer_than_the_file() -> None:
    """What the store had beyond the last save was taken for a part of the program's change; as most of that was not
    there any more in the file's place, all of it was taken out."""
    ann = TextBuffer.genesis("<saved>", author="ann")
    saved = ann.version
    ann.replace(7, 7, "<not saved, and longer than what comes>")
    pad, brought = opened(TextBuffer.decode(ann.encode(), author="disk"), ann.text + "\n<from outside>\n")
    ann.replace(0, 0, "<late>")
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    remove_duplicates(pad, [brought], [saved], 0.0)
    once(pad.buffer.text, "<late>", "<saved>", "<not saved, and longer than what comes>", "<from outside>")


def test_what_was_saved_later_than_anybody_tells_is_there_once() -> None:
    """The one who comes first was away when the file was saved last: what that save had was taken for another program's."""
    ann = TextBuffer.genesis("", author="ann")
    store = TextBuffer.decode(ann.encode(), author="disk")
    b2, e2, b1, c1, d1 = (f"<{name} and some words>\n" for name in ("b2", "e2", "b1", "c1", "d1"))
    ann.replace(0, 0, b2 + e2 + b1)
    saved = ann.version
    ann.replace(len(b2), len(b2), d1)
    ann.replace(0, 0, c1)
    pad, brought = opened(store, ann.text)
    ann.replace(len(c1), len(c1 + b2), "")
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    remove_duplicates(pad, [brought], [saved], 0.0)
    assert pad.buffer.text == ann.text == c1 + d1 + e2 + b1


@pytest.mark.parametrize("seed", range(40))
def test_what_the_store_had_all_of_says_nothing_against_what_another_program_wrote(seed: int) -> None:
    """Somebody comes back who saw an earlier save only: the store has that, and more, so nothing of the file can be there twice."""
    chance = random.Random(seed)
    ann = TextBuffer.genesis("begin\n", author="ann")
    numbers = itertools.count()

    def types(lines: int) -> Version:
        for _ in range(lines):
            at = ann.text.find("\n", chance.randrange(len(ann.text))) + 1
            ann.replace(at, at, f"<t{next(numbers)}>\n")
        return ann.version

    seen, saved = (types(chance.randrange(1, 4)) for _ in range(2))
    types(chance.randrange(1, 4))
    pad = Pad(TextBuffer.decode(ann.encode(), author="disk"))
    base = ann.at(saved)
    for start, end, text in merge(base, base + "<outside>\n", pad.buffer.text).splices:
        pad.replace(start, end, text, 0.0)
    brought = file_import_of(pad.buffer)
    assert brought is not None
    types(1)
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    wanted = pad.buffer.text
    assert not remove_duplicates(pad, [brought], [seen], 0.0), f"seed {seed}"
    assert pad.buffer.text == wanted, f"seed {seed}"


def test_a_save_of_what_came_from_the_file_tells_nothing_of_what_it_held_before() -> None:
    """All that the opening had made of the file was taken back."""
    ann = TextBuffer.genesis("<c1 and some words>\n", author="ann")
    text = "<c1 and some words>\n<from outside>\n"
    pad, brought = opened(TextBuffer.decode(ann.encode(), author="disk"), text)
    saved = pad.buffer.version
    ann.replace(0, 0, "<late and some words>\n")
    pad.integrate(ann.changes_since(pad.buffer.version), None)
    remove_duplicates(pad, [brought], [saved], 0.0)
    assert pad.buffer.text == "<late and some words>\n" + text


@pytest.mark.parametrize("data", [b"", b"\0" * 11, b"\0" * 8 + b"\xff" * 8, b"\0" * 13])
def test_nonsense_is_no_note(data: bytes) -> None:
    with pytest.raises(ForeignOp):
        FileImport.decode(data)


def test_what_came_from_the_file_and_was_deleted_stays_deleted_when_somebody_comes_back(
    tmp_path: Path,
) -> None:
    """All that the file had was taken back and made anew then, also what people had deleted of it since."""

    async def story(chance: random.Random) -> None:
        scene = Scene(tmp_path, chance, autosave_s=None)
        scene.file.write_text("Title\n")
        ann, bob = await scene.join("ann"), await scene.join("bob")
        assert ann.session is not None and bob.session is not None
        ann.session.replace(0, 0, "<one>\n")
        await scene.settle(ann, bob)
        scene.network.part("bob")
        await scene.host.die(scene.network, power=False)
        scene.file.write_text("Title\na line from outside\n")
        scene.host.start()
        await asyncio.sleep(5)
        text = ann.session.text
        assert "a line from outside" in text
        ann.session.replace(text.index("a line"), len(text), "")
        await ann.session.stored()
        bob.session.replace(0, 0, "<two>\n")
        scene.network.join("bob")
        text = await scene.settle(ann, bob)
        once(text, "<one>", "<two>", "Title")
        assert "a line from outside" not in text

    simulate(1, story)
