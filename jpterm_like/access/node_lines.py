"""Lines between nodes that share a storage: WebSockets at an inner address, and a secret by which a node is known.

Each node has an id and a secret, another one at each start. The others know from the storage which secret belongs to which id. These lines
have no TLS of their own: the inner address belongs to a network that nobody else is in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from jpterm_like.transports.base import CannotConnect, Transport
from jpterm_like.transports.websocket import Listener, WebSocketTransport, connect_tcp, listen_tcp

CONNECT_S: Final = 1.0
"""How long an owner may take to answer. One that is stopped accepts connections and says nothing; it has lost its lease soon."""


async def connect_node(address: str, node: str, secret: str) -> Transport:
    """Connect to the node at HOST:PORT, as the node with this id.

    Raises:
        CannotConnect: it has no address, or does not answer.
    """
    if not address:
        raise CannotConnect("The node that owns the document cannot be reached by others.")
    try:
        async with asyncio.timeout(CONNECT_S):
            return await connect_tcp(f"ws://{address}", f"{node}:{secret}")
    except TimeoutError as problem:
        raise CannotConnect(f"{address} does not answer.") from problem


async def listen_for_nodes(
    converse: Callable[[Transport], Awaitable[None]],
    host: str,
    port: int,
    is_node: Callable[[str, str], bool],
) -> Listener:
    """Listen for other nodes; nobody else is let in.

    Args:
        converse: serves one of them.
        is_node: whether a secret is that of the node with an id; called in a thread, and may raise what the storage raises: then nobody is.

    Raises:
        OSError: the address cannot be used.
    """

    async def admit_and_converse(transport: Transport) -> None:
        assert isinstance(transport, WebSocketTransport)
        node, _, secret = (transport.peer.token or "").partition(":")
        if secret != "" and await asyncio.to_thread(is_node, node, secret):
            await converse(transport)

    return await listen_tcp(
        admit_and_converse, host, port, admit=lambda peer: bool(peer.token and ":" in peer.token)
    )
