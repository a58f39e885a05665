"""Users of one machine meet in a file: one session, as far as the permissions of the file let each of them.

The users are numbers that nobody has; only root can be them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.access.addresses import follow_rename, parse_address
from jpterm_like.access.local_users import ANSWER_S, FileClaims, _hubs, folder_of, role_by_permissions
from jpterm_like.transports.base import Peer
from tests.e2e.terminal import PROGRAM

# others than in a test that runs at the same time
ANN = 100_000 + 3 * os.getpid()
BOB, EVE = ANN + 1, ANN + 2
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


class User:
    """Somebody with a home of their own."""

    def __init__(self, uid: int, folder: Path) -> None:
        self.uid = uid
        self.python = sys.executable
        self.home = folder / str(uid)
        for name in ("", "run", "state", "config"):
            (self.home / name).mkdir(mode=0o700)
            os.chown(self.home / name, uid, uid)
        self.environment = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "PATH": os.environ["PATH"],
            # the interpreter of the tests may lie where nobody else can start it; what it has loaded need not
            "PYTHONPATH": f"{Path(__file__).parents[2]}:{Path(pytest.__file__).parents[1]}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=self.uid,
            group=self.uid,
            extra_groups=[],
            env=self.environment,
            cwd="/",
        )

    def can_run(self, python: str) -> bool:
        """Whether the program runs with this interpreter, which is used from then on."""
        self.python = python
        try:
            with self.start(python, "-c", "import jpterm_like.server.daemon, textual, msgpack") as tried:
                tried.communicate(timeout=60)
        except OSError:
            return False
        return tried.returncode == 0

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        return self.start(self.python, "-m", "jpterm_like", *arguments)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self.program(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def end(self) -> None:
        """Nothing of this user is left."""
        for status in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if status.stat().st_uid == self.uid:
                    os.kill(int(status.name), signal.SIGKILL)
        shutil.rmtree(folder_of(self.uid), ignore_errors=True)


class Pipe:
    """`jpterm-like pipe` of a user."""

    def __init__(self, user: User, file: Path, name: str) -> None:
        self._process = user.program("pipe", str(file), "--name", name)
        self._end = threading.Timer(120, self._process.kill)  # what waits in vain for an event fails then
        self._end.daemon = True
        self._end.start()

    def order(self, **order: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.event("done", "failed")

    def event(self, *kinds: str) -> dict[str, Any]:
        """The next event of a kind."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] in kinds:
                return event
        assert self._process.stderr is not None
        raise AssertionError(self._process.stderr.read())

    def until_text(self, text: str) -> None:
        """Wait until the text is this."""
        while self.order(do="text")["text"] != text:
            self.event("changed")

    def close(self) -> None:
        self._end.cancel()
        self._process.communicate(timeout=60)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def users(folder: Path) -> Iterator[tuple[User, User, User]]:
    users = User(ANN, folder), User(BOB, folder), User(EVE, folder)
    try:
        if not any(users[0].can_run(python) for python in (sys.executable, "/usr/bin/python3")):
            pytest.skip("other users cannot run Python or the program where these lie")
        for user in users[1:]:
            user.python = users[0].python
        yield users
    finally:
        for user in users:
            user.end()


def shared(folder: Path, owner: int, mode: int, text: str = "plan\n") -> Path:
    file = folder / "plan.md"
    file.write_text(text)
    os.chown(file, owner, owner)
    file.chmod(mode)
    return file


@needs_root
def test_two_users_write_in_one_file(folder: Path, users: tuple[User, User, User]) -> None:
    """The same command by both, nothing started before, no address: each sees what the other types."""
    ann, bob, _ = users
    file = shared(folder, ANN, 0o666)
    one, two = Pipe(ann, file, "ann"), Pipe(bob, file, "bob")  # both hubs begin at the same time
    assert one.event("text")["text"] == two.event("text")["text"] == "plan\n"
    one.order(do="insert", offset=0, text="a")
    two.until_text("aplan\n")
    two.order(do="append", text="b")
    one.until_text("aplan\nb\n")
    two.until_text("aplan\nb\n")
    code, said, _ = bob.run("who", str(file))
    assert (code, {line.split()[0] for line in said.splitlines()}) == (0, {"ann", "bob"})
    one.close()
    two.close()


