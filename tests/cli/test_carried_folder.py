"""Two people whose texts and packs lie in one folder that another program carries: files and packs arrive in any order."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path
from string import ascii_lowercase

import pytest

from crdt import TextBuffer, Version
from jpterm_like.server import carried_file
from jpterm_like.server.server import Server
from tests.cli.syncing import Person, stories

NAME = "notes.md"
SYNCS_MAX = 8
"""Rounds until all is the same, once everything is delivered."""


class Carrier:
    """Carries files between two folders as Syncthing does: one at a time, and if both have changed, the loser becomes a copy."""

    def __init__(self, chance: random.Random, people: list[Person]) -> None:
        self.chance = chance
        self.people = people
        self.agreed: dict[str, bytes] = {}
        self.copies = 0

    def files(self, person: Person) -> list[str]:
        return sorted(
            path.relative_to(person.texts.parent).as_posix()
            for folder in (person.texts, person.texts.parent / "packs")
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".")
        )

    def deliver(self, source: Person, to: Person, name: str) -> bool:
        """Bring one file to the other side if it has changed there since; return whether anything was written."""
        ours, theirs = source.texts.parent / name, to.texts.parent / name
        new, old = ours.read_bytes(), theirs.read_bytes() if theirs.exists() else None
        agreed = self.agreed.get(name)
        if new in (agreed, old):
            return False
        if old != agreed:
            assert old is not None
            self.copies += 1
            stem, _, ending = name.rpartition(".")
            copy = f"{stem}.sync-conflict-20261129-{self.copies:06}-GE6TANB.{ending}"
            if self.chance.random() < 0.5:
                put(to.texts.parent / copy, old)
            else:
                put(source.texts.parent / copy, new)
                new, theirs = old, ours
        put(theirs, new)
        self.agreed[name] = new
        return True

    def deliver_some(self) -> None:
        source, to = self.chance.sample(self.people, 2)
        names = self.files(source)
        for name in self.chance.sample(names, self.chance.randint(0, len(names))):
            self.deliver(source, to, name)

    def deliver_all(self) -> bool:
        ann, bob = self.people
        moved = [self.deliver(ann, bob, name) for name in self.files(ann)]
        return any(moved + [self.deliver(bob, ann, name) for name in self.files(bob)])


def put(path: Path, raw: bytes) -> None:
    """Write a file of a while ago, so that nobody waits for it to come to rest."""
    path.write_bytes(raw)
    os.utime(path, (time.time() - 10,) * 2)


def type_in_editor(person: Person, chance: random.Random, word: str) -> None:
    """Write a line as somebody in an editor, and save."""

    async def work(server: Server) -> None:
        path = person.texts / NAME
        opened = await server.documents.open(str(path), path)
        pad = opened.document.pad
        theirs = TextBuffer(author=person.who, lineage=pad.buffer.lineage, site=chance.getrandbits(64))
        theirs.integrate(pad.buffer.changes_since(Version()))
        at = chance.choice([0, *(found.end() for found in re.finditer("\n", theirs.text))])
        theirs.replace(at, at, f"{word}\n")
        pad.integrate(theirs.changes_since(pad.buffer.version), None)
        await opened.document.save()

    person.do(work)


def people_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Person]:
    people = []
    for who in ("Ann", "Bob"):
        tree = folder / f"tree of {who}"
        (tree / ".stfolder").mkdir(parents=True)
        (tree / "packs").mkdir()
        person = Person(tree, who, monkeypatch)
        person.home = folder / who
        person.texts = person.texts.rename(tree / "texts")
        people.append(person)
    return people


def sync(person: Person) -> dict[str, object]:
    return person.sync(person.texts.parent / "packs")


def settle(carrier: Carrier) -> None:
    """Deliver and sync until nothing moves any more."""
    for _ in range(SYNCS_MAX):
        moved = carrier.deliver_all()
        for person in carrier.people:
            facts = sync(person)
            assert "refused" not in facts, facts
            moved |= bool(facts["packs_sent"]) or bool(facts["packs_fetched"])
        if not moved and not carrier.deliver_all():
            return
    raise AssertionError("it never comes to rest")


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(carried_file, "HOLD_S", 1e9)
    ann, bob = people = people_of(folder, monkeypatch)
    carrier = Carrier(chance, people)
    ann.write(NAME, "".join(f"line {number}\n" for number in range(6)))
    sync(ann)
    for name in carrier.files(ann):
        if name != f"texts/{NAME}" or chance.random() < 0.5:
            carrier.deliver(ann, bob, name)
    sync(bob)
    typed = set[str]()
    for _ in range(chance.randint(4, 12)):
        person = chance.choice(people)
        match chance.randrange(5):
            case 0 | 1:
                typed.add(word := f"<{''.join(chance.choices(ascii_lowercase, k=8))}>")
                type_in_editor(person, chance, word)
            case 2:
                sync(person)
            case _:
                carrier.deliver_some()
    settle(carrier)
    monkeypatch.setattr(carried_file, "HOLD_S", 0.0)  # a minute later
    settle(carrier)
    texts = [(person.texts / NAME).read_text() for person in people]
    assert texts[0] == texts[1]
    words = re.findall("<[a-z]+>", texts[0])
    assert typed <= set(words), f"lost: {typed - set(words)} of {texts[0]!r}"
    left = [path for person in people for path in person.texts.glob("*conflict*")]
    assert not left, f"copies were not put away: {left}"
    assert len(words) == len(set(words)), f"there twice: {texts[0]!r}"


@pytest.mark.amount
def test_whatever_comes_first_each_word_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Two people write and save; files and packs come in any order, and copies of both sides' work are put away."""
    for seed, folder in stories(pytestconfig, "--carried", tmp_path):
        try:
            run(folder, monkeypatch, seed)
        except AssertionError as problem:
            raise AssertionError(f"--seed {seed}: {problem}") from problem


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Person]:
    """Ann and Bob with the same text and packs, at rest."""
    people = people_of(tmp_path, monkeypatch)
    people[0].write(NAME, "one\ntwo\nthree\n")
    sync(people[0])
    settle(Carrier(random.Random(0), people))
    return people


