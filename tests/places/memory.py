"""A place in memory, and the same with everything that carriers do to files. Devices share a `Folder`; each has a `MemoryPlace` on it.

What can go wrong, each drawn from the seed: a call fails before or after it did something; an upload is cut, and leaves nothing, a part, or
zeros of full length; a listing is old, or lacks some names; a file is read in part, or wrongly; the folder keeps names in capitals, or makes copies of
a file under another name. What happens to the folder by itself is in `Folder`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from jpterm_like.places.base import (
    Gone,
    Refused,
    Unreachable,
    check_file_name,
    check_read,
    is_file_name,
)


@dataclass(eq=False)
class Folder:
    """The files at a place, and how they were before."""

    files: dict[str, bytes] = field(default_factory=dict)
    past: list[dict[str, int]] = field(default_factory=list)
    """What was listed at earlier times, the newest last."""
    removed: dict[str, bytes] = field(default_factory=dict)
    in_capitals: bool = False
    events: int = 0
    """How often something happened to the folder that no device did."""

    def name(self, name: str) -> str:
        """The name under which a file is kept: without regard to case, some write their own."""
        if not self.in_capitals:
            return name
        return next((each for each in self.files if each.lower() == name.lower()), name.upper())

    def note(self) -> None:
        self.past = [*self.past[-5:], self.sizes()]

    def sizes(self) -> dict[str, int]:
        return {name: len(data) for name, data in sorted(self.files.items()) if is_file_name(name)}


class MemoryPlace:
    """A place without faults. `before` is called before each call, with its name, and may raise."""

    def __init__(self, folder: Folder, before: Callable[[str], None] = lambda call: None) -> None:
        self.folder = folder
        self.before = before
        self.address = "memory"

    def list(self) -> dict[str, int]:
        self.before("list")
        return self.folder.sizes()

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        check_file_name(name)
        self.before("read")
        data = self.folder.files.get(self.folder.name(name))
        if data is None:
            raise Gone("It is not there.")
        return check_read(name, data[start:end], start, end)

    def write(self, name: str, data: bytes) -> None:
        check_file_name(name)
        self.before("write")
        self.folder.note()
        self.folder.files[self.folder.name(name)] = data

    def remove(self, name: str) -> None:
        check_file_name(name)
        self.before("remove")
        self.folder.note()
        if (data := self.folder.files.pop(self.folder.name(name), None)) is not None:
            self.folder.removed[name] = data
            self.was_removed(name, data)

    def was_removed(self, name: str, data: bytes) -> None:
        """Called with each removed file; a subclass may judge it."""


@dataclass
class Climate:
    """How probable each fault of a call is."""

    fails: float = 0.02
    """Nothing happens, and the answer is an error: silence, 429, 500."""
    refused: float = 0.01
    """401, 403, or no room."""
    answer_lost: float = 0.02
    """It happens, and the answer is an error."""
    cut: float = 0.03
    """An upload that ends in the middle. Some servers leave what came, or zeros."""
    unnoticed: float = 0.01
    """Of cut uploads, how many are answered as if they were whole."""
    old_list: float = 0.1
    partial_list: float = 0.05
    wrong_read: float = 0.02
    copied: float = 0.02
    """The carrier keeps a copy under another name beside."""


CALM = Climate(0, 0, 0, 0, 0, 0, 0, 0, 0)
ROUGH = Climate(cut=0.2, unnoticed=0.5, old_list=0.4, partial_list=0.2, wrong_read=0.1, copied=0.1)


class FaultyPlace(MemoryPlace):
    """A place with faults, which are drawn from `chance`."""

    def __init__(
        self,
        folder: Folder,
        chance: random.Random,
        climate: Climate,
        before: Callable[[str], None] = lambda call: None,
    ) -> None:
        super().__init__(folder, before)
        self.chance = chance
        self.climate = climate

    def _maybe_fail(self) -> None:
        if self.chance.random() < self.climate.fails:
            raise Unreachable("It does not answer.")
        if self.chance.random() < self.climate.refused:
            raise Refused("It is not allowed.")

    def _maybe_lose_answer(self) -> None:
        if self.chance.random() < self.climate.answer_lost:
            raise Unreachable("The answer did not come.")

    def list(self) -> dict[str, int]:
        self._maybe_fail()
        found = super().list()
        if self.folder.past and self.chance.random() < self.climate.old_list:
            found = dict(self.chance.choice(self.folder.past))
        if self.chance.random() < self.climate.partial_list:
            found = {name: size for name, size in found.items() if self.chance.random() < 0.67}
        return found

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        self._maybe_fail()
        data = super().read(name, start, end)
        if data and self.chance.random() < self.climate.wrong_read:
            match self.chance.randrange(3):
                case 0:
                    data = bytes(len(data))
                case 1:
                    data = data[: self.chance.randrange(len(data))]
                case _:
                    at = self.chance.randrange(len(data))
                    data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return data

    def write(self, name: str, data: bytes) -> None:
        self._maybe_fail()
        if self.chance.random() < self.climate.cut:
            left = data[: self.chance.randrange(len(data))]
            match self.chance.randrange(3):
                case 0:
                    super().write(name, left)
                case 1:
                    super().write(name, left + bytes(len(data) - len(left)))
                case _:
                    self.before("write")
            if self.chance.random() >= self.climate.unnoticed:
                raise Unreachable("The connection ended.")
            return
        super().write(name, data)
        if self.chance.random() < self.climate.copied:
            stem = self.folder.name(name).removesuffix(".jpk").removesuffix(".JPK")
            suffix = self.chance.choice([" (conflicted copy)", ".sync-conflict-20261129-1-ABC", " 2", " (1)"])
            self.folder.files[f"{stem}{suffix}.jpk"] = data
        self._maybe_lose_answer()

    def remove(self, name: str) -> None:
        self._maybe_fail()
        super().remove(name)
        self._maybe_lose_answer()
