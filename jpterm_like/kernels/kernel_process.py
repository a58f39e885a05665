"""The process of a kernel, as child of its keeper, or adopted by the next one.

A number of a process is used again once it has ended, so a process is known by its number *and* by when it began (`identify`). Signals go to the
kernel's whole group, as ctrl+c in a terminal does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from jpterm_like.files import private

OUTPUT_BYTES_MAX: Final = 1 << 20
"""What the kernel itself prints goes into a file, which is emptied when it has grown to this."""
OUTPUT_SHOWN_BYTES: Final = 4096
"""Most that is noted of it when the kernel ends."""
PS_S: Final = 2.0
"""How long ps(1) may take."""

_WAIT_FOR_GO: Final = 'read -r go && exec "$@" </dev/null'
"""The kernel begins only when its keeper has noted its number: a keeper that dies before leaves no kernel that nobody knows of."""


class KernelProcess(Protocol):
    """A running kernel."""

    pid: int

    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        ...

    @property
    def has_ended(self) -> bool: ...

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and its children; nothing happens if it has ended."""
        ...


class Child:
    """A kernel that this process started."""

    def __init__(self, argv: Sequence[str], output: Path) -> None:
        """Start it, waiting for `go`. It inherits environment and working folder.

        Raises:
            OSError: the system cannot start another process.
        """
        fd = private.open_file(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT_FOR_GO, "sh", *argv],
                stdin=subprocess.PIPE,
                stdout=fd,
                stderr=fd,
                start_new_session=True,
            )
        finally:
            os.close(fd)
        self.pid = self._process.pid

    def go(self) -> None:
        """Let the kernel begin."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it was killed meanwhile, which shows as its end
            self._process.stdin.write(b"go\n")
            self._process.stdin.close()

    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        # As long as `poll` says None the number is not used again, not even after the end.
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Adopted:
    """A kernel that an earlier keeper started; its exit code went to the system."""

    def __init__(self, pid: int, identity: str) -> None:
        self.pid = pid
        self._identity = identity

    def exit_code(self) -> int | None:
        return None

    @property
    def has_ended(self) -> bool:
        return identify(self.pid) != self._identity

    def signal(self, number: int) -> None:
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def identify(pid: int) -> str | None:
    """Which process has this number: boot and time of its beginning; None if none has, or if it has ended."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()  # the name before it may have spaces
        return None if state in "ZX" else f"{boot()}:{fields[18]}"
    said = _ps(pid, "state=,lstart=")
    state, _, began = said.partition(" ")
    return None if not said or state.startswith("Z") else f"{boot()}:{began.strip()}"


def boot() -> str:
    """Which start of the machine this is; "" if the system does not say."""
    try:
        if sys.platform == "linux":
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PS_S,
        )
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def memory_bytes(pid: int) -> int:
    """Memory that a process has in use; 0 if it has ended."""
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0
    said = _ps(pid, "rss=")
    return int(said) * 1024 if said.isdecimal() else 0


def _ps(pid: int, columns: str) -> str:
    try:
        done = subprocess.run(
            ["ps", "-o", columns, "-p", str(pid)], cwd="/", capture_output=True, text=True, timeout=PS_S
        )
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def watch_end(pid: int) -> int | None:
    """A descriptor that can be read once a process has ended; None where the system has none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def read_output(path: Path) -> str:
    """The last lines that the kernel itself printed."""
    try:
        with open(private.open_file(path, os.O_RDONLY), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - OUTPUT_SHOWN_BYTES))
            return file.read(OUTPUT_SHOWN_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def shorten_output(path: Path) -> None:
    """Empty the file that the kernel prints into, if it has grown too long. The kernel goes on at its end, which is then the beginning."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > OUTPUT_BYTES_MAX:
            os.truncate(path, 0)


def name_of_signal(code: int | None) -> str:
    """The signal in an exit code: "SIGKILL"; "" if it is none."""
    if code is None or code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
