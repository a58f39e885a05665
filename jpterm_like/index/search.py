"""Answer where words are, in today's texts or in what was deleted from them.

Documents that have changed since they were indexed are read from their stores, searched, and put into the index; the others
are searched through the index. Without an index all are read. So the answer is the same, and only the time differs:

    stores ──states──▶ changed ──read──▶ documents ──words──▶ answer
                          └ unchanged ──▶ index ──▶ candidates ──words──┘

One pass both answers and builds the index.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from jpterm_like.config import Paths
from jpterm_like.index.documents import Candidate, Document, Passage, read_documents
from jpterm_like.index.index_file import Lost, remove_index
from jpterm_like.index.sources import Entry, Sources, States, StoreState, is_fleeting, is_kept_in_memory
from jpterm_like.index.words import Span, excerpt, find_lines, find_spans, fold, folded_words
from jpterm_like.stores import served_roots

if TYPE_CHECKING:
    from jpterm_like.index.database import Index

SWITCH: Final = "JPTERM_LIKE_INDEX"
"""Set to "off", this variable has everything answered without an index."""

LINE_LENGTH_MAX: Final = 1_000
PASSAGE_LENGTH_MAX: Final = 4_000
"""Characters that are returned of a longer line or passage, around the first word."""

BATCH: Final = 100
"""Documents that are put into the index at a time: what is lost of the work when the process ends."""

Progress = Callable[[int, int], None]
"""Told how many of the documents that have to be read were read."""


class Found(NamedTuple):
    """A line in which all words are, or a deleted passage."""

    place: str
    row: int
    """From 0; of a deleted passage, where it was."""
    text: str
    """At most `LINE_LENGTH_MAX` or `PASSAGE_LENGTH_MAX` characters."""
    spans: tuple[Span, ...]
    """Where the words are in it."""
    length: int
    """Characters of all of it."""
    passage: Passage | None
    """Who wrote and who deleted it; None for a line that is there now."""
    origin: str
    """See `Document.origin`."""


class Answer(NamedTuple):
    """What was found."""

    found: list[Found]
    """The documents that were changed last first, or what was deleted last first."""
    more: bool
    """Whether more was found than was asked for."""
    remarks: list[str]
    """Sentences about what was not searched."""
    documents: int
    """How many were searched."""


def is_on() -> bool:
    """Whether an index is used."""
    return os.environ.get(SWITCH, "").lower() not in ("off", "0", "no")


def find(
    paths: Paths,
    words: Sequence[str],
    *,
    deleted: bool,
    limit: int,
    progress: Progress | None = None,
) -> Answer:
    """Return where all words are in what this user keeps. Blocks.

    Raises:
        JptermError: these words cannot be sought.
    """
    sought = folded_words(words)
    served = served_roots(paths)
    for attempt in range(3):
        index = _opened(paths) if is_on() and attempt < 2 else None
        sources = Sources.of_user(paths, served)
        try:
            return _Search(sources, index, sought, deleted, limit, progress).run()
        except Lost:
            remove_index(paths.cache)
        finally:
            sources.close()
            if index is not None:
                index.close()
    raise AssertionError("without an index, it cannot be lost")


def _opened(paths: Paths) -> Index | None:
    try:
        from jpterm_like.index.database import open_index
    except ImportError:
        return None  # a Python without SQLite
    return open_index(paths.cache)


class _Search:
    def __init__(
        self,
        sources: Sources,
        index: Index | None,
        words: Sequence[str],
        deleted: bool,
        limit: int,
        progress: Progress | None,
    ) -> None:
        self._sources = sources
        self._index = index
        self._words = words
        self._deleted = deleted
        self._limit = limit
        self._progress = progress
        self._best = _Best(2 * limit + 50)  # copies of a document are left out afterwards

    def run(self) -> Answer:
        remarks = list(self._sources.remarks)
        if self._index is None:
            stores = self._stores_by_place(self._sources.states({}))
            changed = sorted(stores)
            old: dict[str, list[str]] = {}
        else:
            with self._index.reading():
                known = self._index.states()
                states = self._sources.states(known)
                stores = self._stores_by_place(states)
                gone, changed = _changes(known, states, stores)
                old = self._index.remarks()
                self._search_index({*gone, *changed})
            self._forget(gone)
            for place in (*gone, *changed):
                old.pop(place, None)
        new = self._read(changed, stores)
        remarks += itertools.chain.from_iterable(sentences for _, sentences in sorted({**old, **new}.items()))
        found = list(itertools.islice(_without_copies(self._best.sorted()), self._limit + 1))
        return Answer(found[: self._limit], len(found) > self._limit, remarks, len(stores))

    def _stores_by_place(self, states: States) -> dict[str, dict[Entry, StoreState]]:
        found: dict[str, dict[Entry, StoreState]] = defaultdict(dict)
        for folder, entries in states.items():
            for entry, it in entries.items():
                if it.place:
                    found[it.place][folder, entry] = it
        return found

    # Through the index

    def _search_index(self, without: set[str]) -> None:
        assert self._index is not None
        candidates = [
            it for it in self._index.candidates(self._words, deleted=self._deleted) if it.place not in without
        ]
        candidates.sort(key=self._order)
        for it in candidates:
            if self._best.is_better_than(self._order(it)):
                break
            if self._deleted:
                self._add_passages(it, self._index.passages(it))
            else:
                self._add_lines(it, self._index.text(it))

    def _order(self, document: Candidate | Document) -> tuple[int, str, int]:
        newest = document.deleted_at if self._deleted else document.changed
        return -newest, document.place, document.part

    def _forget(self, places: Iterable[str]) -> None:
        if self._index is not None and places:
            with self._index.writing():
                for place in places:
                    self._index.remove(place)

    # From the stores

    def _read(
        self, places: Sequence[str], stores: dict[str, dict[Entry, StoreState]]
    ) -> dict[str, list[str]]:
        """Read and search the documents at some places, and put them into the index; return remarks by place."""
        remarks: dict[str, list[str]] = {}
        done = 0
        for start in range(0, len(places), BATCH):
            batch: list[tuple[str, list[Document], list[str]]] = []
            for place in places[start : start + BATCH]:
                if self._progress is not None:
                    self._progress(done, len(places))
                documents, sentences = self._documents(place, stores[place])
                batch.append((place, documents, sentences))
                remarks[place] = sentences
                done += 1
            if self._index is not None and self._index.may_write:
                with self._index.writing():
                    for place, documents, sentences in batch:
                        if not is_fleeting(place):  # else it is read each time
                            self._index.put(place, stores[place], documents, sentences)
        return remarks

    def _documents(self, place: str, stores: dict[Entry, StoreState]) -> tuple[list[Document], list[str]]:
        if is_kept_in_memory(place):
            return [], []
        inspected = (self._sources.read(entry) for entry in sorted(stores))
        documents, sentences = read_documents(place, (it for it in inspected if it is not None))
        for it in documents:
            if self._deleted:
                self._add_passages(it, it.passages)
            else:
                self._add_lines(it, it.text)
        return documents, sentences

    # What is found

    def _add_lines(self, document: Candidate | Document, text: str) -> None:
        for it in itertools.islice(find_lines(text, self._words), self._best.size):
            part, spans = excerpt(it.text, it.spans, LINE_LENGTH_MAX)
            found = Found(document.place, it.row, part, spans, len(it.text), None, document.origin)
            self._best.add((*self._order(document), it.row), found)

    def _add_passages(self, document: Candidate | Document, passages: Iterable[Passage]) -> None:
        for number, it in enumerate(passages):
            if spans := find_spans(fold(it.text), self._words):
                part, spans = excerpt(it.text, spans, PASSAGE_LENGTH_MAX)
                found = Found(
                    document.place,
                    it.row,
                    part,
                    spans,
                    len(it.text),
                    it._replace(text=""),
                    document.origin,
                )
                self._best.add((-it.deleted_at, document.place, document.part, number), found)


Key = tuple[int, str, int, int]


class _Best:
    """The first of what was found, in order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: list[tuple[Key, Found]] = []
        self._worst: Key | None = None

    def add(self, key: Key, found: Found) -> None:
        if self._worst is not None and key > self._worst:
            return
        self._rows.append((key, found))
        if len(self._rows) >= 2 * self.size:
            self._cut()

    def is_better_than(self, key: tuple[int, str, int]) -> bool:
        """Whether nothing with a key that begins so, or comes later, is among the first."""
        if self._worst is None and len(self._rows) >= self.size:
            self._cut()
        return self._worst is not None and key > self._worst[:3]

    def _cut(self) -> None:
        self._rows.sort(key=_key)
        del self._rows[self.size :]
        self._worst = self._rows[-1][0]

    def sorted(self) -> list[Found]:
        self._rows.sort(key=_key)
        return [found for _, found in self._rows[: self.size]]


def _key(row: tuple[Key, Found]) -> Key:
    return row[0]


def _changes(
    known: States, states: States, stores: dict[str, dict[Entry, StoreState]]
) -> tuple[list[str], list[str]]:
    """Return the places that are gone, and those whose documents have to be read, sorted."""
    touched: set[str] = set()
    for folder in {*known, *states}:
        before, now = known.get(folder, {}), states.get(folder, {})
        if before == now:
            continue
        touched.update(it.place for entry, it in before.items() if entry not in now)
        touched.update(it.place for entry, it in now.items() if before.get(entry) != it)
    for entries in states.values():
        touched.update(it.place for it in entries.values() if not it.state)
    touched.discard("")
    return sorted(touched - stores.keys()), sorted(touched & stores.keys())


def _without_copies(found: Iterable[Found]) -> Iterator[Found]:
    """Leave out what a copy of a document at another place has, too: the journal of a text on a server of this user."""
    seen: dict[tuple[str, str], str] = {}
    for it in found:
        if not it.origin or seen.setdefault((it.origin, it.text), it.place) == it.place:
            yield it
