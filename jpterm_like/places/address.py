"""The address of a place, as people write it, and the place behind it.

    ~/Dropbox/team                     a folder of this machine; file:///srv/team is one, too
    webdavs://nas.example.org/team     a folder of a WebDAV server; webdav:// without TLS, on this machine alone
    s3://bucket/team                   a bucket of S3, or of what AWS_ENDPOINT_URL names
    sftp://ann@host:22/srv/team        a folder that the person's own ssh reaches; /~/team lies in the home there
    https://example.org/team           a folder of any web server, to read
    ftp://box/team, gs://bucket/team   what else fsspec knows, where it is installed

An address never has a password: it would be in the history of the shell, in lists of processes and in messages. Passwords come from
`Logins`, which are given. A kind of place imports its library once such a place is opened.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.places.base import Moved, Place, is_this_machine, nobody_counts
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.logins import NO_LOGINS, Logins

SSH_OPTIONS: Final = (
    "-x", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none",
    "-o", "RequestTTY=no", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15",
)  # fmt: skip
"""Options of ssh. As in sftp and scp, nothing is forwarded that the person's settings forward for terminals."""

FORMS: Final = "a folder, webdavs://HOST/PATH, sftp://HOST/PATH, s3://BUCKET/PATH or https://HOST/PATH"
"""The forms of an address, for sentences."""

_NO_PASSWORD: Final = (
    "An address must have no password, because others can read it: leave it out, and you are asked for it."
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SERVER_SCHEMES: Final = ("ws", "wss", "ws+unix")
_HOST: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_USER: Final = re.compile(r"[A-Za-z0-9_][\w.+@-]*", re.ASCII)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", re.ASCII)


class BadPlaceAddress(JptermError):
    """The text is no address of a place, or of one that cannot be opened here."""


class Server(NamedTuple):
    """The parts of a server's address. Each is checked, so no library reads one of them differently."""

    scheme: str
    host: str
    port: int | None
    user: str
    path: str
    """Begins with a slash, without %-codes."""

    @property
    def origin(self) -> str:
        """The server without the folder: what a password is kept for."""
        return f"{self.scheme}://{self.host}{'' if self.port is None else f':{self.port}'}"

    @property
    def bare_host(self) -> str:
        return self.host.strip("[]")


def open_place(
    written: str, logins: Logins = NO_LOGINS, *, asks: bool = False, moved: Moved = nobody_counts
) -> Place:
    """Open a place by its address. No request is made yet, and a folder need not be there.

    Args:
        written: as people write it; a relative folder is one of the current directory.
        logins: knows the passwords of servers.
        asks: whether ssh may ask on the terminal.
        moved: is told the bytes of files as they come and go.

    Raises:
        BadPlaceAddress: it is no address of a place, or a library for it is missing.
        Refused: it cannot be used safely, or has no keys.
    """
    found = _SCHEME.match(written)
    if found is None:
        return LocalPlace(_folder(written), moved)
    scheme = found[1].lower()
    if scheme == "file":
        return LocalPlace(_folder(unquote(urlsplit(written).path)), moved)
    if scheme in _OPENED_BY:
        return _OPENED_BY[scheme](written, _Help(logins, asks, moved))
    if scheme in _SERVER_SCHEMES:
        raise BadPlaceAddress(
            f"{scheme}:// is a server, where texts are opened and not carried to; a place is {FORMS}."
        )
    if scheme == "ssh":
        raise BadPlaceAddress("A folder that ssh reaches is written sftp://HOST/PATH.")
    return _open_other(written, moved)


def is_address(written: str) -> bool:
    """Whether this has the form of the address of a place that is no folder of this machine."""
    found = _SCHEME.match(written)
    return found is not None and found[1].lower() not in ("file", "ssh", *_SERVER_SCHEMES)


def login_server(written: str) -> str:
    """Return the server for which a name and a password are kept, as `Logins` are asked for it.

    Raises:
        BadPlaceAddress: it is no address of a web server.
    """
    server = parse_server(written)
    if server.scheme not in ("webdav", "webdavs", "http", "https"):
        raise BadPlaceAddress(
            "A password is kept for webdavs:// and https:// alone; ssh and buckets have their own keys."
        )
    return _url(server._replace(path=""), "https" if server.scheme in ("webdavs", "https") else "http")


def name_of(address: str) -> str:
    """Return the short name of a place for a status bar: the last part of a folder, the machine, the bucket. Never a password.

    `webdavs://nas.example.org/team/` is "nas", `~/Dropbox/team` is "team".
    """
    found = _SCHEME.match(address)
    if found is None or found[1].lower() == "file":
        path = unquote(urlsplit(address).path) if found else address
        return escape_for_terminal(os.path.basename(os.path.abspath(path)) or path)
    host = re.split(r"[/?#]", address[found.end() :])[0].rpartition("@")[2]
    host = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    if found[1].lower() != "s3" and not re.fullmatch(r"[\d.]+|\[.*\]", host):
        host = host.partition(".")[0]
    return escape_for_terminal(host or found[1])


def parse_server(written: str) -> Server:
    """Parse the address of a folder on a server.

    Raises:
        BadPlaceAddress: it is none, or has a password in it; the sentence does not repeat that.
    """
    scheme, _, rest = written.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, where = authority.rpartition("@")
    if ":" in user:
        raise BadPlaceAddress(_NO_PASSWORD)
    try:
        port = urlsplit(f"//{where}").port
        path = unquote(slash + path, errors="strict")
    except ValueError:
        where = ""
        port = None
    host = where.removesuffix(f":{port}") if port is not None else where
    if (
        not _HOST.fullmatch(host)
        or (at and not _USER.fullmatch(unquote(user)))
        or port == 0
        or re.search(r"[?#\0-\x1f\x7f\\]", path)
        or ".." in path.split("/")
    ):
        raise BadPlaceAddress(
            f"{escape_for_terminal(written)} is not the address of a place: write {scheme.lower()}://HOST/PATH."
        )
    return Server(scheme.lower(), host.lower(), port, unquote(user), path or "/")


def _folder(written: str) -> Path:
    try:
        return Path(os.path.abspath(Path(written).expanduser()))
    except (RuntimeError, ValueError):
        raise BadPlaceAddress(f"{escape_for_terminal(written)} is not a folder that can be.") from None


class _Help(NamedTuple):
    """The other arguments of `open_place`, for the functions that open one kind of place."""

    logins: Logins
    asks: bool
    moved: Moved


def _open_webdav(written: str, help: _Help) -> Place:
    try:
        from jpterm_like.places.webdav import WebdavPlace
    except ModuleNotFoundError as missing:
        raise _needs(missing, "webdav", written) from None
    server = parse_server(written)
    if server.scheme == "webdav" and not is_this_machine(server.bare_host):
        raise BadPlaceAddress(
            f"webdav:// has no encryption and is for this machine alone: write webdavs://{server.host}."
        )
    return WebdavPlace(
        _url(server, "https" if server.scheme == "webdavs" else "http"), server.user, help.logins, help.moved
    )


def _open_http(written: str, help: _Help) -> Place:
    try:
        from jpterm_like.places.http import HttpPlace
    except ModuleNotFoundError as missing:
        raise _needs(missing, "webdav", written) from None
    server = parse_server(written)
    return HttpPlace(_url(server, server.scheme), server.user, help.logins, help.moved)


def _open_other(written: str, moved: Moved) -> Place:
    """Open a place by fsspec, if that is installed and knows the scheme."""
    scheme, _, rest = written.partition("://")
    scheme = scheme.lower()
    try:
        from jpterm_like.places.other import NoSuchFileSystem, OtherPlace
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] == "jpterm_like":
            raise
        raise BadPlaceAddress(
            f"{scheme}:// is no place that is known here. A place is {FORMS}; more are known after: pip install 'jpterm-like[carriers]'."
        ) from None
    if ":" in re.split(r"[/?#]", rest)[0].rpartition("@")[0]:
        raise BadPlaceAddress(_NO_PASSWORD)
    try:
        return OtherPlace(f"{scheme}://{rest}", moved)
    except NoSuchFileSystem as problem:
        raise BadPlaceAddress(f"{problem} A place is {FORMS}.") from None


