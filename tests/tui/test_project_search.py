"""Search and replace in all files: what is found, walking through it, and what replacing does to open and other files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from textual.pilot import Pilot

from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.tui import search_process
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.project_search import ProjectSearch
from jpterm_like.tui.search_dialog import SearchDialog
from jpterm_like.tui.search_process import Order, Searching, excerpt_of
from jpterm_like.tui.text.query import Query
from tests.tui.case import Case
from tests.tui.terminal import settle, until
from tests.tui.test_workspace import done, workspace


def dialog(app: EditorApp) -> SearchDialog:
    assert isinstance(app.screen, SearchDialog)
    return app.screen


async def search(app: EditorApp, pilot: Pilot[int], words: str) -> ProjectSearch:
    """Open the dialog, search, and wait for the end."""
    await pilot.press("alt+shift+s")
    await until(pilot, lambda: isinstance(app.screen, SearchDialog) and app.screen.find.has_focus)
    await pilot.press("ctrl+a", *words, "enter")
    project = app._project
    assert project is not None
    await until(pilot, lambda: project.state not in ("none", "running"))
    await until(pilot, lambda: not dialog(app)._is_stale)
    return project


def listed(project: ProjectSearch) -> list[tuple[str, int, str]]:
    return [(place.file.name, place.line.row + 1, place.line.excerpt) for place in project.places()]


# ---------------------------------------------------------------------- the process


def answers(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_part_around_a_match_is_shown() -> None:
    assert excerpt_of(3, "    return foo", [(11, 14)])[3:] == ("return foo", [(7, 10)])
    far = excerpt_of(3, "x" * 500 + "foo" + "y" * 500, [(500, 503)])
    assert far.excerpt.startswith("…" + "x" * 20 + "foo") and far.spans == [(21, 24)]
    assert len(far.excerpt) <= search_process.EXCERPT_LENGTH_MAX + 1
    assert excerpt_of(0, "   ", [(1, 2)])[3:] == ("  ", [(0, 1)])


def test_lines_beyond_the_limit_are_counted_and_not_listed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_process, "LISTED_MAX", 3)
    searching = Searching(Order(Query("a")))
    searching.text("one", "a\na a\n")
    searching.text("two", "a\na\na\n")
    searching.end()
    first, second, end = answers(capfd)
    assert (len(first["lines"]), first["count"]) == (2, 3)  # type: ignore[arg-type]
    assert (len(second["lines"]), second["count"]) == (1, 3)  # type: ignore[arg-type]
    assert end["done"]


def test_a_slow_pattern_is_given_up_with_a_sentence(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In all files together: each takes less than the limit."""
    monkeypatch.setattr(search_process, "PATTERN_S", 0.2)
    searching = Searching(Order(Query("(a|aa)+$", regex=True)))
    for number in range(50):
        searching.text(str(number), "a" * 60 + "!\n")
    searching.end()
    assert {"note": "Stopped: the pattern takes too long.", "gave_up": True} in answers(capfd)


