"""The process that lays out a Markdown text for the preview: `python -P -m jpterm_like.tui.widgets.markdown_rows`.

Others may write the text, and there are short ones that any parser needs minutes for. A process has an end at any time, and
takes neither the keyboard's time nor the editor's memory. It reads requests until its input ends: a line of JSON, and the text.
It answers each with a length and that many bytes: the rows, with the escape sequences of their colours.
"""

from __future__ import annotations

import gc
import io
import json
import resource
import signal
import struct
import sys
from typing import Final

ROWS_MAX: Final = 20_000
"""More rows are not laid out: nobody reads them beside the text."""
BYTES_MAX: Final = 4_000_000
CPU_S: Final = 3.0
"""What a request may take of the processor's time; then the process ends, whether there is an editor still or not."""
MEMORY_BYTES_MAX: Final = 1 << 30

LENGTH: Final = struct.Struct("!I")


def rows_of(text: str, width: int, accent: str, colourless: bool) -> str:
    """The rows of a text, one a line, with nothing in them that would act in a terminal but colours."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    from jpterm_like.tui.text.cells import clean

    shown = "\n".join(clean(line, len(line) + 1) for line in text.split("\n"))
    styles = {
        "markdown.code": f"bold {accent}",
        "markdown.item.bullet": accent,
        "markdown.item.number": accent,
    }
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=colourless,
        width=width,
        legacy_windows=False,
        theme=Theme(styles),
    )
    # hyperlinks would be escape sequences with an address that somebody else wrote
    console.print(Markdown(shown, hyperlinks=False, code_theme="ansi_dark"))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(console.file.getvalue()[:BYTES_MAX].split("\n")[:ROWS_MAX])


def main() -> None:
    """Serve one editor."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    gc.disable()  # a text makes a hundred thousand objects that all stay until it is laid out
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        wanted = json.loads(line)
        text = source.read(wanted["size"]).decode("utf-8", "surrogatepass")
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S)  # ends the process
        rows = rows_of(text, wanted["width"], wanted["accent"], wanted["colourless"]).encode()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        target.write(LENGTH.pack(len(rows)) + rows)
        target.flush()
        gc.collect()


if __name__ == "__main__":
    main()
