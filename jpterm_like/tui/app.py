"""The program around the editor: opening and leaving, themes, dialogs, signals.

`EditorApp(session, settings).run()` returns the exit code. After a crash of ours Textual says so and sets
`return_code`; the text is in the session's journal either way.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme as TextualTheme

from jpterm_like.config import CannotKeep, Paths, keep_setting
from jpterm_like.errors import JptermError
from jpterm_like.tui import themes
from jpterm_like.tui.cells import clean
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.keys import Keymap
from jpterm_like.tui.painter import use_sturdy_writer
from jpterm_like.tui.session import EditorSession, EditorSettings
from jpterm_like.tui.status import StatusBar

# A server that does not answer must not keep us from leaving; what it lacks is in the journal.
CLOSE_S_MAX = 5.0


class MainScreen(Screen[None]):
    """The text and the line below it."""

    def on_screen_resume(self) -> None:
        for editor in self.query(Editor):
            editor.cover(False)

    def on_screen_suspend(self) -> None:
        """A dialog has the keyboard, and a cursor of its own."""
        for editor in self.query(Editor):
            editor.cover(True)


class EditorApp(App[int], inherit_bindings=False):
    """One text, open in a terminal."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    # All keys are in the table of `keys`; the editor has the focus and looks there.
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        session: EditorSession,
        settings: EditorSettings,
        *,
        theme: str | None = None,
        theme_folders: Iterable[Path] | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        """Make the app.

        Args:
            theme: the id of a theme, instead of the one in the settings.
            theme_folders: the user's own themes; None: where the settings are.
            place: line and column where the caret begins, as people count, from 1.
        """
        if theme_folders is None:
            theme_folders = [Paths.of_user().config / "themes"]
        colourless = not themes.colour_wanted()
        if not colourless:
            os.environ.pop("NO_COLOR", None)  # Textual takes an empty one for a wish, no-color.org does not
        super().__init__(ansi_color=True if colourless else None)
        self.session = session
        self.settings = settings
        self._colourless = colourless
        self._themes, self._complaints = themes.load([*themes.folders(), *theme_folders])
        wanted = theme or settings.theme
        if wanted not in self._themes:
            self._complaints.append(
                f"There is no theme {clean(wanted, 40)!r}; there are {', '.join(self._themes)}."
            )
            wanted = themes.DEFAULT
        for known in self._themes.values():
            self.register_theme(_for_textual(known))
        self._theme = self._themes[wanted]
        palette = themes.Palette(self._theme, colourless)
        self._key_table = Keymap(settings.keys)
        self._complaints += self._key_table.problems
        self.status_bar = StatusBar(palette)
        self.editor = Editor(
            session,
            palette,
            self.status_bar,
            settings,
            self._key_table,
        )
        self.theme = _textual_name(wanted)
        self._leaving = False
        self._place = place
        use_sturdy_writer()

    def get_default_screen(self) -> Screen[Any]:
        return MainScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.editor
        yield self.status_bar

    async def on_mount(self) -> None:
        self.editor.focus()
        if self._place is not None:
            self.editor.start_at(*self._place)
        self._watch_terminal()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._on_signal, number)
            except (NotImplementedError, RuntimeError, ValueError):  # not the main thread: the tests
                break
        if complaints := [*self.settings.problems, *self._complaints]:
            self.editor.say(" ".join(complaints))
        try:
            await self.session.start()
        except JptermError as error:
            self.exit(1, return_code=1, message=clean(str(error), 500))
            return
        self.editor.update(now=False)
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """What can wait until the first screen is there."""
        self.editor.check_version()
        # What the start has made stays: the collector need not walk it again and again while somebody types.
        gc.freeze()

    def on_unmount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)

    # Leaving

    def _watch_terminal(self) -> None:
        """Leave when the terminal is gone, also where no SIGHUP says so; else Textual reads its end again and again.

        An epoll that asks for nothing is told of a hang-up alone. Where there is none (macOS), the signal must do.
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
        """Asked to go by the system: restore the terminal, keep the work, tell by the exit code."""
        self._leave(128 + number)

    @property
    def mistake(self) -> Exception | None:
        """What made the program end by itself, or None."""
        return self._exception

    def _fatal_error(self) -> None:
        """Restore the terminal and end; our caller tells `mistake` in a sentence instead of a traceback (F39)."""
        self._close_messages_no_wait()

    def _leave(self, code: int) -> None:
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._close(code), exit_on_error=False)

    async def _close(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await self.session.close()
        except (JptermError, OSError, TimeoutError):
            pass  # the journal has everything; what the server lacks it gets next time
        finally:
            self.exit(code, return_code=code)

    def do_quit(self) -> None:
        if self.session.unsent and self.session.status.state == "connected":
            self.run_worker(self._settle_and_quit(), exclusive=True, group="quit", exit_on_error=False)
        else:
            self._quit()

    async def _settle_and_quit(self) -> None:
        """What is on its way to the server's disk is not missing: it gets the moment that it needs."""
        await self.session.settled()
        self._quit()

    def _quit(self) -> None:
        """Leave, or ask when something would be missing."""
        question = what_would_be_missing(self.session)
        if question is None:
            self._leave(0)
            return
        from jpterm_like.tui.dialogs import Choice, Picker

        choices = [
            Choice("save", "Save and quit"),
            Choice("quit", "Quit, keep my work here"),
            Choice("stay", "Stay"),
        ]
        picker = Picker("Quit? Not all is saved.", choices, body=question, search=False)
        self.push_screen(picker, self._on_quit_answer)

    def _on_quit_answer(self, answer: str | None) -> None:
        if answer == "quit":
            self._leave(0)
        elif answer == "save":
            self.run_worker(self._save(then_leave=True), exit_on_error=False)

    def do_save(self) -> None:
        self.run_worker(self._save(), exit_on_error=False)

    async def _save(self, then_leave: bool = False) -> None:
        try:
            await self.session.save()
        except JptermError as error:
            self.editor.say(str(error), serious=True)
            return
        if then_leave:
            self._leave(0)
        else:
            self.editor.say(f"Saved {self.session.title}.")

    def do_reconnect(self) -> None:
        self.session.retry_now()

    # Themes, palette, help

    def use_theme(self, id: str) -> None:
        if id not in self._themes:
            return
        self._theme = self._themes[id]
        if not self._colourless:
            self.theme = _textual_name(id)
        self.editor.use_palette(themes.Palette(self._theme, self._colourless))

    def do_themes(self) -> None:
        from jpterm_like.tui.dialogs import Choice, Picker

        before = self._theme.id
        choices = [
            Choice(theme.id, clean(theme.name, 30), clean(theme.about, 60)) for theme in self._themes.values()
        ]
        picker = Picker("Choose a theme", choices, search=False, chosen=before, on_highlight=self.use_theme)
        self.push_screen(picker, lambda id: self.use_theme(before) if id is None else self._keep_theme(id))

    def _keep_theme(self, id: str) -> None:
        """Use a theme from now on."""
        self.use_theme(id)
        try:
            keep_setting(Paths.of_user(), "theme", id)
        except CannotKeep as error:
            self.editor.say(str(error), serious=True)

    def do_palette(self) -> None:
        from jpterm_like.tui.dialogs import Choice, Picker
        from jpterm_like.tui.keys import COMMANDS, spoken

        choices = [
            Choice(command.id, command.title, "".join(map(spoken, self._key_table.keys_of(command.id)[:1])))
            for command in COMMANDS
            if command.in_palette
        ]
        self.push_screen(Picker("Commands", choices), self._on_command)

    def _on_command(self, id: str | None) -> None:
        if id is not None:
            self.call_after_refresh(partial(self.editor.run, id))

    def do_help(self) -> None:
        from jpterm_like.tui.dialogs import Help

        self.push_screen(Help(self._key_table))


