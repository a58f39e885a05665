"""Mistakes of ours, made on purpose: each ends what it happened in, is logged and told, and the session lives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from crdt import Patch
from jpterm_like.background import MISTAKE
from jpterm_like.client.events import Changed, Event, Notice, RequestFailed
from jpterm_like.client.session import Session
from jpterm_like.sync.link import Link
from tests.sync.network import Peer, session_of, simulate
from tests.sync.test_outages import Scene


class Mistake(Exception):
    """One of ours."""


def fails_once(does: Callable[..., object]) -> Callable[..., object]:
    """The same, but the first call raises."""
    left = [1]

    def call(*arguments: object, **options: object) -> object:
        if left:
            left.pop()
            raise Mistake
        return does(*arguments, **options)

    return call


async def both(scene: Scene) -> tuple[Session, Session, Callable[[], object]]:
    """Ann and Bob in one text, and what waits until they are equal."""
    ann, bob = await scene.join("ann"), await scene.join("bob")
    return session_of(ann), session_of(bob), lambda: scene.settle(ann, bob)


def test_an_error_in_a_listener_ends_that_listener_and_the_session_lives(
    tmp_path: Path, mistakes: list[str]
) -> None:
    """A listener that raises is told nothing more, the others are told why, and text goes both ways as before."""
    told: list[Event] = []
    calls: list[Event] = []

    def bad(event: Event) -> None:
        calls.append(event)
        if isinstance(event, Changed):
            raise Mistake("in a script's listener")

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, bob, settled = await both(scene)
        forget = ann.listen(bad)
        ann.listen(told.append)
        for words in ("one ", "two "):
            bob.replace(0, 0, words)
            await settled()
        ann.replace(0, 0, "three ")
        assert await settled() == "three two one "
        forget()
        assert len([event for event in calls if isinstance(event, Changed)]) == 1
        (notice,) = [event for event in told if isinstance(event, Notice)]
        assert "in a script's listener" in notice.sentence
        assert notice.serious
        assert len([event for event in told if isinstance(event, Changed)]) == 3

    simulate(1, lambda chance: story())
    assert len(mistakes) == 1
    mistakes.clear()


def test_a_mistake_before_anybody_listens_is_told_to_the_first_who_does(
    tmp_path: Path, mistakes: list[str]
) -> None:
    """That the only listener has ended is kept for the next one."""
    told: list[Event] = []

    def bad(event: Event) -> None:
        raise Mistake

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, _, settled = await both(scene)
        ann.listen(bad)
        ann.replace(0, 0, "words ")
        await settled()
        ann.listen(bad)  # is told of it, and fails at once
        ann.listen(told.append)
        assert len([event for event in told if isinstance(event, Notice) and event.serious]) == 1

    simulate(2, lambda chance: story())
    assert len(mistakes) == 2
    mistakes.clear()


@pytest.mark.parametrize("name", ["receive", "tick", "next_frames"])
def test_a_mistake_in_a_conversation_ends_the_line_and_the_next_one_has_everything(
    name: str, tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a link fails, on either side, nobody stays connected with nothing sent."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, bob, settled = await both(scene)
        monkeypatch.setattr(Link, name, fails_once(getattr(Link, name)))
        ann.replace(0, 0, "one ")
        bob.replace(0, 0, "two ")
        await asyncio.sleep(20)
        text = await settled()
        assert sorted(str(text).split()) == ["one", "two"]

    simulate(3, lambda chance: story())
    assert len(mistakes) == 1
    mistakes.clear()


def test_a_mistake_in_the_client_alone_is_shown_as_such_until_it_is_connected_anew(
    tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status says that there is no line, and why, not "connected"."""
    reasons: list[str] = []

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, bob, settled = await both(scene)
        monkeypatch.setattr(ann.pad, "integrate", fails_once(ann.pad.integrate))
        ann.listen(lambda event: reasons.append(ann.status.reason))
        bob.replace(0, 0, "two ")
        await asyncio.sleep(5)
        assert await settled() == "two "
        assert MISTAKE in reasons

    simulate(4, lambda chance: story())
    assert len(mistakes) == 1
    mistakes.clear()


