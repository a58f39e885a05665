"""Which charset bytes are in, and bytes that stay as they are in each of them."""

from __future__ import annotations

import codecs
import random

import pytest

from jpterm_like.files.charsets import TITLES, UTF_8, WIDE, Known, charset_of, find_codec, may_be_text
from jpterm_like.files.encoding import (
    NotInCharset,
    NotPlain,
    decode_plain,
    detect_charset,
    encode_as,
    encode_plain,
    form_of,
)

TEXTS = {
    "German": (
        "Grüße aus München, schöne Straßen.\nÜbermorgen fährt er nach Köln.\n",
        "iso8859-1 cp1252 cp850",
    ),
    "French": ("L'été dernier, nous étions à la plage.\nGarçon, où est l'hôtel ?\n", "iso8859-1 mac_roman"),
    "Spanish": ("El niño comió una manzana mañana. ¿Cómo está? ¡Qué día!\n", "iso8859-1"),
    "Portuguese": ("A ação não é tão fácil; coração e maçã, você também.\n", "iso8859-1"),
    "Swedish": ("Räksmörgås på ön är en älskad rätt för många.\n", "iso8859-1"),
    "quotes": ("It’s “quoted” text – with dashes… and a café.\n", "cp1252"),
    "one letter": ("café\n", "iso8859-1"),
    "a comment": ("/* Copyright © 2003 Jürgen Müller */\nint main(void) { return 0; }\n", "iso8859-1"),
    "Russian": (
        "Привет, мир! Это обычный русский текст.\nВсё будет хорошо.\n",
        "cp1251 koi8-r cp866 iso8859-5",
    ),
    "a Russian word": ("Привет\n", "cp1251 koi8-r"),
    "Russian code": ("# Функция считает сумму\ndef f(x): return x  # возвращает\n", "cp1251 koi8-r"),
    "Ukrainian": ("Привіт, світе! Це звичайний український текст, їжак.\n", "cp1251"),
    "Polish": ("Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni.\n", "cp1250 iso8859-2"),
    "Czech": ("Příliš žluťoučký kůň úpěl ďábelské ódy.\n", "cp1250 iso8859-2"),
    "Lithuanian": ("Visi žmonės gimsta laisvi ir lygūs. Ačiū, ąžuolas.\n", "cp1257"),
    "Greek": ("Γειά σου Κόσμε! Όλοι οι άνθρωποι γεννιούνται ελεύθεροι.\n", "cp1253"),
    "Turkish": ("Bütün insanlar hür, eşit doğarlar. Iğdır şişe çağ.\n", "cp1254"),
    "Hebrew": ("שלום עולם. כל בני האדם נולדו בני חורין.\n", "cp1255"),
    "Arabic": ("مرحبا بالعالم. يولد جميع الناس أحرارا متساوين.\n", "cp1256"),
    "Thai": ("สวัสดีชาวโลก มนุษย์ทั้งหลายเกิดมามีอิสระ\n", "cp874"),
    "Japanese": ("こんにちは世界。これは日本語のテキストです。\n", "cp932 euc_jp"),
    "Chinese": ("你好,世界。这是一个用于测试编码的简体中文文本。\n", "gb18030"),
    "traditional Chinese": ("你好,世界。這是一個用於測試編碼的繁體中文文本。\n", "cp950"),
    "Korean": ("안녕하세요 세계. 이것은 인코딩을 시험하기 위한 한국어입니다.\n", "cp949"),
    "English": ("Hello, world\nline two\n", "utf-16-le utf-16-be utf-32-le utf-32-be"),
    "wide Russian": ("Привет, мир! Это обычный текст.\n", "utf-16-le utf-16-be"),
    "wide Japanese": ("こんにちは世界。これは日本語です。\n", "utf-16-le utf-16-be"),
}
CASES = [(name, charset) for name, (_, charsets) in TEXTS.items() for charset in charsets.split()]


@pytest.mark.parametrize(("name", "charset"), CASES)
def test_the_charset_of_a_text_is_found(name: str, charset: str) -> None:
    text = TEXTS[name][0]
    raw = text.encode(charset)
    found = detect_charset(raw)
    assert decode_plain(raw, found) == text, f"taken for {found}"
    assert encode_plain(text, raw, found) == raw
    assert encode_plain(text + "end\n", raw, found) == raw + "end\n".encode(charset)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", UTF_8])
def test_a_mark_decides_and_stays(charset: str) -> None:
    raw = "\ufeffeins\r\nzwei\r\n".encode(charset)
    assert detect_charset(raw) == charset and decode_plain(raw, charset) == "eins\nzwei\n"
    assert form_of(raw, charset) == (True, ("\r\n",), charset)
    assert encode_plain("eins\ndrei\n", raw, charset) == "\ufeffeins\r\ndrei\r\n".encode(charset)


