"""Folders of the program, settings of the user, and the user's name.

    Paths           folders for replicas, pads, settings, the hub's socket
    Settings        config.toml
    display_name    the name that others see

Nothing here runs at import, and git is asked for a name only if the settings have none.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import re
import stat
import subprocess
import textwrap
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import platformdirs

from jpterm_like.errors import JptermError, escape_for_terminal, explain
from jpterm_like.files import private, state_places

APP: Final = "jpterm-like"
"""Name of the program, and of its folders."""
SOCKET_BYTES_MAX: Final = 103
"""Limit of a socket's path: sun_path has 104 bytes on macOS and the BSDs (108 on Linux), including the final NUL."""
NAME_CHARACTERS_MAX: Final = 64
"""Limit of a user's name."""
GIT_TIMEOUT_S: Final = 1.0
"""How long git may take to answer with the user's name."""
SETTINGS_BYTES_MAX: Final = 1 << 20
"""Size limit of config.toml."""
BROKEN_LINES_MAX: Final = 20
"""A file with more broken lines than this is not a settings file."""


class CannotKeep(JptermError):
    """A folder of the program cannot be made, or belongs to somebody else."""

    def __init__(self, sentence: str, path: Path) -> None:
        super().__init__(sentence)
        self.path = path


class Paths(NamedTuple):
    """The folders of this user. They are made on first use, closed to other users."""

    state_folder: Path
    """See `state`."""

    config: Path
    """The user's settings and themes. Never made by the program."""

    cache: Path
    """Files that can be deleted at any time. Made by the code that writes there."""

    runtime_folder: Path
    """See `runtime`."""

    @classmethod
    def of_user(cls) -> Paths:
        """Choose the folders by the XDG variables, also on macOS, else by the system's conventions."""
        state = _xdg("XDG_STATE_HOME") or platformdirs.user_state_path(APP, appauthor=False)
        config = _xdg("XDG_CONFIG_HOME") or platformdirs.user_config_path(APP, appauthor=False)
        cache = _xdg("XDG_CACHE_HOME") or platformdirs.user_cache_path(APP, appauthor=False)
        if os.geteuid() == 0:
            state = state_places.own_folder(state, Path(".local/state", APP))
            config = state_places.own_folder(config, Path(".config", APP))
            cache = state_places.own_folder(cache, Path(".cache", APP))
        runtime = _runtime_folder()
        return cls(state_places.writable_folder(state, runtime), config, cache, runtime)

    @classmethod
    def under(cls, folder: Path) -> Paths:
        """Put everything into one folder: for tests, and for several independent users of one account."""
        folder = folder.absolute()
        runtime = folder / "run"
        if not _fits_socket(runtime):
            runtime = _temporary_folder().with_name(f"{_temporary_folder().name}-{_short_name(folder)}")
        return cls(folder / "state", folder / "config", folder / "cache", runtime)

    @property
    def state(self) -> Path:
        """Folder of data that must not be lost: replicas, journals, pads; also the hub's log."""
        return _private_folder(self.state_folder)

    @property
    def replicas(self) -> Path:
        """Folder of the editors' journals on this machine."""
        return self.state / "replicas"

    @property
    def pads(self) -> Path:
        """Folder of the hub's stores."""
        return self.state / "pads"

    @property
    def runtime(self) -> Path:
        """Folder of sockets and locks of running processes. Checked to be private: anyone who can write there can pose as the hub.

        Raises:
            CannotKeep: it is somebody else's, or open to others.
        """
        folder = self.runtime_folder
        try:
            private.check_folder(folder, make=True, others=0o077)
        except private.NotPrivate as error:
            raise CannotKeep(
                f"{escape_for_terminal(folder)} belongs to somebody else or is open to others; remove it or set XDG_RUNTIME_DIR.",
                folder,
            ) from error
        except OSError as error:
            raise CannotKeep(
                f"{escape_for_terminal(folder)} cannot be made: {explain(error)}.", folder
            ) from error
        return folder

    @property
    def hub_socket(self) -> Path:
        """Where this user's hub for this state folder listens.

        In the state folder itself, which every process finds, whatever its environment; in the runtime folder if the path is
        too long for a socket, under a name of its own for each state folder.
        """
        state = self.state
        if _fits_socket(state):
            return state / "hub.sock"
        return self.runtime / f"hub-{_short_name(state)}.sock"

    def own_socket_of(self, root: Path) -> Path:
        """Where the server of a folder listens for this user alone."""
        return self.runtime / f"own-{_short_name(root)}.sock"

    @property
    def tokens_file(self) -> Path:
        """File of the tokens that give access to what this user serves."""
        return self.state / "tokens.json"

    @property
    def keyring_file(self) -> Path:
        """File of the tokens that this user was given."""
        return self.state / "keyring.json"

    @property
    def settings_file(self) -> Path:
        return self.config / "config.toml"


