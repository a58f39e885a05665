"""Commands on places: what they print, and that no secret is anywhere that others can see."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from jpterm_like.cli import place_commands
from jpterm_like.cli.main import main
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.local import LocalPlace
from jpterm_like.places.logins import Login
from tests.places.conformance import ANN, NOTES, PackRecord, new_mirror

SECRET = "hunter2-of-ann"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that is a place, with three packs."""
    folder = tmp_path / "team"
    folder.mkdir()
    mirror = new_mirror()
    for number in range(3):
        mirror.write(ANN, [(NOTES, PackRecord(2, 0, b"%d" % number * 999))])
    assert exchange(mirror, LocalPlace(folder), ANN, Memory(), begin=True).is_complete
    return folder


def test_doctor_tries_a_place_and_leaves_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(place.iterdir())
    assert main(["doctor", str(place)]) == 0
    said = capsys.readouterr().out
    assert "good enough" in said and "bad" not in said and sorted(place.iterdir()) == before
    assert main(["doctor", f"file://{place}/none"]) == 1
    assert "it is not there" in capsys.readouterr().err


def test_verify_reads_a_place(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(place)]) == 0
    assert capsys.readouterr().out.startswith("4 files, ")
    pack = next(place.glob("*.jpk"))
    pack.write_bytes(bytes(pack.stat().st_size))
    assert main(["verify", str(place)]) == 1
    said = capsys.readouterr().out
    assert f"damaged  {pack.name}: its bytes are not those that were written" in said
    assert said.endswith("1 damaged.\n")


class Vault(BaseHTTPRequestHandler):
    """A WebDAV server that wants a password, answers with 500, and may wait before."""

    seen: list[str | None]
    may_answer: Event
    asked: Event

    def answer(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        if self.headers.get("Authorization") is None:
            self.send_response(401)
        else:
            self.asked.set()
            self.may_answer.wait(60)
            self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PROPFIND = do_GET = do_PUT = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def vault() -> Iterator[tuple[type[Vault], str]]:
    pytest.importorskip("urllib3")

    class OfThisTest(Vault):
        seen: list[str | None] = []  # noqa: RUF012
        may_answer, asked = Event(), Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), OfThisTest)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield OfThisTest, f"webdav://127.0.0.1:{server.server_port}/team"
    OfThisTest.may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("kept", ["netrc", "keyring"])
def test_a_password_is_in_no_process_list_log_message_or_open_file(
    kept: str, vault: tuple[type[Vault], str], home: Path
) -> None:
    """While the command waits for the server, and afterwards: all that others could read is searched."""
    handler, url = vault
    if kept == "netrc":
        (home / ".netrc").write_text(f"machine 127.0.0.1 login ann password {SECRET}\n")
        (home / ".netrc").chmod(0o600)
    else:
        added = subprocess.run(
            [sys.executable, "-m", "jpterm_like", "token", "add", url],
            input=f"ann:{SECRET}\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert SECRET not in added.stdout + added.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "jpterm_like", "verify", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert handler.asked.wait(60)
    if sys.platform == "linux":
        for name in ("cmdline", "environ"):
            assert SECRET.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
    handler.may_answer.set()
    said = "".join(process.communicate(timeout=60))
    assert process.returncode == 1 and "answers with 500" in said and SECRET not in said
    assert any(word and word.startswith("Basic ") for word in handler.seen)
    holders = [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    [holder] = holders
    assert holder.name == (".netrc" if kept == "netrc" else "keyring.json")
    assert holder.stat().st_mode & 0o077 == 0


def test_an_address_with_a_password_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("verify", "doctor"):
        assert main([command, f"webdavs://ann:{SECRET}@nas/team"]) == 1
        said = capsys.readouterr()
        assert "must have no password" in said.err and SECRET not in said.out + said.err


def test_keys_of_buckets_are_in_no_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["verify", "s3://bucket/team"]) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://key:{SECRET}@127.0.0.1:9")
    assert main(["verify", "s3://bucket/team"]) == 1
    said = capsys.readouterr()
    assert "does not answer" in said.err and SECRET not in said.out + said.err


def test_who_is_asked_again_is_told_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(place_commands, "ask_on_terminal", lambda server, user: Login("ann", "wrong"))
    ask = place_commands._AskOnTerminal()
    ask("https://nas", "")
    assert capsys.readouterr().err == ""
    ask("https://nas", "")
    assert capsys.readouterr().err == "https://nas does not take that name and password.\n"
