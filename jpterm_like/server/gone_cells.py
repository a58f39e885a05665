"""What a notebook file had of cells that were taken out of it, for the case that they come back.

The text has no outputs, attachments or metadata of a cell, so an undo, or the paste after a cut, would bring back its source alone if the file was
saved between the two.
"""

from __future__ import annotations

import json
from typing import Final

from jpterm_like.files.charsets import Known
from jpterm_like.files.notebook_file import cell_texts

LENGTH_MAX: Final = 8 << 20
"""Code points of all of them together; the oldest are dropped."""


class GoneCells:
    """The cells that a file has had, by their ids in the text; what each was there, in JSON.

    Args:
        note: the blob, if there is one.
    """

    def __init__(self, note: bytes | None) -> None:
        try:
            found = json.loads(note or b"{}")
        except ValueError:
            found = {}
        items = found.items() if isinstance(found, dict) else ()
        self.texts = {name: text for name, text in items if isinstance(text, str)}
        self.noted = note or b""
        """The note that the store has."""

    def follow(self, before: Known, now: Known) -> None:
        """Note which cells went from the file with a new state of it, and forget those that are in it."""
        gone = set(before.cells or ()) - set(now.cells or ())
        if gone:
            was = cell_texts(before)
            for name in sorted(gone & was.keys()):
                self.texts.pop(name, None)
                self.texts[name] = was[name]
        for name in (now.cells or ()) if self.texts else ():
            self.texts.pop(name, None)
        length = sum(map(len, self.texts.values()))
        while length > LENGTH_MAX:
            length -= len(self.texts.pop(next(iter(self.texts))))

    def encode(self) -> bytes:
        """The note; empty if there are none."""
        return json.dumps(self.texts).encode() if self.texts else b""
