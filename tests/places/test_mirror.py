"""The mirror, as the next process opens it."""

from __future__ import annotations

from jpterm_like.packs.marker import encode as encode_marker
from jpterm_like.packs.marker import marker_name
from jpterm_like.packs.pack import encode
from jpterm_like.places.mirror import Mirror
from tests.places.conformance import ANN, COLLECTION, pack
from tests.places.memory import Folder, MemoryPlace
from tests.places.simulation import newer


def test_claims_of_a_newer_release_hide_nothing_from_the_next_process() -> None:
    """Such a pack cannot be compared when it comes, so what it claims counts neither then nor later."""
    folder = Folder()
    mirror = Mirror(MemoryPlace(folder))
    mirror.begin(marker_name(COLLECTION), encode_marker("jpterm-like 0.3.0"))
    mine = [pack(1), pack(2)]
    for name, data in mine:
        assert mirror.add(name, data) == []
    claims, data = newer(*encode(COLLECTION, ANN, 1, 3, {}, [name.digest for name, _ in mine]))
    assert mirror.add(claims, data) == []
    held = mirror.held.outermost(ANN)
    assert held == sorted([claims, *(name for name, _ in mine)])
    again = Mirror(MemoryPlace(folder))
    assert again.held.outermost(ANN) == held and not again.held.may_join(claims)
