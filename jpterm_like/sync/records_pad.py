"""The records beside a text, as a pad: a log, cursors and links treat them as they treat a text.

They have no history that two sides could share from the beginning: the server that has the document open writes them alone, under a
lineage of that opening, and everybody else reads. Somebody who comes back to another opening of the document takes its records whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from crdt import Patch, TextBuffer, Version
from crdt.records import Records, RecordsPatch
from jpterm_like.sync.log import Cursor
from jpterm_like.sync.pad import Pad

LINEAGE_BYTES: Final = 16


def renewed(kept: Records) -> Records:
    """A replica with the same records, all written by one site, and without what was replaced: for another opening of a document."""
    fresh = Records()
    for key in kept.keys():  # noqa: SIM118 - it is no dictionary
        fresh.put(key, kept.get(key))
    for site, name in kept.lists():
        for item in kept.items(name, site):
            fresh.add(name, item)
    fresh.take_changes()
    return fresh


class RecordsPad(Pad):
    """See the module.

    Args:
        records: the replica.
        lineage: of the opening; empty at a client that has nothing yet.
    """

    def __init__(self, records: Records, lineage: bytes = b"") -> None:
        # The face of the two replicas is the same, as far as logs, cursors, channels and links use it.
        super().__init__(cast(TextBuffer, records))
        self.records = records
        self._lineage = lineage
        self._logged = records.version
        """What the log's end leads to. What was put since the last `publish` is not in the log, so a reader of the log lacks it."""

    @property
    def lineage(self) -> bytes:
        return self._lineage

    @lineage.setter
    def lineage(self, lineage: bytes) -> None:
        self._lineage = lineage

    @property
    def is_stored(self) -> bool:
        """Whether all of them are on the server's disk."""
        return self.records.version <= self.stored

    def cursor(self, version: Version, origin: object = None, *, shares: bool = False) -> Cursor:
        return Cursor(self.buffer, self.log, version, origin, shares=shares, logged=lambda: self._logged)

    def _arrived(self, data: bytes, known_to: object, patch: Patch, origin: object) -> None:
        self._logged = self.records.version
        super()._arrived(data, known_to, patch, origin)

    def publish(self) -> None:
        """Pass on what was put in the replica since the last call: as one message, so that nobody sees half of it."""
        if data := self.records.take_changes():
            self._arrived(data, None, cast(Patch, RecordsPatch((), ())), None)

    def listen(self, listener: Callable[[Sequence[str]], None]) -> None:
        """Call `listener` with the keys that others have changed."""

        def hear(patch: Patch, origin: object) -> None:
            keys = cast(RecordsPatch, patch).keys
            if keys:
                listener(keys)

        self.on_patch.append(hear)
