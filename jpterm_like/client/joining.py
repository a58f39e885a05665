"""Joining the document of the server: check which server and document answered, and act if our text belongs to another one.

See `history_migration` for documents with another history.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Literal

from crdt import ForeignOp, Patch, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.access.addresses import explain_refusal, follow_rename
from jpterm_like.client.connection import RETRY_MOST_S
from jpterm_like.client.events import Notice, PeopleChanged, Reset, Status, StatusChanged
from jpterm_like.client.journal import held_of, left_behind, unused_slot
from jpterm_like.client.last_visit import Parted
from jpterm_like.client.same_moment import SameMoment
from jpterm_like.client.topics import OF_SERVER
from jpterm_like.errors import JptermError
from jpterm_like.files.read import NOTEBOOK_SUFFIX
from jpterm_like.saver import RestoredPad, Saver
from jpterm_like.storage.base import StorageError, Store
from jpterm_like.sync.ancestry import Identity
from jpterm_like.sync.pad import Pad

# Modules that speak the protocol are loaded once there is a server to speak to: the first screen is painted without them.
if TYPE_CHECKING:
    from jpterm_like.client.history_migration import HistoryMigration

log = logging.getLogger("jpterm_like.client.joining")

KEPT_HERE: Final = "What you wrote last did not reach the others: it is kept on this machine, and sent when you may write here again."


OTHER_FORM_KEPT: Final = (
    "One form is the cells of the notebook, the other its JSON, so nothing was merged. What you wrote, and nobody else has, is kept on "
    "this machine: “jpterm-like find” finds its words."
)


class Joining(SameMoment):
    """How a session joins the document that its server has."""

    def _on_server_known(self) -> None:
        """Open the pad if our text belongs to the server that answered, or the user said what to do."""
        wish, self._wish = self._wish, None
        is_asked = self._server == self.other_server
        if is_asked and wish == "begin":
            self._begin_migration(sets_aside=True)
        elif is_asked and wish == "send":
            self.pad.identity = self._chosen(Identity(self._server))
            self._journal.leave(self.pad, Saver(self.pad, self._unused_slot(), Version()))
            # That server's file was never saved from here: text that it lacks was not deleted in it.
            self.pad.earlier = (*self.pad.earlier, self.pad.held)
            self.pad.saved = self.pad.held = Version()
            self._write_journal()
            self._begin_opening()
        elif self._belongs_to_server():
            self._begin_opening()
        else:
            self._on_other_server()

    def _on_other_server(self) -> None:
        """Continue with the journal of the other server that answered; without one, ask the user what to do."""
        if (found := self._kept_of_server()) is not None:
            self._continue_from(*found)
            self._begin_opening()
        else:
            self._ask_about_server()

    def _kept_of_server(self) -> tuple[Store, RestoredPad] | None:
        """Open the journal of the server that answered, if there is one. Blocks on the disk."""
        try:
            return held_of(self._storage, self._address.key, self.name, self._server)
        except StorageError as problem:  # then the user is asked, as if there were none
            log.error("%s", problem)
            return None

    def _belongs_to_server(self) -> bool:
        """Return whether our text belongs to the server that answered, or may. A file belongs to its machine."""
        return self.is_file or self._only_history_tells or self._my_server == self._server

    @property
    def _my_server(self) -> bytes:
        """The identity of the server that our text belongs to; empty if not known."""
        return self.pad.identity.server if self.pad.identity is not None else b""

    @property
    def _only_history_tells(self) -> bool:
        """Whether only the history can show that the server is ours: servers of release 0.1.0 do not identify themselves, and
        journals of that release do not name their server."""
        return not self.is_file and (self._my_server == b"") != (self._server == b"")

    def _ask_about_server(self) -> None:
        """Stay offline and say why: another server gets nothing of ours before the user agrees."""
        self.other_server = self._server
        sentence = self._about_other_server
        self._connection.explain(sentence)
        self._connection.end("other_server", sentence)

    @property
    def _about_other_server(self) -> str:
        return (
            f"Another server answers at {self.address} than the one your text belongs to: nothing was sent to it. With ctrl+p "
            "in the editor you can send your text to it, or use its own; either way yours is kept for the former server."
        )

    def _why_offline(self, sentence: str) -> str:
        return super()._why_offline(sentence) if self.other_server is None else self._about_other_server

    def send_to_this_server(self) -> None:
        """Merge our text into the document of the other server that answers; it is kept for the former server, too.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("send")

    def begin_with_this_server(self) -> None:
        """Use the text of the other server that answers; ours is kept for the former server.

        Raises:
            JptermError: there is no other server.
        """
        self._decide("begin")

    def _decide(self, wish: Literal["send", "begin"]) -> None:
        if self.other_server is None:
            raise JptermError(f"No other server answers at {self.address} than the one your text belongs to.")
        self._wish = wish
        self.retry_now()

    def _begin_opening(self) -> None:
        """Open the pad at the server with our version of it."""
        self._stored_before, self._had_before = self.pad.stored, self.pad.buffer.version
        if self._parted is None:
            self._parted = Parted(self._had_before, clock.wall())
        self._open_channel(self.pad, merging=self._is_between)

    def _on_elsewhere(self, path: str) -> None:
        """Our document was renamed, and another document has its name now."""
        if not self.unsent:
            self._begin_migration(sets_aside=True, former=path)
            return
        was, former = self.title, self._address.path
        self._take_new_name(path)
        if self._address.path != former:
            sentence = f"{was} is another document now; the one that you wrote in is called {path}."
            self._notify(Notice(sentence, serious=True))
            self._begin_opening()
        elif self._link is not None and self._link.state != "ended":
            self._connection.end("moved", f"{was} is another document now.")

    def _note_identity(self) -> None:
        """Record the identities of server and document."""
        identity = (self.pad.identity or Identity()).met(self._server, self._document)
        before = self.pad.identity or Identity()
        if identity != before:
            self.pad.identity = identity
            self._write_journal()
            self._is_new_document = bool(before.documents) and identity.documents != before.documents

    def _chosen(self, identity: Identity) -> Identity:
        return identity._replace(chosen_ms=int(clock.wall() * 1000))

    def _unused_slot(self) -> Store:
        return unused_slot(self._storage, self._address.key)

    def _continue_from(self, store: Store, kept: RestoredPad) -> None:
        """Continue with the journal of the server that answered; the present text is kept for its own server."""
        from jpterm_like.textdiff.diff import diff

        pad = kept.pad()
        pad.identity = self._chosen(pad.identity or Identity())
        self.ready = True
        saver = Saver(pad, store, pad.buffer.version, pad.buffer.own_sites)
        self._replace_pad(pad, Patch(tuple(diff(self.text, pad.buffer.text))), saver)
        sentence = (
            f"Another server answers at {self.address} than before: your text of this one is shown now."
        )
        self._notify(Notice(sentence, serious=True))

    def _take_new_name(self, path: str) -> None:
        """Follow a renamed pad: its journal gets the new name."""
        assert self._connection.peer is not None
        address = follow_rename(self._address, path, self._connection.peer)
        if address is None:
            self._stay(path)
            return
        self._connection.address, self.title = address, address.title
        with contextlib.suppress(StorageError):  # a journal that keeps the old name is led on by the server
            if self.ready:
                # Not the first free one, which may belong to another document that had this name.
                self.pad.identity = self._chosen(self.pad.identity or Identity())
                self._journal.move(self._unused_slot())
        self._notify(StatusChanged())
        self._connection.wake_waiters()

    def _stay(self, path: str) -> None:
        """Leave a hub that has another name for my file: my edits go into the file that I opened."""
        sentence = (
            f"{self.title} is called {path} at another user's hub now. You stay with {self.address}; "
            "open the other name to go on there."
        )
        self._connection.explain(sentence)
        self._connection.end("moved", sentence)

    def _open_channel(self, pad: Pad, *, joining: bool = False, merging: bool = False) -> int:
        """Open a pad at the server; `joining` opens it empty-handed, while another is on the screen."""
        assert self._link is not None
        number = self._connection.next_channel()
        if not joining:
            self._connection.channel = number
        is_first = not self.ready and not pad.buffer.version
        documents = pad.identity.documents if pad.identity is not None else ()
        self._link.open(
            number,
            pad,
            self._address.path,
            create=self._create,
            empty=is_first or joining,
            merging=merging,
            document=documents[0] if documents else b"",
            is_unsure=self._only_history_tells and not joining,
            hears_first=not joining,
        )
        return number

    def _on_admitted(self, channel: int) -> None:
        assert self._link is not None
        if channel != self._connection.channel:
            return
        self._connection.note_admitted()
        self.other_server = None
        self.is_protected = False  # the server says so after this, if it is
        self._note_identity()
        before, self.role = self.role, "view" if self._view else self._link.channels[channel].role
        if self.role == "edit":
            self._settle("role")
        self._settle(*OF_SERVER)  # it says so after this if one of them lasts
        if before == "edit" and self.role == "view" and self._has_more_than(channel):
            self._notify(Notice(KEPT_HERE, serious=True, topic="role"))
        if self.status.state != "connected":
            self._connection.set_status(Status("connected"))
        self._show_caret()
        self._open_records()

    def _has_more_than(self, channel: int) -> bool:
        """Whether something was written here that the server does not have."""
        assert self._link is not None
        return not self.pad.buffer.version <= self._link.channels[channel].cursor.version

    def _on_caught_up(self, channel: int) -> None:
        if self._migration is not None and channel == self._migration.channel:
            self._merge_ours(self._migration)
            return
        if channel != self._connection.channel:
            return
        if not self.ready:
            self.ready = True
            self._write_journal()
        if self._link is not None and (opened := self._link.channels.get(channel)) is not None:
            self._hear(opened)
            opened.release()
            if self._is_between and self.role == "edit":
                self._turn_request = self._connection.next_request()
                self._ask_merged(channel, self._turn_request)
            self._connection.wake()
        self._caught_up.set()
        self._connection.set_status(Status("connected"))
        self._notify(StatusChanged())
        self._show_caret()
        self._connection.wake_waiters()
        if self._is_new_document and self.role == "edit":
            self._is_new_document = False
            self._do_beside(self._take_in_left_behind())

    async def _take_in_left_behind(self) -> None:
        """Take in what ended openings of mine wrote into the document that we have come to: it was not ours yet when we opened."""
        pad, identity = self.pad, self.pad.identity
        assert identity is not None
        looking = asyncio.create_task(
            asyncio.to_thread(
                left_behind, self._storage, self._address.key, self.name, identity, pad.buffer.lineage
            )
        )
        try:
            found = await asyncio.shield(looking)
            if found and pad is self.pad:
                for _, kept in found:
                    self._take_in(kept)
                await self._journal.sync()
                for store, _ in found:
                    store.close()
                    self._storage.delete(store.name)
        except (StorageError, ForeignOp) as problem:  # the next opening takes them in
            log.warning("%s", problem)
        finally:
            looking.add_done_callback(_close_found)

    def _take_in(self, kept: RestoredPad) -> None:
        """Add the work of an ended opening to ours, in the same history.

        Raises:
            ForeignOp: it contradicts ours.
        """
        pad, channel = self.pad, self._connection.channel
        assert kept.buffer is not None
        for note in kept.ancestors:
            if pad.note_ancestor(note) and self._link is not None and channel in self._link.channels:
                self._link.send_ancestor(channel, note)
        pad.sent = pad.sent.merge(kept.sent)
        pad.integrate(kept.buffer.changes_since(pad.buffer.version), self)

    def _on_refused(self, channel: int | None, request: int | None, code: str, sentence: str) -> None:
        if request is not None:
            self._connection.declined(request, sentence, code)
        elif code == "site_taken":
            self._take_fresh_site()
            self._open_channel(self.pad)
        else:
            sentence = explain_refusal(self._address, code, sentence)
            self._connection.refuse(JptermError(sentence))
            self._connection.end(code, sentence)

    def _on_other_history(self, diverged: bool) -> None:
        if self._only_history_tells and not diverged:
            self._on_other_server()
        else:
            self._begin_migration(diverged=diverged)

    def _begin_migration(self, *, diverged: bool = False, sets_aside: bool = False, former: str = "") -> None:
        from jpterm_like.client.history_migration import HistoryMigration

        pad = Pad(TextBuffer(author=self.name))
        channel = self._open_channel(pad, joining=True, merging=not sets_aside)
        ours = self._had_before if diverged else None
        if self._migration is not None:
            self._migration.end()
        self._migration = HistoryMigration(
            self.pad,
            pad,
            channel,
            self._stored_before,
            self.pad.sent,
            ours,
            sets_aside=sets_aside,
            former=former,
        )

    def _merge_ours(self, migration: HistoryMigration) -> None:
        assert self._link is not None
        if migration.sets_aside:
            if migration.former and self.unsent:
                # Typed meanwhile: it belongs to the former document, which the next connection follows with it.
                self._connection.end("moved", f"{self.title} is another document now.", retry_after_s=0)
                return
            self._finish_migration(migration)
            return
        if self._address.path.endswith(NOTEBOOK_SUFFIX):
            migration.is_apart = migration.is_cells_and_json()
        if self._link.channels[migration.channel].role == "view":
            if migration.is_apart or migration.is_empty_handed:
                self._finish_migration(migration)
                return
            sentence = (
                "You may only read this file now, and it lacks text of yours, which is kept on this machine."
            )
            self._connection.refuse(JptermError(sentence))
            self._connection.end("role", sentence, retry_after_s=RETRY_MOST_S)
            return
        note = None if migration.is_apart else migration.bring_in()
        if note is not None:
            self._link.send_ancestor(migration.channel, note)
            self.pad.sent = self.pad.sent.merge(self.pad.buffer.version)
            self._is_between = True
        migration.request = self._connection.next_request()
        self._ask_merged(migration.channel, migration.request)
        self._connection.wake()

    def _ask_merged(self, channel: int, request: int) -> None:
        """End our turn once everything of ours was sent."""
        from jpterm_like.sync import wire

        assert self._link is not None
        self._link.ask(wire.Merged(channel, request))

    def _finish_migration(self, migration: HistoryMigration) -> None:
        """Leave our history for the server's, which has our text now, unless ours is set aside."""
        self._migration, self._is_between = None, False
        if migration.is_apart:
            migration.sets_aside = self.unsent > 0
        pad, saver = migration.pad, None
        if migration.sets_aside:
            pad.identity = self._chosen(Identity())
            saver = Saver(pad, self._unused_slot(), Version())
            sentence = f"{self.title} is another document than the one that you had, which is called {migration.former} now."
            if migration.is_apart:
                sentence = f"{self.title} is edited in another form at the server. {OTHER_FORM_KEPT}"
            elif not migration.former:
                sentence = "The text of this server is shown now. Yours is kept on this machine, and shown when its server is back."
            self._notify(Notice(sentence, serious=True))
        else:
            pad.identity = self.pad.identity
        self._connection.channel = migration.channel
        patch = migration.leave()
        self._replace_pad(pad, patch, saver)
        if migration.is_new_history and not migration.merged and migration.had_begun:
            told = f"The history of {self.title} was restarted: earlier edits can no longer be undone."
            if patch:
                told = "The server's document has another history than yours; its text is shown now."
            self._notify(Notice(told, serious=bool(patch)))
        if migration.merged:
            self._merged = pad.buffer.version
            sentence = "The server's document has another history than yours; your text was merged into it as new edits."
            self._notify(Notice(sentence, serious=True))
        self._on_admitted(migration.channel)
        self._on_caught_up(migration.channel)

    def _take_fresh_site(self) -> None:
        """Continue under a new site, because a copy of this replica uses ours elsewhere (F17)."""
        old = self.pad
        buffer = TextBuffer.decode(
            old.buffer.encode(), author=old.buffer.author, own_sites=old.buffer.own_sites
        )
        buffer.restore_steps([old.buffer.take_steps(whole=True)])
        fresh = Pad(buffer)
        fresh.stored, fresh.saved, fresh.held = old.stored, old.saved, old.held
        fresh.identity, fresh.ancestors, fresh.earlier = old.identity, old.ancestors, old.earlier
        fresh.unread, fresh.discards = old.unread, old.discards
        self._replace_pad(fresh, Patch())

    def _replace_pad(self, pad: Pad, patch: Patch, saver: Saver | None = None) -> None:
        """Switch to another pad; with a saver that one keeps it, and the present journal stays as it is."""
        old, self.pad = self.pad, pad
        if old.buffer.lineage != pad.buffer.lineage:
            self._forget_visit()
        old.on_patch.clear()
        old.on_news.clear()
        self._seen_stored, self._seen_saved, self._seen_people = pad.stored, pad.saved, pad.presences.end
        self._last_saved, self._began = pad.saved, pad.buffer.version
        if saver is None:
            self._journal.turn_to(pad)
        else:
            self._journal.leave(pad, saver)
        self._attach(pad)
        find = old.buffer.offset
        caret, mark = (None if anchor is None else find(anchor) for anchor in (self._caret, self._mark))
        if caret is not None:
            self._put_caret(patch.map_offset(caret), None if mark is None else patch.map_offset(mark))
        self._notify(Reset(patch))
        if self.ready:
            self._journal.replace()
        self._notify(StatusChanged())
        self._notify(PeopleChanged())


def _close_found(looking: asyncio.Task[list[tuple[Store, RestoredPad]]]) -> None:
    if not looking.cancelled() and looking.exception() is None:
        for store, _ in looking.result():
            with contextlib.suppress(StorageError):
                store.close()
