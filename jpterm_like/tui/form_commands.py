"""The commands on the form of a file: its encoding, its byte order mark, its line ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import on

from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import REGIONS, TITLES, UTF_8, find_codec
from jpterm_like.files.encoding import END_TITLES, Form, can_have_mark
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.text.cells import clean
from jpterm_like.tui.workspace import Workspace

NOT_KNOWN: Final = (
    "What this file is written in is not known: its server cannot be reached, or is of an earlier release."
)
_SYSTEMS: Final = {
    "\n": "LF, as on Linux and macOS",
    "\r\n": "CRLF, as on Windows",
    "\r": "CR, as on old Macs",
}


class FormCommands(Workspace, is_whole=False):
    """The commands of the app on the form of a file."""

    def do_file_form(self) -> None:
        """Choose the line endings and the byte order mark of the file."""
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        found = self._found_form()
        if found is None:
            return
        editor, form = found
        choices = []
        for end, name in _SYSTEMS.items():
            for bom in (False, True):
                now = form.bom == bom and form.ends in ((end,), ())
                told = name + (", with a byte order mark" if bom else "")
                if (end != "\r" and (not bom or can_have_mark(form.charset))) or now:
                    choices.append(Choice(f"{bom:d}{end}", told, "now" if now else ""))
        body = ""
        if len(form.ends) > 1:
            body = f"The line endings are mixed now: {' and '.join(END_TITLES.get(end, '?') for end in form.ends)}."

        def answered(answer: str | None) -> None:
            if answer is not None:
                self._reform_soon(editor, Form(answer[0] == "1", (answer[1:],), form.charset))

        self.push_screen(Picker("Line endings", choices, body=body, search=False), answered)

    def do_save_in_encoding(self) -> None:
        """Choose the encoding that the file is to have, and save it."""
        found = self._found_form()
        if found is not None:
            editor, form = found
            self._choose_charset(
                "Save in another encoding", form, lambda charset: self._convert(editor, form, charset)
            )

    def do_read_in_encoding(self) -> None:
        """Choose the encoding that the file has, when the wrong one was guessed."""
        found = self._found_form()
        if found is not None:
            editor, form = found
            self._choose_charset(
                "Read again in another encoding", form, lambda charset: self._read_soon(editor, charset)
            )

    def _found_form(self) -> tuple[Editor, Form] | None:
        if self._current is None:
            return None
        form = self.session.form
        if form is None:
            self.say(NOT_KNOWN)
            return None
        return self.editor, form

    def _choose_charset(self, title: str, form: Form, then: Callable[[str], None]) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        choices = []
        for codec, name in TITLES.items():
            region = REGIONS.get(codec, "")
            hints = ["now" if codec == form.charset else "", region]
            choices.append(Choice(codec, name, ", ".join(filter(None, hints)), f"{codec} {region}"))

        def answered(answer: str | None) -> None:
            if answer is not None:
                then(answer)

        self.push_screen(Picker(title, choices, chosen=form.charset), answered)

    @on(Editor.CharsetRequested)
    def _on_charset_requested(self, event: Editor.CharsetRequested) -> None:
        form, codec = event.editor.session.form, find_codec(event.written)
        if form is None:
            self.say(NOT_KNOWN)
        elif codec is None:
            self.say(
                f"There is no encoding {clean(event.written, 20)}; “Save in another encoding” lists them."
            )
        else:
            self._convert(event.editor, form, codec)

    def _convert(self, editor: Editor, form: Form, charset: str) -> None:
        """Save a file in a charset. Texts in UTF-16 and UTF-32 get a byte order mark, by which they are recognised."""
        bom = form.bom if charset == form.charset else charset != UTF_8 and can_have_mark(charset)
        self._reform_soon(editor, Form(bom, form.ends[:1] or ("\n",), charset))

    def _reform_soon(self, editor: Editor, form: Form) -> None:
        self.run_worker(self._reform(editor, form), exit_on_error=False)

    async def _reform(self, editor: Editor, form: Form) -> None:
        session = editor.session
        try:
            await session.reform(form)
        except JptermError as error:
            editor.say_about("saving", str(error))
        else:
            editor.say_saved(f"Saved {session.title} as {form}.")

    def _read_soon(self, editor: Editor, charset: str) -> None:
        self.run_worker(self._show_errors(editor.session.read_again(charset)), exit_on_error=False)
