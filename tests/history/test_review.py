"""The items of a review after being apart, and the effect of decisions on the text."""

from __future__ import annotations

import random

import pytest

from crdt import Outcome, Patch, TextBuffer, Version
from jpterm_like.history.apart import Apart
from jpterm_like.history.decisions import Choice
from jpterm_like.history.operations import by_site
from jpterm_like.history.review import Review
from jpterm_like.history.review_items import Item, Kind, Rank, counts, items_of
from tests.crdt.model import Id
from tests.crdt.test_twin import World


class Writer:
    """A replica with the face of a session."""

    def __init__(self, buffer: TextBuffer) -> None:
        self.buffer = buffer

    def make(self, outcome: Outcome) -> Patch:
        return self.buffer.make(outcome)

    def undo(self) -> Patch | None:
        return self.buffer.undo()

    def break_undo(self) -> None:
        self.buffer.break_undo()


class Both:
    """Two people with one text who write apart, and meet."""

    def __init__(self, text: str) -> None:
        self.ann = TextBuffer.genesis(text, site=1, author="ann")
        self.bob = TextBuffer.genesis(text, site=2, author="bob")
        self.common = self.ann.version
        self.now = 1000.0

    def write(self, who: TextBuffer, old: str, new: str) -> None:
        """Replace a text by another one; `new` may have it at its start or end, which is then left alone."""
        start = who.text.index(old)
        end = start + len(old)
        if new.startswith(old):
            start, new = end, new.removeprefix(old)
        elif new.endswith(old):
            end, new = start, new.removesuffix(old)
        who.replace(start, end, new, self.now)

    def meet(self) -> Apart:
        apart = Apart(self.common, self.ann.version, self.bob.version, 1000, self.now, 0)
        self.ann.integrate(self.bob.changes_since(self.ann.version))
        return apart

    def review(self, prose: bool = True) -> Review:
        apart = self.meet()
        return Review(apart, tuple(items_of(self.ann, apart, prose)))


def texts(item: Item) -> tuple[str, str, str]:
    return tuple("".join(text for text, _ in it) for it in (item.was, item.theirs, item.mine))  # type: ignore[return-value]


def test_a_word_that_both_corrected_is_decided_for_one_of_them() -> None:
    both = Both("the color of rope\n")
    both.write(both.ann, "color", "colour")
    both.write(both.bob, "color", "colors")
    review, ann = both.review(), Writer(both.ann)
    merged = both.ann.text
    (item,) = review.items
    assert (item.kind, item.rank, item.names) == (Kind.BOTH_CHANGED, Rank.BOTH, ("bob",))
    assert texts(item) == ("color", "colors", "colour")
    for choice, text in (
        (Choice.THEIRS, "the colors of rope\n"),
        (Choice.MINE, "the colour of rope\n"),
        (Choice.BOTH, merged),
        (Choice.THEIRS, "the colors of rope\n"),
    ):
        review.decide(choice, ann)
        assert both.ann.text == text, "another choice takes the former one back"
        assert review.is_done
        start, end = item.place(both.ann)
        assert both.ann.text[start:end] in (*texts(item), merged[4:-9])
    while review.undo(ann):
        pass
    assert both.ann.text == merged and review.open == [0]


def test_what_the_other_decides_is_decided_for_me_until_it_is_taken_back() -> None:
    """By the text, so it does not matter when I hear of it; what I decide counts for more."""
    both = Both("the color of rope\n")
    both.write(both.ann, "color", "colour")
    both.write(both.bob, "color", "colors")
    mine = both.review()
    his = Apart(both.common, mine.apart.theirs, mine.apart.mine, 1000, both.now, 0)
    both.bob.integrate(both.ann.changes_since(both.bob.version))
    review, bob = Review(his, tuple(items_of(both.bob, his, True))), Writer(both.bob)
    assert mine.follow_others(both.ann) == [] and mine.open == [0]
    for choice, whose in ((Choice.THEIRS, Choice.MINE), (Choice.MINE, Choice.THEIRS)):
        review.decide(choice, bob)
        both.ann.integrate(both.bob.changes_since(both.ann.version))
        assert mine.follow_others(both.ann) == [0] and mine.follow_others(both.ann) == []
        assert mine.by_others == {0: (whose, "bob")} and mine.is_done and not review.by_others
    while review.undo(bob):
        pass
    both.ann.integrate(both.bob.changes_since(both.ann.version))
    assert mine.follow_others(both.ann) == [] and mine.open == [0]
    mine.decide(Choice.MINE, Writer(both.ann))
    assert mine.follow_others(both.ann) == [] and not mine.by_others
    both.bob.integrate(both.ann.changes_since(both.bob.version))
    assert review.follow_others(both.bob) == [0]


