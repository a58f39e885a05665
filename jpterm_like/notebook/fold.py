"""Fold what a kernel says into the records of its notebook: messages of Jupyter's protocol become the parts of runs.

Pure: no socket, no clock; `now_ms` comes in. What is needed to go on is in the records, so a server that dies, and another one that
begins with the records, fold as one would have. One entry of the keeper's log is folded between two writes of the store, and its number
is put with what came of it (`keeper`): so each message counts once, however often it is read.

Jupyter's protocol is in https://jupyter-client.readthedocs.io/en/stable/messaging.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, cast

from crdt.records import Records
from crdt.values import Value, encode_value
from jpterm_like.notebook.printed import Printed
from jpterm_like.notebook.runs import (
    Run,
    count_of,
    display_part,
    drop_run,
    error_part,
    file_digest_of,
    outputs_json,
    part_key,
    part_keys,
    parts_at,
    parts_of_run,
    put_cell,
    put_part,
    run_of,
    shown_run,
)
from jpterm_like.notebook.widget_file import states_json
from jpterm_like.notebook.widget_fold import WidgetFold
from jpterm_like.notebook.widgets import OUTPUT_HEAD, VIEW_TYPE, viewed

LIVE_CHARACTERS: Final = 4_000
"""A part of printed text is rewritten while it grows. Beyond this, lines above the last LIVE_ROWS get parts of their own."""
LIVE_ROWS: Final = 24
"""How far a program may move the cursor up, at least."""
SEALED_CHARACTERS: Final = 12_000
"""Length of a part that is not rewritten any more: at most 48 KiB."""
HEAD_CHARACTERS: Final = 200_000
TAIL_CHARACTERS: Final = 800_000
"""Of a text that a run prints, so much of its beginning and its end is kept."""
MESSAGE_CHARACTERS: Final = 2 * (HEAD_CHARACTERS + TAIL_CHARACTERS)
"""Of one message with more printed text than this, the beginning and the end are looked at."""
FEED_CHARACTERS: Final = 1_000_000
"""Long messages are taken in pieces of this length, so that they cost no more than their length."""
PROMPT_MAX: Final = 1_000


class Entry(Protocol):
    """An entry of a keeper's log."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> str:
        """sent, received, exit, gap, dropped or started."""
        ...

    @property
    def channel(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def header(self) -> Mapping[str, Any]: ...
    @property
    def parent(self) -> Mapping[str, Any]: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def content(self) -> Mapping[str, Any]: ...
    @property
    def buffers(self) -> Sequence[bytes]: ...


class _Sealed(NamedTuple):
    """A part of printed text that is not rewritten any more."""

    number: int
    characters: int
    lines: int


class _Output:
    """Writes the parts of one run."""

    def __init__(self, records: Records, run: str) -> None:
        self._records = records
        self._run = run
        self.next = 0
        """The number of the next part."""
        self._stream = ""  # whose last part may be rewritten: its name
        self._printed = Printed()
        self._live = 0
        self._sealed: list[_Sealed] = []
        self._cut_at = -1
        self._cut = [0, 0]
        self.clears = False
        """Whether the next output takes the place of all before it."""
        self._load()

    def _load(self) -> None:
        records = self._records
        value = records.get(f"run/{self._run}/clears")
        self.clears = value is True
        last: dict[str, Any] = {}
        for key in part_keys(records, self._run):
            tail = key.rpartition("/")[2]
            part = records.get(key)
            if not isinstance(part, dict):
                continue
            self.next = int(tail) + 1
            last = cast(dict[str, Any], part)
            text = last.get("text")
            if last.get("kind") == "stream" and isinstance(text, str):
                self._sealed.append(_Sealed(int(tail), len(text), text.count("\n")))
            elif last.get("kind") == "cut":
                self._cut_at, self._cut = int(tail), [last.get("lines", 0), last.get("characters", 0)]
        if last.get("kind") == "stream" and "row" in last:
            self._stream = str(last.get("name"))
            self._live = self.next - 1
            self._sealed.pop()
            self._printed = Printed(last["text"], last["row"], last["column"], last.get("rest", ""))

    # ------------------------------------------------------------------

    def print(self, name: str, text: str) -> None:
        """Add what was printed."""
        self.clear_if_due()
        if self._stream != name:
            self._stream, self._printed, self._live = name, Printed(), self.next
        if len(text) > MESSAGE_CHARACTERS:  # the middle of a text as long as this would go in any case
            left_out = text[MESSAGE_CHARACTERS // 2 : -MESSAGE_CHARACTERS // 2]
            self._feed(text[: MESSAGE_CHARACTERS // 2])
            self._cut[0] += left_out.count("\n")
            self._cut[1] += len(left_out)
            text = text[-MESSAGE_CHARACTERS // 2 :]
        self._feed(text)
        printed = self._printed
        part: dict[str, Value] = {
            "kind": "stream", "name": name, "text": printed.text, "row": printed.row, "column": printed.column,
        }  # fmt: skip
        if printed.rest:
            part["rest"] = printed.rest
        self._records.put(part_key(self._run, self._live), part)
        self.next = self._live + 1

    def _feed(self, text: str) -> None:
        for at in range(0, len(text), FEED_CHARACTERS):
            self._printed.feed(text[at : at + FEED_CHARACTERS])
            self._seal()

    def _seal(self) -> None:
        """Give lines that cannot be reached any more parts of their own."""
        printed = self._printed
        if sum(map(len, printed.lines)) + len(printed.lines) <= LIVE_CHARACTERS:
            return
        count = min(printed.row, max(0, len(printed.lines) - LIVE_ROWS))
        text = "".join([f"{line}\n" for line in printed.lines[:count]])
        del printed.lines[:count]
        printed.row -= count
        if (
            long := len(printed.text)
        ) > SEALED_CHARACTERS:  # long lines: their beginnings are out of reach as well
            before = len("\n".join(printed.lines[: printed.row])) + (printed.row > 0)
            settled = min(long - LIVE_CHARACTERS, before + printed.column)
            whole = printed.text
            text += whole[:settled]
            at = before + printed.column - settled
            rest = whole[settled:]
            row = rest.count("\n", 0, at)
            self._printed = Printed(rest, row, at - (rest.rfind("\n", 0, at) + 1), printed.rest)
        while text:
            length = (
                text.rfind("\n", 0, SEALED_CHARACTERS) + 1 if len(text) > SEALED_CHARACTERS else len(text)
            )
            piece = text[: length or SEALED_CHARACTERS]
            text = text[len(piece) :]
            part: dict[str, Value] = {"kind": "stream", "name": self._stream, "text": piece}
            self._records.put(part_key(self._run, self._live), part)
            self._sealed.append(_Sealed(self._live, len(piece), piece.count("\n")))
            self._live += 1
        self._bound()

    def _bound(self) -> None:
        """Leave out the middle of a text that is too long."""
        left = sum(part.characters for part in self._sealed)
        head = 0
        at = 0
        while at < len(self._sealed) and head < HEAD_CHARACTERS:
            head += self._sealed[at].characters
            at += 1
        while left > HEAD_CHARACTERS + TAIL_CHARACTERS and at < len(self._sealed):
            part = self._sealed.pop(at)
            left -= part.characters
            self._records.drop(part_key(self._run, part.number))
            if self._cut_at < 0:
                self._cut_at = part.number
            self._cut[0] += part.lines
            self._cut[1] += part.characters
        if self._cut_at >= 0:
            cut: dict[str, Value] = {"kind": "cut", "lines": self._cut[0], "characters": self._cut[1]}
            self._records.put(part_key(self._run, self._cut_at), cut)

    def add(self, part: Mapping[str, Value]) -> int:
        """Add another part; return its number."""
        self.clear_if_due()
        number = self.next
        self._end_stream()
        self.next = put_part(self._records, self._run, number, part)
        return number

    def _end_stream(self) -> None:
        if self._stream:
            if self._live < self.next:
                text = self._printed.text
                self._sealed.append(_Sealed(self._live, len(text), text.count("\n")))
            self._stream = ""

    def replace(self, number: int, part: Mapping[str, Value]) -> None:
        """Replace a part that took one number, by one that takes one; a longer one is left out."""
        if len(encode_value(dict(part))) <= 60 * 1024:
            self._records.put(part_key(self._run, number), dict(part))

    def clear(self, *, wait: bool) -> None:
        """Remove all parts, now or with the next one."""
        if wait:
            self.clears = True
            self._records.put(f"run/{self._run}/clears", value=True)
            return
        self._forget_clears()
        for key in part_keys(self._records, self._run):
            self._records.drop(key)
        self.next, self._stream, self._sealed, self._cut_at, self._cut = 0, "", [], -1, [0, 0]

    def clear_if_due(self) -> None:
        if self.clears:
            self.clear(wait=False)

    def _forget_clears(self) -> None:
        if self.clears:
            self.clears = False
            self._records.drop(f"run/{self._run}/clears")


class Fold:
    """The runs of one notebook, written as its kernel tells of them."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._outputs: dict[str, _Output] = {}
        self._runs: dict[str, Run] = {}
        self._displays: dict[str, list[tuple[str, int]]] | None = None
        """Where the displays with a name are."""
        self._running: set[str] | None = None
        self.widgets = WidgetFold(records, self.forget)
        self._last_run = ""
        """The run that began last."""

    # ------------------------------------------------------------------ what the runner does

    @property
    def queue(self) -> list[str]:
        """The runs that wait, in order."""
        value = self.records.get("queue")
        return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

    @property
    def at(self) -> int:
        """The number of the last entry of the keeper that is in the records; -1 if none is."""
        value = self.records.get("keeper")
        at = value.get("at") if isinstance(value, dict) else None
        return at if isinstance(at, int) else -1

    @property
    def keeper(self) -> str:
        """Where the kernel's keeper is; empty if there is none."""
        value = self.records.get("keeper")
        folder = value.get("folder") if isinstance(value, dict) else None
        return folder if isinstance(folder, str) else ""

    @property
    def subshell(self) -> str:
        """The thread of the kernel that takes messages to widgets while a cell runs; empty if there is none."""
        value = self.records.get("subshell")
        return value if isinstance(value, str) else ""

    @property
    def asks_states(self) -> bool:
        """Whether the kernel is to be asked for the states of its widgets, because messages were lost."""
        return self.records.get("asks_states") is True

    @property
    def has_work(self) -> bool:
        """Whether there is a kernel to be heard, or a run that is not over."""
        return bool(self.keeper or self.queue or self.running())

    def begin_keeper(self, folder: str, name: str, now_ms: int) -> None:
        """A kernel was started, or there is none (an empty folder)."""
        if folder:
            self.records.put("keeper", {"folder": folder, "at": -1})
            self.tell_kernel("starting", now_ms, name=name)
        else:
            self.records.drop("keeper")
            self.records.drop("subshell")
            self.records.drop("asks_states")

    def tell_kernel(self, state: str, now_ms: int, **fields: Value) -> None:
        """Put the state of the kernel."""
        before = self.records.get("kernel")
        name = before.get("name") if isinstance(before, dict) else None
        self.records.put("kernel", {"name": name, "state": state, "since": now_ms, **fields})

    def run(self, name: str) -> Run | None:
        """The run with an id."""
        if name not in self._runs:
            found = run_of(self.records, name)
            if found is None:
                return None
            self._runs[name] = found
        return self._runs[name]

    def put_run(self, run: Run) -> None:
        self._runs[run.id] = run
        if self._running is not None:
            (self._running.add if run.state == "runs" else self._running.discard)(run.id)
        self.records.put(f"run/{run.id}", run.value())

    def enqueue(self, run: Run, source: str) -> None:
        """Note a run that somebody asks for, with what is to run."""
        self.put_run(run)
        put_part(self.records, f"{run.id}/source", 0, {"text": source})
        self._put_queue([*self.queue, run.id])
        self._show(run)

    def source_of(self, name: str) -> str:
        """What is to run."""
        for part in parts_at(self.records, part_keys(self.records, f"{name}/source")):
            text = part.get("text")
            return text if isinstance(text, str) else ""
        return ""

    def _show(self, run: Run) -> None:
        """Show a run for its cell; the one before is removed."""
        before = shown_run(self.records, run.cell)
        put_cell(self.records, run.cell, run.id, file_digest_of(self.records, run.cell))
        if before is not None and before.id != run.id and before.is_over:
            self.forget(before.id)

    def forget(self, name: str) -> None:
        """Remove a run and all that it gave."""
        self._runs.pop(name, None)
        self._outputs.pop(name, None)
        if self._running is not None:
            self._running.discard(name)
        drop_run(self.records, name)

    def _put_queue(self, queue: Sequence[str]) -> None:
        if queue:
            self.records.put("queue", list(queue))
        else:
            self.records.drop("queue")

    def dequeue(self, name: str) -> None:
        """A run was sent."""
        if name in self.queue:
            self._put_queue([other for other in self.queue if other != name])
            for key in part_keys(self.records, f"{name}/source"):
                self.records.drop(key)

    def cancel(self, names: Sequence[str], now_ms: int) -> None:
        """Take runs out of the queue."""
        for name in names:
            self.dequeue(name)
            self._end(name, "cancelled", now_ms)

    def lose(self, name: str, now_ms: int) -> None:
        """End a run that was sent, and of which it is not known whether it ran. What the same person queued is not run: it may build on it."""
        run = self.run(name)
        self.dequeue(name)
        self._end(name, "lost", now_ms)
        if run is not None:
            self._cancel_of(run, now_ms)

    def running(self) -> list[Run]:
        """The runs that were sent and are not over, in their order."""
        if self._running is None:
            self._running = set()
            for key in self.records.keys():  # noqa: SIM118 - it is no dictionary
                kind, _, name = key.partition("/")
                run = self.run(name) if kind == "run" and "/" not in name else None
                if run is not None and run.state == "runs":
                    self._running.add(name)
        found = [run for name in self._running if (run := self.run(name)) is not None]
        return sorted(found, key=lambda run: (run.started_ms, run.id))

    def note_answer(self, name: str, who: str) -> bool:
        """Note who answered the question of a run; False if it asks nothing, or somebody has answered."""
        found = self._question(name)
        if found is None:
            return False
        key, part = found
        self.records.put(key, {**part, "answered": who})
        return True

    def _question(self, name: str) -> tuple[str, dict[str, Value]] | None:
        for key in reversed(part_keys(self.records, name)):
            part = self.records.get(key)
            if isinstance(part, dict) and part.get("kind") == "asks" and part.get("answered") is None:
                return key, part
        return None

    def end_all(self, state: str, now_ms: int, code: int | None = None) -> None:
        """The kernel is gone: what ran has ended so, and what waited is cancelled."""
        for run in self.running():
            self._end(run.id, state, now_ms, code)
        self.cancel(self.queue, now_ms)

    # ------------------------------------------------------------------ what the kernel says

    def fold(self, folder: str, entry: Entry) -> None:
        """Fold one entry of the keeper's log; nothing if it was folded already."""
        if entry.number <= self.at:
            return
        now_ms = int(entry.seconds * 1000)
        match entry.kind:
            case "sent":
                self._sent(entry, now_ms)
            case "received":
                self._received(entry, now_ms)
            case "started":
                self.tell_kernel("idle", now_ms)
            case "exit":
                self._exited(entry, now_ms)
            case "gap" | "dropped":
                self._gap(entry)
        self.records.put("keeper", {"folder": folder, "at": entry.number})

    def _sent(self, entry: Entry, now_ms: int) -> None:
        if entry.header.get("msg_type") == "comm_msg":
            self.widgets.sent(str(entry.header.get("msg_id")), entry.content)
        if entry.header.get("msg_type") != "execute_request":
            return
        run = self.run(str(entry.header.get("msg_id")))
        if run is not None and run.state == "waits":
            self.dequeue(run.id)
            self.put_run(run._replace(state="runs", started_ms=now_ms))
            self._last_run = run.id

    def _received(self, entry: Entry, now_ms: int) -> None:
        kind, content = entry.header.get("msg_type"), entry.content
        parent = entry.parent.get("msg_id")
        run = self.run(parent) if isinstance(parent, str) else None
        if kind == "status":
            self._status(run, content, now_ms)
            return
        if kind in _COMMS:
            self._comm(str(kind), entry, run)
        elif kind in _OUTPUTS:
            self._output(str(kind), content, self._whose(parent, run))
        elif kind == "update_display_data":
            self._update_display(content)
        elif kind == "create_subshell_reply" and isinstance(content.get("subshell_id"), str):
            self.records.put("subshell", content["subshell_id"][:200])
        elif run is not None:
            self._of_run(str(kind), content, run, now_ms)

    def _whose(self, parent: object, run: Run | None) -> str:
        """Where an output goes: an Output widget, its run, or that of the widget whose callback gave it; "" if nowhere.

        Threads print under the parent of another message: their outputs go to the run that began last.
        """
        captured = self.widgets.capturing(parent)
        if captured:
            return OUTPUT_HEAD + captured
        for name in (run.id if run is not None else "", self.widgets.owner(parent), self._last_run):
            if name and self.run(name) is not None:
                return name
        running = self.running()
        return running[-1].id if running else ""

    def _comm(self, kind: str, entry: Entry, run: Run | None) -> None:
        """A message about a widget."""
        content, buffers, widgets = entry.content, entry.buffers, self.widgets
        if kind == "comm_open":
            name = run.id if run is not None else widgets.owner(entry.parent.get("msg_id"))
            widgets.open(self.keeper, name, content, buffers, self._shown_widgets)
        elif kind == "comm_close":
            widgets.close(content)
        else:
            data = content.get("data")
            if isinstance(data, dict) and data.get("method") == "update_states":
                widgets.states(content, buffers, self.keeper)
                self.records.drop("asks_states")
            else:
                widgets.message(content, buffers, entry.parent.get("msg_id"))

    def _shown_widgets(self) -> list[str]:
        """The widgets that displays show, of runs that are here. O(all keys)."""
        found = []
        for key in self.records.keys():  # noqa: SIM118 - it is no dictionary
            if key.startswith("run/"):
                part = self.records.get(key)
                data = part.get("data") if isinstance(part, dict) else None
                if isinstance(data, dict) and (name := viewed(data.get(VIEW_TYPE))):
                    found.append(name)
        return found

    def widget_states(self) -> dict[str, Any]:
        """The states of the widgets that displays show, as a file has them (`widget_file`); empty if none does."""
        widgets = self.widgets.widgets
        if not widgets.models:
            return {}
        return states_json(
            widgets,
            widgets.reachable(self._shown_widgets()),
            lambda name: outputs_json(parts_of_run(self.records, OUTPUT_HEAD + name)),
        )

    def _output(self, kind: str, content: Mapping[str, Any], name: str) -> None:
        """Something that a run gave, or that was printed into an Output widget."""
        if not name:
            return
        match kind:
            case "stream":
                stream = "stderr" if content.get("name") == "stderr" else "stdout"
                text = content.get("text")
                if isinstance(text, str) and text:
                    self.output(name).print(stream, text.encode("utf-8", "replace").decode())
            case "display_data" | "execute_result":
                self._display(name, kind, content)
            case "clear_output":
                self.output(name).clear(wait=content.get("wait") is True)
            case "error":
                self.output(name).add(error_part(content))

    def _of_run(self, kind: str, content: Mapping[str, Any], run: Run, now_ms: int) -> None:
        """Fold a message about a run that is no output: its number, a question, its reply."""
        match kind:
            case "execute_input":
                if (count := count_of(content.get("execution_count"))) is not None:
                    self.put_run(run._replace(number=count))
            case "input_request":
                prompt = content.get("prompt")
                part: dict[str, Value] = {
                    "kind": "asks",
                    "prompt": (prompt if isinstance(prompt, str) else "")
                    .encode("utf-8", "replace")
                    .decode()[:PROMPT_MAX],
                    "secret": content.get("password") is True,
                }
                self.output(run.id).add(part)
            case "execute_reply":
                self._reply(run, content, now_ms)

    def _status(self, run: Run | None, content: Mapping[str, Any], now_ms: int) -> None:
        state = content.get("execution_state")
        if state not in ("busy", "idle"):
            return
        before = self.records.get("kernel")
        if not isinstance(before, dict) or before.get("state") != state:
            self.tell_kernel(str(state), now_ms)
        if run is None or run.state != "runs":
            return
        if state == "busy" and not run.started_ms:
            self.put_run(run._replace(started_ms=now_ms))
        elif state == "idle" and (reply := self._reply_of(run)):
            self._end(run.id, reply, now_ms)
        elif state == "idle":
            self.records.put(f"run/{run.id}/idle", value=True)

    def _reply_of(self, run: Run) -> str:
        value = self.records.get(f"run/{run.id}/reply")
        return value if isinstance(value, str) else ""

    def _reply(self, run: Run, content: Mapping[str, Any], now_ms: int) -> None:
        """The kernel has done it; it is over once it is idle as well, for outputs may come until then."""
        if (count := count_of(content.get("execution_count"))) is not None:
            run = run._replace(number=count)
            self.put_run(run)
        status = content.get("status")
        state = "ok" if status == "ok" else "error" if status == "error" else "cancelled"
        if content.get("ename") == "KeyboardInterrupt":
            state = "interrupted"
        if self.records.get(f"run/{run.id}/idle") is True:
            self._end(run.id, state, now_ms)
        else:
            self.records.put(f"run/{run.id}/reply", state)
        if state != "ok":
            self._cancel_of(run, now_ms)

    def _cancel_of(self, run: Run, now_ms: int) -> None:
        """A run has failed: those that the same person queued with it or after it are not run."""
        theirs = [name for name in self.queue if (other := self.run(name)) is not None and other.by == run.by]
        self.cancel(theirs, now_ms)

    def _end(self, name: str, state: str, now_ms: int, code: int | None = None) -> None:
        run = self.run(name)
        if run is None or run.is_over:
            return
        self.put_run(run._replace(state=cast(Any, state), ended_ms=now_ms, code=code))
        self.records.drop(f"run/{name}/reply")
        self.records.drop(f"run/{name}/idle")
        self._outputs.pop(name, None)
        shown = shown_run(self.records, run.cell)
        if shown is not None and shown.id != name:
            self.forget(name)

    def _exited(self, entry: Entry, now_ms: int) -> None:
        code = entry.content.get("code")
        code = code if isinstance(code, int) else None
        self.end_all("died", now_ms, code)
        self.tell_kernel("dead", now_ms, code=code)

    def _gap(self, entry: Entry) -> None:
        count = entry.content.get("count")
        if self.widgets.widgets.models:  # something of their states may be among what was lost
            self.records.put("asks_states", value=True)
        part: dict[str, Value] = {"kind": "gap", "count": count if isinstance(count, int) else 0}
        for key in ("start", "end"):
            value = entry.content.get(key)
            part[key] = float(value) if isinstance(value, (int, float)) else None
        for run in self.running():
            self.output(run.id).add(part)
            if self._reply_of(run):  # that it is idle may be among what was lost
                self._end(run.id, self._reply_of(run), int(entry.seconds * 1000))

    def output(self, name: str) -> _Output:
        found = self._outputs.get(name)
        if found is None:
            found = self._outputs[name] = _Output(self.records, name)
        return found

    # ------------------------------------------------------------------ displays with names

    def _display(self, run: str, kind: str, content: Mapping[str, Any]) -> None:
        data = content.get("data")
        name = _display_id(content)
        part = display_part(data if isinstance(data, dict) else {}, content.get("metadata"), name)
        if kind == "execute_result":
            part["result"] = True
            part["count"] = count_of(content.get("execution_count"))
        if name is not None:
            self._update(name, part)
        number = self.output(run).add(part)
        if name is not None:
            self._named().setdefault(name, []).append((run, number))

    def _update_display(self, content: Mapping[str, Any]) -> None:
        data, name = content.get("data"), _display_id(content)
        if name is not None:
            self._update(
                name, display_part(data if isinstance(data, dict) else {}, content.get("metadata"), name)
            )

    def _update(self, name: str, part: Mapping[str, Value]) -> None:
        """Replace every display of a name that is still there."""
        for run, number in self._named().get(name, ()):
            before = self.records.get(part_key(run, number))
            if isinstance(before, dict) and before.get("id") == name:
                kept: dict[str, Value] = {key: before[key] for key in ("result", "count") if key in before}
                self.output(run).replace(number, {**part, **kept})

    def _named(self) -> dict[str, list[tuple[str, int]]]:
        if self._displays is None:
            self._displays = {}
            for key in self.records.keys():  # noqa: SIM118 - it is no dictionary
                kind, _, rest = key.partition("/")
                run, _, tail = rest.partition("/")
                if kind != "run" or not tail.isdigit():
                    continue
                part = self.records.get(key)
                name = part.get("id") if isinstance(part, dict) else None
                if isinstance(name, str):
                    self._displays.setdefault(name, []).append((run, int(tail)))
        return self._displays


_OUTPUTS: Final = frozenset(("stream", "display_data", "execute_result", "error", "clear_output"))
_COMMS: Final = frozenset(("comm_open", "comm_msg", "comm_close"))


def _display_id(content: Mapping[str, Any]) -> str | None:
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) and len(name) <= 200 else None
