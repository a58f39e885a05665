"""`jpterm-like PLACE/notes.md`: one text of a place, without the others, kept in step from a folder of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jpterm_like import collection as collections
from jpterm_like.cli import edit, kept_documents
from jpterm_like.cli.sync_notes import SyncNotes
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.places import local
from jpterm_like.server.server import Server
from tests.cli.syncing import Person, stories
from tests.cli.test_sync import ann, bob, place
from tests.places.servers import folder_for_all, free_port, plain_python, wsgidav

__all__ = ["ann", "bob", "place"]


def test_only_the_text_that_was_opened_comes_and_goes_on(ann: Person, bob: Person, place: Path) -> None:
    """Both write, each has both; the other texts of the place are never here. A second text joins the first."""
    ann.write("notes.md", "hello\n")
    ann.write("plan/may.md", "flowers\n")
    ann.write("secret.md", "not wanted\n")
    ann.sync(place)
    notes = bob.open_at_place(f"{place}/notes.md")
    assert notes.read_text() == "hello\n" and [path.name for path in notes.parent.iterdir()] == ["notes.md"]
    bob.write(notes, "hello\nbob\n")
    facts = bob.sync(place, notes.parent)
    assert facts["same"] and facts["sent_changes"] == 1
    assert ann.sync(place)["by"] == ["Bob"] and ann.files()["notes.md"] == "hello\nbob\n"
    may = bob.open_at_place(f"{place}/plan/may.md")
    assert may == notes.parent / "plan/may.md" and may.read_text() == "flowers\n"
    ann.write("notes.md", "hello\nbob\nann\n")
    ann.write("plan/may.md", "flowers\nrain\n")
    ann.write("secret.md", "still not\n")
    ann.sync(place)
    facts = bob.sync(place, notes.parent)
    assert facts["same"] and facts["by"] == ["Ann"] and facts["got_changes"] == 2
    assert (notes.read_text(), may.read_text()) == ("hello\nbob\nann\n", "flowers\nrain\n")
    assert not list(notes.parent.rglob("secret.md"))
    assert bob.sync(place, notes.parent)["sentence"] == "Nothing is new; all is the same."


def test_a_text_that_was_opened_is_there_without_the_place(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked for it; one that was never opened is an error, and so nobody begins it a second time."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    notes = bob.open_at_place(f"{place}/notes.md")
    place.rename(place.with_name("away"))
    paths = Paths.of_user()
    assert edit._may_be_at_place(f"{place}/notes.md", paths), "not a new file where the place is mounted"
    assert not edit._may_be_at_place(str(bob.texts / "new.md"), paths)
    monkeypatch.setattr(local.LocalPlace, "list", lambda place: pytest.fail("asked"))
    assert bob.open_at_place(f"{place}/notes.md") == notes
    monkeypatch.undo()
    with pytest.raises(JptermError, match="cannot be used"):
        bob.open_at_place(f"{place}/other.md")


def test_a_text_that_is_not_there_begins_when_it_is_saved(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    new = bob.open_at_place(f"file://{place}/plan/june.md")
    assert not new.exists()
    new.write_text("sun\n")
    assert bob.sync(place, bob.open_at_place(f"{place}/notes.md").parent)["same"]
    ann.sync(place)
    assert ann.files() == {"notes.md": "hello\n", "plan/june.md": "sun\n"}
    with pytest.raises(JptermError, match=r"is a place\. Say which text"):
        ann.open_at_place(f"file://{place}")
    for bad in ("../x.md", ".bashrc", ".git/config"):
        with pytest.raises(JptermError, match=r"is not opened|is no text at a place"):
            bob.open_at_place(f"{place}/{bad}")


def test_all_documents_of_this_machine_are_listed_with_where_they_are(
    ann: Person, bob: Person, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of places, whole and in part; those that an editor or the hub keeps; no file twice, and none that is gone."""
    ann.write("notes.md", "hello\n")
    ann.write("gone.md", "gone\n")
    ann.sync(place)
    (ann.texts / "gone.md").unlink()
    outside = ann.home / "outside.md"
    outside.write_text("else\n")

    async def open_it(server: Server) -> None:
        opened = await server.documents.open(str(outside), outside)
        await server.documents.close_if_unused(opened)

    monkeypatch.setattr(kept_documents, "is_temporary", lambda path: False)  # all tests are in /tmp
    ann.do(open_it)
    listed = kept_documents.list_documents(Paths.of_user())
    assert listed == [
        (str(ann.texts / "notes.md"), str(ann.texts / "notes.md"), "in place"),
        (str(outside), "~/outside.md", "opened before"),
    ]
    notes = bob.open_at_place(f"{place}/notes.md")
    [(address, _, where)] = kept_documents.list_documents(Paths.of_user())
    assert (address, where) == (str(notes), "in place")


