"""The process that keeps a folder in step with its places while its texts are open: `python -P -m jpterm_like.cli.keeping FOLDER`.

An editor starts it for the texts that it has open, and `serve` for its folder, so it has the environment of the person's own session, with
the keys that ssh and buckets need; and no exchange holds up a key. It asks nobody: a place that wants a password which is not kept is left alone, and the
bottom line says so. It ends after one last exchange when its standard input does, however the editor ended.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from jpterm_like import collection as collections
from jpterm_like.access.place_logins import KeptLogins
from jpterm_like.cli.progress import Progress
from jpterm_like.cli.sync import Pace, SyncRun, wait_for
from jpterm_like.collection import Collection
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.places.address import open_place

LOCK: Final = "keeping"
"""Held by the one process that keeps a collection in step; the others wait for it."""
WAIT_S: Final = 2.0
"""Interval at which they look whether it ended."""


class _Kept:
    """A place that the folder is kept in step with."""

    def __init__(self, address: str, folder: Path) -> None:
        place = open_place(address, KeptLogins.of_user(lambda server, user: None))
        self.address = address
        self.run = SyncRun(place, folder, None, Progress(is_shown=False))
        self.pace = Pace(place)


def main(folder: Path) -> int:
    """Keep a folder in step until standard input ends."""
    found = next(
        (
            each
            for each in collections.find(Paths.of_user().state_folder, folder, [])
            if each[1].folder == folder
        ),
        None,
    )
    if found is None:
        return 1
    with _alone(found[0]) as is_alone:
        if is_alone:
            _keep(*found)
    return 0


def _keep(its_folder: Path, known: Collection) -> None:
    kept: list[_Kept] = []
    for address, note in sorted(known.places.items()):
        with suppress(JptermError):  # a library is missing, or an address of an older release: `sync` says so
            if note.was_ready:
                kept.append(_Kept(address, known.folder))
    is_last = False
    while kept and not is_last:
        is_last = wait_for([each.pace for each in kept], _has_ended)
        for each in list(kept):
            each.run.look_again(each.pace, "", lambda totals: None, asks=is_last or each.pace.asks_place)
            with suppress(JptermError):
                now = collections.load(its_folder)
                if now is None:
                    return
                if each.address not in now.places or now.places[each.address].trouble == "refused":
                    kept.remove(each)  # a wrong password, tried again and again, locks people out


@contextmanager
def _alone(its_folder: Path) -> Iterator[bool]:
    """Wait until no other process keeps the collection; gives False if standard input ended before."""
    descriptor = private.open_file(its_folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if _has_ended(WAIT_S):
                    yield False
                    return
                continue
            yield True
            return
    finally:
        os.close(descriptor)


def _has_ended(wait_s: float) -> bool:
    """Wait, at most until standard input ends; return whether it has."""
    until = time.monotonic() + wait_s
    while (left := until - time.monotonic()) > 0:
        if select.select([0], [], [], left)[0] and not os.read(0, 4096):
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
