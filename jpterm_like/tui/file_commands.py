"""The commands on files: open, create, join, save, revert, rename, duplicate, delete; the file tree; the settings file."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from textual import on

from jpterm_like.config import Paths, Settings, clean_name, settings_template
from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.sync.unsaved_work import SOMEBODY, Discard, join_passages, restorable_text
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.form_commands import FormCommands
from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.render import themes
from jpterm_like.tui.spelling_commands import SpellingCommands
from jpterm_like.tui.text.cells import clean, cut_start
from jpterm_like.tui.workspace import NAME_LENGTH_MAX

if TYPE_CHECKING:
    from jpterm_like.tui.ports import EditorSession, Everything
    from jpterm_like.tui.widgets.dialogs import Choice
    from jpterm_like.tui.widgets.file_tree import FileTree
    from jpterm_like.tui.widgets.start_screen import Start

NO_OTHER_FILES: Final = "Other files cannot be opened here."

FOLDER_CELLS_MAX: Final = 30
"""The width to which the folder of a new name is cut; its end tells more than its start."""

DISCARDED_SHOWN: Final = 30
"""How many characters of discarded work a list shows."""

FOLDER_LENGTH_MAX: Final = 60
"""How many characters of a created folder a message shows."""

TREE_WIDTH_MIN: Final = 60
"""The narrowest screen with a file tree."""

TREE_WIDTH_AT_START: Final = 100
"""The narrowest screen on which the setting `file_tree` shows the tree at the start."""


class FileCommands(FormCommands, SpellingCommands, is_whole=False):
    """The commands of the app on files."""

    everything: Everything | None
    _near_at_start = ""
    _tree: FileTree | None = None
    _tree_wanted = False
    is_named: bool
    """Whether my name was given for this run, so that one in the settings does not count."""
    _settings_stamp: tuple[tuple[str, int, int], ...] | None = None

    @property
    def _near(self) -> str:
        """The address that names are relative to; "" for the working folder."""
        return self._near_at_start if self._current is None else self.session.address

    @property
    def _name_wanted(self) -> str:
        """What can be typed where a file is named, and where a name alone puts it."""
        if self.catalog is None:
            return ""
        folder = cut_start(clean(self.catalog.folder(self._near), 500), FOLDER_CELLS_MAX)
        return f"A name in {folder}, or a path."

    # Opening

    def do_open(self) -> None:
        self.choose_file()

    def choose_file(self, folder_first: bool = False) -> None:
        """Choose what to open: open files, recent ones, then those in the folder; with `folder_first` recent ones come last."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        if self.catalog is None:
            self.say(NO_OTHER_FILES)
            return
        opened = [Choice(session.address, self.title_of(session), "open") for session in self._sessions()]
        recent = [Choice(address, name, "recent") for name, address in self.catalog.recent()]
        known = {choice.id for choice in opened}
        recent = [choice for choice in recent if choice.id not in known]
        later = recent if folder_first else []
        tabs = self.last_time.tabs() if folder_first and self.last_time is not None else None
        if tabs is not None:
            names = clean(", ".join(tabs.names), 80)
            from jpterm_like.tui.widgets.start_screen import reopen_title

            opened.append(Choice("reopen", reopen_title(len(tabs.names)), names))
        picker = Picker("Open …", [*opened, *([] if folder_first else recent)], files=True, complete=False)
        self.push_screen(picker, self._on_chosen)
        self.run_worker(self._list_into(picker, later), exclusive=True, group="list", exit_on_error=False)

    async def _list_into(self, picker: object, later: list[Choice]) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        assert isinstance(picker, Picker) and self.catalog is not None
        try:
            place, names = await self.catalog.names(self._near)
        except JptermError as error:
            picker.more(f"Open    ({clean(str(error), 80)})", later)
            return
        here = [Choice(address, name) for name, address in names]
        known = {choice.id for choice in here}
        later = [choice for choice in later if choice.id not in known]
        title = f"Open    (in {clean(place, 60)})"
        picker.more(title, [*here, *later])
        if self.everything is not None:
            with contextlib.suppress(JptermError):  # a search says what cannot be read
                kept = await asyncio.to_thread(self.everything.documents)
                known = picker.ids
                rest = [Choice(address, name, clean(where, 40)) for address, name, where in kept]
                picker.more(title, [choice for choice in rest if choice.id not in known])

    def do_reopen_files(self) -> None:
        """Open the files that were open here last time."""
        raise NotImplementedError

    # The tree of files

    def show_tree_at_start(self) -> None:
        """Show the file tree at the start, if the settings ask for it and there is room."""
        if self.settings.file_tree and self.size.width >= TREE_WIDTH_AT_START and self.catalog is not None:
            self._show_tree()

    def do_file_tree(self) -> None:
        """Show the file tree, or go to it; hide it if it has the keyboard."""
        if self.catalog is None:
            self.say(NO_OTHER_FILES)
        elif self._tree is not None and self._tree.display and self._tree.has_focus:
            self._tree_wanted = self._tree.display = False
            self.do_leave_tree()
        elif self.size.width < TREE_WIDTH_MIN:
            key = self.keymap.key_label("open")
            keys = key and f"; {key} lists the files"
            self.say(f"The file tree needs a screen of {TREE_WIDTH_MIN} columns{keys}.")
        else:
            self._show_tree().focus()

    def do_leave_tree(self) -> None:
        """Go back to the text."""
        if self._current is not None:
            self._current.focus()
        elif self._start is not None:
            self._start.focus()

    def _show_tree(self) -> FileTree:
        from jpterm_like.tui.widgets.file_tree import FileTree

        if self._tree is None:
            self._tree = FileTree(self.keymap)
            self.body.mount(self._tree, before=self.views)
        self._tree_wanted = self._tree.display = True
        self.refresh_files()
        return self._tree

    def arrange_views(self, width: int) -> None:
        super().arrange_views(width)
        if self._tree is not None:
            self._tree.display = self._tree_wanted and width >= TREE_WIDTH_MIN
            if self._tree.has_focus and not self._tree.display:
                self.do_leave_tree()

    def refresh_files(self) -> None:
        """Refresh the file tree: the files, or the visible one, may have changed."""
        if self._tree is not None and self._tree_wanted:
            self.run_worker(
                self._list_into_tree(self._tree), exclusive=True, group="tree", exit_on_error=False
            )

    async def _list_into_tree(self, tree: FileTree) -> None:
        assert self.catalog is not None
        near = self._near
        try:
            place, names = await self.catalog.names(near)
        except JptermError as error:
            tree.tell(str(error))
        else:
            tree.show(place, names, near)

    def on_file_tree_chosen(self, event: FileTree.Chosen) -> None:
        self._open(event.address)

    def _on_chosen(self, chosen: str | None) -> None:
        if chosen is None:
            return
        if chosen == "reopen":
            self.do_reopen_files()
        elif chosen.startswith("written:"):
            self._open_written(chosen.removeprefix("written:"))
        else:
            self._open(chosen)

    @on(Editor.Renamed)
    def _on_renamed(self, event: Editor.Renamed) -> None:
        session = event.editor.session
        if self.catalog is not None and session.ready:
            self.catalog.note(session.address)
        self.update_tabs()
        self.refresh_files()

    def on_start_opened(self, event: Start.Opened) -> None:
        self._open(event.address)

    @on(Editor.OpenRequested)
    def _on_open_requested(self, event: Editor.OpenRequested) -> None:
        self._open_written(event.written)

    def _open(self, address: str) -> None:
        self.run_worker(self.open_address(address), exit_on_error=False)

    def _open_written(self, written: str | None) -> None:
        if not written or self.catalog is None:
            return
        try:
            address = self.catalog.address(written, self._near)
        except JptermError as error:
            self.say(str(error), serious=True)
            return
        self._open(address)

    def do_new_file(self) -> None:
        self._ask("New file", f"{self._name_wanted} The file is created when you save.")

    def do_join(self) -> None:
        self._ask("Join a file on a server", "Its address: ws://HOST:PORT/FILE", "ws://", self._join_written)

    def _ask(
        self, title: str, body: str, value: str = "", then: Callable[[str | None], None] | None = None
    ) -> None:
        from jpterm_like.tui.widgets.dialogs import Ask

        if self.catalog is None:
            self.say(NO_OTHER_FILES)
        else:
            self.push_screen(Ask(title, body, value), then or self._open_written)

    def _join_written(self, written: str | None) -> None:
        # An address that was pasted behind the scheme in the field is whole by itself.
        self._open_written(re.sub(r"^wss?://(?=\w[\w+]*://)", "", written or "") or None)

    # Saving

    def do_save(self) -> None:
        if self._current is not None:
            self.run_worker(self._save(), exit_on_error=False)

    async def _save(self) -> None:
        session, editor = self.session, self.editor
        try:
            folder = await session.save()
        except JptermError as error:
            # Without a connection it is no longer true when there is one again.
            is_connected = session.status.state == "connected"
            editor.say_about("saving" if is_connected else "line", str(error))
        else:
            made = folder and f" The folder {clean(folder, FOLDER_LENGTH_MAX)} was created for it."
            editor.say_saved(f"Saved {session.title}.{made}{self._apply_if_settings(session)}")
            self.refresh_files()

    # Discarding

    def do_revert(self) -> None:
        self.run_worker(self._show_errors(self._revert(self.editor)), exit_on_error=False)

    async def _revert(self, editor: Editor, asked: Collection[str] = ()) -> None:
        """Revert to the saved file; ask first if that discards work of people who are not in `asked`."""
        session = editor.session
        text = None if self.catalog is None else await self.catalog.text(session.address, session.known)
        if text is None:
            raise JptermError("The file is on a server, and its saved text cannot be read from here.")
        if session.is_new:  # there is no saved text
            await self._take_back_mine(editor)
            return
        text = session.in_its_ids(text)
        lost = session.would_lose(text)
        if not set(lost) <= set(asked):
            self._ask_to_revert(editor, lost)
            return
        await session.go_back(text)
        await self.compare(session)
        key, time = self.keymap.key_label("undo"), session.file_time
        editor.say(
            f"Went back to the {f'file of {time}' if time else 'saved file'}.{key and f' {key} undoes that.'}"
        )

    def _ask_to_revert(self, editor: Editor, lost: dict[str, int]) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        time = editor.session.file_time
        body = f"The file is from {time}. " if time else ""
        passages = join_passages({clean(name, NAME_LENGTH_MAX): count for name, count in lost.items()})
        body += f"Work of others is not in it: {passages}. "
        choices = [Choice("mine", "Discard only my work"), Choice("stay", "Cancel")]
        if editor.session.can_notify:
            body += "If you revert everything, they are told, and anybody can restore it."
            choices.insert(1, Choice("all", "Revert everything"))
        else:
            body += "They cannot be told now, so their work stays."

        def answered(answer: str | None) -> None:
            if answer == "mine":
                self.run_worker(self._take_back_mine(editor), exit_on_error=False)
            elif answer == "all":
                self.run_worker(self._show_errors(self._revert(editor, lost)), exit_on_error=False)

        self.push_screen(Picker("Revert to the saved file?", choices, body=body, search=False), answered)

    async def _take_back_mine(self, editor: Editor) -> None:
        if not editor.session.discard():
            editor.say("You have no unsaved work here.")
            return
        await self.compare(editor.session)
        key = self.keymap.key_label("undo")
        editor.say(f"Discarded what you wrote since the last save.{key and f' {key} undoes that.'}")

    def do_bring_back(self) -> None:
        """Restore discarded work; ask which if there is more than one."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        editor, session = self.editor, self.session
        discards = session.discards()
        if not discards:
            editor.messages.forget("discards")
            editor.say("There is no discarded work to restore here.")
        elif len(discards) == 1:
            self._bring_back(editor, discards[0])
        else:
            choices = [
                Choice(str(at), self._described(session, it), self._beginning_of(session, it))
                for at, it in enumerate(discards)
            ]

            def chosen(answer: str | None) -> None:
                if answer is not None:
                    self._bring_back(editor, discards[int(answer)])

            self.push_screen(Picker(BY_ID["bring_back"].title, choices, search=False), chosen)

    def _bring_back(self, editor: Editor, discard: Discard) -> None:
        what = self._described(editor.session, discard)
        try:
            editor.session.bring_back(discard)
        except JptermError as error:
            editor.say(str(error), serious=True)
            return
        editor.messages.forget("discards")
        key = self.keymap.key_label("undo")
        editor.say(f"Restored what {what}.{key and f' {key} undoes that.'}")

    def _described(self, session: EditorSession, discard: Discard) -> str:
        buffer = session.buffer
        who = clean(buffer.author_of(discard.site) or SOMEBODY, NAME_LENGTH_MAX)
        seconds = buffer.time_of(discard.site, discard.begin)
        when = time.strftime(" on %d %b at %H:%M", time.localtime(seconds)) if seconds else ""
        return f"{who} discarded{when}"

    def _beginning_of(self, session: EditorSession, discard: Discard) -> str:
        text = " ".join("".join(part for _, part in restorable_text(session.buffer, discard)).split())
        return clean(text, DISCARDED_SHOWN)

    def _apply_if_settings(self, session: EditorSession) -> str:
        """If the saved file is the settings file, apply it, and return a sentence about that."""
        ours = session.address == str(Paths.of_user().settings_file.resolve())
        return f" {self._apply_settings(Settings.load(Paths.of_user()))}" if ours else ""

    def reload_settings(self) -> None:
        """Apply the settings as soon as any program has saved them."""
        stamp = themes.stamp([Paths.of_user().settings_file.parent])
        if stamp != self._settings_stamp:
            before, self._settings_stamp = self._settings_stamp, stamp
            if before is not None and (settings := Settings.load(Paths.of_user())) != self.settings:
                self._apply_settings(settings)

    def _apply_settings(self, settings: Settings) -> str:
        """Apply these settings, show their problems, and return from when on they apply."""
        before, self.settings = self.settings, settings
        self.keymap.use(settings.keys, settings.preset)
        if settings.theme != before.theme:
            self.use_theme(settings.theme)
        self.show_problems()
        if settings.mouse != before.mouse:
            self.use_mouse(settings.mouse)
        for editor in [*self.editors, *([self.second] if self.second is not None else [])]:
            editor.use_settings(settings)
        self.use_spelling_settings(before)
        self.introduce(settings.name if settings.name != before.name and not self.is_named else None)
        if settings.file_tree == before.file_tree:
            return "The settings are applied."
        return "The settings are applied; file_tree at the next start."

    def introduce(self, name: str | None) -> None:
        """Have the others see me in the colour of the settings from now on, and under another name if one is given."""
        if name and (cleaned := clean_name(name)):
            if self.catalog is not None:
                self.catalog.name = cleaned
            for session in self._sessions():
                session.introduce(cleaned, self.my_colour)
        else:
            for session in self._sessions():
                session.introduce(session.name, self.my_colour)

    def do_save_all(self) -> None:
        unsaved = [session for session in self._sessions() if session.ready and not session.saved]
        told = "Everything is saved." if not unsaved else f"Saved {', '.join(s.title for s in unsaved)}."
        self.run_worker(self._save_all(unsaved, partial(self.say, told)), exit_on_error=False)

    # Other names

    def do_rename_file(self) -> None:
        self._ask_name("Rename the file", self._rename)

    def do_duplicate_file(self) -> None:
        self._ask_name("Duplicate the file", self._duplicate)

    def _ask_name(self, title: str, does: Callable[[str], Awaitable[None]], name: str | None = None) -> None:
        """Ask for a name in the folder of the file, and do something with its address. `name` is offered, else that of the file."""
        from jpterm_like.tui.widgets.dialogs import Ask

        if self._current is None or self.catalog is None:
            self.say(NO_OTHER_FILES)
            return

        def written(wanted: str | None) -> None:
            assert self.catalog is not None
            if wanted and self._current is not None:
                try:
                    address = self.catalog.address(wanted, self._near)
                except JptermError as error:
                    self.say(str(error), serious=True)
                else:
                    self.run_worker(self._show_errors(does(address)), exit_on_error=False)

        name = name or self.session.title
        note = self._name_wanted
        start = len(name) - len(PurePath(name).name)
        self.push_screen(Ask(title, note, name, (start, start + len(PurePath(name).stem))), written)

    async def _rename(self, to: str) -> None:
        assert self.catalog is not None
        session = self.session
        if any(other.address == to for other in self._sessions()):
            raise JptermError("That file is already open.")
        await self.catalog.rename(session, to)
        self.say(f"Renamed to {session.title}.")

    async def _duplicate(self, to: str) -> None:
        if await self._begin_file(to, self.session.buffer.text):
            self.say(f"This is {self.session.title} now; save to create the file.")

    async def _begin_file(self, to: str, text: str) -> bool:
        """Open a new file with a text; False if it cannot be opened, which was shown.

        Raises:
            JptermError: there is such a file.
        """
        if any(other.address == to for other in self._sessions()):
            raise JptermError("That file is already open.")
        await self.open_address(to)
        session = self.session
        if session.address != to:
            return False
        if len(session.buffer):
            raise JptermError(f"{session.title} exists already and was not changed.")
        session.replace(0, 0, text)
        return True

    def do_delete_file(self) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        if self._current is None or self.catalog is None:
            self.say(NO_OTHER_FILES)
            return
        editor = next(tab for tab in self.editors if tab.session is self.session)
        others = len(editor.session.people)
        body = "It is deleted from the disk."
        if others:
            body += f" {'Somebody else has' if others == 1 else f'{others} others have'} it open and can keep the text."
        choices = [Choice("stay", "Cancel"), Choice("delete", "Delete")]

        def answered(answer: str | None) -> None:
            if answer == "delete":
                self.run_worker(self._show_errors(self._delete(editor)), exit_on_error=False)

        self.push_screen(
            Picker(f"Delete {clean(editor.session.title, 60)}?", choices, body=body, search=False), answered
        )

    async def _delete(self, editor: Editor) -> None:
        if not editor.session.is_new:
            await editor.session.delete_file()
        self._drop(editor)
        self.refresh_files()

    # Settings, and what the server knows

    def do_settings(self) -> None:
        """Open config.toml; a new one explains every setting."""
        path = Paths.of_user().settings_file
        try:
            if not path.exists():
                private.change(path, lambda old: settings_template().encode("utf-8") if old is None else old)
        except OSError as error:
            self.say(f"{path} cannot be created: {error.strerror}.", serious=True)
            return
        self._open(str(path.resolve()))

    def do_undo_disk(self) -> None:
        self.run_worker(
            self._show_errors(self._take_back_disk(self.editor, again=False)), exit_on_error=False
        )

    def do_redo_disk(self) -> None:
        self.run_worker(self._show_errors(self._take_back_disk(self.editor, again=True)), exit_on_error=False)

    async def _take_back_disk(self, editor: Editor, *, again: bool) -> None:
        await editor.session.take_back_disk(again=again)
        done = "Redid" if again else "Undid"
        editor.say(f"{done} the last change of {editor.session.title} from outside.")

    def do_reconnect(self) -> None:
        current = None if self._current is None else self.session
        for session in self._sessions():
            if session is current or not session.status.is_paused:
                session.retry_now()

    def do_pause(self) -> None:
        if self._current is None:
            self.say("Only an open text has a connection that can be paused.")
            return
        session = self.session
        if session.status.is_paused:
            session.retry_now()
            return
        session.pause()
        key = self.keymap.key_label("reconnect", self.keymap.key_label("pause", "this command again"))
        self.say(
            f"Paused: the others see nothing of what you write, nor you of theirs, until {key}. Your text is kept on this machine."
        )

    def do_send_to_this_server(self) -> None:
        self._decide(self.editor.session.send_to_this_server)

    def do_begin_with_this_server(self) -> None:
        self._decide(self.editor.session.begin_with_this_server)

    def _decide(self, decide: Callable[[], None]) -> None:
        try:
            decide()
        except JptermError as problem:
            self.say(str(problem))
