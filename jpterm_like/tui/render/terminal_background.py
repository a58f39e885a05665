"""Whether the terminal's background is light: asked when the editor takes the terminal (OSC 11), and told on changes (mode 2031).

Nobody waits for the answer. Terminals that know neither ignore both, and a multiplexer that does not pass them on answers nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from textual.message import Message

_ASK: Final = "\x1b]11;?\x1b\\"
_TELL: Final = "\x1b[?2031h"
_TELL_NO_MORE: Final = "\x1b[?2031l"

_COLOUR: Final = re.compile(r"\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_CHANGE: Final = re.compile(r"\x1b\[\?997;([12])n")
"""What mode 2031 tells: 1 is dark, 2 light (contour's "dark and light mode detection")."""

ANSWER_MAX: Final = 40
"""Characters of the longest answer with a colour."""


@dataclass
class TerminalBackground(Message):
    """The terminal told its background."""

    is_light: bool


def guess(environment: Mapping[str, str]) -> bool:
    """Whether the background is light, by what rxvt and Konsole say before they are asked; False where nobody says."""
    return environment.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def read_colour(answer: str) -> TerminalBackground | None:
    """Read the answer to OSC 11, from its bracket on and without its end."""
    found = _COLOUR.match(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return TerminalBackground(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)


def read_change(sequence: str) -> TerminalBackground | None:
    """Read what mode 2031 tells."""
    found = _CHANGE.fullmatch(sequence)
    return found and TerminalBackground(found[1] == "2")


def ask(driver: Any) -> None:
    """Ask now, and be told of changes."""
    if os.environ.get("TERM", "dumb") not in ("linux", "dumb", "vt100", "vt220"):
        driver.asked_background = True
        driver.write(_ASK + _TELL)
        driver.flush()


def give_back(driver: Any) -> None:
    """Be told no more; before the terminal is given back."""
    if getattr(driver, "asked_background", False):
        driver.asked_background = False
        driver.write(_TELL_NO_MORE)
