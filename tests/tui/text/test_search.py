"""Finding, against a slow twin that splits the text and looks at every line."""

from __future__ import annotations

import random
import re

import pytest

from crdt import TextBuffer
from jpterm_like.tui.text import query as query_module
from jpterm_like.tui.text import search as module
from jpterm_like.tui.text.cursors import TrackedOffset
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.query import BadPattern, BoundedPattern, Query, check_template, expand
from jpterm_like.tui.text.search import PATTERN_CHUNK, Match, Matches

QUERIES = [
    Query("ab"),
    Query("a"),
    Query("A", case=True),
    Query("ab", words=True),
    Query("a+", regex=True),
    Query("^", regex=True),
    Query("b$", regex=True),
    Query("x*", regex=True),
    Query(r"[^q]+", regex=True),
]


def slow(text: str, query: Query, region: tuple[int, int]) -> list[tuple[int, int]]:
    """All matches, by the plainest means."""
    found, base = [], 0
    for line in text.split("\n"):
        for match in query.compile().finditer(line):
            span = base + match.start(), base + match.end()
            if region[0] <= span[0] and span[1] <= region[1]:
                found.append(span)
        base += len(line) + 1
    return found


def seek(matches: Matches, offset: int, forward: bool) -> Match | None:
    walk = matches.seek(offset, forward)
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return end.value


def edit_and_seek(
    dice: random.Random,
    text_layout: TextLayout,
    query: Query,
    matches: Matches,
    length: int,
    texts: list[str],
) -> list[tuple[int, int]]:
    """Edit the text, and see that what is counted and what is found from some offset is as in the slow twin; return its matches."""
    buffer = text_layout.buffer
    if dice.random() < 0.5:
        matches.count()
    start = dice.randint(0, len(buffer))
    end = min(len(buffer), start + dice.choice((0, 0, 1, length)))
    patch = buffer.replace(start, end, dice.choice(texts))
    text_layout.follow(patch)
    matches.follow(patch)
    every = slow(buffer.text, query, matches.region)
    assert matches.starts == [a for a, _ in every][: len(matches.starts)]
    offset = dice.randint(0, len(buffer))
    ahead = [span for span in every if span[0] >= offset] or every
    back = [span for span in every if span[0] < offset] or every
    for forward, wanted in ((True, ahead[:1]), (False, back[-1:])):
        found = seek(matches, offset, forward)
        assert ([] if found is None else [found[:2]]) == wanted, (offset, forward)
        if found is not None and not found.wrapped:
            assert (found.start >= offset) == forward
    return every


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("chunk", [1, 5, 10_000])
def test_counts_and_seeks_like_its_slow_twin(seed: int, chunk: int) -> None:
    """With edits between the steps; the count is always that of the text, the next match is the next one."""
    dice = random.Random(seed)
    buffer = TextBuffer.genesis("".join(dice.choice("aab A\nbxé") for _ in range(dice.randrange(120))))
    text_layout = TextLayout(buffer, chunk_rows=2)
    query = dice.choice(QUERIES)
    region = None
    if dice.random() < 0.4:
        low, high = sorted(dice.randint(0, len(buffer)) for _ in range(2))
        region = (TrackedOffset(buffer, low), TrackedOffset(buffer, high, before=True))
    matches = Matches(text_layout, query, region, chunk)
    for _ in range(40):
        edit_and_seek(dice, text_layout, query, matches, 9, ["", "a", "ab", "\n", "b\na ab\n"])
    while matches.count():
        pass
    assert matches.complete
    assert matches.starts == [a for a, _ in slow(buffer.text, query, matches.region)]
    for index, start in enumerate(matches.starts, 1):
        assert matches.rank(start) == index


