"""Files that are not UTF-8: the server reads them, keeps what they are written in, and converts them on request."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from jpterm_like.client.events import RequestFailed
from jpterm_like.files.encoding import Form
from jpterm_like.server.charset_note import CHARSET, encode_charsets, known_by
from jpterm_like.server.load_document import open_document
from jpterm_like.storage import FolderStorage
from jpterm_like.storage.memory import MemoryStorage
from jpterm_like.sync import wire
from tests.e2e.terminal import PROGRAM
from tests.server.test_outside_writers import Desk, desk, until

__all__ = ["desk"]  # a fixture

GERMAN = "Grüße aus Köln\r\nfür alle\r\n"


@pytest.mark.parametrize("charset", ["iso8859-1", "cp1251", "cp932", "gb18030", "utf-16-le"])
async def test_a_file_keeps_its_encoding_and_is_told(charset: str, desk: Desk) -> None:
    text = {
        "cp1251": "Привет, мир\r\nэто текст\r\n",
        "cp932": "日本語です\r\n",
        "gb18030": "这是中文\r\n",
    }.get(charset, GERMAN)
    file = desk.file()
    file.write_bytes(text.encode(charset))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        assert ann.text == text.replace("\r\n", "\n")
        await until(lambda: ann.form == Form(False, ("\r\n",), charset), "the form")
        await ann.save()
        assert file.read_bytes() == text.encode(charset)
        ann.replace(0, 0, "new\n")
        await ann.save()
        assert file.read_bytes() == ("new\r\n" + text).encode(charset)
        with file.open("ab") as stream:
            stream.write("more\r\n".encode(charset))
        await until(lambda: ann.text.endswith("more\n"), "what another program appended")
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        await until(lambda: ann.form and ann.form.charset == charset, "it is remembered")
        assert ann.text == "new\n" + text.replace("\r\n", "\n") + "more\n" and ann.saved


async def test_what_the_encoding_lacks_is_told_and_conversion_saves_it(desk: Desk) -> None:
    file = desk.file()
    file.write_bytes("10 Pfund für dich\n".encode("latin-1"))
    async with desk.serve(autosave_s=0.05):
        ann, bob = await desk.join("ann"), await desk.join("bob")
        ann.replace(0, 0, "first\n10 €\n")
        notice = await desk.hears("Latin-1 has no “€”")
        assert "line 2" in notice.sentence and "Save in another encoding" in notice.sentence
        with pytest.raises(RequestFailed, match=r"notes\.md was not saved: Latin-1 has no “€” \(U\+20AC\)"):
            await ann.save()
        assert file.read_bytes() == "10 Pfund für dich\n".encode("latin-1")
        await ann.reform(Form(False, ("\n",), "utf-8"))
        assert file.read_text("utf-8") == ann.text == "first\n10 €\n10 Pfund für dich\n"
        await until(lambda: bob.form == Form(False, ("\n",), "utf-8"), "bob is told")
        await bob.reform(Form(True, ("\r\n",), "utf-16-le"))
        assert file.read_bytes() == b"\xff\xfe" + ann.text.replace("\n", "\r\n").encode("utf-16-le")
        with pytest.raises(RequestFailed, match="not known here"):
            await bob.reform(Form(False, ("\n",), "rot13"))
        ann.replace(0, 0, "and ")
        await until(
            lambda: file.read_bytes().startswith("\ufeffand first\r\n".encode("utf-16-le")), "autosave"
        )


async def test_a_wrong_guess_is_corrected_and_stays_so(desk: Desk) -> None:
    file = desk.file()
    file.write_bytes("Ţară şi ţel\n".encode("iso8859-2"))
    async with desk.serve():
        ann, bob = await desk.join("ann"), await desk.join("bob")
        await ann.read_again("cp1252")
        await until(lambda: bob.text == "Þarã ºi þel\n" and bob.saved, "the other reading")
        await desk.hears("ann read notes.md again as Windows-1252.")
        await ann.read_again("iso8859-2")
        await until(lambda: bob.text == "Ţară şi ţel\n", "the right one")
        with pytest.raises(RequestFailed, match="is not text in UTF-32 LE"):
            await ann.read_again("utf-32-le")
        await ann.read_again("cp1252")
        await ann.rename("other.md")
        await desk.leave()
    file = desk.file("other.md")
    async with desk.serve():
        ann = await desk.join("ann", "other.md")
        assert ann.text == "Þarã ºi þel\n" and ann.saved
        file.write_bytes("Ţară şi ţel ţ\n".encode("iso8859-2"))
        await until(lambda: ann.text == "Þarã ºi þel þ\n", "another program's change, read as was chosen")


async def test_a_file_that_another_program_converts_is_the_same_text(desk: Desk) -> None:
    file = desk.file()
    file.write_bytes(GERMAN.encode("latin-1"))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        before = ann.version
        file.write_bytes(GERMAN.encode())
        await until(lambda: ann.form == Form(False, ("\r\n",), "utf-8"), "the new form")
        assert ann.saved and ann.version == before
        file.write_bytes(("€ " + GERMAN).encode("utf-16"))
        await until(lambda: ann.form == Form(True, ("\r\n",), "utf-16-le"), "UTF-16 by its mark")
        await until(lambda: ann.text.startswith("€ Grüße") and ann.saved, "the change")


async def test_two_edit_at_once_here_and_on_the_disk_in_another_encoding(desk: Desk) -> None:
    file = desk.file()
    file.write_bytes("eins für\nzwei\ndrei\n".encode("latin-1"))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        ann.replace(0, 0, "ä")
        await ann.stored()
        file.write_bytes("eins für\nzwei\ndrei ü\n".encode("latin-1"))
        await ann.save()
        assert file.read_bytes() == "äeins für\nzwei\ndrei ü\n".encode("latin-1")


@pytest.mark.parametrize("dies_after", ["base", CHARSET, "coming"])
def test_a_crash_while_a_file_is_converted_loses_and_doubles_nothing(tmp_path: Path, dies_after: str) -> None:
    """Whichever note is the last one that the store got."""
    file = tmp_path / "notes.md"
    file.write_bytes(GERMAN.encode("latin-1"))
    storage = FolderStorage(tmp_path / "stores")
    store = storage.open("notes.md")
    document, _ = open_document("notes.md", file, None, store)
    document.pad.replace(0, 0, "neu ", 0.0)
    written: list[str] = []
    write_blob = store.write_blob

    def dying(name: str, data: bytes) -> None:
        if dies_after not in written:
            write_blob(name, data)
            written.append(name)

    store.write_blob = dying  # type: ignore[method-assign]
    asyncio.run(document.reform(Form(False, ("\n",), "utf-8")))
    store.close()
    for _ in range(2):
        store = storage.open("notes.md")
        document, damage = open_document("notes.md", file, None, store)
        assert document.pad.buffer.text == "neu " + GERMAN.replace("\r\n", "\n") and not damage
        assert document.form == Form(False, ("\n",), "utf-8")
        asyncio.run(document.close())


def test_the_note_on_charsets_tells_two_states_apart_and_is_empty_for_utf_8() -> None:
    old, new = known_by(None, b"x"), known_by(None, b"y")
    assert encode_charsets([old, new]) == b""
    note = encode_charsets([old._replace(raw="ü".encode()), new._replace(charset="iso8859-1", raw=b"\xfc")])
    assert known_by(note, "ü".encode()).charset == "utf-8"
    assert known_by(note, b"\xfc").charset == "iso8859-1"
    assert known_by(note, b"plain").charset == "iso8859-1", "the newest counts for what is in neither"
    assert known_by(note[:7], b"z") == known_by(None, b"z")


def test_a_file_in_utf_8_leaves_no_note(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("Grüße\n")
    store = MemoryStorage().open("notes.md")
    document, _ = open_document("notes.md", file, None, store)
    document.pad.replace(0, 0, "x", 0.0)
    asyncio.run(document.save())
    assert CHARSET not in store.blobs()
    asyncio.run(document.close())


async def test_a_peer_without_the_feature_is_sent_no_form(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jpterm_like.sync.link.FEATURES", tuple(set(wire.FEATURES) - {wire.FORMS}))
    desk.file().write_bytes(GERMAN.encode("latin-1"))
    async with desk.serve(autosave_s=None):
        ann = await desk.join("ann")
        ann.replace(0, 0, "x")
        await ann.save()
        assert desk.file().read_bytes() == b"x" + GERMAN.encode("latin-1") and ann.form is None
        with pytest.raises(RequestFailed, match="earlier release, which cannot convert a file"):
            await ann.reform(Form(False, ("\n",)))


async def test_scripts_read_and_append_in_the_file_s_encoding(desk: Desk) -> None:
    desk.file().write_bytes(GERMAN.encode("latin-1"))
    async with desk.serve(autosave_s=0.05):
        address = f"ws+unix://{desk.socket}:/notes.md"

        def script(command: str, given: str = "") -> str:
            done = subprocess.run(
                [*PROGRAM, command, address], input=given.encode(), capture_output=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.decode()

        assert await asyncio.to_thread(script, "cat") == GERMAN.replace("\r\n", "\n")
        await asyncio.to_thread(script, "append", "höre\n")
        await until(
            lambda: desk.file().read_bytes() == (GERMAN + "höre\r\n").encode("latin-1"), "it is in the file"
        )


async def test_a_file_that_is_not_there_is_new_on_a_server_too_and_its_folders_are_named(desk: Desk) -> None:
    desk.file("empty.md").write_text("")
    async with desk.serve(autosave_s=None):
        ann, bob = await desk.join("ann", "nope/deep/x.md"), await desk.join("bob", "nope/deep/x.md")
        await until(lambda: ann.is_new and bob.is_new, "there is no file")
        ann.replace(0, 0, "x")
        assert await ann.save() == "nope/deep"
        await until(lambda: not ann.is_new and not bob.is_new, "it is there now")
        ann.replace(0, 0, "x")
        assert await ann.save() == ""
        carl = await desk.join("carl", "empty.md")
        await until(lambda: carl.form is not None, "the form")
        assert not carl.is_new, "an empty file is no new one"
        desk.file("empty.md").unlink()
        await until(lambda: carl.is_new, "it was deleted")


async def test_a_file_that_becomes_another_charset_s_while_it_is_open_is_left_alone_until_somebody_says_which(
    desk: Desk,
) -> None:
    """It may be half written, or broken; nothing is guessed over a text that was UTF-8."""
    file = desk.file()
    file.write_text("eins\nzwei\nfür\n")
    async with desk.serve(autosave_s=0.05):
        ann = await desk.join("ann")
        file.write_bytes("eins\nzwei\nfür dich\n".encode("latin-1"))
        notice = await desk.hears("is not UTF-8: byte 11 fits nothing")
        assert "“Read again in another encoding” reads it" in notice.sentence
        ann.replace(0, 0, "x")
        await ann.stored()
        assert ann.text == "xeins\nzwei\nfür\n" and file.read_bytes() == "eins\nzwei\nfür dich\n".encode(
            "latin-1"
        )
        await ann.read_again("iso8859-1")
        await until(
            lambda: file.read_bytes() == "xeins\nzwei\nfür dich\n".encode("latin-1"),
            "both changes, in Latin-1",
        )
        assert ann.text == "xeins\nzwei\nfür dich\n"
