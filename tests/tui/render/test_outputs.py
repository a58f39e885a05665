"""Outputs as rows: what each kind looks like, exact widths whatever comes, and no text that takes long."""

from __future__ import annotations

import io
import random
import time

import pytest

from jpterm_like.notebook.outputs import (
    Asks,
    CellOutputs,
    Cleared,
    Display,
    Error,
    Gap,
    Item,
    Stream,
    Unknown,
)
from jpterm_like.tui.outputs.html import lines_of_html
from jpterm_like.tui.outputs.images import draw
from jpterm_like.tui.outputs.latex import text_of_latex
from jpterm_like.tui.outputs.look import Look, look_of
from jpterm_like.tui.outputs.markdown import lines_of_markdown
from jpterm_like.tui.outputs.render import KeyLabels, render
from jpterm_like.tui.render.palette import Palette
from jpterm_like.tui.render.themes import folders, load
from jpterm_like.tui.text.cells import width_of

THEMES, _ = load(folders())


@pytest.fixture(params=["dark", "terminal", "colourless"])
def look(request: pytest.FixtureRequest) -> Look:
    is_colourless = request.param == "colourless"
    return look_of(Palette(THEMES["dark" if is_colourless else request.param], is_colourless))


def no_pictures(kind: str, data: bytes, width: int, ground: str) -> tuple[bool, None]:
    return False, None


def shown(
    look: Look, *items: Item, width: int = 40, is_open: bool = False, is_running: bool = False
) -> list[str]:
    """The rows; each has the width, and nothing in it but what can be drawn."""
    outputs = CellOutputs(1, "", items, is_running)
    rows = render(
        outputs, width, look, no_pictures, is_open=is_open, keys=KeyLabels("alt+t", "alt+k", "alt+o")
    ).rows
    texts = ["".join(segment.text for segment in row) for row in rows]
    for text in texts:
        assert width_of(text) == width, ascii(text)
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in text), ascii(text)
    return [text.rstrip() for text in texts]


def test_each_kind_of_output(look: Look) -> None:
    table = (
        "<style scoped>td {a: b}</style><table><thead><tr><th></th><th>name</th><th>n</th></tr></thead>"
        "<tr><th>0</th><td>Ann &amp; Bob</td><td>1.25</td></tr><tr><th>1</th><td>Cyd</td><td>102.5</td></tr></table>"
    )
    assert shown(
        look,
        Stream("stdout", ("one", "\x1b[31mred\x1b[0m", "")),
        Stream("stderr", ("10 %\r20 %",)),
        Error("E", "no", ()),
        Display({"text/plain": "ignored", "text/html": table}),
        Display({"text/markdown": "# Head\n- **one**"}),
        Display({"text/plain": "fig", "image/svg+xml": "<svg/>"}),
        Gap(17, None, None),
        Asks("? ", False),
        Unknown("later"),
    ) == [
        "│ one",
        "│ red",
        "▌ 20 %",
        "▌ E: no",
        "│    name           n",
        "│ ───────────────────",
        "│ 0  Ann & Bob   1.25",
        "│ 1  Cyd        102.5",
        "│ Head",
        "│ • one",
        "│ fig",
        "│ [image/svg+xml, 6 bytes]",
        "│ [17 messages of the kernel were lost]",
        "│ ?  [waits for input: alt+k answers]",
        "│ [output of an unknown kind: later]",
    ]  # fmt: skip


def test_what_was_cleared_is_not_shown(look: Look) -> None:
    assert shown(look, Stream("stdout", ("old", "")), Cleared(), Stream("stdout", ("new", ""))) == ["│ new"]


def test_a_table_is_cut_at_the_edge_and_a_line_goes_on(look: Look) -> None:
    html = "<table><tr>" + "<td>word</td>" * 20 + "</tr></table>"
    (row,) = shown(look, Display({"text/html": html}), width=20)
    assert row.endswith("›")
    assert shown(look, Stream("stdout", ("x" * 30, "")), width=20) == ["│ " + "x" * 18, "│ " + "x" * 12]


