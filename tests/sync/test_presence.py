"""Who is here, by itself: the latest of everybody, told once to each link, and forgotten when silent."""

from __future__ import annotations

import random

import pytest

from crdt import TextBuffer
from jpterm_like.sync import presence
from jpterm_like.sync.presence import EXPIRY_S, REFRESH_S, Person, Presences

ALL = 1000


def person(site: int, name: str = "ann", calls: int = 0) -> Person:
    return Person(site, name, None, None, calls)


def sites(news: tuple[list[tuple[int, Person | None]], int]) -> list[tuple[int, bool]]:
    """The sites that are told, and whether they are here."""
    return [(site, found is not None) for site, found in news[0]]


def test_everyone_is_told_by_site() -> None:
    """One person with two terminals is here twice."""
    here = Presences()
    assert here.people == ()
    for site, name in ((7, "bob"), (3, "ann"), (5, "ann")):
        assert here.show(person(site, name), 0.0)
    assert [(who.site, who.name) for who in here.people] == [(3, "ann"), (5, "ann"), (7, "bob")]


def test_only_the_latest_of_somebody_is_told() -> None:
    here = Presences()
    for calls in range(5):
        here.show(person(1, calls=calls), 0.0)
    here.show(person(2), 0.0)
    here.show(person(1, calls=9), 0.0)
    news, reached = here.since(0, ALL)
    assert [(site, found and found.calls) for site, found in news] == [(2, 0), (1, 9)]
    assert here.since(reached, ALL) == ([], reached)


def test_a_caret_that_moves_is_news_and_so_is_a_repeat() -> None:
    """A repeat tells others that somebody is still there."""
    buffer = TextBuffer.genesis("hello", site=1)
    here = Presences()
    for caret in (2, 3, 3):
        before = here.end
        assert here.show(person(1)._replace(caret=buffer.anchor(caret)), 0.0)
        assert sites(here.since(before, ALL)) == [(1, True)]


def test_somebody_who_leaves_is_told_once() -> None:
    here = Presences()
    here.show(person(1), 0.0)
    here.show(person(2), 0.0)
    _, reached = here.since(0, ALL)
    assert here.leave(1, 1.0)
    assert not here.leave(1, 1.0)
    assert not here.leave(99, 1.0), "who never was here cannot leave"
    assert here.people == (person(2),)
    assert sites(here.since(reached, ALL)) == [(1, False)]


def test_somebody_who_comes_back_is_here() -> None:
    here = Presences()
    here.show(person(1), 0.0)
    here.leave(1, 1.0)
    here.show(person(1, "anna"), 2.0)
    assert here.people == (person(1, "anna"),)
    assert sites(here.since(0, ALL)) == [(1, True)]


def test_silence_is_taken_for_leaving_and_repeats_are_not() -> None:
    """Two repeats may be lost."""
    here = Presences()
    here.show(person(1), 0.0)
    here.show(person(2), 0.0)
    assert 2 * REFRESH_S < EXPIRY_S
    here.show(person(2), 2 * REFRESH_S)
    assert not here.expire(EXPIRY_S)
    assert here.expire(EXPIRY_S + 0.1)
    assert here.people == (person(2),)
    assert not here.expire(EXPIRY_S + 0.2), "it was told already"


def test_those_who_went_long_ago_are_forgotten() -> None:
    """Until then a link that was away can be told; later it has heard of their silence by itself."""
    here = Presences()
    here.show(person(1), 0.0)
    here.leave(1, 1.0)
    assert sites(here.since(0, ALL)) == [(1, False)]
    assert not here.expire(1.0 + EXPIRY_S + 0.1)
    assert here.since(0, ALL) == ([], here.end)
    assert here.end == 2, "numbers are never used again"


def test_many_are_told_in_pieces_oldest_first() -> None:
    here = Presences()
    for site in range(10):
        here.show(person(site), 0.0)
    here.show(person(0), 1.0)
    told, number = [], 0
    for _ in range(4):
        news, number = here.since(number, 3)
        told += [site for site, _ in news]
    assert told == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert here.since(number, 3) == ([], here.end)


def test_somebody_who_moves_between_two_pieces_is_told_as_they_are_then() -> None:
    here = Presences()
    for site in range(4):
        here.show(person(site), 0.0)
    first, number = here.since(0, 2)
    here.show(person(0, calls=1), 1.0)
    second, number = here.since(number, ALL)
    assert [site for site, _ in first] == [0, 1]
    assert [(site, found and found.calls) for site, found in second] == [(2, 0), (3, 0), (0, 1)]


def test_there_is_no_room_for_any_number_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who are here can go on moving; a newcomer is shown when somebody was forgotten."""
    monkeypatch.setattr(presence, "PEOPLE_MAX", 2)
    here = Presences()
    assert here.show(person(1), 0.0) and here.show(person(2), 0.0)
    assert not here.show(person(3), 0.0)
    assert here.show(person(2, calls=1), EXPIRY_S)
    here.expire(EXPIRY_S + 0.1)  # 1 is gone
    here.expire(2 * EXPIRY_S + 0.2)  # and forgotten
    assert here.show(person(3), 2 * EXPIRY_S + 0.3)


@pytest.mark.parametrize("seed", range(20))
def test_whoever_listens_to_the_news_knows_who_is_here(seed: int) -> None:
    """Links that ask often, seldom, and in pieces, as long as they ask before those who went are forgotten."""
    dice = random.Random(seed)
    here = Presences()
    links: list[tuple[dict[int, Person], int]] = [({}, 0) for _ in range(3)]
    now = 0.0
    for _ in range(300):
        now += dice.random()
        match dice.randrange(4):
            case 0:
                here.leave(dice.randrange(8), now)
            case 1:
                here.expire(now)
            case _:
                here.show(person(dice.randrange(8), calls=dice.randrange(9)), now)
        for index, (known, number) in enumerate(links):
            if dice.random() < 0.5:
                news, number = here.since(number, dice.choice((1, 3, ALL)))
                for site, found in news:
                    known.pop(site, None)
                    if found is not None:
                        known[site] = found
                links[index] = known, number
    for known, number in links:
        for site, found in here.since(number, ALL)[0]:
            known.pop(site, None)
            if found is not None:
                known[site] = found
        assert sorted(known.values(), key=lambda each: each.site) == list(here.people), f"seed {seed}"
