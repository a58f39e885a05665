"""Try at a real place the calls that it must get right, and those that it need not, and leave nothing behind.

The files have names that no pack has, so devices that look meanwhile leave them alone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple, Protocol, runtime_checkable

from jpterm_like.places.base import Damaged, Gone, Place, PlaceError, ReadOnly, list_all_files

PREFIX: Final = "jpterm-like-trial-"
"""Begins the names of the files of a trial."""
SPEED_BYTES: Final = 256 << 10
"""Bytes that are written and read to measure the speed."""
SMALL_BYTES: Final = 5000


class Finding(NamedTuple):
    """The result of one trial."""

    is_good: bool
    """False only if documents cannot be carried with it."""
    sentence: str


@runtime_checkable
class Cuttable(Protocol):
    """A place at which a write can be cut, and made on a condition: some servers get these wrong, and need not get them right."""

    def write_in_part(self, name: str, data: bytes, sent_bytes: int) -> None:
        """Begin to write a file, and end the connection after so many bytes."""
        ...

    def write_if_new(self, name: str, data: bytes) -> bool:
        """Write a file on the condition that there is none; return whether the server wrote it."""
        ...


def try_place(place: Place, *, patience_s: float = 2.0) -> Iterator[Finding]:
    """Try everything, and yield each finding at once. The files of the trial are removed, however it ends.

    Args:
        place: may be in use.
        patience_s: how long to look for what a cut upload may leave.

    Raises:
        PlaceError: the place cannot be listed at all.
    """
    begun_s = time.perf_counter()
    listing = list_all_files(place)
    took_s = time.perf_counter() - begun_s
    count = len(listing.packs) + len(listing.torn) + len(listing.copies)
    yield Finding(True, f"It lists its files in {1000 * took_s:,.0f} ms; {count:,} of them are packs.")
    if listing.torn:
        yield Finding(
            True, f"{len(listing.torn):,} packs are torn or on their way; whoever has them writes them again."
        )
    trial = _Trial(place, patience_s)
    try:
        for step in (
            trial.write,
            trial.replace,
            trial.read,
            trial.cut,
            trial.condition,
            trial.speed,
            trial.remove,
        ):
            yield from step()
    except ReadOnly:
        yield Finding(True, "It can only be read: what others write there comes, and nothing is sent.")
    except PlaceError as problem:
        yield Finding(False, f"Then it ended: {problem}")
    finally:
        left = trial.clean()
    if left:
        yield Finding(False, f"These files could not be removed, so remove them: {', '.join(left)}.")


class _Trial:
    def __init__(self, place: Place, patience_s: float) -> None:
        self._place = place
        self._patience_s = patience_s
        self._stem = PREFIX + secrets.token_hex(4)
        self._made: list[str] = []

    def _name(self, what: str) -> str:
        """The name of a file of this trial, which is removed at its end."""
        name = f"{self._stem}-{what}.bin"
        if name not in self._made:
            self._made.append(name)
        return name

    def write(self) -> Iterator[Finding]:
        name, data = self._name("a"), secrets.token_bytes(SMALL_BYTES)
        self._place.write(name, data)
        size_bytes = self._place.list().get(name)
        if self._place.read(name) != data:
            yield Finding(False, "What was written is not what is read.")
        elif size_bytes == len(data):
            yield Finding(True, "What is written is listed at once with its length, and reads back the same.")
        elif size_bytes is None:
            yield Finding(
                True, "What is written reads back the same, and is listed only later: others get it later."
            )
        else:
            yield Finding(
                False, f"{len(data):,} bytes are listed as {size_bytes:,}: each pack would look torn."
            )

    def replace(self) -> Iterator[Finding]:
        name, data = self._name("a"), secrets.token_bytes(SMALL_BYTES - 1)
        self._place.write(name, data)
        is_new = self._place.read(name) == data
        yield Finding(
            is_new,
            "A damaged file can be written again."
            if is_new
            else "A file that is written again stays as it was, so a damaged one cannot be healed.",
        )

    def read(self) -> Iterator[Finding]:
        name, data = self._name("b"), secrets.token_bytes(SMALL_BYTES)
        self._place.write(name, data)
        is_right = self._place.read(name, 1000, 1100) == data[1000:1100]
        is_told = False
        with suppress(PlaceError):
            self._place.read(name, 1000, SMALL_BYTES + 1)
            is_told = True
        yield Finding(
            is_right and not is_told,
            "A part of a file can be read."
            if is_right and not is_told
            else "A part of a file is read wrongly.",
        )
        with suppress(Gone, Damaged):
            self._place.read(f"{self._stem}-none.bin")
            yield Finding(False, "A file that is not there can be read.")

    def cut(self) -> Iterator[Finding]:
        if not isinstance(self._place, Cuttable):
            return
        name, data = self._name("cut"), secrets.token_bytes(100_000)
        self._place.write_in_part(name, data, 40_000)
        left = self._left_of(name)
        if left is None:
            yield Finding(True, "An upload that was cut leaves nothing.")
        elif left == len(data):
            yield Finding(
                False, "An upload that was cut leaves a file of full length: damage is found by verify alone."
            )
        else:
            yield Finding(
                True,
                f"An upload that was cut leaves its part ({left:,} bytes): seen by its length, and written again.",
            )
        self._place.write(name, data)
        if self._place.read(name) != data:
            yield Finding(False, "After an upload that was cut, the file cannot be written.")

    def _left_of(self, name: str) -> int | None:
        """Return how long a file is that was cut. A server may notice only after a moment that the connection is gone."""
        deadline_s = time.monotonic() + self._patience_s
        while (found := self._place.list().get(name)) is None and time.monotonic() < deadline_s:
            time.sleep(0.1)
        return found

    def condition(self) -> Iterator[Finding]:
        if isinstance(self._place, Cuttable):
            is_written = self._place.write_if_new(self._name("a"), b"x")
            word = "ignores" if is_written else "keeps"
            yield Finding(True, f"It {word} conditions on writing; nothing here needs them.")

    def speed(self) -> Iterator[Finding]:
        name, data = self._name("speed"), secrets.token_bytes(SPEED_BYTES)
        begun_s = time.perf_counter()
        self._place.write(name, data)
        written_s = time.perf_counter()
        self._place.read(name)
        read_s = time.perf_counter()
        up, down = (
            SPEED_BYTES / max(1e-6, each) / 1000 for each in (written_s - begun_s, read_s - written_s)
        )
        yield Finding(True, f"It takes {up:,.0f} kB/s and gives {down:,.0f} kB/s.")

    def remove(self) -> Iterator[Finding]:
        name = self._name("b")
        self._place.remove(name)
        self._place.remove(name)
        listed = name in self._place.list()
        readable = False
        with suppress(Gone):
            self._place.read(name)
            readable = True
        yield Finding(
            True,
            "What is removed is gone at once."
            if not (listed or readable)
            else "What is removed is seen for a while: that does no harm.",
        )

    def clean(self) -> list[str]:
        """Remove the files of this trial; return those that are still there."""
        left = list(self._made)
        for _ in range(2):  # a call may fail
            for name in left:
                with suppress(PlaceError):
                    self._place.remove(name)
            with suppress(PlaceError):
                found = self._place.list()
                left = [name for name in left if name in found]
        return left
