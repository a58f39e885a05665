"""Text objects: the word, paragraph, sentence, quoted text, bracketed text or tag around the caret.

The rules are those of Vim (textobject.c).
"""

from __future__ import annotations

import re
from typing import Final

from jpterm_like.tui.commands.lines import indent_of
from jpterm_like.tui.commands.vi import sentences
from jpterm_like.tui.commands.vi.motions import (
    REACH_ROWS,
    Motion,
    Walker,
    unmatched,
    word_back,
    word_end,
    word_end_back,
    word_forward,
)
from jpterm_like.tui.commands.vi.text import Place, Text

KEYS: Final = "wWsp\"'`()b[]{}B<>t"

_BRACKETS: Final = {
    **dict.fromkeys("()b", "()"), **dict.fromkeys("[]", "[]"), **dict.fromkeys("{}B", "{}"), **dict.fromkeys("<>", "<>")
}  # fmt: skip


def text_object(
    text: Text, around: bool, key: str, count: int, selection: tuple[Place, Place] | None
) -> Motion | None:
    """The object at the caret; `selection` is the visual mode's anchor and caret. None: there is none."""
    visual = selection is not None
    if selection is not None and selection[0] == selection[1]:
        selection = None
    if key in "wW":
        return _word(text, around, key == "W", count, selection, visual)
    if key == "p":
        return _paragraph(text, around, count, selection)
    if key == "s":
        return sentences.text_object(text, around, count, selection, visual)
    if key in "\"'`":
        return _quoted(text, around, key, count)
    if key == "t":
        return _tag(text, around, count)
    if key in _BRACKETS:
        return _bracketed(text, around, _BRACKETS[key], count, selection)
    return None


def _back_in_line(walker: Walker) -> None:
    kind = walker.kind()
    while walker.column:
        walker.back()
        if walker.kind() != kind:
            walker.forward()
            break


def _step_left(walker: Walker) -> bool:
    if walker.column:
        walker.column -= 1
        return True
    return False


def _over(walker: Walker, forward: bool) -> int:
    """A step that does not stop behind the last character of a line, unless the line is empty."""
    step = walker.forward() if forward else walker.back()
    if step >= 1 and walker.column:
        step = walker.forward() if forward else walker.back()
    return step


def _word(
    text: Text, around: bool, big: bool, count: int, selection: tuple[Place, Place] | None, visual: bool
) -> Motion | None:
    def fail() -> Motion | None:
        """It goes as far as it can; visual mode marks that."""
        if visual:
            return Motion(walker.place, inclusive=True, start=start)
        text.go(text.on_character(walker.place))
        return None

    walker = Walker(text, text.caret, big)
    inclusive, include_white = True, False
    if selection is None:
        _back_in_line(walker)
        start = walker.place
        if (walker.kind() == 0) == around:
            if not word_end(walker, 1, stop=True, empty=True):
                return fail()
        else:
            word_forward(walker, 1, for_operator=True)
            if walker.column == 0:
                _over(walker, forward=False)
            else:
                walker.column -= 1
            include_white = around
        count -= 1
    else:
        start = selection[0]
    back = selection is not None and selection[1] < selection[0]
    while count > 0:
        inclusive = True
        if back:
            if _over(walker, forward=False) == -1:
                return fail()
            if around != (walker.kind() != 0):
                if not word_back(walker, 1, stop=True):
                    return fail()
            else:
                if not word_end_back(walker, 1, eol=True):
                    return fail()
                _over(walker, forward=True)
        else:
            if _over(walker, forward=True) == -1:
                return fail()
            if around != (walker.kind() == 0):
                if not word_forward(walker, 1, for_operator=True) and count > 1:
                    return fail()
                if not _step_left(walker):
                    inclusive = False
            elif not word_end(walker, 1, stop=True, empty=True):
                return fail()
        count -= 1
    end = walker.place
    if include_white and (walker.kind() != 0 or (walker.column == 0 and not inclusive)):
        walker = Walker(text, start, big)
        if _step_left(walker):
            _back_in_line(walker)
            if walker.kind() == 0 and walker.column > 0:
                start = walker.place
    return Motion(end, inclusive=inclusive, start=start)


def _is_white(text: Text, row: int) -> bool:
    return not text.line(row).strip(" \t")