def test_of_two_texts_with_one_name_none_is_opened_unasked(ann: Person, bob: Person, place: Path) -> None:
    """The first one was, and nothing told of the other."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.write("notes.md", "good morning\n")
    bob.sync(place)
    carol = Person(place.parent, "Carol", ann._monkeypatch)
    with pytest.raises(JptermError, match="2 texts are called") as told:
        carol.open_at_place(f"{place}/notes.md")
    files = [Path(path) for path in str(told.value).split("mean: ")[1].replace("'", "").split(" and ")]
    assert sorted(path.read_text() for path in files) == ["good morning\n", "hello\n"]


def test_a_synced_folder_is_where_a_text_of_its_place_is_opened(ann: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    assert ann.open_at_place(f"{place}/notes.md") == ann.texts / "notes.md"


def test_a_part_does_not_keep_the_home_from_being_synced(ann: Person, bob: Person, place: Path) -> None:
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    bob.open_at_place(f"{place}/notes.md")
    other = place.with_name("other")
    other.mkdir()
    assert bob.sync(other, bob.home)["same"]


@pytest.mark.amount
def test_random_writing_with_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """However packs were joined and removed meanwhile, and whatever cache was lost, each word is there once at both."""
    for seed, folder in stories(pytestconfig, "--parts", tmp_path):
        people = [Person(folder, who, monkeypatch) for who in ("Ann", "Bob")]
        write_at_random(people[0], people[1], folder / "place", seed)


def write_at_random(ann: Person, bob: Person, place: Path, seed: int) -> None:
    chance = random.Random(f"parts {seed}")
    ann.write("notes.md", "begin\n")
    ann.write("other.md", "begin\n")
    ann.sync(place)
    notes = bob.open_at_place(f"{place}/notes.md")
    [its_folder] = [each for each, known in collections.find(Paths.of_user().state_folder, Path("/"), [])]
    for words in range(16):
        what = chance.choice(["ann", "ann", "bob", "bob", "other", "ann syncs", "bob syncs", "lose"])
        if what in ("ann", "other"):
            name = "notes.md" if what == "ann" else "other.md"
            ann.write(name, f"{what}{words}\n" + ann.files()[name])
            ann.sync(place)
        elif what == "bob":
            bob.write(notes, f"{notes.read_text()}bob{words}\n")
            bob.sync(place, notes.parent)
        elif what == "lose":
            (its_folder / chance.choice([collections.PART, collections.TEXTS])).unlink(missing_ok=True)
        else:
            (ann if what == "ann syncs" else bob).sync(place, None if what == "ann syncs" else notes.parent)
    ann.sync(place)
    assert bob.sync(place, notes.parent)["same"], seed
    ann.sync(place)
    text = ann.files()["notes.md"]
    assert text == notes.read_text() and sorted(text.split()) == sorted(set(text.split())), (seed, text)
    assert not (notes.parent / "other.md").exists()


@contextmanager
def webdav() -> Iterator[str]:
    with folder_for_all() as folder, wsgidav(folder, free_port()) as url:
        yield "webdav" + url.removeprefix("http").rstrip("/")


def test_a_text_on_a_server_is_opened_and_kept_in_step(ann: Person, bob: Person) -> None:
    pytest.importorskip("urllib3", reason="places on servers need urllib3")
    with webdav() as server:
        ann.write("notes.md", "hello\n")
        ann.write("other.md", "other\n")
        ann.sync(server)
        notes = bob.open_at_place(f"{server}/notes.md")
        bob.write(notes, "hello\nbob\n")
        assert bob.sync(server, notes.parent)["sent_changes"] == 1
        ann.sync(server)
        assert ann.files() == {"notes.md": "hello\nbob\n", "other.md": "other\n"}
    assert bob.open_at_place(f"{server}/notes.md") == notes


def test_a_text_of_a_place_that_may_only_be_read_is_opened(ann: Person, bob: Person) -> None:
    """It follows what the others write, and what is written here waits; the bottom line says that."""
    pytest.importorskip("urllib3", reason="places on servers need urllib3")
    with folder_for_all() as folder, plain_python(folder, free_port()) as url:
        ann.write("notes.md", "hello\n")
        ann.sync(folder / "web")
        notes = bob.open_at_place(f"{url.rstrip('/')}/notes.md")
        assert notes.read_text() == "hello\n"
        bob.write(notes, "hello\nbob\n")
        ann.write("notes.md", "ann\nhello\n")
        ann.sync(folder / "web")
        assert "can only be read" in bob.sync(url, notes.parent)["problem"]
        assert notes.read_text() == "ann\nhello\nbob\n"
        [states] = SyncNotes(Paths.of_user()).look([str(notes)]).values()
        assert [state.trouble for state in states] == ["read only"]
        ann.sync(folder / "web")
        assert ann.files() == {"notes.md": "ann\nhello\n"}


def test_a_place_is_no_folder_of_texts_to_open(ann: Person, place: Path) -> None:
    """Its files are packs, which nobody can edit; beside texts they are no reason not to show those."""
    ann.write("notes.md", "hello\n")
    ann.sync(place)
    with pytest.raises(JptermError, match=r"is a place\. Say which text you mean: jpterm-like ls"):
        edit._check_has_files(str(place))
    (place / "notes.md").touch()
    edit._check_has_files(str(place))
