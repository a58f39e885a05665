"""Finding and replacing, and going to places: a line, the last edit, the other bracket.

What is looked for may be far away, so everything here goes in steps between which the keyboard is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from time import perf_counter
from typing import NamedTuple

from textual.widget import Widget

from jpterm_like.tui.commands.basic import Commands
from jpterm_like.tui.commands.bulk_edit import Edit
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.text.brackets import partner
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.search import COUNT_MAX, BadPattern, Match, Matches, Query, check_template, expand
from jpterm_like.tui.widgets.bar import Bar, Option

# How long a step of seeking and counting takes before the keyboard is looked at again.
STEP_S = 0.004

# A longer selection is where to look, not what to look for.
SELECTION_LOOKED_FOR_MAX = 100

GAVE_UP = "pattern takes too long"

# Edits nearer to each other than this many rows are one place to go back to.
EDIT_ROWS_APART = 10
EDITS_KEPT = 20


class Origin(NamedTuple):
    """Where I was before I looked for something."""

    caret: TrackedOffset
    mark: TrackedOffset | None
    top: TrackedOffset
    left: int


class Finding(Commands, Widget):
    """What the editor does to find something."""

    keymap: Keymap
    sought = Query()
    replacement = ""
    matches: Matches | None = None
    """The matches that are marked; None while nothing is looked for."""
    bar: Bar | None = None
    _origin: Origin | None = None
    _region: tuple[TrackedOffset, TrackedOffset] | None = None
    """The selection in which to look."""
    _seeking: Generator[None, None, Match | None] | None = None
    _put_off: list[str]
    """Commands that were given while what they begin from was still being looked for."""
    _steps: asyncio.Handle | None = None
    _wrong = ""
    _edits: list[TrackedOffset]
    _edit_visited = 0

    def run(self, command: str) -> None:
        """Do a command of the table in `keymap`."""
        raise NotImplementedError

    # The bar

    def do_find(self) -> None:
        self._open_bar(replacing=False)

    def do_replace(self) -> None:
        if self._may_write():
            self._open_bar(replacing=True)

    def _open_bar(self, replacing: bool) -> None:
        from jpterm_like.tui.widgets.find_bar import FindBar, LineBar

        if isinstance(self.bar, LineBar):
            self.close_bar(stay=False)
        if self.bar is None:
            start, end = self.cursor.selection
            self._origin = self._here()
            self._region = None
            if self.sheet.lines.row(start) != self.sheet.lines.row(end):
                self._region = self._selected()
            elif 0 < end - start <= SELECTION_LOOKED_FOR_MAX:
                text = self.session.buffer.slice(start, end)
                if clean(text) == text:  # what cannot be shown cannot be edited there
                    self.sought = self.sought._replace(text=text, regex=False)
            self.bar = FindBar(self)
            self.screen.mount(self.bar, after=self)
            self.look()
        if replacing:
            self.bar.show_replacing()
        else:
            self.bar.focus()

    def do_go_to_line(self) -> None:
        from jpterm_like.tui.widgets.find_bar import LineBar

        if self.bar is not None:
            self.close_bar(stay=True)
        self._origin = self._here()
        self.bar = LineBar(self)
        self.screen.mount(self.bar, after=self)

    def close_bar(self, stay: bool) -> None:
        """End the search, at what was found or back where it began."""
        if self.bar is None:
            return
        self.bar.remove()
        self.bar = None
        self._region = None
        if not stay or self._seeking is None:
            self._stop_steps()
            self.matches = None
        if not stay:
            self.go_back()
        self._origin = None
        self.focus()
        self.update(now=False)

    def _here(self) -> Origin:
        cursor, buffer = self.cursor, self.session.buffer
        return Origin(
            TrackedOffset(buffer, cursor.caret),
            None if cursor.mark is None else TrackedOffset(buffer, cursor.mark),
            TrackedOffset(buffer, self.view.top_offset, before=True),
            self.view.left,
        )

    def go_back(self) -> None:
        """Be where I was before the search, however the text has changed since."""
        origin = self._origin
        if origin is None:
            return
        for place in (origin.caret, origin.mark, origin.top):
            if place is not None:
                place.follow()
        snap = self.sheet.snap
        self.cursor.put(snap(origin.caret.offset), None if origin.mark is None else snap(origin.mark.offset))
        self.view.scroll_to(origin.top.offset, origin.left)
        self._tell_caret()
        self.update()

    def accept(self) -> None:
        """From now on the search begins here, and closing it stays here."""
        self._origin = None

    # Looking

    def look_for(self, text: str) -> None:
        """Look for what has been typed so far, from where the search began."""
        if text != self.sought.text:
            self.sought = self.sought._replace(text=text)
            self.look()

    def look(self) -> None:
        """Begin the search anew, after the query, its options or the text's buffer have changed."""
        self._stop_steps()
        self.matches = None
        if not self.sought.text:
            self.go_back()
        elif self._compile():
            self._seek(self._search_start())
        self.tell_bar()
        self.update()

    def _search_start(self) -> int:
        """Where the search began, at the beginning of what was selected there."""
        if self._origin is None:
            return self.cursor.selection[0]
        places = [place for place in (self._origin.caret, self._origin.mark) if place is not None]
        for place in places:
            place.follow()
        return min(place.offset for place in places)

    def _compile(self) -> bool:
        """Have the matches of the query, if it is one."""
        self._wrong = ""
        try:
            self.matches = Matches(self.sheet, self.sought, self._region)
        except BadPattern as problem:
            self._wrong = f"no pattern: {clean(str(problem), 60)}"
        return self.matches is not None

    @property
    def is_seeking(self) -> bool:
        """Whether a command of mine is still looking for where to go."""
        return self._seeking is not None and self.bar is None

    def do_find_next(self) -> None:
        if not self._puts_off("find_next"):
            self._find(forward=True)

    def do_find_previous(self) -> None:
        if not self._puts_off("find_previous"):
            self._find(forward=False)

    def _puts_off(self, command: str) -> bool:
        """Whether what was asked for before is still being looked for; then the command comes when it is found."""
        if self._seeking is not None:
            self._put_off.append(command)
        return self._seeking is not None

    def _find(self, forward: bool) -> None:
        if not self.sought.text:
            self.do_find()
        elif self.matches is not None or self._compile():
            self.accept()
            start, end = self.cursor.selection
            # Behind a match that is selected, but not behind what was only selected by hand.
            self._seek(
                start + 1 if forward and (self._is_match(start, end) or start == end) else start, forward
            )
        else:
            self.say(f"Not found: {self._wrong}.")

    def _is_match(self, start: int, end: int) -> bool:
        """Whether exactly a match is selected."""
        if self.matches is None:
            return False
        snap = self.sheet.snap
        row = self.sheet.lines.row(start)
        return any(
            (snap(low), self.sheet.snap_right(high)) == (start, end) for low, high in self.matches.in_row(row)
        )

    def _seek(self, offset: int, forward: bool = True) -> None:
        assert self.matches is not None
        self._seeking = self.matches.seek(offset, forward)
        self._step()

    def _step(self) -> None:
        """Seek and count for a moment, and go on after the next look at the keyboard."""
        self._stop_steps(seeking=False)
        until = perf_counter() + STEP_S
        matches = self.matches
        if matches is None:
            return
        while self._seeking is not None and perf_counter() < until:
            try:
                next(self._seeking)
            except StopIteration as end:
                self._seeking = None
                if end.value is None:
                    self._put_off.clear()
                self._show(end.value)
        if self._seeking is None and self._put_off:
            self.run(self._put_off.pop(0))
            if self._seeking is not None or self._steps is not None:
                return  # it goes on by itself
        if self.bar is None:
            if self._seeking is None:
                self.matches = None  # looked for once, by a key; there is nothing to mark
                return
        else:
            while self._seeking is None and matches.counting and perf_counter() < until:
                matches.count()
            self.tell_bar()
        if self._seeking is not None or (self.bar is not None and matches.counting):
            self._steps = asyncio.get_running_loop().call_soon(self._step)
        elif self.bar is not None:
            self.update(now=False)  # the marks on the scrollbar

    def _stop_steps(self, seeking: bool = True) -> None:
        if self._steps is not None:
            self._steps.cancel()
            self._steps = None
        if seeking:
            self._seeking = None
            self._put_off.clear()

    def _show(self, found: Match | None) -> None:
        """Select what was found, or with the keys of vi go to its start, once nothing more is typed in the bar."""
        if found is None:
            if self.bar is None:
                told = (
                    GAVE_UP
                    if self.matches is not None and self.matches.gave_up
                    else clean(self.sought.text, 40)
                )
                self.say(f"Not found: {told}")
            else:
                self.go_back()
            return
        if found.wrapped and self._origin is None:
            self.say("Went on at the other end of the text.")
        self.session.break_undo()
        start, end = self.sheet.snap(found.start), self.sheet.snap_right(found.end)
        if self.lands_at_start and self.bar is None:
            self.cursor.put(start)
        else:
            self.cursor.put(end, start)
        self._done()

    def tell_bar(self) -> None:
        """Say in the bar how the search stands."""
        if self.bar is None:
            return
        sought, matches = self.sought, self.matches
        words = self._wrong
        if matches is not None and sought.text:
            total = (
                f"{len(matches.starts):,}"
                if matches.complete
                else f"{min(len(matches.starts), COUNT_MAX):,}+"
            )
            rank = None
            start, end = self.cursor.selection
            if self._is_match(start, end):
                rank = next(
                    (
                        matches.rank(low)
                        for low, _ in matches.in_row(self.sheet.lines.row(start))
                        if self.sheet.snap(low) == start
                    ),
                    None,
                )
            words = (
                GAVE_UP
                if matches.gave_up
                else "none"
                if total == "0"
                else f"{'–' if rank is None else f'{rank:,}'}/{total}"
            )
        self.bar.tell(words, self._options(), wrong=bool(self._wrong) or words in ("none", GAVE_UP))

    def _options(self) -> tuple[Option, ...]:
        return (
            Option("case", "toggle_case", self.sought.case),
            Option("word", "toggle_words", self.sought.words),
            Option("regex", "toggle_regex", self.sought.regex),
            Option("selection", "toggle_in_selection", self._region is not None),
        )

    # Options

    def do_toggle_case(self) -> None:
        self._choose(self.sought._replace(case=not self.sought.case))

    def do_toggle_words(self) -> None:
        self._choose(self.sought._replace(words=not self.sought.words))

    def do_toggle_regex(self) -> None:
        self._choose(self.sought._replace(regex=not self.sought.regex))

    def do_toggle_in_selection(self) -> None:
        if self._region is not None:
            self._region = None
        elif self.bar is not None and self.cursor.mark is not None:
            self._region = self._selected()
        self._choose(self.sought)

    def _selected(self) -> tuple[TrackedOffset, TrackedOffset]:
        """The selection as a part of the text that grows with what is replaced in it."""
        start, end = self.cursor.selection
        return TrackedOffset(self.session.buffer, start), TrackedOffset(self.session.buffer, end, before=True)

    def _choose(self, query: Query) -> None:
        self.sought = query
        if self.bar is not None:
            self.look()
        else:
            chosen = [option.name for option in self._options() if option.on]
            self.say(f"The next search minds: {', '.join(chosen) or 'letters only'}.")

    # Replacing

    def do_replace_one(self) -> None:
        """Replace the match that is selected, and go to the next one."""
        if not self._may_write() or self.matches is None or not self.sought.text:
            return
        start, end = self.cursor.selection
        if self._puts_off("replace_one"):
            return
        if not self._is_match(start, end):
            self.do_find_next()
            return
        if not self._template_fits(self.matches):
            return
        row = self.sheet.lines.row(start)
        base = self.sheet.lines.start(row)
        match = next(
            match
            for match in self.matches.in_line(self.sheet.line(row))
            if self.sheet.snap(base + match.start()) == start
        )
        text = expand(match, self.replacement, self.sought.regex)
        self.accept()
        self.session.break_undo()
        low, high = base + match.start(), base + match.end()
        self._put(low, high, text)
        self.session.break_undo()
        # An empty match would be found again in the same place.
        self._seek(low + len(text) + (low == high))

    def do_replace_all(self) -> None:
        """Replace every match, in steps; one step of undo."""
        if not self._may_write() or self.matches is None or not self.sought.text:
            return
        if not self._template_fits(self.matches):
            return
        self.accept()
        self._stop_steps()
        # Without the matches counted so far, which would move along with each change.
        matches = self.matches = Matches(self.sheet, self.sought, self._region)
        template, regex = self.replacement, self.sought.regex

        def edits(row: int) -> list[Edit]:
            start, end = matches.region
            base = self.sheet.lines.start(row)
            return [
                (match.start(), match.end(), expand(match, template, regex))
                for match in reversed(list(matches.in_line(self.sheet.line(row))))
                if start <= base + match.start() and base + match.end() <= end
            ]

        def done(changes: int) -> None:
            if self.bar is not None and self._compile():
                self._step()
            told = f"Replaced {changes:,}." if changes else "Nothing was replaced."
            self.say(f"{told} Then the {GAVE_UP}." if matches.gave_up else told)

        first, last = map(self.sheet.lines.row, matches.region)
        self.sweep(first, last, edits, done)

    def _template_fits(self, matches: Matches) -> bool:
        try:
            if self.sought.regex:
                check_template(matches.pattern, self.replacement)
        except BadPattern as problem:
            self.say(f"Not replaced: {clean(str(problem), 60)}.")
            return False
        return True

    # Places to go to

    def go_to_line(self, text: str) -> bool:
        """Go to "line" or "line:column", as people count; "" is back. Whether that is a place."""
        if not text:
            self.go_back()
            return True
        line, _, column = text.partition(":")
        if not line.isdecimal() or not (column or "1").isdecimal():
            return False
        row = max(0, min(int(line[:9]) - 1, len(self.sheet.lines) - 1))
        wanted = max(0, int((column or "1")[:9]) - 1)
        cells = self.sheet.cells(row)
        self.session.break_undo()
        self.cursor.put(self.sheet.lines.start(row) + cells.at(wanted))
        self._done(centred=True)
        return True

    def do_last_edit(self) -> None:
        """Go to where I wrote last; once more, to where I wrote before that."""
        if not self._edits:
            self.say("You have not written anything here yet.")
            return
        self._edit_visited = self._edit_visited % len(self._edits) + 1
        place = self._edits[-self._edit_visited]
        place.follow()
        self.go(self.sheet.snap(place.offset))

    def note_edit(self, offset: int) -> None:
        """I wrote here."""
        self._edit_visited = 0
        row = self.sheet.lines.row
        if self._edits:
            last = self._edits[-1]
            last.follow()
            if abs(row(last.offset) - row(offset)) < EDIT_ROWS_APART:
                last.put(offset)
                return
        self._edits.append(TrackedOffset(self.session.buffer, offset))
        del self._edits[:-EDITS_KEPT]

    def do_matching_bracket(self) -> None:
        pair = partner(self.session.buffer, self.cursor.caret)
        if pair is None:
            self.say("There is no matching bracket nearby.")
        else:
            self.go(self.sheet.snap(pair[1]))
