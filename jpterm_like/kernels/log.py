"""The log of a keeper: numbered segments `log.1`, `log.2`, … of frames (see `entries`), flushed by whoever owns it.

A segment begins with a head: a frame that says in JSON what later segments must know of earlier ones, which may be gone.

    form        1
    previous    number of the last entry before this segment
    first       number of the first entry that may stand in it
    state       what the keeper wants to know when it begins again (see `keeper`)

An entry is *in the log* once it is written to the file: it survives the end of the process. After `flush` it survives a power cut. A segment that
was left by an earlier keeper is never appended to, for its end may be torn; everything up to the first damaged frame is read. What is missing
between a segment's last good entry and the next one's `previous` is told to readers, exactly.

While the disk is full, entries wait in memory, in order, and readers get them from there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jpterm_like.errors import explain
from jpterm_like.files import disk, private
from jpterm_like.kernels.entries import (
    SEGMENT_HEAD,
    Raw,
    encode,
    frames_in,
    json_object,
    note,
)

FORM: Final = 1
"""Format of the log. A larger one is of a newer release, and not read."""
SEGMENT_BYTES: Final = 8 << 20
"""Size from which on the next segment begins."""
LOG_BYTES_MAX: Final = 1 << 30
"""Most that a log may have. Then the oldest segment goes, unread."""
WAITING_BYTES_MAX: Final = 64 << 20
"""Most that waits in memory for room on the disk."""
SMALL_BYTES: Final = 4096
"""The last quarter of that memory is for entries below this size: what ends a run is small, what fills memory is not."""
HEAD_BYTES_MAX: Final = 4 << 20
"""Most that the head of a segment may have."""
READ_BYTES: Final = 1 << 18
"""Most that is read for a reader at a time."""
RESTART_STEP: Final = 1 << 32
"""After a power cut the numbers go on this far from the last one in the log: readers may have had entries that were not flushed."""


class NewerLog(ValueError):
    """The log was written by a newer release."""


@dataclass(eq=False)
class Segment:
    """One file of the log."""

    path: Path
    index: int
    previous: int
    first: int
    last: int
    """Number of its last good entry; `previous` if it has none."""
    end: int
    """Offset behind its last good entry, in bytes; of one that is not the last segment, the length of the file."""
    state: dict[str, Any] = field(default_factory=dict)


class Log:
    """The entries of one kernel. One process at a time may open it; the caller holds a lock."""

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        bytes_max: int = LOG_BYTES_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        """Read what is there. Nothing is written before `begin`.

        Raises:
            NewerLog: a newer release wrote it.
            OSError: it cannot be read.
        """
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._bytes_max = bytes_max
        self._waiting_bytes_max = waiting_bytes_max
        self._fd = -1
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._lost_count = self._lost_bytes = 0
        self._unflushed = False
        self._state: Callable[[], dict[str, Any]] = dict
        self.problem = ""
        """Why entries wait in memory, or could not be flushed: "the disk is full"; empty if all is well."""
        self.acknowledged = 0
        """Everything up to here is stored elsewhere."""
        self._index = 0
        self.segments: list[Segment] = []
        for index, path in self._files():
            self._index = index
            segment = self._read_head(path, index)
            if segment is not None:
                if self.segments:
                    self.segments[-1].last = segment.previous
                self.segments.append(segment)
        if self.segments:
            last = self.segments[-1]
            last.end = 0
            for end, raw in frames_in(last.path.read_bytes()):
                last.end = end
                if raw.kind != SEGMENT_HEAD:
                    last.last = raw.number
            self.acknowledged = int(last.state.get("acknowledged", 0))
        self.number = max((max(each.first - 1, each.last) for each in self.segments), default=0)
        """Number of the last entry, or of the last one that an earlier keeper may have had."""

    def _files(self) -> list[tuple[int, Path]]:
        found = [
            (int(path.name[4:]), path) for path in self._folder.glob("log.*") if path.name[4:].isdecimal()
        ]
        return sorted(found)

    def _read_head(self, path: Path, index: int) -> Segment | None:
        """The segment of a file; None if not even its head was written."""
        with open(private.open_file(path, os.O_RDONLY), "rb") as file:
            for _, raw in frames_in(file.read(HEAD_BYTES_MAX)):
                if raw.kind != SEGMENT_HEAD:
                    return None
                head = json_object(raw.parts[0])
                if head.get("form") != FORM:
                    raise NewerLog(f"{path} was written by a newer release")
                previous = int(head["previous"])
                return Segment(
                    path,
                    index,
                    previous,
                    int(head["first"]),
                    previous,
                    os.fstat(file.fileno()).st_size,
                    head["state"],
                )
        return None

    def state(self) -> dict[str, Any]:
        """The state at the beginning of the last segment; empty if there is none."""
        return self.segments[-1].state if self.segments else {}

    def entries_since_state(self) -> Iterator[Raw]:
        """The entries of the last segment."""
        if self.segments:
            last = self.segments[-1]
            for _, raw in frames_in(last.path.read_bytes()[: last.end]):
                if raw.kind != SEGMENT_HEAD:
                    yield raw

    # ------------------------------------------------------------------ writing

    def begin(self, state: Callable[[], dict[str, Any]], *, after_power_cut: bool) -> None:
        """Begin a segment of this keeper's own, and be ready for `append`.

        Args:
            state: asked at the beginning of each segment for what the next keeper must know.
            after_power_cut: entries that readers had may be missing at the end.
        """
        self._state = state
        previous = self.segments[-1].last if self.segments else 0
        if after_power_cut:
            self.number += RESTART_STEP
        if not self._begin_segment(previous, self.number + 1):
            raise OSError(f"{self._folder}: {self.problem}")

    def _begin_segment(self, previous: int, first: int) -> bool:
        """Begin the next segment; returns whether there was room."""
        if self._fd >= 0:
            try:
                disk.flush(self._fd)
            except OSError as error:
                self.problem = explain(error)
                return False
        path = self._folder / f"log.{self._index + 1}"
        head = {
            "form": FORM,
            "previous": previous,
            "first": first,
            "state": {**self._state(), "acknowledged": self.acknowledged},
        }
        frame = encode(Raw(SEGMENT_HEAD, 0, 0, 0.0, [json.dumps(head).encode()]))
        try:
            fd = private.open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
            try:
                disk.write_all(fd, frame)
                disk.flush(fd)
                disk.flush_folder(self._folder)
            except OSError:
                os.close(fd)
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
        except OSError as error:
            self.problem = explain(error)
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._index += 1
        self._unflushed = False
        self.segments.append(Segment(path, self._index, previous, first, previous, len(frame)))
        self._remove_segments()
        return True

    def append(self, raw: Raw) -> bool:
        """Add an entry, whose number is the next one; returns whether it is on the disk, else it waits in memory or was dropped."""
        assert raw.number == self.number + 1, (raw.number, self.number)
        frame = encode(raw)
        if not self._waiting and not self._lost_count and self._write(raw.number, frame):
            self.number = raw.number
            return True
        most = self._waiting_bytes_max
        if len(frame) > SMALL_BYTES:
            most -= most // 4
        if self._waiting_bytes + len(frame) > most:
            self._lost_count += 1
            self._lost_bytes += len(frame)
            return False
        self.number = raw.number
        self._waiting.append((raw.number, frame))
        self._waiting_bytes += len(frame)
        return False

    def _write(self, number: int, frame: bytes) -> bool:
        segment = self.segments[-1]
        if segment.end >= self._segment_bytes and segment.last >= segment.first:
            if not self._begin_segment(segment.last, number):
                return False
            segment = self.segments[-1]
        try:
            disk.write_all(self._fd, frame)
        except OSError as error:
            self.problem = explain(error)
            with contextlib.suppress(
                OSError
            ):  # else the torn frame hides what is behind it until the next segment
                os.ftruncate(self._fd, segment.end)
            return False
        segment.end += len(frame)
        segment.last = number
        self._unflushed = True
        return True

    def retry(self, seconds: float) -> bool:
        """Write what waits in memory, if there is room now; returns whether nothing waits. `seconds`: wall clock."""
        while self._waiting:
            number, frame = self._waiting[0]
            if not self._write(number, frame):
                return False
            self._waiting.popleft()
            self._waiting_bytes -= len(frame)
        if self._lost_count:
            content = {"count": self._lost_count, "bytes": self._lost_bytes, "reason": self.problem}
            if not self._write(self.number + 1, encode(note("dropped", self.number + 1, seconds, content))):
                return False
            self.number += 1
            self._lost_count = self._lost_bytes = 0
        self.problem = ""
        return True

    @property
    def waits(self) -> bool:
        """Whether entries are not on the disk because it takes none."""
        return bool(self._waiting or self._lost_count)

    @property
    def is_flushed(self) -> bool:
        return not self._unflushed

    def flush(self) -> bool:
        """Make everything written survive a power cut; returns whether it does."""
        if self._unflushed:
            try:
                disk.flush(self._fd)
            except OSError as error:
                self.problem = explain(error)
                return False
            self._unflushed = False
            if not self.waits:
                self.problem = ""
        return not self.waits

    def acknowledge(self, number: int) -> None:
        """Everything up to this entry is stored elsewhere: its segments may go."""
        self.acknowledged = max(self.acknowledged, min(number, self.number))
        self._remove_segments()

    def _remove_segments(self) -> None:
        """Remove segments that nobody needs, and the oldest if they are too many together. The last one stays."""
        size_bytes = sum(segment.end for segment in self.segments)
        while len(self.segments) > 1:
            oldest = self.segments[0]
            if oldest.last > self.acknowledged and size_bytes <= self._bytes_max:
                return
            try:
                oldest.path.unlink(missing_ok=True)
            except OSError:
                return
            size_bytes -= oldest.end
            del self.segments[0]

    @property
    def size_bytes(self) -> int:
        return sum(segment.end for segment in self.segments) + self._waiting_bytes

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # ------------------------------------------------------------------ reading

    def waiting_after(self, number: int) -> bytes:
        """Frames that wait in memory, after an entry."""
        return b"".join(frame for each, frame in self._waiting if each > number)


class LogReader:
    """The place of one reader in the log."""

    def __init__(self, log: Log, after: int) -> None:
        """`after`: number of the last entry that the reader has."""
        self._log = log
        self.number = after
        """Number of the last entry that was read."""
        self._segment: Segment | None = None
        self._offset = 0

    def read(self, seconds: float) -> bytes:
        """The next frames, about `READ_BYTES` of them; empty if there are no more now. `seconds`: wall clock, for notes on what is missing."""
        while True:
            segment = self._segment
            if (
                segment is None
                or segment not in self._log.segments
                or (self._offset >= segment.end and segment is not self._log.segments[-1])
            ):
                if not self._enter_next():
                    return b""
                if told := self._missing(seconds):
                    return told
            elif self._offset < segment.end:
                if frames := self._read_frames(segment):
                    return frames
            else:
                return self._read_waiting()

    def _enter_next(self) -> bool:
        """Go to the next segment that has something new, or to the last."""
        index = self._segment.index if self._segment is not None else 0
        for segment in self._log.segments:
            if segment.index > index and (segment.last > self.number or segment is self._log.segments[-1]):
                self._segment, self._offset = segment, 0
                return True
        return False

    def _missing(self, seconds: float) -> bytes:
        """A note on what is missing before the segment that was entered."""
        assert self._segment is not None
        count = self._segment.previous - self.number
        if count <= 0:
            return b""
        reason = "acknowledged" if self._segment.previous <= self._log.acknowledged else "no room"
        self.number = self._segment.previous
        return encode(note("dropped", self.number, seconds, {"count": count, "reason": reason}))

    def _read_frames(self, segment: Segment) -> bytes:
        """Whole frames at the place of the reader, without those that it has; empty if those here are old, or damaged."""
        size_bytes = READ_BYTES
        with open(segment.path, "rb") as file:
            while True:
                file.seek(self._offset)
                data = file.read(min(size_bytes, segment.end - self._offset))
                new = end = 0
                for end_of_frame, raw in frames_in(data):
                    end = end_of_frame
                    if raw.kind == SEGMENT_HEAD or raw.number <= self.number:
                        new = end
                    else:
                        self.number = raw.number
                if end:
                    self._offset += end
                    return data[new:end]
                if (
                    len(data) < size_bytes
                ):  # damaged: what is behind it is missing, as the next segment's head shows
                    self._offset = segment.end
                    return b""
                size_bytes *= 4  # a frame that is longer than this

    def _read_waiting(self) -> bytes:
        frames = self._log.waiting_after(self.number)
        for _, raw in frames_in(frames):
            self.number = raw.number
        return frames
