"""The workloads, one function each: what one peer needs for it, and whether what came out is right.

A workload is called in a process of its own. It prepares, then measures processor time of the part that counts
(`Clock`), so that what else the machine does matters little; then it checks.
"""

from __future__ import annotations

import ctypes
import gc
import gzip
import pickle
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.bench import traces
from tests.bench.peers import OURS, SITE, Peer
from tests.bench.traces import Patch, applied

Result = dict[str, float]


class Setting(NamedTuple):
    """What a workload is given: where the traces and the compiled package are, and where prepared things are kept."""

    traces: Path
    trace: str
    kept: Path

    def load(self) -> traces.Trace:
        return traces.load(self.traces, self.trace)


class Clock:
    """Processor time in ms and the peak of memory growth in MiB of a block.

    What was prepared is put out of sight of the garbage collector, for a real program has no quarter of a million
    tuples lying about.
    """

    def __init__(self, memory: bool = True) -> None:
        self.ms = 0.0
        self.wall_ms = 0.0
        self.peak_mib = 0.0
        self.memory = memory

    def __enter__(self) -> Clock:
        gc.collect()
        gc.freeze()
        if self.memory:
            self._before = _resident_peak(reset=True)
        self._wall = time.perf_counter()
        self._begin = time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.ms = (time.process_time() - self._begin) * 1000
        self.wall_ms = (time.perf_counter() - self._wall) * 1000
        if self.memory:
            self.peak_mib = (_resident_peak() - self._before) / 2**20
        gc.unfreeze()

    @property
    def result(self) -> Result:
        found: Result = {"ms": self.ms, "wall_ms": self.wall_ms}
        if self.memory:
            found["peak_mib"] = self.peak_mib
        return found


