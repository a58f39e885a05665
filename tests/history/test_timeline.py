"""The places at which one stops on the way from the start of a text to now."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.history.timeline import Place, Timeline


def written(*steps: tuple[str, float, str], file: str = "") -> TextBuffer:
    """Return a text at whose end authors wrote at given times."""
    buffers: dict[str, TextBuffer] = {}
    buffer = TextBuffer.genesis(file, site=99)
    for author, seconds, text in steps:
        if author not in buffers:
            buffers[author] = TextBuffer.genesis(file, site=len(buffers) + 1, author=author)
        one = buffers[author]
        one.integrate(buffer.changes_since(one.version))
        one.replace(len(one), len(one), text, seconds)
        buffer.integrate(one.changes_since(buffer.version))
    return buffer


def texts_on_the_way(buffer: TextBuffer, timeline: Timeline, way: str) -> list[str]:
    step = getattr(timeline, way)
    place, found = timeline.start, [buffer.at(timeline.version(timeline.start))]
    while place != timeline.now:
        place = step(place)
        found.append(buffer.at(timeline.version(place)))
    return found


def test_stops_are_after_pauses_and_words() -> None:
    buffer = written(("ann", 1000, "one two "), ("ann", 1020, "three"), ("bob", 5000, "!"), file="file\n")
    timeline = Timeline(buffer)
    assert texts_on_the_way(buffer, timeline, "next_stop") == [
        "file\n",
        "file\none two three",
        "file\none two three!",
    ]
    assert texts_on_the_way(buffer, timeline, "next_word") == [
        "file\n",
        "file\none ",
        "file\none two ",
        "file\none two three",
        "file\none two three!",
    ]
    middle = timeline.next_word(timeline.start)
    assert (timeline.number(middle), timeline.last_number) == (1, 2)
    assert timeline.previous_stop(middle) == timeline.start and timeline.seconds(middle) == 1000
    assert timeline.count(middle) == len("file\none ") and timeline.author(middle) == "ann"
    assert timeline.previous_stop(timeline.start) == timeline.previous_word(timeline.start) == timeline.start
    assert timeline.next_stop(timeline.now) == timeline.next_word(timeline.now) == timeline.now


def test_a_time_is_a_place_after_all_that_was_done_then() -> None:
    buffer = written(("ann", 1000, "a"), ("bob", 2000, "b"))
    timeline = Timeline(buffer)
    assert [buffer.at(timeline.version(timeline.at(it))) for it in (0, 1000, 1999, 2000, 9e9)] == [
        "",
        "a",
        "a",
        "ab",
        "ab",
    ]


def test_what_is_pasted_is_one_step() -> None:
    buffer = written(("ann", 1000, "word " * 100))
    assert len(texts_on_the_way(buffer, Timeline(buffer), "next_word")) == 2


def test_the_states_of_a_passage_are_those_where_it_was_changed() -> None:
    buffer = written(("ann", 1000, "the color of rope"), ("bob", 5000, "\nthe end"))
    ann = TextBuffer.decode(buffer.encode(), site=7, author="cid")
    ann.replace(8, 8, "u", 9000)
    ann.replace(0, 0, "# ", 20_000)
    timeline = Timeline(ann)
    at = ann.text.index("colour")
    timeline.keep_to(ann.operations_on(ann.anchor(at, before=True), ann.anchor(at + 6)))
    assert texts_on_the_way(ann, timeline, "next_stop") == [
        "",
        "the color of rope",
        "# the colour of rope\nthe end",
    ]
    assert timeline.number(timeline.now) == timeline.last_number == 2


def test_authors_have_bars_and_no_pause_is_wider_than_a_sitting() -> None:
    buffer = written(
        *(("ann", 1000 + at * 10, "a") for at in range(30)), ("bob", 10_000_000, "bb"), file="file"
    )
    timeline = Timeline(buffer)
    bars = timeline.bars(20)
    assert list(bars) == ["ann", "bob"] and sum(bars["ann"]) == 30 and bars["bob"] == [0] * 19 + [2]
    assert sum(it > 0 for it in bars["ann"]) >= 8
    assert timeline.column(timeline.now, 20) == 19 and timeline.column(timeline.start, 20) == 0
    assert timeline.place_in(19, 20) == timeline.now


@pytest.mark.parametrize("seed", range(20))
def test_each_way_through_a_random_past_leads_to_now_and_back(seed: int) -> None:
    """Clocks go back, people write at once, and words are deleted and restored."""
    rng = random.Random(seed)
    people = [TextBuffer.genesis("one two", site=site, author=f"p{site}") for site in (1, 2, 3)]
    now = 1000.0
    for _ in range(60):
        one = rng.choice(people)
        now += rng.choice([1.0, 5.0, 15.0, 100.0, -40.0])
        start = rng.randrange(len(one) + 1)
        end = min(len(one), start + rng.randrange(4))
        if rng.random() < 0.2:
            one.undo(now)
        else:
            one.replace(start, end, rng.choice(["a b", "x", "", " word", "\n"]), now)
        if rng.random() < 0.5:
            other = rng.choice(people)
            one.integrate(other.changes_since(one.version))
    one = people[0]
    for other in people[1:]:
        one.integrate(other.changes_since(one.version))
    timeline = Timeline(one)
    assert one.at(timeline.version(timeline.start)) == "one two"
    assert timeline.version(timeline.now) == one.version
    for forth, back in (("next_word", "previous_word"), ("next_stop", "previous_stop")):
        place, places = timeline.start, [timeline.start]
        while place != timeline.now:
            after: Place = getattr(timeline, forth)(place)
            assert after > place and timeline.version(place) <= timeline.version(after)
            assert timeline.count(after) > timeline.count(place)
            place = after
            places.append(place)
        for before in reversed(places[:-1]):
            place = getattr(timeline, back)(place)
            assert place == before
        for each in places:
            assert timeline.place_of(timeline.operation(each)) == each
            assert 0 <= timeline.column(each, 30) < 30
    passage = one.operations_on(one.anchor(0, before=True), one.anchor(len(one)))
    timeline.keep_to(passage)
    place = timeline.start
    for _ in range(timeline.last_number):
        assert timeline.next_stop(place) > place
        place = timeline.next_stop(place)
    assert place == timeline.now
