"""`sync PLACE DIR`: what it does at places that are not as they should be, and with texts that came."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from crdt import TextBuffer, Version
from jpterm_like import clock
from jpterm_like import collection as collections
from jpterm_like.access.addresses import LocalFileAddress
from jpterm_like.cli.main import main
from jpterm_like.cli.place_commands import open_for_person
from jpterm_like.cli.progress import Progress
from jpterm_like.cli.sync import NEWS_S, Pace, SyncRun, places_of, server_of, wait_for
from jpterm_like.cli.sync_report import describe
from jpterm_like.errors import JptermError
from jpterm_like.files import write
from jpterm_like.packs import records
from jpterm_like.packs.marker import encode, marker_name
from jpterm_like.packs.names import MarkerName, lane_name
from jpterm_like.packs.pack import encode as encode_pack
from jpterm_like.packs.records import Birth, Changes, Content, Deleted, Form, Hello, Name, Saved, document_id
from jpterm_like.retention import forget
from jpterm_like.server import collection_packs
from jpterm_like.server.carrying import Carrying
from jpterm_like.server.collection_texts import CollectionTexts
from jpterm_like.server.connections import OpenDocument
from jpterm_like.server.server import Server
from jpterm_like.storage.disk_layout import folder_name
from tests.cli.syncing import Person
from tests.places.simulation import Killed


@pytest.fixture
def ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, "Ann", monkeypatch)


@pytest.fixture
def bob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, "Bob", monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def marker_in(place: Path) -> Path:
    [marker] = place.glob("jpterm-like-*")
    return marker


def remove_marker(place: Path) -> None:
    marker_in(place).unlink()


def empty(place: Path) -> None:
    for path in place.iterdir():
        path.unlink()


def remove(place: Path) -> None:
    shutil.rmtree(place)


def put_file(place: Path) -> None:
    shutil.rmtree(place)
    place.write_text("a file")


def put_other_collection(place: Path) -> None:
    empty(place)
    add_other_marker(place)


def add_other_marker(place: Path) -> None:
    (place / str(marker_name(b"another one's id"))).write_bytes(encode("jpterm-like 0.2.0"))


def put_newer_marker(place: Path) -> None:
    marker = marker_in(place)
    (place / marker.name.replace(".v1", ".v2")).write_bytes(b"{}")


def rename_marker(place: Path) -> None:
    marker = marker_in(place)
    marker.rename(place / str(MarkerName(b"o" * 16, 1)))


def write_newer_marker(place: Path) -> None:
    marker = marker_in(place)
    marker.write_bytes(marker.read_bytes().replace(b'"format": 1', b'"format": 2') + b" ")


def put_foreign_files(place: Path) -> None:
    empty(place)
    (place / "holiday.jpg").write_bytes(b"\xff\xd8")


BAD = {
    "its marker is gone": (remove_marker, "is none now"),
    "it was emptied, or its disk is not mounted": (empty, "is none now"),
    "the folder is gone": (remove, "cannot be used"),
    "a file is there instead": (put_file, "cannot be used"),
    "another folder is there instead": (put_foreign_files, "is none now"),
    "another collection is there instead": (put_other_collection, "has other texts"),
    "the marker has another name": (rename_marker, "has other texts"),
    "another marker came": (add_other_marker, "several collections"),
    "a newer release changed the layout": (put_newer_marker, "newer release"),
    "a newer release wrote the marker": (write_newer_marker, "newer release"),
}


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "first contact"])
@pytest.mark.parametrize("case", BAD)
def test_a_place_that_is_not_as_it_should_be_is_told_and_not_written(
    ann: Person, bob: Person, place: Path, case: str, is_known: bool
) -> None:
    """One sentence, nothing is written there, and no text is touched; for Bob, who has never been there, too."""
    damage, sentence = BAD[case]
    ann.write("notes.md", "hello\n")
    assert ann.sync(place)["same"]
    damage(place)
    before = listing(place)
    who = ann if is_known else bob
    who.write("notes.md", "hello\nmore\n")
    texts = who.files()
    facts = who.sync(place)
    said = facts.get("refused") or facts["sentence"]
    is_new_to_bob = not is_known and case in (
        # nothing tells Bob that these were something else: it is his first contact, and he typed the command
        "it was emptied, or its disk is not mounted",
        "another folder is there instead",
        "another collection is there instead",
    )
    if is_new_to_bob:
        assert facts["same"] and who.files()["notes.md"] == "hello\nmore\n"
        return
    assert not facts["same"]
    if is_known:
        assert sentence in said, said
    if case == "the marker has another name" and not is_known:
        return  # a place of another collection, with foreign packs, which are told
    assert said.count(".\n") == 0 and listing(place) == before and who.files() == texts


def test_who_wrote_with_another_program_is_named(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    ann.write("notes.md", "hello\nmore\n")
    ann.sync(place)
    assert bob.sync(place)["by"] == ["Ann"]


def test_a_place_that_comes_back_goes_on(ann: Person, bob: Person, place: Path) -> None:
    """A disk that is mounted again: what was written meanwhile is sent."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    aside = place.with_name("aside")
    place.rename(aside)
    place.mkdir()
    ann.write("notes.md", "hello\nmeanwhile\n")
    assert not ann.sync(place)["same"] and not listing(place)
    place.rmdir()
    aside.rename(place)
    facts = ann.sync(place)
    assert facts["same"] and facts["sent_changes"] == 1
    bob.sync(place)
    assert bob.files() == {"notes.md": "hello\nmeanwhile\n"}


def test_texts_and_place_do_not_lie_in_each_other(ann: Person, tmp_path: Path) -> None:
    for place in (ann.texts, ann.texts / "place", tmp_path):
        assert "lie in each other" in ann.sync(place)["refused"]


