"""The process that renders Markdown for the preview: `python -P -m jpterm_like.tui.widgets.markdown_rows`.

Others may write the text, and even short texts can take any parser minutes. A process can be ended at any time, and
neither blocks the keyboard nor uses the editor's memory. It reads requests until its input ends: a line of JSON, and
the text. The answer is a length and that many bytes: the rows, with escape sequences for colours.
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
"""Most rows rendered: nobody reads more beside the text."""
BYTES_MAX: Final = 4_000_000
CPU_S: Final = 3.0
"""Processor time for one request, after which the process ends, even if the editor is gone."""
MEMORY_BYTES_MAX: Final = 1 << 30

LENGTH: Final = struct.Struct("!I")


def rows_of(text: str, width: int, accent: str, colourless: bool) -> str:
    """Render a text as rows, one a line, with no control sequences except colours."""
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
    # hyperlinks would be escape sequences with addresses written by others
    console.print(Markdown(shown, hyperlinks=False, code_theme="ansi_dark"))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(console.file.getvalue()[:BYTES_MAX].split("\n")[:ROWS_MAX])


def main() -> None:
    """Serve one editor."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    gc.disable()  # a text makes a hundred thousand objects that live until it is rendered
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
