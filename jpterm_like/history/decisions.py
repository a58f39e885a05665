"""Decisions about what is to be reviewed, as they are kept: by the operations that each is about.

The numbers of items change when there is more to review, and nobody knows them after a restart; their operations stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from crdt.raises import Span


class Choice(Enum):
    """A decision about an item."""

    KEEP = "k"
    """It may stay as it is."""
    TAKE_BACK = "u"
    THEIRS = "t"
    MINE = "m"
    BOTH = "b"
    """Both texts stay as they were merged."""
    EDIT = "e"
    """I write it myself."""


class Step(NamedTuple):
    """A key that decided about one item or several."""

    choice: Choice
    about: tuple[tuple[Span, ...], ...]
    """The operations of the others, for each of these items."""
    made: Span
    """The operations of mine that it made; none if the text is as it was."""


def choices_in(steps: Iterable[Step]) -> dict[Span, Choice]:
    """Return the latest choice about each of the others' operations."""
    return {span: step.choice for step in steps for spans in step.about for span in spans}
