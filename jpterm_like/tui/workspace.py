"""The open files: opening, switching, closing and splitting; which one is visible and has the keyboard.

Each open text has one editor, which is a tab. A split shows one more editor below or beside it, for any of the open texts; that
one has no tab of its own. With no text open there is the start screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual import on
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget

from jpterm_like.config import COLOURS
from jpterm_like.errors import JptermError
from jpterm_like.last_time import KeptView, LastTime
from jpterm_like.sync.unsaved_work import all_unsaved, join_names, newest_time
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands.macro import Macro
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.garbage import look_at_all_again
from jpterm_like.tui.keymap import BY_ID, Keymap
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.saving import saves_itself
from jpterm_like.tui.search_history import SearchHistory
from jpterm_like.tui.telling_titles import telling_titles
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.line_index import Lines
from jpterm_like.tui.widgets.status_bar import StatusBar
from jpterm_like.tui.widgets.tabs import Divider, NameRow, Tab, TabBar

if TYPE_CHECKING:
    from jpterm_like.tui.ports import EditorSession, EditorSettings, FileCatalog, SyncNotes
    from jpterm_like.tui.spelling.checker import SpellChecker
    from jpterm_like.tui.vocabulary import Vocabulary
    from jpterm_like.tui.widgets.start_screen import Start

CLOSE_S_MAX: Final = 5.0
"""How long closing waits for a server that does not answer. What it lacks is in the journal."""

JOIN_S: Final = 10.0
"""How long to wait for a text that is opened here for the first time."""

TITLES_LISTED_MAX: Final = 3
"""The most titles that a message lists."""

NAME_LENGTH_MAX: Final = 20
"""The length to which a message cuts a name."""

BESIDE_WIDTH_MIN: Final = 60
"""The narrowest screen with two views side by side; on narrower ones they stand one above the other."""


class Opening(NamedTuple):
    """A text to open at the start, and where to put the caret."""

    session: EditorSession
    place: tuple[int, int] | None = None
    """Line and column, both from 1; None: the start."""
    lines: Lines | None = None
    """The line index of the text, if it was made already."""
    view: KeptView | None = None
    """What was seen of it last time; `place` comes before it."""


class Pane(Widget):
    """A container of other widgets; `app.tcss` lays it out."""


class Workspace(App[int], inherit_bindings=False):
    """The part of the app that knows which texts are open."""

    settings: EditorSettings
    catalog: FileCatalog | None
    last_time: LastTime | None
    """Where carets, folds and tabs are remembered; None: nowhere."""
    sync_notes: SyncNotes | None
    """What was noted about places that texts are synced with; None: nothing is told of them."""
    _offers_made: set[str]
    """What was offered for texts in places."""
    keymap: Keymap
    copied: Clipboard
    macro: Macro
    searches: SearchHistory
    palette: Palette
    status_bar: StatusBar
    tab_line: TabBar
    divider: Divider
    names: tuple[NameRow, NameRow]
    """The rows above the halves of a split."""
    editors: list[Editor]
    """One for each open text, in the order of the tabs."""
    second: Editor | None = None
    """The other half of a split."""
    body: Pane
    """The views, the file tree and the preview."""
    views: Pane
    """Both halves of a split."""
    first_half: Pane
    """Holds the editors of the tabs, or the start screen."""
    _second_half: Pane | None = None
    """Holds the second view; made for the first split, since each widget makes the start longer."""
    _beside = False
    """Whether the halves of a split should stand side by side."""
    _current: Editor | None = None
    _last: Editor | None = None
    """The editor that had the keyboard before the current one."""
    _start: Start | None = None
    checker: SpellChecker | None = None
    """None: spelling is not checked."""
    _vocabulary: Vocabulary | None = None
    _joining: set[str]
    _abandoned: set[str]
    """Addresses of texts that were closed with unsaved or discarded work, and not opened again."""
    _named: list[EditorSession]
    """The texts named on the command line."""

    def __init_subclass__(cls, *, is_whole: bool = True) -> None:
        """`is_whole=False`: a class that only adds methods, of which no app is made. Textual looks at all names of an app and its bases
        when a class is made, which costs a fifth of a millisecond of the start for each of them."""
        if is_whole:
            super().__init_subclass__(inherit_bindings=False)

    @property
    def editor(self) -> Editor:
        """The editor that has the keyboard, or had it before a dialog opened."""
        assert self._current is not None, "no text is open"
        return self._current

    @property
    def session(self) -> EditorSession:
        return self.editor.session

    def say(self, sentence: str, serious: bool = False) -> None:
        """Show a message, in the editor or on the start screen."""
        if self._current is not None:
            self._current.say(sentence, serious)
        elif self._start is not None:
            self._start.say(sentence, serious)

    @contextlib.contextmanager
    def saying(self, sentence: str) -> Iterator[None]:
        """Show a message for as long as something takes, at most for the time of other messages."""
        editor = self._current
        self.say(sentence)
        try:
            yield
        finally:
            if editor is not None:
                editor.retract(sentence)

    def do_duplicate_file(self) -> None:
        """Ask for a name, save a copy of the text under it, and open that."""
        raise NotImplementedError

    def show_terminal_title(self) -> None:
        """Have the terminal's title name the current file."""
        raise NotImplementedError

    def note_view(self, tab: Editor) -> None:
        """Note what is seen of a text, for the next time that it is opened."""
        raise NotImplementedError

    def use_theme(self, id: str) -> None:
        """Switch to a theme by its id, or to the one that suits the terminal; an unknown one is a problem to show."""
        raise NotImplementedError

    def use_mouse(self, on: bool) -> None:
        """Take the mouse, or leave it to the terminal."""
        raise NotImplementedError

    def show_problems(self) -> None:
        """Show the problems of settings, keys and themes as they are now, instead of those before: as many as fit, and how many more there are."""
        raise NotImplementedError

    def _sessions(self) -> list[EditorSession]:
        return [editor.session for editor in self.editors]

    @property
    def my_colour(self) -> int | None:
        """The number of the colour that I chose for all screens."""
        colour = self.settings.colour
        return COLOURS.index(colour) if colour in COLOURS else None

    def vocabulary(self) -> Vocabulary:
        """The words of the open texts."""
        from jpterm_like.tui.vocabulary import Vocabulary  # loaded when the first word is completed

        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self._sessions)
        return self._vocabulary

    def _make_editor(self, session: EditorSession, lines: Lines | None = None) -> Editor:
        session.introduce(session.name, self.my_colour)
        editor = Editor(
            session,
            self.palette,
            self.status_bar,
            self.settings,
            self.keymap,
            self.copied,
            self.macro,
            self.searches,
            self.vocabulary,
            lines,
        )
        editor.after_event = self.update_tabs
        editor.title_of = self.title_of
        if self.checker is not None:
            editor.use_spelling(self.checker)
        return editor

    # Beginning

    def begin(self, openings: Sequence[Opening]) -> None:
        """Open these texts; without any, show the start screen."""
        self.macro = Macro()
        self._joining = set()
        self._abandoned = set()
        self._named = [opening.session for opening in openings]
        self.editors = []
        for session, place, lines, view in openings:
            editor = self._make_editor(session, lines)
            editor.speaks = editor.display = not self.editors
            if place is not None:
                editor.start_at(*place)
            elif view is not None:
                editor.start_with(view)
            self.editors.append(editor)
        self.tab_line.display = len(self.editors) > 1
        self.first_half = Pane(*self.editors, classes="half")
        if self.editors:
            self._current = self.editors[0]
        else:
            self._start = self._make_start()
            self.status_bar.display = False
            self.first_half = Pane(self._start, classes="half")
        self.views = Pane(self.first_half, id="views")
        self.body = Pane(self.views, id="body")

    def _make_start(self) -> Start:
        recent = self.catalog.recent() if self.catalog is not None else []
        tabs = None if self.last_time is None else self.last_time.tabs()
        from jpterm_like.tui.widgets.start_screen import Start

        return Start(self.keymap, recent, () if tabs is None else tabs.names)

    async def start_session(self, session: EditorSession) -> None:
        """Start a session.

        Raises:
            JptermError: it cannot be started.
        """
        await session.start()
        if self.catalog is not None:
            self.catalog.note(session.address)

    async def _show_errors(self, doing: Awaitable[None]) -> None:
        """Do something, and show the error if it fails."""
        try:
            await doing
        except JptermError as error:
            self.say(str(error), serious=True)

    async def mention_restored_work(self, editor: Editor) -> None:
        """Tell the person that unsaved work of an earlier session was restored (F39)."""
        session = editor.session
        try:
            await session.informed()
        except JptermError:
            return  # there is no connection, and the status bar shows what is unsent
        mine = session.buffer.version.get(session.buffer.site)
        if session.people or session.status.state != "connected":
            return
        if not can_discard(session) or session.saved or mine or session.role == "view":
            return
        key = self.keymap.key_label("save")
        save = f"{key} saves" if key else "Save"
        commands = self.keymap.key_label("palette", "in the list of commands")
        others = session.others_unsaved
        by = f" by {listed_names(others)}" if others else ""
        revert = BY_ID["revert"].title
        editor.say(
            f"Restored unsaved work{by}{when_unsaved(session)}. {save} it; {commands}, “{revert}” drops it."
        )

    async def mention_place(self, editor: Editor) -> None:
        """Offer to share the texts of the folder of a file if that folder carries texts of others; once for each folder."""
        if self.sync_notes is None:
            return
        sentence = await asyncio.to_thread(self.sync_notes.offer, editor.session.address)
        if sentence and sentence not in self._offers_made:
            self._offers_made.add(sentence)
            editor.say(sentence)

    def title_of(self, session: EditorSession) -> str:
        """The title of a text, which no other open text has."""
        sessions = self._sessions()
        titles = telling_titles(tuple((it.title, it.address) for it in sessions))
        return next(
            (title for it, title in zip(sessions, titles, strict=True) if it is session), session.title
        )

    # Which is seen

    def show(self, editor: Editor) -> None:
        """Give the keyboard to an editor, and show it in place of the current one."""
        if editor is self._current and editor.display:
            editor.focus()
            self.update_tabs()  # the other half may show another text now
            return
        if self._current is not None:
            self._current.leave()
            self._last = self._current
        if editor is not self.second:
            for other in self.editors:
                other.display = other is editor
        self._current = editor
        editor.speaks = True
        editor.share_caret()
        editor.focus()
        editor.update(now=False)
        self.update_tabs()
        self.refresh_files()

    def refresh_files(self) -> None:
        raise NotImplementedError

    @on(Editor.Entered)
    def _on_entered(self, event: Editor.Entered) -> None:
        # The keyboard may have moved on since: two such messages would call each other up for ever.
        if event.editor.has_focus and event.editor is not self._current and event.editor.is_attached:
            self.show(event.editor)

    def update_tabs(self) -> None:
        """Update the tab line, and the title of the terminal."""
        self.show_terminal_title()
        self._update_names()
        if not self.tab_line.display:
            return
        tabs = [self._tab(editor) for editor in self.editors]
        current = next(
            (index for index, session in enumerate(self._sessions()) if session is self.session), 0
        )
        self.tab_line.show(tabs, current)

    def _tab(self, editor: Editor) -> Tab:
        session = editor.session
        return Tab(
            self.title_of(session),
            unsaved=session.ready and editor.saving.state(session, monotonic()) == "unsaved",
            offline=session.status.state == "offline",
            people=len(session.people),
        )

    def _update_names(self) -> None:
        """Show which file is in which view, and to which keys go. One file in two views needs no row of its own for that."""
        if self.second is None:
            return
        first = next(editor for editor in self.editors if editor.display)
        to_second = self._current is self.second
        differ = first.session is not self.second.session
        is_beside = self.views.has_class("beside")
        self.divider.display = is_beside
        self.divider.show(None if differ else to_second)
        for row, editor, display in zip(
            self.names, (first, self.second), (differ, differ or not is_beside), strict=True
        ):
            row.display = display
            row.show(self._tab(editor), (editor is self.second) == to_second)

    @on(NameRow.Chosen)
    def _on_name(self, event: NameRow.Chosen) -> None:
        if self.second is not None and (event.row is self.names[1]) != (self._current is self.second):
            self.do_other_view()

    @on(TabBar.Chosen)
    def _on_tab(self, event: TabBar.Chosen) -> None:
        if event.index < len(self.editors):
            if event.close:
                self._close_editor(self.editors[event.index])
            else:
                self._show_text(self.editors[event.index].session)

    def _show_text(self, session: EditorSession) -> None:
        """Show a text in the half of the split that has the keyboard."""
        tab = next(editor for editor in self.editors if editor.session is session)
        if self.second is None or self._current is not self.second or session is self.second.session:
            self.show(tab if self.second is None or self._current is not self.second else self.second)
        else:
            self._split_with(session, tab)

    def do_next_file(self) -> None:
        self._turn(1)

    def do_previous_file(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        sessions = self._sessions()
        if len(sessions) > 1:
            index = next(i for i, session in enumerate(sessions) if session is self.session)
            self._show_text(sessions[(index + step) % len(sessions)])
        elif sessions:
            self.say("Only this file is open.")

    # Opening

    async def open_address(self, address: str, place: tuple[int, int] | None = None) -> None:
        """Open a text, or switch to it if it is open; show why if it cannot be opened."""
        for opened in self._sessions():
            if opened.address == address:
                self._show_text(opened)
                if place is not None:
                    self.editor.start_at(*place)
                    self.editor.finish(centred=True)
                return
        if self.catalog is None or address in self._joining:
            return
        self._joining.add(address)
        session: EditorSession | None = None
        try:
            session = await self.catalog.open(address)
            same = next((other for other in self._sessions() if other.address == session.address), None)
            if same is not None:  # by another name: its path, and its address at the server that shares it
                await session.close()
                self._show_text(same)
                return
            await self.start_session(session)
            if not session.ready:
                with self.saying(f"Joining {clean(session.title, 60)} …"):
                    await session.wait_until_coming(JOIN_S)
        except JptermError as error:
            if session is not None:
                await session.close()
            self.say(str(error), serious=True)
            return
        finally:
            self._joining.discard(address)
        await self._add(session, place)

    async def _add(self, session: EditorSession, place: tuple[int, int] | None) -> None:
        view = (
            None if self.last_time is None else await asyncio.to_thread(self.last_time.view, session.address)
        )
        editor = self._make_editor(session)
        if place is not None:
            editor.start_at(*place)
        elif view is not None:
            editor.start_with(view)
        self.editors.append(editor)
        self._abandoned.discard(session.address)
        if self._start is not None:
            self._start.remove()
            self._start = None
            self.status_bar.display = True
        self.tab_line.display = len(self.editors) > 1
        in_second = self.second is not None and self._current is self.second
        editor.speaks, editor.display = False, not in_second
        await self.first_half.mount(editor)
        if in_second:
            self._split_with(session, editor)
        else:
            self.show(editor)
        await self.mention_restored_work(editor)
        await self.mention_place(editor)

    @property
    def screen_of_texts(self) -> Screen[Any]:
        """The screen below all dialogs."""
        return self.screen_stack[0]

    # Closing

    def do_close_file(self) -> None:
        """Close the second half of a split, or else the file; ask if there is unsaved work."""
        if self._current is None:
            self.do_quit()
        elif self._current is self.second:
            self._unsplit()
        else:
            self._close_editor(self._current)

    def do_save_and_close(self) -> None:
        """Save and close the file; quit if it was the last."""
        if self._current is not None:
            self.run_worker(self._save_all([self.session], self._close_or_exit), exit_on_error=False)

    def do_close_or_quit(self) -> None:
        """Close the view or the file, or quit if it is the last; ask if there is unsaved work."""
        if self._current is self.second or len(self.editors) > 1:
            self.do_close_file()
        else:
            self.do_quit()

    def do_close_at_once(self) -> None:
        """The same without asking: discard my unsaved work, unless the file is on a server that saves it anyway."""
        self.run_worker(self._close_at_once(self.session), exit_on_error=False)

    async def _close_at_once(self, session: EditorSession) -> None:
        discarded = can_discard(session) and session.discard()
        if discarded:
            await self.compare(session)
            self._abandoned.add(session.address)
        if len(self.editors) > 1:
            self._close_or_exit()
        else:
            self.leave(1 if discarded else 0)

    def _close_or_exit(self) -> None:
        if len(self.editors) > 1:
            self._drop(next(editor for editor in self.editors if editor.session is self.session))
        else:
            self.leave(0)

    def do_quit_in_vain(self) -> None:
        """Quit with an exit code that makes the caller stop: `git commit` aborts.

        My unsaved work in the texts named on the command line is discarded; in others it is kept.
        """
        self.run_worker(self._quit_in_vain(), exit_on_error=False)

    async def _quit_in_vain(self) -> None:
        for session in self._sessions():
            if session in self._named and can_discard(session):
                await self._discard(session)
        self.leave(1)

    def leave(self, code: int) -> None:
        raise NotImplementedError

    def do_quit(self) -> None:
        raise NotImplementedError

    def _close_editor(self, editor: Editor) -> None:
        self.confirm_close([editor.session], "close", partial(self._drop, editor))

    def _drop(self, editor: Editor) -> None:
        """Close a text without asking."""
        if editor not in self.editors:
            return
        self.note_view(editor)
        if self.second is not None and self.second.session is editor.session:
            self._unsplit()
        index = self.editors.index(editor)
        self.editors.remove(editor)
        if self._current is editor or self._current is None:
            if self.editors:
                last = self._last if self._last in self.editors else None
                self.show(last or self.editors[min(index, len(self.editors) - 1)])
            else:
                if self.second is not None:
                    self._unsplit()
                self._current = None
                self._start = self._make_start()
                self.status_bar.display = False
                self.first_half.mount(self._start)
        if self._last is editor:
            self._last = None
        self.tab_line.display = len(self.editors) > 1
        self.update_tabs()
        editor.remove()
        if self._vocabulary is not None:
            self._vocabulary.forget(editor.session)
        look_at_all_again()
        self.run_worker(self._close_session(editor.session), exit_on_error=False)

    async def _close_session(self, session: EditorSession) -> None:
        # Anything the server still lacks is in the journal, and is sent next time.
        with contextlib.suppress(JptermError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await session.close()

    def confirm_close(self, sessions: Sequence[EditorSession], verb: str, then: Callable[[], None]) -> None:
        """Call `then` if nothing in these texts is unsaved, or once the person has chosen what to do with it."""
        self.run_worker(
            self._confirm_close(sessions, verb, then), exclusive=True, group="part", exit_on_error=False
        )

    async def _confirm_close(
        self, sessions: Sequence[EditorSession], verb: str, then: Callable[[], None]
    ) -> None:
        # Changes on their way to the server's disk are given a moment to arrive.
        on_the_way = [s for s in sessions if s.unsent and s.status.state == "connected"]
        if on_the_way:
            await asyncio.gather(*(session.settled() for session in on_the_way))
        question = describe_unsaved(*sessions)
        if question is None:
            then()
            return
        from jpterm_like.tui.widgets.dialogs import Choice, Question

        command = "quit" if verb == "quit" else "close_file"
        key = self.keymap.key_label(command)
        unsaved = [session for session in sessions if not session.saved]
        cannot_save = bool(unsaved) and all(session.is_protected for session in unsaved)
        choices = [
            Choice("copy", "Save a copy") if cannot_save else Choice("save", f"Save and {verb}"),
            Choice("go", "Keep for next time", "" if " " in key else key),
            *([Choice("drop", "Discard")] if can_discard(*sessions) else []),
            Choice("stay", "Cancel"),
        ]

        def abandon() -> None:
            self._abandoned |= {session.address for session in sessions}
            then()

        def answered(answer: str | None) -> None:
            if answer == "go":
                abandon()
            elif answer == "copy":
                self._show_text(unsaved[0])
                self.do_duplicate_file()
            elif answer in ("save", "drop"):
                doing = (
                    self._save_all(unsaved, then)
                    if answer == "save"
                    else self._for_all(unsaved, self._discard, abandon)
                )
                self.run_worker(doing, exit_on_error=False)

        title = f"{verb.capitalize()} with unsaved work?"
        self.push_screen(Question(title, choices, question, again=(command, "go")), answered)

    async def _save_all(self, sessions: Sequence[EditorSession], then: Callable[[], None]) -> None:
        await self._for_all(sessions, lambda session: session.save(), then)

    async def _for_all(
        self,
        sessions: Sequence[EditorSession],
        does: Callable[[EditorSession], Awaitable[object]],
        then: Callable[[], None],
    ) -> None:
        """Do something with each text, then call `then`; stop at the first that fails, show it and why."""
        for session in sessions:
            try:
                await does(session)
            except JptermError as error:
                self._show_text(session)
                self.say(str(error), serious=True)
                return
        then()

    async def _discard(self, session: EditorSession) -> None:
        """Discard my unsaved work; the file is not written."""
        if session.discard():
            await self.compare(session)

    async def compare(self, session: EditorSession) -> None:
        # Without an answer the text is only shown as unsaved.
        with contextlib.suppress(JptermError, TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await session.compare()

    # Splitting

    def do_split(self) -> None:
        """Show two views one above the other, or remove the split."""
        self._turn_split(beside=False)

    def do_split_beside(self) -> None:
        """Show two views side by side, or remove the split."""
        if self.size.width < BESIDE_WIDTH_MIN:
            self.say(f"Two views side by side need a screen of {BESIDE_WIDTH_MIN} columns.")
        else:
            self._turn_split(beside=True)

    def _turn_split(self, *, beside: bool) -> None:
        if self._current is None:
            return
        if self.second is not None and self._beside == beside:
            self._unsplit()
            return
        self._beside = beside
        self.arrange_views(self.size.width)
        if self.second is None:
            self._split_with(self.session, self._current)

    def arrange_views(self, width: int) -> None:
        """Arrange the halves of a split, on a screen of this width."""
        beside = self._beside and width >= BESIDE_WIDTH_MIN
        self.views.set_class(beside, "beside")
        self._update_names()

    def do_other_view(self) -> None:
        if self.second is None:
            self.say("There is only one view; split it first.")
        elif self._current is self.second:
            self.show(next(editor for editor in self.editors if editor.display))
        else:
            self.show(self.second)

    def _split_with(self, session: EditorSession, like: Editor) -> None:
        """Show a text in the second half, at the place where another editor shows it, and go there."""
        if self.second is None:
            self.second = self._make_editor(session)
            self.second.speaks = False
            self.second.start_like(like)
            if self._second_half is None:
                self._second_half = Pane(classes="half")
                self.first_half.mount(self.names[0], before=0)
                self.views.mount(self.divider, self._second_half)
                self._second_half.mount(self.names[1])
            self._second_half.display = True
            self._second_half.mount(self.second)
        else:
            self.second.switch_to(like)
        self.show(self.second)

    def _unsplit(self) -> None:
        """Remove the split, and keep the text that has the keyboard."""
        second, self.second = self.second, None
        if second is None or self._second_half is None:
            return
        self.divider.display = self._second_half.display = self.names[0].display = False
        if self._current is second:
            tab = next(editor for editor in self.editors if editor.session is second.session)
            tab.start_like(second)
            second.leave()
            self._current = None
            self.show(tab)
        if self._last is second:
            self._last = None
        second.remove()


def can_discard(*sessions: EditorSession) -> bool:
    """Whether my unsaved work can be discarded: a server on the network saves it within a second."""
    return not any(saves_itself(session) for session in sessions)


def when_unsaved(session: EditorSession) -> str:
    """When the unsaved work was written, as the end of a phrase; "" if that is not known. Costs the length of the text."""
    buffer = session.buffer
    seconds = (
        newest_time(buffer, all_unsaved(buffer, session.saved_version)) if session.saved_version else None
    )
    if not seconds:
        return ""
    written = time.localtime(seconds)
    is_today = written[:3] == time.localtime()[:3]
    return time.strftime(" from %H:%M" if is_today else " from %d %b at %H:%M", written)


def describe_unsaved(*sessions: EditorSession) -> str | None:
    """Describe the unsaved and unsent work in some texts before they are closed; None if there is none.

    A server on the network saves its files itself, so work that it has stored counts as saved. A file that was opened by its name
    is written only by saving.
    """
    unsent = 0
    unsaved = []
    for session in sessions:
        if not session.ready or session.role == "view" or (session.saved and not session.unsent):
            continue
        if not session.unsent and saves_itself(session):
            continue
        unsent += session.unsent
        if not session.saved:
            unsaved.append(clean(session.title, 40))
    missing = []
    if unsent:
        changes = "1 change" if unsent == 1 else f"{unsent} changes"
        missing.append(f"The others do not have {changes} of yours yet.")
        if any(session.status.is_paused for session in sessions):
            missing.append("The connection is paused; they are sent when the file is opened next.")
    if len(unsaved) == 1:
        missing.append(f"{unsaved[0]} has unsaved changes.")
    elif unsaved:
        told = ", ".join(unsaved[:TITLES_LISTED_MAX])
        more = len(unsaved) - TITLES_LISTED_MAX
        told += f" and {more} more" if more > 0 else ""
        missing.append(f"{len(unsaved)} files have unsaved changes: {told}.")
    if not missing:
        return None
    kept = "Your text is kept on this machine, unless you discard it."
    others = list(dict.fromkeys(name for session in sessions for name in session.others_unsaved))
    if others:
        missing.append(f"{listed_names(others)} wrote some of it; discarding leaves that in place.")
    return " ".join([*missing, kept])


def listed_names(names: Sequence[str]) -> str:
    """Join people's names for a sentence."""
    return join_names([clean(name, NAME_LENGTH_MAX) for name in names])
