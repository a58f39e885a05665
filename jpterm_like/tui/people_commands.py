"""The commands on people in all open files: the list, going along to another file, my name and colour, lines to the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Literal

from rich.style import Style
from textual import on

from jpterm_like.client.events import Whereabout
from jpterm_like.config import (
    COLOURS,
    NAME_CHARACTERS_MAX,
    CannotKeep,
    Paths,
    Settings,
    clean_name,
    keep_setting,
)
from jpterm_like.errors import JptermError
from jpterm_like.tui.commands.collaborators import Sought
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.invitation_commands import InvitationCommands
from jpterm_like.tui.render.people import name_colours, shown_name
from jpterm_like.tui.text.cells import clean

LINES_KEPT: Final = 20
"""Lines that people said, kept for the list until the program ends."""

SEEK_TRIES: Final = 6
SEEK_S: Final = 0.5
"""How often, and how far apart, a person who left a file is looked for: the other file may be opening."""


class PeopleCommands(InvitationCommands, is_whole=False):
    """The commands of the app on people."""

    _lines_said: deque[str]
    """Lines that people said, mine too, newest last."""

    # The list

    def do_people(self) -> None:
        """List the people in all files."""
        if self._current is None:
            self.say("Open a file first: people are listed by the server that shares it.")
            return
        self.run_worker(self._open_list(), exclusive=True, group="people", exit_on_error=False)

    async def _open_list(self) -> None:
        from jpterm_like.tui.widgets.people_list import PeopleList

        note = ""
        try:
            everyone = await self._everyone()
        except JptermError as problem:
            everyone, note = self._people_here(), clean(str(problem), 200)

        def style_of(name: str) -> Style:
            # the people of this text as at their carets; the others' colours are not taken from them
            people = self.palette.people
            names = (shown_name(one.name) for one in shown.everyone)
            chosen = {shown_name(one.name): one.colour for one in shown.everyone if one.colour is not None}
            colour_of = name_colours(names, len(people), self.editor.collaborators.colour_of, chosen)
            return people[colour_of[shown_name(name)]].tag

        def refresh() -> None:
            self.run_worker(self._refresh_list(shown), exclusive=True, group="people", exit_on_error=False)

        shown = PeopleList(
            shown_name(self.session.name), everyone, list(self._lines_said), style_of, refresh, note
        )
        self.push_screen(shown, self._on_chosen_person)

    async def _refresh_list(self, shown: object) -> None:
        from jpterm_like.tui.widgets.people_list import PeopleList

        assert isinstance(shown, PeopleList)
        try:
            everyone: Sequence[Whereabout] = await self._everyone()
        except JptermError:
            everyone = self._people_here()
        shown.show(everyone)

    async def _everyone(self) -> list[Whereabout]:
        """Everybody at the server of the current file, then at the servers of other open files that it does not have."""
        found = await self.session.everyone()
        for session in self._sessions():
            if session.address not in {one.address for one in found} and session is not self.session:
                try:
                    found += await session.everyone()
                except JptermError:
                    continue  # that server is away or old; the others are shown
        return sorted(found, key=lambda one: (one.is_me, one.name, not one.is_active, one.path))

    def _people_here(self) -> list[Whereabout]:
        """The people of the current file, as far as is known without asking: the server cannot be asked."""
        editor, session = self.editor, self.session
        row = editor.text_layout.lines.row
        return [
            Whereabout(
                site=other.site,
                person=index,
                name=other.name,
                path=session.title,
                line=0 if other.caret is None else row(other.caret) + 1,
                is_active=other.caret is not None,
                role="edit",
                since_s=0,
                idle_s=0,
                may_kick=False,
                may_change_role=False,
                colour=other.chosen,
                address=session.address,
                is_me=False,
            )
            for index, other in enumerate(editor.collaborators.others)
        ]

    def _on_chosen_person(self, chosen: object) -> None:
        from jpterm_like.tui.widgets.people_list import Chosen

        if not isinstance(chosen, Chosen) or self._current is None:
            return
        one = chosen.whereabout
        if chosen.action == "who":
            self.editor.run("who")
        elif chosen.action == "say":
            self.do_say_line()
        elif one is None:
            return
        elif chosen.action == "kick":
            self._confirm_kick(one)
        elif chosen.action == "role":
            self._choose_role(one)
        elif chosen.action == "look":
            self.editor.run("ask_to_look")
        else:
            wish = "follow" if chosen.action == "follow" else "go_to"
            self.run_worker(
                self._go_along(one, wish == "follow"), group="seek", exclusive=True, exit_on_error=False
            )

    def _confirm_kick(self, one: Whereabout) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        name = clean(one.name, 40)

        async def kick() -> None:
            people = await self.session.kick(one.name)
            self.say(f"Put out: {clean(', '.join(people), 200)}.")

        def answered(answer: str | None) -> None:
            if answer == "kick":
                self.run_worker(self._show_errors(kick()), exit_on_error=False)

        choices = [Choice("stay", "Cancel"), Choice("kick", f"Put {name} out of this file")]
        self.push_screen(Picker(f"Put {name} out?", choices, search=False), answered)

    def _choose_role(self, one: Whereabout) -> None:
        """Ask what somebody may do from now on, and have the server change it."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        name, session = clean(one.name, 40), self.session

        async def change(role: Literal["edit", "view"]) -> None:
            concerned = clean(", ".join(await session.set_role(one.site, role)), 200)
            may = "may write now" if role == "edit" else "may only read now"
            self.say(f"{concerned} {may}, until the server ends.")

        def answered(answer: str | None) -> None:
            if answer in ("edit", "view") and answer != one.role:
                role: Literal["edit", "view"] = "edit" if answer == "edit" else "view"
                self.run_worker(self._show_errors(change(role)), exit_on_error=False)

        now = {one.role: "now"}
        choices = [
            Choice("edit", "Read and write", now.get("edit", "")),
            Choice("view", "Read only", now.get("view", "")),
        ]
        body = "It counts in all files that you own here, and for everybody who came with the same token."
        self.push_screen(
            Picker(f"What may {name} do?", choices, body=body, search=False, chosen=one.role), answered
        )

    # Me

    def do_my_name(self) -> None:
        """Change the name that others see, now and in the settings."""
        from jpterm_like.tui.widgets.dialogs import Ask

        name = self._my_name

        def answered(written: str | None) -> None:
            if written is None or written == name:
                return
            cleaned = clean_name(written)
            if not cleaned or len(written) > NAME_CHARACTERS_MAX:
                self.say(
                    f"A name has 1 to {NAME_CHARACTERS_MAX} characters; you are still {name}.", serious=True
                )
            elif self._keep("name", cleaned):
                self.introduce(cleaned)
                self.say(f"You are {cleaned} now, and after the next start.")

        note = "The others see it at once. What you wrote before stays under the name that you had."
        self.push_screen(Ask("My name", note, name, (0, len(name))), answered)

    def do_my_colour(self) -> None:
        """Choose the colour that I have on everybody's screen, now and in the settings."""
        from jpterm_like.tui.widgets.colour_picker import ColourPicker

        def answered(colour: str | None) -> None:
            if colour is None or not self._keep("colour", colour):
                return
            told = f"You are {colour} on everybody's screen now."
            if colour == "auto":
                told = "Your colour goes by your name now."
            elif self._current is not None and (namesakes := self._others_in_my_colour()):
                told = (
                    f"{namesakes} chose {colour}, too: one of you is shown in the next colour that is free."
                )
            self.say(told)

        self.push_screen(ColourPicker(self.palette, COLOURS, self.settings.colour), answered)

    @property
    def _my_name(self) -> str:
        if self._current is not None:
            return self.session.name
        return self.settings.name or "" if self.catalog is None else self.catalog.name

    def _others_in_my_colour(self) -> str:
        others = self.editor.collaborators.others
        return ", ".join(other.name for other in others if other.chosen == self.my_colour)

    def _keep(self, key: str, value: str) -> bool:
        """Save one of my settings and use it; what keeps it from being saved is said, and nothing is changed."""
        try:
            keep_setting(Paths.of_user(), key, value)
        except CannotKeep as error:
            self.say(str(error), serious=True)
            return False
        self._apply_settings(Settings.load(Paths.of_user()))
        return True

    # Going along

    def do_seek_person(self) -> None:
        """Go to a person who has no caret in the current text; called by the editor."""
        if (sought := self.editor.awareness.sought) is not None:
            self.editor.awareness.sought = None
            editor = self.editor

            async def seek() -> None:
                await self._seek(editor, sought)

            self._run_seeking(seek)

    def do_go_to_elsewhere(self) -> None:
        """Go to somebody in the next file that has people; called by the editor when all here were gone to."""
        editor = self.editor

        async def go() -> None:
            people = await self._people_elsewhere(editor)
            if self._current is not editor:
                return
            if people:
                await self._go_along(people[0], follows=False)
                if self._current is not editor:
                    name, path = shown_name(people[0].name), clean(people[0].path, 60)
                    self.say(f"Here is {name}, in {path}.")
            else:
                editor.awareness.go_to_first()

        self._run_seeking(go)

    def do_follow_elsewhere(self) -> None:
        """Follow somebody in the next file that has people; after the last file nobody, where following began."""
        editor = self.editor

        async def follow() -> None:
            awareness, start = editor.awareness, editor.awareness.round_from
            was_following = awareness.is_following
            people = await self._people_elsewhere(editor)
            if self._current is not editor or awareness.is_following != was_following:
                return  # I went on myself
            # The round goes from the file where it began to the last one before that.
            here = _in_round(editor.session.address, start)
            people = [one for one in people if here < _in_round(one.address, start)]
            awareness.stop_following()
            if people:
                await self._go_along(people[0], follows=True)
                return
            if not was_following:
                self.say("Nobody else is here.")
            elif start and start != editor.session.address:
                await self.open_address(start)
                self.say("You follow nobody now.")
            editor.update()

        self._run_seeking(follow)

    def _run_seeking(self, seek: Callable[[], Coroutine[None, None, None]]) -> None:
        """Look for people, instead of for those who were looked for before. It takes a function: a coroutine would be left over
        if another search comes first."""
        self.run_worker(seek, group="seek", exclusive=True, exit_on_error=False)  # type: ignore[arg-type]  # Textual types coroutine functions wrongly

    async def _people_elsewhere(self, editor: Editor) -> list[Whereabout]:
        """Those who have a caret in another file than this editor's: by file, from this one on, and by name."""
        here = editor.session.address
        try:
            everyone = await self._everyone()
        except JptermError:  # the server cannot be asked: only those of this file are known
            return []
        there = [one for one in everyone if one.is_active and not one.is_me and one.address != here]
        return sorted(there, key=lambda one: (_in_round(one.address, here), one.name, one.site))

    async def _seek(self, editor: Editor, sought: Sought) -> None:
        try:
            await self._look_for(editor, sought)
        finally:
            editor.awareness.is_seeking = False

    async def _look_for(self, editor: Editor, sought: Sought) -> None:
        """Learn who has that opening; while that person has no caret in the text, go to the file where they have one."""
        awareness, here = editor.awareness, editor.session.address
        follows = sought.wish == "follow"
        began_following = awareness.is_following
        mine: list[Whereabout] = []
        for attempt in range(SEEK_TRIES):
            try:
                everyone = await self._everyone()
            except JptermError as problem:
                if awareness.caret_of(sought.site) is None:
                    self.say(str(problem))
                return
            if self._current is not editor or (began_following and not awareness.is_following):
                return  # I went on myself
            opening = next((one for one in everyone if (one.address, one.site) == (here, sought.site)), None)
            person = awareness.person if opening is None else opening.person
            mine = [one for one in everyone if not one.is_me and one.person == person]
            there = [one for one in mine if one.is_active and (one.address, one.site) != (here, sought.site)]
            if began_following:
                awareness.person = person
            if awareness.caret_of(sought.site) is not None:
                if opening is not None and opening.is_active:
                    awareness.namesakes = frozenset((one.address, one.site) for one in there)
                return  # still or again here: the editor scrolls there
            mine = [one for one in mine if (one.address, one.site) not in awareness.namesakes]
            there = [one for one in there if one in mine]
            if there:
                await self._go_along(min(there, key=lambda one: one.idle_s), follows)
                return
            if not attempt:
                self.say(f"{sought.name} is looking elsewhere.")
            await asyncio.sleep(SEEK_S)
        if not mine and sought.site not in {other.site for other in awareness.collaborators.others}:
            awareness.stop_following()
            self.say(f"{sought.name} left.")

    async def _go_along(self, one: Whereabout, follows: bool) -> None:
        """Show the file in which somebody is, and go to them or follow them there."""
        name, namesakes = shown_name(one.name), self.editor.awareness.namesakes
        start = self.editor.awareness.round_from or self.session.address
        if one.address != self.session.address:
            if self.catalog is None and one.address not in {session.address for session in self._sessions()}:
                self.say(f"{name} is in {clean(one.path, 60)}; other files cannot be opened here.")
                return
            await self.open_address(one.address)
            if self.session.address != one.address:
                return  # why is on the screen
        awareness = self.editor.awareness
        if follows:
            awareness.round_from = start
            awareness.follow_opening(one.site, name, one.person, namesakes)
            return
        found = [
            other
            for other in awareness.collaborators.others
            if other.site == one.site and other.caret is not None
        ]
        if found:
            awareness.go_to(found[0])
        elif one.line:
            self.editor.start_at(one.line, 1)
            self.editor.finish(centred=True)

    # Lines

    def do_say_line(self) -> None:
        """Say a line to the others in this file."""
        if self._current is None:
            self.say("Open a file first: a line goes to the people in it.")
            return
        from jpterm_like.tui.widgets.dialogs import Ask

        editor = self.editor

        async def tell(line: str) -> None:
            await editor.session.say_line(line)
            self._lines_said.append(f"you: {clean(line, 300)}")
            editor.say(f"Said: {clean(line, 300)}")

        def answered(line: str | None) -> None:
            if line:
                self.run_worker(self._show_errors(tell(line)), exit_on_error=False)

        note = "It appears on their screens for some seconds, and is kept nowhere."
        self.push_screen(Ask("Say a line to the others in this file", note), answered)

    @on(Editor.HeardLine)
    def _on_line(self, event: Editor.HeardLine) -> None:
        line = f"{clean(event.name, 40) or 'someone'}: {clean(event.line, 300)}"
        self._lines_said.append(line)
        if self._current is not None:
            self._current.notify_of(line)


def _in_round(address: str, start: str) -> tuple[bool, str]:
    """Sorts addresses by name in a round that begins at one of them."""
    return address < start, address
