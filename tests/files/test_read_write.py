"""Plain files on a real disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import random
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jpterm_like.access.hub import AnyFile
from jpterm_like.files import disk, read
from jpterm_like.files.charsets import UNKNOWN
from jpterm_like.files.read import (
    ChangedOnDisk,
    FileProblem,
    NotAFile,
    NotShared,
    NotText,
    PlainFile,
    TooLarge,
    looks_unchanged,
    read_path_permissions,
    read_plain,
)
from jpterm_like.files.root import everything
from jpterm_like.files.write import (
    ReplacedFile,
    _write_in_place,
    finish_write,
    move_plain,
    remove_leftovers,
    write_plain,
)
from jpterm_like.server import shared_folder
from jpterm_like.server.shared_folder import SharedFolder
from tests.full_disk import room_for

NOBODY = 65534


def as_nobody(check: Callable[[], object]) -> None:
    """Run a check in a child process that has no rights of root's; with its own words if it fails."""
    if os.geteuid() != 0:
        check()
        return
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        words = b""
        try:
            os.setgroups([])
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
            check()
        except BaseException as error:  # noqa: BLE001  it is told to the parent
            words = repr(error).encode() or b"?"
        os.write(writing, words)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as stream:
        words = stream.read()
    os.waitpid(child, 0)
    assert not words, words.decode()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that the user nobody may write in, too; pytest's own is closed to others."""
    for folder in (tmp_path, *tmp_path.parents):
        with contextlib.suppress(PermissionError):
            if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o711)
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def read_all(path: Path) -> PlainFile:
    plain = read_plain(path)
    assert plain is not None
    return plain


def only_file_in(folder: Path) -> str:
    (entry,) = folder.iterdir()
    return entry.name


# Reading


def test_a_file_is_read_with_its_stamp(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"a\r\nb")
    plain = read_all(path)
    found = path.stat()
    assert (plain.raw, plain.text) == (b"a\r\nb", "a\nb")
    assert plain.stamp[:4] == (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    with everything().locate(path) as place:
        assert looks_unchanged(place, plain.stamp)
        path.write_bytes(b"a\r\nc!")
        assert not looks_unchanged(place, plain.stamp)
        assert read_all(path).stamp != plain.stamp
        path.unlink()
        assert not looks_unchanged(place, plain.stamp)


def test_on_a_slow_disk_it_is_told_how_far_the_reading_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "FAST_S", -1.0)
    monkeypatch.setattr(disk, "READ_BYTES", 1 << 16)
    path = tmp_path / "notes.md"
    path.write_bytes(b"abcdefgh" * (1 << 15))
    shares: list[float] = []
    text, encoded = read.read_beginning(path, shares.append)
    assert (text.encode(), encoded) == (path.read_bytes(), path.read_bytes())
    assert shares == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("raw", [b"", b"a\nb", b"a\r\nb", b"a\rb", b"\xef\xbb\xbfa\n", "é\n".encode()])
