"""The slow twin: the algorithm as in the article, character by character.

Evan Wallace, *CRDT: Text Buffer* (madebyevan.com/algos/crdt-text-buffer, 2024), with levels for visibility (Yu &
Rostad, PaPoC 2020). A dictionary of characters and a walk over the tree: no runs, no index, no bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Id = tuple[int, int]
STRIDE_MODULUS = 65_521


@dataclass(frozen=True)
class Insert:
    id: Id
    parent: Id | None
    counter: int
    character: str


@dataclass(frozen=True)
class Raise:
    id: Id
    target: Id
    level: int


Op = Insert | Raise


@dataclass
class Model:
    """One replica. `log` has all applied operations by site, in order of clocks."""

    site: int
    own_sites: frozenset[int] = frozenset()
    log: dict[int, list[Op]] = field(default_factory=dict)
    early: set[Op] = field(default_factory=set)
    inserts: dict[Id, Insert] = field(default_factory=dict)
    levels: dict[Id, int] = field(default_factory=dict)
    undo_steps: list[list[Op]] = field(default_factory=list)
    redo_steps: list[list[Op]] = field(default_factory=list)
    _order: list[Id] | None = None

    # Reading

    def order(self) -> list[Id]:
        """Return all characters, including deleted ones: the walk, parents first, siblings by counter (down) and site
        (up)."""
        if self._order is None:
            children: dict[Id | None, list[Insert]] = {}
            for insert in self.inserts.values():
                children.setdefault(insert.parent, []).append(insert)
            for siblings in children.values():
                siblings.sort(key=lambda it: (-it.counter, it.id[0], -it.id[1]), reverse=True)
            order: list[Id] = []
            stack = list(children.get(None, []))
            while stack:
                insert = stack.pop()
                order.append(insert.id)
                stack.extend(children.get(insert.id, []))
            self._order = order
        return self._order

    def shown(self) -> list[Id]:
        return [it for it in self.order() if self.levels[it] % 2]

    @property
    def text(self) -> str:
        return "".join(self.inserts[it].character for it in self.shown())

    @property
    def version(self) -> dict[int, int]:
        return {site: len(ops) for site, ops in sorted(self.log.items()) if ops}

    def elements(self) -> list[tuple[int, int, Id | None, int, str, int]]:
        return [
            (
                *it,
                self.inserts[it].parent,
                self.inserts[it].counter,
                self.inserts[it].character,
                self.levels[it],
            )
            for it in self.order()
        ]

    def at(self, version: dict[int, int]) -> str:
        past = Model(self.site)
        for site, ops in self.log.items():
            past.early.update(ops[: version.get(site, 0)])
        past.settle()
        return past.text

    # Editing

    def replace(self, start: int, end: int, text: str) -> None:
        """Replace text as one step: delete, then insert after the character left of `start`."""
        step: list[Op] = []
        shown = self.shown()
        for target in shown[start:end]:
            step.append(self.raise_one(target))
        left = shown[start - 1] if start else None
        for character in text:
            left = self.insert_one(left, character, step)
        self.undo_steps.append(step)
        self.redo_steps.clear()

    def insert_one(self, left: Id | None, character: str, step: list[Op]) -> Id:
        order = self.order()
        place = order.index(left) + 1 if left is not None else 0
        newest = max((it for it in self.inserts if it[0] == self.site), default=None)
        parent, counter = left, None
        # My newest character, or my deleted ones directly before it.
        mine = sorted(it for it in self.inserts if it[0] == self.site)
        if newest is not None and left == newest:
            stretch = [newest]
        else:
            stretch = []
            for it in order[place:]:
                if it[0] != self.site or self.levels[it] % 2:
                    break
                if stretch and mine.index(it) != mine.index(stretch[-1]) + 1:
                    break
                stretch.append(it)
                if it == newest:
                    break
        if (
            newest is not None
            and stretch
            and stretch[-1] == newest
            and not any(it.parent == newest for it in self.inserts.values())
        ):
            parent, counter = newest, 0
        if counter is None:
            stride = 1 + self.site % STRIDE_MODULUS
            children = [it for it in self.inserts.values() if it.parent == parent]
            first = min(children, key=lambda it: (-it.counter, it.id[0], -it.id[1]), default=None)
            if first is None:
                counter = stride
            elif first.id[0] in self.own_sites | {self.site}:
                counter = first.counter + 1
            else:
                counter = first.counter + stride
        op = Insert((self.site, len(self.log.get(self.site, []))), parent, counter, character)
        self.apply(op)
        step.append(op)
        return op.id

    def raise_one(self, target: Id) -> Raise:
        op = Raise((self.site, len(self.log.get(self.site, []))), target, self.levels[target] + 1)
        self.apply(op)
        return op

    def undo(self) -> None:
        self._undo_or_redo(self.undo_steps, self.redo_steps)

    def redo(self) -> None:
        self._undo_or_redo(self.redo_steps, self.undo_steps)

    def shown_without(self, operations: dict[int, list[tuple[int, int]]]) -> set[Id]:
        """Return the characters that are visible without these operations."""

        def counts(site: int, clock: int) -> bool:
            return not any(low <= clock < high for low, high in operations.get(site, []))

        levels = {it: 1 for it in self.inserts if counts(*it)}
        for op in (op for ops in self.log.values() for op in ops):
            if isinstance(op, Raise) and op.target in levels and counts(*op.id):
                levels[op.target] = max(levels[op.target], op.level)
        return {it for it, level in levels.items() if level % 2}

    def revert(self, operations: dict[int, list[tuple[int, int]]]) -> None:
        wanted = self.shown_without(operations)
        for it in self.order():
            if (self.levels[it] % 2 == 1) != (it in wanted):
                self.raise_one(it)

    def _undo_or_redo(self, steps: list[list[Op]], others: list[list[Op]]) -> None:
        while steps:
            made: list[Op] = []
            for op in reversed(steps.pop()):
                target = op.id if isinstance(op, Insert) else op.target
                level = 1 if isinstance(op, Insert) else op.level
                if self.levels[target] % 2 == level % 2:
                    made.append(self.raise_one(target))
            if made:
                others.append(made)
                return

    def reorder(self, begin: int, raises: list[tuple[Id, int]]) -> None:
        """Give my newest operations, all raises of one step, the clocks that they have in the buffer.

        The order in which a step's operations are undone does not show in the text. But a replica that has the past
        of only some of them applies those up to that point, so the twin needs the same clocks.
        """
        made = self.log.get(self.site, [])[begin:]
        assert sorted((op.target, op.level) for op in made if isinstance(op, Raise)) == sorted(raises)
        assert len(made) == len(raises)
        self.log.get(self.site, [])[begin:] = [
            Raise((self.site, begin + place), target, level) for place, (target, level) in enumerate(raises)
        ]

    # Exchanging

    def since(self, version: dict[int, int]) -> list[Op]:
        return [op for site, ops in self.log.items() for op in ops[version.get(site, 0) :]]

    def integrate(self, ops: list[Op]) -> None:
        self.early.update(op for op in ops if op.id[1] >= len(self.log.get(op.id[0], [])))
        self.settle()

    def settle(self) -> None:
        progress = True
        while progress:
            progress = False
            for op in sorted(self.early, key=lambda op: op.id):
                if op.id[1] < len(self.log.get(op.id[0], [])):
                    self.early.discard(op)
                elif op.id[1] == len(self.log.get(op.id[0], [])) and self._past_is_here(op):
                    self.early.discard(op)
                    self.apply(op)
                    progress = True

    def _past_is_here(self, op: Op) -> bool:
        needed = op.parent if isinstance(op, Insert) else op.target
        return needed is None or needed in self.inserts

    def apply(self, op: Op) -> None:
        self.log.setdefault(op.id[0], []).append(op)
        if isinstance(op, Insert):
            self.inserts[op.id] = op
            self.levels[op.id] = 1
            self._order = None
        else:
            self.levels[op.target] = max(self.levels[op.target], op.level)
