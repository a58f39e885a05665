"""How long words are sought in many documents: `python -m tests.bench.find --documents 10000`.

Each document has 2 to 16 kB of made-up words, by Zipf's law, typed by two people with 60 edits, a third of them deletions. The
times are those of `index.search.find` in one process, processor time, the median of several; with *all of it* the look at each
store is included, *search* is without it. The last rows are without an index.
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
from jpterm_like.index.documents import read_documents
from jpterm_like.index.search import find
from jpterm_like.index.sources import Sources
from jpterm_like.saver import Saver
from jpterm_like.stores import on_disk
from jpterm_like.sync.pad import Pad

LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def make(paths: Paths, documents: int) -> None:
    """Write the stores of so many documents."""
    chance = random.Random(1)
    vocabulary = [
        "".join(chance.choices(LETTERS, weights=range(26, 0, -1), k=chance.randint(2, 10)))
        for _ in range(30_000)
    ]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(vocabulary))))

    def words(count: int) -> str:
        found = chance.choices(vocabulary, cum_weights=weights, k=count)
        return "".join(f"{it}\n" if at % 10 == 9 else f"{it} " for at, it in enumerate(found))

    with closing(on_disk(paths.pads)) as storage:
        for number in range(documents):
            text = words(chance.randint(2000, 16000) // 6)
            if number % 100 == 7:
                text += "a quokka on Rottnest\n"
            buffer = TextBuffer.genesis(text, author="ann")
            for edit in range(60):
                at = chance.randint(0, max(0, len(buffer) - 100))
                now = 1.7e9 + number * 60 + edit * 1000
                if edit % 3:
                    buffer.replace(at, at, words(3), now)
                else:
                    buffer.replace(at, at + chance.randint(5, 80), "", now)
            if number % 100 == 9:
                buffer.replace(0, 0, "a wombat in the hills\n", 1.8e9)
                buffer.replace(0, 22, "", 1.8e9 + 500)
            with closing(storage.open(f"/home/ann/notes/{number // 100}/{number}.md")) as store:
                Saver(Pad(buffer), store, Version()).compact()
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
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keep the stores there, and use those that are there")
    options = parser.parse_args()
    search.is_fleeting = lambda place: False
    with tempfile.TemporaryDirectory() as temporary:
        paths = Paths.under(options.folder or Path(temporary))
        if not paths.pads.is_dir():
            make(paths, options.documents)
        began = time.process_time()
        find(paths, ["quokka"], deleted=False, limit=50)
        print(f"| first search, which builds the index | {time.process_time() - began:.1f} s |")
        size = sum(it.stat().st_size for it in paths.cache.iterdir())
        texts = 0
        with closing(Sources.of_user(paths, [])) as sources:
            for folder, entries in sources.states({}).items():
                for entry in itertools.islice(entries, 200):
                    inspected = sources.read((folder, entry))
                    documents, _ = read_documents("x", [inspected] if inspected else [])
                    texts += sum(len(it.text) for it in documents)
                print(f"| index | {size / 1e6:.0f} MB, texts {texts / 200 * len(entries) / 1e6:.0f} MB |")
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
        os.environ[search.SWITCH] = "off"
        for deleted in (False, True):
            began = time.process_time()
            find(paths, ["quokka"], deleted=deleted, limit=50)
            print(
                f"| {'deleted' if deleted else 'today'}, without an index | {time.process_time() - began:.1f} s |"
            )


if __name__ == "__main__":
    main()
