"""The clipboard: keeps what was cut or copied, and shares it with the system if there is a tool for that.

Without a tool, as over ssh, the terminal is asked to keep it (OSC 52, see `render.screen`), and cannot be read back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

TOOL_S: Final = 0.7
"""How long to wait for the clipboard's tool, which waits for the program that owns the clipboard."""


class Tool(NamedTuple):
    """The commands that write and read the system's clipboard."""

    put: tuple[str, ...]
    take: tuple[str, ...]


def find_tool() -> Tool | None:
    """Find the tool for this desktop or terminal; None if there is none."""
    candidates = []
    if os.environ.get("TMUX"):  # tmux passes its buffer on to the terminal
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
    """The clipboard that all open texts share."""

    def __init__(self) -> None:
        self.text = ""
        """The text that was last cut or copied here."""
        self.tool = find_tool()
        self._worker: ThreadPoolExecutor | None = None
        self._putting: Future[bool] | None = None

    def put(self, text: str) -> bool:
        """Keep a text, and return whether a tool shares it with the system. Does not block."""
        self.text = text
        if self.tool is None:
            return False
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "clipboard")
        self._putting = self._worker.submit(_give, self.tool, text)
        return True

    def take(self) -> str:
        """Return the text that was copied last, here or by another program. Blocks for TOOL_S at most."""
        if self.tool is None:
            return self.text
        if self._putting is not None:
            try:
                if not self._putting.result(TOOL_S):
                    return self.text  # the system did not get ours: its text is older
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
        # These programs keep running to serve the clipboard; with a pipe as output we would wait for them.
        subprocess.run(
            tool.put,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_S * 3,
            check=True,
            cwd="/",  # so that "." in PATH finds no program of somebody else
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
