"""What a person may change of a widget, and what of it is a valid value. Pure.

A move is an attribute and its new value, or "click" for a button. What a kernel would refuse is refused here as well, so that
two people do not see a value that the kernel has not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

CLICK: Final = "click"
"""Instead of an attribute: a button is pressed."""
TEXT_LENGTH_MAX: Final = 64 * 1024

INTEGERS: Final = frozenset(("IntSliderModel", "BoundedIntTextModel", "IntTextModel", "PlayModel"))
NUMBERS: Final = frozenset(
    ("FloatSliderModel", "FloatLogSliderModel", "BoundedFloatTextModel", "FloatTextModel")
)
RANGES: Final = frozenset(("IntRangeSliderModel", "FloatRangeSliderModel"))
SWITCHES: Final = frozenset(("CheckboxModel", "ToggleButtonModel"))
TEXTS: Final = frozenset(("TextModel", "TextareaModel", "ComboboxModel", "ColorPickerModel"))
CHOICES: Final = frozenset(
    ("DropdownModel", "SelectModel", "RadioButtonsModel", "ToggleButtonsModel", "SelectionSliderModel")
)
SEVERAL: Final = frozenset(("SelectMultipleModel",))
SPANS: Final = frozenset(("SelectionRangeSliderModel",))
PAGES: Final = frozenset(("TabModel", "AccordionModel", "StackModel"))
BUTTONS: Final = frozenset(("ButtonModel",))
DATES: Final = frozenset(("DatePickerModel",))

MOVABLE: Final = (
    INTEGERS | NUMBERS | RANGES | SWITCHES | TEXTS | CHOICES | SEVERAL | SPANS | PAGES | BUTTONS | DATES
)


def attribute_of(model: str) -> str:
    """What a person changes of a widget of this class; "" if nothing."""
    if model in BUTTONS:
        return CLICK
    if model in PAGES:
        return "selected_index"
    if model in CHOICES or model in SEVERAL or model in SPANS:
        return "index"
    return "value" if model in MOVABLE else ""


def problem(model: str, state: Mapping[str, Any], name: str, value: Any) -> str:
    """Why a widget cannot be moved so; "" if it can."""
    if name != attribute_of(model) or not name:
        return "This widget cannot be moved."
    if state.get("disabled") is True:
        return "This widget is disabled."
    return "" if _is_valid(model, state, value) else "This widget takes no such value."


def _is_valid(model: str, state: Mapping[str, Any], value: Any) -> bool:
    if model in BUTTONS:
        return value is None
    if model in SWITCHES:
        return isinstance(value, bool)
    if model in TEXTS:
        return isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX
    if model in DATES:
        return value is None or _is_date(value)
    if model in INTEGERS:
        return type(value) is int and abs(value) < 2**53 and _is_within(model, state, value)
    if model in NUMBERS:
        return is_number(value) and _is_within(model, state, value)
    if model in RANGES:
        kind = int if model.startswith("Int") else (int, float)
        return (
            isinstance(value, list)
            and len(value) == 2
            and all(
                is_number(each) and isinstance(each, kind) and _is_within(model, state, each)
                for each in value
            )
            and value[0] <= value[1]
        )
    if model in PAGES:
        children = state.get("children")
        count = len(children) if isinstance(children, list) else 0
        return value is None or (type(value) is int and 0 <= value < count)
    labels = state.get("_options_labels")
    count = len(labels) if isinstance(labels, list) else 0
    if model in CHOICES:
        return type(value) is int and 0 <= value < count
    indices = isinstance(value, list) and all(type(each) is int and 0 <= each < count for each in value)
    if model in SPANS:
        return indices and len(value) == 2 and value[0] <= value[1]
    return indices and len(set(value)) == len(value)


def is_number(value: Any) -> bool:
    """Whether a value of a state is a number that can be drawn and compared: none that JSON does not have."""
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e300


def _is_within(model: str, state: Mapping[str, Any], value: float) -> bool:
    """Whether a number is between `min` and `max`, where the widget has these."""
    low: Any = state.get("min")
    high: Any = state.get("max")
    if model == "FloatLogSliderModel":
        return value > 0
    return not (is_number(low) and value < low) and not (is_number(high) and value > high)


def _is_date(value: Any) -> bool:
    """{year, month, date}, the month from 0 on."""
    if not isinstance(value, dict) or set(value) != {"year", "month", "date"}:
        return False
    year, month, day = value["year"], value["month"], value["date"]
    return (
        all(type(each) is int for each in (year, month, day))
        and 1 <= year <= 9999
        and 0 <= month < 12
        and 1 <= day < 32
    )
