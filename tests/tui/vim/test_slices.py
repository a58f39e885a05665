"""Commands on many lines, searches and macros of vi let the keyboard be served."""

from __future__ import annotations

import asyncio
from time import process_time

import pytest

from jpterm_like.client.events import Changed, Event
from jpterm_like.tui.commands.vi import grammar
from tests.tui.desk import Desk
from tests.tui.vim.compare import Headless

SLOW = r"\(a\|aa\)\+$"
"""A pattern that takes for ever in a line of a."""


async def ends(editor: Headless) -> float:
    """Wait until nothing is under way, and return the longest time for which the loop was not served."""
    longest = 0.0
    while editor.vi.is_busy:
        began = process_time()
        await asyncio.sleep(0)
        longest = max(longest, process_time() - began)
    return longest


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        (":%s/a/b/g\r", "b b\n" * 2_000),
        (":g/a/s/a/b/g\r", "b b\n" * 2_000),
        (":g/a/d\r", "\n"),
        ("gUG", "A A\n" * 2_000),
        (":%>\r:%>\r:%<\r", "\ta a\n" * 2_000),
        ("qa:s/a/b/g\rjq2000@a", "b b\n" * 2_000),
    ],
)
async def test_many_lines_are_changed_in_slices(keys: str, left: str) -> None:
    editor = Headless(desk := Desk("a a\n" * 2_000))
    began = process_time()
    editor.type_keys(keys)
    assert process_time() - began < 0.2
    assert editor.vi.is_busy
    assert await ends(editor) < 0.2
    assert desk.buffer.text == left


async def test_others_write_while_lines_are_changed() -> None:
    ann, bob = Desk("a\n" * 2_000, "ann", 1), Desk("a\n" * 2_000, "bob", 2)
    ann.join(bob)
    editor = Headless(ann)
    editor.type_keys(":%s/a/b/\r")
    bob.replace(0, 0, "new\nnew\n")
    await ends(editor)
    assert ann.buffer.text == bob.buffer.text == "new\nnew\n" + "b\n" * 2_000
    editor.type_keys("u")
    await ends(editor)
    assert ann.buffer.text == "new\nnew\n" + "a\n" * 2_000


async def test_keys_that_are_typed_meanwhile_wait_also_those_that_are_not_vis() -> None:
    editor = Headless(desk := Desk("a\n" * 2_000))
    editor.type_keys(":%s/a/b/\rggIX")
    editor.vi.key("ctrl+s", "")
    assert editor.vi.is_busy
    await ends(editor)
    assert desk.buffer.text == "Xb\n" + "b\n" * 1_999
    assert "save" in editor.said


async def test_escape_behind_typed_keys_has_its_turn_and_drops_none_of_them() -> None:
    """What is typed in a hurry, `/word⏎xiZ⎋`, is all there; ctrl+c stops at once whatever waits."""
    editor = Headless(desk := Desk("a\n" * 2_000))
    editor.type_keys(":%s/a/b/\rggIX\x1b")
    assert editor.vi.is_busy
    await ends(editor)
    assert desk.buffer.text == "Xb\n" + "b\n" * 1_999 and editor.vi.mode == "normal"
    editor.type_keys(":%s/b/c/\rggIY")
    editor.vi.key("ctrl+c", "")
    assert not editor.vi.is_busy and "Stopped" in editor.said[-1] and "Y" not in desk.buffer.text


async def test_escape_stops_what_is_under_way_and_undo_takes_it_back() -> None:
    editor = Headless(desk := Desk("a\n" * 2_000))
    editor.type_keys(":%s/a/b/\r\x1b")
    assert not editor.vi.is_busy
    await asyncio.sleep(0)
    assert 0 < desk.buffer.text.count("b") < 2_000
    assert "Stopped" in editor.said[-1]
    editor.type_keys("u")
    await ends(editor)
    assert desk.buffer.text == "a\n" * 2_000


@pytest.mark.parametrize(
    "keys", [f":%s/{SLOW}/b/\r", f":g/{SLOW}/d\r", f"/{SLOW}\r", f":/{SLOW}/d\r", "n", "d/\r"]
)
async def test_a_pattern_that_takes_for_ever_is_given_up(keys: str) -> None:
    text = ("a" * 60 + "b\n") * 100
    editor = Headless(desk := Desk(text))
    editor.vi.motions.use(SLOW)
    began = process_time()
    editor.type_keys(keys)
    await ends(editor)
    assert process_time() - began < 0.5
    assert desk.buffer.text == text
    assert "given up" in editor.said[-1]


