"""Ask git for the text of a file as of the last commit.

Only the object itself is asked for, as it is stored, which needs none of the programs that a repository's configuration may name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from threading import Timer
from typing import Final

from jpterm_like.files import safe_git
from jpterm_like.files.charsets import UNKNOWN, Known
from jpterm_like.files.read import NotText, text_of

GIT_S: Final = 5.0
"""How long git may take: a repository may be on a slow network."""

COMMITTED_BYTES_MAX: Final = 20 * 1024 * 1024
"""The largest file that is taken."""


def committed_text(path: Path, known: Known = UNKNOWN) -> str | None:
    """The text of a file in HEAD, in the charset that the file is known to have; None if it is in no repository, not committed, no text, or git is missing or slow. Blocks."""
    path = Path(os.path.realpath(path))
    if not any(os.path.lexists(folder / ".git") for folder in path.parents):
        return None
    git = safe_git.find_git()
    if git is None:
        return None
    options = [*safe_git.OPTIONS, "-c", "safe.bareRepository=explicit", "-C", str(path.parent)]
    raw = _run([git, *options, "cat-file", "blob", f"HEAD:./{path.name}"])
    try:
        return None if raw is None else text_of(raw, path, known).text
    except NotText:
        return None


def _run(command: list[str]) -> bytes | None:
    """What a command prints; None if it fails, prints too much or takes too long."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=safe_git.environment(),
            start_new_session=True,
        )
    except OSError:
        return None

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    with process:
        assert process.stdout is not None
        timer = Timer(GIT_S, end)
        timer.start()
        try:
            raw = process.stdout.read(COMMITTED_BYTES_MAX + 1)
            if len(raw) > COMMITTED_BYTES_MAX:
                end()
            code = process.wait()
        finally:
            timer.cancel()
    return raw if code == 0 and len(raw) <= COMMITTED_BYTES_MAX else None
