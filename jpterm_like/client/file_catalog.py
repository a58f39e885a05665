"""List what the editor can open: nearby files, the pads of a server, recent files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from jpterm_like.access.addresses import expand_home, parse_address, parse_server_address, with_tilde
from jpterm_like.access.discovery import resolve_address
from jpterm_like.client.events import SearchPlace
from jpterm_like.client.open import list_pads, open_session
from jpterm_like.client.session import Session
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files import private
from jpterm_like.files.charsets import Known
from jpterm_like.files.read import read_text
from jpterm_like.storage.base import Storage

RECENT_MAX: Final = 50
FIRST_STARTS: Final = 3
"""Number of starts at which hints for newcomers are shown."""


class FileCatalog:
    """The files and pads that one person can open."""

    def __init__(self, paths: Paths, storage: Storage, name: str, *, view: bool = False) -> None:
        """With `view` everything is opened read-only."""
        self._paths = paths
        self._storage = storage
        self.name = name
        """Mine, for what is opened from now on."""
        self._view = view
        self._notes = paths.state_folder / "recent.json"
        self._starts = 0

    @property
    def _own_rules(self) -> Path:
        """The user's own .gitignore."""
        return self._paths.config.with_name("git") / "ignore"

    async def open(self, address: str) -> Session:
        """Open a session, without starting it.

        Raises:
            JptermError: it cannot be opened.
        """

        def open_it() -> Session:
            found, about_server = resolve_address(address)
            session = open_session(found, name=self.name, storage=self._storage, view=self._view)
            if about_server:
                session.mention(about_server)
            return session

        return await asyncio.to_thread(open_it)

    async def names(self, near: str) -> tuple[str, list[tuple[str, str]]]:
        """Return the folder or server that contains `near` ("": the working folder), and names and addresses of its files.

        Raises:
            JptermError: they cannot be listed.
        """
        if near.startswith("ssh://"):
            raise JptermError("Files over ssh are not listed: type a name.")
        if "://" in near:
            server = parse_server_address(near)
            folder_name = server.path if server.path.endswith("/") else ""
            from jpterm_like.files.ignore_rules import NAMES_MAX

            names = [name for name in await list_pads(server) if name.startswith(folder_name)]
            return server.with_path(folder_name).text, [
                (name, server.with_path(name).text) for name in names[:NAMES_MAX]
            ]
        from jpterm_like.files.ignore_rules import files_in

        folder = _folder_around(near)
        found = await asyncio.to_thread(files_in, folder, self._own_rules)
        return with_tilde(folder), [(name, str(folder / name)) for name in found]

    async def search_place(self, near: str) -> SearchPlace:
        """Return where all files around `near` are searched: in the folder or server whose files `names` lists.

        Raises:
            JptermError: they cannot be searched.
        """
        if near.startswith("ssh://"):
            raise JptermError("The files of another machine cannot be searched from here.")
        if "://" in near:
            title, names = await self.names(near)
            return SearchPlace(title, pads=names)
        folder = _folder_around(near)
        return SearchPlace(with_tilde(folder), str(folder), str(self._own_rules))

    def pad_texts(self, near: str, names: Collection[str]) -> AsyncGenerator[tuple[str, str | None], None]:
        """Read the present texts of pads on the server that `near` is on, without opening them; see `client.pad_texts`."""
        from jpterm_like.client.pad_texts import PadTexts

        return PadTexts(parse_server_address(near), names).read()

    def address(self, written: str, near: str) -> str:
        """Return the address for a name that a person typed, relative to `near`.

        Raises:
            JptermError: it is none.
        """
        if "://" in written:
            return parse_address(written).text
        if "://" in near:
            from jpterm_like.access.ssh import SshAddress

            address = parse_address(near)
            if isinstance(address, SshAddress):
                return address.sibling(written).text
            return parse_server_address(near).with_path(written.lstrip("/")).text
        return parse_address(str(_folder_around(near) / expand_home(written))).text

    async def linked(self, names: Sequence[str], near: str) -> str:
        """Return the address of the first of these files that is there; names are relative to the folder of `near`, which links to them.

        Raises:
            JptermError: none is there, or it is outside of the folder that the server shares.
        """
        shown = escape_for_terminal(names[0])
        if near.startswith("ssh://"):  # the other machine knows whether it is there
            from jpterm_like.access.ssh import SshAddress

            address = parse_address(near)
            assert isinstance(address, SshAddress)
            return address.sibling(names[0]).text
        if "://" in near:
            server = parse_server_address(near)
            folder = posixpath.dirname(server.path)
            paths = [posixpath.normpath(posixpath.join(folder, name)) for name in names]
            if names[0].startswith(("/", "~/")) or paths[0].split("/")[0] == "..":
                raise JptermError(f"{shown} is not opened: it is outside of the shared folder.")
            pads = set(await list_pads(server))
            found = next((path for path in paths if path in pads), None)
            if found is not None:
                return server.with_path(found).text
        else:
            folder_here = Path(near).parent if near else Path.cwd()
            here = [folder_here / expand_home(name) for name in names]
            there = await asyncio.to_thread(lambda: next(filter(os.path.exists, here), None))
            if there is not None:
                return parse_address(str(there)).text
        raise JptermError(f"There is no file {shown} here.")

    def folder(self, near: str) -> str:
        """Return the folder or server to which `address` puts a name, for people."""
        if "://" not in near:
            return with_tilde(_folder_around(near))
        from jpterm_like.access.ssh import SshAddress

        address = parse_address(near)
        if isinstance(address, SshAddress):
            return address.sibling("").text
        return parse_server_address(near).with_path("").text

    async def rename(self, session: Session, to: str) -> None:
        """Rename a session's file at its server to the name in an address; everybody in it stays in it.

        Raises:
            JptermError: it cannot be renamed; the file keeps its name.
        """
        from jpterm_like.access.ssh import SshAddress

        here, there = parse_address(session.address), parse_address(to)
        if there.with_path(here.path).key != here.key:
            raise JptermError(
                "A file can only be renamed within its folder or server; copy it to have it elsewhere."
            )
        if isinstance(here, SshAddress) and isinstance(there, SshAddress):
            await session.rename(here.real_path_of(there, session.path))
        else:
            await session.rename(there.path)

    async def text(self, address: str, known: Known) -> str | None:
        """Return the text that a file holds now, "" if there is no file; None for a file on a server, which cannot be read here.

        `known` says what it is written in.

        Raises:
            JptermError: it cannot be read, or holds no text.
        """
        if "://" in address:
            return None
        return await asyncio.to_thread(read_text, Path(address), known) or ""

    # Recent files

    def recent(self) -> list[tuple[str, str]]:
        """Return names and addresses of recent files, newest first, without files that no longer exist."""
        return [
            (with_tilde(Path(address)) if "://" not in address else address, address)
            for address in self._read()[0]
            if "://" in address or os.path.exists(address)
        ]

    def note(self, address: str) -> None:
        """Add an address to the recent files."""
        self._change(
            lambda recent, starts: (
                [address, *(other for other in recent if other != address)][:RECENT_MAX],
                starts,
            )
        )

    def forget(self, address: str) -> None:
        """Remove an address from the recent files."""
        self._change(lambda recent, starts: ([other for other in recent if other != address], starts))

    def is_first_time(self) -> bool:
        """Return whether this is one of the person's first starts of the program; counts the start."""
        if not self._starts:
            self._starts = self._read()[1] + 1
            if self._starts <= FIRST_STARTS:
                self._change(lambda recent, starts: (recent, starts + 1))
        return self._starts <= FIRST_STARTS

    def _read(self) -> tuple[list[str], int]:
        try:
            return _decoded(private.read(self._notes))
        except OSError:
            return [], 0

    def _change(self, change: Callable[[list[str], int], tuple[list[str], int]]) -> None:
        """Change the file of recent files. Failures are ignored, because it is a mere convenience."""

        def new(content: bytes | None) -> bytes:
            import json

            recent, starts = change(*_decoded(content))
            return json.dumps({"recent": recent, "starts": starts}, ensure_ascii=False).encode("utf-8")

        with contextlib.suppress(OSError, JptermError, UnicodeEncodeError):
            private.change(self._paths.state / self._notes.name, new)


def _decoded(content: bytes | None) -> tuple[list[str], int]:
    """Return the recent files, and how often the program was started."""
    import json

    try:
        found = json.loads(content or b"")
        recent, starts = found["recent"], found["starts"]
        return [one for one in recent if isinstance(one, str) and "\0" not in one], int(starts)
    except (ValueError, KeyError, TypeError):
        return [], 0


def _folder_around(near: str) -> Path:
    """Return the working folder if `near` is inside it, else the folder that contains `near`."""
    here = Path(os.path.realpath(os.getcwd()))
    path = Path(near) if near else here
    return here if path == here or here in path.parents else path.parent
