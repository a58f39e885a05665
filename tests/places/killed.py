"""A process that runs `sync` in forks of itself, and lets them kill themselves: at a call, or at a byte.

Reads lines of JSON, [first, second, {"call": 3, "after": true} or {"bytes": 1234} or {}] for two places, [place, folder, who, {...}] for a
place and the texts of a person in a folder. Writes the exit code of each; -9 if it was killed. With texts, the server of the folder is in the
same process and dies with it, and calls that change files count as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from jpterm_like.cli import sync, sync_places
from jpterm_like.places.address import open_place
from jpterm_like.places.base import nobody_counts
from tests.cli.syncing import Person

CHANGING: Final = ("write", "rename", "link", "unlink", "fsync", "fdatasync", "ftruncate")
"""Calls of the system that change files, or flush them."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


calls = 0
"""Those that were counted."""


def mortal(call: Callable[..., Any], at: int, *, after: bool) -> Callable[..., Any]:
    """Return the call as one that ends this process if it is the counted one of this number."""

    def counted(*arguments: Any, **named: Any) -> Any:
        global calls
        calls += 1
        is_last = calls == at
        if is_last and not after:
            die()
        found = call(*arguments, **named)
        if is_last:
            die()
        return found

    return counted


class Mortal:
    """A place whose caller dies at a call."""

    def __init__(self, place: Any, at: int, *, after: bool) -> None:
        self._place = place
        self._at = at
        self._after = after
        self.address = place.address
        self.list, self.read, self.write, self.remove = map(
            self._counted, (place.list, place.read, place.write, place.remove)
        )

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        return mortal(call, self._at, after=self._after)


def opener(kill: dict[str, Any]) -> Callable[..., Any]:
    """What opens places that die as `kill` says."""
    left = kill.get("bytes", sys.maxsize)

    def opened(written: str, moved: Callable[[int], None] = nobody_counts) -> Any:
        def dies(count: int) -> None:
            nonlocal left
            left -= count
            if left <= 0:
                die()
            moved(count)

        return Mortal(open_place(written, moved=dies), kill.get("call", 0), after=kill.get("after", False))

    return opened


def sync_two(first: str, second: str, kill: dict[str, Any]) -> int:
    sync_places.open_for_person = opener(kill)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return sync_places.sync_places(first, second, dry_run=False, as_json=False)


def sync_texts(place: str, folder: str, who: str, kill: dict[str, Any]) -> int:
    """Sync the texts of a person; the home of each is in the folder, too."""
    patches = pytest.MonkeyPatch()
    person = Person(Path(folder), who, patches)
    patches.setattr(sync, "open_for_person", opener(kill))
    if "call" in kill:
        for name in CHANGING:
            patches.setattr(os, name, mortal(getattr(os, name), kill["call"], after=kill["after"]))
    facts = person.sync(place)
    if "refused" in facts:
        print(facts["refused"], file=sys.stderr, flush=True)
    return 0 if facts["same"] else 1


def main() -> None:
    for kind in ("webdav", "sftp", "s3"):
        with contextlib.suppress(ImportError):
            __import__(f"jpterm_like.places.{kind}")
    for line in sys.stdin:
        arguments = json.loads(line)
        if (child := os.fork()) == 0:
            code = 70
            try:
                code = (sync_two if len(arguments) == 3 else sync_texts)(*arguments)
            except BaseException:  # noqa: BLE001 (a fork must not go on as its parent)
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
