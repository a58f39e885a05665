"""Widgets of a notebook as rows of the screen, one for each control.

    n ◀━━━━●─────▶ 3     [x] ok     ( go )     b [two ▾]     name [ann_______]     ▕█████▌   ▏

Nothing of a state reaches the screen but through `cells.clean` or the drawing of outputs. Where a control can be taken hold of is
told with the rows (`Place`), for the keys and the mouse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style

from jpterm_like.notebook.outputs import Item, Widget
from jpterm_like.notebook.widget_moves import (
    BUTTONS,
    CHOICES,
    INTEGERS,
    MOVABLE,
    NUMBERS,
    PAGES,
    RANGES,
    SEVERAL,
    SPANS,
    SWITCHES,
    TEXTS,
    is_number,
)
from jpterm_like.tui.outputs.html import lines_of_html
from jpterm_like.tui.outputs.look import Look
from jpterm_like.tui.text.cells import clean, cut, width_of

TRACK: Final = 20
"""Cells of a slider or a bar."""
FIELD_MIN: Final = 10
FIELD_MAX: Final = 30
"""Cells of a field for text."""
NO_PLACEHOLDER: Final = "\u200b"
"""What ipywidgets has where no placeholder was given."""
WORD_MAX: Final = 200
ROWS_MAX: Final = 200
"""Of one display."""
COLUMN_GAP: Final = 2
ROWS: Final = frozenset(("HBoxModel", "BoxModel"))
SLIDERS: Final = frozenset(
    ("IntSliderModel", "FloatSliderModel", "FloatLogSliderModel", "SelectionSliderModel")
)
BARS: Final = frozenset(("IntProgressModel", "FloatProgressModel"))
MARKS: Final = frozenset(("RadioButtonsModel", "ToggleButtonsModel"))
WORDS: Final = frozenset(("HTMLModel", "HTMLMathModel", "LabelModel"))
COLUMNS: Final = frozenset(("VBoxModel", "GridBoxModel", "InteractiveModel"))
EIGHTHS: Final = " ▏▎▍▌▋▊▉"


class Place(NamedTuple):
    """Where a control is in the rows of an output."""

    row: int
    start: int
    """In cells from the left edge of the rows."""
    end: int
    widget: str
    track: tuple[int, int] | None = None
    """Where its slider begins and ends."""
    part: int | None = None
    """Which of its choices or pages this is."""


@dataclass
class Hand:
    """What a person does with the widgets of a cell at the moment."""

    focus: str = ""
    """The widget that keys go to."""
    typed: dict[str, str] = field(default_factory=dict)
    """Text that is being typed into fields."""
    moved: dict[str, Any] = field(default_factory=dict)
    """Values that the server does not know yet."""


class _Bit(NamedTuple):
    """Some text of one style."""

    text: str
    style: Style
    part: int | None = None


@dataclass
class _Box:
    """A rectangle of rows."""

    rows: list[list[_Bit]]
    width: int
    places: list[Place] = field(default_factory=list)


class WidgetRows(NamedTuple):
    """A widget as rows."""

    rows: list[list[Segment]]
    places: list[Place]


def controls(widget: Widget) -> Iterator[Widget]:
    """The widgets that can be moved, in the order of the screen."""
    if widget.is_hidden:
        return
    if widget.model in MOVABLE:
        yield widget
    for child in shown_children(widget):
        yield from controls(child)
    for item in widget.items:
        if isinstance(item, Widget):
            yield from controls(item)


def shown_children(widget: Widget) -> Sequence[Widget]:
    """The children that are drawn: of pages only the chosen one."""
    if widget.model not in PAGES:
        return widget.children
    at = widget.state.get("selected_index")
    return widget.children[at : at + 1] if type(at) is int and at >= 0 else ()


class WidgetRenderer:
    """Draws widgets.

    Args:
        width: cells of a row.
        others: draws what is no widget, for Output widgets.
    """

    def __init__(
        self, width: int, look: Look, hand: Hand, others: Callable[[Item, int], list[list[Segment]]]
    ) -> None:
        self._width = max(1, width)
        self._look = look
        self._hand = hand
        self._others = others

    def render(self, widget: Widget) -> WidgetRows:
        """The rows of a widget, each of exactly the width."""
        box = self._box(widget, self._width)
        rows: list[list[Segment]] = []
        for bits in box.rows[:ROWS_MAX]:
            left, row = self._width, []
            for bit in bits:
                text = bit.text if width_of(bit.text) <= left else cut(bit.text, left)
                left -= width_of(text)
                row.append(Segment(text, bit.style))
                if not left:
                    break
            if left:
                row.append(Segment(" " * left, self._look.text))
            rows.append(row)
        places = [place for place in box.places if place.row < len(rows) and place.start < self._width]
        return WidgetRows(rows, places)

    # ------------------------------------------------------------------ layout

    def _box(self, widget: Widget, room: int) -> _Box:
        if widget.is_hidden:
            return _Box([], 0)
        model = widget.model
        if model in ROWS:
            return self._beside([self._box(child, room) for child in widget.children], room)
        if model in PAGES:
            return self._pages(widget, room)
        if model == "OutputModel":
            return self._output(widget, room)
        if model in COLUMNS or (widget.children and model not in MOVABLE):
            return self._below([self._box(child, room) for child in widget.children])
        if model in WORDS:
            return self._words(widget, room)
        return self._control(widget, room)

    def _below(self, boxes: Sequence[_Box]) -> _Box:
        whole = _Box([], 0)
        for box in boxes:
            top = len(whole.rows)
            whole.places += [place._replace(row=place.row + top) for place in box.places]
            whole.rows += box.rows
            whole.width = max(whole.width, box.width)
            if len(whole.rows) > ROWS_MAX:
                break
        return whole

    def _beside(self, boxes: Sequence[_Box], room: int) -> _Box:
        """Boxes side by side, and in the next row where there is no room."""
        lines: list[list[_Box]] = []
        used = 0
        for box in boxes:
            if not box.rows:
                continue
            if lines and used + COLUMN_GAP + box.width <= room:
                lines[-1].append(box)
                used += COLUMN_GAP + box.width
            else:
                lines.append([box])
                used = box.width
        return self._below([self._one_line(line) for line in lines])

    def _one_line(self, boxes: Sequence[_Box]) -> _Box:
        whole = _Box([[] for _ in range(max(len(box.rows) for box in boxes))], 0)
        left = 0
        for number, box in enumerate(boxes):
            if number:
                left += COLUMN_GAP
            for at, row in enumerate(whole.rows):
                gap = left - sum(width_of(bit.text) for bit in row)
                if at < len(box.rows):
                    row += [_Bit(" " * gap, self._look.text)] if gap > 0 else []
                    row += box.rows[at]
            whole.places += [
                place._replace(
                    start=place.start + left, end=place.end + left,
                    track=None if place.track is None else (place.track[0] + left, place.track[1] + left),
                )
                for place in box.places
            ]  # fmt: skip
            left += box.width
        whole.width = left
        return whole

    def _pages(self, widget: Widget, room: int) -> _Box:
        """Tabs: a row of titles. An accordion: a row for each title."""
        at = widget.state.get("selected_index")
        titles = _texts(widget.state.get("titles"))
        names = [
            (clean(titles[number], 40) if number < len(titles) else "") or f"{number + 1}"
            for number in range(len(widget.children))
        ]
        style, inside = self._style(widget), self._box
        if widget.model == "StackModel":
            return self._below([inside(child, room) for child in shown_children(widget)])
        if widget.model == "TabModel":
            bits = [
                _Bit(f"[{name}]" if number == at else f" {name} ", style, number)
                for number, name in enumerate(names)
            ]
            head = self._row(widget, [_Bit("", style)], bits, room)
            return self._below([head, *(inside(child, room) for child in shown_children(widget))])
        boxes: list[_Box] = []
        for number, name in enumerate(names):
            sign = "▾" if number == at else "▸"
            boxes.append(self._row(widget, [], [_Bit(f"{sign} {name}", style, number)], room))
            if number == at:
                boxes.append(inside(widget.children[number], room))
        return self._below(boxes)

    def _output(self, widget: Widget, room: int) -> _Box:
        box = _Box([], room)
        for item in widget.items:
            if isinstance(item, Widget):
                box = self._below([box, self._box(item, room)])
            else:
                box.rows += [
                    [_Bit(each.text, each.style or self._look.text) for each in row]
                    for row in self._others(item, ROWS_MAX - len(box.rows))
                ]
        return box

    # ------------------------------------------------------------------ controls

    def _words(self, widget: Widget, room: int) -> _Box:
        value, style = widget.state.get("value"), self._style(widget)
        value = value if isinstance(value, str) else ""
        lines = [clean(value, WORD_MAX)] if widget.model == "LabelModel" else []
        if not lines:
            lines = [line.text for line in lines_of_html(value, self._look)]
        label = self._label(widget)
        rows = [[_Bit(cut(line, room), style)] for line in lines] or [[]]
        if label:
            rows[0] = [_Bit(label, style), *rows[0]]
        return _Box(rows, max(sum(width_of(bit.text) for bit in row) for row in rows))

    def _control(self, widget: Widget, room: int) -> _Box:
        model, style = widget.model, self._style(widget)
        label = self._label(widget)
        head = [_Bit(label, style)] if label else []
        value = self._value(widget)
        if model in SLIDERS or model in RANGES or model in SPANS:
            return self._slider(widget, head, value, room)
        if model in BARS:
            return self._bar(widget, head, room)
        if model in SWITCHES:
            name = clean(str(widget.state.get("description", "")), WORD_MAX)
            sign = "[x] " if value is True else "[ ] "
            return self._row(widget, [], [_Bit(sign + name, style)], room)
        if model in BUTTONS:
            name = clean(str(widget.state.get("description", "")), WORD_MAX) or clean(
                str(widget.state.get("icon", "")), 20
            )
            return self._row(widget, [], [_Bit(f"( {name} )", style)], room)
        if model in CHOICES or model in SEVERAL:
            return self._row(widget, head, self._choices(widget, value, room), room)
        if model in TEXTS or model in INTEGERS or model in NUMBERS or model == "DatePickerModel":
            return self._row(widget, head, [_Bit(self._field(widget, value), style)], room)
        if model == "PasswordModel":
            return self._row(widget, head, [_Bit("[••••••]", style)], room)
        if model == "ValidModel":
            sign = "✓" if value is True else f"✗ {clean(str(widget.state.get('readout', '')), 40)}"
            return self._row(widget, head, [_Bit(sign, style)], room)
        if model == "ImageModel" and isinstance(value, bytes):
            return self._picture(widget, value)
        name = clean(model.removesuffix("Model"), 60) or "widget"
        return self._row(widget, [], [_Bit(f"[{name}: not drawn in a terminal]", self._look.muted)], room)

    def _row(self, widget: Widget, head: list[_Bit], bits: list[_Bit], room: int) -> _Box:
        """A control in one row: what names it, and what can be taken hold of."""
        before = sum(width_of(bit.text) for bit in head)
        row, places, at = list(head), [], before
        if widget.model in MOVABLE and bits:
            whole = before + sum(width_of(bit.text) for bit in bits)
            places.append(Place(0, 0, min(room, whole), widget.id))
        for bit in bits:
            width = width_of(bit.text)
            if widget.id == self._hand.focus and widget.is_live:
                bit = bit._replace(style=bit.style + Style(reverse=True))
            row.append(bit)
            if bit.part is not None:
                places.append(Place(0, at, at + width, widget.id, part=bit.part))
            at += width
        if self._hand.focus == widget.id and not head:
            row = [bit._replace(style=bit.style + Style(reverse=True)) if bit.text else bit for bit in row]
        if widget.by and widget.is_live:
            row.append(_Bit(f" {clean(widget.by, 20)}", self._look.muted))
            at += 1 + width_of(clean(widget.by, 20))
        return _Box([row], min(at, room), places)

    def _slider(self, widget: Widget, head: list[_Bit], value: Any, room: int) -> _Box:
        state, style = widget.state, self._style(widget)
        before = sum(width_of(bit.text) for bit in head)
        ends = value if isinstance(value, list) and len(value) == 2 else [value, value]
        shares = [_share(widget, each) for each in ends]
        places = [min(TRACK - 1, max(0, round(share * (TRACK - 1)))) for share in shares]
        is_range = isinstance(value, list)
        track = "".join(
            "●"
            if at in places
            else "━"
            if (places[0] <= at <= places[1] if is_range else at < places[0])
            else "─"
            for at in range(TRACK)
        )
        readout = (
            ""
            if state.get("readout") is False
            else " – ".join(self._told(widget, each) for each in dict.fromkeys(map(_hashable, ends)))
        )
        box = self._row(widget, head, [_Bit(f"◀{track}▶ {readout}".rstrip(), style)], room)
        box.places = [place._replace(track=(before + 1, before + 1 + TRACK)) for place in box.places]
        return box

    def _told(self, widget: Widget, value: Any) -> str:
        """A value as its readout has it."""
        if widget.model in ("SelectionSliderModel", "SelectionRangeSliderModel"):
            labels = _texts(widget.state.get("_options_labels"))
            return clean(labels[value], 40) if type(value) is int and 0 <= value < len(labels) else ""
        return _number(value)

    def _bar(self, widget: Widget, head: list[_Bit], room: int) -> _Box:
        share = _share(widget, widget.state.get("value"))
        eighths = round(share * TRACK * 8)
        full, rest = divmod(eighths, 8)
        bar = "█" * full + (EIGHTHS[rest] if rest else "")
        style = self._style(widget)
        if widget.state.get("bar_style") == "danger" and widget.is_live:
            style = self._look.error
        return self._row(widget, head, [_Bit(f"▕{bar:<{TRACK}}▏", style)], room)

    def _choices(self, widget: Widget, value: Any, room: int) -> list[_Bit]:
        labels = [clean(label, 40) for label in _texts(widget.state.get("_options_labels"))]
        style = self._style(widget)
        if widget.model in SEVERAL:
            chosen = value if isinstance(value, list) else []
            signs = [f"[{'x' if at in chosen else ' '}] {label}" for at, label in enumerate(labels)]
        elif widget.model in MARKS:
            signs = [f"({'•' if at == value else ' '}) {label}" for at, label in enumerate(labels)]
        else:
            signs = []
        if signs and sum(width_of(sign) + 2 for sign in signs) < room - 20:
            found: list[_Bit] = []
            for at, sign in enumerate(signs):
                found += [_Bit(sign, style, at), *([_Bit("  ", style)] if at + 1 < len(signs) else [])]
            return found
        if widget.model in SEVERAL:
            chosen = (
                [labels[at] for at in value if type(at) is int and 0 <= at < len(labels)]
                if isinstance(value, list)
                else []
            )
            return [_Bit(f"[{cut(', '.join(chosen), 40)} ▾] {len(chosen)} of {len(labels)}", style)]
        name = labels[value] if type(value) is int and 0 <= value < len(labels) else ""
        return [_Bit(f"[{name} ▾]", style)]

    def _field(self, widget: Widget, value: Any) -> str:
        typed = self._hand.typed.get(widget.id)
        if typed is not None:
            text = f"{typed}▏"
        elif isinstance(value, dict):
            text = date_text(value)
        elif isinstance(value, str):
            text = value
        else:
            text = _number(value)
        lines = text.split("\n")
        more = f" ⏎ {len(lines)} lines" if len(lines) > 1 else ""
        text = clean(lines[-1] if typed is not None else lines[0], WORD_MAX)
        if width_of(text) > FIELD_MAX:
            text = text[-FIELD_MAX:] if typed is not None else cut(text, FIELD_MAX)
        placeholder = widget.state.get("placeholder")
        if not text and isinstance(placeholder, str) and placeholder != NO_PLACEHOLDER:
            text = cut(clean(placeholder, FIELD_MAX), FIELD_MAX)
        width = FIELD_MIN if widget.model in TEXTS else 1
        return f"[{text}{'_' * (width - width_of(text))}{more}]"

    def _picture(self, widget: Widget, value: bytes) -> _Box:
        from jpterm_like.notebook.outputs import Display

        kind = widget.state.get("format")
        name = f"image/{kind}" if isinstance(kind, str) and kind.isalpha() else "image/png"
        rows = self._others(Display({name: value}), ROWS_MAX)
        return _Box(
            [[_Bit(each.text, each.style or self._look.text) for each in row] for row in rows], self._width
        )

    def _label(self, widget: Widget) -> str:
        description = widget.state.get("description")
        text = clean(description, 40) if isinstance(description, str) else ""
        return f"{text} " if text else ""

    def _value(self, widget: Widget) -> Any:
        if widget.id in self._hand.moved:
            return self._hand.moved[widget.id]
        return widget.state.get("index" if widget.model in CHOICES | SEVERAL | SPANS else "value")

    def _style(self, widget: Widget) -> Style:
        return (
            self._look.text
            if widget.is_live and widget.state.get("disabled") is not True
            else self._look.muted
        )


def _share(widget: Widget, value: Any) -> float:
    low, high = ends_of(widget)
    if widget.model == "FloatLogSliderModel":
        base: Any = widget.state.get("base")
        if not is_number(value) or value <= 0 or not is_number(base) or base <= 1:
            return 0.0
        value = math.log(value, base)
    if not is_number(value) or high <= low:
        return 0.0
    return float(min(1.0, max(0.0, (value - low) / (high - low))))


def ends_of(widget: Widget) -> tuple[float, float]:
    """The least and the greatest value; for a slider of choices, the first and the last number."""
    state = widget.state
    if widget.model in ("SelectionSliderModel", "SelectionRangeSliderModel"):
        return 0, max(0, len(_texts(state.get("_options_labels"))) - 1)
    low: Any = state.get("min")
    high: Any = state.get("max")
    return (low if is_number(low) else 0), (high if is_number(high) else 100)


def date_text(value: Mapping[str, Any]) -> str:
    """A date of a widget, whose months count from 0."""
    year, month, day = value.get("year"), value.get("month"), value.get("date")
    if type(year) is int and type(month) is int and type(day) is int:
        return f"{year:04d}-{month + 1:02d}-{day:02d}"
    return ""


def _number(value: Any) -> str:
    if type(value) is float:
        return f"{value:.6g}"
    return str(value)[:40] if type(value) is int and abs(value) < 10**30 else ""


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else None


def _texts(value: Any) -> list[str]:
    return (
        [each if isinstance(each, str) else str(each)[:WORD_MAX] for each in value]
        if isinstance(value, list)
        else []
    )
