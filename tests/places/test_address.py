"""How people write places, and what is refused before anything is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jpterm_like.places.address import BadPlaceAddress, is_address, name_of, open_place
from jpterm_like.places.aws import settings_of_user
from jpterm_like.places.base import Refused, Unreachable
from jpterm_like.places.local import LocalPlace

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def test_a_folder_may_be_written_in_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for written, folder in {
        "team": tmp_path / "team",
        "./a:b": tmp_path / "a:b",
        "/srv/team/": Path("/srv/team"),
        "~/Dropbox/team": tmp_path / "home/Dropbox/team",
        "file:///srv/my%20team": Path("/srv/my team"),
    }.items():
        place = open_place(written)
        assert isinstance(place, LocalPlace) and place.address == str(folder) and not is_address(written)


def test_what_a_server_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of a place is the one that people write, without what is not needed."""
    pytest.importorskip("urllib3")
    pytest.importorskip("paramiko")
    for written, address in {
        "webdavs://nas.example.org/team": "webdavs://nas.example.org/team/",
        "WEBDAVS://ann@NAS:8443/my%20team/": "webdavs://nas:8443/my%20team/",
        "webdav://localhost:8080": "webdav://localhost:8080/",
        "webdav://[::1]:8080/x": "webdav://[::1]:8080/x/",
        "sftp://ann@box:2222/srv/team": "sftp://ann@box:2222/srv/team",
        "sftp://box/~/team": "sftp://box/~/team",
    }.items():
        assert open_place(written).address == address and is_address(written)


@pytest.mark.parametrize(
    "written",
    [
        "webdavs://ann:hunter2@nas/team",
        "webdavs://localhost:hunter2@nas/team",
        "webdav://localhost:hunter2@192.0.2.1/",
        "sftp://ann:hunter2@box/srv",
        "s3://key:hunter2@bucket/team",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(BadPlaceAddress) as caught:
        open_place(written)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in name_of(written)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("webdav://nas/team", "webdavs://nas"),
        ("webdav://localhost.example.org/team", "this machine alone"),
        ("webdav://127.0.0.1.example.org/", "this machine alone"),
        ("webdav://localhost\\@192.0.2.1/", "not the address"),
        ("webdav://localhost#@192.0.2.1/", "not the address"),
        ("webdav://localhost?@192.0.2.1/", "not the address"),
        ("webdav://localhost /", "not the address"),
        ("webdavs://nas:99999/", "not the address"),
        ("webdavs://nas:0/", "not the address"),
        ("webdavs:///team", "not the address"),
        ("webdavs://nas/team?token=x", "not the address"),
        ("webdavs://nas/a/../b", "not the address"),
        ("webdavs://nas/%ff", "not the address"),
        ("sftp://-oProxyCommand=x/srv", "not the address"),
        ("sftp://-l@box/srv", "not the address"),
        ("s3:///team", "s3://BUCKET"),
        ("ssh://box/srv", "sftp://"),
        ("ws://box:8765/", "is a server"),
        ("gopher+x://box/", "is no place"),
    ],
)
def test_what_is_no_place_is_told_in_a_sentence(written: str, sentence: str) -> None:
    with pytest.raises(BadPlaceAddress) as caught:
        open_place(written)
    text = str(caught.value)
    assert sentence in text and text.endswith(".") and "\n" not in text


def test_short_names() -> None:
    for address, name in {
        "webdavs://nas.example.org:8443/team/": "nas",
        "webdavs://ann@nas/team/": "nas",
        "webdav://127.0.0.1:8080/": "127.0.0.1",
        "webdav://[::1]:8080/": "[::1]",
        "s3://my.bucket/team/": "my.bucket",
        "sftp://ann@box/srv": "box",
        "/home/ann/Dropbox/team/": "team",
        "file:///srv/my%20team": "my team",
        "/": "/",
        "/srv/a\x1b[2Jb": "a\\x1b[2Jb",
    }.items():
        assert name_of(address) == name


@pytest.mark.parametrize(
    ("written", "library", "extra"),
    [
        ("webdavs://nas/team", "urllib3", "webdav"),
        ("s3://bucket/team", "obstore", "s3"),
        ("sftp://box/srv", "paramiko", "sftp"),
    ],
)
def test_a_missing_library_is_one_sentence(
    written: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == library or name.startswith("jpterm_like.places."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Exception, match=f"needs {library}.*pip install 'jpterm-like\\[{extra}\\]'") as caught:
        open_place(written)
    assert type(caught.value).__name__ == "BadPlaceAddress"


def test_a_folder_loads_no_library_and_no_text() -> None:
    code = (
        "import sys; from jpterm_like.places.address import open_place; open_place('x')\n"
        "print([n for n in ('crdt.buffer', 'crdt.text', 'urllib3', 'paramiko', 'obstore', 'fsspec', 'configparser')"
        " if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_ssh_is_the_persons_own_and_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paramiko")
    monkeypatch.setenv("JPTERM_LIKE_SSH", "/nowhere/ssh")
    with pytest.raises(Unreachable, match="/nowhere/ssh cannot be started: it is not there"):
        open_place("sftp://box/srv").list()


class TestKeysOfBuckets:
    def test_the_environment_comes_before_files(self, tmp_path: Path) -> None:
        aws = tmp_path / ".aws"
        aws.mkdir()
        (aws / "credentials").write_text(
            "[default]\naws_access_key_id = a\naws_secret_access_key = b\n\n"
            "[work]\naws_access_key_id = c\naws_secret_access_key = d\naws_session_token = e%\n"
        )
        (aws / "config").write_text(
            "[default]\nregion = eu-west-1\n[profile work]\nendpoint_url = https://store.example.org\n"
        )
        assert settings_of_user({}, tmp_path) == {
            "access_key_id": "a", "secret_access_key": "b", "region": "eu-west-1",
        }  # fmt: skip
        assert settings_of_user({"AWS_PROFILE": "work"}, tmp_path) == {
            "access_key_id": "c", "secret_access_key": "d", "session_token": "e%", "region": "us-east-1",
            "endpoint": "https://store.example.org",
        }  # fmt: skip
        found = settings_of_user({**KEYS, "AWS_REGION": "x", "AWS_ENDPOINT_URL": "http://[::1]:9/"}, tmp_path)
        assert found == {
            "access_key_id": "key", "secret_access_key": "secret", "region": "x", "endpoint": "http://[::1]:9/",
        }  # fmt: skip

    def test_what_is_missing_or_unsafe_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="AWS_ACCESS_KEY_ID"):
            settings_of_user({}, tmp_path)
        for endpoint in (
            "http://192.0.2.1:9000",
            "http://localhost:9000@192.0.2.1:9000",
            "https://key:secret@store.example.org",
            "ftp://localhost/",
            "store.example.org",
        ):
            with pytest.raises(Refused) as caught:
                settings_of_user({**KEYS, "AWS_ENDPOINT_URL": endpoint}, tmp_path)
            assert "secret" not in str(caught.value)
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws/credentials").write_text("aws_secret_access_key = hunter2\n")
        with pytest.raises(Refused, match="credentials cannot be read") as caught:
            settings_of_user({}, tmp_path)
        assert "hunter2" not in str(caught.value)
