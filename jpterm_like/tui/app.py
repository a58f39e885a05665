"""The app around the editors: start and exit, themes, palette, help, signals. The open files are in `workspace`.

`EditorApp([Opening(session)], settings).run()` returns the exit code. After a crash `return_code` says so and `mistake` is the
exception; the text is in the session's journal either way.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import Theme as TextualTheme
from textual.worker import Worker, WorkerState

from jpterm_like.config import CannotKeep, Paths, keep_setting
from jpterm_like.errors import JptermError
from jpterm_like.last_time import LastTime
from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.editor import Editor, text_commands
from jpterm_like.tui.garbage import GarbagePasses
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.people_commands import LINES_KEPT
from jpterm_like.tui.remembering import RememberingApp
from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.palette256 import To256Colours
from jpterm_like.tui.render.screen import (
    PaintedScreen,
    ask_background,
    follow_job_control,
    hand_over,
    set_mouse,
    show_title,
    unfollow_job_control,
    use_own_driver_parts,
)
from jpterm_like.tui.render.terminal_background import TerminalBackground, guess
from jpterm_like.tui.render.undercurl import can_undercurl
from jpterm_like.tui.search_history import SearchHistory
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.typeahead import TypeAhead, TypedEvent
from jpterm_like.tui.widgets.messages import SERIOUS_MAX
from jpterm_like.tui.widgets.status_bar import StatusBar
from jpterm_like.tui.widgets.tabs import Divider, NameRow, TabBar
from jpterm_like.tui.workspace import Opening, describe_unsaved

if TYPE_CHECKING:
    from jpterm_like.tui.ports import EditorSettings, Everything, FileCatalog, Inviter, SyncNotes
    from jpterm_like.tui.sync_watch import SyncWatch
    from jpterm_like.tui.widgets.dialogs import Choice

log = logging.getLogger("jpterm_like.app")

PLACES_S: Final = 2.0
"""Interval between two looks at what is noted about the places that texts are synced with."""
THEMES_S: Final = 1.0
"""How often the user's theme files and settings are checked for changes."""

LAST_COMMANDS_MAX: Final = 4
"""How many commands that were run last the palette lists first."""

PROGRAM: Final = "jpterm-like"

TITLE_LENGTH_MAX: Final = 80
"""The longest part of a file's name in the title of the terminal."""

FIRST_HINT: Final = {"help": "all keys", "palette": "all commands", "save": "save", "quit": "quit"}


