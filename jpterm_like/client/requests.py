"""Requests to the server, such as to save, rename or say something, and waiting for what they bring about."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, Literal

from jpterm_like.client.connection import CLOSE_S
from jpterm_like.client.events import Guest, LineMessage, OutputsChanged, RequestFailed, Whereabout
from jpterm_like.client.local_session import LocalSession
from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import UNKNOWN, Known
from jpterm_like.files.encoding import Form
from jpterm_like.files.read import NOTEBOOK_SUFFIX
from jpterm_like.transports.base import CannotConnect

# Modules that speak the protocol are loaded once there is a server to speak to: the first screen is painted without them.
if TYPE_CHECKING:
    from jpterm_like.notebook.outputs import CellOutputs
    from jpterm_like.notebook.runs import Run
    from jpterm_like.sync import wire
    from jpterm_like.sync.link import Link

PAUSED: Final = (
    "Not while the connection is paused: resume it first. Your text is kept on this machine, and sent then."
)
AGAIN_S: Final = 30.0
"""How long cells that were asked to run wait for the next connection, to find out whether the server took them."""
SOON_S: Final = 0.3
"""A text that takes longer than this to arrive is shown while it arrives."""


class ServerRequests(LocalSession):
    """The requests of a session, and what it can wait for."""

    async def stored(self) -> None:
        """Wait until all my edits so far are on the server's disk, through outages if need be.

        Raises:
            JptermError: the session was closed before.
        """
        goal = self.pad.buffer.version
        sites = set(self.pad.buffer.own_sites)
        pad = self.pad
        while any(pad.stored.get(site) < goal.get(site) for site in sites):
            if self._connection.is_closed:
                raise JptermError("The session was closed before everything was on the server's disk.")
            await self._connection.change()
            if self.pad is not pad:  # another history was adopted; it has my work under other ids
                return await self.stored()
        return None

    async def settled(self) -> None:
        """Wait for unsent work to reach the server's disk, for CLOSE_S at most and only while connected."""
        if self.unsent and self.status.state == "connected":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.stored()

    async def synced(self) -> None:
        """Wait until everything that the server had when the connection began was received.

        Raises:
            JptermError: the server refuses the pad; the sentence says why.
        """
        while not self._caught_up.is_set():
            if self._connection.refusal is not None:
                raise self._connection.refusal
            if self._connection.is_closed:
                raise JptermError("The session was closed.")
            await self._connection.change()

    async def wait_until_joined(self, timeout_s: float) -> None:
        """Wait for a text to work on: the server's, or our replica if the server cannot be reached.

        Args:
            timeout_s: how long the server may be silent; a long text may take longer.

        Raises:
            JptermError: the server refuses the pad, or it cannot be reached and there is no replica.
        """
        with contextlib.suppress(TimeoutError):
            await self._connection.while_heard(self._joined(), timeout_s)
        if self._connection.refusal is not None:
            raise self._connection.refusal
        if not self.ready:
            raise CannotConnect(self.status.reason or f"{self.address} does not answer.")

    async def _joined(self) -> None:
        while (
            not self._caught_up.is_set()
            and self.status.state != "offline"
            and self._connection.refusal is None
        ):
            await self._connection.change()

    async def wait_until_coming(self, timeout_s: float) -> None:
        """Wait as `wait_until_joined` does, but return early if the text takes longer than SOON_S to arrive; it is `ready` later."""
        joined = asyncio.create_task(self.wait_until_joined(timeout_s))
        try:
            while not joined.done():
                await asyncio.wait({joined}, timeout=SOON_S)
                if self.status.share is not None:
                    return
        finally:
            joined.cancel()
        joined.result()

    async def save(self) -> str:
        """Save the plain file with all my edits so far, which are on the server's disk then, too.

        Returns the folder that was created for the file, as far as it was missing; empty if none was.

        Raises:
            RequestFailed: it was not saved, or that is not known; the text is kept here and on the server.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        offline = (
            "Not saved to the file: the server cannot be reached now. "
            "Your text is kept on this machine and is sent when it can be reached."
        )
        answer = await self._ask(wire.Save, offline)
        return "".join(answer.names[:1]) if isinstance(answer, wire.Done) else ""

    async def reform(self, form: Form) -> None:
        """Save the plain file in another form, with all my edits so far.

        Raises:
            RequestFailed: as `save`; or the text has a character that the charset lacks.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        request = partial(wire.Reform, charset=form.charset, bom=form.bom, end=form.ends[0])
        await self._ask(request, "The server cannot be reached now, and it alone writes the file.")

    async def read_again(self, charset: str) -> None:
        """Have the plain file read in this charset; what differs becomes edits that can be undone.

        Raises:
            RequestFailed: it cannot be read so, or the server cannot be reached.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        offline = "The server cannot be reached now, and it alone reads the file."
        await self._ask(partial(wire.ReadAgain, charset=charset), offline)

    @property
    def known(self) -> Known:
        """What is known of the plain file here, to read it as the server does."""
        known = UNKNOWN if self.form is None else Known(b"", self.form.charset, True)
        return known._replace(is_text=not self.is_notebook)

    @property
    def is_notebook(self) -> bool:
        """Whether the text is the cells of a notebook."""
        if not self._address.path.endswith(NOTEBOOK_SUFFIX):
            return False
        from jpterm_like.files.notebook_file import are_cells

        return are_cells(self.buffer.text)

    def in_its_ids(self, text: str) -> str:
        """A state of the file, as it is read from the disk, as the text would have it: a notebook's cells have other ids there."""
        if not self.is_notebook:
            return text
        from jpterm_like.files.notebook_file import with_ids_of

        return with_ids_of(text, self.buffer.text)

    async def take_back_disk(self, *, again: bool = False) -> None:
        """Undo the last change that another program made to the plain file; with `again`, redo it.

        Nothing that people wrote is touched. The plain file follows with the next save.

        Raises:
            RequestFailed: there is no such change, or the server cannot be reached.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be reached now, and it alone knows what other programs changed."
        await self._ask(partial(wire.TakeBack, again=again), offline)

    async def compare(self) -> None:
        """Ask the server to mark the text as saved if the plain file has the same content. Nothing is written.

        Raises:
            RequestFailed: the server cannot be reached, or is of a release that cannot compare.
        """
        from jpterm_like.sync import wire

        offline = "The server cannot be asked now whether the file holds the text."
        await self._ask(wire.Compare, offline)

    async def kick(self, name: str) -> tuple[str, ...]:
        """Disconnect people by name from the pad; return whom, with the tokens that they used.

        Raises:
            RequestFailed: it is not permitted, or cannot be done.
        """
        from jpterm_like.sync import wire

        offline = f"{self.address} cannot be reached now."
        answer = await self._ask(partial(wire.Kick, name=name[: wire.NAME_LENGTH_MAX]), offline)
        return answer.names if isinstance(answer, wire.Done) else ()

    async def set_role(self, site: int, role: Literal["edit", "view"]) -> tuple[str, ...]:
        """Change what the person of an opening of the pad may do; return whom it concerns, with the tokens that they used.

        Raises:
            RequestFailed: it is not permitted, or cannot be done.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(
            partial(wire.SetRole, site=site, role=role), f"{self.address} cannot be reached now."
        )
        return answer.names if isinstance(answer, wire.Done) else ()

    async def everyone(self) -> list[Whereabout]:
        """Ask who is in which file of the server, me included; only files that I may open are told.

        Raises:
            RequestFailed: the server cannot be reached, or is too old.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(
            wire.Where, "The server cannot be reached now: the people in other files are not known."
        )
        assert isinstance(answer, wire.Whereabouts)
        mine = self.pad.buffer.site
        me = next((place.person for place in answer.places if place.site == mine), None)
        return [
            Whereabout(
                *place,
                address=self.address if place.path == self.path else self._address.with_path(place.path).text,
                is_me=place.person == me and place.name == self.name,
            )
            for place in answer.places
        ]

    async def guests(self) -> list[Guest]:
        """Ask how far each opening of the pad is behind, mine included; only owners are told.

        Raises:
            RequestFailed: it is not permitted, the server cannot be reached, or is too old.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(wire.Guests, f"{self.address} cannot be reached now.")
        assert isinstance(answer, wire.GuestList)
        return [Guest(*guest) for guest in answer.guests]

    async def say_line(self, line: str) -> None:
        """Say a line to the others in the pad; it is stored nowhere.

        Raises:
            RequestFailed: nobody was told: no connection, nobody here, too many lines, or an older server.
        """
        from jpterm_like.sync import wire

        await self._ask(
            partial(wire.Say, line=line[: wire.LINE_LENGTH_MAX]),
            "Nobody was told: the server cannot be reached now.",
        )

    async def rename(self, path: str) -> None:
        """Rename the file at its server; everybody in it stays in it, those who are offline once they are back.

        Raises:
            RequestFailed: it was not renamed.
        """
        from jpterm_like.sync import wire

        offline = "Not renamed: the server cannot be reached now."
        await self._ask(partial(wire.Rename, path=path), offline)

    async def delete_file(self) -> None:
        """Delete the file at its server. People who have it open keep the text, and saving writes it again.

        Raises:
            RequestFailed: it was not deleted.
        """
        from jpterm_like.sync import wire

        offline = "Not deleted: the server cannot be reached now."
        await self._ask(wire.Delete, offline)

    async def restart_history(self) -> None:
        """Begin a new history with the present text: people who join later receive nothing of the earlier one.

        People in it keep the text and unsent work; earlier edits can no longer be undone.

        Raises:
            RequestFailed: nothing was changed.
        """
        from jpterm_like.sync import wire

        offline = "The history was not restarted: the server cannot be reached now."
        await self._ask(wire.Restart, offline)

    # ------------------------------------------------------------------ the records beside the text

    def follow_outputs(self) -> None:
        """Have the outputs of a notebook here from now on; `OutputsChanged` tells when there are some."""
        if self._records is None:
            from jpterm_like.client.records import FollowedRecords

            self._records = FollowedRecords(lambda cells: self._notify(OutputsChanged(cells)))
        self._open_records()

    def _open_records(self) -> None:
        """Ask for the records beside the text, if somebody wants them and the text is open on this link."""
        link, records = self._link, self._records
        beside = self._connection.channel
        if records is None or link is None or beside not in link.channels or records.channel >= 0:
            return
        from jpterm_like.sync import wire

        if self._connection.has(wire.RECORDS):
            number, request = self._connection.next_channel(), self._connection.next_request()
            records.open(link, beside, number, request)
            self._connection.wake()

    def outputs_of(self, cell: str) -> CellOutputs:
        """What a cell of a notebook gave, as far as it is here; the same object until it changes."""
        if self._records is None:
            from jpterm_like.notebook.outputs import NOTHING

            return NOTHING
        return self._records.outputs_of(cell)

    async def run_cells(self, cells: Sequence[str]) -> tuple[str, ...]:
        """Have cells run as they are now, one after the other; return the ids of the runs, whose outputs come by and by.

        An outage does not repeat a run: the server knows the ids.

        Raises:
            RequestFailed: nothing was run.
        """
        from jpterm_like.sync import wire

        self.follow_outputs()
        runs = tuple(secrets.token_hex(16) for _ in cells)
        request = partial(wire.Run, cells=tuple(cells), runs=runs)
        while True:
            link = self._link
            try:
                await self._ask(request, "Nothing was run: the server cannot be reached now.")
            except RequestFailed:
                if link is None or link.ended is None or self._connection.is_closed:
                    raise
                # It is not known whether the server took it: the same again, once there is a connection.
                await self._while_offline()
            else:
                return runs

    async def _while_offline(self) -> None:
        """Wait for a connection, for as long as a short outage lasts.

        Raises:
            RequestFailed: there is none.
        """
        try:
            async with asyncio.timeout(AGAIN_S):
                while self.status.state != "connected":
                    await self._connection.change()
        except TimeoutError:
            raise RequestFailed(
                "The server cannot be reached now: whether the cells run is seen when it can."
            ) from None

    async def command_kernel(self, verb: Literal["interrupt", "restart", "stop"]) -> None:
        """Interrupt the cell that runs, or restart or stop the kernel.

        Raises:
            RequestFailed: there is no kernel, or it was not done.
        """
        from jpterm_like.sync import wire

        await self._ask(partial(wire.Kernel, verb=verb), "The server cannot be reached now.")

    async def kernel_names(self) -> tuple[list[tuple[str, str]], str]:
        """The kernels that the notebook may have, each with a title for people, and the one that was chosen; "" is that which it names.

        Raises:
            RequestFailed: they are not known.
        """
        from jpterm_like.sync import wire

        answer = await self._ask(wire.ListKernels, "The server cannot be reached now.")
        assert isinstance(answer, wire.KernelList)
        return list(zip(answer.names, answer.titles, strict=False)), answer.chosen

    async def use_kernel(self, name: str) -> None:
        """Have a kernel run the notebook from now on. One that runs is stopped.

        Raises:
            RequestFailed: there is no such kernel, or it was not done.
        """
        from jpterm_like.sync import wire

        await self._ask(partial(wire.UseKernel, name=name), "The server cannot be reached now.")

    async def answer_input(self, run: str, text: str) -> None:
        """Answer what a run asks.

        Raises:
            RequestFailed: somebody has answered, or it was not done.
        """
        from jpterm_like.sync import wire

        await self._ask(partial(wire.Input, run=run, text=text), "The server cannot be reached now.")

    async def move_widget(self, widget: str, attribute: str, value: object) -> None:
        """Move a widget: give an attribute a value that JSON knows, or press a button ("click", None).

        Raises:
            RequestFailed: it was not moved.
        """
        import json  # the first screen needs none

        from jpterm_like.sync import wire

        request = partial(wire.Move, widget=widget, attribute=attribute, value=json.dumps(value))
        await self._ask(request, "The server cannot be reached now.")

    async def clear_outputs(self, cells: Sequence[str]) -> None:
        """Remove what these cells gave; of all cells if none is named.

        Raises:
            RequestFailed: it was not done.
        """
        from jpterm_like.sync import wire

        if self.role == "view":
            raise RequestFailed(self._why_read_only)
        self.follow_outputs()
        await self._ask(partial(wire.Clear, cells=tuple(cells)), "The server cannot be reached now.")

    def shown_run(self, cell: str) -> Run | None:
        """The run that is shown for a cell, as far as it is here."""
        from jpterm_like.notebook.runs import shown_run

        return None if self._records is None else shown_run(self._records.records, cell)

    async def outputs_known(self) -> None:
        """Wait until the outputs that the server had are here.

        Raises:
            RequestFailed: its release has none.
        """
        from jpterm_like.sync import wire

        self.follow_outputs()
        while self._records is None or not self._records.is_there:
            if self.status.state == "connected" and not self._connection.has(wire.RECORDS):
                raise RequestFailed("The server is of an earlier release, which cannot run cells: update it.")
            await self._connection.change()

    @property
    def kernel_line(self) -> str:
        """A line about the notebook's kernel; empty if there is none."""
        return "" if self._records is None else self._records.kernel_line

    async def _ask(self, make: Callable[[int, int], wire.Request], offline: str) -> wire.Answer:
        """Send the server the request that `make` makes for a channel and a number, and return its answer.

        Raises:
            RequestFailed: with the sentence `offline`, if the server cannot be reached; or it refused, or is too old for the request.
        """

        def send(link: Link, request: int) -> None:
            refusal = link.ask(make(self._connection.channel, request))
            if refusal is not None:
                raise RequestFailed(refusal.sentence)

        return await self._connection.ask(send, lambda: self._why_offline(offline))

    def _why_offline(self, sentence: str) -> str:
        """The sentence that says why the server cannot be asked; `sentence` says that it cannot be reached."""
        return PAUSED if self.status.is_paused else sentence

    async def informed(self, timeout_s: float = inf) -> None:
        """Wait until we have received everything that the server had to send before this call, people included.

        Args:
            timeout_s: how long the server may be silent; one that is busy takes longer.

        Raises:
            RequestFailed: the server cannot be reached.
            TimeoutError: it was silent for too long.
        """
        ping = self._connection.ask(
            lambda link, request: link.ping(request),
            lambda: self._why_offline(f"{self.address} cannot be reached now."),
        )
        await self._connection.while_heard(ping, timeout_s)

    def pause(self) -> None:
        """Disconnect until `retry_now`: I write unseen, and see nothing of the others. What I write is in the journal, so after
        closing it is sent by the next opening."""
        self._connection.pause()

    def let_one_through(self) -> None:
        """While paused: connect for one message of the text, of others if there is one, else of mine. Then pause again."""
        self._connection.let_one_through()

    def watch_line(self, watcher: Callable[[LineMessage], None]) -> Callable[[], None]:
        """Call `watcher` with every message that is sent or received from now on. Call the result to stop."""
        return self._connection.watch(watcher)

    def retry_now(self) -> None:
        """Try to connect at once; resume a paused connection."""
        self._connection.retry_now()
