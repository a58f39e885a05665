"""Places on the command line: open one, explain why one cannot be used, and the commands `doctor` and `verify`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from jpterm_like.access.place_logins import KeptLogins, ask_on_terminal
from jpterm_like.cli.progress import Progress, size
from jpterm_like.cli.sync_notes import is_place_folder
from jpterm_like.errors import escape_for_terminal
from jpterm_like.packs.decisions import Standing
from jpterm_like.places.address import is_address, open_place
from jpterm_like.places.base import Moved, Place, in_sentence, nobody_counts
from jpterm_like.places.logins import Login
from jpterm_like.places.trial import try_place
from jpterm_like.places.verification import verify_place

REASONS: Final[Mapping[Standing, str]] = {
    Standing.EMPTY: "is empty",
    Standing.MARKER_GONE: "was a place of these texts and is none now: is its disk mounted, or was it emptied? Nothing was written",
    Standing.PACKS_WITHOUT_MARKER: "has packs, and the file that says whose they are is missing or on its way: nothing was written",
    Standing.OTHER_COLLECTION: "has other texts than this folder: nothing was read or written",
    Standing.SEVERAL_COLLECTIONS: "has packs of several collections, which must be parted by hand: nothing was read or written",
    Standing.NEWER: "was made by a newer release: update jpterm-like. Nothing was read or written",
}
"""Ends the sentence about a place that cannot be used, after `base.in_sentence`."""


def is_place(written: str) -> bool:
    """Whether an argument is a place, and no file, server or folder of texts: an address, or a folder with the file of a place."""
    if is_address(written) or written.startswith("file://"):
        return True
    with suppress(RuntimeError):  # nobody of that name has a home
        return is_place_folder(Path(written).expanduser())
    return False


def open_for_person(written: str, moved: Moved = nobody_counts) -> Place:
    """Open a place for the person at the terminal, who is asked for a password where one is wanted. Raises JptermError."""
    return open_place(written, KeptLogins.of_user(_AskOnTerminal()), asks=True, moved=moved)


class _AskOnTerminal:
    """Asks on the terminal, and says why it asks again."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        """The servers that somebody was asked for."""

    def __call__(self, server: str, user: str) -> Login | None:
        if server in self._asked:
            print(f"{escape_for_terminal(server)} does not take that name and password.", file=sys.stderr)
        login = ask_on_terminal(server, user)
        if login is not None:
            self._asked.add(server)
        return login


def doctor(written: str) -> int:
    """Try a place; print each finding, and whether documents can be carried by it. Return the exit code."""
    place = open_for_person(written)
    is_good = True
    for finding in try_place(place):
        is_good &= finding.is_good
        print(f"{'good' if finding.is_good else 'bad '}  {escape_for_terminal(finding.sentence)}", flush=True)
    print(
        f"{in_sentence(place)} is good enough: documents can be carried by it."
        if is_good
        else f"{in_sentence(place)} is not good enough to carry documents."
    )
    return 0 if is_good else 1


def verify(written: str) -> int:
    """Read every byte of a place; print what is damaged. Return the exit code."""
    progress = Progress()
    place = open_for_person(written, progress.moved)
    count = damaged = size_bytes = 0
    progress.say(f"Asking {place.address} what is there")
    try:
        for verdict in verify_place(place, progress.expect):
            count += 1
            damaged += bool(verdict.damage)
            size_bytes += verdict.size_bytes
            if verdict.damage:
                progress.end()
                print(f"damaged  {escape_for_terminal(verdict.name)}: {escape_for_terminal(verdict.damage)}")
    finally:
        progress.end()
    print(f"{count:,} {'file' if count == 1 else 'files'}, {size(size_bytes)}, {damaged:,} damaged.")
    return 1 if damaged else 0
