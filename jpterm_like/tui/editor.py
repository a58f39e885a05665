"""The editor widget: keys and mouse in, rows of the screen out.

It owns no text. What I do goes to the session, which answers at once with a change, and the same way come the
changes of others; each is taken in by the sheet (rows), the view (what is on the screen), the cursor and the
crowd (the others' carets), and then those rows are painted that look different from before.

Not Textual's `TextArea`, and not a `ScrollView` either: the size of the whole text in rows of the screen is unknown
while lines wrap, and nobody needs it. The view scrolls itself and the last column is a scrollbar of its own, so an
edit never touches Textual's layout.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from crdt import Patch
from jpterm_like.client.events import Changed, Event, Notice, PeopleChanged, Reset, StatusChanged
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands.collaborators import Company
from jpterm_like.tui.commands.find import Finding
from jpterm_like.tui.commands.folding import Folding
from jpterm_like.tui.commands.mouse import Mouse
from jpterm_like.tui.commands.multiple_carets import Carets
from jpterm_like.tui.commands.navigation import Marks
from jpterm_like.tui.commands.prose import READABLE_WIDTH, Prose
from jpterm_like.tui.keymap import Keymap, key_label
from jpterm_like.tui.ports import EditorSession, EditorSettings
from jpterm_like.tui.render.diff import Change, Row, Scroll, find_scroll
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.people import Collaborators
from jpterm_like.tui.render.rows import DisplayOptions, Scene
from jpterm_like.tui.render.screen import (
    CLIPBOARD_BYTES_MAX,
    PaintedScreen,
    Painter,
    Rows,
    SteadyStrip,
    write_clipboard,
)
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import Sheet
from jpterm_like.tui.text.line_index import Lines
from jpterm_like.tui.text.search import Query
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.typeahead import typed
from jpterm_like.tui.widgets.messages import Messages
from jpterm_like.tui.widgets.status_bar import Here, Info, StatusBar

if TYPE_CHECKING:
    from jpterm_like.tui.commands.vi import Vi

log = logging.getLogger("jpterm_like.editor")

# So long may work be on its way to a server that answers before the bottom line speaks of it.
UNSENT_QUIET_S = 1.0

# What vi calls some commands.
EX = {
    "w": "save",
    "wa": "save_all",
    "q": "close_or_quit",
    "q!": "close_at_once",
    "e!": "revert",
    "qa": "quit",
    "wq": "save_and_close",
    "x": "save_and_close",
    "cq": "quit_in_vain",
    "bn": "next_file",
    "bp": "previous_file",
    "sp": "split",
    "vs": "split_beside",
    "only": "split",
    "u": "undo",
    "red": "redo",
    "h": "help",
    "help": "help",
}

# What others do is shown so often at most; what comes in between, together. My own keys wait for nothing.
FRAME_S = 1 / 30

# So long the lines of a large text are read at a time, and then so long the keyboard is looked at.
LINES_STEP_S = 0.002
LINES_PAUSE_S = 0.01

# Below this width line numbers would take too much of the row.
NUMBERS_WIDTH_MIN = 24


class Editor(Carets, Mouse, Finding, Company, Marks, Folding, Prose, can_focus=True):
    """A text that several people write in, and my caret in it."""

    @dataclass
    class Wanted(Message):
        """A file is to be opened, by a name beside this one."""

        written: str

    @dataclass
    class Renamed(Message):
        """The file has another name now."""

        editor: Editor

    @dataclass
    class Entered(Message):
        """This editor has the keyboard."""

        editor: Editor

    def __init__(
        self,
        session: EditorSession,
        palette: Palette,
        status: StatusBar,
        settings: EditorSettings,
        keymap: Keymap,
        clipboard: Clipboard,
        lines: Lines | None = None,
    ) -> None:
        """`lines`: see `Opening`."""
        super().__init__()
        self.session = session
        self.speaks = True
        """Whether the bottom line and the others are told where I am in this text; false while I am in another one."""
        self.palette = palette
        self.status = status
        self.messages = Messages()
        self.keymap = keymap
        self.clipboard = clipboard
        self.vi = self._new_vi() if keymap.preset == "vi" else None
        self.lands_at_start = self.vi is not None
        self._settings = settings
        self.form = ""
        """How the file's bytes are written, as the bottom line tells it."""
        self._first_key = ""
        self._tab_width = settings.tab_width
        self._wraps = settings.soft_wrap
        self._numbers = settings.line_numbers
        self.indent = settings.indent
        self.auto_indent = settings.auto_indent
        self.announces = settings.announce
        self._margin = settings.scroll_margin
        self._looks = DisplayOptions(settings.current_line, settings.whitespace, settings.ruler)
        self._known = Counter()
        self.text_x = 0
        self._reveal_first = False
        self._painter: Painter | None = None
        self._painted: list[Row] = []
        self._painted_width = 0
        self._contents: list[object] = []
        """What stands in those rows."""
        self._busy = False
        self._tick: asyncio.TimerHandle | None = None
        self._frame: asyncio.TimerHandle | None = None
        """When what others did is shown; None: there is nothing to show."""
        self._framed_at = 0.0
        self._tick_due = 0.0
        self._was_ready = session.ready
        self._reading: asyncio.TimerHandle | None = None
        """When more of the lines is read; None: they are known."""
        self._unsent_since: float | None = None
        self._forget: Callable[[], None] = lambda: None
        self.tell_news: Callable[[], None] = lambda: None
        """Called after each event of the session."""
        self._open(lines)
        # From now on, not from when it is seen: a text may be on its way.
        self._forget = session.listen(self._hear)

    def _open(self, lines: Lines | None = None) -> None:
        """Begin with the session's buffer as it now is."""
        buffer, self._address = self.session.buffer, self.session.address
        self.sheet = Sheet(buffer, self._tab_width, lines=lines)
        self.view = View(self.sheet, wraps=self._wraps, margin=self._margin)
        self.unseen_changes = UnseenChanges()
        self.cursor = Cursor(self.sheet)
        self.collaborators = Collaborators(buffer, len(self.palette.people))
        self.scene = Scene(
            self.sheet, self.view, self.cursor, self.collaborators, self.unseen_changes, self.palette
        )
        self.scene.display_options = self._looks
        self._edits = []
        self._put_off = []
        self.extras = self.scene.extras = []
        self._all = []
        self.bookmarks = []
        if self._painter is not None:
            self._fit()
            self._read_lines_soon()

    def _read_lines_soon(self) -> None:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().call_later(LINES_PAUSE_S, self._read_lines)

    def _read_lines(self) -> None:
        """Read where the lines end of which nobody has asked yet; the text from the beginning is let go of then."""
        self._reading = None
        until = monotonic() + LINES_STEP_S
        while self.sheet.lines.read_on():
            if monotonic() > until:
                self._read_lines_soon()
                return

    def _reopen(self, patch: Patch) -> None:
        """Go on in another buffer, at the places that the patch makes of ours."""
        caret, mark, top = self.cursor.caret, self.cursor.mark, self.view.top_offset
        self.stop_sweep()
        self.close_bar(stay=True)
        self._open()
        to = self.sheet.snap
        self.cursor.put(to(patch.map_offset(caret)), None if mark is None else to(patch.map_offset(mark)))
        self.view.top = (self.sheet.lines.row(patch.map_offset(top, before=True)), 0)
        self.collaborators.meet(self.session.people, monotonic())
        self.colour_anew()

    # Textual's side

    def on_mount(self) -> None:
        assert isinstance(self.screen, PaintedScreen)
        self._painter = self.screen.painter
        self._meet()
        self.call_after_refresh(self.colour_anew)  # grammars are loaded when the text is on the screen
        self._read_lines_soon()

    def _meet(self) -> None:
        clock = monotonic()
        self.hear(self.collaborators.meet(self.session.people, clock))
        self.note_people(clock)
        self.keep_following()

    def start_at(self, line: int, column: int) -> None:
        """Begin at a line and column, as people count, from 1; the nearest there is."""
        row = max(0, min(line - 1, len(self.sheet.lines) - 1))
        self.cursor.put(self.sheet.snap(self.sheet.lines.offset(row, max(0, column - 1))))
        self._reveal_first = True

    def begin_like(self, other: Editor) -> None:
        """Begin where another editor of the same text is."""
        self.form = other.form
        self.cursor.put(other.cursor.caret, other.cursor.mark)
        self.view.scroll_to(other.view.top_offset, other.view.left)
        self._reveal_first = True

    def turn_to(self, other: Editor) -> None:
        """Show another editor's text from now on, from where it is seen there."""
        self.close_bar(stay=True)
        self.stop_sweep()
        self._forget()
        self.session = other.session
        self._forget = self.session.listen(self._hear)
        self._open()
        self._meet()
        self.begin_like(other)
        self.view.reveal(self.cursor.caret)
        self.colour_anew()
        self.update(now=False)

    def on_unmount(self) -> None:
        self._forget()
        self.stop_colouring()
        for timer in (self._tick, self._frame, self._reading):
            if timer is not None:
                timer.cancel()

    def on_resize(self) -> None:
        row, section, _ = self.view.locate(self.cursor.caret)
        caret_was_visible = self._reveal_first or self.view.y(row, section) is not None
        self._reveal_first = False
        self._fit()
        if caret_was_visible:
            self.view.reveal(self.cursor.caret)
        self.update(now=False)
        self.call_after_refresh(self.update, False)  # the bottom line has its new width only now

    def _fit(self) -> None:
        width, height = self.size
        self.text_x = self._gutter(width)
        self.view.resize(self._text_width(width, self.text_x), height)

    def on_show(self) -> None:
        """In sight again: what has happened meanwhile was not painted."""
        self._painted = []
        self.update(now=False)

    def on_focus(self) -> None:
        self.post_message(self.Entered(self))
        self.update(now=False)

    def on_blur(self) -> None:
        if self._painter is not None and self.speaks:
            self._painter.paint({}, None, now=False)

    def leave(self) -> None:
        """I go to another text."""
        self.speaks = False
        self.stop_following()
        self.end_typing()
        if self.vi is not None:
            self.vi.clicked()
        self.close_bar(stay=True)
        self.update(now=False)

    def render_line(self, y: int) -> Strip:
        if y < len(self._painted):
            return SteadyStrip(self._painted[y], self._painted_width)
        return Strip.blank(self.size.width, self.palette.text)

    def use_palette(self, palette: Palette) -> None:
        """Paint with another theme from now on."""
        self.palette = self.status.palette = palette
        self.collaborators.colours = len(palette.people)
        self.collaborators.meet(self.session.people, monotonic())
        self.scene.use_palette(palette)
        self.update(now=False)

    def use_settings(self, settings: EditorSettings) -> None:
        """Go by other settings, and the keymap as it now is. What a key has changed stays, unless its setting is another one."""
        before, self._settings = self._settings, settings
        self.indent, self.auto_indent, self.announces = (
            settings.indent,
            settings.auto_indent,
            settings.announce,
        )
        self._margin = self.view.margin = settings.scroll_margin
        if settings.tab_width != self._tab_width:
            self._tab_width = settings.tab_width
            self.sheet.use_tab_width(settings.tab_width)
            self.scene.forget()
        if settings.soft_wrap != before.soft_wrap:
            self._wraps = settings.soft_wrap
        if settings.line_numbers != before.line_numbers:
            self._numbers = settings.line_numbers
        if settings.whitespace != before.whitespace:
            self._looks = self._looks._replace(whitespace=settings.whitespace)
        self._looks = self._looks._replace(current_line=settings.current_line, ruler=settings.ruler)
        self.scene.display_options = self._looks
        if (self.vi is not None) != (self.keymap.preset == "vi"):
            if self.vi is not None:
                self.vi.clicked()
            self.vi = self._new_vi() if self.vi is None else None
            self.lands_at_start = self.vi is not None
        self.view.set_wraps(self._wraps)
        self._fit()
        self.view.reveal(self.cursor.caret)
        self.update(now=False)

    def _new_vi(self) -> Vi:
        from jpterm_like.tui.commands.vi import Vi  # few want it

        return Vi(self)

    # What the session tells

    def _hear(self, event: Event) -> None:
        """Follow the session; after a mistake of ours in that, begin anew with its text as it now is."""
        try:
            self._on_session(event)
        except Exception:
            log.exception("the editor could not follow and begins anew")
            length = len(self.session.buffer)
            self.cursor.put(min(self.cursor.caret, length))
            try:
                self._reopen(Patch())
            except Exception as problem:
                # What is on the screen is not the text any more, and nobody may type into that: the program ends.
                self.app.call_later(_fail, problem)
                raise
            self.say("jpterm-like made a mistake in showing a change; the text is shown anew.", serious=True)

    def _on_session(self, event: Event) -> None:
        match event:
            case Changed(patch, mine):
                changes = self.sheet.follow(patch)
                if self._was_ready:  # what comes before is no change
                    self.unseen_changes.follow(self.sheet.lines, patch, changes, mine)
                self.follow_colours(patch, changes)
                self.view.follow(patch, changes, mine)
                self.follow_carets()
                if not self._busy:
                    self.view.unfold(self.cursor.caret)  # my line may have been joined to a folded one
                self.collaborators.follow()
                if self.matches is not None:
                    self.matches.follow(patch)
                if self._busy:
                    self.tell_news()
                    return  # the command that is being done paints when it is through
                if not mine:
                    self.keep_following()
                elif self.speaks:
                    self._tell_caret()
            case PeopleChanged():
                self._meet()
            case Reset(patch):
                self._reopen(patch)
            case StatusChanged():
                self.note_people(monotonic())
                if self.session.ready and not self._was_ready:
                    self._was_ready = True
                    self.colour_anew()
                if self.session.address != self._address:
                    self._address = self.session.address
                    self.colour_anew()
                    self.post_message(self.Renamed(self))
                if self.session.status.state == "connected":
                    self.messages.forget("line")
                if self.session.saved:
                    self.messages.forget("saving")
            case Notice(sentence, topic=topic) if topic:
                self.say_about(topic, sentence)
            case Notice(sentence, serious):
                self.say(sentence, serious)
        self.update_soon()

    def say(self, sentence: str, serious: bool = False) -> None:
        """Show a sentence above the bottom line."""
        self.messages.say(sentence, monotonic(), serious)
        self.update(now=False)

    def say_about(self, topic: str, sentence: str) -> None:
        """Show a serious sentence until its topic is forgotten or somebody dismisses it."""
        self.messages.say_about(topic, sentence, monotonic())
        self.update(now=False)

    def say_saved(self, sentence: str) -> None:
        """As `say`: it is saved."""
        self.messages.forget("saving")
        self.say(sentence)

    # Painting

    def _text_width(self, width: int, gutter: int) -> int:
        """The cells of a row in which text may stand."""
        room = max(1, width - gutter - 1)
        return min(room, READABLE_WIDTH) if self.readable and self._wraps else room

    def _gutter(self, width: int) -> int:
        """The cells in front of the text, in a widget so wide."""
        if not self._numbers or width < NUMBERS_WIDTH_MIN:
            return 0
        return max(3, len(str(len(self.sheet.lines)))) + 2

    def update_soon(self) -> None:
        """Paint what others did, with what else they do until the next frame, or with my next key."""
        if self._frame is None:
            loop = asyncio.get_running_loop()
            self._frame = loop.call_at(max(loop.time(), self._framed_at + FRAME_S), self._show_news)

    def _show_news(self) -> None:
        self._framed_at = asyncio.get_running_loop().time()
        self.update()

    def update(self, now: bool = True) -> None:
        """Paint what looks different from before: `now`, or together with whatever else Textual repaints."""
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
            self.tell_news()
            self.tell_bar()
        self.view.unfold(self.cursor.caret)  # wherever it came from: I write where I can see it
        width, height = size = self.size
        if self._painter is None or not size or not self.display:
            return
        gutter = self._gutter(width)
        fitted = (self.text_x, self.view.width, self.view.height)
        if fitted != (gutter, self._text_width(width, gutter), height):
            self._fit()
        clock = monotonic()
        focused = self.has_focus and self.speaks
        self.scene.paints_caret = focused and not self._painter.has_cursor
        self.scene.bookmarked = frozenset(self.bookmarked_rows()) if self.bookmarks else frozenset()
        self.scene.matches = self.matches if self.bar is not None else None
        if self.session.ready or len(self.session.buffer):
            painted = self.scene.rows(width, height, gutter, clock)
            self.look_on()
        else:
            painted = [self._joining(y, width, height) for y in range(height)]
        place = self.view.screen_place(self.cursor.caret) if focused and self.session.ready else None
        painted = self._lay_messages(painted, place, clock)
        old: Sequence[Row | None] = self._painted
        contents = self.scene.contents()
        scrolls: dict[Rows, Scroll] = {}
        if (self._painted_width, len(old)) != size:
            old = [None] * height
        elif (
            now
            and len(contents) == len(self._contents)
            and self._painter.can_scroll(self)
            and (scroll := find_scroll(self._contents, contents))
        ):
            scrolls[self] = scroll
            old = scroll.of(self._painted)
        self._painted, self._painted_width, self._contents = painted, width, contents
        changes = [Change(y, old[y], row) for y, row in enumerate(painted) if row is not old[y]]
        bar = self.status.show(self._info(clock), clock) if self.speaks else []
        cursor = None if self.speaks else self._painter.cursor
        if place is not None:
            region = self.content_region
            cursor = Offset(region.x + gutter + place[0], region.y + place[1])
        self._painter.paint({self: changes, self.status: bar}, cursor, now, scrolls)
        self._set_tick(clock)

    def _lay_messages(self, painted: list[Row], caret: tuple[int, int] | None, clock: float) -> list[Row]:
        """What is being said lies over the lowest rows, or above the caret if that is there."""
        rows = self.messages.rows(self.size.width, self.app.size.height, self.palette, clock)
        if not rows:
            return painted
        rows = rows[: len(painted) - 1]
        end = len(painted)
        if caret is not None and caret[1] >= end - len(rows):
            end = caret[1]
        start = max(0, end - len(rows))
        return [*painted[:start], *rows[: end - start], *painted[end:]]

    def _joining(self, y: int, width: int, height: int) -> Row:
        words = "joining …" if y == (height - 1) // 2 else ""
        return [Segment(words.center(width)[:width], self.palette.muted)]

    def check_version(self) -> None:
        """Paint the plain way if this Textual was not looked through."""
        if self._painter is not None:
            self._painter.check_version()
            self.update(now=False)

    def _set_tick(self, clock: float) -> None:
        """Come back when something on the screen changes by time alone; otherwise there is no timer at all."""
        waits = [self.collaborators.next_change(clock), self.messages.ends(clock)]
        retry_at = self.session.status.retry_at
        if self.session.status.state == "offline" and retry_at is not None and clock < retry_at < inf:
            waits.append((retry_at - clock) % 1.0)
        if self._unsent_since is not None and clock < self._unsent_since + UNSENT_QUIET_S:
            waits.append(self._unsent_since + UNSENT_QUIET_S - clock)
        wait = min((wait for wait in waits if wait is not None), default=None)
        if wait is None:
            return
        due = clock + wait + 0.01
        if self._tick is not None:
            if self._tick_due <= due:
                return  # it comes early enough, and asks again then
            self._tick.cancel()
        self._tick_due = due
        self._tick = asyncio.get_running_loop().call_later(due - clock, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self.update(now=False)

    def _unsent(self, clock: float) -> int:
        """What to say of unsent work: while connected it is on its way for a moment after each key, which is no news."""
        unsent = self.session.unsent
        if not unsent:
            self._unsent_since = None
            return 0
        if self._unsent_since is None:
            self._unsent_since = clock
        quiet = self.session.status.state == "connected" and clock < self._unsent_since + UNSENT_QUIET_S
        return 0 if quiet else unsent

    def _info(self, clock: float) -> Info:
        session = self.session
        row, column = self.sheet.lines.place(self.cursor.caret)
        cells = self.sheet.cells(row)
        start, end = self.cursor.selection
        return Info(
            title=session.title,
            status=session.status,
            unsent=self._unsent(clock),
            saved=session.saved,
            # With something in it there is something to save, and that is said instead.
            reconnect=self.keymap.key_label("reconnect"),
            is_new=session.saved and not len(session.buffer) and session.is_new,
            role=session.role,
            ready=session.ready,
            row=row + 1,
            column=cells.index(column) + 1,
            selected=end - start,
            carets=len(self.extras) + 1,
            form=self.form,
            mode=self.vi.mode if self.vi is not None else "",
            people=tuple(
                Here(other.name, other.colour, other.state(clock)) for other in self.collaborators.others
            ),
            following=next(
                (other.name for other in self.collaborators.others if other.site == self.following), ""
            ),
        )

    # Keys

    @property
    def is_typing(self) -> bool:
        """Whether a letter goes into the text."""
        takes_letters = self.vi is None or self.vi.mode == "insert"
        return takes_letters and not self._first_key and self.sweeping is None

    async def on_key(self, event: events.Key) -> None:
        rows = self.view.rows()
        if self.unseen_changes.rows and rows:
            self.unseen_changes.look(rows[0][0], rows[-1][0], monotonic())
        key, self._first_key = f"{self._first_key} {event.key}".strip(), ""
        command = self.keymap.command(key)
        if self.sweeping is not None:
            event.stop()
            event.prevent_default()
            if command == "deselect":
                self.stop_sweep()
        elif self.stop_following() and command in ("deselect", "follow_person"):
            event.stop()
            event.prevent_default()
            self.update()
        elif self.keymap.begins(key):
            event.stop()
            event.prevent_default()
            self._first_key = key
        elif " " in key and command is None:
            event.stop()
            event.prevent_default()
            self.say(
                f"{key_label(key)} is no key here; {self.keymap.key_label('help', 'the help')} lists them."
            )
        elif self.vi is not None and self.vi.key(event.key, event.character or ""):
            event.stop()
            event.prevent_default()
            self.update()
        elif command is not None:
            event.stop()
            event.prevent_default()
            self.run(command)
        elif (text := typed(event)) is not None:
            event.stop()
            event.prevent_default()
            self.type(text)

    def run(self, command: str) -> None:
        """Do a command of the table in `keymap`, here or in the app."""
        does = getattr(self, f"do_{command}", None)
        if does is None:
            self.end_typing()
            getattr(self.app, f"do_{command}")()
            return
        self.at_carets(command, does)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self.vi is not None:
            self.vi.clicked()

    def find_word(self, word: str) -> None:
        """Look for a whole word from here on."""
        self.sought = Query(word, case=True, words=True)
        self.do_find_next()

    def ask_ex(self) -> None:
        """A line as vi takes it."""
        from jpterm_like.tui.widgets.dialogs import Ask

        self.app.push_screen(Ask(":", "w q wq x e NAME bn bp sp vs, or a line's number"), self._on_ex)

    def _on_ex(self, line: str | None) -> None:
        if line:
            self.run_ex(line)

    def run_ex(self, line: str) -> None:
        """Do what a line of vi asks for."""
        name, _, rest = line.strip().partition(" ")
        command = EX.get(name)
        if command is not None and not rest:
            self.run(command)
        elif name.isdecimal():
            self.go_to_line(name)
        elif name in ("e", "edit") and rest:
            self.post_message(self.Wanted(rest.strip()))
        else:
            self.say(
                f":{clean(line, 40)} is not there; {self.keymap.key_label('help', 'the help')} lists what is."
            )

    def do_deselect(self) -> None:
        """Close a message, or the search, or else forget the selection."""
        if self.messages.dismiss():
            self.update()
        elif self.bar is not None:
            self.close_bar(stay=True)
        elif self.drop_carets():
            self.update()
        else:
            super().do_deselect()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.sweeping is None:
            self.paste(event.text)

    def to_clipboard(self, text: str) -> None:
        if self.clipboard.put(text):
            return
        if len(text.encode("utf-8", "replace")) > CLIPBOARD_BYTES_MAX:
            self.say(
                f"Copied: {self.keymap.key_label('paste', 'the command to paste')} pastes it here. For other programs it is too long for the terminal's clipboard."
            )
        else:
            write_clipboard(self.app, text)

    def do_toggle_wrap(self) -> None:
        self._wraps = not self._wraps
        self.view.set_wraps(self._wraps)
        self.view.reveal(self.cursor.caret)
        self.say("Long lines wrap." if self._wraps else "Long lines go on to the right.")

    def do_toggle_readable(self) -> None:
        self.readable = not self.readable
        self._wraps = self._wraps or self.readable
        self.view.set_wraps(self._wraps)
        self._fit()
        self.view.reveal(self.cursor.caret)
        words = (
            f"Rows have {READABLE_WIDTH} cells at most."
            if self.readable
            else "Rows are as wide as the screen."
        )
        self.say(words)

    def do_toggle_whitespace(self) -> None:
        self._looks = self.scene.display_options = self._looks._replace(whitespace=not self._looks.whitespace)
        self.update()

    def do_toggle_numbers(self) -> None:
        self._numbers = not self._numbers
        self._fit()
        self.view.reveal(self.cursor.caret)
        self.update()


def _fail(problem: Exception) -> None:
    raise problem
