"""Durable bytes behind one small port (`base`), implemented in memory and in a folder.

The storage layer knows no documents: it returns the records that it was given, and describes damage in plain
sentences.

>>> from jpterm_like.storage import Record
>>> from jpterm_like.storage.memory import MemoryStorage
>>> storage = MemoryStorage()
>>> store = storage.open("notes.md")
>>> store.append([Record(1, b"hello")])
>>> store.sync()
>>> store.load().records
[Record(kind=1, payload=b'hello')]
"""

from __future__ import annotations

from jpterm_like.storage.base import (
    Inspection,
    Loaded,
    NewStore,
    Record,
    Storage,
    StorageError,
    Store,
    StoreBusy,
    StoreLost,
    SyncFailed,
)
from jpterm_like.storage.folder import FolderStorage

__all__ = [
    "FolderStorage",
    "Inspection",
    "Loaded",
    "NewStore",
    "Record",
    "Storage",
    "StorageError",
    "Store",
    "StoreBusy",
    "StoreLost",
    "SyncFailed",
]
