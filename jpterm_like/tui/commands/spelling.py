"""Spelling: marks misspelled words on the screen, goes to the next one, corrects it. Loaded when it is switched on.

Checked are prose, and in programs the comments and texts that the syntax tree knows. Only rows on the screen are looked at; what a
dictionary says comes from `tui.spelling.checker`, after the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from time import monotonic
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lists import language_here
from jpterm_like.tui.render.rows import RowRenderer
from jpterm_like.tui.spelling.checker import NoSpelling, SpellChecker
from jpterm_like.tui.spelling.words import LINE_MAX, Word, outside, words_of
from jpterm_like.tui.syntax.highlights import Words
from jpterm_like.tui.syntax.languages import UNKNOWN
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.minimal_edits import trim

ROWS_KEPT: Final = 400
"""Lines whose words are remembered."""

ROWS_READ: Final = 50
"""Lines that are checked at once on the way to the next misspelled word."""

SEARCH_S: Final = 10.0
"""How long the next misspelled word is searched for."""

PARSED_TURNS: Final = 50
PARSED_S: Final = 0.02
"""How often, and how long, the syntax tree is waited for."""

CHECKED: Final = ("comment", "string")
"""The kinds of words in a program that are prose."""

MARKUP: Final = ("html", "xml", "css")
COMMENTS: Final = ("comment",)
"""Languages whose texts are names of classes and files, and what is checked in them."""

NOT_PROSE: Final = (
    "text.literal",
    "text.uri",
    "none",
    "markup.raw",
    "tag",
    "attribute",
    "comment",
    "inserted",
)
"""The kinds of words in prose that are not."""

ADD: Final = "+"
"""The id of the choice that adds the word."""


class Spelling:
    """The misspelled words of an editor."""

    def __init__(self, editor: Editing, renderer: Callable[[], RowRenderer], checker: SpellChecker) -> None:
        self._editor = editor
        self._renderer = renderer
        self._checker = checker
        self._words: dict[tuple[str, Words], tuple[Word, ...]] = {}
        self._named: tuple[str, str] | None = None
        self._named_prose = False
        self._task: asyncio.Task[None] | None = None
        self.is_asking = False
        """Whether a dialog is about to open, so that keys wait for it."""

    # Marks

    def marks(self, row: int) -> list[tuple[int, int]]:
        """The columns of misspelled words in a row, without one that is being typed."""
        wrong = [word for word in self._words_of(row) if self._checker.is_wrong(word.text)]
        if not wrong:
            return []
        caret_row, column = self._editor.text_layout.lines.place(self._editor.cursor.caret)
        return [(word.start, word.end) for word in wrong if row != caret_row or word.end != column]

    def _words_of(self, row: int) -> tuple[Word, ...]:
        """The words of a row that are checked."""
        if self._editor.text_layout.lines.length(row) > LINE_MAX:
            return ()
        syntax = self._renderer().syntax
        is_prose = self._is_prose()
        if syntax is None:
            kinds: Words = ()
            if not is_prose:
                return ()
        elif syntax.has(row):
            kinds = syntax.words(row)
        else:
            return ()
        line = self._editor.text_layout.line(row)
        words = self._words.get((line, kinds))
        if words is None:
            if len(self._words) >= ROWS_KEPT:
                self._words.clear()
            checked = COMMENTS if self._editor.grammar_name() in MARKUP else CHECKED
            parts = _prose_in_prose(line, kinds) if is_prose else _prose_in_program(kinds, checked)
            words = tuple(word for start, end in parts for word in words_of(line, start, end))
            self._words[line, kinds] = words
        return words

    def _is_prose(self) -> bool:
        """Whether the text is for people; found out again only when its name or its first line changes, for each row asks."""
        title = self._editor.session.title
        named = title, self._editor.text_layout.line(0)
        if named != self._named:
            language = language_here(self._editor)
            self._named = named
            self._named_prose = language.prose or (language is UNKNOWN and "." not in title)
        return self._named_prose

    # Going to misspelled words

    def next_misspelling(self) -> None:
        """Go to the next misspelled word, from the last in the text on to the first."""
        self._begin(self._go_to_next)

    async def _go_to_next(self) -> None:
        editor = self._editor
        lines = editor.text_layout.lines
        caret = TrackedOffset(editor.session.buffer, editor.cursor.caret)
        until = monotonic() + SEARCH_S
        first = row = lines.row(caret.offset)
        wrapped = False
        while True:
            found = await self._find_in(row, min(row + ROWS_READ, len(lines)), caret, wrapped)
            caret.follow()
            if editor.cursor.caret != caret.offset:
                return  # the person went elsewhere
            if found is not None:
                offset, word = found
                editor.jump(offset)
                if wrapped:
                    editor.say("Wrapped to the top.")
                await self._checker.suggestions(word)  # they may be wanted next, and take a second
                return
            if monotonic() > until:
                editor.say(
                    f"No misspelled word up to line {min(row + ROWS_READ, len(lines)):,}; searched no further."
                )
                return
            row += ROWS_READ
            if row >= len(lines):
                if wrapped:
                    break
                row, wrapped = 0, True
            elif wrapped and row > first:
                break
            await asyncio.sleep(0)
        editor.say("No misspelled word.")

    async def _find_in(
        self, first: int, end: int, caret: TrackedOffset, anywhere: bool
    ) -> tuple[int, str] | None:
        """The offset and the text of the first misspelled word in some rows, behind the caret unless `anywhere`."""
        lines = self._editor.text_layout.lines
        await self._parsed()
        if (syntax := self._renderer().syntax) is not None:
            syntax.look(range(first, min(end, len(lines))))
            await self._parsed()
        await self._checker.check(
            word.text for row in range(first, min(end, len(lines))) for word in self._words_of(row)
        )
        caret.follow()
        for row in range(first, min(end, len(lines))):
            for word in self._words_of(row):
                offset = lines.start(row) + word.start
                if self._checker.is_wrong(word.text) and (anywhere or offset > caret.offset):
                    return offset, word.text
        return None

    async def _parsed(self) -> None:
        """Wait until the words of the syntax are there, for a moment at most."""
        for _ in range(PARSED_TURNS):
            syntax = self._renderer().syntax
            if syntax is None or not (syntax.behind or syntax.unseen):
                return
            await asyncio.sleep(PARSED_S)

    # Correcting

    def correct_word(self) -> None:
        """Choose among better spellings of the word at the caret, or add it to the user's own words."""
        found = self._word_here()
        if found is None:
            self._editor.say("There is no word to check here.")
        else:
            self._begin(lambda: self._correct(*found), asks=True)

    def _word_here(self) -> tuple[int, Word] | None:
        """The word at the caret with its offset; also one that is not checked here, such as a name in a program."""
        lines = self._editor.text_layout.lines
        row, column = lines.place(self._editor.cursor.caret)
        for word in (
            *self._words_of(row),
            *words_of(self._editor.text_layout.line(row), 0, lines.length(row)),
        ):
            if word.start <= column <= word.end:
                return lines.start(row) + word.start, word
        return None

    async def _correct(self, offset: int, word: Word) -> None:
        editor, checker = self._editor, self._checker
        caret = editor.cursor.caret
        start = TrackedOffset(editor.session.buffer, offset, before=True)
        old = editor.session.buffer.slice(offset, offset + word.end - word.start)
        await checker.check([word.text])
        if not checker.is_wrong(word.text):
            key = editor.keymap.key_label("next_misspelling", "a command")
            editor.say(f"“{word.text}” is spelled correctly; {key} goes to the next misspelled word.")
            return
        better = await checker.suggestions(word.text)
        if editor.cursor.caret != caret:
            return  # it was moved meanwhile, by a click or by others

        def chosen(id: str) -> None:
            start.follow()
            if id == ADD:
                self._add(word.text)
            elif (
                editor.session.buffer.slice(
                    start.offset, min(len(editor.session.buffer), start.offset + len(old))
                )
                != old
            ):
                editor.say(f"“{word.text}” was changed meanwhile.")
            else:
                self._put(start.offset, old, better[int(id)])

        choices = [(str(number), each, "") for number, each in enumerate(better)]
        choices.append((ADD, f"Add “{word.text}” to my dictionary", ""))
        editor.choose(f"Instead of “{word.text}”", choices, chosen)

    def _put(self, start: int, old: str, new: str) -> None:
        edit = trim(start, old, new)
        self._editor.session.break_undo()
        self._editor.replace_all([edit], start + len(new))
        self._editor.session.break_undo()

    def add_word(self) -> None:
        """Add the word at the caret to the user's own words."""
        found = self._word_here()
        if found is None:
            self._editor.say("There is no word here.")
        else:
            self._add(found[1].text)

    def _add(self, word: str) -> None:
        try:
            self._checker.add(word)
        except NoSpelling as problem:
            self._editor.say(str(problem), serious=True)
        else:
            self._editor.say(f"“{word}” is in your dictionary now.")

    def _begin(self, work: Callable[[], Coroutine[None, None, None]], asks: bool = False) -> None:
        """Do something that takes a while, instead of what was under way."""

        async def do() -> None:
            try:
                await work()
            except NoSpelling as problem:
                self._editor.say(str(problem), serious=True)
            finally:
                if asyncio.current_task() is self._task:
                    self.is_asking = False

        self.stop()
        self.is_asking = asks
        self._task = asyncio.create_task(do())

    def stop(self) -> None:
        """End what is under way."""
        self.is_asking = False
        if self._task is not None:
            self._task.cancel()
            self._task = None


def _prose_in_prose(line: str, kinds: Words) -> list[tuple[int, int]]:
    """The parts of a line of prose without code and addresses."""
    return outside(((word.start, word.end) for word in kinds if word.kind.startswith(NOT_PROSE)), len(line))


def _prose_in_program(kinds: Words, checked: Collection[str]) -> list[tuple[int, int]]:
    """The comments and texts in a line of a program, without code in them."""
    parts = []
    for part in kinds:
        if part.kind.partition(".")[0] in checked:
            inner = [
                (word.start - part.start, word.end - part.start)
                for word in kinds
                if part.start <= word.start < part.end and word.kind.partition(".")[0] not in checked
            ]
            parts += [
                (part.start + low, part.start + high) for low, high in outside(inner, part.end - part.start)
            ]
    return parts
