"""Remember how the editor looked last time: the place in each file, and the files that were open together in a folder.

`last-time.json` in the state folder has, for the files that were open last, the caret, the top of the view and the folds, and for
folders the addresses of the files that were open. It has no text: a place is the id of a character in the text's history, and
a checksum of its line for a text whose history is gone. Nothing is kept of a file in memory, and nothing of a temporary file
that is gone.

It is a convenience: what cannot be read or written is left out without a message. A file that a newer release wrote is left alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, TypeVar

from jpterm_like import clock
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.files.ephemeral import is_in_memory, is_temporary

VERSION: Final = 1
"""The version of the file. One with a higher number is neither used nor written."""

VIEWS_MAX: Final = 200
"""How many files are remembered; those that were closed longest ago go first."""

TABS_MAX: Final = 50
"""How many folders are remembered with the files that were open in them."""

FILES_MAX: Final = 100
"""How many open files of a folder are remembered."""


class Place(NamedTuple):
    """A place in a text."""

    anchor: str
    """The character beside it, as `crdt.Anchor.encode` writes it, in hexadecimal digits."""
    row: int
    column: int
    line: int
    """A checksum of its line."""


class KeptView(NamedTuple):
    """What was seen of a text."""

    caret: Place
    top: Place
    """The first visible character."""
    folds: tuple[tuple[Place, Place], ...] = ()
    """The start of the first and of the last row of each fold."""


class KeptTabs(NamedTuple):
    """The files that were open together."""

    addresses: tuple[str, ...]
    """In the order of the tabs."""
    current: int
    """The index of the one that had the keyboard."""
    first: int
    """The index of the one in the first half of a split; the current one without a split."""
    second: int | None = None
    """The index of the one in the second half of a split; None without a split."""
    beside: bool = False
    """Whether the halves of the split stood side by side."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, for people."""
        return tuple(PurePosixPath(address).name for address in self.addresses)


class LastTime:
    """What is remembered for one run of the editor.

    Noting costs nothing; what `take` returns blocks on the disk, and is called in a thread.
    """

    def __init__(self, paths: Paths, folder: str, *, only_unwritten: bool = False) -> None:
        """Create it.

        Args:
            folder: what the editor was started on: a folder, or the address of a server.
            only_unwritten: give no view of a file that was written since: a program that waits for the editor, such as git, wrote it
                for this run.
        """
        self._paths = paths
        self._folder = folder
        self._only_unwritten = only_unwritten
        self._views: dict[str, KeptView | None] = {}
        """What was noted in this run, by address; None: nothing is to be remembered."""
        self._tabs_before: tuple[KeptTabs | None] | None = None
        """Those of the run before; None while they have not been read."""
        self._tabs: dict[str, KeptTabs | None] = {}
        """What was noted of the folder."""
        self._unwritten: dict[str, KeptView | None] = {}
        self._unwritten_tabs: dict[str, KeptTabs | None] = {}

    def view(self, address: str) -> KeptView | None:
        """What was seen of a file last. Reads the disk, unless this run has closed the file."""
        if address in self._views:
            return self._views[address]
        found = _read(self._paths)["views"].get(address)
        known = None if found is None else _decoded(_view, found)
        if known is None:
            return None
        view, noted_at = known
        return None if self._only_unwritten and _is_written_since(address, noted_at) else view

    def tabs(self) -> KeptTabs | None:
        """The files that were open in the folder before this run, without those that are gone. Reads the disk."""
        if self._tabs_before is None:
            found = _read(self._paths)["tabs"].get(self._folder)
            self._tabs_before = (None if found is None else _decoded(_tabs, found),)
        (tabs,) = self._tabs_before
        return None if tabs is None else _without(tabs, _is_gone)

    def note_view(self, address: str, view: KeptView | None) -> None:
        """Note what is seen of a file; None: nothing is to be remembered of it."""
        if address not in self._views or self._views[address] != view:
            self._views[address] = self._unwritten[address] = view

    def note_tabs(self, tabs: KeptTabs | None) -> None:
        """Note which files are open, in place of those of the run before; call `tabs` first."""
        if self._folder not in self._tabs or self._tabs[self._folder] != tabs:
            self._tabs[self._folder] = self._unwritten_tabs[self._folder] = tabs

    def take(self, *, leaving: bool = False) -> Callable[[], None] | None:
        """Return what writes all that was noted since the last call, for a thread; None: nothing was noted.

        When the editor ends (`leaving`), all views are written again: their files may have been saved since they were noted.
        """
        views, self._unwritten = dict(self._views) if leaving else self._unwritten, {}
        tabs, self._unwritten_tabs = self._unwritten_tabs, {}
        if not views and not tabs:
            return None
        return lambda: _change(self._paths, lambda kept: _merge(kept, views, tabs))


def forget(paths: Paths, address: str) -> None:
    """Remember nothing of a file any more. Blocks."""
    if (paths.state_folder / _NAME).exists():
        _change(paths, lambda kept: _leave_out(kept, address))


