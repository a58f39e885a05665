"""What was cut or copied: kept here, and handed to the system where there is a tool for it.

Without a tool, as over ssh, the terminal is asked to keep it (OSC 52, see `render.screen`); it cannot be asked back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

# A clipboard's owner may not answer; nobody waits longer for a key.
TOOL_S = 0.7


class Tool(NamedTuple):
    """Programs that put a text into the system's clipboard, and that print what is there."""

    put: tuple[str, ...]
    take: tuple[str, ...]


def find_tool() -> Tool | None:
    """The tool for where we run; None without one."""
    candidates = []
    if os.environ.get("TMUX"):  # its buffer, which it hands on to the terminal it runs in
        candidates.append(Tool(("tmux", "load-buffer", "-w", "-"), ("tmux", "save-buffer", "-")))
    if os.environ.get("WAYLAND_DISPLAY"):
        candidates.append(Tool(("wl-copy",), ("wl-paste", "--no-newline")))
    if os.environ.get("DISPLAY"):
        select = ("-selection", "clipboard")
        candidates.append(Tool(("xclip", *select), ("xclip", "-o", *select)))
        candidates.append(Tool(("xsel", "--clipboard", "--input"), ("xsel", "--clipboard", "--output")))
    if sys.platform == "darwin":
        candidates.append(Tool(("pbcopy",), ("pbpaste",)))
    return next((tool for tool in candidates if shutil.which(tool.put[0])), None)


class Clipboard:
    """One for all open texts."""

    def __init__(self) -> None:
        self.text = ""
        """What was cut or copied here last."""
        self.tool = find_tool()
        self._worker: ThreadPoolExecutor | None = None
        self._putting: Future[bool] | None = None

    def put(self, text: str) -> bool:
        """Keep a text; whether the system has a tool that takes it, too. Waits for nothing."""
        self.text = text
        if self.tool is None:
            return False
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "clipboard")
        self._putting = self._worker.submit(_give, self.tool, text)
        return True

    def take(self) -> str:
        """What other programs have copied since, or else what was copied here. Waits TOOL_S at most."""
        if self.tool is None:
            return self.text
        if self._putting is not None:
            try:
                if not self._putting.result(TOOL_S):
                    return self.text  # the system did not take ours: what it has is older
            except TimeoutError:
                return self.text
        try:
            found = subprocess.run(
                self.tool.take,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=TOOL_S,
                check=True,
                cwd="/",
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return self.text
        return found.decode("utf-8", "replace").replace("\0", "\ufffd") or self.text


def _give(tool: Tool, text: str) -> bool:
    try:
        # These programs stay and answer others; whoever keeps our output open would be waited for.
        subprocess.run(
            tool.put,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_S * 3,
            check=True,
            cwd="/",  # where a path such as "." finds no program of somebody else
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
