"""The widgets of a cell under keys and the mouse. Loaded with the first one that is moved.

While a person is in them, keys go to one widget after the other: tab, or up and down, to the next; left and right change it; space and
enter press, switch or go to the next choice; letters are typed into a field, and enter takes them; esc leaves. A value is shown at
once, and told to the server one at a time, the latest one next: the server and the kernel have the last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol

from jpterm_like.errors import JptermError
from jpterm_like.notebook.outputs import CellOutputs, Widget
from jpterm_like.notebook.widget_moves import (
    BUTTONS,
    CHOICES,
    CLICK,
    DATES,
    INTEGERS,
    NUMBERS,
    PAGES,
    RANGES,
    SEVERAL,
    SPANS,
    SWITCHES,
    TEXTS,
    attribute_of,
    problem,
)
from jpterm_like.tui.outputs.blocks import OutputBlocks
from jpterm_like.tui.outputs.widgets import Place, controls, date_text, ends_of
from jpterm_like.tui.ports import EditorSession

FINE: Final = 1
COARSE: Final = 10
"""Steps of an arrow key, and of one with shift or a page key."""
_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


class Holder(Protocol):
    """What the editor does for the widgets; `commands.editing.Editing` is one."""

    @property
    def session(self) -> EditorSession: ...

    def say(self, sentence: str, serious: bool = False) -> None: ...

    def in_background(self, work: Coroutine[Any, Any, None]) -> None: ...

    def choose(
        self,
        title: str,
        choices: Iterable[tuple[str, str, str]],
        then: Callable[[str], None],
    ) -> None: ...


class WidgetHand:
    """Moves the widgets of one cell.

    Args:
        changed: have the cell drawn anew.
    """

    def __init__(
        self,
        editor: Holder,
        blocks: OutputBlocks,
        cell: str,
        changed: Callable[[str], None],
    ) -> None:
        self._editor = editor
        self._blocks = blocks
        self.cell = cell
        self._changed = changed
        self._hand = blocks.hand
        self._telling: set[str] = set()
        """The widgets of which a move is on its way."""

    # ------------------------------------------------------------------ which

    def widgets(self) -> list[Widget]:
        """The widgets of the cell that can be moved, in the order of the screen."""
        return list(controls_of(self._blocks.outputs_of(self.cell)))

    def focused(self) -> Widget | None:
        """The widget that keys go to."""
        widgets = self.widgets()
        return next(
            (each for each in widgets if each.id == self._hand.focus), widgets[0] if widgets else None
        )

    def enter(self) -> bool:
        """Begin with the first widget; False if there is none that lives."""
        widgets = self.widgets()
        if not any(each.is_live for each in widgets):
            return False
        self._focus(widgets[0].id)
        return True

    def leave(self) -> None:
        """Let the keys go to the text again; what was typed into a field counts."""
        self._take_typed()
        self._focus("")

    def _focus(self, name: str) -> None:
        self._hand.focus = name
        self._changed(self.cell)

    def _step(self, by: int) -> None:
        self._take_typed()
        names = [each.id for each in self.widgets()]
        if names:
            at = names.index(self._hand.focus) if self._hand.focus in names else 0
            self._focus(names[(at + by) % len(names)])

    # ------------------------------------------------------------------ keys

    def key(self, key: str, text: str | None) -> bool:
        """Handle a key; False if it is none for widgets, so that they are left."""
        widget = self.focused()
        if widget is None or key == "escape":
            self.leave()
            return widget is not None
        if key in ("tab", "down"):
            self._step(1)
        elif key in ("shift+tab", "up"):
            self._step(-1)
        elif widget.model in TEXTS | INTEGERS | NUMBERS | DATES and self._type(widget, key, text):
            self._changed(self.cell)
        elif key in ("left", "right", "shift+left", "shift+right", "pageup", "pagedown", "home", "end"):
            self._shift(widget, key)
        elif key in ("space", "enter"):
            self._press(widget)
        elif text is None:
            self.leave()
            return False
        return True

    def _type(self, widget: Widget, key: str, text: str | None) -> bool:
        """Type into a field; False if the key is no letter of it."""
        typed = self._hand.typed.get(widget.id)
        if key == "enter":
            self._take_typed()
            return typed is not None
        if key == "backspace":
            self._hand.typed[widget.id] = (self._field_text(widget) if typed is None else typed)[:-1]
            return True
        is_letters = text is not None and (widget.model in TEXTS or text in "0123456789.-+e")
        if (
            text is None
            or not is_letters
            or (typed is None and widget.model in INTEGERS | NUMBERS and text == "e")
        ):
            return False
        before = self._field_text(widget) if typed is None and widget.model in TEXTS else typed or ""
        self._hand.typed[widget.id] = before + text
        return True

    def _field_text(self, widget: Widget) -> str:
        value = self._value(widget)
        return date_text(value) if isinstance(value, dict) else "" if value is None else str(value)

    def _take_typed(self) -> None:
        """What was typed into the field counts; what is no value of it does not."""
        widget = self.focused()
        typed = self._hand.typed.pop(widget.id, None) if widget is not None else None
        if widget is None or typed is None:
            return
        try:
            value = _read(widget, typed)
        except ValueError:
            self._editor.say(f"{typed[:40]!r} is no value of this field.", serious=True)
        else:
            self._move(widget, value)
        self._changed(self.cell)

    def _press(self, widget: Widget) -> None:
        value = self._value(widget)
        if widget.model in BUTTONS:
            self._move(widget, None)
        elif widget.model in SWITCHES:
            self._move(widget, value is not True)
        elif widget.model in CHOICES or widget.model in PAGES:
            count = _count(widget)
            if count:
                self._move(widget, ((value if type(value) is int else -1) + 1) % count)
        elif widget.model in SEVERAL:
            self._choose_several(widget)
        elif widget.model == "PlayModel":
            self._shift(widget, "right")

    def _choose_several(self, widget: Widget) -> None:
        labels = widget.state.get("_options_labels")
        chosen = self._value(widget) or []
        choices = [
            (str(at), ("[x] " if at in chosen else "[ ] ") + str(label)[:60], "")
            for at, label in enumerate(labels if isinstance(labels, list) else [])
        ]

        def choose(number: str) -> None:
            self._move(widget, sorted(set(chosen) ^ {int(number)}))

        self._editor.choose("Choose or leave out", choices, choose)

    def _shift(self, widget: Widget, key: str) -> None:
        """Move a value by some steps, or to an end."""
        by = COARSE if key.startswith(("shift", "page")) else FINE
        by = -by if key.endswith(("left", "down")) else by
        value = self._value(widget)
        model = widget.model
        if model in CHOICES or model in PAGES:
            count = _count(widget)
            at = value if type(value) is int else -1
            goal = 0 if key == "home" else count - 1 if key == "end" else max(0, min(count - 1, at + by))
            if count and goal != value:
                self._move(widget, goal)
            return
        if model in RANGES or model in SPANS:
            if isinstance(value, list) and len(value) == 2:
                self._shift_range(widget, value, key, by)
            return
        if type(value) not in (int, float):
            return
        low, high = ends_of(widget)
        if model == "FloatLogSliderModel":
            self._move(widget, _log_step(widget, value, by, key))
            return
        bounded = "min" in widget.state and "max" in widget.state
        there: float = value + by * _step_of(widget)
        if key == "home":
            there = low
        elif key == "end":
            there = high
        if bounded:
            there = max(low, min(high, there))
        self._move(widget, int(there) if model in INTEGERS else round(float(there), 12))

    def _shift_range(self, widget: Widget, value: list[Any], key: str, by: int) -> None:
        """The lower end by left and right, the upper one with shift."""
        low, high = ends_of(widget)
        step = 1 if widget.model in SPANS else _step_of(widget)
        first: float
        last: float
        first, last = value
        sign = 1 if by > 0 else -1
        if key.startswith("shift"):
            last = max(first, min(high, last + sign * step))
        elif key in ("left", "right"):
            first = max(low, min(last, first + sign * step))
        whole = widget.model in SPANS or widget.model.startswith("Int")
        self._move(widget, [int(first), int(last)] if whole else [round(first, 12), round(last, 12)])

    # ------------------------------------------------------------------ the mouse

    def click(self, place: Place, x: int) -> None:
        """Press the button of the mouse on a widget."""
        widget = next((each for each in self.widgets() if each.id == place.widget), None)
        if widget is None:
            return
        if self._hand.focus != widget.id:
            self._take_typed()
            self._focus(widget.id)
        if place.part is not None:
            value = self._value(widget)
            if widget.model in SEVERAL:
                self._move(widget, sorted(set(value if isinstance(value, list) else []) ^ {place.part}))
            elif widget.model == "AccordionModel" and value == place.part:
                self._move(widget, None)
            else:
                self._move(widget, place.part)
        elif place.track is not None:
            self.drag(place, x)
        elif widget.model not in TEXTS | INTEGERS | NUMBERS | DATES:
            self._press(widget)

    def drag(self, place: Place, x: int) -> None:
        """Drag a slider to a cell of its track."""
        widget = next((each for each in self.widgets() if each.id == place.widget), None)
        if widget is None or place.track is None:
            return
        start, end = place.track
        share = max(0.0, min(1.0, (x - start) / max(1, end - 1 - start)))
        low, high = ends_of(widget)
        value = self._value(widget)
        goal: Any = low + share * (high - low)
        if widget.model == "FloatLogSliderModel":
            base: Any = widget.state.get("base")
            goal = round(base**goal, 12) if type(base) in (int, float) and base > 1 else value
        elif widget.model == "SelectionSliderModel" or widget.model in SPANS:
            goal = round(goal)
        else:
            step = _step_of(widget)
            goal = low + round((goal - low) / step) * step
            whole = widget.model in INTEGERS or widget.model == "IntRangeSliderModel"
            goal = int(goal) if whole else round(float(goal), 12)
        if isinstance(value, list) and len(value) == 2:
            first, last = value
            goal = (
                [min(goal, last), last]
                if abs(goal - first) <= abs(goal - last)
                else [first, max(goal, first)]
            )
        if goal != value:
            self._move(widget, goal)

    # ------------------------------------------------------------------ telling the server

    def _value(self, widget: Widget) -> Any:
        if widget.id in self._hand.moved:
            return self._hand.moved[widget.id]
        return widget.state.get(attribute_of(widget.model))

    def _move(self, widget: Widget, value: Any) -> None:
        """Show a value, and tell the server."""
        if not widget.is_live:
            self._editor.say("The kernel of this widget has ended: run its cell again.", serious=True)
            return
        attribute = attribute_of(widget.model)
        why = problem(widget.model, widget.state, attribute, value)
        if why:
            self._editor.say(why, serious=True)
            return
        if attribute == CLICK:
            self._editor.in_background(self._press_button(widget.id))
            return
        self._hand.moved[widget.id] = value
        self._changed(self.cell)
        if widget.id not in self._telling:
            self._telling.add(widget.id)
            self._editor.in_background(self._tell(widget.id, attribute))

    async def _press_button(self, name: str) -> None:
        try:
            await self._editor.session.move_widget(name, CLICK, None)
        except JptermError as failure:
            self._editor.say(str(failure), serious=True)

    async def _tell(self, name: str, attribute: str) -> None:
        """Tell the latest value, until there is none that is newer."""
        try:
            while True:
                value = self._hand.moved[name]
                await self._editor.session.move_widget(name, attribute, value)
                if self._hand.moved[name] == value:
                    return
        except JptermError as failure:
            self._editor.say(str(failure), serious=True)
        finally:
            self._telling.discard(name)
            self._hand.moved.pop(name, None)
            self._changed(self.cell)


def controls_of(outputs: CellOutputs) -> list[Widget]:
    """The widgets below a cell that can be moved."""
    return [each for item in outputs.items if isinstance(item, Widget) for each in controls(item)]


def _count(widget: Widget) -> int:
    named = widget.state.get("children" if widget.model in PAGES else "_options_labels")
    return len(named) if isinstance(named, list) else 0


def _step_of(widget: Widget) -> float:
    step: Any = widget.state.get("step")
    whole = widget.model in INTEGERS or widget.model == "IntRangeSliderModel"
    return step if type(step) in (int, float) and step > 0 else 1 if whole else 0.1


def _log_step(widget: Widget, value: float, by: int, key: str) -> float:
    import math

    base: Any = widget.state.get("base")
    base = base if type(base) in (int, float) and base > 1 else 10
    low, high = ends_of(widget)
    at = math.log(value, base) if value > 0 else low
    goal = low if key == "home" else high if key == "end" else max(low, min(high, at + by * _step_of(widget)))
    return float(f"{base**goal:.12g}")


def _read(widget: Widget, typed: str) -> Any:
    """The value that a text is for a field. Raises ValueError if it is none."""
    if widget.model in TEXTS:
        return typed
    if widget.model in DATES:
        if not typed.strip():
            return None
        found = _DATE.fullmatch(typed.strip())
        if found is None:
            raise ValueError(typed)
        year, month, day = map(int, found.groups())
        return {"year": year, "month": month - 1, "date": day}
    value = int(typed) if widget.model in INTEGERS else float(typed)
    low, high = ends_of(widget)
    if "min" in widget.state and "max" in widget.state and widget.model != "FloatLogSliderModel":
        return max(low, min(high, value)) if widget.model not in INTEGERS else int(max(low, min(high, value)))
    return value
