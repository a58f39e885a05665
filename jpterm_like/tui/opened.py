"""What is done with files: open, begin, join, save, rename, duplicate, delete."""

from __future__ import annotations

from functools import partial

from textual import on

from jpterm_like.config import Paths, described
from jpterm_like.errors import JptermError
from jpterm_like.tui.cells import clean
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.start import Start
from jpterm_like.tui.workspace import Workspace

WITHOUT_CABINET = "Other files cannot be opened here."


class Opened(Workspace, inherit_bindings=False):
    """The commands of the app that concern files."""

    @property
    def _near(self) -> str:
        """The address beside which names are meant; "" when nothing is open."""
        return "" if self._current is None else self.session.address

    # Opening

    def do_open(self) -> None:
        from jpterm_like.tui.dialogs import Choice, Picker

        if self.cabinet is None:
            self.say(WITHOUT_CABINET)
            return
        opened = [Choice(session.address, session.title, "open") for session in self._sessions()]
        recent = [Choice(address, name, "lately") for name, address in self.cabinet.recent()]
        known = {choice.id for choice in opened}
        picker = Picker(
            "Open …",
            [*opened, *(choice for choice in recent if choice.id not in known)],
            files=True,
            complete=False,
        )
        self.push_screen(picker, self._on_chosen)
        self.run_worker(self._list_into(picker), exclusive=True, group="list", exit_on_error=False)

    async def _list_into(self, picker: object) -> None:
        from jpterm_like.tui.dialogs import Choice, Picker

        assert isinstance(picker, Picker) and self.cabinet is not None
        try:
            place, names = await self.cabinet.names(self._near)
        except JptermError as error:
            picker.more(f"Open    ({clean(str(error), 80)})", [])
            return
        picker.more(f"Open    (in {clean(place, 60)})", [Choice(address, name) for name, address in names])

    def _on_chosen(self, chosen: str | None) -> None:
        if chosen is None:
            return
        if chosen.startswith("written:"):
            self._open_written(chosen.removeprefix("written:"))
        else:
            self._open(chosen)

    @on(Start.Opened)
    def _on_start_opened(self, event: Start.Opened) -> None:
        self._open(event.address)

    @on(Editor.Wanted)
    def _on_wanted(self, event: Editor.Wanted) -> None:
        self._open_written(event.written)

    def _open(self, address: str) -> None:
        self.run_worker(self.open_address(address), exit_on_error=False)

    def _open_written(self, written: str | None) -> None:
        if not written or self.cabinet is None:
            return
        try:
            address = self.cabinet.address(written, self._near)
        except JptermError as error:
            self.say(str(error), serious=True)
            return
        self._open(address)

    def do_new_file(self) -> None:
        self._ask("New file", "A name beside the open file, or a path. It is written when you save.")

    def do_join(self) -> None:
        self._ask("Join a file of a server", "Its address: ws://HOST:PORT/FILE", "ws://")

    def _ask(self, title: str, body: str, value: str = "") -> None:
        from jpterm_like.tui.dialogs import Ask

        if self.cabinet is None:
            self.say(WITHOUT_CABINET)
        else:
            self.push_screen(Ask(title, body, value), self._open_written)

    # Saving

    def do_save(self) -> None:
        if self._current is not None:
            self.run_worker(self._save(), exit_on_error=False)

    async def _save(self) -> None:
        session, editor = self.session, self.editor
        try:
            await session.save()
        except JptermError as error:
            editor.say(str(error), serious=True)
        else:
            editor.say(f"Saved {session.title}.")

    def do_save_all(self) -> None:
        unsaved = [session for session in self._sessions() if session.ready and not session.saved]
        told = "Everything is saved." if not unsaved else f"Saved {', '.join(s.title for s in unsaved)}."
        self.run_worker(self._save_all(unsaved, partial(self.say, told)), exit_on_error=False)

    def do_settings(self) -> None:
        """Open config.toml; a new one tells of every setting."""
        path = Paths.of_user().settings_file
        try:
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_text(described(), "utf-8")
        except OSError as error:
            self.say(f"{path} cannot be made: {error.strerror}.", serious=True)
            return
        self._open(str(path.resolve()))

    def do_reconnect(self) -> None:
        for session in self._sessions():
            session.retry_now()
