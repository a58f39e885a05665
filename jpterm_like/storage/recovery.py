"""The reading half of a document's store: reads all records in order, and repairs damage by a crash or a bad disk.

Damaged files are never overwritten or deleted: they are set aside as `*.damaged`, and reported in a sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from jpterm_like.errors import explain
from jpterm_like.storage import log
from jpterm_like.storage.base import IsNewer, Record
from jpterm_like.storage.disk_layout import (
    BLOB_START_BYTES,
    FILE_BYTES_MAX,
    Part,
    PartContent,
    begins_newer_blob,
    is_newer_blob,
    parse_part,
    parts_in,
    read_part,
    sealed_name,
)
from jpterm_like.storage.drive import Drive
from jpterm_like.storage.live_parts import (
    LiveParts,
    PartName,
    drop_prefix_copies,
    owner_records,
    part_key,
    part_name,
)
from jpterm_like.storage.segments import Segments

ReportDamage = Callable[[str, str, Path], None]
"""Takes a sentence with {name} for the document, a detail to append, and the file."""


class Recovery:
    """Reads and repairs a document once. The caller holds both locks of `segments`."""

    def __init__(
        self, drive: Drive, folder: Path, encoded_name: bytes, segments: Segments, report: ReportDamage
    ) -> None:
        self._drive = drive
        self._folder = folder
        self._encoded_name = encoded_name
        self._segments = segments
        self._report = report
        self.newer = False
        """Whether a newer release wrote some of it, so that nothing is repaired."""
        self.base: Part | None = None
        """The newest readable snapshot."""
        self.names: set[PartName] = set()
        """Names of the parts that snapshots replace."""
        self.counted: set[PartName] = set()
        """Names of the live parts after repair, except those written by this opening."""

    def records(self, is_newer: IsNewer) -> list[Record]:
        """Read the live records, in the order of the parts.

        Raises:
            OSError: the folder cannot be read.
        """
        choice = LiveParts(parts_in(self._drive, self._folder))
        snapshots: list[PartContent] = []
        for part in choice.snapshots():
            if (read := self._read(part)) is not None:
                snapshots.append(read)
                if read.whole:
                    choice.take(read)
        self.base, self.names = choice.base, choice.names
        segments = [
            [read for part in copies if (read := self._read(part)) is not None]
            for copies in choice.segments()
        ]
        is_part_newer = self.newer
        self.newer |= self._has_newer_blob()
        if is_part_newer:
            return []  # without the unreadable part, the rest is no state that the document ever had
        found = [
            (part_key(read.part), owner_records(read))
            for read in snapshots
            if read.whole or choice.is_oldest(read.part)
        ]
        self.newer |= any(is_newer(records) for _, records in found)
        self.newer |= any(is_newer(read.scan.records) for copies in segments for read in copies)
        if not self.newer:
            self._segments.forget_sizes()
            self._remove_leftovers()
            for read in snapshots:
                self._keep_snapshot(read)
        for copies in segments:
            if copies and (records := self._segment_records(copies)):
                found.append((part_key(copies[0].part), records))
        found.sort(key=lambda each: each[0])
        return [*chain.from_iterable(records for _, records in found), *self._segments.displaced]

    def _keep_snapshot(self, read: PartContent) -> None:
        """Keep an intact snapshot, and set a damaged one aside."""
        if not read.whole:
            self._set_file_aside(read.part, "A compacted history of {name} is damaged and was set aside")
        elif (name := part_name(read.part)) is not None:
            self.counted.add(name)
            if read.part != self.base:
                self._segments.sizes[part_key(read.part)] = len(read.data)

    def _has_newer_blob(self) -> bool:
        for name in self._drive.names(self._folder):
            path = self._folder / name
            if not name.endswith(".blob"):
                continue
            with contextlib.suppress(OSError):
                start = self._drive.read_start(path, BLOB_START_BYTES)
                if begins_newer_blob(start) and is_newer_blob(self._drive.read(path, FILE_BYTES_MAX)):
                    return True
        return False

    def _remove_leftovers(self) -> None:
        for name in self._drive.names(self._folder):
            if name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    self._drive.unlink(self._folder / name)

    def _segment_records(self, copies: list[PartContent]) -> list[Record]:
        """Read one segment, which has several copies if a crash interrupted its repair or it was copied here."""
        part = copies[0].part
        if part.salt in self._segments.own:
            return self._own_records(copies[0])
        if self.newer:
            return [record for read in drop_prefix_copies(copies) for record in read.scan.records]
        counting = drop_prefix_copies([read for read in copies if read.sound])
        known = {record for read in counting for record in read.scan.records}
        for read in copies:
            if read in counting:
                continue
            if not known.issuperset(read.scan.records) or not counting:
                counting.append(read)
            elif not read.sound:
                self._set_file_aside(read.part, "A damaged copy of a part of {name} was set aside")
            elif read.part.hash is None:
                self._remove(read.part)  # sealed before the crash, and another copy has everything in it
            else:
                self._cover(read.part)  # all of it is in another copy
        records: list[Record] = []
        for read in counting:
            repaired = read.part if read.whole else self._repaired(read)
            name = None if repaired is None else part_name(repaired)
            if name in self.names:
                continue  # left by a crash, and already compacted
            records += read.scan.records
            if name is not None:
                self.counted.add(name)
            if records:
                self._segments.sizes[part_key(part)] = len(read.data)
        return records

    def _cover(self, part: Part) -> None:
        """Let the next snapshot replace a part."""
        if (name := part_name(part)) is not None:
            self.names.add(name)

    def _own_records(self, read: PartContent) -> list[Record]:
        """Read a segment of this opening, up to the last append without an error."""
        part = read.part
        if self.base is not None and self.base.salt in self._segments.own and part.number < self.base.number:
            return []  # it could not be sealed, and was compacted
        return log.scan(self._segments.appended(part.path, read.data), part.salt).records

    def _read(self, part: Part) -> PartContent | None:
        try:
            read = read_part(self._drive, part)
        except OSError as error:
            self._report("A part of {name} cannot be read", f"({explain(error)})", part.path)
            return None
        if read.newer:
            self.newer = True
            return None
        return read

    # Mending

    def _repaired(self, read: PartContent) -> Part | None:
        """Seal, cut or set aside an earlier opening's segment, as it needs. Returns what holds its records then, if anything."""
        part, holes = read.part, read.scan.holes
        if part.hash is None and not holes:
            return self._sealed(part, read.data)
        if part.hash is None and len(holes) == 1 and holes[0][1] == len(read.data):
            return self._cut_tail(part, read.data, holes[0][0])
        return self._set_aside(read)

    def _sealed(self, part: Part, data: bytes) -> Part | None:
        """Let a sealed copy take the place of what a crash left; now, or at the next flush if the disk refuses."""
        sealed = part.path.with_name(sealed_name(part.number, part.salt, data))
        self._segments.to_seal[part.path] = sealed, data
        with contextlib.suppress(OSError):
            self._segments.seal_left(part.path)
        return parse_part(sealed)

    def _write_sealed(self, part: Part, data: bytes) -> Part | None:
        path = part.path.with_name(sealed_name(part.number, part.salt, data))
        self._drive.write_file(path, data)
        self._drive.flush_folder(self._folder)
        return parse_part(path)

    def _remove(self, part: Part) -> None:
        with contextlib.suppress(OSError):
            self._drive.unlink(part.path)
            self._segments.left_unsealed.discard(part.path)

    def _cut_tail(self, part: Part, data: bytes, end: int) -> Part | None:
        """Cut a segment after its last good record, and set the rest aside.

        Zeros are dropped: a file system leaves them where it stored the length but not yet the content.
        """
        tail = data[end:]
        try:
            if tail.strip(b"\0"):
                aside = self._free_name(part.path.with_name(part.path.name + ".tail.damaged"))
                self._drive.write_file(aside, tail)
                self._report(
                    "The last change to {name} was not completely written before a crash",
                    f"({len(tail):,} bytes, kept)",
                    aside,
                )
        except OSError as error:
            self._report(
                "An incomplete end of {name} could not be moved aside", f"({explain(error)})", part.path
            )
            return None
        return self._sealed(part, data[:end])

    def _set_aside(self, read: PartContent) -> Part | None:
        """Write the readable records of a damaged segment to a new file, then set the damaged one aside.

        In this order, so that a crash in between leaves both files rather than none; `_segment_records` then uses
        one, since both have the same number and salt.
        """
        part = read.part
        repaired: Part | None = None
        lost = sum(end - start for start, end in read.scan.holes)
        sentence = (
            f"{lost:,} bytes of a part of {{name}} are damaged; the rest was read, and the part set aside"
        )
        try:
            if read.scan.records:
                data = log.encode_header(part.salt, self._encoded_name)
                data += log.encode_frames(part.salt, read.scan.records)
                if part.path.name == sealed_name(part.number, part.salt, data):
                    # Only stray bytes are wrong: the repaired file has the same name as the damaged one.
                    self._drive.write_file(
                        self._free_name(part.path.with_name(part.path.name + ".damaged")), read.data
                    )
                repaired = self._write_sealed(part, data)
                if repaired == part:
                    self._report(sentence, "", part.path)
                    return repaired
        except OSError as error:
            self._report(
                "A part of {name} is damaged and could not be repaired", f"({explain(error)})", part.path
            )
        else:
            self._set_file_aside(part, sentence)
        return repaired

    def _set_file_aside(self, part: Part, sentence: str) -> None:
        try:
            aside = set_file_aside(self._drive, part.path)
        except OSError as error:
            self._report(sentence, f"(and could not be renamed: {explain(error)})", part.path)
        else:
            self._segments.left_unsealed.discard(part.path)
            self._report(sentence, "", aside)

    def _free_name(self, path: Path) -> Path:
        return free_name(self._drive, path)


def set_file_aside(drive: Drive, path: Path) -> Path:
    """Rename a damaged file so that it is never read, and return the new path."""
    aside = free_name(drive, path.with_name(path.name + ".damaged"))
    drive.rename(path, aside)
    return aside


def free_name(drive: Drive, path: Path) -> Path:
    """Return the path, with a number appended if it exists: a file set aside is never overwritten."""
    candidate, count = path, 1
    while drive.exists(candidate):
        count += 1
        candidate = path.with_name(f"{path.name}.{count}")
    return candidate
