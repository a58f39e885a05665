"""Versions against plain dictionaries: the split into a shared table and differences never shows."""

from __future__ import annotations

import random

import pytest

from crdt import ForeignOp, Version

SITES = 300
"""Enough changes to make new tables: `version.DELTA_MAX` is 64."""

Plain = dict[int, int]


def same(version: Version, plain: Plain) -> None:
    """Assert that a version and a dictionary are equal in every respect."""
    plain = {site: clock for site, clock in sorted(plain.items()) if clock}
    assert list(version.items()) == list(plain.items())
    assert list(version) == list(plain)
    assert (len(version), bool(version), version.total) == (len(plain), bool(plain), sum(plain.values()))
    fresh = Version(plain)
    assert version == fresh
    assert hash(version) == hash(fresh)
    assert version.encode() == fresh.encode()
    assert Version.decode(version.encode()) == version
    assert all(version.get(site) == version[site] == plain.get(site, 0) for site in range(SITES))
    assert all((site in version) == (site in plain) for site in range(SITES))


def compared(one: Version, ours: Plain, other: Version, theirs: Plain) -> None:
    """Assert every operation on a pair of versions."""
    sites = {*ours, *theirs}
    assert (one <= other) == all(ours.get(site, 0) <= theirs.get(site, 0) for site in sites)
    assert (one == other) == all(ours.get(site, 0) == theirs.get(site, 0) for site in sites)
    assert one.missing(other) == sum(max(0, theirs.get(site, 0) - ours.get(site, 0)) for site in sites)
    same(one.merge(other), {site: max(ours.get(site, 0), theirs.get(site, 0)) for site in sites})
    same(one.meet(other), {site: min(ours.get(site, 0), theirs.get(site, 0)) for site in sites})
    same(one.beyond(other), {site: n for site, n in ours.items() if n != theirs.get(site, 0)})
    same(Version.decode_since(one.encode_since(other), other), ours)
    same(one.sharing(other), ours)


@pytest.mark.parametrize("seed", range(8))
def test_a_version_is_a_dictionary_however_it_is_kept(seed: int) -> None:
    """Versions derived from each other equal versions made from scratch."""
    rng = random.Random(seed)
    known: list[tuple[Version, Plain]] = [(Version(), {})]
    for _ in range(40):
        version, plain = rng.choice(known)
        changes = {rng.randrange(SITES): rng.choice((0, 1, 2, 900)) for _ in range(rng.choice((1, 2, 90)))}
        if rng.random() < 0.7:
            changes = {site: plain.get(site, 0) + 1 for site in changes}
        version, plain = version.moved(changes), plain | changes
        other, theirs = rng.choice(known)
        compared(version, plain, other, theirs)
        compared(other, theirs, version, plain)
        if rng.random() < 0.3:
            version = version.sharing(other)
        elif rng.random() < 0.3:
            version, plain = (
                version.merge(other),
                {s: max(plain.get(s, 0), theirs.get(s, 0)) for s in {*plain, *theirs}},
            )
        same(version, plain)
        known = [*known[-6:], (version, plain)]


@pytest.mark.parametrize("seed", range(8))
def test_a_difference_of_versions_that_was_damaged_is_refused_or_makes_one(seed: int) -> None:
    """Any bytes give a version in canonical form, or ForeignOp."""
    rng = random.Random(seed)
    base = Version({site: rng.randint(1, 300) for site in range(20)})
    data = bytearray(Version({site: rng.randint(1, 300) for site in range(5, 30)}).encode_since(base))
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            version = Version.decode_since(bytes(damaged[: rng.randint(1, len(damaged))]), base)
        except ForeignOp:
            continue
        same(version, dict(version.items()))
