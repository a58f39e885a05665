"""Folding: rows out of sight under the one that introduces them, by indentation or, in Markdown, by headings."""

from __future__ import annotations

from collections.abc import Callable

from jpterm_like.tui.commands.highlighting import Colouring
from jpterm_like.tui.text.folds import Fold, by_heading, by_indent, outermost


class Folding(Colouring):
    """What the editor does to fold."""

    def do_toggle_fold(self) -> None:
        """Fold what the caret's row introduces or is in, or unfold it."""
        row = self.sheet.lines.row(self.cursor.caret)
        if self.view.folds.open(row):
            self._folded()
            return
        fold = self._foldable(self.sheet.line, len(self.sheet.lines), row)
        if fold is None:
            self.say("There is nothing to fold here.")
        else:
            self._close([fold])

    def do_fold_all(self) -> None:
        folds = list(outermost(self.sheet.line, len(self.sheet.lines), self._foldable))
        if folds:
            self._close(folds)
        else:
            self.say("There is nothing to fold.")

    def do_unfold_all(self) -> None:
        self.view.folds.all = []
        self._folded()

    def _foldable(self, line: Callable[[int], str], rows: int, row: int) -> Fold | None:
        find = by_heading if self.grammar_name() == "markdown" else by_indent
        return find(line, rows, row)

    def _close(self, folds: list[Fold]) -> None:
        """Fold, with the caret where it can be seen."""
        view, lines = self.view, self.sheet.lines
        for fold in folds:
            view.folds.close(*fold)
        head = view.folds.head(lines.row(self.cursor.caret))
        if head != lines.row(self.cursor.caret):
            self.cursor.put(self.sheet.snap(lines.span(head)[1]))
            self._tell_caret()
        self._folded()

    def _folded(self) -> None:
        self.view.refold()
        self.view.reveal(self.cursor.caret)
        self.update()
