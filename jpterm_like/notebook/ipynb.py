"""A notebook file (`.ipynb`, nbformat 4), kept by its own characters.

`read_notebook` notes where each cell is in the JSON. `NotebookFile.with_cells` writes the file with other cells: what was not
changed is copied, character by character, and what was changed is written in the file's own indent, escapes and line ends. So
outputs, metadata, attachments, unknown members and the order of members stay, and a line that is added makes a difference of a line.

nbformat reads a file into objects and writes it anew; of 636 real files it gave 31 back in other bytes.

Not here: ids of cells that the file has none for (`notebook.cells`), merging (`notebook.merge`), bytes and charsets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

NBFORMAT: Final = 4
"""The format that is edited cell by cell. Formats 1 to 3 have worksheets; Jupyter converts them when it opens one."""
ID_MINOR: Final = 5
"""Since format 4.5 each cell has an id."""
EMPTY: Final = '{\n "cells": [],\n "metadata": {},\n "nbformat": 4,\n "nbformat_minor": 5\n}\n'
"""A file without content counts as this one, as Jupyter writes it."""
KIND: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_ .-]{0,31}")
"""What a type of cells may be called."""

_DECODER: Final = json.JSONDecoder()
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_FIRST_INDENT: Final = re.compile(r"\{\r?\n([ \t]+)\"")
_FIRST_KEY_END: Final = re.compile(r"\"\s*:([ \t]*)")
_ESCAPE: Final = re.compile(r"\\u(?!00[01])")
"""An escape of something else than a control character."""


class NotANotebook(ValueError):
    """The file is not edited cell by cell. Its text is: why, as the rest of a sentence about the file."""


class Cell(NamedTuple):
    """A cell as it stands in the text that people edit; see `notebook.cells`."""

    kind: str
    """"code", "markdown", "raw", or another type by name."""
    id: str
    source: str


class Result(NamedTuple):
    """What a run gave, as the file has it."""

    number: int | None
    outputs: list[dict[str, Any]]


class FileCell(NamedTuple):
    """A cell of a file."""

    start: int
    """Where its object begins in the file, in code points."""
    end: int
    """Where it ends; not included."""
    kind: str
    id: str | None
    """As the file has it; None if it has none. It need not be a legal one."""
    source: str


class _Member(NamedTuple):
    key: str
    start: int
    """Where its key begins."""
    value_start: int
    end: int
    value: Any


@dataclass(frozen=True)
class _Style:
    """How a file is written."""

    indent: str | None
    """One level; None if everything is on one line."""
    line_end: str
    item_end: str
    """Between two items on one line."""
    key_end: str
    is_ascii: bool
    """Whether other characters are written as escapes."""

    def dump(self, value: object, level: int) -> str:
        """A value that begins on a line with this many levels of indent."""
        if self.indent is None:
            return json.dumps(value, ensure_ascii=self.is_ascii, separators=(self.item_end, self.key_end))
        separators = (",", self.key_end)
        text = json.dumps(value, indent=self.indent, ensure_ascii=self.is_ascii, separators=separators)
        return text.replace("\n", self.break_at(level))  # a line feed in a string is an escape

    def break_at(self, level: int) -> str:
        """What is between two items of an array or object at a level, after the comma."""
        if self.indent is None:
            return self.item_end[1:]
        return self.line_end + self.indent * level


@dataclass(frozen=True)
class NotebookFile:
    """The text of a notebook file, and where its cells are."""

    text: str
    cells: tuple[FileCell, ...]
    array: tuple[int, int]
    """Where the array of cells begins and ends, brackets included."""
    minor: int
    """The second number of its format."""
    style: _Style

    def with_cells(
        self,
        cells: Sequence[tuple[int | None, Cell]],
        former: Mapping[str, str] | None = None,
        results: Mapping[str, Result] | None = None,
    ) -> str:
        """The file with these cells, each with the number of the one here that it was, or None if it is new.

        The same cells give the same text. Outputs and metadata go with the number; or with the id, for new ones that the file had
        before: `former` is what they were in it. `results` are new outputs, by the ids of the cells.
        """
        parts = [
            self._new(cell, former or {}) if at is None else self._changed(self.cells[at], cell)
            for at, cell in cells
        ]
        if results:
            parts = [
                self._with_result(part, results[cell.id])
                if cell.kind == "code" and cell.id in results
                else part
                for part, (_, cell) in zip(parts, cells, strict=True)
            ]
        start, end = self.array
        spans = [(cell.start, cell.end) for cell in self.cells]
        if parts or spans:
            inner = self._items(start, end, spans, parts, [at for at, _ in cells], 2)
        else:
            inner = self.text[start + 1 : end - 1]
        return f"{self.text[: start + 1]}{inner}{self.text[end - 1 :]}"

    def _items(
        self,
        start: int,
        end: int,
        spans: Sequence[tuple[int, int]],
        parts: Sequence[str],
        numbers: Sequence[int | None],
        level: int,
    ) -> str:
        """The inside of an array or object with other items, each with its number among those of the file, or None.

        What is between two items that were neighbours stays; elsewhere it is what is between the first two.
        """
        text = self.text
        if not parts:
            return ""
        if not spans:
            usual = f",{self.style.break_at(level)}"
            has_lines = self.style.indent is not None
            head = self.style.break_at(level) if has_lines else ""
            tail = self.style.break_at(level - 1) if has_lines else ""
        else:
            head, tail = text[start + 1 : spans[0][0]], text[spans[-1][1] : end - 1]
            usual = (
                text[spans[0][1] : spans[1][0]] if len(spans) > 1 else f",{head or self.style.item_end[1:]}"
            )
        whole = head + parts[0]
        for (before, number), part in zip(pairwise(numbers), parts[1:], strict=True):
            if before is not None and number == before + 1:
                whole += text[spans[before][1] : spans[number][0]]
            else:
                whole += usual
            whole += part
        return whole + tail

    def _new(self, cell: Cell, former: Mapping[str, str]) -> str:
        if (text := former.get(cell.id)) is not None:
            with suppress(ValueError, RecursionError):  # the note of it was damaged
                was, _ = _place_of_cell(text, 0)
                return replace(self, text=text)._changed(was, cell)
        value: dict[str, object] = {"cell_type": cell.kind, "metadata": {}}
        if self.minor >= ID_MINOR:
            value["id"] = cell.id
        if cell.kind == "code":
            value |= {"execution_count": None, "outputs": []}
        value["source"] = _lines(cell.source)
        return self.style.dump(dict(sorted(value.items())), 2)

    def _changed(self, old: FileCell, cell: Cell) -> str:
        if (old.kind, old.source) == (cell.kind, cell.source):
            return self.text[old.start : old.end]
        members = _object(self.text, old.start)[0]
        kept = list(range(len(members)))
        added: dict[str, object] = {}
        if old.kind != cell.kind:
            forbidden = _not_for(cell.kind)
            kept = [at for at in kept if members[at].key not in forbidden]
            added = dict(_FOR_CODE) if cell.kind == "code" else {}
        if not any(member.key == "source" for member in members):
            added["source"] = _lines(cell.source)
        added = {key: value for key, value in added.items() if all(member.key != key for member in members)}
        parts = []
        for member in (members[at] for at in kept):
            value = self.text[member.value_start : member.end]
            if member.key == "cell_type":
                value = self.style.dump(cell.kind, 3) if old.kind != cell.kind else value
            elif member.key == "source":
                value = self._source(member, cell.source) if old.source != cell.source else value
            parts.append(self.text[member.start : member.value_start] + value)
        parts += [
            f"{json.dumps(key)}{self.style.key_end}{self.style.dump(value, 3)}"
            for key, value in added.items()
        ]
        spans = [(member.start, member.end) for member in members]
        numbers = [*kept, *[None] * len(added)]
        return "{" + self._items(old.start, old.end, spans, parts, numbers, 3) + "}"

    def _with_result(self, text: str, result: Result) -> str:
        """The text of a cell with other outputs."""
        values = {"execution_count": result.number, "outputs": result.outputs}
        for member in reversed(_object(text, 0)[0]):
            if member.key in values and member.value != values[member.key]:
                value = self.style.dump(values[member.key], 3)
                text = text[: member.value_start] + value + text[member.end :]
        return text

    def _source(self, member: _Member, source: str) -> str:
        if isinstance(member.value, str):
            return self.style.dump(source, 3)
        items = _array(self.text, member.value_start)
        old, new = [value for value, _, _ in items], _lines(source)
        same = _common(old, new)
        same_end = _common(old[same:][::-1], new[same:][::-1])
        rest = range(len(old) - same_end, len(old))
        spans = [(start, end) for _, start, end in items]
        parts = [
            *[self.text[start:end] for start, end in spans[:same]],
            *[self.style.dump(line, 4) for line in new[same : len(new) - same_end]],
            *[self.text[spans[at][0] : spans[at][1]] for at in rest],
        ]
        numbers = [*range(same), *[None] * (len(new) - same - same_end), *rest]
        return f"[{self._items(member.value_start, member.end, spans, parts, numbers, 4)}]"


_FOR_CODE: Final[dict[str, object]] = {"execution_count": None, "outputs": []}
"""What a cell of code must have."""


def _not_for(kind: str) -> frozenset[str]:
    """The members that nbformat forbids in a cell of this type, and that another type may have."""
    if kind == "code":
        return frozenset(("attachments",))
    return frozenset(_FOR_CODE) if kind in ("markdown", "raw") else frozenset()


def read_notebook(text: str) -> NotebookFile:
    """Find the cells of a notebook file.

    Raises:
        NotANotebook: it is another file, a damaged one, or of another format.
    """
    text = text if text.strip("\ufeff \t\r\n") else EMPTY
    try:
        return _read(text)
    except json.JSONDecodeError as error:
        raise NotANotebook(f"its JSON is broken at line {error.lineno:,}: {error.msg}") from None
    except RecursionError:
        raise NotANotebook("its JSON is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, NotANotebook):
            raise
        raise NotANotebook("a number in it is too long") from None  # int() takes 4,300 digits


def with_metadata(text: str, key: str, value: object) -> str:
    """A notebook file with another member in its metadata; None removes that. Everything else stays, character by character.

    Raises:
        NotANotebook: it is none.
    """
    file = read_notebook(text)
    text = text if text.strip("\ufeff \t\r\n") else EMPTY
    found = next((each for each in _object(text, text.index("{"))[0] if each.key == "metadata"), None)
    if found is None or not isinstance(found.value, dict):
        return text
    members = _object(text, found.value_start)[0]
    old = next((each for each in members if each.key == key), None)
    if (old is not None and old.value == value) or (old is None and value is None):
        return text
    written = f"{json.dumps(key)}{file.style.key_end}{file.style.dump(value, 2)}"
    kept = [at for at, each in enumerate(members) if value is not None or each is not old]
    parts = [written if members[at] is old else text[members[at].start : members[at].end] for at in kept]
    numbers: list[int | None] = [*kept]
    if old is None:
        parts.append(written)
        numbers.append(None)
    spans = [(member.start, member.end) for member in members]
    inner = replace(file, text=text)._items(found.value_start, found.end, spans, parts, numbers, 2)
    return f"{text[: found.value_start]}{{{inner}}}{text[found.end :]}"


def _read(text: str) -> NotebookFile:
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if text[start : start + 1] != "{":
        raise NotANotebook("it is no JSON object")
    array: list[int] = []

    def cells_of(at: int) -> tuple[Any, int]:
        if text[at : at + 1] != "[":
            return _DECODER.raw_decode(text, at)
        items = _array(text, at, _place_of_cell)
        end = _skip(text, items[-1][2] if items else at + 1) + 1
        array[:] = at, end
        return [cell for cell, _, _ in items], end

    members, end = _object(text, start, {"cells": cells_of})
    if _skip(text, end) < len(text):
        raise NotANotebook("more follows its JSON")
    values = {member.key: member.value for member in members}
    number, minor = values.get("nbformat"), values.get("nbformat_minor", 0)
    if type(number) is not int:
        raise NotANotebook("it does not say its format (nbformat)")
    if number != NBFORMAT:
        raise NotANotebook(f"it is a notebook of format {number}, not of {NBFORMAT}")
    if type(minor) is not int or not array:
        raise NotANotebook("it has no cells")
    cells = tuple(values["cells"])
    return NotebookFile(text, cells, (array[0], array[1]), minor, _style_of(text, start))


def _place_of_cell(text: str, at: int) -> tuple[FileCell, int]:
    if text[at : at + 1] != "{":
        raise NotANotebook("one of its cells is no object")
    members, end = _object(text, at)
    values = {member.key: member.value for member in members}
    kind, name, source = values.get("cell_type"), values.get("id"), values.get("source", "")
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        raise NotANotebook("one of its cells has no type")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotANotebook("one of its cells has a source that is no text")
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        raise NotANotebook("one of its cells has half of a character in its source") from None
    return FileCell(at, end, kind, name if isinstance(name, str) else None, source), end


def _style_of(text: str, start: int) -> _Style:
    indented, key_end = _FIRST_INDENT.match(text, start), _FIRST_KEY_END.search(text, start)
    blank = " " if key_end is None or key_end[1] else ""
    return _Style(
        indented[1] if indented else None,
        "\r\n" if text.find("\r\n", start, start + 3) > 0 else "\n",
        f",{blank}",
        f":{blank}",
        text.isascii() and _ESCAPE.search(text) is not None,
    )


# Where things are in JSON. Values are read by the json module, which is written in C.


def _skip(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    assert blanks is not None
    return blanks.end()


def _object(
    text: str, at: int, readers: dict[str, Callable[[int], tuple[Any, int]]] | None = None
) -> tuple[list[_Member], int]:
    """The members of the object at an offset, and where it ends; `readers` read the values of some keys."""
    members: list[_Member] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if members:
            at = _skip(text, _past(text, at, ","))
        start = at
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("a name in quotes is expected", text, at)
        key, at = _DECODER.raw_decode(text, at)
        at = value_start = _skip(text, _past(text, _skip(text, at), ":"))
        read = readers.get(key) if readers else None
        value, at = _DECODER.raw_decode(text, at) if read is None else read(at)
        members.append(_Member(key, start, value_start, at, value))
        at = _skip(text, at)
    if len({member.key for member in members}) < len(members):
        raise NotANotebook("an object in it has a name twice")
    return members, at + 1


def _array(
    text: str, at: int, read: Callable[[str, int], tuple[Any, int]] = _DECODER.raw_decode
) -> list[tuple[Any, int, int]]:
    """The items of the array at an offset, each with where it begins and ends."""
    items: list[tuple[Any, int, int]] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        if items:
            at = _skip(text, _past(text, at, ","))
        value, end = read(text, at)
        items.append((value, at, end))
        at = _skip(text, end)
    return items


def _past(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"'{sign}' is expected", text, at)
    return at + 1


def _lines(source: str) -> list[str]:
    # As nbformat splits it: also at form feeds and U+2028. Joined again they are the source, whatever the split.
    return source.splitlines(keepends=True)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items both begin with."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
