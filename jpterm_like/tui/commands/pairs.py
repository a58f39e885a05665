"""Brackets and quotes in pairs: typing an opening one puts the closing one behind the caret.

A closing mark is known by the id of its character, so typing it steps over the one that was put here for me, and never over one
that somebody else wrote. What is pasted stays as it is. A macro types again what was typed, by the same rules.
"""

from __future__ import annotations

import re
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lists import language_here
from jpterm_like.tui.syntax.languages import Language
from jpterm_like.tui.text.brackets import PAIRS
from jpterm_like.tui.text.pairs import LOOK, QUOTES, Rules, closing_of

EMPHASIS: Final = "*_"
"""Marks that a selection in Markdown is put between."""

_OPENING: Final = {closing: opening for opening, closing in PAIRS.items()} | {sign: sign for sign in QUOTES}
_MARK: Final = re.compile(f"([{re.escape(''.join((*PAIRS, *_OPENING, EMPHASIS)))}])")


def rules_here(editor: Editing, language: Language) -> Rules:
    """The marks that the setting closes in a language."""
    setting = editor.settings.pairs
    if setting == "never":
        return Rules("", "")
    if not language.prose:
        comment = "" if language.comment_end else language.comment
        return Rules("([{", language.quotes, comment, language.triple_quotes)
    if setting == "always":
        return Rules("([{", '"', prose=True)
    return Rules("([" if language.grammar == "markdown" else "", "", prose=True)


def has_marks(text: str) -> bool:
    """Whether typing a text may do more than insert it."""
    return _MARK.search(text) is not None


def type_text(editor: Editing, text: str) -> None:
    """Type a text at each caret, as the person types it: with pairs, as the setting says."""
    if editor.settings.pairs == "never" or not _MARK.search(text):
        editor.type(text)
        return
    language = language_here(editor)
    rules = rules_here(editor, language)

    def put(text: str) -> None:
        for piece in _MARK.split(text):
            if _MARK.fullmatch(piece):
                _type_mark(editor, piece, rules, language)
            elif piece:
                editor.replace(*editor.cursor.selection, piece)

    editor.type(text, put)


def _type_mark(editor: Editing, sign: str, rules: Rules, language: Language) -> None:
    start, end = editor.cursor.selection
    if start < end and (
        sign in PAIRS or sign in QUOTES or (sign in EMPHASIS and language.grammar == "markdown")
    ):
        _wrap(editor, start, end, sign, PAIRS.get(sign, sign))
        return
    if start == end and _is_mine(editor, start, sign):
        editor.closing_marks.forget(start)
        editor.marking = False
        editor.cursor.put(start + 1)
        editor.finish()
        return
    closing = ""
    if start == end and sign in rules.brackets + rules.quotes:
        row, column = editor.text_layout.lines.place(start)
        line_end = editor.text_layout.lines.span(row)[1]
        before = editor.session.buffer.slice(start - min(column, LOOK), start)
        behind = editor.session.buffer.slice(start, min(line_end, start + LOOK))
        if editor.closing_marks.has(start):
            behind = ""  # one mark of mine within another
        closing = closing_of(sign, before, behind, rules, editor.is_prose_at(row, column))
    if not closing:
        editor.replace(start, end, sign)
        return
    if not editor.may_write():
        return
    editor.marking = False
    editor.replace_all([(start, start, sign + closing)], start + 1)
    editor.closing_marks.note(start + 1, len(closing))


def _is_mine(editor: Editing, offset: int, sign: str) -> bool:
    """Whether a mark at an offset was put there for me."""
    marks = editor.closing_marks
    return marks.has(offset) and editor.session.buffer.slice(offset, offset + 1) == sign


def _wrap(editor: Editing, start: int, end: int, opening: str, closing: str) -> None:
    """Put a selection between two marks; it stays selected."""
    backwards = editor.cursor.caret == start
    inside = (start + 1, end + 1)
    caret, mark = inside if backwards else reversed(inside)
    editor.replace_all([(end, end, closing), (start, start, opening)], caret, mark)


def delete_empty_pair(editor: Editing) -> bool:
    """Delete the bracket or quote to the left with the closing one that was put for it; False if there is none."""
    start, end = editor.cursor.selection
    if start != end or not start or not editor.closing_marks.has(start):
        return False
    around = editor.session.buffer.slice(start - 1, start + 1)
    if _OPENING.get(around[1]) != around[0]:
        return False
    editor.replace(start - 1, start + 1, "")
    return True
