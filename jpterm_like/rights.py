"""What a visitor may do: asked for each text when it is opened, and again and again while it is open."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Protocol

Role = Literal["view", "edit", "own"]
"""To read; to write as well; to put people out as well."""

ROLES: Final[tuple[Role, ...]] = ("view", "edit", "own")


class Rights(Protocol):
    """Of one visitor. What they say may change while a connection lasts: a token is revoked, a file closed to others."""

    @property
    def who(self) -> str:
        """For the log: never a secret."""
        ...

    def stands(self) -> bool:
        """Whether the visitor may be here at all."""
        ...

    def role(self, name: str, path: Path) -> Role | None:
        """What may be done with a pad, which is this plain file; None: it is not even told whether it exists."""
        ...


class Owner:
    """Whoever has this may do everything: the person for whom the server runs."""

    who = "owner"

    def stands(self) -> bool:
        return True

    def role(self, name: str, path: Path) -> Role | None:
        return "own"


OWNER: Final = Owner()
