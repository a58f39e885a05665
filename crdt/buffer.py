"""`TextBuffer`, the public class: a replica of a text that several people edit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from crdt import snapshot
from crdt.anchor import DOCUMENT_END, DOCUMENT_START, Anchor
from crdt.binary import AUTHOR_BYTES_MAX, NUMBER_MAX, encode_text
from crdt.change_tracker import ChangeTracker
from crdt.ids import checked_site, fresh_site, genesis_site, stride, text_digest
from crdt.local import BACKWARDS, FORWARDS, LocalEdits
from crdt.messages import AGAIN, ANNOUNCE, GO_ON, INSERT, INSERTED, MARK, Op, read_message
from crdt.missing import MissingParts
from crdt.moves import HOPS_MAX, Moves, Span
from crdt.open_run import NEVER, NO_PLACE, OpenRun
from crdt.order import Order
from crdt.patch import NOTHING, OneSplice, Patch, Splice, one_splice
from crdt.pending import PendingState
from crdt.remote import RemoteChanges
from crdt.run import Run
from crdt.runs import DEFAULT_LAYOUT, Layout, RunList
from crdt.site import MARK_EVERY_S, NO_NUMBERS, NO_SITE, Site
from crdt.sites import Sites
from crdt.undo import Undo
from crdt.validate import Validator
from crdt.version import Version

# The modules for looking back and reviewing are loaded by the methods that need them: an editor starts without them.
if TYPE_CHECKING:
    from crdt.deleted import Deletion
    from crdt.history import Moment
    from crdt.hunks import Hunk
    from crdt.outcomes import Case, Outcome
    from crdt.overlaps import Overlap
    from crdt.passage import RunRange
    from crdt.revert import Difference, Operations
    from crdt.run_view import RunView
    from crdt.visibility import Visibilities, Visible
    from crdt.written import Writing

PART_BYTES: Final = 2**20
"""Size of the pieces in which a long message is written. Between pieces, the writer checks whether operations of
another site must come first."""

READERS_MAX: Final = 4
"""Number of readers remembered between calls of `changes_up_to`. Any other reader costs O(sites) again with each
part."""

NEVER_NOW: Final = -1.0
"""Initial value of the last edit's wall-clock time; no real edit has it."""

Element = tuple[int, int, tuple[int, int] | None, int, str, int]
"""One row of `elements`: site, clock, parent (site and clock, or None for the start of the document), counter,
character, level."""


class StepPart(NamedTuple):
    """The result of undoing, or redoing, a part of a step."""

    patch: Patch
    """Empty if others have made that part ineffective."""
    has_more: bool
    """True if a part of the step is left."""


