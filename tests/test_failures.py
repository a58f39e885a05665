"""The list of failures that people met elsewhere is whole: each id that is used is in it, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

LISTED = {
    int(number): re.findall(r"`(test_\w+)`", tests)
    for number, tests in re.findall(
        r"^\| F(\d+) \|[^|]*\|[^|]*\|([^|]*)\|$", (ROOT / "tests" / "FAILURES.md").read_text(), re.M
    )
}
SOURCES = {
    file: file.read_text("utf-8")
    for folder in ("crdt", "jpterm_like", "tests")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".md") and file.name != "FAILURES.md"
}
TESTS = {
    name
    for file, text in SOURCES.items()
    if file.is_relative_to(ROOT / "tests")
    for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.M)
}
WITHOUT_TEST = {24}
"""The editor has no comments yet."""


def test_each_id_that_is_used_is_in_the_list() -> None:
    """In the names of tests (test_f05_…) and in prose (F5). F1 to F12 can also be keys, which does no harm here."""
    used = {int(number) for name in TESTS for number in re.findall(r"(?<=_)f(\d+)(?=_)", name)}
    used |= {int(number) for text in SOURCES.values() for number in re.findall(r"\bF(\d{1,2})\b", text)}
    assert len(used) > 30
    assert used - set(LISTED) == set()


def test_each_failure_has_tests_that_are_there() -> None:
    assert list(LISTED) == list(range(1, len(LISTED) + 1))
    assert {number for number, tests in LISTED.items() if not tests} == WITHOUT_TEST
    assert {name for tests in LISTED.values() for name in tests} - TESTS == set()


def test_ids_in_names_have_two_digits() -> None:
    """So that `pytest -k f05` finds all of them."""
    assert [name for name in TESTS if re.search(r"_f\d_", name)] == []
