"""Cells as one text, and back: exact for any source, and frozen."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from jpterm_like.notebook.cells import FORM, Cell, assign_ids, join_cells, parts_of, split_cells

FROZEN = json.loads((Path(__file__).parent / f"form-{FORM}.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", FROZEN["texts"])
def test_the_form_is_frozen(vector: dict[str, str | list[list[str]]]) -> None:
    """The digest of such a text is the lineage of a history. Another text of the same cells needs another number."""
    cells = [Cell(*cell) for cell in vector["cells"]]
    assert join_cells(cells) == vector["text"]
    assert split_cells(str(vector["text"])) == cells


@pytest.mark.parametrize("vector", FROZEN["ids"])
def test_ids_are_frozen(vector: dict[str, list[str | None]]) -> None:
    """Legal ids of a file are those of the text, once; others are made of the place."""
    assert assign_ids(vector["file"]) == vector["text"]


def test_any_source_comes_back() -> None:
    """What reads as a marker is escaped, however often."""
    chance = random.Random(5)
    pieces = [
        "# %%",
        "#\\ %%",
        "#\\\\ %%",
        " id=a",
        " [markdown]",
        " [x y]",
        "#",
        "\n",
        "\n",
        " ",
        "\t",
        "\r",
        "x",
        "%%",
        "\u2028",
    ]
    for _ in range(2_000):
        cells = [
            Cell(
                chance.choice(["code", "markdown", "future cell"]),
                f"id{at}",
                "".join(chance.choices(pieces, k=chance.randint(0, 8))),
            )
            for at in range(chance.randint(0, 4))
        ]
        text = join_cells(cells)
        assert split_cells(text) == cells, text
        parts = parts_of(text)
        assert [text[part.start : part.marker_end] for part in parts] == [
            line
            for line in text.split("\n")
            if line.startswith("# %%") and line[-1:].isdigit() and "id=id" in line
        ]


def test_any_text_has_cells() -> None:
    """What people and programs write is cells, too: parts and the line feeds between them are all of the text."""
    chance = random.Random(6)
    for _ in range(2_000):
        text = "".join(
            chance.choices(["# %%", " id=a", " [markdown]", "\n", "\n", " ", "x"], k=chance.randint(0, 12))
        )
        end = -1
        for part in parts_of(text):
            assert text[end + 1 if end < 0 else end : part.start] in ("", "\n")
            assert part.start <= part.marker_end <= part.body <= part.end
            assert part.body - part.marker_end in (0, 1)
            end = part.end
        assert end == len(text) or (not text and end == -1)