class TextBuffer:
    """One replica of a text. Offsets count code points; ends are not included.

    `replace` is what I did, `integrate` is what others did; both return what changed.
    """

    def __init__(
        self,
        *,
        site: int | None = None,
        author: str = "",
        own_sites: Iterable[int] = (),
        lineage: bytes | None = None,
        layout: Layout = DEFAULT_LAYOUT,
    ) -> None:
        """Create an empty text, to write in or to fill with `integrate`.

        `site` is only for tests and simulations; by default this opening gets 64 random bits. `own_sites` are the
        sites of earlier openings by the same replica. Pass `lineage` when the buffer will be filled with a document
        that did not start empty. `layout` is for tests.
        """
        if len(encode_text(author)) > AUTHOR_BYTES_MAX:
            raise ValueError(f"a name of more than {AUTHOR_BYTES_MAX} bytes")
        self.site: Final = fresh_site() if site is None else checked_site(site)
        self.author: Final = author
        self.own_sites: Final = frozenset(own_sites) | {self.site}
        self.lineage: bytes = text_digest("") if lineage is None else lineage
        """BLAKE2b (16 bytes) of the text the document started with."""
        self._runs: Final = RunList(layout)
        self._known: Final = Sites(self.site, self.own_sites, self._runs.heads)
        self._own: Final = self._known.own
        self._own.author = author
        self._tail: Final = self._own.tail
        self._sites: Final = self._known.all
        self._by_id: Final = self._known.by_id
        self._order: Final = Order(self._runs, self._sites, layout.walk_max)
        self._undo: Final = Undo(self._own)
        self._local: Final = LocalEdits(self._known, self._runs, self._order)
        self._validator: Final = Validator(self._known, self._runs)
        self._remote: Final = RemoteChanges(
            self._known, self._runs, self._order, self._validator, layout.early_bytes_max
        )
        self._changed_sites: Final[set[int]] = set()
        """The sites that have new operations since `_version` was computed."""
        self._open_run: Final = OpenRun(self._own, self._runs, self._order, self._undo, self._changed_sites)
        self._version: Version | None = None
        self._genesis: Version | None = None
        """The version whose text has the lineage as its digest; None if the document was not created here."""
        self._readers: Final[list[tuple[Version, MissingParts]]] = []
        """Readers that received a part of their missing operations, keyed by the version object they come back with."""
        self._repeated: Version | None = None
        """See `take_repeated`."""
        self._moves: Moves | None = None
        self._visibilities: Visibilities | None = None
        """See `comparing`."""
        self._now = 0.0
        # My clock before the first part of a step was undone, and after the last one; see `undo_part`.
        self._parts_begin = self._parts_end = 0
        self._mark_due = False
        """True if the next edit must note its time, even if the last note is recent."""
        self._file: bytes | None = None
        """The bytes passed to `decode`, until more than the text is needed."""
        self._file_text = ""

    # Creating

    @classmethod
    def genesis(
        cls,
        text: str,
        *,
        site: int | None = None,
        author: str = "",
        own_sites: Iterable[int] = (),
        layout: Layout = DEFAULT_LAYOUT,
    ) -> TextBuffer:
        """Return the same document on every machine for the same text: its first site is derived from the text's
        digest.

        Two people who open the same file independently therefore share one history.
        """
        lineage = text_digest(text)
        self = cls(
            site=site,
            author=author,
            own_sites=own_sites,
            lineage=lineage,
            layout=layout,
        )
        if text:
            first = self._known.site(genesis_site(lineage))
            head = first.add_head(NO_SITE, 0, stride(first.id))
            self._runs.insert(None, first, 0, len(text), INSERTED, head)
            first.append(text)
            first.clock = len(text)
        self._genesis = self.version
        return self

    @classmethod
    def decode(
        cls,
        data: bytes,
        *,
        site: int | None = None,
        author: str = "",
        own_sites: Iterable[int] = (),
        layout: Layout = DEFAULT_LAYOUT,
    ) -> Self:
        """Return the replica that `encode` wrote, as a new opening with its own site.

        Only the text is decoded immediately. The structure is checked as a whole when it is first needed: a forged
        document with a correct checksum raises ForeignOp at that call, before the call has any effect.

        Raises:
            ForeignOp: `data` is not an encoded replica, or is damaged.
        """
        lineage, text = snapshot.read_text(data)
        if site is not None and site in snapshot.site_ids(data):
            raise ValueError(f"site {site} is in the document")
        self = cls(site=site, author=author, own_sites=own_sites, lineage=lineage, layout=layout)
        self._file = data
        self._file_text = text
        return self

    @staticmethod
    def lineage_of(data: bytes) -> bytes | None:
        """Return the lineage of encoded bytes, from their first bytes; None if this release cannot read them."""
        return snapshot.lineage_of(data)

    @staticmethod
    def is_newer(data: bytes) -> bool:
        """Return whether a newer release encoded this replica. `decode` refuses such bytes like damaged ones,
        although they are intact."""
        return snapshot.is_newer(data)

    def encode(self) -> bytes:
        """Return the whole replica, deleted text and history included.

        O(changes since the last `encode` or `decode`), plus copying the rest. Two replicas of one history may give
        different bytes.
        """
        if self._file is not None:
            return self._file
        self._settle()
        return snapshot.encode(self.lineage, self._sites, self._runs)

    def _load(self) -> None:
        """Decode the structure of the document this buffer was opened from."""
        data = self._file
        assert data is not None
        snapshot.load(data, self._known, self._runs)
        self._file = None
        self._file_text = ""

    def release(self) -> None:
        """Free the memory of a buffer that is no longer used. Afterwards only its version may be read.

        The objects of a buffer refer to each other in cycles; without this call they wait for the garbage collector.
        """
        _ = self.version
        self._open_run.end()
        self._readers.clear()
        self._order.crowded.clear()
        self._runs.release()
        self._sites.clear()
        self._by_id.clear()

    # Reading

    def __len__(self) -> int:
        self._settle()
        return self._runs.size

    @property
    def text(self) -> str:
        """The whole text. O(n)."""
        if self._file is not None:
            return self._file_text
        self._settle()
        parts: list[str] = []
        for group in self._runs.groups():
            if group.sealed is not None:
                parts.append(group.sealed.text)
            else:
                parts += [
                    run.site.slice(run.seq, run.seq + run.length)
                    for chunk in group.chunks
                    for run in chunk.runs
                    if run.level & 1
                ]
        return "".join(parts)

    def slice(self, start: int, end: int) -> str:
        """Return the text from `start` to `end`. O(log n), plus its length."""
        self._check_range(start, end)
        return "".join([run.site.slice(low, high) for run, low, high in self._visible(start, end)])

    def digest(self) -> bytes:
        """Return the BLAKE2b of the text, 16 bytes. Replicas with equal versions have equal digests (F17). O(n) after
        an edit."""
        if self._genesis is not None and self.version == self._genesis:
            return self.lineage
        return text_digest(self.text)

    @property
    def version(self) -> Version:
        """The version of this replica. Early operations, whose past is missing, do not count."""
        self._settle()
        version = self._version
        if version is None:
            in_order = sorted(self._sites, key=_id_of)
            version = self._version = Version.of_sorted(
                {site.id: site.clock for site in in_order if site.clock}
            )
        elif self._changed_sites:
            clocks = {}
            for number in self._changed_sites:
                site = self._by_id.get(number)
                if site is not None and site.clock:
                    clocks[number] = site.clock
            version = self._version = version.moved(clocks)
        else:
            return version
        self._changed_sites.clear()
        return version

    def lacks(self, message: bytes) -> bool:
        """Return whether a message has operations that the version does not count: their past is missing, or they
        were never integrated.

        Raises:
            ForeignOp: not a message.
        """
        version = self.version
        return any(batch.end > version.get(batch.site) for batch in read_message(message))

    @property
    def waiting(self) -> bool:
        """True while early operations wait for their past."""
        return bool(self._remote.early)

    def author_of(self, site: int) -> str:
        """Return the author's name announced by a site; "" if the site is unknown or has none."""
        self._settle()
        known = self._by_id.get(site)
        return known.author if known is not None else ""

    def time_of(self, site: int, clock: int) -> int:
        """Return the wall-clock second of an operation, accurate to ten seconds; 0 if unknown."""
        self._settle()
        known = self._by_id.get(site)
        return known.time_of(clock) if known is not None and clock < known.clock else 0

    def authorship(self, start: int, end: int) -> list[tuple[int, int, int, int]]:
        """Return the authors of the characters from `start` to `end`: (start, end, site, wall-clock seconds), in
        order."""
        self._check_range(start, end)
        found: list[tuple[int, int, int, int]] = []
        offset = begin = start
        last: Site | None = None
        last_time = 0
        for run, low, high in self._visible(start, end):
            site = run.site
            marks = site.mark_clock
            while low < high:
                mark = bisect_right(marks, site.clock_of(low))
                time = site.mark_time[mark - 1] if mark else site.started
                stop = high
                if mark < len(marks) and low + 1 < high:
                    stop = min(high, max(low + 1, site.seq_at(marks[mark])))
                if last is not site or time != last_time:
                    if last is not None:
                        found.append((begin, offset, last.id, last_time))
                    begin, last, last_time = offset, site, time
                offset += stop - low
                low = stop
        if last is not None:
            found.append((begin, offset, last.id, last_time))
        return found

    def ids(self, start: int, end: int) -> list[tuple[int, int, int, int]]:
        """Return the ids of the characters from `start` to `end`: (start, end, site, clock of the first). Clocks
        ascend by one within a row."""
        self._check_range(start, end)
        found: list[tuple[int, int, int, int]] = []
        offset = start
        for run, low, high in self._visible(start, end):
            site = run.site
            while low < high:
                place = bisect_right(site.raise_seq, low)  # the next one of its operations between
                stop = min(high, site.raise_seq[place]) if place < len(site.raise_seq) else high
                found.append((offset, offset + stop - low, site.id, site.clock_of(low)))
                offset += stop - low
                low = stop
        return found

    def elements(self) -> Iterator[Element]:
        """Return every character, including deleted ones, in document order; for debugging."""
        self._settle()
        self._runs.load_heads()
        sites = self._sites
        for run in self._runs:
            site = run.site
            for seq in range(run.seq, run.seq + run.length):
                parent_site, parent_seq, counter = site.origin(seq)
                parent = None
                if parent_site != NO_SITE:
                    parent = (sites[parent_site].id, sites[parent_site].clock_of(parent_seq))
                yield site.id, site.clock_of(seq), parent, counter, site.slice(seq, seq + 1), run.level

    def runs(self, start: int, end: int) -> Iterator[RunView]:
        """Yield the runs from one offset to another, whole, with the deleted ones between and at both edges; to look
        under the hood. O(log n) for the first, O(1) for each of the others; O(document) once after opening."""
        from crdt.run_view import view_runs

        self._check_range(start, end)
        self._close()
        self._open_all()
        self._runs.load_heads()
        return view_runs(self._runs, self._sites, start, end)

    # Editing

    def replace(self, start: int, end: int, text: str, now: float = 0.0) -> Patch:
        """Replace the characters from `start` to `end` by `text`, and return the patch.

        `now` is wall-clock seconds, for the history and for the pauses that separate undo steps; it never affects
        order. Amortised O(1) for continued typing and backspacing, else O(log n) for each run touched.
        """
        # Continued typing or backspacing in the same wall-clock second: only an offset moves.
        open_run = self._open_run
        if now == self._now:
            if start == end:
                if start == open_run.my_end and len(text) == 1:
                    self._tail.append(text)
                    open_run.my_end = start + 1
                    patch = OneSplice()
                    patch.start = patch.end = start
                    patch.text = text
                    return patch
                if start == open_run.my_front and len(text) == 1:
                    self._tail.append(text)
                    patch = OneSplice()
                    patch.start = patch.end = start
                    patch.text = text
                    return patch
            elif not text and end == start + 1:
                if end == open_run.my_caret:
                    if start >= open_run.floor:
                        open_run.my_caret = start
                        patch = OneSplice()
                        patch.start = start
                        patch.end = end
                        patch.text = text
                        return patch
                elif start == open_run.my_delete and open_run.room:
                    open_run.room -= 1
                    patch = OneSplice()
                    patch.start = start
                    patch.end = end
                    patch.text = text
                    return patch
        if open_run.run is not None or self._file is not None:
            self._settle()
        if not 0 <= start <= end <= self._runs.size:
            raise self._out_of_range(start, end)
        if start == end:
            if not text:
                return NOTHING
            if now == self._now and len(text) == 1 and open_run.resume_mine(start):
                self._tail.append(text)
                open_run.my_end = start + 1
                return one_splice(start, end, text)
        if self._moves is not None and (end - start > 1 or len(text) > 1):
            return self._replace_tracked((Splice(start, end, text),), now)
        return self._replace(start, end, text, now)

    def replace_all(self, splices: Sequence[Splice], now: float = 0.0) -> Patch:
        """Make several replacements as one undo step, and return the patch: these splices.

        They are as in a patch: from the last to the first, in offsets of the present text, and apart from each other.
        """
        self._settle()
        end = self._runs.size
        for splice in splices:
            if not 0 <= splice.start <= splice.end <= end:
                raise self._out_of_range(splice.start, splice.end)
            end = splice.start
        if not splices:
            return NOTHING
        with self.one_step():
            return self._replace_tracked(splices, now)

    def _replace_tracked(self, splices: Sequence[Splice], now: float) -> Patch:
        """Replace several ranges, and note what is moved by that."""
        removed: list[list[Span]] = []
        for start, end, text in splices:
            removed.append([(run.site, low, high) for run, low, high in self._visible(start, end)])
            self._settle()
            self._replace(start, end, text, now)
        patch = Patch(tuple(splices))
        removed.reverse()
        self._note_moves(patch, removed)
        return patch

    def _replace(self, start: int, end: int, text: str, now: float) -> Patch:
        """Replace a range that is not empty, or insert a text that is not."""
        open_run = self._open_run
        own = self._own
        if now != self._now or not own.clock:
            self._note_time(now)
            self._now = now
        self._changed_sites.add(own.id)
        self._undo.edit(own.clock, start, end, text, now)
        if start == end == open_run.my_end and len(text) == 1:
            # A time mark may come before this key, and the message of a single key cannot contain one.
            open_run.sent_up_to = NEVER
            self._tail.append(text)
            open_run.my_end = start + 1
            return one_splice(start, end, text)
        open_run.rest_theirs()
        if end > start:
            if end == start + 1:
                self._erase_one(start, not text)
            else:
                self._local.erase(start, end)
        if text:
            local = self._local
            run = local.insert(start, text)
            if local.continues == FORWARDS:
                open_run.open_typing(own, run, start + 1)
            elif local.continues == BACKWARDS:
                # Another character before my last one: the prepends may continue.
                open_run.open_prepends(run, start)
            else:
                # `insert` may have stepped over another site's newest character, which is a different one now.
                open_run.rest = NO_PLACE
        if open_run.rest >= 0:
            open_run.shift_rest(start, end, len(text))
        patch = OneSplice()
        patch.start = start
        patch.end = end
        patch.text = text
        return patch

    def undo(self, now: float = 0.0) -> Patch | None:
        """Undo my last step and return the patch; None if there is none.

        Only my own work is undone: text that others typed into it stays, and undoing a deletion brings the same
        characters back. Steps that others have made ineffective are skipped, and so are those of an earlier opening
        by another author: two people who share a login have one journal.
        """
        part = self._undo_or_redo(False, now)
        return None if part is None else part.patch

    def undo_part(
        self, runs_max: int, now: float = 0.0, *, again: bool = False, goes_on: bool = False
    ) -> StepPart | None:
        """Undo the newest part of my last step, or with `again` redo it; None if there is none.

        A step that changed a hundred thousand places takes seconds. This stops after `runs_max` runs or a few more; what
        is left is my last step then. With `goes_on` the next call undoes more of the same step, and never of another one;
        what the parts make is one step to redo. None if I have edited since the part before.
        """
        return self._undo_or_redo(again, now, runs_max, goes_on)

    def redo(self, now: float = 0.0) -> Patch | None:
        """Redo my last undone step and return the patch; None if there is none since the last edit."""
        part = self._undo_or_redo(True, now)
        return None if part is None else part.patch

    def revert(
        self, operations: Operations, now: float = 0.0, start: int = 0, end: int | None = None
    ) -> Patch:
        """Remove the effect of these operations of any author, and return the patch. O(document).

        This is an edit of mine and one undo step: the same characters are shown again or deleted. Unknown operations
        are skipped. With `start` and `end`, only between these offsets, with what is deleted at both edges. See
        `revert` for the exact rule.
        """
        from crdt.revert import find_differences

        self._open_all()
        return self._show(find_differences(self._sites, self.version, operations), now, start, end)

    def restore(self, version: Version, now: float = 0.0, start: int = 0, end: int | None = None) -> Patch:
        """Make the text what it was at a version, and return the patch. O(document).

        This is an edit of mine and one undo step: the same characters are shown and hidden as then; what was typed
        since is deleted. With `start` and `end`, only between these offsets, with what is deleted at both edges.
        """
        from crdt.revert import differences_between

        self._open_all()
        seen = self._seen()
        then, before = seen.at(self._sites, version).by_site, seen.at(self._sites, self.version).by_site
        return self._show(differences_between(self._sites, before, then), now, start, end)

    def outcomes(self, version: Version, cases: Sequence[Case]) -> list[Outcome]:
        """Return which characters of each case would be shown at a version without the operations that the case leaves out.

        O(document), plus what the cases touch.
        """
        from crdt.outcomes import find_outcomes

        self._open_all()
        return find_outcomes(self._sites, version, cases)

    def make(self, outcome: Outcome, now: float = 0.0) -> Patch:
        """Show and hide characters as an outcome says, whatever was done to them since, and return the patch. This is an edit
        of mine and one undo step. O(log n), plus what changes."""
        from crdt.outcomes import differences

        self._settle()
        return self._show(differences(self._runs, self._by_id, outcome), now, 0, None)

    def _show(self, found: list[Difference], now: float, start: int, end: int | None) -> Patch:
        """Show or hide these characters between two offsets, as one step of mine."""
        end = self._runs.size if end is None else end
        self._check_range(start, end)
        if start or end < self._runs.size:
            from crdt.revert import keep_within

            found = keep_within(self._runs, found, start, end)
        if not found:
            return NOTHING
        own = self._own
        self._close()
        if not self._undo.depth:
            self._undo.close(own.clock)
        self._note_time(now)
        self._now = now
        self._changed_sites.add(own.id)
        self._undo.edit(own.clock, 0, 0, "", now)
        self._runs.changes = changes = ChangeTracker()
        for site, low, high, shows in found:
            self._local.show(site, low, high, shows)
        self._runs.changes = None
        if not self._undo.depth:
            self._undo.close(own.clock)
        return self._finish_changes(changes)

    def break_undo(self) -> None:
        """Start a new undo step with the next edit, except within `one_step`."""
        self._close()
        if self._undo.depth:
            return
        self._undo.close(self._own.clock)

    def note_time(self) -> None:
        """Note the time of my next operation if it is due."""
        self._close()
        self._mark_due = True
        self._now = NEVER_NOW

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Group all edits in the block into one undo step."""
        undo = self._undo
        self._close()
        if not undo.depth:
            undo.close(self._own.clock)
        undo.depth += 1
        try:
            yield
        finally:
            self._close()
            undo.depth -= 1
            if not undo.depth:
                undo.close(self._own.clock)

    def take_steps(self, whole: bool = False) -> bytes:
        """Return the changes to my undo and redo steps since the last call, to be stored with the operations.

        b"" if nothing changed. With `whole`, return all steps kept (at most `undo.STEPS_KEPT`), for the start of a
        snapshot.
        """
        self._settle()
        return self._undo.note(whole)

    def restore_steps(self, notes: Iterable[bytes]) -> None:
        """Restore the steps of an earlier opening from its `take_steps` notes, in their order.

        They go below the existing steps. Operations in them that are unknown here or not mine are ignored.

        Raises:
            ForeignOp: not a note of `take_steps`. Nothing was restored.
        """
        self._undo.restore(notes)

    # Exchanging

    def integrate(
        self,
        data: bytes,
        *,
        revocable: bool = False,
        reserved: Mapping[int, int] | None = None,
        sender: int = 0,
    ) -> Patch:
        """Apply a message of another replica and return the patch.

        Known operations are skipped. Operations whose past is missing are kept, and appear in the patch of the call
        that brings their past. With `revocable`, operations that nobody could undo are refused. `reserved` maps sites
        to clocks: from that clock on, new operations of such a site are refused unless `sender` is the site itself.

        Raises:
            ForeignOp: not a message, or an operation contradicts one we have (same id, other content). Nothing of it
                was applied.
            Irrevocable: the same, for levels that are raised by more than `LEVEL_STEP_MAX` at a time.
        """
        if not reserved or self._open_run.their_key.site == sender:
            patch = self._open_run.integrate_key(data)
            if patch is not None:
                return patch
        batches = read_message(data)
        self._settle()
        if revocable:
            self._validator.check_steps(batches)
        if reserved:
            self._validator.check_sites(batches, reserved, sender)
        if self._runs.unread and any(batch.site in self._runs.unread for batch in batches):
            self._runs.load_heads()
        if len(batches) == 1 and len(batches[0].ops) == 1:
            patch = self._apply_single(batches[0].site, batches[0].ops[0])
            if patch is not None:
                if self._moves is not None and batches[0].ops[0].count > 1:
                    self._note_moves(patch, [[]])
                return patch
        self._close()
        self._validator.check(batches)
        if any(batch.clock < self._known.clock(batch.site) for batch in batches):
            self._repeated = self.version
        self._changed_sites.update([batch.site for batch in batches])
        self._runs.changes = changes = ChangeTracker()
        moved: set[int] = set()
        for batch in batches:
            if self._remote.take(batch):
                moved.add(batch.site)
        if self._remote.early:
            self._remote.retry(moved, self._changed_sites)
        self._runs.changes = None
        patch = self._finish_changes(changes)
        if self._undo.caret >= 0 and patch:
            self._undo.caret = patch.map_offset(self._undo.caret)
        return patch

    def take_repeated(self) -> Version | None:
        """Return the version before the latest `integrate`, if its message had operations that were here already; else None."""
        before, self._repeated = self._repeated, None
        return before

    def take_changes(self) -> bytes:
        """Return my operations since the last call, as a message; b"" if there are none. Send it after each edit."""
        message = self._open_run.write_my_key()
        if message:
            return message
        self._settle()
        key = self._open_run.my_key
        if key.clock < self._own.clock:
            message = self._own.write_newest(self._sites, key)
            self._open_run.all_sent()
        return message

    def changes_since(self, version: Version) -> bytes:
        """Return the operations missing from `version`, as one message in causal order; b"" if none."""
        parts: list[bytes] = []
        lacking = self._missing_parts(version)
        while (part := lacking.part(PART_BYTES)) is not None:
            parts.append(part[0])
        return b"".join(parts)

    def changes_up_to(self, version: Version, limit_bytes: int) -> tuple[bytes, Version]:
        """Return the first part of `changes_since(version)`, of about `limit_bytes`, and the version it leads to.

        Call it again with that version for the next part; at the end `version == buffer.version`. Long insertions are
        cut, so a part exceeds the limit by some dozens of bytes at most. O(sites) for the first part, and again for
        later ones unless they are requested with the very version object that was returned.
        """
        self._settle()
        lacking = self._continued_parts(version, limit_bytes)
        parts: list[bytes] = []
        size = 0
        have: dict[int, int] = {}
        while size < limit_bytes or not parts:
            part = lacking.part(max(1, limit_bytes))
            if part is None:
                return b"".join(parts), version.moved(have) if have else version
            message, site, clock = part
            if parts and size + len(message) > limit_bytes:
                lacking.hold(part)
                break
            parts.append(message)
            size += len(message)
            have[site] = clock
        reached = version.moved(have)
        self._readers.append((reached, lacking))
        del self._readers[:-READERS_MAX]
        return b"".join(parts), reached

    def _continued_parts(self, version: Version, limit_bytes: int) -> MissingParts:
        """Return the missing parts of a reader, continuing where its last part ended if it is remembered."""
        for at, (reached, lacking) in enumerate(self._readers):
            if reached is version:
                del self._readers[at]
                part = lacking.part(max(1, limit_bytes))
                if part is None:
                    break  # it has everything from when it started; there may be newer operations
                lacking.hold(part)
                return lacking
        return self._missing_parts(version)

    def _missing_parts(self, version: Version) -> MissingParts:
        self._settle()
        lacking = MissingParts(self._sites, version)
        if any(site.id in self._runs.unread for site in lacking.sites):
            self._runs.load_heads()
        return lacking

    # Anchors

    def anchor(self, offset: int, before: bool = False) -> Anchor:
        """Return an anchor at the character left of `offset`, or with `before` at the one right of it."""
        self._check_range(offset, offset)
        if before:
            if offset == self._runs.size:
                return DOCUMENT_END
            run, inside = self._runs.find(offset)
        else:
            if offset == 0:
                return DOCUMENT_START
            run, inside = self._runs.find(offset - 1)
        return Anchor(run.site.id, run.site.clock_of(run.seq + inside), before)

    def caret(self, offset: int) -> Anchor:
        """Return an anchor for a caret, which stays in its line: at the start of a line with the character on the
        right, elsewhere with the one on the left."""
        self._check_range(offset, offset)
        if offset == self._runs.size:
            return self.anchor(offset)
        before = not offset
        if offset:
            run, inside = self._runs.find(offset - 1)
            before = run.site.slice(run.seq + inside, run.seq + inside + 1) == "\n"
        return self.anchor(offset, before)

    def track_moves(self) -> None:
        """From now on, let the anchors of text that one edit deletes and inserts elsewhere go along: see `moves`."""
        if self._moves is None:
            self._moves = Moves()

    def offset(self, anchor: Anchor) -> int | None:
        """Return the current offset of an anchor; if its character is deleted, the offset of the character that
        replaces it (see `moves`) or of the gap; None if it is unknown here."""
        self._settle()
        if anchor.clock < 0:
            return self._runs.size if anchor.before else 0
        site = self._by_id.get(anchor.site)
        if site is None or anchor.clock >= site.clock:
            return None
        seq = site.seq_of(anchor.clock)
        if seq < 0:
            return None
        run = self._runs.run_of(site, seq)
        before = anchor.before
        if not run.level & 1 and self._moves is not None:
            for _ in range(HOPS_MAX):
                target = self._moves.find(site, seq)
                if target is None:
                    break
                site, seq, left_of = target
                before = before or left_of
                run = self._runs.run_of(site, seq)
                if run.level & 1:
                    break
        offset = self._runs.offset_of(run)
        if run.level & 1:
            offset += seq - run.seq + (not before)
        return offset

    def _finish_changes(self, changes: ChangeTracker) -> Patch:
        """Return the patch of some changes, and note what they moved."""
        if self._moves is None:
            return changes.patch(self._runs.sections)
        patch, removed = changes.changes(self._runs.sections)
        self._note_moves(patch, removed)
        return patch

    def _note_moves(self, patch: Patch, removed: list[list[Span]]) -> None:
        moves = self._moves
        if moves is None or not (any(removed) or moves.has_cut):
            return
        self._settle()
        added: list[list[Span]] = []
        shift = 0
        for splice in reversed(patch.splices):
            start = splice.start + shift
            end = start + len(splice.text)
            added.append([(run.site, low, high) for run, low, high in self._visible(start, end)])
            shift += len(splice.text) - (splice.end - splice.start)
        moves.note(patch, removed, added)

    # History

    @contextmanager
    def comparing(self) -> Iterator[None]:
        """Remember in the block which characters are visible at the versions that are asked about, so that each further
        question about one takes less. That is a byte for each character that was ever written, and each version."""
        from crdt.visibility import Visibilities

        outer = self._visibilities
        if outer is None:
            self._visibilities = Visibilities()
        try:
            yield
        finally:
            self._visibilities = outer

    def _seen(self) -> Visibilities:
        if self._visibilities is not None:
            return self._visibilities
        from crdt.visibility import Visibilities

        return Visibilities()

    def _differing(self, seen: Visibilities, *visible: Visible) -> set[int] | None:
        """Return the chunks in which some versions differ from the text, where that is cheap to find."""
        if self._visibilities is None or not self._runs.indexed:
            return None
        from crdt.visibility import differing_chunks

        return differing_chunks(self._sites, self._runs, self._present(seen), visible)

    def _present(self, seen: Visibilities) -> Visible:
        """Return the visible characters of the text."""
        return seen.at(self._sites, self.version).by_site

    def at(self, version: Version) -> str:
        """Return the text as it was at a version. O(n)."""
        from crdt.history import text_of

        self._open_all()
        seen = self._seen()
        visible = seen.at(self._sites, version).by_site
        return text_of(self._runs, visible, self._differing(seen, visible))

    def parts_at(self, version: Version) -> Iterator[str]:
        """Return the text as it was at a version in many parts, so that others may use the time between two. O(n) in all; nobody may
        ask for the next part once the text has changed."""
        from crdt.history import text_parts

        self._open_all()
        return text_parts(self._runs, self._seen().at(self._sites, version).by_site)

    def diff(self, old: Version, new: Version) -> Patch:
        """Return the patch from the text at one version to the text at another. O(n)."""
        from crdt.history import diff

        self._open_all()
        seen = self._seen()
        before, after = seen.at(self._sites, old).by_site, seen.at(self._sites, new).by_site
        return diff(self._runs, before, after)

    def changes(self, old: Version, new: Version) -> list[Hunk]:
        """Return what changed between two versions, by whom and when, in document order. O(document)."""
        from crdt.hunks import find_changes

        self._open_all()
        seen = self._seen()
        before, after = seen.at(self._sites, old).by_site, seen.at(self._sites, new).by_site
        differing = self._differing(seen, before, after)
        return find_changes(self._sites, self._runs, old, new, before, after, differing)

    def overlaps(self, common: Version, mine: Version, theirs: Version) -> list[Overlap]:
        """Return the places that two sides changed since a common version, in document order. O(document).

        `common` is what both had: for each site the lower clock of the two.
        """
        from crdt.overlaps import find_overlaps

        self._open_all()
        seen = self._seen()
        seen.at(self._sites, common)  # the present one is found from it
        return find_overlaps(self._sites, self._runs, seen, self._present(seen), common, mine, theirs)

    def version_at(self, seconds: float) -> Version:
        """Return the version at a wall-clock time, accurate to ten seconds. O(sites + time marks)."""
        from crdt.history import version_at

        self._settle()
        return version_at(self._sites, seconds)

    def moments(self) -> list[Moment]:
        """Return what was done when, in order of time. O(marks log marks)."""
        from crdt.history import moments

        self._settle()
        return moments(self._sites)

    def activity(self, first: float, last: float, buckets: int) -> dict[str, list[int]]:
        """Return, for each author who did something between two wall-clock times, the number of operations in each of
        `buckets` equal stretches of time. The end is not included. O(sites + time marks)."""
        from crdt.history import activity

        self._settle()
        return activity(self._sites, first, last, buckets)

    def ever(self, text: str, limit: int = 1000) -> list[Writing]:
        """Return where a text is or ever was, in document order, `limit` places at most. O(document)."""
        from crdt.written import find_ever

        self._open_all()
        return find_ever(self._sites, self._runs, text, limit)

    def deletions(self) -> list[Deletion]:
        """Return what is deleted, where, and by whom, in document order, without forgotten text. O(document)."""
        from crdt.deleted import find_deletions

        self._open_all()
        return find_deletions(self._sites, self._runs, self.version)

    def passage(self, first: Anchor, last: Anchor) -> Outcome:
        """Return which of the characters from one anchor to another, both included, are shown here; `make` makes the
        passage the same in another replica. O(log n), plus the runs between."""
        from crdt.passage import outcome_of

        self._open_all()
        return outcome_of(self._between(first, last))

    def everything(self) -> Outcome:
        """Return which of all characters are shown here, as `passage` does. O(document)."""
        from crdt.passage import outcome_of

        self._open_all()
        return outcome_of([(run, run.seq, run.seq + run.length) for run in self._runs])

    def operations_on(
        self, first: Anchor, last: Anchor, since: Version | None = None
    ) -> tuple[tuple[int, int, int], ...]:
        """Return the operations that inserted, deleted or restored the characters from one anchor to another, both
        included, or any between them: (site, first clock, end); those after the version `since`. O(raises since, and runs
        between)."""
        from crdt.passage import operations_on

        self._open_all()
        return operations_on(self._sites, self._between(first, last), since or Version())

    def word_ends(self, site: int, start: int, end: int) -> list[int]:
        """Return the clocks after each word that a site typed, and after each uninterrupted deletion or restoration,
        among its operations from `start` to `end`."""
        from crdt.passage import word_ends

        self._settle()
        known = self._by_id.get(site)
        return [] if known is None else word_ends(known, start, min(end, known.clock))

    def work_of(self, sites: Collection[int], since: Version) -> dict[int, list[tuple[int, int]]]:
        """Return the operations of some sites since a version, for `revert`; without characters that somebody else
        has restored since."""
        from crdt.revert import work_of

        self._open_all()
        return work_of(self._sites, sites, since)

    def effect_of(self, operations: Operations) -> list[tuple[int, str, bool]]:
        """Preview `revert`: the site that wrote each affected text, the text, and True if it would be shown again.
        O(document)."""
        from crdt.revert import find_differences

        self._open_all()
        found = find_differences(self._sites, self.version, operations)
        return [(site.id, site.slice(low, high), shows) for site, low, high, shows in found]

    # Inside: reading

    def _check_range(self, start: int, end: int) -> None:
        self._settle()
        if not 0 <= start <= end <= self._runs.size:
            raise self._out_of_range(start, end)

    def _out_of_range(self, start: int, end: int) -> IndexError:
        return IndexError(f"{start} to {end} in a text of {self._runs.size} characters")

    def _visible(self, start: int, end: int) -> Iterator[tuple[Run, int, int]]:
        """Yield the visible runs from `start` to `end`, each with its seqs in that range."""
        if start == end:
            return
        first, inside = self._runs.find(start)
        rest = end - start
        for run in self._runs.starting_at(first):
            if run.level & 1:
                low = run.seq + inside
                high = min(run.seq + run.length, low + rest)
                yield run, low, high
                rest -= high - low
                inside = 0
                if not rest:
                    return

    def _between(self, first: Anchor, last: Anchor) -> list[RunRange]:
        """Return the runs from one anchor to another, each with its seqs in that range; none if one is unknown."""
        from crdt.passage import runs_between

        edges: list[tuple[Site, int]] = []
        for site_id, clock, _ in (first, last):
            site = self._by_id.get(site_id)
            seq = site.seq_of(clock) if site is not None and 0 <= clock < site.clock else -1
            if site is None or seq < 0:
                return []
            edges.append((site, seq))
        return runs_between(self._runs, edges[0], edges[1])

    # Inside: editing

    def _note_time(self, now: float) -> None:
        """Note the time of what I do next."""
        own = self._own
        seconds = min(max(0, int(now)), NUMBER_MAX)
        if not own.clock:
            own.started = seconds
        elif self._mark_due or not 0 <= seconds - own.last_time() < MARK_EVERY_S:
            own.mark(seconds)
        self._mark_due = False

    def _settle(self) -> None:
        """Bring the structure up to date: load the document and count pending keys."""
        if self._file is not None:
            self._load()
        self._open_run.settle()

    def _open_all(self) -> None:
        """Settle, and unpack all sealed groups: for work that needs the order of sites or the whole text."""
        self._settle()
        self._runs.open_all()

    def _close(self) -> None:
        """Settle, and end the open and the resting run."""
        self._settle()
        self._open_run.close()

    def _erase_one(self, start: int, last: bool) -> None:
        own = self._own
        run, inside = self._runs.find(start)
        seq = run.seq + inside
        site = run.site
        level = run.level + 1
        erased = self._runs.erase_one(run, inside)
        own.add_raise(site.index, seq, 1, False, level)
        if last:
            self._open_run.open_erasing(own, erased, seq, start)

    def _undo_or_redo(
        self, again: bool, now: float, runs_max: int = 0, goes_on: bool = False
    ) -> StepPart | None:
        """Undo a step, or with `again` redo one; with `runs_max` a part of it. See `undo_part` for `goes_on`."""
        self._close()
        self._runs.open_all()
        own = self._own
        if goes_on and own.clock != self._parts_end:
            return None
        self._undo.close(own.clock)
        steps, others = self._undo.done, self._undo.undone
        if again:
            steps, others = others, steps
        self._changed_sites.add(own.id)
        if not goes_on:
            self._parts_begin = own.clock
        theirs: list[int] = []
        while steps:
            number, begin, end = self._undo.pop(steps)
            site = self._by_id.get(number)
            if site is None or not site.own:
                continue  # the step is known but its operations are not
            if site.author != self.author:
                theirs[:0] = (
                    number,
                    begin,
                    end,
                )  # a step of another author who writes here; keep it for them
                continue
            end = min(end, site.clock)
            first = own.clock
            self._note_time(now)
            self._now = now
            self._runs.changes = changes = ChangeTracker()
            reached = self._local.undo_range(site, begin, end, runs_max)
            self._runs.changes = None
            has_more = reached > begin
            if has_more:
                steps.extend((number, begin, reached))
            self._parts_end = own.clock
            if own.clock > first:
                if first > self._parts_begin and others:
                    # One step with the parts before this one.
                    made = self._undo.pop(others)
                    if made[0] == own.id and made[2] == first:
                        first = made[1]
                    else:
                        others.extend(made)
                others.extend((own.id, first, own.clock))
                steps.extend(theirs)
                return StepPart(self._finish_changes(changes), has_more)
            if has_more or own.clock > self._parts_begin:
                steps.extend(theirs)
                return StepPart(NOTHING, has_more)
        steps.extend(theirs)
        return None

    # Inside: exchanging

    def _apply_single(self, number: int, op: Op) -> Patch | None:
        """Apply a single operation that is the next one of its site; None if it needs the general path."""
        site = self._by_id.get(number)
        clock, count = (site.clock, site.count) if site is not None else (0, 0)
        if site is self._own or op.clock != clock or self._remote.early:
            return None
        if op.turns:
            return None
        if op.kind in (GO_ON, INSERT):
            seq = self._validator.resolve(op, number, PendingState(number, clock, count), {})
            if seq is None:
                return None
            self._changed_sites.add(number)
            self._open_run.rest_mine()
            site = self._known.site(number)
            if op.kind == GO_ON:
                run = self._remote.insert(site, site.index, site.count - 1, 0, op.text)
            else:
                parent_site = NO_SITE if op.other_clock < 0 else self._by_id[op.other_site].index
                run = self._remote.insert(site, parent_site, seq, op.number, op.text)
            end = self._runs.offset_of(run) + run.length
            start = end - op.count
            patch = one_splice(start, start, op.text)
            self._open_run.open_typing(site, run, end)
        elif site is not None and op.count == 1 and op.kind not in (ANNOUNCE, MARK):
            found = self._validator.resolve(op, number, PendingState(number, clock, count), {})
            if found is None:
                return None
            seq = found
            if op.kind == AGAIN:
                target, _, level = site.raise_at(site.clock - 1) or (0, 0, 0)
                other = self._sites[target]
            else:
                other, level = self._by_id[op.other_site], op.number
            run = self._runs.run_of(other, seq)
            if run.level >= level or not (run.level ^ level) & 1:
                return None
            self._changed_sites.add(number)
            self._open_run.rest_mine()
            start = self._runs.offset_of(run)
            if not run.level & 1:
                patch = one_splice(start, start, other.slice(seq, seq + 1))
                self._remote.raise_levels(site, other, seq, 1, False, level)
            else:
                start += seq - run.seq
                patch = one_splice(start, start + 1, "")
                if level == run.level + 1:
                    erased = self._runs.erase_one(run, seq - run.seq)
                    site.add_raise(other.index, seq, 1, False, level)
                    self._open_run.open_erasing(site, erased, seq, start)
                else:
                    self._remote.raise_levels(site, other, seq, 1, False, level)
        else:
            return None
        if patch.text:
            self._undo.inserted(patch.start, op.count)
        else:
            self._undo.removed(patch.start, 1)
        self._open_run.shift_rest(patch.start, patch.end, len(patch.text))
        return patch

    # Validator

    def check(self) -> None:
        """Assert every invariant. O(n log n)."""
        self._settle()
        self._runs.check()
        self._runs.load_heads()
        self._runs.check()
        self._open_run.check()
        self._order.check()

        # Sites: each once, clocks and seqs map both ways.
        assert len(self._by_id) == len(self._sites)
        assert self.version == Version({site.id: site.clock for site in self._sites})
        for site in self._sites:
            assert self._sites[site.index] is site
            for seq in range(site.count):
                assert site.seq_of(site.clock_of(seq)) == seq
            lengths = sum(site.raise_length(at) for at in range(len(site.raise_clock)))
            assert lengths + site.count == site.clock, (lengths, site.count, site.clock)
        assert not NO_NUMBERS, "the list that sites share while they have nothing to note"


def _id_of(site: Site) -> int:
    return site.id