@pytest.mark.parametrize(
    ("mark", "carrier"),
    [(".stfolder", "Syncthing"), (".dropbox.cache", "Dropbox"), (".sync_1f.db", "Nextcloud")],
)
def test_texts_that_are_carried_as_files_as_well_are_told(
    ann: Person, place: Path, tmp_path: Path, mark: str, carrier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, by the first run; who keeps them outside hears nothing."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert main(["sync", str(place), str(ann.texts)]) == 0
    assert capsys.readouterr().out == "Nothing is new; all is the same.\n"
    (tmp_path / mark).mkdir()
    (texts := tmp_path / "other texts").mkdir()
    assert main(["sync", str(place), str(texts)]) == 0
    told, *_ = capsys.readouterr().out.splitlines()
    assert told.startswith(f"{carrier} carries the files in {texts} as well.")
    assert main(["sync", str(place), str(texts)]) == 0
    assert carrier not in capsys.readouterr().out


@pytest.mark.parametrize(
    "copy",
    [
        "notes.sync-conflict-20261129-191435-GE6TANB.md",
        "notes (Ann's conflicted copy 2026-11-30).md",
        "notes (conflicted copy 2026-11-30 201512).md",
        "notes_conflict-20261130-201512.md",
    ],
)
def test_a_copy_that_a_carrier_made_is_no_document(ann: Person, bob: Person, place: Path, copy: str) -> None:
    """Its text is there already, or a person decides; it is told, and left where it is."""
    ann.write("docs/notes.md", "hello\n")
    ann.write(f"docs/{copy}", "hello\nof another machine\n")
    ann.write(copy, "no copy, because there is no other one\n")
    facts = ann.sync(place)
    assert facts["sent_documents"] == 2 and not facts["same"]
    assert facts["problems"][0].startswith(
        f"docs/{copy} is a copy that another program made when docs/notes.md"
    )
    bob.sync(place)
    assert sorted(bob.files()) == sorted(["docs/notes.md", copy])
    (ann.texts / "docs" / copy).unlink()
    assert ann.sync(place)["same"]


def test_many_new_texts_come_at_once(ann: Person, bob: Person, place: Path) -> None:
    """Several are looked at side by side; of names that differ in case only, each is one file on any disk."""
    names = [f"{folder}/{name}.md" for folder in ("a", "b") for name in ("one", "two", "Two", "TWO", "three")]
    for name in names:
        ann.write(name, f"{name}\n")
    assert ann.sync(place)["sent_documents"] == 10
    facts = bob.sync(place)
    assert facts["same"] and facts["got_documents"] == 10
    found = bob.files()
    assert len({name.casefold() for name in found}) == 10 and sorted(found.values()) == sorted(
        ann.files().values()
    )
    assert sum(" (Ann" in name for name in found) == len(facts["notices"]) == 4
    assert bob.sync(place)["sentence"] == "Nothing is new; all is the same."


def test_a_folder_belongs_to_one_collection(ann: Person, bob: Person, place: Path, tmp_path: Path) -> None:
    """Neither another place's collection, nor a folder inside of one that is synced."""
    ann.write("docs/notes.md", "hello\n")
    ann.sync(place)
    assert "is synced already" in ann.sync(place, ann.texts / "docs")["refused"]
    other = tmp_path / "other"
    other.mkdir()
    bob.sync(other)
    before = listing(other)
    assert "has other texts" in ann.sync(other)["sentence"] and listing(other) == before


def sync_killed_before_it_saves(person: Person, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a run end once what came is stored, and is not in the file."""
    take_in = CollectionTexts.take_in

    async def killed(self: CollectionTexts, opened: OpenDocument, *arguments: Any, **named: Any) -> None:
        async def no_more() -> None:
            raise Killed

        opened.document.autosave = no_more  # type: ignore[method-assign]
        try:
            await take_in(self, opened, *arguments, **named)
        except Killed:
            raise JptermError("killed") from None

    with monkeypatch.context() as patches:
        patches.setattr(CollectionTexts, "take_in", killed)
        assert person.sync(place)["refused"] == "killed"


def test_a_run_that_was_killed_before_it_saved_is_made_good(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came is stored then, and the file lacks it: the next run writes it, unless somebody has unsaved words in the text."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)

    async def type_without_saving(server: Server) -> None:
        (await opened(server, bob, "notes.md")).document.pad.replace(0, 0, "unsaved ", 1.0)

    ann.write("notes.md", "hello\nand more\n")
    ann.sync(place)
    sync_killed_before_it_saves(bob, place, monkeypatch)
    assert bob.files() == {"notes.md": "hello\n"}
    assert bob.sync(place)["same"]
    assert bob.files() == ann.files() == {"notes.md": "hello\nand more\n"}

    bob.meanwhile = type_without_saving
    bob.sync(place)
    bob.meanwhile = None
    [texts] = bob.home.rglob("texts.json")
    texts.unlink()
    assert "unsaved" in bob.sync(place)["problems"][0]
    assert bob.files() == {"notes.md": "hello\nand more\n"}


def test_a_script_after_a_run_that_was_killed_before_it_saved_leaves_nothing_unsaved(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next opening writes the file. A script saves unless others have unsaved words, and what came looked like those."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)
    ann.write("notes.md", "hello\nand more\n")
    ann.sync(place)
    sync_killed_before_it_saves(bob, place, monkeypatch)
    assert bob.files() == {"notes.md": "hello\n"}

    async def append(server: Server) -> None:
        document = (await opened(server, bob, "notes.md")).document
        is_saved, end = document.is_saved, len(document.pad.buffer)
        document.pad.replace(end, end, "by a script\n", 1.0)
        if is_saved:
            await document.save()

    bob.do(append)
    assert bob.sync(place)["same"]
    ann.sync(place)
    assert ann.files() == bob.files() == {"notes.md": "hello\nand more\nby a script\n"}


def test_a_line_that_was_written_while_the_file_was_replaced_is_not_lost(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program opened the file before our rename, wrote after it, and ended before we looked again."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)
    ann.write("notes.md", "hello\nby Ann\n")
    ann.sync(place)
    replace = write._put_in_place

    def raced(*arguments: Any) -> None:
        with (bob.texts / "notes.md").open("a") as file:
            replace(*arguments)
            file.write("late\n")
        monkeypatch.setattr(write, "_put_in_place", replace)

    monkeypatch.setattr(write, "_put_in_place", raced)
    bob.sync(place)
    assert sorted(bob.files()["notes.md"].split()) == ["Ann", "by", "hello", "late"]
    bob.sync(place)
    ann.sync(place)
    assert ann.files() == bob.files()


def test_a_missing_file_is_not_a_deleted_one(ann: Person, bob: Person, place: Path) -> None:
    """It stays at the others, and what they write does not bring it back here."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)
    (ann.texts / "notes.md").unlink()
    facts = ann.sync(place)
    assert facts["same"] and "notes.md has no file here any more" in facts["notices"][0]
    assert ann.sync(place)["notices"] == []
    assert bob.sync(place)["same"] and bob.files() == {"notes.md": "hello\n"}
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(place)
    assert ann.sync(place)["same"] and ann.files() == {}


def test_a_file_that_has_become_a_link_is_told(ann: Person, bob: Person, place: Path, tmp_path: Path) -> None:
    """What it leads to is not written, and nobody is told that all is the same."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    (tmp_path / "elsewhere.md").write_text("private\n")
    (bob.texts / "notes.md").unlink()
    (bob.texts / "notes.md").symlink_to(tmp_path / "elsewhere.md")
    ann.write("notes.md", "hello\nmore\n")
    ann.sync(place)
    facts = bob.sync(place)
    assert not facts["same"] and "leads out of the folder" in facts["problems"][0]
    assert (tmp_path / "elsewhere.md").read_text() == "private\n"
    (bob.texts / "notes.md").unlink()
    bob.write("notes.md", "hello\n")
    all_sync(place, bob, ann)  # what came while it could not be used was not lost
    assert ann.files() == bob.files() == {"notes.md": "hello\nmore\n"}


def test_two_places_of_one_collection(ann: Person, bob: Person, place: Path, tmp_path: Path) -> None:
    """A second, empty place gets everything; who comes by the one and who comes by the other have the same."""
    stick = tmp_path / "stick"
    stick.mkdir()
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert ann.sync(stick)["sentence"] == "Sent 1 pack; all is the same."
    assert set(listing(stick)) == set(listing(place))
    bob.sync(stick)
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(stick)
    ann.sync(stick)
    ann.sync(place)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}


def test_two_places_are_brought_together_without_texts(
    ann: Person, bob: Person, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty stick becomes one with --copy; after that, both are known as places."""
    stick = tmp_path / "stick"
    stick.mkdir()
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert main(["sync", str(place), str(stick), "--copy"]) == 0
    assert set(listing(stick)) == set(listing(place))
    bob.sync(stick)
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(stick)
    assert main(["sync", str(place), str(stick)]) == 0
    assert main(["sync", str(place), str(stick), "--watch"]) == 1
    assert "not two places" in capsys.readouterr().err
    ann.sync(place)
    assert ann.files() == {"notes.md": "hello\nbob\n"} and not list(stick.glob("*.md"))


def test_places_are_listed_with_what_waits(
    ann: Person, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each, with --json as an object; the exit code says whether something waits."""
    ann._be_at_home()
    assert main(["places"]) == 0
    assert "Nothing is synced" in capsys.readouterr().out
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert main(["places"]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(
        rf"{re.escape(str(ann.texts))}  {re.escape(str(place))}  last contact \d\d:\d\d, nothing waits\n",
        said,
    )
    aside = place.rename(tmp_path / "aside")
    ann.write("notes.md", "hello\nmore\n")
    ann.sync(place)
    assert main(["places", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["place"], facts["folder"], facts["waiting"]) == (str(place), str(ann.texts), 1)
    assert facts["texts"] == {"notes.md": 1}

    async def write(server: Server) -> None:
        opened = await server.documents.open(str(ann.texts / "notes.md"), ann.texts / "notes.md")
        for number in range(2):
            opened.document.pad.replace(0, 0, f"unsaved {number} ", 1.0)

    ann.do(write)  # what no sync has seen, while no server runs
    ann.write("new.md", "new\n")
    assert main(["places"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("3 changes wait")
    assert lines[1:] == ["    3 in notes.md", "    new.md is new, or was changed by another program"]
    aside.rename(place)
    ann.sync(place)
    assert main(["places"]) == 0
    assert capsys.readouterr().out.endswith("nothing waits\n")


def test_a_sync_waits_for_the_one_that_goes_on_while_texts_are_open(
    ann: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    [state] = (ann.home / "state" / "jpterm-like" / collections.COLLECTIONS).iterdir()
    other = contextlib.ExitStack()
    other.enter_context(collections.hold(state))
    monkeypatch.setattr(collections.time, "sleep", lambda delay_s: other.close())
    assert ann.sync(place)["same"]
    with collections.hold(state), pytest.raises(collections.CollectionBusy), collections.hold(state):
        pass


@pytest.mark.parametrize("loss", ["texts.json", "a pack of the mirror", "texts.json is damaged"])
def test_what_was_lost_of_the_state_comes_back(ann: Person, bob: Person, place: Path, loss: str) -> None:
    """The cache may go at any time. A pack that both mirror and place lost is written again, with its beginning."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    [state] = (ann.home / "state" / "jpterm-like" / collections.COLLECTIONS).iterdir()
    if loss == "texts.json":
        (state / "texts.json").unlink()
    elif loss == "a pack of the mirror":
        [pack] = (state / "mirror").glob("*.jpk")
        pack.unlink()
        (place / pack.name).unlink()
    else:
        (state / "texts.json").write_bytes(b'{"format":1,"taken":3')
    assert ann.sync(place)["same"]
    assert bob.sync(place)["same"] and bob.files() == {"notes.md": "hello\n"}
    for one in (ann, bob):
        facts = one.sync(place)
        assert facts["packs_sent"] == facts["packs_fetched"] == facts["got_changes"] == 0


def test_while_watching_each_trouble_is_said_once_and_its_end_too(ann: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    there = open_for_person(str(place))
    pace, heard = Pace(there), list[str]()
    run = SyncRun(there, ann.texts, "Ann", Progress(is_shown=False))
    away, said = place.with_name("away"), ""

    def look(times: int) -> None:
        nonlocal said
        for _ in range(times):
            said = run.look_again(pace, said, lambda totals: heard.extend(describe(there, totals)), asks=True)

    look(2)
    assert not heard
    place.rename(away)
    look(2)
    assert [each for each in heard if "cannot be used" in each] == heard[:1] == heard
    away.rename(place)
    look(2)
    assert heard[1:] == ["Nothing is new; all is the same."]


def test_what_comes_into_a_folder_is_news_and_what_was_sent_is_none(
    ann: Person, bob: Person, place: Path
) -> None:
    """So somebody who looks again sees it soon, and nobody looks without end."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)
    ann._be_at_home()
    there = open_for_person(str(place))
    pace = Pace(there)
    run = SyncRun(there, ann.texts, "Ann", Progress(is_shown=False))

    def look() -> None:
        ann._be_at_home()
        run.look_again(pace, "", lambda totals: None, asks=True)
        pace._looked_s = 0.0

    look()
    assert not pace.has_news
    ann.write("notes.md", "hello\nby Ann\n")
    look()
    assert not pace.has_news, "what was sent"
    bob.sync(place)
    assert not pace.has_news, "he had nothing to send"
    bob.write("notes.md", "hello\nby Ann\nby Bob\n")
    bob.sync(place)
    assert pace.has_news
    waited: list[float] = []
    assert not wait_for([pace], lambda s: bool(waited.append(s))) and not waited
    look()
    assert not pace.has_news and ann.files() == bob.files()
    assert wait_for([pace], lambda s: waited.append(s) is None) and waited == [NEWS_S]
    place.rename(place.with_name("away"))
    assert pace.has_news, "it went"
    look()
    assert not pace.has_news


def test_a_place_that_was_mistyped_is_asked_no_more(ann: Person, place: Path, tmp_path: Path) -> None:
    """`sync` without a place takes those that the texts have been at."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert not ann.sync(tmp_path / "plaec")["same"]
    assert places_of(ann.texts) == [str(place)]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"format": 1, "places": {"x": {"contact_s": "long ago"}}}']
)
def test_a_damaged_note_stops_no_other_folder(
    ann: Person, bob: Person, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    other, its_place = tmp_path / "other texts", tmp_path / "other place"
    other.mkdir()
    its_place.mkdir()
    (other / "plan.md").write_text("plan\n")
    assert ann.sync(its_place, other)["same"]
    [note] = [
        path
        for path in (ann.home / "state" / "jpterm-like" / collections.COLLECTIONS).glob("*/collection.json")
        if str(other) in path.read_text()
    ]
    note.write_text(damage)
    assert ann.sync(place)["same"]
    assert "is damaged" in ann.sync(its_place, other)["refused"]
    assert main(["places"]) == 1
    said = capsys.readouterr()
    assert str(place) in said.out and "is damaged" in said.err


def test_a_folder_that_was_moved_keeps_its_documents(ann: Person, bob: Person, place: Path) -> None:
    """Also with a file that was changed before the next sync, and one that has words that were not saved."""
    ann.write("notes.md", "hello\n")
    ann.write("plan.md", "plan\n")
    all_sync(place, ann, bob)

    async def leave(server: Server) -> None:
        document = await opened(server, ann, "plan.md")
        document.document.pad.replace(0, 0, "unsaved ", 0.0)
        await server.documents.close_if_unused(document)

    ann.do(leave)
    former, ann.texts = ann.texts, ann.texts.with_name("moved")
    former.rename(ann.texts)
    former.mkdir()
    ann.write("notes.md", "hello\nann\n")
    bob.write("notes.md", "bob\nhello\n")
    bob.sync(place)
    facts = ann.sync(place)
    assert facts["notices"] == [f"The texts of {former} are in {ann.texts} now."]
    assert "plan.md has words that an editor left unsaved" in facts["problems"][0]
    bob.sync(place)
    assert ann.files() == {"notes.md": "bob\nhello\nann\n", "plan.md": "plan\n"}
    assert bob.files() == {"notes.md": "bob\nhello\nann\n", "plan.md": "unsaved plan\n"}
    assert not ann.sync(place)["notices"] and not listing(former)


def test_an_empty_folder_is_none_that_was_moved(ann: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    shutil.rmtree(ann.texts)
    ann.texts = ann.texts.with_name("new")
    ann.texts.mkdir()
    assert ann.sync(place)["same"] and ann.files() == {"notes.md": "hello\n"}


def test_a_copied_state_folder_begins_a_lane_of_its_own(
    ann: Person, bob: Person, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both copies write on, and everything is everywhere once."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    copied = Person(tmp_path, "Ann2", monkeypatch)
    shutil.rmtree(copied.texts)
    shutil.copytree(ann.home, copied.home)
    copied.texts = ann.texts  # the same paths, on another machine
    before = ann.files()
    ann.write("notes.md", "hello\nann\n")
    ann.sync(place)
    ann.write("notes.md", before["notes.md"] + "copy\n")
    facts = copied.sync(place)
    assert facts["same"], facts
    lanes = {path.name[:13] for path in place.glob("*.jpk")}
    assert len(lanes) == 2
    bob.sync(place)
    assert sorted(bob.files()["notes.md"].split()) == ["ann", "copy", "hello"]


def test_a_file_that_is_no_text_is_left_alone(ann: Person, bob: Person, place: Path) -> None:
    (ann.texts / "a.bin").write_bytes(b"\0\1\2")
    (ann.texts / "b.bin").write_bytes(b"\xe4" * 9000 + b"\0\1\2")
    ann.write(".hidden", "secret\n")
    ann.write("notes.md", "hello\n")
    assert ann.sync(place)["same"]
    bob.sync(place)
    assert bob.files() == {"notes.md": "hello\n"}


@pytest.mark.parametrize(
    "raw",
    [
        "ä\nhello\n".encode("utf-16"),
        "hello you\n".encode("utf-16-le"),
        "Grüße über Öl\r\n".encode("latin-1"),
        b"a\r\nb\r\n",
        b"\xef\xbb\xbfa\n",
    ],
)
def test_a_file_is_made_in_the_form_that_it_had(ann: Person, bob: Person, place: Path, raw: bytes) -> None:
    """In another charset, with a mark, with other line ends: as a document of its own, and as one that was there before."""
    (ann.texts / "notes.txt").write_bytes(raw)
    carla = Person(ann.texts.parent, "Carla", ann._monkeypatch)
    (carla.texts / "notes.txt").write_bytes(raw)
    for person in (ann, bob, carla, ann):
        assert person.sync(place)["same"]
        assert [path.read_bytes() for path in person.texts.iterdir()] == [raw]

    async def write(server: Server) -> None:
        document = await opened(server, bob, "notes.txt")
        document.document.pad.replace(0, 0, "b", 0.0)
        await document.document.save()

    bob.do(write)
    for person in (bob, ann, carla):
        assert person.sync(place)["same"]
    [made] = {(person.texts / "notes.txt").read_bytes() for person in (ann, bob, carla)}
    assert made != raw and len(made) in (len(raw) + 1, len(raw) + 2)


@pytest.mark.parametrize(
    "form",
    [
        Form("no charset", False, "\n"),
        Form("utf-8", True, "x"),
        Form("utf_7", False, "\r\n"),
        Form("", True, ""),
    ],
)
def test_a_form_that_is_none_is_left_out(ann: Person, bob: Person, place: Path, form: Form) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    genesis = TextBuffer.genesis("odd\n")
    birth = Birth(genesis.lineage, "odd.md")
    put_pack(place, ann, birth, Changes(genesis.changes_since(Version())), form)
    assert bob.sync(place)["same"] and bob.files() == {"notes.md": "hello\n", "odd.md": "odd\n"}


def test_more_texts_than_a_folder_can_have_are_left_out(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's pack with a million texts makes no million files; the others are synced as always."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    evil = [TextBuffer.genesis(f"evil {number}\n") for number in range(9)]
    put_documents(place, ann, {Birth(each.lineage, f"{each.lineage.hex()}.md"): each for each in evil})
    monkeypatch.setattr(collection_packs, "DOCUMENTS_MAX", 9)
    for _ in range(2):
        facts = bob.sync(place)
        assert not facts["same"] and "1 of the packs is left out" in facts["problems"][0]
        assert bob.files() == {"notes.md": "hello\n"}
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(place)
    ann.sync(place)
    assert ann.files() == {"notes.md": "hello\nbob\n"}


def put_documents(place: Path, person: Person, documents: dict[Birth, TextBuffer]) -> None:
    """Put a pack of a stranger with whole documents at a place of a person's collection."""
    [path] = (person.home / "state" / "jpterm-like" / "collections").iterdir()
    known = collections.load(path)
    assert known is not None
    blocks = {
        document_id(known.collection, birth): [
            records.encode(birth),
            records.encode(Changes(text.changes_since(Version()))),
        ]
        for birth, text in documents.items()
    }
    pack, data = encode_pack(known.collection, lane_name(b"stranger"), 1, 1, blocks)
    (place / str(pack)).write_bytes(data)


def hostile_names() -> list[str]:
    return [
        "../evil.md",
        "/etc/evil",
        ".bashrc",
        "docs/../../evil",
        "a\0b",
        ".jpterm-like/x",
        "",
        ".git/config",
    ]


def put_pack(
    place: Path,
    person: Person,
    birth: Birth,
    *contents: Content,
    author: str = "",
    number: int = 1,
    is_born: bool = True,
) -> None:
    """Put a pack of a stranger at a place of a person's collection; with `is_born`, it has the document's beginning."""
    [path] = (person.home / "state" / "jpterm-like" / "collections").iterdir()
    known = collections.load(path)
    assert known is not None
    whole = (birth, *contents) if is_born else contents
    blocks = {document_id(known.collection, birth): [records.encode(each) for each in whole]}
    if author:
        blocks[records.COLLECTION_ITSELF] = [records.encode(Hello("jpterm-like", author, 1, 0))]
    pack, data = encode_pack(known.collection, lane_name(b"stranger"), number, number, blocks)
    (place / str(pack)).write_bytes(data)


@pytest.mark.parametrize("name", hostile_names())
def test_a_name_that_leads_elsewhere_is_not_written(
    ann: Person, bob: Person, place: Path, tmp_path: Path, name: str
) -> None:
    """Names are data: what a stranger wrote into a pack passes the rules of a shared folder before it is a path."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    evil = TextBuffer.genesis("evil\n")
    put_pack(place, ann, Birth(evil.lineage, name), Changes(evil.changes_since(Version())))
    before = {path for path in tmp_path.rglob("*") if path.name.startswith(("evil", ".bashrc", "config"))}
    facts = bob.sync(place)
    assert bob.files() == {"notes.md": "hello\n"}
    assert not facts["same"] and facts["problems"]
    assert "on their way" not in facts["sentence"]
    after = {path for path in tmp_path.rglob("*") if path.name.startswith(("evil", ".bashrc", "config"))}
    assert {path for path in after - before if path.is_file()} == set()


def test_a_change_that_cannot_be_used_is_told_each_time(ann: Person, bob: Person, place: Path) -> None:
    """Without it not all is the same, and a person who looked away would never know."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.sync(place)
    genesis = TextBuffer.genesis("hello\n")
    put_pack(place, ann, Birth(genesis.lineage, "notes.md"), Changes(b"no change"), author="Eve")
    for _ in range(3):
        facts = bob.sync(place)
        assert not facts["same"] and "what Eve wrote cannot be read, and is left out" in facts["problems"][0]
    bob.write("notes.md", "hello\nbob\n")
    bob.sync(place)
    ann.sync(place)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}


def test_what_never_comes_is_not_waited_for_for_ever(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations of a text whose beginning is nowhere are on their way for a month, and then count as no more than a stranger's junk."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    text = TextBuffer.genesis("begun\n")
    begun = text.version
    text.replace(0, 0, "later ")
    put_pack(place, ann, Birth(text.lineage, "new.md"), Changes(text.changes_since(begun)), is_born=False)
    now = 1_800_000_000.0
    for days, is_same in ((0, False), (29, False), (31, True)):
        monkeypatch.setattr(clock, "wall", lambda days=days: now + 86_400 * days)
        facts = bob.sync(place)
        assert facts["same"] == is_same, facts
        assert ("on the" in facts["sentence"]) != is_same, facts
    put_pack(place, ann, Birth(text.lineage, "new.md"), Changes(text.changes_since(Version())), number=2)
    assert bob.sync(place)["same"] and bob.files()["new.md"] == "later begun\n"


@pytest.mark.parametrize("who", ["\ud800", "B\nob", "\x1b[31m", "A" * 1000, "a\\b", "/.."])
def test_a_stranger_may_have_any_name(ann: Person, bob: Person, place: Path, who: str) -> None:
    """It becomes a part of a file's name, and of what is said."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    stranger = TextBuffer(author=who, lineage=(genesis := TextBuffer.genesis("evil\n")).lineage)
    stranger.integrate(genesis.changes_since(Version()))
    stranger.replace(0, 0, "more ")
    birth = Birth(genesis.lineage, "notes.md")
    put_pack(place, ann, birth, Changes(stranger.changes_since(Version())), author=who)
    for person in (ann, bob, ann):
        facts = person.sync(place)
        assert facts["same"], facts
        assert all(each.isprintable() for each in facts["by"])
        assert sorted(person.files().values()) == ["hello\n", "more evil\n"]


def test_what_packs_say_of_a_file_is_no_proof(ann: Person, bob: Person, place: Path) -> None:
    """A file whose bytes are noted for a version, and are another text, is a document of its own: its words stay."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    genesis = TextBuffer.genesis("hello\n")
    digest = hashlib.blake2b(b"precious\n", digest_size=records.DIGEST_BYTES).digest()
    put_pack(place, ann, Birth(genesis.lineage, "notes.md"), Saved(digest, genesis.version))
    bob.write("notes.md", "precious\n")
    bob.sync(place)
    assert sorted(bob.files().values()) == ["hello\n", "precious\n"]


def test_a_name_with_no_room_for_another_one_is_shortened(ann: Person, bob: Person, place: Path) -> None:
    name = "é" * 125 + ".md"
    ann.write(name, "by ann\n")
    bob.write(name, "by bob\n")
    all_sync(place, ann, bob)
    assert sorted(ann.files().values()) == sorted(bob.files().values()) == ["by ann\n", "by bob\n"]


def test_a_file_that_waits_for_a_save_is_told(ann: Person, bob: Person, place: Path) -> None:
    """An editor was closed with words that were not saved: the others get them, this file does not, and each sync says so until
    somebody saves."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)

    async def leave(server: Server) -> None:
        document = await opened(server, ann, "notes.md")
        document.document.pad.replace(0, 0, "unsaved ", 0.0)
        await server.documents.close_if_unused(document)

    async def save(server: Server) -> None:
        document = await opened(server, ann, "notes.md")
        await document.document.save()

    async def keep_open(server: Server) -> None:
        (await opened(server, ann, "notes.md")).members[object(), 1] = 0  # type: ignore[index]  # an editor

    ann.do(leave)
    ann.meanwhile = keep_open
    assert not ann.sync(place)["problems"], "the editor says so"
    ann.meanwhile = None
    for _ in range(2):
        facts = ann.sync(place)
        assert not facts["same"] and "all is the same" not in facts["sentence"]
        assert "notes.md has words that an editor left unsaved" in facts["problems"][0]
    bob.sync(place)
    assert bob.files() == {"notes.md": "unsaved hello\n"}
    bob.write("notes.md", "unsaved hello\nbob\n")
    bob.sync(place)
    assert not ann.sync(place)["same"] and ann.files() == {"notes.md": "hello\n"}
    ann.do(save)
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"notes.md": "unsaved hello\nbob\n"}


# Documents that move: renamed, deleted, known from elsewhere


async def opened(server: Server, person: Person, name: str) -> OpenDocument:
    return await server.documents.open(str(person.texts / name), person.texts / name)


def rename(person: Person, name: str, to: str) -> None:
    async def work(server: Server) -> None:
        document = await opened(server, person, name)
        await server.documents.rename_as(document, str(person.texts / to), person.texts / to, person.who)

    person.do(work)


def delete(person: Person, name: str) -> None:
    async def work(server: Server) -> None:
        await (await opened(server, person, name)).document.delete_file(person.who)

    person.do(work)


def all_sync(place: Path, *people: Person) -> None:
    """Until nobody has anything new."""
    for _ in range(2):
        for person in people:
            facts = person.sync(place)
            assert facts["same"], facts
    for person in people:
        facts = person.sync(place)
        assert facts["packs_sent"] == facts["packs_fetched"] == 0, facts


def test_a_file_that_came_by_mail_before_is_no_second_document(ann: Person, bob: Person, place: Path) -> None:
    """Its text is one that the file had at Ann's: so it is hers, and gets what she wrote since."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    ann.write("notes.md", "hello\nmore\n")
    ann.sync(place)
    bob.write("notes.md", "hello\nmore\n")  # mailed
    ann.write("notes.md", "hello\nmore\nand more\n")
    all_sync(place, ann, bob)
    assert bob.files() == ann.files() == {"notes.md": "hello\nmore\nand more\n"}
    bob.write("notes.md", "HELLO\nmore\nand more\n")
    all_sync(place, bob, ann)
    assert bob.files() == ann.files() == {"notes.md": "HELLO\nmore\nand more\n"}


def test_a_file_with_work_of_its_own_stays_a_document(ann: Person, bob: Person, place: Path) -> None:
    """Bob's history is not given up for Ann's, even if the text is one of hers by now."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    ann.write("notes.md", "hello\nmore\n")
    ann.sync(place)
    bob.write("notes.md", "other\n")

    async def look(server: Server) -> None:
        await opened(server, bob, "notes.md")

    bob.do(look)
    bob.write("notes.md", "hello\nmore\n")
    bob.do(look)
    assert bob.sync(place)["same"]
    assert bob.files() == {"notes (Ann).md": "hello\nmore\n", "notes.md": "hello\nmore\n"}


def test_a_name_that_somebody_gives_is_everybodys(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    rename(ann, "notes.md", "docs/plan.md")
    bob.write("notes.md", "hello\nbob\n")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"docs/plan.md": "hello\nbob\n"}
    rename(bob, "docs/plan.md", "notes.md")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}
    [state] = (ann.home / "state" / "jpterm-like" / collections.COLLECTIONS).iterdir()
    (state / "texts.json").unlink()  # the store knows which document it is
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}


def test_a_strangers_number_does_not_keep_a_name_for_ever(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    genesis = TextBuffer.genesis("hello\n")
    birth, endless = Birth(genesis.lineage, "notes.md"), Version(dict.fromkeys(genesis.version, 2**53 - 1))
    put_pack(place, ann, birth, Name(2**53 - 1, "evil.md"), Deleted(endless))
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"notes.md": "hello\n"}
    rename(ann, "notes.md", "plan.md")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"plan.md": "hello\n"}


@pytest.mark.parametrize("times", [1, 2])
def test_a_rename_before_the_notes_were_lost_makes_no_second_document(
    ann: Person, bob: Person, place: Path, times: int
) -> None:
    """The store knows the names that it had. Neither is the rename lost, the first or the second one."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    if times == 2:
        rename(ann, "notes.md", "between.md")
        all_sync(place, ann, bob)
    rename(ann, "between.md" if times == 2 else "notes.md", "docs/plan.md")
    [state] = (ann.home / "state" / "jpterm-like" / collections.COLLECTIONS).iterdir()
    (state / "texts.json").unlink()
    bob.write("between.md" if times == 2 else "notes.md", "hello\nbob\n")
    bob.sync(place)
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"docs/plan.md": "hello\nbob\n"}


def test_of_two_names_given_at_once_one_wins_everywhere(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    rename(ann, "notes.md", "a.md")
    rename(bob, "notes.md", "b.md")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"b.md": "hello\n"}


def test_a_name_that_is_taken_here_stays_with_its_document(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    bob.write("plan.md", "by bob\n")
    rename(ann, "notes.md", "plan.md")
    ann.sync(place)
    bob.sync(place)
    assert bob.files() == {"plan (Ann).md": "hello\n", "plan.md": "by bob\n"}
    ann.sync(place)
    assert ann.files() == {"plan.md": "hello\n", "plan (Bob).md": "by bob\n"}
    all_sync(place, ann, bob)


def swap(person: Person) -> None:
    rename(person, "a.md", "third.md")
    rename(person, "b.md", "a.md")
    rename(person, "third.md", "b.md")


def move_up(person: Person) -> None:
    rename(person, "b.md", "c.md")
    rename(person, "a.md", "b.md")


def move_both(person: Person) -> None:
    """After it the first name of one leads to the other."""
    rename(person, "a.md", "c.md")
    rename(person, "b.md", "a.md")
    rename(person, "a.md", "d.md")


def replace_by_renaming(person: Person) -> None:
    delete(person, "b.md")
    rename(person, "a.md", "b.md")


def replace(person: Person) -> None:
    delete(person, "b.md")
    person.write("b.md", "quite different words\n")


def replace_later(person: Person) -> None:
    delete(person, "b.md")
    person.sync(person.texts.parent / "place")
    person.write("b.md", "quite different words\n")


USED_AGAIN = {
    "two change their names": (swap, {"a.md": "in b\n", "b.md": "in a\n"}),
    "one gets the former name of another": (move_up, {"b.md": "in a\n", "c.md": "in b\n"}),
    "a name leads to another one": (move_both, {"c.md": "in a\n", "d.md": "in b\n"}),
    "one gets the name of a deleted one": (replace_by_renaming, {"b.md": "in a\n"}),
    "another file is made": (replace, {"a.md": "in a\n", "b.md": "quite different words\n"}),
    "another file is made after a sync": (replace_later, {"a.md": "in a\n", "b.md": "quite different words\n"}),
}  # fmt: skip


@pytest.mark.parametrize("case", USED_AGAIN)
def test_a_name_that_is_used_again_is_its_new_documents(
    ann: Person, bob: Person, place: Path, case: str
) -> None:
    do, files = USED_AGAIN[case]
    ann.write("a.md", "in a\n")
    ann.write("b.md", "in b\n")
    all_sync(place, ann, bob)
    do(ann)
    ann.sync(place)
    facts = bob.sync(place)
    assert ann.files() == bob.files() == files, facts
    all_sync(place, ann, bob)
    name = min(files)
    bob.write(name, files[name] + "bob\n")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {**files, name: files[name] + "bob\n"}


def test_a_deleted_file_that_is_made_again_is_told(ann: Person, bob: Person, place: Path) -> None:
    """With the same text it is the same document, and still deleted for the others: as long as nobody writes in it."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    delete(ann, "notes.md")
    all_sync(place, ann, bob)
    ann.write("notes.md", "hello\n")
    assert "is here again" in ann.sync(place)["notices"][0]
    bob.sync(place)
    assert ann.files() == {"notes.md": "hello\n"} and not bob.files()
    ann.write("notes.md", "hello\nann\n")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"notes.md": "hello\nann\n"}


def test_what_somebody_deletes_goes_everywhere_and_its_text_is_kept(
    ann: Person, bob: Person, place: Path
) -> None:
    ann.write("notes.md", "hello\n")
    ann.write("other.md", "other\n")
    all_sync(place, ann, bob)
    delete(ann, "notes.md")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {"other.md": "other\n"}
    text = ""

    async def look(server: Server) -> None:
        nonlocal text
        text = (await opened(server, bob, "notes.md")).document.pad.buffer.text

    bob.do(look)
    assert text == "hello\n"
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"other.md": "other\n"}


def test_what_was_written_before_a_deletion_does_not_keep_the_file(
    ann: Person, bob: Person, place: Path
) -> None:
    """Also if both come at once."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    ann.write("notes.md", "hello\nmore\n")
    delete(ann, "notes.md")
    all_sync(place, ann, bob)
    assert ann.files() == bob.files() == {}


def test_a_deleted_text_that_comes_back_gives_its_name_to_another(
    ann: Person, bob: Person, place: Path
) -> None:
    """Both in one run: what brings it back is not lost with the name."""
    ann.write("b.md", "in b\n")
    ann.write("c.md", "in c\n")
    all_sync(place, ann, bob)
    delete(bob, "c.md")
    bob.sync(place)
    ann.write("c.md", "in c\nmore\n")
    ann.sync(place)
    rename(ann, "c.md", "third.md")
    rename(ann, "b.md", "c.md")
    rename(ann, "third.md", "b.md")
    ann.sync(place)
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"b.md": "in c\nmore\n", "c.md": "in b\n"}


def test_who_wrote_in_a_deleted_text_brings_it_back(ann: Person, bob: Person, place: Path) -> None:
    """Without having heard of the deletion, at both."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    delete(ann, "notes.md")
    ann.sync(place)
    bob.write("notes.md", "hello\nbob\n")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}


def test_a_newcomer_gets_no_file_of_a_deleted_text(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.write("other.md", "other\n")
    ann.sync(place)
    delete(ann, "notes.md")
    all_sync(place, ann, bob)
    assert bob.files() == {"other.md": "other\n"}


def test_a_history_that_was_forgotten_comes_back(ann: Person, bob: Person, place: Path) -> None:
    """`forget` removes what this machine keeps of a file; the next sync takes it from the packs."""
    ann.write("notes.md", "hello\n")
    all_sync(place, ann, bob)
    ann._be_at_home()
    forget(str(ann.texts / "notes.md"), unsaved=False)
    bob.write("notes.md", "hello\nbob\n")
    all_sync(place, bob, ann)
    assert ann.files() == bob.files() == {"notes.md": "hello\nbob\n"}
    ann._be_at_home()
    forget(str(ann.texts / "notes.md"), unsaved=False)
    ann.write("notes.md", "something else\n")
    assert "move it away" in ann.sync(place)["problems"][0]
    (ann.texts / "notes.md").unlink()
    all_sync(place, ann, bob)
    assert ann.files() == {"notes.md": "hello\nbob\n"}


def test_a_file_that_changed_after_its_history_was_forgotten_is_merged(
    ann: Person, bob: Person, place: Path
) -> None:
    """So it goes with each sync of a folder in memory, whose histories go once a text is saved and closed: the second sync gave up."""
    ann.write("notes.md", "".join(f"line {number}\n" for number in range(5)))
    all_sync(place, ann, bob)
    for number in range(3):
        ann._be_at_home()
        forget(str(ann.texts / "notes.md"), unsaved=False)
        ann.write("notes.md", f"{ann.files()['notes.md']}Ann {number}\n")
        bob.write("notes.md", f"Bob {number}\n{bob.files()['notes.md']}")
        assert ann.sync(place)["same"]
        all_sync(place, bob, ann)
        assert ann.files() == bob.files()
    assert ann.files()["notes.md"].split("\n") == [
        *("Bob 2", "Bob 1", "Bob 0"),
        *(f"line {number}" for number in range(5)),
        *("Ann 0", "Ann 1", "Ann 2", ""),
    ]


def test_a_mistake_of_ours_in_the_server_ends_the_command(
    ann: Person, place: Path, monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    """It says so in a sentence, instead of waiting for an answer."""

    async def carry(self: Carrying, *arguments: object) -> None:
        raise AssertionError("a mistake")

    monkeypatch.setattr(Carrying, "carry", carry)
    ann.write("notes.md", "hello\n")
    assert "mistake" in ann.sync(place)["refused"].lower()
    assert mistakes
    mistakes.clear()


def test_an_environment_with_the_name_of_a_store_is_no_served_folder(tmp_path: Path) -> None:
    """The README of 0.2.0 made one in the home folder; then no folder of that home could be synced."""
    texts = tmp_path / "texts"
    texts.mkdir()
    environment = tmp_path / ".jpterm-like"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    assert server_of(texts) == LocalFileAddress(texts, "texts")
    (environment / folder_name("notes.md", b"notes.md")).mkdir()
    with pytest.raises(JptermError, match="was served, and its histories are there"):
        server_of(texts)


def test_sync_alone_goes_to_each_place_that_is_known(
    ann: Person,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ann.texts)
    (ann.texts / "notes.md").write_text("hello\n")
    ann.sync(place)
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == "Nothing is new; all is the same.\n"
    stick = tmp_path / "stick"
    stick.mkdir()
    ann.sync(stick)
    (ann.texts / "plan.md").write_text("one\n")
    assert main(["sync"]) == 0
    sent = "Sent 1 change in 1 document; all is the same.\n"
    assert capsys.readouterr().out == f"{place}:\n{sent}{stick}:\n{sent}"
    remove(place)
    (ann.texts / "plan.md").write_text("one\ntwo\n")
    assert main(["sync"]) == 1
    gone = f"The folder {place} cannot be used: it is not there.\n"
    assert capsys.readouterr().out == f"{place}:\n{gone}{stick}:\n{sent}"
    assert main(["sync", "--watch"]) == 1
    assert "Say which one to watch" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["sync"]) == 1
    assert "was not synced yet" in capsys.readouterr().err


def test_notebooks_are_left_out_and_told(
    ann: Person, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is no failure, or whoever has one never reads that all is the same."""
    (ann.texts / "notes.md").write_text("hello\n")
    (ann.texts / "a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n')
    first = ann.sync(place)
    assert first["same"] and first["problems"] == []
    assert first["notices"] == [
        "a.ipynb is a notebook, and those are not synced: their outputs are in no history."
    ]
    shutil.copy(ann.texts / "a.ipynb", ann.texts / "b.ipynb")
    assert ann.sync(place)["notices"] == [
        "2 notebooks, such as a.ipynb, are not synced: their outputs are in no history."
    ]
    assert main(["places"]) == 0
    assert "nothing waits" in capsys.readouterr().out
