"""Shorten paths in sentences, so that on a narrow screen the point of a sentence is not cut off behind them."""

from __future__ import annotations

import re

from jpterm_like.tui.text.cells import cut_start, lay_out

_PATH = re.compile(r"(?<![\w:/~.])(~?/|[^\s/:“”]+/)(?:[^\s/:“”]+/)+[^\s/:“”,;]*[^\s/:“”,;.]")
"""A path of two folders or more; no address, whose scheme and host say where it is."""


def shorten_paths(sentence: str, width: int) -> str:
    """Shorten the paths that are wider than `width` cells: "/home/ann/a/b/notes.md" becomes "/home/…/b/notes.md".

    Commands that people are to run are left alone.
    """
    if "/" not in sentence or "jpterm-like " in sentence:
        return sentence
    return _PATH.sub(lambda found: _shorten(found[0], width), sentence)


def _shorten(path: str, width: int) -> str:
    if lay_out(path).width <= width:
        return path
    parts = path.split("/")
    first = "/".join(parts[: 2 if not parts[0] or parts[0] == "~" else 1])
    for count in range(len(parts) - 2, 0, -1):
        for beginning in (f"{first}/…/", "…/"):
            shorter = beginning + "/".join(parts[-count:])
            if lay_out(shorter).width <= width and count < len(parts) - 2:
                return shorter
    return cut_start(parts[-1], width)