def test_each_decision_is_one_step_of_undo() -> None:
    both = Both("one\n\ntwo\n\nthree\n")
    both.write(both.bob, "one", "1")
    both.write(both.bob, "three", "3")
    review, ann = both.review(), Writer(both.ann)
    review.decide(Choice.TAKE_BACK, ann)
    review.step(1)
    review.decide(Choice.TAKE_BACK, ann)
    assert both.ann.text == "one\n\ntwo\n\nthree\n"
    both.ann.undo()
    assert both.ann.text == "one\n\ntwo\n\n3\n"
    both.ann.undo()
    assert both.ann.text == "1\n\ntwo\n\n3\n"
    both.ann.undo()
    assert both.ann.text == "1\n\ntwo\n\n3\n"


def test_a_decision_is_taken_back_even_after_more_was_written() -> None:
    both = Both("one\n\ntwo\n")
    both.write(both.bob, "one", "1")
    review, ann = both.review(), Writer(both.ann)
    review.decide(Choice.TAKE_BACK, ann)
    both.write(both.ann, "two", "two three")
    review.undo(ann)
    assert both.ann.text == "1\n\ntwo three\n"
    assert review.open == [0]


def test_an_edit_in_a_deleted_paragraph_is_shown_with_all_of_it() -> None:
    both = Both("keep\n\nhello world, fine day\n\nkeep too\n")
    both.write(both.ann, "hello", "hello brave")
    both.write(both.bob, "hello world, fine day\n\n", "")
    review, ann = both.review(), Writer(both.ann)
    assert [it.kind for it in review.items] == [Kind.THEY_DELETED]
    review.decide(Choice.MINE, ann)
    assert both.ann.text == "keep\n\nhello brave world, fine day\n\nkeep too\n"
    review.decide(Choice.THEIRS, ann)
    assert both.ann.text == "keep\n\nkeep too\n"


def test_the_order_is_both_then_in_mine_then_the_rest() -> None:
    both = Both("one\n\ntwo words\n\nthree\n\nfour\n")
    both.ann.replace(0, 0, "mine to read\n\n", both.now)
    both.bob.integrate(both.ann.changes_since(both.bob.version))
    both.common = both.ann.version
    both.write(both.ann, "two", "tow")
    both.write(both.bob, "two", "2")
    both.write(both.bob, "to ", "to be ")
    both.write(both.bob, "four", "4")
    both.write(both.bob, "one", "1")
    review = both.review()
    assert [it.rank for it in review.items] == [Rank.BOTH, Rank.IN_MINE, Rank.REST, Rank.REST]
    assert [texts(it)[1] for it in review.items][1:] == ["be ", "1", "4"]
    assert counts(review.items) == (1, 1, 2)


def test_what_one_person_did_in_a_passage_is_one_item() -> None:
    text = "one two three\nfour five\n\nsix\n"
    both = Both(text)
    for old, new in (("one", "1"), ("five", "5"), ("six", "6")):
        both.write(both.bob, old, new)
    assert [texts(it)[1] for it in both.review(prose=True).items] == ["1 two three\nfour 5", "6"]
    both = Both(text)
    for old, new in (("one", "1"), ("five", "5")):
        both.write(both.bob, old, new)
    assert [texts(it)[1] for it in both.review(prose=False).items] == ["1", "5"]
    both = Both(text)
    both.write(both.bob, "one", "1")
    both.now += 1000
    both.write(both.bob, "five", "5")
    assert len(both.review(prose=True).items) == 2, "after a pause"


