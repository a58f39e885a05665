"""The note in a store on the charset of the plain file. A store whose file was always UTF-8 has none.

The note is written before the base that it is about, so it has the charsets of two states, each with the digest of its bytes: a
server that dies between the two finds either. Release 0.2.0 and earlier leave such a document alone: to them the file is no text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from jpterm_like.files.charsets import TITLES, UTF_8, Known, charset_of

CHARSET: Final = "charset"
"""The blob with the note: for each state the digest of its bytes, a byte that says whether a person chose the charset, and its name
with its length before it. The last one counts for any other bytes."""
_DIGEST_BYTES: Final = 16


def encode_charsets(states: Sequence[Known]) -> bytes:
    """The note on some states, the newest last; empty if all are UTF-8."""
    if all(state.charset == UTF_8 and not state.is_chosen for state in states):
        return b""  # nearly all files: nothing is digested, which would cost each save the length of the file
    note = b""
    for state in dict.fromkeys(states):
        name = state.charset.encode("ascii")
        note += _digest(state.raw) + bytes((state.is_chosen, len(name))) + name
    return note


def known_by(note: bytes | None, raw: bytes) -> Known:
    """What a note says about these bytes."""
    if not note:
        return Known(raw)
    states = list(_states(note))
    for digest, charset, is_chosen in states:
        if digest == _digest(raw) and charset in TITLES:
            return Known(raw, charset, is_chosen)
    last = Known(b"", *states[-1][1:]) if states and states[-1][1] in TITLES else Known()
    return Known(raw, charset_of(raw, last) or UTF_8, last.is_chosen)


def _states(note: bytes) -> Iterable[tuple[bytes, str, bool]]:
    at = 0
    while len(note) >= at + _DIGEST_BYTES + 2:
        name = at + _DIGEST_BYTES + 2
        end = name + note[name - 1]
        yield note[at : at + _DIGEST_BYTES], note[name:end].decode("ascii", "replace"), bool(note[name - 2])
        at = end


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=_DIGEST_BYTES).digest()
