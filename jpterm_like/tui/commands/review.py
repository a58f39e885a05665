"""Reviewing what happened while others and I did not hear of each other: the card for it, its keys, and the signs in the gutter.

What there is to review is found when the session says so, in a copy of the text and another thread if that takes long; nothing is done at a key
while there is no review. The keyboard goes to the card only when the person asks for it. What reviews are made of is imported when
there is one: most texts never have any.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from textual import events
from textual.widget import Widget

from crdt import TextBuffer
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.widgets.messages import Messages

if TYPE_CHECKING:
    from jpterm_like.history.apart import Apart
    from jpterm_like.history.decisions import Choice, Step
    from jpterm_like.history.review import Review
    from jpterm_like.history.review_items import Item
    from jpterm_like.tui.widgets.card import Card

AT_ONCE_CHARACTERS: Final = 100_000
"""In a text of this length the items are found at once, which takes some ten milliseconds; in a longer one in a thread."""

PAUSE_S: Final = 0.3
"""Delay before the items are looked for: more may be arriving."""

FOLLOW_S: Final = 0.1
"""How soon the card shows what is written while the keyboard is in the text: a key there does not wait for it."""

LOOK_S: Final = 0.3
"""How soon after somebody else's edit the places are looked at that they may have decided."""

TOPIC: Final = "apart"
"""The topic of the message that offers a review."""

_GROUPS: Final = ("File", "Together", "View", "Help")
"""The groups of the commands that work while the card has the keyboard."""


