"""Permissions of a visitor for a pad, and temporary bans. Checked when a pad is opened, and every second while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from jpterm_like.files.access_control import PathPermissions

Role = Literal["view", "edit", "own"]
"""view: read; edit: write too; own: also remove people."""

ROLES: Final[tuple[Role, ...]] = ("view", "edit", "own")


class Rights(Protocol):
    """Rights of one visitor. They may change during a connection: a token is revoked, a file is closed to others."""

    @property
    def who(self) -> str:
        """Name of the visitor in the log; never a secret."""
        ...

    def is_valid(self) -> bool:
        """Whether the visitor may be connected at all."""
        ...

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        """Role in a pad that is this plain file; None: not even its existence may be revealed.

        `sources` are the permissions of the files behind its text; see `files.access_control.Access`.
        """
        ...


class Owner:
    """Full rights, for the person who runs the server."""

    who = "owner"

    def is_valid(self) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return "own"


OWNER: Final = Owner()

BAN_S: Final = 600.0
"""Length of a ban: time to revoke a token or to change permissions."""


class Ban(NamedTuple):
    """One ban."""

    by: Rights
    name: str
    """Name of the person who banned, for the sentence."""
    until: float


class Bans:
    """Temporary bans, by token or user and not by name, from everything that the banning person owns.

    Kept in memory only: the end of the server ends them.
    """

    def __init__(self) -> None:
        self._bans: dict[tuple[str, str], Ban] = {}
        """Keyed by the banned and the banning visitor, so that one owner's ban never shortens another's."""

    def add(self, who: Rights, by: Rights, name: str, now: float) -> None:
        self._bans = {key: ban for key, ban in self._bans.items() if now < ban.until}
        self._bans[who.who, by.who] = Ban(by, name, now + BAN_S)

    def why_banned(self, who: Rights, name: str, path: Path, now: float) -> str | None:
        """Why a visitor is banned from a pad now, in a sentence; None: they are not."""
        bans = [ban for (banned, _), ban in self._bans.items() if banned == who.who and now < ban.until]
        ban = max(
            (it for it in bans if it.by.role(name, path) == "own"), key=lambda it: it.until, default=None
        )
        if ban is None:
            return None
        minutes = -int((now - ban.until) // 60)
        return (
            f"{ban.name} has put you out; for {minutes} {'minute' if minutes == 1 else 'minutes'} nobody comes in "
            "as you did. Your text is kept on your machine."
        )
