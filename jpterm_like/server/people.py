"""People across all documents of a server: who is where, the lines that they say to each other, and who was offline.

A connection is told only of documents that it may open. What is passed on goes to the people of one document and is stored nowhere.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

from jpterm_like.access.permissions import OWNER
from jpterm_like.errors import escape_for_terminal
from jpterm_like.server.connections import Connection, OpenDocument
from jpterm_like.server.moderation import Moderation
from jpterm_like.sync.wire import COLOURS, LINE_LENGTH_MAX, PEOPLE, PLACES_MAX, ROLES, Place, TellApart

COUNTED_LENGTH_MAX: Final = 200_000
"""Code points of the texts in which one answer counts lines; the lines of further people are left out, for counting reads the text."""
LINES_MAX: Final = 5
LINES_WINDOW_S: Final = 10.0
"""At most LINES_MAX lines of one connection are passed on in this time."""
APART_MAX: Final = 10
APART_WINDOW_S: Final = 60.0
"""At most so often in this time the others are told that one connection was away: each look at that costs them the length of the text."""


class People:
    """See the module."""

    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation
        self._key = os.urandom(16)
        self._lines = _RateLimit(LINES_MAX, LINES_WINDOW_S)
        self._apart = _RateLimit(APART_MAX, APART_WINDOW_S)

    def answer(
        self, connection: Connection, number: int, request: int, documents: Iterable[OpenDocument]
    ) -> None:
        """Answer who is where, in the documents that the connection may open; those of the document it asks in come first."""
        here = connection.documents[number]
        ordered = [here, *(opened for opened in documents if opened is not here)]
        known = (opened for opened in ordered if opened is here or self._may_know(connection, opened))
        places = islice(self._places(connection, here, known), PLACES_MAX)
        connection.link.answer_whereabouts(request, tuple(places))

    def _may_know(self, connection: Connection, opened: OpenDocument) -> bool:
        document = opened.document
        return self._moderation.role(connection, opened) is not None and self._moderation.may_call(
            connection, document.name, document.path
        )

    def _places(
        self, connection: Connection, here: OpenDocument, documents: Iterable[OpenDocument]
    ) -> Iterator[Place]:
        """The people in some documents; lines are counted as long as COUNTED_LENGTH_MAX lasts."""
        now = asyncio.get_running_loop().time()
        left = COUNTED_LENGTH_MAX
        for opened in documents:
            owns_here = opened is here and self._moderation.role(connection, opened) == "own"
            gives_roles = owns_here and ROLES in connection.link.features
            pad = opened.document.pad
            for (other, number), site in list(opened.members.items()):
                found = pad.presences.find(site)
                if found is None:
                    continue
                person, moved_at = found
                # None as well while operations before the caret are missing
                caret = None if person.caret is None else pad.buffer.offset(person.caret)
                line = 0
                if caret is not None and caret <= left:
                    line = pad.buffer.slice(0, caret).count("\n") + 1
                    left -= caret
                role = "own" if other.rights is OWNER else other.roles.get(number, "view")
                yield Place(
                    site,
                    self._number(other),
                    person.name,
                    connection.mount.client_name(opened.document.name),
                    line,
                    person.caret is not None,
                    role,
                    int(now - other.since.get(number, now)),
                    int(now - moved_at),
                    owns_here and other is not connection,
                    gives_roles and role != "own",
                    person.colour if COLOURS in connection.link.features else None,
                )

    def _number(self, connection: Connection) -> int:
        """The number of a person, the same while the server runs: of the rights and the name that somebody came with."""
        who = f"{connection.rights.who}\0{connection.link.peer_name}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(who, digest_size=6, key=self._key).digest(), "big")

    def pass_on_apart(self, connection: Connection, number: int, told: TellApart) -> None:
        """Tell the others of a document what somebody wrote without hearing of them."""
        if self._apart.is_reached(connection):
            sentence = f"At most {APART_MAX} times in {APART_WINDOW_S:.0f} seconds the others are told."
            connection.link.refuse("rate", sentence, request=told.request)
            return
        self._apart.count(connection)
        opened = connection.documents[number]
        site = opened.members[connection, number]
        for other, theirs in opened.members:
            if other is not connection and theirs in other.link.channels:
                other.link.pass_on_apart(theirs, site, told)
                other.wake()
        connection.link.done(told.request)

    def pass_on(self, connection: Connection, number: int, request: int, line: str) -> None:
        """Pass a line on to the others of a document whose release knows of lines. Readers may speak, too."""
        if self._lines.is_reached(connection):
            sentence = (
                f"At most {LINES_MAX} lines in {LINES_WINDOW_S:.0f} seconds are passed on: wait a moment."
            )
            connection.link.refuse("rate", sentence, request=request)
            return
        line = escape_for_terminal(line).strip()[:LINE_LENGTH_MAX]
        others = [
            (other, theirs)
            for other, theirs in connection.documents[number].members
            if other is not connection and PEOPLE in other.link.features and theirs in other.link.channels
        ]
        if not line or not others:
            why = (
                "There is nothing to say."
                if not line
                else "Nobody else here can be told: they have older releases."
            )
            connection.link.refuse("nobody", why, request=request)
            return
        self._lines.count(connection)
        for other, theirs in others:
            other.link.pass_on_line(theirs, connection.link.peer_name, line)
            other.wake()
        connection.link.done(request)


class _RateLimit:
    """Allows each connection something `count_max` times in any `window_s` seconds."""

    def __init__(self, count_max: int, window_s: float) -> None:
        self._count_max = count_max
        self._window_s = window_s
        self._times: WeakKeyDictionary[Connection, deque[float]] = WeakKeyDictionary()

    def is_reached(self, connection: Connection) -> bool:
        times = self._times.get(connection)
        return times is not None and len(times) == self._count_max and _now() - times[0] < self._window_s

    def count(self, connection: Connection) -> None:
        self._times.setdefault(connection, deque(maxlen=self._count_max)).append(_now())


def _now() -> float:
    return asyncio.get_running_loop().time()
