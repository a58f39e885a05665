"""`jpterm-like doctor`: compare what the server, its disk, the plain file and this user's journals have of a pad.

Changes nothing. It joins the server like anybody who opens the pad, and reads the journals even while
others hold them. Versions show what each has; digests prove that equal versions are equal texts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Final, NamedTuple

from crdt import TextBuffer, Version
from jpterm_like.access.addresses import Address, parse_address
from jpterm_like.cli.verify import judge
from jpterm_like.client.events import Event, Reset
from jpterm_like.client.open import connect_session
from jpterm_like.client.session import Session
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.charsets import Known
from jpterm_like.files.read import NOTEBOOK_SUFFIX, read_plain
from jpterm_like.saver import RestoredPad, rebuild
from jpterm_like.storage.base import Inspection, NewerRelease
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.stores import SLOTS_MAX, journal_name, pads_of, replicas_of
from jpterm_like.transports.base import CannotConnect

JOIN_S: Final = 10.0
"""Time to join the server."""
REST_S: Final = 2.0
"""Time for changes that are on their way to the server's disk and into the file."""
LOGOUT: Final = (
    "systemd ends kernels when you log out here (KillUserProcesses=yes); what they said is kept. 'jpterm-like manual troubleshooting' says what "
    "keeps it from that."
)
PROOF_TRIES: Final = 5
"""Tries to compare the texts while others type."""


class CheckResult(NamedTuple):
    """Result of one check."""

    whole: bool
    sentence: str


class _Server(NamedTuple):
    """The pad as the server has it."""

    buffer: TextBuffer
    stored: Version
    saved: Version
    proven: bool | None
    """Whether its digest matches the text that it sent; None: unknown, because others typed all the time."""
    known: Known
    """What the plain file is written in."""


def examine(written: str) -> Iterator[CheckResult]:
    """Run all checks on one pad.

    Raises:
        JptermError: the address is invalid, or the file cannot be read.
    """
    paths = Paths.of_user()
    address = parse_address(written)
    server: _Server | None = None
    try:
        server = asyncio.run(_ask(address))
    except JptermError as problem:
        yield CheckResult(False, f"The server cannot be asked: {problem}")
    if server is not None:
        yield from _judge_server(server, address)
    if address.file is not None:
        yield from _judge_store(paths, address.path)
    journals = list(_journals(paths, address.key))
    for found in journals:
        yield from _judge_journal(found, server)
    if not journals:
        yield CheckResult(True, f"You have no journal of it in {escape_for_terminal(paths.replicas)}.")
    if address.file is not None and address.title.endswith(NOTEBOOK_SUFFIX):
        yield from _judge_logout()


def _judge_logout() -> Iterator[CheckResult]:
    """Say whether a notebook's kernel outlives its person's session."""
    from jpterm_like.kernels.logout import ends_kernels

    if ends_kernels(is_root=os.geteuid() == 0):
        yield CheckResult(True, LOGOUT)


async def _ask(address: Address) -> _Server:
    """Join with nothing, and again with the received text, so that the server compares the digests."""
    storage = MemoryStorage()
    known: Version | None = None
    for _ in range(PROOF_TRIES):
        async with connect_session(address, name="", storage=storage, create=False) as session:
            waiter, lineage = _EventWaiter(session), session.buffer.lineage
            await session.wait_until_joined(JOIN_S)
            if session.status.state != "connected":
                raise CannotConnect(session.status.reason or f"{session.address} does not answer.")
            before, known = known, session.version
            if before is None:
                continue  # this time we had nothing, or the plain file's text
            if known == before or waiter.parted:
                await waiter.settle()
                if session.buffer.lineage == lineage:
                    return _Server(
                        session.buffer,
                        session.pad.stored,
                        session.pad.saved,
                        not waiter.parted,
                        session.known,
                    )
                known = (
                    session.version
                )  # the plain file's text had a history of its own, which we left only now
    return _Server(session.buffer, session.pad.stored, session.pad.saved, None, session.known)


class _EventWaiter:
    """Waits for events of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._moved = asyncio.Event()
        self.parted = False
        """Whether the server found different texts for equal versions."""
        session.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        self.parted |= isinstance(event, Reset)
        self._moved.set()

    async def settle(self) -> None:
        """Wait a moment for changes on their way to the server's disk and into its file."""
        session = self._session
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                while not (session.version <= session.pad.stored and session.saved):
                    self._moved.clear()
                    await self._moved.wait()


