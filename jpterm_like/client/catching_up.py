"""Catching up with the others after a time without a connection: their work is received first, then mine is sent.

Nobody else has my work until then. So a change that both made is made once: my copy is taken out before it is sent, and the
text there reads as theirs did. All else is left as the rule of the text merged it, and can be reviewed: see
`history.apart`.

Then the others are told who wrote what without hearing of them (`wire.TellApart`), and compare it with theirs. If two come back
at one moment, each may have sent a copy before it heard of the other: each knows of both then, and the one with the higher site
takes its copy out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from crdt import Patch, Version
from jpterm_like import clock
from jpterm_like.client.discarding import Discarding
from jpterm_like.client.events import ApartChanged, Decided, Notice, RequestFailed
from jpterm_like.client.last_visit import LastVisit, Parted
from jpterm_like.sync.unsaved_work import SOMEBODY, join_names

# Comparing is loaded when there is something to compare.
if TYPE_CHECKING:
    from crdt import Overlap
    from jpterm_like.history.apart import Apart, Work
    from jpterm_like.sync import wire
    from jpterm_like.sync.channel import Channel

AWAY_S: Final = 60.0
"""After this long without a key here or a connection, what others did is offered for a review even where I did nothing."""
VERSIONS_BYTES_MAX: Final = 64 * 1024
"""Longer versions, of texts that were opened thousands of times, are not sent to the others."""
TOLD_MAX: Final = 64
"""How many who came back are remembered: those whose work is not here yet, and those whose work was compared."""
ONE_COPY_S: Final = 5.0
"""How long the other person may take to take out a copy of a change that both made at one moment."""
LINES_NAMED: Final = 3
"""Lines that a sentence names; it counts the others."""


class CatchingUp(Discarding):
    """How a session catches up, and what it keeps for a review."""

    def remember_visit(self, visit: LastVisit | None) -> None:
        """Continue where the user left the text. Call it before `start`."""
        self._visit = self._visit_before = visit
        if visit is not None:
            self.apart, self._untold, self._parted = visit.apart, visit.untold, visit.parted
            self.steps[:] = visit.steps

    def note_decisions(self) -> None:
        """Keep what was decided in the review, and show it in all views."""
        self._is_keyed = True  # it is noted at the latest when this opening ends
        self._do_beside(self._keep_visit())
        self._notify(Decided())

    def review_done(self) -> None:
        """Note that the user has reviewed what happened while the sides were apart."""
        if self.apart is not None:
            self._set_apart(None)
            self._settle("apart")

    # ------------------------------------------------------------------ I come back

    def _hear(self, channel: Channel) -> None:
        """Compare what the server had with what was written here meanwhile, which is not sent yet."""
        if not channel.hears_first:
            return
        parted, self._parted = self._parted, None
        had = self._had_before if parted is None else parted.had
        now, my_work = self.version, self._my_work()  # without what is taken out of it: that needs no review
        mine = had.merge(my_work)
        came = {site: clock for site, clock in now.items() if site not in my_work and clock > had.get(site)}
        theirs = channel.theirs.merge(Version(came))
        common = mine.meet(theirs)
        overlaps = self._overlaps(common, mine, theirs)
        same = self._same_changes(common, overlaps) if channel.holds else []
        taken_out = self._take_out(same)
        left = [it for it in overlaps if it not in taken_out and is_mixed(it)]
        until = clock.wall()
        visit, self._visit_before = self._visit_before, None
        since = min(it.at for it in (parted, visit, Parted(had, until)) if it is not None)
        news = my_work.beyond(common.meet(my_work))
        if news:
            from jpterm_like.history.apart import Work

            work = Work(common, news, since, until)
            self._untold = work if self._untold is None else self._untold.with_later(work)
        if visit is not None:  # what came after my last key is news, too
            mine = visit.seen
            theirs = theirs.merge(Version({site: now.get(site) for site in now if site not in my_work}))
        mine = mine.merge(my_work)
        is_away = until - since >= AWAY_S and not theirs <= mine
        if left or taken_out or is_away:
            from jpterm_like.history.apart import Apart, operations_in

            settled = operations_in(taken_out)
            self._offer_review(Apart(mine.meet(theirs), mine, theirs, since, until, len(taken_out), settled))
        self._tell_overlaps(taken_out, left)
        if self._untold is not None:
            self._work = self._untold
            self._do_beside(self._tell_others(self._untold))
        elif parted is not None:
            self._do_beside(self._keep_visit())

    def _part(self) -> None:
        """Note what I had when the connection was lost. Blocks."""
        self._parted = Parted(self.version, clock.wall())
        if not self._closing:
            self._write_visit()

    async def _tell_others(self, work: Work) -> None:
        """Tell the others what I wrote without hearing of them, once they have it. A note comes first: the next opening tells them if
        this one dies before."""
        from jpterm_like.sync import wire

        await self._keep_visit()
        link, size = self._link, len(work.known.encode()) + len(work.work.encode())
        request = partial(
            wire.TellApart,
            known=work.known,
            work=work.work,
            since_ms=_milliseconds(work.since),
            until_ms=_milliseconds(work.until),
        )
        try:
            if self._connection.has(wire.APART) and size <= VERSIONS_BYTES_MAX and self.role == "edit":
                await self._ask(request, "The others cannot be told.")
        except RequestFailed:
            if self._link is not link:
                return  # they are told on the next connection
        if self._untold is work:
            self._untold = None
            await self._keep_visit()

    # ------------------------------------------------------------------ others come back

    def _note_told(self, told: wire.ToldApart) -> None:
        """Note that somebody wrote something without hearing of me."""
        if told.site in self.buffer.own_sites or told in self._told_before or len(self._told) >= TOLD_MAX:
            return
        self._told_before = [*self._told_before[-TOLD_MAX:], told]
        self._told.append(told)
        self._review_told()

    def _report_patch(self, patch: Patch, origin: object) -> None:
        super()._report_patch(patch, origin)
        if self._told and not self._closing:  # all listeners know this patch before another one is made
            asyncio.get_running_loop().call_soon(self._review_told)

    def _review_told(self) -> None:
        """Compare work that others did without hearing of me with mine, as far as it is here."""
        ready = [it for it in self._told if it.known.merge(it.work) <= self.version]
        self._told = [it for it in self._told if it not in ready]
        for told in ready:
            from jpterm_like.history.apart import Work

            self._compare(told.site, Work(told.known, told.work, told.since_ms / 1000, told.until_ms / 1000))

    def _compare(self, site: int, work: Work) -> None:
        """Compare the work of somebody who came back with mine."""
        from jpterm_like.history.apart import Apart, operations_in
        from jpterm_like.history.operations import OperationSet

        theirs = work.written
        mine = work.known.merge(self._my_work())
        common = mine.meet(theirs)
        overlaps = self._overlaps(common, mine, theirs)
        taken_out, awaited = self._give_way(site, work)
        same = [it for it in self._same_changes(common, overlaps) if self._text_at(it) == it.theirs]
        same += taken_out + awaited
        settled = operations_in(same)
        done = OperationSet(settled)
        left = [it for it in overlaps if is_mixed(it) and not done.has_all(it.their_operations)]
        if not left and not same and work.until - work.since < AWAY_S:
            return
        self._offer_review(Apart(common, mine, theirs, work.since, work.until, len(taken_out), settled))
        self._tell_overlaps(taken_out, [])
        count = len(self.buffer.changes(common, theirs))
        sentence = (
            f"{self._authors_of(work.work)} was offline from {clock.words(work.since)} to "
            f"{clock.words(work.until)}; {'one change' if count == 1 else f'{count} changes'}"
        )
        if left:
            sentence += f", {len(left)} where you wrote: look at {self._lines_of(left)}"
        self._notify(Notice(f"{sentence}.", serious=bool(left), topic="apart"))

    def _give_way(self, site: int, work: Work) -> tuple[list[Overlap], list[Overlap]]:
        """Take out my copies of changes by somebody who came back at the same moment: neither of us heard the other first.

        They do the same. The one whose site has the lower number keeps the copy. Return the changes of which mine was taken out,
        and those that they will take out.
        """
        mine = self._work
        if mine is None or work.work <= mine.known or mine.work <= work.known:
            return [], []
        common = mine.written.meet(work.written)
        same = self._same_changes(common, self._overlaps(common, mine.written, work.written))
        if not same:
            return [], []
        if self.buffer.site > site:
            return self._take_out(same), []
        if self._untold is None:  # they may not have been here when the others were told
            self._untold = mine
            self._do_beside(self._tell_others(mine))
        self._do_beside(self._await_one_copy(same))
        return [], same

    async def _await_one_copy(self, same: list[Overlap]) -> None:
        """Tell the user of changes that are there twice although the other person should have taken a copy out."""
        before = [self._text_at(it) for it in same]
        await asyncio.sleep(ONE_COPY_S)
        doubled = [it for it, text in zip(same, before, strict=True) if self._text_at(it) == text == it.now]
        self._tell_overlaps([], doubled)
        if self.apart is not None:
            self._notify(ApartChanged())  # what is settled is no more to be reviewed

    # ------------------------------------------------------------------ both

    def _my_work(self) -> Version:
        """How far I have written."""
        now = self.version
        return Version({site: now.get(site) for site in self.buffer.own_sites if now.get(site)})

    def _overlaps(self, common: Version, mine: Version, theirs: Version) -> list[Overlap]:
        """Return the places that both sides changed. Costs the length of the text, unless one side did nothing."""
        return [] if mine <= common or theirs <= common else self.buffer.overlaps(common, mine, theirs)

    def _same_changes(self, common: Version, overlaps: list[Overlap]) -> list[Overlap]:
        """Return those of these places in which both meant one change."""
        if not overlaps:
            return []
        from jpterm_like.history.same_changes import same_changes

        return same_changes(self.buffer, common, overlaps)

    def _take_out(self, same: list[Overlap]) -> list[Overlap]:
        """Take my copies of changes out that both made; return those of which one copy is left."""
        if not same:
            return []
        from jpterm_like.history.same_changes import my_operations

        site = self.buffer.site
        begin, is_keyed = self.version.get(site), self._is_keyed
        self.pad.revert(my_operations(same), clock.wall())
        self._is_keyed = is_keyed
        right = [
            it for it in same if it.theirs == (text := self._text_at(it)) or (it.theirs and it.theirs in text)
        ]
        if len(right) == len(same):
            return same
        self.pad.revert({site: [(begin, self.version.get(site))]}, clock.wall())
        return self._take_out(right)

    def _text_at(self, overlap: Overlap) -> str:
        start, end = self.buffer.offset(overlap.first), self.buffer.offset(overlap.last)
        return "" if start is None or end is None else self.buffer.slice(start, max(start, end))

    def _offer_review(self, apart: Apart) -> None:
        """Keep for a review what both did, with what is to be reviewed still."""
        if self.apart is not None:
            apart = self.apart.with_later(apart, self.buffer.own_sites)
        self._set_apart(apart)

    def _tell_overlaps(self, taken_out: list[Overlap], left: list[Overlap]) -> None:
        """Tell the user of what both did."""
        if not (taken_out or left):
            return
        from crdt import OverlapKind

        if taken_out:
            places = "one place" if len(taken_out) == 1 else f"{len(taken_out)} places"
            sentence = (
                f"You and {self._names_of(taken_out)} made the same change in {places}: it is there once."
            )
            self._notify(Notice(sentence))
        conflicts = [it for it in left if it.kind is not OverlapKind.BOTH_DELETED]
        if conflicts:
            sentence = (
                f"You and {self._names_of(conflicts)} changed the same place without knowing of each other: "
                f"look at {self._lines_of(conflicts)}."
            )
            self._notify(Notice(sentence, serious=True, topic="apart"))

    def _names_of(self, overlaps: list[Overlap]) -> str:
        """The names of those who did the other side's part."""
        return self._authors_of(site for it in overlaps for site, _, _ in it.their_operations)

    def _authors_of(self, sites: Iterable[int]) -> str:
        names = dict.fromkeys(self.buffer.author_of(site) for site in sites)
        return join_names([name for name in names if name] or [SOMEBODY])

    def _lines_of(self, overlaps: list[Overlap]) -> str:
        """The lines of these places, for a sentence."""
        starts = [self.buffer.offset(it.first) or 0 for it in overlaps]
        text = self.buffer.slice(0, max(starts))
        lines = list(dict.fromkeys(text.count("\n", 0, start) + 1 for start in starts))
        more = f" and {len(lines) - LINES_NAMED} more" if len(lines) > LINES_NAMED else ""
        return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:LINES_NAMED]))}{more}"

    def _do_beside(self, work: Coroutine[None, None, None]) -> None:
        """Run something once in the background; `close` cancels it."""
        if not self._closing:  # else `close` is going through the list
            self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(work))

    # ------------------------------------------------------------------ the note of this visit

    async def _note_key(self) -> None:
        """Note what I have seen, if there was a key since the last note."""
        if self._is_keyed:
            self._is_keyed = False
            self._visit = LastVisit(self.version, clock.wall())
            await self._keep_visit()

    async def _keep_visit(self) -> None:
        """Write the note in a thread."""
        async with self._note_lock:  # the latest note is the one that stays
            visit = self._present_visit()
            if self._keeps and self._visible:
                await asyncio.to_thread(self._journal.note_visit, visit)

    def _write_visit(self) -> None:
        """Write the note. Blocks."""
        visit = self._present_visit()
        if self._keeps and self._visible:
            self._journal.note_visit(visit)

    def _set_apart(self, apart: Apart | None) -> None:
        """Change what is to be reviewed, and note it. Blocks."""
        self.apart = apart
        if apart is None:
            self.steps.clear()
        self._write_visit()
        self._notify(ApartChanged())

    def _present_visit(self) -> LastVisit:
        before = self._visit or LastVisit(self.version, clock.wall())
        self._visit = before._replace(
            apart=self.apart, untold=self._untold, parted=self._parted, steps=tuple(self.steps)
        )
        return self._visit

    def _forget_visit(self) -> None:
        """Forget notes about another history than the present one."""
        self._visit = self._visit_before = self._parted = self._untold = self._work = None
        self._told.clear()
        if self.apart is not None:
            self.apart = None
            self.steps.clear()
            self._notify(ApartChanged())


def is_mixed(overlap: Overlap) -> bool:
    """Return whether the text there is neither as mine nor as theirs."""
    return overlap.now not in (overlap.mine, overlap.theirs)


def _milliseconds(seconds: float) -> int:
    return max(0, int(seconds * 1000))
