"""Open an address with the program that the system has for it. Over ssh there is none.

Python's `webbrowser` also takes browsers of the terminal, which would write over the editor.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from threading import Thread
from typing import Final
from urllib.parse import quote

from jpterm_like.tui.text.links import is_web

FAILS_WITHIN_S: Final = 2.0
"""A program that has not failed after this time has opened the address; it may be the browser itself, and run on."""


async def open_address(address: str) -> bool:
    """Open a web or mail address, and return whether a program took it."""
    return await asyncio.to_thread(_open, address)


def _open(address: str) -> bool:
    command = opener()
    if command is None or not is_web(address):
        return False
    try:
        process = subprocess.Popen(
            [*command, _quoted(address)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # without a terminal, so that a browser of the terminal fails instead of writing here
        )
    except OSError:
        return False
    try:
        return process.wait(FAILS_WITHIN_S) == 0
    except subprocess.TimeoutExpired:
        Thread(target=process.wait, daemon=True).start()
        return True


def opener() -> list[str] | None:
    """The command that opens an address: $BROWSER, or the desktop's; None where there is no desktop."""
    wanted = os.environ.get("BROWSER", "").split(os.pathsep)[0].strip()
    names = [wanted] if wanted and "%" not in wanted and " " not in wanted else []
    if sys.platform == "darwin":
        names += [] if "SSH_CONNECTION" in os.environ else ["open"]
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        names += ["xdg-open"]
    elif os.environ.get("WSL_DISTRO_NAME"):
        names += ["wslview", "explorer.exe"]
    for name in names:
        found = shutil.which(name)
        if found is not None and os.path.isabs(found):
            return [found]
    return None


def _quoted(address: str) -> str:
    """Encode the signs that mean something to a shell: the opener may be a script that takes little care."""
    return re.sub(r"[\"'`$\\|;<>{}^ *()!]", lambda sign: quote(sign[0], safe=""), address)
