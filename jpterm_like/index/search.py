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
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from jpterm_like.config import Paths
from jpterm_like.index.documents import Candidate, Document, Passage, read_documents
from jpterm_like.index.index_file import Lost, remove_index
from jpterm_like.index.sources import Entry, Sources, States, is_fleeting, is_kept_in_memory
from jpterm_like.index.words import Span, excerpt, find_lines, find_spans, fold, folded_words
from jpterm_like.stores import served_roots

if TYPE_CHECKING:
    from jpterm_like.index.database import Index

SWITCH: Final = "JPTERM_LIKE_INDEX"
"""Set to "off", this variable has everything answered without an index; set to "new", each search begins a new one."""

LINE_LENGTH_MAX: Final = 1_000
PASSAGE_LENGTH_MAX: Final = 4_000
"""Characters that are returned of a longer line or passage, around the first word."""

BATCH: Final = 100
"""Documents that are put into the index at a time: at most so many are read again after the process was killed."""

Progress = Callable[[int, int], None]
"""Called with how many documents were read, and how many have to be."""


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
    """The results of a search, and what was left out."""

    found: list[Found]
    """The documents that were changed last first, or what was deleted last first."""
    more: bool
    """Whether more was found than was asked for."""
    remarks: list[str]
    """Sentences about what was not searched."""


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
    if os.environ.get(SWITCH) == "new":
        remove_index(paths.cache)
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
        self._places: dict[Entry, str] = {}
        self._best = _Best(2 * limit + 50)  # copies of a document are left out afterwards

    def run(self) -> Answer:
        old: dict[str, list[str]] = {}
        if self._index is None:
            stores = self._changed(self._sources.states({}), {})
        else:
            with self._index.reading():
                known = self._index.states()
                stores = self._changed(self._sources.states(known), known)
                old = self._index.remarks()
                self._search_index(stores)
            self._forget([place for place, entries in stores.items() if not entries])
        remarks = {**old, **self._read(stores)}
        sentences = itertools.chain.from_iterable(it for _, it in sorted(remarks.items()))
        found = list(itertools.islice(_without_copies(self._best.sorted()), self._limit + 1))
        return Answer(found[: self._limit], len(found) > self._limit, [*self._sources.remarks, *sentences])

    def _changed(self, states: States, known: States) -> dict[str, dict[Entry, str]]:
        """Return the places whose documents are not as the index knows them, with all of their stores; none if they are gone."""
        changed: dict[Entry, str] = {}
        gone: list[Entry] = []
        for folder in {*known, *states}:
            before, now = known.get(folder, {}), states.get(folder, {})
            if before == now and "" not in now.values():
                continue
            gone += ((folder, entry) for entry in before if entry not in now)
            for entry, state in now.items():
                if not state or before.get(entry) != state:
                    changed[folder, entry] = state
        found: dict[str, dict[Entry, str]] = {self._place(entry): {} for entry in (*gone, *changed)}
        found.pop("", None)  # whose name is damaged
        for each, state in changed.items():
            if place := self._place(each):
                found[place][each] = state
        if self._index is not None:
            for place, entries in found.items():
                for each in self._index.stores(place):
                    if each[1] in states.get(each[0], {}):
                        entries[each] = states[each[0]][each[1]]
        return found

    def _place(self, entry: Entry) -> str:
        if entry not in self._places:
            place = self._index.place(entry) if self._index is not None else None
            self._places[entry] = self._sources.place(entry) if place is None else place
        return self._places[entry]

    # Through the index

    def _search_index(self, without: Container[str]) -> None:
        assert self._index is not None
        for it in self._index.candidates(self._words, deleted=self._deleted):
            if it.place in without:
                continue
            if self._best.is_better_than(self._order(it)):
                break
            if self._deleted:
                self._add_passages(it, self._index.passages(it))
            else:
                self._add_lines(it, self._index.text(it))

    def _order(self, document: Candidate | Document) -> tuple[int, str, int]:
        newest = document.deleted_at if self._deleted else document.changed
        return -newest, document.place, document.part

    def _forget(self, places: Sequence[str]) -> None:
        if self._index is not None and places:
            with self._index.writing():
                for place in places:
                    self._index.remove(place)

    # From the stores

    def _read(self, stores: dict[str, dict[Entry, str]]) -> dict[str, list[str]]:
        """Read and search the documents at some places, and put them into the index; return remarks by place."""
        remarks: dict[str, list[str]] = {place: [] for place in stores}
        places = sorted(place for place, entries in stores.items() if entries)
        for start in range(0, len(places), BATCH):
            batch: list[tuple[str, list[Document]]] = []
            for place in places[start : start + BATCH]:
                if self._progress is not None:
                    self._progress(start + len(batch), len(places))
                documents, remarks[place] = self._documents(place, stores[place])
                batch.append((place, documents))
            if self._index is not None and self._index.may_write:
                with self._index.writing():
                    for place, documents in batch:
                        if not is_fleeting(place):  # else it is read each time
                            self._index.put(place, stores[place], documents, remarks[place])
        return remarks

    def _documents(self, place: str, stores: dict[Entry, str]) -> tuple[list[Document], list[str]]:
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

    # Results

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
    """The results that come first, in order."""

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


def _without_copies(found: Iterable[Found]) -> Iterator[Found]:
    """Leave out results that were found in another copy of the document already: a text on a server of this user also has a journal."""
    seen: dict[tuple[str, str], str] = {}
    for it in found:
        if not it.origin or seen.setdefault((it.origin, it.text), it.place) == it.place:
            yield it
