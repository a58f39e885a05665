"""The data of each connection and of each open document, on which all parts of the server work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jpterm_like.access.permissions import Rights, Role
from jpterm_like.conversation import Conversation
from jpterm_like.server.document import Document
from jpterm_like.server.merge_turn import Turn
from jpterm_like.server.mount import UNMOUNTED, Mount
from jpterm_like.sync.channel import Channel
from jpterm_like.sync.frame_cache import FrameCache
from jpterm_like.sync.link import Link

if TYPE_CHECKING:
    from jpterm_like.server.runner import Runner


class Connection:
    """One connection of a client; it may have several documents open, each on a channel."""

    def __init__(
        self, link: Link, rights: Rights, mount: Mount = UNMOUNTED, *, may_run: bool = False
    ) -> None:
        self.link = link
        self.rights = rights
        self.may_run = may_run
        """Whether it may run programs as the user of this server, in notebooks that it may write."""
        self.mount = mount
        """How the client's names of files differ from those here."""
        self.roles: dict[int, Role] = {}
        """The role on each channel. When it changes, the connection is ended, and the client connects again."""
        self.since: dict[int, float] = {}
        """When each channel was opened, monotonic."""
        self.conversation: Conversation | None = None
        self.documents: dict[int, OpenDocument] = {}
        """The document that is open on each channel."""
        self.records: dict[int, int] = {}
        """For each channel with records: that of the document beside which they are."""
        self.merge_turns: dict[int, Turn] = {}
        """The turn to merge of each channel that is bringing in a text of another history."""
        self.pings: dict[int, asyncio.Future[None]] = {}
        """Pings by their numbers; each future is done when its answer has come, or the connection has ended."""

    @property
    def is_line(self) -> bool:
        """Whether it is a connection of its own to this server, and no guest behind a relay."""
        return True

    def note_site(self, site: int) -> None:
        """Note that an opening with this site was admitted; before anything of it can arrive."""

    def forget_site(self, site: int) -> None:
        """Note that it has left."""

    def wake(self) -> None:
        """Have the writer send what there is to send, as soon as it has its turn."""
        if self.conversation is not None:
            self.conversation.wake()

    def flush(self) -> None:
        """Send what there is to send now."""
        if self.conversation is not None:
            self.conversation.flush()

    def text_channel(self, number: int) -> Channel | None:
        """The channel on which the text of a document goes to this connection; None before it is admitted."""
        return self.link.channels.get(number)


class OpenDocument:
    """One open document and the connections that have it open."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.frames = FrameCache()
        """Shared by the links of all connections that have it open."""
        self.record_frames = FrameCache()
        """The same of the records beside the text."""
        self.runner: Runner | None = None
        """Of a notebook in which somebody runs something."""
        self.is_open = True
        """False once it was closed: timers and sets may still hold it then."""
        self.merge_lock = asyncio.Lock()
        """Held while one connection brings in its text of another history."""
        self.merge_waiters = 0
        """Number of connections that wait for that lock."""
        self.members: dict[tuple[Connection, int], int] = {}
        """The site of each channel that has the document open."""
        self.unstored_since: float | None = None
        """Since when it has had something that is not stored, monotonic; None: all is."""
        self.changed_at: float | None = None
        """When the text changed last since it was saved, monotonic; None when the plain file has it."""
        self.unsaved_since = 0.0
        """When it changed first since then."""
        self.compaction: asyncio.Task[None] | None = None
        """The task that replaces the log by a snapshot; a failed one stays here, so that it is not tried again. Else None."""
        self.is_file_busy = False
        """Whether a task of the server reads, writes or moves the plain file; no other one begins to."""
