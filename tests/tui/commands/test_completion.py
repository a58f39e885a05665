"""Completion: a list at the caret that offers, and is never in the way."""

from __future__ import annotations

from functools import partial

import pytest

from jpterm_like.tui.commands import offers
from jpterm_like.tui.commands.macro_commands import play
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.popup import Popup, Room, popup_notes
from jpterm_like.tui.text.word_index import WordIndex
from tests.tui.desk import Desk
from tests.tui.story import Story
from tests.tui.terminal import terminal, until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list comes in the next turn of the loop."""
    monkeypatch.setattr(offers, "OFFER_S", 0.0)
    monkeypatch.setattr("jpterm_like.tui.vocabulary.REST_S", 0.0)
    monkeypatch.setattr("jpterm_like.tui.vocabulary.STEP_S", 60.0)


def words(story: Story, name: str = "ann") -> list[str]:
    popup = story.editor(name).offers.popup
    return [] if popup is None else list(popup.words)


async def program(first: str, *steps: str, title: str = "notes.py", **settings: object) -> list[str]:
    """What the list offers after some steps of a story in a program."""
    async with Story(title=title, **settings) as one:
        for step in (first, *steps):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        return words(one)


async def test_it_comes_after_three_letters_with_the_nearest_words_first() -> None:
    text = "counter countless other⏎|⏎count_all count_b"
    assert await program(text, "types co") == []
    assert await program(text, "types cou") == ["count_all", "countless", "count_b", "counter"]


async def test_it_is_off_in_prose_comments_and_texts() -> None:
    """`always` shows it there, `never` nowhere; the key does in any case."""
    for title, line in (("n.md", ""), ("COMMIT_EDITMSG", ""), ("n.py", "# "), ("n.py", 'x = "')):
        async with Story(title=title) as one:
            await one.go_on(f"counter⏎{line}|")
            await one.go_on("types cou")
            await one.pilots["ann"].pause(0.02)
            assert words(one) == [], title
            await one.go_on("presses ctrl+space")
            assert words(one) == ["counter"], title
    assert await program("counter⏎|", "types cou", title="n.md", completion="always") == ["counter"]
    assert await program("counter⏎|", "types cou", completion="never") == []


async def test_case_is_as_typed_and_small_letters_match_any() -> None:
    text = "UserName username user_id⏎|"
    assert await program(text, "types Use") == ["UserName"]
    assert await program(text, "types use") == ["user_id", "username", "UserName"]
    async with Story(title="notes.py") as one:
        for step in (
            "UserName⏎|",
            "types use",
            "presses tab",
            "UserName⏎UserName|",
            "presses ctrl+z",
            "UserName⏎use|",
        ):
            await one.go_on(step)
            await one.pilots["ann"].pause(0.02)


async def test_words_without_blanks_between_them() -> None:
    """A change of script ends a word; two signs are enough."""
    assert await program("日本語テキスト⏎|", "types 日本") == ["日本語"]
    assert await program("größenordnung⏎|", "types grö") == ["größenordnung"]


async def test_enter_begins_a_line_and_tab_takes_the_first_word() -> None:
    async with Story(title="notes.py") as one:
        await one.go_on("counter⏎|")
        await one.go_on("types cou")
        await one.pilots["ann"].pause(0.02)
        assert words(one) == ["counter"]
        await one.go_on("presses enter")
        await one.go_on("counter⏎cou⏎|")
        assert words(one) == []
        await one.go_on("types cou")
        await one.pilots["ann"].pause(0.02)
        await one.go_on("presses tab")
        await one.go_on("counter⏎cou⏎counter|")


async def test_a_word_that_was_gone_to_is_taken_by_enter_as_one_step() -> None:
    async with Story(title="notes.py") as one:
        for step in ("counter⏎countless⏎|", "types cou"):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        await one.go_on("presses down down enter")
        await one.go_on("counter⏎countless⏎counter|")
        await one.go_on("presses ctrl+z")
        await one.go_on("counter⏎countless⏎cou|")


async def test_a_message_does_not_cover_it() -> None:
    desk = Desk("counter\n" * 30)
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, driver):
        editor = app.query_one(Editor)
        editor.say("A message.")
        await pilot.press("ctrl+end", *"cou")
        await until(pilot, lambda: any("counter tab" in row for row in driver.rows()))
        assert any("A message." in row for row in driver.rows())


async def test_it_goes_when_a_dialog_opens() -> None:
    async with Story(title="notes.py") as one:
        for step in ("counter⏎|", "types cou"):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        assert one.editor().renderer.popup
        await one.go_on("presses ctrl+p")
        await one.pilots["ann"].pause(0.02)
        assert words(one) == [] and not one.editor().renderer.popup


async def test_up_moves_the_caret_unless_the_list_was_gone_into() -> None:
    async with Story(title="notes.py") as one:
        for step in ("counter⏎|", "types cou"):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        await one.go_on("presses up")
        await one.go_on("cou|nter⏎cou")
        assert words(one) == []


async def test_escape_closes_it_for_this_word() -> None:
    async with Story(title="notes.py") as one:
        for step in ("counter⏎|", "types cou"):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        await one.go_on("presses escape n")
        await one.pilots["ann"].pause(0.02)
        assert words(one) == []
        await one.go_on("presses ctrl+space")
        assert words(one) == ["counter"]
        await one.go_on("presses escape space c o u")
        await one.pilots["ann"].pause(0.02)
        assert words(one) == ["coun", "counter"]


async def test_it_follows_what_is_typed_and_closes_with_the_word() -> None:
    async with Story(title="notes.py") as one:
        for step in ("counter countless⏎|", "types coun"):
            await one.go_on(step)
        await one.pilots["ann"].pause(0.02)
        assert words(one) == ["countless", "counter"]
        await one.go_on("types te")
        assert words(one) == ["counter"]
        await one.go_on("presses backspace backspace")
        assert words(one) == ["countless", "counter"]
        await one.go_on("types .")
        assert words(one) == []


async def test_not_within_a_word_and_not_with_a_selection() -> None:
    assert await program("counter⏎|x", "types cou") == []
    assert await program("counter⏎^cou|", "presses ctrl+space") == []


async def test_at_several_carets_the_same_word_at_each_or_none() -> None:
    async with Story(title="notes.py") as one:
        await one.go_on("counter⏎|⏎⏎")
        await one.go_on("presses alt+shift+down")
        await one.go_on("types cou")
        await one.pilots["ann"].pause(0.02)
        await one.go_on("presses tab")
        await one.go_on("counter⏎counter|⏎counter|⏎")
        await one.go_on("presses ctrl+z")
        await one.go_on("counter⏎cou|⏎cou|⏎")
    async with Story(title="notes.py") as one:
        await one.go_on("counter⏎c|⏎co")
        await one.go_on("presses alt+shift+down")
        await one.go_on("types ou")
        await one.pilots["ann"].pause(0.02)
        assert words(one) == []


async def test_letters_that_are_there_stay_with_the_carets_in_them() -> None:
    """Only the rest of the word is put, so somebody else's caret behind my first letter stays there."""
    async with Story(title="notes.py") as both:
        await both.go_on("ann: counter⏎|   bob: counter⏎|")
        await both.go_on("ann types cou")
        await both.go_on("bob presses ctrl+end left")
        await both.pilots["ann"].pause(0.02)
        await both.go_on("ann presses tab")
        await both.go_on("ann: counter⏎counter|   bob: counter⏎co|unter")


