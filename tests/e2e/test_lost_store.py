"""The folder of the stores is removed under a real server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import jpterm_like
from tests.e2e.terminal import Serve, run, until


async def test_a_served_folder_that_is_cleaned_has_its_store_again(tmp_path: Path) -> None:
    """`git clean -fdx`: what is called stored afterwards survives a kill -9, git ignores the new store, too, and the server is
    found by the note where it listens."""
    (tmp_path / "notes.md").write_text("begin\n")
    server = Serve(tmp_path, "--save-after", "1000")
    async with jpterm_like.connect(server.url + "/notes.md", name="ann", state_dir=tmp_path / "ann") as ann:
        ann.replace(0, 0, "one\n")
        await ann.stored()
        identity = (tmp_path / ".jpterm-like/identity").read_bytes()
        note = (tmp_path / ".jpterm-like/serving.json").read_bytes()
        shutil.rmtree(tmp_path / ".jpterm-like")
        ann.replace(0, 0, "two\n")
        await ann.stored()
        server.kill()
        assert (tmp_path / ".jpterm-like/identity").read_bytes() == identity
        assert (tmp_path / ".jpterm-like/serving.json").read_bytes() == note
        assert (tmp_path / ".jpterm-like/serving.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".jpterm-like/.gitignore").read_text() == "*\n"
    server.start()
    try:
        shown = await asyncio.to_thread(run, "cat", server.url + "/notes.md")
        assert shown.stdout == "two\none\nbegin\n"
    finally:
        assert server.stop() == 0


async def test_a_server_that_could_not_store_says_so_by_its_exit_code(tmp_path: Path) -> None:
    """A file is in the place of its stores: nothing can be stored, nor saved without that."""
    (tmp_path / "notes.md").write_text("begin\n")
    server = Serve(tmp_path)
    async with jpterm_like.connect(server.url + "/notes.md", name="ann", state_dir=tmp_path / "ann") as ann:
        ann.replace(0, 0, "one\n")
        await ann.stored()
        shutil.rmtree(tmp_path / ".jpterm-like")
        (tmp_path / ".jpterm-like").write_text("in the way\n")
        ann.replace(0, 0, "two\n")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ann.stored(), 1)
        assert ann.unsent
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await until(stopping.done, "the server's end")
        assert stopping.result() == 1
