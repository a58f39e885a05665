"""Which server this is, wherever it listens and whatever became of its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jpterm_like.access.server_identity import folder_identity, hub_identity
from jpterm_like.errors import JptermError


def identity(root: Path, state: Path | None) -> bytes:
    store = root / ".jpterm-like"
    store.mkdir(parents=True, exist_ok=True)
    return folder_identity(root, store, state)


def test_a_folder_has_one_identity_for_good(tmp_path: Path) -> None:
    """It is random, the same at each start, and moves with the folder; two folders have two."""
    first = identity(tmp_path / "x", tmp_path / "state")
    assert len(first) == 16 and identity(tmp_path / "x", tmp_path / "state") == first
    assert identity(tmp_path / "y", tmp_path / "state") != first
    (tmp_path / "x").rename(tmp_path / "z")
    assert identity(tmp_path / "z", tmp_path / "other state") == first
    assert (tmp_path / "z/.jpterm-like/identity").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lost", ["store", "folder"])
def test_what_comes_back_empty_at_the_same_path_is_the_same_server(lost: str, tmp_path: Path) -> None:
    """`git clean`, or a disk that is not mounted: its user's state folder knows."""
    first = identity(tmp_path / "x", tmp_path / "state")
    shutil.rmtree(tmp_path / "x" / (".jpterm-like" if lost == "store" else ""))
    assert identity(tmp_path / "x", tmp_path / "state") == first
    shutil.rmtree(tmp_path / "state")
    assert identity(tmp_path / "x", tmp_path / "state") == first, "it is in the folder again"


def test_a_new_container_is_another_server(tmp_path: Path) -> None:
    """Neither the folder nor the state is the former one's."""
    first = identity(tmp_path / "x", tmp_path / "state")
    shutil.rmtree(tmp_path / "x")
    assert identity(tmp_path / "x", tmp_path / "new state") != first


def test_another_folder_at_the_path_says_itself_who_it_is(tmp_path: Path) -> None:
    """The folder counts, and the state folder notes what it says."""
    first = identity(tmp_path / "x", tmp_path / "state")
    other = identity(tmp_path / "y", tmp_path / "state of y")
    (tmp_path / "x").rename(tmp_path / "x1")
    (tmp_path / "y").rename(tmp_path / "x")
    assert identity(tmp_path / "x", tmp_path / "state") == other != first
    shutil.rmtree(tmp_path / "x/.jpterm-like")
    assert identity(tmp_path / "x", tmp_path / "state") == other


def test_an_identity_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """And so is a link, and what is no identity is made anew."""
    identity(tmp_path / "x", None)
    path = tmp_path / "x/.jpterm-like/identity"
    path.chmod(0o666)
    with pytest.raises(JptermError, match="identity"):
        identity(tmp_path / "x", None)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JptermError, match="identity"):
        identity(tmp_path / "x", None)
    path.unlink()
    path.write_text("rubbish")
    path.chmod(0o600)
    assert len(identity(tmp_path / "x", None)) == 16


def test_what_a_newer_release_keeps_beside_the_identity_stays(tmp_path: Path) -> None:
    """In lines of its own: else going back a release would make it another server to everybody."""
    first = identity(tmp_path / "x", tmp_path / "state")
    path = tmp_path / "x/.jpterm-like/identity"
    longer = path.read_bytes() + b"of a newer release\n"
    path.write_bytes(longer)
    assert identity(tmp_path / "x", tmp_path / "state") == first
    assert path.read_bytes() == longer


def test_a_hub_has_one_identity_for_good(tmp_path: Path) -> None:
    """It is kept in the user's state folder."""
    assert hub_identity(tmp_path) == hub_identity(tmp_path) != hub_identity(tmp_path / "other")
