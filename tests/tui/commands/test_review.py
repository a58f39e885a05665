"""The review of what was merged while two people did not hear of each other, in the editor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jpterm_like.client.events import ApartChanged, Status, StatusChanged
from jpterm_like.history.apart import Apart
from jpterm_like.tui.commands import review as reviewing
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.widgets.card import Card
from tests.tui.story import Story
from tests.tui.terminal import until

TEXT = "ann: |the color of rope⏎⏎one two⏎⏎three   bob: |the color of rope⏎⏎one two⏎⏎three"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "PAUSE_S", 0.0)


@asynccontextmanager
async def apart(text: str = TEXT, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Story]:
    """Ann and bob with a text, neither of whom hears of the other."""
    async with Story(size=size) as story:
        await story.go_on(text)
        story.desks["ann"].online = story.desks["bob"].online = False
        yield story


async def meet(story: Story, ann_was_away: bool = True, met_at: float = 10_000) -> None:
    """Ann gets what bob wrote, and a review."""
    ann, bob = story.desks["ann"], story.desks["bob"]
    mine, theirs = ann.buffer.version, bob.buffer.version
    known = {site: min(clock, theirs.get(site)) for site, clock in mine.items()}
    if ann_was_away:
        ann.status = Status("offline")
        ann.tell(StatusChanged())
        ann.status = Status("connected")
        ann.tell(StatusChanged())
    ann.receive()
    ann.apart = Apart(type(mine)(known), mine, theirs, 1_000, met_at, 0)
    ann.tell(ApartChanged())
    await until(story.pilots["ann"], lambda: story.editor().reviewing.review is not None)


async def both_fix_a_word(story: Story) -> None:
    await story.go_on("ann presses ctrl+right ctrl+right u")
    await story.go_on("bob presses ctrl+right ctrl+right s")
    await story.go_on("bob presses down down end X")
    await meet(story)


def card(story: Story) -> list[str]:
    """The rows of the card."""
    found = story.pilots["ann"].app.query(Card)
    return ["".join(segment.text for segment in row).rstrip() for card in found for row in card._rows]


def gutter(story: Story) -> str:
    return "".join("".join(segment.text for segment in row)[0] for row in story.editor()._painted[:5])


async def test_a_message_offers_the_review_and_the_keyboard_stays() -> None:
    """Nothing takes the keyboard in the middle of a word; what both touched has a sign, and f9 shows it."""
    async with apart() as story:
        await both_fix_a_word(story)
        editor = story.editor()
        assert editor.messages.text.startswith("You were offline from ")
        assert "2 changes by bob, 1 where you wrote. f9 shows them." in editor.messages.text
        assert gutter(story)[0] == "!" and editor.has_focus
        await story.go_on("ann types y")
        assert story.desks["ann"].buffer.text.startswith("the color") and not card(story)
        await story.go_on("ann presses f9")
        assert editor.messages.text == ""
        assert card(story)[0].startswith("─ 1 of 2 ─ you both changed this word ")


async def test_each_of_the_four_texts_is_shown_in_words_and_brackets() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        now = story.desks["ann"].buffer.text.split()[1]
        await story.go_on("ann presses f9")
        assert card(story)[1:5] == [
            "  was  the [color] of rope",
            "  bob  the [colors] of rope",
            "  you  the [coloru] of rope",
            f"  now  the [{now}] of rope",
        ]
        assert card(story)[5] == " t theirs  m mine  b both  e edit  z undo  ↑↓  K rest  esc later  ? keys"


async def test_a_decision_changes_the_text_and_goes_on() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        ann = story.desks["ann"]
        merged = ann.buffer.text
        await story.go_on("ann presses f9 t")
        assert ann.buffer.text == "the colors of rope\n\none twoX\n\nthree"
        assert gutter(story)[0] != "!"
        assert card(story)[0].startswith("─ 2 of 2 ─ bob wrote this")
        await story.go_on("ann presses u")
        assert ann.buffer.text == "the colors of rope\n\none two\n\nthree"
        assert "taken back" in card(story)[0] and ann.apart is not None
        await story.go_on("ann presses z z")
        assert ann.buffer.text == merged and gutter(story)[0] == "!"
        await story.go_on("ann presses m K enter")
        assert ann.buffer.text == "the coloru of rope\n\none twoX\n\nthree"
        assert ann.apart is None and not card(story)
        await story.go_on("ann presses ctrl+z")
        assert ann.buffer.text == merged, "a decision is a step of undo"


async def test_esc_goes_back_and_the_review_waits() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses ctrl+end f9 down escape")
        editor = story.editor()
        assert not card(story) and editor.has_focus
        assert editor.cursor.caret == len(story.desks["ann"].buffer), "where I was"
        await story.go_on("ann presses f9")
        assert card(story)[0].startswith("─ 2 of 2 ─")


async def test_the_text_is_edited_and_the_card_comes_back() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9 e")
        editor = story.editor()
        assert editor.has_focus
        assert card(story)[-1] == " f9 goes to this card  esc closes it", "letters go into the text"
        await story.go_on("ann presses ctrl+w h u e space")
        assert story.desks["ann"].buffer.text == "the hue  of rope\n\none twoX\n\nthree"
        await story.go_on("ann presses f9")
        assert not editor.has_focus
        assert "edited by you" in card(story)[0]


async def test_the_card_follows_the_text_while_others_write() -> None:
    async with apart(size=(120, 40)) as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9 down")
        ann = story.desks["ann"]
        assert "line 3" in "".join(card(story))
        ann.online = story.desks["bob"].online = True
        story.desks["bob"].replace(0, 0, "new\nlines\n")
        await until(story.pilots["ann"], lambda: "line 5" in "".join(card(story)))
        start, end = story.editor().reviewing.review.item.place(ann.buffer)  # type: ignore[union-attr]
        assert ann.buffer.slice(start, end) == "X"


async def test_the_list_stands_beside_it_where_there_is_room() -> None:
    async with apart(size=(120, 40)) as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9")
        rows = card(story)
        assert rows[0].rstrip("─ ").endswith("open: !1 both · 1 other")
        assert rows[1].endswith("│> ! line 1     bob and you")
        assert rows[2].endswith("│    line 3     bob +1")
        await story.go_on("ann presses t")
        assert card(story)[1].endswith("│  t line 1     bob and you")


async def test_the_sign_stands_before_the_lines_that_both_touched_and_no_other() -> None:
    text = "|one⏎⏎two words⏎⏎three"
    async with apart(f"ann: {text}   bob: {text}") as story:
        await story.go_on("ann presses down down end X")
        await story.go_on("bob presses down down ctrl+k ctrl+k")
        await meet(story)
        assert gutter(story) == "  !  "
        story.desks["ann"].online = story.desks["bob"].online = True
        # with the letter the place reads neither as ann nor as bob had it, so that bob has not decided about it
        await story.go_on("bob presses ctrl+z ctrl+z up Y")
        assert story.desks["ann"].buffer.text == "one\n\nYtwo wordsX\n\nthree"
        await until(story.pilots["ann"], lambda: gutter(story) == "  !! ")


async def test_what_somebody_else_decided_is_said_and_is_open_no_more() -> None:
    """With the name, and until it is taken back; what I have edited myself is open."""
    async with apart(size=(120, 40)) as story:
        await both_fix_a_word(story)
        ann, bob = story.desks["ann"], story.desks["bob"]
        await story.go_on("ann presses f9")
        ann.online = bob.online = True
        bob.receive()
        at = bob.buffer.text.index("s", 8)
        bob.replace(at, at + 1, "")
        await until(story.pilots["ann"], lambda: "bob kept yours" in card(story)[0])
        assert card(story)[0].rstrip("─ ").endswith("open: 1 other") and "m line 1" in card(story)[1]
        assert gutter(story)[0] != "!"
        bob.undo()
        await until(story.pilots["ann"], lambda: "open: !1 both" in card(story)[0])
        assert "decided" not in card(story)[0] and gutter(story)[0] == "!"
        ann.replace(at, at + 1, "")
        await until(story.pilots["ann"], lambda: "reads as yours now" in card(story)[0])
        assert "open: !1 both" in card(story)[0]


async def test_what_somebody_else_decided_while_the_card_was_closed_is_said_once() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        ann, bob = story.desks["ann"], story.desks["bob"]
        ann.online = bob.online = True
        bob.receive()
        at = bob.buffer.text.index("s", 8)
        bob.replace(at, at + 1, "")
        told = "Where you both had written, bob kept yours."
        await until(story.pilots["ann"], lambda: story.editor().messages.text == told)
        await story.go_on("ann presses f9")
        assert card(story)[0].startswith("─ 2 of 2 ─ bob wrote this")


async def test_who_only_reads_can_keep_and_look() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        ann = story.desks["ann"]
        ann.role = "view"
        before = ann.buffer.text
        await story.go_on("ann presses f9 t u e K")
        assert ann.buffer.text == before
        await story.go_on("ann presses escape")
        assert ann.apart is None


async def test_two_views_of_a_text_share_what_is_decided() -> None:
    """Also with the card open in the first one when f9 is pressed in the other."""
    async with apart(size=(120, 40)) as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9 t")
        await story.go_on("ann presses f9 ctrl+backslash")
        second = story.pilots["ann"].app.query(Editor)[1]
        await until(story.pilots["ann"], lambda: second.reviewing.review is not None)
        assert second.reviewing.review is not None and second.has_focus
        assert [it.value for it in second.reviewing.review.decisions.values()] == ["t"]
        await story.go_on("ann presses f9")
        (shown,) = story.pilots["ann"].app.query(Card)
        assert "2 of 2" in card(story)[0] and shown.has_focus
        await story.go_on("ann presses k")
        first = story.editor().reviewing.review
        assert first is not None and first.is_done and not story.editor().reviewing.has_signs
        await story.go_on("ann presses z z")
        assert first.open == [0, 1] and story.editor().reviewing.has_signs
        await story.go_on("ann presses K enter")
        assert story.editor().reviewing.review is second.reviewing.review is None and not card(story)


async def test_decisions_are_there_after_a_restart_and_what_is_decided_is_not_offered() -> None:
    async with apart() as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9 t escape")
        ann = story.desks["ann"]
        story.editor().reviewing.restart()
        await until(story.pilots["ann"], lambda: story.editor().reviewing.review is not None)
        assert "; 1 change. f9" in story.editor().messages.text and gutter(story)[0] != "!"
        await story.go_on("ann presses f9")
        assert card(story)[0].startswith("─ 2 of 2 ─ bob wrote this")
        await story.go_on("ann presses up m")
        assert ann.buffer.text == "the coloru of rope\n\none twoX\n\nthree"
        await story.go_on("ann presses K escape")
        assert ann.apart is None


async def test_without_a_review_its_key_goes_to_the_next_change() -> None:
    async with Story() as story:
        await story.go_on("ann: |one⏎two   bob: one⏎two|")
        await story.go_on("bob types X")
        await story.go_on("ann presses f9")
        await story.go_on("ann: one⏎|twoX")


async def test_the_people_who_were_online_are_told_who_was_not() -> None:
    async with apart() as story:
        await story.go_on("bob types X")
        await meet(story, ann_was_away=False)
        assert "bob was offline from" in story.editor().messages.text
        assert story.editor().reviewing.review is not None


async def test_two_who_changed_a_word_at_one_moment_are_told_so() -> None:
    async with apart() as story:
        await story.go_on("ann presses ctrl+right ctrl+right u")
        await story.go_on("bob presses ctrl+right ctrl+right s")
        await meet(story, ann_was_away=False, met_at=1_000)
        told = "You and bob changed the same word at one moment. f9 shows it."
        assert story.editor().messages.text == told and gutter(story)[0] == "!"


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 15), (30, 9), (20, 5)])
async def test_the_card_fits_each_screen(size: tuple[int, int]) -> None:
    async with apart(size=size) as story:
        await both_fix_a_word(story)
        await story.go_on("ann presses f9 question_mark")
        await story.go_on("ann presses down down up")
        for row in story.pilots["ann"].app.query_one(Card)._rows:
            assert sum(segment.cell_length for segment in row) == size[0]
        assert story.editor().size.height >= 1