def _paragraph(text: Text, around: bool, count: int, selection: tuple[Place, Place] | None) -> Motion | None:
    last = text.rows - 1
    if selection is not None and selection[0].row != selection[1].row:
        return _more_paragraphs(text, around, count, selection)
    start = text.caret.row
    white = _is_white(text, start)
    while start > 0 and _is_white(text, start - 1) == white:
        start -= 1
    end = start
    while end <= last and _is_white(text, end):
        end += 1
    end -= 1
    left = count - (not around and white)
    do_white = False
    while left > 0:
        left -= 1
        if end == last:
            return None
        if not around:
            do_white = _is_white(text, end + 1)
        if around or not do_white:
            end += 1
            while end < last and not _is_white(text, end + 1):
                end += 1
        if left == 0 and white and around:
            break
        if around or do_white:
            while end < last and _is_white(text, end + 1):
                end += 1
    if not white and not _is_white(text, end) and around:
        while start > 0 and _is_white(text, start - 1):
            start -= 1
    return Motion(Place(end, 0), lines=True, start=Place(start, 0))


def _more_paragraphs(text: Text, around: bool, count: int, selection: tuple[Place, Place]) -> Motion | None:
    """Extend a visual selection by paragraphs."""
    step = 1 if selection[1] >= selection[0] else -1
    row, last = selection[1].row, text.rows - 1
    edge = last if step > 0 else 0
    for _ in range(count):
        if row == edge:
            return None
        passed = 0
        while row != edge and passed < (2 if around else 1):
            row += step
            white = _is_white(text, row)
            while row != edge and _is_white(text, row + step) == white:
                row += step
            passed += 1
    return Motion(Place(row, 0), lines=True, start=selection[0])


def _quoted(text: Text, around: bool, quote: str, count: int) -> Motion | None:
    row, column = text.caret
    line = text.line(row)

    def following(at: int, escapes: bool) -> int:
        while at < len(line):
            if escapes and line[at] == "\\":
                at += 1
            elif line[at] == quote:
                return at
            at += 1
        return -1

    if line[column : column + 1] == quote:
        first = 0
        while True:
            start = following(first, escapes=False)
            if start < 0 or start > column:
                return None
            end = following(start + 1, escapes=True)
            if end < 0:
                return None
            if start <= column <= end:
                break
            first = end + 1
    else:
        start = column
        while start > 0:
            start -= 1
            escapes = len(line[:start]) - len(line[:start].rstrip("\\"))
            if escapes & 1:
                start -= escapes
            elif line[start] == quote:
                break
        if line[start : start + 1] != quote:
            start = following(start, escapes=False)
            if start < 0:
                return None
        end = following(start + 1, escapes=True)
        if end < 0:
            return None
    if around:
        if line[end + 1 : end + 2] in (" ", "\t"):
            while line[end + 1 : end + 2] in (" ", "\t"):
                end += 1
        else:
            while start > 0 and line[start - 1] in " \t":
                start -= 1
    elif count < 2:
        start += 1
        return (
            Motion(Place(row, end - 1), inclusive=end > start, start=Place(row, start))
            if end > start
            else Motion(Place(row, start), start=Place(row, start))
        )
    return Motion(Place(row, end), inclusive=True, start=Place(row, start))


