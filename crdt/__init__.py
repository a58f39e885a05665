"""A collaborative text (CRDT): several people edit it at once, each on their own replica.

>>> from crdt import TextBuffer
>>> ann = TextBuffer.genesis("hello")
>>> bob = TextBuffer.genesis("hello")
>>> _ = ann.replace(5, 5, " world")
>>> _ = bob.replace(0, 1, "J")
>>> bob.integrate(ann.changes_since(bob.version))
Patch((Splice(start=5, end=5, text=' world'),))
>>> _ = ann.integrate(bob.changes_since(ann.version))
>>> ann.text, bob.text
('Jello world', 'Jello world')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crdt import buffer as _buffer
from crdt.anchor import Anchor
from crdt.buffer import StepPart, TextBuffer
from crdt.errors import Contradiction, ForeignOp, Irrevocable
from crdt.patch import Patch, Splice
from crdt.version import Version

if TYPE_CHECKING:
    from crdt.deleted import Deletion
    from crdt.history import Moment
    from crdt.hunks import Hunk, Part
    from crdt.outcomes import Case, Outcome
    from crdt.overlaps import Overlap, OverlapKind
    from crdt.run_view import RunView
    from crdt.written import Writing

__all__ = [
    "Anchor",
    "Case",
    "Contradiction",
    "Deletion",
    "ForeignOp",
    "Hunk",
    "Irrevocable",
    "Moment",
    "Outcome",
    "Overlap",
    "OverlapKind",
    "Part",
    "Patch",
    "RunView",
    "Splice",
    "StepPart",
    "TextBuffer",
    "Version",
    "Writing",
    "compiled",
]

compiled: Final = not _buffer.__file__.endswith(".py")
"""True if the modules compiled by mypyc are running, False for the Python sources."""

_PLACES: Final = {
    "Case": "outcomes",
    "Deletion": "deleted",
    "Hunk": "hunks",
    "Moment": "history",
    "Outcome": "outcomes",
    "Overlap": "overlaps",
    "OverlapKind": "overlaps",
    "Part": "hunks",
    "RunView": "run_view",
    "Writing": "written",
}
"""The modules of the names that looking back and reviewing need. Imported on first use, because an editor starts without them."""


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