async def test_it_follows_when_others_write_above_and_closes_when_they_change_the_word() -> None:
    async with Story(title="notes.py") as both:
        await both.go_on("ann: a⏎counter⏎|   bob: a⏎|counter⏎")
        await both.go_on("ann types cou")
        await both.pilots["ann"].pause(0.02)
        rows = [y for y, _ in both.editor().renderer.popup]
        await both.go_on("bob pastes a⏎b⏎")
        assert words(both) == ["counter"]
        await both.pilots["ann"].pause(0.02)
        assert [y for y, _ in both.editor().renderer.popup] == [y + 2 for y in rows]
        await both.go_on("bob presses ctrl+end backspace")
        assert words(both) == []


async def test_words_of_the_other_open_texts_come_last() -> None:
    desk, other = Desk("count_here\n"), Desk("count_there count_here")
    desk.title, other.title = "a.py", "b.py"
    async with terminal(desk) as (app, pilot, driver):
        app.editors.append(app._make_editor(other))
        editor = app.query_one(Editor)
        await pilot.press("ctrl+end", *"cou")
        await until(pilot, lambda: editor.offers.popup is not None)
        await pilot.press("escape", "enter", *"coun")
        await until(pilot, lambda: editor.offers.popup is not None)
        assert editor.offers.popup is not None
        assert list(editor.offers.popup.words) == ["count_here", "count_there"]
        await until(pilot, lambda: any("count_there" in row for row in driver.rows()))
        app.editors.pop()