def _xdg(variable: str) -> Path | None:
    """Return our folder below the one that a variable names; relative ones are ignored (XDG base directory specification)."""
    value = os.environ.get(variable, "")
    return Path(value) / APP if os.path.isabs(value) else None


def _runtime_folder() -> Path:
    """Choose a folder for sockets that every process of this user finds.

    systemd makes /run/user/UID but does not set the variable everywhere (cron, su), so that path is tried as well: two
    processes that disagree would start two hubs.
    """
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.geteuid()}"):
        folder = Path(parent) / APP
        if os.path.isabs(parent) and _fits_socket(folder):
            try:
                found = os.stat(parent)
            except OSError:
                continue
            if (
                found.st_uid == os.geteuid()
                and private.is_private(found)
                and os.access(parent, os.W_OK | os.X_OK)
            ):
                return folder
    return _temporary_folder()


def _temporary_folder() -> Path:
    # Not TMPDIR, which differs between processes and can be long.
    return Path(f"/tmp/{APP}-{os.geteuid()}")


def _short_name(folder: Path) -> str:
    """Sixteen characters that stand for a folder where its path is too long."""
    return hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()


def _fits_socket(folder: Path) -> bool:
    return len(os.fsencode(folder / "hub-0123456789abcdef.sock")) <= SOCKET_BYTES_MAX


def _private_folder(folder: Path) -> Path:
    """Make sure that a folder exists and is private; a symbolic link of the user's own is followed."""
    try:
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(folder)
            if stat.S_ISLNK(found.st_mode) and found.st_uid == os.geteuid():
                folder = Path(os.path.realpath(folder))
        private.check_folder(folder, make=True)
    except private.NotPrivate as error:
        raise CannotKeep(f"Your data would not be safe: {error}.", folder) from error
    except OSError as error:
        raise CannotKeep(
            f"{escape_for_terminal(folder)} cannot be made: {explain(error)}.", folder
        ) from error
    return folder


class KeyBinding(NamedTuple):
    """One line of the table [keys]. Commands and keys are checked where they are used."""

    command: str
    keys: tuple[str, ...]
    place: str
    """File and line, for the message when the binding is not possible."""


