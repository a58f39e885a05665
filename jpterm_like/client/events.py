"""Events of a session, for editors and scripts that show it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Literal, NamedTuple

from crdt import Patch
from jpterm_like.errors import JptermError


class Status(NamedTuple):
    """State of the connection to the server, for a status bar."""

    state: Literal["opening", "connected", "offline"]
    """`opening`: during the first attempt, before anything came from the server."""
    retry_at: float | None = None
    """When the next attempt begins, in seconds of the event loop's clock (`loop.time()`, which is `time.monotonic()`); None during an attempt,
    infinity when only the user can start one."""
    reason: str = ""
    """Why there is no connection, in one plain sentence, or empty."""
    share: float | None = None
    """While a large text is being received: how much of it has arrived, from 0 to 1."""
    is_paused: bool = False
    """Offline because the user paused the connection: nothing is sent or received until they resume it."""

    @property
    def is_over(self) -> bool:
        """Whether no further attempt is made until the user asks to connect."""
        return self.retry_at == inf

    def __str__(self) -> str:
        """The state in one word, for scripts that print it."""
        return self.state


class Changed(NamedTuple):
    """The text changed. `patch` is in offsets of the text before."""

    patch: Patch
    mine: bool
    """True for this session's own replace, undo and redo."""


class Reset(NamedTuple):
    """`client.session.buffer` was replaced: make new anchors; `patch` maps old offsets to new ones."""

    patch: Patch


class ApartChanged:
    """`client.session.apart` has changed."""


class Decided:
    """Something was decided about what others and I did apart: see `client.session.steps`."""


class OutputsChanged(NamedTuple):
    """What cells of a notebook gave may have changed, or the state of its kernel: see `client.session.outputs_of`."""

    cells: frozenset[str]
    """Their ids. Empty: all, or the kernel alone."""


class PeopleChanged:
    """Someone joined, left, or moved a caret: see `client.session.people`."""


class StatusChanged:
    """`client.session.status`, `unsent`, `saved`, `role` or `ready` may have changed."""


Topic = Literal["", "line", "discards", "saving", "file", "storing", "contest", "journal", "role", "apart"]
"""A condition that lasts: no connection; discarded work that can be restored; the plain file is not saved, is gone or cannot be read;
the server's disk fails; another program keeps changing the file; this machine's disk fails; I may not write any more; what others and I did
apart is to be reviewed."""


class Notice(NamedTuple):
    """A message for the user, in one plain sentence."""

    sentence: str
    serious: bool = False
    topic: Topic = ""
    """The condition it reports, if it should be dismissed when that ends: see `Settled`."""


class Settled(NamedTuple):
    """A condition has ended, so a notice about it is no longer true."""

    topic: Topic


class Said(NamedTuple):
    """Somebody said a line to the others. Both are as sent by the other side; clean them before they reach a terminal."""

    name: str
    line: str


Event = (
    Changed
    | Reset
    | ApartChanged
    | Decided
    | OutputsChanged
    | PeopleChanged
    | StatusChanged
    | Notice
    | Settled
    | Said
)


class Whereabout(NamedTuple):
    """One opening of a file at the server, of anybody; the first fields are those of `sync.wire.Place`."""

    site: int
    person: int
    name: str
    path: str
    line: int
    is_active: bool
    role: Literal["view", "edit", "own"]
    since_s: int
    idle_s: int
    may_kick: bool
    may_change_role: bool
    colour: int | None
    address: str
    is_me: bool


class Guest(NamedTuple):
    """An opening of the pad, of anybody; the fields are those of `sync.wire.Guest`."""

    site: int
    name: str
    missing: int
    kept_bytes: int


class LineMessage(NamedTuple):
    """A message that was sent to the server, or received from it."""

    is_sent: bool
    kind: str
    """The name of its class in `sync.wire`."""
    size_bytes: int
    changes: bytes
    """The operations in it, in crdt's encoding; empty if there are none."""


class SearchPlace(NamedTuple):
    """Where all files are searched: a folder, or a server."""

    title: str
    folder: str = ""
    """"": the texts are on a server, and `pad_texts` of the file catalog reads them."""
    own_rules: str = ""
    """The user's own .gitignore, which applies in every repository."""
    pads: Sequence[tuple[str, str]] = ()
    """Names and addresses on a server."""


class NotReady(JptermError):
    """The text is not known yet: the pad is joined for the first time, and the server has not answered."""


class RequestFailed(JptermError):
    """The server cannot be reached, refused what was asked, or is too old for it. The text is kept on this machine."""


class KernelWanted(RequestFailed):
    """Nothing was run: a person must choose a kernel for the notebook first."""
