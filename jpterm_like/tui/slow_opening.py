"""Say what is waited for when the first attempt to connect takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jpterm_like.tui.text.cells import clean

if TYPE_CHECKING:
    from jpterm_like.tui.ports import EditorSession

OPENING_S_MAX: Final = 10.0
"""How long an attempt may take without a word: a server far away, or one that starts, needs some seconds."""

_HOST_LENGTH_MAX: Final = 40


class SlowOpening:
    """How long one text has been opened. Times are in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._is_told = False

    def due(self, session: EditorSession, clock: float) -> str:
        """Return the sentence to show now, once for each attempt that takes long; "" for none."""
        if session.status.state != "opening" or session.status.share is not None:
            self._since, self._is_told = None, False
            return ""
        if self._since is None:
            self._since = clock
        if self._is_told or clock < self._since + OPENING_S_MAX:
            return ""
        self._is_told = True
        return sentence(session)

    def next_change(self, clock: float) -> float | None:
        """Return the seconds until a sentence may be due; None if none will be."""
        if self._since is None or self._is_told:
            return None
        return max(0.0, self._since + OPENING_S_MAX - clock)


def sentence(session: EditorSession) -> str:
    """Say what is waited for, and what to do meanwhile."""
    seconds = f"{OPENING_S_MAX:.0f} seconds"
    parts = urlsplit(session.address) if "://" in session.address else None
    if parts is None:
        waits = f"The server of your files on this machine has not answered for {seconds}. jpterm-like doctor, in a shell, looks for the reason."
    else:
        host = clean(parts.netloc.rpartition("@")[2] or "this machine", _HOST_LENGTH_MAX)
        by = " over ssh" if parts.scheme == "ssh" else ""
        waits = f"{host} has not answered{by} for {seconds}."
    if not session.ready:
        return f"{waits} The text is shown when it answers."
    return f"{waits} You can go on writing: your text is kept on this machine, and sent when it answers."