@pytest.mark.parametrize("line", ["[" * 1_000_000, "漢\t\u200b" * 300_000, "a" * 1_000_000])
def test_a_long_line_is_searched_in_good_time(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    searching = Searching(Order(Query("needle")))
    searching.text("long", f"{line}needle{line}\n")
    [found] = answers(capfd)
    assert found["count"] == 1 and len(found["lines"][0][3]) < 300  # type: ignore[index]


# ---------------------------------------------------------------------- a folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with files that are searched, and others."""
    for name, text in {
        "app.py": "needle = 1\n",
        "docs/notes.md": "a Needle\r\nneedle needle\r\n",
        "ignored/x.md": "needle\n",
        ".gitignore": "ignored/\n",
        "empty": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "binary").write_bytes(b"needle\0")
    (tmp_path / "large.txt").write_text("needle\n" * 2_000_000)
    (tmp_path / "link.md").symlink_to(tmp_path / "app.py")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def found_in(folder: Path, query: Query, near: str = "", *sessions: object) -> ProjectSearch:
    catalog = FileCatalog(Paths.under(folder.parent / "user"), MemoryStorage(), "ann")
    project = ProjectSearch(catalog, lambda: None)
    project.start(query, near, sessions)  # type: ignore[arg-type]
    assert project._task is not None
    await project._task
    return project


async def test_a_folder_is_searched_as_git_sees_it(folder: Path) -> None:
    """Neither what is ignored nor binary files, and large ones with a word about it."""
    project = await found_in(folder, Query("needle"))
    assert sorted(listed(project)) == [
        ("app.py", 1, "needle = 1"),
        ("docs/notes.md", 1, "a Needle"),
        ("docs/notes.md", 2, "needle needle"),
    ]
    assert project.match_count == 4
    assert project.status() == "4 matches in 2 files. 1 file of more than 8 MB left out."
    exact = await found_in(folder, Query("needle", case=True, words=True), str(folder / "app.py"))
    assert exact.match_count == 3


async def test_what_is_open_in_the_folder_is_searched_as_it_stands(folder: Path) -> None:
    """Unsaved words are found; what was taken out is not."""
    from tests.tui.case import make

    desk = make(str(folder / "app.py"), "nothing\n")
    elsewhere = make("/elsewhere.py", "needle\n")
    desk.replace(0, 0, "an unsaved needle\n")
    project = await found_in(folder, Query("needle", case=True), "", desk, elsewhere)
    assert sorted(listed(project)) == [
        ("app.py", 1, "an unsaved needle"),
        ("docs/notes.md", 2, "needle needle"),
    ]


async def test_files_of_another_machine_are_refused_in_a_sentence(folder: Path) -> None:
    project = await found_in(folder, Query("x"), "ssh://box/notes.md")
    assert project.state == "failed"
    assert project.status() == "The files of another machine cannot be searched from here."


async def test_a_search_that_is_stopped_says_so(folder: Path) -> None:
    catalog = FileCatalog(Paths.under(folder.parent / "user"), MemoryStorage(), "ann")
    project = ProjectSearch(catalog, lambda: None)
    project.start(Query("needle"), "", ())
    project.stop()
    assert project.state == "stopped" and "stopped" in project.status()


# ---------------------------------------------------------------------- the dialog


async def test_all_files_are_searched_unsaved_words_too_and_enter_opens_the_place() -> None:
    case = Case(a_md="one foo\n", b_md="x\nfoo\nfoo foo\n", c_md="nothing\n")
    async with workspace(case, "a.md") as (app, pilot, screen):
        await pilot.press(*"foo ")
        project = await search(app, pilot, "foo")
        assert listed(project) == [("a.md", 1, "foo one foo"), ("b.md", 2, "foo"), ("b.md", 3, "foo foo")]
        settle(app)
        shown = "\n".join(screen.rows())
        assert "5 matches in 2 files." in shown and "b.md" in shown
        await pilot.press("down", "down", "enter")
        await done(app, pilot)
        assert app.session.title == "b.md" and app.editor.cursor.selection == (2, 5)
        assert not isinstance(app.screen, SearchDialog)
        assert "Result 2 of 3." in app.editor.messages.text


async def test_results_are_walked_when_the_list_is_closed() -> None:
    """Across files, with a word at the end; the list opens again where I am."""
    case = Case(a_md="foo\n", b_md="foo\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("alt+shift+r")
        await until(pilot, lambda: "searches in all files" in app.editor.messages.text)
        await search(app, pilot, "foo")
        await pilot.press("escape")
        for title in ("a.md", "b.md"):
            await pilot.press("alt+shift+r")
            await done(app, pilot)
            assert app.session.title == title and app.editor.cursor.selection == (0, 3)
        await pilot.press("alt+shift+r")
        await done(app, pilot)
        assert app.session.title == "a.md" and "started over" in app.editor.messages.text
        await pilot.press("alt+shift+e")
        await done(app, pilot)
        assert app.session.title == "b.md"
        await pilot.press("alt+shift+s")
        await until(pilot, lambda: isinstance(app.screen, SearchDialog) and not app.screen._is_stale)
        assert dialog(app).results.place is not None and dialog(app).results.place.file.name == "b.md"


async def test_a_line_that_has_moved_is_found_again() -> None:
    case = Case(a_md="foo\n", b_md="one\nfoo here\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await search(app, pilot, "foo")
        await pilot.press("escape")
        case.desks["b.md"].replace(0, 0, "foo first\n" + "new\n" * 30)
        await pilot.press("alt+shift+e")
        await done(app, pilot)
        start, end = app.editor.cursor.selection
        assert app.session.buffer.slice(start, end + 5) == "foo here"


async def test_options_search_again_and_a_bad_pattern_is_told() -> None:
    case = Case(a_md="Foo food\n")
    async with workspace(case, "a.md", size=(60, 15)) as (app, pilot, screen):
        project = await search(app, pilot, "foo")
        assert project.match_count == 2
        for key, count in (("alt+c", 1), ("alt+w", 0), ("alt+c", 1)):
            await pilot.press(key)
            await until(pilot, lambda: project.state == "done")
            assert project.match_count == count
        settle(app)
        assert "✓W" in "\n".join(screen.rows())
        await pilot.press("alt+r", "ctrl+a", "(", "enter")
        await until(pilot, lambda: "Bad pattern" in dialog(app)._wrong)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SearchDialog))


async def test_letters_and_keys_stay_in_the_dialog_and_arrows_recall_terms() -> None:
    case = Case(a_md="foo bar\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await search(app, pilot, "foo")
        await search_again(pilot, "bar")
        await until(pilot, lambda: app._project is not None and app._project.query.text == "bar")
        await pilot.press("up")
        assert dialog(app).find.value == "foo"
        await pilot.press("down")
        assert dialog(app).find.value == "bar" and dialog(app).find.has_focus
        await until(pilot, lambda: dialog(app).results.place is not None)
        await pilot.press("down")
        assert dialog(app).results.has_focus
        await pilot.press("Q", "up")
        assert dialog(app).find.has_focus and case.desks["a.md"].buffer.text == "foo bar\n"


async def search_again(pilot: Pilot[int], words: str) -> None:
    await pilot.press("ctrl+a", *words, "enter")


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 12)])
async def test_the_dialog_fits_small_screens(size: tuple[int, int]) -> None:
    case = Case(a_md="foo\n", b_md="foo\n")
    async with workspace(case, "a.md", size=size) as (app, pilot, _):
        await search(app, pilot, "foo")
        await pilot.press("down", "enter")
        await done(app, pilot)
        assert app.session.title == "a.md"


