"""Syntax highlighting: which words are keywords, strings, headings. Computed in a process of its own (`syntax.process`).

A parser (tree-sitter) reads the text in steps and keeps a tree. An edit shifts the tree at once, and the parser reads the changed
part in its next step; until then words are those of the text before. Only visible rows are queried.

A step is meant to take the time it is given, but there are texts in which it takes a hundred times that, some gigabytes, or
ends the process.

The parser gets two bytes for each character (UTF-16), so that byte positions are twice the offsets. Characters beyond
two bytes are replaced by one that is part of no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final

from tree_sitter import Node, Parser, QueryCursor, Tree

from crdt import Patch
from jpterm_like.tui.syntax import grammars
from jpterm_like.tui.syntax.grammars import Grammar
from jpterm_like.tui.syntax.highlights import Word, Words, move_rows
from jpterm_like.tui.text.cells import LENGTH_MAX
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.line_index import RowChange

LINE_MAX: Final = 200_000
"""Longest line of a text that is highlighted. The parser's trees take a hundred times the memory of such a line: with a line of 5 MB of
JSON, keys that were typed while it was parsed took 17 GB."""

_TOO_LONG: Final = "A line of this text is too long"
_TOO_DEEP: Final = "This text is nested too deeply"

_READ: Final = 2_048
"""Code points passed to the parser at a time."""

_PORTION: Final = 4_000
"""Visible rows are highlighted in portions of so many code points, for at most this time before keys are handled
again. One portion takes some 25 ms at most, in code without blanks."""
LOOK_S: Final = 0.008

_CHILDREN_MAX: Final = 20_000
"""Children of a node that is asked as a whole. For each child in sight tree-sitter may look at all that follow it: a million open
brackets, which are one broken node, would take hours."""

_CHILDREN_SHOWN_MAX: Final = 4_000
"""Most children of such a node that are asked one by one for a portion."""

_LEVELS_MAX: Final = 200
"""How deep words are looked for, and nodes with too many children. Code of people has some dozens of levels; a text of a
hundred thousand unclosed signs has as many, and would be looked through for seconds."""

_INNER_MAX: Final = 20_000
"""Longest embedded part in another language (code in Markdown, scripts in HTML), which is parsed each time it is
visible."""

_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


_Edit = tuple[int, int, int, tuple[int, int], tuple[int, int], tuple[int, int]]


# For each row what stands from column to column: the number of the pattern that knows it, and what it calls it.
_Found = dict[int, dict[tuple[int, int], tuple[int, str]]]


def open_highlighter(text_layout: TextLayout, name: str) -> Highlighter | None:
    """The words of a layout by the grammar of that name; None where it is not there."""
    grammar = grammars.load(name)
    return None if grammar is None else Highlighter(text_layout, grammar)


def has_long_line(text: str) -> bool:
    """Whether a line of a text is longer than LINE_MAX."""
    start = 0
    while len(text) - start > LINE_MAX:
        line_break = text.rfind("\n", start, start + LINE_MAX + 1)
        if line_break < 0:
            return True
        start = line_break + 1
    return False


class _Source:
    """The text as the parser reads it.

    A tree keeps the function that it was read with, and the garbage collector does not see that. So this knows no tree:
    in a circle with one, closed texts would stay in memory.
    """

    def __init__(self, text_layout: TextLayout) -> None:
        self._text_layout = text_layout
        self.snapshot: str | None = text_layout.buffer.slice(0, len(text_layout.buffer))
        """The text at the start of the first parse, until that is done."""

    def read(self, offset: int, point: object) -> bytes:
        start = offset // 2
        if self.snapshot is not None:
            return _encoded(self.snapshot[start : start + _READ])
        buffer = self._text_layout.buffer
        return _encoded(buffer.slice(start, min(len(buffer), start + _READ))) if start < len(buffer) else b""


class Highlighter:
    """The words of a layout. Whoever changes the layout tells `follow`."""

    def __init__(self, text_layout: TextLayout, grammar: Grammar) -> None:
        self.grammar = grammar
        self._text_layout = text_layout
        self._parser = Parser(grammar.language)
        self._tree: Tree | None = None
        self._source = _Source(text_layout)
        text = self._source.snapshot or ""
        self.hindrance = _TOO_LONG if has_long_line(text) else ""
        """Why nothing is parsed, as the first words of a sentence."""
        if grammars.is_too_deep(grammar.name, text):
            self.hindrance = _TOO_DEEP
        self._edits: list[_Edit] = []
        """Edits since then."""
        self._rows: dict[int, Words] = {}
        self.behind = True
        """Whether there is text to parse."""
        self.unseen = False
        """Whether time ran out before all rows of the last request were highlighted."""

    @property
    def has_tree(self) -> bool:
        """Whether the text was read to its end once, so that there are words."""
        return self._tree is not None

    # Reading

    def step(self, time_s: float) -> bool:
        """Parse for a limited time; True when finished, so that highlights may have changed."""
        assert not self.hindrance
        until = perf_counter() + time_s
        try:
            tree = self._parser.parse(  # type: ignore[call-overload]  # None is not accepted for no tree
                self._source.read,
                *([] if self._tree is None else [self._tree]),
                encoding="utf16le",
                progress_callback=lambda offset, failed: perf_counter() > until,
            )
        except ValueError:  # not finished; the parser continues from there
            return False
        if self._source.snapshot is not None:
            self._source.snapshot = None
            for edit in self._edits:
                tree.edit(*edit)
        self._tree = tree
        self.behind = bool(self._edits)
        self._edits = []
        self._rows = {}
        return True

    def follow(self, patch: Patch, changes: Sequence[RowChange]) -> None:
        """Move highlights after an edit, to be parsed again soon."""
        lines = self._text_layout.lines
        if self.grammar.name in grammars.DEEP:
            self._check_depth(changes)
        for (start, end, text), change in zip(patch.splices, changes, strict=True):
            edges = {change.row, change.row + change.added - 1}
            if has_long_line(text) or any(row < len(lines) and lines.length(row) > LINE_MAX for row in edges):
                self.hindrance = _TOO_LONG
            last_length = len(text) - text.rfind("\n") - 1
            edit = (
                2 * start,
                2 * end,
                2 * (start + len(text)),
                (change.row, 2 * change.column),
                (change.row + change.removed - 1, 2 * change.end_column),
                (
                    change.row + change.added - 1,
                    2 * (last_length + (change.column if change.added == 1 else 0)),
                ),
            )
            if self._source.snapshot is not None:
                self._edits.append(edit)
            else:
                if self.behind:
                    self._parser.reset()
                if self._tree is not None:
                    self._tree.edit(*edit)
                self.behind = True
            self._rows = move_rows(self._rows, change, len(text) - (end - start))

    def _check_depth(self, changes: Sequence[RowChange]) -> None:
        """Look at the rows that an edit changed."""
        lines, buffer, shift = self._text_layout.lines, self._text_layout.buffer, 0
        for change in reversed(changes):  # the first one first: it has moved the rows of those behind it
            row = change.row + shift
            shift += change.added - change.removed
            text = buffer.slice(lines.start(row), lines.span(row + change.added - 1)[1])
            if grammars.is_too_deep(self.grammar.name, text):
                self.hindrance = _TOO_DEEP

    # Asking

    def look(self, rows: Iterable[int]) -> None:
        """Compute the highlights of rows."""
        self.unseen = False
        if self._tree is None:
            return
        until = perf_counter() + LOOK_S
        portions = list(self._portions(sorted({row for row in rows if row not in self._rows})))
        for number, (first, last) in enumerate(portions):
            if number and perf_counter() > until:
                self.unseen = True
                return
            self._rows.update(self._find(first, last))

    def _portions(self, rows: list[int]) -> Iterator[tuple[int, int]]:
        """Group adjacent rows into portions. Rows that are too long get no highlights."""
        lines = self._text_layout.lines
        first = last = -1
        size = 0
        for row in rows:
            length = lines.length(row)
            if first >= 0 and (row != last + 1 or size + length > _PORTION or length > LENGTH_MAX):
                yield first, last
                first, size = -1, 0
            if length > LENGTH_MAX:
                self._rows[row] = ()
                continue
            first, last, size = (row if first < 0 else first), row, size + length
        if first >= 0:
            yield first, last

    def has(self, row: int) -> bool:
        """Whether the highlights of a row are known."""
        return row in self._rows

    def words(self, row: int) -> Words:
        """Return the highlights of a row; the same object while they are unchanged."""
        return self._rows.get(row, ())

    def _find(self, first: int, last: int) -> dict[int, Words]:
        assert self._tree is not None
        lines = self._text_layout.lines
        found: _Found = {row: {} for row in range(first, last + 1)}
        low, high = lines.start(first), lines.span(last)[1]
        self._collect(self.grammar, self._tree.root_node, 0, low, high, found)
        ready: dict[int, Words] = {}
        for row, words in found.items():
            ordered = sorted(words.items(), key=lambda item: (item[0][0], -item[0][1]))
            ready[row] = tuple(Word(start, end, kind) for (start, end), (_, kind) in ordered)
        return ready

    def _collect(
        self,
        grammar: Grammar,
        root: Node,
        base: int,
        low: int,
        high: int,
        found: _Found,
    ) -> None:
        """Collect the highlights between two offsets; the tree begins at offset `base`."""
        buffer = self._text_layout.buffer

        def text_of(captured: dict[str, list[Node]], name: str) -> str | None:
            nodes = captured.get(name)
            if not nodes:
                return None
            start, end = base + nodes[0].start_byte // 2, base + nodes[0].end_byte // 2
            return buffer.slice(start, min(len(buffer), end, start + 200))

        def judge(predicate: str, args: Any, pattern_index: int, captures: dict[str, list[Node]]) -> bool:
            return grammars.fits(predicate, args, lambda name: text_of(captures, name))

        first_byte, last_byte = max(0, 2 * (low - base)), max(0, 2 * (high - base)) + 2
        cursor = QueryCursor(grammar.query)
        cursor.set_max_start_depth(_LEVELS_MAX)
        cursor.set_byte_range(first_byte, last_byte)
        taken = []
        """Where no bare address is: code, and links."""
        nodes_asked = _asked(root, first_byte, last_byte)
        for pattern, captured in (it for node in nodes_asked for it in cursor.matches(node, judge)):
            for kind, nodes in captured.items():
                for node in nodes:
                    start, end = base + node.start_byte // 2, base + node.end_byte // 2
                    self._note(start, end, pattern, kind, low, high, found)
                    if kind in ("text.literal", "text.uri"):
                        taken.append((start, end))
        if grammar.addresses:
            begin = max(low, base)
            text = buffer.slice(begin, max(begin, min(high, base + root.end_byte // 2)))
            for match in grammars.ADDRESS.finditer(text):
                start, end = begin + match.start(), begin + match.end()
                if not any(first < end and start < last for first, last in taken):
                    self._note(start, end, 0, "text.uri", low, high, found)
        for query, other in grammar.inner:
            cursor = QueryCursor(query)
            cursor.set_max_start_depth(_LEVELS_MAX)
            cursor.set_byte_range(first_byte, last_byte)
            for _, captured in (it for node in nodes_asked for it in cursor.matches(node)):
                name = other or text_of(captured, "language") or ""
                inner = grammars.load(name)
                for node in captured.get("content", ()):
                    if inner is not None:
                        start, end = base + node.start_byte // 2, base + node.end_byte // 2
                        self._collect_inner(inner, start, end, low, high, found)

    def _collect_inner(
        self,
        grammar: Grammar,
        start: int,
        end: int,
        low: int,
        high: int,
        found: _Found,
    ) -> None:
        end = min(end, start + _INNER_MAX, len(self._text_layout.buffer))
        if start < end and low < end and start < high:
            text = self._text_layout.buffer.slice(start, end)
            if not grammars.is_too_deep(grammar.name, text):
                tree = Parser(grammar.language).parse(_encoded(text), encoding="utf16le")
                self._collect(grammar, tree.root_node, start, max(low, start), min(high, end), found)

    def _note(
        self,
        start: int,
        end: int,
        pattern: int,
        kind: str,
        low: int,
        high: int,
        found: _Found,
    ) -> None:
        """Add a highlight to each row that it covers."""
        start, end = max(start, low), min(end, high)
        lines = self._text_layout.lines
        while start < end:
            row, column = lines.place(start)
            row_end = lines.span(row)[1]
            stop = min(end, row_end)
            if row in found and start < stop:
                place = (column, column + stop - start)
                words = found[row]
                if place not in words or words[place][0] <= pattern:
                    words[place] = (pattern, kind)
            start = row_end + 1


def _asked(root: Node, low: int, high: int) -> list[Node]:
    """Return the nodes to ask for what is between two bytes: the root, or what is beside and below a node with too many
    children."""
    for edge in (low, high):
        beside: list[Node] = []
        node: Node | None = root
        for _ in range(_LEVELS_MAX):
            if node is None or not node.child_count:
                break
            if node.child_count > _CHILDREN_MAX:
                return [*beside, *_children(node, low, high)]
            # Not `first_child_for_byte`, which ends the process where there is no such child.
            cursor = node.walk()
            inside = None if cursor.goto_first_child_for_byte(edge) is None else cursor.node
            beside += [it for it in _children(node, low, high) if it != inside]
            node = inside
    return [root]


def _children(node: Node, low: int, high: int) -> list[Node]:
    """Return the children of a node between two bytes."""
    cursor = node.walk()
    found: list[Node] = []
    going = cursor.goto_first_child_for_byte(low) is not None
    while going and cursor.node is not None and cursor.node.start_byte < high:
        found.append(cursor.node)
        going = len(found) < _CHILDREN_SHOWN_MAX and cursor.goto_next_sibling()
    return found


def _encoded(text: str) -> bytes:
    data = text.encode("utf-16-le", "surrogatepass")
    if len(data) != 2 * len(text):
        data = _ASTRAL.sub("\ufffd", text).encode("utf-16-le", "surrogatepass")
    return data
