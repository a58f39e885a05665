"""The keeper of a kernel: a process that starts it, is its only peer, and notes everything that both say in a log.

    python -m jpterm_like.kernels.keeper DIR -- ARGV…     start a kernel
    python -m jpterm_like.kernels.keeper DIR              adopt the kernel of a keeper that died, or serve its log

It outlives the server, and knows no notebook. Readers get the log from any number on, through a unix socket; how slow they are costs
nothing but a place in a file. Needs pyzmq and the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jpterm_like.errors import escape_for_terminal, explain
from jpterm_like.files import private
from jpterm_like.kernels import kernel_process
from jpterm_like.kernels.description import (
    FORM,
    Description,
    KernelError,
    describe,
    read_description,
    remove_folders,
)
from jpterm_like.kernels.entries import (
    ANSWER,
    BODY_BYTES_MAX,
    CHANNELS,
    FRAME,
    GREETING,
    KINDS,
    MESSAGE_BYTES_MAX,
    REQUEST,
    Channel,
    Kind,
    Raw,
    encode,
    frames_in,
    json_object,
    make_header,
    note,
)
from jpterm_like.kernels.gaps import Counters, Gap
from jpterm_like.kernels.kernel_process import Adopted, Child, KernelProcess
from jpterm_like.kernels.kernel_sockets import PORTS, KernelSockets, Received, write_connection_file
from jpterm_like.kernels.log import Log, LogReader, NewerLog
from jpterm_like.transports.connection_limiter import user_behind

FLUSH_S: Final = 0.05
"""What a power cut may take: the log is flushed at the first entry, and then so often."""
CONNECT_S: Final = 0.03
"""How long our sockets may take to find those of the kernel."""
NUDGE_S: Final = 0.3
"""Pause between two questions whether a kernel that starts can be heard on all channels."""
ADOPT_S: Final = 1.0
"""How long a kernel that was adopted may keep silent before it is sent something: it may be busy."""
START_S: Final = 60.0
"""How long requests wait for a kernel that starts."""
RETRY_S: Final = 1.0
"""Pause between two tries to write to a full disk."""
DRAIN_S: Final = 0.05
"""After the end of the kernel: the last messages were read when none has come for so long."""
END_SEEN_S: Final = 0.1
"""How often the end of the kernel is looked for where the system does not tell it."""
SHORTEN_S: Final = 30.0
"""How often the file that the kernel prints into is looked at."""
STOP_STEPS: Final = ((3.0, signal.SIGTERM), (5.0, signal.SIGKILL))
"""Signals to a kernel that was asked to stop, and how long after that."""
LINGER_S: Final = 60.0
"""How long the keeper stays when the kernel has ended and the last reader knows."""
IDENTITIES_MAX: Final = 4
"""How many keepers back replies are listened for."""
ON_CONTROL_MAX: Final = 100
"""How many requests on control are kept in mind until they are answered."""
ASKED_MAX: Final = 10_000
"""Most ids of runs that are remembered, so that none is sent twice; the newest ones."""
CONNECTIONS_MAX: Final = 64
"""Most readers and clients at a time."""
SERVED_MAX: Final = 4
"""Most that one client is sent in a turn, in pieces of about this size."""
OUTBOX_BYTES: Final = 1 << 18
"""A reader is sent more when less than this waits for it."""


@dataclass(eq=False)
class _Connection:
    """A client: one that reads the log, or makes requests, or both."""

    line: socket.socket
    inbox: bytearray = field(default_factory=bytearray)
    outbox: bytearray = field(default_factory=bytearray)
    reader: LogReader | None = None
    is_watched_for_writing: bool = False


@dataclass
class _Held:
    """A request that waits until the kernel can be heard."""

    connection: _Connection
    request: Raw


class KeeperProcess:
    """One kernel, its log, and the clients of both."""

    def __init__(self, folder: Path, description: Description, *, linger_s: float = LINGER_S) -> None:
        """Read the log. The caller holds the folder's lock.

        Raises:
            NewerLog, OSError: see `Log`.
        """
        self._folder = folder
        self._about = description
        self._linger_s = linger_s
        self._output = folder / "kernel.out"
        self._log = Log(folder)
        self._counters = Counters()
        self._asked: dict[str, None] = {}
        self._takeovers = 0
        """How many keepers this kernel had before."""
        self._kernel: KernelProcess | None = None
        self._started: dict[str, Any] = {}
        """Content of the note `started`."""
        self._end_fd: int | None = None
        self._connections: dict[int, _Connection] = {}
        self._held: list[_Held] = []
        self._nudges: set[str] = set()
        self._on_control: deque[str] = deque(maxlen=ON_CONTROL_MAX)
        """Requests on control. They are answered while a cell runs, so their "idle" says nothing of that."""
        self._state = "starting"
        """`starting`, `idle` or `busy` as the kernel says, `stopping`, `ended`."""
        self._hears = False
        """Whether the kernel was heard on iopub, so that no answer can be missed."""
        self._exit_number = 0
        """Number of the entry `exit`, once it is noted."""
        self._reason = ""
        """Why we stop the kernel."""
        now = time.monotonic()
        self._began = self._last_message = self._last_reader = self._last_delivery = now
        self._last_flush = self._last_retry = self._last_nudge = -1e9
        self._shortened = now
        self._listens_since: float | None = None
        """When the kernel that starts was seen to listen."""
        self._stop_at: float | None = None
        self._stop_steps = list(STOP_STEPS)
        self._ended_at: float | None = None
        """When the end of the kernel was seen."""
        self._recover(now)

    # ------------------------------------------------------------------ beginning

    def _recover(self, now: float) -> None:
        """Learn from the log what the keeper before knew."""
        state = self._log.state()
        self._asked = dict.fromkeys(state.get("asked", ()))
        self._counters.restore(state.get("counters", {}), now)
        self._started = state.get("started", {})
        self._takeovers = state.get("takeovers", -1) + 1
        self._exit_number = state.get("exit", 0)
        for raw in self._log.entries_since_state():
            content = json_object(raw.parts[0]) if raw.parts else {}
            if raw.kind == KINDS["sent"]:
                self._remember_asked(content)
            elif raw.kind == KINDS["received"]:
                on_iopub = raw.channel == CHANNELS["iopub"]
                self._counters.saw(str(content.get("msg_id")), now, on_iopub=on_iopub)
            elif raw.kind == KINDS["gap"]:
                self._counters.told(Gap(content["source"], content["from"], content["to"]))
            elif raw.kind == KINDS["started"]:
                self._started = content
            elif raw.kind == KINDS["exit"]:
                self._exit_number = raw.number

    def _state_for_next(self) -> dict[str, Any]:
        return {
            "asked": list(self._asked),
            "counters": self._counters.state(),
            "started": self._started,
            "takeovers": self._takeovers,
            "exit": self._exit_number,
        }

    def _remember_asked(self, header: dict[str, Any]) -> None:
        if header.get("msg_type") == "execute_request":
            self._asked[str(header.get("msg_id"))] = None
            while len(self._asked) > ASKED_MAX:
                del self._asked[next(iter(self._asked))]

    def begin(self, argv: Sequence[str]) -> None:
        """Start the kernel, or adopt it, or note that it is gone; and listen.

        Raises:
            OSError: that is not possible.
        """
        private.check_folder(Path(self._about.sockets), make=True, others=0o077)
        was_restarted = bool(self._started) and self._started["boot"] != kernel_process.boot()
        is_new = not self._log.segments
        self._log.begin(self._state_for_next, after_power_cut=was_restarted)
        listener = self._listen()
        # Made last before the kernel, so that whatever fails before leaves no thread of ZMQ behind.
        identity, *earlier = reversed(self._identities())
        self._sockets = KernelSockets(Path(self._about.sockets), self._about.key, identity, earlier)
        self._listener = listener
        self._sockets.watch(listener.fileno())
        if is_new:
            self._start(argv)
        elif self._exit_number:
            self._state = "ended"
        elif not self._started:
            self._note_exit(None, "never started")
        elif kernel_process.identify(self._started["pid"]) != self._started["identity"]:
            self._note_exit(
                None, "the machine was restarted" if was_restarted else "it ended while it had no keeper"
            )
        else:
            self._adopt()

    def _identities(self) -> list[str]:
        """The names that keepers of this kernel had on its sockets; the last one is ours."""
        names = [
            self._about.identity,
            *(f"{self._about.identity}-{n}" for n in range(1, self._takeovers + 1)),
        ]
        return names[-IDENTITIES_MAX:]

    def _listen(self) -> socket.socket:
        path = self._about.socket
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(CONNECTIONS_MAX)
        listener.setblocking(False)
        return listener

    def _start(self, argv: Sequence[str]) -> None:
        connection = self._about.connection_file
        write_connection_file(
            connection, Path(self._about.sockets), self._about.key, self._about.about.get("kernel", "")
        )
        command = [word.replace("{connection_file}", str(connection)) for word in argv]
        child = Child(command, self._output)
        self._kernel = child
        self._started = {
            "pid": child.pid,
            "identity": kernel_process.identify(child.pid) or "",
            "boot": kernel_process.boot(),
            "argv": command,
            "cwd": os.getcwd(),
        }
        self._note("started", self._started)
        self._log.flush()
        child.go()
        self._watch_kernel()

    def _adopt(self) -> None:
        self._kernel = Adopted(self._started["pid"], self._started["identity"])
        self._state = "busy"  # until it says something else
        self._watch_kernel()
        self._nudge("control")  # shows at once that it is heard
        self._nudge("shell")  # is answered when it is idle

    def _watch_kernel(self) -> None:
        assert self._kernel is not None
        self._end_fd = kernel_process.watch_end(self._kernel.pid)
        if self._end_fd is not None:
            self._sockets.watch(self._end_fd)

    # ------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Keep the kernel until it has ended and the last reader knows, and the keeper is not needed any more."""
        while not self._is_over():
            ready = self._sockets.wait(self._pause())
            is_quiet = True
            for received in self._sockets.receive():
                self._take(received)
                is_quiet = False
            if is_quiet:  # else what is missing may be in what was not read yet
                for gap in self._counters.settled(time.monotonic()):
                    self._note_gap(gap)
            if self._listener.fileno() in ready:
                self._accept()
            for fd in [fd for fd in ready if fd in self._connections]:
                self._read(self._connections[fd])
            self._look_for_end()
            self._tend()
            for connection in list(self._connections.values()):
                self._serve(connection)
        self._log.flush()
        self._log.close()
        if self._exit_number and self._log.acknowledged >= self._exit_number:
            remove_folders(self._folder, self._about)
        else:
            self._about.socket.unlink(missing_ok=True)

    def _pause(self) -> float:
        """Seconds until there is something to do although nothing comes."""
        now = time.monotonic()
        deadlines = [now + SHORTEN_S]
        if not self._log.is_flushed:
            deadlines.append(self._last_flush + FLUSH_S)
        if self._log.waits or self._log.problem:
            deadlines.append(self._last_retry + RETRY_S)
        if (gap_at := self._counters.next_at()) is not None:
            deadlines.append(gap_at)
        if self._kernel is not None:
            if not self._hears:
                deadlines.append(now + 0.02)
            if self._end_fd is None:
                deadlines.append(now + END_SEEN_S)
            if self._ended_at is not None:
                deadlines.append(now + DRAIN_S / 2)
            if self._stop_at is not None and self._stop_steps:
                deadlines.append(self._stop_at + self._stop_steps[0][0])
            deadlines.append(self._last_reader + self._about.idle_s)
        else:
            deadlines.append(self._last_delivery + self._linger_s)
        return min(deadlines) - now

    def _is_over(self) -> bool:
        if self._kernel is not None or self._log.waits:
            return False
        return time.monotonic() >= self._last_delivery + self._linger_s

    def _tend(self) -> None:
        """Do what is due by time."""
        now = time.monotonic()
        if (self._log.waits or self._log.problem) and now >= self._last_retry + RETRY_S:
            self._last_retry = now
            self._log.retry(time.time())
        if self._kernel is not None:
            self._tend_kernel(now)
        if any(connection.reader is not None for connection in self._connections.values()):
            self._last_reader = now
        if not self._log.is_flushed and now >= self._last_flush + FLUSH_S:
            self._log.flush()
            self._last_flush = time.monotonic()

    def _tend_kernel(self, now: float) -> None:
        assert self._kernel is not None
        if not self._hears:
            self._try_to_hear(now)
        if self._stop_at is not None:
            while self._stop_steps and now >= self._stop_at + self._stop_steps[0][0]:
                self._kernel.signal(self._stop_steps.pop(0)[1])
        elif (
            self._state == "idle"
            and now >= self._last_reader + self._about.idle_s
            and now >= self._last_message + self._about.idle_s
        ):
            self._stop("idle")
        if now >= self._shortened + SHORTEN_S:
            self._shortened = now
            kernel_process.shorten_output(self._output)

    # ------------------------------------------------------------------ the kernel

    def _take(self, received: Received) -> None:
        """Note a message of the kernel."""
        now = time.monotonic()
        self._last_message = now
        header = json_object(received.parts[0])
        size_bytes = sum(map(len, received.parts))
        if size_bytes <= MESSAGE_BYTES_MAX:
            self._append("received", received.channel, received.parts)
        else:
            content = {"count": 1, "bytes": size_bytes, "reason": "too large"}
            parts = [part if len(part) < 1 << 16 else b"{}" for part in received.parts[:3]]
            self._append("dropped", received.channel, [*parts, json.dumps(content).encode()])
        for gap in self._counters.saw(str(header.get("msg_id")), now, on_iopub=received.channel == "iopub"):
            self._note_gap(gap)
        if received.channel == "iopub" and header.get("msg_type") == "status":
            self._take_status(received)
        is_welcome = header.get("msg_type") == "iopub_welcome"
        if (
            not self._hears
            and received.channel == "iopub"
            and (is_welcome or isinstance(self._kernel, Adopted))
        ):
            if is_welcome and not self._nudges:
                self._nudge("shell")  # its answer says what the kernel is
            self._begin_to_hear()

    def _take_status(self, received: Received) -> None:
        state = json_object(received.parts[3]).get("execution_state")
        asked = json_object(received.parts[1]).get("msg_id")
        is_of_shell = asked not in self._on_control
        if self._state in ("starting", "idle", "busy") and state in ("idle", "busy") and is_of_shell:
            self._state = state
        if not self._hears and state == "idle" and asked in self._nudges:
            self._begin_to_hear()

    def _begin_to_hear(self) -> None:
        """The kernel has answered: nothing that it says from now on is missed, and what waited for this is sent."""
        self._hears = True
        if not isinstance(self._kernel, Adopted):
            self._counters.forget_holes()
        held, self._held = self._held, []
        for each in held:
            self._answer(each.connection, each.request, self._send_request(each.request))

    def _try_to_hear(self, now: float) -> None:
        """Ask the kernel something whose answer shows that it is heard. Newer kernels say so themselves, with `iopub_welcome`."""
        if isinstance(self._kernel, Adopted):
            if now >= self._began + ADOPT_S:
                self._begin_to_hear()
            return
        if now >= self._began + START_S:
            held, self._held = self._held, []
            for each in held:
                self._answer(each.connection, each.request, {"refused": "The kernel does not answer."})
        if self._listens_since is None:
            if all(os.path.exists(f"{self._about.sockets}/z-{PORTS[name]}") for name in ("shell", "iopub")):
                self._listens_since = now
        elif now >= self._listens_since + CONNECT_S and now >= self._last_nudge + NUDGE_S:
            self._last_nudge = now
            self._nudge("shell")

    def _nudge(self, channel: Channel) -> None:
        message_id = uuid.uuid4().hex
        self._nudges.add(message_id)
        self._send(channel, [self._header(message_id, "kernel_info_request"), b"{}", b"{}", b"{}"])

    def _header(self, message_id: str, message_type: str) -> bytes:
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return make_header(message_id, message_type, self._about.identity, date)

    def _send(self, channel: Channel, parts: Sequence[bytes]) -> int:
        """Note a message and send it to the kernel; returns the number of the entry."""
        header = json_object(parts[0])
        self._remember_asked(header)
        if channel == "control":
            self._on_control.append(str(header.get("msg_id")))
        is_secret = header.get("msg_type") == "input_reply"  # it may be a password
        number = self._append("sent", channel, [*parts[:3], b"{}"] if is_secret else parts)
        if header.get("msg_type") == "execute_request":
            # After a power cut the log knows that this was sent, so nobody sends it again.
            self._log.flush()
            self._last_flush = time.monotonic()
        self._sockets.send(channel, parts)
        return number

    def _look_for_end(self) -> None:
        """Note the end of the kernel once all that it said was read."""
        if self._kernel is None or not self._kernel.has_ended:
            return
        now = time.monotonic()
        if self._ended_at is None:
            self._ended_at = now
            if self._end_fd is not None:
                self._sockets.unwatch(self._end_fd)
                os.close(self._end_fd)
                self._end_fd = None
        if now >= max(self._ended_at, self._last_message) + DRAIN_S:
            for gap in self._counters.settled(now, 0.0):
                self._note_gap(gap)
            code = self._kernel.exit_code()
            self._kernel = None
            self._note_exit(code, self._reason or "it ended by itself")

    def _note_exit(self, code: int | None, reason: str) -> None:
        content = {
            "code": code,
            "signal": kernel_process.name_of_signal(code),
            "reason": reason,
            "output": kernel_process.read_output(self._output),
        }
        self._exit_number = self._note("exit", content)
        self._state = "ended"
        self._log.flush()
        self._last_delivery = time.monotonic()
        held, self._held = self._held, []
        for each in held:
            self._answer(each.connection, each.request, {"refused": "The kernel has ended."})

    def _stop(self, reason: str) -> None:
        """Ask the kernel to end; signals follow."""
        if self._kernel is None or self._stop_at is not None:
            return
        self._stop_at = time.monotonic()
        self._reason = reason
        if self._state == "busy":
            self._kernel.signal(signal.SIGINT)  # a cell that runs would keep it from ending
        self._state = "stopping"
        content = json.dumps({"restart": False}).encode()
        self._send("control", [self._header(uuid.uuid4().hex, "shutdown_request"), b"{}", b"{}", content])

    # ------------------------------------------------------------------ the log

    def _append(self, kind: Kind, channel: Channel, parts: Sequence[bytes]) -> int:
        number = self._log.number + 1
        self._log.append(Raw(KINDS[kind], CHANNELS[channel], number, time.time(), parts))
        return number

    def _note(self, kind: Kind, content: dict[str, Any]) -> int:
        raw = note(kind, self._log.number + 1, time.time(), content)
        self._log.append(raw)
        return raw.number

    def _note_gap(self, gap: Gap) -> None:
        self._note("gap", {"count": gap.missing, "from": gap.first, "to": gap.last, "source": gap.source})

    # ------------------------------------------------------------------ clients

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                line, _ = self._listener.accept()
                try:
                    is_own = user_behind(line)[0] in (os.geteuid(), 0)
                except OSError:
                    is_own = False
                if not is_own or len(self._connections) >= CONNECTIONS_MAX:
                    line.close()
                    continue
                line.setblocking(False)
                connection = _Connection(line)
                self._connections[line.fileno()] = connection
                self._sockets.watch(line.fileno())
                connection.outbox += encode(
                    Raw(GREETING, 0, 0, time.time(), [json.dumps(self._status()).encode()])
                )

    def _status(self) -> dict[str, Any]:
        pid = self._started.get("pid")
        return {
            "form": FORM,
            "id": self._about.id,
            "state": self._state,
            "pid": pid,
            "keeper_pid": os.getpid(),
            "number": self._log.number,
            "acknowledged": self._log.acknowledged,
            "log_bytes": self._log.size_bytes,
            "readers": sum(each.reader is not None for each in self._connections.values()),
            "problem": self._log.problem,
        }

    def _drop(self, connection: _Connection) -> None:
        fd = connection.line.fileno()
        self._sockets.unwatch(fd)
        del self._connections[fd]
        connection.line.close()
        self._held = [each for each in self._held if each.connection is not connection]

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.inbox += data
        if not data:
            self._drop(connection)
            return
        while len(connection.inbox) >= FRAME.size:
            end = FRAME.size + FRAME.unpack_from(connection.inbox)[0]
            if end > FRAME.size + BODY_BYTES_MAX:
                self._drop(connection)
                return
            if len(connection.inbox) < end:
                return
            request = next(frames_in(bytes(connection.inbox[:end])), None)
            if request is None:
                self._drop(connection)  # damaged; nothing behind it can be trusted
                return
            del connection.inbox[:end]
            if request[1].kind == REQUEST:
                self._do(connection, request[1])

    def _do(self, connection: _Connection, request: Raw) -> None:
        """Carry out a request. What is not known is refused, so a newer client can ask for it."""
        order = json_object(request.parts[0]) if request.parts else {}
        match order.get("do"):
            case "read":
                connection.reader = LogReader(self._log, _whole_number(order, "after"))
                return
            case "send" if not self._hears and self._kernel is not None:
                self._held.append(_Held(connection, request))
                return
            case "send":
                answer = self._send_request(request)
            case "signal" if self._kernel is not None:
                self._kernel.signal(_whole_number(order, "signal"))
                answer = {}
            case "acknowledge":
                self._log.acknowledge(_whole_number(order, "number"))
                answer = {}
            case "stop":
                self._stop("stopped")
                answer = {}
            case "status":
                answer = self._status()
            case "signal":
                answer = {"refused": "The kernel has ended."}
            case _:
                answer = {"refused": "This keeper is of an older release."}
        self._answer(connection, request, answer)

    def _send_request(self, request: Raw) -> dict[str, Any]:
        """Send a client's message to the kernel, unless that is refused; returns the answer."""
        channel: Channel = next((name for name, number in CHANNELS.items() if number == request.channel), "")
        parts = request.parts[1:]
        if self._kernel is None or self._stop_at is not None:
            return {"refused": "The kernel has ended."}
        if channel not in ("shell", "control", "stdin") or len(parts) < 4:
            return {"refused": "This is no message to a kernel."}
        if sum(map(len, parts)) > MESSAGE_BYTES_MAX:
            return {"refused": f"A message has more than {MESSAGE_BYTES_MAX >> 20} MiB."}
        header = json_object(parts[0])
        if header.get("msg_type") == "execute_request":
            if header.get("msg_id") in self._asked:
                return {"refused": "This was sent before.", "repeated": True}
            if self._log.problem:
                return {"refused": f"Nothing can be run while {self._log.problem}."}
        return {"number": self._send(channel, parts)}

    def _answer(self, connection: _Connection, request: Raw, answer: dict[str, Any]) -> None:
        connection.outbox += encode(
            Raw(ANSWER, 0, request.number, time.time(), [json.dumps(answer).encode()])
        )

    def _serve(self, connection: _Connection) -> None:
        """Send a client what it may have, as far as it takes it."""
        waits = True
        for _ in range(SERVED_MAX):
            if connection.reader is not None and len(connection.outbox) < OUTBOX_BYTES:
                connection.outbox += connection.reader.read(time.time())
            if not connection.outbox:
                waits = False
                break
            try:
                sent = connection.line.send(connection.outbox)
            except BlockingIOError:
                break
            except OSError:
                self._drop(connection)
                return
            del connection.outbox[:sent]
            self._last_delivery = time.monotonic()
        if waits != connection.is_watched_for_writing:
            connection.is_watched_for_writing = waits
            self._sockets.watch(connection.line.fileno(), writing=waits)


