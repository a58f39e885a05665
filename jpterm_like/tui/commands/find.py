"""Find and replace, and the bars in which one types a query or a line number.

A match may be far away, so searching and counting go in steps between which the keyboard is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.widget import Widget

from crdt import Patch
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.search_history import Kind, SearchHistory
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.query import BadPattern, Query, check_template, expand

if TYPE_CHECKING:
    from jpterm_like.tui.commands.bulk_edit import LineEdit
    from jpterm_like.tui.text.search import Match, Matches
    from jpterm_like.tui.widgets.bar import Bar, Option

STEP_S: Final = 0.004
"""How long a step of searching or counting takes before the keyboard is served again."""

SELECTION_SOUGHT_MAX: Final = 100
"""The longest selection that becomes the query when the bar opens."""

GAVE_UP: Final = "pattern takes too long"


class Origin(NamedTuple):
    """My caret and view before the search."""

    caret: TrackedOffset
    mark: TrackedOffset | None
    top: TrackedOffset
    left: int


class Search:
    """The query, its matches, and the bar in which it is typed."""

    def __init__(self, editor: Editing, widget: Widget, history: SearchHistory) -> None:
        """`widget` shows the text; the bar is mounted above the status bar."""
        self._editor = editor
        self._widget = widget
        self.history = history
        self.sought = Query()
        self.replacement = ""
        self.matches: Matches | None = None
        """The matches that are marked; None when there is no search."""
        self.bar: Bar | None = None
        self._origin: Origin | None = None
        self._region: tuple[TrackedOffset, TrackedOffset] | None = None
        """The selection in which to search."""
        self._seeking: Generator[None, None, Match | None] | None = None
        self._forward = True
        self._queue: list[str] = []
        """Commands that wait for the match that they start from."""
        self._steps: asyncio.Handle | None = None
        self._replaced_all: Query | None = None
        """The query whose matches were all replaced last: the bar does not call it an alarm that none is left."""
        self._error = ""
        """The error in the pattern, or ""."""

    # The bar's view of the editor

    @property
    def keymap(self) -> Keymap:
        return self._editor.keymap

    def run(self, command: str) -> None:
        self._editor.run(command)

    def focus(self) -> None:
        """Give the keyboard back to the text."""
        self._widget.focus()

    # The bar

    def do_find(self) -> None:
        self._open_bar(replacing=False)

    def do_replace(self) -> None:
        if self._editor.may_write():
            self._open_bar(replacing=True)

    def _open_bar(self, replacing: bool) -> None:
        from jpterm_like.tui.widgets.find_bar import FindBar, LineBar

        if isinstance(self.bar, LineBar):
            self.close_bar(stay=False)
        if self.bar is None:
            start, end = self._editor.cursor.selection
            self._origin = self._here()
            self._region = None
            if self._editor.text_layout.lines.row(start) != self._editor.text_layout.lines.row(end):
                self._region = self._selected()
            elif text := self.selected_words():
                self.sought = self.sought._replace(text=text, regex=False)
            self.bar = FindBar(self)
            self._mount_bar(self.bar)
            self.look()
        if replacing:
            self.bar.show_replacing()
        else:
            self.bar.focus()

    def selected_words(self) -> str:
        """The selection, if it lies within a line and is short enough to be searched for; else ""."""
        start, end = self._editor.cursor.selection
        row = self._editor.text_layout.lines.row
        if not 0 < end - start <= SELECTION_SOUGHT_MAX or row(start) != row(end):
            return ""
        text = self._editor.session.buffer.slice(start, end)
        return text if clean(text) == text else ""  # fields cannot show or edit anything else

    def do_go_to_line(self) -> None:
        from jpterm_like.tui.widgets.find_bar import LineBar

        if self.bar is not None:
            self.close_bar(stay=True)
        self._origin = self._here()
        self.bar = LineBar(self)
        self._mount_bar(self.bar)

    def _mount_bar(self, bar: Bar) -> None:
        """Show a bar across the whole screen, whatever is beside the text."""
        self._widget.screen.mount(bar, before="#status")

    def close_bar(self, stay: bool) -> None:
        """Close the bar; `stay` at the match, or go back to where the search began."""
        if self.bar is None:
            return
        self._note("find", self.sought.text)
        self.bar.remove()
        self.bar = None
        self._region = None
        if not stay or self._seeking is None:
            self._stop_steps()
            self.matches = None
        if not stay:
            self.go_back()
        self._origin = None
        if self._editor.speaks:
            self._widget.focus()
        self._editor.update(now=False)

    def _here(self) -> Origin:
        cursor, buffer = self._editor.cursor, self._editor.session.buffer
        return Origin(
            TrackedOffset(buffer, cursor.caret),
            None if cursor.mark is None else TrackedOffset(buffer, cursor.mark),
            TrackedOffset(buffer, self._editor.view.top_offset, before=True),
            self._editor.view.left,
        )

    def go_back(self) -> None:
        """Go back to where I was before the search, wherever that now is in the text."""
        origin = self._origin
        if origin is None:
            return
        for place in (origin.caret, origin.mark, origin.top):
            if place is not None:
                place.follow()
        snap = self._editor.text_layout.snap
        self._editor.cursor.put(
            snap(origin.caret.offset), None if origin.mark is None else snap(origin.mark.offset)
        )
        self._editor.view.scroll_to(origin.top.offset, origin.left)
        self._editor.share_caret()
        self._editor.update()

    def accept(self) -> None:
        """Accept the match: the search now begins here, and closing the bar stays here."""
        self._origin = None
        self._note("find", self.sought.text)

    def _note(self, kind: Kind, term: str) -> None:
        """Keep a term of the bar for ↑."""
        if self.bar is not None:
            address = self._editor.session.address
            self.history.note(kind, term, None if "://" in address else Path(address))

    def go_to_line(self, text: str) -> bool:
        """Go to "line" or "line:column" while it is typed; "" goes back. Return whether `text` is a place."""
        if not text:
            self.go_back()
            return True
        from jpterm_like.tui.commands.navigation import go_to_line

        return go_to_line(self._editor, text)

    # Searching

    def look_for(self, text: str) -> None:
        """Search for what has been typed so far, from where the search began."""
        if text != self.sought.text:
            self.sought = self.sought._replace(text=text)
            self.look()

    def look(self) -> None:
        """Restart the search after the query, its options or the buffer have changed."""
        self._stop_steps()
        self.matches = None
        if not self.sought.text:
            self.go_back()
        elif self._compile():
            self._seek(self._search_start())
        self.update_bar()
        self._editor.update()

    def _search_start(self) -> int:
        """Where the search began, at the start of the selection there."""
        if self._origin is None:
            return self._editor.cursor.selection[0]
        places = [place for place in (self._origin.caret, self._origin.mark) if place is not None]
        for place in places:
            place.follow()
        return min(place.offset for place in places)

    def _compile(self) -> bool:
        """Set up the matches, and return False if the query is no valid pattern."""
        self._error = ""
        try:
            self.matches = self._matches_of_query()
        except BadPattern as problem:
            self._error = f"bad pattern: {clean(str(problem), 60)}"
        return self.matches is not None

    def _matches_of_query(self) -> Matches:
        from jpterm_like.tui.text.search import Matches

        return Matches(self._editor.text_layout, self.sought, self._region)

    @property
    def is_seeking(self) -> bool:
        """Whether a command still searches for its target."""
        return self._seeking is not None and self.bar is None

    def do_find_next(self) -> None:
        if not self._waits("find_next"):
            self._find(forward=True)

    def do_find_previous(self) -> None:
        if not self._waits("find_previous"):
            self._find(forward=False)

    def _waits(self, command: str) -> bool:
        """Queue a command if the search before it is still under way, and return whether it is."""
        if self._seeking is not None:
            self._queue.append(command)
        return self._seeking is not None

    def _find(self, forward: bool) -> None:
        if not self.sought.text:
            self.do_find()
        elif self.matches is not None or self._compile():
            self.accept()
            start, end = self._editor.cursor.selection
            # Start behind a selected match, but not behind a selection made by hand.
            self._seek(
                start + 1 if forward and (self._is_match(start, end) or start == end) else start, forward
            )
        else:
            self._editor.say(f"Not found: {self._error}.")

    def _is_match(self, start: int, end: int) -> bool:
        """Whether the selection is exactly a match."""
        if self.matches is None:
            return False
        snap = self._editor.text_layout.snap
        return any(
            (snap(low), self._editor.text_layout.snap_right(high)) == (start, end)
            for low, high in self.matches.near(start)
        )

    def _seek(self, offset: int, forward: bool = True) -> None:
        assert self.matches is not None
        self._seeking, self._forward = self.matches.seek(offset, forward), forward
        self._step()

    def _step(self) -> None:
        """Search and count for STEP_S, and continue after the keyboard was served."""
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
                    self._queue.clear()
                self._show(end.value)
        if self._seeking is None and self._queue:
            self._editor.run(self._queue.pop(0))
            if self._seeking is not None or self._steps is not None:
                return  # that command has scheduled the next step
        if self.bar is None:
            if self._seeking is None:
                self.matches = None  # a single search by a key: there is nothing to mark
                return
        else:
            while self._seeking is None and matches.counting and perf_counter() < until:
                matches.count()
            self.update_bar()
        if self._seeking is not None or (self.bar is not None and matches.counting):
            self._steps = asyncio.get_running_loop().call_soon(self._step)
        elif self.bar is not None:
            self._editor.update(now=False)  # the marks on the scrollbar

    def follow(self, patch: Patch) -> None:
        """Update after a change that the layout already knows."""
        matches = self.matches
        if matches is None:
            return
        matches.follow(patch)
        # So much may have changed that they are counted again.
        if (
            self.bar is not None
            and matches.counting
            and self._steps is None
            and self._editor.bulk_edit is None
        ):
            self._steps = asyncio.get_running_loop().call_soon(self._step)

    def _stop_steps(self, seeking: bool = True) -> None:
        if self._steps is not None:
            self._steps.cancel()
            self._steps = None
        if seeking:
            self._seeking = None
            self._queue.clear()

    def _show(self, found: Match | None) -> None:
        """Select the match; with the keys of vi and no bar, go to its start."""
        if found is None:
            if self.bar is None:
                told = (
                    GAVE_UP
                    if self.matches is not None and self.matches.gave_up
                    else clean(self.sought.text, 40)
                )
                self._editor.say(f"Not found: {told}")
            else:
                self.go_back()
            return
        if found.wrapped and self._origin is None:
            self._editor.say("Wrapped to the top." if self._forward else "Wrapped to the bottom.")
        self._editor.session.break_undo()
        start, end = (
            self._editor.text_layout.snap(found.start),
            self._editor.text_layout.snap_right(found.end),
        )
        if self._editor.lands_at_start and self.bar is None:
            self._editor.cursor.put(start)
        else:
            self._editor.cursor.put(end, start)
        self._editor.finish()

    def update_bar(self) -> None:
        """Show the state of the search in the bar."""
        if self.bar is None:
            return
        sought, matches = self.sought, self.matches
        words = self._error
        if matches is not None and sought.text:
            from jpterm_like.tui.text.search import COUNT_MAX

            total = (
                f"{len(matches.starts):,}"
                if matches.complete
                else f"{min(len(matches.starts), COUNT_MAX):,}+"
            )
            rank = None
            start, end = self._editor.cursor.selection
            if self._is_match(start, end):
                rank = next(
                    (
                        matches.rank(low)
                        for low, _ in matches.near(start)
                        if self._editor.text_layout.snap(low) == start
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
        if words == "none" and sought == self._replaced_all:
            words = ""  # that is what was wanted
        self.bar.tell(words, self._options(), wrong=bool(self._error) or words in ("none", GAVE_UP))

    def _options(self) -> tuple[Option, ...]:
        from jpterm_like.tui.widgets.bar import Option

        return (
            Option("case", "Aa", "toggle_case", self.sought.case),
            Option("word", "W", "toggle_words", self.sought.words),
            Option("regex", ".*", "toggle_regex", self.sought.regex),
            Option("selection", "S", "toggle_in_selection", self._region is not None),
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
        elif self.bar is not None and self._editor.cursor.mark is not None:
            self._region = self._selected()
        self._choose(self.sought)

    def _selected(self) -> tuple[TrackedOffset, TrackedOffset]:
        """The selection as a region that grows with replacements inside."""
        start, end = self._editor.cursor.selection
        return TrackedOffset(self._editor.session.buffer, start), TrackedOffset(
            self._editor.session.buffer, end, before=True
        )

    def _choose(self, query: Query) -> None:
        self.sought = query
        if self.bar is not None:
            self.look()
        else:
            chosen = [option.name for option in self._options() if option.on]
            self._editor.say(f"The next search uses: {', '.join(chosen) or 'no options'}.")

    # Replacing

    def do_replace_one(self) -> None:
        """Replace the selected match, and go to the next one."""
        if not self._editor.may_write() or self.matches is None or not self.sought.text:
            return
        start, end = self._editor.cursor.selection
        if self._waits("replace_one"):
            return
        if not self._is_match(start, end):
            self.do_find_next()
            return
        if not self._template_fits(self.matches):
            return
        base = self._editor.text_layout.lines.start(self._editor.text_layout.lines.row(start))
        match = self.matches.beginning_at(start)
        assert match is not None, f"the selection at {start} is a match"
        text = expand(match, self.replacement, self.sought.regex)
        self.accept()
        self._note("replace", self.replacement)
        self._editor.session.break_undo()
        low, high = base + match.start(), base + match.end()
        self._editor.replace(low, high, text)
        self._editor.session.break_undo()
        # An empty match would be found again in the same place, so skip it.
        self._seek(low + len(text) + (low == high))

    def do_replace_all(self) -> None:
        """Replace every match, in steps, as one undo step."""
        if not self._editor.may_write() or self.matches is None or not self.sought.text:
            return
        if not self._template_fits(self.matches):
            return
        self.accept()
        self._note("replace", self.replacement)
        self._stop_steps()
        # Start without the matches counted so far: each change would have to move them.
        matches = self.matches = self._matches_of_query()
        template, regex = self.replacement, self.sought.regex

        def edits(row: int) -> Iterator[LineEdit | None]:
            start, end = matches.region
            base = self._editor.text_layout.lines.start(row)
            found: list[LineEdit] = []
            for match in matches.in_pieces(self._editor.text_layout.line(row)):
                if match is None:
                    yield None
                elif start <= base + match.start() and base + match.end() <= end:
                    found.append((match.start(), match.end(), expand(match, template, regex)))
            yield from reversed(found)

        def done(changes: int) -> None:
            if self.bar is not None and self._compile():
                self._step()
            self._replaced_all = self.sought if changes else None
            self.update_bar()
            told = f"Replaced {changes:,}." if changes else "Nothing was replaced."
            self._editor.say(f"{told} Stopped: the {GAVE_UP}." if matches.gave_up else told)

        first, last = map(self._editor.text_layout.lines.row, matches.region)
        self._editor.change_lines(first, last, edits, done)

    def _template_fits(self, matches: Matches) -> bool:
        try:
            if self.sought.regex:
                check_template(matches.pattern, self.replacement)
        except BadPattern as problem:
            self._editor.say(f"Not replaced: {clean(str(problem), 60)}.")
            return False
        return True
