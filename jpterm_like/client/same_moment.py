"""Tells people who are connected when they change one word at the same moment: before either had heard of the other.

A change that is not stored at the server yet has reached the others just now, if at all. So while a change of mine is that new, a
change by others in the same word was made without seeing mine. People are told only if that left a word that nobody typed, or text
in a deleted place; then both sides are told, and it is listed for a review. A key costs one comparison. A foreign change
costs the word around it. If I typed in that word, it also costs the length of the text, in a thread that has a copy: encoding it
takes only what has changed since the last time.

Two people who come back at one moment to a server without `wire.APART` are told of their overlaps in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from crdt import Patch, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.client.catching_up import CatchingUp, is_mixed
from jpterm_like.client.events import Notice

# Comparing is loaded when there is something to compare.
if TYPE_CHECKING:
    from crdt import Overlap
    from jpterm_like.history.apart import Apart, Work
    from jpterm_like.sync.channel import Channel

NEW_S: Final = 1.0
"""A change that has waited longer to be stored may have been seen by others: the server's disk is slow."""
PAUSE_S: Final = 0.2
"""Delay before two changes are compared: more of them may be arriving."""
STORED_S: Final = 10.0
"""After an absence, the longest wait for my work to be stored; others' work that comes meanwhile is compared with it."""
COMING_S: Final = 1.0
"""How long others' work of the same moment may still be on its way after that."""
WORD_MAX: Final = 64
"""Characters of a word that are looked at on each side of a change."""
SPLICES_MAX: Final = 8
"""Patches of more pieces come from programs, or from people who come back, whose own sessions tell of it."""


