"""Devices that write through faulty places, from one seed: nothing is lost, and nothing removed that is nowhere else.

A device has documents: here a set of records for each, the slow twin of a text (`texts` has real ones). It writes new records
into packs, exchanges them with its places, and takes in the packs that came. Meanwhile calls fail (`memory.FaultyPlace`), devices are killed at any
call, copied, set back to a backup, or away for long; and places are emptied, exchanged, set back, filled with nonsense. While a device waits for a call
another one can do a whole exchange, so their steps mix.

At the end everything works again. Then every device must have every record, and so must each place alone.
"""

from __future__ import annotations

import copy
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from jpterm_like.packs import marker as markers
from jpterm_like.packs.decisions import Standing
from jpterm_like.packs.names import PackName, is_whole, lane_name, name_of, parse, parse_marker
from jpterm_like.packs.pack import (
    TRAILER_BYTES,
    MalformedPack,
    NewerPack,
    Pack,
    PackRecord,
    encode,
    open_pack,
)
from jpterm_like.places.base import PlaceError
from jpterm_like.places.exchange import Memory, Report, exchange
from jpterm_like.places.mirror import Mirror
from tests.places.memory import CALM, ROUGH, Climate, FaultyPlace, Folder, MemoryPlace

COLLECTION = b"the collection.."
DOCUMENTS = [bytes([number]) * 16 for number in range(4)]
UNKNOWN_KIND = 77
"""Of records that older devices carry without taking them in."""

Fact = tuple[bytes, PackRecord | bytes]
"""What must not be lost: here a record of a document, in `texts` a word in one."""


class Killed(BaseException):
    """The end of a device's process."""


def records_in(data: bytes) -> set[tuple[bytes, PackRecord]]:
    """The records of a pack, each with its document; none if it is not whole or of a newer release."""
    try:
        pack = open_pack(data)
        return {(document, record) for document in pack.index.blocks for record in pack.records(document)}
    except (MalformedPack, NewerPack):
        return set()


def records_of(files: dict[str, bytes]) -> set[tuple[bytes, PackRecord]]:
    """The records of all whole packs of this collection in a folder."""
    found: set[tuple[bytes, PackRecord]] = set()
    for name, data in files.items():
        pack = parse(name)
        if pack is not None and is_whole(pack, data) and data[10:26] == COLLECTION:
            found |= records_in(data)
    return found


def newer(name: PackName, data: bytes) -> tuple[PackName, bytes]:
    """The same pack as a newer release writes it, with a flag that this one does not know."""
    body = data[:7] + b"\1" + data[8:-TRAILER_BYTES]
    data = body + hashlib.blake2b(body, digest_size=16).digest() + data[-8:]
    return name_of(data, name.lane, name.first, name.last), data


class SimulatedPlace(FaultyPlace):
    """A place as one device sees it. Each removal is judged by what is there truly."""

    def __init__(self, world: World, device: Device, folder: Folder) -> None:
        super().__init__(folder, world.chance, world.climate, lambda call: world.call(device))
        self.world = world
        self.device = device

    def write(self, name: str, data: bytes) -> None:
        self.world.judge_change(self.device, self.folder)
        try:
            super().write(name, data)
        except Killed:
            if self.chance.random() < 0.5:
                left = data[: self.chance.randrange(len(data) + 1)]
                self.folder.files[self.folder.name(name)] = left
            raise

    def remove(self, name: str) -> None:
        self.world.judge_change(self.device, self.folder)
        super().remove(name)

    def was_removed(self, name: str, data: bytes) -> None:
        self.world.judge_removal(self.device, self.folder, name, data)


class OwnPlace(MemoryPlace):
    """The folder of a device's mirror."""

    def __init__(self, world: World, device: Device) -> None:
        super().__init__(device.folder, lambda call: world.call(device, own=True))

    def remove(self, name: str) -> None:
        before = self.folder.files.get(name, b"")
        super().remove(name)
        pack = parse(name)
        if pack is not None and is_whole(pack, before):
            assert records_in(before) <= records_of(self.folder.files), (
                f"{name} left the mirror, and all with it"
            )


