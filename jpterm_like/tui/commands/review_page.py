"""What the card says of a review: an item with its texts, the list of the others, and the keys that do something now.

Imported when there is a review.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from crdt import TextBuffer
from jpterm_like.history.decisions import Choice
from jpterm_like.history.review import Review
from jpterm_like.history.review_items import Item, Kind, Pieces, Rank, counts
from jpterm_like.sync.unsaved_work import SOMEBODY, join_names
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.widgets.card import Line, Page

NAME_CELLS: Final = 20

CONTEXT_MAX: Final = 30
"""Characters shown before a place and behind it."""

TEXT_MAX: Final = 2_000
"""Characters of a text that are laid out for the card."""


def review_page(editor: Editing, review: Review, rows: int, has_keys: bool) -> Page:
    """Return the page about the item that is shown, with `rows` entries of the list; `has_keys`: the card has the keyboard."""
    item, number = review.item, review.at
    decided = review.decisions.get(number)
    heading = f"{number + 1} of {len(review.items)} ─ {_heading(item)}"
    if decided is not None:
        heading += f" ─ {_DECIDED[decided]}"
    elif (other := review.by_others.get(number)) is not None:
        heading += f" ─ {_name(other.name)} kept {_KEPT[other.choice]}"
    elif (left := item.reads_as(editor.session.buffer)) is not None:
        heading += f" ─ reads as {_KEPT[left]} now"
    open = review.open
    both, mine, rest = counts(review.items[number] for number in open)
    parts = ((both, "!", "both"), (mine, "", "in yours"), (rest, "", "other"))
    told = " · ".join(f"{sign}{count:,} {words}" for count, sign, words in parts if count)
    return Page(
        heading,
        _times(item),
        _lines(editor, item),
        _keys(editor, review, has_keys),
        f"open: {told}" if open else "all is decided",
        _entries(editor, review, rows),
    )


def help_page() -> Page:
    """Return the page that explains the keys."""
    lines = tuple(Line(keys, ((words, False),)) for keys, words in _HELP)
    return Page("the keys of a review", "", lines, (("any key", "goes back", "goes back"),))


def told_decisions(review: Review, numbers: Sequence[int]) -> str:
    """Say in a sentence what others have decided: these items."""
    found = [review.by_others[number] for number in numbers]
    names = join_names([_name(name) for name in dict.fromkeys(it.name for it in found)])
    if len(found) > 1:
        return f"{names} decided {len(found):,} places where you both had written."
    return f"Where you both had written, {names} kept {_KEPT[found[0].choice]}."


def _lines(editor: Editing, item: Item) -> tuple[Line, ...]:
    buffer = editor.session.buffer
    start, end = item.place(buffer)
    before, behind = _around(buffer, start, end)
    now = buffer.slice(start, min(end, start + TEXT_MAX))
    theirs, was = _shortened(item.theirs), _shortened(item.was)

    def line(label: str, pieces: Pieces) -> Line:
        text = "".join(text for text, _ in pieces)
        after = "" if text.endswith("\n") else behind  # what comes behind a line break is another thing
        return Line(label, ((before, False), *pieces, (after, False)))

    if item.is_both:
        name = _name(item.names[0]) if len(item.names) == 1 else "they"
        return _four(item, now, name, line)
    is_theirs = "".join(text for text, _ in item.theirs) == now
    shown = line("now", theirs if is_theirs else ((now, True),))
    if item.kind is Kind.MOVED:
        return (shown,)
    if item.kind is Kind.WRITTEN and is_theirs:
        return (line("new", theirs),)
    return line("was", was), shown


def _four(item: Item, now: str, name: str, line: Callable[[str, Pieces], Line]) -> tuple[Line, ...]:
    """The lines of what both touched: with what each did to it."""
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


def _around(buffer: TextBuffer, start: int, end: int) -> tuple[str, str]:
    """What stands before a place in its line, and behind it."""
    before = buffer.slice(max(0, start - CONTEXT_MAX), start)
    behind = buffer.slice(end, min(len(buffer), end + CONTEXT_MAX))
    shown, line = before.rpartition("\n")[2], behind.partition("\n")[0]
    if shown == before and start > CONTEXT_MAX:
        shown = f"…{shown.partition(' ')[2] or shown}"
    if line == behind and end + CONTEXT_MAX < len(buffer):
        line = f"{line.rpartition(' ')[0] or line}…"
    return shown, line


def _keys(editor: Editing, review: Review, has_keys: bool) -> tuple[tuple[str, str, str], ...]:
    close = editor.keymap.key_label("deselect", "esc")
    if not has_keys:
        key = editor.keymap.key_label("review")
        return ((key, "goes to this card", "to this card"), (close, "closes it", "closes it"))
    esc, help, next = (close, "later", "later"), ("?", "keys", "keys"), ("↑↓", "next", "")
    if review.is_done:
        return (("z", "undo", "undo"), next, ("enter", "close", "close"), help)
    keep, more = ("K", "keep the rest", "rest"), ("a", "keep all of theirs", "theirs")
    if editor.session.role == "view":
        return (("k", "keep", "keep"), next, keep, esc, help)
    choices = tuple((it.value, _KEY_WORDS[it], _KEY_WORDS[it]) for it in review.choices())
    further = (next, keep) if review.item.is_both else (next, keep, more)
    return (*choices, ("z", "undo", "undo"), *further, esc, help)


def _entries(editor: Editing, review: Review, rows: int) -> tuple[tuple[str, bool], ...]:
    """The entries of the list around the item that is shown."""
    if not rows:
        return ()
    first = max(0, min(review.at - rows // 2, len(review.items) - rows))
    buffer, row = editor.session.buffer, editor.text_layout.lines.row
    entries: list[tuple[str, bool]] = []
    for number in range(first, min(len(review.items), first + rows)):
        item = review.items[number]
        decided = review.decisions.get(number)
        if decided is None and number in review.by_others:
            decided = review.by_others[number].choice
        sign = decided.value if decided is not None else "!" if item.is_both else " "
        where = f"line {row(item.place(buffer)[0]) + 1:,}"
        entries.append((f"{sign} {where:<10} {_entry(item)}", number == review.at))
    return tuple(entries)


def offer(review: Review, was_offline: bool, key: str) -> str:
    """Say in a sentence what there is to review. `was_offline`: I was, otherwise the others were; `key` shows the review."""
    items = [review.items[number] for number in review.open]
    both, mine, _ = counts(items)
    names: dict[str, None] = {}
    for item in items:
        names.update(dict.fromkeys(item.names))
    who = join_names([_name(name) for name in names])
    if review.apart.is_moment:
        what = "word" if _is_word(items[0]) else "place"
        return f"You and {who} changed the same {what} at one moment.{f' {key} shows it.' if key else ''}"
    since, until = _time(review.apart.since), _time(review.apart.until)
    between = f"at {until}" if since == until else f"from {since} to {until}"
    changes = "1 change" if len(items) == 1 else f"{len(items):,} changes"
    if was_offline:
        sentence = f"You were offline {between}; {changes} by {who}"
    else:
        verb = "was" if len(names) == 1 else "were"
        sentence = f"{who} {verb} offline {between}; {changes}"
    if both or mine:
        sentence += f", {both + mine:,} where you wrote"
    sentence += f". {key} shows {'it' if len(items) == 1 else 'them'}." if key else "."
    return sentence


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

_KEPT: Final = {Choice.MINE: "yours", Choice.THEIRS: "theirs"}

_HELP: Final = (
    ("t  m  b", "keep theirs, keep mine, keep both"),
    ("k  u  e", "keep the change, take it back, edit here"),
    ("z  a  K", "undo, keep all of theirs, keep the rest"),
    ("esc  f9", "close until later, show it again"),
)


def _heading(item: Item) -> str:
    who = author_names(item)
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
    who = author_names(item)
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


def author_names(item: Item) -> str:
    return join_names([_name(name) for name in item.names])


def _times(item: Item) -> str:
    """Who did it when, as far as that is known."""
    told = [f"{author_names(item)} {_time(item.seconds)}"] if item.seconds else []
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
