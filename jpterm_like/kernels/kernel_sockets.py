"""The ZMQ sockets of a kernel. The only module that knows ZMQ, and Jupyter's messages on it.

The kernel listens on `ipc` sockets in a folder that only its user can enter: TCP would let every user of the machine read all outputs, for its
iopub socket asks for no key. https://jupyter-client.readthedocs.io/en/latest/messaging.html
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import zmq

from jpterm_like.kernels.entries import PARTS_MAX, Channel

PORTS: Final = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
"""With the transport `ipc`, socket NAME-PORT."""
RECEIVED_MAX: Final = 256
"""Most messages of one socket in one turn."""
RECONNECT_MS: Final = 20
"""Pause before trying again to connect to a kernel that does not listen yet."""
_DELIMITER: Final = b"<IDS|MSG>"


class Received(NamedTuple):
    """A message of the kernel: header, parent, metadata, content and buffers, as it sent them."""

    channel: Channel
    parts: Sequence[bytes]


def write_connection_file(path: Path, sockets: Path, key: str, kernel_name: str) -> None:
    """Write what a kernel is told at its start: where to listen, and the key of its messages."""
    connection = {
        "transport": "ipc",
        "ip": str(sockets / "z"),
        "key": key,
        "signature_scheme": "hmac-sha256",
        "kernel_name": kernel_name,
        **{f"{name}_port": port for name, port in PORTS.items()},
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(connection), "utf-8")


class KernelSockets:
    """The sockets of one kernel, of which this process is the only peer."""

    def __init__(self, sockets: Path, key: str, identity: str, earlier: Sequence[str] = ()) -> None:
        """Connect, also if the kernel does not listen yet.

        Args:
            sockets: the folder in which the kernel listens.
            key: of the messages.
            identity: our name on its sockets, which no keeper had before. While a kernel is busy, ZMQ refuses a second peer of one name, even if
                the first is gone, and takes the first frame of its next message for its name.
            earlier: names of earlier keepers. Replies to their requests go to them, if they are free again.
        """
        self._key = key.encode()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: list[tuple[Channel, zmq.Socket[bytes]]] = []
        """Those of our own name come first."""
        dealers: tuple[Channel, ...] = ("control", "shell", "stdin")
        for name in (identity, *earlier):
            for channel in dealers:
                socket = self._make(channel, zmq.DEALER)
                socket.setsockopt(zmq.IDENTITY, name.encode())
        iopub = self._make("iopub", zmq.SUB)
        iopub.subscribe(b"")
        for channel, socket in self._sockets:
            socket.connect(f"ipc://{sockets}/z-{PORTS[channel]}")
        self._poller = zmq.Poller()
        for _, socket in self._sockets:
            self._poller.register(socket, zmq.POLLIN)

    def _make(self, channel: Channel, kind: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        # Without limits nothing is dropped here: a keeper that is busy for some seconds has it all in memory then.
        socket.set_hwm(0)
        socket.linger = 0
        socket.reconnect_ivl = RECONNECT_MS
        self._sockets.append((channel, socket))
        return socket

    def watch(self, fd: int, *, writing: bool = False) -> None:
        """Let `wait` end when there is something to read from another descriptor, or also when it can be written."""
        self._poller.register(fd, zmq.POLLIN | (zmq.POLLOUT if writing else 0))

    def unwatch(self, fd: int) -> None:
        self._poller.unregister(fd)

    def wait(self, seconds: float) -> set[int]:
        """Wait until something comes, for at most so long; returns the descriptors of `watch` at which something can be done."""
        found = self._poller.poll(max(0, round(seconds * 1000)))
        return {each for each, _ in found if isinstance(each, int)}

    def receive(self) -> Iterator[Received]:
        """The messages that are there, at most `RECEIVED_MAX` of each socket. A message with a wrong signature is no kernel's, and is passed over."""
        for channel, socket in self._sockets:
            for _ in range(RECEIVED_MAX):
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                parts = self._checked(frames)
                if parts is not None:
                    yield Received(channel, parts)

    def _checked(self, frames: Sequence[bytes]) -> Sequence[bytes] | None:
        try:
            at = frames.index(_DELIMITER)
        except ValueError:
            return None
        parts = frames[at + 2 :]
        if not 4 <= len(parts) <= PARTS_MAX or not hmac.compare_digest(frames[at + 1], self._sign(parts)):
            return None
        return parts

    def send(self, channel: Channel, parts: Sequence[bytes]) -> None:
        """Send a message."""
        own = next(socket for name, socket in self._sockets if name == channel)
        own.send_multipart([_DELIMITER, self._sign(parts), *parts])

    def _sign(self, parts: Sequence[bytes]) -> bytes:
        signature = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts[:4]:
            signature.update(part)
        return signature.hexdigest().encode()

    def close(self) -> None:
        for _, socket in self._sockets:
            socket.close(0)
        self._context.term()
