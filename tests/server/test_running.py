"""Cells run on a kernel: in a queue, for those who may, and each message of the kernel counts once whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from jpterm_like.client.events import KernelWanted, RequestFailed
from jpterm_like.client.session import Session
from jpterm_like.files import notebook_file
from jpterm_like.files.charsets import Known
from jpterm_like.notebook.outputs import Asks
from jpterm_like.notebook.runs import shown_run
from jpterm_like.server import runner
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage import FolderStorage
from jpterm_like.sync import wire
from jpterm_like.transports.websocket import listen_unix
from tests.server.fake_kernels import FakeKernels
from tests.server.test_notebook_records import lines
from tests.server.test_notebooks import NAME, code, notebook
from tests.server.test_outside_writers import Desk, desk, until

__all__ = ["desk"]  # a fixture


@contextlib.asynccontextmanager
async def running(
    desk: Desk, kernels: FakeKernels | None, *, may_run: bool = True, is_killed: bool = False
) -> AsyncIterator[Server]:
    storage = FolderStorage(desk.root / ".jpterm-like")
    server = Server(SharedFolder(desk.root), storage, autosave_s=None, kernels=kernels)
    server.start()
    listener = await listen_unix(partial(server.converse, may_run=may_run), desk.socket)
    desk.server = server
    try:
        async with desk._people:
            yield server
            if is_killed:  # while people are in it
                stores = [opened.document.saver.store for opened in server.documents.by_name.values()]
                await server.abandon()
                for store in stores:
                    store.abandon()
    finally:
        listener.stop_accepting()
        if not is_killed:
            await server.drain()
        await listener.stop()
        desk._people = contextlib.AsyncExitStack()


def write(desk: Desk, *sources: str) -> None:
    cells = [code(source, name="abcdef"[at]) for at, source in enumerate(sources)]
    for cell in cells:
        cell["execution_count"] = None
    desk.file(NAME).write_text(notebook(*cells))


def state(session: Session, cell: str) -> str:
    assert session._records is not None
    run = shown_run(session._records.records, cell)
    return "" if run is None else run.state


async def test_a_person_chooses_a_kernel_once(desk: Desk) -> None:
    """Nothing is queued before; the choice outlives the server, and another one takes the place of the kernel that runs."""
    write(desk, "print one", "print two")
    kernels = FakeKernels()
    kernels.question = "Which one?"
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        with pytest.raises(KernelWanted, match="Which one"):
            await ann.run_cells(["a"])
        assert state(ann, "a") == "" and await ann.kernel_names() == (
            [("ir", "R"), ("python3", "Python 3")],
            "",
        )
        with pytest.raises(RequestFailed, match="Which one"):
            await ann.use_kernel("julia")
        await ann.use_kernel("ir")
        await ann.run_cells(["a"])
        await until(lambda: state(ann, "a") == "ok", "the run")
        assert ann.kernel_line.startswith("ir ")
    async with running(desk, kernels):
        bob = await desk.join("bob", NAME)
        await bob.run_cells(["b"])
        await until(lambda: state(bob, "b") == "ok", "the next run")
        assert len(kernels.keepers) == 1 and (await bob.kernel_names())[1] == "ir"
        await bob.use_kernel("python3")
        await until(lambda: bob.kernel_line.startswith("python3 "), "the other kernel")
        assert kernels.keepers[0].has_ended


async def test_cells_run_one_after_the_other_and_everybody_sees_it(desk: Desk) -> None:
    write(desk, "print one\nwait", "print two")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        bob.follow_outputs()
        await ann.run_cells(["a", "b"])
        await until(lambda: lines(bob, "a") == "one\n", "the first output")
        assert (state(bob, "a"), state(bob, "b")) == ("runs", "waits")
        assert bob.kernel_line == "python3 ● running [1] for ann, 1 waits"
        with pytest.raises(RequestFailed, match="runs or waits already"):
            await bob.run_cells(["a"])
        kernels.last.go_on()
        await until(lambda: state(bob, "b") == "ok" and lines(bob, "b") == "two\n", "the second")
        assert bob.outputs_of("b").badge.startswith("[2] ann") and bob.kernel_line == "python3 ● idle"
        await until(lambda: kernels.last.acknowledged > 0, "the keeper hears what is stored")


async def test_cells_run_in_the_order_in_which_they_were_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also right after the notebook was opened, while the outputs of its file are still being read for the first of them."""
    write(desk, "print one", "print two", "print three")
    read, waits = notebook_file.file_outputs, [0.2, 0.1]

    def slowly(state: Known) -> notebook_file.FileOutputs:
        time.sleep(waits.pop(0) if waits else 0.0)  # those who come later would be done before the first
        return read(state)

    monkeypatch.setattr(notebook_file, "file_outputs", slowly)
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        asked = await asyncio.gather(*(ann.run_cells([cell]) for cell in "abc"))
        await until(lambda: state(ann, "c") == "ok", "the last one")
        assert kernels.last.ran == [name for names in asked for name in names]


