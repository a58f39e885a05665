"""The command `find`: search the documents that this user keeps for words, and say how a deleted passage is restored."""

from __future__ import annotations

import os
import shlex
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jpterm_like.cli.parser import Command, count
from jpterm_like.cli.progress import REDRAW_S, Progress
from jpterm_like.errors import JptermError, escape_for_terminal

if TYPE_CHECKING:
    from jpterm_like.config import Paths
    from jpterm_like.index.search import Answer, Found
    from jpterm_like.tui.ports import Sighting

SHOWN_DEFAULT: Final = 50
SHOWN_MAX: Final = 10_000

PROGRESS_AFTER_S: Final = 0.7
"""Time after which the terminal shows how far the search is."""

LINE_WIDTH_MAX: Final = 200
"""Limit of characters that are shown of a line, around the first word."""
PASSAGE_LINES_MAX: Final = 5
"""Limit of lines that are shown of a deleted passage, from the first with one of the words on."""
REMARKS_MAX: Final = 5
"""Limit of sentences about documents that were not searched; the others are counted."""


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words",
        metavar="WORDS",
        nargs="+",
        help="what to find: words or parts of words, in any case; all of them in one line",
    )
    parser.add_argument(
        "--deleted",
        action="store_true",
        help="find it in what was deleted, and say who deleted it and how it comes back",
    )
    parser.add_argument(
        "-n",
        metavar="N",
        dest="limit",
        type=count,
        default=SHOWN_DEFAULT,
        help="show at most so many; default: 50",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _find(options: Namespace) -> int:
    from jpterm_like.access.discovery import STORE_FOLDER
    from jpterm_like.config import Paths
    from jpterm_like.index.search import find
    from jpterm_like.stores import has_histories, note_served

    if not 1 <= options.limit <= SHOWN_MAX:
        raise JptermError(f"-n takes a number from 1 to {SHOWN_MAX:,}.")
    paths, here = Paths.of_user(), Path.cwd()
    root = next((it for it in (here, *here.parents) if has_histories(it / STORE_FOLDER)), None)
    if root is not None:
        note_served(paths, root)
    progress = _IndexingProgress()
    try:
        answer = find(
            paths, options.words, deleted=options.deleted, limit=options.limit, progress=progress.note
        )
    finally:
        progress.end()
    rows = _as_json(answer) if options.json else _for_people(answer, str(here))
    sys.stdout.buffer.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))
    sys.stdout.flush()
    for sentence in _notes(answer, options.limit, str(here)):
        print(f"jpterm-like: {escape_for_terminal(sentence)}", file=sys.stderr)
    return 0 if answer.found else 1


EDITOR_MAX: Final = 200
"""Limit of lines, and of deleted passages, in the editor's list."""


def find_for_editor(
    paths: Paths, written: str, progress: Callable[[int, int], None]
) -> tuple[list[Sighting], list[str]]:
    """Return the lines with all of these words, then the deleted passages with them, and remarks, as the editor lists them. Blocks."""
    from jpterm_like.cli.parser import deletion
    from jpterm_like.index.search import find
    from jpterm_like.tui.ports import Sighting

    here = os.getcwd()
    rows: list[Sighting] = []
    remarks: list[str] = []
    gone: dict[str, None] = {}
    for deleted in (False, True):
        answer = find(paths, written.split(), deleted=deleted, limit=EDITOR_MAX, progress=progress)
        remarks = answer.remarks
        gone |= dict.fromkeys(_without_files(answer, here))
        for it in answer.found:
            text = it.text[it.text.rfind("\n", 0, it.spans[0][0]) + 1 :]
            passage = it.passage
            by, at = (passage.deleted_by, passage.deleted_at) if passage is not None else ("", 0)
            which = deletion(passage.deletion) if passage is not None else None
            rows.append(Sighting(it.place, _near(it.place, here), it.row, text, which, by, at))
    return rows, [*remarks, *gone]


class _IndexingProgress:
    """Shows on the terminal how far a search has indexed, once it takes longer than `PROGRESS_AFTER_S`."""

    def __init__(self) -> None:
        self._line = Progress()
        self._next_s = time.monotonic() + PROGRESS_AFTER_S

    def note(self, done: int, total: int) -> None:
        if (now := time.monotonic()) >= self._next_s:
            self._next_s = now + REDRAW_S
            self._line.say(f"still indexing, {done:,} of {total:,} …")

    def end(self) -> None:
        self._line.end()


