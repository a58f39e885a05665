"""`jpterm-like places`: with which places the texts of this machine are synced, and what waits. Asks no place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jpterm_like import clock
from jpterm_like.access.addresses import with_tilde
from jpterm_like.cli.waiting import Waiting, waiting_texts
from jpterm_like.collection import Collection, PlaceNote, find
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal

SHOWN_MAX: Final = 20
"""The most texts of one place that are listed for people; the others are counted."""


def list_places(*, as_json: bool) -> int:
    """Print a line for each place, and below it what waits there; return the exit code: 1 if something waits, or cannot be read."""
    unreadable: list[str] = []
    found = waits = False
    paths = Paths.of_user()
    collections = find(paths.state_folder, Path("/"), unreadable)
    for its_folder, known in sorted(collections, key=lambda each: each[1].folder):
        try:
            waiting = waiting_texts(paths, its_folder, known)
        except JptermError as problem:
            unreadable.append(str(problem))
            continue
        for address, note in sorted(known.places.items()):
            found, waits = True, waits or bool(waiting[address])
            if as_json:
                print(_as_json(known, address, note, waiting[address]))
            else:
                print(escape_for_terminal(_line(known, address, note, waiting[address])))
                for line in _texts(waiting[address]):
                    print(f"    {escape_for_terminal(line)}")
    for sentence in unreadable:
        print(f"jpterm-like: {escape_for_terminal(sentence)}", file=sys.stderr)
    if not found and not unreadable and not as_json:
        print("Nothing is synced: see jpterm-like sync --help.")
    return 1 if unreadable or waits else 0


def _line(known: Collection, address: str, note: PlaceNote, waiting: Waiting) -> str:
    if not note.contact_s:
        when = "never reached"
    else:
        when = f"last contact {clock.words(note.contact_s)}"
    count = sum(waiting.values())
    waits = (
        f"{count:,} {'change waits' if count == 1 else 'changes wait'}"
        if count
        else "files wait"
        if waiting
        else "nothing waits"
    )
    there = with_tilde(Path(address)) if address.startswith("/") else address
    return f"{with_tilde(known.folder)}  {there}  {when}, {waits}"


def _texts(waiting: Waiting) -> Iterator[str]:
    """Yield a line for each text that waits, those with most changes first."""
    texts = sorted(waiting.items(), key=lambda each: (-each[1], each[0]))
    for name, count in texts[:SHOWN_MAX]:
        yield f"{count:,} in {name}" if count else f"{name} is new, or was changed by another program"
    if len(texts) > SHOWN_MAX:
        yield f"and {len(texts) - SHOWN_MAX:,} more; --json lists all"


def _as_json(known: Collection, address: str, note: PlaceNote, waiting: Waiting) -> str:
    facts = {
        "folder": str(known.folder),
        "place": address,
        "contact": int(note.contact_s) or None,
        "waiting": sum(waiting.values()),
        "texts": waiting,
    }
    return json.dumps(facts)
