"""A position that moves with the text: one side of one character, or an edge of the document."""

from __future__ import annotations

from typing import Final, NamedTuple

from crdt.binary import Reader, write_number, write_site
from crdt.errors import ForeignOp

_START: Final = 0
_END: Final = 1
_AFTER: Final = 2
_BEFORE: Final = 3


class Anchor(NamedTuple):
    """A position at the left or right side of the character `(site, clock)`.

    With `clock` -1, an edge of the document: its end if `before`, else its start.
    """

    site: int
    clock: int
    before: bool
    """True for the left side of the character: text inserted at this position goes before the anchor."""

    def encode(self) -> bytes:
        """Return the anchor as bytes: 1 byte for an edge, 10 to 17 for a character."""
        out = bytearray()
        if self.clock < 0:
            out.append(_END if self.before else _START)
        else:
            out.append(_BEFORE if self.before else _AFTER)
            write_site(out, self.site)
            write_number(out, self.clock)
        return bytes(out)

    @staticmethod
    def decode(data: bytes) -> Anchor:
        """Return the anchor that `encode` wrote.

        Raises:
            ForeignOp: `data` is not an encoded anchor.
        """
        reader = Reader(data)
        kind = reader.number(_BEFORE)
        if kind in (_START, _END):
            anchor = Anchor(0, -1, kind == _END)
        else:
            anchor = Anchor(reader.site(), reader.number(), kind == _BEFORE)
        if not reader.at_end():
            raise ForeignOp("bytes after an anchor")
        return anchor


DOCUMENT_START: Final = Anchor(0, -1, False)
DOCUMENT_END: Final = Anchor(0, -1, True)