class _Rule(NamedTuple):
    """The permitted values of a setting: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


def _number(least: int, most: int) -> _Rule:
    return _Rule(
        f"a number from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def _one_of(*words: str) -> _Rule:
    return _Rule(" or ".join(f'"{word}"' for word in words), lambda value: value in words)


COLOURS: Final = ("orange", "teal", "pink", "green", "violet", "yellow", "blue", "red")
"""The colours of people in the order in which our themes have them; their numbers go to the others."""

_TEXT: Final = _Rule("a text", lambda value: isinstance(value, str))
_SWITCH: Final = _Rule("true or false", lambda value: isinstance(value, bool))


def _setting(default: Any, rule: _Rule, about: str) -> Any:
    return field(default=default, metadata={"rule": rule, "about": about})


@dataclass(frozen=True)
class Settings:
    """The settings of config.toml; a wrong value is reported and replaced by the default."""

    name: str | None = _setting(
        None, _TEXT, "Your name as others see it. Without it: your own git user.name, or your login."
    )
    theme: str = _setting(
        "auto",
        _TEXT,
        'The name of a theme; F2 shows them all. "auto" is "dark" or "light", as the background of the terminal is.',
    )
    soft_wrap: bool = _setting(
        True, _SWITCH, "Continue long lines on the next row instead of scrolling sideways."
    )
    tab_width: int = _setting(4, _number(1, 16), "Columns from one tab stop to the next, 1 to 16.")
    indent: str = _setting(
        "auto",
        _one_of("auto", "tabs", "spaces"),
        'One step of indentation: "tabs", "spaces" (`tab_width` of them), or "auto": as in the lines around it.',
    )
    auto_indent: bool = _setting(
        True,
        _SWITCH,
        "Start a new line at the indentation of the line before, deeper after an opening bracket. Pasted text stays as it is.",
    )
    line_numbers: bool = _setting(True, _SWITCH, "Show the number of each line.")
    signs: str = _setting(
        "all",
        _one_of("all", "unsaved", "none"),
        'Mark lines that are not saved, and those that were changed since the last git commit: "all", only "unsaved", or "none".',
    )
    continue_lists: bool = _setting(
        True,
        _SWITCH,
        "Continue lists, check boxes and quotes on enter, and indent list items with tab, in Markdown and plain text.",
    )
    wrap_width: int = _setting(
        72,
        _number(10, 1000),
        "Cells in a line after a hard wrap, 10 to 1000. Commit messages are always wrapped at 72.",
    )
    continue_comments: bool = _setting(
        True, _SWITCH, "Continue a line that is a comment on enter, in programs."
    )
    pairs: str = _setting(
        "auto",
        _one_of("auto", "always", "never"),
        'Close brackets and quotes as you type them: "auto" in programs, only `(` and `[` in Markdown and neither in plain text, '
        '"always" in plain text as well, or "never".',
    )
    completion: str = _setting(
        "code",
        _one_of("code", "always", "never"),
        'Offer words of the open files after three letters of one: "code" in programs, outside of comments and texts, "always", or '
        '"never". The key of the command works in any case.',
    )
    spelling: bool = _setting(
        False, _SWITCH, "Mark misspelled words in prose, and in the comments and texts of programs."
    )
    spelling_language: str = _setting(
        "", _TEXT, 'The language that is spelled, such as "de_DE"; "": that of the locale.'
    )
    scroll_margin: int = _setting(
        3, _number(0, 20), "Lines to keep in sight above and below the caret, 0 to 20."
    )
    current_line: bool = _setting(True, _SWITCH, "Shade the line of the caret.")
    whitespace: bool = _setting(False, _SWITCH, "Show blanks as `·` and tabs as `»`.")
    ruler: int = _setting(
        0, _number(0, 1000), "Shade the cell after this many cells of each line, 0 to 1000; 0: none."
    )
    file_tree: bool = _setting(
        False, _SWITCH, "Show the files beside the text from the start, on screens of 100 columns or more."
    )
    announce: bool = _setting(True, _SWITCH, "Say when somebody joins or leaves.")
    colour: str = _setting(
        "auto",
        _one_of("auto", *COLOURS),
        f'Your colour on everybody\'s screen: {", ".join(COLOURS)}, as far as a theme has them; or "auto", by your name.',
    )
    mouse: bool = _setting(
        True,
        _SWITCH,
        "React to clicks and the wheel. Without it, the terminal selects text, as in other programs.",
    )
    preset: str = _setting(
        "default",
        _one_of("default", "emacs", "vi"),
        "The keys: those of common editors, of emacs, or the modes of vi. F1 lists them.",
    )
    keep_days: int = _setting(
        30,
        _number(0, 3650),
        "Days to keep the history of a file after its last change, for undo. Work that is in no file is always kept.",
    )
    keep_mb: int = _setting(
        1000,
        _number(10, 1_000_000),
        "Megabytes that all histories together may use; beyond that, the oldest are removed first.",
    )
    keep_in_step: bool = _setting(
        True,
        _SWITCH,
        "While texts are open, or served, of a folder that was synced with a place, go on syncing it. Without it, only `jpterm-like sync` does.",
    )
    outputs: str = _setting(
        "file",
        _one_of("file", "store"),
        'Where the outputs of notebooks are: "file": saved into the file as well; "store": only in the history, so that a cell that ran has none in the file, as git '
        "likes it. Of the server that has the file, from its next opening on.",
    )
    keys: tuple[KeyBinding, ...] = _setting(
        (),
        _Rule("a table of commands and keys", lambda value: isinstance(value, dict)),
        'Other keys for commands, in a table `[keys]` at the end: `duplicate = "f11"`, or a list, or "" for none. '
        "F1 names the commands.",
    )
    problems: tuple[str, ...] = ()
    """A sentence for each part of the file that could not be used."""

    @classmethod
    def load(cls, paths: Paths) -> Settings:
        """Read the settings; without a file, the defaults. The problems include that of the state folder, if it has one."""
        settings = cls._load(paths)
        problem = state_places.problem_of(paths.state_folder)
        return settings if problem is None else replace(settings, problems=(problem, *settings.problems))

    @classmethod
    def _load(cls, paths: Paths) -> Settings:
        path = paths.settings_file
        try:
            with open(path, "rb") as stream:
                raw = stream.read(SETTINGS_BYTES_MAX + 1)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            return cls(
                problems=(
                    f"{escape_for_terminal(path)} cannot be read: {explain(error)}; the defaults are used.",
                )
            )
        if len(raw) > SETTINGS_BYTES_MAX:
            return cls(
                problems=(
                    f"{escape_for_terminal(path)} is too large for a settings file; the defaults are used.",
                )
            )
        try:
            source = raw.decode("utf-8")
        except UnicodeDecodeError:
            return cls(problems=(f"{escape_for_terminal(path)} is not UTF-8; the defaults are used.",))
        found, broken = _read_toml(source, escape_for_terminal(path))
        settings = cls.parse(found, source, escape_for_terminal(path))
        return replace(settings, problems=(*broken, *settings.problems))

    @classmethod
    def parse(cls, found: Mapping[str, Any], source: str, where: str) -> Settings:
        """Take the valid values, and report the others by name and line in the file."""
        values: dict[str, Any] = {}
        problems: list[str] = []
        for key, value in found.items():
            place = f"{where}, line {_line_of(key, source)}"
            rule = _RULES.get(key)
            if rule is None:
                problems.append(
                    f"{place}: there is no setting {escape_for_terminal(key)}; there are {', '.join(_RULES)}."
                )
            elif not rule.fits(value):
                problems.append(
                    f"{place}: {key} must be {rule.words}, not {escape_for_terminal(value)!r:.60}."
                )
            elif key == "keys":
                values[key], wrong = _key_bindings(value, source, where)
                problems += wrong
            else:
                values[key] = value
        return cls(**values, problems=tuple(problems))


_RULES: Final[dict[str, _Rule]] = {
    setting.name: setting.metadata["rule"] for setting in fields(Settings) if setting.metadata
}


def _read_toml(source: str, where: str) -> tuple[dict[str, Any], list[str]]:
    """Read a settings file without its lines that are not TOML; return its values, and a sentence for each such line."""
    problems: list[str] = []
    lines = source.split("\n")
    while len(problems) < BROKEN_LINES_MAX:
        try:
            return tomllib.loads("\n".join(lines)), problems
        except tomllib.TOMLDecodeError as error:
            found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            number = int(found[1]) if found else len(lines)
            what = str(error)[: found.start()] if found else str(error).removesuffix(" (at end of document)")
            if not found:  # something begun above is not ended: blame the last line that is not blank
                number = next((n for n in range(len(lines), 0, -1) if lines[n - 1].strip()), 1)
            problems.append(
                f"{where}, line {number}: this is not TOML ({escape_for_terminal(what)}); the line is left out."
            )
            lines[number - 1] = ""
    return {}, [f"{where} is not TOML; the defaults are used."]


def settings_template() -> str:
    """Return a settings file that describes every setting and sets none."""
    parts = [
        "# The settings of jpterm-like. They take effect as soon as this file is saved. Remove a # to set one.\n"
    ]
    for setting in fields(Settings):
        if not setting.metadata:
            continue
        about = textwrap.fill(setting.metadata["about"], 100, initial_indent="# ", subsequent_indent="# ")
        default = setting.default
        if setting.name == "keys":
            example = '# [keys]\n# duplicate = "f11"'
        elif isinstance(default, bool):
            example = f"# {setting.name} = {str(default).lower()}"
        elif isinstance(default, int):
            example = f"# {setting.name} = {default}"
        else:
            example = f'# {setting.name} = "{default or ""}"'
        parts.append(f"{about}\n{example}\n")
    return "\n".join(parts)


def _key_bindings(
    table: Mapping[str, Any], source: str, where: str
) -> tuple[tuple[KeyBinding, ...], list[str]]:
    """Read the table [keys]; return its bindings, and a sentence for each line that is neither a key nor a list of keys."""
    bindings = []
    problems = []
    head = _line_of("keys", source)
    below = "\n".join(source.split("\n")[head:])
    for command, value in table.items():
        place = f"{where}, line {head + _line_of(command, below)}"
        keys = [value] if isinstance(value, str) else value
        if isinstance(keys, list) and all(isinstance(key, str) for key in keys):
            bindings.append(KeyBinding(command, tuple(key for key in keys if key), place))
        else:
            problems.append(
                f"{place}: {escape_for_terminal(command)} must be a key or a list of keys, not {escape_for_terminal(value)!r:.60}."
            )
    return tuple(bindings), problems


def keep_setting(paths: Paths, key: str, value: str) -> None:
    """Write one setting into config.toml; all other lines and comments stay in their places.

    Raises:
        CannotKeep: the file cannot be read or written, or has the setting in a form that one line cannot change.
    """
    path = Path(os.path.realpath(paths.settings_file))  # a symbolic link into a folder of dotfiles stays one
    try:
        private.change(
            path,
            lambda old: with_setting((old or b"").decode("utf-8"), key, value).encode("utf-8"),
            lock=paths.state / "settings.lock",
            keeps_mode=True,
        )
    except OSError as error:
        raise CannotKeep(f"{escape_for_terminal(path)} cannot be written: {explain(error)}.", path) from error
    except ValueError as error:
        raise CannotKeep(
            f'{escape_for_terminal(path)} was left as it is; set {key} = "{escape_for_terminal(value)}" there yourself.',
            path,
        ) from error


def with_setting(source: str, key: str, value: str) -> str:
    """Return the text of a settings file with one textual setting, without control characters, changed or added.

    Raises:
        ValueError: it is not TOML, or has the setting in an unusual form.
    """
    wanted = {**tomllib.loads(source), key: value}
    written = '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
    line = f"{key} = {written}"
    lines = source.split("\n")
    table = next((index for index, text in enumerate(lines) if text.lstrip().startswith("[")), len(lines))
    pattern = re.compile(rf"""(\s*{re.escape(key)}\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*')(\s*(?:#.*)?)""")
    for index, text in enumerate(lines[:table]):
        if found := pattern.fullmatch(text):
            lines[index] = f"{found[1]}{written}{found[3]}"
            break
    else:
        # After the last setting outside the tables; lines below a table's head belong to the table.
        last = max((index for index, text in enumerate(lines[:table]) if text.strip()), default=-1)
        lines.insert(last + 1, line)
    new = "\n".join(lines)
    if source == "":
        new = line + "\n"
    if tomllib.loads(new) != wanted:
        raise ValueError(f"one line does not change {key}")
    return new


def _line_of(key: str, source: str) -> int:
    """Return the line, from 1, that sets a key or begins a table of that name; 1 if it has an unusual form."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = source.split("\n")
    return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), 1)


def display_name(name: str | None = None, settings: Settings | None = None) -> str:
    """Return the name that others see: the given one, else from the settings (read if not given), git, or the login."""
    if cleaned := clean_name(name or ""):
        return cleaned
    if settings is None:
        settings = Settings.load(Paths.of_user())
    return (
        clean_name(settings.name or "") or clean_name(_git_name()) or clean_name(_login_name()) or "someone"
    )


def clean_name(name: str) -> str:
    """Make a name presentable: one line, no control characters or bidi overrides, 64 characters at most."""
    kept = "".join(
        " " if character.isspace() else character
        for character in name
        if character.isspace()
        or (unicodedata.category(character) not in ("Cc", "Cs") and character not in _BIDI)
    )
    return " ".join(kept.split())[:NAME_CHARACTERS_MAX].rstrip()


_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides, isolates and marks of direction. Other format characters (joiners) are part of names."""

_GIT_PLACES: Final = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"))
"""Variables that are set where git itself starts an editor."""


def _git_name() -> str:
    """Ask git for the user's name, outside of any repository.

    The working folder's configuration is avoided: others may have written it, and it can name programs to run.
    """
    at_home = {name: value for name, value in os.environ.items() if name not in _GIT_PLACES}
    try:
        answer = subprocess.run(
            ["git", "config", "--get", "user.name"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
            cwd="/",
            env=at_home,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else ""


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""  # a user without an entry in the password file, as in containers
