"""The screen of the demonstration: an editor for each person side by side, and below them the lines and the lesson."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip

from jpterm_like.client.events import LineMessage
from jpterm_like.config import Settings
from jpterm_like.demo.lessons import Lesson
from jpterm_like.demo.stage import Person, Stage
from jpterm_like.sync.inspection import describe_changes
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.commands import pairs
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.screen import FixedStrip, Rows
from jpterm_like.tui.text.cells import clean, cut, width_of
from jpterm_like.tui.workspace import Opening, Pane

DELAYS_S: Final = (0.0, 0.08, 0.4, 2.0)
"""What one can choose from."""
CUTS_EVERY_S: Final = 20.0
"""How long a line with cuts holds before it is cut for CUT_S."""
CUT_S: Final = 3.0
LOOK_S: Final = 0.1
"""How often the lines and the panel are shown anew."""
PANEL_HEIGHT: Final = 7
KEYS: Final = {
    "f2": "next step",
    "f3": "other person",
    "f4": "under the hood",
    "f12": "pause or resume",
    "f5": "cut or join",
    "f8": "one message",
    "f7": "delay",
    "f6": "cuts",
    "ctrl+q": "quit",
}


class Words(Rows):
    """Rows of words over the whole width."""

    DEFAULT_CSS = f"""
    Words#panel {{ height: {PANEL_HEIGHT}; width: 100%; }}
    Words.head {{ height: 1; width: 100%; }}
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown: list[tuple[str, Style]] = []

    def show(self, rows: list[tuple[str, Style]]) -> None:
        if rows != self.shown:
            self.shown = rows
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        text, style = self.shown[y] if y < len(self.shown) else ("", Style())
        text = cut(text, width)
        return FixedStrip([Segment(text + " " * (width - width_of(text)), style)], width)


