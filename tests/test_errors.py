"""Sentences that a person reads."""

from __future__ import annotations

import errno
import os

import pytest

from jpterm_like.errors import JptermError, escape_for_terminal, explain


def test_an_error_reads_as_its_sentence() -> None:
    assert str(JptermError("The disk is full.")) == "The disk is full."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission is denied"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EMLINK, "too many links"),
    ],
)
def test_system_errors_are_said_in_words(code: int, words: str) -> None:
    assert explain(OSError(code, os.strerror(code))) == words


def test_an_error_without_words_gets_some() -> None:
    assert explain(OSError()) == "the system does not say why"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("notes.md", "notes.md"),
        ("ä 日本 e\u0301 👍", "ä 日本 e\u0301 👍"),
        ("a\x1b]52;c;eA==\x07", r"a\x1b]52;c;eA==\x07"),
        ("a\x9b2J\u202eb\u2028\ud800", r"a\x9b2J\u202eb\u2028\ud800"),
    ],
)
def test_f21_what_would_act_on_a_terminal_is_escaped(name: str, safe: str) -> None:
    assert escape_for_terminal(name) == safe
