"""Conditions that a server's sentences report: which sentence begins one, and which ends it.

The protocol sends sentences alone, also to older releases, so the two sides share their beginnings and ends
(`jpterm_like.errors`). Topics that only the client knows ("line", "journal", "role") are begun and ended where they are noticed.
"""

from __future__ import annotations

from typing import Final

from jpterm_like.client.events import Topic
from jpterm_like.errors import (
    NOT_SAVED,
    NOT_STORED,
    NOTHING_WRITTEN,
    SAVING_WRITES,
    THERE_AGAIN,
    WRITTEN_AGAIN,
    WRITTEN_AS_USUAL,
    WRITTEN_LESS,
)

_BEGUN_BY: Final[tuple[tuple[str, str, Topic], ...]] = (
    (NOT_SAVED, "", "saving"),
    ("", SAVING_WRITES, "file"),
    ("", NOTHING_WRITTEN, "file"),
    (NOT_STORED, "", "storing"),
    ("", WRITTEN_LESS, "contest"),
)
"""The beginning and the end of a sentence, and its topic."""

_ENDED_BY: Final[tuple[tuple[str, Topic], ...]] = (
    (WRITTEN_AGAIN, "saving"),
    (THERE_AGAIN, "file"),
    (WRITTEN_AS_USUAL, "contest"),
)
"""The end of a sentence, and the topic that is over then."""

OF_SERVER: Final[tuple[Topic, ...]] = ("saving", "file", "storing", "contest")
"""What a server tells anew to whoever connects, if it still is so."""


def begun_by(sentence: str) -> Topic:
    """The topic of a serious sentence; "" if it reports something that has happened and does not end."""
    return next(
        (topic for start, end, topic in _BEGUN_BY if sentence.startswith(start) and sentence.endswith(end)),
        "",
    )


def ended_by(sentence: str) -> Topic:
    """The topic that a sentence says is over; "" for none."""
    return next((topic for end, topic in _ENDED_BY if sentence.endswith(end)), "")