class Device:
    """A state folder with a mirror and documents, and the process that works on it."""

    def __init__(self, world: World, number: int, places: list[int]) -> None:
        self.world = world
        self.number = number
        self.places = places
        self.folder = Folder()
        self.lane = world.new_lane()
        self.was_ready: set[int] = set()
        self.is_older = False
        self.away_until = 0
        self.calls_left = -1
        self.make_documents()
        self.start()

    def start(self) -> None:
        """Begin a new process: of the last one, only files are left."""
        self.calls_left = -1
        self.mirror = Mirror(OwnPlace(self.world, self), fan=self.world.fan)
        self.memories = {place: Memory(was_ready=place in self.was_ready) for place in self.places}
        self.open_documents()
        self.take_in(list(self.mirror.held))

    def flush(self) -> None:
        if self.mirror.collection is not None:
            self.take_in(self.mirror.write(self.lane, self.new_records()))

    def take_in(self, names: Iterable[PackName]) -> None:
        for name in names:
            if name in self.mirror.held and (pack := self.mirror.pack(name)) is not None:
                self.take_in_pack(pack)

    # The documents: sets of records

    def make_documents(self) -> None:
        self.documents: dict[bytes, set[PackRecord]] = {}

    def open_documents(self) -> None:
        self.lose_carried()

    def lose_carried(self) -> None:
        """Forget what is in packs already: a cache."""
        self.carried: dict[bytes, set[PackRecord]] = {}

    def take_in_pack(self, pack: Pack) -> None:
        for document in pack.index.blocks:
            records = pack.records(document)
            self.carried.setdefault(document, set()).update(records)
            known = [record for record in records if self.understands((document, record))]
            self.documents.setdefault(document, set()).update(known)

    def new_records(self) -> list[tuple[bytes, PackRecord]]:
        return [
            (document, record)
            for document, records in sorted(self.documents.items())
            for record in sorted(records - self.carried.get(document, set()))
        ]

    def type(self) -> None:
        for _ in range(self.world.chance.randint(1, 3)):
            document = self.world.chance.choice(DOCUMENTS)
            kind = UNKNOWN_KIND if not self.is_older and self.world.chance.random() < 0.1 else 2
            record = PackRecord(kind, 0, b"token %d of %d" % (self.world.next_token(), self.number))
            self.documents.setdefault(document, set()).add(record)
            self.world.write((document, record))

    def facts(self) -> set[Fact]:
        return {(document, record) for document, records in self.documents.items() for record in records}

    @staticmethod
    def facts_in(records: set[tuple[bytes, PackRecord]], devices: Sequence[Any] = ()) -> set[Fact]:
        """What can be read from these records, and from the documents of these devices, all together."""
        return set(records).union(*(device.facts() for device in devices))

    def understands(self, fact: Fact) -> bool:
        record = fact[1]
        return not (self.is_older and isinstance(record, PackRecord) and record.kind == UNKNOWN_KIND)

    def contents(self) -> Any:
        """What two devices with everything have alike."""
        return self.documents

    def copy_of_documents(self) -> Any:
        return {document: set(records) for document, records in self.documents.items()}

    # Its packs and state

    def state(self) -> State:
        """A copy of everything that is on its disk."""
        return dict(self.folder.files), self.copy_of_documents(), self.lane, set(self.was_ready)

    def begin_again(self, state: State) -> None:
        """Start from a copy of a disk."""
        files, documents, self.lane, was_ready = copy.deepcopy(state)
        self.folder.files, self.documents = files, documents
        self.was_ready = was_ready & set(self.places)
        self.start()

    def write_newer(self) -> None:
        """Write a pack as a newer release does."""
        if self.mirror.collection is None:
            return
        number = max((name.last for name in self.mirror.held.of_lane(self.lane)), default=0) + 1
        record = PackRecord(2, 0, b"newer %d" % self.world.next_token())
        name, data = newer(*encode(COLLECTION, self.lane, number, number, {DOCUMENTS[0]: [record]}))
        self.folder.files[str(name)] = data
        self.mirror.held.add(name, may_join=False)
        self.world.newer_packs[str(name)] = data

    def exchange(self, place: int, *, begin: bool = False, verify: bool = False) -> Report:
        folder = self.world.folders[place]
        self.world.events_at_start[self.number] = folder.events
        memory = self.memories[place]
        report = exchange(
            self.mirror,
            SimulatedPlace(self.world, self, folder),
            self.lane,
            memory,
            begin=begin and self.mirror.collection is not None,
            verify=verify,
        )
        if report.standing not in (Standing.READY, Standing.EMPTY):
            assert not (report.fetched or report.sent or report.removed), report
        if memory.was_ready:
            self.was_ready.add(place)
        self.world.count(report)
        self.take_in(report.fetched)
        if report.lane_taken:
            self.lane = self.world.new_lane()
        return report