def _judge_server(server: _Server, address: Address) -> Iterator[CheckResult]:
    buffer, version = server.buffer, server.buffer.version
    what = f"{escape_for_terminal(address.text)} has {len(buffer):,} characters"
    digest = buffer.digest().hex()
    match server.proven:
        case True:
            yield CheckResult(True, f"{what}; its digest {digest} matches the text that it sent here.")
        case None:
            yield CheckResult(False, f"{what}, which others change all the time: try again when they rest.")
        case False:
            yield CheckResult(False, f"{what}, and the text that it sent has another digest ({digest}).")
    lacking = _beyond(version, server.stored)
    if lacking:
        yield CheckResult(
            False, f"{_changes(lacking)} not on the server's disk: its editors still have them."
        )
    else:
        yield CheckResult(True, "All of it is on the server's disk.")
    if address.file is not None:
        plain = read_plain(address.file, known=server.known)
        is_saved, where = plain is not None and plain.text == buffer.text, escape_for_terminal(address.file)
    else:
        is_saved, where = version == server.saved, "The server's plain file"
    if is_saved:
        yield CheckResult(True, f"{where} holds this text.")
    else:
        yield CheckResult(False, f"{where} does not hold this text: it was not saved since the last change.")


def _judge_store(paths: Paths, name: str) -> Iterator[CheckResult]:
    with contextlib.closing(pads_of(paths)) as pads:
        found = pads.inspect(name)
    if found is None:
        yield CheckResult(
            True, f"Its store in {escape_for_terminal(paths.pads)} is empty: nothing was changed yet."
        )
        return
    yield from _judge_files(found, "Its store")


def _judge_files(found: Inspection, what: str) -> Iterator[CheckResult]:
    verdict = judge(found)
    if found.folder is not None:
        what = f"{what} in {escape_for_terminal(found.folder)}"
    for sentence in verdict.damage:
        yield CheckResult(False, f"{what}: {sentence}")
    if verdict.newer:
        yield CheckResult(False, f"{what}: {NewerRelease(found.name)}")
    elif not verdict.damage:
        yield CheckResult(True, f"{what} is whole, each byte of it.")


def _journals(paths: Paths, key: str) -> Iterator[Inspection]:
    with contextlib.closing(replicas_of(paths)) as replicas:
        for slot in range(1, SLOTS_MAX + 1):
            found = replicas.inspect(journal_name(key, slot))
            if found is not None:
                yield found


def _judge_journal(found: Inspection, server: _Server | None) -> Iterator[CheckResult]:
    yield from _judge_files(found, "Your journal")
    kept = rebuild(found.loaded, author="")
    if kept.buffer is None:
        return
    if server is None:
        unsent = _unsent(kept, kept.stored)
        yield CheckResult(
            not unsent, f"{_changes(unsent)} in it that the server was not heard to have." if unsent
            else "The server was heard to have everything in it.",
        )  # fmt: skip
        return
    mine, theirs = kept.buffer, server.buffer
    if mine.lineage != theirs.lineage:
        yield CheckResult(
            False, "It has another history than the server: they are merged when you open the file next."
        )
        return
    common = mine.version.meet(theirs.version)
    if mine.at(common) != theirs.at(common):
        yield CheckResult(
            False, "What both have reads differently there: open the file, and the two are merged."
        )
        return
    unsent = _unsent(kept, theirs.version)
    if unsent:
        yield CheckResult(
            False, f"{_changes(unsent)} there that the server lacks: open the file, and they go."
        )
    else:
        yield CheckResult(True, "The server has everything in it, and both read the same.")


def _unsent(kept: RestoredPad, at_server: Version) -> int:
    assert kept.buffer is not None
    return _beyond(kept.buffer.version, at_server)


def _beyond(version: Version, other: Version) -> int:
    """Number of operations that a version has and another lacks."""
    return sum(max(0, end - other.get(site)) for site, end in version.items())


def _changes(count: int) -> str:
    return "1 change is" if count == 1 else f"{count:,} changes are"
