"""`jpterm-like sync PLACE [DIR]`: bring the texts of a folder and a place together.

The server of the folder brings texts and the mirror together (`server.carrying`), this process the mirror and the place
(`places.exchange`): credentials, questions and progress are here.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from jpterm_like import clock
from jpterm_like import collection as collections
from jpterm_like.access.addresses import Address, LocalFileAddress
from jpterm_like.access.discovery import STORE_FOLDER, find_own_socket, find_server_of
from jpterm_like.cli.place_commands import REASONS, open_for_person
from jpterm_like.cli.progress import Progress
from jpterm_like.cli.sync_report import Totals, collect_facts, count_packs, describe
from jpterm_like.client.carrying import carry
from jpterm_like.collection import Collection, PlaceNote
from jpterm_like.config import Paths, display_name
from jpterm_like.errors import JptermError, escape_for_terminal
from jpterm_like.files.carriers import carrier_of
from jpterm_like.packs.decisions import Standing, standing, to_fetch, to_send
from jpterm_like.packs.documents import Documents
from jpterm_like.packs.names import read_listing
from jpterm_like.places.base import Place, ReadOnly, Unreachable, in_sentence, list_all_files
from jpterm_like.places.exchange import Memory, Report, exchange
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.mirror import Mirror
from jpterm_like.places.part import Part
from jpterm_like.stores import has_histories

ROUNDS_MAX: Final = 4
"""Most exchanges in one run: what comes may cause new notes of ours, and these are sent as well."""

CARRIED_TWICE: Final = (
    "{} carries the files in {} as well. That is fine: what it brings before its history is recognised once that is here, and a copy that it makes where "
    "two wrote in one file is put away then."
)
"""Told by the first run of a folder: a program carries the plain files, too."""

OTHERS_S: Final = 20.0
"""How long a sync waits for another one of these texts: the one that goes on while they are open takes moments."""
LOOK_S: Final = 2.0
"""Shortest pause between two looks at the texts while they are kept in step."""
LOOK_SOON_S: Final = 1.0
"""The same while somebody writes: two people wait for two looks."""
NEWS_S: Final = 0.25
"""Interval at which a folder that is a place is looked at from outside, whether something came: that costs a stat."""
WRITING_S: Final = 60.0
"""Somebody writes until nothing has moved for this long."""
QUIET_S: Final = 1.0
"""Progress of a look that takes longer than this is shown."""
POLL_FIRST_S: Final = 5.0
"""Pause between two questions to a server after something has moved; each one after that is half as long again."""
POLL_MOST_S: Final = 60.0
"""The longest of them."""


def sync(
    written: str,
    folder: Path,
    *,
    name: str | None,
    join: str = "",
    dry_run: bool,
    as_json: bool,
    watch: bool,
) -> int:
    """Sync once, or until ctrl+c; return the exit code: 0 if both sides are the same now, 1 if something is on its way.

    Args:
        join: the name of a file that is to be made one text with the others of its name; "" if none is.

    Raises:
        JptermError: it could not be done; nothing is lost, and the next run goes on from there.
    """
    folder = Path(os.path.realpath(folder))
    if not folder.is_dir():
        raise JptermError(f"{escape_for_terminal(folder)} is not a folder.")
    progress = Progress(is_shown=False) if as_json else Progress()
    place = open_for_person(written, progress.moved)
    _check_apart(place, folder)
    run = SyncRun(place, folder, name, progress, join=join)

    def say(totals: Totals) -> None:
        progress.end()
        if as_json:
            print(json.dumps(collect_facts(place, totals)), flush=True)
        else:
            for sentence in describe(place, totals):
                print(escape_for_terminal(sentence), flush=True)

    try:
        if dry_run:
            sentence, facts = run.look()
            progress.end()
            print(json.dumps(facts) if as_json else escape_for_terminal(sentence))
            return 0
        is_first = not places_of(folder)
        totals = run.run()
        if is_first and (carrier := carrier_of(folder)) is not None:
            totals.notices.insert(0, CARRIED_TWICE.format(carrier, folder))
        say(totals)
        if watch:
            run.watch(say)
        return 0 if totals.is_same else 1
    finally:
        progress.end()


def places_of(folder: Path) -> list[str]:
    """Return the addresses of the places that a folder was synced with.

    Raises:
        JptermError: what is noted of the folder cannot be read.
    """
    folder = Path(os.path.realpath(folder))
    found = collections.find(Paths.of_user().state_folder, folder, [])
    return sorted(address for _, known in found if known.folder == folder for address in known.places)


def _check_apart(place: Place, folder: Path) -> None:
    """Check that a place on this machine and the texts do not lie in each other: texts would be carried as files, too."""
    if not isinstance(place, LocalPlace):
        return
    there = Path(os.path.realpath(place.address))
    if there.is_relative_to(folder) or folder.is_relative_to(there):
        raise JptermError(
            f"{escape_for_terminal(there)} and {escape_for_terminal(folder)} lie in each other. Keep the texts in one folder, and sync them "
            "with another one, outside: that is the one to be carried."
        )


class _Announced:
    """A place whose listing says how many bytes are to be moved, if that is known then."""

    def __init__(self, place: Place, mirror: Mirror, progress: Progress, *, counts: bool) -> None:
        self._counts = counts
        self._place = place
        self._mirror = mirror
        self._progress = progress
        self.address = place.address
        self.read, self.write, self.remove = place.read, place.write, place.remove

    def list(self) -> Mapping[str, int]:
        self._progress.say(f"Asking {self.address} what is there")
        found = self._place.list()
        listing, held = read_listing(found), self._mirror.held
        names = [*to_fetch(held, listing), *to_send(held, listing)] if self._counts else []
        self._progress.expect(sum(name.size_bytes for name in names))
        return found


class SyncRun:
    """Syncs a folder with a place.

    Args:
        wanted: of a part of a collection, the name of a text that is to be in it; see `places.part`.
        join: see `sync`.
    """

    def __init__(
        self,
        place: Place,
        folder: Path,
        name: str | None,
        progress: Progress,
        wanted: str = "",
        join: str = "",
    ) -> None:
        self._wanted = wanted
        self._join = join
        self._place = place
        self._folder = folder
        self._name = name
        self.progress = progress
        self._state = Paths.of_user().state
        self._memory = Memory()
        self._noticed: set[str] = set()
        """What was said of the texts, so that what lasts is said once."""

    # ------------------------------------------------------------------ the collection

    def _find(self) -> tuple[Path, Collection] | None:
        """The collection that the texts of the folder belong to, and its folder in the state folder; None if they belong to none yet.

        Raises:
            JptermError: a folder inside or around it is synced, or what is noted of it cannot be read.
        """
        for its_folder, known in collections.find(self._state, self._folder, []):
            if known.folder == self._folder:
                return its_folder, known
            if known.is_part:
                continue  # in the state folder, of which nothing is shared
            raise JptermError(
                f"{escape_for_terminal(known.folder)} is synced already, and lies in or around {escape_for_terminal(self._folder)}: sync that one."
            )
        return None

    def _begin(self) -> Path:
        """Begin to carry the folder: in the collection that is at the place, or in a new one if the place is empty."""
        listing = list_all_files(self._place)
        there = standing(listing, None, was_ready=False)
        if there is Standing.READY:
            [marker] = listing.markers
            collection = marker.collection
        elif there is Standing.EMPTY:
            collection = None
        else:
            raise JptermError(f"{in_sentence(self._place)} {REASONS[there]}.")
        return collections.begin(self._state, self._folder, display_name(self._name), collection)

    def look(self) -> tuple[str, dict[str, object]]:
        """Say what a sync would do, without doing anything."""
        listing = list_all_files(self._place)
        found = self._find()
        if found is None:
            there = standing(listing, None, was_ready=False)
            size_bytes = sum(name.size_bytes for name in listing.packs)
            sentence = (
                f"{in_sentence(self._place)} would become a place of the texts in {escape_for_terminal(self._folder)}."
                if there is Standing.EMPTY
                else f"Would fetch {count_packs(list(listing.packs))} ({size_bytes:,} bytes), and send the texts of {escape_for_terminal(self._folder)}."
                if there is Standing.READY
                else f"{in_sentence(self._place)} {REASONS[there]}."
            )
            return sentence, {"place": self._place.address, "state": there.value, "fetch_bytes": size_bytes}
        its_folder, known = found
        note = known.places.get(self._place.address, PlaceNote())
        there = standing(listing, known.collection, was_ready=note.was_ready)
        if there not in (Standing.READY, Standing.EMPTY):
            return f"{in_sentence(self._place)} {REASONS[there]}.", {"state": there.value}
        with collections.hold(its_folder, wait_s=OTHERS_S):
            mirror = collections.open_mirror(its_folder)
            fetch, send = to_fetch(mirror.held, listing), to_send(mirror.held, listing)
        facts: dict[str, object] = {
            "place": self._place.address,
            "state": there.value,
            "fetch_bytes": sum(name.size_bytes for name in fetch),
            "send_bytes": sum(name.size_bytes for name in send),
        }
        would = [
            f"{verb} {count_packs(names)} ({sum(name.size_bytes for name in names):,} bytes)"
            for verb, names in (("fetch", fetch), ("send", send))
            if names
        ]
        would.append("send what was written here since the last sync")
        sentence = f"Would {' and '.join(would)}{'' if fetch else '; nothing is new there'}."
        return sentence, facts

    # ------------------------------------------------------------------ one run

    def run(self) -> Totals:
        """Sync once, as a person asked for."""
        totals, found = Totals(), self._find()
        if found is None:
            its_folder = self._follow_folder(totals) or self._begin()
        else:
            its_folder = self._begin() if self._never_left(*found) else found[0]
        with collections.hold(its_folder, wait_s=OTHERS_S):
            return self._run(its_folder, begin=True, totals=totals)

    def watch(self, say: Callable[[Totals], None]) -> None:
        """Keep texts and place in step until ctrl+c; `say` is told what happened whenever something did."""
        pace, said, is_ended = Pace(self._place), "", False

        def end(_number: int, _frame: object) -> None:
            # asyncio has a handler of its own, which loses a ctrl+c that comes when a request is just done.
            nonlocal is_ended
            is_ended = True
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, end)
        try:
            with suppress(KeyboardInterrupt):
                while not is_ended:
                    # Nothing tells this process when texts or the place change: the hub that watches the files is another one, and may have ended.
                    wait_for([pace], _sleep)
                    self.progress.wait(QUIET_S)
                    said = self.look_again(pace, said, say, asks=pace.asks_place)
                    self.progress.end()
        finally:
            signal.signal(signal.SIGINT, before)

    def look_again(self, pace: Pace, said: str, say: Callable[[Totals], None], *, asks: bool) -> str:
        """Sync once, as one of many times, and say what is new since `said`; return what was wrong.

        Args:
            asks: whether the place is asked also if nothing new was written here.
        """
        totals, began_s = Totals(), time.monotonic()
        try:
            found = self._find()
            if found is None:
                raise JptermError(f"{escape_for_terminal(self._folder)} is not synced any more.")
            with collections.hold(found[0]):
                self._run(found[0], begin=False, totals=totals, asks=asks)
            problem = ""
            if not totals.is_same and totals.report is not None:
                problem = "\n".join([*totals.problems, describe(self._place, totals)[-1]])
            is_well_again = said and not problem and totals.report is not None
            if totals.has_moved or problem not in ("", said) or is_well_again:
                say(totals)
        except collections.CollectionBusy:
            return said
        except JptermError as error:
            problem = str(error)
            if problem != said:
                print(f"jpterm-like: {escape_for_terminal(problem)}", file=sys.stderr, flush=True)
        pace.note(time.monotonic() - began_s, totals)
        return problem

    def _follow_folder(self, totals: Totals) -> Path | None:
        """Go on with the texts of a folder that was moved here, so that each of them stays the document that it is; None if there is none.

        It is the one that was synced with this place and has none of its files any more, if most of them are here.
        """
        for found, known in collections.find(self._state, Path("/"), []):
            if known.is_part or self._place.address not in known.places:
                continue
            names = [
                notes.name_here
                for notes in Documents.decode(collections.read_texts(found)).notes.values()
                if notes.name_here and notes.had_file
            ]
            if any(os.path.lexists(known.folder / name) for name in names):
                continue
            if 2 * sum(os.path.lexists(self._folder / name) for name in names) > len(names):
                with collections.hold(found):
                    there = collections.move(found, known, self._folder)
                totals.notices.append(
                    f"The texts of {escape_for_terminal(known.folder)} are in {escape_for_terminal(self._folder)} now."
                )
                return there
        return None

    def _never_left(self, found: Path, known: Collection) -> bool:
        """Whether a collection was begun here, and never came to a place, because the run was ended before; and the place
        belongs to another one by now. Then it is given up for that one: nobody else knows of it."""
        if any(note.was_ready for note in known.places.values()):
            return False
        markers = list_all_files(self._place).markers
        if not markers or any(marker.collection == known.collection for marker in markers):
            return False
        with collections.hold(found):
            collections.forget(found)
        return True

    def _run(self, found: Path, *, begin: bool, totals: Totals | None = None, asks: bool = True) -> Totals:
        """Sync once.

        Args:
            begin: whether an empty folder may become a place.
            asks: whether the place is asked also if nothing new was written here.
        """
        totals, memory = totals or Totals(), self._memory
        known = self._load(found)
        memory.was_ready = known.places[self._place.address].was_ready
        # A carried folder may have files already whose history is at the place: that is taken in first.
        is_carried = carrier_of(self._folder) is not None
        for number in range(ROUNDS_MAX):
            mirror = collections.open_mirror(found)
            is_joining = mirror.collection is None  # which the first exchange changes
            is_joining |= is_carried and asks and not number
            if not is_joining:
                known = self._carry(found, known, totals)
                if not asks and not totals.written:
                    return totals
                mirror = collections.open_mirror(found)
            part = self._part(found) if known.is_part else None
            place = _Announced(self._place, mirror, self.progress, counts=part is None)
            totals.report = report = exchange(mirror, place, known.lane, memory, begin=begin, part=part)
            if part is not None:
                collections.write_part(found, part.looked)
                self._wanted = part.wanted
            self._note_there(found, mirror, report)
            totals.packs_sent += len(report.sent)
            totals.packs_fetched += len(report.fetched)
            totals.set_aside += report.set_aside
            known = self._note(found, known, report, totals)
            if report.standing is not Standing.READY or report.problem is not None:
                if report.fetched:  # what a place that can only be read has is taken in all the same
                    self._carry(found, known, totals)
                return totals
            if not (report.fetched or report.lane_taken or is_joining):
                return totals
        self._carry(found, known, totals)  # others go on sending: what they do now comes with the next run
        return totals

    def _part(self, found: Path) -> Part:
        """The documents of a part: those that were opened, and those that begin here."""
        looked = collections.read_part(found)
        for document, notes in Documents.decode(collections.read_texts(found)).notes.items():
            if notes.name_here:
                looked.setdefault(document, set())
        return Part(looked, self._wanted)

    def _load(self, found: Path) -> Collection:
        """Read the notes on the collection, and bring them up to date."""
        known = collections.load(found)
        assert known is not None
        if known.machine != (machine := collections.machine_of(found)):
            known = replace(known, machine=machine, lane=collections.new_lane())
        if self._name is not None:
            known = replace(known, author=display_name(self._name))
        if self._place.address not in known.places:
            # A first place gets all; what that is, is counted while it is written.
            note = PlaceNote(unsent_changes=-1 if known.places else 0)
            known = known.with_place(self._place.address, note)
        known = replace(known, join=self._join)
        collections.save(found, known)
        return known

    def _carry(self, found: Path, known: Collection, totals: Totals) -> Collection:
        """Have the server bring texts and mirror together."""
        self.progress.say("Looking at the texts")
        address = server_of(self._folder)
        done = asyncio.run(carry(address, known.collection, self._folder, self._say_documents))
        if known.join:
            known, self._join = replace(known, join=""), ""
            collections.save(found, known)
        totals.got_changes += done.got
        totals.got_documents = max(totals.got_documents, done.got_documents)
        totals.people += [each for each in done.people if each not in totals.people]
        totals.early = done.early
        totals.written += done.written
        news = [each for each in done.notices if each not in self._noticed]
        self._noticed.update(news)
        totals.notices += news
        totals.problems = list(done.problems)
        if known.former is not None:
            known = replace(known, former=None)
            collections.save(found, known)
        if done.written:
            for address_, note in known.places.items():
                if note.unsent_changes >= 0:
                    known = known.with_place(
                        address_,
                        replace(
                            note,
                            unsent_changes=note.unsent_changes + done.written,
                            unsent_documents=note.unsent_documents + done.written_documents,
                        ),
                    )
            collections.save(found, known)
        return known

    def _say_documents(self, done: int, of: int) -> None:
        self.progress.say(f"Looking at the texts: {done:,} of {of:,}")

    def _note_there(self, found: Path, mirror: Mirror, report: Report) -> None:
        """Note which packs the place has now, if it was seen whole."""
        if report.standing is Standing.READY and report.problem is None:
            there = collections.read_there(found)
            names = sorted({str(name) for name in mirror.held} - set(map(str, report.waiting)))
            if there.get(self._place.address) != names:
                collections.write_there(found, {**there, self._place.address: names})

    def _note(self, found: Path, known: Collection, report: Report, totals: Totals) -> Collection:
        """Note what an exchange did."""
        address = self._place.address
        before = known.places[address]
        note = replace(before, was_ready=self._memory.was_ready, trouble=_trouble(report))
        if note.trouble != before.trouble:
            note = replace(note, trouble_s=clock.wall() if note.trouble else 0.0)
        if report.standing is Standing.READY and (
            report.problem is None or isinstance(report.problem, ReadOnly)
        ):
            note = replace(note, coming=_coming(found, report))
        if report.standing is Standing.READY and report.problem is None:
            note = replace(note, contact_s=clock.wall())
            if not report.waiting:
                totals.sent_changes += max(0, note.unsent_changes)
                totals.sent_documents += note.unsent_documents
                note = replace(note, unsent_changes=0, unsent_documents=0)
        known = known.with_place(address, note)
        if report.lane_taken:
            known = replace(known, lane=collections.new_lane())
        collections.save(found, known)
        return known


def _trouble(report: Report) -> str:
    """See `PlaceNote.trouble`."""
    match report.problem:
        case None:
            return "" if report.standing is Standing.READY else "stopped"
        case ReadOnly():
            return "read only"
        case Unreachable():
            return "unreached"
        case _:
            return "refused"


def _coming(found: Path, report: Report) -> dict[str, int]:
    """See `PlaceNote.coming`."""
    counts = {lane: sum(last - first + 1 for first, last in gaps) for lane, gaps in report.coming.items()}
    for name in report.unread:
        counts[name.lane] = counts.get(name.lane, 0) + 1
    if not counts:
        return {}
    documents, coming = Documents.decode(collections.read_texts(found)), dict[str, int]()
    for lane, count in sorted(counts.items()):
        author = documents.author_of(lane)
        coming[author] = coming.get(author, 0) + count
    return coming


class Pace:
    """When to look next. A look never takes more than a tenth of the time, so a slow disk or a large folder is not kept busy; where something came into
    a folder, never more than a quarter."""

    def __init__(self, place: Place) -> None:
        self._folder = place.address if isinstance(place, LocalPlace) else None
        self._folder_changed = self._changed()
        self._looked_s = 0.0
        self._poll_s = POLL_FIRST_S
        self._asked_at = time.monotonic()
        self._moved_at = -math.inf

    @property
    def pause_s(self) -> float:
        is_writing = self._folder is not None and time.monotonic() - self._moved_at < WRITING_S
        return max(LOOK_SOON_S if is_writing else LOOK_S, 10 * self._looked_s)

    @property
    def asks_place(self) -> bool:
        """Whether the place is asked now: a folder each time, and a server at intervals that grow while nothing moves."""
        return self._folder is not None or time.monotonic() - self._asked_at >= self._poll_s

    @property
    def has_news(self) -> bool:
        """Whether something came into the folder since the last look, which was long enough ago."""
        if self._folder is None or time.monotonic() - self._asked_at < 4 * self._looked_s:
            return False
        return self._changed() != self._folder_changed

    def _changed(self) -> int:
        """When a name in the folder changed last; 0 if that is not known."""
        try:
            return 0 if self._folder is None else os.stat(self._folder).st_mtime_ns
        except OSError:
            return 0

    def note(self, looked_s: float, totals: Totals) -> None:
        """Note how long a look took, and what came of it."""
        self._looked_s = looked_s
        self._folder_changed = (
            self._changed()
        )  # also by what was sent; what comes this moment is seen by the next look
        if totals.has_moved:
            self._moved_at = time.monotonic()
        if totals.report is not None:
            self._asked_at = time.monotonic()
            self._poll_s = POLL_FIRST_S if totals.has_moved else min(POLL_MOST_S, self._poll_s * 1.5)


def wait_for(paces: Sequence[Pace], wait: Callable[[float], bool]) -> bool:
    """Wait until the next look at these places is due; return whether to end before.

    Args:
        wait: waits for some seconds and returns whether to end.
    """
    until = time.monotonic() + max(pace.pause_s for pace in paces)
    while (left := until - time.monotonic()) > 0 and not any(pace.has_news for pace in paces):
        if wait(min(left, NEWS_S)):
            return True
    return False


def _sleep(pause_s: float) -> bool:
    time.sleep(pause_s)
    return False


def server_of(folder: Path) -> Address:
    """The server that has the texts of a folder: the one that serves it, or this user's hub.

    Raises:
        JptermError: the folder was served, and its histories are with no running server.
    """
    for each in (folder, *folder.parents):
        if (own := find_own_socket(each)) is not None:
            return own
        server = find_server_of(each)
        if server is not None and server.tokens:  # of an earlier release
            raise JptermError(
                f"{escape_for_terminal(each)} is served with tokens. Its texts can be synced while it is served on this machine alone: "
                f"jpterm-like serve {escape_for_terminal(each)}"
            )
        if server is not None:
            return server.address
        if has_histories(each / STORE_FOLDER):
            raise JptermError(
                f"{escape_for_terminal(each)} was served, and its histories are there: start 'jpterm-like serve {escape_for_terminal(each)}', "
                "and run this again."
            )
    return LocalFileAddress(folder, folder.name)
