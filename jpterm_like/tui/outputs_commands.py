"""The command that opens the outputs of a cell as a text."""

from __future__ import annotations

from pathlib import PurePath

from jpterm_like.tui.past_commands import PastCommands


class OutputsCommands(PastCommands, is_whole=False):
    """The commands of the app on what cells gave."""

    def do_show_outputs(self) -> None:
        """Show all that the cell of the caret has given, to search, copy and save."""
        from jpterm_like.notebook.output_texts import plain_text_of
        from jpterm_like.tui.commands.cell_edits import outputs_in
        from jpterm_like.tui.outputs_screen import OutputsScreen  # loaded on demand

        editor = self.editor
        outputs = outputs_in(editor)
        if outputs is None:
            return
        cell = outputs.blocks.cells.at(editor.text_layout.lines.row(editor.cursor.caret))
        text = plain_text_of(editor.session.outputs_of(cell)) if cell else ""
        if not text:
            self.say("This cell has given no text.")
            return

        def done(command: str) -> None:
            self.update_tabs()
            if command == "save":
                self._ask_name(
                    "Save the outputs", lambda to: self._save_text(to, text), _text_name(self.session.title)
                )
            elif command:
                editor.run(command)

        self.push_screen(OutputsScreen(editor, text, done))

    async def _save_text(self, to: str, text: str) -> None:
        """Save a text as a new file, and show that."""
        if await self._begin_file(to, text):
            await self.session.save()
            self.say(f"Saved {self.session.title}.")
            self.refresh_files()


def _text_name(title: str) -> str:
    """A name for a text beside a file."""
    return str(PurePath(title).with_suffix(".txt"))