async def test_the_text_of_now_runs_with_what_was_typed_before(desk: Desk) -> None:
    write(desk, "print one")
    async with running(desk, FakeKernels()):
        ann = await desk.join("ann", NAME)
        ann.replace(len(ann.text), len(ann.text), " more")
        await ann.run_cells(["a"])
        await until(lambda: lines(ann, "a") == "one more\n", "the output")


async def test_a_run_is_asked_for_again_and_is_the_same(desk: Desk) -> None:
    write(desk, "print one")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        ann.follow_outputs()
        name = secrets.token_hex(16)
        for _ in range(3):
            await ann._ask(partial(wire.Run, cells=("a",), runs=(name,)), "offline")
        await until(lambda: state(ann, "a") == "ok", "the end")
        await ann._ask(partial(wire.Run, cells=("a",), runs=(name,)), "offline")
        assert kernels.last.ran == [name]
        for wrong in (("x" * 32,), (name, name), ("0" * 31,)):
            with pytest.raises(RequestFailed, match="no ids of runs"):
                await ann._ask(partial(wire.Run, cells=("a",) * len(wrong), runs=wrong), "offline")


def has_begun(kernels: FakeKernels, session: Session) -> bool:
    return bool(kernels.keepers) and state(session, "a") != ""


async def test_servers_die_and_each_tick_is_there_once(desk: Desk) -> None:
    """Killed at random while cells print: the outputs are those of the kernel, and each run was sent once."""
    rng = random.Random(3)
    write(desk, "\n".join(f"print tick {at}\nwait" for at in range(12)), "print after")
    kernels = FakeKernels()
    asked = 0
    ticks = "".join(f"tick {at}\n" for at in range(12))
    is_done = False
    for _ in range(40):
        async with running(desk, kernels, is_killed=True):
            ann = await desk.join("ann", NAME)
            ann.follow_outputs()
            if not asked:
                await ann.run_cells(["a", "b"])
                asked = 2
            await until(partial(has_begun, kernels, ann), "the run")
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(rng.random() * 0.03)
                if kernels.last.waits:
                    kernels.last.go_on()
            is_done = state(ann, "b") == "ok"
            if is_done:
                assert lines(ann, "a") == ticks and lines(ann, "b") == "after\n"
        if is_done:
            break
    assert is_done and len(kernels.keepers) == 1 and len(kernels.last.ran) == 2
    async with running(desk, kernels):
        bob = await desk.join("bob", NAME)
        bob.follow_outputs()
        await until(lambda: lines(bob, "a") == ticks and lines(bob, "b") == "after\n", "all of it")


