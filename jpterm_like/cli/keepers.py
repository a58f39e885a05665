"""Start the processes that keep folders in step with their places (`keeping`)."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path


class Keepers:
    """The processes that one editor or server has started, at most one for each folder."""

    def __init__(self) -> None:
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    def keep(self, folder: Path) -> None:
        """Have a folder kept in step from now on. Blocks for a moment. A process that ended by itself is not started again."""
        if (process := self._processes.get(folder)) is not None:
            process.poll()
            return
        with suppress(OSError):
            self._processes[folder] = subprocess.Popen(
                [sys.executable, "-P", "-m", "jpterm_like.cli.keeping", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # what ends the editor's terminal does not end the last exchange
            )
