"""`postgresql://USER@HOST/DATABASE` as people write it. A password in it is refused: arguments are seen by every user of the machine, and
land in logs. libpq finds passwords in the file that PGPASSFILE names, or in ~/.pgpass."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jpterm_like.errors import JptermError

PREFIXES: Final = ("postgresql://", "postgres://")
CONNECT_S: Final = 2
"""How long each host of an address is given to accept a connection."""

_OPTIONS: Final = {
    "lock_timeout": "2s",  # a writer that waits for a row ends before its deadline
    "idle_in_transaction_session_timeout": "5s",
    "client_connection_check_interval": "1s",  # a statement whose node is gone ends
}


def database_address(written: str, *, waits_for_replica: bool = True) -> str:
    """Return what psycopg connects to.

    Raises:
        JptermError: it is no address of PostgreSQL, or has a password in it.
    """
    try:
        parts = conninfo_to_dict(written)
    except psycopg.ProgrammingError:
        # Its sentence quotes the address.
        raise JptermError(
            "That is no address of PostgreSQL: write postgresql://USER@HOST/DATABASE."
        ) from None
    if parts.get("password"):
        raise JptermError(
            "The address has a password in it, which every user of this machine could read: put it into the file that PGPASSFILE "
            "names, or into ~/.pgpass (HOST:PORT:DATABASE:USER:PASSWORD), and leave it out."
        )
    settings = {**_OPTIONS, "synchronous_commit": "on" if waits_for_replica else "local"}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    before = parts.get("options") or ""
    return make_conninfo(
        written,
        options=f"{before} {options}".strip(),
        connect_timeout=parts.get("connect_timeout") or CONNECT_S,
        application_name=parts.get("application_name") or "jpterm-like",
        client_encoding="UTF8",
    )


def shown_address(written: str) -> str:
    """Return an address as it may be shown: user, hosts, port and database."""
    try:
        parts = conninfo_to_dict(written)
    except psycopg.ProgrammingError:
        return "postgresql://…"
    user = f"{parts['user']}@" if parts.get("user") else ""
    hosts, ports = str(parts.get("host") or "").split(","), str(parts.get("port") or "").split(",")
    if len(ports) < len(hosts):  # one port for all of them, or none
        ports *= len(hosts)
    where = ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{user}{where}/{parts.get('dbname') or ''}"
