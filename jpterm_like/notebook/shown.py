"""What a screen shows of the records of a notebook: the outputs of each cell, and a line about its kernel.

Times of day are told by a function that the caller gives, for this is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    Widget,
    items_of,
)
from jpterm_like.notebook.runs import Run, part_key, parts_at, run_of, shown_run
from jpterm_like.notebook.widgets import NESTED_MAX, OUTPUT_HEAD, REFERENCE, VIEW_TYPE, Widgets, viewed

_PIECE: Final = Unknown("piece")
"""Stands for a part whose item is under the number before it."""
WIDGETS_MAX: Final = 500
"""Widgets that one display shows."""

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
    """The outputs of the cells, made anew where records have changed; what did not change is kept, part by part.

    Args:
        clock_of: a time in milliseconds since 1970 as people read it, "12:03".
    """

    def __init__(self, records: Records, clock_of: Callable[[int], str]) -> None:
        self._records = records
        self._clock_of = clock_of
        self._parts: dict[str, dict[int, Item | None]] = {}
        """For each run its parts by number: the item that was made of one, or None if there is none now."""
        self._made: dict[str, CellOutputs] = {}
        self._versions: dict[str, int] = {}
        self._widgets: Widgets | None = None
        """None: there has been none."""
        self._seen_in: dict[str, set[str]] = {}
        """The cells that show a widget."""
        self._keeper: object = None
        self.changed(records.keys())

    def changed(self, keys: Iterable[str]) -> set[str]:
        """Take note of keys that have changed; return the cells whose outputs may have."""
        cells: set[str] = set()
        runs: set[str] = set()
        widgets: set[str] = set()
        of_widgets: list[str] = []
        for key in keys:
            kind, _, rest = key.partition("/")
            if kind == "cell":
                cells.add(rest)
            elif kind == "run":
                run, _, tail = rest.partition("/")
                runs.add(run)
                if tail.isdigit():
                    self._part_changed(run, int(tail), key)
            elif kind == "widget":
                of_widgets.append(key)
            elif kind == "keeper" and self._keeper_changed() and self._widgets is not None:
                widgets.update(self._widgets.models)
        if of_widgets:
            if self._widgets is None:
                self._widgets = Widgets(self._records)
            widgets |= self._widgets.changed(of_widgets)
        for name in runs:
            found = run_of(self._records, name)
            if name.startswith(OUTPUT_HEAD):
                widgets.add(name[len(OUTPUT_HEAD) :])
            elif found is not None:
                cells.add(found.cell)
            elif not self._parts.get(
                name
            ):  # else it is on its way: what was put again comes behind its parts
                self._parts.pop(name, None)
        for name in widgets:
            cells |= self._seen_in.get(name, set())
        for cell in cells:
            self._made.pop(cell, None)
            self._versions[cell] = self._versions.get(cell, 0) + 1
        return cells

    def _part_changed(self, run: str, number: int, key: str) -> None:
        parts = self._parts.setdefault(run, {})
        part = self._records.get(key)
        if part is None:
            parts.pop(number, None)
            return
        if (
            isinstance(part, dict) and part.get("kind") == "piece"
        ):  # the part that it belongs to is under another number
            for each in parts:
                parts[each] = None
        parts[number] = None

    def _keeper_changed(self) -> bool:
        value = self._records.get("keeper")
        keeper = value.get("folder") if isinstance(value, dict) else None
        if keeper == self._keeper:
            return False
        self._keeper = keeper
        return True

    def of(self, cell: str) -> CellOutputs:
        """The outputs of a cell; the same object until they change."""
        made = self._made.get(cell)
        if made is None:
            run = shown_run(self._records, cell)
            made = NOTHING if run is None else self._make(cell, run)
            self._made[cell] = made
        return made

    def _make(self, cell: str, run: Run) -> CellOutputs:
        items = [
            self._with_widget(item, cell, [WIDGETS_MAX]) for item in self._items(run.id, is_over=run.is_over)
        ]
        return CellOutputs(self._versions.get(cell, 1), self._badge(run), _joined(items), run.state == "runs")

    def _items(self, name: str, *, is_over: bool) -> list[Item]:
        """What a run gave, or what was printed into an Output widget, part by part."""
        parts = self._parts.get(name, {})
        items: list[Item] = []
        numbers = sorted(parts)
        for at, number in enumerate(numbers):
            item = parts[number]
            if item is None or isinstance(item, Asks):
                value = self._records.get(part_key(name, number))
                kind = value.get("kind") if isinstance(value, dict) else None
                count = value.get("count") if isinstance(value, dict) else None
                group = numbers[at : at + 1]
                if kind == "pieces" and isinstance(count, int):
                    group = numbers[at : at + 1 + max(0, count)]
                found = list(parts_at(self._records, [part_key(name, each) for each in group]))
                if not found or kind == "piece":
                    continue  # pieces of it have still to come
                item = _item(found[0], is_over=is_over)
                parts.update(dict.fromkeys(group, _PIECE))
                parts[number] = item
            if item is not _PIECE:
                items.append(item)
        return items

    # ------------------------------------------------------------------ widgets

    def _with_widget(self, item: Item, cell: str, left: list[int], inside: tuple[str, ...] = ()) -> Item:
        """An item of a cell; if it is a display of a widget that is known, that. For `left` and `inside` see `_widget`."""
        name = viewed(item.data.get(VIEW_TYPE)) if isinstance(item, Display) else ""
        return (self._widget(name, cell, left, inside) if name else None) or item

    def _widget(self, name: str, cell: str, left: list[int], inside: tuple[str, ...]) -> Widget | None:
        """A widget as it is now, with those in it; None if it is not known, or there are too many, or it is in itself."""
        model = None if self._widgets is None else self._widgets.models.get(name)
        self._seen_in.setdefault(name, set()).add(cell)
        if model is None or not left[0] or name in inside or len(inside) >= NESTED_MAX:
            return None
        left[0] -= 1
        state = model.state
        named = state.get("children")
        children = [
            child
            for each in (named if isinstance(named, list) else [])
            if isinstance(each, str)
            and (child := self._widget(each.removeprefix(REFERENCE), cell, left, (*inside, name))) is not None
        ]
        items: list[Item] = []
        if model.model == "OutputModel":
            given = [*items_of(state.get("outputs")), *self._items(OUTPUT_HEAD + name, is_over=True)]
            items = [self._with_widget(item, cell, left, (*inside, name)) for item in given]
        return Widget(
            name, model.model, dict(sorted(state.items())), tuple(children), _joined(items), model.keeper == self._keeper and bool(self._keeper),
            model.by, self._is_hidden(state, cell),
        )  # fmt: skip

    def _is_hidden(self, state: Mapping[str, Any], cell: str) -> bool:
        layout = state.get("layout")
        name = layout.removeprefix(REFERENCE) if isinstance(layout, str) else ""
        model = None if self._widgets is None else self._widgets.models.get(name)
        if model is None:
            return False
        self._seen_in.setdefault(name, set()).add(cell)
        return model.state.get("display") == "none" or model.state.get("visibility") == "hidden"

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
        if code == 0:
            return f"{name} ○ stopped{at}"
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


def _item(part: Mapping[str, Any], *, is_over: bool) -> Item:
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
            if part.get("answered") is None and not is_over:
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
