"""The names and passwords with which this user reaches places: found in ~/.netrc and in the keyring, else asked for and kept.

Only the server that wanted a password is given it, through TLS or on this machine (`places.http_client`). It is never in an address, an argument, a
log or an error. Keys of buckets and of ssh are where their own programs have them, and never here.
"""

from __future__ import annotations

import getpass
import netrc
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jpterm_like.access.tokens import Keyring, TokenProblem
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.places.logins import Login

SERVICE: Final = "jpterm-like"
"""The name under which logins are in the keyring of the system."""

Ask = Callable[[str, str], Login | None]
"""Asks the person for the login of a server, given a user or ""; None if there is nobody to ask."""


class NetrcProblem(JptermError):
    """~/.netrc cannot be used."""


class KeptLogins:
    """The logins of this user. The system's keyring is used where the package `keyring` is installed and works, else our own file."""

    def __init__(self, keyring: Keyring, netrc_file: Path, ask: Ask) -> None:
        self._keyring = keyring
        self._netrc_file = netrc_file
        self._ask = ask

    @classmethod
    def of_user(cls, ask: Ask) -> KeptLogins:
        netrc_file = os.environ.get("NETRC") or "~/.netrc"
        return cls(Keyring(Paths.of_user().keyring_file), Path(netrc_file).expanduser(), ask)

    def find(self, server: str, user: str) -> Login | None:
        """See `Logins`. Raises JptermError if a file with logins cannot be read."""
        found = login_of_netrc(self._netrc_file, urlsplit(server).hostname or "", user)
        kept = found or _decoded(_of_system(server)) or _decoded(self._keyring.token_for(f"{server}/"))
        return kept if kept and user in ("", kept.user) else None

    def ask(self, server: str, user: str) -> Login | None:
        return self._ask(server, user)

    def accepted(self, server: str, login: Login) -> None:
        """Keep a login. Raises TokenProblem if it cannot be kept."""
        keep_login(self._keyring, server, login)


def keep_login(keyring: Keyring, server: str, login: Login) -> None:
    """Keep a login for a server. Raises TokenProblem if it cannot be kept."""
    if not _keep_in_system(server, f"{login.user}:{login.password}"):
        keyring.keep(server, f"{login.user}:{login.password}")


def forget_login(keyring: Keyring, server: str) -> None:
    """Forget the login for a server. Raises TokenProblem if none is kept."""
    was_in_system = _forget_in_system(server)
    try:
        keyring.forget(server)
    except TokenProblem:
        if not was_in_system:
            raise


def ask_on_terminal(server: str, user: str) -> Login | None:
    """Ask on the terminal, if there is one. The password is not shown."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    where = escape_for_terminal(server)
    if not user:
        sys.stderr.write(f"Name for {where}: ")
        sys.stderr.flush()
        user = sys.stdin.readline(1000).strip()
    if not user or ":" in user:
        return None
    password = getpass.getpass(f"Password of {escape_for_terminal(user)} for {where}: ")
    return Login(user, password) if password else None


def login_of_netrc(path: Path, host: str, user: str = "") -> Login | None:
    """Return the login that a netrc file has for a host; its `default` is for no host that we know, and is not used.

    Raises:
        NetrcProblem: the file cannot be read, or others can read it.
    """
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NetrcProblem(f"{escape_for_terminal(path)} is open to others: close it with 'chmod 600'.")
        hosts = netrc.netrc(path).hosts
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as problem:
        raise NetrcProblem(
            f"{escape_for_terminal(path)} cannot be read: line {problem.lineno} is wrong."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise NetrcProblem(f"{escape_for_terminal(path)} cannot be read.") from None
    login, _, password = hosts.get(host) or ("", "", "")
    return Login(login, password) if password and user in ("", login) else None


def _decoded(kept: str | None) -> Login | None:
    user, colon, password = (kept or "").partition(":")
    return Login(user, password) if colon else None


def _system_keyring() -> Any:
    """The module `keyring`, if it is installed and has somewhere to keep something."""
    try:
        import keyring
    except ImportError:
        return None
    return keyring if getattr(keyring.get_keyring(), "priority", 0) > 0 else None


def _of_system(server: str) -> str | None:
    if (keyring := _system_keyring()) is None:
        return None
    try:
        found = keyring.get_password(SERVICE, server)
    except keyring.errors.KeyringError:
        return None
    return found if isinstance(found, str) else None


def _keep_in_system(server: str, kept: str) -> bool:
    if (keyring := _system_keyring()) is None:
        return False
    try:
        keyring.set_password(SERVICE, server, kept)
    except keyring.errors.KeyringError:
        return False
    return True


def _forget_in_system(server: str) -> bool:
    if (keyring := _system_keyring()) is None:
        return False
    try:
        keyring.delete_password(SERVICE, server)
    except keyring.errors.KeyringError:
        return False
    return True
