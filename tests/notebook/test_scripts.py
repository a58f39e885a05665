"""Notebooks as scripts and as Markdown, for other programs."""

from __future__ import annotations

import ast
import random

import nbformat

from jpterm_like.notebook.ipynb import Cell, read_notebook
from jpterm_like.notebook.scripts import from_markdown, from_script, new_file, to_markdown, to_script

PIECES = (
    "print(1)", "# %%", "# %% Some words", "#\\ %% id=a", "%matplotlib inline", "# %magic", "# # !ls", "!ls -l", "?print", "```", "````python",
    "# a comment", "", "    x = 1", "#", "# ", "%%bash", "text", "# %%bash", "# %% [markdown]", "x %% 2", "#\\\\ %%", "#!", "%",
)  # fmt: skip


def contents(cells: list[Cell]) -> list[tuple[str, str]]:
    return [(cell.kind, cell.source) for cell in cells]


def test_a_script_is_a_program_that_editors_know() -> None:
    """Words are comments, and so is what only IPython runs."""
    cells = [
        Cell("markdown", "a", "# A title\n\nand words"),
        Cell("code", "b", "%matplotlib inline\nimport os\nprint(os.sep)"),
        Cell("code", "c", "%%bash\nls"),
        Cell("raw", "d", "as it is"),
    ]
    text = to_script(cells)
    assert text == (
        "# %% [markdown]\n# # A title\n#\n# and words\n\n# %%\n# %matplotlib inline\nimport os\nprint(os.sep)\n\n"
        "# %%\n# %%bash\n# ls\n\n# %% [raw]\n# as it is\n"
    )
    ast.parse(text)
    assert contents(from_script(text)) == contents(cells)


def test_a_script_gives_its_cells_back() -> None:
    """Whatever is in them, but for blank lines at their ends."""
    for seed in range(300):
        _there_and_back(random.Random(seed))


def _there_and_back(chance: random.Random) -> None:
    cells = []
    for at in range(chance.randrange(1, 6)):
        lines = [chance.choice(PIECES) for _ in range(chance.randrange(6))]
        while lines and not lines[-1].strip():
            lines.pop()
        while lines and not lines[0].strip():
            lines.pop(0)
        cells.append(Cell(chance.choice(("code", "code", "markdown", "raw")), f"c{at}", "\n".join(lines)))
    assert contents(from_script(to_script(cells))) == contents(cells), to_script(cells)


def test_a_program_without_marks_is_one_cell() -> None:
    assert contents(from_script("import os\n\nprint(os.sep)\n")) == [("code", "import os\n\nprint(os.sep)")]
    assert from_script("\n\n") == []


def test_markdown_has_code_in_fences() -> None:
    """A fence is longer than any in the code; fences of other languages are words."""
    cells = [
        Cell("markdown", "a", "# A title\n\n```sh\nls\n```"),
        Cell("code", "b", 'print("""\n```\n""")'),
        Cell("raw", "c", "as it is"),
        Cell("markdown", "d", "the end"),
    ]
    text = to_markdown(cells)
    assert text == (
        '# A title\n\n```sh\nls\n```\n\n````python\nprint("""\n```\n""")\n````\n\n```raw\nas it is\n```\n\nthe end\n'
    )
    assert contents(from_markdown(text)) == contents(cells)
    assert contents(from_markdown("```python\nnever closed\n")) == [("markdown", "```python\nnever closed")]
    assert contents(from_markdown("```julia\n1\n```\n", "julia")) == [("code", "1")]


def test_a_new_file_is_valid() -> None:
    """nbformat has nothing against it."""
    text = new_file(from_script("# %% [markdown]\n# words\n\n# %%\n1 + 1\n"))
    nbformat.validate(nbformat.reads(text, 4))
    assert contents(list(map(_cell, read_notebook(text).cells))) == [("markdown", "words"), ("code", "1 + 1")]


def _cell(cell: object) -> Cell:
    return Cell(cell.kind, cell.id or "", cell.source)  # type: ignore[attr-defined]
