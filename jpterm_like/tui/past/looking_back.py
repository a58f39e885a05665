"""What the keys do while one looks back: going through time, comparing with now, finding, restoring.

It knows the editor that shows the past and the session of the present, and nothing of the widgets around.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from typing import Final, NamedTuple

from crdt import Anchor, Hunk, Part, Patch, Writing
from crdt.patch import NOTHING
from jpterm_like.errors import JptermError
from jpterm_like.history.timeline import Place
from jpterm_like.tui.commands.blame import THE_FILE, age
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.past.past_session import PastSession
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.rows import RowRenderer
from jpterm_like.tui.text.cells import clean, cut

NAME_CELLS: Final = 20
SAID_CELLS: Final = 30
"""Cells of a text that a remark quotes."""

HUNKS_MAX: Final = 5_000
"""Most changes that are marked; those behind them are shown without marks."""

AT_ONCE_MAX: Final = 100_000
"""Most operations of a text in which changes are marked at once; with more, which takes a tenth of a second, when the keys rest."""

FOUND_MAX: Final = 200
"""Most places in the list of what was found."""

WORDS_PER_S: Final = 4.0
"""How fast the first speed plays; each further one is twice as fast."""

FRAME_S: Final = 0.08
"""The shortest time between two pictures while it plays."""

PAUSE_S: Final = 1.0
"""How long a pause of the authors lasts while it plays at the first speed."""

SPEED: Final = 3
"""The speed at the start."""

READ_ONLY: Final = "You may read this text, but not change it."


class Stage(NamedTuple):
    """Where one is in the past, for the picture below the text."""

    when: str
    """"on Tue 24 Nov 16:02, 26 h ago"."""
    author: str
    number: int
    """Of the stop, from 1; 0 at the start."""
    last_number: int
    done: int
    """Changes up to here, and of all."""
    of_all: int
    is_passage: bool


class LookingBack:
    """One look at the past of a text."""

    def __init__(
        self,
        editor: Editing,
        past: PastSession,
        live: EditorSession,
        renderer: Callable[[], RowRenderer],
        palette: Palette,
        changed: Callable[[], None],
        leave: Callable[[int | None, str], None],
    ) -> None:
        """`changed` is called when the picture of the time changes, `leave` to go back to the present: with an offset of
        the present text and a sentence about what was done."""
        self._editor: Final = editor
        self.past: Final = past
        self._live: Final = live
        self._renderer: Final = renderer
        self._palette: Final = palette
        self._changed: Final = changed
        self._leave: Final = leave
        self.compares = False
        """Whether what differs from now is marked, instead of what the last step changed."""
        self.speed = SPEED
        self.plays = False
        self.marks_are_due = False
        """Whether `mark` should be called once the keys rest."""
        self._hunks: list[Hunk] = []
        """What is marked, in order."""
        self._hunks_here = True
        """Whether the text that is shown is the older of the two between which they are; otherwise it is the newer one."""

    @property
    def may_restore(self) -> bool:
        return self._live.role != "view"

    # Going

    def begin(self) -> None:
        """Show the present, or the passage in it."""
        self._show_stop(NOTHING)

    def next_stop(self) -> None:
        self._go(self.past.timeline.next_stop)

    def previous_stop(self) -> None:
        self._go(self.past.timeline.previous_stop)

    def next_word(self) -> None:
        self._step(self.past.timeline.next_word)

    def previous_word(self) -> None:
        self._step(self.past.timeline.previous_word)

    def start(self) -> None:
        self._go(lambda place: self.past.timeline.start)

    def now(self) -> None:
        self._go(lambda place: self.past.timeline.now)

    def to_column(self, column: int, width: int) -> None:
        """Go to a column of the picture."""
        self._go(lambda place: self.past.timeline.place_in(column, width))

    def _go(self, way: Callable[[Place], Place]) -> None:
        """Go to a stop, and mark what was changed on the way to it."""
        self.plays = False
        self.past.take_in()
        before = self.past.place
        after = way(before)
        if after == before and before in (self.past.timeline.start, self.past.timeline.now):
            self._editor.say("This is the start." if before == self.past.timeline.start else "This is now.")
        self._show_stop(self.past.go(after))

    def _show_stop(self, patch: Patch) -> None:
        timeline = self.past.timeline
        self._unmark()
        self.marks_are_due = timeline.count(timeline.now) > AT_ONCE_MAX
        if not self.marks_are_due:
            self.mark()
        self._follow(
            _ranges(patch) if self.compares or not self._hunks else list(map(self._place, self._hunks))
        )
        self._finish()

    def mark(self) -> None:
        """Mark what differs from now, or what the last step changed. O(document)."""
        self.marks_are_due = False
        timeline, place = self.past.timeline, self.past.place
        if self.compares:
            self._compare()
        elif place > timeline.start:
            before = timeline.version(timeline.previous_stop(place))
            hunks = self.past.buffer.changes(before, self.past.version)
            self._mark([it for it in hunks if self._is_in_passage(it)], here=False)

    def _step(self, way: Callable[[Place], Place]) -> None:
        """Go by a word, or some of them while it plays."""
        patch = self.past.go(way(self.past.place))
        ranges = _ranges(patch)
        self._unmark()
        if self.compares:
            self.marks_are_due = True
        else:
            self._renderer().ranges = [(*it, self._palette.new) for it in ranges if it[0] < it[1]]
        self._follow(ranges)
        self._finish()

    def _follow(self, ranges: list[tuple[int, int]]) -> None:
        """Put the caret at what has changed, as near as possible, unless something is selected."""
        editor = self._editor
        if (passage := self._passage()) is not None:
            editor.cursor.put(passage[1], passage[0])
        elif ranges and editor.cursor.mark is None:
            rows = editor.view.rows()
            lines = editor.text_layout.lines
            top, bottom = lines.start(rows[0][0]), lines.span(rows[-1][0])[1]
            seen = [it for it in ranges if top <= it[1] <= bottom]
            editor.cursor.put(editor.text_layout.snap((seen or ranges)[0][1]))

    def _finish(self) -> None:
        self._editor.view.reveal(self._editor.cursor.caret)
        self._changed()
        self._editor.update(now=False)

    # Playing

    def toggle_playing(self) -> None:
        """Play from here, or from the start if this is now; or stop."""
        self.plays = not self.plays
        if self.plays:
            self.past.take_in()
            if self.past.place == self.past.timeline.now:
                self.past.go(self.past.timeline.start)
        self._changed()

    def play_on(self) -> float | None:
        """Show the next picture, and return the seconds until the one after it; None when it has ended."""
        timeline, before = self.past.timeline, self.past.place
        if not self.plays or before == timeline.now:
            self.plays = False
            self._changed()
            return None
        rate = WORDS_PER_S * (1 << (self.speed - 1))
        place = before
        for _ in range(max(1, round(rate * FRAME_S))):
            after = timeline.next_word(place)
            if place != before and timeline.seconds(after) - timeline.seconds(place) > PAUSE_S * 10:
                break  # a pause is seen
            place = after
        self._step(lambda _: place)
        following = timeline.next_word(place)
        rests = timeline.seconds(following) - timeline.seconds(place) > PAUSE_S * 10
        return max(FRAME_S, 1 / rate, PAUSE_S / self.speed if rests else 0.0)

    def set_speed(self, speed: int) -> None:
        self.speed = speed
        self._editor.say(f"Speed {speed} of 9.")
        self._changed()

    # Marks

    def toggle_comparing(self) -> None:
        """Mark what differs from now, or what the last step changed."""
        self.compares = not self.compares
        self.past.take_in()
        self._show_stop(NOTHING)
        if self.marks_are_due:
            self.mark()
        if self.compares:
            count = len(self._hunks)
            passages = f"{count:,} passages differ" if count != 1 else "1 passage differs"
            self._editor.say(
                f"{passages} from now; n and p go through them." if count else "Nothing differs from now."
            )

    def _passage(self) -> tuple[int, int] | None:
        """The offsets of the passage in the text that is shown; None without one."""
        if self.past.passage is None:
            return None
        first, last = (self.past.buffer.offset(it) or 0 for it in self.past.passage)
        return first, max(first, last)

    def _is_in_passage(self, hunk: Hunk) -> bool:
        """Whether a change that led to the text that is shown touches the passage; any does if there is none."""
        passage = self._passage()
        return passage is None or (hunk.start <= passage[1] and passage[0] <= hunk.end)

    def _unmark(self) -> None:
        self.marks_are_due = False
        self._hunks = []
        self._renderer().ranges, self._renderer().remarks = (), {}

    def _compare(self) -> None:
        timeline = self.past.timeline
        self._mark(self.past.buffer.changes(self.past.version, timeline.version(timeline.now)), here=True)

    def _mark(self, hunks: list[Hunk], here: bool) -> None:
        """Mark changes: from the text that is shown (`here`) to now, or those that led to it."""
        self._hunks, self._hunks_here = hunks[:HUNKS_MAX], here
        renderer, lines = self._renderer(), self._editor.text_layout.lines
        style = self._palette.gone if here else self._palette.new
        renderer.ranges = [(*place, style) for it in self._hunks if (place := self._place(it))[0] < place[1]]
        remarks: dict[int, list[str]] = {}
        for hunk in self._hunks:
            start, end = self._place(hunk)
            here_said = [self._gone(it) for it in hunk.parts if here and not it.shown]
            if here_said:
                remarks.setdefault(lines.row(max(start, end - 1)), []).extend(here_said)
            # What is not in the text that is shown.
            remarks.setdefault(lines.row(end), []).extend(
                self._absent(it) for it in hunk.parts if it.shown == here
            )
        renderer.remarks = {row: ", ".join(dict.fromkeys(said)) for row, said in remarks.items() if said}

    def _place(self, hunk: Hunk) -> tuple[int, int]:
        """The range of a change in the text that is shown."""
        return (hunk.old_start, hunk.old_end) if self._hunks_here else (hunk.start, hunk.end)

    def _absent(self, part: Part) -> str:
        said = cut(clean(" ".join(part.text.split()), 200), SAID_CELLS) or "⏎"
        if self._hunks_here:
            return f"{self._who(part.site)} {'added' if part.shown else 'removed'} “{said}” {day(part.seconds)}".rstrip()
        # The card says when, and by whom.
        is_same = self.past.buffer.author_of(part.site) == self.past.timeline.author(self.past.place)
        return f"removed “{said}”" if is_same else f"{self._who(part.site)} removed “{said}”"

    def _gone(self, part: Part) -> str:
        return f"{self._who(part.site)} removed this {day(part.seconds)}".rstrip()

    def _who(self, site: int) -> str:
        return clean(self.past.buffer.author_of(site), NAME_CELLS) or "the file"

    def next_change(self) -> None:
        self._to_change(1)

    def previous_change(self) -> None:
        self._to_change(-1)

    def _to_change(self, way: int) -> None:
        """Go to the next or the previous of the marked changes, and round."""
        places = [self._place(it) for it in self._hunks]
        if not places:
            self._editor.say("Nothing is marked here.")
            return
        starts = [start for start, _ in places]
        caret = self._editor.cursor.selection[0]
        at = bisect_right(starts, caret) if way > 0 else bisect_right(starts, caret - 1) - 1
        self._editor.jump(self._editor.text_layout.snap(starts[at % len(starts)]))

    # Finding

    def find_ever(self, text: str) -> None:
        """Show where a text was last, in everything that was ever written; of several places let the person choose."""
        self.past.take_in()
        found = self._live.buffer.ever(text, FOUND_MAX)
        if not found:
            self._editor.say(f"“{cut(clean(text, 100), SAID_CELLS)}” was never here.")
        elif len(found) == 1:
            self._show_found(found[0])
        else:
            listed = sorted(found, key=_gone_first)
            choices = [(str(at), *self._found_words(it)) for at, it in enumerate(listed)]
            more = f", the first {FOUND_MAX}" if len(found) == FOUND_MAX else ""
            self._editor.choose(
                f"“{cut(clean(text, 100), SAID_CELLS)}” ({len(found)} places{more})",
                choices,
                lambda chosen: self._show_found(listed[int(chosen)]),
            )

    def _found_words(self, it: Writing) -> tuple[str, str]:
        buffer = self._live.buffer
        who = clean(buffer.author_of(it.first.site), NAME_CELLS) or THE_FILE
        offset = buffer.offset(it.first) or 0
        before = clean(buffer.slice(max(0, offset - 14), offset).rpartition("\n")[2], 14)
        after = clean(buffer.slice(offset, min(len(buffer), offset + 24)).partition("\n")[0], 24)
        since = f"{who} {day(it.since)}".rstrip()
        return f"{before}▏{after}", f"{since}, {'there now' if it.until is None else f'gone {day(it.until)}'}"

    def _show_found(self, it: Writing) -> None:
        """Go to where a text was there last, and select it."""
        timeline = self.past.timeline
        place = timeline.now if it.until is None else timeline.at(max(it.since, it.until - 1))
        self._go(lambda _: place)
        first, last = self.past.buffer.offset(it.first), self.past.buffer.offset(it.last)
        if first is not None and last is not None:
            self._editor.cursor.put(max(first, last), first)
            self._editor.finish(centred=True)

    # Restoring

    def restore_passage(self) -> None:
        """Make the selection, or else the paragraph at the caret, what it was."""
        passage = self._chosen()
        if passage is None:
            self._editor.say(
                "Nothing is selected, and there is no paragraph at the caret; R restores all of it."
            )
            return
        self._restore(passage, "This passage is")

    def restore_all(self) -> None:
        self._restore(None, "The text is")

    def _restore(self, passage: tuple[Anchor, Anchor] | None, what: str) -> None:
        """Make a passage of the present text, or all of it, what it is here."""
        if not self.may_restore:
            self._editor.say(READ_ONLY)
            return
        self.plays = False
        self.past.take_in()
        if self.past.place == self.past.timeline.now:
            self._editor.say("This is now: go back to what is missed, and restore that.")
            return
        try:
            buffer = self.past.buffer
            patch = self._live.make(buffer.everything() if passage is None else buffer.passage(*passage))
        except JptermError as error:
            self._editor.say(str(error), serious=True)
            return
        if not patch:
            self._editor.say(f"{what} now as it was then.")
            return
        gone = sum(it.end - it.start for it in patch)
        back = sum(len(it.text) for it in patch)
        key = self._editor.keymap.key_label("undo")
        undo = f" {key} undoes that." if key else ""
        self._leave(
            min(it.start for it in patch),
            f"{what} as it was {self.when()}: {_counted(back, gone)}.{undo}",
        )

    def _chosen(self) -> tuple[Anchor, Anchor] | None:
        """The first and the last character of what is to be restored."""
        if self.past.passage is not None:
            return self.past.passage
        start, end = self._editor.cursor.selection
        if start == end:
            start, end = self._paragraph()
        if start == end:
            return None
        return self.past.buffer.anchor(start, before=True), self.past.buffer.anchor(end)

    def _paragraph(self) -> tuple[int, int]:
        """The lines around the caret up to blank ones, with the last line break."""
        layout = self._editor.text_layout
        row = layout.lines.row(self._editor.cursor.caret)
        if not layout.line(row).strip():
            return 0, 0
        first = last = row
        while first and layout.line(first - 1).strip():
            first -= 1
        while last + 1 < len(layout.lines) and layout.line(last + 1).strip():
            last += 1
        return layout.lines.start(first), layout.row_span(last)[1]

    # Words

    def when(self) -> str:
        """When this was, for a sentence."""
        timeline, place = self.past.timeline, self.past.place
        if place == timeline.now:
            return "now"
        if place <= timeline.start:
            return "at the start"
        return f"on {when(timeline.seconds(place))}"

    def stage(self) -> Stage:
        timeline, place = self.past.timeline, self.past.place
        words = self.when()
        if place not in (timeline.now, timeline.start):
            old = age(timeline.seconds(place), time.time())
            words += f", {old} ago" if old not in ("", "now") else ""
        author = timeline.author(place)
        return Stage(
            words,
            clean(author, NAME_CELLS) if place > timeline.start else "",
            timeline.number(place),
            timeline.last_number,
            timeline.count(place),
            timeline.count(timeline.now),
            self.past.passage is not None,
        )


def when(seconds: int) -> str:
    """A wall-clock second for a sentence: "16:02" today, "Tue 24 Nov 16:02" this year."""
    words = day(seconds)
    return (
        words if ":" in words or not words else f"{words} {time.strftime('%H:%M', time.localtime(seconds))}"
    )


def day(seconds: int) -> str:
    """The same for narrow places: "16:02" today, "Tue 24 Nov" this year; "" if it is not known."""
    if not seconds:
        return ""
    then, now = time.localtime(seconds), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%a %d %b" if then[0] == now[0] else "%d %b %Y", then)


def _ranges(patch: Patch) -> list[tuple[int, int]]:
    """Where a patch has changed the text, in offsets of the new one, in order."""
    found: list[tuple[int, int]] = []
    shift = 0
    for it in reversed(patch.splices):
        start = it.start + shift
        found.append((start, start + len(it.text)))
        shift += len(it.text) - (it.end - it.start)
    return found


def _gone_first(it: Writing) -> tuple[bool, int]:
    return it.until is None, -(it.until or it.since)


def _counted(back: int, gone: int) -> str:
    parts = [
        f"{count:,} {'character' if count == 1 else 'characters'} {word}"
        for count, word in ((back, "back"), (gone, "gone"))
        if count
    ]
    return ", ".join(parts)
