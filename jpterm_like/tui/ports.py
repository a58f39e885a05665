"""Ports: protocols of the session, the file catalog and the settings that the editor uses.

Implemented by `jpterm_like.client.session.Session`, `jpterm_like.client.file_catalog` and `jpterm_like.config.Settings`, and by the
desk of the tests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from crdt import Outcome, Patch, StepPart, TextBuffer, Version
from crdt.patch import Splice
from jpterm_like.client.events import Event, Guest, LineMessage, SearchPlace, Status, Whereabout
from jpterm_like.files.charsets import Known
from jpterm_like.files.encoding import Form
from jpterm_like.history.apart import Apart
from jpterm_like.history.decisions import Step
from jpterm_like.sync.presence import Person
from jpterm_like.sync.unsaved_work import Discard
from jpterm_like.tui.keymap import KeyBinding

if TYPE_CHECKING:
    from jpterm_like.notebook.outputs import CellOutputs
    from jpterm_like.notebook.runs import Run


class EditorSession(Protocol):
    """An open text. Offsets count code points, ends are not included."""

    @property
    def buffer(self) -> TextBuffer:
        """The text; read only here, changed by the methods below."""

    @property
    def ready(self) -> bool:
        """False while joining for the first time, before the text has arrived."""

    @property
    def role(self) -> Literal["edit", "view"]: ...
    @property
    def is_protected(self) -> bool:
        """Whether the plain file may not be written."""

    @property
    def form(self) -> Form | None:
        """What the plain file is written in, if that is known."""

    @property
    def known(self) -> Known:
        """The same, for reading it."""

    async def reform(self, form: Form) -> None:
        """Save the plain file in another form.

        Raises:
            JptermError: it was not saved.
        """

    async def read_again(self, charset: str) -> None:
        """Have the plain file read in another charset.

        Raises:
            JptermError: it cannot be.
        """

    @property
    def status(self) -> Status: ...
    @property
    def unsent(self) -> int:
        """How many of my operations are not on the server's disk yet."""

    @property
    def saved(self) -> bool:
        """Whether the plain file holds this text."""

    @property
    def saved_version(self) -> Version:
        """The version of the text that the plain file holds."""

    @property
    def is_new(self) -> bool:
        """Whether there is no plain file yet, as far as known here."""

    @property
    def name(self) -> str:
        """My name."""

    @property
    def colour(self) -> int | None:
        """The colour that I chose for all screens."""

    def introduce(self, name: str, colour: int | None) -> None:
        """Have the others see me under this name and in this colour from now on."""

    @property
    def title(self) -> str:
        """The name of the file for people."""

    @property
    def address(self) -> str: ...
    @property
    def people(self) -> tuple[Person, ...]:
        """The others."""

    def replace(self, start: int, end: int, text: str) -> Patch: ...
    def replace_all(self, splices: Sequence[Splice]) -> Patch:
        """Several edits as one undo step, as in a patch: from last to first, in offsets of the present text."""

    def undo(self) -> Patch | None: ...
    def undo_part(self, runs_max: int, *, again: bool, goes_on: bool) -> StepPart | None:
        """Undo the newest part of my last step, or with `again` redo it; with `goes_on` it is one step with the part before."""

    def make(self, outcome: Outcome) -> Patch:
        """Make characters what an outcome says, as one undo step."""

    def break_undo(self) -> None: ...
    def discard(self) -> bool:
        """Discard my unsaved work as one undo step, and return whether there was any. Others' work stays."""

    def in_its_ids(self, text: str) -> str:
        """A state of the file, as it is read from the disk, as the text would have it."""

    def would_lose(self, text: str) -> dict[str, int]:
        """The others whose unsaved work would be lost by reverting to `text`, the file's, and how many passages."""

    @property
    def file_time(self) -> str:
        """When the plain file was last written, in words; "" if that is not known here."""

    def others_in(self, ranges: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        """The others whose unsaved words are in these ranges."""

    async def committed_text(self) -> str | None:
        """The text of the file as of the last git commit; None if there is none, or it cannot be read from here."""

    @property
    def can_notify(self) -> bool:
        """Whether people whose work I discard can be notified now."""

    async def go_back(self, text: str) -> None:
        """Revert to `text`, the file's, as one undo step; people whose work is discarded are notified.

        Raises:
            JptermError: they cannot be notified; nothing was changed.
        """

    def discards(self) -> list[Discard]:
        """Discarded work that can be restored, newest first."""

    def bring_back(self, discard: Discard) -> None:
        """Restore discarded work as one undo step."""

    @property
    def apart(self) -> Apart | None:
        """What others and I did without hearing of each other, until it is reviewed; `ApartChanged` tells of it."""

    @property
    def steps(self) -> list[Step]:
        """What the user has decided in that review: add to it, and call `note_decisions`. `Decided` tells of it."""

    def note_decisions(self) -> None:
        """Keep what was decided, and show it in all views."""

    def review_done(self) -> None:
        """Note that the user has reviewed it."""

    @property
    def others_unsaved(self) -> tuple[str, ...]:
        """The others who have unsaved work in the text."""

    def one_step(self) -> AbstractContextManager[object]: ...
    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]: ...
    def show_caret(self, caret: int, mark: int | None) -> None: ...
    def hide_caret(self) -> None:
        """Show the others that I look at another text."""

    def call(self) -> None:
        """Ask the others to look where I am."""

    async def everyone(self) -> list[Whereabout]:
        """Who is in which file of the server, me included; only files that I may open are told.

        Raises:
            JptermError: the server cannot be reached, or is too old.
        """

    async def say_line(self, line: str) -> None:
        """Say a line to the others in the text; it is stored nowhere.

        Raises:
            JptermError: nobody was told.
        """

    async def kick(self, name: str) -> tuple[str, ...]:
        """Disconnect people by name from the text; return whom.

        Raises:
            JptermError: it is not permitted, or cannot be done.
        """

    async def set_role(self, site: int, role: Literal["edit", "view"]) -> tuple[str, ...]:
        """Change what the person of this opening of the text may do; return whom it concerns.

        Raises:
            JptermError: it is not permitted, or cannot be done.
        """

    def pause(self) -> None:
        """Disconnect until `retry_now`."""

    def let_one_through(self) -> None:
        """While paused: connect for one message of the text, of others or else of mine, and pause again."""

    @property
    def sent(self) -> Version:
        """The version of the server, as far as it was sent or received."""

    @property
    def stored_version(self) -> Version:
        """The version that is on the server's disk, as far as it said so."""

    def follow_outputs(self) -> None:
        """Have the outputs of a notebook here from now on; `OutputsChanged` tells when there are some."""

    def outputs_of(self, cell: str) -> CellOutputs:
        """What a cell of a notebook gave, as far as it is here; the same object until it changes."""

    def shown_run(self, cell: str) -> Run | None:
        """The run that is shown for a cell, as far as it is here."""

    @property
    def kernel_line(self) -> str:
        """A line about the notebook's kernel; empty if there is none."""

    async def run_cells(self, cells: Sequence[str]) -> tuple[str, ...]:
        """Have cells run as they are now, one after the other; return the ids of the runs.

        Raises:
            JptermError: nothing was run.
        """

    async def command_kernel(self, verb: Literal["interrupt", "restart", "stop"]) -> None:
        """Interrupt the cell that runs, or restart or stop the kernel.

        Raises:
            JptermError: it was not done.
        """

    async def kernel_names(self) -> tuple[list[tuple[str, str]], str]:
        """The kernels that the notebook may have, each with a title for people, and the one that was chosen; "" is that which it names.

        Raises:
            JptermError: they are not known.
        """

    async def use_kernel(self, name: str) -> None:
        """Have a kernel run the notebook from now on. One that runs is stopped.

        Raises:
            JptermError: there is no such kernel, or it was not done.
        """

    async def answer_input(self, run: str, text: str) -> None:
        """Answer what a run asks.

        Raises:
            JptermError: somebody has answered, or it was not done.
        """

    async def move_widget(self, widget: str, attribute: str, value: object) -> None:
        """Move a widget: give an attribute a value that JSON knows, or press a button ("click", None).

        Raises:
            JptermError: it was not moved.
        """

    async def clear_outputs(self, cells: Sequence[str]) -> None:
        """Remove what these cells gave; of all cells if none is named.

        Raises:
            JptermError: it was not done.
        """

    async def guests(self) -> list[Guest]:
        """How far each opening of the text is behind, mine included.

        Raises:
            JptermError: it is not permitted, the server cannot be reached, or is too old.
        """

    def watch_line(self, watcher: Callable[[LineMessage], None]) -> Callable[[], None]:
        """Call `watcher` with every message that is sent or received. Call the result to stop."""

    def retry_now(self) -> None: ...
    def send_to_this_server(self) -> None:
        """Send my text to the document of another server that answers at the address.

        Raises:
            JptermError: there is no other server.
        """

    def begin_with_this_server(self) -> None:
        """Continue with the text of another server that answers at the address; mine is kept for the former one.

        Raises:
            JptermError: there is no other server.
        """

    async def start(self) -> None: ...
    async def save(self) -> str:
        """Save the file, and return the folder that was created for it, if any.

        Raises:
            JptermError: it was not saved.
        """

    async def compare(self) -> None:
        """Mark the text as saved if the file holds exactly it; nothing is written.

        Raises:
            JptermError: the file cannot be read now.
        """

    async def informed(self) -> None:
        """Wait until the server has sent everything it has, people included.

        Raises:
            JptermError: it cannot be reached.
        """

    async def delete_file(self) -> None: ...
    async def take_back_disk(self, *, again: bool = False) -> None: ...
    async def settled(self) -> None: ...
    async def wait_until_coming(self, timeout_s: float) -> None:
        """Wait until the text is here or arriving; give up after `timeout_s` in which nothing arrives.

        Raises:
            JptermError: no text will come.
        """

    async def close(self) -> None: ...


