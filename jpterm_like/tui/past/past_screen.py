"""The screen on which one looks back: the editor over the past, a picture of the time, a status bar.

The editors of the present stay as they are below it, and hear what others write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.timer import Timer

from crdt import Anchor
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.garbage import look_at_all_again
from jpterm_like.tui.past.looking_back import LookingBack
from jpterm_like.tui.past.past_session import PastSession
from jpterm_like.tui.past.time_picture import TimePicture
from jpterm_like.tui.read_only import ReadOnlyEditor
from jpterm_like.tui.render.screen import PaintedScreen
from jpterm_like.tui.widgets.status_bar import StatusBar

MARK_S: Final = 0.2
"""How long the keys rest before what takes long is marked in a large text."""

KEYS: Final[dict[str, str]] = {
    "left": "previous_stop",
    "right": "next_stop",
    "ctrl+left": "previous_word",
    "alt+left": "previous_word",
    "ctrl+right": "next_word",
    "alt+right": "next_word",
    "home": "start",
    "end": "now",
    "space": "toggle_playing",
    "d": "toggle_comparing",
    "n": "next_change",
    "p": "previous_change",
    "r": "restore_passage",
    "R": "restore_all",
}
"""Keys that go through time, and the method of `LookingBack` for each."""


class PastEditor(ReadOnlyEditor):
    """The editor over the past."""

    mode = "past"

    def __init__(self, live: Editor, past: PastSession, status: StatusBar) -> None:
        super().__init__(live, past, status)
        self.do_past: Callable[[str], bool] = lambda key: False
        """Does what a key does here; False if it does nothing."""

    def run(self, command: str) -> None:
        if command in ("deselect", "look_back"):
            self.leave_to_run("")
        else:
            super().run(command)

    async def on_key(self, event: events.Key) -> None:
        if self._first_key:
            return
        key = event.character if event.character and event.character.isprintable() else event.key
        if self.do_past("space" if key == " " else key):
            event.stop()
            event.prevent_default()


class PastScreen(PaintedScreen):
    """Looks back at the text of an editor."""

    def __init__(self, live: Editor, title: str, done: Callable[[], None]) -> None:
        super().__init__(id="past")
        self._live = live
        self._title = title
        self._done = done
        start, end = live.cursor.selection
        buffer = live.session.buffer
        passage: tuple[Anchor, Anchor] | None = None
        if start < end:
            passage = buffer.anchor(start, before=True), buffer.anchor(end)
        self.past = PastSession(live.session, passage)
        self._status = StatusBar(live.palette)
        self.editor = PastEditor(live, self.past, self._status)
        self.editor.start_like(live)
        self.editor.title_of = lambda session: title
        self.back = LookingBack(
            self.editor,
            self.past,
            live.session,
            lambda: self.editor.renderer,
            live.palette,
            self._on_changed,
            self._leave,
        )
        self.editor.refusal = self._refusal
        self.editor.do_past = self._do
        self.editor.leave_to_run = self._leave_to_run
        self.editor.after_event = self._on_event
        self.picture = TimePicture(self.back, live.palette, lambda: title)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.editor
        yield self.picture
        yield self._status

    def on_mount(self) -> None:
        self.picture.show()
        self.call_after_refresh(self.back.begin)

    def on_unmount(self) -> None:
        self._stop_timer()
        self.past.close()
        look_at_all_again()  # its copy of the text goes

    @on(Editor.Entered)
    def _on_entered(self, event: Editor.Entered) -> None:
        event.stop()  # the app would show this editor in a tab

    def _refusal(self) -> str:
        restore = " r restores it," if self.back.may_restore else ""
        return f"This is the text as it was, and cannot be changed;{restore} esc leaves."

    def _do(self, key: str) -> bool:
        if key == "b":
            self.editor.run("toggle_blame")
        elif key == "f":
            self.editor.ask(
                "Find in everything ever written",
                "Deleted text, too.",
                self.back.find_ever,
            )
        elif len(key) == 1 and key in "123456789":
            self.back.set_speed(int(key))
        elif key in KEYS:
            getattr(self.back, KEYS[key])()
        else:
            return False
        return True

    # Time

    def _on_changed(self) -> None:
        """The place in time has changed, or what is done there."""
        if self.is_mounted:
            self.picture.show()
        if self.back.plays:
            if self._timer is None:
                self._timer = self.set_timer(0.01, self._play)
        else:
            self._stop_timer()
            if self.back.marks_are_due:
                self._timer = self.set_timer(MARK_S, self._mark)

    def _play(self) -> None:
        self._timer = None
        wait = self.back.play_on()
        if wait is not None:
            self._stop_timer()
            self._timer = self.set_timer(wait, self._play)

    def _mark(self) -> None:
        self._timer = None
        if self.back.marks_are_due:
            self.back.mark()
            self.editor.update(now=False)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    # Leaving

    def _on_event(self) -> None:
        if self.past.is_replaced:
            self._leave(None, "The text was replaced by another one, whose past begins with it.")

    def _leave(self, offset: int | None, sentence: str) -> None:
        """Go back to the present, with the caret at an offset there if one is given."""
        if not self.is_current:
            return
        self.dismiss()
        if offset is not None:
            self._live.jump(self._live.text_layout.snap(min(offset, len(self._live.session.buffer))))
        if sentence:
            self._live.say(sentence)
        self._done()

    def _leave_to_run(self, command: str) -> None:
        self._leave(None, "")
        if command:
            self._live.call_later(self._live.run, command)
