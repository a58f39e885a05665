"""The marker of a collection: the file that says that a folder is a place of ours, and of which collection.

It is written once, by the release that begins the place, and copied as it is to every other place of the collection. Its name
(`names.MarkerName`) has the collection and the version of the layout; the content is JSON, so that a person who finds it can read it:

    {"format": 1, "made_by": "jpterm-like 0.3.0", "oldest_reader": "0.3.0"}

Fields that a newer release added are kept, because the file is never written anew.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from jpterm_like.packs.names import MarkerName

FORMAT: Final = 1
"""The layout of places that this release reads and writes."""

MARKER_BYTES_MAX: Final = 4096

OLDEST_READER: Final = "0.3.0"
"""The first release that reads places of this format."""


class Marker(NamedTuple):
    """What the content of a marker says."""

    format: int
    made_by: str
    """Name and number of the release that began the place."""
    oldest_reader: str
    """The oldest release that reads it: what a person whose release is older must update to."""


def encode(made_by: str) -> bytes:
    """Write the marker of a new place."""
    fields = {"format": FORMAT, "made_by": made_by, "oldest_reader": OLDEST_READER}
    return (json.dumps(fields) + "\n").encode("utf-8")


def decode(data: bytes) -> Marker | None:
    """Read a marker; None if it is torn or none."""
    if len(data) > MARKER_BYTES_MAX:
        return None
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    number, made_by, oldest = fields.get("format"), fields.get("made_by"), fields.get("oldest_reader")
    if type(number) is not int or not isinstance(made_by, str) or not isinstance(oldest, str):
        return None
    return Marker(number, made_by[:100], oldest[:100])


def marker_name(collection: bytes) -> MarkerName:
    return MarkerName(collection, FORMAT)
