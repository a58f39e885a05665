"""What a screen shows of the records of a notebook: the outputs of each cell, and a line about its kernel.

Times of day are told by a function that the caller gives, for this is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Final

from crdt.records import Records
from jpterm_like.notebook.outputs import (
    NOTHING,
    Asks,
    CellOutputs,
    Display,
    Error,
    Gap,
    Item,
    Stream,
    Unknown,
)
from jpterm_like.notebook.runs import Run, part_key, parts_at, run_of, shown_run

WORDS: Final = {
    "waits": "waits",
    "runs": "running",
    "error": "failed",
    "interrupted": "interrupted",
    "cancelled": "not run",
    "died": "the kernel died",
    "lost": "lost: it may not have run",
}


class ShownOutputs:
    """The outputs of the cells, made anew where records have changed.

    Args:
        clock_of: a time in milliseconds since 1970 as people read it, "12:03".
    """

    def __init__(self, records: Records, clock_of: Callable[[int], str]) -> None:
        self._records = records
        self._clock_of = clock_of
        self._numbers: dict[str, set[int]] = {}
        """The numbers of each run's parts."""
        self._made: dict[str, CellOutputs] = {}
        self._versions: dict[str, int] = {}
        self.changed(records.keys())

    def changed(self, keys: Iterable[str]) -> set[str]:
        """Take note of keys that have changed; return the cells whose outputs may have."""
        cells: set[str] = set()
        runs: set[str] = set()
        for key in keys:
            kind, _, rest = key.partition("/")
            if kind == "cell":
                cells.add(rest)
            elif kind == "run":
                run, _, tail = rest.partition("/")
                runs.add(run)
                if tail.isdigit():
                    numbers = self._numbers.setdefault(run, set())
                    if self._records.entry(key) is None:
                        numbers.discard(int(tail))
                    else:
                        numbers.add(int(tail))
        for name in runs:
            found = run_of(self._records, name)
            if found is None:
                self._numbers.pop(name, None)
            else:
                cells.add(found.cell)
        for cell in cells:
            self._made.pop(cell, None)
            self._versions[cell] = self._versions.get(cell, 0) + 1
        return cells

    def of(self, cell: str) -> CellOutputs:
        """The outputs of a cell; the same object until they change."""
        made = self._made.get(cell)
        if made is None:
            run = shown_run(self._records, cell)
            made = NOTHING if run is None else self._make(cell, run)
            self._made[cell] = made
        return made

    def _make(self, cell: str, run: Run) -> CellOutputs:
        keys = [part_key(run.id, number) for number in sorted(self._numbers.get(run.id, ()))]
        items = _joined([_item(part, run) for part in parts_at(self._records, keys)])
        return CellOutputs(self._versions.get(cell, 1), self._badge(run), items, run.state == "runs")

    def _badge(self, run: Run) -> str:
        words = [f"[{run.number}]" if run.number is not None else ""]
        if run.state != "disk":
            words += [run.by, self._clock_of(run.started_ms or run.asked_ms)]
            if run.started_ms and run.ended_ms:
                words.append(_duration((run.ended_ms - run.started_ms) / 1000))
            words.append(WORDS.get(run.state, ""))
        return " ".join(word for word in words if word)


def kernel_line(records: Records, clock_of: Callable[[int], str]) -> str:
    """A line about the kernel: "python3 ● running [7] for bob, 2 wait"; empty if there has been none."""
    kernel = records.get("kernel")
    if not isinstance(kernel, dict):
        return ""
    name, state, since = str(kernel.get("name") or "kernel"), str(kernel.get("state")), kernel.get("since")
    at = f", {clock_of(since)}" if isinstance(since, int) and since else ""
    if state == "dead":
        code = kernel.get("code")
        guess = " (out of memory?)" if code == -9 else ""
        told = f": exit code {code}{guess}" if isinstance(code, int) else ""
        return f"{name} ○ kernel died{told}{at}"
    if state == "none":
        why = kernel.get("why")
        return f"no kernel: {why}" if isinstance(why, str) and why else "no kernel: alt+enter starts one"
    queue = records.get("queue")
    waiting = len(queue) if isinstance(queue, list) else 0
    more = f", {waiting} {'waits' if waiting == 1 else 'wait'}" if waiting else ""
    running = kernel.get("running")
    run = run_of(records, running) if isinstance(running, str) else None
    if run is not None and run.state == "runs":
        number = f" [{run.number}]" if run.number is not None else ""
        return f"{name} ● running{number} for {run.by}{more}"
    return f"{name} ● {'starts' if state == 'starting' else state}{more}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _item(part: dict[str, Any], run: Run) -> Item:
    match part:
        case {"kind": "stream", "name": str(name), "text": str(text)}:
            return Stream(name, tuple(text.split("\n")))
        case {"kind": "display", "data": dict(data)}:
            forms = {kind: form for kind, form in data.items() if isinstance(form, (str, bytes))}
            large = part.get("large")
            if not forms and isinstance(large, list):
                return Display({"text/plain": f"[{', '.join(map(str, large))}: too large to be kept]"})
            return Display(forms)
        case {"kind": "error"}:
            traceback = part.get("traceback")
            lines = tuple(map(str, traceback)) if isinstance(traceback, list) else ()
            return Error(str(part.get("ename", "")), str(part.get("evalue", "")), lines)
        case {"kind": "asks", "prompt": str(prompt)}:
            if part.get("answered") is None and not run.is_over:
                return Asks(prompt, part.get("secret") is True)
            who = part.get("answered")
            return Stream("stdout", (f"{prompt}[{who} answered]" if isinstance(who, str) else prompt, ""))
        case {"kind": "gap", "count": int(count)}:
            start, end = part.get("start"), part.get("end")
            return Gap(
                count,
                float(start) if isinstance(start, (int, float)) else None,
                float(end) if isinstance(end, (int, float)) else None,
            )
        case {"kind": "cut", "lines": int(lines)}:
            return Stream("stderr", (f"[{lines:,} lines are left out here]", ""))
    return Unknown(str(part.get("kind", "")))


def _joined(items: list[Item]) -> tuple[Item, ...]:
    """The items, with printed text of one kind that is not interrupted as one."""
    joined: list[Item] = []
    for name, group in groupby(items, lambda item: item.name if isinstance(item, Stream) else None):
        if name is None:
            joined.extend(group)
            continue
        lines: list[str] = []
        for item in group:
            assert isinstance(item, Stream)
            if lines:
                lines[-1] += item.lines[0]
                lines.extend(item.lines[1:])
            else:
                lines.extend(item.lines)
        joined.append(Stream(name, tuple(lines)))
    return tuple(joined)
