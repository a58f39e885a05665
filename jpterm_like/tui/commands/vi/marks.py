"""Marks and the jump list: places that follow the text while others edit."""

from __future__ import annotations

from typing import Final

from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.text.cursors import TrackedOffset

JUMPS_KEPT: Final = 100


class Marks:
    """The marks a to z (capitals too, in this text), ' < > [ ] ^ . and the jumps."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._marks: dict[str, TrackedOffset] = {}
        self._jumps: list[TrackedOffset] = []
        self._at = 0

    def forget(self) -> None:
        """Forget all places, since another text is shown."""
        self._marks.clear()
        self._jumps.clear()
        self._at = 0

    def set(self, name: str, place: Place) -> bool:
        """Set a mark, and return whether there is one of that name."""
        if len(name) != 1 or not ((name.isascii() and name.isalpha()) or name in "'`<>[]^."):
            return False
        key = "'" if name == "`" else name
        self._marks[key] = self._text.track(place)
        return True

    def get(self, name: str) -> Place | None:
        key = "'" if name == "`" else name
        found = self._text.last_change if key == "." else self._marks.get(key)
        if found is None:
            return Place(0, 0) if key in "'[]" else None
        return self._text.place_of(found)

    def jump(self) -> None:
        """Remember the caret, since a motion goes far away."""
        place = self._text.caret
        self.set("'", place)
        self._remember(place)
        self._at = len(self._jumps)

    def _remember(self, place: Place) -> None:
        self._jumps = [it for it in self._jumps if self._text.place_of(it).row != place.row]
        self._jumps.append(self._text.track(place))
        del self._jumps[:-JUMPS_KEPT]

    def walk(self, count: int) -> Place | None:
        """Go `count` jumps forward (negative: back); None at the end of the list."""
        there = self._at + count
        if self._at == len(self._jumps) and count < 0:
            here = self._text.caret
            self.set("'", here)
            self._remember(here)
            there = len(self._jumps) - 1 + count
        if not 0 <= there < len(self._jumps):
            return None
        self._at = there
        return self._text.place_of(self._jumps[there])
