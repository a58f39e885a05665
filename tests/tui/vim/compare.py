"""Random keys of vi in our editor and in Vim itself: the same text and the same caret.

Vim is started once for all sequences. A long run: `python -m tests.tui.vim.compare 20000 [FIRST SEED]`.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from jpterm_like.tui.clipboard import Clipboard
from jpterm_like.tui.commands import basic, lines
from jpterm_like.tui.commands.editing import Editing
from jpterm_like.tui.commands.vi import Vi
from jpterm_like.tui.commands.vi.text import Place
from jpterm_like.tui.keymap import Keymap
from jpterm_like.tui.text.closing_marks import ClosingMarks
from jpterm_like.tui.text.cursors import Cursor
from jpterm_like.tui.text.layout import TextLayout
from jpterm_like.tui.text.unseen_changes import UnseenChanges
from jpterm_like.tui.text.viewport import View
from tests.tui.desk import Desk, Plain

VIM: Final = shutil.which("vim")

SCRIPT: Final = r"""
set nocompatible noautoindent nosmartindent nocindent tabstop=4 shiftwidth=4 noexpandtab softtabstop=0 undolevels=1000
set nojoinspaces nostartofline& startofline cpoptions& backspace=indent,eol,start nrformats=bin,hex encoding=utf-8 belloff=all
set noswapfile viminfo= timeoutlen=0 ttimeoutlen=0 nofixendofline nomore report=9999 scrolloff=0 nowrapscan& wrapscan magic
set shortmess+=s formatoptions= comments= nofoldenable lines=24 columns=80 textwidth=0
let s:out = []
for s:line in readfile($VIM_CASES)
  let s:case = json_decode(s:line)
  silent! bwipe!
  enew!
  setlocal undolevels=-1
  silent! %delete _
  call setline(1, s:case.lines)
  setlocal undolevels=1000
  let s:names = split('abcdefghijklmnopqrstuvwxyz0123456789-"', '\zs')
  for s:name in s:names
    call setreg(s:name, [])
  endfor
  silent! s/zzzz//e
  let @/ = ''
  call setcharsearch({'char': '', 'forward': 1, 'until': 0})
  delmarks!
  delmarks A-Z
  clearjumps
  call cursor(s:case.row + 1, s:case.byte + 1)
  for s:keys in s:case.pieces
    try
      call feedkeys(s:keys, 'tx')
    catch
    endtry
  endfor
  call add(s:out, json_encode({'lines': getline(1, '$'), 'row': line('.') - 1, 'byte': col('.') - 1}))
