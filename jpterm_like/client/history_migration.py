"""On the way from one history into another.

The server's document may have another history than ours: its store was lost, or the file was opened there when it read
differently (F1). Then we join its history with nothing, edit in what we have, wait until the server has that, and only
then leave ours: a line that goes in between would leave two copies of our text on their way.
"""

from __future__ import annotations

from crdt import Patch, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.sync.ancestry import Ancestor, common_text, note_on
from jpterm_like.sync.last_common import last_common
from jpterm_like.sync.pad import Pad
from jpterm_like.textdiff.diff import diff
from jpterm_like.textdiff.merge import merge


class HistoryMigration:
    """A way that has begun.

    Args:
        mine: the pad that is left.
        pad: in the server's history; nothing is in it yet.
        channel: the number of its channel.
        stored: of our history: what the server had on its disk, before this line was made.
        sent: what went out on earlier lines, in our history or brought into another.
        ours: in one history with a site that was used twice, what we had before this line. What came on it is the
            server's, and may be woven into another text here than there. None: the histories are different, and
            nothing came.
        sets_aside: nothing is brought in; what is here is kept for the server or document that it is of.
        former: what that document is called at this server; empty if it is another server's.
    """

    def __init__(
        self,
        mine: Pad,
        pad: Pad,
        channel: int,
        stored: Version,
        sent: Version,
        ours: Version | None = None,
        *,
        sets_aside: bool = False,
        former: str = "",
    ) -> None:
        self.pad = pad
        self.channel = channel
        self.request = -1
        """Of the word that it was brought in; its answer ends the way."""
        self.merged = False
        """Whether there was anything to bring in."""
        self.sets_aside = sets_aside
        self.former = former
        self._mine = mine
        self._stored = stored
        self._shared = stored.merge(sent)
        self._ours = ours
        self._text = ""

    @property
    def is_new_history(self) -> bool:
        """Whether it is another history that is gone over to, and not the same one without my former site."""
        return self._ours is None and not self.sets_aside

    @property
    def is_empty_handed(self) -> bool:
        """Whether there is no work of mine to bring along."""
        mine = self._mine.buffer
        return not merge(self._common_text(), self._what_is_ours(mine), self.pad.buffer.text).splices

    def bring_in(self) -> Ancestor | None:
        """Edit into the server's history what it lacks of our text.

        Returns:
            the note that says so, to be sent before it; None when the two histories are one.
        """
        mine = self._mine.buffer
        self._text = self._what_is_ours(mine)
        self.merged = self._edit_in(self._common_text(), self._text)
        if self._ours is not None:
            return None
        note = note_on(mine, self._mine.ancestors, self.pad.buffer)
        self.pad.note_ancestor(note)
        return note

    def _common_text(self) -> str:
        """The last text that both knew.

        In one history it is looked for, from what was stored before this line was made.
        """
        mine, theirs = self._mine.buffer, self.pad.buffer
        if self._ours is not None:
            known = self._stored.meet(mine.version)
            most = self._kept(mine, self._ours).meet(theirs.version)
            return mine.at(last_common(mine, theirs, known, most))
        pad = self._mine
        return common_text(
            mine, pad.ancestors, self._shared, pad.held, pad.earlier, theirs, self.pad.ancestors
        )

    def catch_up(self) -> None:
        """Edit in what was typed since that."""
        self._edit_in(self._text, self._what_is_ours(self._mine.buffer))

    def leave(self) -> Patch:
        """What changes for who leaves the one text for the other."""
        return Patch(tuple(diff(self._mine.buffer.text, self.pad.buffer.text)))

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
