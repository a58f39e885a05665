"""Macros: what I do to a text, recorded and played again.

Commands and typed text are recorded, not keys, so a macro means the same whatever a key is bound to. It plays at the caret that
is there, in any open file, as one undo step. Commands that open a dialog or concern the file are not part of a macro.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from jpterm_like.tui.keymap import BY_ID

PLAY_S: Final = 1.0
"""The longest that a macro plays: the keyboard waits for it, and for no endless count."""

STEPS_MAX: Final = 10_000
"""The most steps of a macro; those after them are not recorded."""

RECORDED_GROUPS: Final = ("Editing", "Moving", "Selecting")
"""The groups of commands that macros are made of; `RECORDED` are those besides."""

RECORDED: Final = ("find_next", "find_previous", "matching_bracket", "next_bookmark", "toggle_bookmark")

NOT_RECORDED: Final = ("undo", "redo", "filter_lines")
"""Commands of those groups that are no part of a macro."""

NOT_TOLD: Final = ("record_macro", "play_macro", "play_macro_times", "complete")
"""Commands about macros themselves, which nobody expects in one; and the list of words, of which the word that is taken is recorded."""


class Step(NamedTuple):
    """One command, or one text that was typed or pasted."""

    command: str = ""
    text: str = ""
    pasted: bool = False


class Macro:
    """The macro of a running editor, shared by all its files."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.recording: list[Step] | None = None
        """What is recorded; None: nothing is."""
        self._plays = False

    def start(self) -> None:
        """Record from now on. The macro that is there stays until `stop`."""
        self.recording = []

    def stop(self) -> None:
        """End recording. Without a step, the macro from before stays."""
        recorded, self.recording = self.recording, None
        self.steps = recorded or self.steps

    def note_command(self, command: str) -> str:
        """Record a command; return why it is not recorded, or ""."""
        if self.recording is None or self._plays or command in NOT_TOLD:
            return ""
        known = BY_ID.get(command)
        if known is None:
            return ""  # what the editor does by itself, such as looking for the person that I follow
        if command in NOT_RECORDED or (known.group not in RECORDED_GROUPS and command not in RECORDED):
            return f"“{known.title}” is not part of the macro."
        self._add(Step(command=command))
        return ""

    def note_text(self, text: str, pasted: bool = False) -> None:
        """Record a text that was typed or pasted."""
        if self.recording is None or self._plays:
            return
        last = self.recording[-1] if self.recording else None
        if last is not None and last.text and not last.pasted and not pasted:
            self.recording[-1] = Step(text=last.text + text)
        else:
            self._add(Step(text=text, pasted=pasted))

    def _add(self, step: Step) -> None:
        if self.recording is not None and len(self.recording) < STEPS_MAX:
            self.recording.append(step)

    def play(self, does: Callable[[Step], object], state: Callable[[], object], count: int) -> int:
        """Do all steps `count` times, and return how often that was done.

        It ends early after PLAY_S, and when a time changes nothing of `state`.
        """
        until = monotonic() + PLAY_S
        self._plays = True
        try:
            for done in range(count):
                before = state()
                for step in self.steps:
                    does(step)
                if state() == before:
                    return done
                if monotonic() > until:
                    return done + 1
        finally:
            self._plays = False
        return count
