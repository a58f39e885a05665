"""The pages of the manual, and how `jpterm-like manual` shows them.

The pages are the Markdown files in `manual/`. Their tables of commands, keys and settings are made from the program by
`tests/manual.py`. Nothing but the standard library is loaded before a page is shown.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "manual"
"""Folder of the pages."""

TOPICS: Final = (
    "editing",
    "keys",
    "together",
    "serve",
    "scripting",
    "commands",
    "settings",
    "trust",
    "kept",
    "troubleshooting",
)
"""One page each, in the order in which a newcomer would read them."""

COLUMNS_MAX: Final = 100
"""Widest layout of a page: longer lines of prose are tiring to read."""


def page(topic: str) -> str:
    """The Markdown of a page, without the comments that mark its generated parts."""
    return re.sub(r"<!--.*?-->\n\n?", "", (FOLDER / f"{topic}.md").read_text("utf-8"))


def contents() -> str:
    """The list of topics, each with the second half of its page's heading ("# Title: what it is about")."""
    width = max(map(len, TOPICS)) + 2
    rows = []
    for topic in TOPICS:
        heading = page(topic).partition("\n")[0]
        rows.append(f"  jpterm-like manual {topic:<{width}}{heading.partition(': ')[2]}\n")
    return "".join(rows)


def show(topic: str | None) -> None:
    """Print a page, or the list of topics: laid out, in a pager, if a person reads it; else as it is."""
    if topic is None:
        sys.stdout.write(contents())
    elif not sys.stdout.isatty():
        sys.stdout.write(page(topic))
    else:
        import pydoc

        from jpterm_like.tui.render import themes
        from jpterm_like.tui.widgets.markdown_rows import rows_of

        known, _ = themes.load(themes.folders(), {themes.TERMINAL})
        theme = known.get(themes.TERMINAL, known[themes.DEFAULT])
        colours = themes.markdown_colours(theme) if themes.colour_wanted() else None
        columns = min(shutil.get_terminal_size().columns, COLUMNS_MAX)
        # As git does: quit if it fits on the screen, pass colours on, leave the text there.
        os.environ.setdefault("LESS", "FRX")
        pydoc.pager(rows_of(page(topic), columns, colours))
