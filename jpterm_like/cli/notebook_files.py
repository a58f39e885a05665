"""The commands `convert`, `clear` and `cat --outputs`: a notebook as another file, without outputs, and printed with them."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jpterm_like.cli.scripting import confirmed, connected, read_text, saves_only_mine
from jpterm_like.client.session import Session
from jpterm_like.config import display_name
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files.charsets import UNKNOWN
from jpterm_like.files.notebook_file import notebook_metadata
from jpterm_like.notebook.cells import marker, parts_of, split_cells
from jpterm_like.notebook.output_texts import plain_text_of
from jpterm_like.notebook.scripts import from_markdown, from_script, new_file, to_markdown, to_script

NOTEBOOK: Final = ".ipynb"
PYTHON: Final = "python"
OUTPUT: Final = "#> "
"""Before each line of an output."""


# ------------------------------------------------------------------ convert


def convert(address: str, target: str, *, overwrites: bool) -> None:
    """Write the cells of a notebook, as everyone sees them now, as a script or as Markdown; or such a file as a new notebook.

    Raises:
        JptermError: the kinds of files do not fit; the target is there; it cannot be written.
    """
    source, wanted = _suffix(address), _suffix(target)
    forms = (".py", ".md")
    if source == NOTEBOOK and wanted in forms:
        cells = split_cells(read_text(address))
        text = to_script(cells) if wanted == ".py" else to_markdown(cells, _language(address))
    elif source in forms and wanted == NOTEBOOK:
        words = read_text(address)
        text = new_file(from_script(words) if source == ".py" else from_markdown(words))
    else:
        raise JptermError(
            f"{escape_for_terminal(address)} cannot become {escape_for_terminal(target)}: a .ipynb can become a .py or .md, and these a .ipynb."
        )
    _write(Path(target), text, overwrites=overwrites)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _language(address: str) -> str:
    """The language of a notebook of this machine, as fences of Markdown call it; Python for others, whose file is not here."""
    try:
        raw = Path(address).read_bytes()
    except (OSError, ValueError):
        return PYTHON
    metadata = notebook_metadata(UNKNOWN._replace(raw=raw))
    for place, key in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(place)
        name = found.get(key) if isinstance(found, dict) else None
        if isinstance(name, str) and re.fullmatch(r"[\w+.-]{1,32}", name):
            return name.lower()
    return PYTHON


def _write(path: Path, text: str, *, overwrites: bool) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        if not overwrites:
            with open(path, "x", encoding="utf-8", newline="") as file:
                file.write(text)
            return
        try:
            with open(temporary, "x", encoding="utf-8", newline="") as file:
                file.write(text)
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise JptermError(f"{escape_for_terminal(path)} is there already; --overwrite replaces it.") from None
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(path)} cannot be written: {explain(problem)}.") from None


# ------------------------------------------------------------------ clear


def clear(address: str, cells: Sequence[str], *, name: str | None) -> None:
    """Remove the outputs of cells, of all if none is named; also from the file, unless that would save what others have not saved yet.

    Raises:
        JptermError: it was not done.
    """

    async def run() -> None:
        async with connected(address, name=display_name(name), create=False, visible=True) as session:
            _check_is_notebook(session)
            there = {part.id for part in parts_of(session.text)}
            for cell in cells:
                if cell not in there:
                    raise JptermError(f"There is no cell with the id {escape_for_terminal(cell)}.")
            await session.clear_outputs(cells)
            await confirmed(session, lambda: saves_only_mine(session))

    asyncio.run(run())


# ------------------------------------------------------------------ cat --outputs


def read_with_outputs(address: str) -> str:
    """The cells of a notebook, and below each what it gave, in lines that begin with `#>`.

    Raises:
        JptermError: it is no notebook, or cannot be read.
    """

    async def look() -> str:
        async with connected(address, name="", create=False, visible=False) as session:
            _check_is_notebook(session)
            await session.outputs_known()
            return _text_with_outputs(session)

    return asyncio.run(look())


def _text_with_outputs(session: Session) -> str:
    text = session.text
    found = []
    for part in parts_of(text):
        outputs = session.outputs_of(part.id) if part.id else None
        head = f"{marker(part.kind, part.id)}\n" if part.id else text[part.start : part.body]
        found.append(f"{head}{text[part.body : part.end]}".rstrip("\n"))
        if outputs is not None and (outputs.items or outputs.badge):
            shown = plain_text_of(outputs).rstrip("\n")
            lines = [outputs.badge, *shown.split("\n")] if shown else [outputs.badge]
            found += [f"{OUTPUT}{line}".rstrip() for line in lines if line or shown]
    return "\n".join(found) + "\n"


def _check_is_notebook(session: Session) -> None:
    if not session.is_notebook:
        raise JptermError(f"{session.title} is no notebook.")
