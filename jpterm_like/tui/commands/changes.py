"""What is unsaved and what is uncommitted in a text: signs beside its lines, and commands on its changes.

There are two comparisons, each with a base: the text as the file last had it, which the history of the text knows, and the text as of
the last git commit. Both follow each edit; what would take long runs after a pause, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final

from crdt import Version
from crdt.patch import Splice
from jpterm_like.sync.unsaved_work import file_version, join_names
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.signs import Sign
from jpterm_like.tui.saving import Saving
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.line_index import RowChange

if TYPE_CHECKING:
    from jpterm_like.tui.text.line_changes import Hunk, LineChanges

AT_ONCE_CHARACTERS: Final = 200_000
"""A text of this length is compared as soon as it is edited, which takes two milliseconds; a longer one after a pause."""

CHARACTERS_MAX: Final = 20_000_000
"""A longer text has no signs: its base would take as much memory again."""

PAUSE_S: Final = 0.3
"""The pause in typing after which what takes longer is done."""

STEP_S: Final = 0.01
"""How long the base of a long text is read before the keyboard is served again."""

PIECE: Final = 4096
"""Code points that are read at once: some milliseconds if each was typed at another time."""

LISTED_MAX: Final = 1_000
"""The most changes in the list of them."""

NAME_CELLS: Final = 20
"""The width to which a name is cut in a question."""

ASK_AGAIN_S: Final = 10.0
"""How old the answer of git may be while somebody works: there may be a new commit."""


class Changes:
    """The changes of one text against its two bases."""

    def __init__(self, editor: Editing, saving: Saving) -> None:
        self._editor = editor
        self._saving = saving
        self.shows = "all"
        """The setting `signs`."""
        self.has_signs = False
        """Whether this text has had a sign since it was opened; the gutter then stays, so that the text does not jump again."""
        self._unsaved: LineChanges | None = None
        self._saved_version = Version()
        self._file_version = Version()
        """The version of its base."""
        self._others_wrote = False
        """Whether another program may have changed the file since."""
        self._seen_version = Version()
        self._uncommitted: LineChanges | None = None
        self._is_asking = False
        self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_comparing = False
        self._is_reading = False
        self._wants_base = False

    # Following the text

    def restart(self) -> None:
        """Begin again, with another text or another name of it."""
        self._unsaved = self._uncommitted = None
        self.ask_git()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def follow(self, changes: Sequence[RowChange], mine: bool) -> None:
        """Update after an edit."""
        self._others_wrote = self._others_wrote or not mine
        for known in self._known:
            known.follow(changes, self._editor.text_layout.lines, self._read)
        if self._timer is not None:
            self._do_later()  # the pause begins anew

    def check(self, clock: float) -> None:
        """Look whether the file was saved, and whether anything is to be compared. Cheap; call it before painting."""
        session = self._editor.session
        if self.shows == "none" or not session.ready:
            self._unsaved = None
            return
        if session.saved_version is not self._seen_version:
            had, self._seen_version = self._seen_version, session.saved_version
            if had:
                self.ask_git()
        elif (
            self._uncommitted is not None
            and clock > self._asked_at + ASK_AGAIN_S
            # Of a long text only a save asks again: reading what was committed takes milliseconds.
            and len(self._uncommitted.base) <= AT_ONCE_CHARACTERS
        ):
            self.ask_git()
        if self._saving.state(session, clock) != "unsaved":
            self._unsaved = None
        elif self._unsaved is None or session.saved_version is not self._saved_version:
            if len(session.buffer) <= AT_ONCE_CHARACTERS:
                self._take_saved()
            else:
                self._wants_base = True
                self._do_later(again=False)
        elif self._others_wrote:
            self._do_later(again=False)
        if any(known.is_behind for known in self._known):
            self._do_later(again=False)
        if not self.has_signs:
            self.has_signs = any(not hunk.is_new for known in self._known for hunk in known)

    @property
    def _known(self) -> list[LineChanges]:
        return [known for known in (self._unsaved, self._uncommitted) if known is not None]

    def _take_saved(self) -> None:
        """Compare with the text that the file has now, if all of that is here."""
        self._wants_base = False
        if self._can_take_saved:
            session = self._editor.session
            self._saved_version = session.saved_version
            self._file_version = file_version(session.buffer, self._saved_version)
            self._unsaved = self._compared(session.buffer.at(self._file_version))

    @property
    def _can_take_saved(self) -> bool:
        """Whether all of the text that the file has is here. A file that holds nothing yet would have a sign beside every line."""
        saved, buffer = self._editor.session.saved_version, self._editor.session.buffer
        return bool(saved) and len(buffer) <= CHARACTERS_MAX and saved <= buffer.version

    async def _take_saved_in_steps(self) -> None:
        """Do that in a long text, in which a change of very many places takes long to read past; after the next pause, if somebody
        writes meanwhile."""
        saved, buffer = self._editor.session.saved_version, self._editor.session.buffer
        at_file = file_version(buffer, saved)
        self._is_reading = True
        try:
            base = await self._join_in_steps(buffer.parts_at(at_file))
        finally:
            self._is_reading = False
        if base is None:
            self._do_later()
            return
        self._wants_base = False
        self._saved_version, self._file_version = saved, at_file
        self._unsaved = self._compared(base)
        self._compare_what_is_behind()

    async def _join_in_steps(self, parts: Iterable[str]) -> str | None:
        """Join the parts of a text, and serve the keyboard between them; None if somebody writes meanwhile."""
        buffer = self._editor.session.buffer
        began, read = buffer.version, list[str]()
        until = perf_counter() + STEP_S
        for part in parts:
            read.append(part)
            if perf_counter() > until:
                await asyncio.sleep(0)
                if buffer is not self._editor.session.buffer or buffer.version is not began:
                    return None
                until = perf_counter() + STEP_S
        return "".join(read)

    def _compared(self, base: str) -> LineChanges:
        """Compare with a base; a long text, and one of which much has changed, after a pause."""
        from jpterm_like.tui.text.line_changes import AT_ONCE_MAX, LineChanges, compare, trim

        known = LineChanges(base, len(self._editor.text_layout.lines))
        if max(len(base), len(self._editor.session.buffer)) <= AT_ONCE_CHARACTERS:
            (hunk,) = known
            rest, old, new = trim(hunk, base, self._text_of(hunk))
            if rest.size <= AT_ONCE_MAX or old == new:
                known.put(hunk, compare(rest, old, new))
                known.inexact()
        return known

    def _read(self, first: int, end: int) -> str:
        if end == first + 1:
            return self._editor.text_layout.line(first)  # it is on the screen
        lines = self._editor.text_layout.lines
        return self._editor.session.buffer.slice(lines.start(first), lines.span(end - 1)[1])

    def _do_later(self, again: bool = True) -> None:
        """Do after a pause what takes long; with `again` the pause begins now."""
        if self._timer is not None:
            if not again:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._do_now)

    def _do_now(self) -> None:
        self._timer = None
        session = self._editor.session
        if self._others_wrote:
            self._others_wrote = False
            changed = file_version(session.buffer, self._saved_version) != self._file_version
            self._wants_base = self._wants_base or (changed and self._unsaved is not None)
        if (
            self._wants_base
            and not self._is_reading
            and self._can_take_saved
            and self._saving.state(session, monotonic()) == "unsaved"
        ):
            self._start(self._take_saved_in_steps())
        self._compare_what_is_behind()

    def _compare_what_is_behind(self) -> None:
        if not self._is_comparing and any(known.is_behind for known in self._known):
            self._start(self._compare_large())

    def _pieces_of(self, hunk: Hunk) -> Iterator[str]:
        """Yield the rows of a hunk in pieces."""
        lines, buffer = self._editor.text_layout.lines, self._editor.session.buffer
        start, end = (lines.start(hunk.row), lines.span(hunk.end - 1)[1]) if hunk.rows else (0, 0)
        for at in range(start, end, PIECE):
            yield buffer.slice(at, min(end, at + PIECE))

    def _text_of(self, hunk: Hunk) -> str:
        return self._read(hunk.row, hunk.end) if hunk.rows else ""

    async def _compare_large(self) -> None:
        self._is_comparing = True
        try:
            for known in self._known:
                for hunk in known.inexact():
                    base, text = known.base_text(hunk), await self._join_in_steps(self._pieces_of(hunk))
                    if text is None:
                        break
                    parts = await asyncio.to_thread(_compare, hunk, base, text)
                    if known not in self._known or not known.put(hunk, parts):
                        break
        finally:
            self._is_comparing = False
        if any(known.is_behind and known.inexact() for known in self._known):
            self._do_later()
        self._editor.update(now=False)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # git

    def ask_git(self) -> None:
        """Ask for the text of the last commit, unless that is under way."""
        self._asked_at = monotonic()
        if self.shows == "all" and not self._is_asking:
            self._is_asking = True
            self._start(self._ask_git())

    async def _ask_git(self) -> None:
        session = self._editor.session
        buffer = session.buffer
        try:
            base = await session.committed_text()
        finally:
            self._is_asking = False
        if session is not self._editor.session or buffer is not session.buffer:
            self.ask_git()
        elif base is None or len(base) + len(buffer) > CHARACTERS_MAX or not session.ready:
            self._uncommitted = None
        elif self._uncommitted is None or self._uncommitted.base != base:
            self._uncommitted = self._compared(base)
            self._editor.update(now=False)

    # Signs

    def signs(self, first: int, last: int) -> dict[int, Sign]:
        """The signs of rows, `last` included; what is unsaved covers what is uncommitted."""
        signs: dict[int, Sign] = {}
        if self.shows == "none":
            return signs
        for known in reversed(self._known):
            for hunk in known.between(first, last):
                if not hunk.is_new:
                    is_unsaved = known is self._unsaved
                    for row in range(max(first, hunk.first), min(last, hunk.last) + 1):
                        if hunk.rows or row not in signs or signs[row].is_unsaved < is_unsaved:
                            signs[row] = Sign(
                                hunk.kind_at(row), is_unsaved, above=not hunk.rows and not hunk.row
                            )
        return signs

    # Commands

    def do_next_hunk(self) -> None:
        self._go(1)

    def do_previous_hunk(self) -> None:
        self._go(-1)

    def _go(self, way: int) -> bool:
        """Go to the next (1) or previous (-1) change, and from the last one on to the first; return whether there is any."""
        lines = self._editor.text_layout.lines
        row = lines.row(self._editor.cursor.caret)
        found = [
            hunk for known in self._known if (hunk := known.after(row) if way > 0 else known.before(row))
        ]
        is_round = not found
        if not found:
            end = -1 if way > 0 else len(lines)
            found = [
                hunk for known in self._known if (hunk := known.after(end) if way > 0 else known.before(end))
            ]
        found = [hunk for hunk in found if not hunk.is_new]
        if not found:
            self._editor.say(self._why_none("here"))
            return False
        first = (min if way > 0 else max)(hunk.first for hunk in found)
        self._editor.jump(lines.start(first))
        if is_round and first != row:
            self._editor.say("Wrapped to the top." if way > 0 else "Wrapped to the bottom.")
        return True

    def _why_none(self, where: str) -> str:
        """Why there is no change to go to or to show."""
        if self.shows == "none":
            return "Changes are not looked for: the setting signs is none."
        if any(hunk.is_new for known in self._known for hunk in known):
            return "The text is still being compared; try again in a moment."
        committed = "" if self._uncommitted is None else ", or differs from the last commit"
        return f"Nothing {where} is unsaved{committed}."

    def _here(self) -> tuple[LineChanges, Hunk] | None:
        """The change at the caret: what is unsaved before what is uncommitted."""
        row = self._editor.text_layout.lines.row(self._editor.cursor.caret)
        for known in self._known:
            hunk = known.at(row)
            if hunk is not None and not hunk.is_new:
                return known, hunk
        for known in self._known:  # where lines were removed, the caret is below their sign
            for hunk in known.between(row - 1, row - 1):
                if hunk.row == row and not hunk.rows:
                    return known, hunk
        return None

    def do_show_hunk(self) -> None:
        """Show the lines at the caret as they were."""
        found = self._here()
        if found is None:
            self._editor.say(self._why_none("in this line"))
            return
        known, hunk = found
        before = known.base_text(hunk).split("\n") if hunk.base_rows else []
        now = self._text_of(hunk).split("\n") if hunk.rows else []

        def then(answer: str) -> None:
            if answer == "revert":
                self._revert(before)
            elif self._go(1 if answer == "next" else -1):
                self.do_show_hunk()

        self._editor.show_lines(f"{self._state_of(known)}: {_place(hunk)}", before, now, then)

    def _state_of(self, known: LineChanges) -> str:
        return "Not saved" if known is self._unsaved else "Not committed"

    def do_revert_hunk(self) -> None:
        """Revert the lines at the caret to the saved or else the committed ones."""
        self._revert(None)

    def _revert(self, shown: list[str] | None, asked: Sequence[str] = ()) -> None:
        """Revert the change at the caret: `shown` are the lines that the person has seen, `asked` whose unsaved words may go."""
        editor = self._editor
        found = self._here()
        if found is None:
            editor.say(self._why_none("in this line"))
            return
        if not editor.may_write():
            return
        known, hunk = found
        before = known.base_text(hunk).split("\n") if hunk.base_rows else []
        if shown is not None and shown != before:
            editor.say("These lines were changed meanwhile, so nothing was reverted; look at them again.")
            return
        splices = self._splices(hunk, before)
        others = editor.session.others_in([(start, end) for start, end, _ in splices if start < end])
        if not set(others) <= set(asked):
            editor.ask_yes(
                "Revert these lines?",
                f"{join_names([clean(name, NAME_CELLS) for name in others])} wrote some of the unsaved text in them.",
                "Revert",
                lambda: self._revert(before, others),
            )
            return
        state = "saved" if known is self._unsaved else "committed"
        editor.session.break_undo()
        editor.replace_all(splices, min(editor.text_layout.lines.start(hunk.first), splices[-1].start))
        editor.session.break_undo()
        key = editor.keymap.key_label("undo")
        editor.say(f"Reverted to the {state} lines.{key and f' {key} undoes that.'}")

    def _splices(self, hunk: Hunk, before: list[str]) -> list[Splice]:
        """The smallest edits that put the lines `before` where a hunk is."""
        lines = self._editor.text_layout.lines
        first, now = hunk.row, self._text_of(hunk).split("\n") if hunk.rows else []
        ends = hunk.end < len(lines)
        if not ends and first:  # the last lines come and go with the newline in front of them
            first -= 1
            line = self._read(first, first + 1)
            now, before = [line, *now], [line, *before]
        from jpterm_like.tui.text.minimal_edits import replace_lines

        return replace_lines(lines.start(first), now, before, ends)

    def do_list_hunks(self) -> None:
        """Choose a change to go to."""
        lines = self._editor.text_layout.lines
        choices: dict[int, tuple[str, str, str]] = {}
        for known in self._known:
            for hunk in known:
                if hunk.is_new or len(choices) >= LISTED_MAX:
                    break
                text = (
                    self._read(hunk.first, hunk.first + 1).strip()
                    if hunk.rows
                    else known.base_text(hunk).strip()
                )
                state = f"{hunk.kind}, {self._state_of(known).lower()}"
                choices.setdefault(
                    hunk.first, (str(hunk.first), f"{hunk.first + 1:>5}  {clean(text, 60)}", state)
                )
        if not choices:
            self._editor.say(self._why_none("here"))
            return
        more = f" (the first {LISTED_MAX:,})" if len(choices) >= LISTED_MAX else ""
        self._editor.choose(
            f"Changes{more}",
            [choices[row] for row in sorted(choices)],
            lambda row: self._editor.jump(lines.start(min(int(row), len(lines) - 1))),
            chosen=self._chosen(sorted(choices)),
        )

    def _chosen(self, rows: Sequence[int]) -> str:
        """The row of the list that the caret is at or behind."""
        row = self._editor.text_layout.lines.row(self._editor.cursor.caret)
        return str(max((other for other in rows if other <= row), default=rows[0]))


def _place(hunk: Hunk) -> str:
    """Where a change is, for people."""
    if not hunk.rows:
        lines = "1 line" if hunk.base_rows == 1 else f"{hunk.base_rows:,} lines"
        return f"{lines} removed {f'below line {hunk.row:,}' if hunk.row else 'at the top'}"
    if hunk.rows == 1:
        return f"line {hunk.row + 1:,}"
    return f"lines {hunk.row + 1:,} to {hunk.end:,}"


def _compare(hunk: Hunk, base: str, text: str) -> list[Hunk]:
    from jpterm_like.tui.text.line_changes import compare, trim

    return compare(*trim(hunk, base, text))
