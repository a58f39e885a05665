"""The editor widget: keys and mouse in, rows of the screen out.

It owns no text. My edits go to the session, which returns the change at once, and changes by others arrive the same way. Each
change updates the layout (rows), the view (the part on the screen), the carets and the collaborators; then the rows that look
different are painted.

Commands are not methods of it: they are functions in `commands` that are given it as an `Editing`, or methods of the objects that
it is composed of (`search`, `highlighting`, `awareness`, `mouse`, `vi`). Its own `do_` methods concern the widget itself.

Neither Textual's `TextArea` nor a `ScrollView`: with soft wrap the height of the whole text in rows is unknown, and not needed.
The view scrolls itself and the last column is its own scrollbar, so an edit never touches Textual's layout.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from math import inf
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip

from crdt import Patch
from jpterm_like.client.events import (
    ApartChanged,
    Changed,
    Decided,
    Event,
    Notice,
    OutputsChanged,
    PeopleChanged,
    Reset,
    Said,
    Settled,
    StatusChanged,
)
from jpterm_like.errors import JptermError
from jpterm_like.last_time import KeptView
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands.changes import Changes
from jpterm_like.tui.commands.collaborators import Awareness
from jpterm_like.tui.commands.editing import Editing, FoundChoices
from jpterm_like.tui.commands.find import Search
from jpterm_like.tui.commands.highlighting import Highlighting
from jpterm_like.tui.commands.macro import Macro
from jpterm_like.tui.commands.offers import Offers
from jpterm_like.tui.commands.review import Reviewing
from jpterm_like.tui.keymap import BY_ID, Keymap, key_label
from jpterm_like.tui.render.diff import Change, Row, Scroll, find_scroll
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.people import Collaborators
from jpterm_like.tui.render.row import Note
from jpterm_like.tui.render.rows import DisplayOptions, RowRenderer
from jpterm_like.tui.render.screen import (
    CLIPBOARD_BYTES_MAX,
    FixedStrip,
    PaintedScreen,
    Painter,
    Rows,
    may_mark_links,
    write_clipboard,
)
from jpterm_like.tui.saving import Saving
from jpterm_like.tui.search_history import SearchHistory
from jpterm_like.tui.slow_opening import SlowOpening
from jpterm_like.tui.text.cell_markers import is_notebook, kind_of_marker
from jpterm_like.tui.text.cells import clean, cut, width_of
from jpterm_like.tui.text.closing_marks import ClosingMarks
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import Lines
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.typeahead import typed
from jpterm_like.tui.widgets.messages import Messages
from jpterm_like.tui.widgets.status_bar import Here, Info, StatusBar, SyncWord, prompt_shown

if TYPE_CHECKING:
    from jpterm_like.tui.commands.blame import Blame
    from jpterm_like.tui.commands.mouse import Mouse
    from jpterm_like.tui.commands.spelling import Spelling
    from jpterm_like.tui.commands.vi import Vi
    from jpterm_like.tui.ports import EditorSession, EditorSettings
    from jpterm_like.tui.spelling.checker import SpellChecker
    from jpterm_like.tui.vocabulary import Vocabulary

log = logging.getLogger("jpterm_like.editor")

UNSENT_QUIET_S: Final = 1.0
"""How long work may be on its way to a connected server before the status bar counts it."""

FRAME_S: Final = 1 / 30
"""The shortest time between two paintings of what others do. My own keys do not wait."""

LINES_STEP_S: Final = 0.002
"""How long the lines of a large text are read before the keyboard is served again."""

ROWS_UNREAD: Final = 1_000
"""A change that adds more rows may leave line ends to be found later."""

LINES_PAUSE_S: Final = 0.01
"""The pause between two such steps."""

FIRST_KEYS: Final = {"open": "open", "help": "keys", "palette": "commands"}
"""Commands that an empty text names, with their keys."""

WAITING_KEYS_MAX: Final = 1_000
"""The most keys that are kept until a long change has ended."""

NUMBERS_WIDTH_MIN: Final = 24
"""The narrowest editor with line numbers."""


class Editor(Editing, Rows, can_focus=True):
    """A widget that shows a text and takes keys for it."""

    @dataclass
    class CharsetRequested(Message):
        """The text should be saved in an encoding, by the name that the person gave."""

        editor: Editor
        written: str

    @dataclass
    class OpenRequested(Message):
        """A file should be opened, by a name relative to this one."""

        written: str

    @dataclass
    class LinkFollowed(Message):
        """A link of the text should be opened."""

        editor: Editor
        target: str

    @dataclass
    class Renamed(Message):
        """The file was renamed."""

        editor: Editor

    @dataclass
    class HeardLine(Message):
        """Somebody said a line to the people of this text."""

        name: str
        line: str

    @dataclass
    class Entered(Message):
        """This editor got the keyboard."""

        editor: Editor

    def __init__(
        self,
        session: EditorSession,
        palette: Palette,
        status: StatusBar,
        settings: EditorSettings,
        keymap: Keymap,
        clipboard: Clipboard,
        macro: Macro,
        searches: SearchHistory,
        vocabulary: Callable[[], Vocabulary],
        lines: Lines | None = None,
    ) -> None:
        """`lines`: see `Opening`."""
        super().__init__()
        self.session = session
        self.speaks = True
        self.palette = palette
        self.status = status
        self.messages = Messages()
        self.keymap = keymap
        self.clipboard = clipboard
        self.macro = macro
        self.search = Search(self, self, searches)
        self.highlighting = Highlighting(self)
        self.spelling: Spelling | None = None
        """None: spelling is not checked."""
        self.blame: Blame | None = None
        """None: who wrote the lines is not shown."""
        self.offers = Offers(self, vocabulary, lambda: self.vi, lambda: self.is_typing and self.has_focus)
        self.awareness = Awareness(self, self.messages, announces=settings.announce)
        self.reviewing = Reviewing(self, self, self.messages, lambda: self.palette)
        self.vi = self._new_vi() if keymap.preset == "vi" else None
        self.lands_at_start = self.vi is not None
        self.settings = settings
        self._first_key = ""
        self._waiting_keys: deque[events.Key] = deque()
        """The keys that were typed during a long change."""
        self._has_had_keys = False
        """Whether a key was pressed here: the text needs no introduction any more."""
        self._tab_width = settings.tab_width
        self._wraps = settings.soft_wrap
        self._numbers = settings.line_numbers
        self.indent = settings.indent
        self.auto_indent = settings.auto_indent
        self._margin = settings.scroll_margin
        self._display_options = DisplayOptions(settings.current_line, settings.whitespace, settings.ruler)
        self.readable = False
        """Whether wrapped rows are at most READABLE_WIDTH cells wide."""
        self._reveal_first = False
        self._kept: KeptView | None = None
        """What was seen last time, until the text is here."""
        self._painter: Painter | None = None
        self._painted: list[Row] = []
        self._painted_width = 0
        self._contents: list[object] = []
        """The contents of those rows, to find out whether they scrolled."""
        self._tick: asyncio.TimerHandle | None = None
        self._frame: asyncio.TimerHandle | None = None
        """The next painting of what others did; None: there is nothing to paint."""
        self._framed_at = 0.0
        self._tick_due = 0.0
        self._was_ready = session.ready
        self._reading: asyncio.TimerHandle | None = None
        """The next step of reading the lines; None: all are known."""
        self._unsent_since: float | None = None
        self.saving = Saving()
        self._slow_opening = SlowOpening()
        self.synced: tuple[SyncWord, ...] = ()
        """What the places of the text have of it; see `sync_watch`."""
        self.changes = Changes(self, self.saving)
        self.changes.shows = settings.signs
        self._stop_listening: Callable[[], None] = lambda: None
        self.after_event: Callable[[], None] = lambda: None
        """Called after each event of the session."""
        self.title_of: Callable[[EditorSession], str] = lambda session: session.title
        """The title to show for a text."""
        self._open(lines)
        # Listen before the editor is mounted: a text may be on its way.
        self._stop_listening = session.listen(self._hear)

    def _open(self, lines: Lines | None = None) -> None:
        """Start with the session's buffer as it now is."""
        buffer, self._address = self.session.buffer, self.session.address
        self.text_layout = TextLayout(buffer, self._tab_width, lines=lines)
        self.view = View(self.text_layout, wraps=self._wraps, margin=self._margin)
        self.unseen_changes = UnseenChanges()
        self.cursor = Cursor(self.text_layout)
        self.collaborators = Collaborators(
            buffer, len(self.palette.people), self.session.name, self.session.colour
        )
        self.renderer = RowRenderer(
            self.text_layout, self.view, self.cursor, self.collaborators, self.unseen_changes, self.palette
        )
        self.renderer.display_options = self._display_options
        self.renderer.marks_links = may_mark_links()
        self.renderer.marks_cells = is_notebook(self.session.title)
        self._show_outputs()
        if (
            self.renderer.marks_cells
            and kind_of_marker(self.text_layout.line(0))
            and len(self.text_layout.lines) > 1
        ):
            self.cursor.put(self.text_layout.lines.start(1))  # in the first cell, not on its marker
        self.highlighting.renderer = self.renderer
        self.awareness.collaborators = self.collaborators
        self._edits = []
        self._edit_visited = 0
        self._waiting_keys.clear()  # they were for the other text
        self.extras = self.renderer.extras = []
        self.bookmarks = []
        self.closing_marks = ClosingMarks(buffer)
        self.offers.restart()
        self.renderer.misspelled = None if self.spelling is None else self.spelling.marks
        if self._painter is not None:
            if self.vi is not None:
                self.vi.forget()
            self._fit()
            self._read_lines_soon()

    def _show_outputs(self) -> None:
        if self.outputs is not None:
            self.outputs.stop()
            self.outputs = None
        if self.renderer.marks_cells:
            from jpterm_like.tui.commands.outputs import Outputs

            self.outputs = Outputs(
                self.text_layout,
                self.view,
                self.renderer,
                self.session,
                self.palette,
                self.keymap,
                self.update_soon,
            )

    def _read_lines_soon(self) -> None:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().call_later(LINES_PAUSE_S, self._read_lines)

    def _read_lines(self) -> None:
        """Find the line ends that were not needed yet; the original text can be freed then."""
        self._reading = None
        until = monotonic() + LINES_STEP_S
        while self.text_layout.lines.read_on():
            if monotonic() > until:
                self._read_lines_soon()
                return

    def _reopen(self, patch: Patch) -> None:
        """Continue in another buffer, with caret and view where the patch maps them."""
        caret, mark, top = self.cursor.caret, self.cursor.mark, self.view.top_offset
        self.stop_bulk_edit()
        self.search.close_bar(stay=True)
        self._open()
        to = self.text_layout.snap
        self.cursor.put(to(patch.map_offset(caret)), None if mark is None else to(patch.map_offset(mark)))
        self.view.top = (self.text_layout.lines.row(patch.map_offset(top, before=True)), 0)
        self.collaborators.meet(self.session.people, monotonic())
        self.highlighting.restart()
        self.changes.restart()
        self.reviewing.restart()

    # Textual

    def on_mount(self) -> None:
        assert isinstance(self.screen, PaintedScreen)
        self._painter = self.screen.painter
        self._update_people()
        if self.speaks:
            self.share_caret()  # the others see me before I have moved
        self.call_after_refresh(
            self.highlighting.restart
        )  # grammars are loaded once the text is on the screen
        self.call_after_refresh(self.changes.restart)
        self.call_after_refresh(self.reviewing.restart)
        self._read_lines_soon()

    def _update_people(self) -> None:
        clock = monotonic()
        self.collaborators.introduce_me(self.session.name, self.session.colour)
        self.awareness.show_calls(self.collaborators.meet(self.session.people, clock))
        self.awareness.announce_people(clock)
        self.awareness.keep_following()

    def start_at(self, line: int, column: int) -> None:
        """Put the caret at a line and column, both from 1, or as near as the text has them."""
        row = max(0, min(line - 1, len(self.text_layout.lines) - 1))
        self.cursor.put(self.text_layout.snap(self.text_layout.lines.offset(row, max(0, column - 1))))
        self._reveal_first = True

    def start_with(self, kept: KeptView) -> None:
        """Start with what was seen of the text last time, as soon as the text is here."""
        if not self.session.ready:
            self._kept = kept
            return
        self._restore(kept)
        self._reveal_first = True

    def _restore(self, kept: KeptView) -> None:
        from jpterm_like.tui.kept_view import restore_view

        restore_view(self, kept)
        if self.vi is not None:
            self.vi.settle()  # it may have been inserting behind the end of a line

    def start_like(self, other: Editor) -> None:
        """Start where another editor of the same text is, and show it in the same way."""
        self.readable, self._wraps, self._numbers = other.readable, other._wraps, other._numbers
        self._display_options = self.renderer.display_options = other._display_options
        self.blame = None if other.blame is None else type(other.blame)(self)
        self.view.set_wraps(self._wraps)
        self.cursor.put(other.cursor.caret, other.cursor.mark)
        self.view.scroll_to(other.view.top_offset, other.view.left)
        self._reveal_first = True

    def switch_to(self, other: Editor) -> None:
        """Show another editor's text from now on, at the same place."""
        self.search.close_bar(stay=True)
        self.stop_bulk_edit()
        self._stop_listening()
        self.session = other.session
        self._stop_listening = self.session.listen(self._hear)
        self._open()
        self._update_people()
        self.start_like(other)
        self.view.reveal(self.cursor.caret)
        self.highlighting.restart()
        self.changes.restart()
        self.reviewing.restart()
        self.update(now=False)

    def on_unmount(self) -> None:
        self._stop_listening()
        self.highlighting.stop()
        if self.spelling is not None:
            self.spelling.stop()
        self.changes.stop()
        self.reviewing.stop()
        if self.outputs is not None:
            self.outputs.stop()
        for timer in (self._tick, self._frame, self._reading):
            if timer is not None:
                timer.cancel()

    def on_resize(self) -> None:
        row, section, _ = self.view.locate(self.cursor.caret)
        self.reviewing.fit()
        caret_was_visible = self._reveal_first or self.view.y(row, section) is not None
        self._reveal_first = False
        self._fit()
        if caret_was_visible:
            self.view.reveal(self.cursor.caret)
        self.update(now=False)
        self.call_after_refresh(self.update, False)  # the status bar gets its new width only then

    def _fit(self) -> None:
        width, height = self.size
        gutter = self._gutter(width)
        self.text_x = self._aside(width, gutter) + gutter
        self.view.resize(self._text_width(width, gutter), height)

    def on_show(self) -> None:
        """Visible again: changes in between were not painted."""
        self._painted = []
        self.update(now=False)

    def on_focus(self) -> None:
        self.post_message(self.Entered(self))
        self.update(now=False)

    def on_blur(self) -> None:
        if self.offers.popup is not None:
            self.update(now=False)  # without the list
        self.offers.close()
        if self._painter is not None and self.speaks:
            self._painter.paint({}, None, now=False)

    def leave(self) -> None:
        """Give the keyboard to another editor."""
        self.stop_following()
        self.speaks = False
        self.session.hide_caret()
        self.end_typing()
        self.offers.close()
        if self.vi is not None:
            self.vi.clicked()
        self.search.close_bar(stay=True)
        self.reviewing.put_away()
        self.update(now=False)

    def render_line(self, y: int) -> Strip:
        if y < len(self._painted):
            return FixedStrip(self._painted[y], self._painted_width)
        return Strip.blank(self.size.width, self.palette.text)

    def use_spelling(self, checker: SpellChecker | None) -> None:
        """Mark misspelled words, or no longer."""
        if self.spelling is not None:
            self.spelling.stop()
            self.spelling = None
        if checker is not None:
            from jpterm_like.tui.commands.spelling import Spelling  # loaded on demand: few use it

            self.spelling = Spelling(self, lambda: self.renderer, checker)
        self.renderer.misspelled = None if self.spelling is None else self.spelling.marks
        self.update(now=False)

    def use_palette(self, palette: Palette) -> None:
        """Switch to another theme."""
        self.palette = self.status.palette = palette
        self.collaborators.colours = len(palette.people)
        self.collaborators.meet(self.session.people, monotonic())
        self.renderer.use_palette(palette)
        if self.outputs is not None:
            self.outputs.use_palette(palette)
        self.reviewing.use_palette(palette)
        self.update(now=False)

    def use_settings(self, settings: EditorSettings) -> None:
        """Apply changed settings and the keymap. An option that a key has changed stays, unless its setting has changed."""
        before, self.settings = self.settings, settings
        self.indent, self.auto_indent = settings.indent, settings.auto_indent
        self.awareness.announces = settings.announce
        if settings.signs != before.signs:
            self.changes.shows = settings.signs
            self.changes.restart()
        self._margin = self.view.margin = settings.scroll_margin
        if settings.tab_width != self._tab_width:
            self._tab_width = settings.tab_width
            self.text_layout.use_tab_width(settings.tab_width)
            self.renderer.forget()
        if settings.soft_wrap != before.soft_wrap:
            self._wraps = settings.soft_wrap
        if settings.line_numbers != before.line_numbers:
            self._numbers = settings.line_numbers
        if settings.whitespace != before.whitespace:
            self._display_options = self._display_options._replace(whitespace=settings.whitespace)
        self._display_options = self._display_options._replace(
            current_line=settings.current_line, ruler=settings.ruler
        )
        self.renderer.display_options = self._display_options
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
        from jpterm_like.tui.commands.vi import Vi  # loaded on demand: few use it

        return Vi(
            self,
            lambda name: self.post_message(self.OpenRequested(name)),
            lambda charset: self.post_message(self.CharsetRequested(self, charset)),
        )

    # Events of the session

    def _hear(self, event: Event) -> None:
        """Apply an event of the session; after a bug of ours in that, restart with its text as it now is."""
        try:
            self._on_session(event)
        except Exception:
            log.exception("the editor could not apply an event and restarts")
            length = len(self.session.buffer)
            self.cursor.put(min(self.cursor.caret, length))
            try:
                self._reopen(Patch())
            except Exception as problem:
                # The screen no longer shows the text, and nobody may type into that: end the program.
                self.app.call_later(_fail, problem)
                raise
            self.messages.say(
                "A bug in jpterm-like: a change could not be shown, so the view was rebuilt. Your text is kept.",
                monotonic(),
                serious=True,
            )
            self.update(now=False)

    def _on_session(self, event: Event) -> None:
        match event:
            case Changed(patch, mine):
                from jpterm_like.tui.text.merge_splices import merge_splices

                merged = merge_splices(patch, self.session.buffer)
                changes = self.text_layout.follow(merged)
                if any(change.added > ROWS_UNREAD for change in changes):
                    self._read_lines_soon()
                if self._was_ready:  # before that the text arrives, and nothing in it is a change
                    self.unseen_changes.follow(self.text_layout.lines, patch, changes, mine)
                self.highlighting.follow(merged, changes)
                if self.outputs is not None:
                    self.outputs.follow(changes)
                    if self._was_ready and not mine:
                        self.outputs.note_writers(merged, self.text_layout)
                self.changes.follow(changes, mine)
                self.view.follow(patch, changes, mine)
                self.follow_carets()
                if not self.is_changing:
                    self.view.unfold(self.cursor.caret)  # my line may have been joined to a folded one
                self.collaborators.follow()
                self.search.follow(merged)
                if not mine:
                    self.reviewing.look_for_decisions()
                if self.is_changing:
                    self.after_event()
                    return  # the command under way paints when it is done
                if not mine:
                    self.awareness.keep_following()
                self.offers.follow()
                if self.speaks:
                    self.share_caret()  # by another anchor, if the text at it was moved or deleted
            case PeopleChanged():
                self._update_people()
            case Reset(patch):
                self._reopen(patch)
            case ApartChanged():
                self.reviewing.apart_changed()
            case Decided():
                self.reviewing.follow_decisions()
            case OutputsChanged() if self.outputs is not None:
                self.outputs.changed()
            case StatusChanged():
                self.reviewing.note_status()
                self.awareness.announce_people(monotonic())
                if self.session.ready and not self._was_ready:
                    self._was_ready = True
                    if self._kept is not None:
                        self._restore(self._kept)
                        self.view.reveal(self.cursor.caret)
                    if self.speaks:
                        self.share_caret()
                    self.highlighting.restart()
                    self.changes.restart()
                if self.session.address != self._address:
                    self._address = self.session.address
                    self.highlighting.restart()
                    self.changes.restart()
                    self.post_message(self.Renamed(self))
                if self.session.status.state == "connected":
                    self.messages.forget("line")
                if self.session.saved:
                    self.messages.forget("saving")
            case Settled(topic):
                self.messages.forget(topic)
            case Said(name, line):
                self.post_message(self.HeardLine(name, line))
            case Notice(topic="apart") if self.session.apart is not None:
                pass  # the review says so itself, with the key that shows it
            case Notice(sentence, topic="apart"):
                self.messages.offer("apart", sentence, monotonic())
            case Notice(sentence, topic=topic) if topic:
                self.say_about(topic, sentence)
            case Notice(sentence, serious) if serious:
                self.messages.say(sentence, monotonic(), serious)
            case Notice(sentence):
                self.notify_of(sentence)
        self.update_soon()

    def say(self, sentence: str, serious: bool = False) -> None:
        """Show a message above the status bar; a serious one says why a command failed."""
        if serious:
            self.messages.answer(sentence, monotonic())
        else:
            self.messages.say(sentence, monotonic())
        self.update(now=False)

    def retract(self, sentence: str) -> None:
        """Remove a message that is no longer true."""
        self.messages.retract(sentence)
        self.update(now=False)

    def notify_of(self, sentence: str) -> None:
        """Show what was told from outside."""
        self.messages.notify(sentence, monotonic())
        self.update(now=False)

    def say_about(self, topic: str, sentence: str) -> None:
        """Show a serious message until its topic is settled or it is dismissed."""
        self.messages.say_about(topic, sentence, monotonic())
        self.update(now=False)

    def say_saved(self, sentence: str) -> None:
        """Show that the file was saved, and drop the reason why it was not."""
        self.messages.forget("saving")
        self.say(sentence)

    # Painting

    def _text_width(self, width: int, gutter: int) -> int:
        """The cells of a row that are for text."""
        room = max(1, width - gutter - 1)
        if not (self.readable and self._wraps):
            return room
        from jpterm_like.tui.commands.prose import READABLE_WIDTH

        return min(room, READABLE_WIDTH)

    def _aside(self, width: int, gutter: int) -> int:
        """The cells before the line numbers, so that narrow rows are in the middle."""
        return max(0, width - gutter - 1 - self._text_width(width, gutter)) // 2

    def _gutter(self, width: int) -> int:
        """The cells of authors, line numbers and signs, in a widget of this width."""
        if width < NUMBERS_WIDTH_MIN:
            return 0
        beside = 0 if self.blame is None else self.blame.cells(width)
        if not self._numbers:
            return beside + int(self.changes.has_signs or self.reviewing.has_signs)
        return beside + max(3, len(str(len(self.text_layout.lines)))) + 2

    def update_soon(self) -> None:
        """Paint edits by others with the next frame, or with my next key if that comes first."""
        if self._frame is None:
            loop = asyncio.get_running_loop()
            self._frame = loop.call_at(max(loop.time(), self._framed_at + FRAME_S), self._paint_frame)

    def _paint_frame(self) -> None:
        self._framed_at = asyncio.get_running_loop().time()
        self.update()

    def update(self, now: bool = True) -> None:
        """Paint what looks different: `now`, or together with whatever else Textual repaints."""
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
            self.after_event()
            self.search.update_bar()
        self.view.unfold(self.cursor.caret)  # I write only where I can see it
        width, height = size = self.size
        if self._painter is None or not size or not self.display:
            return
        clock = monotonic()
        self.changes.check(clock)
        if waits := self._slow_opening.due(self.session, clock):
            self.messages.say_about("line", waits, clock)
        gutter = self._gutter(width)
        fitted = (self.text_x, self.view.width, self.view.height)
        if fitted != (self._aside(width, gutter) + gutter, self._text_width(width, gutter), height):
            self._fit()
        focused = self.has_focus and self.speaks
        self.renderer.paints_caret = focused and not self._painter.has_cursor
        self.renderer.bookmarked = self._bookmarked_rows() if self.bookmarks else frozenset()
        rows = self.view.rows()
        self.renderer.signs = self.changes.signs(rows[0][0], rows[-1][0])
        if self.reviewing.review is not None or self.renderer.contested:
            self.renderer.contested = self.reviewing.rows(rows[0][0], rows[-1][0])
            self.reviewing.follow()
        self.renderer.reviewed = self.reviewing.shown_place
        self.renderer.authors = () if self.blame is None else self.blame.column(rows, width, time())
        self.renderer.matches = self.search.matches if self.search.bar is not None else None
        self.renderer.popup = self._popup_notes() if focused else ()
        self.renderer.selected = None
        if self.vi is not None:
            self.renderer.matches = self.renderer.matches or self.vi.matches
            self.renderer.selected = self.vi.selected(rows[0][0], rows[-1][0])
        if self.session.ready or len(self.session.buffer):
            painted = self.renderer.rows(width, height, self.text_x - gutter, gutter, clock)
        else:
            painted = [self._joining(y, width, height) for y in range(height)]
        place = self.view.screen_place(self.cursor.caret) if focused and self.session.ready else None
        painted = self._lay_messages(painted, place, clock)
        old: Sequence[Row | None] = self._painted
        contents = self.renderer.contents()
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
            cursor = Offset(region.x + self.text_x + place[0], region.y + place[1])
        if self.vi is not None and self.vi.prompt and focused:
            bar_region = self.status.content_region
            cursor = Offset(
                bar_region.x + width_of(prompt_shown(self.vi.prompt, bar_region.width)), bar_region.y
            )
        self._painter.paint({self: changes, self.status: bar}, cursor, now, scrolls)
        self._set_tick(clock)

    def _bookmarked_rows(self) -> frozenset[int]:
        from jpterm_like.tui.commands.navigation import bookmarked_rows

        return frozenset(bookmarked_rows(self))

    def _popup_notes(self) -> list[tuple[int, Note]]:
        """The list of words, beside the line of the caret, which is closed if that is not on the screen; in an empty text, its first keys."""
        popup = self.offers.popup
        if popup is None:
            return [] if self._has_had_keys or len(self.session.buffer) else self._first_keys()
        place = self.view.screen_place(self.cursor.caret)
        if place is None:
            self.offers.close()
            return []
        from jpterm_like.tui.render.popup import Room, popup_notes

        row = self.text_layout.lines.row(self.cursor.caret)
        ys = [y for y, (each, _) in enumerate(self.view.rows()) if each == row]
        x = max(0, place[0] - width_of(self.offers.prefix))
        return popup_notes(popup, Room(x, ys[0], ys[-1], self.view.width, self.view.height), self.palette)

    def _first_keys(self) -> list[tuple[int, Note]]:
        """What one can do in a text that has just begun, in place of its first line."""
        keymap = self.keymap
        labels = {id: keymap.key_label(id) for id in FIRST_KEYS}
        if self.vi is not None:  # these keys are other commands in its modes
            labels |= {"open": ":e NAME", "help": ":help"}
        hint = " · ".join(f"{label} {FIRST_KEYS[id]}" for id, label in labels.items() if label)
        style = self.palette.placeholder
        if not self._display_options.current_line:
            style += Style(bgcolor=self.palette.text.bgcolor)
        return [(0, Note(0, cut(hint, self.view.width), style))]

    def _lay_messages(self, painted: list[Row], caret: tuple[int, int] | None, clock: float) -> list[Row]:
        """Lay messages over the lowest rows, or above the caret or the list of words if one is there."""
        rows = self.messages.rows(self.size.width, self.app.size.height, self.palette, clock)
        if not rows:
            return painted
        rows = rows[: len(painted) - 1]
        end = len(painted)
        if caret is not None and caret[1] >= end - len(rows):
            end = caret[1]
        start = max(0, end - len(rows))
        taken = [y for y, _ in self.renderer.popup]
        if taken and start <= max(taken) and min(taken) < end:  # above the list of words
            end = min(taken)
            start = max(0, end - len(rows))
        return [*painted[:start], *rows[: end - start], *painted[end:]]

    def _joining(self, y: int, width: int, height: int) -> Row:
        words = "joining …" if y == (height - 1) // 2 else ""
        return [Segment(words.center(width)[:width], self.palette.muted)]

    def check_version(self) -> None:
        """Paint the plain way if this version of Textual is unknown to us."""
        if self._painter is not None:
            self._painter.check_version()
            self.update(now=False)

    def _set_tick(self, clock: float) -> None:
        """Schedule a painting if something on the screen changes by time alone; otherwise there is no timer."""
        waits = [
            self.collaborators.next_change(clock),
            self.messages.ends(clock),
            self.saving.next_change(clock),
            self._slow_opening.next_change(clock),
        ]
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
                return  # it fires early enough, and schedules the next one
            self._tick.cancel()
        self._tick_due = due
        self._tick = asyncio.get_running_loop().call_later(due - clock, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self.update(now=False)

    def _unsent(self, clock: float) -> int:
        """The unsent changes to show: while connected, not those that are on their way for less than UNSENT_QUIET_S."""
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
        row, column = self.text_layout.lines.place(self.cursor.caret)
        cells = self.text_layout.cells(row)
        start, end = self.cursor.selection
        if (
            self.renderer.selected is not None
        ):  # vi's: one range, or those of a block that are in sight, which are not counted
            start, end = self.renderer.selected[0] if len(self.renderer.selected) == 1 else (0, 0)
        return Info(
            title=self.title_of(session),
            status=session.status,
            unsent=self._unsent(clock),
            saving=self.saving.state(session, clock),
            # A new file that has text in it is shown as unsaved instead.
            reconnect=self.keymap.key_label("reconnect"),
            is_new=session.saved and not len(session.buffer) and session.is_new,
            is_read_only=session.role == "view" or session.is_protected,
            ready=session.ready,
            row=row + 1,
            column=cells.index(column) + 1,
            selected=end - start,
            carets=len(self.extras) + 1,
            form="" if session.form is None else str(session.form),
            mode=self.vi.shown_mode if self.vi is not None else "",
            prompt=self.vi.prompt if self.vi is not None else "",
            people=tuple(
                Here(other.name, other.colour, other.state(clock)) for other in self.collaborators.others
            ),
            following=self.awareness.followed_name,
            help=self.keymap.key_label("help"),
            synced=self.synced,
            written="" if self.blame is None else self.blame.at_caret(time()),
            kernel="" if self.outputs is None else clean(session.kernel_line, 80),
        )

    # Keys

    @property
    def is_typing(self) -> bool:
        """Whether a letter goes into the text."""
        takes_letters = self.vi is None or self.vi.is_inserting
        return takes_letters and not self._first_key and self.bulk_edit is None

    async def on_key(self, event: events.Key) -> None:
        if self._waiting_keys and self.bulk_edit is None:
            self._waiting_keys.append(event)  # behind those that were typed before it
            event.stop()
            event.prevent_default()
        else:
            self._take_key(event)

    def stop_bulk_edit(self) -> None:
        super().stop_bulk_edit()
        if self._waiting_keys:
            asyncio.get_running_loop().call_soon(self._take_waiting_keys)

    def _take_waiting_keys(self) -> None:
        """Handle the keys that were typed during a long change."""
        while self._waiting_keys and self.bulk_edit is None:
            self._take_key(self._waiting_keys.popleft())

    def _take_key(self, event: events.Key) -> None:
        self.messages.go_on(monotonic())
        self._has_had_keys = True
        rows = self.view.rows()
        if self.unseen_changes.rows and rows:
            self.unseen_changes.look(rows[0][0], rows[-1][0], monotonic())
        key, self._first_key = f"{self._first_key} {event.key}".strip(), ""
        command = self.keymap.command(key, self.outputs is not None)
        text = typed(event)
        if self.offers.key(key, command, types=text is not None and command is None):
            event.stop()
            event.prevent_default()
        elif self.outputs is not None and self.outputs.key(event.key, text):
            event.stop()
            event.prevent_default()
            self.update()
        elif self.bulk_edit is not None:
            event.stop()
            event.prevent_default()
            if command == "deselect":
                self.stop_bulk_edit()
            elif len(self._waiting_keys) < WAITING_KEYS_MAX:
                self._waiting_keys.append(event)
        elif command != "follow_person" and self.stop_following() and command == "deselect":
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
                f"{key_label(key)} does nothing here; {self.keymap.key_label('help', 'the help')} lists them."
            )
        elif self.vi is not None and self.vi.key(event.key, event.character or ""):
            event.stop()
            event.prevent_default()
            self.update()
        elif command is not None:
            event.stop()
            event.prevent_default()
            self.run(command)
            self.offers.follow()
        elif text is not None:
            event.stop()
            event.prevent_default()
            self.macro.note_text(text)
            from jpterm_like.tui.commands.pairs import type_text

            type_text(self, text)
            self.offers.typed()

    # Commands

    def run(self, command: str) -> None:
        """Run a command of the table in `keymap`, here or in the app."""
        if refusal := self.macro.note_command(command):
            self.say(refusal)
        found = text_commands().get(command)
        if found is None:
            self.end_typing()
            getattr(self.app, f"do_{command}")()
            return
        does, owner = found
        self.at_carets(BY_ID[command], partial(does, getattr(self, owner) if owner else self))

    def stop_following(self) -> bool:
        return self.awareness.stop_following()

    def grammar_name(self) -> str:
        return self.highlighting.grammar_name()

    def is_prose_at(self, row: int, column: int) -> bool:
        return self.highlighting.is_prose_at(row, column)

    def choose(
        self,
        title: str,
        choices: Iterable[tuple[str, str, str]],
        then: Callable[[str], None],
        chosen: str | None = None,
    ) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        picker = Picker(title, [Choice(*choice) for choice in choices], chosen=chosen)
        self.app.push_screen(picker, lambda id: None if id is None else then(id))

    def choose_when_found(
        self, title: str, find: Generator[None, None, FoundChoices], then: Callable[[str], None]
    ) -> None:
        try:
            next(find)
        except StopIteration as found:
            result: FoundChoices = found.value
            if result.choices:
                self.choose(result.title, result.choices, then, result.chosen)
            else:
                self.say(result.title)
            return
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        picker = Picker(title, [], complete=False)
        self.app.push_screen(picker, lambda id: None if id is None else then(id))

        async def go_on() -> None:
            while True:
                await asyncio.sleep(0)
                try:
                    next(find)
                except StopIteration as found:
                    result: FoundChoices = found.value
                    break
            await asyncio.sleep(0)  # the last slice and the list are two turns
            picker.more(result.title, [Choice(*choice) for choice in result.choices], result.chosen)

        self.in_background(go_on())

    def follow_link(self, target: str) -> None:
        self.post_message(self.LinkFollowed(self, target))

    def ask_yes(self, title: str, body: str, yes: str, then: Callable[[], None]) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Question

        question = Question(title, [Choice("yes", yes), Choice("no", "Cancel")], body)
        self.app.push_screen(question, lambda answer: then() if answer == "yes" else None)

    def show_lines(
        self, title: str, before: Sequence[str], now: Sequence[str], then: Callable[[str], None]
    ) -> None:
        from jpterm_like.tui.widgets.before_and_now import BeforeAndNow

        self.app.push_screen(
            BeforeAndNow(title, before, now, self.settings.tab_width),
            lambda answer: then(answer) if answer else None,
        )

    def ask(self, title: str, note: str, then: Callable[[str], None]) -> None:
        from jpterm_like.tui.widgets.dialogs import Ask

        self.app.push_screen(Ask(title, note), lambda line: then(line) if line else None)

    def ask_line(self, title: str, note: str, then: Callable[[str], None], secret: bool) -> None:
        from jpterm_like.tui.widgets.dialogs import Ask

        dialog = Ask(title, note, takes_any=True, secret=secret)
        self.app.push_screen(dialog, lambda line: None if line is None else then(line))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                await work
            except JptermError as problem:
                self.say(str(problem), serious=True)

        self.app.run_worker(run(), exit_on_error=False)

    def do_deselect(self) -> None:
        """Close a message, or the bar, or drop the other carets, or else the selection."""
        if self.messages.dismiss():
            self.update()
        elif self.search.bar is not None:
            self.search.close_bar(stay=True)
        elif self.reviewing.card is not None:
            self.reviewing.close()
        elif self.drop_carets():
            self.update()
        else:
            from jpterm_like.tui.commands.basic import deselect

            deselect(self)

    @cached_property
    def mouse(self) -> Mouse:
        from jpterm_like.tui.commands.mouse import Mouse

        return Mouse(self, self)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.offers.close()
        if self.vi is not None:
            self.vi.clicked()
        self.mouse.press(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.mouse.move(event)

    def on_mouse_up(self) -> None:
        self.mouse.release()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.mouse.scroll_up(event)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.mouse.scroll_down(event)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.vi is not None and self.vi.paste(event.text):
            self.update()
        elif self.bulk_edit is None:
            self.macro.note_text(event.text, pasted=True)
            self.paste(event.text)

    def to_clipboard(self, text: str) -> None:
        if self.clipboard.put(text):
            return
        if len(text.encode("utf-8", "replace")) > CLIPBOARD_BYTES_MAX:
            self.say(
                f"Copied: {self.keymap.key_label('paste', 'the command to paste')} pastes it here. It is too long for the terminal's clipboard, so other programs cannot paste it."
            )
        else:
            write_clipboard(self.app, text)

    def do_toggle_wrap(self) -> None:
        self._wraps = not self._wraps
        self.view.set_wraps(self._wraps)
        self.view.reveal(self.cursor.caret)
        self.say("Long lines wrap." if self._wraps else "Long lines do not wrap.")

    def do_toggle_readable(self) -> None:
        self.readable = not self.readable
        self._wraps = self._wraps or self.readable
        self.view.set_wraps(self._wraps)
        self._fit()
        self.view.reveal(self.cursor.caret)
        from jpterm_like.tui.commands.prose import READABLE_WIDTH

        words = (
            f"Rows are at most {READABLE_WIDTH} cells wide, in the middle of the screen."
            if self.readable
            else "Rows are as wide as the screen."
        )
        self.say(words)

    @property
    def shows_whitespace(self) -> bool:
        return self._display_options.whitespace

    def do_toggle_whitespace(self) -> None:
        self._display_options = self.renderer.display_options = self._display_options._replace(
            whitespace=not self._display_options.whitespace
        )
        self.update()

    @property
    def shows_numbers(self) -> bool:
        return self._numbers

    def do_toggle_blame(self) -> None:
        """Show who wrote each line, or no longer."""
        from jpterm_like.tui.commands.blame import WIDTH_MIN, Blame  # loaded on demand: few use it

        self.blame = Blame(self) if self.blame is None else None
        self._fit()
        self.view.reveal(self.cursor.caret)
        self.update()
        if self.blame is not None and not self.blame.cells(self.size.width):
            self.say(f"There is room for names beside the lines from {WIDTH_MIN} columns on.")

    def do_toggle_numbers(self) -> None:
        self._numbers = not self._numbers
        self._fit()
        self.view.reveal(self.cursor.caret)
        self.update()


@cache
def text_commands() -> Mapping[str, tuple[Callable[[Any], object], str]]:
    """The function of each command that needs a text, and the attribute of the editor that it is given ("": the editor)."""
    from jpterm_like.tui.text_commands import COMMAND_OWNERS, functions_of  # loaded behind the first screen

    owners = (*COMMAND_OWNERS, (Editor, ""))
    return {id: (does, owner) for place, owner in owners for id, does in functions_of(place).items()}


def _fail(problem: Exception) -> None:
    raise problem
