"""How many files and connections this process may have open at a time, and what they are kept for.

Each number that the system gives is the lowest that is free, so a number tells how many are in use. Connections may use those
below `for_connections`, documents those below `for_documents`; the rest is for what is open for a moment only: reading and
writing plain files and stores. So a crowd at the door never keeps anybody who is in from saving.
"""

from __future__ import annotations

import os
import resource
from typing import Final, NamedTuple

LIMIT_WANTED: Final = 1 << 16
"""More is not asked of the system: some give an end that no process reaches."""
KEPT_MIN: Final = 48
KEPT_MAX: Final = 256
DOCUMENT: Final = 4
"""So many an open document takes, about: its store, the lock on that, the plain file, a watch."""
USER_CONNECTIONS_MAX: Final = 1000
USER_DOCUMENTS_MAX: Final = 500


class Descriptors(NamedTuple):
    """What there is of them."""

    limit: int

    @property
    def kept(self) -> int:
        """How many are kept for storing and saving; and as many again for documents that those who are in open."""
        return max(KEPT_MIN, min(KEPT_MAX, self.limit // 8))

    @property
    def for_connections(self) -> int:
        """The first number that a connection may not have."""
        return max(KEPT_MIN, self.limit - 2 * self.kept)

    @property
    def for_documents(self) -> int:
        """The first number that an open document may not have."""
        return max(KEPT_MIN, self.limit - self.kept)

    @property
    def user_connections(self) -> int:
        """How many connections one token or one user of the machine may have: a quarter of all."""
        return min(USER_CONNECTIONS_MAX, self.for_connections // 4)

    @property
    def user_documents(self) -> int:
        """How many documents one of these may have open."""
        return min(USER_DOCUMENTS_MAX, self.for_documents // DOCUMENT // 4)

    def have_room_for_document(self) -> bool:
        """Whether another document may be opened just now."""
        try:
            number = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        os.close(number)
        return number < self.for_documents


ENOUGH: Final = Descriptors(LIMIT_WANTED)


def raise_limit() -> Descriptors:
    """Take as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = LIMIT_WANTED if hard == resource.RLIM_INFINITY else min(hard, LIMIT_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS has an end that it does not tell
            wanted = soft
    else:
        wanted = LIMIT_WANTED if soft == resource.RLIM_INFINITY else soft
    return Descriptors(wanted)