def test_what_a_document_begins_with_is_its_text_in_bytes(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(raw)
    text, encoded = read.read_beginning(path, lambda share: None)
    assert text == read.read_text(path, UNKNOWN) == encoded.decode()
    assert read.read_beginning(tmp_path / "none", lambda share: None) == ("", b"")


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_plain(tmp_path / "notes.md") is None
    assert read_plain(tmp_path / "folder" / "notes.md") is None


def test_what_is_no_file_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        listener.bind("socket")
        for name, words in [
            (".", "is a folder; name a file in it"),
            ("fifo", "is no ordinary file"),
            ("socket", "is no ordinary file"),
            ("/dev/null", "is no ordinary file"),
        ]:
            with pytest.raises(NotAFile, match=words) as caught:
                read_plain(tmp_path / name)
            assert caught.value.path == tmp_path / name
    with pytest.raises(FileProblem, match="go in a circle"):
        read_plain(tmp_path / "loop")
    with pytest.raises(FileProblem, match="a part of its path is not a folder"):
        read_plain(tmp_path / "file" / "notes.md")
    with pytest.raises(FileProblem, match="the name is too long"):
        read_plain(tmp_path / ("x" * 300))


def test_binary_files_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(b"abc\0")
    with pytest.raises(NotText, match=r"a\.out is a binary file \(byte 3 is zero\)") as caught:
        read_plain(path)
    assert caught.value.offset == 3


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with open(path, "wb") as stream:
        stream.truncate(read.FILE_BYTES_MAX + 1)
    with pytest.raises(TooLarge, match="larger than 256 MiB"):
        read_plain(path)


def test_a_file_that_grows_while_it_is_read_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of /proc, which say that they have no length."""
    monkeypatch.setattr(read, "FILE_BYTES_MAX", 100)
    path = Path(f"/proc/{os.getpid()}/maps")
    if not path.exists():
        pytest.skip("no /proc on this system")
    with pytest.raises(TooLarge):
        read_plain(path)


def test_a_file_without_permission_is_said_in_a_sentence(shared: Path) -> None:
    path = shared / "secret.md"
    path.write_bytes(b"x")
    path.chmod(0)

    def check() -> None:
        with pytest.raises(FileProblem, match=r"secret\.md cannot be read: permission is denied"):
            read_plain(path)

    as_nobody(check)


def test_f21_names_in_sentences_carry_no_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\u202eb"
    path.mkdir()
    with pytest.raises(NotAFile) as caught:
        read_plain(path)
    assert r"a\x1b[2J\u202eb is a folder" in str(caught.value)


# Writing


def test_a_new_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "notes.md"
    with pytest.raises(FileProblem, match="its folder is not there"):
        write_plain(path, b"text", None)
    umask = os.umask(0o022)
    try:
        state = write_plain(path, b"text\r\n", None, parents=True)
    finally:
        os.umask(umask)
    assert state == read_all(path)
    assert state.text == "text\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.stat().st_nlink == 1
    assert only_file_in(path.parent) == "notes.md"


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"old")
    path.chmod(0o750)
    before = read_all(path)
    after = write_plain(path, b"new", before)
    assert after == read_all(path) and after.raw == b"new"
    assert after.stamp.inode != before.stamp.inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert only_file_in(tmp_path) == "run.sh"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_a_file_of_somebody_else_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o640)
    write_plain(path, b"new", read_all(path))
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 2345, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another owner")
def test_a_file_whose_owner_cannot_be_kept_is_written_in_place(shared: Path) -> None:
    path = shared / "notes.md"
    path.write_bytes(b"the old text")
    path.chmod(0o666)
    inode = path.stat().st_ino
    as_nobody(lambda: write_plain(path, b"new", read_all(path)))
    found = path.stat()
    assert path.read_bytes() == b"new"
    assert (found.st_ino, found.st_uid, stat.S_IMODE(found.st_mode)) == (inode, 0, 0o666)
    assert only_file_in(shared) == "notes.md"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another owner")
def test_a_file_of_somebody_else_in_a_sticky_folder_is_written_in_place(shared: Path) -> None:
    shared.chmod(0o1777)
    path = shared / "notes.md"
    path.write_bytes(b"the old text")
    os.chown(path, 1234, NOBODY)
    path.chmod(0o664)
    as_nobody(lambda: write_plain(path, b"new", read_all(path)))
    assert path.read_bytes() == b"new" and path.stat().st_uid == 1234
    assert only_file_in(shared) == "notes.md"


def test_extended_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.author", b"ann")
    except (AttributeError, OSError):
        pytest.skip("no extended attributes on this system")
    write_plain(path, b"new", read_all(path))
    assert os.getxattr(path, "user.author") == b"ann"


def test_a_symbolic_link_that_a_person_names_stays_and_its_target_is_written(tmp_path: Path) -> None:
    """It is resolved once, at opening; what becomes a link later is not followed."""
    (tmp_path / "real").mkdir()
    target, link, dangling = tmp_path / "real" / "notes.md", tmp_path / "link.md", tmp_path / "dangling.md"
    target.write_bytes(b"old")
    link.symlink_to("real/notes.md")
    dangling.symlink_to("real/new.md")
    opened = AnyFile().path_of(str(link))
    write_plain(opened, b"new", read_all(opened))
    write_plain(AnyFile().path_of(str(dangling)), b"fresh", None)
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert dangling.is_symlink() and (tmp_path / "real" / "new.md").read_bytes() == b"fresh"


@pytest.mark.parametrize("raw", [b"", b"short", b"longer than the text that was there before"])
def test_all_hard_links_stay_together(tmp_path: Path, raw: bytes) -> None:
    one, other = tmp_path / "one.md", tmp_path / "other.md"
    one.write_bytes(b"the text before")
    os.link(one, other)
    state = write_plain(one, raw, read_all(one))
    assert other.read_bytes() == raw
    assert state == read_all(other)
    assert one.stat().st_nlink == 2


def test_a_file_in_a_folder_that_cannot_be_written_is_written_in_place(shared: Path) -> None:
    path = shared / "notes.md"
    path.write_bytes(b"the old text")
    path.chmod(0o666)
    shared.chmod(0o755)

    def check() -> None:
        write_plain(path, b"new", read_all(path))
        with pytest.raises(FileProblem, match=r"other\.md cannot be written: permission is denied"):
            write_plain(shared / "other.md", b"new", None)

    as_nobody(check)
    assert path.read_bytes() == b"new"
    assert only_file_in(shared) == "notes.md"


def test_a_file_that_may_not_be_written_is_not_replaced_either(shared: Path) -> None:
    path = shared / "notes.md"
    path.write_bytes(b"old")
    path.chmod(0o444)

    def check() -> None:
        with pytest.raises(FileProblem, match=r"notes\.md cannot be written: permission is denied"):
            write_plain(path, b"new", read_all(path))

    as_nobody(check)
    assert path.read_bytes() == b"old"
    assert only_file_in(shared) == "notes.md"


# F5: no state of the file that was not read is ever written over


@pytest.mark.parametrize("links", [1, 2])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"them"),
        lambda path: path.write_bytes(b"base" + b"more"),
        lambda path: (path.with_name("new").write_bytes(b"them"), os.replace(path.with_name("new"), path)),
        lambda path: (path.write_bytes(b"them"), os.utime(path, ns=(1, 1))),
    ],
    ids=["same size", "appended", "renamed over", "clock set back"],
)
def test_f05_a_changed_file_is_not_written_over(
    tmp_path: Path, change: Callable[[Path], object], links: int
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"base")
    os.utime(path, ns=(1, 1))
    if links == 2:
        (tmp_path / "sub").mkdir()
        os.link(path, tmp_path / "sub" / "link")
    expected = read_all(path)
    change(path)
    theirs = path.read_bytes()
    with pytest.raises(ChangedOnDisk, match="was changed by another program") as caught:
        write_plain(path, b"mine", expected)
    assert path.read_bytes() == theirs
    assert caught.value.now == read_all(path)
    # The caller merges, and writes again knowing their state.
    assert write_plain(path, b"merged", caught.value.now).raw == b"merged"


def test_f05_a_change_in_the_last_moment_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"base")
    expected = read_all(path)
    flush = disk.flush

    def flush_and_change(fd: int) -> None:
        flush(fd)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(disk, "flush", flush_and_change)
    with pytest.raises(ChangedOnDisk) as caught:
        write_plain(path, b"mine", expected)
    assert caught.value.now and caught.value.now.raw == b"theirs"
    assert path.read_bytes() == b"theirs"
    assert only_file_in(tmp_path) == "notes.md"


def test_f05_a_file_that_came_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.md"
    flush = disk.flush

    def flush_and_make(fd: int) -> None:
        flush(fd)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(disk, "flush", flush_and_make)
    with pytest.raises(ChangedOnDisk) as caught:
        write_plain(path, b"mine", None)
    assert caught.value.now and caught.value.now.raw == b"theirs"
    monkeypatch.undo()
    with pytest.raises(ChangedOnDisk):
        write_plain(path, b"mine", None)
    assert path.read_bytes() == b"theirs"
    assert only_file_in(tmp_path) == "notes.md"


def test_f13_a_deleted_file_is_told_and_can_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"base")
    expected = read_all(path)
    path.unlink()
    with pytest.raises(ChangedOnDisk, match="was deleted or moved away") as caught:
        write_plain(path, b"mine", expected)
    assert caught.value.now is None
    assert write_plain(path, b"mine", None) == read_all(path)


def test_a_file_that_became_binary_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"base")
    expected = read_all(path)
    path.write_bytes(b"\0")
    with pytest.raises(NotText):
        write_plain(path, b"mine", expected)
    assert path.read_bytes() == b"\0"


def test_a_touched_or_equal_file_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"base")
    expected = read_all(path)
    os.utime(path, ns=(5, 5))
    state = write_plain(path, b"mine", expected)
    # Written already, by us before a crash say: left alone, whatever was expected.
    assert write_plain(path, b"mine", expected) == state == write_plain(path, b"mine", None)


def test_f05_two_writers_lose_nothing(tmp_path: Path) -> None:
    """Both add their words to what they last knew, and to what they are told when that is no longer so."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"")
    # Only one writes at a time, as the last microseconds before a rename have no guard.
    turn = threading.Lock()

    def write(name: str) -> None:
        known = read_all(path)
        for number in range(60):
            while True:
                try:
                    with turn:
                        known = write_plain(path, known.raw + f"{name}{number}\n".encode(), known)
                    break
                except ChangedOnDisk as change:
                    assert change.now
                    known = change.now

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = path.read_text().split()
    assert sorted(found) == sorted(f"{name}{number}" for name in "ab" for number in range(60))


# F30: a disk that says no


def test_f30_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old" * 100)
    expected = read_all(path)
    with room_for(1000), pytest.raises(FileProblem, match="cannot be written: the file would become larger"):
        write_plain(path, b"new" * 1000, expected)
    with room_for(1000), pytest.raises(FileProblem):
        write_plain(tmp_path / "other.md", b"new" * 1000, None)
    assert read_all(path) == expected
    assert only_file_in(tmp_path) == "notes.md"
    assert write_plain(path, b"new" * 1000, expected).raw == b"new" * 1000


@pytest.mark.parametrize("outside", [b"theirs", b"\0\1", None], ids=["text", "no text", "deleted"])
def test_f05_a_file_that_comes_between_look_and_rename_gets_its_place_back(
    outside: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last microsecond: another program's rename falls between our last look and ours."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"old")
    expected = read_all(path)
    swap = disk.swap

    def late(one: str, other: str, folder: int) -> bool:
        monkeypatch.setattr(disk, "swap", swap)
        path.unlink()
        if outside is not None:
            path.write_bytes(outside)
        return swap(one, other, folder)

    monkeypatch.setattr(disk, "swap", late)
    with pytest.raises(FileProblem) as caught:
        write_plain(path, b"ours", expected)
    assert isinstance(caught.value, NotText if outside == b"\0\1" else ChangedOnDisk)
    assert (path.read_bytes() if path.exists() else None) == outside
    assert list(tmp_path.iterdir()) == ([path] if outside is not None else [])


def test_a_file_system_that_cannot_swap_gets_a_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old")
    monkeypatch.setattr(disk, "swap", lambda one, other, folder: False)
    write_plain(path, b"new", read_all(path))
    assert path.read_bytes() == b"new"
    assert only_file_in(tmp_path) == "notes.md"


def test_f05_what_is_written_into_the_replaced_file_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`echo >>` had opened the file before it was replaced, and writes after that."""
    monkeypatch.setattr(
        "jpterm_like.files.write.is_held", lambda fd: None
    )  # as where the system does not tell
    path = tmp_path / "notes.md"
    path.write_bytes(b"old\n")
    formers: list[ReplacedFile] = []
    with path.open("ab") as appending:
        write_plain(path, b"new\n", read_all(path), replaced=formers.append)
        (former,) = formers
        assert not former.written()
        appending.write(b"late\n")
    assert former.written()
    assert (former.plain.raw, former.read().raw) == (b"old\n", b"old\nlate\n")
    former.close()


@pytest.mark.parametrize("size", [100, 300, 400])
def test_f30_a_full_disk_leaves_a_file_that_is_written_in_place(tmp_path: Path, size: int) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old" * 100)
    os.link(path, tmp_path / "link.md")
    expected = read_all(path)
    with room_for(size), pytest.raises(FileProblem):
        write_plain(path, b"new" * 1000, expected)
    assert path.read_bytes() == b"old" * 100


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "your disk quota is used up"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EIO, "the disk reports an error"),
    ],
)
@pytest.mark.parametrize("links", [1, 2])
def test_f30_what_the_disk_says_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str, links: int
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"old")
    if links == 2:
        os.link(path, tmp_path / "link.md")
    expected = read_all(path)

    def refuse(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk, "flush", refuse)
    with pytest.raises(FileProblem, match=f"{path} cannot be written: {words}"):
        write_plain(path, b"a new text", expected)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == links


def test_a_full_disk_is_a_full_disk() -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left") as caught,
    ):
        disk.write_all(full.fileno(), b"x")
    assert caught.value.errno == errno.ENOSPC


# What is shared


def test_pads_are_the_text_files_of_a_folder(tmp_path: Path) -> None:
    for name in [
        "notes.md", "docs/deep/er/text", "docs/ä.txt", "empty", ".gitignore",
        ".git/config", ".jpterm-like/x/lock", "docs/.hidden/x", ".jpterm-like-00.tmp",
    ]:  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else "text")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "latin1.txt").write_bytes("ä".encode("latin-1"))
    (tmp_path / "cut.txt").write_bytes(b"x" + "ä".encode() * shared_folder.GLANCE_BYTES)
    (tmp_path / "broken-later.txt").write_bytes(b"x" * 100 + b"\xff" + b"x" * shared_folder.GLANCE_BYTES)
    os.mkfifo(tmp_path / "fifo")
    os.symlink("/etc/passwd", tmp_path / "passwd")
    os.symlink("..", tmp_path / "docs" / "loop")
    os.symlink("notes.md", tmp_path / "link.md")
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    with open(os.fsencode(tmp_path) + b"/\xfe.txt", "wb") as stream:
        stream.write(b"a name that is no Unicode")
    folder = SharedFolder(tmp_path)
    names = [".gitignore", "cut.txt", "docs/deep/er/text", "docs/ä.txt", "empty", "notes.md"]
    assert folder.names() == names
    assert all(folder.path_of(name) == tmp_path.resolve() / name for name in names)


def test_the_list_of_pads_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}").write_text("x")
    folder = SharedFolder(tmp_path)
    monkeypatch.setattr(shared_folder, "ENTRIES_MAX", 3)
    assert len(folder.names()) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "A pad without a name is not shared: the name is empty"),
        ("/etc/passwd", "begins with a slash"),
        ("..", r"empty, \. or \.\."),
        ("../x", r"empty, \. or \.\."),
        ("docs/../../x", r"empty, \. or \.\."),
        ("docs/../x", r"empty, \. or \.\."),
        ("./x", r"empty, \. or \.\."),
        ("docs//x", r"empty, \. or \.\."),
        ("docs/", r"empty, \. or \.\."),
        ("a\0b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x1b[2J", "control characters"),
        ("a\x85b", "control characters"),
        ("a\u2028b", "control characters"),
        ("docs\\x", "backslash"),
        ("..\\x", "backslash"),
        ("\ud800", "no proper Unicode"),
        ("x" * 256, "longer than 255 bytes"),
        ("ä" * 128, "longer than 255 bytes"),
        ("ab/" * 400 + "x", "longer than 1,024 bytes"),
        (".jpterm-like/x", "its own store"),
        (".JPTERM-like/x", "its own store"),
        (".jpterm-like", "its own store"),
        (".jp\u200cterm-like/x", "its own store"),
        ("docs/.ＪPTERM-LIKE/x", "its own store"),
        (".git/config", "in a hidden folder"),
        ("docs/.ssh/authorized_keys", "in a hidden folder"),
        ("\u200c.git/config", "in a hidden folder"),
        ("docs", "it is a folder"),
        ("passwd", "leads out of the folder"),
        ("outside/x", "leads out of the folder"),
        ("neighbour/x", "leads out of the folder"),
        ("git/config", "in a hidden folder"),
        ("loop", "go in a circle"),
        ("notes.md/x", "a part of its path is not a folder"),
    ],
)
def test_names_that_are_not_shared_are_refused_in_words(tmp_path: Path, name: str, words: str) -> None:
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "notes.md").write_text("x")
    (tmp_path / "root-neighbour").mkdir()
    for link, target in [
        ("passwd", "/etc/passwd"), ("outside", "/tmp"), ("neighbour", "../root-neighbour"),
        ("git", ".git"), ("loop", "loop"),
    ]:  # fmt: skip
        (root / link).symlink_to(target)
    with pytest.raises(NotShared, match=words):
        SharedFolder(root).path_of(name)


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "notes.md").write_text("x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "here.md").symlink_to(tmp_path / "real" / "notes.md")
    (tmp_path.parent / "root").symlink_to(tmp_path)
    folder = SharedFolder(tmp_path.parent / "root")
    expected = folder.path_of("real/notes.md")
    assert folder.path_of("link/notes.md") == folder.path_of("here.md") == expected
    assert folder.path_of("new/folder/notes.md") == folder.root.path / "new/folder/notes.md"


def test_odd_but_honest_names_are_shared(tmp_path: Path) -> None:
    folder = SharedFolder(tmp_path)
    for name in ["a b.md", "...", "-rf", "~", "$HOME", "👩‍👩‍👧.md", ".env", "con", "a:b", "x" * 255, "*"]:
        write_plain(folder.path_of(name), b"x", None, parents=True)
    assert len(folder.names()) == 11


def test_a_folder_that_cannot_be_shared_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be shared: it is not there"):
        SharedFolder(tmp_path / "missing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotAFile, match="is not a folder"):
        SharedFolder(tmp_path / "file")


def test_a_folder_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    """Somebody who can write in the shared folder must not borrow the server's rights elsewhere."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "docs").mkdir(parents=True)
    outside.mkdir()
    (outside / "notes.md").write_bytes(b"secret")
    folder = SharedFolder(root)
    path = folder.path_of("docs/notes.md")
    expected = write_plain(path, b"secret", None, inside=folder.root)
    (root / "docs").rename(root / "moved")
    (root / "docs").symlink_to(outside)
    with pytest.raises(NotShared, match="there is a symbolic link in its path"):
        read_plain(path, inside=folder.root)
    with pytest.raises(NotShared, match="there is a symbolic link in its path"):
        write_plain(path, b"mine", expected, inside=folder.root)
    assert (outside / "notes.md").read_bytes() == b"secret"


IN_LINUX = pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="only Linux tells who has a file open")


@IN_LINUX
@pytest.mark.parametrize("mode", [os.O_WRONLY | os.O_APPEND, os.O_RDWR, os.O_RDONLY])
def test_a_file_that_another_program_has_open_stays_the_same_file(tmp_path: Path, mode: int) -> None:
    """`tee -a` and `crontab -e` go on with the file that they have opened."""
    path = tmp_path / "notes.md"
    for old, new in ((b"old and longer\n", b"new\n"), (b"old\n", b"new and longer\n")):
        path.write_bytes(old)
        fd = os.open(path, mode)
        try:
            write_plain(path, new, read_all(path))
            assert os.path.samestat(os.fstat(fd), path.stat())
            if mode & os.O_APPEND:
                os.write(fd, b"late\n")
                new += b"late\n"
            assert path.read_bytes() == new
        finally:
            os.close(fd)
    assert [it.name for it in tmp_path.iterdir()] == ["notes.md"]


@IN_LINUX
def test_a_program_that_writes_at_a_place_of_its_own_goes_on_with_the_old_file(tmp_path: Path) -> None:
    """`make > log`: in the file that we write to it would write over what was put in before. It is watched."""
    path = tmp_path / "notes.md"
    with path.open("wb") as stream:
        program = subprocess.Popen(
            ["sh", "-c", "echo one; echo ready >&2; read line; echo two"],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.PIPE,
        )
    assert program.stderr is not None
    program.stderr.read(1)
    formers: list[ReplacedFile] = []
    write_plain(path, b"begin\none\n", read_all(path), replaced=formers.append)
    (former,) = formers
    assert former.is_held()
    program.communicate(b"\n")
    assert former.read().raw == b"one\ntwo\n" and path.read_bytes() == b"begin\none\n"
    assert former.is_held() is False
    former.close()
    assert former.is_held() is False, "closed in another thread meanwhile"
    former.close()


@pytest.mark.parametrize(("old", "new"), [(b"one two three\n", b"one\n"), (b"one\n", b"zero one two\n")])
def test_what_others_append_while_a_file_is_written_in_place_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes
) -> None:
    """At whatever moment it comes."""
    path = tmp_path / "notes.md"
    for moment in range(8):
        path.write_bytes(old)
        other = os.open(path, os.O_WRONLY | os.O_APPEND)
        fd = os.open(path, os.O_RDWR)
        calls = 0

        def one_call(
            call: Callable[..., Any], moment: int = moment, other: int = other
        ) -> Callable[..., Any]:
            def made(*arguments: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == moment + 1:
                    os.write(other, b"theirs\n")
                return call(*arguments)

            return made

        with monkeypatch.context() as patched:
            for name in ("write_all", "flush"):
                patched.setattr(disk, name, one_call(getattr(disk, name)))
            _write_in_place(fd, new, old)
        os.close(other)
        os.close(fd)
        assert path.read_bytes() == new + b"theirs\n" * (calls > moment)


def test_a_write_in_place_that_a_crash_has_interrupted_is_brought_to_its_end(tmp_path: Path) -> None:
    """The disk may have any of its blocks, as they were or will be, or zeros; what others appended stays."""
    path = tmp_path / "notes.md"
    chance = random.Random(1)
    texts = [b"", b"one\n", b"one two three four\n", b"zero one two three\n", b"x" * 70_000 + b"\n"]
    for old, new in itertools.permutations(texts, 2):
        for _ in range(10):
            longer = max(old, new, key=len)
            torn = bytearray(longer)
            for at in range(len(longer)):
                torn[at] = chance.choice([*old[at : at + 1], *new[at : at + 1], 0])
            path.write_bytes(torn + b"theirs\n")
            assert finish_write(path, old, new, inside=None, permissions=read_path_permissions(path))
            assert path.read_bytes() == new + b"theirs\n"
        for state in (old, new, b"another program's\n" * 10):
            path.write_bytes(state)
            assert (
                not finish_write(path, old, new, inside=None, permissions=read_path_permissions(path))
                and path.read_bytes() == state
            )
    path.unlink()
    assert not finish_write(path, b"old", b"new", inside=None, permissions=read_path_permissions(path))


LEFT = ".jpterm-like-0123456789abcdef.tmp"


def test_what_a_killed_save_has_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has such a name, is this user's, and of no save that goes on."""
    monkeypatch.setattr("jpterm_like.files.write.LEFTOVER_S", 0.0)
    others = [LEFT.upper(), ".jpterm-like-notes.tmp", LEFT + "~", "x" + LEFT, "notes.md"]
    for name in (LEFT, *others):
        (tmp_path / name).write_text("text\n")
    (tmp_path / LEFT.replace("0", "1")).mkdir()
    (tmp_path / LEFT.replace("0", "2")).symlink_to("notes.md")
    stays = [*others, LEFT.replace("0", "1"), LEFT.replace("0", "2")]
    if os.geteuid() == 0:
        stays.append(LEFT.replace("0", "3"))
        (tmp_path / stays[-1]).write_text("text\n")
        os.chown(tmp_path / stays[-1], NOBODY, NOBODY)
    assert not remove_leftovers(tmp_path, inside=None)
    assert sorted(it.name for it in tmp_path.iterdir()) == sorted(stays)


def test_a_save_that_goes_on_keeps_its_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process looks for what killed ones have left, at each moment of the save."""
    path = tmp_path / "notes.md"
    looked = 0

    def looks(call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*arguments: Any) -> Any:
            nonlocal looked
            looked += 1
            monkeypatch.setattr("jpterm_like.files.write.LEFTOVER_S", 0.0 if call is not disk.swap else 2.0)
            remove_leftovers(tmp_path, inside=None)
            return call(*arguments)

        return made

    for name in ("write_all", "flush", "swap"):
        monkeypatch.setattr(disk, name, looks(getattr(disk, name)))
    write_plain(path, b"one\n", None)
    write_plain(path, b"two\n", read_all(path))
    assert path.read_bytes() == b"two\n" and looked >= 5
    assert only_file_in(tmp_path) == "notes.md"


def test_what_is_too_young_is_left_to_the_next_look(tmp_path: Path) -> None:
    """A save has just put it aside, or died: nothing tells the one from the other."""
    (tmp_path / LEFT).write_text("text\n")
    assert remove_leftovers(tmp_path, inside=None)
    assert only_file_in(tmp_path) == LEFT


def test_a_save_or_a_rename_that_is_refused_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"text\n")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(disk, "write_all", full)
    with pytest.raises(FileProblem):
        write_plain(tmp_path / "new" / "deep" / "notes.md", b"text", None, parents=True)
    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(FileProblem):
        move_plain(path, tmp_path / "new" / "deep" / "notes.md", inside=None)
    assert only_file_in(tmp_path) == "notes.md"


def test_a_temporary_file_is_never_wider_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is in it, it has the permissions of the file, or less."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"old\n")
    path.chmod(0o600)
    modes: list[int] = []
    write_all = disk.write_all

    def note(fd: int, data: bytes) -> None:
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        write_all(fd, data)

    monkeypatch.setattr(disk, "write_all", note)
    write_plain(path, b"new\n", read_all(path))
    assert modes == [0o600]
