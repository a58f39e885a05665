"""Open a text at a place in the editor: `jpterm-like webdavs://nas/notes/plan.md`.

The text is fetched by ranges into a folder of its own in the state folder, one for each place, and is opened there as any file: so it is here
from then on, also without the place. The editor keeps it in step meanwhile (`keeping`). If this machine syncs a folder with
that place, the text is opened in that folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jpterm_like import collection as collections
from jpterm_like.cli.place_commands import REASONS, open_for_person
from jpterm_like.cli.place_texts import above
from jpterm_like.cli.progress import Progress
from jpterm_like.cli.sync import SyncRun
from jpterm_like.collection import Collection
from jpterm_like.config import Paths, display_name
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.safe_names import why_not_shared
from jpterm_like.packs.decisions import Standing, standing
from jpterm_like.packs.documents import Documents
from jpterm_like.places.address import name_of
from jpterm_like.places.base import Place, ReadOnly, in_sentence, list_all_files

FOLDER: Final = "places"
"""The texts that were opened from places, in the state folder."""


def open_at_place(written: str, name: str) -> Path:
    """Return the file of a text at a place; it is fetched if it is not here. A text that is not there begins when the file is saved.

    Raises:
        JptermError: it is not here, and the place cannot be reached, or is none.
    """
    progress = Progress()
    try:
        place, text, found = _place_of(written, progress)
        if reason := why_not_shared(text):
            raise JptermError(
                f"{escape_for_terminal(text) or 'A text without a name'} is not opened: {reason}."
            )
        its_folder, known = min(found, key=lambda each: each[1].is_part) if found else _begin(place, name)
        if (file := _file_of(its_folder, known, text)) is not None:
            return file
        _fetch(place, known, name, text, progress)
        file = _file_of(its_folder, known, text) or known.folder / text
        private.check_folder(file.parent, make=True)
        return file
    except (OSError, private.NotPrivate) as problem:
        raise JptermError(
            f"{escape_for_terminal(written)} cannot be opened: {explain(problem)}."
        ) from problem
    finally:
        progress.end()


def _place_of(written: str, progress: Progress) -> tuple[Place, str, list[tuple[Path, Collection]]]:
    """Return the place in an address, the name of the text there, and the collections of this machine with that place.

    Raises:
        JptermError: no part of the address is a place, or it cannot be reached.
    """
    problem: JptermError | None = None
    if "://" not in written:
        written = os.path.abspath(os.path.expanduser(written))
    places = [
        (open_for_person(each, progress.moved), written[len(each) :].strip("/")) for each in above(written)
    ]
    for place, text in places:
        if found := list(_collections_at(place)):
            return place, text, found
    for place, text in places:
        progress.say(f"Asking {place.address} what is there")
        try:
            if standing(list_all_files(place), None, was_ready=False) is Standing.READY:
                return place, text, []
        except JptermError as error:
            problem = problem or error
    with contextlib.suppress(JptermError):
        if standing(list_all_files(open_for_person(written)), None, was_ready=False) is Standing.READY:
            problem = whole_place(written)
    raise problem or JptermError(f"{escape_for_terminal(written)} is no text at a place.")


def whole_place(written: str) -> JptermError:
    """Return what is said to somebody who named a place and no text there."""
    return JptermError(
        f"{escape_for_terminal(written)} is a place. Say which text you mean: jpterm-like ls {shlex.quote(written)} lists them."
    )


def _collections_at(place: Place) -> Iterator[tuple[Path, Collection]]:
    """Yield the collections of this machine that are synced with a place."""
    for its_folder, known in collections.find(Paths.of_user().state_folder, Path("/"), []):
        if (note := known.places.get(place.address)) is not None and note.was_ready:
            yield its_folder, known


def _begin(place: Place, name: str) -> tuple[Path, Collection]:
    """Begin a part of the collection at a place."""
    listing = list_all_files(place)
    there = standing(listing, None, was_ready=False)
    if there is not Standing.READY:
        raise JptermError(f"{in_sentence(place)} {REASONS[there]}.")
    [marker] = listing.markers
    state = Paths.of_user().state_folder
    digest = hashlib.blake2b(os.fsencode(place.address), digest_size=5).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name_of(place.address)).strip("-")[:40]
    folder = state / FOLDER / f"{plain or 'place'}-{digest}"
    private.check_folder(state, make=True)
    private.check_folder(folder, make=True)
    its_folder = collections.begin(
        state, Path(os.path.realpath(folder)), display_name(name), marker.collection, is_part=True
    )
    known = collections.load(its_folder)
    assert known is not None
    return its_folder, known


def _fetch(place: Place, known: Collection, name: str, text: str, progress: Progress) -> None:
    """Have a text of the place here, if it is there."""
    totals = SyncRun(place, known.folder, name, progress, wanted=text).run()
    report = totals.report
    assert report is not None
    if report.problem is not None and not isinstance(report.problem, ReadOnly):
        raise report.problem
    if report.standing is not Standing.READY:
        raise JptermError(f"{in_sentence(place)} {REASONS[report.standing]}.")
    if totals.problems:
        raise JptermError(totals.problems[0])


def _file_of(its_folder: Path, known: Collection, text: str) -> Path | None:
    """Return the file here of a text; None if it is not here, or was deleted.

    Raises:
        JptermError: several texts have that name.
    """
    found = Documents.decode(collections.read_texts(its_folder)).notes.values()
    names = [notes.name_here for notes in found if notes.wanted_name == text and notes.name_here]
    files = [path for each in sorted(names) if os.path.lexists(path := known.folder / each)]
    if len(files) > 1:
        paths = " and ".join(escape_for_terminal(shlex.quote(str(path))) for path in files)
        raise JptermError(
            f"{len(files)} texts are called {escape_for_terminal(text)} there. Open the one that you mean: {paths}"
        )
    return files[0] if files else None
