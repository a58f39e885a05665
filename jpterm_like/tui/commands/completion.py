"""Completion: a short list of words at the caret, while one types or on a key.

The list only offers. Enter begins a new line, and tab takes the first word, which says so, until the list was gone into with ↓ or the
key; then enter and tab take the chosen word. Escape closes it for this word. Words come from `vocabulary`, nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lists import language_here
from jpterm_like.tui.syntax.languages import UNKNOWN
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.pairs import LOOK, Rules, state_at
from jpterm_like.tui.text.word_index import WORD_MAX, is_dense, is_in_word, word_before
from jpterm_like.tui.vocabulary import Vocabulary

LETTERS_MIN: Final = 3
"""Letters of a word before the list comes by itself; one less in scripts in which a sign is a syllable or a word."""

OFFERED_MAX: Final = 100
"""The most words in a list; those that are farther away are left out."""


class Completion:
    """The list of an editor, open or not."""

    def __init__(self, editor: Editing, vocabulary: Vocabulary) -> None:
        self._editor = editor
        self._vocabulary = vocabulary
        self.words: list[str] = []
        """What the list offers; empty while it is closed."""
        self.chosen: int | None = None
        """The word that is chosen; None: the list was not gone into."""
        self.prefix = ""
        """The letters before the caret that the words begin with."""
        self._by_key = False
        self._refused: TrackedOffset | None = None
        """Where the word begins for which escape closed the list."""

    @property
    def is_open(self) -> bool:
        return bool(self.words)

    # Opening and closing

    def open_by_key(self) -> None:
        """Open the list, or go to its next word; say so if there is none."""
        if self.words:
            self.move(1)
        elif self._open(by_key=True):
            self._refused = None
            self.move(1)
        else:
            self._editor.say(
                "No other word begins like this." if self.prefix else "Type the first letters of a word."
            )

    def offer(self) -> None:
        """Open the list if the word at the caret is long enough, in a text where the setting wants it."""
        editor = self._editor
        setting = editor.settings.completion
        if self.words or setting == "never" or editor.cursor.mark is not None or not editor.session.ready:
            return
        prefix = self._prefix_here()
        if len(prefix) < LETTERS_MIN - is_dense(prefix or " "):
            return
        refused = self._refused
        if refused is not None:
            refused.follow()
            if refused.offset == editor.cursor.caret - len(prefix):
                return
        if setting == "always" or self._is_code():
            self._open(by_key=False)

    def _is_code(self) -> bool:
        """Whether the caret is in a program, outside of its comments and texts."""
        editor = self._editor
        language = language_here(editor)
        if language.prose or language is UNKNOWN:
            return False
        row, column = editor.text_layout.lines.place(editor.cursor.caret)
        caret = editor.cursor.caret
        before = editor.session.buffer.slice(caret - min(column, LOOK), caret)
        rules = Rules("", language.quotes, "" if language.comment_end else language.comment)
        return not state_at(before, rules) and not editor.is_prose_at(row, column)

    def _prefix_here(self) -> str:
        """The word before each caret, if it is the same at all and none stands within a word."""
        editor = self._editor
        buffer = editor.session.buffer
        found = set()
        for cursor in (editor.cursor, *editor.extras):
            caret = cursor.caret
            if is_in_word(buffer.slice(caret, min(len(buffer), caret + 1)) or " "):
                return ""
            found.add(word_before(buffer.slice(max(0, caret - WORD_MAX - 1), caret)))
        return found.pop() if len(found) == 1 else ""

    def _open(self, by_key: bool) -> bool:
        editor = self._editor
        self.prefix = prefix = self._prefix_here()
        if not prefix or len(prefix) > WORD_MAX or not editor.may_write():
            self.close()
            return False
        words = self._vocabulary.words(editor.session, editor.cursor.caret, prefix[0].casefold())
        self.words = _matching(words, prefix)
        self._by_key = by_key
        self.chosen = None
        if self.words:
            editor.update()
        return bool(self.words)

    def close(self) -> None:
        """Close the list; whoever calls it paints."""
        self.words, self.chosen = [], None

    def refuse(self) -> None:
        """Close the list, and do not open it again for this word."""
        editor = self._editor
        self._refused = TrackedOffset(editor.session.buffer, editor.cursor.caret - len(self.prefix))
        self.close()

    def follow(self) -> None:
        """Update the list after a change of the text or of the caret: keep the words that still fit, else close it."""
        if not self.words:
            return
        prefix = self._prefix_here() if self._editor.cursor.mark is None else ""
        if prefix == self.prefix:
            return
        if not prefix or (not self._by_key and len(prefix) < LETTERS_MIN - is_dense(prefix)):
            self.close()
        elif prefix.startswith(self.prefix):
            self.prefix, self.chosen = prefix, None
            self.words = _matching(self.words, prefix)
        else:
            self._open(self._by_key)

    # The list

    def move(self, step: int) -> None:
        """Choose the next or the previous word, from the last on to the first."""
        if self.chosen is None:
            self.chosen = 0 if step > 0 else len(self.words) - 1
        else:
            self.chosen = (self.chosen + step) % len(self.words)
        self._editor.update()

    def take(self) -> tuple[int, str]:
        """Put the chosen word, or else the first, at each caret; return how many letters were taken away and what was put."""
        word, prefix = self.words[self.chosen or 0], self.prefix
        self.close()
        editor = self._editor
        # Letters that are there already stay, with the carets that others have in them.
        away = 0 if word.startswith(prefix) else len(prefix)
        put = word if away else word[len(prefix) :]
        editor.session.break_undo()
        if editor.extras:
            editor.end_typing()
            editor.at_each(
                editor.in_order(), lambda cursor: editor.replace(cursor.caret - away, cursor.caret, put)
            )
        else:
            editor.replace(editor.cursor.caret - away, editor.cursor.caret, put)
        editor.session.break_undo()
        return away, put


def _matching(words: Iterable[str], prefix: str) -> list[str]:
    """The words that are longer than a prefix and begin with it, each once; after them, for a prefix in small letters, those that
    differ in capitals."""
    low = prefix.casefold() if prefix == prefix.lower() else None
    exact: dict[str, None] = {}
    others: dict[str, None] = {}
    for word in words:
        if len(word) > len(prefix):
            if word.startswith(prefix):
                exact[word] = None
            elif low is not None and word[: len(prefix)].casefold() == low:
                others[word] = None
            if len(exact) >= OFFERED_MAX:
                break
    return [*exact, *others][:OFFERED_MAX]