def test_long_outputs_are_folded_and_errors_are_whole(look: Look) -> None:
    lines = tuple(f"l{number}" for number in range(50))
    rows = shown(look, Stream("stdout", lines))
    assert rows[7:10] == ["│ l7", "│ ⋯ 38 lines · alt+t opens", "│ l46"] and len(rows) == 13
    assert len(shown(look, Stream("stdout", lines), is_open=True)) == 50
    assert shown(look, Stream("stdout", lines[:13])) == [f"│ l{number}" for number in range(13)]
    assert shown(look, Stream("stdout", lines), is_running=True)[0] == "│ ⋯ 38 lines"
    assert shown(look, Stream("stdout", lines * 9), is_open=True)[-1] == "│ ⋯ 251 more lines · alt+o opens"
    assert len(shown(look, Error("E", "", ("\n".join(lines),)))) == 50
    assert len(shown(look, Stream("stdout", tuple("x" for _ in range(9000))), is_open=True)) <= 201
    assert len(shown(look, *[Display({"text/plain": "x"})] * 3000)) == 25


def test_formulas() -> None:
    pytest.importorskip("unicodeit")
    assert text_of_latex(r"$\frac{a+b}{2} \leq \sqrt{x_1^2}$") == "(a+b)/2 ≤ √(x₁²)"
    assert text_of_latex(r"$\frac{a$") == r"$\frac{a$"


def test_pictures_are_half_blocks() -> None:
    image = pytest.importorskip("PIL.Image")
    data = io.BytesIO()
    image.new("RGB", (160, 80), (255, 0, 0)).save(data, "PNG")
    picture = draw("image/png", data.getvalue(), 40, "#000000")
    assert picture is not None and ["".join(part.text for part in row) for row in picture] == ["▀" * 20] * 5
    assert draw("image/png", data.getvalue()[:60], 40, "#000000") is None
    assert draw("image/gif", data.getvalue(), 40, "#000000") is None
    bomb = io.BytesIO()
    image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert draw("image/png", bomb.getvalue(), 40, "#000000") is None


SEQUENCES = ["\x1b[31m", "\x1b[0m", "\x1b[38;5;200m", "\x1b[48;2;1;2;3m", "\x1b[2J", "\x1b]0;t\x07", "\x1b", "\x9b", "\r", "\n", "\t", "\b", "\x00", "\x1b[3A", "\x1bP", "中", "é", "👍", "\u202e", "\ud800", "<table>", "<td>", "</", "$", "**", "|", "a "]  # fmt: skip


def test_random_outputs_have_the_width_and_nothing_but_text(look: Look) -> None:
    chance = random.Random(5)
    for _ in range(300):
        texts = ["".join(chance.choices(SEQUENCES, k=chance.randrange(40))) for _ in range(6)]
        items: tuple[Item, ...] = (
            Stream("stdout", tuple(texts[0].split("\n"))),
            Error(texts[1], texts[2], (texts[3],)),
            Display(
                {
                    chance.choice(
                        ["text/html", "text/markdown", "text/latex", "text/plain", texts[5]]
                    ): texts[4]
                }
            ),
        )
        for is_open in (False, True):
            shown(look, *items, width=chance.choice([3, 10, 40]), is_open=is_open)


def test_no_text_takes_long(look: Look) -> None:
    """Each is of the kind that takes some parser quadratic time: 0.5 s for 180,000 characters is far more than is needed."""
    for text in ("<a " * 60_000, "<!--" * 50_000, "<!" * 90_000, "<" * 180_000, "<style></styl" * 15_000,
                 "<table>" + "<tr><td rowspan=9999 colspan=9999>" * 6000, "<table>" * 25_000, "[" * 180_000, "**" * 90_000,
                 "`a" * 90_000, "$x" * 90_000, "|" * 90_000 + "\n|-|\n" + "|" * 90_000, "{" * 180_000, "\\frac" * 36_000):  # fmt: skip
        begun = time.process_time()
        lines_of_html(text, look)
        lines_of_markdown(text, look)
        text_of_latex(text)
        assert time.process_time() - begun < 0.5, text[:20]
