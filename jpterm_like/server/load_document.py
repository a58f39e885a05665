"""Load a document from its store and its plain file, or from what is left of either. See `document`."""

from __future__ import annotations

import contextlib
import secrets
import time
from functools import partial
from pathlib import Path
from typing import Final

from crdt import ForeignOp, TextBuffer, Version
from jpterm_like import clock
from jpterm_like.files.access_control import Access, closed
from jpterm_like.files.charsets import UNKNOWN, Known
from jpterm_like.files.encoding import encode_plain, text_in
from jpterm_like.files.read import (
    NOTEBOOK_SUFFIX,
    FileProblem,
    NotShared,
    NotText,
    PlainFile,
    glance,
    read_plain,
)
from jpterm_like.files.root import Root
from jpterm_like.files.write import finish_write
from jpterm_like.saver import CELLS, LINEAGE_BYTES, RestoredPad, Saver, mark_as_cells, restore
from jpterm_like.server.absence import ABSENT, is_another, note
from jpterm_like.server.carried_file import CARRIED, CarriedFile
from jpterm_like.server.cell_ids import CELL_IDS, encode_ids, with_ids
from jpterm_like.server.charset_note import CHARSET, encode_charsets, known_by
from jpterm_like.server.document import (
    ACCESS,
    BOTH_SIDES,
    LONG_REST_S,
    REST_S,
    REST_STEP_S,
    UNREST_S,
    UNUSABLE,
    Document,
    ReadOnlyDocument,
    closest,
    gone,
    looks_unfinished,
    nothing_written,
)
from jpterm_like.server.pending_write import PENDING_WRITE, PendingWrite
from jpterm_like.storage.base import NewerRelease, Storage, StorageError, Store
from jpterm_like.sync.ancestry import ancestor_note
from jpterm_like.sync.file_duplicates import FileImport, remove_duplicates
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK


