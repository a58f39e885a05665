"""What the journals of one user's openings are called: one for each opening of a pad at one time."""

from __future__ import annotations

from typing import Final

from .errors import JptermError
from .storage.base import Storage, Store, StoreBusy

SLOTS_MAX: Final = 64
"""Openings of one document by one user at a time."""


def journal_name(key: str, slot: int) -> str:
    """What the journal of the nth opening of a pad at one time is called."""
    return key if slot == 1 else f"{key}#{slot}"


def free_slot(storage: Storage, key: str) -> Store:
    """The first journal of this address that no other opening holds."""
    for slot in range(1, SLOTS_MAX + 1):
        try:
            return storage.open(journal_name(key, slot))
        except StoreBusy:
            continue
    raise JptermError(f"{key} is open {SLOTS_MAX} times already: close some.")
