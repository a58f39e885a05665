"""Undo steps that survive the opening they were made in (F4)."""

from __future__ import annotations

import random

from crdt import ForeignOp, TextBuffer


class Kept:
    """A replica, and the journal that stores its notes."""

    def __init__(self, text: str = "") -> None:
        self.buffer = TextBuffer.genesis(text)
        self.notes: list[bytes] = []

    def type(self, text: str) -> None:
        for character in text:
            at = len(self.buffer)
            self.buffer.replace(at, at, character, 1.0)
            self.note()

    def note(self) -> None:
        if note := self.buffer.take_steps():
            self.notes.append(note)

    def hear(self, other: TextBuffer) -> None:
        self.buffer.integrate(other.changes_since(self.buffer.version))

    def with_colleague(self) -> TextBuffer:
        """Return a replica of somebody else."""
        return TextBuffer.decode(self.buffer.encode())

    def reopen(self) -> None:
        data, own_sites = self.buffer.encode(), self.buffer.own_sites
        self.buffer = TextBuffer.decode(data, own_sites=own_sites)
        self.buffer.restore_steps(self.notes)


def test_f04_undo_goes_on_word_by_word_after_a_restart() -> None:
    """Text typed before the restart is undone in the same steps as without the restart, and redone in them."""
    kept = Kept()
    kept.type("one two three")
    kept.reopen()
    kept.type(" four")
    seen = []
    while kept.buffer.undo() is not None:
        seen.append(kept.buffer.text)
        kept.note()
        kept.reopen()
    assert seen == ["one two three ", "one two three", "one two ", "one ", ""]
    while kept.buffer.redo() is not None:
        kept.note()
        kept.reopen()
    assert kept.buffer.text == "one two three four"


def test_undo_passes_over_the_steps_of_another_author_and_keeps_them() -> None:
    """Bob left his journal, and Ann continues with it: each undoes only their own words."""
    bob = TextBuffer.genesis("", author="bob")
    bob.replace(0, 0, "his ")
    notes = [bob.take_steps()]
    ann = TextBuffer.decode(bob.encode(), author="ann", own_sites=bob.own_sites)
    ann.restore_steps(notes)
    ann.replace(4, 4, "hers")
    assert ann.undo() is not None and ann.text == "his "
    assert ann.undo() is None and ann.text == "his "
    again = TextBuffer.decode(ann.encode(), author="bob", own_sites=ann.own_sites)
    again.restore_steps([ann.take_steps(whole=True)])
    assert again.undo() is not None and again.text == ""


def test_f03_a_restored_step_takes_nobody_elses_work() -> None:
    """Text that a colleague typed into my word, before or after the restart, stays when I undo the word."""
    kept = Kept()
    kept.type("word")
    bob = kept.with_colleague()
    bob.replace(2, 2, "BOB")
    kept.hear(bob)
    kept.reopen()
    bob.replace(3, 3, "!")
    kept.hear(bob)
    kept.buffer.undo()
    assert kept.buffer.text == "B!OB"


def test_a_step_of_before_that_was_taken_back_in_vain_does_not_come_back() -> None:
    """Seed 2514: the undone text was already deleted by somebody else, so the step seemed to need no note; after one
    more restart it was there again, and would have undone text that they had restored meanwhile."""
    kept = Kept()
    kept.type("x")
    bob = kept.with_colleague()
    bob.replace(0, 1, "")
    kept.hear(bob)
    kept.reopen()
    assert kept.buffer.undo() is None
    kept.note()
    kept.reopen()
    assert bob.undo() is not None
    kept.hear(bob)
    assert kept.buffer.undo() is None
    assert kept.buffer.text == "x"


def test_a_key_within_a_word_needs_no_note() -> None:
    """A note is written for each step, not for each key, which would make the journal grow."""
    kept = Kept()
    kept.type("x" * 1000)
    assert len(kept.notes) == 1


def test_a_new_edit_ends_redo_after_a_restart_too() -> None:
    """Redo is available until somebody types, in any opening."""
    kept = Kept()
    kept.type("one two")
    kept.buffer.undo()
    kept.note()
    kept.reopen()
    kept.type("!")
    assert kept.buffer.redo() is None
    kept.reopen()
    assert kept.buffer.redo() is None
    assert kept.buffer.undo() is not None


def test_steps_whose_operations_are_gone_are_passed_over() -> None:
    """The end of the journal is lost, so the notes refer to unknown operations. No other operations are undone in
    their place."""
    kept = Kept("text ")
    kept.type("one two")
    whole = kept.buffer.encode()
    own_sites = kept.buffer.own_sites
    kept.type(" three")
    older = TextBuffer.decode(whole, own_sites=own_sites)
    older.restore_steps(kept.notes)
    older.undo()
    assert older.text == "text one "
    stranger = TextBuffer.decode(whole)  # the sites are not known to be mine
    stranger.restore_steps(kept.notes)
    assert stranger.undo() is None


def test_f18_notes_of_another_shape_are_refused_whole() -> None:
    """Bytes that are no note raise ForeignOp, and restore no step."""
    kept = Kept()
    kept.type("one two three")
    chance = random.Random(4)
    for _ in range(3000):
        note = bytearray(chance.choice(kept.notes))
        for _ in range(chance.randint(1, 3)):
            note[chance.randrange(len(note))] = chance.randrange(256)
        del note[chance.randint(1, len(note)) :]
        copy = TextBuffer.decode(kept.buffer.encode(), own_sites=kept.buffer.own_sites)
        try:
            copy.restore_steps([*kept.notes, bytes(note)])
        except ForeignOp:
            assert copy.undo() is None
        else:
            copy.undo()
            copy.check()


def test_the_note_of_everything_is_bounded() -> None:
    """A snapshot has only the newest steps, some bytes each."""
    buffer = TextBuffer()
    for number in range(12_000):
        buffer.break_undo()
        buffer.replace(0, 0, "ab"[number % 2])
    assert len(buffer.take_steps(whole=True)) < 60_000
    buffer.break_undo()
    buffer.take_steps(whole=True)
    for _ in range(10_000):
        assert buffer.undo() is not None
    assert len(buffer) == 2_000
    assert buffer.undo() is None
