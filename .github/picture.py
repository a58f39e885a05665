"""Draw the picture of README.md: `python .github/picture.py` writes `.github/two-people.svg`.

It runs the program twice in terminals of its own, as Ann and as Bob, lets them write in one file, and draws both screens as they
are then. Needs what the tests need (`pip install -e '.[test]'`).
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.hub import kill_hub  # noqa: E402 - the repository is on the path from here on
from tests.e2e.terminal import Terminal, terminals, until  # noqa: E402

TARGET: Final = Path(__file__).with_name("two-people.svg")

COLUMNS: Final = 56
ROWS: Final = 15
CELL: Final = (8.4, 18)
"""Width and height of a character in the picture's units. `textLength` keeps to it whatever font there is."""
MARGIN: Final = 12
TITLE: Final = 28
"""Height of the bar above a screen."""

TEXT: Final = (
    "# Shopping for Saturday\n\n- bread\n- tomatoes\n\n## Already at home\n\n- salt and pepper\n- olive oil\n"
)


async def screens(folder: Path) -> list[tuple[str, Terminal]]:
    """Ann and Bob in one file, each with a caret of their own, and what they see of it."""
    file = folder / "shopping.md"
    file.write_text(TEXT)
    async with terminals() as terminal:
        people: list[tuple[str, Terminal]] = []
        for name in ("Ann", "Bob"):
            one = terminal(str(file), "--name", name, columns=COLUMNS, rows=ROWS)
            await one.shows("connected")
            people.append((name, one))
        (_, ann), (_, bob) = people
        await ann.shows("Bob")
        await ann.press("down", "down", "down", "end")
        await ann.type(", the small ones")
        await bob.shows("the small ones")
        await bob.press(*["down"] * 7, "end")
        await bob.press("enter")
        await bob.type("- coffee, enough for two")
        await ann.shows("enough for two")
        await ann.press("\x1b[D")
        await ann.press("ctrl+s")
        await ann.shows("Saved shopping.md")
        for one in (ann, bob):
            await one.press("\x1b")  # closes the message
            await until(lambda one=one: not one.screen.display[-2].strip(), "no message")
            await one.is_saved()
        for _, one in people:
            one.kill()
        return people


def drawn(people: list[tuple[str, Terminal]]) -> str:
    """The screens side by side, as SVG."""
    width, height = CELL
    window = (COLUMNS * width, ROWS * height + TITLE)
    total = (len(people) * (window[0] + MARGIN) + MARGIN, window[1] + 2 * MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]:g} {total[1]:g}" '
        f'font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="14" '
        f'xml:space="preserve">\n'
    ]
    for index, (name, terminal) in enumerate(people):
        left, top = MARGIN + index * (window[0] + MARGIN), MARGIN
        parts.append(
            f'<rect x="{left:g}" y="{top}" width="{window[0]:g}" height="{window[1]:g}" rx="6" fill="#10141f"/>\n'
            f'<text x="{left + window[0] / 2:g}" y="{top + 19}" text-anchor="middle" fill="#b4bbc9">'
            f"{escape(name)}: jpterm-like shopping.md</text>\n"
        )
        for row in range(ROWS):
            y = top + TITLE + row * height
            for column, text, front, back, bold in runs(terminal, row):
                x, length = left + column * width, len(text) * width
                parts.append(
                    f'<rect x="{x:g}" y="{y}" width="{length:g}" height="{height}" fill="#{back}"/>\n'
                )
                if ink := text.strip():
                    x += (len(text) - len(text.lstrip())) * width
                    weight = ' font-weight="bold"' if bold else ""
                    parts.append(
                        f'<text x="{x:g}" y="{y + 14}" textLength="{len(ink) * width:g}" '
                        f'lengthAdjust="spacingAndGlyphs" fill="#{front}"{weight}>{escape(ink)}</text>\n'
                    )
    return "".join([*parts, "</svg>\n"])


def runs(terminal: Terminal, row: int) -> list[tuple[int, str, str, str, bool]]:
    """The stretches of one look in a row: column, text, foreground, background, whether it is bold."""
    found: list[tuple[int, str, str, str, bool]] = []
    cursor = terminal.screen.cursor
    for column in range(COLUMNS):
        cell = terminal.screen.buffer[row][column]
        front, back = ("d9dee8" if cell.fg == "default" else cell.fg), cell.bg
        back = "1b2130" if back == "default" else back
        # the terminal draws one's own caret
        if cell.reverse != ((cursor.y, cursor.x) == (row, column)):
            front, back = back, front
        if found and found[-1][2:] == (front, back, cell.bold):
            found[-1] = (found[-1][0], found[-1][1] + cell.data, front, back, cell.bold)
        else:
            found.append((column, cell.data, front, back, cell.bold))
    return found


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="picture-") as home:
        for variable in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            os.environ[variable] = home
        settings = Path(home, "jpterm-like", "config.toml")
        settings.parent.mkdir(mode=0o700)
        settings.write_text("announce = false\n")  # nothing but the text and its people
        try:
            target.write_text(drawn(asyncio.run(screens(Path(home)))), "utf-8")
        finally:
            kill_hub()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
