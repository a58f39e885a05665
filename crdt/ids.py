"""Ids that are never used twice: sites, and the lineage of a document.

`fresh_site` is the only source of randomness in `crdt`; everything else is a function of its arguments.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from crdt.binary import SITE_BYTES, SITE_MAX, encode_text

STRIDE_MODULUS: Final = 65_521
"""Largest prime below 2^16. Neighbouring sites get different strides, and a counter of one stride takes at most three
bytes."""

DIGEST_BYTES: Final = 16

PIECE: Final = 65_536
"""Code points encoded at a time for a digest; encoding a long text in one piece takes a quarter longer."""


def fresh_site() -> int:
    """Return a new site id: 64 random bits for one opening of one document, never stored for reuse (F17)."""
    return secrets.randbits(8 * SITE_BYTES)


def checked_site(site: int) -> int:
    if not 0 <= site <= SITE_MAX:
        raise ValueError(f"site {site} is not an unsigned 64-bit number")
    return site


def stride(site: int) -> int:
    """Return how far this site's counters start above another site's first child, so that two blocks do not
    interleave (F16)."""
    return 1 + site % STRIDE_MODULUS


def text_digest(text: str) -> bytes:
    """Return the BLAKE2b of the text in UTF-8, 16 bytes. O(n)."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for start in range(0, len(text), PIECE):
        digest.update(encode_text(text[start : start + PIECE]))
    return digest.digest()


def genesis_site(lineage: bytes) -> int:
    """Return the site that inserts the first text of a document with this lineage: the lineage's first eight bytes."""
    return int.from_bytes(lineage[:SITE_BYTES], "big")
