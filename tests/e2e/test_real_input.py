"""Files as they really are: what the editor shows, what an edit changes of the bytes, and that nothing else changes (6)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import jpterm_like
from tests.e2e.hub import kill_hub, no_traceback
from tests.e2e.terminal import Terminal, terminals, until

ROOT = Path(__file__).parents[2]
LOAD_S = 120.0
"""For the largest ones, on a busy machine."""


@pytest.fixture(autouse=True)
def no_hub_left(home: Path) -> Iterator[None]:
    """No hub outlives its test, and none had to tell a traceback."""
    yield
    kill_hub()
    no_traceback(home / "state" / "jpterm-like" / "hub.log")


def source(lines: int) -> bytes:
    """A source file, the same each time."""
    chance = random.Random(10_000)
    words = ("def", "return", "self", "for", "in", "x", "+", "(", ")", "# why", "=", "'é'")
    text = [
        f"{'    ' * chance.randrange(4)}{' '.join(chance.choices(words, k=chance.randrange(1, 12)))}"
        for _ in range(lines)
    ]
    return ("first line\n" + "\n".join(text) + "\nlast line\n").encode()


MIXED = (
    "first line: 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ✈️\n"
    "\t漢字\tかな\t한글\n"
    "cafe\u0301 n\u0303 a\u0308\u0323 ก็ हिन्दी\n"
    "שלום العربية\n"
    "\ttab\t\ttabs\t\n"
    "𝒜𝓈𝓉𝓇𝒶𝓁 🙂🙂🙂\n"
    "last line"
)

FILES = {
    "the README": (ROOT / "README.md").read_bytes(),
    "10,000 lines": source(10_000),
    "emoji, CJK, marks, tabs": MIXED.encode(),
    "CRLF, none at the end": b"first line\r\nmiddle\r\nlast line",
    "CRLF": b"first line\r\nmiddle\r\nlast line\r\n",
    "CR": b"first line\rmiddle\rlast line\r",
    "mixed ends": b"first line\r\nmiddle\nmore\r\nlast line\n",
    "FF, NEL, LS, PS, VT": "first line\n\x0cpage\x0b two\x85next\u2028line\u2029par\nlast line\n".encode(),
    "a BOM": b"\xef\xbb\xbffirst line\nmiddle\nlast line\n",
    "a BOM and CRLF": b"\xef\xbb\xbffirst line\r\nmiddle\r\nlast line\r\n",
    "escapes": b"first line\n\x1b[2J\x1b]52;c;QUJD\x07\x7f\nlast line\n",
    "a newline only": b"\n",
    "many newlines": b"\n" * 500,
    "a 2 MB line": b"first line " + b"x y " * 500_000 + b"last line",
    "10 MB": source(10_000) * 38,
}


def edited(raw: bytes, *, start: str = "", end: str = "") -> bytes:
    """The bytes with something typed at the start and at the end of the text."""
    bom = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    return bom + start.encode() + raw.removeprefix(bom) + end.encode()


def difference(found: bytes, expected: bytes) -> str:
    """Where two contents begin to differ."""
    place = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(found))
    around = slice(max(0, place - 20), place + 40)
    return f"byte {place}: {found[around]!r} instead of {expected[around]!r}"


async def saved(one: Terminal, file: Path, expected: bytes) -> None:
    """ctrl+s, and the file holds exactly these bytes."""
    await one.press("ctrl+s")
    try:
        await until(
            lambda: file.stat().st_size == len(expected) and file.read_bytes() == expected,
            "the bytes",
            LOAD_S,
        )
    except AssertionError as problem:
        problem.add_note(f"{difference(file.read_bytes(), expected)}\n{one.text}")
        raise


@pytest.mark.parametrize("name", FILES)
async def test_f07_real_files_open_change_by_what_is_typed_and_by_nothing_else(
    tmp_path: Path, name: str
) -> None:
    """The file is shown; saved unedited it is byte-identical; edits at the start and the end change just these bytes."""
    raw = FILES[name]
    file = tmp_path / "file.txt"
    file.write_bytes(raw)
    start, end = (
        ("Ae", "Z!") if name == "a 2 MB line" else ("Aé", "Z🙂")
    )  # see the test of long lines with emoji
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.says("connected", patience_s=LOAD_S)
        if raw.strip():
            await ann.shows("first line" if name != "the README" else "# jpterm-like", patience_s=LOAD_S)
        await ann.press("ctrl+s")
        await ann.is_saved()
        assert file.read_bytes() == raw
        await ann.press("ctrl+home", *start)
        await saved(ann, file, edited(raw, start=start))
        await ann.press("ctrl+end", *end)
        await saved(ann, file, edited(raw, start=start, end=end))
        bob: Terminal = terminal(str(file), "--name", "bob")
        await bob.says("connected", patience_s=LOAD_S)
        await bob.press("ctrl+home")  # the file may open where ann is: they share a login
        await bob.shows(start, patience_s=LOAD_S)
        await bob.press("ctrl+end")
        await bob.shows(end, patience_s=LOAD_S)
        await ann.press("backspace", "backspace", "ctrl+home", "\x1b[3~", "\x1b[3~")
        await saved(ann, file, raw)
        async with jpterm_like.connect(str(file), name="reader", timeout_s=LOAD_S) as session:
            assert session.text == raw.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace(
                "\r", "\n"
            )
        for one in (ann, bob):
            await one.is_saved()
            await one.press("ctrl+q")
            assert await one.ends() == 0
    assert file.read_bytes() == raw


@pytest.mark.parametrize(
    "name", ["10,000 lines", "CRLF", "mixed ends", "emoji, CJK, marks, tabs", "a BOM and CRLF"]
)
async def test_f07_an_edit_in_the_middle_changes_one_line_s_bytes(tmp_path: Path, name: str) -> None:
    """A word typed at the end of the second line is the only difference in the file."""
    raw = FILES[name]
    file = tmp_path / "file.txt"
    file.write_bytes(raw)
    first = raw.index(b"\n") + 1
    second = min(place for end in (b"\r\n", b"\n") if (place := raw.find(end, first)) >= 0)
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        bob: Terminal = terminal(str(file), "--name", "bob")
        for one in (ann, bob):
            await one.shows("first line", "connected", patience_s=LOAD_S)
        await ann.press("down", "end")
        await ann.type("ZWORD")
        await bob.shows("ZWORD")
        await saved(bob, file, raw[:second] + b"ZWORD" + raw[second:])


async def test_an_empty_file_stays_empty_and_takes_text(tmp_path: Path) -> None:
    """0 bytes: opened, saved as 0 bytes, written in by two."""
    file = tmp_path / "empty.txt"
    file.touch()
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        bob: Terminal = terminal(str(file), "--name", "bob")
        for one in (ann, bob):
            await one.shows("connected", "line 1, column 1")
        await ann.press("ctrl+s")
        await ann.is_saved()
        assert file.read_bytes() == b""
        await ann.type("hello")
        await bob.shows("hello")
        await saved(bob, file, b"hello")


async def test_the_middle_of_a_line_of_two_megabytes_can_be_edited(tmp_path: Path) -> None:
    """A word inside one huge line changes just there, at both."""
    raw = FILES["a 2 MB line"]
    file = tmp_path / "long.txt"
    file.write_bytes(raw)
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("first line", "connected", patience_s=LOAD_S)
        async with jpterm_like.connect(str(file), name="bob", timeout_s=LOAD_S) as bob:
            bob.replace(1_000_000, 1_000_000, "MIDDLE")
            await asyncio.wait_for(bob.stored(), LOAD_S)
        await ann.press("ctrl+home", "!")
        await saved(ann, file, b"!" + raw[:1_000_000] + b"MIDDLE" + raw[1_000_000:])


async def test_f37_a_long_line_with_emoji_answers_each_key(tmp_path: Path) -> None:
    """One emoji in a line of 400 KB does not make the next ten keys take seconds each."""
    file = tmp_path / "long.txt"
    file.write_text("🙂" + "x y " * 100_000)
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.says("connected")
        await ann.press(*"0123456789")
        await ann.shows("0123456789", patience_s=10)


async def test_what_a_terminal_sends_that_is_no_key_types_nothing_and_ends_nothing(tmp_path: Path) -> None:
    """Keys that nobody knows, answers that nobody asked for and bytes that are no UTF-8: the next key is typed, and nothing else."""
    file = tmp_path / "k.txt"
    file.write_text("alpha\n")
    noise = (
        *(
            "\x1b[97:65;300u",
            "\x1b[1114112u",
            "\x1b[99999999999u",
            "\x1b[9792758122B",
            "\x1b[:u",
            "\x1b[<999999999999;1;1M",
        ),
        *(
            "\x1b]11;rgb:1f1f/1f1f/1f1f\x1b\\",
            "\x1b[?62;4c",
            "\x1bP1+r544e\x1b\\",
            "\x1b[48;0;0;0;0t",
            "\udcff\udc9b\udcc3",
        ),
    )
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("alpha")
        await ann.says("line 1")
        for number, sent in enumerate(noise):
            await ann.press(sent, "z")
            await ann.shows("z" * (number + 1) + "alpha")
        await saved(ann, file, b"z" * len(noise) + b"alpha\n")


async def test_in_a_paste_nothing_is_a_key_and_its_end_may_be_cut(tmp_path: Path) -> None:
    """Escapes of a coloured log stay in their place, control characters save and delete nothing, and keys work afterwards."""
    file = tmp_path / "p.txt"
    file.write_text("alpha\n")
    async with terminals() as terminal:
        ann: Terminal = terminal(str(file), "--name", "ann")
        await ann.shows("alpha")
        await ann.says("line 1")
        await ann.press("\x1b[200~one \x1b[32mtwo\x1b[0m \x13\x01\x7f\x11 three\x1b[20")
        await ann.press("1~ four ", gap_s=0.3)
        await ann.shows("three", "four alpha")
        assert file.read_text() == "alpha\n"
        await saved(ann, file, b"one \x1b[32mtwo\x1b[0m \x13\x01\x7f\x11 three four alpha\n")