async def test_a_search_finds_what_is_far_away() -> None:
    editor = Headless(Desk("line\n" * 60_000 + "there\n"))
    editor.type_keys("/there\r")
    assert await ends(editor) < 0.2
    assert editor.vi.text.caret == (60_000, 0)


async def test_a_macro_that_calls_itself_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "KEYS_MAX", 5_000)
    for keys in ("0@a", "@a@a", "0" * 50 + "@a@a"):
        editor = Headless(Desk("a" * 100))
        editor.vi.registers.set_keys("a", keys)
        editor.type_keys("@a")
        await ends(editor)
        assert "5,000 keys" in editor.said[-1]


@pytest.mark.parametrize("keys", [":%s/a/b/g\r", ":g/a/s/a/b/g\r", ":g/a/d\r"])
async def test_many_lines_are_changed_by_few_patches(keys: str) -> None:
    """With a patch for each match, 100,000 lines took 40 seconds."""
    editor = Headless(desk := Desk("a a\n" * 2_000))
    patches: list[Event] = []
    desk.listen(lambda event: patches.append(event) if isinstance(event, Changed) else None)
    editor.type_keys(keys)
    await ends(editor)
    assert "a" not in desk.buffer.text and len(patches) < 400


@pytest.mark.parametrize("keys", ["VGJ", "VGgJ", ":%j\r"])
def test_lines_are_joined_without_reading_the_growing_line_again(keys: str) -> None:
    """100,000 took minutes; now 2,000 are joined at once, and more are left alone."""
    editor = Headless(desk := Desk("ab\n" * 100_000))
    began = process_time()
    editor.type_keys(keys)
    assert process_time() - began < 1 and desk.buffer.text == "ab\n" * 100_000
    assert "At most 2,000 lines can be joined at once." in editor.said
    editor.type_keys("\x1bgg1000J")
    assert desk.buffer.text == " ".join(["ab"] * 1_000) + "\n" + "ab\n" * 99_000


@pytest.mark.parametrize(("rows", "edits"), [(900, 1_800), (2_000, 2_000)])
async def test_the_case_of_many_lines_is_one_edit_for_each(rows: int, edits: int) -> None:
    """By words, `gUG` in 100,000 lines took 31 s; few lines are changed by words, for those who write in between."""
    editor = Headless(desk := Desk("a 1 a\n" * rows))
    made: list[int] = []
    desk.listen(lambda event: made.append(len(event.patch.splices)) if isinstance(event, Changed) else None)
    editor.type_keys("gUG")
    await ends(editor)
    assert desk.buffer.text == "A 1 A\n" * rows
    assert sum(made) == edits


async def test_signs_that_grow_in_capitals_are_left_in_many_lines() -> None:
    editor = Headless(desk := Desk("straße\n" * 2_000))
    editor.type_keys("gUG")
    await ends(editor)
    assert desk.buffer.text == "STRAßE\n" * 2_000


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("2000ox\x1b", " a\n" + " x\n" * 2_000),
        ("2000Ox\x1b", " x\n" * 2_000 + " a\n"),
        ("2000Iab\x1b", " " + "ab" * 2_000 + "a\n"),
    ],
)
def test_a_counted_insertion_is_repeated_at_once(keys: str, left: str) -> None:
    """`99999ox`, which is 10,000 lines, was one turn of 12 s: each was opened, and each letter typed, by itself."""
    editor = Headless(desk := Desk(" a\n"))
    editor.auto_indent = True
    patches: list[Event] = []
    desk.listen(lambda event: patches.append(event) if isinstance(event, Changed) else None)
    editor.type_keys(keys)
    assert desk.buffer.text == left and len(patches) < 6
    editor.type_keys("u")
    assert desk.buffer.text == " a\n"


def test_an_absurd_count_of_an_insertion_is_refused() -> None:
    editor = Headless(desk := Desk("a\n"))
    editor.type_keys("9999o" + "x" * 200 + "\x1b")
    assert (
        desk.buffer.text == "a\n" + "x" * 200 + "\n" and "more than 1,000,000 characters" in editor.said[-1]
    )
    editor.type_keys("u99999i(\x1b")
    assert desk.buffer.text.count("(") == 1 and "more than 1,000 keys" in editor.said[-1]