def test_a_moved_passage_is_one_item() -> None:
    both = Both("a\n\nthis paragraph is moved by bob\n\nb\n\nc\n")
    both.write(both.bob, "this paragraph is moved by bob\n\n", "")
    both.write(both.bob, "c\n", "this paragraph is moved by bob\n\nc\n")
    review, ann = both.review(), Writer(both.ann)
    assert [it.kind for it in review.items] == [Kind.MOVED]
    review.decide(Choice.TAKE_BACK, ann)
    assert both.ann.text == "a\n\nthis paragraph is moved by bob\n\nb\n\nc\n"


def test_an_edit_in_what_they_moved_is_taken_to_neither_twice() -> None:
    both = Both("a\n\nthis paragraph is moved by bob\n\nb\n\nc\n")
    both.write(both.ann, "moved", "not moved")
    both.write(both.bob, "this paragraph is moved by bob\n\n", "")
    both.write(both.bob, "c\n", "this paragraph is moved by bob\n\nc\n")
    review, ann = both.review(), Writer(both.ann)
    assert [(it.kind, it.is_moved) for it in review.items] == [(Kind.THEY_DELETED, True)]
    review.decide(Choice.MINE, ann)
    assert both.ann.text == "a\n\nthis paragraph is not moved by bob\n\nb\n\nc\n"
    review.decide(Choice.THEIRS, ann)
    assert both.ann.text == "a\n\nb\n\nthis paragraph is moved by bob\n\nc\n"


def test_an_edit_in_what_i_moved_is_taken_to_neither_twice() -> None:
    both = Both("a\n\nthis paragraph is moved by ann\n\nb\n\nc\n")
    both.write(both.ann, "this paragraph is moved by ann\n\n", "")
    both.write(both.ann, "c\n", "this paragraph is moved by ann\n\nc\n")
    both.write(both.bob, "moved", "not moved")
    review, ann = both.review(), Writer(both.ann)
    assert [(it.kind, it.is_moved) for it in review.items] == [(Kind.I_DELETED, True)]
    review.decide(Choice.THEIRS, ann)
    assert both.ann.text == "a\n\nthis paragraph is not moved by ann\n\nb\n\nc\n"
    review.decide(Choice.MINE, ann)
    assert both.ann.text == "a\n\nb\n\nthis paragraph is moved by ann\n\nc\n"


def test_all_of_an_author_leaves_what_both_touched() -> None:
    both = Both("one\n\ntwo\n\nthree\n\nfour\n")
    both.write(both.ann, "one", "One")
    both.write(both.bob, "one", "1")
    for old in ("two", "three", "four"):
        both.write(both.bob, old, old.upper())
    review, ann = both.review(), Writer(both.ann)
    review.step(1)
    assert review.keep(review.of_same_authors()) == 3
    assert review.open == [0]
    assert review.keep(review.open) == 1 and review.is_done
    assert review.undo(ann) and review.open == [0]
    assert review.undo(ann) and review.open == [0, 1, 2, 3]
    assert not review.undo(ann)


def test_a_further_review_does_not_ask_again_what_was_decided() -> None:
    """Two outages before all is reviewed are one review; what was decided is not asked again, and the same item is shown."""
    both = Both("one\n\ntwo\n\nthree\n")
    both.write(both.ann, "one", "One")
    for old in ("one", "two"):
        both.write(both.bob, old, old.upper())
    review, ann = both.review(), Writer(both.ann)
    review.decide(Choice.MINE, ann)
    review.step(1)
    both.bob.integrate(both.ann.changes_since(both.bob.version))
    both.write(both.bob, "three", "3")
    mine = both.ann.version
    both.ann.integrate(both.bob.changes_since(mine))
    theirs = Version({**dict(both.bob.version.items()), 1: 0})
    apart = Apart(both.common, mine, theirs, 0, 0, 0)
    further = Review(apart, tuple(items_of(both.ann, apart, True, review.steps)), review.steps)
    further.go_on_from(review)
    assert [texts(it)[1] for it in further.items] == ["ONE", "TWO", "3"]
    assert further.decisions == {0: Choice.MINE}
    assert further.item.their_operations == review.item.their_operations
    assert both.ann.text == "One\n\nTWO\n\n3\n"


