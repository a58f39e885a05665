"""Bytes of plain files and the buffer's text."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpterm_like.files.encoding import BOM, NotPlain, decode_plain, encode_plain, normalize_line_ends
from tests.steps import steps

raws = st.builds(
    lambda bom, text: bom + text.encode("utf-8"),
    st.sampled_from([b"", b"", BOM, BOM + BOM]),
    st.one_of(
        st.text(alphabet="ab\r\n\u2028\x85\x0c\ufeff", max_size=40),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    ),
)
any_text = st.text(
    st.one_of(st.sampled_from("ab\r\n\0\ud800\ufeff\u2028"), st.characters(exclude_categories=[])),
    max_size=40,
)


@given(raws)
@settings(max_examples=500)
def test_f07_saving_without_an_edit_is_byte_identical(raw: bytes) -> None:
    text = decode_plain(raw)
    assert "\r" not in text
    assert encode_plain(text, raw) == raw


@given(any_text, raws)
@settings(max_examples=500)
def test_what_is_written_reads_as_what_was_in_the_buffer(text: str, base: bytes) -> None:
    """But for what no text file can hold, which becomes U+FFFD."""
    raw = encode_plain(text, base)
    assert decode_plain(raw) == re.sub("[\0\ud800-\udfff]", "\ufffd", normalize_line_ends(text))
    assert encode_plain(decode_plain(raw), raw) == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"a", "a"),
        (b"a\n", "a\n"),
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (b"\r\r\n\n", "\n\n\n"),
        (BOM + b"a", "a"),
        (BOM, ""),
        ("a\u2028b\x85c\x0cd\x1ce".encode(), "a\u2028b\x85c\x0cd\x1ce"),
    ],
)
def test_only_three_line_ends_end_a_line(raw: bytes, text: str) -> None:
    assert decode_plain(raw) == text


@pytest.mark.parametrize(
    ("base", "text", "raw"),
    [
        (b"", "a\nb", b"a\nb"),
        (b"a", "a\n", b"a\n"),
        (b"a\r\nb\r\n", "a\nX\nb", b"a\r\nX\r\nb"),
        (b"a\rb", "a\nb\n", b"a\rb\r"),
        (BOM + b"a\r\n", "b\n", BOM + b"b\r\n"),
        (BOM, "a", BOM + b"a"),
        # Mixed: what is still there keeps its end, new lines get the most frequent one.
        (b"a\r\nb\nc\r\n", "a\nnew\nb\nc\n", b"a\r\nnew\r\nb\nc\r\n"),
        (b"a\r\nb\nc\r\n", "b\nc\n", b"b\nc\r\n"),
        # A changed line keeps its end: one edit changes one line's bytes.
        (b"a\r\nb\nc\r\n", "a\nB\nc\n", b"a\r\nB\nc\r\n"),
        (b"a\r\nb\nc\r\n", "a\nb1\nb2\nc", b"a\r\nb1\nb2\r\nc"),
        (b"a\r\nb\nc\r\n", "", b""),
        (b"a\rb\nc\r\nd", "a\nb\nc\nd\ne", b"a\rb\nc\r\nd\re"),
        # Bytes that we never wrote say nothing about line ends.
        (b"\xff\r\n", "a\n", b"a\n"),
    ],
)
def test_f07_line_ends_are_kept(base: bytes, text: str, raw: bytes) -> None:
    assert encode_plain(text, base) == raw


def test_f07_one_edit_in_a_file_with_mixed_ends_changes_one_line() -> None:
    source = random.Random(7)
    lines = [b"line %d" % (number % 40) + source.choice([b"\n", b"\r\n", b"\r"]) for number in range(2000)]
    raw = b"".join(lines)
    for _ in range(50):
        at = source.randrange(len(lines))
        row = decode_plain(raw).split("\n")
        row[at] += "!"
        end = re.search(rb"[\r\n]+$", lines[at])
        assert end
        lines[at] = lines[at][: end.start()] + b"!" + end[0]
        saved = encode_plain("\n".join(row), raw)
        assert saved == b"".join(lines)
        raw = saved


@pytest.mark.parametrize(
    ("raw", "offset", "words"),
    [
        (b"abc\xffdef", 3, "is not UTF-8: byte 3"),
        (b"abc\xe4", 3, "is not UTF-8: byte 3"),
        (b"a" * 2000 + b"\xed\xa0\x80", 2000, "is not UTF-8: byte 2,000"),
        (b"\x7fELF\0\0", 4, "is a binary file"),
    ],
)
def test_what_is_no_text_is_refused_in_words(raw: bytes, offset: int, words: str) -> None:
    with pytest.raises(NotPlain, match=words) as caught:
        decode_plain(raw)
    assert caught.value.offset == offset


def test_80_megabytes_take_no_step_for_each_line() -> None:
    raw = b"a line of some length, as they are\r\n" * 2_300_000
    reading, text = steps(decode_plain, raw)
    writing, saved = steps(encode_plain, text + "x", raw)
    assert saved == raw + b"x"
    assert reading + writing < 1_000