def open_document(name: str, path: Path, inside: Root | None, store: Store) -> tuple[Document, list[str]]:
    """Load a document from its store and its plain file; return it with a sentence for each damage. Blocks.

    A document with a text in its store opens even if its plain file cannot be read as text.

    Raises:
        FileProblem: the plain file cannot be read as text, and the store is empty; or the file is not shared.
        StorageError: the store cannot be read.
    """
    kept = restore(store, author=DISK)
    noted = store.read_blob("base")
    announced = _announced_write(store, kept, noted or b"")
    is_last = announced is not None and kept.buffer is not None and announced.is_last(kept.buffer)
    pending = announced if is_last else None
    charsets = store.read_blob(CHARSET)
    known_as = partial(_known_as, kept, charsets, store.read_blob(CELL_IDS))
    base = None if noted is None else known_as(noted)
    access = _noted_access(store)
    if kept.newer or store.newer:
        newer = _open_newer(name, path, inside, store, kept.buffer)
        newer.access = access if inside is not None or access.sources else Access([closed()])
        return newer, []
    next_raw = store.read_blob(_NEXT) if pending is None else pending.raw
    damage = [*kept.damage, *store.damage]
    # The store moves what is damaged aside, so it finds that once. A record that is whole and cannot be decoded stays.
    is_new_damage = bool(store.damage) or kept.unusable not in (b"", store.read_blob(UNUSABLE))
    unreadable: str | None = None
    plain: PlainFile | None = None
    if pending is not None:
        with contextlib.suppress(FileProblem):
            permissions = access.sources[-1] if access.sources else None
            if finish_write(path, noted or b"", pending.raw, inside=inside, permissions=permissions):
                base = known_as(pending.raw)
    try:
        # A file whose history begins here is edited by cell if it can be.
        known = base or known_as(b"")
        known = known._replace(is_text=False) if kept.buffer is None else known
        plain = _read_at_rest(path, inside, base, known)
    except NotShared:
        raise
    except FileProblem as problem:
        if kept.buffer is None:
            raise
        unreadable = nothing_written(problem)
    if base is not None and not damage and _begins_by_cell(path, kept, plain, base):
        found = read_plain(path, inside=inside)
        if found is not None and found.cells is not None and found.raw == base.raw:
            _empty(store)
            kept, noted, pending, announced, next_raw, plain = (
                RestoredPad(None),
                None,
                None,
                None,
                None,
                found,
            )
    if plain is not None and next_raw and plain.raw == next_raw:
        base = known_as(next_raw)
    elif plain is not None and announced is not None and plain.raw != announced.raw:
        # The write may have happened and its note not, and other programs may have gone on from what was written.
        written = known_as(announced.raw)
        base = written if closest([base or UNKNOWN, written], plain.text) is written else base
    is_missing = is_replaced = False
    if kept.buffer is None:
        document = _begin(name, path, inside, plain, store)
        document.know_charset_note((encode_charsets([plain.known]) if plain else b"") or charsets or b"")
    else:
        is_foreign = kept.saved_apart and plain is not None and (base is None or plain.raw != base.raw)
        merges_all = plain is not None and (is_new_damage or is_foreign)
        if merges_all:
            # The file may hold what the history lacks. So all of the file is merged as another program's work, and so is a
            # file that differs from another machine's note. If somebody brings the missing history later, it replaces what
            # came from the file; see `sync.file_duplicates`.
            base = None
        if plain is not None and base is not None and store.read_blob(ABSENT) == note(base.raw):
            former = text_in(base)
            is_replaced = is_another((former, kept.buffer.text), plain.text)
            plain = None if is_replaced else plain
        is_missing = plain is None and unreadable is None and base is not None
        if is_missing:
            unreadable = gone(name)
        document = _continue(name, path, inside, plain, store, kept, base, noted, unreadable)
        document.know_charset_note(charsets or b"")
        if merges_all and kept.unusable:
            with contextlib.suppress(StorageError):  # then the next opening merges all of the file once more
                document.saver.write()
                store.sync()
                document.note_base()
                store.write_blob(UNUSABLE, kept.unusable)
    if store.read_blob(_NEXT):
        with contextlib.suppress(StorageError):
            document.note_base()
            store.write_blob(_NEXT, b"")  # it counts once
    document.remarks += kept.remarks
    if path.suffix == NOTEBOOK_SUFFIX and plain is not None and not document.is_notebook:
        from jpterm_like.files.notebook_file import why_text

        why = (
            why_text(plain.raw)
            or "an earlier release began its history; with everything saved, it is edited by cell from its next opening on"
        )
        document.remarks.append(f"{name} is edited as text, not by cell: {why}.")
    if document.has_conflicts:
        document.pad.mark_saved(Version())
        document.remarks.append(f"{name} {BOTH_SIDES}")
    if document.is_notebook:
        from jpterm_like.config import Paths, Settings

        settings = Settings.load(Paths.of_user())
        document.begin_records(kept.records, writes_outputs=settings.outputs == "file")
    document.load_identity()
    document.load_discards()
    document.load_protection()
    document.load_absence(is_missing=is_missing)
    document.is_replaced = is_replaced
    if inside is None:
        is_known = kept.buffer is None or (plain is not None and plain.raw in (noted, next_raw or noted))
        _find_access(document, plain, access, is_known=is_known)
    return document, damage


def _known_as(kept: RestoredPad, charsets: bytes | None, ids: bytes | None, raw: bytes) -> Known:
    """What the store knows of a state of the plain file."""
    if kept.is_cells:
        return with_ids(ids, Known(raw))
    return known_by(charsets, raw)._replace(is_text=True)


def _begins_by_cell(path: Path, kept: RestoredPad, plain: PlainFile | None, base: Known) -> bool:
    """Whether a notebook that an earlier release edited as JSON may begin anew, by cell: the file holds all of the text.

    That history is never merged into cells. While words are in no file it goes on as it is.
    """
    buffer = kept.buffer
    return (
        path.suffix == NOTEBOOK_SUFFIX
        and buffer is not None
        and not (kept.is_cells or kept.carried or kept.awaited or kept.saved_apart)
        and plain is not None
        and plain.raw == base.raw
        and kept.saved == buffer.version
        and plain.text == buffer.text
    )


