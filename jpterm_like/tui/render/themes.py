"""Themes: colours as data, in TOML files that anyone can copy and change.

    name = "Dusk"                     # shown in the picker; the file's own name is what settings use
    kind = "dark"                     # "dark", "light", or "terminal": only the terminal's own colours
    about = "Soft contrast on slate"  # one line for the picker

    [interface]                       # all of these
    background = "#1d2433"            # behind the text
    text = "#d7dce6"
    muted = "#7d8799"                 # line numbers, what matters less
    current_line = "#232b3c"          # behind the line of the caret
    current_number = "#c3cad9"        # its line number
    selection = "#3a4a6b"             # behind my selection
    special = "#e5a46b"               # glyphs that stand for control characters
    accent = "#7fb4ff"                # borders, focus, keys
    bar = "#2a3347"                   # behind the status bar and in dialogs
    bar_text = "#d7dce6"
    good = "#8fce8f"                  # strings, unless [syntax] says otherwise
    warning = "#e9c46a"               # offline, not saved
    error = "#f28482"

    [syntax]                          # each may be left out, and the whole table, too
    comment = "#8a94a8"               # also keyword, string, number, constant, function, type, property, operator,
    heading = "#ffd480"               # punctuation, tag, attribute, link, quote (in Markdown), inserted, deleted

    [people]                          # for carets, selections and names of others, in this order
    colours = ["#ff9e64", "#73daca", …]          # four at least

A colour is "#rrggbb", or in a theme of the kind "terminal" one of the sixteen names in ANSI_COLOURS or "default". There
`muted`, comments and quotes are dim if they are "default".
A file that does not fit is reported in one sentence, and the other themes work.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

ANSI_COLOURS: Final = tuple(
    f"{bright}{name}"
    for bright in ("", "bright_")
    for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
)
DEFAULT: Final = "dark"
LIGHT: Final = "light"
TERMINAL: Final = "terminal"
AUTO: Final = "auto"
"""Stands for DEFAULT or LIGHT, as the background of the terminal is."""
PEOPLE_COLOURS_MIN: Final = 4

HINT_SHARE: Final = 0.6
"""Share of the text's colour in that of a hint in a dialog, where it can be read."""

SIGN_CONTRAST: Final = 3.0
"""Contrast of signs that are no words, such as a dot for a blank (WCAG 2.2, 1.4.11)."""

SIZE_BYTES_MAX: Final = 64 * 1024
"""A theme is a page of text; anything longer is another file that strayed here."""


class BrokenTheme(ValueError):
    """A theme file does not fit; the message says where."""


class Interface(NamedTuple):
    """The colours of a theme's [interface] table; the head of this module says what each is for."""

    background: str
    text: str
    muted: str
    current_line: str
    current_number: str
    selection: str
    special: str
    accent: str
    bar: str
    bar_text: str
    good: str
    warning: str
    error: str


KINDS: Final = {
    "comment": "muted",
    "keyword": "accent",
    "string": "good",
    "number": "special",
    "constant": "number",
    "function": "warning",
    "type": "warning",
    "property": "text",
    "operator": "text",
    "punctuation": "text",
    "tag": "keyword",
    "attribute": "property",
    "heading": "accent",
    "link": "string",
    "quote": "comment",
    "inserted": "good",
    "deleted": "error",
}
"""Kinds of words, and their default colour: that of another kind, or one of [interface]."""


class Theme(NamedTuple):
    """A theme as read from its file."""

    id: str
    name: str
    kind: str
    about: str
    interface: Interface
    people: tuple[str, ...]
    syntax: Mapping[str, str]
    """The table [syntax]; missing kinds follow KINDS."""

    @property
    def is_high_contrast(self) -> bool:
        return self.id.startswith("contrast")

    def colour_of(self, kind: str) -> str:
        """Return the colour of a kind of words."""
        while kind in KINDS:
            if kind in self.syntax:
                return self.syntax[kind]
            kind = KINDS[kind]
        colour = getattr(self.interface, kind)
        assert isinstance(colour, str)
        return colour


