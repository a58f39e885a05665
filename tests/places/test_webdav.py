"""A place on a WebDAV server, on real ones; and answers that no good server gives."""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("urllib3", reason="places on servers need urllib3")

from jpterm_like.packs.names import lane_name
from jpterm_like.places import http_client, webdav
from jpterm_like.places.base import Damaged, Gone, Place, PlaceError, Refused, Unreachable, list_all_files
from jpterm_like.places.exchange import Memory, exchange
from jpterm_like.places.logins import Login
from jpterm_like.places.webdav import WebdavPlace
from tests.places.conformance import ANN, BOB, NOTES, PackRecord, PlaceConformance, new_mirror, pack, payloads
from tests.places.servers import WEBDAV, folder_for_all, free_port


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No connection of a test stays."""
    made: list[WebdavPlace] = []
    make = WebdavPlace.__init__

    def noted(place: WebdavPlace, *arguments: Any) -> None:
        make(place, *arguments)
        made.append(place)

    monkeypatch.setattr(WebdavPlace, "__init__", noted)
    yield
    for place in made:
        place.close()


@pytest.fixture(params=list(WEBDAV), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    with folder_for_all() as folder, WEBDAV[request.param](folder, free_port()) as url:
        yield url


@pytest.fixture
def place(server: str) -> WebdavPlace:
    place = WebdavPlace(server)
    for name in place.list():
        place.remove(name)
    return place


class TestWebdavPlace(PlaceConformance):
    @pytest.fixture
    def place(self, place: Place) -> Place:
        return place


def test_a_cut_upload_is_never_taken_for_a_pack_and_is_healed(place: WebdavPlace, server: str) -> None:
    """Whatever the server leaves of it: nothing, the part that came, or the old file."""
    ann = new_mirror()
    memory = Memory()
    assert exchange(ann, place, ANN, memory, begin=True).problem is None
    [name] = ann.write(ANN, [(NOTES, PackRecord(2, 0, bytes(range(256)) * 400))])
    data = ann.read(name)
    assert data is not None and len(data) > 1000
    host, port = server.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as sock:
        head = f"PUT /{name} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n\r\n"
        sock.sendall(head.encode() + data[:700])
    assert name not in list_all_files(place).packs
    bob = new_mirror(begun=False)
    report = exchange(bob, place, BOB, Memory())
    assert report.fetched == [] and report.problem is None
    for _ in range(2):
        report = exchange(ann, place, ANN, memory)
    assert report.is_complete and place.read(str(name)) == data
    assert exchange(bob, place, BOB, Memory()).fetched == [name] and payloads(bob) == payloads(ann)


def test_a_folder_that_is_not_there(server: str) -> None:
    place = WebdavPlace(server + "none")
    with pytest.raises(Unreachable):
        place.list()
    with pytest.raises(Gone):
        place.read("a.jpk")


def all_calls(place: Place) -> list[Callable[[], object]]:
    return [
        place.list,
        lambda: place.read("a.jpk"),
        lambda: place.write("a.jpk", b"x"),
        lambda: place.remove("a.jpk"),
    ]


def test_a_server_that_is_not_there() -> None:
    place = WebdavPlace(f"http://127.0.0.1:{free_port()}/x/")
    for call in all_calls(place):
        with pytest.raises(Unreachable, match="does not answer"):
            call()


class Known:
    """Logins of a person who keeps one, and is asked for others."""

    def __init__(self, *asked: str) -> None:
        self.asked = list(asked)
        self.kept: list[Login] = []

    def find(self, server: str, user: str) -> Login | None:
        return Login(user, "secret")

    def ask(self, server: str, user: str) -> Login | None:
        return Login(user, self.asked.pop(0)) if self.asked else None

    def accepted(self, server: str, login: Login) -> None:
        self.kept.append(login)


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(Refused, match="unencrypted"):
        WebdavPlace("http://example.org/notes", "ann", Known())
    for url in ("http://ann:secret@localhost/", "ftp://localhost/", "http:///x", "http://localhost/?a=b"):
        with pytest.raises(ValueError):
            WebdavPlace(url)
    place = WebdavPlace("http://127.0.0.1:9/notes", "ann", Known())
    assert "secret" not in place.address and "secret" not in repr(Login("ann", "secret"))


class Answers(BaseHTTPRequestHandler):
    """A server that gives the answers of its test, and notes what it was asked."""

    status = 200
    body = b""
    asked: list[tuple[str, str, str | None]]

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, self.headers.get("Authorization")))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        if self.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_PUT = do_DELETE = do_PROPFIND = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[tuple[type[Answers], str]]:
    class OfThisTest(Answers):
        asked: list[tuple[str, str, str | None]] = []  # noqa: RUF012

    server = HTTPServer(("127.0.0.1", 0), OfThisTest)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield OfThisTest, f"http://127.0.0.1:{server.server_port}/a%20b/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (405, Refused), (413, Refused), (507, Refused), (302, Refused),
     (409, Unreachable), (423, Unreachable), (429, Unreachable), (500, Unreachable), (503, Unreachable)],
)  # fmt: skip
def test_what_answers_mean(answers: tuple[type[Answers], str], status: int, error: type[PlaceError]) -> None:
    handler, url = answers
    handler.status = status
    place = WebdavPlace(url, "ann", Known())
    for call in all_calls(place):
        with pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error and "secret" not in str(caught.value)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert {path for _, path, _ in handler.asked} == {"/a%20b/", "/a%20b/a.jpk"}, "no redirection is followed"
    assert {word for _, _, word in handler.asked} == {"Basic YW5uOnNlY3JldA=="}


def entry(href: str, size: str = "5", kind: str = "") -> str:
    return (
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getcontentlength>{size}</d:getcontentlength>"
        f"<d:resourcetype>{kind}</d:resourcetype></d:prop></d:propstat></d:response>"
    )


def listing(*entries: str) -> bytes:
    return f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{"".join(entries)}</d:multistatus>'.encode()


def test_what_a_listing_may_say(answers: tuple[type[Answers], str]) -> None:
    """Absolute addresses and escapes are read; other folders, folders, paths and nonsense are left out."""
    handler, url = answers
    name, _ = pack(1)
    handler.status = 207
    handler.body = listing(
        entry("/a%20b/", "", "<d:collection/>"),
        entry(f"/a%20b/{name}"),
        entry(f"{url}with%20space%20%C3%A4.md"),
        entry("/a%20b/sub/", "5", "<d:collection/>"),
        entry("/a%20b/sub/deep.jpk"),
        entry("/a%20b/%2e%2e%2fup.jpk"),
        entry("/a%20b/.hidden"),
        entry("/other/x.jpk"),
        entry("x.jpk"),
        entry("/a%20b/y.jpk", "many"),
        entry("/a%20b/z.jpk", "-1"),
        entry("/a%20b/long.jpk", "9" * 5000),
        entry("/a%20b/" + "n" * 10_000),
        entry(f"https://example.org/a%20b/{name}"),
        f"<d:other>{entry('/a%20b/first.jpk', '')}</d:other>",
        entry(""),
    )
    assert WebdavPlace(url).list() == {str(name): 5, "with space ä.md": 5}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"not xml",
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>',
        b"\xff\xfe" * 10,
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>'.encode("utf-16"),
        b"<x>" * 100_000,
    ],
)
def test_an_answer_that_is_no_listing_is_told(answers: tuple[type[Answers], str], body: bytes) -> None:
    handler, url = answers
    handler.status, handler.body = 207, body
    with pytest.raises(Damaged, match="does not answer as a WebDAV server"):
        WebdavPlace(url).list()
    report = exchange(new_mirror(), WebdavPlace(url), lane_name(bytes(8)), Memory(), begin=True)
    assert isinstance(report.problem, Damaged) and {method for method, _, _ in handler.asked} == {"PROPFIND"}


def test_a_server_without_ranges_is_read_all_the_same(answers: tuple[type[Answers], str]) -> None:
    handler, url = answers
    handler.body = b"0123456789"
    place = WebdavPlace(url)
    assert (place.read("a", 2, 5), place.read("a")) == (b"234", b"0123456789")
    with pytest.raises(Damaged):
        place.read("a", 5, 11)


def lie(parts: Iterator[bytes]) -> tuple[str, Thread]:
    """Serve one request, and answer with these bytes whatever it is, until the asking side hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as sock:
            request = sock.makefile("rb")
            length = 0
            while (line := request.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            request.read(length)  # what is not read when the line is closed resets it, and the answer is lost
            with suppress(OSError):
                for part in parts:
                    sock.sendall(part)

    thread = Thread(target=serve)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/", thread


def slowly(*parts: bytes) -> Iterator[bytes]:
    """The parts, and then the last one again and again, a few in a second."""
    for part in itertools.chain(parts, itertools.repeat(parts[-1])):
        yield part
        time.sleep(0.02)  # slow, and never so silent that reading gives up for that


HEAD = b"HTTP/1.1 207 x\r\n"
LIES = {
    "a body without an end": (Damaged, [HEAD + b"\r\n", b"x" * 65_536]),
    "chunks without an end": (Damaged, [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65_536 + b"\r\n"]),
    "a length that nothing has": (Damaged, [HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", b"x" * 65_536]),
    "an answer that is later, and no end of it": (
        Unreachable,
        [b"HTTP/1.1 503 x\r\nRetry-After: 100000\r\n\r\n", b"x" * 65_536],
    ),
}  # fmt: skip
SLOW = {
    "one byte of a body now and then": [HEAD + b"\r\n", b"x"],
    "one byte of a header now and then": [HEAD, b"x"],
    "an answer that never comes to its end": [b"HTTP/1.1 100 Continue\r\n\r\n"],
}


@pytest.mark.parametrize("lie_told", LIES)
def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch, lie_told: str) -> None:
    monkeypatch.setattr(webdav, "LISTING_BYTES_MAX", 1 << 20)
    error, [head, part] = LIES[lie_told]
    url, thread = lie(itertools.chain([head], itertools.repeat(part)))
    with pytest.raises(error):
        WebdavPlace(url).list()
    thread.join()


@pytest.mark.parametrize("lie_told", SLOW)
def test_an_answer_that_takes_for_ever_is_none(monkeypatch: pytest.MonkeyPatch, lie_told: str) -> None:
    """Also if the server is never silent for long."""
    monkeypatch.setattr(http_client, "SILENCE_S", 0.2)
    url, thread = lie(slowly(*SLOW[lie_told]))
    with pytest.raises(Unreachable, match="does not answer"):
        WebdavPlace(url).list()
    thread.join()


def test_what_is_deflated_is_not_inflated() -> None:
    """A few bytes can be gigabytes."""
    head = HEAD + b"Content-Encoding: gzip\r\n\r\n"
    url, thread = lie(iter([head + gzip.compress(listing())]))
    with pytest.raises(Damaged):
        WebdavPlace(url).list()
    thread.join()


def test_a_password_may_have_any_characters(answers: tuple[type[Answers], str]) -> None:
    handler, url = answers
    handler.status, handler.body = 207, listing()

    class Odd(Known):
        def find(self, server: str, user: str) -> Login | None:
            return Login("jürgen", "5 €\ud800")

    assert WebdavPlace(url, "jürgen", Odd()).list() == {}
    [(_, _, sent)] = handler.asked
    assert sent is not None and base64.b64decode(sent[6:]).startswith("jürgen:5 €".encode())


class Locked(Answers):
    """A server that wants a password."""

    right = "Basic YW5uOmdvb2Q="  # ann:good

    def answer(self) -> None:
        self.status = 207 if self.headers.get("Authorization") == self.right else 401
        self.body = listing() if self.status == 207 else b""
        super().answer()

    do_PROPFIND = answer


@pytest.mark.parametrize(
    ("answered", "is_in"), [(["good"], True), (["bad", "good"], True), (["bad"] * 9, False), ([], False)]
)
def test_a_person_is_asked_when_what_is_kept_is_refused(answered: list[str], is_in: bool) -> None:
    """And what the server took is kept, and nothing else."""
    Locked.asked = []
    server = HTTPServer(("127.0.0.1", 0), Locked)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        logins = Known(*answered)
        place = WebdavPlace(f"http://127.0.0.1:{server.server_port}/a%20b/", "ann", logins)
        if is_in:
            assert place.list() == {} and place.list() == {}
        else:
            with pytest.raises(Refused, match="name and a password"):
                place.list()
        assert logins.kept == ([Login("ann", "good")] if is_in else [])
        assert len(Locked.asked) == (len(answered) + 2 if is_in else min(len(answered), 3) + 1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
