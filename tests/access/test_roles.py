"""What a token does not let its holder do, said to the server in messages that no editor of ours sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdt import TextBuffer, Version
from jpterm_like.access.permissions import BAN_S, Bans, Role
from jpterm_like.access.tokens import TokenBook, TokenRights
from jpterm_like.files import read
from jpterm_like.files.read import PlainFile, Stamp
from jpterm_like.files.write import write_plain
from jpterm_like.server.shared_folder import SharedFolder
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import link, wire
from jpterm_like.sync.pad import Pad
from tests.access.test_bounds import Holder, House


def holder(folder: Path, book: Path, role: Role, pad: str = "*") -> TokenRights:
    """Somebody with a token for what fits in a folder."""
    tokens = TokenBook(book)
    made, _ = tokens.make(role, pad=pad, folder=str(folder), lasts_s=None)
    return TokenRights(tokens, made, str(folder))


@pytest.mark.asyncio
async def test_a_token_for_some_names_tells_nothing_of_others(tmp_path: Path) -> None:
    """Whether there is a folder, a link, a repository or nothing under a name that it does not fit: the answers are alike."""
    root = tmp_path / "shared"
    for folder in ("docs", "plans", "code"):
        (root / folder).mkdir(parents=True)
    (root / "docs" / "notes.md").write_text("notes\n")
    (root / "code" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "plans" / "secret.md").write_text("secret\n")
    (root / "out").symlink_to(tmp_path)
    (root / "round").symlink_to("round")
    names = [
        "plans",
        "plans/secret.md",
        "code/x",
        "out",
        "out/x",
        "round",
        "nothing",
        "x/nothing",
        ".git",
        "",
    ]
    house = House(SharedFolder(root), 256)
    one = await house.enter("one", holder(root, tmp_path / "tokens", "edit", "docs/*"))
    assert isinstance(await house.open(one, 0, "docs/notes.md"), wire.Opened)
    for number, name in enumerate(names, 1):
        refused = await house.open(one, number, name)
        assert isinstance(refused, wire.Refuse)
        assert (refused.code, refused.sentence) == ("missing", f"There is no file {name} here.")
        house.say(one, wire.Rename(0, number, name))
        refused = await house.hear(one, (wire.Refuse, wire.Done))
        assert isinstance(refused, wire.Refuse)
        assert refused.sentence == f"You may not give or take the name {name} here."
    await house.close()


@pytest.mark.asyncio
async def test_nobody_waits_for_what_a_reader_says_to_have(tmp_path: Path) -> None:
    """A reader's word took the place of those whose history has what came from the file; that was then there twice."""
    file, storage = tmp_path / "notes.md", MemoryStorage()
    file.write_text("notes\n")
    house = House(SharedFolder(tmp_path), 256, storage)
    assert isinstance(await house.open(await house.enter("one"), 0, "notes.md"), wire.Opened)
    await house.close()
    file.write_text("notes\nby another program\n")
    lineage = TextBuffer.genesis("notes\n").lineage
    house = House(SharedFolder(tmp_path), 256, storage)
    reader = await house.enter("reader", holder(tmp_path, tmp_path / "tokens", "view"))
    writer = await house.enter("writer", Holder("writer"))
    waited_for: list[tuple[Version, ...]] = []
    for site, line in ((7, reader), (8, writer)):
        house.say(line, wire.Held(0, Version({site: 1})))
        house.say(line, wire.Open(0, "notes.md", False, site, lineage, Version({site: 5}), b"", False))
        assert isinstance(await house.hear(line, (wire.Opened, wire.Refuse)), wire.Opened)
        saver = house.server.documents.by_name["notes.md"].document.saver
        waited_for.append(saver.awaited)
    assert waited_for == [(), (Version({8: 5}),)]
    await house.close()


def test_one_owner_s_word_does_not_end_another_s(tmp_path: Path) -> None:
    """Who was put out of one folder, and then of another one by its owner, came back into the first."""
    book = tmp_path / "tokens"
    guest = holder(tmp_path, book, "edit")
    owners = {pad: holder(tmp_path, book, "own", f"{pad}/*") for pad in ("a", "b")}
    bans = Bans()
    for now, (pad, owner) in enumerate(owners.items()):
        bans.add(guest, owner, f"owner of {pad}", now)

    def against(name: str, now: float) -> str:
        return bans.why_banned(guest, name, tmp_path / name, now) or ""

    assert "owner of a" in against("a/notes.md", 1.0)
    assert "owner of b" in against("b/notes.md", 1.0)
    assert against("c/notes.md", 1.0) == against("a/notes.md", BAN_S) == ""
    assert "owner of b" in against("b/notes.md", BAN_S)


@pytest.mark.asyncio
async def test_texts_that_take_long_to_compare_are_compared_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at all of a large text for each message of one guest held everybody up."""
    (tmp_path / "notes.md").write_text("notes\n")
    compared: list[int] = []
    monkeypatch.setattr(Pad, "digest", lambda pad: compared.append(len(pad.buffer)) or b"x")
    house = House(SharedFolder(tmp_path), 256)
    one = await house.enter("one")
    opened = await house.open(one, 0, "notes.md")
    assert isinstance(opened, wire.Opened)
    compared.clear()
    for length_max in (5, 6):
        monkeypatch.setattr(link, "CHECK_LENGTH_MAX", length_max)
        house.say(one, wire.Check(0, opened.version, b"x"))
        house.say(one, wire.Ping())
        await house.hear(one, wire.Pong)
    assert compared == [6]
    await house.close()


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_file_that_others_can_have_linked_into_a_shared_folder_is_not_shared(
    mode: int, guarded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system lets anybody link to a file of mine, one with two names in a folder that others write is left alone."""
    monkeypatch.setattr(read, "are_links_guarded", lambda: guarded)
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(mode)
    (tmp_path / "private.md").write_text("secret\n")
    (root / "linked.md").hardlink_to(tmp_path / "private.md")
    (root / "notes.md").write_text("notes\n")
    inside = SharedFolder(root).root
    assert read.read_plain(root / "notes.md", inside=inside) is not None
    linked, known = root / "linked.md", PlainFile(b"notes\n", "notes\n", Stamp(0, 0, 0, 0, b""))
    if guarded or mode == 0o755:
        assert read.read_plain(linked, inside=inside) is not None
    else:
        for attempt in (
            lambda: read.read_plain(linked, inside=inside),
            lambda: write_plain(linked, b"secret\n", None, inside=inside),
            lambda: write_plain(linked, b"mine\n", known, inside=inside),
        ):
            with pytest.raises(read.NotShared, match="another name"):
                attempt()
    assert (tmp_path / "private.md").read_text() == "secret\n"
