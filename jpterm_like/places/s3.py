"""A place in a bucket of S3, or of a service that speaks like it. The only module that knows obstore.

A write is there once it is answered, and there is never half of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from jpterm_like.errors import escape_for_terminal
from jpterm_like.places.base import (
    CONNECT_S,
    FILE_BYTES_MAX,
    SILENCE_S,
    Damaged,
    Gone,
    Moved,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    in_sentence,
    is_file_name,
    is_this_machine,
    nobody_counts,
)

_Result = TypeVar("_Result")


class S3Place:
    """The names under a prefix of a bucket, which must exist.

    Args:
        bucket: its name.
        prefix: the folder in it; empty for all of it.
        settings: region, endpoint, access_key_id, secret_access_key, session_token, as obstore names them.
        moved: is told the bytes of files, each time that a file came or went.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        settings: Mapping[str, str] | None = None,
        moved: Moved = nobody_counts,
    ) -> None:
        self._moved = moved
        self.address = f"s3://{bucket}/{prefix}".rstrip("/") + "/"
        endpoint = urlsplit((settings or {}).get("endpoint", ""))
        # Only a server of this machine is asked without TLS.
        local = endpoint.scheme == "http" and is_this_machine(endpoint.hostname or "")
        self._store: Any = S3Store(
            bucket,
            prefix=prefix.strip("/") or None,
            config=dict(settings or {}),  # type: ignore[arg-type, unused-ignore]
            client_options={
                "allow_http": local,
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=SILENCE_S),
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=SILENCE_S)},
        )

    def list(self) -> dict[str, int]:
        found = self._ask(lambda: obstore.list_with_delimiter(self._store))
        files = {str(each["path"]).rpartition("/")[2]: int(each["size"]) for each in found["objects"]}
        return {name: size_bytes for name, size_bytes in files.items() if is_file_name(name)}

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        if end is not None or start:
            size_bytes: int = (
                self._ask(lambda: obstore.head(self._store, name))["size"] if end is None else end
            )
            data = bytes(self._ask(lambda: obstore.get_range(self._store, name, start=start, end=size_bytes)))
            self._moved(len(data))
            return check_read(name, data, start, end)
        answer = self._ask(lambda: obstore.get(self._store, name))
        if answer.meta["size"] > FILE_BYTES_MAX:
            raise Damaged(f"{escape_for_terminal(name)} is longer than it should be.")
        data = bytes(self._ask(answer.bytes))
        self._moved(len(data))
        return check_read(name, data, start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        try:
            self._ask(lambda: obstore.put(self._store, name, data, use_multipart=False))
        except Gone:
            raise Unreachable(f"The bucket of {escape_for_terminal(self.address)} is not there.") from None
        self._moved(len(data))

    def remove(self, name: str) -> None:
        check_file_name(name)
        try:
            self._ask(lambda: obstore.delete(self._store, name))
        except Gone:
            return

    def _ask(self, call: Callable[[], _Result]) -> _Result:
        where = in_sentence(self)
        try:
            return call()
        except FileNotFoundError as problem:
            raise Gone(f"{where} has no such file.") from problem
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as problem:
            raise Refused(f"{where} cannot be used: its keys are refused.") from problem
        except exceptions.BaseError as problem:
            if "416 Range Not Satisfiable" in str(problem):  # obstore has no class for it
                raise Damaged(
                    f"A file of {escape_for_terminal(self.address)} is shorter than it should be."
                ) from problem
            raise Unreachable(f"{where} does not answer, or has no such bucket.") from problem