class Inviter(Protocol):
    """Makes commands that bring somebody into an open file. Its methods block."""

    def options(self, address: str) -> tuple[bool, bool]:
        """Whether role and time can be chosen, and whether it has to be said where others find the server.

        Raises:
            JptermError: the address is none.
        """

    def invite(
        self, address: str, role: Literal["view", "edit"] | None, lasts_s: float | None, at: str | None
    ) -> tuple[str, str]:
        """The command, and sentences about who can use it for what.

        Raises:
            JptermError: no command works, or I may not invite.
        """


class Sighting(NamedTuple):
    """A line with sought words, or a passage with them that was deleted."""

    address: str
    name: str
    """Of the document, for people."""
    row: int
    """From 0; of a deleted passage, where it was."""
    text: str
    """The line, or the part of the passage that begins with the line of the first word."""
    deletion: tuple[int, int] | None
    """Site and clock of one of the deletions; None: it is there now."""
    deleted_by: str
    deleted_at: int
    """Wall-clock second."""


class Everything(Protocol):
    """All documents that this user keeps."""

    def find(
        self, written: str, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[Sighting], Sequence[str]]:
        """Where words are and were, and sentences about what was not searched. Blocks; tells how many documents are read.

        Raises:
            JptermError: these words cannot be sought.
        """

    def documents(self) -> Sequence[tuple[str, str, str]]:
        """The addresses of the documents, with their names and where they are. Blocks."""


