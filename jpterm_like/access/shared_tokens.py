"""Tokens that several servers share. They are read again each second, in a thread, so that nobody who comes in waits for a database; and a
database that does not answer lets nobody new in and puts nobody out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from jpterm_like.access.tokens import Token, TokenBook, TokenProblem, decode_token
from jpterm_like.errors import JptermError


class TokenTable(Protocol):
    """Where the tokens are."""

    def tokens(self) -> list[dict[str, Any]]: ...

    def add_token(self, token: dict[str, Any]) -> None: ...

    def remove_token(self, id: str) -> None: ...


class SharedTokenBook(TokenBook):
    """See the module. `make`, `revoke` and `reload` block."""

    def __init__(self, table: TokenTable, clock: Callable[[], float] = time.time) -> None:
        """
        Raises:
            TokenProblem: the tokens cannot be read.
        """
        self._table = table
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self.reload()

    def reload(self) -> None:
        """Read all tokens.

        Raises:
            TokenProblem: they cannot be read, and those that were read before count.
        """
        try:
            rows = self._table.tokens()
        except JptermError as problem:
            raise TokenProblem(f"The tokens cannot be read: {problem}") from problem
        try:
            self._tokens = {row["id"]: decode_token({**row, "folder": ""}) for row in rows}
        except (ValueError, TypeError, KeyError):
            raise TokenProblem("The tokens were made by a newer release of jpterm-like; update it.") from None

    def _refresh(self) -> None:
        pass

    def _change(self, change: Callable[[dict[str, Token]], None]) -> None:
        self.reload()
        tokens = dict(self._tokens)
        change(tokens)
        try:
            for id in self._tokens.keys() - tokens.keys():
                self._table.remove_token(id)
            for id in tokens.keys() - self._tokens.keys():
                fields = asdict(tokens[id])
                del fields["folder"]
                self._table.add_token(fields)
        except JptermError as problem:
            raise TokenProblem(f"The tokens cannot be changed: {problem}") from problem
        self._tokens = tokens
