"""Looking back in the editor: going through time, comparing, finding, restoring, and what goes on beneath."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from crdt import Patch, TextBuffer
from jpterm_like.client.events import Reset
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.past.past_screen import PastScreen
from tests.tui.desk import Desk
from tests.tui.terminal import Terminal, keys_done, terminal, until

T = 1_700_000_000.0
FILE = "# The master\n\n"
COLOR = "The color of old rope.\n"
BOAT = "Nobody asked about the boat.\n"


def typed(desk: Desk, at: int, words: str, seconds: float) -> None:
    desk.now = seconds
    desk.replace(at, at, words)


def two_desks() -> tuple[Desk, Desk]:
    """Sittings: ann writes the colour, bob the boat; ann makes it a colour; bob takes the boat out."""
    ann, bob = Desk(FILE, "ann", 1), Desk(FILE, "bob", 2)
    ann.join(bob)
    typed(ann, len(FILE), COLOR, T)
    typed(bob, len(bob.buffer), BOAT, T + 5000)
    typed(ann, ann.buffer.text.index("color") + 4, "u", T + 10_000)
    bob.now = T + 15_000
    at = bob.buffer.text.index("Nobody")
    bob.replace(at, at + len(BOAT), "")
    ann.now = bob.now = T + 20_000
    return ann, bob


NOW = FILE + "The colour of old rope.\n"


class Look:
    """An editor that looks back."""

    def __init__(self, app: EditorApp, pilot: Pilot[int], screen: Terminal) -> None:
        self.app, self._pilot, self._screen = app, pilot, screen

    @property
    def past(self) -> PastScreen:
        screen = self.app.screen
        assert isinstance(screen, PastScreen), screen
        return screen

    @property
    def text(self) -> str:
        return self.past.editor.session.buffer.text

    @property
    def is_there(self) -> bool:
        return isinstance(self.app.screen, PastScreen)

    @property
    def rows(self) -> str:
        return "\n".join(self._screen.rows())

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)
        await keys_done(self.app, self._pilot)
        await self._pilot.pause()

    async def until_it_shows(self, words: str) -> None:
        await until(self._pilot, lambda: words in self.rows)


@asynccontextmanager
async def looking(desk: Desk, size: tuple[int, int] = (100, 24), **settings: object) -> AsyncIterator[Look]:
    async with terminal(desk, size, **settings) as (app, pilot, screen):
        look = Look(app, pilot, screen)
        await look.press("alt+minus")
        yield look


async def test_the_arrows_go_through_sittings_and_words_and_esc_is_where_i_was() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        look.app.editor.cursor.put(5)
        assert look.text == NOW and "notes.md now ─ sitting 4 of 4" in look.rows
        await look.press("left")
        assert look.text == NOW + BOAT and "sitting 3 of 4 ─ by ann" in look.rows
        await look.press("left", "ctrl+left")
        assert look.text == FILE + COLOR + "Nobody asked about the "
        await look.press("home")
        assert look.text == FILE and "at the start" in look.rows
        await look.press("right")
        assert look.text == FILE + COLOR
        await look.press("end")
        assert look.text == NOW
        await look.press("left", "escape")
        assert not look.is_there and ann.buffer.text == NOW and look.app.editor.cursor.caret == 5
        assert not look.app.editor.session.buffer.version.missing(ann.buffer.version)


async def test_nothing_can_be_written_into_the_past_and_a_sentence_says_so() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        await look.press("left")
        for key in ("x", "enter", "backspace", "ctrl+v", "ctrl+z", "alt+up", "ctrl+k"):
            look.past.editor.messages.dismiss()
            await look.press(key)
            assert "cannot be changed" in look.rows, key
            assert look.text == NOW + BOAT and ann.buffer.text == NOW
        await look.press("ctrl+s")  # what concerns the file is done in the present
        assert not look.is_there and ann.saves == [NOW]


async def test_others_go_on_beneath_and_what_they_write_is_in_the_present() -> None:
    ann, bob = two_desks()
    async with looking(ann) as look:
        look.app.editor.cursor.put(len(FILE) + 3)
        await look.press("left", "left")
        before = look.text
        typed(bob, 0, "bob: ", T + 30_000)
        assert look.text == before
        await look.press("right")
        assert look.text == NOW + BOAT
        await look.press("end")
        assert look.text == "bob: " + NOW and "sitting 5 of 5 ─ by bob" in look.rows
        await look.press("left")
        assert look.text == NOW
        await look.press("escape")
        assert look.app.editor.cursor.caret == len("bob: " + FILE) + 3
        assert look.rows.startswith("   1▎bob: # The master") or "bob: # The master" in look.rows


async def test_a_paragraph_is_restored_as_one_step_with_the_same_characters() -> None:
    ann, bob = two_desks()
    typed(bob, 0, "later ", T + 16_000)
    async with looking(ann) as look:
        await look.press("left", "left")
        assert look.text == NOW + BOAT
        editor = look.past.editor
        editor.cursor.put(look.text.index("Nobody") + 3)
        editor.finish()
        ids = look.past.past.buffer.ids(look.text.index("Nobody"), look.text.index("Nobody") + 6)
        await look.press("r")
        assert not look.is_there and ann.buffer.text == bob.buffer.text == "later " + NOW + BOAT
        at = ann.buffer.text.index("Nobody")
        assert [it[2:] for it in ann.buffer.ids(at, at + 6)] == [it[2:] for it in ids]
        assert ann.buffer.authorship(at, at + 6)[0][2] == bob.site
        assert "29 characters back" in look.rows and "undoes that" in look.rows
        await look.press("ctrl+z")
        assert ann.buffer.text == bob.buffer.text == "later " + NOW


async def test_a_selection_and_the_whole_text_are_restored() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        await look.press("left")
        at = look.text.index("asked")
        look.past.editor.cursor.put(at + 5, at)
        await look.press("r")
        assert ann.buffer.text == NOW + "asked"
        await look.press("ctrl+z", "alt+minus", "home", "right", "R")
        assert ann.buffer.text == FILE + COLOR
        await look.press("ctrl+z")
        assert ann.buffer.text == NOW


async def test_a_selection_first_shows_the_states_of_that_passage() -> None:
    ann, _ = two_desks()
    async with terminal(ann, (100, 24)) as (app, pilot, screen):
        look = Look(app, pilot, screen)
        at = NOW.index("colour")
        app.editor.cursor.put(at + 6, at)
        await look.press("alt+minus")
        assert "state 2 of 2 of this passage" in look.rows
        await look.press("left")
        start, end = look.past.editor.cursor.selection
        assert look.text[start:end] == "color" and "state 1 of 2" in look.rows
        await look.press("r")
        assert ann.buffer.text == FILE + COLOR
        await look.press("ctrl+z")
        assert ann.buffer.text == NOW


async def test_what_differs_from_now_is_marked_and_said() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        await look.press("home", "right", "right", "d")
        assert "compared with now" in look.rows and "2 passages differ from now" in look.rows
        assert "ann added “u”" in look.rows and "bob removed this" in look.rows
        await look.press("n")
        first = look.past.editor.cursor.caret
        await look.press("n")
        assert look.text[look.past.editor.cursor.caret :] == BOAT and first == look.text.index("r of old")
        await look.press("d")
        assert "compared" not in look.rows and "removed this" not in look.rows


async def test_a_deleted_sentence_is_found_and_shown_where_it_was() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        await look.press("f")
        await look.press(*"asked", "enter")
        assert look.text == NOW + BOAT
        start, end = look.past.editor.cursor.selection
        assert look.text[start:end] == "asked"
        await look.press("f")
        await look.press(*"nowhere", "enter")
        assert "“nowhere” was never here" in look.rows
        await look.press("f")
        await look.press("o", "l", "enter")  # twice: in colour and in old, both there now
        assert "there now" in look.rows
        await look.press("enter")
        assert look.text == NOW


async def test_it_plays_from_the_start_to_now(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        seen: list[str] = []
        go = look.past.past.go

        def note(place: object) -> Patch:
            patch = go(place)  # type: ignore[arg-type]
            seen.append(look.past.past.buffer.text)
            return patch

        monkeypatch.setattr(look.past.past, "go", note)
        await look.press("9", "space")
        await look.until_it_shows("now ─ sitting 4 of 4")
        assert seen[0] == FILE and seen[-1] == NOW and FILE + COLOR in seen
        assert not look.past.back.plays


async def test_who_may_only_read_looks_and_restores_nothing() -> None:
    ann, _ = two_desks()
    ann.role = "view"
    ann.online = False
    async with looking(ann) as look:
        assert "restore" not in look.rows
        await look.press("left", "R")
        assert "You may read this text, but not change it." in look.rows
        assert look.text == NOW + BOAT and ann.buffer.text == NOW


async def test_a_text_that_is_replaced_ends_the_look() -> None:
    ann, _ = two_desks()
    async with looking(ann) as look:
        await look.press("left")
        ann.buffer = TextBuffer.genesis("another\n", site=5)
        ann.tell(Reset(Patch()))
        await look.until_it_shows("replaced by another")
        assert not look.is_there


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 15), (30, 10)])
async def test_the_card_fits_and_says_when_and_which_keys(size: tuple[int, int]) -> None:
    ann, _ = two_desks()
    async with looking(ann, size) as look:
        await look.press("left")
        rows = look.rows.split("\n")
        assert any("sitting 3 of 4" in row or "2023" in row for row in rows)
        assert any("←→" in row and "esc" in row for row in rows)
        assert "The colour" in rows[2]


async def test_keys_of_vi_go_through_time_as_well() -> None:
    ann, _ = two_desks()
    async with looking(ann, preset="vi") as look:
        await look.press("left", "d")
        assert "compared with now" in look.rows
        await look.press("i")
        assert "cannot be changed" in look.rows
        await look.press("escape")
        assert not look.is_there and look.app.editor.vi is not None
