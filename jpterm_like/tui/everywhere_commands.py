"""The command *Find in everything ever written*: words in all documents of this user, also in what was deleted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from jpterm_like.errors import JptermError
from jpterm_like.tui.project_commands import ProjectCommands
from jpterm_like.tui.text.cells import clean

if TYPE_CHECKING:
    from jpterm_like.tui.editor import Editor
    from jpterm_like.tui.ports import Everything, Sighting

SHOWN_LENGTH: Final = 200
"""Characters of a line in the list."""
PLACE_LENGTH: Final = 40


class EverywhereCommands(ProjectCommands, is_whole=False):
    """The part of the app that finds words in everything that this user keeps."""

    everything: Everything | None
    _sought_everywhere = ""

    def do_find_everywhere(self) -> None:
        """Ask for words, list where they are or were, and go there."""
        from jpterm_like.tui.widgets.dialogs import Ask

        everything = self.everything
        if everything is None:
            self.say("Only open texts can be searched here.")
            return
        words = self._current.search.selected_words() if self._current is not None else ""
        words = words or self._sought_everywhere

        def answered(written: str | None) -> None:
            if written is not None:
                self._sought_everywhere = written
                self.run_worker(
                    self._show_errors(self._list_everywhere(everything, written)),
                    exclusive=True,
                    group="everywhere",
                    exit_on_error=False,
                )

        title = "Find in everything ever written"
        note = "Words, or parts of words: all of them in one line, or in one passage that was deleted."
        self.push_screen(Ask(title, note, words, (0, len(words))), answered)

    async def _list_everywhere(self, everything: Everything, written: str) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        def tell(done: int, total: int) -> None:
            if done % 20 == 0 and done:
                self.call_from_thread(self.say, f"Still indexing, {done:,} of {total:,} …")

        with self.saying("Searching …"):
            found, remarks = await asyncio.to_thread(everything.find, written, tell)
        if not found:
            self.say(" ".join([f"{clean(written, 40)} was never written here.", *remarks[:1]]))
            return
        choices = [
            Choice(str(number), clean(it.text.strip(), SHOWN_LENGTH), _described(it))
            for number, it in enumerate(found)
        ]

        def answered(chosen: str | None) -> None:
            if chosen is not None:
                self.run_worker(
                    self._show_errors(self._go_to_sighting(found[int(chosen)])),
                    exclusive=True,
                    group="place",
                    exit_on_error=False,
                )

        title = f"{len(found):,} {'place' if len(found) == 1 else 'places'} with {clean(written, 40)}"
        self.push_screen(Picker(title, choices), answered)
        if remarks:
            self.say(" ".join(remarks[:2]))

    async def _go_to_sighting(self, it: Sighting) -> None:
        """Open the document where words are, or were; what was deleted can be brought back there."""
        from jpterm_like.tui.widgets.dialogs import Choice, Question

        await self.open_address(it.address, (it.row + 1, 1))
        if self._current is None or self.session.address != it.address or it.deletion is None:
            return
        editor = self.editor

        def answered(chosen: str | None) -> None:
            if chosen == "bring":
                self.run_worker(self._show_errors(self._bring_passage_back(editor, it)), exit_on_error=False)

        body = f"{clean(it.text.strip(), SHOWN_LENGTH)}\n\n{_described(it)}"
        choices = [Choice("bring", "Bring it back"), Choice("look", "Look around only")]
        self.push_screen(Question("Deleted here", choices, body), answered)

    async def _bring_passage_back(self, editor: Editor, it: Sighting) -> None:
        from crdt import Case
        from jpterm_like.history.deleted import passage_with
        from jpterm_like.history.operations import by_site

        session = editor.session
        assert it.deletion is not None
        passage = passage_with(session.buffer, *it.deletion)
        if passage is not None:
            operations = by_site(passage.operations)
            (outcome,) = session.buffer.outcomes(session.buffer.version, [Case(operations, operations)])
            if session.make(outcome):
                editor.say("Brought back; undo takes it away again.")
                return
        raise JptermError("This passage is not deleted any more, or not here yet.")


def _described(it: Sighting) -> str:
    place = f"{clean(it.name, PLACE_LENGTH)}:{it.row + 1}"
    if it.deletion is None:
        return place
    when = time.strftime(" on %d %b %Y", time.localtime(it.deleted_at)) if it.deleted_at else ""
    return f"{place} · deleted by {clean(it.deleted_by or 'somebody', 30)}{when}"
