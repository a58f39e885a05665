"""Differences between texts, and three-way merges."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crdt import TextBuffer
from crdt.patch import Patch
from jpterm_like.textdiff.diff import diff, effort
from jpterm_like.textdiff.matching import matching
from jpterm_like.textdiff.merge import merge
from tests.steps import steps

# Few letters, so that pieces repeat and match by chance; line ends and words everywhere.
texts = st.text(alphabet="ab \n,\u4e00\u0301😀\x85", max_size=60)
lines = st.lists(st.sampled_from(["", "a", "b", "a b", "}", "the same line", "x = 1"]), max_size=20).map(
    "\n".join
)


@given(st.one_of(texts, lines), st.one_of(texts, lines))
@settings(max_examples=500)
def test_a_diff_leads_to_the_new_text(old: str, new: str) -> None:
    splices = diff(old, new)
    assert Patch(tuple(splices)).apply(old) == new
    ends = [splice.start for splice in splices]
    assert ends == sorted(ends, reverse=True)
    assert all(splice.start < splice.end or splice.text for splice in splices)


@pytest.mark.parametrize(
    ("old", "new", "splices"),
    [
        ("same", "same", []),
        ("", "new", [(0, 0, "new")]),
        ("old", "", [(0, 3, "")]),
        ("helo", "hello", [(3, 3, "l")]),
        ("one\ntwo\nthree\n", "one\n2\nthree\n", [(4, 7, "2")]),
        ("one\nthree\n", "one\ntwo\nthree\n", [(4, 4, "two\n")]),
        ("the cat sat here", "the dog sat there", [(12, 12, "t"), (4, 7, "dog")]),
        ("a\n\n\nb", "a\n\nb", [(3, 4, "")]),
    ],
)
def test_a_diff_touches_little(old: str, new: str, splices: list[tuple[int, int, str]]) -> None:
    assert diff(old, new) == splices


@pytest.mark.parametrize(
    ("near", "far", "new"),
    [
        # A line with few words in common with another one is another line.
        ("- [ ] bread\n", "- [ ] bread\n- [ ] buy a lot of milk\n", "- [ ] bread\n- [ ] buy a lot of eggs\n"),
        ("", "<e1 and some words>\n", "<f0 and some words>\n"),
        ("a: 1\n", "a: 1\nb: 2", "a: 1\nb: 3"),
        # One that has most of its words still is the same, and so is one that was formatted.
        ("a long line with teh words\n", "", "a long line with the words\n"),
        ("f(a,b)\n", "", "f(a, b)\n"),
        ("* a\n* b\n", "* a\n", "- a\n- b\n"),
        ("if x:\n  f(x)\n", "", "if x: f(x)\n"),
    ],
)
def test_the_nearer_text_is_the_one_of_which_fewer_lines_are_others(near: str, far: str, new: str) -> None:
    assert effort(near, new) < effort(far, new)


@given(st.one_of(texts, lines), st.one_of(texts, lines))
@settings(max_examples=500)
def test_no_text_is_farther_from_another_than_all_of_both(old: str, new: str) -> None:
    assert effort(old, old) == (0, 0)
    letters, length = effort(old, new)
    assert letters <= sum(map(str.isalnum, old + new)) and length <= len(old + new) + 2


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
def test_matching_runs_are_equal_ascending_and_apart(old: list[str], new: list[str]) -> None:
    at_old = at_new = 0
    for old_start, new_start, size in matching(old, new):
        assert size > 0 and old_start >= at_old and new_start >= at_new
        assert old[old_start : old_start + size] == new[new_start : new_start + size]
        at_old, at_new = old_start + size, new_start + size


# Three ways


def check_conflicts(base: str, mine: str, theirs: str) -> str:
    result = merge(base, mine, theirs)
    merged = result.apply(theirs)
    at = 0
    for start, end in result.conflicts:
        assert at <= start <= end <= len(merged)
        at = end
    return merged


@given(st.one_of(texts, lines), st.one_of(texts, lines), st.one_of(texts, lines))
@settings(max_examples=500)
def test_any_three_texts_merge(base: str, mine: str, theirs: str) -> None:
    check_conflicts(base, mine, theirs)
    assert merge(base, base, theirs).apply(theirs) == theirs
    assert merge(base, mine, base).apply(base) == mine
    assert merge(base, mine, mine).splices == []


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged", "in_conflict"),
    [
        # Each side somewhere else.
        ("one\ntwo\nthree\n", "ONE\ntwo\nthree\n", "one\ntwo\nTHREE\n", "ONE\ntwo\nTHREE\n", []),
        ("the quick brown fox", "the slow brown fox", "the quick brown dog", "the slow brown dog", []),
        # F14: the same change, and the same change and more.
        ("say teh word", "say the word", "say the word", "say the word", []),
        ("say teh word now", "say the word now", "say the word soon", "say the word soon", []),
        ("", "hello", "hello", "hello", []),
        ("HHello", "Hello", "Hello", "Hello", []),
        ("a\n", "a\nnew\nmore\n", "a\nnew\n", "a\nnew\nmore\n", []),
        ("a\n", "a\nnew\n", "a\nnew\nmore\n", "a\nnew\nmore\n", []),
        # Two insertions at one place: theirs first, and words do not run together.
        ("a\nb\n", "a\nmine\nb\n", "a\ntheirs\nb\n", "a\ntheirs\nmine\nb\n", []),
        ("list: ", "list: mine", "list: theirs", "list: theirs mine", []),
        ("end", "end\nmine", "end\ntheirs", "end\ntheirs\nmine", []),
        ("", "mine", "theirs", "theirs\nmine", []),
        # The same word changed in two ways: both, whole, listed.
        ("a colour here", "a hue here", "a color here", "a color hue here", ["color hue"]),
        ("colour\n", "hue\n", "color\n", "color\nhue\n", ["color\nhue\n"]),
        # F15: deleted by one, changed by the other. The line stays, the rest of the deletion is made.
        (
            "k\none x\ntwo y z\nthree\nl\n",
            "k\nl\n",
            "k\none x\ntwo y! z\nthree\nl\n",
            "k\ntwo y! z\nl\n",
            ["two y! z\n"],
        ),
        (
            "k\none x\ntwo y z\nthree\nl\n",
            "k\none x\ntwo y! z\nthree\nl\n",
            "k\nl\n",
            "k\ntwo y! z\nl\n",
            ["two y! z\n"],
        ),
        # A new line between two that the other deleted is listed: what it was about is gone.
        ("k\none\ntwo\nl\n", "k\none\nnew\ntwo\nl\n", "k\nl\n", "k\nnew\nl\n", ["new\n"]),
        ("k\none\ntwo\nl\n", "k\nl\n", "k\none\nnew\ntwo\nl\n", "k\nnew\nl\n", ["new\n"]),
        # A new line between two that the other replaced is listed as well, and brings neither back.
        (
            "k\n- milk to buy\n- eggs to buy\nl\n",
            "k\n- milk to buy\n- soap to buy\n- eggs to buy\nl\n",
            "k\n- bread to buy\nl\n",
            "k\n- soap to buy\n- bread to buy\nl\n",
            ["- soap to buy\n"],
        ),
        (
            "k\n- milk to buy\n- eggs to buy\nl\n",
            "k\n- bread to buy\nl\n",
            "k\n- milk to buy\n- soap to buy\n- eggs to buy\nl\n",
            "k\n- soap to buy\n- bread to buy\nl\n",
            ["- soap to buy\n"],
        ),
        # And where it would have come back in another order, there was nothing to put in (and a crash).
        (
            "k\na long line\n- buy some eggs\nl\n",
            "k\nbread, to buy some\nl\n",
            "k\na long line\n- new\n- buy some eggs\nl\n",
            "k\n- new\nbread, to buy some\nl\n",
            ["- new\n"],
        ),
        # Two blocks with the same brackets are two blocks; a block that is all in the other is one.
        ("x\n", "{\n a\n}\nx\n", "{\n b\n}\nx\n", "{\n b\n}\n{\n a\n}\nx\n", []),
        ("x\n", "a\nb\nc\nx\n", "b\nx\n", "a\nb\nc\nx\n", []),
        ("x\n", "b\nx\n", "a\nb\nc\nx\n", "a\nb\nc\nx\n", []),
        # Both moved a line of the base to another place: it is there once.
        (
            "milk\neggs\nham\nrice\n",
            "eggs\nmilk\nham\nrice\n",
            "eggs\nham\nrice\nmilk\n",
            "eggs\nham\nrice\nmilk\n",
            [],
        ),
        # One wrote on a blank line that the other took out: the line keeps its end.
        (
            "# A\n\nSome text.\n",
            "# A\nmine\nSome text.\n",
            "# A\nSome text.\n",
            "# A\nmine\nSome text.\n",
            ["mine\n"],
        ),
        # Two other lines with a blank in each are no edits of what was there.
        (
            "# Notes\n\nSome text.\n",
            "<m 3 words>\n<m 0 words>\n",
            "<t 3 words>\n\nSome text.\n",
            "<t 3 words>\n<m 3 words>\n<m 0 words>\n",
            ["<t 3 words>\n<m 3 words>\n<m 0 words>\n"],
        ),
        # What a long passage became goes to the line that both changed; the lines that only one deleted are deleted.
        (
            "one of them\nand a second\nthen the third\nlast of all\n",
            "quite other words\n",
            "one of them\nand a second one\nthen the third\nlast of all\n",
            "and a second one\nquite other words\n",
            ["and a second one\nquite other words\n"],
        ),
        # The same line, written in two functions, is in both.
        (
            "def one_of_them(x):\n    return x\ndef the_other_one(x):\n    return x\n",
            "def one_of_them(x):\n    raise ValueError(x)\n    return x\ndef the_other_one(x):\n    return x\n",
            "def one_of_them(x):\n    return x\ndef the_other_one(x):\n    raise ValueError(x)\n    return x\n",
            "def one_of_them(x):\n    raise ValueError(x)\n    return x\n"
            "def the_other_one(x):\n    raise ValueError(x)\n    return x\n",
            [],
        ),
        # At the edge of a deletion both are simply made.
        ("one\ntwo\n", "one\nnew\ntwo\n", "one\n", "one\nnew\n", []),
        # A word that both added to a line, below which one of them added a line, too.
        (
            "all of it,\nlast\n",
            "all of it, new\nlast\n",
            "all of it, new\n\nmore\nlast\n",
            "all of it, new\n\nmore\nlast\n",
            [],
        ),
        # Lines of one side are put before or after a line that the other side changed, and not into it.
        (
            "\n\n\n<cyd.0 and some words>\n",
            "\n<m1 and some words>\n\n<m0 and some words>\n\n<cyd.0 and some words>\n",
            "\n<cyd.1 and some words>\n<ann.0 and some words>\n<cyd.2 and some words>\n\n\n",
            "\n<cyd.1 and some words>\n<ann.0 and some words>\n<m1 and some words>\n\n<m0 and some words>\n"
            "\n<cyd.0 and some words>\n<cyd.2 and some words>\n\n\n",
            [
                "<cyd.1 and some words>\n<ann.0 and some words>\n<m1 and some words>\n\n<m0 and some words>\n"
                "\n<cyd.0 and some words>\n"
            ],
        ),
        # Two sentences are not woven into each other by their little words.
        (
            "the cat sat on the mat\n",
            "a dog stood by the door\n",
            "my bird flew over the house\n",
            "my bird flew over the house\na dog stood by the door\n",
            ["my bird flew over the house\na dog stood by the door\n"],
        ),
    ],
)
def test_merges_as_people_expect(
    base: str, mine: str, theirs: str, merged: str, in_conflict: list[str]
) -> None:
    result = merge(base, mine, theirs)
    assert result.apply(theirs) == merged
    assert [merged[start:end] for start, end in result.conflicts] == in_conflict


def test_a_line_beside_one_that_both_changed_is_put_in_whole() -> None:
    """What is put in is taken out by its ids when it comes again with a lost history, and took the end of the line before."""
    base = "title\n<b1 and some words>\nend\n"
    mine = "title\n<a1 and some words>\n<f3 and some words>\nend\n"
    theirs = "title\n<a1 and some words>\nend\n"
    at = theirs.index("end")
    assert merge(base, mine, theirs).splices == [(at, at, "<f3 and some words>\n")]


def edited(base: str, source: random.Random, prefix: str) -> tuple[str, list[str]]:
    """A text after some edits as people make them, and the unique words that were typed and are still there."""
    pieces = re.findall(r"\w+|\n|[^\w\n]+", base)
    for number in range(source.randint(1, 8)):
        word = f"{prefix}{number}"
        at = source.randint(0, len(pieces))
        match source.randint(0, 4):
            case 0:
                pieces[at:at] = [" ", word, " "]
            case 1:
                pieces[at:at] = ["\n", word, "\n"]
            case 2:
                pieces[at : at + source.randint(1, 4)] = [" ", word, " "]
            case 3:
                del pieces[at : at + source.randint(1, 20)]
            case 4:
                pieces[at:at] = [
                    " ",
                    *(piece for line in range(3) for piece in (f"{word}l{line}", " text", "\n")),
                ]
    text = "".join(pieces)
    return text, re.findall(rf"\b{prefix}\d\w*", text)


@pytest.mark.parametrize("hundred", range(20))
def test_every_word_that_either_typed_is_there_once(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        check_every_word_is_there_once(seed)


def check_every_word_is_there_once(seed: int) -> None:
    source = random.Random(seed)
    words = [
        f"b{number}" if source.random() < 0.7 else source.choice(["the", "}", "x"]) for number in range(60)
    ]
    base = "".join(word + source.choice([" ", " ", " ", "\n", "\n\n", ", "]) for word in words)
    mine, my_words = edited(base, source, "m")
    theirs, their_words = edited(base, source, "t")
    merged = check_conflicts(base, mine, theirs)
    found = re.findall(r"\w+", merged)
    # Where both wrote a line anew, both lines stay, and what they have in common is there twice, for review.
    listed = {
        word
        for start, end in merge(base, mine, theirs).conflicts
        for word in re.findall(r"\w+", merged[start:end])
    }
    for word in my_words + their_words:
        assert found.count(word) == 1, f"seed {seed}: {word} is there {found.count(word)} times"
    for word in {f"b{number}" for number in range(60)}:
        assert found.count(word) <= 1 or word in listed, (
            f"seed {seed}: {word} is there {found.count(word)} times"
        )
        if re.search(rf"\b{word}\b", mine) and re.search(rf"\b{word}\b", theirs):
            assert word in found, f"seed {seed}: {word} was in all three"


def test_the_same_edits_on_both_sides_are_made_once() -> None:
    """F14: both made the same changes, and one of them another one far away."""
    for seed in range(300):
        check_the_same_edits_are_made_once(seed)


def check_the_same_edits_are_made_once(seed: int) -> None:
    source = random.Random(seed)
    base = "\n".join(f"line {number} of b{number}" for number in range(40))
    theirs, their_words = edited(base, source, "t")
    mine = theirs + "\n\nmine"
    merged = check_conflicts(base, mine, theirs)
    found = re.findall(r"\w+", merged)
    assert all(found.count(word) == 1 for word in their_words), f"seed {seed}"
    assert merged == mine


def with_lines_moved(base: list[str], source: random.Random) -> list[str]:
    """The lines after edits as people make them in code: some come, go, get another word, or are moved in blocks."""
    lines = list(base)
    for _ in range(source.randint(1, 6)):
        at, size = source.randrange(len(lines)), source.randint(1, 4)
        match source.randrange(4):
            case 0:
                lines[at:at] = source.choice((["}"], ["", "- a"], [f"    something new {source.random()}"]))
            case 1:
                del lines[at : at + size - 1]
            case 2:
                lines[at] += f" x{source.randrange(100)}"
            case 3:
                block = lines[at : at + size]
                del lines[at : at + size]
                place = source.randint(0, len(lines))
                lines[place:place] = block
        lines = lines or [""]
    return lines


def test_no_line_is_lost_that_both_have_whole() -> None:
    """Three of a thousand were: torn by a line that looks like it, or taken out where it was and where it came."""
    for seed in range(1500):
        source = random.Random(seed)
        base = [
            source.choice(
                ("", "    }", "        ...", *[f"    value = self._{word}({number}, that, this)"] * 5)
            )
            for number in range(40)
            for word in [source.choice(("path", "door", "line"))]
        ]
        mine, theirs = with_lines_moved(base, source), with_lines_moved(base, source)
        merged = merge(*("\n".join(lines) for lines in (base, mine, theirs))).apply("\n".join(theirs))
        whole = {line for line in set(mine) & set(theirs) if line.strip()[4:]}
        assert not (lost := whole.difference(merged.split("\n"))), f"seed {seed}: {lost}"


TEXTS = (
    "",
    "\n\n\n",
    "# Notes of somebody else\nSome text that was there.\n",
    "# Notes\n\nSome text.\n\nMore text.\n\n\nThe end.\n",
    "def one():\n    if x:\n        pass\n    }\n}\n\ndef two():\n    if x:\n        pass\n    }\n}\n",
    "- a\n- a\n- a\n\n- a\n",
)


def with_lines(buffer: TextBuffer, source: random.Random, prefix: str) -> list[str]:
    """Write some lines of one's own and some that come again and again, erase others' lines; what was written."""
    written = []
    for number in range(source.randint(0, 5)):
        lines = buffer.text.splitlines(keepends=True)
        at = source.randint(0, len(lines))
        start = len("".join(lines[:at]))
        if source.random() < 0.15 and at < len(lines) and not lines[at].startswith("<"):
            buffer.replace(start, start + len(lines[at]), "")
            continue
        token = f"<{prefix}.{number} and some words>\n"
        written.append(token)
        short = source.choice(["", "", "\n", "- a\n", "}\n"])
        buffer.replace(start, start, source.choice([token + short, short + token]))
    return written


@pytest.mark.parametrize("part", range(4))
def test_f01_what_both_have_beyond_the_base_is_there_once(part: int) -> None:
    """Two have the same unsaved lines, which the base has not, and lines of their own, all amid what comes again and
    again. Before, a tenth of these doubled a line or glued two together."""
    for seed in range(part * 500, part * 500 + 500):
        source = random.Random(seed)
        base = TextBuffer.genesis(source.choice(TEXTS))
        shared = TextBuffer.decode(base.encode())
        written = with_lines(shared, source, "s")
        mine, theirs = TextBuffer.decode(shared.encode()), TextBuffer.decode(shared.encode())
        written += with_lines(mine, source, "m") + with_lines(theirs, source, "t")
        merged = check_conflicts(base.text, mine.text, theirs.text)
        lines = merged.splitlines(keepends=True)
        assert {line: lines.count(line) for line in written} == dict.fromkeys(written, 1), f"seed {seed}"


def token(source: random.Random, name: str) -> str:
    """A line like no other one."""
    return " ".join([f"<{name}", *("".join(source.choices("abcdefghijklm", k=9)) for _ in range(2))]) + ">"


def with_lines_deleted(base: list[str], source: random.Random, name: str) -> tuple[list[str], set[str]]:
    """The lines after some were inserted and others deleted, none of them weak; and the deleted ones."""
    lines, deleted = list(base), set()
    for number in range(source.randint(0, 4)):
        old = [line for line in lines if line.startswith("<b")]
        if source.random() < 0.5:
            lines.insert(source.randint(0, len(lines)), token(source, f"{name}{number}"))
        elif old:
            line = source.choice(old)
            lines.remove(line)
            deleted.add(line)
    return lines, deleted


def test_what_one_deleted_and_the_other_left_alone_stays_deleted() -> None:
    """Amid blank lines a deletion counted as one change of all around it, and came back where the other had inserted lines: in one of
    twenty of these."""
    for seed in range(2000):
        source = random.Random(seed)
        weak = source.choice([[""], ["", "}", "- a"]])
        base = [
            source.choice(weak) if source.random() < 0.5 else token(source, f"b{number}")
            for number in range(source.randint(1, 10))
        ]
        mine, deleted = with_lines_deleted(base, source, "m")
        theirs, also_deleted = with_lines_deleted(base, source, "t")
        texts = ["".join(f"{line}\n" for line in lines) for lines in (base, mine, theirs)]
        merged = merge(*texts).apply(texts[2]).split("\n")
        wanted = {line for line in (*base, *mine, *theirs) if line.startswith("<")} - deleted - also_deleted
        assert sorted(line for line in merged if line.startswith("<")) == sorted(wanted), f"seed {seed}"


def test_a_line_deleted_before_one_that_begins_alike_is_the_line_that_is_deleted() -> None:
    """The first words of the next line were taken for its first ones."""
    assert diff("- [ ] milk from here\n- [ ] eggs from there\n", "- [ ] eggs from there too\n") == [
        (42, 42, " too"),
        (0, 21, ""),
    ]


# Work


def two_megabytes(source: random.Random) -> list[str]:
    return [f"line {number} " + "lorem ipsum dolor " * 3 + str(source.random()) for number in range(26_000)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(["x"] * 50_000, ["x"] * 25_000 + ["y"] * 25_000, id="one line again and again"),
        pytest.param(["x", "y"] * 25_000, ["y", "y", "x"] * 17_000, id="two lines in another order"),
        pytest.param([str(n) for n in range(50_000)], [str(n) for n in range(50_000, 0, -1)], id="backwards"),
        pytest.param(
            [str(n % 1000) for n in range(50_000)],
            [str(n * 7 % 1000) for n in range(50_000)],
            id="shuffled",
        ),
        pytest.param(["ab " * 100_000], ["ba " * 100_000], id="one long line"),
        pytest.param(["a" * 500_000], ["a" * 249_999 + "b" + "a" * 250_000], id="one long word"),
    ],
)
def test_texts_that_have_little_in_common_take_no_square_of_steps(old: list[str], new: list[str]) -> None:
    before, after = "\n".join(old), "\n".join(new)
    count, splices = steps(diff, before, after)
    assert count < 20 * (len(before) + len(after))
    assert Patch(tuple(splices)).apply(before) == after


def test_two_megabytes_with_small_changes_take_few_steps() -> None:
    source = random.Random(1)
    base = two_megabytes(source)
    mine, theirs = base.copy(), base.copy()
    for number in range(100):
        mine[source.randrange(len(mine))] += f" m{number}"
        theirs.insert(source.randrange(len(theirs)), f"t{number}")
    count, result = steps(merge, "\n".join(base), "\n".join(mine), "\n".join(theirs))
    assert count < 300 * len(base)
    merged = result.apply("\n".join(theirs))
    found = sorted(re.findall(r"\b[mt]\d+", merged))
    assert found == sorted(f"{side}{number}" for side in "mt" for number in range(100))


def test_f01_a_line_that_both_brought_beside_a_blank_one_is_there_once() -> None:
    """The one's change begins before the blank line and the other's after it: the line is the same all the same."""
    base = "# Notes\n\nSome text.\n"
    mine = "# Notes\n<bob.2 and some words>\n\n<bob.0 and some words>\nSome text.\n"
    theirs = "# Notes\n\n<bob.0 and some words>\nSome text.\n"
    for one, other in ((mine, theirs), (theirs, mine)):
        assert merge(base, one, other).apply(other) == mine
