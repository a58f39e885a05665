"""Addresses, and what is said of those that cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from jpterm_like.access.addresses import explain_refusal, parse_address

HERE = "There is no file /home/ann/x.md here."
"""What a server says of a missing file: on its own machine."""


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("box:x.md", "x.md in ~ on box"),
        ("ann@box:notes/x.md", "x.md in ~/notes on box"),
        ("ssh://box:22/srv/x.md", "x.md in /srv on box"),
        ("~/notes/x.md", "x.md in ~/notes"),
        ("/srv/none/x.md", "x.md in /srv/none"),
        ("ws://team.example:8765/a/x.md", "a/x.md at ws://team.example:8765"),
    ],
)
def test_a_missing_file_is_named_with_its_folder_and_host(
    written: str, where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """ "Here" was another machine, of which neither the host nor the folder was said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert explain_refusal(parse_address(written), "missing", HERE) == f"There is no file {where}."


def test_what_another_machine_refuses_begins_with_its_name() -> None:
    said = "/srv is a folder; name a file in it."
    assert explain_refusal(parse_address("box:/srv"), "other", said) == f"box: {said}"
    assert explain_refusal(parse_address("/srv"), "other", said) == said
