"""Permissions of a visitor for a pad, roles that owners give, and temporary bans. Checked when a pad is opened, and every second while it is
open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from jpterm_like.files.access_control import PathPermissions

Role = Literal["view", "edit", "own"]
"""view: read; edit: write too; own: also remove people and change their roles."""

ROLES: Final[tuple[Role, ...]] = ("view", "edit", "own")


class Rights(Protocol):
    """Rights of one visitor. They may change during a connection: a token is revoked, a file is closed to others."""

    @property
    def who(self) -> str:
        """Name of the visitor in the log; never a secret."""
        ...

    @property
    def can_be_raised(self) -> bool:
        """Whether an owner may let the visitor write who may read. With a token, which an owner made; not against the
        permissions of a file, with which other programs reckon."""
        ...

    def is_valid(self) -> bool:
        """Whether the visitor may be connected at all."""
        ...

    def may_run(self) -> bool:
        """Whether the visitor may run programs as the user of the server, if the server runs any: a right of its own, which permissions of
        files do not give."""
        ...

    def concerns(self, name: str) -> bool:
        """Whether these rights are for a pad, also when they are no longer valid."""
        ...

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        """Role in a pad that is this plain file; None: not even its existence may be revealed.

        `sources` are the permissions of the files behind its text; see `files.access_control.Access`.
        """
        ...


class Owner:
    """Full rights, for the person who runs the server."""

    who = "owner"
    can_be_raised = False

    def is_valid(self) -> bool:
        return True

    def may_run(self) -> bool:
        return False  # without a token and another user for all that is known; the process that listens knows more

    def concerns(self, name: str) -> bool:
        return True

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        return "own"


OWNER: Final = Owner()


class GivenRole(NamedTuple):
    """A role that an owner gave to a visitor."""

    role: Literal["view", "edit"]
    by: Rights
    name: str
    """Name of the person who gave it, for the sentence."""
    at: float
    """When, monotonic."""

    def counts(self, name: str, path: Path) -> bool:
        """Whether it holds in a pad: in everything that its giver owns.

        A giver whose rights have ended owns nothing: what they let others write they let them no more. What they kept others from
        writing stays so.
        """
        if self.by.is_valid():
            return self.by.role(name, path) == "own"
        return self.role == "view" and self.by.concerns(name)


class GivenRoles:
    """The roles that owners gave to visitors, by token or user and not by name: whoever connects again has the same one.

    Kept in memory only: the end of the server ends them.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], GivenRole] = {}
        """Keyed by the visitor and the giver, so that one owner's word never ends another's; the newest last."""

    def give(self, who: Rights, given: GivenRole) -> None:
        key = who.who, given.by.who
        self._given.pop(key, None)
        self._given[key] = given

    def find(self, who: Rights, name: str, path: Path) -> GivenRole | None:
        """The newest role that holds for a visitor in a pad."""
        found = (given for (visitor, _), given in reversed(self._given.items()) if visitor == who.who)
        return next((given for given in found if given.counts(name, path)), None)


class ChangeableRights:
    """Rights of a visitor, with the roles that owners give while the server runs. Nobody becomes an owner by them, nor stops being one, and
    a pad that may not be opened stays closed."""

    def __init__(self, rights: Rights, given: GivenRoles) -> None:
        self._rights = rights
        self._given = given
        self.who = rights.who
        self.can_be_raised = rights.can_be_raised

    def is_valid(self) -> bool:
        return self._rights.is_valid()

    def may_run(self) -> bool:
        return self._rights.may_run()

    def concerns(self, name: str) -> bool:
        return self._rights.concerns(name)

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        role = self._rights.role(name, path, sources)
        if role is None or role == "own":
            return role
        given = self._given.find(self._rights, name, path)
        if given is None or (given.role == "edit" and not self.can_be_raised):
            return role
        return given.role


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
