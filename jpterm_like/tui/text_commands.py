"""The functions of all commands that need a text. Loaded when the first screen is shown, or at the first key if that is sooner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from jpterm_like.tui.commands import (
    basic,
    cell_edits,
    cells,
    filter_lines,
    folding,
    lines,
    links,
    macro_commands,
    multiple_carets,
    navigation,
    prose,
)
from jpterm_like.tui.commands.changes import Changes
from jpterm_like.tui.commands.collaborators import Awareness
from jpterm_like.tui.commands.find import Search
from jpterm_like.tui.commands.highlighting import Highlighting
from jpterm_like.tui.commands.offers import Offers
from jpterm_like.tui.commands.review import Reviewing


def functions_of(module: ModuleType | type) -> Mapping[str, Callable[[Any], object]]:
    """The functions `do_<id>` of a module or class, by the id of their command."""
    return {name.removeprefix("do_"): does for name, does in vars(module).items() if name.startswith("do_")}


COMMAND_OWNERS: Final[tuple[tuple[ModuleType | type, str], ...]] = (
    *(
        (module, "")
        for module in (
            basic,
            cell_edits,
            cells,
            lines,
            filter_lines,
            links,
            macro_commands,
            multiple_carets,
            navigation,
            folding,
            prose,
        )
    ),
    (Search, "search"),
    (Highlighting, "highlighting"),
    (Awareness, "awareness"),
    (Offers, "offers"),
    (Changes, "changes"),
    (Reviewing, "reviewing"),
)
"""Where the functions of commands are, besides the editor's own, and the attribute of it that they are given ("": the editor)."""
