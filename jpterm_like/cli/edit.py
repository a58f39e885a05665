"""Run the editor: parse the arguments, load the files, ask for passwords and tokens, then start the screen."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from jpterm_like.access.addresses import (
    Address,
    LocalFileAddress,
    ServerAddress,
    UnixSocketAddress,
    parse_server_address,
)
from jpterm_like.access.discovery import resolve_address
from jpterm_like.cli.sync_notes import SyncNotes, is_place_folder
from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.client.open import open_session
from jpterm_like.client.session import Session
from jpterm_like.config import Paths, Settings, display_name
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.last_time import KeptView, LastTime
from jpterm_like.storage.base import Storage
from jpterm_like.stores import replicas_of
from jpterm_like.transports.base import CannotConnect, NotAdmitted
from jpterm_like.tui.text.line_index import Lines

if TYPE_CHECKING:
    from jpterm_like.cli.keepers import Keepers
    from jpterm_like.collection import Collection
    from jpterm_like.tui.ports import Sighting

PROGRESS_AFTER_S: Final = 0.7
"""Loading time after which the terminal shows the progress."""
PROGRESS_STEP_S: Final = 0.1
"""Interval between two updates of that line."""
LEFT_OUT_LISTED_MAX: Final = 3
"""The most files that cannot be opened of which a message says why; it counts the others."""
JOIN_S: Final = 10.0
"""Time to wait for a slow server."""


class FileArgument(NamedTuple):
    """A file to open."""

    address: str
    place: tuple[int, int] | None = None
    """Line and column, from 1."""


class LoadedFile(NamedTuple):
    """A file that was opened for the editor."""

    argument: FileArgument
    address: Address
    session: Session
    lines: Lines | None
    """Its lines, if the text is known."""
    view: KeptView | None
    """What was seen of it last time."""


def edit(
    wanted: Sequence[str], *, name: str | None, theme: str | None, view: bool, inspects: bool = False
) -> int:
    """Open the editor on the files of the command line; without any on the start screen, and on a folder with the list of
    its files. Of several files those that cannot be opened are left out, and the screen says which.

    Args:
        inspects: begin with the pane that looks under the hood.

    Returns:
        0: everything is saved or unchanged; 1: something is unsaved.

    Raises:
        JptermError: nothing can be opened; raised before the screen starts.
    """
    texts = parse_files(wanted)
    near = texts.pop().address if len(texts) == 1 and _is_list(texts[0].address) else ""
    chooses = bool(near)
    if near and "://" not in near:
        _check_has_files(near)
        _change_folder(near)
        near = ""
    paths = Paths.of_user()
    scratch: Path | None = None
    if any(text.address == "-" for text in texts):
        scratch = _keep_standard_input(paths)
        texts = [text._replace(address=str(scratch)) if text.address == "-" else text for text in texts]
    if not sys.stdin.isatty():
        _take_keys_from_terminal()
    settings = Settings.load(paths)
    storage = replicas_of(paths)
    is_named = name is not None
    name = display_name(name, settings)
    of_places: set[str] = set()
    for at, text in enumerate(texts):
        if _may_be_at_place(text.address, paths):
            texts[at] = text._replace(address=_open_at_place(text.address, name))
            of_places.add(texts[at].address)
    folder = near or os.path.realpath(os.getcwd())
    last_time = LastTime(paths, folder, only_unwritten=_is_waited_for())
    try:
        if near:
            _ask_for_token(parse_server_address(near))
        loading = _Loading(texts, name, storage, view, last_time)
        from jpterm_like.tui.app import EditorApp
        from jpterm_like.tui.workspace import Opening

        openings: list[Opening] = []
        sessions: list[Session] = []
        for text, address, session, lines, seen in loading.wait():
            _ask_before_screen(session, address)
            openings.append(Opening(session, text.place, lines, seen))
            sessions.append(session)

        async def run() -> EditorApp:
            for at, session in enumerate(sessions):
                if not session.ready:
                    # Nothing can be shown without the server, so wait for its answer before the screen starts.
                    await session.start()
                    with _told_on_terminal(f"Waiting for {session.address} … (ctrl+c gives up)"):
                        await session.wait_until_coming(JOIN_S)
                elif session.address in of_places:
                    # Its history is at the hub: what is typed before that is here would be merged into it as work on the file.
                    await _join(session)
                    openings[at] = Opening(session, openings[at].place)
                elif _is_waited_for() and session.is_written_anew:
                    await _set_aside(session)
                    openings[at] = Opening(session, openings[at].place)  # its lines have changed
            app = EditorApp(
                openings,
                settings,
                catalog=FileCatalog(paths, storage, name, view=view),
                theme=theme,
                chooses=chooses,
                near=near,
                inviter=_Invitations(),
                everything=_Everything(paths),
                sync_notes=SyncNotes(paths, _keeping(settings)),
                last_time=last_time,
                is_named=is_named,
                inspects=inspects,
                left_out=loading.describe_left_out(),
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


@contextlib.contextmanager
def _told_on_terminal(words: str) -> Iterator[None]:
    """While the context takes longer than PROGRESS_AFTER_S, say on the terminal what is waited for. Needs the running loop."""
    shown = False

    def show() -> None:
        nonlocal shown
        shown = True
        sys.stdout.write(f"\r{escape_for_terminal(words)}\x1b[K")
        sys.stdout.flush()

    due = asyncio.get_running_loop().call_later(PROGRESS_AFTER_S, show)
    try:
        yield
    finally:
        due.cancel()
        if shown:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()


def _is_list(written: str) -> bool:
    """Whether a folder is meant, of which the editor lists the files: here, or `ws://HOST:PORT` and `ws://HOST:PORT/docs/` of a server."""
    if re.match(r"wss?://|ws\+unix://", written):
        path = parse_server_address(written).path
        return not path or path.endswith("/")
    return os.path.isdir(written)


def _check_has_files(folder: str) -> None:
    """Raise JptermError if a folder is a place, and has nothing but what carries its texts."""
    if not is_place_folder(Path(folder)):
        return
    from jpterm_like.packs.names import parse, parse_marker

    if all(parse(name) or parse_marker(name) or name.startswith(".") for name in os.listdir(folder)):
        from jpterm_like.cli.open_at_place import whole_place

        raise whole_place(folder)


def _may_be_at_place(written: str, paths: Paths) -> bool:
    """Whether this means a text at a place: it has the address of a place, or is no file and in a folder that is one, or was one
    when it was there."""
    if "://" in written:
        return re.match(r"(wss?|ws\+unix|ssh)://", written) is None
    if written == "-" or os.path.lexists(written):
        return False
    parents = Path(written).absolute().parents
    if is_place_folder(next(folder for folder in parents if folder.is_dir())):
        return True
    if not (paths.state_folder / "collections").is_dir():
        return False
    from jpterm_like.collection import all_of

    return any(str(folder) in known.places for known in all_of(paths.state_folder, []) for folder in parents)


def _open_at_place(written: str, name: str) -> str:
    from jpterm_like.cli.open_at_place import open_at_place

    return str(open_at_place(written, name))


def _keeping(settings: Settings) -> Callable[[Collection], None]:
    """Return what has the folders of open texts kept in step with their places."""
    keepers: Keepers | None = None

    def keep(known: Collection) -> None:
        nonlocal keepers
        if settings.keep_in_step or known.is_part:
            from jpterm_like.cli.keepers import Keepers

            keepers = keepers or Keepers()
            keepers.keep(known.folder)

    return keep


class _Invitations:
    """Makes invitations for the editor. Few invite, and what is needed for it loads much."""

    def options(self, address: str) -> tuple[bool, bool]:
        from jpterm_like.cli.share import options_for

        return options_for(address)

    def invite(
        self, address: str, role: Literal["view", "edit"] | None, lasts_s: float | None, at: str | None
    ) -> tuple[str, str]:
        from jpterm_like.cli.share import invite_to_open

        return invite_to_open(address, role, lasts_s, at)


class _Everything:
    """Finds words in all documents of this user, for the editor."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def find(
        self, written: str, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[Sighting], Sequence[str]]:
        from jpterm_like.cli.find_command import find_for_editor

        return find_for_editor(self._paths, written, progress)

    def documents(self) -> Sequence[tuple[str, str, str]]:
        from jpterm_like.cli.kept_documents import list_documents

        return list_documents(self._paths)


