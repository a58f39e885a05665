"""Opening links: files as tabs, web addresses in the browser, or copied where there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot

from jpterm_like.client.file_catalog import FileCatalog
from jpterm_like.config import Paths
from jpterm_like.errors import JptermError
from jpterm_like.stores import replicas_of
from jpterm_like.tui import browser
from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.render.rows import link_style
from jpterm_like.tui.render.screen import RowEncoder, StyleCodes
from jpterm_like.tui.workspace import Opening
from tests.tui.case import Case
from tests.tui.desk import Plain
from tests.tui.terminal import Terminal


@asynccontextmanager
async def opened(
    case: Case, size: tuple[int, int] = (80, 20)
) -> AsyncIterator[tuple[EditorApp, Pilot[int], Terminal]]:
    """An app with the first file of a case open."""
    app = EditorApp([Opening(next(iter(case.desks.values())))], Plain(), catalog=case)
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=size) as pilot:
        await pilot.pause()
        driver = app._driver
        assert isinstance(driver, Terminal)
        yield app, pilot, driver


async def done(app: EditorApp, pilot: Pilot[int]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize(
    ("text", "title", "row"),
    [
        ("[b](b.md)", "b.md", 0),
        ("[b](b.md#the-second-part)", "b.md", 4),
        ("[[b#The second part]]", "b.md", 4),
        ("b.md:3:2", "b.md", 2),
        ("[below](#below)\n\n# Above\n\n# Below", "a.md", 4),
    ],
)
async def test_a_link_to_a_file_opens_it_at_its_place(text: str, title: str, row: int) -> None:
    case = Case(a_md=text, b_md="one\n\n# The first part\n\n# The second part\n")
    async with opened(case) as (app, pilot, _):
        await pilot.press("right", "right", "alt+enter")
        await done(app, pilot)
        assert app.session.title == title
        assert app.editor.text_layout.lines.row(app.editor.cursor.caret) == row


async def test_what_cannot_be_opened_is_said() -> None:
    case = Case(a_md="[x](none.md) [y](ws://box/x) word\n[z](#nowhere)")
    async with opened(case) as (app, pilot, _):
        for keys, told in (
            (("right",), "There is no file none.md here."),
            (["right"] * 16, "ws://box/x is not opened"),
            (("ctrl+right", "end"), "There is no link and no file name at the caret."),
            (("down", "home", "right"), "There is no heading nowhere in a.md."),
        ):
            await pilot.press(*keys, "alt+enter")
            await done(app, pilot)
            assert told in app.editor.messages.text


async def test_a_web_address_opens_in_the_browser_or_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over ssh there is no browser: the terminal's clipboard gets the address."""
    opens: list[str] = []

    async def open_address(address: str) -> bool:
        opens.append(address)
        return len(opens) == 1

    monkeypatch.setattr(browser, "open_address", open_address)
    async with opened(Case(a_md="[a](https://a.org/b)")) as (app, pilot, terminal):
        await pilot.press("right", "alt+enter")
        await done(app, pilot)
        assert app.editor.messages.text == "Opened https://a.org/b."
        await pilot.press("alt+enter")
        await done(app, pilot)
        assert "the address was copied: https://a.org/b" in app.editor.messages.text
        assert "\x1b]52;c;aHR0cHM6Ly9hLm9yZy9i\x07" in terminal.written
        assert opens == ["https://a.org/b"] * 2


async def test_ctrl_and_a_click_open_a_link_and_make_a_caret_elsewhere() -> None:
    async with opened(Case(a_md="[b](b.md) word", b_md="bee")) as (app, pilot, _):
        x = app.editor.text_x
        await pilot.click(app.editor, offset=(x + 12, 0), control=True)
        await done(app, pilot)
        assert app.session.title == "a.md" and len(app.editor.extras) == 1
        await pilot.click(app.editor, offset=(x + 2, 0), control=True)
        await done(app, pilot)
        assert app.session.title == "b.md"


async def test_the_keys_of_vi_open_links() -> None:
    case = Case(a_md="[b](b.md)", b_md="bee")
    app = EditorApp([Opening(case.desks["a.md"])], Plain(preset="vi"), catalog=case)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("l", "g", "x")
        await done(app, pilot)
        assert app.session.title == "b.md"


# The folder