# ---------------------------------------------------------------------- the file

_NAME: Final = "last-time.json"
_Kept = dict[str, dict[str, Any]]
Found = TypeVar("Found")


def _merge(kept: _Kept, views: Mapping[str, KeptView | None], folders: Mapping[str, KeptTabs | None]) -> None:
    """Put what was noted behind the rest, and drop what is too much or no longer to be remembered."""
    for address, view in views.items():
        kept["views"].pop(address, None)
        if view is not None and ("://" in address or not is_in_memory(Path(address))):
            kept["views"][address] = [*view, clock.wall()]
    for address in [it for it in kept["views"] if _is_gone(it) and is_temporary(Path(it))]:
        del kept["views"][address]
    for folder, tabs in folders.items():
        kept["tabs"].pop(folder, None)
        if tabs is not None and len(tabs.addresses) <= FILES_MAX:
            kept["tabs"][folder] = tabs
    for name, limit in (("views", VIEWS_MAX), ("tabs", TABS_MAX)):
        kept[name] = dict(list(kept[name].items())[-limit:])


def _leave_out(kept: _Kept, address: str) -> None:
    kept["views"].pop(address, None)
    for folder, found in list(kept["tabs"].items()):
        tabs = _decoded(_tabs, found)
        rest = None if tabs is None else _without(tabs, lambda it: it == address)
        if rest is None:
            del kept["tabs"][folder]
        else:
            kept["tabs"][folder] = rest


def _is_written_since(address: str, noted_at: float) -> bool:
    try:
        return "://" not in address and os.stat(address).st_mtime > noted_at
    except OSError:
        return False


def _is_gone(address: str) -> bool:
    return "://" not in address and not os.path.lexists(address)


def _without(tabs: KeptTabs, is_out: Callable[[str], bool]) -> KeptTabs | None:
    """Leave files out; None if fewer than two are left, since one is among the recent files."""
    rest = [index for index, address in enumerate(tabs.addresses) if not is_out(address)]
    if len(rest) < 2:
        return None
    place = {old: new for new, old in enumerate(rest)}
    first = place.get(tabs.first, 0)
    return KeptTabs(
        tuple(tabs.addresses[index] for index in rest),
        place.get(tabs.current, first),
        first,
        None if tabs.second is None else place.get(tabs.second),
        tabs.beside,
    )


def _read(paths: Paths) -> _Kept:
    with contextlib.suppress(OSError, ValueError):
        return _parse(private.read(paths.state_folder / _NAME))
    return {"views": {}, "tabs": {}}


def _change(paths: Paths, change: Callable[[_Kept], None]) -> None:
    def new(content: bytes | None) -> bytes:
        import json

        kept = _parse(content)
        change(kept)
        return json.dumps({"version": VERSION, **kept}, separators=(",", ":")).encode("ascii")

    with contextlib.suppress(OSError, JptermError, _MadeByNewer):
        private.change(paths.state / _NAME, new)


class _MadeByNewer(ValueError):
    """A newer release wrote the file."""


def _parse(content: bytes | None) -> _Kept:
    """Read the file's content; one that is broken counts as empty.

    Raises:
        _MadeByNewer: it must not be written.
    """
    if not content:
        return {"views": {}, "tabs": {}}
    import json

    try:
        found = json.loads(content)
        version = found.get("version", VERSION)
        kept = {name: dict(found.get(name, {})) for name in ("views", "tabs")}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {"views": {}, "tabs": {}}
    if version != VERSION:
        raise _MadeByNewer
    return kept


# ---------------------------------------------------------------------- foreign data


def _decoded(decode: Callable[[Any], Found], found: object) -> Found | None:
    """One entry of the file; None if it is not what we write."""
    try:
        return decode(found)
    except (TypeError, ValueError):
        return None


def _view(found: Any) -> tuple[KeptView, float]:
    """A view, and when it was noted; wall clock, seconds."""
    caret, top, folds, noted_at = found
    folded = tuple((_place(first), _place(last)) for first, last in folds)
    return KeptView(_place(caret), _place(top), folded), float(noted_at)


def _place(found: Any) -> Place:
    anchor, row, column, line = found
    bytes.fromhex(anchor)
    return Place(anchor, _number(row), _number(column), _number(line))


def _tabs(found: Any) -> KeptTabs:
    addresses, current, first, second, beside = found
    if not all(isinstance(address, str) and address and "\0" not in address for address in addresses):
        raise ValueError("an address is a text")
    count = len(addresses)
    return KeptTabs(
        tuple(addresses),
        _number(current, count),
        _number(first, count),
        None if second is None else _number(second, count),
        bool(beside),
    )


def _number(found: object, end: int = 1 << 32) -> int:
    if not isinstance(found, int) or not 0 <= found < end:
        raise ValueError("a number is out of bounds")
    return found
