"""What the parts of vi see of each other: the text, what is remembered, and the keys of the command under way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal, Protocol

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.vi.key_notation import Key
from jpterm_like.tui.commands.vi.line_runs import TrackedLine
from jpterm_like.tui.commands.vi.marks import Marks
from jpterm_like.tui.commands.vi.motions import Motion
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.patterns import Pattern
from jpterm_like.tui.commands.vi.registers import Registers
from jpterm_like.tui.commands.vi.steps import UndoCarets
from jpterm_like.tui.commands.vi.text import Place, Text

Keys = Generator[None, Key, Any]
"""A command that asks for keys."""


class Again(Protocol):
    """What is done before each repetition, such as opening a line."""

    def __call__(self, text: str = "", times: int = 1) -> None:
        """Do it so often, and insert a text each time."""


class Motions(Protocol):
    """`motion_keys.MotionKeys`, which reads motions and searches."""

    pattern: Pattern | None
    ignore_case: bool
    smart_case: bool
    wraps: bool
    marks_matches: bool

    def read(self, sign: str, operator: str) -> Generator[None, Key, Motion | Literal[False] | None]: ...
    def use(self, source: str) -> None: ...
    def hide_matches(self) -> None: ...
    def scroll_to(self, sign: str) -> None: ...
    def find(self, place: Place, forward: bool) -> Generator[None, Key, Place | None]: ...


class VisualMode(Protocol):
    """`visual.Visual`."""

    @property
    def selection(self) -> tuple[Place, Place]: ...
    def start(self, mode: str, count: int | None = None) -> None: ...
    def again(self) -> bool: ...


class Lines(Protocol):
    """`ex.Ex`, which lets lines be typed, and runs those behind a colon."""

    is_typed: bool

    def read_line(self, begin: str) -> Generator[None, Key, str | None]: ...
    def command_line(self, begin: str) -> Keys: ...
    def run(self, line: str) -> Keys: ...


class Vi(Protocol):
    """`grammar.Vi`, as its parts use it."""

    editor: Editing
    text: Text
    registers: Registers
    marks: Marks
    undo_carets: UndoCarets
    mode: str
    prompt: str
    count: int | None
    register: str
    keys: list[Key]
    """The keys of the command under way."""
    is_typed: bool
    """Whether the key under way was typed, not replayed by `.` or a macro."""
    save_in: Callable[[str], object]
    """Saves the text in an encoding, given by its name."""
    once: bool
    """Whether one command is done in the middle of an insertion."""

    @property
    def motions(self) -> Motions: ...
    @property
    def visual(self) -> VisualMode: ...
    @property
    def ex(self) -> Lines: ...

    @property
    def is_due(self) -> bool:
        """Whether a long command should `pause`."""

    def pause(self) -> Generator[None, Key, None]:
        """Let the keyboard be served; others may change the text meanwhile."""
        ...

    def wait(self) -> Generator[None, Key, None]:
        """Go on in a later turn, when others of this program had theirs."""
        ...

    @property
    def times(self) -> int:
        """The count, 1 without one."""

    def next_key(self) -> Generator[None, Key, str]: ...
    def feed(self, keys: list[Key]) -> None: ...
    def repeat(self) -> Keys: ...
    def run_on_lines(self, keys: str, lines: Iterable[TrackedLine] | None) -> None: ...
    def record(self) -> Keys: ...
    def play(self) -> Keys: ...
    def set_mode(self, mode: str) -> None: ...
    def require_writing(self) -> None: ...
    def end_step(self) -> None: ...
    def note_caret(self) -> None: ...
    def take_keys(self, command: Keys) -> None: ...
    def end_keys(self) -> None: ...
    def insertion_restarts(self) -> None: ...
    def insertion_ends(self, inserted: list[Key]) -> None: ...
    def insert(
        self, place: Place, again: Again | None = None, times: int = 1, resume: bool = False
    ) -> None: ...
    def operate(
        self, name: str, span: Range, register: str, levels: int = 1
    ) -> Generator[None, Key, bool]: ...
