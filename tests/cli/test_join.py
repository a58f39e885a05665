"""Texts of one name that began apart are made one: by one person or by several at one moment, with everything that anybody wrote."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from jpterm_like.cli.main import main
from tests.cli.syncing import Person, stories
from tests.cli.test_sync import ann, bob, place

__all__ = ["ann", "bob", "place"]


def all_sync(place: Path, *people: Person, rounds: int = 3) -> None:
    for _ in range(rounds):
        for person in people:
            facts = person.sync(place)
            assert "refused" not in facts, facts


def two_births(ann: Person, bob: Person, place: Path, hers: str, his: str) -> None:
    ann.write("notes.md", hers)
    bob.write("notes.md", his)
    all_sync(place, ann, bob)
    assert sorted(ann.files()) == ["notes (Bob).md", "notes.md"]
    assert sorted(bob.files()) == ["notes (Ann).md", "notes.md"]


def test_two_texts_of_one_name_become_one(ann: Person, bob: Person, place: Path) -> None:
    """The lines that both have are there once; the message about the second text says how. What is written then is at both."""
    two_births(ann, bob, place, "# Notes\n- milk\n- ann\n", "# Notes\n- milk\n- bob\n")
    facts = ann.sync(place, join="notes (Bob).md")
    assert any("is one text with notes" in each for each in facts["notices"]) and facts["same"], facts
    [(name, text)] = ann.files().items()
    assert name == "notes.md" and Counter(text.splitlines()) == Counter(
        ["# Notes", "- milk", "- ann", "- bob"]
    )
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"notes.md": text}
    bob.write("notes.md", text + "- more\n")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"notes.md": text + "- more\n"}
    assert "no other text called notes.md" in str(ann.sync(place, join="notes.md")["problems"])
    assert "There is no x.md here" in str(ann.sync(place, join="x.md")["problems"])
    assert ann.sync(place)["sentence"] == "Nothing is new; all is the same."


def test_the_message_about_a_second_text_says_how_they_are_joined(
    ann: Person, bob: Person, place: Path
) -> None:
    ann.write("notes.md", "ann\n")
    bob.write("notes.md", "bob\n")
    ann.sync(place)
    [said] = bob.sync(place)["notices"]
    assert said.endswith(
        "so the one that came is notes (Ann).md. To make one text of both: jpterm-like sync --join 'notes (Ann).md'"
    )
    bob.sync(place)
    assert main(["sync", str(place), str(bob.texts), "--join", "notes (Ann).md"]) == 0
    assert len(bob.files()) == 1


def test_two_who_join_at_one_moment_have_one_text(ann: Person, bob: Person, place: Path) -> None:
    two_births(ann, bob, place, "same\nann\n", "same\nbob\n")
    away = place.with_name("away")
    away.mkdir()
    for path in place.iterdir():
        (away / path.name).write_bytes(path.read_bytes())
    ann.sync(place, join="notes.md")
    place.rename(place.with_name("hers"))
    away.rename(place)  # as a carrier shows it that has not delivered what she did
    bob.write("notes.md", "same\nbob\nmeanwhile\n")
    bob.sync(place, join="notes.md")
    for path in place.with_name("hers").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() and list(ann.files()) == ["notes.md"]
    assert Counter(ann.files()["notes.md"].split()) == Counter(["same", "ann", "bob", "meanwhile"])


def test_what_is_written_into_the_other_text_by_somebody_who_does_not_know_still_comes(
    ann: Person, bob: Person, place: Path
) -> None:
    two_births(ann, bob, place, "ann\n", "bob\n")
    ann.sync(place, join="notes.md")
    for name, text in bob.files().items():
        bob.write(name, f"{text}late in {name[:7]}\n")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() and list(ann.files()) == ["notes.md"]
    found = Counter(ann.files()["notes.md"].splitlines())
    assert found == Counter(["ann", "bob", "late in notes.m", "late in notes ("])


def test_a_newcomer_has_one_text(
    ann: Person, bob: Person, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_births(ann, bob, place, "ann\n", "bob\n")
    ann.sync(place, join="notes.md")
    eve = Person(tmp_path, "Eve", monkeypatch)
    assert eve.sync(place)["same"] and eve.files() == ann.files()


@pytest.mark.amount
def test_random_writing_and_joining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Three people, three births, several joins by people who know different parts: one text, each word once, on all of them."""
    for seed, folder in stories(pytestconfig, "--parts", tmp_path):
        people = [Person(folder, who, monkeypatch) for who in ("Ann", "Bob", "Eve")]
        join_at_random(people, folder / "place", seed)


def join_at_random(people: list[Person], place: Path, seed: int) -> None:
    chance = random.Random(f"joins {seed}")
    written: set[str] = set()
    for person in people:
        person.write("notes.md", f"{chance.choice(['same', '# same'])}\n{person.who}0\n")
        written.add(f"{person.who}0")
    for number in range(1, 12):
        person = chance.choice(people)
        what = chance.choice(["write", "sync", "sync", "join"])
        if what == "write":
            name = chance.choice(sorted(person.files()) or ["notes.md"])
            lines = person.files().get(name, "").splitlines(keepends=True)
            lines.insert(chance.randint(0, len(lines)), f"{person.who}{number}\n")
            person.write(name, "".join(lines))
            written.add(f"{person.who}{number}")
        else:
            person.sync(place, join=chance.choice(sorted(person.files()) or ["x"]) if what == "join" else "")
    for _ in range(3):
        for person in people:
            person.sync(place)
            if len(person.files()) > 1:
                person.sync(place, join=min(person.files()))
    all_sync(place, *people)
    first = people[0].files()
    assert all(person.files() == first for person in people), (seed, [person.files() for person in people])
    assert list(first) == ["notes.md"], (seed, first)
    found = Counter(first["notes.md"].split())
    assert {word: found[word] for word in written} == dict.fromkeys(written, 1), (seed, first)
