"""A document whose text is in its store and in no file; see `shared_texts`. Nobody else writes it, so there is nothing to merge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from crdt import TextBuffer
from jpterm_like.errors import SAVING_WRITES, JptermError
from jpterm_like.files.charsets import Known
from jpterm_like.files.encoding import Form, NotInCharset, text_in
from jpterm_like.files.read import PlainFile, Stamp
from jpterm_like.files.root import Root
from jpterm_like.saver import Saver, restore
from jpterm_like.server.absence import ABSENT
from jpterm_like.server.charset_note import CHARSET, known_by
from jpterm_like.server.document import Document, encode_file
from jpterm_like.server.load_document import begin_history
from jpterm_like.server.shared_texts import TEXT
from jpterm_like.storage.base import NewerRelease, StorageError, Store
from jpterm_like.sync.pad import Pad
from jpterm_like.sync.unsaved_work import DISK


class StoredDocument(Document):
    """See the module. Made by `open_stored_document`."""

    def load_protection(self) -> bool:
        return False

    def seems_changed(self) -> bool:
        return False

    async def reread(self) -> None:
        pass

    async def become_former(
        self, name: str, path: Path, store: Store, note_new_name: Callable[[], None]
    ) -> None:
        """Rename the document: the note of the new name is what renames it, for there is no file."""
        async with self._filing:
            if self._closed:
                raise JptermError(f"{self.name} is being closed.")
            await self._change_name(name, path, store, note_new_name)

    async def delete_file(self, who: str) -> None:
        async with self._filing:
            if self._closed or self._plain is None:
                raise JptermError(f"{self.name} has no text that could be deleted.")
            self.is_missing = True
            await asyncio.to_thread(self.note_absence)
            if not self._is_absence_noted:
                self.is_missing = False
                raise StorageError(f"{self.name} was not deleted: that cannot be stored now.")
            self._gone = f"{who} deleted {self.path.name}; the text is kept here, and {SAVING_WRITES}"
            self._note_loss()

    async def _catch_up(self) -> None:
        pass

    async def _save_once(self, form: Form | None = None) -> bool:
        """Write the text into the store, with everything that it is made of, in one commit."""
        text = await self._whole_text()
        version = self.pad.buffer.version
        try:
            coming = await asyncio.to_thread(encode_file, text, self._base, form)
        except NotInCharset as problem:
            raise JptermError(
                f"{self.name} was not saved: {problem}. Replace it there, or use the command “Save in another encoding”."
            ) from None
        self.saver.write()
        await asyncio.to_thread(self._note_charsets, [coming])
        await asyncio.to_thread(self.saver.store.write_blob, TEXT, coming.raw)
        self._base, self._noted = coming, coming.raw
        self._plain = _as_file(coming)
        if self.is_missing:
            self.is_missing = False
            await asyncio.to_thread(self.note_absence)
        self._clear_warnings()
        self.pad.mark_saved(version)
        self._tell_form()
        self.saver.write()
        self.on_written()
        return True


def open_stored_document(
    name: str, path: Path, inside: Root | None, store: Store
) -> tuple[Document, list[str]]:
    """Load a document from its store; return it with a sentence for each damage. Blocks.

    Raises:
        StorageError: the store cannot be read.
    """
    kept = restore(store, author=DISK)
    if kept.newer or store.newer:
        raise NewerRelease(name)
    noted = store.read_blob(TEXT)
    is_missing = bool(store.read_blob(ABSENT))
    charset = store.read_blob(CHARSET)
    base = known_by(charset, noted or b"")._replace(is_text=True)
    buffer = kept.buffer
    if buffer is None:
        text = "" if noted is None else text_in(base)
        pad = Pad(TextBuffer.genesis(text, author=DISK))
        saver = begin_history(pad, text, store)
    else:
        pad = kept.pad()
        # The lease was committed before this was read, so it is on all disks that it has to be on.
        pad.stored = buffer.version
        saver = Saver(pad, store, buffer.version, buffer.own_sites, kept.brought, kept.awaited, kept.held)
    plain = None if noted is None or is_missing else _as_file(base)
    document = StoredDocument(name, path, inside, pad, saver, plain, base, noted)
    document.know_charset_note(charset or b"")
    if plain is not None and plain.text == pad.buffer.text:
        pad.saved = pad.buffer.version
    document.remarks += kept.remarks
    document.load_identity()
    document.load_discards()
    document.load_absence(is_missing=is_missing)
    return document, [*kept.damage, *store.damage]


def _as_file(known: Known) -> PlainFile:
    """What a file with this content would be."""
    return PlainFile(known.raw, text_in(known), Stamp(0, 0, 0, len(known.raw), b""), charset=known.charset)
