"""Two people write apart, a server that was killed comes back, and both review what was merged."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.terminal import Serve, Terminal, run, terminals, until

TEXT = "color of rope\n\nhello world, fine day\n\nthe end\n"


async def test_two_who_were_apart_review_what_was_merged(tmp_path: Path) -> None:
    """Both correct one word, and one edits in a paragraph that the other deletes; each is told and has the list, and a
    decision of one is what both read."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "notes.md").write_text(TEXT)
    serve = Serve(folder)
    address = f"{serve.url}/notes.md"
    try:
        async with terminals() as terminal:
            ann: Terminal = terminal(address, "--name", "ann")
            await ann.shows("the end", "connected")
            bob: Terminal = terminal(address, "--name", "bob", columns=80, rows=24)
            await bob.shows("the end", "connected", "ann")
            serve.kill()
            for one in (ann, bob):
                await one.shows("offline")
            await ann.press("ctrl+home", "right", "right", "right", "right", "u")
            await ann.press("down", "down", "home", *["right"] * 5)
            await ann.type(" brave")
            await bob.press("ctrl+home", "right", "right", "right", "right", "right", "s")
            await bob.press("down", "down", "ctrl+k")
            await ann.shows("colour of rope", "hello brave world, fine day")
            await bob.shows("colors of rope")
            await until(lambda: "hello" not in bob.text, "the paragraph to be gone")
            serve.start()
            for one in (ann, bob):
                await one.shows("connected", "offline ", "where you wrote", "f9 shows")
            await ann.press("f9")
            await ann.shows("1 of 2", "you both changed this word", "[colors]", "[colour]", "! line 1")
            await ann.press("t")
            await ann.shows("2 of 2", "bob deleted this, you edited in it", "(deleted)", "[brave ]")
            await ann.press("m")
            for one in (ann, bob):
                await one.shows("colors of rope", "hello brave world, fine day")
            await ann.shows("all is decided")
            await ann.press("enter")
            await bob.press("f9")
            await bob.shows("1 of 2", "you both changed this word", "K rest")
            await bob.press("K")
            await bob.shows(
                "Kept the rest: "
            )  # one or two: what ann has settled is not counted, once that is known
            await bob.press("enter")
            await until(lambda: "─" not in bob.text and "! " not in bob.text, "the card to be closed")
        wanted = TEXT.replace("color", "colors").replace("hello", "hello brave")
        assert run("cat", address).stdout == wanted
    finally:
        serve.kill()