def _notes(answer: Answer, limit: int, here: str) -> Iterator[str]:
    """Yield sentences about results that are not shown, documents that were not searched, and those without files."""
    if answer.more:
        yield f"The first {limit:,} are shown; -n shows more."
    yield from answer.remarks[:REMARKS_MAX]
    if (more := len(answer.remarks) - REMARKS_MAX) > 0:
        yield f"{more:,} more documents were not searched whole."
    gone = list(_without_files(answer, here))
    yield from gone[:REMARKS_MAX]
    if (more := len(gone) - REMARKS_MAX) > 0:
        yield f"{more:,} more documents have no file."


def _without_files(answer: Answer, here: str) -> Iterator[str]:
    """Yield a sentence about each document without a file, since it was removed or never saved: its text is still found."""
    for place in dict.fromkeys(it.place for it in answer.found):
        if place.startswith("/") and not os.path.lexists(place):
            near = _near(place, here)
            yield f"{near} has no file, and its text is kept: jpterm-like cat {shlex.quote(near)}"


def _as_json(answer: Answer) -> Iterator[str]:
    import json

    for it in answer.found:
        row = {
            "file": it.place,
            "line": it.row + 1,
            "text": it.text,
            "matches": it.spans,
            "length": it.length,
        }
        if (passage := it.passage) is not None:
            row |= {
                "authors": passage.authors,
                "written": passage.since,
                "deleted_by": passage.deleted_by,
                "deleted": passage.deleted_at,
                "deletion": passage.deletion,
            }
        yield json.dumps(row)


def _for_people(answer: Answer, here: str) -> Iterator[str]:
    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for number, it in enumerate(answer.found):
        if it.passage is None:
            line = _marked(it.text, it.spans, is_coloured)
            yield f"{escape_for_terminal(_near(it.place, here))}:{it.row + 1}: {line}"
            continue
        if number:
            yield ""
        yield from _passage(it, here, is_coloured)


def _passage(it: Found, here: str, is_coloured: bool) -> Iterator[str]:
    from jpterm_like.cli.times import readable

    passage = it.passage
    assert passage is not None
    place = _near(it.place, here)
    told = f"{place}:{it.row + 1}: deleted by {passage.deleted_by or 'somebody'}"
    yield escape_for_terminal(f"{told} {readable(passage.deleted_at)}".rstrip())
    start = it.text.rfind("\n", 0, it.spans[0][0]) + 1
    lines = it.text[start:].rstrip("\n").split("\n")
    at = start
    for line in lines[:PASSAGE_LINES_MAX]:
        spans = tuple(
            (max(0, low - at), min(high - at, len(line)))
            for low, high in it.spans
            if low < at + len(line) and high > at
        )
        yield f"    {_marked(line, spans, is_coloured)}"
        at += len(line) + 1
    before, after = it.text.count("\n", 0, start), max(0, len(lines) - PASSAGE_LINES_MAX)
    if before or after:
        yield f"    ({before:,} lines before these and {after:,} after; {it.length:,} characters in all)"
    authors = " and ".join(name or "the file" for name in passage.authors)
    yield escape_for_terminal(f"    written by {authors} {readable(passage.since)}".rstrip())
    yield escape_for_terminal(f"    → jpterm-like restore {shlex.quote(place)} --deletion {passage.deletion}")


def _near(place: str, here: str) -> str:
    """Return a path as one types it in this folder."""
    if here == "/" or not place.startswith(f"{here}/"):
        return place
    name = place.removeprefix(f"{here}/")
    return f"./{name}" if name.startswith("-") else name


def _marked(line: str, spans: tuple[tuple[int, int], ...], is_coloured: bool) -> str:
    """Return a part of a line as the terminal shows it, with the words in bold."""
    from jpterm_like.index.words import excerpt

    if not spans:
        return _safe(line[:LINE_WIDTH_MAX])
    part, spans = excerpt(line, spans, LINE_WIDTH_MAX)
    if not is_coloured:
        return _safe(part)
    shown, at = "", 0
    for low, high in spans:
        shown += f"{_safe(part[at:low])}\x1b[1m{_safe(part[low:high])}\x1b[m"
        at = high
    return shown + _safe(part[at:])


def _safe(text: str) -> str:
    return escape_for_terminal(text.replace("\t", "    "))


COMMANDS: Final = (
    Command(
        "find",
        "WORDS",
        "find words in everything you wrote, also in what was deleted",
        "Find lines with all of these words in every document that this machine keeps of you: the files that you edited, texts on servers "
        "that you opened, and folders that you served. With --deleted, find passages that somebody deleted, newest first, and the "
        "command that brings each of them back. Exit code 0: something was found; 1: nothing; 2: it cannot be searched.",
        _arguments,
        _find,
        exit_code_of_errors=2,
    ),
)