# ---------------------------------------------------------------------- replacing


async def replace(app: EditorApp, pilot: Pilot[int], words: str, by: str) -> None:
    """Search, say what to put in, and agree."""
    await search(app, pilot, words)
    await pilot.press("tab", "ctrl+a", *by, "alt+a")
    await until(pilot, lambda: len(app.screen_stack) == 3)
    await pilot.press("r")
    await until(pilot, lambda: len(app.screen_stack) == 1)
    await done(app, pilot)


async def test_replacing_in_all_files_asks_once_and_saves_what_is_not_open() -> None:
    """An open text is changed and left unsaved; each file is one undo step."""
    case = Case(a_md="foo foo\n", b_md="foo\nx\nfoo\n", c_md="none\n")
    async with workspace(case, "a.md") as (app, pilot, screen):
        await search(app, pilot, "foo")
        await pilot.press("tab", *"bar", "alt+a")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.pause()
        settle(app)
        assert "Replace 4 matches in 2 files?" in "\n".join(screen.rows())
        assert case.desks["a.md"].buffer.text == "foo foo\n", "nothing is changed before the answer"
        await pilot.press("r")
        await until(pilot, lambda: "Replaced 4 in 2 files." in app.editor.messages.text)
        assert [case.desks[name].buffer.text for name in ("a.md", "b.md", "c.md")] == [
            "bar bar\n",
            "bar\nx\nbar\n",
            "none\n",
        ]
        assert case.desks["b.md"].saves == ["bar\nx\nbar\n"] and not case.desks["a.md"].saves
        assert case.desks["b.md"].closed and not case.desks["c.md"].started
        await pilot.press("ctrl+z")
        assert case.desks["a.md"].buffer.text == "foo foo\n"
        case.desks["b.md"].undo()
        assert case.desks["b.md"].buffer.text == "foo\nx\nfoo\n"


