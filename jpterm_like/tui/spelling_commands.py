"""The commands of the app on spelling. The checker is made, and its process started, when spelling is switched on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.workspace import Workspace

if TYPE_CHECKING:
    from jpterm_like.tui.commands.spelling import Spelling
    from jpterm_like.tui.ports import EditorSettings


class SpellingCommands(Workspace, is_whole=False):
    """Switches spelling on and off for all open texts."""

    def do_toggle_spelling(self) -> None:
        """Check spelling, or no longer."""
        if self.checker is not None:
            self.run_worker(self._stop_spelling("Spelling is not checked any more."), exit_on_error=False)
        else:
            self.say("Loading the dictionary …")
            self.run_worker(self.start_spelling(says=True), exit_on_error=False)

    def do_next_misspelling(self) -> None:
        """Go to the next misspelled word; switches spelling on."""
        self._with_spelling(lambda spelling: spelling.next_misspelling())

    def do_correct_word(self) -> None:
        """Choose a better spelling of the word at the caret; switches spelling on."""
        self._with_spelling(lambda spelling: spelling.correct_word())

    def do_add_word(self) -> None:
        """Add the word at the caret to my dictionary; switches spelling on."""
        self._with_spelling(lambda spelling: spelling.add_word())

    def _with_spelling(self, does: Callable[[Spelling], None]) -> None:
        async def do(editor: Editor) -> None:
            if self.checker is None:
                self.say("Loading the dictionary …")
                await self.start_spelling()
            if editor.spelling is not None:
                does(editor.spelling)

        if self.checker is not None and self.editor.spelling is not None:
            does(self.editor.spelling)
        else:
            self.run_worker(do(self.editor), group="spelling", exit_on_error=False)

    async def start_spelling(self, says: bool = False) -> None:
        """Load the dictionary and mark misspelled words; say why if it cannot be done, and with `says` when it is done."""
        from jpterm_like.tui.spelling.checker import SpellChecker

        checker = SpellChecker(Paths.of_user().config, self.settings.spelling_language)
        self.checker = checker  # a second command finds it under way
        checker.failed = self._on_failed
        checker.listeners.append(self._on_known)
        try:
            await checker.start()
        except JptermError as problem:
            await self._stop_spelling()
            self.say(str(problem), serious=True)
            return
        if self.checker is not checker:
            return
        for editor in self._all_editors():
            editor.use_spelling(checker)
        key = self.keymap.key_label("correct_word", "a command")
        told = [
            checker.instead,
            f"Spelling is checked; {key} corrects the word at the caret." if says else "",
        ]
        if sentence := " ".join(filter(None, told)):
            self.say(sentence)

    async def _stop_spelling(self, sentence: str = "") -> None:
        checker, self.checker = self.checker, None
        for editor in self._all_editors():
            editor.use_spelling(None)
        if checker is not None:
            await checker.close()
        if sentence:
            self.say(sentence)

    def use_spelling_settings(self, before: EditorSettings) -> None:
        """Apply changed settings."""
        old, new = ((each.spelling, each.spelling_language) for each in (before, self.settings))
        if old != new:
            self.run_worker(self._restart_spelling(), group="spelling", exclusive=True, exit_on_error=False)

    async def _restart_spelling(self) -> None:
        await self._stop_spelling()
        if self.settings.spelling:
            await self.start_spelling()

    def _on_failed(self, sentence: str) -> None:
        self.run_worker(self._stop_spelling(sentence), exit_on_error=False)

    def _on_known(self) -> None:
        for editor in self._all_editors():
            editor.update_soon()

    def _all_editors(self) -> list[Editor]:
        return [*self.editors, *([self.second] if self.second is not None else [])]

    async def end_spelling(self) -> None:
        """End the process."""
        if self.checker is not None:
            await self.checker.close()
