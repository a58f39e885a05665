"""The events of a notebook that `pipe` prints: of runs, of their outputs and questions, and of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jpterm_like.client.session import Session
from jpterm_like.notebook.cells import parts_of
from jpterm_like.notebook.output_texts import NewText, whole_text_of
from jpterm_like.notebook.outputs import Asks
from jpterm_like.notebook.runs import Run


class NotebookEvents:
    """Writes events of a notebook. Of runs that were over at the beginning there are none.

    {"event": "run", "cell": …, "run": …, "by": …}: somebody has asked for it. "output": {stream, text}, in whole lines. "asks": {prompt, secret}.
    "ran": {state, number}: it is over. "kernel": {line}, as the editor shows it.
    """

    def __init__(self, session: Session, write: Callable[[dict[str, object]], None]) -> None:
        self._session = session
        self._write = write
        self._new = NewText()
        self._kernel = ""
        self._told: dict[str, str] = {}
        """How far the run of each cell was told: its id, and whether it asks or is over."""
        for cell in self._cells():
            run = session.shown_run(cell)
            if run is not None and run.is_over:
                self._told[cell] = _state(run, None)

    def _cells(self) -> list[str]:
        return [part.id for part in parts_of(self._session.text) if part.id]

    def changed(self, cells: Iterable[str]) -> None:
        """Tell what is new in some cells, in all if none is named."""
        session = self._session
        if session.kernel_line != self._kernel:
            self._kernel = session.kernel_line
            self._write({"event": "kernel", "line": self._kernel})
        for cell in cells or self._cells():
            run = session.shown_run(cell)
            if run is not None and run.by != "disk" and run.state != "disk":
                self._tell(cell, run)

    def _tell(self, cell: str, run: Run) -> None:
        outputs = self._session.outputs_of(cell)
        asks = next((item for item in outputs.items if isinstance(item, Asks)), None)
        before, now = self._told.get(cell, ""), _state(run, asks)
        if before == now and run.is_over:
            return
        self._told[cell] = now
        names: dict[str, object] = {"cell": cell, "run": run.id}
        if before.partition(" ")[0] != run.id:
            self._write({"event": "run", **names, "by": run.by})
        if run.state != "waits":
            for stream, text in self._new.of(run.id, outputs, is_over=run.is_over):
                self._write({"event": "output", **names, "stream": stream, "text": text})
        if asks is not None and before != now:
            self._write({"event": "asks", **names, "prompt": asks.prompt, "secret": asks.secret})
        if run.is_over:
            self._write({"event": "ran", **names, "state": run.state, "number": run.number})


def _state(run: Run, asks: Asks | None) -> str:
    return f"{run.id} {'over' if run.is_over else 'asks' if asks is not None else ''}"


def cells_in(session: Session) -> list[dict[str, object]]:
    """The cells: id, kind, where the source is in the text, and of those that ran who ran them, how that ended, and what they gave."""
    text = session.text
    found = []
    for part in parts_of(text):
        cell: dict[str, object] = {"id": part.id, "kind": part.kind, "start": part.body, "end": part.end}
        cell["source"] = text[part.body : part.end]
        run = session.shown_run(part.id) if part.id else None
        if run is not None:
            cell |= {"by": run.by, "run": run.id, "state": run.state, "number": run.number}
            cell["output"] = whole_text_of(session.outputs_of(part.id))
        found.append(cell)
    return found
