"""Devices of the simulation with real texts: pads, kept in stores by savers, whose operations travel in packs.

It shows how the records of stores become those of packs (`jpterm_like/packs/DESIGN.md`), and that a word is there once, and only once.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from crdt import TextBuffer, Version
from jpterm_like.packs import records
from jpterm_like.packs.pack import Pack, PackRecord
from jpterm_like.packs.records import Birth, Changes, document_id
from jpterm_like.saver import RECORD_BYTES, Saver, restore
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync.pad import Pad
from tests.places.simulation import COLLECTION, Device, Fact

NAMES = ["notes.md", "plan.md", "own.md"]


class TextDevice(Device):
    """A device whose documents are texts. A process that ends leaves stores and packs."""

    def make_documents(self) -> None:
        self.documents: Any = MemoryStorage()

    def open_documents(self) -> None:
        self.documents.crash(keep_unsynced=True)
        self.pads: dict[bytes, Pad] = {}
        self.savers: dict[bytes, Saver] = {}
        self.births: dict[bytes, Birth] = {}
        self.early: dict[bytes, list[bytes]] = {}
        self.lose_carried()
        for name in self.documents.names():
            store = self.documents.open(name)
            kept = restore(store, author="")
            assert kept.buffer is not None and not kept.damage
            birth = Birth(kept.buffer.lineage, store.read_blob("birth").decode())
            own = kept.buffer.own_sites - {kept.buffer.site}
            buffer = TextBuffer.decode(kept.buffer.encode(), own_sites=own, site=self.new_site())
            self.open_pad(birth, Pad(buffer), Saver(Pad(buffer), store, buffer.version, own))

    def new_site(self) -> int:
        return self.world.chance.getrandbits(64)

    def lose_carried(self) -> None:
        self.carried: Any = {}  # what packs have, as texts of their own
        self.carried_births: set[bytes] = set()

    def open_pad(self, birth: Birth, pad: Pad, saver: Saver | None = None) -> None:
        document = document_id(COLLECTION, birth)
        self.births[document] = birth
        if saver is None:
            store = self.documents.open(document.hex())
            store.write_blob("birth", birth.name.encode())
            saver = Saver(pad, store, Version())
            saver.begin()
            saver.write()
        else:
            saver = Saver(pad, saver.store, pad.buffer.version, pad.buffer.own_sites)
        self.pads[document], self.savers[document] = pad, saver

    def take_in_pack(self, pack: Pack) -> None:
        for document in pack.index.blocks:
            contents = [records.decode(record) for record in pack.records(document)]
            for content in contents:
                if not isinstance(content, Birth):
                    continue
                self.carried_births.add(document)
                if document not in self.births:
                    self.open_pad(content, Pad(TextBuffer(lineage=content.lineage, site=self.new_site())))
            messages = [content.message for content in contents if isinstance(content, Changes)]
            if document not in self.births:
                self.early.setdefault(document, []).extend(messages)
                continue
            self.integrate(document, [*self.early.pop(document, []), *messages])

    def integrate(self, document: bytes, messages: list[bytes]) -> None:
        pad = self.pads[document]
        shadow = self.carried.setdefault(document, TextBuffer(lineage=pad.buffer.lineage, site=0))
        for message in messages:
            if message == b"noise":
                continue
            shadow.integrate(message)
            if pad.buffer.lacks(message):
                pad.integrate(message, "a lane")
        self.savers[document].write()

    def new_records(self) -> list[tuple[bytes, PackRecord]]:
        found: list[tuple[bytes, PackRecord]] = []
        for document, pad in sorted(self.pads.items()):
            if document not in self.carried_births:
                found.append((document, records.encode(self.births[document])))
            carried = self.carried[document].version if document in self.carried else Version()
            while True:
                message, carried = pad.buffer.changes_up_to(carried, RECORD_BYTES)
                if not message:
                    break
                found.append((document, records.encode(Changes(message))))
        return found

    def type(self) -> None:
        chance = self.world.chance
        name = chance.choice(NAMES)
        begun = TextBuffer.genesis(
            f"of {self.number}\n" if name == "own.md" else "hello\n", site=self.new_site()
        )
        document = document_id(COLLECTION, Birth(begun.lineage, name))
        if document not in self.pads:
            self.open_pad(Birth(begun.lineage, name), Pad(begun))
            self.integrate(document, self.early.pop(document, []))
            del self.carried[document]
        pad, saver = self.pads[document], self.savers[document]
        for _ in range(chance.randint(1, 3)):
            text = pad.buffer.text
            at = chance.choice([0, *(found.end() for found in re.finditer("\n", text))])
            if chance.random() < 0.3 and (loose := [found.start() for found in re.finditer("~", text)]):
                at = chance.choice(loose)
                pad.replace(at, at + 1, "", 0.0)
            elif chance.random() < 0.3:
                pad.replace(at, at, "~~~\n", 0.0)
            else:
                word = b"<%d>" % self.world.next_token()
                pad.replace(at, at, word.decode() + "\n", 0.0)
                self.world.write((document, word))
            saver.write()
        if chance.random() < 0.2:
            saver.prepare_compaction()()

    def facts(self) -> set[Fact]:
        found: set[Fact] = set()
        for document, pad in self.pads.items():
            words = re.findall(rb"<\d+>", pad.buffer.text.encode())
            assert len(words) == len(set(words)), f"device {self.number} has a word twice: {words}"
            found.update((document, word) for word in words)
        return found

    @staticmethod
    def facts_in(found: set[tuple[bytes, PackRecord]], devices: Sequence[Any] = ()) -> set[Fact]:
        """Operations whose past is nowhere can be read by nobody."""
        births = {document: birth for device in devices for document, birth in device.births.items()}
        contents = [(document, records.decode(record)) for document, record in sorted(found)]
        births |= {document: content for document, content in contents if isinstance(content, Birth)}
        texts = {document: TextBuffer(lineage=birth.lineage, site=0) for document, birth in births.items()}
        for device in devices:
            for document, pad in device.pads.items():
                texts[document].integrate(pad.buffer.changes_since(texts[document].version))
        for document, content in contents:
            if isinstance(content, Changes) and content.message != b"noise" and document in texts:
                texts[document].integrate(content.message)
        return {
            (document, word)
            for document, text in texts.items()
            for word in re.findall(rb"<\d+>", text.text.encode())
        }

    def contents(self) -> Any:
        return {document: (pad.buffer.text, pad.buffer.digest()) for document, pad in self.pads.items()}

    def copy_of_documents(self) -> Any:
        return copy.deepcopy(self.documents)