def carry(source: Person, to: Person, *, packs: bool = True, file: bool = True) -> None:
    """Bring all packs to the other side, or the file over the one that is there."""
    if packs:
        for path in (source.texts.parent / "packs").iterdir():
            put(to.texts.parent / "packs" / path.name, path.read_bytes())
    if file:
        put(to.texts / NAME, (source.texts / NAME).read_bytes())


@pytest.mark.parametrize("is_late", [False, True])
def test_a_file_that_comes_before_its_history_is_there_once(
    two: list[Person], monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """Also if it comes so late that the others have what was merged of the file."""
    ann, bob = two
    type_in_editor(bob, random.Random(0), "<bob>")
    carry(bob, ann, packs=False)
    if is_late:
        monkeypatch.setattr(carried_file, "HOLD_S", 0.0)
    assert sync(ann)["same"] is is_late
    assert ann.files()[NAME].count("<bob>") == 1
    carry(ann, bob, file=False)
    sync(bob)
    carry(bob, ann)
    for _ in range(2):
        sync(ann)
        carry(ann, bob)
        sync(bob)
        carry(bob, ann)
    assert ann.files()[NAME] == bob.files()[NAME]
    assert ann.files()[NAME].count("<bob>") == 1


def test_an_old_file_over_a_newer_one_deletes_nothing(two: list[Person]) -> None:
    """The carrier took Bob's file for the newer one; Ann's line is in her history."""
    ann, bob = two
    type_in_editor(bob, random.Random(1), "<bob>")
    sync(bob)
    type_in_editor(ann, random.Random(2), "<ann>")
    carry(bob, ann)
    sync(ann)
    assert "<ann>" in ann.files()[NAME] and "<bob>" in ann.files()[NAME]
    carry(ann, bob)
    sync(bob)
    assert bob.files()[NAME] == ann.files()[NAME]


def test_what_another_program_wrote_is_sent_a_minute_later(
    two: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = two
    put(ann.texts / NAME, b"one\ntwo\nthree\nfour\n")
    facts = sync(ann)
    assert not facts["same"] and "has just been changed by another program" in str(facts["problems"])
    monkeypatch.setattr(carried_file, "HOLD_S", 0.0)
    assert sync(ann)["same"]
    carry(ann, bob, file=False)
    sync(bob)
    assert bob.files()[NAME] == ann.files()[NAME] == "one\ntwo\nthree\nfour\n"


def test_a_copy_that_the_history_has_is_put_away(two: list[Person]) -> None:
    ann, bob = two
    copy = "notes.sync-conflict-20261129-191435-GE6TANB.md"
    type_in_editor(bob, random.Random(1), "<bob>")
    (ann.texts / copy).write_bytes((bob.texts / NAME).read_bytes())
    assert copy in str(sync(ann)["problems"])
    sync(bob)
    carry(bob, ann, file=False)
    assert sync(ann)["same"]
    assert sorted(path.name for path in ann.texts.glob("*.md")) == [NAME]
    assert (ann.texts / ".jpterm-like/merged" / copy).read_text().count("<bob>") == 1
