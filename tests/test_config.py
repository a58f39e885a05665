"""Folders, settings and names of the user."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import tempfile
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from jpterm_like import config
from jpterm_like.access.hub import remove_dead_sockets
from jpterm_like.config import (
    CannotKeep,
    KeyBinding,
    Paths,
    Settings,
    clean_name,
    display_name,
    keep_setting,
    settings_template,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without anything set."""
    for variable in list(os.environ):
        if variable.startswith(("XDG_", "GIT_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LOGNAME", "login")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Folders


def test_a_name_with_quotes_is_kept_and_replaced_in_one_line() -> None:
    """What is typed as a name ends up as this name in the settings, whatever is in it."""
    source = "# mine\ntheme = 'dark'\n[keys]\nsave = 'f2'\n"
    for name in ('Ann "the pen" O\'Neil', "back\\slash \\", "语 ä"):
        source = config.with_setting(source, "name", name)
        assert tomllib.loads(source)["name"] == name
        assert source.count("name =") == 1 and source.startswith("# mine\n") and "save = 'f2'" in source


def test_folders_are_where_the_xdg_variables_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind))
    (home / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    paths = Paths.of_user()
    assert paths.state == home / "STATE" / "jpterm-like"
    assert paths.replicas.parent == paths.pads.parent == paths.state
    assert paths.replicas != paths.pads
    assert paths.settings_file == home / "CONFIG" / "jpterm-like" / "config.toml"
    assert paths.cache == home / "CACHE" / "jpterm-like"
    assert not paths.config.exists() and not paths.cache.exists()


def test_relative_xdg_variables_are_ignored(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Paths.of_user()
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, "relative")
    assert Paths.of_user().runtime_folder == expected.runtime_folder
    assert Paths.of_user().state_folder.is_absolute()


def test_without_variables_all_is_under_home(home: Path) -> None:
    paths = Paths.of_user()
    for folder in (paths.state, paths.config, paths.cache):
        assert folder.is_relative_to(home)
    assert stat.S_IMODE(paths.state.stat().st_mode) == 0o700


def short_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder whose path leaves room for a socket, as pytest's own may not."""
    link = Path(f"/tmp/jl{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path)
    return link


def test_the_runtime_folder_is_ours_alone_and_holds_a_socket(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = short_folder(monkeypatch, home)
    try:
        (home / "run").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(link / "run"))
        paths = Paths.of_user()
        assert paths.runtime == link / "run" / "jpterm-like"
        assert stat.S_IMODE(paths.runtime.stat().st_mode) == 0o700
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(paths.hub_socket))
    finally:
        link.unlink()


def test_the_next_hub_removes_sockets_of_hubs_that_were_killed() -> None:
    """They stayed in /tmp until a restart of the machine: one for each state folder whose path is too long for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="jl", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        long_dead, just_bound, alive = (Path(folder, f"hub-{name}.sock") for name in ("dead", "new", "alive"))
        for path in (long_dead, just_bound):
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(path))
        listening.bind(str(alive))
        listening.listen()
        something = Path(folder, "hub.lock")
        something.touch()
        for path in (long_dead, alive, something):
            os.utime(path, (0, 0))
        remove_dead_sockets(Path(folder))
        assert set(Path(folder).iterdir()) == {alive, just_bound, something}
    remove_dead_sockets(Path(folder))  # it is not there: no error


@pytest.mark.parametrize("value", ["", "/nowhere/at/all", "/tmp/" + "x" * 100])
def test_an_unusable_runtime_variable_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    folder = Paths.of_user().runtime_folder
    assert folder.parent in (Path("/tmp"), Path(f"/run/user/{os.geteuid()}"))
    assert len(os.fsencode(folder / "hub.sock")) < 104


def test_a_runtime_folder_of_somebody_else_is_refused(home: Path) -> None:
    folder = home / "run"
    folder.mkdir(mode=0o700)
    paths = Paths(home, home, home, folder)
    assert paths.runtime == folder
    folder.chmod(0o770)
    with pytest.raises(CannotKeep, match="belongs to somebody else or is open to others"):
        _ = paths.runtime
    folder.chmod(0o700)
    (home / "link").symlink_to(folder)
    with pytest.raises(CannotKeep):
        _ = Paths(home, home, home, home / "link").runtime
    if os.geteuid() == 0:
        os.chown(folder, 1234, 1234)
        with pytest.raises(CannotKeep):
            _ = paths.runtime


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(home: Path) -> None:
    (home / "file").write_text("x")
    with pytest.raises(CannotKeep, match="cannot be made: a part of its path is not a folder"):
        _ = Paths.under(home / "file").state


def test_everything_can_be_in_one_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    one, other = Paths.under(deep / "one"), Paths.under(deep / "two")
    assert one.state.is_relative_to(deep)
    assert one.runtime_folder != other.runtime_folder
    for paths in (one, other, Paths.under(Path("/tmp/short"))):
        assert len(os.fsencode(paths.runtime_folder / "hub.sock")) < 104
    assert Paths.under(Path("/tmp/short")).runtime_folder == Path("/tmp/short/run")


# Settings


def load(home: Path, text: str | bytes) -> Settings:
    paths = Paths.under(home)
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.settings_file.write_bytes(text.encode() if isinstance(text, str) else text)
    return Settings.load(paths)


def test_without_a_file_the_defaults_apply(home: Path) -> None:
    assert Settings.load(Paths.under(home)) == Settings()


def test_settings_are_read(home: Path) -> None:
    settings = load(
        home,
        'name = "Ann"\ntheme = "paper"\nsoft_wrap = false\ntab_width = 8\nindent = "tabs"\nauto_indent = false\n'
        "line_numbers = false\n# done\n",
    )
    assert settings == Settings("Ann", "paper", False, 8, "tabs", False, False)


def test_wrong_values_are_told_by_name_and_line_and_the_rest_applies(home: Path) -> None:
    settings = load(
        home,
        'tab_width = 0\nsoft_wrap = "yes"\n\nname = 5\ntheme = "paper"\nline_numbers = 1\nfont = "x"\n[colours]\na = 1\n',
    )
    assert settings == Settings(theme="paper", problems=settings.problems)
    where = Paths.under(home).settings_file
    names = ", ".join(field.name for field in fields(Settings) if field.name != "problems")
    assert settings.problems == (
        f"{where}, line 1: tab_width must be a number from 1 to 16, not '0'.",
        f"{where}, line 2: soft_wrap must be true or false, not 'yes'.",
        f"{where}, line 4: name must be a text, not '5'.",
        f"{where}, line 6: line_numbers must be true or false, not '1'.",
        f"{where}, line 7: there is no setting font; there are {names}.",
        f"{where}, line 8: there is no setting colours; there are {names}.",
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"tab_width = \n", "line 1: this is not TOML \\(Invalid value\\); the line is left out"),
        (b"\xff", "is not UTF-8; the defaults are used"),
        (b"#" * (config.SETTINGS_BYTES_MAX + 1), "is too large for a settings file"),
    ],
)
def test_a_broken_file_is_told_and_the_defaults_apply(home: Path, raw: bytes, words: str) -> None:
    settings = load(home, raw)
    assert settings == Settings(problems=settings.problems)
    with pytest.raises(ValueError, match=words):
        raise ValueError(*settings.problems)


def test_an_unreadable_file_is_told(home: Path) -> None:
    paths = Paths.under(home)
    paths.settings_file.mkdir(parents=True)
    assert "cannot be read: it is a folder" in Settings.load(paths).problems[0]


# Names


def test_the_nearest_name_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert display_name() == "login"
    subprocess.run(["git", "config", "--global", "user.name", "From Git"], check=True)
    assert display_name() == "From Git"
    assert display_name(None, Settings(name="Set")) == "Set"
    assert display_name("", Settings(name=" \t")) == "From Git"
    assert display_name(" Given ", Settings(name="Set")) == "Given"


def test_git_is_not_asked_when_a_nearer_place_has_a_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    (home / "git").write_text("#!/bin/sh\ntouch asked\n")
    (home / "git").chmod(0o755)
    display_name("Ann")
    display_name(None, Settings(name="Ann"))
    assert not (home / "asked").exists()


@pytest.mark.parametrize("script", [None, "exec /bin/sleep 60", "exit 1", "printf '\\377\\n'", "echo"])
def test_a_git_that_is_missing_slow_or_silent_stops_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.setattr(config, "GIT_TIMEOUT_S", 0.2)
    if script:
        (home / "git").write_text(f"#!/bin/sh\n{script}\n")
        (home / "git").chmod(0o755)
    assert display_name() in ("login", "\ufffd")


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Ann", "Ann"),
        ("  Ann \n\t of  Cleves ", "Ann of Cleves"),
        ("a\x1b[31mb\x00c\x9bd", "a[31mbcd"),
        ("evil\u202etxt.exe\u2066", "eviltxt.exe"),
        ("👩\u200d🔬 Ada", "👩\u200d🔬 Ada"),
        ("\ud800x", "x"),
        ("x" * 100, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
        ("\u2028\x85", ""),
    ],
)
def test_f21_names_are_cleaned(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_other_keys_are_read_with_their_places(home: Path) -> None:
    settings = load(
        home,
        '# mine\nruler = 80\n\n[keys]\n# more\nfind = "f11"\nduplicate = ["ctrl+e", "f5"]\nundo = ""\nredo = 5\n',
    )
    where = Paths.under(home).settings_file
    assert settings.ruler == 80
    assert settings.keys == (
        KeyBinding("find", ("f11",), f"{where}, line 6"),
        KeyBinding("duplicate", ("ctrl+e", "f5"), f"{where}, line 7"),
        KeyBinding("undo", (), f"{where}, line 8"),
    )
    assert settings.problems == (f"{where}, line 9: redo must be a key or a list of keys, not '5'.",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'theme = "paper"\n'),
        ("# mine\n", '# mine\ntheme = "paper"\n'),
        ('theme = "dark"', 'theme = "paper"'),
        (
            "a = 1 # x\n  theme= 'dark'   # calm\n\nb = 2\n[keys]\ntheme = 'f1'\n",
            "a = 1 # x\n  theme= \"paper\"   # calm\n\nb = 2\n[keys]\ntheme = 'f1'\n",
        ),
        ("a = 1\n\n[keys]\nfind = 'f1'\n", "a = 1\ntheme = \"paper\"\n\n[keys]\nfind = 'f1'\n"),
    ],
)
def test_one_setting_is_written_and_every_other_line_stays(before: str, after: str) -> None:
    assert config.with_setting(before, "theme", "paper") == after


@pytest.mark.parametrize("source", ["theme = ", '"theme" = "dark"', 'theme = """\ndark"""'])
def test_what_one_line_cannot_change_is_left_alone(home: Path, source: str) -> None:
    load(home, source)
    with pytest.raises(CannotKeep, match='set theme = "paper" there yourself'):
        keep_setting(Paths.under(home), "theme", "paper")
    assert Paths.under(home).settings_file.read_text() == source


def test_a_setting_is_kept_in_a_linked_file_with_its_mode(home: Path) -> None:
    paths = Paths.under(home / "user")
    keep_setting(paths, "theme", "paper")
    assert Settings.load(paths).theme == "paper"
    real = home / "dotfile"
    paths.settings_file.replace(real)
    real.chmod(0o640)
    paths.settings_file.symlink_to(real)
    keep_setting(paths, "theme", "light")
    assert paths.settings_file.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert Settings.load(paths).theme == "light"
    assert sorted(path.name for path in home.iterdir() if path.is_file()) == ["dotfile"]


def test_a_line_that_is_no_toml_leaves_the_others_in_force(tmp_path: Path) -> None:
    """Each broken line is told by its number; what stands around it is used."""
    paths = Paths.under(tmp_path)
    paths.config.mkdir(parents=True)
    paths.settings_file.write_text(
        'theme = "light"\ntab_width = = 3\nruler = 80\nname = "ann\n[keys]\nundo = "f11"\n'
    )
    settings = Settings.load(paths)
    assert (settings.theme, settings.ruler, settings.tab_width) == ("light", 80, 4)
    assert [wish.keys for wish in settings.keys] == [("f11",)]
    assert [re.search(r"line (\d+)", problem)[1] for problem in settings.problems] == ["2", "4"]  # type: ignore[index]


def test_the_described_settings_are_all_of_them_and_can_be_set() -> None:
    """A new file of settings sets nothing; with the signs taken away each line is right."""
    source = settings_template()
    assert tomllib.loads(source) == {}
    wanted = "\n".join(
        line.removeprefix("# ") for line in source.split("\n") if re.match(r"# (\w+ = |\[)", line)
    )
    found = tomllib.loads(wanted)
    settings = Settings.parse(found, wanted, "here")
    assert settings.problems == ()
    assert set(found) == {field.name for field in fields(Settings)} - {"problems"}
