"""Random histories on the fast buffer and on its slow twin: equal text, elements and versions at every step.

The seed is in the failure message. A long run, a million operations in some minutes:
`CRDT_SEEDS=5000 CRDT_STEPS=100 pytest -n 2 tests/crdt/test_twin.py`; one history again:
`CRDT_FIRST_SEED=17 CRDT_SEEDS=1 …`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

from crdt import TextBuffer, Version
from crdt.runs import Layout
from crdt.site import NEVER
from tests.crdt.model import Model, Op

SEEDS = int(os.environ.get("CRDT_SEEDS", "120"))
STEPS = int(os.environ.get("CRDT_STEPS", "60"))
FIRST_SEED = int(os.environ.get("CRDT_FIRST_SEED", "0"))

ALPHABET = "abcdefgh \n\0é漢😀\ud800\U0010ffff"


class Person:
    """A buffer, its twin, and the messages on their way to them."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.openings = 0
        self.buffer = TextBuffer(site=number + 1, author=f"p{number}", **world.sizes)
        self.model = Model(number + 1)
        self.inbox: list[tuple[bytes, list[Op]]] = []
        self.taken = 0
        self.follower: Person | None = None
        """Receives my edits key by key; may also be followed by me."""
        self.line: list[tuple[bytes, list[Op]]] = []
        """Messages on their way to the follower, in order."""
        self.notes: list[bytes] = []
        self.sealed = 0
        """For this many steps after an opening the full structure is not checked, so untouched groups stay sealed."""

    def send(self) -> None:
        """Send a message: what the other lacks now or lacked once, or only my newest operations."""
        rng = self.world.rng
        other = rng.choice([it for it in self.world.people if it is not self])
        version = rng.choice([other.buffer.version, Version(), rng.choice(self.world.versions)])
        self.world.versions.append(self.buffer.version)
        message = (self.buffer.changes_since(version), self.model.since(dict(version.items())))
        other.inbox.append(message)
        if rng.random() < 0.2:
            other.inbox.append(message)

    def receive(self) -> None:
        rng = self.world.rng
        if not self.inbox:
            return
        data, ops = self.inbox.pop(rng.randrange(len(self.inbox)))
        before = self.buffer.text
        patch = self.buffer.integrate(data)
        assert patch.apply(before) == self.buffer.text
        self.model.integrate(ops)

    def edit(self) -> None:
        """A burst at one position: any mixture of typing, backspaces, deletes, and a paste."""
        rng = self.world.rng
        caret = min(len(self.buffer), self.world.carets.get(self.number, 0))
        if rng.random() < 0.4:
            caret = rng.randrange(len(self.buffer) + 1)
        now = self.world.now
        # Mostly the same key again: the case for the open run.
        kind = rng.random()
        for _ in range(rng.choice([1, 1, 2, 4, 8])):
            if rng.random() < 0.3:
                kind = rng.random()
            start = end = caret
            text = ""
            if kind < 0.45:
                text = rng.choice(ALPHABET)
            elif kind < 0.7:
                start = max(0, end - 1)
            elif kind < 0.85:
                end = min(len(self.buffer), start + 1)
            elif kind < 0.92:
                text = "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(2, 7)))
            else:
                end = min(len(self.buffer), start + rng.randrange(6))
                text = rng.choice(["", "", "x", "xy"])
            before = self.buffer.text if rng.random() < 0.3 else None
            patch = self.buffer.replace(start, end, text, now)
            if before is not None:
                assert patch.apply(before) == self.buffer.text
            if start != end or text:
                self.model.replace(start, end, text)
            # Some type backwards.
            caret = start if kind < 0.1 else start + len(text)
            if self.follower is not None and rng.random() < 0.8:
                self.broadcast()
                if self.follower.follower is self and rng.random() < 0.5:
                    # Both type at once, each at their own position.
                    self.world.carets[self.number] = caret
                    self.follower.edit_on()
                    caret = self.world.carets[self.number]
        self.world.carets[self.number] = caret

    def edit_on(self) -> None:
        """Type one more key where I am, and send it."""
        caret = min(len(self.buffer), self.world.carets.get(self.number, 0))
        start = max(0, caret - 1) if self.world.rng.random() < 0.2 else caret
        text = self.world.rng.choice(ALPHABET) if start == caret else ""
        self.buffer.replace(start, caret, text, self.world.now)
        self.model.replace(start, caret, text)
        self.world.carets[self.number] = start + len(text)
        self.broadcast()

    def broadcast(self) -> None:
        """Send key by key to a follower; each message arrives once and in order."""
        taken = self.model.log.get(self.model.site, [])
        self.line.append((self.buffer.take_changes(), taken[self.taken :]))
        self.taken = len(taken)
        if self.world.rng.random() < 0.7:
            self.deliver()

    def deliver(self) -> None:
        follower = self.follower
        assert follower is not None
        for message, ops in self.line:
            before = follower.buffer.text if self.world.rng.random() < 0.3 else None
            patch = follower.buffer.integrate(message)
            if before is not None:
                assert patch.apply(before) == follower.buffer.text
            follower.model.integrate(ops)
            # Most keep their carets at the other person's text.
            caret = self.world.carets.get(follower.number, 0)
            self.world.carets[follower.number] = patch.map_offset(caret)
        self.line.clear()

    def take_back(self) -> None:
        before = self.buffer.text
        name = self.world.rng.choice(["undo", "undo", "redo"])
        # The grouping of edits into steps has tests of its own; here the twin copies it.
        self.buffer.break_undo()
        self.model.undo_steps = cut(self.model.log, self.buffer._undo.done)
        self.model.redo_steps = cut(self.model.log, self.buffer._undo.undone)
        begin = self.model.version.get(self.model.site, 0)
        if self.world.rng.random() < 0.5:
            patch = getattr(self.buffer, name)(now=self.world.now)
            assert (before if patch is None else patch.apply(before)) == self.buffer.text
        else:
            self.take_back_in_parts(again=name == "redo")
        getattr(self.model, name)()
        self.model.reorder(begin, self.raises_since(begin))

    def take_back_in_parts(self, again: bool) -> None:
        """Undo or redo one step, a run or two at a time."""
        goes_on = has_more = False
        while has_more or not goes_on:
            before = self.buffer.text
            part = self.buffer.undo_part(
                self.world.rng.choice([1, 2]), self.world.now, again=again, goes_on=goes_on
            )
            if part is None:
                break
            assert part.patch.apply(before) == self.buffer.text
            goes_on, has_more = True, part.has_more

    def revert(self) -> None:
        """Revert some operations of anybody; undoing that is exact, whoever wrote meanwhile."""
        rng = self.world.rng
        operations: dict[int, list[tuple[int, int]]] = {}
        for site, clock in self.buffer.version.items():
            if rng.random() < 0.4:
                ends = sorted(rng.randrange(clock + 1) for _ in range(rng.choice([2, 2, 4])))
                operations[site] = (
                    [*zip(ends[::2], ends[1::2], strict=True)] if rng.random() < 0.8 else [(0, clock)]
                )
        before = self.buffer.text
        effect = self.buffer.effect_of(operations)
        begin = self.model.version.get(self.model.site, 0)
        patch = self.buffer.revert(operations, self.world.now)
        assert patch.apply(before) == self.buffer.text
        assert bool(effect) == bool(patch.splices)
        assert sum(len(text) if shows else -len(text) for _, text, shows in effect) == (
            len(self.buffer) - len(before)
        )
        self.model.revert(operations)
        self.model.reorder(begin, self.raises_since(begin))
        if patch.splices and rng.random() < 0.3:
            assert self.buffer.undo(self.world.now) is not None
            assert self.buffer.text == before
            self.model.undo_steps = [self.model.log[self.model.site][begin:]]
            begin = self.model.version[self.model.site]
            self.model.undo()
            self.model.reorder(begin, self.raises_since(begin))

    def raises_since(self, begin: int) -> list[tuple[tuple[int, int], int]]:
        """Return target and level of each of my operations from a clock on; all are raises."""
        own, sites = self.buffer._own, self.buffer._sites
        raises = []
        for clock in range(begin, own.clock):
            raised = own.raise_at(clock)
            assert raised is not None
            target, seq, level = raised
            raises.append(((sites[target].id, sites[target].clock_of(seq)), level))
        return raises

    def note(self) -> None:
        """Store the notes of undo steps as a journal does."""
        note = self.buffer.take_steps(whole=self.world.rng.random() < 0.1)
        if note:
            self.notes.append(note)

    def reopen(self) -> None:
        """Save, load, and continue as a new site of the same replica, with its undo steps."""
        self.note()
        steps = [cut(self.model.log, stack) for stack in (self.buffer._undo.done, self.buffer._undo.undone)]
        if self.buffer._undo.begin >= 0:
            steps[0] += cut(
                self.model.log, [self.buffer.site, self.buffer._undo.begin, self.buffer._own.clock]
            )
        self.openings += 1
        site = self.number + 1 + 10 * self.openings
        own_sites = self.buffer.own_sites
        data = self.buffer.encode()
        self.buffer = TextBuffer.decode(
            data, site=site, author=f"p{self.number}", own_sites=own_sites, **self.world.sizes
        )
        old = self.model
        self.model = Model(site, own_sites=own_sites)
        self.model.early.update(op for ops in old.log.values() for op in ops)
        self.model.settle()
        # Early operations are not saved: a later exchange by version brings them.
        assert not self.model.early
        self.taken = 0
        self.buffer.restore_steps(self.notes)
        kept = [cut(self.model.log, stack) for stack in (self.buffer._undo.done, self.buffer._undo.undone)]
        assert kept == steps
        self.sealed = self.world.rng.choice([0, 1, 3, 10])

    def check(self) -> None:
        if self.sealed:
            self.sealed -= 1
            self.check_sealed()
            return
        self.buffer.check()
        assert dict(self.buffer.version.items()) == self.model.version
        assert list(self.buffer.elements()) == self.model.elements()
        ids = self.buffer.ids(0, len(self.buffer))
        assert [
            (site, clock + at - start) for start, end, site, clock in ids for at in range(start, end)
        ] == (self.model.shown())
        assert self.buffer.text == self.model.text
        assert len(self.buffer) == len(self.model.text)
        if self.world.rng.random() < 0.2:
            self.check_kept_bytes()

    def check_kept_bytes(self) -> None:
        """Only changed parts are encoded again, and encoding everything from scratch gives the same bytes."""
        data = self.buffer.encode()
        for group in self.buffer._runs.groups():
            group.page = group.deleted = None
        for site in self.buffer._sites:
            site.packed_raises = site.packed_marks = ()
            site.packed_total = NEVER
        assert self.buffer.encode() == data

    def check_sealed(self) -> None:
        """Assert everything that can be checked without unpacking the document."""
        text = self.model.text
        start = self.world.rng.randrange(len(text) + 1)
        end = self.world.rng.randrange(start, len(text) + 1)
        assert self.buffer.slice(start, end) == text[start:end]
        assert self.buffer.text == text
        assert dict(self.buffer.version.items()) == self.model.version
        assert TextBuffer.decode(self.buffer.encode()).text == text
        self.buffer._runs.check()


