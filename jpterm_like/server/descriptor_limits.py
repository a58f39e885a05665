"""Divide the file descriptors of this process between connections, documents and saving.

The system always gives the lowest free number, so a new descriptor's number shows how many are in use. Connections may use
numbers below `for_connections`, documents those below `for_documents`. The rest is for files that are open for a moment, to
read and write plain files and stores, so a flood of connections never keeps a connected client from saving.
"""

from __future__ import annotations

import os
import resource
from typing import Final, NamedTuple

LIMIT_WANTED: Final = 1 << 16
"""Most descriptors that are asked for: some systems allow more than any process needs."""
KEPT_MIN: Final = 48
"""Fewest descriptors reserved for saving."""
KEPT_MAX: Final = 256
"""Most descriptors reserved for saving."""
DOCUMENT: Final = 4
"""About how many descriptors an open document takes: its store, the store's lock, the plain file, a watch."""
USER_CONNECTIONS_MAX: Final = 1000
"""Most connections of one token or local user."""
USER_DOCUMENTS_MAX: Final = 500
"""Most open documents of one token or local user."""


class Descriptors(NamedTuple):
    """The limits that follow from the number of descriptors."""

    limit: int
    """Most descriptors of this process."""

    @property
    def kept(self) -> int:
        """Number reserved for storing and saving; as many again are reserved for documents."""
        return max(KEPT_MIN, min(KEPT_MAX, self.limit // 8))

    @property
    def for_connections(self) -> int:
        """The lowest number that a connection may not use."""
        return max(KEPT_MIN, self.limit - 2 * self.kept)

    @property
    def for_documents(self) -> int:
        """The lowest number that an open document may not use."""
        return max(KEPT_MIN, self.limit - self.kept)

    @property
    def user_connections(self) -> int:
        """Most connections of one token or local user: a quarter of all."""
        return min(USER_CONNECTIONS_MAX, self.for_connections // 4)

    @property
    def user_documents(self) -> int:
        """Most open documents of one token or local user."""
        return min(USER_DOCUMENTS_MAX, self.for_documents // DOCUMENT // 4)

    def have_room_for_document(self) -> bool:
        """Return whether a document may be opened now."""
        try:
            number = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        os.close(number)
        return number < self.for_documents


ENOUGH: Final = Descriptors(LIMIT_WANTED)


def raise_limit() -> Descriptors:
    """Raise the soft limit of descriptors as far as the system allows, up to LIMIT_WANTED."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = LIMIT_WANTED if hard == resource.RLIM_INFINITY else min(hard, LIMIT_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS has a limit that it does not report
            wanted = soft
    else:
        wanted = LIMIT_WANTED if soft == resource.RLIM_INFINITY else soft
    return Descriptors(wanted)
