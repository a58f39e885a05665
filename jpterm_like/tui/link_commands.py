"""Following a link: a web address goes to the browser, a file opens as a tab at its line or heading."""

from __future__ import annotations

from textual import on

from jpterm_like.errors import JptermError
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.people_commands import PeopleCommands
from jpterm_like.tui.text.cells import clean


class LinkCommands(PeopleCommands, is_whole=False):
    """The part of the app that follows links."""

    @on(Editor.LinkFollowed)
    def _on_link_followed(self, event: Editor.LinkFollowed) -> None:
        self.run_worker(self._show_errors(self._follow(event.editor, event.target)), exit_on_error=False)

    async def _follow(self, editor: Editor, target: str) -> None:
        from jpterm_like.tui.commands.navigation import go_to_heading
        from jpterm_like.tui.text.links import file_link, is_web

        shown = clean(target, 60)
        if is_web(target):
            await self._open_in_browser(editor, target)
            return
        link = file_link(target)
        if link is None:
            raise JptermError(f"{shown} is not opened: only web and mail addresses are, and files.")
        if link.names:
            if self.catalog is None:
                raise JptermError("Other files cannot be opened here.")
            address = await self.catalog.linked(link.names, editor.session.address)
            await self.open_address(address, link.place)
            if self._current is None or self.session.address != address:
                return  # it could not be opened, which was said
        elif link.place is not None:
            self.editor.start_at(*link.place)
            self.editor.finish(centred=True)
        if link.heading and not go_to_heading(self.editor, link.heading):
            self.say(f"There is no heading {clean(link.heading, 40)} in {clean(self.session.title, 40)}.")

    async def _open_in_browser(self, editor: Editor, target: str) -> None:
        from jpterm_like.tui import browser  # few need it

        shown = clean(target, 60)
        if await browser.open_address(target):
            editor.say(f"Opened {shown}.")
        else:
            editor.to_clipboard(target)
            editor.say(f"There is no browser here, so the address was copied: {shown}")
