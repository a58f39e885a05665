"""Who may come to a file, by what was seen of it when it was open."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from jpterm_like.files.access_control import (
    SOURCES_MAX,
    Access,
    FilePermissions,
    PathPermissions,
    closed,
    role_by_modes,
)
from jpterm_like.files.read import ChangedOnDisk, read_path_permissions, read_plain
from jpterm_like.files.write import finish_write, write_plain
from jpterm_like.server.load_document import open_document
from jpterm_like.storage.memory import MemoryStorage

ME, EVE = os.geteuid(), 70_001
FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


def permissions_with(
    uid: int, mode: int, *, folder: int = 0o777, owner: int = ME, inode: int = 1
) -> PathPermissions:
    """To a file in one folder."""
    return PathPermissions(
        (FilePermissions(owner, owner, FOLDER | folder, False, 1),),
        FilePermissions(uid, uid, FILE | mode, False, 1),
        inode,
    )


def role(access: Access, uid: int = EVE) -> str | None:
    roles = [role_by_modes(uid, {uid}, it) for it in access.sources]
    return None if None in roles else "view" if "view" in roles else "edit"


def test_every_file_that_a_text_is_of_counts() -> None:
    """Somebody's own file in the place of mine lets them into nothing."""
    access = Access()
    assert access.note(permissions_with(ME, 0o600))
    assert access.note(permissions_with(EVE, 0o666, inode=2))
    assert role(access) is None
    assert not access.note(permissions_with(EVE, 0o666, inode=3)), "nobody may more or less by that"
    for number in range(3 * SOURCES_MAX):
        access.note(permissions_with(EVE, 0o604 if number % 2 else 0o666, inode=number, owner=number))
    assert role(access) is None
    assert len(access.sources) <= SOURCES_MAX + 1


def test_who_owns_a_file_opens_and_closes_it_to_others() -> None:
    """The same file with other permissions counts as it is; so does the one that we wrote."""
    access = Access()
    access.note(permissions_with(ME, 0o600))
    access.note(permissions_with(ME, 0o644))
    assert role(access) == "view"
    access.note(permissions_with(ME, 0o666, inode=2), is_ours=True)
    assert role(access) == "edit"
    access.note(permissions_with(ME, 0o600, inode=2))
    assert role(access) is None


def test_a_file_with_the_number_of_a_deleted_one_is_another() -> None:
    """Systems give numbers again at once; owner and time of change tell the difference."""
    for other in (permissions_with(EVE, 0o666), permissions_with(ME, 0o666)._replace(mtime_ns=2)):
        access = Access([permissions_with(ME, 0o600)])
        access.note(other)
        assert role(access) is None


def test_a_text_is_not_saved_into_the_file_of_somebody_who_may_not_read_it() -> None:
    """Nor is a new file of it open to more than the former ones were."""
    access = Access([permissions_with(ME, 0o600)])
    assert (access.stranger(), access.mode) == (None, 0o600)
    access.note(permissions_with(EVE, 0o666, inode=2))
    assert (access.stranger(), access.mode) == (EVE, 0o600)
    access = Access([permissions_with(ME, 0o664)])
    access.note(permissions_with(EVE, 0o644, inode=2))
    assert (access.stranger(), access.mode) == (None, 0o644)
    access = Access([closed()])
    access.note(permissions_with(EVE, 0o666, inode=2))
    assert access.stranger() is None, (
        "of a store of 0.1.0 it is not known; its user sees the file's text and decides"
    )
    assert (Access().stranger(), Access().mode) == (None, 0o666)