class Reviewing:
    """The review of one text, if there is anything to review."""

    def __init__(
        self, editor: Editing, widget: Widget, messages: Messages, palette: Callable[[], Palette]
    ) -> None:
        self._editor = editor
        self._widget = widget
        self._messages = messages
        self._palette = palette
        self.review: Review | None = None
        self.card: Card | None = None
        self._was_offline = False
        """Whether I was offline since the review before: otherwise others were."""
        self._in_order: list[int] = []
        """The numbers of what both touched, in the order of the text, which no edit changes."""
        self._both: list[Item] = []
        """Those of them that nobody has decided."""
        self._origin: tuple[TrackedOffset, TrackedOffset] | None = None
        """My caret and the top of the view before the card took the keyboard."""
        self._helps = False
        """Whether the card explains its keys."""
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._following: asyncio.TimerHandle | None = None
        """The next update of the card: a key is painted before it."""
        self._looking: asyncio.TimerHandle | None = None
        """The next look at what others have decided."""

    # What there is to review

    def note_status(self) -> None:
        """The connection may have been lost."""
        if self._editor.session.status.state != "connected":
            self._was_offline = True

    def apart_changed(self) -> None:
        """Look for what there is to review, or end the review that is over."""
        if self._editor.session.apart is None:
            self._end()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._find_soon)

    def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def restart(self) -> None:
        """Begin again with another text."""
        self.stop()
        self._end()
        if self._editor.session.apart is not None:
            self.apart_changed()

    def _find_soon(self) -> None:
        self._timer = None
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._find())

    async def _find(self) -> None:
        session = self._editor.session
        buffer, apart = session.buffer, session.apart
        if apart is None:
            return
        from jpterm_like.history.review import Review
        from jpterm_like.history.review_items import items_of
        from jpterm_like.tui.commands.lists import language_here

        prose = language_here(self._editor).prose
        steps = session.steps
        if len(buffer) <= AT_ONCE_CHARACTERS:
            items = items_of(buffer, apart, prose, steps)
        else:
            data, own_sites = buffer.encode(), buffer.own_sites
            items = await asyncio.to_thread(_items_of_copy, data, own_sites, apart, prose, tuple(steps))
        if apart is not session.apart or buffer is not session.buffer:
            return
        self._begin(Review(apart, tuple(items), steps))

    def _begin(self, review: Review) -> None:
        before = self.review
        if before is not None:
            review.go_on_from(before)
        told = review.follow_others(self._editor.session.buffer)
        if not review.items or (review.is_done and self.card is None):
            if told and before is None:
                self._say_others_decided(review, told)
            self._editor.session.review_done()
            return
        self.review, self._helps = review, False
        buffer = self._editor.session.buffer
        self._in_order = sorted(
            (number for number, item in enumerate(review.items) if item.is_both),
            key=lambda number: review.items[number].place(buffer),
        )
        self._show_decisions()
        if self._editor.speaks and (before is None or not review.open_ones <= before.open_ones):
            self._offer(review)
        self._was_offline = self._editor.session.status.state != "connected"
        self._editor.update(now=False)

    def _offer(self, review: Review) -> None:
        """Say what there is to review; it stays if both touched something."""
        from jpterm_like.tui.commands.review_page import offer

        sentence = offer(review, self._was_offline, self._editor.keymap.key_label("review"))
        if any(review.items[number].is_both for number in review.open):
            self._messages.offer(TOPIC, sentence, asyncio.get_running_loop().time())
        else:
            self._messages.notify(sentence, asyncio.get_running_loop().time())

    def look_for_decisions(self) -> None:
        """Somebody else wrote: look soon at what they decided. Costs nothing while there is no review."""
        if self.review is not None and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look_for_decisions)

    def _look_for_decisions(self) -> None:
        self._looking = None
        review = self.review
        if review is None:
            return
        open_before = review.open
        new = review.follow_others(self._editor.session.buffer)
        if new and self.card is None and self._editor.speaks:
            self._say_others_decided(review, new)
        if review.open != open_before:
            self._show_decisions()
            self.follow()
            self._editor.update(now=False)

    def _say_others_decided(self, review: Review, numbers: Sequence[int]) -> None:
        from jpterm_like.tui.commands.review_page import told_decisions

        self._messages.notify(told_decisions(review, numbers), asyncio.get_running_loop().time())
        self._editor.update(now=False)

    def _end(self) -> None:
        self.review, self._both = None, []
        self._messages.forget(TOPIC)
        self.put_away()

    # The gutter

    def rows(self, first: int, last: int) -> frozenset[int]:
        """The rows from `first` to `last`, which is included, where both touched something that is not decided."""
        if not self._both:
            return frozenset()
        lines, buffer = self._editor.text_layout.lines, self._editor.session.buffer
        top, bottom = lines.start(first), lines.span(last)[1]
        found: set[int] = set()
        at = bisect_left(self._both, top, key=lambda item: item.place(buffer)[1])
        for number in range(at, len(self._both)):
            start, end = self._both[number].place(buffer)
            if start > bottom:
                break
            end = max(start, end - 1)  # a place that ends with a line break is not in the line after it
            found.update(range(max(first, lines.row(start)), min(last, lines.row(end)) + 1))
        return frozenset(found)

    @property
    def has_signs(self) -> bool:
        return bool(self._both)

    @property
    def shown_place(self) -> tuple[int, int] | None:
        """The range in the text of what the card shows, while it has the keyboard."""
        if self.review is None or self.card is None or not self.card.has_focus:
            return None
        return self.review.item.place(self._editor.session.buffer)

    # The card

    def do_review(self) -> None:
        """Show the review, or else go to the next change by others."""
        if self.review is None:
            if self._timer is not None or (self._task is not None and not self._task.done()):
                self._editor.say("What happened meanwhile is being compared; try again in a moment.")
            else:
                self._editor.run("next_change")
            return
        self._messages.forget(TOPIC)
        if self.card is not None and self.card.has_focus:
            self._leave_card()
            return
        if self.card is None:
            from jpterm_like.tui.widgets.card import Card  # loaded on demand: few need it at a start

            self.card = Card(self._palette(), self._key, self.update_card)
            self.fit()
            self._widget.screen.mount(self.card, before="#status")
            if self.review.at not in self.review.open:
                self.review.next_open()
        buffer = self._editor.session.buffer
        self._origin = (
            TrackedOffset(buffer, self._editor.cursor.caret),
            TrackedOffset(buffer, self._editor.view.top_offset, before=True),
        )
        self.card.focus()
        self._show_item()

    def fit(self) -> None:
        """Fit the card to the size of the screen."""
        if self.card is not None:
            size = self._widget.screen.size
            self.card.fit(size.width, size.height)

    def use_palette(self, palette: Palette) -> None:
        if self.card is not None:
            self.card.use_palette(palette)

    def put_away(self) -> None:
        """Close the card; the review waits."""
        card, self.card = self.card, None
        self._origin = None
        if card is not None:
            had_focus = card.has_focus
            card.remove()
            if had_focus and self._editor.speaks:
                self._widget.focus()

    def close(self) -> None:
        """Close the card: the review is over if everything is decided, and waits otherwise."""
        review, origin = self.review, self._origin
        is_shown = self.card is not None and self.card.has_focus
        self.put_away()
        if origin is not None and is_shown:
            for place in origin:
                place.follow()
            self._editor.cursor.put(self._editor.text_layout.snap(origin[0].offset))
            self._editor.view.scroll_to(origin[1].offset, self._editor.view.left)
            self._editor.share_caret()
        if review is not None and review.is_done:
            self._editor.session.review_done()
            self._editor.say("Everything is reviewed.")
        self._editor.update(now=False)

    def _leave_card(self) -> None:
        """Give the keyboard to the text, at the place that the card shows; the card stays."""
        self._origin = None
        self._widget.focus()

    def _show_item(self) -> None:
        """Go to the place of the item that is shown."""
        if self.review is None:
            return
        start, _ = self.review.item.place(self._editor.session.buffer)
        self._editor.jump(self._editor.text_layout.snap(start))
        self.follow()

    def follow(self) -> None:
        """The text or the item may be another: show it, in the next turn of the loop if the card has the keyboard."""
        if self.card is None:
            return
        has_focus = self.card.has_focus
        if self._following is not None:
            if not has_focus:
                return
            self._following.cancel()
        delay_s = 0 if has_focus else FOLLOW_S
        self._following = asyncio.get_running_loop().call_later(delay_s, self.update_card)

    def update_card(self) -> None:
        """Show what is to be seen of the item now; cheap, and nothing is painted if it is as before."""
        self._following = None
        card, review = self.card, self.review
        if card is None or review is None:
            return
        from jpterm_like.tui.commands.review_page import help_page, review_page

        card.show(
            help_page() if self._helps else review_page(self._editor, review, card.list_rows, card.has_focus)
        )

    # Its keys

    def _key(self, event: events.Key) -> None:
        from jpterm_like.history.decisions import Choice

        review = self.review
        command = self._editor.keymap.command(event.key) or ""
        letter = event.character or ""
        event.stop()
        event.prevent_default()
        if review is None:
            return
        if self._helps:
            self._helps = False
            self.update_card()
            if command == "deselect" or letter == "?":
                return
        if command == "deselect":
            self.close()
        elif command in ("up", "down", "left", "right"):
            review.step(1 if command in ("down", "right") else -1)
            self._show_item()
        elif command == "newline":
            if review.is_done:
                self.close()
            else:
                self._leave_card()
        elif letter == "?":
            self._helps = True
            self.update_card()
        elif letter == "z" or command == "undo":
            if self._editor.may_write() and not review.undo(self._editor.session):
                self._editor.say("Nothing is decided yet.")
            else:
                self._decided()
            self._show_item()
        elif letter in ("a", "K"):
            self._keep(review, letter)
        elif letter in [choice.value for choice in Choice]:
            self._decide(review, Choice(letter))
        elif command in ("page_up", "page_down") or (command and BY_ID[command].group in _GROUPS):
            self._editor.run(command)  # the text moves, and the keyboard stays here

    def _keep(self, review: Review, letter: str) -> None:
        from jpterm_like.tui.commands.review_page import author_names

        numbers = review.open if letter == "K" else review.of_same_authors()
        count = review.keep(numbers)
        whose = "the rest" if letter == "K" else f"what is by {author_names(review.item)}"
        self._editor.say(f"Kept {whose}: {count:,}." if count else "Nothing of that is open.")
        review.next_open()
        self._decided()
        self._show_item()

    def _decide(self, review: Review, choice: Choice) -> None:
        from jpterm_like.history.decisions import Choice
        from jpterm_like.tui.commands.review_page import author_names

        if choice in (Choice.KEEP, Choice.BOTH):  # the same: it stays as it is
            choice = Choice.BOTH if review.item.is_both else Choice.KEEP
        if choice not in review.choices():
            self._editor.say(f"{choice.value} does nothing here; ? explains the keys.")
            return
        if choice is not Choice.KEEP and not self._editor.may_write():
            return
        before = self._editor.session.buffer.version
        self._editor.is_changing = True
        try:
            review.decide(choice, self._editor.session)
        finally:
            self._editor.is_changing = False
        self._decided()
        if choice is Choice.EDIT:
            _, end = review.item.place(self._editor.session.buffer)
            self._editor.jump(self._editor.text_layout.snap(end))
            self._leave_card()
            return
        changed = self._editor.session.buffer.version != before
        what = {
            Choice.THEIRS: f"Kept {author_names(review.item)}'s",
            Choice.MINE: "Kept yours",
            Choice.TAKE_BACK: "Taken back",
        }.get(choice)
        if what is not None:
            self._editor.say(f"{what}{'' if changed else ' already'}; z undoes that.")
        review.next_open()
        self._show_item()

    def _decided(self) -> None:
        """Keep what was decided; all views show it."""
        self._editor.session.note_decisions()

    def follow_decisions(self) -> None:
        """Show what was decided here or in another view."""
        if self.review is not None:
            self.review.follow()
            self._show_decisions()
            self.follow()

    def _show_decisions(self) -> None:
        review = self.review
        if review is None:
            return
        open = set(review.open)
        self._both = [review.items[number] for number in self._in_order if number in open]
        if not self._both:
            self._messages.forget(TOPIC)


def _items_of_copy(
    data: bytes, own_sites: frozenset[int], apart: Apart, prose: bool, steps: tuple[Step, ...]
) -> list[Item]:
    from jpterm_like.history.review_items import items_of

    return items_of(TextBuffer.decode(data, own_sites=own_sites), apart, prose, steps)
