"""Under the hood: a pane beside the text with the runs at the caret, the sites and who lacks what, and the messages on the line.

Imported on first use, and alive only while it is shown. It looks at the text some times a second, never in a key's way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from textwrap import wrap
from time import monotonic
from typing import Final, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from jpterm_like.client.events import Guest, LineMessage
from jpterm_like.errors import JptermError
from jpterm_like.sync.inspection import (
    Run,
    describe_changes,
    find_letter,
    labels,
    quoted,
    runs_around,
    site_states,
)
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.render.row import fit_words
from jpterm_like.tui.render.screen import Rows
from jpterm_like.tui.text.cells import clean, cut, width_of

LOOK_S: Final = 0.1
"""How often the text is looked at."""
TYPING_S: Final = 0.5
"""How often the pane is drawn while every look finds something else, as when somebody types: a key may have to wait for it."""
REST_SHARE: Final = 4
"""After it was drawn, the pause is at least this many times as long as that took."""
ASK_S: Final = 2.0
"""How often the server is asked who lacks what, while something happens."""
BESIDE_WIDTH_MIN: Final = 100
"""The narrowest screen with the pane beside the text; on narrower ones it is below."""
MESSAGES_KEPT: Final = 200
ID_LENGTH_MAX: Final = 100

UNTOLD: Final = ("Ping", "Pong", "Guests", "GuestList")
"""Messages that are left out: signs of life, and what this pane itself asks."""

Part = Literal["runs", "sites", "line"]
PARTS: Final[tuple[Part, ...]] = ("runs", "sites", "line")

WORDS: Final = (
    (
        "operation",
        "One letter that was typed, deleted or brought back. Each is kept for ever, with who did it.",
    ),
    (
        "site",
        "One opening of the text: a person at a screen, until they close it. It has a number that nobody else has.",
    ),
    (
        "clock",
        "The number of an operation in its site: 0, 1, 2. Site and clock together name a letter for ever.",
    ),
    (
        "run",
        "Neighbouring letters of one site that were typed one after the other. Only a way to store them: no letter minds.",
    ),
    ("id", "Site and clock of the run's first letter."),
    ("n", "How many letters the run has."),
    (
        "level",
        "1 when typed. Deleting makes it 2, bringing back 3, deleting again 4: odd is shown, even is gone.",
    ),
    (
        "parent",
        "The letter after which the run was typed. It is the same for everybody, so all put the run at one place.",
    ),
    (
        "counter",
        "Who comes first among those with one parent: the higher counter; with equal ones the smaller site.",
    ),
    ("gone", "A deleted letter (in [- -]) stays as a tombstone, since somebody may be typing behind it now."),
    (
        "tree",
        "Runs below their parents. Read from top to bottom it is the text; │ goes on with the run above.",
    ),
    ("here", "Operations of the site that this screen has."),
    ("server", "Operations of the site that the server has, as far as was sent or received."),
    ("disk", "Operations of the site that are on the server's disk: these no crash can take."),
    ("lacks", "How many operations the server has not sent to that opening yet. Only owners are told."),
    (
        "line",
        "The connection to the server. ▶ was sent, ◀ came. Changes carry operations, Shown a caret; Stored says what is on the disk.",
    ),
    (
        "Hello",
        "How a connection begins: both say who they are (Hello, Welcome, Server), which text is meant and how much of it they have "
        "(Known, Held, Open; Document, Opened).",
    ),
    ("Stored, Saved", "The server says what is on its disk, and what is in the plain file."),
    ("Check", "Compares the texts of both sides now and then. They must be equal."),
    ("FileForm, Notice", "What the plain file is written in; a sentence for people."),
    ("Done, Refuse", "Answers to what was asked, as Save."),
    ("Bye", "Ends the connection, and says why."),
    (
        "pause",
        "The line rests: you write unseen. What waits is sent when it is resumed, and nothing is lost.",
    ),
    (
        "n: one",
        "Lets one message of the text through while paused: of the others if one waits, else a word of yours.",
    ),
)
"""Each word of the pane, explained."""


class Inspector(Rows, can_focus=True):
    """The pane."""

    DEFAULT_CSS = """
    Inspector#inspector {
        width: 1fr;
        height: 100%;
    }
    """

    def __init__(self, current: Callable[[], Editor | None], leave: Callable[[], None]) -> None:
        super().__init__(id="inspector")
        self.rows: list[list[Segment]] = []
        self.part: Part = "runs"
        self.is_tree = False
        self.explains = False
        self.sought: str | None = None
        """The id to go to, while it is typed."""
        self.guests: dict[int, Guest] = {}
        self.refusal = ""
        """Why it is not known who lacks what."""
        self._current = current
        self._leave = leave
        self._session: EditorSession | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._messages: deque[LineMessage] = deque(maxlen=MESSAGES_KEPT)
        self._described: dict[bytes, str] = {}
        """The operations of those messages in words, once they were shown."""
        self._count = 0
        self._scroll = 0
        self._seen: object = None
        """What was so at the last look."""
        self._drawn: object = None
        """What the pane shows, and since when."""
        self._drawn_at = 0.0
        self._rest_until = 0.0
        self._asked: object = None
        self._asked_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    # Life

    def on_mount(self) -> None:
        self.stand(self.app.size.width)
        self.set_interval(LOOK_S, self.look)

    def on_unmount(self) -> None:
        if self.parent is not None:
            self.parent.remove_class("below")
        self._stop_watching()
        if self._asking is not None:
            self._asking.cancel()

    def on_resize(self) -> None:
        self.stand(self.app.size.width)
        self.look(now=True)

    def stand(self, width: int) -> None:
        """Stand beside the text, or below it on a screen of this width."""
        if self.parent is not None:
            self.parent.set_class(width < BESIDE_WIDTH_MIN, "below")

    def on_focus(self) -> None:
        self.look(now=True)

    def on_blur(self) -> None:
        self.look(now=True)

    def _follow(self, session: EditorSession) -> None:
        """Look at another text."""
        self._stop_watching()
        self._session = session
        self._messages.clear()
        self._described.clear()
        self.guests, self.refusal, self._asked = {}, "", None
        self._stop_watching = session.watch_line(self._note)

    def _note(self, message: LineMessage) -> None:
        if message.kind not in UNTOLD:
            self._messages.append(message)
            self._count += 1

    def look(self, now: bool = False) -> None:
        """Show what is so now, if anything is different."""
        editor = self._current()
        clock = monotonic()
        if editor is None or not self.size or (clock < self._rest_until and not now):
            return
        session = editor.session
        if session is not self._session:
            self._follow(session)
        if not session.ready:
            return
        self._ask_guests(session, clock)
        seen = (
            *(session.buffer.version.total, editor.cursor.caret, session.status, session.unsent, self._count),
            *(
                self.size,
                self.part,
                self.is_tree,
                self.explains,
                self.sought,
                self._scroll,
                self.has_focus,
                editor.palette,
            ),
            *(tuple(self.guests.values()), self.refusal, session.sent.total, session.stored_version.total),
        )
        is_quiet, self._seen = seen == self._seen, seen
        if not now and (seen == self._drawn or (not is_quiet and clock < self._drawn_at + TYPING_S)):
            return
        self._drawn, self._drawn_at = seen, clock
        old, self.rows = self.rows, self._lay(editor)
        self._rest_until = clock + REST_SHARE * (monotonic() - clock)
        if len(old) != len(self.rows):
            self.refresh()
        elif changed := [y for y, row in enumerate(self.rows) if row != old[y]]:
            self.refresh(*[Region(0, y, self.size.width, 1) for y in changed])

    def _ask_guests(self, session: EditorSession, clock: float) -> None:
        state = (session.buffer.version.total, session.sent.total, len(session.people), session.status.state)
        if session.status.state != "connected":
            self.guests, self._asked = {}, None  # it is not known now
            return
        if self._asking is not None:
            return
        if self._asked is not None and (state == self._asked or clock < self._asked_at + ASK_S):
            return
        self._asked, self._asked_at = state, clock
        self._asking = asyncio.create_task(self._ask(session))

    async def _ask(self, session: EditorSession) -> None:
        try:
            found = await session.guests()
            self.guests, self.refusal = {guest.site: guest for guest in found}, ""
        except JptermError as problem:
            self.guests, self.refusal = {}, str(problem)
        finally:
            self._asking = None

    # Keys

    def on_key(self, event: events.Key) -> None:
        editor = self._current()
        if editor is None:
            return
        key = event.character if event.character and event.character.isprintable() else event.key
        command = editor.keymap.command(event.key)
        session = editor.session
        if self.sought is not None:
            self._seek(editor, self.sought, event)
        elif event.key == "escape":
            if self.explains:
                self.explains = False
            else:
                self._leave()
        elif key == "q":
            self.app.do_inspect()  # type: ignore[attr-defined]
        elif key == "?":
            self.explains, self._scroll = not self.explains, 0
        elif key == "t":
            self.is_tree, self.part, self.explains = not self.is_tree, "runs", False
        elif event.key == "tab":
            self.part, self.explains = PARTS[(PARTS.index(self.part) + 1) % len(PARTS)], False
        elif event.key in ("up", "down", "pageup", "pagedown"):
            step = 1 if event.key in ("up", "down") else max(1, self.size.height - 3)
            self._scroll = max(0, self._scroll + (step if "down" in event.key else -step))
        elif key == " ":
            (session.retry_now if session.status.is_paused else session.pause)()
        elif key == "n":
            session.let_one_through()
        elif key == "g":
            self.sought, self.explains = "", False
        elif command is not None and hasattr(self.app, f"do_{command}"):
            getattr(self.app, f"do_{command}")()
        else:
            return
        event.stop()
        event.prevent_default()
        self.look(now=True)

    def _seek(self, editor: Editor, sought: str, event: events.Key) -> None:
        """Take a key of the id to go to."""
        if event.key == "escape":
            self.sought = None
        elif event.key == "backspace":
            self.sought = sought[:-1]
        elif event.key == "enter":
            self.sought = None
            offset = find_letter(editor.session.buffer, sought)
            if offset is None:
                editor.say(f"No letter has the id “{clean(sought, 40)}”.")
            else:
                editor.jump(editor.text_layout.snap(offset))
        elif event.character and event.character.isprintable():
            self.sought = (sought + event.character)[:ID_LENGTH_MAX]

    # Rows

    def render_line(self, y: int) -> Strip:
        editor = self._current()
        style = Style() if editor is None else editor.palette.text
        if y >= len(self.rows):
            return Strip.blank(self.size.width, style)
        return Strip(self.rows[y]).adjust_cell_length(self.size.width, style)

    def _lay(self, editor: Editor) -> list[list[Segment]]:
        width, height = self.size.width, self.size.height
        session, palette = editor.session, editor.palette
        buffer = session.buffer
        room = width - 2

        def row(text: str, style: Style = palette.text) -> list[Segment]:
            edge = palette.bar_strong if self.has_focus else palette.muted
            return fit_words([("│", edge), (f" {text}", style)], width, style)

        version = buffer.version
        head = f"{len(buffer):,} letters  {version.total:,} operations  {len(version):,} sites"
        rows = [row(head, palette.bar_strong)]
        rows.append(
            row(self._line_words(session), palette.warning if session.status.is_paused else palette.text)
        )
        free = height - len(rows) - 1
        if self.explains:
            lines = [
                line
                for word, told in WORDS
                for line in wrap(f"{word}: {told}", room, subsequent_indent="    ")
            ]
            self._scroll = max(0, min(self._scroll, len(lines) - free))
            rows += [row(line) for line in lines[self._scroll : self._scroll + free]]
        else:
            shows: Sequence[Part] = PARTS if free >= 24 else (self.part,)
            share = free // 4 if len(shows) > 1 else free
            sizes = {"sites": min(share, 8), "line": share} if len(shows) > 1 else {self.part: free}
            sizes.setdefault("runs", free - sum(sizes.values()))
            for part in shows:
                size = sizes[part]
                made = {"runs": self._runs, "sites": self._sites, "line": self._line}[part](
                    editor, room, size - 1
                )
                rows.append(row(made[0][0], palette.muted + Style(underline=True)))
                rows += [row(text, style) for text, style in made[1:size]]
                rows += [row("") for _ in range(size - min(size, len(made)))]
        rows += [row("") for _ in range(height - 1 - len(rows))]
        return [*rows[: height - 1], row(self._keys(room), palette.muted)]

    def _keys(self, room: int) -> str:
        if self.sought is not None:
            return f"id: {self.sought}▏  enter goes there  esc back"
        if self.explains:
            return "↑↓ scroll  ? or esc back"
        pause = "space resume  n one message" if self._is_paused else "space pause"
        for keys in (
            f"t {'table' if self.is_tree else 'tree'}  g go to id  tab next  {pause}  ? words explained  esc to the text",
            f"t tree  g go to id  tab next  {pause}  ? words",
            f"t tree  tab next  {pause}  ? words",
            f"t  tab  {pause}  ?",
        ):
            if width_of(keys) <= room:
                return keys
        return "t tab space n ?"

    @property
    def _is_paused(self) -> bool:
        return self._session is not None and self._session.status.is_paused

    def _line_words(self, session: EditorSession) -> str:
        sent, version = session.sent, session.buffer.version
        waits = 0 if sent.total == version.total else sent.missing(version)
        if session.status.is_paused:
            return f"line paused, keeps {waits:,} {'operation' if waits == 1 else 'operations'}"
        if session.status.state != "connected":
            return f"line {session.status.state}, keeps {waits:,}"
        return "line open" if not waits else f"line open, {waits:,} to send"

    def _runs(self, editor: Editor, room: int, size: int) -> list[tuple[str, Style]]:
        buffer, palette = editor.session.buffer, editor.palette
        above = max(0, (size - 1) // 3)
        runs, at = runs_around(buffer, editor.cursor.caret, above, max(0, size - above - 1))
        sites = {it.view.site for it in runs} | {
            it.view.parent[0] for it in runs if it.view.parent is not None
        }
        names = labels(buffer, sites)
        if self.is_tree:
            rows = [("  the tree around the caret (▸)", palette.text)]
        else:
            rows = [(_run_row(room, " ", "id", "n", "level", "parent", "counter", "text"), palette.text)]
        for index, run in enumerate(runs):
            view = run.view
            is_shown = view.level & 1
            text = clean(quoted(view.text), 60)
            text = text if is_shown else f"[-{text[1:-1]}-]"
            style = palette.text if is_shown else palette.muted + Style(strike=True)
            if index == at:
                style += Style(bold=True)
            mark = "▸" if index == at else " "
            id = f"{clean(names[view.site], 16)}:{view.clock}"
            if self.is_tree:
                rows.append((f"{mark} {_branch(run)}{text}  {id}", style))
                continue
            parent = (
                "start" if view.parent is None else f"{clean(names[view.parent[0]], 16)}:{view.parent[1]}"
            )
            cells = (id, str(len(view.text)), str(view.level), parent, f"{view.counter:,}", text)
            rows.append((_run_row(room, mark, *cells), style))
        return rows

    def _sites(self, editor: Editor, room: int, size: int) -> list[tuple[str, Style]]:
        session, palette = editor.session, editor.palette
        states = site_states(
            session.buffer, session.sent, session.stored_version, self.guests, max(0, size - 1)
        )
        names = labels(session.buffer, (it.site for it in states))
        rows = [(f"{'site':<12}{'here':>6}{'server':>7}{'disk':>6}  lacks", palette.text)]
        for it in states:
            guest = self.guests.get(it.site)
            mine = it.site == session.buffer.site
            lacks = "–" if guest is None else f"{guest.missing:,}" if guest.missing else "nothing"
            name = clean(names[it.site] if guest is None else guest.name or names[it.site], 40)
            name = cut(f"{name} (you)" if mine else name, 11)
            style = palette.text if it.here <= it.server else palette.warning
            rows.append((f"{name:<12}{it.here:>6,}{it.server:>7,}{it.disk:>6,}  {lacks}", style))
        more = len(session.buffer.version) - len(states)
        if more > 0:
            rows.append((f"and {more:,} more", palette.muted))
        if self.refusal:
            told = [
                (line, palette.muted) for line in wrap(f"Who lacks what: {clean(self.refusal, 200)}", room)
            ]
            rows = [*rows[: max(1, size - len(told))], *told]
        return rows

    def _line(self, editor: Editor, room: int, size: int) -> list[tuple[str, Style]]:
        palette = editor.palette
        rows = [("line, newest first (▶ sent, ◀ came)", palette.text)]
        for message in list(reversed(self._messages))[:size]:
            told = f"{'▶' if message.is_sent else '◀'} {message.kind} {message.size_bytes:,} B"
            if message.changes:
                told += f"  {self._describe(message.changes, editor.session)}"
            rows.append((told, palette.text if message.changes else palette.muted))
        if len(rows) == 1:
            rows.append(("nothing yet since this pane is open", palette.muted))
        return rows

    def _describe(self, changes: bytes, session: EditorSession) -> str:
        """The operations of a message in words; each message is read once."""
        told = self._described.get(changes)
        if told is None:
            if len(self._described) >= MESSAGES_KEPT:
                self._described.clear()
            told = self._described[changes] = clean(describe_changes(changes, session.buffer), 200)
        return told


def _branch(run: Run) -> str:
    """The lines before a run of the tree."""
    depth = min(run.depth, 12)
    if not depth:
        return ""
    return "  " * (depth - 1) + ("│ " if run.goes_on else "└─")


def _run_row(room: int, mark: str, id: str, n: str, level: str, parent: str, counter: str, text: str) -> str:
    """A row of the table; without room for them, parent and counter are left out."""
    if room >= 52:
        return f"{mark} {cut(id, 10):<11}{n:>4}{level[:5]:>6} {cut(parent, 10):<11}{counter[:7]:>7}  {text}"
    return f"{mark} {cut(id, 9):<10}{n:>3}{level[:3]:>4} {text}"
