"""What people decided, for all nodes: tokens. Plain rows; `access` knows what they mean."""

from __future__ import annotations

from typing import Any, Final

from jpterm_like.postgres.connection import READING_S, Connection, Watchdog
from jpterm_like.postgres.schema import check_database

_FIELDS: Final = "id, hash, role, pad, made_at, expires_at"


class Decisions:
    """See `access.shared_tokens.TokenTable`. All calls block.

    Raises:
        Unreachable: by each method.
    """

    def __init__(self, written: str) -> None:
        """
        Raises:
            JptermError: the database cannot be reached, or has another schema than this release needs.
        """
        waiting = check_database(written)
        self._watchdog = Watchdog()
        self._connection = Connection(waiting, self._watchdog)

    def tokens(self) -> list[dict[str, Any]]:
        """Return all tokens, the oldest first."""
        rows = self._connection.ask(f"SELECT {_FIELDS} FROM jp_token ORDER BY made_at, id", {}, READING_S)
        return [dict(zip(_FIELDS.split(", "), row, strict=True)) for row in rows]

    def add_token(self, token: dict[str, Any]) -> None:
        self._connection.ask(
            f"INSERT INTO jp_token ({_FIELDS}) VALUES (%(id)s, %(hash)s, %(role)s, %(pad)s, %(made_at)s, %(expires_at)s) "
            "ON CONFLICT (id) DO NOTHING",
            token,
            commits=True,
        )

    def remove_token(self, id: str) -> None:
        self._connection.ask("DELETE FROM jp_token WHERE id = %(id)s", {"id": id}, commits=True)

    def identity(self) -> bytes:
        """Return what identifies the database to clients, whatever node they are connected to."""
        found: bytes = self._connection.ask("SELECT identity FROM jp_meta", {})[0][0]
        return found

    def close(self) -> None:
        self._connection.close()
        self._watchdog.close()