@pytest.mark.parametrize("seed", range(60))
def test_a_long_line_is_searched_in_stretches_like_its_slow_twin(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line in stretches has the matches of the whole: counted, sought, marked, and all of them in pieces.

    Not so with a pattern whose matches depend on where the search began, as `x*`: an edit may shift those in a stretch.
    """
    for name, value in (("search.LONG", 5), ("query.LONG", 5), ("query.REACH", 3), ("search._LEAD", 8)):
        monkeypatch.setattr(f"jpterm_like.tui.text.{name}", value)
    dice = random.Random(seed)
    query = dice.choice([*QUERIES[:4], Query("b$", regex=True), Query("x", regex=True)])
    text = "".join(dice.choice("aab A\nbxé" if dice.random() < 0.1 else "aab Abxé") for _ in range(90))
    buffer = TextBuffer.genesis(text)
    text_layout = TextLayout(buffer, chunk_rows=2)
    matches = Matches(text_layout, query, None, 7)
    for _ in range(30):
        every = edit_and_seek(dice, text_layout, query, matches, 4, ["", "a", "ab", "b\na ab\n"])
        for span in every:
            assert span in matches.near(span[0])
            match = matches.beginning_at(span[0])
            assert match is not None and len(match[0]) == span[1] - span[0]
    while matches.count():
        pass
    assert matches.starts == [a for a, _ in slow(buffer.text, query, matches.region)]
    for line in buffer.text.split("\n"):
        found_spans = [match.span() for match in matches.in_pieces(line) if match is not None]
        assert found_spans == [match.span() for match in query.compile().finditer(line)]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_marked_is_what_matches(seed: int) -> None:
    """In sight is every column of a match between two columns, and no other."""
    dice = random.Random(seed)
    buffer = TextBuffer.genesis("".join(dice.choice("aab bx") for _ in range(80)))
    matches = Matches(TextLayout(buffer), dice.choice(QUERIES))
    first, last = sorted(dice.randint(0, 80) for _ in range(2))
    shown = {column for begin, end in matches.in_view(0, first, last) for column in range(begin, end)}
    wanted = {
        column
        for begin, end in slow(buffer.text, Query(matches.pattern.pattern, True, False, True), (0, 80))
        for column in range(begin, end)
    }
    if matches.pattern.flags & re.IGNORECASE:
        wanted = {
            c for b, e in (m.span() for m in matches.pattern.finditer(buffer.text)) for c in range(b, e)
        }
    assert shown & set(range(first, last)) == wanted & set(range(first, last))


def test_a_step_looks_at_a_chunk_and_not_at_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step of counting or seeking reads more than a chunk and its last line."""
    buffer = TextBuffer.genesis("some words in a line\n" * 50_000)
    text_layout = TextLayout(buffer)
    matches = Matches(text_layout, Query("nowhere"))
    read: list[int] = []
    slice_of = TextBuffer.slice
    monkeypatch.setattr(
        TextBuffer, "slice", lambda self, a, b: read.append(b - a) or slice_of(self, a, b), raising=True
    )
    walk = matches.seek(500_000)
    for _ in range(5):
        next(walk)
        matches.count()
    assert len(read) == 10 and max(read) <= module.CHUNK + 30


def test_counting_ends_at_a_bound_and_goes_on_when_matches_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT_MAX", 10)
    buffer = TextBuffer.genesis("a\n" * 30)
    text_layout = TextLayout(buffer)
    matches = Matches(text_layout, Query("a"), chunk=4)
    while matches.count():
        pass
    assert not matches.complete and 10 <= len(matches.starts) <= 14
    patch = buffer.replace(0, 40, "")
    text_layout.follow(patch)
    matches.follow(patch)
    while matches.count():
        pass
    assert matches.complete and len(matches.starts) == 10


@pytest.mark.parametrize("text", ["(", "[", "*", "(?P<", "a{99999999999}"])
def test_what_is_no_pattern_is_told(text: str) -> None:
    with pytest.raises(BadPattern):
        Query(text, regex=True).compile()
    Query(text).compile()


def test_groups_go_into_the_replacement_of_a_pattern_only() -> None:
    match = re.match(r"(\w)(?P<rest>\w*)", "abc")
    assert match is not None
    assert expand(match, r"\g<rest>\1", regex=True) == "bca"
    assert expand(match, r"\1", regex=False) == r"\1"
    with pytest.raises(BadPattern):
        check_template(match.re, r"\7")
    with pytest.raises(BadPattern):
        check_template(match.re, r"\g<no>")


def test_a_pattern_that_backtracks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold up the keyboard for years; what was found before stays."""
    monkeypatch.setattr("jpterm_like.tui.text.query.PATTERN_S", 1.0)  # a busy machine is no bad pattern
    text_layout = TextLayout(TextBuffer.genesis("aa\n" + "a" * 60 + "b\naa"))
    matches = Matches(text_layout, Query("(a|aa)+$", regex=True))
    while matches.count():
        pass
    assert matches.gave_up and matches.starts == [0]
    assert matches.in_view(1, 0, 80) == []
    with pytest.raises(StopIteration) as end:
        next(matches.seek(1))
    assert end.value.value is None


def test_a_pattern_that_is_slow_in_each_line_is_given_up_after_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes too long counts for all lines together: 900 of them would stop the keyboard for a minute."""
    now = iter(range(1_000_000))
    for clock in ("process_time", "perf_counter"):  # a look takes 10 ms
        monkeypatch.setattr(query_module, clock, lambda: next(now) * 0.01)
    matches = Matches(TextLayout(TextBuffer.genesis("word\n" * 900)), Query("w.rd", regex=True))
    while matches.count():
        pass
    assert matches.gave_up
    assert 1 < len(matches.starts) < 20


def test_a_pattern_that_takes_its_time_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text takes long, which is not the pattern's fault."""
    now = iter(range(1_000_000))
    monkeypatch.setattr("jpterm_like.tui.text.query.process_time", lambda: next(now) * 5e-6)
    matches = Matches(TextLayout(TextBuffer.genesis("word\n" * 5_000)), Query("w.rd", regex=True))
    while matches.count():
        pass
    assert not matches.gave_up
    assert len(matches.starts) == 5_000


def test_a_step_in_a_long_line_looks_at_a_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of a million brackets took 0.4 s at each key while it was searched."""
    text_layout = TextLayout(TextBuffer.genesis("()" * 500_000))
    matches = Matches(text_layout, Query("("))
    assert len(matches.near(400_000)) < 2_000 and len(matches.in_view(0, 400_000, 400_100)) == 50
    matches.count()
    assert len(matches.starts) <= query_module.LONG
    patch = text_layout.buffer.replace(4_000, 4_000, "(((")
    text_layout.follow(patch)
    read: list[int] = []
    in_stretch = query_module.BoundedPattern.in_stretch

    def counted(self, text, start, end):  # type: ignore[no-untyped-def]
        read.append(end - start)
        return in_stretch(self, text, start, end)

    monkeypatch.setattr(query_module.BoundedPattern, "in_stretch", counted)
    matches.follow(patch)
    assert sum(read) < 5_000


def test_a_pattern_is_looked_for_in_shorter_steps_than_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may read on for each place where it begins: `a.*?b` stopped the keyboard for 75 ms at a time in 300,000 characters."""
    read: list[int] = []
    in_line = BoundedPattern.in_line

    def counted(self: BoundedPattern, text: str, start: int = 0, end: int | None = None) -> object:
        read.append((len(text) if end is None else end) - start)
        return in_line(self, text, start, end)

    monkeypatch.setattr(BoundedPattern, "in_line", counted)
    for text in ("a word " * 40_000, "a word\n" * 40_000):
        matches = Matches(TextLayout(TextBuffer.genesis(text)), Query("a.*?b", regex=True))
        for step in range(5):
            read.clear()
            assert matches.count() and sum(read) <= PATTERN_CHUNK + query_module.REACH + 10, step
        read.clear()
        assert next(matches.seek(len(text) // 2, forward=False)) is None
        assert sum(read) <= PATTERN_CHUNK + query_module.REACH + 10


def test_the_processors_clock_is_not_read_at_each_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting 10,000 matches of a pattern read it 20,000 times, which took longer than finding them."""
    reads: list[int] = []
    monkeypatch.setattr(query_module, "process_time", lambda: float(reads.append(1) or 0))
    monkeypatch.setattr(query_module, "perf_counter", lambda: 0.0)
    matches = Matches(TextLayout(TextBuffer.genesis("a b " * 20_000)), Query("a", regex=True))
    while matches.count():
        pass
    assert len(matches.starts) >= module.COUNT_MAX
    assert len(reads) < module.COUNT_MAX / 10
    reads.clear()
    matches = Matches(TextLayout(TextBuffer.genesis("a b\n" * 9_000)), Query("a", regex=True))
    while matches.count():
        pass
    assert len(matches.starts) == 9_000
    assert len(reads) < 9_000 / 100
