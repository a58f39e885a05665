"""How far each opening of a document is behind what the server has: for its owners, who look under the hood."""

from __future__ import annotations

from jpterm_like.server.connections import OpenDocument
from jpterm_like.sync.wire import GUESTS_MAX, NAME_LENGTH_MAX, Guest


def guests_of(opened: OpenDocument) -> tuple[Guest, ...]:
    """Return the openings of a document, those that lack most first. O(sites) for each that lacks something."""
    pad = opened.document.pad
    version = pad.buffer.version
    found = []
    for (connection, number), site in opened.members.items():
        channel = connection.text_channel(number)
        if channel is None or connection.link.is_relay:
            continue  # not admitted yet, or nobody
        missing = 0 if channel.cursor.done else channel.cursor.version.missing(version)
        person = pad.presences.find(site)
        name = connection.link.peer_name if person is None else person[0].name
        found.append(Guest(site, name[:NAME_LENGTH_MAX], missing, connection.link.held_bytes))
    found.sort(key=lambda guest: -guest.missing)
    return tuple(found[:GUESTS_MAX])