def cut(logs: dict[int, list[Op]], steps: Sequence[int]) -> list[list[Op]]:
    return [
        logs.get(site, [])[begin:end]
        for site, begin, end in zip(steps[::3], steps[1::3], steps[2::3], strict=True)
    ]


class World:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sizes: dict[str, Any] = self.rng.choice(
            [
                {"layout": Layout(2, 2, 1, section_max=2)},
                {"layout": Layout(4, 3, 3)},
                {"layout": Layout(3, 2, 0)},
                {},
            ]
        )
        self.now = 1000.0
        self.versions = [Version()]
        self.carets: dict[int, int] = {}
        self.people: list[Person] = []
        self.people = [Person(self, number) for number in range(self.rng.randrange(2, 6))]
        if self.rng.random() < 0.7:
            live, follower = self.rng.sample(self.people, 2)
            live.follower = follower
            if self.rng.random() < 0.6:
                follower.follower = live

    def step(self) -> None:
        self.now += self.rng.choice([0, 0, 0, 0, 0, 1, 20, -5])
        person = self.rng.choice(self.people)
        kind = self.rng.random()
        if kind < 0.55:
            person.edit()
        elif kind < 0.7:
            person.send()
        elif kind < 0.88:
            person.receive()
        elif kind < 0.95:
            person.take_back()
        elif kind < 0.958:
            person.note()
        elif kind < 0.975:
            person.revert()
        else:
            person.reopen()
        person.check()

    def settle(self) -> None:
        for person in self.people:
            while person.inbox:
                person.receive()
        for _ in range(2):
            for person in self.people:
                for other in self.people:
                    ops = other.model.since(dict(person.buffer.version.items()))
                    person.buffer.integrate(other.buffer.changes_since(person.buffer.version))
                    person.model.integrate(ops)
        for person in self.people:
            person.sealed = 0
            person.check()
            assert person.buffer.version == self.people[0].buffer.version
            assert person.buffer.text == self.people[0].buffer.text
            assert person.buffer.digest() == self.people[0].buffer.digest()
            assert list(person.buffer.elements()) == list(self.people[0].buffer.elements())
            for version in self.rng.sample(self.versions, min(4, len(self.versions))):
                if version <= person.buffer.version:
                    assert person.buffer.at(version) == person.model.at(dict(version.items()))
                    patch = person.buffer.diff(version, person.buffer.version)
                    assert patch.apply(person.buffer.at(version)) == person.buffer.text
        first = self.people[0].buffer
        copy = TextBuffer.decode(first.encode(), site=999, **self.sizes)
        copy.check()
        assert list(copy.elements()) == list(first.elements())
        assert copy.encode() == first.encode()


@pytest.mark.parametrize("block", range(FIRST_SEED, FIRST_SEED + SEEDS, 20))
def test_random_histories_agree_with_the_slow_twin(block: int) -> None:
    """In any order of delivery, with duplicates and late pasts, all replicas end as the article says."""
    for seed in range(block, min(block + 20, FIRST_SEED + SEEDS)):
        world = World(seed)
        try:
            for _ in range(STEPS):
                world.step()
            world.settle()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


@pytest.mark.parametrize(
    "seed",
    [
        # Backspaces moved characters from one group of runs to a deleted run in the next, which kept its encoded
        # form: the document could not be decoded.
        104,
        # For an undo of two operations, the past of only one had arrived.
        750,
    ],
)
def test_seeds_that_failed_once(seed: int) -> None:
    world = World(seed)
    for _ in range(100):
        world.step()
    world.settle()