class EditorApp(RememberingApp):
    """A terminal application that edits some texts."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    # All keys are in the table of `keymap`; the editor has the focus and looks them up.
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    _theme_edition = 0
    _theme_problems: Sequence[str] = ()
    _terminal_title = ""

    def __init__(
        self,
        openings: Sequence[Opening],
        settings: EditorSettings,
        *,
        catalog: FileCatalog | None = None,
        theme: str | None = None,
        chooses: bool = False,
        near: str = "",
        theme_folders: Iterable[Path] | None = None,
        inviter: Inviter | None = None,
        everything: Everything | None = None,
        sync_notes: SyncNotes | None = None,
        last_time: LastTime | None = None,
        is_named: bool = False,
        inspects: bool = False,
        left_out: str = "",
    ) -> None:
        """Create the app.

        Args:
            openings: the texts to open first; none: the start screen. The first has the keyboard.
            catalog: the other files that can be opened.
            theme: the id of a theme, instead of the one in the settings.
            chooses: start with the list of files to open.
            near: the address that names are relative to while nothing is open: a server, or a folder of one; "": the working folder.
            theme_folders: the user's own themes; None: where the settings are.
            inviter: makes invitations to open files; None: nobody can be invited from here.
            everything: finds words in all documents of this user; None: that is not possible here.
            sync_notes: what was noted about places that texts are synced with; None: nothing is told of them.
            last_time: where carets, folds and tabs are remembered; None: nowhere.
            is_named: my name was given for this run, so that one in the settings does not count.
            inspects: begin with the pane that looks under the hood.
            left_out: why some of the texts that were wanted are not among the openings; "" if all are.
        """
        if theme_folders is None:
            theme_folders = [Paths.of_user().config / "themes"]
        self._theme_folders = [*theme_folders]
        self._theme_stamp = themes.stamp(self._theme_folders)
        colourless = not themes.colour_wanted()
        no_color = os.environ.pop("NO_COLOR", None)  # Textual's own filter for it loses the chosen row
        super().__init__()
        if no_color:
            os.environ["NO_COLOR"] = no_color
        self._few_colours = colourless or self.console.color_system not in ("256", "truecolor")
        self._colour_filter: LineFilter | None = None
        if self._few_colours:
            from jpterm_like.tui.render.terminal_colours import Colourless, has_colours

            colourless = colourless or not has_colours(os.environ.get("TERM", "dumb"))
            if colourless:
                self.no_color = self.ansi_color = True
                self._colour_filter = Colourless()
        elif self.console.color_system == "256":
            self._colour_filter = To256Colours()
        self.settings = settings
        self.catalog = catalog
        self.inviter = inviter
        self.everything = everything
        self.sync_notes = sync_notes
        self._offers_made = set()
        self._sync_watch: SyncWatch | None = None
        self.last_time = last_time
        self.is_named = is_named
        self._inspects = inspects
        self._left_out = left_out
        self._garbage = GarbagePasses()
        self._colourless = colourless
        self._undercurls = not self._few_colours and can_undercurl(os.environ)
        self._theme_wanted = theme or settings.theme
        self._is_light = guess(os.environ)
        # The other themes are read once the first screen is shown.
        first = {self._theme_wanted, themes.DEFAULT}
        first |= {themes.LIGHT} if self._theme_wanted == themes.AUTO else set()
        first |= {themes.TERMINAL} if self._few_colours else set()
        self._themes, _ = themes.load(self._theme_places, first)
        theme_shown = self._suitable(self._theme_wanted) or self._suitable(themes.DEFAULT)
        assert theme_shown is not None
        self._theme = theme_shown
        self.palette = Palette(self._theme, self._colourless, self._undercurls)
        self.keymap = Keymap(settings.keys, settings.preset)
        self.status_bar = StatusBar(self.palette)
        self.tab_line = TabBar(self.palette, id="tabs")
        self.divider = Divider(self.palette)
        self.names = NameRow(self.palette), NameRow(self.palette)
        self._apply_theme_to_textual()
        # Set the theme's colours before the style sheet is read for the first time, else it is read twice.
        self._sheet_colours = self.get_css_variables()
        self.stylesheet.set_variables(self._sheet_colours)
        self.copied = Clipboard()
        self.searches = SearchHistory(Paths.of_user().state_folder)
        self._last_commands: list[str] = []
        """Ids of the commands that were run from the palette, newest first."""
        self._mouse = settings.mouse
        self._leaving = False
        self._chooses = chooses
        self._near_at_start = near
        self._lines_said = deque(maxlen=LINES_KEPT)
        self._type_ahead = TypeAhead(self, self._send, self._can_take_keys, self._is_typing)
        self.begin(openings)
        use_own_driver_parts()

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return filters if self._colour_filter is None else [*filters, self._colour_filter]

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return {"hint": variables["foreground"], **variables}

    def get_default_screen(self) -> Screen[Any]:
        return PaintedScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.tab_line
        yield self.body
        yield self.status_bar

    def on_mount(self) -> None:
        if self._current is not None:
            self._current.focus()
        self._watch_terminal()
        follow_job_control(self)
        self.app_resume_signal.subscribe(self, lambda app: self._on_resumed())
        self.set_interval(THEMES_S, self._reload_themes)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._on_signal, number)
            except (NotImplementedError, RuntimeError, ValueError):  # not the main thread: the tests
                break
        self.update_tabs()
        for editor in self.editors:
            editor.update(now=False)
        self.call_after_refresh(self._finish_start)

    # Keys

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            await self._type_ahead.add(event)
        else:
            await super().on_event(event)

    async def _send(self, event: TypedEvent) -> Sequence[MessagePump]:
        target = self.focused or self.screen
        if isinstance(target, Editor) and self.app_focus:
            await hand_over(target, event)
            return ()
        await super().on_event(event)
        # A key that the widget does not handle bubbles to the app, returns as an action, and bubbles again as a message.
        return [*target.ancestors_with_self] * 2

    def _can_take_keys(self) -> bool:
        is_covered = self.screen is not self.screen_of_texts
        if is_covered and isinstance(self.screen, PaintedScreen) and self.focused is None:
            return False  # the editor on it gets the keyboard in a moment
        editor = self.focused if isinstance(self.focused, Editor) else self._current
        if editor is None:
            return self.screen.is_mounted
        if editor.search.is_seeking or (editor.spelling is not None and editor.spelling.is_asking):
            return False
        bar, card = editor.search.bar, editor.reviewing.card
        return (
            self.screen.is_mounted and (bar is None or bar.is_mounted) and (card is None or card.is_mounted)
        )

    def _is_typing(self) -> bool:
        return isinstance(self.focused, Editor) and self.focused.is_typing

    async def _finish_start(self) -> None:
        """Do what can wait until the first screen is shown, starting with the network."""
        for session in self._sessions():
            try:
                await self.start_session(session)
            except JptermError as error:
                self.exit(1, return_code=1, message=clean(str(error), 500))
                return
        from jpterm_like.tui.commands import mouse  # noqa: F401 - loaded before the first click needs it

        text_commands()  # and these before the first key
        self._read_themes()
        self.show_problems()
        if self._left_out:
            self.say(self._left_out, serious=True)
        told = self._current is not None and self._current.messages.text
        # What the connection said matters more than a welcome, and one thing at a time is read.
        if (
            self.catalog is not None
            and self.catalog.is_first_time()
            and self._current is not None
            and not told
        ):
            keys = ((self.keymap.key_label(id), what) for id, what in FIRST_HINT.items())
            self.say(f"Welcome. {', '.join(f'{key}: {what}' for key, what in keys if key)}.")
        screen = self.screen_of_texts
        assert isinstance(screen, PaintedScreen)
        screen.painter.check_version()
        for editor in self.editors:
            editor.update(now=False)
            self.run_worker(self.mention_restored_work(editor), exit_on_error=False)
            self.run_worker(self.mention_place(editor), exit_on_error=False)
        self.show_tree_at_start()
        self.reload_settings()
        self.set_interval(THEMES_S, self.reload_settings)
        if self.sync_notes is not None:
            self._look_at_places()
            self.set_interval(PLACES_S, self._look_at_places)
        self.remember_regularly()
        if self.settings.spelling:
            self.run_worker(self.start_spelling(), exit_on_error=False)
        if self._inspects:
            self.do_inspect()
        if self._chooses:
            self.choose_file(folder_first=True)
        self._garbage.start()

    def on_resize(self, event: events.Resize) -> None:
        self.arrange_views(event.size.width)

    async def on_unmount(self) -> None:
        self._garbage.stop()
        await self.end_spelling()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        unfollow_job_control()

    # Leaving

    def _watch_terminal(self) -> None:
        """Exit when the terminal is gone, even without a SIGHUP; Textual would read its end in a loop.

        An epoll that waits for no event still reports a hang-up. Without epoll (macOS) the signal has to do.
        """
        if not hasattr(select, "epoll") or sys.__stdin__ is None:
            return
        poller = select.epoll()
        try:
            poller.register(sys.__stdin__.fileno(), 0)
        except (OSError, ValueError):  # no terminal: the tests
            poller.close()
            return
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(poller.fileno())
            poller.close()
            self._on_signal(signal.SIGHUP)

        loop.add_reader(poller.fileno(), gone)

    def _on_signal(self, number: int) -> None:
        """Exit on a signal: restore the terminal, keep the work, and return 128 plus the signal's number."""
        self.leave(128 + number)

    @property
    def mistake(self) -> Exception | None:
        """The exception that ended the program, or None."""
        return self._exception

    def _fatal_error(self) -> None:
        """Restore the terminal and exit; the caller shows `mistake` as a sentence instead of a traceback (F39)."""
        self._close_messages_no_wait()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show that a command failed by a bug of ours; the editor continues."""
        if event.state is WorkerState.ERROR:
            log.error("a command failed", exc_info=event.worker.error)
            self.say("A bug in jpterm-like: this was not done. Your text is kept.", serious=True)

    def leave(self, code: int) -> None:
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._close(code), exit_on_error=False)

    async def _close(self, code: int) -> None:
        try:
            await asyncio.gather(self.remember(leaving=True), *map(self._close_session, self._sessions()))
        finally:
            self.exit(code, return_code=code)

    def do_quit(self) -> None:
        self.confirm_close(self._sessions(), "quit", self._quit)

    def _quit(self) -> None:
        """Exit with 0 if everything was saved, else 1: a program that started us as $EDITOR checks it."""
        missing = self._abandoned or describe_unsaved(*self._sessions())
        self.leave(1 if missing else 0)

    # The terminal

    def show_terminal_title(self) -> None:
        title = PROGRAM
        if self._current is not None:
            title = f"{clean(self.title_of(self.session), TITLE_LENGTH_MAX)} - {PROGRAM}"
        if title != self._terminal_title and self._driver is not None and not self.is_headless:
            self._terminal_title = title
            show_title(self, title)

    def do_suspend(self) -> None:
        """Suspend, back to the shell that started us; `fg` resumes."""
        if os.getsid(0) == os.getpid():
            self.say("There is no shell to return to.")
            return
        self.action_suspend_process()

    def _on_resumed(self) -> None:
        screen = self.screen_of_texts
        assert isinstance(screen, PaintedScreen)
        screen.painter.cover(screen is not self.screen)
        if isinstance(self.screen, PaintedScreen):
            self.screen.painter.cover(False)
        self.refresh(layout=True)

    def use_mouse(self, on: bool) -> None:
        self._mouse = on
        set_mouse(self, on)

    def do_toggle_mouse(self) -> None:
        self.use_mouse(not self._mouse)
        self.say(
            "The mouse works in the editor."
            if self._mouse
            else "The mouse belongs to the terminal: select and copy with it there."
        )

    def _look_at_places(self) -> None:
        """Say beside "saved" what the places that a text is synced with have of it."""
        if self.sync_notes is None or not self.sync_notes.are_there():
            return
        if self._sync_watch is None:
            from jpterm_like.tui.sync_watch import SyncWatch

            self._sync_watch = SyncWatch(self.sync_notes)
        self._sync_watch.look([*self.editors, *([self.second] if self.second is not None else [])])

    # Themes, palette, help

    @property
    def _theme_places(self) -> list[Path]:
        return [*themes.folders(), *self._theme_folders]

    def _apply_theme_to_textual(self) -> None:
        """Give Textual's own widgets the colours of our theme. Textual only notices a theme with a new name."""
        before = self.theme
        self._theme_edition += 1
        theme = textual_theme(self._theme, f"jpterm-like-{self._theme_edition}")
        self.register_theme(theme)
        self.theme = theme.name
        if self._theme_edition > 1:
            self.unregister_theme(before)

    def refresh_css(self, animate: bool = True) -> None:
        """Reload the style sheet if one of its colours has changed; it takes half as long as the start."""
        colours = self.get_css_variables()
        if colours != self._sheet_colours:
            self._sheet_colours = colours
            super().refresh_css(animate)

    def _reload_themes(self) -> None:
        """Load the user's themes as soon as they are saved."""
        stamp = themes.stamp(self._theme_folders)
        if stamp != self._theme_stamp:
            self._theme_stamp = stamp
            self._read_themes()
            self.show_problems()

    def show_problems(self) -> None:
        problems = [*self.settings.problems, *self._theme_problems, *self.keymap.problems]
        if self._suitable(self._theme_wanted) is None:
            known = ", ".join(self._themes)
            problems.append(f"There is no theme {clean(self._theme_wanted, 40)!r}; there are {known}.")
        if len(problems) > SERIOUS_MAX:
            problems[SERIOUS_MAX - 1 :] = [
                f"{len(problems) - SERIOUS_MAX + 1} more problems; fix these first."
            ]
        for index in range(SERIOUS_MAX):
            for editor in self.editors:
                editor.messages.forget(f"settings {index}")
                editor.update(now=False)
        for index, sentence in enumerate(problems):
            if self._current is not None:
                self._current.say_about(f"settings {index}", sentence)
            else:
                self.say(sentence, serious=True)

    def _read_themes(self) -> None:
        """Load all themes from their files."""
        found, self._theme_problems = themes.load(self._theme_places)
        used = self._theme
        self._themes = {**found, used.id: found.get(used.id, used)}
        theme = self._suitable(self._theme_wanted) or self._themes[used.id]
        if theme != used:
            self._show_theme(theme)

    def _suitable(self, wanted: str) -> themes.Theme | None:
        return themes.suitable(self._themes, wanted, is_light=self._is_light, few_colours=self._few_colours)

    @property
    def follows_background(self) -> bool:
        """Whether the theme depends on the background of the terminal."""
        return self._theme_wanted == themes.AUTO and not self._few_colours

    def on_terminal_background(self, event: TerminalBackground) -> None:
        if event.is_light != self._is_light:
            self._is_light = event.is_light
            if self.follows_background:
                self.use_theme(themes.AUTO)

    def use_theme(self, id: str) -> None:
        followed, self._theme_wanted = self.follows_background, id
        theme = self._suitable(id)
        if theme is None:
            return
        if self.follows_background and not followed:
            ask_background(self)
        if theme != self._theme:
            self._show_theme(theme)

    def _show_theme(self, theme: themes.Theme) -> None:
        self._theme = theme
        self._apply_theme_to_textual()
        self.palette = Palette(theme, self._colourless, self._undercurls)
        self.status_bar.palette = self.palette
        for row in (self.tab_line, self.divider, *self.names):
            row.use_palette(self.palette)
        for editor in [*self.editors, *([self.second] if self.second is not None else [])]:
            editor.use_palette(self.palette)

    def do_toggle_preview(self) -> None:
        from jpterm_like.tui.preview import WIDTH_MIN, Preview

        screen = self.screen_of_texts
        if shown := screen.query(Preview):
            shown.remove()
        elif self.size.width < WIDTH_MIN:
            self.say(f"The preview needs a screen of {WIDTH_MIN} columns.")
        else:
            self.body.mount(Preview(lambda: self._current))

    def do_inspect(self) -> None:
        """Show the pane that looks under the hood and give it the keyboard, or remove it."""
        from jpterm_like.tui.inspector import Inspector

        if shown := self.screen_of_texts.query(Inspector):
            shown.remove()
            self._to_text()
            return
        if self._current is None:
            self.say("Open a text first, to look under its hood.")
            return
        pane = Inspector(lambda: self._current, self._to_text)
        self.body.mount(pane)
        pane.focus()

    def _to_text(self) -> None:
        """Give the keyboard back to the text."""
        if self._current is not None:
            self._current.focus()

    def do_themes(self) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        self._read_themes()  # the key may come before the start is finished

        def try_on(id: str) -> None:
            self.use_theme(id)

        before = self._theme.id if self._suitable(self._theme_wanted) is None else self._theme_wanted
        choices = [
            Choice(theme.id, clean(theme.name, 30), clean(theme.about, 60))
            for theme in self._themes.values()
            if self._suitable(theme.id) is theme
        ]
        if not self._few_colours:
            choices.insert(0, Choice(themes.AUTO, "By the terminal", "Dark or light, as its background is"))
        picker = Picker("Choose a theme", choices, search=False, chosen=before, on_highlight=try_on)
        self.push_screen(picker, lambda id: try_on(before) if id is None else self._keep_theme(id))

    def _keep_theme(self, id: str) -> None:
        """Use a theme, and save the choice in the settings."""
        self.use_theme(id)
        try:
            keep_setting(Paths.of_user(), "theme", id)
        except CannotKeep as error:
            self.say(str(error), serious=True)

    def do_palette(self) -> None:
        from jpterm_like.tui.widgets.dialogs import CommandPicker

        self.push_screen(CommandPicker("Commands", self._commands()), self._on_command)

    def _commands(self) -> list[Choice]:
        """The commands of the palette: those that were run from it last, the most used ones, the others as in the table."""
        from jpterm_like.tui.keymap import COMMANDS
        from jpterm_like.tui.synonyms import MOST_USED, SYNONYMS
        from jpterm_like.tui.widgets.dialogs import Choice

        first = {id: rank for rank, id in enumerate(dict.fromkeys((*self._last_commands, *MOST_USED)))}
        choices = [
            Choice(
                command.id,
                command.title,
                self.keymap.key_label(command.id),
                f"{SYNONYMS.get(command.id, '')}, {command.id.replace('_', ' ')}",
            )
            for command in COMMANDS
            if command.in_palette and (self._current is not None or hasattr(self, f"do_{command.id}"))
        ]
        return sorted(choices, key=lambda choice: first.get(choice.id, len(first)))

    def _on_command(self, id: str | None) -> None:
        if id is not None:
            self._last_commands = [id, *(other for other in self._last_commands if other != id)]
            del self._last_commands[LAST_COMMANDS_MAX:]
            self.call_later(self._run if self._current is None else self._current.run, id)

    def _run(self, command: str) -> None:
        """Run a command that needs no open text."""
        getattr(self, f"do_{command}")()

    def do_help(self) -> None:
        from jpterm_like.tui.widgets.help import Help

        self.push_screen(Help())


