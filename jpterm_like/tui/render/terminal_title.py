"""The title of the terminal's window (OSC 2): the file's while the editor has the terminal, the former one afterwards.

Terminals keep the former title on a stack (CSI 22;2t and 23;2t); those without one, and the consoles that have no title, ignore both.
"""

from __future__ import annotations

import os
from typing import Any, Final

from textual.drivers.linux_driver import LinuxDriver

_PUSH: Final = "\x1b[22;2t"
_POP: Final = "\x1b[23;2t"
_start, _stop = LinuxDriver.start_application_mode, LinuxDriver.stop_application_mode


def follow_terminal() -> None:
    """Let drivers give the title back whenever they give the terminal back: at the end, after a crash, while suspended."""
    LinuxDriver.start_application_mode = _start_with_title  # type: ignore[method-assign]
    LinuxDriver.stop_application_mode = _stop_with_title  # type: ignore[method-assign]


def set_title(driver: Any, title: str) -> None:
    """Set the title, a clean one."""
    driver.shown_title = title
    if _has_title() and (not isinstance(driver, LinuxDriver) or driver._writer_thread is not None):
        _push(driver)
        driver.write(f"\x1b]2;{title}\x07")
        driver.flush()


def _has_title() -> bool:
    return os.environ.get("TERM", "dumb") not in ("linux", "dumb", "vt100", "vt220")


def _push(driver: Any) -> None:
    if not getattr(driver, "has_pushed_title", False):
        driver.has_pushed_title = True
        driver.write(_PUSH)


def _start_with_title(self: Any) -> None:
    _start(self)  # type: ignore[no-untyped-call]
    title = getattr(self, "shown_title", "")
    if title and not self._must_signal_resume:  # else the terminal could not be taken back
        set_title(self, title)


def _stop_with_title(self: Any) -> None:
    if getattr(self, "has_pushed_title", False) and self._writer_thread is not None:
        self.has_pushed_title = False
        self.write(_POP)
    _stop(self)
