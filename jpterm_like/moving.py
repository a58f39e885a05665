"""On the way from one history into another.

The server's document may have another history than ours: its store was lost, or the file was opened there when it read
differently (F1). Then we join its history with nothing, edit in what we have, wait until the server has that, and only
then leave ours: a line that goes in between would leave two copies of our text on their way.
"""

from __future__ import annotations

from crdt import Patch, TextBuffer, Version

from . import clock
from .sync.common import last_common
from .sync.diff import diff
from .sync.merge import merge
from .sync.pad import Pad


class Moving:
    """A way that has begun.

    Args:
        pad: in the server's history; nothing is in it yet.
        channel: the number of its channel.
        common: of our history: the last that both surely knew.
        ours: in one history with a site that was used twice, what we had before this line. What came on it is the
            server's, and may be woven into another text here than there. None: the histories are different, and
            nothing came.
    """

    def __init__(self, pad: Pad, channel: int, common: Version, ours: Version | None) -> None:
        self.pad = pad
        self.channel = channel
        self.request = -1
        """Of the word that it was brought in; its answer ends the way."""
        self.merged = False
        """Whether there was anything to bring in."""
        self._common = common
        self._ours = ours
        self._text = ""

    def is_empty_handed(self, mine: TextBuffer) -> bool:
        """Whether there is no work of mine to bring along."""
        return mine.at(self._common.meet(mine.version)) == mine.text

    def bring_in(self, mine: TextBuffer) -> None:
        """Edit into the server's history what it lacks of our text.

        The last text that both knew is what the plain file held, when the histories are different: one begins anew
        from the plain file only. In one history it is looked for, from what was stored before this line was made.
        """
        common = self._common.meet(mine.version)
        if self._ours is not None:
            theirs = self.pad.buffer.version
            common = last_common(mine, self.pad.buffer, common, self._kept(mine, self._ours).meet(theirs))
        self._text = self._what_is_ours(mine)
        self.merged = self._edit_in(mine.at(common), self._text)

    def catch_up(self, mine: TextBuffer) -> None:
        """Edit in what was typed since that."""
        self._edit_in(self._text, self._what_is_ours(mine))

    def leave(self, mine: TextBuffer) -> Patch:
        """What changes for who leaves the one text for the other."""
        return Patch(tuple(diff(mine.text, self.pad.buffer.text)))

    def _what_is_ours(self, mine: TextBuffer) -> str:
        return mine.text if self._ours is None else mine.at(self._kept(mine, self._ours))

    @staticmethod
    def _kept(mine: TextBuffer, ours: Version) -> Version:
        return ours.merge(Version({site: mine.version.get(site) for site in mine.own_sites}))

    def _edit_in(self, base: str, mine: str) -> bool:
        """Make the changes from `base` to `mine`; whether there were any left to make."""
        changes = merge(base, mine, self.pad.buffer.text)
        with self.pad.buffer.one_step():
            for start, end, text in changes.splices:
                self.pad.replace(start, end, text, clock.wall())
        return bool(changes.splices)
