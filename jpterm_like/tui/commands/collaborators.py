"""The others: going to them, following them, asking them to look, and announcing who comes and goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.people import Collaborators, Other
from jpterm_like.tui.widgets.messages import Messages

SETTLE_S: Final = 2.0
"""Seconds after connecting in which people that the server names were here before: they are not announced."""


class Awareness:
    """Which of the others I follow, who asked me to look, and who is known to be here."""

    def __init__(self, editor: Editing, messages: Messages, *, announces: bool) -> None:
        self._editor = editor
        self._messages = messages
        self.announces = announces
        """Whether joining and leaving are announced."""
        self.collaborators: Collaborators
        """The others in the text as it is now open."""
        self.caller: int | None = None
        """The site of the person who last asked me to look, until I have."""
        self.following: int | None = None
        """The site of the person whose caret the view follows."""
        self._known: Counter[str] = Counter()
        self._settled_at: float | None = None

    def _with_caret(self) -> list[Other]:
        return [other for other in self.collaborators.others if other.caret is not None]

    # Going to people

    def do_go_to_person(self) -> None:
        caller = next((other for other in self._with_caret() if other.site == self.caller), None)
        self.caller = None
        if caller is not None:
            self._messages.dismiss()
            self._go_to(caller)
            return
        self._choose_person("Go to", self._go_to)

    def _go_to(self, other: Other) -> None:
        if other.caret is not None:
            self._editor.jump(self._editor.text_layout.snap(other.caret))

    def do_ask_to_look(self) -> None:
        """Ask the others to look where I am."""
        if not self.collaborators.others:
            self._editor.say("Nobody else is here.")
        else:
            self._editor.share_caret()
            self._editor.session.call()
            self._editor.say("The others are asked to look here.")

    def show_calls(self, calling: list[Other]) -> None:
        """Show that somebody asks me to look. Nothing moves until I press the key."""
        for other in calling:
            self.caller = other.site
            where = "" if other.caret is None else f" at line {self._row(other.caret) + 1}"
            key = self._editor.keymap.key_label("go_to_person")
            self._editor.say(f"{other.name} asks you to look{where}.{key and f' {key} goes there.'}")

    def do_follow_person(self) -> None:
        self._choose_person("Follow", self._follow)

    def _follow(self, other: Other) -> None:
        self.following = other.site
        self.keep_following()
        self._editor.update(now=False)

    def _choose_person(self, title: str, does: Callable[[Other], None]) -> None:
        others = self._with_caret()
        if not others:
            nobody = "Nobody else is here."
            self._editor.say("Nobody has a caret in the text yet." if self.collaborators.others else nobody)
        elif len(others) == 1:
            does(others[0])
        else:
            clock = monotonic()
            choices = [(str(other.site), other.name, self._activity(other, clock)) for other in others]

            def chosen(site: str) -> None:
                other = next((other for other in self._with_caret() if str(other.site) == site), None)
                if other is not None:
                    does(other)

            self._editor.choose(title, choices, chosen)

    def keep_following(self) -> None:
        """Scroll to the person who is followed, if there is one."""
        if self.following is None:
            return
        other = next((other for other in self.collaborators.others if other.site == self.following), None)
        if other is None:
            self.following = None
        elif other.caret is not None:
            self._editor.view.reveal(other.caret)

    def stop_following(self) -> bool:
        """Follow nobody, and return whether somebody was followed."""
        was = self.following is not None
        self.following = None
        return was

    # Who is here

    def do_who(self) -> None:
        """Show in one line who is here and what they do."""
        clock = monotonic()
        others = [f"{other.name}, {self._activity(other, clock)}" for other in self.collaborators.others]
        if not others:
            self._editor.say("Only you are here.")
        else:
            self._editor.say(f"With you: {'; '.join(others)}.")

    def _activity(self, other: Other, clock: float) -> str:
        if other.caret is None:
            return "no caret yet"
        state = other.state(clock)
        line = self._row(other.caret) + 1
        return f"{state} in line {line}" if state else f"in line {line}"

    def _row(self, offset: int) -> int:
        return self._editor.text_layout.lines.row(offset)

    def announce_people(self, clock: float) -> None:
        """Announce who has joined or left since the last call."""
        if self._editor.session.status.state != "connected":
            self._settled_at = None  # without a connection nobody is known to be here
            return
        if self._settled_at is None:
            self._settled_at = clock + SETTLE_S
        names = Counter(other.name for other in self.collaborators.others)
        if clock >= self._settled_at and self.announces:
            news = (("joined", sorted(names - self._known)), ("left", sorted(self._known - names)))
            if words := [f"{_listed(people)} {what}" for what, people in news if people]:
                self._messages.mention(f"{', '.join(words)}.", clock)
        self._known = names


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
