"""Words have their colours: in each language, after edits as well as anew, and never before the key."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path
from time import process_time

import pytest

from crdt import TextBuffer
from crdt.patch import Splice
from jpterm_like.tui.syntax import grammars, languages
from jpterm_like.tui.syntax.git_files import GitHighlighter
from jpterm_like.tui.syntax.grammars import is_too_deep
from jpterm_like.tui.syntax.highlighter import LINE_MAX, Highlighter, has_long_line, open_highlighter
from jpterm_like.tui.syntax.highlights import Words
from jpterm_like.tui.text.layout import TextLayout
from tests.tui.desk import Desk
from tests.tui.terminal import settle, terminal, until

SAMPLES = {
    "python": ('class A:\n    """Doc\n    more"""\n    def f(self): return None  # end\n', "def", "keyword"),
    "markdown": ("# Title\n\nSome *word* and `code`.\n\n```python\ndef f(): pass\n```\n", "def", "keyword"),
    "json": ('{"a": [1, true]}\n', "1", "number"),
    "toml": ('[table]\na = "x" # end\n', "# end", "comment"),
    "yaml": ("a: 1 # end\nb:\n  - x\n", "# end", "comment"),
    "bash": ('for i in *; do echo "$i"; done # end\n', "for", "keyword"),
    "html": ("<p class='a'>x</p><script>let a = 1</script>\n", "let", "keyword"),
    "css": ("a { color: red } /* end */\n", "/* end */", "comment"),
    "javascript": ("const a = `x` // end\n", "const", "keyword"),
}
INSTALLED = [name for name in SAMPLES if grammars.load(name) is not None]


def read(text: str, name: str) -> Highlighter:
    syntax = open_highlighter(TextLayout(TextBuffer.genesis(text, site=1)), name)
    assert syntax is not None
    while syntax.behind:
        syntax.step(1.0)
    return syntax


def test_a_closed_text_leaves_memory() -> None:
    """A tree keeps the function that read its text, which the garbage collector does not see: each closed text stayed."""
    syntax = read(SAMPLES["markdown"][0], "markdown")
    text_layout = syntax._text_layout
    patch = text_layout.buffer.replace(2, 2, "more ")
    syntax.follow(patch, text_layout.follow(patch))
    assert syntax.step(1.0) and words(syntax)
    layout = weakref.ref(text_layout)
    del syntax, text_layout
    gc.collect()
    assert layout() is None


def words(syntax: Highlighter) -> list[Words]:
    rows = range(len(syntax._text_layout.lines))
    syntax.look(rows)
    while syntax.unseen:
        syntax.look(rows)
    return [syntax.words(row) for row in rows]


def test_what_is_installed_with_the_program_is_there() -> None:
    assert list(SAMPLES) == INSTALLED


@pytest.mark.parametrize("name", SAMPLES)
def test_words_are_found(name: str) -> None:
    text, wanted, kind = SAMPLES[name]
    lines = text.split("\n")
    found = {(lines[row][a:b], k) for row, of_row in enumerate(words(read(text, name))) for a, b, k in of_row}
    assert (wanted, kind) in found, found


@pytest.mark.parametrize("name", sorted(grammars.SOURCES))
def test_each_grammar_that_is_there_fits_its_patterns(name: str) -> None:
    """One that is not installed is no error, and neither is one of another time."""
    grammar = grammars.load(name)
    if grammar is not None and name != "markdown_inline":
        assert name in languages.grammars()
        words(read("a = 1\n" * 3, name))


@pytest.mark.parametrize("name", ["python", "markdown", "javascript"])
@pytest.mark.parametrize("seed", range(8))
def test_after_edits_words_are_those_of_the_text_read_anew(name: str, seed: int) -> None:
    """Also in the midst of a reading, with several changes at once, and with characters that take four bytes."""
    dice = random.Random(seed)
    text = SAMPLES[name][0] * 3 + "🙂 = 中\n"
    ann, bob = Desk(text, "ann", 1), Desk(text, "bob", 2)
    ann.join(bob)
    text_layout = TextLayout(ann.buffer)
    syntax = open_highlighter(text_layout, name)
    assert syntax is not None
    if seed % 2:
        syntax.step(1.0)
    for _ in range(40):
        start = dice.randint(0, len(ann.buffer))
        end = min(len(ann.buffer), start + dice.choice((0, 0, 1, 12)))
        new = dice.choice(["x", "\n", '"', "def f():\n    pass\n", "🙂", "`", "", "*"])
        if dice.random() < 0.5:
            patch = ann.buffer.replace(start, end, new)
        else:
            bob.buffer.integrate(ann.buffer.changes_since(bob.buffer.version))
            bob.buffer.replace(start, end, new)
            bob.buffer.replace(0, 0, "# ")
            patch = ann.buffer.integrate(bob.buffer.changes_since(ann.buffer.version))
        syntax.follow(patch, text_layout.follow(patch))
        if dice.random() < 0.3:
            syntax.step(0.0)
        if dice.random() < 0.3:
            while syntax.behind:
                syntax.step(1.0)
            words(syntax)
    while syntax.behind:
        syntax.step(1.0)
    assert words(syntax) == words(read(ann.buffer.text, name)), seed


def test_words_stay_with_their_text_until_they_are_read_again() -> None:
    syntax = read("return None\nreturn 1\n", "python")
    words(syntax)
    text_layout = syntax._text_layout
    for offset, new in ((0, "  "), (2 + len("return"), "ed"), (0, "\n")):
        patch = text_layout.buffer.replace(offset, offset, new)
        syntax.follow(patch, text_layout.follow(patch))
    found = [[text_layout.line(row)[a:b] for a, b, _ in syntax.words(row)] for row in range(4)]
    assert found[1:] == [["returned", "None"], ["return", "1"], []] or found[2] == ["return", "1"]


@pytest.mark.parametrize(
    ("title", "first", "grammar"),
    [
        ("a.py", "", "python"),
        ("docs/README.md", "", "markdown"),
        ("run", "#!/usr/bin/env python3", "python"),
        ("run", "#!/bin/sh -e", "bash"),
        ("run", "#!/usr/bin/env -S node --x", "javascript"),
        ("notes.txt", "#!/bin/sh", "bash"),
        ("notes", "hello", ""),
        ("Makefile", "", ""),
        ("a.rs", "", "rust"),
    ],
)
def test_the_language_is_found_by_name_or_first_line(title: str, first: str, grammar: str) -> None:
    assert languages.language_of(title, first).grammar == grammar


async def test_colours_come_and_follow_what_is_typed() -> None:
    """A key is painted before the parser has it; a moment later its word has its colour."""
    desk = Desk("x = 1\nreturn x\n")
    desk.title = "a.py"
    async with terminal(desk, (60, 10)) as (app, pilot, screen):
        keyword = app.palette.word("keyword")
        assert keyword is not None

        def coloured(y: int) -> str:
            """The keywords in a row."""
            return " ".join(
                segment.text
                for segment in app.editor.render_line(y)
                if segment.style is not None and segment.style.color == keyword.color
            )

        async def colours(y: int, text: str) -> None:
            for _ in range(1_000):
                if coloured(y) == text:
                    return
                await pilot.pause(0.02)
            raise AssertionError(coloured(y))

        await colours(1, "return")
        app.editor.type("if ")
        settle(app)
        assert screen.rows()[0].strip().endswith("if x = 1")
        await colours(0, "if")
        app.editor.highlighting._grammar = ""
        app.editor.highlighting.restart()
        app.editor.update()
        assert coloured(0) == coloured(1) == ""


@pytest.mark.parametrize(
    ("name", "line", "rows"),
    [
        ("python", "[" * 200, 1000),  # one broken node with all brackets as its children
        ("json", "[" * 200, 1000),
        ("javascript", "*_~" * 66, 400),  # nested as deep as the text is long
        ("toml", "1. " * 66, 1000),
        ("markdown", "> " * 100 + "x", 1000),
    ],
)
def test_a_text_of_signs_alone_costs_no_second(name: str, line: str, rows: int) -> None:
    """Looked at where it begins, in its middle and at its end; without the bounds it takes from half a second to hours."""
    syntax = read(f"{line}\n" * rows, name)
    for first in (0, rows // 2, rows - 20):
        begin = process_time()
        syntax._find(first, first + 19)
        assert process_time() - begin < 0.2


def test_a_long_list_has_its_colours() -> None:
    """Its parts are asked one by one, for there are more of them than are asked at once."""
    syntax = read("[\n" + '{"a": 1, "b": true},\n' * 15_000 + "null]\n", "json")
    syntax.look(range(7000, 7010))
    lines = syntax._text_layout.buffer.text.split("\n")
    found = {(lines[7005][start:end], kind) for start, end, kind in syntax.words(7005)}
    assert {("1", "number"), ("true", "constant.builtin")} <= found, found
    syntax.look([0])
    assert syntax.has(0)


def test_a_missing_grammar_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(grammars.SOURCES, "other", grammars.Source("tree_sitter_nowhere"))
    assert grammars.load("other") is None and grammars.load("no such thing") is None
    assert open_highlighter(TextLayout(TextBuffer.genesis("x", site=1)), "other") is None


def test_words_in_sight_are_asked_for_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look takes a portion at least and no more when its time is over; the next ones have the rest."""
    monkeypatch.setattr("jpterm_like.tui.syntax.highlighter.LOOK_S", 0.0)
    line = "a = [" + "1, " * 500 + "]"
    syntax = read("\n".join([line] * 20), "python")
    sizes: list[int] = []
    find = syntax._find
    monkeypatch.setattr(
        syntax, "_find", lambda first, last: (sizes.append(last + 1 - first), find(first, last))[1]
    )
    looks = 0
    while looks == 0 or syntax.unseen:
        syntax.look(range(20))
        looks += 1
    assert sizes == [2] * 10
    assert looks == 10
    assert all(syntax.words(row) for row in range(20))