def test_a_write_that_a_crash_cut_off_is_gone_on_with_in_the_same_file_only(tmp_path: Path) -> None:
    """A file of zeros that somebody else has put there looks as one half written, and would be given the text."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"old text")
    path.chmod(0o600)
    known = read_path_permissions(path)
    path.write_bytes(bytes(8))
    path.chmod(0o666)
    for seen in (known, None):
        assert not finish_write(path, b"old text", b"new text", inside=None, permissions=seen)
    assert path.read_bytes() == bytes(8)
    path.chmod(0o600)
    assert finish_write(path, b"old text", b"new text", inside=None, permissions=known)
    assert path.read_bytes() == b"new text"


def test_in_a_folder_of_mine_alone_the_file_that_is_there_counts() -> None:
    """Nobody else can have put it there, so I have: by saving with another program, or by moving it."""
    access = Access([closed()])
    access.note(permissions_with(ME, 0o644, folder=0o755, inode=2))
    assert (access.sources, role(access)) == ((permissions_with(ME, 0o644, folder=0o755, inode=2),), "view")
    for folder, owner in ((0o775, ME), (0o757, ME), (0o1777, ME), (0o755, EVE)):
        access = Access([closed()])
        access.note(permissions_with(ME, 0o644, folder=folder, owner=owner, inode=2))
        assert role(access) is None, (oct(folder), owner)


def test_ways_are_kept_as_they_are(tmp_path: Path) -> None:
    """What a store cannot tell lets nobody in."""
    access = Access([permissions_with(ME, 0o600), PathPermissions(permissions_with(ME, 0o600).folders, None)])
    assert Access.decode(access.encode()).sources == access.sources
    for damaged in (b"", b"[", b"[1]", b"[[1, 2]]", b"{}x", b"\xff"):
        assert role(Access.decode(damaged)) is None


def test_a_file_is_seen_as_it_was_when_it_was_read_or_written(tmp_path: Path) -> None:
    """Not as its name is now."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"text")
    path.chmod(0o640)
    plain = read_plain(path)
    assert plain is not None and plain.permissions is not None and plain.permissions.file is not None
    assert stat.S_IMODE(plain.permissions.file.mode) == 0o640
    assert plain.permissions == read_path_permissions(path)
    written = write_plain(path, b"more", plain)
    assert written.permissions == read_path_permissions(path)
    path.unlink()
    missing = read_path_permissions(path)
    assert missing is not None and missing.file is None
    assert write_plain(path, b"anew", None).permissions == read_path_permissions(path)
    path.unlink()
    path.symlink_to("elsewhere")
    link = read_path_permissions(path)
    assert link is not None and role_by_modes(EVE, {EVE}, link) is None


def test_a_file_of_other_permissions_is_not_written_over(tmp_path: Path) -> None:
    """With the same text, too: it may be another file, of somebody else, and is judged before."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"text")
    path.chmod(0o666)
    known = read_plain(path)
    path.chmod(0o644)
    with pytest.raises(ChangedOnDisk) as caught:
        write_plain(path, b"mine", known)
    assert path.read_bytes() == b"text"
    assert write_plain(path, b"mine", caught.value.now).raw == b"mine"


def test_what_is_in_proc_is_for_nobody_else() -> None:
    """Its modes do not say who may read it: that depends on who asks."""
    found = read_path_permissions(Path(f"/proc/{os.getpid()}/maps"))
    if found is None or found.file is None:
        return
    assert found.file.mode & 0o004
    assert role_by_modes(EVE, {EVE}, found) is None


def test_a_file_that_a_killed_save_of_0_1_0_has_written_is_known(tmp_path: Path) -> None:
    """It holds what the store says that it was to hold, so its permissions count; a file with another text is closed."""
    file, store = tmp_path / "notes.md", MemoryStorage().open("notes.md")
    file.write_text("one\n")
    os.chmod(tmp_path, 0o777)  # where others can put files of their own
    open_document("notes.md", file, None, store)
    for written, is_closed in (("two\n", False), ("three\n", True), ("", True)):
        store.write_blob("access", b"")  # which 0.1.0 did not note
        store.write_blob("next", b"two\n")
        file.write_text(written)
        os.utime(file, (1.0, 1.0))
        document, _ = open_document("notes.md", file, None, store)
        assert (closed() in document.access.sources) is is_closed, written
