"""The list of people in all files: who, where, in which role, since when; and what can be done with each, by keys."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, NamedTuple

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from jpterm_like.client.events import Whereabout
from jpterm_like.tui.render.people import IDLE_S, shown_name
from jpterm_like.tui.text.cells import clean, cut, cut_start, width_of
from jpterm_like.tui.widgets.dialogs import Dialog
from jpterm_like.tui.widgets.options import hint_style

LINES_SHOWN: Final = 3
"""Lines that people said, below the list."""

KEYS_ROWS_MAX: Final = 2
"""Rows that the keys take on a narrow screen."""

NBSP: Final = "\u00a0"
"""Keeps a key and what it does in one row."""

NAME_CELLS: Final = 13
PLACE_CELLS_MAX: Final = 17
"""The width to which file and line are cut; their end tells more than their start."""

ROLES: Final = {"own": "owner", "edit": "editor", "view": "reader"}

REFRESH_S: Final = 2.0
"""How often an open list asks again."""


class Chosen(NamedTuple):
    """What the person wants, and of whom."""

    action: str
    """"go_to", "follow", "look", "say", "role", "kick" or "who"."""
    whereabout: Whereabout | None


def duration(seconds: int) -> str:
    """A length of time, in one short unit."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def one_row_each(everyone: Sequence[Whereabout]) -> list[Whereabout]:
    """Leave out the files that a person has open and does not look at, unless that is all that is known of them."""
    active = {(one.person, one.name) for one in everyone if one.is_active}
    return [one for one in everyone if one.is_active or (one.person, one.name) not in active]


def common_folder(paths: Sequence[str]) -> str:
    """The folder in which all absolute paths are, with the slash at its end; "" for paths that are relative to a served folder."""
    if not paths or not all(path.startswith("/") for path in paths):
        return ""
    return posixpath.commonpath([posixpath.dirname(path) for path in paths]).rstrip("/") + "/"


def row(one: Whereabout, style: Style, folder: str) -> Text:
    """One person, with the name as at their caret, in columns that fit a screen of 60 cells; `folder` is left out of the path."""
    name = f" {cut(shown_name(one.name), NAME_CELLS - 3)} "
    place = one.path.removeprefix(folder) + (f":{one.line}" if one.line else "")
    cells = cut_start(clean(place, 500), PLACE_CELLS_MAX)
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(name, style)
    line.append(" " * max(0, NAME_CELLS - width_of(name)))
    line.append(cells + " " * (PLACE_CELLS_MAX + 1 - width_of(cells)))
    idle = "elsewhere" if not one.is_active else duration(one.idle_s) if one.idle_s >= IDLE_S else ""
    line.append(f"{ROLES[one.role]:<7}{duration(one.since_s):<7}{'you' if one.is_me else idle}")
    return line


HEAD: Final = f"{' person':<{NAME_CELLS}}{'file and line':<{PLACE_CELLS_MAX + 1}}{'role':<7}{'here':<7}idle"
"""The names of these columns; *here* is the time since the file was opened, *idle* the time since the caret moved."""


class PeopleList(Dialog[Chosen | None]):
    """Returns what to do with whom, or None when closed."""

    ACTIONS: ClassVar = {
        "enter": "go_to",
        "g": "go_to",
        "f": "follow",
        "l": "look",
        "s": "say",
        "r": "role",
        "k": "kick",
        "f8": "who",
    }

    DEFAULT_CSS = "#people-head { height: 1; width: 100%; text-wrap: nowrap; }"

    def __init__(
        self,
        my_name: str,
        everyone: Sequence[Whereabout],
        lines: Sequence[str],
        style_of: Callable[[str], Style],
        refresh: Callable[[], None],
        note: str = "",
    ) -> None:
        super().__init__()
        self._my_name = my_name
        self.everyone = one_row_each(everyone)
        """The rows."""
        self._lines = lines
        self._style_of = style_of
        self._ask_again = refresh
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(f"People: you are {self._my_name}", id="dialog-title", markup=False)
            yield Static(Content.styled(HEAD, hint_style(self.app)), id="people-head", markup=False)
            yield OptionList(id="dialog-list", markup=False)
            yield Static(id="dialog-foot", markup=False)

    def on_mount(self) -> None:
        self._fill()
        self.query_one(OptionList).focus()
        self.set_interval(REFRESH_S, self._ask_again)

    def fit(self, width: int, height: int) -> None:
        super().fit(width, height)
        said = len(self._lines[-LINES_SHOWN:])
        self.fit_list(height, 2 + said + bool(self._note) + KEYS_ROWS_MAX)

    def show(self, everyone: Sequence[Whereabout]) -> None:
        """Show these people from now on; the highlighted person stays so."""
        shown = one_row_each(everyone)
        if shown != self.everyone and self.is_attached:
            self.everyone = shown
            self._fill()

    @property
    def highlighted(self) -> Whereabout | None:
        index = self.query_one(OptionList).highlighted
        return None if index is None or index >= len(self.everyone) else self.everyone[index]

    def _fill(self) -> None:
        options = self.query_one(OptionList)
        before = options.highlighted
        known = [option.id for option in options.options]
        chosen = known[before] if before is not None and before < len(known) else None
        options.clear_options()
        folder = common_folder([one.path for one in self.everyone])
        ids = [f"{one.site} {one.path}" for one in self.everyone]
        for id, one in zip(ids, self.everyone, strict=True):
            options.add_option(Option(row(one, self._style_of(one.name), folder), id=id))
        if not self.everyone:
            options.add_option(Option("Only you are here.", disabled=True))
        first = next((index for index, one in enumerate(self.everyone) if not one.is_me), 0)
        if ids:
            options.highlighted = ids.index(chosen) if chosen in ids else first
        self._show_foot()

    def _show_foot(self) -> None:
        """The keys that count for the highlighted person, and what was said last."""
        one = self.highlighted
        keys = ["s say", "esc close"]
        if one is not None and not one.is_me:
            may = ["r role"] * one.may_change_role + ["k kick"] * one.may_kick
            keys = ["enter go there", "f follow", "l look here", *may, *keys]
        said = [cut(line, 200) for line in self._lines[-LINES_SHOWN:]]
        told = "".join(f"{line}\n" for line in (*said, *([self._note] if self._note else [])))
        self.query_one("#dialog-foot", Static).update(
            Content.assemble(
                told, ("  ".join(keys).replace(" ", NBSP).replace(NBSP * 2, "  "), hint_style(self.app))
            )
        )

    def on_option_list_option_highlighted(self) -> None:
        self._show_foot()

    def on_option_list_option_selected(self) -> None:
        self._choose("go_to")

    def _choose(self, action: str) -> None:
        one = self.highlighted
        if action not in ("say", "who") and (one is None or one.is_me):
            return
        if one is not None and not {"kick": one.may_kick, "role": one.may_change_role}.get(action, True):
            return
        self.dismiss(Chosen(action, one))

    def on_key(self, event: events.Key) -> None:
        if self.is_closing(event.key) or event.key == "q":
            event.stop()
            self.dismiss(None)
        elif event.key != "enter" and (action := self.ACTIONS.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            self._choose(action)
