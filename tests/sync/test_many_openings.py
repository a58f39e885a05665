"""A document in which many openings wrote, as a script's do: what it costs when one more key is typed."""

from __future__ import annotations

from crdt import TextBuffer, Version
from jpterm_like.saver import STORED_SITES, Saver, restore
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from tests.steps import steps


def visited(count: int) -> Pad:
    """A pad in whose document so many openings wrote a character each."""
    buffer = TextBuffer.genesis("hello", site=1)
    messages: list[bytes] = []
    for site in range(100, 100 + count):
        opening = TextBuffer(site=site * 2**40, lineage=buffer.lineage, author="cron")
        opening.replace(0, 0, "x", 1.0)
        messages.append(opening.take_changes())
    buffer.integrate(b"".join(messages))
    pad = Pad(buffer)
    pad.stored = pad.saved = buffer.version
    return pad


def keys(pad: Pad, count: int) -> None:
    """What becomes of keys: typed, stored, saved, and looked at."""
    for number in range(count):
        before = pad.stored
        pad.replace(0, 0, "k", 10.0 * number)
        pad.mark_stored(pad.buffer.version)
        pad.stored_since(before)
        pad.mark_saved(pad.buffer.version)
        pad.saved_since_stored()
        assert pad.saved == pad.buffer.version


def test_a_key_costs_the_same_however_many_openings_wrote() -> None:
    """Versions share what they have in common; nothing that a key brings about goes through all sites."""
    few, many = visited(100), visited(5000)
    for pad in (few, many):
        keys(pad, 10)
    less, more = steps(keys, few, 50)[0], steps(keys, many, 50)[0]
    assert more <= 2 * less + 5000, (less, more)


def test_a_reader_takes_what_it_lacks_part_by_part_without_looking_through_all_sites_each_time() -> None:
    """To catch up in twice as many parts takes about as long."""

    def caught_up(pad: Pad, limit_bytes: int) -> None:
        version = Version()
        while version != pad.buffer.version:
            _, version = pad.buffer.changes_up_to(version, limit_bytes)

    pad = visited(3000)
    few, many = steps(caught_up, pad, 8000)[0], steps(caught_up, pad, 1000)[0]
    assert many < 2 * few, (few, many)


def test_a_journal_does_not_note_all_openings_with_each_key() -> None:
    """What is stored is noted when that is a part of what was written, and when the journal is closed."""
    pad = visited(2 * STORED_SITES)
    store = MemoryStorage().open("journal")
    saver = Saver(pad, store, Version())
    saver.write(with_stored=True)
    before = store.size_since_snapshot
    for number in range(100):
        pad.replace(0, 0, "k", 10.0 * number)
        pad.mark_stored(pad.buffer.version)
        saver.write(with_stored=True)
    assert store.size_since_snapshot - before < 4 * len(pad.stored.encode())
    assert restore(store, author="").stored <= pad.stored
    pad.replace(0, 0, "k", 2000.0)
    pad.mark_stored(pad.buffer.version)
    saver.write(with_stored=True, closing=True)
    assert restore(store, author="").stored == pad.stored