def test_a_line_that_has_no_colours_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minified file is one line, whose words took a second at each key and were not shown."""
    syntax = read("a = 1\n" + "b = 2;" * 20_000 + "\nc = 3", "javascript")
    asked: list[tuple[int, int]] = []
    find = syntax._find
    monkeypatch.setattr(
        syntax, "_find", lambda first, last: (asked.append((first, last)), find(first, last))[1]
    )
    found = words(syntax)
    assert asked == [(0, 0), (2, 2)]
    assert found[0] and found[2] and not found[1]


async def test_a_text_that_the_parser_comes_to_no_end_with_is_left_in_one_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said once, and nothing is read any more until the language is chosen anew."""
    monkeypatch.setattr("jpterm_like.tui.syntax.parsing.PARSE_S", -1.0)
    steps: list[float] = []
    monkeypatch.setattr(Highlighter, "step", lambda self, time_s: bool(steps.append(time_s)))
    desk = Desk("a = 1\n")
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, _):
        await until(pilot, lambda: "too long to parse" in app.editor.messages.text)
        assert app.editor.renderer.syntax is None
        await pilot.press("x")
        await pilot.pause()
        assert len(steps) == 1


def kinds(text: str, name: str) -> dict[str, str]:
    """The kinds of words by the words; of those at one place the last counts, as on the screen."""
    lines = text.split("\n")
    return {
        lines[row][a:b]: kind for row, found in enumerate(words(read(text, name))) for a, b, kind in found
    }


