"""What happens around the editor: addresses become open texts, standard input becomes one, a server is asked before
the screen starts."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .cabinet import Cabinet
from .client import open_session
from .config import Paths, Settings, display_name
from .doors import ServerDoor, door_to
from .errors import JptermError, explain, shown
from .session import Session
from .ssh import SshDoor
from .storage.base import Storage
from .storage.folder import FolderStorage
from .transports.base import CannotConnect, NotAdmitted

JOIN_S = 10.0
"""How long to wait for a server that is there and slow."""


class Wanted(NamedTuple):
    """A text to be opened."""

    address: str
    place: tuple[int, int] | None = None
    """Line and column, from 1."""


def edit(wanted: Sequence[str], *, name: str | None, theme: str | None, view: bool) -> int:
    """Open the editor on what was written on the command line, or without anything its start screen; on a folder,
    with the choice of its files.

    Returns:
        0: everything is saved, or was not changed; 1: something was left unsaved.

    Raises:
        JptermError: something cannot be opened; told before the screen starts.
    """
    texts = understood(wanted)
    chooses = len(texts) == 1 and os.path.isdir(texts[0].address)
    if chooses:
        _go_to(texts.pop().address)
    paths = Paths.of_user()
    scratch: Path | None = None
    if any(text.address == "-" for text in texts):
        scratch = _standard_input_kept(paths)
        texts = [text._replace(address=str(scratch)) if text.address == "-" else text for text in texts]
    from .tui.app import EditorApp
    from .tui.session import Opening

    settings = Settings.load(paths)
    storage = FolderStorage(paths.replicas)
    name = display_name(name, settings)
    try:
        openings = [Opening(_open(text.address, name, storage, view), text.place) for text in texts]

        async def run() -> EditorApp:
            for opening in openings:
                if not opening.session.ready:
                    # It has nothing to show without the server: find out before the screen starts whether it wants us.
                    await opening.session.start()
                    await opening.session.joined(JOIN_S)
            app = EditorApp(
                openings,
                settings,
                cabinet=Cabinet(paths, storage, name, view=view),
                theme=theme,
                chooses=chooses,
            )
            await app.run_async()
            return app

        app = asyncio.run(run())
    finally:
        storage.close()
    if app.mistake is not None:
        raise app.mistake
    if scratch is not None:
        sys.stderr.write(f"jpterm-like: what came on standard input is in {shown(scratch)}.\n")
    return app.return_code or 0


def _go_to(folder: str) -> None:
    """Names are meant in this folder from now on.

    Raises:
        JptermError: it is closed to us.
    """
    try:
        os.chdir(folder)
    except OSError as problem:
        raise JptermError(f"{shown(folder)} cannot be opened: {explain(problem)}.") from problem


def understood(words: Sequence[str]) -> list[Wanted]:
    """What is to be opened, and where: `+12 f`, `+12,5 f`, `f:12`, `f:12:5`.

    Raises:
        JptermError: a place without a file.
    """
    texts: list[Wanted] = []
    place: tuple[int, int] | None = None
    for word in words:
        if (given := re.fullmatch(r"\+(\d{1,9})(?:[,:](\d{1,9}))?", word)) and not os.path.lexists(word):
            place = _place(given[1], given[2])
            continue
        text = _with_place(word)
        texts.append(text if place is None else text._replace(place=place))
        place = None
    if place is not None:
        raise JptermError(f"{shown(words[-1])} is a place in the file that follows: name that file, too.")
    return texts


def _with_place(word: str) -> Wanted:
    """`notes.md:12:5` as compilers and grep write it; a file that is called so is that file."""
    found = re.fullmatch(r"(.+?):(\d{1,9})(?::(\d{1,9}))?:?", word, re.S)
    if found is None or os.path.lexists(word):
        return Wanted(word)
    _, separator, rest = found[1].partition("://")
    if separator and "/" not in rest:  # the number is a port
        return Wanted(word)
    return Wanted(found[1], _place(found[2], found[3]))


def _place(line: str, column: str | None) -> tuple[int, int]:
    return max(1, int(line)), max(1, int(column or 1))


def _open(address: str, name: str, storage: Storage, view: bool) -> Session:
    """A session that is not started; whatever has to be asked on the terminal was asked."""
    door = door_to(address)
    session = open_session(address, name=name, storage=storage, door=door, view=view)
    try:
        if isinstance(door, SshDoor):
            door.prepare()
        elif isinstance(door, ServerDoor) and not session.ready:
            _be_admitted(door)
    except CannotConnect:
        if not session.ready:
            asyncio.run(session.close())
            raise
    return session


def _be_admitted(door: ServerDoor) -> None:
    """Knock at a server, and ask for a token if it does.

    Raises:
        JptermError: it does not let us in.
    """

    async def knock() -> None:
        transport = await door.connect()
        await transport.close()

    try:
        asyncio.run(knock())
    except NotAdmitted as problem:
        from . import granting

        sys.stderr.write(f"jpterm-like: {shown(problem)}\n")
        granting.add(door.origin)
        asyncio.run(knock())


def _standard_input_kept(paths: Paths) -> Path:
    """Put what comes on standard input into a file of its own, and have the terminal on standard input from then on.

    Raises:
        JptermError: it is no text, or cannot be kept.
    """
    data = sys.stdin.buffer.read()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise JptermError("What came on standard input is not UTF-8 and cannot be edited.") from None
    os.dup2(1, 0)  # that is a terminal, and one can read from it, too
    folder = paths.state / "scratch"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, path = tempfile.mkstemp(".txt", "stdin-", folder)
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError as problem:
        raise JptermError(f"What came on standard input cannot be kept: {explain(problem)}.") from problem
    return Path(path)
