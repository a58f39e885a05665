"""The list from which a person chooses the colour that they have on everybody's screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.content import Content

from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.widgets.dialogs import Choice, Picker


class ColourPicker(Picker):
    """Returns a value of the setting `colour`, or None when cancelled."""

    def __init__(self, palette: Palette, colours: Sequence[str], chosen: str) -> None:
        """`colours`: their names, in the order in which themes have them."""
        choices = [Choice("auto", "by my name"), *(Choice(colour, colour) for colour in colours)]
        super().__init__("My colour on everybody's screen", choices, search=False, chosen=chosen)
        self._people = palette.people
        self._colours = colours

    def _title_of(self, title: str) -> Content:
        """A name with a patch of its colour in front, as the theme has it."""
        if title not in self._colours:
            return Content(f"    {title}")
        patch = Text("  ", self._people[self._colours.index(title) % len(self._people)].tag)
        return Content.assemble(Content.from_rich_text(patch), f"  {title}")
