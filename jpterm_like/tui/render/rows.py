"""Renders the rows of the editor: text with line numbers, selections, carets, names, and the scrollbar.

All rows are requested after each key; unchanged ones are returned as the same objects, so that comparing them is
cheap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from rich.segment import Segment
from rich.style import Style

from jpterm_like.tui.render.diff import Row
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.people import Collaborators, Other
from jpterm_like.tui.render.row import TAB_SIGN, Note, Span, fit_row, paint_row
from jpterm_like.tui.render.signs import Sign
from jpterm_like.tui.syntax.highlights import HighlightSource, Words
from jpterm_like.tui.text.brackets import matching_bracket
from jpterm_like.tui.text.cell_markers import rule_of
from jpterm_like.tui.text.cells import LENGTH_MAX, Cells, cut, lay_out, width_of
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.text.viewport import View
from jpterm_like.tui.text.wrap import BELOW

if TYPE_CHECKING:
    from jpterm_like.tui.text.search import Matches

CONTESTED: Final = "!"
"""The sign of rows that others and I touched while apart."""

_BODIES_KEPT: Final = 600
"""Rendered texts of rows that are cached: a few screens, so that scrolling back and forth is free."""


@lru_cache(maxsize=500)
def link_style(target: str, look: Style | None) -> Style:
    """The style that links to a target; the same object each time, because each new one gets another id."""
    return Style(link=target) if look is None else look + Style(link=target)


class OutputRow:
    """A finished row below the text of a line; it is the same object as long as it looks the same."""

    __slots__ = ("segments",)

    def __init__(self, segments: Row) -> None:
        self.segments = segments


class OutputRows(Protocol):
    """The outputs of a notebook's cells."""

    def row(self, row: int, number: int) -> OutputRow:
        """The row with a number, from 0, below the text of a row."""

    def badge(self, row: int) -> str:
        """What is said of the run of the cell whose marker is in a row."""


class Frame(NamedTuple):
    """The settings that all rows share; when they change, every row does."""

    width: int
    height: int
    aside: int
    """Cells before the line numbers."""
    beside: int
    """Cells that say who wrote the lines, before their numbers."""
    gutter: int
    """Cells of line numbers."""
    left: int
    """Cells of the text scrolled out on the left."""
    room: int
    """Width of the rows of a wrapped line; 0 when lines are not wrapped."""
    display_options: DisplayOptions


class DisplayOptions(NamedTuple):
    """Display options that users can toggle."""

    current_line: bool = True
    whitespace: bool = False
    ruler: int = 0
    """Cells of a line before the ruler; 0: no ruler."""


class Edge(NamedTuple):
    """The margins beside the text of a row."""

    row: int
    section: int
    current: bool
    changed: bool
    """Changed by others, and not seen yet."""
    bookmarked: bool
    sign: Sign | None
    """Not saved, or not committed."""
    contested: bool
    """Both touched something there while apart, and nobody has decided about it."""
    bar: tuple[str, Style]
    author: str
    """Who wrote the line; fills the cells for that."""


class Layers(NamedTuple):
    """Styles and notes laid over the text of a row."""

    code: tuple[Span, ...] = ()
    """Syntax highlights."""
    spans: tuple[Span, ...] = ()
    notes: tuple[Note, ...] = ()


_BARE: Final = Layers()

_NOWHERE: Final = (-1, 0)


def _start(it: tuple[int, int, Style]) -> int:
    return it[0]


def _text_width(frame: Frame) -> int:
    """The cells from the text's left edge to the scrollbar."""
    return frame.width - frame.aside - frame.beside - frame.gutter - 1