@needs_root
def test_a_guest_puts_nobody_out_of_another_user_s_hub(folder: Path, users: tuple[User, User, User]) -> None:
    """Whose hub it is puts out, the user as a whole, and for a while; who only came in does not."""
    ann, bob, _ = users
    file = shared(folder, ANN, 0o666)
    one = Pipe(ann, file, "ann")
    one.event("text")
    two, again = Pipe(bob, file, "bob"), Pipe(bob, file, "bob in another terminal")
    for pipe in (two, again):
        pipe.event("text")
    code, _, said = bob.run("kick", str(file), "ann")
    assert (code, "Only an owner" in said) == (1, True), said
    code, out, _ = ann.run("kick", str(file), "bob", "--name", "ann")
    kept_out = f"(uid {BOB}), and kept out for 10 minutes"
    assert (code, out) == (0, f"put out: bob {kept_out}\nput out: bob in another terminal {kept_out}\n")
    for pipe in (two, again):
        assert pipe.event("notice")["sentence"].startswith("ann ended your connection")
        pipe.close()
    code, out, said = bob.run("cat", str(file))
    assert (code, out) == (1, "") and "nobody comes in as you did" in said
    one.close()


@needs_root
def test_who_may_only_read_is_a_reader(folder: Path, users: tuple[User, User, User]) -> None:
    """The reader sees what is not saved yet; a reader who was there before comes along when a writer comes."""
    ann, bob, _ = users
    file = shared(folder, ANN, 0o644)
    reader = Pipe(bob, file, "bob")
    assert reader.event("text")["text"] == "plan\n"
    writer = Pipe(ann, file, "ann")
    writer.event("text")
    writer.order(do="insert", offset=0, text="unsaved ")
    reader.until_text("unsaved plan\n")
    assert bob.run("cat", str(file)) == (0, "unsaved plan\n", "")
    code, _, said = bob.run("append", str(file), "x")
    assert code == 1
    assert "may read this file, not write it" in said
    writer.close()
    reader.close()


