"""Open a pad for editing, from its journals on this machine and from its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from crdt import TextBuffer, Version
from jpterm_like import clock
from jpterm_like.access.addresses import Address, is_hub_file, parse_address
from jpterm_like.client.journal import chosen_ms, free_slot, held_journals, take_back_discards
from jpterm_like.client.last_visit import latest_visit
from jpterm_like.client.session import Session
from jpterm_like.errors import JptermError
from jpterm_like.files.ephemeral import is_in_memory
from jpterm_like.files.read import Progress, read_beginning
from jpterm_like.files.state_places import is_substitute
from jpterm_like.saver import ReadOnlySaver, RestoredPad, Saver, restore
from jpterm_like.storage.base import NewerRelease, Storage, StorageError, Store
from jpterm_like.sync.ancestry import Identity, add_ancestor, ancestor_note, common_text
from jpterm_like.sync.pad import Pad

NAMES_MAX: Final = 1_000_000
"""Limit of names taken from one server, far more than a server lists."""


def open_session(
    address: str | Address,
    *,
    name: str,
    storage: Storage,
    create: bool = True,
    view: bool = False,
    visible: bool = True,
    progress: Progress = lambda share: None,
) -> Session:
    """Open a pad for editing, from its journals on this machine. Blocks on the disk only; `start` the session afterwards.

    Args:
        address: a file's path or ws://HOST:PORT/PAD; or that address, parsed.
        name: the user's name as others see it.
        storage: where journals are kept.
        create: create the pad if the server has none of that name.
        view: open it read-only, even if the server allows editing.
        visible: show this session to the others.
        progress: called with the share that was read of a file that becomes a new document.

    Raises:
        JptermError: the address or the file is not usable, or the journal cannot be read.
    """
    if isinstance(address, str):
        address = parse_address(address)
    store, kept, left_behind = _take_journals(storage, address, name)
    try:
        if kept.newer:
            return _session_to_look(address, name, storage, store, kept, visible=visible)
        try:
            session = _session_on(
                address,
                name,
                storage,
                store,
                kept,
                left_behind,
                create=create,
                view=view,
                visible=visible,
                progress=progress,
            )
        finally:
            for other, _ in left_behind:
                other.close()
        for other, _ in left_behind:
            # A journal that cannot be deleted now is merged again later, which changes nothing.
            with suppress(StorageError):
                storage.delete(other.name)
    except BaseException:
        store.close()
        raise
    return session


def _session_on(
    address: Address,
    name: str,
    storage: Storage,
    store: Store,
    kept: RestoredPad,
    left_behind: list[tuple[Store, RestoredPad]],
    *,
    create: bool,
    view: bool,
    visible: bool,
    progress: Progress,
) -> Session:
    known = kept.buffer is not None
    ready = True
    genesis = b""
    if known:
        if left_behind:
            _bring_together(kept, [other for _, other in left_behind], name)
        pad = kept.pad()
    elif address.file is not None:
        text, genesis = read_beginning(address.file, progress)
        pad = Pad(TextBuffer.genesis(text, author=name))
        pad.stored = pad.buffer.version
        pad.mark_saved(pad.stored)
    else:
        pad = Pad(TextBuffer(author=name))
        ready = False
    buffer = pad.buffer
    saver = Saver(
        pad,
        store,
        buffer.version if known and kept.again is None else Version(),
        buffer.own_sites if known and kept.again is None else (),
        genesis=genesis,
        again=kept.again,
    )
    if left_behind:
        for other, _ in left_behind:
            store.carried += other.carried
        saver.compact()
    remarks = list(kept.remarks)
    if known and take_back_discards(saver, pad, [store, *(other for other, _ in left_behind)]):
        remarks.append(
            f"{address.title}: the revert to the saved file was interrupted before the others were told, so it was undone."
        )
    session = Session(
        address,
        name,
        pad,
        storage,
        saver,
        ready=ready,
        create=create,
        view=view,
        visible=visible,
        # A journal that stays at a substitute would keep later openings there.
        keeps=not is_substitute() and (address.file is None or not is_in_memory(address.file)),
    )
    session.damage = [*kept.damage, *store.damage, *remarks]
    if known:
        session.remember_visit(latest_visit([store, *(other for other, _ in left_behind)], buffer.version))
    return session


def _session_to_look(
    address: Address, name: str, storage: Storage, store: Store, kept: RestoredPad, *, visible: bool
) -> Session:
    """Make a read-only session on a journal of a newer release, which this release must not write.

    Raises:
        NewerRelease: it cannot be read.
    """
    if kept.buffer is None:
        raise NewerRelease(address.title)
    pad = kept.pad()
    saver = ReadOnlySaver(pad, store)
    session = Session(
        address, name, pad, storage, saver, ready=True, create=False, view=True, visible=visible
    )
    session.damage = [str(NewerRelease(address.title))]
    return session


def _take_journals(
    storage: Storage, address: Address, name: str
) -> tuple[Store, RestoredPad, list[tuple[Store, RestoredPad]]]:
    """Choose the journal to continue, and those of ended openings of the same document to merge; all of them are held.

    Journals of other documents of this name, and of other servers at this address, stay as they are.
    """
    held: list[tuple[Store, RestoredPad]] = []
    try:
        held += held_journals(storage, address.key, name)
        if not held:
            store = free_slot(storage, address.key)
            held.append((store, restore(store, author=name)))
    except BaseException:
        for store, _ in held:
            store.close()
        raise
    mine, kept = max(held, key=lambda it: (not it[1].newer, it[1].buffer is not None, chosen_ms(it[1])))
    left_behind: list[tuple[Store, RestoredPad]] = []
    for store, other in held:
        if store is mine:
            continue
        is_known = kept.buffer is not None and other.buffer is not None
        is_ours = not (kept.newer or other.newer)  # journals of a newer release stay
        if is_known and is_ours and _belong_together(kept, other, is_file=is_hub_file(address)):
            left_behind.append((store, other))
        else:
            store.close()
    return mine, kept, left_behind


def _belong_together(one: RestoredPad, other: RestoredPad, *, is_file: bool) -> bool:
    """Return whether two journals of one key belong to the same document, as far as can be known."""
    first, second = one.identity or Identity(), other.identity or Identity()
    if first.documents and second.documents:
        return (is_file or first.server == second.server) and first.is_same_document(second)
    assert one.buffer is not None and other.buffer is not None
    return first.documents == second.documents or one.buffer.lineage == other.buffer.lineage


def _bring_together(kept: RestoredPad, others: list[RestoredPad], name: str) -> None:
    """Merge other journals of the same document into one; their work counts as the user's own.

    A journal with another history was left behind by a migration, which took along what had been sent of it; the rest is
    merged here.
    """
    buffer = kept.buffer
    assert buffer is not None
    own_sites = set(buffer.own_sites)
    for other in others:
        own_sites |= other.buffer.own_sites if other.buffer is not None else set()
    whole = TextBuffer.decode(buffer.encode(), author=name, own_sites=own_sites)
    whole.restore_steps([buffer.take_steps(whole=True)])
    kept.buffer = whole
    for other in others:
        theirs = other.buffer
        assert theirs is not None
        if theirs.lineage == whole.lineage:
            whole.integrate(theirs.changes_since(whole.version))
            whole.restore_steps([theirs.take_steps(whole=True)])
            for note in other.ancestors:
                kept.ancestors = add_ancestor(kept.ancestors, note, whole.version)
            kept.unread += tuple(it for it in other.unread if it not in kept.unread)
            kept.sent = kept.sent.merge(other.sent)
        else:
            from jpterm_like.textdiff.merge import merge

            base = common_text(
                theirs,
                other.ancestors,
                other.stored.merge(other.sent),
                other.saved,
                other.earlier,
                whole,
                kept.ancestors,
            )
            for start, end, text in merge(base, theirs.text, whole.text).splices:
                whole.replace(start, end, text, clock.wall())
            note = ancestor_note(theirs, other.ancestors, whole)
            kept.ancestors = add_ancestor(kept.ancestors, note, whole.version)


@asynccontextmanager
async def connect(
    address: str,
    *,
    name: str | None = None,
    create: bool = True,
    timeout_s: float = 10.0,
    state_dir: Path | None = None,
) -> AsyncIterator[Session]:
    """Join a pad.

    Waits until everything that the server has was received. When the server cannot be reached but this machine has a
    replica, continues with that at once; edits are sent when the connection is back.

    Args:
        address: a file's path, ws://HOST:PORT/PAD or ws+unix://SOCKET:/PAD.
        name: the user's name as others see it; None: from the settings, git or the login.
        create: create the pad if the server has none of that name.
        timeout_s: how long the server may be silent; a busy server or a long text may take longer.
        state_dir: where journals are kept; None: the user's state folder.

    Raises:
        JptermError: the server refuses, or cannot be reached and nothing is known here.
    """
    from jpterm_like.config import Paths, display_name
    from jpterm_like.stores import replicas_of

    paths = Paths.of_user() if state_dir is None else Paths.under(state_dir)
    storage = replicas_of(paths)
    try:
        if name is None:
            name = display_name()
        async with connect_session(address, name=name, storage=storage, create=create) as session:
            await session.wait_until_joined(timeout_s)
            yield session
    finally:
        storage.close()


@asynccontextmanager
async def connect_session(
    address: str | Address,
    *,
    name: str,
    storage: Storage,
    create: bool,
    view: bool = False,
    visible: bool = True,
) -> AsyncIterator[Session]:
    """Start a session on the caller's storage, and close it at the end. Waits for nothing.

    Raises:
        JptermError: see `open_session`.
    """
    session = await asyncio.to_thread(
        open_session,
        address,
        name=name,
        storage=storage,
        create=create,
        view=view,
        visible=visible,
    )
    try:
        await session.start()
        yield session
    finally:
        await session.close()


async def list_pads(address: Address) -> tuple[str, ...]:
    """List the names of a server's pads.

    Raises:
        JptermError: the server cannot be reached, or refuses.
    """
    from jpterm_like.conversation import Conversation
    from jpterm_like.sync import events, wire
    from jpterm_like.sync.link import Link

    link = Link("client", "", asyncio.get_running_loop().time())
    names: list[str] = []
    is_all = False

    async def handle(event: events.Event) -> None:
        nonlocal is_all
        match event:
            case events.Greeted():
                link.ask_names(1)
            case wire.Names(1, found, True) if found and len(names) < NAMES_MAX:
                names.extend(found)
                link.ask_names(1, found[-1])
            case wire.Names(1, found) | wire.Done(1, found):
                names.extend(found)
                is_all = True
                link.end("closed", "That was all.")
            case wire.Refuse(_, _, code, sentence):
                link.end(code, sentence)

    ended = await Conversation(link, await address.connect(), handle).run()
    if not is_all:
        raise JptermError(ended.sentence)
    return tuple(names)
