"""Convert the bytes of a plain file to the buffer's text and back. Knows no files: bytes in, text out.

The buffer has line feeds only and no byte order mark; the file's own line ends and mark are restored on writing
(F7, F28). Bytes that `decode_plain` accepts come back unchanged from `encode_plain` unless the text was edited.

A line ends with "\\r\\n", "\\r" or "\\n", and with nothing else: form feeds, U+0085 and U+2028 are characters in a line.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from jpterm_like.errors import JptermError

BOM: Final = b"\xef\xbb\xbf"
"""The byte order mark in UTF-8."""

_ENDS: Final = re.compile(r"\r\n|\r|\n")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class NotPlain(JptermError):
    """These bytes are not text in UTF-8."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"This {reason}.")
        self.reason = reason
        """The sentence without its subject and its full stop: "looks binary …"."""
        self.offset = offset
        """Offset in bytes of the first byte that is not text."""


def decode_plain(raw: bytes) -> str:
    """Decode the bytes of a plain file into the buffer's text.

    Raises:
        NotPlain: the bytes are not UTF-8, or contain a NUL, as binary files do and texts do not.
    """
    if raw.startswith(_UTF16):
        raise NotPlain("looks like UTF-16; convert it to UTF-8 first, for example with iconv", 0)
    if (nul := raw.find(b"\0")) >= 0:
        raise NotPlain(f"looks binary: byte {nul:,} is zero, and only text can be edited", nul)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8: byte {error.start:,} fits nothing; convert it first, for example with iconv"
        raise NotPlain(reason, error.start) from None
    return normalize_line_ends(text.removeprefix("\ufeff"))


class Form(NamedTuple):
    """Byte order mark and line ends of a plain file."""

    bom: bool
    """Whether the file begins with a byte order mark."""
    ends: tuple[str, ...]
    """The line ends in the file, the most frequent first; empty for a single line."""


def form_of(raw: bytes) -> Form:
    """Byte order mark and line ends of a plain file, or of its beginning."""
    crlf = raw.count(b"\r\n")
    counts = {"\n": raw.count(b"\n") - crlf, "\r\n": crlf, "\r": raw.count(b"\r") - crlf}
    ends = sorted((end for end in counts if counts[end]), key=lambda end: -counts[end])
    return Form(raw.startswith(BOM), tuple(ends))


def convert_form(raw: bytes, *, bom: bool, end: str) -> bytes:
    """Convert the bytes of a plain file to another form, with one line end everywhere.

    Raises:
        NotPlain: as for `decode_plain`.
    """
    text = decode_plain(raw)
    mark = BOM if bom or text.startswith("\ufeff") else b""
    return mark + text.replace("\n", end).encode("utf-8")


def normalize_line_ends(text: str) -> str:
    """Replace every line end by a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def encode_plain(text: str, base: bytes) -> bytes:
    """Encode a buffer's text with the byte order mark and the line ends of `base`.

    `base` holds the bytes that were last read or written; empty for a new file. If its lines end in different ways,
    unchanged lines keep their end, a line that replaces another takes its end, and new lines get the most frequent one.

    Characters that the file cannot hold become U+FFFD: lone surrogates, which are not UTF-8, and NUL, with which the file
    could not be opened again.
    """
    text = _writable(normalize_line_ends(text))
    try:
        if decode_plain(base) == text:
            return base
    except NotPlain:
        base = b""  # not written by us, so its line ends mean nothing
    # A text that itself begins with U+FEFF needs another one before it, or reading would remove it.
    bom = BOM if base.startswith(BOM) or text.startswith("\ufeff") else b""
    crlf = base.count(b"\r\n")
    ends = {"\n": base.count(b"\n") - crlf, "\r\n": crlf, "\r": base.count(b"\r") - crlf}
    kinds = [end for end, count in ends.items() if count]
    if len(kinds) > 1:
        text = _with_mixed_ends(text, base.removeprefix(BOM).decode("utf-8"))
    elif kinds and kinds[0] != "\n":
        text = text.replace("\n", kinds[0])
    return bom + text.encode("utf-8")


def _writable(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return text


def _with_mixed_ends(text: str, base: str) -> str:
    """The text, with the line end of each line taken from the base."""
    from jpterm_like.textdiff.matching import matching  # loaded here because few files need it

    base_ends = _ENDS.findall(base)
    base_lines, lines = _ENDS.split(base), text.split("\n")
    usual = Counter(base_ends).most_common(1)[0][0]
    ends = [usual] * (len(lines) - 1)
    base_at = at = 0
    for base_start, start, size in [*matching(base_lines, lines), (len(base_lines), len(lines), 0)]:
        # Lines that replace others, then equal lines.
        replaced = min(base_start - base_at, start - at)
        for count, base_first, first in ((replaced, base_at, at), (size, base_start, start)):
            for step in range(count):
                if base_first + step < len(base_ends) and first + step < len(ends):
                    ends[first + step] = base_ends[base_first + step]
        base_at, at = base_start + size, start + size
    return "".join(part for pair in zip(lines, [*ends, ""], strict=True) for part in pair)