def _whole_number(order: dict[str, Any], name: str) -> int:
    """A number in a request; 0 if there is none."""
    found = order.get(name)
    return found if isinstance(found, int) and 0 <= found < 1 << 63 else 0


def main(arguments: Sequence[str]) -> int:
    """Be a keeper; returns the exit code."""
    before, argv = _split(arguments)
    parser = argparse.ArgumentParser(
        prog="python -m jpterm_like.kernels.keeper", description="Keep a kernel."
    )
    parser.add_argument("folder", type=Path, help="folder of the log; its name is the keeper's id")
    parser.add_argument("--detach", action="store_true", help="return when the kernel was started")
    parser.add_argument(
        "--linger", type=float, default=LINGER_S, help="seconds to stay after the kernel's end"
    )
    options = parser.parse_args(before)
    folder = options.folder.absolute()
    try:
        private.check_folder(folder, make=True, others=0o077)
        lock = private.open_file(folder / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("This kernel has a keeper.")
        return 0
    except OSError as error:
        _say(f"{escape_for_terminal(folder)} cannot be used: {explain(error)}.")
        return 1
    say = _detach(folder) if options.detach else _say
    try:
        if not (folder / "keeper.json").exists():
            describe(folder, argv, os.getcwd(), runtime_folder=_runtime_folder(), about={})
        keeper = KeeperProcess(folder, read_description(folder), linger_s=options.linger)
        keeper.begin(argv)
    except NewerLog:
        say("The kernel was started by a newer release of jpterm-like.")
        return 1
    except KernelError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"The kernel cannot be started: {explain(error)}.")
        return 1
    say("")
    keeper.run()
    return 0


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Our own arguments, and the command of the kernel."""
    if "--" not in arguments:
        return arguments, ()
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _runtime_folder() -> Path | None:
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return Path(folder, "jpterm-like") if folder else None


def _say(sentence: str) -> None:
    if sentence:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()


def _detach(folder: Path) -> Callable[[str], None]:
    """Go on in a child, whose parent is nobody who waits for it; returns what tells the one who started us how it went, "" for well.

    This process ends then, with exit code 1 and the sentence on stderr if there is one.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with open(reading, "rb") as answer:
            said = answer.read().decode()
        if said != "started":
            _say(said or f"The keeper ended; see {escape_for_terminal(folder / 'keeper.log')}.")
        os._exit(said != "started")
    os.close(reading)
    null = os.open(os.devnull, os.O_RDWR)
    log = private.open_file(folder / "keeper.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for fd, name in ((null, 0), (log, 1), (log, 2)):
        os.dup2(fd, name)
    os.close(null)
    os.close(log)

    def say(sentence: str) -> None:
        with contextlib.suppress(OSError):
            os.write(writing, (sentence or "started").encode())
        os.close(writing)

    return say


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
