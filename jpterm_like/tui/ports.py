"""What the editor needs of a session and of the settings: `jpterm_like.client.session.Session` and `jpterm_like.config.Settings`
have it, and so have the desk and its settings in the tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

from crdt import Patch, TextBuffer
from jpterm_like.client.events import Event, Status
from jpterm_like.files.encoding import Form
from jpterm_like.sync.presence import Person
from jpterm_like.sync.unsaved_work import Discard
from jpterm_like.tui.keymap import KeyBinding
from jpterm_like.tui.text.line_index import Lines


class EditorSession(Protocol):
    """One opened text: offsets are code points, ends are not included."""

    @property
    def buffer(self) -> TextBuffer:
        """The text, only to be read here."""

    @property
    def ready(self) -> bool:
        """False while joining for the first time, when the text is not known yet."""

    @property
    def role(self) -> Literal["edit", "view"]: ...
    @property
    def status(self) -> Status: ...
    @property
    def unsent(self) -> int:
        """How many of my operations the server does not have on its disk."""

    @property
    def saved(self) -> bool:
        """Whether the plain file holds this text."""

    @property
    def is_new(self) -> bool:
        """Whether there is no plain file yet, as far as can be seen from here."""

    @property
    def name(self) -> str:
        """Mine."""

    @property
    def title(self) -> str:
        """The file, as people call it."""

    @property
    def address(self) -> str: ...
    @property
    def people(self) -> tuple[Person, ...]:
        """The others."""

    def replace(self, start: int, end: int, text: str) -> Patch: ...
    def undo(self) -> Patch | None: ...
    def redo(self) -> Patch | None: ...
    def break_undo(self) -> None: ...
    def discard(self) -> bool:
        """Take back what I wrote and no save has, in one step; whether there was any. Others' work stays."""

    def would_lose(self, text: str) -> tuple[str, ...]:
        """Whose unsaved work, beside mine, would go if the text were `text`, the file's."""

    @property
    def can_notify(self) -> bool:
        """Whether those whose work I discard can be told of it now."""

    async def go_back(self, text: str) -> None:
        """Have the text be `text`, the file's, in one step; those whose work goes are told.

        Raises:
            JptermError: they cannot be told; all is as before.
        """

    def discards(self) -> list[Discard]:
        """What can be brought back, the newest first."""

    def bring_back(self, discard: Discard) -> None:
        """Have the text be as if that had not been discarded, in one step."""

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        """Whose work, beside mine, the file does not have."""

    def one_step(self) -> AbstractContextManager[object]: ...
    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]: ...
    def show_caret(self, caret: int, mark: int | None) -> None: ...
    def call(self) -> None:
        """Ask the others to look where I am."""

    def retry_now(self) -> None: ...
    def send_to_this_server(self) -> None:
        """Bring my text into the document of another server that answers at the address.

        Raises:
            JptermError: there is no other server.
        """

    def begin_with_this_server(self) -> None:
        """Go on with the text of another server that answers at the address; mine is kept for the former one.

        Raises:
            JptermError: there is no other server.
        """

    async def start(self) -> None: ...
    async def save(self) -> None: ...
    async def compare(self) -> None:
        """Have the text called saved if the file holds it as it is; nothing is written.

        Raises:
            JptermError: that cannot be told now.
        """

    async def informed(self) -> None:
        """Wait for what the server has to say, people included.

        Raises:
            JptermError: it cannot be reached.
        """

    async def delete_file(self) -> None: ...
    async def take_back_disk(self, *, again: bool = False) -> None: ...
    async def settled(self) -> None: ...
    async def wait_until_coming(self, timeout_s: float) -> None:
        """Wait until there is a text, or one on its way that takes longer; `timeout_s` is how long nothing may come.

        Raises:
            JptermError: there will be none.
        """

    async def close(self) -> None: ...


class Opening(NamedTuple):
    """A text to begin with, and where its caret begins."""

    session: EditorSession
    place: tuple[int, int] | None = None
    """Line and column as people count, from 1; None: the start."""
    lines: Lines | None = None
    """Of the text, when they were counted already."""


class FileCatalog(Protocol):
    """What else there is to open; `jpterm_like.client.file_catalog.FileCatalog` has it."""

    async def open(self, address: str) -> EditorSession:
        """A session, not started yet.

        Raises:
            JptermError: it cannot be opened.
        """

    async def names(self, near: str) -> tuple[str, list[tuple[str, str]]]:
        """The folder or server in which `near` is ("": where we were started), and names and addresses of its files.

        Raises:
            JptermError: they cannot be listed.
        """

    def address(self, written: str, near: str) -> str:
        """The address of what a person wrote as a name beside `near`."""

    async def rename(self, session: Any, to: str) -> None:
        """Give the file of a session that was opened here another name; everybody in it goes along.

        Raises:
            JptermError: it cannot be done; nothing was changed.
        """

    async def text(self, address: str) -> str | None:
        """The text that a file holds now, "" for one that is not there; None where that cannot be seen.

        Raises:
            JptermError: it cannot be read, or holds no text.
        """

    async def form(self, address: str) -> Form | None:
        """How a file's bytes are written; None where that cannot be seen."""

    async def reform(self, address: str, *, bom: bool, end: str) -> None:
        """Write a file's bytes in another form; the text stays the same.

        Raises:
            JptermError: it cannot be done.
        """

    def recent(self) -> list[tuple[str, str]]:
        """Names and addresses of what was opened lately, the newest first."""

    def note(self, address: str) -> None:
        """This was opened."""

    def is_first_time(self) -> bool:
        """Whether this person has not started the program often yet."""


class EditorSettings(Protocol):
    """What each is for is said in `jpterm_like.config.Settings`."""

    @property
    def name(self) -> str | None: ...
    @property
    def theme(self) -> str: ...
    @property
    def soft_wrap(self) -> bool: ...
    @property
    def tab_width(self) -> int: ...
    @property
    def indent(self) -> str: ...
    @property
    def auto_indent(self) -> bool: ...
    @property
    def scroll_margin(self) -> int: ...
    @property
    def current_line(self) -> bool: ...
    @property
    def whitespace(self) -> bool: ...
    @property
    def ruler(self) -> int: ...
    @property
    def announce(self) -> bool: ...
    @property
    def file_tree(self) -> bool: ...
    @property
    def mouse(self) -> bool: ...
    @property
    def preset(self) -> str: ...
    @property
    def line_numbers(self) -> bool: ...
    @property
    def keys(self) -> tuple[KeyBinding, ...]: ...
    @property
    def problems(self) -> tuple[str, ...]: ...
