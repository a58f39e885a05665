"""What a session tells those who show it."""

from __future__ import annotations

from math import inf
from typing import Literal, NamedTuple

from crdt import Patch
from jpterm_like.errors import JptermError


class Status(NamedTuple):
    """How the session stands with its server, for a status bar."""

    state: Literal["opening", "connected", "offline"]
    """`server.load_document`: first attempt; nothing of the server has been seen yet."""
    retry_at: float | None = None
    """When the next attempt begins, in seconds of the event loop's clock (`loop.time()`, which is `time.monotonic()`); None while one is going on,
    infinity when none is made by itself."""
    reason: str = ""
    """One plain sentence on why the line is down, or empty."""
    share: float | None = None
    """While the server's text comes in, which takes a while if it is large: how much of it is here, from 0 to 1."""

    @property
    def is_over(self) -> bool:
        """Whether it stays so until somebody asks to connect."""
        return self.retry_at == inf

    def __str__(self) -> str:
        """The state in one word, for scripts that print it."""
        return self.state


class Changed(NamedTuple):
    """The text changed. `patch` is in offsets of the text before."""

    patch: Patch
    mine: bool
    """True for my own replace, undo and redo."""


class Reset(NamedTuple):
    """`client.session.buffer` is another object now: anchors are to be made anew, `patch` says where offsets went."""

    patch: Patch


class PeopleChanged:
    """Someone came, went, or moved a caret: look at `client.session.people`."""


class StatusChanged:
    """`client.session.status`, `unsent`, `saved`, `role` or `ready` may have changed."""


class Notice(NamedTuple):
    """Something that the user must be told, in one plain sentence."""

    sentence: str
    serious: bool = False
    topic: Literal["", "line", "discards", "saving"] = ""
    """What it is about, if it ends with that: a line that is down, work that was discarded, a text that is not saved."""


Event = Changed | Reset | PeopleChanged | StatusChanged | Notice


class NotReady(JptermError):
    """The text is not known yet: this is the first join, and the server has not answered."""


class NotSaved(JptermError):
    """The plain file was not written. The text is kept all the same."""
