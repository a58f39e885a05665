"""Detect the language of a file by its name or first line: comments, indentation, grammar."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Language(NamedTuple):
    """The conventions of a language."""

    comment: str = "#"
    comment_end: str = ""
    """The end of a comment, if that is not the end of the line."""
    indent: int | None = None
    """Blanks of one indentation step, 0 for a tab; None without a convention."""
    colon_indents: bool = False
    grammar: str = ""
    """Name of the grammar for highlighting; empty without one."""
    prose: bool = False
    """Text for people: lists and quotes are continued, not comments."""
    quotes: str = "\"'"
    """The signs that stand around a text in a program."""
    triple_quotes: bool = False
    """Whether three quotes begin a text of several lines."""


_KINDS: Final[dict[str, Language]] = {
    "py pyi pyx pyw sconstruct ipynb": Language(
        indent=4, colon_indents=True, grammar="python", triple_quotes=True
    ),
    "sh bash zsh ksh bashrc bash_profile profile zshrc pkgbuild": Language(grammar="bash", quotes="\"'`"),
    "rb rakefile gemfile": Language(grammar="ruby"),
    "toml": Language(grammar="toml", triple_quotes=True),
    "fish pl r conf cfg tcl cmake gitignore": Language(),
    "yaml yml": Language(indent=2, colon_indents=True, grammar="yaml"),
    "js jsx mjs cjs": Language("//", indent=2, grammar="javascript", quotes="\"'`"),
    "ts mts cts": Language("//", indent=2, grammar="typescript", quotes="\"'`"),
    "tsx": Language("//", indent=2, grammar="tsx", quotes="\"'`"),
    "json json5 jsonc": Language("//", indent=2, grammar="json", quotes='"'),
    "dart proto": Language("//", indent=2),
    "c h": Language("//", indent=4, grammar="c"),
    "cc cpp cxx hh hpp": Language("//", indent=4, grammar="cpp"),
    "java": Language("//", indent=4, grammar="java"),
    "rs": Language("//", indent=4, grammar="rust", quotes='"'),
    "kt kts swift scala cs php zig": Language("//", indent=4),
    "go": Language("//", indent=0, grammar="go", quotes="\"'`"),
    "css": Language("/*", "*/", indent=2, grammar="css"),
    "scss less": Language("/*", "*/", indent=2),
    "html htm vue": Language("<!--", "-->", grammar="html", quotes='"'),
    "xml svg xsd xsl": Language("<!--", "-->", grammar="xml", quotes='"'),
    "md markdown": Language("<!--", "-->", grammar="markdown", prose=True, quotes=""),
    "txt text rst adoc org eml readme todo notes changelog": Language(prose=True, quotes=""),
    "commit_editmsg merge_msg tag_editmsg squash_msg": Language(grammar="gitcommit", prose=True, quotes=""),
    "git-rebase-todo": Language(grammar="gitrebase"),
    "sql": Language("--", grammar="sql"),
    "lua": Language("--"),
    "hs elm adb ads": Language("--", quotes='"'),
    "tex sty bib erl m": Language("%", quotes=""),
    "lisp el clj scm rkt": Language(";;", quotes='"'),
    "ini asm s": Language(";"),
    "vim": Language('"', quotes="'"),
    "makefile mk": Language(indent=0),
}
UNKNOWN: Final = Language(quotes='"')
"""The language of a file whose name and first line tell nothing."""
_BY_NAME: Final = {name: language for names, language in _KINDS.items() for name in names.split()}

_PROGRAMS: Final = {
    "python": "py",
    "node": "js",
    "deno": "ts",
    "ruby": "rb",
    "sh": "sh",
    "bash": "sh",
    "dash": "sh",
    "zsh": "sh",
}
"""Interpreters of scripts, without version numbers."""
_SHEBANG: Final = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:\S*/)?([a-z]+)[\d.]*\b")


def language_of(title: str, first_line: str = "") -> Language:
    """Detect by the file extension or the whole name; else by the interpreter in the first line."""
    name = title.rpartition("/")[2].casefold()
    known = _BY_NAME.get(name.rpartition(".")[2])
    if name.endswith(".ipynb") and first_line.startswith("{"):
        return _BY_NAME["json"]  # it is not edited by cell
    if (known is None or (known.prose and not known.grammar)) and (found := _SHEBANG.match(first_line[:200])):
        known = _BY_NAME.get(_PROGRAMS.get(found[1], ""), known)
    return known or UNKNOWN


def grammars() -> tuple[str, ...]:
    """List the names of all grammars, sorted."""
    return tuple(sorted({language.grammar for language in _KINDS.values()} - {""}))
