"""A process that runs `sync PLACE PLACE` in forks of itself, and lets them kill themselves: at a call to a place, or at a byte.

Reads lines of JSON, [first, second, {"call": 3, "after": true} or {"bytes": 1234} or {}], and writes the exit code of each; -9 if it was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from jpterm_like.cli import sync_places
from jpterm_like.places.address import open_place


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A place whose caller dies at a call."""

    calls = 0

    def __init__(self, place: Any, at: int, *, after: bool) -> None:
        self._place = place
        self._at = at
        self._after = after
        self.address = place.address
        self.list, self.read, self.write, self.remove = map(
            self._counted, (place.list, place.read, place.write, place.remove)
        )

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            Mortal.calls += 1
            is_last = Mortal.calls == self._at
            if is_last and not self._after:
                die()
            found = call(*arguments)
            if is_last:
                die()
            return found

        return counted


def run(first: str, second: str, kill: dict[str, Any]) -> int:
    left = kill.get("bytes", sys.maxsize)

    def opened(written: str, moved: Callable[[int], None]) -> Any:
        def dies(count: int) -> None:
            nonlocal left
            left -= count
            if left <= 0:
                die()
            moved(count)

        return Mortal(open_place(written, moved=dies), kill.get("call", 0), after=kill.get("after", False))

    sync_places.open_for_person = opened
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return sync_places.sync_places(first, second, dry_run=False, as_json=False)


def main() -> None:
    for kind in ("webdav", "sftp", "s3"):
        with contextlib.suppress(ImportError):
            __import__(f"jpterm_like.places.{kind}")
    for line in sys.stdin:
        first, second, kill = json.loads(line)
        if (child := os.fork()) == 0:
            code = 70
            try:
                code = run(first, second, kill)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
