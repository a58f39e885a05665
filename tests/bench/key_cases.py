"""Texts and keys that were slow, or might be; for `tests.bench.keys`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from textual import events

from tests.bench.key_stage import Stage

Act = Callable[[Stage], Awaitable[object]]


class Case(NamedTuple):
    text: Callable[[], str]
    does: Act
    prepare: Act | None = None
    title: str = "notes.txt"
    options: Mapping[str, object] = MappingProxyType({})
    with_other: bool = False


def keys(*pressed: str) -> Act:
    return lambda stage: stage.press(*pressed)


def runs(command: str) -> Act:
    async def act(stage: Stage) -> None:
        stage.editor.run(command)
        await stage.quiet()

    return act


def at(place: float, mark: float | None = None, *then: Act) -> Act:
    """Put the caret at a share of the text."""

    async def act(stage: Stage) -> None:
        size = len(stage.editor.session.buffer)
        stage.go(int(place * size), None if mark is None else int(mark * size))
        await stage.quiet()
        for each in then:
            await each(stage)

    return act


def other_writes(place: float, text: str, caret: float | None = None) -> Act:
    async def act(stage: Stage) -> None:
        assert stage.other is not None
        size = len(stage.other.buffer)
        stage.other.replace(int(place * size), int(place * size), text)
        stage.other.show_caret(int((place if caret is None else caret) * size), None)
        await stage.quiet()

    return act


def other_moves(*places: float) -> Act:
    async def act(stage: Stage) -> None:
        assert stage.other is not None
        size = len(stage.other.buffer)
        for place in places:
            stage.other.show_caret(int(place * size), None)
            await asyncio.sleep(0.01)
        await stage.quiet()

    return act


def pastes(text: Callable[[], str]) -> Act:
    async def act(stage: Stage) -> None:
        made = text()
        await asyncio.sleep(0)
        stage.turns.clear()
        stage.editor.post_message(events.Paste(made))
        await stage.quiet()

    return act


# Texts

MB: Final = 1_000_000


def line_of_words(size: int = 2 * MB) -> str:
    return ("some words, a few of them longish; " * (size // 35 + 1))[:size]


def line_of_letters(size: int = 2 * MB) -> str:
    return "abcdefghij" * (size // 10)


def line_of_emoji(size: int = 2 * MB) -> str:
    return "héllo wörld 👩‍👩‍👧 日本語 ёлка\t" * (size // 28)


def line_of_json(size: int = 5 * MB) -> str:
    piece = '{"id":%d,"name":"n%d","tags":["a","b",{"x":[1,2,3]}],"ok":true},'
    return "[" + "".join(piece % (n, n) for n in range(size // 64)) + "{}]"


def words(count: int = 100_000) -> Callable[[], str]:
    def make() -> str:
        chance = random.Random(1)
        return "".join(f"{chance.randrange(10**6):06d} some words of text in a line\n" for _ in range(count))

    return make


def python(count: int = 100_000) -> str:
    return "".join(
        f"def f{n}(a, b):\n    if a > {n}:  # note\n        return [b, 'text', {n}]\n\n"
        for n in range(count // 4)
    )


def section(count: int = 100_000) -> str:
    return "".join(f"# Heading {n}\n\nsome *words* and `code` here\n- an item\n" for n in range(count // 4))


LINES: Final = {"words": line_of_words, "letters": line_of_letters, "emoji": line_of_emoji}

CASES: Final[dict[str, Case]] = {}


def _fill() -> None:
    for name, line in LINES.items():
        for wrap in (True, False):
            options: dict[str, object] = {"soft_wrap": wrap}
            tag = f"line of {name}, {'wrapped' if wrap else 'as it is'}: "

            def add(
                what: str,
                does: Act,
                prepare: Act | None = None,
                tag: str = tag,
                line: Callable[[], str] = line,
                options: dict[str, object] = options,
                **more: Any,
            ) -> None:
                CASES[tag + what] = Case(line, does, prepare, options=options, **more)

            start = at(0.0)
            for command in (
                "line_end",
                "text_end",
                "toggle_wrap",
                "word_right",
                "down",
                "page_down",
                "duplicate",
                "delete_lines",
                "delete_to_line_end",
                "upper",
                "delete_word_right",
                "select_all",
                "toggle_comment",
                "line_below",
                "matching_bracket",
                "add_next_match",
                "add_all_matches",
                "count_words",
                "wrap_paragraph",
                "toggle_fold",
                "fold_all",
                "align_table",
                "toggle_readable",
                "toggle_numbers",
                "toggle_whitespace",
                "newline",
                "join_lines",
                "move_lines_down",
                "tab",
                "outdent",
                "complete",
            ):
                add(command, runs(command), start)
            for command in (
                "line_start",
                "text_start",
                "up",
                "page_up",
                "word_left",
                "newline",
                "delete_left",
            ):
                add(f"{command} at the end", runs(command), at(1.0))
            add("a letter in the middle", keys("y"), at(0.5))
            add("newline in the middle", keys("enter"), at(0.5))
            add("backspace joins again", keys("backspace"), at(0.5, None, keys("enter")))
            add("undo of a letter", runs("undo"), at(0.5, None, keys("y")))
            add("paste over all", pastes(lambda: "short"), at(0.0, 1.0))
            add("undo of that", runs("undo"), at(0.0, 1.0, pastes(lambda: "short")))
            add("cut of all", runs("cut"), at(0.0, 1.0))
            add("indent of all", runs("tab"), at(0.0, 1.0))
            add("another writes at the start", other_writes(0.0, "xyz"), at(0.5), with_other=True)
            add("another writes at the end", other_writes(1.0, "xyz"), at(0.5), with_other=True)
            add("another's caret moves", other_moves(0.1, 0.9, 0.5, 1.0, 0.0), at(0.0), with_other=True)
            add(
                "a letter with a bar open",
                keys("y"),
                at(0.0, None, keys("ctrl+f", *"word"), runs("deselect")),
            )
            add("search of a word", keys("ctrl+f", *"word"), start)
            add("search of a pattern", keys("ctrl+f", *"a.*?b"), at(0.0, None, runs("toggle_regex")))
            add(
                "replace all",
                runs("replace_all"),
                at(0.0, None, keys("ctrl+r", "o", "tab", "0")),
            )
            add(
                "undo of replace all",
                runs("undo"),
                at(0.0, None, keys("ctrl+r", "o", "tab", "0"), runs("replace_all"), keys("escape", "escape")),
            )
    for key in (
        "0",
        "dollar_sign",
        "w",
        "e",
        "b",
        "x",
        "G",
        "D",
        "f ;",
        "d d",
        "p",
        "g g",
        "percent_sign",
        "d w",
        "c w",
        "v i w",
        "> >",
        "~",
        "right_parenthesis",
        "right_curly_bracket",
        "d a p",
        "u",
    ):
        pressed = [
            {
                "dollar_sign": "$",
                "percent_sign": "%",
                "right_parenthesis": ")",
                "right_curly_bracket": "}",
            }.get(k, k)
            for k in key.split()
        ]
        for place in (0.0, 0.5):
            CASES[f"vi, line of words: {' '.join(pressed)} at {place}"] = Case(
                line_of_words, keys(*pressed), at(place, None, keys("escape")), options={"preset": "vi"}
            )
    for ex in (
        "s/o/0/",
        "s/o/0/g",
        "%s/o/0/g",
        "g/o/d",
        "g/o/s/a/b/g",
        "v/xyz/d",
        "sort",
        "%d",
        "1,$>",
        "%j",
        "%y",
        "t.",
        "m$",
        "%t$",
        "1,5000m$",
    ):
        for name, text in (("line of words", line_of_words), ("100,000 lines", words())):
            CASES[f"vi, {name}: :{ex}"] = Case(
                text, keys(":", *ex, "enter"), at(0.0, None, keys("escape")), options={"preset": "vi"}
            )
            CASES[f"vi, {name}: undo of :{ex}"] = Case(
                text,
                keys("u"),
                at(0.0, None, keys("escape", ":", *ex, "enter")),
                options={"preset": "vi"},
            )
    for pressed in (
        "d G",
        "> G",
        "y G",
        "d G p",
        "= G",
        "g U G",
        "g q G",
        "! G c a t enter",
        "J",
        "9 9 9 9 9 J",
        "V G J",
        "/ z z z enter",
        "9 9 9 9 w",
        "9 9 9 9 9 x",
        "V G d",
        "V G >",
        "ctrl+v G I x escape",
        "q a j q 9 9 9 9 @ a",
        "* n n",
        "9 9 9 9 9 o x escape",
        "9 9 9 R x escape",
    ):
        CASES[f"vi, 100,000 lines: {pressed}"] = Case(
            words(), keys(*pressed.split()), at(0.0, None, keys("escape")), options={"preset": "vi"}
        )
        CASES[f"vi, 100,000 lines: undo of {pressed}"] = Case(
            words(), keys("u"), at(0.0, None, keys("escape", *pressed.split())), options={"preset": "vi"}
        )
    for command in (
        "sort_lines",
        "reverse_lines",
        "unique_lines",
        "tab",
        "outdent",
        "toggle_comment",
        "upper",
        "lower",
        "cut",
        "copy",
        "delete_left",
        "duplicate",
        "delete_lines",
        "join_lines",
        "wrap_paragraph",
        "move_lines_up",
        "move_lines_down",
        "carets_at_lines",
        "align_table",
        "count_words",
    ):
        CASES[f"100,000 lines, all selected: {command}"] = Case(words(), runs(command), at(1.0, 0.0))
        CASES[f"100,000 lines, all selected: undo of {command}"] = Case(
            words(), runs("undo"), at(1.0, 0.0, runs(command))
        )
        CASES[f"100,000 lines, all selected: redo of {command}"] = Case(
            words(), runs("redo"), at(1.0, 0.0, runs(command), runs("undo"))
        )
    CASES["100,000 lines, all selected: newline typed"] = Case(words(), keys("enter"), at(1.0, 0.0))
    CASES["100,000 lines, all selected: a bracket typed"] = Case(words(), keys("("), at(1.0, 0.0))
    for title, text in (("a.py", python), ("a.md", section), ("a.txt", words())):
        for command in (
            "fold_all",
            "outline",
            "toggle_preview",
            "find_next",
            "select_all",
            "text_end",
            "matching_bracket",
            "toggle_fold",
            "list_hunks",
            "toggle_spelling",
            "next_misspelling",
            "count_words",
            "complete",
        ):
            CASES[f"100,000 lines of {title}: {command}"] = Case(text, runs(command), at(0.001), title=title)
        CASES[f"100,000 lines of {title}: unfold_all"] = Case(
            text, runs("unfold_all"), at(0.0, None, runs("fold_all")), title=title
        )
        CASES[f"100,000 lines of {title}: a letter when all is folded"] = Case(
            text, keys("y"), at(0.0, None, runs("fold_all")), title=title
        )
        CASES[f"100,000 lines of {title}: enter when all is folded"] = Case(
            text, keys("enter"), at(0.0, None, runs("fold_all")), title=title
        )
        CASES[f"100,000 lines of {title}: down when all is folded"] = Case(
            text, runs("page_down"), at(0.0, None, runs("fold_all")), title=title
        )
    replace = [keys("ctrl+r", "o", "tab", "0"), runs("replace_all")]
    CASES["100,000 lines: replace all, 300,000 matches"] = Case(
        words(), replace[1], at(0.0, None, replace[0])
    )
    CASES["100,000 lines: undo of that"] = Case(
        words(), runs("undo"), at(0.0, None, *replace, keys("escape", "escape"))
    )
    CASES["100,000 lines: redo of that"] = Case(
        words(), runs("redo"), at(0.0, None, *replace, keys("escape", "escape"), runs("undo"))
    )
    CASES["100,000 lines: a letter after that"] = Case(
        words(), keys("y"), at(0.0, None, *replace, keys("escape", "escape"))
    )
    CASES["10,000 lines: undo of replace all, 10,000 matches"] = Case(
        words(10_000),
        runs("undo"),
        at(0.0, None, keys("ctrl+r", *"words", "tab", "0"), replace[1], keys("escape", "escape")),
    )
    CASES["100,000 lines: search of a word"] = Case(words(), keys("ctrl+f", *"text"), at(0.0))
    CASES["100,000 lines: search of a pattern"] = Case(
        words(), keys("ctrl+f", *"e.*?x"), at(0.0, None, runs("toggle_regex"))
    )
    CASES["100,000 lines: select all matches"] = Case(words(), runs("add_all_matches"), at(0.0001))
    CASES["100,000 lines: a letter at 1,000 carets"] = Case(
        words(), keys("y"), at(0.0001, None, runs("add_all_matches"))
    )
    CASES["100,000 lines: undo at 1,000 carets"] = Case(
        words(), runs("undo"), at(0.0001, None, runs("add_all_matches"), keys("y"))
    )
    CASES["100,000 lines: enter at 1,000 carets"] = Case(
        words(), keys("enter"), at(0.0001, None, runs("add_all_matches"))
    )
    CASES["100,000 lines: left at 1,000 carets"] = Case(
        words(), runs("left"), at(0.0001, None, runs("add_all_matches"))
    )
    CASES["100,000 lines: upper at 1,000 carets"] = Case(
        words(), runs("upper"), at(0.0001, None, runs("add_all_matches"))
    )
    big = words(130_000)
    for title in ("a.txt", "a.py", "a.md"):
        CASES[f"paste of 5 MB, {title}"] = Case(lambda: "line\n" * 100, pastes(big), at(0.0), title=title)
        CASES[f"undo of a paste of 5 MB, {title}"] = Case(
            lambda: "line\n" * 100, runs("undo"), at(0.0, None, pastes(big)), title=title
        )
        CASES[f"redo of a paste of 5 MB, {title}"] = Case(
            lambda: "line\n" * 100, runs("redo"), at(0.0, None, pastes(big), runs("undo")), title=title
        )
    CASES["paste of 5 MB in one line"] = Case(
        lambda: "line\n" * 100, pastes(lambda: line_of_words(5 * MB)), at(0.0)
    )
    CASES["undo of a paste of 5 MB in one line"] = Case(
        lambda: "line\n" * 100, runs("undo"), at(0.0, None, pastes(lambda: line_of_words(5 * MB)))
    )
    CASES["another pastes 5 MB"] = Case(
        lambda: "line\n" * 100, other_writes(0.0, "a line of words\n" * 300_000), at(0.5), with_other=True
    )
    CASES["another pastes 5 MB in one line"] = Case(
        lambda: "line\n" * 100, other_writes(0.0, "a line of words " * 300_000), at(0.5), with_other=True
    )
    for title in ("a.json", "a.txt", "a.js", "a.md"):
        for command in (
            "matching_bracket",
            "toggle_preview",
            "outline",
            "complete",
            "text_end",
            "toggle_spelling",
            "next_misspelling",
            "toggle_fold",
            "fold_all",
            "find_next",
            "toggle_comment",
            "open_link",
            "count_words",
        ):
            CASES[f"JSON of 5 MB in one line as {title}: {command}"] = Case(
                line_of_json, runs(command), at(0.0), title=title
            )
        CASES[f"JSON of 5 MB in one line as {title}: a letter in the middle"] = Case(
            line_of_json, keys("y", "z"), at(0.5), title=title
        )
        CASES[f"JSON of 5 MB in one line as {title}: a bracket in the middle"] = Case(
            line_of_json, keys("{"), at(0.5), title=title
        )
    hostile = {
        "brackets": "([{" * 30_000,
        "brackets in lines": "([{\n" * 30_000,
        "closing": ")]}" * 30_000,
        "quotes": "\"'`" * 30_000,
        "quotes in lines": "\"'`\n" * 30_000,
        "angles": "<a " * 30_000,
        "tags in lines": "<div><p>\n" * 30_000,
        "stars": "*_" * 45_000,
        "stars in lines": "**a _b `c\n" * 20_000,
        "comments": "/* // # -- \n" * 20_000,
        "dollars": "${" * 30_000,
        "heredocs": "<<A\n" * 30_000,
        "indents": "".join(" " * (n % 200) + "- a:\n" for n in range(10_000)),
        "deep": "".join(" " * min(n, 900) + "a:\n" for n in range(2_000)),
        "links": "[a](b" * 20_000,
        "links in lines": "[[[a](b\n" * 20_000,
        "colons": "a: b: c: " * 20_000,
        "control": "if a then\nwhile b do\ncase c in\n" * 8_000,
        "surrogates": "\U0001d54f = '\U0001d54f'\n" * 20_000,
        "nul": "\x00\x01 = \x1b[31m\n" * 20_000,
    }
    endings = (
        "py",
        "md",
        "js",
        "json",
        "html",
        "css",
        "sh",
        "toml",
        "yaml",
        "rs",
        "c",
        "cpp",
        "go",
        "java",
        "ts",
        "tsx",
        "rb",
        "lua",
        "sql",
        "xml",
        "diff",
    )
    for kind, hard in hostile.items():
        for ending in endings:
            CASES[f"hostile {kind} as {ending}: letters"] = Case(
                lambda hard=hard: hard,
                keys("y", "("),
                at(0.5),
                title=f"a.{ending}",  # type: ignore[misc]
            )
    for kind, hard in hostile.items():
        for command in (
            "outline",
            "complete",
            "toggle_fold",
            "fold_all",
            "matching_bracket",
            "newline",
            "toggle_preview",
        ):
            CASES[f"hostile {kind} as md: {command}"] = Case(
                lambda hard=hard: hard,
                runs(command),
                at(0.5),
                title="a.md",  # type: ignore[misc]
            )


_fill()
