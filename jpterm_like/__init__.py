"""Write together in a terminal, at local speed, and never lose a word.

A script takes part like any editor::

    import jpterm_like

    async with jpterm_like.connect("ws://127.0.0.1:8765/notes.md", name="ann") as session:
        session.replace(0, 0, "hello")
        await session.stored()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jpterm_like.client.open import connect
    from jpterm_like.client.session import Session
    from jpterm_like.errors import JptermError

__all__ = ["JptermError", "Session", "__version__", "connect"]

__version__ = "0.2.0"

_PLACES: Final = {"Session": ".client.session", "connect": ".client.open", "JptermError": ".errors"}
"""The module of each public name. Imported on first use, because `--version` must answer without loading the network."""


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name], __name__), name)
