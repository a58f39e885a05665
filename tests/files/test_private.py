"""State is kept in what is this user's alone, and changed by one process at a time; what is planted is refused in a sentence."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jpterm_like.access.discovery import find_server, write_note
from jpterm_like.access.tokens import Keyring, TokenBook
from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.config import CannotKeep, Paths, keep_setting
from jpterm_like.errors import JptermError
from jpterm_like.files import private
from jpterm_like.storage.base import Record, StorageError
from jpterm_like.storage.folder import FolderStorage
from jpterm_like.storage.memory import MemoryStorage
from tests.e2e.terminal import Serve, run

AT_ONCE = 12
EACH = 5
OTHER = 4_000_001
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's files")


def all_at_once(code: str) -> None:
    """Run some Python in as many processes, each with its number; all wait for the last to be there."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", f"import sys\nnumber = int(sys.argv[1])\n{code}", str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(AT_ONCE)
    ]
    for one in running:
        assert one.stdout is not None and one.stdout.readline() == "there\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.close()
    for one in running:
        with one:
            assert one.wait(timeout=120) == 0


CHANGES = {
    "tokens": """
from jpterm_like.config import Paths
from jpterm_like.access.tokens import TokenBook
book = TokenBook(Paths.of_user().tokens_file)
def change(turn):
    token, _ = book.make("edit", pad=f"{number}/{turn}")
    if turn % 2:
        book.revoke(token.id)
""",
    "keyring": """
from jpterm_like.config import Paths
from jpterm_like.access.tokens import Keyring
def change(turn):
    Keyring(Paths.of_user().keyring_file).keep(f"ws://{number}:{turn}", "x")
    if turn % 2:
        Keyring(Paths.of_user().keyring_file).forget(f"ws://{number}:{turn}")
""",
    "recent": """
from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.config import Paths
from jpterm_like.storage.memory import MemoryStorage
import jpterm_like.client.file_catalog
jpterm_like.client.file_catalog.RECENT_MAX = 1000
def change(turn):
    FileCatalog(Paths.of_user(), MemoryStorage(), "").note(f"ws://{number}/{turn}")
    if turn % 2:
        FileCatalog(Paths.of_user(), MemoryStorage(), "").forget(f"ws://{number}/{turn}")
""",
    "settings": """
from jpterm_like.config import Paths, keep_setting
def change(turn):
    keep_setting(Paths.of_user(), f"key_{number}_{turn}", "x")
    if turn % 2:
        keep_setting(Paths.of_user(), f"key_{number}_{turn}", "gone")
""",
}


def kept(kind: str) -> set[tuple[int, int]]:
    """Which changes of which process are there."""
    paths = Paths.of_user()
    match kind:
        case "tokens":
            names = [token.pad for token in TokenBook(paths.tokens_file).all()]
        case "keyring":
            names = [name[5:].replace(":", "/") for name in json.loads(paths.keyring_file.read_bytes())]
        case "recent":
            names = [address[5:] for _, address in FileCatalog(paths, MemoryStorage(), "").recent()]
        case _:
            lines = paths.settings_file.read_text().split()
            names = [
                line[4:].replace("_", "/")
                for line, value in zip(lines[::3], lines[2::3], strict=True)
                if value == '"x"'
            ]
    return {(int(number), int(turn)) for number, turn in (name.split("/") for name in names)}


@pytest.mark.parametrize("kind", list(CHANGES))
def test_no_change_is_lost_that_twelve_processes_make_at_once(kind: str) -> None:
    """Each reads, changes and writes under one lock: what was added is there, and what was taken back is not."""
    all_at_once(
        f"{CHANGES[kind]}\nprint('there', flush=True)\nsys.stdin.read()\nfor turn in range({EACH}):\n    change(turn)"
    )
    assert kept(kind) == {
        (number, turn) for number in range(AT_ONCE) for turn in range(EACH) if turn % 2 == 0
    }


