"""Which file is this: titles of open files differ, and the terminal's title is the current file's."""

from __future__ import annotations

import re

import pytest

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.telling_titles import telling_titles
from jpterm_like.tui.workspace import Opening
from tests.tui.case import make
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import Terminal, terminal


@pytest.mark.parametrize(
    ("addresses", "shown"),
    [
        (["/work/server.py"], ["server.py"]),
        (["/work/server.py", "/work/client.py"], ["server.py", "client.py"]),
        (["/work/server.py", "/work/proj/server.py"], ["work/server.py", "proj/server.py"]),
        (["/a/x/y/f", "/b/x/y/f", "/g"], ["a/x/y/f", "b/x/y/f", "g"]),
        (["/f", "/a/f"], ["f", "a/f"]),
        (["/a/f", "/a/f"], ["a/f", "a/f"]),
        (["ssh://ann@box:22/~/docs/article.md"], ["box:article.md"]),
        (["ssh://box/~/a/f", "ssh://box/~/b/f", "/b/f"], ["box:a/f", "box:b/f", "f"]),
        (["ws://one:80/docs/f", "ws://two:80/docs/f"], ["one:80/docs/f", "two:80/docs/f"]),
        (["ws://one/docs/f", "/home/ann/f"], ["docs/f", "f"]),
        (["ws://one/a%20b", "wss://two/a%20b"], ["one/a b", "two/a b"]),
    ],
)
def test_the_shortest_end_that_differs(addresses: list[str], shown: list[str]) -> None:
    files = []
    for address in addresses:
        title = address.rpartition("/")[2].replace("%20", " ")
        if address.startswith("ws") and "docs" in address:
            title = f"docs/{title}"
        files.append((title, address))
    assert list(telling_titles(tuple(files))) == shown


def test_a_title_that_is_no_path_stays() -> None:
    assert telling_titles(
        (("Standard input", "/state/scratch/1"), ("Standard input", "/state/scratch/2"))
    ) == (
        "Standard input",
        "Standard input",
    )


def title(driver: Terminal) -> str:
    """The title that was set last; pyte takes the shape of the pointer for it."""
    return re.findall("\x1b]2;([^\x07]*)\x07", driver.written)[-1]


def desk_at(address: str) -> Desk:
    desk = make("server.py", "text")
    desk.address = address
    return desk


async def test_tabs_the_bar_and_the_terminal_name_the_same_file() -> None:
    app = EditorApp([Opening(desk_at("/work/server.py")), Opening(desk_at("/work/proj/server.py"))], Plain())
    app.driver_class = Terminal
    async with app.run_test(headless=False, size=(80, 15)) as pilot:
        await pilot.pause()
        driver = app._driver
        assert isinstance(driver, Terminal)
        assert "work/server.py  proj/server.py" in app.tab_line.render_line(0).text
        assert "work/server.py" in app.status_bar.render_line(0).text
        assert title(driver) == "work/server.py - jpterm-like"
        app.do_next_file()
        await pilot.pause()
        assert "proj/server.py" in app.status_bar.render_line(0).text
        assert title(driver) == "proj/server.py - jpterm-like"


async def test_a_name_cannot_end_the_title_and_go_on_as_commands() -> None:
    desk = Desk("text")
    desk.title = "a\x07\x1b]52;c;eA==\x07.md"
    async with terminal(desk) as (_, _, driver):
        assert title(driver) == "a␇␛]52;c;eA==␇.md - jpterm-like"


async def test_a_console_without_titles_is_not_sent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with terminal(Desk("text")) as (_, _, driver):
        assert "\x1b]2;" not in driver.written