def parse(id: str, text: str) -> Theme:
    """Parse the text of a theme file.

    Raises:
        BrokenTheme: it is not TOML, something is missing, or a colour is invalid.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrokenTheme(f"is not TOML: {error}") from None
    kind = data.get("kind")
    if kind not in ("dark", "light", "terminal"):
        raise BrokenTheme('needs kind = "dark", "light" or "terminal"')
    interface = data.get("interface")
    people = data.get("people")
    if not isinstance(interface, dict) or not isinstance(people, dict):
        raise BrokenTheme("needs the tables [interface] and [people]")
    known = Interface._fields
    if unknown := sorted(set(interface) - set(known)):
        raise BrokenTheme(f"does not know the colour {unknown[0]!r} in [interface]")
    syntax = data.get("syntax", {})
    if not isinstance(syntax, dict):
        raise BrokenTheme("needs a table for [syntax]")
    if unknown := sorted(set(syntax) - set(KINDS)):
        raise BrokenTheme(f"does not know the words {unknown[0]!r} in [syntax]")
    colours = people.get("colours")
    if not isinstance(colours, list) or len(colours) < PEOPLE_COLOURS_MIN:
        raise BrokenTheme(f"needs {PEOPLE_COLOURS_MIN} colours or more in [people]")
    return Theme(
        id=id,
        name=_words(data, "name", id),
        kind=kind,
        about=_words(data, "about", ""),
        interface=Interface(**{name: _colour(interface, name, kind) for name in known}),
        people=tuple(_colour({"colours": colour}, "colours", kind) for colour in colours),
        syntax={name: _colour(syntax, name, kind) for name in syntax},
    )


def folders() -> list[Path]:
    """Return the folder of the built-in themes: in the package once installed, next to it in a checkout."""
    package = Path(__file__).parents[2]
    return [folder for folder in (package / "themes", package.parent / "themes") if folder.is_dir()][:1]


def load(places: Iterable[Path], ids: Container[str] | None = None) -> tuple[dict[str, Theme], list[str]]:
    """Load themes from folders, by id, with one sentence for each skipped file. `ids` limits them; None: all.

    DEFAULT always exists. Later folders take precedence, so that people can change our themes.
    """
    themes: dict[str, Theme] = {}
    complaints = []
    for folder in places:
        try:
            files = sorted(folder.glob("*.toml"))
        except OSError:
            continue
        for file in files:
            if ids is not None and file.stem not in ids:
                continue
            try:
                if file.stat().st_size > SIZE_BYTES_MAX:
                    raise BrokenTheme(f"is larger than {SIZE_BYTES_MAX // 1024} KiB")
                themes[file.stem] = parse(file.stem, file.read_text("utf-8"))
            except (BrokenTheme, OSError, UnicodeDecodeError) as error:
                complaints.append(f"The theme {file.name} {_reason(error)}; it is skipped.")
    if DEFAULT not in themes:
        themes[DEFAULT] = parse(DEFAULT, _FALLBACK)
    return themes, complaints


def suitable(known: Mapping[str, Theme], wanted: str, *, is_light: bool, few_colours: bool) -> Theme | None:
    """The theme to show for the one that is wanted, an id or AUTO; None if there is none with that id.

    With few colours that is one of the terminal's own: the others would become greys that cannot be told apart.
    """
    if wanted == AUTO:
        wanted = LIGHT if is_light and LIGHT in known else DEFAULT
    theme = known.get(wanted)
    if theme is not None and few_colours and theme.kind != "terminal":
        return known.get(TERMINAL, theme)
    return theme


def stamp(places: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return a stamp that changes when a .toml file in these folders (themes, settings) is saved, added or
    removed."""
    found = []
    for folder in places:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".toml"):
                        state = entry.stat()
                        found.append((entry.path, state.st_mtime_ns, state.st_size))
        except OSError:
            continue  # it does not exist, or vanished just now
    return tuple(sorted(found))


def mix(one: str, other: str, share: float) -> str:
    """Mix two colours, with a share of the second."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as defined by WCAG 2.2 (section 1.4.3)."""
    light, dark = luminance(one), luminance(other)
    return (light + 0.05) / (dark + 0.05) if light > dark else (dark + 0.05) / (light + 0.05)


def readable_hint(theme: Theme) -> str:
    """The colour of hints in dialogs: dimmer than their text, as far as it can be read there."""
    colours = theme.interface
    if theme.kind == "terminal":
        return colours.bar_text
    dim = mix(colours.bar, colours.bar_text, HINT_SHARE)
    return readable(dim, colours.bar_text, (colours.bar, colours.background), contrast_wanted(theme))


def readable(ink: str, strong: str, grounds: Collection[str], wanted: float) -> str:
    """Mix an ink with a stronger one, no more than needed for a contrast on all grounds, and `strong` itself at most."""
    for step in range(21):
        mixed = mix(ink, strong, step / 20)
        if all(contrast(mixed, ground) >= wanted for ground in grounds):
            break
    return mixed


def markdown_colours(theme: Theme) -> dict[str, str]:
    """The colours of Markdown that is laid out: of the kinds of words, "text", "muted", "accent", and "code", the ground of code."""
    colours = {kind: theme.colour_of(kind) for kind in (*KINDS, "text", "muted", "accent")}
    return colours | {"code": "default" if theme.kind == "terminal" else theme.interface.bar}


def contrast_wanted(theme: Theme) -> float:
    """The smallest contrast ratio of words in a theme: WCAG's AA, or AAA in those that are made for it."""
    return 7.0 if theme.is_high_contrast else 4.5


def colour_wanted(environment: Mapping[str, str] | None = None) -> bool:
    """Whether colours are wanted: NO_COLOR is unset or empty (no-color.org)."""
    return not (os.environ if environment is None else environment).get("NO_COLOR")


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(1024)
def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    return luminance_of(*_channels(colour))


def luminance_of(red: int, green: int, blue: int) -> float:
    """Return the relative luminance of a colour by its channels, 0 to 255."""
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


@lru_cache(256)
def _linear(channel: int) -> float:
    part = channel / 255
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _words(data: Mapping[str, object], key: str, default: str) -> str:
    value = data.get(key, default)
    if not isinstance(value, str):
        raise BrokenTheme(f"needs words for {key}")
    return value


def _colour(table: Mapping[str, object], key: str, kind: str) -> str:
    value = table.get(key)
    if isinstance(value, str):
        if kind == "terminal":
            if value == "default" or value in ANSI_COLOURS:
                return value
        elif re.fullmatch("#[0-9a-fA-F]{6}", value):
            return value
    wanted = "one of the terminal's sixteen colours" if kind == "terminal" else '"#rrggbb"'
    raise BrokenTheme(f"needs {wanted} for {key}, not {value!r}")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    return str(error)


_FALLBACK: Final = """
name = "Dark"
kind = "terminal"
[interface]
background = "default"
text = "default"
muted = "default"
current_line = "default"
current_number = "default"
selection = "blue"
special = "yellow"
accent = "cyan"
bar = "black"
bar_text = "white"
good = "green"
warning = "yellow"
error = "red"
[people]
colours = ["yellow", "cyan", "magenta", "green"]
"""
"""Used when the files cannot be found at all, so that there is always something to start with."""
