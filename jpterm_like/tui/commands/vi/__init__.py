"""The keys of vi: modes over the editor's own text, caret, undo and clipboard.

`grammar` reads keys; `normal` and `visual` are the commands of two modes; `motions`, `text_objects`, `operators`, `numbers` say what
they do to a text; `ex` runs the lines after a colon; `registers` and `marks` remember. `key_presets.VI` lists what is supported, and F1 shows it.
"""

from __future__ import annotations

from jpterm_like.tui.commands.vi.grammar import Vi

__all__ = ["Vi"]
