"""How much work something is, counted instead of timed: the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


def steps(function: Callable[..., Result], *arguments: Any) -> tuple[int, Result]:
    """Call it, and count the lines of Python that it runs. Compiled code has none."""
    count = 0

    def line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        result = function(*arguments)
    finally:
        sys.settrace(before)
    return count, result