def _empty(store: Store) -> None:
    """Remove a history and what is noted about it, for another one of the same file."""
    for name, blob in store.blobs().items():
        if blob and name != ACCESS:
            store.write_blob(name, b"")
    store.clear()


def _noted_access(store: Store) -> Access:
    sources = store.read_blob(ACCESS)
    return Access.decode(sources) if sources else Access()


def _find_access(document: Document, plain: PlainFile | None, noted: Access, *, is_known: bool) -> None:
    """Determine the files whose permissions count for other users; `is_known` says that the plain file holds what the store expects.

    A store of release 0.1.0 has no note of them. A file with the text that we wrote counts; any other may have been put
    there by somebody else, and then only this user may read what the store has.
    """
    document.access = noted if noted.sources or is_known else Access([closed()])
    document.note_source(plain.permissions if plain is not None else None)
    document.keep_access()


_NEXT: Final = "next"
"""The blob in which 0.1.0 noted a write; see `pending_write`."""


def _announced_write(store: Store, kept: RestoredPad, noted: bytes) -> PendingWrite | None:
    """The note of a write that a crash may have interrupted; None if there is none that counts."""
    announced = PendingWrite.decode(store.read_blob(PENDING_WRITE))
    if announced is None or kept.buffer is None:
        return None
    return announced if announced.follows(noted) else None


def restart_history(storage: Storage, name: str) -> None:
    """Replace the history of a closed document by a new one, which begins with its current text. Blocks.

    Raises:
        StorageError: nothing was changed.
    """
    store = storage.open(name)
    try:
        kept = restore(store, author=DISK)
        if kept.buffer is None:
            raise StorageError(f"The history of {name} cannot be read.")
        # The others belong to the old history.
        store.carried = [record for record in store.carried if record.kind == CELLS]
        # The lineage is random: one made from the text could be that of the old history.
        pad = Pad(TextBuffer(author=DISK, lineage=secrets.token_bytes(LINEAGE_BYTES)))
        pad.replace(0, 0, kept.buffer.text, clock.wall())
        pad.stored = pad.buffer.version
        # All of the old history is in it: clients that change over have deleted nothing, and bring what came later.
        pad.note_ancestor(ancestor_note(kept.buffer, kept.ancestors, pad.buffer))
        if kept.saved == kept.buffer.version:
            pad.saved = pad.buffer.version
        Saver(pad, store, Version()).compact()
    finally:
        store.close()


def _open_newer(
    name: str, path: Path, inside: Root | None, store: Store, buffer: TextBuffer | None
) -> Document:
    """Make a read-only document of a newer release's store: with its history, or the plain file's text if that cannot be read."""
    plain: PlainFile | None = None
    try:
        plain = read_plain(path, inside=inside)
    except NotShared:
        raise
    except FileProblem:
        pass
    if buffer is None:
        if plain is None:
            raise NewerRelease(name)
        buffer = TextBuffer.genesis(plain.text, author=DISK)
    pad = Pad(buffer)
    pad.stored = buffer.version
    if plain is not None and plain.text == buffer.text:
        pad.saved = buffer.version
    document = ReadOnlyDocument(name, path, inside, pad, store, plain)
    document.load_identity()
    return document


def _read_at_rest(path: Path, inside: Root | None, base: Known | None, known: Known) -> PlainFile | None:
    """Read the plain file; if it was just written, wait until it is at rest, so that half of it is not taken for all.

    `base` is the state that was read or written last, and `known` what is known of the file in any case.
    """
    deadline = time.monotonic() + UNREST_S
    while True:
        try:
            plain = read_plain(path, inside=inside, known=known)
        except NotText:
            # It is another charset's now, if nobody is writing it.
            status = glance(path, inside)
            if (
                known.cells is not None
                or len(status) < 3
                or 0 <= clock.wall() - status[2] / 1e9 < LONG_REST_S
            ):
                raise
            plain = read_plain(path, inside=inside, known=Known(is_text=known.is_text))
        if plain is None or base is None or plain.raw == base.raw or time.monotonic() > deadline:
            return plain
        rest_s = LONG_REST_S if looks_unfinished(plain, base.raw) else REST_S
        if not 0 <= clock.wall() - plain.stamp.mtime_ns / 1e9 < rest_s:
            return plain
        time.sleep(REST_STEP_S)