def test_what_was_decided_before_a_restart_is_decided_and_can_be_decided_otherwise() -> None:
    """The items are found anew in the text as it is after the decision, in an opening of another site."""
    both = Both("the color of rope\n\ntwo\n")
    both.write(both.ann, "color", "colour")
    both.write(both.bob, "color", "colors")
    both.write(both.bob, "two", "2")
    review = both.review()
    merged = both.ann.text
    review.decide(Choice.THEIRS, Writer(both.ann))
    own_sites = both.ann.own_sites
    again = TextBuffer.decode(both.ann.encode(), site=9, author="ann", own_sites=own_sites)
    found = tuple(items_of(again, review.apart, True, review.steps))
    after = Review(review.apart, found, list(review.steps))
    assert after.decisions == {0: Choice.THEIRS} and after.open == [1]
    for choice, text in (
        (Choice.MINE, "the colour of rope\n\n2\n"),
        (Choice.BOTH, merged),
        (Choice.THEIRS, "the colors of rope\n\n2\n"),
    ):
        after.decide(choice, Writer(again))
        assert again.text == text
    while after.undo(Writer(again)):
        pass
    assert again.text == merged and after.open == [0, 1]


def test_nothing_of_theirs_is_nothing_to_review() -> None:
    both = Both("one\n")
    both.write(both.ann, "one", "two")
    assert both.review().items == ()


def shown(buffer: TextBuffer) -> set[Id]:
    rows = buffer.ids(0, len(buffer))
    return {(site, clock + at - start) for start, end, site, clock in rows for at in range(start, end)}


@pytest.mark.parametrize("block", range(4))
def test_decisions_are_those_of_the_twin(block: int) -> None:
    """On random histories each decision shows exactly the characters that the twin shows without the operations, z takes
    exactly it back, and each change of theirs is in one item or several."""
    for seed in range(block * 12, block * 12 + 12):
        world = World(seed)
        for _ in range(30):
            world.step()
        person = world.rng.choice(world.people)
        rng = random.Random(seed)
        full = person.buffer.version
        mine, theirs = (
            {site: rng.choice([0, it, rng.randrange(it + 1)]) for site, it in full.items()} for _ in "ab"
        )
        common = Version({site: min(it, theirs[site]) for site, it in mine.items()})
        apart = Apart(common, Version(mine), Version(theirs), 0, 0, 0)
        buffer = TextBuffer.decode(person.buffer.encode(), site=999, author="me")
        items = tuple(items_of(buffer, apart, prose=rng.random() < 0.5))
        told = {
            (site, clock)
            for it in items
            for site, start, end in it.their_operations
            for clock in range(start, end)
        }
        done = {
            (site, clock)
            for hunk in buffer.changes(apart.common, apart.theirs)
            for part in hunk.parts
            for site, start, end in part.operations
            for clock in range(start, end)
        }
        assert done <= told, f"seed {seed}"
        before = buffer.text
        review = Review(apart, items)
        for at, item in enumerate(items):
            review.at = at
            for choice in (*review.choices(), *review.choices()):
                review.decide(choice, Writer(buffer))
                assert review.decisions[at] is choice, f"seed {seed}"
                spans = {Choice.THEIRS: item.my_operations, Choice.MINE: item.their_operations}.get(
                    choice, ()
                )
                if choice is Choice.TAKE_BACK:
                    spans = item.their_operations
                assert shown(buffer) == set(person.model.shown_without(by_site(spans))), f"seed {seed}"
                start, end = item.place(buffer)
                assert 0 <= start <= end <= len(buffer)
            while review.undo(Writer(buffer)):
                pass
            assert buffer.text == before, f"seed {seed}"
