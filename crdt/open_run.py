"""The run being typed in: each key only moves an offset, and is counted in the structure when something else is
asked.

One run is open at a time, mine or another site's. Four kinds of keys can continue it:

    typing      the run ends with its site's newest character, which has no children; the next one goes into the site's tail
    backspaces  the run loses its last characters to the deleted run after it (`_erased_run`), down to `floor`
    deletes     the run loses its first characters to the deleted run before it (`_erased_run`), while there is `room`
    prepends    the run is my newest character, and the next one goes before it

Typing interrupted by another site's edit *rests*: its offset is kept and follows changes elsewhere in the text. The
next key there finds the site's newest character by its seq, and typing continues.
"""

from __future__ import annotations

from typing import Final

from crdt.messages import INSERTED, ONE_BACKSPACE, ONE_DELETE, NextKey
from crdt.order import Order
from crdt.patch import Patch, one_splice
from crdt.run import Run
from crdt.runs import RunList
from crdt.site import DIRECTION, TAIL_MAX, UP, Site
from crdt.undo import BACKSPACE, DELETE, TYPING, Undo

NO_PLACE: Final = -1

NEVER: Final = -9
"""Value of `sent_up_to` that no offset is next to."""


class OpenRun:
    """The offsets of the open and of the resting run. `TextBuffer.replace` moves my offsets itself: a call would add
    a tenth to each key."""

    __slots__ = (
        "_base",
        "_changed_sites",
        "_erased_run",
        "_front_tail",
        "_order",
        "_own",
        "_rest_site",
        "_runs",
        "_site",
        "_theirs",
        "_undo",
        "floor",
        "my_caret",
        "my_delete",
        "my_end",
        "my_front",
        "my_key",
        "rest",
        "room",
        "run",
        "sent_up_to",
        "their_key",
    )

    def __init__(self, own: Site, runs: RunList, order: Order, undo: Undo, changed_sites: set[int]) -> None:
        self._own: Final = own
        self._runs: Final = runs
        self._order: Final = order
        self._undo: Final = undo
        self._changed_sites: Final = changed_sites
        """Receives the ids of sites whose clocks moved."""
        self.run: Run | None = None
        self._site = own
        # Where the next key continues the run. At most one of these is set.
        self.my_end = NO_PLACE
        self.my_caret = NO_PLACE
        """After the character that my next backspace deletes."""
        self.my_delete = NO_PLACE
        """Before the character that my next delete deletes."""
        self.my_front = NO_PLACE
        """Before my newest character, while prepends are open."""
        self._theirs = NO_PLACE
        """One of the first three kinds, for another site."""
        self._base = 0
        """The end of the run, the caret of backspaces or the room of deletes, when it was last counted."""
        self._erased_run: Run | None = None
        self.floor = NO_PLACE
        """The start of the run, while backspaces are open."""
        self.room = 0
        """The characters left in the run, while deletes are open."""
        self._front_tail = 0
        """Length of the tail when prepends were last counted."""
        self.rest = NO_PLACE
        """After the newest character of the interrupted site; that character is visible and has no children."""
        self._rest_site = own
        self.my_key: Final = NextKey(own.id, 0)
        """The message of my next key that was not sent yet."""
        self.sent_up_to = NEVER
        """How much of my run was sent: a value of `my_end`, `my_caret` or `room`."""
        self.their_key = self.my_key
        """The next key expected of the other open or resting site, once there was one."""

    # Opening

    def open_typing(self, site: Site, run: Run, end: int) -> None:
        """Open a run that ends with `site`'s newest character, for more typing at its end."""
        self.run, self._site, self._base = run, site, end
        if site is self._own:
            self.my_end = end
        else:
            self._theirs = end
            self._expect(site)

    def open_prepends(self, run: Run, front: int) -> None:
        """Open `run`, my newest character, for more characters before it."""
        self.run, self._site, self.my_front = run, self._own, front
        self._front_tail = len(self._own.tail)

    def open_erasing(self, site: Site, erased: Run, seq: int, caret: int) -> None:
        """Open a run for more backspaces or deletes, after `site` deleted the character `seq` (now in `erased`) at
        `caret`."""
        direction = site.raise_level_direction[-1] & DIRECTION
        down = direction != UP
        if down:
            if seq != erased.seq or erased.head >= 0:
                return
            run = self._runs.preceding(erased)
            if run is None or run.seq + run.length != seq:
                return
        else:
            if seq != erased.seq + erased.length - 1:
                return
            run = self._runs.after(erased)
            if run is None or run.seq != seq + 1 or run.head >= 0:
                return
        if run.site is not erased.site or run.level != erased.level - 1:
            return
        self.run, self._erased_run, self._site = run, erased, site
        if down:
            self._base = caret
            self.floor = caret - run.length
            self._runs.remember(run, self.floor)
        else:
            self._base = self.room = run.length
            self._runs.remember(run, caret)
        if site is not self._own:
            self._theirs = caret
            self._expect(site)
        elif down:
            self.my_caret = caret
        else:
            self.my_delete = caret

    def _expect(self, site: Site) -> None:
        """Expect the next key of another site, continuing its last operation."""
        if self.their_key.site != site.id:
            self.their_key = NextKey(site.id, site.clock)
        elif self.their_key.clock != site.clock:
            self.their_key.move(site.clock)

    def resume_mine(self, start: int) -> bool:
        """Reopen my typing at this offset if it rests there or prepends ended there. The run must be settled."""
        if (self.rest < 0 and self.my_front < 0) or start != self._undo.caret:
            return False
        run: Run | None = None
        if start == self.rest and self._rest_site is self._own:
            run = self._runs.newest(self._own)
        elif 0 <= self.my_front == start - 1:
            run = self.run
        if run is None:
            return False
        self.rest_theirs()
        self.open_typing(self._own, run, start)
        if self.my_key.clock == self._own.clock:
            self.sent_up_to = start
        return True

    # Continuing

    def integrate_key(self, data: bytes) -> Patch | None:
        """Apply a key of another site that continues the open or resting run; None if the message is something else."""
        at = self._theirs
        key = self.their_key
        if at < 0:
            return self._resume_theirs(data) if self.rest >= 0 else None
        if self._erased_run is None:
            text = key.read_character(data)
            if not text:
                return None
            self._site.tail.append(text)
            self._theirs = at + 1
            return one_splice(at, at, text)
        if self.floor >= 0:
            if at == self.floor or not key.read_erasure(data, ONE_BACKSPACE):
                return None
            self._theirs = at - 1
            return one_splice(at - 1, at, "")
        if not self.room or not key.read_erasure(data, ONE_DELETE):
            return None
        self.room -= 1
        return one_splice(at, at + 1, "")

    def _resume_theirs(self, data: bytes) -> Patch | None:
        """Apply a key that continues another site's resting typing."""
        self.settle()
        at, site = self.rest, self._rest_site
        if at < 0 or site is self._own:
            return None
        if not self.their_key.is_character(data):
            return None
        self.rest_mine()
        self.open_typing(site, self._runs.newest(site), at)
        return self.integrate_key(data)

    def write_my_key(self) -> bytes:
        """Return the message of my one unsent key; b"" if there are more, or none."""
        sent = self.sent_up_to
        if self.my_end == sent + 1:
            self.sent_up_to = sent + 1
            return self.my_key.write_character(self._own.tail[-1])
        if self.my_caret >= 0 and self.my_caret == sent - 1:
            self.sent_up_to = sent - 1
            return self.my_key.write_erasure(ONE_BACKSPACE)
        if self.my_delete >= 0 and self.room == sent - 1:
            self.sent_up_to = sent - 1
            return self.my_key.write_erasure(ONE_DELETE)
        return b""

    def all_sent(self) -> None:
        """Note that all my operations were sent. The run must be settled."""
        self.my_key.move(self._own.clock)
        if self.my_end >= 0:
            self.sent_up_to = self.my_end
        elif self.my_caret >= 0:
            self.sent_up_to = self.my_caret
        elif self.my_delete >= 0:
            self.sent_up_to = self.room

    # Counting

    def settle(self) -> None:
        """Count the pending keys in the runs, in the site's clock and for undo."""
        run, erased = self.run, self._erased_run
        if run is None:
            return
        if self.my_front >= 0:
            self._settle_prepends(run)
        elif erased is None:
            self._settle_typing(run)
        elif self.floor >= 0:
            self._settle_backspaces(run, erased)
        else:
            self._settle_deletes(run, erased)

    def _settle_typing(self, run: Run) -> None:
        mine = self.my_end >= 0
        begin = self._base
        end = self.my_end if mine else self._theirs
        count = end - begin
        if not count:
            return
        site = self._site
        self._runs.lengthen(run, count)
        site.count += count
        site.clock += count
        if len(site.tail) >= TAIL_MAX:
            site.seal()
            self.sent_up_to = NEVER  # an unsent key is no longer the last one in the tail
        self._changed_sites.add(site.id)
        if mine:
            self._undo.caret = end
        else:
            self._undo.inserted(begin, count)
        if self.rest >= 0:
            self.shift_rest(begin, begin, count)
        self._base = end

    def _settle_backspaces(self, run: Run, erased: Run) -> None:
        mine = self.my_caret >= 0
        caret = self.my_caret if mine else self._theirs
        count = self._base - caret
        if not count:
            return
        all_gone = caret == self.floor
        shifted = count - 1 if all_gone else count
        if shifted:
            self._runs.shift(run, erased, shifted)
        self._base = caret
        self._count_erased(run, caret, count, all_gone, BACKSPACE, mine)

    def _settle_deletes(self, run: Run, erased: Run) -> None:
        mine = self.my_delete >= 0
        caret = self.my_delete if mine else self._theirs
        count = self._base - self.room
        if not count:
            return
        all_gone = not self.room
        shifted = count - 1 if all_gone else count
        if shifted:
            self._runs.shift_forward(erased, run, shifted)
        self._base = self.room
        self._count_erased(run, caret, count, all_gone, DELETE, mine)

    def _count_erased(self, run: Run, caret: int, count: int, all_gone: bool, kind: int, mine: bool) -> None:
        """Count characters that went at the caret into the site's log and into undo; `kind` is `BACKSPACE` or `DELETE`."""
        if all_gone:
            self._runs.erase_one(run, 0)
        site = self._site
        site.clock += count
        site.set_direction(kind == BACKSPACE)
        self._changed_sites.add(site.id)
        if mine:
            self._undo.erased(kind, caret)
        else:
            self._undo.removed(caret, count)
        if self.rest >= 0:
            self.shift_rest(caret, caret + count, 0)
        if all_gone:
            self.end()

    def _settle_prepends(self, run: Run) -> None:
        own = self._own
        count = len(own.tail) - self._front_tail
        if not count:
            return
        parent_site, parent, counter = run.origin()
        head = own.add_heads_like_last(count)
        self.run = self._runs.prepend(run, count, head)
        self._runs.remember(self.run, self.my_front)
        self._undo.prepended(own.clock, count)
        self._order.note(parent_site, parent, counter + 1, own, count)
        own.count += count
        own.clock += count
        if len(own.tail) >= TAIL_MAX:
            own.seal()
        self._front_tail = len(own.tail)
        self.shift_rest(self.my_front, self.my_front, count)
        self._changed_sites.add(own.id)

    # Ending

    def end(self) -> None:
        """End the open run, which must be settled."""
        self.run = self._erased_run = None
        self.sent_up_to = NEVER
        self.my_end = self.my_caret = self.my_delete = self.my_front = self._theirs = NO_PLACE
        self.room = 0
        self.floor = NO_PLACE

    def close(self) -> None:
        """End the open run, which must be settled, and the resting one."""
        self.end()
        self.rest = NO_PLACE

    def rest_theirs(self) -> None:
        """End the open run, which must be settled, because I edit elsewhere; another site's typing rests."""
        if self._theirs >= 0 and self._erased_run is None:
            self.rest, self._rest_site = self._theirs, self._site
        elif self._rest_site is self._own:
            self.rest = NO_PLACE
        self.end()

    def rest_mine(self) -> None:
        """End the open run, which must be settled, because another site edits; my typing rests."""
        if self.my_end >= 0:
            self.rest, self._rest_site = self.my_end, self._own
        elif self.my_front >= 0 and self._undo.caret == self.my_front + 1:
            self.rest, self._rest_site = self._undo.caret, self._own
        elif self._rest_site is not self._own:
            self.rest = NO_PLACE
        self.end()

    def shift_rest(self, start: int, end: int, count: int) -> None:
        """Move the resting offset for a change: the characters from `start` to `end` were replaced by `count` others."""
        if end < self.rest:
            self.rest += count - (end - start)
        elif start <= self.rest:
            self.rest = NO_PLACE

    # Validator

    def check(self) -> None:
        """Assert every invariant. The run must be settled."""
        places = [self.my_end, self.my_caret, self.my_delete, self.my_front, self._theirs]
        assert self.my_key.clock <= self._own.clock
        if self.run is None:
            assert places == [NO_PLACE] * 5
        else:
            self._check_run(self.run, places)

        # The resting offset is after its site's newest character, which has no children; my undo step continues
        # there.
        site = self._rest_site
        if self.rest >= 0:
            run = self._runs.newest(site)
            assert run.level == INSERTED
            assert run.seq + run.length == site.count
            assert self._runs.offset_of(run) + run.length == self.rest
            after = self._runs.after(run)
            assert after is None or after.origin()[:2] != (site.index, site.count - 1)
            assert site is not self._own or (self._undo.kind, self._undo.caret) == (TYPING, self.rest)

        # The expected key of another site has the next clock of that site.
        if self._theirs >= 0:
            site = self._site
        if self._theirs >= 0 or (self.rest >= 0 and site is not self._own):
            assert (self.their_key.site, self.their_key.clock) == (site.id, site.clock)

    def _check_run(self, run: Run, places: list[int]) -> None:
        assert run.level & 1
        assert sorted(places)[:4] == [NO_PLACE] * 4
        place = max(places)
        offset = self._runs.offset_of(run)
        assert (self._site is not self._own) == (self._theirs >= 0)
        if self.my_front >= 0:
            assert place == offset
            assert run.site is self._own
            assert run.level == run.length == INSERTED
            assert run.seq + 1 == run.site.count
            assert run.head == run.site.head_place[-1]
        elif self._erased_run is None:
            assert place == self._base == offset + run.length
            assert run.site is self._site
            assert run.seq + run.length == run.site.count
        elif self.floor < 0:
            assert place == offset
            assert self._base == self.room == run.length
            assert self._runs.preceding(run) is self._erased_run
            assert run.site is self._erased_run.site
            assert run.seq == self._erased_run.seq + self._erased_run.length
        else:
            assert place == self._base == offset + run.length
            assert self._runs.after(run) is self._erased_run
            assert run.site is self._erased_run.site
            assert run.seq + run.length == self._erased_run.seq
            assert self.floor == offset
