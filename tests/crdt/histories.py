"""Prints digests of everything that random histories encode. A script, run by two interpreters.

    python tests/crdt/histories.py FIRST_SEED SEEDS STEPS

prints whether `crdt` is compiled, then a line for each seed. Needs nothing but `crdt`, so that it runs wherever that
is installed. The last part of a history feeds damaged bytes: what is refused, and in which words, counts too.
"""

from __future__ import annotations

import hashlib
import random
import sys

import crdt
from crdt import Anchor, ForeignOp, Patch, TextBuffer, Version
from crdt.records import Records
from crdt.runs import Layout
from crdt.values import Value

ALPHABET = "abcdefgh \n\0é漢😀\ud800\U0010ffff"


class History:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.hash = hashlib.blake2b(digest_size=16)
        self.layout = self.rng.choice(
            [Layout(), Layout(2, 2, 1, section_max=2), Layout(4, 3, 3), Layout(3, 2, 0)]
        )
        # Sites of all sizes: those above 2^62 have another representation when compiled.
        bits = self.rng.choice([3, 31, 62, 64])
        self.sites = [self.rng.getrandbits(bits) for _ in range(9)] if bits > 3 else list(range(9))
        text = self.rng.choice(["", "It was a dark and stormy night.\n"])
        self.people = [
            TextBuffer.genesis(text, site=self.sites.pop(), author=f"p{number}", layout=self.layout)
            for number in range(self.rng.randrange(2, 5))
        ]
        self.messages: list[bytes] = []
        self.versions = [Version()]
        self.now = 1000.0
        self.carets = [0] * len(self.people)
        self.duet = self.rng.random() < 0.7

    def note(self, data: bytes) -> None:
        self.hash.update(len(data).to_bytes(8, "big") + data)

    def note_patch(self, patch: Patch | None) -> None:
        self.note(repr(patch).encode("utf-8", "surrogatepass"))

    def edit(self, number: int) -> None:
        rng, person = self.rng, self.people[number]
        caret = min(self.carets[number], len(person))
        if rng.random() < 0.4:
            caret = rng.randrange(len(person) + 1)
        kind = rng.random()
        for _ in range(rng.choice([1, 1, 2, 4, 8])):
            start = end = caret
            text = ""
            if kind < 0.5:
                text = rng.choice(ALPHABET)
            elif kind < 0.7:
                start = max(0, end - 1)
            elif kind < 0.8:
                end = min(len(person), start + 1)
            else:
                end = min(len(person), start + rng.randrange(6))
                text = "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(7)))
            self.note_patch(person.replace(start, end, text, self.now))
            caret = start + len(text)
            if number < 2 and rng.random() < 0.8:
                # Key by key to a follower, and mostly in the other direction, too.
                if number == 0 or self.duet:
                    message = person.take_changes()
                    self.note(message)
                    patch = self.people[1 - number].integrate(message)
                    self.note_patch(patch)
                    self.carets[1 - number] = patch.map_offset(self.carets[1 - number])
                else:
                    self.note(person.take_changes())
        self.carets[number] = caret

    def step(self) -> None:
        rng = self.rng
        self.now += rng.choice([0, 0, 0, 0, 1, 20, -5])
        number = rng.randrange(len(self.people))
        person = self.people[number]
        kind = rng.random()
        if kind < 0.5:
            self.edit(number)
        elif kind < 0.65:
            message = person.changes_since(rng.choice([*self.versions, rng.choice(self.people).version]))
            self.note(message)
            self.messages.append(message)
            self.versions.append(person.version)
        elif kind < 0.85 and self.messages:
            self.note_patch(person.integrate(rng.choice(self.messages)))
        elif kind < 0.93:
            if rng.random() < 0.5:
                self.note_patch(rng.choice([person.undo, person.redo])(self.now))
            else:
                self.take_back_in_parts(person)
        elif kind < 0.96:
            offset = rng.randrange(len(person) + 1)
            anchor = person.anchor(offset, rng.random() < 0.5)
            self.note(anchor.encode())
            again = Anchor.decode(anchor.encode())
            self.note(str([other.offset(again) for other in self.people]).encode())
        elif number > 1 and self.sites:
            data = person.encode()
            self.note(data)
            self.people[number] = TextBuffer.decode(
                data, site=self.sites.pop(), own_sites=person.own_sites, layout=self.layout
            )

    def take_back_in_parts(self, person: TextBuffer) -> None:
        again, goes_on = self.rng.random() < 0.5, False
        while part := person.undo_part(self.rng.choice([1, 2]), self.now, again=again, goes_on=goes_on):
            self.note_patch(part.patch)
            if not part.has_more:
                break
            goes_on = True

    def settle(self) -> None:
        for _ in range(2):
            for person in self.people:
                for other in self.people:
                    message = other.changes_since(person.version)
                    self.note(message)
                    self.note_patch(person.integrate(message))
        for person in self.people:
            person.check()
            self.note(person.encode())
            self.note(person.version.encode())
            self.note(person.digest())
            self.note(repr(person.authorship(0, len(person))).encode())
            version = self.rng.choice(self.versions)
            if version <= person.version:
                self.note(person.at(version).encode("utf-8", "surrogatepass"))
                self.note_patch(person.diff(version, person.version))
        assert len({person.digest() for person in self.people}) == 1

    def damage(self) -> None:
        rng = self.rng
        data = self.people[0].encode()
        for _ in range(6):
            bad = bytearray(rng.choice([data, *self.messages, self.people[0].version.encode()]))
            for _ in range(rng.choice([1, 1, 3])):
                at = rng.randrange(len(bad) + 1)
                if rng.random() < 0.5:
                    bad[at : at + 1] = rng.choice([b"\xff", b"\x80", b"\xff" * 9 + b"\x01", b"\x00", b"\x01"])
                else:
                    bad[at : at + 1] = rng.randbytes(1)
            for take in (self.people[0].integrate, self.opened, Version.decode, Anchor.decode):
                try:
                    found: object = take(bytes(bad))
                except ForeignOp as refused:
                    found = str(refused)
                self.note(repr(found).encode("utf-8", "surrogatepass"))

    @staticmethod
    def opened(data: bytes) -> bytes:
        buffer = TextBuffer.decode(data, site=2**64 - 1)
        buffer.replace(0, 0, "x")
        return buffer.encode()

    def records(self, steps: int) -> None:
        """The same with records: messages, parts, replicas, values, and what is refused."""
        rng = self.rng
        sites = [rng.getrandbits(64) for _ in range(3)]
        people = [Records(site=site) for site in sites]
        messages = [b""]
        for _ in range(steps):
            person, other = rng.choice(people), rng.choice(people)
            name = rng.choice("abü")
            values: list[Value] = [
                rng.getrandbits(rng.choice([1, 30, 53])),
                -rng.getrandbits(53),
                rng.random(),
                rng.randbytes(3),
                {name: [None, True], "x": rng.choice(ALPHABET)},
            ]
            kind = rng.randrange(5)
            if kind < 3:
                act = [person.put, person.add][kind % 2]
                self.note(repr(act(name, rng.choice(values)) if kind else person.drop(name)).encode())
                messages.append(person.take_changes())
            elif kind == 3:
                part, version = person.changes_up_to(other.version, rng.choice([1, 50, 5000]))
                messages.append(part)
                self.note(version.encode())
            else:
                bad = bytearray(rng.choice(messages))
                if rng.random() < 0.4:
                    bad[rng.randrange(len(bad) + 1) :] = rng.choice([b"", b"\x80", b"\0", rng.randbytes(9)])
                try:
                    found = repr(person.integrate(bytes(bad)))
                except ForeignOp as refused:
                    found = str(refused)
                self.note(found.encode("utf-8", "surrogatepass"))
            self.note(messages[-1])
        for person in people:
            person.check()
            for data in (person.encode(), person.digest(), Records.decode(person.encode()).encode()):
                self.note(data)
            for site, name in person.lists():
                self.note(repr(person.entries(name, site)).encode("utf-8", "surrogatepass"))


def digest(seed: int, steps: int) -> str:
    history = History(seed)
    for _ in range(steps):
        history.step()
    history.settle()
    history.damage()
    history.records(steps)
    return history.hash.hexdigest()


if __name__ == "__main__":
    first, seeds, steps = map(int, sys.argv[1:])
    print("compiled" if crdt.compiled else "pure")
    for seed in range(first, first + seeds):
        print(seed, digest(seed, steps))
