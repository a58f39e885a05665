"""Notebooks that git left with conflict markers: nothing of either side is lost."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest

from jpterm_like.notebook.conflicts import has_conflicts, resolved
from jpterm_like.notebook.ipynb import NotANotebook

GIT = shutil.which("git")


def notebook(*sources: str, output: str = "", names: Sequence[str] = "abcdefgh") -> str:
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": [output]}] if output else [],
            "source": source.splitlines(keepends=True),
        }
        for name, source in zip(names, sources, strict=False)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def merged_by_git(folder: Path, common: str, ours: str, theirs: str, *, style: str) -> str:
    for name, text in (("common", common), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_text(text)
    option = ["--diff3"] if style == "diff3" else []
    done = subprocess.run(
        ["git", "merge-file", "-p", *option, "ours", "common", "theirs"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def sources(text: str) -> list[str]:
    return [cell.source for cell in resolved(text).cells]


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_both_changed_a_cell(tmp_path: Path) -> None:
    """With git's usual markers it is there twice; where git says what was before, both changes are in one."""
    versions = notebook("one\ntwo", "x"), notebook("one\ntwo ours", "x"), notebook("one\ntwo theirs", "x")
    text = merged_by_git(tmp_path, *versions, style="merge")
    assert has_conflicts(text) and sources(text) == ["one\ntwo ours", "one\ntwo theirs", "x"]
    text = merged_by_git(tmp_path, *versions, style="diff3")
    assert "|||||||" in text
    [cell, other] = sources(text)
    assert "ours" in cell and "theirs" in cell and other == "x"


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_both_ran_a_cell(tmp_path: Path) -> None:
    """The commonest conflict is none of the sources: the cell is there once, as ours gave it."""
    for style in ("merge", "diff3"):
        text = merged_by_git(
            tmp_path, notebook("x"), notebook("x", output="1\n"), notebook("x", output="2\n"), style=style
        )
        assert has_conflicts(text) and sources(text) == ["x"]
        assert '"1\\n"' in resolved(text).text and '"2\\n"' not in resolved(text).text


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_no_line_of_either_side_is_lost(tmp_path: Path) -> None:
    """Whatever cells both have changed, added and run; what comes of it is a valid notebook with unique ids."""
    conflicts = 0
    for seed in range(60):
        chance = random.Random(seed)
        common = [f"start {at}\nmiddle {at}\nend {at}" for at in range(3)]
        sides = []
        for side in ("ours", "theirs"):
            cells = [(name, source) for name, source in zip("abc", common, strict=True)]
            for turn in range(chance.randrange(1, 4)):
                at = chance.randrange(len(cells))
                if chance.random() < 0.4:
                    cells.insert(at, (f"{side}{turn}", f"new {side} {turn}"))
                else:
                    cells[at] = (cells[at][0], f"{cells[at][1]}\n{side} {turn}")
            sides.append(cells)
        texts = [
            notebook(*(source for _, source in cells), names=[name for name, _ in cells], output=side)
            for side, cells in zip(("1", "2"), sides, strict=True)
        ]
        text = merged_by_git(tmp_path, notebook(*common), *texts, style=chance.choice(("merge", "diff3")))
        if not has_conflicts(text):
            continue
        try:
            file = resolved(text)
        except NotANotebook:
            continue  # a side is broken as git has it: the file is opened as text
        conflicts += 1
        nbformat.validate(nbformat.reads(file.text, 4))
        assert len({cell.id for cell in file.cells}) == len(file.cells), seed
        there = {line for cell in file.cells for line in cell.source.split("\n")}
        wanted = {line for cells in sides for _, source in cells for line in source.split("\n")}
        assert not (wanted - there), (seed, wanted - there)
    assert conflicts > 30


@pytest.mark.parametrize(
    "text", ["", "<<<<<<< a\n", "<<<<<<< a\n{\n=======\n}\n>>>>>>> b\n", "{}", ">>>>>>> b\n"]
)
def test_what_is_no_notebook_is_told(text: str) -> None:
    with pytest.raises(NotANotebook):
        resolved(text)
