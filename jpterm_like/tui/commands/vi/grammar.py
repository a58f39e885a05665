"""The grammar of vi's keys: counts, registers, operators with their motions, insert mode, repeating and macros.

A command is a generator that asks for its next key, so that an incomplete one simply waits. Keys that are replayed, by `.` or a macro,
go through the same queue as those that are typed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable
from time import perf_counter
from typing import Final, NamedTuple

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.vi import operators
from jpterm_like.tui.commands.vi.ex import Ex
from jpterm_like.tui.commands.vi.failure import Failed
from jpterm_like.tui.commands.vi.host import Again, Keys
from jpterm_like.tui.commands.vi.insertion import Insertion
from jpterm_like.tui.commands.vi.key_notation import Key, read_keys, sign_of, write_key
from jpterm_like.tui.commands.vi.line_runs import END, LineRuns, TrackedLine
from jpterm_like.tui.commands.vi.marks import Marks
from jpterm_like.tui.commands.vi.motion_keys import MotionKeys
from jpterm_like.tui.commands.vi.normal import COMMANDS, SWALLOWS
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.registers import NAMES, Registers
from jpterm_like.tui.commands.vi.steps import UndoCarets
from jpterm_like.tui.commands.vi.text import Place, Text
from jpterm_like.tui.commands.vi.visual import Region, Visual
from jpterm_like.tui.text.search import Matches

KEYS_MAX: Final = 1_000_000
"""A macro that calls itself ends after so many keys."""

COUNT_MAX: Final = 10_000_000
"""The largest count that is read, as for a line's number."""

TIMES_MAX: Final = 10_000
"""How often a command is done at most, whatever the count."""

SLICE_S: Final = 0.02
"""How long replayed keys, and commands on many lines, go on before the keyboard is served again."""


class Change(NamedTuple):
    """A change that `.` repeats."""

    keys: tuple[Key, ...]
    times: int | None
    register: str
    region: Region | None


