"""Stories: a text with carets, keys, a text with carets.

    ann: he|llo   bob: |hello        a state: the first sets the scene, later ones are what must be
    bob presses X enter              keys as Textual names them
    ann pastes one⏎two               a bracketed paste
    ann leaves / ann returns         the line drops; the line is back

`|` is the caret (or one of several), `^` the other end of a selection, `⏎` a newline, `⇥` a tab. With one person the name may be left
out. Persons are told apart by `name: `, three blanks before the next.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import Any

from textual.pilot import Pilot

from jpterm_like.tui.app import EditorApp
from jpterm_like.tui.editor import Editor
from jpterm_like.tui.workspace import Opening
from tests.tui.desk import Desk, Plain


class Story:
    """Some people with one text, and what happens to them."""

    def __init__(self, size: tuple[int, int] = (60, 15), title: str = "notes.md", **settings: object) -> None:
        self.size = size
        self.title = title
        self.settings = settings
        self.desks: dict[str, Desk] = {}
        self.pilots: dict[str, Pilot[int]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Story:
        return self

    async def __aexit__(self, *problem: Any) -> None:
        await self._stack.aclose()

    def editor(self, name: str = "ann") -> Editor:
        return self.pilots[name].app.query_one(Editor)

    async def begin(self, **texts: str) -> None:
        plain = {name: re.sub(r"[|^]", "", text) for name, text in texts.items()}
        assert len(set(plain.values())) == 1, "all begin with one text"
        for site, (name, text) in enumerate(plain.items(), 1):
            desk = Desk(text, name, site)
            desk.title = self.title
            for other in self.desks.values():
                desk.join(other)
            self.desks[name] = desk
            app = EditorApp([Opening(desk)], Plain(**self.settings))
            self.pilots[name] = await self._stack.enter_async_context(app.run_test(size=self.size))
            await self.pilots[name].pause()
        for name, text in texts.items():
            editor = self.editor(name)
            caret = text.replace("^", "").find("|")
            mark = text.replace("|", "").find("^")
            editor.cursor.put(max(0, caret), mark if mark >= 0 else None)
            editor.finish()

    async def go_on(self, step: str) -> None:
        step = step.replace("⏎", "\n").replace("⇥", "\t")
        if action := re.fullmatch(r"(?:(\w+) )?(presses|types|pastes|leaves|returns) ?(.*)", step, re.DOTALL):
            name = action[1] or "ann"
            await self._act(name, action[2], action[3])
            return
        parts = re.split(r"(?:^|   )(\w+): ", step)
        texts = dict(zip(parts[1::2], parts[2::2], strict=True)) or {"ann": step}
        if not self.desks:
            await self.begin(**texts)
            return
        for name, text in texts.items():
            assert self.state(name) == text, f"{name} has {self.state(name)!r}, expected {text!r}"

    async def _act(self, name: str, verb: str, what: str) -> None:
        desk, pilot = self.desks[name], self.pilots[name]
        if verb == "presses":
            await pilot.press(*what.split())
        elif verb == "types":
            await pilot.press(*what)
        elif verb == "pastes":
            from textual.events import Paste

            pilot.app.query_one(Editor).post_message(Paste(what))
        elif verb == "leaves":
            desk.online = False
        elif verb == "returns":
            desk.online = True
            for one in (desk, *desk.neighbours):
                one.receive()
        for other in self.pilots.values():
            await other.pause()

    def state(self, name: str) -> str:
        text = self.desks[name].buffer.text
        editor = self.editor(name)
        marks = []
        for cursor in (editor.cursor, *editor.extras):
            marks += [(cursor.caret, "|")] + ([] if cursor.mark is None else [(cursor.mark, "^")])
        for offset, sign in sorted(marks, reverse=True):
            text = text[:offset] + sign + text[offset:]
        return text
