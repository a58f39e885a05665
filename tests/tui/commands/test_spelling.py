"""Spelling: what is checked, marked, found and corrected; with a tiny dictionary of its own."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from jpterm_like.tui.editor import Editor
from jpterm_like.tui.render.undercurl import can_undercurl, with_undercurl
from jpterm_like.tui.spelling import checker as checkers
from jpterm_like.tui.spelling.checker import NoSpelling, SpellChecker
from jpterm_like.tui.spelling.dictionaries import find_dictionary, folders, language_of_locale
from jpterm_like.tui.spelling.words import words_of
from tests.tui.desk import Desk, Plain
from tests.tui.terminal import terminal, until

needs_spylls = pytest.mark.skipif(
    importlib.util.find_spec("spylls") is None, reason="spylls is not installed"
)

RIGHT = "this is a line with the word of text in it hello and some other words here to see café"


class Known(SpellChecker):
    """A checker that knows some words, without a process."""

    def __init__(self, config: Path, language: str = "", right: str = RIGHT) -> None:
        super().__init__(config, language)
        self.right = set(right.split())
        self.asked: list[str] = []
        self.may_suggest = asyncio.Event()
        self.may_suggest.set()

    async def start(self) -> None:
        self.dictionary = self.language
        self._read_own()

    async def _request(self, request: dict[str, object]) -> list[str]:
        if "suggest" in request:
            await self.may_suggest.wait()
            return ["hello", "help"]
        asked: Iterable[str] = request["check"]  # type: ignore[assignment]
        self.asked += asked
        return [word for word in asked if word.lower() not in self.right]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(checkers, "SpellChecker", Known)
    monkeypatch.setattr(checkers, "ASK_S", 0.0)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("jpterm_like.tui.app.can_undercurl", lambda environment: False)
    return tmp_path / "jpterm-like"


def marked(editor: Editor) -> list[str]:
    """The words that are marked on the screen."""
    assert editor.spelling is not None
    layout = editor.text_layout
    return [
        layout.line(row)[start:end]
        for row in range(len(layout.lines))
        for start, end in editor.spelling.marks(row)
    ]


@pytest.mark.parametrize(
    ("title", "text", "wrong"),
    [
        ("n.txt", "this is wrnog and teh word\n", ["wrnog", "teh"]),
        (
            "n.md",
            "# Teh *wrnog* `code` https://exmple.org\n\n```\nplian\n```\n\n    indnted\n",
            ["Teh", "wrnog"],
        ),
        ("n.py", 'varnme = "the txet {wrod}"  # a commnt\n', ["txet", "commnt"]),
        ("n.py", 'x = f"this {nme} is \\n hre"\n', ["hre"]),
        ("COMMIT_EDITMSG", "this wrod\n\n# On brnch\n", ["wrod"]),
        ("n.html", "<!-- teh --><p class='fooo'>bdoy</p>\n", ["teh"]),
    ],
)
async def test_prose_is_checked_and_code_is_not(title: str, text: str, wrong: list[str]) -> None:
    desk = Desk(text)
    desk.title = title
    async with terminal(desk, spelling=True) as (app, pilot, _):
        editor = app.query_one(Editor)
        await until(pilot, lambda: editor.spelling is not None and marked(editor) == wrong)


async def test_a_word_is_marked_when_it_is_complete() -> None:
    desk = Desk("\n")
    desk.title = "n.txt"
    async with terminal(desk, spelling=True) as (app, pilot, driver):
        editor = app.query_one(Editor)
        await until(pilot, lambda: editor.spelling is not None)
        await pilot.press(*"teh")
        await pilot.pause(0.05)
        assert marked(editor) == []
        await pilot.press("space")
        await until(pilot, lambda: marked(editor) == ["teh"])
        await until(pilot, lambda: any(cell.underscore for cell in driver.screen.buffer[0].values()))


async def test_each_word_is_asked_for_once() -> None:
    desk = Desk("teh word teh word\n" * 5)
    desk.title = "n.txt"
    async with terminal(desk, spelling=True) as (app, pilot, _):
        await until(pilot, lambda: app.checker is not None and marked(app.query_one(Editor)) == ["teh"] * 10)
        await pilot.press("down", "x", "space")
        await until(pilot, lambda: (isinstance(app.checker, Known) and "xteh" in app.checker.asked) or True)
        assert isinstance(app.checker, Known)
        assert len(app.checker.asked) == len(set(app.checker.asked))


async def test_to_the_next_misspelled_word_and_round() -> None:
    """The command switches spelling on; it finds words far below the screen, too."""
    desk = Desk("teh word\n" + "this line\n" * 300 + "a wrnog line\n")
    desk.title = "n.txt"
    async with terminal(desk) as (app, pilot, driver):
        editor = app.query_one(Editor)
        app.query_one(Editor).cursor.put(1)
        await pilot.press("alt+shift+t")
        await until(pilot, lambda: editor.cursor.caret == desk.buffer.text.index("wrnog"))
        await pilot.press("alt+shift+t")
        await until(pilot, lambda: editor.cursor.caret == 0)
        await until(pilot, lambda: any("Wrapped to the top." in row for row in driver.rows()))


async def test_without_a_misspelled_word_that_is_said() -> None:
    desk = Desk("this is a line\n" * 200)
    desk.title = "n.txt"
    async with terminal(desk) as (_, pilot, driver):
        await pilot.press("alt+shift+t")
        await until(pilot, lambda: any("No misspelled word." in row for row in driver.rows()))


async def test_a_word_is_corrected_in_one_step_with_as_few_letters_as_possible() -> None:
    desk, other = Desk("this helo word\n"), Desk("this helo word\n", "bob", 2)
    desk.title = other.title = "n.txt"
    async with terminal(desk) as (app, pilot, driver):
        editor = app.query_one(Editor)
        editor.cursor.put(7)
        await pilot.press("alt+shift+z")
        await until(pilot, lambda: any("Instead of “helo”" in row for row in driver.rows()))
        await pilot.press("enter")
        await until(pilot, lambda: desk.buffer.text == "this hello word\n")
        assert editor.cursor.caret == 10
        await pilot.press("ctrl+z")
        assert desk.buffer.text == "this helo word\n"


async def test_a_word_is_added_to_my_dictionary(home: Path) -> None:
    """A plain file, one word a line; other windows read it again."""
    desk = Desk("this xyzzy word\n")
    desk.title = "n.txt"
    async with terminal(desk, spelling=True) as (app, pilot, driver):
        editor = app.query_one(Editor)
        await until(pilot, lambda: editor.spelling is not None and marked(editor) == ["xyzzy"])
        editor.cursor.put(6)
        await pilot.press("alt+shift+z")
        await until(pilot, lambda: any("my dictionary" in row for row in driver.rows()))
        await pilot.press("end", *"my dictionary", "enter")
        await until(pilot, lambda: (home / "words.txt").exists())
        await until(pilot, lambda: marked(editor) == [])
        assert (home / "words.txt").read_text() == "xyzzy\n"
    again = Known(home)
    await again.check(["Xyzzy"])
    assert not again.is_wrong("Xyzzy")


async def test_keys_wait_for_the_list_that_was_asked_for() -> None:
    """Suggestions take a second: enter typed at once chooses the first of them, and begins no line."""
    desk = Desk("this helo word\n")
    desk.title = "n.txt"
    async with terminal(desk, spelling=True) as (app, pilot, _):
        editor = app.query_one(Editor)
        await until(pilot, lambda: editor.spelling is not None and marked(editor) == ["helo"])
        checker = app.checker
        assert isinstance(checker, Known)
        checker.may_suggest.clear()
        editor.cursor.put(7)
        await pilot.press("alt+shift+z", "enter")
        assert desk.buffer.text == "this helo word\n"
        checker.may_suggest.set()
        await until(pilot, lambda: desk.buffer.text == "this hello word\n")


async def test_the_keys_of_vi() -> None:
    desk = Desk("this helo word\n")
    desk.title = "n.txt"
    async with terminal(desk, preset="vi") as (app, pilot, driver):
        editor = app.query_one(Editor)
        await pilot.press("right_square_bracket", "s")
        await until(pilot, lambda: editor.cursor.caret == 5)
        await pilot.press("z", "equals_sign")
        await until(pilot, lambda: any("Instead of “helo”" in row for row in driver.rows()))


async def test_the_setting_counts_when_it_is_saved() -> None:
    desk = Desk("this helo word\n")
    desk.title = "n.txt"
    async with terminal(desk) as (app, pilot, _):
        editor = app.query_one(Editor)
        app._apply_settings(Plain(spelling=True))  # type: ignore[arg-type]
        await until(pilot, lambda: editor.spelling is not None and marked(editor) == ["helo"])
        app._apply_settings(Plain())  # type: ignore[arg-type]
        await until(pilot, lambda: editor.spelling is None and app.checker is None)


async def test_a_word_that_is_right_is_said_to_be() -> None:
    desk = Desk("hello\n")
    desk.title = "n.txt"
    async with terminal(desk) as (_, pilot, driver):
        await pilot.press("alt+shift+z")
        await until(pilot, lambda: any("is spelled correctly" in row for row in driver.rows()))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("See src/main.py or mail ann@x.org: HTTP gets 3rd", ["See", "or", "mail", "gets"]),
        ("the URLs, parseLine and snake_case don’t", ["the", "and", "don't"]),
        ("a re-read “quoted” e.g. here.", ["re-read", "quoted", "here"]),
        ("cafe\u0301 日本語", ["café"]),
        ("x" * 51, []),
    ],
)
def test_which_words_are_checked(line: str, words: list[str]) -> None:
    assert [word.text for word in words_of(line, 0, len(line))] == words


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de_DE"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "fr_FR@euro"}, "fr_FR"),
        ({"LANG": "C.UTF-8"}, "en_US"),
        ({}, "en_US"),
    ],
)
def test_the_language_of_the_locale(variables: dict[str, str], language: str) -> None:
    assert language_of_locale(variables) == language


def dictionary(folder: Path, name: str, words: str = "hello", affixes: str = "SET UTF-8\nTRY helo\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.aff").write_text(affixes)
    listed = words.split()
    (folder / f"{name}.dic").write_text("\n".join([str(len(listed)), *listed, ""]))
    return folder / name


def test_a_dictionary_is_found_by_language_else_of_another_country(tmp_path: Path) -> None:
    own, system = tmp_path / "own", tmp_path / "system"
    german, swiss = dictionary(system, "de_DE"), dictionary(system, "de_CH")
    mine = dictionary(own, "de_DE")
    assert find_dictionary("de_DE", [own, system]) == mine
    assert find_dictionary("de-CH", [own, system]) == swiss
    assert find_dictionary("de_AT", [system]) == swiss
    assert find_dictionary("de_DE", [system]) == german
    assert find_dictionary("fr_FR", [own, system]) is None
    assert tmp_path in folders(own, {"DICPATH": str(tmp_path)})


async def test_without_spylls_or_a_dictionary_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoSpelling, match="-m pip install spylls"):
        await SpellChecker(tmp_path, "en_US").start()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=None)
    )
    checker = SpellChecker(tmp_path, "xx_YY")
    checker._places = [dictionary(tmp_path, "en_US").parent]
    with pytest.raises(NoSpelling, match=r"xx_YY: install one, on Debian hunspell-xx-yy, or set .* en_US"):
        await checker.start()


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Callable[[str], SpellChecker]]:
    made = []

    def make(language: str) -> SpellChecker:
        checker = SpellChecker(tmp_path / "config", language)
        checker._places = [tmp_path, *checker._places]
        made.append(checker)
        return checker

    yield make
    for each in made:
        await each.close()


@needs_spylls
async def test_the_process_reads_a_dictionary(real: Callable[[str], SpellChecker], tmp_path: Path) -> None:
    """Words in letters that the language does not have are not judged."""
    dictionary(tmp_path, "tt_TT", "hello/S word", "SET UTF-8\nTRY helowrd\nSFX S Y 1\nSFX S 0 s .\n")
    checker = real("tt_TT")
    await checker.check(["hello", "hellos", "Hello", "helo", "wordo", "zzz", "слово"])
    assert [
        word
        for word in ("hello", "hellos", "Hello", "helo", "wordo", "zzz", "слово")
        if checker.is_wrong(word)
    ] == [
        "helo",
        "wordo",
    ]
    assert "hello" in await checker.suggestions("helo")
    assert checker.instead == ""
    other = real("tt_XX")
    await other.start()
    assert other.instead == "There is no dictionary for tt_XX, so tt_TT is used."


@needs_spylls
async def test_a_dictionary_that_cannot_be_read_is_said(
    real: Callable[[str], SpellChecker], tmp_path: Path
) -> None:
    dictionary(tmp_path, "bb_BB", "x", "SET nonsense\n")
    with pytest.raises(NoSpelling, match=r"bb_BB.dic cannot be read"):
        await real("bb_BB").start()


@needs_spylls
@pytest.mark.skipif(
    not Path("/usr/share/hunspell/en_US.dic").exists(), reason="hunspell-en-us is not installed"
)
async def test_the_dictionary_of_the_system(real: Callable[[str], SpellChecker]) -> None:
    checker = real("en_US")
    await checker.check(["spelling", "speling", "don't", "re-read"])
    assert [word for word in ("spelling", "speling", "don't", "re-read") if checker.is_wrong(word)] == [
        "speling"
    ]


def test_curly_lines_only_where_the_terminal_is_known_to_draw_them() -> None:
    assert can_undercurl({"TERM": "xterm-kitty"}) and can_undercurl(
        {"TERM": "xterm-256color", "VTE_VERSION": "6800"}
    )
    assert not can_undercurl({"TERM": "xterm-256color"}) and not can_undercurl({"TERM": "linux"})
    assert with_undercurl("\x1b[0;21;38;2;1;21;3m") == "\x1b[0;4:3;58:5:1;38;2;1;21;3m"
    assert with_undercurl("\x1b[38;5;21;48;5;21m") == "\x1b[38;5;21;48;5;21m"
