"""People who sync, in the process of the test: the real command, and for each run a hub of its own that ends with it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from jpterm_like.access.addresses import Address
from jpterm_like.access.hub import AnyFile
from jpterm_like.access.permissions import OWNER
from jpterm_like.cli import open_at_place, sync_report
from jpterm_like.cli import sync as command
from jpterm_like.cli.progress import Progress
from jpterm_like.client import carrying
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.server.server import Server
from jpterm_like.stores import pads_of
from jpterm_like.sync.wire import Carried
from tests.sync.test_listing import Near


def stories(config: pytest.Config, option: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield as many seeds as an option says, or the one that is asked for, each with a folder of its own, which has one for a place."""
    only = config.getoption("--seed")
    for seed in range(config.getoption(option)) if only is None else [only]:
        (folder / str(seed) / "place").mkdir(parents=True)
        yield seed, folder / str(seed)


class Person:
    """Somebody with a home and a folder of texts.

    `meanwhile` is called with the server each time before texts are carried: what people do in editors.
    """

    def __init__(self, folder: Path, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.who = who
        self.texts = folder / f"texts of {who}"
        self.texts.mkdir(exist_ok=True)
        self.home = folder / who
        self._monkeypatch = monkeypatch
        self.meanwhile: Callable[[Server], Any] | None = None

    def sync(self, place: Path | str, folder: Path | None = None, *, join: str = "") -> dict[str, Any]:
        """Sync once and return the facts; what made it fail is in "refused"."""
        self._be_at_home()
        progress = Progress(is_shown=False)
        try:
            there = command.open_for_person(str(place))
            command._check_apart(there, folder or self.texts)
            run = command.SyncRun(there, folder or self.texts, self.who, progress, join=join)
            totals = run.run()
        except JptermError as problem:
            return {"refused": str(problem), "same": False}
        facts = json.loads(json.dumps(sync_report.collect_facts(there, totals)))
        return {**facts, "sentence": sync_report.describe(there, totals)[-1]}

    def open_at_place(self, written: str) -> Path:
        """Do what the editor does before it opens a text at a place."""
        self._be_at_home()
        return open_at_place.open_at_place(written, self.who)

    def server(self) -> Server:
        paths = Paths.of_user()
        return Server(AnyFile(), pads_of(paths), autosave_s=None, state=paths.state)

    def do(self, work: Callable[[Server], Any]) -> None:
        """Do something with this person's hub."""
        self._be_at_home()

        async def run() -> None:
            server = self.server()
            server.start()
            try:
                await work(server)
            finally:
                await server.drain()

        asyncio.run(run())

    def _be_at_home(self) -> None:
        for variable, name in (
            ("XDG_STATE_HOME", "state"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("HOME", ""),
        ):
            path = self.home / name
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._monkeypatch.setenv(variable, str(path))

        async def carry(
            address: Address, collection: bytes, folder: Path, report: Callable[[int, int], None]
        ) -> Carried:
            server = self.server()
            server.start()
            try:
                if self.meanwhile is not None:
                    await self.meanwhile(server)
                return await carrying.carry(cast(Address, Near(server, OWNER)), collection, folder, report)
            finally:
                await server.drain()

        self._monkeypatch.setattr(command, "carry", carry)

    def write(self, name: str | Path, text: str) -> None:
        """Write a file as another program does; a name is one in the folder of texts."""
        path = self.texts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1e9, 1e9))  # long ago, so that nobody waits for it to come to rest

    def files(self) -> dict[str, str]:
        return {
            path.relative_to(self.texts).as_posix(): path.read_text()
            for path in sorted(self.texts.rglob("*"))
            if path.is_file()
        }
