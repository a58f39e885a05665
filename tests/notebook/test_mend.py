"""Markers stay whole, ids unique and words there, whatever several people do to the cells of one text, offline or not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest

from crdt import Patch, TextBuffer
from jpterm_like.notebook.cells import Cell, Part, join_cells, parts_of, split_cells
from jpterm_like.notebook.mend import mend


def numbered() -> Callable[[], str]:
    numbers = count()
    return lambda: f"new{next(numbers)}"


def mended(
    text: str, *, known: str = "", carets: tuple[int, ...] = (), recent: tuple[tuple[int, int], ...] = ()
) -> str:
    return Patch(tuple(mend(text, numbered(), known=known.split(), carets=carets, recent=recent))).apply(text)


@pytest.mark.parametrize(
    ("text", "known", "becomes"),
    [
        ("", "", ""),
        ("# %% id=a\nx\n# %% [markdown] id=b\ny", "a b", None),
        ("# %% id=a\nx\n# %%\ny", "a", "# %% id=a\nx\n# %% id=new0\ny"),
        ("# %% id=a\nx\n# %% [markdown]  \ny", "a", "# %% id=a\nx\n# %% [markdown] id=new0  \ny"),
        ("# %% id=a\n# %% Results\n# %%time", "a", None),
        ("hello", "", "# %% id=new0\nhello"),
        ("hello\n# %% id=a\nx", "a", "# %% id=new0\nhello\n# %% id=a\nx"),
        ("# %% id=a\nx\n# %% id=a\nx", "a", "# %% id=a\nx\n# %% id=new0\nx"),
        ("# %% id=a\nbar# %% id=c\nx", "a c", "# %% id=a\nbar\n# %% id=c\nx"),
        ("bar# %% [raw] id=c\nx", "c", "# %% id=new0\nbar\n# %% [raw] id=c\nx"),
        ("# %% id=a\nbar# %% id=c\nx", "a", "# %% id=a\nbar\n# %% id=c\nx"),
        ("# %% id=a foo", "a", "# %% id=a\n foo"),
        ("# %% id=afoo\nx", "a", "# %% id=a\nfoo\nx"),
        ("# %% id=a\nprint('# %% id=z')", "a", None),
        ("# %% id=a\n# %% id=b", "a b", "# %% id=a\n\n# %% id=b\n"),
        ("# %%", "", "# %% id=new0\n"),
        ("x# %% id=a# %% id=b", "", "# %% id=new0\nx\n# %% id=a\n\n# %% id=b\n"),
    ],
)
def test_what_is_mended(text: str, known: str, becomes: str | None) -> None:
    """Each once, and then no more."""
    found = mended(text, known=known)
    assert found == (text if becomes is None else becomes)
    assert mended(found, known=known) == found


def test_the_copy_gets_a_new_id() -> None:
    """Also if it was pasted above the cell that it is a copy of."""
    text = "# %% id=a\nx\n# %% id=a\nx"
    assert mended(text, known="a", recent=((0, 12),)) == "# %% id=new0\nx\n# %% id=a\nx"


def test_a_marker_that_is_being_typed_waits() -> None:
    text = "# %% id=a\nx\n# %%"
    assert mended(text, known="a", carets=(len(text),)) == text
    assert mended(text, known="a", carets=(11,)) == f"{text} id=new0\n"


class Person:
    """A replica, and what its owner does to cells with it, as the commands of an editor do."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.random = world.random
        self.buffer = TextBuffer.genesis(world.genesis, site=number + 1)

    def act(self) -> None:
        actions = [
            self.type,
            self.type,
            self.type,
            self.split,
            self.join,
            self.move,
            self.delete,
            self.paste,
            self.undo,
        ]
        self.buffer.break_undo()
        self.random.choice(actions)()

    def type(self) -> None:
        parts = parts_of(self.buffer.text)
        character = self.world.new_character()
        if parts:
            part = self.random.choice(parts)
            at = self.random.randint(part.body, part.end)
            # An editor gives a cell without a line for its source one.
            self.edit(at, at, f"\n{character}" if part.body == part.marker_end > part.start else character)
        else:
            self.edit(0, 0, character)

    def split(self) -> None:
        parts = self.cells()
        if parts:
            part = self.random.choice(parts)
            at = self.random.randint(part.body, part.end)
            head = "\n" if part.body == part.marker_end > part.start else ""
            self.edit(at, at, f"{head}\n# %% id={self.world.new_id()}\n")

    def join(self) -> None:
        parts = self.cells()
        if len(parts) > 1:
            at = self.random.randrange(1, len(parts))
            self.edit(parts[at - 1].end, parts[at].body, "\n")

    def delete(self) -> None:
        parts = self.cells()
        if parts:
            self.cut(parts, self.random.randrange(len(parts)))

    def cut(self, parts: list[Part], at: int) -> str:
        part, text = parts[at], self.buffer.text
        if at:
            self.edit(parts[at - 1].end, part.end, "")
        else:
            self.edit(0, parts[1].start if len(parts) > 1 else len(text), "")
        return text[part.start : part.end]

    def move(self) -> None:
        parts = self.cells()
        if parts:
            with self.buffer.one_step():
                self.put(self.cut(parts, self.random.randrange(len(parts))))

    def paste(self) -> None:
        parts = self.cells()
        if parts:
            part = self.random.choice(parts)
            self.put(self.buffer.text[part.start : part.end])

    def put(self, cell: str) -> None:
        parts = self.cells()
        at = self.random.randint(0, len(parts))
        if at == len(parts):
            end = len(self.buffer.text)
            self.edit(end, end, f"\n{cell}" if end else cell)
        else:
            self.edit(parts[at].start, parts[at].start, f"{cell}\n")

    def undo(self) -> None:
        before = self.buffer.text
        self.buffer.undo()
        self.world.note_removed(before, self.buffer.text)

    def cells(self) -> list[Part]:
        return parts_of(self.buffer.text)

    def edit(self, start: int, end: int, new: str) -> None:
        before = self.buffer.text
        self.buffer.replace(start, end, new)
        self.world.note_removed(before, self.buffer.text)


