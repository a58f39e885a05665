"""What cells gave, as text: for a shell, for scripts, and to be read in the editor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from jpterm_like.notebook.outputs import CellOutputs, Display, Error, Gap, Item, Stream
from jpterm_like.notebook.printed import Printed

StreamName = Literal["stdout", "stderr"]
_COLOURS: Final = re.compile("\x1b\\[[0-?]*[ -/]*m")
STREAMS: Final[tuple[StreamName, ...]] = ("stdout", "stderr")


class NewText:
    """What cells gave that was not told yet: whole lines, for the last one may still change."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], int] = {}
        """How many characters of what a run gave were told, for each of the two streams."""
        self._versions: dict[str, int] = {}
        """Which outputs of each run were looked at."""

    def of(self, run: str, outputs: CellOutputs, *, is_over: bool) -> Iterator[tuple[StreamName, str]]:
        """What a run gave since the last call, for each stream."""
        if self._versions.get(run) == outputs.version and not is_over:
            return
        self._versions[run] = outputs.version
        for stream in STREAMS:
            text = text_of(outputs, stream)
            end = len(text) if is_over else text.rfind("\n") + 1
            start = min(self._told.get((run, stream), 0), end)
            if end > start:
                self._told[run, stream] = end
                yield stream, text[start:end]


def text_of(outputs: CellOutputs, stream: StreamName) -> str:
    """What a cell gave for one of the two streams: values and what it printed, or errors and what it printed there."""
    return "".join([_text(item) for item in outputs.items if _stream_of(item) == stream])


def whole_text_of(outputs: CellOutputs) -> str:
    """All of it, in order, without what could control a terminal."""
    texts = []
    for item in outputs.items:
        text = _text(item)
        texts.append(text if not text or text.endswith("\n") else f"{text}\n")
    return clean("".join(texts))


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
