"""A text field for dialogs and bars. Loaded when first needed."""

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
} | dict.fromkeys(("ctrl+backspace", "alt+backspace"), "delete_left_word") | {"ctrl+a": "select_all"}  # fmt: skip
"""Actions of editing keys: "backspace" → "delete_left". Other selecting keys are left to Textual. Three keys do the same
as in the text: Textual would delete to the right with two of them, and go to the start with ctrl+a."""


class Line(Input):
    """Textual's input field, handling keys in the order in which they were pressed.

    Textual's own handles characters at once, but other keys only after a detour through the app. If keys arrive
    together, as over a slow connection, a backspace would then delete characters typed after it.
    """

    async def on_key(self, event: events.Key) -> None:
        if (action := _ACTIONS.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            getattr(self, f"action_{action}")()
