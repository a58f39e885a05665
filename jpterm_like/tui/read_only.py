"""A text that is only read, in the face of a session, and an editor over it.

Nothing of it is sent, kept or seen by others. The live session that it is of goes on beneath.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, cast

from crdt import Patch, TextBuffer, Version
from crdt.patch import NOTHING
from jpterm_like.client.events import Event, Status
from jpterm_like.files.encoding import Form
from jpterm_like.history.decisions import Step
from jpterm_like.sync.presence import Person
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.keymap import BY_ID
from jpterm_like.tui.ports import EditorSession
from jpterm_like.tui.widgets.status_bar import Info, StatusBar

if TYPE_CHECKING:
    from jpterm_like.notebook.outputs import CellOutputs
    from jpterm_like.tui.vocabulary import Vocabulary

READING: Final = frozenset(
    {
        *(command.id for command in BY_ID.values() if command.group in ("Moving", "Selecting")),
        *("copy", "find", "find_next", "find_previous", "toggle_case", "toggle_words", "toggle_regex"),
        *("toggle_in_selection", "go_to_line", "matching_bracket", "outline", "scroll_up", "scroll_down"),
        *("toggle_wrap", "toggle_numbers", "toggle_whitespace", "toggle_blame", "toggle_readable"),
        *("toggle_fold", "fold_all", "unfold_all", "count_words", "help"),
    }
)
"""Commands that work on such a text as on any. Others are refused if they write; else they are done in the live text."""

WRITING: Final = frozenset({"replace", "replace_one", "replace_all", "revert_hunk", "revert", "bring_back"})
"""Commands that write, beside those of the group Editing."""


class ReadOnlySession:
    """A text that is only read. Commands that write are refused before they come here."""

    ready = True
    role: Literal["edit", "view"] = "view"
    is_protected = False
    unsent = 0
    saved = True
    is_new = False
    apart = None
    """Reviews belong to the present."""
    people: tuple[Person, ...] = ()
    """Nobody else is in it."""

    def __init__(self, live: EditorSession, buffer: TextBuffer) -> None:
        self._live: Final = live
        self.buffer = buffer
        self.steps: list[Step] = []
        self._listeners: list[Callable[[Event], None]] = []

    # The face of a session

    def follow_outputs(self) -> None:
        """Outputs of cells are of the present."""

    def outputs_of(self, cell: str) -> CellOutputs:
        from jpterm_like.notebook.outputs import NOTHING

        return NOTHING

    @property
    def kernel_line(self) -> str:
        return ""

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    @property
    def status(self) -> Status:
        return self._live.status

    @property
    def saved_version(self) -> Version:
        return Version()

    @property
    def name(self) -> str:
        return self._live.name

    @property
    def colour(self) -> int | None:
        return self._live.colour

    @property
    def title(self) -> str:
        return self._live.title

    @property
    def address(self) -> str:
        return self._live.address

    @property
    def form(self) -> Form | None:
        return self._live.form

    def replace(self, start: int, end: int, text: str) -> Patch:
        return NOTHING

    def break_undo(self) -> None: ...

    @contextmanager
    def one_step(self) -> Iterator[None]:
        yield

    def show_caret(self, caret: int, mark: int | None) -> None:
        """The others go on seeing my caret where it is in the present text."""

    def hide_caret(self) -> None: ...


class ReadOnlyEditor(Editor):
    """An editor over such a text."""

    mode = ""
    """What the status bar calls it."""

    def __init__(self, live: Editor, session: ReadOnlySession, status: StatusBar) -> None:
        super().__init__(
            # Whatever writes is refused here, so that the session needs no face for it.
            cast(EditorSession, session),
            live.palette,
            status,
            live.settings,
            live.keymap,
            live.clipboard,
            live.macro,
            live.search.history,
            _no_vocabulary,
        )
        self._live = live
        self.vi = None  # esc leaves, and letters may be keys of the screen
        self.lands_at_start = False
        self.changes.shows = "none"
        self.refusal: Callable[[], str] = str
        """Why nothing can be typed."""
        self.leave_to_run: Callable[[str], None] = lambda command: None

    def _info(self, clock: float) -> Info:
        """What the status bar says of the live text, with the place in this one."""
        here = super()._info(clock)
        return self._live._info(clock)._replace(
            mode=self.mode,
            row=here.row,
            column=here.column,
            selected=here.selected,
            carets=here.carets,
            written=here.written,
        )

    def may_write(self) -> bool:
        self.say(self.refusal())
        return False

    def run(self, command: str) -> None:
        if command in READING:
            super().run(command)
        elif command in WRITING or BY_ID[command].group == "Editing":
            self.may_write()
        else:
            self.leave_to_run(command)


def _no_vocabulary() -> Vocabulary:
    raise AssertionError("nothing is typed into a text that is only read")
