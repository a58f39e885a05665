"""The one exception that foreign bytes can cause.

ValueError
└── ForeignOp            bytes from elsewhere make no sense
    ├── Contradiction    an operation contradicts the one of the same id that we have: a site was used twice (F17)
    └── Irrevocable      an operation that nobody could take back, from somebody who may not make such

Mistakes of the caller (an offset outside the text, a site outside 64 bits) are builtin errors with the numbers in them.
"""

from __future__ import annotations


class ForeignOp(ValueError):
    """Bytes from elsewhere were refused; nothing of them was applied."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One clause that says what is wrong, without the foreign content itself."""

    def __str__(self) -> str:
        return f"refused foreign data: {self.reason}"


class Irrevocable(ForeignOp):
    """A deletion or restoration is so far above the ones before it that it takes the others' undo away."""


class Contradiction(ForeignOp):
    """An operation has an id that we know with other content: two have used one site."""