def _open_s3(written: str, help: _Help) -> Place:
    bucket, _, prefix = written.partition("://")[2].partition("/")
    if "@" in bucket:
        raise BadPlaceAddress("The address of a bucket has no keys: they are in AWS_* or ~/.aws/credentials.")
    if not _BUCKET.fullmatch(bucket) or re.search(r"[?#\0-\x1f\x7f]", prefix) or ".." in prefix.split("/"):
        raise BadPlaceAddress(
            f"{escape_for_terminal(written)} is not the address of a place: write s3://BUCKET/PATH."
        )
    try:
        from jpterm_like.places.s3 import S3Place
    except ModuleNotFoundError as missing:
        raise _needs(missing, "s3", written) from None
    from jpterm_like.places.aws import settings_of_user

    return S3Place(bucket, prefix, settings_of_user(os.environ, Path.home()), help.moved)


def _open_sftp(written: str, help: _Help) -> Place:
    server = parse_server(written)
    try:
        from jpterm_like.places.sftp import SftpPlace
    except ModuleNotFoundError as missing:
        raise _needs(missing, "sftp", written) from None
    target = f"{server.user}@{server.bare_host}" if server.user else server.bare_host
    command = [*shlex.split(os.environ.get("JPTERM_LIKE_SSH", "ssh")), *SSH_OPTIONS]
    command += [] if help.asks else ["-o", "BatchMode=yes"]
    command += [] if server.port is None else ["-p", str(server.port)]
    # ssh takes the subsystem's name for the command, which stands behind the host
    command += ["-s", "--", target, "sftp"]
    folder = server.path.removeprefix("/~/") if server.path.startswith("/~/") else server.path
    folder = "." if server.path == "/~" else folder or "."
    user = f"{server.user}@" if server.user else ""
    address = f"sftp://{user}{server.origin.removeprefix('sftp://')}{quote(server.path, safe='/~')}"
    return SftpPlace(command, folder, address, asks=help.asks, moved=help.moved)


_OPENED_BY: Final[dict[str, Callable[[str, _Help], Place]]] = {
    "webdav": _open_webdav,
    "webdavs": _open_webdav,
    "http": _open_http,
    "https": _open_http,
    "s3": _open_s3,
    "sftp": _open_sftp,
}


def _url(server: Server, scheme: str) -> str:
    """Write the address for a library, from the checked parts alone."""
    port = "" if server.port is None else f":{server.port}"
    return f"{scheme}://{server.host}{port}{quote(server.path)}"


def _needs(missing: ModuleNotFoundError, extra: str, written: str) -> BadPlaceAddress:
    """Return the error that names the extra for a library that is not installed; raise `missing` itself if a module of ours is missing."""
    if (missing.name or "").split(".")[0] == "jpterm_like":
        raise missing
    scheme = written.partition("://")[0].lower()
    return BadPlaceAddress(
        f"{escape_for_terminal(scheme)}:// needs {missing.name}; install it with: pip install 'jpterm-like[{extra}]'."
    )
