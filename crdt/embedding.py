"""Embed one document in another: the same operations by other sites, below one character at the end of the other document.

Everybody who embeds a document makes the same operations of it, so it is there once, whoever did it and how often; and operations that
are made in the embedded document later can be embedded as well. The sites become others, because two documents may have begun with one text,
whose site follows from it. They have a mark, so that what was embedded in a document is left out when that is embedded itself.
"""

from __future__ import annotations

import hashlib
from typing import Final

from crdt.binary import SITE_BYTES
from crdt.messages import (
    AGAIN,
    ANNOUNCE,
    GO_ON,
    INSERT,
    MARK,
    NO_CLOCK,
    ONE_BACKSPACE,
    RAISE_DOWN,
    Batch,
    BatchWriter,
    one_insertion,
    read_message,
    split_turns,
    write_head,
)
from crdt.version import Version

_MARK: Final = b"\xff\xfe"
"""First bytes of the site of an embedded operation. Among siblings higher sites come last, so what is embedded stands after everything else."""

SEPARATOR: Final = "\n"
"""The character below which a document is embedded: its first line begins a line."""


def is_embedded(site: int) -> bool:
    """Whether a site is one of an embedded document."""
    return site.to_bytes(SITE_BYTES, "big").startswith(_MARK)


def embedded_site(document: bytes, site: int) -> int:
    """Return the site that a site of a document has where that is embedded."""
    if is_embedded(site):
        return site
    return _marked(document, site.to_bytes(SITE_BYTES, "big"))


def separator_site(document: bytes) -> int:
    """Return the site of the one character below which a document is embedded; its clock is 0."""
    return _marked(document, b"")


def embed_separator(document: bytes) -> bytes:
    """Return the message with the character below which a document is embedded."""
    return one_insertion(separator_site(document), 0, 0, NO_CLOCK, 0, SEPARATOR)


def embed(document: bytes, message: bytes) -> bytes:
    """Return the operations of a message as they are where their document is embedded.

    Args:
        document: the id of their document.

    Raises:
        ForeignOp: it is no message.
    """
    return b"".join(
        _embed_batch(document, batch) for batch in read_message(message) if not is_embedded(batch.site)
    )


def embedded_version(document: bytes, version: Version) -> Version:
    """Return the version of the operations that a version of a document becomes where it is embedded."""
    counts = {
        embedded_site(document, site): count for site, count in version.items() if not is_embedded(site)
    }
    return Version({**counts, separator_site(document): 1})


def _embed_batch(document: bytes, batch: Batch) -> bytes:
    site = embedded_site(document, batch.site)
    writer = BatchWriter(site, batch.clock)
    for op in split_turns(batch.ops, batch.site):
        if op.kind == AGAIN:  # alone in its batch
            out = bytearray()
            write_head(out, ONE_BACKSPACE + op.number, site, batch.clock)
            return bytes(out)
        if op.kind == GO_ON:
            writer.go_on(op.text)
        elif op.kind == INSERT:
            if op.other_clock == NO_CLOCK:
                writer.insert(op.clock, separator_site(document), 0, op.number, op.text)
            else:
                writer.insert(
                    op.clock, embedded_site(document, op.other_site), op.other_clock, op.number, op.text
                )
        elif op.kind == MARK:
            writer.mark(op.number)
        elif op.kind == ANNOUNCE:
            writer.announce(op.text, op.number)
        else:
            target = embedded_site(document, op.other_site)
            writer.raise_levels(op.clock, target, op.other_clock, op.count, op.kind == RAISE_DOWN, op.number)
    return writer.message()


def _marked(document: bytes, site: bytes) -> int:
    size = SITE_BYTES - len(_MARK)
    return int.from_bytes(_MARK + hashlib.blake2b(document + site, digest_size=size).digest(), "big")
