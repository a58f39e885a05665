"""Sentences of a server that report a condition leave the screen when it is over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jpterm_like.server
from jpterm_like import errors
from jpterm_like.client.topics import OF_SERVER, begun_by, ended_by

SERVER = Path(jpterm_like.server.__file__).parent


@pytest.mark.parametrize(
    ("begun", "ended", "topic"),
    [
        (f"{errors.NOT_SAVED}the disk is full.", f"notes.md {errors.WRITTEN_AGAIN}", "saving"),
        (f"notes.md was deleted; {errors.SAVING_WRITES}", f"notes.md {errors.THERE_AGAIN}", "file"),
        (f"notes.md is no text. {errors.NOTHING_WRITTEN}", f"notes.md {errors.THERE_AGAIN}", "file"),
        (f"{errors.NOT_STORED}the disk is full.", "", "storing"),
        (
            f"Another program changes notes.md; {errors.WRITTEN_LESS}",
            f"Now {errors.WRITTEN_AS_USUAL}",
            "contest",
        ),
    ],
)
def test_a_condition_is_begun_and_ended_by_sentences(begun: str, ended: str, topic: str) -> None:
    assert (begun_by(begun), ended_by(begun)) == (topic, "")
    assert (begun_by(ended), ended_by(ended)) == ("", topic if ended else "")
    assert topic in OF_SERVER


LASTING = ("NOT_SAVED", "NOT_STORED", "SAVING_WRITES", "NOTHING_WRITTEN", "WRITTEN_LESS", "THERE_AGAIN", "WRITTEN_AGAIN",
           "WRITTEN_AS_USUAL")  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_the_server_says_what_the_client_waits_for(name: str) -> None:
    """It uses the shared words and has no copy of them, which could change alone."""
    sources = "".join(file.read_text("utf-8") for file in SERVER.glob("*.py"))
    assert re.search(rf"\{{{name}\}}", sources)
    assert getattr(errors, name) not in sources