class World:
    """People, and a server that mends what it is sent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ids, self.characters = count(), count(0x4E00)
        cells = [Cell("code", f"c{at}", "\n" * at) for at in range(self.random.randint(0, 4))]
        self.genesis = join_cells(cells)
        self.typed: set[str] = set()
        self.removed: set[str] = set()
        self.all_ids = {cell.id for cell in cells}
        self.server = TextBuffer.genesis(self.genesis, site=99)
        self.known = set(self.all_ids)
        self.fresh = map("s{:06}".format, count()).__next__
        self.people = [Person(self, number) for number in range(self.random.randint(2, 3))]

    def new_id(self) -> str:
        name = f"n{next(self.ids):06}"
        self.all_ids.add(name)
        return name

    def new_character(self) -> str:
        character = chr(next(self.characters))
        self.typed.add(character)
        return character

    def note_removed(self, before: str, after: str) -> None:
        """Note what somebody removed on purpose: typed characters, and ids."""
        self.removed |= set((Counter(before) - Counter(after)).keys())
        gone = {
            f"id={name}"
            for name in self.all_ids
            if before.count(f"id={name}\n") > after.count(f"id={name}\n")
        }
        self.removed |= {name.removeprefix("id=") for name in gone}

    def run(self, steps: int) -> None:
        for _ in range(steps):
            person = self.random.choice(self.people)
            if self.random.random() < 0.7:
                person.act()
            else:
                self.meet(person)
        for person in [*self.people, *self.people]:
            self.meet(person)

    def meet(self, person: Person) -> None:
        patch = self.server.integrate(person.buffer.changes_since(self.server.version))
        self.mend(patch)
        person.buffer.integrate(self.server.changes_since(person.buffer.version))

    def mend(self, patch: Patch) -> None:
        recent, shift = [], 0
        for start, end, new in reversed(patch.splices):
            recent.append((start + shift, start + shift + len(new)))
            shift += len(new) - (end - start)
        before = self.server.text
        for edit in mend(before, self.fresh, known=self.known, recent=recent):
            self.server.replace(*edit)
        self.note_removed(before, self.server.text)
        text = self.server.text
        assert mend(text, self.fresh, known=self.known) == []
        self.known |= {part.id for part in parts_of(text)}
        self.all_ids |= self.known

    def check(self) -> None:
        text = self.server.text
        for person in self.people:
            assert person.buffer.text == text
        parts = parts_of(text)
        names = [part.id for part in parts]
        assert all(names) and len(set(names)) == len(names)
        # An id that the server gave to one of two may go with its marker, which somebody cut as it was before.
        assert {name for name in self.all_ids - self.removed if name[0] != "s"} <= set(names)
        assert self.typed - self.removed <= set(text)
        sources = "".join(cell.source for cell in split_cells(text))
        assert self.typed - self.removed <= set(sources)
        assert join_cells(split_cells(text)) == text


@pytest.mark.amount
def test_people_in_one_notebook(request: pytest.FixtureRequest) -> None:
    """They split, join, move, delete, paste and undo cells, and type into them: every character that nobody deleted is in a source,
    every cell that nobody deleted has its id, and no id is there twice."""
    for seed in range(request.config.getoption("--cells")):
        world = World(seed)
        try:
            world.run(40)
            world.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


def test_without_mending_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stories say nothing if there is nothing to mend."""
    monkeypatch.setattr(World, "mend", lambda self, patch: None)
    failed = 0
    for seed in range(20):
        world = World(seed)
        world.run(40)
        try:
            world.check()
        except AssertionError:
            failed += 1
    assert failed > 5
