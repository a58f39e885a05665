"""Watch files that other programs may change.

    Watcher       the port: a set of files, and a wait for the next look
    ├── Polling   returns every second
    └── Watching  returns on an event where the system has them (inotify, FSEvents), and every second anyway

A watcher only says *when* to look; the caller then compares the files. So an event that is lost or comes
twice costs a moment and nothing else. The system sends no events for network disks, nor for a folder that
was removed and created again; therefore `Watching` polls, too.

Folders are watched and not files: after a file was replaced, its watch would follow the old one. All
folders share one watch of the library `watchfiles`, in one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

POLL_S: Final = 1.0
"""Pause between two looks."""
STEP_MS: Final = 50
"""Interval in which the library collects events; a shorter one costs more while nothing happens."""
FOLDERS_CHECK_MS: Final = 1000
"""Interval in which the thread checks that the watched folders were not replaced."""
RETRY_S: Final = 30.0
"""Pause before another try after the system refused a watch. Polling continues meanwhile."""

log = logging.getLogger("jpterm_like.files.watch")


class Watcher(Protocol):
    """Says when to look at files again."""

    def follow(self, files: Iterable[Path]) -> None:
        """Set the files to watch, with links resolved; all others are dropped."""
        ...

    async def wait(self) -> None:
        """Return when one of them may have changed."""
        ...

    def close(self) -> None:
        """End the watch."""
        ...


class Polling:
    """Returns every second."""

    def follow(self, files: Iterable[Path]) -> None:
        pass

    async def wait(self) -> None:
        await asyncio.sleep(POLL_S)

    def close(self) -> None:
        pass


class Watching:
    """Returns on an event of the system, and every second. Must be created in the event loop that waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hint = asyncio.Event()
        self._anew = threading.Event()
        """Set when the thread must read `_files` and `_closed` again."""
        self._files: frozenset[str] = frozenset()
        self._closed = False
        self._thread: threading.Thread | None = None

    def follow(self, files: Iterable[Path]) -> None:
        followed = frozenset(map(str, files))
        if followed == self._files:
            return
        folders_before, self._files = _folders(self._files), followed
        if _folders(followed) != folders_before:
            self._anew.set()
        if self._thread is None and followed:
            self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
            self._thread.start()

    async def wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._hint.wait()
        self._hint.clear()

    def close(self) -> None:
        self._closed = True
        self._anew.set()
        if self._thread is not None:
            self._thread.join()

    # ------------------------------------------------------------------ in the thread

    def _work(self) -> None:
        is_logged = False
        while not self._closed:
            self._anew.clear()
            if self._closed:  # set between the two lines above
                return
            folders = _folders(self._files)
            present = {folder: number for folder in folders if (number := _identity(folder)) is not None}
            try:
                if present:
                    self._watch(folders, present)
                else:
                    self._anew.wait(POLL_S)
            except (
                OSError,
                RuntimeError,
            ) as problem:  # what the library raises, WatchfilesRustInternalError too
                if not is_logged:
                    is_logged = True
                    log.warning(
                        "The system refused to watch folders, so files are polled every second: %s", problem
                    )
                self._anew.wait(RETRY_S)

    def _watch(self, folders: frozenset[str], present: dict[str, tuple[int, int]]) -> None:
        """Report changes in these folders, until the set of folders changes or one is replaced."""
        # Loaded here because a command that serves nothing does not need it.
        import watchfiles

        changes = watchfiles.watch(
            *present,
            recursive=False,
            watch_filter=lambda change, path: path in self._files or path in folders,
            step=STEP_MS,
            debounce=4 * STEP_MS,
            rust_timeout=FOLDERS_CHECK_MS,
            yield_on_timeout=True,
            stop_event=self._anew,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        )
        with contextlib.closing(changes):
            self._tell()  # for changes before the watch began
            for change in changes:
                if change:
                    self._tell()
                if any(_identity(folder) != present.get(folder) for folder in folders):
                    return

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._hint.set)


def _folders(files: Iterable[str]) -> frozenset[str]:
    return frozenset(os.path.dirname(file) for file in files)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
