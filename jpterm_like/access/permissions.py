"""What a visitor may do: asked for each text when it is opened, and again and again while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from jpterm_like.files.access_control import Way

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

    def role(self, name: str, path: Path, ways: Sequence[Way] = ()) -> Role | None:
        """What may be done with a pad, which is this plain file; None: it is not even told whether it exists.

        `ways` are those that count for its text; see `files.access_control.Access`.
        """
        ...


class Owner:
    """Whoever has this may do everything: the person for whom the server runs."""

    who = "owner"

    def stands(self) -> bool:
        return True

    def role(self, name: str, path: Path, ways: Sequence[Way] = ()) -> Role | None:
        return "own"


OWNER: Final = Owner()

BARRED_S: Final = 600.0
"""For so long who was put out is kept out: a token can be revoked and permissions changed meanwhile."""


class Bar(NamedTuple):
    """Somebody was put out."""

    by: Rights
    name: str
    """What the one who did it is called."""
    until: float


class Bars:
    """Whoever was put out is kept out for a while, by their token or user and not by a name, of all that is owned by who did it.

    The server alone knows it, and forgets it when it ends.
    """

    def __init__(self) -> None:
        self._bars: dict[tuple[str, str], Bar] = {}
        """By who was put out and who did it: what one owner says ends no word of another one."""

    def put(self, who: Rights, by: Rights, name: str, now: float) -> None:
        self._bars = {key: bar for key, bar in self._bars.items() if now < bar.until}
        self._bars[who.who, by.who] = Bar(by, name, now + BARRED_S)

    def against(self, who: Rights, name: str, path: Path, now: float) -> str | None:
        """Why a visitor may not come into a pad now, in a sentence; None: nobody minds."""
        bars = [bar for (barred, _), bar in self._bars.items() if barred == who.who and now < bar.until]
        bar = max(
            (it for it in bars if it.by.role(name, path) == "own"), key=lambda it: it.until, default=None
        )
        if bar is None:
            return None
        minutes = -int((now - bar.until) // 60)
        return (
            f"{bar.name} has put you out; for {minutes} {'minute' if minutes == 1 else 'minutes'} nobody comes in "
            "as you did. Your text is kept on your machine."
        )
