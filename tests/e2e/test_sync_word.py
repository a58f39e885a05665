"""The word beside "saved": what the place that a text is synced with has of it, in real terminals of 60 columns."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.machines import machines
from tests.e2e.terminal import terminals


async def test_the_bottom_line_says_what_the_place_has_of_the_text(tmp_path: Path) -> None:
    """Also for a sync that was begun after the editor; and other texts say nothing."""
    place = tmp_path / "nas"
    place.mkdir()
    with machines(tmp_path, "Ann", "Bob") as [ann, bob]:
        (ann.home / "config" / "jpterm-like").mkdir()
        (ann.home / "config" / "jpterm-like" / "config.toml").write_text("keep_in_step = false\n")
        (ann.texts / "notes.md").write_text("hello\n")
        (ann.home / "other.md").write_text("not synced\n")
        async with terminals() as terminal:
            screen = terminal(str(ann.texts / "notes.md"), env=ann.variables, columns=60, rows=10)
            other = terminal(str(ann.home / "other.md"), env=ann.variables, columns=60, rows=10)
            await screen.says("saved")
            ann.sync(place)
            await screen.says("connected", "saved", "in nas", "line 1, column 1")
            await screen.type("more ")
            await screen.says("↑ 1 nas")
            await screen.press("ctrl+s")
            ann.sync(place)
            await screen.says("saved", "in nas")

            packs = []
            for line in ("one", "two", "three"):
                bob.sync(place)
                before = set(place.iterdir())
                bob.append("notes.md", line)
                bob.sync(place)
                packs += set(place.iterdir()) - before
            late = packs[1].rename(tmp_path / packs[1].name)
            ann.run("sync", str(place))
            await screen.says("↓ Bob: 1 on their way")
            late.rename(place / late.name)
            ann.sync(place)
            await screen.says("in nas")
            await screen.shows("three")

            place.rename(tmp_path / "unplugged")
            await screen.type("again ")
            assert ann.run("sync", str(place)).returncode == 1
            await screen.says("unsaved", "nas not reached ↑1")
            (tmp_path / "unplugged").rename(place)
            ann.sync(place)
            await screen.says("in nas")
            assert "nas" not in other.bar and "saved" in other.bar


async def test_texts_are_kept_in_step_while_they_are_open(tmp_path: Path) -> None:
    """Ann's folder was synced once; Bob opens one text by its address at the place. The last words are sent when an editor is closed."""
    place = tmp_path / "nas"
    place.mkdir()
    with machines(tmp_path, "Ann", "Bob") as [ann, bob]:
        (ann.texts / "notes.md").write_text("hello\n")
        ann.sync(place)
        async with terminals() as terminal:
            hers = terminal(str(ann.texts / "notes.md"), env=ann.variables, columns=60, rows=10)
            his = terminal(f"{place}/notes.md", env=bob.variables, columns=60, rows=10)
            await his.shows("hello")
            await his.says("in nas")
            await his.type("bob ")
            await hers.shows("bob hello")
            await hers.press("ctrl+end")
            await hers.type("ann ")
            await his.shows("ann")
            await his.says("in nas")
            await his.press("ctrl+home")
            await his.type("last ")
            his.hang_up()
            await hers.shows("last bob hello")


async def test_a_file_beside_the_packs_of_others_offers_to_share_their_texts(tmp_path: Path) -> None:
    """The command that is offered works as it stands; then a file there is told to be none of the texts that are synced."""
    with machines(tmp_path, "Ann", "Bob") as [ann, bob]:
        place = bob.home / "team"
        place.mkdir()
        (ann.texts / "notes.md").write_text("hello\n")
        ann.sync(place)
        (place / "mine.md").write_text("beside\n")
        async with terminals() as terminal:
            screen = terminal(str(place / "mine.md"), env=bob.variables, columns=160)
            await screen.shows("Texts are shared through this folder", "team-texts")
            said = " ".join(screen.text.split())
            command = said.partition("of your own: ")[2].partition(" mine.md")[0]
            assert command == "mkdir ~/team-texts && jpterm-like sync ~/team ~/team-texts"
        texts = bob.home / "team-texts"
        texts.mkdir()
        assert bob.run("sync", str(place), str(texts)).returncode == 0
        assert (texts / "notes.md").read_text() == "hello\n" and not (texts / "mine.md").exists()
        async with terminals() as terminal:
            screen = terminal(str(place / "mine.md"), env=bob.variables, columns=160)
            await screen.shows("A file here is not synced.")
            elsewhere = terminal(str(texts / "notes.md"), env=bob.variables, columns=160)
            await elsewhere.says("in team")
            assert "synced" not in elsewhere.text