def test_markdown_knows_front_matter_both_fences_bare_addresses_and_struck_out_words() -> None:
    text = (
        "---\ntitle: One\n---\n\nSee https://x.org/a?b=c, `https://code.org`, <https://auto.org>, ~~gone~~ and www.y.org.\n\n"
        "```python\nx = 1\n```\n"
    )
    found = kinds(text, "markdown")
    assert found["title: One"] == "text.quote" and found["title"] == "property"
    assert found["https://x.org/a?b=c"] == found["www.y.org"] == found["<https://auto.org>"] == "text.uri"
    assert "https://code.org" not in found
    assert found["~~gone~~"] == "text.strike"
    assert found["```"] == found["```python"] == "text.literal"


def test_python_operators_that_are_words_are_keywords() -> None:
    found = kinds("for a in b:\n    if a is not c and a not in d or not e: pass\n", "python")
    assert {found[word] for word in ("in", "is not", "and", "not in", "or", "not")} == {"keyword"}


MESSAGE = """\
area: say what is done, in no more than fifty letters, but this is longer
and no blank line

Body.
# Please enter the commit message
# ------------------------ >8 ------------------------
# Do not modify
diff --git a/x b/x
@@ -1 +1 @@
-old
+new
"""


def of_git(text: str, title: str) -> list[dict[str, str]]:
    layout = TextLayout(TextBuffer.genesis(text, site=1))
    syntax = GitHighlighter(layout, languages.language_of(title).grammar)
    syntax.look(range(len(layout.lines)))
    lines = text.split("\n")
    return [{lines[row][a:b]: kind for a, b, kind in syntax.words(row)} for row in range(len(lines))]


def test_a_commit_message_shows_what_is_too_long_and_what_is_no_message() -> None:
    found = of_git(MESSAGE, "COMMIT_EDITMSG")
    assert found[0] == {MESSAGE[:50]: "heading", MESSAGE.split("\n")[0][50:]: "deleted"}
    assert found[1] == {"and no blank line": "deleted"}
    assert found[2] == found[3] == {}
    assert {kind for row in found[4:7] for kind in row.values()} == {"comment"} and all(found[4:7])
    assert [list(row.values()) for row in found[7:11]] == [
        ["heading"],
        ["comment"],
        ["deleted"],
        ["inserted"],
    ]
    assert of_git("\nshort\n\nbody\n", "COMMIT_EDITMSG")[1:3] == [{"short": "heading"}, {}]
    assert of_git("# only\n", "MERGE_MSG")[0] == {"# only": "comment"}
    assert of_git("", "TAG_EDITMSG") == [{}]


