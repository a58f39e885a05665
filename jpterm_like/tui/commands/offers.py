"""The keys of the list of words, and when it comes by itself. The list is `completion`, loaded when the first word is long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from jpterm_like.tui.commands.editing import Editing

if TYPE_CHECKING:
    from jpterm_like.tui.commands.completion import Completion
    from jpterm_like.tui.render.popup import Popup
    from jpterm_like.tui.vocabulary import Vocabulary

OFFER_S: Final = 0.08
"""How long the keyboard rests after a letter before the list comes."""

KEEP_OPEN: Final = ("complete", "delete_left")
"""Commands that the list stays open for."""


class InsertMode(Protocol):
    """What vi has to do with the list; `commands.vi.Vi`."""

    @property
    def is_inserting(self) -> bool: ...

    def note_typed(self, away: int, text: str) -> None: ...


class Offers:
    """Opens and closes the list of an editor."""

    def __init__(
        self,
        editor: Editing,
        vocabulary: Callable[[], Vocabulary],
        vi: Callable[[], InsertMode | None],
        may_offer: Callable[[], bool],
    ) -> None:
        """`may_offer` tells whether letters go into the text now."""
        self._editor = editor
        self._vocabulary = vocabulary
        self._vi = vi
        self._may_offer = may_offer
        self._completion: Completion | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def popup(self) -> Popup | None:
        """The list, if it is open."""
        completion = self._completion
        if completion is None or not completion.words:
            return None
        from jpterm_like.tui.render.popup import Popup

        return Popup(completion.words, completion.chosen)

    @property
    def prefix(self) -> str:
        """The letters before the caret that the words of the list begin with."""
        return "" if self._completion is None else self._completion.prefix

    def restart(self) -> None:
        """Close the list, and begin anew with another text."""
        self.close()
        self._completion = None

    def _make(self) -> Completion:
        from jpterm_like.tui.commands.completion import Completion

        if self._completion is None:
            self._completion = Completion(self._editor, self._vocabulary())
        return self._completion

    def do_complete(self) -> None:
        """Offer words that begin like the one at the caret, or go to the next one of the list."""
        if self._may_offer():
            self._make().open_by_key()
        else:
            self._editor.say("Words are completed while you insert text.")

    def typed(self) -> None:
        """Letters were typed: let the list follow, or come when the keyboard rests."""
        self._stop()
        if self.popup is not None:
            self.follow()
        elif self._editor.settings.completion != "never":
            self._timer = asyncio.get_running_loop().call_later(OFFER_S, self._offer)

    def _offer(self) -> None:
        self._timer = None
        if self._may_offer():
            self._make().offer()

    def follow(self) -> None:
        """Update the list after a change of the text."""
        if self._completion is not None and self._completion.words:
            self._completion.follow()
            self._editor.update()

    def close(self) -> None:
        """Close the list, or let it not come."""
        self._stop()
        if self._completion is not None:
            self._completion.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def key(self, key: str, command: str | None, types: bool) -> bool:
        """Handle a key of the list; False if it is for the text. `types` tells that it is a letter."""
        self._stop()
        completion = self._completion
        if completion is None or not completion.words:
            return self._opens_in_vi(key)
        vi = self._vi()
        is_in = completion.chosen is not None
        if command == "down" or (vi is not None and key == "ctrl+n"):
            completion.move(1)
        elif (command == "up" and is_in) or (vi is not None and key == "ctrl+p"):
            completion.move(-1)
        elif command == "tab" or (command == "newline" and is_in):
            self._take()
        elif command == "deselect" and vi is None:
            completion.refuse()
            self._editor.update()
        elif vi is not None and is_in and (types or command not in KEEP_OPEN):
            self._take()  # Vim has put the word already, so a key behind it is for the text
            return False
        elif types or command in KEEP_OPEN:
            return False
        else:
            if key == "escape":
                completion.refuse()
            completion.close()
            self._editor.update()
            return False
        return True

    def _opens_in_vi(self, key: str) -> bool:
        vi = self._vi()
        if key != "ctrl+n" or vi is None or not vi.is_inserting or not self._may_offer():
            return False
        self.do_complete()
        return True

    def _take(self) -> None:
        assert self._completion is not None
        away, put = self._completion.take()
        for _ in range(away):
            self._editor.macro.note_command("delete_left")
        self._editor.macro.note_text(put)
        if (vi := self._vi()) is not None:
            vi.note_typed(away, put)
