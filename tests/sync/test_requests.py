"""A request and its answer that no release has, from their classes alone: what `sync.wire` says about adding one holds."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgpack
import pytest

import jpterm_like
from crdt import TextBuffer
from jpterm_like.sync import link as links
from jpterm_like.sync import wire
from jpterm_like.sync.pad import Pad
from tests.sync.test_link import Pair

SHOUTING = "shouting"


@wire.message(1001, feature=SHOUTING, act="shout")
class Shout(wire.Request):
    words: Annotated[str, wire.text_up_to(10)]


@wire.message(1002, feature=SHOUTING)
class Echo(wire.Answer):
    words: wire.Sentence


@wire.message(1003, needs="own", act="whisper")
class Whisper(wire.Request):
    pass


@wire.message(1004, needs="view")
class Listen(wire.Request):
    pass


MADE_UP = {number: wire.MESSAGES.pop(number) for number in (1001, 1002, 1003, 1004)}  # only while a test runs


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that has these messages; on both sides of a pair."""
    for number, kind in MADE_UP.items():
        monkeypatch.setitem(wire.MESSAGES, number, kind)
    monkeypatch.setattr(links, "FEATURES", (*wire.FEATURES, SHOUTING))


def _open(role: wire.Role = "edit") -> Pair:
    pair = Pair("hello", Pad(TextBuffer.genesis("hello", site=2)), role=role)
    pair.talk()
    pair.events.clear()
    pair.frames.clear()
    return pair


@pytest.mark.usefixtures("newer")
def test_a_new_request_goes_to_the_server_and_its_answer_comes_back() -> None:
    """Both are passed on as they are, the request behind the text that was typed before it."""
    pair = _open()
    pair.client_pad.replace(0, 0, "oh ", 1.0)
    assert pair.client.ask(Shout(0, 7, "hey")) is None
    pair.talk()
    assert [type(message) for message in pair.frames] == [wire.Changes, Shout]
    assert pair.events == [Shout(0, 7, "hey")]
    pair.server.answer(Echo(7, "hey hey"))
    pair.talk()
    assert pair.events[1:] == [Echo(7, "hey hey")]


@pytest.mark.usefixtures("newer")
def test_its_fields_are_checked() -> None:
    pair = _open()
    frame: bytes = msgpack.packb((1001, 0, 7, "far too many words"))
    pair.server.receive(frame, 0.0)
    assert pair.server.ended is not None
    assert "Shout with something else than a text of up to 10 characters" in pair.server.ended.sentence


@pytest.mark.usefixtures("newer")
def test_whoever_lacks_the_role_is_refused_with_a_sentence() -> None:
    """A request needs to read, to write or to own; the server is not bothered with the others."""
    pair = _open(role="view")
    for request in (Shout(0, 1, ""), Whisper(0, 2), Listen(0, 3)):
        assert pair.client.ask(request) is None
    pair.talk()
    assert pair.events == [
        Listen(0, 3),
        wire.Refuse(None, 1, "role", "You may read this file, not write it."),
        wire.Refuse(None, 2, "role", "Only an owner may whisper."),
    ]


@pytest.mark.usefixtures("newer")
def test_no_more_requests_are_carried_out_than_the_limit() -> None:
    pair = _open()
    for number in range(links.REQUESTS_MAX + 1):
        pair.client.ask(Listen(0, number))
    pair.talk()
    [refusal] = pair.told(wire.Refuse)
    assert isinstance(refusal, wire.Refuse)
    assert (refusal.request, refusal.code) == (links.REQUESTS_MAX, "limit")
    assert len(pair.told(Listen)) == links.REQUESTS_MAX


def test_a_peer_without_the_feature_is_sent_neither_and_the_asker_is_refused() -> None:
    """An older release would end the link at some of them, and never answer the others."""
    pair = _open()
    refusal = pair.client.ask(Shout(0, 7, "hey"))
    assert refusal is not None and refusal.request == 7
    assert refusal.sentence == "The server is of an earlier release, which cannot shout: update it."
    pair.server.answer(Echo(7, "hey hey"))
    pair.talk()
    assert pair.frames == pair.events == []


def test_a_number_of_a_newer_release_is_skipped_and_counted() -> None:
    pair = _open()
    for count in (1, 2):
        assert pair.server.receive(wire.encode(Shout(0, count, "hey")), 0.0) == []
        assert (pair.server.unknown, pair.server.state) == (count, "live")


def test_the_agreed_protocol_is_kept() -> None:
    pair = Pair("hello")
    assert (pair.client.protocol, pair.server.protocol) == (0, 0)
    pair.talk()
    assert (pair.client.protocol, pair.server.protocol) == (wire.PROTOCOL, wire.PROTOCOL)


def test_a_request_is_named_in_few_places() -> None:
    """Its class, who carries it out, who asks for it; the example and the test of it are two more."""
    named: Counter[str] = Counter()
    for file in Path(jpterm_like.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "wire"
            ):
                named[node.attr] += 1
    requests = [kind for kind in wire.MESSAGES.values() if issubclass(kind, wire.Request)]
    assert len(requests) >= 9
    # `Discard` has a check of its own in the link, `TellApart` is passed on as it came, and `OpenRecords` opens a channel in the links
    # and is refused by relays.
    assert {kind.__name__: named[kind.__name__] for kind in requests if named[kind.__name__] > 2} == {
        "Discard": 4,
        "OpenRecords": 5,
        "TellApart": 3,
    }
