"""A person's stores for the tests of searching: random texts by several people, some of them deleted again."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

from crdt import TextBuffer, Version
from jpterm_like.config import Paths
from jpterm_like.saver import Saver
from jpterm_like.stores import journal_name, note_served, on_disk
from jpterm_like.sync.pad import Pad
from tests.storage.test_states import settle

WORDS = [
    "quokka",
    "Quokkas",
    "colour",
    "straße",
    "STRASSE",
    "İstanbul",
    "猫",
    "猫咪",
    "日本語",
    "a",
    "ab",
    "x\0y",
    "e\u0301",
    "\ud800",
    '"or"',
    "Ω",
]


class Home:
    """The folders of one person, with stores."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.paths = Paths.under(folder)
        self.chance = random.Random(seed)
        self.served = folder / "served"
        (self.served / ".jpterm-like").mkdir(parents=True, mode=0o700)
        note_served(self.paths, self.served)
        self.now = 1_000_000.0

    @property
    def index(self) -> Path:
        return self.paths.cache / "index.1.db"

    def store(self, kind: str, name: str) -> tuple[Path, str]:
        """The storage's folder, and the store's name in it."""
        if kind == "served":
            return self.served / ".jpterm-like", name
        path = str(self.served.parent / "files" / name)
        if kind == "pads":
            return self.paths.pads, path
        if kind == "journal":
            return self.paths.replicas, journal_name(f"file:{path}", 1)
        return self.paths.replicas, f"ws://host:8765/{name}"

    def write(self, kind: str, name: str, *steps: tuple[str, int, int, str], text: str = "") -> TextBuffer:
        """Edit a document: author, start, end and text; `text` is what a new one begins with."""
        from jpterm_like.saver import restore

        folder, stored = self.store(kind, name)
        with closing(on_disk(folder)) as storage, closing(storage.open(stored)) as store:
            kept = restore(store, author="")
            buffer = kept.buffer or TextBuffer.genesis(text)
            pad = Pad(buffer)
            saver = Saver(pad, store, buffer.version if kept.buffer else Version())
            for author, start, end, new in steps:
                other = TextBuffer.decode(buffer.encode(), author=author)
                self.now += self.chance.choice([1, 20, 500])
                other.replace(min(start, len(other)), min(end, len(other)), new, self.now)
                pad.integrate(other.changes_since(buffer.version), None)
            saver.write()
            if self.chance.random() < 0.2:
                saver.compact()
            return buffer

    def live(self, count: int) -> None:
        """Do something to a few documents, and have some time pass."""
        chance = self.chance
        for _ in range(count):
            kind = chance.choice(["pads", "pads", "journal", "served", "remote"])
            name = chance.choice(["notes.md", "ü.md", "docs/b.txt", "c\ud800.md"])
            steps = []
            for _ in range(chance.randint(1, 6)):
                start = chance.randint(0, 60)
                words = chance.choice([" ", "\n"]).join(chance.choices(WORDS, k=chance.randint(0, 4)))
                steps.append(
                    (chance.choice(["ann", "bob"]), start, start + chance.choice([0, 0, 4, 30]), words)
                )
            self.write(kind, name, *steps, text=chance.choice(["", "the file\n"]))
            if chance.random() < 0.1:
                folder, stored = self.store(kind, name)
                with closing(on_disk(folder)) as storage:
                    storage.delete(stored)

    def settle(self) -> None:
        """Let everything have changed a while ago, in the order in which it did."""
        for root in (self.paths.state, self.served):
            settle(root)