class RowRenderer:
    """Renders the rows of an editor."""

    def __init__(
        self,
        text_layout: TextLayout,
        view: View,
        cursor: Cursor,
        collaborators: Collaborators,
        unseen_changes: UnseenChanges,
        palette: Palette,
    ) -> None:
        self.text_layout = text_layout
        self.view = view
        self.cursor = cursor
        self.collaborators = collaborators
        self.unseen_changes = unseen_changes
        self.palette = palette
        self.display_options = DisplayOptions()
        self.paints_caret = False
        """Whether my caret is painted, because the terminal's cursor is not used."""
        self.matches: Matches | None = None
        """The matches to mark."""
        self.selected: Sequence[tuple[int, int]] | None = None
        """The ranges to show as selected instead of the one between caret and mark."""
        self.bookmarked: frozenset[int] = frozenset()
        """Rows with a bookmark."""
        self.signs: dict[int, Sign] = {}
        """The signs of the rows on the screen."""
        self.contested: frozenset[int] = frozenset()
        """Rows with something that others and I touched while apart."""
        self.reviewed: tuple[int, int] | None = None
        """The range that is reviewed."""
        self.authors: Sequence[str] = ()
        """Who wrote the line of each row of the screen, all of one width; empty: that is not shown."""
        self.ranges: Sequence[tuple[int, int, Style]] = ()
        """Ranges of offsets to show in a style, in order and apart from each other."""
        self.remarks: dict[int, str] = {}
        """What is said of a row behind its end."""
        self.marks_links = False
        """Whether web addresses are marked for the terminal, which makes them clickable."""
        self.marks_cells = False
        """Whether the markers of a notebook's cells are drawn as rules."""
        self.outputs: OutputRows | None = None
        """The rows below the cells of a notebook; None if there are none."""
        self.extras: Sequence[Cursor] = ()
        """My carets except the first."""
        self.misspelled: Callable[[int], Sequence[tuple[int, int]]] | None = None
        """Finds the columns of misspelled words in a row; None: spelling is not checked."""
        self.popup: Sequence[tuple[int, Note]] = ()
        """The rows of a list over the text, each with its row of the screen."""
        self.syntax: HighlightSource | None = None
        """The syntax highlights; None without any."""
        self._code: dict[int, tuple[Words, tuple[Span, ...]]] = {}
        self._bodies: dict[Hashable, Row] = {}
        self._frame = Frame(0, 0, 0, 0, 0, 0, 0, self.display_options)
        self._looks: list[tuple[Any, ...]] = []
        """Everything that each row showed last: compared at each key, so plain tuples."""
        self._shown: list[Row] = []
        # The view's rows and layers of the last rendering.
        self._rows: list[tuple[int, int]] = []
        self._over: tuple[object, ...] = ()

    def use_palette(self, palette: Palette) -> None:
        self.palette = palette
        self.forget()

    def forget(self) -> None:
        """Discard all cached rows."""
        self._bodies.clear()
        self._code = {}
        self._looks = []
        self._shown = []

    def contents(self) -> list[object]:
        """Return the text of each row as last rendered, without numbers and overlays."""
        return [(look[0], look[2], look[1] < 0) for look in self._looks]

    def rows(self, width: int, height: int, aside: int, gutter: int, clock: float) -> list[Row]:
        """Render the rows of the whole widget; unchanged ones are the same objects. `gutter`: the cells between `aside`
        and the text."""
        room = self.view.width if self.view.wraps else 0
        authors = self.authors
        beside = width_of(authors[0]) if authors else 0
        frame = Frame(
            width, height, aside, beside, gutter - beside, self.view.left, room, self.display_options
        )
        rows = self.view.rows()
        code = self._colours(rows)  # spelling asks what is a comment
        spans, notes = self._layers(rows, _text_width(frame), clock)
        caret_row = self.text_layout.lines.row(self.cursor.caret)
        bar = self._scrollbar(height)
        line = self.text_layout.line
        old_looks, old_shown = self._looks, self._shown
        if frame != self._frame:
            old_looks = []
        changed_rows, bookmarked = (
            frozenset(self.unseen_changes.between(rows[0][0], rows[-1][0])),
            self.bookmarked,
        )
        signs, contested = (self.signs, self.contested) if frame.gutter else ({}, frozenset())
        over = (spans, notes, caret_row, bar, code, changed_rows, bookmarked, signs, contested, authors)
        if rows is self._rows and frame == self._frame and over == self._over and self._shown:
            return self._shown  # the view makes new rows when one of them has changed
        looks, shown = [], []
        outputs = self.outputs
        for y in range(height):
            row, section = rows[y] if y < len(rows) else _NOWHERE
            if section >= BELOW and outputs is not None:
                output = outputs.row(row, section - BELOW)
                look: tuple[Any, ...] = (output, row, section, bar[y], notes.get(y))
                is_same = y < len(old_looks) and old_looks[y] == look
                shown.append(old_shown[y] if is_same else self._output(output, bar[y], notes.get(y), frame))
                looks.append(look)
                continue
            text = line(row) if row >= 0 else ""
            sign = signs.get(row)
            if sign is not None and not self._has_sign(row, section, sign):
                sign = None
            author = authors[y] if y < len(authors) else ""
            edge = (
                row,
                section,
                row == caret_row,
                row in changed_rows,
                row in bookmarked,
                sign,
                row in contested,
                bar[y],
                author,
            )
            layers = (code.get(row), spans.get(y), notes.get(y))
            badge = outputs.badge(row) if outputs is not None and text.startswith("# %%") else ""
            look = (text, *edge, *layers, badge)
            if y < len(old_looks) and old_looks[y] == look:
                shown.append(old_shown[y])
            else:
                shown.append(self._row(text, Edge(*edge), *layers, frame))
            looks.append(look)
        self._frame, self._looks, self._shown = frame, looks, shown
        self._rows, self._over = rows, over
        return shown

    def _row(
        self,
        text: str,
        edge: Edge,
        code: tuple[Span, ...] | None,
        spans: list[Span] | None,
        notes: list[Note] | None,
        frame: Frame,
    ) -> Row:
        layers = _BARE
        if code is not None or spans is not None or notes is not None:
            layers = Layers(code or (), tuple(spans or ()), tuple(notes or ()))
        row = [*self._number(edge, frame), *self._body(text, edge, layers, frame), Segment(*edge.bar)]
        if frame.beside:
            style = self.palette.current_number if edge.current else self.palette.number
            row.insert(0, Segment(edge.author or " " * frame.beside, style))
        if frame.aside:
            row.insert(0, Segment(" " * frame.aside, self._ground(edge, frame)))
        return row

    def _output(
        self, output: OutputRow, bar: tuple[str, Style], notes: list[Note] | None, frame: Frame
    ) -> Row:
        """Render a row of outputs, which may be under a list or a name."""
        width = _text_width(frame)
        row = fit_row(output.segments, width, self.palette.text, notes or ())
        margin = Segment(" " * (frame.width - width - 1), self.palette.text)
        return [margin, *row, Segment(*bar)]

    def _has_sign(self, row: int, section: int, sign: Sign) -> bool:
        """Whether a sign of a line is shown at this row of it: where lines were removed, only at the edge."""
        if sign.kind != "removed":
            return True
        return section == 0 if sign.above else self.view.sections(row).after(section) is None

    def _number(self, edge: Edge, frame: Frame) -> Row:
        """Render the cells before the text."""
        if not frame.gutter:
            return []
        palette = self.palette
        number = edge.row + 1 if edge.row >= 0 and edge.section == 0 else ""
        style = palette.current_number if edge.current else palette.number
        marked = edge.bookmarked or edge.changed
        mark = Segment("■" if edge.bookmarked else "▎", palette.trace) if marked else Segment(" ", style)
        sign = Segment(" ", style) if edge.sign is None else palette.sign(edge.sign, style)
        if edge.contested:
            sign = Segment(CONTESTED, palette.contested + Style(bgcolor=style.bgcolor))
        has_sign = edge.contested or edge.sign is not None
        if frame.gutter == 1:
            return [sign if has_sign else mark]
        if not has_sign and not marked:
            return [Segment(f"{number:>{frame.gutter - 1}} ", style)]
        return [sign, Segment(f"{number:>{frame.gutter - 2}}", style), mark]

    def _body(self, text: str, edge: Edge, layers: Layers, frame: Frame) -> Row:
        """Render the text of a row with its layers, cached for rows that look alike."""
        row, section = edge.row, edge.section
        if self.marks_cells and not edge.current and text.startswith("# %%") and not layers.spans:
            badge = "" if self.outputs is None else self.outputs.badge(row)
            rule = rule_of(text, _text_width(frame), badge) if section == 0 else " " * _text_width(frame)
            if rule is not None:
                return [Segment(rule, self._ground(edge, frame) + self._rule_style())]
        if len(text) > LENGTH_MAX:  # compare only the visible part
            cells, base = self.view.part(row, section)
            low, high = (column - base for column in self.view.section_span(row, section))
            x = cells.x(low)
            first = max(low, cells.before(cells.column(x + frame.left)))
            last = min(high, cells.column(x + 2 * frame.width + frame.left))
            text = f"{base + first} {cells.x(first)} {x} {last - high} {cells.text[first:last]}"
        key = (text, section, edge.current, layers, frame)
        body = self._bodies.get(key)
        if body is None:
            if len(self._bodies) >= _BODIES_KEPT:
                self._bodies.clear()
            body = self._bodies[key] = self._paint(edge, layers, frame)
        return body

    def _rule_style(self) -> Style:
        return self.palette.word("comment") or Style()

    def _ground(self, edge: Edge, frame: Frame) -> Style:
        is_shaded = edge.current and frame.display_options.current_line
        return self.palette.current_line if is_shaded else self.palette.text

    def _paint(self, edge: Edge, layers: Layers, frame: Frame) -> Row:
        palette, options = self.palette, frame.display_options
        row, section = edge.row, edge.section
        if row >= 0:
            cells, base = self.view.part(row, section)
            start, end = (column - base for column in self.view.section_span(row, section))
        else:
            cells, base, start, end = lay_out(""), 0, 0, 0
        spans = [*layers.code, *layers.spans]
        if base:
            spans = [span._replace(start=span.start - base, end=span.end - base) for span in spans]
        odd = [Span(*span, palette.special) for span in cells.odd(start, end)]
        own = len(layers.code)
        return paint_row(
            cells,
            start,
            end,
            frame.left,
            _text_width(frame),
            self._ground(edge, frame),
            [*spans[:own], *self._links(cells), *odd, *spans[own:]],
            layers.notes,
            blank=palette.blank if options.whitespace else None,
            # The cells of a piece are not counted from the start of the line.
            ruler=Note(options.ruler, palette.ruler_sign, palette.ruler)
            if options.ruler and not base
            else None,
            indent=self.view.sections(row).hanging_indent if section else 0,
        )

    def _links(self, cells: Cells) -> list[Span]:
        """The web addresses in a line, as the terminal is to know them."""
        text = cells.text
        if not self.marks_links or len(text) > LENGTH_MAX or ("://" not in text and "mailto:" not in text):
            return []
        from jpterm_like.tui.text.links import for_terminal, web_links  # many texts have none

        return [
            Span(start, end, link_style(address, self.palette.word("link") if is_bare else None))
            for start, end, target, is_bare in web_links(text)
            if (address := for_terminal(target)) is not None
        ]

    def _colours(self, rows: list[tuple[int, int]]) -> dict[int, tuple[Span, ...]]:
        """Return the highlights of rows as spans; the same objects while they are unchanged."""
        syntax = self.syntax
        if syntax is None:
            return {}
        seen = dict.fromkeys(row for row, _ in rows)
        syntax.look(seen)
        known, self._code = self._code, {}
        for row in seen:
            words = syntax.words(row)
            old = known.get(row)
            if old is None or old[0] is not words:
                if old is not None and old[0] == words:
                    old = words, old[1]
                else:
                    old = words, self._coloured(words)
            self._code[row] = old
        return {row: spans for row, (_, spans) in self._code.items()}

    def _coloured(self, words: Words) -> tuple[Span, ...]:
        style = self.palette.word
        return tuple(
            Span(start, end, found) for start, end, kind in words if (found := style(kind)) is not None
        )

    def _layers(
        self, rows: list[tuple[int, int]], width: int, clock: float
    ) -> tuple[dict[int, list[Span]], dict[int, list[Note]]]:
        """Compute the layers of each screen row: selections, the others' carets, their names."""
        spans: dict[int, list[Span]] = {}
        notes: dict[int, list[Note]] = {}
        lines = self.text_layout.lines
        top = lines.start(rows[0][0])
        bottom = lines.span(rows[-1][0])[1]
        if self.misspelled is not None:
            self._mark_misspelled(self.misspelled, rows, spans)
        for at in range(max(0, bisect_right(self.ranges, top, key=_start) - 1), len(self.ranges)):
            if self.ranges[at][0] > bottom:
                break
            self._mark_range(*self.ranges[at], rows, top, bottom, spans, notes)
        visible = [other for other in self.collaborators.others if other.caret is not None]
        for other in visible:
            if other.selection is not None:
                style = self.palette.people[other.colour].selection
                self._mark_range(*other.selection, style, rows, top, bottom, spans, notes)
        for extra in self.extras:
            self._mark_range(*extra.selection, self.palette.selection, rows, top, bottom, spans, notes)
        start, end = self.cursor.selection
        if self.selected is None and end > start:
            self._mark_range(start, end, self.palette.selection, rows, top, bottom, spans, notes)
        elif self.selected is None and (pair := matching_bracket(self.text_layout.buffer, start)) is not None:
            for offset in pair:
                self._mark_range(offset, offset + 1, self.palette.bracket, rows, top, bottom, spans, notes)
        if self.matches is not None:  # over the selections, where they would not be seen otherwise
            self._mark_matches(self.matches, rows, spans)
        if self.reviewed is not None:
            self._mark_range(*self.reviewed, self.palette.selection, rows, top, bottom, spans, notes)
        for low, high in self.selected or ():  # over the matches, as parts of them may be selected
            self._mark_range(low, high, self.palette.selection, rows, top, bottom, spans, notes)
        tagged = []
        for other in visible:
            assert other.caret is not None
            if top <= other.caret <= bottom:
                place = self._mark_caret(
                    other.caret, self.palette.people[other.colour].caret, rows, spans, notes
                )
                if place is not None:
                    tagged.append((other, place))
        for extra in self.extras:
            if top <= extra.caret <= bottom:
                self._mark_caret(extra.caret, Style(reverse=True), rows, spans, notes)
        if self.paints_caret:
            self._mark_caret(self.cursor.caret, Style(reverse=True), rows, spans, notes)
        if self.view.folds.all:
            self._mark_folds(rows, notes)
        if self.remarks:
            self._lay_remarks(rows, notes)
        for other, place in tagged:
            self._tag(other, place, rows, notes, width, clock)
        for y, note in self.popup:
            notes.setdefault(y, []).append(note)
        return spans, notes

    def _mark_misspelled(
        self,
        misspelled: Callable[[int], Sequence[tuple[int, int]]],
        rows: list[tuple[int, int]],
        spans: dict[int, list[Span]],
    ) -> None:
        found: Sequence[tuple[int, int]] = ()
        for y, (row, section) in enumerate(rows):
            if not y or row != rows[y - 1][0]:
                found = misspelled(row)
            if not found:
                continue
            first, last = self.view.section_span(row, section)
            for start, end in found:
                begin, stop = max(first, start), min(last, end)
                if begin < stop:
                    spans.setdefault(y, []).append(Span(begin, stop, self.palette.misspelled))

    def _mark_folds(self, rows: list[tuple[int, int]], notes: dict[int, list[Note]]) -> None:
        """Add to the head of each fold the number of hidden rows, and whether others changed any unseen."""
        for y, (row, section) in enumerate(rows):
            fold = self.view.folds.at(row)
            if fold is None or self.view.sections(row).after(section) is not None:
                continue
            count = fold.last - fold.head
            text = f" ⋯ {count:,} {'line' if count == 1 else 'lines'} "
            style = self.palette.fold
            if (changed := self.unseen_changes.after(row)) is not None and row < changed <= fold.last:
                text, style = f"{text}changed ", self.palette.fold + self.palette.trace
            x = self._text_end(row, section) + 1
            notes.setdefault(y, []).append(Note(max(0, min(x, self.view.width - len(text))), text, style))

    def _text_end(self, row: int, section: int) -> int:
        """Return the cell behind the text of a row of the screen, counted from the left edge of the view."""
        if section >= BELOW:
            return self.view.width
        return self.view.x(row, section, self.view.section_span(row, section)[1]) - self.view.left

    def _lay_remarks(self, rows: list[tuple[int, int]], notes: dict[int, list[Note]]) -> None:
        """Lay what is said of rows behind their ends, or over their last cells where there is no room."""
        for y, (row, section) in enumerate(rows):
            remark = self.remarks.get(row)
            if remark is None or section >= BELOW or self.view.sections(row).after(section) is not None:
                continue
            x = self._text_end(row, section) + 2
            remark = f" {cut(remark, max(self.view.width // 3, self.view.width - x - 2))} "
            x = max(0, min(x, self.view.width - width_of(remark)))
            notes.setdefault(y, []).append(Note(x, remark, self.palette.remark))

    def _mark_matches(
        self, matches: Matches, rows: list[tuple[int, int]], spans: dict[int, list[Span]]
    ) -> None:
        chosen, chosen_end = self.cursor.selection
        for y, (row, section) in enumerate(rows):
            if section >= BELOW:
                continue
            cells = self.text_layout.cells(row)
            first, last = self.view.section_span(row, section)
            if not self.view.wraps:
                first, last = cells.column(self.view.left), cells.column(self.view.left + self.view.width)
            start = self.text_layout.lines.start(row)
            for begin, end in matches.in_view(row, first, last):
                # In vi nothing is selected, and the caret is at the match.
                is_current = start + begin == chosen and chosen_end in (chosen, start + end)
                style = self.palette.current_match if is_current else self.palette.found
                begin, end = max(first, cells.floor(begin)), min(last, cells.ceiling(end))
                spans.setdefault(y, []).append(Span(begin, end, style))

    def _mark_range(
        self,
        start: int,
        end: int,
        style: Style,
        rows: list[tuple[int, int]],
        top: int,
        bottom: int,
        spans: dict[int, list[Span]],
        notes: dict[int, list[Note]],
    ) -> None:
        if end < top or start > bottom:
            return
        for y, (row, section) in enumerate(rows):
            row_start, row_end = self.text_layout.lines.span(row)
            if row_end < start or row_start >= end or section >= BELOW:
                continue
            first, last = self.view.section_span(row, section)
            begin, stop = max(first, start - row_start), min(last, end - row_start)
            if begin < stop:
                spans.setdefault(y, []).append(Span(begin, stop, style))
            if last == row_end - row_start and start <= row_end < end:  # the newline is in it
                x = self.view.x(row, section, last) - self.view.left
                notes.setdefault(y, []).append(Note(x, " ", style))

    def _mark_caret(
        self,
        offset: int,
        style: Style,
        rows: list[tuple[int, int]],
        spans: dict[int, list[Span]],
        notes: dict[int, list[Note]],
    ) -> tuple[int, int] | None:
        """Mark the cell of a caret; returns its screen position, or None if it is not visible."""
        place = self.view.screen_place(offset)
        if place is None:
            return None
        x, y = place
        row, section = rows[y]
        column = offset - self.text_layout.lines.start(row)
        line = self.text_layout.line(row)
        within = column < self.view.section_span(row, section)[1]
        if within and line[column] != "\t":
            cells = self.text_layout.cells(row)
            column = cells.floor(column)
            spans.setdefault(y, []).append(Span(column, cells.after(column), style))
        else:
            sign = TAB_SIGN if within and self.display_options.whitespace else " "
            notes.setdefault(y, []).append(Note(x, sign, style))
        return place

    def _tag(
        self,
        other: Other,
        place: tuple[int, int],
        rows: list[tuple[int, int]],
        notes: dict[int, list[Note]],
        room: int,
        clock: float,
    ) -> None:
        """Add the name tag of a caret that moved recently: behind the end of its row, else beside the text above or below,
        else briefly over that.

        `room`: the cells from the text's left edge to the scrollbar; narrow rows end before it.
        """
        if not other.tag_visible(clock, covering=False):
            return
        x, y = place
        style = self.palette.people[other.colour].tag
        text = f" {other.name} "
        width = width_of(text)
        mine = self.view.screen_place(self.cursor.caret)

        def free(at: int, line: int) -> bool:
            if at < 0 or at + width > room or not 0 <= line < self.view.height:
                return False
            if mine is not None and mine[1] == line and at - 1 <= mine[0] <= at + width:
                return False
            return all(
                note.x + width_of(note.text) <= at or at + width <= note.x for note in notes.get(line, ())
            )

        def text_end(line: int) -> int:
            return self._text_end(*rows[line]) if line < len(rows) else 0

        wishes = [(x + 1, y)] if x >= text_end(y) else []
        wishes.append((text_end(y) + 2, y))
        wishes += [
            (x, line) for line in (y - 1, y + 1) if 0 <= line < self.view.height and x >= text_end(line)
        ]
        chosen = next((wish for wish in wishes if free(*wish)), None)
        if chosen is None and other.tag_visible(clock, covering=True):
            at = max(0, min(x, room - width))
            chosen = next(((at, line) for line in (y - 1, y + 1) if free(at, line)), None)
        if chosen is not None:
            notes.setdefault(chosen[1], []).append(Note(chosen[0], text, style))

    def _scrollbar(self, height: int) -> list[tuple[str, Style]]:
        """Render the last column: the visible part of the text, matches, and the others' carets."""
        lines = self.text_layout.lines
        count = len(lines)
        palette = self.palette
        column: list[tuple[str, Style]] = [(" ", palette.track)] * height
        if count > height or self.view.top != (0, 0):
            first, last = self._thumb(height)
            column[first:last] = [("▐", palette.track)] * (last - first)
            if self.matches is not None:
                start = lines.start
                starts = [start(min(count - 1, y * count // height)) for y in range(height)]
                for y, (low, high) in enumerate(pairwise([*starts, lines.size + 1])):
                    if self.matches.any_between(low, high):
                        column[y] = ("▪", palette.found_mark)
            for other in self.collaborators.others:
                if other.caret is not None:
                    y = min(height - 1, lines.row(other.caret) * height // count)
                    column[y] = (
                        "◆",
                        palette.text + Style(color=palette.people[other.colour].name.color, bold=True),
                    )
        return column

    def _thumb(self, height: int) -> tuple[int, int]:
        count = max(len(self.text_layout.lines), 1)
        row = self.view.top[0]
        size = max(1, height * height // max(count, height))
        first = min(height - size, row * height // count)
        if row and first == 0 and size < height:
            first = 1
        return first, first + size
