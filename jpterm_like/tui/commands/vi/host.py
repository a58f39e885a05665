"""What the parts of vi see of each other: the text, what is remembered, and the keys of the command under way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Set
from typing import Any, Protocol

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.vi.marks import Marks
from jpterm_like.tui.commands.vi.operators import Range
from jpterm_like.tui.commands.vi.registers import Registers
from jpterm_like.tui.commands.vi.text import Place, Text

Key = tuple[str, str]
"""A key as Textual names it, and its character."""


class Vi(Protocol):
    """`grammar.Vi`, as its parts use it."""

    editor: Editing
    text: Text
    registers: Registers
    marks: Marks
    motions: Any
    """`MotionKeys`, which reads motions and searches."""
    visual: Any
    """`Visual`, the visual mode."""
    ex: Any
    """`Ex`, the lines after a colon."""
    mode: str
    prompt: str
    count: int | None
    register: str
    keys: list[Key]
    """The keys of the command under way."""
    is_typed: bool
    """Whether the key under way was typed, not replayed by `.` or a macro."""

    @property
    def is_due(self) -> bool:
        """Whether a long command should `pause`."""

    def pause(self) -> Generator[None, Key, None]:
        """Let the keyboard be served; others may change the text meanwhile."""
        ...

    @property
    def times(self) -> int:
        """The count, 1 without one."""

    @property
    def commands(self) -> Mapping[str, Callable[[Any], Generator[None, Key, Any]]]: ...
    @property
    def swallows(self) -> Set[str]: ...
    def next_key(self) -> Generator[None, Key, str]: ...
    def feed(self, keys: list[Key]) -> None: ...
    def set_mode(self, mode: str) -> None: ...
    def require_writing(self) -> None: ...
    def end_step(self) -> None: ...
    def insert(self, place: Place, again: Callable[[], None] | None = None, resume: bool = False) -> None: ...
    def operate(self, name: str, span: Range, register: str, levels: int = 1) -> bool: ...
