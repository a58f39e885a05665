"""Files reached by descriptors: nothing that changes on the way takes anybody along."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jpterm_like.files.read import FileProblem, NotAFile, NotShared, glance, read_plain
from jpterm_like.files.root import LinkInPath, Root, RootGone
from jpterm_like.files.write import delete_plain, move_plain, write_plain
from jpterm_like.server.shared_folder import SharedFolder

TRIES = 2_000


@pytest.fixture
def served(tmp_path: Path) -> Root:
    """A folder with a text, beside one that is somebody's own, where the same names are."""
    for name in ("served/docs", "private/docs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "served" / "docs" / "notes.md").write_bytes(b"ours")
    (tmp_path / "private" / "docs" / "notes.md").write_bytes(b"secret")
    (tmp_path / "private" / "notes.md").write_bytes(b"secret")
    return Root(tmp_path / "served")


def private_files(root: Root) -> dict[str, bytes]:
    private = root.path.parent / "private"
    return {str(file.relative_to(private)): file.read_bytes() for file in private.rglob("*.md")}


@contextmanager
def restless(change: Callable[[], None]) -> Iterator[None]:
    """Somebody changes something over and over, meanwhile."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            change()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def put_link(root: Root, name: str, target: Path) -> Callable[[], None]:
    """A name that is a link and what it was before in turns, each put in place in one step."""
    path = root.path / name
    link, kept = root.path / ".link", root.path / ".kept"

    def change() -> None:
        with suppress(OSError):
            link.symlink_to(target)
            os.rename(path, kept)
            os.rename(link, path)
        with suppress(OSError):
            os.unlink(path)
            os.rename(kept, path)

    return change


@pytest.mark.parametrize("what", ["docs", "docs/notes.md"], ids=["a folder on the way", "the file"])
def test_a_name_that_becomes_a_link_over_and_over_never_leads_out(served: Root, what: str) -> None:
    """Read, looked at, listed, written, renamed and deleted thousands of times: never a byte from or to the outside."""
    path, other = served.path / "docs" / "notes.md", served.path / "docs" / "other.md"
    target = served.path.parent / "private" / what
    before = private_files(served)
    folder = SharedFolder(served.path)
    texts: set[bytes] = set()
    with restless(put_link(served, what, target)):
        for number in range(TRIES):
            with suppress(FileProblem):
                plain = read_plain(path, inside=served)
                if plain is None:
                    write_plain(path, b"anew %d" % number, None, parents=True, inside=served)
                else:
                    texts.add(plain.raw)
                match number % 20:
                    case 1:
                        glance(path, served)
                    case 5:
                        write_plain(path, b"mine %d" % number, plain, parents=True, inside=served)
                    case 9:
                        move_plain(path, other, inside=served)
                    case 10:
                        move_plain(other, path, inside=served)
                    case 13:
                        delete_plain(other, inside=served)
                    case 17:
                        folder.names()
    assert b"secret" not in texts
    assert len(texts) > 10, "it was read and written meanwhile"
    assert private_files(served) == before


def test_a_link_that_came_is_said_and_nothing_is_done(served: Root) -> None:
    """By each way in which a server uses a file."""
    path = served.path / "docs" / "notes.md"
    known = read_plain(path, inside=served)
    path.unlink()
    path.symlink_to(served.path.parent / "private" / "notes.md")
    before = private_files(served)
    uses: list[Callable[[], object]] = [
        lambda: read_plain(path, inside=served),
        lambda: read_plain(path),
        lambda: write_plain(path, b"mine", known, inside=served),
        lambda: write_plain(path, b"mine", None, inside=served),
    ]
    for use in uses:
        with pytest.raises(
            NotShared, match=r"cannot be (read|written): there is a symbolic link in its path"
        ):
            use()
    move_plain(path, served.path / "moved.md", inside=served)  # the link itself, as any name
    assert (served.path / "moved.md").is_symlink()
    delete_plain(served.path / "moved.md", inside=served)
    assert private_files(served) == before


@pytest.mark.parametrize("name", ["docs/../../private/notes.md", "../private/notes.md", "."])
def test_nothing_outside_is_beneath_a_root(served: Root, name: str) -> None:
    for path in (served.path / name, served.path.parent / "private" / "notes.md"):
        with pytest.raises(LinkInPath):
            served.locate(path)


def test_pipes_devices_and_sockets_are_never_waited_for(served: Root) -> None:
    """Also if they come after the look, when the file is opened."""
    path = served.path / "docs" / "notes.md"
    pipe = served.path / ".pipe"
    os.mkfifo(pipe)
    known = read_plain(path, inside=served)

    def change() -> None:
        os.link(path, served.path / ".file")
        os.rename(pipe, path)
        os.rename(path, pipe)
        os.rename(served.path / ".file", path)

    with restless(change):
        for _ in range(TRIES // 10):
            with suppress(NotAFile, FileProblem):
                read_plain(path, inside=served)
                write_plain(path, b"ours", known, inside=served)
    path.unlink()
    os.mkfifo(path)
    for use in (
        lambda: read_plain(path, inside=served),
        lambda: write_plain(path, b"mine", known, inside=served),
    ):
        with pytest.raises(NotAFile):
            use()
    opened: list[int] = []
    with served.locate(path) as place:
        opening = threading.Thread(target=lambda: opened.append(place.open(os.O_RDONLY)), daemon=True)
        opening.start()
        opening.join(10)
        has_waited = opening.is_alive()
        if has_waited:
            os.close(os.open(path, os.O_RDWR))  # whoever waits for the other end goes on
            opening.join()
    os.close(opened[0])
    assert not has_waited


@pytest.mark.parametrize("put", ["nothing", "another folder", "a link to another folder"])
def test_a_served_folder_that_was_replaced_is_gone_and_no_file_in_it_deleted(served: Root, put: str) -> None:
    """What lies at its path now is another folder's; what is missing there is not called deleted. It is taken up when back."""
    folder = SharedFolder(served.path)
    path = folder.path_of("docs/notes.md")
    known = read_plain(path, inside=folder.root)
    served.path.rename(served.path.with_name("away"))
    if put == "another folder":
        (served.path / "docs").mkdir(parents=True)
    elif put == "a link to another folder":
        served.path.symlink_to(served.path.parent / "private")
    uses: list[Callable[[], object]] = [
        lambda: read_plain(path, inside=folder.root),
        lambda: write_plain(path, b"mine", known, parents=True, inside=folder.root),
        lambda: write_plain(path, b"mine", None, parents=True, inside=folder.root),
        lambda: move_plain(path, served.path / "x", inside=folder.root),
        lambda: delete_plain(path, inside=folder.root),
        folder.names,
    ]
    for use in uses:
        with pytest.raises(NotShared, match="was moved away or replaced while it is served"):
            use()
    with pytest.raises(NotShared):
        folder.path_of("docs/notes.md")
    with pytest.raises(RootGone):
        folder.root.locate(path)
    if put == "another folder":
        (served.path / "docs").rmdir()
        served.path.rmdir()
    elif put != "nothing":
        served.path.unlink()
    served.path.with_name("away").rename(served.path)
    assert read_plain(path, inside=folder.root) == known
    assert folder.names() == ["docs/notes.md"]
