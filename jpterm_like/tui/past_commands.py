"""The command that looks back at the past of the text."""

from __future__ import annotations

from jpterm_like.tui.everywhere_commands import EverywhereCommands
from jpterm_like.tui.text.cells import clean


class PastCommands(EverywhereCommands, is_whole=False):
    """The commands of the app on the past."""

    def do_look_back(self) -> None:
        """Show the text as it was; with a selection, the states of that passage."""
        from jpterm_like.tui.past.past_screen import PastScreen  # loaded on demand

        session = self.session
        if not session.ready:
            self.say("Still joining: its past comes with the text.")
        elif not session.buffer.version:
            self.say("Nothing was written here yet.")
        else:
            self.push_screen(PastScreen(self.editor, clean(self.title_of(session), 40), self.update_tabs))