@pytest.mark.parametrize("kind", ["connect", "present"])
def test_a_mistake_in_a_task_of_a_session_begins_it_anew(
    kind: str, tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither connecting nor telling where I am ends for good, and of the former one is told, with what to do."""
    told: list[Event] = []

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, bob, settled = await both(scene)
        ann.listen(told.append)
        if kind == "connect":
            monkeypatch.setattr(ann._address, "connect", fails_once(ann._address.connect))
        else:
            monkeypatch.setattr(ann, "_check", fails_once(ann._check))
        scene.network.cut("ann")
        bob.replace(0, 0, "two ")
        await asyncio.sleep(40)
        assert await settled() == "two "
        assert not any(task.done() for task in ann._tasks[:2]), "the others tell something once"

    simulate(5, lambda chance: story())
    lines = [it.sentence for it in told if isinstance(it, Notice) and it.topic == "line"]
    assert [line.startswith(MISTAKE) and "go on writing" in line for line in lines] == [True] * (
        kind == "connect"
    )
    assert len(mistakes) == 1
    mistakes.clear()


def test_a_mistake_in_the_journal_is_told_and_the_text_is_sent_all_the_same(
    tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong with the journal never keeps anybody from writing, mistakes of ours included."""
    told: list[Event] = []

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann, _, settled = await both(scene)
        ann.listen(told.append)
        saver = ann._journal._saver
        monkeypatch.setattr(saver, "write", fails_once(lambda **_: saver.__class__.write(saver, **_)))
        ann.replace(0, 0, "one ")
        assert await settled() == "one "
        assert any(isinstance(event, Notice) and "not kept" in event.sentence for event in told)

    simulate(6, lambda chance: story())
    assert len(mistakes) == 1
    mistakes.clear()


def test_a_mistake_in_what_a_guest_asked_for_ends_the_line_of_that_guest(
    tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits without end for an answer that does not come."""

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1), autosave_s=None)
        ann, _, settled = await both(scene)
        assert scene.host.server is not None
        document = scene.host.server.documents.by_name["notes.md"].document
        monkeypatch.setattr(document, "save", fails_once(document.save))
        ann.replace(0, 0, "one ")
        with pytest.raises(RequestFailed):
            await asyncio.wait_for(ann.save(), 20)
        await asyncio.sleep(5)
        assert await settled() == "one "
        await ann.save()

    simulate(7, lambda chance: story())
    assert len(mistakes) == 1
    mistakes.clear()


def test_a_mistake_in_writing_one_document_leaves_the_others_stored(
    tmp_path: Path, mistakes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document whose store cannot be written by a mistake of ours is told of, and the commit goes on with the rest."""
    told: list[Event] = []

    async def story() -> None:
        scene = Scene(tmp_path, random.Random(1))
        ann = await scene.join("ann")
        other = Peer("bob", scene.network)
        other.path = "other.md"
        await other.start()
        bob = session_of(other)
        await asyncio.wait_for(bob.synced(), 60)
        server = scene.host.server
        assert server is not None
        opened = server.documents.by_name["notes.md"]

        def never(**_: object) -> bool:
            raise Mistake

        monkeypatch.setattr(opened.document.saver, "write", never)
        session_of(ann).listen(told.append)
        session_of(ann).replace(0, 0, "one ")
        bob.replace(0, 0, "two ")
        await asyncio.wait_for(bob.stored(), 10)
        assert any(isinstance(event, Notice) and "Not stored" in event.sentence for event in told)
        monkeypatch.undo()
        await asyncio.wait_for(session_of(ann).stored(), 10)

    simulate(8, lambda chance: story())
    assert mistakes
    mistakes.clear()


def test_all_who_observe_a_pad_are_told_although_one_fails() -> None:
    """An error in one observer is raised when the others have been told: they follow the same text."""
    from crdt import TextBuffer
    from jpterm_like.sync.pad import Pad

    pad = Pad(TextBuffer.genesis("", site=1))
    seen: list[str] = []

    def bad(patch: Patch, origin: object) -> None:
        raise Mistake

    pad.on_patch[:] = [bad, lambda patch, origin: seen.append("patch")]
    pad.on_news.append(lambda: seen.append("news"))
    with pytest.raises(Mistake):
        pad.replace(0, 0, "x", 0.0)
    assert seen == ["patch", "news"]