@pytest.mark.parametrize("charset", sorted(set(TITLES) - {UTF_8}))
def test_every_charset_keeps_line_ends_and_bytes(charset: str) -> None:
    """Whatever ends its lines, in whatever mixture, is there again, and so are the lines that nobody edited."""
    raw = "one\r\ntwo\nthree\r\nfour".encode(charset)
    text = decode_plain(raw, charset)
    assert text == "one\ntwo\nthree\nfour" and encode_plain(text, raw, charset) == raw
    assert encode_plain("one\ntwo\nX\nfour", raw, charset) == "one\r\ntwo\nX\r\nfour".encode(charset)
    assert encode_as(text, charset, bom=False, end="\r\n") == "one\r\ntwo\r\nthree\r\nfour".encode(charset)


def test_characters_with_two_forms_keep_theirs_in_lines_that_stay() -> None:
    """Shift-JIS has some signs of NEC and IBM twice; decoding and encoding makes one of them."""
    raw = b"\xee\xf9 one\r\n\x81\xca two\r\n\xfa\x54 three\r\n"
    text = decode_plain(raw, "cp932")
    assert text.encode("cp932") != raw.replace(b"\r\n", b"\n"), "else this tests nothing"
    assert encode_plain(text, raw, "cp932") == raw
    assert encode_plain(text.replace("two", "2"), raw, "cp932") == raw.replace(b"two", b"2")
    assert encode_plain("new\n" + text, raw, "cp932") == b"new\r\n" + raw


@pytest.mark.parametrize(
    "raw",
    [
        b"\x7fELF\0\0\1\2",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\0\1\0\2\0\3",
        b"ab\0cd\xff",
        b"\xff\xfea",
        b"\x1f\x8b\x08\x01\xe4\xf6",
        bytes(range(256)),
        b"a\0\0\0\x01\0\0\0\xff\xff\xff\x7f ",
    ],
)
def test_binary_files_stay_refused(raw: bytes) -> None:
    with pytest.raises(NotPlain, match=r"binary|is not"):
        detect_charset(raw)


def test_no_random_bytes_are_a_wide_text() -> None:
    chance = random.Random(5)
    wide = [charset_of(chance.randbytes(chance.randrange(16, 400, 2))) for _ in range(3000)]
    assert not WIDE & set(wide)


def test_a_guess_stays_until_the_file_is_utf_8_and_a_choice_until_it_fits_no_more() -> None:
    latin = "Grüße\n".encode("latin-1")
    guessed, chosen = Known(latin, "iso8859-1"), Known(latin, "cp1251", True)
    assert charset_of(b"plain\n", guessed) == "iso8859-1", "all is ASCII now, and ü may come back"
    assert charset_of("Grüße\n".encode(), guessed) == UTF_8, "another program converted it"
    assert charset_of("Grüße\n".encode(), chosen) == "cp1251"
    assert charset_of(latin, Known(b"", "cp932", True)) == "iso8859-1"
    assert charset_of("中".encode("gb18030"), Known("中".encode("gb18030"), "gb18030")) == "gb18030"
    assert charset_of(b"plain\n", Known(b"p\0", "utf-16-le")) == UTF_8
    assert charset_of(latin, Known(b"it was UTF-8")) is None, "it may be half written or broken"


def test_what_a_charset_lacks_is_said_with_its_place() -> None:
    with pytest.raises(NotInCharset, match=r"Latin-1 has no “€” \(U\+20AC\), which is in line 3") as caught:
        encode_plain("a\nb\n10 €\n€\n", b"\xe4\r\n", "iso8859-1")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("latin1", "iso8859-1"), ("Windows-1252", "cp1252"), ("windows-1251", "cp1251"), ("sjis", "cp932"),
        ("Shift-JIS", "cp932"), ("gbk", "gb18030"), ("euc-kr", "cp949"), ("utf-16", "utf-16-le"), ("UTF8", UTF_8),
        ("Mac Roman", "mac_roman"), ("rot13", None), ("nonsense", None), ("", None),
    ],
)  # fmt: skip
def test_charsets_are_found_by_the_names_that_people_use(name: str, codec: str | None) -> None:
    assert find_codec(name) == codec


def test_every_charset_is_one_of_python_and_has_the_ends_of_lines_in_one_byte() -> None:
    for codec in TITLES:
        assert codecs.lookup(codec) and (codec in WIDE or "\r\n".encode(codec) == b"\r\n")


@pytest.mark.parametrize("start", ["\n", "x\n"])
@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "iso8859-1"])
def test_the_beginning_of_a_text_is_known_for_one(start: str, charset: str) -> None:
    """Also where the last character is cut."""
    sign = "é" if charset == "iso8859-1" else "😀"
    raw = (start + sign * 5000).encode(charset)
    assert all(may_be_text(raw[:length]) for length in (8192, 8190, 8188, 8189))
    assert not may_be_text(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 30)
