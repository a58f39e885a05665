"""Earlier terms of the find bar: what was searched for, and what it was replaced with.

One history for all open files, kept in the state folder for the next start. It is read when a field first asks for it, and
written in a thread when something is added; a failure is ignored, for it is a mere convenience.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory

Kind = Literal["find", "replace"]
KINDS: Final[tuple[Kind, ...]] = ("find", "replace")

TERMS_MAX: Final = 50
"""Terms of each kind; the oldest are dropped first."""

FILE: Final = "searches.json"
"""The file's name in the state folder."""


class SearchHistory:
    """See the module.

    Args:
        folder: the state folder; None: nothing is read or kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._terms: dict[Kind, list[str]] | None = None
        self._new: list[tuple[Kind, str, Path | None]] = []
        """Terms that are not in the state folder yet, the oldest first, and the file in which each was searched for."""

    def terms(self, kind: Kind) -> Sequence[str]:
        """The terms of a kind, newest first."""
        return self._read()[kind]

    def note(self, kind: Kind, term: str, file: Path | None) -> None:
        """Put a term at the front. It is not written to the disk if it was searched for in a file that is in memory only."""
        terms = self._read()
        if not term or terms[kind][:1] == [term]:
            return
        _put(terms, kind, term)
        if self._folder is None:
            return
        self._new.append((kind, term, file))
        if len(self._new) == 1:
            asyncio.get_running_loop().run_in_executor(None, self._write, self._folder)

    def _read(self) -> dict[Kind, list[str]]:
        if self._terms is None:
            content = None
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    content = private.read(self._folder / FILE)
            self._terms = _decoded(content)
        return self._terms

    def _write(self, folder: Path) -> None:
        """Add the new terms to what is in the file by now: other editors write it, too."""

        def new(content: bytes | None) -> bytes:
            import json

            added, self._new = self._new, []
            terms = _decoded(content)
            for kind, term, file in added:
                if file is None or not is_in_memory(file):
                    _put(terms, kind, term)
            return json.dumps(terms, ensure_ascii=False).encode("utf-8", "replace")

        with contextlib.suppress(OSError, JptermError):
            private.change(folder / FILE, new)


class Walk:
    """The way of one field through its earlier terms; what was being typed is kept at the newer end."""

    def __init__(self, history: SearchHistory, kind: Kind) -> None:
        self._history = history
        self._kind: Kind = kind
        self._terms: Sequence[str] = ()
        """The typed text, then the terms from the newest on."""
        self._at = 0

    def is_back(self, shown: str) -> bool:
        """Whether what the field shows is an earlier term that it has gone back to."""
        return self._at > 0 and self._terms[self._at] == shown

    def step(self, shown: str, *, older: bool) -> str:
        """The term before or after the one that the field shows; at an end the same again."""
        if not self._terms or self._terms[self._at] != shown:
            self._terms = [shown, *(term for term in self._history.terms(self._kind) if term != shown)]
            self._at = 0
        self._at = max(0, min(len(self._terms) - 1, self._at + (1 if older else -1)))
        return self._terms[self._at]


def _put(terms: dict[Kind, list[str]], kind: Kind, term: str) -> None:
    terms[kind] = [term, *(other for other in terms[kind] if other != term)][:TERMS_MAX]


def _decoded(content: bytes | None) -> dict[Kind, list[str]]:
    """The terms in the file's content; none if it is not what was written."""
    import json

    try:
        found = json.loads(content or b"{}")
        return {
            kind: [term for term in found.get(kind, []) if isinstance(term, str)][:TERMS_MAX]
            for kind in KINDS
        }
    except (ValueError, AttributeError, TypeError):
        return {kind: [] for kind in KINDS}
