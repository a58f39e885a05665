"""Themes are data: complete, readable, and a broken one does no harm."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from rich._palettes import EIGHT_BIT_PALETTE

from crdt import TextBuffer
from jpterm_like.sync.presence import Person
from jpterm_like.tui.render import themes
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.palette256 import nearest
from jpterm_like.tui.render.people import Collaborators, name_colours
from jpterm_like.tui.render.themes import BrokenTheme, Theme, contrast, load, parse
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal

OURS, COMPLAINTS = load(themes.folders())
COLOURED = [theme for theme in OURS.values() if theme.kind != "terminal"]


def test_ours_are_there_and_whole() -> None:
    """Ten: dark and light ones, two of high contrast, one for colour-blind people, one of sixteen colours."""
    assert COMPLAINTS == [] and len(OURS) >= 10
    assert {"dark", "light", "contrast-dark", "contrast-light", "colour-blind", "terminal"} <= set(OURS)
    for theme in OURS.values():
        assert theme.name and theme.about
        assert len(set(theme.people)) == len(theme.people) >= 8


def test_contrast_is_the_one_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind = ", "is not TOML"),
        ("name = 'x'", "needs kind"),
        ("kind = 'dark'", "needs the tables"),
        ("kind = 'dark'\n[interface]\n[people]\ncolours = []", "needs 4 colours"),
        (
            "kind = 'dark'\n[interface]\nbackgroud = '#000000'\n[people]\ncolours = []",
            "does not know the colour 'backgroud'",
        ),
        ("kind = 'dark'\nsyntax = 1\n[interface]\n[people]\ncolours = []", "needs a table for"),
        (
            "kind = 'dark'\n[interface]\n[people]\n[syntax]\nverb = '#000000'",
            "does not know the words 'verb'",
        ),
        (
            "kind = 'dark'\n[interface]\nbackground = 'red'\n[people]\ncolours = ['#000000']",
            "needs 4 colours",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(BrokenTheme, match=says):
        parse("mine", text)


def test_a_broken_theme_is_reported_and_the_others_work(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("kind = 'dark'")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "huge.toml").write_text("#" * (themes.SIZE_BYTES_MAX + 1))
    (tmp_path / "mine.toml").write_text(
        (themes.folders()[0] / "dark.toml").read_text().replace("Dark", "Mine")
    )
    found, complaints = load([*themes.folders(), tmp_path, tmp_path / "nowhere"])
    assert found["mine"].name == "Mine"
    assert set(OURS) < set(found)
    assert [complaint.split()[2] for complaint in complaints] == ["bad.toml", "binary.toml", "huge.toml"]
    assert all(complaint.endswith("it is skipped.") for complaint in complaints)


def test_without_any_file_there_is_still_a_theme(tmp_path: Path) -> None:
    found, _ = load([tmp_path])
    assert list(found) == [themes.DEFAULT]


def test_without_colours_everything_is_told_apart_by_attributes() -> None:
    """NO_COLOR: no style has a colour, and what must differ still differs."""
    palette = Palette(OURS["dark"], colourless=True)
    person = palette.people[0]
    styles = [palette.text, palette.selection, person.caret, person.selection, palette.bar, palette.warning]
    assert all(style.color is None and style.bgcolor is None for style in styles)
    assert (
        len({str(style) for style in (palette.text, palette.selection, person.caret, person.selection)}) == 4
    )


@pytest.mark.parametrize("style", ["caret", "tag", "name"])
def test_people_stay_apart_where_there_are_sixteen_colours(style: str) -> None:
    people = Palette(OURS["terminal"]).people
    shown = [getattr(person, style) for person in people]
    assert len({one.color if style == "name" else one.bgcolor for one in shown}) == len(people) == 8


def test_a_name_has_one_colour_on_every_screen_and_moves_only_when_it_clashes() -> None:
    names = ["ann", "bob", "cem", "dana"]
    given = name_colours(names, 8)
    assert len(set(given.values())) == 4
    assert name_colours(reversed(names), 8) == given == name_colours([*names, "bob"], 8)
    assert set(name_colours([str(number) for number in range(20)], 8).values()) <= set(range(8))
    for name in names:
        assert name_colours([name, "ann"], 8, given) == given, "those who have one keep it"
    alone = {name: name_colours([name], 8)[name] for name in (*names, "eve", "fay", "gil")}
    wished = Counter(alone.values())
    together = name_colours(alone, 8)
    assert len(set(together.values())) == len(alone) > len(wished), "some wish for the same"
    assert all(together[name] == wish for name, wish in alone.items() if wished[wish] == 1)


@pytest.mark.parametrize("screen", range(3))
def test_each_screen_counts_its_own_name_too(screen: int) -> None:
    """Names that wish for the same colour: without its own name each screen would give the others different ones."""
    names = [str(number) for number in range(40) if name_colours([str(number)], 8)[str(number)] == 1][:3]
    others = [Person(site, name, None, None) for site, name in enumerate(names, 1) if name != names[screen]]
    crowd = Collaborators(TextBuffer.genesis(""), 8, names[screen])
    crowd.meet(others, 0.0)
    assert crowd.colour_of == name_colours(names, 8)
    assert {other.name: other.colour for other in crowd.others}.items() <= crowd.colour_of.items()


def test_a_chosen_colour_goes_before_one_by_name_and_is_the_same_on_each_screen() -> None:
    """Two who chose the same stay apart; somebody whose name wished for it moves."""
    by_name = name_colours(["ann", "bob", "cem"], 8)
    wish = by_name["bob"]
    chosen = name_colours(["ann", "bob", "cem"], 8, chosen={"cem": wish})
    assert chosen["cem"] == wish != chosen["bob"] and len(set(chosen.values())) == 3
    both = name_colours(["cem", "ann", "bob"], 8, chosen={"cem": wish, "ann": wish})
    assert both["ann"] == wish and len(set(both.values())) == 3
    assert name_colours(["ann"], 4, chosen={"ann": 6}) == {"ann": 2}, "a theme with fewer colours"
    mine, theirs = (Collaborators(TextBuffer.genesis(""), 8, name) for name in ("ann", "cem"))
    mine.introduce_me("ann", wish)
    mine.meet([Person(2, "cem", None, None, 0, wish)], 0.0)
    theirs.introduce_me("cem", wish)
    theirs.meet([Person(1, "ann", None, None, 0, wish)], 0.0)
    assert mine.colour_of == theirs.colour_of and mine.chosen_colours == {"ann": wish, "cem": wish}


def in_256(colour: str) -> str:
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return str(EIGHT_BIT_PALETTE[nearest(*parts)].hex)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.id)
def test_256_colours_are_as_readable_and_as_calm(theme: Theme) -> None:
    """A dark slate is a dark grey there, no bright navy, and the line of the caret can still be told from the others."""
    colours = theme.interface
    ground = in_256(colours.background)
    assert len({ground, in_256(colours.current_line), in_256(colours.selection), in_256(colours.bar)}) >= 3
    assert ground != in_256(colours.current_line) and ground != in_256(colours.selection)
    assert abs(contrast(ground, colours.background) - 1) < 0.25
    assert contrast(in_256(colours.text), ground) >= 7
    inks = [
        colours.accent,
        *theme.people,
        *(theme.colour_of(kind) for kind in ("comment", "keyword", "string")),
    ]
    assert min(contrast(in_256(ink), ground) for ink in inks) >= 4.3


def test_the_nearest_of_256_colours_is_found_among_greys_too() -> None:
    for number in range(16, 256):
        found = EIGHT_BIT_PALETTE[nearest(*EIGHT_BIT_PALETTE[number])]
        assert found == EIGHT_BIT_PALETTE[number]
    assert nearest(0x1B, 0x21, 0x30) == 235


async def test_a_terminal_of_256_colours_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLORTERM", raising=False)
    async with terminal(Desk("word\n")) as (app, pilot, screen):
        await pilot.press("x")
        settle(app)
        assert app.console.color_system == "256"
        assert screen.screen.buffer[3][10].bg == "262626" and screen.screen.buffer[0][5].bg == "303030"
        assert "48;5;17m" not in screen.written