State = tuple[dict[str, bytes], Any, str, set[int]]


class World:
    """Devices and places, and everything that happens to them."""

    def __init__(self, seed: object, kind: type[Device] = Device) -> None:
        self.kind = kind
        self.chance = chance = random.Random(f"carriers {seed}")
        self.climate = chance.choice([CALM, Climate(), Climate(), Climate(), ROUGH])
        self.fan = chance.choice([2, 2, 3, 8])
        self.tokens = 0
        self.expected: set[Fact] = set()
        self.written: set[Fact] = {(DOCUMENTS[0], PackRecord(2, 0, b"noise"))}
        self.newer_packs: dict[str, bytes] = {}
        self.folders = [
            Folder(in_capitals=chance.random() < 0.2) for _ in range(chance.choice([1, 1, 2, 2, 3]))
        ]
        self.backups: list[list[dict[str, bytes]]] = [[] for _ in self.folders]
        self.put_away: dict[int, dict[str, bytes]] = {}
        self.events_at_start: dict[int, int] = {}
        self.happened: Counter[str] = Counter()
        self.busy: list[Device] = []
        self.mixes = chance.random() < 0.5
        self.now = 0
        self.devices: list[Device] = []
        self.device_backups: list[tuple[Device, State]] = []
        for number in range(chance.randint(2, 4)):
            reach = {number % len(self.folders), (number + 1) % len(self.folders)}
            self.devices.append(kind(self, number, sorted(reach)))
        if chance.random() < 0.3:
            self.devices[-1].is_older = True
        first = self.devices[0]
        first.mirror.begin(markers.marker_name(COLLECTION), markers.encode("jpterm-like 0.3.0"))

    def new_lane(self) -> str:
        return lane_name(self.chance.randbytes(8))

    def write(self, fact: Fact) -> None:
        """Note what somebody wrote."""
        self.expected.add(fact)
        self.written.add(fact)

    def next_token(self) -> int:
        self.tokens += 1
        return self.tokens

    def is_away(self, place: int) -> bool:
        return place in self.put_away

    def count(self, report: Report) -> None:
        self.happened.update(
            fetched=len(report.fetched),
            sent=len(report.sent),
            joined=len(report.joined),
            removed=len(report.removed),
            damaged=len(report.damaged),
            set_aside=len(report.set_aside),
            lane_taken=report.lane_taken,
            problem=report.problem is not None,
        )
        self.happened[report.standing.value] += 1

    # What happens at a call

    def call(self, device: Device, *, own: bool = False) -> None:
        """A device is about to make a call: it may be killed there, and others may act meanwhile."""
        if device.calls_left == 0:
            raise Killed
        device.calls_left -= 1
        if not own and self.mixes and len(self.busy) < 3 and self.chance.random() < 0.03:
            self.step()

    def judge_change(self, device: Device, folder: Folder) -> None:
        """Where there was a place, nothing is changed in what is there instead."""
        if (
            self.folders.index(folder) in device.was_ready
            and folder.events == self.events_at_start[device.number]
        ):
            mine = [
                marker
                for marker in map(parse_marker, folder.files)
                if marker and marker.collection == COLLECTION
            ]
            assert mine, "something is changed in a folder that is no place of this collection"

    def judge_removal(self, device: Device, folder: Folder, name: str, data: bytes) -> None:
        pack = parse(name)
        if pack is None or not is_whole(pack, data):
            return  # nothing of ours was in it
        lost = records_in(data) - records_of(folder.files)
        if folder.events != self.events_at_start[device.number]:
            lost -= records_of(device.folder.files)  # the place was set back meanwhile
        assert not lost, f"{name} was removed, and is nowhere else"

    # Steps

    def step(self) -> None:
        free = [each for each in self.devices if each not in self.busy and each.away_until <= self.now]
        self.now += 1
        if not free or self.chance.random() < 0.15:
            self.something_happens()
            return
        device = self.chance.choice(free)
        self.busy.append(device)
        try:
            if self.chance.random() < 0.05:
                device.calls_left = self.chance.randrange(30)
            self.act(device)
        except Killed:
            self.happened["killed"] += 1
            device.start()
        finally:
            self.busy.remove(device)
        if self.chance.random() < 0.05:
            device.start()

    def act(self, device: Device) -> None:
        chance = self.chance
        if chance.random() < 0.6:
            device.type()
        if chance.random() < 0.02:
            device.write_newer()
        if chance.random() < 0.8:
            device.flush()
        if chance.random() < 0.02:
            device.lose_carried()  # all is written again
        if chance.random() < 0.1:
            device.away_until = self.now + chance.choice([5, 20, 60])
        for place in device.places:
            if chance.random() < 0.7:
                device.exchange(place, begin=chance.random() < 0.3, verify=chance.random() < 0.05)

    def something_happens(self) -> None:
        """An accident. What was in its last place is lost by it, and by nobody here."""
        before = self.everything()
        self.accident()
        self.expected -= before - self.everything()
        left = {data for files in self.all_files() for data in files.values()}
        # A newer device has its work in its documents, too; this world has it in packs alone.
        self.newer_packs = {name: data for name, data in self.newer_packs.items() if data in left}

    def everything(self) -> set[Fact]:
        """What is anywhere."""
        return self.kind.facts_in(
            {each for files in self.all_files() for each in records_of(files)}, self.devices
        )

    def all_files(self) -> list[dict[str, bytes]]:
        """The files of all places and mirrors; not those in a folder that is there instead of a place for a while."""
        return [
            *(each.files for place, each in enumerate(self.folders) if not self.is_away(place)),
            *self.put_away.values(),
            *(each.folder.files for each in self.devices),
        ]

    def accident(self) -> None:
        chance = self.chance
        place = chance.randrange(len(self.folders))
        folder = self.folders[place]
        names = sorted(name for name in folder.files if parse(name))
        kind = chance.choice(
            [
                "rot",
                "lose",
                "back",
                "backup",
                "undo",
                "away",
                "return",
                "junk",
                "clone",
                "restore",
                "disk",
                "copy",
            ]
        )
        self.happened[kind] += 1
        folder.events += 1
        match kind:
            case "rot" if names:
                data = folder.files[name := chance.choice(names)]
                at = chance.randrange(max(1, len(data)))
                folder.files[name] = chance.choice(
                    [bytes(len(data)), data[:at], data[:at] + b"\xa5" + data[at + 1 :]]
                )
            case "lose" if names:
                for name in chance.sample(names, min(len(names), chance.choice([1, 1, 3, 100]))):
                    del folder.files[name]
            case "backup" if names and not self.is_away(place):
                self.backups[place].append(dict(folder.files))
                device = chance.choice(self.devices)
                if device not in self.busy:
                    self.device_backups.append((device, device.state()))
            case "back" if self.backups[place] and not self.is_away(place):
                folder.files = dict(chance.choice(self.backups[place]))
            case "undo" if folder.removed and not self.is_away(place):
                for name, data in folder.removed.items():
                    folder.files.setdefault(folder.name(name), data)
                folder.removed = {}
            case "away" if not self.is_away(place) and any(map(parse_marker, folder.files)):
                self.put_away[place] = folder.files
                folder.files = chance.choice([{}, {"notes.md": b"x"}, self.other_collection()])
                folder.past = []
            case "return" if self.put_away:
                self.bring_back(chance.choice(sorted(self.put_away)))
            case "junk" if folder.files and not self.is_away(place):
                self.litter(folder)
            case "copy" if names:
                name = chance.choice(names)
                folder.files[f"{name[:-4]} (Ann's conflicted copy).jpk"] = folder.files[name]
                if chance.random() < 0.5:
                    del folder.files[name]
            case "clone" if len(self.devices) < 5:
                self.clone()
            case "restore" if self.device_backups:
                self.restore()
            case "disk":
                device = chance.choice(self.devices)
                packs = sorted(name for name in device.folder.files if parse(name))
                if packs and device not in self.busy:
                    data = device.folder.files[name := chance.choice(packs)]
                    device.folder.files[name] = chance.choice([bytes(len(data)), data[: len(data) // 2]])
                    device.start()

    def other_collection(self) -> dict[str, bytes]:
        """What is in the folder of other people; nothing while a device would take it for its first place."""
        if any(device.mirror.collection is None for device in self.devices):
            return {}
        name, data = encode(
            b"another one.....", self.new_lane(), 1, 1, {DOCUMENTS[0]: [PackRecord(2, 0, b"x")]}
        )
        marker = str(markers.marker_name(b"another one....."))
        return {marker: markers.encode("jpterm-like 0.3.0"), str(name): data}

    def bring_back(self, place: int) -> None:
        self.folders[place].files = self.put_away.pop(place)
        self.folders[place].past = []
        self.folders[place].events += 1

    def litter(self, folder: Folder) -> None:
        """Files that are none of ours, break the format, are another collection's, or lie."""
        chance = self.chance
        lanes = sorted({name.lane for name in map(parse, folder.files) if name}) or [self.new_lane()]
        lane, number = chance.choice(lanes), chance.randint(1, 9)
        record = {DOCUMENTS[0]: [PackRecord(2, 0, b"noise")]}
        match chance.randrange(4):
            case 0:
                folder.files[chance.choice(["notes.md", "Thumbs.db", "x.jpk", "\udcff"])] = b"x"
            case 1:
                data = chance.randbytes(200)
                folder.files[str(name_of(data, lane, number, number))] = data
            case 2:
                name, data = encode(b"another one.....", lane, number, number, record)
                folder.files[str(name)] = data
            case _:
                there = [name for name in map(parse, folder.files) if name and name.lane == lane]
                lies = [name.digest for name in there]
                lane_end = max((name.last for name in there), default=1)
                name, data = encode(COLLECTION, lane, 1, lane_end + 1, {}, lies)
                folder.files[str(name)] = data

    def clone(self) -> None:
        device = self.chance.choice(self.devices)
        if device in self.busy:
            return
        other = self.kind(self, len(self.devices), list(device.places))
        other.is_older = device.is_older
        other.begin_again(device.state())
        self.devices.append(other)

    def restore(self) -> None:
        """Set a device back to an earlier state."""
        device, state = self.chance.choice(self.device_backups)
        if device not in self.busy:
            device.begin_again(state)

    # The end

    def rest(self) -> None:
        """Everything works again, everybody is back, and the places are verified, until nothing changes."""
        for place in sorted(self.put_away):
            self.bring_back(place)
        self.climate = CALM
        self.mixes = False
        for device in self.devices:
            device.start()
        before: object = None
        for _ in range(25):
            for device in self.devices:
                device.flush()
                for place in device.places:
                    device.exchange(place, begin=True, verify=True)
            now = (
                [sorted(folder.files) for folder in self.folders],
                [sorted(device.mirror.held) for device in self.devices],
                [sorted(each.set_aside) for device in self.devices for each in device.memories.values()],
            )
            if now == before:
                return
            before = now
        raise AssertionError("it does not come to rest")

    def check(self) -> None:
        for device in self.devices:
            found = device.facts()
            expected = {fact for fact in self.expected if device.understands(fact)}
            # What an accident took can have been on its way to somebody.
            assert expected <= found <= self.written, (
                f"device {device.number} lacks {sorted(expected - found)}, has {sorted(found - self.written)}"
            )
            for name, data in self.newer_packs.items():
                assert device.folder.files.get(name) == data, f"{name} was not carried"
        whole = [device for device in self.devices if not device.is_older]
        for device in whole:
            assert device.contents() == whole[0].contents(), "devices differ"
        for number, folder in enumerate(self.folders):
            assert self.expected <= self.kind.facts_in(records_of(folder.files)), (
                f"place {number} has not everything"
            )
            late = self.kind(self, 99, [number])
            while (report := late.exchange(number)).set_aside:
                pass
            assert report.standing is Standing.READY and not report.waiting, report
            assert self.expected <= late.facts(), f"who comes to place {number} lacks something"


def simulate(seed: object, kind: type[Device] = Device, steps: int = 60) -> World:
    """Run one world to its end. Raises AssertionError with the seed."""
    try:
        world = World(seed, kind)
        for _ in range(world.chance.randint(steps // 4, steps)):
            world.step()
        world.rest()
        world.check()
    except (AssertionError, PlaceError, MalformedPack, ValueError, KeyError) as problem:
        problem.add_note(f"seed {seed}: pytest tests/places/test_simulation.py --seed {seed}")
        raise
    return world