def _begin(name: str, path: Path, inside: Root | None, plain: PlainFile | None, store: Store) -> Document:
    """Begin a history with the text of the plain file."""
    text = plain.text if plain else ""
    pad = Pad(TextBuffer.genesis(text, author=DISK))
    base = plain.known if plain else UNKNOWN
    if plain is None and path.suffix == NOTEBOOK_SUFFIX:
        base = Known(cells=())
    if plain is not None:
        pad.saved = pad.buffer.version
        if charset := encode_charsets([base]):
            store.write_blob(CHARSET, charset)
        if ids := encode_ids([base]):
            store.write_blob(CELL_IDS, ids)
        store.write_blob("base", plain.raw)
    if base.cells is not None:
        mark_as_cells(store)
    saver = begin_history(pad, text, store, is_marked=base.cells is not None)
    return Document(name, path, inside, pad, saver, plain, base, base.raw if plain else None)


def _continue(
    name: str,
    path: Path,
    inside: Root | None,
    plain: PlainFile | None,
    store: Store,
    kept: RestoredPad,
    base: Known | None,
    noted: bytes | None,
    unreadable: str | None,
) -> Document:
    """Continue the history in the store, and merge what others wrote into the plain file meanwhile."""
    buffer = kept.buffer
    assert buffer is not None
    pad = kept.pad()
    pad.stored = Version()
    with contextlib.suppress(StorageError):
        store.sync()  # a killed process may have left unflushed writes in the system's cache
        pad.stored = buffer.version
    saver = Saver(pad, store, buffer.version, buffer.own_sites, kept.brought, kept.awaited, kept.held)
    brought = [note for data in kept.brought if (note := _decoded(data)) is not None]
    if base is None:
        # The base is unknown: use the saved version, which is what we wrote. Known duplicates are removed first, because
        # the merge could remove one copy of a text, and a client then bring the removal of the other.
        known = kept.saved.meet(buffer.version)
        remove_duplicates(pad, brought, kept.held, clock.wall())
        ours = Version({buffer.site: buffer.version.get(buffer.site)})
        text = buffer.at(known.merge(ours))
        base = Known(encode_plain(text, b""), is_text=True)
        if kept.is_cells:
            from jpterm_like.files.notebook_file import encode_cells

            base = encode_cells(text, Known(cells=()))
    document = Document(name, path, inside, pad, saver, plain, base, noted, unreadable, brought)
    document.carried = CarriedFile.decode(store.read_blob(CARRIED))
    document.remove_late_duplicates()  # the history may have arrived just before a crash
    if plain is None:
        if unreadable is None or unreadable == gone(name):
            pad.saved = Version()
        return document
    if document.merge_file(plain):
        # First the edits, then the base; see `Document._note_base`.
        with contextlib.suppress(StorageError):
            saver.write()
            store.sync()
            document.note_base_of_others()
    return document


def _decoded(note: bytes) -> FileImport | None:
    try:
        return FileImport.decode(note)
    except ForeignOp:
        return None  # the text itself is there all the same


def begin_history(pad: Pad, text: str, store: Store, *, is_marked: bool = False) -> Saver:
    """Begin a history with the text of a new pad, and flush it if the disk lets us; else the next group commit tries again.

    Args:
        is_marked: whether the store says already what kind of text it has.
    """
    saver = Saver(pad, store, Version(), genesis=text.encode("utf-8"))
    if is_marked or store.size_since_snapshot:
        saver.compact()  # the rest of an older history must not precede it
    else:
        saver.begin()
    with contextlib.suppress(StorageError):
        store.sync()
        pad.stored = saver.written
    return saver
