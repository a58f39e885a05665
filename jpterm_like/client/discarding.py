"""Unsaved work that is discarded, by me or by others, and restored again.

Others who lose work are told, so without a connection only my own work can be discarded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from crdt import Patch
from jpterm_like import clock
from jpterm_like.client.events import Notice, RequestFailed
from jpterm_like.client.requests import ServerRequests
from jpterm_like.files.read import read_plain
from jpterm_like.sync.unsaved_work import (
    SOMEBODY,
    Discard,
    Operations,
    all_unsaved,
    authors_of,
    is_my_site,
    join_names,
    losers,
    my_unsaved,
    newest_time,
    restorable_text,
    unsaved_authors_of,
    unsaved_of_others,
    unsaved_passages,
)

DISCARD_S: Final = 10.0
"""Times of edits are up to this much too early."""


class Discarding(ServerRequests):
    """How a session discards and restores unsaved work."""

    def discard(self) -> bool:
        """Undo all my unsaved work, of this opening and earlier ones, in one step; return whether there was any.

        Text of others stays, even inside mine. The plain file is not touched.
        """
        if not self.ready or self.role == "view":
            return False
        operations = my_unsaved(self.buffer, self._saved_before.merge(self._merged))
        return bool(self.pad.revert(operations, clock.wall()))

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        """The names of others whose work is in the text but not in the plain file. Costs the length of the text."""
        return tuple(unsaved_of_others(self.buffer, self._saved_before))

    def would_lose(self, text: str) -> dict[str, int]:
        """Return the others who would lose unsaved work if the text became `text`, the file's, and how many passages; 0 for people
        of whom no passage is in the text. Costs the length of the text."""
        passages = unsaved_passages(self.buffer, self._saved_before)
        names = dict.fromkeys(self.others_unsaved, 0) | passages
        merged = self._merged.get(self.buffer.site)
        if merged and self.buffer.effect_of(
            {self.buffer.site: [(self._saved_before.get(self.buffer.site), merged)]}
        ):
            names.setdefault(SOMEBODY, 0)  # the author is no longer known
        if self.buffer.at(self._saved_before) != text:
            from jpterm_like.textdiff.diff import diff

            gone = [(start, end) for start, end, _ in diff(self.text, text)]
            names = dict.fromkeys(authors_of(self.buffer, gone), 0) | names
        return names

    @property
    def file_time(self) -> str:
        """When the plain file was last written ("19:12"); empty if it is not on this machine, or missing."""
        seconds = self._file_seconds
        return "" if seconds is None else clock.words(seconds)

    @property
    def _file_seconds(self) -> float | None:
        try:
            return None if self._address.file is None else self._address.file.stat().st_mtime
        except OSError:
            return None

    def others_in(self, ranges: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        """The names of others whose unsaved words are in these ranges of offsets."""
        return tuple(unsaved_authors_of(self.buffer, self._saved_before, ranges))

    async def committed_text(self) -> str | None:
        """The text of the file as of the last git commit; None if there is none, or it cannot be read from here."""
        file = self._address.file
        if file is None:
            return None
        from jpterm_like.files.git_head import committed_text  # loaded once the text is on the screen

        text = await asyncio.to_thread(committed_text, file, self.known)
        return None if text is None else self.in_its_ids(text)

    @property
    def can_notify(self) -> bool:
        """Whether the others can be notified of a discard now."""
        link = self._link
        return link is not None and self.status.state == "connected" and "discarding" in link.features

    async def go_back(self, text: str) -> None:
        """Revert the text to `text`, the file's, in one step; others who lose work are notified, and can restore it.

        Raises:
            RequestFailed: they cannot be notified; nothing was changed.
        """
        self._check_ready()
        lost = self.would_lose(text)
        if lost and not self.can_notify:
            raise RequestFailed(
                f"{join_names(list(lost))} cannot be notified now, so the text was not changed."
            )
        discard = self._put(all_unsaved(self.buffer, self._saved_before), text)
        if lost:
            await self._note_discard(discard)
        else:
            await self._journal.end_discard()

    def _put(self, operations: Operations, text: str) -> Discard:
        """Revert some operations, then edit the text into `text`, all in one step; return it as a discard.

        The journal gets a note first: a start that finds the note undoes the step, because nobody was notified.
        """
        from jpterm_like.textdiff.diff import diff

        site = self.buffer.site
        begin = self.version.get(site)
        self._is_discarding = True
        try:
            with self.one_step():
                self.pad.revert(operations, clock.wall())
                for start, end, put in diff(self.text, text):
                    self.pad.replace(start, end, put, clock.wall())
        finally:
            self._is_discarding = False
        discard = Discard(site, begin, self.version.get(site))
        self._journal.begin_discard(discard)
        self._write_journal()
        return discard

    async def _note_discard(self, discard: Discard) -> None:
        """Notify the others of a discard.

        Raises:
            RequestFailed: they were not notified; the discard was undone.
        """
        from jpterm_like.sync import wire

        try:
            offline = "The others cannot be notified now, so the text was not changed."
            await self._ask(partial(wire.Discard, begin=discard.begin, end=discard.end), offline)
        except RequestFailed:
            self.pad.revert(discard.operations, clock.wall())
            await self._journal.end_discard()
            raise
        self.pad.note_discard(discard)
        await self._journal.end_discard()

    @property
    def is_written_anew(self) -> bool:
        """Whether there is unsaved work older than the plain file. Reads the disk, and costs the length of the text.

        A file that was made for this call may bear the time of another one, as that of visudo does, so the time of its last change of
        any kind counts.
        """
        file = self._address.file
        if file is None or self.saved:
            return False
        newest = newest_time(self.buffer, all_unsaved(self.buffer, self._saved_before))
        try:
            found = file.stat()
            return newest is not None and max(found.st_mtime, found.st_ctime) > newest
        except OSError:
            return False

    async def set_aside(self) -> None:
        """Set unsaved work aside if another program has written the file since and nobody is in the pad.

        The text is the file's then, and the unsaved work can be restored. Call it before anything is typed.

        Raises:
            JptermError: the file cannot be read.
        """
        if self.people or self.role == "view" or not self.is_written_anew:
            return
        assert self._address.file is not None
        plain = await asyncio.to_thread(read_plain, self._address.file, known=self.known)
        if plain is None or self.people:
            return
        if self.can_notify:
            discard = self._put(all_unsaved(self.buffer, self._saved_before), self.in_its_ids(plain.text))
            await self._note_discard(discard)
            await self.compare()
        else:  # work that may be others' stays, because they could not be notified
            begin = self.version.get(self.buffer.site)
            self.discard()
            self.pad.note_discard(Discard(self.buffer.site, begin, self.version.get(self.buffer.site)))
        self._notify(
            Notice(
                "Earlier unsaved work was set aside, because another program has written this file since. "
                "The command “Restore discarded work” restores it.",
                serious=True,
                topic="discards",
            )
        )

    def discards(self) -> list[Discard]:
        """List the discards that can be restored, newest first. Costs the length of the text."""
        return [it for it in reversed(self.pad.discards) if restorable_text(self.buffer, it)]

    def bring_back(self, discard: Discard) -> None:
        """Restore discarded work, in one step."""
        self._check_ready()
        self.pad.revert(discard.operations, clock.wall())

    def _report_patch(self, patch: Patch, origin: object) -> None:
        super()._report_patch(patch, origin)
        if self._unreported_discards:
            self._report_discards()

    def _report_discards(self) -> None:
        """Report discards by others once their operations are here: to everybody present, and later to people who lost words."""
        buffer, rest = self.buffer, []
        for discard in self._unreported_discards:
            if buffer.version.get(discard.site) < discard.end:
                rest.append(discard)
                continue
            # Two people who share a login share journals, and thereby the versions that the other has seen.
            was_seen = self._seen.get(discard.site) >= discard.end and discard.site not in buffer.own_sites
            if was_seen or is_my_site(buffer, discard.site):
                continue
            sites = [site for site, _ in restorable_text(buffer, discard)]
            lost_mine = any(is_my_site(buffer, site) for site in sites)
            names = ["you"] * lost_mine + [name for name in losers(buffer, discard) if name != buffer.author]
            if lost_mine or (names and self._caught_up.is_set()):
                who = buffer.author_of(discard.site) or "Somebody"
                lost = f"unsaved words by {join_names(names)}" if names != ["you"] else "your unsaved words"
                sentence = (
                    f"{who} went back to the {self._file_at(discard)}, which removed {lost}. "
                    "The command “Restore discarded work” restores them."
                )
                self._notify(Notice(sentence, serious=True, topic="discards"))
        self._unreported_discards = rest

    def _file_at(self, discard: Discard) -> str:
        """The file that somebody went back to: "file of 19:12", if it was not written since."""
        written, discarded = self._file_seconds, self.buffer.time_of(discard.site, discard.begin)
        if written is None or not discarded or written > discarded + DISCARD_S:
            return "saved file"
        return f"file of {clock.words(written)}"