def test_what_is_kept_is_closed_to_others_and_has_no_leftovers() -> None:
    """A secret is readable to nobody at any moment; the file of settings keeps the permissions that it had."""
    paths = Paths.of_user()
    os.umask(0o022)
    Keyring(paths.keyring_file).keep("ws://x:1", "secret")
    keep_setting(paths, "theme", "paper")
    paths.settings_file.chmod(0o644)
    keep_setting(paths, "theme", "dark")
    assert stat.S_IMODE(paths.keyring_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.settings_file.stat().st_mode) == 0o644
    assert sorted(os.listdir(paths.config)) == ["config.toml"]
    assert sorted(os.listdir(paths.state)) == [".keyring.json.lock", "keyring.json", "settings.lock"]


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Also when a draft was left behind by a crash."""
    file = tmp_path / "x"
    private.change(file, lambda old: b"one")
    (tmp_path / ".x.new").write_bytes(b"half of some")

    def fails(old: bytes | None) -> bytes:
        raise KeyError

    with pytest.raises(KeyError):
        private.change(file, fails)
    assert private.read(file) == b"one"
    private.change(file, lambda old: (old or b"") + b", two")
    assert private.read(file) == b"one, two"
    private.change(file, lambda old: None)
    assert private.read(file) is None


def test_who_holds_a_lock_for_ever_bars_nobody_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped in the midst of a change: the next one ends in a sentence."""
    monkeypatch.setattr(private, "LOCK_S", 0.05)
    inner: list[OSError] = []

    def change(old: bytes | None) -> bytes:
        try:
            private.change(tmp_path / "x", lambda old: b"mine")
        except TimeoutError as problem:
            inner.append(problem)
        return b"theirs"

    private.change(tmp_path / "x", change)
    assert "another process holds" in str(inner[0])
    assert private.read(tmp_path / "x") == b"theirs"


# ---------------------------------------------------------------------- what is planted


def planted(path: Path, how: str) -> None:
    """A folder that somebody else made, or could have written."""
    elsewhere = path.with_name("elsewhere")
    if how == "link":
        elsewhere.mkdir()
        path.symlink_to(elsewhere)
    elif how == "file":
        path.write_text("")
    else:
        path.mkdir(parents=True)
        path.chmod(0o777 if how in ("open", "theirs") else 0o700)
        if how in ("theirs", "theirs and closed"):
            os.chown(path, OTHER, OTHER)


HOW = [
    "link",
    "file",
    "open",
    pytest.param("theirs", marks=needs_root),
    pytest.param("theirs and closed", marks=needs_root),
]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Path]:
    """A folder in which everybody may write."""
    team = tmp_path / "team"
    team.mkdir()
    team.chmod(0o777)
    (team / "notes.md").write_text("text\n")
    yield team


@pytest.mark.parametrize("how", HOW)
def test_a_planted_store_is_refused_in_a_sentence(team: Path, how: str) -> None:
    """Nothing is kept in it, nothing goes through it, and what it says of a server counts for nothing."""
    store = team / ".jpterm-like"
    planted(store, how)
    done = run("serve", str(team), "--listen", "127.0.0.1:0")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert "cannot be served" in done.stderr and "Traceback" not in done.stderr
    real = Path(os.path.realpath(store))
    assert not real.is_dir() or os.listdir(real) == []
    with pytest.raises(JptermError):
        write_note(team, ["ws://127.0.0.1:1"], tokens=True)
    if real.is_dir():
        (real / "serving.json").write_text('{"pid": 1, "addresses": ["ws://127.0.0.1:1"], "tokens": true}')
    assert find_server(team / "notes.md") is None
    with pytest.raises(StorageError):
        FolderStorage(store).open("notes.md")


def test_a_store_that_is_planted_under_a_running_server_gets_nothing(team: Path) -> None:
    """Who may write in the folder moves the store away and puts another in its place."""
    serve = Serve(team, "--save-after", "0.1")
    try:
        (team / ".jpterm-like").rename(team / "away")
        planted(team / ".jpterm-like", "open")
        done = run("append", f"{serve.url}/new.md", "secret")
    finally:
        serve.stop()
    assert done.returncode == 1 and "is open to others" in done.stderr
    assert os.listdir(team / ".jpterm-like") == []


