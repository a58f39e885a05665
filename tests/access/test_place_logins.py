"""Names and passwords for places: where they are found, who is asked, where they are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jpterm_like.access.place_logins import KeptLogins, NetrcProblem, forget_login, login_of_netrc
from jpterm_like.access.tokens import Keyring, TokenProblem
from jpterm_like.places.address import BadPlaceAddress, login_server
from jpterm_like.places.logins import Login

NAS = "https://nas.example.org:8443"


@pytest.fixture(autouse=True)
def no_system_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def netrc_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / ".netrc"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_netrc_has_logins_of_hosts_and_its_default_is_for_none(tmp_path: Path) -> None:
    path = netrc_file(
        tmp_path,
        "machine nas.example.org login ann password hunter2\ndefault login anonymous password a@b\n",
    )
    assert login_of_netrc(path, "nas.example.org") == Login("ann", "hunter2")
    assert login_of_netrc(path, "nas.example.org", "bob") is None
    assert login_of_netrc(path, "example.org") is None
    assert login_of_netrc(tmp_path / "none", "nas.example.org") is None


def test_a_netrc_that_cannot_be_used_is_told_without_its_secrets(tmp_path: Path) -> None:
    open_to_others = netrc_file(tmp_path, "machine nas login ann password hunter2\n", 0o644)
    with pytest.raises(NetrcProblem, match="chmod 600"):
        login_of_netrc(open_to_others, "nas")
    for text in ("machine nas login ann password\nhunter2 hunter2 hunter2\n", "machine nas loggin hunter2\n"):
        with pytest.raises(NetrcProblem, match=r"line \d") as caught:
            login_of_netrc(netrc_file(tmp_path, text), "nas")
        assert "hunter2" not in str(caught.value)


def test_what_was_asked_for_and_accepted_is_kept_closed_to_others(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def ask(server: str, user: str) -> Login | None:
        asked.append((server, user))
        return Login("ann", "with:colon")

    file = tmp_path / "state" / "keyring.json"
    logins = KeptLogins(Keyring(file), tmp_path / "none", ask)
    assert logins.find(NAS, "") is None
    login = logins.ask(NAS, "")
    assert login is not None and asked == [(NAS, "")] and "colon" not in repr(login)
    logins.accepted(NAS, login)
    assert file.stat().st_mode & 0o777 == 0o600
    assert logins.find(NAS, "") == logins.find(NAS, "ann") == login
    for server, user in (("https://nas.example.org", ""), (NAS, "bob"), ("http://nas.example.org:8443", "")):
        assert logins.find(server, user) is None
    Keyring(file).keep("wss://nas.example.org:8443", "jpt_token")
    forget_login(Keyring(file), NAS)
    assert logins.find(NAS, "") is None and Keyring(file).token_for("wss://nas.example.org:8443/x")
    with pytest.raises(TokenProblem):
        forget_login(Keyring(file), NAS)


class SystemKeyring:
    """What the package `keyring` offers."""

    class errors:
        class KeyringError(Exception):
            pass

    def __init__(self, priority: float, *, locked: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.priority = priority
        self.locked = locked

    def get_keyring(self) -> SimpleNamespace:
        return SimpleNamespace(priority=self.priority)

    def _check(self) -> None:
        if self.locked:
            raise self.errors.KeyringError("locked")

    def get_password(self, service: str, server: str) -> str | None:
        self._check()
        return self.kept.get((service, server))

    def set_password(self, service: str, server: str, password: str) -> None:
        self._check()
        self.kept[service, server] = password

    def delete_password(self, service: str, server: str) -> None:
        self._check()
        if self.kept.pop((service, server), None) is None:
            raise self.errors.KeyringError("none")


@pytest.mark.parametrize(
    ("priority", "locked", "in_system"), [(5, False, True), (5, True, False), (0, False, False)]
)
def test_the_keyring_of_the_system_comes_first_where_it_works(
    priority: float, locked: bool, in_system: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = SystemKeyring(priority, locked=locked)
    monkeypatch.setitem(sys.modules, "keyring", system)
    file = tmp_path / "keyring.json"
    logins = KeptLogins(Keyring(file), tmp_path / "none", lambda server, user: None)
    logins.accepted(NAS, Login("ann", "hunter2"))
    assert logins.find(NAS, "ann") == Login("ann", "hunter2")
    assert bool(system.kept) == in_system and file.exists() == (not in_system)
    forget_login(Keyring(file), NAS)
    assert logins.find(NAS, "ann") is None


def test_the_server_for_which_a_password_is_kept() -> None:
    assert login_server("webdavs://ann@NAS.example.org:8443/team") == NAS
    assert login_server("https://nas.example.org:8443/x/") == NAS
    assert login_server("webdav://localhost:8080/") == "http://localhost:8080"
    for written in ("sftp://box/srv", "ftp://box/x", "webdavs://ann:hunter2@nas/"):
        with pytest.raises(BadPlaceAddress) as caught:
            login_server(written)
        assert "hunter2" not in str(caught.value)