@needs_root
def test_who_may_not_read_is_not_told_that_somebody_is_there(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """The answer is the same, to the letter, with somebody in the file and with nobody."""
    ann, _, eve = users
    file = shared(folder, ANN, 0o600)
    alone = eve.run("cat", str(file))
    assert alone[0] == 1
    assert "permission is denied" in alone[2]
    one = Pipe(ann, file, "ann")
    one.event("text")
    assert eve.run("cat", str(file)) == alone
    assert eve.run("who", str(file))[0] == 1
    for path in folder_of(ANN).glob("*.sock"):
        with eve.program("cat", f"ws+unix://{path}:/{file}") as asked:
            out, said = asked.communicate(timeout=60)
        assert (asked.returncode, out) == (1, "")
        assert "ann" not in said.replace(str(folder), "")
    one.close()


PLANTED = """
import socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.bind(sys.argv[1])
    door.listen()
    print("there", flush=True)
    while True:
        line, _ = door.accept()
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\nConnection: close\\r\\n\\r\\nheld")
        print("asked", flush=True)
        line.close()
"""


@needs_root
@pytest.mark.parametrize("whose", ["eve", "bob"])
def test_a_planted_socket_is_not_talked_to(folder: Path, users: tuple[User, User, User], whose: str) -> None:
    """Of a user who may not write the file, and one in a folder that pretends to be another user's."""
    ann, _, eve = users
    file = shared(folder, ANN, 0o600)
    place = folder_of({"eve": EVE, "bob": BOB}[whose])
    place.mkdir(mode=0o755)
    os.chown(place, EVE, EVE)
    try:
        with eve.start(eve.python, "-c", PLANTED, str(place / "x.sock")) as planted:
            assert planted.stdout is not None
            assert planted.stdout.readline() == "there\n"
            assert ann.run("cat", str(file)) == (0, "plan\n", "")
            planted.kill()
            assert planted.stdout.read() == "", "it was asked about a file"
    finally:
        shutil.rmtree(place)


DRIPPING = """
import os, socket, sys, threading, time
def drip(line):
    try:
        line.recv(65536)
        line.sendall(b"HTTP/1.1 200 OK\\r\\nX: ")
        while True:
            line.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        pass
def listen(path):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        os.chmod(path, 0o666)
        door.listen()
        while True:
            threading.Thread(target=drip, args=(door.accept()[0],), daemon=True).start()
for number in range(4):
    threading.Thread(target=listen, args=(sys.argv[1] + "/%d.sock" % number,), daemon=True).start()
while len(os.listdir(sys.argv[1])) < 4:
    time.sleep(0.01)
print("there", flush=True)
sys.stdin.read()
"""


@needs_root
def test_hubs_that_answer_byte_by_byte_are_left_out_in_time(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """Another user's hubs hold up my opening by ANSWER_S at most, however many there are and however they answer."""
    _, _, eve = users
    file = shared(folder, 0, 0o666)
    place = folder_of(EVE)
    place.mkdir(mode=0o755)
    os.chown(place, EVE, EVE)
    found: list[str] = []
    meeting = FileClaims(Nothing())
    asking = threading.Thread(target=lambda: found.append(meeting._host_among_others(str(file))), daemon=True)
    try:
        with eve.start(eve.python, "-c", DRIPPING, str(place)) as dripping:
            assert dripping.stdout is not None
            assert dripping.stdout.readline() == "there\n"
            asking.start()
            asking.join(3 * ANSWER_S)
            is_asking = asking.is_alive()
            dripping.kill()
        assert not is_asking
        assert found == [""]
    finally:
        shutil.rmtree(place)


@needs_root
def test_one_folder_of_sockets_is_a_user_s() -> None:
    """Each more that somebody makes, under names that end as theirs, would hold up my opening by ANSWER_S."""
    folders = [folder_of(EVE).with_name(f"jpterm-like-hub-{name}{EVE}") for name in ("", "0", "-", "x-", "٠")]
    try:
        for folder in folders:
            folder.mkdir(mode=0o755)
            os.chown(folder, EVE, EVE)
            (folder / "1.sock").touch()
        assert [paths for uid, paths in _hubs() if uid == EVE] == [[folder_of(EVE) / "1.sock"]]
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


class Nothing:
    """A hub in which nobody is."""

    def has(self, name: str) -> bool:
        return False

    def let_go(self, name: str) -> None:
        raise AssertionError(name)


GUEST = """
import asyncio, contextlib, os, sys, time
from pathlib import Path
import jpterm_like
socket, path, text, *trick = sys.argv[1:]
async def main():
    mine, ready = Path(path), Path(path + ".bait")
    for attempt in range(4):
        if trick:
            ready.write_text("bait %d\\n" % attempt)
            ready.chmod(0o666)
            ready.rename(mine)
        with contextlib.suppress(jpterm_like.JptermError, OSError):
            state = Path(os.environ["HOME"], "s%d" % attempt)
            async with jpterm_like.connect(
                f"ws+unix://{socket}:/{path}", name="eve", state_dir=state, create=False, timeout_s=5
            ) as session:
                if trick:
                    exec(trick[0])
                end = time.monotonic() + 2
                while time.monotonic() < end and text not in session.text:
                    await asyncio.sleep(0.02)
                if text in session.text:
                    print("READ", flush=True)
                    return
    print("nothing", flush=True)
asyncio.run(main())
"""

TRICKS = {
    "a link": "os.symlink(os.environ['SECRET'], ready); ready.rename(mine)",
    "the file itself": "os.rename(os.environ['SECRET'], mine)",
    "another name of the file": "os.rename(mine.parent / 'linked', mine)",
    "a folder of links": "mine.parent.rename(str(mine.parent) + 'x'); "
    "os.symlink(os.path.dirname(os.environ['SECRET']), mine.parent)",
}


@needs_root
@pytest.mark.parametrize("trick", TRICKS)
def test_what_takes_the_place_of_a_guest_s_file_is_not_sent_to_the_guest(
    folder: Path, users: tuple[User, User, User], trick: str
) -> None:
    """Of a file that was read counts who may read that file, before a byte of it is in the text that they see.

    Eve opens a file of hers in Ann's hub, and lets its name be another file: Ann's own, in a folder where Eve may give names.
    """
    ann, _, eve = users
    secret = folder / "open" / "x.md"
    secret.parent.mkdir()
    secret.parent.chmod(0o777)
    secret.write_text("SECRET of ann\n")
    os.chown(secret, ANN, ANN)
    secret.chmod(0o600)
    bait = folder / "open" / "eve"
    bait.mkdir()
    os.chown(bait, EVE, EVE)
    os.link(secret, bait / "linked")  # where the kernel lets users do so
    eve.environment["SECRET"] = str(secret)
    editor = Pipe(ann, shared(folder, ANN, 0o600), "ann")
    editor.event("text")
    (socket,) = folder_of(ANN).glob("*.sock")
    with eve.start(
        eve.python, "-c", GUEST, str(socket), str(bait / "x.md"), "SECRET", TRICKS[trick]
    ) as guest:
        said, wrong = guest.communicate(timeout=100)
    assert said == "nothing\n", wrong
    editor.close()


@needs_root
@pytest.mark.parametrize("when", ["while it is open", "after it was closed", "after it was removed"])
def test_who_puts_a_file_in_the_place_of_mine_gets_nothing_of_my_text(
    folder: Path, users: tuple[User, User, User], when: str
) -> None:
    """Eve may give names in the folder. What Ann's hub knows of her private file under this name stays hers."""
    ann, _, eve = users
    folder.chmod(0o777)
    file = shared(folder, ANN, 0o600, "SECRET of ann\n")
    editor = Pipe(ann, file, "ann")
    editor.order(do="append", text="SECRET too, not saved yet")
    if when != "while it is open":
        editor.close()
        editor = Pipe(ann, shared_beside(folder), "ann")
        editor.event("text")
    if when == "after it was removed":
        file.unlink()
    trick = "None"
    (socket,) = folder_of(ANN).glob("*.sock")
    with eve.start(eve.python, "-c", GUEST, str(socket), str(file), "SECRET too", trick) as guest:
        said, wrong = guest.communicate(timeout=100)
    assert said == "nothing\n", wrong
    editor.close()


@needs_root
def test_a_private_text_is_not_saved_into_a_file_that_somebody_else_put_there(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """The sentence says whose it is and what to do; the file that is made then is as closed as it was."""
    ann, _, _ = users
    folder.chmod(0o777)
    file = shared(folder, ANN, 0o600)
    editor = Pipe(ann, file, "ann")
    editor.order(do="append", text="secret")
    bait = folder / "bait"
    bait.write_text("plan\n")
    os.chown(bait, EVE, EVE)
    bait.chmod(0o666)
    bait.rename(file)
    refused = editor.order(do="save")
    assert refused["event"] == "failed"
    assert f"is a file of user {EVE} now, who may not read your text" in str(refused), refused
    assert file.read_text() == "plan\n"
    file.rename(bait)
    assert editor.order(do="save")["event"] == "done"
    assert "secret" in file.read_text()
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (ANN, 0o600)
    editor.close()


def shared_beside(folder: Path) -> Path:
    """Another file of Ann's, to have a hub."""
    file = folder / "other.md"
    file.write_text("other\n")
    os.chown(file, ANN, ANN)
    return file


@needs_root
def test_a_hub_tells_others_no_names_and_makes_no_files_for_them(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """Which files are open, where a link leads, and whether there is a file: nothing of that, to who may not read it."""
    ann, _, eve = users
    folder.chmod(0o777)
    file = shared(folder, ANN, 0o600)
    (folder / "link").symlink_to(ann.home / "private.md")
    open_to_all = folder / "all.md"
    (ann.home / "way").symlink_to(open_to_all)
    open_to_all.write_text("all\n")
    os.chown(open_to_all, ANN, ANN)
    open_to_all.chmod(0o644)
    editors = [Pipe(ann, it, "ann") for it in (file, open_to_all)]
    for editor in editors:
        editor.event("text")
    (socket,) = folder_of(ANN).glob("*.sock")
    code, said, _ = eve.run("ls", f"ws+unix://{socket}:/")
    assert (code, said) == (0, f"{open_to_all}\n")
    for name in (
        file,
        folder / "link",
        folder / "none",
        f"/proc/{os.getpid()}/maps",
        folder / "x" / ".." / "all.md",
    ):
        code, said, wrong = eve.run("append", f"ws+unix://{socket}:/{name}", "x")
        assert (code, said) == (1, ""), name
        assert "private.md" not in wrong
    code, said, _ = eve.run("cat", f"ws+unix://{socket}:/{ann.home / 'way'}")
    assert (code, said) == (1, ""), "where a link in a closed folder leads is told"
    assert not (folder / "none").exists()
    for editor in editors:
        editor.close()


RENAMING = """
import asyncio, os, sys
from websockets.asyncio.server import unix_serve
from crdt import TextBuffer, Version
from jpterm_like.access.local_users import folder_of
from jpterm_like.sync import wire
shared, target = sys.argv[1:]
place = folder_of(os.getuid())
place.mkdir(mode=0o755, exist_ok=True)
def ask(connection, request):
    return connection.respond(200, "held") if request.path.startswith("/holds") else None
async def serve(connection):
    buffer = TextBuffer.genesis(open(shared).read())
    buffer.replace(0, 0, "theirs\\n")
    async for frame in connection:
        message = wire.decode(frame)
        match message:
            case wire.Hello():
                said = [wire.Welcome(1, ())]
            case wire.Open(channel):
                version = buffer.version
                said = [
                    wire.Opened(channel, "edit", buffer.lineage, version, b"", version, version),
                    wire.Changes(channel, 0, buffer.changes_since(message.version)),
                    wire.Saved(channel, version),
                    wire.Renamed(channel, target),
                ]
            case wire.Ping():
                said = [wire.Pong()]
            case _:
                said = []
        for each in said:
            await connection.send(wire.encode(each))
async def main():
    async with unix_serve(serve, str(place / "x.sock"), process_request=ask):
        os.chmod(place / "x.sock", 0o666)
        print("there", flush=True)
        await asyncio.Future()
asyncio.run(main())
"""


@needs_root
def test_another_user_s_hub_does_not_choose_the_file_that_my_session_saves(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """It may write the file that I opened, and says that this is called otherwise: as a file of mine. I am told, and stay."""
    ann, _, eve = users
    file = shared(folder, EVE, 0o666)
    mine = ann.home / "mine.txt"
    mine.write_text("mine\n")
    os.chown(mine, ANN, ANN)
    with eve.start(eve.python, "-c", RENAMING, str(file), str(mine)) as hub:
        try:
            assert hub.stdout is not None
            assert hub.stdout.readline() == "there\n"
            writer = Pipe(ann, file, "ann")
            # Each connection meets other work in that hub, which is told, too.
            while "is called" not in (told := writer.event("notice")["sentence"]):
                assert "changed the same place" in told
            assert f"You stay with {file}" in told, told
            hub.kill()
            writer.order(do="append", text="bread")
            while (
                writer.order(do="save")["event"] != "done"
            ):  # its own hub has the file now, once it is there
                writer.event("status")
            writer.close()
        finally:
            hub.kill()
    assert mine.read_text() == "mine\n"
    assert file.read_text().endswith("theirs\nplan\nbread\n")


def test_a_server_s_word_about_names_is_about_its_own_pads() -> None:
    """My own hub alone says what a file of this machine is called now; and no name is one that leads up or elsewhere."""
    me, eve = Peer("uid", os.geteuid(), os.getegid()), Peer("uid", EVE, EVE)
    file, pad = parse_address("/srv/plan.md"), parse_address("ws://box/plan.md")
    there = follow_rename(file, "/srv/new.md", me)
    assert there is not None and there.file == Path("/srv/new.md")
    assert follow_rename(file, "/srv/new.md", eve) is None
    assert follow_rename(file, "/srv/new.md", Peer("10.0.0.1")) is None
    assert follow_rename(file, "new.md", me) is None
    there = follow_rename(pad, "docs/new.md", Peer("10.0.0.1"))
    assert there is not None and (there.text, there.file) == ("ws://box:80/docs/new.md", None)
    for address in (
        pad,
        parse_address("ssh://box/plan.md"),
        parse_address("ws+unix:///run/x:/plan.md"),
        file,
    ):
        for name in ("", "/", "..", "../x", "/a/../b", "a//b", "ws://elsewhere/x", "a\0b", "a/"):
            assert follow_rename(address, name, me) is None, name


LED_ASTRAY = """
import asyncio, sys
from pathlib import Path
from jpterm_like.access.addresses import LocalFileAddress
class Astray(LocalFileAddress):
    def find_hub(self):
        return Path(sys.argv[2])
asyncio.run(Astray(Path(sys.argv[1]), "").connect())
"""


@needs_root
def test_a_hub_is_believed_only_in_files_that_its_user_may_write(
    folder: Path, users: tuple[User, User, User]
) -> None:
    """Whatever led there: the kernel says whose it is, when the connection is made."""
    ann, _, eve = users
    file = shared(folder, ANN, 0o644)
    (eve.home / "texts").mkdir(mode=0o755)
    eve.home.chmod(0o755)
    os.chown(eve.home / "texts", EVE, EVE)
    place = eve.home / "s"
    with eve.program(
        "serve", str(eve.home / "texts"), "--listen", "127.0.0.1:0", "--unix", str(place)
    ) as serve:
        try:
            assert serve.stdout is not None
            while not serve.stdout.readline().startswith("listening on ws+unix"):
                assert serve.poll() is None
            place.chmod(0o777)
            for mode, code in ((0o644, 1), (0o666, 0)):
                file.chmod(mode)
                with ann.start(ann.python, "-c", LED_ASTRAY, str(file), str(place)) as asked:
                    said = asked.communicate(timeout=60)[1]
                assert asked.returncode == code, said
                assert ("not trusted" in said) == bool(code)
        finally:
            serve.kill()


def test_roles_by_permissions(folder: Path) -> None:
    """Mode, owner, and the folders above; somebody's own file that is closed to them is closed."""
    me = os.geteuid()
    file = folder / "f"
    file.write_text("")
    expected = {0o666: "edit", 0o664: "view", 0o644: "view", 0o622: None, 0o600: None, 0o000: None}
    for mode, role in expected.items():
        file.chmod(mode)
        assert role_by_permissions(ANN, ANN, file) == role, oct(mode)
    file.chmod(0o666)
    folder.chmod(0o700)
    assert role_by_permissions(ANN, ANN, file) is None
    folder.chmod(0o755)
    assert role_by_permissions(ANN, ANN, folder / "new") is None
    folder.chmod(0o777)
    assert role_by_permissions(ANN, ANN, folder / "new") == "edit"
    assert role_by_permissions(ANN, ANN, folder / "no" / "new") is None
    assert role_by_permissions(me, os.getegid(), file) == "edit"


def test_two_terminals_of_one_user_and_ten_at_once(folder: Path) -> None:
    """Ten editors start in the same instant: one hub, one text, every line once."""
    file = folder / "f"
    file.write_text("")
    ten = [
        subprocess.Popen([*PROGRAM, "append", str(file), f"line {n}"], stderr=subprocess.PIPE, text=True)
        for n in range(10)
    ]
    for one in ten:
        _, said = one.communicate(timeout=120)
        assert (one.returncode, said) == (0, "")
    said = subprocess.run([*PROGRAM, "cat", str(file)], capture_output=True, text=True, check=True).stdout
    assert sorted(said.splitlines()) == sorted(f"line {n}" for n in range(10))
