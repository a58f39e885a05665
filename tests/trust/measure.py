"""What this process and others take of the machine."""

from __future__ import annotations

import gc
import os
from pathlib import Path


def rss_mib(pid: int | None = None) -> float:
    """Memory that a process holds now (this one without `pid`), garbage of ours collected before."""
    if pid is None:
        gc.collect()
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
