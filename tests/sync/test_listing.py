"""The names of a server's pads, as those who connect are told them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from jpterm_like.access.addresses import Address
from jpterm_like.access.permissions import OWNER, Rights, Role
from jpterm_like.client.open import list_pads
from jpterm_like.files.access_control import PathPermissions
from jpterm_like.files.root import Root
from jpterm_like.server.server import Server
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link as links
from jpterm_like.transports.memory import pair


class Folder:
    """Many files with long names."""

    root = Root(Path("/"))

    def __init__(self, count: int) -> None:
        self.all = [
            f"minutes-of-the-weekly-meeting-of-the-committee/protocol-{n:06d}.md" for n in range(count)
        ]
        self.looks = 0

    def path_of(self, name: str) -> Path:
        return self.root.path / name

    def names(self) -> list[str]:
        self.looks += 1
        return self.all


class EverySeventh:
    """The rights of somebody who may see some of them."""

    who = "some"
    can_be_raised = False

    def is_valid(self) -> bool:
        return True

    def concerns(self, name: str) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return "view" if int(name[-9:-3]) % 7 == 0 else None


class Near:
    """Address of a server in this process."""

    def __init__(self, server: Server, rights: Rights) -> None:
        self._server, self._rights = server, rights

    async def connect(self) -> Any:
        here, there = pair()
        self.conversation = asyncio.create_task(self._server.converse(there, self._rights))
        return here


async def listed(folder: Folder, rights: Rights = OWNER) -> list[str]:
    server = Server(cast(Any, folder), MemoryStorage(), autosave_s=None)
    server.start()
    try:
        return list(await list_pads(cast(Address, Near(server, rights))))
    finally:
        await server.drain()


async def test_a_list_of_many_files_is_told_whole_in_pages() -> None:
    """However many names there are, all come; the folder is looked through once for all pages."""
    folder = Folder(30_000)
    assert await listed(folder) == folder.all
    assert folder.looks == 1


async def test_pages_have_the_names_that_a_guest_may_see() -> None:
    """Each name is told only to those who may see it, in pages as well."""
    folder = Folder(30_000)
    assert await listed(folder, EverySeventh()) == folder.all[::7]


async def test_a_client_of_an_earlier_release_is_told_that_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It gets as many names as fit into one frame, and a last one that says so."""
    folder = Folder(30_000)
    monkeypatch.setattr(links, "FEATURES", ())
    *names, more = await listed(folder)
    assert more == links.MORE_NAMES
    assert len(names) > 5000
    assert names == folder.all[: len(names)]
