"""The public class: a text that several people edit, each on a replica of their own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from crdt import history, snapshot
from crdt.anchor import DOCUMENT_END, DOCUMENT_START, Anchor
from crdt.binary import AUTHOR_BYTES_MAX, NUMBER_MAX, encode_text
from crdt.change_tracker import ChangeTracker
from crdt.ids import checked_site, fresh_site, genesis_site, stride, text_digest
from crdt.local import BACKWARDS, FORWARDS, LocalEdits
from crdt.messages import AGAIN, ANNOUNCE, GO_ON, INSERT, INSERTED, MARK, Op, read_message
from crdt.missing import MissingParts
from crdt.open_run import NEVER, NO_PLACE, OpenRun
from crdt.order import Order
from crdt.patch import NOTHING, OneSplice, Patch, one_splice
from crdt.pending import PendingState
from crdt.remote import RemoteChanges
from crdt.revert import Operations, differing, work_of
from crdt.run import Run
from crdt.runs import DEFAULT_LAYOUT, Layout, RunList
from crdt.site import MARK_EVERY_S, NO_NUMBERS, NO_SITE, Site
from crdt.sites import Sites
from crdt.undo import Undo
from crdt.validate import Validator
from crdt.version import Version

PART_BYTES: Final = 2**20
"""The writer of a long message looks up this often whether another site's operations must come first."""

READERS_MAX: Final = 4
"""So many who take what they lack part by part are remembered. Others begin anew with each part."""

NEVER_NOW: Final = -1.0
"""As the wall-clock time of the last edit: no edit is of that time."""