async def test_in_the_insert_mode_of_vi() -> None:
    """ctrl+n goes into the list; escape takes the word and ends the insertion, which `.` repeats."""
    async with Story(title="notes.py", preset="vi") as one:
        await one.go_on("counter⏎|")
        await one.go_on("presses i c o u ctrl+n escape")
        await one.go_on("counter⏎counte|r")
        await one.go_on("presses o escape full_stop")
        await one.go_on("presses k k full_stop")
    async with Story(title="notes.py", preset="vi") as one:
        await one.go_on("counter⏎|")
        await one.go_on("presses A c o u ctrl+n ; escape full_stop")
        assert one.desks["ann"].buffer.text == "counter\ncounter;counter;"


async def test_a_macro_has_the_word_that_was_taken() -> None:
    async with Story(title="notes.py") as one:
        await one.go_on("counter⏎|⏎")
        await one.go_on("presses alt+shift+m c o u ctrl+space enter alt+shift+m down")
        play(one.editor(), 1)
        await one.go_on("counter⏎counter⏎counter|")


async def test_a_huge_text_has_the_words_near_the_caret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said, and nothing is slow."""
    monkeypatch.setattr("jpterm_like.tui.vocabulary.WordIndex", partial(WordIndex, indexed_max=20_000))
    desk = Desk("counted\n" + "faraway " * 2_500 + "\ncounter\n")
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, _):
        editor = app.query_one(Editor)
        await pilot.press("ctrl+end", *"cou")
        await until(pilot, lambda: editor.offers.popup is not None)
        assert editor.offers.popup is not None and list(editor.offers.popup.words) == ["counter"]


def list_at(room: Room, count: int = 20, chosen: int | None = None) -> list[int]:
    from jpterm_like.tui.render import themes
    from jpterm_like.tui.render.palette import Palette

    palette = Palette(themes.load(themes.folders())[0]["dark"])
    notes = popup_notes(Popup([f"word{n}" for n in range(count)], chosen), room, palette)
    for y, note in notes:
        assert 0 <= y < room.height and not room.first <= y <= room.last
        assert note.x >= 0 and note.x + len(note.text) <= room.width
    return sorted({y for y, _ in notes})


def test_the_list_is_below_the_line_or_above_it_and_never_on_it() -> None:
    assert list_at(Room(4, 2, 2, 50, 13)) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert list_at(Room(48, 12, 12, 50, 13), chosen=19) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert list_at(Room(4, 2, 8, 50, 13)) == [9, 10, 11, 12]
    assert list_at(Room(4, 0, 12, 50, 13)) == []
    assert list_at(Room(0, 0, 0, 6, 3)) == [1, 2]