endfor
call writefile(s:out, $VIM_RESULTS)
qall!
"""

TEXTS: Final = (
    "one two  three\n\tfour(five, six) [a]\n\nlast line here. Second.",
    "alpha beta_1 -- gamma\n  {x: \"q u\", 'y'}\n    deep (a (b) c)\n\n\nx = 12 -7 0x1f 007\nend",
    "a\nb\nc",
    "",
    "word",
    "éa 中文字 ü-x y\n\tt\tu\nfoo.bar(baz)\n} {\n",
    "first line\n\n\n   \nthird <b>bold</b> `q` end\nfoo foo bar foo\n\tfoo",
)

MOTIONS: Final = (
    "h", "l", "j", "k", "w", "b", "e", "W", "B", "E", "ge", "gE", "0", "^", "$", "G", "gg", "{", "}", "%", "fa", "fe", "t ",
    "Fo", "To", "; ", ";", ",", "+", "-", "_", "g_", "2w", "3l", "2j", "3|", "n", "N", "*", "#", "2fo", "2G",
    "(", ")", "2)", "[(", "])", "[{", "2ge", "2b", "3e", "2F ", "2}", "2{",
)  # fmt: skip
OBJECTS: Final = (
    "iw", "aw", "iW", "aW", 'i"', 'a"', "i'", "i(", "a(", "i[", "i{", "a{", "ip", "ap", "2aw", "2iw", "it", "i<", "i`",
    "is", "as", "2as", "3aw", "2iW", "at", "a<", "ib", "aB", "2i(", "2ap",
)  # fmt: skip
OPERATORS: Final = ("d", "c", "y", ">", "<", "gu", "gU", "g~")
SIMPLE: Final = (
    "x", "X", "D", "Y", "J", "gJ", "p", "P", "~", "rZ", "2x", "3~", "2J", "dd", "yy", "cc\x1b", ">>", "<<", "u", ".",
    "2.", "2p", "gp", "gP", "3dd", "\x01", "\x18", "5\x01", "gUU", "g~~", "&",
)  # fmt: skip
INSERTS: Final = (
    "i",
    "a",
    "I",
    "A",
    "o",
    "O",
    "s",
    "S",
    "C",
    "cw",
    "ciw",
    "R",
    "2i",
    "3A",
    "2o",
    "cb",
    "c$",
    "gI",
)
TYPED: Final = ("X", "ab", "q r", "(", "\r", "m\rn", "", "x\x08y", "12")
REGISTERS: Final = ('"a', '"b', '"A', '"_', '"1', '"2', '"-', '"0')
EX: Final = (
    ":s/o/0/\r", ":%s/a/AA/g\r", ":s/e\\(.\\)/<\\1&>/\r", ":2,$s/o/x/\r", ":g/o/d\r", ":v/o/d\r", ":2\r", ":$\r", ":d\r",
    ":1,2d\r", ":noh\r", ":2y a\r", ":>\r", ":2m0\r", ":1t.\r", ":j\r", ":%s/o/\\r/\r", ":s/x*/-/g\r", ":g/e/s/e/E/\r",
    "/fo\r", "/e\r", "?o\r", ":.,+1s/e/&&/g\r", ":&&\r",
    ":%norm A;\r", ":norm xp\r", ":2norm dw\r", ":g/o/norm ~\r", ":%norm wrZ\r",
    ":pu\r", ":2,3j\r", ":%s/\\<./X/\r", ":v/e/s/o/0/\r",
)  # fmt: skip


PRELUDE: Final = "iq\x1buylf§:s/zzzz//e\rv\x1b"
"""What each case begins with, so that "." is not what the case before left in Vim."""


class Case(NamedTuple):
    """A text, a caret and pieces of keys that are typed one after the other."""

    seed: int
    text: str
    caret: int
    pieces: list[str]

    def told(self) -> str:
        return f"seed {self.seed}: {self.text!r} at {self.caret}, keys {self.pieces!r}"


def command(dice: random.Random) -> str:
    """One random command as keys."""
    kind = dice.randrange(100)
    count = dice.choice(("", "", "", "2", "3"))
    register = dice.choice(REGISTERS) if dice.random() < 0.15 else ""
    if kind < 22:
        return count + dice.choice(MOTIONS)
    if kind < 42:
        name = dice.choice(OPERATORS)
        keys = register + name + dice.choice(MOTIONS if dice.random() < 0.6 else OBJECTS)
        return keys + (dice.choice(TYPED) + "\x1b" if name == "c" else "")
    if kind < 62:
        simple = dice.choice(SIMPLE)
        if simple == "2.":  # Vim does a count twice that stands between a register and "."
            register = ""
        return dice.choice(("", "", "", "2")) * bool(register) + register + simple
    if kind < 74:
        return dice.choice(INSERTS) + dice.choice(TYPED) + "\x1b"
    if kind < 84:
        marks = dice.choice(("v", "V", "v", "\x16", "\x16"))
        moves = "".join(
            dice.choice(MOTIONS if dice.random() < 0.8 else OBJECTS) for _ in range(dice.randint(0, 2))
        )
        does = dice.choice(
            (
                "d",
                "y",
                "c",
                "~",
                "u",
                "U",
                "J",
                "gJ",
                "r*",
                "\x01",
                "IX",
                "AY",
                ">",
                "<",
                "rQ",
                "p",
                "\x1b",
                "o\x1b",
                "x",
                "P",
                "O\x1b",
                "D",
                "C",
                "S",
                "R",
                "X",
                "Y",
                "2>",
                "g~",
                "gU",
                "$AZ",
            )
        )
        if does in ("p", "P"):
            register = ""
        if does in (">", "<", "2>") and marks == "\x16":  # in Vim a block is shifted, here its lines
            does = "y"
        if does in ("IX", "AY", "$AZ") and marks != "\x16":
            does = "d"
        return (
            marks
            + moves
            + register
            + does
            + (
                dice.choice(("X", "ab", "")) + "\x1b"
                if does in ("c", "C", "S", "R", "IX", "AY", "$AZ")
                else ""
            )
        )
    if kind < 91:
        return dice.choice(EX)
    if kind < 95:
        return dice.choice(("ma", "mb", "'a", "ma`a", "''", "'b", "d'a", "majd`a", "'<", "v2l\x1b`>"))
    if kind < 97:
        inner = "".join(dice.choice(SIMPLE[:8] + MOTIONS[:20]) for _ in range(2))
        return f"qw{inner}q" + dice.choice(("@w", "2@w", "@w@@", ""))
    return dice.choice(("v2l\x1bgvd", "Vj\x1bgvy", "dd.", "x..", "u\x12", "uu"))


def make(seed: int) -> Case:
    dice = random.Random(seed)
    text = dice.choice(TEXTS)
    caret = dice.randrange(len(text) + 1)
    return Case(seed, text, caret, [PRELUDE, *(command(dice) for _ in range(dice.randint(1, 6)))])


class Headless(Editing):
    """An editor without a screen."""

    def __init__(self, desk: Desk) -> None:
        self.session = desk
        self.text_layout = TextLayout(desk.buffer, 4)
        self.view = View(self.text_layout, wraps=False)
        self.view.resize(80, 23)
        self.cursor = Cursor(self.text_layout)
        self.extras = []
        self.clipboard = Clipboard()
        self.clipboard.tool = None
        self.keymap = Keymap((), "vi")
        self.indent, self.auto_indent = "tabs", False
        self.bookmarks, self._edits = [], []
        self.unseen_changes = UnseenChanges()
        self.lands_at_start = True
        self.closing_marks = ClosingMarks(self.session.buffer)
        self.settings = Plain(auto_indent=False, pairs="never", completion="never")
        self.said: list[str] = []
        desk.listen(self._hear)
        self.vi = Vi(self, lambda name: None, lambda charset: None)

    def _hear(self, event: Any) -> None:
        patch = getattr(event, "patch", None)
        if patch is not None:
            changes = self.text_layout.follow(patch)
            self.view.follow(patch, changes, event.mine)
            self.follow_carets()

    def say(self, sentence: str, serious: bool = False) -> None:
        self.said.append(sentence)

    def update(self, now: bool = True) -> None:
        pass

    def to_clipboard(self, text: str) -> None:
        self.clipboard.put(text)

    def stop_following(self) -> bool:
        return False

    @property
    def shows_numbers(self) -> bool:
        return False

    @property
    def shows_whitespace(self) -> bool:
        return False

    def grammar_name(self) -> str:
        return ""

    def run(self, command: str) -> None:
        for module in (basic, lines):
            if (does := getattr(module, f"do_{command}", None)) is not None:
                does(self)
                return
        self.said.append(command)

    def type_keys(self, keys: str) -> None:
        """Press keys as a terminal sends them."""
        for sign in keys:
            key, character = _NAMES.get(sign) or (
                (f"ctrl+{chr(ord(sign) | 96)}", sign) if sign < " " else (sign, sign)
            )
            if not self.vi.key(key, character):
                if (command := self.keymap.command(key)) is not None:
                    self.run(command)
                elif character.isprintable():
                    self.type(character)


_NAMES: Final = {
    "\r": ("enter", "\r"),
    "\x1b": ("escape", "\x1b"),
    "\x08": ("backspace", "\x08"),
    "\t": ("tab", "\t"),
}


def open_case(case: Case, desk: Desk | None = None) -> Headless:
    editor = Headless(desk or Desk(case.text + "\n"))
    caret = editor.text_layout.lines.place(case.caret)
    text = editor.vi.text
    text.go(text.on_character(Place(*caret)))
    return editor


def ours(case: Case) -> tuple[list[str], int, int]:
    """Lines, row and column that our editor ends with."""
    editor = open_case(case)
    for keys in case.pieces:
        editor.type_keys(keys)
        editor.type_keys("\x1b")
    text = editor.vi.text
    return [text.line(row) for row in range(text.rows)], *text.caret


def vims(cases: list[Case]) -> list[tuple[list[str], int, int]]:
    """The same of Vim, for all cases in one process."""
    assert VIM is not None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        written = []
        for case in cases:
            editor = open_case(case)
            text = editor.vi.text
            row, column = text.caret
            rows = [text.line(at) for at in range(text.rows)]
            byte = len(rows[row][:column].encode())
            written.append(json.dumps({"lines": rows, "row": row, "byte": byte, "pieces": case.pieces}))
        (place / "cases").write_text("\n".join(written) + "\n")
        (place / "script.vim").write_text(SCRIPT)
        subprocess.run(
            [VIM, "-u", "NONE", "-i", "NONE", "-N", "-n", "-es", "-S", str(place / "script.vim")],
            env={
                "VIM_CASES": str(place / "cases"),
                "VIM_RESULTS": str(place / "results"),
                "HOME": folder,
                "PATH": "/usr/bin:/bin",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60 + len(cases) * 0.1,
            check=False,
        )
        results = []
        for line in (place / "results").read_text().split("\n")[:-1]:
            found = json.loads(line)
            row = found["row"]
            column = len(found["lines"][row].encode()[: found["byte"]].decode("utf-8", "ignore"))
            results.append((found["lines"], row, column))
        assert len(results) == len(cases), (len(results), len(cases))
        return results


def compare(cases: list[Case]) -> list[str]:
    """A sentence for each case in which the two differ."""
    told = []
    for case, theirs in zip(cases, vims(cases), strict=True):
        try:
            mine: object = ours(case)
        except Exception as problem:  # noqa: BLE001 (a bug of any kind is reported with the keys that show it)
            mine = repr(problem)
        if mine != theirs:
            told.append(f"{case.told()}\n  ours {mine}\n  vim  {theirs}")
    return told


def main() -> None:
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    differ = 0
    for at in range(first, first + count, 500):
        for told in compare([make(seed) for seed in range(at, min(at + 500, first + count))]):
            differ += 1
            print(told)
    print(f"{count:,} sequences, {differ:,} differ")


if __name__ == "__main__":
    main()
