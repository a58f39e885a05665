"""A search in all files of a folder or server: what was found, and the process that finds it (`search_process`).

Texts that are open are given to the process as they stand; so are the texts of a server, as they arrive. It reads the other files of a
folder itself. What it finds arrives in pieces, and `after_news` is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from jpterm_like.client.events import SearchPlace
from jpterm_like.errors import JptermError
from jpterm_like.tui import child_process
from jpterm_like.tui.ports import EditorSession, FileCatalog
from jpterm_like.tui.search_process import LISTED_MAX, TEXT_BYTES_MAX, LineOf, Order
from jpterm_like.tui.text.query import Query

log = logging.getLogger("jpterm_like.search")

ANSWER_BYTES_MAX: Final = 4 << 20
"""The longest answer of the process, far more than a batch of lines takes."""


@dataclass
class FileFound:
    """A file with matches."""

    name: str
    """Shown; relative to the folder or server."""
    address: str
    lines: list[LineOf] = field(default_factory=list)
    """As many as are listed."""
    count: int = 0
    """Matches in the file; 0 while more of it may come."""
    digest: str = ""
    """Of its lines with matches, to notice changes."""


class Place(NamedTuple):
    """A line in the list of what was found."""

    file: FileFound
    line: LineOf


class ProjectSearch:
    """One search and its results. `start` begins it anew with another query."""

    def __init__(self, catalog: FileCatalog, after_news: Callable[[], None]) -> None:
        self._catalog = catalog
        self.after_news = after_news
        self.query = Query()
        self.title = ""
        """Where is searched."""
        self.files: list[FileFound] = []
        """In the order in which they were found."""
        self.current: Place | None = None
        """The place that was gone to last."""
        self.state: str = "none"
        """"none", "running", "done", "stopped", or "failed"."""
        self.notes: list[str] = []
        """Sentences about what is missing from the results."""
        self._by_address: dict[str, FileFound] = {}
        self._names: dict[str, str] = {}
        self._large = 0
        self._unread = 0
        self._near = ""
        self._task: asyncio.Task[None] | None = None

    # What was found

    def places(self) -> Iterator[Place]:
        """All lines that are listed."""
        return (Place(file, line) for file in self.files for line in file.lines)

    @property
    def match_count(self) -> int:
        return sum(max(file.count, len(file.lines)) for file in self.files)

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    def status(self) -> str:
        """What was found and what is missing, in a line."""
        count, files = self.match_count, len(self.files)
        found = (
            f"{_counted(count, 'match', 'matches')} in {_counted(files, 'file', 'files')}" if count else ""
        )
        if self.state == "none":
            return ""
        parts = [found or ("" if self.is_running or self.state == "failed" else "Nothing found")]
        if sum(len(file.lines) for file in self.files) >= LISTED_MAX:
            parts.append(f"the first {LISTED_MAX:,} lines are listed")
        if self.is_running:
            parts.append("searching …")
        elif self.state == "stopped":
            parts.append("stopped")
        return ". ".join([", ".join(part for part in parts if part), *self.notes]).strip(". ") + (
            " " if self.is_running else "."
        )

    def step(self, forward: bool) -> tuple[Place, bool] | None:
        """The place after the current one, or before it, and whether that began anew at the other end; None: there is none."""
        places = list(self.places())
        if not places:
            return None
        at = next((at for at, place in enumerate(places) if place == self.current), None)
        if at is None:
            self.current = places[0 if forward else -1]
            return self.current, False
        wrapped = at == (len(places) - 1 if forward else 0)
        self.current = places[(at + (1 if forward else -1)) % len(places)]
        return self.current, wrapped

    # Searching

    def start(self, query: Query, near: str, sessions: Sequence[EditorSession]) -> None:
        """Search for something else, around `near`; `sessions` are the open texts.

        Raises:
            BadPattern: the query is no pattern.
        """
        query.compile()
        self.stop()
        self.query, self._near = query, near
        self.files, self.notes, self.current = [], [], None
        self._by_address, self._names = {}, {}
        self._large = self._unread = 0
        self.state = "running"
        self._task = asyncio.create_task(self._run(query, near, list(sessions)))

    def stop(self) -> None:
        """Stop searching; what was found stays."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.is_running:
            self.state = "stopped"
            self.after_news()

    async def _run(self, query: Query, near: str, sessions: list[EditorSession]) -> None:
        try:
            place = await self._catalog.search_place(near)
            self.title = place.title
            await self._search(query, near, place, sessions)
        except JptermError as problem:
            self.state = "failed"
            self.notes.append(str(problem).rstrip("."))
        except Exception:
            log.exception("a search in all files failed")
            self.state = "failed"
            self.notes.append("A bug in jpterm-like: this search failed")
        finally:
            self.after_news()

    async def _search(
        self, query: Query, near: str, place: SearchPlace, sessions: list[EditorSession]
    ) -> None:
        opened = {session.address: session for session in sessions if session.ready}
        if place.folder:
            beginning = f"{place.folder.rstrip('/')}/"
            opened = {address: it for address, it in opened.items() if address.startswith(beginning)}
            self._names = {address: address.removeprefix(beginning) for address in opened}
        else:
            self._names = {address: name for name, address in place.pads}
            opened = {address: it for address, it in opened.items() if address in self._names}
        order = Order(query, place.folder, place.own_rules, tuple(opened))
        process = await asyncio.create_subprocess_exec(
            # -P: import nothing from the working folder
            *(sys.executable, "-P", "-m", "jpterm_like.tui.search_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # the terminal's signals are for us
            limit=ANSWER_BYTES_MAX,
        )
        feeding = asyncio.create_task(self._feed(process, order, near, place, opened))
        try:
            if await self._take_answers(process, place):
                await feeding  # what it could not be given is told before the search counts as done
                self._note_left_out()
            else:  # it ended without a word: out of time or memory
                self.notes.append("Stopped: this search takes too long, so not everything was searched")
            self.state = "done"
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, JptermError):
                await feeding
            await child_process.end(process)

    async def _feed(
        self,
        process: asyncio.subprocess.Process,
        order: Order,
        near: str,
        place: SearchPlace,
        opened: dict[str, EditorSession],
    ) -> None:
        """Give the process its order and the texts that it cannot read."""
        stdin = process.stdin
        assert stdin is not None
        try:
            stdin.write(order.encode())
            for address, session in opened.items():
                length = len(session.buffer)
                if length > TEXT_BYTES_MAX:
                    self._large += 1
                else:
                    await self._give(stdin, address, session.buffer.slice(0, length))
            if not place.folder:
                addresses = {name: address for name, address in place.pads if address not in opened}
                async with contextlib.aclosing(self._catalog.pad_texts(near, list(addresses))) as texts:
                    async for name, text in texts:
                        if text is None:
                            self._unread += 1
                        else:
                            await self._give(stdin, addresses[name], text)
        except ConnectionError:
            return  # it has ended
        finally:
            stdin.close()

    async def _give(self, stdin: asyncio.StreamWriter, address: str, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        stdin.write(json.dumps({"name": address, "size": len(data)}).encode() + b"\n" + data)
        await stdin.drain()

    async def _take_answers(self, process: asyncio.subprocess.Process, place: SearchPlace) -> bool:
        """Note what the process finds; return whether it came to its end."""
        assert process.stdout is not None
        beginning = f"{place.folder.rstrip('/')}/"
        while line := await process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "name" in answer:
                address = answer["name"]
                name = self._names.get(address) or address.removeprefix(beginning)
                self._note_found(name, address, answer)
            if "note" in answer:
                self.notes.append(answer["note"].rstrip("."))
            if "done" in answer:
                self._large += answer["large"]
                return True
            self.after_news()
        return False

    def _note_found(self, name: str, address: str, answer: dict[str, Any]) -> None:
        file = self._by_address.get(address)
        if file is None:
            file = self._by_address[address] = FileFound(name, address)
            self.files.append(file)
        for row, start, end, excerpt, spans in answer["lines"]:
            file.lines.append(LineOf(row, start, end, excerpt, [(low, high) for low, high in spans]))
        file.count = answer.get("count", 0)
        file.digest = answer.get("digest", "")

    def _note_left_out(self) -> None:
        if self._large:
            large = _counted(self._large, "file", "files")
            self.notes.append(f"{large} of more than {TEXT_BYTES_MAX >> 20} MB left out")
        if self._unread:
            self.notes.append(f"{_counted(self._unread, 'file', 'files')} could not be read")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
