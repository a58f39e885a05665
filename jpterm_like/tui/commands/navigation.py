"""Places of mine to come back to, and the outline of the text."""

from __future__ import annotations

from collections.abc import Iterator

from textual.widget import Widget

from jpterm_like.tui.commands.basic import Commands
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.outline import ROWS_MAX, outline

# More bookmarks than this nobody finds again; the oldest go.
BOOKMARKS_MAX = 100

# Lines that are read in one piece for the outline.
ROWS_AT_ONCE = 5_000


class Marks(Commands, Widget):
    """What the editor does to go to places that were marked or have a name."""

    bookmarks: list[TrackedOffset]

    def bookmarked_rows(self) -> list[int]:
        """The rows with a bookmark, in order."""
        for place in self.bookmarks:
            place.follow()
        return sorted({self.sheet.lines.row(place.offset) for place in self.bookmarks})

    def do_toggle_bookmark(self) -> None:
        row = self.sheet.lines.row(self.cursor.caret)
        if row in self.bookmarked_rows():
            self.bookmarks = [place for place in self.bookmarks if self.sheet.lines.row(place.offset) != row]
            self.say("The bookmark is gone.")
        else:
            # In front of the line's first letter: it goes along when a line is put in above it.
            self.bookmarks.append(
                TrackedOffset(self.session.buffer, self.sheet.lines.start(row), before=True)
            )
            del self.bookmarks[:-BOOKMARKS_MAX]
            self.update()

    def do_next_bookmark(self) -> None:
        rows = self.bookmarked_rows()
        here = self.sheet.lines.row(self.cursor.caret)
        if not rows:
            self.say("There is no bookmark in this file.")
            return
        row = next((row for row in rows if row > here), rows[0])
        self.go(self.sheet.lines.start(row))

    def _lines(self) -> Iterator[str]:
        """The lines of the text, read in pieces."""
        lines = self.sheet.lines
        for first in range(0, min(len(lines), ROWS_MAX + 1), ROWS_AT_ONCE):
            last = min(len(lines), first + ROWS_AT_ONCE) - 1
            yield from self.sheet.buffer.slice(lines.start(first), lines.span(last)[1]).split("\n")

    def do_outline(self) -> None:
        """Choose a heading or a symbol to go to."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        lines = self.sheet.lines
        entries, cut_at = outline(self.session.title, self._lines())
        where = "here" if cut_at is None else f"in the first {cut_at:,} lines; more were not looked through"
        if not entries:
            self.say(f"There are no headings or symbols {where}.")
            return
        choices = [
            Choice(str(entry.row), "  " * entry.depth + clean(entry.name, 70), f"line {entry.row + 1}")
            for entry in entries
        ]
        here = lines.row(self.cursor.caret)
        before = [entry.row for entry in entries if entry.row <= here]

        def chosen(row: str | None) -> None:
            if row is not None:
                self.session.break_undo()
                self.cursor.put(lines.start(min(int(row), len(lines) - 1)))
                self._done(centred=True)

        self.app.push_screen(
            Picker(
                "Go to" if cut_at is None else f"Go to ({where})",
                choices,
                chosen=str(before[-1]) if before else None,
            ),
            chosen,
        )
