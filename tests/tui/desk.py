"""Two people at one desk: the face of a session over real buffers that hear each other directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Literal

from crdt import Outcome, Patch, StepPart, TextBuffer, Version
from crdt.patch import Splice
from jpterm_like.client.events import (
    ApartChanged,
    Changed,
    Decided,
    Event,
    Guest,
    LineMessage,
    OutputsChanged,
    PeopleChanged,
    RequestFailed,
    Said,
    Status,
    StatusChanged,
    Whereabout,
)
from jpterm_like.config import KeyBinding
from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import UNKNOWN
from jpterm_like.files.encoding import Form
from jpterm_like.history.apart import Apart
from jpterm_like.history.decisions import Step
from jpterm_like.notebook.outputs import NOTHING, CellOutputs, Item
from jpterm_like.notebook.runs import Run
from jpterm_like.sync.presence import Person
from jpterm_like.sync.unsaved_work import (
    Discard,
    all_unsaved,
    my_unsaved,
    restorable_text,
    unsaved_authors_of,
    unsaved_of_others,
    unsaved_passages,
)
from jpterm_like.textdiff.diff import diff


class Desk:
    """A session whose wire is a method call. Not a mock: the text is the real replicated one."""

    def __init__(self, text: str = "", name: str = "ann", site: int = 1) -> None:
        self.buffer = TextBuffer.genesis(text, site=site, author=name)
        self.saved_version = self.buffer.version
        self.name = name
        self.colour: int | None = None
        self.site = site
        self.title = "notes.md"
        self.address = "/tmp/notes.md"
        self.ready = True
        self.role: Literal["edit", "view"] = "edit"
        self.status = Status("connected")
        self.unsent = 0
        self.saved = True
        self.calls = 0
        self._shown: tuple[int, int | None] = (0, None)
        self.is_new = False
        self.is_protected = False
        self.form: Form | None = Form(False, ("\n",))
        self.known = UNKNOWN
        self.file_time = ""
        self.made_folder = ""
        self.online = True
        self.now = 0.0
        """Wall-clock seconds for what is written from now on."""
        self.people: tuple[Person, ...] = ()
        self.neighbours: list[Desk] = []
        self.whereabouts: list[Whereabout] = []
        self.kicked: list[str] = []
        self.given_roles: list[tuple[int, str]] = []
        self.saves: list[str] = []
        self.refusal: JptermError | None = None
        self.started = self.closed = self.deleted = False
        self.retries = 0
        self.let_through = 0
        self.outputs: dict[str, CellOutputs] = {}
        """Of a notebook's cells, by their ids."""
        self.asked: list[tuple[str, ...]] = []
        """What its server was asked to do with cells and the kernel."""
        self.sent = self.buffer.version
        self.watchers: list[Callable[[LineMessage], None]] = []
        self.compared = 0
        self.comparing_fails = False
        self.notes: list[Discard] = []
        self.answers_soon = False
        self.committed: str | None = None
        self.apart: Apart | None = None
        self.steps: list[Step] = []
        self._listeners: list[Callable[[Event], None]] = []

    def join(self, other: Desk) -> None:
        for one, neighbour in ((self, other), (other, self)):
            one.neighbours.append(neighbour)
        self.meet(other)
        other.meet(self)

    # The session's face

    def replace(self, start: int, end: int, text: str) -> Patch:
        return self._mine(self.buffer.replace(start, end, text, self.now))

    def replace_all(self, splices: Sequence[Splice]) -> Patch:
        return self._mine(self.buffer.replace_all(splices))

    def undo(self) -> Patch | None:
        patch = self.buffer.undo(self.now)
        return None if patch is None else self._mine(patch)

    def undo_part(self, runs_max: int, *, again: bool, goes_on: bool) -> StepPart | None:
        part = self.buffer.undo_part(runs_max, self.now, again=again, goes_on=goes_on)
        if part is not None:
            self._mine(part.patch)
        return part

    def redo(self) -> Patch | None:
        patch = self.buffer.redo(self.now)
        return None if patch is None else self._mine(patch)

    def make(self, outcome: Outcome) -> Patch:
        patch = self.buffer.make(outcome, self.now)
        return self._mine(patch) if patch else patch

    def note_decisions(self) -> None:
        self.tell(Decided())

    def review_done(self) -> None:
        self.apart = None
        self.steps.clear()
        self.tell(ApartChanged())

    def break_undo(self) -> None:
        self.buffer.break_undo()

    def discard(self) -> bool:
        patch = self.buffer.revert(my_unsaved(self.buffer, self.saved_version))
        if patch:
            self._mine(patch)
        return bool(patch)

    def in_its_ids(self, text: str) -> str:
        return text

    def would_lose(self, text: str) -> dict[str, int]:
        return dict.fromkeys(self.others_unsaved, 0) | unsaved_passages(self.buffer, self.saved_version)

    async def reform(self, form: Form) -> None:
        await self.save()
        self.form = form
        self.tell(StatusChanged())

    async def read_again(self, charset: str) -> None:
        assert self.form is not None
        self.form = self.form._replace(charset=charset)
        self.tell(StatusChanged())

    def others_in(self, ranges: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        return tuple(unsaved_authors_of(self.buffer, self.saved_version, ranges))

    async def committed_text(self) -> str | None:
        return self.committed

    @property
    def can_notify(self) -> bool:
        return self.online

    async def go_back(self, text: str) -> None:
        begin = self.buffer.version[self.site]
        with self.one_step():
            patch = self.buffer.revert(all_unsaved(self.buffer, self.saved_version))
            self._mine(patch)
            for start, end, put in diff(self.buffer.text, text):
                self.replace(start, end, put)
        discard = Discard(self.site, begin, self.buffer.version[self.site])
        for one in (self, *self.neighbours):
            one.notes.insert(0, discard)

    def discards(self) -> list[Discard]:
        return [it for it in self.notes if restorable_text(self.buffer, it)]

    def bring_back(self, discard: Discard) -> None:
        if self.role == "view":
            raise JptermError("You may read this file, not write it.")
        self._mine(self.buffer.revert(discard.operations))

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        return tuple(unsaved_of_others(self.buffer, self.saved_version))

    @contextmanager
    def one_step(self) -> Iterator[None]:
        with self.buffer.one_step():
            yield

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def show_caret(self, caret: int, mark: int | None) -> None:
        self._shown = caret, mark
        anchor = self.buffer.anchor
        me = Person(
            self.site,
            self.name,
            anchor(caret),
            None if mark is None else anchor(mark),
            self.calls,
            self.colour,
        )
        for other in self.neighbours:
            other.meet_person(me)

    def introduce(self, name: str, colour: int | None) -> None:
        self.name, self.colour = name, colour
        self.show_caret(*self._shown)
        self.tell(PeopleChanged())

    def hide_caret(self) -> None:
        for other in self.neighbours:
            other.meet_person(Person(self.site, self.name, None, None, self.calls))

    def call(self) -> None:
        self.calls += 1
        self.show_caret(*self._shown)

    def send_to_this_server(self) -> None:
        raise JptermError("No other server answers here.")

    def begin_with_this_server(self) -> None:
        raise JptermError("No other server answers here.")

    def follow_outputs(self) -> None:
        """They are all here."""

    def outputs_of(self, cell: str) -> CellOutputs:
        return self.outputs.get(cell, NOTHING)

    kernel_line = ""

    async def run_cells(self, cells: Sequence[str]) -> tuple[str, ...]:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(("run", *cells))
        return tuple(f"run-{cell}" for cell in cells)

    async def command_kernel(self, verb: Literal["interrupt", "restart", "stop"]) -> None:
        self.asked.append((verb,))

    async def kernel_names(self) -> tuple[list[tuple[str, str]], str]:
        return [("ir", "R"), ("python3", "Python 3")], "ir"

    async def use_kernel(self, name: str) -> None:
        self.asked.append(("use", name))
        self.refusal = None

    async def answer_input(self, run: str, text: str) -> None:
        self.asked.append(("answer", run, text))

    async def move_widget(self, widget: str, attribute: str, value: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(("move", widget, attribute, repr(value)))

    async def clear_outputs(self, cells: Sequence[str]) -> None:
        self.asked.append(("clear", *cells))

    def shown_run(self, cell: str) -> Run | None:
        return Run(f"run-{cell}", cell, "ann", "runs", 0)

    def give(self, cell: str, badge: str, *items: Item, is_running: bool = False) -> None:
        """Have a cell give other outputs."""
        version = self.outputs_of(cell).version + 1
        self.outputs[cell] = CellOutputs(version, badge, items, is_running)
        self.tell(OutputsChanged(frozenset([cell])))

    async def everyone(self) -> list[Whereabout]:
        if not self.online:
            raise RequestFailed("No server.")
        return list(self.whereabouts)

    async def say_line(self, line: str) -> None:
        if not self.online:
            raise RequestFailed("Nobody was told.")
        for other in self.neighbours:
            other.tell(Said(self.name, line))

    async def kick(self, name: str) -> tuple[str, ...]:
        if self.refusal is not None:
            raise self.refusal
        self.kicked.append(name)
        return (name,)

    async def set_role(self, site: int, role: Literal["edit", "view"]) -> tuple[str, ...]:
        if self.refusal is not None:
            raise self.refusal
        self.given_roles.append((site, role))
        return ("bob", "carl")

    def pause(self) -> None:
        self.status = Status("offline", inf, is_paused=True)
        self.tell(StatusChanged())

    def let_one_through(self) -> None:
        self.let_through += 1

    async def guests(self) -> list[Guest]:
        if self.refusal is not None:
            raise self.refusal
        return [Guest(self.site, self.name, 0, 96), Guest(2, "bob", 12, 96)]

    def watch_line(self, watcher: Callable[[LineMessage], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    @property
    def stored_version(self) -> Version:
        return self.sent

    def retry_now(self) -> None:
        self.retries += 1
        if self.status.is_paused:
            self.status = Status("connected")
            self.tell(StatusChanged())

    async def start(self) -> None:
        self.started = True

    async def save(self) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.saves.append(self.buffer.text)
        for one in (self, *self.neighbours):
            one.saved_version = self.buffer.version
        self.saved = True
        self.tell(StatusChanged())
        return self.made_folder

    async def compare(self) -> None:
        if self.comparing_fails:
            raise RequestFailed("It cannot be told.")
        self.compared += 1
        if self.buffer.text == self.buffer.at(self.saved_version):
            self.saved = True
            self.tell(StatusChanged())

    async def informed(self) -> None:
        if not self.online:
            raise RequestFailed("No server.")

    async def delete_file(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.deleted = True

    async def settled(self) -> None:
        await asyncio.sleep(0)
        if self.answers_soon:
            self.unsent = 0

    async def wait_until_coming(self, timeout_s: float) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def close(self) -> None:
        self.closed = True

    # The other side

    def tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def meet(self, other: Desk) -> None:
        self.meet_person(Person(other.site, other.name, None, None))

    def meet_person(self, person: Person) -> None:
        self.people = (*(known for known in self.people if known.site != person.site), person)
        self.tell(PeopleChanged())

    def leave(self, site: int) -> None:
        self.people = tuple(known for known in self.people if known.site != site)
        self.tell(PeopleChanged())

    def receive(self) -> None:
        """Take in what the neighbours have."""
        for other in self.neighbours:
            patch = self.buffer.integrate(other.buffer.changes_since(self.buffer.version))
            if patch.splices:
                self.saved = False
                self.tell(Changed(patch, mine=False))

    def _mine(self, patch: Patch) -> Patch:
        self.saved = False
        self.tell(Changed(patch, mine=True))
        if self.online:
            for other in self.neighbours:
                other.receive()
        return patch


class Plain:
    """Settings as the editor wants them."""

    name: str | None = None
    colour = "auto"
    theme = "dark"
    soft_wrap = False
    tab_width = 4
    indent = "auto"
    auto_indent = True
    pairs = "auto"
    completion = "code"
    spelling = False
    spelling_language = ""
    continue_lists = True
    continue_comments = True
    wrap_width = 72
    scroll_margin = 0
    current_line = True
    whitespace = False
    ruler = 0
    announce = True
    file_tree = False
    mouse = True
    preset = "default"
    keys: tuple[KeyBinding, ...] = ()
    signs = "all"
    line_numbers = True
    problems: tuple[str, ...] = ()

    def __init__(self, **changes: object) -> None:
        self.__dict__.update(changes)
