"""Mistakes of ours, made on purpose: what is on the screen stays what is typed into."""

from __future__ import annotations

import asyncio

import pytest

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.render.screen import _read_keys
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal


async def test_after_a_mistake_in_following_a_change_the_text_is_shown_anew(
    monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    """An editor that could not follow a change begins anew with the session's text, and says so."""
    desk, other = Desk("hello", "ann", 1), Desk("hello", "bob", 2)
    desk.join(other)
    async with terminal(desk) as (app, pilot, screen):
        await pilot.press("end")

        def bad(*_: object) -> None:
            raise ValueError

        monkeypatch.setattr(app.editor.view, "follow", bad)
        other.replace(0, 0, "one\ntwo\n")
        await pilot.press("ctrl+end", "X")
        settle(app)
        assert desk.buffer.text == "one\ntwo\nhelloX"
        assert "the view was rebuilt" in app.editor.messages.text
        assert "helloX" in "\n".join(screen.rows())
    assert len(mistakes) == 1
    mistakes.clear()


async def test_an_editor_that_cannot_show_the_text_at_all_ends(
    monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    """Nobody types into rows that are not the text: the program ends, and its caller tells the mistake in a sentence."""
    desk, other = Desk("hello", "ann", 1), Desk("hello", "bob", 2)
    desk.join(other)

    def bad(*_: object) -> None:
        raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"):
        async with terminal(desk) as (app, pilot, _):
            monkeypatch.setattr(app.editor.view, "follow", bad)
            monkeypatch.setattr(app.editor, "_reopen", bad)
            with pytest.raises(ValueError, match="no rows"):
                other.replace(0, 0, "one\n")
            await pilot.pause()
    assert len(mistakes) == 1
    mistakes.clear()


async def test_a_command_that_fails_by_a_mistake_of_ours_is_told(mistakes: list[str]) -> None:
    """What somebody asked for and was not done is said, whatever the reason."""
    desk = Desk("hello")
    desk.refusal = ValueError("no sentence")  # type: ignore[assignment]
    async with terminal(desk) as (app, pilot, _):
        await pilot.press("x", "ctrl+s")
        await pilot.pause()
        assert "A bug in jpterm-like" in app.editor.messages.text
        assert desk.buffer.text == "xhello"
    assert len(mistakes) == 1
    mistakes.clear()


async def test_a_mistake_in_the_thread_that_reads_keys_ends_the_program_like_any_other(
    mistakes: list[str],
) -> None:
    """Textual printed a traceback over the screen and ended with 0, as if all were well (F39)."""

    class Driver:
        def __init__(self, app: EditorApp) -> None:
            self._app, self._loop = app, asyncio.get_running_loop()

        def run_input_thread(self) -> None:
            raise ValueError("no key")

    app: EditorApp | None = None
    with pytest.raises(ValueError, match="no key"):
        async with terminal(Desk("hello")) as (app, pilot, _):
            await asyncio.to_thread(_read_keys, Driver(app))
            await pilot.pause()
    assert app is not None and app.return_code == 1 and isinstance(app.mistake, ValueError)
    mistakes.clear()
