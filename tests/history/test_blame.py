"""Who wrote each line."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from crdt import TextBuffer
from jpterm_like.history.blame import BlamedLine, as_it_was, blame, porcelain


def written() -> tuple[TextBuffer, TextBuffer]:
    ann = TextBuffer.genesis("from the file\n", site=1, author="ann")
    bob = TextBuffer.genesis("from the file\n", site=2, author="bob")
    ann.replace(14, 14, "hers alone\n\nshared line\n", 1000.0)
    bob.integrate(ann.changes_since(bob.version))
    bob.replace(len(bob) - 1, len(bob) - 1, ", his", 2000.0)
    ann.integrate(bob.changes_since(ann.version))
    return ann, bob


def test_a_line_belongs_to_the_author_of_most_of_it() -> None:
    ann, _ = written()
    assert blame(ann) == [
        BlamedLine(1, "", 0, "from the file"),
        BlamedLine(2, "ann", 1000, "hers alone"),
        BlamedLine(3, "ann", 1000, ""),
        BlamedLine(4, "ann", 1000, "shared line, his"),
    ]
    assert blame(ann, 4, 4, newest=True) == [BlamedLine(4, "bob", 2000, "shared line, his")]
    assert blame(ann, 2, 3) == blame(ann)[1:3]
    assert blame(TextBuffer.genesis("")) == []


def test_an_earlier_text_is_blamed_on_its_writers() -> None:
    ann, _ = written()
    then = as_it_was(ann, ann.version_at(1500))
    assert [it.text for it in blame(then)] == ["from the file", "hers alone", "", "shared line"]
    assert [it.name for it in blame(then)] == ["", "ann", "ann", "ann"]
    assert ann.text.endswith(", his\n")


@pytest.mark.parametrize("seed", range(40))
def test_lines_are_blamed_as_their_characters_say(seed: int) -> None:
    rng = random.Random(seed)
    buffers = [TextBuffer.genesis("a\nb", site=site, author="abc"[site]) for site in range(3)]
    for _ in range(30):
        one = rng.choice(buffers)
        start = rng.randrange(len(one) + 1)
        end = min(len(one), start + rng.choice([0, 0, 2]))
        one.replace(start, end, rng.choice(["x", "\n", "yy\n", ""]), 1000.0 * rng.randrange(5))
        one.integrate(rng.choice(buffers).changes_since(one.version))
    one = buffers[0]
    who = [("", 0)] * len(one)
    for start, end, site, seconds in one.authorship(0, len(one)):
        who[start:end] = [(one.author_of(site), seconds)] * (end - start)
    offset = 0
    lines = one.text.split("\n")
    for line in blame(one):
        text = lines[line.number - 1]
        characters = who[offset : offset + (len(text) or 1)]
        sizes = {name: sum(it[0] == name for it in characters) for name, _ in characters}
        assert sizes[line.name] == max(sizes.values())
        assert line.seconds == max(seconds for name, seconds in characters if name == line.name)
        newest = blame(one, line.number, line.number, newest=True)[0]
        assert newest.seconds == max(seconds for _, seconds in characters)
        offset += len(text) + 1
    assert [it.text for it in blame(one)] == (lines if lines[-1] else lines[:-1])


def test_porcelain_is_what_readers_of_git_s_expect() -> None:
    """Each commit is told once; a header names the lines of its group; a name has no line break."""
    lines = [
        BlamedLine(1, "ann", 1000, "one"),
        BlamedLine(2, "ann", 1000, "two"),
        BlamedLine(3, "bob\nauthor eve", 2000, "three"),
        BlamedLine(4, "ann", 1000, ""),
    ]
    rows = list(porcelain(lines, "n.md"))
    heads = [row.split() for row in rows if row[:40].isalnum() and len(row.split()[0]) == 40]
    assert [head[1:] for head in heads] == [["1", "1", "2"], ["2", "2"], ["3", "3", "1"], ["4", "4", "1"]]
    assert heads[0][0] == heads[1][0] == heads[3][0] != heads[2][0]
    assert [row for row in rows if row.startswith("\t")] == ["\tone", "\ttwo", "\tthree", "\t"]
    assert rows.count("author ann") == 1 and "author bob author eve" in rows
    assert not [row for row in rows if "\n" in row]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_porcelain_has_the_rows_that_git_writes(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("one\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    identity = ["-c", "user.name=ann", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "n.md"], ["commit", "-qm", "begin"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, env=environment, check=True)
    theirs = subprocess.run(
        ["git", "blame", "--porcelain", "n.md"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    ours = list(porcelain([BlamedLine(1, "ann", 1000, "one")], "n.md"))
    kinds = [row.split()[0] for row in theirs[1:-1] if not row.startswith("boundary")]
    assert [row.split()[0] for row in ours[1:-1]] == kinds
    assert len(ours[0].split()) == len(theirs[0].split()) and ours[-1] == theirs[-1]
