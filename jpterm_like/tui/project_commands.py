"""The commands that search and replace in all files of a folder or server, and walk through what was found."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from jpterm_like.errors import JptermError
from jpterm_like.tui.file_commands import NO_OTHER_FILES
from jpterm_like.tui.link_commands import LinkCommands
from jpterm_like.tui.saving import saves_itself
from jpterm_like.tui.search_history import SearchHistory
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.text.query import BadPattern, BoundedPattern, Query, check_template

if TYPE_CHECKING:
    from jpterm_like.tui.editor import Editor
    from jpterm_like.tui.ports import EditorSession
    from jpterm_like.tui.project_search import FileFound, Place, ProjectSearch
    from jpterm_like.tui.search_dialog import SearchDialog

JOIN_S: Final = 10.0
"""How long to wait for a text that is opened to replace in it."""

LEFT_NAMED_MAX: Final = 3
"""Files that a message names; the others are counted."""

ROWS_AROUND: Final = 500
"""How far from its place a line is looked for that has moved since it was found."""

LINE_LENGTH_MAX: Final = 10_000
"""Longer lines are not searched again for that."""


class ProjectCommands(LinkCommands, is_whole=False):
    """The commands of the app on all files."""

    searches: SearchHistory
    _project: ProjectSearch | None = None
    """The last search; None: there was none yet."""
    _project_dialog: SearchDialog | None = None
    _project_replacement = ""
    _is_replacing = False
    _stops_replacing = False
    """Whether replacing ends with the file that is under way."""

    # The dialog

    def do_search_files(self) -> None:
        """Open the dialog, with what is selected, or what was searched for last."""
        from jpterm_like.tui.project_search import ProjectSearch
        from jpterm_like.tui.search_dialog import Actions, SearchDialog

        if self.catalog is None:
            self.say(NO_OTHER_FILES)
            return
        if self._project is None:
            self._project = ProjectSearch(self.catalog, self._on_project_news)
        query = self._project.query
        if self._current is not None and (selected := self._current.search.selected_words()):
            query = query._replace(text=selected, regex=False)
        elif not query.text and self._current is not None:
            query = self._current.search.sought
        actions = Actions(self._search_project, self._ask_to_replace, self._stop_project)
        self._project_dialog = SearchDialog(
            self._project, actions, self.searches, query, self._project_replacement
        )
        self.push_screen(self._project_dialog, self._on_project_closed)

    def _on_project_closed(self, place: Place | None) -> None:
        if self._project_dialog is not None:
            self._project_replacement = self._project_dialog.replacement.value
        self._project_dialog = None
        if place is not None and self._project is not None:
            self._project.current = place
            self.run_worker(self._show_place(place), exclusive=True, group="place", exit_on_error=False)

    def _on_project_news(self) -> None:
        if self._project_dialog is not None:
            self._project_dialog.news()

    def _search_project(self, query: Query) -> str:
        assert self._project is not None
        self.searches.note("find", query.text, None)
        try:
            self._project.start(query, self._near, self._sessions())
        except BadPattern as problem:
            return f"Bad pattern: {clean(str(problem), 60)}."
        return ""

    def _stop_project(self) -> bool:
        if self._is_replacing:
            self._stops_replacing = True
            return True
        is_running = self._project is not None and self._project.is_running
        if is_running:
            assert self._project is not None
            self._project.stop()
        return is_running

    # Walking through the results

    def do_next_result(self) -> None:
        self._step_results(forward=True)

    def do_previous_result(self) -> None:
        self._step_results(forward=False)

    def _step_results(self, *, forward: bool) -> None:
        found = None if self._project is None else self._project.step(forward)
        if found is None:
            key = self.keymap.key_label("search_files", "the list of commands")
            self.say(f"There are no results to go to: {key} searches in all files.")
            return
        place, wrapped = found
        self.run_worker(self._show_place(place, wrapped), exclusive=True, group="place", exit_on_error=False)

    async def _show_place(self, place: Place, wrapped: bool = False) -> None:
        """Open the file of a line, and select the match there."""
        project = self._project
        assert project is not None
        row, start, end = place.line.row, place.line.start, place.line.end
        await self.open_address(place.file.address, (row + 1, start + 1))
        if self._current is None or self.session.address != place.file.address:
            return  # the reason was shown
        editor = self.editor
        found = _find_again(editor, place, project.query)
        if found is not None:
            row, start, end = found
            offset = editor.text_layout.lines.offset
            snap, snap_right = editor.text_layout.snap, editor.text_layout.snap_right
            editor.cursor.put(snap_right(offset(row, end)), snap(offset(row, start)))
            editor.finish(centred=True)
        editor.search.sought = project.query  # f3 goes on in this file
        places = list(project.places())
        number = next((at for at, other in enumerate(places, 1) if other == place), 0)
        told = f"Result {number:,} of {len(places):,}"
        if found is None:
            told += ": the line is not there any more"
        elif wrapped:
            told += "; started over"
        editor.say(f"{told}.")

    # Replacing

    def _ask_to_replace(self, template: str) -> None:
        """Say how much would be replaced, and do so if the person agrees."""
        from jpterm_like.tui.widgets.dialogs import Choice, Question

        project = self._project
        assert project is not None
        files = [file for file in project.files if file.count]
        count = sum(file.count for file in files)
        try:
            if project.query.regex:
                check_template(BoundedPattern(project.query).compiled, template)
        except BadPattern as problem:
            self._tell_project(f"Not replaced: {clean(str(problem), 60)}.")
            return
        self.searches.note("replace", template, None)
        self._project_replacement = template
        matches = f"{count:,} {'match' if count == 1 else 'matches'}"
        title = f"Replace {matches} in {len(files):,} {'file' if len(files) == 1 else 'files'}?"
        put = f"“{clean(template, 40)}”" if template else "nothing"
        saving = "" if "://" in self._near else "Open files are left unsaved, the others are saved. "
        body = (
            f"“{clean(project.query.text, 40)}” becomes {put}. {saving}"
            "Undo in a file takes back what was replaced there."
        )
        choices = [Choice("replace", "Replace"), Choice("stay", "Cancel")]

        def answered(answer: str | None) -> None:
            if answer == "replace" and not self._is_replacing:
                self._is_replacing, self._stops_replacing = True, False
                self.run_worker(self._replace_everywhere(files, template), exit_on_error=False)

        self.push_screen(Question(title, choices, body), answered)

    def _tell_project(self, sentence: str) -> None:
        if self._project_dialog is not None:
            self._project_dialog.tell(sentence)

    async def _replace_everywhere(self, files: list[FileFound], template: str) -> None:
        """Replace in one file after the other, and say what was done and which files were left."""
        project = self._project
        assert project is not None
        count = done = unsaved = 0
        left: list[str] = []
        try:
            for number, file in enumerate(files, 1):
                if self._stops_replacing:
                    break
                self._tell_project(f"Replacing … file {number:,} of {len(files):,}")
                try:
                    changes, is_saved = await self._replace_in_file(file, project.query, template)
                except JptermError as problem:
                    left.append(f"{clean(file.name, 60)} ({clean(str(problem).rstrip('.'), 120)})")
                    continue
                count, done, unsaved = count + changes, done + 1, unsaved + (not is_saved)
        finally:
            self._is_replacing = False
        project.state, project.files, project.current = "none", [], None  # they are not there any more
        told = f"Replaced {count:,} in {done:,} {'file' if done == 1 else 'files'}."
        if done + len(left) < len(files):
            told += " Stopped before the end."
        if unsaved:
            save = self.keymap.key_label("save_all", "“Save all open files”")
            told += f" {unsaved:,} not saved yet: {save} saves."
        if self._project_dialog is not None:
            self._project_dialog.dismiss(None)
        if left:
            named = ", ".join(left[:LEFT_NAMED_MAX])
            more = len(left) - LEFT_NAMED_MAX
            told += f" Left as it was: {named}{f' and {more:,} more' if more > 0 else ''}."
        self.say(told, serious=bool(left))
        self.refresh_files()

    async def _replace_in_file(self, file: FileFound, query: Query, template: str) -> tuple[int, bool]:
        """Replace in a file; return how much, and whether it is saved.

        Raises:
            JptermError: the file was left as it was, or could not be saved.
        """
        from jpterm_like.tui.project_replace import Left, replace_in

        assert self.catalog is not None
        opened = next((it for it in self._sessions() if it.address == file.address), None)
        if opened is not None:
            changes = await replace_in(opened, query, template, file.digest)
            return changes, saves_itself(opened)
        session = await self.catalog.open(file.address)
        try:
            await session.start()
            await session.wait_until_coming(JOIN_S)
            try:
                async with asyncio.timeout(JOIN_S):
                    await session.informed()
            except TimeoutError:
                raise Left("the server does not answer") from None
            was_saved = session.saved
            changes = await replace_in(session, query, template, file.digest)
            return changes, await self._save_replaced(session, was_saved)
        finally:
            with contextlib.suppress(JptermError, OSError, TimeoutError):
                async with asyncio.timeout(JOIN_S):
                    await session.close()

    async def _save_replaced(self, session: EditorSession, was_saved: bool) -> bool:
        """Save a file that is not open here, unless that would save what others have not saved yet."""
        if saves_itself(session):
            await session.settled()
        elif was_saved:
            await session.save()
        return session.saved or saves_itself(session)


def _find_again(editor: Editor, place: Place, query: Query) -> tuple[int, int, int] | None:
    """Row and columns of the first match in a line that was found: where it was, or near it; None: it is gone."""
    from jpterm_like.tui.search_process import excerpt_of

    layout, pattern = editor.text_layout, BoundedPattern(query)
    nearest = None
    for distance in range(ROWS_AROUND):
        for row in {place.line.row - distance, place.line.row + distance}:
            if not 0 <= row < len(layout.lines):
                continue
            start, end = layout.lines.span(row)
            if end - start > LINE_LENGTH_MAX:
                if not distance:
                    return row, place.line.start, place.line.end
                continue
            line = layout.line(row)
            spans = [match.span() for match in pattern.in_line(line)]
            if spans and excerpt_of(row, line, spans).excerpt == place.line.excerpt:
                return row, *spans[0]
            if spans and nearest is None:
                nearest = (row, *spans[0])
    return nearest
