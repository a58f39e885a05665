"""What there is to open, in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence

from jpterm_like.client.events import SearchPlace, StatusChanged
from jpterm_like.errors import JptermError
from jpterm_like.files.charsets import Known
from tests.tui.desk import Desk


class Case:
    """A catalog of desks: addresses are names in one folder."""

    def __init__(self, **texts: str) -> None:
        self.desks = {
            name.replace("_", "."): make(name.replace("_", "."), text) for name, text in texts.items()
        }
        self.texts: dict[str, str | None] = {name: desk.buffer.text for name, desk in self.desks.items()}
        self.noted: list[str] = []
        self.first_time = False
        self.place = "/tmp"
        self.name = "ann"

    async def open(self, address: str) -> Desk:
        if address not in self.desks:
            self.desks[address] = make(address, "")
        if address == "broken":
            raise JptermError("broken cannot be opened.")
        return self.desks[address]

    async def names(self, near: str) -> tuple[str, list[tuple[str, str]]]:
        return self.place, [(name, name) for name in self.desks]

    async def linked(self, names: Sequence[str], near: str) -> str:
        for name in names:
            if name in self.desks:
                return name
        raise JptermError(f"There is no file {names[0]} here.")

    async def search_place(self, near: str) -> SearchPlace:
        return SearchPlace(self.place, pads=[(name, name) for name in self.desks])

    async def pad_texts(
        self, near: str, names: Collection[str]
    ) -> AsyncGenerator[tuple[str, str | None], None]:
        for name in names:
            yield name, self.desks[name].buffer.text

    def address(self, written: str, near: str) -> str:
        return written

    def folder(self, near: str) -> str:
        return self.place

    async def rename(self, session: Desk, to: str) -> None:
        if to in self.desks:
            raise JptermError(f"{to} is there already.")
        self.desks[to] = self.desks.pop(session.address)
        session.title = session.address = to
        session.tell(StatusChanged())

    async def text(self, address: str, known: Known) -> str | None:
        return self.texts.get(address)

    def recent(self) -> list[tuple[str, str]]:
        return [(name, name) for name in reversed(self.noted)]

    def note(self, address: str) -> None:
        self.noted.append(address)

    def is_first_time(self) -> bool:
        return self.first_time


def make(name: str, text: str) -> Desk:
    desk = Desk(text)
    desk.title = desk.address = name
    return desk
