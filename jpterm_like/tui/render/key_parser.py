"""Parse terminal input that Textual's key parser gets wrong. Loaded by `render.screen`, which checks the version of
Textual.

Without the kitty protocol, alt and a key arrive as ESC and the key, but ESC also begins other sequences. Textual
waits a tenth of a second for more. Over a slow connection, or while a key is held down, more does arrive: it then
treats `alt+r` and the following input as one sequence, and types "^r" and the rest into the text. It also types
unknown sequences, such as answers to queries of another program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

_INTRODUCERS: Final = "[O]P_^X"
"""ESC and one of these begins something longer: CSI, SS3, OSC, DCS, APC, PM, SOS (ECMA-48, 5.3 to 5.6)."""

_STRING: Final = re.compile(r"\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Answers in the form of a terminated string, such as the terminal's colours. Pasted text contains no ESC."""

_UNKNOWN: Final = re.compile(r"\x1b\[(?!\[|\?[0-9;]*\$)[0-?]*[ -/]*[@-LN-ln-~]")
"""A control sequence that is complete (ECMA-48, 5.4), if it is not one of those for which Textual looks afterwards: the
mouse (M, m), the state of a mode; nor the function keys of Linux's console, which go on behind it."""

_HAPPENED: Final = re.compile(r"(\x1b\[[0-9:]*;[0-9]*):([123])((?:;[0-9:]*)?[A-Zu~])")
"""A key of the kitty protocol with what happened to it: 1 pressed, 2 repeated, 3 released."""

_NUMBERED: Final = re.compile(r"\x1b\[([0-9]+)(?:;[0-9]*)?~")
"""A key by its number; xterm sends modifiers and code point for keys without one (modifyOtherKeys)."""
_OTHER: Final = re.compile(r"\x1b\[27;([0-9]+);([0-9]+)~")


class KeyParser(XTermParser):
    """Textual's parser, corrected for quick keys with alt and for input that is no key."""

    def feed(self, data: str) -> Iterable[Message]:
        return super().feed(_STRING.sub("", data) if "\x1b" in data else data)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if happened := _HAPPENED.fullmatch(sequence):
            # We request presses only, but a killed program may have left other reports on.
            before, what, after = happened.groups()
            if what == "3":
                yield events.Key(Keys.Ignore, sequence)
                return
            sequence = before + after
        if other := _OTHER.fullmatch(sequence):
            sequence = "\x1b[{1};{0}u".format(*other.groups())
        numbered = _NUMBERED.fullmatch(sequence)
        if numbered and sequence not in ANSI_SEQUENCES_KEYS and f"{numbered[1]}~" not in FUNCTIONAL_KEYS:
            yield events.Key(Keys.Ignore, sequence)  # Textual would treat the number as a code point
            return
        if len(sequence) == 2 and sequence[0] == "\x1b" and sequence[1].isprintable():
            if sequence[1] in _INTRODUCERS:
                return
            known = [event for event in super()._sequence_to_key_events(sequence) if "+" in event.key]
            yield from known or self._sequence_to_key_events(sequence[1], alt=True)
            return
        known = []
        for event in super()._sequence_to_key_events(sequence, alt):
            # Textual only knows alt with letters; it would type the character after ESC.
            if alt and len(sequence) == 1 and sequence.isprintable() and "+" not in event.key:
                event = events.Key(f"alt+{event.key}", sequence)
            known.append(event)
        if not known and _UNKNOWN.fullmatch(sequence):
            known = [events.Key(Keys.Ignore, sequence)]
        yield from known