async def test_links_lead_to_files_beside_this_one(tmp_path: Path) -> None:
    catalog = FileCatalog(Paths.of_user(), replicas_of(Paths.of_user()), "ann")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "b c.md").write_text("x")
    near = str(tmp_path / "docs" / "a.md")
    assert await catalog.linked(("b%20c.md", "b c.md"), near) == str(tmp_path / "docs" / "b c.md")
    with pytest.raises(JptermError, match=r"There is no file x.md here"):
        await catalog.linked(("x.md", "y" * 5_000), near)


@pytest.mark.parametrize("name", ["../../secret.md", "/etc/passwd", "~/x", "../x/../../y"])
async def test_on_a_server_links_stay_in_the_shared_folder(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def list_pads(server: object) -> list[str]:
        return ["docs/a.md", "docs/b.md", "top.md", "etc/passwd", "secret.md"]

    monkeypatch.setattr("jpterm_like.client.file_catalog.list_pads", list_pads)
    catalog = FileCatalog(Paths.of_user(), replicas_of(Paths.of_user()), "ann")
    near = "ws://box:8765/docs/a.md"
    assert await catalog.linked(("b.md",), near) == "ws://box:8765/docs/b.md"
    assert await catalog.linked(("../top.md",), near) == "ws://box:8765/top.md"
    with pytest.raises(JptermError, match="outside of the shared folder"):
        await catalog.linked((name,), near)


# The browser


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_the_browser_gets_the_address_as_one_harmless_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv("BROWSER", str(program(tmp_path, "browse", f'printf "%s|" "$@" > {told}')))
    assert await browser.open_address("https://a.org/$(touch)'b?d=1&e;f|g")
    assert told.read_text() == "https://a.org/%24%28touch%29%27b?d=1&e%3Bf%7Cg|"
    assert not await browser.open_address("--help") and not await browser.open_address("file:///etc/passwd")


async def test_a_browser_that_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of the terminal does: it gets none, or it would write over the editor."""
    monkeypatch.setenv("BROWSER", str(program(tmp_path, "browse", "exec < /dev/tty")))
    assert not await browser.open_address("https://a.org")


def test_without_a_desktop_there_is_no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    program(tmp_path, "xdg-open", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.opener() is None
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.opener() == [str(tmp_path / "xdg-open")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert browser.opener() is None


# The terminal


def test_a_marked_link_begins_and_ends_where_its_cells_do() -> None:
    """And it ends before the cursor goes elsewhere, in the codes for both kinds of painting."""
    encoder = RowEncoder(StyleCodes(None))
    style = link_style("https://a.org", None)
    encoder.write(0, 0, [Segment("a ", Style()), Segment("link", style), Segment(" b", Style())], 0)
    encoder.write(0, 0, [Segment("link", style)], 1)
    encoder.end()
    text = "".join(encoder.parts)
    assert text.count(f"\x1b]8;id={style.link_id};https://a.org\x1b\\") == 2
    assert text.count("\x1b]8;;\x1b\\") == 2 and text.rindex("\x1b]8;;") > text.rindex("link")


async def test_addresses_are_marked_for_terminals_that_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One id for the two rows of a wrapped one; nothing in a terminal that may print what it does not know."""
    address = "https://a.org/" + "x" * 60
    for name, count in (("xterm-256color", 1), ("linux", 0), ("dumb", 0)):
        monkeypatch.setenv("TERM", name)
        app = EditorApp([Opening(Case(a_md=f"see {address} now").desks["a.md"])], Plain(soft_wrap=True))
        app.driver_class = Terminal
        async with app.run_test(headless=False, size=(50, 10)) as pilot:
            await pilot.pause()
            driver = app._driver
            assert isinstance(driver, Terminal)
            ids = {part.partition(";")[0] for part in driver.written.split("\x1b]8;id=")[1:]}
            assert len(ids) == count
            await pilot.press("end", "X")
            if count:
                assert f";{address}\x1b\\" in driver.written
            assert "now" in driver.rows()[2] + driver.rows()[1]
            await pilot.resize_terminal(49, 10)


async def test_typing_into_an_address_changes_the_mark() -> None:
    async with opened(Case(a_md="https://a.org/b")) as (_, pilot, terminal):
        terminal.written = ""
        await pilot.press("end", "c")
        assert ";https://a.org/bc\x1b\\" in terminal.written
