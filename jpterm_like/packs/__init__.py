"""Packs: write-once files of many documents' records, which any carrier may move; and what two places owe each other.

>>> from jpterm_like.packs.names import PackName, read_listing
>>> from jpterm_like.packs.pack import PackRecord, encode, open_pack
>>> collection, lane, document = bytes(16), "aaaaaaaaaaaaa", b"sixteen bytes id"
>>> name, data = encode(collection, lane, 1, 1, {document: [PackRecord(2, 0, b"typed")]})
>>> read_listing({str(name): len(data)}).packs == {name: str(name)}
True
>>> open_pack(data).records(document)
[PackRecord(kind=2, format=0, payload=b'typed')]
"""

from __future__ import annotations
