"""What happens around the editor: addresses become open texts, standard input becomes one, a server is asked before
the screen starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, NamedTuple

from jpterm_like.access.addresses import Address, ServerAddress, UnixSocketAddress, parse_address
from jpterm_like.access.ssh import SshAddress
from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.config import Paths, Settings, display_name
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.storage.base import Storage
from jpterm_like.stores import replicas_of
from jpterm_like.transports.base import CannotConnect, NotAdmitted
from jpterm_like.tui.text.line_index import Lines

TELL_FIRST_S: Final = 0.7
"""If a text is not there after so long, the terminal tells what is done."""
TELL_S: Final = 0.1
JOIN_S: Final = 10.0
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
    settings = Settings.load(paths)
    storage = replicas_of(paths)
    name = display_name(name, settings)
    try:
        loading = _Loading(texts, name, storage, view)
        from jpterm_like.tui.app import EditorApp
        from jpterm_like.tui.ports import Opening

        openings: list[Opening] = []
        sessions: list[Session] = []
        for text, (address, session, lines) in zip(texts, loading.wait(), strict=True):
            _be_let_in(session, address)
            openings.append(Opening(session, text.place, lines))
            sessions.append(session)

        async def run() -> EditorApp:
            for at, session in enumerate(sessions):
                if not session.ready:
                    # It has nothing to show without the server: find out before the screen starts whether it wants us.
                    await session.start()
                    await session.wait_until_coming(JOIN_S)
                elif _is_called() and session.is_written_anew:
                    await _set_aside(session)
                    openings[at] = Opening(session, texts[at].place)  # its lines are others now
            app = EditorApp(
                openings,
                settings,
                catalog=FileCatalog(paths, storage, name, view=view),
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
        sys.stderr.write(f"jpterm-like: what came on standard input is in {escape_for_terminal(scratch)}.\n")
    return app.return_code or 0


def _is_called() -> bool:
    """Whether another program has started us and waits, as $EDITOR: a shell at a terminal gives each program that it
    starts a process group of its own, `git commit` has us in its own."""
    return os.getpgrp() != os.getpid()


async def _set_aside(session: Session) -> None:
    """Have a text that was written for this call be as it is in the file, before the screen starts."""
    with contextlib.suppress(JptermError):  # the screen tells what is wrong
        await session.start()
        await session.wait_until_joined(JOIN_S)
        await session.informed()
    with contextlib.suppress(JptermError):
        await session.set_aside()


def _go_to(folder: str) -> None:
    """Names are meant in this folder from now on.

    Raises:
        JptermError: it is closed to us.
    """
    try:
        os.chdir(folder)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(folder)} cannot be opened: {explain(problem)}.") from problem


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
        raise JptermError(
            f"{escape_for_terminal(words[-1])} is a place in the file that follows: name that file, too."
        )
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


class _Loading:
    """Texts on their way from the disk, in a thread: meanwhile the editor's own code is loaded."""

    def __init__(self, texts: Sequence[Wanted], name: str, storage: Storage, view: bool) -> None:
        self._texts = texts
        self._name = name
        self._storage = storage
        self._view = view
        self._told = ""
        """Which file is being read."""
        self._share = 0.0
        self._began = time.monotonic()
        threads = ThreadPoolExecutor(1)
        self._loaded = threads.submit(self._load)
        threads.shutdown(wait=False)

    def _load(self) -> list[tuple[Address, Session, Lines | None]]:
        """Sessions that are not started, with their addresses, and with their lines if these are known already."""
        found: list[tuple[Address, Session, Lines | None]] = []
        for text in self._texts:
            address = parse_address(text.address)
            self._told, self._share = address.title, 0.0
            session = open_session(
                address,
                name=self._name,
                storage=self._storage,
                view=self._view,
                progress=self._note,
            )
            found.append((address, session, Lines(session.text) if session.ready else None))
        return found

    def _note(self, share: float) -> None:
        self._share = share

    def wait(self) -> list[tuple[Address, Session, Lines | None]]:
        """Return when all is there; if that takes long, the terminal tells how far it is.

        Raises:
            JptermError: something cannot be opened.
        """
        is_told = False
        while not wait([self._loaded], timeout=TELL_S).done:
            if time.monotonic() - self._began > TELL_FIRST_S:
                is_told = True
                sys.stdout.write(
                    f"\rReading {escape_for_terminal(self._told)[:60]} … {self._share * 100:.0f} %\x1b[K"
                )
                sys.stdout.flush()
        if is_told:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
        return self._loaded.result()


def _be_let_in(session: Session, address: Address) -> None:
    """Ask on the terminal whatever has to be asked."""
    try:
        if isinstance(address, SshAddress):
            address.prepare()
        elif isinstance(address, ServerAddress | UnixSocketAddress) and not session.ready:
            _be_admitted(address)
    except CannotConnect:
        if not session.ready:
            asyncio.run(session.close())
            raise


def _be_admitted(address: ServerAddress | UnixSocketAddress) -> None:
    """Knock at a server, and ask for a token if it does.

    Raises:
        JptermError: it does not let us in.
    """

    async def knock() -> None:
        transport = await address.connect()
        await transport.close()

    try:
        asyncio.run(knock())
    except NotAdmitted as problem:
        from jpterm_like.cli import token

        sys.stderr.write(f"jpterm-like: {escape_for_terminal(problem)}\n")
        token.add(address.origin)
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
        private.check_folder(folder, make=True)
        descriptor, path = tempfile.mkstemp(".txt", "stdin-", folder)
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError as problem:
        raise JptermError(f"What came on standard input cannot be kept: {explain(problem)}.") from problem
    return Path(path)
