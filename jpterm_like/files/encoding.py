"""Convert the bytes of a plain file to the buffer's text and back. Knows no files: bytes in, text out.

The buffer has line feeds only and no byte order mark; the file's own charset, line ends and mark are restored on writing
(F7, F28). Bytes that `decode_plain` accepts come back unchanged from `encode_plain` unless the text was edited; then the lines that
were not edited keep theirs. `files.charsets` tells which charset bytes are in.

A line ends with "\\r\\n", "\\r" or "\\n", and with nothing else: form feeds, U+0085 and U+2028 are characters in a line.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import TITLES, UNKNOWN, UTF_8, WIDE, Known, charset_of, decodes, is_settled

BOM: Final = b"\xef\xbb\xbf"
"""The byte order mark in UTF-8."""
MARK: Final = "\ufeff"
"""The byte order mark as a character."""

_ENDS: Final = re.compile(r"\r\n|\r|\n")
_SEVERAL_FORMS: Final = frozenset(("cp932", "cp949", "cp950", "euc_jp", "iso2022_jp", "gb18030"))
"""Charsets in which some characters have more than one form in bytes."""


class NotPlain(JptermError):
    """These bytes are not text."""

    def __init__(self, reason: str, offset: int, *, is_binary: bool = True) -> None:
        super().__init__(f"This {reason}.")
        self.is_binary = is_binary
        """Whether they are no text in any charset."""
        self.reason = reason
        """The sentence without its subject and its full stop: "is a binary file …"."""
        self.offset = offset
        """Offset in bytes of the first byte that is not text."""


class NotInCharset(JptermError):
    """A text has a character that a charset lacks."""

    def __init__(self, charset: str, sign: str, line: int) -> None:
        shown = f"“{sign}” (U+{ord(sign):04X})" if sign.isprintable() else f"U+{ord(sign):04X}"
        super().__init__(f"{TITLES[charset]} has no {shown}, which is in line {line:,}")
        self.line = line
        """Where the first one is, from 1."""


def decode_plain(raw: bytes, charset: str = UTF_8) -> str:
    """Decode the bytes of a plain file into the buffer's text.

    Raises:
        NotPlain: the bytes are not text in this charset, or contain a NUL, as binary files do and texts do not.
    """
    return normalize_line_ends(_decode(raw, charset).removeprefix(MARK))


def text_in(state: Known) -> str:
    """The text of a state of a plain file that was read, or written, before.

    Raises:
        NotPlain: it is none.
    """
    if state.cells is None:
        return decode_plain(state.raw, state.charset)
    from jpterm_like.files.notebook_file import cells_text  # few files need it

    return cells_text(state)


def _decode(raw: bytes, charset: str) -> str:
    if charset not in WIDE and (nul := raw.find(b"\0")) >= 0:
        raise NotPlain(f"is a binary file (byte {nul:,} is zero)", nul)
    try:
        text = raw.decode(charset)
    except UnicodeDecodeError as error:
        reason = f"is not {TITLES[charset]}: byte {error.start:,} fits nothing"
        raise NotPlain(reason, error.start, is_binary=False) from None
    if charset in WIDE and "\0" in text:
        raise NotPlain("is a binary file (it has characters that are zero)", 0)
    return text


def detect_charset(raw: bytes, known: Known = UNKNOWN) -> str:
    """Return the charset of the bytes of a plain file.

    Raises:
        NotPlain: they are not text.
    """
    charset = charset_of(raw, known)
    if charset is None:
        if b"\0" in raw or is_settled(known):
            _decode(raw, UTF_8)
        raise NotPlain("is a binary file, or its encoding is not known", 0)
    return charset


class Form(NamedTuple):
    """Byte order mark, line ends and charset of a plain file."""

    bom: bool
    """Whether the file begins with a byte order mark."""
    ends: tuple[str, ...]
    """The line ends in the file, the most frequent first; empty for a single line."""
    charset: str = UTF_8

    def __str__(self) -> str:
        """For people: "UTF-8 BOM, CRLF"."""
        ends = "mixed line ends" if len(self.ends) > 1 else END_TITLES.get("".join(self.ends) or "\n", "")
        return f"{TITLES.get(self.charset, self.charset)}{' BOM' if self.bom else ''}, {ends}"


END_TITLES: Final = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}
"""The line ends as people call them."""


def form_of(raw: bytes, charset: str = UTF_8) -> Form:
    """The form of a plain file, from its bytes."""
    if charset not in WIDE:  # then line ends are the same bytes in all of them
        return Form(raw.startswith(BOM) and charset == UTF_8, _ends_of(raw), charset)
    text = raw.decode(charset, "replace")
    return Form(text.startswith(MARK), _ends_of(text.encode("utf-8", "replace")), charset)


def _ends_of(raw: bytes) -> tuple[str, ...]:
    crlf = raw.count(b"\r\n")
    counts = {"\n": raw.count(b"\n") - crlf, "\r\n": crlf, "\r": raw.count(b"\r") - crlf}
    return tuple(sorted((end for end in counts if counts[end]), key=lambda end: -counts[end]))


def encode_as(text: str, charset: str, *, bom: bool, end: str) -> bytes:
    """Encode a buffer's text in a form, with one line end everywhere.

    Raises:
        NotInCharset: it has a character that the charset lacks.
    """
    text = _writable(normalize_line_ends(text))
    mark = MARK if text.startswith(MARK) or (bom and can_have_mark(charset)) else ""
    return _encode(mark + text.replace("\n", end), charset)


def can_have_mark(charset: str) -> bool:
    """Whether texts in this charset may begin with a byte order mark."""
    return charset == UTF_8 or charset in WIDE


def normalize_line_ends(text: str) -> str:
    """Replace every line end by a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def encode_plain(text: str, base: bytes, charset: str = UTF_8) -> bytes:
    """Encode a buffer's text with the byte order mark and the line ends of `base`, in the charset of it.

    `base` holds the bytes that were last read or written; empty for a new file. If its lines end in different ways,
    unchanged lines keep their end, a line that replaces another takes its end, and new lines get the most frequent one.

    Characters that no file can hold become U+FFFD: lone surrogates, which are not UTF-8, and NUL, with which the file
    could not be opened again.

    Raises:
        NotInCharset: the text has a character that the charset lacks.
    """
    text = _writable(normalize_line_ends(text))
    try:
        old = _decode(base, charset)
    except NotPlain:
        base, old = b"", ""  # not written by us, so its line ends mean nothing
    held = old.removeprefix(MARK)
    if normalize_line_ends(held) == text:
        return base
    # A text that itself begins with U+FEFF needs another one before it, or reading would remove it.
    mark = MARK if old.startswith(MARK) or text.startswith(MARK) else ""
    crlf = old.count("\r\n")
    ends = {"\n": old.count("\n") - crlf, "\r\n": crlf, "\r": old.count("\r") - crlf}
    kinds = [end for end, count in ends.items() if count]
    if len(kinds) > 1:
        text = _with_mixed_ends(text, held)
    elif kinds and kinds[0] != "\n":
        text = text.replace("\n", kinds[0])
    raw = _encode(mark + text, charset)
    if charset in _SEVERAL_FORMS and base and old.encode(charset) != base:
        return _with_kept_bytes(base, old, raw, charset)
    return raw


def _encode(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        line = len(_ENDS.findall(text, 0, error.start)) + 1
        raise NotInCharset(charset, text[error.start], line) from None


def _writable(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return text


def _with_kept_bytes(base: bytes, old: str, raw: bytes, charset: str) -> bytes:
    """The encoded text, with the bytes of the base in lines that it has, too, whatever form its characters have there."""
    from jpterm_like.textdiff.matching import matching

    text = raw.decode(charset)
    base_lines, lines = base.split(b"\n"), raw.split(b"\n")
    old_lines, new_lines = old.split("\n"), text.split("\n")
    if len(base_lines) == len(old_lines) and len(lines) == len(new_lines):
        for base_start, start, size in matching(old_lines, new_lines):
            lines[start : start + size] = base_lines[base_start : base_start + size]
    kept = b"\n".join(lines)
    return kept if decodes(kept, charset) and kept.decode(charset) == text else raw


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
