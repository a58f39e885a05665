"""`:s`: replace matches in a range of lines, all of them or after a question for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Final

from jpterm_like.tui.commands.bulk_edit import LineEdit
from jpterm_like.tui.commands.vi.failure import Failed, NotFound
from jpterm_like.tui.commands.vi.host import Vi
from jpterm_like.tui.commands.vi.key_notation import Key
from jpterm_like.tui.commands.vi.patterns import Pattern, Search, expand
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.query import BadPattern

PAUSE_EVERY: Final = 50
"""Matches of a line between two places where the search may pause; a line may be the whole text."""


class Substitution:
    """A pattern, its replacement and its flags."""

    def __init__(self, pattern: Pattern, template: str, flags: str) -> None:
        self.pattern = pattern
        self.template = template
        self.flags = flags
        self.quiet = False
        """Whether nothing is said, since it is run for many lines."""

    @classmethod
    def parse(cls, vi: Vi, after: str, last: Substitution | None) -> tuple[Substitution, int]:
        """The substitution of "/a/b/g", and the count behind it; nothing: the last one again."""
        body = after
        if body and not body[0].isalnum() and body[0] not in ' "|&':
            sign, pieces, at = body[0], [""], 1
            while at < len(body):
                if body[at] == "\\" and at + 1 < len(body):
                    pieces[-1] += sign if body[at + 1] == sign and sign not in "&" else body[at : at + 2]
                    at += 2
                    continue
                if body[at] == sign and len(pieces) < 3:
                    pieces.append("")
                else:
                    pieces[-1] += body[at]
                at += 1
            source, template, flags = [*pieces, "", ""][:3]
            if template == "~" and last is not None:
                template = last.template
        elif last is None:
            raise Failed("There is no substitution from before: :s/old/new/.")
        else:
            source, template, flags = last.pattern.source, last.template, body
        flags = flags.strip()
        if flags.startswith("&"):
            flags = (last.flags if last is not None else "") + flags[1:]
        letters = flags.rstrip("0123456789 ")
        count = int(flags[len(letters) :].strip()[:9] or 0)
        if unknown := set(letters) - set("gcinIe "):
            raise Failed(f":s: there is no flag {clean(''.join(sorted(unknown)), 10)}; g c i n are.")
        if source:
            vi.motions.use(source)
        elif vi.motions.pattern is None:
            raise Failed("There is no pattern from before.")
        pattern = vi.motions.pattern
        assert pattern is not None
        if "i" in letters or "I" in letters:
            try:
                pattern = Pattern(pattern.source + (r"\c" if "i" in letters else r"\C"))
            except BadPattern as problem:
                raise Failed(f"Not replaced: {problem}.") from None
        return cls(pattern, template, letters), count

    def run(self, vi: Vi, first: int, last: int) -> Generator[None, Key, Any]:
        """Replace in the rows from `first` to `last`, in slices."""
        run = _Run(vi, self, first, last)
        yield from run.lines() if "c" in self.flags else run.rows(first, last)
        run.tell()

    def run_where(
        self, vi: Vi, first: int, last: int, is_wanted: Callable[[str], bool]
    ) -> Generator[None, Key, int]:
        """Replace in those rows from `first` to `last` whose text is wanted, and return how many these were."""
        run = _Run(vi, self, first, last)
        wanted = yield from run.rows(first, last, is_wanted)
        with suppress(NotFound):
            run.tell()
        return wanted


class _Run:
    """One run through some lines. Its places are tracked, so it goes on where it was, whatever others edit meanwhile."""

    def __init__(self, vi: Vi, substitution: Substitution, first: int, last: int) -> None:
        text = vi.text
        self._vi = vi
        self._asked = substitution
        self._search = Search(substitution.pattern)
        self._here = self._track(text.start(first))
        """Where the search goes on."""
        self._end = self._track(text.start(last) + len(text.line(last)))
        self._last: TrackedOffset | None = None
        """The end of the last replacement."""
        self._changes = self._lines = 0
        self._has_found = False
        self._answer = ""
        """The last answer of the person, if each replacement is to be confirmed."""

    def _track(self, offset: int) -> TrackedOffset:
        return TrackedOffset(self._vi.editor.session.buffer, offset)

    def rows(
        self, first: int, last: int, is_wanted: Callable[[str], bool] = lambda line: True
    ) -> Generator[None, Key, int]:
        """Do it in the rows that are wanted without asking, in slices, and return how many these were."""
        vi, counts, wanted = self._vi, "n" in self._asked.flags, 0

        def edits(row: int) -> Iterator[LineEdit | None]:
            nonlocal wanted
            line = vi.text.line(row)
            if not is_wanted(line):
                return
            wanted += 1
            found: list[LineEdit] = []
            for match in self._matches(line):
                if not self._has_found:
                    vi.marks.jump()
                    self._has_found = True
                found.append((*match.span(), "" if counts else expand(match, self._asked.template)))
                if not len(found) % PAUSE_EVERY:
                    yield None
            self._changes += len(found)
            self._lines += bool(found)
            if not counts:
                yield from reversed(found)

        for change in vi.text.edit_rows(first, last, edits):
            self._last = change.last
            yield from vi.pause()
        return wanted

    def _matches(self, line: str) -> Iterator[Any]:
        """The matches of a line that are to be replaced."""
        column, is_behind_match = 0, False
        while (match := self._search.first(line, column)) is not None:
            if is_behind_match and match.span() == (column, column):
                # As in Vim, nothing is no match directly behind another one, nor at the end of the line then.
                if column + 1 >= len(line):
                    return
                column, is_behind_match = column + 1, False
                continue
            yield match
            column, is_behind_match = match.end(), True
            if "g" not in self._asked.flags or column >= len(line):
                return

    def lines(self) -> Generator[None, Key, Any]:
        """Do it in all of the lines, after a question for each match."""
        text = self._vi.text
        while self._here.offset <= self._end.offset and self._answer not in ("q", "l"):
            before = self._changes
            yield from self._line()
            self._lines += self._changes > before
            row = text.place_of(self._here).row + 1
            if row >= text.rows:
                return
            self._here.put(text.start(row))
            self._end.follow()

    def _line(self) -> Generator[None, Key, Any]:
        """Do it in a line, from `_here` on, which is left behind the last match."""
        text, is_behind_match = self._vi.text, False
        while True:
            if self._vi.is_due:
                yield from self._vi.pause()
                self._here.follow()
            row, column = text.place(self._here.offset)
            line = text.line(row)
            match = self._search.first(line, column)
            if match is None:
                return
            if is_behind_match and match.span() == (column, column):
                # As in Vim, nothing is no match directly behind another one, nor at the end of the line then.
                if column + 1 >= len(line):
                    return
                self._here.put(self._here.offset + 1)
                is_behind_match = False
                continue
            if not self._has_found:
                self._vi.marks.jump()
                self._has_found = True
            yield from self._match(text.start(row), match)
            is_behind_match = True
            row, column = text.place(self._here.offset)
            if "g" not in self._asked.flags or self._answer in ("q", "l") or column >= len(text.line(row)):
                return

    def _match(self, base: int, match: Any) -> Generator[None, Key, Any]:
        """Replace a match in the line that begins at an offset, or count it, or leave it if the person says so."""
        flags, (low, high) = self._asked.flags, match.span()
        start, end, put = base + low, base + high, expand(match, self._asked.template)
        is_wanted = True
        if "n" in flags:
            self._changes += 1
            is_wanted = False
        elif "c" in flags and self._answer != "a":
            first, behind = self._vi.text.track(self._vi.text.place(start)), self._track(end)
            self._answer = yield from self._ask(start, end, put)
            first.follow()
            behind.follow()
            start, end = first.offset, behind.offset
            is_same = (
                self._vi.editor.session.buffer.slice(start, end) == match[0]
            )  # nobody else has changed it
            is_wanted = self._answer in ("y", "a", "l") and is_same
        if is_wanted:
            self._vi.text.edit(start, end, put)
            self._changes += 1
            end = start + len(put)
            self._last = self._track(end)
        self._here.put(end)

    def tell(self) -> None:
        """Go to the last replacement, and say how many there were."""
        vi, source = self._vi, clean(self._asked.pattern.source, 40)
        if self._last is not None:
            row = vi.text.place_of(self._last).row
            vi.text.go(Place(row, vi.text.indent(row)))
        if not self._changes and not self._answer:
            if "e" not in self._asked.flags:
                raise NotFound(f"Not found: {source}")
        elif "n" in self._asked.flags:
            vi.editor.say(f"{self._changes:,} matches in {self._lines:,} lines.")
        elif not self._asked.quiet and (self._changes > 1 or self._answer):
            vi.editor.say(f"Replaced {self._changes:,} in {self._lines:,} lines.")

    def _ask(self, start: int, end: int, put: str) -> Generator[None, Key, str]:
        """Show the match, and wait for y, n, a, q or l."""
        vi = self._vi
        vi.editor.cursor.put(start, end)
        vi.editor.finish()
        vi.prompt = f"replace with {clean(put, 30)}? y n  a all  q stop  l last"
        try:
            while True:
                key = yield
                if key[0] in ("escape", "ctrl+c"):
                    return "q"
                if key[1] in ("y", "n", "a", "q", "l"):
                    return key[1]
        finally:
            vi.prompt = ""
            vi.editor.cursor.put(vi.text.offset(vi.text.caret))