def test_the_list_of_a_rebase_shows_steps_and_commits() -> None:
    todo = "pick 1a2b3c4 area: do\ndrop 5d6e7f8 no\nf -C 9abcdef0 more\nexec make test\npicked up\n# Rebase\n"
    assert of_git(todo, ".git/rebase-merge/git-rebase-todo")[:6] == [
        {"pick": "keyword", "1a2b3c4": "constant"},
        {"drop": "deleted", "5d6e7f8": "constant"},
        {"f": "keyword", "9abcdef0": "constant"},
        {"exec": "keyword"},
        {},
        {"# Rebase": "comment"},
    ]


async def test_a_commit_message_is_coloured_as_it_is_written() -> None:
    desk = Desk("\n\n# Please enter\n")
    desk.title = "COMMIT_EDITMSG"
    async with terminal(desk, (100, 15), theme="dark") as (app, pilot, screen):
        await until(pilot, lambda: app.editor.renderer.syntax is not None)
        app.editor.type("x" * 51)
        settle(app)
        row, theme = screen.screen.buffer[0], app.palette.theme
        left = app.editor.text_x
        assert row[left].fg == theme.colour_of("heading").removeprefix("#") and row[left].bold
        assert row[left + 50].fg == theme.colour_of("deleted").removeprefix("#")


@pytest.mark.parametrize("how", ["opened", "pasted", "joined"])
async def test_a_text_with_a_line_of_megabytes_is_left_in_one_colour(how: str) -> None:
    """Keys that were typed while a line of 5 MB was parsed took 17 GB, and the end of the parse 0.2 s in one step."""
    long = "[1, 2], " * (LINE_MAX // 16 + 1)
    desk = Desk(
        "a = 1\n" + (long + long if how == "opened" else long + "\n" + long if how == "joined" else "")
    )
    desk.title = "a.py"
    async with terminal(desk) as (app, pilot, _):
        if how != "opened":
            await until(pilot, lambda: app.editor.renderer.syntax is not None)
        if how == "pasted":
            desk.replace(6, 6, f"b = [\n{long}{long}\n]\n")
        elif how == "joined":
            desk.replace(6 + len(long), 7 + len(long), "")
        await until(pilot, lambda: "line of this text is too long" in app.editor.messages.text)
        assert app.editor.renderer.syntax is None


DEEP = "".join(" " * level + "a:\n" for level in range(400))


@pytest.mark.parametrize("how", ["opened", "pasted", "joined", "signs"])
async def test_a_yaml_text_that_would_end_the_program_is_left_in_one_colour(how: str) -> None:
    """The grammar overwrote memory beyond 254 levels, so anybody could end the editors of all who had the text open."""
    desk = Desk(
        "a: 1\nb: 1\n" + (DEEP if how == "opened" else "- " * 30 + "\n" + "- " * 30 + "a\n" + "x: 1\n")
    )
    desk.title = "a.yaml"
    async with terminal(desk) as (app, pilot, _):
        if how != "opened":
            await until(pilot, lambda: app.editor.renderer.syntax is not None)
        if how == "pasted":
            desk.replace_all([Splice(10, 10, DEEP), Splice(0, 0, "\n" * 5)])
        elif how == "joined":
            desk.replace(70, 71, "")
        elif how == "signs":
            desk.replace(10, 10, "--- " + "? " * 300 + "a\n")
        await until(pilot, lambda: "nested too deeply" in app.editor.messages.text)
        assert app.editor.renderer.syntax is None


def test_a_ruler_of_dashes_is_not_deep() -> None:
    assert not is_too_deep("yaml", "a: 1\n# " + "-" * 120 + "\nb: 2\n" + " " * 60 + "x\n")
    assert is_too_deep("yaml", "--" + "- " * 60) and not is_too_deep("python", DEEP)


async def test_yaml_in_markdown_that_would_end_the_program_has_no_colours() -> None:
    desk = Desk(f"# Notes\n\n```yaml\n{DEEP}```\n")
    desk.title = "a.md"
    async with terminal(desk) as (app, pilot, _):
        await until(pilot, lambda: (it := app.editor.renderer.syntax) is not None and not it.behind)
        app.editor.run("page_down")
        await until(pilot, lambda: (it := app.editor.renderer.syntax) is not None and not it.unseen)


def test_long_lines_are_found_without_reading_every_line() -> None:
    assert not has_long_line("") and not has_long_line("x" * LINE_MAX) and has_long_line("x" * (LINE_MAX + 1))
    assert not has_long_line(("x" * LINE_MAX + "\n") * 3) and not has_long_line("\n" * (3 * LINE_MAX))
    assert has_long_line("a\n" * LINE_MAX + "x" * (LINE_MAX + 1) + "\n")