def textual_theme(theme: themes.Theme, id: str) -> TextualTheme:
    """Convert our theme for Textual's own widgets, the dialogs."""
    colours = theme.interface

    def name(colour: str) -> str:
        return colour if colour.startswith("#") else f"ansi_{colour}"

    return TextualTheme(
        name=id,
        primary=name(colours.accent),
        secondary=name(colours.accent),
        accent=name(colours.accent),
        warning=name(colours.warning),
        error=name(colours.error),
        success=name(colours.good),
        foreground=name(colours.bar_text),
        background=name(colours.background),
        surface=name(colours.bar),
        panel=name(colours.bar),
        boost=name(colours.bar),
        dark=theme.kind != "light",
        ansi=theme.kind == "terminal",
        variables={
            "block-cursor-background": name(colours.accent),
            "block-cursor-foreground": name(colours.background) if theme.kind != "terminal" else "ansi_black",
            "block-cursor-text-style": "bold",
            "block-cursor-blurred-background": name(colours.accent),
            "block-cursor-blurred-foreground": name(colours.background)
            if theme.kind != "terminal"
            else "ansi_black",
            "input-cursor-background": name(colours.text),
            "input-cursor-foreground": name(colours.background),
            "input-selection-background": name(colours.selection),
            "input-selection-foreground": name(colours.text),
            "hint": name(themes.readable_hint(theme)),
            "scrollbar": name(colours.muted),
            "scrollbar-background": name(colours.bar),
            **(_ANSI_VARIABLES if theme.kind == "terminal" else {}),
        },
    )


_ANSI_VARIABLES: Final = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "border-blurred": "ansi_black",
    "input-cursor-text-style": "none",
    "input-selection-background": "ansi_bright_blue",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_bright_blue",
    "screen-selection-foreground": "ansi_black",
}
"""Variables that Textual's style sheets need when a theme uses the terminal's own colours."""
