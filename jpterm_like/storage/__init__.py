"""Bytes kept somewhere: one small port (`base`), kept in memory or in a folder.

The storage layer knows no documents: records in, the same records out, and plain words on what could not be read.

>>> from jpterm_like.storage import MemoryStorage, Record
>>> storage = MemoryStorage()
>>> store = storage.open("notes.md")
>>> store.append([Record(1, b"hello")])
>>> store.sync()
>>> store.load().records
[Record(kind=1, payload=b'hello')]
"""

from jpterm_like.storage.base import (
    Inspection,
    Loaded,
    Record,
    Storage,
    StorageError,
    Store,
    StoreBusy,
    StoreLost,
    SyncFailed,
)
from jpterm_like.storage.folder import FolderStorage
from jpterm_like.storage.memory import MemoryStorage

__all__ = [
    "FolderStorage",
    "Inspection",
    "Loaded",
    "MemoryStorage",
    "Record",
    "Storage",
    "StorageError",
    "Store",
    "StoreBusy",
    "StoreLost",
    "SyncFailed",
]
