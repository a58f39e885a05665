"""Inviting somebody to the current file: asking what is to be chosen, making the command, and saying what to do with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from jpterm_like.tui.file_commands import FileCommands
from jpterm_like.tui.text.cells import clean

if TYPE_CHECKING:
    from jpterm_like.tui.ports import Inviter

TIMES: Final[tuple[tuple[str, float | None], ...]] = (
    ("for an hour", 3600.0),
    ("for a day", 86400.0),
    ("until you revoke it", None),
)
"""How long an invitation may last: words, and seconds."""


class _Wish(NamedTuple):
    """An invitation to be made."""

    address: str
    role: Literal["view", "edit"] | None = None
    lasts_s: float | None = None
    at: str | None = None


class InvitationCommands(FileCommands, is_whole=False):
    """The command *Invite somebody*."""

    inviter: Inviter | None
    _server_is_at = "wss://"
    """Where others find my server, as I said last."""

    def do_invite(self) -> None:
        """Make an invitation to the current file; what can be chosen is asked before."""
        if self._current is None or self.inviter is None:
            self.say("Open a file first: an invitation is to a file.")
            return
        self.run_worker(self._show_errors(self._begin_inviting(self.inviter)), exit_on_error=False)

    async def _begin_inviting(self, inviter: Inviter) -> None:
        wish = _Wish(self.session.address)
        chooses, needs_address = await asyncio.to_thread(inviter.options, wish.address)
        if chooses:
            self._ask_role(inviter, wish, needs_address)
        else:
            await self._invite(inviter, wish)

    def _ask_role(self, inviter: Inviter, wish: _Wish, needs_address: bool) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        roles: tuple[tuple[Literal["view", "edit"], str], ...] = (
            ("edit", "To read and write"),
            ("view", "To read only"),
        )
        ways = [
            (f"{role} {words}", title, words, wish._replace(role=role, lasts_s=seconds))
            for role, title in roles
            for words, seconds in TIMES
        ]
        chosen = {id: way for id, _, _, way in ways}

        def answered(id: str | None) -> None:
            if id is None:
                return
            if needs_address:
                self._ask_address(inviter, chosen[id])
            else:
                self._invite_soon(inviter, chosen[id])

        choices = [Choice(id, title, words) for id, title, words, _ in ways]
        title = f"Invite somebody to {clean(self.title_of(self.session), 40)}"
        self.push_screen(Picker(title, choices, search=False), answered)

    def _ask_address(self, inviter: Inviter, wish: _Wish) -> None:
        from jpterm_like.tui.widgets.dialogs import Ask

        def answered(at: str | None) -> None:
            if at is not None:
                self._server_is_at = at
                self._invite_soon(inviter, wish._replace(at=at))

        note = (
            "A proxy stands before it: write the address that others use, as wss://HOST or wss://HOST/PATH."
        )
        self.push_screen(Ask("Where is your server for others?", note, self._server_is_at), answered)

    def _invite_soon(self, inviter: Inviter, wish: _Wish) -> None:
        self.run_worker(self._show_errors(self._invite(inviter, wish)), exit_on_error=False)

    async def _invite(self, inviter: Inviter, wish: _Wish) -> None:
        from jpterm_like.tui.widgets.dialogs import Choice, Picker

        with self.saying("Trying the invitation …"):
            line, words = await asyncio.to_thread(inviter.invite, *wish)
        if self._current is not None:
            self._current.to_clipboard(line)
        self.push_screen(
            Picker(
                "Copied: they paste this line into their shell",
                [Choice("close", "Close")],
                body=f"{line}\n\n{words}",
                search=False,
            )
        )
