"""`doctor --store`: whether a database that servers share keeps what they call stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from jpterm_like.storage.engine import LEASE_S
from jpterm_like.stores import ask_about_database

LAG_BYTES: Final = 16 << 20
"""A replica that is further behind has not kept up for a while."""

_NEEDED: Final = {
    "fsync": "a power cut then loses what was called stored, and may damage the database",
    "full_page_writes": "a power cut then may damage the database",
}


class Finding(NamedTuple):
    word: Literal["good", "warn", "look"]
    """"warn" is something to know, that may be as its owner wants it; "look" is wrong."""
    sentence: str


def examine_database(address: str) -> Iterator[Finding]:
    """Say what a database keeps, and whether that is good.

    Raises:
        JptermError: it cannot be reached.
    """
    facts = ask_about_database(address)
    yield Finding(
        "good",
        f"{facts.shown}: PostgreSQL {facts.settings['server_version']}, schema {facts.schema}, {facts.documents:,} documents, "
        f"{facts.log_bytes:,} bytes of log.",
    )
    for name, why in _NEEDED.items():
        value = facts.settings[name]
        yield _judge(value == "on", f"{name} is {value}{'' if value == 'on' else f': {why}'}.")
    if facts.settings["data_checksums"] == "off":
        yield Finding(
            "look",
            "The database has no checksums (initdb -k): a bit that a disk flips is not noticed in the log.",
        )
    names = facts.settings["synchronous_standby_names"]
    if not names:
        yield Finding(
            "warn",
            "synchronous_standby_names is empty: “stored” means the disk of one machine. If it is lost, so is what was stored last.",
        )
    else:
        synchronous = [replica for replica in facts.replicas if replica.is_synchronous]
        words = (
            ", ".join(replica.name for replica in synchronous)
            or "none is connected, so nothing is called stored"
        )
        yield _judge(bool(synchronous), f"Commits wait for a replica ({names}): {words}.")
    for replica in facts.replicas:
        good = replica.state == "streaming" and replica.behind_bytes <= LAG_BYTES
        yield _judge(
            good, f"Replica {replica.name} is {replica.state}, {replica.behind_bytes:,} bytes behind."
        )
    if facts.settings["wal_retrieve_retry_interval"] not in ("200ms", "100ms", "50ms"):
        yield Finding(
            "good",
            f"wal_retrieve_retry_interval is {facts.settings['wal_retrieve_retry_interval']}: after a restart nothing is stored for about so long; "
            "200ms on the replicas is better.",
        )
    for node in facts.nodes:
        where = node.address or "reached by no other node"
        state = (
            f"draining, {node.documents:,} documents left"
            if node.is_draining
            else f"{node.documents:,} documents, lease for {node.left_s:.1f} s"
            if node.left_s > 0
            else f"ended {-node.left_s:.0f} s ago"
        )
        # Only the clock of the database counts, so it was set back.
        good = node.left_s <= 2 * LEASE_S
        yield _judge(
            good,
            f"Node {node.id} ({where}, {node.version}): {state}{'' if good else ': the clock of the database was set back'}.",
        )
    if not any(node.left_s > 0 for node in facts.nodes):
        yield Finding("good", "No server uses it now.")


def _judge(is_good: bool, sentence: str) -> Finding:
    return Finding("good" if is_good else "look", sentence)
