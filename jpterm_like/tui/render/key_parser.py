"""Turn what a terminal sends into keys, pastes, mouse events and answers. Loaded by `render.screen`, which checks the version of
Textual.

A tokenizer of our own stands in front of Textual's parser, which only reads single complete sequences. Textual gives a sequence
up when nothing follows for a tenth of a second, and then types what it has: over a slow line a cut key types its letters, and a
paste whose end mark was cut makes the keyboard deaf. It also takes an ESC in a paste for the start of a key. Here:

- In a paste only its end mark counts, however it is cut. A paste without an end is over after `PASTE_SILENCE_S`.
- A sequence that has begun is waited for. Only an ESC with nothing behind it becomes a key by the clock.
- What cannot be read is ignored. Nothing of a sequence is ever typed.
- Several lines in one read that are not marked as a paste are one all the same: nobody types that fast.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from time import monotonic
from typing import Final

from textual import constants, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

from jpterm_like.tui.render.base_layouts import base_key
from jpterm_like.tui.render.terminal_background import ANSWER_MAX, read_change, read_colour

PASTE_SILENCE_S: Final = 5.0
"""A paste in which nothing came for so long has lost its end mark: what came is pasted, and keys are keys again."""

STRING_SILENCE_S: Final = 10.0
"""The same for an answer that is a string: it may as well be alt and ], pressed by a person whose keyboard must not stay deaf."""

SEQUENCE_MAX: Final = 64
"""Characters of the longest control sequence that is read; of a longer one the rest is dropped, too."""

STRING_MAX: Final = 1 << 20
"""Characters of an answer after which it counts as over. The longest real ones hold a clipboard."""

QUICK_LINES_MIN: Final = 32
"""Characters from which a single line break between text, all in one read, counts as a paste."""

_PASTE_START: Final = "\x1b[200~"
_PASTE_END: Final = "\x1b[201~"

_STRINGS: Final = "]P_^X"
"""ESC and one of these begins a string that ends with ESC \\ or BEL: OSC, DCS, APC, PM, SOS (ECMA-48, 5.6)."""

_BEGINNINGS: Final = "[O" + _STRINGS
"""ESC and one of these begins something longer."""

_STRING_END: Final = re.compile("[\x00-\x1f]")
"""What ends a string: BEL, ESC (of ESC \\), or a key with ctrl, which no answer contains and which is obeyed."""

_CONTROL: Final = re.compile(r"\x1b\[(?:\[|[0-?]*[ -/]*)")
"""The start of a control sequence, up to its last character (ECMA-48, 5.4; ESC [ [ A is F1 of Linux's console)."""

_KEYPAD: Final = re.compile(r"\x1bO[0-9;]*")
"""The start of a key pad's key (SS3), up to its last character."""

_PLAIN_MOUSE: Final = "\x1b[M"
"""Three characters follow, which may be any (xterm's oldest way to tell of the mouse)."""

_ANSWER: Final = re.compile(
    r"\x1b\[(?:[IO]|<[0-9]{1,4};-?[0-9]{1,5};-?[0-9]{1,5}[Mm]|[0-9]{1,5};[0-9]{1,5}R|\?[0-9]{1,5};[0-9]\$y|"
    r"48;[1-9][0-9]{0,3};[1-9][0-9]{0,3};[0-9]{1,5};[0-9]{1,5}t)"
)
"""What Textual reads besides keys: focus, the mouse, the cursor's position, the state of a mode, the size of the window."""

_ENHANCED: Final = re.compile(
    r"\x1b\[([0-9]{1,7})(?::([0-9]{0,7}))?(?::([0-9]{0,7}))?(?:;([0-9]{0,3})(?::([0-9]?))?)?(?:;([0-9:]{0,40}))?([A-FHPQRSu~])"
)
"""A key of the kitty protocol: code, shifted key, base key, modifiers, what happened, text, the kind of the code."""

_OTHER: Final = re.compile(r"\x1b\[27;([0-9]{1,3});([0-9]{1,7})~")
"""A key without a number of its own, as xterm sends it (modifyOtherKeys): modifiers, code point."""

_RELEASED: Final = "3"
_CHORD: Final = 2 | 4 | 8 | 16 | 32
"""The bits of alt, ctrl, super, hyper and meta: with one of them a key types nothing."""
_SHIFT: Final = 1
_NAMED_CODES: Final = (9, 13, 27, 127)
"""Tab, enter, escape, backspace: the control characters that are codes of keys."""


class KeyParser(XTermParser):
    """Textual's parser, given one complete sequence at a time."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._begun = ""
        """A sequence of which the end has not come, from its ESC on; an ESC alone may be the key. In a paste: the start of the mark."""
        self._paste: list[str] | None = None
        """The parts of the paste that is coming in."""
        self._string_length = 0
        """How many characters of a string have come, counted from 1; 0 outside of one."""
        self._string = ""
        """The start of that string: as much as an answer that is read may have."""
        self._drops = False
        """Whether the rest of a control sequence that is too long is dropped."""
        self._last_s = 0.0
        """When something came last."""

    def feed(self, data: str) -> Iterable[Message]:
        """Yield what `data`, one read of the terminal, completes."""
        if not data:  # the end of the input
            yield from super().feed(data)
            return
        self._last_s = monotonic()
        if self._is_quick_paste(data):
            yield _pasted(data)
            return
        data, self._begun = self._begun + data, ""
        start = 0
        while start < len(data):
            if self._paste is not None:
                start = yield from self._read_paste(self._paste, data, start)
            elif self._string_length:
                start = self._drop_string(data, start)
                if not self._string_length and (background := read_colour(self._string)):
                    yield background
            elif self._drops:
                start = _end_of_parameters(data, start)
                if start < len(data):
                    self._drops = False
                    start += "@" <= data[start] <= "~"
            elif data[start] != "\x1b":
                yield from _without_ignored(self._sequence_to_key_events(data[start]))
                start += 1
            else:
                end = _end_of_sequence(data, start)
                if end > len(data):
                    self._drops = len(data) - start > SEQUENCE_MAX
                    self._begun = "" if self._drops else data[start:]
                    return
                yield from self._read_sequence(data[start:end])
                start = end

    def tick(self) -> Iterable[Message]:
        """Yield what is over because nothing has followed it; called about every tenth of a second."""
        silence_s = monotonic() - self._last_s
        if self._paste is not None:
            if silence_s >= PASTE_SILENCE_S:
                parts, self._paste, self._begun = [*self._paste, self._begun], None, ""
                yield _pasted("".join(parts))
        elif self._string_length:
            if silence_s >= STRING_SILENCE_S:
                self._string_length, self._begun = 0, ""
        elif self._begun == "\x1b" and silence_s >= constants.ESCAPE_DELAY:
            self._begun = ""
            yield events.Key("escape", "\x1b")

    def _is_quick_paste(self, data: str) -> bool:
        if len(data) < 3 or self._begun or self._paste is not None or self._string_length or self._drops:
            return False
        lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(lines) < 2 or not lines[0] or not any(lines[1:]):
            return False
        if not all(line.replace("\t", "").isprintable() for line in lines):
            return False
        return len(lines) > 2 or "\n" in data or len(data) >= QUICK_LINES_MIN

    def _read_paste(self, parts: list[str], data: str, start: int) -> Generator[Message, None, int]:
        end = data.find(_PASTE_END, start)
        if end >= 0:
            self._paste = None
            yield _pasted("".join([*parts, data[start:end]]))
            return end + len(_PASTE_END)
        kept = next(n for n in range(len(_PASTE_END) - 1, -1, -1) if data.endswith(_PASTE_END[:n], start))
        parts.append(data[start : len(data) - kept])
        self._begun = data[len(data) - kept :]
        return len(data)

    def _drop_string(self, data: str, start: int) -> int:
        """Return where the string that `start` is in ends, or the end of `data`."""
        found = _STRING_END.search(data, start)
        end = found.start() if found else len(data)
        self._string_length += end - start
        self._string += data[start : min(end, start + ANSWER_MAX - len(self._string))]
        if found is None:
            if self._string_length > STRING_MAX:
                self._string_length = 0
            return end
        if found[0] == "\x1b" and end + 1 == len(data):
            self._begun = "\x1b"  # of ESC \, perhaps
            return len(data)
        self._string_length = 0
        if found[0] == "\x1b":
            return end + 2 * (data[end + 1] == "\\")
        return end + (found[0] == "\x07")

    def _read_sequence(self, sequence: str) -> Iterable[Message]:
        if sequence == _PASTE_START:
            self._paste = []
        elif len(sequence) == 2 and sequence[1] in _STRINGS:
            self._string_length, self._string = 1, sequence[1]
        elif sequence == "\x1b":
            yield events.Key("escape", sequence)
        elif _ANSWER.fullmatch(sequence):
            yield from super().feed(sequence)
        elif background := read_change(sequence):
            yield background
        else:
            yield from _without_ignored(self._sequence_to_key_events(sequence))

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if other := _OTHER.fullmatch(sequence):
            sequence = "\x1b[{1};{0}u".format(*other.groups())
        if alt and len(sequence) == 1:
            sequence = base_key(sequence)
        if len(sequence) == 1:
            if "\x80" <= sequence <= "\x9f" or "\ud800" <= sequence <= "\udfff":
                return
        elif len(sequence) == 2:
            yield from self._read_pair(sequence)
            return
        else:
            known = ANSI_SEQUENCES_KEYS.get(sequence)
            if isinstance(known, tuple):
                yield from (events.Key(key.value, None) for key in known)
                return
            enhanced = _ENHANCED.fullmatch(sequence)
            if known is None or enhanced:
                sequence = _enhanced_key(enhanced) if enhanced else ""
        for event in super()._sequence_to_key_events(sequence, alt) if sequence else ():
            # Textual only knows alt with letters; it would type the character after ESC.
            if alt and len(sequence) == 1 and sequence.isprintable() and "+" not in event.key:
                event = events.Key(f"alt+{event.key}", sequence)
            yield event

    def _read_pair(self, sequence: str) -> Iterable[events.Key]:
        """Yield the keys of ESC and one character: alt and a key, or two keys that came together."""
        second = sequence[1]
        if second in _BEGINNINGS:
            return  # Textual asks for each part of an answer
        if second.isprintable():
            known = [event for event in super()._sequence_to_key_events(sequence) if "+" in event.key]
            yield from known or self._sequence_to_key_events(second, alt=True)
        elif second in "\r\n":
            yield events.Key("alt+enter", None)
        elif sequence in ANSI_SEQUENCES_KEYS:
            yield from super()._sequence_to_key_events(sequence)
        else:
            yield events.Key("escape", "\x1b")
            yield from self._sequence_to_key_events(second)


def _pasted(text: str) -> events.Paste:
    return events.Paste(text.replace("\x00", ""))


def _without_ignored(keys: Iterable[events.Key]) -> Iterator[events.Key]:
    return (key for key in keys if key.key != Keys.Ignore)


def _end_of_parameters(data: str, start: int) -> int:
    while start < len(data) and " " <= data[start] <= "?":
        start += 1
    return start


def _end_of_sequence(data: str, start: int) -> int:
    """Return the end of the sequence whose ESC is at `start`, or more than the length of `data` if more belongs to it.

    What no sequence may contain ends it and is read by itself: then the sequence is one that nobody knows.
    """
    kind = data[start + 1 : start + 2]
    if not kind:
        return len(data) + 1
    if kind == "\x1b":
        return start + 1
    if kind not in "[O":
        return start + 2
    if data.startswith(_PLAIN_MOUSE, start):
        return start + len(_PLAIN_MOUSE) + 3
    begun = (_CONTROL if kind == "[" else _KEYPAD).match(data, start)
    assert begun is not None
    end = begun.end()
    if begun[0] in ANSI_SEQUENCES_KEYS:  # rxvt ends some with a dollar sign
        return end
    if end == len(data):
        return end + 1
    return end + ("@" <= data[end] <= "~")


def _enhanced_key(key: re.Match[str]) -> str:
    """Return a key of the kitty protocol in the form that Textual reads, or nothing if it is none."""
    code_digits, shifted, base, modifier_digits, happened, text, kind = key.groups(default="")
    code = int(code_digits)
    modifiers = int(modifier_digits or 1) - 1
    if happened == _RELEASED or modifiers < 0:
        return ""
    if f"{code}{kind}" not in FUNCTIONAL_KEYS:
        if kind != "u" or not (_is_typed(code) or code in _NAMED_CODES):
            return ""
        if modifiers & _CHORD and code > 0x7F:
            code = int(base) if base and _is_typed(int(base)) else ord(base_key(chr(code)))
        elif not text and modifiers & _SHIFT and shifted:
            text = shifted
    if not all(part and len(part) <= 7 and _is_typed(int(part)) for part in text.split(":")):
        text = ""
    if text:
        return f"\x1b[{code};{modifiers + 1};{text}{kind}"
    return f"\x1b[{code};{modifiers + 1}{kind}" if modifiers else f"\x1b[{code}{kind}"


def _is_typed(code: int) -> bool:
    """Whether a number is the code point of a character that a key can type."""
    return code <= sys.maxunicode and unicodedata.category(chr(code)) not in ("Cc", "Cs", "Co", "Cn")