def _is_waited_for() -> bool:
    """Whether another program started us, as $EDITOR, and waits: a shell at a terminal gives each program
    a process group of its own, but `git commit` runs us in its group."""
    return os.getpgrp() != os.getpid()


async def _join(session: Session) -> None:
    """Wait until a session has what its server has. The screen shows the error if that is impossible."""
    with contextlib.suppress(JptermError):
        await session.start()
        await session.wait_until_joined(JOIN_S)
        await session.informed()


async def _set_aside(session: Session) -> None:
    """Set unsaved work aside before the screen starts, because the file was written for this call."""
    await _join(session)
    with contextlib.suppress(JptermError):
        await session.set_aside()


def _take_keys_from_terminal() -> None:
    """Put the terminal on standard input, where a pipe ended or a caller such as xargs put something else.

    Raises:
        JptermError: the terminal cannot be read.
    """
    if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        os.dup2(1, 0)  # macOS cannot wait for keys on /dev/tty
        return
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as problem:
        raise JptermError(f"The keyboard cannot be read: {explain(problem)}.") from problem
    os.dup2(terminal, 0)
    os.close(terminal)


def _change_folder(folder: str) -> None:
    """Change the working folder.

    Raises:
        JptermError: that is not permitted.
    """
    try:
        os.chdir(folder)
    except OSError as problem:
        raise JptermError(f"{escape_for_terminal(folder)} cannot be opened: {explain(problem)}.") from problem


