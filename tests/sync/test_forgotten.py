"""A peer that was away while text was forgotten goes on with the others."""

from __future__ import annotations

from crdt.messages import FORGOTTEN
from jpterm_like.sync import events
from jpterm_like.sync.pad import Pad
from tests.crdt.test_forgotten import SECRET, raised, replica
from tests.sync.test_link import Pair


def test_a_peer_that_was_away_takes_part_again() -> None:
    """Its server has forgotten what it still knows: the two are one history, and nothing is brought in anew."""
    away = replica(SECRET)
    away.replace(len(away), len(away), " and more")
    pair = Pair("", Pad(away))
    forgot = replica(FORGOTTEN * len(SECRET), raised())
    forgot.replace(0, 0, "new: ")
    pair.server_pad = Pad(forgot)
    pair.talk()
    assert not pair.told(events.OtherHistory)
    assert pair.client_pad.buffer.text == pair.server_pad.buffer.text == "new:  kept and more"
