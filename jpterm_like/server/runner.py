"""The runs of one notebook: a queue, one cell at a time, and a kernel whose keeper outlives this server.

The runner reads what the keeper noted, folds it into the records of the notebook (`notebook.fold`), and is the only writer of its
runs. What it knows is in the records: the next server goes on with them.

    who dies                                what the next server finds
    the server before it asked the keeper   the run waits, and no entry has it: it is sent now
    the server after that                   the run is in the log as sent: it is never sent again, its outputs are read
    the server between store and acknowledgement   the entries again: what has a number that is stored is passed over
    the keeper                              another one adopts the kernel; what was lost is told as a gap. A run that the kernel never
                                            got, or whose end went with that keeper, is lost once the kernel answers a later question
    the kernel                              its exit code: the run ended so, and what waited is not run
    the machine                             no keeper: runs that were not over are lost, and none is sent again
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from jpterm_like import clock
from jpterm_like.errors import JptermError
from jpterm_like.notebook.cells import parts_of, split_cells
from jpterm_like.notebook.fold import Entry
from jpterm_like.notebook.runs import (
    Run,
    file_digest_of,
    is_run_id,
    put_cell,
    shown_run,
    source_digest,
)
from jpterm_like.notebook.widget_fold import CannotMove
from jpterm_like.server.document import Document
from jpterm_like.server.notebook_records import NotebookRecords

PUBLISH_S: Final = 0.05
"""What a kernel says is passed on this often at most."""
SLICE_S: Final = 0.01
"""After folding for this long, other tasks get a turn."""
ACKNOWLEDGE_S: Final = 0.5
"""How often the keeper is told what is stored here."""
LOST_S: Final = 5.0
"""A run that was sent, and of which nothing is read for this long, is called lost."""
DISK_RETRY_S: Final = 1.0
"""Pause between two tries to store which keeper there is."""
QUEUE_MAX: Final = 1000
"""Runs that wait for one kernel."""
WIDGETS_VERSION: Final = "1.0.0"
"""Of the protocol by which states are asked for."""
SOURCE_MAX: Final = 1_000_000
"""Code points of a cell that is run."""

log = logging.getLogger("jpterm_like.server.runner")


class CannotRun(JptermError):
    """There is no kernel, or it does not do what it was asked."""


class CannotChoose(CannotRun):
    """A person must choose a kernel first, among these: name, and title for people."""

    def __init__(self, sentence: str, choices: list[tuple[str, str]]) -> None:
        super().__init__(sentence)
        self.choices = choices


class WasSent(JptermError):
    """A run was sent to the kernel before, and is never sent again."""


class Line(Protocol):
    """A connection to a keeper; it raises JptermError when the keeper has gone."""

    def entries(self, after: int) -> AsyncIterator[Entry]:
        """The entries behind a number, and those that follow; it ends behind the end of the kernel."""
        ...

    async def send(
        self,
        channel: Literal["shell", "control", "stdin"],
        kind: str,
        content: Mapping[str, Any],
        name: str,
        parent: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        subshell: str = "",
    ) -> None:
        """Send a message, to a thread of the kernel if one is named; a run that was sent before raises WasSent."""
        ...

    async def signal(self, number: int) -> None: ...
    async def acknowledge(self, number: int) -> None: ...
    async def stop(self) -> None: ...
    async def close(self) -> None: ...


class Kernels(Protocol):
    """Where kernels come from."""

    async def find(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> None:
        """See whether there is a kernel for a notebook: the chosen one, or if that is empty the one that it names.

        Raises CannotChoose if a person must choose, and JptermError if there is none.
        """
        ...

    async def names(self, file: Path, metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The kernels that there are: name, and title for people; "" is that which the notebook names."""
        ...

    async def start(self, file: Path, metadata: Mapping[str, Any], chosen: str) -> tuple[str, str]:
        """Start a kernel for a notebook; return the folder of its keeper, and its name. Raises JptermError."""
        ...

    async def connect(self, folder: str) -> Line:
        """Raises JptermError if there is no keeper any more."""
        ...


