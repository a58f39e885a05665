"""Remember the carets, folds and tabs of this run, and reopen the files of the one before."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from jpterm_like.last_time import KeptTabs
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.outputs_commands import OutputsCommands

REMEMBER_S: Final = 3.0
"""How often carets and tabs are written while something changes: what a kill of the program may lose of them."""

WRITE_S_MAX: Final = 2.0
"""How long quitting waits for that: the disk may be slow, and another editor may be writing."""


class RememberingApp(OutputsCommands, is_whole=False):
    """The part of the app that remembers how it looked."""

    _had_several = False
    """Whether this run had several files open: one alone does not replace those of the run before."""

    def remember_regularly(self) -> None:
        if self.last_time is not None:
            self.set_interval(REMEMBER_S, self.remember)

    async def remember(self, *, leaving: bool = False) -> None:
        """Write what has changed since the last time."""
        if self.last_time is None:
            return
        for tab in self.editors:
            self.note_view(tab)
        if self._had_several:
            await asyncio.to_thread(self.last_time.tabs)  # those before can still be reopened
            self.last_time.note_tabs(self._kept_tabs())
        write = self.last_time.take(leaving=leaving)
        if write is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_S_MAX):
                    await asyncio.to_thread(write)

    def note_view(self, tab: Editor) -> None:
        """Note what is seen of a text, where the keyboard is if it has two views. An empty one has nothing to return to."""
        self._had_several = self._had_several or len(self.editors) > 1
        if self.last_time is None or not tab.session.ready:
            return
        seen = tab
        if self._current is not None and self._current.session is tab.session:
            seen = self._current
        from jpterm_like.tui.kept_view import kept_view

        self.last_time.note_view(tab.session.address, kept_view(seen) if len(tab.session.buffer) else None)

    def _kept_tabs(self) -> KeptTabs | None:
        if len(self.editors) < 2:
            return None
        sessions = self._sessions()
        first = next((index for index, editor in enumerate(self.editors) if editor.display), 0)
        current = first if self._current is None else sessions.index(self.session)
        second = None if self.second is None else sessions.index(self.second.session)
        addresses = tuple(session.address for session in sessions)
        return KeptTabs(addresses, current, first, second, second is not None and self._beside)

    def do_reopen_files(self) -> None:
        """Open the files that were open in this folder last time, as they were."""
        if self.last_time is None or self.catalog is None:
            self.say("Nothing is remembered here.")
            return
        self.run_worker(self._reopen_files(), exclusive=True, group="reopen", exit_on_error=False)

    async def _reopen_files(self) -> None:
        assert self.last_time is not None
        tabs = await asyncio.to_thread(self.last_time.tabs)
        if tabs is None:
            self.say("No files were open together here last time.")
            return
        for address in tabs.addresses:
            await self.open_address(address)
        opened = {session.address: session for session in self._sessions()}
        if (first := opened.get(tabs.addresses[tabs.first])) is not None:
            self._show_text(first)
        if tabs.second is not None and self.second is None and tabs.addresses[tabs.second] in opened:
            self._beside = tabs.beside
            self.arrange_views(self.size.width)
            session = opened[tabs.addresses[tabs.second]]
            self._split_with(session, next(editor for editor in self.editors if editor.session is session))
            if tabs.current == tabs.first != tabs.second:
                self.do_other_view()
