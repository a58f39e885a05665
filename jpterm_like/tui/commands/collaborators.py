"""The others: going to them, following them, asking them to look, and announcing who comes and goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Final, Literal, NamedTuple

from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.render.people import Collaborators, Other
from jpterm_like.tui.widgets.messages import Messages

SETTLE_S: Final = 2.0
"""Seconds after connecting in which people that the server names were here before: they are not announced."""


class Sought(NamedTuple):
    """A person who is looked for in all files: by their opening of this text, since anybody may take a name."""

    site: int
    name: str
    """For messages only."""
    wish: Literal["go_to", "follow"]


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
        self.awaited: Sought | None = None
        """The person to follow as soon as they have a caret here."""
        self._followed = ""
        """The name of the person who is or was followed last."""
        self.person: int | None = None
        """The number that the server gives to the person who is followed, in all files; None until it has been asked."""
        self.namesakes: frozenset[tuple[str, int]] = frozenset()
        """Openings, by address and site, that had a caret while the followed person had one elsewhere: other windows
        of that name, which are not followed."""
        self.sought: Sought | None = None
        """The person whom `seek_person` looks for in other files."""
        self.is_seeking = False
        """Whether that has not ended; it is not begun again at each move of somebody else."""
        self.round_from = ""
        """The address of the text in which following began by its key: the round of all people ends there."""
        self._place: int | None = None
        """Where that person was seen last: an offset that is up to date, since each change scrolls there again."""
        self._visited: int | None = None
        """The site of the person to whom I went last."""
        self._known: dict[int, str] = {}
        """The names of those who were here at the last announcement, by site."""
        self._settled_at: float | None = None

    def _with_caret(self) -> list[Other]:
        return [other for other in self.collaborators.others if other.caret is not None]

    def _row(self, offset: int) -> int:
        return self._editor.text_layout.lines.row(offset)

    # Going to people

    def do_go_to_person(self) -> None:
        """Go to the person who asked me to look; otherwise to the next person: here in the order of the names, then in other files."""
        others = self._with_caret()
        if not others:
            self._seek_first("go_to")
            return
        asked = next((other for other in others if other.site == self.caller), None)
        self.caller = None
        if asked is not None:
            self._messages.dismiss()
        visited = next((other for other in others if other.site == self._visited), None)
        other = asked or (others[0] if visited is None else _after(others, visited.site))
        if other is None:
            self._editor.run("go_to_elsewhere")
        else:
            self._go_to_one_of(others, other)

    def go_to_first(self) -> None:
        """Go to the first person here: nobody is in another file."""
        if others := self._with_caret():
            self._go_to_one_of(others, others[0])
        else:
            self._editor.say("Nobody else is here.")

    def _go_to_one_of(self, others: list[Other], other: Other) -> None:
        self.go_to(other)
        if len(others) > 1:
            key = self._editor.keymap.key_label("go_to_person")
            more = f"; {key} goes to the next of {len(others)}" if key else ""
            self._editor.say(f"Here is {other.name}{more}.")

    def go_to(self, other: Other) -> None:
        """Put my caret where that person is."""
        self._visited = other.site
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

    # Following

    def do_follow_person(self) -> None:
        """Follow the first person; while following, the next one, here or in another file, and after the last nobody."""
        others = self._with_caret()
        if self.is_following:
            next_one = _after(others, self.following)
            if next_one is None:
                self._editor.run("follow_elsewhere")
            else:
                self.stop_following()
                self.follow(next_one)
            return
        self.round_from = self._editor.session.address
        if others:
            self.follow(others[0])
        else:
            self._seek_first("follow")

    def _seek_first(self, wish: Literal["go_to", "follow"]) -> None:
        """Nobody has a caret here: look for the first person in the other files."""
        if not self.collaborators.others:
            self._editor.run("follow_elsewhere" if wish == "follow" else "go_to_elsewhere")
        else:
            first = self.collaborators.others[0]
            self._seek(Sought(first.site, first.name, wish))

    @property
    def is_following(self) -> bool:
        return self.following is not None or self.awaited is not None

    @property
    def followed_name(self) -> str:
        """The name of the person who is followed, or ""."""
        names = (other.name for other in self.collaborators.others if other.site == self.following)
        return next(names, "") or ("" if self.awaited is None else self.awaited.name)

    def follow(self, other: Other) -> None:
        """Keep the place of that person on the screen until I press a key."""
        self.following, self.awaited = other.site, None
        self.person, self.namesakes = None, frozenset()
        self.is_seeking = False
        # the server is asked now who that is: once they have gone, their site tells nothing
        self._seek(Sought(other.site, other.name, "follow"))
        self.keep_following()
        self._editor.update(now=False)

    def follow_opening(
        self, site: int, name: str, person: int | None, namesakes: frozenset[tuple[str, int]]
    ) -> None:
        """Follow the person with this opening of the text as soon as they have a caret here."""
        self.following, self.awaited = None, Sought(site, name, "follow")
        self.person, self.namesakes = person, namesakes
        self.is_seeking = False
        self.keep_following()
        self._editor.update(now=False)

    def caret_of(self, site: int) -> int | None:
        """Where the person with this opening has a caret here; None if nowhere."""
        return next((other.caret for other in self.collaborators.others if other.site == site), None)

    def keep_following(self) -> None:
        """Scroll to the person who is followed, if there is one; one who went to another file is looked for there."""
        if self.awaited is not None:
            if self.caret_of(self.awaited.site) is None:
                return
            self.following, self.awaited = self.awaited.site, None
        if self.following is None:
            return
        other = next((other for other in self.collaborators.others if other.site == self.following), None)
        if other is None:
            self.awaited = Sought(self.following, self._followed, "follow")
            self.following = None
            self._seek(self.awaited)
            return
        self._followed = other.name
        if other.caret is None:
            self._seek(Sought(other.site, other.name, "follow"))
        else:
            self._place = self._editor.text_layout.snap(other.caret)
            self._editor.view.reveal(other.caret)

    def _seek(self, sought: Sought) -> None:
        if sought.wish == "go_to" or not self.is_seeking:
            self.sought, self.is_seeking = sought, True
            self._editor.run("seek_person")

    def stop_following(self) -> bool:
        """Follow nobody, and return whether somebody was followed.

        If my caret is not on the screen, it comes to where I look: the next letter would go to a place that I do not see.
        """
        if not self.is_following:
            return False
        self.following, self.awaited = None, None
        self.is_seeking = False
        editor = self._editor
        place, self._place = self._place, None
        if place is not None and editor.view.screen_place(editor.cursor.caret) is None:
            editor.drop_carets()
            editor.cursor.put(min(place, len(editor.session.buffer)))
            editor.share_caret()
        return True

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
            return "looking elsewhere"
        state = other.state(clock)
        line = self._row(other.caret) + 1
        return f"{state} in line {line}" if state else f"in line {line}"

    def announce_people(self, clock: float) -> None:
        """Announce who has joined, left or taken another name since the last call."""
        if self._editor.session.status.state != "connected":
            self._settled_at = None  # without a connection nobody is known to be here
            return
        if self._settled_at is None:
            self._settled_at = clock + SETTLE_S
        names, before = {other.site: other.name for other in self.collaborators.others}, self._known
        self._known = names
        if clock < self._settled_at or not self.announces:
            return
        renamed = {site for site, name in names.items() if before.get(site, name) != name}
        here, known = (
            Counter(name for site, name in each.items() if site not in renamed) for each in (names, before)
        )
        news = (("joined", sorted(here - known)), ("left", sorted(known - here)))
        words = [f"{_listed(people)} {what}" for what, people in news if people]
        words += sorted({f"{before[site]} is called {names[site]} now" for site in renamed})
        if words:
            self._messages.mention(f"{', '.join(words)}.", clock)


def _after(others: Sequence[Other], site: int | None) -> Other | None:
    """The person after the one of this site; None if that one is the last, or not among them."""
    sites = [other.site for other in others]
    index = sites.index(site) + 1 if site in sites else len(others)
    return others[index] if index < len(others) else None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
