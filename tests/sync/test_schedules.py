"""People who write, lose the line, die and come back in any order: nothing that two did to one place goes untold.

After each round, when everybody is back and quiet, every word of the text was typed by somebody, or stands in the list of
somebody. Each word of its own is there once or was deleted by somebody who saw it. What several put right alike is there
once. `pytest tests/sync/test_schedules.py --schedules 10000` plays more of them, `--seed N` one.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crdt import Anchor
from crdt.overlaps import words_of
from jpterm_like.client.events import ApartChanged, Event
from jpterm_like.client.session import Session
from tests.sync.network import Peer, simulate
from tests.sync.test_outages import Scene

LINES = 6
WORDS = 5


@dataclass
class Writer:
    """Somebody who edits words, and what they were told."""

    peer: Peer
    chance: random.Random
    known: set[str] = field(default_factory=set)
    """Words that were on this screen just before or after an edit here."""
    places: list[tuple[Anchor, Anchor]] = field(default_factory=list)
    """Where this person was told to look."""
    listed: list[str] = field(default_factory=list)
    """The texts of those places."""
    deleted: list[str] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def session(self) -> Session:
        assert self.peer.session is not None
        return self.peer.session

    async def start(self) -> None:
        if self.peer.session is None:
            await self.peer.start()
        self.session.listen(self._note)
        self._note(ApartChanged())

    def _note(self, event: Event) -> None:
        if not isinstance(event, ApartChanged):
            return
        session = self.peer.session
        if session is None or session.apart is None:
            return
        apart = session.apart
        for overlap in session.buffer.overlaps(apart.common, apart.mine, apart.theirs):
            self.places.append((overlap.first, overlap.last))
            self.listed += overlap.now, overlap.mine, overlap.theirs
        if self.chance.random() < 0.5:
            session.review_done()

    def edit(self) -> None:
        session, chance = self.session, self.chance
        text = session.text
        self.known |= words_of(text)
        words = list(re.finditer(r"\w+", text))
        what = chance.random()
        if what < 0.3 and (wrong := [it for it in words if it[0].startswith("teh")]):
            it = chance.choice(wrong)  # several may put the same one right
            session.replace(it.start() + 1, it.start() + 3, "he")
        elif what < 0.45:
            at = chance.choice(
                [0, *(it.end() + 1 for it in re.finditer("$", text, re.M) if it.end() < len(text))]
            )
            session.replace(at, at, f"{self._word()} {self._word()}\n")
        elif what < 0.65 and words:
            it = chance.choice(words)
            self.deleted.append(it[0])
            session.replace(it.start(), it.end(), self._word())
        elif what < 0.75 and words:
            it = chance.choice(words)
            self.deleted.append(it[0])
            at = chance.randint(it.start(), it.end())
            session.replace(at, at, self._word())
        elif what < 0.9 and words:
            it = chance.choice(words)
            self.deleted.append(it[0])
            session.replace(it.start(), min(len(text), it.end() + 1), "")
        elif words:
            start = text.rfind("\n", 0, chance.choice(words).start()) + 1
            end = text.find("\n", start) + 1 or len(text)
            self.deleted.append(text[start:end])
            session.replace(start, end, "")
        self.known |= words_of(session.text)

    def _word(self) -> str:
        self.count += 1
        word = f"{self.peer.name}{self.count}z"
        self.typed.add(word)
        return word


class Schedule:
    """One story from one seed."""

    def __init__(self, chance: random.Random, root: Path) -> None:
        self.chance = chance
        words = [chance.choice(("teh", "w")) + f"{at:02}" for at in range(LINES * WORDS)]
        self.text = "".join(" ".join(words[at : at + WORDS]) + "\n" for at in range(0, len(words), WORDS))
        (root / "notes.md").write_text(self.text)
        self.scene = Scene(root, chance)
        self.writers: list[Writer] = []
        self.settled = words_of(self.text)
        """Words of the text when all were quiet last."""

    async def live(self) -> None:
        for name in ("ann", "bob", "cid", "dee")[: self.chance.randint(2, 4)]:
            self.writers.append(Writer(await self.scene.join(name), self.chance))
            await self.writers[-1].start()
        for _ in range(self.chance.randint(1, 3)):
            await self._round()
            await self._check()

    async def _round(self) -> None:
        chance, network = self.chance, self.scene.network
        apart = [it for it in self.writers if chance.random() < 0.8]
        for it in apart:
            network.part(it.peer.who)
            network.cut(it.peer.who)
        await asyncio.sleep(chance.uniform(0.5, 3))
        for it in self.writers:
            for _ in range(chance.randint(0, 3)):
                it.edit()
            if it not in apart:
                await asyncio.sleep(1)  # those who are connected hear each other
        if chance.random() < 0.3:
            await self.scene.restart(power=chance.random() < 0.5)
        for it in apart:
            if chance.random() < 0.2:
                if chance.random() < 0.5:
                    await it.peer.die()
                else:
                    await it.peer.close()
                await it.start()
                if chance.random() < 0.5:
                    it.edit()
        chance.shuffle(apart)
        for it in apart:
            network.join(it.peer.who)
            it.session.retry_now()
            if chance.random() < 0.6:
                await asyncio.sleep(chance.choice((0.01, 0.05, 0.2, 2.0)))
            if chance.random() < 0.15:
                network.cut(it.peer.who)
            if chance.random() < 0.1:
                await self.scene.restart(power=chance.random() < 0.5)

    async def _check(self) -> None:
        for it in self.writers:
            it.session.retry_now()
        text = await self.scene.settle(*(it.peer for it in self.writers))
        words = Counter(re.findall(r"\w+", text))
        known = self.settled.union(*(it.known for it in self.writers))
        told = [place for it in self.writers for place in self._places(it)]
        for found in re.finditer(r"\w+", text):
            if found[0] not in known and not any(
                start <= found.end() and found.start() <= end for start, end in told
            ):
                raise AssertionError(f"{found[0]} was typed by nobody, and told to nobody, in {text!r}")
        mentioned = [it for writer in self.writers for it in writer.deleted + writer.listed]
        for token in [it for writer in self.writers for it in writer.typed]:
            if not any(token in it for it in mentioned):
                assert text.count(token) == 1, f"{token} is there {text.count(token)} times in {text!r}"
        for word in words_of(self.text):
            forms = {word, word.replace("teh", "the")}
            if not any(form in it for form in forms for it in mentioned):
                times = sum(text.count(form) for form in forms)
                assert times == 1, f"{word} is there {times} times in {text!r}"
        self.settled = set(words)

    def _places(self, writer: Writer) -> Iterator[tuple[int, int]]:
        for first, last in writer.places:
            start, end = writer.session.buffer.offset(first), writer.session.buffer.offset(last)
            if start is not None and end is not None:
                yield start, end


@pytest.mark.amount
def test_no_overlap_is_silent_in_any_schedule(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    one = request.config.getoption("--seed")
    seeds = range(request.config.getoption("--schedules")) if one is None else [one]
    root = tmp_path

    async def live(chance: random.Random) -> None:
        await Schedule(chance, root).live()

    for seed in seeds:
        root = tmp_path / str(seed)
        root.mkdir()
        try:
            simulate(seed, live)
        except BaseException as problem:
            problem.add_note(f"replay it with: pytest tests/sync/test_schedules.py --seed {seed}")
            raise