class SameMoment(CatchingUp):
    """How a session finds places that two people changed at one moment."""

    def _report_patch(self, patch: Patch, origin: object) -> None:
        super()._report_patch(patch, origin)
        if origin is None:
            if self._new_since is None:
                self._new_since = clock.wall()
            self._new_patches.append((patch, True))
            return
        if self._new_since is None:
            return
        self._new_patches.append((patch, False))
        if not self._is_comparing and self._is_in_my_word(patch):
            self._is_comparing = True
            now, common = self.version, self.pad.stored.meet(self.version)
            site = self.buffer.site
            mine = Version({site: now.get(site)})
            theirs = Version({other: end for other, end in now.items() if other != site})
            self._do_beside(self._compare_moment(common, mine, theirs))

    def _on_news(self) -> None:
        if self._new_since is not None and self.pad.stored is not self._seen_stored:
            site = self.buffer.site
            is_stored = self.pad.stored.get(site) >= self.version.get(site)
            self._new_since = None if is_stored else clock.wall()
            if is_stored:
                self._new_patches.clear()
        super()._on_news()

    def _hear(self, channel: Channel) -> None:
        super()._hear(channel)
        from jpterm_like.sync import wire

        if self._untold is not None and not self._connection.has(wire.APART):
            self._do_beside(self._compare_with_what_comes(self._untold))

    async def _compare_with_what_comes(self, work: Work) -> None:
        """Compare my work of an absence with what comes before it is stored: its authors had not heard of mine."""
        heard = self.version
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STORED_S):
                await self.stored()
        await asyncio.sleep(COMING_S)
        own, now = self.buffer.own_sites, self.version
        came = Version({it: end for it, end in now.items() if it not in own and end > heard.get(it)})
        mine, theirs = work.written, work.known.merge(came)
        left = [it for it in self._overlaps(work.known, mine, theirs) if is_mixed(it)]
        if left:
            from jpterm_like.history.apart import Apart

            self._offer_review(Apart(work.known, mine, theirs, work.since, work.until, 0))
            self._tell_overlaps([], left)

    def _is_in_my_word(self, patch: Patch) -> bool:
        """Return whether a patch changed a word in which there are characters of mine that are not stored yet; or deleted some in a word
        in which I did."""
        if not self._caught_up.is_set() or len(patch) > SPLICES_MAX:
            return False
        if not self._new_since or not 0 <= clock.wall() - self._new_since <= NEW_S:
            return False
        buffer, moved = self.buffer, 0
        # A side that wrote something sees that the other deleted beside it, and tells them.
        gaps = self._new_gaps() if all(not splice.text for splice in patch.splices) else []
        for splice in reversed(patch.splices):
            start, size = splice.start + moved, len(splice.text)
            moved += size - (splice.end - splice.start)
            before = buffer.slice(max(0, start - WORD_MAX), start)
            behind = buffer.slice(start + size, min(len(buffer), start + size + WORD_MAX))
            low = start - _letters(before[::-1])
            high = start + size + _letters(behind)
            if self._has_new_of_mine(low, start) or self._has_new_of_mine(start + size, high):
                return True
            if any(low <= gap <= high for gap in gaps):
                return True
        return False

    def _new_gaps(self) -> list[int]:
        """Return where I deleted something that is not stored yet."""
        gaps: list[int] = []
        for patch, is_mine in self._new_patches:
            if len(patch) > SPLICES_MAX:
                gaps = []
                continue
            gaps = [patch.map_offset(gap) for gap in gaps]
            if is_mine:
                gaps += [patch.map_offset(it.start) for it in patch.splices if it.start < it.end]
        return list(dict.fromkeys(gaps))

    def _has_new_of_mine(self, start: int, end: int) -> bool:
        site = self.buffer.site
        stored = self.pad.stored.get(site)
        rows = self.buffer.ids(start, end) if start < end else []
        return any(who == site and first + high - low > stored for low, high, who, first in rows)

    async def _compare_moment(self, common: Version, my_work: Version, their_work: Version) -> None:
        """Tell the user of the places that both sides changed since a version that both had."""
        try:
            await asyncio.sleep(PAUSE_S)
            buffer, mine, theirs = self.buffer, common.merge(my_work), common.merge(their_work)
            found = await asyncio.to_thread(_garbled_in_copy, buffer.encode(), common, mine, theirs)
        finally:
            self._is_comparing = False
        if found and buffer is self.buffer:
            from jpterm_like.history.apart import Apart, Work

            now = clock.wall()
            self._tell_moment(Apart(common, mine, theirs, now, now, 0), found)
            await self._tell_others(Work(common, my_work, now, now))

    def _compare(self, site: int, work: Work) -> None:
        if work.since < work.until:
            super()._compare(site, work)
            return
        from jpterm_like.history.apart import Apart

        mine = work.known.merge(self._my_work())
        common = mine.meet(work.written)
        found = _garbled(self._overlaps(common, mine, work.written))
        spans = [span for it in found for span in it.their_operations]
        if found and not (self._moment is not None and self._moment.has_all(spans)):
            self._tell_moment(Apart(common, mine, work.written, work.since, work.until, 0), found)

    def _tell_moment(self, apart: Apart, found: list[Overlap]) -> None:
        """Tell the user of places that both changed at one moment, and list them for a review."""
        from jpterm_like.history.apart import operations_in
        from jpterm_like.history.operations import OperationSet

        self._moment = OperationSet(operations_in(found))
        self._offer_review(apart)
        start = self.buffer.offset(found[0].first) or 0
        before = self.buffer.slice(0, start)
        line, column = before.count("\n") + 1, start - before.rfind("\n")
        what = "place" if any(map(str.isspace, found[0].now)) else "word"
        sentence = f"You and {self._names_of(found)} changed the same {what} at {line}:{column}."
        self._notify(Notice(sentence, serious=True, topic="apart"))


def _garbled_in_copy(data: bytes, common: Version, mine: Version, theirs: Version) -> list[Overlap]:
    return _garbled(TextBuffer.decode(data).overlaps(common, mine, theirs))


def _garbled(overlaps: list[Overlap]) -> list[Overlap]:
    """Return the places where there is a word that neither side wrote, or text in what the other side deleted."""
    from crdt.overlaps import OverlapKind, words_of

    return [
        it
        for it in overlaps
        if is_mixed(it)
        and (
            it.kind is OverlapKind.EDITED_IN_DELETED
            or not words_of(it.now) <= words_of(it.was) | words_of(it.mine) | words_of(it.theirs)
        )
    ]


def _letters(text: str) -> int:
    """Return the length of the word at the start of a text. The first character always counts: text of mine that is left of a deleted
    line may begin with a blank."""
    count = 1
    while count < len(text) and text[count - 1].isalnum() and text[count].isalnum():
        count += 1
    return min(count, len(text))
