"""What cells gave, as plain text for a shell."""

from __future__ import annotations

from typing import Literal

from jpterm_like.notebook.outputs import CellOutputs, Display, Error, Gap, Item, Stream
from jpterm_like.notebook.printed import Printed


def text_of(outputs: CellOutputs, stream: Literal["stdout", "stderr"]) -> str:
    """What a cell gave for one of the two streams: values and what it printed, or errors and what it printed there."""
    return "".join([_text(item) for item in outputs.items if _stream_of(item) == stream])


def whole_text_of(outputs: CellOutputs) -> str:
    """All of it, in order, without what could control a terminal."""
    texts = []
    for item in outputs.items:
        text = _text(item)
        texts.append(text if not text or text.endswith("\n") else f"{text}\n")
    return clean("".join(texts))


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
