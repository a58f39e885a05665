"""One connection to PostgreSQL, opened again after an error.

A statement ends at its deadline, whatever the network does: a thread shuts the socket. psycopg's and asyncio's own deadlines ask the server to
cancel, and wait for the answer. (psycopg/psycopg#1371 tells of waits without end.) A statement that was shut may still be carried
out, so nobody knows its outcome; it is never cancelled, because a commit that is cancelled while it waits for the replica is
reported as done, with no more than a warning.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from jpterm_like.errors import escape_for_terminal
from jpterm_like.storage.engine import Unreachable

STATEMENT_S: Final = 3.0
"""Deadline of one statement."""
READING_S: Final = 15.0
"""The same for one that returns much."""
LOOK_S: Final = 0.25
"""Interval between two looks for statements whose deadline is over."""
NOT_REPLICATED: Final = "01000"
"""SQLSTATE of the warning that a commit is on this server and perhaps not on the replica."""

log = logging.getLogger("jpterm_like.postgres")


class Watchdog:
    """Shuts the sockets of statements whose deadline is over."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
        self._thread.start()

    def watch(self, connection: Connection) -> None:
        self._connections.append(connection)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            now = time.monotonic()
            for connection in self._connections:
                connection.shut_if_late(now)


class Connection:
    """See the module. A statement at a time; others wait.

    Args:
        conninfo: as `address.database_address` returns it.
        watchdog: enforces the deadlines.
    """

    def __init__(self, conninfo: str, watchdog: Watchdog) -> None:
        self._conninfo = conninfo
        self._lock = threading.Lock()
        self._opened: psycopg.Connection[TupleRow] | None = None
        self._was_warned = False
        self._watching = threading.Lock()
        """Held while the deadline is set, or the socket is shut: so no socket is shut that belongs to another connection by now."""
        self._deadline: float | None = None
        self.reconnects = 0
        watchdog.watch(self)

    def write(self, sql: str, arguments: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run a statement that is one commit, and return its rows.

        Raises:
            Unreachable: it may have been committed, or only on this server.
        """
        with self._lock:
            rows = self._run(sql, arguments, STATEMENT_S)
            if self._was_warned:
                raise Unreachable("The database has the changes, and its replica may not.")
            return rows

    def ask(
        self,
        sql: str,
        arguments: Mapping[str, object],
        seconds: float = STATEMENT_S,
        *,
        commits: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Run a statement that may be run twice, and return its rows: after an error once more, for an old connection may be dead.

        Args:
            commits: it changes something, which must be on the replica, too.

        Raises:
            Unreachable: there is no answer.
        """
        with self._lock:
            is_old = self._opened is not None
            try:
                rows = self._run(sql, arguments, seconds)
            except Unreachable:
                if not is_old:
                    raise
                rows = self._run(sql, arguments, seconds)
            if commits and self._was_warned:
                raise Unreachable("The database has the changes, and its replica may not.")
            return rows

    def shut_if_late(self, now: float) -> None:
        with self._watching:
            opened = self._opened
            if self._deadline is None or now < self._deadline or opened is None:
                return
            self._deadline = None
            log.warning("the database did not answer in time: the connection is closed")
            with contextlib.suppress(OSError, psycopg.Error):
                other = socket.socket(fileno=os.dup(opened.fileno()))
                with other:
                    other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _run(self, sql: str, arguments: Mapping[str, object], seconds: float) -> list[tuple[Any, ...]]:
        try:
            opened = self._opened
            if opened is None:
                opened = psycopg.connect(self._conninfo, autocommit=True)
                opened.add_notice_handler(self._note_warning)
                self._opened = opened
                self.reconnects += 1
            self._was_warned = False
            with self._watching:
                self._deadline = time.monotonic() + seconds
            try:
                with opened.cursor(binary=True) as cursor:
                    cursor.execute(sql.encode(), arguments)
                    return cursor.fetchall() if cursor.description is not None else []
            finally:
                with self._watching:
                    self._deadline = None
        except psycopg.Error as problem:
            self._drop()
            raise Unreachable(
                f"The database does not answer as it should: {sentence_of(problem)}."
            ) from problem

    def _note_warning(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate == NOT_REPLICATED:
            self._was_warned = True

    def _drop(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                opened.close()


def sentence_of(problem: psycopg.Error) -> str:
    """What went wrong, in the server's words or libpq's, on one line."""
    words = problem.diag.message_primary or str(problem).strip().split("\n")[0] or type(problem).__name__
    return escape_for_terminal(words.rstrip("."))
