"""Guess the charset of a text that is no Unicode, from the letters that languages have. Bytes in, names out.

Each candidate is a charset with the letters of one language. The bytes are decoded, and the characters beyond ASCII are
judged one by one: a letter of the language where a letter may stand, a sign where a sign may stand, or something that nobody writes.
The candidate that explains most of them is the guess. For charsets of several bytes the common characters, which these standards
list first ("level 1"), take the place of the letters.

Rejected: charset-normalizer. It takes German, English and French for Windows-1250, in which ñ cannot be saved, and short
Russian for Big5; it loads 50 ms of code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

SAMPLE_BYTES: Final = 1 << 13
"""How much is judged, in some 0.05 s: the lines with bytes beyond ASCII, from the beginning."""
GLANCE_BYTES: Final = 1 << 9
"""How much every candidate is judged by; the whole sample only by those that are near the best one then."""
FAR: Final = 0.4
"""The distance of shares from which a candidate is given up."""
SURE: Final = 0.7
"""The share that a candidate has to explain."""


class _Language(NamedTuple):
    letters: str
    """Letters beyond ASCII, lower case."""
    common: str = ""
    """Those that are half of a usual text; for alphabets that are not Latin."""


_WEST: Final = (
    _Language("äöüß"), _Language("àâæçéèêëîïôœùûü"), _Language("áéíóúüñç"), _Language("ãõáâàéêíóôúüç"),
    _Language("åäöæøéü"), _Language("àèéìíòóùú"), _Language("áðéíóúýþæö"), _Language("ëïéèöüáó"), _Language("àéèíïóòúüç"),
)  # fmt: skip
"""German, French, Spanish, Portuguese, Scandinavian, Italian, Icelandic, Dutch, Catalan."""
_MIDDLE: Final = (
    _Language("ąćęłńóśźż"), _Language("áčďéěíňóřšťúůýž"), _Language("áéíóöőúüű"), _Language("áäčďéíĺľňóôŕšťúýž"),
    _Language("čćđšž"), _Language("ăâîşţ"),
)  # fmt: skip
"""Polish, Czech, Hungarian, Slovak, Croatian, Romanian."""
_RUSSIAN: Final = _Language("абвгдежзийклмнопрстуфхцчшщъыьэюяё", "оеаинтсрвл")
_UKRAINIAN: Final = _Language("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "оаинтірвес")
_GREEK: Final = _Language("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ", "αοιετσνηυρ")

_LANGUAGES: Final = (
    ("iso8859-1", _WEST), ("cp1252", _WEST),
    ("cp1250", _MIDDLE), ("iso8859-2", _MIDDLE),
    ("cp1254", (_Language("çğıöşüâîûi̇"),)),
    ("cp1257", (_Language("ąčęėįšųūž"), _Language("āčēģīķļņšūž"), _Language("äõöüšž"))),
    ("cp1251", (_RUSSIAN, _UKRAINIAN, _Language("абвгдежзийклмнопрстуфхцчшщъьюя", "аеиотнрсвд"))),
    ("koi8-r", (_RUSSIAN,)), ("koi8-u", (_UKRAINIAN,)),
    ("cp866", (_RUSSIAN,)), ("iso8859-5", (_RUSSIAN, _UKRAINIAN)),
    ("cp1253", (_GREEK,)), ("iso8859-7", (_GREEK,)),
    ("cp1255", (_Language("אבגדהוזחטיךכלםמןנסעףפץצקרשת", "יוהלאמרבתם"),)),
    ("cp1256", (_Language("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ", "اليمونرتبة"),)),
    ("cp874", (_Language("".join(map(chr, (*range(0xE01, 0xE3B), *range(0xE40, 0xE4F)))), "านรอกเงยมลวดทส"),)),
    ("cp850", _WEST), ("mac_roman", _WEST),
)  # fmt: skip
"""The candidates of one byte a character; of equals the first counts."""

_QUOTES: Final = "«»“”„‘’‚‹›"
_SIGNS: Final = "–—…•©®°§€£·№¿¡\xa0¢¥±²³µ¶ªº×÷½¼¾™†‡"
_WORD: Final = re.compile(r"[^\W\d_]")


def guesses(raw: bytes) -> Iterator[str]:
    """Yield charsets that the bytes may be in, the likeliest first; the last one decodes everything."""
    sample = _sample(raw)
    candidates: list[tuple[str, Callable[[bytes], float]]] = [
        (charset, partial(_one_byte, charset=charset, language=language))
        for charset, languages in _LANGUAGES
        for language in languages
    ]
    candidates += [(charset, partial(_several_bytes, way=way)) for charset, way in _SEVERAL]
    if len(sample) > GLANCE_BYTES:
        shares = [judge(sample[:GLANCE_BYTES]) for _, judge in candidates]
        candidates = [it for it, share in zip(candidates, shares, strict=True) if share > max(shares) - FAR]
    found = [(judge(sample), charset) for charset, judge in candidates]
    for share, charset in sorted(found, key=lambda it: -it[0]):
        if share >= SURE:
            yield charset
    yield "iso8859-1" if not re.search(rb"[\x80-\x9f]", raw) else "cp1252"
    yield "iso8859-1"


def _sample(raw: bytes) -> bytes:
    """The lines that are not all ASCII."""
    if len(raw) <= SAMPLE_BYTES:
        return raw
    lines: list[bytes] = []
    size = 0
    for line in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", raw):
        lines.append(line[0])
        size += len(line[0])
        if size > SAMPLE_BYTES:
            break
    return b"".join(lines)[:SAMPLE_BYTES]


def _one_byte(sample: bytes, charset: str, language: _Language) -> float:
    """The share of the characters beyond ASCII that a language in a charset explains, less what contradicts it."""
    if charset == "iso8859-1" and re.search(rb"[\x80-\x9f]", sample):
        return 0.0  # nobody uses these controls; Windows-1252 has quotes there
    text = sample.decode(charset, "replace")
    letters, common = frozenset(language.letters), frozenset(language.common)
    count = total = 0.0
    before = " "
    for at, sign in enumerate(text):
        if sign < "\x80":
            before = sign
            continue
        after = text[at + 1] if at + 1 < len(text) else " "
        count += 1
        total += _worth(before, sign, after, letters, common)
        before = sign
    return total / count if count else 0.0


def _worth(before: str, sign: str, after: str, letters: frozenset[str], common: frozenset[str]) -> float:
    """From 1, a letter of the language in its place, to -2, something that contradicts it."""
    small = sign.lower()
    if small in letters:
        if common:  # another alphabet: its words have no Latin letters, and are half of its commonest ones
            if _is_latin(before) or _is_latin(after):
                return -1.0
            worth = 1.0 if small in common else 0.85
        else:
            worth = 1.0 if _is_latin(before) or _is_latin(after) else 0.7
        if sign != small:
            if before.islower():
                return -1.0  # "aB" is no word
            worth -= 0.1
        return worth
    if sign in _QUOTES:
        # A quotation mark or an apostrophe touches a word at one side, an apostrophe at both.
        return 0.6 if not (_WORD.match(before) and _WORD.match(after)) or sign == "’" else -1.0
    if sign in _SIGNS:
        return 0.6 if not _WORD.match(before) or not _WORD.match(after) or sign in "–—…" else -1.0
    return -2.0 if sign == "\ufffd" or not sign.isprintable() else -1.0 if not sign.isalpha() else -0.5


def _is_latin(sign: str) -> bool:
    return sign.isalpha() and sign < "\u0250"


HANGUL_MIN: Final = 8
"""As many characters that are all Korean syllables are not Chinese by chance."""
_HANGUL: Final = (0xB0A1, 0xC8FE)
_DOUBLE: Final = rb"([\x81-\xfe][\x40-\x7e\x80-\xfe])"


class _Several(NamedTuple):
    pattern: re.Pattern[bytes]
    """How it is cut into characters; those of two bytes are its group."""
    common: tuple[int, int]
    """The common characters, which the standards list first."""
    kana: tuple[tuple[int, int], ...] = ()
    """Syllables that only this one's language has."""


