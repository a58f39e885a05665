"""Move our work into the server's history when it differs from ours.

The histories differ when the server's store was lost, or when the file was opened there with other content (F1). Then we
join its history empty-handed, merge our text into it, wait until the server has that on its disk, and only then leave our own: if we
left earlier and the connection broke or the power went, two copies of our text would be on their way.
"""

from __future__ import annotations

from collections.abc import Iterable

from crdt import Patch, Splice, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.sync.ancestry import Ancestor, ancestor_note, common_text, known_of_others
from jpterm_like.sync.last_common import last_common
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.rebase import Rebase
from jpterm_like.textdiff.diff import diff
from jpterm_like.textdiff.merge import merge


class HistoryMigration:
    """One migration in progress.

    Args:
        mine: the pad in our history.
        pad: the pad in the server's history, still empty.
        channel: the number of its channel.
        stored: the part of our history that the server had on its disk before this connection.
        sent: what was sent on earlier connections, in our history or merged into another.
        ours: when both have one history but a site was used twice, the version we had before this connection. Operations
            received since are the server's, and may produce another text here than there. None if the histories differ, in
            which case none were received.
        sets_aside: merge nothing; our work is kept for the server or document that it belongs to.
        former: the present name of that document at this server; empty if it belongs to another server.
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
        """Number of the request that says our text is merged; its answer completes the migration."""
        self.merged = False
        """Whether there was anything to merge."""
        self.sets_aside = sets_aside
        self.former = former
        self.is_apart = False
        """Whether one of the two texts is a notebook's cells and the other its JSON, so that nothing is merged."""
        self._mine = mine
        self._stored = stored
        self._shared = stored.merge(sent)
        self._ours = ours
        self._brought = Version()
        """Our version when it was brought in."""
        self._typed: Rebase | None = None
        """Follows what is typed in our history since `bring_in`."""
        self._place: Rebase | None = None
        """Follows where our text of then is in the server's history."""

    @property
    def is_new_history(self) -> bool:
        """Whether the server has another history, as opposed to ours with one of our sites used twice."""
        return self._ours is None and not self.sets_aside

    def is_cells_and_json(self) -> bool:
        """Whether one side edits a notebook by cell, and the other its JSON, as releases before that did."""
        from jpterm_like.files.notebook_file import are_cells

        return are_cells(self._mine.buffer.text) != are_cells(self.pad.buffer.text)

    @property
    def had_begun(self) -> bool:
        """Whether we wrote in our history, or a server had it. Otherwise it was only made from the file, while opening."""
        mine = self._mine.buffer
        return self._mine.identity is not None or any(mine.version.get(site) for site in mine.own_sites)

    @property
    def is_empty_handed(self) -> bool:
        """Whether we have no work that the server's text lacks."""
        mine = self._mine.buffer
        return not merge(self._common_text(), self._what_is_ours(mine), self.pad.buffer.text).splices

    def bring_in(self) -> Ancestor | None:
        """Merge our text into the server's history.

        Returns:
            a note about it, to be sent before the edits; None when both have one history.
        """
        mine = self._mine.buffer
        changes = merge(self._common_text(), self._what_is_ours(mine), self.pad.buffer.text)
        self.merged = bool(changes.splices)
        self._apply(changes.splices)
        self._brought = mine.version
        self._typed = Rebase(self._mine)
        self._place = Rebase(self.pad, Patch(tuple(diff(mine.text, self.pad.buffer.text))))
        if self._ours is not None:
            return None
        note = ancestor_note(mine, self._mine.ancestors, self.pad.buffer)
        self.pad.note_ancestor(note)
        return note

    def _common_text(self) -> str:
        """Return the last text that both sides had.

        Within one history it is searched for, starting at what was stored before this connection.
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
        """Make the edits since `bring_in` in the server's history, too.

        By their places: compared as texts, an edit of ours and one of others beside it would be one place that both changed.
        """
        if self.is_apart:
            return
        assert self._typed is not None and self._place is not None
        self.end()
        mine, theirs = self._mine.buffer, self.pad.buffer
        known = known_of_others(self.pad.ancestors, theirs.version).meet(mine.version)
        if self._ours is not None or known <= self._brought:
            self._apply(self._place.now(self._typed.made()))
        else:  # a copy of this replica brought some of it
            self._apply(merge(mine.at(self._brought.merge(known)), mine.text, theirs.text).splices)

    def end(self) -> None:
        """Follow the edits no more: the migration is completed, or the connection was lost."""
        for rebase in (self._typed, self._place):
            if rebase is not None:
                rebase.close()

    def leave(self) -> Patch:
        """Return the difference between our former text and the server's."""
        return Patch(tuple(diff(self._mine.buffer.text, self.pad.buffer.text)))

    def _what_is_ours(self, mine: TextBuffer) -> str:
        return mine.text if self._ours is None else mine.at(self._kept(mine, self._ours))

    @staticmethod
    def _kept(mine: TextBuffer, ours: Version) -> Version:
        return ours.merge(Version({site: mine.version.get(site) for site in mine.own_sites}))

    def _apply(self, splices: Iterable[Splice]) -> None:
        with self.pad.buffer.one_step():
            for start, end, text in splices:
                self.pad.replace(start, end, text, clock.wall())