Element = tuple[int, int, tuple[int, int] | None, int, str, int]
"""Site, clock, parent (site and clock, None for the start of the document), counter, character, level."""


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
        """An empty text, to be written or to be filled by `integrate`.

        `site` is only for tests and simulations; without it this opening gets 64 random bits. `own_sites` are the
        sites of earlier openings by the same replica. `lineage` is given by who fills the buffer with a document
        that has another beginning than the empty one. `layout` is for tests.
        """
        if len(encode_text(author)) > AUTHOR_BYTES_MAX:
            raise ValueError(f"a name of more than {AUTHOR_BYTES_MAX} bytes")
        self.site: Final = fresh_site() if site is None else checked_site(site)
        self.author: Final = author
        self.own_sites: Final = frozenset(own_sites) | {self.site}
        self.lineage: bytes = text_digest("") if lineage is None else lineage
        """BLAKE2b, 16 bytes, of the text that the document began with."""
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
        """The sites that did something since the version was made."""
        self._open_run: Final = OpenRun(self._own, self._runs, self._order, self._undo, self._changed_sites)
        self._version: Version | None = None
        self._genesis: Version | None = None
        """The version at which the text is the one whose digest is the lineage, if it was made here."""
        self._readers: Final[list[tuple[Version, MissingParts]]] = []
        """Those that were given a part of what they lack, and come for the next one with this very version."""
        self._now = 0.0
        self._mark_due = False
        """Whether the time of what I do next is to be noted, however short ago that was done last."""
        self._file: bytes | None = None
        """What `decode` was given, until somebody needs more than the text of it."""
        self._file_text = ""

    # Beginnings

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
        """Return the document that everybody makes of this text: inserted by the site that is the text's digest.

        So two who open the same file without knowing of each other have one history.
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
    ) -> TextBuffer:
        """Return the replica that `encode` wrote, opened anew: with a site of its own.

        Only the text is decoded at once. When more is first needed all of it is checked: then a document that was
        forged, with everything right but its content, raises ForeignOp, and nothing of the call that needed it was done.

        Raises:
            ForeignOp: something else wrote it, or it was damaged.
        """
        lineage, text = snapshot.opened(data)
        if site is not None and site in snapshot.site_ids(data):
            raise ValueError(f"site {site} is in the document")
        self = cls(site=site, author=author, own_sites=own_sites, lineage=lineage, layout=layout)
        self._file = data
        self._file_text = text
        return self

    @staticmethod
    def lineage_of(data: bytes) -> bytes | None:
        """The lineage of what `encode` wrote, from its first bytes; None if this release cannot read it."""
        return snapshot.lineage_of(data)

    @staticmethod
    def is_newer(data: bytes) -> bool:
        """Whether a newer release encoded this replica. `decode` refuses it as it does damage, and it is none."""
        return snapshot.is_newer(data)

    def encode(self) -> bytes:
        """Return the whole replica, deleted text and history included.

        O(what changed since it was encoded or decoded last), and copying the rest. Two replicas of one history may
        give different bytes.
        """
        if self._file is not None:
            return self._file
        self._settle()
        return snapshot.encode(self.lineage, self._sites, self._runs)

    def _load(self) -> None:
        """Decode the structure of the document that this buffer was opened from."""
        data = self._file
        assert data is not None
        snapshot.load(data, self._known, self._runs)
        self._file = None
        self._file_text = ""

    def release(self) -> None:
        """Give the memory of a buffer back that nobody uses any more; nothing but its version may be asked afterwards.

        It is a web of things that hold each other, which else waits for the garbage collector.
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
        """The text from `start` to `end`. O(log n) and its length."""
        self._check_range(start, end)
        return "".join([run.site.slice(low, high) for run, low, high in self._visible(start, end)])

    def digest(self) -> bytes:
        """BLAKE2b of the text, 16 bytes. Replicas with equal versions have equal digests (F17). O(n), once it was edited."""
        if self._genesis is not None and self.version == self._genesis:
            return self.lineage
        return text_digest(self.text)

    @property
    def version(self) -> Version:
        """What this replica has. Early operations that wait for their past do not count."""
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
        """Whether a message has operations that do not count here: its past is missing, or it was not taken in.

        Raises:
            ForeignOp: not a message.
        """
        version = self.version
        return any(batch.end > version.get(batch.site) for batch in read_message(message))

    @property
    def waiting(self) -> bool:
        """Whether early operations wait for their past."""
        return bool(self._remote.early)

    def author_of(self, site: int) -> str:
        """The name with which a site was announced, "" if it is unknown or has none."""
        self._settle()
        known = self._by_id.get(site)
        return known.author if known is not None else ""

    def time_of(self, site: int, clock: int) -> int:
        """When an operation was done, in wall-clock seconds, known to ten seconds; 0 if it or its time is not known."""
        self._settle()
        known = self._by_id.get(site)
        return known.time_of(clock) if known is not None and clock < known.clock else 0

    def authorship(self, start: int, end: int) -> list[tuple[int, int, int, int]]:
        """Who wrote the characters from `start` to `end`: (start, end, site, wall-clock seconds), in order."""
        self._check_range(start, end)
        found: list[tuple[int, int, int, int]] = []
        offset = start
        for run, low, high in self._visible(start, end):
            site = run.site
            while low < high:
                clock = site.clock_of(low)
                time = site.time_of(clock)
                mark = bisect_right(site.mark_clock, clock)
                stop = high
                if mark < len(site.mark_clock):
                    stop = min(high, max(low + 1, site.seq_at(site.mark_clock[mark])))
                begin = offset
                offset += stop - low
                low = stop
                if found and found[-1][2:] == (site.id, time):
                    begin = found.pop()[0]
                found.append((begin, offset, site.id, time))
        return found

    def ids(self, start: int, end: int) -> list[tuple[int, int, int, int]]:
        """The ids of the characters from `start` to `end`: (start, end, site, clock of the first), clocks ascending by one."""
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
        """Every character, deleted ones too, in document order: a look under the hood."""
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

    # Editing

    def replace(self, start: int, end: int, text: str, now: float = 0.0) -> Patch:
        """Put `text` in place of the characters from `start` to `end` and return that as a patch.

        `now` is wall-clock seconds, for the history and for pauses between steps of undo; never for order.
        Amortised O(1) for typing and backspacing on, else O(log n) for each run that is touched.
        """
        # Typing and backspacing on, in the same second of wall-clock time: nothing but a note of it.
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
        own = self._own
        if now != self._now or not own.clock:
            self._note_time(now)
            self._now = now
        self._changed_sites.add(own.id)
        self._undo.edit(own.clock, start, end, text, now)
        if start == end == open_run.my_end and len(text) == 1:
            # A mark of the time may come before this key, and no message of a single key has one.
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
            if local.going == FORWARDS:
                open_run.open_typing(own, run, start + 1)
            elif local.going == BACKWARDS:
                # Once more before what I wrote last: so it may go on.
                open_run.open_prepends(run, start)
            else:
                # The writer may have stepped over somebody's newest character, which is another one now.
                open_run.rest = NO_PLACE
        if open_run.rest >= 0:
            open_run.moved(start, end, len(text))
        patch = OneSplice()
        patch.start = start
        patch.end = end
        patch.text = text
        return patch

    def undo(self, now: float = 0.0) -> Patch | None:
        """Take back my last step and return what changed; None if there is none.

        Only my own work is touched: what others typed into it stays, and a deletion taken back brings the same
        characters back. Steps that others have made void are passed over, and so are those of an earlier opening by
        another author: two who share a login have one journal.
        """
        return self._undo_or_redo(False, now)

    def redo(self, now: float = 0.0) -> Patch | None:
        """Take back the last undo and return what changed; None if there is none since the last edit."""
        return self._undo_or_redo(True, now)

    def revert(self, operations: Operations, now: float = 0.0) -> Patch:
        """Have the text be as if these operations, whoever did them, had not been; return what changed. O(document).

        It is an edit of mine and one step of undo: the same characters show again or are deleted. Operations that
        are not known here are passed over. See `revert` for what goes and what stays.
        """
        self._open_all()
        found = differing(self._sites, self.version, operations)
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
        return changes.patch(self._runs.sections)

    def break_undo(self) -> None:
        """Let the next edit begin a new step of undo."""
        self._close()
        self._undo.close(self._own.clock)

    def note_time(self) -> None:
        """Have the time of my next edit noted to the second, not only if the last note is ten seconds old."""
        self._close()
        self._mark_due = True
        self._now = NEVER_NOW

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Make one step of undo of all edits in the block."""
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
        """Return what changed in my steps of undo and redo since the last call, to be kept beside the operations.

        b"" if nothing did. With `whole`, everything that is kept of them (`undo.STEPS_KEPT`): what begins a snapshot.
        """
        self._settle()
        return self._undo.note(whole)

    def restore_steps(self, notes: Iterable[bytes]) -> None:
        """Take over the steps of an earlier opening from what `take_steps` gave there, in that order.

        They come before those that there are. What in them is no operation of mine, or unknown here, is passed over.

        Raises:
            ForeignOp: something else wrote it. Nothing was taken over.
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
        """Take in a message made elsewhere and return what changed in the text.

        Known operations are skipped. Those whose past is still missing are kept, and show up in the patch of the
        call that brings their past. With `revocable` what nobody could take back is refused. `reserved` are sites of which
        nothing new is taken from any other `sender` than the site itself, each with the clock up to which it is.

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
                return patch
        self._close()
        self._validator.check(batches)
        self._changed_sites.update([batch.site for batch in batches])
        self._runs.changes = changes = ChangeTracker()
        moved: set[int] = set()
        for batch in batches:
            if self._remote.take(batch):
                moved.add(batch.site)
        if self._remote.early:
            self._remote.retry(moved, self._changed_sites)
        self._runs.changes = None
        patch = changes.patch(self._runs.sections)
        if self._undo.caret >= 0 and patch:
            self._undo.caret = patch.map_offset(self._undo.caret)
        return patch

    def take_changes(self) -> bytes:
        """Return what I did since the last call, as a message; b"" if nothing. What to send after each edit."""
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
        """Return what a peer with that version lacks, as one message in causal order; b"" if nothing."""
        parts: list[bytes] = []
        lacking = self._missing_parts(version)
        while (part := lacking.part(PART_BYTES)) is not None:
            parts.append(part[0])
        return b"".join(parts)

    def changes_up_to(self, version: Version, limit_bytes: int) -> tuple[bytes, Version]:
        """Return the first part of `changes_since(version)`, of about `limit_bytes`, and the version it leads to.

        Called again with that version it returns the next part, and at the end `version == buffer.version`. Long
        insertions are cut, so no part is longer than the limit by more than some dozens of bytes. O(sites) for the first
        part; for the next ones not, if they are asked for with the very version that was returned.
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
        """What a reader with that version lacks; there is more to tell of it, if there is anything."""
        for at, (reached, lacking) in enumerate(self._readers):
            if reached is version:
                del self._readers[at]
                part = lacking.part(max(1, limit_bytes))
                if part is None:
                    break  # all that it began with; more may have come
                lacking.hold(part)
                return lacking
        return self._missing_parts(version)

    def _missing_parts(self, version: Version) -> MissingParts:
        self._settle()
        lacking = MissingParts(self._sites, version)
        if any(site.id in self._runs.unread for site in lacking.sites):
            self._runs.load_heads()
        return lacking

    # Places

    def anchor(self, offset: int, before: bool = False) -> Anchor:
        """Return a place that stays with the character left of `offset`, or with `before` the one right of it."""
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

    def offset(self, anchor: Anchor) -> int | None:
        """Return where an anchor is now; where its character was, if that is deleted; None if it is not yet here."""
        self._settle()
        if anchor.clock < 0:
            return self._runs.size if anchor.before else 0
        site = self._by_id.get(anchor.site)
        if site is None or anchor.clock >= site.clock:
            return None
        seq = site.seq_of(anchor.clock)
        if seq < 0:
            return None
        run = self._runs.holding(site, seq)
        offset = self._runs.offset_of(run)
        if run.level & 1:
            offset += seq - run.seq + (not anchor.before)
        return offset

    # History

    def at(self, version: Version) -> str:
        """Return the text as it was at a version. O(n)."""
        self._open_all()
        return history.text_at(self._sites, self._runs, version)

    def diff(self, old: Version, new: Version) -> Patch:
        """Return the patch from the text at one version to the text at another. O(n)."""
        self._open_all()
        return history.between(self._sites, self._runs, old, new)

    def work_of(self, sites: Collection[int], since: Version) -> dict[int, list[tuple[int, int]]]:
        """What some sites did since a version, for `revert`; not the characters that somebody else has brought back since."""
        self._open_all()
        return work_of(self._sites, sites, since)

    def effect_of(self, operations: Operations) -> list[tuple[int, str, bool]]:
        """What `revert` would do: the site that wrote some text, the text, and whether it would show again or go. O(document)."""
        self._open_all()
        found = differing(self._sites, self.version, operations)
        return [(site.id, site.slice(low, high), shows) for site, low, high, shows in found]

    # Inside: reading

    def _check_range(self, start: int, end: int) -> None:
        self._settle()
        if not 0 <= start <= end <= self._runs.size:
            raise self._out_of_range(start, end)

    def _out_of_range(self, start: int, end: int) -> IndexError:
        return IndexError(f"{start} to {end} in a text of {self._runs.size} characters")

    def _visible(self, start: int, end: int) -> Iterator[tuple[Run, int, int]]:
        """The runs that show from `start` to `end`, each with its seqs there."""
        if start == end:
            return
        run: Run | None
        run, inside = self._runs.find(start)
        rest = end - start
        while rest:
            assert run is not None
            if run.level & 1:
                low = run.seq + inside
                high = min(run.seq + run.length, low + rest)
                yield run, low, high
                rest -= high - low
                inside = 0
            if rest:
                run = self._runs.after(run)

    # Inside: editing

    def _note_time(self, now: float) -> None:
        """Note the time of what I do next."""
        own = self._own
        seconds = min(max(0, int(now)), NUMBER_MAX)
        if not own.clock:
            own.started = seconds
        elif self._mark_due or not 0 <= seconds - own.time_known() < MARK_EVERY_S:
            own.mark(seconds)
        self._mark_due = False

    def _settle(self) -> None:
        """Have everything in the structure: what was loaded, and what was typed or backspaced since."""
        if self._file is not None:
            self._load()
        self._open_run.settle()

    def _open_all(self) -> None:
        """Settle, and take everything apart that was loaded: for what goes by the order of sites or the whole text."""
        self._settle()
        self._runs.open_all()

    def _close(self) -> None:
        """Settle, and end the open run and what rests."""
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

    def _undo_or_redo(self, again: bool, now: float) -> Patch | None:
        """Undo a step, or redo one if `again`."""
        self._close()
        self._runs.open_all()
        own = self._own
        self._undo.close(own.clock)
        steps, others = self._undo.done, self._undo.undone
        if again:
            steps, others = others, steps
        self._changed_sites.add(own.id)
        theirs: list[int] = []
        while steps:
            number, begin, end = self._undo.pop(steps)
            site = self._by_id.get(number)
            if site is None or not site.own:
                continue  # the step is known and what was done in it is not
            if site.author != self.author:
                theirs[:0] = (number, begin, end)  # of somebody else who writes here; it waits for them
                continue
            end = min(end, site.clock)
            first = own.clock
            self._note_time(now)
            self._now = now
            self._runs.changes = changes = ChangeTracker()
            self._local.take_back(site, begin, end)
            self._runs.changes = None
            if own.clock > first:
                others.extend((own.id, first, own.clock))
                steps.extend(theirs)
                return changes.patch(self._runs.sections)
        steps.extend(theirs)
        return None

    # Inside: exchanging

    def _apply_single(self, number: int, op: Op) -> Patch | None:
        """Apply a single operation that comes when it is expected; None if it is something else."""
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
            run = self._runs.holding(other, seq)
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
        self._open_run.moved(patch.start, patch.end, len(patch.text))
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
