"""A line to type in, of dialogs and bars. Loaded when first needed."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.binding import Binding
from textual.widgets import Input

_ACTIONS: Final = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and "(" not in binding.action and binding.action.partition("_")[0] in ("delete", "cursor", "home", "end")
    for key in binding.key.split(",")
} | dict.fromkeys(("ctrl+backspace", "alt+backspace"), "delete_left_word")  # fmt: skip
"""What keys do that are no characters: "backspace" → "delete_left". Those that select are left to Textual; and these two,
which delete to the right there, do what they do in the text."""


class Line(Input):
    """Textual's, with the keys done in the order in which they are pressed.

    Its own does characters at once, and everything else after it has gone up to the app: of two keys that come together,
    as over a slow line, `x` and backspace, the backspace would take away what comes behind it.
    """

    async def on_key(self, event: events.Key) -> None:
        if (action := _ACTIONS.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            getattr(self, f"action_{action}")()
