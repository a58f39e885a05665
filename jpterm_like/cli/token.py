"""`jpterm-like token`: make, list and revoke tokens for one's server; keep and forget tokens for other servers."""

from __future__ import annotations

import contextlib
import getpass
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jpterm_like.access.addresses import parse_server_address
from jpterm_like.access.place_logins import ask_on_terminal, forget_login, keep_login
from jpterm_like.access.tokens import Keyring, TokenBook, TokenRole
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.places.address import is_address, login_server
from jpterm_like.places.logins import Login
from jpterm_like.stores import open_decisions


@contextlib.contextmanager
def book_of(store: str | None) -> Iterator[TokenBook]:
    """The tokens of this user's servers, or of those that share a database.

    Raises:
        JptermError: the database cannot be used.
    """
    if store is None:
        yield TokenBook(Paths.of_user().tokens_file)
        return
    from jpterm_like.access.shared_tokens import SharedTokenBook

    with contextlib.closing(open_decisions(store)) as decisions:
        yield SharedTokenBook(decisions)


def make(book: TokenBook, role: TokenRole, *, pad: str, folder: Path | None, lasts_s: float | None) -> None:
    """Print a new token on standard output, and what to do with it on standard error."""
    where = "" if folder is None else str(folder.resolve())
    token, line = book.make(role, pad=pad, folder=where, lasts_s=lasts_s)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"Token {token.id} to {_FOR[role]}. It is shown once; pass it on safely. They run:\n"
        "  jpterm-like token add wss://HOST:PORT\n"
        f"and paste it. To revoke it: jpterm-like token revoke {token.id}\n"
    )


_FOR: Final[dict[TokenRole, str]] = {
    "view": "read",
    "edit": "read and write",
    "run": "read and write, and run the cells of notebooks where the server was started with --run",
    "own": "read, write and remove people",
}


def show(book: TokenBook) -> None:
    """Print the tokens, without their secrets."""
    now = time.time()
    for token in book.all():
        if token.expires_at is None:
            until = "until it is revoked"
        elif token.is_live(now):
            until = time.strftime("until %Y-%m-%d %H:%M", time.localtime(token.expires_at))
        else:
            until = "expired"
        where = f" in {token.folder}" if token.folder else ""
        sys.stdout.write(
            f"{token.id}  {token.role}  {escape_for_terminal(token.pad)}{escape_for_terminal(where)}  {until}\n"
        )


def add(address: str) -> None:
    """Keep a token for a server, or a name and a password for a place: ask on the terminal, or read standard input."""
    if is_address(address):
        _add_login(login_server(address))
        return
    origin = origin_of(address)
    if sys.stdin.isatty():
        line = getpass.getpass(f"Token for {escape_for_terminal(origin)}: ")
    else:
        line = sys.stdin.readline(1000)
    if not line.strip():
        raise JptermError("No token came, and none is kept.")
    Keyring(Paths.of_user().keyring_file).keep(origin, line.strip())


def _add_login(server: str) -> None:
    if sys.stdin.isatty():
        login = ask_on_terminal(server, "")
    else:
        user, _, password = sys.stdin.readline(1000).strip().partition(":")
        login = Login(user, password) if user and password else None
    if login is None:
        raise JptermError("No NAME:PASSWORD came, and none is kept.")
    keep_login(Keyring(Paths.of_user().keyring_file), server, login)


def forget(address: str) -> None:
    """Forget the token for a server, or the password for a place."""
    if is_address(address):
        forget_login(Keyring(Paths.of_user().keyring_file), login_server(address))
        return
    Keyring(Paths.of_user().keyring_file).forget(origin_of(address))


def origin_of(address: str) -> str:
    """The part of an address for which tokens are kept: the server, or a path of it that ends with a slash.

    Raises:
        JptermError: it is not the address of a server.
    """
    return parse_server_address(address).token_place
