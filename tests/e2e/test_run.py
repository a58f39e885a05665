"""`run`, on a real kernel: which cells, what is printed, and the exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.hub import kill_hub
from tests.e2e.terminal import PATIENCE_S, PROGRAM, run

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
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    yield file
    for row in run("kernels", "--json").stdout.splitlines():
        run("kernels", "stop", json.loads(row)["id"])
    kill_hub()


def test_cells_are_run_by_their_ids_and_print_what_they_give(notebook: Path) -> None:
    """Values and what was printed on one stream, the rest on the other; in the file as well, under the name of who ran it."""
    done = run("run", str(notebook), "--cell", "one", "--cell", "two", "--name", "Zoe")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n42\n", "err\n")
    written = json.loads(notebook.read_text())
    assert written["metadata"] == {"kernelspec": {"display_name": "python3", "name": "python3"}}
    saved = {each["id"]: each for each in written["cells"]}
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
    assert done.stderr.endswith("jpterm-like: Cell bad failed. 1 cell was not run.\n")
    assert "ZeroDivisionError" in done.stderr and "begun" not in done.stdout


def test_a_cell_that_takes_too_long_is_interrupted(notebook: Path) -> None:
    """The exit codes tell a run that was interrupted from one that failed."""
    assert run("run", str(notebook), "--cell", "one").returncode == 0  # a kernel is there
    done = run("run", str(notebook), "--cell", "long", "--timeout", "2")
    assert done.returncode == 1 and done.stdout == "begun\n"
    assert done.stderr.endswith("jpterm-like: Cell long took too long, and was interrupted after 2 s.\n")
    waits = run("run", str(notebook), "--cell", "long", "--wait")
    assert (waits.returncode, waits.stdout) == (130, "begun\n") and "KeyboardInterrupt" in waits.stderr
    assert waits.stderr.endswith("jpterm-like: Cell long was interrupted.\n")


def test_ctrl_c_interrupts_the_cell_and_a_kernel_that_dies_is_told(notebook: Path) -> None:
    """In one sentence, with the exit code of the kernel."""
    for end, (code, told) in {
        "ctrl+c": (130, "Cell long was interrupted."),
        "kill -9": (1, "The kernel died in cell long: exit code -9 (out of memory?)."),
    }.items():
        with subprocess.Popen(
            [*PROGRAM, "run", str(notebook), "--cell", "long"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "begun\n"
            if end == "ctrl+c":
                running.send_signal(signal.SIGINT)
            else:
                os.kill(json.loads(run("kernels", "--json").stdout)["pid"], signal.SIGKILL)
            _, stderr = running.communicate(timeout=PATIENCE_S)
        assert (running.returncode, stderr.splitlines()[-1]) == (code, f"jpterm-like: {told}")


def test_parameters_are_a_cell_below_the_one_that_gives_them(notebook: Path) -> None:
    """Their values win; the next call changes the cell, and all else is above. The kernel may be chosen by its name."""
    first = run(
        "run", str(notebook), "--cell", "one", "--cell", "two", "--param", "n=3", "--param", "name=ann"
    )
    assert (first.returncode, first.stdout) == (0, "one\n21\n")
    again = run("run", str(notebook), "--cell", "two", "--param", "n=4", "--kernel", "python3")
    assert (again.returncode, again.stdout) == (0, "28\n")
    cells = json.loads(notebook.read_text())["cells"]
    assert [each["id"] for each in cells][:3] == ["words", "one", "injected-parameters"]
    assert "".join(cells[2]["source"]) == "# Parameters of jpterm-like run\nn = 4"
    wrong = run("run", str(notebook), "--cell", "two", "--kernel", "nothing")
    assert wrong.returncode == 1 and "There is no kernel nothing. There are: " in wrong.stderr
    other = run("run", str(notebook), "--cell", "two", "--param", "lambda=4")
    assert other.returncode == 2 and "write a name and a value, such as n=3" in other.stderr


def test_what_cells_gave_is_printed_and_removed(notebook: Path) -> None:
    """Below each cell, in lines of its own; `clear` takes it from the file as well, of all cells or of some."""
    run("run", str(notebook), "--cell", "one", "--cell", "two", "--name", "Zoe")
    text = run("cat", str(notebook), "--outputs").stdout
    assert re.search(r"print\('one'\)\n#> \[1\] Zoe .*\n#> one\n# %% id=two\n", text)
    assert re.search(r"n \* 7\n#> \[2\] Zoe .*\n#> err\n#> 42\n# %% id=bad\n", text)
    for arguments, left in ((["--cell", "one"], ["two"]), ([], [])):
        assert run("clear", str(notebook), *arguments, "--name", "Zoe").returncode == 0
        cells = json.loads(notebook.read_text())["cells"]
        assert [each["id"] for each in cells if each.get("outputs")] == left
    assert "#>" not in run("cat", str(notebook), "--outputs").stdout
    unknown = run("clear", str(notebook), "--cell", "nothing")
    assert unknown.returncode == 1 and "There is no cell with the id nothing." in unknown.stderr


def test_an_agent_runs_cells_and_answers_them(notebook: Path) -> None:
    """With the orders of `pipe`; what cells give comes as events, under the name of who ran them."""
    with subprocess.Popen(
        [*PROGRAM, "pipe", str(notebook), "--name", "bot"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as agent:
        assert agent.stdin is not None and agent.stdout is not None
        seen: list[dict[str, Any]] = []

        def ask(**order: object) -> None:
            assert agent.stdin is not None
            agent.stdin.write(json.dumps(order) + "\n")
            agent.stdin.flush()

        def hear(event: str, **fields: object) -> dict[str, Any]:
            assert agent.stdout is not None
            for line in agent.stdout:
                seen.append(json.loads(line))
                if seen[-1].get("event") == event and fields.items() <= seen[-1].items():
                    return seen[-1]
            raise AssertionError(seen)

        ask(do="replace", old="1 / 0", text="print('hello ' + input('name? '))")
        ask(do="cells", id=1)
        cells = {each["id"]: each for each in hear("done", id=1)["cells"]}
        assert cells["bad"]["source"] == "print('hello ' + input('name? '))" and "run" not in cells["bad"]
        ask(do="run", cells=["one", "bad"], id=2)
        runs = hear("done", id=2)["runs"]
        asks = hear("asks", cell="bad")
        assert (asks["run"], asks["prompt"], asks["secret"]) == (runs["bad"], "name? ", False)
        ask(do="answer", run=asks["run"], text="Zoe")
        assert hear("ran", cell="bad")["state"] == "ok"
        of = [(each["event"], each["cell"], each.get("text")) for each in seen if "cell" in each]
        assert [each for each in of if each[1] == "one"] == [
            ("run", "one", None),
            ("output", "one", "one\n"),
            ("ran", "one", None),
        ]
        assert any("hello Zoe" in (text or "") for _, cell, text in of if cell == "bad")
        assert any(each["event"] == "kernel" and "python3" in each["line"] for each in seen)
        ask(do="run", cells=["long"])
        hear("output", cell="long")
        ask(do="interrupt")
        assert hear("ran", cell="long")["state"] == "interrupted"
        ask(do="run", cells=["words"], id=3)
        assert "ids of cells of code" in hear("failed", id=3)["sentence"]
        ask(do="cells", id=4)
        assert [each["by"] for each in hear("done", id=4)["cells"] if each["id"] == "one"] == ["bot"]
        agent.stdin.close()
        assert agent.wait(PATIENCE_S) == 0


def test_a_notebook_becomes_a_script_or_markdown_and_back(notebook: Path) -> None:
    """With what is not saved yet; a file that is there is replaced if that is said."""
    script, words, back = (notebook.with_name(name) for name in ("b.py", "b.md", "b.ipynb"))
    assert run("replace", str(notebook), "A title", "Another").returncode == 0
    assert run("convert", str(notebook), str(script)).returncode == 0
    assert script.read_text().startswith(
        "# %% [markdown]\n# # Another\n\n# %%\nn = 6\nprint('one')\n\n# %%\n"
    )
    again = run("convert", str(notebook), str(script))
    assert again.returncode == 1 and f"{script} is there already; --overwrite replaces it." in again.stderr
    assert run("convert", str(notebook), str(script), "--overwrite").returncode == 0
    assert run("convert", str(notebook), str(words)).returncode == 0
    assert words.read_text().startswith("# Another\n\n```python\nn = 6\nprint('one')\n```\n")
    for source in (script, words):
        assert run("convert", str(source), str(back), "--overwrite").returncode == 0
        cells = json.loads(back.read_text())["cells"]
        assert [each["cell_type"] for each in cells][:2] == ["markdown", "code"]
        assert "".join(cells[1]["source"]) == "n = 6\nprint('one')"
    wrong = run("convert", str(script), str(words))
    assert wrong.returncode == 1 and "a .ipynb can become a .py or .md, and these a .ipynb" in wrong.stderr
