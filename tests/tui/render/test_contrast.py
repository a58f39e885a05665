"""Everything can be read in every theme: the pairs of an ink and a ground are taken from the styles and from what is on the screen.

WCAG 2.2: 4.5 for words (7 in the themes of high contrast), 3 for signs that are no words (7 there, too).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.style import Style

import jpterm_like.tui
from jpterm_like.tui.app import EditorApp, textual_theme
from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette, PersonStyles
from jpterm_like.tui.render.palette256 import with_nearest
from jpterm_like.tui.render.themes import KINDS, SIGN_CONTRAST, Theme, contrast, contrast_wanted
from jpterm_like.tui.workspace import Opening
from tests.tui.case import Case
from tests.tui.desk import Desk, Plain
from tests.tui.test_people_commands import at

OURS = themes.load(themes.folders())[0]
COLOURED = [theme for theme in OURS.values() if theme.kind != "terminal"]
of_every_theme = pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.id)

SIGNS = ("blank", "ruler", "track")
"""Styles of signs that are no words."""


def styles(palette: Palette) -> dict[str, Style]:
    """All styles of a palette by name. One that is added to `Palette` is among them by itself."""
    found = {name: style for name, style in vars(palette).items() if isinstance(style, Style)}
    for number, person in enumerate(palette.people):
        found |= {f"{field} of person {number}": getattr(person, field) for field in PersonStyles._fields}
    for kind in (*KINDS, "embedded", "strong", "text.reference"):
        if (style := palette.word(kind)) is not None:
            found[f"word: {kind}"] = style
    return found


def pairs_of(theme: Theme) -> dict[str, tuple[str, str]]:
    """The ink and the ground of everything that a row can show.

    A style with an ink alone stands on each style with a ground alone: code on the current line, on selections, on matches.
    """
    found = styles(Palette(theme))
    inks = {name: style.color.name for name, style in found.items() if style.color and not style.bgcolor}
    inks["text"] = theme.interface.text
    grounds = {name: style.bgcolor.name for name, style in found.items() if style.bgcolor and not style.color}
    grounds |= {"text": theme.interface.background, "current_line": theme.interface.current_line}
    pairs = {f"{ink} on {ground}": (inks[ink], grounds[ground]) for ink in inks for ground in grounds}
    pairs |= {
        name: (style.color.name, style.bgcolor.name)
        for name, style in found.items()
        if style.color and style.bgcolor
    }
    assert len(pairs) > 300
    return pairs


@of_every_theme
def test_every_ink_can_be_read_on_every_ground(theme: Theme) -> None:
    pairs = pairs_of(theme)
    assert {
        name: ratio for name, pair in pairs.items() if (ratio := contrast(*pair)) < wanted(theme, name)
    } == {}


@of_every_theme
def test_it_can_be_read_in_256_colours_too(theme: Theme) -> None:
    """There the nearest ink and the nearest ground may be more alike than those of the theme."""
    bad = {}
    for name, (ink, ground) in pairs_of(theme).items():
        style = with_nearest(Style(color=ink, bgcolor=ground))
        assert style.color is not None and style.bgcolor is not None
        shown = contrast(style.color.get_truecolor().hex, style.bgcolor.get_truecolor().hex)
        if shown < wanted(theme, name):
            bad[name] = shown
    assert bad == {}


def wanted(theme: Theme, name: str) -> float:
    is_sign = name.partition(" ")[0] in SIGNS and not theme.is_high_contrast
    return SIGN_CONTRAST if is_sign else contrast_wanted(theme)


def rules() -> Iterator[tuple[str, str, str]]:
    """The ink and the ground of each rule in our style sheets, as variables; "" for what a rule says nothing of. And the inks that
    modules name beside their words."""
    package = Path(jpterm_like.tui.__file__).parent
    for file in package.rglob("*.py"):
        for ink in re.findall(r"""["'](?:[a-z]+ )?\$([\w-]+)["']""", file.read_text()):
            yield file.name, ink, ""
    sheets = [file.read_text() for file in package.rglob("*.tcss")]
    for module in pkgutil.walk_packages([str(package)], "jpterm_like.tui."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and thing.__module__ == module.name:
                sheets.append(vars(thing).get("DEFAULT_CSS", ""))
    for sheet in sheets:
        for selector, body in re.findall(
            r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
        ):
            ink, ground = (
                (re.search(rf"(?:^|[\s;]){name}:\s*\$([\w-]+)", body) or ["", ""])[1]
                for name in ("color", "background")
            )
            yield selector.strip(), ink, ground


@of_every_theme
def test_every_rule_of_our_style_sheets_can_be_read(theme: Theme) -> None:
    """A rule with an ink alone stands on the background or in a dialog."""
    converted = textual_theme(theme, "one")
    variables = converted.to_color_system().generate() | converted.variables
    bad, count = [], 0
    for selector, ink, ground in rules():
        for each in [ground] if ground else ["background", "surface"]:
            if ink:
                count += 1
                pair = variables[ink][:7], variables[each][:7]
                if contrast(*pair) < contrast_wanted(theme):
                    bad.append((selector, ink, each, round(contrast(*pair), 2)))
    assert bad == [] and count > 20


def pairs_on_screen(app: EditorApp) -> dict[tuple[str, str], str]:
    """The pairs of colours on the screen, with some of the words."""
    found = {}
    with app._context():
        strips = app.screen._compositor.render_strips()
    for text, style, _ in (segment for strip in strips for segment in strip):
        words = re.sub("[\u2500-\u259f\\s]", "", text)  # frames and blocks
        if words and style is not None:
            ink, ground = style.color, style.bgcolor
            assert ink is not None and ground is not None and ink.triplet and ground.triplet, text
            assert not style.dim, f"nobody knows how dim {text!r} is"
            pair = ink.triplet.hex, ground.triplet.hex
            found[pair[::-1] if style.reverse else pair] = words
    return found


async def test_what_is_on_the_screen_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every dialog, bar and message in a light theme of high contrast, also right after a dark one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    theme = OURS["contrast-light"]
    case = Case(notes_md="# Title\n\nhere [a](b) `code`\n" * 9, app_py="x = 1\n")
    case.noted = ["app.py"]
    ann = case.desks["notes.md"]
    bob = Desk(ann.buffer.text, "bob", 2)
    app = EditorApp([Opening(ann)], Plain(), catalog=case, theme="dusk")
    seen: dict[tuple[str, str], str] = {}
    async with app.run_test(size=(100, 30)) as pilot:

        async def look(*keys: str) -> None:
            await pilot.press(*keys)
            await pilot.pause()
            if app.palette.theme is not theme:
                app.use_theme(theme.id)
                await pilot.pause()
            for pair, words in pairs_on_screen(app).items():
                seen.setdefault(pair, words)

        ann.join(bob)
        bob.show_caret(30, 3)
        ann.whereabouts = [
            at(name, "notes.md", 3, site, idle_s=90, is_me=name == "ann")
            for site, name in enumerate(("ann", "bob", "cem", "dana", "eve"), 1)
        ]
        app.say("An ordinary message.")
        app.say("A serious one.", serious=True)
        await look()
        await pilot.press("escape")
        app.use_theme("dusk")
        await look("ctrl+p")
        await look(*"qqqq")
        await pilot.press("escape", "f1")
        app.use_theme("dusk")
        await look()
        await look("escape", "ctrl+f", *"here")
        await look("alt+r", "[")
        await look("escape", "ctrl+r")
        await look("escape", "escape", "f2")
        await look("escape", "ctrl+o")
        await look("escape", "f8")
        await look("escape", "x", "ctrl+q")
        await look("escape", "ctrl+g")
        await look("escape", "alt+shift+f")
    app = EditorApp([], Plain(), catalog=case, theme="dusk")
    async with app.run_test(size=(100, 30)) as pilot:
        await look()
    assert len(seen) > 20
    assert {words: pair for pair, words in seen.items() if contrast(*pair) < contrast_wanted(theme)} == {}
