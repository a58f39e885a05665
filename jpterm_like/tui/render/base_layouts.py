"""Which Latin key lies under a letter of another keyboard layout.

A person who writes Russian presses ctrl and the key of `s`, and a terminal with the kitty protocol tells of ctrl+ы. Terminals that can,
tell the base key, too; for the others there is this table. The layouts are those that X11 and Windows call the standard of each
language. Where two layouts differ over a letter (Serbian and Russian do, over many), the one with more writers has it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_LATIN: Final = "qwertyuiop[] asdfghjkl;' zxcvbnm,."
_LAYOUTS: Final = (
    "йцукенгшщзхъ фывапролджэ ячсмитьбю",  # Russian
    "йцукенгшщзхї фівапролджє ячсмитьбю",  # Ukrainian
    "_ςερτυθιοπ__ ασδφγηξκλ__ ζχψωβνμ__",  # Greek
    "__קראטוןםפ__ שדגכעיחלךף_ זסבהנמצתץ",  # Hebrew
    "ضصثقفغعهخحجد شسيبلاتنمكط ئءؤر_ىةوز",  # Arabic
    "_____________شسی______کگ _________",  # Persian, where it differs from Arabic
    "ქწერტყუიოპ__ ასდფგჰჯკლ__ ზხცვბნმ__",  # Georgian
    "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ__ ㅁㄴㅇㄹㅎㅗㅓㅏㅣ__ ㅋㅌㅊㅍㅠㅜㅡ__",  # Korean
    "ๆไำพะัีรนยบล ฟหกดเ้่าสวง ผปแอิืทมใ",  # Thai
)
_BASE_KEYS: Final[dict[str, str]] = {
    letter: latin
    for layout in reversed(_LAYOUTS)
    for latin, letter in zip(_LATIN, layout, strict=True)
    if letter not in "_ "
} | {"ё": "`"}


def base_key(letter: str) -> str:
    """Return the Latin letter or sign on the key of `letter` (one code point), in the same case; `letter` itself if it is not known."""
    small = letter.lower()
    latin = _BASE_KEYS.get(small) or _BASE_KEYS.get(unicodedata.normalize("NFD", small)[:1])
    if latin is None:
        return letter
    return latin.upper() if letter != small else latin
