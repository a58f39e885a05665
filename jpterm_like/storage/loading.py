"""The reading half of a document's store: what is there, in order, and the mending of what a crash or a bad disk left.

Nothing that was damaged is ever written over or deleted: it is set aside, as `*.damaged`, and told in a sentence.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from jpterm_like.errors import explain
from jpterm_like.storage import log
from jpterm_like.storage.base import Record
from jpterm_like.storage.drive import Drive
from jpterm_like.storage.parts import Part, Read, parts_in, read_part, sealed_name
from jpterm_like.storage.segments import Segments

Tell = Callable[[str, str, Path], None]
"""A sentence with {name} for the document, what is to be added to it, and the file."""


class Loading:
    """One reading of everything that belongs to a document. The caller holds both locks of `segments`."""

    def __init__(
        self, drive: Drive, folder: Path, encoded_name: bytes, segments: Segments, tell: Tell
    ) -> None:
        self._drive = drive
        self._folder = folder
        self._encoded_name = encoded_name
        self._segments = segments
        self._tell = tell
        self.snapshot_number = 0
        """Of the newest readable snapshot."""

    def records(self) -> Iterator[Record]:
        """The newest readable snapshot's records, then those of later segments.

        Raises:
            OSError: the folder cannot be read.
        """
        self._remove_leftovers()
        parts = list(parts_in(self._drive, self._folder))
        segments = [part for part in parts if not part.is_snapshot]
        salvaged: list[Record] = []
        for part in reversed([part for part in parts if part.is_snapshot]):
            read = self._read(part)
            if read and read.whole:
                yield from read.scan.records
                self.snapshot_number = part.number
                break
            if read:
                self._put_aside(part, "The newest compacted history of {name} is damaged and was set aside")
                # The generation before takes its place. Without one, its readable part is the best there is.
                salvaged = [] if segments and segments[0].number < part.number else read.scan.records
        else:
            yield from salvaged
        later = (part for part in segments if part.number > self.snapshot_number)
        for _, copies in itertools.groupby(later, key=lambda part: (part.number, part.salt)):
            yield from self._load_segment(list(copies))
        yield from self._segments.homeless

    def _remove_leftovers(self) -> None:
        for name in self._drive.names(self._folder):
            if name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    self._drive.unlink(self._folder / name)

    def _load_segment(self, copies: list[Part]) -> list[Record]:
        """The records of one segment, of which there are copies if a crash came while it was mended."""
        if copies[0].number >= self._segments.first_number:
            return self._own_records(copies[0])
        readable = [read for part in copies if (read := self._read(part))]
        if not readable:
            return []
        best = max(readable, key=lambda read: (read.whole, len(read.scan.records)))
        for read in readable:
            if read is best:
                continue
            if best.whole and read.part.hash is None and read.scan.records == best.scan.records:
                self._remove(read.part)  # the crash came after it was sealed, and nothing is in it alone
            else:
                self._put_aside(read.part, "A damaged copy of a part of {name} was set aside")
        if not best.whole:
            self._mend(best)
        return best.scan.records

    def _own_records(self, part: Part) -> list[Record]:
        """A segment of this opening: up to what was appended without an error."""
        data = self._segments.appended(part.path, read_part(self._drive, part).data)
        return log.scan(data, part.salt).records

    def _read(self, part: Part) -> Read | None:
        try:
            return read_part(self._drive, part)
        except OSError as error:
            self._tell("A part of {name} cannot be read", f"({explain(error)})", part.path)
            return None

    # Mending

    def _mend(self, read: Read) -> None:
        """Seal, cut or set aside an earlier opening's segment, as it needs."""
        part, holes = read.part, read.scan.holes
        if part.hash is None and not holes:
            self._seal(part, read.data)
        elif part.hash is None and len(holes) == 1 and holes[0][1] == len(read.data):
            self._cut_tail(part, read.data, holes[0][0])
        else:
            self._set_aside(read)

    def _seal(self, part: Part, data: bytes) -> None:
        """Let a sealed copy take the place of what a crash left; now, or at the next flush if the disk refuses."""
        sealed = part.path.with_name(sealed_name(part.number, part.salt, data))
        self._segments.to_seal[part.path] = sealed, data
        self._segments.sizes[part.number] = len(data)
        with contextlib.suppress(OSError):
            self._segments.seal_left(part.path)

    def _write_sealed(self, part: Part, data: bytes) -> Path:
        path = part.path.with_name(sealed_name(part.number, part.salt, data))
        self._drive.write_file(path, data)
        self._drive.flush_folder(self._folder)
        self._segments.sizes[part.number] = len(data)
        return path

    def _remove(self, part: Part) -> None:
        with contextlib.suppress(OSError):
            self._drive.unlink(part.path)
            self._segments.left_unsealed.discard(part.path)

    def _cut_tail(self, part: Part, data: bytes, end: int) -> None:
        """End a segment at its last good record. What a crash left after it is kept aside.

        Zeros are what a file system leaves where it had noted a length and not yet the content; they tell nothing.
        """
        tail = data[end:]
        try:
            if tail.strip(b"\0"):
                aside = self._free_name(part.path.with_name(part.path.name + ".tail.damaged"))
                self._drive.write_file(aside, tail)
                self._tell(
                    "The last change to {name} was not completely written before a crash",
                    f"({len(tail):,} bytes, kept)",
                    aside,
                )
        except OSError as error:
            self._tell(
                "An incomplete end of {name} could not be moved aside", f"({explain(error)})", part.path
            )
        else:
            self._seal(part, data[:end])

    def _set_aside(self, read: Read) -> None:
        """Write what is readable of a damaged segment to a new file, then put the damaged one out of the way.

        In this order, so that a crash between leaves both rather than none; they have number and salt in common,
        by which `_load_segment` takes one of them.
        """
        part = read.part
        lost = sum(end - start for start, end in read.scan.holes)
        sentence = (
            f"{lost:,} bytes of a part of {{name}} are damaged; the rest was read, and the part set aside"
        )
        try:
            if read.scan.records:
                data = log.encode_header(part.salt, self._encoded_name)
                data += log.encode_frames(part.salt, read.scan.records)
                if part.path.name == sealed_name(part.number, part.salt, data):
                    # Only bytes that do not belong there: the mended file has the name that this one has now.
                    self._drive.write_file(
                        self._free_name(part.path.with_name(part.path.name + ".damaged")), read.data
                    )
                if self._write_sealed(part, data) == part.path:
                    self._tell(sentence, "", part.path)
                    return
            else:
                self._segments.sizes.pop(part.number, None)
        except OSError as error:
            self._tell(
                "A part of {name} is damaged and could not be repaired", f"({explain(error)})", part.path
            )
        else:
            self._put_aside(part, sentence)

    def _put_aside(self, part: Part, sentence: str) -> None:
        try:
            aside = put_aside(self._drive, part.path)
        except OSError as error:
            self._tell(sentence, f"(and could not be renamed: {explain(error)})", part.path)
        else:
            self._segments.left_unsealed.discard(part.path)
            self._tell(sentence, "", aside)

    def _free_name(self, path: Path) -> Path:
        return free_name(self._drive, path)


def put_aside(drive: Drive, path: Path) -> Path:
    """Give a damaged file a name under which it is never read, and return it."""
    aside = free_name(drive, path.with_name(path.name + ".damaged"))
    drive.rename(path, aside)
    return aside


def free_name(drive: Drive, path: Path) -> Path:
    """The path, or with a number if that exists: what was set aside is never written over."""
    candidate, count = path, 1
    while drive.exists(candidate):
        count += 1
        candidate = path.with_name(f"{path.name}.{count}")
    return candidate
