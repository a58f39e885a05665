"""Widgets of real kernels: seen by everybody, moved by those who may run, and there again after anything died."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("ipykernel")
from jpterm_like.client.events import RequestFailed
from jpterm_like.client.session import Session
from jpterm_like.kernels.start import keepers, request
from jpterm_like.notebook.outputs import Stream, Widget
from jpterm_like.server.local_kernels import LocalKernels
from jpterm_like.server.runner import Runner
from tests.server.test_notebook_records import document_of, lines
from tests.server.test_notebooks import NAME
from tests.server.test_outside_writers import Desk, desk, until
from tests.server.test_running import running, state, write

__all__ = ["desk"]  # a fixture


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalKernels]:
    """Real ones; those that are left are stopped at the end."""
    runtime = Path(tempfile.mkdtemp(prefix="jp"))  # a socket's path has room for 103 bytes
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    state_folder = tmp_path / "state"
    yield LocalKernels(state_folder)
    for status in keepers(state_folder):
        request(status.keeper.folder, {"do": "stop"})
    shutil.rmtree(runtime, ignore_errors=True)


def widgets_of(session: Session, cell: str) -> dict[str, Widget]:
    """The widgets below a cell, those in others too, by description or class."""
    found: dict[str, Widget] = {}

    def visit(widget: Widget) -> None:
        found[str(widget.state.get("description") or widget.model)] = widget
        for child in widget.children:
            visit(child)
        for item in widget.items:
            if isinstance(item, Widget):
                visit(item)

    for item in session.outputs_of(cell).items:
        if isinstance(item, Widget):
            visit(item)
    return found


def value(session: Session, cell: str, name: str) -> Any:
    widget = widgets_of(session, cell).get(name)
    return None if widget is None else widget.state.get("value")


SLIDER = "import ipywidgets as W\ns = W.IntSlider(value=3, min=0, max=10, description='n')\ns"


def slider(session: Session) -> Widget:
    return widgets_of(session, "a")["n"]


async def test_two_people_at_one_slider_agree_and_the_kernel_has_it(
    desk: Desk, kernels: LocalKernels
) -> None:
    write(desk, SLIDER, "print(s.value)")
    async with running(desk, kernels):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        bob.follow_outputs()
        await ann.run_cells(["a"])
        await until(lambda: value(ann, "a", "n") == 3 and value(bob, "a", "n") == 3, "the slider")
        name = slider(bob).id
        await asyncio.gather(
            *(session.move_widget(name, "value", at) for at in range(10) for session in (ann, bob))
        )
        await ann.move_widget(name, "value", 7)
        await until(lambda: value(ann, "a", "n") == value(bob, "a", "n") == 7, "both agree")
        await bob.run_cells(["b"])
        await until(lambda: lines(ann, "b") == "7\n", "what the kernel has")
        assert value(ann, "a", "n") == value(bob, "a", "n") == 7 and slider(bob).by == "ann"
        with pytest.raises(RequestFailed, match="takes no such value"):
            await bob.move_widget(name, "value", 11)


async def test_a_widget_is_moved_while_a_cell_runs(desk: Desk, kernels: LocalKernels) -> None:
    """The cell sees it: the message is handled in a thread of its own."""
    wait = "import time\nfor at in range(200):\n    if s.value == 9:\n        break\n    time.sleep(0.05)\nprint(s.value, at < 199)"
    write(desk, SLIDER, wait)
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a"])
        await until(lambda: value(ann, "a", "n") == 3, "the slider")
        await until(lambda: greeted(desk, slider(ann).id), "the kernel knows the widget in its subshell")
        await ann.run_cells(["b"])
        await until(lambda: state(ann, "b") == "runs", "the cell runs")
        await ann.move_widget(slider(ann).id, "value", 9)
        await until(lambda: lines(ann, "b") == "9 True\n", "the cell has seen it")


async def test_interact_and_buttons_print_where_they_belong(desk: Desk, kernels: LocalKernels) -> None:
    first = "import ipywidgets as W\n@W.interact(x=(0, 10))\ndef f(x):\n    print('f', x)"
    second = "b = W.Button(description='go')\nb.on_click(lambda _: print('clicked'))\nb"
    write(desk, first, second)
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a", "b"])
        await until(lambda: state(ann, "b") == "ok" and "go" in widgets_of(ann, "b"), "the widgets")
        await ann.move_widget(widgets_of(ann, "a")["x"].id, "value", 8)
        await until(
            lambda: widgets_of(ann, "a")["OutputModel"].items == (Stream("stdout", ("f 8", "")),), "f of 8"
        )
        await ann.move_widget(widgets_of(ann, "b")["go"].id, "click", None)
        await until(lambda: lines(ann, "b") == "clicked\n", "the callback")


async def test_widgets_are_there_again_when_the_server_was_killed(desk: Desk, kernels: LocalKernels) -> None:
    write(desk, SLIDER, "print(s.value)")
    async with running(desk, kernels, is_killed=True):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a"])
        await until(lambda: value(ann, "a", "n") == 3 and state(ann, "a") == "ok", "the slider")
        await ann.move_widget(slider(ann).id, "value", 6)
        await until(lambda: desk.server is not None and is_stored(desk), "it is stored")
    async with running(desk, kernels):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        for session in (ann, bob):
            session.follow_outputs()
        await until(lambda: value(ann, "a", "n") == value(bob, "a", "n") == 6, "the slider is back")
        assert slider(ann).is_live
        await until(lambda: moves(desk), "the kernel is heard")
        await bob.move_widget(slider(bob).id, "value", 8)
        await ann.run_cells(["b"])
        await until(lambda: lines(ann, "b") == "8\n" and value(ann, "a", "n") == 8, "the kernel has it")


async def test_widgets_of_a_kernel_that_died_are_there_and_cannot_be_moved(
    desk: Desk, kernels: LocalKernels
) -> None:
    write(desk, SLIDER, "import os\nos._exit(3)")
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a", "b"])
        await until(lambda: state(ann, "b") == "died", "the end")
        await until(lambda: not slider(ann).is_live, "it is told")
        assert value(ann, "a", "n") == 3
        with pytest.raises(RequestFailed):
            await ann.move_widget(slider(ann).id, "value", 4)


async def test_who_may_not_run_may_not_move(desk: Desk, kernels: LocalKernels) -> None:
    write(desk, SLIDER)
    async with running(desk, kernels, may_run=False):
        ann = await desk.join("ann", NAME)
        for attribute, value in (("value", 4), ("click", None), ("", "x" * 1000)):
            with pytest.raises(RequestFailed, match="may not move widgets"):
                await ann.move_widget("s" * 32, attribute, value)


def runner_of(desk: Desk) -> Runner | None:
    assert desk.server is not None
    return desk.server.documents.by_name[NAME].runner


def greeted(desk: Desk, name: str) -> bool:
    """Whether a widget had its message on the subshell, and the kernel has answered."""
    runner = runner_of(desk)
    return runner is not None and name in runner._greeted and runner._fold.records.get("kernel") is not None


def moves(desk: Desk) -> bool:
    runner = runner_of(desk)
    return runner is not None and runner._line is not None


def is_stored(desk: Desk) -> bool:
    records = document_of(desk).records
    return records is not None and records.records.version <= records.pad.stored