def _resident_peak(reset: bool = False) -> int:
    """Bytes of the largest resident set so far; with `reset`, the one now, from which the next call counts."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if reset:
        # What was freed while preparing goes back to the system, or it would hide what is needed now.
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def median_ms(work: Callable[[], object], times: int = 5) -> float:
    """The median of some calls, for what takes a millisecond."""
    taken = []
    for _ in range(times):
        with Clock(memory=False) as clock:
            work()
        taken.append(clock.ms)
    return statistics.median(taken)


class Wrong(Exception):
    """What a peer made of a workload is not right."""


def same(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise Wrong(what)


def replayed(peer: Peer, text: str, patches: list[Patch]) -> Any:
    doc = peer.new(text)
    peer.replay(doc, patches)
    return doc


def kept(setting: Setting, peer: Peer, what: str, make: Callable[[], Any]) -> Any:
    """Something that was made once for a peer and a trace, in a process of its own."""
    path = setting.kept / f"{setting.trace}-{peer.name}-{what}"
    if not path.exists():
        made = make()
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps(made))
        part.rename(path)
    return pickle.loads(path.read_bytes())


def messages_of(setting: Setting, peer: Peer) -> list[bytes]:
    def make() -> list[bytes]:
        trace = setting.load()
        return peer.replay_with_messages(peer.new(trace.start), trace.patches)

    return kept(setting, peer, "messages", make)  # type: ignore[no-any-return]


def encoded(setting: Setting, peer: Peer) -> bytes:
    """The whole replica after the trace."""

    def make() -> bytes:
        trace = setting.load()
        return peer.encode(replayed(peer, trace.start, trace.patches))

    return kept(setting, peer, "encoded", make)  # type: ignore[no-any-return]


# The workloads


def local(setting: Setting, peer: Peer) -> Result:
    """a: each patch of the trace a call and a transaction of its own."""
    trace = setting.load()
    doc = peer.new(trace.start)
    with Clock() as clock:
        peer.replay(doc, trace.patches)
    same(peer.text(doc), trace.end, "the text after the trace")
    return clock.result


def local_with_messages(setting: Setting, peer: Peer) -> Result:
    """b: the same, and the message to broadcast after each."""
    trace = setting.load()
    doc = peer.new(trace.start)
    with Clock() as clock:
        messages = peer.replay_with_messages(doc, trace.patches)
    same(peer.text(doc), trace.end, "the text after the trace")
    same(len(messages), len(trace.patches), "a message for each patch")
    return clock.result | {"bytes": sum(map(len, messages))}


def remote(setting: Setting, peer: Peer) -> Result:
    """c: a second replica takes those messages in, one by one."""
    messages = messages_of(setting, peer)
    trace = setting.load()
    doc = peer.new(trace.start, number=1)
    take = peer.taker(doc)
    with Clock() as clock:
        for message in messages:
            take(message)
    same(peer.text(doc), trace.end, "the text of the second replica")
    return clock.result


def encode(setting: Setting, peer: Peer) -> Result:
    """d: the whole replica in bytes; once more after one more edit."""
    trace = setting.load()
    doc = replayed(peer, trace.start, trace.patches)
    with Clock(memory=False) as first:
        data = peer.encode(doc)
    same(peer.text(peer.decode(data)), trace.end, "the text after encoding and decoding")
    again = []
    for number in range(5):
        peer.replay(doc, [(len(trace.end) // 2 + number, len(trace.end) // 2 + number, "x")])
        with Clock(memory=False) as clock:
            peer.encode(doc)
        again.append(clock.ms)
    sizes = {"bytes": len(data), "gzip_bytes": len(gzip.compress(data, 6, mtime=0))} | peer.sizes(doc)
    if peer.name in OURS:
        kept = _without_deleted(data)
        sizes |= {"kept_bytes": len(kept), "kept_gzip_bytes": len(gzip.compress(kept, 6, mtime=0))}
    return {"ms": first.ms, "again_ms": statistics.median(again)} | sizes


def _without_deleted(data: bytes) -> bytes:
    """A document of ours but for what is in it because deleted text and the history of deletions are kept.

    See `crdt/snapshot.py`: text, table of sites, pages of structure each with its deleted text, logs.
    """
    from crdt import snapshot
    from crdt.binary import Reader

    reader = Reader(data)
    reader.exactly(snapshot.CHECKED_FROM + 16)
    reader.sized()
    reader.sized()
    kept: list[bytes] = []
    begin = 0
    for _ in range(reader.number()):
        reader.number()
        reader.sized()
        kept.append(data[begin : reader.position])
        reader.sized()
        begin = reader.position
    return b"".join(kept)


def decode_to_text(setting: Setting, peer: Peer) -> Result:
    """e: bytes to text."""
    data = encoded(setting, peer)
    trace = setting.load()
    same(peer.text(peer.decode(data)), trace.end, "the text")
    return {"ms": median_ms(lambda: peer.text(peer.decode(data)))}


def decode_and_edit(setting: Setting, peer: Peer) -> Result:
    """e: bytes to text, and a first edit in the middle."""
    data = encoded(setting, peer)
    trace = setting.load()
    middle = len(trace.end) // 2
    patches = [(middle, middle, "x")]

    def work() -> Any:
        doc = peer.decode(data)
        peer.text(doc)
        peer.replay(doc, patches)
        return doc

    same(peer.text(work()), applied(trace.end, patches), "the text after an edit")
    return {"ms": median_ms(work)}


def concurrent(setting: Setting, peer: Peer) -> Result:
    """f: the concurrent trace, a replica for each author, who takes the messages in as the trace says."""
    trace = traces.load_concurrent(setting.traces, "friendsforever")
    docs = [peer.new(number=number) for number in range(trace.authors)]
    turns = [peer.turner(doc) for doc in docs]
    takers = [peer.taker(doc) for doc in docs]
    authors = [turn.author for turn in trace.turns]
    messages: list[bytes] = []
    taken = [[False] * len(authors) for _ in docs]
    with Clock() as clock:
        for author, seen, patches in trace.turns:
            if seen:
                take = takers[author]
                for number in seen:
                    take(messages[number])
            messages.append(turns[author](patches))
        rest: dict[int, list[int]] = {author: [] for author in range(len(docs))}
    for turn in trace.turns:
        for number in turn.seen:
            taken[turn.author][number] = True
    for reader in rest:
        rest[reader] = [
            number
            for number in range(len(authors))
            if authors[number] != reader and not taken[reader][number]
        ]
    for reader, numbers in rest.items():
        for number in numbers:
            takers[reader](messages[number])
    texts = {peer.text(doc) for doc in docs}
    same(len(texts), 1, "all authors have the same text")
    return clock.result | {"bytes": sum(map(len, messages)), "as_recorded": float(texts == {trace.end})}


def catch_up(setting: Setting, peer: Peer) -> Result:
    """g: two replicas of the trace with 10,000 offline edits each exchange what the other lacks."""
    data = encoded(setting, peer)
    size = len(setting.load().end)
    docs = [peer.decode(data, number) for number in range(2)]
    for number, doc in enumerate(docs):
        peer.text(doc)
        peer.replay(doc, traces.bursts(size, 10_000, seed=number))
    one, other = docs
    with Clock() as clock:
        mine, yours = peer.version(one), peer.version(other)
        for_one, for_other = peer.since(other, mine), peer.since(one, yours)
        peer.taker(one)(for_one)
        peer.taker(other)(for_other)
    same(peer.text(one), peer.text(other), "both have the same text")
    return clock.result | {"bytes": len(for_one) + len(for_other)}


def random_inserts(setting: Setting, peer: Peer) -> Result:
    """h: 100,000 characters, each at another place."""
    return _made_up(peer, traces.scattered(0, 100_000, 1, deletions=0.0))


def prepends(setting: Setting, peer: Peer) -> Result:
    """h: 100,000 characters, each before the others."""
    return _made_up(peer, traces.prepends(100_000))


def _made_up(peer: Peer, patches: list[Patch]) -> Result:
    end = applied("", patches)
    doc = peer.new()
    with Clock() as clock:
        peer.replay(doc, patches)
    same(peer.text(doc), end, "the text")
    return clock.result


def one_place(setting: Setting, peer: Peer) -> Result:
    """h: 100 sites, each with 1,000 characters at one place; two replicas take them in in two orders."""
    base = peer.new("()")
    data = peer.encode(base)
    messages = []
    for number in range(100):
        doc = peer.decode(data, number + 2)
        before = peer.version(doc)
        peer.replay(doc, [(1, 1, chr(97 + number % 26) * 1000)])
        messages.append(peer.since(doc, before))
    docs = [peer.decode(data), peer.decode(data, 1)]
    for doc in docs:
        peer.text(doc)
    with Clock() as clock:
        for doc, order in zip(docs, (messages, messages[::-1]), strict=True):
            take = peer.taker(doc)
            for message in order:
                take(message)
    texts = [peer.text(doc) for doc in docs]
    same(texts[0], texts[1], "the same text in both orders")
    same(len(texts[0]), 100_002, "the length of the text")
    same(sum(a != b for a, b in zip(texts[0], texts[0][1:], strict=False)) <= 101, True, "each in one piece")
    return clock.result | {"bytes": sum(map(len, messages))}


def large(setting: Setting, peer: Peer) -> Result:
    """h: 10 MB in one insert, then 10,000 edits of one character at random places."""
    text = ("".join(traces.LETTERS) * 8 + "\n") * (10_000_000 // 105)
    patches = traces.scattered(len(text), 10_000, 2, deletions=0.3)
    doc = peer.new()
    with Clock() as paste:
        peer.replay(doc, [(0, 0, text)])
    with Clock() as clock:
        peer.replay(doc, patches)
    end = bytearray(text, "ascii")
    for start, stop, new in patches:
        end[start:stop] = new.encode()
    same(peer.text(doc), end.decode(), "the text")
    return clock.result | {"paste_ms": paste.ms, "peak_mib": paste.peak_mib + clock.peak_mib}


def carets(setting: Setting, peer: Peer) -> Result:
    """k: 1,000 carets, set in the middle of the trace and asked for after every 1,000 edits."""
    trace = setting.load()
    half = len(trace.patches) // 2
    doc = replayed(peer, trace.start, trace.patches[:half])
    size = len(peer.text(doc))
    offsets = [1 + number * (size - 1) // 1000 for number in range(1000)]
    with Clock() as clock:
        anchors = peer.anchors(doc, offsets)
    total = clock.ms
    found: list[int] = []
    for begin in range(half, len(trace.patches), 1000):
        peer.replay(doc, trace.patches[begin : begin + 1000])
        with Clock(memory=False) as asked:
            found = peer.offsets(doc, anchors)
        total += asked.ms
    # Plain: characters that know which they were. A caret whose character is gone has no one right place.
    names: list[int] = list(range(size))
    for start, end, text in trace.patches[half:]:
        names[start:end] = [-1] * len(text)
    now = {name: place for place, name in enumerate(names) if name >= 0}
    for offset, place in zip(offsets, found, strict=True):
        if offset - 1 in now:
            same(place, now[offset - 1] + 1, f"the caret that was at {offset}")
    return {"ms": total}


def history(setting: Setting, peer: Peer) -> Result:
    """l: the text as it was in the middle of the trace; who wrote what (ours only)."""
    trace = setting.load()
    half = len(trace.patches) // 2
    doc = peer.new(trace.start)
    peer.replay(doc, trace.patches[:half])
    then, version = peer.text(doc), peer.version(doc)
    peer.replay(doc, trace.patches[half:])
    # The first call may build what later ones use.
    with Clock() as clock:
        found = peer.at(doc, version)
    same(found, then, "the text at a version")
    result = clock.result
    if peer.name in OURS:
        with Clock(memory=False) as clock:
            written = doc.authorship(0, len(trace.end))
        same((written[0][0], written[-1][1]), (0, len(trace.end)), "authorship of the whole text")
        same(all(site == SITE for _, _, site, _ in written), True, "the author")
        result["authorship_ms"] = clock.ms
    return result


def growth(setting: Setting, peer: Peer, times: int) -> Result:
    """How cost grows: the trace once more at the end of a document that has it `times - 1` times already.

    A second replica, opened from the first one's bytes, takes that in message by message. Per edit.
    """
    trace = setting.load()
    doc = peer.new(trace.start)
    size = len(trace.end)
    # The start of a trace is there only once; what stands at the end of the text so far is written after it.
    assert not trace.start, "a trace that begins with an empty text"
    for number in range(times - 1):
        peer.replay(doc, traces.shifted(trace.patches, number * size))
    other = peer.decode(peer.encode(doc))
    patches = traces.shifted(trace.patches, (times - 1) * size)
    if times > 1:
        # Some edits first: opening is measured elsewhere.
        before = peer.version(doc)
        peer.replay_with_messages(doc, [(0, 0, "x"), (0, 1, "")])
        peer.taker(other)(peer.since(doc, before))
    with Clock() as sent:
        messages = peer.replay_with_messages(doc, patches)
    take = peer.taker(other)
    with Clock() as taken:
        for message in messages:
            take(message)
    same(peer.text(doc), trace.end * times, "the text of the trace repeated")
    same(peer.text(other), trace.end * times, "the text of the second replica")
    per_edit = 1000 / len(patches)
    return {"ms": sent.ms, "us": sent.ms * per_edit, "remote_us": taken.ms * per_edit}


def growth_1(setting: Setting, peer: Peer) -> Result:
    return growth(setting, peer, 1)


def growth_10(setting: Setting, peer: Peer) -> Result:
    return growth(setting, peer, 10)


def growth_100(setting: Setting, peer: Peer) -> Result:
    return growth(setting, peer, 100)


WORKLOADS: dict[str, Callable[[Setting, Peer], Result]] = {
    "a": local,
    "b": local_with_messages,
    "c": remote,
    "d": encode,
    "e-text": decode_to_text,
    "e-edit": decode_and_edit,
    "f": concurrent,
    "g": catch_up,
    "h-random": random_inserts,
    "h-prepend": prepends,
    "h-sites": one_place,
    "h-large": large,
    "k": carets,
    "l": history,
    "grow-1": growth_1,
    "grow-10": growth_10,
    "grow-100": growth_100,
}