_CUT: Final = re.compile(_DOUBLE + rb"|[\x80-\xff]")
_CUT_932: Final = re.compile(rb"([\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc])|[\x80-\xff]")
_SEVERAL: Final = (
    ("cp932", _Several(_CUT_932, (0x889F, 0x9872), ((0x829F, 0x82F1), (0x8340, 0x8396)))),
    ("gb18030", _Several(_CUT, (0xB0A1, 0xD7F9))),
    ("cp950", _Several(_CUT, (0xA440, 0xC67E))),
    ("euc_jp", _Several(_CUT, (0xB0A1, 0xCFD3), ((0xA4A1, 0xA4F3), (0xA5A1, 0xA5F6)))),
    ("cp949", _Several(_CUT, _HANGUL)),
)
"""Charsets of two bytes a character."""


def _several_bytes(sample: bytes, way: _Several) -> float:
    """The share of the characters beyond ASCII that are common ones of a charset."""
    pattern, common, kana = way
    count = good = syllables = 0
    for match in pattern.finditer(sample):
        count += 1
        if match[1] is None:
            continue
        code = int.from_bytes(match[1], "big")
        low = code & 0xFF
        if any(first <= code <= last for first, last in kana):
            syllables += 1
        elif common[0] <= code <= common[1] and (
            common[0] & 0xFF == 0x40 or common[0] == 0x889F or low >= 0xA1
        ):
            good += 1
        elif code >> 8 in (0x81, 0xA1, 0xA3):
            good += 1  # punctuation and wide letters
    if not count:
        return 0.0
    share = (good + syllables) / count
    if syllables:
        return share + 0.05  # nobody else writes kana
    if common == _HANGUL and count >= HANGUL_MIN and share > 0.95:
        return share + 0.03  # Chinese has half of its characters behind these
    return share - 0.02 if kana else share
