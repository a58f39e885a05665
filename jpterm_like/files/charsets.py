"""The character sets that plain files may be written in, and which one some bytes are in.

A file in UTF-8 costs nothing here: the rest is looked at only when its bytes are no UTF-8. Then the mark at its beginning decides,
or zeros where UTF-16 and UTF-32 have them, or `files.charset_guess`. Whatever is chosen decodes all of the bytes, strictly.
"""

from __future__ import annotations

import codecs
import unicodedata
from typing import Final, NamedTuple

UTF_8: Final = "utf-8"

_UTF_32: Final = ("utf-32-le", "utf-32-be")
_UTF_16: Final = ("utf-16-le", "utf-16-be")
WIDE: Final = frozenset((*_UTF_16, *_UTF_32))
"""The charsets in which a line feed is more than one byte."""

TITLES: Final = {
    UTF_8: "UTF-8",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "utf-32-le": "UTF-32 LE",
    "utf-32-be": "UTF-32 BE",
    "iso8859-1": "Latin-1",
    "cp1252": "Windows-1252",
    "iso8859-15": "Latin-9",
    "cp1250": "Windows-1250",
    "iso8859-2": "Latin-2",
    "cp1257": "Windows-1257",
    "cp1251": "Windows-1251",
    "koi8-r": "KOI8-R",
    "koi8-u": "KOI8-U",
    "iso8859-5": "ISO-8859-5",
    "cp866": "DOS-866",
    "cp1253": "Windows-1253",
    "iso8859-7": "ISO-8859-7",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1258": "Windows-1258",
    "cp874": "Windows-874",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "gb18030": "GB18030",
    "cp950": "Big5",
    "cp949": "EUC-KR",
    "cp437": "DOS-437",
    "cp850": "DOS-850",
    "mac_roman": "Mac Roman",
}
"""The charsets by their names in Python, with the names that people know, in the order of the list to choose from."""

REGIONS: Final = {
    "iso8859-1": "Western Europe", "cp1252": "Western Europe", "iso8859-15": "Western Europe, with €",
    "cp1250": "Central Europe", "iso8859-2": "Central Europe", "cp1257": "Baltic", "cp1251": "Cyrillic",
    "koi8-r": "Russian", "koi8-u": "Ukrainian", "iso8859-5": "Cyrillic", "cp866": "Cyrillic", "cp1253": "Greek",
    "iso8859-7": "Greek", "cp1254": "Turkish", "cp1255": "Hebrew", "cp1256": "Arabic", "cp1258": "Vietnamese",
    "cp874": "Thai", "cp932": "Japanese", "euc_jp": "Japanese", "iso2022_jp": "Japanese", "gb18030": "Chinese",
    "cp950": "Chinese, traditional", "cp949": "Korean", "cp437": "DOS", "cp850": "Western Europe, DOS",
    "mac_roman": "old Macs",
}  # fmt: skip
"""What the charsets other than those of Unicode are for."""

_SAME: Final = {
    "shift_jis": "cp932", "shift_jisx0213": "cp932", "shift_jis_2004": "cp932", "gbk": "gb18030", "gb2312": "gb18030",
    "euc_kr": "cp949", "big5": "cp950", "ascii": UTF_8, "utf-16": "utf-16-le", "utf-32": "utf-32-le",
    "utf-8-sig": UTF_8, "tis-620": "cp874", "iso8859-9": "cp1254",
}  # fmt: skip
"""Charsets of Python that are contained in one of ours, or are one of ours with a mark."""

_MARKS: Final = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
BINARY: Final = bytes(set(range(32)) - set(b"\b\t\n\v\f\r\x1b"))
"""Bytes that a text does not have, unless it is in UTF-8 (where they are shown) or in a charset of several bytes."""
_WIDE_SAMPLE: Final = 1 << 16
"""How many characters are looked at to tell UTF-16 without a mark from something else."""


