"""Unified diffs of two versions."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.history import differences
from jpterm_like.history.differences import unified_diff


def difference(buffer: TextBuffer, old: Version, new: Version, words: bool = False) -> str:
    return "".join(unified_diff(buffer, old, new, "n.md", "n.md", words))


def test_a_change_stands_in_three_lines_of_context() -> None:
    buffer = TextBuffer.genesis("".join(f"line {at}\n" for at in range(1, 21)))
    old = buffer.version
    buffer.replace(buffer.text.index("line 10"), buffer.text.index("line 11"), "the tenth\n")
    assert difference(buffer, old, buffer.version) == (
        "--- n.md\n+++ n.md\n@@ -7,7 +7,7 @@\n line 7\n line 8\n line 9\n-line 10\n+the tenth\n"
        " line 11\n line 12\n line 13\n"
    )
    assert difference(buffer, old, old) == ""


def test_words_are_marked_whole() -> None:
    buffer = TextBuffer.genesis("the color of old rope\n")
    old = buffer.version
    buffer.replace(8, 8, "u")
    buffer.replace(14, 18, "")
    assert difference(buffer, old, buffer.version, words=True).splitlines()[3:] == [
        " the [-color-]{+colour+} of [-old -]rope"
    ]


def random_history(seed: int) -> tuple[TextBuffer, Version, Version]:
    rng = random.Random(seed)
    lines = "".join(rng.choice(["a\n", "bb c\n", "\n", "x y z\n"]) for _ in range(rng.randrange(25)))
    buffer = TextBuffer.genesis(lines + rng.choice(["", "end"]))
    versions = [buffer.version]
    for _ in range(rng.randrange(1, 6)):
        start = rng.randrange(len(buffer) + 1)
        end = min(len(buffer), start + rng.choice([0, 0, 1, 3, 9]))
        buffer.replace(start, end, rng.choice(["", "\n", "q", "new\n", "\nin", "a\n"]))
        versions.append(buffer.version)
    return buffer, rng.choice(versions), rng.choice(versions)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("block", range(0, 60, 20))
def test_git_makes_the_newer_text_of_the_older_one(block: int, tmp_path: Path) -> None:
    """Many texts in one call, each a file."""
    patches, wanted = [], {}
    for seed in range(block, block + 20):
        buffer, old, new = random_history(seed)
        found = "".join(unified_diff(buffer, old, new, f"{seed}", f"{seed}"))
        assert bool(found) == (buffer.at(old) != buffer.at(new))
        (tmp_path / f"{seed}").write_text(buffer.at(old))
        patches.append(found)
        wanted[f"{seed}"] = buffer.at(new)
    subprocess.run(["git", "apply", "-p0", "-"], input="".join(patches), text=True, cwd=tmp_path, check=True)
    for name, text in wanted.items():
        path = tmp_path / name
        assert (path.read_text() if path.exists() else "") == text, name


@pytest.mark.parametrize("seed", range(60))
def test_marked_words_hold_both_texts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all lines shown, dropping one kind of mark gives one text, and dropping the other kind the other one."""
    monkeypatch.setattr(differences, "CONTEXT", 1000)
    buffer, old, new = random_history(seed)
    rows = difference(buffer, old, new, words=True).splitlines(keepends=True)[2:]
    body = re.sub(r"⏎(-\]|\+\})\n", r"\n\1", "".join(row[1:] for row in rows if row.startswith(" ")))
    gone, put = re.compile(r"\[-(.*?)-\]", re.DOTALL), re.compile(r"\{\+(.*?)\+\}", re.DOTALL)
    if rows:
        assert gone.sub(r"\1", put.sub("", body)).rstrip("\n") == buffer.at(old).rstrip("\n")
        assert put.sub(r"\1", gone.sub("", body)).rstrip("\n") == buffer.at(new).rstrip("\n")