def what_would_be_missing(session: EditorSession) -> str | None:
    """What to say before quitting, or None when nobody would miss anything.

    A server on the network writes its files by itself, so there what it has stored is as good as saved. A file that
    was opened by its name is written only by saving.
    """
    writes_by_itself = session.address.startswith(("ws://", "wss://"))
    if not session.ready or session.role == "view" or (session.saved and not session.unsent):
        return None
    if not session.unsent and writes_by_itself:
        return None
    title = clean(session.title, 40)
    kept = "Nothing is lost: all of your text is kept on this machine and is here again when you open it."
    missing = []
    if session.unsent:
        changes = "1 change" if session.unsent == 1 else f"{session.unsent} changes"
        missing.append(f"The others do not have {changes} of yours yet.")
    if not session.saved:
        missing.append(f"The file {title} does not have what was written since it was last saved.")
    return " ".join([*missing, kept])


def _textual_name(id: str) -> str:
    return f"jpterm-like-{id}"


def _for_textual(theme: themes.Theme) -> TextualTheme:
    """Our theme as Textual's own widgets, the dialogs, want it."""
    colours = theme.interface

    def name(colour: str) -> str:
        return colour if colour.startswith("#") else f"ansi_{colour}"

    return TextualTheme(
        name=_textual_name(theme.id),
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
            **(_ANSI_VARIABLES if theme.kind == "terminal" else {}),
            "block-cursor-background": name(colours.accent),
            "block-cursor-foreground": name(colours.background) if theme.kind != "terminal" else "ansi_black",
            "block-cursor-text-style": "bold",
            "block-cursor-blurred-background": name(colours.accent),
            "block-cursor-blurred-foreground": name(colours.background)
            if theme.kind != "terminal"
            else "ansi_black",
            "input-cursor-background": name(colours.text),
            "input-cursor-foreground": name(colours.background),
            "scrollbar": name(colours.muted),
            "scrollbar-background": name(colours.bar),
        },
    )


# Textual's style sheets ask for these by name when a theme uses the terminal's own colours.
_ANSI_VARIABLES = {
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "border-blurred": "ansi_black",
    "input-cursor-text-style": "none",
    "input-selection-background": "ansi_bright_blue",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_bright_blue",
    "screen-selection-foreground": "ansi_black",
}
