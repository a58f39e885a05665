"""What cells gave, as text: for a shell, for scripts, and to be read in the editor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from jpterm_like.notebook.outputs import CellOutputs, Display, Error, Gap, Item, Stream, Widget
from jpterm_like.notebook.printed import Printed

StreamName = Literal["stdout", "stderr"]
_COLOURS: Final = re.compile("\x1b\\[[0-?]*[ -/]*m")
STREAMS: Final[tuple[StreamName, ...]] = ("stdout", "stderr")


class _Place(NamedTuple):
    """How far the outputs of a run were told, for one of the two streams."""

    item: int = 0
    line: int = 0
    """The line of that item, if it is a stream; any other item was told if this is not 0."""
    column: int = 0
    """Code points of that line that were told."""


class NewText:
    """What cells gave that was not told yet: whole lines, for the last one may still change."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Place] = {}
        """For each run and stream, how far it was told."""
        self._versions: dict[str, int] = {}
        """Which outputs of each run were looked at."""

    def of(self, run: str, outputs: CellOutputs, *, is_over: bool) -> Iterator[tuple[StreamName, str]]:
        """What a run gave since the last call, for each stream. O(what is new), not O(what there is)."""
        if self._versions.get(run) == outputs.version and not is_over:
            return
        self._versions[run] = outputs.version
        for stream in STREAMS:
            place = self._told.get((run, stream), _Place())
            text, self._told[run, stream] = _text_since(place, outputs.items, stream, is_over=is_over)
            if text:
                yield stream, text


def _text_since(
    place: _Place, items: Sequence[Item], stream: StreamName, *, is_over: bool
) -> tuple[str, _Place]:
    """What a stream has from a place on, up to its last line feed or with `is_over` to its end, and where that is."""
    texts: list[str] = []
    length = whole = 0
    last = end = place
    for index in range(place.item, len(items)):
        item = items[index]
        if _stream_of(item) != stream:
            continue
        line, column = place[1:] if index == place.item else (0, 0)
        if not isinstance(item, Stream):
            text = "" if line else _text(item)
            last = _Place(index, 1)
            if text:
                whole, end = length + len(text), last
        elif lines := item.lines[line:]:
            text = "\n".join(lines)[min(column, len(lines[0])) :]
            last = _Place(index, line + len(lines) - 1, len(lines[-1]))
            if len(lines) > 1:
                whole, end = length + len(text) - len(lines[-1]), last._replace(column=0)
        else:
            continue
        texts.append(text)
        length += len(text)
    return ("".join(texts), last) if is_over else ("".join(texts)[:whole], end)


def whole_text_of(outputs: CellOutputs) -> str:
    """All of it, in order, without what could control a terminal."""
    texts = []
    for item in _with_those_in_widgets(outputs.items):
        text = _text(item)
        texts.append(text if not text or text.endswith("\n") else f"{text}\n")
    return clean("".join(texts))


def _with_those_in_widgets(items: Iterable[Item]) -> Iterator[Item]:
    """Items, and behind each widget those that were printed into it or into one of its children."""
    for item in items:
        yield item
        if isinstance(item, Widget):
            yield from _with_those_in_widgets((*item.children, *item.items))


def plain_text_of(outputs: CellOutputs) -> str:
    """The same without colours."""
    return _COLOURS.sub("", whole_text_of(outputs))


def clean(text: str) -> str:
    """A text for a terminal: colours stay, nothing else that could control it."""
    printed = Printed()
    printed.feed(text)
    return printed.text


def _stream_of(item: Item) -> str:
    match item:
        case Stream(name):
            return name
        case Error() | Gap():
            return "stderr"
    return "stdout"


def _text(item: Item) -> str:
    match item:
        case Stream(_, lines):
            return "\n".join(lines)
        case Display(data):
            plain = data.get("text/plain")
            return f"{plain}\n" if isinstance(plain, str) else f"[{', '.join(data)}]\n"
        case Error():
            return "\n".join(item.traceback or (f"{item.ename}: {item.evalue}",)) + "\n"
        case Gap():
            return f"[{item.count:,} messages of the kernel were lost here]\n"
    return ""