class PlaceState(NamedTuple):
    """What a place that a text is synced with has of it, as far as the last sync noted."""

    address: str
    """Of the place."""
    trouble: str
    """See `jpterm_like.collection.PlaceNote`, as for the next three."""
    trouble_s: float
    waiting: int
    coming: dict[str, int]
    carried: Version
    """What was ever sent to any place, or came from one, or waits to be sent."""


class SyncNotes(Protocol):
    """What this machine noted about the places that texts are synced with."""

    def are_there(self) -> bool:
        """Whether any text of this machine is synced. Loads nothing."""

    def look(self, addresses: Sequence[str]) -> dict[str, list[PlaceState]]:
        """The places of each of these texts that is synced. Blocks."""

    def offer(self, address: str) -> str:
        """What is offered for a text in a folder that is a place, in a sentence; empty if it is in none. Blocks."""

    def changes_beyond(self, buffer: TextBuffer, version: Version) -> int | None:
        """How many changes of a text are not in a version; None if there are too many to count."""


class FileCatalog(Protocol):
    """The other files that can be opened; `jpterm_like.client.file_catalog.FileCatalog` has it."""

    name: str
    """Mine, for what is opened from now on."""

    async def open(self, address: str) -> EditorSession:
        """A session, not started yet.

        Raises:
            JptermError: it cannot be opened.
        """

    async def names(self, near: str) -> tuple[str, list[tuple[str, str]]]:
        """The folder or server that `near` is in ("": the working folder), and names and addresses of its files.

        Raises:
            JptermError: they cannot be listed.
        """

    async def search_place(self, near: str) -> SearchPlace:
        """Where all files around `near` are searched: those that `names` lists.

        Raises:
            JptermError: they cannot be.
        """

    def pad_texts(self, near: str, names: Collection[str]) -> AsyncGenerator[tuple[str, str | None], None]:
        """Names and present texts of pads on the server that `near` is on; None for one that cannot be read.

        Raises:
            JptermError: the server cannot be reached, or is too old.
        """

    async def linked(self, names: Sequence[str], near: str) -> str:
        """The address of the first of these files that is there; a file at `near` links to them.

        Raises:
            JptermError: none is there, or it is outside of the folder that a server shares.
        """

    def address(self, written: str, near: str) -> str:
        """The address of a name typed by a person, relative to `near`."""

    def folder(self, near: str) -> str:
        """The folder or server that such names are relative to, for people."""

    async def rename(self, session: Any, to: str) -> None:
        """Rename the file of a session that was opened here; everybody in it follows.

        Raises:
            JptermError: it cannot be renamed; nothing was changed.
        """

    async def text(self, address: str, known: Known) -> str | None:
        """The text of a file as it is now, "" for a missing one; None if it cannot be read from here. `known` says what it is written in.

        Raises:
            JptermError: reading failed, or it holds no text.
        """

    def recent(self) -> list[tuple[str, str]]:
        """Names and addresses of recently opened files, newest first."""

    def note(self, address: str) -> None:
        """Remember that a file was opened."""

    def is_first_time(self) -> bool:
        """Whether this is one of the person's first starts of the program."""


class EditorSettings(Protocol):
    """The settings of the editor; documented in `jpterm_like.config.Settings`."""

    @property
    def name(self) -> str | None: ...
    @property
    def colour(self) -> str: ...
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
    def pairs(self) -> str: ...
    @property
    def completion(self) -> str: ...
    @property
    def spelling(self) -> bool: ...
    @property
    def spelling_language(self) -> str: ...
    @property
    def continue_lists(self) -> bool: ...
    @property
    def wrap_width(self) -> int: ...
    @property
    def continue_comments(self) -> bool: ...
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
    def signs(self) -> str: ...
    @property
    def line_numbers(self) -> bool: ...
    @property
    def keys(self) -> tuple[KeyBinding, ...]: ...
    @property
    def problems(self) -> tuple[str, ...]: ...