class Vi:
    """The mode, the keys of an incomplete command, and what vi remembers."""

    def __init__(
        self, editor: Editing, open_file: Callable[[str], object], save_in: Callable[[str], object]
    ) -> None:
        """`open_file` gets a name relative to the open file; `save_in` gets the name of an encoding."""
        self.editor = editor
        self.save_in = save_in
        self.text = Text(editor)
        self.registers = Registers(editor)
        self.marks = Marks(self.text)
        self.undo_carets = UndoCarets(self.text)
        self.motions = MotionKeys(self)
        self.visual = Visual(self)
        self.insertion = Insertion(self)
        self.ex = Ex(self, open_file)
        self._runs = LineRuns(self.text)
        self.mode = "normal"
        self.prompt = ""
        """The line that is typed after a colon or slash, with that sign; or a question. "" if there is none."""
        self.recording = ""
        """The register that keys are recorded into."""
        self.count: int | None = None
        self.register = ""
        self._recorded: list[Key] = []
        self._queue: deque[Key] = deque()
        self._fed = 0
        """How many keys at the start of the queue are replayed; those behind them were typed."""
        self.is_typed = True
        self._waiting: deque[Key] = deque()
        """Keys that were typed while something was under way."""
        self._taken = 0
        self.keys: list[Key] = []
        self._waits = False
        """Whether a command is incomplete."""
        self._pauses = False
        """Whether a command goes on by itself, after the keyboard was served."""
        self._due_at = 0.0
        self._last: Change | None = None
        self._replay: Change | None = None
        self.once = False
        """Whether one command is done in the middle of an insertion."""
        self._macro = ""
        self._handle: asyncio.Handle | None = None
        self._command: Keys
        self._restart()

    # What is marked in the text

    @property
    def matches(self) -> Matches | None:
        """The matches of the last search, to be marked."""
        return self.motions.matches

    def selected(self, first: int, last: int) -> list[tuple[int, int]] | None:
        """The ranges of offsets that visual mode marks in some rows, the last included; None in other modes."""
        return self.visual.ranges(first, last) if self.mode.startswith("visual") else None

    # Keys in

    @property
    def is_amid_something(self) -> bool:
        """Whether escape would end something."""
        return self.mode != "normal" or self._waits

    @property
    def is_inserting(self) -> bool:
        """Whether a letter goes into the text."""
        return self.mode == "insert" and not self.once and not self._waits and not self._queue

    @property
    def is_busy(self) -> bool:
        """Whether a macro or a command on many lines is still under way; typed keys wait for it."""
        return bool(self._queue) or self._pauses

    @property
    def shown_mode(self) -> str:
        """The mode for the status bar, with the register that is recorded into."""
        mode = "(insert)" if self.once else self.mode
        return f"{mode} @{self.recording}" if self.recording else mode

    def key(self, key: str, character: str) -> bool:
        """Handle a key; False if it is for the keymap or the text."""
        if self.is_busy:
            # Behind typed keys escape is one of them: it ends the insertion that they began.
            if key == "ctrl+c" or (key == "escape" and not self._waiting):
                if self.mode in ("insert", "replace"):  # the keys that were to follow would have ended it
                    self.insertion.drop()
                    self.set_mode("normal")
                self.clicked()
                self.editor.say("Stopped; what was done until then can be undone.")
            else:
                self._waiting.append((key, character))
            return True
        if len(character) > 1 and self.mode != "insert":
            for sign in character:
                self.key(sign, sign)
            return True
        if key.startswith("alt+") and character.isprintable() and character and self.is_amid_something:
            # Escape and the next key pressed quickly: without the kitty protocol a terminal sends the same for alt and a key.
            self.key("escape", "")
            return self.key(character, character)
        if not self._takes(key, character):
            if self.mode == "insert":
                self._record(key, character)
                prints = bool(character) and character.isprintable()
                if not prints and self.editor.keymap.command(key) not in _TYPING:
                    self.insertion.restart()
                self.insertion.note(key, character)
            elif self._waits:
                self._restart()
                self.prompt = ""
            return False
        self._record(key, character)
        self._queue.append((key, character))
        self._taken = 0
        self._pump()
        return True

    def paste(self, text: str) -> bool:
        """Type a pasted text into the line that is asked for; False if none is."""
        if not self.prompt:
            return False
        for sign in " ".join(text.split("\n")):
            if sign.isprintable():
                self.key(sign, sign)
        return True

    def note_typed(self, away: int, text: str) -> None:
        """Take what a completion put, and how many letters it took away, for typed keys, which `.` and macros repeat."""
        for key in [("backspace", "")] * away + [(sign, sign) for sign in text]:
            self._record(*key)
            self.insertion.note(*key)

    def _record(self, key: str, character: str) -> None:
        if self.recording:
            self._recorded += (
                [(sign, sign) for sign in character] if len(character) > 1 else [(key, character)]
            )

    def _takes(self, key: str, character: str) -> bool:
        if self.is_inserting:
            return key in ("escape", "ctrl+r", "ctrl+w", "ctrl+u", "ctrl+o", "ctrl+left_square_bracket")
        if self.prompt or self.mode == "replace":
            return key not in ("f1",) and (bool(character) or key in _PROMPT_KEYS or key.startswith("ctrl+"))
        if key == "escape":
            return self.is_amid_something
        if key in _CONTROL:
            return True
        return (
            bool(character)
            and not key.startswith(("ctrl+", "alt+"))
            and (character.isprintable() or key in ("enter", "tab"))
        )

    def clicked(self) -> None:
        """Cancel an incomplete command and visual mode, since the caret was moved by other means."""
        self._drop_queue()
        self.prompt = ""
        self.once = False
        if self.mode == "insert":
            self.insertion.restart()
        else:
            self.set_mode("normal")
        self.end_step()
        self._restart()

    def forget(self) -> None:
        """Forget marks and places, since another text is shown from now on."""
        self.visual.forget()
        self.motions.forget()
        self.marks.forget()
        self.undo_carets.forget()
        self.text.last_change = None
        self.text.end_step()
        if self.mode != "insert":
            self.set_mode("normal")
        self._restart()

    def end_step(self) -> None:
        if not self._runs:
            self.text.end_step()

    def feed(self, keys: list[Key]) -> None:
        """Let keys be handled before those that wait."""
        self._queue.extendleft(reversed(keys))
        self._fed += len(keys)

    def _drop_queue(self) -> None:
        self._queue.clear()
        self._waiting.clear()
        self._runs.clear()
        self._fed = 0

    def _drop_failed(self) -> None:
        """Drop the keys behind a command that failed: all that wait, or those for this line if it is one of several."""
        if not self._runs:
            self._drop_queue()
        while self._queue and self._queue[0] is not END:
            self._queue.popleft()
            self._fed -= 1

    def _pump(self) -> None:
        was_paused, self._handle = self._handle is not None, None
        self._due_at = perf_counter() + SLICE_S
        while self._queue or self._pauses:
            if self.is_due:
                if (loop := _loop()) is not None:
                    self._handle = loop.call_soon(self._pump)
                    return
                self._due_at = perf_counter() + SLICE_S
            if self._pauses:
                self._pauses = False
                self._send(("", ""))
                continue
            self._taken += 1
            if self._taken > KEYS_MAX:
                self._drop_queue()
                self.end_step()
                self.editor.say(f"The macro was stopped after {KEYS_MAX:,} keys.")
                break
            key = self._queue.popleft()
            self.is_typed = not self._fed
            self._fed -= not self.is_typed
            self._step(key)
        self.registers.settle()
        if was_paused:
            self.editor.update()
            self._type_waiting()

    def _type_waiting(self) -> None:
        """Handle the keys that were typed meanwhile, also those that are not vi's."""
        while self._waiting and not self.is_busy:
            key, character = self._waiting.popleft()
            if not self.key(key, character):
                self.insertion.type(key, character)
        if self._waiting and self._handle is None and (loop := _loop()) is not None:
            self._handle = loop.call_soon(self._pump)

    @property
    def is_due(self) -> bool:
        return perf_counter() > self._due_at

    def pause(self) -> Keys:
        self._pauses = True
        yield

    def wait(self) -> Keys:
        self._due_at = 0.0
        yield from self.pause()

    def _step(self, key: Key) -> None:
        try:
            if key is END:
                self._end_line()
            elif self.mode in ("insert", "replace") and not self._waits and not self.once:
                self.insertion.key(*key)
            else:
                if key[0] == "escape" and not self.prompt:
                    self._escape()
                    return
                self._waits = True
                self._send(key)
        except Failed as problem:
            self._fail(str(problem))

    def _send(self, key: Key) -> None:
        """Give a key to the command under way, or let it go on after a pause."""
        try:
            self._command.send(key)
        except Failed as problem:
            self._fail(str(problem))

    def _fail(self, words: str) -> None:
        self._drop_failed()
        self._replay = None
        self.prompt = ""
        if words:
            self.editor.say(words)
        self._restart()
        self.once = False
        if self.mode == "normal":
            self.settle()
        self.end_step()

    def _escape(self) -> None:
        self._restart()
        if self.once:
            self.once = False
            return
        if self.mode.startswith("visual"):
            self.visual.leave()
        self.settle()

    def _restart(self) -> None:
        self._waits = self._pauses = False
        self._command = self._commands()
        next(self._command)

    def next_key(self) -> Generator[None, Key, str]:
        """Wait for the next key of the command, and return its character, or its name if it has none."""
        key = yield
        self.keys.append(key)
        return sign_of(key)

    def note_caret(self) -> None:
        """Remember where the caret was before an undo step that is complete."""
        if not self._runs:
            self.undo_carets.note()

    # Commands

    def _commands(self) -> Keys:
        while True:
            self.keys = []
            self._waits = False
            replay, self._replay = self._replay, None
            if replay is not None and replay.region is not None:
                self.visual.take(replay.region)
            self.count, self.register = (replay.times, replay.register) if replay else (None, "")
            sign = yield from self._prefix()
            if self.mode == "normal" and self.editor.cursor.mark is not None:
                # The selection of a found match is no target for commands.
                self.editor.go(self.editor.cursor.selection[0])
            if self._runs:
                self.undo_carets.start_at(self.text.caret)
            else:
                self.undo_carets.begin()
            region = self.visual.region if self.mode.startswith("visual") else None
            try:
                if self.mode.startswith("visual"):
                    changes = yield from self.visual.command(sign)
                else:
                    changes = yield from self._normal(sign)
            except Failed as problem:
                if problem.is_repeated:
                    self._last = Change(tuple(self.keys), self.count, self.register, None)
                raise
            if changes:
                keys = tuple(self.keys)
                if replay is not None and region is None:
                    region = replay.region
                self._last = Change(keys, self.count, self.register, region if changes != "plain" else None)
                if self.mode not in ("insert", "replace"):
                    self.note_caret()
            if self.mode not in ("insert", "replace"):
                self.settle()
                self.end_step()
            if self.once and not self.mode.startswith("visual"):
                self.once = False
                if self.mode == "normal":
                    self.insert(self.text.caret, resume=True)

    def _prefix(self) -> Generator[None, Key, str]:
        """Read counts and the name of a register, and return the first key of the command. Counts before and behind a
        register are multiplied."""
        before: int | None = None
        own: int | None = None
        while True:
            sign = yield from self.next_key()
            if sign in "123456789" or (sign == "0" and own is not None):
                own = min(COUNT_MAX, (own or 0) * 10 + int(sign))
                self.count = min(COUNT_MAX, (before or 1) * own)
                self.keys.pop()
                continue
            before, own = self.count, None
            if sign == '"':
                name = yield from self.next_key()
                if not self.registers.is_name(name):
                    raise Failed(f'There is no register "{name}.')
                self.register = name
                del self.keys[-2:]
                continue
            return sign

    def motion_count(self) -> Generator[None, Key, str]:
        """Read a count behind an operator, which multiplies the one before it; return the key after it."""
        own: int | None = None
        while True:
            sign = yield from self.next_key()
            if sign in "123456789" or (sign == "0" and own is not None):
                own = min(COUNT_MAX, (own or 0) * 10 + int(sign))
                self.keys.pop()
                continue
            if own is not None:
                self.count = min(COUNT_MAX, (self.count or 1) * own)
            return sign

    @property
    def times(self) -> int:
        return min(self.count or 1, TIMES_MAX)

    def settle(self) -> None:
        """Put the caret onto a character, as normal mode requires."""
        if self.mode != "normal" or self.once:
            return
        caret = self.text.caret
        there = self.text.on_character(caret)
        if there != caret:
            self.text.go(there, self.editor.cursor.goal)

    def set_mode(self, mode: str) -> None:
        self.mode = mode

    def require_writing(self) -> None:
        if not self.editor.may_write():
            raise Failed

    def _normal(self, sign: str) -> Generator[None, Key, str]:
        """Do a command of normal mode; returns "plain" if `.` repeats it, else ""."""
        if sign in _SHORT:
            self.feed([(it, it) for it in _SHORT[sign]])
            self.keys = []
            self._waits = True
            sign = yield from self.next_key()
        if sign == "g":
            sign += yield from self.next_key()
        if sign in _OPERATORS:
            return (yield from self._operator(sign))
        motion = yield from self.motions.read(sign, "")
        if motion is not False:
            if motion is None:
                raise Failed
            if motion.jump and motion.to != self.text.caret:
                self.marks.jump()
            self.text.go(motion.to, motion.goal)
            return ""
        does = COMMANDS.get(sign)
        if does is None:
            if sign in SWALLOWS:
                yield from self.next_key()
            known = self.editor.keymap.key_label("help", "the help")
            raise Failed(f"{sign}: vi's command is not supported here; {known} lists what is.")
        found = does(self)
        return "plain" if (yield from found) else ""

    def _operator(self, name: str) -> Generator[None, Key, str]:
        text, register = self.text, self.register
        sign = yield from self.motion_count()
        if sign == "g":
            sign += yield from self.next_key()
        if sign == name[-1] or sign == name:
            row = text.caret.row
            if self.times > 1 and row == text.rows - 1:
                raise Failed
            last = min(text.rows - 1, row + self.times - 1)
            span = Range(text.caret, Place(last, len(text.line(last))), "line", big=True)
            if name not in ("y", "d") and last == row:
                span = span._replace(start=Place(row, min(text.caret.column, text.indent(row))))
        else:
            motion = yield from self.motions.read(sign, name)
            if not motion:
                raise Failed
            if motion.jump and motion.start is None:
                self.marks.jump()
            span = operators.resolve(text, motion, name)
            if name == "y" and sign == "_":
                span = span._replace(start=text.caret)  # copying a line does not move
        if name != "y":
            self.require_writing()
        return "plain" if (yield from self.operate(name, span, register)) else ""

    def operate(self, name: str, span: Range, register: str, levels: int = 1) -> Generator[None, Key, bool]:
        """Do an operator to a range, and return whether `.` repeats it."""
        text, start = self.text, span.start
        caret = text.track(text.caret)
        if name == "c" and span.kind == "line" and len(span.rows) > 1:
            below = Place(start.row + 1, min(start.column, len(text.line(start.row + 1))))
            self.undo_carets.start_at(below)  # the lines below the first go first
        else:
            of_one_line = span.kind == "line" and len(span.rows) == 1
            self.undo_carets.start_at(Place(start.row, 0) if of_one_line else start)
        self.marks.set("[", start)
        self.marks.set("]", Place(span.end.row, max(0, span.end.column - 1)))
        if name == "y":
            operators.yank(text, self.registers, span, register)
            text.go(Place(start.row, start.column))
            return False
        if name == "d":
            there = operators.delete(text, self.registers, span, register)
            text.go(there)
        elif name == "c":
            self.insert(operators.change(text, self.registers, span, register))
        elif name in (">", "<"):
            for _ in operators.shift(text, span.rows, levels if name == ">" else -levels):
                yield from self.pause()
            text.go(Place(start.row, text.indent(start.row)))
        elif name in ("J", "gJ"):
            rows = max(2, len(span.rows))
            if start.row + rows > text.rows:
                text.go(start)
                raise Failed
            text.go(operators.join(text, start.row, rows, name == "J"))
        elif name in ("gq", "gw"):
            there = operators.wrap(text, span.rows)
            text.go(text.place_of(caret) if name == "gw" else there)
        elif name == "!":
            self.ex.ask(f"{start.row + 1},{span.end.row + 1}!")
            return False
        else:
            if span.kind == "char" and span.start == span.end and not start.column:
                # as Vim does with nothing at the start of a line: the line, and of the first one a letter
                end = Place(start.row, len(text.line(start.row))) if start.row else text.right(start)
                span = span._replace(end=end)
            for _ in operators.change_case(text, span, name):
                yield from self.pause()
            text.go(start)
        return True

    # Insert mode

    def insert(self, place: Place, again: Again | None = None, times: int = 1, resume: bool = False) -> None:
        self.insertion.begin(place, again, times, resume)

    def take_keys(self, command: Keys) -> None:
        """Let a command take the next keys, in the middle of an insertion."""
        self._command = command
        next(self._command)
        self._waits = True

    def end_keys(self) -> None:
        """That command has its keys."""
        self._restart()

    def insertion_restarts(self) -> None:
        """The insertion was left and begun anew: `.` repeats what comes now."""
        if self._last is not None:
            self._last = self._last._replace(keys=(("i", "i"),), region=None)

    def insertion_ends(self, inserted: list[Key]) -> None:
        """`.` repeats the insertion as well."""
        self.visual.finish_block(inserted)
        if self._last is not None:
            self._last = self._last._replace(keys=(*self._last.keys, *inserted, ("escape", "")))

    # Replaying keys

    def repeat(self) -> Keys:
        """`.`: let the keys of the last change be handled again."""
        yield from ()
        last = self._last
        if last is None:
            raise Failed
        times = self.count if self.count is not None else last.times
        self._replay = last._replace(times=times, register=last.register or self.register)
        if self._replay.region is not None:
            self._replay = self._replay._replace(times=last.times)
        self.feed([*last.keys])
        return False

    def run_on_lines(self, keys: str, lines: Iterable[TrackedLine] | None) -> None:
        """Let keys be handled at each of some lines, or without any once here; what is incomplete at their end is given up."""
        self.feed(self._runs.begin(keys, lines))

    def _end_line(self) -> None:
        """The keys for a line have ended."""
        if self.mode in ("insert", "replace"):
            self.insertion.leave()
        self.once = False
        self.prompt = ""
        self._restart()
        self.settle()
        keys = self._runs.next_keys()
        if keys and self.mode.startswith("visual"):
            self.visual.leave()
        self.feed(keys)
        self.note_caret()
        self.end_step()

    def record(self) -> Keys:
        """`q`: begin or end keeping what is typed in a register."""
        if self.recording:
            keys = self._recorded[:-1]  # without the q that ends it
            self.registers.set_keys(self.recording, "".join(write_key(key) for key in keys))
            self.recording = ""
            return False
        name = yield from self.next_key()
        if len(name) != 1 or name.lower() not in NAMES + '0123456789"':
            raise Failed(f"q: there is no register {name}; a to z are.")
        self.recording, self._recorded = name, []
        return False

    def play(self) -> Keys:
        """`@`: let the keys of a register be handled, or run the last line again."""
        name = yield from self.next_key()
        name = self._macro if name == "@" else name.lower()
        if name == ":":
            for _ in range(self.times):
                yield from self.ex.repeat()
            self._macro = ":"
            return False
        found = self.registers.get(name) if self.registers.is_name(name) else None
        if found is None:
            raise Failed(f"@: nothing is recorded in {name or 'a register'}.")
        self._macro = name
        keys = read_keys(found.text)
        if len(self._queue) + len(keys) * self.times > KEYS_MAX:
            raise Failed(f"@: that would be more than {KEYS_MAX:,} keys.")
        self.feed(keys * self.times)
        return False


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_PROMPT_KEYS: Final = {"escape", "enter", "backspace", "delete", "left", "right", "up", "down", "home", "end"}
_CONTROL: Final = {
    "enter", "backspace", "delete", "tab", *(f"ctrl+{letter}" for letter in "adudefbyxvcoirz"), "ctrl+left_square_bracket"
}  # fmt: skip
_TYPING: Final = ("newline", "delete_left", "delete_right", "tab", "delete_word_left")
_SHORT: Final = {
    "x": "dl", "X": "dh", "D": "d$", "C": "c$", "s": "cl", "S": "cc", "Y": "yy", "delete": "dl"
}  # fmt: skip
_OPERATORS: Final = {"d", "c", "y", ">", "<", "gu", "gU", "g~", "gq", "gw", "!"}