@needs_root
@pytest.mark.parametrize("part", ["lock", "name", "part"])
def test_a_file_of_another_owner_in_a_store_is_neither_read_nor_written(tmp_path: Path, part: str) -> None:
    """Wherever it came from: what it holds is no history of ours, and who made it could read what we write there."""
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("a")
    store.append([Record(1, b"record")])
    store.sync()
    store.close()
    [folder] = (tmp_path / "stores").iterdir()
    [file] = [
        path for path in folder.iterdir() if (path.name if path.name in ("lock", "name") else "part") == part
    ]
    os.chown(file, OTHER, OTHER)
    before = file.read_bytes()
    said = []
    try:
        store = storage.open("a")
        try:
            loaded = store.load()
            said += loaded.damage
            assert loaded.records == ([] if part == "part" else [Record(1, b"record")])
            store.append([Record(1, b"another")])
            store.sync()
        finally:
            store.close()
    except StorageError as problem:
        said.append(str(problem))
    assert any("another user" in sentence for sentence in said), said
    assert before in [path.read_bytes() for path in folder.iterdir()]


@pytest.mark.parametrize("how", HOW)
def test_a_planted_state_folder_is_refused_in_a_sentence(home: Path, how: str) -> None:
    """XDG_STATE_HOME may point to where others write: no token, journal or log goes there. A link of our own is followed."""
    state = home / "state" / "jpterm-like"
    planted(state, how)
    if how == "link" and os.geteuid() == 0:
        os.chown(state, OTHER, OTHER, follow_symlinks=False)
    elif how == "link":
        pytest.skip("only root can make another user's link")
    with pytest.raises(CannotKeep):
        _ = Paths.of_user().state
    for command in (["token", "new", "--role", "edit"], ["cat", str(home / "x")]):
        done = run(*command)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert "Traceback" not in done.stderr
    if how == "link":
        os.chown(state, os.geteuid(), -1, follow_symlinks=False)
        assert Paths.of_user().state == home / "state" / "elsewhere"
        assert run("token", "new", "--role", "edit").returncode == 0
        assert (home / "state" / "elsewhere" / "tokens.json").exists()
    elif how == "file":
        state.unlink()
    else:
        state.rmdir()


@pytest.mark.parametrize(
    "name", ["tokens.json", ".tokens.json.lock", ".tokens.json.new", "hub.log", "crash.log"]
)
def test_no_file_of_the_state_is_reached_through_a_link(home: Path, tmp_path: Path, name: str) -> None:
    """What a link leads to stays as it is."""
    target = tmp_path / "target"
    target.write_text("[]")
    paths = Paths.of_user()
    (paths.state / name).symlink_to(target)
    with pytest.raises(private.NotPrivate, match="symbolic link"):
        private.open_file(paths.state / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if "tokens" in name:
        with pytest.raises(JptermError, match="symbolic link"):
            TokenBook(paths.tokens_file).make("edit")
    assert target.read_text() == "[]"


def test_a_runtime_folder_that_others_may_write_is_passed_over(home: Path) -> None:
    """Whoever may write above our folder could put another one in its place."""
    (home / "run").chmod(0o777)
    assert home / "run" not in Paths.of_user().runtime_folder.parents
    (home / "run").chmod(0o700)
    assert Paths.of_user().runtime_folder == home / "run" / "jpterm-like"


@needs_root
def test_a_group_of_my_number_counts_as_others_when_somebody_was_put_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone in it, a folder that it may write is mine alone; with one member more it is refused."""
    tmp_path.chmod(0o770)
    os.chown(tmp_path, -1, os.geteuid())
    members = [pwd.getpwuid(os.geteuid()).pw_name]
    group = grp.struct_group(("mine", "x", os.geteuid(), members))
    monkeypatch.setattr(grp, "getgrgid", lambda number: group)
    private.check_folder(tmp_path)
    members.append("eve")
    with pytest.raises(private.NotPrivate, match="open to others"):
        private.check_folder(tmp_path)