class DemoApp(EditorApp):
    """The app.

    Args:
        stage: the server and the people; they are started and closed with the app.
        lesson: the lesson to play; None: the people are free.
        number: of the lesson.
        key_s: the time between two keys of the lesson.
    """

    def __init__(
        self,
        stage: Stage,
        lesson: Lesson | None,
        number: int = 0,
        *,
        theme: str | None = None,
        key_s: float,
    ) -> None:
        self.stage = stage
        self.lesson = lesson
        self.number = number
        self.step = -1
        """The step that was done last; -1: none yet."""
        self._key_s = key_s
        self._is_acting = False
        self._heads: list[Words] = []
        self._panel = Words("panel")
        self._latest: dict[str, LineMessage] = {}
        """The last message with text of each person's line."""
        self._in_words: dict[str, tuple[LineMessage, str]] = {}
        """The same in words, once it was shown."""
        self._cuts: dict[str, asyncio.Task[None]] = {}
        settings = Settings(signs="none", completion="off", line_numbers=False, announce=False)
        super().__init__([Opening(person.session) for person in stage.people], settings, theme=theme)
        for person in stage.people:
            person.session.watch_line(self._noter(person))

    # ------------------------------------------------------------------ the screen

    def begin(self, openings: Sequence[Opening]) -> None:
        super().begin(openings)
        halves = []
        for editor in self.editors:
            head = Words()
            head.add_class("head")
            self._heads.append(head)
            editor.display = True
            halves.append(Pane(head, editor, classes="half"))
        self.tab_line.display = False
        self.views = Pane(*halves, id="views", classes="beside")
        self.body = Pane(self.views, id="body")

    def compose(self) -> Iterator[Rows | Pane]:
        yield self.body
        yield self._panel
        yield self.status_bar

    def on_mount(self) -> None:
        self.stage.start_server()
        super().on_mount()
        self.set_interval(LOOK_S, self.look)
        self.look()

    async def on_unmount(self) -> None:
        await super().on_unmount()
        for task in self._cuts.values():
            task.cancel()
        await self.stage.close()

    def arrange_views(self, width: int) -> None:
        """The people always stand side by side."""

    def show(self, editor: Editor) -> None:
        super().show(editor)
        for other in self.editors:
            other.display = True
            other.share_caret()
        self.look()

    def update_tabs(self) -> None:
        """There are no tabs."""

    def _noter(self, person: Person) -> Callable[[LineMessage], None]:
        def note(message: LineMessage) -> None:
            if message.changes:
                self._latest[person.name] = message

        return note

    def look(self) -> None:
        """Show the lines, and what the server has, as they are now."""
        palette = self.palette
        for person, editor, head in zip(self.stage.people, self.editors, self._heads, strict=True):
            if person.session.caret is None:
                editor.share_caret()  # once the text has come: only the editor with the keyboard does that itself
            style = palette.bar_strong if editor is self._current else palette.bar
            if person.is_away:
                style = palette.warning
            head.show([(f" {person.name}  {self._line(person)}", style)])
        width = max(20, self.size.width - 2)
        rows: list[tuple[str, Style]] = []
        if self.lesson is not None:
            says = wrap(self._says(), width)
            rows += [
                (f" {row}", palette.bar_strong if not at else palette.text) for at, row in enumerate(says[:3])
            ]
        rows += [(f" {row}", palette.text) for row in self._states()]
        rows = rows[: PANEL_HEIGHT - 1]
        rows += [("", palette.text)] * (PANEL_HEIGHT - 1 - len(rows))
        self._panel.show([*rows, (f" {self._keys(width)}", palette.muted)])

    def _line(self, person: Person) -> str:
        session = person.session
        waits = session.sent.missing(session.version)
        keeps = f", keeps {waits}" if waits else ""
        if session.status.is_paused:
            return f"‖ paused{keeps}"
        if person.line.is_cut:
            return f"○ cut{keeps}"
        if session.status.state != "connected":
            return f"○ no server{keeps}"
        cuts = ", cuts" if person.name in self._cuts else ""
        return f"● {person.line.delay_s * 1000:.0f} ms{cuts}"

    def _says(self) -> str:
        assert self.lesson is not None
        steps = self.lesson.steps
        head = f"Lesson {self.number}, {self.lesson.title}"
        if self.step < 0:
            return f"{head}. f2 begins."
        end = "" if self.step + 1 < len(steps) else "  The end."
        return f"{head}, step {self.step + 1} of {len(steps)}: {steps[self.step].says}{end}"

    def _states(self) -> Iterator[str]:
        """What the server has of whom, who lacks how much, and the latest message of each line."""
        server, people = self.stage.server, self.stage.people
        if server is None:
            yield "The server is dead."
        elif (opened := server.documents.by_name.get("lesson.md")) is None:
            yield "The server has closed the text: nobody is in it."
        else:
            version = opened.document.pad.buffer.version
            has = ", ".join(f"{version.get(it.session.buffer.site)} of {it.name}" for it in people)
            lacking = [(it.name, it.session.version.missing(version)) for it in people]
            lacks = ", ".join(f"{name} lacks {count}" for name, count in lacking if count)
            yield f"The server has {has}{'; ' if lacks else ''}{lacks}."
        for person in people:
            if (latest := self._latest.get(person.name)) is not None:
                known, told = self._in_words.get(person.name, (None, ""))
                if known is not latest:
                    told = clean(describe_changes(latest.changes, person.session.buffer), 120)
                    self._in_words[person.name] = latest, told
                way = "─▶ server" if latest.is_sent else "◀─ server"
                yield f"{person.name} {way}  {latest.size_bytes} B  {told}"

    def _keys(self, width: int) -> str:
        wanted = [(key, told) for key, told in KEYS.items() if self.lesson is not None or key != "f2"]
        text = "  ".join(f"{key} {told}" for key, told in wanted)
        while width_of(text) > width and len(wanted) > 3:
            del wanted[-2]
            text = "  ".join(f"{key} {told}" for key, told in wanted)
        return text

    # ------------------------------------------------------------------ keys

    async def on_event(self, event: events.Event) -> None:
        if (
            isinstance(event, events.Key)
            and not event.is_forwarded
            and event.key in KEYS
            and event.key != "ctrl+q"
        ):
            event.stop()
            event.prevent_default()
            self._on_demo_key(event.key)
            self.look()
            return
        await super().on_event(event)

    def _on_demo_key(self, key: str) -> None:
        at = 0 if self._current is None else self.editors.index(self._current)
        person = self.stage.people[at]
        session, line = person.session, person.line
        if key == "f2":
            self.run_worker(self.next_step(), exit_on_error=False)
        elif key == "f3":
            self.show(self.editors[(at + 1) % len(self.editors)])
        elif key == "f4":
            self.do_inspect()
        elif key == "f12":
            (session.retry_now if session.status.is_paused else session.pause)()
        elif key == "f8":
            session.let_one_through()
        elif key == "f5":
            self._toggle_cut(person)
        elif key == "f6":
            self._toggle_cuts(person)
        else:
            delay = DELAYS_S.index(line.delay_s)
            line.delay_s = DELAYS_S[(delay + 1) % len(DELAYS_S)]

    def _toggle_cut(self, person: Person) -> None:
        if person.line.is_cut:
            person.join()
        else:
            person.line.cut()

    def _toggle_cuts(self, person: Person) -> None:
        task = self._cuts.pop(person.name, None)
        if task is not None:
            task.cancel()
            person.join()
            return

        async def cut_again_and_again() -> None:
            while True:
                person.line.cut()
                await asyncio.sleep(CUT_S)
                person.join()
                await asyncio.sleep(CUTS_EVERY_S)

        self._cuts[person.name] = asyncio.create_task(cut_again_and_again())

    def leave(self, code: int) -> None:
        self.exit(0, return_code=0)

    def do_quit(self) -> None:
        self.leave(0)

    def do_close_file(self) -> None:
        self.leave(0)

    def do_split(self) -> None:
        self.say("There are people beside each other already.")

    def do_split_beside(self) -> None:
        self.do_split()

    # ------------------------------------------------------------------ lessons

    @property
    def is_over(self) -> bool:
        """Whether the lesson's last step is done."""
        return self.lesson is None or self.step + 1 >= len(self.lesson.steps)

    async def next_step(self) -> None:
        """Do the next step of the lesson, and wait until everybody has what can come."""
        if self._is_acting or self.is_over:
            return
        assert self.lesson is not None
        self._is_acting = True
        try:
            await self.stage.settle()
            self.step += 1
            self.look()
            for line in self.lesson.steps[self.step].does:
                await self._do(line)
            await self.stage.settle()
        finally:
            self._is_acting = False
        self.look()

    async def _do(self, line: str) -> None:
        first, _, rest = line.partition(" ")
        if first == "kill":
            await self.stage.kill_server()
        elif first == "start":
            self.stage.start_server()
            for person in self.stage.people:
                person.session.retry_now()
        elif first in ("cut", "join", "pause", "resume"):
            person = next(it for it in self.stage.people if it.name == rest)
            if first == "cut":
                person.line.cut()
            elif first == "pause":
                person.session.pause()
            else:
                person.join()
        else:
            editor = next(it for it in self.editors if it.session.name == first)
            if editor is not self._current:
                self.show(editor)
            await self._write(editor, *rest.split(" ", 1))
            return
        await self.stage.settle()
        self.look()

    async def _write(self, editor: Editor, verb: str, what: str = "") -> None:
        text = editor.session.buffer.text
        if verb in ("after", "before", "start", "end"):
            at = {"start": 0, "end": max(0, len(text) - 1)}.get(verb, text.find(what))
            assert at >= 0, f"there is no {what!r} in {text!r}"
            editor.cursor.put(at + len(what) * (verb == "after"))
            editor.finish()
        elif verb == "types":
            for sign in what:
                if sign == "⏎":
                    editor.run("newline")
                else:
                    pairs.type_text(editor, sign)
                await self._pause()
        elif verb == "deletes":
            for _ in range(int(what)):
                editor.run("delete_left")
                await self._pause()
        else:
            assert verb == "undoes", verb
            editor.run("undo")
            await self._pause()

    async def _pause(self) -> None:
        self.look()
        await asyncio.sleep(self._key_s)