class Known(NamedTuple):
    """What is known of a file from the last time that it was read or written."""

    raw: bytes = b""
    """Its bytes then."""
    charset: str = UTF_8
    """What they were in."""
    is_chosen: bool = False
    """Whether a person chose that, so that nothing is guessed."""
    cells: tuple[str, ...] | None = None
    """The ids of its cells in the text, in order; None if it is no notebook that is edited by cell."""
    is_text: bool = False
    """Whether it is edited as text, whatever its name is."""


UNKNOWN: Final = Known()
"""Nothing is known."""


def find_codec(name: str) -> str | None:
    """Return our name for a charset as a person or a peer names it ("latin1", "Windows-1252", "sjis"); None if there is none."""
    wanted = "".join(name.casefold().split()).replace("-", "").replace("_", "")
    for codec, title in TITLES.items():
        if wanted == "".join(title.casefold().split()).replace("-", ""):
            return codec
    try:
        found = codecs.lookup(name.strip().replace(" ", "-").replace("Windows-", "cp")).name
    except (LookupError, UnicodeError, ValueError):
        return None
    found = _SAME.get(found, found)
    return next((codec for codec in TITLES if codecs.lookup(codec).name == codecs.lookup(found).name), None)


def marked_charset(raw: bytes) -> str | None:
    """The charset whose byte order mark the bytes begin with."""
    return next((charset for mark, charset in _MARKS if raw.startswith(mark)), None)


def charset_of(raw: bytes, known: Known = UNKNOWN) -> str | None:
    """Return the charset in which these bytes are text; None if they are no text in any.

    A charset that a person chose stays for as long as it fits. One that was guessed stays, too, unless the bytes have become UTF-8.
    """
    if raw == known.raw or (known.is_chosen and decodes(raw, known.charset)):
        return known.charset
    if (marked := marked_charset(raw)) is not None and (marked in WIDE or decodes(raw, marked)):
        return marked if decodes(raw, marked) else None
    stays = known.charset != UTF_8 and decodes(raw, known.charset)
    if decodes(raw, UTF_8) and (not stays or not raw.isascii() or known.charset in WIDE):
        return UTF_8
    if stays and (known.charset in WIDE) == (b"\0" in raw):
        return known.charset
    if b"\0" in raw:
        return next((wide for wide in (*_UTF_32, *_UTF_16) if _is_surely(raw, wide)), None)
    if _is_binary(raw) or is_settled(known):
        return None
    from jpterm_like.files.charset_guess import guesses  # few files need it

    return next((charset for charset in guesses(raw) if decodes(raw, charset)), None)


def may_be_text(start: bytes) -> bool:
    """Whether a file that begins so may be text in a charset that is not UTF-8. Guesses nothing, so it is quick."""
    if marked_charset(start) in WIDE:
        return True
    if b"\0" in start:
        end = len(start) // 4 * 4
        return any(charset_of(start[: end - cut]) for cut in (0, 2))  # a character of UTF-16 may be cut
    return not _is_binary(start)


def is_settled(known: Known) -> bool:
    """Whether a file is known to be UTF-8. If it is not any more, it may be half written or broken, and nothing is guessed."""
    return bool(known.raw) and known.charset == UTF_8


def decodes(raw: bytes, charset: str) -> bool:
    """Whether all of these bytes are text in a charset."""
    if charset not in WIDE and b"\0" in raw:
        return False
    try:
        text = raw.decode(charset)
    except UnicodeDecodeError:
        return False
    return charset not in WIDE or "\0" not in text


def _is_surely(raw: bytes, charset: str) -> bool:
    """Whether bytes with zeros in them are text in a charset of several bytes: its characters are all in use, and some are a
    line feed or a space."""
    if not decodes(raw, charset):
        return False
    sample = raw.decode(charset)[:_WIDE_SAMPLE]
    if not any(sign in sample for sign in "\n ") or _is_binary(sample.encode("latin-1", "ignore")):
        return False
    return not any(unicodedata.category(sign) in ("Cn", "Co", "Cs") for sign in set(sample))


def _is_binary(raw: bytes) -> bool:
    return len(raw.translate(None, BINARY)) < len(raw)
