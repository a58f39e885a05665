"""The errors that foreign bytes can cause.

ValueError
└── ForeignOp            foreign bytes are invalid
    ├── Contradiction    an operation contradicts the one of the same id that we have: a site was used twice (F17)
    └── Irrevocable      an operation that nobody could undo, from a peer without the right to make it

Mistakes of the caller (an offset outside the text, a site outside 64 bits) raise builtin errors with the numbers in
them.
"""

from __future__ import annotations


class ForeignOp(ValueError):
    """Foreign bytes were refused; none of them was applied."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One clause that names the problem, without the foreign content."""

    def __str__(self) -> str:
        return f"refused foreign data: {self.reason}"


class Irrevocable(ForeignOp):
    """A deletion or restoration raises a level so far that others could not undo it."""


class Contradiction(ForeignOp):
    """An operation has a known id but different content: one site was used twice."""
