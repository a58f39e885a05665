"""Texts of a server that are read without being opened, for a search."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import cast

import pytest

from jpterm_like.access.addresses import Address
from jpterm_like.access.permissions import OWNER, Rights
from jpterm_like.access.tokens import TokenBook, TokenRights
from jpterm_like.client.pad_texts import TOO_OLD, PadTexts
from jpterm_like.errors import JptermError
from jpterm_like.server import text_reader
from jpterm_like.server.load_document import open_document
from jpterm_like.server.server import Server
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from tests.sync.test_listing import Near


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shared = tmp_path / "shared"
    (shared / "docs").mkdir(parents=True)
    (shared / "docs" / "notes.md").write_text("naïve notes\r\n")
    (shared / "plan.md").write_text("plan\n")
    (shared / "long.md").write_text("é" * (2 * wire.PART_BYTES_MAX))
    (shared / "binary").write_bytes(b"\0\1")
    (shared / ".hidden").write_text("hidden")
    (shared / "out").symlink_to(tmp_path)
    (tmp_path / "secret.md").write_text("secret")
    return shared


async def read(
    root: Path, names: Collection[str], rights: Rights = OWNER, typed: str = ""
) -> dict[str, str | None]:
    """The texts of these names; `typed` stands at the start of the open plan.md."""
    server = Server(SharedFolder(root), MemoryStorage(), autosave_s=None)
    server.start()
    try:
        if typed:
            opened = await server.documents.open("plan.md", root / "plan.md")
            opened.document.pad.replace(0, 0, typed, 0)
        address = cast(Address, Near(server, rights))
        found = {name: text async for name, text in PadTexts(address, names).read()}
        assert set(server.documents.by_name) <= {"plan.md"}, "nothing is opened"
        return found
    finally:
        await server.drain()


async def test_texts_are_read_as_they_stand_and_nothing_is_opened(root: Path) -> None:
    """Unsaved words included, in however many parts; what is no text, not shared or too long is told as such."""
    names = ["docs/notes.md", "plan.md", "long.md", "binary", ".hidden", "out/secret.md", "nothing", ""]
    found = await read(root, names, typed="not saved: ")
    assert found == {
        "docs/notes.md": "naïve notes\n",
        "plan.md": "not saved: plan\n",
        "long.md": "é" * (2 * wire.PART_BYTES_MAX),
        **dict.fromkeys(names[3:]),
    }


async def test_a_token_reads_only_what_it_may_open(root: Path, tmp_path: Path) -> None:
    tokens = TokenBook(tmp_path / "tokens")
    made, _ = tokens.make("view", pad="docs/*", folder=str(root), lasts_s=None)
    rights = TokenRights(tokens, made, str(root))
    found = await read(root, ["docs/notes.md", "plan.md", "docs/../plan.md"], rights, typed="x")
    assert found == {"docs/notes.md": "naïve notes\n", "plan.md": None, "docs/../plan.md": None}


async def test_a_text_that_is_too_long_is_not_given(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reader, "TEXT_BYTES_MAX", 10)
    assert await read(root, ["plan.md", "long.md"]) == {"plan.md": "plan\n", "long.md": None}


async def test_an_older_server_is_told_apart(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = tuple(each for each in wire.FEATURES if each != wire.READING)
    monkeypatch.setattr("jpterm_like.sync.link.FEATURES", features)
    with pytest.raises(JptermError, match=TOO_OLD):
        await read(root, ["plan.md"])


async def test_a_text_is_read_in_the_charset_that_its_document_noted(root: Path) -> None:
    """A person may have chosen it, and no guess would find it."""
    (root / "plan.md").write_bytes("Þarã\n".encode("cp1252"))
    storage = MemoryStorage()
    store = storage.open("plan.md")
    document, _ = open_document("plan.md", root / "plan.md", None, store)
    await document.read_again("cp1250", "ann")
    await document.close()
    server = Server(SharedFolder(root), storage, autosave_s=None)
    server.start()
    try:
        address = cast(Address, Near(server, OWNER))
        assert [text async for _, text in PadTexts(address, ["plan.md"]).read()] == ["Ţară\n"]
    finally:
        await server.drain()
