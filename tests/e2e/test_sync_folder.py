"""Two machines that never meet online write in the same texts, through a folder that something carries between them."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machines import Machine, machines
from tests.e2e.terminal import terminals, until


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    with machines(tmp_path, "Ann", "Bob") as [ann, bob]:
        yield ann, bob


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "carried").mkdir()
    return tmp_path / "carried"


def test_texts_go_both_ways_through_a_folder(two: tuple[Machine, Machine], place: Path) -> None:
    """Plain files and what editors show are the same on both sides, whoever wrote, also at the same time."""
    ann, bob = two
    (ann.texts / "docs").mkdir()
    (ann.texts / "notes.md").write_text("hello\n")
    (ann.texts / "docs" / "plan.md").write_text("plan\n")
    (ann.texts / "empty.md").write_text("")
    (ann.texts / "picture.png").write_bytes(b"\x89PNG\0")
    assert ann.sync(place) == "Sent 2 changes in 2 documents; all is the same.\n"
    assert "Got 2 changes by Ann in 2 documents; all is the same." in bob.sync(place)
    assert bob.files() == {"docs/plan.md": "plan\n", "empty.md": "", "notes.md": "hello\n"}

    bob.append("notes.md", "from Bob")
    ann.append("notes.md", "from Ann")
    bob.sync(place)
    assert ann.sync(place) == "Sent 1 change in 1 document, got 1 by Bob in 1 document; all is the same.\n"
    assert bob.sync(place) == "Got 1 change by Ann in 1 document; all is the same.\n"
    (ann.texts / "picture.png").unlink()
    assert ann.files() == bob.files()
    assert sorted(ann.files()["notes.md"].split("\n")) == ["", "from Ann", "from Bob", "hello"]
    assert ann.text("notes.md") == bob.text("notes.md") == ann.files()["notes.md"]
    for one in two:
        assert one.sync(place) == "Nothing is new; all is the same.\n"


def test_a_folder_that_is_served_with_tokens_is_synced(two: tuple[Machine, Machine], place: Path) -> None:
    """By the user who serves it, without a token, and as long as it is served it is kept in step. Nobody else needs less of one."""
    ann, bob = two
    (ann.texts / "notes.md").write_text("hello\n")
    ann.run("token", "new", "--role", "edit", "--folder", str(ann.texts))
    serving = ann.start("serve", str(ann.texts), "--listen", "127.0.0.1:0", "--behind-proxy")
    try:
        assert serving.stdout is not None
        url = serving.stdout.readline().split()[-1]
        assert ann.sync(place) == "Sent 1 change in 1 document; all is the same.\n"
        assert "token" in ann.run("cat", f"{url}/notes.md").stderr
        bob.sync(place)
        bob.append("notes.md", "from Bob")
        bob.sync(place)
        assert "Got 1 change by Bob" in ann.sync(place)
        assert (ann.texts / "notes.md").read_text() == "hello\nfrom Bob\n"
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=30)
    assert not list(ann.runtime.rglob("own-*.sock"))


def test_a_run_that_only_looks_changes_nothing(two: tuple[Machine, Machine], place: Path) -> None:
    """--dry-run says in a sentence, or with --json as one object, what would be moved; without DIR it is this folder."""
    ann, bob = two
    (ann.texts / "notes.md").write_text("hello\n")
    assert "would become a place" in ann.run("sync", str(place), "--dry-run").stdout
    assert not list(place.iterdir()) and not list(ann.home.rglob("collection.json"))
    ann.sync(place)
    looked = bob.run("sync", str(place), "--dry-run", "--json")
    [pack] = place.glob("*.jpk")
    assert json.loads(looked.stdout) == {
        "place": str(place),
        "state": "ready",
        "fetch_bytes": pack.stat().st_size,
    }
    assert not bob.files() and not list(bob.home.rglob("collection.json"))
    facts = json.loads(bob.run("sync", str(place), "--json").stdout)
    assert bob.files() == {"notes.md": "hello\n"}
    assert (facts["same"], facts["got_changes"], facts["packs_fetched"], facts["problems"]) == (
        True,
        1,
        1,
        [],
    )


async def test_texts_are_kept_in_step_until_ctrl_c(two: tuple[Machine, Machine], place: Path) -> None:
    """With --watch on both sides, what either writes is at the other soon; what happens is said once."""
    ann, bob = two
    (ann.texts / "notes.md").write_text("hello\n")
    ann.sync(place)
    bob.sync(place)
    watching = [one.start("sync", str(place), "--watch") for one in two]
    heard = ["", ""]

    def hear(number: int) -> None:
        output = watching[number].stdout
        assert output is not None
        for line in output:
            heard[number] += line

    listening = [threading.Thread(target=hear, args=(number,)) for number in (0, 1)]
    for thread in listening:
        thread.start()
    try:
        ann.append("notes.md", "from Ann")
        bob.append("notes.md", "from Bob")
        await until(lambda: "by Bob" in heard[0] and "by Ann" in heard[1], "both to hear of the other", 60)
    finally:
        for process in watching:
            process.send_signal(signal.SIGINT)
        for thread in listening:
            thread.join(30)
        for process in watching:
            process.communicate(timeout=30)
    assert [process.returncode for process in watching] == [0, 0], heard
    assert ann.files() == bob.files()
    assert sorted(ann.files()["notes.md"].split()) == ["Ann", "Bob", "from", "from", "hello"]


def test_what_another_program_wrote_is_sent_as_well(two: tuple[Machine, Machine], place: Path) -> None:
    ann, bob = two
    (ann.texts / "notes.md").write_text("one\ntwo\nthree\n")
    ann.sync(place)
    bob.sync(place)
    (ann.texts / "notes.md").write_text("one\nTWO\nthree\n")
    (bob.texts / "notes.md").write_text("one\ntwo\nTHREE\n")
    ann.sync(place)
    bob.sync(place)
    ann.sync(place)
    assert ann.files() == bob.files() == {"notes.md": "one\nTWO\nTHREE\n"}


def test_the_same_file_on_both_sides_is_one_document(two: tuple[Machine, Machine], place: Path) -> None:
    """Both have cloned one repository: what they write then is merged."""
    ann, bob = two
    for one in two:
        (one.texts / "notes.md").write_text("hello\n")
        one.append("notes.md", f"from {one.who}")
    for one in (ann, bob, ann):
        one.sync(place)
    assert ann.files() == bob.files()
    assert sorted(ann.files()["notes.md"].split()) == ["Ann", "Bob", "from", "from", "hello"]


def test_the_same_name_with_different_texts_is_two_documents(
    two: tuple[Machine, Machine], place: Path
) -> None:
    """Two texts are never merged blindly; the second one says whose it is, and stays in step under that name."""
    ann, bob = two
    (ann.texts / "notes.md").write_text("by ann\n")
    (bob.texts / "notes.md").write_text("by bob\n")
    ann.sync(place)
    assert "There is another notes.md here, so the one that came is notes (Ann).md. To make one" in bob.sync(
        place
    )
    ann.sync(place)
    assert ann.files() == {"notes.md": "by ann\n", "notes (Bob).md": "by bob\n"}
    bob.append("notes (Ann).md", "and bob")
    for one in (bob, ann, bob):
        one.sync(place)
    assert ann.files() == {"notes.md": "by ann\nand bob\n", "notes (Bob).md": "by bob\n"}
    assert bob.files() == {"notes (Ann).md": "by ann\nand bob\n", "notes.md": "by bob\n"}


async def test_what_comes_is_shown_in_an_open_editor(two: tuple[Machine, Machine], place: Path) -> None:
    """Unsaved words of the person in the editor stay unsaved, and are sent all the same."""
    ann, bob = two
    (ann.texts / "notes.md").write_text("hello\n")
    ann.sync(place)
    bob.sync(place)
    async with terminals() as terminal:
        editor = terminal(str(bob.texts / "notes.md"), "--name", "Bob", env=bob.variables)
        await editor.shows("hello", "connected")
        ann.append("notes.md", "from Ann")
        ann.sync(place)
        bob.sync(place)
        await editor.shows("from Ann")
        await editor.is_saved()
        assert bob.files() == {"notes.md": "hello\nfrom Ann\n"}
        await editor.press("X")
        await editor.shows("Xhello")
        bob.sync(place)
        ann.sync(place)
        assert ann.files() == {"notes.md": "Xhello\nfrom Ann\n"}
        ann.append("notes.md", "once more")
        ann.sync(place)
        bob.sync(place)
        await editor.shows("once more")
        assert bob.files() == {"notes.md": "hello\nfrom Ann\n"}
        await editor.press("ctrl+s")
        await editor.is_saved()
        assert bob.files() == {"notes.md": "Xhello\nfrom Ann\nonce more\n"}


def test_a_served_folder_is_synced_by_its_server(two: tuple[Machine, Machine], place: Path) -> None:
    ann, bob = two
    (ann.texts / "notes.md").write_text("hello\n")
    server = ann.start("serve", str(ann.texts), "--listen", "127.0.0.1:0", "--save-after", "0.1")
    try:
        assert server.stdout is not None and "listening" in server.stdout.readline()
        ann.sync(place)
        bob.sync(place)
        bob.append("notes.md", "from Bob")
        bob.sync(place)
        ann.sync(place)
        assert (ann.texts / "notes.md").read_text() == "hello\nfrom Bob\n"
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    refused = ann.run("sync", str(place), str(ann.texts))
    assert refused.returncode == 1 and "start 'jpterm-like serve" in refused.stderr


@pytest.mark.amount
def test_a_killed_sync_loses_and_doubles_nothing(
    two: tuple[Machine, Machine], place: Path, pytestconfig: pytest.Config
) -> None:
    """The command, and sometimes the hub, are killed at random moments; each word is on both sides once."""
    chance = random.Random(7)
    for one in two:
        (one.texts / "notes.md").write_text("hello\n")
    words: list[str] = []
    kills = 0
    for round_ in range(pytestconfig.getoption("--killed-syncs")):
        for one in two:
            word = f"<{one.who}-{round_}>"
            words.append(word)
            one.append("notes.md", word)
            process = one.start("sync", str(place), str(one.texts), "--name", one.who)
            # Not for luck: any moment is a valid one to be killed at. A run takes about a second, so the kills fall on all of its steps.
            time.sleep(chance.uniform(0.1, 1.2))
            if chance.random() < 0.3:
                one.kill_hub()
            kills += process.poll() is None
            process.kill()
            process.communicate()
    for one in (*two, *two):
        one.sync(place)
    ann, bob = two
    assert ann.files() == bob.files()
    assert sorted(ann.files()["notes.md"].split()) == sorted(["hello", *words])
    assert kills, "none was killed before its end"
