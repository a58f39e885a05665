"""The passages that were deleted: what somebody took out at one place in one go."""

from __future__ import annotations

from crdt import TextBuffer
from jpterm_like.history.deleted import deleted_passages
from jpterm_like.history.operations import by_site


def meet(*buffers: TextBuffer) -> None:
    for one in buffers:
        for other in buffers:
            one.integrate(other.changes_since(one.version))


def test_typing_errors_stand_inside_a_passage_and_do_not_divide_it() -> None:
    ann = TextBuffer.genesis("file\n", site=1, author="ann")
    ann.replace(5, 5, "the quokkas liev", 1000)
    ann.replace(19, 21, "", 1010)  # "ev"
    ann.replace(19, 19, "ve on Rottnest\n", 1020)
    assert [it.text for it in deleted_passages(ann)] == ["ev"]
    ann.replace(5, 34, "", 5000)
    error, first = deleted_passages(ann)
    assert first.text == "the quokkas live on Rottnest\n" and error.text == "ev"
    assert (first.offset, first.authors, first.deleted_by) == (5, ("ann",), "ann")
    assert (first.since, first.deleted_at) == (1000, 5000)
    ann.revert(by_site(first.operations))
    assert ann.text == "file\nthe quokkas live on Rottnest\n"


def test_deletions_by_others_or_after_a_pause_are_passages_of_their_own() -> None:
    ann, bob = (TextBuffer.genesis("one two three four", site=it, author=f"p{it}") for it in (1, 2))
    ann.replace(0, 4, "", 1000)
    ann.replace(0, 4, "", 1030)
    meet(ann, bob)
    bob.replace(0, 6, "", 1040)
    meet(ann, bob)
    ann.replace(0, 2, "", 9000)
    found = [(it.text, it.deleted_by, it.authors, it.deleted_at) for it in deleted_passages(ann)]
    assert found == [
        ("one two ", "p1", ("",), 1030),
        ("fo", "p1", ("",), 9000),
        ("three ", "p2", ("",), 1040),
    ]


def test_shown_text_divides_and_single_characters_are_not_listed() -> None:
    ann = TextBuffer.genesis("one two three", site=1, author="ann")
    ann.replace(8, 13, "", 1000)
    ann.replace(0, 3, "", 1000)
    ann.replace(0, 1, "", 1000)
    assert [(it.offset, it.text) for it in deleted_passages(ann)] == [(0, "one "), (4, "three")]
    other = TextBuffer.genesis("a b", site=1, author="ann")
    other.replace(0, 2, "", 1000)
    assert deleted_passages(other) == []
