"""Being together: going to people, following them, hearing who comes and goes, finding what they changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic

from textual.widget import Widget

from jpterm_like.tui.commands.basic import Commands
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.render.people import Collaborators, Other
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.widgets.messages import Messages

# Those whom the server names in the first moments of a connection were here before.
SETTLE_S = 2.0


class Company(Commands, Widget):
    """What the editor does about the others."""

    collaborators: Collaborators
    keymap: Keymap
    messages: Messages
    unseen_changes: UnseenChanges
    announces: bool
    """Whether comings and goings are told."""
    caller: int | None = None
    """The site of the person who asked to be looked at last, until I have."""
    following: int | None = None
    """The site of the person whose caret the view follows."""
    _known: Counter[str]
    _settled_at: float | None = None

    def _others(self) -> list[Other]:
        return [other for other in self.collaborators.others if other.caret is not None]

    # Going to people

    def do_go_to_person(self) -> None:
        caller = next((other for other in self._others() if other.site == self.caller), None)
        self.caller = None
        if caller is not None:
            self.messages.dismiss()
            self._go_to(caller)
            return
        self._choose_person("Go to", self._go_to)

    def do_ask_to_look(self) -> None:
        """Ask the others to look where I am."""
        if not self.collaborators.others:
            self.say("Nobody else is here.")
        else:
            self._tell_caret()
            self.session.call()
            self.say("The others are asked to look here.")

    def hear(self, calling: list[Other]) -> None:
        """Somebody asks to be looked at. Nothing moves by itself: I go there if I want to."""
        for other in calling:
            self.caller = other.site
            where = "" if other.caret is None else f" at line {self.sheet.lines.row(other.caret) + 1}"
            key = self.keymap.key_label("go_to_person")
            self.say(f"{other.name} asks you to look{where}.{key and f' {key} goes there.'}")

    def _go_to(self, other: Other) -> None:
        if other.caret is not None:
            self.session.break_undo()
            self.cursor.put(self.sheet.snap(other.caret))
            self._done(centred=True)

    def do_follow_person(self) -> None:
        self._choose_person("Follow", self._follow)

    def _follow(self, other: Other) -> None:
        self.following = other.site
        self.keep_following()
        self.update(now=False)

    def _choose_person(self, title: str, does: Callable[[Other], None]) -> None:
        others = self._others()
        if not others:
            self.say(
                "Nobody else is here."
                if not self.collaborators.others
                else "Nobody has a caret in the text yet."
            )
        elif len(others) == 1:
            does(others[0])
        else:
            from jpterm_like.tui.widgets.dialogs import Choice, Picker

            clock = monotonic()
            choices = [Choice(str(other.site), other.name, self._what_of(other, clock)) for other in others]

            def chosen(site: str | None) -> None:
                other = next((other for other in self._others() if str(other.site) == site), None)
                if other is not None:
                    does(other)

            self.app.push_screen(Picker(title, choices), chosen)

    def keep_following(self) -> None:
        """Others have moved: have the one who is followed in sight."""
        if self.following is None:
            return
        other = next((other for other in self.collaborators.others if other.site == self.following), None)
        if other is None:
            self.following = None
        elif other.caret is not None:
            self.view.reveal(other.caret)

    def stop_following(self) -> bool:
        was = self.following is not None
        self.following = None
        return was

    # Who is here

    def do_who(self) -> None:
        """Say in one line who is here and what they do."""
        clock = monotonic()
        others = [f"{other.name}, {self._what_of(other, clock)}" for other in self.collaborators.others]
        if not others:
            self.say("Only you are here.")
        else:
            self.say(f"With you: {'; '.join(others)}.")

    def _what_of(self, other: Other, clock: float) -> str:
        if other.caret is None:
            return "no caret yet"
        state = other.state(clock)
        line = self.sheet.lines.row(other.caret) + 1
        return f"{state} in line {line}" if state else f"in line {line}"

    def note_people(self, clock: float) -> None:
        """People or the connection have changed: tell who came and who went."""
        if self.session.status.state != "connected":
            self._settled_at = None  # without a line nobody is known to be here
            return
        if self._settled_at is None:
            self._settled_at = clock + SETTLE_S
        names = Counter(other.name for other in self.collaborators.others)
        if clock >= self._settled_at and self.announces:
            news = (("joined", sorted(names - self._known)), ("left", sorted(self._known - names)))
            if words := [f"{_listed(people)} {what}" for what, people in news if people]:
                self.messages.mention(f"{', '.join(words)}.", clock)
        self._known = names

    # What they changed

    def do_next_change(self) -> None:
        """Go to the next line that others have changed since I looked."""
        row = self.unseen_changes.after(self.sheet.lines.row(self.cursor.caret))
        if row is None:
            self.say("Nobody has changed anything since you looked.")
        else:
            self.go(self.sheet.lines.start(row))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
