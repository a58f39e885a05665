"""`run`, on a real kernel: which cells, what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import run

pytest.importorskip("zmq", reason="cells are run with pyzmq: pip install '.[test]'")
pytest.importorskip("ipykernel", reason="a real kernel needs ipykernel: pip install '.[test]'")


def cell(name: str, source: str, kind: str = "code") -> dict[str, object]:
    found: dict[str, object] = {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    return found if kind != "code" else {**found, "execution_count": None, "outputs": []}


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "a.ipynb"
    cells = [
        cell("words", "# A title", "markdown"),
        cell("one", "n = 6\nprint('one')"),
        cell("two", "import sys; print('err', file=sys.stderr)\nn * 7"),
        cell("bad", "1 / 0"),
        cell("long", "import time\nprint('begun', flush=True)\ntime.sleep(600)"),
        cell("empty", ""),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    file.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    yield file
    for row in run("kernels", "--json").stdout.splitlines():
        run("kernels", "stop", json.loads(row)["id"])
    kill_hub()


def test_cells_are_run_by_their_ids_and_print_what_they_give(notebook: Path) -> None:
    """Values and what was printed on one stream, the rest on the other; in the file as well, under the name of who ran it."""
    done = run("run", str(notebook), "--cell", "one", "--cell", "two", "--name", "Zoe")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n42\n", "err\n")
    saved = {each["id"]: each for each in json.loads(notebook.read_text())["cells"]}
    assert saved["one"]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["one\n"]}]
    assert saved["two"]["execution_count"] == 2 and saved["bad"]["outputs"] == []
    again = run("run", str(notebook), "--cell", "two", "--json", "--name", "Zoe")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert [each["event"] for each in events] == ["output", "output", "ran"]
    assert events[0] == {"event": "output", "cell": "two", "stream": "stdout", "text": "42\n"}
    assert (events[2]["state"], events[2]["number"]) == ("ok", 3)
    failed = run("run", str(notebook), "--cell", "bad")
    assert (failed.returncode, failed.stdout) == (1, "") and "ZeroDivisionError" in failed.stderr
    unknown = run("run", str(notebook), "--cell", "words")
    assert (unknown.returncode, unknown.stdout) == (
        1,
        "",
    ) and "no cell of code with the id words" in unknown.stderr


def test_all_cells_are_run_one_after_the_other(notebook: Path) -> None:
    """The first that fails ends it: what waited is not run, and the exit code says so."""
    done = run("run", str(notebook), "--all")
    assert (done.returncode, done.stdout) == (1, "one\n42\n")
    assert "ZeroDivisionError" in done.stderr and "begun" not in done.stdout


def test_a_cell_that_takes_too_long_is_interrupted(notebook: Path) -> None:
    """The exit codes tell a run that was interrupted from one that failed."""
    done = run("run", str(notebook), "--cell", "long", "--timeout", "2")
    assert done.returncode == 1 and "It took too long and was interrupted." in done.stderr
    waits = run("run", str(notebook), "--cell", "long", "--wait")
    assert (waits.returncode, waits.stdout) == (130, "begun\n") and "KeyboardInterrupt" in waits.stderr
