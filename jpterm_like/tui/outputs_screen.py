"""The screen on which the outputs of a cell are read as a text: searched, copied and saved.

It shows what the cell had given when it was opened. The editors stay as they are below it.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult

from crdt import TextBuffer
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.garbage import look_at_all_again
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.read_only import ReadOnlyEditor, ReadOnlySession
from jpterm_like.tui.render.screen import PaintedScreen
from jpterm_like.tui.widgets.status_bar import StatusBar


class OutputsSession(ReadOnlySession):
    """What a cell gave, in the face of a session."""

    title = "outputs.txt"
    """Not the notebook's: cells and their colours are for that."""

    def __init__(self, live: EditorSession, text: str) -> None:
        super().__init__(live, TextBuffer.genesis(text))


class OutputsEditor(ReadOnlyEditor):
    """The editor over the outputs."""

    mode = "outputs"

    def run(self, command: str) -> None:
        if command == "close_file" or (command == "deselect" and self.search.bar is None and not self.extras):
            self.leave_to_run("")
        else:
            super().run(command)


class OutputsScreen(PaintedScreen):
    """Shows a text. Once it is left, `done` is called with the command that is to be run then, or ""."""

    def __init__(self, live: Editor, text: str, done: Callable[[str], None]) -> None:
        super().__init__(id="outputs")
        save = live.keymap.key_label("save", "Save")
        self._live = live
        self._done = done
        self._status = StatusBar(live.palette)
        self.editor = OutputsEditor(live, OutputsSession(live.session, text), self._status)
        self.editor.refusal = lambda: f"Outputs cannot be changed; {save} saves them in a file, esc leaves."
        self.editor.leave_to_run = self._leave

    def compose(self) -> ComposeResult:
        yield self.editor
        yield self._status

    def on_mount(self) -> None:
        self.editor.focus()

    def on_unmount(self) -> None:
        look_at_all_again()  # the text goes

    @on(Editor.Entered)
    def _on_entered(self, event: Editor.Entered) -> None:
        event.stop()  # the app would show this editor in a tab

    def _leave(self, command: str) -> None:
        if self.is_current:
            self.dismiss()
            # In the name of the editor below: a dialog that this one opens would wait for a screen that is gone.
            self._live.call_later(self._done, command)
