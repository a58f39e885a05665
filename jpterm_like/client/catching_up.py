"""What is done when two sides meet that did not hear of each other: theirs is heard first, then mine is sent.

Nobody else has my work until then. So a change that both made is made once: my copy is taken out before it is sent, and the
text there reads as theirs did. All else is left as the rule of the text merged it, and can be reviewed: see
`history.apart`.

Two who come back at one moment may each send a copy before they hear of the other. Then both list it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crdt import Overlap, OverlapKind, Version
from jpterm_like import clock
from jpterm_like.client.discarding import Discarding
from jpterm_like.client.events import ApartChanged, Notice
from jpterm_like.client.last_visit import LastVisit
from jpterm_like.history.apart import Apart
from jpterm_like.history.same_changes import my_operations, same_changes
from jpterm_like.sync.unsaved_work import SOMEBODY, join_names

if TYPE_CHECKING:
    from jpterm_like.sync.channel import Channel

AWAY_S: Final = 60.0
"""After this long without a key here or a connection, what others did is offered for a review even where I did nothing."""
LINES_NAMED: Final = 3
"""Lines that a sentence names; it counts the others."""


class CatchingUp(Discarding):
    """How a session hears first, and what it keeps for a review."""

    def remember_visit(self, visit: LastVisit | None) -> None:
        """Continue where the user left the text. Call it before `start`."""
        self._visit = self._visit_before = visit
        if visit is not None:
            self.apart = visit.apart

    def review_done(self) -> None:
        """Note that the user has reviewed what happened while the sides were apart."""
        if self.apart is not None:
            self._set_apart(None)

    def _hear(self, channel: Channel) -> None:
        """Compare what the server had with what was written here meanwhile, which is not sent yet."""
        if not channel.hears_first:
            return
        now, had, own = self.version, self._had_before, self.buffer.site
        mine = had.merge(Version({own: now.get(own)}))
        came = Version({site: clock for site, clock in now.items() if site != own and clock > had.get(site)})
        theirs = channel.theirs.merge(came)
        common = mine.meet(theirs)
        overlaps: list[Overlap] = []
        if not mine <= common and not theirs <= common:
            overlaps = self.buffer.overlaps(common, mine, theirs)
        same = same_changes(self.buffer, common, overlaps) if channel.holds else []
        taken_out = self._take_out(same)
        left = [it for it in overlaps if it not in taken_out and it.now != it.theirs]
        self._offer_review(mine, theirs, len(taken_out), bool(left))
        self._tell_overlaps(taken_out, left)

    def _take_out(self, same: list[Overlap]) -> list[Overlap]:
        """Take my copies of changes out that both made; return those of which one copy is left."""
        if not same:
            return []
        site = self.buffer.site
        begin, is_keyed = self.version.get(site), self._is_keyed
        self.pad.revert(my_operations(same), clock.wall())
        self._is_keyed = is_keyed
        right = [it for it in same if self._text_at(it) == it.theirs]
        if len(right) == len(same):
            return same
        self.pad.revert({site: [(begin, self.version.get(site))]}, clock.wall())
        return self._take_out(right)

    def _text_at(self, overlap: Overlap) -> str:
        start, end = self.buffer.offset(overlap.first), self.buffer.offset(overlap.last)
        return "" if start is None or end is None else self.buffer.slice(start, max(start, end))

    def _offer_review(self, mine: Version, theirs: Version, taken_out: int, is_needed: bool) -> None:
        """Keep for a review what both did, if there is something that I should know."""
        until = clock.wall()
        visit, self._visit_before = self._visit_before, None
        since = self._parted_at if self._parted_at is not None else visit.at if visit is not None else until
        self._parted_at = None
        now = self.version
        my_work = Version({site: now.get(site) for site in self.buffer.own_sites})
        if visit is not None:  # what came after my last key is news, too
            mine = visit.seen.merge(my_work)
            theirs = theirs.merge(Version({site: now.get(site) for site in now if site not in my_work}))
        mine = mine.merge(Version({self.buffer.site: now.get(self.buffer.site)}))
        common = mine.meet(theirs)
        is_long = until - since >= AWAY_S and not theirs <= common
        if not (is_needed or taken_out or is_long):
            return
        before = self.apart
        if before is not None:
            mine = before.mine.merge(my_work)
            others = Version({site: theirs.get(site) for site in theirs if site not in my_work})
            theirs, common = before.theirs.merge(others), before.common
            since, taken_out = before.since, before.taken_out + taken_out
        self._set_apart(Apart(common, mine, theirs, since, until, taken_out))

    def _tell_overlaps(self, taken_out: list[Overlap], left: list[Overlap]) -> None:
        """Tell the user of what both did."""
        if taken_out:
            places = "one place" if len(taken_out) == 1 else f"{len(taken_out)} places"
            sentence = (
                f"You and {self._names_of(taken_out)} made the same change in {places}: it is there once."
            )
            self._notify(Notice(sentence))
        conflicts = [it for it in left if it.kind is not OverlapKind.BOTH_DELETED]
        if conflicts:
            lines = list(dict.fromkeys(self._line_of(it) for it in conflicts))
            named = ", ".join(map(str, lines[:LINES_NAMED]))
            more = f" and {len(lines) - LINES_NAMED} more" if len(lines) > LINES_NAMED else ""
            sentence = (
                f"You and {self._names_of(conflicts)} changed the same place without knowing of each other: "
                f"look at line{'s' * (len(lines) > 1)} {named}{more}."
            )
            self._notify(Notice(sentence, serious=True))

    def _names_of(self, overlaps: list[Overlap]) -> str:
        """The names of those who did the other side's part."""
        sites = dict.fromkeys(site for it in overlaps for site, _, _ in it.their_operations)
        return join_names(list(dict.fromkeys(self.buffer.author_of(site) or SOMEBODY for site in sites)))

    def _line_of(self, overlap: Overlap) -> int:
        start = self.buffer.offset(overlap.first) or 0
        return self.buffer.slice(0, start).count("\n") + 1

    # ------------------------------------------------------------------ the note of this visit

    async def _note_key(self) -> None:
        """Note what I have seen, if there was a key since the last note."""
        if self._is_keyed:
            self._is_keyed = False
            self._visit = LastVisit(self.version, clock.wall(), self.apart)
            if self._keeps and self._visible:
                await asyncio.to_thread(self._journal.note_visit, self._visit)

    def _set_apart(self, apart: Apart | None) -> None:
        """Change what is to be reviewed, and note it. Blocks."""
        self.apart = apart
        seen, at = (self.version, clock.wall()) if self._visit is None else self._visit[:2]
        self._visit = LastVisit(seen, at, apart)
        if self._keeps and self._visible:
            self._journal.note_visit(self._visit)
        self._notify(ApartChanged())

    def _forget_visit(self) -> None:
        """Forget what is about another history than the present one."""
        self._visit = self._visit_before = self._parted_at = None
        if self.apart is not None:
            self.apart = None
            self._notify(ApartChanged())
