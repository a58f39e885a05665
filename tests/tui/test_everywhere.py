"""Finding words in everything ever written: the list, going there, and bringing back what was deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jpterm_like.errors import JptermError
from jpterm_like.history.deleted import deleted_passages
from jpterm_like.tui.ports import Sighting
from tests.tui.case import Case
from tests.tui.terminal import settle, until
from tests.tui.test_workspace import done, workspace


class Index:
    """Answers with what it was given."""

    def __init__(self, *sightings: Sighting, remarks: Sequence[str] = ()) -> None:
        self.sightings, self.remarks = sightings, remarks
        self.asked: list[str] = []

    def find(
        self, written: str, progress: Callable[[int, int], None]
    ) -> tuple[Sequence[Sighting], Sequence[str]]:
        self.asked.append(written)
        if written == "?":
            raise JptermError("Say which words to find.")
        return self.sightings, self.remarks

    def documents(self) -> Sequence[tuple[str, str, str]]:
        return [("far", "~/far/b.md", "in nas"), ("b.md", "~/another name of b.md", "opened before")]


async def test_the_list_of_files_goes_on_with_all_that_is_kept() -> None:
    """Served folders, places and texts of servers; what is open or here stays where it is in the list."""
    case = Case(a_md="one\n", b_md="three\n")
    async with workspace(case, "a.md", size=(80, 20)) as (app, pilot, screen):
        app.everything = Index()
        app.do_open()
        await pilot.pause()
        await done(app, pilot)
        settle(app)
        shown = "\n".join(screen.rows())
        assert "~/far/b.md" in shown and "in nas" in shown and "another name" not in shown


async def test_words_are_listed_with_where_they_are_and_one_goes_there() -> None:
    case = Case(a_md="one\ntwo\n", b_md="three\nfour\n")
    async with workspace(case, "a.md", size=(80, 20)) as (app, pilot, screen):
        app.everything = index = Index(
            Sighting("b.md", "b.md", 1, "  four \x1b[2J", None, "", 0),
            Sighting("a.md", "a.md", 0, "gone", (1, 2), "bob", 1_700_000_000),
        )
        app.do_find_everywhere()
        await pilot.pause()
        await pilot.press(*"four", "enter")
        await done(app, pilot)
        settle(app)
        shown = "\n".join(screen.rows())
        assert index.asked == ["four"]
        assert "2 places with four" in shown and "b.md:2" in shown and "deleted by bob on" in shown
        assert "\x1b[2J" not in shown
        await pilot.press("enter")
        await done(app, pilot)
        await until(pilot, lambda: app.session.address == "b.md")
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) == 1


async def test_a_deleted_passage_is_brought_back_where_it_was() -> None:
    """As one step of undo."""
    case = Case(a_md="one\nthe quokkas\ntwo\n")
    async with workspace(case, "a.md", size=(80, 20)) as (app, pilot, _):
        app.session.replace(4, 16, "")
        (passage,) = deleted_passages(app.session.buffer)
        site, clock, _ = passage.operations[0]
        app.everything = Index(Sighting("a.md", "a.md", 1, passage.text, (site, clock), "ann", 0))
        for _ in range(2):
            app.do_find_everywhere()
            await pilot.pause()
            await pilot.press(*"quokka", "enter")
            await done(app, pilot)
            await pilot.press("enter")
            await done(app, pilot)
            await pilot.press("b")
            await done(app, pilot)
            assert app.session.buffer.text == "one\nthe quokkas\ntwo\n"
        assert "not deleted any more" in app.editor.messages.text  # the second time
        app.session.undo()
        assert app.session.buffer.text == "one\ntwo\n"


async def test_what_cannot_be_found_is_said() -> None:
    case = Case(a_md="one\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        app.do_find_everywhere()
        assert "Only open texts" in app.editor.messages.text
        app.everything = Index()
        for words, told in (("wombat", "wombat was never written here."), ("?", "Say which words to find.")):
            app.do_find_everywhere()
            await pilot.pause()
            await pilot.press("ctrl+a", *words, "enter")
            await done(app, pilot)
            assert app.editor.messages.text == told