class Runner:
    """See the module.

    Args:
        kernels: where kernels come from.
        start_task: starts a task that the server owns.
        on_idle: called when nothing runs or waits any more.
        store: brings the records to the disk, as far as that lets us.
    """

    def __init__(
        self,
        document: Document,
        records: NotebookRecords,
        kernels: Kernels,
        start_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_idle: Callable[[], None],
        store: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._document = document
        self._records = records
        self._fold = records.fold
        self._kernels = kernels
        self._start_task = start_task
        self._on_idle = on_idle
        self._store = store
        self._following: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._kept = ""
        """The folder of the keeper that is known to be on the disk; nothing is sent to another one."""
        self._asked: set[str] = set()
        """Runs that the keeper was asked to send, until it notes that."""
        self._has_asked_states = False
        """Whether this kernel was asked for the states of all widgets."""
        self._unstored_runs: set[str] = set()
        """Runs that are not sent yet, because they are not on the disk."""
        self._unstored: deque[tuple[int, int]] = deque()
        """For what is not stored yet: the clock of the records, and the number of the entry."""
        self._acknowledged_at = float("-inf")
        self._published_at = float("-inf")
        self._publishing: asyncio.TimerHandle | None = None
        self._again = False
        """Whether another kernel is started once this one has ended."""
        self._was_busy = False
        self._questions: dict[str, Mapping[str, Any]] = {}
        """The header of the latest question of each run."""
        self._probe = ""
        """The id of our last question to the kernel, which it answers when it has done everything that was sent before."""
        self._before_probe: set[str] = set()
        """Runs that were sent before that question and are not over."""
        self._suspects: set[str] = set()
        """Those of them of which nothing was read since the answer."""
        self._greeted: set[str] = set()
        """The widgets that had a message on the kernel's subshell."""
        self._is_tended = False
        """Whether this kernel was asked for a subshell."""
        self._is_closed = False
        records.pad.on_news.append(self._acknowledge_soon)

    # ------------------------------------------------------------------ what people ask for

    @property
    def is_busy(self) -> bool:
        """Whether something runs or waits."""
        return bool(self._fold.queue or self._fold.running())

    async def run(self, cells: Sequence[str], names: Sequence[str], who: str) -> None:
        """Queue runs of some cells, as they are now, under ids that the asker made; return once that is stored. Those that are known are
        not queued again.

        Raises:
            CannotRun: none was queued.
        """
        if len(cells) != len(names) or not all(map(is_run_id, names)) or len(set(names)) < len(names):
            raise CannotRun("Nothing was run: these are no ids of runs.")
        text = self._document.pad.buffer.text
        sources = {cell.id: cell for cell in split_cells(text)}
        wanted = [
            (cell, name) for cell, name in zip(cells, names, strict=True) if self._fold.run(name) is None
        ]
        if len(self._fold.queue) + len(wanted) > QUEUE_MAX:
            raise CannotRun(f"Nothing was run: {QUEUE_MAX} runs wait already.")
        for cell, _ in wanted:
            if cell not in sources:
                raise CannotRun("Nothing was run: somebody has deleted that cell.")
            if len(sources[cell].source) > SOURCE_MAX:
                raise CannotRun(f"Nothing was run: a cell of more than {SOURCE_MAX:,} characters.")
        waiting = {
            run.cell
            for run in [*self._fold.running(), *map(self._fold.run, self._fold.queue)]
            if run is not None
        }
        if any(cell in waiting for cell, _ in wanted):
            raise CannotRun("Nothing was run: that cell runs or waits already.")
        if wanted and not self._fold.keeper and not self._fold.queue:
            document = self._document
            await self._kernels.find(document.path, document.notebook_metadata, self.chosen_kernel)
        now_ms = self._now_ms()
        for cell, name in wanted:
            found = sources[cell]
            if found.kind == "code" and found.source.strip():
                run = Run(name, cell, who, "waits", now_ms, digest=source_digest(found.source))
                self._fold.enqueue(run, found.source)
                self._unstored_runs.add(name)
        try:
            await self.stored()
        except CannotRun:
            self._fold.cancel([name for _, name in wanted if name in self._fold.queue], self._now_ms())
            self.publish()
            raise
        finally:
            self._unstored_runs.difference_update(name for _, name in wanted)
        self.resume()

    def resume(self) -> None:
        """Go on with what the records have: a kernel that lives, or runs that wait."""
        if self._is_closed or (self._following is not None and not self._following.done()):
            self._pump_soon()
        elif self._fold.keeper or self._fold.queue or self._fold.running():
            self._was_busy = True
            self._following = self._start_task(self._follow())

    async def command(self, verb: Literal["interrupt", "restart", "stop"]) -> None:
        """Interrupt the cell that runs; or end the kernel, and with "restart" start another one.

        Raises:
            CannotRun: there is no kernel.
        """
        line = self._there()
        if verb == "interrupt":
            await line.signal(signal.SIGINT)
        else:
            self._again = verb == "restart"
            await line.stop()

    @property
    def chosen_kernel(self) -> str:
        """The kernel that somebody chose for this notebook; empty: that which it names."""
        value = self._records.records.get("choice")
        name = value.get("kernel") if isinstance(value, dict) else None
        return name if isinstance(name, str) else ""

    async def kernel_names(self) -> list[tuple[str, str]]:
        """The kernels that this notebook may have."""
        return await self._kernels.names(self._document.path, self._document.notebook_metadata)

    async def use_kernel(self, name: str) -> None:
        """Have this kernel run the notebook, from now on and in later openings; one that runs is stopped, and another one started.

        Raises:
            CannotRun: there is no such kernel.
        """
        document = self._document
        await self._kernels.find(document.path, document.notebook_metadata, name)
        self._records.records.put("choice", {"kernel": name})
        self.publish()
        if self._line is not None:
            await self.command("restart")

    async def answer(self, name: str, text: str, who: str) -> None:
        """Answer the question of a run; the first answer counts. The text is kept nowhere here.

        Raises:
            CannotRun: it asks nothing any more.
        """
        line = self._there()
        question = self._questions.get(name)
        if question is None or not self._fold.note_answer(name, who):
            raise CannotRun("Nothing is asked any more, or somebody has answered.")
        del self._questions[name]
        self.publish()
        await line.send("stdin", "input_reply", {"value": text, "status": "ok"}, "", question)

    async def move(self, widget: str, attribute: str, value: str, who: str) -> None:
        """Move a widget: put its new value, which is JSON, and tell the kernel. The kernel has the last word.

        Raises:
            CannotRun: there is no kernel, no such widget, or it takes no such value.
        """
        line = self._there()
        try:
            found = self._fold.widgets.move(self._fold.keeper, widget, attribute, json.loads(value), who)
        except (ValueError, RecursionError) as problem:
            why = str(problem) if isinstance(problem, CannotMove) else "A widget has JSON for its value."
            raise CannotRun(why) from None
        self.publish()  # before the answer: who moved it shows the server's value from then on
        for name, data in found:
            await self._tell_widget(line, name, data)

    async def _tell_widget(self, line: Line, name: str, data: Mapping[str, Any]) -> None:
        """Send a message to the kernel side of a widget: on a subshell, if that knows it, so that it counts while a cell runs."""
        subshell = self._fold.subshell if name in self._greeted else ""
        await line.send("shell", "comm_msg", {"comm_id": name, "data": data}, "", {}, subshell=subshell)

    def _tend_widgets(self) -> None:
        """While nothing runs: ask for states that may have been lost, and let widgets be moved while a cell runs.

        A comm goes over to a subshell with its first message there, which itself waits for the main shell. So each widget is greeted.
        """
        line, fold = self._line, self._fold
        if line is None or fold.running():
            return
        if fold.asks_states and not self._has_asked_states:
            self._has_asked_states = True
            self._start_task(self._ask_states(line))
        waiting = fold.widgets.waiting_for_subshell(fold.keeper, self._greeted)
        if waiting and not self._is_tended and not fold.subshell:
            self._is_tended = True
            self._start_task(self._quietly(line.send("control", "create_subshell_request", {}, "", {})))
        elif waiting and fold.subshell:
            self._greeted.update(waiting)
            self._start_task(self._greet(line, waiting))

    async def _greet(self, line: Line, names: Sequence[str]) -> None:
        for name in names:
            await self._quietly(self._tell_widget(line, name, {"method": "request_state"}))

    async def _ask_states(self, line: Line) -> None:
        """Ask the kernel for the states of all widgets."""
        comm = {"comm_id": secrets.token_hex(16)}
        opening = {**comm, "target_name": "jupyter.widget.control", "data": {}}
        version = {"version": WIDGETS_VERSION}
        await self._quietly(line.send("shell", "comm_open", opening, "", {}, metadata=version))
        asking = {**comm, "data": {"method": "request_states"}}
        await self._quietly(line.send("shell", "comm_msg", asking, "", {}))

    async def _quietly(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send something that nobody asked for: the kernel may be gone by now."""
        with contextlib.suppress(JptermError):
            await sending

    def clear(self, cells: Sequence[str]) -> None:
        """Remove what cells gave; of all cells if none is named. What runs stays."""
        records = self._records.records
        names = cells or [part.id for part in parts_of(self._document.pad.buffer.text)]
        for cell in names:
            run = shown_run(records, cell)
            if run is not None and run.is_over:
                self._fold.forget(run.id)
                put_cell(records, cell, None, file_digest_of(records, cell))
        self.publish()
        for listener in self._records.on_result:
            listener()

    def _there(self) -> Line:
        if self._line is None:
            raise CannotRun("There is no kernel.")
        return self._line

    # ------------------------------------------------------------------ following the kernel

    async def _follow(self) -> None:
        """Read what the kernel says until it ends, with one keeper after the other."""
        try:
            while not self._is_closed:
                if not self._fold.keeper:
                    if not self._fold.queue:
                        return
                    await self._start_kernel()
                await self._read(self._fold.keeper)
                if self._again:
                    self._again = False
                    await self._start_kernel()
        except JptermError as problem:
            self._give_up(str(problem))
        finally:
            self._tell_if_idle()

    async def _start_kernel(self) -> None:
        document = self._document
        folder, name = await self._kernels.start(
            document.path, document.notebook_metadata, self.chosen_kernel
        )
        self._fold.begin_keeper(folder, name, self._now_ms())
        # Before anything is sent: the next server must not send it to another kernel.
        await self.stored()
        self._kept = folder

    async def stored(self) -> None:
        """Pass on what was put, and bring it to the disk.

        Raises:
            CannotRun: the disk does not take it.
        """
        self.publish()
        version = self._records.records.version
        await self._store()
        if not version <= self._records.pad.stored:
            raise CannotRun("Nothing is run: the server's disk does not take that it was asked for.")

    async def _keep(self, line: Line, folder: str) -> None:
        """Bring to the disk which keeper there is, and then send what waits. What the server before has written, this one can read; but it may
        never have been flushed, and after a power cut the next one would start another kernel and run the cell there again."""
        while line is self._line and self._kept != folder:
            self._records.records.put("keeper", self._records.records.get("keeper"))
            try:
                await self.stored()
            except CannotRun:
                await asyncio.sleep(DISK_RETRY_S)
            else:
                self._kept = folder
        self._pump_soon()

    async def _read(self, folder: str) -> None:
        """Read the entries of one keeper until the kernel has ended, or the keeper.

        Raises:
            JptermError: there is no such keeper any more.
        """
        line = self._line = await self._kernels.connect(folder)
        self._asked.clear()
        self._greeted.clear()
        self._has_asked_states = False
        self._is_tended = False
        loop = asyncio.get_running_loop()
        turn = loop.time()
        has_ended = False
        try:
            if self._kept != folder:
                self._start_task(self._keep(line, folder))
            self._pump_soon()
            if self._fold.running():  # its end may have gone with the keeper before
                self._start_task(self._ask_whether_it_runs(line))
            with contextlib.suppress(JptermError):  # the keeper has died: another one takes its place
                async for entry in line.entries(after=self._fold.at):
                    self._take(folder, entry)
                    has_ended |= entry.kind == "exit"
                    if loop.time() - turn > SLICE_S:
                        await asyncio.sleep(0)
                        turn = loop.time()
        finally:
            self._line = None
            with contextlib.suppress(JptermError, OSError):
                await line.close()
        if has_ended:
            self._fold.begin_keeper("", "", self._now_ms())
            self.publish()

    def _take(self, folder: str, entry: Entry) -> None:
        """Fold an entry, and send the next run if that is due."""
        if entry.number <= self._fold.at:
            return
        self._fold.fold(folder, entry)
        if entry.kind == "sent":
            self._asked.discard(str(entry.header.get("msg_id")))
        self._look_for_lost_runs(entry)
        if entry.header.get("msg_type") == "input_request":
            self._questions[str(entry.parent.get("msg_id"))] = entry.header
        records = self._records.records
        self._unstored.append((records.version.get(records.site), entry.number))
        self._publish_soon()
        if entry.kind in ("sent", "exit") or entry.header.get("msg_type") in (
            "status",
            "execute_reply",
            "create_subshell_reply",
        ):
            self._tend_widgets()  # before the next cell keeps the kernel busy
            self._pump_soon()
            self._tell_if_idle()

    def _give_up(self, why: str) -> None:
        """There is no kernel to be had: what ran is lost, what waited is not run."""
        now_ms = self._now_ms()
        self._fold.end_all("lost", now_ms)
        self._fold.begin_keeper("", "", now_ms)
        self._fold.tell_kernel("none", now_ms, why=why)
        self.publish()
        self._document.notify(why, True)

    def _pump_soon(self) -> None:
        """Send the next run, if nothing runs."""
        queue = self._fold.queue
        if self._line is None or not queue or self._fold.running() or self._asked:
            return
        if self._kept != self._fold.keeper:
            return
        if queue[0] in self._unstored_runs:
            return
        run = self._fold.run(queue[0])
        if run is None:
            self._fold.dequeue(queue[0])
            return
        self._asked.add(run.id)
        self._start_task(self._send(self._line, run))

    async def _send(self, line: Line, run: Run) -> None:
        content = {
            "code": self._fold.source_of(run.id),
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        try:
            await line.send("shell", "execute_request", content, run.id, {})
        except WasSent:
            # Its entries come; or they came when nothing was known of it here.
            await asyncio.sleep(LOST_S)
            run_now = self._fold.run(run.id)
            if run_now is not None and run_now.state == "waits":
                self._lose([run.id])
            elif run_now is not None and not run_now.is_over:
                await self._ask_whether_it_runs(line)
        except JptermError as problem:
            log.info("%s: %s", self._document.name, problem)
        finally:
            if line is self._line and self._fold.run(run.id) is not None:
                self._asked.discard(run.id)

    async def _ask_whether_it_runs(self, line: Line) -> None:
        """Ask the kernel something that it answers once it has done what was sent before."""
        self._probe = secrets.token_hex(16)
        with contextlib.suppress(JptermError):
            await line.send("shell", "kernel_info_request", {}, self._probe, {})

    def _look_for_lost_runs(self, entry: Entry) -> None:
        """Find runs that the kernel has not got, or of whose end nothing came, by the answer to our question."""
        parent = entry.parent.get("msg_id")
        if entry.kind == "received" and parent in self._suspects:
            self._suspects.discard(parent)
        elif not self._probe:
            return
        elif entry.kind == "sent" and entry.header.get("msg_id") == self._probe:
            self._before_probe = {run.id for run in self._fold.running()}
        elif parent == self._probe and entry.content.get("execution_state") == "idle":
            self._probe = ""
            self._suspects, self._before_probe = self._before_probe, set()
            if self._suspects:
                self._start_task(self._lose_suspects())

    async def _lose_suspects(self) -> None:
        await asyncio.sleep(LOST_S)  # messages of different channels overtake each other
        still = {run.id for run in self._fold.running()}
        if lost := sorted(self._suspects & still):
            self._lose(lost)

    def _lose(self, names: Sequence[str]) -> None:
        """End runs of which it is not known whether they ran, and go on with what others wait for."""
        for name in names:
            self._fold.lose(name, self._now_ms())
        self.publish()
        self._pump_soon()
        self._tell_if_idle()

    # ------------------------------------------------------------------ passing it on

    def publish(self) -> None:
        """Pass on what was put, now."""
        if self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None
        self._published_at = asyncio.get_running_loop().time()
        self._note_running()
        self._records.publish()

    def _note_running(self) -> None:
        """Have the kernel's record name the run that it works on."""
        records = self._records.records
        kernel = records.get("kernel")
        running = self._fold.running()
        name = running[0].id if running else None
        if isinstance(kernel, dict) and kernel.get("running") != name:
            records.put("kernel", {**kernel, "running": name})

    def _publish_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if self._publishing is None:
            delay = max(0.0, self._published_at + PUBLISH_S - loop.time())
            self._publishing = loop.call_later(delay, self.publish)

    def _acknowledge_soon(self) -> None:
        """Tell the keeper up to which entry everything is stored."""
        line, loop = self._line, asyncio.get_running_loop()
        if line is None or not self._unstored or loop.time() < self._acknowledged_at + ACKNOWLEDGE_S:
            return
        pad = self._records.pad
        stored = pad.stored.get(pad.records.site)
        number = -1
        while self._unstored and self._unstored[0][0] <= stored:
            _, number = self._unstored.popleft()
        if number >= 0:
            self._acknowledged_at = loop.time()
            self._start_task(self._acknowledge(line, number))

    async def _acknowledge(self, line: Line, number: int) -> None:
        with contextlib.suppress(JptermError):
            await line.acknowledge(number)

    def _tell_if_idle(self) -> None:
        busy = self.is_busy
        if self._was_busy and not busy:
            for listener in self._records.on_result:
                listener()
            self._on_idle()
        self._was_busy = busy

    async def close(self) -> None:
        """Leave the kernel to its keeper."""
        self._is_closed = True
        if self._publishing is not None:
            self.publish()
        if self._following is not None and not self._following.done():
            self._following.cancel()
            await asyncio.wait((self._following,))

    def _now_ms(self) -> int:
        return int(clock.wall() * 1000)
