"""Curly underlines, where the terminal is known to draw them: elsewhere their code may be taken for colours.

Rich knows no such line. A style that asks for two lines (`underline2`), which nothing else here does, is encoded as a curly red one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNDERCURL: Final = "4:3;58:5:1"
"""A curly line (4:3, of kitty) in the colour 1 of the terminal, red."""

TERMS: Final = ("xterm-kitty", "xterm-ghostty", "wezterm", "foot", "alacritty", "contour", "tmux")
"""Beginnings of the names of terminals that draw it. tmux turns it into a plain line where the terminal around it does not."""

PROGRAMS: Final = ("iTerm.app", "WezTerm", "ghostty", "vscode", "rio")


def can_undercurl(environment: Mapping[str, str]) -> bool:
    """Whether the terminal draws curly underlines."""
    vte, konsole = environment.get("VTE_VERSION", ""), environment.get("KONSOLE_VERSION", "")
    return (
        environment.get("TERM", "").startswith(TERMS)
        or environment.get("TERM_PROGRAM", "") in PROGRAMS
        or (vte.isdecimal() and int(vte) >= 5200)
        or (konsole.isdecimal() and int(konsole) >= 220400)
    )


def with_undercurl(codes: str) -> str:
    """Turn the code of two lines in a sequence that selects a style into that of a curly one; colours are left alone."""
    if "21" not in codes:
        return codes
    numbers = codes.removeprefix("\x1b[").removesuffix("m").split(";")
    place = 0
    while place < len(numbers):
        if numbers[place] in ("38", "48"):  # a colour: 5 and its number, or 2 and its three parts
            place += 2 if numbers[place + 1 : place + 2] == ["5"] else 4
        elif numbers[place] == "21":
            numbers[place] = UNDERCURL
        place += 1
    return f"\x1b[{';'.join(numbers)}m"
