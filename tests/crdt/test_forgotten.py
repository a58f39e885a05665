"""Text that one replica has forgotten counts as equal to any text of the same characters.

Nothing forgets yet; replicas that did are made here of messages, as a later release will make them: the characters are deleted
with LEVEL_MAX, and U+FFFD stands in their place.
"""

from __future__ import annotations

import pytest

from crdt import Contradiction, ForeignOp, TextBuffer, Version
from crdt.messages import FORGOTTEN, LEVEL_MAX, BatchWriter

SECRET = "secret"
WRITER, FORGETTER = 11, 12


def typed(text: str) -> bytes:
    """What the writer typed: at the start of the document, six characters and a word behind them."""
    batch = BatchWriter(WRITER, 0)
    batch.insert(0, 0, -1, 1, text)
    batch.go_on(" kept")
    return batch.message()


def raised(level: int = LEVEL_MAX) -> bytes:
    batch = BatchWriter(FORGETTER, 0)
    batch.raise_levels(0, WRITER, 0, len(SECRET), False, level)
    return batch.message()


def replica(text: str, *messages: bytes) -> TextBuffer:
    buffer = TextBuffer()
    buffer.integrate(typed(text))
    for message in messages:
        buffer.integrate(message)
    return buffer


def test_who_was_away_and_who_forgot_meet_without_a_contradiction() -> None:
    """Formerly this was taken for a site used twice, and the secret was typed in again as new work."""
    away = replica(SECRET)
    away.replace(len(away), len(away), " and more")
    forgot = replica(FORGOTTEN * len(SECRET), raised())
    for one, other in ((away, forgot), (forgot, away)):
        one.integrate(other.changes_since(Version()))
        one.check()
    assert away.version == forgot.version
    assert away.text == forgot.text == " kept and more"
    assert away.digest() == forgot.digest()
    again = TextBuffer.decode(forgot.encode())
    again.integrate(away.changes_since(Version()))
    assert again.text == forgot.text
    assert SECRET not in again.at(Version({WRITER: 11}))


def test_a_message_may_tell_of_both() -> None:
    """Joined messages are a message; one of them may come from a replica that forgot."""
    for first, second in ((SECRET, FORGOTTEN * 6), (FORGOTTEN * 6, SECRET)):
        buffer = TextBuffer()
        buffer.integrate(typed(first) + raised() + typed(second))
        assert buffer.text == " kept"


def test_only_what_is_deleted_for_good_was_forgotten() -> None:
    """A U+FFFD that was typed, or read from a file, is an ordinary character: other text contradicts it."""
    shown = replica(FORGOTTEN * len(SECRET))
    with pytest.raises(Contradiction):
        shown.integrate(typed(SECRET))
    deleted = replica(FORGOTTEN * len(SECRET), raised(2))
    with pytest.raises(Contradiction):
        deleted.integrate(typed(SECRET))
    with pytest.raises(ForeignOp):
        TextBuffer().integrate(typed("secret") + typed("Secret"))
    partly = replica(FORGOTTEN * len(SECRET), raised())
    with pytest.raises(Contradiction):
        partly.integrate(typed(SECRET).replace(b" kept", b" left"))
