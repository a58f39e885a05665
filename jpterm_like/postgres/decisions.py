"""What people decided, for all nodes: tokens, and the roles and bans that owners gave. Plain rows; `access` knows what they mean."""

from __future__ import annotations

from typing import Any, Final

from jpterm_like.postgres.connection import READING_S, Connection, Watchdog
from jpterm_like.postgres.schema import check_database

_FIELDS: Final = "id, hash, role, pad, made_at, expires_at"


class Decisions:
    """See `access.shared_tokens.TokenTable` and `server.moderation.DecisionTable`. All calls block.

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

    def given(self) -> list[tuple[str, str, str, str, float, float | None]]:
        """Return the roles and bans that hold: for whom, by whom, which, the name of that person, how many seconds ago, and how many seconds
        it lasts still; None: until it is given anew."""
        rows = self._connection.ask(
            "SELECT who, by, kind, name, extract(epoch FROM jp_now() - at)::float8, extract(epoch FROM until - jp_now())::float8 "
            "FROM jp_given WHERE until IS NULL OR until > jp_now() ORDER BY at, who, by",
            {},
            READING_S,
        )
        return [(who, by, kind, name, ago, left) for who, by, kind, name, ago, left in rows]

    def give(self, who: str, by: str, kind: str, name: str, lasts_s: float | None) -> None:
        """Note a ban (`kind` "ban") or a role ("role view", "role edit") that somebody gave; a later role replaces an earlier one by the same person."""
        self._connection.ask(
            """
            WITH former AS (DELETE FROM jp_given WHERE who = %(who)s AND by = %(by)s AND split_part(kind, ' ', 1) = split_part(%(kind)s, ' ', 1)
                AND kind <> %(kind)s)
            INSERT INTO jp_given (who, by, kind, name, at, until)
                VALUES (%(who)s, %(by)s, %(kind)s, %(name)s, jp_now(), jp_now() + %(seconds)s::float8 * interval '1 second')
            ON CONFLICT (who, by, kind) DO UPDATE SET name = excluded.name, at = excluded.at, until = excluded.until""",
            {"who": who, "by": by, "kind": kind, "name": name, "seconds": lasts_s},
            commits=True,
        )

    def identity(self) -> bytes:
        """Return what identifies the database to clients, whatever node they are connected to."""
        found: bytes = self._connection.ask("SELECT identity FROM jp_meta", {})[0][0]
        return found

    def close(self) -> None:
        self._connection.close()
        self._watchdog.close()
