"""The description of a keeper, `keeper.json` in its folder: written once, before the kernel starts, and read by the keeper, its successors and its clients.

It holds the key of the kernel's messages, so nobody else may read it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import disk, private

FORM: Final = 1
"""Format of the description and of what keeper and clients say to each other."""
SOCKET_BYTES_MAX: Final = 103
"""Limit of a socket's path, as in `config`."""
IDLE_S: Final = 24 * 3600.0
"""An idle kernel of which nobody has read anything for so long is stopped."""
FILE: Final = "keeper.json"


class KernelError(JptermError):
    """A kernel or its keeper cannot be started, or reached."""


@dataclass(frozen=True)
class Description:
    """What does not change while a kernel lives."""

    id: str
    argv: Sequence[str]
    """The command of the kernel, with `{connection_file}`."""
    cwd: str
    sockets: str
    """Folder of the sockets: short, and closed to others."""
    key: str
    """Key of the kernel's messages."""
    identity: str
    """Name of the first keeper on the kernel's sockets; those of the next ones begin with it."""
    about: Mapping[str, str]
    """For people who list kernels: `notebook`, `kernel`."""
    idle_s: float
    """See IDLE_S."""
    created: float
    """Wall clock."""

    @property
    def socket(self) -> Path:
        """Where the keeper listens."""
        return Path(self.sockets) / "sock"

    @property
    def connection_file(self) -> Path:
        return Path(self.sockets) / "kernel.json"


def new_id() -> str:
    """An id for a keeper: 32 random bits."""
    return secrets.token_hex(4)


def describe(
    folder: Path,
    argv: Sequence[str],
    cwd: str,
    *,
    runtime_folder: Path | None,
    about: Mapping[str, str],
    idle_s: float = IDLE_S,
) -> Description:
    """Make the folders of a new keeper, and write its description.

    Args:
        folder: the keeper's own; its name is the id.
        argv: command of the kernel.
        cwd: working folder of the kernel.
        runtime_folder: where sockets belong; None, or too deep for a socket's path: /tmp.
        about: for people.
        idle_s: see IDLE_S.

    Raises:
        KernelError: a folder cannot be made.
    """
    try:
        private.check_folder(folder, make=True, others=0o077)
        sockets = _make_sockets_folder(folder.name, runtime_folder)
        description = Description(
            folder.name,
            list(argv),
            cwd,
            str(sockets),
            secrets.token_hex(32),
            secrets.token_hex(16),
            dict(about),
            idle_s,
            time.time(),
        )
        content = json.dumps({"form": FORM, **asdict(description)}, indent=1).encode()
        fd = private.open_file(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            disk.write_all(fd, content)
            disk.flush(fd)
        finally:
            os.close(fd)
        disk.flush_folder(folder)
    except OSError as error:
        raise KernelError(
            f"No kernel can be started: {escape_for_terminal(folder)} cannot be made: {explain(error)}."
        ) from error
    return description


def _make_sockets_folder(id: str, runtime_folder: Path | None) -> Path:
    if runtime_folder is not None:
        sockets = runtime_folder / "k" / id
        if len(os.fsencode(sockets / "kernel.json")) <= SOCKET_BYTES_MAX:
            private.check_folder(sockets, make=True, others=0o077)
            return sockets
    return Path(tempfile.mkdtemp(prefix="jpterm-like-k-", dir="/tmp"))


def read_description(folder: Path) -> Description:
    """The description in a keeper's folder.

    Raises:
        KernelError: there is none, or a newer release wrote it.
    """
    try:
        content: Any = json.loads(private.read(folder / FILE) or b"null")
    except (OSError, ValueError) as error:
        raise KernelError(f"{escape_for_terminal(folder)} has no kernel: {error}.") from error
    if not isinstance(content, dict):
        raise KernelError(f"The kernel {escape_for_terminal(folder.name)} is not there any more.")
    if content.get("form") != FORM:
        raise KernelError(
            f"The kernel {escape_for_terminal(folder.name)} was started by another release of jpterm-like."
        )
    content.pop("form")
    try:
        known = {name: content[name] for name in Description.__dataclass_fields__}
    except KeyError as error:
        raise KernelError(f"{escape_for_terminal(folder / FILE)} lacks {error}.") from error
    return Description(**known)


def remove_folders(folder: Path, description: Description) -> None:
    """Remove everything of a keeper that has ended."""
    shutil.rmtree(description.sockets, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