async def test_files_that_cannot_be_changed_are_left_and_named() -> None:
    """A read-only one, one that was changed since the search, one that is offline; the others are done."""
    case = Case(a_md="foo\n", b_md="foo\n", c_md="foo\n", d_md="foo\n", e_md="foo\n")
    case.desks["b.md"].role = "view"
    case.desks["d.md"].online = False
    async with workspace(case, "a.md") as (app, pilot, _):
        await search(app, pilot, "foo")
        case.desks["c.md"].replace(0, 0, "another foo\n")
        await pilot.press("tab", *"x", "alt+a")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.press("r")
        await until(pilot, lambda: "Left as it was" in app.editor.messages.text)
        told = app.editor.messages.text
        assert "Replaced 2 in 2 files." in told
        assert "b.md (read-only)" in told and "c.md (changed since the search)" in told and "d.md (" in told
        texts = {name: desk.buffer.text for name, desk in case.desks.items()}
        assert texts == {
            "a.md": "x\n",
            "b.md": "foo\n",
            "c.md": "another foo\nfoo\n",
            "d.md": "foo\n",
            "e.md": "x\n",
        }


async def test_what_others_have_not_saved_is_not_saved_by_replacing() -> None:
    case = Case(a_md="one\n", b_md="foo\n")
    case.desks["b.md"].replace(0, 0, "unsaved words of somebody\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await replace(app, pilot, "foo", "bar")
        assert case.desks["b.md"].buffer.text == "unsaved words of somebody\nbar\n"
        assert not case.desks["b.md"].saves
        assert "1 not saved yet" in app.editor.messages.text


async def test_groups_and_several_matches_in_a_line_are_replaced() -> None:
    case = Case(a_md="x\n", b_md="a1 b2\nc3\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await pilot.press("alt+shift+s")
        await until(pilot, lambda: isinstance(app.screen, SearchDialog) and app.screen.find.has_focus)
        await pilot.press("alt+r", *"(\\w)(\\d)", "tab", *"\\2\\1", "alt+a")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.press("r")
        await until(pilot, lambda: "Replaced 3 in 1 file." in app.editor.messages.text)
        assert case.desks["b.md"].buffer.text == "1a 2b\n3c\n"


async def test_somebody_in_the_file_sees_an_edit_and_keeps_their_own_words() -> None:
    from tests.tui.desk import Desk

    case = Case(a_md="x\n", b_md="foo one\nfoo two\n")
    bob = Desk("foo one\nfoo two\n", "bob", 2)
    case.desks["b.md"].join(bob)
    async with workspace(case, "a.md") as (app, pilot, _):
        await replace(app, pilot, "foo", "bar")
        assert bob.buffer.text == "bar one\nbar two\n"


async def test_cancelling_replaces_nothing() -> None:
    case = Case(a_md="foo\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        await search(app, pilot, "foo")
        await pilot.press("tab", *"bar", "alt+a")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")
        assert case.desks["a.md"].buffer.text == "foo\n"


async def test_a_server_that_cannot_be_read_is_told() -> None:
    class Old(Case):
        async def pad_texts(self, near, names):  # type: ignore[no-untyped-def,override]
            raise JptermError("The server is of an earlier release, which cannot be searched: update it.")
            yield  # pragma: no cover

    case = Old(a_md="foo\n", b_md="foo\n")
    async with workspace(case, "a.md") as (app, pilot, _):
        project = await search(app, pilot, "foo")
        assert project.state == "failed" and "earlier release" in project.status()
