"""Prove from both ends how a pad stands: what the server has and has on its disk, what is in the file and in journals here.

Nothing is changed. The server is joined as by anybody who opens the pad; the journals of this user are read beside
whoever holds them. The versions say what each has, the digests that equal versions are equal texts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from crdt import TextBuffer, Version
from jpterm_like.access.addresses import Address, parse_address
from jpterm_like.cli.verify import judge
from jpterm_like.client.events import Event, Reset
from jpterm_like.client.journal import SLOTS_MAX
from jpterm_like.client.open import connect_session
from jpterm_like.client.session import Session
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.read import read_plain
from jpterm_like.saver import RestoredPad, rebuild
from jpterm_like.storage.base import Inspection, NewerRelease
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import journal_name, pads_of, replicas_of
from jpterm_like.transports.base import CannotConnect

JOIN_S: Final = 10.0
REST_S: Final = 2.0
"""How long to wait for what is on its way to the server's disk and into the file."""
PROOF_TRIES: Final = 5
"""While others type, texts are compared again."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    whole: bool
    sentence: str


class _Server(NamedTuple):
    """What the server has of the pad."""

    buffer: TextBuffer
    stored: Version
    saved: Version
    proven: bool | None
    """Whether its digest is that of what it sent; None: others typed all the time."""


def examine(written: str) -> Iterator[Finding]:
    """Look at everything that concerns one pad, and say how it is.

    Raises:
        JptermError: the address is none, or the file cannot be read.
    """
    paths = Paths.of_user()
    address = parse_address(written)
    server: _Server | None = None
    try:
        server = asyncio.run(_ask(address))
    except JptermError as problem:
        yield Finding(False, f"The server does not tell: {problem}")
    if server is not None:
        yield from _judge_server(server, address)
    if address.file is not None:
        yield from _judge_store(paths, address.path)
    journals = list(_journals(paths, address.key))
    for found in journals:
        yield from _judge_journal(found, server)
    if not journals:
        yield Finding(True, f"You have no journal of it in {escape_for_terminal(paths.replicas)}.")


async def _ask(address: Address) -> _Server:
    """Join with nothing, and then once more with what was got, so that the server compares the texts."""
    storage = MemoryStorage()
    known: Version | None = None
    for _ in range(PROOF_TRIES):
        async with connect_session(address, name="", storage=storage, create=False) as session:
            ear = _Ear(session)
            await session.wait_until_joined(JOIN_S)
            if session.status.state != "connected":
                raise CannotConnect(session.status.reason or f"{session.address} does not answer.")
            before, known = known, session.version
            if before is None:
                continue  # we came with nothing, or with what the plain file says
            if known == before or ear.parted:
                await ear.settle()
                return _Server(session.buffer, session.pad.stored, session.pad.saved, not ear.parted)
    return _Server(session.buffer, session.pad.stored, session.pad.saved, None)


class _Ear:
    """Hears what happens to a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._moved = asyncio.Event()
        self.parted = False
        """Whether the server found that equal versions have unequal texts here and there."""
        session.listen(self._hear)

    def _hear(self, event: Event) -> None:
        self.parted |= isinstance(event, Reset)
        self._moved.set()

    async def settle(self) -> None:
        """Wait a little for what is on its way to the server's disk and into its file."""
        session = self._session
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                while not (session.version <= session.pad.stored and session.saved):
                    self._moved.clear()
                    await self._moved.wait()


def _judge_server(server: _Server, address: Address) -> Iterator[Finding]:
    buffer, version = server.buffer, server.buffer.version
    what = f"{escape_for_terminal(address.text)} has {len(buffer):,} characters"
    digest = buffer.digest().hex()
    match server.proven:
        case True:
            yield Finding(True, f"{what}; its digest {digest} is that of what it sent here.")
        case None:
            yield Finding(False, f"{what}, which others change all the time: try again when they rest.")
        case False:
            yield Finding(False, f"{what}, and the text that it sent has another digest ({digest}).")
    lacking = _beyond(version, server.stored)
    if lacking:
        yield Finding(False, f"{_changes(lacking)} not on the server's disk: its editors still have them.")
    else:
        yield Finding(True, "All of it is on the server's disk.")
    if address.file is not None:
        plain = read_plain(address.file)
        is_saved, where = plain is not None and plain.text == buffer.text, escape_for_terminal(address.file)
    else:
        is_saved, where = version == server.saved, "The server's plain file"
    if is_saved:
        yield Finding(True, f"{where} holds this text.")
    else:
        yield Finding(False, f"{where} does not hold this text: it was not saved since the last change.")


def _judge_store(paths: Paths, name: str) -> Iterator[Finding]:
    with contextlib.closing(pads_of(paths)) as pads:
        found = pads.inspect(name)
    if found is None:
        yield Finding(
            True, f"Its store in {escape_for_terminal(paths.pads)} is empty: nothing was changed yet."
        )
        return
    yield from _judge_files(found, "Its store")


def _judge_files(found: Inspection, what: str) -> Iterator[Finding]:
    verdict = judge(found)
    if found.folder is not None:
        what = f"{what} in {escape_for_terminal(found.folder)}"
    for sentence in verdict.damage:
        yield Finding(False, f"{what}: {sentence}")
    if verdict.newer:
        yield Finding(False, f"{what}: {NewerRelease(found.name)}")
    elif not verdict.damage:
        yield Finding(True, f"{what} is whole, each byte of it.")


def _journals(paths: Paths, key: str) -> Iterator[Inspection]:
    with contextlib.closing(replicas_of(paths)) as replicas:
        for slot in range(1, SLOTS_MAX + 1):
            found = replicas.inspect(journal_name(key, slot))
            if found is not None:
                yield found


def _judge_journal(found: Inspection, server: _Server | None) -> Iterator[Finding]:
    yield from _judge_files(found, "Your journal")
    kept = rebuild(found.loaded, author="")
    if kept.buffer is None:
        return
    if server is None:
        unsent = _unsent(kept, kept.stored)
        yield Finding(
            not unsent, f"{_changes(unsent)} in it that the server was not heard to have." if unsent
            else "The server was heard to have everything in it.",
        )  # fmt: skip
        return
    mine, theirs = kept.buffer, server.buffer
    if mine.lineage != theirs.lineage:
        yield Finding(
            False, "It has another history than the server: they are merged when you open the file next."
        )
        return
    common = mine.version.meet(theirs.version)
    if mine.at(common) != theirs.at(common):
        yield Finding(False, "What both have reads differently there: open the file, and the two are merged.")
        return
    unsent = _unsent(kept, theirs.version)
    if unsent:
        yield Finding(False, f"{_changes(unsent)} there that the server lacks: open the file, and they go.")
    else:
        yield Finding(True, "The server has everything in it, and both read the same.")


def _unsent(kept: RestoredPad, at_server: Version) -> int:
    assert kept.buffer is not None
    return _beyond(kept.buffer.version, at_server)


def _beyond(version: Version, other: Version) -> int:
    """How many operations are in a version and not in another."""
    return sum(max(0, end - other.get(site)) for site, end in version.items())


def _changes(count: int) -> str:
    return "1 change is" if count == 1 else f"{count:,} changes are"
