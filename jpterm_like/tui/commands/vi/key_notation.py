"""Keys as commands and registers see them: a character, or a name if there is none; in a register, its control character."""

from __future__ import annotations

from typing import Final

Key = tuple[str, str]
"""A key as Textual names it, and its character."""

_NAMED: Final = {
    "enter",
    "tab",
    "escape",
    "backspace",
    "delete",
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
}
_WRITTEN: Final = {"escape": "\x1b", "enter": "\r", "tab": "\t", "backspace": "\x7f"}
_READ: Final = {"\x1b": "escape", "\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace"}


def sign_of(key: Key) -> str:
    """The character of a key, or its name if it has none."""
    name, character = key
    if name.startswith("ctrl+") or name in _NAMED or not character or not character.isprintable():
        return name
    return character


def write_key(key: Key) -> str:
    """A key as a register keeps it: a letter, or its control character."""
    name, character = key
    if name in _WRITTEN:
        return _WRITTEN[name]
    if name.startswith("ctrl+") and len(name) == 6:
        return chr(ord(name[5]) & 31)
    if character and character.isprintable():
        return character
    return f"\ue000{name}\ue001"  # private letters around the name of a key without a character


def read_keys(written: str) -> list[Key]:
    """The keys that a register keeps."""
    keys: list[Key] = []
    at = 0
    while at < len(written):
        sign = written[at]
        at += 1
        if sign == "\ue000" and (end := written.find("\ue001", at)) >= 0:
            keys.append((written[at:end], ""))
            at = end + 1
        elif sign in _READ:
            keys.append((_READ[sign], {"\r": "\r", "\n": "\r", "\t": "\t"}.get(sign, "")))
        elif sign < " ":
            keys.append((f"ctrl+{chr(ord(sign) | 96)}", ""))
        else:
            keys.append((sign, sign))
    return keys
