"""Operations of a newer release's format: kept and passed on as they came, by a release that cannot read them."""

from __future__ import annotations

import pytest

from crdt import TextBuffer, Version
from jpterm_like.client.open import _bring_together
from jpterm_like.saver import RestoredPad, Saver, restore
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from jpterm_like.sync.pad import UNREAD_BYTES_MAX, Pad, Unread
from tests.sync.test_link import Pair

NEWER = b"in the format of the next release"


def joined(server: Pad, *, role: wire.Role = "edit", features: tuple[str, ...] | None = None) -> Pair:
    """Somebody who is in a pad of a server; with other features than ours, if told so."""
    pair = Pair("", role=role)
    pair.server_pad = server
    pair.client_pad = Pad(TextBuffer())
    with pytest.MonkeyPatch.context() as patch:
        if features is not None:
            patch.setattr(links, "FEATURES", features)
            pair.client = links.Link("client", "ann", 0.0)
        pair.talk()
    return pair


def unread(pair: Pair) -> list[wire.Changes]:
    return [message for message in pair.frames if isinstance(message, wire.Changes) and message.format]


def test_operations_of_a_newer_format_are_passed_on_to_those_who_keep_them() -> None:
    """And to nobody else: a program of 0.1.0 ends the line at them. The text goes on as before."""
    server = Pad(TextBuffer.genesis("hello", site=1))
    newer, bob, old = joined(server), joined(server), joined(server, features=())
    newer.client_pad.keep_unread(2, NEWER, None)
    for pair in (newer, bob, old, newer):
        pair.talk()
    assert [(it.format, it.data) for it in server.unread] == [(2, NEWER)]
    assert [(it.format, it.data) for it in bob.client_pad.unread] == [(2, NEWER)]
    assert bob.told(wire.Notice) == [wire.Notice(0, True, links.UNREAD)]
    assert len(unread(newer)) == 1, "not given back"
    assert not unread(old)
    newer.client_pad.replace(0, 0, "still ", 1.0)
    for pair in (newer, bob, old):
        pair.talk()
        assert pair.client.state == pair.server.state == "live"
        assert pair.client_pad.buffer.text == "still hello"
    late = joined(server)
    late.talk()
    assert [(it.format, it.data) for it in late.client_pad.unread] == [(2, NEWER)]


def test_what_is_read_by_all_is_told_in_shared_frames_still() -> None:
    """Messages that only some are passed on are no part of the frames that all are told alike."""
    server = Pad(TextBuffer.genesis("hello", site=1))
    pairs = [joined(server) for _ in range(3)]
    pairs[0].client_pad.keep_unread(2, NEWER, None)
    pairs[0].client_pad.replace(0, 0, "with ", 1.0)
    for _ in range(3):
        for pair in pairs:
            pair.talk()
    for pair in pairs:
        assert pair.client_pad.buffer.text == "with hello"
        assert [each.data for each in pair.client_pad.unread] == [NEWER]
        assert len(unread(pair)) == 1


def test_operations_of_a_newer_format_are_kept_in_stores() -> None:
    """Through folds, in a store of another name, and once however often they come; also in a journal."""
    storage = MemoryStorage()
    store = storage.open("notes.md")
    pad = Pad(TextBuffer.genesis("hello", site=1))
    saver = Saver(pad, store, Version(), genesis=b"hello")
    saver.begin()
    for _ in range(2):
        pad.keep_unread(2, NEWER, "peer")
        saver.write()
    pad.keep_unread(3, NEWER, "peer")
    assert saver.behind
    saver.write()
    assert not saver.behind
    expected = (Unread(2, NEWER), Unread(3, NEWER))
    for fold in ("folding", "compact", "folding", "move"):
        store.close()
        store = storage.open("notes.md")
        kept = restore(store, author="")
        assert kept.unread == expected
        assert kept.remarks == [] and not kept.newer
        pad = kept.pad()
        saver = Saver(pad, store, pad.buffer.version)
        assert not saver.behind
        if fold == "folding":
            saver.prepare_compaction()()
        elif fold == "compact":
            saver.compact()
    other = storage.open("other.md")
    Saver(pad, other, Version(), carried=store.carried).write()
    other.close()
    other = storage.open("other.md")
    assert restore(other, author="").unread == expected


def test_a_reader_s_operations_of_a_newer_format_are_refused() -> None:
    server = Pad(TextBuffer.genesis("hello", site=1))
    reader = joined(server, role="view")
    reader.server.receive(wire.encode(wire.Changes(0, 2, NEWER)), 0.0)
    assert reader.server.state == "ended"
    assert not server.unread


def test_what_cannot_be_read_has_a_bound() -> None:
    """Somebody may send nonsense as if it were of the next release: it costs so much memory and no more."""
    pad = Pad(TextBuffer.genesis("hello", site=1))
    for number in range(100):
        pad.keep_unread(2, bytes([number]) * (UNREAD_BYTES_MAX // 10), None)
    assert sum(len(each.data) for each in pad.unread) <= UNREAD_BYTES_MAX


def test_what_cannot_be_read_in_a_journal_that_was_left_behind_is_passed_on() -> None:
    """It comes into the journal to go on with at once, and once."""
    notes = (Unread(2, NEWER), Unread(3, NEWER))
    kept = RestoredPad(TextBuffer.genesis("hello"), unread=notes[:1])
    _bring_together(kept, [RestoredPad(TextBuffer.genesis("hello"), unread=notes)], "ann")
    assert kept.unread == notes
