"""The word beside "saved": what the places that a text is synced with have of it.

Loaded once texts of this machine are synced. The notes are read in a thread, and no key waits for them; only changes that no sync has
seen yet are counted here, whenever there are other ones.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from time import time
from typing import Final
from weakref import WeakKeyDictionary

from crdt import Version
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.ports import EditorSession, PlaceState, SyncNotes
from jpterm_like.tui.text.cells import clean, cut
from jpterm_like.tui.widgets.status_bar import SyncWord

ALARM_S: Final = 60.0
"""A place may be in trouble for so long before that is said in a colour."""
NAME_CELLS_MAX: Final = 12
"""The name of a place or a person is cut to this width."""


def place_name(address: str) -> str:
    """Return a short name for a place: the first part of its host, its bucket, or the last part of its path.

    >>> place_name("webdavs://nas.example.org/team"), place_name("s3://texts/team"), place_name("/home/ann/Dropbox/team")
    ('nas', 'texts', 'team')
    >>> place_name("sftp://ann@192.168.1.7:2222/team")
    '192.168.1.7'
    """
    _, is_address, rest = address.partition("://")
    if is_address and (host := rest.partition("/")[0].rpartition("@")[2]):
        host = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        name = host if re.fullmatch(r"[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*", host) else host.partition(".")[0]
    else:
        name = address.rstrip("/").rpartition("/")[2]
    return cut(clean(name or address, 80), NAME_CELLS_MAX)


def sync_word(state: PlaceState, beyond: int | None, now: float) -> SyncWord:
    """Say what a place has of a text.

    Args:
        beyond: changes of the text that no sync has seen yet; None: very many.
        now: wall clock.
    """
    name = place_name(state.address)
    is_counted = beyond is not None and state.waiting >= 0
    count = state.waiting + (beyond or 0) if is_counted else 0
    waits = count > 0 or not is_counted
    number = f" {count:,}" if is_counted else ""
    if state.trouble == "read only":
        return SyncWord(f"{name}: may only read", f"{name}: may only read", "waits")
    if state.trouble:
        said = {"unreached": "not reached", "refused": "refuses"}.get(state.trouble, "stopped")
        rest = f",{number or ' all'} {'waits' if count == 1 else 'wait'}" if waits else ""
        brief = f" ↑{count:,}" if count else ""
        is_alarm = waits and now - state.trouble_s >= ALARM_S
        return SyncWord(f"{name} {said}{rest}", f"{name} {said}{brief}", "alarm" if is_alarm else "waits")
    if waits:
        return SyncWord(f"↑{number} {name}", f"↑ {name}", "waits")
    if state.coming:
        who, packs = max(state.coming.items(), key=lambda each: (each[1], each[0]))
        who = cut(clean(who, 80), NAME_CELLS_MAX)
        return SyncWord(f"↓ {f'{who}: ' if who else ''}{packs:,} on their way", f"↓ {who or name}", "waits")
    return SyncWord(f"in {name}", f"in {name}")


def sync_words(states: Iterable[PlaceState], beyond: int | None, now: float) -> tuple[SyncWord, ...]:
    """Say it for each place, most urgent first."""
    words = [sync_word(state, beyond, now) for state in states]
    return tuple(sorted(words, key=lambda word: ("alarm", "waits", "well").index(word.state)))


def _is_left_out(editor: Editor) -> bool:
    """Whether the text is not synced, though its folder is: a notebook."""
    return editor.renderer.marks_cells and not editor.session.known.is_text


class SyncWatch:
    """Keeps the words of all texts that are open."""

    def __init__(self, notes: SyncNotes) -> None:
        self._notes = notes
        self._task: asyncio.Task[None] | None = None
        self._counted: WeakKeyDictionary[EditorSession, tuple[Version, Version, int | None]] = (
            WeakKeyDictionary()
        )
        """The text's version, what of it was carried, and how many changes lie between."""

    def look(self, editors: Sequence[Editor]) -> None:
        """Bring the words up to date, soon."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look(editors))

    async def _look(self, editors: Sequence[Editor]) -> None:
        addresses = sorted({editor.session.address for editor in editors})
        found = await asyncio.to_thread(self._notes.look, addresses)
        now = time()
        for editor in editors:
            states = found.get(editor.session.address, [])
            is_shown = editor.session.ready and bool(states) and not _is_left_out(editor)
            words = (
                sync_words(states, self._beyond(editor.session, states[0].carried), now) if is_shown else ()
            )
            if words != editor.synced:
                editor.synced = words
                if editor.is_attached:
                    editor.update(now=False)

    def _beyond(self, session: EditorSession, carried: Version) -> int | None:
        version = session.buffer.version
        known = self._counted.get(session)
        if known is not None and known[0] == version and known[1] == carried:
            return known[2]
        count = self._notes.changes_beyond(session.buffer, carried)
        self._counted[session] = version, carried, count
        return count
