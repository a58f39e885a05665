"""`jpterm-like places`: with which places the texts of this machine are synced, and what waits. Asks no place."""

from __future__ import annotations

import json
import sys
import time

from jpterm_like.collection import Collection, PlaceNote, all_of
from jpterm_like.config import Paths
from jpterm_like.errors import escape_for_terminal


def list_places(*, as_json: bool) -> int:
    """Print a line for each place; return the exit code: 1 if something waits to be sent, or some notes cannot be read."""
    unreadable: list[str] = []
    found = [
        (known, address, note)
        for known in all_of(Paths.of_user().state_folder, unreadable)
        for address, note in sorted(known.places.items())
    ]
    for known, address, note in found:
        print(_as_json(known, address, note) if as_json else escape_for_terminal(_line(known, address, note)))
    for sentence in unreadable:
        print(f"jpterm-like: {escape_for_terminal(sentence)}", file=sys.stderr)
    if not found and not unreadable and not as_json:
        print("Nothing is synced: see jpterm-like sync --help.")
    return 1 if unreadable or any(note.unsent_changes for _, _, note in found) else 0


def _line(known: Collection, address: str, note: PlaceNote) -> str:
    if not note.contact_s:
        when = "never reached"
    else:
        when = time.strftime("last contact %Y-%m-%d %H:%M", time.localtime(note.contact_s))
    waiting = note.unsent_changes
    waits = (
        "everything waits"
        if waiting < 0
        else f"{waiting:,} {'change waits' if waiting == 1 else 'changes wait'}"
        if waiting
        else "nothing waited after the last sync"
    )
    return f"{known.folder}  {address}  {when}, {waits}"


def _as_json(known: Collection, address: str, note: PlaceNote) -> str:
    facts = {
        "folder": str(known.folder),
        "place": address,
        "contact": int(note.contact_s) or None,
        "waiting": None if note.unsent_changes < 0 else note.unsent_changes,
    }
    return json.dumps(facts)
