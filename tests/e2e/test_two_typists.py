"""Two real editors at full speed: each caret stays on its character, whatever the other does above (7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import jpterm_like
from tests.e2e.hub import kill_hub, no_traceback
from tests.e2e.terminal import Terminal, terminals, until

KEY_S = 0.02
PASTED_LINES = 10_000


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test, and none had to tell a traceback."""
    yield
    kill_hub()
    no_traceback(home / "state" / "jpterm-like" / "hub.log")


async def text_of(file: Path) -> str:
    async with jpterm_like.connect(str(file), name="reader", timeout_s=60) as session:
        return session.text


def caret_row(one: Terminal) -> str:
    """The row of the screen that the terminal's cursor is in, up to the cursor."""
    return one.screen.display[one.screen.cursor.y][: one.screen.cursor.x]


async def test_f11_f37_two_who_type_above_each_other_keep_their_places(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """At 20 ms a key, emoji and new lines among them, in turn above the other: no crash, each text in one piece, equal texts."""
    seconds: float = pytestconfig.getoption("--typing")
    file = tmp_path / "notes.md"
    file.write_text("".join(f"{number} {'.' * 20}\n" for number in range(200)))
    typed = {"ann": "", "bob": ""}
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        bob: Terminal = terminal(str(file), "--name", "bob")
        for one in (ann, bob):
            await one.shows("0 ....", "connected")
        # Each has a line of their own in the middle; in each turn one opens lines above the other's place.
        await ann.press(*["down"] * 10, "end", "enter")
        await bob.press(*["down"] * 15, "end", "enter")
        await ann.shows("line 12, column 1")
        await until(
            lambda: "line 17, column 1" in bob.text or "line 18, column 1" in bob.text, "bob's own line"
        )

        async def write(one: Terminal, who: str) -> None:
            end = asyncio.get_running_loop().time() + seconds
            number = 0
            while asyncio.get_running_loop().time() < end:
                token = f"<{who}{number}🙂>" + ("\n" if number % 5 == 4 else "")
                await one.type(token, gap_s=KEY_S)
                typed[who] += token
                number += 1

        async def disturb() -> None:
            """A third one who writes and deletes at the very top, above both."""
            async with jpterm_like.connect(str(file), name="eve") as eve:
                end = asyncio.get_running_loop().time() + seconds
                while asyncio.get_running_loop().time() < end:
                    eve.replace(0, 0, "above\nboth\n")
                    await asyncio.sleep(KEY_S)
                    eve.replace(0, 6, "")
                    await asyncio.sleep(KEY_S)
                await eve.stored()

        await asyncio.gather(write(ann, "ann"), write(bob, "bob"), disturb())
        for one, who in ((ann, "ann"), (bob, "bob")):
            last = typed[who].rstrip("\n").rpartition("\n")[2].rpartition("<")[2]
            await until(lambda one=one, last=last: f"<{last}" in one.text, f"{last} on {who}'s screen")
            await until(lambda one=one: "connected" in one.text and "unsent" not in one.text, "all sent")
        text = await text_of(file)
        for who, words in typed.items():
            assert words in text, f"what {who} typed is not in one piece in {text!r}"
        # The caret stands behind the last character that its owner typed: the next key goes there.
        for one, who in ((ann, "ann"), (bob, "bob")):
            await one.type("END")
            await one.shows("END")
            typed[who] += "END"
        await until(lambda: all("unsent" not in one.text for one in (ann, bob)), "all sent")
        text = await text_of(file)
        for who, words in typed.items():
            assert words in text, f"{who}'s caret left its character"
        await ann.press("ctrl+s")
        await until(lambda: file.read_text() == text, "the file")
        for one in (ann, bob):
            await one.is_saved()
            await one.press("ctrl+q")
            assert await one.ends() == 0


async def test_f11_the_other_s_lines_above_do_not_move_my_view(tmp_path: Path) -> None:
    """200 lines come and go above: my top row, my caret's row and what is left of my caret stay the same on screen."""
    file = tmp_path / "notes.md"
    file.write_text("".join(f"line number {number}\n" for number in range(500)))
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("line number 0", "connected")
        await ann.press("\x1b[6~", "\x1b[6~", "\x1b[6~", "end")
        await ann.shows("line 115, column 16")

        def view() -> list[str]:
            """The rows without line numbers and status."""
            return [row[6:60].rstrip() for row in ann.screen.display[:-1]]

        async with jpterm_like.connect(str(file), name="bob") as bob:
            await ann.shows("bob")
            await asyncio.wait_for(_steady(ann), 20)
            before, place = view(), (ann.screen.cursor.y, caret_row(ann)[6:])
            bob.replace(0, 0, "bob's\n" * 200)
            await bob.stored()
            await ann.shows("line 315, column 16")
            assert (view(), (ann.screen.cursor.y, caret_row(ann)[6:])) == (before, place)
            bob.replace(0, len("bob's\n" * 200), "")
            await bob.stored()
            await ann.shows("line 115, column 16")
            assert (view(), (ann.screen.cursor.y, caret_row(ann)[6:])) == (before, place)


async def _steady(one: Terminal) -> None:
    """Return when the screen has not changed for a while."""
    seen = b""
    while bytes(one.raw) != seen:
        seen = bytes(one.raw)
        await asyncio.sleep(0.3)


async def test_f37_ten_thousand_lines_are_pasted_while_the_other_types(tmp_path: Path) -> None:
    """A bracketed paste of 10,000 lines above the other, who types on: all of both is there, in one piece, in one step of undo."""
    file = tmp_path / "notes.md"
    file.write_text("top\nbottom\n")
    pasted = "".join(f"pasted {number} 🙂\n" for number in range(PASTED_LINES))
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        bob: Terminal = terminal(str(file), "--name", "bob")
        for one in (ann, bob):
            await one.shows("bottom", "connected")
        await bob.press("ctrl+end")
        await bob.shows("line 3, column 1")
        words = "".join(f"<bob{number}>" for number in range(40))

        async def paste() -> None:
            await ann.press("\x1b[200~" + pasted + "\x1b[201~")
            await until(lambda: f"line {PASTED_LINES + 1}, column 1" in ann.text, "the end of the paste", 60)

        await asyncio.gather(paste(), bob.type(words, gap_s=KEY_S))
        await bob.type("END")
        await bob.shows("END", patience_s=60)
        for one in (ann, bob):
            await until(lambda one=one: "connected" in one.text and "unsent" not in one.text, "all sent", 60)
        assert await text_of(file) == f"{pasted}top\nbottom\n{words}END"
        await ann.press("ctrl+z")
        await ann.shows("top", patience_s=60)
        async with jpterm_like.connect(str(file), name="reader", timeout_s=60) as session:
            await until(lambda: session.text == f"top\nbottom\n{words}END", "the paste to be gone", 60)
