"""Tokens: they let people in from the network.

    TokenBook     the tokens that a person has given out; only a hash of each is kept (`shared_tokens`: those of several servers)
    TokenRights   rights of the holder of one
    Keyring       the tokens that a person has received, by server

A token is `jpt_ID_SECRET`, the secret 256 random bits. A secret of that length cannot be guessed, so one round of SHA-256
protects it; slow hashes are for passwords that people think up.
"""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

from jpterm_like.access.permissions import Role
from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.files.access_control import PathPermissions

VARIABLE: Final = "JPTERM_LIKE_TOKEN"
"""Environment variable with `wss://HOST:PORT=TOKEN`: a token without its server would be sent to any server."""
TOKENS_MAX: Final = 10_000


TokenRole = Literal["view", "edit", "run", "own"]
"""What a token gives. run: as edit, and the cells of notebooks may be run where the server was started with --run; own: that, too."""
TOKEN_ROLES: Final[tuple[TokenRole, ...]] = ("view", "edit", "run", "own")


class TokenProblem(JptermError):
    """A token cannot be made, kept or found."""


@dataclass(frozen=True)
class Token:
    """One token, without its secret."""

    id: str
    hash: str
    """SHA-256 of the secret, hexadecimal."""
    role: TokenRole
    pad: str
    """Pattern for the names of its pads. `*` matches any part of a name, slashes too."""
    folder: str
    """The served folder that the token is for; empty: any."""
    made_at: float
    expires_at: float | None

    def is_live(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at


_FIELDS: Final = frozenset(field.name for field in fields(Token))


class TokenBook:
    """The tokens of one person, in a file that is read again after a change."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._state: tuple[int, ...] | None = None

    def all(self) -> list[Token]:
        """Every token, expired ones too, the oldest first.

        Raises:
            TokenProblem: the file cannot be read; then nobody is let in.
        """
        self._refresh()
        return list(self._tokens.values())

    def has_token_for(self, folder: str) -> bool:
        """Whether any live token opens something in a folder."""
        now = self._clock()
        return any(token.is_live(now) and token.folder in ("", folder) for token in self.all())

    def make(
        self, role: TokenRole, *, pad: str = "*", folder: str = "", lasts_s: float | None = None
    ) -> tuple[Token, str]:
        """Make a token; returns it and the line to hand over, which is not kept anywhere.

        Raises:
            TokenProblem: the token cannot be kept.
        """
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        token = Token(
            id=secrets.token_hex(4),
            hash=hashlib.sha256(secret.encode()).hexdigest(),
            role=role,
            pad=pad,
            folder=folder,
            made_at=now,
            expires_at=None if lasts_s is None else now + lasts_s,
        )

        def with_it(tokens: dict[str, Token]) -> None:
            if len(tokens) >= TOKENS_MAX:
                raise TokenProblem(f"There are {TOKENS_MAX} tokens: revoke some.")
            tokens[token.id] = token

        self._change(with_it)
        return token, f"jpt_{token.id}_{secret}"

    def revoke(self, id: str) -> None:
        """Revoke a token at once.

        Raises:
            TokenProblem: no token has that id, or the file cannot be written.
        """

        def without_it(tokens: dict[str, Token]) -> None:
            if tokens.pop(id, None) is None:
                raise TokenProblem("There is no such token; 'jpterm-like token list' shows the ids.")

        self._change(without_it)

    def find(self, line: str) -> Token | None:
        """The live token of a line that a client sent, or None. Takes the same time for any wrong secret."""
        self._refresh()
        found = re.fullmatch(r"jpt_([0-9a-f]{8})_([\w-]{1,100})", line, re.ASCII)
        token = self._tokens.get(found[1]) if found else None
        sent = hashlib.sha256((found[2] if found else line[:200]).encode("utf-8", "replace")).hexdigest()
        same = hmac.compare_digest(sent, token.hash if token else "0" * 64)
        return token if token is not None and same and token.is_live(self._clock()) else None

    def is_current(self, token: Token) -> bool:
        """Whether a token is unchanged and live."""
        self._refresh()
        return self._tokens.get(token.id) == token and token.is_live(self._clock())

    def _refresh(self) -> None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._tokens, self._state = {}, None
            return
        except OSError as problem:
            raise TokenProblem(
                f"{escape_for_terminal(self._path)} cannot be read: {explain(problem)}."
            ) from problem
        state = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if state == self._state:
            return
        self._tokens, self._state = {}, None
        try:
            self._tokens = self._decoded(private.read(self._path))
        except OSError as problem:
            raise TokenProblem(
                f"{escape_for_terminal(self._path)} cannot be read: {explain(problem)}."
            ) from problem
        self._state = state

    def _decoded(self, content: bytes | None) -> dict[str, Token]:
        try:
            entries = json.loads(content or b"[]")
            if any(entry.keys() - _FIELDS for entry in entries):  # an unknown field may restrict the token
                raise TokenProblem(
                    f"{escape_for_terminal(self._path)} was made by a newer release of jpterm-like; update it."
                )
            return {entry["id"]: decode_token(entry) for entry in entries}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise TokenProblem(
                f"{escape_for_terminal(self._path)} is damaged: remove it and make new tokens."
            ) from None

    def _change(self, change: Callable[[dict[str, Token]], None]) -> None:
        def new(content: bytes | None) -> bytes:
            tokens = self._decoded(content)
            change(tokens)
            return _encoded([asdict(token) for token in tokens.values()])

        _change_file(self._path, new)
        self._state = None


def decode_token(entry: Any) -> Token:
    """Make a token of its fields.

    Raises:
        ValueError, TypeError: they are not those of a token.
    """
    token = Token(**entry)
    if token.role not in TOKEN_ROLES or not all(
        isinstance(value, str) for value in (token.id, token.hash, token.pad, token.folder)
    ):
        raise ValueError
    if not isinstance(token.expires_at, float | int | None):
        raise ValueError
    return token


class TokenRights:
    """Rights of the holder of a token in one served folder. A revoked or expired token gives none."""

    can_be_raised = True

    def __init__(self, book: TokenBook, token: Token, folder: str) -> None:
        self._book = book
        self._token = token
        self._folder = folder
        self.who = f"token {token.id}"

    def is_valid(self) -> bool:
        try:
            return self._token.folder in ("", self._folder) and self._book.is_current(self._token)
        except TokenProblem:
            return False

    def concerns(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self._token.pad)

    def role(self, name: str, path: Path, sources: Sequence[PathPermissions] = ()) -> Role | None:
        if not self.is_valid() or not self.concerns(name):
            return None
        return "edit" if self._token.role == "run" else self._token.role

    def may_run(self) -> bool:
        return self.is_valid() and self._token.role in ("run", "own")


class Keyring:
    """The tokens with which this user connects, by server, in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def token_for(self, address: str) -> str | None:
        """The token kept for the server of an address, `ws://host:port/pads/notes.md`: for the longest folder above the file, else for
        `ws://host:port` as a whole; None: no token is kept.

        Raises:
            TokenProblem: the file cannot be read.
        """
        try:
            kept = self._decoded(private.read(self._path))
        except OSError as problem:
            raise TokenProblem(
                f"{escape_for_terminal(self._path)} cannot be read: {explain(problem)}."
            ) from problem

        places = [place for place in kept if is_token_for(place, address)]
        return kept[max(places, key=len)] if places else None

    def keep(self, origin: str, token: str) -> None:
        """Keep a token for a server.

        Raises:
            TokenProblem: the token cannot be kept.
        """
        _change_file(self._path, lambda content: _encoded({**self._decoded(content), origin: token}))

    def forget(self, origin: str) -> None:
        """Remove the token for a server.

        Raises:
            TokenProblem: none was kept, or the file cannot be written.
        """

        def without_it(content: bytes | None) -> bytes:
            tokens = self._decoded(content)
            if tokens.pop(origin, None) is None:
                raise TokenProblem(f"No token is kept for {escape_for_terminal(origin)}.")
            return _encoded(tokens)

        _change_file(self._path, without_it)

    def _decoded(self, content: bytes | None) -> dict[str, str]:
        try:
            found = json.loads(content or b"{}")
            return {str(origin): str(token) for origin, token in found.items()}
        except (ValueError, AttributeError):
            raise TokenProblem(
                f"{escape_for_terminal(self._path)} is damaged: remove it and add your tokens again."
            ) from None


def is_token_for(place: str, address: str) -> bool:
    """Whether a token that is kept for `place` is for the server of `address`.

    Several servers may share one host, each under a path of a proxy; so a place may end with a path and a slash.
    """
    return address.startswith(place if place.endswith("/") else f"{place}/")


def _encoded(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _change_file(path: Path, new: Callable[[bytes | None], bytes]) -> None:
    try:
        private.change(path, new)
    except OSError as problem:
        raise TokenProblem(f"{escape_for_terminal(path)} cannot be written: {explain(problem)}.") from problem


def parse_duration(text: str) -> float:
    """Parse a length of time such as "30m", "2h" or "7d"; returns seconds.

    Raises:
        ValueError: the text is not of this form.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text, re.ASCII)
    if found is None or int(found[1]) == 0:
        raise ValueError(text)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[found[2]]
