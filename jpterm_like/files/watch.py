"""Noticing that something happened to files that other programs may write.

    Watcher       what the server needs: files to follow, and a moment to look again
    ├── Polling   says so every second
    └── Watching  says so at once where the system tells (inotify, FSEvents), and every second anywhere else

A watcher only says *when* to look. What did happen is found out by whoever looks, so an event that is lost or comes
twice costs a moment and nothing else. The system tells nothing about network disks, and nothing about a folder that
was removed and made again; that is why `Watching` polls, too.

Folders are watched and not files: a file that is replaced in one step would be watched on as the one that it was. All
folders are one watch of the system's (`watchfiles`), in one thread.
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
STEP_MS: Final = 50
"""How often the thread looks whether the system has told something; more often costs more while nothing happens."""
FOLDERS_CHECK_MS: Final = 1000
"""How often it makes sure that the folders are still those that it watches."""
RETRY_S: Final = 30.0
"""After the system refused to watch: how long until the next try. Polling goes on meanwhile."""

log = logging.getLogger("jpterm_like.files.watch")


class Watcher(Protocol):
    """Tells when it is worth looking at files."""

    def follow(self, files: Iterable[Path]) -> None:
        """These are the files to tell about, with links resolved; all others are forgotten."""
        ...

    async def wait(self) -> None:
        """Return when something may have happened to one of them."""
        ...

    def close(self) -> None:
        """Give back what the system gave."""
        ...


class Polling:
    """Looks every second."""

    def follow(self, files: Iterable[Path]) -> None:
        pass

    async def wait(self) -> None:
        await asyncio.sleep(POLL_S)

    def close(self) -> None:
        pass


class Watching:
    """See the module. Made in the event loop that waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hint = asyncio.Event()
        self._anew = threading.Event()
        """Set when the thread is to look at `_files` and `_closed` again."""
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
        told = False
        while not self._closed:
            self._anew.clear()
            if self._closed:  # it was, between the two lines before
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
                if not told:
                    told = True
                    log.warning(
                        "The system watches no folders now, so files are looked at every second: %s", problem
                    )
                self._anew.wait(RETRY_S)

    def _watch(self, folders: frozenset[str], present: dict[str, tuple[int, int]]) -> None:
        """Tell of changes in these folders, until there are others to watch."""
        # Here and not above: a command that serves nothing need not load it.
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
            self._tell()  # for what happened before the watch stood
            for change in changes:
                if change:
                    self._tell()
                if any(_identity(folder) != present.get(folder) for folder in folders):
                    return

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed without us
            self._loop.call_soon_threadsafe(self._hint.set)


def _folders(files: Iterable[str]) -> frozenset[str]:
    return frozenset(os.path.dirname(file) for file in files)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