async def test_the_run_goes_on_when_everybody_has_left(desk: Desk) -> None:
    write(desk, "print one\nwait\nprint two", "print three")
    kernels = FakeKernels()
    async with running(desk, kernels) as server:
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a", "b"])
        await until(lambda: state(ann, "a") == "runs", "the run")
        await desk.leave()
        desk._people = contextlib.AsyncExitStack()
        await asyncio.sleep(0.1)
        assert NAME in server.documents.by_name
        kernels.last.go_on()
        await until(lambda: NAME not in server.documents.by_name, "the document is closed")
        bob = await desk.join("bob", NAME)
        bob.follow_outputs()
        await until(lambda: lines(bob, "a") == "one\ntwo\n" and lines(bob, "b") == "three\n", "all of it")
        await desk.leave()
        desk._people = contextlib.AsyncExitStack()


async def test_interrupt_failure_restart_and_stop(desk: Desk) -> None:
    write(desk, "wait", "print two", "fail")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        with pytest.raises(RequestFailed, match="no kernel"):
            await ann.command_kernel("interrupt")
        await ann.run_cells(["a", "b"])
        await until(lambda: state(ann, "a") == "runs" and kernels.last.waits, "the run")
        await ann.command_kernel("interrupt")
        await until(
            lambda: state(ann, "a") == "interrupted" and state(ann, "b") == "cancelled", "the interrupt"
        )
        await ann.run_cells(["c", "b"])
        await until(lambda: state(ann, "c") == "error" and state(ann, "b") == "cancelled", "the failure")
        await ann.run_cells(["a"])
        await until(lambda: state(ann, "a") == "runs" and kernels.last.waits, "another run")
        await ann.command_kernel("restart")
        await until(lambda: len(kernels.keepers) == 2 and state(ann, "a") == "died", "the restart")
        await ann.run_cells(["b"])
        await until(lambda: lines(ann, "b") == "two\n", "a run on the new kernel")
        assert len(kernels.keepers) == 2
        await ann.command_kernel("stop")
        await until(lambda: "python3 ○ stopped" in ann.kernel_line, "the end")
        await ann.run_cells(["b"])
        await until(lambda: state(ann, "b") == "ok" and len(kernels.keepers) == 3, "a third kernel")


async def test_a_killed_kernel_is_told_with_what_it_said_so_far(desk: Desk) -> None:
    write(desk, "print so far\nwait", "print two")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a", "b"])
        await until(lambda: lines(ann, "a") == "so far\n", "the output")
        kernels.last.end(-9)
        await until(lambda: (state(ann, "a"), state(ann, "b")) == ("died", "cancelled"), "its end")
        assert lines(ann, "a") == "so far\n" and "exit code -9 (out of memory?)" in ann.kernel_line


async def test_a_run_that_went_with_its_keeper_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bug: the keeper noted a run as sent and died before the kernel had it. The run was called running until the kernel was stopped. Now
    it is called lost, what the same person queued is not run, and it is never sent again; others' cells run."""
    monkeypatch.setattr(runner, "LOST_S", 0.1)
    write(desk, "print one", "print two", "print three")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        await ann.run_cells(["b"])
        await until(lambda: state(ann, "b") == "ok", "the first run")
        kernels.last.loses_next = True
        [name, _] = await ann.run_cells(["a", "b"])
        await bob.run_cells(["c"])
        await until(lambda: (state(ann, "a"), state(ann, "b")) == ("lost", "cancelled"), "the end")
        assert "may not have run" in ann.outputs_of("a").badge
        await until(
            lambda: lines(bob, "c") == "three\n" and state(bob, "c") == "ok", "what another person asked for"
        )
        assert name not in kernels.last.ran and len(kernels.keepers) == 1


