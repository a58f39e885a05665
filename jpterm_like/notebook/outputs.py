"""What a cell printed and displayed, as items that a screen can draw; and those that a notebook file holds.

    >>> items_of([{"output_type": "stream", "name": "stdout", "text": ["one\\n", "two\\n"]}])
    (Stream(name='stdout', lines=('one', 'two', '')),)

Nothing here is safe to write to a terminal: texts are as the kernel sent them, escapes included. Whatever a file holds gives items;
an output that is no valid one is an `Unknown`. Not here: runs, who asked for them and when, and writing outputs into a file.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from jpterm_like.notebook.ipynb import NotebookFile

__all__ = [
    "Asks",
    "CellOutputs",
    "Cleared",
    "Display",
    "Error",
    "Gap",
    "Item",
    "Stream",
    "Unknown",
    "Widget",
    "items_of",
    "stored_outputs",
]

NUMBER_MAX: Final = 2**31
"""A number of a run that is not below it is not shown."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What was printed."""

    name: str
    """"stdout" or "stderr"."""
    lines: tuple[str, ...]
    """Joined by line feeds they are what was printed, so the last one is empty if that ended with one."""


@dataclass(frozen=True, slots=True)
class Display:
    """A value in one or several forms; the screen takes one that it can draw."""

    data: Mapping[str, bytes | str] = field(hash=False)
    """By MIME type. Images are bytes, empty if the file had no valid ones; JSON is its text."""


@dataclass(frozen=True, slots=True)
class Error:
    """An exception that ended the run."""

    ename: str
    evalue: str
    traceback: tuple[str, ...]
    """Its parts, which may be several lines each, coloured by escapes."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What came before is to be shown no longer."""


@dataclass(frozen=True, slots=True)
class Asks:
    """The cell waits for a line of input."""

    prompt: str
    secret: bool
    """Whether the line is not to be shown, as for a password."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of the kernel that were lost."""

    count: int
    start: float | None
    """When the last message before them came, in seconds since 1970; None if it is not known."""
    end: float | None
    """When the first one after them came."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An output of a kind that this release does not know."""

    kind: str


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget and those in it, as they are now."""

    id: str
    model: str
    """Its class in the front end, such as "IntSliderModel"."""
    state: Mapping[str, Any] = field(hash=False)
    """What JSON knows, and bytes; its names and sizes have been checked, its types have not."""
    children: tuple[Widget, ...] = ()
    items: tuple[Item, ...] = ()
    """What was printed into it, if it is one for outputs."""
    is_live: bool = False
    """Whether its kernel is there, so that it can be moved."""
    by: str = ""
    """Who moved it last."""
    is_hidden: bool = False


Item = Stream | Display | Error | Cleared | Asks | Gap | Unknown | Widget


@dataclass(frozen=True, slots=True)
class CellOutputs:
    """What is shown below a cell."""

    version: int
    """Other outputs of the same cell have another number."""
    badge: str
    """What the rule above the cell says of the run, such as "[3] ann 12:03 4.2 s"."""
    items: Sequence[Item] = field(hash=False)
    is_running: bool = False
    """Whether more is to come."""


NOTHING: Final = CellOutputs(0, "", ())
"""The outputs of a cell that has none."""


def stored_outputs(file: NotebookFile, at: int) -> tuple[int | None, tuple[Item, ...]]:
    """The number of the run that the file has for a cell, if any, and its outputs."""
    cell = file.cells[at]
    value = json.loads(file.text[cell.start : cell.end])
    number = value.get("execution_count")
    is_number = type(number) is int and 0 <= number < NUMBER_MAX
    return number if is_number else None, items_of(value.get("outputs")) if cell.kind == "code" else ()


def items_of(outputs: object) -> tuple[Item, ...]:
    """The items for the outputs of a cell as JSON has them in nbformat 4.

    What was printed without anything in between is one item, however often the kernel sent some of it.
    """
    if not isinstance(outputs, list):
        return ()
    items: list[Item] = []
    for name, group in groupby(map(_item_of, outputs), _stream_name):
        if name is None:
            items.extend(group)
        else:
            text = "".join("\n".join(item.lines) for item in group if isinstance(item, Stream))
            items.append(Stream(name, tuple(text.split("\n"))))
    return tuple(items)


def _stream_name(item: Item) -> str | None:
    return item.name if isinstance(item, Stream) else None


def _item_of(output: object) -> Item:
    if not isinstance(output, dict):
        return Unknown("")
    match output:
        case {"output_type": "stream", "text": text}:
            return Stream(
                "stderr" if output.get("name") == "stderr" else "stdout", tuple(_text(text).split("\n"))
            )
        case {"output_type": "display_data" | "execute_result", "data": dict(data)}:
            return Display({kind: _form(kind, value) for kind, value in data.items()})
        case {"output_type": "error"}:
            parts = output.get("traceback")
            return Error(
                _text(output.get("ename")),
                _text(output.get("evalue")),
                tuple(map(_text, parts)) if isinstance(parts, list) else (),
            )
        case {"output_type": str(kind)}:
            return Unknown(kind)
    return Unknown("")


def _form(kind: str, value: Any) -> bytes | str:
    """A value of one MIME type."""
    if kind == "application/json" or kind.endswith("+json"):
        return json.dumps(value, ensure_ascii=False)
    if is_binary(kind):
        try:
            return binascii.a2b_base64(_text(value))
        except ValueError:  # no base64, or not even ASCII
            return b""
    return _text(value)


def is_binary(kind: str) -> bool:
    """Whether a form of this MIME type is bytes, which JSON has as base64."""
    top, _, rest = kind.partition("/")
    return (top in ("image", "audio", "video") and not rest.endswith("+xml")) or kind == "application/pdf"


def _text(value: object) -> str:
    """A text, which nbformat may also have as a list of its lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
