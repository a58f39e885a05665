"""F16 as a table: two write 50 lines each at one place, offline; in how many pieces do the two blocks end?

    python -m tests.bench.interleaving

Two is right: each block in one. The same script runs on ours, on ours with the plain counter (always one above the
first child, whoever wrote that), and on the peers that are installed. With restarts each replica is saved and opened
anew after every twenty lines, and has another site then, as everywhere.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from itertools import groupby
from typing import Any, Final

from tests.bench.peers import OPENED, Loro, Ours, Peer, Pycrdt, YPy
from tests.bench.traces import Patch

START: Final = "\n\n\n"
PLACE: Final = 2
LINES: Final = 50
RESTART_AFTER: Final = 20

WAYS: Final = ("forwards", "backwards", "prepending lines")

SEEDS: Final = 20

LETTERS: Final = ("abcdefghijklm", "nopqrstuvwxyz")
"""Each writes with letters of their own, so that the text tells who wrote what."""


def line_patches(way: str, line: str, written: int) -> list[Patch]:
    """A line, key by key, where `written` characters stand already."""
    if way == "forwards":
        at = PLACE + written
        return [(at + place, at + place, key) for place, key in enumerate(line)]
    if way == "backwards":
        return [(PLACE, PLACE, key) for key in reversed(line)]
    return [(PLACE + place, PLACE + place, key) for place, key in enumerate(line)]


def pieces(peer: Peer, way: str, restarts: bool, seed: int) -> int:
    """In how many pieces the text of two is, after they have exchanged what they wrote."""
    rng = random.Random(seed)
    data = peer.encode(peer.new(START, rng.getrandbits(20)))
    docs = []
    for letters in LETTERS:
        doc = peer.decode(data, rng.getrandbits(20))
        written = 0
        for number in range(LINES):
            line = "".join(rng.choice(letters) for _ in range(rng.randrange(3, 12))) + "\n"
            peer.replay(doc, line_patches(way, line, written))
            written += len(line)
            if restarts and number % RESTART_AFTER == RESTART_AFTER - 1:
                doc = reopened(peer, doc, rng.getrandbits(20))
        docs.append(doc)
    one, other = docs
    for_one, for_other = peer.since(other, peer.version(one)), peer.since(one, peer.version(other))
    peer.taker(one)(for_one)
    peer.taker(other)(for_other)
    text = peer.text(one)
    assert text == peer.text(other), "the two replicas differ"
    return len([who for who, _ in groupby(letter in LETTERS[0] for letter in text if letter != "\n")])


def reopened(peer: Peer, doc: Any, number: int) -> Any:
    data = peer.encode(doc)
    if isinstance(peer, Ours):
        # Ours is told which sites were its own; the others have no such thing.
        return peer.crdt.TextBuffer.decode(data, site=OPENED + number, own_sites=doc.own_sites)
    return peer.decode(data, number)


class Plain(Ours):
    """Ours with the plain counter. It changes the module that the other one uses: make this one last."""

    def __init__(self) -> None:
        import crdt.writer

        super().__init__("ours, plain +1", False)
        crdt.writer.stride = _one


def _one(site: int) -> int:
    return 1


MAKERS: Final[list[Callable[[], Peer]]] = [lambda: Ours("ours", False), Pycrdt, YPy, Loro, Plain]


def main() -> None:
    print("| | " + " | ".join(f"{way}{also}" for way in WAYS for also in ("", ", restarts")) + " |")
    print("|---|" + "--:|" * 2 * len(WAYS))
    for make in MAKERS:
        try:
            peer = make()
        except ImportError:
            continue
        cells = []
        for way in WAYS:
            for restarts in (False, True):
                found = [pieces(peer, way, restarts, seed) for seed in range(SEEDS)]
                cells.append(f"{statistics.mean(found):.3g}")
        print(f"| {peer.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
