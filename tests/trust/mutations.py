"""Put mended faults back in, one after the other, and show that the simulated network finds each.

python -m tests.trust.mutations              each with the seed that is known to find it; exit code 1 if one does not
python -m tests.trust.mutations --find 500   look for the first of so many seeds that finds it, and print it

A fault is a line of code that is replaced, by what stands here, in this process. A seed that does not find its fault any
more, because events were added or have other weights, is to be looked for anew.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import jpterm_like
from crdt import Version
from jpterm_like.client import history_migration, journal, open, session
from jpterm_like.client.journal import Journal
from jpterm_like.client.session import Session
from jpterm_like.files import write
from jpterm_like.server import document, rename
from jpterm_like.server.document import Document
from jpterm_like.server.pending_write import PendingWrite
from jpterm_like.server.server import Server
from jpterm_like.storage.folder import FolderStore
from jpterm_like.sync import file_duplicates
from jpterm_like.sync.pad import Pad
from tests.conftest import Mistakes
from tests.sync.test_network import run


class Fault(NamedTuple):
    """A fault that was mended."""

    name: str
    climate: str
    seed: int | None
    """One that finds it; None: none is known."""
    where: Any
    what: str
    """Which attribute of that is replaced."""
    by: Any


def always(value: Any) -> Callable[..., Any]:
    return lambda *arguments, **options: value


def async_always(value: Any) -> Callable[..., Any]:
    async def same(*arguments: Any, **options: Any) -> Any:
        return value

    return same


def as_saved(mine: Any, notes: Any, shared: Any, saved: Version, *rest: Any) -> str:
    """Whatever the server's document lacks of what was saved was deleted there."""
    return str(mine.at(saved.meet(mine.version)))


def without_held(expect: Any) -> Callable[..., Any]:
    return lambda self, version, held: expect(self, version, None)


FAULTS: Final = (
    Fault(
        "a store that was removed is written on",
        "outages",
        4,
        FolderStore,
        "_check_is_there",
        always(None),
    ),
    Fault(
        "a journal that was removed is not made anew",
        "outages",
        35,
        Journal,
        "_replace_lost_store",
        always(None),
    ),
    Fault("a write counts that was not begun", "programs", None, PendingWrite, "counts", always(True)),
    Fault("a file that is held is replaced", "programs", 11, write, "is_held", always(False)),
    Fault(
        "files that were replaced are not looked at",
        "outages",
        None,
        Document,
        "_merge_replaced_files",
        async_always(None),
    ),
    Fault(
        "other programs have read the newest file",
        "programs",
        41,
        Document,
        "_bases",
        lambda self, now: [self._base],
    ),
    Fault(
        "text that is newer than the file was in it",
        "programs",
        None,
        file_duplicates,
        "_newer_than_file",
        lambda *arguments: [],
    ),
    Fault("journals left behind are merged with nothing", "losses", None, open, "common_text", always("")),
    Fault("journals left behind are left for good", "outages", 37, open, "_belong_together", always(False)),
    Fault("what a lost file lacks was deleted", "losses", 5, history_migration, "common_text", as_saved),
    Fault("notes on other histories are not kept", "losses", 5, Pad, "note_ancestor", always(False)),
    Fault("earlier states of the file are not known", "losses", 56, session, "remembered", always(())),
    Fault("every server is the former one", "losses", 2, Session, "_belongs_to_server", always(True)),
    Fault("what came twice is not taken out", "losses", 1, document, "remove_duplicates", always(False)),
    Fault(
        "what the file held is not told", "losses", None, Document, "expect", without_held(Document.expect)
    ),
    Fault("a rename has no intent", "names", 60, rename, "interrupted", always(None)),
    Fault("a move is never taken back", "names", 60, rename, "take_back", always(None)),
    Fault("documents are their names", "names", 19, Server, "_find_elsewhere", async_always(None)),
    Fault("a new file is the deleted one", "names", 56, document, "is_another", always(False)),
    Fault("the old name does not lead on", "names", 10, Server, "_leads_to", async_always(None)),
    Fault(
        "a journal under the new name is gone on with",
        "names",
        None,
        session,
        "unused_slot",
        journal.free_slot,
    ),
)


def finds(fault: Fault, seed: int) -> str | None:
    """Whether the seed finds the fault: what it says of it, or None."""
    handler, logger = Mistakes(), logging.getLogger(jpterm_like.__name__)
    logger.addHandler(handler)
    try:
        with pytest.MonkeyPatch.context() as patches, tempfile.TemporaryDirectory() as folder:
            patches.setattr(fault.where, fault.what, fault.by)
            run(fault.climate, seed, Path(folder), handler.sentences)
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is found
        return f"{type(problem).__name__}: {problem}".splitlines()[0][:100]
    finally:
        logger.removeHandler(handler)
    return None


def main(arguments: list[str]) -> int:
    logging.getLogger(jpterm_like.__name__).propagate = False
    count = int(arguments[1]) if arguments[:1] == ["--find"] else 0
    wanted = arguments[2] if len(arguments) > 2 else ""
    missed = 0
    for fault in FAULTS:
        if wanted not in fault.name:
            continue
        if not count and fault.seed is None:
            continue  # none is known yet
        seeds = range(count) if count else [fault.seed or 0]
        told = next(((seed, said) for seed in seeds if (said := finds(fault, seed))), None)
        missed += told is None
        print(
            f"{fault.climate:8} {told[0] if told else '-':>5}  {fault.name}: {told[1] if told else 'not found'}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
