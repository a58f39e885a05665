"""The note in a store on the ids that the cells of a notebook file have in the text.

A file below format 4.5 has none, and another program may have given all cells new ones. As `charset_note`, it is written before the base that it
is about, for two states.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from jpterm_like.files.charsets import Known

CELL_IDS: Final = "cells"
"""The blob with the note: a JSON object, by the digest of the state's bytes. It counts in stores with the record `saver.CELLS`."""

GONE_CELLS: Final = "gone-cells"
"""The blob with the cells that went from the file (`gone_cells`): a JSON object, by the id in the text, the latest last."""


def encode_ids(states: Sequence[Known]) -> bytes:
    """The note on some states of a notebook file; empty for another one."""
    notes = {_digest(state.raw): list(state.cells) for state in states if state.cells is not None}
    return json.dumps(notes).encode() if notes else b""


def with_ids(note: bytes | None, known: Known) -> Known:
    """What is known of a state of a notebook file, with the ids that a note has for it; without a note they are made anew."""
    try:
        ids = json.loads(note or b"{}").get(_digest(known.raw), [])
    except (ValueError, AttributeError):
        ids = []
    cells = tuple(each for each in ids if isinstance(each, str)) if isinstance(ids, list) else ()
    return known._replace(cells=cells)


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()
