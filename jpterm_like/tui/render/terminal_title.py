"""The title of the terminal's window (OSC 2): the file's while the editor has the terminal, the former one afterwards.

Terminals keep the former title on a stack (CSI 22;2t and 23;2t); those without one, and the consoles that have no title, ignore both.
"""

from __future__ import annotations

import os
from typing import Any, Final

_PUSH: Final = "\x1b[22;2t"
_POP: Final = "\x1b[23;2t"


def set_title(driver: Any, title: str) -> None:
    """Set the title, a clean one."""
    driver.shown_title = title
    if _has_title():
        _push(driver)
        driver.write(f"\x1b]2;{title}\x07")
        driver.flush()


def _has_title() -> bool:
    return os.environ.get("TERM", "dumb") not in ("linux", "dumb", "vt100", "vt220")


def _push(driver: Any) -> None:
    if not getattr(driver, "has_pushed_title", False):
        driver.has_pushed_title = True
        driver.write(_PUSH)


def show_again(driver: Any) -> None:
    """Set the title that was shown before, if there was one; after the terminal was taken back."""
    if title := getattr(driver, "shown_title", ""):
        set_title(driver, title)


def give_back(driver: Any) -> None:
    """Restore the former title; before the terminal is given back."""
    if getattr(driver, "has_pushed_title", False):
        driver.has_pushed_title = False
        driver.write(_POP)