def parse_files(words: Sequence[str]) -> list[FileArgument]:
    """Parse the arguments: files, and lines and columns in them: `+12 f`, `+12,5 f`, `f:12`, `f:12:5`.

    Raises:
        JptermError: a line without a file.
    """
    texts: list[FileArgument] = []
    place: tuple[int, int] | None = None
    for word in words:
        if (given := re.fullmatch(r"\+(\d{1,9})(?:[,:](\d{1,9}))?", word)) and not os.path.lexists(word):
            place = _place(given[1], given[2])
            continue
        text = _parse_file(word)
        texts.append(text if place is None else text._replace(place=place))
        place = None
    if place is not None:
        raise JptermError(
            f"{escape_for_terminal(words[-1])} is a place in the file that follows: name that file, too."
        )
    return texts


def _parse_file(word: str) -> FileArgument:
    """Parse `notes.md:12:5`, as compilers and grep write it; an existing file of that whole name wins."""
    found = re.fullmatch(r"(.+?):(\d{1,9})(?::(\d{1,9}))?:?", word, re.S)
    if found is None or os.path.lexists(word):
        return FileArgument(word)
    _, separator, rest = found[1].partition("://")
    if separator and "/" not in rest:  # the number is a port
        return FileArgument(word)
    return FileArgument(found[1], _place(found[2], found[3]))


def _place(line: str, column: str | None) -> tuple[int, int]:
    return max(1, int(line)), max(1, int(column or 1))