def _bracketed(
    text: Text, around: bool, pair: str, count: int, selection: tuple[Place, Place] | None
) -> Motion | None:
    opening, closing = pair[0], pair[1]
    caret = text.caret if selection is None else min(selection)
    if opening == "{" and selection is None:
        line = text.line(caret.row)
        blank = len(indent_of(line))
        if caret.column < blank < len(line):
            caret = Place(caret.row, blank)
    if opening == "<":
        found = _angle(text, caret, count)
        if found is None and selection is None and (ahead := _ahead(text, caret, "<")) is not None:
            found = _angle(text, ahead, 1)
        if found is None:
            return None
        start, end = found
    else:
        place = caret
        if text.at(place) == opening:
            place = Place(place.row, place.column + 1)
        start_found: Place | None = None
        for _ in range(count):
            start_found = unmatched(text, place, opening)
            if start_found is None:
                break
            place = start_found
        if start_found is None and selection is None and unmatched(text, caret, opening) is None:
            start_found = _ahead(text, caret, opening)
            for _ in range(count - 1):
                if start_found is not None:
                    behind = Place(start_found.row, start_found.column + 1)
                    start_found = _ahead(text, behind, opening, closing)
        if start_found is None:
            return None
        end_found = unmatched(text, start_found, closing)
        if end_found is None:
            return None
        start, end = start_found, end_found
        if selection is not None and not around and max(selection) >= Place(end.row, end.column - 1):
            outer = unmatched(text, start, opening)
            if outer is not None and (end_found := unmatched(text, outer, closing)) is not None:
                start, end = outer, end_found
    if around:
        return Motion(end, inclusive=True, start=start, jump=True)
    inside = Walker(text, start)
    _over(inside, forward=True)
    start = inside.place
    walker = Walker(text, end)
    at_line_start = walker.column == 0
    _over(walker, forward=False)
    if opening == "{":
        while walker.column < len(walker.line) and not walker.line[: walker.column + 1].strip(" \t"):
            at_line_start = True
            if walker.column == 0:
                _over(walker, forward=False)
                break
            walker.column -= 1
    if selection is not None or at_line_start:
        if at_line_start:
            if selection is not None:
                return Motion(Place(walker.row, len(walker.line)), inclusive=True, start=start)
            _over(walker, forward=True)
            return Motion(max(walker.place, start), start=start)
        return (
            Motion(max(walker.place, start), inclusive=True, start=start) if walker.place >= start else None
        )
    if walker.place >= start:
        return Motion(walker.place, inclusive=True, start=start)
    return Motion(start, start=start)


def _ahead(text: Text, place: Place, opening: str, closing: str = "") -> Place | None:
    """The next opening bracket behind a place, without those that stand for a closing one there."""
    column, closed = place.column, 0
    signs = re.compile(f"[{re.escape(opening + closing)}]")
    for row in range(place.row, min(text.rows, place.row + REACH_ROWS)):
        for found in signs.finditer(text.line(row), column):
            if found[0] == closing:
                closed += 1
            elif closed:
                closed -= 1
            else:
                return Place(row, found.start())
        column = 0
    return None


def _angle(text: Text, caret: Place, count: int) -> tuple[Place, Place] | None:
    """The `<` and `>` around a place."""
    line = text.line(caret.row)
    column = caret.column if line[caret.column : caret.column + 1] == "<" else caret.column - 1
    for _ in range(count):
        depth = 0
        while column >= 0:
            if line[column] == ">":
                depth += 1 if column != caret.column else 0
            elif line[column] == "<":
                if not depth:
                    break
                depth -= 1
            column -= 1
        if column < 0:
            return None
        start = column
        column -= 1
    depth = 0
    for end in range(start, len(line)):
        if line[end] in "<>":
            depth += 1 if line[end] == "<" else -1
            if not depth:
                return Place(caret.row, start), Place(caret.row, end)
    return None


_TAG: Final = re.compile(r"<(/?)([A-Za-z][^\s/>]*)(?:[^>]*?)(/?)>")


def _tag(text: Text, around: bool, count: int) -> Motion | None:
    """The text between `<tag>` and `</tag>` around the caret."""
    caret = text.caret
    first, last = max(0, caret.row - REACH_ROWS), min(text.rows - 1, caret.row + REACH_ROWS)
    base = text.start(first)
    whole = text.slice(Place(first, 0), Place(last, len(text.line(last))))
    here = text.offset(caret) - base
    if not whole[here : here + 1].strip():  # on the indent: the tag that follows
        line_end = whole.find("\n", here)
        rest = whole[here : line_end if line_end >= 0 else len(whole)]
        here += len(indent_of(rest))
    opened: list[re.Match[str]] = []
    for tag in _TAG.finditer(whole):
        if tag[3]:
            continue
        if not tag[1]:
            opened.append(tag)
            continue
        for at in range(len(opened) - 1, -1, -1):
            if opened[at][2] == tag[2]:
                begin = opened[at]
                del opened[at:]
                if begin.start() <= here < tag.end():
                    count -= 1
                    if not count:
                        low, high = (begin.start(), tag.end()) if around else (begin.end(), tag.start())
                        start = text.place(base + low)
                        if low == high:
                            return Motion(start, start=start)
                        return Motion(text.place(base + high - 1), inclusive=True, start=start)
                break
    return None