async def test_a_run_whose_end_went_with_its_keeper_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, when the keeper died in the midst of a run: what it printed is there. One that goes on is left to run."""
    monkeypatch.setattr(runner, "LOST_S", 0.1)
    write(desk, "print so far\nwait\nprint rest")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a"])
        await until(lambda: lines(ann, "a") == "so far\n", "the output")
        kernels.last.die()
        await asyncio.sleep(0.3)
        assert state(ann, "a") == "runs"
        kernels.last.go_on()
        await until(lambda: lines(ann, "a") == "so far\nrest\n" and state(ann, "a") == "ok", "its end")
        await ann.run_cells(["a"])
        await until(lambda: lines(ann, "a") == "so far\n" and kernels.last.waits, "the output")
        kernels.last.is_heard = False
        kernels.last.go_on()
        kernels.last.is_heard = True
        kernels.last.die()
        await until(lambda: state(ann, "a") == "lost" and lines(ann, "a") == "so far\n", "the end")


async def test_a_question_is_answered_by_anybody_once_and_the_answer_is_not_kept(desk: Desk) -> None:
    write(desk, "ask name?\nprint thanks")
    kernels = FakeKernels()
    async with running(desk, kernels):
        ann, bob = await desk.join("ann", NAME), await desk.join("bob", NAME)
        bob.follow_outputs()
        [name] = await ann.run_cells(["a"])
        await until(lambda: Asks("name?", False) in bob.outputs_of("a").items, "the question")
        await bob.answer_input(name, "Zoé hidden")
        await until(lambda: lines(ann, "a") == "name?[bob answered]\nthanks\n", "the rest")
        with pytest.raises(RequestFailed, match="Nothing is asked"):
            await ann.answer_input(name, "late")
        assert kernels.last.answers == ["Zoé hidden"]
    stored = b"".join(path.read_bytes() for path in (desk.root / ".jpterm-like").rglob("*") if path.is_file())
    assert "Zoé hidden".encode() not in stored and b"thanks" in stored


async def test_without_a_kernel_it_is_told_why(desk: Desk) -> None:
    write(desk, "print one")
    kernels = FakeKernels()
    kernels.problem = "There is no Jupyter kernel here."
    async with running(desk, kernels):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a"])
        await until(lambda: state(ann, "a") == "cancelled", "the end")
        assert ann.kernel_line == "no kernel: There is no Jupyter kernel here."


async def test_clearing_removes_outputs_also_from_the_file(desk: Desk) -> None:
    write(desk, "print one", "print two")
    async with running(desk, FakeKernels()):
        ann = await desk.join("ann", NAME)
        await ann.run_cells(["a", "b"])
        await until(lambda: state(ann, "b") == "ok", "the runs")
        await ann.save()
        assert '"one\\n"' in desk.file(NAME).read_text()
        await ann.clear_outputs(["a"])
        await until(lambda: lines(ann, "a") == "", "nothing")
        await ann.save()
        assert '"one\\n"' not in desk.file(NAME).read_text() and '"two\\n"' in desk.file(NAME).read_text()


async def refused(act: Callable[[], object]) -> str:
    with pytest.raises(RequestFailed) as told:
        await act()  # type: ignore[misc]
    return str(told.value)


async def test_who_may_edit_may_not_run(desk: Desk) -> None:
    """As an attacker: each message is refused at the server, and nothing starts."""
    write(desk, "print one")
    kernels = FakeKernels()
    async with running(desk, kernels, may_run=False):
        eve = await desk.join("eve", NAME)
        assert eve.role == "edit"
        for act in (
            lambda: eve.run_cells(["a"]),
            lambda: eve.command_kernel("interrupt"),
            lambda: eve.command_kernel("restart"),
            lambda: eve.command_kernel("stop"),
            lambda: eve.answer_input("0" * 32, "x"),
        ):
            assert "You may not" in await refused(act)
        assert not kernels.keepers
        server = desk.server
        assert server is not None and server.documents.by_name[NAME].runner is None


async def test_a_server_without_kernels_runs_nothing_for_anybody(desk: Desk) -> None:
    write(desk, "print one")
    async with running(desk, None, may_run=True):
        ann = await desk.join("ann", NAME)
        assert "You may not run cells here." in await refused(lambda: ann.run_cells(["a"]))


async def test_a_text_runs_nothing(desk: Desk) -> None:
    desk.file("a.md").write_text("# %% id=a\nprint one")
    async with running(desk, FakeKernels()):
        ann = await desk.join("ann", "a.md")
        assert "no notebook" in await refused(lambda: ann.run_cells(["a"]))