class _Loading:
    """Loads files in a thread, while the editor's own code is imported."""

    def __init__(
        self,
        texts: Sequence[FileArgument],
        name: str,
        storage: Storage,
        view: bool,
        last_time: LastTime,
    ) -> None:
        self._texts = texts
        self._last_time = last_time
        self._name = name
        self._storage = storage
        self._view = view
        self._reading = ""
        """Title of the file that is being read."""
        self._share = 0.0
        self._began = time.monotonic()
        self.left_out: list[JptermError] = []
        """Why some of several files cannot be opened."""
        threads = ThreadPoolExecutor(1)
        self._loaded = threads.submit(self._load)
        threads.shutdown(wait=False)

    def _load(self) -> list[LoadedFile]:
        """Open sessions, which are not started yet: one for each file, whatever names it was given by."""
        found: list[LoadedFile] = []
        for text in self._texts:
            try:
                address, about_server = resolve_address(text.address)
                if any(address.key == other.address.key for other in found):
                    continue
                self._reading, self._share = address.title, 0.0
                session = open_session(
                    address,
                    name=self._name,
                    storage=self._storage,
                    view=self._view,
                    progress=self._note,
                )
            except JptermError as problem:
                self.left_out.append(problem)
                continue
            if about_server:
                session.mention(about_server)
            lines = Lines(session.text) if session.ready else None
            found.append(LoadedFile(text, address, session, lines, self._last_time.view(session.address)))
        if self.left_out and not found:
            raise self.left_out[0]
        return found

    def describe_left_out(self) -> str:
        """Say which files were not opened and why; "" if all were."""
        more = len(self.left_out) - LEFT_OUT_LISTED_MAX
        sentences = [str(problem) for problem in self.left_out[:LEFT_OUT_LISTED_MAX]]
        return " ".join([*sentences, *([f"{more} more cannot be opened, either."] if more > 0 else [])])

    def _note(self, share: float) -> None:
        self._share = share

    def wait(self) -> list[LoadedFile]:
        """Wait for all files; shows the progress on the terminal if that takes long.

        Raises:
            JptermError: nothing can be opened.
        """
        is_shown = False
        while not wait([self._loaded], timeout=PROGRESS_STEP_S).done:
            if time.monotonic() - self._began > PROGRESS_AFTER_S:
                is_shown = True
                sys.stdout.write(
                    f"\rReading {escape_for_terminal(self._reading)[:60]} … {self._share * 100:.0f} %\x1b[K"
                )
                sys.stdout.flush()
        if is_shown:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
        return self._loaded.result()


def _ask_before_screen(session: Session, address: Address) -> None:
    """Ask for passwords and tokens on the terminal, while there is no screen."""
    if isinstance(address, LocalFileAddress):
        return
    from jpterm_like.access.ssh import SshAddress

    try:
        if isinstance(address, SshAddress):
            address.prepare()
        elif isinstance(address, ServerAddress | UnixSocketAddress) and not session.ready:
            _ask_for_token(address)
    except CannotConnect:
        if not session.ready:
            asyncio.run(session.close())
            raise


def _ask_for_token(address: ServerAddress | UnixSocketAddress) -> None:
    """Connect once to a server, and ask for a token if it needs one.

    Raises:
        JptermError: the server refuses.
    """

    async def try_connecting() -> None:
        with _told_on_terminal(f"Waiting for {address.origin} … (ctrl+c gives up)"):
            transport = await address.connect()
        await transport.close()

    try:
        asyncio.run(try_connecting())
    except NotAdmitted as problem:
        from jpterm_like.cli import token

        sys.stderr.write(f"jpterm-like: {escape_for_terminal(problem)}\n")
        token.add(address.origin)
        asyncio.run(try_connecting())


def _keep_standard_input(paths: Paths) -> Path:
    """Copy standard input into a file.

    Raises:
        JptermError: it is not text, or the file cannot be written.
    """
    data = sys.stdin.buffer.read()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise JptermError("What came on standard input is not UTF-8 and cannot be edited.") from None
    folder = paths.state / "scratch"
    try:
        private.check_folder(folder, make=True)
        descriptor, path = tempfile.mkstemp(".txt", "stdin-", folder)
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError as problem:
        raise JptermError(f"What came on standard input cannot be kept: {explain(problem)}.") from problem
    return Path(path)
