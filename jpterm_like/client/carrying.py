"""Ask the server of a folder to bring its texts and the packs of their collection together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jpterm_like.access.addresses import Address
from jpterm_like.conversation import Conversation
from jpterm_like.errors import JptermError
from jpterm_like.sync import events, wire
from jpterm_like.sync.link import Link
from jpterm_like.sync.wire import Carried

TOO_OLD: Final = (
    "The server of these files is of an earlier release, which cannot sync them: end it, and run this again."
)


async def carry(
    address: Address, collection: bytes, folder: Path, report: Callable[[int, int], None]
) -> Carried:
    """Have the server write what packs lack, and take in what came.

    Args:
        report: called now and then with the number of documents that were looked at, and of all.

    Raises:
        JptermError: it cannot be reached, or refuses; the sentence says why.
    """
    link = Link("client", "", asyncio.get_running_loop().time())
    found: list[Carried] = []

    async def handle(event: events.Event) -> None:
        match event:
            case events.Greeted():
                if not link.ask_to_carry(1, collection, str(folder)):
                    link.end("version", TOO_OLD)
            case wire.CarryProgress(1, done, of):
                report(done, of)
            case Carried(1):
                found.append(event)
                link.end("closed", "That was all.")
            case wire.Refuse(_, _, code, sentence):
                link.end(code, sentence)

    ended = await Conversation(link, await address.connect(), handle).run()
    if not found:
        raise JptermError(ended.sentence)
    return found[0]
