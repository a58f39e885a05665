"""What other programs do to a notebook file is merged by cell, and nobody's words are lost."""

from __future__ import annotations

import random

import pytest

from jpterm_like.notebook.cells import Cell, join_cells, parts_of, split_cells
from jpterm_like.notebook.ipynb import FileCell
from jpterm_like.notebook.merge import carry_ids, match_cells, merge_cells


def cells(short: str) -> list[Cell]:
    """Cells from "a:x, b!:y": id, type (`!` for Markdown), source (`/` is a line feed)."""
    found = []
    for each in filter(None, short.split(", ")):
        name, source = each.split(":")
        kind = "markdown" if name.endswith("!") else "code"
        found.append(Cell(kind, name.rstrip("!"), source.replace("/", "\n")))
    return found


@pytest.mark.parametrize(
    ("base", "disk", "ours", "merged"),
    [
        # One side alone.
        ("a:x, b:y", "a:x, b:y", "a:X, b:y, c:z", "a:X, b:y, c:z"),
        ("a:x, b:y", "a:x, n:new, b:y", "a:x, b:y", "a:x, n:new, b:y"),
        ("a:x, b:y", "n:new, a:x, b:y", "a:x, b:y", "n:new, a:x, b:y"),
        ("a:x, b:y", "b:y", "a:x, b:y", "b:y"),
        ("a:x, b:y", "a:x", "a:x, b:y", "a:x"),
        ("a:x, b:y", "", "a:x, b:y", ""),
        ("", "a:x, b:y", "", "a:x, b:y"),
        ("a:x, b:y", "a:x, b!:y", "a:x, b:y", "a:x, b!:y"),
        ("a:x, b:y, c:z", "c:z, a:x, b:y", "a:x, b:y, c:z", "c:z, a:x, b:y"),
        # Both.
        ("a:one two", "a:one two three", "a:zero one two", "a:zero one two three"),
        ("a:x, b:y", "a:x, n:new, b:y", "a:x, m:mine, b:y", "a:x, n:new, m:mine, b:y"),
        ("a:x, b:y, c:z", "a:x, c:z", "a:x, c:z", "a:x, c:z"),
        ("a:x, b:y, c:z", "b:y, c:z, n:new", "c:z, a:x, b:y", "c:z, n:new, b:y"),
        ("a:x, b:y, c:z", "b:y, c:z, a:x", "a:x, b:y/more, c:z", "b:y/more, c:z, a:x"),
        ("a:x, b:y, c:z", "b:y, c:z, a:x", "a:x, c:z, b:y", "c:z, a:x, b:y"),
        ("a:x, b:y", "a:x", "a:x, b:y/mine", "a:x, b:y/mine"),
        ("a:x, b:y", "a:x, b:y/theirs", "a:x", "a:x, b:y/theirs"),
        ("a:x, b:y", "a:x/theirs, b!:y", "b:y/mine", "a:x/theirs, b!:y/mine"),
        ("", "a:same", "a:same", "a:same"),
    ],
)
def test_merge(base: str, disk: str, ours: str, merged: str) -> None:
    text = join_cells(cells(ours))
    assert split_cells(merge_cells(cells(base), cells(disk), text).apply(text)) == cells(merged)


def test_conflicts_are_where_they_are_in_the_merged_text() -> None:
    ours = join_cells(cells("a:x, c:the quick brown fox jumps"))
    merged = merge_cells(
        cells("a:x, c:the lazy dog sleeps here"), cells("a:x, n:new, c:a slow red hen runs"), ours
    )
    text = merged.apply(ours)
    assert merged.conflicts
    for start, end in merged.conflicts:
        assert "quick" in text[start:end] and "hen" in text[start:end]


def test_any_merge_keeps_all_words() -> None:
    """A word that nobody deleted is there, one that one side inserted, too; cells of both are there once, and all markers are whole."""
    for seed in range(400):
        chance = random.Random(seed)
        names = iter(range(1_000))

        def changed(
            cells: list[Cell], chance: random.Random = chance, names: object = names
        ) -> tuple[list[Cell], set[str]]:
            cells, deleted = list(cells), set()
            for _ in range(chance.randint(0, 4)):
                at = chance.randint(0, len(cells))
                action = chance.choice(["new", "change", "delete", "move", "kind"])
                if action == "new":
                    cells.insert(at, Cell("code", f"n{next(names)}", f"word{next(names)}"))
                elif at < len(cells) and action == "change":
                    cells[at] = cells[at]._replace(source=f"{cells[at].source}\nword{next(names)}")
                elif at < len(cells) and action == "delete":
                    deleted |= set(cells.pop(at).source.split())
                elif at < len(cells) and action == "move":
                    cells.insert(chance.randint(0, len(cells) - 1), cells.pop(at))
                elif at < len(cells):
                    cells[at] = cells[at]._replace(kind="markdown")
            return cells, deleted

        base = [Cell("code", f"b{at}", f"word{next(names)}") for at in range(chance.randint(0, 5))]
        (disk, deleted_there), (mine, deleted_here) = changed(base), changed(base)
        ours = join_cells(mine)
        text = merge_cells(base, disk, ours).apply(ours)
        found = split_cells(text)
        words = [word for cell in found for word in cell.source.split()]
        assert len({cell.id for cell in found}) == len(found) and len(set(words)) == len(words), seed
        wanted = {word for cell in [*base, *disk, *mine] for word in cell.source.split()}
        assert wanted - deleted_there - deleted_here <= set(words), seed
        assert all(part.body > part.marker_end for part in parts_of(text)), seed
        assert join_cells(found) == text, seed


# Which cell was which


def file_cells(short: str) -> list[FileCell]:
    return [FileCell(0, 0, cell.kind, cell.id or None, cell.source) for cell in cells(short)]


@pytest.mark.parametrize(
    ("old", "new", "partners"),
    [
        ("a:x, b:y", "b:y, a:x", [1, 0]),
        ("a:x, b:y", "n:x, m:y", [0, 1]),  # VS Code
        (":x, :y", ":new, :x, :y", [None, 0, 1]),  # before format 4.5
        (":x, :y", ":y, :x", [1, 0]),
        (":a b c d, :y", ":a b c, :y", [0, 1]),
        (":a b c d, :y", ":y", [1]),
        (":a b c d, :z", ":new thing, :a b c e, :z", [None, 0, 1]),
        (":x, :x", ":x, :x, :x", [0, 1, None]),
        ("a:x, a:y", "a:y, a:x", [1, 0]),
        (":, :", ":", [0]),
    ],
)
def test_match(old: str, new: str, partners: list[int | None]) -> None:
    assert match_cells(file_cells(old), file_cells(new)) == partners


def test_ids_stay() -> None:
    """Those of the text, whatever ids the file gets; a new cell gets none that the text may still have."""
    assert carry_ids(file_cells("a:x, b:y"), ["i", "j"], file_cells("n:y, m:z, o:x")) == ["j", "m", "i"]
    assert carry_ids(file_cells("a:x, b:y"), ["m", "j"], file_cells("m:z, b:y"))[1] == "j"
    assert carry_ids(file_cells("a:x, b:y"), ["m", "j"], file_cells("m:z, b:y"))[0] not in ("m", "j")
    assert carry_ids([], [], []) == []
