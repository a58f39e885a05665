"""How long words are sought in many documents: `python -m tests.bench.find --documents 10000`.

Each document has 2 to 16 kB of made-up words, by Zipf's law, typed by two people with 60 edits, a third of them deletions. The
times are those of `index.search.find` in one process, processor time, the median of several; with *all of it* the look at each
store is included, *search* is without it. The last rows are without an index.

`--filled 10000` makes short stores and puts the long texts straight into the index, which takes a minute and not ten; then
nothing is measured that reads stores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from crdt import TextBuffer, Version
from jpterm_like.config import Paths
from jpterm_like.index import search
from jpterm_like.index.database import open_index
from jpterm_like.index.documents import Document, Passage
from jpterm_like.index.search import find
from jpterm_like.index.sources import Sources
from jpterm_like.saver import Saver
from jpterm_like.storage.disk_layout import folder_name
from jpterm_like.stores import on_disk
from jpterm_like.sync.pad import Pad

LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


class Texts:
    """Made-up texts of words as common as in a language."""

    def __init__(self) -> None:
        self.chance = chance = random.Random(1)
        self._words = [
            "".join(chance.choices(LETTERS, weights=range(26, 0, -1), k=chance.randint(2, 10)))
            for _ in range(30_000)
        ]
        self._weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(self._words))))

    def some(self, count: int) -> str:
        found = self.chance.choices(self._words, cum_weights=self._weights, k=count)
        return "".join(f"{it}\n" if at % 10 == 9 else f"{it} " for at, it in enumerate(found))

    def long(self, number: int) -> str:
        rare = "a quokka on Rottnest\n" if number % 100 == 7 else ""
        return self.some(self.chance.randint(2000, 16000) // 6) + rare


def name_of(number: int) -> str:
    return f"/home/ann/notes/{number // 100}/{number}.md"


def make(paths: Paths, documents: int) -> None:
    """Write the stores of so many documents."""
    texts = Texts()
    chance = texts.chance
    with closing(on_disk(paths.pads)) as storage:
        for number in range(documents):
            buffer = TextBuffer.genesis(texts.long(number), author="ann")
            for edit in range(60):
                at = chance.randint(0, max(0, len(buffer) - 100))
                now = 1.7e9 + number * 60 + edit * 1000
                if edit % 3:
                    buffer.replace(at, at, texts.some(3), now)
                else:
                    buffer.replace(at, at + chance.randint(5, 80), "", now)
            if number % 100 == 9:
                buffer.replace(0, 0, "a wombat in the hills\n", 1.8e9)
                buffer.replace(0, 22, "", 1.8e9 + 500)
            with closing(storage.open(name_of(number))) as store:
                Saver(Pad(buffer), store, Version()).compact()


def fill(paths: Paths, documents: int) -> None:
    """Write short stores, and an index that says that long documents are in them."""
    texts = Texts()
    chance = texts.chance
    for number in range(documents):  # as a closed store looks: its name, and one sealed part
        name = name_of(number)
        folder = paths.pads / folder_name(name, name.encode())
        folder.mkdir(parents=True, mode=0o700)
        (folder / "name").write_text(name)
        (folder / "0000000001-00000000-0000000000000000.log").write_bytes(b"")
    settle(paths)
    index = open_index(paths.cache)
    assert index is not None
    with closing(index), closing(Sources.of_user(paths, [])) as sources:
        states = sources.states({})
        entries = {
            (folder, entry): state for folder, found in states.items() for entry, state in found.items()
        }
        by_place = {sources.place(entry): entry for entry in entries}
        for start in range(0, documents, 100):
            with index.writing():
                for number in range(start, min(documents, start + 100)):
                    place = name_of(number)
                    passages = [
                        Passage(
                            it, texts.some(10), ("ann",), 1, "bob", 1_700_000_000 + number * 60 + it, "1.2"
                        )
                        for it in range(20)
                    ]
                    if number % 100 == 9:
                        passages.append(
                            Passage(1, "a wombat in the hills", ("ann",), 1, "bob", 1_800_000_000, "1.2")
                        )
                    changed = 1_700_000_000 + chance.randrange(10**7)
                    document = Document(place, 0, changed, "", texts.long(number), tuple(passages))
                    index.put(place, {by_place[place]: entries[by_place[place]]}, [document], [])


def settle(paths: Paths) -> None:
    for folder in (paths.pads, *paths.pads.iterdir()):
        os.utime(folder, ns=(0, os.stat(folder).st_mtime_ns - 10**18))


def median_ms(action: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--filled", type=int, default=0)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keep the stores there, and use those that are there")
    options = parser.parse_args()
    search.__dict__["is_fleeting"] = lambda place: False
    with tempfile.TemporaryDirectory() as temporary:
        paths = Paths.under(options.folder or Path(temporary))
        if options.filled:
            if not paths.pads.is_dir():
                fill(paths, options.filled)
        elif not paths.pads.is_dir():
            make(paths, options.documents)
            settle(paths)
        began = time.process_time()
        find(paths, ["quokka"], deleted=False, limit=50)
        if not options.filled:
            print(f"| first search, which builds the index | {time.process_time() - began:.1f} s |")
        size = sum(it.stat().st_size for it in paths.cache.iterdir())
        print(f"| index | {size / 1e6:.0f} MB |")
        for deleted in (False, True):
            when = "what was deleted" if deleted else "today's texts"
            for name, words in {
                "rare": ["wombat" if deleted else "quokka"],
                "part": ["omba" if deleted else "okka"],
                "two": ["wombat", "hills"] if deleted else ["quokka", "rott"],
                "short": ["wo" if deleted else "qu"],
                "common": ["et"],
                "none": ["xyzzyx"],
            }.items():

                def ask(words: list[str] = words, deleted: bool = deleted) -> object:
                    return find(paths, words, deleted=deleted, limit=50)

                whole = median_ms(ask, options.runs)
                states = Sources.states
                kept: dict[str, object] = {}

                def known(
                    self: Sources, before: object, states: object = states, kept: dict[str, object] = kept
                ) -> object:
                    return before

                Sources.states = known  # type: ignore[method-assign, assignment]
                alone = median_ms(ask, options.runs)
                Sources.states = states  # type: ignore[method-assign]
                print(f"| {when}, {name} | search {alone:.1f} ms | all of it {whole:.1f} ms |")
        if options.filled:
            return
        os.environ[search.SWITCH] = "off"
        for deleted in (False, True):
            began = time.process_time()
            find(paths, ["quokka"], deleted=deleted, limit=50)
            print(
                f"| {'deleted' if deleted else 'today'}, without an index | {time.process_time() - began:.1f} s |"
            )


if __name__ == "__main__":
    main()
