"""Whether a text counts as saved, as the status bar and the tabs show it.

A server on the network saves its files itself, within a second. There a text is unsaved all the time while somebody types, and that
is no reason for alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from crdt import Version

if TYPE_CHECKING:
    from jpterm_like.tui.ports import EditorSession

SAVING_S_MAX: Final = 15.0
"""How long a connected server that saves by itself may save nothing before the text is called unsaved."""


def saves_itself(session: EditorSession) -> bool:
    """Whether the file is on a server that saves it without being asked."""
    return session.address.startswith(("ws://", "wss://", "ws+unix://"))


class Saving:
    """How long nothing was saved of one text. Times are in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._since: float | None = None
        """When the text became unsaved, or a part of it was saved last; None: all of it is saved."""
        self._saved_version: Version | None = None
        self._is_saving = False

    def state(self, session: EditorSession, clock: float) -> Literal["saved", "saving", "unsaved"]:
        if session.saved:
            self._since = None
            return "saved"
        if self._since is None or session.saved_version != self._saved_version:
            self._since, self._saved_version = clock, session.saved_version
        can_save = saves_itself(session) and session.status.state == "connected" and session.role != "view"
        self._is_saving = can_save and clock < self._since + SAVING_S_MAX
        return "saving" if self._is_saving else "unsaved"

    def next_change(self, clock: float) -> float | None:
        """Return the seconds until the state changes by time alone; None if it does not."""
        if self._since is None or not self._is_saving or clock >= self._since + SAVING_S_MAX:
            return None
        return self._since + SAVING_S_MAX - clock
