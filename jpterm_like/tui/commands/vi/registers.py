"""Registers: what was copied and deleted, by name. The unnamed one is shared with the clipboard of the editor."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands.editing import Editing, unify_newlines

Kind = Literal["char", "line", "block"]

NAMES: Final = "abcdefghijklmnopqrstuvwxyz"


class Register(NamedTuple):
    """Some text: lines, and how they are put in."""

    lines: tuple[str, ...]
    kind: Kind = "char"
    width: int = 0
    """Of a block, the cells to which its lines are filled up; longer ones are wider."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n" * (self.kind == "line")


class Registers:
    """The registers of one editor: `"` unnamed, 0 to 9, - for small deletions, a to z, _ (nothing is kept), + and *."""

    def __init__(self, editor: Editing) -> None:
        self._editor = editor
        self._kept: dict[str, Register] = {}
        self._last = '"'
        """The register that the unnamed one points to."""
        self._shared = ""
        """What the clipboard was given last."""
        self._unshared: Register | None = None
        """A text that the clipboard has not been given yet; a macro that deletes much gives only the last."""
        self._asked = False
        self.inserted = ""
        self.line = ""
        self.pattern = ""

    @property
    def _clipboard(self) -> Clipboard:
        return self._editor.clipboard

    def is_name(self, name: str) -> bool:
        return len(name) == 1 and name in '"0123456789-_+*.:/%' + NAMES + NAMES.upper()

    def settle(self) -> None:
        """Give the clipboard what was copied last. Called when the keys that came together are done."""
        found, self._unshared = self._unshared, None
        self._asked = False
        if found is not None and (text := found.text):
            self._shared = text
            self._editor.to_clipboard(text)

    def yank(self, name: str, found: Register) -> None:
        self._set(name or "0", found)

    def delete(self, name: str, found: Register, big: bool) -> None:
        """Keep what was deleted: lines and `big` ones in 1 to 9, others in -."""
        if name == "_":
            return
        unnamed = name in ("", '"')
        small = len(found.lines) == 1 and found.kind != "line"
        if not unnamed:
            self._set(name, found)
        if big or not small:
            for number in range(9, 1, -1):
                if str(number - 1) in self._kept:
                    self._kept[str(number)] = self._kept[str(number - 1)]
            self._kept["1"] = found
            if unnamed:
                self._point("1", found)
        if unnamed and small:
            self._kept["-"] = found
            self._point("-", found)

    def _set(self, name: str, found: Register) -> None:
        if name == "_":
            return
        if name == '"':
            name = "0"
        if name.isupper():
            name = name.lower()
            found = _appended(self._kept.get(name), found)
        if name in "+*":
            name = "+"
        self._kept[name] = found
        self._point(name, found)

    def set_keys(self, name: str, keys: str) -> None:
        """Keep a recorded macro; a capital appends."""
        found = Register(tuple(keys.split("\n")))
        if name.isupper():
            name = name.lower()
            found = _appended(self._kept.get(name), found)
        self._kept[name] = found

    def _point(self, name: str, found: Register) -> None:
        self._last = name
        self._unshared = found

    def get(self, name: str) -> Register | None:
        """The text of a register; None if it is empty."""
        name = name.lower() or '"'
        if name == "_":
            return None
        if name in ".:/%":
            text = {".": self.inserted, ":": self.line, "/": self.pattern, "%": self._editor.session.title}[
                name
            ]
            return Register(tuple(text.split("\n"))) if text else None
        if name in '"+*':
            return self._from_clipboard('"' if name == '"' else "+")
        return self._kept.get(name)

    def _from_clipboard(self, name: str) -> Register | None:
        if self._unshared is None and not self._asked:
            # Only once for keys that come together: the clipboard's tool may take a while.
            self._asked = True
            text = unify_newlines(self._clipboard.take())
            if text and text != self._shared:
                self._shared = text
                is_lines = text.endswith("\n")
                found = Register(tuple(text.removesuffix("\n").split("\n")), "line" if is_lines else "char")
                self._kept["+"] = found
                self._last = "+"
        return self._kept.get(self._last)


def _appended(old: Register | None, new: Register) -> Register:
    if old is None:
        return new
    if "line" in (old.kind, new.kind):
        return Register(old.lines + new.lines, "line")
    return Register((*old.lines[:-1], old.lines[-1] + new.lines[0], *new.lines[1:]), old.kind)
