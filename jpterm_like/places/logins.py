"""Names and passwords for servers, as places ask for them. `access.place_logins` keeps them, and asks people."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol


class Login(NamedTuple):
    """A name and a password for a server."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Leave the password out: a repr ends up in logs."""
        return f"Login({self.user!r})"


class Logins(Protocol):
    """The logins of a person. Calls may block, and may ask on the terminal."""

    def find(self, server: str, user: str) -> Login | None:
        """Return the login that is known for a server, `webdavs://HOST:PORT`, and for a user, or any if that is empty."""
        ...

    def ask(self, server: str, user: str) -> Login | None:
        """Ask the person, after the server refused what was known; None if nobody can be asked."""
        ...

    def accepted(self, server: str, login: Login) -> None:
        """Note that the server took a login that the person was asked for."""
        ...


class _NoLogins:
    def find(self, server: str, user: str) -> Login | None:
        return None

    def ask(self, server: str, user: str) -> Login | None:
        return None

    def accepted(self, server: str, login: Login) -> None:
        pass


NO_LOGINS: Final[Logins] = _NoLogins()
"""For servers that everybody may use."""
