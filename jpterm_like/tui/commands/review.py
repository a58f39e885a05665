"""Reviewing what happened while others and I did not hear of each other: the card for it, its keys, and the signs in the gutter.

What there is to review is found when the session says so, in a copy of the text and another thread if that takes long; nothing is done at a key
while there is no review. The keyboard goes to the card only when the person asks for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from textual import events
from textual.widget import Widget

from crdt import TextBuffer
from jpterm_like.history.apart import Apart
from jpterm_like.history.review import Choice, Item, Kind, Pieces, Rank, Review, counts, items_of
from jpterm_like.sync.unsaved_work import SOMEBODY, join_names
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.lists import language_here
from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.widgets.messages import Messages

if TYPE_CHECKING:
    from jpterm_like.tui.widgets.card import Card, Line, Page

AT_ONCE_CHARACTERS: Final = 100_000
"""In a text of this length the items are found at once, which takes some ten milliseconds; in a longer one in a thread."""

PAUSE_S: Final = 0.3
"""The pause after which that begins: more may be arriving."""

FOLLOW_S: Final = 0.1
"""How soon the card shows what is written while the keyboard is in the text: a key there does not wait for it."""

TOPIC: Final = "apart"
"""The topic of the message that offers a review."""

NAME_CELLS: Final = 20

CONTEXT_MAX: Final = 30
"""Characters shown before a place and behind it."""

TEXT_MAX: Final = 2_000
"""Characters of a text that are laid out for the card."""


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
        self._both: list[Item] = []
        """What both touched and is not decided, in the order of the text."""
        self._origin: tuple[TrackedOffset, TrackedOffset] | None = None
        """My caret and the top of the view before the card took the keyboard."""
        self._helps = False
        """Whether the card explains its keys."""
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._following: asyncio.TimerHandle | None = None

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
        prose = language_here(self._editor).prose
        if len(buffer) <= AT_ONCE_CHARACTERS:
            items = items_of(buffer, apart, prose)
        else:
            data, own_sites = buffer.encode(), buffer.own_sites
            items = await asyncio.to_thread(_items_of_copy, data, own_sites, apart, prose)
        if apart is not session.apart or buffer is not session.buffer:
            return
        self._begin(Review(apart, tuple(items)))

    def _begin(self, review: Review) -> None:
        if self.review is not None:
            review.go_on_from(self.review)
        if not review.items:
            self._editor.session.review_done()
            return
        self.review, self._helps = review, False
        self._decided()
        if self._editor.speaks:
            self._offer(review)
        self._was_offline = self._editor.session.status.state != "connected"
        self._editor.update(now=False)

    def _offer(self, review: Review) -> None:
        """Say in a sentence what there is to review; it stays if both touched something."""
        both, mine, _ = counts(review.items)
        names: dict[str, None] = {}
        for item in review.items:
            names.update(dict.fromkeys(item.names))
        who = join_names([_name(name) for name in names])
        since, until = _time(review.apart.since), _time(review.apart.until)
        between = f"at {until}" if since == until else f"from {since} to {until}"
        changes = "1 change" if len(review.items) == 1 else f"{len(review.items):,} changes"
        if self._was_offline:
            sentence = f"You were offline {between}; {changes} by {who}"
        else:
            verb = "was" if len(names) == 1 else "were"
            sentence = f"{who} {verb} offline {between}; {changes}"
        if both or mine:
            sentence += f", {both + mine:,} where you wrote"
        key = self._editor.keymap.key_label("review")
        sentence += f". {key} shows {'it' if len(review.items) == 1 else 'them'}." if key else "."
        if both:
            self._messages.say_about(TOPIC, sentence, asyncio.get_running_loop().time())
        else:
            self._messages.notify(sentence, asyncio.get_running_loop().time())

    def _end(self) -> None:
        self.review, self._both = None, []
        self._messages.forget(TOPIC)
        self._close_card()

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
            self._fit()
            self._widget.screen.mount(self.card, before="#status")
            if self.review.at in self.review.decisions:
                self.review.next_open()
        buffer = self._editor.session.buffer
        self._origin = (
            TrackedOffset(buffer, self._editor.cursor.caret),
            TrackedOffset(buffer, self._editor.view.top_offset, before=True),
        )
        self.card.focus()
        self._show_item()

    def _fit(self) -> None:
        if self.card is not None:
            size = self._widget.screen.size
            self.card.fit(size.width, size.height)

    def use_palette(self, palette: Palette) -> None:
        if self.card is not None:
            self.card.use_palette(palette)

    def resized(self) -> None:
        """The screen has another size."""
        self._fit()

    def _close_card(self) -> None:
        card, self.card = self.card, None
        self._origin = None
        if card is not None:
            had_focus = card.has_focus
            card.remove()
            if had_focus and self._editor.speaks:
                self._widget.focus()

    def put_away(self) -> None:
        """Close the card, for another text gets the keyboard; the review waits."""
        self._close_card()

    def close(self) -> None:
        """Close the card: the review is over if everything is decided, and waits otherwise."""
        review, origin = self.review, self._origin
        is_shown = self.card is not None and self.card.has_focus
        self._close_card()
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
        self.update_card()

    def follow(self) -> None:
        """The text may have changed: show it, at once if the card has the keyboard."""
        if self.card is None:
            return
        if self.card.has_focus:
            self.update_card()
        elif self._following is None:
            self._following = asyncio.get_running_loop().call_later(FOLLOW_S, self.update_card)

    def update_card(self) -> None:
        """Show what is to be seen of the item now; cheap, and nothing is painted if it is as before."""
        self._following = None
        if self.card is not None and self.review is not None:
            self.card.show(self._page(self.review, self.card))

    # Its keys

    def _key(self, event: events.Key) -> None:
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
            if self._may_change() and not review.undo(self._editor.session):
                self._editor.say("Nothing is decided yet.")
            self._decided()
            self._show_item()
        elif letter in ("a", "K"):
            self._keep(review, letter)
        elif any(letter == choice.value for choice in Choice):
            self._decide(review, Choice(letter))
        elif command in ("page_up", "page_down") or (command and BY_ID[command].group in _GROUPS):
            self._editor.run(command)  # the text moves, and the keyboard stays here

    def _may_change(self) -> bool:
        return self._editor.may_write()

    def _keep(self, review: Review, letter: str) -> None:
        numbers = review.open if letter == "K" else review.of_same_authors()
        count = review.keep(numbers)
        whose = "the rest" if letter == "K" else f"what is by {_names(review.item)}"
        self._editor.say(f"Kept {whose}: {count:,}." if count else "Nothing of that is open.")
        review.next_open()
        self._decided()
        self._show_item()

    def _decide(self, review: Review, choice: Choice) -> None:
        if choice in (Choice.KEEP, Choice.BOTH):  # the same: it stays as it is
            choice = Choice.BOTH if review.item.is_both else Choice.KEEP
        if choice not in review.choices():
            self._editor.say(f"{choice.value} does nothing here; ? explains the keys.")
            return
        if choice is not Choice.KEEP and not self._may_change():
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
            Choice.THEIRS: f"Kept {_names(review.item)}'s",
            Choice.MINE: "Kept yours",
            Choice.TAKE_BACK: "Taken back",
        }.get(choice)
        if what is not None:
            self._editor.say(f"{what}{'' if changed else ' already'}; z undoes that.")
        review.next_open()
        self._show_item()

    def _decided(self) -> None:
        review, buffer = self.review, self._editor.session.buffer
        if review is None:
            return
        open = [review.items[number] for number in review.open]
        self._both = sorted((it for it in open if it.is_both), key=lambda item: item.place(buffer))
        if not self._both:
            self._messages.forget(TOPIC)

    # What the card shows

    def _page(self, review: Review, card: Card) -> Page:
        from jpterm_like.tui.widgets.card import Page

        item, number = review.item, review.at
        if self._helps:
            return Page("the keys of a review", "", self._help(), (("any key", "goes back", "goes back"),))
        decided = review.decisions.get(number)
        heading = f"{number + 1} of {len(review.items)} ─ {_heading(item)}"
        if decided is not None:
            heading += f" ─ {_DECIDED[decided]}"
        elif whose := self._reads_as(item):
            heading += f" ─ reads as {whose} now"
        left = len(review.open)
        both, mine, rest = counts(review.items[number] for number in review.open)
        parts = ((both, "!", "both"), (mine, "", "in yours"), (rest, "", "other"))
        told = " · ".join(f"{sign}{count:,} {words}" for count, sign, words in parts if count)
        return Page(
            heading,
            _times(item),
            self._lines(item),
            self._keys(review),
            f"open: {told}" if left else "all is decided",
            self._entries(review, card.list_rows),
        )

    def _reads_as(self, item: Item) -> str:
        """Whose text stands at a place that both touched, if somebody else has decided about it."""
        mine, theirs = ("".join(text for text, _ in it) for it in (item.mine, item.theirs))
        start, end = item.place(self._editor.session.buffer)
        if not item.is_both or mine == theirs or end - start not in (len(mine), len(theirs)):
            return ""
        now = self._editor.session.buffer.slice(start, end)
        return "yours" if now == mine else "theirs" if now == theirs else ""

    def _lines(self, item: Item) -> tuple[Line, ...]:
        from jpterm_like.tui.widgets.card import Line

        buffer = self._editor.session.buffer
        start, end = item.place(buffer)
        before, behind = self._around(start, end)
        now = buffer.slice(start, min(end, start + TEXT_MAX))
        theirs, was = _shortened(item.theirs), _shortened(item.was)

        def line(label: str, pieces: Pieces) -> Line:
            text = "".join(text for text, _ in pieces)
            after = "" if text.endswith("\n") else behind  # what comes behind a line break is another thing
            return Line(label, ((before, False), *pieces, (after, False)))

        is_theirs = "".join(text for text, _ in item.theirs) == now
        shown = line("now", theirs if is_theirs and not item.is_both else ((now, True),))
        if item.is_both:
            name = _name(item.names[0]) if len(item.names) == 1 else "they"
            return self._four(item, now, name, line)
        if item.kind is Kind.MOVED:
            return (shown,)
        if item.kind is Kind.WRITTEN and is_theirs:
            return (line("new", theirs),)
        if item.kind is Kind.DELETED and is_theirs:
            return line("was", was), shown
        return line("was", was), shown

    def _four(self, item: Item, now: str, name: str, line: Callable[[str, Pieces], Line]) -> tuple[Line, ...]:
        """The lines of what both touched: with what each did to it."""
        from jpterm_like.tui.widgets.card import Line

        if _is_word(item):
            return (
                line("was", item.was),
                line(name, item.theirs),
                line("you", item.mine),
                line("now", ((now, True),)),
            )
        was, theirs, mine = ("".join(text for text, _ in it) for it in (item.was, item.theirs, item.mine))
        gone = "(moved elsewhere)" if item.is_moved else "(deleted)"
        sides = [
            Line(label, ((gone, False),))
            if text.isspace() or (was and not text)
            else line(label, _against(text, (was,)))
            for label, text in ((name, theirs), ("you", mine))
        ]
        return line("was", _against(was, (theirs, mine))), *sides, line("now", ((now, True),))

    def _around(self, start: int, end: int) -> tuple[str, str]:
        """What stands before a place in its line, and behind it."""
        buffer = self._editor.session.buffer
        before = buffer.slice(max(0, start - CONTEXT_MAX), start)
        behind = buffer.slice(end, min(len(buffer), end + CONTEXT_MAX))
        shown, line = before.rpartition("\n")[2], behind.partition("\n")[0]
        if shown == before and start > CONTEXT_MAX:
            shown = f"…{shown.partition(' ')[2] or shown}"
        if line == behind and end + CONTEXT_MAX < len(buffer):
            line = f"{line.rpartition(' ')[0] or line}…"
        return shown, line

    def _keys(self, review: Review) -> tuple[tuple[str, str, str], ...]:
        close = self._editor.keymap.key_label("deselect", "esc")
        if self.card is None or not self.card.has_focus:
            key = self._editor.keymap.key_label("review")
            return ((key, "goes to this card", "to this card"), (close, "closes it", "closes it"))
        esc, help, next = (close, "later", "later"), ("?", "keys", "keys"), ("↑↓", "next", "")
        if review.is_done:
            return (("z", "undo", "undo"), next, ("enter", "close", "close"), help)
        keep, more = ("K", "keep the rest", "rest"), ("a", "keep all of theirs", "theirs")
        if self._editor.session.role == "view":
            return (("k", "keep", "keep"), next, keep, esc, help)
        choices = tuple((it.value, _KEY_WORDS[it], _KEY_WORDS[it]) for it in review.choices())
        further = (next, keep) if review.item.is_both else (next, keep, more)
        return (*choices, ("z", "undo", "undo"), *further, esc, help)

    def _help(self) -> tuple[Line, ...]:
        from jpterm_like.tui.widgets.card import Line

        return tuple(Line(keys, ((words, False),)) for keys, words in _HELP)

    def _entries(self, review: Review, rows: int) -> tuple[tuple[str, bool], ...]:
        """The entries of the list around the item that is shown."""
        if not rows:
            return ()
        first = max(0, min(review.at - rows // 2, len(review.items) - rows))
        buffer, row = self._editor.session.buffer, self._editor.text_layout.lines.row
        entries: list[tuple[str, bool]] = []
        for number in range(first, min(len(review.items), first + rows)):
            item = review.items[number]
            decided = review.decisions.get(number)
            sign = decided.value if decided is not None else "!" if item.is_both else " "
            where = f"line {row(item.place(buffer)[0]) + 1:,}"
            entries.append((f"{sign} {where:<10} {_entry(item)}", number == review.at))
        return tuple(entries)


def _items_of_copy(data: bytes, own_sites: frozenset[int], apart: Apart, prose: bool) -> list[Item]:
    return items_of(TextBuffer.decode(data, own_sites=own_sites), apart, prose)


# Words

_KEY_WORDS: Final = {
    Choice.KEEP: "keep",
    Choice.TAKE_BACK: "take back",
    Choice.THEIRS: "theirs",
    Choice.MINE: "mine",
    Choice.BOTH: "both",
    Choice.EDIT: "edit",
}

_DECIDED: Final = {
    Choice.KEEP: "kept",
    Choice.TAKE_BACK: "taken back",
    Choice.THEIRS: "theirs kept",
    Choice.MINE: "yours kept",
    Choice.BOTH: "both kept",
    Choice.EDIT: "edited by you",
}

_HELP: Final = (
    ("t  m  b", "keep theirs, keep mine, keep both"),
    ("k  u  e", "keep the change, take it back, edit here"),
    ("z  a  K", "undo, keep all of theirs, keep the rest"),
    ("esc  f9", "close until later, show it again"),
)


def _heading(item: Item) -> str:
    who = _names(item)
    what = {
        Kind.BOTH_CHANGED: f"you both changed this {'word' if _is_word(item) else 'place'}",
        Kind.THEY_DELETED: f"{who} {'moved' if item.is_moved else 'deleted'} this, you edited in it",
        Kind.I_DELETED: f"you {'moved' if item.is_moved else 'deleted'} this, {who} edited in it",
        Kind.BOTH_INSERTED: "you both put something here",
        Kind.BOTH_DELETED: "you both deleted something here",
        Kind.SAME_CHANGE: "you both made the same change",
        Kind.WRITTEN: f"{who} wrote this",
        Kind.DELETED: f"{who} deleted this",
        Kind.CHANGED: f"{who} changed this",
        Kind.MOVED: f"{who} moved this",
    }[item.kind]
    return f"{what}, in what you wrote" if item.rank is Rank.IN_MINE else what


def _entry(item: Item) -> str:
    """What a list says of an item."""
    who = _names(item)
    match item.kind:
        case Kind.THEY_DELETED:
            return f"{who} {'moved' if item.is_moved else 'deleted'}, you edited"
        case Kind.I_DELETED:
            return f"you {'moved' if item.is_moved else 'deleted'}, {who} edited"
        case Kind.MOVED:
            return f"{who} moved it"
        case _ if item.is_both:
            return f"{who} and you"
    gone, new = _changed(item.was), _changed(item.theirs)
    return " ".join([who, *([f"-{gone:,}"] if gone else []), *([f"+{new:,}"] if new else [])])


def _changed(pieces: Pieces) -> int:
    return sum(len(text) for text, is_changed in pieces if is_changed)


def _is_word(item: Item) -> bool:
    texts = [text for pieces in (item.was, item.theirs, item.mine) for text, _ in pieces]
    return all(text and not any(map(str.isspace, text)) for text in texts)


def _against(text: str, others: Sequence[str]) -> Pieces:
    """A text with the part that differs from the others, by whole words."""
    start = min(_alike(text, other) for other in others)
    behind = min(_alike(text[start:][::-1], other[start:][::-1]) for other in others)
    end = len(text) - behind
    while start and text[start - 1].isalnum() and text[start : start + 1].isalnum():
        start -= 1
    while behind and text[end].isalnum() and text[end - 1 : end].isalnum():
        end, behind = end + 1, behind - 1
    return _shortened(((text[:start], False), (text[start:end], True), (text[end:], False)))


def _alike(text: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    for at, (one, two) in enumerate(zip(text, other, strict=False)):
        if one != two:
            return at
    return min(len(text), len(other))


def _shortened(pieces: Pieces) -> Pieces:
    """Pieces up to TEXT_MAX characters: more is never shown."""
    room, found = TEXT_MAX, []
    for text, is_changed in pieces:
        found.append((text[:room], is_changed))
        room -= len(text)
        if room <= 0:
            break
    return tuple(found)


def _name(name: str) -> str:
    return clean(name or SOMEBODY, NAME_CELLS)


def _names(item: Item) -> str:
    return join_names([_name(name) for name in item.names])


def _times(item: Item) -> str:
    """Who did it when, as far as that is known."""
    told = [f"{_names(item)} {_time(item.seconds)}"] if item.seconds else []
    if item.my_seconds:
        told.append(f"you {_time(item.my_seconds)}")
    return ", ".join(told)


def _time(seconds: float) -> str:
    """A time of the clock; with its day, if that is not today."""
    then, now = datetime.fromtimestamp(seconds), datetime.now()
    if then.date() == now.date():
        return f"{then:%H:%M}"
    if 0 <= (now.date() - then.date()).days < 7:
        return f"{then:%a %H:%M}"
    return f"{then:%Y-%m-%d %H:%M}"
